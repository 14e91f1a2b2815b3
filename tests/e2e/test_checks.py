#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The health checks of the real agent-server: the faults of its API that /health cannot see, what
probing leaves behind in it, and that nothing of this makes the pod not ready.

Each class is one handrail, and its tests are the steps of one story, in the order of their names.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import tempfile
import time
import unittest
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent))

from harness import (  # noqa: E402
    SECRET_KEY, SESSION_KEY, START_SECONDS, AgentApi, real_environment,
)
from support import SKIPPED, Handrail, real_server, request, wait_for  # noqa: E402

SERVER = real_server()

# Holds every thread of the server's default executor for as long as the file `wedge` is there, as
# slow tool calls do.
WEDGE = """\
import asyncio
import os
import time

import uvicorn.config
from openhands.sdk import Agent

load = uvicorn.config.Config.load


class Mine(Agent):
    system_prompt: str | None = "You are a test."


def hold():
    while os.path.exists("wedge"):
        time.sleep(0.05)


async def watch():
    while True:
        if os.path.exists("wedge"):
            loop = asyncio.get_running_loop()
            await asyncio.gather(*[loop.run_in_executor(None, hold) for _ in range(100)])
        await asyncio.sleep(0.05)


def load_and_watch(self):
    load(self)
    app, tasks = self.loaded_app, []

    async def watched(scope, receive, send):
        if not tasks:
            tasks.append(asyncio.create_task(watch()))
        await app(scope, receive, send)
    self.loaded_app = watched


uvicorn.config.Config.load = load_and_watch
"""

# Fast enough for a test; as slow as by default nothing would be seen for a minute.
FAST = ["--check", "api:period=0.5,timeout=2"]


class Case(unittest.TestCase):
    env: dict[str, str] = {}
    module = WEDGE
    options = FAST
    folder: Path
    handrail: Handrail

    @classmethod
    def setUpClass(cls) -> None:
        scratch = tempfile.TemporaryDirectory(prefix="handrail-checks-")
        cls.addClassCleanup(scratch.cleanup)
        cls.folder = Path(scratch.name)
        (cls.folder / "mine.py").write_text(cls.module)
        cls.start()

    @classmethod
    def start(cls, *flags: str) -> None:
        assert SERVER
        command = [SERVER, "--host", "127.0.0.1", "--port", "{port}", *flags]
        if not flags:
            command += ["--import-modules", "mine", "--extra-python-path", str(cls.folder)]
        cls.handrail = Handrail(cls.folder, command, options=cls.options, cwd=cls.folder / "workspace",
                                env={**real_environment(cls.folder, SERVER), **cls.env})
        cls.addClassCleanup(cls.handrail.kill)

    def check(self, name: str = "api") -> Any:
        [found] = [c for c in self.handrail.get("/status").json()["checks"] if c["name"] == name]
        return found

    def wait_api(self, status: str, message: str = "") -> Any:
        def reached() -> Any:
            check = self.check()
            return check if check["status"] == status and message in check["message"] else None
        return wait_for(f"api to be {status} ({message})", reached, 120)


class Wedge(Case):
    def test_1_it_is_well(self) -> None:
        self.handrail.wait_status("/readyz", 200, START_SECONDS)
        self.wait_api("pass")
        wait_for("an answer", lambda: self.check()["observed"], 30)

    def test_2_no_thread_of_the_executor_is_free(self) -> None:
        (self.folder / "workspace" / "wedge").touch()
        failed = self.wait_api("warn", "no answer within 2000 ms")
        self.assertFalse(failed["ok"])
        self.assertEqual(failed["gates"], [])
        # Nothing else sees it, and the number of conversations would not have.
        for path in ("/alive", "/ready", "/health", "/api/conversations/count"):
            self.assertEqual(self.handrail.agent("GET", path, key=SESSION_KEY).status, 200, path)
        self.assertEqual(self.handrail.get("/readyz").status, 200)
        self.assertEqual(self.handrail.get("/livez").status, 200)
        self.assertIn('handrail_check_ok{check="api"} 0', self.handrail.get("/metrics").text)

    def test_3_it_passes(self) -> None:
        (self.folder / "workspace" / "wedge").unlink()
        self.wait_api("pass")
        self.assertNotIn("no longer ready", self.handrail.log())

    def test_4_probing_is_no_activity_and_leaves_no_line(self) -> None:
        server = self.handrail.agent("GET", "/server_info").json()
        self.assertGreaterEqual(server["idle_time"] + 2, server["uptime"])
        self.assertIn("/health", self.handrail.log())  # there is an access log
        for path in ("/ready?handrail", "/alive?handrail", "bash_events"):
            self.assertNotIn(path, self.handrail.log())

    def test_5_its_key_is_nowhere(self) -> None:
        for path in ("/status", "/metrics", "/healthz", "/readyz?verbose"):
            self.assertNotIn(SESSION_KEY, self.handrail.get(path).text)
        self.assertNotIn(SESSION_KEY, self.handrail.log())
        self.assertEqual(self.handrail.stop(), 143)


