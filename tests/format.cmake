# Fails on a source that clang-format (the version of Debian 12) would write differently. Run as:
# cmake -D SOURCE_DIR=... -P format.cmake
cmake_minimum_required(VERSION 3.25)

find_program(CLANG_FORMAT NAMES clang-format-14 clang-format)
if(NOT CLANG_FORMAT)
  message("skipped: clang-format is not installed (apt-get install clang-format)")
  return()
endif()

set(files "")
foreach(module IN ITEMS traces sim kernels costmodel nas tools tests)
  foreach(kind IN ITEMS h c cpp)
    file(GLOB_RECURSE found ${SOURCE_DIR}/${module}/*.${kind})
    list(APPEND files ${found})
  endforeach()
endforeach()
execute_process(COMMAND ${CLANG_FORMAT} --dry-run -Werror --ferror-limit=1 ${files}
                WORKING_DIRECTORY ${SOURCE_DIR} RESULT_VARIABLE result ERROR_VARIABLE complaints)
if(NOT result EQUAL 0)
  string(REGEX MATCHALL "[^\n]+: error: [^\n]+" lines "${complaints}")
  list(JOIN lines "\n" text)
  message("${text}")
  message(FATAL_ERROR "not formatted; run clang-format -i on these files")
endif()
list(LENGTH files count)
message(STATUS "${count} files are formatted")
