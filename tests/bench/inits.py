# SPDX-License-Identifier: MIT
"""handrail beside other inits and supervisors, all in the same run.

usage: inits.py [--quick]

One table; nothing is judged.  Peers take turns, round by round, so that a change of the machine's
speed meets all of them alike, and what is idle is idle at the same time.  A peer that is not
installed is left out.

  start     exec of the init to main() of its child
  RSS, dirty  memory of the init's own processes, resident and private dirty, after 20 s idle
  wakeups   voluntary context switches of those, per second of these 20
  restart   the end, by kill -9, of a service that had been up for more than 10 s, to main() of the
            next one; how long the kernel took to end it is not in it
  stop      SIGTERM to the init until it is gone, its child ending at once
  reaping   4000 orphans killed at once until the last one is reaped, the init being PID 1; inf:
            more than 20 s

"handrail" is a plain init; "handrail+" is the whole, with its sidecar (its own processes: two),
around the stand-in for the agent-server.  Before its next server it looks twice at every process
that /proc shows, for the crash report and for what was left behind: restart grows with their
number, and is less in a container than beside a host's.  s6-supervise gets a notification-fd,
without which it waits a second before it restarts anything.
"""

from __future__ import annotations

import json
import os
import select
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from support import (BUILD, HANDRAIL, Failure, become_subreaper, descendants,  # noqa: E402
                     free_ports, kill_leftovers, spawn, standin_command, wait_for)

BENCH = BUILD / "tests" / "bench"
SERVICE, STARTED = BENCH / "service", BENCH / "started"
STORM = BUILD / "tests" / "fault" / "storm"
UNSHARE = ["setpriv", "--pdeathsig", "KILL",
           "unshare", "--pid", "--fork", "--kill-child", "--mount-proc"]
ORPHANS = 4000
QUICK = "--quick" in sys.argv
STARTS, SLOW_STARTS = (50, 2) if QUICK else (300, 5)
IDLE = 5.0 if QUICK else 20.0
RESTARTS = 1 if QUICK else 3
STABLE = 11.0  # seconds a service is up before it is killed
STOPS = 5 if QUICK else 20
BURSTS = 1 if QUICK else 3

SUPERVISORD = """[supervisord]
nodaemon=true
silent=true
logfile=/dev/null
logfile_maxbytes=0
pidfile={folder}/pid
[program:service]
command={command}
autorestart=true
stdout_logfile=/dev/fd/1
stdout_logfile_maxbytes=0
stderr_logfile=/dev/null
"""


def services(folder: Path, command: list[str]) -> Path:
    """A folder of services as s6 has it, with one.  The command is one program or one script."""
    service = folder / "services" / "one"
    service.mkdir(parents=True, exist_ok=True)
    run = service / "run"
    run.unlink(missing_ok=True)
    run.symlink_to(command[0])
    (service / "notification-fd").write_text("3\n")
    return service


def supervisord(folder: Path, command: list[str]) -> list[str]:
    (folder / "supervisord.conf").write_text(
        SUPERVISORD.format(folder=folder, command=" ".join(command)))
    return ["supervisord", "-c", str(folder / "supervisord.conf")]


def whole(_: Path, command: list[str]) -> list[str]:
    agent, health, mcp = free_ports(3)
    server = [str(part).replace("{port}", str(agent)) for part in standin_command()]
    return ["env", f"HANDRAIL_AGENT_PORT={agent}", f"HANDRAIL_HEALTH_ADDR=127.0.0.1:{health}",
            f"HANDRAIL_MCP_ADDR=127.0.0.1:{mcp}", "HANDRAIL_CONFIG_DIR=/nonexistent",
            str(HANDRAIL), "run", "--", *command, "--", *server]


@dataclass
class Peer:
    """argv(folder, command): how it runs a command as its service."""
    name: str
    program: str
    argv: Callable[[Path, list[str]], list[str]]
    restarts: bool = False
    reaps: bool = True   # everything, as PID 1
    slow: bool = False   # takes about a second to start
    plain: bool = True   # it ends with its command, and gets it as arguments
    own: str = ""        # in the command line of its own processes besides the first
    numbers: dict[str, list[float]] = field(default_factory=dict)

    def add(self, what: str, value: float) -> None:
        self.numbers.setdefault(what, []).append(value)

    def median(self, what: str) -> float | None:
        values = self.numbers.get(what)
        return statistics.median(values) if values else None


