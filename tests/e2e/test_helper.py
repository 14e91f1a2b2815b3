#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The Python helper inside the real agent-server, with the test itself as the receiver.

Each class is one start of the server, and its tests are the steps of one story, in the order of
their names; when one fails, the rest do not run.
"""

from __future__ import annotations

import json
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import unittest
from collections.abc import Mapping
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "unit")]

from agent_helper import Receiver  # noqa: E402
from harness import (  # noqa: E402
    SECRET_KEY, SESSION_KEY, START_SECONDS, AgentApi, ScriptedModel, calling, message,
    real_environment,
)
from support import (  # noqa: E402
    ROOT, SKIPPED, TREE, Answer, become_subreaper, free_ports, kill_leftovers, real_server, request,
    spawn, wait_for,
)

SERVER = real_server()
MESSAGE_SECONDS = 10.0
README = ROOT / "loader" / "python" / "README.md"
EXAMPLE = README.read_text().split("```")[1].removeprefix("python")
LISTENS = README.read_text().split("```")[3].removeprefix("python") + """

async def load_settings_of(uid):
    import asyncio, os
    await asyncio.sleep(0.1)
    with open(os.environ["SETTINGS_OF"], "a") as file:
        file.write(uid + "\\n")


def fails(phase, info):
    raise RuntimeError("a fault of the module")


handrail_agent.on_phase(fails)
"""
GOOD = "from openhands.sdk import Agent\n\n\nclass Mine(Agent):\n    pass\n"
PROMPT = "You are a test. Call {{ model_name }} by its name.\n"
# Larger than a pipe is by itself, and not as json.dumps would write it.
INIT_BODY = b'{ "session_api_keys":\n["%s"],  "env": {"A_\\u4e2d": "\xe4\xb8\xad %s"} }' % (
    SESSION_KEY.encode(), b"x" * 100000)


class ServerCase(unittest.TestCase):
    """One real server.  A subclass says what is other about it, and adds the steps."""

    files: Mapping[str, str] = {}  # in a folder on the server's Python path
    env: Mapping[str, str] = {}
    flags: tuple[str, ...] = ()
    folder: Path
    receiver: Receiver
    process: subprocess.Popen[bytes]
    api: AgentApi

    @classmethod
    def setUpClass(cls) -> None:
        cls.folder = Path(tempfile.mkdtemp(prefix="handrail-helper-"))
        cls.addClassCleanup(shutil.rmtree, cls.folder, ignore_errors=True)
        for name, text in cls.files.items():
            file = cls.folder / "modules" / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text)
        cls.receiver = Receiver()
        cls.addClassCleanup(cls.receiver.sock.close)
        become_subreaper()
        cls.addClassCleanup(kill_leftovers)
        cls.start()

    @classmethod
    def start(cls) -> None:
        assert SERVER
        [port] = free_ports(1)
        cls.api = AgentApi(port)
        module = cls.env.get("CUSTOM_AGENT_MODULE")
        env = {
            **real_environment(cls.folder, SERVER), "HOME": str(cls.folder / "home"),
            "LANG": "C.UTF-8", "PYTHONDONTWRITEBYTECODE": "1",
            "OH_EXTRA_PYTHON_PATH": f"{TREE / 'share' / 'python'}:{cls.folder / 'modules'}",
            "NOTIFY_SOCKET": cls.receiver.name, "WATCHDOG_USEC": "2000000", **cls.env,
        }
        with open(cls.folder / "log", "ab") as log:
            cls.process = spawn(
                [SERVER, "--host", "127.0.0.1", "--port", str(port), *cls.flags,
                 "--import-modules", "handrail_agent" + (f",{module}" if module else "")],
                env={name: value for name, value in env.items() if value},
                cwd=cls.folder / "workspace", stdout=log, stderr=log)

    def log(self) -> str:
        return (self.folder / "log").read_text("utf-8", "replace")

    def ours(self) -> list[str]:
        """What the helper has printed."""
        return [line for line in self.log().splitlines() if line.startswith("handrail_agent: ")]

    def arrived(self, key: str, count: int = 1, timeout: float = MESSAGE_SECONDS) -> list[str]:
        def enough() -> bool:
            if self.process.poll() is not None and len(self.receiver.all(key)) < count:
                self.fail(f"it ended with {self.process.returncode}:\n{self.log()}")
            return len(self.receiver.all(key)) >= count
        wait_for(f"{count} x {key}; there is {self.receiver.messages}", enough, timeout)
        return self.receiver.all(key)

    def ready(self) -> None:
        """Until it is ready, and answers."""
        self.arrived("READY", timeout=START_SECONDS)
        wait_for("an answer", lambda: self.ask("GET", "/ready").status == 200, MESSAGE_SECONDS)

    def ask(self, method: str, path: str, body: Any = None, **headers: str) -> Answer:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return request(self.api.port, method, path, body, named)

    def converse(self, url: str, agent: Mapping[str, Any], text: str) -> dict[str, Any]:
        """Create a conversation with that agent; what the server says of it."""
        llm = {"model": "openai/scripted", "base_url": url, "api_key": "unused",
               "usage_id": "agent", "num_retries": 0}
        return self.api.expect(201, "POST", "/api/conversations", {
            "agent": {"llm": llm, "tools": [], **agent},
            "workspace": {"working_dir": str(self.folder / "workspace")},
            "initial_message": message(text)})

    def ends(self, number: int = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        return self.process.wait(30)

    def problem(self, pattern: str) -> None:
        """The helper's one complaint, from its start on, in the message and in the log."""
        [error] = self.arrived("X_HANDRAIL_AGENT_ERROR", timeout=START_SECONDS)
        self.assertRegex(error, "^" + pattern)
        self.assertLessEqual(len(error.encode()), 180)
        self.assertEqual(self.receiver.all("X_HANDRAIL_AGENT"), [])
        self.assertEqual(len(self.ours()), 1)
        self.assertRegex(self.ours()[0], "^handrail_agent: " + pattern)


