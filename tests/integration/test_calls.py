# SPDX-License-Identifier: MIT
"""Tool calls at the real programs when their toolhost does not stay."""

import json
import os
import signal
import threading
import time
import unittest

from harness import sample, service, standin, test_plugin
from support import Failure, request, wait_for


def tool(h, name, plugin="faulty"):
    """That tool as /status has it."""
    for p in h.get("/status").json()["plugins"]:
        if p["id"] == plugin:
            return next(t for t in p["tools"] if t["name"] == name)
    raise AssertionError(plugin)


class Call(threading.Thread):
    """One tools/call, in the background; it runs in the toolhost when this returns."""

    def __init__(self, h, name, **arguments):
        super().__init__(daemon=True)
        self.h, self.name_of_tool, self.arguments = h, name, arguments
        self.result = None
        self.start()
        wait_for("the call", lambda: h.get("/status").json()["plugins"][0]["calls_in_flight"], 5)
        time.sleep(0.2)

    def run(self):
        message = {"jsonrpc": "2.0", "id": 1, "method": "tools/call",
                   "params": {"name": self.name_of_tool, "arguments": self.arguments}}
        headers = {**self.h.mcp_headers(), "Accept": "application/json"}  # no stream
        answer = request(self.h.mcp_port, "POST", "/mcp", message, headers, 30)
        self.result = answer.json()["result"]

    def text(self):
        self.join(30)
        return self.result["content"][0]["text"]


class Retries(unittest.TestCase):
    def test_an_idempotent_call_outlives_its_toolhost(self):
        with standin(plugins=[test_plugin("faulty")]) as h:
            h.wait_status("/readyz", 200)
            call = Call(h, "slow_again", ms=1000)
            os.kill(h.child("handrail-toolhost"), signal.SIGKILL)
            self.assertEqual(call.text(), "slept")
            self.assertFalse(call.result["isError"])
            self.assertEqual((tool(h, "slow_again")["retried"], tool(h, "slow_again")["ok"]), (1, 1))
            self.assertIn('handrail_tool_call_retries_total{plugin="faulty",tool="slow_again"} 1\n',
                          h.get("/metrics").text)

    def test_another_call_does_not(self):
        with standin(plugins=[test_plugin("faulty")]) as h:
            h.wait_status("/readyz", 200)
            call = Call(h, "slow", ms=1000)
            os.kill(h.child("handrail-toolhost"), signal.SIGKILL)
            self.assertIn("crashed (killed by signal 9) while running this call", call.text())
            self.assertTrue(call.result["isError"])
            self.assertEqual((tool(h, "slow")["retried"], tool(h, "slow")["crashed"]), (0, 1))

    def test_it_is_said_how_it_crashed_by_a_supervisor_that_is_late_too(self):
        with standin(plugins=[test_plugin("faulty")]) as h:
            h.wait_status("/readyz", 200)
            call = Call(h, "slow", ms=20000)
            toolhost = h.child("handrail-toolhost")
            os.kill(h.pid, signal.SIGSTOP)
            os.kill(toolhost, signal.SIGKILL)
            time.sleep(0.5)
            os.kill(h.pid, signal.SIGCONT)
            self.assertIn("crashed (killed by signal 9) while running this call", call.text())

    def test_a_call_that_kills_does_so_twice_and_no_more(self):
        with standin(plugins=[test_plugin("faulty")]) as h:
            h.wait_status("/readyz", 200)
            result = h.call_tool("crash_again", {})
            self.assertTrue(result["isError"])
            self.assertIn("the call was tried twice", result["content"][0]["text"])
            self.assertIn("signal 6", result["content"][0]["text"])
            wait_for("the third life",
                     lambda: service(h, "toolhost/faulty")["state"] == "up", 20)
            time.sleep(1)
            self.assertEqual(service(h, "toolhost/faulty")["starts"], 3)
            self.assertFalse(h.call_tool("slow", {"ms": 1})["isError"])

    def test_a_call_that_ignores_its_deadline_is_not_repeated(self):
        with standin(plugins=[test_plugin("faulty")]) as h:
            h.wait_status("/readyz", 200)
            old = h.child("handrail-toolhost")
            innocent = Call(h, "slow_again", ms=4500)
            result = h.call_tool("hang_again", {})
            self.assertIn("did not finish within 1.5 s", result["content"][0]["text"])
            h.new_child("handrail-toolhost", old)  # it had to be ended
            self.assertEqual(innocent.text(), "slept")  # which met another call, too
            self.assertEqual(service(h, "toolhost/faulty")["starts"], 2)
            self.assertEqual(tool(h, "hang_again")["retried"], 0)
            self.assertEqual(tool(h, "slow_again")["retried"], 1)

    def test_its_caller_sees_one_growing_progress_and_one_answer(self):
        with standin(plugins=[test_plugin("faulty")]) as h:
            h.wait_status("/readyz", 200)
            old, answers = h.child("handrail-toolhost"), []
            message = {"jsonrpc": "2.0", "id": 7, "method": "tools/call",
                       "params": {"name": "news_again", "arguments": {"n": 10, "ms": 150},
                                  "_meta": {"progressToken": 1}}}
            thread = threading.Thread(target=lambda: answers.append(
                request(h.mcp_port, "POST", "/mcp", message, h.mcp_headers(), 30)))
            thread.start()
            wait_for("the call", lambda: h.get("/status").json()["plugins"][0]["calls_in_flight"], 5)
            time.sleep(0.7)
            os.kill(old, signal.SIGKILL)
            thread.join(30)
            events = [json.loads(line[6:]) for line in answers[0].text.split("\n")
                      if line.startswith("data: {")]
            told = [e["params"]["progress"] for e in events if "method" in e]
            # On a busy machine two that come within a moment are told as one.
            self.assertEqual(told, sorted(set(told)))
            self.assertEqual(told[-1], 10)
            self.assertEqual([e["result"]["isError"] for e in events if "id" in e], [False])


