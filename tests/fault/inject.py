# SPDX-License-Identifier: MIT
"""Every system call that PID 1 makes after its start fails, one kind at a time and in random sets.

usage: inject.py [--full] [--seed N] [--only TEXT] [--workers N]

handrail is PID 1 of a namespace; strace is attached from outside once it is up, and to it alone,
so only its own calls fail, and only while the context `Faults` lasts.  Scenes:

  run   the server, the sidecar and the toolhost are killed, orphans come, a signal is forwarded.
        When the calls work again: everything is up, once, nothing is a zombie, no descriptor is
        lost, the server's helper knows the pod's phase, TERM ends it.
  fork  the same, and the calls that fail are those of its children on their way to exec.
  load  the toolhost alone is killed, and the calls that fail are those of the new one: its start,
        its confinement, the loading of its plugin.  When the calls work again, it is up, and
        confined as it was.
  begin the same for the sidecar: the calls of a new one.
  sidecar, toolhost
        it is asked all the time, and its own calls fail.  No request waits for ever; when the calls
        work again, it answers, or another one in its place, and has lost no descriptor.
  deaf  the sidecar cannot wait for anything, for as long as it lives.  Another one takes its place.
  stop  TERM, with processes left in sessions of their own.  When the calls work again: everything
        has ended within the grace period.

An injected call is not made at all, so `close` is left alone: Linux closes whatever it answers.
A call that is seen and is in no list below is tried with the errors of USUAL.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import random
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from pid1 import (GRACE, SERVER, SIDECAR, TOOLHOST, Fault, Faults, Handrail, accepted_options,
                  all_is_well, descriptors, each, need, pid1, sample, stops_in_time)
from support import Failure, wait_for

RUN_SECONDS = 0.8   # calls fail for this long after the kills: the first new start fails too
STOP_SECONDS = 1.0  # ... and after TERM
ANSWER_SECONDS = 20.0  # no request may take longer, whatever fails
SOON_SECONDS = 5.0  # when nothing fails any more
STARTING = {"load": TOOLHOST, "begin": SIDECAR}
SERVING = {"sidecar": SIDECAR, "toolhost": TOOLHOST, "deaf": SIDECAR}

# What each call can answer on a machine in trouble; some of it only under a seccomp profile.
ERRORS = {
    "clone": ["EAGAIN", "ENOMEM", "EPERM"],
    "pipe2": ["EMFILE", "ENFILE"],
    "fcntl": ["EAGAIN", "EMFILE"],
    "poll": ["EINTR", "ENOMEM", "EINVAL"],
    "read": ["EAGAIN", "EINTR", "EIO", "=1"],
    "write": ["EAGAIN", "EINTR", "EIO", "ENOSPC", "EPIPE", "=1"],
    "kill": ["EPERM", "ESRCH", "EAGAIN"],
    "waitid": ["EINTR", "EAGAIN", "EPERM"],
    "wait4": ["EINTR", "EAGAIN", "EPERM"],
    "openat": ["EMFILE", "ENFILE", "ENOMEM", "EACCES", "EIO"],
    "getdents64": ["EIO", "ENOMEM"],
    "lseek": ["EIO"],
    "newfstatat": ["EIO", "ENOMEM"],
    "pread64": ["EIO"],
    "unlink": ["EROFS", "EIO"],
    "brk": ["ENOMEM"],
    "mmap": ["ENOMEM"],
    "munmap": ["ENOMEM"],
    "sendto": ["EAGAIN", "ENOBUFS", "ENOMEM", "EINTR", "ECONNREFUSED", "EPERM"],
}
USUAL = ["EAGAIN", "ENOMEM", "EPERM"]
# Those of a child before exec, with errors after which the program itself is not to blame.
IN_THE_CHILD = {
    "setpgid": ["EPERM", "EACCES"],
    "prctl": ["EINVAL"],
    "fcntl": ["EMFILE"],
    "close_range": ["ENOSYS"],
    "chdir": ["EIO", "ENOMEM"],
    "execve": ["EAGAIN", "ENOMEM", "EMFILE", "ENFILE", "EIO", "ETXTBSY"],
}
# Those of a toolhost that loads its plugin; what a machine in trouble answers for a moment.
IN_THE_TOOLHOST = {
    "openat": ["EMFILE", "ENFILE", "ENOMEM", "EIO"],
    "read": ["EIO"],
    "mmap": ["ENOMEM", "EAGAIN"],
    "memfd_create": ["EMFILE", "ENFILE", "ENOMEM"],
    "chdir": ["EIO", "ENOMEM"],
    "landlock_create_ruleset": ["EMFILE", "ENFILE", "ENOMEM"],
    "landlock_add_rule": ["ENOMEM"],
    "landlock_restrict_self": ["ENOMEM"],
    "seccomp": ["ENOMEM"],
}
LOADS = 30  # a start makes about so many calls of these kinds: one of them fails
MANY = ("openat", "read", "mmap", "landlock_add_rule")
# What libseccomp asks about the kernel comes first, and is answered without memory.
FROM = {"seccomp": "8+1"}
# Those of the processes that serve.
IN_SERVICE = {
    "accept4": ["EMFILE", "ENFILE", "ENOMEM", "ECONNABORTED", "EINTR"],
    "epoll_wait": ["EINTR"],
    "epoll_ctl": ["ENOMEM", "ENOSPC"],
    "poll": ["EINTR", "ENOMEM", "EINVAL"],
    "read": ["EINTR", "EIO", "ENOMEM"],
    "recvfrom": ["EINTR", "ECONNRESET", "ENOMEM"],
    "recvmsg": ["EINTR", "ECONNRESET", "ENOMEM"],
    "write": ["EINTR"],  # most are to an eventfd, which knows no other error
    "writev": ["EINTR", "EPIPE", "ENOBUFS"],
    "sendto": ["EINTR", "EPIPE", "ENOBUFS", "ENOMEM"],
    "sendmsg": ["EINTR", "EPIPE", "ENOBUFS", "ENOMEM"],
    "socket": ["EMFILE", "ENOBUFS"],
    "connect": ["ECONNREFUSED", "EADDRNOTAVAIL", "ENOMEM"],
    "openat": ["EMFILE", "ENOMEM", "EIO"],
    "pread64": ["EIO"],
    "getsockopt": ["ENOBUFS"],
    "setsockopt": ["ENOMEM"],
    "fcntl": ["EMFILE"],
    "mmap": ["ENOMEM"],
    "brk": ["ENOMEM"],
    "munmap": ["ENOMEM"],
    "clone3": ["EAGAIN"],
    "timerfd_settime": ["ENOMEM"],
    "newfstatat": ["EIO", "ENOMEM"],
    "getdents64": ["EIO"],
    "statfs": ["EIO"],
}
AT_THE_BEGIN = {  # ... and those of their start
    "bind": ["EADDRINUSE", "ENOMEM"],
    "listen": ["EADDRINUSE"],
    "epoll_create1": ["EMFILE", "ENOMEM"],
    "eventfd2": ["EMFILE", "ENOMEM"],
    "pipe2": ["EMFILE"],
    "inotify_init1": ["EMFILE", "ENOMEM"],
    "inotify_add_watch": ["ENOSPC", "ENOMEM"],
    "sched_getaffinity": ["EPERM"],
    "prlimit64": ["EPERM"],
    "prctl": ["EPERM"],
    "getrandom": ["EAGAIN"],
    "ftruncate": ["ENOSPC"],
    "uname": ["EPERM"],
}
OFTEN = ("", "1+2", "3+5")  # each call, each other one, some
NOT_TRIED = {
    "close": "see above", "exit_group": "does not return", "restart_syscall": "the kernel's own",
    "getpid": "cannot fail", "getppid": "cannot fail", "gettid": "cannot fail",
    "rt_sigreturn": "cannot fail",
}
# The pause after an error of the event loop, which is not reached otherwise.
AFTER_AN_ERROR = (Fault("poll", "EINVAL"), Fault("clock_nanosleep", "EINTR"))


@dataclass(frozen=True)
class Case:
    scene: str
    faults: tuple[Fault, ...]

    def __str__(self) -> str:
        return f"{self.scene:4}  " + ", ".join(map(str, self.faults))


@dataclass
class Outcome:
    case: Case
    injected: int = 0
    seconds: float = 0.0
    problem: str = ""


def quick_options() -> list[str]:
    return accepted_options("--backoff=0.2", "--sidecar-backoff=0.2", "--toolhost-backoff=0.2")


def kill_all(h: Handrail, names: Sequence[str]) -> None:
    for name in names:
        for pid in h.children(name):
            with contextlib.suppress(ProcessLookupError):  # the last kill may have ended it, too
                os.kill(pid, signal.SIGKILL)


def disturb(h: Handrail) -> None:
    """Give PID 1 something to do: orphans, a signal to pass on (one that harms nobody), a reload,
    deaths."""
    h.fault(orphans=3, seconds=0.05)
    time.sleep(0.1)
    os.kill(h.pid, signal.SIGURG)
    os.kill(h.pid, signal.SIGHUP)
    names = [SERVER, SIDECAR, TOOLHOST]
    random.shuffle(names)
    kill_all(h, names)


def confinements(h: Handrail) -> list[object]:
    """What each plugin is kept from, as its toolhost says it."""
    return [plugin["confinement"] for plugin in h.get("/plugins").json()["plugins"]]


def helper_knows(h: Handrail) -> None:
    """The server's helper was told the phase that /status shows, before or after the faults."""
    def same() -> bool:
        told = h.agent("GET", "/_state").json()["phases"]
        phase = h.get("/status").json()["phase"]["name"]
        return bool(told) and told[-1].split("\n")[0] == f"PHASE={phase}"
    wait_for("the helper to be told the pod's phase", same, 10)