class GoodClass(ServerCase):
    """A class with prompts beside it, made the default."""

    files = {"good_agents.py": GOOD, "prompts/system_prompt.j2": PROMPT}
    env = {"CUSTOM_AGENT_MODULE": "good_agents", "CUSTOM_AGENT_CLASS": "Mine",
           "HANDRAIL_AGENT_DEFAULT": "1"}
    model: ScriptedModel
    conversation = ""

    @classmethod
    def setUpClass(cls) -> None:
        cls.model = ScriptedModel()
        cls.addClassCleanup(cls.model.stop)
        super().setUpClass()

    def test_1_ready(self) -> None:
        self.ready()
        self.assertEqual(self.receiver.messages[:3], [
            ["STATUS=starting"], ["X_HANDRAIL_AGENT=ok"], ["READY=1", "STATUS=serving"]])

    def test_2_heartbeats(self) -> None:
        count = len(self.receiver.all("WATCHDOG"))
        start = time.monotonic()
        self.arrived("WATCHDOG", count + 4)
        took = time.monotonic() - start
        self.assertLess(took, 10.0)  # 0.5 s each

    def test_3_a_stopped_server_says_so(self) -> None:
        self.process.send_signal(signal.SIGSTOP)
        time.sleep(2.0)
        count = len(self.receiver.all("WATCHDOG"))
        time.sleep(0.6)
        self.assertEqual(len(self.receiver.all("WATCHDOG")), count)
        self.process.send_signal(signal.SIGCONT)
        worst = self.arrived("X_HANDRAIL_LAG_MS", count + 1)[-1]
        self.assertGreater(int(worst), 1900)
        self.assertLess(int(worst), 5000)

    def test_4_stock_agents_become_the_class(self) -> None:
        for agent in ({}, {"kind": "Agent"}):
            text = calling("think", {"thought": f"as {agent}"})
            made = self.converse(self.model.url, agent, text)
            self.assertEqual(made["agent"]["kind"], "Mine")
            turn = self.api.turn(made["id"], text)
            self.assertIn("thought", turn.answer("think"))
        type(self).conversation = made["id"]
        port = int(self.model.url.removesuffix("/v1").rpartition(":")[2])
        asked = request(port, "GET", "/_requests", headers={"Connection": "close"}).json()
        self.assertIn("You are a test. Call openai/scripted", json.dumps(asked[-1]["messages"][0]))

    def test_5_other_kinds_stay(self) -> None:
        answer = self.api.ask("POST", "/api/conversations", {
            "agent": {"kind": "NoSuchAgent", "llm": {"model": "x"}},
            "workspace": {"working_dir": str(self.folder)}})
        self.assertEqual(answer.status, 422)
        self.assertIn("Unknown kind 'NoSuchAgent'", answer.text)
        self.assertEqual(self.api.ask("POST", "/api/conversations", b"{").status, 422)
        self.assertEqual(self.ask("POST", "/api/conversations", {"agent": {}}).status, 401)

    def test_6_websockets_pass(self) -> None:
        path = f"/sockets/events/{self.conversation}?session_api_key={SESSION_KEY}"
        with socket.create_connection(("127.0.0.1", self.api.port), timeout=10) as peer:
            peer.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\n"
                         "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
                         "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n".encode())
            self.assertIn(b" 101 ", peer.recv(4096).split(b"\r\n")[0])

    def test_7_environment_is_not_inherited(self) -> None:
        got = self.api.expect(200, "POST", "/api/bash/execute_bash_command",
                              {"command": "echo $NOTIFY_SOCKET,$WATCHDOG_USEC,$CUSTOM_AGENT_CLASS"})
        self.assertEqual(got["stdout"].strip(), ",,Mine")

    def test_8_term(self) -> None:
        self.assertEqual(self.receiver.all("STOPPING"), [])
        self.assertEqual(self.ends(), -signal.SIGTERM)
        self.assertEqual(self.receiver.all("STOPPING"), ["1"])
        self.assertEqual(self.receiver.all("READY"), ["1"])
        self.assertEqual(self.ours(), [])


