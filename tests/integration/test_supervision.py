# SPDX-License-Identifier: MIT
"""What handrail does for a server beyond keeping it up: notifications, watchdog, crash reports,
output, leftovers, orders, reload."""

import contextlib
import json
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
import unittest
from pathlib import Path

from harness import running, sample, standin, test_plugin
from support import HANDRAIL, Failure, descendants, wait_for

# A server that speaks sd_notify and does what it is told over stdin-less means: files in its cwd.
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


def notifier(*options, **more):
    return running([sys.executable, "-c", NOTIFIER], options=list(options), **more)


def do(h, what, text):
    path = h.folder / (what + ".tmp")
    part = h.folder / (what + ".part")
    part.write_text(text)
    part.rename(path)
    wait_for(f"{what} to be done", lambda: not path.exists() and not (h.folder / what).exists(), 5)


def client(h, *arguments, check=True):
    """One of handrail's client commands, for the handrail h."""
    done = subprocess.run([HANDRAIL, arguments[0], f"--pid={h.pid}", *arguments[1:]],
                          capture_output=True, text=True, timeout=20, check=False)
    if check and done.returncode:
        raise AssertionError(f"{arguments}: {done.returncode}: {done.stderr}")
    return done


def service(h, name="server"):
    found = [s for s in h.get("/status").json()["services"] if s["name"] == name]
    return found[0] if found else None


def crash(h, number=1):
    return json.loads(client(h, "crashes", str(number), "--json").stdout)


def up(h):
    wait_for("the server to be up", lambda: service(h)["state"] == "up", 10)


class Notifications(unittest.TestCase):
    def test_a_server_that_says_that_it_is_ready(self):
        with notifier() as h:
            h.wait_line("server: ready after")
            up(h)
            wait_for("its status",
                     lambda: h.get("/status").json()["server"]["status"] == "speaking", 5)
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
        with notifier("--watchdog=2") as h:
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
            wait_for("the status", lambda: h.get("/status").json()["server"]["status"] == "fine", 5)
            self.assertEqual(service(h)["failures"], 0)

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


