# SPDX-License-Identifier: MIT
"""Handrail's part inside the agent-server: says how it is, in the words of sd_notify.

The server imports this first (`--import-modules handrail_agent,...`), before there is an
application.  uvicorn's `Config.load` is wrapped, so that the loaded ASGI application is put inside
an object of ours; nothing of OpenHands is patched.  README.md beside this file lists the messages.

Whatever happens in here, the server must run on: importing never raises, every hook is guarded, and
each kind of failure is one line on stderr.  No thread of its own, nothing that waits, and of the
standard library only what asyncio and uvicorn import anyway: a PyInstaller bundle holds no more.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import fcntl
import importlib
import inspect
import json
import logging
import os
import re
import socket
import sys
import time
from collections import Counter, deque
from collections.abc import Iterator
from typing import Any

BEAT_PERIOD = 10.0  # seconds between two heartbeats, unless WATCHDOG_USEC asks for more of them
BEAT_PERIOD_MIN = 0.2  # seconds
LAG_PERIOD = 1.0  # seconds between two measurements of the loop's lag
LAG_LOUD = 1.0  # seconds; a larger lag is told at once
ERROR_MAX = 180  # bytes of UTF-8 in X_HANDRAIL_AGENT_ERROR
INIT_BODY_MAX = 256 * 1024  # bytes
CONVERSATION_BODY_MAX = 8 * 1024 * 1024  # bytes
ADDRESS_MAX = 107  # bytes in sun_path, less the closing NUL
KEPT_MAX = 8  # messages that wait for room in the receiver's queue
LINE_MAX = 1000  # characters of a line on stderr
DISK_MAX = 500  # conversations on disk that are looked at
DISK_SECONDS = 2.0  # for all of that, half of it to find the newest
STATE_MAX = 256 * 1024  # bytes of a conversation's state
LOST_MAX = 5  # lines about agent classes that are not loaded
KIND_MAX = 100  # characters of such a class's name
PHASE_BYTES = 1024  # of a message about the pod's phase; handrail's are shorter
ACTIVITY_PERIOD = 1.0  # seconds between two messages that the server may have been used
PHASES_AT_ONCE = 16  # of them, before the loop does something else

# What handrail's sidecar asks all the time.  Whole, so that nobody can keep anything else out of the
# access log.
PROBES = frozenset({
    "/alive?handrail", "/ready?handrail", "/server_info?handrail", "/api/init?handrail",
    "/api/bash/bash_events/search?limit=1&timestamp__gte=9000-01-01T00:00:00Z&handrail",
    "/api/conversations/search?limit=1&handrail", "/api/conversations/count?handrail"})
PROBE_MARK = b"handrail"  # at the end of each of them
ACCESS_LOG = "uvicorn.access"
INIT_PATH = "/api/init"
CONVERSATIONS_PATH = "/api/conversations"
USED_PATHS = ("/api/", "/sockets/")  # what its users ask for lies below these
CONVERSATION_FOLDER = re.compile("[0-9a-f]{32}")  # others the server leaves alone
PHASE_NAME = re.compile("[a-z]{1,31}")

_said: set[tuple[str, str]] = set()


def _one_line(value: object) -> str:
    try:
        text = " ".join(str(value).split())
    except Exception:
        text = "(no text)"
    return "".join(c if c.isprintable() else "?" for c in text)


def _error(error: BaseException) -> str:
    # A syntax error's own text ends in file and line, which we give ourselves.
    text = error.msg if isinstance(error, SyntaxError) else error
    return _one_line(f"{type(error).__name__}: {_one_line(text)}")


def _say(subject: str, problem: object, without: str) -> None:
    """One line on stderr, once for each subject and loss."""
    with contextlib.suppress(Exception):
        if (subject, without) in _said:
            return
        _said.add((subject, without))
        if isinstance(problem, BaseException):
            problem = _error(problem)
        _print(f"{subject}: {problem}, going on without {without}")


def _print(text: str) -> None:
    with contextlib.suppress(Exception):
        sys.stderr.write(f"handrail_agent: {_one_line(text)[:LINE_MAX]}\n")
        sys.stderr.flush()


@contextlib.contextmanager
def _going_on(subject: str, without: str) -> Any:
    """What fails inside costs the server nothing but a line."""
    try:
        yield
    except Exception as error:
        _say(subject, error, without)


# --- messages -------------------------------------------------------------------------------------


class _Notifier:
    """Datagrams to one address: sent now, kept until there is room, or given up, never waited
    for.  What comes back, the pod's phase, comes to the name that the kernel gives our socket; it
    is connected, so that the kernel keeps everybody else from writing to it."""

    def __init__(self, name: str) -> None:
        address = os.fsencode(name)
        if not address.startswith((b"@", b"/")):
            raise ValueError("it is neither a path nor @name")
        if len(address) > ADDRESS_MAX:
            raise ValueError(f"it is longer than {ADDRESS_MAX} bytes")
        self._address = b"\0" + address[1:] if address.startswith(b"@") else address
        self._kept: deque[tuple[bytes, int]] = deque()
        self._connected = False
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.setblocking(False)

    def send(self, *lines: str, fd: int = -1, keep: bool = True) -> bool:
        """False if the receiver's queue is full; the message is then kept if asked for and if there
        is room.  Takes the descriptor, in any case."""
        data = "\n".join(lines).encode("utf-8", "replace")
        if self.flush() and self._try(data, fd):
            return True
        _say("NOTIFY_SOCKET", "its queue is full", "waiting for room")
        if keep and len(self._kept) < KEPT_MAX:
            self._kept.append((data, fd))
        elif fd >= 0:
            os.close(fd)
        return False

    def flush(self) -> bool:
        """Send what was kept; True if nothing is left."""
        while self._kept:
            if not self._try(*self._kept[0]):
                return False
            self._kept.popleft()
        return True

    def _try(self, data: bytes, fd: int) -> bool:
        """False if there is no room.  Else it was sent or never can be, and fd is closed."""
        rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, fd.to_bytes(4, sys.byteorder))
                  ] if fd >= 0 else []
        try:
            self._connect()
            self.socket.sendmsg([data], rights)
        except OSError as error:
            if error.errno in (errno.EAGAIN, errno.ENOBUFS):
                return False
            self._connected = False  # there may be another receiver, some time
            _say("NOTIFY_SOCKET", error, "telling handrail")
        if fd >= 0:
            os.close(fd)
        return True


    def _connect(self) -> None:
        if self._connected:
            return
        self.socket.connect(self._address)
        self._connected = True
        if not self.socket.getsockname():
            with _going_on("NOTIFY_SOCKET", "the pod's phase"):
                self.socket.bind("")  # to a name of the kernel's choice


# --- the pod's phase ------------------------------------------------------------------------------


def on_phase(callback: Any) -> Any:
    """Have callback(phase, info) called on the server's event loop: with the pod's present phase as
    soon as that is known, and whenever it changes.  A coroutine function is run as a task.  Any
    thread, at any time; README.md beside this file says what is told.  Can be a decorator."""
    with _going_on("on_phase", "a callback"):
        if not callable(callback):
            raise TypeError(f"{type(callback).__name__} cannot be called")
        _phases.add(callback)
    return callback


def _phase_of(data: bytes) -> tuple[str, dict[str, Any]] | None:
    """What such a message says; None if it is none."""
    lines = data.decode("utf-8", "replace").split("\n")
    fields = {name: value for name, _, value in (line.partition("=") for line in lines)}
    phase = fields.get("PHASE", "")
    if not PHASE_NAME.fullmatch(phase):
        return None
    return phase, {"from": fields.get("FROM") or None, "at": fields.get("AT") or None,
                   "claim_uid": fields.get("CLAIM_UID") or None}


class _Listener:
    def __init__(self, callback: Any) -> None:
        self.callback = callback
        self.told: Any = None  # the last event


class _Phases:
    """Who wants to know the pod's phase, and what is known."""

    def __init__(self) -> None:
        self._listeners: list[_Listener] = []
        self._loop: asyncio.AbstractEventLoop | None = None
        self._socket: socket.socket | None = None
        self._latest: tuple[str, dict[str, Any]] | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def name(self) -> str:
        """Of the present one; "" while it is not known."""
        return self._latest[0] if self._latest else ""

    def add(self, callback: Any) -> None:
        self._listeners.append(_Listener(callback))  # first: the loop may tell it from here on
        loop = self._loop
        if loop:
            loop.call_soon_threadsafe(self._tell)

    def start(self, sock: socket.socket) -> None:
        self._loop, self._socket = asyncio.get_running_loop(), sock
        self._loop.add_reader(sock.fileno(), self._read)

    def stop(self) -> None:
        if self._loop and self._socket:
            self._loop.remove_reader(self._socket.fileno())
        for task in self._tasks:
            task.cancel()

    def _read(self) -> None:
        with _going_on("NOTIFY_SOCKET", "the pod's phase"):
            for _ in range(PHASES_AT_ONCE):
                assert self._socket
                try:
                    data = self._socket.recv(PHASE_BYTES)
                except (BlockingIOError, InterruptedError):
                    return
                except OSError:  # told once, when the other end has gone
                    return
                event = _phase_of(data)
                if event:
                    self._latest = event
                    self._tell()

    def _tell(self) -> None:
        """Those who do not know the latest."""
        event = self._latest
        for listener in self._listeners[:]:
            if event and listener.told is not event:
                listener.told = event
                self._call(listener.callback, *event)

    def _call(self, callback: Any, phase: str, info: dict[str, Any]) -> None:
        try:
            result = callback(phase, dict(info))
            if inspect.isawaitable(result):
                task = asyncio.ensure_future(self._wait(callback, result))
                self._tasks.add(task)
                task.add_done_callback(self._tasks.discard)
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # CancelledError too: others still want to hear
            self._failed(callback, error)

    async def _wait(self, callback: Any, result: Any) -> None:
        try:
            await result
        except (Exception, SystemExit) as error:
            self._failed(callback, error)

    @staticmethod
    def _failed(callback: Any, error: BaseException) -> None:
        with _going_on("on_phase", "a callback"):
            name = _one_line(getattr(callback, "__qualname__", None) or type(callback).__name__)
            _say(f"on_phase callback {name}", error, "what is left of it")


