# SPDX-License-Identifier: MIT
"""handrail as a plain init (--no-sidecar): exit codes, signals, reaping, what is left at the end.

Each case runs below this process (handrail is a subreaper then) and, where the kernel lets us make
a PID namespace, once more as PID 1.
"""

import contextlib
import ctypes
import os
import platform
import pty
import resource
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest
from pathlib import Path

from harness import small_cgroup

BIN = os.environ.get("HANDRAIL_BIN", "build/opt/handrail/bin/handrail")
UNSHARE = ["unshare", "--pid", "--fork", "--kill-child", "--mount-proc"]


def can_unshare() -> bool:
    return shutil.which("unshare") is not None and subprocess.run(
        UNSHARE + ["true"], stderr=subprocess.DEVNULL, check=False).returncode == 0


PID1 = can_unshare()


LIBC = ctypes.CDLL(None)
RT_SIGACTION = {"x86_64": 13, "aarch64": 134}[platform.machine()]


def environment(**more: str) -> dict:
    env = {k: v for k, v in os.environ.items() if not k.startswith("HANDRAIL_")}
    env.update(more)
    return env


def heed_signals() -> None:
    """In a child: nohup, and "&" in a script, have us ignore some, which stay so; posix_spawn, and
    so make, those that the C library keeps for itself, of which only the kernel can be asked."""
    for number in (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT):
        signal.signal(number, signal.SIG_DFL)
    for number in (32, 33):
        LIBC.syscall(RT_SIGACTION, number, bytes(32), None, 8)


def run(*command: str, options=(), pid1=False, timeout=60, **env: str):
    argv = (UNSHARE if pid1 else []) + [BIN, "run", "--no-sidecar", *options, "--", *command]
    return subprocess.run(argv, env=environment(**env), timeout=timeout, check=False,
                          capture_output=True, text=True)


def wait_for(what, seconds=30.0, message="it did not happen"):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        value = what()
        if value:
            return value
        time.sleep(0.01)
    raise AssertionError(message)


class MemoryOfAll(unittest.TestCase):
    @unittest.skipUnless(os.geteuid() == 0, "needs root")
    def test_that_the_kernel_takes_all_is_said_at_the_start(self):
        """Of a container's cgroup of version 2 this is a setting, and the kubelet's default."""
        fake = ("mount -t tmpfs none /sys/fs/cgroup && echo 1 >/sys/fs/cgroup/memory.current && "
                "echo $0 >/sys/fs/cgroup/memory.oom.group && exec \"$@\"")
        for group in (0, 1):
            done = subprocess.run(
                ["unshare", "--mount", "--propagation", "private", "sh", "-c", fake, str(group),
                 os.path.abspath(BIN), "run", "--health-addr=127.0.0.1:0", "--mcp-addr=127.0.0.1:0",
                 "--restart=never", "--", "true"],
                env=environment(), timeout=60, check=False, capture_output=True, text=True)
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertEqual(done.stderr.count("memory.oom.group is 1: "), group, done.stderr)


