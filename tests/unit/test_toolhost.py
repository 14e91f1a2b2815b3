# SPDX-License-Identifier: MIT
"""handrail-toolhost as a process: started as the supervisor starts it, spoken to as the sidecar does.

    test_toolhost.py <handrail-toolhost> <folder of the test plugins> [<TestClass>[.<test>] ...]
"""

import contextlib
import hashlib
import json
import os
import select
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time
import unittest
from pathlib import Path

PROGRAM = Path(sys.argv[1])
PLUGINS = Path(sys.argv[2])
KEY = "00112233445566778899aabbccddeeff"

HELLO, TOOLS, CALL, CANCEL, RESULT, PROGRESS, TELL, HEALTH, PHASE = range(1, 10)
TEXT, BLOB, JSON, ERROR, RESOURCE = range(1, 6)
OK, E_CANCELLED, E_TIMEOUT, E_DENIED, E_LIMIT, E_UNAVAILABLE, E_FAILED = 0, -4, -5, -6, -7, -8, -9
FRAME_MAX = 8 * 1024 * 1024
RESULT_MAX = 4 * 1024 * 1024
GRACE = 2.0
WORKERS_MAX = 16
WAITING_MAX = 256
PATIENCE = 20.0  # seconds after which a test gives up on what must happen


def frame(kind: int, call_id: int = 0, payload: bytes = b"") -> bytes:
    return struct.pack("=IIQ", len(payload), kind, call_id) + payload


class Result:
    def __init__(self, payload: bytes) -> None:
        (self.status,) = struct.unpack_from("=i", payload)
        self.parts: list[tuple[int, bytes]] = []
        at = 4
        while at < len(payload):
            kind, length = struct.unpack_from("=II", payload, at)
            self.parts.append((kind, payload[at + 8 : at + 8 + length]))
            at += 8 + length
        assert at == len(payload), "a part is longer than its frame"

    def of(self, kind: int) -> list[bytes]:
        return [data for k, data in self.parts if k == kind]

    @property
    def text(self) -> str:
        return b"".join(self.of(TEXT)).decode()

    @property
    def error(self) -> str:
        return b"".join(self.of(ERROR)).decode()


class Peer:
    """The sidecar's end of one connection."""

    def __init__(self, address: str, key: str | None = KEY) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(PATIENCE)
        self.sock.connect(address)
        self.tools: list[str] = []
        self.results: dict[int, Result] = {}
        self.progress: list[tuple[float, float, str]] = []
        self.tells: list[tuple[int, str]] = []
        self.health: list[tuple[int, str]] = []
        self.last_id = 0
        if key is not None:
            self.sock.sendall(frame(HELLO, 0, key.encode()))

    def close(self) -> None:
        self.sock.close()

    def _exactly(self, n: int) -> bytes:
        data = bytearray()
        while len(data) < n:
            piece = self.sock.recv(min(n - len(data), 1 << 20))
            if not piece:
                raise EOFError
            data += piece
        return bytes(data)

    def read_frame(self) -> tuple[int, int, bytes]:
        length, kind, call_id = struct.unpack("=IIQ", self._exactly(16))
        return kind, call_id, self._exactly(length)

    def hello(self) -> dict:
        kind, _, payload = self.read_frame()
        assert kind == TOOLS, kind
        tools = json.loads(payload)
        self.tools = [tool["name"] for tool in tools["tools"]]
        return tools

    def start(self, tool: str, timeout_ms: int = 15000, **arguments: object) -> int:
        self.last_id += 1
        head = struct.pack("=II", self.tools.index(tool), timeout_ms)
        self.sock.sendall(frame(CALL, self.last_id, head + json.dumps(arguments).encode()))
        return self.last_id

    def wait(self, call_id: int) -> Result:
        while call_id not in self.results:
            kind, got, payload = self.read_frame()
            assert got not in self.results, f"a frame for call {got}, which has its result"
            if kind == PROGRESS:
                done, total = struct.unpack_from("=dd", payload)
                self.progress.append((done, total, payload[16:].decode()))
                continue
            if kind == TELL:
                self.tells.append((struct.unpack_from("=i", payload)[0], payload[4:].decode()))
                continue
            if kind == HEALTH:
                self.health.append((struct.unpack_from("=i", payload)[0], payload[4:].decode()))
                continue
            assert kind == RESULT, kind
            self.results[got] = Result(payload)
        return self.results[call_id]

    def hear_health(self) -> tuple[int, str]:
        """The next word of its health, which nothing else comes before."""
        kind, _, payload = self.read_frame()
        assert kind == HEALTH, kind
        return struct.unpack_from("=i", payload)[0], payload[4:].decode()

    def tell_phase(self, phase: str, **more: object) -> str:
        """The event as it was told."""
        event = json.dumps({"phase": phase, **more})
        self.sock.sendall(frame(PHASE, 0, phase.encode() + b"\0" + event.encode()))
        return event

    def call(self, tool: str, timeout_ms: int = 15000, **arguments: object) -> Result:
        return self.wait(self.start(tool, timeout_ms, **arguments))

    def closed(self) -> bool:
        """Does the other end close, having said nothing more?"""
        try:
            return self.sock.recv(1) == b""
        except ConnectionResetError:
            return True