_phases = _Phases()


def _beat_period(watchdog_usec: str) -> float:
    """Seconds between heartbeats: four in the time after which the watchdog gives up."""
    if not watchdog_usec:
        return BEAT_PERIOD
    with _going_on("WATCHDOG_USEC", f"it: a heartbeat every {BEAT_PERIOD:g} s"):
        usec = int(watchdog_usec)
        if usec <= 0:
            raise ValueError(f"{usec} is no time")
        return max(BEAT_PERIOD_MIN, min(BEAT_PERIOD, usec / 4e6))
    return BEAT_PERIOD


# --- the agent of CUSTOM_AGENT_MODULE and CUSTOM_AGENT_CLASS, and its tools -----------------------


def _cut(text: str, room: int) -> str:
    """At most `room` characters: both ends of a path, or of an error, say more than its middle."""
    half = (room - 3) // 2
    return text if len(text) <= room else f"{text[:half]}...{text[-half:]}"


def _fit(form: str, **parts: object) -> tuple[str, str]:
    """A problem's text: whole, for the log; and with its parts cut until it fits into a message."""
    words = {name: _one_line(value) for name, value in parts.items()}
    whole = fitting = form.format(**words)
    room = ERROR_MAX
    while len(fitting.encode("utf-8", "replace")) > ERROR_MAX and room > 9:
        room -= 3
        fitting = form.format(**{name: _cut(word, room) for name, word in words.items()})
    return whole, fitting.encode("utf-8", "replace")[:ERROR_MAX].decode("utf-8", "ignore")


