# SPDX-License-Identifier: MIT
"""The webhook, with receivers that misbehave.  Whatever they do, probes are answered as ever, events
come in order, and none comes twice but with the same id."""

import contextlib
import json
import os
import re
import signal
import socket
import subprocess
import threading
import time
import unittest
from pathlib import Path

import jsonschema

from harness import client, running, sample, service, standin
from support import BUILD, HANDRAIL, ROOT, descendants, free_ports, wait_for

SCHEMA = json.loads((ROOT / "docker" / "observability" / "webhook-event.schema.json").read_text())
SECRET = "sekrit-4711"
AUTHORIZATION = {"HANDRAIL_WEBHOOK_AUTHORIZATION": f"Bearer {SECRET}\n"}
SANITIZED = "build-" in BUILD.name  # sanitizers keep freed memory
PROBE_LIMIT = 1.0  # seconds: what a kubelet waits; it is milliseconds, but machines are loaded


def answer(status: int, *headers: str, body: bytes = b"") -> bytes:
    lines = [f"HTTP/1.1 {status} Whatever", f"Content-Length: {len(body)}", *headers, "", ""]
    return "\r\n".join(lines).encode() + body


class Receiver:
    """Reads requests and does with each what `script` says, its last entry again and again:
    bytes are sent, a function gets the connection, after which it is closed."""

    def __init__(self, *script, port: int = 0) -> None:
        self.script = list(script) or [answer(204)]
        self.seen: list[dict] = []
        self.times: list[float] = []
        self.heads: list[str] = []
        self.problems: list[str] = []
        self.listener = socket.create_server(("127.0.0.1", port), backlog=64)
        self.port = self.listener.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}/events?key={SECRET}"
        self._lock = threading.Lock()
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with connection, contextlib.suppress(OSError):
            while True:
                head, body = self._read(connection)
                with self._lock:
                    step = self.script[min(len(self.seen), len(self.script) - 1)]
                    self.heads.append(head)
                    self.times.append(time.monotonic())
                    self.seen.append(json.loads(body))
                if callable(step):
                    step(connection)
                    return
                connection.sendall(step)

    @staticmethod
    def _read(connection: socket.socket) -> tuple[str, bytes]:
        data = b""
        while b"\r\n\r\n" not in data:
            more = connection.recv(65536)
            if not more:
                raise OSError("closed")
            data += more
        head, _, body = data.partition(b"\r\n\r\n")
        length = int(re.search(rb"(?i)\r\ncontent-length: (\d+)", head).group(1))
        while len(body) < length:
            body += connection.recv(65536)
        return head.decode(), body

    def wait(self, count: int, timeout: float = 30) -> list[dict]:
        wait_for(f"{count} events at the receiver", lambda: len(self.seen) >= count, timeout)
        return self.seen

    def wait_type(self, kind: str, timeout: float = 30) -> dict:
        return wait_for(f"a {kind} at the receiver",
                        lambda: next((e for e in self.seen if e["type"] == kind), None), timeout)


def hang(connection: socket.socket) -> None:
    while connection.recv(1):  # until the other end gives up
        pass


def slowly(connection: socket.socket) -> None:
    for byte in answer(200):
        connection.sendall(bytes([byte]))
        time.sleep(1)


def endless(connection: socket.socket) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    while True:
        connection.sendall(b"10000\r\n" + b"x" * 0x10000 + b"\r\n")


def close(connection: socket.socket) -> None:
    connection.shutdown(socket.SHUT_RDWR)


class Probes:
    """Asks /readyz and /metrics all the time; `slowest` is the worst answer, in seconds."""

    def __init__(self, h) -> None:
        self.h, self.slowest, self.count, self.wrong = h, 0.0, 0, []
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def _run(self) -> None:
        while not self._stop.wait(0.02):
            for path in ("/readyz", "/livez", "/metrics"):
                began = time.monotonic()
                status = self.h.get(path).status
                self.slowest = max(self.slowest, time.monotonic() - began)
                self.count += 1
                if status != 200:
                    self.wrong.append((path, status))

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._stop.set()
        self._thread.join()


