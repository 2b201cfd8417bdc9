# mixq_module(NAME SOURCES files... [PUBLIC libraries...] [PRIVATE libraries...])
#
# The one rule for a library of ours: folder NAME, target mixq_NAME, alias mixq::NAME. Includes are written
# from the repository root ("sim/machine.h"), so the root is the only include directory.
function(mixq_module name)
  cmake_parse_arguments(ARG "" "" "SOURCES;PUBLIC;PRIVATE" ${ARGN})
  add_library(mixq_${name} STATIC ${ARG_SOURCES})
  add_library(mixq::${name} ALIAS mixq_${name})
  target_include_directories(mixq_${name} PUBLIC ${PROJECT_SOURCE_DIR})
  target_link_libraries(mixq_${name} PUBLIC ${ARG_PUBLIC} PRIVATE ${ARG_PRIVATE})
  mixq_compile_options(mixq_${name})
  if(MIXQ_SANITIZE)
    target_compile_options(mixq_${name} PRIVATE -O1) # the tests spend their time here
  endif()
endfunction()

# Warnings and sanitizers, for every target of ours.
function(mixq_compile_options target)
  target_compile_options(${target} PRIVATE -Wall -Wextra -Wshadow -Wnon-virtual-dtor)
  if(MIXQ_WERROR)
    target_compile_options(${target} PRIVATE -Werror)
  endif()
  if(MIXQ_SANITIZE)
    # Instrumentation hides initialisations from this one warning (GCC's manual says so); the release build has it.
    target_compile_options(${target} PRIVATE -fsanitize=address,undefined -fno-sanitize-recover=all
                                             -fno-omit-frame-pointer -Wno-maybe-uninitialized)
    target_link_options(${target} PRIVATE -fsanitize=address,undefined)
  endif()
endfunction()

# mixq_test(NAME SOURCES files... LINK libraries... [LABELS labels...] [TIMEOUT seconds] [AS_ONE])
#
# A GoogleTest program tests_NAME whose cases ctest lists one by one, each in a process of its own; with AS_ONE it is a
# single entry, for cases that share an expensive beginning. Label `slow` marks cases that simulate whole
# networks or train; everything else runs on every build.
function(mixq_test name)
  cmake_parse_arguments(ARG "AS_ONE" "TIMEOUT" "SOURCES;LINK;LABELS" ${ARGN})
  if(NOT ARG_TIMEOUT)
    set(ARG_TIMEOUT 120)
  endif()
  if(MIXQ_SANITIZE)
    math(EXPR ARG_TIMEOUT "8 * ${ARG_TIMEOUT}") # unoptimised and instrumented: about that much slower
    set(environment ENVIRONMENT "LSAN_OPTIONS=suppressions=${PROJECT_SOURCE_DIR}/tests/leaks.supp")
  endif()
  add_executable(tests_${name} ${ARG_SOURCES})
  target_include_directories(tests_${name} PRIVATE ${PROJECT_SOURCE_DIR})
  target_link_libraries(tests_${name} PRIVATE ${ARG_LINK} GTest::gtest_main)
  mixq_compile_options(tests_${name})
  target_link_options(tests_${name} PRIVATE -fno-lto) # see sim/CMakeLists.txt
  # Minutes each under the sanitizers: built there by name only, and run by hand.
  if(MIXQ_SANITIZE AND ARG_LABELS MATCHES "slow|schedules|qemu")
    set_target_properties(tests_${name} PROPERTIES EXCLUDE_FROM_ALL ON)
    return()
  endif()
  if(ARG_AS_ONE)
    add_test(NAME tests_${name} COMMAND tests_${name})
    set_tests_properties(tests_${name} PROPERTIES TIMEOUT ${ARG_TIMEOUT} LABELS "${ARG_LABELS}"
                                                  ${environment})
    return()
  endif()
  gtest_discover_tests(tests_${name} DISCOVERY_TIMEOUT 60
                       PROPERTIES TIMEOUT ${ARG_TIMEOUT} ${environment} LABELS "${ARG_LABELS}") # empty lists vanish: last
endfunction()
