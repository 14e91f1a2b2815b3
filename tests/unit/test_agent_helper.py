# SPDX-License-Identifier: MIT
"""The Python helper: its messages, the init body, and that no fault of it reaches the server."""

from __future__ import annotations

import asyncio
import errno
import fcntl
import gc
import logging
import os
import re
import socket
import subprocess
import sys
import time
import unittest
from pathlib import Path
from typing import Any
from unittest import mock

sys.path.insert(0, str(Path(__file__).resolve().parent))

from agent_helper import HELPER, Case, Receiver, serving  # noqa: E402

INIT = "/api/init"
SECRET = b'{"session_api_keys": ["do-not-log-me"]}'
INIT_MAX = 256 * 1024


class Messages(Case):
    def test_a_life(self) -> None:
        self.load()
        self.assertEqual(self.receiver.take(), [["STATUS=starting"]])

        async def life() -> None:
            async with serving(self.loaded_app()) as served:
                await self.receiver.until("READY")
                self.assertEqual(await served.request("GET", "/alive"), 200)
                self.assertEqual(self.receiver.all("STOPPING"), [])
        asyncio.run(life())
        self.receiver.take()
        self.assertEqual(self.receiver.messages[1:], [
            ["READY=1", "STATUS=serving"], ["STOPPING=1", "STATUS=shutting down"]])
        self.assertEqual(self.lines(), [])

    def test_environment_is_not_inherited(self) -> None:
        self.load({"WATCHDOG_USEC": "1000000"})
        seen = subprocess.run(["env"], capture_output=True, text=True, check=True).stdout
        self.assertNotIn("NOTIFY_SOCKET", seen)
        self.assertNotIn("WATCHDOG_USEC", seen)

    def test_a_path(self) -> None:
        receiver = Receiver(str(self.folder / "notify"))
        self.addCleanup(receiver.sock.close)
        self.load(notify=receiver.name)
        self.assertEqual(receiver.take(), [["STATUS=starting"]])

    def test_probes_leave_no_line_in_the_access_log(self) -> None:
        self.load()
        self.loaded_app()
        log = logging.getLogger("uvicorn.access")
        seen: list[str] = []
        handler = logging.Handler()
        handler.emit = lambda record: seen.append(record.getMessage())  # type: ignore[method-assign]
        log.addHandler(handler)
        log.setLevel(logging.INFO)
        self.addCleanup(log.removeHandler, handler)
        self.addCleanup(log.filters.clear)
        search = "/api/bash/bash_events/search?limit=1&timestamp__gte=9000-01-01T00:00:00Z&handrail"
        for method, path, status in [
                ("GET", "/ready?handrail", 200), ("GET", "/alive?handrail", 200),
                ("GET", search, 200),
                ("GET", "/ready?handrail", 503), ("POST", "/ready?handrail", 200),
                ("GET", "/ready", 200), ("GET", "/api/secrets?handrail", 200),
                ("GET", search + "&x", 200)]:
            log.info('%s - "%s %s HTTP/%s" %d', "127.0.0.1:1", method, path, "1.1", status)
        log.info("of another form: %s", "x")
        self.assertEqual([line.split('"')[1] if '"' in line else line for line in seen], [
            "GET /ready?handrail HTTP/1.1", "POST /ready?handrail HTTP/1.1", "GET /ready HTTP/1.1",
            "GET /api/secrets?handrail HTTP/1.1", f"GET {search}&x HTTP/1.1",
            "of another form: x"])

    def test_what_is_left_out_is_what_the_sidecar_asks(self) -> None:
        module = self.load()
        sidecar = HELPER.parent.parent / "sidecar"
        source = (sidecar / "checks/measured.c").read_text()
        asked = {path + "handrail" for path in re.findall(r'"(/[^"]*[?&])" MARK', source)}
        source = (sidecar / "pool/pool.c").read_text()
        asked |= {*re.findall(r'"(/[^"]*[?&]handrail)"', source)}
        self.assertEqual(asked, module.PROBES)

    def test_without_a_socket_nothing(self) -> None:
        module = self.load({"WATCHDOG_USEC": "1000000"}, notify=None)
        self.assertIs(self.loaded_app(), self.app)
        self.assertNotIn("WATCHDOG_USEC", os.environ)
        self.assertEqual(self.lines(), [])
        self.assertEqual(module._beat_period(""), 10.0)

    def served(self, status: int = 200) -> None:
        """The application is served as if the helper was not there."""
        async def life() -> None:
            async with serving(self.loaded_app()) as served:
                await asyncio.sleep(0.05)
                self.assertEqual(await served.request("POST", INIT, [SECRET]), status)
        asyncio.run(life())
        self.assertEqual(self.app.bodies, [SECRET])

    def test_bad_names(self) -> None:
        for name, reason in (("relative", "neither a path nor @name"), ("@" + "x" * 107, "longer"),
                             ("/" + "x" * 200, "longer"), ("vsock:2:1234", "neither")):
            with self.subTest(name=name):
                self.setUp()
                self.load(notify=name)
                self.served()
                self.assert_one_line(f"NOTIFY_SOCKET: .*{reason}.*, going on without")

    def test_longest_name(self) -> None:
        receiver = Receiver()
        receiver.sock.close()
        receiver.sock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.addCleanup(receiver.sock.close)
        name = f"@{os.getpid()}".ljust(107, "x")
        receiver.sock.bind(name.replace("@", "\0"))
        self.load(notify=name)
        self.assertEqual(receiver.take(), [["STATUS=starting"]])
        self.assertEqual(self.lines(), [])

    def test_nobody_there(self) -> None:
        for name, reason in (("/nonexistent/notify", "FileNotFoundError"),
                             ("@handrail-nobody", "ConnectionRefusedError"),
                             (str(self.folder), "ConnectionRefusedError")):
            with self.subTest(name=name):
                self.setUp()
                self.load(notify=name)
                self.served()
                self.assert_one_line(f"NOTIFY_SOCKET: {reason}.*, going on without")

    def test_no_descriptors_left(self) -> None:
        with mock.patch.object(socket, "socket", side_effect=OSError(errno.EMFILE, "too many")):
            self.load()
        self.served()
        self.assert_one_line("NOTIFY_SOCKET: OSError.*too many")

    def fill(self) -> int:
        """Messages of somebody else, until the receiver's queue is full."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as other:
            other.setblocking(False)
            count = 0
            while True:
                try:
                    other.sendto(b"FILL=1", self.receiver.sock.getsockname())
                except BlockingIOError:
                    return count
                count += 1

    def test_a_full_queue_is_not_waited_for(self) -> None:
        self.load({"WATCHDOG_USEC": "800000"})

        async def life() -> None:
            async with serving(self.loaded_app()) as served:
                await self.receiver.until("READY")
                self.assertGreater(self.fill(), 3)
                start = time.monotonic()
                self.assertEqual(await served.request("POST", INIT, [SECRET]), 200)
                self.assertLess(time.monotonic() - start, 0.2)
                await asyncio.sleep(0.5)  # some heartbeats find no room
                kept = served.app._helper.notifier._kept
                self.assertEqual([data for data, _ in kept], [b"X_HANDRAIL_INIT=%d" % len(SECRET)])
                await self.receiver.until("X_HANDRAIL_INIT")
                await self.receiver.until("WATCHDOG", 2)
        asyncio.run(life())
        self.assertEqual(self.receiver.bodies, [SECRET], "the record was lost")
        self.assert_one_line("NOTIFY_SOCKET: its queue is full, going on without waiting")

    def test_ready_comes_when_there_is_room(self) -> None:
        self.load()
        self.fill()

        async def life() -> None:
            async with serving(self.loaded_app()):
                await asyncio.sleep(0.1)
                await self.receiver.until("READY", timeout=2)
        asyncio.run(life())
        self.assertEqual(self.receiver.all("READY"), ["1"])

    def test_what_is_kept_is_bounded(self) -> None:
        module = self.load()
        self.fill()
        notifier = module._Notifier(self.receiver.name)
        gc.collect()
        before = len(os.listdir("/proc/self/fd"))
        for _ in range(module.KEPT_MAX + 20):
            reader, writer = os.pipe()
            os.close(writer)
            notifier.send("X_HANDRAIL_INIT=0", fd=reader)
        self.assertEqual(len(notifier._kept), module.KEPT_MAX)
        self.assertEqual(len(os.listdir("/proc/self/fd")), before + module.KEPT_MAX)
        while not notifier.flush():
            self.receiver.take()
        self.receiver.take()
        self.assertEqual(self.receiver.bodies, [b""] * module.KEPT_MAX)
        self.assertEqual(len(os.listdir("/proc/self/fd")), before)


class Heartbeat(Case):
    def test_period(self) -> None:
        module = self.load()
        for usec, seconds in (("", 10), ("60000000", 10), ("40000000", 10), ("20000000", 5),
                              ("1000000", 0.25), ("800000", 0.2), ("1", 0.2)):
            self.assertEqual(module._beat_period(usec), seconds, usec)
        self.assertEqual(self.lines(), [])

    def test_bad_periods(self) -> None:
        for usec in ("x", "0", "-5", "1.5", "9" * 5000):
            with self.subTest(usec=usec[:9]):
                self.setUp()
                self.assertEqual(self.load({"WATCHDOG_USEC": usec})._beat_period(""), 10)
                self.assert_one_line("WATCHDOG_USEC: ValueError.*every 10 s")

    def test_beats(self) -> None:
        self.load({"WATCHDOG_USEC": "800000"})

        async def life() -> None:
            async with serving(self.loaded_app()):
                await self.receiver.until("READY")
                start = time.monotonic()
                await self.receiver.until("WATCHDOG", 5)
                took = time.monotonic() - start
                self.assertGreater(took, 0.75)
                self.assertLess(took, 1.8)
        asyncio.run(life())
        beats = [lines for lines in self.receiver.messages if lines[0] == "WATCHDOG=1"]
        for lines in beats:
            self.assertEqual(len(lines), 2)
            self.assertRegex(lines[1], r"^X_HANDRAIL_LAG_MS=\d+$")
            self.assertLess(int(lines[1].partition("=")[2]), 500)

    def test_goes_on_through_shutdown_and_then_ends(self) -> None:
        self.load({"WATCHDOG_USEC": "800000"})
        self.app.shutdown_seconds = 0.7

        async def life() -> None:
            async with serving(self.loaded_app()):
                await self.receiver.until("READY")
            self.receiver.take()
            stop = self.receiver.messages.index(["STOPPING=1", "STATUS=shutting down"])
            self.assertGreaterEqual(len(self.receiver.messages[stop + 1:]), 2)
            await asyncio.sleep(0.5)
            self.assertEqual(self.receiver.take(), [])
        asyncio.run(life())

    def test_lag_is_told_at_once_and_once(self) -> None:
        self.load()  # a heartbeat every 10 s

        async def life() -> None:
            async with serving(self.loaded_app()):
                await self.receiver.until("WATCHDOG")  # the first comes after the first second
                time.sleep(2.3)
                start = time.monotonic()
                await self.receiver.until("WATCHDOG", 2)
                self.assertLess(time.monotonic() - start, 0.3)
                await asyncio.sleep(1.3)
        asyncio.run(life())
        quiet, loud = self.receiver.all("X_HANDRAIL_LAG_MS")
        self.assertLess(int(quiet), 500)
        self.assertGreater(int(loud), 1200)
        self.assertLess(int(loud), 2600)

    def test_worst_lag_survives_a_beat_without_room(self) -> None:
        self.load({"WATCHDOG_USEC": "800000"})

        async def life() -> None:
            async with serving(self.loaded_app()):
                await self.receiver.until("WATCHDOG")
                Messages.fill(self)  # type: ignore[arg-type]
                time.sleep(0.6)
                await asyncio.sleep(0.5)
                await self.receiver.until("WATCHDOG", 2)
        asyncio.run(life())
        self.assertGreater(int(self.receiver.all("X_HANDRAIL_LAG_MS")[1]), 350)


class InitBody(Case):
    def post(self, *requests: Any, **how: Any) -> None:
        """POST these bodies, each a list of chunks, to /api/init (or `path`)."""
        path, method = how.pop("path", INIT), how.pop("method", "POST")
        self.load()

        async def life() -> None:
            async with serving(self.loaded_app()) as served:
                for chunks in requests:
                    await served.request(method, path, chunks, **how)
        asyncio.run(life())
        self.assertEqual(self.app.bodies, [b"".join(chunks) for chunks in requests])
        self.receiver.take()
        self.assertNotIn("do-not-log-me", self.stderr.getvalue() + str(self.receiver.messages))

    def test_whole(self) -> None:
        self.post([SECRET])
        self.assertEqual(self.receiver.all("X_HANDRAIL_INIT"), [str(len(SECRET))])
        self.assertEqual(self.receiver.bodies, [SECRET])
        self.assertEqual(self.lines(), [])

    def test_chunks(self) -> None:
        self.post([bytes([byte]) for byte in SECRET * 50], [b"", SECRET, b"", b"\0\xff"])
        self.assertEqual(self.receiver.bodies, [SECRET * 50, SECRET + b"\0\xff"])

    def test_largest(self) -> None:
        body = os.urandom(INIT_MAX)
        self.post([body[:1000], body[1000:200001], body[200001:]])
        self.assertEqual(self.receiver.bodies, [body])
        self.assertEqual(self.lines(), [])

    def test_too_large(self) -> None:
        self.post([b"x" * INIT_MAX, b"y"], [b"z" * (INIT_MAX + 1)])
        self.assertEqual(self.receiver.all("X_HANDRAIL_INIT"), [])
        self.assert_one_line(r"POST /api/init: its body is over 262144 bytes, going on without")

    def test_refused(self) -> None:
        for status in (201, 307, 400, 401, 422, 500, 503):
            with self.subTest(status=status):
                self.setUp()
                self.app.status = status
                self.post([SECRET])
                self.assertEqual(self.receiver.all("X_HANDRAIL_INIT"), [])
                self.assertEqual(self.lines(), [])

    def test_refused_then_accepted(self) -> None:
        self.load()

        async def life() -> None:
            async with serving(self.loaded_app()) as served:
                for self.app.status, body in ((401, b"first"), (200, b"second"), (400, b"third")):
                    await served.request("POST", INIT, [body])
        asyncio.run(life())
        self.receiver.take()
        self.assertEqual(self.receiver.bodies, [b"second"])

    def test_handed_over_before_the_client_knows(self) -> None:
        self.load()

        async def life() -> None:
            async with serving(self.loaded_app()) as served:
                seen = []
                served.on_send = lambda _: seen.append(len(self.receiver.all("X_HANDRAIL_INIT")))
                await served.request("POST", INIT, [SECRET])
                self.assertEqual(seen, [1, 1, 1])
        asyncio.run(life())

    def test_answered_without_reading(self) -> None:
        self.app.read = False
        self.load()

        async def life() -> None:
            async with serving(self.loaded_app()) as served:
                await served.request("POST", INIT, [SECRET])
        asyncio.run(life())
        self.assertEqual(self.receiver.all("X_HANDRAIL_INIT"), [])
        self.assert_one_line("POST /api/init: answered before its end was read")

    def test_other_requests(self) -> None:
        for how in ({"method": "GET"}, {"method": "PUT"}, {"path": INIT + "/"},
                    {"path": "/api/initial"}, {"path": "/app-backends/x/api/init"},
                    {"path": "/other/api/init", "root_path": "/runtime"},
                    {"path": "x/api/init"}):
            with self.subTest(how=how):
                self.setUp()
                self.post([SECRET], **how)
                self.assertEqual(self.receiver.all("X_HANDRAIL_INIT"), [])

    def test_below_a_root_path(self) -> None:
        self.post([SECRET], path="/runtime/7/api/init", root_path="/runtime/7")
        self.assertEqual(self.receiver.bodies, [SECRET])

    def test_below_the_applications_root_path(self) -> None:
        self.app.root_path = "/runtime/7"  # type: ignore[attr-defined]
        self.post([SECRET], path="/runtime/7/api/init")
        self.assertEqual(self.receiver.bodies, [SECRET])

    def test_pipe_cannot_be_enlarged(self) -> None:
        real = fcntl.fcntl

        def refuse(fd: int, command: int, *more: Any) -> Any:
            if command == fcntl.F_SETPIPE_SZ:
                raise PermissionError(errno.EPERM, "over the user's limit")
            return real(fd, command, *more)

        before = len(os.listdir("/proc/self/fd"))
        with mock.patch.object(fcntl, "fcntl", refuse):
            self.post([b"x" * 100000])
        self.assertEqual(self.receiver.all("X_HANDRAIL_INIT"), [])
        self.assert_one_line("POST /api/init: PermissionError: .*limit, going on without")
        self.assertLessEqual(len(os.listdir("/proc/self/fd")), before + 1, "a pipe is still open")

    def test_pipe_takes_a_part(self) -> None:
        with mock.patch.object(os, "write", lambda fd, data: len(data) - 1):
            self.post([SECRET])
        self.assertEqual(self.receiver.all("X_HANDRAIL_INIT"), [])
        self.assert_one_line("POST /api/init: .*a part of it")

    def test_leaks_no_descriptor(self) -> None:
        self.post([SECRET])
        gc.collect()  # of other tests' helpers, which would go at any time
        before = len(os.listdir("/proc/self/fd"))
        application = self.loaded_app()

        async def life() -> None:
            async with serving(application) as served:
                for _ in range(50):
                    await served.request("POST", INIT, [SECRET])
                    self.receiver.take()
        asyncio.run(life())
        self.assertEqual(len(os.listdir("/proc/self/fd")), before)

    def test_body_is_not_kept(self) -> None:
        module = self.load()
        body = module._InitBody(module._Notifier(self.receiver.name))
        kept = body._body
        body.add({"type": "http.request", "body": SECRET, "more_body": False})
        body.answered(200)
        self.assertEqual(kept, b"")
        self.receiver.take()
        self.assertEqual(self.receiver.bodies, [SECRET])
        body = module._InitBody(module._Notifier(self.receiver.name))
        for _ in range(3):
            body.add({"type": "http.request", "body": b"x" * 100000, "more_body": True})
        self.assertEqual(body._body, b"", "what is too large is not kept until its end")


class Faults(Case):
    """The server must not notice anything that goes wrong in here."""

    def test_every_hook_may_fail(self) -> None:
        unchanged, changed = b'{"agent": {}}', b'{"agent": {"kind": "Mine"}}'
        for name, body in (
                ("_Application._request", unchanged), ("_Application._path", unchanged),
                ("_Application._init", changed), ("_Application._lifespan", changed),
                ("_Application._conversation", unchanged), ("_with_defaults", unchanged),
                ("_InitBody.__init__", changed), ("_InitBody.add", changed),
                ("_InitBody.answered", changed), ("_InitBody._forget", changed),
                ("_pipe_of", changed), ("_Helper.started", changed), ("_Helper.stopping", changed),
                ("_Helper.stopped", changed), ("_Helper._check_agent", changed),
                ("_Helper._beat", changed), ("_Notifier.send", changed),
                ("_Notifier.flush", changed), ("_Notifier._try", changed),
                ("_class_problem", changed)):
            with self.subTest(hook=name):
                self.setUp()
                self.write("agents.py", "class Mine: pass\n")
                self.write("openhands/sdk/__init__.py", "class AgentBase: pass\n")
                module = self.load({"CUSTOM_AGENT_MODULE": "agents", "CUSTOM_AGENT_CLASS": "Mine",
                                    "HANDRAIL_AGENT_DEFAULT": "1", "WATCHDOG_USEC": "800000"})
                owner, _, attribute = name.rpartition(".")
                place = getattr(module, owner) if owner else module
                failure = RuntimeError("on purpose")
                with mock.patch.object(place, attribute, side_effect=failure) as hook:
                    asyncio.run(self.life())
                self.assertTrue(hook.called)
                self.assertEqual(self.app.bodies, [SECRET, body, b""])
                self.assertIn("RuntimeError: on purpose, going on without", "".join(self.lines()))

    async def life(self) -> None:
        application = self.loaded_app()
        async with serving(application) as served:
            await asyncio.sleep(0.25)
            application._helper.default_kind = "Mine"  # whatever the check of the class has said
            self.assertEqual(await served.request("POST", INIT, [SECRET]), 200)
            chunks = [b'{"agent": ', b"{}}"]
            self.assertEqual(await served.request("POST", "/api/conversations", chunks), 200)
            self.assertEqual(await served.request("GET", "/alive"), 200)

    def test_start_may_fail(self) -> None:
        module = self.load()
        for name in ("_Helper", "_hook"):
            with mock.patch.object(module, name, side_effect=RuntimeError("on purpose")):
                os.environ["NOTIFY_SOCKET"] = self.receiver.name
                module._start()
        self.assertEqual(len(self.lines()), 2)

    def test_stderr_may_be_gone(self) -> None:
        self.stderr.close()
        self.load(notify="relative")
        with mock.patch.object(sys, "stderr", None):
            self.load(notify="relative")

    def test_without_uvicorn(self) -> None:
        (self.folder / "uvicorn" / "config.py").write_text("raise ImportError('not in here')")
        self.load()
        self.assert_one_line("uvicorn: ImportError: not in here, going on without")
        self.assertEqual(self.receiver.take(), [["STATUS=starting"]])

    def test_other_uvicorns(self) -> None:
        for text, reason in (("", "ImportError"), ("class Config: pass", "AttributeError"),
                             ("class Config:\n    load = 7", "TypeError"),
                             ("class Config:\n    def load(self, how): pass", "other arguments")):
            with self.subTest(text=text):
                self.setUp()
                self.write("uvicorn/config.py", text)
                self.load()
                self.assert_one_line(f"uvicorn: .*{reason}.*, going on without")

    def test_load_that_loads_nothing(self) -> None:
        for line in ("pass", "self.loaded_app = 5"):
            with self.subTest(line=line):
                self.setUp()
                self.write("uvicorn/config.py",
                           f"class Config:\n    def load(self):\n"
                           f"        {line}\n        return 3\n")
                self.load()
                config = sys.modules["uvicorn.config"].Config()
                self.assertEqual(config.load(), 3)
                self.assert_one_line("application: .*, going on without")

    def test_what_load_raises_passes(self) -> None:
        self.write("uvicorn/config.py",
                   "class Config:\n    def load(self):\n        raise SystemExit(3)\n")
        self.load()
        with self.assertRaises(SystemExit):
            sys.modules["uvicorn.config"].Config().load()

    def test_only_the_first_application(self) -> None:
        self.load()
        self.assertIsNot(self.loaded_app(), self.app)
        self.assertIs(self.loaded_app(), self.app)

    def test_servers_in_processes_of_their_own(self) -> None:
        self.load()
        make = sys.modules["uvicorn.config"].Config
        self.assertEqual(make(self.app).bind_socket(), "bound")
        self.assertEqual(self.lines(), [])
        for _ in range(2):
            self.assertEqual(make(self.app, subprocesses=True).bind_socket(), "bound")
        self.assert_one_line("uvicorn: .*processes of its own.*, going on without heartbeats")

    def test_alone(self) -> None:
        """Imported by a Python that has nothing but its library, as a program of its own."""
        done = subprocess.run(
            [sys.executable, "-I", "-S", "-B", "-c",
             f"import sys; sys.path.insert(0, {str(HELPER)!r}); import handrail_agent"],
            env={"NOTIFY_SOCKET": self.receiver.name, "CUSTOM_AGENT_MODULE": "no_such"},
            capture_output=True, text=True)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(len(done.stderr.splitlines()), 2, done.stderr)
        self.assertEqual(len(self.receiver.all("X_HANDRAIL_AGENT_ERROR")), 1)


class Activity(Case):
    """Whether the server is being used is the server's to say; that it may be is news."""

    KEY = "X_HANDRAIL_ACTIVITY"

    def test_what_may_be_use(self) -> None:
        module = self.load()
        application = self.loaded_app()
        module.ACTIVITY_PERIOD = 0.05

        async def life() -> None:
            async with serving(application) as served:
                told = 0
                for method, path, scope, news in (
                        ("POST", "/api/conversations", {}, True),
                        ("GET", "/api/git/changes", {"query_string": b"path=x"}, True),
                        ("GET", "/root/api/file/download", {"root_path": "/root"}, True),
                        ("GET", "/health", {}, False), ("GET", "/server_info", {}, False),
                        ("POST", INIT, {}, False), ("GET", "/apiary", {}, False),
                        ("GET", "/api/conversations/count",
                         {"query_string": b"handrail"}, False)):
                    await served.request(method, path, **scope)
                    await asyncio.sleep(0.1)
                    told += news
                    self.assertEqual(len(self.receiver.all(self.KEY)), told, path)
                self.app.status = 401  # a stranger
                await served.request("POST", "/api/conversations")
                await asyncio.sleep(0.1)
                self.assertEqual(len(self.receiver.all(self.KEY)), told)
        asyncio.run(life())
        self.assertEqual(set(self.receiver.all(self.KEY)), {"1"})
        self.assertEqual(self.lines(), [])

    def test_told_when_it_is_answered(self) -> None:
        """Before that the server knows no more of it than of any other."""
        self.load()
        application = self.loaded_app()

        async def life() -> None:
            async with serving(application) as served:
                before = []
                served.on_send = lambda _: before.append(len(self.receiver.all(self.KEY)))
                await served.request("POST", "/api/conversations")
                self.assertEqual(before[0], 0)
                await self.receiver.until(self.KEY)
        asyncio.run(life())

    def test_many_are_told_rarely_and_the_last_one_is_not_lost(self) -> None:
        module = self.load()
        application = self.loaded_app()
        module.ACTIVITY_PERIOD = 0.3

        async def life() -> None:
            async with serving(application) as served:
                for _ in range(100):
                    await served.request("POST", "/api/conversations")
                self.assertEqual(len(self.receiver.all(self.KEY)), 1)
                await self.receiver.until(self.KEY, 2)
                await asyncio.sleep(0.7)
                self.assertEqual(len(self.receiver.all(self.KEY)), 2)
        asyncio.run(life())

    def test_a_web_socket(self) -> None:
        module = self.load()
        module.ACTIVITY_PERIOD = 0.05

        async def socket_app(scope: Any, receive: Any, send: Any) -> Any:
            if scope["type"] == "lifespan":
                await self.app.lifespan(receive, send)
                return "lived"
            if scope["type"] == "websocket":
                for _ in range(3):
                    await receive()
                    await asyncio.sleep(0.1)
        application = self.loaded_app(socket_app)

        async def receive() -> Any:
            return {"type": "websocket.receive", "text": "x"}

        async def life() -> None:
            async with serving(application):
                await application({"type": "websocket", "path": "/sockets/events/1"}, receive, None)
                self.assertEqual(len(self.receiver.all(self.KEY)), 3)
        asyncio.run(life())

    def test_not_once_the_pod_is_active(self) -> None:
        module = self.load()
        application = self.loaded_app()
        module.ACTIVITY_PERIOD = 0.05

        async def life() -> None:
            async with serving(application) as served:
                await self.receiver.until("READY")
                self.receiver.answer("PHASE=claimed")
                await asyncio.sleep(0.1)
                await served.request("POST", "/api/conversations")
                await self.receiver.until(self.KEY)
                self.receiver.answer("PHASE=active")
                await asyncio.sleep(0.2)
                await served.request("POST", "/api/conversations")
                send = self.app.calls[-1][2]
                self.assertNotIn("watched", send.__qualname__)
                await asyncio.sleep(0.1)
                self.assertEqual(len(self.receiver.all(self.KEY)), 1)
        asyncio.run(life())

    def test_nobody_to_tell(self) -> None:
        self.load({"CUSTOM_AGENT_CLASS": "X"}, notify=None)
        application = self.loaded_app()

        async def life() -> None:
            async with serving(application) as served:
                await served.request("POST", "/api/conversations")
                self.assertNotIn("watched", self.app.calls[-1][2].__qualname__)
        asyncio.run(life())


