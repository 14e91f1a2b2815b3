# SPDX-License-Identifier: MIT
"""A soak: calls, probes and scrapes without pause, first in peace, then with random kills.

usage: soak.py [SECONDS OF EACH HALF, default 60]
       soak.py --scrapes [COUNT, default 1000000 [SECONDS AT MOST]]

Prints the memory and descriptors of each program at the start and the end of each half, and
ends with 1 if a program's memory grew by more than GROWTH_KB, or a request was not answered once
and with its own answer.  Only what the sidecar was being asked when it was killed may stay
unanswered: its connection was cut.

With --scrapes it is that many requests to the health listener alone: probes on connections of their
own, as the kubelet makes them, and on kept ones, and /metrics in both formats, with and without gzip,
/status, /healthz and the page, as fast as they are answered.  A page may be put off with 503; a
probe may not.
"""

from __future__ import annotations

import contextlib
import json
import os
import random
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import BinaryIO

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "integration"))

from harness import sample, standin  # noqa: E402
from support import Handrail, descendants, wait_for  # noqa: E402

GROWTH_KB = 512  # allocators keep some; a leak per request would be many megabytes
KILL_EVERY = 1.5  # seconds
PATIENCE = 60.0  # seconds for an answer


def look(pid: int) -> tuple[int, int]:
    """Memory of its own in kB, also what a child shares that has not called exec yet, and open
    descriptors."""
    rollup = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    own = next(int(line.split()[1]) for line in rollup if line.startswith("Anonymous:"))
    return own, len(os.listdir(f"/proc/{pid}/fd"))


def one_answer(file: BinaryIO) -> tuple[int, bytes]:
    """The next answer of a connection: its status and body."""
    status, length, body = int(file.readline().split()[1]), 0, b""
    while (line := file.readline()) not in (b"\r\n", b""):
        name, _, value = line.lower().partition(b":")
        if name == b"content-length":
            length = int(value)
        elif name == b"transfer-encoding":
            length = -1
    if length >= 0:
        body = file.read(length)
        if len(body) != length:
            raise ConnectionError("an answer that is cut short")
        return status, body
    while size := int(file.readline(), 16):
        body += file.read(size)
        file.readline()
    file.readline()
    return status, body


class Kept:
    """A kept connection, made again after it was cut.  Whatever else comes on it is taken for the
    next answer, and is not that."""

    def __init__(self, port: int) -> None:
        self.port, self.file, self.since = port, None, 0.0

    def ask(self, head: str, body: bytes = b"") -> tuple[int, bytes]:
        if not self.file:
            self.since = time.monotonic()
            with socket.create_connection(("127.0.0.1", self.port), PATIENCE) as connection:
                self.file = connection.makefile("rwb")
        file, self.file = self.file, None
        try:
            file.write(f"{head}\r\nHost: 127.0.0.1:{self.port}\r\n"
                            f"Content-Length: {len(body)}\r\n\r\n".encode() + body)
            file.flush()
            answer = one_answer(file)
            self.file = file
            return answer
        except (IndexError, ValueError):  # nothing where a status or a size should be
            raise ConnectionError("cut") from None
        finally:
            if not self.file:
                with contextlib.suppress(OSError):
                    file.close()


