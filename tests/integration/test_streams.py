# SPDX-License-Identifier: MIT
"""Streams of the MCP endpoint, at the real programs: calls that take long, sessions that hear of
changes, and what becomes of them when a client, a toolhost or the sidecar goes away."""

import json
import os
import resource
import signal
import socket
import time
import unittest

from harness import client, sample, standin, test_plugin
from support import request, wait_for

SESSION = "a-session"
STREAMS_MAX = 128  # sidecar/mcp/mcp.h


class Peer:
    """A client by hand: one request, and whatever comes of it."""

    opened = []  # in this test

    def __init__(self, h, method, body=None, **headers):
        lines = [f"{method} /mcp HTTP/1.1", f"Host: 127.0.0.1:{h.mcp_port}"]
        given = {**h.mcp_headers(), "Mcp-Session-Id": SESSION,
                 "MCP-Protocol-Version": "2025-11-25",
                 **{key.replace("_", "-"): value for key, value in headers.items()}}
        text = b""
        if body is not None:
            text = json.dumps({"jsonrpc": "2.0", **body}).encode()
            given |= {"Content-Type": "application/json", "Content-Length": str(len(text))}
        lines += [f"{key}: {value}" for key, value in given.items() if value is not None]
        self.socket = socket.create_connection(("127.0.0.1", h.mcp_port), timeout=60)
        self.socket.sendall("\r\n".join([*lines, "", ""]).encode() + text)
        self.data = b""
        self.opened.append(self)

    def read(self, enough=lambda data: False):
        """All that has come by then, or by the end of the answer or of the connection."""
        while not (enough(self.data) or self.whole()):
            more = self.socket.recv(65536)
            if not more:
                break
            self.data += more
        return self.data

    def whole(self):
        head, _, body = self.data.partition(b"\r\n\r\n")
        if b"chunked" in head:
            return body.endswith(b"0\r\n\r\n")
        if b"Content-Length: " not in head:
            return False
        return len(body) >= int(head.partition(b"Content-Length: ")[2].split(b"\r\n")[0])

    def status(self):
        return int(self.read(lambda data: b"\r\n\r\n" in data).split(b" ")[1])

    def messages(self):
        """The messages of a stream so far."""
        return [json.loads(line[6:]) for line in self.data.split(b"\n")
                if line.startswith(b"data: {")]

    def close(self):
        self.socket.close()


def call(h, tool, identity=1, token=None, accept=None, **arguments):
    params = {"name": tool, "arguments": arguments}
    if token is not None:
        params["_meta"] = {"progressToken": token}
    more = {"Accept": accept} if accept else {}
    return Peer(h, "POST", {"id": identity, "method": "tools/call", "params": params}, **more)


def is_stream(data):
    return b"text/event-stream" in data


def wait_cancelled(h, n):
    """Until so many calls of "news" were cancelled."""
    line = f'tool="news",outcome="cancelled"}} {n}\n'
    wait_for(f"{n} cancelled calls", lambda: line in h.get("/metrics").text, 5)


def answers(messages, identity):
    return [m for m in messages if m.get("id") == identity]


class Case(unittest.TestCase):
    def tearDown(self):
        while Peer.opened:
            Peer.opened.pop().close()


