# SPDX-License-Identifier: MIT
"""handrail with its sidecar and toolhosts around the stand-in server: start, probes, crashes of
every part, tools, stops, and configurations that are wrong."""

import contextlib
import http.client
import os
import re
import shlex
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
import unittest
from pathlib import Path
from unittest import mock

from harness import client, plugin, running, sample, standin, test_plugin
from support import (HANDRAIL, ROOT, TREE, descendants, free_ports, request, spawn, standin_command,
                     wait_for)

PROBE_LIMIT = 10.0  # seconds: the kubelet's default timeout is 1, and this machine may be busy


def probe(h, path):
    """A probe as the kubelet sends it; asserts that it was answered, whatever else stands still."""
    answer = h.get(path, timeout=PROBE_LIMIT)
    assert answer.status, f"{path} was not answered: {answer.text}"
    return answer


class Start(unittest.TestCase):
    def test_readiness_begins_false_and_follows_the_server(self):
        with standin("--start-delay", "1.5") as h:
            h.wait_status("/readyz", 503)
            self.assertEqual(probe(h, "/startupz").status, 503)
            self.assertEqual(probe(h, "/livez").status, 200)
            text = probe(h, "/readyz").text
            self.assertIn("[-]ready failed: ", text)
            self.assertIn("[+]process ok\n", text)
            self.assertTrue(text.endswith("readyz check failed\n"), text)
            h.wait_status("/readyz", 200)
            self.assertEqual(probe(h, "/readyz").text, "ok")
            self.assertEqual(probe(h, "/startupz").text, "ok")
            self.assertEqual(h.stop(), 143)
            self.assertEqual(h.leftovers(), [])

    def test_a_server_that_is_bound_and_not_ready(self):
        with standin("--start-503", "1") as h:
            h.wait_line("server: started")
            h.wait_status("/readyz", 503)
            h.wait_status("/readyz", 200)

    def test_an_old_server(self):
        """It has no /ready, imports no module, and finds no tools: it runs, and we say so."""
        with tempfile.TemporaryDirectory(prefix="handrail-old-") as folder:
            server = Path(folder, "bin/agent-server")
            server.parent.mkdir()
            server.write_text(f'#!/bin/sh\nexec {shlex.join(map(str, standin_command()[:2]))} "$@"\n')
            server.chmod(0o755)
            Path(folder, "lib/python3.13/site-packages/openhands_agent_server-1.8.2.dist-info") \
                .mkdir(parents=True)
            command = [server, *standin_command()[2:], "--old"]
            with running(command, plugins=[sample("echo")]) as h:
                h.wait_status("/readyz", 200)
                self.assertEqual(h.get("/readyz/ready").text, "ok")
                self.assertRegex(h.log(), "agent-server 1.8.2 gives no conversation the native tools")
                self.assertRegex(h.log(), "agent-server 1.8.2 cannot import modules at its start")
                self.assertEqual(h.call_tool("echo", {"text": "hello"})["isError"], False)
                self.assertEqual(h.stop(), 143)

    def test_the_format_is_the_one_operators_know(self):
        with standin() as h:
            h.wait_status("/readyz", 200)
            verbose = probe(h, "/readyz?verbose")
            self.assertEqual(verbose.headers["content-type"], "text/plain; charset=utf-8")
            self.assertEqual(verbose.headers["x-content-type-options"], "nosniff")
            self.assertRegex(verbose.text, r"\A(\[\+\]\S+ ok\n)+readyz check passed\n\Z")
            excluded = probe(h, "/readyz?verbose&exclude=ready&exclude=nosuch")
            self.assertIn("[+]ready excluded: ok\n", excluded.text)
            self.assertIn("nosuch", excluded.text)
            self.assertEqual(probe(h, "/readyz/process").text, "ok")
            self.assertEqual(probe(h, "/readyz/nosuch").status, 404)
            self.assertEqual(probe(h, "/nosuch").status, 404)
            self.assertEqual(request(h.health_port, "POST", "/readyz", b"").status, 405)
            head = request(h.health_port, "HEAD", "/readyz")
            self.assertEqual((head.status, head.text), (200, ""))

    def test_status_and_metrics(self):
        with standin(plugins=[sample("echo")]) as h:
            h.wait_status("/readyz", 200)
            h.call_tool("echo", {"text": "x"})
            self.assertNotRegex(h.get("/status").text, r"\.\d{4}")  # milliseconds are enough
            status = h.get("/status").json()
            self.assertEqual([s["name"] for s in status["services"]],
                             ["server", "sidecar", "toolhost/echo"])
            self.assertEqual({s["state"] for s in status["services"]}, {"up"})
            self.assertEqual(status["plugins"][0]["id"], "echo")
            metrics = h.get("/metrics")
            self.assertEqual(metrics.headers["content-type"],
                             "text/plain; version=0.0.4; charset=utf-8")
            self.assertRegex(metrics.text, r'(?m)^handrail_tool_calls_total\{[^}]*outcome="ok"\} 1$')
            token = h.mcp_headers()["Authorization"].split()[1]
            self.assertNotIn(token, h.get("/status").text + metrics.text + h.log())


