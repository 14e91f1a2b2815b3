# The plugins are given by path: they are loaded, not linked.
hr_unit_test(samples
  SOURCES unit/fake_host.c unit/search_tree.c unit/samples_echo.c unit/samples_effort.c
          unit/samples_search_limits.c unit/samples_search_refusals.c
          unit/samples_search_results.c ../sample-plugins/workspace-search/effort.c
  DEPS hr_plugin_api PkgConfig::JANSSON Threads::Threads)
target_include_directories(unit-samples PRIVATE
  "${CMAKE_CURRENT_SOURCE_DIR}/../sample-plugins/workspace-search")
target_compile_definitions(unit-samples PRIVATE
  ECHO_PLUGIN="$<TARGET_FILE:plugin-echo>"
  SEARCH_PLUGIN="$<TARGET_FILE:plugin-workspace-search>")
add_dependencies(unit-samples plugin-echo plugin-workspace-search)
