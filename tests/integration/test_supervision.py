# SPDX-License-Identifier: MIT
"""What handrail does for a server beyond keeping it up: notifications, watchdog, crash reports,
output, leftovers."""

import contextlib
import fcntl
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import unittest
from pathlib import Path

from harness import client, crash_report, injected, running, sample, service, standin, test_plugin
from support import HANDRAIL, descendants, wait_for

# The environment of a handrail that is started by hand.
BARE = {"PATH": os.environ["PATH"], "HANDRAIL_HEALTH_ADDR": "127.0.0.1:0",
        "HANDRAIL_MCP_ADDR": "127.0.0.1:0", "HANDRAIL_CONFIG_DIR": "/nonexistent"}

# A server that speaks sd_notify, and does what it finds in files of its working folder.
NOTIFIER = r"""
import faulthandler, os, signal, socket, sys, time
faulthandler.enable()
name = os.environ["NOTIFY_SOCKET"]
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.connect("\0" + name[1:])
def say(text): s.send(text.encode())
say("READY=1\nSTATUS=speaking")
print("up", flush=True)
while True:
    if not os.path.exists("silent"):
        say("WATCHDOG=1\nX_HANDRAIL_LAG_MS=3")
    for f in ("say", "exec"):
        if os.path.exists(f + ".tmp"):
            os.rename(f + ".tmp", f)
            text = open(f).read(); os.unlink(f)
            say(text) if f == "say" else exec(text)
    time.sleep(0.05)
"""

# One that says what is wrong, and then answers everybody.
LATE_ANSWERER = r"""
import http.server, os, socket, sys, time
print("waiting", flush=True)
while not os.path.exists("go"):
    time.sleep(0.05)
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.connect("\0" + os.environ["NOTIFY_SOCKET"][1:])
s.send(b"X_HANDRAIL_AGENT_ERROR=class X of module y is no agent")
class Answer(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"{}")
    def log_message(self, *a): pass
http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Answer).serve_forever()
"""


def notifier(*options, **more):
    return running([sys.executable, "-c", NOTIFIER], options=list(options), **more)


def do(h, what, text):
    """Have it send `text` as a notification ("say") or run it as Python ("exec")."""
    path = h.folder / (what + ".tmp")
    part = h.folder / (what + ".part")
    part.write_text(text)
    part.rename(path)
    wait_for(f"{what} to be done", lambda: not path.exists() and not (h.folder / what).exists(), 30)


def wait_heartbeat(h, since=None):
    """One that has come after that time, or any."""
    def has_come():
        now = time.monotonic()
        age = json.loads(client(h, "status", "--json").stdout)["server"]["heartbeat_age_seconds"]
        return age is not None and (since is None or now - age > since)
    wait_for("a heartbeat", has_come, 30)


