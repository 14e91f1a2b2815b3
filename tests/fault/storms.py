# SPDX-License-Identifier: MIT
"""Too many processes, and processes that do not do as they are told: PID 1 lives, probes are
answered, everything is reaped, and the stop is in time.

Processes get into handrail's PID namespace with nsenter; what they leave is handrail's then.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
import threading
import time
import unittest
from collections.abc import Iterator
from pathlib import Path

from pid1 import (GRACE, SERVER, SIDECAR, SLACK, TOOLHOST, Handrail, all_is_well, descriptors,
                  need, pid1, sample, stops_in_time, wait_for, zombies)
from support import BUILD, Failure, standin_command

STORM = BUILD / "tests" / "fault" / "storm"
MANY = 4000
NOBODY = 65534
PROBE_TIMEOUT = 1.0  # seconds: the kubelet's, which gives up on a pod after
PROBE_FAILURES = 3   # this many in a row


def inside(h: Handrail) -> list[str]:
    return ["nsenter", "-t", str(h.pid), "-p", "-m", "--", str(STORM)]


def storm(h: Handrail, *what: object, timeout: float = 60) -> str:
    """Run storm (storm.c) in handrail's namespace; what it printed."""
    done = subprocess.run([*inside(h), *map(str, what)], capture_output=True, text=True,
                          timeout=timeout, check=False)
    if done.returncode:
        raise Failure(f"storm {what}: {done.returncode} {done.stderr}\n{h.log()}")
    return done.stdout.strip()


def cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@contextlib.contextmanager
def probed(h: Handrail) -> Iterator[list[float]]:
    """Probe /livez all the time as the kubelet does; Failure if it would give up on the pod.
    Yields the times the answers took, in seconds."""
    times: list[float] = []
    worst, ending = 0, threading.Event()

    def probe() -> None:
        nonlocal worst
        failures = 0
        while not ending.is_set():
            began = time.monotonic()
            ok = h.get("/livez", timeout=PROBE_TIMEOUT).status == 200
            times.append(time.monotonic() - began)
            failures = 0 if ok else failures + 1
            worst = max(worst, failures)
            ending.wait(0.05)

    thread = threading.Thread(target=probe)
    thread.start()
    try:
        yield times
    finally:
        ending.set()
        thread.join()
    if worst >= PROBE_FAILURES:
        raise Failure(f"{worst} probes in a row were not answered in {PROBE_TIMEOUT:g} s")


@contextlib.contextmanager
def quiet(**more: object) -> Iterator[Handrail]:
    """handrail with a plugin, all well; and its descriptors are the same in the end if it lives."""
    with pid1(plugins=[sample("echo")], **more) as h:
        all_is_well(h)
        before = descriptors(h)
        yield h
        if h.process.poll() is None and descriptors(h) != before:
            raise Failure(f"PID 1 had {before} descriptors, now {descriptors(h)}")


def say(text: str) -> None:
    print(f"  {text}", flush=True)


def all_is_well_but_zombies(h: Handrail) -> None:
    for name in (SERVER, SIDECAR, TOOLHOST):
        h.child(name, timeout=20)
    h.wait_status("/readyz", 200, 20)


