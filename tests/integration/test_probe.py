# SPDX-License-Identifier: MIT
"""`handrail probe` and the unix socket behind it: while the server starts, hangs, dies and drains,
while the sidecar is stopped and restarted, from within the container and from another one.
"""

from __future__ import annotations

import os
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import time
import unittest
from pathlib import Path

from harness import HANDRAIL, Handrail, client, running, standin
from support import needs_others, standin_command, wait_for

PREFIX = "@handrail/probe/"


def probe(h: Handrail, *arguments: str) -> tuple[int, str, str]:
    done = client(h, "probe", *arguments, check=False)
    return done.returncode, done.stdout, done.stderr


class Probe(unittest.TestCase):
    def test_it_follows_the_server(self):
        with standin("--start-delay", "1") as h:
            h.wait_status("/readyz", 503)
            code, out, err = probe(h, "ready")
            self.assertEqual((code, err), (1, ""))
            self.assertRegex(out, r"\A\[-\]ready failed: [^\n]+\n\Z")
            self.assertEqual(probe(h, "startup")[0], 1)
            self.assertEqual(probe(h, "live"), (0, "ok\n", ""))
            h.wait_status("/readyz", 200)
            self.assertEqual(probe(h, "ready"), (0, "ok\n", ""))
            self.assertEqual(probe(h, "startup"), (0, "ok\n", ""))
            code, out, err = probe(h, "ready", "--verbose")
            self.assertEqual((code, err), (0, ""))
            self.assertRegex(out, r"\A(\[\+\]\S+ ok\n)+readyz check passed\n\Z")
            os.kill(h.child("agent_server"), signal.SIGKILL)
            wait_for("a probe that fails", lambda: probe(h, "ready")[0] == 1, 5)
            self.assertEqual(probe(h, "live")[0], 0)
            h.wait_status("/readyz", 200)
            client(h, "drain")
            self.assertEqual(probe(h, "ready")[1].split(" ")[0], "[-]draining")
            self.assertEqual(h.stop(), 143)
            code, out, err = probe(h, "live")
            self.assertEqual((code, out), (69, ""))
            self.assertIn("is handrail running in this container?", err)

    def test_an_answer_that_cannot_be_written(self):
        with standin() as h, open("/dev/full", "w") as full:
            h.wait_status("/readyz", 200)
            for more in (["live"], ["ready", "--verbose"], ["--help"]):
                done = subprocess.run([HANDRAIL, "probe", f"--pid={h.pid}", *more], stdout=full, text=True,
                                      stderr=subprocess.PIPE, timeout=20, check=False)
                self.assertEqual(done.returncode, 74, more)
                self.assertIn("cannot write to standard output: No space left", done.stderr)

    def test_a_sidecar_that_is_stopped_or_gone(self):
        with standin() as h:
            h.wait_status("/readyz", 200)
            sidecar = h.child("handrail-sidecar")
            os.kill(sidecar, signal.SIGSTOP)
            began = time.monotonic()
            code, out, err = probe(h, "live")
            self.assertGreater(time.monotonic() - began, 0.85)
            self.assertEqual((code, out), (69, ""))
            self.assertIn(" within 900 ms: the sidecar is stopped, or busy, or being restarted", err)
            os.kill(sidecar, signal.SIGCONT)
            self.assertEqual(probe(h, "live"), (0, "ok\n", ""))
            os.kill(sidecar, signal.SIGKILL)
            # Asked while there is none: the question waits in the queue for the next one.
            self.assertEqual(probe(h, "live", "--timeout=20"), (0, "ok\n", ""))
            h.new_child("handrail-sidecar", sidecar)

    def test_a_sidecar_that_is_restarted_does_not_forget_that_the_pod_is_ready(self):
        options = ["--sidecar-backoff=0.05", "--sidecar-backoff-max=0.05", "--sidecar-budget=0"]
        with standin(options=options) as h:
            h.wait_status("/readyz", 200)
            for _ in range(10):
                sidecar = h.child("handrail-sidecar")
                os.kill(sidecar, signal.SIGKILL)
                wait_for("its end", lambda: sidecar not in h.children("handrail-sidecar"), 5)
                self.assertEqual(probe(h, "ready", "--timeout=20"), (0, "ok\n", ""))

    @needs_others
    def test_without_a_name_it_finds_the_only_one_there_is(self):
        alone = ["unshare", "--net", "sh", "-c", "ip link set lo up && exec \"$@\"", "sh"]
        with running(standin_command(), prefix=alone) as h:
            h.wait_line("the pod is ready")
            done = subprocess.run(["nsenter", f"--net=/proc/{h.pid}/ns/net", HANDRAIL, "probe", "ready"],
                                  capture_output=True, text=True, timeout=20, check=False)
            self.assertEqual((done.returncode, done.stdout, done.stderr), (0, "ok\n", ""))

    def test_the_name_is_taken(self):
        with socket.socket(socket.AF_UNIX) as squatter:
            squatter.bind("\0hr-test-squatter")
            squatter.listen()
            with standin(env={"HANDRAIL_PROBE": "@hr-test-squatter"}) as h:
                h.wait_line("cannot listen on the probe socket @hr-test-squatter: Address (already )?in "
                            "use: running without it")
                h.wait_status("/readyz", 200)  # which needs no unix socket

    def test_a_path_is_for_every_user(self):
        with tempfile.TemporaryDirectory(prefix="handrail-test-") as folder:
            path = Path(folder) / "probe"
            with standin(env={"HANDRAIL_PROBE": str(path)}) as h:
                h.wait_status("/readyz", 200)
                self.assertEqual(stat.S_IMODE(path.stat().st_mode), 0o666)
                self.assertEqual(probe(h, "ready", f"--socket={path}"), (0, "ok\n", ""))