class Notifications(unittest.TestCase):
    def test_a_server_that_says_that_it_is_ready(self):
        with notifier() as h:
            h.wait_line("server: ready after")
            wait_for("the board", lambda: service(h)["state"] == "up", 30)
            wait_for("its status",
                     lambda: h.get("/status").json()["server"]["status"] == "speaking", 30)
            self.assertEqual(h.stop(), 143)

    def test_its_environment(self):
        look = "import os;print(sorted(k+'='+v for k,v in os.environ.items() if k in " \
               "('NOTIFY_SOCKET','WATCHDOG_USEC','WATCHDOG_PID','HANDRAIL_SUPERVISED')),flush=True);" \
               "import time;time.sleep(60)"
        with running([sys.executable, "-c", look],
                     env={"WATCHDOG_PID": "1", "WATCHDOG_USEC": "5"}) as h:
            line = h.wait_line(r"\['HANDRAIL_SUPERVISED=1', 'NOTIFY_SOCKET=@handrail/notify/\w+', "
                               r"'WATCHDOG_USEC=60000000'\]")
            self.assertTrue(line)

    def test_strangers_are_not_heard(self):
        # A tool of the agent, in a session of its own, says that it is the server.
        with notifier() as h:
            h.wait_line("up")
            do(h, "exec", "import subprocess\nsubprocess.Popen([sys.executable,'-c','''"
                          "import os,socket\\ns=socket.socket(socket.AF_UNIX,socket.SOCK_DGRAM)\\n"
                          "s.sendto(b\"STATUS=forged\", \"\\\\0\"+os.environ[\"NOTIFY_SOCKET\"][1:])\\n"
                          "print(\"sent\",flush=True)'''], start_new_session=True)")
            h.wait_line("sent")
            time.sleep(0.3)
            self.assertEqual(h.get("/status").json()["server"]["status"], "speaking")

    def test_rubbish_and_floods(self):
        with notifier() as h:
            h.wait_line("up")
            do(h, "exec", "s.setblocking(False)\n"
                          "for i in range(20000):\n"
                          " try: s.send(os.urandom(i % 4000) if i % 3 else b'STATUS=x\\n' * 400)\n"
                          " except OSError: pass\n"
                          "s.setblocking(True)")
            self.assertEqual(h.get("/livez").status, 200)
            do(h, "say", "STATUS=fine")
            wait_for("the status", lambda: h.get("/status").json()["server"]["status"] == "fine", 30)
            self.assertEqual(service(h)["failures"], 0)

    def test_a_flood_of_strangers_is_no_hang(self):
        flood = ("import os,socket,sys\ns=socket.socket(socket.AF_UNIX,socket.SOCK_DGRAM)\n"
                 "s.setblocking(False)\n"
                 "while True:\n"
                 " try: s.sendto(b'X=1',chr(0)+sys.argv[1])\n"
                 " except OSError: pass\n")
        with notifier("--watchdog=2") as h:
            h.wait_line("up")
            pid = service(h)["pid"]
            environ = Path(f"/proc/{pid}/environ").read_bytes().decode().split("\0")
            [name] = [v.partition("=")[2][1:] for v in environ if v.startswith("NOTIFY_SOCKET=")]
            floods = [subprocess.Popen([sys.executable, "-c", flood, name]) for _ in range(3)]
            try:
                time.sleep(5)
                self.assertEqual(h.get("/livez").status, 200)
                self.assertEqual((service(h)["pid"], service(h)["failures"]), (pid, 0), h.log())
                self.assertEqual(h.stop(), 143)
            finally:
                for p in floods:
                    p.kill()
                    p.wait()

    def test_descriptors_whose_last_close_would_wait(self):
        # A socket that lingers, with data nobody takes; who closes it last waits for a minute.
        send = ("import os,socket,struct,sys,array\n"
                "l=socket.socket(); l.bind(('127.0.0.1',0)); l.listen()\n"
                "u=socket.socket(socket.AF_UNIX, int(sys.argv[2]))\n"
                "u.connect(chr(0)+sys.argv[1])\n"
                "keep=[]\n"
                "for _ in range(4):\n"
                " c=socket.create_connection(l.getsockname()); keep.append(l.accept())\n"
                " c.setsockopt(socket.SOL_SOCKET,socket.SO_LINGER,struct.pack('ii',1,60))\n"
                " c.setblocking(False)\n"
                " try:\n"
                "  while True: c.send(b'x'*65536)\n"
                " except OSError: pass\n"
                " try: socket.send_fds(u,[b'x\\n'],[c.fileno()])\n"
                " except OSError: pass\n"
                " c.close()\n"
                "print('sent',flush=True)\nimport time;time.sleep(60)")
        with notifier() as h:
            h.wait_line("up")
            names = [line.split()[-1][1:] for line in Path("/proc/net/unix").read_text().split("\n")
                     if "@handrail/control/" in line]
            [control] = [n for n in names if n.endswith(f"/{h.pid}")]
            pid = service(h)["pid"]
            environ = Path(f"/proc/{pid}/environ").read_bytes().decode().split("\0")
            [notify] = [v.partition("=")[2][1:] for v in environ if v.startswith("NOTIFY_SOCKET=")]
            senders = [subprocess.Popen([sys.executable, "-c", send, name, str(int(kind))],
                                        stdout=subprocess.PIPE)
                       for name, kind in ((control, socket.SOCK_STREAM),
                                          (notify, socket.SOCK_DGRAM))]
            try:
                for p in senders:
                    self.assertEqual(p.stdout.readline(), b"sent\n")
                time.sleep(0.5)
                client(h, "status")
                began = time.monotonic()
                self.assertEqual(h.stop(), 143)
                self.assertLess(time.monotonic() - began, 40)  # one of them alone takes 60
            finally:
                for p in senders:
                    p.kill()
                    p.wait()
                    p.stdout.close()

    def test_upwards(self):
        with tempfile.TemporaryDirectory() as d, \
                socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as s:
            s.bind(d + "/notify")
            s.settimeout(10)
            with notifier(env={"NOTIFY_SOCKET": d + "/notify", "WATCHDOG_USEC": "400000"}) as h:
                seen = ""
                while "READY=1" not in seen or "WATCHDOG=1" not in seen:
                    seen += s.recv(4096).decode() + "\n"
                h.process.terminate()
                while "STOPPING=1" not in seen:
                    seen += s.recv(4096).decode() + "\n"
                self.assertIn("STATUS=server starting", seen)
                self.assertEqual(h.wait(), 143)

    def test_a_custom_agent_that_is_none_keeps_readiness_off(self):
        with standin("--notify") as h:
            h.wait_status("/readyz", 200)
            self.assertIn("[+]agent-module ok", h.get("/readyz?verbose").text)
            h.fault(notify="X_HANDRAIL_AGENT_ERROR=class X of module y is no agent")
            answer = h.wait_status("/readyz", 503)
            self.assertIn("[-]agent-module failed: class X of module y is no agent", answer.text)
            h.fault(notify="X_HANDRAIL_AGENT=ok")
            h.wait_status("/readyz", 200)

    def test_what_it_said_before_it_answered_counts_first(self):
        """Process 1 is late, and finds it beside the sidecar's word that the server is ready."""
        with running([sys.executable, "-c", LATE_ANSWERER, "{port}"]) as h:
            h.wait_line("waiting")
            os.kill(h.pid, signal.SIGSTOP)
            try:
                (h.folder / "go").touch()
                wait_for("the server to be found ready",
                         lambda: "[+]ready ok" in h.get("/readyz?verbose").text, 30)
                time.sleep(0.5)  # for the sidecar's word
            finally:
                os.kill(h.pid, signal.SIGCONT)
            h.wait_line("server: ready after")
            log = h.log()
            self.assertLess(log.index("custom agent: class X"), log.index("server: ready after"))


