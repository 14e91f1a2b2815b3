# SPDX-License-Identifier: MIT
"""kill -9 of any process of the tree at any moment, and of handrail itself.

usage: kills.py [--count N] [--seed N] [--workers N]

Three kinds of rounds, each in a handrail of its own that is PID 1 of a namespace:

  peace  everything is up when the kills begin; the server leaves orphans all the time.  In the
         end everything is up again, once, no zombie stays, and PID 1 has as many descriptors and as
         much memory as before.
  stop   TERM comes in between: all ends in time, the server is not started again.
  head   handrail itself is killed: nobody survives.  Below another init that is so for its own
         children; the processes the server has left then belong to that init.

The kills begin at random moments: while the server starts, when it is up, while it waits to start
again.  Where handrail has options for a short backoff and no budget, they are used, and a round of
peace takes many kills; without them the server can die few times before it is given up.
"""

from __future__ import annotations

import argparse
import functools
import os
import random
import signal
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from pid1 import (GRACE, SERVER, SIDECAR, TOOLHOST, Handrail, accepted_options, all_is_well,
                  descendants, descriptors, each, need, pid1, sample, stops_in_time, wait_for)
from support import Failure

GROWTH_KB = 64  # memory of PID 1 from one quiet moment to another; a page or two is noise
WARM_UP = 60    # kills, after which its places for crash reports and output are all in use
PLACES_KB = 16 * 72 + 4 * 100  # what those can take
TOOLHOSTS = 2
SHORT = ["--budget=0", "--backoff=0.05", "--backoff-max=0.2", "--sidecar-backoff=0.05",
         "--toolhost-backoff=0.05", "--toolhost-backoff-max=0.2"]
LIVES = 3          # of each process in a round, while their backoff grows
ROUND_KILLS = 25   # in such a round, most of them of orphans and of the sidecar
SHORT_KILLS = 150  # in a round with a short backoff
SECONDS_A_KILL = 0.5  # a round in which there is often nobody to kill ends before its last kill


@dataclass(frozen=True)
class Round:
    kind: str
    seed: int
    kills: int
    options: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.kind:5} seed {self.seed}"


@dataclass
class Outcome:
    round: Round
    kills: int = 0
    seconds: float = 0.0
    note: str = ""
    problem: str = ""


def kind_of(argv: list[str]) -> str:
    for name in (SERVER, SIDECAR, TOOLHOST):
        if any(name in part for part in argv):
            return name
    return "orphan"


def dirty_kb(pid: int) -> int:
    """Memory of its own.  Clean pages of the program count as private or shared after how many
    other handrails there are just now."""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    return sum(int(line.split()[1]) for line in lines if line.startswith("Private_Dirty"))


class Killer:
    """Kills whom it may, and counts."""

    def __init__(self, h: Handrail, chance: random.Random, unlimited: bool) -> None:
        self.h, self.chance, self.unlimited = h, chance, unlimited
        self.deaths: dict[str, int] = {}
        self.total = 0

    def may(self, kind: str) -> bool:
        return self.unlimited or kind in (SIDECAR, "orphan") or self.deaths.get(kind, 0) < LIVES

    def strike(self) -> None:
        """One kill, if there is anybody who may be killed."""
        living = [p for p in descendants(self.h.pid)
                  if p.state != "Z" and p.argv and self.may(kind_of(p.argv))]
        if not living:
            return
        # First the kind, else nearly all would be orphans, of which there are many.
        kind = self.chance.choice(sorted({kind_of(p.argv) for p in living}))
        victim = self.chance.choice([p for p in living if kind_of(p.argv) == kind])
        try:
            os.kill(victim.pid, signal.SIGKILL)
        except ProcessLookupError:
            return
        self.deaths[kind] = self.deaths.get(kind, 0) + 1
        self.total += 1


def leave_orphans(h: Handrail) -> None:
    """Have the server leave some, if it is up to it."""
    h.agent("POST", "/_fault", {"orphans": 4, "seconds": 300}, timeout=0.3)


def pause(chance: random.Random) -> None:
    """Mostly short, so that restarts are hit while they happen; sometimes none at all."""
    time.sleep(chance.choice([0, 0.002, 0.01, 0.03, 0.1, 0.3]))


def strike_often(h: Handrail, killer: Killer, count: int, chance: random.Random) -> None:
    deadline = time.monotonic() + count * SECONDS_A_KILL
    while killer.total < count and time.monotonic() < deadline:
        if not h.alive():
            raise Failure(f"handrail is gone, exit code {h.wait()}:\n{h.log()}")
        if chance.random() < 0.2:
            leave_orphans(h)
        killer.strike()
        pause(chance)


def begin_somewhere(h: Handrail, chance: random.Random) -> None:
    """Let it come to a state to be disturbed in."""
    moment = chance.choice(["starting", "up", "backoff"])
    if moment == "starting":
        time.sleep(chance.random() * 0.15)
        return
    h.wait_status("/readyz", 200, 20)
    if moment == "backoff":
        for pid in h.children(SERVER):
            os.kill(pid, signal.SIGKILL)
        time.sleep(chance.random() * 0.3)