class Webhook(unittest.TestCase):
    def check(self, events: list[dict]) -> list[dict]:
        """Each is as the schema says; the same event only in a row; in order within a life."""
        jsonschema.Draft202012Validator.check_schema(SCHEMA)
        validator = jsonschema.Draft202012Validator(SCHEMA)
        last: dict[str, int] = {}
        ids: set[str] = set()
        distinct: list[dict] = []
        for event in events:
            validator.validate(event)
            if distinct and event["id"] == distinct[-1]["id"]:
                self.assertEqual(event, distinct[-1])
                continue
            self.assertNotIn(event["id"], ids)
            ids.add(event["id"])
            life = event["id"].partition("-")[0]
            self.assertEqual(event["id"], f"{life}-{event['sequence']}")
            self.assertGreater(event["sequence"], last.get(life, 0))
            last[life] = event["sequence"]
            distinct.append(event)
        return distinct

    @staticmethod
    def webhook(h) -> dict:
        return h.get("/status").json()["webhook"]

    def crash(self, h, sig: str = "SIGSEGV") -> None:
        starts = h.get("/status").json()["services"][0]["starts"]
        h.fault(crash=sig)
        wait_for("a new server", lambda: h.get("/status").json()["services"][0]["starts"] > starts,
                 20)
        h.wait_status("/readyz", 200)

    def stop(self, h, within: float) -> None:
        began = time.monotonic()
        self.assertEqual(h.stop(), 143)
        self.assertLess(time.monotonic() - began, within)
        self.assertEqual(h.leftovers(), [])


class Events(Webhook):
    def test_a_life_of_a_pod(self):
        env = {**AUTHORIZATION, "HANDRAIL_POD_NAME": "agent-7", "HANDRAIL_POD_NAMESPACE": "agents"}
        with Receiver() as r, standin(env={**env, "HANDRAIL_WEBHOOK": r.url}) as h:
            h.wait_status("/readyz", 200)
            self.crash(h)
            r.wait_type("service.restarted")
            os.kill(h.child("handrail-sidecar"), signal.SIGKILL)
            r.wait_type("sidecar.restarted")
            h.wait_status("/readyz", 200)
            self.stop(h, 15)
            events = self.check(r.seen)
            told = [(e["type"], e["data"].get("service")) for e in events if e["type"] != "pod.phase"]
            self.assertEqual(told, [
                ("service.crashed", "server"), ("service.restarted", "server"),
                ("sidecar.restarted", None), ("service.crashed", "sidecar"),
                ("pod.stopping", None), ("pod.stopped", None)])
            self.assertEqual({json.dumps(e["pod"]) for e in events}, {json.dumps({
                "hostname": socket.gethostname(), "name": "agent-7", "namespace": "agents",
                "uid": None})})
            crash = r.wait_type("service.crashed")["data"]
            self.assertEqual(crash["exit"], {"signal": signal.SIGSEGV})
            for head in r.heads:
                self.assertIn(f"\r\nAuthorization: Bearer {SECRET}\r\n", head + "\r\n")
                self.assertIn("\r\nContent-Type: application/json\r\n", head + "\r\n")

    @unittest.skipUnless(os.geteuid() == 0, "needs root")
    def test_its_secrets_are_nobodys(self):
        with Receiver() as r, \
                standin("--say", f"I say {SECRET}", plugins=[sample("echo")],
                        env={**AUTHORIZATION, "HANDRAIL_WEBHOOK": r.url}) as h:
            h.wait_status("/readyz", 200)
            self.crash(h)
            r.wait_type("service.restarted")
            seen = 0
            for p in descendants(h.pid):
                environ = p.told("environ")
                self.assertNotIn(SECRET, environ)
                seen += environ != ""
                self.assertTrue("--say" in p.argv or SECRET not in " ".join(p.argv))
            self.assertGreaterEqual(seen, 3)
            for path in ("/status", "/metrics", "/crashes", "/plugins", "/"):
                self.assertNotIn(SECRET, h.get(path).text)
            report = client(h, "crashes", "1").stdout
            self.assertIn("I say ****", report)
            self.assertEqual(self.webhook(h)["receiver"], f"http://127.0.0.1:{r.port}")
            h.stop()
            self.assertNotIn(SECRET, "\n".join(l for l in h.log().splitlines() if "I say" not in l))

    def test_numbers(self):
        with Receiver(answer(400), answer(200)) as r, standin(options=[f"--webhook={r.url}"]) as h:
            h.wait_status("/readyz", 200)
            self.crash(h)
            r.wait_type("service.restarted")
            # Readiness comes back meanwhile, and is one more event.
            wait_for("an empty queue", lambda: "\nhandrail_webhook_queue_length 0\n" in h.get(
                "/metrics").text, 20)
            text = h.get("/metrics").text
            self.assertIn('\nhandrail_webhook_events_total{result="failed"} 1\n', text)
            self.assertRegex(text, r'\nhandrail_webhook_events_total\{result="delivered"\} [1-9]')
            self.assertRegex(text, r"\nhandrail_webhook_last_success_timestamp_seconds 1\.?\d*")

    def test_without_one(self):
        with standin() as h:
            h.wait_status("/readyz", 200)
            self.assertIsNone(self.webhook(h))
            self.assertNotIn("webhook", h.get("/metrics").text)