class Watchdog(unittest.TestCase):
    def test_a_hang_is_aborted_with_its_stack_in_the_report(self):
        with notifier("--watchdog=4") as h:
            h.wait_line("up")
            old = service(h)["pid"]
            do(h, "exec", "def the_place_where_it_hangs():\n time.sleep(300)\n"
                          "import threading\n"
                          "os.unlink('exec') if os.path.exists('exec') else None\n"
                          "signal.setitimer(signal.ITIMER_REAL, 0.2)\n"
                          "signal.signal(signal.SIGALRM, lambda *a: the_place_where_it_hangs())")
            h.wait_line("server: no heartbeat for 4 s: aborting")
            h.wait_line(r"server: hung, no heartbeat for 4 s: killed by signal 6")
            wait_for("its next life", lambda: service(h)["pid"] not in (None, old), 30)
            report = crash_report(h)
            self.assertIn("the_place_where_it_hangs", report["output"])
            self.assertTrue(report["reason"].startswith("hung"))

    def test_behind_a_wrapper(self):
        with running(["sh", "-c", f"{sys.executable} -c \"$0\"; exit 5", NOTIFIER],
                     options=["--watchdog=1"]) as h:
            h.wait_line("up")
            wait_heartbeat(h)
            (h.folder / "silent").touch()
            h.wait_line("server: hung, no heartbeat for 1 s: ended with code 5")
            (h.folder / "silent").unlink()
            self.assertIn("Fatal Python error: Aborted", crash_report(h)["output"])

    def test_heartbeats_keep_it_alive(self):
        with notifier("--watchdog=3") as h:
            h.wait_line("up")
            time.sleep(5)
            self.assertEqual(service(h)["failures"], 0)

    def test_a_server_that_is_stopped_does_not_hang(self):
        with notifier("--watchdog=3") as h:
            h.wait_line("up")
            pid = service(h)["pid"]
            wait_heartbeat(h)
            os.kill(pid, signal.SIGSTOP)
            h.wait_line("is stopped by a signal: not taken for a hang")
            time.sleep(2)
            os.kill(pid, signal.SIGCONT)
            wait_heartbeat(h, since=time.monotonic())
            self.assertEqual((service(h)["pid"], service(h)["failures"]), (pid, 0))

    def test_time_in_which_we_did_not_run_does_not_count(self):
        with notifier("--watchdog=4") as h:
            h.wait_line("up")
            pid = service(h)["pid"]
            wait_heartbeat(h)
            os.kill(h.pid, signal.SIGSTOP)
            os.kill(pid, signal.SIGSTOP)
            time.sleep(6)
            os.kill(h.pid, signal.SIGCONT)
            time.sleep(0.1)  # we are the first to run again
            os.kill(pid, signal.SIGCONT)
            wait_heartbeat(h, since=time.monotonic())
            self.assertEqual((service(h)["pid"], service(h)["failures"]), (pid, 0))

    def test_it_can_be_off(self):
        with notifier("--watchdog=0") as h:
            h.wait_line("up")
            (h.folder / "silent").touch()
            do(h, "say", "WATCHDOG=trigger")
            time.sleep(2)
            self.assertEqual(service(h)["failures"], 0)

    def test_what_the_server_asks_for(self):
        with notifier() as h:
            h.wait_line("up")
            do(h, "say", "WATCHDOG=trigger")
            h.wait_line("hung, as it said itself: killed by signal 6")