class Numbers(unittest.TestCase):
    def test_orphans_that_all_die_at_once(self):
        with quiet() as h, probed(h) as times:
            for _ in range(3):
                say(f"{MANY} orphans killed at once: reaped after {storm(h, 'burst', MANY)} ms")
            self.assertEqual(zombies(h), [])
            say(f"slowest probe {max(times) * 1000:.0f} ms")

    def test_a_stop_with_many_orphans(self):
        for how in ("", "slow", "stopped"):
            with self.subTest(how), quiet() as h:
                storm(h, "orphans", MANY, how)
                before = cpu_seconds(h.pid)
                os.kill(h.pid, signal.SIGTERM)
                used = before
                began = time.monotonic()
                while h.process.poll() is None and time.monotonic() - began < GRACE + SLACK:
                    with contextlib.suppress(OSError):
                        used = cpu_seconds(h.pid)
                    time.sleep(0.05)
                say(f"stop with {MANY} orphans {how}: {time.monotonic() - began:.2f} s, in which "
                    f"PID 1 used {used - before:.2f} s of processor")
                stops_in_time(h, tell=False)

    def test_a_stop_with_many_that_ignore_it(self):
        # More than one look at /proc takes, too.
        with quiet() as h:
            storm(h, "orphans", 5000, "ignore")
            took = stops_in_time(h, limit=GRACE + 1)
            say(f"stop with 5000 that ignore TERM: {took:.2f} s")
            self.assertGreater(took, GRACE - 0.1)

    def test_one_orphan_after_the_other(self):
        with quiet() as h, probed(h) as times:
            before = cpu_seconds(h.pid)
            double = threading.Thread(target=lambda: say(
                f"double forks in 8 s: {storm(h, 'double', 8)}"))
            double.start()
            time.sleep(2)
            for name in (TOOLHOST, SIDECAR, SERVER):  # restarts go on in the storm
                os.kill(h.child(name), signal.SIGKILL)
            all_is_well_but_zombies(h)
            double.join()
            wait_for("the end of the zombies", lambda: not zombies(h), 2)
            say(f"PID 1 used {cpu_seconds(h.pid) - before:.1f} s of processor, slowest probe "
                f"{max(times) * 1000:.0f} ms")
            all_is_well(h)
            stops_in_time(h)


def pids_controller() -> Path | None:
    """Where a cgroup with a limit of processes can be made: version 2, or 1."""
    for root in (Path("/sys/fs/cgroup"), Path("/sys/fs/cgroup/unified")):
        with contextlib.suppress(OSError):
            if "pids" in (root / "cgroup.subtree_control").read_text().split():
                return root
    one = Path("/sys/fs/cgroup/pids")
    return one if (one / "cgroup.procs").exists() else None


class ForkBomb(unittest.TestCase):
    LIMIT = 200

    def setUp(self):
        root = pids_controller()
        if not root:
            self.skipTest("no cgroup with a limit of processes can be made here")
        self.group = root / f"handrail-test-{os.getpid()}"
        try:
            self.group.mkdir()
            (self.group / "pids.max").write_text(str(self.LIMIT))
        except OSError as problem:
            self.skipTest(f"no cgroup with a limit of processes can be made here: {problem}")
        self.addCleanup(self.remove)

    def remove(self):
        for pid in (self.group / "cgroup.procs").read_text().split():
            with contextlib.suppress(ProcessLookupError):
                os.kill(int(pid), signal.SIGKILL)
        wait_for("an empty cgroup", lambda: not (self.group / "cgroup.procs").read_text(), 10)
        self.group.rmdir()

    def join(self) -> list[str]:
        """A prefix that puts what it runs into the group."""
        return ["sh", "-c", f'echo 0 >{self.group}/cgroup.procs; exec "$@"', "sh"]

    def test_inside_a_limit(self):
        with pid1(plugins=[sample("echo")], prefix=self.join()) as h:
            all_is_well(h)
            bomb = subprocess.Popen([*self.join(), *inside(h), "bomb"])
            wait_for("the limit", lambda: int((self.group / "pids.current").read_text())
                     >= self.LIMIT, 10)
            with probed(h) as times:
                os.kill(h.child(SERVER), signal.SIGKILL)
                h.wait_line("server: killed by signal 9")
                time.sleep(4)  # starts that fail, one after the other
            say(f"fork bomb: slowest probe {max(times) * 1000:.0f} ms")
            took = stops_in_time_beside(h, bomb)
            say(f"fork bomb: stop {took:.2f} s")
            self.assertEqual(h.leftovers(), [])


    def test_inside_a_limit_below_another_init(self):
        # Here it takes more than one kill(-1): whoever is found is killed while others fork.
        script = f'echo 0 >{self.group}/cgroup.procs; (sleep 1; exec {STORM} bomb) & exec "$@"'
        with pid1(command=["sh", "-c", script, "sh", *standin_command()],
                  plugins=[sample("echo")], below=False) as h:
            h.wait_status("/readyz", 200, 20)
            wait_for("the limit", lambda: int((self.group / "pids.current").read_text())
                     >= self.LIMIT, 10)
            took = stops_in_time(h, limit=GRACE + 1)
            say(f"fork bomb below another init: stop {took:.2f} s")