class Neighbours(unittest.TestCase):
    """The containers of a pod share abstract names; their pid namespaces tell them apart."""

    def ask(self, name: str) -> bytes:
        with socket.socket(socket.AF_UNIX) as s:
            s.settimeout(5)
            s.connect("\0" + name[1:])
            try:
                s.sendall(b"GET /livez HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
                return s.recv(4096)
            except (BrokenPipeError, ConnectionResetError):
                return b""

    @unittest.skipUnless(os.geteuid() == 0, "needs root")
    def test_another_container_is_not_answered(self):
        inside = ["unshare", "--pid", "--fork", "--kill-child", "--mount-proc"]
        with running(standin_command(), prefix=inside) as h:
            h.wait_line("the pod is ready")
            pid = wait_for("handrail in its namespace", lambda: h.children("handrail"), 5)[0]
            space = os.stat(f"/proc/{pid}/ns/pid_for_children").st_ino
            name = f"{PREFIX}{space}/1"
            self.assertEqual(self.ask(name), b"")
            done = subprocess.run(["nsenter", f"--pid=/proc/{pid}/ns/pid_for_children",
                                   f"--mount=/proc/{pid}/ns/mnt", HANDRAIL, "probe", "live"],
                                  capture_output=True, text=True, timeout=20, check=False)
            self.assertEqual((done.returncode, done.stdout, done.stderr), (0, "ok\n", ""))
            done = subprocess.run([HANDRAIL, "probe", "live", f"--socket={name}"],
                                  capture_output=True, text=True, timeout=20, check=False)
            self.assertEqual((done.returncode, done.stdout), (69, ""))


class Thousand(unittest.TestCase):
    """A thousand probes on new connections in every bad state of the server: each is answered, and
    rightly.  How fast is printed, not judged: the machine may be doing much else."""

    PATIENCE = 10.0
    COUNT = 1000

    def ask_often(self, what: str, h: Handrail, path: str, right: set[int]) -> None:
        times = []
        for _ in range(self.COUNT):
            began = time.monotonic()
            answer = h.get(path, timeout=self.PATIENCE)
            times.append(time.monotonic() - began)
            self.assertIn(answer.status, right, f"{what}: {answer.text}")
        times.sort()
        print(f"{what}: {path} median {times[len(times) // 2] * 1000:.2f} ms, p99 "
              f"{times[len(times) * 99 // 100] * 1000:.2f} ms", file=sys.stderr)

    def test_a_server_that_is_idle_stopped_and_killed(self):
        with standin() as h:
            h.wait_status("/readyz", 200)
            self.ask_often("idle", h, "/readyz", {200})
            server = h.child("agent_server")
            os.kill(server, signal.SIGSTOP)
            self.ask_often("stopped", h, "/livez", {200})
            self.ask_often("stopped", h, "/readyz", {200, 503})  # until it is known to be no hiccup
            h.wait_status("/readyz", 503, 30)
            self.ask_often("stopped for long", h, "/readyz", {503})
            os.kill(server, signal.SIGCONT)
            h.wait_status("/readyz", 200)
            h.fault(hang=3600)
            self.ask_often("its loop blocked", h, "/livez", {200})
            os.kill(server, signal.SIGKILL)  # as the kernel does without memory
            self.ask_often("killed", h, "/livez", {200})

    def test_a_server_that_is_starting(self):
        with standin("--start-delay", "60") as h:
            h.wait_line("server: started")
            self.ask_often("starting", h, "/readyz", {503})
            self.ask_often("starting", h, "/livez", {200})

    def test_a_server_in_a_busy_loop(self):
        with running(["sh", "-c", "while :; do :; done"]) as h:
            h.wait_line("server: started")
            self.ask_often("busy loop", h, "/readyz", {503})
            self.ask_often("busy loop", h, "/livez", {200})

    def test_a_server_that_is_restarted_again_and_again(self):
        options = ["--backoff=0.05", "--backoff-max=0.05", "--budget=0"]
        with running(["sh", "-c", "sleep 0.05; exit 3"], options=options) as h:
            h.wait_line("server: started")
            self.ask_often("restarting", h, "/readyz", {503})
            self.ask_often("restarting", h, "/livez", {200})


if __name__ == "__main__":
    unittest.main()
