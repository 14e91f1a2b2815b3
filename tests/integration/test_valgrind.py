# SPDX-License-Identifier: MIT
"""handrail under valgrind, around the stand-in: every error in PID 1's memory is one here."""

import os
import shlex
import shutil
import signal
import sys
import tempfile
import unittest
from pathlib import Path
from unittest import mock

from harness import sample, standin
from support import HANDRAIL, SKIPPED

ERROR = 99  # valgrind's exit code for an error of ours
VALGRIND = (f"valgrind --quiet --error-exitcode={ERROR} --leak-check=full --track-fds=no "
            "--errors-for-leak-kinds=definite --child-silent-after-fork=yes")


class Valgrind(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="handrail-test-")
        self.addCleanup(folder.cleanup)
        wrapper = Path(folder.name) / "handrail"
        wrapper.write_text(f"#!/bin/sh\nexec {VALGRIND} {shlex.quote(str(HANDRAIL))} \"$@\"\n")
        wrapper.chmod(0o755)
        patch = mock.patch("support.HANDRAIL", wrapper)
        patch.start()
        self.addCleanup(patch.stop)

    def test_start_crash_and_stop(self):
        with standin(plugins=[sample("echo")]) as h:
            h.wait_status("/readyz", 200, timeout=60)
            for name in ("agent_server.py", "handrail-sidecar", "handrail-toolhost"):
                old = h.child(name)
                os.kill(old, signal.SIGKILL)
                h.new_child(name, old)
            h.wait_status("/readyz", 200, timeout=60)
            self.assertEqual(h.stop(timeout=60), 143, h.log())
            self.assertNotIn("==", h.log())

    def test_a_stop_that_ends_in_killing(self):
        with standin("--ignore-term", options=["--grace=2"]) as h:
            h.wait_status("/readyz", 200, timeout=60)
            h.fault(orphans=5, seconds=300)
            self.assertEqual(h.stop(timeout=60), 137, h.log())

    def test_a_plain_init(self):
        with standin(options=["--no-sidecar"]) as h:
            old = h.child("agent_server.py")
            self.assertGreater(old, 0)
            self.assertEqual(h.stop(timeout=60), 143, h.log())


if __name__ == "__main__":
    if not shutil.which("valgrind"):
        print("valgrind is not installed")
        sys.exit(SKIPPED)
    unittest.main(verbosity=1)