class Configuration(unittest.TestCase):
    def load(self, url: str, env=()):
        return subprocess.run([HANDRAIL, "run", f"--webhook={url}", "--", "true"], text=True,
                              env={"PATH": "/usr/bin:/bin", **dict(env)}, capture_output=True,
                              timeout=20, check=False)

    def test_a_wrong_url(self):
        for url in ("host", "ftp://host/", f"http://user:{SECRET}@host/", "http://host:0/"):
            done = self.load(url)
            self.assertEqual(done.returncode, 64)
            self.assertIn("--webhook=...: expected a URL such as http://", done.stderr)
            self.assertNotIn(SECRET, done.stderr)

    def test_a_wrong_authorization(self):
        name = "HANDRAIL_WEBHOOK_AUTHORIZATION"
        done = self.load("http://host/", {name: f"Bearer {SECRET}\r\nX-Evil: 1"})
        self.assertEqual(done.returncode, 78)
        self.assertIn(f"{name}: expected the value of an Authorization header", done.stderr)
        self.assertNotIn(SECRET, done.stderr)

    def test_the_help_tells(self):
        done = subprocess.run([HANDRAIL, "run", "--help"], text=True, capture_output=True, timeout=20,
                              check=True)
        self.assertIn("--webhook=URL", done.stdout)