class Crashes(unittest.TestCase):
    def kill_and_wait(self, h, name):
        old = h.child(name)
        os.kill(old, signal.SIGKILL)
        return h.new_child(name, old)

    def test_the_server(self):
        with standin() as h:
            h.wait_status("/readyz", 200)
            h.fault(crash="SIGSEGV")
            h.wait_line(r"server: killed by signal 11 \(Segmentation fault\)")
            h.wait_status("/readyz", 503)
            self.assertEqual(probe(h, "/livez").status, 200)  # within its restart budget
            self.assertEqual(probe(h, "/startupz").status, 200)  # once is enough
            h.wait_status("/readyz", 200)
            self.assertEqual(h.get("/status").json()["services"][0]["failures"], 1)
            self.assertEqual(h.stop(), 143)

    def test_another_programs_port(self):
        # It answers /ready, but it is not the server, which will never get the port.
        ports = free_ports(3)
        stranger = spawn([str(part).replace("{port}", str(ports[0])) for part in standin_command()])
        try:
            wait_for("the stranger", lambda: request(ports[0], "GET", "/ready").status == 200, 10)
            with standin(ports=ports) as h:
                h.wait_line("server: ended with code 3")
                for _ in range(20):
                    self.assertEqual(probe(h, "/readyz").status, 503)
                    time.sleep(0.02)
                self.assertNotIn("server: ready", h.log())
                stranger.kill()
                stranger.wait()
                h.wait_status("/readyz", 200, timeout=30)
            with running(["sleep", "60"], ports=ports) as h:
                h.wait_status("/readyz", 503)
        finally:
            stranger.kill()
            stranger.wait()

    def test_a_child_that_outlives_the_server_is_not_the_server(self):
        script = ("import os,sys,time\n"
                  "if os.fork() == 0:\n os.setsid(); os.execvp(sys.argv[1], sys.argv[1:])\n"
                  "time.sleep(60)")
        with running(["python3", "-c", script, *standin_command()],
                     options=["--cleanup=none"]) as h:
            h.wait_status("/readyz", 200)
            life = len(h.lines)
            os.kill(h.child("python3"), signal.SIGKILL)
            h.wait_line("server: started", start=life)
            end = time.monotonic() + 2
            while time.monotonic() < end:
                self.assertEqual(probe(h, "/readyz").status, 503)
                time.sleep(0.02)

    def test_readiness_goes_off_with_the_process(self):
        once = "[ -e again ] && exec sleep 600; : >again; exec \"$@\""
        with running(["sh", "-c", once, "sh", *standin_command()]) as h:
            h.wait_status("/readyz", 200)
            os.kill(h.child("agent_server.py"), signal.SIGKILL)
            h.wait_line("server: killed by signal 9")
            h.wait_status("/readyz", 503, timeout=5)  # what asks it would take longer to be sure

    def test_a_server_of_two_processes_whose_first_half_dies(self):
        # As a one-file bundle runs: its loader forks, waits, and the child holds the port.
        loader = ("import os,subprocess,sys;"
                  "sys.exit(subprocess.run([sys.executable]+sys.argv[1:]).returncode)")
        with running(["python3", "-c", loader, *standin_command()[1:]]) as h:
            h.wait_status("/readyz", 200)
            [first] = [p for p in descendants(h.pid) if p.ppid == h.pid and "-c" in p.argv]
            [second] = [p for p in descendants(h.pid) if p.ppid == first.pid]
            os.kill(first.pid, signal.SIGKILL)
            wait_for("the end of its other half",
                     lambda: not os.path.exists(f"/proc/{second.pid}"), 30)
            h.wait_line("server: killed by signal 9")
            h.wait_status("/readyz", 200)
            self.assertNotIn("ended with code", h.log())  # no second one found the port taken
            self.assertEqual(h.stop(), 143)

    def test_an_exit_with_code_0_that_nobody_asked_for(self):
        with standin() as h:
            h.wait_status("/readyz", 200)
            h.fault(exit=0)
            h.wait_line("server: ended with code 0 .* starting it again|"
                        "server: ended with code 0; starting it again")
            h.wait_status("/readyz", 200)

    def test_what_cannot_get_better_ends_with_its_code(self):
        with running(["/does/not/exist"]) as h:
            self.assertEqual(h.wait(), 127)
            self.assertIn("cannot run /does/not/exist: No such file", h.log())
        with standin("--no-such-flag") as h:  # the server's usage error
            self.assertEqual(h.wait(), 2)

    def test_a_crash_loop_ends_with_the_servers_code(self):
        with running(["sh", "-c", "exit 3"], options=["--restart=never"]) as h:
            self.assertEqual(h.wait(), 3)

    def test_the_end_of_what_is_never_restarted_is_no_failure_if_its_code_is_0(self):
        for options in ([], ["--on-give-up=stay"]):
            with running(["sh", "-c", "until [ -e go ]; do sleep 0.1; done"],
                         options=["--restart=never", *options]) as h:
                h.wait_line("sidecar: ready after")
                (h.folder / "go").touch()
                self.assertEqual(h.wait(), 0)
                self.assertIn("server: done after", h.log())
                self.assertIn("the pod is stopped", h.log())
                for word in ("failed", "no longer live"):
                    self.assertNotIn(word, h.log())

    def test_the_sidecar(self):
        with standin(plugins=[sample("echo")]) as h:
            h.wait_status("/readyz", 200)
            server = h.child("agent_server.py")
            headers = h.mcp_headers()
            for _ in range(3):
                self.kill_and_wait(h, "handrail-sidecar")
            h.wait_status("/readyz", 200)
            self.assertEqual(probe(h, "/startupz").status, 200)
            self.assertEqual(h.child("agent_server.py"), server, "the server was touched")
            self.assertEqual(h.mcp_headers(), headers, "the token has changed")
            self.assertEqual(h.call_tool("echo", {"text": "again"})["content"][0]["text"], "again")

    def test_a_connection_is_delayed_by_a_restart_of_the_sidecar_never_refused(self):
        with standin() as h:
            h.wait_status("/readyz", 200)
            os.kill(h.child("handrail-sidecar"), signal.SIGKILL)
            self.assertNotEqual(h.get("/livez").status, 0)

    def test_the_toolhost_between_two_calls(self):
        with standin(plugins=[sample("echo")]) as h:
            h.wait_status("/readyz", 200)
            self.assertFalse(h.call_tool("echo", {"text": "one"})["isError"])
            old = h.child("handrail-toolhost")
            os.kill(old, signal.SIGKILL)
            # A call that is sent to a process about to die is lost with it; the next one is not.
            wait_for("its end", lambda: not os.path.exists(f"/proc/{old}"), 30)
            result = h.call_tool("echo", {"text": "two"})
            self.assertEqual((result["isError"], result["content"][0]["text"]), (False, "two"))
            self.assertEqual(probe(h, "/readyz").status, 200)

    def test_nobody_survives_handrail(self):
        with standin(plugins=[sample("echo")]) as h:
            h.wait_status("/readyz", 200)
            ours = descendants(h.pid)
            self.assertEqual(len(ours), 3)
            os.kill(h.pid, signal.SIGKILL)
            wait_for("their end", lambda: not h.leftovers(), 30)

    def test_random_kills_leave_nothing_behind(self):
        with standin(plugins=[sample("echo"), sample("workspace-search", {"root": "/"})]) as h:
            h.wait_status("/readyz", 200)
            names = ["handrail-sidecar", "echo", "workspace"]
            for i in range(30):
                victims = [p.pid for p in descendants(h.pid)
                           if any("handrail-" in part for part in p.argv)]
                if victims:
                    os.kill(victims[i % len(victims)], signal.SIGKILL)
                time.sleep(0.02 * (i % 5))
            self.assertTrue(names)
            h.wait_status("/readyz", 200, timeout=60)
            wait_for("both toolhosts", lambda: len(h.children("handrail-toolhost")) == 2, 60)
            self.assertFalse(h.call_tool("echo", {"text": "x"}, timeout=70)["isError"])
            wait_for("the last to be reaped",
                     lambda: not [p for p in descendants(h.pid) if p.state == "Z"], 30)
            self.assertEqual(h.stop(), 143)
            self.assertEqual(h.leftovers(), [])