class Load:
    """Threads that ask until told to stop, and count what was answered and how."""

    def __init__(self, h: Handrail) -> None:
        self.h, self.stopping = h, False
        self.answered = self.refused = self.cut = 0
        self.killed = 0.0  # when the sidecar was, last
        self.wrong: list[str] = []
        self.threads = [threading.Thread(target=work) for work in (self.call, self.call, self.probe)]
        for thread in self.threads:
            thread.start()

    def lost(self, what: str, kept: Kept, problem: Exception) -> None:
        if isinstance(problem, ConnectionError) and self.killed >= kept.since:
            self.cut += 1
        else:
            self.wrong.append(f"{what}: {problem!r}, {time.monotonic() - kept.since:.3f} s after "
                              f"its connection was made")

    def call(self) -> None:
        kept, n = Kept(self.h.mcp_port), 0
        head = "POST /mcp HTTP/1.1\r\nContent-Type: application/json\r\n" + "\r\n".join(
            f"{name}: {value}" for name, value in self.h.mcp_headers().items())
        while not self.stopping:
            n += 1
            text = random.randbytes(random.randint(1, 1000)).hex()
            params = {"name": "echo", "arguments": {"text": text}}
            try:
                status, body = kept.ask(head, json.dumps(
                    {"jsonrpc": "2.0", "id": n, "method": "tools/call", "params": params}).encode())
                if body.startswith((b":", b"data:", b"event:", b"id:")):
                    body = next(line for line in body.splitlines() if line.startswith(b"data: {"))[6:]
                reply = json.loads(body)
                if status != 200 or reply["id"] != n:
                    self.wrong.append(f"{status} for call {n}: {body[:200]!r}")
                elif reply["result"]["isError"]:
                    self.refused += 1
                elif text not in reply["result"]["content"][0]["text"]:
                    self.wrong.append(f"somebody else's answer to call {n}: {body[:200]!r}")
                else:
                    self.answered += 1
            except Exception as problem:  # noqa: BLE001 - whatever it is, it is not an answer
                self.lost("tools/call", kept, problem)

    def probe(self) -> None:
        kept = Kept(self.h.health_port)
        while not self.stopping:
            for path in ("/livez", "/readyz", "/metrics", "/status"):
                try:
                    kept.ask(f"GET {path} HTTP/1.1")
                    self.answered += 1
                except Exception as problem:  # noqa: BLE001 - likewise
                    self.lost(path, kept, problem)

    def stop(self) -> str:
        self.stopping = True
        for thread in self.threads:
            thread.join()
        return f"{self.answered} answered, {self.refused} with an error in the result, {self.cut} " \
               f"cut with the sidecar, {len(self.wrong)} not answered as they should be"


def half(h: Handrail, seconds: float, killing: bool) -> tuple[bool, int]:
    """Run the load; whether all went well, and how many processes were killed."""
    names = ["handrail-sidecar", "handrail-toolhost"]
    pids = {"handrail": h.pid} if killing else \
        {"handrail": h.pid, **{name: h.child(name) for name in names}}
    load, kills = Load(h), 0
    time.sleep(min(5, seconds / 4))  # warm
    before = {name: look(pid) for name, pid in pids.items()}
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        time.sleep(KILL_EVERY)
        victim = random.choice([*names, "agent_server"])
        for pid in h.children(victim) if killing else []:
            if victim == "handrail-sidecar":
                load.killed = float("inf")  # from now on until it is dead
            os.kill(pid, signal.SIGKILL)
            kills += 1
            wait_for(f"the end of {pid}", lambda pid=pid: pid not in h.children(victim), 10)
            load.killed = min(load.killed, time.monotonic())
    counts = load.stop()
    good = not load.wrong
    print(f"{'with kills' if killing else 'in peace'}: {counts}, {kills} processes killed")
    for line in load.wrong[:20]:
        print(f"  {line}")
    for name, pid in pids.items():
        (kb, fds), (kb_after, fds_after) = before[name], look(pid)
        good = good and kb_after - kb <= GROWTH_KB and fds_after <= fds + 2
        print(f"  {name:18} private {kb} -> {kb_after} kB, descriptors {fds} -> {fds_after}")
    return good, kills


# ---- requests to the health listener alone ----

SCRAPERS = 2  # processes that ask
TURN = [("/readyz", "", 30), ("/livez", "", 30), ("/readyz?verbose", "", 10), ("/metrics", "", 4),
        ("/metrics", "Accept: application/openmetrics-text;version=1.0.0\r\n", 4),
        ("/metrics", "Accept-Encoding: gzip\r\n", 4), ("/status", "", 4), ("/healthz", "", 4), ("/", "", 2)]


