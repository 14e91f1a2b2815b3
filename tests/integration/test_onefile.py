# SPDX-License-Identifier: MIT
"""A server that is two processes, as PyInstaller's one-file programs are: a signal reaches the
inner one once, and none of the two outlives the other."""

import os
import signal
import sys
import time
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from harness import client, running, service  # noqa: E402
from support import ROOT, STANDIN, Handrail, descendants, wait_for  # noqa: E402

ONEFILE = ROOT / "tests" / "standin" / "onefile.py"

# Writes a line for each TERM, and serves nothing.
COUNTER = """import signal, sys, time
def note(*_):
    with open(sys.argv[1], "a") as file: file.write("TERM\\n")
signal.signal(signal.SIGTERM, note)
open(sys.argv[1], "w").close()
while True: time.sleep(60)
"""


def command(*inner: str | Path) -> list[str | Path]:
    return [sys.executable, ONEFILE, sys.executable, *inner]


def standin(*flags: str) -> list[str | Path]:
    return command(STANDIN, "--host", "127.0.0.1", "--port", "{port}", *flags)


def server_pids(h: Handrail) -> list[int]:
    """The outer process and the inner one."""
    outer = h.child("onefile.py")
    return [outer] + [p.pid for p in descendants(outer)]


def gone(pids: list[int]) -> bool:
    return not any(os.path.exists(f"/proc/{pid}/exe") and os.path.lexists(f"/proc/{pid}")
                   and Path(f"/proc/{pid}/stat").read_text().split(") ")[1][0] != "Z"
                   for pid in pids if os.path.exists(f"/proc/{pid}"))


class TwoProcesses(unittest.TestCase):
    def test_one_term_is_one(self) -> None:
        with running(command("-c", COUNTER, "{port}.count"), options=["--grace=2"]) as h:
            count = h.folder / f"{h.agent_port}.count"
            wait_for("it", count.exists, 10)
            h.process.send_signal(signal.SIGTERM)
            wait_for("its TERM", count.read_text, 5)
            time.sleep(0.5)
            self.assertEqual(count.read_text(), "TERM\n")
            self.assertEqual(h.wait(), 137)
            self.assertEqual(h.leftovers(), [])

    def test_the_stop_is_the_server_s_own(self) -> None:
        with running(standin()) as h:
            h.wait_status("/readyz", 200)
            self.assertEqual(h.stop(), 143)
            self.assertEqual(h.leftovers(), [])

    def test_killed_it_takes_the_inner_one_along(self) -> None:
        """Before it listens nothing but its process group tells whose it is."""
        for flags, ready in (((), True), (("--start-delay", "60"), False)):
            with self.subTest(ready=ready), running(
                    standin(*flags), options=["--backoff=0.1"]) as h:
                if ready:
                    h.wait_status("/readyz", 200)
                else:
                    h.wait_status("/livez", 200)
                    wait_for("both", lambda: len(server_pids(h)) == 2, 10)
                old = server_pids(h)
                os.kill(old[0], signal.SIGKILL)
                wait_for("both to be gone", lambda: gone(old), 10)
                wait_for("the next two", lambda: len(
                    [p for p in descendants(h.pid) if str(STANDIN) in p.argv]) == 2, 20)
                if ready:
                    h.wait_status("/readyz", 200, 20)
                self.assertEqual(service(h)["starts"], 2)

    def test_one_that_hangs_is_killed_whole(self) -> None:
        with running(standin("--start-delay", "60", "--ignore-term"),
                     options=["--backoff=0.1", "--stop-timeout=1"]) as h:
            h.wait_status("/livez", 200)
            wait_for("both", lambda: len(server_pids(h)) == 2, 10)
            old = server_pids(h)
            client(h, "restart")
            wait_for("both to be gone", lambda: gone(old), 10)


if __name__ == "__main__":
    unittest.main()
