# SPDX-License-Identifier: MIT
"""Run a command on a kernel that lacks something: a seccomp filter answers its system calls EPERM or
ENOSYS, as older kernels, other profiles and gVisor do, or EAGAIN, as a limit of processes does.

    without.py landlock|seccomp|killing|limits|processes <command> ...

"killing" is a filter that kills the whole process, "limits" those that gVisor does not know.
"""

import ctypes
import errno
import os
import struct
import sys

PR_SET_SECCOMP, PR_SET_NO_NEW_PRIVS = 22, 38
SECCOMP_MODE_FILTER = 2
ALLOW, ERRNO = 0x7FFF0000, 0x00050000
LOAD, EQUAL, GREATER, RETURN = 0x20, 0x15, 0x25, 0x06  # BPF_LD|W|ABS, BPF_JMP|JEQ|K, JGT, RET|K
NR, FIRST_ARGUMENT, SECOND_ARGUMENT = 0, 16, 24
LANDLOCK_CREATE_RULESET = 444
SECCOMP_GET_ACTION_AVAIL, SETTABLE_LIMITS = 2, 9  # RLIMIT_CPU (0) to RLIMIT_AS
CLONE, FORK, CLONE3 = *{"x86_64": (56, 57), "aarch64": (220, 220)}[os.uname().machine], 435
SYS_SECCOMP, SYS_PRCTL = {"x86_64": (317, 157), "aarch64": (277, 167)}[os.uname().machine]
SYS_PRLIMIT = {"x86_64": 302, "aarch64": 261}[os.uname().machine]

FILTERS = {
    "landlock": [(LOAD, 0, 0, NR), (EQUAL, 0, 1, LANDLOCK_CREATE_RULESET),
                 (RETURN, 0, 0, ERRNO | errno.ENOSYS), (RETURN, 0, 0, ALLOW)],
    "seccomp": [(LOAD, 0, 0, NR), (EQUAL, 3, 0, SYS_SECCOMP), (EQUAL, 0, 3, SYS_PRCTL),
                (LOAD, 0, 0, FIRST_ARGUMENT), (EQUAL, 0, 1, PR_SET_SECCOMP),
                (RETURN, 0, 0, ERRNO | errno.EPERM), (RETURN, 0, 0, ALLOW)],
    "killing": [(LOAD, 0, 0, NR), (EQUAL, 0, 3, SYS_SECCOMP), (LOAD, 0, 0, FIRST_ARGUMENT),
                (EQUAL, 0, 1, SECCOMP_GET_ACTION_AVAIL), (RETURN, 0, 0, ERRNO | errno.EINVAL),
                (RETURN, 0, 0, ALLOW)],
    "limits": [(LOAD, 0, 0, NR), (EQUAL, 0, 3, SYS_PRLIMIT), (LOAD, 0, 0, SECOND_ARGUMENT),
               (GREATER, 0, 1, SETTABLE_LIMITS), (RETURN, 0, 0, ERRNO | errno.EPERM),
               (RETURN, 0, 0, ALLOW)],
    "processes": [(LOAD, 0, 0, NR), (EQUAL, 2, 0, CLONE), (EQUAL, 1, 0, CLONE3),
                  (EQUAL, 0, 1, FORK), (RETURN, 0, 0, ERRNO | errno.EAGAIN),
                  (RETURN, 0, 0, ALLOW)],
}


def main() -> None:
    code = b"".join(struct.pack("=HBBI", *line) for line in FILTERS[sys.argv[1]])
    memory = ctypes.create_string_buffer(code)
    program = struct.pack("@HP", len(code) // 8, ctypes.addressof(memory))
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) or libc.prctl(
            PR_SET_SECCOMP, SECCOMP_MODE_FILTER, ctypes.create_string_buffer(program), 0, 0):
        sys.exit(f"no filter here: {os.strerror(ctypes.get_errno())}")
    os.execvp(sys.argv[2], sys.argv[2:])


main()