class ExitCodes(unittest.TestCase):
    def test_every_code_passes_through(self):
        for code in range(256):
            self.assertEqual(run("sh", "-c", f"exit {code}").returncode, code)

    @unittest.skipUnless(PID1, "no PID namespaces here")
    def test_as_pid_1(self):
        for code in (0, 1, 42, 127, 255):
            self.assertEqual(run("sh", "-c", f"exit {code}", pid1=True).returncode, code)
        self.assertEqual(run("sh", "-c", "kill -9 $$", pid1=True).returncode, 137)

    def test_death_by_signal_is_128_plus_its_number(self):
        for sig in (signal.SIGKILL, signal.SIGTERM, signal.SIGSEGV, signal.SIGABRT):
            self.assertEqual(run("sh", "-c", f"kill -{int(sig)} $$").returncode, 128 + sig)

    def test_what_cannot_be_run(self):
        for command, code, words in (("/does/not/exist", 127, "No such file"),
                                     ("not-on-the-path", 127, "No such file"),
                                     ("/etc/passwd", 126, "Permission denied"),
                                     ("/", 126, "Permission denied")):
            # A folder of PATH that may not be looked into would make it 126.
            done = run(command, PATH="/usr/bin:/bin")
            self.assertEqual(done.returncode, code)
            self.assertIn(words, done.stderr)
            self.assertIn(command, done.stderr)

    def test_a_code_that_is_a_success(self):
        for options, script, code in ((["-e", "143"], "kill -TERM $$", 0),
                                      (["-gse3", "-e4"], "exit 3", 0), (["-e", "4"], "exit 3", 3),
                                      (["--success-code=3,4", "-w"], "exit 4", 0)):
            self.assertEqual(run("sh", "-c", script, options=options).returncode, code, options)

    def test_no_process_to_be_had(self):
        without = str(Path(__file__).with_name("without.py"))
        for options, words in (
                ([], r"cannot start a process: Resource temporarily unavailable\n$"),
                (["--restart=on-failure", "--budget=3", "--backoff=0.01"], "number 3 .*: giving up")):
            done = subprocess.run([sys.executable, without, "processes", BIN, "run", "--no-sidecar",
                                   *options, "--", "true"], timeout=20,
                                  # looking for leaks takes a process, too
                                  env={**environment(), "ASAN_OPTIONS": "detect_leaks=0"},
                                  check=False, capture_output=True, text=True)
            self.assertEqual(done.returncode, 71, done.stderr)
            self.assertRegex(done.stderr, words)

    def test_a_program_that_ends_with_127_is_not_blamed(self):
        done = run("sh", "-c", "exit 127")
        self.assertEqual((done.returncode, done.stderr), (127, ""))

    def test_usage_is_64(self):
        for argv in (["--bogus"], ["run"], ["run", "--"], ["run", ""], ["--", ""],
                     [""], ["run", "--restart=x", "--", "true"]):
            done = subprocess.run([BIN, *argv], env=environment(), capture_output=True, check=False)
            self.assertEqual(done.returncode, 64, argv)
            self.assertEqual(len(done.stderr.splitlines()), 1)


class OutOfMemory(unittest.TestCase):
    HOG = ("open('/proc/self/oom_score_adj','w').write('1000')\n"
           "print(len(bytearray(512 * 1024 * 1024)))")

    def said(self, command: str, *options: str) -> str:
        """What a plain init in a small cgroup has to say of a command that is killed there."""
        argv = ["sh", "-c", 'read x; exec "$@"', "sh", BIN, "run", "--no-sidecar", *options, "--",
                sys.executable, "-c", command]
        with subprocess.Popen(argv, env=environment(), stdin=subprocess.PIPE,
                              stderr=subprocess.PIPE, text=True) as p:
            with small_cgroup(p.pid, 256 * 1024 * 1024) as limited:
                _, err = p.communicate("go\n", 60)
            if not limited:
                self.skipTest("no cgroup can be made here")
            self.assertEqual(p.returncode, 137, err)
            return err

    def test_it_is_named(self):
        self.assertRegex(self.said(self.HOG), r"^\S+ handrail\[\d+\] error: server: killed by "
                         r"signal 9 \(Killed\), out of memory after \d+ ms; not starting it again\n$")
        err = self.said(self.HOG, "--restart=on-failure", "--budget=2", "--backoff=0.01")
        self.assertEqual(err.count("out of memory"), 2, err)

    def test_nothing_else_is_named_so(self):
        self.assertEqual(self.said("import os; os.kill(os.getpid(), 9)"), "")


