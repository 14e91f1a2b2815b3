# SPDX-License-Identifier: MIT
"""What every Python test and the demo need: ports, HTTP, processes, and `handrail run` as an object.

Nothing started through this module outlives the program that imported it: that program becomes a
subreaper, so whatever escapes from handrail becomes its child, is found by `descendants()` and is
killed; and handrail is told to stop should the program itself be killed.
"""

from __future__ import annotations

import ctypes
import http.client
import json
import os
import random
import re
import shutil
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
import unittest
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

ROOT = Path(__file__).resolve().parent.parent
BUILD = Path(os.environ.get("HANDRAIL_BUILD_DIR") or ROOT / "build")
TREE = BUILD / "opt" / "handrail"
HANDRAIL = Path(os.environ.get("HANDRAIL_BIN") or TREE / "bin" / "handrail")
SAMPLES = TREE / "share" / "plugins"
STANDIN = ROOT / "tests" / "standin" / "agent_server.py"
SCRIPTED_LLM = ROOT / "tests" / "standin" / "llm.py"

# Tests that run as somebody else need root, and a clone that is not in a folder like /root.
AS_OTHERS = os.geteuid() == 0 and all(p.stat().st_mode & 0o001 for p in BUILD.parents)
needs_others = unittest.skipUnless(AS_OTHERS, "needs root, and a clone that others can reach")

SKIPPED = 77  # exit code of a test program that could not test anything, as ctest is told

PR_SET_PDEATHSIG = 1
PR_SET_CHILD_SUBREAPER = 36
PORT_RANGE = range(20000, 32000)
POLL = 0.02  # seconds between two looks at a condition

T = TypeVar("T")
_libc = ctypes.CDLL(None, use_errno=True)


class Failure(AssertionError):
    """Something that should have happened did not; the text says what."""


def wait_for(what: str, condition: Callable[[], T], timeout: float) -> T:
    """The first true value of condition(), or Failure."""
    deadline = time.monotonic() + timeout
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() >= deadline:
            raise Failure(f"waited {timeout:g} s in vain for {what}")
        time.sleep(POLL)


# --- ports and HTTP -------------------------------------------------------------------------------


def port_is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("0.0.0.0", port))
        except OSError:
            return False
    return True


def free_ports(count: int) -> list[int]:
    """Different ports nobody listens on, from below the kernel's range for outgoing connections:
    the agent-server binds its port seconds later, and must find it still free."""
    candidates = random.SystemRandom().sample(PORT_RANGE, 200)
    chosen = [port for port in candidates if port_is_free(port)][:count]
    if len(chosen) < count:
        raise Failure(f"no {count} free ports in {PORT_RANGE}")
    return chosen


class Answer:
    """An HTTP answer; status 0 and the reason as text if there was none."""

    def __init__(self, status: int, data: bytes, headers: Mapping[str, str]) -> None:
        self.status = status
        self.text = data.decode("utf-8", "replace")
        self.headers = headers

    def json(self) -> Any:
        try:
            return json.loads(self.text)
        except ValueError:
            raise Failure(f"answer {self.status} is not JSON: {self.text[:300]!r}") from None


def request(port: int, method: str, path: str, body: Any = None,
            headers: Mapping[str, str] | None = None, timeout: float = 10.0,
            host: str = "127.0.0.1") -> Answer:
    """One request on a connection of its own.  `body` is sent as it is if bytes, else as JSON."""
    data = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
    sent = dict(headers or {})
    if data is not None:
        sent.setdefault("Content-Type", "application/json")
    connection = http.client.HTTPConnection(host, port, timeout=timeout)
    try:
        connection.connect()
        # Closed by a reset: what would be left of it could hold a port that a server wants.
        connection.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        connection.request(method, path, data, sent)
        response = connection.getresponse()
        found = {name.lower(): value for name, value in response.getheaders()}
        return Answer(response.status, response.read(), found)
    except (OSError, http.client.HTTPException) as problem:
        return Answer(0, f"{type(problem).__name__}: {problem}".encode(), {})
    finally:
        connection.close()


# --- processes ------------------------------------------------------------------------------------


