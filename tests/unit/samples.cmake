# The plugins are given by path: they are loaded, not linked.
hr_unit_test(samples
  SOURCES unit/fake_host.c unit/sample_tree.c unit/search_tree.c unit/samples_echo.c unit/samples_effort.c
          unit/samples_search_limits.c unit/samples_search_refusals.c
          unit/samples_search_results.c ../sample-plugins/workspace-search/effort.c
  DEPS hr_plugin_api hr_schema PkgConfig::JANSSON Threads::Threads)
target_include_directories(unit-samples PRIVATE
  "${CMAKE_CURRENT_SOURCE_DIR}/../sample-plugins/workspace-search")
target_compile_definitions(unit-samples PRIVATE
  ECHO_PLUGIN="$<TARGET_FILE:plugin-echo>"
  SEARCH_PLUGIN="$<TARGET_FILE:plugin-workspace-search>"
  WORDS_PLUGIN="$<TARGET_FILE:plugin-word-count>"
  TREE_PLUGIN="$<TARGET_FILE:plugin-workspace-search>" TREE_TOOL="workspace_search"
  SQLITE_PLUGIN="$<TARGET_FILE:plugin-sqlite-query>"
  DATASET_PLUGIN="$<TARGET_FILE:plugin-dataset-analysis>")
add_dependencies(unit-samples plugin-dataset-analysis plugin-echo plugin-sqlite-query plugin-word-count
  plugin-workspace-search)

# hr_sample_test(<name> <target> <file> <tool>): the test of one more sample, which reads a folder.
function(hr_sample_test name target file tool)
  hr_unit_test(${name} SOURCES unit/fake_host.c unit/sample_tree.c unit/search_tree.c
    DEPS hr_plugin_api PkgConfig::JANSSON Threads::Threads)
  target_compile_definitions(unit-${name} PRIVATE TREE_PLUGIN="${file}" TREE_TOOL="${tool}")
  add_dependencies(unit-${name} ${target})
endfunction()
hr_sample_test(word_count plugin-word-count $<TARGET_FILE:plugin-word-count> text_statistics)

if(TARGET plugin-hash-tree) # there is a rustc
  set(hash_tree "${HANDRAIL_TREE}/share/plugins/hash-tree.so")
  hr_sample_test(hash_tree plugin-hash-tree "${hash_tree}" hash_tree)
  target_compile_definitions(unit-samples PRIVATE HASH_PLUGIN="${hash_tree}")
  add_dependencies(unit-samples plugin-hash-tree)
  get_target_property(hash_tree_build plugin-hash-tree BINARY_DIR)
  add_test(NAME unit/hash_tree_rust COMMAND "${hash_tree_build}/run-hash-tree-tests")
  set_tests_properties(unit/hash_tree_rust PROPERTIES TIMEOUT 60 LABELS unit)
endif()

pkg_check_modules(SQLITE3 REQUIRED IMPORTED_TARGET sqlite3)
hr_unit_test(sample_sqlite
  SOURCES unit/fake_host.c unit/sample_tree.c unit/sample_sqlite_files.c
          unit/sample_sqlite_guard.c unit/sample_sqlite_limits.c unit/sqlite_tree.c
  DEPS hr_plugin_api PkgConfig::JANSSON PkgConfig::SQLITE3 Threads::Threads)
target_compile_definitions(unit-sample_sqlite PRIVATE
  SQLITE_PLUGIN="$<TARGET_FILE:plugin-sqlite-query>")
add_dependencies(unit-sample_sqlite plugin-sqlite-query)

hr_unit_test(sample_dataset
  SOURCES unit/dataset_tree.c unit/fake_host.c unit/sample_dataset_files.c
          unit/sample_dataset_limits.c unit/sample_tree.c
  DEPS hr_plugin_api PkgConfig::JANSSON Threads::Threads ${LIBLINEAR_LIBRARY})
target_compile_definitions(unit-sample_dataset PRIVATE
  DATASET_PLUGIN="$<TARGET_FILE:plugin-dataset-analysis>")
add_dependencies(unit-sample_dataset plugin-dataset-analysis)
