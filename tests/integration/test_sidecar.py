# SPDX-License-Identifier: MIT
"""The watchdog of our own sidecar: one that lives and does nothing is restarted."""

import contextlib
import os
import shutil
import signal
import tempfile
import time
import unittest
from pathlib import Path

from harness import running, service, standin
from support import HANDRAIL

NOTIFY_FD = 4  # HR_FD_NOTIFY of common/handoff.h

# A sidecar that is ready, sends one heartbeat, and then hangs.
HANGING = f"""#!/usr/bin/python3 -I
import os, time
os.write({NOTIFY_FD}, b"READY=1\\n")
os.write({NOTIFY_FD}, b"WATCHDOG=1\\n")
time.sleep(1000)
"""


class Watchdog(unittest.TestCase):
    @contextlib.contextmanager
    def hanging(self, *options):
        """Handrail with that sidecar in the place of ours, around a command that just waits."""
        with tempfile.TemporaryDirectory() as d:
            for program in Path(HANDRAIL).parent.iterdir():
                shutil.copy(program, d)
            fake = Path(d, "handrail-sidecar")
            fake.write_text(HANGING)
            fake.chmod(0o755)
            with running([], way_in=[Path(d, "handrail"), "run", *options, "--",
                                     "/bin/sleep", "1000"]) as h:
                yield h

    def test_a_silent_sidecar_is_restarted(self):
        with self.hanging("--sidecar-watchdog=1") as h:
            h.wait_line("sidecar: ready")
            h.wait_line("sidecar: no heartbeat for 1 s: aborting")
            h.wait_line("sidecar: .*hung, no heartbeat for 1 s: killed by signal 6")
            seen = len(h.lines)
            h.wait_line("sidecar: ready", start=seen)
            h.wait_line("sidecar: no heartbeat for 1 s: aborting", start=seen)
            self.assertEqual(h.stop(), 143)
            self.assertEqual(h.leftovers(), [])

    def test_not_if_that_is_off(self):
        with self.hanging("--sidecar-watchdog=0") as h:
            h.wait_line("sidecar: ready")
            time.sleep(2.5)
            self.assertNotIn("no heartbeat", h.log())
            self.assertEqual(h.stop(), 143)

    def test_the_real_one_sends_its_heartbeats_in_time(self):
        with standin(options=["--sidecar-watchdog=3"]) as h:
            h.wait_status("/readyz", 200)
            time.sleep(7)
            self.assertEqual(service(h, "sidecar")["starts"], 1)
            self.assertEqual(h.stop(), 143)

    def test_a_stopped_one_is_not_taken_for_hung(self):
        with standin(options=["--sidecar-watchdog=3"]) as h:
            h.wait_status("/readyz", 200)
            pid = h.child("handrail-sidecar")
            os.kill(pid, signal.SIGSTOP)
            time.sleep(7)
            os.kill(pid, signal.SIGCONT)
            h.wait_status("/readyz", 200)
            time.sleep(4)
            self.assertEqual(service(h, "sidecar")["pid"], pid)
            self.assertEqual(h.stop(), 143)


class OfTheSupervisor(unittest.TestCase):
    """What the sidecar makes of a PID 1 that is there and does nothing; a heartbeat is 250 ms."""

    def test_one_that_does_nothing_is_not_live(self):
        with standin(options=["--sidecar-watchdog=1"]) as h:
            h.wait_status("/readyz", 200)
            pid = h.child("handrail-sidecar")
            os.kill(h.pid, signal.SIGSTOP)
            began = time.monotonic()
            answer = h.wait_status("/livez", 503)
            self.assertGreater(time.monotonic() - began, 3)
            self.assertRegex(answer.text, fr"supervisor failed: the supervisor \(pid {h.pid}\) has "
                             r"not taken the last \d+ heartbeats: it hangs, or is stopped")
            self.assertIn("process ok", answer.text)
            os.kill(h.pid, signal.SIGCONT)
            h.wait_status("/livez", 200, timeout=2)
            time.sleep(1.5)  # it has not heard of the sidecar for longer than that may be silent
            self.assertEqual(service(h, "sidecar")["pid"], pid)
            self.assertEqual(h.stop(), 143)

    def test_a_pod_that_was_frozen_is_live_at_once(self):
        with standin(options=["--sidecar-watchdog=1"]) as h:
            h.wait_status("/readyz", 200)
            pid = h.child("handrail-sidecar")
            for who in (h.pid, pid):
                os.kill(who, signal.SIGSTOP)
            time.sleep(6)
            os.kill(pid, signal.SIGCONT)
            self.assertEqual(h.get("/livez").text, "ok")
            os.kill(h.pid, signal.SIGCONT)
            for _ in range(10):
                self.assertEqual(h.get("/livez").text, "ok")
                time.sleep(0.1)
            self.assertEqual(h.stop(), 143)


if __name__ == "__main__":
    unittest.main(verbosity=1)
