foreach(name board buf confinement expo fd frame handoff json_escape json_out log log_terminal packet utf8)
  hr_unit_test(${name} DEPS hr_common)
endforeach()
