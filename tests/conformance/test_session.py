#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""One session of the Python client that OpenHands brings, through everything that must not end it:
a call that tells progress, one that is given up, a reload that changes the tools, and the end of the
sidecar between two calls and in the middle of one."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent), str(HERE.parent / "integration")]

from harness import sample, standin, test_plugin  # noqa: E402
from support import Handrail, wait_for  # noqa: E402
from test_clients import environment_of  # noqa: E402

CLIENT = "python-oldest"


class Client:
    def __init__(self, h: Handrail, environment: Path) -> None:
        self.process = subprocess.Popen(
            [environment / "bin/python", HERE / "session_client.py"],
            env={**os.environ, "MCP_URL": f"http://127.0.0.1:{h.mcp_port}/mcp",
                 "MCP_AUTHORIZATION": h.mcp_headers()["Authorization"]},
            stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def begin(self, *order: Any) -> None:
        assert self.process.stdin
        self.process.stdin.write(json.dumps(order).encode() + b"\n")
        self.process.stdin.flush()

    def result(self) -> Any:
        assert self.process.stdout
        line = self.process.stdout.readline()
        assert line, "the client has ended"
        return json.loads(line)

    def __call__(self, *order: Any) -> Any:
        self.begin(*order)
        return self.result()

    def close(self) -> int:
        assert self.process.stdin and self.process.stdout
        self.process.stdin.close()
        code = self.process.wait(20)
        self.process.stdout.close()
        return code


def running(h: Handrail, tool: str, n: int) -> None:
    """Until so many calls of the plugin of that name run."""
    line = f'handrail_tool_calls_in_flight{{plugin="{tool}"}} {n}\n'
    wait_for(f"{n} running calls", lambda: line in h.get("/metrics").text, 5)


def is_right(result: Any) -> None:
    assert not result["error"] and result["text"] == "slept", result


def scenario(h: Handrail, client: Client) -> None:
    assert "slow" in client("list")
    is_right(client("call", "slow", {"ms": 10}))

    told = client("call", "news", {"n": 3, "ms": 150, "tells": 1})
    assert told["told"] == [[1, 3], [2, 3], [3, 3]] and not told["error"], told

    # Nothing but a comment for longer than a call may stay plain JSON.
    is_right(client("call", "slow", {"ms": 4000}))

    # (It closes nothing, and says nothing: its call runs on until it ends.)
    errors = client("errors")
    assert errors == [], errors
    assert client("leave", "news", {"n": 600, "ms": 100}, 1.0)
    is_right(client("call", "slow", {"ms": 10}))

    registry = h.folder / "tool_registry.json"
    registry.write_text(json.dumps({"plugins": [test_plugin("faulty"), sample("echo")]}))
    h.process.send_signal(signal.SIGHUP)
    assert client("changed", 15)
    assert "echo" in client("list")

    old = h.child("handrail-sidecar")
    os.kill(old, signal.SIGKILL)
    # A request that is written before the kernel has closed the connection is lost, as the one below.
    wait_for("the end of the sidecar", lambda: old not in h.children("handrail-sidecar"), 5)
    is_right(client("call", "slow", {"ms": 10}))
    assert client("changed", 15)  # it may have: nobody knows

    # In the middle of a call that has become a stream: it ends soon, and so does no other.
    h.new_child("handrail-sidecar", old)
    client.begin("call", "news", {"n": 600, "ms": 100})
    running(h, "faulty", 1)
    time.sleep(0.5)  # for its first events
    os.kill(h.child("handrail-sidecar"), signal.SIGKILL)
    lost = client.result()
    assert lost["error"] and lost["s"] < 10 and "connection was lost" in lost["text"], lost
    is_right(client("call", "slow", {"ms": 10}))

    # And of its toolhost.
    client.begin("together", "news", {"n": 600, "ms": 100}, 3)
    running(h, "faulty", 3)
    os.kill(next(pid for pid in h.children("handrail-toolhost")), signal.SIGKILL)
    for result in client.result():
        assert result["error"] and "crashed" in result["text"], result
    is_right(client("call", "slow", {"ms": 10}))


def main() -> int:
    environment = environment_of(CLIENT)
    with standin(plugins=[test_plugin("faulty")]) as h:
        h.wait_status("/readyz", 200)
        client = Client(h, environment)
        try:
            scenario(h, client)
        except BaseException:
            print(h.log(), file=sys.stderr)
            raise
        assert client.close() == 0
    return 0


if __name__ == "__main__":
    sys.exit(main())