class DeferredInit(ServerCase):
    """The body of /api/init; a class that the module, the example of the README, does not have,
    which changes nothing; and a conversation whose agent class is gone, which does."""

    files = {"my_agent.py": EXAMPLE}
    env = {"CUSTOM_AGENT_MODULE": "my_agent", "CUSTOM_AGENT_CLASS": "Yours",
           "OH_DEFERRED_INIT": "1", "OH_SESSION_API_KEYS_0": ""}

    def state(self) -> str:
        return self.ask("GET", "/api/init").json()["state"]

    def init(self, body: bytes, key: str = SECRET_KEY) -> int:
        return self.ask("POST", "/api/init", body, X_Init_API_Key=key).status

    def test_1_ready_and_the_class_is_missing(self) -> None:
        self.ready()
        self.problem(r"class Yours: module my_agent has none: .*\(MyAgent\)$")
        self.assertEqual(self.state(), "dormant")

    def test_2_refused_bodies_are_not_told(self) -> None:
        self.assertEqual(self.init(INIT_BODY, "wrong"), 401)
        self.assertEqual(self.init(b'{"no_such_field": 1}'), 422)
        self.assertEqual(self.init(b"{"), 422)
        self.assertEqual(self.ask("POST", "/api/conversations", {}).status, 503)
        self.assertEqual(self.receiver.all("X_HANDRAIL_INIT"), [])

    def test_3_the_accepted_body_is(self) -> None:
        self.assertEqual(self.init(INIT_BODY), 200)
        self.assertEqual(self.receiver.all("X_HANDRAIL_INIT"), [str(len(INIT_BODY))])
        self.assertEqual(self.receiver.bodies, [INIT_BODY])
        self.assertEqual(self.state(), "ready")
        self.assertEqual(self.init(INIT_BODY), 400)
        self.assertEqual(self.api.ask("GET", "/api/conversations/count").status, 200)
        self.assertEqual(len(self.receiver.all("X_HANDRAIL_INIT")), 1)
        self.assertNotIn(SESSION_KEY, self.log())

    def test_4_the_example_of_the_readme(self) -> None:
        model = ScriptedModel()
        self.addCleanup(model.stop)
        text = calling("think", {"thought": "as the example"})
        made = self.converse(model.url, {"kind": "MyAgent"}, text)
        self.assertEqual(made["agent"]["kind"], "MyAgent")
        self.assertIn("thought", self.api.turn(made["id"], text).answer("think"))

    def restart(self, **env: str) -> None:
        self.assertEqual(self.ends(signal.SIGKILL), -signal.SIGKILL)
        for kept in (self.receiver.messages, self.receiver.bodies):
            kept.clear()
        (self.folder / "log").unlink()
        type(self).env = {**self.env, **env}
        self.start()
        self.ready()

    def test_5_it_serves_for_a_replay(self) -> None:
        [body] = self.receiver.bodies
        self.restart(CUSTOM_AGENT_MODULE="", CUSTOM_AGENT_CLASS="")
        self.assertEqual(self.state(), "dormant")
        # In parts, as a slow client sends it.
        with socket.create_connection(("127.0.0.1", self.api.port), timeout=40) as peer:
            peer.sendall(b"POST /api/init HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
                         b"X-Init-API-Key: %s\r\nTransfer-Encoding: chunked\r\n\r\n"
                         % SECRET_KEY.encode())
            for start in range(0, len(body), 3000):
                part = body[start:start + 3000]
                peer.sendall(b"%x\r\n%s\r\n" % (len(part), part))
                time.sleep(0.01)
            peer.sendall(b"0\r\n\r\n")
            self.assertIn(b" 200 ", peer.recv(4096).split(b"\r\n")[0])
        self.assertEqual(self.state(), "ready")
        self.receiver.take()
        self.assertEqual(self.receiver.bodies, [body])

    def test_6_a_class_that_is_gone_breaks_the_search_and_is_told(self) -> None:
        self.assertEqual(self.arrived("STATUS", 3)[2], "serving, but conversation search fails: "
                                                       "agent class MyAgent is not loaded")
        self.assertEqual(self.ours(), [
            "handrail_agent: 1 conversation on disk asks for the agent class MyAgent, which is not "
            "loaded: until its module is imported the server answers GET /api/conversations/search "
            "with 500: set CUSTOM_AGENT_MODULE to the module that has it"])
        self.assertEqual(self.api.ask("GET", "/api/conversations/search").status, 500)
        self.assertEqual(self.receiver.all("READY"), ["1"])

    def test_7_its_module_mends_that(self) -> None:
        self.restart(CUSTOM_AGENT_MODULE="my_agent", CUSTOM_AGENT_CLASS="MyAgent",
                     OH_DEFERRED_INIT="", OH_SESSION_API_KEYS_0=SESSION_KEY)
        found = self.api.expect(200, "GET", "/api/conversations/search")
        self.assertEqual([item["agent"]["kind"] for item in found["items"]], ["MyAgent"])
        self.arrived("WATCHDOG", 3)
        self.assertEqual(self.ours(), [])
        self.assertEqual(self.receiver.all("STATUS"), ["starting", "serving"])