def _failed_at(error: BaseException) -> tuple[str, int]:
    """File and line where an import failed: the last place in the module's own folder, because
    what a library says about itself does not help to mend the module.  "" if none of it ran."""
    if isinstance(error, SyntaxError) and error.filename:
        return error.filename, error.lineno or 0
    places = []
    step = error.__traceback__
    while step:
        owner = step.tb_frame.f_globals.get("__name__") or ""
        if owner != __name__ and owner.partition(".")[0] != "importlib":
            places.append((step.tb_frame.f_code.co_filename, step.tb_lineno))
        step = step.tb_next
    own = [place for place in places if os.path.dirname(place[0]) == os.path.dirname(places[0][0])]
    return own[-1] if own else ("", 0)


def _import_problem(name: str, error: BaseException) -> tuple[str, str]:
    file, line = _failed_at(error)
    missing = error.name if isinstance(error, ModuleNotFoundError) else None
    if missing and (name == missing or name.startswith(missing + ".")):
        return _fit("module {name}: not found: name it as Python imports it and put its folder "
                    "into OH_EXTRA_PYTHON_PATH", name=name)
    if not file:
        return _fit("module {name}: {error}", name=name, error=_error(error))
    return _fit("module {name}: {file} line {line}: {error}",
                name=name, file=file, line=line, error=_error(error))


def _subclasses(base: type) -> set[type]:
    found: set[type] = set()
    queue = [base]
    while queue:
        for cls in type.__subclasses__(queue.pop()):
            if cls not in found:
                found.add(cls)
                queue.append(cls)
    return found


def _class_problem(module: Any, name: str) -> tuple[str, str] | None:
    """Why conversations of kind `name` would fail, and how to mend it; None if they would not."""
    base = importlib.import_module("openhands.sdk").AgentBase
    names = {"name": name, "module": module.__name__}
    cls = getattr(module, name, None)
    if cls is None:
        others = sorted(other.__name__ for other in _subclasses(base)
                        if other.__module__ == module.__name__)
        return _fit("class {name}: module {module} has none: set CUSTOM_AGENT_CLASS to one that it "
                    "has ({others})", others=", ".join(others) or "no agent class at all", **names)
    if not isinstance(cls, type):
        return _fit("class {name}: in module {module} it is of type {type}: set CUSTOM_AGENT_CLASS "
                    "to the name of a class", type=type(cls).__name__, **names)
    if not issubclass(cls, base):
        return _fit("class {name}: in module {module} it is no AgentBase: derive it from "
                    "openhands.sdk.Agent", **names)
    return _kind_problem(cls, base, names) or _prompt_problem(cls, names)


def _tools_of(text: str) -> dict[str, str]:
    """Name and module of each tool of agent_config.json that has one: "name=module,..."."""
    pairs = [item.partition("=") for item in text.split(",")]
    return {name.strip(): module.strip() for name, _, module in pairs if module.strip()}


