hr_unit_test(sidecar_http SOURCES unit/http_fixture.c DEPS hr_sidecar_http hr_common hr_libev)
hr_unit_test(sidecar_client SOURCES unit/http_fixture.c DEPS hr_sidecar_http hr_common hr_libev)
hr_unit_test(sidecar_post SOURCES unit/http_fixture.c DEPS hr_sidecar_http hr_common hr_libev)
hr_unit_test(sidecar_checks SOURCES unit/http_fixture.c
  DEPS hr_sidecar_checks hr_sidecar_http hr_common hr_libev)
hr_unit_test(sidecar_port DEPS hr_sidecar_checks hr_common)
hr_unit_test(sidecar_metrics DEPS hr_sidecar_metrics hr_common)
