#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The real agent-server under handrail when it goes wrong: crashes, hangs, classes that are none,
stops that do not end; and every way in which a platform starts it.

Each class is one handrail, and its tests are the steps of one story, in the order of their names;
when one fails, the rest do not run.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import unittest
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent))

from harness import (  # noqa: E402
    SECRET_KEY, SESSION_KEY, START_SECONDS, AgentApi, ScriptedModel, Turn, calling,
    real_environment,
)
from support import (  # noqa: E402
    BUILD, HANDRAIL, SKIPPED, Answer, Handrail, descendants, real_server, request, wait_for,
)

from podinfo import CLAIMED_WITH_UID, POOLED, Podinfo  # noqa: E402

SERVER = real_server()
TMUX = shutil.which("tmux")
PAUSE = "/api/conversations/prepare-for-sandbox-pause"
TURN = 30.0  # seconds for what takes a fraction of one on an idle machine
MIB = 1024 * 1024

# An agent class, and a server that does on SIGUSR1 what the file `order` in its folder says, on
# the thread that the event loop runs on.
AGENT = """\
import ctypes
import signal
import time

from openhands.sdk import Agent


class Mine(Agent):
    system_prompt: str | None = "You are a test."


def the_place_where_it_hangs():
    ctypes.PyDLL(None).sleep(300)  # unlike time.sleep() it keeps the interpreter's lock


def obey(number, frame):
    with open("order") as file:
        exec(file.read(), globals())


signal.signal(signal.SIGUSR1, obey)
"""
BROKEN = "x = 1\nclass Mine(:\n"


class Case(unittest.TestCase):
    """One handrail around the real server.  A subclass says what is other about it, and adds the
    steps."""

    env: Mapping[str, str | None] = {}
    options: Sequence[str] = ()
    files: Mapping[str, str] = {}  # in the folder of CUSTOM_AGENT_PATH
    plugins: Sequence[Mapping[str, Any]] = ()
    folder: Path
    handrail: Handrail

    @classmethod
    def setUpClass(cls) -> None:
        assert SERVER
        cls.folder = Path(tempfile.mkdtemp(prefix="handrail-e2e-"))
        cls.addClassCleanup(shutil.rmtree, cls.folder, ignore_errors=True)
        for name in ("modules", "crashes"):
            (cls.folder / name).mkdir()
        for name, text in cls.files.items():
            (cls.folder / "modules" / name).write_text(text)
        env = {**environment(cls.folder), "CUSTOM_AGENT_PATH": str(cls.folder / "modules"),
               "HANDRAIL_CRASH_DIR": str(cls.folder / "crashes"), **cls.env}
        cls.handrail = Handrail(cls.folder, [SERVER, "--port", "{port}"], env=env,
                                options=cls.options, plugins=cls.plugins,
                                cwd=cls.folder / "workspace")
        cls.addClassCleanup(cls.handrail.kill)

    def status(self) -> Any:
        return self.handrail.get("/status").json()

    def service(self) -> Any:
        return self.status()["services"][0]

    def readyz(self) -> str:
        return self.handrail.get("/readyz?verbose").text

    def crash(self, number: int) -> Any:
        return json.loads(client(self.handrail, "crashes", str(number), "--json"))

    def kill_server(self) -> int:
        """SIGKILL for the server, and its death seen; where the log goes on."""
        seen = len(self.handrail.lines)
        os.kill(self.service()["pid"], signal.SIGKILL)
        self.handrail.wait_line(r"server: killed by signal 9 \(Killed\)", start=seen)
        return seen

    def order(self, text: str) -> None:
        (self.folder / "workspace" / "order").write_text(text)
        self.handrail.process.send_signal(signal.SIGUSR1)  # which goes to the server

    def line_number(self, pattern: str, start: int = 0) -> int:
        """Where the first such line is in the log."""
        found = [number for number, (_, line) in enumerate(self.handrail.lines)
                 if number >= start and re.search(pattern, line)]
        self.assertTrue(found, f"no line like {pattern}:\n{self.handrail.log()}")
        return found[0]