def _tool_problem(tools: dict[str, str]) -> tuple[str, str] | None:
    """Why an agent cannot have one of these tools.  The server has imported their modules."""
    if not tools:
        return None
    registry = importlib.import_module("openhands.sdk.tool.registry")
    known = registry.list_registered_tools()
    for name, module in tools.items():
        if name not in known:
            others = sorted(other for other, its in registry.get_tool_module_qualnames().items()
                            if its == module)
            return _fit("tool {name}: module {module} does not register it (but {others}): mend "
                        "the name in agent_config.json, or call register_tool", name=name,
                        module=module, others=", ".join(others) or "nothing")
    return None


def _kind_problem(cls: Any, base: Any, names: dict[str, str]) -> tuple[str, str] | None:
    """What keeps an agent class from being a `kind` in the server's API."""
    if cls.__name__ != names["name"]:
        return _fit("class {name}: the server knows it as {own}: set CUSTOM_AGENT_CLASS={own}, or "
                    "define a class of that name in {module}", own=cls.__name__, **names)
    if inspect.isabstract(cls):
        missing = ", ".join(sorted(cls.__abstractmethods__))
        return _fit("class {name}: abstract: define {missing} in it, or derive it from "
                    "openhands.sdk.Agent", missing=missing, **names)
    if any(parent.__module__ == "abc" for parent in cls.__bases__):
        return _fit("class {name}: ABC among its bases makes it abstract: take ABC out", **names)
    if "<locals>" in cls.__qualname__:
        return _fit("class {name}: defined inside a function: move it to the top level of "
                    "{module}, or every conversation fails", **names)
    twins = {other.__module__ for other in _subclasses(base)
             if other.__name__ == cls.__name__ and other is not cls
             and not inspect.isabstract(other)}
    if twins:
        return _fit("class {name}: there is another agent class of that name, in {where}: rename "
                    "yours, or every conversation fails", where=", ".join(sorted(twins)), **names)
    with _going_on(f"class {cls.__name__}", "asking the server for its kind"):
        try:
            base.resolve_kind(cls.__name__)
        except ValueError as error:
            return _fit("class {name}: the server refuses it: {error}: mend {module}",
                        error=_error(error), **names)
    return None


def _asks_for_its_prompt(cls: Any) -> bool:
    """Does a conversation's first message make it render `static_system_message`?  Agent's
    init_state does; an override goes on to it or does not."""
    for owner in cls.__mro__:
        code = getattr(vars(owner).get("init_state"), "__code__", None)
        if code and "static_system_message" in code.co_names:
            return True
        if code and "init_state" not in code.co_names:
            return False
    return False


def _prompt_problem(cls: Any, names: dict[str, str]) -> tuple[str, str] | None:
    """A subclass of Agent looks for `prompts/` beside its own file, not beside Agent's, and fails
    only at the first message.  So do what that message will: make one, and ask for its prompt.
    The model in it is never called."""
    if not _asks_for_its_prompt(cls):
        return None
    subject = f"class {cls.__name__}"
    with _going_on(subject, "a look at its prompt: it cannot be made from a model alone"):
        model = {"model": "openai/none", "api_key": "none"}
        agent = cls.model_validate({"llm": model, "tools": []})
        with _going_on(subject, "a look at its prompt"):
            try:
                agent.static_system_message
            except Exception as error:
                problem = _prompt_words(agent, error, names)
                if problem is None:
                    raise
                return problem
    return None


def _prompt_words(agent: Any, error: Exception, names: dict[str, str]) -> tuple[str, str] | None:
    """None if the error may come from asking too early, before there is a conversation."""
    if type(error).__module__.partition(".")[0] == "jinja2":
        return _fit("class {name}: its prompt template fails at the first message: {error}: "
                    "mend it", error=_error(error), **names)
    if not isinstance(error, FileNotFoundError):
        return None
    file = os.path.join(agent.prompt_dir, agent.system_prompt_filename)
    if file not in str(error):
        return _fit("class {name}: its prompt fails at the first message: {error}: add that file",
                    error=_error(error), **names)
    if os.path.exists(file):  # the SDK calls every failure to load a template "not found"
        return _fit("class {name}: first message fails: mend {file}, it is no valid Jinja template",
                    file=file, **names)
    return _fit("class {name}: first message fails: add {file}, give system_prompt a default, or "
                "override prompt_dir", file=file, **names)


def _with_defaults(body: bytes, kind: str, tools: list[str]) -> bytes | None:
    """The body with its stock agent turned into `kind` ("": it stays) and given those tools; None
    if there is nothing to change."""
    request = json.loads(body)
    agent = request.get("agent") if isinstance(request, dict) else None
    if not isinstance(agent, dict) or agent.get("kind", "Agent") != "Agent":
        return None
    listed = agent.get("tools") or []
    names = [tool.get("name") for tool in listed if isinstance(tool, dict)]
    more = [{"name": name} for name in tools if name not in names]
    if not kind and not more:
        return None
    if kind:
        agent["kind"] = kind
    if more:
        agent["tools"] = [*listed, *more]
    return json.dumps(request).encode()


# --- conversations on disk ------------------------------------------------------------------------


