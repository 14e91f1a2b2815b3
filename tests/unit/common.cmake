foreach(name buf utf8 frame board expo fd handoff log packet json_escape json_out)
  hr_unit_test(${name} DEPS hr_common)
endforeach()