def environment(folder: Path) -> dict[str, str | None]:
    """As in an image: the port is the command line's, the log is JSON."""
    return {**real_environment(folder, SERVER or Path()), "HANDRAIL_AGENT_PORT": None,
            "LOG_JSON": "true", "PYTHONDONTWRITEBYTECODE": "1"}


def client(handrail: Handrail, command: str, *arguments: str) -> str:
    """What one of handrail's client commands prints."""
    return subprocess.run([HANDRAIL, command, f"--pid={handrail.pid}", *arguments], check=True,
                          capture_output=True, text=True, timeout=20).stdout


class ClaimedPod(Case):
    """A module in the server, and a plugin, that want to know when the pod becomes somebody's."""

    files = {"listening.py": """\
import os
import handrail_agent


@handrail_agent.on_phase
async def on_phase(phase, info):
    with open(os.environ["HEARD"], "a") as file:
        print(phase, info["from"], info["claim_uid"], file=file)
"""}
    plugins = [{"id": "phases", "path": str(BUILD / "tests" / "plugins" / "phases.so"),
                "enabled": True}]
    volume: Podinfo

    @classmethod
    def setUpClass(cls) -> None:
        folder = Path(tempfile.mkdtemp(prefix="handrail-e2e-podinfo-"))
        cls.addClassCleanup(shutil.rmtree, folder, ignore_errors=True)
        cls.volume = Podinfo(folder / "podinfo")
        cls.volume.write(POOLED)
        cls.heard_file = folder / "heard"
        cls.env = {"CUSTOM_AGENT_MODULE": "listening", "HEARD": str(cls.heard_file),
                   "HANDRAIL_PODINFO_DIR": str(cls.volume.folder)}
        super().setUpClass()

    def heard(self) -> list[str]:
        return self.heard_file.read_text().splitlines() if self.heard_file.exists() else []

    def hears(self, line: str) -> None:
        wait_for(f"{line}; there is {self.heard()}", lambda: self.heard()[-1:] == [line], TURN)

    def test_1_warm(self) -> None:
        self.handrail.wait_status("/readyz", 200, START_SECONDS)
        self.hears("warm warming None")

    def test_2_claimed(self) -> None:
        self.volume.write(CLAIMED_WITH_UID)
        self.hears("claimed warm 8f2c-11")
        wait_for("the plugin", lambda: '"claimed"' in str(
            self.handrail.call_tool("present", {})["content"]).replace("\\", ""), TURN)

    def test_3_the_server_s_next_life_hears_it_too(self) -> None:
        before = len(self.heard())
        self.kill_server()
        wait_for("the present phase", lambda: self.heard()[before:][-1:] ==
                 ["claimed warm 8f2c-11"], START_SECONDS)

    def test_4_term(self) -> None:
        self.assertEqual(self.handrail.stop(), 143)
        self.assertNotIn("handrail_agent:", self.handrail.log())


