# SPDX-License-Identifier: MIT
"""A server that is initialised after its start: the replay after a crash, and the preparation for
its pause before a stop."""

import json
import os
import re
import shutil
import signal
import socket
import tempfile
import time
import unittest
from pathlib import Path

from harness import client, injected, service, standin
from support import descendants, request, wait_for


class Replay(unittest.TestCase):
    KEY, NEW = "the-secret-key-of-the-pool", "a-session-key-of-a-claim"

    def deferred(self, *flags, options=(), **env):
        return standin("--notify", *flags, options=list(options),
                       env={"OH_DEFERRED_INIT": "1", "OH_SECRET_KEY": self.KEY, **env})

    def initialise(self, h, **more):
        body = {"session_api_keys": [self.NEW], "env": {"WORKER_1": "8011"}, **more}
        answer = request(h.agent_port, "POST", "/api/init", body, {"X-Init-API-Key": self.KEY})
        self.assertEqual(answer.status, 200, answer.text)
        h.wait_line("after a crash that will be replayed")
        return body

    def crash(self, h):
        seen, pid = len(h.lines), service(h)["pid"]
        os.kill(pid, signal.SIGKILL)
        h.wait_line("server: started", start=seen)
        return seen

    def test_a_crashed_pod_comes_back_initialised(self):
        with self.deferred() as h:
            h.wait_status("/readyz", 200)
            self.assertEqual(h.agent("GET", "/api/init").json()["state"], "dormant")
            body = self.initialise(h)
            for life in (2, 3):
                seen = self.crash(h)
                h.wait_line("its initialisation has been replayed", start=seen)
                h.wait_status("/readyz", 200)
                self.assertEqual(h.agent("GET", "/api/conversations/count", key=self.NEW).status,
                                 200)
                posts = [c for c in h.agent("GET", "/_calls").json()
                         if (c["method"], c["path"]) == ("POST", "/api/init")]
                self.assertEqual([json.loads(c["body"]) for c in posts], [body])
                self.assertEqual(service(h)["starts"], life)
            self.assertEqual(h.get("/status").json()["server"]["replays"], 2)
            self.assertEqual(h.stop(), 143)

    @unittest.skipUnless(shutil.which("strace"), "strace is not installed")
    @unittest.skipUnless(os.geteuid() == 0, "needs root")
    def test_the_order_does_not_overtake_the_board(self):
        with self.deferred() as h:
            h.wait_status("/readyz", 200)
            self.initialise(h)
            # The sidecar gets 0.2 s to obey before we come to what follows the order.
            with injected(h.pid, "sendmsg", "delay_exit=200000") as calls:
                seen = self.crash(h)
                h.wait_line("its initialisation has been replayed", start=seen)
                self.assertIn("INIT 2", calls.read_text())
            h.wait_status("/readyz", 200)

    @unittest.skipUnless(shutil.which("strace"), "strace is not installed")
    @unittest.skipUnless(os.geteuid() == 0, "needs root")
    def test_an_order_that_could_not_be_given_is_given_later(self):
        with self.deferred() as h:
            h.wait_status("/readyz", 200)
            self.initialise(h)
            # A start needs one pipe, and then the order needs one.
            with injected(h.pid, "pipe2", "error=EMFILE:when=2+2"):
                seen = self.crash(h)
                h.wait_line("cannot have its initialisation replayed: .*open files", start=seen)
            h.wait_line("its initialisation has been replayed", start=seen)
            h.wait_status("/readyz", 200)

    @unittest.skipUnless(shutil.which("strace"), "strace is not installed")
    @unittest.skipUnless(os.geteuid() == 0, "needs root")
    def test_an_order_that_could_not_be_read_is_read_later(self):
        with self.deferred() as h:
            h.wait_status("/readyz", 200)
            self.initialise(h)
            with injected(h.child("handrail-sidecar"), "recvmsg", "error=ENOMEM:when=1"
                               ) as calls:
                seen = self.crash(h)
                h.wait_line("its initialisation has been replayed", start=seen)
                self.assertIn("(INJECTED)", calls.read_text())
            h.wait_status("/readyz", 200)

    def test_readiness_waits_for_it(self):
        with tempfile.TemporaryDirectory() as d, self.deferred(f"--faults={d}/faults") as h:
            h.wait_status("/readyz", 200)
            self.initialise(h)
            Path(d, "faults").write_text(json.dumps({"slow": {"POST /api/init": 6}}))
            seen = self.crash(h)
            wait_for("the port", lambda: h.agent("GET", "/ready").status == 200, 10)
            for _ in range(50):
                answer = h.get("/readyz")
                self.assertEqual(answer.status, 503)
                time.sleep(0.02)
            self.assertIn("[-]init failed", answer.text)
            self.assertNotIn("server: ready", "\n".join(t for _, t in h.lines[seen:]))
            h.wait_line("its initialisation has been replayed", start=seen)
            h.wait_status("/readyz", 200)

    def test_it_is_tried_again_and_then_given_up(self):
        with tempfile.TemporaryDirectory() as d, self.deferred(f"--faults={d}/faults") as h:
            h.wait_status("/readyz", 200)
            self.initialise(h)
            Path(d, "faults").write_text(json.dumps({"fail": {"POST /api/init": [500]}}))
            seen = self.crash(h)
            h.wait_line("its initialisation has been replayed", start=seen)
            h.wait_status("/readyz", 200)
            Path(d, "faults").write_text(json.dumps({"fail": {"POST /api/init": [401] * 9}}))
            self.crash(h)
            wait_for("the failure", lambda: h.get("/status").json()["server"]["replay_errors"], 10)
            self.assertIn("[-]init failed", h.wait_status("/readyz", 503).text)
            self.assertEqual(h.get("/livez").status, 200)
            self.assertEqual(h.stop(), 143)

    def test_the_sidecar_dies_in_the_middle(self):
        with tempfile.TemporaryDirectory() as d, self.deferred(f"--faults={d}/faults") as h:
            h.wait_status("/readyz", 200)
            self.initialise(h)
            Path(d, "faults").write_text(json.dumps({"slow": {"POST /api/init": 4}}))
            seen = self.crash(h)
            wait_for("the port", lambda: h.agent("GET", "/ready").status == 200, 10)
            old = h.child("handrail-sidecar")
            os.kill(old, signal.SIGKILL)
            h.new_child("handrail-sidecar", old)
            h.wait_line("its initialisation has been replayed", start=seen, timeout=30)
            h.wait_status("/readyz", 200)

    def test_the_sidecar_dies_before_it_can_tell(self):
        with tempfile.TemporaryDirectory() as d, self.deferred(f"--faults={d}/faults") as h:
            h.wait_status("/readyz", 200)
            self.initialise(h)
            Path(d, "faults").write_text(json.dumps({"slow": {"POST /api/init": 4}}))
            self.crash(h)

            def is_in(state):
                answer = h.agent("GET", "/api/init")
                return answer.status == 200 and answer.json()["state"] == state
            wait_for("the replay to begin", lambda: is_in("initializing"), 30)
            old = h.child("handrail-sidecar")
            os.kill(old, signal.SIGSTOP)  # it has asked, and will not hear the answer
            wait_for("its end", lambda: is_in("ready"), 30)
            os.kill(old, signal.SIGKILL)
            h.new_child("handrail-sidecar", old)
            h.wait_status("/readyz", 200, 30)
            wait_for("the replay to be counted",
                     lambda: h.get("/status").json()["server"]["replays"] == 1, 10)

    def test_a_key_that_is_not_text_is_named(self):
        with self.deferred(OH_SECRET_KEY="hush-\udcff", SESSION_API_KEY="\udcff") as h:
            for name in ("OH_SECRET_KEY", "SESSION_API_KEY"):
                h.wait_line(f"warning: {name} is not UTF-8: the sidecar goes without that key")
            self.assertNotIn("hush", h.log())

    @unittest.skipUnless(os.geteuid() == 0, "needs root")
    def test_it_leaves_no_trace(self):
        with tempfile.TemporaryDirectory() as d, \
                self.deferred(f"--faults={d}/faults", options=[f"--crash-dir={d}"],
                              HANDRAIL_LOG_LEVEL="debug") as h:
            h.wait_status("/readyz", 200)
            self.initialise(h, secret_key="another-secret-key-of-the-app")
            Path(d, "faults").write_text(json.dumps(
                {"notify": f"STATUS=my key is {self.NEW}"}))
            h.fault(lines=1)
            seen = self.crash(h)
            h.wait_line("its initialisation has been replayed", start=seen)
            h.wait_status("/readyz", 200)
            texts = [h.log(), h.get("/status").text, h.get("/crashes").text, h.get("/metrics").text,
                     client(h, "crashes", "1").stdout]
            texts += [p.read_text() for p in Path(d).glob("crash-*")]
            for process in descendants(h.pid):
                texts += [process.told("cmdline"), process.told("environ")]
            for text in texts:
                self.assertNotIn("another-secret-key", text)
            smaps = Path(f"/proc/{h.pid}/smaps").read_text()
            self.assertIn(" dc dd", re.sub(r"(VmFlags:.*\bdc)\b.*\bdd\b", r"\1 dd", smaps))

    def test_the_api_is_asked_also_without_the_helper(self):
        with standin(options=["--check=api:period=0.1"],
                     env={"OH_DEFERRED_INIT": "1", "OH_SECRET_KEY": self.KEY,
                          "OH_SESSION_API_KEYS_0": self.NEW}) as h:
            def api():
                checks = h.get("/status").json()["checks"]
                return next(c for c in checks if c["name"] == "api")

            h.wait_status("/readyz", 200)
            wait_for("a dormant server", lambda: "dormant" in api()["message"], 30)
            answer = request(h.agent_port, "POST", "/api/init", {"session_api_keys": [self.NEW]},
                             {"X-Init-API-Key": self.KEY})
            self.assertEqual(answer.status, 200)
            wait_for("an answer of the API", lambda: api()["observed"] is not None, 30)

    def test_it_can_be_off(self):
        with self.deferred(options=["--init-replay=off"]) as h:
            h.wait_status("/readyz", 200)
            answer = request(h.agent_port, "POST", "/api/init", {"session_api_keys": [self.NEW]},
                             {"X-Init-API-Key": self.KEY})
            self.assertEqual(answer.status, 200)
            self.crash(h)
            h.wait_status("/readyz", 200)
            self.assertEqual(h.agent("GET", "/api/init").json()["state"], "dormant")


