# SPDX-License-Identifier: MIT
# Flags, and the two functions every folder uses.
#
# A folder is one library, and an include names the folder from the top of the tree
# ("common/buf.h").  Each library publishes an include root that holds nothing but itself, so an
# include of a folder that is not among its declared DEPS does not compile.

add_library(hr_flags INTERFACE)
target_compile_definitions(hr_flags INTERFACE _GNU_SOURCE HR_VERSION="${PROJECT_VERSION}")
target_compile_options(hr_flags INTERFACE
  -Wall -Wextra -Wshadow -Wconversion -Wvla -Wpointer-arith -Wformat=2 -Wundef
  $<$<COMPILE_LANGUAGE:C>:-Wstrict-prototypes -Wmissing-prototypes>
  -fstack-protector-strong -fno-common
  $<$<BOOL:${HANDRAIL_WERROR}>:-Werror>
  $<$<CONFIG:Release,RelWithDebInfo>:-U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2>)
target_link_options(hr_flags INTERFACE -Wl,-z,relro,-z,now,-z,noexecstack)

if(HANDRAIL_SANITIZE)
  add_compile_options(-fsanitize=${HANDRAIL_SANITIZE} -fno-omit-frame-pointer
                      -fno-sanitize-recover=all)
  add_link_options(-fsanitize=${HANDRAIL_SANITIZE})
endif()
if(HANDRAIL_FUZZ)
  add_compile_options(-fsanitize=fuzzer-no-link) # coverage, which is what guides libFuzzer
endif()

find_package(PkgConfig REQUIRED)
find_package(Threads REQUIRED)
pkg_check_modules(JANSSON REQUIRED IMPORTED_TARGET jansson>=2.13)

# libev ships neither a .pc file nor a CMake package.
function(hr_find_libev)
  find_path(EV_INCLUDE_DIR ev.h REQUIRED)
  find_library(EV_LIBRARY ev REQUIRED)
  add_library(hr_libev INTERFACE)
  target_include_directories(hr_libev SYSTEM INTERFACE ${EV_INCLUDE_DIR})
  target_link_libraries(hr_libev INTERFACE ${EV_LIBRARY})
endfunction()
hr_find_libev()

# hr_include_root(<target> <scope>): publish the current folder as "<path from the top>/...".
function(hr_include_root target scope)
  file(RELATIVE_PATH rel "${PROJECT_SOURCE_DIR}" "${CMAKE_CURRENT_SOURCE_DIR}")
  set(root "${PROJECT_BINARY_DIR}/include-roots/${target}")
  get_filename_component(parent "${root}/${rel}" DIRECTORY)
  file(MAKE_DIRECTORY "${parent}")
  file(CREATE_LINK "${CMAKE_CURRENT_SOURCE_DIR}" "${root}/${rel}" SYMBOLIC)
  target_include_directories(${target} ${scope} "${root}")
endfunction()

# hr_library(<name> SOURCES ... [DEPS ...]): this folder's library.
function(hr_library name)
  cmake_parse_arguments(ARG "" "" "SOURCES;DEPS" ${ARGN})
  add_library(${name} STATIC ${ARG_SOURCES})
  hr_include_root(${name} PUBLIC)
  target_link_libraries(${name} PUBLIC ${ARG_DEPS} PRIVATE hr_flags)
endfunction()

# hr_program(<name> SOURCES ... [DEPS ...]): one of the programs in bin/.
function(hr_program name)
  cmake_parse_arguments(ARG "" "" "SOURCES;DEPS" ${ARGN})
  add_executable(${name} ${ARG_SOURCES})
  target_link_libraries(${name} PRIVATE ${ARG_DEPS} hr_flags)
  target_link_options(${name} PRIVATE -pie)
  set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY "${HANDRAIL_TREE}/bin")
  install(TARGETS ${name} DESTINATION bin)
endfunction()