class DeferredPod(Case):
    """A pod of a warm pool: claimed, crashed in the middle of a tool call, slow, hung, stopped."""

    KEY, SECRET, VALUE = "session-key-of-the-claim", "secret-key-of-the-claim", "value-of-the-claim"
    files = {"faulty_agent.py": AGENT}
    env = {"OH_DEFERRED_INIT": "1", "OH_SESSION_API_KEYS_0": None, "OH_CONVERSATIONS_PATH": None,
           "CUSTOM_AGENT_MODULE": "faulty_agent", "CUSTOM_AGENT_CLASS": "Mine",
           "HANDRAIL_LOG_LEVEL": "debug"}
    options = ["--watchdog=7", "--watchdog-soft=2"]
    plugins = [{"id": "faulty", "path": str(BUILD / "tests" / "plugins" / "faulty.so"),
                "enabled": True}]
    model: ScriptedModel
    api: AgentApi
    conversation = ""
    tmux: Sequence[int] = ()

    @classmethod
    def setUpClass(cls) -> None:
        cls.model = ScriptedModel()
        cls.addClassCleanup(cls.model.stop)
        super().setUpClass()
        cls.api = AgentApi(cls.handrail.agent_port, cls.KEY)

    def initialise(self, key: str) -> Answer:
        return request(self.handrail.agent_port, "POST", "/api/init", {
            "session_api_keys": [self.KEY], "secret_key": self.SECRET,
            "conversations_path": str(self.folder / "claimed"), "max_concurrent_runs": 7,
            "env": {"CLAIMED": self.VALUE}}, {"X-Init-API-Key": key})

    def state(self) -> str:
        answer = self.handrail.agent("GET", "/api/init")
        return answer.json()["state"] if answer.status == 200 else "none"

    def actions(self) -> list[str]:
        return [event["tool_name"] for event in self.api.events(self.conversation)
                if event["kind"] == "ActionEvent"]

    def say(self, text: str) -> Turn:
        self.api.send(self.conversation, text)
        return self.api.turn(self.conversation, text)

    def terminal(self, command: str) -> str:
        """A line of a message; without tmux, one that needs none."""
        return calling("terminal", {"command": command}) if TMUX else calling(
            "think", {"thought": command})

    def test_01_dormant(self) -> None:
        self.handrail.wait_status("/readyz", 200, START_SECONDS)
        self.assertEqual(self.state(), "dormant")
        self.assertIn("[+]agent-module ok", self.readyz())
        self.assertEqual(self.status()["server"]["agent"], "ok")
        self.handrail.wait_line("Starting OpenHands Agent Server on 0.0.0.0:")
        self.handrail.wait_line("Imported module: faulty_agent")

    def test_02_initialised(self) -> None:
        self.assertEqual(self.initialise("another key").status, 401)
        self.assertFalse(self.status()["server"]["recorded"])
        self.assertEqual(self.initialise(SECRET_KEY).status, 200)
        self.handrail.wait_line("it has been initialised; after a crash that will be replayed")
        server = self.status()["server"]
        self.assertEqual((server["recorded"], server["initialised"]), (True, True))

    def test_03_a_conversation_of_that_class_inside_a_slow_call(self) -> None:
        text = "\n".join([self.terminal("echo $((6 * 7)) $CLAIMED"), calling("parked", {})])
        type(self).conversation = self.api.create(
            self.model.url, self.folder / "workspace", text, kind="Mine",
            tools=[{"name": "terminal"}] if TMUX else [])
        wait_for("the slow call", lambda: self.actions()[-1:] == ["parked"], TURN)
        wait_for("its arrival", lambda: self.status()["plugins"][0]["calls_in_flight"] == 1, TURN)
        if TMUX:
            events = self.api.events(self.conversation)
            self.assertIn(f"42 {self.VALUE}", Turn(events).answer("terminal"))
            type(self).tmux = [process.pid for process in descendants(self.handrail.pid)
                               if "tmux" in "".join(process.argv[:1])]
            self.assertEqual(len(self.tmux), 1)

    def test_04_killed_in_it(self) -> None:
        seen = self.kill_server()
        self.handrail.wait_status("/readyz", 503)
        self.assertEqual(self.handrail.get("/livez").status, 200)

        def ready_again() -> str:  # and its state a moment later
            return self.state() if self.handrail.get("/readyz").status == 200 else ""

        self.assertEqual(wait_for("readiness", ready_again, START_SECONDS), "ready")
        self.handrail.wait_line("its initialisation has been replayed", start=seen)
        self.assertEqual(self.status()["server"]["replays"], 1)
        self.assertEqual(self.service()["starts"], 2)
        wait_for("the end of the call that nobody waits for",
                 lambda: self.status()["plugins"][0]["calls_in_flight"] == 0, 10)

    @unittest.skipUnless(TMUX, "tmux is not installed")
    def test_05_tmux_was_ended_before_the_next_start(self) -> None:
        asked = self.line_number(rf"left pid {self.tmux[0]} \(tmux.*asking it to end")
        self.assertLess(asked, self.line_number("server: started", asked))
        self.assertNotIn(self.tmux[0], [process.pid for process in descendants(self.handrail.pid)])
        self.assertIn(self.tmux[0], [process["pid"] for process in self.crash(1)["left"]])

    def test_06_its_report(self) -> None:
        report = self.crash(1)
        self.assertEqual((report["service"], report["signal"], report["life"]), ("server", 9, 1))
        self.assertIn("Server started in deferred-init mode", report["output"])
        killed = self.line_number("server: killed by signal 9")
        first_life = self.handrail.lines[:self.line_number("server: started", killed)]
        said = [line for _, line in first_life if line.startswith('{"asctime"')]
        kept = [line for line in report["output"].splitlines() if line.startswith('{"asctime"')]
        self.assertEqual(kept[-5:], said[-5:])
        self.assertGreater(report["rusage"]["maxrss_bytes"], 100 * MIB)
        ports = [entry["port"] for entry in report["listening"]]
        self.assertIn(self.handrail.health_port, ports)
        self.assertNotIn(self.handrail.agent_port, ports)
        after = report["cgroup_after"] or {}
        if after.get("memory_bytes") is not None:  # as here and in a container
            self.assertGreater(after["memory_bytes"], MIB)
            self.assertLessEqual(after["memory_bytes"], after["memory_peak_bytes"] or 1 << 60)
            self.assertEqual(report["oom_kills"], 0)
        [file] = (self.folder / "crashes").iterdir()
        self.assertEqual(json.loads(file.read_text())["output"], report["output"])

    def test_07_the_conversation_goes_on(self) -> None:
        self.assertEqual(self.api.ask("GET", f"/api/conversations/{self.conversation}").status, 200)
        self.assertEqual(AgentApi(self.api.port, SESSION_KEY).ask(
            "GET", "/api/conversations/count").status, 401)
        turn = self.say(self.terminal("echo once $((6 * 8))"))
        self.assertIn("48" if TMUX else "logged",
                      turn.answer("terminal") if TMUX else turn.said())

    def test_08_a_loop_that_stands_still_is_no_hang(self) -> None:
        before = self.service()
        seen = len(self.handrail.lines)
        self.order("time.sleep(3.2)")

        def told() -> int | None:
            """The lag, which may still be that of a start on a busy machine."""
            lag = self.long_lag(self.status()["server"])
            line = f"warning: server: its event loop stood still for {lag} ms"
            return lag if any(line in text for _, text in self.handrail.lines[seen:]) else None

        self.assertLess(wait_for("the lag", told, 30), 7000)
        self.assertEqual(self.service()["pid"], before["pid"])
        self.assertEqual(self.service()["failures"], before["failures"])
        self.handrail.wait_status("/readyz", 200)

    @staticmethod
    def long_lag(server: Any) -> int:
        """One of more than 2 s; the helper looks once a second, so it misses up to one."""
        lag = server["loop_lag_ms"] or 0
        return lag if lag >= 2000 else 0

    def test_09_a_hang(self) -> None:
        seen = len(self.handrail.lines)
        began = time.monotonic()
        self.order(f"print('my key is {self.KEY}', flush=True); the_place_where_it_hangs()")
        self.handrail.wait_line(r"server: no heartbeat for \d s: aborting", 20, seen)
        self.assertGreater(time.monotonic() - began, 4)
        self.handrail.wait_line(r"hung, no heartbeat for \d s: killed by signal 6", 15, seen)
        self.handrail.wait_status("/readyz", 503)
        self.handrail.wait_line("its initialisation has been replayed", START_SECONDS, seen)
        self.handrail.wait_status("/readyz", 200)
        self.assertEqual(self.status()["server"]["replays"], 2)
        report = self.crash(2)
        self.assertTrue(report["reason"].startswith("hung, no heartbeat"), report["reason"])
        self.assertIn("Fatal Python error: Aborted", report["output"])
        self.assertRegex(report["output"], r"agent.py\", line \d+ in the_place_where_it_hangs\n")
        self.assertIn("my key is ****", report["output"])
        self.assertEqual(self.api.expect(200, "GET", "/api/conversations/count"), 1)

    def test_10_no_trace_of_the_keys(self) -> None:
        handrail = self.handrail
        texts = {path: handrail.get(path).text
                 for path in ("/status", "/crashes", "/metrics", "/readyz?verbose")}
        texts["log"] = handrail.log().replace(f"my key is {self.KEY}", "", 1)
        for command in (["status"], ["status", "--json"], ["crashes"], ["crashes", "1"],
                        ["crashes", "2"], ["crashes", "2", "--json"]):
            texts[" ".join(command)] = client(handrail, *command)
        for file in (self.folder / "crashes").iterdir():
            texts[file.name] = file.read_text()
        self.assertEqual(len([name for name in texts if name.startswith("crash-")]), 2)
        for process in descendants(os.getpid()):
            texts[f"cmdline of {process}"] = process.told("cmdline")
        for name, text in texts.items():
            for secret in (self.KEY, self.SECRET, SECRET_KEY, self.VALUE):
                self.assertNotIn(secret, text, name)
        environments = {process.pid: process.told("environ")
                        for process in descendants(handrail.pid)
                        if "/handrail-" in "".join(process.argv[:1])}
        self.assertEqual(len(environments), 2, "sidecar and toolhost")
        for text in environments.values():
            self.assertNotIn(SECRET_KEY, text)
        own = Path(f"/proc/{handrail.pid}/environ").read_text()
        for text in [*environments.values(), own]:
            for secret in (self.KEY, self.SECRET, self.VALUE):
                self.assertNotIn(secret, text)

    def test_11_the_stop(self) -> None:
        seen = len(self.handrail.lines)
        began = time.monotonic()
        self.assertEqual(self.handrail.stop(), 143, self.handrail.log())
        self.assertLess(time.monotonic() - began, 12)
        asked = self.line_number(f'"POST {PAUSE} HTTP/1.1.*204', seen)
        self.assertLess(asked, self.line_number("Received signal SIGTERM", seen))
        self.line_number("server: has prepared for its pause", seen)
        self.assertEqual(self.handrail.leftovers(), [])