def _layers(app: Any) -> Iterator[Any]:
    """The application: uvicorn may have put a few objects of its own around it."""
    for _ in range(4):
        if app is None:
            return
        yield app
        app = getattr(app, "app", None)


def _conversations_folder(app: Any, initialised: bool) -> str:
    """Where the server keeps its conversations; "" if there is none to look at.  A dormant server
    serves none, and is told with /api/init where they are."""
    for layer in _layers(app):
        config = getattr(getattr(layer, "state", None), "config", None)
        folder = getattr(config, "conversations_path", None)
        if folder:
            dormant = getattr(config, "deferred_init", False) and not initialised
            return "" if dormant else os.fspath(folder)
    return os.environ.get("OH_CONVERSATIONS_PATH", "")


def _open_at_once(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NONBLOCK)  # a FIFO is not waited for


def _agent_kind(folder: str) -> str:
    """The kind of agent that this conversation asks for; "" if it cannot be told, or if the server
    passes it over."""
    with contextlib.suppress(Exception):
        if os.path.exists(os.path.join(folder, "meta.json")):
            with open(os.path.join(folder, "base_state.json"), "rb", opener=_open_at_once) as file:
                data = file.read(STATE_MAX + 1)
            kind = json.loads(data)["agent"]["kind"] if len(data) <= STATE_MAX else ""
            return kind if isinstance(kind, str) else ""
    return ""


def _kinds_on_disk(folder: str) -> tuple[Counter[str], bool]:
    """How many of the newest conversations ask for each kind of agent, and whether there are more
    conversations than were looked at.  Takes its time: not for the loop's thread."""
    kinds: Counter[str] = Counter()
    newest: list[tuple[float, str]] = []
    start = time.monotonic()
    more = False
    # A folder changes whenever the state in it is replaced by a newer one.
    with contextlib.suppress(FileNotFoundError), os.scandir(folder) as entries:
        for entry in entries:
            more = time.monotonic() - start > DISK_SECONDS / 2
            if more:
                break
            if CONVERSATION_FOLDER.fullmatch(entry.name):
                with contextlib.suppress(OSError):
                    newest.append((entry.stat().st_mtime, entry.path))
    newest.sort(reverse=True)
    for number, (_, path) in enumerate(newest):
        if number == DISK_MAX or time.monotonic() - start > DISK_SECONDS:
            more = True
            break
        kinds[_agent_kind(path)] += 1
    del kinds[""]
    return kinds, more


def _lost_line(kind: str, count: int, more: bool) -> str:
    asking = "1 conversation on disk asks" if count == 1 else f"{count} conversations on disk ask"
    return (f"{'at least ' if more else ''}{asking} for the agent class "
            f"{_cut(_one_line(kind), KIND_MAX)}, which is not loaded: until its module is imported "
            f"the server answers GET {CONVERSATIONS_PATH}/search with 500: set CUSTOM_AGENT_MODULE "
            "to the module that has it")


# --- around the application -----------------------------------------------------------------------


class _InitBody:
    """The body of one POST /api/init, copied while the application reads it.  Never logged."""

    def __init__(self, notifier: _Notifier) -> None:
        self._notifier = notifier
        self._body = bytearray()
        self._whole = self._over = False

    def add(self, message: dict[str, Any]) -> None:
        if message["type"] == "http.request" and not (self._over or self._whole):
            part = message.get("body", b"")
            self._over = len(self._body) + len(part) > INIT_BODY_MAX
            if self._over:
                self._forget()
            else:
                self._body += part
            self._whole = not message.get("more_body", False)

    def answered(self, status: int) -> None:
        """Called before the client sees the status: what it was told, handrail knows."""
        try:
            if status != 200:
                return
            if self._over:
                _say("POST /api/init", f"its body is over {INIT_BODY_MAX} bytes", "a record of it")
            elif not self._whole:
                _say("POST /api/init", "answered before its end was read", "a record of it")
            else:
                length = len(self._body)
                self._notifier.send(f"X_HANDRAIL_INIT={length}", fd=_pipe_of(self._body))
        finally:
            self._forget()

    def _forget(self) -> None:
        self._body[:] = bytes(len(self._body))  # it holds keys: nothing of it stays in freed memory
        self._body.clear()


def _pipe_of(body: bytearray) -> int:
    """The read end of a pipe that holds all of body; its write end is closed."""
    reader, writer = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        if len(body) > fcntl.fcntl(writer, fcntl.F_GETPIPE_SZ):
            fcntl.fcntl(writer, fcntl.F_SETPIPE_SZ, len(body))
        if os.write(writer, body) != len(body):
            raise OSError(errno.EAGAIN, "a pipe takes only a part of it")
    except BaseException:
        os.close(reader)
        raise
    finally:
        os.close(writer)
    return reader


