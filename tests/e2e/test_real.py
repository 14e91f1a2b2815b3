#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The real agent-server under handrail, from its start to its end, in one run.

The tests are the steps of one story, in the order of their names, because the server takes ten
seconds to start: when one fails, the rest do not run.
"""

from __future__ import annotations

import os
import shutil
import signal
import stat
import sys
import tempfile
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

from harness import (  # noqa: E402
    SECRET_KEY, SESSION_KEY, START_SECONDS, AgentApi, ScriptedModel, calling, real_handrail,
)
from support import (  # noqa: E402
    SKIPPED, STANDIN, Handrail, descendants, free_ports, real_server, request, spawn, wait_for,
)

SERVER = real_server()
NEEDLE = "a needle in a haystack"


class RealServer(unittest.TestCase):
    folder: Path
    model: ScriptedModel
    handrail: Handrail
    api: AgentApi
    conversation = ""

    @classmethod
    def setUpClass(cls) -> None:
        cls.folder = Path(tempfile.mkdtemp(prefix="handrail-real-"))
        cls.addClassCleanup(shutil.rmtree, cls.folder, ignore_errors=True)
        searched = cls.folder / "searched"
        searched.mkdir()
        (searched / "hay.txt").write_text(f"hay\n{NEEDLE}\nhay\n")
        cls.model = ScriptedModel()
        cls.addClassCleanup(cls.model.stop)
        assert SERVER
        cls.handrail = real_handrail(cls.folder, SERVER, searched)
        cls.addClassCleanup(cls.handrail.kill)
        cls.api = AgentApi(cls.handrail.agent_port)

    def say_and_see(self, tool: str, arguments: dict[str, str]) -> str:
        """Send a message that makes the agent call the tool; what it saw as the answer."""
        text = calling(tool, arguments)
        self.api.send(self.conversation, text)
        return self.api.turn(self.conversation, text).answer(tool)

    def test_01_not_ready_before_the_server_is(self) -> None:
        off = self.handrail.wait_status("/readyz", 503)
        self.assertIn("[-]", off.text)
        self.assertEqual(self.handrail.get("/startupz").status, 503)
        self.assertEqual(self.handrail.get("/livez").status, 200)
        self.assertEqual(self.handrail.agent("GET", "/alive").status, 0, "it is up already")

    def test_02_ambient_file_is_there_first(self) -> None:
        file = self.handrail.ambient_file
        self.assertEqual(stat.S_IMODE(file.stat().st_mode), 0o600)
        self.assertEqual([file], list(file.parent.iterdir()))

    def test_03_ready(self) -> None:
        self.handrail.wait_status("/readyz", 200, START_SECONDS)
        self.assertEqual(self.handrail.agent("GET", "/ready").status, 200)
        self.assertEqual(self.handrail.get("/startupz").status, 200)

    def test_04_standin_answers_alike(self) -> None:
        """The stand-in is of use only as long as it answers what the real one does."""
        [port] = free_ports(1)
        keys = {"OH_SESSION_API_KEYS_0": SESSION_KEY, "OH_SECRET_KEY": SECRET_KEY}
        standin = spawn([sys.executable, STANDIN, "--port", str(port)], env=keys)
        try:
            wait_for("the stand-in", lambda: request(port, "GET", "/ready").status == 200, 10)
            session, init = {"X-Session-API-Key": SESSION_KEY}, {"X-Init-API-Key": SECRET_KEY}
            for method, path, headers in (
                    ("GET", "/alive", {}), ("GET", "/health", {}), ("GET", "/ready", {}),
                    ("POST", "/ready", {}), ("GET", "/no-such-path", {}),
                    ("GET", "/api/init", {}), ("POST", "/api/init", {}),
                    ("POST", "/api/init", init),
                    ("GET", "/api/conversations/count", {}),
                    ("GET", "/api/conversations/count", session),
                    ("POST", "/api/conversations/prepare-for-sandbox-pause", {}),
                    ("POST", "/api/conversations/prepare-for-sandbox-pause", session)):
                body = {} if method == "POST" else None
                real = request(self.handrail.agent_port, method, path, body, headers)
                ours = request(port, method, path, body, headers)
                with self.subTest(request=f"{method} {path} {headers}"):
                    self.assertEqual((ours.status, ours.text and ours.json()),
                                     (real.status, real.text and real.json()))
            real_info = self.handrail.agent("GET", "/server_info").json()
            self.assertLessEqual(request(port, "GET", "/server_info").json().keys(),
                                 real_info.keys())
        finally:
            standin.terminate()
            self.assertEqual(standin.wait(10), -signal.SIGTERM)

    def test_05_conversation_calls_both_tools(self) -> None:
        search, echo = {"pattern": "needle"}, {"text": "first echo"}
        text = calling("workspace_search", search) + "\n" + calling("echo", echo)
        type(self).conversation = self.api.create(self.model.url, self.folder / "workspace", text)
        turn = self.api.turn(self.conversation, text)
        self.assertIn(NEEDLE, turn.answer("workspace_search"))
        self.assertIn("hay.txt", turn.answer("workspace_search"))
        self.assertIn("first echo", turn.answer("echo"))

    def test_06_toolhosts_killed(self) -> None:
        old = self.handrail.children("handrail-toolhost")
        self.assertEqual(len(old), 2)
        for pid in old:
            os.kill(pid, signal.SIGKILL)
        wait_for("two new toolhosts", lambda: len(
            set(self.handrail.children("handrail-toolhost")) - set(old)) == 2, 10)
        self.handrail.wait_status("/readyz", 200)
        self.assertIn(NEEDLE, self.say_and_see("workspace_search", {"pattern": "a needle"}))
        self.assertIn("again", self.say_and_see("echo", {"text": "and again"}))

    def test_07_sidecar_killed(self) -> None:
        old = self.handrail.child("handrail-sidecar")
        os.kill(old, signal.SIGKILL)
        self.assertIn("after", self.say_and_see("echo", {"text": "after the sidecar"}))
        self.assertNotEqual(self.handrail.child("handrail-sidecar"), old)

    def test_08_server_killed(self) -> None:
        old = self.handrail.child("agent-server")
        os.kill(old, signal.SIGKILL)
        off = self.handrail.wait_status("/readyz", 503)
        self.assertIn("[-]", off.text)
        self.assertEqual(self.handrail.get("/livez").status, 200)
        self.assertEqual(self.handrail.get("/startupz").status, 200, "it was ready once")
        self.handrail.wait_status("/readyz", 200, START_SECONDS)
        self.assertNotEqual(self.handrail.child("agent-server"), old)
        self.assertIn(NEEDLE, self.say_and_see("workspace_search", {"pattern": "in a hay"}))

    def test_09_prepare_for_sandbox_pause(self) -> None:
        path = "/api/conversations/prepare-for-sandbox-pause"
        self.assertEqual(self.handrail.agent("POST", path).status, 401)
        self.assertEqual(self.api.ask("POST", path).status, 204)

    def test_10_term(self) -> None:
        started = {process.pid for process in descendants(self.handrail.pid)}
        self.assertGreaterEqual(len(started), 4, "server, sidecar and two toolhosts")
        self.assertEqual(self.handrail.stop(), 143, self.handrail.log())
        self.assertEqual(self.handrail.leftovers(), [])
        self.assertFalse(self.handrail.ambient_file.exists())


if __name__ == "__main__":
    if SERVER is None:
        print("e2e/real: SKIPPED: the pinned agent-server is not installed; "
              "`tests/setup.sh test` says what it needs", file=sys.stderr)
        sys.exit(SKIPPED)
    unittest.main(failfast=True, verbosity=2)