def answers_soon(h: Handrail) -> None:
    """Because it hears the request: a timer that comes by would answer too, some seconds later."""
    end = time.monotonic() + SOON_SECONDS
    for _ in range(5):  # one alone may meet a timer
        answer = h.get("/readyz", timeout=max(end - time.monotonic(), 0.01))
        if not answer.status:
            raise Failure(f"/readyz, five times in {SOON_SECONDS:g} s: {answer.text}\n{h.log()}")
    h.call_tool("echo", {"text": "x"}, SOON_SECONDS)


def in_run(h: Handrail, faults: Faults, scene: str) -> None:
    before, confined = descriptors(h), confinements(h)
    with faults:
        if scene in STARTING:
            kill_all(h, [STARTING[scene]])
        else:
            disturb(h)
        time.sleep(RUN_SECONDS)
    if not h.alive():
        raise Failure(f"PID 1 is gone, exit code {h.wait()}:\n{h.log()}")
    all_is_well(h)
    answers_soon(h)
    helper_knows(h)
    if confinements(h) != confined:
        raise Failure(f"confined by {confined}, now by {confinements(h)}:\n{h.log()}")
    if descriptors(h) != before:
        raise Failure(f"PID 1 had {before} descriptors, now {descriptors(h)}:\n{h.log()}")
    stops_in_time(h)


