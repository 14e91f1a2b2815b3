hr_unit_test(toolhost_confine DEPS hr_toolhost)
hr_unit_test(toolhost_load DEPS hr_toolhost)
target_compile_definitions(unit-toolhost_load PRIVATE
  TEST_PLUGINS="${CMAKE_BINARY_DIR}/tests/plugins")
hr_unit_test(toolhost_call DEPS hr_toolhost)
hr_unit_test(toolhost_dispatch DEPS hr_toolhost)

# The whole program, over its socket.  Much of this is waiting for grace times, so it is run in parts.
foreach(part Loading Greeting Calls Minors News Ends Health Phases)
  add_test(NAME unit/toolhost_${part}
    COMMAND ${Python3_EXECUTABLE} ${CMAKE_CURRENT_SOURCE_DIR}/unit/test_toolhost.py
            $<TARGET_FILE:handrail-toolhost> ${CMAKE_BINARY_DIR}/tests/plugins ${part})
  set_tests_properties(unit/toolhost_${part} PROPERTIES TIMEOUT 120 LABELS unit)
endforeach()
hr_unit_test(plugin_file DEPS hr_plugin_file)
hr_unit_test(elf_file DEPS hr_plugin_file)
target_compile_definitions(unit-elf_file PRIVATE TEST_PLUGINS="${CMAKE_BINARY_DIR}/tests/plugins")

add_test(NAME unit/abi COMMAND ${Python3_EXECUTABLE} -B
  ${CMAKE_CURRENT_SOURCE_DIR}/unit/test_abi.py ${PROJECT_SOURCE_DIR}/plugin-api)
set_tests_properties(unit/abi PROPERTIES TIMEOUT 120 LABELS unit SKIP_RETURN_CODE 77)
