# SPDX-License-Identifier: MIT
"""What the fault tests share: handrail as PID 1 of a namespace of its own around the stand-in
server, what must be true of it when all is well, and system calls that fail on request.

    with pid1(plugins=[sample("echo")]) as h:
        with Faults(h.pid, [Fault("clone", "EAGAIN")], folder / "strace") as faults:
            os.kill(h.child(SERVER), signal.SIGKILL)
            ...
        all_is_well(h)
        stops_in_time(h)
"""

from __future__ import annotations

import contextlib
import ctypes
import multiprocessing
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "integration"))

from harness import sample  # noqa: E402,F401
from support import (HANDRAIL, PR_SET_PDEATHSIG, SKIPPED, Failure, Handrail,  # noqa: E402
                     Process, descendants, read_process, spawn, standin_command, wait_for)

# unshare does not end by TERM while it waits, so it is told to die with us in another way.
UNSHARE = ["setpriv", "--pdeathsig", "KILL",
           "unshare", "--pid", "--fork", "--kill-child", "--mount-proc"]
SERVER, SIDECAR, TOOLHOST = "agent_server.py", "handrail-sidecar", "handrail-toolhost"
GRACE = 5.0  # seconds, of the handrails here
SLACK = 3.0  # seconds by which a busy machine may be late


def skip(reason: str) -> None:
    """Nothing can be tested here: say why, in the words that tests/run.sh collects, and end."""
    print(f"fault/{Path(sys.argv[0]).stem}: SKIPPED: {reason}")
    sys.exit(SKIPPED)


def need(*programs: str) -> None:
    """Skip without PID namespaces or without one of these programs."""
    for name in ("unshare", "setpriv", *programs):
        if not shutil.which(name):
            skip(f"{name} is not installed")
    if subprocess.run([*UNSHARE, "true"], stderr=subprocess.DEVNULL, check=False).returncode:
        skip("no PID namespaces here (they need root)")


class Pid1(Handrail):
    """handrail below unshare.  `pid` and signals are handrail's own, the exit code too."""

    def __init__(self, folder: Path, command: Sequence[str | Path], *,
                 prefix: Sequence[str | Path] = (), **more: Any) -> None:
        super().__init__(folder, command, prefix=[*UNSHARE, *prefix], **more)
        try:
            self.pid = wait_for("handrail below unshare", self._find, 10)
        except Failure:
            self.kill()
            raise

    def _find(self) -> int:
        if self.process.poll() is not None:
            raise Failure(f"handrail ended with {self.process.returncode}:\n{self.log()}")
        for process in descendants(self.process.pid):
            if process.argv and process.argv[0] == str(HANDRAIL):
                return process.pid
        return 0

    def alive(self) -> bool:
        return self.process.poll() is None

    def stop(self, number: int = signal.SIGTERM, timeout: float = 30.0) -> int:
        with contextlib.suppress(ProcessLookupError):
            if self.alive():
                os.kill(self.pid, number)
        return self.wait(timeout)


@contextlib.contextmanager
def pid1(*flags: str, command: Sequence[str | Path] = (), below: bool = True,
         **more: Any) -> Iterator[Handrail]:
    """handrail as PID 1 around the stand-in with these flags, or around another command; with
    below=False as a subreaper below this process instead."""
    more["options"] = [f"--grace={GRACE:g}", *more.get("options", ())]
    with tempfile.TemporaryDirectory(prefix="handrail-test-") as folder:
        kind = Pid1 if below else Handrail
        with kind(Path(folder), command or [*standin_command(), *flags], **more) as h:
            yield h


def accepted_options(*options: str) -> list[str]:
    """Those of these options that this handrail knows."""
    return [option for option in options if subprocess.run(
        [HANDRAIL, "run", "--no-sidecar", option, "--", "true"], stdin=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL, check=False).returncode == 0]


# --- what must be true ----------------------------------------------------------------------------


def zombies(h: Handrail) -> list[Process]:
    return [process for process in descendants(h.pid) if process.state == "Z"]


def count_of(h: Handrail) -> dict[str, int]:
    """How many of each of handrail's own children there are.  The one that reads the files at a
    reload is a copy of handrail, whose command line names the server, too."""
    head = read_process(h.pid)
    mine = [p for p in descendants(h.pid) if p.ppid == h.pid and p.state != "Z"
            and head and p.argv != head.argv]
    return {name: sum(any(name in part for part in p.argv) for p in mine)
            for name in (SERVER, SIDECAR, TOOLHOST)}


def descriptors(h: Handrail) -> int:
    """How many PID 1 has open."""
    return len(os.listdir(f"/proc/{h.pid}/fd"))


def states(h: Handrail) -> set[str]:
    """What the services are called on /status; empty if it is not answered."""
    answer = h.get("/status")
    return {s["state"] for s in answer.json()["services"]} if answer.status == 200 else set()