class Listening(ServerCase):
    """A module that reacts to the pod's claim, as the README has it."""

    files = {"listens.py": LISTENS}

    @classmethod
    def start(cls) -> None:
        cls.settings = cls.folder / "settings"
        cls.env = {"CUSTOM_AGENT_MODULE": "listens", "SETTINGS_OF": str(cls.settings)}
        super().start()

    def claimed(self) -> list[str]:
        return self.settings.read_text().split() if self.settings.exists() else []

    def test_1_what_was_told_while_it_started(self) -> None:
        self.arrived("STATUS", timeout=START_SECONDS)
        self.receiver.answer("PHASE=starting")
        self.receiver.answer("PHASE=claimed\nFROM=starting\nCLAIM_UID=u-1")
        self.ready()
        wait_for("the claim", lambda: self.claimed() == ["u-1"], MESSAGE_SECONDS)

    def test_2_what_comes_later(self) -> None:
        self.receiver.answer("PHASE=active\nFROM=claimed")
        self.receiver.answer("PHASE=claimed\nFROM=active\nCLAIM_UID=u-2")
        wait_for("the claim", lambda: self.claimed() == ["u-1", "u-2"], MESSAGE_SECONDS)
        self.assertEqual(self.ask("GET", "/ready").status, 200)

    def test_3_its_fault_is_one_line(self) -> None:
        [line] = self.ours()
        self.assertRegex(line, "on_phase callback fails: RuntimeError: a fault of the module")

    def test_4_term(self) -> None:
        self.assertEqual(self.ends(), -signal.SIGTERM)


