#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A stand-in for the agent-server: its endpoints, its start and its end, and faults on request.

Like the real one it is one event loop that answers everything itself, so `hang` stops every
endpoint at once; its port is closed until start-up is over; SIGTERM ends it by signal 15 after
its shutdown.  It prints nothing unless asked to.

    GET  /alive /health /ready /server_info          open to all
    GET  /api/init, POST /api/init          404 unless deferred; POST: X-Init-API-Key, which the
                                            body's secret_key replaces
    GET  /api/conversations/count, /api/conversations/search, /api/bash/bash_events/search
                                                     X-Session-API-Key
    POST /api/conversations/prepare-for-sandbox-pause   the same; 204

Keys come from OH_SESSION_API_KEYS_0 and OH_SECRET_KEY, dormancy from OH_DEFERRED_INIT or
--deferred.  With --notify it says to NOTIFY_SOCKET what handrail's helper would say.

For tests only, never behind a key:
    GET  /_state     what this process was given: pid, argv, environment, open files, signal masks,
                     how often each path was asked for, and what a helper is told of phases
    GET  /_calls     the latest requests below /api/, oldest first: method, path, headers, body
    POST /_fault     one JSON object; each key is a fault, applied after the answer has been sent
                     (those in the file given with --faults at every start, if it is there):
        {"hang": S}            block the loop for S seconds
        {"spin": S}            the same, with the processor busy
        {"eat": BYTES}         take that much memory
        {"delay": S}           answer everything S seconds late, without blocking (0 ends it)
        {"ready": false}       /ready says 503 from now on (true ends it)
        {"fail": {"POST /api/init": [500, 401]}}   answer the next requests with these statuses
        {"slow": {"POST /api/init": S}}   answer S seconds late, and be "initializing" meanwhile
        {"crash": "SIGSEGV"}   die by that signal
        {"exit": CODE}         exit at once with that code
        {"orphans": N, "seconds": S}   N processes in sessions of their own, left to init
        {"lines": N, "bytes": B}       write N lines of B bytes to standard error
        {"notify": "TEXT"}     say that to NOTIFY_SOCKET
        {"used": true}         its last event is now, as /server_info has it; it began S seconds ago
                               with {"age": S}
"""

from __future__ import annotations

import argparse
import asyncio
import collections
import contextlib
import json
import os
import resource
import signal
import socket
import subprocess
import sys
import time
from typing import Any

BODY_MAX = 1024 * 1024  # bytes
HEADER_TIME_MAX = 30.0  # seconds an idle connection is kept
ORPHAN_SECONDS = 600
CALLS_MAX = 100  # requests that /_calls remembers

Reply = tuple[int, Any]  # status, JSON value or None for no body

REASONS = {200: "OK", 204: "No Content", 400: "Bad Request", 401: "Unauthorized",
           404: "Not Found", 405: "Method Not Allowed", 411: "Length Required",
           413: "Content Too Large", 422: "Unprocessable Entity", 500: "Internal Server Error",
           503: "Service Unavailable"}

UNAUTHORIZED: Reply = (401, {"detail": "Unauthorized"})

INIT_FIELDS = {"session_api_keys", "secret_key", "previous_secret_keys", "conversations_path",
               "bash_events_dir", "conversation_worktree_root", "webhooks", "web_url",
               "allow_cors_origins", "max_concurrent_runs", "env", "telemetry"}


def broken(status: int) -> Reply:
    """An answer that was asked for as a fault."""
    if status >= 500:
        return status, {"detail": "Internal Server Error", "exception": f"{status}: a fault"}
    return status, None if status == 204 else {"detail": REASONS.get(status, "a fault")}


def invalid(kind: str, where: list[str | int], why: str, given: Any) -> Reply:
    return 422, {"detail": [{"type": kind, "loc": ["body", *where], "msg": why, "input": given}]}


def parse_init(body: bytes) -> dict[str, Any] | Reply:
    """The body of POST /api/init, or what is said of one that is wrong."""
    if not body:
        return invalid("missing", [], "Field required", None)
    try:
        wanted = json.loads(body)
    except ValueError:
        return invalid("json_invalid", [], "JSON decode error", {})
    if not isinstance(wanted, dict):
        return invalid("model_attributes_type", [], "Input should be a valid dictionary or object "
                                                    "to extract fields from", wanted)
    for name in wanted.keys() - INIT_FIELDS:
        return invalid("extra_forbidden", [name], "Extra inputs are not permitted", wanted[name])
    keys, env = wanted.get("session_api_keys") or [], wanted.get("env") or {}
    if not isinstance(keys, list):
        return invalid("list_type", ["session_api_keys"], "Input should be a valid list", keys)
    for where, value in [(["session_api_keys", index], key) for index, key in enumerate(keys)] + [
            (["env", name], value) for name, value in env.items()]:
        if not isinstance(value, str):
            return invalid("string_type", where, "Input should be a valid string", value)
    return wanted


def die_by(number: int) -> None:
    """End by a signal, whatever its disposition was, and leave no core file."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, [number])
    os.kill(os.getpid(), number)
    time.sleep(60)


