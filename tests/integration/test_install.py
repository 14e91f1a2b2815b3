# SPDX-License-Identifier: MIT
"""handrail install and uninstall: every state that a server's place can be in, and being killed at
every system call in between."""

import fcntl
import os
import re
import shutil
import stat
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from support import AS_OTHERS, HANDRAIL, needs_others  # noqa: E402

REAL = "openhands-agent-server.real"
SERVER = "#!/bin/sh\necho \"server $0 $*\"\n"
NOBODY = [shutil.which("setpriv") or "setpriv", "--reuid=12345", "--regid=12345", "--clear-groups", "--"]

# A sanitizer cannot look for leaks where there is no /proc, or while strace looks on.
NO_LEAKS = {"ASAN_OPTIONS": "detect_leaks=0"}

Snapshot = dict[str, tuple[object, ...]]


def snapshot(folder: Path) -> Snapshot:
    """Everything that must be as it was: of each file but its folder's own times."""
    found: Snapshot = {}
    for path in sorted(folder.rglob("*")):
        s = path.lstat()
        kind = stat.S_IFMT(s.st_mode)
        content = os.readlink(path) if kind == stat.S_IFLNK else (
            path.read_bytes() if kind == stat.S_IFREG else b"")
        marks = {name: os.getxattr(path, name, follow_symlinks=False)
                 for name in os.listxattr(path, follow_symlinks=False)}
        times = s.st_mtime_ns if kind != stat.S_IFDIR else 0
        found[str(path.relative_to(folder))] = (
            oct(s.st_mode), s.st_uid, s.st_gid, s.st_ino, s.st_nlink, times, content, marks)
    return found


class Image(unittest.TestCase):
    """A folder whose bin is all that is on PATH."""

    def setUp(self) -> None:
        self.dir = Path(tempfile.mkdtemp(prefix="handrail-install-"))
        self.addCleanup(shutil.rmtree, self.dir, ignore_errors=True)
        self.dir.chmod(0o755)
        self.bin = self.dir / "bin"
        self.bin.mkdir()
        self.server = self.bin / "openhands-agent-server"
        self.real = self.bin / REAL

    def program(self, path: Path, text: str = SERVER, mode: int = 0o755) -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        path.chmod(mode)
        return path

    def run_it(self, command: str, *options: str, prefix: tuple[str, ...] = (), code: int = 0,
               **env: str) -> str:
        """All that it says; afterwards its exit code has been looked at."""
        done = subprocess.run(
            [*prefix, HANDRAIL, command, *options], capture_output=True, text=True, timeout=100,
            check=False, cwd="/", env={"PATH": str(self.bin), **self.sanitizer(), **env})
        said = done.stdout + done.stderr
        self.assertEqual(done.returncode, code, said)
        return said

    @staticmethod
    def sanitizer() -> dict[str, str]:
        return {k: v for k, v in os.environ.items() if k.endswith("SAN_OPTIONS")}

    def install(self, *options: str, **more: object) -> str:
        return self.run_it("install", "--no-check", *options, **more)  # type: ignore[arg-type]

    def uninstall(self, *options: str, **more: object) -> str:
        return self.run_it("uninstall", *options, **more)  # type: ignore[arg-type]

    def answer(self, *command: str | Path, **env: str) -> str:
        """What a plain init with that command line prints."""
        done = subprocess.run(
            [str(part) for part in command], capture_output=True, text=True, timeout=20,
            check=False, cwd="/", env={"PATH": f"{self.bin}:/usr/bin:/bin",
                                       "HANDRAIL_SIDECAR": "off", **self.sanitizer(), **env})
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout.strip()

    def assert_installed(self, path: Path) -> None:
        self.assertEqual(os.readlink(path), str(HANDRAIL.resolve()))
        self.assertEqual(self.answer(path, "--port", "1"), f"server {path}.real --port 1")


