# SPDX-License-Identifier: MIT
"""Bad clients of the health listener (abuse.py), from one address and from many.  While each of them is at
it, every probe is answered, over TCP from another address and over the unix socket, and the memory of
the sidecar stays within bounds.  And what a single bad request is answered with.
"""

from __future__ import annotations

import contextlib
import os
import re
import signal
import socket
import subprocess
import sys
import time
import unittest
from collections.abc import Iterator
from pathlib import Path

from abuse import ATTACKS, IP_BIND_ADDRESS_NO_PORT
from harness import BUILD, Handrail, client, standin
from support import spawn, wait_for

SECONDS = 1.5  # of each attack, from its height on
PATIENCE = 10.0  # for one probe; the kubelet has 1 s, but this machine may be doing much else
SANITIZED = "build-" in BUILD.name  # sanitizers keep freed memory
# KiB: the listener's 512 connections of 16 KiB each twice over (read and write), and 16 MiB of answers.
GROWTH_MAX = 32 * 1024


def rss(pid: int) -> int:
    found = re.search(r"^VmRSS:\s+(\d+) kB$", Path(f"/proc/{pid}/status").read_text(), re.MULTILINE)
    return int(found[1]) if found else 0


def talk(port: int, data: bytes, source: str = "127.0.0.1") -> bytes:
    """Everything that is answered to these bytes."""
    received = b""
    with socket.socket() as s:
        s.settimeout(PATIENCE)
        s.setsockopt(socket.IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 1)
        s.bind((source, 0))
        s.connect(("127.0.0.1", port))
        with contextlib.suppress(ConnectionResetError, BrokenPipeError):
            s.sendall(data)
            while piece := s.recv(65536):
                received += piece
    return received


@contextlib.contextmanager
def attack(name: str, port: int, addresses: int) -> Iterator[None]:
    """Two processes of it, at their height."""
    script = Path(__file__).resolve().parent / "abuse.py"
    count = 1 if name == "idle" else 2
    attackers = [spawn([sys.executable, "-B", script, name, str(port), str(addresses)],
                       stdout=subprocess.PIPE) for _ in range(count)]
    try:
        for attacker in attackers:
            for line in attacker.stdout:
                if line == b"on\n":
                    break
                print(f"{name}: {line.decode().strip()}", file=sys.stderr)
            else:
                raise AssertionError(f"{name} ended with {attacker.wait()}")
        yield
    finally:
        for attacker in attackers:
            attacker.kill()
            attacker.wait()
            attacker.stdout.close()


