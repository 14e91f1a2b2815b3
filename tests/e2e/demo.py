#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""`make run`: the real agent-server under handrail, on this machine, explained as it happens.

Everything it writes is below build/run, which it empties first; HOME is there too.  It ends, with
all it started, on Ctrl-C; with --once when everything has been shown.  Exit code 0 only if every
step happened.
"""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

import harness  # noqa: E402
from harness import AgentApi, ScriptedModel, calling, seconds_since  # noqa: E402
from support import (  # noqa: E402
    BUILD, HANDRAIL, ROOT, Failure, Handrail, free_ports, fresh_folder, port_is_free, real_server,
    standin_command, wait_for,
)

PORTS = {"the agent-server": 60000, "health": 60010, "MCP": 60011}
FOLDER = BUILD / "run"
LOG = FOLDER / "log"
SEARCH = {"pattern": r"^int hr_board_", "path": "common", "glob": "*.h"}
OWN_LINE = " handrail"  # in every line of our programs, and at the same place
KILL_SECONDS = 10.0


def say(text: str = "", mark: str = "  ") -> None:
    for line in text.splitlines() or [""]:
        print(f"{mark}{line}".rstrip() + "\n", end="", flush=True)


def step(text: str) -> None:
    print(f"\n== {text}", flush=True)


def choose_ports() -> list[int]:
    """The documented ports, or three others if any of them is taken.

    All or none: what holds one may be another `make run`, whose server binds its own port last.
    """
    taken = [f"{what}'s {port}" for what, port in PORTS.items() if not port_is_free(port)]
    if not taken:
        return list(PORTS.values())
    others = free_ports(len(PORTS))
    names = ", ".join(f"{what} on {port}" for what, port in zip(PORTS, others))
    say(f"in use here: {', '.join(taken)}; this time: {names}")
    return others


class Demo:
    def __init__(self, server: Path | None) -> None:
        self.server = server
        self.log = LOG.open("w", encoding="utf-8")
        self.model: ScriptedModel | None = None
        self.handrail: Handrail | None = None

    def on_line(self, _: str, line: str) -> None:
        self.log.write(line + "\n")
        self.log.flush()
        if line[24:24 + len(OWN_LINE)] == OWN_LINE:
            say(line[25:], "    | ")

    def start(self) -> Handrail:
        ports = choose_ports()
        if self.server:
            self.model = ScriptedModel()
            say(f"a scripted model plays the LLM at {self.model.url}")
            return harness.real_handrail(FOLDER, self.server, ROOT, ports=ports,
                                         on_line=self.on_line)
        return Handrail(FOLDER, [*standin_command(), "--start-delay", "1"], ports=ports,
                        plugins=harness.sample_plugins(ROOT), on_line=self.on_line)

    def run(self) -> None:
        what = "the agent-server" if self.server else "the stand-in"
        step(f"start: handrail, with {what} and two plugins")
        self.handrail = self.start()
        self.show_startup(self.handrail)
        if self.server and self.model:
            self.show_conversation(self.handrail, self.model)
        else:
            self.show_tool_over_mcp(self.handrail)

    def show_startup(self, h: Handrail) -> None:
        began, last = time.monotonic(), ""

        def ready() -> bool:
            nonlocal last
            if h.process.poll() is not None:
                raise Failure(f"handrail ended with code {h.process.returncode}; all it wrote "
                              f"is in {LOG}")
            now = h.get("/startupz?verbose")
            if now.status and now.text != last:
                last = now.text
                say(f"after {seconds_since(began)}: /startupz {now.status}")
                say(now.text, "      ")
            return h.get("/readyz").status == 200

        wait_for("/readyz 200", ready, harness.START_SECONDS)
        say(f"after {seconds_since(began)}: /readyz 200")
        say(h.get("/readyz?verbose").text, "      ")

    def show_conversation(self, h: Handrail, model: ScriptedModel) -> None:
        api = AgentApi(h.agent_port)
        step("a real conversation: the agent calls a tool that lives in a C shared object")
        text = calling("workspace_search", SEARCH)
        say(f"message: {text}")
        conversation = api.create(model.url, FOLDER / "workspace", text)
        self.show_answer(api.turn(conversation, text).answer("workspace_search"))

        self.show_kill(h, "agent-server")

        step("the same conversation, after the restart")
        text = calling("echo", {"text": "still here"})
        say(f"message: {text}")
        api.send(conversation, text)
        say("the agent saw:")
        say(api.turn(conversation, text).answer("echo"), "    > ")

    def show_tool_over_mcp(self, h: Handrail) -> None:
        step("no conversation with the stand-in: the tool is called over MCP, without an agent")
        say(f"tools/call workspace_search {SEARCH}")
        result = h.call_tool("workspace_search", SEARCH)
        text = harness.json_text(result["content"])
        if result.get("isError"):
            raise Failure(f"workspace_search answered with an error: {text}")
        self.show_answer(text)
        self.show_kill(h, "agent_server.py")

    def show_answer(self, text: str) -> None:
        if "hr_board_" not in text:
            raise Failure(f"the search did not find what is in common/board.h:\n{text}")
        say("the agent saw:" if self.server else "the answer:")
        say(text, "    > ")

    def show_kill(self, h: Handrail, name: str) -> None:
        step("kill -9 of the server")
        old = h.child(name)
        began = time.monotonic()
        os.kill(old, signal.SIGKILL)
        off = h.wait_status("/readyz", 503, KILL_SECONDS)
        say(f"after {seconds_since(began)}: /readyz {off.status}")
        say(off.text, "      ")
        say(f"meanwhile /livez {h.get('/livez').status}")
        h.wait_status("/readyz", 200, harness.START_SECONDS)
        say(f"after {seconds_since(began)}: /readyz 200, pid {old} is now {h.child(name)}")
        self.show_command(h, "crashes")
        self.show_command(h, "status")

    def show_command(self, h: Handrail, command: str) -> None:
        done = subprocess.run([HANDRAIL, command, f"--pid={h.pid}"], capture_output=True,
                              text=True, timeout=10, check=False)
        if done.returncode:
            raise Failure(f"handrail {command}: {done.returncode}: {done.stderr}")
        say(f"\n$ handrail {command}")
        say(done.stdout, "    ")

    def show_addresses(self, h: Handrail) -> None:
        step("addresses")
        health = f"http://127.0.0.1:{h.health_port}"
        say(f"probes      {health}/startupz  /livez  /readyz   (?verbose)")
        say(f"metrics     {health}/metrics")
        say(f"status      {health}/status")
        say(f"MCP         http://127.0.0.1:{h.mcp_port}/mcp   (token: {h.ambient_file})")
        say(f"agent API   http://127.0.0.1:{h.agent_port}/docs"
            + (f"   (X-Session-API-Key: {harness.SESSION_KEY})" if self.server else ""))
        say(f"log         {LOG}")

    def stop(self) -> None:
        """End everything, in order; Failure if it did not end as it should."""
        h, self.handrail = self.handrail, None
        try:
            if h:
                step("TERM")
                began = time.monotonic()
                code = h.stop()
                say(f"after {seconds_since(began)}: ended with code {code}"
                    f" (143 is a clean stop)")
                if code != 143 or h.leftovers():
                    raise Failure(f"exit code {code}, left behind: {h.leftovers()}")
        finally:
            if h:
                h.kill()
            if self.model:
                self.model.stop()
                self.model = None
            self.log.close()


class Interrupted(Exception):
    pass


def on_signal(number: int, _: object) -> None:
    # Once: from here on the stop takes its course, whatever is pressed.
    for other in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(other, signal.SIG_IGN)
    raise Interrupted(signal.Signals(number).name)


def announce_standin() -> None:
    line = "!" * 78
    print(f"\n{line}\n!! NO REAL AGENT-SERVER: the pinned package is not installed, see above.\n"
          f"!! A small stand-in with its endpoints takes its place, and there is no agent.\n{line}",
          flush=True)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--once", action="store_true", help="end when everything was shown")
    once = parser.parse_args().once
    if not HANDRAIL.exists():
        print(f"{HANDRAIL} is missing: make build", file=sys.stderr)
        return 1
    server = real_server()
    if server is None:
        announce_standin()
    fresh_folder(FOLDER)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, on_signal)
    demo, problem = Demo(server), ""
    try:
        demo.run()
        if demo.handrail:
            demo.show_addresses(demo.handrail)
        if not once:
            say("\nCtrl-C ends it.")
            while demo.handrail and demo.handrail.process.poll() is None:
                time.sleep(0.2)
            problem = "handrail ended without being asked to"
    except Interrupted:
        problem = "interrupted" if once else ""
    except (Failure, OSError) as failure:
        problem = str(failure)
    try:
        demo.stop()
    except Failure as failure:
        problem = problem or str(failure)
    if problem:
        print(f"\nmake run: {problem}\nEverything that was written is in {LOG}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
