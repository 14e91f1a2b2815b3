# SPDX-License-Identifier: MIT
# cmake -DCSS=page.css -DJS=page.js -DOUT=assets.c -P embed.cmake: both files as C arrays, and the
# policy that allows exactly them.
cmake_minimum_required(VERSION 3.25)

set(alphabet "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/")

# hex_to_base64(<hex> <variable>): of 32 bytes.
function(hex_to_base64 hex ret)
  set(text "")
  string(APPEND hex "00") # 33 bytes: eleven groups of four characters, the last of which is "="
  foreach(group RANGE 10)
    math(EXPR at "${group} * 6")
    string(SUBSTRING "${hex}" ${at} 6 three)
    foreach(shift 18 12 6 0)
      math(EXPR index "(0x${three} >> ${shift}) & 63")
      string(SUBSTRING "${alphabet}" ${index} 1 c)
      string(APPEND text "${c}")
    endforeach()
  endforeach()
  string(SUBSTRING "${text}" 0 43 text)
  set(${ret} "${text}=" PARENT_SCOPE)
endfunction()

# embed(<file> <name>): appends the array to `source`; sets <name>_hash.
function(embed file name)
  file(READ "${file}" hex HEX)
  file(SHA256 "${file}" sum)
  hex_to_base64("${sum}" hash)
  string(REGEX REPLACE "(................................)" "\\1\n" hex "${hex}")
  string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," hex "${hex}")
  string(APPEND source "const char ${name}[] = {\n${hex}0};\n\n")
  set(source "${source}" PARENT_SCOPE)
  set(${name}_hash "${hash}" PARENT_SCOPE)
endfunction()

set(source "/* Written by embed.cmake. */\n#include \"sidecar/page/assets.h\"\n#include \"sidecar/page/page.h\"\n\n")
embed("${CSS}" hr_page_css)
embed("${JS}" hr_page_js)
string(APPEND source
  "const char hr_page_policy[] =\n"
  "    \"default-src 'none'; style-src 'sha256-${hr_page_css_hash}'; \"\n"
  "    \"script-src 'sha256-${hr_page_js_hash}'; \"\n"
  "    \"img-src data:; connect-src 'self'; base-uri 'none'; form-action 'none'; \"\n"
  "    \"frame-ancestors 'none'\";\n")
file(WRITE "${OUT}" "${source}")