class Process:
    """One line of /proc: what `descendants()` found."""

    def __init__(self, pid: int, ppid: int, state: str, argv: list[str]) -> None:
        self.pid, self.ppid, self.state, self.argv = pid, ppid, state, argv

    def __repr__(self) -> str:
        return f"{self.pid} ({' '.join(self.argv)[:100] or 'zombie'})"

    def told(self, name: str) -> str:
        """What /proc tells of it: nothing once it ends, at whatever step of the look that is."""
        try:
            return Path(f"/proc/{self.pid}/{name}").read_bytes().decode("utf-8", "replace")
        except (FileNotFoundError, ProcessLookupError):
            return ""


def read_process(pid: int) -> Process | None:
    try:
        stat = Path(f"/proc/{pid}/stat").read_text("utf-8", "replace")
        command = Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return None
    state, ppid = stat[stat.rindex(")") + 2:].split(" ")[:2]
    argv = [part.decode("utf-8", "replace") for part in command.split(b"\0") if part]
    return Process(pid, int(ppid), state, argv)


def descendants(pid: int, ignore: Iterable[int] = ()) -> list[Process]:
    """Every process below pid, zombies included, but for those in `ignore` and below them."""
    children: dict[int, list[Process]] = {}
    for name in os.listdir("/proc"):
        process = read_process(int(name)) if name.isdigit() else None
        if process:
            children.setdefault(process.ppid, []).append(process)
    found: list[Process] = []
    skip, queue = set(ignore), [pid]
    while queue:
        for child in children.get(queue.pop(), []):
            if child.pid not in skip:
                found.append(child)
                queue.append(child.pid)
    return found


def become_subreaper() -> None:
    if _libc.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_CHILD_SUBREAPER)")


def _stop_with_parent() -> None:
    _libc.prctl(PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)


def spawn(argv: Sequence[str | Path], **options: Any) -> subprocess.Popen[bytes]:
    """Start a program that is told to stop if we die, and that Ctrl-C at the terminal misses."""
    return subprocess.Popen([str(part) for part in argv], stdin=subprocess.DEVNULL,
                            start_new_session=True, preexec_fn=_stop_with_parent, **options)


