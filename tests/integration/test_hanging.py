#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Probes while the server is stopped, busy, out of memory, restarting, starting or stopping: a
thousand of each, every one on a connection of its own, all answered and answered right.

What is right depends on the phase of the fault, so the answers' order is looked at: readiness goes
off once and comes back once.  Times are printed beside those of an idle server, and judged by
nobody: the machine may be busy.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import statistics
import struct
import threading
import time
import unittest
from collections.abc import Callable, Iterator
from typing import Any

from harness import Handrail, client, small_cgroup, standin
from support import wait_for

PROBES = 1000  # of each endpoint
PROBE_SECONDS = 10.0  # after which a probe counts as not answered
PATIENCE = 60.0  # seconds for what takes a few on an idle machine


def probe(port: int, path: str) -> int:
    """The status of one GET on a new connection, as the kubelet sends it."""
    with socket.create_connection(("127.0.0.1", port), PROBE_SECONDS) as s:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        s.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\nUser-Agent: kube-probe/1.30\r\n"
                  "Connection: close\r\n\r\n".encode())
        answer = b""
        while b"\r\n\r\n" not in answer:
            more = s.recv(4096)
            if not more:
                break
            answer += more
    return int(answer.split(b" ", 2)[1]) if answer.startswith(b"HTTP/1.1 ") else 0


class Prober:
    """Asks both endpoints in turn, for as long as the `with` lasts and until each was asked often
    enough."""

    def __init__(self, h: Handrail, name: str, count: int = PROBES) -> None:
        self.h, self.name, self.count = h, name, count
        self.seen: dict[str, list[int]] = {"/livez": [], "/readyz": []}
        self.times: list[float] = []
        self.problem = ""
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def _one(self, path: str) -> None:
        began = time.monotonic()
        try:
            self.seen[path].append(probe(self.h.health_port, path))
        except OSError as problem:
            self.seen[path].append(0)
            self.problem = self.problem or f"{path}: {problem}"
        self.times.append(time.monotonic() - began)

    def _run(self) -> None:
        while not self._over.is_set() or len(self.seen["/livez"]) < self.count:
            for path in self.seen:
                self._one(path)
            time.sleep(0.001)

    def __enter__(self) -> Prober:
        self._thread.start()
        wait_for("a first answer", lambda: self.seen["/readyz"], PATIENCE)
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join(PATIENCE)
        p99 = statistics.quantiles(self.times, n=100)[98] * 1000
        print(f"  {self.name}: {len(self.times)} probes, median "
              f"{statistics.median(self.times) * 1000:.2f} ms, p99 {p99:.2f} ms", flush=True)
        assert not self._thread.is_alive()
        assert not self.problem, self.problem

    def phases(self, path: str) -> list[int]:
        """The answers, each row of equal ones once."""
        rows: list[int] = []
        for status in self.seen[path]:
            if not rows or rows[-1] != status:
                rows.append(status)
        return rows


class Case(unittest.TestCase):
    def assert_phases(self, p: Prober, livez: list[int], readyz: list[int]) -> None:
        for path, wanted in (("/livez", livez), ("/readyz", readyz)):
            self.assertGreaterEqual(len(p.seen[path]), p.count)
            self.assertEqual(p.phases(path), wanted, f"{path} in {p.name}\n{p.h.log()}")

    @contextlib.contextmanager
    def ready(self, *flags: str, **more: Any) -> Iterator[Handrail]:
        with standin(*flags, **more) as h:
            h.wait_status("/readyz", 200, PATIENCE)
            yield h

    def wait_seen(self, p: Prober, what: str, condition: Callable[[], bool]) -> None:
        wait_for(what, condition, PATIENCE)


class Hangs(Case):
    def off_and_on(self, name: str, begin: Callable[[Handrail], None],
                   end: Callable[[Handrail], None]) -> None:
        for flags in ([], ["--notify"]):
            with self.ready(*flags) as h:
                with Prober(h, "idle") as p:
                    pass
                self.assert_phases(p, [200], [200])
                with Prober(h, f"{name} {' '.join(flags)}") as p:
                    begin(h)
                    self.wait_seen(p, "readiness to go off", lambda: 503 in p.seen["/readyz"])
                    end(h)
                    self.wait_seen(p, "readiness to come back",
                                   lambda: p.phases("/readyz")[-1] == 200)
                self.assert_phases(p, [200], [200, 503, 200])

    def test_stopped(self) -> None:
        self.off_and_on("stopped", lambda h: os.kill(h.child("agent_server.py"), signal.SIGSTOP),
                        lambda h: os.kill(h.child("agent_server.py"), signal.SIGCONT))

    def test_in_a_busy_loop(self) -> None:
        self.off_and_on("busy loop", lambda h: h.fault(spin=25), lambda h: None)


