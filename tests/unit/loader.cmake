foreach(name address web_url agent_command agent_config check_setting config config_file one_string options program registry rewrite
    server_command server_version setting_value settings settings_schema variables)
  hr_unit_test(${name} DEPS hr_config hr_common)
endforeach()
hr_memory_test(agent_config_memory DEPS hr_config hr_common)
target_compile_definitions(unit-settings_schema PRIVATE
  HR_SCHEMA="${PROJECT_SOURCE_DIR}/plugin-api/schema/agent_config.schema.json"
  HR_README="${PROJECT_SOURCE_DIR}/loader/config/README.md")

# The schemas of the two files, and the loader.
add_executable(config-judge unit/config_judge.c)
target_link_libraries(config-judge PRIVATE hr_config hr_schema hr_flags)
add_test(NAME unit/config_schema
  COMMAND ${Python3_EXECUTABLE} -B ${CMAKE_CURRENT_SOURCE_DIR}/unit/test_config_schema.py
          $<TARGET_FILE:config-judge>)
set_tests_properties(unit/config_schema PROPERTIES TIMEOUT 120 LABELS unit)

foreach(name ambient control_listen control_parse control_status crash crash_file foreign_fd
        helper init_record logline notify pod proc secrets service signals sink tail
        watchdog)
  hr_unit_test(${name} DEPS hr_supervisor hr_config hr_common)
endforeach()
foreach(name output output_flow)
  hr_unit_test(${name} SOURCES unit/output_fixture.c DEPS hr_supervisor hr_config hr_common)
endforeach()
hr_unit_test(relay DEPS hr_supervisor hr_config hr_common hr_libev)
foreach(name control control_abuse)
  hr_unit_test(${name} SOURCES unit/control_fixture.c DEPS hr_supervisor hr_common hr_libev)
endforeach()
target_link_options(unit-crash_file PRIVATE -Wl,--wrap=fsync,--wrap=hr_wall_ms)
target_compile_definitions(unit-service PRIVATE
  HR_STATES_MD="${PROJECT_SOURCE_DIR}/loader/supervisor/states.md")
hr_unit_test(python_number DEPS hr_supervisor)
foreach(name preflight preflight_env preflight_host preflight_keys)
  hr_unit_test(${name} SOURCES unit/preflight_fixture.c DEPS hr_supervisor hr_config hr_common)
endforeach()
hr_unit_test(plugin_sample DEPS hr_plugin_tool)
foreach(name cli_claim_env cli_text probe_answer)
  hr_unit_test(${name} DEPS hr_cli hr_common)
endforeach()
hr_unit_test(image_report DEPS hr_image_report hr_common)
foreach(name spec_hold spec_yaml spec_rules)
  hr_unit_test(${name} SOURCES unit/spec_help.c DEPS hr_image_spec hr_common)
endforeach()
hr_memory_test(spec_memory SOURCES unit/spec_help.c DEPS hr_image_spec hr_common)
target_compile_definitions(unit-spec_hold PRIVATE HR_PLUGINS="${HANDRAIL_TREE}/share/plugins")
target_compile_definitions(unit-spec_rules PRIVATE
  HR_SPEC_README="${PROJECT_SOURCE_DIR}/loader/image/spec/README.md")

# Against readers of YAML, of Kubernetes' quantities and of JSON Schema that are not ours.
add_executable(spec-runner unit/spec_runner.c)
target_link_libraries(spec-runner PRIVATE hr_image_spec hr_common hr_flags)
add_test(NAME unit/spec
  COMMAND ${Python3_EXECUTABLE} -B ${CMAKE_CURRENT_SOURCE_DIR}/unit/test_spec.py
          $<TARGET_FILE:spec-runner> $<TARGET_FILE:schema-runner>)
set_tests_properties(unit/spec PROPERTIES TIMEOUT 120 LABELS unit)
foreach(name lint_dockerfile lint_ignore lint_lex lint_rules lint_script lint_stages)
  hr_unit_test(${name} DEPS hr_image_lint hr_common)
endforeach()
hr_memory_test(lint_memory DEPS hr_image_lint hr_common)
target_compile_definitions(unit-lint_rules PRIVATE
  HR_LINT_README="${PROJECT_SOURCE_DIR}/loader/image/lint/README.md")
hr_unit_test(image_limited DEPS hr_image hr_common)
foreach(name cli_control cli_find cli_probe)
  hr_unit_test(${name} SOURCES unit/cli_fixture.c unit/control_fixture.c
    DEPS hr_cli hr_supervisor hr_common hr_libev)
endforeach()

# A sanitizer changes nothing about these.
if(NOT HANDRAIL_SANITIZE)
  add_test(NAME unit/manuals COMMAND ${Python3_EXECUTABLE} -B
    ${CMAKE_CURRENT_SOURCE_DIR}/unit/test_manuals.py ${HANDRAIL_TREE})
  add_test(NAME unit/troubleshooting
    COMMAND ${Python3_EXECUTABLE} -B ${CMAKE_CURRENT_SOURCE_DIR}/unit/test_troubleshooting.py)
  set_tests_properties(unit/manuals unit/troubleshooting PROPERTIES TIMEOUT 120 LABELS unit)
endif()

# The Python helper, against fakes of uvicorn and of the SDK.
foreach(name agent_helper agent_helper_class agent_helper_disk agent_helper_phase)
  add_test(NAME unit/${name}
    COMMAND ${Python3_EXECUTABLE} -B ${CMAKE_CURRENT_SOURCE_DIR}/unit/test_${name}.py)
  set_tests_properties(unit/${name} PROPERTIES TIMEOUT 60 LABELS unit)
endforeach()