class Watchdog(unittest.TestCase):
    def test_a_hang_is_aborted_with_its_stack_in_the_report(self):
        with notifier("--watchdog=2") as h:
            h.wait_line("up")
            old = service(h)["pid"]
            do(h, "exec", "def the_place_where_it_hangs():\n time.sleep(300)\n"
                          "import threading\n"
                          "os.unlink('exec') if os.path.exists('exec') else None\n"
                          "signal.setitimer(signal.ITIMER_REAL, 0.2)\n"
                          "signal.signal(signal.SIGALRM, lambda *a: the_place_where_it_hangs())")
            h.wait_line("server: no heartbeat for 2 s: aborting")
            h.wait_line(r"server: hung, no heartbeat for 2 s: killed by signal 6")
            wait_for("its next life", lambda: service(h)["pid"] not in (None, old), 10)
            report = crash(h)
            self.assertIn("the_place_where_it_hangs", report["output"])
            self.assertTrue(report["reason"].startswith("hung"))

    def test_heartbeats_keep_it_alive(self):
        with notifier("--watchdog=1") as h:
            h.wait_line("up")
            time.sleep(3)
            self.assertEqual(service(h)["failures"], 0)

    def test_a_server_that_is_stopped_does_not_hang(self):
        with notifier("--watchdog=1") as h:
            h.wait_line("up")
            pid = service(h)["pid"]
            time.sleep(0.3)  # for a heartbeat
            os.kill(pid, signal.SIGSTOP)
            h.wait_line("is stopped by a signal: not taken for a hang")
            time.sleep(2)
            os.kill(pid, signal.SIGCONT)
            time.sleep(1)
            self.assertEqual((service(h)["pid"], service(h)["failures"]), (pid, 0))

    def test_time_in_which_we_did_not_run_does_not_count(self):
        with notifier("--watchdog=2") as h:
            h.wait_line("up")
            pid = service(h)["pid"]
            time.sleep(0.3)
            os.kill(h.pid, signal.SIGSTOP)
            os.kill(pid, signal.SIGSTOP)
            time.sleep(4)
            os.kill(h.pid, signal.SIGCONT)
            time.sleep(0.1)  # we are the first to run again
            os.kill(pid, signal.SIGCONT)
            time.sleep(1)
            self.assertEqual((service(h)["pid"], service(h)["failures"]), (pid, 0))

    def test_it_can_be_off(self):
        with notifier("--watchdog=0") as h:
            h.wait_line("up")
            (h.folder / "silent").touch()
            time.sleep(3)
            self.assertEqual(service(h)["failures"], 0)

    def test_what_the_server_asks_for(self):
        with notifier() as h:
            h.wait_line("up")
            do(h, "say", "WATCHDOG=trigger")
            h.wait_line("hung, no heartbeat for 1 s: killed by signal 6")


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
            report = crash(h)
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
            self.assertEqual(over_http["crashes"][0]["reason"], report["reason"])
            text = client(h, "crashes", "1").stdout
            self.assertIn("killed by signal 11", text)
            for place in (json.dumps(report), text, h.get("/crashes").text, h.get("/status").text):
                self.assertNotIn(self.SECRET, place)
            wait_for("the file", lambda: [f for f in os.listdir(d) if f.endswith(".json")], 5)
            [first] = sorted(Path(d).glob("crash-*-1.json"))
            self.assertEqual(first.stat().st_mode & 0o777, 0o600)
            self.assertEqual(json.loads(first.read_text())["output"], report["output"])

    def test_only_the_latest_are_kept(self):
        with running(["sh", "-c", "echo life; exit 9"],
                     options=["--backoff=0.01", "--backoff-max=0.01", "--budget=0"]) as h:
            wait_for("20 crashes", lambda: h.log().count("ended with code 9") > 20, 20)
            numbers = [c["number"] for c in
                       json.loads(client(h, "crashes", "--json").stdout)]
            self.assertEqual(len(numbers), 16)
            self.assertEqual(numbers, sorted(numbers, reverse=True))
            self.assertEqual(client(h, "crashes", "1", check=False).returncode, 1)
            self.assertEqual(crash(h, numbers[0])["output"], "life\n")

    def test_what_was_left_behind(self):
        with running(["sh", "-c", "setsid sleep 60 & sleep 0.3; kill -9 $$"],
                     options=["--cleanup=none"]) as h:
            h.wait_line("killed by signal 9.*starting it again")
            self.assertIn("sleep", [p["name"] for p in crash(h)["left"]])

    def test_a_plugin_too(self):
        with standin(plugins=[sample("echo")]) as h:
            h.wait_status("/readyz", 200)
            os.kill(h.child("handrail-toolhost"), signal.SIGSEGV)
            h.wait_line("toolhost/echo: killed by signal 11")
            self.assertEqual(crash(h)["service"], "toolhost/echo")


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
        env = {"PATH": os.environ["PATH"], "HANDRAIL_HEALTH_ADDR": "127.0.0.1:0",
               "HANDRAIL_MCP_ADDR": "127.0.0.1:0", "HANDRAIL_CONFIG_DIR": "/nonexistent"}
        with subprocess.Popen(argv, env=env, stdout=subprocess.PIPE,
                              stderr=subprocess.DEVNULL) as p:
            got = b""
            while len(got) < 256 * 4000:
                got += os.read(p.stdout.fileno(), 1 << 16)
                time.sleep(0.001)
            p.terminate()
            p.wait(20)
        self.assertEqual(got, bytes(range(256)) * 4000)

    def test_a_reader_that_has_stopped_slows_nobody_for_long(self):
        script = ("import time,os\nfor i in range(40):\n"
                  " os.write(1,b'x'*99+b'\\n'); os.write(1,(b'y'*999+b'\\n')*50)\n"
                  " open('count','w').write(str(i))\n"
                  "open('done','w').close()\ntime.sleep(60)")
        with tempfile.TemporaryDirectory() as d:
            env = {"PATH": os.environ["PATH"], "HANDRAIL_HEALTH_ADDR": "127.0.0.1:0",
                   "HANDRAIL_MCP_ADDR": "127.0.0.1:0", "HANDRAIL_CONFIG_DIR": "/nonexistent"}
            p = subprocess.Popen([HANDRAIL, "run", "--", sys.executable, "-c", script], env=env,
                                 cwd=d, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
            try:
                wait_for("the server's work", lambda: os.path.exists(d + "/done"), 20)
                status = subprocess.run([HANDRAIL, "status", f"--pid={p.pid}", "--json"],
                                        capture_output=True, text=True, timeout=10, check=True)
                self.assertIn('"server"', status.stdout)
                p.terminate()
                self.assertEqual(p.wait(20), 143)
            finally:
                p.kill()
                p.wait()
                p.stdout.close()

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
            h.wait_line("dropped")
            time.sleep(1)
            passed = [line for _, line in h.lines if line.startswith("line ")]
            self.assertTrue(400 <= len(passed) <= 900, len(passed))


class Leftovers(unittest.TestCase):
    LEAVE = ("import os,signal,socket,time\n"
             "if os.fork() == 0:\n"
             " os.setsid()\n open('/proc/self/comm','w').write('tmux: server')\n"
             " %s\n open('ready','w').write(str(os.getpid()))\n time.sleep(300)\n"
             "while not os.path.exists('ready'): time.sleep(0.01)\n"
             "print('up',flush=True)\ntime.sleep(300)")

    def crash_and_see(self, body, *options):
        """Kill the server; was what it left behind gone when the next one started?"""
        with running([sys.executable, "-c", self.LEAVE % body], options=list(options)) as h:
            h.wait_line("^up$")
            left = int((h.folder / "ready").read_text())
            (h.folder / "ready").unlink()
            seen = len(h.lines)
            os.kill(service(h)["pid"], signal.SIGKILL)
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
        alive, _ = self.crash_and_see(
            "open('/proc/self/comm','w').write('node')\n"
            " s=socket.socket(); s.bind(('127.0.0.1',int(os.environ['HANDRAIL_AGENT_PORT'])));"
            " s.listen()")
        self.assertFalse(alive)

    def test_others_are_left_alone(self):
        alive, _ = self.crash_and_see("open('/proc/self/comm','w').write('node')")
        self.assertTrue(alive)
        alive, _ = self.crash_and_see("open('/proc/self/comm','w').write('node')", "--cleanup=all")
        self.assertFalse(alive)
        alive, _ = self.crash_and_see("pass", "--cleanup=none")
        self.assertTrue(alive)


class Orders(unittest.TestCase):
    def test_status(self):
        with standin(plugins=[sample("echo")]) as h:
            h.wait_status("/readyz", 200)
            status = json.loads(client(h, "status", "--json").stdout)
            self.assertEqual([s["name"] for s in status["services"]],
                             ["server", "sidecar", "toolhost/echo"])
            self.assertEqual(status["pid"], h.pid)
            text = client(h, "status").stdout
            self.assertIn("toolhost/echo", text)

    def test_restart(self):
        with standin(plugins=[sample("echo")]) as h:
            h.wait_status("/readyz", 200)
            for name, part in (("server", "agent_server.py"), ("sidecar", "handrail-sidecar"),
                               ("toolhost/echo", "handrail-toolhost")):
                old = h.child(part)
                client(h, "restart", name)
                h.new_child(part, old)
            h.wait_status("/readyz", 200)
            self.assertEqual(service(h)["failures"], 0)
            done = client(h, "restart", "nobody", check=False)
            self.assertEqual(done.returncode, 1)
            self.assertIn("no such service", done.stderr)
            self.assertEqual(json.loads(client(h, "crashes", "--json").stdout), [])

    def test_restart_of_a_server_that_does_not_end(self):
        with standin("--ignore-term", options=["--stop-timeout=1"]) as h:
            h.wait_status("/readyz", 200)
            old = h.child("agent_server.py")
            client(h, "restart")
            h.wait_line("has not ended: killing it")
            h.new_child("agent_server.py", old)

    def test_drain_and_stop(self):
        with standin() as h:
            h.wait_status("/readyz", 200)
            client(h, "drain")
            self.assertIn("draining", h.wait_status("/readyz", 503).text)
            self.assertEqual(h.get("/livez").status, 200)
            client(h, "drain", "--undo")
            h.wait_status("/readyz", 200)
            client(h, "stop")
            self.assertEqual(h.wait(), 143)
            self.assertEqual(client(h, "status", check=False).returncode, 69)

    @unittest.skipUnless(os.geteuid() == 0, "needs root, to be another user")
    def test_another_user_is_refused(self):
        with standin() as h:
            h.wait_status("/readyz", 200)
            done = subprocess.run(["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups",
                                   HANDRAIL, "stop", f"--pid={h.pid}"],
                                  capture_output=True, text=True, check=False)
            self.assertEqual(done.returncode, 1, done.stderr)
            self.assertIn("uid 65534", done.stderr)
            self.assertEqual(h.get("/readyz").status, 200)

    def test_a_server_given_up_can_stay_and_be_started_again(self):
        with running(["sh", "-c", "[ -e good ] && exec sleep 60; exit 7"],
                     options=["--budget=3", "--backoff=0.05", "--on-give-up=stay"]) as h:
            h.wait_line("giving up")
            h.wait_status("/livez", 503)
            (h.folder / "good").touch()
            client(h, "restart")
            h.wait_status("/livez", 200)
            self.assertEqual(h.stop(), 143)


class Reload(unittest.TestCase):
    def write(self, h, *plugins):
        (h.folder / "tool_registry.json").write_text(json.dumps({"plugins": list(plugins)}))

    def tools(self, h):
        try:
            return sorted(t["name"] for t in h.mcp("tools/list")["tools"])
        except Failure:  # the sidecar was just ending
            return None

    def hup(self, h):
        seen = len(h.lines)
        h.process.send_signal(signal.SIGHUP)
        h.wait_line(r"reload: .*(changed|stay)$", start=seen)

    def settled(self, h, *names):
        def done():
            services = [s for s in h.get("/status").json()["services"] if s["name"]]
            return ([s["name"] for s in services if s["name"].startswith("toolhost/")
                     and s["state"] == "up"] == list(names)
                    and services[1]["state"] == "up")
        wait_for(f"toolhosts {names}", done, 20)

    def test_plugins_come_and_go(self):
        echo, search = sample("echo"), sample("workspace-search", {"root": "/"})
        with standin(plugins=[echo]) as h:
            h.wait_status("/readyz", 200)
            server = h.child("agent_server.py")
            self.assertEqual(self.tools(h), ["echo"])
            kept = h.child("handrail-toolhost")

            self.write(h, echo, search)
            self.hup(h)
            self.settled(h, "toolhost/echo", "toolhost/workspace-search")
            wait_for("its tool", lambda: self.tools(h) == ["echo", "workspace_search"], 10)
            self.assertIn(kept, h.children("handrail-toolhost"), "echo had not changed")

            self.write(h, search)
            self.hup(h)
            wait_for("its end", lambda: self.tools(h) == ["workspace_search"], 10)
            self.assertNotIn("toolhost/echo", h.get("/status").text + h.get("/metrics").text)

            self.write(h, search, test_plugin("faulty"))  # takes the place of echo
            self.hup(h)
            wait_for("its tools", lambda: "slow" in self.tools(h), 10)

            self.write(h, sample("workspace-search", {"root": "/tmp"}), test_plugin("faulty"))
            old = {s["name"]: s["pid"] for s in h.get("/status").json()["services"]}
            self.hup(h)
            wait_for("the changed one anew", lambda: (service(h, "toolhost/workspace-search") or
                     {}).get("pid") not in (None, old["toolhost/workspace-search"]), 10)
            self.assertEqual(service(h, "toolhost/faulty")["pid"], old["toolhost/faulty"])

            self.write(h)
            self.hup(h)
            wait_for("no empty offer", lambda: not h.ambient_file.exists(), 10)
            self.write(h, echo)
            self.hup(h)
            wait_for("its tool", lambda: h.ambient_file.exists() and self.tools(h) == ["echo"], 10)
            self.settled(h, "toolhost/echo")
            self.assertEqual(h.child("agent_server.py"), server)
            self.assertEqual(service(h)["failures"], 0)
            self.assertEqual(h.stop(), 143)
            self.assertEqual(h.leftovers(), [])

    def test_what_is_wrong_changes_nothing(self):
        with standin(plugins=[sample("echo")]) as h:
            h.wait_status("/readyz", 200)
            old = h.child("handrail-toolhost"), h.child("handrail-sidecar")
            for text, words in (("{", "line 1"), ('{"plugins":3}', "expected an array"),
                                ('{"plugins":[{"id":"a"}]}', "/plugins/0/path"),
                                ("x" * 300000, "larger than")):
                (h.folder / "tool_registry.json").write_text(text)
                self.hup(h)
                self.assertIn(words, h.log())
                self.assertIn("the present plugins stay", h.log())
            (h.folder / "tool_registry.json").unlink()  # it was named: it must be there
            self.hup(h)
            self.assertIn("No such file", h.log())
            time.sleep(0.3)
            self.assertEqual((h.child("handrail-toolhost"), h.child("handrail-sidecar")), old)
            self.assertEqual(h.call_tool("echo", {"text": "x"})["content"][0]["text"], "x")

    def test_a_file_that_hangs_hangs_nobody(self):
        with standin(plugins=[sample("echo")]) as h:
            h.wait_status("/readyz", 200)
            path = h.folder / "tool_registry.json"
            path.unlink()
            os.mkfifo(path)  # opening it waits for a writer
            h.process.send_signal(signal.SIGHUP)
            time.sleep(0.5)
            self.assertEqual(h.get("/readyz").status, 200)
            client(h, "status")
            h.wait_line("could not be read within", timeout=20)
            self.assertEqual(h.stop(), 143)

    def test_many_at_once(self):
        echo = sample("echo")
        with standin(plugins=[echo]) as h:
            h.wait_status("/readyz", 200)
            for i in range(60):
                self.write(h, sample("workspace-search", {"root": f"/{'x' * (i % 7)}"}),
                           *([echo] if i % 2 else []))
                h.process.send_signal(signal.SIGHUP)
                for pid in h.children("handrail-")[:1] if i % 10 == 0 else []:
                    with contextlib.suppress(ProcessLookupError):
                        os.kill(pid, signal.SIGKILL)
                time.sleep(0.03)
            self.write(h, echo)
            h.process.send_signal(signal.SIGHUP)
            self.settled(h, "toolhost/echo")
            wait_for("the tools", lambda: self.tools(h) == ["echo"], 20)
            self.assertEqual([p for p in descendants(h.pid) if p.state == "Z"], [])

    def test_the_order(self):
        with standin(plugins=[sample("echo")]) as h:
            h.wait_status("/readyz", 200)
            client(h, "reload")
            h.wait_line("reload: .*: 0 plugins changed")


class Plain(unittest.TestCase):
    """What concerns the plain init as well."""

    def test_sockets_of_an_activation_are_the_commands(self):
        look = "import os;print(os.environ['LISTEN_PID'] == str(os.getpid()))"
        for pid, expected in (("$$", "True"), ("1", "False")):
            done = subprocess.run(
                ["sh", "-c", f"LISTEN_PID={pid} LISTEN_FDS=1 exec {HANDRAIL} run --no-sidecar -- "
                             f"{sys.executable} -c \"{look}\""],
                capture_output=True, text=True, timeout=20, check=False)
            self.assertEqual(done.stdout.strip(), expected)

    def test_a_group_gets_the_signal(self):
        script = "trap 'echo child; exit 0' USR1; echo up; while :; do sleep 0.05; done"
        p = subprocess.Popen([HANDRAIL, "run", "--no-sidecar", "-g", "--", "sh", "-c",
                              f"sh -c \"{script}\" & trap 'echo parent' USR1; wait; wait; exit 3"],
                             stdout=subprocess.PIPE, text=True)
        self.assertEqual(p.stdout.readline(), "up\n")
        p.send_signal(signal.SIGUSR1)
        rest = p.stdout.read()
        self.assertEqual(sorted(rest.split()), ["child", "parent"])
        self.assertEqual(p.wait(10), 3)
        p.stdout.close()

    def test_rewriting(self):
        script = ("trap 'echo int; exit 4' INT; trap 'echo term' TERM; trap 'echo usr1' USR1; "
                  "echo up; while :; do sleep 0.05; done")
        p = subprocess.Popen([HANDRAIL, "run", "--no-sidecar", "--rewrite", "TERM:INT", "-r",
                              "USR1:0", "--", "sh", "-c", script], stdout=subprocess.PIPE, text=True)
        self.assertEqual(p.stdout.readline(), "up\n")
        p.send_signal(signal.SIGUSR1)
        time.sleep(0.2)
        p.terminate()
        self.assertEqual(p.stdout.read(), "int\n")
        self.assertEqual(p.wait(10), 4)
        p.stdout.close()


if __name__ == "__main__":
    unittest.main(verbosity=1)
