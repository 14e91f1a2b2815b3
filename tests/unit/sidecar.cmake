hr_unit_test(sidecar_framing DEPS hr_sidecar_http)
hr_unit_test(sidecar_http SOURCES unit/http_fixture.c DEPS hr_sidecar_http hr_common hr_libev)
hr_unit_test(sidecar_stream SOURCES unit/http_fixture.c DEPS hr_sidecar_http hr_common hr_libev)
hr_unit_test(sidecar_client SOURCES unit/http_fixture.c DEPS hr_sidecar_http hr_common hr_libev)
hr_unit_test(sidecar_post SOURCES unit/http_fixture.c DEPS hr_sidecar_http hr_common hr_libev)
hr_unit_test(sidecar_checks SOURCES unit/http_fixture.c
  DEPS hr_sidecar_checks hr_sidecar_aside hr_sidecar_http hr_common hr_libev)
hr_unit_test(sidecar_measured SOURCES unit/http_fixture.c
  DEPS hr_sidecar_checks hr_sidecar_aside hr_sidecar_http hr_common hr_libev)
hr_unit_test(sidecar_port DEPS hr_sidecar_checks hr_common)
hr_unit_test(sidecar_accept DEPS hr_sidecar_metrics)
hr_unit_test(sidecar_metrics DEPS hr_sidecar_metrics hr_common)
foreach(name sidecar_processes sidecar_resources)
  hr_unit_test(${name} SOURCES unit/tree.c DEPS hr_sidecar_metrics hr_common hr_libev)
endforeach()
hr_unit_test(sidecar_page DEPS hr_sidecar_metrics hr_common)
foreach(part sidecar_orders sidecar_orders_odd)
  hr_unit_test(${part} SOURCES unit/http_fixture.c unit/fake_server.c unit/orders_fixture.c
    DEPS hr_sidecar_orders hr_sidecar_http hr_common hr_libev)
endforeach()
hr_unit_test(sidecar_orders_parse DEPS hr_sidecar_orders)
hr_unit_test(sidecar_program SOURCES unit/http_fixture.c unit/fake_server.c
  DEPS hr_sidecar_http hr_common hr_libev)
target_compile_definitions(unit-sidecar_program PRIVATE
  SIDECAR="$<TARGET_FILE:handrail-sidecar>")
add_dependencies(unit-sidecar_program handrail-sidecar)
hr_unit_test(plugin_files DEPS hr_sidecar_preflight hr_common)
hr_unit_test(foreign SOURCES unit/http_fixture.c
  DEPS hr_sidecar_preflight hr_sidecar_http hr_common hr_libev)
hr_unit_test(aside DEPS hr_sidecar_aside hr_common hr_libev)

# What the program handrail-sidecar is made of, but for its main(): for tests of its own files.
get_target_property(sources handrail-sidecar SOURCES)
get_target_property(parts handrail-sidecar LINK_LIBRARIES)
list(REMOVE_ITEM sources main.c)
list(TRANSFORM sources PREPEND "${PROJECT_SOURCE_DIR}/sidecar/")
add_library(sidecar_program STATIC ${sources})
target_include_directories(sidecar_program PUBLIC "${PROJECT_SOURCE_DIR}/sidecar")
target_link_libraries(sidecar_program PUBLIC ${parts})
hr_unit_test(phase_event DEPS sidecar_program)
hr_unit_test(sidecar_health SOURCES unit/health_fixture.c DEPS sidecar_program)
hr_unit_test(status_page DEPS hr_sidecar_page hr_common)
foreach(part webhook webhook_queue webhook_watch)
  hr_unit_test(${part} DEPS hr_sidecar_webhook hr_sidecar_aside hr_common hr_libev)
endforeach()
hr_unit_test(pool_phases DEPS hr_sidecar_pool hr_common)
target_compile_definitions(unit-pool_phases PRIVATE
  HR_PHASES_MD="${PROJECT_SOURCE_DIR}/sidecar/pool/phases.md")
hr_unit_test(pool_podinfo DEPS hr_sidecar_pool hr_common)
hr_unit_test(pool SOURCES unit/http_fixture.c unit/fake_server.c
  DEPS hr_sidecar_pool hr_sidecar_http hr_common hr_libev)
hr_unit_test(pool_podwatch SOURCES unit/http_fixture.c DEPS hr_sidecar_pool)
