# SPDX-License-Identifier: MIT
"""handrail as a plain init (--no-sidecar): exit codes, signals, reaping, what is left at the end.

Each case runs below this process (handrail is a subreaper then) and, where the kernel lets us make
a PID namespace, once more as PID 1.
"""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest

BIN = os.environ.get("HANDRAIL_BIN", "build/opt/handrail/bin/handrail")
UNSHARE = ["unshare", "--pid", "--fork", "--kill-child", "--mount-proc"]


def can_unshare() -> bool:
    return shutil.which("unshare") is not None and subprocess.run(
        UNSHARE + ["true"], stderr=subprocess.DEVNULL, check=False).returncode == 0


PID1 = can_unshare()


def environment(**more: str) -> dict:
    env = {k: v for k, v in os.environ.items() if not k.startswith("HANDRAIL_")}
    env.update(more)
    return env


def run(*command: str, options=(), pid1=False, timeout=20, **env: str):
    argv = (UNSHARE if pid1 else []) + [BIN, "run", "--no-sidecar", *options, "--", *command]
    return subprocess.run(argv, env=environment(**env), timeout=timeout, check=False,
                          capture_output=True, text=True)


def wait_for(what, seconds=10.0, message="it did not happen"):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        value = what()
        if value:
            return value
        time.sleep(0.01)
    raise AssertionError(message)


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
            done = run(command)
            self.assertEqual(done.returncode, code)
            self.assertIn(words, done.stderr)
            self.assertIn(command, done.stderr)

    def test_a_program_that_ends_with_127_is_not_blamed(self):
        done = run("sh", "-c", "exit 127")
        self.assertEqual((done.returncode, done.stderr), (127, ""))

    def test_usage_is_64(self):
        for argv in (["--bogus"], ["run"], ["run", "--"], ["run", "--restart=x", "--", "true"]):
            done = subprocess.run([BIN, *argv], env=environment(), capture_output=True, check=False)
            self.assertEqual(done.returncode, 64, argv)
            self.assertEqual(len(done.stderr.splitlines()), 1)


class Transparency(unittest.TestCase):
    def test_a_plain_init_says_nothing(self):
        done = run("echo", "hello")
        self.assertEqual((done.stdout, done.stderr), ("hello\n", ""))

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


class Signals(unittest.TestCase):
    def start(self, script: str):
        argv = [BIN, "run", "--no-sidecar", "--", sys.executable, "-u", "-c", script]
        p = subprocess.Popen(argv, env=environment(), stdout=subprocess.PIPE, text=True)
        self.addCleanup(p.stdout.close)
        self.addCleanup(lambda: p.poll() is None and p.kill())
        self.assertEqual(p.stdout.readline(), "up\n")
        return p

    def test_everything_is_forwarded(self):
        names = ["HUP", "INT", "QUIT", "USR1", "USR2", "ALRM", "TERM", "STKFLT", "CONT", "TSTP",
                 "URG", "VTALRM", "PROF", "WINCH", "IO", "PWR", "XCPU"]
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
        self.assertEqual(p.wait(10), 7)

    def test_term_is_the_commands_to_handle(self):
        p = self.start("import signal,sys,time\n"
                       "signal.signal(signal.SIGTERM,lambda *a:sys.exit(9))\n"
                       "print('up')\ntime.sleep(60)")
        p.terminate()
        self.assertEqual(p.wait(10), 9)

    def test_term_unhandled_is_143(self):
        p = self.start("import time\nprint('up')\ntime.sleep(60)")
        p.terminate()
        self.assertEqual(p.wait(10), 143)

    def test_without_a_grace_period_a_stubborn_command_is_waited_for(self):
        p = self.start("import signal,time\nsignal.signal(signal.SIGTERM,signal.SIG_IGN)\n"
                       "print('up')\ntime.sleep(1.5)")
        p.terminate()
        self.assertEqual(p.wait(10), 0)

    def test_with_one_it_is_killed(self):
        argv = [BIN, "run", "--no-sidecar", "--grace=1", "--", "sh", "-c",
                "trap '' TERM; echo up; while :; do sleep 0.1; done"]
        p = subprocess.Popen(argv, env=environment(), stdout=subprocess.PIPE,
                             stderr=subprocess.PIPE, text=True)
        p.stdout.readline()
        began = time.monotonic()
        p.terminate()
        out, err = p.communicate(timeout=10)
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
        wait_for(lambda: not os.path.exists(f"/proc/{pid}"), 5, "it is still there")

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
                  "time.sleep(0.3)\n"
                  "ps=subprocess.run(['ps','-o','stat=','--ppid',str(os.getppid())],"
                  "capture_output=True,text=True).stdout\n"
                  "print(sum(l.startswith('Z') for l in ps.splitlines()))\n")
        for pid1 in (False, True) if PID1 else (False,):
            done = run(sys.executable, "-c", script, pid1=pid1)
            self.assertEqual(done.stdout, "0\n", f"zombies left (pid1={pid1}) {done.stderr}")


class Restarts(unittest.TestCase):
    def test_nothing_is_restarted_unless_asked(self):
        with tempfile.NamedTemporaryFile("r") as f:
            run("sh", "-c", f"echo x >>{f.name}; exit 3")
            self.assertEqual(f.read(), "x\n")

    def test_on_request_until_the_budget_is_spent(self):
        argv = [BIN, "run", "--no-sidecar", "--restart=on-failure", "--", "sh", "-c", "exit 3"]
        p = subprocess.Popen(argv, env=environment(), stderr=subprocess.PIPE, text=True)
        time.sleep(2.0)
        self.assertIsNone(p.poll())
        p.terminate()
        _, err = p.communicate(timeout=10)
        self.assertEqual(p.returncode, 3)  # of its last life
        self.assertGreaterEqual(err.count("ended with code 3"), 2)


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