class Wild(unittest.TestCase):
    """What a plugin does to its own process is its own loss."""

    @staticmethod
    def answers(h):
        try:
            return not h.call_tool("wild", {"what": "nothing"})["isError"]
        except Failure:  # not yet connected again
            return False

    def test_each_call_is_answered_and_nothing_else_suffers(self):
        with standin(plugins=[test_plugin("wild"), sample("echo")],
                     options=["--toolhost-backoff=0.1"]) as h:
            h.wait_status("/readyz", 200)
            for what, words in (("leave_child", "crashed (killed by signal 6)"),
                                ("exit_at_once", "crashed (it ended with code 0)"),
                                ("close_all", "crashed (it ended with code 70)"),
                                ("exit_thread", "did not finish within 1.5 s"),
                                ("flood_output", "did not finish within 1.5 s")):
                with self.subTest(what):
                    starts = service(h, "toolhost/wild")["starts"]
                    result = h.call_tool("wild", {"what": what})
                    self.assertTrue(result["isError"])
                    self.assertIn(words, result["content"][0]["text"])
                    self.assertEqual(h.call_tool("echo", {"text": "x"})["content"][0]["text"], "x")
                    wait_for("its next life", lambda n=starts: (
                        service(h, "toolhost/wild")["starts"] > n
                        and service(h, "toolhost/wild")["state"] == "up"), 20)
                    wait_for("its calls", lambda: self.answers(h), 20)
            self.assertEqual(service(h, "toolhost/echo")["starts"], 1)
            self.assertEqual(h.stop(), 143)
            self.assertEqual(h.leftovers(), [])

    def test_a_toolhost_that_serves_nobody_any_more_is_ended(self):
        with standin(plugins=[test_plugin("wild")], options=["--sidecar-watchdog=10"]) as h:
            h.wait_status("/readyz", 200)
            self.assertTrue(h.call_tool("wild", {"what": "replace_descriptors"})["isError"])
            h.wait_line("toolhost/wild: no heartbeat for 10 s: aborting pid", 60)
            wait_for("its calls", lambda: self.answers(h), 60)
            self.assertEqual(h.stop(), 143)


