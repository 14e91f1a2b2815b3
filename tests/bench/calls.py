# SPDX-License-Identifier: MIT
"""Tool calls: MCP's tools/call of an echo, beside the TypeScript SDK and fastmcp with the same tool.

On one connection, one after the other, and on 64 at a time.
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

sys.path[:0] = [str(Path(__file__).resolve().parents[1] / name)
                for name in ("integration", "conformance")]

import node  # noqa: E402
from harness import sample, standin  # noqa: E402
from support import free_ports, real_server, request, spawn, wait_for  # noqa: E402

HERE = Path(__file__).resolve().parent
TICKS = os.sysconf("SC_CLK_TCK")
CALLS = 4000
WARM_UP = 200
CONNECTIONS = 64
ACCEPT = {"Accept": "application/json, text/event-stream"}
ECHO = {"name": "echo", "arguments": {"text": "hello world"}}

# wrk's script: the same call on every connection.
SCRIPT = """
wrk.method = "POST"
wrk.path = "/mcp"
wrk.body = '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":%s}'
wrk.headers["Content-Type"] = "application/json"
%s
done = function(summary, latency)
  io.write(string.format("RESULT %%d %%d %%d %%d %%d\\n", summary.requests, summary.duration,
    latency:percentile(50), latency:percentile(99), summary.errors.status + summary.errors.read
    + summary.errors.timeout))