class CustomAgent(Case):
    """A module without the class, then one that is no Python, then the right one; and a stop that
    the server's own shutdown would make last for ever."""

    files = {"my_agents.py": "from openhands.sdk import Agent\n\n\nclass Yours(Agent):\n    pass\n"}
    env = {"CUSTOM_AGENT_MODULE": "my_agents", "CUSTOM_AGENT_CLASS": "Mine"}
    options = ["--grace=6"]

    def write(self, text: str) -> Path:
        file = self.folder / "modules" / "my_agents.py"
        file.write_text(text)
        return file

    def test_1_without_the_class_it_is_up_and_not_ready(self) -> None:
        self.handrail.wait_line("server: ready", START_SECONDS)
        reason = r"class Mine: module my_agents has none: set CUSTOM_AGENT_CLASS to one that it " \
                 r"has \(Yours\)"
        wait_for("the server", lambda: "[+]ready ok" in self.readyz(), 10)
        self.assertEqual(self.handrail.get("/readyz").status, 503)
        self.assertRegex(self.readyz(), r"\[-\]agent-module failed: " + reason)
        self.assertRegex(self.status()["server"]["agent_error"], reason)
        self.assertRegex(self.handrail.log(), "handrail_agent: " + reason)
        self.assertEqual(self.handrail.get("/livez").status, 200)
        self.assertEqual(self.handrail.agent("GET", "/ready").status, 200)

    def test_2_a_module_that_is_no_python(self) -> None:
        file = self.write(BROKEN)
        where = f"module my_agents: {file} line 2: SyntaxError: "
        seen = self.kill_server()
        self.assertEqual(self.crash(1)["reason"], "killed by signal 9 (Killed)")
        self.handrail.wait_line(rf"server: ended with code 1: {where}.*; starting it again in",
                                START_SECONDS, seen)
        report = self.crash(2)
        self.assertEqual(report["exit_code"], 1)
        self.assertIn(f"ended with code 1: {where}", report["reason"])
        self.assertIn(f"handrail_agent: {where}", report["output"])
        self.assertIn("Traceback", report["output"])
        self.assertIn(where, self.handrail.wait_status("/readyz", 503).text)

        # Who looks at any time of all those tries sees why.
        def another_failure() -> bool:
            service = self.service()
            self.assertIn(where, service["reason"] or "", service)
            return service["failures"] >= 3

        wait_for("another failure", another_failure, START_SECONDS)
        self.assertIn(where, client(self.handrail, "status"))
        self.assertEqual(self.handrail.get("/livez").status, 200)

    def test_3_mended(self) -> None:
        self.write(AGENT)
        self.handrail.wait_status("/readyz", 200, START_SECONDS)
        self.assertIn("[+]agent-module ok", self.readyz())
        self.assertIsNone(self.status()["server"]["agent_error"])

    def test_4_a_half_sent_request_does_not_hold_the_stop(self) -> None:
        with socket.create_connection(("127.0.0.1", self.handrail.agent_port), timeout=10) as peer:
            peer.sendall(b"POST /api/conversations HTTP/1.1\r\nHost: x\r\nX-Session-API-Key: "
                         + SESSION_KEY.encode() + b"\r\nContent-Type: application/json\r\n"
                         b"Content-Length: 1000\r\n\r\n{")
            time.sleep(0.3)
            began = time.monotonic()
            code = self.handrail.stop()
            took = time.monotonic() - began
        self.line_number(f'"POST {PAUSE} HTTP/1.1.*204')
        self.assertTrue(5 < took < 8, took)
        self.assertEqual(code, 137, self.handrail.log())
        self.assertEqual(self.handrail.leftovers(), [])


