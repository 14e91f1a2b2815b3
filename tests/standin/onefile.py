#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A stand-in for a PyInstaller one-file program: two processes.  The outer one passes every signal
but CHLD and TSTP on to the inner one, which is in the same process group, waits for it, and ends as
it does.

    onefile.py PROGRAM ARGS
"""

import contextlib
import os
import signal
import sys


def main() -> None:
    inner = os.fork()
    if inner == 0:
        os.execv(sys.argv[1], sys.argv[1:])

    def pass_on(number: int, _: object) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(inner, number)

    for number in set(signal.Signals) - {signal.SIGCHLD, signal.SIGTSTP, signal.SIGKILL,
                                         signal.SIGSTOP}:
        signal.signal(number, pass_on)
    _, status = os.waitpid(inner, 0)
    if os.WIFSIGNALED(status):
        signal.signal(os.WTERMSIG(status), signal.SIG_DFL)
        os.kill(os.getpid(), os.WTERMSIG(status))
    sys.exit(os.waitstatus_to_exitcode(status))


if __name__ == "__main__":
    main()