class Hangs(unittest.TestCase):
    def test_probes_answer_while_the_servers_loop_is_blocked(self):
        with standin(options=["--check", "alive:limit=6"]) as h:
            h.wait_status("/readyz", 200)
            h.fault(hang=30)
            began = time.monotonic()
            statuses = {"/livez": [], "/readyz": []}
            while time.monotonic() - began < 28 and (
                    not statuses["/livez"] or statuses["/livez"][-1] == 200):
                for path, seen in statuses.items():
                    seen.append(probe(h, path).status)
                time.sleep(0.05)
            # A short hang is no reason; a long one makes it not ready, then not live.
            self.assertEqual(statuses["/readyz"][0], 200)
            self.assertEqual(statuses["/readyz"][-1], 503)
            self.assertEqual(statuses["/livez"][0], 200)
            self.assertEqual(statuses["/livez"][-1], 503)
            self.assertEqual(h.stop(timeout=90), 143)

    def test_a_stopped_server_is_no_different(self):
        with standin() as h:
            h.wait_status("/readyz", 200)
            os.kill(h.child("agent_server.py"), signal.SIGSTOP)
            for _ in range(100):
                probe(h, "/livez")
            h.wait_status("/readyz", 503, timeout=60)
            os.kill(h.child("agent_server.py"), signal.SIGCONT)
            h.wait_status("/readyz", 200)

    def test_what_is_stopped_ends_all_the_same(self):
        with standin(plugins=[sample("echo")]) as h:
            h.wait_status("/readyz", 200)
            for name in ("agent_server.py", "handrail-sidecar", "handrail-toolhost"):
                os.kill(h.child(name), signal.SIGSTOP)
            self.assertEqual(h.stop(), 143)
            self.assertNotIn("killing", h.log())

    def test_a_hang_turns_readiness_off_in_time(self):
        with standin() as h:
            h.wait_status("/readyz", 200)
            began = time.monotonic()
            os.kill(h.child("agent_server.py"), signal.SIGSTOP)
            h.wait_status("/readyz", 503, timeout=60)
            self.assertGreater(time.monotonic() - began, 4)  # one late answer is no hang
            os.kill(h.child("agent_server.py"), signal.SIGCONT)

    def test_idle_connections_do_not_starve_a_probe(self):
        with standin() as h:
            h.wait_status("/readyz", 200)
            idle = []
            try:
                for _ in range(600):  # from the probe's own address, as behind a gateway
                    s = socket.socket()
                    s.settimeout(2)
                    s.connect(("127.0.0.1", h.health_port))
                    idle.append(s)
                for _ in range(20):
                    self.assertEqual(probe(h, "/livez").status, 200)
            finally:
                for s in idle:
                    s.close()
            self.assertEqual(probe(h, "/livez").status, 200)