PEERS = [
    Peer("direct", "sh", lambda folder, command: command, reaps=False),
    Peer("handrail", str(HANDRAIL), lambda folder, command: [
        str(HANDRAIL), "run", "--no-sidecar", "--", *command],
        restarts=True),
    Peer("handrail+", str(HANDRAIL), whole, restarts=True, own="handrail-sidecar", plain=False),
    Peer("tini", "tini", lambda folder, command: ["tini", "-s", "--", *command]),
    Peer("dumb-init", "dumb-init", lambda folder, command: ["dumb-init", "--", *command]),
    Peer("catatonit", "catatonit", lambda folder, command: ["catatonit", "--", *command]),
    Peer("s6-supervise", "s6-supervise", lambda folder, command: [
        "s6-supervise", str(services(folder, command))], restarts=True, reaps=False, plain=False),
    Peer("s6-svscan", "s6-svscan", lambda folder, command: [
        "s6-svscan", str(services(folder, command).parent)], restarts=True, plain=False,
        own="s6-supervise"),
    Peer("supervisord", "supervisord", supervisord, restarts=True, slow=True, plain=False),
]


class Running:
    """A peer with its service."""

    def __init__(self, peer: Peer, scratch: Path, command: Iterable[str | Path]) -> None:
        self.peer = peer
        self.folder = Path(tempfile.mkdtemp(prefix=f"{peer.name}-", dir=scratch))
        self.log = self.folder / "starts"
        environment = {"PATH": os.environ["PATH"], "HOME": str(self.folder),
                       "BENCH_LOG": str(self.log), "HANDRAIL_RESTART": "on-failure"}
        if peer.name.startswith("s6"):
            environment["BENCH_NOTIFY"] = "1"
        self.process = spawn(peer.argv(self.folder, [str(part) for part in command]),
                             env=environment, stdout=subprocess.DEVNULL,
                             stderr=subprocess.DEVNULL)
        try:
            wait_for(f"the service of {peer.name}", self.starts, 15)
        except Failure:
            self.end()
            raise

    def starts(self) -> list[tuple[int, int]]:
        """(nanoseconds, pid) of each start of the service."""
        if not self.log.exists():
            return []
        return [(int(a), int(b)) for a, b in map(str.split, self.log.read_text().splitlines())]

    def own(self) -> list[int]:
        mine = [p.pid for p in descendants(self.process.pid)
                if self.peer.own and p.argv and self.peer.own in p.argv[0]]
        return [self.process.pid, *mine]

    def end(self) -> None:
        for process in [*descendants(self.process.pid)]:
            try:
                os.kill(process.pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        self.process.kill()
        self.process.wait()


def memory_kb(pid: int) -> dict[str, int]:
    lines = (line.split() for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines())
    return {f[0].rstrip(":"): int(f[1]) for f in lines if len(f) == 3 and f[2] == "kB"}


def switches(pid: int) -> int:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("voluntary_ctxt_switches"):
            return int(line.split()[1])
    return 0


# --- what is measured -----------------------------------------------------------------------------


def start(peers: list[Peer], scratch: Path) -> None:
    for rounds, group in ((STARTS, [p for p in peers if not p.slow]),
                          (SLOW_STARTS, [p for p in peers if p.slow])):
        argv: list[str] = []
        for peer in group:
            if peer.name == "handrail+":
                continue  # its server comes after its sidecar, so this would say little
            if peer.plain:
                command = ["@" if part == "--" else part for part in peer.argv(scratch, [])]
            else:
                folder = Path(tempfile.mkdtemp(dir=scratch))
                command = peer.argv(folder, [str(STARTED)])
            argv += ["--"] * bool(argv) + [("" if peer.plain else "+") + peer.name, *command]
        if not argv:
            continue
        done = subprocess.run([BENCH / "exec_latency", str(rounds), STARTED, *argv],
                              capture_output=True, text=True, check=True)
        for row in map(json.loads, done.stdout.splitlines()):
            next(p for p in peers if p.name == row["name"]).add("start ms", row["start_ms"])


def idle_and_restart(peers: list[Peer], scratch: Path) -> None:
    running = [Running(peer, scratch, [SERVICE]) for peer in peers if peer.name != "direct"]
    try:
        time.sleep(3)
        before = {r.peer.name: sum(map(switches, r.own())) for r in running}
        time.sleep(IDLE)
        for r in running:
            own = r.own()
            r.peer.add("wakeups/s", (sum(map(switches, own)) - before[r.peer.name]) / IDLE)
            memory = [memory_kb(pid) for pid in own]
            r.peer.add("RSS kB", sum(m["Rss"] for m in memory))
            r.peer.add("dirty kB", sum(m["Private_Dirty"] for m in memory))
        for _ in range(RESTARTS):
            time.sleep(STABLE)
            for r in running:
                if r.peer.restarts:
                    restart(r)
    finally:
        for r in running:
            r.end()


def restart(r: Running) -> None:
    before = r.starts()
    victim = os.pidfd_open(before[-1][1])
    os.kill(before[-1][1], signal.SIGKILL)
    select.select([victim], [], [])  # a Python process is 2 ms in dying, a C program 0.2 ms
    began = time.monotonic_ns()
    os.close(victim)
    wait_for(f"a restart by {r.peer.name}", lambda: len(r.starts()) > len(before), 10)
    r.peer.add("restart ms", (r.starts()[-1][0] - began) / 1e6)


def turned(peers: list[Peer], number: int) -> list[Peer]:
    """The peers, beginning with another one each time: each has each other before it."""
    order = peers[::-1] if number % 2 else peers
    first = number % len(peers)
    return order[first:] + order[:first]


def stop(peers: list[Peer], scratch: Path) -> None:
    for number in range(STOPS):
        for peer in turned(peers, number):
            if peer.slow and number >= SLOW_STARTS:
                continue
            r = Running(peer, scratch, [SERVICE])
            # supervisord takes no notice before its event loop runs, the stand-in before its own.
            time.sleep(1.5 if peer.slow else 0.4 if peer.name == "handrail+" else 0.05)
            began = time.monotonic_ns()
            os.kill(r.process.pid, signal.SIGTERM)
            os.waitid(os.P_PID, r.process.pid, os.WEXITED | os.WNOWAIT)
            peer.add("stop ms", (time.monotonic_ns() - began) / 1e6)
            r.end()


def reaping(peers: list[Peer], scratch: Path) -> None:
    if subprocess.run([*UNSHARE, "true"], stderr=subprocess.DEVNULL, check=False).returncode:
        print("reaping is left out: no PID namespaces here (they need root)")
        return
    for number in range(BURSTS):
        for peer in turned(peers, number):
            if not peer.reaps or (peer.slow and number):
                continue
            folder = Path(tempfile.mkdtemp(dir=scratch))
            result, script = folder / "result", folder / "burst"
            script.write_text(f"#!/bin/sh\n{STORM} burst {ORPHANS} >{result}.new\n"
                              f"mv {result}.new {result}\nexec sleep 60\n")
            script.chmod(0o755)
            environment = {"PATH": os.environ["PATH"], "HOME": str(folder),
                           "BENCH_LOG": str(folder / "starts")}
            init = spawn([*UNSHARE, *peer.argv(folder, [str(script)])], env=environment,
                         stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            try:
                wait_for(f"{peer.name} to reap", result.exists, 60)
                # Nothing: not within storm's limit of 20 s.
                peer.add("reaping ms", float(result.read_text() or "inf"))
            finally:
                init.kill()
                init.wait()
                kill_leftovers()


# --- the table ------------------------------------------------------------------------------------


COLUMNS = ["start ms", "RSS kB", "dirty kB", "wakeups/s", "restart ms", "stop ms", "reaping ms"]
DIGITS = {"RSS kB": 0, "dirty kB": 0, "reaping ms": 0}


def table(peers: list[Peer]) -> None:
    def row(name: str, cells: Iterable[str]) -> None:
        print(f"  {name:13}" + "".join(f"{cell:>12}" for cell in cells))

    row("", COLUMNS)
    for peer in peers:
        row(peer.name, ("-" if peer.median(c) is None else f"{peer.median(c):.{DIGITS.get(c, 2)}f}"
                        for c in COLUMNS))
    ours = next(p for p in peers if p.name == "handrail")
    print("  peer / handrail (above 1: more than handrail)")
    for peer in peers:
        if peer.name not in ("direct", "handrail"):
            row(peer.name, (ratio(peer.median(c), ours.median(c)) for c in COLUMNS))
    direct = next(p for p in peers if p.name == "direct")
    print("  over direct (ms)")
    for peer in peers:
        if peer is not direct:
            row(peer.name, (difference(peer.median(c), direct.median(c))
                            if c in ("start ms", "stop ms") else "" for c in COLUMNS))


def ratio(peer: float | None, ours: float | None) -> str:
    return "-" if peer is None or not ours else f"{peer / ours:.2f}"


def difference(value: float | None, base: float | None) -> str:
    return "-" if value is None or base is None else f"{value - base:+.3f}"


def compare() -> None:
    become_subreaper()
    print("Inits: beside others, medians (see the top of tests/bench/inits.py)", flush=True)
    peers = [peer for peer in PEERS if shutil.which(peer.program)]
    missing = [peer.name for peer in PEERS if peer not in peers]
    if missing:
        print(f"  left out, not installed: {', '.join(missing)}")
    with tempfile.TemporaryDirectory(prefix="handrail-bench-") as folder:
        for part in (start, idle_and_restart, stop, reaping):
            part(peers, Path(folder))
    table(peers)


if __name__ == "__main__":
    compare()
