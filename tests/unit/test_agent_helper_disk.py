# SPDX-License-Identifier: MIT
"""The Python helper and the conversations on disk: it says which agent classes they ask for that
are not loaded, within its bounds, and whatever lies there.  Against fakes; e2e/helper has a server.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
import unittest
import uuid
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest import mock

sys.path.insert(0, str(Path(__file__).resolve().parent))

from agent_helper import Case, serving  # noqa: E402

INIT = "/api/init"
STATE_MAX = 256 * 1024
SDK = """
class AgentBase: pass
class Agent(AgentBase): pass
class Deeper(Agent): pass
"""
READY = ["READY=1", "STATUS=serving"]
SERVING = "serving, but conversation search fails: agent class "


def line(count: str, kind: str) -> str:
    return (f"handrail_agent: {count} for the agent class {kind}, which is not loaded: until its "
            "module is imported the server answers GET /api/conversations/search with 500: set "
            "CUSTOM_AGENT_MODULE to the module that has it")


class DiskCase(Case):
    def setUp(self) -> None:
        super().setUp()
        self.write("openhands/sdk/__init__.py", SDK)
        self.disk = self.folder / "conversations"
        self.configure(self.disk)
        self.made = 0
        self.helper: Any = None

    def configure(self, path: Any, **more: Any) -> None:
        config = SimpleNamespace(conversations_path=path, **more)
        self.app.state = SimpleNamespace(config=config)  # type: ignore[attr-defined]

    def conversation(self, kind: Any = "Gone", *, state: bytes | None = None,
                     disk: Path | None = None) -> Path:
        """A new one, newer than those before; its folder."""
        folder = (disk or self.disk) / uuid.uuid4().hex
        folder.mkdir(parents=True)
        (folder / "meta.json").write_text("{}")
        if state is None:
            # As the server writes it: the kind comes after everything else that the agent is.
            state = json.dumps({"id": "x", "agent": {"llm": {"model": "m"}, "kind": kind},
                                "workspace": {"kind": "LocalWorkspace"}}).encode()
        (folder / "base_state.json").write_bytes(state)
        self.made += 1
        os.utime(folder, (self.made, self.made))
        return folder

    async def looked(self) -> None:
        """Until every look that was begun has ended."""
        await asyncio.gather(*self.helper._tasks[1:])

    def look(self, app: Any = None, **how: Any) -> list[str]:
        """What is printed after a start; the STATUS that follows READY must agree."""
        module = self.load(**how)

        async def life() -> None:
            async with serving(self.loaded_app(app)) as served:
                self.helper = served.app._helper
                await self.looked()
        asyncio.run(life())
        self.module = module
        self.receiver.take()
        return self.lines()

    def status(self) -> list[str]:
        """Of the time after READY, and before the shutdown."""
        start = self.receiver.messages.index(READY) + 1
        between = self.receiver.messages[start:-1]
        self.assertTrue(all(len(lines) == 1 for lines in between), between)
        return [lines[0].removeprefix("STATUS=") for lines in between]


class Found(DiskCase):
    def test_one(self) -> None:
        self.conversation()
        self.assertEqual(self.look(), [line("1 conversation on disk asks", "Gone")])
        self.assertEqual(self.status(), [SERVING + "Gone is not loaded"])
        self.assertEqual(self.receiver.all("READY"), ["1"])

    def test_some(self) -> None:
        for kind in ("Gone", "Lost", "Agent", "Lost", "Deeper"):
            self.conversation(kind)
        self.assertEqual(self.look(), [line("2 conversations on disk ask", "Lost"),
                                       line("1 conversation on disk asks", "Gone")])
        self.assertEqual(self.status(), [SERVING + "Lost is not loaded, nor 1 more"])

    def test_at_most_five_lines(self) -> None:
        for number in range(7):
            self.conversation(f"Gone{number}")
        self.assertEqual(len(self.look()), 5)
        self.assertEqual(self.status(), [SERVING + "Gone6 is not loaded, nor 6 more"])

    def test_known(self) -> None:
        for kind in ("Agent", "Deeper"):
            self.conversation(kind)
        self.assertEqual(self.look(), [])
        self.assertEqual(self.status(), [])

    def test_the_base_itself_is_no_kind(self) -> None:
        self.conversation("AgentBase")
        self.assertEqual(self.look(), [line("1 conversation on disk asks", "AgentBase")])

    def test_of_the_custom_module(self) -> None:
        self.write("agents.py", "from openhands.sdk import Agent\nclass Gone(Agent): pass\n")
        self.conversation()
        self.assertEqual(self.look(env={"CUSTOM_AGENT_MODULE": "agents"}), [])

    def test_without_a_socket(self) -> None:
        """The line is for people, and does not need handrail."""
        self.conversation()
        self.assertEqual(len(self.look(env={"CUSTOM_AGENT_MODULE": "json"}, notify=None)), 1)

    def test_names_from_disk_are_tamed(self) -> None:
        self.conversation("G\nREADY=0\x1b[0m\ud800" + "\u4e2d" * 3000)
        [only] = self.look()
        self.assertRegex(only, r"agent class G READY=0\?\[0m\?中+\.\.\.中+, which is not loaded")
        self.assertLess(len(only), 500)
        self.assertTrue(only.endswith("to the module that has it"))
        [status] = self.status()
        self.assertRegex(status, "class G READY=0.* is not loaded$")
        self.assertLessEqual(len(status.encode()), 180)


class Where(DiskCase):
    def test_nothing_there(self) -> None:
        self.assertEqual(self.look(), [])
        self.disk.mkdir()
        self.assertEqual(self.look(), [])

    def test_not_told(self) -> None:
        self.conversation()
        del self.app.state  # type: ignore[attr-defined]
        self.assertEqual(self.look(), [])

    def test_environment(self) -> None:
        self.conversation()
        del self.app.state  # type: ignore[attr-defined]
        self.assertEqual(len(self.look(env={"OH_CONVERSATIONS_PATH": str(self.disk)})), 1)

    def test_the_configuration_goes_first(self) -> None:
        self.conversation()
        self.assertEqual(len(self.look(env={"OH_CONVERSATIONS_PATH": "/nonexistent"})), 1)

    def test_inside_other_objects(self) -> None:
        class Around:
            def __init__(self, app: Any) -> None:
                self.app = app

            async def __call__(self, *call: Any) -> Any:
                return await self.app(*call)
        self.conversation()
        self.assertEqual(len(self.look(Around(Around(self.app)))), 1)

    def test_no_folder(self) -> None:
        self.disk.write_text("")
        self.look()
        self.assert_one_line("conversations on disk: NotADirectoryError.*going on without a look")
        self.assertEqual(self.receiver.all("READY"), ["1"])

    def test_no_path(self) -> None:
        self.configure(7)
        self.look()
        self.assert_one_line("conversations on disk: TypeError.*going on without a look")

    def test_without_sdk(self) -> None:
        self.conversation()
        self.write("openhands/sdk/__init__.py", "raise ImportError('gone')")
        self.look()
        self.assert_one_line("conversations on disk: ImportError: gone, going on without a look")
        self.assertEqual(self.status(), [])


class Init(DiskCase):
    def init(self, *statuses: int) -> list[int]:
        """Lines after the start of a dormant server, and after each POST /api/init."""
        self.load()
        counts = []

        async def life() -> None:
            async with serving(self.loaded_app()) as served:
                self.helper = served.app._helper
                await self.looked()
                counts.append(len(self.lines()))
                for self.app.status in statuses:
                    await served.request("POST", INIT, [b"{}"])
                    await self.looked()
                    counts.append(len(self.lines()))
        asyncio.run(life())
        self.receiver.take()
        return counts

    def test_when_it_is_accepted(self) -> None:
        self.conversation()
        self.configure(self.disk, deferred_init=True)
        self.assertEqual(self.init(401, 422, 500, 200), [0, 0, 0, 0, 1])
        self.assertEqual([lines for lines in self.receiver.messages if len(lines) == 1][1:], [
            ["X_HANDRAIL_INIT=2"], ["STATUS=" + SERVING + "Gone is not loaded"]])

    def test_where_it_said(self) -> None:
        self.conversation("Old")
        self.conversation("New", disk=self.folder / "other")
        self.configure(self.disk, deferred_init=True)

        real = type(self.app).__call__

        async def call(app: Any, scope: Any, receive: Any, send: Any) -> Any:
            if scope["type"] == "http":
                self.configure(self.folder / "other", deferred_init=False)
            return await real(app, scope, receive, send)
        with mock.patch.object(type(self.app), "__call__", call):
            self.assertEqual(self.init(200), [0, 1])
        self.assertEqual(self.lines(), [line("1 conversation on disk asks", "New")])

    def test_look_fails(self) -> None:
        module = self.load()
        failure = RuntimeError("on purpose")
        with mock.patch.object(module._Helper, "look_at_disk", side_effect=failure):
            async def life() -> None:
                async with serving(self.loaded_app()) as served:
                    await self.receiver.until("READY")
                    self.assertEqual(await served.request("POST", INIT, [b"{}"]), 200)
            asyncio.run(life())
        self.assertEqual([text.partition(" ")[2].partition(":")[0] for text in self.lines()],
                         ["start-up", "POST /api/init"])


class Contents(DiskCase):
    def test_what_is_passed_over(self) -> None:
        """What names no agent class, and what the server does not take for a conversation."""
        for state in (b"", b"{", b"\xff\xfe", b"[]", b"5", b"null", b"{}", b'{"agent": null}',
                      b'{"agent": []}', b'{"agent": {}}', b'{"agent": {"kind": null}}',
                      b'{"agent": {"kind": ""}}', b'{"agent": {"kind": ["Gone"]}}',
                      b'{"agent": ' * 20000, b'{"agent": {"kind": "Gone"}, "n": ' + b"9" * 5000
                      + b"}", b'{"kind": "Gone", "tools": [{"kind": "Gone"}]}'):
            self.conversation(state=state)
        (self.conversation() / "meta.json").unlink()
        (self.conversation() / "base_state.json").unlink()
        folder = self.conversation()
        folder.rename(f"{folder}.bak")
        (self.disk / uuid.uuid4().hex).write_text("no folder")
        self.assertEqual(self.look(), [])
        self.conversation()
        self.assertEqual(len(self.look()), 1, "the fixture's own conversations are seen")

    def test_no_files(self) -> None:
        before = len(os.listdir("/proc/self/fd"))
        for make in (os.mkfifo, os.mkdir, lambda path: os.symlink("/dev/zero", path),
                     lambda path: os.symlink(path, path)):
            for _ in range(5):
                file = self.conversation() / "base_state.json"
                file.unlink()
                make(file)
        start = time.monotonic()
        self.assertEqual(self.look(), [])
        self.assertLess(time.monotonic() - start, 1.5)
        self.assertLess(len(os.listdir("/proc/self/fd")), before + 5, "a descriptor for each")

    def test_largest_state(self) -> None:
        def state(size: int) -> bytes:
            head = b'{"agent": {"kind": "Gone"}, "x": "'
            return head + b"x" * (size - len(head) - 2) + b'"}'
        self.conversation(state=state(STATE_MAX + 1))
        self.assertEqual(self.look(), [])
        self.conversation(state=state(STATE_MAX))
        self.assertEqual(len(self.look()), 1)


class Bounds(DiskCase):
    def test_the_newest(self) -> None:
        self.conversation("TooOld")
        for _ in range(499):
            self.conversation("Agent")
        self.conversation("Gone")
        self.assertEqual(self.look(), [line("at least 1 conversation on disk asks", "Gone")])

    def test_no_more_than_there_are(self) -> None:
        for _ in range(500):
            self.conversation()
        self.assertEqual(self.look(), [line("500 conversations on disk ask", "Gone")])

    def slow(self, name: str, place: Any, seconds: float) -> Any:
        real = getattr(place, name)

        def wait(*args: Any, **how: Any) -> Any:
            time.sleep(seconds)
            return real(*args, **how)
        return mock.patch.object(place, name, wait)

    def test_slow_disk(self) -> None:
        """It ends after its time, and the loop does not wait for it."""
        for _ in range(20):
            self.conversation()
        module = self.load({"WATCHDOG_USEC": "800000"})

        async def life() -> None:
            async with serving(self.loaded_app()) as served:
                await self.receiver.until("READY")
                start = time.monotonic()
                await self.receiver.until("WATCHDOG", 4)
                await asyncio.gather(*served.app._helper._tasks[1:])
                self.assertLess(time.monotonic() - start, 3.0)
        with self.slow("_agent_kind", module, 0.3):
            asyncio.run(life())
        self.assert_one_line("at least 7 conversations on disk ask for")
        for lag in self.receiver.all("X_HANDRAIL_LAG_MS"):
            self.assertLess(int(lag), 250)

    def test_many_folders(self) -> None:
        """Half of the time is left for those that were found."""
        module = self.load()
        with mock.patch.object(module, "DISK_SECONDS", 0.0):
            self.conversation()
            self.assertEqual(module._kinds_on_disk(str(self.disk)), ({}, True))
        clock = iter([0.0, *[0.5] * 3, 1.5, *[1.9] * 9])
        for _ in range(9):
            self.conversation()
        with mock.patch.object(module.time, "monotonic", lambda: next(clock)):
            self.assertEqual(module._kinds_on_disk(str(self.disk)), ({"Gone": 3}, True))

    def test_shutdown_ends_it(self) -> None:
        self.conversation()
        module = self.load()

        async def life() -> float:
            async with serving(self.loaded_app()):
                await self.receiver.until("READY")
                start = time.monotonic()
            took = time.monotonic() - start
            await asyncio.sleep(0.8)
            return took
        with self.slow("_agent_kind", module, 0.5):
            self.assertLess(asyncio.run(life()), 0.3)
        self.assertEqual(self.lines(), [])


if __name__ == "__main__":
    unittest.main(verbosity=2)
