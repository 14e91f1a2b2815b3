# The headers that plugins are written against, in every language and standard they are written for.
if(NOT HANDRAIL_SANITIZE) # which changes nothing about a header
  add_test(NAME unit/headers
    COMMAND ${Python3_EXECUTABLE} -B ${CMAKE_CURRENT_SOURCE_DIR}/unit/test_headers.py)
  set_tests_properties(unit/headers PROPERTIES TIMEOUT 120 LABELS unit)
endif()

hr_unit_test(wrapper SOURCES unit/fake_host.c DEPS hr_plugin_api PkgConfig::JANSSON Threads::Threads)
target_compile_definitions(unit-wrapper PRIVATE
  WRAPPER_PLUGIN="${CMAKE_BINARY_DIR}/tests/plugins/wrapper.so")
add_dependencies(unit-wrapper test-plugin-wrapper)
