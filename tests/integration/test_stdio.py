# SPDX-License-Identifier: MIT
"""`handrail mcp`: clients that start their server themselves and talk to it over its standard
streams."""

import contextlib
import fcntl
import json
import os
import pty
import queue
import resource
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
import unittest
from pathlib import Path

from harness import injected, plugin, sample, test_plugin
from support import (BUILD, HANDRAIL, Failure, become_subreaper, descendants, kill_leftovers,
                     needs_others, wait_for)

LEGACY, MODERN = "2025-11-25", "2026-07-28"
PREFIX = "io.modelcontextprotocol/"
NOBODY = 65534
MESSAGE_MAX = 4 * 1024 * 1024  # sidecar/mcp/mcp.h
OPEN_MAX = 256  # sidecar/mcp/standard_io.h
F_SETPIPE_SZ = 1031


def environment(**more):
    names = {"PATH": "/usr/local/bin:/usr/bin:/bin", "LANG": "C.UTF-8",
             **{k: v for k, v in os.environ.items() if k.endswith("SAN_OPTIONS")}, **more}
    return {name: value for name, value in names.items() if value is not None}


def modern(method, id_, params=None):
    meta = {PREFIX + "protocolVersion": MODERN, PREFIX + "clientCapabilities": {}}
    return {"id": id_, "method": method, "params": {"_meta": meta, **(params or {})}}


class Client:
    """A client by hand, and the handrail it has started."""

    def __init__(self, folder, plugins, *, options=(), prefix=(), env=None, pipe=None, read=True):
        self.folder = Path(folder)
        self.registry = self.folder / "tool_registry.json"
        self.write(plugins)
        self.stderr_path = self.folder / "stderr"
        become_subreaper()
        self.ignore = [process.pid for process in descendants(os.getpid())]
        with open(self.stderr_path, "ab") as stderr:
            self.process = subprocess.Popen(
                [*prefix, HANDRAIL, "mcp", f"--registry={self.registry}", *options],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=stderr, bufsize=0,
                env=environment(**(env or {})), start_new_session=True)
        self.pid = self.process.pid
        if pipe:
            fcntl.fcntl(self.process.stdout, F_SETPIPE_SZ, pipe)
        self.messages = queue.Queue()
        self.seen = []
        self.reader = threading.Thread(target=self._read, daemon=True)
        if read:
            self.reader.start()

    def _read(self):
        for line in self.process.stdout:
            self.messages.put(line)
        self.messages.put(None)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        kill_leftovers(self.ignore)
        if self.reader.is_alive():
            self.reader.join(5)
        for pipe in (self.process.stdin, self.process.stdout):
            with contextlib.suppress(OSError):
                pipe.close()

    def write(self, plugins):
        self.registry.write_text(json.dumps({"plugins": list(plugins)}))

    def stderr(self):
        return self.stderr_path.read_text()

    def send_raw(self, data):
        self.process.stdin.write(data)

    def send(self, message):
        self.send_raw(json.dumps({"jsonrpc": "2.0", **message}).encode() + b"\n")

    def receive(self, timeout=60.0):
        """The next message; None at the end."""
        try:
            line = self.messages.get(timeout=timeout)
        except queue.Empty:
            raise Failure(f"no message within {timeout:g} s; stderr:\n{self.stderr()}") from None
        if line is None:
            return None
        message = json.loads(line)
        if message["jsonrpc"] != "2.0" or not line.isascii():
            raise Failure(f"no message of ours: {line!r}")
        return message

    def until(self, found, timeout=60.0):
        """The first message of which that is true; those before it are in `seen`."""
        deadline = time.monotonic() + timeout
        while True:
            message = self.receive(max(deadline - time.monotonic(), 0.01))
            if message is None:
                raise Failure(f"the end came first; stderr:\n{self.stderr()}")
            if found(message):
                return message
            self.seen.append(message)

    def answer(self, id_, timeout=60.0):
        return self.until(lambda message: message.get("id") == id_, timeout)

    def ask(self, message):
        self.send(message)
        return self.answer(message["id"])

    def initialize(self, version=LEGACY):
        result = self.ask({"id": "init", "method": "initialize", "params": {
            "protocolVersion": version, "capabilities": {},
            "clientInfo": {"name": "test", "version": "1"}}})["result"]
        self.send({"method": "notifications/initialized"})
        return result

    def tools(self):
        return [t["name"] for t in self.ask({"id": "list", "method": "tools/list"})["result"]
                ["tools"]]

    def call(self, id_, name, arguments=None, **more):
        self.send({"id": id_, "method": "tools/call",
                   "params": {"name": name, "arguments": arguments or {}, **more}})

    def settle(self):
        """All that has been sent before has been read."""
        self.ask({"id": "settled", "method": "ping"})

    def called(self, id_, name, arguments=None):
        """The text of a call's result, and whether it is an error."""
        self.call(id_, name, arguments)
        result = self.answer(id_)["result"]
        return result["content"][0]["text"], result["isError"]

    def child(self, name):
        def only():
            found = [p.pid for p in descendants(self.pid) if p.ppid == self.pid
                     and p.state != "Z" and any(name in part for part in p.argv)]
            return found[0] if len(found) == 1 else 0

        return wait_for(f"one {name}", only, 30)

    def wait(self, timeout=60.0):
        try:
            return self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            raise Failure(f"it still runs; stderr:\n{self.stderr()}") from None

    def close(self, timeout=60.0):
        """End its input; the exit code."""
        self.process.stdin.close()
        return self.wait(timeout)

    def leftovers(self):
        return [p for p in descendants(os.getpid(), self.ignore) if p.state != "Z"]