class PassThrough(Case):
    def test_other_requests_get_the_very_objects(self) -> None:
        self.load()
        application = self.loaded_app()
        self.app.read = False
        for scope in ({"type": "http", "method": "POST", "path": "/other"},
                      {"type": "http", "method": "GET", "path": INIT},
                      {"type": "websocket", "path": INIT}, {"type": "of the future"}):
            async def receive() -> Any: ...
            async def send(_: Any) -> None: ...
            asyncio.run(application(scope, receive, send))
            seen = self.app.calls[-1]
            self.assertIs(seen[0], scope)
            self.assertIs(seen[1], receive)
            self.assertIs(seen[2], send)

    def test_what_the_application_raises_passes(self) -> None:
        self.load()
        application = self.loaded_app()
        for failure in (RuntimeError("its own"), asyncio.CancelledError(), SystemExit(3)):
            self.app.failure = failure

            async def life() -> None:
                async with serving(application) as served:
                    for path in (INIT, "/api/other"):
                        with self.assertRaises(type(failure)) as caught:
                            await served.request("POST", path, [SECRET])
                        self.assertIs(caught.exception, failure)
            asyncio.run(life())
        self.assertEqual(self.receiver.all("X_HANDRAIL_INIT"), [])
        self.assertEqual(self.lines(), [])

    def test_an_application_without_lifespan(self) -> None:
        async def refuses(scope: Any, receive: Any, send: Any) -> None:
            raise NotImplementedError(scope["type"])
        self.load()
        application = self.loaded_app(refuses)
        with self.assertRaises(NotImplementedError):
            asyncio.run(application({"type": "lifespan"}, None, None))
        self.assertEqual(self.lines(), [])

    def test_attributes_are_the_applications(self) -> None:
        self.load()
        application = self.loaded_app()
        self.assertEqual(application.status, 200)
        with self.assertRaises(AttributeError):
            application.no_such_thing


if __name__ == "__main__":
    unittest.main(verbosity=2)