class InAndOut(Image):
    def test_there_and_back_leaves_no_trace(self) -> None:
        self.program(self.server)
        before = snapshot(self.dir)
        said = self.install()
        self.assertIn(f"{self.server}: handrail, the server is {REAL}", said)
        self.assert_installed(self.server)
        after = snapshot(self.dir)
        self.assertEqual(after[f"bin/{REAL}"], before["bin/openhands-agent-server"])
        self.install()
        self.assertEqual(snapshot(self.dir), after)
        self.uninstall()
        self.assertEqual(snapshot(self.dir), before)
        self.uninstall()
        self.assertEqual(snapshot(self.dir), before)

    @unittest.skipUnless(os.geteuid() == 0, "needs root")
    def test_what_belongs_to_the_file_stays_with_it(self) -> None:
        self.program(self.server, mode=0o755)
        os.link(self.server, self.dir / "another-name")
        os.chown(self.server, 10001, 10002)
        self.server.chmod(0o6751)
        os.utime(self.server, ns=(1, 1_600_000_000_123_456_789))
        for name, value in (("user.note", b"1"), ("security.selinux", b"system_u:object_r:bin_t:s0")):
            os.setxattr(self.server, name, value)
        before = snapshot(self.dir)
        for options in ((), ()):
            self.install(*options)
            self.assertEqual(snapshot(self.dir)[f"bin/{REAL}"],
                             before["bin/openhands-agent-server"])
        self.uninstall()
        self.assertEqual(snapshot(self.dir), before)

    def test_a_dry_run_changes_nothing(self) -> None:
        self.program(self.server)
        before = snapshot(self.dir)
        for user in ((), tuple(NOBODY) if AS_OTHERS else ()):
            self.assertIn("would be: handrail", self.install("--dry-run", prefix=user))
        self.assertEqual(snapshot(self.dir), before)
        self.install()
        after = snapshot(self.dir)
        self.assertIn("would be: the server", self.uninstall("--dry-run"))
        self.assertNotIn("would", self.install("--dry-run"))
        self.assertEqual(snapshot(self.dir), after)

    def test_a_link_to_another_handrail_is_led_here(self) -> None:
        for target in ("/usr/lib/handrail/bin/handrail", str(HANDRAIL.parent / "../bin/handrail")):
            self.program(self.real)
            self.server.symlink_to(target)
            self.install()
            self.assert_installed(self.server)
            self.uninstall()
            self.assertFalse(self.server.is_symlink())
            self.server.unlink()

    def test_a_place_that_was_emptied(self) -> None:
        self.program(self.real)
        self.install()
        self.assert_installed(self.server)
        self.server.unlink()
        self.uninstall()
        self.assertEqual(os.listdir(self.bin), ["openhands-agent-server"])

    def test_a_package_that_was_installed_once_more(self) -> None:
        """pip replaces the link by the same script."""
        self.program(self.server)
        self.install()
        self.server.unlink()
        self.program(self.server)
        self.install()
        self.assert_installed(self.server)
        self.uninstall()
        self.assertEqual(os.listdir(self.bin), ["openhands-agent-server"])


@unittest.skipUnless(os.geteuid() == 0, "needs root")
class Layers(Image):
    """In an image being built the server is in a lower layer, which nothing can change."""

    def test_a_server_in_a_lower_layer(self) -> None:
        lower, upper, work, merged = (self.dir / name for name in
                                      ("lower", "upper", "work", "merged"))
        for folder in (upper, work, merged, lower / "bin"):
            folder.mkdir(parents=True)
        self.program(lower / "bin/openhands-agent-server", mode=0o4755)
        os.setxattr(lower / "bin/openhands-agent-server", "user.note", b"1")
        os.link(lower / "bin/openhands-agent-server", lower / "bin/second-name")
        before = snapshot(lower)
        mount = (shutil.which("unshare") or "unshare", "--mount", "--propagation", "private",
                 "/bin/sh", "-c", "mount -t overlay overlay -o "
                 f"lowerdir={lower},upperdir={upper},workdir={work} {merged} && exec \"$@\"", "sh")
        path = f"{merged}/bin:/usr/bin:/bin"

        def listed() -> str:
            return subprocess.run([*mount, "sh", "-c", f"ls -A {merged}/bin; stat -c '%a %U %Y %s' "
                                   f"{merged}/bin/*; getfattr -d {merged}/bin/* 2>/dev/null || :"],
                                  capture_output=True, text=True, check=True).stdout

        as_it_was = listed()
        for _ in range(2):
            self.install(prefix=mount, PATH=path)
            said = subprocess.run([*mount, f"{merged}/bin/openhands-agent-server", "x"], text=True,
                                  capture_output=True, check=True,
                                  env={"HANDRAIL_SIDECAR": "off", "PATH": "/usr/bin:/bin"}).stdout
            self.assertEqual(said, f"server {merged}/bin/{REAL} x\n")
        self.assertEqual(os.readlink(upper / "bin/openhands-agent-server"), str(HANDRAIL.resolve()))
        real = (upper / f"bin/{REAL}").stat()
        self.assertEqual(oct(real.st_mode), "0o104755")
        self.assertEqual(os.getxattr(upper / f"bin/{REAL}", "user.note"), b"1")
        self.uninstall(prefix=mount, PATH=path)
        self.assertEqual(listed(), as_it_was)
        self.assertEqual(snapshot(lower), before)