class Tools(unittest.TestCase):
    def test_the_tools_of_all_plugins(self):
        with standin(plugins=[sample("echo"), sample("workspace-search", {"root": "/etc"})]) as h:
            h.wait_status("/readyz", 200)
            tools = {t["name"]: t for t in h.mcp("tools/list")["tools"]}
            self.assertEqual(set(tools), {"echo", "workspace_search"})
            self.assertEqual(tools["echo"]["inputSchema"]["type"], "object")
            found = h.call_tool("workspace_search", {"pattern": "^root:", "glob": "passwd"})
            self.assertIn("passwd:1: root:", found["content"][0]["text"])
            escaped = h.call_tool("workspace_search", {"pattern": "x", "path": "../tmp"})
            self.assertTrue(escaped["isError"])

    def status_of_get(self, h, headers):
        """Of the stream of a session, which does not end."""
        connection = http.client.HTTPConnection("127.0.0.1", h.mcp_port, timeout=5)
        with contextlib.closing(connection):
            connection.request("GET", "/mcp", headers=headers)
            return connection.getresponse().status

    def test_initialize_as_the_real_client_does(self):
        with standin(plugins=[sample("echo")]) as h:
            h.wait_status("/readyz", 200)
            answer = h.mcp("initialize", {"protocolVersion": "2025-11-25", "capabilities": {},
                                          "clientInfo": {"name": "mcp", "version": "0.1.0"}})
            self.assertEqual(answer["protocolVersion"], "2025-11-25")
            headers = {**h.mcp_headers(), "Mcp-Session-Id": "from-another-life"}
            note = {"jsonrpc": "2.0", "method": "notifications/initialized"}
            self.assertEqual(request(h.mcp_port, "POST", "/mcp", note, headers).status, 202)
            self.assertEqual(self.status_of_get(h, headers), 200)
            ping = {"jsonrpc": "2.0", "id": "a", "method": "ping"}
            pong = request(h.mcp_port, "POST", "/mcp", ping, headers)
            self.assertEqual((pong.status, pong.json()["result"]), (200, {}))

    def test_arguments_that_do_not_fit_never_reach_the_plugin(self):
        with standin(plugins=[sample("echo")]) as h:
            h.wait_status("/readyz", 200)
            for arguments, words in (({"text": 3}, "/text: expected string, got integer 3"),
                                     ({}, 'missing required property "text"'),
                                     ({"text": "x", "more": 1}, "/more")):
                result = h.call_tool("echo", arguments)
                self.assertTrue(result["isError"])
                self.assertIn(words, result["content"][0]["text"])
            metrics = h.get("/metrics").text
            self.assertRegex(metrics, r'(?m)^handrail_tool_calls_total\{.*outcome="rejected"\} 3$')

    def test_strangers_are_kept_out(self):
        with standin(plugins=[sample("echo")]) as h:
            h.wait_status("/readyz", 200)
            good = h.mcp_headers()
            ping = {"jsonrpc": "2.0", "id": 1, "method": "ping"}
            for change, status in (({"Authorization": "Bearer wrong"}, 401),
                                   ({"Authorization": ""}, 401),
                                   ({"Origin": "http://evil.example"}, 403),
                                   ({"Host": "evil.example"}, 403),
                                   ({"Content-Type": "text/plain"}, 415)):
                answer = request(h.mcp_port, "POST", "/mcp", ping, {**good, **change})
                self.assertEqual(answer.status, status, change)
            self.assertNotIn("access-control-allow-origin",
                             request(h.mcp_port, "POST", "/mcp", ping, good).headers)

    def test_a_crash_takes_only_its_own_process(self):
        with standin(plugins=[test_plugin("faulty"), sample("echo")]) as h:
            h.wait_status("/readyz", 200)
            result = h.call_tool("crash", {})
            self.assertTrue(result["isError"])
            self.assertIn("faulty", result["content"][0]["text"])
            self.assertIn("signal 6", result["content"][0]["text"])
            self.assertFalse(h.call_tool("echo", {"text": "x"})["isError"])
            after = h.call_tool("slow", {"ms": 1})
            self.assertFalse(after["isError"], after)
            self.assertEqual(probe(h, "/readyz").status, 200)

    def test_running_calls_of_a_crashed_plugin_are_all_answered(self):
        with standin(plugins=[test_plugin("faulty")]) as h:
            h.wait_status("/readyz", 200)
            results = []
            threads = [threading.Thread(
                target=lambda: results.append(h.call_tool("slow", {"ms": 20000}))) for _ in range(5)]
            for t in threads:
                t.start()
            wait_for("the calls", lambda: h.get("/status").json()["plugins"][0]["calls_in_flight"]
                     == 5, 15)
            h.call_tool("segv", {})
            for t in threads:
                t.join(60)
            self.assertEqual([r["isError"] for r in results], [True] * 5)

    def test_a_tool_that_never_returns(self):
        with standin(plugins=[test_plugin("faulty")]) as h:
            h.wait_status("/readyz", 200)
            old = h.child("handrail-toolhost")
            began = time.monotonic()
            result = h.call_tool("hang", {}, timeout=60)
            self.assertTrue(result["isError"])
            self.assertLess(time.monotonic() - began, 55)
            h.new_child("handrail-toolhost", old)  # it was put an end to
            self.assertFalse(h.call_tool("slow", {"ms": 1})["isError"])

    def test_what_a_plugin_prints_goes_to_the_log(self):
        with standin(plugins=[test_plugin("faulty")]) as h:
            h.wait_status("/readyz", 200)
            h.call_tool("print", {})
            h.wait_line("toolhost/faulty: ")
            self.assertFalse(h.call_tool("slow", {"ms": 1})["isError"])

    def test_a_plugin_that_cannot_be_loaded_harms_nobody(self):
        for name, words in (("wrong_magic", "magic"), ("no_symbol", "handrail_plugin_v1"),
                            ("needs_future", "needs ABI 1.99"), ("builtin_name", "terminal"),
                            ("bad_create", "bad_create")):
            with self.subTest(name), standin(plugins=[test_plugin(name), sample("echo")]) as h:
                h.wait_status("/readyz", 200)
                h.wait_line(rf"error: .*{re.escape(words)}")
                h.wait_line(f"toolhost/{name}: ended with code 78: .*not starting it again")
                self.assertFalse(h.call_tool("echo", {"text": "x"})["isError"])
                state = {s["name"]: s["state"] for s in h.get("/status").json()["services"]}
                self.assertEqual(state[f"toolhost/{name}"], "failed")

    def test_what_a_plugin_has_forked_ends_with_it(self):
        with standin(plugins=[test_plugin("faulty", confinement={"exec": True})]) as h:
            h.wait_status("/readyz", 200)
            old = h.child("handrail-toolhost")
            forked = int(h.call_tool("fork", {})["content"][0]["text"])
            self.assertTrue(os.path.exists(f"/proc/{forked}"))
            os.kill(old, signal.SIGKILL)
            h.new_child("handrail-toolhost", old)
            wait_for("its end", lambda: not os.path.exists(f"/proc/{forked}"), 2)

    def test_a_missing_file(self):
        with standin(plugins=[plugin("gone", "/does/not/exist.so"), sample("echo")]) as h:
            h.wait_status("/readyz", 200)
            h.wait_line("error: .*/does/not/exist.so")
            self.assertEqual([t["name"] for t in h.mcp("tools/list")["tools"]], ["echo"])

    def test_a_required_plugin_keeps_readiness_off(self):
        with standin(plugins=[test_plugin("wrong_magic", required=True)]) as h:
            h.wait_line("toolhost/wrong_magic: ended with code 78")
            time.sleep(0.5)
            self.assertIn("[-]plugin/wrong_magic failed: ", h.wait_status("/readyz", 503).text)
            self.assertEqual(probe(h, "/livez").status, 200)


    def test_a_call_ends_well_when_the_sidecar_is_stopped(self):
        # A client takes a connection that just ends for the end of its session.
        with standin(plugins=[test_plugin("faulty")]) as h:
            h.wait_status("/readyz", 200)
            results = []
            thread = threading.Thread(
                target=lambda: results.append(h.call_tool("slow", {"ms": 20000})))
            thread.start()
            wait_for("the call",
                     lambda: h.get("/status").json()["plugins"][0]["calls_in_flight"], 15)
            os.kill(h.child("handrail-sidecar"), signal.SIGTERM)
            thread.join(60)
            self.assertEqual([r["isError"] for r in results], [True])
            self.assertIn("restarted", results[0]["content"][0]["text"])

    def test_many_large_results_and_arguments_at_once(self):
        with standin(plugins=[test_plugin("faulty")]) as h:
            h.wait_status("/readyz", 200)
            for name, arguments in (("big", {"bytes": 4000000}),
                                    ("slow", {"ms": 0, "x": "x" * 3000000})):
                results = []

                def call():
                    result = h.call_tool(name, arguments, timeout=60)
                    results.append(result["isError"] and result["content"][0]["text"])

                threads = [threading.Thread(target=call) for _ in range(15)]
                for t in threads:
                    t.start()
                for t in threads:
                    t.join(90)
                self.assertEqual(results, [False] * 15, name)

    def test_a_strangers_body_is_not_kept(self):
        with standin(plugins=[sample("echo")]) as h:
            h.wait_status("/readyz", 200)
            sidecar = h.child("handrail-sidecar")

            def resident() -> int:
                return int(Path(f"/proc/{sidecar}/statm").read_text().split()[1]) * 4096

            before, strangers = resident(), []
            try:
                for _ in range(40):
                    s = socket.create_connection(("127.0.0.1", h.mcp_port), 5)
                    s.sendall(b"POST /mcp HTTP/1.1\r\nHost: 127.0.0.1\r\n"
                              b"Content-Type: application/json\r\nContent-Length: 3000000\r\n\r\n"
                              + b"x" * 2999999)
                    strangers.append(s)
                self.assertLess(resident() - before, 20 * 1000 * 1000)
                strangers[0].sendall(b"x")
                self.assertIn(b" 401 ", strangers[0].recv(100))
            finally:
                for s in strangers:
                    s.close()


