# SPDX-License-Identifier: MIT
"""The real agent-server in an image where handrail install has run, started as platforms do it."""

import os
import re
import shutil
import signal
import sys
import tempfile
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from harness import START_SECONDS  # noqa: E402
from launchers import ANY_UID, Image, first_process, running  # noqa: E402
from support import SKIPPED, Failure, real_server  # noqa: E402

TOOL = "/opt/handrail/bin/handrail"
LOCAL = {"LITELLM_LOCAL_MODEL_COST_MAP": "True", "OPENHANDS_SUPPRESS_BANNER": "1"}


class RealServer(unittest.TestCase):
    @classmethod
    def setUpClass(cls) -> None:
        cls.dir = Path(tempfile.mkdtemp(prefix="handrail-launchers-"))
        cls.addClassCleanup(shutil.rmtree, cls.dir)
        cls.dir.chmod(0o755)
        server = real_server()
        assert server
        python = (server.parent / "python").resolve()
        packages = next((server.parent.parent / "lib").glob("python3.*/site-packages"))
        (cls.dir / "root").mkdir()
        cls.image = Image(cls.dir / "root", python,
                          {path.name: path for path in packages.iterdir()},
                          [server.parent.parent, python.parent.parent])
        done = cls.image.run(TOOL, "install", "--no-check")
        assert done.returncode == 0, done.stdout + done.stderr
        cls.said = done.stdout

    def test_0_its_version_is_known(self) -> None:
        """That of the package, and what the script in /usr/local/bin tells when it is asked."""
        version = re.search(r"agent-server/\S+: handrail, .* \(agent-server ([0-9.]+)\)", self.said)
        assert version, self.said
        self.assertEqual(self.said.count(f"(agent-server {version[1]})"), 3, self.said)

    def serves(self, launcher: str, uid: int) -> None:
        """A whole life, with the helper in the server."""
        with self.image.start(self.dir / "run", launcher, **LOCAL) as h:
            h.wait_status("/readyz", 200, START_SECONDS)
            h.wait_line("server: ready after")
            server = running(h, "python")[0]
            self.assertEqual(os.stat(f"/proc/{server.pid}").st_uid, uid)
            self.assertEqual(h.agent("GET", "/server_info").status, 200)
            self.assertIn("--import-modules=handrail_agent", server.argv)
            self.assertEqual(len(running(h, "handrail")), 2)  # and its sidecar
            os.kill(first_process(h).pid, signal.SIGTERM)
            self.assertEqual(h.wait(), 128 + signal.SIGTERM)
            if h.leftovers():
                raise Failure(f"left running: {h.leftovers()}")

    def test_1_a_command_in_the_entrypoint_s_place(self) -> None:
        self.serves("a command in the entrypoint's place", 0)

    def test_2_python_s_command_below_tini(self) -> None:
        self.serves("entrypoint of the source image", 0)

    def test_3_any_user_without_capabilities(self) -> None:
        self.serves("the docker runtime: any user, no capabilities", ANY_UID)

    def test_4_the_agent_class_is_checked_in_the_image(self) -> None:
        """By handrail check, with the SDK that the server has."""
        app = self.image.folder / "app"
        app.mkdir()
        (app / "mine.py").write_text(
            "from openhands.sdk import Agent\n\n\nclass Mine(Agent):\n"
            "    system_prompt: str | None = 'Change nothing.'\n\n\nclass Other:\n    pass\n")

        def check(name: str) -> tuple[int, str]:
            done = self.image.run("env", *(f"{k}={v}" for k, v in LOCAL.items()),
                                  "CUSTOM_AGENT_MODULE=mine", f"CUSTOM_AGENT_CLASS={name}",
                                  TOOL, "check", "--build")
            return done.returncode, done.stdout + done.stderr

        code, said = check("Mine")
        self.assertEqual(code, 0, said)
        self.assertIn("agent class Mine", said)
        for name, words in (("Other", "it is no AgentBase"), ("None", "module mine has none")):
            code, said = check(name)
            self.assertEqual(code, 1, said)
            self.assertIn(words, said)
            self.assertIn("[agent-class]", said)
        self.assertFalse((app / "__pycache__").exists())


if __name__ == "__main__":
    if os.geteuid() != 0 or not real_server():
        print("needs root, and the real agent-server")
        sys.exit(SKIPPED)
    unittest.main()