def scrape(port: int) -> None:
    """Ask until our standard input is closed, and then say how often and what was not well."""
    done = bad = busy = 0
    os.set_blocking(0, False)
    while sys.stdin.buffer.raw.read(1) is None:
        for path, headers, times in TURN:
            text = f"GET {path} HTTP/1.1\r\nHost: x\r\n{headers}\r\n".encode()
            kept = None
            for i in range(times):
                connection = kept or socket.create_connection(("127.0.0.1", port), 10)
                try:
                    connection.sendall(text)
                    with connection.makefile("rb") as file:
                        status, _ = one_answer(file)
                        if status == 503 and not path.startswith(("/readyz", "/livez")):
                            busy += 1  # it was asked for too many pages at once, and closes
                            kept = None
                            connection.close()
                            continue
                        if status != 200:
                            bad += 1
                            print(f"  {path}: {status}", file=sys.stderr)
                except (OSError, ValueError, IndexError) as problem:
                    bad += 1
                    print(f"  {path}: {problem!r}", file=sys.stderr)
                    kept = None
                    connection.close()
                    continue
                done += 1
                kept = connection if i % 2 else None  # every other one has a new connection
                if not kept:
                    connection.close()
            if kept:
                kept.close()
        print(done, bad, busy, flush=True)


def scrapes(count: int, seconds: float) -> int:
    with standin(plugins=[sample("echo")]) as h:
        h.wait_status("/readyz", 200)
        h.wait_status("/healthz", 200)  # measured, all of it
        pids = {"handrail": h.pid, "handrail-sidecar": h.child("handrail-sidecar")}
        work = [subprocess.Popen([sys.executable, __file__, "--scraper", str(h.health_port)], text=True,
                                 stdin=subprocess.PIPE, stdout=subprocess.PIPE) for _ in range(SCRAPERS)]
        totals = [(0, 0, 0)] * SCRAPERS

        def follow(i: int) -> None:
            for line in work[i].stdout:
                totals[i] = tuple(map(int, line.split()))

        threads = [threading.Thread(target=follow, args=(i,)) for i in range(SCRAPERS)]
        for thread in threads:
            thread.start()
        began, shown, first = time.monotonic(), -1, {}
        while (done := sum(t[0] for t in totals)) < count and time.monotonic() - began < seconds:
            if 10 * done // count != shown and done:
                shown = 10 * done // count
                now = {name: look(pid) for name, pid in pids.items()}
                first = first or now
                print(f"{done:8} requests, {time.monotonic() - began:5.0f} s: " + ", ".join(
                    f"{name} {kb} kB {fds} descriptors" for name, (kb, fds) in now.items()), flush=True)
            time.sleep(0.2)
        for process in work:
            process.stdin.close()
        for thread in threads:
            thread.join()
        time.sleep(1)  # the last connections are closed
        last = {name: look(pid) for name, pid in pids.items()}
        done, bad, busy = (sum(t[i] for t in totals) for i in range(3))
        took = time.monotonic() - began
        print(f"{done} requests in {took:.0f} s, {done / took:.0f} a second, {bad} not well, "
              f"{busy} pages put off")
        for name, (kb, fds) in last.items():
            print(f"  {name:18} private {first[name][0]} -> {kb} kB, descriptors {first[name][1]} -> {fds}")
        flat = all(last[n][0] - first[n][0] <= GROWTH_KB and last[n][1] <= first[n][1] + 2 for n in pids)
        return 0 if flat and not bad and done and h.stop() == 143 else 1


def main() -> int:
    if sys.argv[1:2] == ["--scraper"]:
        scrape(int(sys.argv[2]))
        return 0
    if sys.argv[1:2] == ["--scrapes"]:
        return scrapes(int(sys.argv[2]) if len(sys.argv) > 2 else 10 ** 6,
                       float(sys.argv[3]) if len(sys.argv) > 3 else float("inf"))
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 60.0
    # However long it takes, nothing is given up, and nothing waits for long before it is back.
    patient = ["--restart=always", *(f"--{part}{name}" for part in ("", "sidecar-", "toolhost-")
                                     for name in ("budget=0", "backoff-max=1"))]
    with standin(plugins=[sample("echo")], options=patient) as h:
        h.wait_status("/readyz", 200)
        peace, _ = half(h, seconds, False)
        war, kills = half(h, seconds, True)
        h.wait_status("/readyz", 200, 60)
        zombies = [p for p in descendants(h.pid) if p.state == "Z"]
        code = h.stop()
        print(f"end: exit code {code}, zombies {zombies}, left behind {h.leftovers()}")
        return 0 if peace and war and kills and code == 143 and not zombies else 1


if __name__ == "__main__":
    sys.exit(main())