class Calls(Case):
    def test_answers(self):
        with standin(plugins=[test_plugin("faulty")]) as h:
            h.wait_status("/readyz", 200)
            peer = call(h, "news", 7, "a", n=4, ms=150, tells=1)
            peer.read()
            messages = peer.messages()
            told = [m["params"] for m in messages if m.get("method") == "notifications/progress"]
            self.assertEqual([p["progress"] for p in told], [1, 2, 3, 4])
            self.assertEqual({(p["progressToken"], p["total"]) for p in told}, {("a", 4)})
            said = [m["params"] for m in messages if m.get("method") == "notifications/message"]
            self.assertEqual(said[0], {"level": "info", "logger": "faulty",
                                       "data": {"msg": "message 1"}})
            self.assertEqual(len(answers(messages, 7)), 1)
            self.assertFalse(messages[-1]["result"]["isError"])
            # A client that takes no stream gets none, and neither does a call with nothing to say.
            for peer in (call(h, "news", 8, "a", "application/json", n=2, ms=150),
                         call(h, "slow", 8, "a", ms=1)):
                data = peer.read()
                self.assertFalse(is_stream(data))
                self.assertEqual(json.loads(data.partition(b"\r\n\r\n")[2])["id"], 8)
            # The connection is of use again after both.
            began = time.monotonic()
            peer = call(h, "slow", 9, ms=9000)
            self.assertTrue(is_stream(peer.read(lambda data: b"id: call:9" in data)))
            self.assertLess(time.monotonic() - began, 8.5)
            peer.read()
            self.assertEqual(len(answers(peer.messages(), 9)), 1)
            peer.data = b""
            headers = "".join(f"{k}: {v}\r\n" for k, v in h.mcp_headers().items())
            body = '{"jsonrpc":"2.0","id":10,"method":"ping"}'
            peer.socket.sendall(f"POST /mcp HTTP/1.1\r\nHost: localhost\r\n{headers}Content-Type: "
                                f"application/json\r\nContent-Length: {len(body)}\r\n\r\n{body}"
                                .encode())
            self.assertIn(b'"id":10', peer.read())

    def test_cancelling(self):
        with standin(plugins=[test_plugin("faulty")]) as h:
            h.wait_status("/readyz", 200)
            peers = [call(h, "news", n, "a", n=600, ms=100) for n in range(3)]
            for peer in peers:
                self.assertTrue(is_stream(peer.read(lambda data: b"progress" in data)))
            peers[0].close()
            wait_cancelled(h, 1)
            peers[1].socket.shutdown(socket.SHUT_WR)
            wait_cancelled(h, 2)
            for session, n in (("another", 2), (None, 2), (SESSION, 3)):
                note = Peer(h, "POST", {"method": "notifications/cancelled",
                                        "params": {"requestId": 2}}, Mcp_Session_Id=session)
                self.assertEqual(note.status(), 202)
                wait_cancelled(h, n)
            peers[2].read()
            self.assertEqual([m["error"]["message"] for m in answers(peers[2].messages(), 2)],
                             ["cancelled by the client"])

    def test_the_toolhost_dies(self):
        with standin(plugins=[test_plugin("faulty")]) as h:
            h.wait_status("/readyz", 200)
            peers = [call(h, "news", n, "a", n=600, ms=100) for n in range(10)]
            for peer in peers:
                peer.read(lambda data: b"progress" in data)
            os.kill(h.child("handrail-toolhost"), signal.SIGKILL)
            for n, peer in enumerate(peers):
                peer.read()
                found = answers(peer.messages(), n)
                self.assertEqual(len(found), 1)
                self.assertTrue(found[0]["result"]["isError"])
                self.assertIn("crashed", found[0]["result"]["content"][0]["text"])
            self.assertFalse(h.call_tool("slow", {"ms": 1})["isError"])

    def test_the_sidecar_dies(self):
        with standin(plugins=[test_plugin("faulty")]) as h:
            h.wait_status("/readyz", 200)
            peers = [call(h, "news", n, "a", n=600, ms=100) for n in range(10)]
            streams = [Peer(h, "GET", Mcp_Session_Id=f"s{n}") for n in range(10)]
            for peer in peers:
                peer.read(lambda data: b"progress" in data)
            for stream in streams:
                self.assertEqual(stream.status(), 200)
            old = h.child("handrail-sidecar")
            os.kill(old, signal.SIGKILL)
            for n, peer in enumerate(peers):
                try:
                    peer.read()
                except ConnectionResetError:
                    pass
                self.assertEqual(answers(peer.messages(), n), [])
                # Its client comes back with the last event it has seen, as real ones do.
                last = [line for line in peer.data.split(b"\n") if line.startswith(b"id: ")][-1]
                back = Peer(h, "GET", Last_Event_ID=last[4:].strip().decode())
                back.read()
                found = answers(back.messages(), n)
                self.assertEqual(len(found), 1)
                self.assertIn("connection was lost", found[0]["result"]["content"][0]["text"])
            for n in range(10):
                again = Peer(h, "GET", Mcp_Session_Id=f"s{n}")
                again.read(lambda data: b"list_changed" in data)
                self.assertEqual(len(again.messages()), 1)
            self.assertFalse(h.call_tool("slow", {"ms": 1})["isError"])

    def test_restarts_do_not_wait(self):
        """An ordered end answers calls, ends streams, and is not held up by who does not read."""
        with standin(plugins=[test_plugin("faulty")]) as h:
            h.wait_status("/readyz", 200)
            peer = call(h, "news", 5, "a", n=600, ms=100)
            peer.read(lambda data: b"progress" in data)
            stream = Peer(h, "GET")
            self.assertEqual(stream.status(), 200)
            deaf = call(h, "big", 6, bytes=8000000)
            deaf.socket.settimeout(30)
            old = h.child("handrail-sidecar")
            client(h, "restart", "sidecar")
            peer.read()
            self.assertEqual(len(answers(peer.messages(), 5)), 1)
            self.assertTrue(stream.read().endswith(b"0\r\n\r\n"))
            h.new_child("handrail-sidecar", old)
            self.assertNotIn("has not ended", h.log())