class _Application:
    """The application, seen from outside.  Everything passes unchanged but what `_Helper` wants."""

    def __init__(self, app: Any, helper: _Helper) -> None:
        self.app = app
        self._helper = helper

    def __getattr__(self, name: str) -> Any:
        if name == "app":  # not there yet
            raise AttributeError(name)
        return getattr(self.app, name)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> Any:
        # The way of every request: a few comparisons, and not even a guard's cost.
        try:
            kind = scope["type"]
            if kind == "http":
                if scope["path"].endswith(self._helper.paths):
                    scope, receive, send = await self._request(scope, receive, send)
            if kind in ("http", "websocket"):
                if self._helper.activity.wanted:
                    receive, send = self._use(scope, receive, send)
            elif kind == "lifespan":
                receive, send = self._lifespan(receive, send)
        except Exception as error:
            _say("request", error, "a look at it")
        return await self.app(scope, receive, send)

    async def _request(self, scope: Any, receive: Any, send: Any) -> tuple[Any, Any, Any]:
        if scope["method"] == "POST":
            path = self._path(scope)
            if path == INIT_PATH and self._helper.notifier:
                receive, send = self._init(_InitBody(self._helper.notifier), receive, send)
            elif path == CONVERSATIONS_PATH and self._helper.has_defaults():
                scope, receive = await self._conversation(self._helper, scope, receive)
        return scope, receive, send

    def _use(self, scope: Any, receive: Any, send: Any) -> tuple[Any, Any]:
        """A request that may be the server's use: what it has to say of itself is news as soon as
        this one is answered, or something has come in over a web socket."""
        activity = self._helper.activity
        path = self._path(scope)
        probe = scope.get("query_string", b"").endswith(PROBE_MARK)
        if probe or path == INIT_PATH or not path.startswith(USED_PATHS):
            return receive, send

        async def watched_receive() -> Any:
            message = await receive()
            activity.seen()
            return message

        async def watched_send(message: Any) -> None:
            await send(message)
            if message["type"] == "http.response.start" and message["status"] < 400:
                activity.seen()

        return (receive, watched_send) if scope["type"] == "http" else (watched_receive, send)

    def _path(self, scope: Any) -> str:
        """The path as the routes see it.  Only a known root is taken off: below other paths the
        server passes requests on to programs that must not be taken for itself."""
        path: str = scope["path"]
        layers = [getattr(layer, "root_path", None) for layer in _layers(self.app)]
        for root in [scope.get("root_path"), *layers]:
            if root and isinstance(root, str) and path.startswith(root + "/"):
                return path[len(root):]
        return path

    def _init(self, body: _InitBody, receive: Any, send: Any) -> tuple[Any, Any]:
        async def watched_receive() -> Any:
            message = await receive()
            with _going_on("POST /api/init", "its body"):
                body.add(message)
            return message

        async def watched_send(message: Any) -> None:
            answer = message["type"] == "http.response.start"
            if answer:
                with _going_on("POST /api/init", "handing it over"):
                    body.answered(message["status"])
            await send(message)
            if answer and message["status"] == 200:
                with _going_on("POST /api/init", "a look at the conversations on disk"):
                    self._helper.look_at_disk(self.app, initialised=True)

        return watched_receive, watched_send

    @staticmethod
    async def _conversation(helper: _Helper, scope: Any, receive: Any) -> tuple[Any, Any]:
        """Read the body before the application does, to change it.  Whatever was read and is not
        changed comes again as it came."""
        messages: deque[Any] = deque()

        async def again() -> Any:
            return messages.popleft() if messages else await receive()

        with _going_on("POST /api/conversations", "a default agent for it"):
            size, more = 0, True
            while more and size <= CONVERSATION_BODY_MAX:
                messages.append(await receive())
                if messages[-1]["type"] != "http.request":
                    break  # the client has gone
                size += len(messages[-1].get("body", b""))
                more = messages[-1].get("more_body", False)
            if more or size > CONVERSATION_BODY_MAX:
                return scope, again
            with contextlib.suppress(ValueError, RecursionError):  # no JSON: the server will say so
                body = _with_defaults(b"".join(m.get("body", b"") for m in messages),
                                      helper.default_kind, helper.default_tools)
                if body is not None:
                    length = b"%d" % len(body)
                    headers = [(name, length if name.lower() == b"content-length" else value)
                               for name, value in scope["headers"]]
                    scope = {**scope, "headers": headers}
                    messages.clear()
                    messages.append({"type": "http.request", "body": body, "more_body": False})
        return scope, again

    def _lifespan(self, receive: Any, send: Any) -> tuple[Any, Any]:
        async def watched_receive() -> Any:
            message = await receive()
            if message["type"] == "lifespan.shutdown":
                with _going_on("shutdown", "telling handrail"):
                    self._helper.stopping()
            return message

        async def watched_send(message: Any) -> None:
            await send(message)
            if message["type"] == "lifespan.startup.complete":
                with _going_on("start-up", "heartbeats and READY"):
                    self._helper.started()
                with _going_on("start-up", "a look at the conversations on disk"):
                    self._helper.look_at_disk(self.app)
            elif message["type"].startswith("lifespan.shutdown."):
                with _going_on("shutdown", "an end to the heartbeats"):
                    self._helper.stopped()

        return watched_receive, watched_send


