# SPDX-License-Identifier: MIT
"""A bad line between the sidecar and a toolhost, as the supervisor runs them.

usage: frames.py [--rounds N] [--seed N]

A program in the place of handrail-toolhost gives the real one a socket of its own, and passes on what
comes over that of the supervisor, which the sidecar connects to; now and then it spoils it, in
either direction, in each way as often as there are rounds.  Meanwhile calls are made all the time,
and one toolhost is killed.  In the first half frames are lost, doubled or late, but never wrong; in
the second, anything goes.

Each call has one answer, HTTP 200 with one message of its id, and in the first half what is no error
is what the tool says to it.  Nothing crashes.  When the line is good again, calls work, and neither
end has more descriptors or much more memory than before.
"""

from __future__ import annotations

import argparse
import collections
import contextlib
import ctypes
import json
import os
import random
import secrets
import select
import shutil
import signal
import socket
import struct
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

HERE = Path(__file__).resolve()
sys.path[:0] = [str(HERE.parent.parent / "integration"), str(HERE.parent.parent)]

from harness import service, standin, test_plugin  # noqa: E402
from support import (HANDRAIL, PR_SET_PDEATHSIG, Failure, Handrail, request,  # noqa: E402
                     standin_command, wait_for)

CALLS_FD = 5                 # the listening socket, as common/handoff.h has it
HEADER = struct.Struct("=IIQ")  # length, type, id: common/frame.h
FRAME_MAX = 8 << 20
CLIENTS = 8
LARGE = 300_000              # bytes of the largest argument: more than a socket takes at once
ANSWER = 60.0                # seconds: no call may take longer, whatever becomes of its frames
ENOUGH = 180.0               # seconds until each fault has happened, on a machine that is busy
TOOLHOST_FDS = 9             # with the one connection of the sidecar
SLACK_FDS = 8                # what an end may have open for a moment; leaks would be many more
GROWTH_KB = 16 * 1024        # the largest frame, twice: allocators keep some
ONE_IN = 15                  # about so many frames are spoilt

LOSSES = ("drop", "double", "swap", "late", "cut", "hang_up", "drip", "deaf", "half", "pass_fds")
LIES = (*LOSSES, "length", "type", "id", "flip", "noise")
KINDS: dict[str, tuple[str, ...]] = {"good": (), "losses": LOSSES, "lies": LIES}


# --- the line, which is a process of its own ------------------------------------------------------


class Way:
    """One direction of one connection."""

    def __init__(self, source: socket.socket, target: socket.socket) -> None:
        self.source, self.target = source, target
        self.seen, self.out = b"", bytearray()
        self.held = b""           # a frame that comes after the next one
        self.late_until = 0.0     # nothing is sent before
        self.deaf_until = 0.0     # nothing is read before
        self.drips = 0            # so many bytes go one by one
        self.ended = False        # no more is read


