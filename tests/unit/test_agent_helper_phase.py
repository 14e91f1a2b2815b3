# SPDX-License-Identifier: MIT
"""The Python helper: on_phase(), from the supervisor's datagrams to callbacks on the event loop."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import socket
import sys
import threading
import time
import unittest
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent))

from agent_helper import Case, Receiver, serving  # noqa: E402

CLAIMED = ("PHASE=claimed\nFROM=warm\nAT=2026-11-26T18:00:00.123Z\nCLAIM_UID=u-1",
           ("claimed", {"from": "warm", "at": "2026-11-26T18:00:00.123Z", "claim_uid": "u-1"}))
STARTING = ("PHASE=starting\nAT=2026-11-26T17:59:00.000Z",
            ("starting", {"from": None, "at": "2026-11-26T17:59:00.000Z", "claim_uid": None}))
WARM = ("PHASE=warm\nFROM=warming", ("warm", {"from": "warming", "at": None, "claim_uid": None}))


async def until(condition: Any, timeout: float = 5.0) -> None:
    deadline = time.monotonic() + timeout
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        await asyncio.sleep(0.005)


class Listening(Case):
    def setUp(self) -> None:
        super().setUp()
        self.heard: list[tuple[str, Any]] = []

    def hear(self, phase: str, info: Any) -> None:
        self.heard.append((phase, info))

    def loaded(self, **env: str) -> Any:
        """The helper, which has said its first word."""
        module = self.load(env)
        self.receiver.take()
        return module


class Told(Listening):
    def test_from_the_first_word_on(self) -> None:
        module = self.loaded()
        module.on_phase(self.hear)
        self.receiver.answer(STARTING[0])  # before there is an event loop

        async def life() -> None:
            async with serving(self.loaded_app()) as served:
                await until(lambda: self.heard)
                self.assertEqual(self.heard, [STARTING[1]])
                for n, (text, event) in enumerate((WARM, CLAIMED)):
                    self.receiver.answer(text)
                    await until(lambda: len(self.heard) > 1 + n)
                    self.assertEqual(self.heard[-1], event)
                self.assertEqual(await served.request("GET", "/alive"), 200)
        asyncio.run(life())
        self.assertEqual(len(self.heard), 3)
        self.assertEqual(self.lines(), [])

    def test_each_in_order(self) -> None:
        module = self.loaded()
        module.on_phase(self.hear)
        for text, _ in (STARTING, WARM, CLAIMED):
            self.receiver.answer(text)

        async def life() -> None:
            async with serving(self.loaded_app()):
                await until(lambda: len(self.heard) == 3)
        asyncio.run(life())
        self.assertEqual(self.heard, [STARTING[1], WARM[1], CLAIMED[1]])

    def test_who_comes_late_hears_the_present_one(self) -> None:
        module = self.loaded()
        late: list[Any] = []

        async def life() -> None:
            async with serving(self.loaded_app()):
                module.on_phase(self.hear)
                self.receiver.answer(WARM[0])
                await until(lambda: self.heard)
                module.on_phase(lambda *event: late.append(event))
                await until(lambda: late)
                self.receiver.answer(CLAIMED[0])
                await until(lambda: len(late) == 2)
        asyncio.run(life())
        self.assertEqual(self.heard, [WARM[1], CLAIMED[1]])
        self.assertEqual(late, self.heard)

    def test_from_another_thread(self) -> None:
        module = self.loaded()
        where: list[threading.Thread] = []

        async def life() -> None:
            async with serving(self.loaded_app()):
                self.receiver.answer(WARM[0])
                await asyncio.sleep(0.05)
                thread = threading.Thread(target=lambda: module.on_phase(
                    lambda *_: where.append(threading.current_thread())))
                thread.start()
                await until(lambda: where)
                thread.join()
        asyncio.run(life())
        self.assertEqual(where, [threading.main_thread()])

    def test_coroutines_run_beside_the_server(self) -> None:
        module = self.loaded()

        @module.on_phase
        async def hear(phase: str, info: Any) -> None:
            await asyncio.sleep(0.05)
            self.hear(phase, info)

        self.assertTrue(asyncio.iscoroutinefunction(hear))  # a decorator that changes nothing
        self.receiver.answer(WARM[0])

        async def life() -> None:
            async with serving(self.loaded_app()) as served:
                self.assertEqual(await served.request("GET", "/alive"), 200)
                await until(lambda: self.heard)
        asyncio.run(life())
        self.assertEqual(self.heard, [WARM[1]])
        self.assertEqual(self.lines(), [])

    def test_a_custom_agent_module(self) -> None:
        """As it is meant to be used: the module is imported by the helper, before all else."""
        self.write("openhands/sdk/__init__.py", "class AgentBase: pass\n")
        self.write("mine.py", "import handrail_agent\nheard = []\n\n@handrail_agent.on_phase\n"
                              "def hear(phase, info):\n    heard.append((phase, info))\n")
        self.loaded(CUSTOM_AGENT_MODULE="mine")
        self.receiver.answer(CLAIMED[0])
        mine = sys.modules["mine"]

        async def life() -> None:
            async with serving(self.loaded_app()):
                await until(lambda: mine.heard)
        asyncio.run(life())
        self.assertEqual(mine.heard, [CLAIMED[1]])
        self.assertEqual(self.receiver.all("X_HANDRAIL_AGENT"), ["ok"])

    def test_info_is_the_callbacks_own(self) -> None:
        module = self.loaded()
        module.on_phase(lambda phase, info: info.clear())
        module.on_phase(self.hear)
        self.receiver.answer(CLAIMED[0])

        async def life() -> None:
            async with serving(self.loaded_app()):
                await until(lambda: self.heard)
        asyncio.run(life())
        self.assertEqual(self.heard, [CLAIMED[1]])

    def test_without_a_supervisor_nothing(self) -> None:
        module = self.load(notify=None)
        self.assertEqual(module.on_phase(self.hear), self.hear)
        self.assertEqual(self.heard, [])
        self.assertEqual(self.lines(), [])

    def test_nobody_listens(self) -> None:
        self.loaded()
        with self.assertRaises(BlockingIOError):  # the supervisor does not wait, nor do we read yet
            for _ in range(10000):
                self.receiver.answer(WARM[0])

        async def life() -> None:
            async with serving(self.loaded_app()) as served:
                for _ in range(100):
                    with contextlib.suppress(BlockingIOError):
                        self.receiver.answer(CLAIMED[0])
                    await asyncio.sleep(0)
                self.assertEqual(await served.request("GET", "/alive"), 200)
                await asyncio.sleep(0.05)
                self.receiver.answer(CLAIMED[0])  # there is room: all was read
        asyncio.run(life())
        self.assertEqual(self.lines(), [])


class Faults(Listening):
    """One line on stderr at most for each, and everybody else goes on."""

    def told_all(self, module: Any, *callbacks: Any) -> None:
        for callback in callbacks:
            module.on_phase(callback)
        module.on_phase(self.hear)
        self.receiver.answer(WARM[0])
        self.receiver.answer(CLAIMED[0])

        async def life() -> None:
            async with serving(self.loaded_app()) as served:
                await until(lambda: len(self.heard) == 2)
                await asyncio.sleep(0.05)
                self.assertEqual(await served.request("GET", "/alive"), 200)
        asyncio.run(life())
        self.assertEqual(self.heard, [WARM[1], CLAIMED[1]])

    def test_a_callback_that_raises(self) -> None:
        def fails(phase: str, info: Any) -> None:
            raise ValueError("no such user\nat all")

        self.told_all(self.loaded(), fails)
        self.assert_one_line("on_phase callback .*fails: ValueError: no such user at all, going on")

    def test_a_coroutine_that_raises(self) -> None:
        async def fails(phase: str, info: Any) -> None:
            await asyncio.sleep(0)
            raise KeyError(phase)

        self.told_all(self.loaded(), fails)
        self.assert_one_line("on_phase callback .*fails: KeyError")

    def test_a_callback_that_is_cancelled(self) -> None:
        """As by the result of a future that was."""
        def fails(phase: str, info: Any) -> None:
            raise asyncio.CancelledError

        self.told_all(self.loaded(), fails)
        self.assert_one_line("on_phase callback .*fails: CancelledError")

    def test_one_that_exits(self) -> None:
        async def leaves_later(phase: str, info: Any) -> None:
            sys.exit(4)

        self.told_all(self.loaded(), lambda *_: sys.exit(3), leaves_later)
        self.assertEqual(len(self.lines()), 2, self.lines())

    def test_one_that_takes_other_arguments(self) -> None:
        self.told_all(self.loaded(), lambda: None)
        self.assert_one_line("TypeError")

    def test_what_cannot_be_called(self) -> None:
        self.told_all(self.loaded(), 7)
        self.assert_one_line("on_phase: TypeError: int cannot be called, going on without a callbac")

    def test_a_coroutine_without_end(self) -> None:
        async def waits(phase: str, info: Any) -> None:
            await asyncio.Event().wait()

        self.told_all(self.loaded(), waits)  # the server's end is not held up by it
        self.assertEqual(self.lines(), [])

    def test_rubbish(self) -> None:
        module = self.loaded()
        module.on_phase(self.hear)

        async def life() -> None:
            async with serving(self.loaded_app()) as served:
                for data in (b"", b"\n\n", b"PHASE", b"PHASE=", b"PHASE=Warm", b"PHASE=warm\0",
                             b"PHASE=" + b"x" * 32, b"XPHASE=warm", b"READY=1", b"\xff" * 5000,
                             b"PHASE=warm claimed", "PHASE=w\u00e4rm".encode()):
                    self.receiver.answer(data)
                    await asyncio.sleep(0.01)
                self.assertEqual(self.heard, [])
                self.receiver.answer(b"PHASE=hibernating\nFROM=\nMORE=1\n\xff=\xff\nAT=\xff")
                await until(lambda: self.heard)
                self.assertEqual(await served.request("GET", "/alive"), 200)
        asyncio.run(life())
        self.assertEqual(self.heard, [("hibernating",
                                       {"from": None, "at": "\ufffd", "claim_uid": None})])
        self.assertEqual(self.lines(), [])

    def test_strangers_are_kept_out(self) -> None:
        self.loaded()
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as stranger:
            stranger.setblocking(False)
            with self.assertRaises(PermissionError):
                stranger.sendto(CLAIMED[0].encode(), self.receiver.sender)

    def test_no_name_for_it(self) -> None:
        """It is told nothing, and tells all the same."""
        real = socket.socket

        class Unbindable(real):
            def bind(self, address: Any) -> None:
                raise OSError(errno.EADDRINUSE, "no name is left")

        socket.socket = Unbindable  # type: ignore[misc]
        self.addCleanup(setattr, socket, "socket", real)
        self.loaded()
        self.assertEqual(self.receiver.messages, [["STATUS=starting"]])
        self.assertFalse(self.receiver.sender)
        self.assert_one_line("NOTIFY_SOCKET: OSError.*no name is left.*, going on without the pod")

    def test_another_receiver(self) -> None:
        """The socket of that name is another one: no supervisor of ours, but others may do so."""
        module = self.loaded(WATCHDOG_USEC="800000")
        module.on_phase(self.hear)

        async def life() -> None:
            async with serving(self.loaded_app()):
                await self.receiver.until("WATCHDOG")
                name = self.receiver.name
                self.receiver.sock.close()
                await asyncio.sleep(0.5)
                self.receiver = Receiver()
                self.receiver.sock.close()
                self.receiver.sock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
                self.addCleanup(self.receiver.sock.close)
                self.receiver.sock.bind(name.replace("@", "\0"))
                await self.receiver.until("WATCHDOG", 2)
                self.receiver.answer(WARM[0])
                await until(lambda: self.heard)
        asyncio.run(life())
        self.assertEqual(self.heard, [WARM[1]])
        self.assert_one_line("NOTIFY_SOCKET: ConnectionRefusedError|NOTIFY_SOCKET: .*reset")

    def test_descriptors(self) -> None:
        """The programs that the server starts have none of it."""
        self.loaded()
        module = sys.modules["handrail_agent"]
        for name in os.listdir("/proc/self/fd"):
            link = f"/proc/self/fd/{name}"
            if os.path.exists(link) and os.readlink(link).startswith("socket:") and int(name) > 2:
                self.assertFalse(os.get_inheritable(int(name)), module)


if __name__ == "__main__":
    unittest.main()