class NoAgent(ServerCase):
    """With --reload, which this server takes and does without a process of its own."""

    files = {"no_agents.py": "class Mine:\n    pass\n"}
    env = {"CUSTOM_AGENT_MODULE": "no_agents", "CUSTOM_AGENT_CLASS": "Mine"}
    flags = ("--reload",)

    def test_1(self) -> None:
        self.ready()
        self.problem("class Mine: in module no_agents it is no AgentBase: derive it from openhands")
        self.arrived("WATCHDOG", 3)
        self.assertEqual(self.ends(), -signal.SIGTERM)


class WithoutPrompts(ServerCase):
    """A bare subclass: the complaint, and that it is right."""

    files = {"bare_agents.py": GOOD}
    env = {"CUSTOM_AGENT_MODULE": "bare_agents", "CUSTOM_AGENT_CLASS": "Mine",
           "HANDRAIL_AGENT_DEFAULT": "1"}
    model: ScriptedModel

    @classmethod
    def setUpClass(cls) -> None:
        cls.model = ScriptedModel()
        cls.addClassCleanup(cls.model.stop)
        super().setUpClass()

    def test_1_said(self) -> None:
        self.ready()
        self.problem("class Mine: first message fails: add /.*/system_prompt.j2, give ")
        self.assertEqual(self.receiver.messages[2], ["READY=1", "STATUS=serving"])

    def test_2_true(self) -> None:
        llm = {"model": "openai/scripted", "api_key": "unused", "base_url": self.model.url}
        answer = self.api.ask("POST", "/api/conversations", {
            "agent": {"kind": "Mine", "llm": llm, "tools": []},
            "workspace": {"working_dir": str(self.folder / "workspace")},
            "initial_message": message("hello")})
        self.assertEqual(answer.status, 500)
        self.assertRegex(answer.text, "Prompt file .*/modules/prompts/system_prompt.j2 not found")

    def test_3_not_made_the_default(self) -> None:
        text = calling("think", {"thought": "as ever"})
        made = self.converse(self.model.url, {"kind": "Agent"}, text)
        self.assertEqual(made["agent"]["kind"], "Agent")
        self.assertIn("thought", self.api.turn(made["id"], text).answer("think"))


class SyntaxFault(ServerCase):
    files = {"broken_agents.py": "x = 1\nclass Mine(:\n"}
    env = {"CUSTOM_AGENT_MODULE": "broken_agents", "CUSTOM_AGENT_CLASS": "Mine"}

    def test_1(self) -> None:
        self.assertEqual(self.process.wait(START_SECONDS), 1)
        [error] = self.receiver.all("X_HANDRAIL_AGENT_ERROR")
        self.assertRegex(error, "^module broken_agents: .*/broken_agents.py line 2: SyntaxError: ")
        self.assertIn("SyntaxError", self.log())
        self.assertEqual(self.receiver.all("READY"), [])


if __name__ == "__main__":
    if SERVER is None:
        print("e2e/helper: SKIPPED: the pinned agent-server is not installed; "
              "`tests/setup.sh test` says what it needs", file=sys.stderr)
        sys.exit(SKIPPED)
    unittest.main(failfast=True, verbosity=2)