class Misbehaviour(Webhook):
    def test_all_of_it_in_one_life(self):
        """The first event meets every kind of trouble that is answered by another try."""
        script = [hang, slowly, answer(500), answer(429, "Retry-After: 1"), close, b"\x16\x03\x01\n",
                  endless,                                # that was a 200: delivered
                  answer(302, "Location: /elsewhere"),    # the second event: final
                  answer(200, *[f"X-{i}: {'x' * 900}" for i in range(90)]), answer(204)]
        with Receiver(*script) as r, standin(options=[f"--webhook={r.url}"]) as h:
            h.wait_status("/readyz", 200)
            self.crash(h)
            with Probes(h) as probes:
                wait_for("the first event's delivery", lambda: self.webhook(h)["delivered"], 150)
                wait_for("the second one's end", lambda: self.webhook(h)["failed"], 30)
                self.assertEqual(probes.wrong, [])
            self.assertEqual(len({e["id"] for e in r.seen[:7]}), 1)
            self.assertNotEqual(r.seen[6]["id"], r.seen[7]["id"])
            self.assertGreater(probes.count, 500)
            self.assertLess(probes.slowest, PROBE_LIMIT)
            waits = [b - a for a, b in zip(r.times, r.times[1:])]
            self.assertGreaterEqual(waits[0], 10)  # its time-out
            self.assertGreaterEqual(waits[2], 3)   # 4 s, or a quarter less
            self.crash(h)
            self.stop(h, 15)
            events = self.check(r.seen)
            self.assertEqual(events[-1]["type"], "pod.stopped")
            self.assertNotIn("/elsewhere", "".join(r.heads))
            self.assertIn("it answered 302, and redirects are not followed", h.log())

    def test_nobody_listens(self):
        port = free_ports(1)[0]
        url = f"http://127.0.0.1:{port}/events"
        with standin(options=[f"--webhook={url}"]) as h:
            h.wait_status("/readyz", 200)
            self.crash(h)
            wait_for("two tries", lambda: self.webhook(h)["tries"] >= 2, 30)
            state = self.webhook(h)
            self.assertIn("connect", state["error"].lower())
            self.assertGreaterEqual(state["queued"], 2)
            self.assertEqual(state["delivered"] + state["failed"] + state["dropped"], 0)
            self.assertRegex(client(h, "status").stdout,
                             r"webhook +http://\S+: 0 delivered, .* waiting\n  last try +\S.*onnect")
            self.assertRegex(h.get("/").text, r'(?s)id="webhook".*<dt>Last try</dt><dd><bdi>.*onnect')
            with Receiver(port=port) as r:
                r.wait_type("service.restarted", 90)
                self.stop(h, 15)
                types = [e["type"] for e in self.check(r.seen)]
                self.assertLess(types.index("service.crashed"), types.index("service.restarted"))
                self.assertEqual(types[-1], "pod.stopped")
            self.assertEqual(len(re.findall("could not be told an event", h.log())), 1)
            self.assertIn("takes events again", h.log())

    def test_a_name_that_does_not_resolve(self):
        with standin(options=["--webhook=http://nobody.invalid/"]) as h:
            h.wait_status("/readyz", 200)
            with Probes(h) as probes:
                h.fault(crash="SIGSEGV")
                wait_for("an error", lambda: self.webhook(h)["error"], 40)
                h.wait_status("/readyz", 200)
            self.assertLess(probes.slowest, PROBE_LIMIT)
            self.stop(h, 15)

    def test_a_receiver_that_hangs_does_not_hold_up_the_stop(self):
        with Receiver(hang) as r, standin(options=[f"--webhook={r.url}"]) as h:
            h.wait_status("/readyz", 200)
            h.fault(crash="SIGSEGV")
            r.wait(1)
            wait_for("the restart", lambda: service(h)["starts"] == 2, 20)
            h.wait_status("/readyz", 200)
            began = time.monotonic()
            self.stop(h, 10)
            self.assertGreater(time.monotonic() - began, 0.9)  # its second
            self.assertRegex(h.log(), r"webhook: \d+ events were not told")

    @unittest.skipUnless(os.geteuid() == 0, "needs root")
    def test_its_process_is_killed(self):
        with Receiver(hang, answer(200)) as r, standin(options=[f"--webhook={r.url}"]) as h:
            h.wait_status("/readyz", 200)
            h.fault(crash="SIGSEGV")
            r.wait(1)
            sidecar = h.child("handrail-sidecar")
            own = self.own(sidecar)
            self.assertEqual(len(own), 1)
            self.assertTrue(own[0].argv[0].startswith("handrail-sidecar: webhook"))
            files = os.listdir(f"/proc/{own[0].pid}/fd")
            links = [os.readlink(f"/proc/{own[0].pid}/fd/{n}") for n in files]
            mine = [os.readlink(f"/proc/{sidecar}/fd/{n}") for n in (7, 8)]
            self.assertEqual([link for link in links if link in mine], [])
            os.kill(own[0].pid, signal.SIGKILL)
            r.wait(2)
            self.assertEqual(r.seen[1], r.seen[0])
            wait_for("its end", lambda: self.webhook(h)["queued"] == 0, 20)
            wait_for("no process", lambda: not self.own(sidecar), 10)

    @staticmethod
    def own(sidecar: int) -> list:
        """Its processes; other parts of the sidecar have some too."""
        def name(pid: int) -> str:
            with contextlib.suppress(OSError):
                return Path(f"/proc/{pid}/comm").read_text()
            return ""

        return [p for p in descendants(sidecar) if name(p.pid) == "hr-webhook\n"]

    def test_a_long_absence_is_bounded(self):
        """A server that ends at once, again and again, is hundreds of events."""
        port = free_ports(1)[0]
        options = [f"--webhook=http://127.0.0.1:{port}/", "--budget=0", "--backoff=0.01",
                   "--backoff-max=0.01"]
        with running(["/bin/false"], options=options) as h:
            h.wait_status("/livez", 200)
            sidecar = h.child("handrail-sidecar")
            wait_for("a full queue", lambda: self.webhook(h)["dropped"] > 0, 60)
            before = self.memory(sidecar)
            wait_for("more", lambda: self.webhook(h)["dropped"] > 500, 120)
            state = self.webhook(h)
            self.assertLessEqual(state["queued"], 256)
            self.assertLessEqual(state["queued_bytes"], 256 * 1024)
            self.assertEqual(state["delivered"] + state["failed"], 0)
            if not SANITIZED:
                self.assertLess(self.memory(sidecar) - before, 1024)
            with Receiver(port=port) as r:
                r.wait(300, 120)
                events = self.check(r.seen)
                self.assertGreater(events[0]["sequence"], 500)  # the oldest have gone
                h.stop()

    @staticmethod
    def memory(pid: int) -> int:
        """KiB."""
        text = Path(f"/proc/{pid}/status").read_text()
        return int(re.search(r"VmRSS:\s+(\d+)", text).group(1))


