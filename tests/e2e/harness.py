# SPDX-License-Identifier: MIT
"""The real agent-server under handrail, and conversations with it: for `make run` and the tests.

`AgentApi` is a client of the agent-server's HTTP API, as small as it can be.  `ScriptedModel` is
the model those conversations use (tests/standin/llm.py): what it does is written in the message,
see `calling()`.
"""

from __future__ import annotations

import json
import secrets
import signal
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from support import (  # noqa: E402
    SAMPLES, SCRIPTED_LLM, Answer, Failure, Handrail, request, spawn, wait_for,
)

import subprocess  # noqa: E402

# New for each run, so that another run's server, met by accident, refuses us.
SESSION_KEY = secrets.token_hex(16)
SECRET_KEY = secrets.token_hex(16)
START_SECONDS = 90.0  # the real server's start: 9 s on two idle cores
TURN_SECONDS = 60.0  # one message, answered
PAGE = 100  # events the server gives at most at a time


class ScriptedModel:
    """The scripted model as a process.  Start it before handrail; stop() it after."""

    def __init__(self) -> None:
        self.process = spawn([sys.executable, SCRIPTED_LLM], stdout=subprocess.PIPE)
        assert self.process.stdout
        self.url = self.process.stdout.readline().decode().strip()
        if not self.url:
            raise Failure("the scripted model did not start; its message is above")

    def stop(self) -> None:
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(10)
        if self.process.stdout:
            self.process.stdout.close()


def calling(tool: str, arguments: Mapping[str, Any]) -> str:
    """A line that makes the scripted model call that tool."""
    return f"call {tool} {json.dumps(dict(arguments))}"


