#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What an agent of the real agent-server sees of native tools that fail, take long or are killed: in
each case the conversation goes on.

The tests are the steps of one story, in the order of their names; when one fails, the rest do not
run.  The longest call, of 90 s, runs in a conversation of its own beside the others.
"""

from __future__ import annotations

import os
import shutil
import signal
import sys
import tempfile
import time
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

from harness import (  # noqa: E402
    START_SECONDS, AgentApi, ScriptedModel, calling, json_text, message, real_environment,
)
from support import BUILD, SAMPLES, SKIPPED, Handrail, real_server, wait_for  # noqa: E402

SERVER = real_server()


class Tools(unittest.TestCase):
    folder: Path
    model: ScriptedModel
    handrail: Handrail
    api: AgentApi
    conversation = ""
    patient = ""
    patient_text = ""
    long_text = ""

    @classmethod
    def setUpClass(cls) -> None:
        assert SERVER
        cls.folder = Path(tempfile.mkdtemp(prefix="handrail-tools-"))
        cls.addClassCleanup(shutil.rmtree, cls.folder, ignore_errors=True)
        cls.model = ScriptedModel()
        cls.addClassCleanup(cls.model.stop)
        plugins = [{"id": name, "path": str(path)} for name, path in (
            ("echo", SAMPLES / "echo.so"),
            ("patient", BUILD / "tests" / "plugins" / "patient.so"),
            ("faulty", BUILD / "tests" / "plugins" / "faulty.so"))]
        cls.handrail = Handrail(
            cls.folder, [SERVER, "--host", "127.0.0.1", "--port", "{port}"], plugins=plugins,
            env=real_environment(cls.folder, SERVER), cwd=cls.folder / "workspace")
        cls.addClassCleanup(cls.handrail.kill)
        cls.api = AgentApi(cls.handrail.agent_port)

    def call(self, tool: str, arguments: dict, conversation: str = "") -> dict:
        """Have the agent call the tool: what it saw."""
        text = calling(tool, arguments)
        self.api.send(conversation or self.conversation, text)
        return self.api.turn(conversation or self.conversation, text).observation(tool)

    def worked(self, tool: str, arguments: dict, words: str) -> None:
        seen = self.call(tool, arguments)
        self.assertFalse(seen["is_error"], seen)
        self.assertIn(words, json_text(seen["content"]))

    def failed(self, seen: dict, words: str) -> None:
        self.assertTrue(seen["is_error"], seen)
        self.assertIn(words, json_text(seen["content"]))

    def in_the_middle_of_a_call(self) -> None:
        type(self).long_text = calling("work", {"seconds": 20 + len(self.long_text)})
        self.api.send(self.conversation, self.long_text)
        wait_for("the call", lambda: self.handrail.get("/status").json()["plugins"][1]
                 ["calls_in_flight"] == 1, 20)

    def seen_of_that_call(self) -> dict:
        return self.api.turn(self.conversation, self.long_text).observation("work")

    def test_01_ready(self) -> None:
        self.handrail.wait_status("/readyz", 200, START_SECONDS)
        text = calling("work", {"seconds": 90})
        type(self).patient_text = text
        type(self).patient = self.api.create(self.model.url, self.folder / "workspace", text)
        first = calling("echo", {"text": "hello"})
        type(self).conversation = self.api.create(self.model.url, self.folder / "workspace", first)
        self.assertIn("hello", self.api.turn(self.conversation, first).answer("echo"))

    def test_02_one_that_fails(self) -> None:
        self.failed(self.call("work", {"fail": True}), "turn it over and call again")
        self.worked("work", {}, "worked for 0 s")

    def test_03_one_that_reports_progress(self) -> None:
        self.worked("work", {"seconds": 2}, "worked for 2 s")

    def test_04_one_that_is_not_done_in_time(self) -> None:
        began = time.monotonic()
        self.failed(self.call("hang", {}), "did not finish within 1.5 s")
        self.assertLess(time.monotonic() - began, 30)
        wait_for("its new toolhost", lambda: self.handrail.get("/status").json()["plugins"][2]["ok"],
                 20)

    def test_05_one_that_crashes(self) -> None:
        seen = self.call("crash", {})
        self.assertTrue(seen["is_error"], seen)
        self.worked("echo", {"text": "still here"}, "still here")

    def test_06_the_90_seconds(self) -> None:
        turn = self.api.turn(self.patient, self.patient_text, 120)
        self.assertIn("worked for 90 s", turn.answer("work"))

    def test_07_its_toolhost_is_killed_in_a_call(self) -> None:
        self.in_the_middle_of_a_call()
        services = self.handrail.get("/status").json()["services"]
        os.kill(next(s["pid"] for s in services if s["name"] == "toolhost/patient"), signal.SIGKILL)
        self.assertTrue(self.seen_of_that_call()["is_error"])
        self.worked("work", {}, "worked for 0 s")

    def test_08_the_sidecar_is_killed_in_a_call_and_between_two(self) -> None:
        self.in_the_middle_of_a_call()
        os.kill(self.handrail.child("handrail-sidecar"), signal.SIGKILL)
        seen = self.seen_of_that_call()
        self.assertTrue(seen["is_error"], seen)  # the call is lost, and the agent is told
        self.worked("echo", {"text": "after it"}, "after it")
        os.kill(self.handrail.child("handrail-sidecar"), signal.SIGKILL)
        self.worked("echo", {"text": "and between"}, "and between")

    def test_09_beside_another_server_the_names_are_longer(self) -> None:
        llm = {"model": "openai/scripted", "base_url": self.model.url, "api_key": "unused",
               "usage_id": "agent", "num_retries": 0}
        text = calling("handrail_echo", {"text": "with a prefix"})
        made = self.api.expect(201, "POST", "/api/conversations", {
            "agent": {"kind": "Agent", "llm": llm, "tools": [], "mcp_config": {"other": {
                "transport": "stdio", "command": str(SERVER.parent / "python"),
                "args": ["-c", "from fastmcp import FastMCP\nm = FastMCP('other')\n"
                               "@m.tool\ndef shout(text: str) -> str:\n    return text.upper()\n"
                               "m.run(show_banner=False)"]}}},
            "workspace": {"working_dir": str(self.folder / "workspace")},
            "initial_message": message(text)})["id"]
        turn = self.api.turn(made, text)
        self.assertIn("with a prefix", turn.answer("handrail_echo"))
        seen = self.call("other_shout", {"text": "and the other"}, made)
        self.assertIn("AND THE OTHER", json_text(seen["content"]))
        self.failed(self.call("handrail_work", {"fail": True}, made), "turn it over")
        self.assertFalse(self.call("handrail_work", {"seconds": 1}, made)["is_error"])

    def test_10_term(self) -> None:
        self.assertEqual(self.handrail.stop(), 143, self.handrail.log())
        self.assertEqual(self.handrail.leftovers(), [])


if __name__ == "__main__":
    if SERVER is None:
        print("e2e/tools: SKIPPED: the pinned agent-server is not installed; "
              "`tests/setup.sh test` says what it needs", file=sys.stderr)
        sys.exit(SKIPPED)
    unittest.main(failfast=True, verbosity=2)