class Plugins(unittest.TestCase):
    def test_the_page(self):
        with standin(plugins=[test_plugin("faulty"), test_plugin("ailing")]) as h:
            h.wait_status("/readyz", 200)
            h.call_tool("slow_again", {"ms": 20})
            h.call_tool("badutf8", {"fail": 1})
            wait_for("both", lambda: all(p["ok"] for p in h.get("/plugins").json()["plugins"]), 5)
            answer = h.get("/plugins")
            self.assertEqual((answer.status, answer.headers["content-type"]),
                             (200, "application/json"))
            self.assertEqual(answer.headers["x-content-type-options"], "nosniff")
            faulty, ailing = answer.json()["plugins"]
            self.assertEqual((faulty["id"], faulty["version"], faulty["state"], faulty["starts"]),
                             ("faulty", "1.2.3", "up", 1))
            self.assertRegex(faulty["sha256"], "^[0-9a-f]{64}$")
            self.assertEqual((faulty["health"], ailing["health"]),
                             (None, {"ok": True, "reason": None}))
            self.assertIn("syscalls", faulty["confinement"]["enforced"])
            tools = {t["name"]: t for t in faulty["tools"]}
            self.assertEqual((tools["alone"]["max_concurrency"], tools["hang"]["timeout_ms"],
                              tools["badutf8"]["calls"]["error"]), (1, 1500, 1))
            self.assertTrue(tools["slow_again"]["annotations"]["idempotentHint"])
            latency = tools["slow_again"]["latency_seconds"]
            self.assertEqual(latency["count"], 1)
            self.assertGreater(latency["sum"], 0.02)
            self.assertLess(latency["p50"], 1)

    def test_methods(self):
        with standin(plugins=[test_plugin("faulty")]) as h:
            h.wait_status("/readyz", 200)
            head = request(h.health_port, "HEAD", "/plugins")
            self.assertEqual((head.status, head.text), (200, ""))
            self.assertGreater(int(head.headers["content-length"]), 1000)
            self.assertEqual(head.headers["x-content-type-options"], "nosniff")
            for method in ("POST", "PUT", "DELETE", "PATCH"):
                answer = request(h.health_port, method, "/plugins")
                self.assertEqual((answer.status, answer.headers["allow"]), (405, "GET, HEAD"))
            self.assertEqual(request(h.health_port, "GET", "/plugins/").status, 404)
            self.assertIn('handrail_http_requests_total{endpoint="/plugins",code="4xx"} 4\n',
                          h.get("/metrics").text)


class Health(unittest.TestCase):
    def test_a_plugin_that_cannot_work_says_so(self):
        away = {"status": -8, "text": "the database is away"}
        with standin(plugins=[test_plugin("ailing", away, required=True)]) as h:
            page = h.wait_status("/readyz", 503)
            wait_for("its word", lambda: "[-]plugin/ailing failed: it says that it cannot work: the "
                     "database is away" in h.get("/readyz").text, 10)
            self.assertEqual(h.get("/livez").status, 200, page.text)
            h.wait_line("toolhost.*health..: the database is away")
            self.assertFalse(h.call_tool("ail", {})["isError"])  # it can be called; it is well now
            h.wait_status("/readyz", 200, timeout=20)
            h.call_tool("ail", away)
            h.wait_status("/readyz", 503, timeout=20)
            h.wait_line("the pod is no longer ready: plugin/ailing: it says that it cannot work")
            self.assertIn('handrail_plugin_healthy{plugin="ailing"} 0\n', h.get("/metrics").text)
            self.assertIn('handrail_plugin_up{plugin="ailing"} 1\n', h.get("/metrics").text)
            self.assertEqual(h.stop(), 143)

    def test_one_that_hangs_is_restarted(self):
        with standin(plugins=[test_plugin("ailing")]) as h:
            h.wait_status("/readyz", 200)
            old = h.child("handrail-toolhost")
            h.call_tool("ail", {"ms": 60000})
            h.new_child("handrail-toolhost", old, timeout=30)
            h.wait_line("plugin ailing: its health.. did not return within 2000 ms")
            self.assertIn("ended with code 75: its health() did not return within 2000 ms",
                          h.get("/crashes").text)
            wait_for("it to be well", lambda: h.get("/status").json()["plugins"][0]["ok"], 10)


if __name__ == "__main__":
    unittest.main(verbosity=1)