class Names(Image):
    def test_links_to_the_server(self) -> None:
        """Handrail goes where all names end, and finds the server from each of them."""
        venv = self.program(self.dir / "venv/bin/openhands-agent-server")
        far = self.dir / "far/openhands-agent-server"
        far.parent.mkdir()
        far.symlink_to("../venv/bin/openhands-agent-server")
        self.server.symlink_to(far)
        before = snapshot(self.dir)
        self.install()
        self.assert_installed(venv)
        self.assertFalse(self.real.exists())
        for name in (self.server, far, venv, "openhands-agent-server"):
            self.assertEqual(os.path.normpath(self.answer(name, "x").split()[1]), f"{venv}.real")
        self.install()
        self.uninstall()
        self.assertEqual(snapshot(self.dir), before)

    def test_a_link_into_an_environment(self) -> None:
        """What pipx and uv make: a name on PATH, and the environment elsewhere."""
        venv = self.dir / "venvs/agent-server"
        server = self.program(venv / "bin/agent-server")
        site = venv / "lib/python3.13/site-packages"
        (site / "openhands_agent_server-1.58.0.dist-info").mkdir(parents=True)
        (self.bin / "agent-server").symlink_to("../venvs/agent-server/bin/agent-server")
        before = snapshot(self.dir)
        self.install()
        self.assert_installed(server)
        self.assertTrue((site / "handrail.pth").is_file())
        self.uninstall()
        self.assertEqual(snapshot(self.dir), before)

    def test_a_link_to_some_other_program_is_the_server(self) -> None:
        """Its users are others, too."""
        other = self.program(self.dir / "opt/launcher")
        self.server.symlink_to("../opt/launcher")
        before = snapshot(self.dir)
        self.install()
        self.assertEqual(self.answer(self.server, "x"), f"server {self.real} x")
        self.assertTrue(other.is_file())
        self.uninstall()
        self.assertEqual(snapshot(self.dir), before)

    def test_a_general_name_needs_a_sign(self) -> None:
        general = self.program(self.bin / "agent-server")
        before = snapshot(self.dir)
        said = self.install(code=1)
        self.assertIn("[server-stranger]", said)
        self.assertIn("[server-not-found]", said)
        self.assertEqual(snapshot(self.dir), before)
        self.install(f"--server={general}")
        self.assert_installed(general)
        self.uninstall(f"--server={general}")
        (self.dir / "lib/python3.13/site-packages/openhands_agent_server-1.58.0.dist-info").mkdir(
            parents=True)
        self.assertIn("(agent-server 1.58.0)", self.install())
        self.assert_installed(general)

    def test_any_name_can_be_given(self) -> None:
        mine = self.program(self.dir / "srv/mine")
        self.install(f"--server={mine}")
        self.assert_installed(mine)
        self.assertIn("[server-not-found]", self.install(code=1))
        said = self.install(f"--server={self.dir}/none", code=1)
        self.assertIn(f"{self.dir}/none: error: there is no such file [server-not-found]", said)

    def test_a_name_cannot_paint(self) -> None:
        server = self.program(self.dir / "a\x1b[31m\n b" / "openhands-agent-server")
        for said in (self.install(f"--server={server}"), self.uninstall(f"--server={server}")):
            self.assertNotIn("\x1b", said)
            self.assertEqual(said.count("\n"), 2, said)

    def test_handrail_is_no_server(self) -> None:
        said = self.install(f"--server={HANDRAIL}", code=1)
        self.assertIn("[server-lost]", said)