class Abuse(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.stack = contextlib.ExitStack()
        cls.h = cls.stack.enter_context(standin())
        cls.h.wait_status("/readyz", 200)
        cls.sidecar = cls.h.child("handrail-sidecar")

    @classmethod
    def tearDownClass(cls):
        cls.stack.close()

    def probe_both_ways(self) -> float:
        """The time that the TCP probe took."""
        began = time.monotonic()
        answer = talk(self.h.health_port, b"GET /readyz HTTP/1.1\r\nHost: x\r\nUser-Agent: kube-probe/1.30\r\n"
                                          b"Accept: */*\r\nConnection: close\r\n\r\n", "127.0.0.99")
        took = time.monotonic() - began
        self.assertTrue(answer.startswith(b"HTTP/1.1 200 OK\r\n"), answer)
        done = client(self.h, "probe", "ready", f"--timeout={PATIENCE:g}", check=False)
        self.assertEqual((done.returncode, done.stdout), (0, "ok\n"), done.stderr)
        return took

    def suffer(self, name: str, addresses: int) -> None:
        before = rss(self.sidecar)
        highest, times = 0, []
        with self.subTest(attack=name, addresses=addresses), \
                attack(name, self.h.health_port, addresses):
            end = time.monotonic() + SECONDS
            while time.monotonic() < end or len(times) < 10:
                times.append(self.probe_both_ways())
                highest = max(highest, rss(self.sidecar))
            print(f"{name}, {addresses} addresses: {len(times)} probes, slowest "
                  f"{max(times) * 1000:.1f} ms, sidecar {highest} KiB", file=sys.stderr)
            self.assertEqual(self.h.child("handrail-sidecar"), self.sidecar)
            if not SANITIZED:
                self.assertLess(highest, max(before, self.resting) + GROWTH_MAX)

    @unittest.skipUnless(os.geteuid() == 0, "needs root")
    def test_from_one_address_and_from_many(self):
        type(self).resting = rss(self.sidecar)
        for bad in ATTACKS:
            for addresses in (1, 200):
                self.suffer(bad.__name__, addresses)
        wait_for("a sidecar that holds no connections",
                 lambda: len(list(Path(f"/proc/{self.sidecar}/fd").iterdir())) < 60, 30)
        self.probe_both_ways()

    def test_the_unix_socket_is_abused_too(self):
        name = next(line.split()[-1] for line in Path("/proc/net/unix").read_text().splitlines()
                    if re.search(rf" @handrail/probe/\d+/{self.h.pid}$", line))
        held = []
        with contextlib.ExitStack() as stack:
            for i in range(500):
                s = stack.enter_context(socket.socket(socket.AF_UNIX))
                s.connect("\0" + name[1:])  # waits while the queue is full
                s.settimeout(PATIENCE)
                held.append(s)
                with contextlib.suppress(BrokenPipeError):
                    s.send([b"", b"GET /readyz HT", b"\x16\x03\x01", b"x" * 5000][i % 4])
            for _ in range(10):
                self.probe_both_ways()


class Crowd(unittest.TestCase):
    """More connections than are accepted at once, all there already when the sidecar gets to them."""

    def test_each_gets_one_page(self):
        page = b"GET /status HTTP/1.1\r\nHost: x\r\n\r\n"
        with standin() as h, contextlib.ExitStack() as stack:
            h.wait_status("/readyz", 200)
            sidecar = h.child("handrail-sidecar")
            os.kill(sidecar, signal.SIGSTOP)
            held = [stack.enter_context(socket.create_connection(("127.0.0.1", h.health_port), PATIENCE))
                    for _ in range(100)]
            for i, s in enumerate(held):
                s.sendall(page * 3 if i % 2 else page.replace(b"/status", b"/readyz"))
            os.kill(sidecar, signal.SIGCONT)
            for i in range(40, 60):
                answer = held[i].recv(1 << 20)
                if i % 2:
                    self.assertRegex(answer, rb"\AHTTP/1.1 (200|503) ")
                    self.assertIn(b"\r\nConnection: close\r\n", answer)
                    self.assertNotIn(b"HTTP/1.1", answer[4:])
                else:
                    self.assertTrue(answer.startswith(b"HTTP/1.1 200 OK\r\n"), answer)
                    self.assertNotIn(b"\r\nConnection: close\r\n", answer)


class FewFiles(unittest.TestCase):
    """Where a process may open fewer files than a listener would take connections."""

    def test_idle_connections_do_not_use_them_up(self):
        with standin(prefix=["prlimit", "--nofile=256:256"]) as h, contextlib.ExitStack() as stack:
            h.wait_status("/readyz", 200)
            h.wait_line("only 256 files may be open, 1024 are wanted")
            for i in range(300):
                s = stack.enter_context(socket.socket())
                s.bind((f"127.0.{1 + i % 200}.7", 0))
                s.connect(("127.0.0.1", h.health_port))
            end = time.monotonic() + 3
            while time.monotonic() < end:
                self.assertEqual(h.get("/readyz").status, 200)
                self.assertEqual(client(h, "probe", "ready").stdout, "ok\n")
            self.assertNotIn("Too many open files", h.log())


class BadRequests(unittest.TestCase):
    """Each on a connection of its own; afterwards the next request is answered as if nothing had been."""

    HOST = b"Host: x\r\n"
    CASES = [
        (b"POST /livez HTTP/1.1\r\n" + HOST + b"Content-Length: 3\r\nContent-Length: 3\r\n\r\nabc", 400),
        (b"POST /livez HTTP/1.1\r\n" + HOST + b"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n"
         b"0\r\n\r\n", 400),
        (b"POST /livez HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", 400),
        (b"POST /livez HTTP/1.1\r\n" + HOST + b"Content-Length: -1\r\n\r\n", 400),
        (b"POST /livez HTTP/1.1\r\n" + HOST + b"Content-Length: 0x10\r\n\r\n", 400),
        (b"POST /livez HTTP/1.1\r\n" + HOST + b"Content-Length: 4097\r\n\r\n", 413),
        (b"POST /livez HTTP/1.1\r\n" + HOST + b"Content-Length: 99999999999999999999\r\n\r\n", 413),
        (b"GET /livez HTTP/1.1\r\n" + HOST + HOST + b"\r\n", 400),
        (b"GET /livez HTTP/1.1\r\n\r\n", 400),
        (b"GET /livez\r\n\r\n", 400),
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505),
        (b"GET /" + b"a" * 20000 + b" HTTP/1.1\r\n" + HOST + b"\r\n", 414),
        (b"GET /livez HTTP/1.1\r\n" + HOST + b"X: " + b"a" * 20000 + b"\r\n\r\n", 431),
    ]
    END = HOST + b"Connection: close\r\n\r\n"
    GOOD = [
        (b"GET http://some.where:1/livez HTTP/1.1\r\n" + END, 200),
        (b"OPTIONS * HTTP/1.1\r\n" + END, 404),
        (b"GET /livez%00 HTTP/1.1\r\n" + END, 404),
        (b"GET /livez HTTP/1.0\r\n\r\n", 200),
        (b"\r\n\r\nGET /livez HTTP/1.1\r\n" + END, 200),
        (b"POST /livez HTTP/1.1\r\nContent-Length: 3\r\n" + HOST + b"Connection: close\r\n\r\nabc", 405),
    ]

    def test_each_is_refused_for_what_it_is(self):
        with standin() as h:
            h.wait_status("/livez", 200)
            for data, status in self.CASES + self.GOOD:
                with self.subTest(request=data[:80]):
                    answer = talk(h.health_port, data)
                    self.assertTrue(answer.startswith(b"HTTP/1.1 %d " % status), answer[:200])
                    self.assertIn(b"\r\nConnection: close\r\n", answer)
            self.assertEqual(h.get("/livez").text, "ok")

    def test_pipelined_requests_are_answered_in_order(self):
        paths = ["/livez", "/nosuch", "/readyz/process", "/livez?verbose", "/status"] * 100
        requests = b"".join(b"GET %s HTTP/1.1\r\nHost: x\r\n\r\n" % path.encode() for path in paths)
        with standin() as h:
            h.wait_status("/readyz", 200)
            last = b"GET /livez HTTP/1.1\r\n" + self.END
            answers = talk(h.health_port, requests + last).split(b"HTTP/1.1 ")[1:]
            self.assertEqual([int(answer[:3]) for answer in answers],
                             [404 if path == "/nosuch" else 200 for path in paths] + [200])

    def test_a_half_closed_connection_gets_its_answer(self):
        with standin() as h:
            h.wait_status("/livez", 200)
            with socket.create_connection(("127.0.0.1", h.health_port), PATIENCE) as s:
                s.sendall(b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n")
                s.shutdown(socket.SHUT_WR)
                self.assertTrue(s.recv(4096).startswith(b"HTTP/1.1 200 OK\r\n"))
            with socket.create_connection(("127.0.0.1", h.health_port), PATIENCE) as s:
                s.sendall(b"GET /livez HTTP/1.1\r\nHost: x\r\n")
                s.shutdown(socket.SHUT_WR)
                self.assertEqual(s.recv(4096), b"")  # at once, not after the time for slow ones


if __name__ == "__main__":
    unittest.main()