class Transparency(unittest.TestCase):
    def test_a_plain_init_says_nothing(self):
        done = run("echo", "hello")
        self.assertEqual((done.stdout, done.stderr), ("hello\n", ""))

    def test_a_hook_that_cannot_run_is_not_passed_over_in_silence(self):
        done = run("echo", "hello", options=["--on-claim=x"])
        self.assertEqual((done.returncode, done.stdout), (0, "hello\n"))
        self.assertRegex(done.stderr, r"^[^\n]* warning: --on-claim: it is never run[^\n]*\n$")

    def test_a_verbose_one_says_it_on_standard_error_only(self):
        done = run("sh", "-c", "echo $HANDRAIL_LOG_LEVEL.", options=["-v"])
        self.assertEqual(done.stdout, ".\n")
        self.assertIn(" debug: server: starting -> up", done.stderr)
        done = run("true", options=["-v"], HANDRAIL_LOG_LEVEL="error")
        self.assertEqual(done.stderr, "")

    def test_standard_input_is_the_commands(self):
        argv = [BIN, "run", "--no-sidecar", "--", "cat"]
        done = subprocess.run(argv, env=environment(), input=b"x" * 100000, capture_output=True,
                              check=False)
        self.assertEqual(len(done.stdout), 100000)

    def test_the_environment_is_untouched(self):
        done = run("env", FOO="a b\tc", LD_LIBRARY_PATH="/nowhere")
        self.assertIn("FOO=a b\tc\n", done.stdout)
        self.assertIn("LD_LIBRARY_PATH=/nowhere\n", done.stdout)

    def test_signal_mask_and_dispositions_are_the_callers(self):
        done = run(sys.executable, "-c",
                   "import re;print(re.findall(r'Sig(?:Blk|Ign):\\t(\\w+)',"
                   "open('/proc/self/status').read()))")
        plain = subprocess.run([sys.executable, "-c",
                                "import re;print(re.findall(r'Sig(?:Blk|Ign):\\t(\\w+)',"
                                "open('/proc/self/status').read()))"],
                               capture_output=True, text=True, check=False)
        self.assertEqual(done.stdout, plain.stdout)

    def test_no_descriptor_of_ours_leaks(self):
        done = run("ls", "/proc/self/fd")
        self.assertEqual(done.stdout.split(), ["0", "1", "2", "3"])  # 3 is the folder itself

    def test_an_inherited_descriptor_is_passed_on(self):
        r, w = os.pipe()
        argv = [BIN, "run", "--no-sidecar", "--", "sh", "-c", f"echo through >&{w}"]
        subprocess.run(argv, env=environment(), pass_fds=[w], check=True)
        os.close(w)
        self.assertEqual(os.read(r, 100), b"through\n")
        os.close(r)


    def test_closed_standard_descriptors_are_not_ours_to_take(self):
        d = tempfile.mkdtemp(prefix="handrail-test-")
        self.addCleanup(shutil.rmtree, d)
        look = f"for i in 0 1 2; do readlink /proc/$$/fd/$i; done >{d}/seen"
        done = subprocess.run(["sh", "-c", 'exec "$@" <&- >&- 2>&-', "sh", BIN, "run",
                               "--no-sidecar", "--", "sh", "-c", look],
                              env=environment(), timeout=20, check=False)
        self.assertEqual(done.returncode, 0)
        with open(d + "/seen", encoding="utf-8") as f:
            seen = f.read().splitlines()
        self.assertEqual(seen[0], "/dev/null")
        self.assertEqual(seen[2], "/dev/null")

    def test_a_small_limit_of_files(self):
        done = subprocess.run([BIN, "run", "--no-sidecar", "--", "sh", "-c", "exit 4"],
                              env=environment(), capture_output=True, text=True, timeout=20,
                              preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (9, 9)),
                              check=False)
        self.assertEqual((done.returncode, done.stderr), (4, ""))


class OnATerminal(unittest.TestCase):
    def start(self, *argv: str) -> int:
        """Start it as the leader of a terminal of its own; the terminal's other end."""
        pid, fd = pty.fork()
        if pid == 0:
            heed_signals()
            os.execvpe(argv[0], argv, environment())
        self.addCleanup(os.close, fd)
        self.addCleanup(os.waitpid, pid, 0)
        self.addCleanup(os.kill, pid, signal.SIGKILL)
        return fd

    def read_until(self, fd: int, wanted: str) -> str:
        text = ""
        while wanted not in text:
            self.assertTrue(select.select([fd], [], [], 60)[0], f"no {wanted!r} in {text!r}")
            text += os.read(fd, 1000).decode()
        return text


class Terminal(OnATerminal):
    def test_every_life_of_the_command_has_the_terminal(self):
        fd = self.start(BIN, "run", "--no-sidecar", "--restart=always", "--", "sh", "-c",
                        "echo up; read x; echo got $x; exit 3")
        for word in ("one", "two"):  # a process in the background would be stopped by its read
            self.read_until(fd, "up\r\n")
            os.write(fd, word.encode() + b"\n")
            self.read_until(fd, f"got {word}\r\n")

    def test_afterwards_the_caller_has_it_again(self):
        fd = self.start("sh", "-c", f"'{BIN}' run --no-sidecar -- sh -c 'echo up; read x';"
                                    " echo back; read y; echo then $y; sleep 60")
        self.read_until(fd, "up\r\n")
        os.write(fd, b"one\n")
        self.read_until(fd, "back\r\n")
        os.write(fd, b"two\n")
        self.read_until(fd, "then two\r\n")

    def test_ctrl_c_is_the_commands(self):
        fd = self.start(BIN, "run", "--no-sidecar", "--", "sh", "-c",
                        "trap 'echo caught; exit 5' INT; echo up; while :; do sleep 0.1; done")
        self.read_until(fd, "up\r\n")
        os.write(fd, b"\x03")
        self.read_until(fd, "caught\r\n")