class WaysIn(unittest.TestCase):
    """What the platforms' start commands make of the image's entrypoint."""

    def test_each_starts_the_server_with_the_helper(self) -> None:
        assert SERVER
        folder = Path(tempfile.mkdtemp(prefix="handrail-e2e-"))
        self.addCleanup(shutil.rmtree, folder, ignore_errors=True)
        installed = folder / "openhands-agent-server"
        installed.symlink_to(HANDRAIL)
        installed.with_name(installed.name + ".real").symlink_to(SERVER)
        module = [SERVER.with_name("python"), "-m", "openhands.agent_server"]
        flags = ["--host", "127.0.0.1", "--port", "{port}"]
        one = " ".join(flags)
        ways: dict[str, Sequence[str | Path]] = {
            "the server's path and flags": [installed, *flags],
            "entrypoint and the server's path": [installed, installed, *flags],
            "entrypoint and python -m": [installed, *module, *flags],
            "handrail and python -m": [HANDRAIL, *module, *flags],
            "one string": [HANDRAIL, f"{SERVER} {one}"],
            "a shell": [installed, "/bin/bash", "-c", f"cd / && exec {installed} {one}"],
        }
        with contextlib.ExitStack() as stack:
            started = [(name, stack.enter_context(self.start(folder / str(i), way)))
                       for i, (name, way) in enumerate(ways.items())]
            for name, handrail in reversed(started):
                with self.subTest(way=name):
                    self.look(handrail, name)

    def start(self, folder: Path, way: Sequence[str | Path]) -> Handrail:
        folder.mkdir()
        return Handrail(folder, [], way_in=way, env=environment(folder))

    def look(self, handrail: Handrail, name: str) -> None:
        handrail.wait_line("Imported module: handrail_agent", START_SECONDS)
        handrail.wait_line(f"Starting OpenHands Agent Server on 127.0.0.1:{handrail.agent_port}")
        if name != "a shell":
            handrail.wait_line(f"agent-server expected on 127.0.0.1 port {handrail.agent_port}")
        self.assertEqual(handrail.log().count("server: started"), 1)
        self.assertEqual(handrail.stop(), 143, handrail.log())
        self.assertEqual(handrail.leftovers(), [])


class WithoutTheHelper(Case):
    env = {"HANDRAIL_HELPER": "off", "OH_DEFERRED_INIT": "1"}

    def test_it_runs_and_says_what_is_missing(self) -> None:
        self.handrail.wait_status("/readyz", 200, START_SECONDS)
        [said] = [line for _, line in self.handrail.lines if "handrail_agent" in line]
        self.assertIn("warning: the server does not import handrail_agent: after a crash its "
                      "initialisation cannot be replayed", said)
        server = self.status()["server"]
        self.assertEqual((server["heartbeat_age_seconds"], server["loop_lag_ms"], server["status"],
                          server["agent"]), (None, None, None, "unknown"))
        self.assertEqual(self.handrail.agent("GET", "/api/init").json()["state"], "dormant")
        self.assertEqual(self.handrail.stop(), 143)
        self.assertEqual(self.handrail.leftovers(), [])


if __name__ == "__main__":
    if SERVER is None:
        print("e2e/supervision: SKIPPED: the pinned agent-server is not installed; "
              "`tests/setup.sh test` says what it needs", file=sys.stderr)
        sys.exit(SKIPPED)
    unittest.main(failfast=True, verbosity=2)
