hr_unit_test(mcp_parts DEPS hr_sidecar_mcp hr_common)
hr_memory_test(mcp_json_memory DEPS hr_sidecar_mcp hr_common)
hr_unit_test(mcp_lines DEPS hr_sidecar_mcp)
hr_unit_test(mcp_confinement DEPS hr_sidecar_mcp hr_common)
foreach(name mcp_session mcp_streams mcp_modern mcp_http mcp_calls mcp_faults mcp_phase mcp_report mcp_retry
    mcp_stdio)
  hr_unit_test(${name} SOURCES unit/mcp_fixture.c DEPS hr_sidecar_mcp hr_common hr_libev)
endforeach()
hr_unit_test(mcp_series DEPS hr_sidecar_mcp hr_sidecar_metrics hr_common)
# Against a real toolhost.
hr_unit_test(mcp_line SOURCES unit/mcp_fixture.c unit/mcp_relay.c
  DEPS hr_sidecar_mcp hr_common hr_libev)
target_compile_definitions(unit-mcp_line PRIVATE
  TEST_PLUGINS="${CMAKE_BINARY_DIR}/tests/plugins"
  TOOLHOST_PROGRAM="$<TARGET_FILE:handrail-toolhost>")
add_dependencies(unit-mcp_line handrail-toolhost test-plugin-talker)
set_tests_properties(unit/mcp_line PROPERTIES TIMEOUT 300)
