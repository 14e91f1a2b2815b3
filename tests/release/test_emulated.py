#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A release for another machine, under qemu-user: the programs start, find one another, and load a
plugin that was built for that machine too.

Started by run.sh, with the release's tree at /opt/handrail and its programs run by qemu.

What this cannot show, because qemu-user has it not or has it otherwise: seccomp, Landlock and the
subreaper, which handrail says it goes without; crashes and their traces; memory and speed.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "integration"))

from harness import plugin, standin  # noqa: E402
from support import HANDRAIL, ROOT  # noqa: E402

RELEASE = Path(os.environ["HANDRAIL_RELEASE"])
BIN = HANDRAIL.parent
START_SECONDS = 60.0


class Emulated(unittest.TestCase):
    def run_here(self, *command: str | Path, code: int = 0) -> str:
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
        self.assertEqual(done.returncode, code, f"{command}: {done.stderr}")
        return done.stdout

    def test_it_is_not_for_this_machine(self):
        header = self.run_here("readelf", "-h", HANDRAIL)
        self.assertNotIn(header.split("Machine:")[1].split("\n")[0],
                         self.run_here("readelf", "-h", "/proc/self/exe"))

    def test_each_program_starts(self):
        version = self.run_here(HANDRAIL, "--version").split()[1]
        self.assertEqual(self.run_here(HANDRAIL, "plugin", "--version"), f"handrail-plugin {version}\n")
        self.assertEqual(self.run_here(BIN / "handrail-toolhost", "--version"),
                         f"handrail-toolhost {version}\n")
        self.assertIn("server-not-found", self.run_here(HANDRAIL, "explain"))

    def test_a_command_below_it_as_the_first_process(self):
        said = self.run_here("unshare", "--pid", "--fork", "--kill-child", "--mount-proc", HANDRAIL, "run",
                             "--no-sidecar", "--", "sh", "-c", "echo below $PPID; exit 7", code=7)
        self.assertEqual(said, "below 1\n")

    def test_probes_and_a_call(self):
        with tempfile.TemporaryDirectory(prefix="handrail-test-") as folder:
            built = Path(folder, "libc-cross.so")
            self.run_here(RELEASE / "work/bin/glibc-cc", "-shared", "-fPIC", "-O2", "-fvisibility=hidden",
                          "-D_GNU_SOURCE", '-DPLUGIN_NAME="libc-cross"', "-I", ROOT / "plugin-api/include",
                          "-o", built, ROOT / "tests/bases/plugin.c", "-pthread", "-lm", "-ldl")
            built.chmod(0o644)
            self.assertIn("libc-cross", self.run_here(HANDRAIL, "plugin", "inspect", built))
            with standin(plugins=[plugin("libc-cross", built, required=True)]) as h:
                h.wait_status("/readyz", 200, START_SECONDS)
                for path in ("/livez", "/startupz", "/metrics"):
                    h.wait_status(path, 200)
                result = h.call_tool("libc-cross", {})
                self.assertFalse(result["isError"], result)
                self.assertRegex(result["content"][0]["text"],
                                 r"^built 2\.\d+ running 2\.\d+ symbol yes number 3\.0$")
                self.assertEqual(h.stop(), 143)
                self.assertEqual(h.leftovers(), [])

    def test_a_plugin_for_this_machine_is_refused(self):
        with tempfile.TemporaryDirectory(prefix="handrail-test-") as folder:
            built = Path(folder, "libc-here.so")
            self.run_here("cc", "-shared", "-fPIC", "-D_GNU_SOURCE", '-DPLUGIN_NAME="libc-here"',
                          "-I", ROOT / "plugin-api/include", "-o", built, ROOT / "tests/bases/plugin.c")
            built.chmod(0o644)
            done = subprocess.run([HANDRAIL, "plugin", "check", built], capture_output=True, text=True,
                                  timeout=60, check=False)
            self.assertNotEqual(done.returncode, 0)
            self.assertRegex(done.stdout + done.stderr, "(?i)machine|x86-64|x86_64")


if __name__ == "__main__":
    unittest.main()