class Pause(unittest.TestCase):
    PATH = "/api/conversations/prepare-for-sandbox-pause"

    def dawdle(self, h):
        h.fault(slow={f"POST {self.PATH}": 60})
        time.sleep(0.2)  # a fault begins after its answer

    def listens(self, h):
        with socket.socket() as s:
            return s.connect_ex(("127.0.0.1", h.agent_port)) == 0

    def ends(self, h, timeout=90):
        began = time.monotonic()
        self.assertEqual(h.stop(timeout=timeout), 143)
        return time.monotonic() - began

    def test_the_server_is_asked_before_it_is_ended(self):
        with tempfile.TemporaryDirectory() as d, \
                standin(f"--record={d}/record", env={"OH_SESSION_API_KEYS_0": "a-key"}) as h:
            h.wait_status("/readyz", 200)
            self.ends(h)
            self.assertIn("server: has prepared for its pause", h.log())
            self.assertIn(f"POST {self.PATH} 204", Path(d, "record").read_text())

    def test_also_before_it_is_known_to_be_ready(self):
        for flag, listens in (("--start-503=30", True), ("--start-delay=30", False)):
            with tempfile.TemporaryDirectory() as d, \
                    standin(flag, f"--record={d}/record",
                            env={"OH_SESSION_API_KEYS_0": "a-key"}) as h:
                h.wait_line("sidecar: ready")
                if listens:
                    wait_for("the server to listen", lambda: self.listens(h), 30)
                self.assertLess(self.ends(h), 20)  # the grace is 25 s
                record = Path(d, "record")
                asked = record.exists() and f"POST {self.PATH} 204" in record.read_text()
                self.assertEqual(asked, listens)
                self.assertNotIn("not prepared", h.log())

    def test_with_the_key_of_the_initialisation(self):
        with tempfile.TemporaryDirectory() as d, \
                standin("--notify", f"--record={d}/record",
                        env={"OH_DEFERRED_INIT": "1", "OH_SECRET_KEY": "k" * 20}) as h:
            h.wait_status("/readyz", 200)
            request(h.agent_port, "POST", "/api/init", {"session_api_keys": ["s" * 20]},
                    {"X-Init-API-Key": "k" * 20})
            h.wait_line("after a crash that will be replayed")
            self.ends(h)
            self.assertIn(f"POST {self.PATH} 204", Path(d, "record").read_text())

    def test_it_is_bounded(self):
        with standin(env={"OH_SESSION_API_KEYS_0": "a-key"},
                     options=["--pause-timeout=1", "--grace=180"]) as h:
            h.wait_status("/readyz", 200)
            self.dawdle(h)
            self.assertTrue(0.9 < self.ends(h) < 40)  # it would take 60
            self.assertIn("has not prepared for its pause in time", h.log())

    def test_a_second_signal_skips_it(self):
        with standin(env={"OH_SESSION_API_KEYS_0": "a-key"},
                     options=["--pause-timeout=60", "--grace=180"]) as h:
            h.wait_status("/readyz", 200)
            self.dawdle(h)
            h.process.terminate()
            h.wait_line("stopping on signal 15")
            self.assertLess(self.ends(h), 40)  # the preparation alone would take 60

    def test_the_sidecar_or_the_server_dies_meanwhile(self):
        for name in ("handrail-sidecar", "agent_server.py"):
            with standin(env={"OH_SESSION_API_KEYS_0": "a-key"},
                         options=["--pause-timeout=60", "--grace=180"]) as h:
                h.wait_status("/readyz", 200)
                self.dawdle(h)
                h.process.terminate()
                h.wait_line("stopping on signal 15")
                os.kill(h.child(name), signal.SIGKILL)
                began = time.monotonic()
                self.assertIn(h.wait(), (137, 143))
                self.assertLess(time.monotonic() - began, 40)
                self.assertEqual(h.leftovers(), [])

    def test_without_a_key_nobody_is_asked(self):
        with tempfile.TemporaryDirectory() as d, standin(f"--record={d}/record") as h:
            h.wait_status("/readyz", 200)
            self.ends(h)
            self.assertNotIn(self.PATH, Path(d, "record").read_text())


if __name__ == "__main__":
    unittest.main(verbosity=1)