class Pauses(unittest.TestCase):
    def test_a_start_is_not_killed_for_time_in_which_we_slept(self):
        with running(["sleep", "60"], options=["--sidecar-start-timeout=3"]) as h:
            h.wait_line("sidecar: started")
            os.kill(h.pid, signal.SIGSTOP)
            time.sleep(4.5)
            os.kill(h.pid, signal.SIGCONT)
            h.wait_line("sidecar: ready after")
            time.sleep(0.5)
            self.assertNotIn("killing", h.log())


class Reports(unittest.TestCase):
    SECRET = "sk-very-secret-value-1234"

    def test_a_crash(self):
        script = ("import os,sys,time\nprint('out line',flush=True)\n"
                  "print('the key is',os.environ['MY_API_KEY'],file=sys.stderr,flush=True)\n"
                  "time.sleep(0.3)\nos.kill(os.getpid(),11)")
        with tempfile.TemporaryDirectory() as d, \
                running([sys.executable, "-c", script], env={"MY_API_KEY": self.SECRET},
                        options=[f"--crash-dir={d}"]) as h:
            h.wait_line("killed by signal 11.*starting it again")
            report = crash_report(h)
            self.assertEqual(report["service"], "server")
            self.assertIn("out line\n", report["output"])
            self.assertIn("the key is ****", report["output"])
            self.assertGreater(report["rusage"]["maxrss_bytes"], 1000000)
            ports = [s["port"] for s in report["listening"]]
            self.assertIn(h.health_port, ports)
            listed = json.loads(client(h, "crashes", "--json").stdout)
            self.assertEqual(listed[0]["number"], 1)
            self.assertNotIn("output", listed[0])
            over_http = h.get("/crashes").json()
            self.assertEqual(over_http[0]["reason"], report["reason"])
            text = client(h, "crashes", "1").stdout
            self.assertIn("killed by signal 11", text)
            for place in (json.dumps(report), text, h.get("/crashes").text, h.get("/status").text):
                self.assertNotIn(self.SECRET, place)
            wait_for("the file", lambda: [f for f in os.listdir(d) if f.endswith(".json")], 5)
            [first] = sorted(Path(d).glob("crash-*-1.json"))
            self.assertEqual(first.stat().st_mode & 0o777, 0o600)
            self.assertEqual(json.loads(first.read_text())["output"], report["output"])

    def test_secrets_in_the_words_of_others(self):
        script = ("import os,socket,sys\ns = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)\n"
                  "s.connect('\\0' + os.environ['NOTIFY_SOCKET'][1:])\n"
                  "words = 'the key is ' + os.environ['MY_API_KEY']\n"
                  "s.send(f'STATUS={words}\\nX_HANDRAIL_AGENT_ERROR={words}'.encode())\nsys.exit(1)")
        with running([sys.executable, "-c", script], plugins=[test_plugin("wrong_magic")],
                     options=["--on-give-up=stay", "--budget=1"],
                     env={"MY_API_KEY": self.SECRET, "A_TOKEN": "HANDRAIL_MAGIC"}) as h:
            h.wait_line("toolhost/wrong_magic: .*not starting it again")
            h.wait_line("server: .*giving up")
            reports = {r["service"]: r for r in (crash_report(h, 1), crash_report(h, 2))}
            self.assertEqual(reports["server"]["reason"], "ended with code 1: the key is ****")
            self.assertRegex(reports["toolhost/wrong_magic"]["reason"],
                             r"^ended with code 78: .* instead of \*{4} \(0x")
            h.wait_status("/livez", 503)
            for place in (h.log(), json.dumps(reports), client(h, "status", "--json").stdout,
                          h.get("/crashes").text, h.get("/status").text,
                          h.get("/readyz?verbose").text):
                self.assertIn("the key is ****", place)
                self.assertNotIn(self.SECRET, place)

    def test_the_last_line_says_why(self):
        with running(["sh", "-c", "exit 7"], plugins=[sample("echo")],
                     options=["--backoff=0.01", "--budget=2"]) as h:
            self.assertEqual(h.wait(), 7)
            self.assertRegex(h.lines[-1][1], "done, exit code 7: ended with code 7$")
        with running(["sleep", "60"]) as h:
            h.wait_status("/livez", 200)
            self.assertEqual(h.stop(), 143)
            self.assertRegex(h.lines[-1][1], "done, exit code 143$")

    def test_any_bytes(self):
        with running(["sh", "-c", r"printf 'a\000b\377\033[1m\n' >&2; sleep 0.2; exit 3"]) as h:
            h.wait_line("ended with code 3; starting")
            self.assertIn("a^@b\ufffd^[[1m", client(h, "crashes", "1").stdout)
            self.assertEqual(crash_report(h)["output"], "a\0b\ufffd\x1b[1m\n")

    def test_without_a_cgroup(self):
        unshare = ["unshare", "--mount", "sh", "-c", "umount -R /sys/fs/cgroup && exec \"$@\"", "sh"]
        if subprocess.run(unshare + ["true"], stderr=subprocess.DEVNULL, check=False).returncode:
            self.skipTest("no mount namespaces here, or no cgroups")
        env = {"PATH": os.environ["PATH"], "HANDRAIL_HEALTH_ADDR": "127.0.0.1:0",
               "HANDRAIL_MCP_ADDR": "127.0.0.1:0", "HANDRAIL_CONFIG_DIR": "/nonexistent"}
        done = subprocess.run([*unshare, HANDRAIL, "--restart=never", "--", "sh", "-c", "exit 3"],
                              env=env, capture_output=True, text=True, timeout=30, check=False)
        self.assertEqual(done.returncode, 3, done.stderr)

    def test_only_the_latest_are_kept(self):
        with running(["sh", "-c", "echo life; exit 9"],
                     options=["--backoff=0.01", "--backoff-max=0.01", "--budget=0"]) as h:
            wait_for("20 crashes", lambda: h.log().count("ended with code 9") > 20, 20)
            numbers = [c["number"] for c in
                       json.loads(client(h, "crashes", "--json").stdout)]
            self.assertEqual(len(numbers), 16)
            self.assertEqual(numbers, sorted(numbers, reverse=True))
            self.assertEqual(client(h, "crashes", "1", check=False).returncode, 1)
            self.assertEqual(crash_report(h, numbers[0])["output"], "life\n")

    def test_what_was_left_behind(self):
        with running(["sh", "-c", "setsid sleep 60 & sleep 0.3; kill -9 $$"],
                     options=["--cleanup=none"]) as h:
            h.wait_line("killed by signal 9.*starting it again")
            self.assertIn("sleep", [p["name"] for p in crash_report(h)["left"]])

    def test_a_plugin_too(self):
        with standin(plugins=[sample("echo")]) as h:
            h.wait_status("/readyz", 200)
            os.kill(h.child("handrail-toolhost"), signal.SIGABRT)
            h.wait_line("toolhost/echo: killed by signal 6")
            self.assertEqual(crash_report(h)["service"], "toolhost/echo")


