# SPDX-License-Identifier: MIT
"""`make bench`: what handrail costs, beside a peer in the same run.

Prints numbers and ratios and judges nothing: a shared machine is too noisy for that.  A part whose
peer is not installed says so and is left out.
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "integration"))

import inits  # noqa: E402
from harness import sample, standin  # noqa: E402
from support import (BUILD, HANDRAIL, Handrail, free_ports, real_server, request, spawn,  # noqa: E402
                     wait_for)

TICKS = os.sysconf("SC_CLK_TCK")
CALLS = 4000
WARM_UP = 200


def say(text: str = "") -> None:
    print(text, flush=True)


def programs(h: Handrail) -> dict[str, int]:
    return {"handrail": h.pid, "sidecar": h.child("handrail-sidecar"),
            "toolhost": h.child("handrail-toolhost")}


def cpu_seconds(pids: list[int]) -> float:
    total = 0
    for pid in pids:
        fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
        total += int(fields[11]) + int(fields[12])
    return total / TICKS


def memory_kb(pid: int) -> dict[str, int]:
    lines = (line.split() for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines())
    return {f[0].rstrip(":"): int(f[1]) for f in lines if len(f) == 3 and f[2] == "kB"}


def start_up() -> None:
    say("Start: exec of the init to main() of its child, 400 rounds in turn (ms)")
    if not shutil.which("tini"):
        return say("  left out: tini is not installed")
    out = subprocess.run(
        [BUILD / "tests/bench/exec_latency", "400", BUILD / "tests/bench/started",
         "direct", "--", "tini", "tini", "-s", "@", "--",
         "handrail", HANDRAIL, "run", "--no-sidecar", "@"],
        check=True, capture_output=True, text=True).stdout
    rows = {row["name"]: row for row in map(json.loads, out.splitlines())}
    for name, row in rows.items():
        say(f"  {name:10} median {row['start_ms']:.3f}  p95 {row['p95_ms']:.3f}  "
            f"to its end {row['total_ms']:.3f}")
    ours, peer = rows["handrail"], rows["tini"]
    say(f"  handrail / tini: {ours['start_ms'] / peer['start_ms']:.2f} "
        f"({ours['start_ms'] - peer['start_ms']:+.3f} ms)")


def memory() -> None:
    say("Memory: one plugin, after 100 calls and 100 probes (kB)")
    with standin(plugins=[sample("echo")]) as h:
        h.wait_status("/readyz", 200)
        for _ in range(100):
            h.call_tool("echo", {"text": "x"})
            h.get("/readyz")
        rss = 0
        for name, pid in programs(h).items():
            m = memory_kb(pid)
            rss += m["Rss"]
            say(f"  {name:10} RSS {m['Rss']:6}  PSS {m['Pss']:6}  "
                f"private dirty {m['Private_Dirty']:5}")
        say(f"  together   RSS {rss:6}")
        if shutil.which("tini"):
            peer = spawn(["tini", "-s", "--", "sleep", "60"])
            time.sleep(0.3)
            m = memory_kb(peer.pid)
            say(f"  tini       RSS {m['Rss']:6}  PSS {m['Pss']:6}  "
                f"private dirty {m['Private_Dirty']:5}")
            say(f"  handrail / tini, private dirty: "
                f"{memory_kb(h.pid)['Private_Dirty'] / m['Private_Dirty']:.2f}")
            peer.terminate()
            peer.wait()


def until(port: int, path: str) -> float:
    """When a path first answered 200, seconds, asking every half millisecond."""
    while True:
        try:
            with socket.create_connection(("127.0.0.1", port), 1) as s:
                s.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
                if s.recv(64).startswith(b"HTTP/1.1 200"):
                    return time.monotonic()
        except OSError:
            pass
        time.sleep(0.0005)


def readiness() -> None:
    say("Readiness: the server's /ready 200 to /readyz 200, 7 starts (ms)")
    lags = []
    for _ in range(7):
        with standin("--start-delay", "0.5") as h:
            h.wait_line("sidecar: ready")
            began = until(h.agent_port, "/ready")
            lags.append((until(h.health_port, "/readyz") - began) * 1000)
    say(f"  median {statistics.median(lags):.1f}  worst {max(lags):.1f}  "
        f"(a prober with a period of 1 s, as the kubelet's shortest: 500 on average)")


class Client:
    """A kept MCP connection: one request after the other."""

    def __init__(self, port: int, headers: dict[str, str]) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.port, self.headers, self.id = port, headers, 0

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
        for line in head.split(b"\r\n"):
            if line.lower().startswith(b"content-length:"):
                length = int(line.split(b":")[1])
            if line.lower().startswith(b"mcp-session-id:"):
                self.headers["Mcp-Session-Id"] = line.split(b":", 1)[1].strip().decode()
        while len(body) < length:
            body += self.socket.recv(65536)
        return body


def initialize(client: Client) -> None:
    client.call("initialize", {"protocolVersion": "2025-11-25", "capabilities": {},
                               "clientInfo": {"name": "bench", "version": "1"}})


def measure(client: Client, pids: list[int], calls: int) -> tuple[float, float, float]:
    """p50 and p99 in ms, CPU per call in microseconds."""
    params = {"name": "echo", "arguments": {"text": "hello world"}}
    for _ in range(WARM_UP):
        assert b"hello world" in client.call("tools/call", params)
    before, times = cpu_seconds(pids), []
    for _ in range(calls):
        began = time.perf_counter()
        client.call("tools/call", params)
        times.append((time.perf_counter() - began) * 1000)
    cpu = (cpu_seconds(pids) - before) / calls * 1e6
    times.sort()
    return times[calls // 2], times[calls * 99 // 100], cpu


@contextmanager
def fastmcp(python: Path) -> Iterator[tuple[int, int]]:
    port = free_ports(1)[0]
    peer = spawn([python, Path(__file__).parent / "fastmcp_echo.py", str(port)],
                 stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        wait_for("fastmcp", lambda: request(port, "GET", "/mcp").status, 30)
        yield port, peer.pid
    finally:
        peer.terminate()
        peer.wait()


def tool_calls() -> None:
    say(f"Tool calls: MCP tools/call of an echo, one connection, {CALLS} calls")
    accept = {"Accept": "application/json, text/event-stream"}
    with standin(plugins=[sample("echo")]) as h:
        h.wait_status("/readyz", 200)
        client = Client(h.mcp_port, h.mcp_headers())
        initialize(client)
        ours = measure(client, list(programs(h).values()), CALLS)
    say(f"  handrail   p50 {ours[0]:.3f} ms  p99 {ours[1]:.3f} ms  CPU {ours[2]:.0f} us per call "
        "(all three programs)")
    server = real_server()
    if not server:
        return say("  peer left out: the Python SDK comes with the agent-server, not installed")
    with fastmcp(server.parent / "python") as (port, pid):
        client = Client(port, dict(accept))
        initialize(client)
        peer = measure(client, [pid], CALLS // 4)
    say(f"  fastmcp    p50 {peer[0]:.3f} ms  p99 {peer[1]:.3f} ms  CPU {peer[2]:.0f} us per call")
    say(f"  fastmcp / handrail: p50 {peer[0] / ours[0]:.1f}, CPU {peer[2] / ours[2]:.1f}")


def wrk(port: int) -> float:
    out = subprocess.run(["wrk", "-t1", "-c8", "-d3s", "-H", "Connection: close",
                          f"http://127.0.0.1:{port}/readyz"],
                         check=True, capture_output=True, text=True).stdout
    return float(next(line.split()[1] for line in out.splitlines() if "Requests/sec" in line))


def probes() -> None:
    say("Probes: /readyz on new connections, 8 at a time, 3 s (requests per second)")
    if not shutil.which("wrk"):
        return say("  left out: wrk is not installed")
    with standin() as h:
        h.wait_status("/readyz", 200)
        idle = wrk(h.health_port)
        h.fault(hang=60)
        time.sleep(0.2)
        hung = wrk(h.health_port)
        h.kill()
    say(f"  server idle {idle:.0f}, server's loop blocked {hung:.0f}; blocked / idle: "
        f"{hung / idle:.2f}")


PARTS: dict[str, Callable[[], None]] = {
    "start": start_up, "memory": memory, "readiness": readiness, "calls": tool_calls,
    "probes": probes, "inits": inits.compare}


def main() -> None:
    if not HANDRAIL.exists():
        sys.exit(f"{HANDRAIL} is missing: run `make build` first")
    with tempfile.TemporaryDirectory() as folder:
        os.environ.setdefault("TMPDIR", folder)
        for part in sys.argv[1:] or PARTS:
            PARTS[part]()
            say()


if __name__ == "__main__":
    main()