class Line:
    def __init__(self, near: socket.socket, far: socket.socket, faults: Faults) -> None:
        self.near, self.far, self.faults = near, far, faults
        self.ways = [Way(near, far), Way(far, near)]
        self.close_by = float("inf")
        for end in (near, far):
            end.setblocking(False)

    def frames(self, way: Way) -> Iterator[bytes]:
        while len(way.seen) >= HEADER.size:
            length, kind, _ = HEADER.unpack_from(way.seen)
            assert length <= FRAME_MAX and 1 <= kind <= 9, "the ends themselves are good"
            if len(way.seen) < HEADER.size + length:
                return
            frame, way.seen = way.seen[:HEADER.size + length], way.seen[HEADER.size + length:]
            yield frame

    def spoil(self, way: Way, frame: bytes, what: str) -> None:
        chance, now = self.faults.chance, time.monotonic()
        length, kind, number = HEADER.unpack_from(frame)
        body = bytearray(frame[HEADER.size:])
        if what == "double":
            way.out += frame + frame
        elif what == "swap":
            way.held = frame
        elif what == "late":
            way.out += frame
            way.late_until = now + chance.uniform(0, 0.2)
        elif what == "cut":
            way.out += frame[:chance.randrange(len(frame))]
            way.ended = True
            self.close_by = now + 0.05
        elif what == "hang_up":
            way.out += frame
            self.close_by = now
        elif what == "drip":
            way.out += frame
            way.drips = min(len(way.out), 2000)
        elif what == "deaf":
            way.out += frame
            way.deaf_until = now + chance.uniform(0.1, 1.5)
        elif what == "half":
            self.send(way)
            with contextlib.suppress(OSError):
                way.target.shutdown(socket.SHUT_WR)
            self.close_by = now + chance.uniform(0, 1)
        elif what == "pass_fds":
            self.pass_fds(way, frame)
        elif what == "length":
            way.out += HEADER.pack(chance.choice([0, length + 1, FRAME_MAX, FRAME_MAX + 1, 2**32 - 1,
                                                  chance.getrandbits(32)]), kind, number) + body
        elif what == "type":
            way.out += HEADER.pack(length, chance.choice([0, 10, chance.randrange(1, 10),
                                                          chance.getrandbits(32)]), number) + body
        elif what == "id":
            way.out += HEADER.pack(length, kind, chance.choice(
                [0, number + 1, number ^ 1 << chance.randrange(64), 2**64 - 1])) + body
        elif what == "flip":
            for _ in range(chance.randrange(1, 4) if body else 0):
                body[chance.randrange(len(body))] ^= 1 << chance.randrange(8)
            way.out += frame[:HEADER.size] + body
        elif what == "noise":
            way.out += frame + chance.randbytes(chance.randrange(1, 100))

    def pass_fds(self, way: Way, frame: bytes) -> None:
        """The frame with descriptors that nobody has asked for."""
        if way.out:
            way.out += frame
            return
        fds = [os.open("/dev/null", os.O_RDONLY) for _ in range(self.faults.chance.randrange(1, 20))]
        try:
            sent = socket.send_fds(way.target, [frame], fds)
        except OSError:
            sent = 0
        for fd in fds:
            os.close(fd)
        way.out += frame[sent:]

    def read(self, way: Way) -> None:
        try:
            data = way.source.recv(1 << 18)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        way.seen += data
        for frame in self.frames(way):
            if way.ended:
                return
            what = self.faults.next()
            if what:
                self.spoil(way, frame, what)
            else:
                way.out += frame
            if what != "swap":
                way.out += way.held
                way.held = b""
        if not data:
            way.ended = True
            self.close_by = min(self.close_by, time.monotonic() + 0.2)

    def send(self, way: Way) -> None:
        while way.out:
            try:
                sent = way.target.send(way.out[:1 if way.drips else 1 << 18])
            except BlockingIOError:
                return
            except OSError:
                self.close_by = 0
                return
            del way.out[:sent]
            way.drips = max(0, way.drips - sent)

    def wants(self) -> tuple[list[socket.socket], list[socket.socket]]:
        now = time.monotonic()
        reads = [w.source for w in self.ways
                 if not w.ended and now >= w.deaf_until and len(w.out) < 4 * FRAME_MAX]
        writes = [w.target for w in self.ways if w.out and now >= w.late_until]
        return reads, writes

    def turn(self, ready: set[socket.socket], room: set[socket.socket]) -> bool:
        """False when it has ended."""
        for way in self.ways:
            if way.source in ready and not way.ended:
                self.read(way)
            if way.target in room and way.out and time.monotonic() >= way.late_until:
                self.send(way)
        if time.monotonic() < self.close_by:
            return True
        self.near.close()
        self.far.close()
        return False


class Faults:
    """What becomes of the next frame; and how many there were, in a file."""

    def __init__(self, folder: Path, seed: int) -> None:
        self.folder, self.chance = folder, random.Random(seed)
        self.counts: collections.Counter[str] = collections.Counter()
        self.deck: list[str] = []
        self.told = 0.0

    def next(self) -> str | None:
        self.counts["frames"] += 1
        kinds = KINDS[self.folder.joinpath("mode").read_text()]
        what = None
        if kinds and not self.chance.randrange(ONE_IN):
            self.deck = [kind for kind in self.deck if kind in kinds] or self.chance.sample(
                kinds, len(kinds))
            what = self.deck.pop()
            self.counts[what] += 1
        return what

    def tell(self) -> None:
        if time.monotonic() >= self.told + 0.2:
            self.told = time.monotonic()
            new = self.folder / f"new.{os.getpid()}"
            new.write_text(json.dumps(self.counts))
            new.rename(self.folder / f"counts.{os.getpid()}")


