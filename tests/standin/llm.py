#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A language model that follows a script, behind the OpenAI chat-completions API.

It keeps no state between requests: what to say follows from the messages alone, so one instance
serves any number of conversations.  The script is a list of tool calls.  It comes from the lines

    call <part of a tool's name> <arguments as JSON>

of the latest user message that has such lines, else from --call on the command line.  Each request
is answered with the next call that has no result yet; when all have, with the agent's `finish`
tool.  A tool that was not offered ends the turn with a sentence that says so, and a request that
offers no tools (a title, a summary) gets plain text.

    GET  /v1/models
    POST /v1/chat/completions, /chat/completions     with and without "stream"
    GET  /_requests      every request body so far, as a JSON list; DELETE empties it
"""

from __future__ import annotations

import argparse
import json
import re
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

MODEL = "scripted"
CALL_LINE = re.compile(r"^\s*call\s+(\S+)\s+(\{.*\})\s*$", re.MULTILINE)
BODY_MAX = 64 * 1024 * 1024  # bytes

Call = tuple[str, dict[str, Any]]


def parse_calls(text: str) -> list[Call]:
    """The script lines in a text; raises ValueError if the arguments are not JSON."""
    return [(name, json.loads(arguments)) for name, arguments in CALL_LINE.findall(text)]


def text_of(message: dict[str, Any]) -> str:
    content = message.get("content") or ""
    if isinstance(content, str):
        return content
    return "\n".join(part.get("text", "") for part in content if isinstance(part, dict))


def fill_in(function: dict[str, Any], arguments: dict[str, Any]) -> dict[str, Any]:
    """Add what the agent's own additions to a tool's schema ask for."""
    schema = function.get("parameters") or {}
    properties = schema.get("properties") or {}
    filled = dict(arguments)
    if "security_risk" in properties:
        filled.setdefault("security_risk", "LOW")
    if "summary" in properties:
        filled.setdefault("summary", "following the script")
    return filled


def decide(body: dict[str, Any], default: list[Call]) -> dict[str, Any]:
    """The assistant's message for a request."""
    messages = body.get("messages") or []
    tools = [tool["function"] for tool in body.get("tools") or [] if "function" in tool]
    if not tools:
        return {"role": "assistant", "content": "Scripted."}

    calls, start = default, 0
    for index, message in enumerate(messages):
        if message.get("role") == "user":
            found = parse_calls(text_of(message))
            if found:
                calls, start = found, index
    results = [m for m in messages[start:] if m.get("role") == "tool"]

    done = len(results)
    if done < len(calls):
        wanted, arguments = calls[done]
        function = next((f for f in tools if wanted in f["name"]), None)
        if function:
            return tool_call(len(messages), function, arguments)
        offered = ", ".join(sorted(f["name"] for f in tools))
        closing = f"no tool like {wanted!r} was offered; offered: {offered}"
    else:
        closing = "done: " + (text_of(results[-1])[:200] if results else "nothing to do")
    finish = next((f for f in tools if f["name"] == "finish"), None)
    if finish is None:
        return {"role": "assistant", "content": closing}
    return tool_call(len(messages), finish, {"message": closing})


def tool_call(serial: int, function: dict[str, Any], arguments: dict[str, Any]) -> dict[str, Any]:
    return {
        "role": "assistant",
        "content": None,
        "tool_calls": [
            {
                "id": f"call_{serial}",
                "type": "function",
                "function": {
                    "name": function["name"],
                    "arguments": json.dumps(fill_in(function, arguments)),
                },
            }
        ],
    }


class Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, address: tuple[str, int], calls: list[Call]) -> None:
        super().__init__(address, Handler)
        self.calls = calls
        self.lock = threading.Lock()
        self.requests: list[Any] = []

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that was killed is no news; anything else is told."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Server

    def log_message(self, *_: Any) -> None:
        pass

    def reply(self, status: int, value: Any) -> None:
        data = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def do_GET(self) -> None:
        if self.path in ("/v1/models", "/models"):
            self.reply(200, {"object": "list", "data": [{"id": MODEL, "object": "model"}]})
        elif self.path == "/_requests":
            with self.server.lock:
                self.reply(200, self.server.requests)
        else:
            self.reply(404, {"error": {"message": f"no such path: {self.path}"}})

    def do_DELETE(self) -> None:
        with self.server.lock:
            self.server.requests.clear()
        self.reply(200, {})

    def do_POST(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        if length > BODY_MAX:
            self.close_connection = True
            self.reply(413, {"error": {"message": "request too large"}})
            return
        raw = self.rfile.read(length)
        if self.path not in ("/v1/chat/completions", "/chat/completions"):
            self.reply(404, {"error": {"message": f"no such path: {self.path}"}})
            return
        try:
            body = json.loads(raw)
            message = decide(body, self.server.calls)
        except (ValueError, AttributeError, TypeError, KeyError) as problem:
            self.reply(400, {"error": {"message": f"cannot follow this: {problem}"}})
            return
        with self.server.lock:
            self.server.requests.append(body)
        if body.get("stream"):
            self.stream(message)
        else:
            self.reply(200, self.envelope("chat.completion", "message", message))

    def envelope(self, kind: str, field: str, message: dict[str, Any]) -> dict[str, Any]:
        reason = "tool_calls" if message.get("tool_calls") else "stop"
        return {
            "id": "chatcmpl-scripted",
            "object": kind,
            "created": int(time.time()),
            "model": MODEL,
            "choices": [{"index": 0, field: message, "finish_reason": reason}],
            "usage": {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2},
        }

    def stream(self, message: dict[str, Any]) -> None:
        delta = dict(message)
        if message.get("tool_calls"):
            delta["tool_calls"] = [dict(c, index=i) for i, c in enumerate(message["tool_calls"])]
        first = self.envelope("chat.completion.chunk", "delta", delta)
        last = self.envelope("chat.completion.chunk", "delta", {})
        last["choices"][0]["finish_reason"] = first["choices"][0]["finish_reason"]
        first["choices"][0]["finish_reason"] = None
        first.pop("usage")
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Connection", "close")
        self.end_headers()
        for chunk in (first, last):
            self.wfile.write(b"data: " + json.dumps(chunk).encode() + b"\n\n")
        self.wfile.write(b"data: [DONE]\n\n")
        self.close_connection = True


def main() -> int:
    parser = argparse.ArgumentParser(description="A scripted OpenAI-compatible model.")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0, help="0: any free one")
    parser.add_argument(
        "--call", nargs=2, action="append", default=[], metavar=("TOOL", "JSON"),
        help="a step of the script used when a message brings none",
    )
    options = parser.parse_args()
    try:
        calls = [(tool, json.loads(arguments)) for tool, arguments in options.call]
    except ValueError as problem:
        parser.error(f"--call: arguments are not JSON: {problem}")
    with Server((options.host, options.port), calls) as server:
        print(f"http://{options.host}:{server.server_port}/v1", flush=True)
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            pass
    return 0


if __name__ == "__main__":
    sys.exit(main())