def keep_asking(h: Handrail, ask: Callable[[], object], ended: threading.Event,
                slow: list[str]) -> None:
    """Over and over; that it is not answered well is no fault of anybody's, that it waits is."""
    while not ended.is_set():
        began = time.monotonic()
        with contextlib.suppress(Exception):
            ask()
        if time.monotonic() - began > ANSWER_SECONDS:
            slow.append(f"{ask}: {time.monotonic() - began:.1f} s")
        time.sleep(0.005)


def in_service(h: Handrail, faults: Faults, scene: str) -> None:
    def call() -> object:
        return h.call_tool("echo", {"text": "x" * 3000}, 2 * ANSWER_SECONDS)

    victim, slow, ended = faults.pid, [], threading.Event()
    askers = [threading.Thread(target=keep_asking, args=(h, ask, ended, slow), daemon=True)
              for ask in (call, call, lambda: h.get("/readyz?verbose"), lambda: h.get("/metrics"),
                          lambda: h.get("/"), lambda: h.get("/plugins"))]
    call()
    before = len(os.listdir(f"/proc/{victim}/fd"))
    with faults:
        for asker in askers:
            asker.start()
        time.sleep(RUN_SECONDS)
    ended.set()
    for asker in askers:
        asker.join(2 * ANSWER_SECONDS)
    if slow:
        raise Failure(f"waited in vain: {slow}:\n{h.log()}")
    all_is_well(h)
    said = call()
    if said["isError"]:
        raise Failure(f"{said}:\n{h.log()}")
    now = h.child(SERVING[scene])
    wait_for("no call to be left over", lambda: not any(
        p["calls_in_flight"] for p in h.get("/status").json()["plugins"]), 10)
    if now == victim:
        wait_for(f"{before} descriptors of {scene}, as before; there are "
                 f"{os.listdir(f'/proc/{now}/fd')}",
                 lambda: len(os.listdir(f"/proc/{now}/fd")) <= before + 2, 10)
    stops_in_time(h)