class Host:
    """A toolhost with one plugin."""

    serial = 0

    def __init__(self, path: Path | str, plugin_id: str = "faulty", config: object = None,
                 wait: bool = True, settings: bytes | None = None,
                 confinement: object = None, sha256: str | None = None,
                 host_minor: int | None = None) -> None:
        Host.serial += 1
        self.address = f"\0handrail-test-{os.getpid()}-{Host.serial}"
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        listener.bind(self.address)
        listener.listen(16)
        if settings is None:
            values = {"id": plugin_id, "path": str(path), "ipc_key": KEY}
            if config is not None:
                values["config"] = config
            if host_minor is not None:
                values["host_minor"] = host_minor
            if sha256 is not None:
                values["sha256"] = sha256
            if confinement is not None:
                values["confinement"] = confinement
            settings = json.dumps(values).encode()
        memory = os.memfd_create("settings")
        os.write(memory, settings)
        self.notify, notify_write = os.pipe()
        self.process = self._spawn([memory, notify_write, listener.fileno()])
        os.close(memory)
        os.close(notify_write)
        listener.close()
        self.output = bytearray()
        self.reader = threading.Thread(target=self._read_output, daemon=True)
        self.reader.start()
        if wait:
            line = os.read(self.notify, 64)
            if line != b"READY=1\n":
                raise AssertionError(f"not ready: {self.ended()}: {self.text}")

    @staticmethod
    def _spawn(fds: list[int]) -> subprocess.Popen:
        def place() -> None:
            # out of the way of the targets first
            moved = [os.dup2(fd, 100 + i) for i, fd in enumerate(fds)]
            for i, fd in enumerate(moved):
                os.dup2(fd, 3 + i)
            for fd in moved:
                os.close(fd)

        env = dict(os.environ, HANDRAIL_LOG_LEVEL="debug")
        return subprocess.Popen([PROGRAM], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                stderr=subprocess.PIPE, preexec_fn=place, pass_fds=(3, 4, 5),
                                env=env)

    def _read_output(self) -> None:
        assert self.process.stderr
        while piece := os.read(self.process.stderr.fileno(), 65536):
            self.output += piece

    @property
    def text(self) -> str:
        return self.output.decode(errors="replace")

    def said(self, what: str) -> bool:
        """Does it come to say that?"""
        end = time.monotonic() + PATIENCE
        while what not in self.text and time.monotonic() < end:
            time.sleep(0.01)
        return what in self.text

    def peer(self) -> Peer:
        peer = Peer(self.address)
        peer.hello()
        return peer

    def ended(self) -> int:
        code = self.process.wait(PATIENCE)
        self.reader.join(PATIENCE)
        return code

    def stop(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self.reader.join(PATIENCE)
        if self.process.stderr:
            self.process.stderr.close()
        os.close(self.notify)


class ToolhostTest(unittest.TestCase):
    def host(self, *args: object, **kwargs: object) -> Host:
        host = Host(*args, **kwargs)
        self.addCleanup(host.stop)
        # a finding of a sanitizer fails the test whatever else happens
        self.addCleanup(lambda: self.assertNotRegex(
            host.text, "WARNING: ThreadSanitizer|ERROR: LeakSanitizer|heap-|runtime error:"))
        return host

    def faulty(self) -> tuple[Host, Peer]:
        host = self.host(PLUGINS / "faulty.so")
        peer = host.peer()
        self.addCleanup(peer.close)
        return host, peer

    def still_works(self, host: Host) -> None:
        peer = host.peer()
        self.assertEqual(peer.call("slow", ms=0).text, "slept")
        peer.close()


class Loading(ToolhostTest):
    def refused(self, code: int, *words: str, **kwargs: object) -> None:
        host = self.host(wait=False, **kwargs)
        self.assertEqual(host.ended(), code, host.text)
        told = os.read(host.notify, 512)
        self.assertNotIn(b"READY", told)
        if code in (75, 78):
            self.assertRegex(told, rb"\ASTATUS=.+\n\Z")
        lines = [line for line in host.text.splitlines() if " error: " in line]
        self.assertEqual(len(lines), 1, host.text)
        for word in words:
            self.assertIn(word, lines[0])

    def test_refusals(self) -> None:
        for name, words in {
            "wrong_magic": ["0x12345678", "HANDRAIL_MAGIC"],
            "no_symbol": ["does not export handrail_plugin_v1"],
            "needs_future": ["needs ABI 1.99, this host has 1.1", "update handrail"],
            "builtin_name": ['"terminal"', "rename it"],
        }.items():
            with self.subTest(name):
                path = PLUGINS / f"{name}.so"
                self.refused(78, str(path), *words, path=path, plugin_id=name)

    def test_other_id(self) -> None:
        self.refused(78, '"faulty"', '"other"', path=PLUGINS / "faulty.so", plugin_id="other")

    def test_create_fails(self) -> None:
        path = PLUGINS / "bad_create.so"
        reason = "the index /nowhere/index.db cannot be opened"
        self.refused(78, reason, "correct", path=path, plugin_id="bad_create")
        self.refused(75, reason, "again", path=path, plugin_id="bad_create",
                     config={"retry": True})

    def test_config_against_its_schema(self) -> None:
        path = PLUGINS / "configured.so"
        host = self.host(path, "configured", config={"name": "x", "hosts": ["a", "b"], "limit": 7})
        self.assertTrue(host.said('created with {"name":"x","hosts":["a","b"],"limit":7}'))
        bad = {"name": "UPPER", "hosts": ["a", "", 3], "limit": 101, "more": None}
        self.refused(78, '"config" does not fit its config_schema: ', "/name: ", "/hosts/1: ",
                     "/hosts/2: expected string, got integer 3", "/more: ",
                     "/limit: expected at most 100, got 101", "correct it in the tool registry",
                     path=path, plugin_id="configured", config=bad)
        for config in (None, {}):
            self.refused(78, 'missing required property "name"', path=path, config=config,
                         plugin_id="configured")

    def test_config_without_a_schema(self) -> None:
        for config, warned in (({"a": 1}, True), ({}, False), (None, False)):
            with self.subTest(config):
                host = self.host(PLUGINS / "faulty.so", config=config)
                self.assertTrue(host.said("ready, "))
                self.assertEqual("warning: plugin faulty: is given a \"config\"" in host.text,
                                 warned)

    def test_own_libraries_are_not_lent(self) -> None:
        """A plugin's calls bind to what this program has in its dynamic symbols, or loads."""
        def lines(*command: str) -> list[str]:
            return subprocess.run([*command, PROGRAM], capture_output=True, text=True,
                                  check=True).stdout.splitlines()

        needed = " ".join(line for line in lines("readelf", "-d") if "NEEDED" in line)
        self.assertIn("libc.so", needed)
        self.assertNotRegex(needed, "pcre|jansson|libmd|seccomp")
        shown = [line.split()[-1] for line in lines("nm", "-D", "--defined-only")]
        self.assertEqual([s for s in shown if s.startswith(("pcre2_", "json_", "hr_"))], [])

    def test_files(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            good = Path(folder, "good.so")
            good.write_bytes((PLUGINS / "faulty.so").read_bytes())
            good.chmod(0o666)
            self.refused(78, "0666", "chmod go-w", path=good)
            link = Path(folder, "link.so")
            link.symlink_to(PLUGINS / "faulty.so")
            self.refused(78, "symbolic link", path=link)
            fifo = Path(folder, "fifo.so")
            os.mkfifo(fifo, 0o600)
            self.refused(78, "not a regular file", path=fifo)
            self.refused(78, "not a regular file", path=folder)
            rubbish = Path(folder, "rubbish.so")
            rubbish.write_bytes(b"\x7fELF" + bytes(range(256)))
            rubbish.chmod(0o600)
            self.refused(78, "copy or build it once more", path=rubbish)
            rubbish.write_bytes(b"")
            self.refused(78, "is empty", path=rubbish)
            self.refused(78, "does not exist", path=Path(folder, "absent.so"))
        self.refused(78, "not absolute", path="faulty.so")

    def test_linked_oddly(self) -> None:
        for name, words in {
            "odd_stack": ["executable stack", "noexecstack"],
            "odd_text": ["relocations in its code", "-fPIC"],
            "odd_runpath": ["$ORIGIN/lib", "RUNPATH"],
            "odd_rpath": ['"lib" (RPATH)'],
            "odd_major": ["handrail_plugin_v2", "update handrail"],
        }.items():
            with self.subTest(name):
                self.refused(78, *words, path=PLUGINS / f"{name}.so", plugin_id="linked_oddly")
        host = self.host(PLUGINS / "odd_exports.so", plugin_id="linked_oddly")
        self.assertTrue(host.said("odd_exports.so: exports "), host.text)
        for name in ("odd_plain", "odd_relr", "odd_sysv_hash"):
            host = self.host(PLUGINS / f"{name}.so", plugin_id="linked_oddly")
            self.assertTrue(host.said("ready, 2 tools"), host.text)

    def test_parts_of_the_c_library(self) -> None:
        """They are the host's, wherever the plugin has them searched first."""
        path = PLUGINS / "odd_libc_parts.so"
        said = subprocess.run(["readelf", "-dW", path], check=True, capture_output=True, text=True).stdout
        self.assertIn(f"Library runpath: [{PLUGINS / 'no-libc'}]", said)
        for part in (PLUGINS / "no-libc").iterdir():
            self.assertIn(f"Shared library: [{part.name}]", said)
        # Which it may read: what it may not, is passed over.
        host = self.host(path, plugin_id="linked_oddly", confinement={"read": [str(PLUGINS / "no-libc")]})
        self.assertTrue(host.said("ready, 2 tools"), host.text)

    def test_missing_library(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            data = (PLUGINS / "faulty.so").read_bytes()
            path = Path(folder, "x.so")
            path.write_bytes(data.replace(b"libc.so.6\0", b"libc.so.0\0"))
            path.chmod(0o644)
            host = self.host(wait=False, path=path)
            self.assertEqual(host.ended(), 78, host.text)
            self.assertIn("cannot be loaded: libc.so.0: cannot open shared object", host.text)
            self.assertIn("where its confinement lets it read", host.text)

    def test_hash(self) -> None:
        path = PLUGINS / "odd_plain.so"
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        host = self.host(path, plugin_id="linked_oddly", sha256=digest)
        peer = Peer(host.address)
        self.addCleanup(peer.close)
        self.assertEqual(peer.hello()["plugin"]["sha256"], digest)
        self.refused(78, f"has the SHA-256 {digest}", path=path, plugin_id="linked_oddly",
                     sha256="0" * 64)

    def test_bad_settings(self) -> None:
        for text in (b"", b"[]", b"{", b'{"id":"x"}', b'{"id":1,"path":"/x","ipc_key":"k"}',
                     b'{"id":"x","path":"/x","ipc_key":"k","config":[]}',
                     b'{"id":"x","path":"/x","ipc_key":""}'):
            with self.subTest(text):
                self.refused(70, "settings", path="", settings=text)

    def test_by_hand(self) -> None:
        done = subprocess.run([PROGRAM], stdin=subprocess.DEVNULL, capture_output=True,
                              text=True, timeout=PATIENCE, check=False)
        self.assertEqual(done.returncode, 64)
        self.assertIn("started by handrail", done.stderr)


class Greeting(ToolhostTest):
    def test_tools(self) -> None:
        host = self.host(PLUGINS / "faulty.so")
        peer = Peer(host.address)
        self.addCleanup(peer.close)
        answer = peer.hello()
        plugin = answer["plugin"]
        self.assertEqual((plugin["id"], plugin["version"]), ("faulty", "1.2.3"))
        self.assertEqual(set(plugin["confinement"]) - {"landlock_abi"}, {"enforced", "missing"})
        tool = next(t for t in answer["tools"] if t["name"] == "alone")
        self.assertEqual(tool, {
            "name": "alone", "title": "alone", "description": "Misbehaves.",
            "inputSchema": {"type": "object"}, "maxConcurrency": 1, "timeoutMs": 0,
            "annotations": {"readOnlyHint": True, "destructiveHint": False,
                            "idempotentHint": False, "openWorldHint": True}})
        self.assertTrue(host.said("constructed\n"), "stdout of a constructor is lost")
        self.assertTrue(host.said("created\n"))

    @unittest.skipUnless(os.geteuid() == 0, "needs root")
    def test_confined(self) -> None:
        host = self.host(PLUGINS / "faulty.so")
        proc = Path("/proc", str(host.process.pid))
        self.assertRegex((proc / "status").read_text(), r"NoNewPrivs:\s+1\n")
        self.assertRegex((proc / "limits").read_text(), r"Max core file size\s+0\s+0 ")
        self.assertEqual(os.readlink(proc / "fd/0"), "/dev/null")
        self.assertEqual(os.readlink(proc / "fd/1"), os.readlink(proc / "fd/2"))
        for fd in (4, 5):  # not for the programs that a plugin may start
            flags = (proc / "fdinfo" / str(fd)).read_text().split("flags:")[1].split()[0]
            self.assertTrue(int(flags, 8) & os.O_CLOEXEC, fd)
        self.assertNotIn("settings", os.readlink(proc / "fd/3"))

    def test_wrong_keys(self) -> None:
        host = self.host(PLUGINS / "faulty.so")
        for key in ("", "wrong", KEY[:-1], KEY + "0", KEY + "\0", KEY.upper()):
            with self.subTest(key):
                peer = Peer(host.address, key)
                self.assertTrue(peer.closed())
                peer.close()
        self.assertTrue(host.said("wrong key"))
        self.assertNotIn(KEY, host.text)
        self.still_works(host)

    def test_not_a_hello(self) -> None:
        host = self.host(PLUGINS / "faulty.so")
        for data in (b"GET / HTTP/1.1\r\n\r\n", os.urandom(100), b"\xff" * 16,
                     frame(CALL, 1, bytes(8)), frame(CANCEL, 1), frame(TOOLS), frame(99),
                     frame(HELLO, 0, b"x" * 2000),
                     struct.pack("=IIQ", FRAME_MAX, HELLO, 0) + b"x" * 100000,
                     struct.pack("=IIQ", FRAME_MAX + 1, HELLO, 0),
                     struct.pack("=IIQ", 0xFFFFFFFF, CALL, 1)):
            with self.subTest(data[:20]):
                peer = Peer(host.address, None)
                try:
                    peer.sock.sendall(data)
                except (BrokenPipeError, ConnectionResetError):
                    pass
                self.assertTrue(peer.closed())
                peer.close()
        self.still_works(host)

    def test_silent_peers_lose_their_place(self) -> None:
        host = self.host(PLUGINS / "faulty.so")
        silent = [Peer(host.address, None) for _ in range(8)]
        started = time.monotonic()
        self.still_works(host)  # the ninth: after the time for a HELLO
        self.assertGreater(time.monotonic() - started, 3)
        for peer in silent:
            self.assertTrue(peer.closed())
            peer.close()

    def test_queued_before_it_is_ready(self) -> None:
        host = self.host(PLUGINS / "faulty.so", wait=False)
        peer = host.peer()
        self.addCleanup(peer.close)
        self.assertEqual(peer.call("slow", ms=0).status, OK)


class Calls(ToolhostTest):
    def test_results(self) -> None:
        _, peer = self.faulty()
        done = peer.call("badutf8")
        self.assertEqual((done.status, done.text, done.error), (OK, "a\ufffd\ufffd z", ""))
        done = peer.call("badutf8", fail=1)
        self.assertEqual((done.status, done.error), (E_DENIED, "bad \ufffd reason"))
        done = peer.call("json")
        self.assertEqual(done.status, OK)
        self.assertEqual(done.of(JSON), [b'{"answer":42}'])
        self.assertEqual(done.of(BLOB), [b"image/png\0\0\1\2"])

    def test_unknown_status_is_a_failure(self) -> None:
        host, peer = self.faulty()
        self.assertEqual(peer.call("unknown").status, E_FAILED)
        self.assertTrue(host.said("info: plugin faulty: a line from the plugin\n"))
        self.assertEqual(peer.progress, [(1.0, 2.0, "half")])

    def test_prints(self) -> None:
        host, peer = self.faulty()
        self.assertEqual(peer.call("print").parts, [])
        self.assertTrue(host.said("a whole line on stdout\nand half of one"))

    def test_sizes(self) -> None:
        _, peer = self.faulty()
        fits = RESULT_MAX - 100
        self.assertEqual(len(peer.call("big", bytes=fits).text), fits)
        done = peer.call("big", bytes=RESULT_MAX)
        self.assertEqual((done.status, done.error),
                         (E_LIMIT, "the result was larger than the host accepts: ask for less"))
        self.assertEqual(peer.call("big", bytes=3 * FRAME_MAX).status, E_LIMIT)
        done = peer.call("big", bytes=3 * FRAME_MAX, careless=1)
        self.assertEqual(done.status, OK)
        self.assertIn("missing", done.text)
        self.assertEqual(peer.call("slow", ms=0, fill="y" * (FRAME_MAX - 1000)).status, OK)

    def test_much_in_all(self) -> None:
        _, peer = self.faulty()
        for _ in range(10):  # more than ever may wait to be sent
            self.assertEqual(peer.call("big", bytes=RESULT_MAX - 100).status, OK)

    def test_many_at_once(self) -> None:
        host, peer = self.faulty()
        other = host.peer()
        self.addCleanup(other.close)
        started = time.monotonic()
        ids = [(p, p.start("slow", ms=50)) for _ in range(40) for p in (peer, other)]
        for p, call_id in ids:
            self.assertEqual(p.wait(call_id).text, "slept")
        # 80 calls of 50 ms on 16 threads: far from one after the other, and not all at once
        elapsed = time.monotonic() - started
        self.assertGreater(elapsed, 80 / WORKERS_MAX * 0.05 - 0.02)
        self.assertLess(elapsed, 80 * 0.05)

    def test_one_at_a_time(self) -> None:
        _, peer = self.faulty()
        ids = [peer.start("alone", ms=20) for _ in range(10)]
        quick = peer.start("slow", ms=0)  # another tool does not wait for that queue
        self.assertEqual(peer.wait(quick).status, OK)
        self.assertNotIn(ids[-1], peer.results)
        for call_id in ids:
            self.assertEqual(peer.wait(call_id).text, "slept")

    def test_too_many(self) -> None:
        _, peer = self.faulty()
        ids = [peer.start("alone", ms=300)]
        ids += [peer.start("alone", ms=0) for _ in range(WAITING_MAX + 5)]
        done = peer.wait(ids[-1])
        self.assertEqual(done.status, E_UNAVAILABLE)
        self.assertIn("too many calls", done.error)
        for call_id in ids:
            peer.wait(call_id)
        refused = [i for i in ids if peer.results[i].status == E_UNAVAILABLE]
        self.assertEqual(len(refused), 5)
        self.assertEqual(peer.call("slow", ms=0).status, OK)

    def test_slow_reader(self) -> None:
        host, peer = self.faulty()
        for _ in range(5):
            peer.start("big", bytes=RESULT_MAX - 100)
        time.sleep(0.5)  # 20 MB wait for us; nobody else does
        self.still_works(host)
        for call_id in range(1, 6):
            self.assertEqual(peer.wait(call_id).status, OK)

    def test_many_large_results(self) -> None:
        _, peer = self.faulty()
        ids = [peer.start("big", bytes=RESULT_MAX - 100) for _ in range(60)]
        time.sleep(0.5)
        for call_id in ids:
            self.assertEqual(peer.wait(call_id).status, OK)
            del peer.results[call_id]

    def test_reader_who_never_reads(self) -> None:
        host, peer = self.faulty()
        for _ in range(40):
            peer.start("big", bytes=RESULT_MAX - 100)
        self.assertTrue(host.said("does not read its answers"))
        self.still_works(host)

    def test_deadline_of_an_answer_that_is_not_taken(self) -> None:
        host, peer = self.faulty()
        ids = [peer.start("big", timeout_ms=500, bytes=RESULT_MAX - 100) for _ in range(8)]
        time.sleep(1)
        ends = {peer.wait(call_id).status for call_id in ids}
        self.assertIn(E_TIMEOUT, ends)
        self.assertLessEqual(ends, {OK, E_TIMEOUT})
        self.assertEqual(peer.call("slow", ms=0).text, "slept")
        time.sleep(GRACE + 0.5)  # none of them is taken for one that hangs
        self.assertEqual(peer.call("slow", ms=0).text, "slept")
        self.still_works(host)

    def test_rubbish_after_hello(self) -> None:
        host, first = self.faulty()
        slow = first.start("slow", ms=500)
        tool = struct.pack("=II", 3, 1000)
        for data in (os.urandom(64), frame(HELLO, 0, KEY.encode()), frame(RESULT, 1, bytes(4)),
                     frame(CALL, 0, tool + b"{}"), frame(CALL, 1, b"short"),
                     frame(CALL, 1, struct.pack("=II", 9999, 1000) + b"{}"),
                     frame(CALL, 1, struct.pack("=II", len(first.tools), 1000) + b"{}"),
                     frame(CALL, 1, struct.pack("=II", 3, 0) + b"{}"),
                     frame(CALL, 7, tool + b'{"ms":900}') * 2,
                     frame(CANCEL, 1, b"payload"), struct.pack("=IIQ", FRAME_MAX + 1, CALL, 1)):
            with self.subTest(data[:40]):
                peer = host.peer()
                peer.sock.sendall(data)
                self.assertTrue(peer.closed())
                peer.close()
        self.assertEqual(first.wait(slow).text, "slept", "another connection suffered")

    def test_byte_by_byte(self) -> None:
        host = self.host(PLUGINS / "faulty.so")
        peer = Peer(host.address, None)
        self.addCleanup(peer.close)
        for byte in frame(HELLO, 0, KEY.encode()):
            peer.sock.sendall(bytes([byte]))
        peer.hello()
        head = struct.pack("=II", peer.tools.index("slow"), 5000)
        for byte in frame(CALL, 5, head + b'{"ms":1}'):
            peer.sock.sendall(bytes([byte]))
        self.assertEqual(peer.wait(5).text, "slept")


class News(ToolhostTest):
    """What a caller hears before its answer."""

    def test_progress_is_thinned_out_and_ends_with_the_last(self) -> None:
        peer = self.faulty()[1]
        self.assertEqual(peer.call("news", n=100000).status, OK)
        done = [p[0] for p in peer.progress]
        self.assertEqual(done, sorted(set(done)))
        self.assertEqual(peer.progress[-1], (100000.0, 100000.0, "a"))
        self.assertLess(len(done), 50)

    def test_slow_progress_is_told_as_it_comes(self) -> None:
        peer = self.faulty()[1]
        self.assertEqual(peer.call("news", n=4, ms=150).status, OK)
        self.assertEqual([p[0] for p in peer.progress], [1, 2, 3, 4])

    def test_progress_that_had_to_wait_comes_before_the_end(self) -> None:
        peer = self.faulty()[1]
        call = peer.start("news", n=2, ms=60)  # the second is too early, and the end is not near
        self.assertEqual(peer.wait(call).status, OK)
        self.assertEqual(peer.progress[-1][0], 2)

    def test_messages_come_in_order(self) -> None:
        peer = self.faulty()[1]
        self.assertEqual(peer.call("news", n=10, tells=5).status, OK)
        self.assertEqual(peer.tells, [(60, f"message {i}") for i in range(1, 51)])

    def test_too_many_messages_are_counted(self) -> None:
        peer = self.faulty()[1]
        self.assertEqual(peer.call("news", n=1, tells=500).status, OK)
        self.assertTrue(100 <= len(peer.tells) < 120, len(peer.tells))
        self.assertRegex(peer.tells[-1][1], r"^\(\d+ messages were left out\)$")

    def test_a_peer_that_does_not_read_costs_no_memory(self) -> None:
        host, peer = self.faulty()
        call = peer.start("news", n=300, tells=100)
        other = host.peer()
        for _ in range(20):
            self.assertEqual(other.call("slow", ms=10).status, OK)
        self.assertEqual(peer.wait(call).status, OK)

    def test_nothing_is_heard_of_a_cancelled_call(self) -> None:
        peer = self.faulty()[1]
        call = peer.start("news", n=1000, ms=20)
        time.sleep(0.1)
        peer.sock.sendall(frame(CANCEL, call))
        self.assertEqual(peer.wait(call).status, E_CANCELLED)
        self.assertEqual(peer.call("slow", ms=300).status, OK)

    def test_resources(self) -> None:
        result = self.faulty()[1].call("resource")
        self.assertEqual(result.status, OK, result.error)
        self.assertEqual(result.of(RESOURCE), [b"test://text\0text/plain\0words",
                                               b"test://bytes\0application/x-bytes\0\0\1"])


class Minors(ToolhostTest):
    """Plugins built for each minor on hosts of each."""

    MINORS = sorted(int(path.stem.split("-")[1]) for path in PLUGINS.glob("minor-*.so")
                    if "needed" not in path.stem)

    def test_each_on_each(self) -> None:
        self.assertGreaterEqual(len(self.MINORS), 2)
        for built in self.MINORS:
            for host_minor in self.MINORS:
                with self.subTest(built=built, host=host_minor):
                    host = self.host(PLUGINS / f"minor-{built}.so", plugin_id="minor",
                                     host_minor=host_minor)
                    peer = host.peer()
                    self.addCleanup(peer.close)
                    done = peer.call("all")
                    self.assertEqual((done.status, done.error), (OK, ""))
                    self.assertEqual(done.text, f"host 1.{host_minor}, plugin 1.{built}, in time, "
                                                "0 cancelled")
                    self.assertEqual(len(done.of(BLOB)), 1)
                    self.assertEqual(len(done.of(JSON)), 1)
                    both = built >= 1 and host_minor >= 1
                    self.assertEqual(len(done.of(RESOURCE)), int(both))
                    self.assertEqual(peer.tells, [(60, "told")] * both)
                    self.assertEqual(peer.progress[0], (1.0, 2.0, "half"))
                    self.assertEqual(peer.call("later").text, "later")
                    self.assertEqual(peer.call("wait", timeout_ms=100).status, E_TIMEOUT)
                    end = time.monotonic() + PATIENCE  # cancel() comes after the answer
                    while "1 cancelled" not in peer.call("all").text:
                        self.assertLess(time.monotonic(), end)

    def test_what_needs_more_is_refused(self) -> None:
        newest = self.MINORS[-1]
        path = PLUGINS / f"minor-{newest}-needed.so"
        host = self.host(wait=False, path=path, plugin_id="minor", host_minor=newest - 1)
        self.assertEqual(host.ended(), 78)
        self.assertIn(f"needs ABI 1.{newest}, this host has 1.{newest - 1}: rebuild it", host.text)
        self.host(path, plugin_id="minor", host_minor=newest)
        self.host(path, plugin_id="minor")  # as it is


class Ends(ToolhostTest):
    """Deadlines, cancellation, and plugins that do not care."""

    def test_deadline(self) -> None:
        host, peer = self.faulty()
        started = time.monotonic()
        done = peer.call("slow", timeout_ms=150, ms=10000)
        self.assertEqual(done.status, E_TIMEOUT)
        self.assertIn("deadline", done.error)
        self.assertLess(time.monotonic() - started, GRACE)
        time.sleep(GRACE + 0.5)  # it heeded the cancellation, so nothing is killed
        self.still_works(host)

    def test_deadline_while_waiting(self) -> None:
        _, peer = self.faulty()
        first = peer.start("alone", ms=600)
        late = peer.call("alone", timeout_ms=100, ms=0)
        self.assertEqual(late.status, E_TIMEOUT)
        self.assertIn("waited", late.error)
        self.assertEqual(peer.wait(first).status, OK)
        self.assertEqual(peer.call("alone", ms=0).text, "slept")

    def test_cancel(self) -> None:
        host, peer = self.faulty()
        # parked is cancelled before it has answered PENDING, and once more after that
        for tool in ("slow", "pending", "parked"):
            with self.subTest(tool):
                call_id = peer.start(tool, ms=400 if tool == "parked" else 15000)
                time.sleep(0.1)
                peer.sock.sendall(frame(CANCEL, call_id) * 2 + frame(CANCEL, 12345))
                done = peer.wait(call_id)
                self.assertEqual(done.status, E_CANCELLED)
                self.assertIn("cancelled", done.error)
        time.sleep(0.5)  # the plugin remembers one parked call only
        call_id = peer.start("parked")
        time.sleep(0.1)
        peer.sock.sendall(frame(CANCEL, call_id))
        self.assertEqual(peer.wait(call_id).status, E_CANCELLED)
        time.sleep(GRACE + 0.5)
        self.still_works(host)

    def test_an_id_is_free_once_it_is_answered(self) -> None:
        host, peer = self.faulty()
        call_id = peer.start("parked", ms=300)
        peer.sock.sendall(frame(CANCEL, call_id))
        self.assertEqual(peer.wait(call_id).status, E_CANCELLED)
        del peer.results[call_id]
        peer.last_id = call_id - 1  # while the plugin is still busy with the first of that id
        self.assertEqual(peer.start("slow", ms=0), call_id)
        self.assertEqual(peer.wait(call_id).text, "slept")
        self.still_works(host)

    def test_cancel_at_any_moment(self) -> None:
        host, peer = self.faulty()
        ids = []
        for i in range(300):
            call_id = peer.start(("slow", "pending", "twice")[i % 3], ms=i % 3)
            if i % 2:
                time.sleep((i % 7) / 2000)
            peer.sock.sendall(frame(CANCEL, call_id))
            ids.append(call_id)
        for call_id in ids:
            self.assertIn(peer.wait(call_id).status, (OK, E_CANCELLED))
        time.sleep(GRACE + 0.5)
        self.still_works(host)

    def test_deadline_against_completion(self) -> None:
        # 200 threads at once, whose stacks count as memory
        host = self.host(PLUGINS / "faulty.so", confinement={"memory_mib": 0})
        peer = host.peer()
        self.addCleanup(peer.close)
        ids = [peer.start("pending", timeout_ms=20 + i % 3, ms=20) for i in range(200)]
        for call_id in ids:
            self.assertIn(peer.wait(call_id).status, (OK, E_CANCELLED, E_TIMEOUT))
        time.sleep(GRACE + 0.5)
        self.still_works(host)

    def test_pending(self) -> None:
        _, peer = self.faulty()
        # more than there are threads: a pending call holds none
        ids = [peer.start("pending", ms=200) for _ in range(2 * WORKERS_MAX)]
        started = time.monotonic()
        self.assertEqual(peer.call("slow", ms=0).status, OK)
        for call_id in ids:
            self.assertEqual(peer.wait(call_id).text, "completed later")
        self.assertLess(time.monotonic() - started, 5)

    def test_completed_twice(self) -> None:
        host, peer = self.faulty()
        done = peer.call("twice")
        self.assertEqual((done.status, done.text), (OK, "once"))
        self.assertTrue(host.said("complete() for a call that is over"))
        self.still_works(host)

    def test_closed_connection_cancels(self) -> None:
        host, peer = self.faulty()
        peer.start("alone", ms=14000)
        peer.start("alone", ms=14000)
        time.sleep(0.1)
        peer.close()
        other = host.peer()
        self.addCleanup(other.close)
        self.assertEqual(other.call("alone", timeout_ms=5000, ms=0).text, "slept")

    def ends_for(self, tool: str) -> Host:
        host, peer = self.faulty()
        started = time.monotonic()
        self.assertEqual(peer.call(tool, timeout_ms=200).status, E_TIMEOUT)
        self.assertTrue(peer.closed())
        self.assertEqual(host.ended(), 75)
        self.assertGreaterEqual(time.monotonic() - started, GRACE)
        self.assertIn(f"error: plugin faulty: its tool {tool} did not return", host.text)
        return host

    def test_hang(self) -> None:
        self.ends_for("hang")

    def test_never_completed(self) -> None:
        self.ends_for("lost")

    def test_death(self) -> None:
        for tool, code in (("crash", -signal.SIGABRT), ("segv", -signal.SIGSEGV), ("exit", 3)):
            with self.subTest(tool):
                host, peer = self.faulty()
                peer.start("slow", ms=5000)
                peer.start(tool)
                self.assertTrue(peer.closed())
                got = host.ended()
                if "Sanitizer" not in host.text:  # which ends a process in its own way
                    self.assertEqual(got, code)
                self.assertNotEqual(got, 0)

    def wild(self) -> tuple[Host, Peer]:
        host = self.host(PLUGINS / "wild.so", "wild")
        peer = host.peer()
        self.addCleanup(peer.close)
        return host, peer

    def test_death_by_what_is_inside_a_plugin(self) -> None:
        for what, code in (("exit_at_once", 0), ("exit_slowly", 0), ("exit_elsewhere", 7),
                           ("overflow", -signal.SIGSEGV), ("close_all", 70),
                           ("no_descriptors", 70)):
            with self.subTest(what):
                host, peer = self.wild()
                call = peer.start("wild", what=what)
                with contextlib.suppress(EOFError, ConnectionError):
                    peer.wait(call)
                    peer.wait(peer.start("wild", what="nothing"))
                got = host.ended()
                if "Sanitizer" not in host.text:
                    self.assertEqual(got, code, host.text)
                if code == 70:
                    self.assertIn("did it close descriptors of its process", host.text)

    def test_what_ends_a_thread_of_ours_ends_the_process(self) -> None:
        for what in ("exit_thread", "exit_never", "flood_progress"):
            with self.subTest(what):
                host, peer = self.wild()
                self.assertEqual(peer.call("wild", timeout_ms=200, what=what).status, E_TIMEOUT)
                self.assertEqual(host.ended(), 75)
                self.assertIn("did not return", host.text)

    def test_what_does_no_harm_to_calls(self) -> None:
        host, peer = self.wild()
        for what, text in (("complete_at_once", "completed"), ("use_stale", "not touched"),
                           ("close_standard", "closed"), ("block_signals", "deaf"),
                           ("nothing", "nothing")):
            with self.subTest(what):
                done = peer.call("wild", what=what)
                self.assertEqual((done.status, done.text), (OK, text), host.text)

    def test_term(self) -> None:
        host, peer = self.faulty()
        ids = [peer.start("slow", ms=10000), peer.start("pending", ms=10000)]
        ids += [peer.start("alone", ms=10000) for _ in range(3)]
        time.sleep(0.2)
        started = time.monotonic()
        host.process.terminate()
        for call_id in ids:
            self.assertEqual(peer.wait(call_id).status, E_CANCELLED)
        self.assertTrue(peer.closed())
        self.assertEqual(host.ended(), 0)
        self.assertLess(time.monotonic() - started, GRACE)
        self.assertIn("destroyed\n", host.text)

    def test_term_when_idle(self) -> None:
        host, _ = self.faulty()
        host.process.terminate()
        self.assertEqual(host.ended(), 0)
        self.assertIn("destroyed\n", host.text)

    def test_term_while_it_hangs(self) -> None:
        host, peer = self.faulty()
        peer.start("hang")
        time.sleep(0.2)
        host.process.terminate()
        self.assertEqual(host.ended(), 0)
        self.assertNotIn("destroyed\n", host.text)
        self.assertIn("destroy() was not called", host.text)


class Health(ToolhostTest):
    """What a plugin says of itself."""

    TIMEOUT = 5.0
    EVERY = 10.0

    def ailing(self, **config: object) -> tuple[Host, Peer]:
        host = self.host(PLUGINS / "ailing.so", "ailing", config=config)
        peer = Peer(host.address)
        self.addCleanup(peer.close)
        self.assertIs(peer.hello()["plugin"]["health"], True)
        return host, peer

    def test_a_plugin_without(self) -> None:
        host = self.host(PLUGINS / "faulty.so")
        peer = Peer(host.address)
        self.addCleanup(peer.close)
        self.assertNotIn("health", peer.hello()["plugin"])
        peer.call("slow", ms=300)
        self.assertEqual(peer.health, [])

    def test_reasons(self) -> None:
        long = "x" * 255 + "\u00fc" + "y" * 100
        for config, status, reason in (
                ({}, OK, ""),
                ({"text": "all is well"}, OK, ""),
                ({"status": -8, "text": "no database"}, E_UNAVAILABLE, "no database"),
                ({"status": -9}, E_FAILED, "failed"),
                ({"status": -2, "text": "an error"}, -2, "an error"),
                ({"status": -77, "text": "?"}, E_FAILED, "?"),
                ({"status": 1, "text": "pending"}, E_FAILED, "pending"),
                ({"status": -8, "text": long}, E_UNAVAILABLE, "x" * 255)):
            with self.subTest(config):
                host, peer = self.ailing(**config)
                self.assertEqual(peer.hear_health(), (status, reason))
                self.assertEqual(peer.call("count").text, "1")
                complaint = "complete() for the call of health(): ignored"
                if config.get("status") == 1:
                    self.assertTrue(host.said(complaint))
                self.assertEqual(complaint in host.text, config.get("status") == 1)

    def test_it_changes(self) -> None:
        host, peer = self.ailing(status=-8, text="no database")
        started = time.monotonic()
        self.assertEqual(peer.hear_health(), (E_UNAVAILABLE, "no database"))
        self.assertTrue(host.said("warning: plugin ailing: health(): no database"))
        peer.call("ail")
        self.assertEqual(peer.hear_health(), (OK, ""))
        self.assertGreater(time.monotonic() - started, self.EVERY - 2)
        self.assertLess(time.monotonic() - started, self.EVERY + 3)
        self.assertEqual(peer.call("count").text, "2")
        self.assertTrue(host.said("health(): ok again"))
        other = host.peer()  # which hears the latest
        self.addCleanup(other.close)
        self.assertEqual(other.hear_health(), (OK, ""))

    def test_it_is_asked_though_all_workers_are_busy(self) -> None:
        _, peer = self.ailing()
        self.assertEqual(peer.hear_health(), (OK, ""))
        peer.call("ail", status=-9, text="too much to do")
        for _ in range(2 * WORKERS_MAX):
            peer.start("wait_ms", ms=14000)
        self.assertEqual(peer.hear_health(), (E_FAILED, "too much to do"))

    def test_it_hangs(self) -> None:
        host, peer = self.ailing(ms=60000)
        started = time.monotonic()
        self.assertEqual(peer.hear_health(), (E_TIMEOUT, "health() did not return within 5000 ms"))
        self.assertLess(time.monotonic() - started, self.TIMEOUT + 1)
        self.assertTrue(peer.closed())
        self.assertEqual(host.ended(), 75)
        self.assertIn("error: plugin ailing: its health() did not return within 2000 ms",
                      host.text)

    def test_it_is_late_and_comes_back(self) -> None:
        host, peer = self.ailing(ms=int(1000 * (self.TIMEOUT + GRACE / 2)))
        self.assertEqual(peer.hear_health()[0], E_TIMEOUT)
        peer.call("ail")
        self.assertEqual(peer.hear_health(), (OK, ""))
        self.assertEqual(peer.call("count").text, "2")
        self.assertIsNone(host.process.poll())

    def test_a_stop_waits_for_it(self) -> None:
        host, _ = self.ailing(ms=1000)
        time.sleep(0.3)
        host.process.terminate()
        self.assertEqual(host.ended(), 0)
        self.assertIn("destroyed\n", host.text)

    def test_a_stop_does_not_wait_for_ever(self) -> None:
        host, _ = self.ailing(ms=60000)
        time.sleep(0.3)
        host.process.terminate()
        self.assertEqual(host.ended(), 0)
        self.assertIn("destroy() was not called", host.text)


class Phases(ToolhostTest):
    """The pod's phases, for a plugin that listens."""

    TIMEOUT = 5.0
    ALL = ["starting", "warming", "warm", "claimed", "active", "draining", "stopped", "failed"]

    def listener(self, **config: object) -> tuple[Host, Peer]:
        host = self.host(PLUGINS / "phases.so", "phases", config=config)
        peer = host.peer()
        self.addCleanup(peer.close)
        return host, peer

    def heard(self, peer: Peer, last: str) -> list[str]:
        """All that it has heard once it has heard that."""
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            lines = peer.call("heard").text.splitlines()
            if lines and lines[-1] == last:
                return lines
            time.sleep(0.01)
        raise AssertionError(f"not heard: {last}; but: {lines}")

    def test_each_one(self) -> None:
        _, peer = self.listener()
        self.assertEqual(peer.call("present").text, "")
        self.assertEqual(peer.call("room").status, OK)
        said = []
        for n, phase in enumerate(self.ALL):
            event = peer.tell_phase(phase, at=str(n), labels={"name": "gr\u00fcn \u2028"})
            self.assertEqual(peer.call("present").text, event)  # whether it was told or not
            said.append(f"{phase} {event}")
            self.assertEqual(peer.call("room").status, OK)
            self.assertEqual(self.heard(peer, said[-1]), said)

    def test_the_same_again_is_no_news(self) -> None:
        host, peer = self.listener()
        first = peer.tell_phase("warm", at="1")
        self.heard(peer, f"warm {first}")
        peer.tell_phase("warm", at="1")
        other = host.peer()  # another life of the sidecar
        self.addCleanup(other.close)
        other.tell_phase("warm", at="1")
        again = other.tell_phase("warm", at="2")
        self.assertEqual(self.heard(other, f"warm {again}"), [f"warm {first}", f"warm {again}"])

    def test_one_that_is_slow_hears_the_latest(self) -> None:
        _, peer = self.listener(ms=1000)
        first = peer.tell_phase("starting", at="0")
        self.heard(peer, f"starting {first}")
        for n in range(1000):
            last = peer.tell_phase("active", at=str(n))
        started = time.monotonic()
        self.assertEqual(peer.call("present").text, last)  # calls do not wait for it
        self.assertLess(time.monotonic() - started, 0.9)
        self.assertEqual(self.heard(peer, f"active {last}"),
                         [f"starting {first}", f"active {last}"])

    def test_beside_calls(self) -> None:
        """It does not wait for a worker."""
        _, peer = self.listener()
        ids = [peer.start("wait_ms", ms=2000) for _ in range(WORKERS_MAX)]
        started = time.monotonic()
        event = peer.tell_phase("claimed")
        for call_id in ids:
            peer.wait(call_id)
        self.assertEqual(self.heard(peer, f"claimed {event}"), [f"claimed {event}"])
        self.assertGreater(time.monotonic() - started, 1.9)

    def test_in_the_middle_of_everything(self) -> None:
        _, peer = self.listener()
        for rounds in range(5):
            ids = []
            for n in range(100 * rounds, 100 * rounds + 100):  # fewer calls than may wait
                last = peer.tell_phase(self.ALL[n % 8], at=str(n))
                ids.append(peer.start("present"))
            for call_id in ids:
                self.assertEqual(peer.wait(call_id).status, OK)
        lines = self.heard(peer, f"{self.ALL[499 % 8]} {last}")
        order = [int(json.loads(line.partition(" ")[2])["at"]) for line in lines]
        self.assertEqual(order, sorted(set(order)))

    def test_what_it_answers(self) -> None:
        for config, warned in (({}, ""), ({"text": "nothing wrong"}, ""),
                               ({"status": -8, "text": "no disk"}, "warm: no disk"),
                               ({"status": -6}, "warm: denied"),
                               ({"status": -77}, "warm: failed"),
                               ({"status": 1}, "warm: failed")):
            with self.subTest(config):
                host, peer = self.listener(**config)
                event = peer.tell_phase("warm")
                self.heard(peer, f"warm {event}")
                if warned:
                    self.assertTrue(host.said(f"warning: plugin phases: on_phase(): {warned}\n"))
                else:
                    self.assertNotIn("on_phase", host.text)
                self.assertEqual("complete() for the call of on_phase(): ignored" in host.text,
                                 config.get("status") == 1)

    def test_it_hangs(self) -> None:
        host, peer = self.listener(ms=60000)
        started = time.monotonic()
        peer.tell_phase("claimed")
        self.assertTrue(peer.closed())
        self.assertEqual(host.ended(), 75)
        self.assertGreater(time.monotonic() - started, self.TIMEOUT + GRACE - 0.5)
        self.assertIn("on_phase(): claimed: it did not return within 5000 ms", host.text)
        self.assertIn("error: plugin phases: its on_phase() did not return within 2000 ms",
                      host.text)
        self.assertIn(b"STATUS=its on_phase() did not return", os.read(host.notify, 512))

    def test_it_is_late_and_comes_back(self) -> None:
        host, peer = self.listener(ms=int(1000 * (self.TIMEOUT + GRACE / 2)))
        first = peer.tell_phase("warm")
        self.assertTrue(host.said("did not return within 5000 ms"))
        peer.call("behave")
        second = peer.tell_phase("claimed")
        self.assertEqual(self.heard(peer, f"claimed {second}"),
                         [f"warm {first}", f"claimed {second}"])
        self.assertIsNone(host.process.poll())

    def test_a_stop_waits_for_it(self) -> None:
        host, peer = self.listener(ms=1000)
        event = peer.tell_phase("draining")
        self.heard(peer, f"draining {event}")
        host.process.terminate()
        self.assertEqual(host.ended(), 0)
        self.assertIn("destroyed\n", host.text)

    def test_a_stop_does_not_wait_for_ever(self) -> None:
        host, peer = self.listener(ms=60000)
        event = peer.tell_phase("draining")
        self.heard(peer, f"draining {event}")
        host.process.terminate()
        self.assertEqual(host.ended(), 0)
        self.assertIn("destroy() was not called", host.text)

    def test_it_is_ready_when_it_has_been_asked(self) -> None:
        """One that hangs in get_extension() is one that does not start, for its supervisor."""
        host = self.host(PLUGINS / "phases.so", "phases", wait=False,
                         config={"ms": 1500, "text": "slow to answer"})
        self.assertEqual(select.select([host.notify], [], [], 1)[0], [])
        self.assertEqual(os.read(host.notify, 64), b"READY=1\n")
        host.peer().close()

    def test_plugins_that_do_not_listen(self) -> None:
        host, peer = self.faulty()
        peer.tell_phase("warm")
        self.assertEqual(peer.call("slow", ms=0).text, "slept")
        for odd, word in (("too small", "struct_size"), ("empty", "no on_phase()")):
            with self.subTest(odd):
                host, peer = self.listener(text=odd)
                self.assertTrue(host.said("it is not told of phases"))
                self.assertIn(word, host.text)
                event = peer.tell_phase("warm")
                self.assertEqual(peer.call("present").text, event)
                self.assertEqual(peer.call("heard").text, "")

    def test_a_large_one(self) -> None:
        _, peer = self.listener()
        room = 32768 - len(json.dumps({"phase": "warm", "fill": ""}))
        event = peer.tell_phase("warm", fill="x" * room)
        self.assertEqual(len(event), 32768)
        self.assertEqual(self.heard(peer, f"warm {event}"), [f"warm {event}"])

    def test_rubbish(self) -> None:
        good = b'warm\0{"phase":"warm"}'
        for payload in (b"", b"\0", b"warm", b"warm\0", b"\0{}", b"Warm\0{}", b"warm 1\0{}",
                        b"warm\0[]", b"warm\0{", b"warm\0{\0}", b"w" * 32 + b"\0{}",
                        b'warm\0{"x":"' + b"x" * 32768 + b'"}'):
            with self.subTest(payload[:40]):
                host, peer = self.listener()
                peer.sock.sendall(frame(PHASE, 0, payload))
                self.assertTrue(peer.closed())
                self.assertTrue(host.said("it sent a PHASE that is not one"))
                other = host.peer()
                self.addCleanup(other.close)
                self.assertEqual(other.call("present").text, "")
                other.sock.sendall(frame(PHASE, 0, good))
                self.assertEqual(other.call("present").text, '{"phase":"warm"}')

    def test_before_hello(self) -> None:
        host, _ = self.listener()
        peer = Peer(host.address, key=None)
        self.addCleanup(peer.close)
        peer.tell_phase("warm")
        self.assertTrue(peer.closed())


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1] + sys.argv[3:])