@contextlib.contextmanager
def client(*plugins, **more):
    with tempfile.TemporaryDirectory(prefix="handrail-test-") as folder:
        os.chmod(folder, 0o755)
        with Client(folder, plugins, **more) as c:
            yield c


class Stdio(unittest.TestCase):
    def test_legacy(self):
        with client(sample("echo")) as c:
            for version in (LEGACY, "2024-11-05"):
                self.assertEqual(c.initialize(version)["protocolVersion"], version)
            self.assertEqual(c.initialize("1999-01-01")["protocolVersion"], LEGACY)
            self.assertEqual(c.ask({"id": 1, "method": "ping"})["result"], {})
            self.assertEqual(c.tools(), ["echo"])
            self.assertEqual(c.called(2, "echo", {"text": "é\n"}), ("é\n", False))
            text, is_error = c.called(3, "echo", {"txt": 1})
            self.assertTrue(is_error)
            self.assertIn("do not fit its input schema", text)
            self.assertEqual(c.ask({"id": 4, "method": "tools/call", "params": {"name": "no"}})
                             ["error"]["code"], -32602)
            self.assertEqual(c.ask({"id": 5, "method": "no"})["error"]["code"], -32601)
            self.assertEqual(c.seen, [])  # what is a notification is not answered
            self.assertEqual(c.close(), 0)
            self.assertIsNone(c.receive())
            self.assertEqual((c.stderr(), c.leftovers()), ("", []))

    def test_modern(self):
        with client(sample("echo")) as c:
            found = c.ask(modern("server/discover", 1))["result"]
            self.assertEqual(found["supportedVersions"], [MODERN])
            listed = c.ask(modern("tools/list", 2))["result"]
            self.assertEqual(([t["name"] for t in listed["tools"]], listed["resultType"]),
                             (["echo"], "complete"))
            called = c.ask(modern("tools/call", 3, {"name": "echo", "arguments": {"text": "a"}}))
            self.assertEqual(called["result"]["content"][0]["text"], "a")
            wrong = modern("tools/list", 4)
            wrong["params"]["_meta"][PREFIX + "protocolVersion"] = "2030-01-01"
            self.assertEqual(c.ask(wrong)["error"]["code"], -32022)
            self.assertEqual(c.ask(modern("ping", 5))["error"]["code"], -32601)
            # Both kinds in one process.
            self.assertEqual(c.initialize()["protocolVersion"], LEGACY)
            self.assertEqual(c.ask(modern("tools/list", 6))["result"]["resultType"], "complete")
            self.assertEqual(c.close(), 0)

    def test_what_is_no_message(self):
        with client(sample("echo")) as c:
            deep = b"[" * 100000 + b"]" * 100000
            for line, code in ((b"rubbish", -32700), (b"\x00\xff", -32700), (deep, -32700),
                               (b'{"jsonrpc":"2.0","id":1', -32700), (b"[]", -32600),
                               (b'[{"jsonrpc":"2.0","id":1,"method":"ping"}]', -32600),
                               (b"17", -32600), (b'{"id":1,"method":"ping"}', -32600),
                               (b"x" * (MESSAGE_MAX + 1), -32600)):
                c.send_raw(line + b"\n")
                answer = c.receive()
                self.assertEqual(answer["error"]["code"], code, line[:40])
            c.send_raw(b"\n \t\r\n")  # nothing at all
            c.send_raw(b'{"jsonrpc":"2.0","id":7,"method":"ping"}\r\n')
            self.assertEqual(c.receive(), {"jsonrpc": "2.0", "id": 7, "result": {}})
            # In pieces, and the last one without its newline.
            for byte in b'{"jsonrpc":"2.0","id":8,"method":"ping"}':
                c.send_raw(bytes([byte]))
            self.assertEqual(c.close(), 0)
            self.assertEqual(c.receive()["id"], 8)
            self.assertIsNone(c.receive())

    def test_the_largest_message(self):
        with client(sample("echo")) as c:
            text = "x" * (MESSAGE_MAX - 200)
            self.assertEqual(c.called(1, "echo", {"text": text}), (text, False))
            self.assertEqual(c.close(), 0)

    def test_progress_and_messages(self):
        with client(test_plugin("conformance")) as c:
            c.initialize()
            c.call(1, "test_tool_with_progress", _meta={"progressToken": "p"})
            self.assertEqual(c.answer(1)["result"]["isError"], False)
            told = [m["params"] for m in c.seen if m["method"] == "notifications/progress"]
            self.assertEqual([(p["progressToken"], p["progress"]) for p in told],
                             [("p", 0), ("p", 50), ("p", 100)])
            c.seen = []
            c.call(2, "test_tool_with_logging")
            c.answer(2)
            self.assertEqual([m["method"] for m in c.seen], ["notifications/message"] * 3)
            c.seen = []
            c.ask({"id": 3, "method": "logging/setLevel", "params": {"level": "error"}})
            c.call(4, "test_tool_with_logging")
            c.answer(4)
            # A modern client says it in each request.
            c.ask(modern("tools/call", 5, {"name": "test_tool_with_logging"}))
            self.assertEqual(c.seen, [])
            self.assertEqual(c.close(), 0)

    def test_cancellation(self):
        with client(test_plugin("faulty")) as c:
            c.initialize()
            c.tools()
            c.call(1, "slow", {"ms": 30000})
            c.call("1", "slow", {"ms": 3000})
            c.send(modern("tools/call", 2, {"name": "slow", "arguments": {"ms": 30000}}))
            c.settle()
            for id_ in (1, 2, 99):
                c.send({"method": "notifications/cancelled", "params": {"requestId": id_}})
            self.assertEqual(c.answer("1")["result"]["content"][0]["text"], "slept")
            self.assertEqual(c.called(3, "slow", {"ms": 1}), ("slept", False))
            self.assertEqual(c.seen, [])  # nothing of what was cancelled
            before = time.monotonic()
            self.assertEqual(c.close(), 0)
            self.assertLess(time.monotonic() - before, 20)  # a cancelled one alone takes 30
            self.assertIsNone(c.receive())

    def test_a_reload_is_told(self):
        with tempfile.TemporaryDirectory(prefix="handrail-test-") as folder:
            path = Path(folder, "tools.so")
            path.write_bytes((BUILD / "tests" / "plugins" / "conformance.so").read_bytes())
            path.chmod(0o755)
            other = plugin("conformance", path)
            with client(sample("echo")) as c:
                c.initialize()
                self.assertEqual(c.tools(), ["echo"])
                c.send(modern("subscriptions/listen", "s", {"notifications": {
                    "toolsListChanged": True}}))
                self.assertEqual(c.receive()["method"],
                                 "notifications/subscriptions/acknowledged")
                sidecar = c.child("handrail-sidecar")
                changed = "notifications/tools/list_changed"
                for plugins, expected in (([sample("echo"), other], True), ([other], False),
                                          ([sample("echo")], True)):
                    c.write(plugins)
                    os.kill(c.pid, signal.SIGHUP)
                    # Whoever listens is told of each step, the session when all is settled.
                    told = [c.until(lambda m: m.get("method") == changed)]
                    while "params" in told[-1]:
                        told.append(c.until(lambda m: m.get("method") == changed))
                    self.assertGreater(len(told), 1)
                    for message in told[:-1]:
                        self.assertEqual(message["params"]["_meta"],
                                         {PREFIX + "subscriptionId": "s"})
                    self.assertEqual("echo" in c.tools(), expected)
                    self.assertEqual("test_simple_text" in c.tools(),
                                     plugins != [sample("echo")])
                self.assertEqual(c.called(9, "echo", {"text": "on"}), ("on", False))
                self.assertEqual(c.child("handrail-sidecar"), sidecar)
                # The end of the input ends the subscription, in words.
                self.assertEqual(c.close(), 0)
                last = c.answer("s")["result"]
                self.assertEqual((last["resultType"], last["_meta"][PREFIX + "subscriptionId"]),
                                 ("complete", "s"))

    def test_a_wrong_reload_changes_nothing(self):
        with client(sample("echo")) as c:
            c.tools()
            c.registry.write_text("{")
            os.kill(c.pid, signal.SIGHUP)
            wait_for("its complaint", lambda: "nothing is changed" in c.stderr(), 10)
            self.assertEqual(c.called(1, "echo", {"text": "a"}), ("a", False))

    def test_of_several_reloads_only_the_last_matters(self):
        with client(sample("echo")) as c:
            c.initialize()
            c.tools()
            sidecar = c.child("handrail-sidecar")
            os.kill(sidecar, signal.SIGSTOP)
            for plugins in ([], [sample("echo")]):
                c.write(plugins)
                os.kill(c.pid, signal.SIGHUP)
                wait_for("the reload", lambda n=len(plugins): len(
                    [p for p in descendants(c.pid) if p.state != "Z"
                     and any("toolhost" in part for part in p.argv)]) == n, 10)
            os.kill(sidecar, signal.SIGCONT)
            self.assertEqual(c.called(1, "echo", {"text": "a"}), ("a", False))
            self.assertEqual(c.tools(), ["echo"])
            self.assertEqual(c.seen, [])
            self.assertEqual(c.close(), 0)

    @unittest.skipUnless(shutil.which("strace"), "strace is not installed")
    @unittest.skipUnless(os.geteuid() == 0, "needs root")
    def test_a_reload_that_could_not_be_read_is_read_later(self):
        with client(sample("echo")) as c:
            self.assertEqual(c.tools(), ["echo"])
            with injected(c.child("handrail-sidecar"), "recvmsg", "error=ENOMEM:when=1") as calls:
                c.write([sample("workspace-search", {"root": "/"})])
                os.kill(c.pid, signal.SIGHUP)
                wait_for("its tool", lambda: c.tools() == ["workspace_search"], 20)
                self.assertIn("(INJECTED)", calls.read_text())

    @unittest.skipUnless(shutil.which("strace"), "strace is not installed")
    @unittest.skipUnless(os.geteuid() == 0, "needs root")
    def test_a_reload_finds_no_free_descriptor(self):
        with client(sample("echo")) as c:
            self.assertEqual(c.tools(), ["echo"])
            sidecar = c.child("handrail-sidecar")
            used = {int(fd.name) for fd in Path(f"/proc/{sidecar}/fd").iterdir()}
            lowest = min(set(range(len(used) + 1)) - used)
            before = resource.prlimit(sidecar, resource.RLIMIT_NOFILE)
            resource.prlimit(sidecar, resource.RLIMIT_NOFILE, (lowest, before[1]))
            with injected(sidecar, "recvmsg", "error=EIO:when=65535") as calls:  # none: to see them
                c.write([sample("workspace-search", {"root": "/"})])
                os.kill(c.pid, signal.SIGHUP)
                wait_for("the order", lambda: "PLUGINS" in calls.read_text(), 20)
            resource.prlimit(sidecar, resource.RLIMIT_NOFILE, before)
            wait_for("its tool", lambda: c.tools() == ["workspace_search"], 20)

    def test_a_subscription_is_cancelled(self):
        with client(sample("echo")) as c:
            c.ask(modern("tools/list", 1))
            c.send(modern("subscriptions/listen", 2, {"notifications": {"toolsListChanged": True}}))
            c.receive()
            c.send({"method": "notifications/cancelled", "params": {"requestId": 2}})
            c.ask({"id": "seen", "method": "ping"})
            c.write([])
            os.kill(c.pid, signal.SIGHUP)
            wait_for("the end of the plugin",
                     lambda: not [p for p in descendants(c.pid)
                                  if any("toolhost" in part for part in p.argv)], 30)
            wait_for("its tools to go, too", lambda: c.ask(modern("tools/list", 3))["result"]
                     ["tools"] == [], 30)
            self.assertEqual(c.seen, [])
            self.assertEqual(c.close(), 0)
            self.assertIsNone(c.receive())

    def test_a_plugin_is_taken_away_from_a_call(self):
        with client(test_plugin("faulty")) as c:
            c.tools()
            c.call(1, "slow", {"ms": 60000})
            c.settle()
            c.write([])
            os.kill(c.pid, signal.SIGHUP)
            self.assertTrue(c.answer(1)["result"]["isError"])
            self.assertEqual(c.close(), 0)

    def test_a_toolhost_that_crashes(self):
        with client(test_plugin("faulty"), sample("echo")) as c:
            c.initialize()
            c.call(1, "slow", {"ms": 300})
            text, is_error = c.called(2, "crash")
            self.assertIn("crashed", text)
            self.assertTrue(is_error)
            self.assertEqual(c.called(3, "echo", {"text": "a"}), ("a", False))
            self.assertEqual(c.called(4, "slow", {"ms": 1}), ("slept", False))  # the next life
            self.assertIn("toolhost/faulty", c.stderr())
            self.assertEqual(c.close(), 0)

    def test_the_sidecar_is_killed(self):
        with client(test_plugin("faulty")) as c:
            c.tools()
            c.call(1, "slow", {"ms": 60000})
            c.settle()
            os.kill(c.child("handrail-sidecar"), signal.SIGKILL)
            self.assertIsNone(c.receive())  # the client sees it at once
            self.assertEqual(c.wait(), 128 + signal.SIGKILL)
            self.assertEqual(c.leftovers(), [])

    def test_handrail_is_killed(self):
        with client(test_plugin("faulty")) as c:
            c.tools()
            c.call(1, "slow", {"ms": 60000})
            c.settle()
            c.process.kill()
            self.assertIsNone(c.receive())
            wait_for("the end of all", lambda: not c.leftovers(), 30)

    def test_the_end_of_the_input_with_calls_open(self):
        with client(test_plugin("faulty")) as c:
            c.call(1, "slow", {"ms": 1500})
            c.call(2, "big", {"bytes": 3000000})
            self.assertEqual(c.close(), 0)
            answers = sorted((c.receive() for _ in range(2)), key=lambda m: m["id"])
            self.assertEqual(answers[0]["result"]["content"][0]["text"], "slept")
            self.assertEqual(len(answers[1]["result"]["content"][0]["text"]), 3000000)
            self.assertEqual(c.leftovers(), [])

    def test_a_client_that_goes_away(self):
        with client(test_plugin("faulty"), read=False) as c:
            c.call(1, "slow", {"ms": 60000})
            time.sleep(0.3)
            c.process.stdin.close()
            c.process.stdout.close()
            c.wait(40)
            self.assertEqual(c.leftovers(), [])

    def test_signals(self):
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT):
            with client(test_plugin("faulty")) as c:
                c.tools()
                c.call(1, "slow", {"ms": 60000})
                c.settle()
                before = time.monotonic()
                # Clients end a server, or its group.
                (os.kill if number == signal.SIGTERM else os.killpg)(c.pid, number)
                result = c.answer(1)["result"]
                self.assertTrue(result["isError"])
                self.assertIsNone(c.receive())
                self.assertEqual(c.wait(), 0)
                self.assertLess(time.monotonic() - before, 40)
                self.assertEqual(c.leftovers(), [])

    def test_signals_to_the_group_are_for_handrail(self):
        with client(sample("echo")) as c:
            c.initialize()
            c.tools()
            c.call(1, "echo", {"text": "a"})
            c.answer(1)
            for number in (signal.SIGUSR1, signal.SIGUSR2, signal.SIGTSTP, signal.SIGTTIN):
                os.killpg(c.pid, number)
            c.write([])
            os.killpg(c.pid, signal.SIGHUP)
            c.until(lambda m: m.get("method") == "notifications/tools/list_changed")
            self.assertEqual(c.tools(), [])
            self.assertEqual(c.close(), 0)

    def test_a_client_that_does_not_read(self):
        with client(test_plugin("faulty"), sample("echo"), pipe=4096, read=False) as c:
            text = "y" * 500000
            os.set_blocking(c.process.stdin.fileno(), False)
            message = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {
                "name": "echo", "arguments": {"text": text}}}).encode() + b"\n"
            data, sent, stuck = message, 0, 0
            while sent < 200 << 20 and stuck < 20:
                n = c.process.stdin.write(data)
                if n is None:
                    stuck += 1
                    time.sleep(0.1)
                    continue
                stuck, sent = 0, sent + n
                data = data[n:] or message
            self.assertLess(sent, 50 << 20)  # it is not read either
            pid = c.child("handrail-sidecar")
            status = Path(f"/proc/{pid}/status").read_text()
            kilobytes = int(status.partition("VmRSS:")[2].split()[0])
            if not os.environ.get("ASAN_OPTIONS"):
                self.assertLess(kilobytes, 100 << 10)
            # It goes on when the client does.
            c.reader.start()
            os.set_blocking(c.process.stdin.fileno(), True)
            c.send_raw(data if data is not message else b"")
            c.call(2, "echo", {"text": "at last"})
            self.assertEqual(c.answer(2)["result"]["content"][0]["text"], "at last")
            self.assertEqual(c.close(), 0)

    def test_too_many_calls(self):
        with client(test_plugin("faulty"), sample("echo")) as c:
            c.tools()
            for i in range(OPEN_MAX + 1):
                c.call(i, "slow", {"ms": 60000})
            answer = c.answer(OPEN_MAX)
            self.assertIn("too many requests", answer["error"]["message"])
            for i in range(OPEN_MAX):
                c.send({"method": "notifications/cancelled", "params": {"requestId": i}})
            self.assertEqual(c.called("e", "echo", {"text": "a"}), ("a", False))

    def test_many_at_once(self):
        with contextlib.ExitStack() as stack:
            clients = [stack.enter_context(client(sample("echo"))) for _ in range(12)]
            for i, c in enumerate(clients):
                c.call(i, "echo", {"text": str(i)})
            for i, c in enumerate(clients):
                self.assertEqual(c.answer(i)["result"]["content"][0]["text"], str(i))
            for c in clients:
                c.process.stdin.close()
            self.assertEqual([c.wait() for c in clients], [0] * len(clients))

    def test_no_listener_and_nothing_of_a_server(self):
        # Below an agent-server that another handrail supervises, and whose variables are its own.
        taken = {"HANDRAIL_SUPERVISED": "1", "HANDRAIL_CONTROL": "/nowhere/at/all",
                 "HANDRAIL_MCP_ADDR": "nonsense", "HANDRAIL_SIDECAR": "off",
                 "HANDRAIL_RESTART": "nonsense", "OH_SECRET_KEY": "k", "HOME": "/nowhere"}
        with client(sample("echo"), env=taken) as c:
            self.assertEqual(c.called(1, "echo", {"text": "a"}), ("a", False))
            inodes = {os.readlink(f"/proc/{p}/fd/{fd}")
                      for p in [c.pid, *(d.pid for d in descendants(c.pid))]
                      for fd in readable(p)}
            for family in ("tcp", "tcp6"):
                for line in Path(f"/proc/net/{family}").read_text().splitlines()[1:]:
                    fields = line.split()
                    self.assertFalse(fields[3] == "0A" and f"socket:[{fields[9]}]" in inodes, line)
            self.assertEqual(c.close(), 0)
            self.assertEqual(c.stderr(), "")

    @needs_others
    def test_as_nobody_on_a_file_system_that_is_read_only(self):
        prefix = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"]
        if subprocess.run(["unshare", "--mount", "true"], check=False,
                          stderr=subprocess.DEVNULL).returncode == 0:
            prefix = ["unshare", "--mount", "sh", "-c",
                      'mount -o remount,bind,ro / && exec "$0" "$@"', *prefix]
        with client(sample("echo"), prefix=prefix) as c:
            self.assertEqual(c.called(1, "echo", {"text": "a"}), ("a", False))
            self.assertEqual(c.close(), 0)

    def test_files_and_sockets(self):
        with tempfile.TemporaryDirectory(prefix="handrail-test-") as folder:
            registry = Path(folder, "registry.json")
            registry.write_text(json.dumps({"plugins": [sample("echo")]}))
            argv = [HANDRAIL, "mcp", f"--registry={registry}"]
            line = (b'{"jsonrpc":"2.0","id":1,"method":"tools/call","params":'
                    b'{"name":"echo","arguments":{"text":"a"}}}\n')
            Path(folder, "in").write_bytes(line * 3)
            with open(Path(folder, "in"), "rb") as source, \
                    open(Path(folder, "out"), "wb") as target:
                self.assertEqual(subprocess.run(argv, stdin=source, stdout=target, timeout=30,
                                                env=environment(), check=False).returncode, 0)
            self.assertEqual(Path(folder, "out").read_bytes().count(b'"text":"a"'), 3)
            with open("/dev/full", "wb") as target:
                full = subprocess.run(argv, input=line, stdout=target, stderr=subprocess.PIPE,
                                      timeout=30, env=environment(), check=False)
            self.assertEqual(full.returncode, 0)
            self.assertIn(b"cannot write to the client: No space left", full.stderr)
            ours, theirs = socket.socketpair()
            with ours, subprocess.Popen(argv, stdin=theirs, stdout=theirs,
                                        env=environment()) as process:
                theirs.close()
                ours.settimeout(20)
                ours.sendall(line)
                self.assertIn(b'"text":"a"', ours.makefile("rb").readline())
                ours.shutdown(socket.SHUT_WR)
                self.assertEqual(process.wait(20), 0)
            self.assertEqual(subprocess.run(argv, stdin=subprocess.DEVNULL, timeout=30,
                                            stdout=subprocess.PIPE, env=environment(),
                                            check=False).stdout, b"")

    def test_a_terminal(self):
        with tempfile.TemporaryDirectory(prefix="handrail-test-") as folder:
            registry = Path(folder, "registry.json")
            registry.write_text(json.dumps({"plugins": [sample("echo")]}))
            pid, terminal = pty.fork()
            if pid == 0:
                os.execve(HANDRAIL, [HANDRAIL, "mcp", f"--registry={registry}"], environment())
            try:
                os.write(terminal, b'{"jsonrpc":"2.0","id":1,"method":"ping"}\n')
                seen = b""
                while b'"result":{}' not in seen:
                    seen += os.read(terminal, 4096)
                os.write(terminal, b"\x03")
                self.assertEqual(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), 0)
            finally:
                os.close(terminal)

    def test_the_background_of_a_terminal(self):
        with tempfile.TemporaryDirectory(prefix="handrail-test-") as folder:
            registry = Path(folder, "registry.json")
            registry.write_text(json.dumps({"plugins": [sample("echo")]}))
            pid, terminal = pty.fork()
            if pid == 0:  # a shell, as far as it matters
                job = os.fork()
                if job == 0:
                    os.setpgid(0, 0)
                    os.execve(HANDRAIL, [HANDRAIL, "mcp", f"--registry={registry}"],
                              environment())
                os._exit(os.waitstatus_to_exitcode(os.waitpid(job, 0)[1]))
            try:
                os.write(terminal, b"what is typed is not for it\n")
                self.assertTrue(wait_for("its end", lambda: os.waitid(
                    os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT), 10))
                said = os.read(terminal, 4096)
                self.assertIn(b"cannot read the client's messages", said)
                self.assertNotIn(b"jsonrpc", said)
            finally:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(pid, signal.SIGKILL)
                self.assertEqual(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), 0)
                os.close(terminal)

    def test_wrong_usage(self):
        for arguments, code, said in ((["--mcp-addr=1"], 64, "handrail mcp --help"),
                                      (["x"], 64, "unexpected argument x"),
                                      (["--registry"], 64, "needs a value"),
                                      (["--registry=/nowhere"], 78, "No such file")):
            done = subprocess.run([HANDRAIL, "mcp", *arguments], env=environment(), text=True,
                                  capture_output=True, timeout=20, check=False,
                                  stdin=subprocess.DEVNULL)
            self.assertEqual((done.returncode, done.stdout), (code, ""), done.stderr)
            self.assertIn(said, done.stderr)
        done = subprocess.run([HANDRAIL, "mcp", "--help"], env=environment(), text=True,
                              capture_output=True, timeout=20, check=True)
        for option in ("--registry=FILE", "--config-dir=DIR", "--log-format"):
            self.assertIn(option, done.stdout)
        done = subprocess.run([HANDRAIL, "mcp", "--config-dir=/nowhere"], env=environment(),
                              text=True, capture_output=True, timeout=20, check=False,
                              stdin=subprocess.DEVNULL)
        self.assertEqual(done.returncode, 0)
        self.assertIn("no tools on offer", done.stderr)


def readable(pid):
    try:
        return os.listdir(f"/proc/{pid}/fd")
    except OSError:
        return []


if __name__ == "__main__":
    unittest.main(verbosity=1)
