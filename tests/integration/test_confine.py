# SPDX-License-Identifier: MIT
"""What a plugin can do and what it cannot: a hostile one tries everything, below the real programs."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import unittest
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from harness import sample, service, test_plugin
from support import AS_OTHERS, BUILD, Handrail, read_process, standin_command

FREE = BUILD / "tests" / "plugins" / "hostile-free"
WITHOUT = Path(__file__).with_name("without.py")
USER = 10001  # of the agent-server's image
DENIED = {"EPERM", "EACCES", "ENOSYS"}
AF_UNIX, AF_INET, AF_NETLINK, AF_PACKET = 1, 2, 16, 17
CLONE_NEWUSER, CLONE_THREAD = 0x10000000, 0x10000
LANDLOCK = subprocess.run([sys.executable, "-c", "import ctypes;"
                           "print(ctypes.CDLL(None).syscall(444, None, 0, 1))"],
                          capture_output=True, text=True, check=True).stdout.strip()
# What only a filter of system calls guards here.
UNGUARDED = {name for name, abi in (("files", 1), ("truncate", 3)) if int(LANDLOCK) < abi}

# What is denied by default, and what it is tried on.  "SECRET" is a file outside.
ESCAPES: dict[str, tuple[str, str, int]] = {
    "a secret file": ("read", "SECRET", 0),
    "the list of users": ("read", "/etc/passwd", 0),
    "a new file outside": ("create", "SECRET.new", 0),
    "a file outside, appended": ("append", "SECRET", 0),
    "a file outside, truncated": ("truncate", "SECRET", 0),
    "a file to read, truncated": ("truncate", "READABLE", 0),
    "a file to read, opened and emptied": ("open_emptied", "READABLE", 0),
    "a file to read, rewritten": ("rewrite", "READABLE", 0),
    "a file outside, its mode": ("chmod", "SECRET", 0),
    "a file outside, its times": ("utimes", "SECRET", 0),
    "a file outside, removed": ("unlink", "SECRET.gone", 0),
    "a file by its handle": ("handle", "SECRET", 0),
    "the parent's environment": ("parent", "environ", 0),
    "the parent's memory": ("parent", "mem", 0),
    "the parent's command line": ("parent", "cmdline", 0),
    "a signal to the parent": ("kill", "", 0),
    "a signal to the parent, by SIGIO": ("sigio", "", 0),
    "the parent's limits": ("prlimit", "", 0),
    "the parent's priority": ("slow_parent", "", 0),
    "the parent's processors": ("pin_parent", "", 0),
    "the parent's memory, by process_vm_readv": ("vm_read", "", 0),
    "the parent, traced": ("ptrace", "", 0),
    "the parent, by a pidfd": ("pidfd", "", 0),
    "a TCP connection": ("connect", "", -1),
    "a TCP listener": ("bind", "", 0),
    "a UDP socket": ("socket", "dgram", AF_INET),
    "a netlink socket": ("socket", "dgram", AF_NETLINK),
    "an abstract unix socket": ("unix", "ABSTRACT", 0),
    "a unix socket with a path": ("unix", "SOCKET", 0),
    "a pair of datagram sockets": ("pair", "dgram", 0),
    "a process": ("fork", "", 0),
    "a process, by clone": ("clone", "", 0),
    "a process, by clone3": ("clone3", "", 0),
    "a program": ("run", "/bin/true", 0),
    "another program in its place": ("exec", "/bin/true", 0),
    "shared memory": ("shared_memory", "", 1),
    "memory in a file": ("memfd", "", 0),
    "shared memory of System V": ("shm", "", 0),
    "a namespace": ("unshare", "", CLONE_NEWUSER),
    "a namespace, by clone": ("clone", "", CLONE_NEWUSER),
    "somebody else's namespace": ("setns", "", 0),
    "a mount": ("mount", "", 0),
    "another root": ("chroot", "", 0),
    "io_uring": ("io_uring", "", 0),
    "bpf": ("bpf", "", 0),
    "perf": ("perf", "", 0),
    "userfaultfd": ("userfaultfd", "", 0),
    "the kernel's keys": ("keyctl", "", 0),
    "a kernel module": ("module", "", 0),
    "a reboot": ("reboot", "", 0),
    "another user": ("setuid", "", 0),
    "a better priority": ("nice", "", -5),
    "a higher limit": ("raise_limit", "", 0),
    "a system call to come": ("unknown", "", 5000),
}

# Those that nobody without privileges may do, or that a machine may lack: no control for them.
PRIVILEGED = {"bpf", "perf", "userfaultfd", "keyctl", "module", "reboot", "mount", "chroot", "setns",
              "unshare", "unknown", "io_uring", "raise_limit", "exec", "nice"}


class World:
    """What the attempts are made on."""

    def __init__(self, folder: Path) -> None:
        self.secret = folder / "secret"
        self.readable = folder / "readable"
        self.workspace = folder / "workspace"
        self.workspace.mkdir()
        self.reset()
        self.tcp = socket.create_server(("127.0.0.1", 0))
        self.abstract = f"handrail-test-confine-{os.getpid()}-{id(self)}"
        self.unix = socket.socket(socket.AF_UNIX)
        self.unix.bind("\0" + self.abstract)
        self.unix.listen()
        self.path = folder / "socket"
        self.named = socket.socket(socket.AF_UNIX)
        self.named.bind(str(self.path))
        self.named.listen()
        os.chmod(self.path, 0o666)

    def reset(self) -> None:
        self.secret.write_text("secret")
        self.readable.write_text("to read")
        Path(f"{self.secret}.gone").write_text("still here")
        Path(f"{self.secret}.new").unlink(missing_ok=True)

    def give(self, user: int) -> None:
        for path in (self.workspace, self.secret, self.readable, Path(f"{self.secret}.gone")):
            os.chown(path, user, user)

    def close(self) -> None:
        for s in (self.tcp, self.unix, self.named):
            s.close()

    def place(self, path: str, n: int) -> tuple[str, int]:
        path = path.replace("SECRET", str(self.secret)).replace("ABSTRACT", self.abstract)
        path = path.replace("READABLE", str(self.readable))
        return path.replace("SOCKET", str(self.path)), self.tcp.getsockname()[1] if n == -1 else n


@contextlib.contextmanager
def hostile(*, user: int | None = None, prefix: tuple[str, ...] = (), env: dict[str, str] = {},
            also: tuple[dict[str, Any], ...] = (), **confinement: Any
            ) -> Iterator[tuple[Handrail, World]]:
    with tempfile.TemporaryDirectory(prefix="handrail-test-") as name:
        folder = Path(name)
        world = World(folder)
        confinement.setdefault("write", [str(world.workspace)])
        confinement.setdefault("read", [str(world.readable)])
        if user:
            os.chmod(folder, 0o755)
            (folder / "home").mkdir()
            world.give(user)
            os.chown(folder, user, user)
            os.chown(folder / "home", user, user)
            prefix = (*prefix, "setpriv", f"--reuid={user}", f"--regid={user}", "--clear-groups")
        with contextlib.closing(world), \
                Handrail(folder, standin_command(), prefix=prefix, env=env,
                         plugins=[test_plugin("hostile", confinement=confinement), *also]) as h:
            h.wait_line("plugin hostile .*ready|error: plugin hostile:", 20)
            yield h, world


def attempt(h: Handrail, what: str, path: str | Path = "", n: int = 0) -> str:
    answer = h.call_tool("attempt", {"what": what, "path": str(path), "n": n})
    return answer["content"][0]["text"]


def free(what: str, path: str | Path = "", n: int = 0) -> str:
    """The same, by a program that nobody confines."""
    return subprocess.run([FREE, what, str(path), str(n)], capture_output=True, text=True,
                          timeout=20, check=False).stdout.strip()


def confinement(h: Handrail, name: str = "hostile") -> Any:
    return next(p for p in h.get("/status").json()["plugins"] if p["id"] == name)


class Denied(unittest.TestCase):
    def everything(self, h: Handrail, world: World) -> None:
        h.wait_line("constructor: kill: EPERM")
        for title, (what, path, n) in ESCAPES.items():
            with self.subTest(title):
                self.assertIn(attempt(h, what, *world.place(path, n)), DENIED)
        self.assertEqual(world.secret.read_text(), "secret")
        self.assertEqual(attempt(h, "read", world.readable), "done to read")
        self.assertTrue(Path(f"{world.secret}.gone").exists())
        self.assertEqual(service(h, "toolhost/hostile")["starts"], 1)

    @unittest.skipIf(int(LANDLOCK) < 1, f"Landlock is not here: {LANDLOCK}")
    def test_as_root(self) -> None:
        if os.geteuid():
            self.skipTest("not root")
        with hostile() as (h, world):
            self.everything(h, world)
            report = confinement(h)["confinement"]
            self.assertEqual(report["missing"], {})
            self.assertEqual(report["landlock_abi"], int(LANDLOCK))
            self.assertEqual(set(report["enforced"]), {
                "rights", "limits", "files", "truncate", "syscalls", "network", "unix_sockets",
                "exec", "signals"})
            self.assertNotIn("not all of its confinement", h.log())

    @unittest.skipIf(int(LANDLOCK) < 1, f"Landlock is not here: {LANDLOCK}")
    def test_as_a_user(self) -> None:
        user = USER if AS_OTHERS else None
        with hostile(user=user) as (h, world):
            self.everything(h, world)

    def test_they_are_attempts(self) -> None:
        """Unconfined they succeed; what did not would prove nothing above."""
        with tempfile.TemporaryDirectory() as name, \
                contextlib.closing(World(Path(name))) as world:
            for title, (what, path, n) in ESCAPES.items():
                if what in PRIVILEGED or (what == "clone" and n):
                    continue
                with self.subTest(title):
                    self.assertRegex(free(what, *world.place(path, n)), "^done")
                    world.reset()


class Allowed(unittest.TestCase):
    def test_what_an_ordinary_plugin_needs(self) -> None:
        user = USER if AS_OTHERS else None
        with hostile(user=user) as (h, world):
            inside = world.workspace / "file"
            for what, path, n in (("create", inside, 0), ("append", inside, 0), ("read", inside, 0),
                                  ("fill", inside, 2), ("rewrite", inside, 0),
                                  ("unlink", inside, 0), ("thread", "", 0), ("memory", "", 64),
                                  ("jit", "", 1), ("descriptors", "", 200), ("nice", "", 1),
                                  ("pair", "stream", 0), ("read", "/dev/urandom", 0),
                                  ("read", "/proc/self/maps", 0)):
                with self.subTest(what, path=path):
                    self.assertRegex(attempt(h, what, path, n), "^done")
            if not 1 <= int(LANDLOCK) < 3:  # there nobody may, whatever the file
                self.assertEqual(attempt(h, "truncate", world.workspace / "file"), "ENOENT")
            self.assertEqual(attempt(h, "folder"), "done /")

    def test_what_is_open(self) -> None:
        with hostile() as (h, _):
            fds = dict(line.split("=", 1) for line in
                       attempt(h, "list", "/proc/self/fd").removeprefix("done ").splitlines())
            self.assertEqual(fds.pop("0"), "/dev/null")
            for log in "12":
                self.assertRegex(fds.pop(log), r"^pipe:")
            for sock in "45":  # notifications to PID 1; the listener of calls
                self.assertRegex(fds.pop(sock), r"^socket:")
            # The log once more, the loop's eventfd, the sidecar's connection, and the folder that
            # keeps the rule for it alive.
            self.assertEqual(sorted(value.split(":")[0] for value in fds.values()),
                             sorted(["pipe", "anon_inode", "socket", f"/proc/{self.pid(h)}"]))

    @staticmethod
    def pid(h: Handrail) -> int:
        return h.child("handrail-toolhost")

    def test_the_workspace_is_writable_by_default(self) -> None:
        folder = Path("/workspace")
        mine = not folder.exists()
        try:
            folder.mkdir(exist_ok=True)
            inside = Path(tempfile.mkdtemp(dir=folder))
        except OSError as problem:
            self.skipTest(f"no /workspace here: {problem}")
        try:
            with tempfile.TemporaryDirectory() as name, \
                    Handrail(Path(name), standin_command(),
                             plugins=[test_plugin("hostile"),
                                      sample("workspace-search")]) as h:
                h.wait_status("/readyz", 200)
                h.wait_line("plugin hostile .*ready")
                self.assertEqual(attempt(h, "create", inside / "needle"), "done")
                self.assertIn(attempt(h, "create", Path(name, "x")), DENIED)
                (inside / "needle").write_text("a needle here\n")
                found = h.call_tool("workspace_search", {"pattern": "needle"})
                self.assertIn("a needle here", found["content"][0]["text"])
        finally:
            shutil.rmtree(folder if mine else inside)


class Granted(unittest.TestCase):
    def test_paths(self) -> None:
        with tempfile.TemporaryDirectory() as name:
            Path(name, "x").write_text("hello")
            with hostile(read=[name, "/does/not/exist"]) as (h, _):
                self.assertEqual(attempt(h, "read", Path(name, "x")), "done hello")
                self.assertIn(attempt(h, "append", Path(name, "x")), DENIED)
                h.wait_line("confinement: /does/not/exist: No such file .*: not granted")

    def test_network(self) -> None:
        with hostile(network=True) as (h, world):
            port = world.tcp.getsockname()[1]
            self.assertEqual(attempt(h, "connect", n=port), "done")
            self.assertEqual(attempt(h, "socket", "dgram", AF_INET), "done")
            for what, path, n in (("socket", "stream", AF_UNIX), ("socket", "dgram", AF_NETLINK),
                                  ("socket", "dgram", AF_PACKET), ("unix", world.abstract, 0)):
                self.assertIn(attempt(h, what, path, n), DENIED)
            if int(LANDLOCK) >= 4:
                self.assertIn(attempt(h, "bind", n=0), DENIED)
                self.assertIn("tcp_ports", confinement(h)["confinement"]["enforced"])

    @unittest.skipIf(int(LANDLOCK) < 4, f"Landlock of ABI 4 is not here: {LANDLOCK}")
    def test_ports(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as other:
            port = other.getsockname()[1]
            with hostile(network=True, tcp_connect=[port], tcp_bind=[0]) as (h, world):
                self.assertEqual(attempt(h, "connect", n=port), "done")
                self.assertIn(attempt(h, "connect", n=world.tcp.getsockname()[1]), DENIED)
                self.assertEqual(attempt(h, "bind", n=0), "done")
                self.assertIn(attempt(h, "bind", n=port), DENIED)

    def test_programs(self) -> None:
        with hostile(exec=True) as (h, world):
            self.assertEqual(attempt(h, "run", "/bin/true"), "done")
            self.assertEqual(attempt(h, "fork"), "done")
            self.assertIn(attempt(h, "clone", n=CLONE_NEWUSER), DENIED)
            script = world.workspace / "script"
            script.write_text("#!/bin/sh\n")
            script.chmod(0o755)
            if int(LANDLOCK) >= 1:
                self.assertIn(attempt(h, "run", script), DENIED)
            if int(LANDLOCK) >= 6:
                self.assertIn(attempt(h, "kill"), DENIED)

    def test_system_calls(self) -> None:
        with hostile(syscalls=["memfd_create", "chmod"]) as (h, world):
            self.assertEqual(attempt(h, "memfd"), "done")
            self.assertEqual(attempt(h, "chmod", world.secret), "done")
            self.assertIn(attempt(h, "shm"), DENIED)
        with hostile(syscalls=["no_such_call"]) as (h, _):
            h.wait_line('the system call "no_such_call", which .*correct "syscalls"')

    def test_variables_folder_and_priority(self) -> None:
        with hostile(environment=["GIVEN", "ABSENT"], working_directory="/usr", nice=3,
                     env={"GIVEN": "a value", "KEPT": "a secret"}) as (h, _):
            self.assertEqual(attempt(h, "variable", "GIVEN"), "done a value")
            self.assertEqual(attempt(h, "variable", "KEPT"), "done (none)")
            self.assertEqual(attempt(h, "variable", "ABSENT"), "done (none)")
            self.assertEqual(attempt(h, "folder"), "done /usr")
            pid = h.child("handrail-toolhost")
            self.assertEqual(os.getpriority(os.PRIO_PROCESS, pid), 3)
            if os.geteuid() == 0:  # nobody else may read it at all
                self.assertNotIn(b"a value", Path(f"/proc/{pid}/environ").read_bytes())

    def test_a_folder_that_is_not_there(self) -> None:
        with hostile(working_directory="/does/not/exist") as (h, _):
            h.wait_line("working_directory /does/not/exist: No such file .*: correct it")
            h.wait_line("toolhost/hostile: .*78")


class Limits(unittest.TestCase):
    def test_memory_files_and_descriptors(self) -> None:
        with hostile(memory_mib=200, file_mib=1, open_files=100) as (h, world):
            self.assertEqual(attempt(h, "memory", n=100), "done")
            self.assertEqual(attempt(h, "memory", n=300), "ENOMEM")
            self.assertEqual(attempt(h, "fill", world.workspace / "x", 3), "EFBIG")
            self.assertEqual((world.workspace / "x").stat().st_size, 1024 * 1024)
            self.assertEqual(attempt(h, "descriptors", n=60), "done")
            self.assertEqual(attempt(h, "descriptors", n=200), "EMFILE")
            self.assertEqual(service(h, "toolhost/hostile")["starts"], 1)
            limits = Path(f"/proc/{h.child('handrail-toolhost')}/limits").read_text()
            self.assertRegex(limits, r"Max core file size +0 +0 ")
            self.assertRegex(limits, r"Max cpu time +unlimited ")

    def test_defaults(self) -> None:
        with hostile() as (h, _):
            limits = Path(f"/proc/{h.child('handrail-toolhost')}/limits").read_text()
            self.assertRegex(limits, r"Max open files +1024 +1024 ")
            self.assertRegex(limits, rf"Max file size +{1024 << 20} +{1024 << 20} ")
            self.assertEqual(attempt(h, "memory", n=1100), "ENOMEM")

    def test_processor_time(self) -> None:
        with hostile(cpu_seconds=7, memory_mib=0, file_mib=0) as (h, _):
            limits = Path(f"/proc/{h.child('handrail-toolhost')}/limits").read_text()
            self.assertRegex(limits, r"Max cpu time +7 +7 ")
            self.assertRegex(limits, r"Max data size +unlimited ")
            self.assertRegex(limits, r"Max file size +unlimited ")


class Lacking(unittest.TestCase):
    def lacking(self, what: str, **more: Any) -> Any:
        return hostile(prefix=(sys.executable, str(WITHOUT), what), **more)

    def test_no_landlock(self) -> None:
        with self.lacking("landlock") as (h, world):
            h.wait_line(r"warning: plugin hostile: not all of its confinement .*files \(no "
                        r"Landlock here: Function not implemented\)")
            report = confinement(h)["confinement"]
            self.assertEqual(set(report["missing"]), {"files", "truncate"})
            self.assertIn("signals", report["enforced"])
            self.assertNotIn("landlock_abi", report)
            self.assertRegex(attempt(h, "read", world.secret), "^done secret")
            for what in ("kill", "fork", "ptrace", "pidfd"):
                self.assertIn(attempt(h, what), DENIED)
            # Once, and not again for each life.
            old = h.child("handrail-toolhost")
            os.kill(old, signal.SIGKILL)
            h.new_child("handrail-toolhost", old)
            h.wait_status("/readyz", 200)
            self.assertEqual(attempt(h, "folder"), "done /")
            self.assertEqual(h.log().count("not all of its confinement"), 1)

    def test_no_seccomp(self) -> None:
        with self.lacking("seccomp") as (h, _):
            h.wait_line(r"not all of its confinement can be enforced here: .*syscalls \(no seccomp")
            report = confinement(h)["confinement"]
            self.assertEqual(set(report["missing"]), UNGUARDED | {
                "syscalls", "network", "unix_sockets", "exec", "signals"})
            if int(LANDLOCK) >= 1:
                self.assertIn("files", report["enforced"])
                self.assertIn(attempt(h, "read", "/etc/passwd"), DENIED)

    def test_less_than_linux_has(self) -> None:
        """gVisor's system calls lack this, and nothing of the confinement needs it."""
        for what in ("killing", "limits"):
            with self.subTest(what), self.lacking(what) as (h, _):
                h.wait_status("/readyz", 200)
                self.assertIn(attempt(h, "fork"), DENIED)
                self.assertEqual(set(confinement(h)["confinement"]["missing"]),
                                 set() if int(LANDLOCK) >= 1 else {"files", "truncate"})

    def test_required(self) -> None:
        with self.lacking("landlock", required=True, also=(sample("echo"),)) as (h, _):
            h.wait_line('error: plugin hostile: .*its confinement is required, and "files" cannot '
                        r'be enforced \(no Landlock here')
            h.wait_status("/readyz", 200)
            plugin = confinement(h)
            self.assertEqual(plugin["state"], "failed")
            self.assertIn("78", plugin["reason"])
            self.assertEqual(plugin["starts"], 1)
            self.assertTrue(confinement(h, "echo")["ok"])

    def test_required_and_there(self) -> None:
        if int(LANDLOCK) < 1:
            self.skipTest(f"Landlock is not here: {LANDLOCK}")
        with hostile(required=True) as (h, _):
            self.assertEqual(attempt(h, "folder"), "done /")
            self.assertTrue(confinement(h)["ok"])


class Death(unittest.TestCase):
    def test_it_dies_with_its_parent(self) -> None:
        with hostile() as (h, _):
            pid = h.child("handrail-toolhost")
            os.kill(h.pid, signal.SIGKILL)
            end = time.monotonic() + 5
            found = read_process(pid)
            while found and found.state != "Z" and time.monotonic() < end:
                time.sleep(0.02)
                found = read_process(pid)
            self.assertTrue(not found or found.state == "Z")


if __name__ == "__main__":
    unittest.main(verbosity=1)
