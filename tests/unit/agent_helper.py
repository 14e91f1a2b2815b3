# SPDX-License-Identifier: MIT
"""What the tests of loader/python/handrail_agent.py stand on: a receiver of its messages, a fake
uvicorn, a small ASGI application and something that serves it.

The helper acts when it is imported, so `Case.load()` imports it anew each time.
"""

from __future__ import annotations

import array
import asyncio
import contextlib
import importlib
import io
import os
import random
import shutil
import socket
import sys
import tempfile
import time
import unittest
import warnings
from collections.abc import AsyncIterator, Iterable, Mapping
from pathlib import Path
from typing import Any
from unittest import mock

HELPER = Path(__file__).resolve().parent.parent.parent / "loader" / "python"
MESSAGE_MAX = 4096
PREFIX = "handrail-helper-"
OURS = ("NOTIFY_SOCKET", "WATCHDOG_USEC", "CUSTOM_AGENT_MODULE", "CUSTOM_AGENT_CLASS",
        "HANDRAIL_AGENT_DEFAULT", "HANDRAIL_AGENT_TOOLS", "OH_CONVERSATIONS_PATH")

UVICORN = """
class Config:
    def __init__(self, app, subprocesses=False):
        self.app, self.use_subprocess, self.loaded = app, subprocesses, False

    def load(self):
        assert not self.loaded
        self.loaded_app, self.loaded = self.app, True

    def bind_socket(self):
        return "bound"
"""


class Receiver:
    """The supervisor's end of NOTIFY_SOCKET."""

    def __init__(self, path: str | None = None) -> None:
        self.name = path or f"@handrail-test-{os.getpid()}-{random.SystemRandom().random()}"
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.sock.bind(self.name.replace("@", "\0") if not path else path)
        self.messages: list[list[str]] = []
        self.bodies: list[bytes] = []
        self.sender: Any = None  # of the last message

    def answer(self, data: str | bytes) -> None:
        """As the supervisor tells phases; never waits."""
        data = data if isinstance(data, bytes) else data.encode()
        self.sock.sendmsg([data], [], socket.MSG_DONTWAIT, self.sender)

    def take(self) -> list[list[str]]:
        """What has arrived since the last time, each message as its lines; and the bodies that
        came as pipes, read to their end."""
        new = []
        while True:
            try:
                data, ancillary, flags, self.sender = self.sock.recvmsg(
                    MESSAGE_MAX, socket.CMSG_SPACE(64), socket.MSG_DONTWAIT)
            except BlockingIOError:
                break
            assert not flags & (socket.MSG_TRUNC | socket.MSG_CTRUNC)
            fds = array.array("i", b"".join(part for _, _, part in ancillary))
            lines = data.decode().split("\n")
            assert len(fds) == lines[0].startswith("X_HANDRAIL_INIT="), "a descriptor too many"
            for fd in fds:
                with open(fd, "rb") as pipe:
                    self.bodies.append(pipe.read())  # ends only if its write end is closed
            new.append(lines)
        self.messages += new
        return new

    def all(self, key: str) -> list[str]:
        """Every value of that key so far."""
        self.take()
        return [line.partition("=")[2] for lines in self.messages for line in lines
                if line.partition("=")[0] == key]

    async def until(self, key: str, count: int = 1, timeout: float = 5.0) -> list[str]:
        deadline = time.monotonic() + timeout
        while len(self.all(key)) < count:
            assert time.monotonic() < deadline, f"no {count} x {key}; there were {self.messages}"
            await asyncio.sleep(0.01)
        return self.all(key)


class App:
    """Answers every request, and keeps what it was called with."""

    def __init__(self) -> None:
        self.status = 200
        self.read = True  # the request's body before the answer
        self.failure: BaseException | None = None
        self.shutdown_seconds = 0.0
        self.calls: list[tuple[Any, Any, Any]] = []
        self.bodies: list[bytes] = []
        self.messages: list[Any] = []

    async def __call__(self, scope: Any, receive: Any, send: Any) -> str:
        self.calls.append((scope, receive, send))
        if scope["type"] == "lifespan":
            await self.lifespan(receive, send)
            return "lived"
        if self.read:
            body, more = b"", True
            while more:
                message = await receive()
                self.messages.append(message)
                body += message.get("body", b"")
                more = message.get("more_body", False)
            self.bodies.append(body)
        if self.failure:
            raise self.failure
        await send({"type": "http.response.start", "status": self.status, "headers": []})
        await send({"type": "http.response.body", "body": b"one", "more_body": True})
        await send({"type": "http.response.body", "body": b"two"})
        return "served"

    async def lifespan(self, receive: Any, send: Any) -> None:
        assert (await receive())["type"] == "lifespan.startup"
        await send({"type": "lifespan.startup.complete"})
        assert (await receive())["type"] == "lifespan.shutdown"
        await asyncio.sleep(self.shutdown_seconds)
        await send({"type": "lifespan.shutdown.complete"})


