# SPDX-License-Identifier: MIT
# For projects that build plugins:
#
#   find_package(HandrailPlugin REQUIRED)      with -DCMAKE_PREFIX_PATH=/opt/handrail
#   handrail_add_plugin(grep grep.c)           makes grep.so
#
#   Handrail::plugin                  the headers, for a target that is made in another way
#   handrail_add_plugin(NAME SOURCE...)  a module NAME.so that the host accepts: it exports its entry
#                                     and nothing else, misses no symbol, has no executable stack, and
#                                     is written by its owner only.  In C++ it brings its libstdc++.
#                                     NAME is a target like any other.

if(CMAKE_VERSION VERSION_LESS 3.18)
  set(HandrailPlugin_FOUND FALSE)
  set(HandrailPlugin_NOT_FOUND_MESSAGE "CMake 3.18 or newer is needed")
  return()
endif()

get_filename_component(_handrail_prefix "${CMAKE_CURRENT_LIST_DIR}/../../.." ABSOLUTE)
if(NOT TARGET Handrail::plugin)
  add_library(Handrail::plugin INTERFACE IMPORTED)
  set_target_properties(Handrail::plugin PROPERTIES
    INTERFACE_INCLUDE_DIRECTORIES "${_handrail_prefix}/include")
endif()
unset(_handrail_prefix)

set(HANDRAIL_PLUGIN_EXPORTS "${CMAKE_CURRENT_LIST_DIR}/exports.map")

function(handrail_add_plugin name)
  add_library(${name} MODULE ${ARGN})
  set_target_properties(${name} PROPERTIES
    PREFIX "" SUFFIX ".so" C_VISIBILITY_PRESET hidden CXX_VISIBILITY_PRESET hidden
    VISIBILITY_INLINES_HIDDEN ON LINK_DEPENDS "${HANDRAIL_PLUGIN_EXPORTS}")
  target_link_libraries(${name} PRIVATE Handrail::plugin)
  # The version script also hides what is made from the templates of libstdc++, which visibility and
  # --exclude-libs do not.
  target_link_options(${name} PRIVATE
    -Wl,--exclude-libs,ALL "-Wl,--version-script=${HANDRAIL_PLUGIN_EXPORTS}"
    -Wl,-z,now,-z,relro,-z,noexecstack,-z,defs
    $<$<LINK_LANGUAGE:CXX>:-static-libstdc++ -static-libgcc>)
  # A file that others can write is not loaded, whatever the umask it was built under.
  add_custom_command(TARGET ${name} POST_BUILD COMMAND chmod go-w $<TARGET_FILE:${name}> VERBATIM)
endfunction()