def serve_line(folder: Path, address: str) -> None:
    chance = random.Random(folder.joinpath("seed").read_text() + str(os.getpid()))
    faults = Faults(folder, chance.getrandbits(32))
    listener = socket.socket(fileno=CALLS_FD)
    listener.setblocking(False)
    lines: list[Line] = []
    mode = ""
    while True:
        before, mode = mode, folder.joinpath("mode").read_text()
        if mode == "good" != before:  # what was a lie is still believed
            for line in lines:
                line.close_by = 0
        wants = [line.wants() for line in lines]
        reads = [s for read, _ in wants for s in read]
        writes = [s for _, write in wants for s in write]
        ready, room, _ = select.select([listener, *reads], writes, [], 0.02)
        for line in list(lines):
            if not line.turn(set(ready), set(room)):
                lines.remove(line)
        faults.tell()
        if listener in ready:
            with contextlib.suppress(BlockingIOError):
                near, _ = listener.accept()
                far = socket.socket(socket.AF_UNIX)
                far.connect(address)
                lines.append(Line(near, far, faults))


def be_toolhost(folder: Path) -> None:
    """In the place of the toolhost: become it, with the line as a child that dies with it."""
    address = "\0" + secrets.token_hex(8)
    own = socket.socket(socket.AF_UNIX)
    own.bind(address)
    own.listen(16)
    me = os.getpid()
    if os.fork() == 0:
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        own.close()
        os.close(3)
        os.close(4)
        if os.getppid() == me:
            serve_line(folder, address)
        os._exit(1)
    os.dup2(own.fileno(), CALLS_FD)
    os.execv(folder / "real" / "handrail-toolhost", ["handrail-toolhost"])


# --- the test -------------------------------------------------------------------------------------


class Caller(threading.Thread):
    def __init__(self, h: Handrail, number: int, mode: Callable[[], str]) -> None:
        super().__init__(daemon=True)
        self.h, self.mode, self.chance = h, mode, random.Random(number)
        self.number, self.asked, self.stopping = number, 0, False
        self.seen: collections.Counter[str] = collections.Counter()
        self.slowest = 0.0
        self.problem = ""

    def run(self) -> None:
        while not self.stopping and not self.problem:
            try:
                self.call()
            except Exception as problem:  # noqa: BLE001 - told by the test
                self.problem = f"call {self.asked} of {self.number}: {problem!r}"

    def call(self) -> None:
        self.asked += 1
        before, began = self.mode(), time.monotonic()
        arguments = {"n": f"{self.number}.{self.asked}",
                     "x": "x" * self.chance.choice([0, 0, 0, 100, 3000, LARGE])}
        name = self.chance.choice(["brief", "brief_again"])
        message = {"jsonrpc": "2.0", "id": self.asked, "method": "tools/call",
                   "params": {"name": name, "arguments": arguments}}
        if self.chance.random() < 0.3:
            message["params"]["_meta"] = {"progressToken": self.asked}
        answer = request(self.h.mcp_port, "POST", "/mcp", message, self.h.mcp_headers(), ANSWER)
        self.slowest = max(self.slowest, time.monotonic() - began)
        assert answer.status == 200, f"{answer.status} {answer.text[:300]}"
        if answer.headers["content-type"] == "text/event-stream":
            told = [json.loads(line[6:]) for line in answer.text.splitlines()
                    if line.startswith("data: {")]
            found = [one for one in told if "id" in one]
            assert len(found) == 1 and told[-1] is found[0], answer.text[:500]
            reply = found[0]
        else:
            reply = answer.json()
        assert reply["id"] == self.asked, answer.text[:300]
        strict = before == self.mode() == "losses"
        if "error" in reply:
            assert not strict, answer.text[:300]
            self.seen["an error"] += 1
        elif reply["result"]["isError"]:
            assert reply["result"]["content"][0]["text"], answer.text[:300]
            self.seen["a reason"] += 1
        else:
            right = json.loads(reply["result"]["content"][0]["text"]) == arguments if strict else True
            assert right, f"another's answer: {answer.text[:300]}"
            self.seen["answered"] += 1


def look(pid: int) -> tuple[int, int]:
    """Descriptors, and memory of its own in kB."""
    rollup = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    own = next(int(line.split()[1]) for line in rollup if line.startswith("Anonymous:"))
    return len(os.listdir(f"/proc/{pid}/fd")), own


def works(h: Handrail) -> bool:
    try:
        result = h.call_tool("say", {"n": 1})
    except Failure:  # its tools are not known yet
        return False
    return not result["isError"] and json.loads(result["content"][0]["text"]) == {"n": 1}


def steadily_works(h: Handrail) -> bool:
    return all(works(h) for _ in range(20))


