# SPDX-License-Identifier: MIT
"""A soak of the supervisor: a server that says something and fails, over and over.

usage: restarts.py [RESTARTS, default 100000]

Every death makes a crash report and every start a new pair of pipes, a new cgroup reading and new
lines on the board.  Prints the memory and the descriptors of handrail and the sidecar as it
goes, and ends with 1 if after the first tenth memory grew by more than GROWTH_KB or a descriptor was
left.
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "integration"))

from soak import look  # noqa: E402
from support import Handrail  # noqa: E402

GROWTH_KB = 16  # of PID 1: a page or two is noise
SIDECAR_KB = 512
SERVER = ["/bin/sh", "-c", "echo starting; echo 'error: no' >&2; sleep 60 & exit 3"]
OPTIONS = ["--budget=0", "--restart=always", "--backoff=0.001", "--backoff-max=0.001"]
ENV = {"HANDRAIL_LOG_LEVEL": "error"}


class Sizes:
    def __init__(self, h: Handrail) -> None:
        self.kb, self.descriptors = look(h.pid)
        self.sidecar_kb, self.sidecar_descriptors = look(h.child("handrail-sidecar"))

    def __str__(self) -> str:
        return (f"handrail {self.kb} kB, {self.descriptors} descriptors; "
                f"sidecar {self.sidecar_kb} kB, {self.sidecar_descriptors} descriptors")


def restarts(h: Handrail) -> int:
    services = h.wait_status("/status", 200).json()["services"]
    return next(int(s["starts"]) - 1 for s in services if s["name"] == "server")


def main() -> int:
    goal = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    with tempfile.TemporaryDirectory() as folder, Handrail(Path(folder), SERVER, options=OPTIONS,
                                                           env=ENV) as h:
        began = time.monotonic()
        first = None
        mark = goal // 10
        while True:
            done = restarts(h)
            if done >= mark:
                sizes = Sizes(h)
                print(f"{done} restarts, {done / (time.monotonic() - began):.0f} a second: {sizes}",
                      flush=True)
                first = first or sizes
                mark += goal // 10
            if done >= goal:
                break
            time.sleep(0.5)
        last = Sizes(h)
    bad = (last.kb > first.kb + GROWTH_KB or last.sidecar_kb > first.sidecar_kb + SIDECAR_KB
           or last.descriptors > first.descriptors + 3)
    print("grew" if bad else "flat")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
