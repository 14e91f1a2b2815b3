# SPDX-License-Identifier: MIT
"""handrail status: what it shows, on a terminal and elsewhere, and that the terminal is as it was
afterwards, whatever ends it."""

import contextlib
import fcntl
import json
import os
import pty
import re
import select
import shutil
import signal
import struct
import subprocess
import tempfile
import termios
import time
import unittest
from pathlib import Path

from harness import client, running, sample, standin
from support import HANDRAIL, Failure, standin_command, wait_for

ENTER, LEAVE = "\x1b[?1049h\x1b[?25l\x1b[?7l", "\x1b[?7h\x1b[?25h\x1b[?1049l"
PATIENCE = 30.0


def names_in(value):
    """Each key of what JSON has become."""
    if isinstance(value, list):
        return {name for item in value for name in names_in(item)}
    if not isinstance(value, dict):
        return set()
    return {*value, *(name for item in value.values() for name in names_in(item))}


class Terminal:
    """A terminal of our own with a program on it, and what is to be seen there."""

    def __init__(self, *argv, rows=24, columns=80, job=False, **environment):
        """job: below a process that could continue it, as a shell's jobs are; `pid` is that
        process, and `job` its child."""
        told, tell = os.pipe()
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.environ.update({"TERM": "xterm", **environment})
            if job:
                self._be_shell(tell)
            os.execv(argv[0], [str(a) for a in argv])
        os.close(tell)
        self.told = os.fdopen(told, "r")
        self.job = int(self.told.readline()) if job else self.pid
        self.raw = ""
        self.screen = {}
        self.rows = rows
        self.status = None
        self.resize(rows, columns)

    @staticmethod
    def _be_shell(tell):
        """Returns in the job; this process tells of its stops, and ends as it does."""
        child = os.fork()
        if child == 0:
            os.setpgid(0, 0)
            signal.signal(signal.SIGTTOU, signal.SIG_IGN)
            os.tcsetpgrp(0, os.getpgrp())
            signal.signal(signal.SIGTTOU, signal.SIG_DFL)
            return
        os.write(tell, f"{child}\n".encode())
        while True:
            _, status = os.waitpid(child, os.WUNTRACED)
            if not os.WIFSTOPPED(status):
                os._exit(os.waitstatus_to_exitcode(status) & 0xff)
            os.write(tell, b"stopped\n")

    def resize(self, rows, columns):
        self.rows = rows
        fcntl.ioctl(self.fd, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def read(self, seconds=0.05):
        """Take in what has come; false at the end."""
        while select.select([self.fd], [], [], seconds)[0]:
            try:
                data = os.read(self.fd, 65536).decode()
            except OSError:
                return False
            self.raw += data
            self.show(data)
        return True

    def show(self, data):
        """Of all that terminals can do: what is used here.  Anything else is a mistake."""
        row = None
        for part in re.split(r"(\x1b\[[0-9;?]*[A-Za-z])", data):
            if match := re.fullmatch(r"\x1b\[(\d+);1H", part):
                row = int(match[1])
                self.screen[row] = ""
            elif part == "\x1b[2J":
                self.screen.clear()
            elif part == "\x1b[J":
                self.screen = {n: text for n, text in self.screen.items() if n < row}
            elif part == "\x1b[K" or re.fullmatch(r"\x1b\[[0-9]+m", part) or part.startswith("\x1b[?"):
                pass
            elif part.startswith("\x1b"):
                raise Failure(f"what does {part!r} do here?")
            elif part and row is not None:
                self.screen[row] += part

    def text(self):
        return "\n".join(self.screen.get(row, "") for row in range(1, self.rows + 1)).rstrip()

    def wait_text(self, part):
        def there():
            self.read()
            return part in self.text()
        try:
            wait_for(repr(part), there, PATIENCE)
        except Failure as failure:
            raise Failure(f"{failure}; there is:\n{self.text()}\n{self.raw[-300:]!r}") from None

    def modes(self):
        return termios.tcgetattr(self.fd)[3] & (termios.ECHO | termios.ICANON)

    def end(self):
        """Its wait status, when it has ended."""
        def ended():
            self.read()
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self.status = status
            return pid
        wait_for("its end", ended, PATIENCE)
        self.read()
        return self.status

    def close(self):
        if self.status is None:
            with contextlib.suppress(OSError):
                os.kill(self.pid, signal.SIGKILL)
                os.waitpid(self.pid, 0)
        os.close(self.fd)
        self.told.close()


@contextlib.contextmanager
def memory_cgroup(limit):
    """A cgroup with that much memory, of the version there is; None where none can be made."""
    name = f"handrail-test-{os.getpid()}"
    for folder, file in (("/sys/fs/cgroup/memory", "memory.limit_in_bytes"),
                         ("/sys/fs/cgroup", "memory.max")):
        made = Path(folder) / name
        try:
            made.mkdir()
            fd = os.open(made / file, os.O_WRONLY)  # which only a cgroup has
            os.write(fd, str(limit).encode())
            os.close(fd)
        except OSError:
            with contextlib.suppress(OSError):
                made.rmdir()
            continue
        try:
            yield made
        finally:
            for pid in (made / "cgroup.procs").read_text().split():
                (made.parent / "cgroup.procs").write_text(pid)
            made.rmdir()
        return
    yield None


@contextlib.contextmanager
def watching(h, *more, **options):
    h.wait_status("/startupz", 200)
    terminal = Terminal(HANDRAIL, "status", f"--pid={h.pid}", "--watch=0.2", *more, **options)
    try:
        yield terminal
    finally:
        terminal.close()


class Once(unittest.TestCase):
    def test_screen(self):
        with standin("--notify", plugins=[sample("echo")]) as h:
            h.wait_status("/readyz", 200)
            h.call_tool("echo", {"text": "x"})
            screen = client(h, "status").stdout
            self.assertIn("startup 200, live 200, ready 200", screen)
            self.assertRegex(screen, r"(?m)^echo +up +1 +0 +0$")
            self.assertLess(len(screen.splitlines()), 24, screen)
            self.assertNotIn("\x1b", screen)
            plugins = client(h, "status", "plugins").stdout
            self.assertRegex(plugins, r"(?m)^echo +echo +1 +0 +- +0 +\d.* [um]?s +\d.* [um]?s$")
            self.assertLessEqual(max(map(len, plugins.splitlines())), 80, plugins)

    def test_cached_files_are_no_use_of_memory(self):
        limit, cached = 400 << 20, 256 << 20
        inside = ["sh", "-c", 'echo $$ >"$0" && exec "$@"']
        with memory_cgroup(limit) as cgroup, tempfile.NamedTemporaryFile(dir="/var/tmp") as file:
            if not cgroup:
                self.skipTest("no cgroup with memory can be made here")
            with running(standin_command(), prefix=[*inside, str(cgroup / "cgroup.procs")]) as h:
                h.wait_status("/readyz", 200)
                subprocess.run([*inside, str(cgroup / "cgroup.procs"), "dd", "if=/dev/zero", "bs=1M",
                                f"of={file.name}", f"count={cached >> 20}", "conv=fsync"],
                               check=True, stderr=subprocess.DEVNULL)
                time.sleep(1.1)  # what was measured before is good enough for a second
                memory = h.get("/status").json()["resources"]["memory"]
                self.assertGreater(memory["used_bytes"], cached)
                self.assertLess(memory["working_set_bytes"], memory["used_bytes"] - cached * 0.9)
                percent = memory["working_set_bytes"] * 100 / limit
                line = re.search(r"resources +working set .* of 400 MiB \((\d+)%\)",
                                 client(h, "status").stdout)
                self.assertAlmostEqual(int(line[1]), percent, delta=8)
                shown = re.search(r"of 400 MiB \((\d+)%\) <small>working set; (\d+) MiB with all cached",
                                  h.get("/").text)
                self.assertAlmostEqual(int(shown[1]), percent, delta=8)
                self.assertGreater(int(shown[2]), cached >> 20)

    def test_a_warning_is_no_failure(self):
        """What counts for no endpoint, or for one that it does not fail yet."""
        never = "disk:free=99%,failures=1"
        with standin(options=["--check", never]) as h:
            h.wait_status("/readyz", 200, 30)
            wait_for("a warning", lambda: re.search(r"(?m)^  warning +disk, for .*: ", client(h, "status").stdout), 30)
            self.assertNotIn("failing   disk", client(h, "status").stdout)
        with standin(options=["--check", never + ",gate=ready"]) as h:
            h.wait_status("/readyz", 503, 30)
            wait_for("the check", lambda: "disk" in h.get("/readyz").text, 30)
            self.assertRegex(client(h, "status").stdout, r"(?m)^  failing +disk, for .*: ")

    def test_what_cannot_be_written_is_an_error(self):
        with standin() as h, open("/dev/full", "w") as full:
            h.wait_status("/startupz", 200)
            for more in ([], ["--json"], ["plugins"], ["--watch", "--json"]):
                done = subprocess.run([HANDRAIL, "status", f"--pid={h.pid}", *more], stdout=full,
                                      stderr=subprocess.PIPE, text=True, timeout=20, check=False)
                self.assertEqual(done.returncode, 74, more)
                self.assertIn("cannot write to standard output: No space left", done.stderr)

    def test_json(self):
        with standin(plugins=[sample("echo")]) as h:
            h.wait_status("/readyz", 200)
            status = json.loads(client(h, "status", "--json").stdout)
            self.assertTrue(status["probes"]["ready"])
            self.assertIsNone(status["sidecar_error"])
            self.assertIn("ready", [c["name"] for c in status["checks"]])
            plugins = json.loads(client(h, "status", "plugins", "--json").stdout)
            self.assertEqual([p["id"] for p in plugins["plugins"]], ["echo"])

    def test_json_is_as_the_health_port_has_it(self):
        """What process 1 says, too: a program that reads one reads the other."""
        with standin(plugins=[sample("echo")]) as h:
            h.wait_status("/readyz", 200)
            here = json.loads(client(h, "status", "--json").stdout)
            there = json.loads(h.get("/status").text)
            self.assertEqual(set(here), set(there) | {"ok", "sidecar_error", "supervisor_error"})
            self.assertEqual(set(here["server"]), set(there["server"]))
            for one, other in zip(here["services"], there["services"], strict=True):
                self.assertEqual(set(one), set(other) - {"output"})

    def test_the_manual_has_each_field(self):
        with standin(plugins=[sample("echo")]) as h:
            h.wait_status("/readyz", 200)
            os.kill(h.child("agent_server.py"), signal.SIGKILL)
            wait_for("a crash", lambda: h.get("/crashes").text != "[]", PATIENCE)
            status = json.loads(h.get("/status").text)
            crashes = json.loads(h.get("/crashes").text)
        text = (Path(__file__).parents[2] / "sidecar/README.md").read_text()
        told = set(re.findall(r"`(\w+)`", text.partition("## /status and /crashes")[2]))
        elsewhere = ("phase", "checks", "webhook")
        here = {key: value for key, value in status.items() if key not in elsewhere}
        self.assertEqual({*elsewhere, *names_in(here), *names_in(crashes)} - told, set())

    def test_while_the_server_hangs(self):
        with standin() as h:
            h.wait_status("/readyz", 200)
            os.kill(h.child("agent_server.py"), signal.SIGSTOP)
            h.wait_status("/readyz", 503, 60)
            self.assertRegex(client(h, "status").stdout, r"failing +ready, for .*: .*no answer")

    def test_while_the_sidecar_hangs(self):
        with standin(plugins=[sample("echo")]) as h:
            h.wait_status("/readyz", 200)
            sidecar = h.child("handrail-sidecar")
            os.kill(sidecar, signal.SIGSTOP)
            screen = client(h, "status").stdout
            self.assertIn("sidecar     does not answer: no answer on @handrail/probe/", screen)
            self.assertIn("toolhost/echo", screen)
            status = json.loads(client(h, "status", "--json").stdout)
            self.assertIn("no answer on", status["sidecar_error"])
            self.assertIsNone(status["checks"])
            self.assertEqual(len(status["services"]), 3)
            done = client(h, "status", "plugins", check=False)
            self.assertEqual(done.returncode, 69)
            self.assertIn("no answer on", done.stderr)
            os.kill(sidecar, signal.SIGCONT)

    def test_while_process_1_is_stopped(self):
        with standin("--notify", plugins=[sample("echo")]) as h:
            h.wait_status("/readyz", 200)
            os.kill(h.pid, signal.SIGSTOP)
            began = time.monotonic()
            screen = client(h, "status").stdout
            self.assertLess(time.monotonic() - began, 5)  # 1 s, on a machine that is not busy
            self.assertIn("supervisor  does not answer: no answer on @handrail/control/", screen)
            self.assertIn("What follows is what the sidecar knows", screen)
            self.assertIn("startup 200, live 200, ready 200", screen)
            self.assertRegex(screen, r"(?m)^toolhost/echo +up ")
            self.assertIn("echo", client(h, "status", "plugins").stdout)
            status = json.loads(client(h, "status", "--json").stdout)
            self.assertIn("no answer on", status["supervisor_error"])
            self.assertIsNone(status["sidecar_error"])
            self.assertEqual(status["pid"], h.pid)
            self.assertEqual([s["retry_in_ms"] for s in status["services"]], [None] * 3)
            os.kill(h.pid, signal.SIGCONT)
            status = json.loads(client(h, "status", "--json").stdout)
            self.assertIsNone(status["supervisor_error"])

    @unittest.skipUnless(os.geteuid() == 0, "needs a second user")
    def test_of_another_user(self):
        """Who may not give orders still sees what everybody may see."""
        with standin() as h, tempfile.TemporaryDirectory() as folder:
            h.wait_status("/readyz", 200)
            Path(folder).chmod(0o755)
            program = shutil.copy(HANDRAIL, folder)

            def ask(*options):
                return subprocess.run([program, "status", f"--pid={h.pid}", *options], user=65534,
                                      group=65534, extra_groups=[], capture_output=True, text=True,
                                      check=False)

            done = ask()
            self.assertEqual((done.returncode, done.stderr), (0, ""))
            self.assertIn("supervisor  does not answer: orders are taken from uid 0 and from root, "
                          "and you have uid 65534", done.stdout)
            self.assertIn("startup 200, live 200, ready 200", done.stdout)
            status = json.loads(ask("--json").stdout)
            self.assertEqual(status["pid"], h.pid)
            self.assertIn("you have uid 65534", status["supervisor_error"])
            os.kill(h.child("handrail-sidecar"), signal.SIGSTOP)
            done = ask()
            self.assertEqual((done.returncode, done.stdout), (1, ""))
            self.assertIn("you have uid 65534; and its sidecar: no answer on", done.stderr)

    def test_while_both_are_stopped(self):
        with standin() as h:
            h.wait_status("/readyz", 200)
            sidecar = h.child("handrail-sidecar")
            for pid in (h.pid, sidecar):
                os.kill(pid, signal.SIGSTOP)
            began = time.monotonic()
            done = client(h, "status", check=False)
            self.assertLess(time.monotonic() - began, 6)
            self.assertEqual((done.returncode, done.stdout), (69, ""))
            self.assertRegex(done.stderr, "^handrail status: no answer on @handrail/control/.* within 1000 "
                             "ms; and its sidecar: no answer on @handrail/probe/.*\n$")
            for pid in (h.pid, sidecar):
                os.kill(pid, signal.SIGCONT)

    def test_while_the_sidecar_is_restarted(self):
        with standin(options=["--sidecar-backoff=0.05", "--sidecar-budget=0"]) as h:
            h.wait_status("/readyz", 200)
            for _ in range(5):
                os.kill(h.child("handrail-sidecar"), signal.SIGKILL)
                self.assertRegex(client(h, "status").stdout, "ready 200|sidecar     does not answer")

    def test_whose_sidecar_is_asked(self):
        with standin(plugins=[sample("echo")]) as h, standin() as other:
            for each in (h, other):
                each.wait_status("/readyz", 200)
            space = os.stat("/proc/self/ns/pid").st_ino
            mine = f"--socket=@handrail/control/{space}/{h.pid}"

            def ask(*argv, probe=""):
                return subprocess.run([HANDRAIL, "status", *argv], capture_output=True, text=True,
                                      env={**os.environ, "HANDRAIL_PROBE": probe}, timeout=20,
                                      check=False)
            done = ask("plugins", mine)
            self.assertRegex(done.stdout, "(?m)^echo ", done.stderr)
            done = ask("plugins", "--socket=@handrail/nobody")
            self.assertEqual((done.returncode, done.stdout), (69, ""))
            self.assertIn("cannot connect to @handrail/nobody", done.stderr)
            wrong = f"@handrail/probe/{space}/{other.pid}"
            self.assertRegex(ask("plugins", f"--pid={h.pid}", probe=wrong).stdout, "(?m)^echo ")
            self.assertRegex(ask(f"--pid={h.pid}", probe=wrong).stdout, "(?m)^echo ")
            done = ask(mine, probe=wrong)
            self.assertEqual(done.returncode, 0)
            self.assertIn("sidecar     does not answer: it is the sidecar of another supervisor, pid "
                          f"{other.pid}: see HANDRAIL_PROBE", done.stdout)
            done = subprocess.run([HANDRAIL, "probe", "live", f"--pid={h.pid}"], text=True, timeout=20,
                                  env={**os.environ, "HANDRAIL_PROBE": "@handrail/nobody"},
                                  capture_output=True, check=False)
            self.assertEqual((done.returncode, done.stdout), (0, "ok\n"))

    def test_wrong_usage_is_one_line(self):
        wrong = ["--foo", "--jso", "--json=1", "--wat", "--watchx", "--p", "-j", "--", "--pid",
                 "--pid=0", "--pid=1x", "--socket", "--socket=x", "--tim=3", "--verb", "--und",
                 "--help=1", "--\x1b[2J", "--\udcff"]
        for command in ("status", "probe", "restart", "reload", "drain", "stop", "crashes"):
            for argument in wrong:
                done = subprocess.run([HANDRAIL, command, argument], capture_output=True, timeout=20,
                                      check=False)
                told = (command, argument, done.stderr)
                self.assertEqual((done.returncode, done.stdout), (64, b""), told)
                self.assertEqual(done.stderr.count(b"\n"), 1, told)
                self.assertIn(f"; usage: handrail {command}".encode(), done.stderr, told)
                self.assertNotIn(b"\x1b", done.stderr, told)
            done = subprocess.run([HANDRAIL, command, "--pid=1999999", "a", "b"], capture_output=True,
                                  timeout=20, check=False)
            self.assertEqual(done.returncode, 64, command)

    def test_a_name_cannot_steer_the_terminal(self):
        with standin("--notify") as h:
            h.wait_status("/readyz", 200)
            h.fault(notify="STATUS=serving \x1b[2J\x1b]0;mine\x07")
            wait_for("its words", lambda: "serving ^[[2J^[]0;mine^G" in client(h, "status").stdout, 10)
            self.assertNotIn("\x1b", client(h, "status").stdout)


class Watch(unittest.TestCase):
    def test_only_what_has_changed_is_written(self):
        with standin(options=["--check", "loop-lag:limit=600"]) as h, watching(h) as t:
            t.wait_text("ready 200")
            self.assertTrue(t.raw.startswith(ENTER))
            before = len(t.raw)
            server = h.child("agent_server.py")
            os.kill(server, signal.SIGSTOP)
            t.wait_text("ready 503")
            t.wait_text("failing   ready")
            os.kill(server, signal.SIGCONT)
            t.wait_text("ready 200")
            wait_for("all to be well", lambda: t.read() and re.search(r"(\d+) of \1 ok", t.text()), PATIENCE)
            later = t.raw[before:]
            self.assertNotIn("\x1b[2J", later)
            t.read()
            written = len(t.raw)
            wait_for("five frames", lambda: t.read() and t.raw.count("handrail 0", written) > 4, 30)
            self.assertNotIn("nothing recorded", t.raw[written:])
            self.assertEqual(t.raw.count("\x1b[?25l"), 1)
            os.write(t.fd, b"q")
            self.assertEqual(t.end(), 0)
            self.assertTrue(t.raw.endswith(LEAVE), repr(t.raw[-80:]))

    def test_the_screen_is_what_status_prints(self):
        """Of what does not change from one moment to the next."""
        with standin(plugins=[sample("echo")]) as h, watching(h) as t:
            h.wait_status("/readyz", 200)
            t.wait_text("echo    up")
            printed = re.sub(r"[\d.]+", "0", client(h, "status").stdout.rstrip())
            t.wait_text("ready 200")
            shown = re.sub(r"[\d.]+", "0", re.sub(r"\x1b\[[0-9]*m", "", t.text()))
            self.assertEqual([line.split() for line in printed.splitlines()
                              if line.startswith(("SERVICE", "server", "PLUGIN", "echo", "agent"))],
                             [line.split() for line in shown.splitlines()
                              if line.startswith(("SERVICE", "server", "PLUGIN", "echo", "agent"))])

    def test_the_terminal_is_as_it_was(self):
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT):
            with self.subTest(number), standin() as h, watching(h) as t:
                modes = t.modes()
                self.assertNotEqual(modes, 0)
                t.wait_text("SERVICE")
                self.assertEqual(t.modes(), 0)
                os.kill(t.pid, number)
                status = t.end()
                self.assertTrue(os.WIFSIGNALED(status) and os.WTERMSIG(status) == number, status)
                self.assertTrue(t.raw.endswith(LEAVE), repr(t.raw[-80:]))
                self.assertEqual(t.modes(), modes)

    def test_ctrl_c(self):
        with standin() as h, watching(h) as t:
            t.wait_text("SERVICE")
            os.write(t.fd, b"\x03")
            self.assertEqual(os.WTERMSIG(t.end()), signal.SIGINT)
            self.assertIn(LEAVE, t.raw)

    def test_ctrl_c_while_process_1_is_stopped(self):
        with standin() as h, watching(h) as t:
            t.wait_text("SERVICE")
            os.kill(h.pid, signal.SIGSTOP)
            time.sleep(0.5)  # it waits for an answer now
            began = time.monotonic()
            os.write(t.fd, b"\x03")
            self.assertEqual(os.WTERMSIG(t.end()), signal.SIGINT)
            self.assertLess(time.monotonic() - began, 8)  # an answer is waited for longer
            os.kill(h.pid, signal.SIGCONT)

    def test_process_1_is_stopped_meanwhile(self):
        with standin() as h, watching(h) as t:
            t.wait_text("ready 200")
            os.kill(h.pid, signal.SIGSTOP)
            t.wait_text("supervisor  ")
            self.assertIn("What follows is what the sidecar knows", t.text())
            os.kill(h.pid, signal.SIGCONT)
            wait_for("its return", lambda: t.read() and "supervisor  " not in t.text(), PATIENCE)
            os.write(t.fd, b"q")
            self.assertEqual(t.end(), 0)

    def test_stopped_and_continued(self):
        with standin() as h, watching(h, job=True) as t:
            for number in (signal.SIGTSTP, signal.SIGTSTP, signal.SIGSTOP):
                t.wait_text("SERVICE")
                os.kill(t.job, number)
                self.assertEqual(t.told.readline(), "stopped\n")
                t.read()
                if number == signal.SIGTSTP:
                    self.assertTrue(t.raw.endswith(LEAVE), repr(t.raw[-80:]))
                    self.assertNotEqual(t.modes(), 0)
                t.screen.clear()
                os.kill(t.job, signal.SIGCONT)
            t.wait_text("SERVICE")
            self.assertEqual(t.modes(), 0)
            os.write(t.fd, b"q")
            self.assertEqual(t.end(), 0)
            self.assertNotEqual(t.modes(), 0)

    def test_a_stop_that_nobody_could_end(self):
        """The kernel ignores it then."""
        with standin() as h, watching(h) as t:
            t.wait_text("SERVICE")
            t.screen.clear()
            os.kill(t.pid, signal.SIGTSTP)
            t.wait_text("SERVICE")
            self.assertEqual(t.raw.count(ENTER), 2)
            self.assertEqual(t.modes(), 0)

    def test_another_size(self):
        with standin() as h, watching(h) as t:
            t.wait_text("nothing recorded")
            t.resize(6, 80)
            t.wait_text("lines more")
            self.assertLessEqual(max(t.screen), 6, t.screen)
            t.resize(30, 80)
            t.wait_text("nothing recorded")
            self.assertNotIn("lines more", t.text())

    def test_what_is_too_wide_is_folded(self):
        """Why something fails can be read to its end, however narrow the terminal."""
        reason = "no agent can be made of " + "it-" * 30 + "end"
        with standin("--notify") as h:
            h.wait_status("/readyz", 200)
            h.fault(notify=f"STATUS={reason} \u202e\u9b1a")
            for columns in (80, 40, 20):
                with watching(h, rows=90, columns=columns) as t:
                    def folded():
                        t.read()
                        return [t.screen.get(row, "") for row in range(1, 90)]
                    wait_for("its words", lambda: reason + " <U+202E>\u9b1a" in "".join(folded()), PATIENCE)
                    self.assertLessEqual(max(map(len, folded())), columns)
                    t.resize(90, 200)
                    t.wait_text(reason)
                    os.write(t.fd, b"\x03")
                    self.assertEqual(os.WTERMSIG(t.end()), signal.SIGINT)
                    self.assertTrue(t.raw.endswith(LEAVE), repr(t.raw[-80:]))

    def test_handrail_ends_meanwhile(self):
        with standin() as h, watching(h) as t:
            t.wait_text("SERVICE")
            h.stop()
            t.wait_text("cannot")
            self.assertNotIn("SERVICE", t.text())
            os.write(t.fd, b"q")
            self.assertEqual(t.end(), 0)

    def test_nothing_to_watch(self):
        done = subprocess.run([HANDRAIL, "status", "--pid=1999999", "--watch"], text=True,
                              capture_output=True, timeout=20, check=False)
        self.assertEqual((done.returncode, done.stdout), (69, ""))
        self.assertIn("handrail status: cannot connect", done.stderr)

    def test_rates_of_tools(self):
        with standin(plugins=[sample("echo")]) as h:
            h.wait_status("/readyz", 200)
            t = Terminal(HANDRAIL, "status", "plugins", f"--pid={h.pid}", "--watch", "1")
            with contextlib.closing(t):
                t.wait_text("TOOL")
                for _ in range(5):
                    h.call_tool("echo", {"text": "x"})
                wait_for("a rate", lambda: t.read() and re.search(r"[1-9][0-9.]*/s", t.text()), PATIENCE)
                self.assertNotIn("\x1b[2J", t.raw.replace("\x1b[2J", "", 2))

    def test_colours(self):
        with standin() as h:
            h.wait_status("/readyz", 200)
            os.kill(h.child("agent_server.py"), signal.SIGSTOP)
            with watching(h) as t:
                t.wait_text("failing")
                wait_for("red", lambda: t.read() and "\x1b[31mfailing\x1b[0m" in t.raw, PATIENCE)
            with watching(h, NO_COLOR="1") as t:
                t.wait_text("failing")
                self.assertNotRegex(t.raw, "\x1b\\[[0-9]+m")

    def test_no_terminal(self):
        with standin() as h:
            h.wait_status("/readyz", 200)
            argv = [HANDRAIL, "status", f"--pid={h.pid}", "--watch=0.1"]
            for more, part in (([], "\n\nhandrail "), (["--json"], '\n{"')):
                with subprocess.Popen([*argv, *more], stdout=subprocess.PIPE, text=True) as p:
                    seen = ""
                    while seen.count(part) < 3:
                        seen += p.stdout.readline() or self.fail(seen)
                    p.terminate()
                    self.assertEqual(p.wait(10), -signal.SIGTERM)
                self.assertNotIn("\x1b", seen)
                if more:
                    self.assertIn("services", json.loads(seen.splitlines()[1]))

    def test_every_line_is_json(self):
        with standin() as h:
            h.wait_status("/readyz", 200)
            argv = [HANDRAIL, "status", f"--pid={h.pid}", "--watch=0.1", "--json"]
            with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as p:
                self.assertIn("services", json.loads(p.stdout.readline()))
                h.stop()
                answer = {}
                while "error" not in answer:
                    answer = json.loads(p.stdout.readline())
                self.assertRegex(answer["error"], "^(cannot|no answer)")
                p.terminate()

    def test_a_dumb_terminal(self):
        with standin() as h, watching(h, TERM="dumb") as t:
            wait_for("two screens", lambda: t.read() and t.raw.count("SERVICE") > 1, PATIENCE)
            self.assertNotIn("\x1b", t.raw)

    def test_nobody_reads(self):
        with standin() as h:
            h.wait_status("/readyz", 200)
            argv = [HANDRAIL, "status", f"--pid={h.pid}", "--watch=0.1"]
            with subprocess.Popen(argv, stdout=subprocess.PIPE) as p:
                p.stdout.readline()
                p.stdout.close()
                self.assertEqual(p.wait(PATIENCE), -signal.SIGPIPE)


if __name__ == "__main__":
    unittest.main(verbosity=2)
