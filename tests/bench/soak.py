# SPDX-License-Identifier: MIT
"""A soak: calls, probes and scrapes without pause, first in peace, then with random kills.

usage: soak.py [SECONDS OF EACH HALF, default 60]
       soak.py --scrapes [COUNT, default 1000000 [SECONDS AT MOST]]

Prints the memory and descriptors of each program at the start and the end of each half, and
ends with 1 if a request went unanswered or a program's memory grew by more than GROWTH_KB.

With --scrapes it is that many requests to the health listener alone: probes on connections of their
own, as the kubelet makes them, and on kept ones, and /metrics in both formats, with and without gzip,
/status, /healthz and the page, as fast as they are answered.  A page may be put off with 503; a
probe may not.
"""

from __future__ import annotations

import os
import random
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "integration"))

from harness import sample, standin  # noqa: E402
from support import Handrail, descendants  # noqa: E402

GROWTH_KB = 512  # allocators keep some; a leak per request would be many megabytes
KILL_EVERY = 1.5  # seconds


def look(pid: int) -> tuple[int, int]:
    """Memory of its own in kB, also what a child shares that has not called exec yet, and open
    descriptors."""
    rollup = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    own = next(int(line.split()[1]) for line in rollup if line.startswith("Anonymous:"))
    return own, len(os.listdir(f"/proc/{pid}/fd"))


class Load:
    """Threads that ask until told to stop, and count what was answered and how."""

    def __init__(self, h: Handrail) -> None:
        self.h, self.stopping = h, False
        self.answered = self.refused = self.unanswered = 0
        self.threads = [threading.Thread(target=work) for work in (self.call, self.call, self.probe)]
        for thread in self.threads:
            thread.start()

    def call(self) -> None:
        while not self.stopping:
            try:
                if self.h.call_tool("echo", {"text": "x" * random.randint(1, 2000)})["isError"]:
                    self.refused += 1
                else:
                    self.answered += 1
            except Exception as problem:  # noqa: BLE001 - whatever it is, it is not an answer
                self.unanswered += 1
                print(f"  unanswered: {problem}"[:200])

    def probe(self) -> None:
        while not self.stopping:
            for path in ("/livez", "/readyz", "/metrics", "/status"):
                if self.h.get(path, timeout=10).status == 0:
                    self.unanswered += 1
                else:
                    self.answered += 1

    def stop(self) -> str:
        self.stopping = True
        for thread in self.threads:
            thread.join()
        return f"{self.answered} answered, {self.refused} with an error in the result, " \
               f"{self.unanswered} not answered"


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
        victims = h.children(random.choice([*names, "agent_server"])) if killing else []
        for pid in victims:
            os.kill(pid, signal.SIGKILL)
            kills += 1
    counts = load.stop()
    good = load.unanswered == 0 or killing
    print(f"{'with kills' if killing else 'in peace'}: {counts}, {kills} processes killed")
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


def one_answer(file) -> int:  # noqa: ANN001 - a buffered reader
    """Its status; the body is read and thrown away."""
    status, length = int(file.readline().split()[1]), 0
    while (line := file.readline()) not in (b"\r\n", b""):
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            length = int(value)
    if len(file.read(length)) != length:
        raise OSError("an answer that is cut short")
    return status


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
                        status = one_answer(file)
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