class Refusals(Image):
    def refused(self, rule: str, words: str, command: str = "install") -> None:
        before = snapshot(self.dir)
        options = ["--no-check"] if command == "install" else []
        said = self.run_it(command, *options, code=1)
        self.assertIn(f"[{rule}]", said)
        self.assertIn(words, said)
        self.assertIn("fix: ", said)
        self.assertEqual(snapshot(self.dir), before)

    def test_what_cannot_be_a_server(self) -> None:
        def folder() -> None:
            self.server.mkdir()

        def dangling() -> None:
            self.server.symlink_to("nowhere")

        def endless() -> None:
            self.server.symlink_to("openhands-agent-server")

        def pipe() -> None:
            os.mkfifo(self.server)

        def no_program() -> None:
            self.program(self.server, mode=0o644)

        def empty() -> None:
            self.program(self.server, "")

        for make, words in ((folder, "is a folder"), (dangling, "is a link to nowhere"),
                            (endless, "cannot be followed"), (pipe, "is no regular file"),
                            (no_program, "its mode is 0644"), (empty, "is empty")):
            with self.subTest(make.__name__):
                make()
                self.refused("server-unusable", words)
                self.refused("server-unusable", words, "uninstall")
                if self.server.is_dir() and not self.server.is_symlink():
                    self.server.rmdir()
                else:
                    self.server.unlink()

    def test_a_name_that_leaves_no_room_for_others(self) -> None:
        """NAME.real.version.handrail-new is the longest one that is made from a server's."""
        longest = self.program(self.bin / ("s" * 229))
        self.install(f"--server={longest}")
        self.assert_installed(longest)
        self.uninstall(f"--server={longest}")
        for n in (230, 241, 242, 243, 250, 251, 255):
            with self.subTest(n):
                server = self.program(self.bin / ("s" * n))
                before = snapshot(self.dir)
                said = self.install(f"--server={server}", code=1)
                self.assertIn("it has a name of more than 229 bytes [server-unusable]", said)
                self.assertIn("1 error,", said)
                self.assertEqual(snapshot(self.dir), before)

    def test_what_is_aside_already(self) -> None:
        """A newer base image's server over ours, or another wrapper that uses the same name."""
        self.program(self.server, SERVER + "# newer\n")
        self.program(self.real)
        self.refused("server-twice", "differ")
        self.refused("server-twice", "differ", "uninstall")
        self.real.unlink()
        self.install()
        self.uninstall()
        self.real.mkdir()
        self.refused("server-unusable", f"before {REAL} is removed, which is a folder")
        self.real.rmdir()
        self.real.symlink_to("nowhere")
        self.refused("server-unusable", f"{REAL} is removed, which is a link to nowhere")

    def test_a_folder_of_a_name_that_is_needed(self) -> None:
        self.program(self.server)
        for name in ("openhands-agent-server.handrail-new", f"{REAL}.version",
                     f"{REAL}.version.handrail-new"):
            with self.subTest(name):
                (self.bin / name).mkdir()
                self.refused("cannot-change", f"{name}: error: this folder has the name")
                self.refused("cannot-change", f"{name}: error: this folder has the name", "uninstall")
                (self.bin / name).rmdir()
                self.install()
                (self.bin / name).unlink(missing_ok=True)
                (self.bin / name).mkdir()
                self.refused("cannot-change", f"{name}: error: this folder has the name", "uninstall")
                (self.bin / name).rmdir()
                self.uninstall()

    def test_one_of_the_two_leads_to_the_other(self) -> None:
        """Taking either for a second copy would lose the server."""
        self.program(self.real)
        self.server.symlink_to(REAL)
        self.refused("server-twice", "differ")
        self.server.unlink()
        self.real.unlink()
        self.program(self.server)
        self.real.symlink_to("openhands-agent-server")
        self.refused("server-twice", "differ")

    def test_a_server_that_is_lost(self) -> None:
        self.server.symlink_to(HANDRAIL)
        self.refused("server-lost", f"no server {self.real}")
        self.refused("server-lost", f"no server {self.real}", "uninstall")
        self.server.unlink()
        shutil.copy2(HANDRAIL, self.server)
        self.refused("server-lost", f"no server {self.real}")

    def test_one_bad_place_and_no_good_one_is_touched(self) -> None:
        self.program(self.dir / "second/openhands-agent-server")
        self.server.mkdir()
        before = snapshot(self.dir)
        self.install(code=1, PATH=f"{self.dir}/second:{self.bin}")
        self.assertEqual(snapshot(self.dir), before)

    @needs_others
    def test_not_root_and_read_only(self) -> None:
        self.program(self.server)
        before = snapshot(self.dir)
        said = self.install(prefix=tuple(NOBODY), code=1)
        self.assertIn(f"{self.bin}: error: no file in it can be renamed: Permission denied "
                      "[cannot-change]", said)
        self.assertIn("USER root", said)
        read_only = (shutil.which("unshare") or "unshare", "--mount", "--propagation", "private", "/bin/sh", "-c",
                     f"mount --bind {self.dir} {self.dir} && "
                     f"mount -o remount,bind,ro {self.dir} && exec \"$@\"", "sh")
        said = self.install(prefix=read_only, code=1, PATH=f"{self.bin}:/usr/bin:/bin")
        self.assertIn("Read-only file system [cannot-change]", said)
        self.assertEqual(snapshot(self.dir), before)

    def test_nothing_there(self) -> None:
        self.assertIn("[server-not-found]", self.install(code=1))
        self.assertIn("[server-not-found]", self.uninstall(code=1))

    def test_usage(self) -> None:
        for options in (["x"], ["--root"], ["--server="], ["--format=xml"]):
            self.run_it("install", *options, code=64)
        self.run_it("uninstall", "--no-check", code=64)
        self.assertIn("--root=/none/such", self.install("--root=/none/such", code=66))
        for command in ("install", "uninstall"):
            lines = self.run_it(command, "--help").splitlines()
            self.assertLessEqual(len(lines), 30)
            self.assertLessEqual(max(map(len, lines)), 90)


