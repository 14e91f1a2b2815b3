# SPDX-License-Identifier: MIT
"""The ways in: every form in which a launcher may name the program to supervise, and what handrail
does when it finds itself below another one."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

BIN = os.path.abspath(os.environ.get("HANDRAIL_BIN", "build/opt/handrail/bin/handrail"))

# Says how it was called: its arguments and what it got from us in its environment.
SERVER = """#!/bin/sh
echo "args $*"
echo "path ${OH_EXTRA_PYTHON_PATH-unset}"
echo "parent $(tr '\\0' ' ' </proc/$PPID/cmdline)"
exit ${CODE-0}
"""


class Folder(unittest.TestCase):
    """A folder of its own with a server in it."""

    def setUp(self):
        self.dir = tempfile.mkdtemp(prefix="handrail-ways-")
        self.addCleanup(shutil.rmtree, self.dir)
        self.server = self.program("agent-server", SERVER)

    def program(self, name: str, text: str) -> str:
        path = Path(self.dir, name)
        path.write_text(text, encoding="utf-8")
        path.chmod(0o755)
        return str(path)

    def handrail(self, *argv: str, program: str = BIN, **env: str):
        """A plain init unless the environment says otherwise."""
        clean = {k: v for k, v in os.environ.items()
                 if not k.startswith(("HANDRAIL_", "OH_", "CUSTOM_AGENT_"))}
        clean["HANDRAIL_SIDECAR"] = "off"
        clean["PATH"] = f"{self.dir}:{clean['PATH']}"
        clean.update(env)
        return subprocess.run([program, *argv], env=clean, cwd=self.dir, timeout=30, check=False,
                              capture_output=True, text=True)

    def assert_ran(self, done, *arguments: str):
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(done.stdout.splitlines()[0], f"args {' '.join(arguments)}")

    def assert_usage(self, done, words: str):
        self.assertEqual(done.returncode, 64, done.stderr)
        self.assertEqual(len(done.stderr.splitlines()), 1, done.stderr)
        self.assertIn(words, done.stderr)


class WaysIn(Folder):
    def test_behind_dashes_and_run(self):
        for before in (["--"], ["run", "--"], ["run"], ["--grace=5", "--"], ["-g"], ["-g", "--"],
                       ["-r", "TERM:INT"], ["run", "--grace", "0.5", "--no-init-replay"]):
            self.assert_ran(self.handrail(*before, self.server, "--port", "1"), "--port", "1")

    def test_a_path_is_run(self):
        self.assert_ran(self.handrail(self.server, "--port", "1"), "--port", "1")
        self.assert_ran(self.handrail("./agent-server", "--help"), "--help")
        done = self.handrail("./missing", "x")
        self.assertEqual(done.returncode, 127)
        self.assertIn("./missing", done.stderr)

    def test_a_name_on_path_is_run(self):
        self.assert_ran(self.handrail("agent-server", "run", "--"), "run", "--")
        self.assert_usage(self.handrail("no-such-program", "x"), "no-such-program")
        self.assert_usage(self.handrail("no-such-program"), "no-such-program")
        self.assert_usage(self.handrail(""), "no command given")

    def test_our_own_commands_come_first(self):
        self.program("run", SERVER)
        self.program("help", SERVER)
        self.assert_usage(self.handrail("run"), "no command given")
        self.assertIn("supervise", self.handrail("help").stdout)
        self.assert_ran(self.handrail("--", "run", "x"), "x")
        self.assert_ran(self.handrail("./run", "x"), "x")

    def test_one_string(self):
        self.assert_ran(self.handrail("agent-server --port 60000"), "--port", "60000")
        done = self.handrail(f"{self.server} --port 60000 && echo and")
        self.assert_ran(done, "--port", "60000")
        self.assertTrue(done.stdout.endswith("and\n"))
        self.assertEqual(self.handrail("exit 3").returncode, 3)
        self.assertEqual(self.handrail("echo $((1 + 1))").stdout, "2\n")
        # Plain words stay a command that we know, so its port is known.
        self.assertIn(f"parent {BIN}", self.handrail("agent-server --port 60000").stdout)
        # With more arguments it is a name like others, and a file of that name is run.
        self.assert_usage(self.handrail("agent-server --port", "1"), "unknown command")
        self.program("odd name", SERVER)
        self.assert_ran(self.handrail("./odd name"))

    def test_wrong_options(self):
        for argv in (["--bogus", "--", "true"], ["-z", "true"], ["--grace=soon", "true"],
                     ["run", "--bogus"], ["--grace"], ["-r", "KILL:TERM", "true"]):
            self.assert_usage(self.handrail(*argv), argv[-2] if argv[0] == "run" else argv[0][:5])

    def test_wrong_variables(self):
        done = self.handrail("true", HANDRAIL_BACKOFF="never", HANDRAIL_SIDECAR_RESTART="on")
        self.assertEqual(done.returncode, 78)
        lines = done.stderr.splitlines()
        self.assertEqual(len(lines), 2)
        self.assertIn('HANDRAIL_BACKOFF is "never": expected seconds from 0.001', lines[0])
        self.assertIn('HANDRAIL_SIDECAR_RESTART is "on": expected never, on-failure or always',
                      lines[1])

    def test_help_fits_a_screen(self):
        for argv in (["run", "--help"], ["mcp", "--help"], ["--help"], []):
            done = self.handrail(*argv)
            self.assertEqual((done.returncode, done.stderr), (0, ""))
            self.assertLessEqual(len(done.stdout.splitlines()), 60)
            self.assertLessEqual(max(len(line) for line in done.stdout.splitlines()), 90)
        text = self.handrail("run", "--help").stdout
        for word in ("--grace", "--rewrite=A:B", "-g, --group", "[25]", "127 or 126", "64", "78"):
            self.assertIn(word, text)


class ByTheServersName(Folder):
    def setUp(self):
        super().setUp()
        os.rename(self.server, self.server + ".real")
        os.symlink(BIN, self.server)

    def test_flags_and_the_same_command_once_more(self):
        self.assert_ran(self.handrail("--port", "1", program=self.server), "--port", "1")
        self.assert_ran(self.handrail(self.server, "--port", "1", program=self.server),
                        "--port", "1")
        self.assert_ran(self.handrail("agent-server", "--port", "1", program=self.server),
                        "--port", "1")

    def test_a_whole_command_of_another_shape(self):
        python = self.program("python3.99", SERVER)
        done = self.handrail(python, "-m", "openhands.agent_server", "--port", "1",
                             program=self.server)
        self.assert_ran(done, "-m", "openhands.agent_server", "--port", "1")
        # What cannot be run is the server's to complain of.
        self.assert_ran(self.handrail("/etc/passwd", program=self.server), "/etc/passwd")
        self.assert_ran(self.handrail("/", program=self.server), "/")


class Nesting(Folder):
    def parent(self, done) -> str:
        return done.stdout.splitlines()[2]

    def test_only_one_supervises(self):
        ours = f"parent {sys.executable}"
        for argv in (["run", "--", self.server], ["agent-server"], [self.server],
                     ["-g", self.server], ["agent-server x"]):
            done = self.handrail(*argv, HANDRAIL_SUPERVISED="1", HANDRAIL_LOG_LEVEL="info")
            self.assertEqual(done.returncode, 0)
            self.assertTrue(self.parent(done).startswith(ours), self.parent(done))
            self.assertEqual(len(done.stderr.splitlines()), 1)
            self.assertIn("HANDRAIL_SUPERVISED=1", done.stderr)
        for value in ("0", ""):
            done = self.handrail(self.server, HANDRAIL_SUPERVISED=value)
            self.assertIn(f"parent {BIN}", self.parent(done))

    def test_by_the_servers_name(self):
        os.rename(self.server, self.server + ".real")
        os.symlink(BIN, self.server)
        done = self.handrail("--port", "1", program=self.server, HANDRAIL_SUPERVISED="1",
                             CODE="7")
        self.assertEqual(done.returncode, 7)
        self.assertTrue(done.stdout.startswith("args --port 1"))
        self.assertTrue(self.parent(done).startswith(f"parent {sys.executable}"))

    def test_a_mode_with_a_sidecar_does_not_matter(self):
        done = self.handrail(self.server, "--port", "60010", HANDRAIL_SUPERVISED="1",
                             HANDRAIL_SIDECAR="on", HANDRAIL_REGISTRY="/does/not/exist")
        self.assertEqual(done.returncode, 0, done.stderr)

    def test_a_server_that_only_answers(self):
        """It ends by itself, and that is no failure: it is not started again."""
        wrapper = self.program("wrapped", SERVER + f'[ "$HANDRAIL_SUPERVISED" ] || exec "{BIN}" "$0"')
        os.rename(wrapper, self.server + ".real")
        os.remove(self.server)
        os.symlink(BIN, self.server)
        for flag in ("-h", "--help", "--check-browser"):
            for argv in ([flag], ["--port", "1", flag], [f"{self.server}.real", flag]):
                done = self.handrail(*argv, program=self.server, HANDRAIL_SIDECAR="on", CODE="1")
                self.assertEqual((done.returncode, done.stderr), (1, ""), argv)
                self.assertTrue(self.parent(done).startswith(f"parent {sys.executable}"))
        other = self.program("other", SERVER)
        self.assertTrue(self.parent(self.handrail("--", other, "--help")).startswith(f"parent {BIN}"))

    def test_signals_are_as_they_were(self):
        show = ["grep", "-E", "^Sig(Blk|Ign|Cgt)", "/proc/self/status"]
        signal.signal(signal.SIGUSR2, signal.SIG_IGN)
        self.addCleanup(signal.signal, signal.SIGUSR2, signal.SIG_DFL)
        with_us = self.handrail("run", "--", *show, HANDRAIL_SUPERVISED="1")
        without = subprocess.run(show, capture_output=True, text=True, check=True)
        self.assertEqual(with_us.stdout, without.stdout)

    def test_what_cannot_be_run(self):
        for argv, code in ((["--", "missing"], 127), (["--", "/etc/passwd"], 126)):
            done = self.handrail(*argv, HANDRAIL_SUPERVISED="1", PATH="/usr/bin:/bin")
            self.assertEqual(done.returncode, code)
            self.assertIn(argv[-1], done.stderr)
        self.assert_usage(self.handrail("--bogus", "x", HANDRAIL_SUPERVISED="1"), "--bogus")

    def test_the_servers_command_is_completed(self):
        tree = Path(self.dir, "tree")
        (tree / "bin").mkdir(parents=True)
        (tree / "share" / "python").mkdir(parents=True)
        (tree / "share" / "python" / "handrail_agent.py").touch()
        shutil.copy(BIN, tree / "bin" / "handrail")
        Path(self.dir, "mine.py").touch()
        done = self.handrail("agent-server", "--port", "1", program=str(tree / "bin" / "handrail"),
                             HANDRAIL_SUPERVISED="1", CUSTOM_AGENT_MODULE="mine.agent",
                             OH_DEFERRED_INIT="true", OH_SECRET_KEY="k",
                             OH_EXTRA_PYTHON_PATH="/there")
        self.assert_ran(done, "--port", "1", "--host", "0.0.0.0",
                        "--import-modules=handrail_agent,mine.agent")
        self.assertEqual(done.stdout.splitlines()[1],
                         f"path {tree}/share/python:{self.dir}:/there")
        done = self.handrail("agent-server", HANDRAIL_SUPERVISED="1",
                             CUSTOM_AGENT_MODULE="not a name")
        self.assertEqual(done.returncode, 78)
        self.assertIn("CUSTOM_AGENT_MODULE", done.stderr)


if __name__ == "__main__":
    unittest.main(verbosity=1)
