# SPDX-License-Identifier: MIT
"""MCP clients of revision 2026-07-28 at the real programs: requests without sessions, and the
stream that tells them of changes."""

import base64
import http.client
import json
import os
import signal
import tempfile
import unittest
from pathlib import Path

from harness import client, plugin, sample, standin, test_plugin
from support import BUILD, request, wait_for

VERSION = "2026-07-28"
PREFIX = "io.modelcontextprotocol/"


def message(method, params=None):
    meta = {PREFIX + "protocolVersion": VERSION, PREFIX + "clientCapabilities": {}}
    return {"jsonrpc": "2.0", "id": "a", "method": method, "params": {"_meta": meta,
                                                                      **(params or {})}}


def headers(h, method, **more):
    return {**h.mcp_headers(), "MCP-Protocol-Version": VERSION, "Mcp-Method": method,
            **{key.replace("_", "-"): value for key, value in more.items()}}


def ask(h, method, params=None, **more):
    return request(h.mcp_port, "POST", "/mcp", message(method, params),
                   headers(h, method, **more))


def names(h):
    return [t["name"] for t in ask(h, "tools/list").json()["result"]["tools"]]


def write(path, plugin):
    """Put a plugin where another one may be mapped."""
    fresh = path.with_suffix(".new")
    fresh.write_bytes(plugin)
    fresh.chmod(0o755)
    fresh.rename(path)


class Stream:
    """subscriptions/listen: its events, one by one."""

    def __init__(self, h, **wishes):
        self.connection = http.client.HTTPConnection("127.0.0.1", h.mcp_port, timeout=20)
        method = "subscriptions/listen"
        body = json.dumps(message(method, {"notifications": wishes}))
        self.connection.request("POST", "/mcp", body, {**headers(h, method),
                                                       "Content-Type": "application/json"})
        self.response = self.connection.getresponse()

    def event(self):
        """The next message; None at the end."""
        while line := self.response.readline():
            if line.startswith(b"data: "):
                return json.loads(line[6:])
        return None

    def close(self):
        self.connection.close()


class Modern(unittest.TestCase):
    def test_calls(self):
        with standin(plugins=[sample("echo"), test_plugin("conformance")]) as h:
            h.wait_status("/readyz", 200)
            found = ask(h, "server/discover").json()["result"]
            self.assertEqual(found["supportedVersions"], [VERSION])
            self.assertEqual(found["_meta"][PREFIX + "serverInfo"]["name"], "handrail")
            self.assertEqual(names(h), sorted(names(h)))
            coded = f"=?base64?{base64.b64encode(b'echo').decode()}?="
            params = {"name": "echo", "arguments": {"text": "\u00e9"}}
            for name in ("echo", coded):
                result = ask(h, "tools/call", params, Mcp_Name=name).json()["result"]
                self.assertFalse(result["isError"])
                self.assertEqual(result["resultType"], "complete")
            for more, status, code in (({}, 400, -32020), ({"Mcp_Name": "x"}, 400, -32020),
                                       ({"Mcp_Name": coded[:-3] + "?="}, 400, -32020)):
                answer = ask(h, "tools/call", params, **more)
                self.assertEqual((answer.status, answer.json()["error"]["code"]), (status, code))
                self.assertEqual(answer.json()["id"], "a")
            self.assertEqual(ask(h, "ping").status, 404)
            for method in ("GET", "DELETE"):
                self.assertEqual(request(h.mcp_port, method, "/mcp", None,
                                         headers(h, "x")).status, 405)
            # What a sidecar has served does not matter to the next one.
            old = h.child("handrail-sidecar")
            os.kill(old, signal.SIGKILL)
            self.assertFalse(ask(h, "tools/call", params, Mcp_Name="echo").json()
                             ["result"]["isError"])
            self.assertEqual(h.mcp("initialize", {"protocolVersion": VERSION})["protocolVersion"],
                             "2025-11-25")

    def test_a_plugin_comes_back_with_other_tools(self):
        with tempfile.TemporaryDirectory(prefix="handrail-test-") as folder:
            path = Path(folder, "tools.so")
            old = (BUILD / "tests" / "plugins" / "conformance.so").read_bytes()
            write(path, old)
            with standin(plugins=[plugin("conformance", path)]) as h:
                h.wait_status("/readyz", 200)
                self.assertIn("test_simple_text", names(h))
                wants, other = Stream(h, toolsListChanged=True), Stream(h, promptsListChanged=True)
                for stream, granted in ((wants, {"toolsListChanged": True}), (other, {})):
                    first = stream.event()
                    self.assertEqual(first["method"], "notifications/subscriptions/acknowledged")
                    self.assertEqual(first["params"]["notifications"], granted)
                gone = Stream(h, toolsListChanged=True)
                gone.event()
                gone.close()
                # The same tools again are no news; the next event is the change that follows.
                os.kill(h.child("handrail-toolhost"), signal.SIGKILL)
                wait_for("its tools",
                         lambda: not h.call_tool("test_simple_text", {})["isError"], 20)
                # Its next release calls a tool otherwise.
                write(path, old.replace(b"test_simple_text\0", b"test_other__text\0"))
                client(h, "restart", "toolhost/conformance")
                told = wants.event()
                self.assertEqual(told["method"], "notifications/tools/list_changed")
                self.assertEqual(told["params"]["_meta"][PREFIX + "subscriptionId"], "a")
                self.assertIn("test_other__text", names(h))
                self.assertNotIn("test_simple_text", names(h))
                # The end is said as well, and nothing else was to who did not want it.
                client(h, "restart", "sidecar")
                for stream in (wants, other):
                    last = stream.event()
                    self.assertEqual((last["id"], last["result"]["resultType"]), ("a", "complete"))
                    self.assertIsNone(stream.event())
                    stream.close()


if __name__ == "__main__":
    unittest.main(verbosity=1)
