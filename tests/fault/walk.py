# SPDX-License-Identifier: MIT
"""Random walks: whatever comes, and in whatever order.

usage: walk.py [--walks N] [--steps N] [--seed N] [--workers N]

Each walk is a handrail of its own, as PID 1 of a namespace or as a subreaper, around the stand-in
and two plugins.  A step sends it a signal, an order or a message, true ones and rubbish, rewrites
its registry, or stops, continues or kills a process.  After each step: it lives, there is no second
copy of anything, `handrail status` answers, and nobody is stopping or waiting to be started for
longer than that can take.  In the end either everything comes up again, once, when nothing is
stopped any more; or TERM, an order or another signal ends it in the middle of all that.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import random
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from kills import SHORT
from pid1 import (HANDRAIL, SERVER, SIDECAR, TOOLHOST, Handrail, all_is_well, count_of,
                  descendants, descriptors, each, need, pid1, sample, stops_in_time, wait_for)
from support import Failure, request

PLUGINS = [sample("echo"), sample("workspace-search", {"root": "/"})]
KEY = "a-key-of-the-server"
STUCK_SECONDS = 20.0  # four times what a stop of the server alone may take
SIGNALS = [signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2, signal.SIGWINCH, signal.SIGCONT,
           signal.SIGCHLD, signal.SIGPIPE, signal.SIGALRM, signal.SIGTSTP, signal.SIGTTIN,
           signal.SIGTTOU, signal.SIGABRT, signal.SIGSEGV, signal.SIGRTMIN, signal.SIGRTMAX]
ORDERS = [["restart", "server"], ["restart", "sidecar"], ["restart", "toolhost/echo"],
          ["restart", "nobody"], ["reload"], ["drain"], ["drain", "--undo"], ["crashes"]]
MESSAGES = ["READY=1", "STOPPING=1", "RELOADING=1", "WATCHDOG=1", "WATCHDOG=trigger",
            "WATCHDOG_USEC=1", "WATCHDOG_USEC=99999999999999999999", "MAINPID=1", "FDSTORE=1",
            "FDSTOREREMOVE=1\nFDNAME=x", "STATUS=", "STATUS=" + "s" * 4000, "=", "\n\n", "READY",
            "X_HANDRAIL_LAG_MS=-1", "X_HANDRAIL_LAG_MS=86400000", "X_HANDRAIL_INIT=100",
            "X_HANDRAIL_AGENT_ERROR=it is none", "X_HANDRAIL_AGENT=ok", "X_HANDRAIL_ACTIVITY=1"]


class Walker:
    def __init__(self, h: Handrail, chance: random.Random, below: bool) -> None:
        self.h, self.chance, self.below = h, chance, below
        self.steps: list[str] = []

    # -- the steps ----------------------------------------------------------------------------

    def a_signal(self) -> str:
        number = self.chance.choice(SIGNALS)
        os.kill(self.h.pid, number)
        return f"signal {number}"

    def some_sleep(self) -> str:
        """Of handrail itself."""
        os.kill(self.h.pid, signal.SIGSTOP)
        time.sleep(self.chance.random())
        os.kill(self.h.pid, signal.SIGCONT)
        return "slept"

    def an_order(self) -> str:
        order = self.chance.choice(ORDERS)
        self.order(*order)
        return " ".join(order)

    def a_message(self) -> str:
        text = self.chance.choice(MESSAGES)
        self.message(text)
        return f"message {text[:30]!r}"

    def message(self, text: str) -> bool:
        with contextlib.suppress(OSError):
            return self.h.agent("POST", "/_fault", {"notify": text}, timeout=0.3).status == 200
        return False

    def a_strangers_message(self) -> str:
        """With a descriptor that nobody wants."""
        text = self.chance.choice(MESSAGES)
        for pid in self.h.children(SERVER):
            with contextlib.suppress(OSError), socket.socket(
                    socket.AF_UNIX, socket.SOCK_DGRAM) as s:
                variables = Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
                name = [v[15:] for v in variables if v.startswith(b"NOTIFY_SOCKET=@")]
                if name:
                    s.connect(b"\0" + name[0])
                    socket.send_fds(s, [text.encode()], [0], socket.MSG_DONTWAIT)
        return f"stranger's {text[:30]!r}"

    def a_registry(self) -> str:
        some = self.chance.sample(PLUGINS, self.chance.randrange(3))
        text = self.chance.choice([json.dumps({"plugins": some}), "{", ""])
        (self.h.folder / "tool_registry.json").write_text(text)
        os.kill(self.h.pid, signal.SIGHUP)
        return f"registry {text[:20]!r}"

    def a_victim(self) -> str:
        number = self.chance.choice([signal.SIGSTOP, signal.SIGCONT, signal.SIGKILL,
                                     signal.SIGTERM])
        living = [p for p in descendants(self.h.pid) if p.state != "Z" and p.argv]
        if not living:
            return "nobody"
        victim = self.chance.choice(living)
        with contextlib.suppress(ProcessLookupError):
            os.kill(victim.pid, number)
        return f"{signal.Signals(number).name} to {Path(victim.argv[-1]).name}"

    def some_orphans(self) -> str:
        with contextlib.suppress(OSError):
            self.h.agent("POST", "/_fault", {"orphans": 3, "seconds": 300}, timeout=0.3)
        return "orphans"

    def step(self) -> None:
        steps = [self.a_signal, self.an_order, self.a_message, self.a_strangers_message,
                 self.a_registry, self.a_victim, self.some_orphans, self.some_sleep]
        weights = [4, 6, 4, 2, 2, 8, 1, 1]
        self.steps.append(self.chance.choices(steps, weights)[0]())
        time.sleep(self.chance.choice([0, 0, 0.01, 0.05, 0.3]))

    # -- what must be true --------------------------------------------------------------------

    def order(self, *order: str) -> subprocess.CompletedProcess[str]:
        inside = ["nsenter", "-t", str(self.h.pid), "-p", "-m", "--"] if self.below else []
        pid = 1 if self.below else self.h.pid
        return subprocess.run([*inside, HANDRAIL, order[0], f"--pid={pid}", *order[1:]],
                              capture_output=True, text=True, timeout=30, check=False)

    def look(self) -> None:
        if self.h.process.poll() is not None:
            raise Failure(f"handrail is gone, exit code {self.h.wait()}")
        count = count_of(self.h)
        if count[SERVER] > 1 or count[SIDECAR] > 1 or count[TOOLHOST] > len(PLUGINS):
            raise Failure(f"too many: {count}")
        status = self.order("status", "--json")
        if status.returncode:
            raise Failure(f"no status: {status.stderr}")
        for service in json.loads(status.stdout)["services"]:
            if (service["state"] in ("stopping", "backoff")
                    and service["state_seconds"] > STUCK_SECONDS):
                raise Failure(f"{service['name']} is stuck: {service}")

    # -- the end ------------------------------------------------------------------------------

    def calm_down(self, fds: int) -> None:
        """Whatever was done to it, this undoes it; what has died comes back by itself."""
        (self.h.folder / "tool_registry.json").write_text(json.dumps({"plugins": PLUGINS}))
        for p in descendants(self.h.pid):
            with contextlib.suppress(ProcessLookupError):
                os.kill(p.pid, signal.SIGCONT)
        for order in (["reload"], ["drain", "--undo"]):
            self.order(*order)
        wait_for("the server to listen", lambda: self.message("X_HANDRAIL_AGENT=ok"), 30)
        all_is_well(self.h, len(PLUGINS), timeout=40)
        wait_for(f"{fds} descriptors, there are {descriptors(self.h)}",
                 lambda: descriptors(self.h) == fds, 10)

    def stop(self) -> float:
        number = self.chance.choice([signal.SIGTERM, signal.SIGINT, signal.SIGQUIT, 0])
        if number:
            os.kill(self.h.pid, number)
        else:
            self.order("stop")
        self.steps.append(f"stop {number}")
        return stops_in_time(self.h, codes=range(256), tell=False)


@dataclass
class Outcome:
    seed: int
    note: str = ""
    problem: str = ""


def walk(item: tuple[int, int]) -> Outcome:
    seed, steps = item
    chance, outcome = random.Random(seed), Outcome(seed)
    below, calm = chance.random() < 0.7, chance.random() < 0.5
    walker = None
    env = {"OH_SECRET_KEY": KEY, "OH_DEFERRED_INIT": "1"} if chance.random() < 0.5 else {}
    try:
        with pid1("--notify", plugins=PLUGINS, options=[*SHORT, "--watchdog=5"], env=env,
                  below=below) as h:
            all_is_well(h, len(PLUGINS))
            fds = descriptors(h)
            walker = Walker(h, chance, below)
            if env:
                request(h.agent_port, "POST", "/api/init", {"session_api_keys": [KEY]},
                        {"X-Init-API-Key": KEY})
                h.wait_line("after a crash that will be replayed")
            for _ in range(steps):
                walker.step()
                walker.look()
            if calm:
                walker.calm_down(fds)
            if calm and env and h.agent("GET", "/api/init").json()["state"] != "ready":
                raise Failure("its initialisation has not been replayed")
            took = walker.stop()
            outcome.note = f"{'calm' if calm else 'in the middle'}, stop {took:.2f} s"
    except Exception as problem:  # noqa: BLE001 - one bad walk must not hide the others
        outcome.problem = f"{type(problem).__name__}: {problem}"
        if walker:
            outcome.problem += f"\nafter {walker.steps}\n-- log\n{walker.h.log()}"
    return outcome


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--walks", type=int, default=6)
    parser.add_argument("--steps", type=int, default=30)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1 << 32))
    parser.add_argument("--workers", type=int, default=3)
    options = parser.parse_args(argv)
    need("nsenter")
    print(f"seed {options.seed}")
    chance = random.Random(options.seed)
    walks = [(chance.randrange(1 << 32), options.steps) for _ in range(options.walks)]
    bad = 0
    for outcome in each(walk, walks, options.workers):
        bad += bool(outcome.problem)
        print(f"{'FAILED' if outcome.problem else 'ok    '} walk {outcome.seed}  {outcome.note}"
              f"{outcome.problem}", flush=True)
    print(f"walked: {options.walks} times {options.steps} steps, {bad} failed")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
