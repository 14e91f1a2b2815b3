# SPDX-License-Identifier: MIT
"""How platforms start the server in an image: each form gets handrail, once handrail install has
run, and the server what it was given.  The stand-in server, at the paths of the real one."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from launchers import (  # noqa: E402
    ANY_UID, ANY_USER, LAUNCHERS, MODULE, PYTHON, SERVER, Image, first_process, running, standin_image,
)
from support import SKIPPED, Handrail, Process  # noqa: E402

TOOL = "/opt/handrail/bin/handrail"


def first(processes: list[Process]) -> list[Process]:
    """Without those that one of them has made, and that are about to become something else."""
    pids = {p.pid for p in processes}
    return [p for p in processes if p.ppid not in pids]


class Launchers(unittest.TestCase):
    image: Image

    @classmethod
    def setUpClass(cls) -> None:
        cls.dir = Path(tempfile.mkdtemp(prefix="handrail-launchers-"))
        cls.addClassCleanup(shutil.rmtree, cls.dir)
        cls.dir.chmod(0o755)
        cls.image = standin_image(cls.dir)
        done = cls.image.run(TOOL, "install", "--no-check")
        assert done.returncode == 0, done.stdout + done.stderr

    def started(self, h: Handrail, arguments: list[str]) -> dict:
        """What the server says of itself, once it serves under handrail."""
        h.wait_status("/readyz", 200, 30)
        servers = running(h, "python")
        sidecar, = first(running(h, "handrail-sidecar"))
        handrail, = first(running(h, "handrail"))  # the others are below it
        self.assertEqual([p.ppid for p in servers], [handrail.pid])
        self.assertEqual(sidecar.ppid, handrail.pid)
        state = h.agent("GET", "/_state").json()
        self.assertEqual(state["environ"]["HANDRAIL_SUPERVISED"], "1")
        wanted = [part.replace("{port}", str(h.agent_port)) for part in arguments]
        self.assertEqual(state["argv"][1:1 + len(wanted)], wanted)
        self.assertEqual([part for part in state["argv"][1 + len(wanted):]
                          if not part.startswith("--import-modules")], [])
        return state

    def test_each_gets_handrail(self) -> None:
        for name, (_, arguments) in LAUNCHERS.items():
            with self.subTest(name), self.image.start(self.dir / "run", name) as h:
                self.started(h, arguments)
                os.kill(first_process(h).pid, signal.SIGTERM)
                self.assertEqual(h.wait(), 128 + signal.SIGTERM)
                self.assertEqual(h.leftovers(), [])

    def said(self, *command: str, **env: str) -> str:
        done = self.image.run("env", *(f"{k}={v}" for k, v in env.items()), *command)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout.strip()

    def test_python_itself_is_as_it_was(self) -> None:
        """Only that one module is run by handrail, and only while handrail can be run."""
        self.assertEqual(self.said(PYTHON, "-c", "print(1)", "-m", "openhands.agent_server"), "1")
        self.assertIn("usage: ", self.said(PYTHON, "-m", "json.tool", "--help"))
        self.assertEqual(
            self.said(PYTHON, "-m", "base64", "-e", "/agent-server/.venv/pyvenv.cfg")[:4], "aG9t")
        self.assertIn("usage: ", self.said(*MODULE, "--help", HANDRAIL_SUPERVISED="1"))
        hidden = self.image.run("sh", "-c", "mount -t tmpfs none /opt/handrail && exec \"$@\"",
                                "sh", *MODULE, "--help")
        self.assertIn("usage: ", hidden.stdout)
        self.assertIn(f"{TOOL} cannot be run: the server runs without it", hidden.stderr)
        # COPY and cp go through the link in the server's place, so that this is the server.
        over = self.image.run("sh", "-c", "mount -t tmpfs none /opt/handrail/bin && "
                              f"printf '#!/bin/sh\\nexec {' '.join(MODULE)} \"$@\"' >{TOOL} && "
                              f"chmod 755 {TOOL} && exec \"$@\"", "sh", *MODULE, "--help")
        self.assertIn(f"{TOOL} is not handrail", over.stderr)

    def test_signals_are_as_without_python_in_front(self) -> None:
        """Python ignores two, which handrail's other processes must not inherit."""
        def ignored(launcher: str) -> str:
            with self.image.start(self.dir / "run", launcher) as h:
                self.started(h, LAUNCHERS[launcher][1])
                status = Path(f"/proc/{first_process(h).pid}/status").read_text()
                return next(x for x in status.splitlines() if x.startswith("SigIgn"))

        self.assertEqual(ignored("python's command in its place"),
                         ignored("a command in the entrypoint's place"))

    def test_check_beside_it(self) -> None:
        """As somebody without privileges would run it in the pod."""
        launcher = "the docker runtime: any user, no capabilities"
        keys = {"OH_SECRET_KEY": "of-the-test", "OH_SESSION_API_KEYS_0": "of-the-test"}
        with self.image.start(self.dir / "run", launcher, **keys) as h:
            self.started(h, LAUNCHERS[launcher][1])
            environ = [f"{k}={v}" for k, v in keys.items()] + [
                "HOME=/home/any", f"HANDRAIL_HEALTH_ADDR=127.0.0.1:{h.health_port}",
                f"HANDRAIL_MCP_ADDR=127.0.0.1:{h.mcp_port}"]
            done = subprocess.run(
                ["nsenter", "--mount", "--pid", "--root", "--wd",
                 f"--target={first_process(h).pid}", *ANY_USER, "env", *environ, TOOL, "check",
                 "--strict"], capture_output=True, text=True, timeout=60, check=False)
            self.assertIn(f"ok: uid {ANY_UID}, beside a running handrail", done.stdout)
            self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    def test_uninstall_leaves_what_was_there(self) -> None:
        self.addCleanup(lambda: self.image.run(TOOL, "install", "--no-check"))
        done = self.image.run(TOOL, "uninstall")
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        root = self.image.folder
        self.assertEqual(sorted(os.listdir(root / "usr/local/bin")),
                         ["fips-entrypoint", "openhands-agent-server"])
        self.assertEqual(sorted(os.listdir(root / "agent-server/.venv/bin")),
                         ["agent-server", "python", "python3"])
        self.assertFalse((self.image.site / "handrail.pth").exists())
        self.assertFalse((root / SERVER[1:]).is_symlink())


if __name__ == "__main__":
    if os.geteuid() != 0:
        print("needs root: it makes mount namespaces")
        sys.exit(SKIPPED)
    unittest.main()