class AsPid1(Webhook):
    def test_the_end_is_told(self):
        """The stop ends everybody, but not the process that tells of it."""
        unshare = ["unshare", "--pid", "--fork", "--kill-child", "--mount-proc"]
        if os.geteuid() != 0 or subprocess.run([*unshare, "true"], check=False).returncode:
            self.skipTest("no pid namespaces")

        def late(connection: socket.socket) -> None:
            time.sleep(0.05)
            connection.sendall(answer(200))

        with Receiver(late) as r, standin(options=[f"--webhook={r.url}"], prefix=unshare) as h:
            h.wait_status("/readyz", 200)
            for process in descendants(h.pid):
                if process.ppid == h.pid:
                    os.kill(process.pid, signal.SIGTERM)
            r.wait_type("pod.stopped", 20)
            self.check(r.seen)


def copies(pid, secret):
    """How often the memory of a process has it."""
    found = 0
    with open(f"/proc/{pid}/maps", encoding="utf-8") as maps, open(f"/proc/{pid}/mem", "rb") as mem:
        for line in maps:
            parts = line.split()
            begin, end = (int(n, 16) for n in parts[0].split("-"))
            if "r" in parts[1] and not parts[-1].startswith("[v"):
                with contextlib.suppress(OSError):
                    mem.seek(begin)
                    found += mem.read(end - begin).count(secret.encode())
    return found


@unittest.skipUnless(os.geteuid() == 0, "not root: the memory of others is not to be read")
@unittest.skipIf(SANITIZED, "sanitizers keep freed memory")
class Keys(unittest.TestCase):
    def test_an_aside_has_only_its_own(self):
        authorization, session = "needle-of-the-receiver", "needle-of-the-server"
        options = ["--check", "disk:period=0.2", "--check", "workspace:period=0.2,path=/tmp"]
        with standin(options=options, env={
                "HANDRAIL_WEBHOOK": "http://127.0.0.1:9/", "SESSION_API_KEY": session,
                "HANDRAIL_WEBHOOK_AUTHORIZATION": authorization}) as h:
            h.wait_status("/readyz", 200)
            sidecar = h.child("handrail-sidecar")
            self.assertTrue(copies(sidecar, authorization) and copies(sidecar, session))
            seen, known = {}, set()

            def look():
                children = Path(f"/proc/{sidecar}/task/{sidecar}/children").read_text().split()
                for pid in set(map(int, children)) - known:
                    with contextlib.suppress(OSError):  # they come and go
                        os.kill(pid, signal.SIGSTOP)  # for as long as it is looked at
                        try:
                            name = Path(f"/proc/{pid}/comm").read_text().strip()
                            if name.startswith("hr-"):  # it has done what it does first
                                known.add(pid)
                                seen[name] = (copies(pid, authorization), copies(pid, session))
                        finally:
                            os.kill(pid, signal.SIGCONT)
                return len(seen) > 1

            end = time.monotonic() + 30
            while time.monotonic() < end and not look():
                pass  # they live for milliseconds
            own = seen.pop("hr-webhook", (1, 0))
            self.assertTrue(seen, h.log()[-3000:])
            self.assertTrue(own[0])
            self.assertEqual(own[1], 0)
            self.assertEqual(set(seen.values()), {(0, 0)}, seen)


if __name__ == "__main__":
    unittest.main(verbosity=1)