end
"""


def say(text: str = "") -> None:
    print(text, flush=True)


def cpu_seconds(pids: list[int]) -> float:
    total = 0
    for pid in pids:
        fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
        total += int(fields[11]) + int(fields[12])
    return total / TICKS


def rss_kb(pids: list[int]) -> int:
    total = 0
    for pid in pids:
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                total += int(line.split()[1])
    return total


class Server(NamedTuple):
    port: int
    pids: list[int]
    headers: Mapping[str, str]


class Client:
    """A kept MCP connection: one request after the other."""

    def __init__(self, server: Server) -> None:
        self.socket = socket.create_connection(("127.0.0.1", server.port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.port, self.headers, self.id = server.port, dict(server.headers), 0
        self.call("initialize", {"protocolVersion": "2025-11-25", "capabilities": {},
                                 "clientInfo": {"name": "bench", "version": "1"}})

    def call(self, method: str, params: dict[str, Any]) -> bytes:
        self.id += 1
        body = json.dumps({"jsonrpc": "2.0", "id": self.id, "method": method,
                           "params": params}).encode()
        head = "".join(f"{k}: {v}\r\n" for k, v in self.headers.items())
        self.socket.sendall(f"POST /mcp HTTP/1.1\r\nHost: 127.0.0.1:{self.port}\r\n"
                            f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n"
                            f"{head}\r\n".encode() + body)
        return self.answer()

    def answer(self) -> bytes:
        data = b""
        while b"\r\n\r\n" not in data:
            more = self.socket.recv(65536)
            if not more:
                raise ConnectionError(data[:200])
            data += more
        head, _, body = data.partition(b"\r\n\r\n")
        length = None
        for line in head.split(b"\r\n"):
            if line.lower().startswith(b"content-length:"):
                length = int(line.split(b":")[1])
            if line.lower().startswith(b"mcp-session-id:"):
                self.headers["Mcp-Session-Id"] = line.split(b":", 1)[1].strip().decode()
        while length is not None and len(body) < length or \
                length is None and not body.endswith(b"0\r\n\r\n"):
            body += self.socket.recv(65536)
        return body


class Measured(NamedTuple):
    p50: float  # ms
    p99: float
    cpu: float  # us for each call, of all its processes


def one_connection(server: Server, calls: int) -> Measured:
    client = Client(server)
    for _ in range(WARM_UP):
        assert b"hello world" in client.call("tools/call", ECHO)
    before, times = cpu_seconds(server.pids), []
    for _ in range(calls):
        began = time.perf_counter()
        client.call("tools/call", ECHO)
        times.append((time.perf_counter() - began) * 1000)
    cpu = (cpu_seconds(server.pids) - before) / calls * 1e6
    times.sort()
    return Measured(times[calls // 2], times[calls * 99 // 100], cpu)


def many_connections(server: Server, seconds: int) -> Measured:
    headers = "\n".join(f'wrk.headers["{k}"] = "{v}"' for k, v in server.headers.items())
    with tempfile.NamedTemporaryFile("w", suffix=".lua") as script:
        script.write(SCRIPT % (json.dumps(ECHO), headers))
        script.flush()
        before = cpu_seconds(server.pids)
        out = subprocess.run(["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{seconds}s", "--timeout=30s",
                              "-s", script.name, f"http://127.0.0.1:{server.port}/mcp"],
                             check=True, capture_output=True, text=True).stdout
        cpu = cpu_seconds(server.pids) - before
    n, _, p50, p99, bad = (int(word) for word in next(
        line for line in out.splitlines() if line.startswith("RESULT")).split()[1:])
    if bad:
        say(f"    {bad} of {n} requests failed")
    return Measured(p50 / 1000, p99 / 1000, cpu / max(n, 1) * 1e6)


@contextmanager
def handrail() -> Iterator[Server]:
    # An agent of 64 conversations has 64 sessions; wrk has none, so all its calls are one's.
    with standin(plugins=[sample("echo")]) as h:
        h.wait_status("/readyz", 200)
        yield Server(h.mcp_port, [h.pid, h.child("handrail-sidecar"),
                                  h.child("handrail-toolhost")], h.mcp_headers())


@contextmanager
def process(command: list[Any]) -> Iterator[Server]:
    port = free_ports(1)[0]
    peer = spawn([*command, str(port)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        wait_for("the peer", lambda: request(port, "GET", "/mcp").status, 30)
        yield Server(port, [peer.pid], ACCEPT)
    finally:
        peer.terminate()
        peer.wait()


@contextmanager
def typescript() -> Iterator[Server]:
    with tempfile.TemporaryDirectory(dir=node.MODULES.parent) as folder:  # where imports are found
        script = shutil.copy(HERE / "ts_echo.mjs", folder)
        with process([node.NODE, script]) as server:
            yield server


@contextmanager
def fastmcp() -> Iterator[Server]:
    found = real_server()
    assert found
    with process([found.parent / "python", HERE / "fastmcp_echo.py"]) as server:
        yield server


def peers() -> dict[str, Callable[[], Any]]:
    found: dict[str, Callable[[], Any]] = {"handrail": handrail}
    if node.NODE.exists():
        found["TypeScript"] = typescript
    else:
        say("  the TypeScript SDK is left out: tests/setup.sh test says what it needs")
    if real_server():
        found["fastmcp"] = fastmcp
    else:
        say("  fastmcp is left out: it comes with the agent-server, which is not installed")
    return found


def compare() -> None:
    say(f"Tool calls: MCP's tools/call of an echo, {CALLS} on one connection, then {CONNECTIONS} "
        "connections for some seconds")
    one: dict[str, Measured] = {}
    many: dict[str, Measured] = {}
    for name, peer in peers().items():
        with peer() as server:
            one[name] = one_connection(server, CALLS if name == "handrail" else CALLS // 4)
            if shutil.which("wrk"):
                many[name] = many_connections(server, 5)
            memory = rss_kb(server.pids)
        say(f"  {name:11} one: p50 {one[name].p50:.3f} ms, p99 {one[name].p99:.3f} ms, "
            f"CPU {one[name].cpu:.0f} us a call; RSS {memory / 1024:.1f} MB")
        if name in many:
            say(f"  {'':11} {CONNECTIONS}: p50 {many[name].p50:.1f} ms, p99 {many[name].p99:.1f} ms,"
                f" CPU {many[name].cpu:.0f} us a call")
    for name in list(one)[1:]:
        ours, theirs = one["handrail"], one[name]
        line = (f"  {name} / handrail: p50 {theirs.p50 / ours.p50:.1f}, "
                f"CPU {theirs.cpu / ours.cpu:.1f}")
        if name in many:
            line += (f"; at {CONNECTIONS}: their p50 / our p99 "
                     f"{many[name].p50 / many['handrail'].p99:.1f}")
        say(line)