class Deaths(Case):
    def test_out_of_memory(self) -> None:
        with self.ready("--start-delay", "1") as h:
            pid = h.child("agent_server.py")
            with small_cgroup(pid, 64 * 1024 * 1024) as limited, Prober(h, "out of memory") as p:
                if limited:
                    h.fault(eat=256 * 1024 * 1024)
                else:
                    os.kill(pid, signal.SIGKILL)
                    print("  out of memory: no cgroup can be made here: killed by hand")
                self.wait_seen(p, "readiness to go off", lambda: 503 in p.seen["/readyz"])
                h.new_child("agent_server.py", pid, PATIENCE)
                self.wait_seen(p, "readiness to come back",
                               lambda: p.phases("/readyz")[-1] == 200)
            self.assert_phases(p, [200], [200, 503, 200])
            h.wait_line("server: killed by signal 9", PATIENCE)

    def test_restarting_over_and_over(self) -> None:
        with self.ready("--start-delay", "0.3", options=["--backoff-max", "0.5"]) as h:
            with Prober(h, "restarting") as p:
                for _ in range(6):
                    os.kill(h.child("agent_server.py", PATIENCE), signal.SIGKILL)
                    seen = len(p.seen["/readyz"])
                    self.wait_seen(p, "readiness to go off",
                                   lambda: 503 in p.seen["/readyz"][seen:])
                    self.wait_seen(p, "readiness to come back",
                                   lambda: p.phases("/readyz")[-1] == 200)
            self.assert_phases(p, [200], [200, 503] * 6 + [200])

    def test_starting_for_a_minute(self) -> None:
        with standin("--start-delay", "60") as h:
            h.wait_status("/livez", 200)
            with Prober(h, "starting") as p:
                pass
            self.assert_phases(p, [200], [503])
            self.assertEqual(h.get("/startupz").status, 503)
            self.assertEqual(h.stop(), 143)


class Stops(Case):
    def test_term_turns_readiness_off_and_nothing_else(self) -> None:
        with self.ready("--stop-delay", "4") as h:
            h.process.send_signal(signal.SIGTERM)
            wait_for("readiness to go off", lambda: h.get("/readyz").status == 503, PATIENCE)
            statuses: dict[str, set[int]] = {"/livez": set(), "/readyz": set(), "/startupz": set()}
            end = time.monotonic() + 2
            while time.monotonic() < end:  # connections that are made during the stop
                for path, seen in statuses.items():
                    seen.add(probe(h.health_port, path))
            self.assertEqual(statuses, {"/livez": {200}, "/readyz": {503}, "/startupz": {200}})
            self.assertIn("draining", h.get("/readyz").text)
            # To the end: the last answers before there is nobody any more.
            last = 0
            with contextlib.suppress(OSError):
                while h.process.poll() is None:
                    last = probe(h.health_port, "/livez") or last
            self.assertEqual(last, 200)
            self.assertEqual(h.wait(), 143)

    def test_a_drain_can_be_taken_back(self) -> None:
        with self.ready() as h:
            client(h, "drain")
            self.assertEqual(probe(h.health_port, "/readyz"), 503)
            self.assertEqual(probe(h.health_port, "/livez"), 200)
            client(h, "drain", "--undo")
            h.wait_status("/readyz", 200)


class Hysteresis(Case):
    """What does not turn readiness off."""

    def test_what_is_only_a_warning(self) -> None:
        options = ["--check", "api:period=0.2,timeout=1", "--check", "disk:period=1,free=100%",
                   "--check", "loop-lag:period=0.2", "--check", "port/1:period=0.2",
                   "--check", "workspace:period=1,path=/nowhere/to/be/found",
                   "--check", "memory:period=0.2,pressure=1%,free=100%"]
        with self.ready("--notify", env={"OH_SESSION_API_KEYS_0": "k"}, options=options) as h:
            def warnings() -> set[str]:
                return {c["name"] for c in h.get("/status").json()["checks"]
                        if c["status"] == "warn"}

            api = "GET /api/bash/bash_events/search"
            with Prober(h, "warnings") as p:
                h.fault(fail={"GET /ready": [500], api: [500] * 1000, "GET /alive": [503]},
                        slow={"GET /ready": 1.0})
                expected = {"api", "disk", "port/1", "workspace"}
                wait_for(f"warnings of {expected}", lambda: expected <= warnings(), PATIENCE)
                asked = h.agent("GET", "/_state").json()["asked"].get("GET /ready", 0)
                wait_for("slow answers to /ready", lambda: h.agent("GET", "/_state").json()["asked"]
                         ["GET /ready"] >= asked + 2, PATIENCE)
                h.fault(notify="WATCHDOG=1\nX_HANDRAIL_LAG_MS=4000")
                h.fault(delay=1.0)
            self.assert_phases(p, [200], [200])
            self.assertEqual(h.get("/healthz").json()["status"], "warn")
            self.assertNotIn("no longer ready", h.log())
            self.assertEqual(h.get("/readyz/disk").status, 503)  # asked for itself

    def test_one_of_them_does_if_it_is_told_to(self) -> None:
        options = ["--check", "disk:period=1,free=100%,gate=ready"]
        with standin(options=options) as h:
            h.wait_line("server: ready", PATIENCE)

            def only_the_disk() -> bool:
                failed = [line.split()[0] for line in h.get("/readyz").text.split("\n")
                          if line.startswith("[-]")]
                return failed == ["[-]disk"]

            wait_for("the disk alone to be the reason", only_the_disk, PATIENCE)
            self.assertEqual(h.get("/readyz").status, 503)
            self.assertEqual(h.get("/livez").status, 200)

    def test_a_port_that_has_to_be_open(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            port = listener.getsockname()[1]
            options = ["--check", f"port/{port}:gate=ready,period=0.2"]
            with self.ready(options=options) as h:
                listener.close()
                h.wait_status("/readyz", 503, PATIENCE)
                self.assertIn(f"[-]port/{port} failed: port {port}: Connection refused",
                              h.get("/readyz").text)


if __name__ == "__main__":
    unittest.main(verbosity=2)