def in_deaf(h: Handrail, faults: Faults) -> None:
    with faults:
        wait_for("another sidecar", lambda: h.children(SIDECAR) not in ([], [faults.pid]), 20)
    all_is_well(h)
    stops_in_time(h)


def in_stop(h: Handrail, faults: Faults) -> None:
    h.fault(orphans=5, seconds=300)
    time.sleep(0.1)
    with faults:
        os.kill(h.pid, signal.SIGTERM)
        time.sleep(STOP_SECONDS)
    # A server that could not be told is killed in the end, which is a way to end in time too.
    stops_in_time(h, codes=(143, 137), limit=GRACE + 1, tell=False)


def play(case: Case) -> Outcome:
    outcome, began = Outcome(case), time.monotonic()
    with tempfile.TemporaryDirectory(prefix="handrail-test-") as folder:
        try:
            options = quick_options() + (["--sidecar-watchdog=2"] if case.scene == "deaf" else [])
            with pid1("--notify", plugins=[sample("echo")], options=options) as h:
                h.wait_status("/readyz", 200, 20)
                serving = SERVING.get(case.scene)
                faults = Faults(h.child(serving) if serving else h.pid, case.faults,
                                Path(folder) / "strace", case.scene not in ("run", "stop"))
                try:
                    if case.scene == "stop":
                        in_stop(h, faults)
                    elif case.scene == "deaf":
                        in_deaf(h, faults)
                    elif serving:
                        in_service(h, faults, case.scene)
                    else:
                        in_run(h, faults, case.scene)
                finally:
                    outcome.injected = faults.injected
        except Exception as problem:  # noqa: BLE001 - one bad case must not hide the others
            outcome.problem = f"{type(problem).__name__}: {problem}"
    outcome.seconds = time.monotonic() - began
    return outcome


def seen_calls() -> dict[str, set[str]]:
    """What PID 1 calls in each scene when nothing fails."""
    with tempfile.TemporaryDirectory(prefix="handrail-test-") as folder:
        with pid1("--notify", plugins=[sample("echo")]) as h:
            h.wait_status("/readyz", 200, 20)
            with Faults(h.pid, [], Path(folder) / "run") as running:
                disturb(h)
                time.sleep(RUN_SECONDS)
                all_is_well(h)
            h.fault(orphans=5, seconds=300)
            time.sleep(0.1)
            with Faults(h.pid, [], Path(folder) / "stop") as stopping:
                h.stop()
            return {"run": running.calls(), "stop": stopping.calls()}