STRACE = shutil.which("strace")


@unittest.skipUnless(STRACE, "needs strace")
class Killed(Image):
    """With strace a call can be made to fail, or be the last one."""

    def strace(self, *inject: str) -> tuple[str, ...]:
        assert STRACE
        options = [part for text in inject for part in ("-e", f"inject={text}")]
        return (STRACE, "-f", "-o", str(self.dir / "trace"), *options)

    def calls(self, command: str, *inject: str) -> list[tuple[str, int]]:
        """The system calls of a whole run from the first that changes something on: the name of
        each, and the how manieth of that name it is."""
        self.run_it(command, *self.options(command), prefix=self.strace(*inject),
                    **NO_LEAKS)
        trace = self.dir / "trace"
        counts: dict[str, int] = {}
        found: list[tuple[str, int]] = []
        for line in trace.read_text().splitlines():
            match = re.match(r"\d+ +(\w+)\(", line)
            if match and not match[1].startswith("exit"):
                name = match[1]
                counts[name] = counts.get(name, 0) + 1
                if found or re.match("symlink|link|rename|unlink", name) or "O_CREAT" in line:
                    found.append((name, counts[name]))
        trace.unlink()
        return found

    @staticmethod
    def options(command: str) -> list[str]:
        return ["--no-check"] if command == "install" else []

    def everywhere(self, *inject: str) -> None:
        package = self.dir / "lib/python3.13/site-packages/openhands_agent_server-1.58.0.dist-info"
        package.mkdir(parents=True)
        self.program(self.server)
        plain = snapshot(self.dir)
        self.assertTrue(self.calls("install", *inject))
        installed = snapshot(self.dir)
        self.uninstall()
        self.assertEqual(snapshot(self.dir), plain)
        for command, start, back in (("install", plain, "uninstall"),
                                     ("uninstall", installed, "install")):
            calls = self.calls(command, *inject)
            self.run_it(back, *self.options(back))
            self.assertGreater(len(calls), 8)
            for name, number in calls:
                with self.subTest(command, call=f"{name} {number}"):
                    others = [text for text in inject if text.split(":")[0] != name]
                    kill = f"{name}:signal=KILL:when={number}"
                    self.run_it(command, *self.options(command),
                                prefix=self.strace(*others, kill), code=-9,
                                **NO_LEAKS)
                    (self.dir / "trace").unlink()
                    # There is a server, and it runs.
                    said = self.answer(self.server, "x")
                    self.assertIn(said, (f"server {self.server} x", f"server {self.real} x"))
                    # Completed by the next one, or undone.
                    self.run_it(back, *self.options(back))
                    self.run_it(command, *self.options(command))
                    self.run_it(back, *self.options(back))
                    now = snapshot(self.dir)
                    self.assertEqual(now.keys(), start.keys())
                    server = f"bin/{REAL}" if start is installed else "bin/openhands-agent-server"
                    self.assertEqual(now[server], plain["bin/openhands-agent-server"])

    def test_at_every_system_call(self) -> None:
        self.everywhere()

    def test_where_two_names_cannot_be_exchanged(self) -> None:
        self.everywhere("renameat2:error=EINVAL")

    @unittest.skipUnless(os.geteuid() == 0, "needs root")
    def test_where_a_file_has_one_name_only(self) -> None:
        """Neither way can be gone: nothing is changed, and that is said."""
        self.program(self.server, HELP % "--import-modules")
        before = snapshot(self.dir)
        said = self.install(code=1, **NO_LEAKS, prefix=self.strace(
            "renameat2:error=EINVAL", "link,linkat:error=EPERM"))
        (self.dir / "trace").unlink()
        self.assertIn("[cannot-change]", said)
        self.assertIn("lsattr", said)
        self.assertIn("Nothing was changed", self.install(code=1, **NO_LEAKS, prefix=self.strace(
            "symlink,symlinkat:error=ENOSPC", "link,linkat:error=ENOSPC")))
        (self.dir / "trace").unlink()
        self.assertEqual(snapshot(self.dir), before)

    def test_all_places_or_none(self) -> None:
        second = self.program(self.dir / "second/openhands-agent-server", HELP % "--check-browser")
        self.program(self.server, HELP % "--import-modules")
        before = snapshot(self.dir)
        said = self.install(
            code=1, **NO_LEAKS, PATH=f"{self.bin}:{second.parent}",
            prefix=self.strace("renameat2:error=EINVAL:when=2", "link,linkat:error=EPERM"))
        (self.dir / "trace").unlink()
        self.assertIn(f"{second}: error: ", said)
        self.assertEqual(snapshot(self.dir), before)