class AgentApi:
    def __init__(self, port: int, key: str = SESSION_KEY) -> None:
        self.port, self.key = port, key

    def ask(self, method: str, path: str, body: Any = None, timeout: float = 60.0) -> Answer:
        return request(self.port, method, path, body, {"X-Session-API-Key": self.key}, timeout)

    def expect(self, status: int, method: str, path: str, body: Any = None) -> Any:
        answer = self.ask(method, path, body)
        if answer.status != status:
            raise Failure(f"{method} {path}: {answer.status} instead of {status}: "
                          f"{answer.text[:800]}")
        return answer.json() if answer.text else None

    def create(self, model_url: str, folder: Path, text: str, kind: str = "Agent",
               tools: Sequence[Mapping[str, Any]] = ()) -> str:
        """Start a conversation with a first message; its id."""
        llm = {"model": "openai/scripted", "base_url": model_url, "api_key": "unused",
               "usage_id": "agent", "num_retries": 0}
        return self.expect(201, "POST", "/api/conversations", {
            "agent": {"kind": kind, "llm": llm, "tools": list(tools)},
            "workspace": {"working_dir": str(folder)},
            "initial_message": message(text),
        })["id"]

    def send(self, conversation: str, text: str) -> None:
        self.expect(200, "POST", f"/api/conversations/{conversation}/events", message(text))

    def events(self, conversation: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        page = ""
        while True:
            reply = self.expect(200, "GET", f"/api/conversations/{conversation}/events/search"
                                            f"?limit={PAGE}{page}")
            found += reply["items"]
            if not reply.get("next_page_id"):
                return found
            page = f"&page_id={reply['next_page_id']}"

    def turn(self, conversation: str, text: str, timeout: float = TURN_SECONDS) -> Turn:
        """Wait until the message `text` (new in this conversation) has been dealt with."""
        turn = Turn([])

        def over() -> bool:
            nonlocal turn
            events = self.events(conversation)
            starts = [index for index, event in enumerate(events)
                      if event["kind"] == "MessageEvent" and event["source"] == "user"
                      and text in json_text(event["llm_message"]["content"])]
            turn = Turn(events[starts[-1]:] if starts else [])
            return turn.over()

        try:
            wait_for("the end of the agent's turn", over, timeout)
        except Failure as failure:
            raise Failure(f"{failure}; its events: {turn.kinds()}") from None
        return turn


class Turn:
    """The events from one user message on."""

    def __init__(self, events: Sequence[dict[str, Any]]) -> None:
        self.events = events

    def kinds(self) -> str:
        return ", ".join(event["kind"] for event in self.events) or "none"

    def over(self) -> bool:
        if any(event["kind"] == "ConversationErrorEvent" for event in self.events):
            errors = [e for e in self.events if e["kind"] == "ConversationErrorEvent"]
            raise Failure(f"the conversation ended in an error: {json.dumps(errors)[:800]}")
        return any(event.get("tool_name") == "finish" and event["kind"] == "ObservationEvent"
                   for event in self.events)

    def observation(self, tool: str) -> dict[str, Any]:
        """What the agent saw as that tool's answer: {"content": [...], "is_error": ...}."""
        for event in self.events:
            if event["kind"] == "ObservationEvent" and event["tool_name"] == tool:
                return event["observation"]
        raise Failure(f"the agent saw no answer of {tool}; it saw: {self.said()}")

    def answer(self, tool: str) -> str:
        """That answer's text; Failure if it was an error."""
        observation = self.observation(tool)
        text = json_text(observation["content"])
        if observation["is_error"]:
            raise Failure(f"{tool} answered with an error: {text}")
        return text

    def said(self) -> str:
        return "; ".join(json_text(event["observation"]["content"])[:400]
                         for event in self.events if event["kind"] == "ObservationEvent")


def message(text: str) -> dict[str, Any]:
    return {"role": "user", "content": [{"type": "text", "text": text}], "run": True}


def json_text(content: Sequence[Mapping[str, Any]]) -> str:
    return "\n".join(part.get("text", "") for part in content)


def sample_plugins(search_root: Path) -> list[dict[str, Any]]:
    """The registry of the demo and of the real test."""
    return [
        {"id": "echo", "path": str(SAMPLES / "echo.so"), "enabled": True},
        {"id": "workspace-search", "path": str(SAMPLES / "workspace-search.so"), "enabled": True,
         "required": True, "config": {"root": str(search_root)},
         "confinement": {"read": [str(search_root)]}},
    ]


def real_environment(folder: Path, server: Path) -> dict[str, str]:
    """What the real agent-server needs, everything it writes below `folder`."""
    for name in ("home", "workspace"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    return {
        "PATH": f"{server.parent}:/usr/local/bin:/usr/bin:/bin",
        "OH_SESSION_API_KEYS_0": SESSION_KEY, "OH_SECRET_KEY": SECRET_KEY,
        "OH_CONVERSATIONS_PATH": str(folder / "conversations"),
        "OH_BASH_EVENTS_DIR": str(folder / "bash_events"),
        "OH_PERSISTENCE_DIR": str(folder / "persistence"),
        "TMUX_TMPDIR": str(folder / "home"),
        # No editor and no browser: they are large, absent, and slow its start down.
        "OH_ENABLE_VSCODE": "0", "OH_PRELOAD_TOOLS": "0", "OH_ENABLE_BROWSER": "0",
        # Without these it asks the network first, and prints an advertisement.
        "LITELLM_LOCAL_MODEL_COST_MAP": "True", "OPENHANDS_SUPPRESS_BANNER": "1",
        "PYTHONUNBUFFERED": "1",
    }


def real_handrail(folder: Path, server: Path, search_root: Path, **more: Any) -> Handrail:
    """Handrail around the real agent-server."""
    env = {**real_environment(folder, server), **more.pop("env", {})}
    command = [server, "--host", "127.0.0.1", "--port", "{port}"]
    return Handrail(folder, command, plugins=sample_plugins(search_root), env=env,
                    cwd=folder / "workspace", **more)


def seconds_since(start: float) -> str:
    return f"{time.monotonic() - start:.1f} s"