def orphan(count: int, seconds: float) -> None:
    script = 'i=0; while [ "$i" -lt "$1" ]; do setsid sleep "$2" & i=$((i + 1)); done'
    subprocess.run(["/bin/sh", "-c", script, "orphans", str(count), str(seconds)], check=True)


class Helper:
    """What handrail's helper says from within the real server."""

    BEAT = 0.2  # seconds

    def __init__(self) -> None:
        name = os.environ.pop("NOTIFY_SOCKET")
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.connect("\0" + name[1:])
        self.socket.bind("")
        self.told: list[str] = []

    def listen(self) -> list[str]:
        """All that was told us."""
        with contextlib.suppress(BlockingIOError):
            while True:
                self.told.append(self.socket.recv(4096, socket.MSG_DONTWAIT).decode())
        return self.told

    def say(self, text: str) -> None:
        self.socket.send(text.encode())

    def hand_over(self, body: bytes) -> None:
        reader, writer = os.pipe()
        os.write(writer, body)
        os.close(writer)
        socket.send_fds(self.socket, [f"X_HANDRAIL_INIT={len(body)}".encode()], [reader])
        os.close(reader)

    async def beat(self) -> None:
        self.say("READY=1\nSTATUS=serving\nX_HANDRAIL_AGENT=ok")
        while True:
            self.say("WATCHDOG=1\nX_HANDRAIL_LAG_MS=0")
            await asyncio.sleep(self.BEAT)


