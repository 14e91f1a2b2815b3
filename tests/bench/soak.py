# SPDX-License-Identifier: MIT
"""A soak: calls, probes and scrapes without pause, first in peace, then with random kills.

usage: soak.py [SECONDS OF EACH HALF, default 60]

Prints the memory and descriptors of each program at the start and the end of each half, and
ends with 1 if a request went unanswered or a program's memory grew by more than GROWTH_KB.
"""

from __future__ import annotations

import os
import random
import signal
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


def main() -> int:
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
