foreach(name address options registry server_command)
  hr_unit_test(${name} DEPS hr_config hr_common)
endforeach()
foreach(name service output ambient notify watchdog init_record tail sink logline proc cgroup sockets)
  hr_unit_test(${name} DEPS hr_supervisor hr_config hr_common)
endforeach()
target_compile_definitions(unit-service PRIVATE
  HR_STATES_MD="${PROJECT_SOURCE_DIR}/loader/supervisor/states.md")
