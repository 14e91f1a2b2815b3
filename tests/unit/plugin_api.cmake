# The headers that plugins are written against, in every language and standard they are written for,
# and the ways in which a project outside finds them.
if(NOT HANDRAIL_SANITIZE) # which changes nothing about them
  add_test(NAME unit/headers
    COMMAND ${Python3_EXECUTABLE} -B ${CMAKE_CURRENT_SOURCE_DIR}/unit/test_headers.py)
  add_test(NAME unit/plugin_packages
    COMMAND ${Python3_EXECUTABLE} -B ${CMAKE_CURRENT_SOURCE_DIR}/unit/test_plugin_packages.py
            ${HANDRAIL_TREE})
  set_tests_properties(unit/headers unit/plugin_packages PROPERTIES TIMEOUT 120 LABELS unit)
endif()

hr_unit_test(wrapper SOURCES unit/fake_host.c DEPS hr_plugin_api PkgConfig::JANSSON Threads::Threads)
target_compile_definitions(unit-wrapper PRIVATE
  WRAPPER_PLUGIN="${CMAKE_BINARY_DIR}/tests/plugins/wrapper.so")
add_dependencies(unit-wrapper test-plugin-wrapper)