def all_is_well(h: Handrail, toolhosts: int = 1, timeout: float = 20.0) -> None:
    """Everything is up, once each, and no zombie stays."""
    wanted = {SERVER: 1, SIDECAR: 1, TOOLHOST: toolhosts}
    try:
        wait_for(f"one of each ({wanted})", lambda: count_of(h) == wanted, timeout)
        wait_for("everything to be called up", lambda: states(h) == {"up"}, timeout)
        wait_for("/readyz 200", lambda: h.get("/readyz").status == 200, timeout)
        wait_for("the end of the zombies", lambda: not zombies(h), 3)
    except Failure as failure:
        raise Failure(f"{failure}; there is {count_of(h)}, zombies {zombies(h)}\n"
                      f"-- log\n{h.log()}") from None


def stops_in_time(h: Handrail, codes: Iterable[int] = (143,), limit: float = GRACE,
                  tell: bool = True) -> float:
    """TERM (if it is still to be told) ends it and all below it within the limit; seconds that
    took."""
    began = time.monotonic()
    code = h.stop(timeout=limit + SLACK) if tell else h.wait(timeout=limit + SLACK)
    took = time.monotonic() - began
    if code not in codes:
        raise Failure(f"exit code {code}, expected {list(codes)}:\n{h.log()}")
    left = h.leftovers()
    if left:
        raise Failure(f"left behind: {left}\n{h.log()}")
    return took


# --- system calls that fail -----------------------------------------------------------------------


@dataclass(frozen=True)
class Fault:
    """One call, how it fails ("EAGAIN", or "=1": it returns 1 and does nothing), and which of its
    calls do, in strace's words ("" all, "2" the second, "1+3" the first and each third after)."""
    call: str
    error: str
    when: str = ""

    def spec(self) -> str:
        how = f"retval={self.error[1:]}" if self.error[0] == "=" else f"error={self.error}"
        return f"inject={self.call}:{how}" + (f":when={self.when}" if self.when else "")

    def __str__(self) -> str:
        return f"{self.call} {self.error}" + (f" when={self.when}" if self.when else "")


class Faults:
    """While the context lasts, strace is attached to that process and makes its calls fail.
    Without faults it only lists them.  With `follow` those of the children it makes meanwhile fail
    too, else of none.  Afterwards `injected` counts them."""

    def __init__(self, pid: int, faults: Sequence[Fault], log: Path, follow: bool = False) -> None:
        self.pid, self.log, self.injected = pid, log, 0
        calls = ",".join(sorted({fault.call for fault in faults}))
        specs = [part for fault in faults for part in ("-e", fault.spec())]
        self.argv = ["strace", "-qq", "-o", str(log), "-p", str(pid), *(["-f"] if follow else []),
                     *(["-e", f"trace={calls}"] if calls else []), *specs]
        self.process: subprocess.Popen[bytes] | None = None

    def _tracer(self) -> int:
        """Who traces it; -1: it is gone."""
        try:
            status = Path(f"/proc/{self.pid}/status").read_text()
        except OSError:
            return -1
        found = re.search(r"^TracerPid:\t(\d+)$", status, re.MULTILINE)
        return int(found.group(1)) if found else -1

    def _attached(self) -> bool:
        if self.process and self.process.poll() is not None:
            said = self.process.stderr.read() if self.process.stderr else b""
            raise Failure(f"{' '.join(self.argv)} ended with {self.process.returncode}: {said!r}")
        return self._tracer() > 0

    def __enter__(self) -> Faults:
        self.process = spawn(self.argv, stderr=subprocess.PIPE)
        wait_for(f"strace to attach to {self.pid}", self._attached, 10)
        return self

    def __exit__(self, *_: object) -> None:
        assert self.process
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        if self.process.stderr:
            self.process.stderr.close()
        self.injected = self.log.read_text("utf-8", "replace").count("(INJECTED)")

    def calls(self) -> set[str]:
        """The names of the calls that were seen."""
        return set(re.findall(r"^([a-z_][a-z0-9_]*)\(", self.log.read_text("utf-8", "replace"),
                              re.MULTILINE))


# --- many at once ---------------------------------------------------------------------------------


def each(work: Callable[[Any], Any], items: Sequence[Any], workers: int) -> Iterator[Any]:
    """work(item) for each, in processes of their own, results as they come: most of the time is
    waiting, and what a worker leaves behind is found below that worker and nobody else."""
    def begin() -> None:  # a worker ends with us
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)

    context = multiprocessing.get_context("fork")
    # Not maxtasksperchild: a thread of ours would start the later ones, and its end is a parent's.
    with context.Pool(workers, begin) as pool:
        yield from pool.imap_unordered(work, items)