def counts_of(folder: Path) -> collections.Counter[str]:
    total: collections.Counter[str] = collections.Counter()
    for file in folder.glob("counts.*"):
        total.update(json.loads(file.read_text()))
    return total


def tree(folder: Path, seed: int) -> Path:
    """The programs, with the line in the place of the toolhost; the path of handrail."""
    shutil.copytree(HANDRAIL.parent, folder / "real")
    shutil.copytree(HANDRAIL.parent, folder / "bin")
    folder.joinpath("seed").write_text(str(seed))
    toolhost = folder / "bin" / "handrail-toolhost"
    toolhost.unlink()
    toolhost.write_text(f"#!{sys.executable} -B\nimport sys\nsys.path.insert(0, {str(HERE.parent)!r})\n"
                        f"import frames, pathlib\nframes.be_toolhost(pathlib.Path({str(folder)!r}))\n")
    toolhost.chmod(0o755)
    return folder / "bin" / HANDRAIL.name


def turn_to(folder: Path, mode: str) -> None:
    folder.joinpath("mode.new").write_text(mode)
    folder.joinpath("mode.new").rename(folder / "mode")


def spoil_for(folder: Path, mode: str, rounds: int) -> None:
    """Until each fault of that mode has happened so often again."""
    before = counts_of(folder)
    turn_to(folder, mode)
    wait_for(f"all of {mode}", lambda: all(
        counts_of(folder)[kind] - before[kind] >= rounds for kind in KINDS[mode]), ENOUGH)


def play(h: Handrail, folder: Path, rounds: int) -> list[str]:
    """What has gone wrong."""
    wait_for("calls to work", lambda: steadily_works(h), 60)
    sidecar = h.child("handrail-sidecar")
    fds, memory = look(sidecar)
    callers = [Caller(h, i, folder.joinpath("mode").read_text) for i in range(CLIENTS)]
    for caller in callers:
        caller.start()
    spoil_for(folder, "losses", (rounds + 1) // 2)
    os.kill(h.child("handrail-toolhost"), signal.SIGKILL)
    spoil_for(folder, "losses", rounds // 2)
    toolhost = h.child("handrail-toolhost")
    spoil_for(folder, "lies", rounds)
    for caller in callers:
        caller.stopping = True
    for caller in callers:
        caller.join(2 * ANSWER)
    turn_to(folder, "good")
    wait_for("calls to work again", lambda: steadily_works(h), 60)

    seen = sum((caller.seen for caller in callers), collections.Counter())
    print(f"{dict(seen)}, slowest {max(c.slowest for c in callers):.1f} s\n{dict(counts_of(folder))}")
    problems = [c.problem for c in callers if c.problem]
    problems += [f"caller {c.number} still waits" for c in callers if c.is_alive()]
    if not seen["answered"]:
        problems.append("no call was ever answered")
    if (h.child("handrail-sidecar"), h.child("handrail-toolhost")) != (sidecar, toolhost):
        problems.append("something died that was not killed")
    if service(h, "toolhost/talker")["starts"] != 2:
        problems.append(f"the toolhost was started {service(h, 'toolhost/talker')['starts']} times")
    for name, pid, most in (("sidecar", sidecar, fds), ("toolhost", toolhost, TOOLHOST_FDS)):
        wait_for(f"the {name}'s {most} descriptors",
                 lambda p=pid, n=most: look(p)[0] <= n + SLACK_FDS, 30)
    print(f"kB: sidecar {memory} -> {look(sidecar)[1]}, toolhost {look(toolhost)[1]}")
    for name, pid in (("sidecar", sidecar), ("toolhost", toolhost)):
        if look(pid)[1] > memory + GROWTH_KB:
            problems.append(f"the {name} has {look(pid)[1]} kB")
    return problems


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=6)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1 << 32))
    options = parser.parse_args()
    print(f"seed {options.seed}", flush=True)
    with tempfile.TemporaryDirectory(prefix="handrail-test-") as scratch:
        folder = Path(scratch)
        turn_to(folder, "good")
        program = tree(folder, options.seed)
        with standin(plugins=[test_plugin("talker")],
                     way_in=[program, "run", "--", *standin_command()]) as h:
            h.wait_status("/readyz", 200)
            try:
                problems = play(h, folder, options.rounds)
            except Failure as failure:
                problems = [str(failure)]
            code = h.stop()
            if code != 143 or h.leftovers():
                problems.append(f"its exit code is {code}, left behind {h.leftovers()}")
            if problems:
                print("FAILED", *problems, "-- log", h.log()[-20000:], sep="\n")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
