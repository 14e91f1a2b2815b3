# SPDX-License-Identifier: MIT
"""Every call is answered exactly once: calls without pause, while toolhosts and sidecar are killed.

usage: once.py [SECONDS, default 60]

Each client keeps a connection, asks one call after the other with a text that nobody else has, and
holds what comes back against it: one whole HTTP answer with one JSON-RPC message of that id, whose
result holds that text or says why there is none, and after it nothing.  Only the death of the sidecar
may end a request without an answer: the connection ends before the first byte or in the middle, and
the client asks again on a new one, at once and once, and has to be answered then.

Prints what the clients saw, and ends with 1 if anything was lost, doubled, mixed up, or had to be
asked for more than twice without another kill of the sidecar in between.
"""

from __future__ import annotations

import collections
import json
import os
import random
import re
import select
import signal
import socket
import sys
import threading
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "integration"))

from harness import sample, standin  # noqa: E402
from support import Handrail, descendants  # noqa: E402

CLIENTS = 6
KILL_EVERY = (0.2, 4.0)  # seconds, at random between
ANSWER = 90.0            # seconds: longer than any deadline


class Gone(Exception):
    """The connection ended without a whole answer; after how many of its bytes."""


class Counts:
    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.seen: collections.Counter[str] = collections.Counter()
        self.wrong: collections.Counter[str] = collections.Counter()
        self.slowest = 0.0
        self.sidecar_kills = 0

    def add(self, what: str) -> None:
        with self.lock:
            self.seen[what] += 1

    def complain(self, what: str) -> None:
        with self.lock:
            kind = re.sub(r"\d+", "N", what)[:300]
            self.wrong[kind] += 1
            if self.wrong[kind] == 1:
                print(f"WRONG: {what}"[:600], flush=True)


class Client(threading.Thread):
    def __init__(self, number: int, h: Handrail, counts: Counts) -> None:
        super().__init__(daemon=True)
        self.number, self.port, self.counts = number, h.mcp_port, counts
        self.headers = "".join(f"{k}: {v}\r\n" for k, v in h.mcp_headers().items())
        self.socket: socket.socket | None = None
        self.asked = 0
        self.stopping = False

    def once(self, body: bytes) -> bytes:
        """Ask, on the kept connection if there is one."""
        data = b""
        try:
            if not self.socket:
                self.socket = socket.create_connection(("127.0.0.1", self.port), ANSWER)
                self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            elif select.select([self.socket], [], [], 0)[0]:
                if extra := self.socket.recv(65536):
                    self.counts.complain(f"bytes after an answer: {extra!r}")
                raise Gone("idle")  # it was closed while nothing was asked
            self.socket.sendall(f"POST /mcp HTTP/1.1\r\nHost: 127.0.0.1:{self.port}\r\n"
                                f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n"
                                f"{self.headers}\r\n".encode() + body)
            while b"\r\n\r\n" not in data:
                data += self.more(data)
            head, _, answer = data.partition(b"\r\n\r\n")
            length = re.search(rb"(?i)\r\ncontent-length: (\d+)", head)
            if head.startswith(b"HTTP/1.1 200 ") and b"text/event-stream" in head:
                return self.stream(answer)  # it has taken longer
            if not head.startswith(b"HTTP/1.1 200 ") or not length:
                self.counts.complain(f"an answer that is none: {head!r}")
                raise Gone("bad")
            while len(answer) < int(length[1]):
                answer += self.more(data)
            if len(answer) > int(length[1]):
                self.counts.complain(f"bytes after an answer: {answer[int(length[1]):]!r}")
            return answer
        except ConnectionRefusedError:
            self.counts.complain("connection refused: the listener must outlive the sidecar")
            raise Gone("refused") from None
        except (ConnectionResetError, BrokenPipeError):
            raise Gone("reset" if not data else "reset in the middle") from None

    def stream(self, chunks: bytes) -> bytes:
        """The one message of a stream of events, which ends with it."""
        self.counts.add("by a stream of events")
        text = b""
        while True:
            while b"\r\n" not in chunks:
                chunks += self.more(b"head")
            size, _, rest = chunks.partition(b"\r\n")
            while len(rest) < int(size, 16) + 2:
                rest += self.more(b"head")
            chunks, text = rest[int(size, 16) + 2:], text + rest[:int(size, 16)]
            if int(size, 16) == 0:
                break
        found = [line[6:] for line in text.split(b"\n") if len(line) > 6 and line.startswith(b"data: ")]
        if chunks or len(found) != 1:
            self.counts.complain(f"{len(found)} messages in a stream, {chunks!r} after it: {text[:300]!r}")
        return found[0] if found else b"{}"

    def more(self, before: bytes) -> bytes:
        assert self.socket
        got = self.socket.recv(65536)
        if not got:
            raise Gone("end" if not before else "end in the middle")
        return got

    def judge(self, answer: bytes, text: str) -> None:
        message = json.loads(answer)
        content = message.get("result", {}).get("content", [{}])
        said = content[0].get("text", "")
        if message.get("id") != self.asked or len(content) != 1:
            self.counts.complain(f"call {self.asked}: {answer!r}")
        elif "error" in message:
            self.counts.add(f"JSON-RPC error: {message['error']['message']}")
            self.counts.complain(f"call {self.asked}: {answer!r}")
        elif message["result"].get("isError"):
            self.counts.add("isError: " + re.sub(r"\d+", "N", said))
            if not said:
                self.counts.complain(f"call {self.asked}: an error that does not say why")
        elif said != text:
            self.counts.complain(f"call {self.asked}: another's answer: {said[:200]}")
        else:
            self.counts.add("answered")

    def call(self) -> None:
        self.asked += 1
        text = f"{self.number} {self.asked} " + "x" * random.choice([0, 100, 2000, 50_000])
        body = json.dumps({"jsonrpc": "2.0", "id": self.asked, "method": "tools/call",
                           "params": {"name": "echo", "arguments": {"text": text}}}).encode()
        began, lost_at = time.monotonic(), -1
        while True:
            kills = self.counts.sidecar_kills
            try:
                self.judge(self.once(body), text)
                break
            except Gone as gone:
                if self.socket:
                    self.socket.close()
                self.socket = None
                self.counts.add(f"connection: {gone}")
                if str(gone) != "idle" and lost_at == kills:
                    self.counts.complain(f"call {self.asked}: lost twice for one kill: {gone}")
                lost_at = kills if str(gone) != "idle" else lost_at
            except TimeoutError:
                self.counts.complain(f"call {self.asked}: no answer within {ANSWER:.0f} s")
                self.socket = None
                break
        took = time.monotonic() - began
        if lost_at >= 0:
            self.counts.add("asked again and answered")
        self.counts.slowest = max(self.counts.slowest, took)

    def run(self) -> None:
        try:
            while not self.stopping:
                self.call()
        except Exception as problem:  # noqa: BLE001 - a client that dies asks nothing any more
            self.counts.complain(f"client {self.number}: {problem!r}")