class LostClass(Case):
    # That failure is slow: the server takes seconds to write down what went wrong.
    options = ["--check", "api:period=0.5,timeout=60"]

    def test_1_a_conversation_of_our_class(self) -> None:
        self.handrail.wait_status("/readyz", 200, START_SECONDS)
        api = AgentApi(self.handrail.agent_port)
        api.expect(201, "POST", "/api/conversations", {
            "agent": {"kind": "Mine", "tools": [],
                      "llm": {"model": "openai/x", "api_key": "unused", "usage_id": "agent"}},
            "workspace": {"working_dir": str(self.folder)}})
        self.wait_api("pass")
        self.assertEqual(self.handrail.stop(), 143)

    def test_2_without_the_class_the_search_fails(self) -> None:
        type(self).start("--extra-python-path", str(self.folder))
        self.handrail.wait_status("/readyz", 200, START_SECONDS)
        failed = self.wait_api("warn", "GET /api/conversations/search answered 500")
        self.assertEqual(failed["gates"], [])
        count = self.handrail.agent("GET", "/api/conversations/count", key=SESSION_KEY)
        self.assertEqual(count.status, 200)
        # Its log comes late, hundreds of lines; then it is not asked again, ten periods long.
        wait_for("what went wrong", lambda: "Unknown kind" in self.handrail.log(), 60)
        said = -1
        while said != self.handrail.log().count("Unknown kind"):
            said = self.handrail.log().count("Unknown kind")
            time.sleep(5)
        self.assertEqual(self.check()["status"], "warn")
        self.handrail.wait_status("/readyz", 200, START_SECONDS)
        self.assertEqual(self.handrail.stop(), 143)


class Deferred(Case):
    """A key that came with the initialisation, and a server that is dormant until then."""

    env = {"OH_DEFERRED_INIT": "1", "OH_SESSION_API_KEYS_0": "", "OH_SECRET_KEY": SECRET_KEY}

    def test_1_nothing_is_asked_of_a_dormant_server(self) -> None:
        self.handrail.wait_status("/readyz", 200, START_SECONDS)
        check = self.wait_api("pass", "not asked: no session key is known")
        self.assertIsNone(check["observed"])

    def test_2_the_key_is_learnt(self) -> None:
        key = "learnt-" + SESSION_KEY
        answer = request(self.handrail.agent_port, "POST", "/api/init",
                         {"session_api_keys": [key]}, {"X-Init-API-Key": SECRET_KEY}, 60)
        self.assertEqual(answer.status, 200, answer.text)
        wait_for("the API to be asked", lambda: self.check()["observed"], 30)
        self.assertEqual(self.check()["message"], "")
        # A new sidecar learns it again.
        os.kill(self.handrail.child("handrail-sidecar"), signal.SIGKILL)
        wait_for("the API to be asked anew",
                 lambda: self.handrail.get("/status").status == 200 and self.check()["observed"], 60)
        self.assertNotIn(key, json.dumps(self.handrail.get("/status").json()))
        self.assertNotIn(key, self.handrail.log())

    def test_3_after_a_crash_too(self) -> None:
        os.kill(self.handrail.child("agent-server"), signal.SIGKILL)
        self.handrail.wait_line("its initialisation has been replayed", START_SECONDS)
        self.handrail.wait_status("/readyz", 200, START_SECONDS)
        wait_for("the API to be asked", lambda: self.check()["observed"], 60)
        self.assertEqual(self.handrail.stop(), 143)


if __name__ == "__main__":
    if SERVER is None:
        print("e2e/checks: SKIPPED: the pinned agent-server is not installed; "
              "`tests/setup.sh test` says what it needs", file=sys.stderr)
        sys.exit(SKIPPED)
    unittest.main(failfast=True, verbosity=2)