class _Activity:
    """Tells handrail that the server may have been used, until the pod is known to be active."""

    def __init__(self, tell: Any) -> None:
        self._tell = tell
        self._resting = self._again = False

    @property
    def wanted(self) -> bool:
        return bool(self._tell) and _phases.name != "active"

    def seen(self) -> None:
        with _going_on("activity", "telling of it"):
            if self._resting:
                self._again = True
                return
            self._resting = True
            asyncio.get_running_loop().call_later(ACTIVITY_PERIOD, self._rested)
            # One that finds no room is not kept: the sidecar asks rarely, but it asks.
            self._tell("X_HANDRAIL_ACTIVITY=1", keep=False)

    def _rested(self) -> None:
        again, self._resting, self._again = self._again, False, False
        if again and self.wanted:
            self.seen()


class _Helper:
    """What is known and wanted in this process; made once, at import."""

    def __init__(self) -> None:
        # Taken out of the environment, because the agent's own programs inherit it: what they say
        # to NOTIFY_SOCKET would be taken for the server's word.
        name = os.environ.pop("NOTIFY_SOCKET", "")
        self.period = _beat_period(os.environ.pop("WATCHDOG_USEC", ""))
        self.notifier: _Notifier | None = None
        self.default_kind = ""
        self.default_tools: list[str] = []
        self._tasks: list[asyncio.Task[None]] = []
        self._module: Any = None
        self._wrong = False  # something of the agent, and that was told
        if name:
            with _going_on("NOTIFY_SOCKET", "telling handrail"):
                self.notifier = _Notifier(name)

        self._module_name = os.environ.get("CUSTOM_AGENT_MODULE", "").strip()
        self._class_name = os.environ.get("CUSTOM_AGENT_CLASS", "").strip()
        native = self._module_name.startswith("native:") or (
            self._module_name.startswith("/") and self._module_name.endswith(".so"))
        if native:  # a plugin, and no business of Python
            self._module_name = self._class_name = ""
        self._tools = _tools_of(os.environ.get("HANDRAIL_AGENT_TOOLS", ""))
        default = os.environ.get("HANDRAIL_AGENT_DEFAULT", "").strip().lower() in ("1", "true")
        self._wants_default = default and bool(self._class_name or self._tools)
        if default and not self._wants_default:
            _say("HANDRAIL_AGENT_DEFAULT", "there is no CUSTOM_AGENT_CLASS",
                 "a default agent class")
        self.activity = _Activity(self.tell if self.notifier else None)
        self.paths = ((INIT_PATH,) if self.notifier else ()) + (
            (CONVERSATIONS_PATH,) if self._wants_default else ())

    def wants_anything(self) -> bool:
        return bool(self.notifier or self._module_name or self._class_name or self._tools)

    def has_defaults(self) -> bool:
        return bool(self.default_kind or self.default_tools)

    def tell(self, *lines: str, keep: bool = True) -> bool:
        """Never raises; False if it may be worth another try."""
        with _going_on("NOTIFY_SOCKET", "telling handrail"):
            return not self.notifier or self.notifier.send(*lines, keep=keep)
        return False

    # -- the agent class ----------------------------------------------------------------------

    def import_agent(self) -> None:
        if self._module_name:
            try:
                self._module = importlib.import_module(self._module_name)
            except KeyboardInterrupt:
                raise
            except BaseException as error:  # SystemExit too: the server meets it on its own import
                self._found(_import_problem(self._module_name, error))
        elif self._class_name:
            self._found(_fit("class {name}: CUSTOM_AGENT_CLASS is set alone: set "
                             "CUSTOM_AGENT_MODULE to the module that defines it",
                             name=self._class_name))

    def _found(self, problem: tuple[str, str]) -> None:
        self._wrong = True
        _print(problem[0])
        self.tell(f"X_HANDRAIL_AGENT_ERROR={problem[1]}")

    def _check_agent(self) -> None:
        if self._wrong or (self._module is None and not self._tools):
            return
        problem = _class_problem(self._module, self._class_name) if self._class_name else None
        problem = problem or _tool_problem(self._tools)
        if problem:
            self._found(problem)
            return
        if self._wants_default:
            self.default_kind, self.default_tools = self._class_name, list(self._tools)
        self.tell("X_HANDRAIL_AGENT=ok")

    # -- the server's life --------------------------------------------------------------------

    def started(self) -> None:
        self._tasks.append(asyncio.get_running_loop().create_task(self._serve()))

    async def _serve(self) -> None:
        with _going_on("agent class", "a check of it"):
            self._check_agent()
        if self.notifier:
            with _going_on("NOTIFY_SOCKET", "the pod's phase"):
                _phases.start(self.notifier.socket)
            with _going_on("heartbeat", "heartbeats"):
                self.tell("READY=1", "STATUS=serving")
                await self._beat(self.notifier)

    async def _beat(self, notifier: _Notifier) -> None:
        period = min(LAG_PERIOD, self.period)
        worst, due = 0.0, 0.0
        while True:
            start = time.monotonic()
            await asyncio.sleep(period)
            now = time.monotonic()
            lag = max(0.0, now - start - period)
            worst = max(worst, lag)
            notifier.flush()
            if now >= due or lag > LAG_LOUD:
                # One that finds no room is not kept: the next one says more.
                if self.tell("WATCHDOG=1", f"X_HANDRAIL_LAG_MS={int(worst * 1000)}", keep=False):
                    worst = 0.0
                due = now + self.period - period / 2  # a tick that is early is not waited for

    def look_at_disk(self, app: Any, initialised: bool = False) -> None:
        """Runs beside everything else, and after READY: it changes nothing but what is said."""
        self._tasks.append(
            asyncio.get_running_loop().create_task(self._find_lost(app, initialised)))

    async def _find_lost(self, app: Any, initialised: bool) -> None:
        """One conversation whose agent class is not loaded breaks the search of them all."""
        with _going_on("conversations on disk", "a look at their agent classes"):
            folder = _conversations_folder(app, initialised)
            if not folder:
                return
            loop = asyncio.get_running_loop()
            kinds, more = await loop.run_in_executor(None, _kinds_on_disk, folder)
            if kinds:
                for cls in _subclasses(importlib.import_module("openhands.sdk").AgentBase):
                    del kinds[cls.__name__]
            if kinds:
                self._lost(kinds, more)

    def _lost(self, kinds: Counter[str], more: bool) -> None:
        worst = kinds.most_common(LOST_MAX)
        for kind, count in worst:
            _print(_lost_line(kind, count, more))
        others = f", nor {len(kinds) - 1} more" if len(kinds) > 1 else ""
        _, status = _fit("serving, but conversation search fails: agent class {kind} is not loaded"
                         + others, kind=worst[0][0][:KIND_MAX])
        self.tell(f"STATUS={status}")

    def stopping(self) -> None:
        self.tell("STOPPING=1", "STATUS=shutting down")

    def stopped(self) -> None:
        _phases.stop()
        for task in self._tasks:
            task.cancel()