class AgentServer:
    def __init__(self, options: argparse.Namespace) -> None:
        self.options = options
        self.started = self.last_event = time.monotonic()
        self.ready_at = 0.0
        self.ready = True
        self.delay = 0.0
        self.keys = [key for key in [os.environ.get("OH_SESSION_API_KEYS_0"),
                                     os.environ.get("SESSION_API_KEY")] if key]
        self.init_key = os.environ.get("OH_SECRET_KEY")
        deferred = os.environ.get("OH_DEFERRED_INIT", "").lower() in ("1", "true")
        self.deferred = options.deferred or deferred
        self.init_state = "dormant" if self.deferred else "ready"
        self.asked: collections.Counter[str] = collections.Counter()
        self.helper = Helper() if options.notify else None
        self.calls: collections.deque[dict[str, Any]] = collections.deque(maxlen=CALLS_MAX)
        self.fail: dict[str, list[int]] = {}
        self.slow: dict[str, float] = {}
        self.ending = asyncio.Event()
        self.eaten = b""

    def record(self, line: str) -> None:
        if self.options.record:
            with open(self.options.record, "a", encoding="utf-8") as file:
                file.write(f"{os.getpid()} {line}\n")

    # -- what each path answers ---------------------------------------------------------------

    async def answer(self, method: str, path: str, headers: dict[str, str],
                     body: bytes) -> Reply:
        request = f"{method} {path}"
        if path.startswith("/api/"):
            self.calls.append({"method": method, "path": path, "headers": headers,
                               "body": body.decode("utf-8", "replace")})
        if self.fail.get(request):
            return broken(self.fail[request].pop(0))
        if request == "POST /api/init":
            return await self.initialize(headers, body)
        await asyncio.sleep(self.slow.get(request, 0))
        return self.route(method, path, headers, body)

    def route(self, method: str, path: str, headers: dict[str, str], body: bytes) -> Reply:
        handlers = {
            "/alive": ("GET", self.alive), "/health": ("GET", self.alive),
            "/ready": ("GET", self.is_ready), "/server_info": ("GET", self.info),
            "/_state": ("GET", self.state), "/_calls": ("GET", lambda _: (200, [*self.calls])),
            "/_fault": ("POST", self.fault),
        }
        if path.startswith("/api/"):
            return self.api(method, path, headers, body)
        if path not in handlers:
            return 404, {"detail": "Not Found"}
        wanted, handler = handlers[path]
        if method != wanted:
            return 405, {"detail": "Method Not Allowed"}
        return handler(body)

    def api(self, method: str, path: str, headers: dict[str, str], body: bytes) -> Reply:
        if path == "/api/init":
            return self.init_status(method)
        if self.init_state != "ready":
            why = f"503: server is in deferred-init state '{self.init_state}'; " \
                  "call POST /api/init first"
            return 503, {"detail": "Internal Server Error", "exception": why}
        if self.keys and headers.get("x-session-api-key") not in self.keys:
            return UNAUTHORIZED
        if (method, path) == ("GET", "/api/conversations/count"):
            return 200, 0
        if method == "GET" and path in ("/api/conversations/search",
                                        "/api/bash/bash_events/search"):
            return 200, {"items": [], "next_page_id": None}
        if (method, path) == ("POST", "/api/conversations/prepare-for-sandbox-pause"):
            return 204, None
        return 404, {"detail": "Not Found"}

    NOT_DEFERRED: Reply = (404, {"detail": "server is not running with deferred_init=True; "
                                           "the /api/init endpoint is not available"})

    def init_status(self, method: str) -> Reply:
        if method != "GET":
            return 405, {"detail": "Method Not Allowed"}
        if not self.deferred:
            return self.NOT_DEFERRED
        return 200, {"state": self.init_state, "error": None}

    async def initialize(self, headers: dict[str, str], body: bytes) -> Reply:
        if self.init_key and headers.get("x-init-api-key") != self.init_key:
            return UNAUTHORIZED
        if not self.deferred:
            return self.NOT_DEFERRED
        wanted = parse_init(body)
        if isinstance(wanted, tuple):
            return wanted
        keys = wanted.get("session_api_keys")
        if self.init_state != "dormant":
            return 400, {"detail": f"server already in state: {self.init_state}"}
        if keys and not all(keys):
            return 422, {"detail": "session_api_keys cannot contain empty keys"}
        self.init_state = "initializing"
        await asyncio.sleep(self.slow.get("POST /api/init", 0))
        if keys is not None:
            self.keys = keys
        self.init_key = wanted.get("secret_key") or self.init_key or next(iter(keys or []), None)
        self.init_state = "ready"
        if self.helper:
            self.helper.hand_over(body)
        return 200, {"state": "ready", "error": None}

    def alive(self, _: bytes) -> Reply:
        return 200, {"status": "ok"}

    def is_ready(self, _: bytes) -> Reply:
        if self.options.old:
            return 404, {"detail": "Not Found"}
        if self.ready and time.monotonic() >= self.ready_at:
            return 200, {"status": "ready"}
        return 503, {"status": "initializing", "message": "Server is still initializing"}

    def info(self, _: bytes) -> Reply:
        now = time.monotonic()
        uptime, idle = int(now - self.started), int(now - self.last_event)
        return 200, {"title": "Agent server stand-in", "version": "0", "uptime": uptime,
                     "idle_time": idle, "usable_tools": ["terminal", "file_editor"]}

    def state(self, _: bytes) -> Reply:
        with open("/proc/self/status", encoding="utf-8") as file:
            status = dict(line.rstrip("\n").split(":\t", 1) for line in file if ":\t" in line)
        files = {}
        for fd in os.listdir("/proc/self/fd"):
            try:
                files[fd] = os.readlink(f"/proc/self/fd/{fd}")
            except OSError:
                pass  # the listing's own descriptor
        return 200, {
            "pid": os.getpid(), "ppid": os.getppid(), "pgid": os.getpgid(0), "sid": os.getsid(0),
            "argv": sys.argv, "cwd": os.getcwd(), "environ": dict(os.environ), "files": files,
            "status": {key: status.get(key, "").strip() for key in ("SigBlk", "SigIgn", "Threads")},
            "asked": self.asked, "init": self.init_state,
            "phases": self.helper.listen() if self.helper else None,
        }

    # -- faults -------------------------------------------------------------------------------

    def parse_fault(self, text: str | bytes) -> dict[str, Any]:
        wanted = json.loads(text)
        if isinstance(wanted.get("crash"), str):
            wanted["crash"] = signal.Signals[wanted["crash"]].value
        return wanted

    def fault(self, body: bytes) -> Reply:
        try:
            wanted = self.parse_fault(body)
        except (ValueError, AttributeError, KeyError) as problem:
            return 400, {"detail": f"not a fault: {problem}"}
        # Late enough for the answer to be on its way before the loop is blocked or gone.
        asyncio.get_running_loop().call_later(0.02, self.apply, wanted)
        return 200, {}

    def apply(self, fault: dict[str, Any]) -> None:
        self.delay = float(fault.get("delay", self.delay))
        self.ready = bool(fault.get("ready", self.ready))
        self.fail.update(fault.get("fail", {}))
        self.slow.update(fault.get("slow", {}))
        if "age" in fault:
            self.started = self.last_event = time.monotonic() - float(fault["age"])
        if "used" in fault:
            self.last_event = time.monotonic()
        if "lines" in fault:
            line = b"x" * int(fault.get("bytes", 80)) + b"\n"
            for _ in range(int(fault["lines"])):
                os.write(2, line)
        if "notify" in fault and self.helper:
            self.helper.say(fault["notify"])
        if "orphans" in fault:
            orphan(int(fault["orphans"]), float(fault.get("seconds", ORPHAN_SECONDS)))
        if "hang" in fault:
            time.sleep(float(fault["hang"]))
        if "spin" in fault:
            until = time.monotonic() + float(fault["spin"])
            while time.monotonic() < until:
                pass
        if "eat" in fault:
            self.eaten = b"x" * int(fault["eat"])
        if "crash" in fault:
            die_by(int(fault["crash"]))
        if "exit" in fault:
            os._exit(int(fault["exit"]))

    # -- HTTP ---------------------------------------------------------------------------------

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while await self.one_request(reader, writer):
                pass
        except (asyncio.IncompleteReadError, asyncio.LimitOverrunError, asyncio.TimeoutError,
                ConnectionError, ValueError):
            pass  # a broken or idle peer: its connection ends, nothing else
        finally:
            writer.close()

    async def one_request(self, reader: asyncio.StreamReader,
                          writer: asyncio.StreamWriter) -> bool:
        head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), HEADER_TIME_MAX)
        first, *rest = head.decode("latin-1").split("\r\n")
        method, target, version = first.split(" ")
        headers = {name.strip().lower(): value.strip()
                   for name, colon, value in (line.partition(":") for line in rest) if colon}
        path = target.partition("?")[0]
        length = int(headers.get("content-length", "0"))
        if "transfer-encoding" in headers or length > BODY_MAX:
            await self.send(writer, (411 if length <= BODY_MAX else 413, None), False)
            return False
        body = await reader.readexactly(length)
        if self.delay and not path.startswith("/_"):
            await asyncio.sleep(self.delay)
        self.asked[f"{method} {path}"] += 1
        reply = await self.answer(method, path, headers, body)
        self.record(f"{method} {path} {reply[0]}")
        keep = version == "HTTP/1.1" and headers.get("connection", "").lower() != "close"
        await self.send(writer, reply, keep)
        return keep

    async def send(self, writer: asyncio.StreamWriter, reply: Reply, keep: bool) -> None:
        status, value = reply
        data = b"" if value is None else json.dumps(value, separators=(",", ":")).encode()
        lines = [f"HTTP/1.1 {status} {REASONS.get(status, 'Fault')}", "server: uvicorn"]
        if status != 204:
            lines += ["content-type: application/json", f"content-length: {len(data)}"]
        if not keep:
            lines.append("connection: close")
        writer.write("\r\n".join(lines).encode() + b"\r\n\r\n" + data)
        await writer.drain()

    # -- life ---------------------------------------------------------------------------------

    async def run(self) -> None:
        options, loop = self.options, asyncio.get_running_loop()
        self.record("start")
        if not options.ignore_term:
            loop.add_signal_handler(signal.SIGTERM, self.end)
        if options.exit_after is not None:
            loop.call_later(options.exit_after, os._exit, options.exit_code)
        if options.faults and os.path.exists(options.faults):
            with open(options.faults, encoding="utf-8") as file:
                self.apply(self.parse_fault(file.read()))
        orphan(options.fork_orphans, ORPHAN_SECONDS)
        if options.say:
            print(options.say, flush=True)
        if not await self.sleep_unless_ending(options.start_delay):
            return
        host = options.host or ("0.0.0.0" if self.keys else "127.0.0.1")
        server = await asyncio.start_server(self.serve, host, options.port, reuse_address=True)
        self.ready_at = time.monotonic() + options.start_503
        beat = asyncio.create_task(self.helper.beat()) if self.helper else None
        await self.ending.wait()
        if beat:
            beat.cancel()
        server.close()
        await asyncio.sleep(options.stop_delay)
        # From here: to end the loop first would wait for kept connections, as wait_for() of
        # Python 3.11 can lose a cancellation.
        die_by(signal.SIGTERM)

    def end(self) -> None:
        self.record("TERM")
        self.ending.set()

    async def sleep_unless_ending(self, seconds: float) -> bool:
        try:
            await asyncio.wait_for(self.ending.wait(), seconds)
            return False
        except asyncio.TimeoutError:
            return True


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Stands in for the agent-server in tests.")
    parser.add_argument("--host")
    parser.add_argument("--port", type=int, default=8000)
    parser.add_argument("--import-modules", help="taken and not used")
    parser.add_argument("--extra-python-path", help="taken and not used")
    fault = parser.add_argument_group("faults")
    fault.add_argument("--start-delay", type=float, default=0, metavar="S",
                       help="seconds before the port is bound")
    fault.add_argument("--start-503", type=float, default=0, metavar="S",
                       help="seconds of /ready 503 after that")
    fault.add_argument("--old", action="store_true", help="no /ready, as before 1.11.2")
    fault.add_argument("--exit-code", type=int, default=0)
    fault.add_argument("--exit-after", type=float, metavar="S", help="exit with --exit-code")
    fault.add_argument("--stop-delay", type=float, default=0, metavar="S",
                       help="seconds that SIGTERM takes")
    fault.add_argument("--ignore-term", action="store_true")
    fault.add_argument("--deferred", action="store_true", help="start dormant")
    fault.add_argument("--fork-orphans", type=int, default=0, metavar="N")
    fault.add_argument("--say", metavar="TEXT", help="print this line at start")
    fault.add_argument("--notify", action="store_true", help="speak to NOTIFY_SOCKET")
    fault.add_argument("--faults", metavar="FILE", help="what /_fault takes, applied at start")
    fault.add_argument("--record", metavar="FILE", help="append what happens, a line each")
    return parser.parse_args()


def main() -> int:
    options = parse()
    if options.ignore_term:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)

    async def life() -> None:  # the loop's objects belong to the running loop
        await AgentServer(options).run()

    try:
        asyncio.run(life())
    except OSError as problem:
        print(f"agent_server.py: cannot listen on port {options.port}: {problem}", file=sys.stderr)
        return 3  # what the real one says too
    except KeyboardInterrupt:
        die_by(signal.SIGINT)
    die_by(signal.SIGTERM)
    return 1


if __name__ == "__main__":
    sys.exit(main())