def main() -> int:
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 60.0
    patient = ["--restart=always", *(f"--{part}{name}" for part in ("", "sidecar-", "toolhost-")
                                     for name in ("budget=0", "backoff-max=1"))]
    counts, kills = Counts(), collections.Counter()
    with standin(plugins=[sample("echo")], options=patient) as h:
        h.wait_status("/readyz", 200)
        clients = [Client(i, h, counts) for i in range(CLIENTS)]
        for client in clients:
            client.start()
        end = time.monotonic() + seconds
        shown = time.monotonic()
        while time.monotonic() < end:
            time.sleep(random.uniform(*KILL_EVERY))
            name = random.choice(["handrail-sidecar", "handrail-toolhost", "handrail-toolhost"])
            for pid in h.children(name):
                counts.sidecar_kills += name == "handrail-sidecar"
                os.kill(pid, signal.SIGKILL)
                kills[name] += 1
            if time.monotonic() - shown > 60:
                shown = time.monotonic()
                print(f"{int(seconds - (end - shown))} s: {dict(kills)}, "
                      f"{counts.seen['answered']} answered, {counts.wrong.total()} wrong", flush=True)
        for client in clients:
            client.stopping = True
        for client in clients:
            client.join(2 * ANSWER)
        alive = [client.number for client in clients if client.is_alive()]
        zombies = [p for p in descendants(h.pid) if p.state == "Z"]
        code = h.stop()
        left = h.leftovers()
    print(f"killed {dict(kills)}; {sum(c.asked for c in clients)} calls, slowest {counts.slowest:.1f} s")
    for what, n in counts.seen.most_common():
        print(f"{n:9} {what[:300]}")
    answers = sum(n for what, n in counts.seen.items()
                  if what == "answered" or what.startswith(("isError", "JSON-RPC")))
    if answers != sum(c.asked for c in clients):
        counts.complain(f"{answers} answers to {sum(c.asked for c in clients)} calls")
    print(f"end: {counts.wrong.total()} wrong, exit code {code}, clients that hang {alive}, "
          f"zombies {zombies}, left behind {left}")
    return 0 if not (counts.wrong or alive or zombies or left) and code == 143 and kills else 1


if __name__ == "__main__":
    sys.exit(main())