class Jobs(OnATerminal):
    """As a job of an interactive shell."""

    def shell(self) -> int:
        fd = self.start("env", "PS1=at-prompt ", "bash", "--norc", "--noediting", "-i")
        self.read_until(fd, "at-prompt ")
        return fd

    def test_ctrl_z_and_fg(self):
        fd = self.shell()
        os.write(fd, f"'{BIN}' --no-sidecar -- sh -c 'echo up; read x; echo got $x; exit 4'; "
                     "echo code $?\n".encode())
        self.read_until(fd, "\r\nup\r\n")
        time.sleep(0.3)  # a shell that is stopped within vfork() is stuck, with or without us
        os.write(fd, b"\x1a")
        self.read_until(fd, "at-prompt ")
        os.write(fd, b"fg\n")
        time.sleep(0.3)
        os.write(fd, b"a line\n")
        self.read_until(fd, "got a line\r\nat-prompt ")

    def test_an_end_in_the_background_leaves_the_terminal_to_the_shell(self):
        fd = self.shell()
        os.write(fd, f"'{BIN}' --no-sidecar -- sh -c 'echo up; exec sleep 1'\n".encode())
        self.read_until(fd, "\r\nup\r\n")
        time.sleep(0.3)  # a shell that is stopped within vfork() is stuck, with or without us
        os.write(fd, b"\x1a")
        self.read_until(fd, "at-prompt ")
        os.write(fd, b"bg\n")
        time.sleep(2)
        os.write(fd, b"echo still $((1+1))\n")
        self.read_until(fd, "still 2\r\n")

    def test_started_in_the_background_and_brought_to_the_foreground(self):
        fd = self.shell()
        os.write(fd, f"'{BIN}' --no-sidecar -- sh -c 'read x; echo got $x' &\n".encode())
        self.read_until(fd, "at-prompt ")
        time.sleep(0.3)
        os.write(fd, b"fg\n")
        time.sleep(0.3)
        os.write(fd, b"a line\n")
        self.read_until(fd, "got a line\r\n")

    def test_a_shell_gets_the_terminal_by_itself(self):
        fd = self.start(BIN, "bash", "--norc", "-i")
        os.write(fd, b"echo sum $((40+2))\n")
        self.read_until(fd, "sum 42\r\n")


