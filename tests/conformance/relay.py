# SPDX-License-Identifier: MIT
"""Some clients cannot be given a bearer token.  This passes their requests on with one.

    with Relay(port, "Bearer ...") as relay:
        ... http://127.0.0.1:{relay.port}/mcp

Everything else stays byte for byte what the client wrote, Host and Origin among it, except that each
connection carries one request: so no body has to be parsed here.
"""

from __future__ import annotations

import socket
import threading
from types import TracebackType

HEAD_MAX = 64 * 1024  # bytes


class Relay:
    def __init__(self, port: int, authorization: str) -> None:
        self.target, self.authorization = port, authorization
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]

    def __enter__(self) -> Relay:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None,
                 trace: TracebackType | None) -> None:
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        head = b""
        with client:
            while b"\r\n\r\n" not in head:
                data = client.recv(4096)
                if not data or len(head) > HEAD_MAX:
                    return
                head += data
            first, _, rest = head.partition(b"\r\n")
            lines, _, body = rest.partition(b"\r\n\r\n")
            kept = [line for line in lines.split(b"\r\n")
                    if not line.lower().startswith((b"connection:", b"authorization:"))]
            kept += [b"Connection: close", b"Authorization: " + self.authorization.encode()]
            with socket.create_connection(("127.0.0.1", self.target)) as server:
                server.sendall(b"\r\n".join([first, *kept]) + b"\r\n\r\n" + body)
                threading.Thread(target=_pump, args=(client, server), daemon=True).start()
                _pump(server, client)


def _pump(source: socket.socket, sink: socket.socket) -> None:
    """Until one side is done; then neither can go on, and the other pump ends too."""
    try:
        while data := source.recv(65536):
            sink.sendall(data)
    except OSError:
        pass
    for side in (source, sink):
        try:
            side.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
