foreach(name board buf cgroup confinement expo fd file_lines frame handoff human json_escape json_out json_text log log_terminal nearest packet phase sock_diag sockets utf8 wall_text)
  hr_unit_test(${name} DEPS hr_common)
endforeach()
target_link_options(unit-sock_diag PRIVATE -Wl,--wrap=socket,--wrap=send,--wrap=recv)