class Output(unittest.TestCase):
    def test_each_stream_goes_to_its_own(self):
        with running(["sh", "-c", "echo to out; echo to err >&2; sleep 60"]) as h:
            h.wait_line("to out")
            h.wait_line("to err")
            self.assertIn(("out", "to out"), h.lines)
            self.assertIn(("err", "to err"), h.lines)

    def test_byte_for_byte(self):
        script = ("import sys,os,time;sys.stdout.buffer.write(bytes(range(256))*4000);"
                  "sys.stdout.flush();time.sleep(60)")
        argv = [HANDRAIL, "run", "--", sys.executable, "-c", script]
        with subprocess.Popen(argv, env=BARE, stdout=subprocess.PIPE,
                              stderr=subprocess.DEVNULL) as p:
            got = b""
            while len(got) < 256 * 4000:
                got += os.read(p.stdout.fileno(), 1 << 16)
                time.sleep(0.001)
            p.terminate()
            p.wait(60)
        self.assertEqual(got, bytes(range(256)) * 4000)

    def test_a_reader_that_has_stopped_slows_nobody_for_long(self):
        script = ("import time,os\nfor i in range(40):\n"
                  " os.write(1,b'x'*99+b'\\n'); os.write(1,(b'y'*999+b'\\n')*50)\n"
                  " open('count','w').write(str(i))\n"
                  "open('done','w').close()\ntime.sleep(60)")
        with tempfile.TemporaryDirectory() as d:
            p = subprocess.Popen([HANDRAIL, "run", "--", sys.executable, "-c", script], env=BARE,
                                 cwd=d, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
            try:
                wait_for("the server's work", lambda: os.path.exists(d + "/done"), 60)
                status = subprocess.run([HANDRAIL, "status", f"--pid={p.pid}", "--json"],
                                        capture_output=True, text=True, timeout=60, check=True)
                self.assertIn('"server"', status.stdout)
                p.terminate()
                self.assertEqual(p.wait(60), 143)
            finally:
                p.kill()
                p.wait()
                p.stdout.close()

    def test_a_slow_reader_gets_everything(self):
        script = "for i in range(12000): print('N%015d' % i)"
        argv = [HANDRAIL, "run", "--restart=never", "--", sys.executable, "-c", script]
        with subprocess.Popen(argv, env=BARE, stdout=subprocess.PIPE,
                              stderr=subprocess.DEVNULL) as p:
            got = b""
            while chunk := os.read(p.stdout.fileno(), 2048):
                got += chunk
                time.sleep(0.02)  # 100 kB/s
        self.assertEqual(got.decode().splitlines(), [f"N{i:015}" for i in range(12000)])

    def test_what_is_lost_at_the_end_is_said(self):
        script = "import os; os.write(1, b'x' * 99999 + b'\\n'); os.write(1, b'y\\n' * 200000)"
        argv = [HANDRAIL, "run", "--restart=never", "--", sys.executable, "-c", script]
        with subprocess.Popen(argv, env=BARE, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE) as p:
            log = p.stderr.read().decode()
            got = p.stdout.read()
            self.assertEqual(p.wait(60), 0)
        lost = re.search(r"warning: (\d+) lines of output dropped: standard output was not", log)
        self.assertIn(int(lost[1]) + got.count(b"\n"), (200001, 200002))  # one may be cut

    @unittest.skipIf(os.geteuid(), "needs another user")
    def test_a_terminal_that_is_not_ours_and_is_not_read(self):
        script = f"for i in $(seq 10000); do echo {'y' * 49}; done; : > done; exec sleep 60"
        nobody = {"user": 65534, "group": 65534, "extra_groups": []}
        try:
            subprocess.run([HANDRAIL, "--version"], check=True, capture_output=True, **nobody)
        except OSError:
            self.skipTest("another user cannot reach what was built")
        with tempfile.TemporaryDirectory() as d:
            os.chmod(d, 0o777)
            reader, terminal = os.openpty()
            os.fchmod(terminal, 0o600)
            argv = [HANDRAIL, "run", "--sidecar=on", "--", "sh", "-c", script]
            p = subprocess.Popen(argv, env=BARE,
                                 cwd=d, stdin=terminal, stdout=terminal, stderr=terminal,
                                 start_new_session=True, **nobody)
            try:
                wait_for("the server's work", lambda: os.path.exists(d + "/done"), 60)
                p.terminate()
                self.assertEqual(p.wait(60), 143)
                self.assertFalse(fcntl.fcntl(terminal, fcntl.F_GETFL) & os.O_NONBLOCK)
            finally:
                p.kill()
                p.wait()
                os.close(reader)
                os.close(terminal)

    def test_json(self):
        script = ("import sys;print('plain');print('{\"a\":1,\"level\":\"x\"}');"
                  "print('ERROR bad',file=sys.stderr);sys.stdout.flush();import time;time.sleep(60)")
        with running([sys.executable, "-c", script], options=["--log-format=json"]) as h:
            h.wait_line('"a":1')
            h.wait_line("bad")
            h.stop()
            objects = [json.loads(line) for _, line in h.lines]
            services = {o["service"] for o in objects}
            self.assertLessEqual({"server", "handrail"}, services)
            [own] = [o for o in objects if "a" in o]
            self.assertEqual((own["level"], own["service"], own["stream"]), ("x", "server", "stdout"))
            [bad] = [o for o in objects if o.get("message") == "ERROR bad"]
            self.assertEqual((bad["level"], bad["stream"]), ("error", "stderr"))

    def test_a_rate_limit(self):
        script = "for i in range(5000): print('line',i)\nprint(flush=True)\nimport time;time.sleep(60)"
        with running([sys.executable, "-c", script], options=["--log-rate=100"]) as h:
            began = time.monotonic()
            h.wait_line("dropped")
            time.sleep(1)
            passed = [line for _, line in h.lines if line.startswith("line ")]
            most = 500 + 100 * (time.monotonic() - began + 3)
            self.assertTrue(400 <= len(passed) <= most, len(passed))


class Leftovers(unittest.TestCase):
    LEAVE = ("import os,signal,socket,time\n"
             "if os.fork() == 0:\n"
             " os.setsid()\n open('/proc/self/comm','w').write('tmux: server')\n"
             " %s\n open('new','w').write(str(os.getpid()))\n"
             " os.rename('new','ready')\n time.sleep(300)\n"
             "while not os.path.exists('ready'): time.sleep(0.01)\n"
             "print('up',flush=True)\ntime.sleep(300)")

    HOLD = ("open('/proc/self/comm','w').write('node')\n"
            " s=socket.socket(); s.bind(('127.0.0.1',int(os.environ['HANDRAIL_AGENT_PORT'])));"
            " s.listen()")

    def crash_and_see(self, body, *options, end=lambda h: os.kill(service(h)["pid"],
                                                                   signal.SIGKILL)):
        """Kill the server; was what it left behind gone when the next one started?"""
        with running([sys.executable, "-c", self.LEAVE % body], options=list(options)) as h:
            h.wait_line("^up$")
            left = int((h.folder / "ready").read_text())
            (h.folder / "ready").unlink()
            seen = len(h.lines)
            end(h)
            h.wait_line("server: started", start=seen)
            alive = os.path.exists(f"/proc/{left}")
            if alive:
                os.kill(left, signal.SIGKILL)
            return alive, h.log()

    def test_tmux_is_ended_before_the_next_start(self):
        alive, log = self.crash_and_see("pass")
        self.assertFalse(alive)
        self.assertIn("(tmux: server) behind: asking it to end", log)

    def test_who_ignores_the_request_is_killed(self):
        alive, _ = self.crash_and_see("signal.signal(signal.SIGTERM,signal.SIG_IGN)")
        self.assertFalse(alive)

    def test_who_holds_the_port(self):
        alive, _ = self.crash_and_see(self.HOLD)
        self.assertFalse(alive)

    def test_who_holds_the_port_after_a_restart_by_order(self):
        """A death that was asked for has no report to take the listeners from."""
        alive, log = self.crash_and_see(self.HOLD, end=lambda h: client(h, "restart"))
        self.assertFalse(alive)
        self.assertIn("(node) behind: asking it to end", log)

    def test_others_are_left_alone(self):
        alive, _ = self.crash_and_see("open('/proc/self/comm','w').write('node')")
        self.assertTrue(alive)
        alive, _ = self.crash_and_see("open('/proc/self/comm','w').write('node')", "--cleanup=all")
        self.assertFalse(alive)
        alive, _ = self.crash_and_see("pass", "--cleanup=none")
        self.assertTrue(alive)

    @unittest.skipUnless(shutil.which("strace"), "strace is not installed")
    @unittest.skipUnless(os.geteuid() == 0, "needs root")
    def test_whoever_writes_a_report_of_another_death_is_none_of_them(self):
        with tempfile.TemporaryDirectory() as d, \
                running(["sh", "-c", "echo up; exec sleep 300"],
                        options=["--cleanup=all", f"--crash-dir={d}"]) as h:
            h.wait_line("^up$")
            with injected(h.pid, "fsync", "delay_enter=8000000", "-f"):
                os.kill(h.child("handrail-sidecar"), signal.SIGKILL)
                wait_for("its writer", lambda: list(Path(d).glob(".crash-*.part")), 10)
                seen = len(h.lines)
                os.kill(service(h)["pid"], signal.SIGKILL)
                h.wait_line("server: started", start=seen)
            wait_for("the report", lambda: list(Path(d).glob("crash-*-sidecar-*.json")), 10)
            self.assertNotIn("behind", h.log())
            self.assertEqual(crash_report(h, 2)["left"], [])


FREEZER = Path("/sys/fs/cgroup/freezer")


@contextlib.contextmanager
def frozen(pid):
    """Stuck as on a disk that does not answer: a kill waits until it is thawed."""
    group = FREEZER / f"handrail-test-{os.getpid()}"
    group.mkdir()
    try:
        (group / "cgroup.procs").write_text(str(pid))
        (group / "freezer.state").write_text("FROZEN")
        wait_for("the freeze", lambda: (group / "freezer.state").read_text() == "FROZEN\n", 30)
        yield
    finally:
        (group / "freezer.state").write_text("THAWED")
        wait_for("its end", lambda: not (group / "cgroup.procs").read_text(), 30)
        group.rmdir()


class Stuck(unittest.TestCase):
    @unittest.skipUnless(os.geteuid() == 0 and os.access(FREEZER, os.W_OK),
                         "no freezer of cgroup 1 that is ours")
    def test_a_stop_does_not_wait_for_what_was_killed_and_is_stuck(self):
        with running(["sh", "-c", "setsid sleep 1000 & exec sleep 999"],
                     options=["--grace=60"]) as h:
            h.wait_line("sidecar: ready")
            child = wait_for("the child", lambda: [
                p.pid for p in descendants(h.pid) if list(p.argv) == ["sleep", "1000"]], 30)[0]
            with frozen(child):
                os.kill(child, signal.SIGKILL)
                began = time.monotonic()
                self.assertEqual(h.stop(timeout=90), 143)
                self.assertLess(time.monotonic() - began, 40)
                self.assertIn(f"pid {child} (sleep) was killed and is stuck", h.log())


if __name__ == "__main__":
    unittest.main(verbosity=1)