class AtOnce(Image):
    @unittest.skipUnless(os.geteuid() == 0, "needs root")
    def test_each_in_its_turn(self) -> None:
        """Who has looked at a place is the only one to change it, until all is changed."""
        self.program(self.dir / "opt/handrail/bin/handrail", "#!/bin/true\n")
        self.program(self.dir / "usr/local/bin/openhands-agent-server")
        plain = snapshot(self.dir)
        lock = os.open(self.dir, os.O_RDONLY | os.O_DIRECTORY)
        self.addCleanup(os.close, lock)
        fcntl.flock(lock, fcntl.LOCK_EX)
        with subprocess.Popen([HANDRAIL, "install", "--no-check", f"--root={self.dir}"],
                              env={**self.sanitizer(), **NO_LEAKS}) as other:
            with self.assertRaises(subprocess.TimeoutExpired):
                other.wait(1)
            self.assertEqual(snapshot(self.dir), plain)
            fcntl.flock(lock, fcntl.LOCK_UN)
            self.assertEqual(other.wait(60), 0)
        self.assertNotEqual(snapshot(self.dir), plain)

    def test_none_of_them_loses_the_server(self) -> None:
        self.program(self.server)
        plain = snapshot(self.dir)
        for _ in range(5):
            commands = [[HANDRAIL, command, *Killed.options(command)]
                        for command in ("install", "uninstall") * 3]
            others = [subprocess.Popen(command, stdout=subprocess.DEVNULL,
                                       env={"PATH": str(self.bin), **self.sanitizer()})
                      for command in commands]
            self.assertEqual([other.wait(60) for other in others], [0] * len(others))
            self.uninstall()
            self.assertEqual(snapshot(self.dir), plain)