class AmbientPlugin(unittest.TestCase):
    def test_it_is_there_before_the_server_starts_and_gone_afterwards(self):
        look = ("import os,sys,json;p=os.path.expanduser('~/.agents/plugins/handrail/.mcp.json');"
                "print(oct(os.stat(p).st_mode & 0o777),os.listdir(os.path.dirname(p)),"
                "json.load(open(p))['mcpServers']['handrail']['url'],flush=True);"
                "import time;time.sleep(60)")
        with running(["python3", "-c", look], plugins=[sample("echo")]) as h:
            line = h.wait_line("mcp.json").group(0)
            self.assertTrue(line)
            self.assertIn(f"0o600 ['.mcp.json'] http://127.0.0.1:{h.mcp_port}/mcp", h.log())
            h.stop()
            self.assertFalse(h.ambient_file.exists())

    def test_another_client_finds_them_as_the_page_says(self):
        page = (ROOT / "sidecar" / "mcp" / "HTTP.md").read_text()
        command, = re.findall(r"^```sh\n(.*?)^```$", page, re.M | re.S)
        with standin(plugins=[sample("echo")]) as h:
            h.wait_status("/readyz", 200)
            done = subprocess.run(["sh", "-c", command.replace("60011", str(h.mcp_port))],
                                  env={**os.environ, "HOME": str(h.home)}, capture_output=True,
                                  text=True, timeout=30, check=True)
            self.assertIn('"name":"echo"', done.stdout)

    def test_no_plugins_no_file(self):
        with standin() as h:
            h.wait_status("/readyz", 200)
            self.assertFalse(h.ambient_file.exists())