def kill_leftovers(ignore: Iterable[int] = ()) -> list[Process]:
    """Kill and reap all that is below us, but for `ignore`; returns what there was."""
    leftovers = descendants(os.getpid(), ignore)
    for process in leftovers:
        try:
            os.kill(process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        remaining = descendants(os.getpid(), ignore)
        for process in remaining:
            if process.ppid == os.getpid() and process.state == "Z":
                os.waitpid(process.pid, 0)
        if not remaining:
            break
        time.sleep(POLL)
    return leftovers


# --- handrail -------------------------------------------------------------------------------------


class Handrail:
    """`handrail run` around a server, with free ports and a HOME of its own below `folder`.

    Use it as a context manager: afterwards nothing that was started since its making still runs
    (so start what it needs, such as a model, before).  Every line it writes is kept in `lines`
    ("out" or "err", text) and, if wanted, given to `on_line`.
    """

    def __init__(self, folder: Path, command: Sequence[str | Path], *,
                 options: Sequence[str] = (), plugins: Sequence[Mapping[str, Any]] = (),
                 agent_config: Mapping[str, Any] | None = None,
                 env: Mapping[str, str | None] | None = None, ports: Sequence[int] | None = None,
                 cwd: Path | None = None, prefix: Sequence[str | Path] = (),
                 way_in: Sequence[str | Path] | None = None,
                 on_line: Callable[[str, str], None] | None = None) -> None:
        """command: the server's; "{port}" in it becomes the agent's port.
        plugins: entries of the registry, which is written if there are any.
        agent_config: what agent_config.json holds; without it there is none.
        ports: agent, health, MCP; env is added to an environment that is otherwise minimal, and
        None takes a variable out.
        prefix: a command that runs handrail, such as unshare; `pid` is then that command's.
        way_in: the whole command line, instead of `handrail run [options] -- command`."""
        self.folder = folder
        self.home = folder / "home"
        self.agent_port, self.health_port, self.mcp_port = ports or free_ports(3)
        self.lines: list[tuple[str, str]] = []
        self._on_line = on_line
        self._changed = threading.Condition()
        self.home.mkdir(parents=True, exist_ok=True)
        options = list(options)
        if plugins:
            registry = folder / "tool_registry.json"
            registry.write_text(json.dumps({"plugins": list(plugins)}, indent=2))
            options += ["--registry", str(registry)]
        if agent_config is not None:
            (folder / "agent_config.json").write_text(json.dumps(agent_config, indent=2))
        argv = [str(part).replace("{port}", str(self.agent_port))
                for part in way_in or [HANDRAIL, "run", *options, "--", *command]]
        environment = {
            "PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": str(self.home), "LANG": "C.UTF-8",
            "HANDRAIL_AGENT_PORT": str(self.agent_port),
            "HANDRAIL_HEALTH_ADDR": f"127.0.0.1:{self.health_port}",
            "HANDRAIL_MCP_ADDR": f"127.0.0.1:{self.mcp_port}",
            "HANDRAIL_CONFIG_DIR": str(folder),
        }
        # The sanitizers' settings are the test runner's, not the test's.
        environment.update({k: v for k, v in os.environ.items() if k.endswith("SAN_OPTIONS")})
        environment.update(env or {})
        environment = {name: value for name, value in environment.items() if value is not None}
        become_subreaper()
        self._ignore = [process.pid for process in descendants(os.getpid())]
        self.process = spawn([*prefix, *argv], env=environment, cwd=cwd or folder,
                             stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.pid = self.process.pid
        self._readers = [
            threading.Thread(target=self._read, args=(name, pipe), daemon=True)
            for name, pipe in (("out", self.process.stdout), ("err", self.process.stderr))
        ]
        for reader in self._readers:
            reader.start()

    def _read(self, name: str, pipe: Any) -> None:
        for raw in pipe:
            line = raw.decode("utf-8", "replace").rstrip("\n")
            with self._changed:
                self.lines.append((name, line))
                self._changed.notify_all()
            if self._on_line:
                self._on_line(name, line)

    def __enter__(self) -> Handrail:
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()

    # -- what it says -------------------------------------------------------------------------

    def log(self) -> str:
        with self._changed:
            return "\n".join(line for _, line in self.lines)

    def wait_line(self, pattern: str, timeout: float = 30.0, start: int = 0) -> re.Match[str]:
        """The first line, from lines[start] on, in which the pattern is found."""
        wanted, deadline, seen = re.compile(pattern), time.monotonic() + timeout, start
        with self._changed:
            while True:
                for _, line in self.lines[seen:]:
                    match = wanted.search(line)
                    if match:
                        return match
                seen = len(self.lines)
                remaining = deadline - time.monotonic()
                if remaining <= 0 or not self._changed.wait(remaining):
                    break
        raise Failure(f"no line like {pattern!r} within {timeout:g} s; there was:\n{self.log()}")

    # -- what it answers ----------------------------------------------------------------------

    def get(self, path: str, timeout: float = 20.0) -> Answer:
        """GET from the health listener."""
        return request(self.health_port, "GET", path, timeout=timeout)

    def agent(self, method: str, path: str, body: Any = None, key: str | None = None,
              timeout: float = 10.0) -> Answer:
        """A request to the server itself."""
        headers = {"X-Session-API-Key": key} if key else {}
        return request(self.agent_port, method, path, body, headers, timeout)

    def fault(self, **faults: Any) -> None:
        """Ask the stand-in server for a fault (tests/standin/agent_server.py lists them)."""
        answer = self.agent("POST", "/_fault", faults)
        if answer.status != 200:
            raise Failure(f"fault {faults}: {answer.status} {answer.text}")

    def wait_status(self, path: str, status: int, timeout: float = 30.0) -> Answer:
        """The first answer of the health listener with that status."""
        last = Answer(0, b"", {})

        def reached() -> Answer | None:
            nonlocal last
            if self.process.poll() is not None:
                raise Failure(f"handrail ended with {self.process.returncode} while {path} was "
                              f"waited for:\n{self.log()}")
            last = self.get(path, timeout=2)
            return last if last.status == status else None

        try:
            return wait_for(f"{path} {status}", reached, timeout)
        except Failure as failure:
            raise Failure(f"{failure}; last answer {last.status}:\n{last.text}\n"
                          f"-- log\n{self.log()}") from None

    # -- MCP ----------------------------------------------------------------------------------

    @property
    def ambient_file(self) -> Path:
        return self.home / ".agents" / "plugins" / "handrail" / ".mcp.json"

    def mcp_headers(self) -> dict[str, str]:
        """What a client must send, as the ambient plugin file tells it."""
        server = json.loads(self.ambient_file.read_text())["mcpServers"]["handrail"]
        return {"Accept": "application/json, text/event-stream", **server["headers"]}

    def mcp(self, method: str, params: Mapping[str, Any] | None = None,
            timeout: float = 30.0) -> Any:
        """The result of one MCP request; Failure for an HTTP or JSON-RPC error."""
        message = {"jsonrpc": "2.0", "id": 1, "method": method, "params": dict(params or {})}
        answer = request(self.mcp_port, "POST", "/mcp", message, self.mcp_headers(), timeout)
        if answer.headers.get("content-type") == "text/event-stream":  # it took some seconds
            told = [json.loads(line[6:]) for line in answer.text.splitlines()
                    if line.startswith("data: {")]
            reply = next((m for m in told if m.get("id") == 1), {})
        else:
            reply = answer.json() if answer.status == 200 else {}
        if "result" not in reply:
            raise Failure(f"MCP {method}: {answer.status} {answer.text[:500]}")
        return reply["result"]

    def call_tool(self, name: str, arguments: Mapping[str, Any], timeout: float = 30.0) -> Any:
        """The result of tools/call: {"content": [...], "isError": bool}."""
        return self.mcp("tools/call", {"name": name, "arguments": dict(arguments)}, timeout)

    # -- its processes ------------------------------------------------------------------------

    def children(self, name: str) -> list[int]:
        """Pids directly below handrail whose command line contains `name`."""
        return [process.pid for process in descendants(self.pid)
                if process.ppid == self.pid and any(name in part for part in process.argv)]

    def child(self, name: str, timeout: float = 30.0) -> int:
        """The one child of that name; waits until there is exactly one."""
        def only() -> int:
            found = self.children(name)
            return found[0] if len(found) == 1 else 0

        return wait_for(f"one child of handrail called {name}", only, timeout)

    def new_child(self, name: str, old: int, timeout: float = 30.0) -> int:
        """The child of that name that has replaced pid `old`."""
        wait_for(f"a new {name} in place of {old}",
                 lambda: [pid for pid in self.children(name) if pid != old], timeout)
        return self.child(name, timeout)

    # -- the end ------------------------------------------------------------------------------

    def wait(self, timeout: float = 60.0) -> int:
        """Wait for its end; the exit code as a shell gives it."""
        try:
            code = self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            raise Failure(f"handrail still runs after {timeout:g} s:\n{self.log()}") from None
        for reader in self._readers:
            reader.join(5)
        return code if code >= 0 else 128 - code

    def stop(self, number: int = signal.SIGTERM, timeout: float = 60.0) -> int:
        """Send a signal (if it still runs) and wait for its end; the exit code as a shell's."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        return self.wait(timeout)

    def leftovers(self) -> list[Process]:
        """After its end: what it started and left running.  Should be empty.  What ends together
        with it is a zombie of ours for a moment, and no more than that."""
        return [p for p in descendants(os.getpid(), self._ignore) if p.state != "Z"]

    def kill(self) -> None:
        """End everything at once.  Safe to call twice, and after stop()."""
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        kill_leftovers(self._ignore)
        for reader in self._readers:
            reader.join(5)
        for pipe in (self.process.stdout, self.process.stderr):
            if pipe:
                pipe.close()


# --- the pinned agent-server ----------------------------------------------------------------------


def real_server() -> Path | None:
    """The pinned agent-server's program, or None if it is not installed."""
    found = subprocess.run(["sh", str(ROOT / "tests" / "setup.sh"), "venv"],
                           capture_output=True, text=True, check=True)
    venv = Path(found.stdout.strip())
    return venv / "bin" / "agent-server" if (venv / ".complete").exists() else None


def fresh_folder(path: Path) -> Path:
    """An empty folder at that path."""
    shutil.rmtree(path, ignore_errors=True)
    path.mkdir(parents=True)
    return path


def standin_command() -> list[str | Path]:
    return [sys.executable, STANDIN, "--host", "127.0.0.1", "--port", "{port}"]