def cases_for(seen: dict[str, set[str]], full: bool, chance: random.Random) -> list[Case]:
    pairs = {scene: [(call, error) for call in sorted(calls - set(NOT_TRIED))
                     for error in ERRORS.get(call, USUAL)] for scene, calls in seen.items()}
    pairs["fork"] = [(call, error) for call, errors in IN_THE_CHILD.items() for error in errors]
    pairs["fork"] = [(call, error) for call, errors in IN_THE_CHILD.items() for error in errors]
    cases = [Case(scene, (Fault(*pair),)) for scene in pairs for pair in pairs[scene]]
    if not full:
        # One error of each call in each scene, another one at each seed.
        chance.shuffle(cases)
        cases = list({(case.scene, case.faults[0].call): case for case in cases}.values())
    cases += [Case(scene, AFTER_AN_ERROR) for scene in seen]
    cases.append(Case("deaf", (Fault("poll", "EINVAL"),)))
    for scene in ("sidecar", "toolhost"):
        cases.append(Case(scene, (Fault("sendto", "ENOBUFS", "1+2"),)))
        tried = [(call, error) for call, errors in IN_SERVICE.items() for error in errors]
        for pair in tried if full else chance.sample(tried, 8):
            cases += [Case(scene, (Fault(*pair, when),))
                      for when in (OFTEN if full else [chance.choice(OFTEN)])]
    tried = [(call, error) for call, errors in {**IN_SERVICE, **AT_THE_BEGIN}.items()
             for error in errors]
    for pair in tried if full else chance.sample(tried, 8):
        cases += [Case("begin", (Fault(*pair, str(place)),))
                  for place in chance.sample(range(1, LOADS), 6 if full else 1)]
    for call, errors in IN_THE_TOOLHOST.items():
        for error in errors if full else [chance.choice(errors)]:
            places = [str(chance.randint(1, LOADS)) for _ in range(10 if full else 1)]
            cases += [Case("load", (Fault(call, error, place),))
                      for place in (places if call in MANY else [FROM.get(call, "1")])]
    for _ in range(100 if full else 20):
        scene = chance.choice(sorted(seen))
        calls = chance.sample(sorted({call for call, _ in pairs[scene]}), 4)
        cases.append(Case(scene, tuple(
            Fault(call, chance.choice(ERRORS.get(call, USUAL)),
                  f"{chance.randint(1, 4)}+{chance.randint(1, 4)}") for call in calls)))
    if full:
        cases += [Case(scene, (Fault(*pair, when),)) for scene in pairs
                  for pair in pairs[scene] for when in ("1", "2+3")]
    return cases


def report(outcomes: Sequence[Outcome]) -> int:
    bad = [outcome for outcome in outcomes if outcome.problem]
    for outcome in bad:
        print(f"\nFAILED  {outcome.case}\n{outcome.problem}")
    met = {(f.call, f.error) for o in outcomes if o.injected for f in o.case.faults}
    print(f"faults injected: {sum(o.injected for o in outcomes)} over {len(met)} call/error pairs, "
          f"in {len(outcomes)} runs; {len(bad)} failed")
    return 1 if bad else 0


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--full", action="store_true", help="every call with every error")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1 << 32))
    parser.add_argument("--only", default="", help="only cases whose line has this text in it")
    parser.add_argument("--workers", type=int, default=4)
    options = parser.parse_args()
    need("strace")
    seen = seen_calls()
    unknown = set().union(*seen.values()) - set(ERRORS) - set(NOT_TRIED)
    print(f"seed {options.seed}")
    for scene, calls in seen.items():
        print(f"PID 1 calls in {scene}: {', '.join(sorted(calls))}")
    if unknown:
        print(f"in no list here, so tried with {', '.join(USUAL)}: {', '.join(sorted(unknown))}")
    cases = [case for case in cases_for(seen, options.full, random.Random(options.seed))
             if options.only in str(case)]
    outcomes = []
    for outcome in each(play, cases, options.workers):
        outcomes.append(outcome)
        print(f"{'FAILED' if outcome.problem else 'ok    '} {outcome.injected:6} "
              f"{outcome.seconds:5.1f} s  {outcome.case}", flush=True)
    return report(outcomes)


if __name__ == "__main__":
    sys.exit(main())