class Stop(unittest.TestCase):
    def test_readiness_goes_off_at_once_and_liveness_stays(self):
        with standin("--stop-delay", "2") as h:
            h.wait_status("/readyz", 200)
            h.process.terminate()
            h.wait_line("stopping on signal 15")
            answer = probe(h, "/readyz")
            self.assertEqual(answer.status, 503)
            self.assertIn("draining", answer.text)
            self.assertEqual(probe(h, "/livez").status, 200)
            self.assertEqual(h.wait(), 143)

    def test_a_server_that_ignores_term_is_killed_when_the_budget_is_spent(self):
        with standin("--ignore-term", options=["--grace=2"]) as h:
            h.wait_status("/readyz", 200)
            began = time.monotonic()
            self.assertEqual(h.stop(), 137)
            self.assertGreater(time.monotonic() - began, 1.8)
            self.assertIn("the grace period is over", h.log())
            self.assertNotIn("has not ended", h.log())  # said twice
            self.assertEqual(h.leftovers(), [])

    def test_a_second_signal_hastens_it(self):
        with standin("--ignore-term") as h:
            h.wait_status("/readyz", 200)
            h.process.terminate()
            h.wait_line("stopping on signal 15")
            began = time.monotonic()
            self.assertEqual(h.stop(), 137)
            self.assertIn("2000 ms are left", h.log())
            self.assertGreater(time.monotonic() - began, 1.9)
            self.assertNotIn("starting it again", h.log())
            self.assertEqual(h.leftovers(), [])

    def test_a_first_signal_after_the_servers_own_end_hastens_nothing(self):
        script = ("import os,signal,sys,time\n"
                  "def save(*a):\n open('saving','w').close(); time.sleep(4)\n"
                  " open('saved','w').close(); os._exit(0)\n"
                  "if os.fork() == 0:\n os.setsid(); signal.signal(signal.SIGTERM, save)\n"
                  " open('ready','w').close(); time.sleep(600)\n"
                  "while not os.path.exists('ready'): time.sleep(0.01)\n"
                  "sys.exit(3)")
        with running(["python3", "-c", script], options=["--restart=never"]) as h:
            wait_for("it to save", (h.folder / "saving").exists, 30)
            self.assertEqual(h.stop(), 3)
            self.assertTrue((h.folder / "saved").exists(), h.log())
            self.assertEqual(h.leftovers(), [])

    def test_a_third_signal_kills(self):
        with standin("--ignore-term", options=["--grace=0"]) as h:
            h.wait_status("/readyz", 200)
            h.process.terminate()
            h.wait_line("stopping on signal 15 .*, without a limit")
            h.process.terminate()
            h.wait_line("again: 2000 ms are left")
            self.assertEqual(h.stop(), 137)
            self.assertIn("once more: killing what is left", h.log())

    def test_a_server_that_is_stopped_is_woken_to_end(self):
        with standin() as h:
            h.wait_status("/readyz", 200)
            os.kill(h.child("agent_server.py"), signal.SIGSTOP)
            self.assertEqual(h.stop(), 143)  # and not 137

    def test_everything_below_is_stopped(self):
        with standin(plugins=[sample("echo")]) as h:
            h.wait_status("/readyz", 200)
            h.fault(orphans=20, seconds=300)
            wait_for("the orphans", lambda: len(h.children("sleep")) == 20, 30)
            self.assertEqual(h.stop(), 143)
            self.assertEqual(h.leftovers(), [])

    def test_what_the_sidecar_has_left_is_waited_for(self):
        for i in range(30):  # it happens now and then
            with running(["sleep", "60"]) as h:
                h.wait_line("sidecar: ready")
                seen = len(h.lines)
                client(h, "restart", "sidecar")
                h.wait_line("sidecar: started", start=seen)
                time.sleep(i * 0.001)
                self.assertEqual(h.stop(), 143)
                self.assertEqual(h.leftovers(), [])

    def test_what_is_left_is_waited_for_without_proc(self):
        save = ("import os,signal,time\n"
                "def term(*a):\n time.sleep(1); open('saved','w').close(); os._exit(0)\n"
                "signal.signal(signal.SIGTERM,term)\nprint('left',flush=True)\n"
                "open('ready','w').close()\nwhile True: time.sleep(1)")
        unshare = ["unshare", "--pid", "--fork", "--kill-child", "--mount", "sh", "-c",
                   "mount -t tmpfs none /proc && exec \"$@\"", "sh"]
        if subprocess.run(unshare + ["true"], stderr=subprocess.DEVNULL, check=False).returncode:
            self.skipTest("no namespaces here")
        for options in ([], ["--no-sidecar"]):
            with tempfile.TemporaryDirectory() as d:
                env = {"PATH": os.environ["PATH"], "HANDRAIL_HEALTH_ADDR": "127.0.0.1:0",
                       "HANDRAIL_MCP_ADDR": "127.0.0.1:0", "HANDRAIL_CONFIG_DIR": d}
                p = subprocess.Popen(
                    [*unshare, HANDRAIL, "run", "--restart=never", *options, "--", "sh", "-c",
                     f"setsid python3 -c \"{save}\" & until [ -e ready ]; do sleep 0.1; done; exit 4"], env=env, cwd=d,
                    stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
                out, err = p.communicate(timeout=60)
                if "Sanitizer" in err:
                    self.skipTest("sanitizers need /proc")
                self.assertEqual(p.returncode, 4, err)
                self.assertIn("left", out)
                self.assertTrue(os.path.exists(d + "/saved"), err)

    def test_a_stop_while_the_server_starts(self):
        with standin("--start-delay", "30") as h:
            h.wait_line("server: started")
            self.assertEqual(h.stop(), 143)

    def test_a_stop_while_it_waits_to_start_again(self):
        with running(["sh", "-c", "exit 9"]) as h:
            h.wait_line("ended with code 9; starting it again")
            self.assertEqual(h.stop(), 143)

    def test_other_signals_are_the_servers(self):
        with running(["sh", "-c", "trap 'echo got usr1' USR1; echo up; while :; do sleep 0.1; done"]
                     ) as h:
            h.wait_line("up")
            h.process.send_signal(signal.SIGUSR1)
            h.wait_line("got usr1")


class Configuration(unittest.TestCase):
    def run_with(self, registry: str, *options: str, **env: str):
        with tempfile.TemporaryDirectory() as d:
            path = os.path.join(d, "tool_registry.json")
            with open(path, "w", encoding="utf-8") as f:
                f.write(registry)
            full = {"PATH": os.environ["PATH"], "HANDRAIL_CONFIG_DIR": d, **env}
            return subprocess.run([HANDRAIL, "run", *options, "--", "touch", d + "/started"],
                                  env=full, capture_output=True, text=True, timeout=20,
                                  check=False), os.path.exists(d + "/started")

    def test_a_broken_registry_ends_with_78_before_anything_starts(self):
        for text, words in (("{", "line 1"), ('{"plugins":3}', "/plugins: expected an array"),
                            ('{"plugins":[{"id":"a","path":"rel.so"}]}', "/plugins/0/path"),
                            ('{"plugins":[{"id":"a"}]}', "/plugins/0/path")):
            done, started = self.run_with(text)
            self.assertEqual(done.returncode, 78)
            self.assertIn(words, done.stderr)
            self.assertIn("tool_registry.json", done.stderr)
            self.assertFalse(started)

    def test_a_port_that_is_taken(self):
        with socket.socket() as s:
            s.bind(("127.0.0.1", 0))
            s.listen()
            address = f"127.0.0.1:{s.getsockname()[1]}"
            done, started = self.run_with('{"plugins":[]}', HANDRAIL_HEALTH_ADDR=address)
            self.assertEqual(done.returncode, 78)
            self.assertIn(address, done.stderr)
            self.assertIn("HANDRAIL_HEALTH_ADDR", done.stderr)
            self.assertFalse(started)

    def test_an_unreadable_named_registry(self):
        done, started = self.run_with("{}", "--registry=/does/not/exist")
        self.assertEqual(done.returncode, 78)
        self.assertFalse(started)


class OwnPrograms(unittest.TestCase):
    def test_a_sidecar_that_cannot_be_run_is_named(self):
        with tempfile.TemporaryDirectory() as d:
            tree = Path(shutil.copytree(TREE, d + "/tree"))
            sidecar = tree / "bin" / "handrail-sidecar"
            sidecar.chmod(0o644)
            with mock.patch("support.HANDRAIL", tree / "bin" / "handrail"), standin() as h:
                h.wait_line(f"sidecar: cannot run {sidecar}: Permission denied")
                wait_for("the server", lambda: h.agent("GET", "/ready").status == 200, 10)
                self.assertEqual(h.stop(), 143)

    def test_they_are_found_without_proc(self):
        unshare = ["unshare", "--pid", "--fork", "--kill-child", "--mount", "sh", "-c",
                   "mount -t tmpfs none /proc && exec \"$@\"", "sh"]
        if subprocess.run(unshare + ["true"], stderr=subprocess.DEVNULL, check=False).returncode:
            self.skipTest("no namespaces here")
        env = {"PATH": os.environ["PATH"], "HANDRAIL_HEALTH_ADDR": "127.0.0.1:0",
               "HANDRAIL_MCP_ADDR": "127.0.0.1:0", "HANDRAIL_CONFIG_DIR": "/nonexistent"}
        done = subprocess.run([*unshare, HANDRAIL, "run", "--restart=never", "--", "sh", "-c",
                               "setsid sleep 60 & sleep 1; exit 6"],
                              env=env, capture_output=True, text=True, timeout=30, check=False)
        if "Sanitizer" in done.stderr:
            self.skipTest("sanitizers need /proc")
        self.assertEqual(done.returncode, 6, done.stderr)
        self.assertIn("sidecar: ready", done.stderr)


class Secrets(unittest.TestCase):
    @unittest.skipUnless(os.geteuid() == 0, "needs root")
    def test_our_programs_do_not_get_the_servers_environment(self):
        with standin(plugins=[sample("echo")],
                     env={"OH_SECRET_KEY": "hush", "LD_LIBRARY_PATH": "/nowhere:"}) as h:
            h.wait_status("/readyz", 200)
            for name in ("handrail-sidecar", "handrail-toolhost"):
                with open(f"/proc/{h.child(name)}/environ", encoding="utf-8") as f:
                    text = f.read()
                self.assertNotIn("hush", text)
                self.assertNotIn("LD_LIBRARY_PATH", text)
            with open(f"/proc/{h.child('agent_server.py')}/environ", encoding="utf-8") as f:
                self.assertIn("hush", f.read())

    @unittest.skipUnless(os.geteuid() == 0, "needs root")
    def test_keys_are_in_no_command_line_or_environment(self):
        with standin(plugins=[sample("echo")]) as h:
            h.wait_status("/readyz", 200)
            token = h.mcp_headers()["Authorization"].split()[1]
            for process in descendants(h.pid):
                for name in ("cmdline", "environ"):
                    self.assertNotIn(token, process.told(name))


if __name__ == "__main__":
    unittest.main(verbosity=1)
