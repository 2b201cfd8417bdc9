# Proves that tests/layering.cmake fails where it should: writes small trees below BINARY_DIR, each wrong in one way, and
# looks for the complaint. Run as: cmake -D BINARY_DIR=... -P layering_test.cmake
cmake_minimum_required(VERSION 3.25)

# Runs the check on a tree with one more file; an empty `complaint` means that it must pass.
function(check_tree name path content complaint)
  set(tree ${BINARY_DIR}/layering/${name})
  file(REMOVE_RECURSE ${tree})
  file(WRITE ${tree}/traces/layer.h "#include <string>\n")
  file(WRITE ${tree}/sim/machine.h "#include \"traces/layer.h\"\n")
  file(WRITE ${tree}/sim/isa/instruction.h "#include \"sim/machine.h\"\n")
  file(WRITE ${tree}/kernels/device/layer.h "#include <stdint.h>\n")
  file(WRITE ${tree}/${path} "${content}\n")
  execute_process(COMMAND ${CMAKE_COMMAND} -D SOURCE_DIR=${tree} -P ${CMAKE_CURRENT_LIST_DIR}/layering.cmake
                  RESULT_VARIABLE result OUTPUT_VARIABLE text ERROR_VARIABLE text)
  string(REGEX REPLACE "[ \n]+" " " text "${text}")  # CMake wraps messages
  if(complaint STREQUAL "" AND NOT result EQUAL 0)
    message(FATAL_ERROR "${name}: must pass, but: ${text}")
  elseif(NOT complaint STREQUAL "" AND result EQUAL 0)
    message(FATAL_ERROR "${name}: passes, but must complain: ${complaint}")
  elseif(NOT complaint STREQUAL "" AND NOT text MATCHES "${complaint}")
    message(FATAL_ERROR "${name}: must complain '${complaint}', but says: ${text}")
  endif()
endfunction()

check_tree(with_the_flow kernels/kernel.h "#include \"sim/isa/instruction.h\"" "")
check_tree(device_source kernels/slbc/slbc.c "#include \"device/layer.h\"" "")
check_tree(against_the_flow traces/bad.h "#include \"sim/machine.h\"" "traces/bad.h: includes \"sim/machine.h\"")
check_tree(half_a_module kernels/bad.cpp "#include \"sim/machine.h\"" "kernels/bad.cpp: includes \"sim/machine.h\"")
check_tree(not_from_the_root sim/bad.cpp "#include \"machine.h\"" "no \"machine.h\" below the root")
check_tree(ours_in_angles sim/bad.cpp "#include <traces/layer.h>" "<traces/layer.h> is ours")
check_tree(capstone_outside_isa sim/bad.cpp "# include <capstone/capstone.h>" "which only sim/isa/")
check_tree(unicorn_outside_machine sim/isa/bad.cpp "#include <unicorn/unicorn.h>" "which only sim/machine")
check_tree(eigen_in_nas nas/bad.cpp "#include <Eigen/QR>" "which only costmodel/")
check_tree(torch_in_tools tools/bad.cpp "#include <torch/torch.h>" "which only nas/")
check_tree(json_in_a_library costmodel/bad.cpp "#include <nlohmann/json.hpp>" "which only tools/")
check_tree(folder_of_leftovers sim/utils/strings.h "" "sim/utils: a folder is named for its subject")
check_tree(generated_file kernels/kernel.elf "" "generated files stay in the build directory")
execute_process(COMMAND ${CMAKE_COMMAND} -D SOURCE_DIR=${BINARY_DIR}/layering/nowhere
                        -P ${CMAKE_CURRENT_LIST_DIR}/layering.cmake
                RESULT_VARIABLE result OUTPUT_QUIET ERROR_QUIET)
if(result EQUAL 0)
  message(FATAL_ERROR "a root without sources passes")
endif()