class _Quiet(logging.Filter):
    """Keeps probes of handrail that were answered well out of uvicorn's access log."""

    def filter(self, record: logging.LogRecord) -> bool:
        with contextlib.suppress(Exception):
            _, method, path, _, status = record.args  # type: ignore[misc, assignment]
            return not (method == "GET" and path in PROBES and int(status) < 400)  # type: ignore
        return True


def _hook(helper: _Helper) -> None:
    """Put the first application that uvicorn loads in this process, the server's, into ours."""
    from uvicorn.config import Config

    load = Config.load
    if list(inspect.signature(load).parameters) != ["self"]:
        raise TypeError("uvicorn's Config.load takes other arguments than it did")
    wrapped = False

    def load_and_wrap(self: Any) -> Any:
        nonlocal wrapped
        result = load(self)
        with _going_on("application", "a look into it"):
            if not wrapped:
                if not callable(self.loaded_app):
                    raise TypeError("what uvicorn has loaded cannot be called")
                self.loaded_app = _Application(self.loaded_app, helper)
                wrapped = True
                if helper.notifier:
                    logging.getLogger(ACCESS_LOG).addFilter(_Quiet())
        return result

    Config.load = load_and_wrap

    # Called only by the parent of servers that run in processes of their own (--reload, workers);
    # those are new interpreters, which do not import this.
    bind = getattr(Config, "bind_socket", None)
    if bind:
        def bind_and_say(self: Any) -> Any:
            with contextlib.suppress(Exception):
                if self.use_subprocess:
                    _say("uvicorn", "the server runs in processes of its own (reload, workers)",
                         "heartbeats")
            return bind(self)

        Config.bind_socket = bind_and_say


def _start() -> None:
    with _going_on("start", "it"):
        helper = _Helper()
        if helper.wants_anything():
            with _going_on("uvicorn", "a look into the server"):
                _hook(helper)
            helper.tell("STATUS=starting")
            helper.import_agent()


_CHECKED = 100  # the exit code if all is well; not 0, with which a module may end python itself


def _check(modules: list[str]) -> int:
    """As a program, for handrail check: say what is wrong with the custom agent and with the other
    modules that the server is to import, without a server.  Returns the exit code."""
    sys.modules["handrail_agent"] = sys.modules[__name__]  # which they may import
    path = os.environ.get("OH_EXTRA_PYTHON_PATH", "").split(":")
    sys.path[:0] = [folder.strip() for folder in path if folder.strip()]
    helper = _Helper()
    helper.import_agent()
    for name in modules:
        try:
            importlib.import_module(name)
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            if name != helper._module_name:
                helper._found(_import_problem(name, error))
    helper._check_agent()
    return 1 if helper._wrong else _CHECKED


if __name__ == "__main__":
    _code = _check([name.strip() for name in "".join(sys.argv[1:]).split(",") if name.strip()])
    os._exit(_code)  # a thread that a module has started does not hold it up, as in the server
_start()