class Sessions(Case):
    def test_a_reload_is_heard_of(self):
        with standin(plugins=[sample("echo")]) as h:
            h.wait_status("/readyz", 200)
            first = Peer(h, "POST", {"id": 0, "method": "initialize", "params": {}},
                         Mcp_Session_Id=None)
            head = first.read().partition(b"\r\n\r\n")[0].decode()
            session = head.partition("Mcp-Session-Id: ")[2].split("\r\n")[0]
            self.assertEqual(len(session), 32)
            stream = Peer(h, "GET", Mcp_Session_Id=session)
            self.assertEqual(stream.status(), 200)
            registry = h.folder / "tool_registry.json"
            registry.write_text(json.dumps({"plugins": [sample("echo"), test_plugin("faulty")]}))
            h.process.send_signal(signal.SIGHUP)
            stream.read(lambda data: b"list_changed" in data)
            self.assertEqual([m["method"] for m in stream.messages()],
                             ["notifications/tools/list_changed"])
            tools = Peer(h, "POST", {"id": 1, "method": "tools/list"}, Mcp_Session_Id=session)
            self.assertIn(b'"slow"', tools.read())
            # The newest stream of a session wins; its end is the end of both.
            newest = Peer(h, "GET", Mcp_Session_Id=session)
            self.assertEqual(newest.status(), 200)
            self.assertTrue(stream.read().endswith(b"0\r\n\r\n"))
            self.assertEqual(Peer(h, "DELETE", Mcp_Session_Id=session).status(), 200)
            self.assertTrue(newest.read().endswith(b"0\r\n\r\n"))

    def test_the_comment(self):
        with standin(plugins=[sample("echo")]) as h:
            h.wait_status("/readyz", 200)
            began = time.monotonic()
            stream = Peer(h, "GET")
            stream.read(lambda data: b"\r\n: " in data)
            self.assertGreater(time.monotonic() - began, 14)
            self.assertLess(time.monotonic() - began, 60)

    def test_many_streams(self):
        """Others are served whatever number of streams is wanted, and all that are open end."""
        files = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (files[1], files[1]))
        self.addCleanup(resource.setrlimit, resource.RLIMIT_NOFILE, files)
        with standin(plugins=[sample("echo")]) as h:
            h.wait_status("/readyz", 200)
            peers = [Peer(h, "GET", Mcp_Session_Id=f"s{n}") for n in range(100)]
            for n in range(100, 1000):
                peers.append(Peer(h, "GET", Mcp_Session_Id=f"s{n}"))
                self.assertIn(peers[-1].status(), (200, 405))
            # (One that was refused may be closed for the sake of others meanwhile.)
            served = [peer for peer in peers if peer.status() == 200]
            self.assertEqual(len(served), STREAMS_MAX)
            for _ in range(50):
                self.assertFalse(h.call_tool("echo", {"text": "x"})["isError"])
            self.assertEqual(h.get("/readyz").status, 200)
            served[0].close()
            wait_for("a place", lambda: Peer(h, "GET", Mcp_Session_Id="x").status() == 200, 5)
            old = h.child("handrail-sidecar")
            os.kill(old, signal.SIGTERM)
            for peer in served[1:]:
                self.assertTrue(peer.read().endswith(b"0\r\n\r\n"))
            h.new_child("handrail-sidecar", old)
            self.assertFalse(h.call_tool("echo", {"text": "x"})["isError"])

    def test_headers_that_are_too_large(self):
        with standin(plugins=[sample("echo")]) as h:
            h.wait_status("/readyz", 200)
            peer = Peer(h, "GET", Mcp_Session_Id="x" * 40000)
            self.assertIn(peer.status(), (413, 414, 431, 494))
            self.assertEqual(request(h.mcp_port, "GET", "/mcp", None,
                                     {**h.mcp_headers(), "Mcp-Session-Id": "x" * 129}).status, 405)


if __name__ == "__main__":
    unittest.main(verbosity=1)