def in_peace(h: Handrail, this: Round, chance: random.Random, outcome: Outcome) -> None:
    all_is_well(h, TOOLHOSTS)
    fds, memory = descriptors(h), dirty_kb(h.pid)
    limit = memory + GROWTH_KB + PLACES_KB
    killer = Killer(h, chance, bool(this.options))
    try:
        if this.kills > WARM_UP:
            strike_often(h, killer, WARM_UP, chance)
            all_is_well(h, TOOLHOSTS, timeout=40)
            memory = dirty_kb(h.pid)
            limit = min(limit, memory + GROWTH_KB)
        strike_often(h, killer, this.kills, chance)
    finally:
        outcome.kills = killer.total
    all_is_well(h, TOOLHOSTS, timeout=40)
    if descriptors(h) != fds:
        raise Failure(f"PID 1 had {fds} descriptors, now {descriptors(h)}:\n{h.log()}")
    outcome.note = f"dirty {memory} -> {dirty_kb(h.pid)} kB, {fds} descriptors"
    if dirty_kb(h.pid) > limit:
        raise Failure(outcome.note)
    outcome.note += f", stop {stops_in_time(h):.2f} s"


def in_stop(h: Handrail, this: Round, chance: random.Random, outcome: Outcome) -> None:
    begin_somewhere(h, chance)
    leave_orphans(h)
    killer = Killer(h, chance, True)
    os.kill(h.pid, signal.SIGTERM)
    began = time.monotonic()
    while h.alive() and time.monotonic() - began < GRACE and killer.total < this.kills:
        killer.strike()
        time.sleep(chance.random() * 0.05)
    outcome.kills = killer.total
    # The server's own end by TERM, or the one it met here; none, if it waited to be started.
    stops_in_time(h, codes=(143, 137), limit=GRACE + 1, tell=False)
    outcome.note = f"ended after {time.monotonic() - began:.2f} s"
    if time.monotonic() - began > GRACE + 1:
        raise Failure(f"{outcome.note}:\n{h.log()}")
    # The sidecar and the toolhosts serve to the end, so they may be.
    if "server: started, pid" in h.log().split("stopping on signal", 1)[-1]:
        raise Failure(f"the server was started again during the stop:\n{h.log()}")


def of_the_head(h: Handrail, this: Round, chance: random.Random, outcome: Outcome) -> None:
    begin_somewhere(h, chance)
    leave_orphans(h)
    below = hasattr(h, "alive")
    mine = {p.pid for p in descendants(h.pid) if below or p.ppid == h.pid and p.argv
            and kind_of(p.argv) != "orphan"}
    os.kill(h.pid, signal.SIGKILL)
    outcome.kills = 1
    wait_for("the end of handrail", lambda: h.process.poll() is not None, 5)
    wait_for(f"the end of {sorted(mine)}; there are {h.leftovers()}", lambda: not [
        p for p in h.leftovers() if below or p.pid in mine], 5)
    outcome.note = "as PID 1" if below else "below another init"


def play(this: Round) -> Outcome:
    outcome, began, chance = Outcome(this), time.monotonic(), random.Random(this.seed)
    plugins = [sample("echo"), sample("workspace-search", {"root": "/"})]
    flags = ["--start-delay", f"{chance.choice([0, 0.1]):g}"]
    if this.kind == "stop":
        flags += ["--stop-delay", f"{chance.choice([0.3, 1, 2]):g}"]
    below = this.kind != "head" or chance.random() < 0.5
    try:
        with pid1(*flags, plugins=plugins, options=this.options, below=below) as h:
            {"peace": in_peace, "stop": in_stop, "head": of_the_head}[this.kind](
                h, this, chance, outcome)
    except Exception as problem:  # noqa: BLE001 - one bad round must not hide the others
        outcome.problem = f"{type(problem).__name__}: {problem}"
    outcome.seconds = time.monotonic() - began
    return outcome


def rounds_for(count: int, seed: int, options: tuple[str, ...]) -> list[Round]:
    """Of every ten kills eight in peace; the rest in stops, and of handrail itself."""
    chance, rounds, kills = random.Random(seed), [], 0
    make = functools.partial(Round, options=options)
    while kills < count:
        share = SHORT_KILLS if options else ROUND_KILLS
        rounds.append(make("peace", chance.randrange(1 << 32), share))
        for _ in range(max(1, share // 40)):
            rounds.append(make("stop", chance.randrange(1 << 32), 5))
            rounds.append(make("head", chance.randrange(1 << 32), 1))
            kills += 6
        kills += share
    return rounds


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--count", type=int, default=300, help="about how many kills")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1 << 32))
    parser.add_argument("--workers", type=int, default=4)
    options = parser.parse_args()
    need()
    known = tuple(accepted_options(*SHORT))
    short = known if len(known) == len(SHORT) else ()
    print(f"seed {options.seed}, {'short backoff' if short else 'the usual backoff'}")
    outcomes: list[Outcome] = []
    for outcome in each(play, rounds_for(options.count, options.seed, short), options.workers):
        outcomes.append(outcome)
        print(f"{'FAILED' if outcome.problem else 'ok    '} {outcome.kills:4} kills "
              f"{outcome.seconds:5.1f} s  {outcome.round}  {outcome.note}", flush=True)
    bad = [outcome for outcome in outcomes if outcome.problem]
    for outcome in bad:
        print(f"\nFAILED  {outcome.round}\n{outcome.problem}")
    print(f"killed: {sum(o.kills for o in outcomes)} processes in {len(outcomes)} rounds, "
          f"{len(bad)} of them failed")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