class AnotherRoot(Image):
    def setUp(self) -> None:
        super().setUp()
        tree = self.dir / "opt/handrail/bin"
        tree.mkdir(parents=True)
        shutil.copy2(HANDRAIL, tree / "handrail")
        self.place = self.program(self.dir / "usr/local/bin/openhands-agent-server",
                                  f"#!/bin/sh\ntouch {self.dir}/was-run\n")

    def check(self, prefix: tuple[str, ...]) -> None:
        before = snapshot(self.dir)
        self.install(f"--root={self.dir}", prefix=prefix, **NO_LEAKS)
        self.assertEqual(os.readlink(self.place), "/opt/handrail/bin/handrail")
        self.assertEqual(snapshot(self.dir)[f"usr/local/bin/{REAL}"],
                         before["usr/local/bin/openhands-agent-server"])
        self.assertFalse((self.dir / "was-run").exists())
        self.uninstall(f"--root={self.dir}", prefix=prefix, **NO_LEAKS)
        self.assertEqual(snapshot(self.dir), before)

    def test_from_outside(self) -> None:
        self.check(())

    def test_links_lead_within_it(self) -> None:
        target = self.program(self.dir / "srv/openhands-agent-server")
        self.place.unlink()
        self.place.symlink_to("/srv/openhands-agent-server")
        self.install(f"--root={self.dir}", **NO_LEAKS)
        self.assertEqual(os.readlink(target), "/opt/handrail/bin/handrail")
        self.assertEqual(os.readlink(self.place), "/srv/openhands-agent-server")

    @needs_others
    def test_by_its_owner(self) -> None:
        for path in (self.dir, *self.dir.rglob("*")):
            os.chown(path, 12345, 12345)
        self.check(tuple(NOBODY))

    def test_without_handrail_in_it(self) -> None:
        shutil.rmtree(self.dir / "opt")
        before = snapshot(self.dir)
        self.assertIn("[handrail-missing]", self.install(f"--root={self.dir}", code=1,
                                                          **NO_LEAKS))
        self.assertEqual(snapshot(self.dir), before)


HELP = """#!/bin/sh
case "$1" in
--help) echo 'usage: agent-server [--host HOST] [--port PORT] %s'; echo "$HOME" >&2 ;;
*) echo "server $0 $*"
esac
"""


class Version(Image):
    def note(self) -> str:
        path = self.bin / f"{REAL}.version"
        return path.read_text() if path.exists() else ""

    def test_it_is_asked_and_noted(self) -> None:
        for text, version in (("--check-browser", "1.0+\n"), ("--import-modules", "1.20+\n"),
                              ("--import-modules M --extra-python-path P", "1.22.1+\n"),
                              ("'; echo '|  OpenHands SDK v1.58.0   |", "1.58.0\n"),
                              ("and nothing that we know", "")):
            with self.subTest(text):
                self.program(self.server, HELP % text)
                before = snapshot(self.dir)
                said = self.install()
                self.assertEqual(self.note(), version)
                self.assertEqual(f"(agent-server {version.strip()})" in said, bool(version))
                self.install()
                self.assertEqual(self.note(), version)
                self.uninstall()
                self.assertEqual(snapshot(self.dir), before)

    def test_the_loader_goes_by_it(self) -> None:
        (self.dir / "mine.py").touch()
        env = {"CUSTOM_AGENT_MODULE": "mine", "CUSTOM_AGENT_PATH": str(self.dir),
               "HANDRAIL_SUPERVISED": "1"}
        self.program(self.server, HELP % "--check-browser")
        self.install()
        self.assertNotIn("mine", self.answer(self.server, "--port", "1", **env))
        self.uninstall()
        self.program(self.server, HELP % "--import-modules M --extra-python-path P")
        self.install()
        self.assertIn("mine", self.answer(self.server, "--port", "1", **env))

    def test_one_that_fails_is_installed_all_the_same(self) -> None:
        self.program(self.server, "#!/none/such\n")
        self.install()
        self.assertEqual(self.note(), "")
        self.uninstall()


if __name__ == "__main__":
    unittest.main()