class Signals(unittest.TestCase):
    def start(self, script: str):
        argv = [BIN, "run", "--no-sidecar", "--", sys.executable, "-u", "-c", script]
        p = subprocess.Popen(argv, env=environment(), stdout=subprocess.PIPE, text=True,
                             preexec_fn=heed_signals)
        self.addCleanup(p.stdout.close)
        self.addCleanup(lambda: p.poll() is None and p.kill())
        self.assertEqual(p.stdout.readline(), "up\n")
        return p

    def test_everything_is_forwarded(self):
        names = ["HUP", "INT", "QUIT", "USR1", "USR2", "ALRM", "TERM", "STKFLT", "CONT", "TSTP",
                 "URG", "VTALRM", "PROF", "WINCH", "IO", "PWR", "XCPU", "ILL", "TRAP", "ABRT",
                 "BUS", "FPE", "SEGV", "SYS", "PIPE", "XFSZ"]
        numbers = [getattr(signal, "SIG" + n) for n in names]
        p = self.start("import signal,sys\n"
                       f"s={[int(n) for n in numbers]}\n"
                       "signal.pthread_sigmask(signal.SIG_BLOCK,s)\n"
                       "print('up')\n"
                       "for _ in s: print(signal.sigwait(s))\n"
                       "sys.exit(7)")
        for n in numbers:
            p.send_signal(n)
            self.assertEqual(int(p.stdout.readline()), n)
        self.assertEqual(p.wait(60), 7)

    def test_those_that_a_c_library_keeps_for_itself_are_too(self):
        for n in (32, 33, 34, 64):
            p = self.start("import time\nprint('up')\ntime.sleep(60)")
            p.send_signal(n)
            self.assertEqual(p.wait(60), 128 + n)

    def test_every_one_can_be_rewritten(self):
        for name in ("ABRT", "SYS", "USR1", "WINCH", "TTIN", "PIPE"):
            argv = [BIN, "run", "--no-sidecar", f"--rewrite={name}:URG", "--", sys.executable, "-u",
                    "-c", "import signal,sys\n"
                    "signal.pthread_sigmask(signal.SIG_BLOCK,[signal.SIGURG])\n"
                    "print('up')\n"
                    "sys.exit(signal.sigwait([signal.SIGURG]))"]
            with subprocess.Popen(argv, env=environment(), stdout=subprocess.PIPE, text=True) as p:
                self.addCleanup(lambda p=p: p.poll() is None and p.kill())
                self.assertEqual(p.stdout.readline(), "up\n")
                p.send_signal(getattr(signal, "SIG" + name))
                self.assertEqual(p.wait(60), signal.SIGURG, name)

    def test_term_is_the_commands_to_handle(self):
        p = self.start("import signal,sys,time\n"
                       "signal.signal(signal.SIGTERM,lambda *a:sys.exit(9))\n"
                       "print('up')\ntime.sleep(60)")
        p.terminate()
        self.assertEqual(p.wait(60), 9)

    def test_term_unhandled_is_143(self):
        p = self.start("import time\nprint('up')\ntime.sleep(60)")
        p.terminate()
        self.assertEqual(p.wait(60), 143)

    def test_without_a_grace_period_a_stubborn_command_is_waited_for(self):
        p = self.start("import signal,time\nsignal.signal(signal.SIGTERM,signal.SIG_IGN)\n"
                       "print('up')\ntime.sleep(1.5)")
        p.terminate()
        self.assertEqual(p.wait(60), 0)

    def test_what_ignores_a_stop_without_a_grace_period_is_killed_once_the_command_is_gone(self):
        p = self.start("import os,signal,time\n"
                       "if os.fork() == 0:\n"
                       " signal.signal(signal.SIGTERM,signal.SIG_IGN)\n os.setsid()\n"
                       " print('up')\n time.sleep(600)\n"
                       "time.sleep(600)")
        p.terminate()
        self.assertEqual(p.wait(60), 143)

    def test_a_flood_of_signals_does_not_starve_the_rest(self):
        p = self.start("import signal,time\n"
                       "for n in range(34, 65): signal.signal(n, signal.SIG_IGN)\n"
                       "print('up')\ntime.sleep(60)")
        flood = ("import os\nwhile True:\n"
                 f" for n in range(34, 65): os.kill({p.pid}, n)")
        with contextlib.ExitStack() as stack:
            for _ in range(3):
                f = stack.enter_context(subprocess.Popen([sys.executable, "-c", flood],
                                                         stderr=subprocess.DEVNULL))
                stack.callback(f.kill)
            time.sleep(1)
            p.terminate()
            self.assertEqual(p.wait(60), 143)

    def test_what_was_ignored_at_our_start_stays_ignored(self):
        argv = ["nohup", BIN, "run", "--no-sidecar", "--", sys.executable, "-u", "-c",
                "import signal,time\nsignal.signal(signal.SIGHUP,signal.SIG_DFL)\n"
                "print('up')\ntime.sleep(60)"]
        p = subprocess.Popen(argv, env=environment(), stdin=subprocess.DEVNULL,
                             stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        self.addCleanup(p.stdout.close)
        self.addCleanup(lambda: p.poll() is None and p.kill())
        self.assertEqual(p.stdout.readline(), "up\n")
        p.send_signal(signal.SIGHUP)
        time.sleep(0.3)
        self.assertIsNone(p.poll())
        p.terminate()
        self.assertEqual(p.wait(60), 143)

    def test_with_one_it_is_killed(self):
        argv = [BIN, "run", "--no-sidecar", "--grace=1", "--", "sh", "-c",
                "trap '' TERM; echo up; while :; do sleep 0.1; done"]
        p = subprocess.Popen(argv, env=environment(), stdout=subprocess.PIPE,
                             stderr=subprocess.PIPE, text=True)
        p.stdout.readline()
        began = time.monotonic()
        p.terminate()
        out, err = p.communicate(timeout=60)
        self.assertEqual(p.returncode, 137)
        self.assertGreater(time.monotonic() - began, 0.9)
        self.assertIn("grace period is over", err)


class Descendants(unittest.TestCase):
    def folder(self):
        d = tempfile.mkdtemp(prefix="handrail-test-")
        self.addCleanup(shutil.rmtree, d)
        return d

    # A process in its own session, whose parent is gone, that notes its SIGTERM.
    ORPHAN = ("import os,signal,sys,time\n"
              "d=sys.argv[1]\n"
              "if os.fork(): os._exit(0)\n"
              "os.setsid()\n"
              "def term(*a):\n open(d+'/term','w').close(); os._exit(0)\n"
              "signal.signal(signal.SIGTERM,term)\n"
              "open(d+'/ready','w').close()\n"
              "time.sleep(60)\n")

    def left_over(self, pid1: bool):
        d = self.folder()
        done = run("sh", "-c", f"{sys.executable} -c \"$1\" {d}; "
                   f"while [ ! -e {d}/ready ]; do sleep 0.01; done; exit 5", "sh", self.ORPHAN,
                   pid1=pid1)
        self.assertEqual(done.returncode, 5)
        self.assertTrue(os.path.exists(d + "/term"), "the orphan was not asked to end")

    def test_a_process_in_its_own_session_is_asked_to_end(self):
        self.left_over(False)

    @unittest.skipUnless(PID1, "no PID namespaces here")
    def test_a_process_in_its_own_session_is_asked_to_end_by_pid_1(self):
        self.left_over(True)

    def test_whoever_ignores_the_request_is_killed(self):
        d = self.folder()
        script = ("import os,signal,time,sys\n"
                  "if os.fork(): os._exit(0)\n"
                  "os.setsid(); signal.signal(signal.SIGTERM,signal.SIG_IGN)\n"
                  "open(sys.argv[1]+'/pid','w').write(str(os.getpid()))\n"
                  "time.sleep(60)\n")
        done = run("sh", "-c", f"{sys.executable} -c \"$1\" {d}; "
                   f"while [ ! -s {d}/pid ]; do sleep 0.01; done", "sh", script,
                   options=["--grace=1"])
        self.assertEqual(done.returncode, 0)
        with open(d + "/pid") as f:
            pid = int(f.read())
        wait_for(lambda: not os.path.exists(f"/proc/{pid}"), message="it is still there")

    @unittest.skipUnless(PID1, "no PID namespaces here")
    def test_whoever_forks_anew_all_the_time_is_killed_too(self):
        # By PID 1: below another init it can be missed, the more the busier the machine.
        d = self.folder()
        # Each process lives for a moment only, long enough to make the next one.
        script = ("import os,signal,sys,time\n"
                  "if os.fork(): time.sleep(0.3); sys.exit(0)\n"
                  "os.setsid(); signal.signal(signal.SIGTERM,signal.SIG_IGN)\n"
                  "end = time.time() + 30\n"
                  "while time.time() < end:\n"
                  " if os.fork(): os._exit(0)\n"
                  f" os.utime({d!r})\n")
        done = run(sys.executable, "-c", script, options=["--grace=1"], pid1=True)
        self.assertEqual(done.returncode, 0)
        time.sleep(0.1)
        before = os.stat(d).st_mtime
        time.sleep(0.3)
        self.assertEqual(os.stat(d).st_mtime, before, "it still runs")

    def test_a_process_whose_first_thread_has_ended_is_a_process(self):
        d = self.folder()
        script = ("import ctypes,os,signal,sys,threading,time\n"
                  "if os.fork(): os._exit(0)\n"
                  "os.setsid(); signal.signal(signal.SIGTERM,signal.SIG_IGN)\n"
                  "threading.Thread(target=time.sleep,args=(60,)).start()\n"
                  "open(sys.argv[1]+'/pid','w').write(str(os.getpid()))\n"
                  "ctypes.CDLL(None).pthread_exit(0)\n")
        done = run("sh", "-c", f"{sys.executable} -c \"$1\" {d}; "
                   f"while [ ! -s {d}/pid ]; do sleep 0.01; done; sleep 0.3", "sh", script,
                   options=["--grace=1"])
        self.assertEqual(done.returncode, 0)
        with open(d + "/pid") as f:
            self.assertFalse(os.path.exists(f"/proc/{f.read()}"), "it is still there")

    def test_only_our_own_descendants_are_touched(self):
        bystander = subprocess.Popen(["sleep", "60"])
        self.addCleanup(bystander.wait)
        self.addCleanup(bystander.kill)
        run("true")
        time.sleep(0.1)
        self.assertIsNone(bystander.poll())

    def test_orphans_are_reaped(self):
        script = ("import os,time,subprocess\n"
                  "for _ in range(300):\n"
                  " if os.fork()==0:\n"
                  "  if os.fork()==0: os._exit(0)\n"
                  "  os._exit(0)\n"
                  " os.wait()\n"
                  "for _ in range(300):\n"  # until they are, for half a minute at most
                  " ps=subprocess.run(['ps','-o','stat=','--ppid',str(os.getppid())],"
                  "capture_output=True,text=True).stdout\n"
                  " left=sum(l.startswith('Z') for l in ps.splitlines())\n"
                  " if not left: break\n"
                  " time.sleep(0.1)\n"
                  "print(left)\n")
        for pid1 in (False, True) if PID1 else (False,):
            done = run(sys.executable, "-c", script, pid1=pid1)
            self.assertEqual(done.stdout, "0\n", f"zombies left (pid1={pid1}) {done.stderr}")


class Restarts(unittest.TestCase):
    def test_nothing_is_restarted_unless_asked(self):
        with tempfile.NamedTemporaryFile("r") as f:
            run("sh", "-c", f"echo x >>{f.name}; exit 3")
            self.assertEqual(f.read(), "x\n")

    def test_on_request_until_the_budget_is_spent(self):
        argv = [BIN, "run", "--no-sidecar", "--restart=on-failure", "--backoff=0.1", "--", "sh",
                "-c", "exit 3"]
        p = subprocess.Popen(argv, env=environment(), stderr=subprocess.PIPE, text=True)
        for _ in range(6):  # the next pause is one of 3 s
            self.assertIn("ended with code 3; starting it again", p.stderr.readline())
        self.assertIsNone(p.poll())
        p.terminate()
        p.communicate(timeout=60)
        self.assertEqual(p.returncode, 143)  # there was nothing that the signal could end


class ByTheServersName(unittest.TestCase):
    def test_bare_flags_reach_the_real_server(self):
        d = tempfile.mkdtemp(prefix="handrail-test-")
        self.addCleanup(shutil.rmtree, d)
        os.symlink(os.path.abspath(BIN), d + "/agent-server")
        with open(d + "/agent-server.real", "w") as f:
            f.write("#!/bin/sh\necho \"$0 $*\"\n")
        os.chmod(d + "/agent-server.real", 0o755)
        for argv, path in (([d + "/agent-server", "--port", "60000"], os.environ["PATH"]),
                           (["agent-server", "--port", "60000"], d + ":" + os.environ["PATH"]),
                           # the whole command as arguments to an entrypoint that is the server
                           ([d + "/agent-server", d + "/agent-server", "--port", "60000"],
                            os.environ["PATH"])):
            done = subprocess.run(argv, env=environment(HANDRAIL_SIDECAR="off", PATH=path),
                                  capture_output=True, text=True, check=False)
            self.assertEqual(done.stdout, f"{d}/agent-server.real --port 60000\n")

    def test_handrail_is_not_the_server(self):
        d = tempfile.mkdtemp(prefix="handrail-test-")
        self.addCleanup(shutil.rmtree, d)
        os.symlink(os.path.abspath(BIN), d + "/agent-server")
        done = subprocess.run([d + "/agent-server"], timeout=20, capture_output=True, text=True,
                              env=environment(HANDRAIL_SERVER=d + "/agent-server"), check=False)
        self.assertEqual(done.returncode, 78)
        self.assertIn("HANDRAIL_SERVER", done.stderr)

    def test_without_a_real_server_it_says_so(self):
        d = tempfile.mkdtemp(prefix="handrail-test-")
        self.addCleanup(shutil.rmtree, d)
        os.symlink(os.path.abspath(BIN), d + "/agent-server")
        done = subprocess.run([d + "/agent-server"], env=environment(), capture_output=True,
                              text=True, check=False)
        self.assertEqual(done.returncode, 127)
        self.assertIn("agent-server.real", done.stderr)


if __name__ == "__main__":
    unittest.main(verbosity=1)
