# SPDX-License-Identifier: MIT
"""Bad clients, each a process of its own: `abuse.py ATTACK PORT ADDRESSES` runs one until it is killed.

ADDRESSES is how many of 127.0.x.7 they come from.  A line "on" says that the attack is at its height.
"""

from __future__ import annotations

import errno
import itertools
import random
import resource
import socket
import struct
import sys
import time
from collections.abc import Callable

CONNECTIONS = 600  # more than the listener takes at once
IDLE = 10000
IP_BIND_ADDRESS_NO_PORT = 24  # <linux/in.h>: a port that is free to that peer is enough
PAGE = b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n"

port = 0
addresses = 1
turns = itertools.count()


def take_address(s: socket.socket) -> None:
    """The next one."""
    s.setsockopt(socket.IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 1)
    s.bind((f"127.0.{1 + next(turns) % addresses}.7", 0))


def connect(wait: float = 5.0) -> socket.socket:
    s = socket.socket()
    s.settimeout(wait)
    try:
        take_address(s)
        s.connect(("127.0.0.1", port))
    except OSError:
        s.close()
        raise
    return s


def on() -> None:
    print("on", flush=True)


def again(attack: Callable[[], None]) -> None:
    """Over and over."""
    for i in itertools.count():
        try:
            attack()
        except OSError:
            pass
        if i == 20:
            on()


def dripping(head: bytes) -> None:
    """Hundreds of requests that get on by a byte now and then, and are made anew when ended."""
    held: list[socket.socket] = []
    for i in itertools.count():
        while len(held) < CONNECTIONS:
            try:
                held.append(connect())
                held[-1].sendall(head)
            except OSError:
                break
        if i == 0:
            on()
        time.sleep(0.2)
        for s in held[:]:
            try:
                s.sendall(b"a")
            except OSError:
                s.close()
                held.remove(s)


def slow_headers() -> None:
    dripping(b"GET /readyz HTTP/1.1\r\nX: ")


def slow_bodies() -> None:
    dripping(b"POST /readyz HTTP/1.1\r\nHost: x\r\nContent-Length: 4000\r\n\r\n")


def idle() -> None:
    """As many connections as the file limit allows, on which nothing is ever said."""
    held: list[socket.socket] = []
    while len(held) < IDLE:
        try:
            held.append(connect())
        except OSError as problem:
            if problem.errno == errno.EMFILE:
                break
    print(f"{len(held)} idle connections", flush=True)
    on()
    time.sleep(3600)


def flood() -> None:
    """Connections that are reset at once."""
    def one() -> None:
        with connect() as s:
            s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    again(one)


def held_flood() -> None:
    """Connections that nobody waits for, thousands at a time."""
    held: list[socket.socket] = []

    def one() -> None:
        s = socket.socket()
        s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        s.setblocking(False)
        held.append(s)
        if len(held) > 3000:
            held.pop(0).close()
        take_address(s)
        s.connect_ex(("127.0.0.1", port))
    again(one)


def uploading(head: bytes, piece: bytes) -> None:
    """A gigabyte, as far as it is taken."""
    def one() -> None:
        with connect() as s:
            s.sendall(head)
            for _ in range(1024):
                s.sendall(piece)
    again(one)


def big_body() -> None:
    uploading(b"POST /readyz HTTP/1.1\r\nHost: x\r\nContent-Length: 1073741824\r\n\r\n", bytes(1 << 20))


def big_chunks() -> None:
    uploading(b"POST /readyz HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n",
              b"100000\r\n" + bytes(1 << 20) + b"\r\n")


def garbage() -> None:
    def one() -> None:
        with connect() as s:
            s.sendall(random.randbytes(random.randrange(1, 30000)))
    again(one)


def tls() -> None:
    """The first bytes of a TLS handshake, and then patience."""
    hello = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + random.randbytes(506)
    held: list[socket.socket] = []

    def one() -> None:
        held.append(connect())
        if len(held) > CONNECTIONS:
            held.pop(0).close()
        held[-1].sendall(hello)
    again(one)


def half_closed() -> None:
    """Half of them have said everything, half have not; none reads."""
    held: list[socket.socket] = []

    def one() -> None:
        held.append(connect())
        if len(held) > CONNECTIONS:
            held.pop(0).close()
        held[-1].sendall(PAGE if len(held) % 2 else PAGE[:-5])
        held[-1].shutdown(socket.SHUT_WR)
    again(one)


def pipelined() -> None:
    """Thousands of requests in one go, of whose answers nobody reads any."""
    held: list[socket.socket] = []

    def one() -> None:
        held.append(connect())
        if len(held) > CONNECTIONS:
            held.pop(0).close()
        held[-1].setblocking(False)
        held[-1].send(PAGE * 2000)
    again(one)


def long_heads() -> None:
    """Lines and headers that do not end, or are too many."""
    kinds = [b"GET /" + b"a" * 100000,
             b"GET /readyz HTTP/1.1\r\nHost: x\r\nX: " + b"a" * 100000,
             b"GET /readyz HTTP/1.1\r\nHost: x\r\n" + b"".join(b"X-%d: y\r\n" % i for i in range(5000)),
             b"GET /readyz?" + b"&".join(b"exclude=%d" % i for i in range(9000)) + b" HTTP/1.1\r\n\r\n",
             b"\r\n" * 50000]

    def one() -> None:
        with connect() as s:
            s.sendall(random.choice(kinds))
    again(one)


ATTACKS = [slow_headers, slow_bodies, idle, flood, held_flood, big_body, big_chunks, garbage, tls,
           half_closed, pipelined, long_heads]


def main() -> None:
    global port, addresses
    name, port, addresses = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    {attack.__name__: attack for attack in ATTACKS}[name]()


if __name__ == "__main__":
    main()
