foreach(name schema schema_refusals schema_limits)
  hr_unit_test(${name} DEPS hr_schema SOURCES unit/schema_help.c)
endforeach()
hr_memory_test(schema_memory DEPS hr_schema SOURCES unit/schema_help.c)

# The official test suite, downloaded once into the user's cache; skipped where that is impossible.
add_executable(schema-runner unit/schema_runner.c)
target_link_libraries(schema-runner PRIVATE hr_schema hr_flags)
add_test(NAME unit/schema_suite
  COMMAND ${Python3_EXECUTABLE} ${CMAKE_CURRENT_SOURCE_DIR}/unit/schema_suite.py
          $<TARGET_FILE:schema-runner>)
set_tests_properties(unit/schema_suite PROPERTIES
  TIMEOUT 600 LABELS unit SKIP_RETURN_CODE 77)