class Served:
    """An application being served, as far as ASGI sees it."""

    def __init__(self, app: Any) -> None:
        self.app = app
        self.sent: list[Any] = []
        self.on_send: Any = None

    async def request(self, method: str, path: str, chunks: Iterable[bytes] = (b"",), *,
                      gone: bool = False, **scope: Any) -> int:
        """The answer's status.  gone: the client leaves after the chunks, its body unfinished."""
        parts = list(chunks)
        queue: list[Any] = [
            {"type": "http.request", "body": part, "more_body": gone or index < len(parts) - 1}
            for index, part in enumerate(parts)]

        async def receive() -> Any:
            return queue.pop(0) if queue else {"type": "http.disconnect"}

        async def send(message: Any) -> None:
            self.sent.append(message)
            if self.on_send:
                self.on_send(message)

        self.sent.clear()
        headers = scope.pop("headers", [(b"content-length", b"%d" % sum(map(len, parts)))])
        result = await self.app({"type": "http", "method": method, "path": path,
                                 "headers": headers, "root_path": "", **scope}, receive, send)
        assert result == "served"
        assert b"".join(m.get("body", b"") for m in self.sent) == b"onetwo"
        return self.sent[0]["status"]


@contextlib.asynccontextmanager
async def serving(app: Any) -> AsyncIterator[Served]:
    """The application from its start-up to the end of its shutdown."""
    queue: asyncio.Queue[Any] = asyncio.Queue()
    answers: asyncio.Queue[Any] = asyncio.Queue()
    life = asyncio.create_task(app({"type": "lifespan"}, queue.get, answers.put))
    queue.put_nowait({"type": "lifespan.startup"})
    assert (await answers.get())["type"] == "lifespan.startup.complete"
    yield Served(app)
    queue.put_nowait({"type": "lifespan.shutdown"})
    assert (await answers.get())["type"] == "lifespan.shutdown.complete"
    assert await life == "lived"


class Case(unittest.TestCase):
    def setUp(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix=PREFIX))
        self.addCleanup(shutil.rmtree, self.folder)
        self.receiver = Receiver()
        self.addCleanup(self.receiver.sock.close)
        # Of a helper that another import has replaced; the server imports it once.
        warnings.simplefilter("ignore", ResourceWarning)
        self.stderr = io.StringIO()
        self.app = App()
        for patch in (mock.patch.object(sys, "path", [str(self.folder), str(HELPER), *sys.path]),
                      mock.patch.object(sys, "dont_write_bytecode", True),
                      mock.patch.object(sys, "stderr", self.stderr),
                      mock.patch.dict(sys.modules), mock.patch.dict(os.environ)):
            patch.start()
            self.addCleanup(patch.stop)
        for name in OURS:
            os.environ.pop(name, None)
        self.write("uvicorn/__init__.py", "")
        self.write("uvicorn/config.py", UVICORN)

    def write(self, name: str, text: str) -> Path:
        """A file in a folder that is on Python's path."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    def load(self, env: Mapping[str, str] | None = None, notify: str | None = "") -> Any:
        """Import the helper as the server would.  notify: not the receiver's name, or None."""
        if notify is not None:
            os.environ["NOTIFY_SOCKET"] = notify or self.receiver.name
        os.environ.update(env or {})
        for name, module in [*sys.modules.items()]:
            file = getattr(module, "__file__", None) or ""
            if PREFIX in file or file.startswith(str(HELPER)):
                del sys.modules[name]
        importlib.invalidate_caches()
        return importlib.import_module("handrail_agent")

    def loaded_app(self, app: Any = None) -> Any:
        """What uvicorn would call, once it has loaded the application."""
        config = importlib.import_module("uvicorn.config").Config(app or self.app)
        config.load()
        return config.loaded_app

    def lines(self) -> list[str]:
        """What is on stderr; each line must be the helper's, and well-formed."""
        lines = self.stderr.getvalue().splitlines()
        for line in lines:
            self.assertRegex(line, r"^handrail_agent: \S.*: .*\S$")
        return lines

    def assert_one_line(self, pattern: str) -> None:
        self.assertEqual(len(self.lines()), 1, self.lines())
        self.assertRegex(self.lines()[0], pattern)