def stops_in_time_beside(h: Handrail, other: subprocess.Popen) -> float:
    """Like stops_in_time(), beside a process of the namespace that is our own child."""
    began = time.monotonic()
    code = h.stop(timeout=GRACE + 1 + SLACK)
    took = time.monotonic() - began
    other.wait(10)
    if code not in (143, 137):
        raise Failure(f"exit code {code}:\n{h.log()}")
    return took


class Unwilling(unittest.TestCase):
    def test_a_server_that_ignores_term(self):
        with pid1("--ignore-term", plugins=[sample("echo")]) as h:
            all_is_well(h)
            took = stops_in_time(h, codes=[137], limit=GRACE + 1)
            self.assertGreater(took, GRACE - 0.1)

    def test_processes_that_are_stopped(self):
        for name, limit in ((SERVER, 1), (TOOLHOST, 1), (SIDECAR, 3)):
            with self.subTest(name), quiet() as h:
                os.kill(h.child(name), signal.SIGSTOP)
                took = stops_in_time(h)
                say(f"stop with {name} stopped: {took:.2f} s")
                self.assertLess(took, limit + SLACK / 2)

    def test_all_in_sessions_of_their_own(self):
        script = "setsid sleep 300 & setsid setsid sleep 301 & exec \"$@\""
        with pid1(command=["sh", "-c", script, "sh", *standin_command()],
                  plugins=[sample("echo")]) as h:
            h.wait_status("/readyz", 200)
            stops_in_time(h, limit=1)


class RootBelow(unittest.TestCase):
    """PID 1 is not root, a process below it is: what `sudo` in an image makes."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="handrail-test-")
        self.addCleanup(folder.cleanup)
        os.chmod(folder.name, 0o755)
        self.helper = Path(folder.name) / "storm"
        shutil.copy(STORM, self.helper)
        os.chmod(self.helper, 0o4755)
        self.user = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"]
        done = subprocess.run(["timeout", "1", *self.user, self.helper, "root"],
                              capture_output=True, text=True, check=False)
        if "root" not in done.stdout:
            self.skipTest(f"a setuid program does not become root here: {done.stderr}")
        if subprocess.run([*self.user, BUILD / "opt/handrail/bin/handrail", "run", "--no-sidecar",
                           "--", "true"], check=False, capture_output=True).returncode:
            self.skipTest("another user cannot run what was built here")

    def start(self, *command, **more):
        return pid1(command=command, prefix=self.user, options=["--no-sidecar"], **more)

    def test_the_command_is_root(self):
        with self.start(self.helper, "root") as h:
            h.wait_line("^root$")
            os.kill(h.pid, signal.SIGURG)  # EPERM when it is passed on
            time.sleep(0.2)
            self.assertIsNone(h.process.poll(), h.log())
            took = stops_in_time(h, limit=GRACE + 1)
            say(f"stop with a command that is root: {took:.2f} s")
            self.assertIn("cannot send signal", h.log())

    def test_a_child_of_the_command_is_root(self):
        with self.start(self.helper, "root-child") as h:
            h.wait_line("^root$")
            say(f"stop with a child that is root: {stops_in_time(h, limit=GRACE + 1):.2f} s")

    def test_below_another_init_it_is_left_behind_in_time(self):
        with self.start(self.helper, "root-child", below=False) as h:
            h.wait_line("^root$")
            os.kill(h.pid, signal.SIGTERM)
            # Not h.wait(), which waits for the end of the output too.
            self.assertEqual(h.process.wait(GRACE + 1 + SLACK), 143)
            h.wait_line("something has survived SIGKILL")
            self.assertEqual(len(h.leftovers()), 1)


if __name__ == "__main__":
    need("nsenter")
    unittest.main(verbosity=1)
