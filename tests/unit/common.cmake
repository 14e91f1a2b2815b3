foreach(name buf utf8 frame board expo fd log)
  hr_unit_test(${name} DEPS hr_common)
endforeach()
