# SPDX-License-Identifier: MIT
"""handrail check: what it finds in images, good ones and bad ones."""

import json
import os
import pwd
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from harness import standin  # noqa: E402
from support import BUILD, HANDRAIL, SAMPLES, free_ports, needs_others  # noqa: E402

PLUGINS = BUILD / "tests" / "plugins"
SERVER = "#!/bin/sh\n[ \"$1\" = --help ] && echo '--host --port OpenHands SDK v%s '\n"


class Image(unittest.TestCase):
    """A folder with a server that handrail is in front of, and a configuration."""

    version = "1.58.0"

    def setUp(self) -> None:
        self.dir = Path(tempfile.mkdtemp(prefix="handrail-check-"))
        self.addCleanup(shutil.rmtree, self.dir)
        self.dir.chmod(0o755)
        self.bin = self.dir / "bin"
        self.config = self.dir / "config"
        self.config.mkdir()
        self.bin.mkdir()
        self.server = self.bin / "openhands-agent-server"
        self.server.write_text(SERVER % self.version)
        self.server.chmod(0o755)
        self.run_it("install", "--no-check")

    def run_it(self, *command: str, code: int = 0, prefix: tuple[str, ...] = (),
               **env: str) -> str:
        clean = {k: v for k, v in os.environ.items() if k.endswith("SAN_OPTIONS")}
        done = subprocess.run(
            [*prefix, HANDRAIL, *command], capture_output=True, text=True, timeout=150,
            check=False, cwd="/", env={"PATH": f"{self.bin}:/usr/bin:/bin", "HOME": str(self.dir),
                                       "HANDRAIL_CONFIG_DIR": str(self.config),
                                       # Not the ports of whoever else runs here.
                                       "HANDRAIL_HEALTH_ADDR": "127.0.0.1:0",
                                       "HANDRAIL_MCP_ADDR": "127.0.0.1:0",
                                       "HANDRAIL_CONTROL": "@none", **clean, **env})
        self.assertEqual(done.returncode, code, done.stdout + done.stderr)
        return done.stdout + done.stderr

    def findings(self, *options: str, code: int = 0, command: str = "check",
                 **more: Any) -> dict[str, dict[str, Any]]:
        """By rule."""
        said = json.loads(self.run_it(command, "--format=json", *options, code=code, **more))
        return {finding["rule"]: finding for finding in said["findings"]}

    def registry(self, *plugins: dict[str, Any]) -> None:
        (self.config / "tool_registry.json").write_text(json.dumps({"plugins": plugins}))


class Server(Image):
    def test_a_good_image_has_nothing_to_find(self) -> None:
        self.assertEqual(self.findings("--strict", "--build"), {})
        said = self.run_it("check", "--build")
        self.assertIn(f"ok: {self.server}: handrail is in the server's place, agent-server 1.58.0",
                      said)
        self.assertIn("tool_registry.json: 0 plugins", said)
        self.assertTrue(said.endswith("handrail check: 0 errors, 0 warnings\n"))

    def test_a_part_of_handrail(self) -> None:
        """With another root, because this one's parts are all there."""
        tree = self.dir / "opt/handrail/bin"
        tree.mkdir(parents=True)
        for name in ("handrail", "handrail-toolhost"):
            shutil.copy2(HANDRAIL.parent / name, tree)
        found = json.loads(self.run_it("check", "--format=json", f"--root={self.dir}", code=1,
                                       ASAN_OPTIONS="detect_leaks=0"))["findings"]
        self.assertEqual({f["file"] for f in found if f["rule"] == "handrail-missing"},
                         {"/opt/handrail/bin/handrail-sidecar",
                          "/opt/handrail/bin/../share/python/handrail_agent.py"})

    def test_not_installed(self) -> None:
        self.run_it("uninstall")
        self.assertEqual(self.findings(code=1)["server-not-installed"]["file"], str(self.server))
        self.server.unlink()
        self.assertEqual(list(self.findings("--build", code=1)), ["server-not-found"])

    def test_a_server_that_a_variable_names(self) -> None:
        self.assertEqual(self.findings("--build", HANDRAIL_SERVER="/bin/sh"), {})
        for name in ("/none/such", "sh"):
            found = self.findings("--build", code=1, HANDRAIL_SERVER=name)
            self.assertEqual(found["server-lost"]["file"], name)

    def test_a_script_that_no_kernel_runs(self) -> None:
        real = self.server.with_name(self.server.name + ".real")
        for line, name in (("#!/bin/sh\r", "/bin/sh^M"),
                           ("#! /gone/venv/bin/python", "/gone/venv/bin/python")):
            real.write_text(f"{line}\necho\n")
            said = self.run_it("check", "--build", code=1)
            self.assertIn(f"its first line names {name}, which cannot be run [server-unusable]", said)
        real.write_text("#!/usr/bin/env python3\n")
        self.assertEqual(self.findings("--build"), {})

    def test_a_version_that_is_not_known(self) -> None:
        (self.bin / "openhands-agent-server.real.version").unlink()
        self.assertEqual(list(self.findings("--build")), ["server-version-unknown"])
        self.findings("--build", "--strict", code=1)

    def test_the_configuration_has_two_files(self) -> None:
        file = self.config / "agent_config.json"
        file.write_text('{"handrail": {"grace": 20}}')
        self.assertIn(f"ok: {file}: read", self.run_it("check"))
        file.write_text('{"environment": {"OH_ENABLE_VSCODE": "yes"}}')
        found = self.findings("--build")["configuration-doubtful"]
        self.assertIn('OH_ENABLE_VSCODE is "yes", which the agent-server reads as false',
                      found["message"])
        file.write_text('{"handrail": {"graze": 20}}')
        found = self.findings(code=1)["configuration"]
        self.assertEqual((found["file"], found["pointer"]), (str(file), "/handrail/graze"))

    def test_install_ends_with_it(self) -> None:
        self.registry({"id": "x"})
        self.assertEqual(list(self.findings(command="install", code=1)), ["configuration"])
        self.assertTrue(self.server.is_symlink())

    def test_usage(self) -> None:
        for options in (["--bogus"], ["--"], ["--root=/none/such"], ["--user="]):
            self.run_it("check", *options, code=66 if "none" in options[0] else 64)
        lines = self.run_it("check", "--help").splitlines()
        self.assertLessEqual(len(lines), 30)
        self.assertLessEqual(max(map(len, lines)), 90)

    @needs_others
    def test_as_somebody_else(self) -> None:
        for user in ("12345", "12345:7", "nobody"):
            self.assertEqual(self.findings("--build", f"--user={user}"), {})
        for user in ("nosuchuser", "1:x", "1x", "1:", "-1", "4294967295", "4294967296"):
            found = self.findings(f"--user={user}", code=1)
            self.assertIn(f"--user={user}", found["user"]["message"])
        self.bin.chmod(0o700)
        self.assertIn("server-not-found", self.findings("--user=12345", code=1))


class Manual(unittest.TestCase):
    def test_it_has_every_rule(self) -> None:
        text = (Path(__file__).parents[2] / "loader/image/README.md").read_text()
        told = dict(re.findall(r"^\| `([a-z-]+)` \| (error|warning|note) \|", text, re.M))
        said = subprocess.run([HANDRAIL, "explain"], capture_output=True, text=True,
                              check=True).stdout
        ours = said.partition("handrail check:\n")[2].partition("\n\n")[0]
        ids = re.findall(r"^  ([a-z-]+) ", ours, re.M)
        self.assertGreater(len(ids), 10)
        self.assertEqual(list(told), ids)
        for rule in ids:
            text = subprocess.run([HANDRAIL, "explain", rule], capture_output=True, text=True,
                                  check=True).stdout
            self.assertTrue(text.startswith(f"{rule} ({told[rule]})\n"), text)


class OldServer(Image):
    version = "1.19.0"

    def test_what_it_cannot_do(self) -> None:
        found = self.findings("--build")
        self.assertEqual(list(found), ["server-old"])
        self.assertIn("no heartbeat", found["server-old"]["message"])


class Configuration(Image):
    def test_each_problem_has_its_place(self) -> None:
        self.registry({"id": "Bad id", "path": "/x.so", "colour": 1})
        said = json.loads(self.run_it("check", "--format=json", code=1))["findings"]
        self.assertEqual({f["pointer"] for f in said}, {"/plugins/0/id", "/plugins/0/colour"})
        self.assertEqual({f["file"] for f in said}, {str(self.config / "tool_registry.json")})
        (self.config / "tool_registry.json").write_text("{")
        self.assertEqual(list(self.findings(code=1)), ["configuration"])

    def test_variables_and_the_server_s_command(self) -> None:
        found = self.findings(code=1, HANDRAIL_GRACE="soon")
        self.assertIn("HANDRAIL_GRACE", found["configuration"]["message"])
        found = self.findings("--", str(self.server), "--port", "60010", code=1,
                              HANDRAIL_HEALTH_ADDR="127.0.0.1:60010")
        self.assertIn("ports clash", found["configuration"]["message"])

    def test_a_file_that_never_answers(self) -> None:
        os.mkfifo(self.config / "tool_registry.json")
        self.assertIn(list(self.findings(code=1))[0], ("configuration", "check-slow"))


class Plugins(Image):
    def entry(self, name: str, path: Path | None = None, **more: Any) -> dict[str, Any]:
        return {"id": name, "path": str(path or PLUGINS / f"{name}.so"), **more}

    def copy(self, name: str, old: bytes = b"", new: bytes = b"") -> Path:
        path = self.dir / f"{name}.so"
        path.write_bytes((PLUGINS / f"{name}.so").read_bytes().replace(old, new))
        return path

    def found(self, rule: str, words: str, *plugins: dict[str, Any], code: int = 1) -> None:
        self.registry(*plugins)
        found = self.findings("--build", code=code)
        self.assertEqual(list(found), [rule])
        self.assertIn(words, found[rule]["message"])

    def test_good_ones_are_named_with_their_tools(self) -> None:
        names = ["echo", "workspace-search", "word-count", "sqlite-query"]
        self.registry(*({"id": name, "path": str(SAMPLES / f"{name}.so")} for name in names))
        said = self.run_it("check", "--build", "--strict")
        for name in names:
            self.assertRegex(said, rf"(?m)^ok: plugin {name}: .*{name}.so, \d tools?$")

    def test_files(self) -> None:
        self.found("plugin-file", "plugin none: does not exist", self.entry("none"))
        self.found("plugin-file", "SHA-256", self.entry("configured", sha256="0" * 64))
        good = self.copy("configured")
        good.chmod(0o666)
        self.found("plugin-file", "configured", self.entry("configured", good))
        good.chmod(0o644)
        good.write_bytes(b"#!/bin/sh\n")
        self.found("plugin-file", "configured", self.entry("configured", good))
        self.found("plugin-file", "no_symbol", self.entry("no_symbol"))

    def test_descriptors(self) -> None:
        self.found("plugin-descriptor", "agent-server's own", self.entry("builtin_name"))
        self.found("plugin-descriptor", "other", self.entry("other", PLUGINS / "talker.so"))

    def test_starts(self) -> None:
        self.found("plugin-start", "cannot be opened", self.entry("bad_create"))
        self.found("plugin-start", "does not fit its config_schema",
                   self.entry("configured", config={"odd": 1}))
        self.found("plugin-stop", "order",
                   self.entry("careless", PLUGINS / "careless-hangs_in_destroy.so"), code=0)
        self.found("plugin-prints", "hello from create",
                   self.entry("careless", PLUGINS / "careless-prints.so"), code=0)

    def test_two_tools_of_a_name(self) -> None:
        other = self.copy("odd_plain", b"linked_oddly\0", b"linked_twice\0")
        self.found("tool-twice", "linked_oddly and linked_twice both have a tool",
                   self.entry("linked_oddly", PLUGINS / "odd_plain.so"),
                   self.entry("linked_twice", other))

    def test_tools_that_nobody_has(self) -> None:
        (self.config / "agent_config.json").write_text(json.dumps({"tools": [
            {"name": "echo"}, {"name": "terminal"}, {"name": "Mine", "module": "mine"},
            {"name": "eco"}]}))
        self.registry(self.entry("echo", SAMPLES / "echo.so"))
        found = self.findings("--build")["tool-unknown"]
        self.assertIn('no plugin has the tool "eco"', found["message"])
        self.assertEqual(found["pointer"], "/tools/3/name")
        self.assertEqual(found["file"], str(self.config / "agent_config.json"))
        self.registry(self.entry("echo", SAMPLES / "none.so"))
        self.assertNotIn("tool-unknown", self.findings(code=1))  # the plugin may have it

    def test_a_kernel_that_lacks_what_confines_it(self) -> None:
        """A warning, and an error where the registry asks for it."""
        without = (sys.executable, str(Path(__file__).with_name("without.py")), "landlock")
        entry = self.entry("echo", SAMPLES / "echo.so")
        self.registry(entry)
        found = self.findings("--build", prefix=without)
        self.assertEqual(list(found), ["confinement-missing"])
        self.assertIn("plugin echo is not kept from: files",
                      found["confinement-missing"]["message"])
        self.registry({**entry, "confinement": {"required": True}})
        found = self.findings("--build", code=1, prefix=without)
        self.assertEqual(list(found), ["plugin-start"])
        self.assertIn("cannot be enforced", found["plugin-start"]["message"])

    def test_a_bad_one_does_not_hide_another(self) -> None:
        self.registry(self.entry("none"), self.entry("bad_create"),
                      self.entry("configured", config={"name": "x"}))
        said = self.run_it("check", code=1)
        for rule in ("plugin-file", "plugin-start"):
            self.assertIn(f"[{rule}]", said)
        self.assertIn("ok: plugin configured: ", said)


class Agent(Image):
    """With a python that has the server's package: the system's, in a virtual environment."""

    def setUp(self) -> None:
        super().setUp()
        python = Path("/usr/bin/python3").resolve()
        site = self.dir / "lib" / python.name / "site-packages"
        (site / "openhands_agent_server-1.58.0.dist-info").mkdir(parents=True)
        (self.bin / "python3").symlink_to(python)
        self.run_it("install", "--no-check")
        self.modules = self.dir / "modules"
        self.modules.mkdir()

    def check(self, text: str, code: int = 1, **env: str) -> dict[str, dict[str, Any]]:
        (self.modules / "mine.py").write_text(text)
        return self.findings("--build", code=code, CUSTOM_AGENT_PATH=str(self.modules),
                             **{"CUSTOM_AGENT_MODULE": "mine", **env})

    def test_a_module_that_can_be_imported(self) -> None:
        self.assertEqual(self.check("import handrail_agent", code=0), {})
        self.assertFalse((self.modules / "__pycache__").exists())

    def test_one_that_cannot(self) -> None:
        for text, words in (("import nosuch", "No module named 'nosuch'"), ("x =", "line 1"),
                            ("exit(0)", "SystemExit"), ("raise ValueError('why')", "why")):
            with self.subTest(text):
                found = self.check(text)
                self.assertEqual(list(found), ["agent-class"])
                self.assertIn(words, found["agent-class"]["message"])
        found = self.check("", CUSTOM_AGENT_MODULE="other")
        self.assertIn("not found", found["agent-class"]["message"])
        found = self.check("import os, signal; os.kill(os.getpid(), signal.SIGKILL)")
        self.assertEqual(found["agent-class"]["message"], "python was killed by signal 9")

    def test_one_that_ends_python(self) -> None:
        found = self.check("import os\nos._exit(0)\n")
        self.assertEqual(found["agent-class"]["message"],
                         "python ended with code 0, without a word")

    def test_a_thread_of_it_holds_nothing_up(self) -> None:
        self.assertEqual(self.check("import threading, time\n"
                                    "threading.Thread(target=time.sleep, args=(300,)).start()\n",
                                    code=0), {})

    def test_modules_of_tools(self) -> None:
        (self.config / "agent_config.json").write_text(json.dumps(
            {"tools": [{"name": "Tool", "module": "no_tools"}]}))
        self.assertIn("no_tools", self.check("")["agent-class"]["message"])

    def test_without_python(self) -> None:
        (self.bin / "python3").unlink()
        self.assertEqual(list(self.check("", code=0)), ["agent-unchecked"])


class Container(Image):
    KEYS = {"OH_SECRET_KEY": "of-the-test", "OH_SESSION_API_KEYS_0": "of-the-test"}

    def here(self, *options: str, code: int = 0, **env: Any) -> dict[str, dict[str, Any]]:
        agent, = free_ports(1)
        found = self.findings(*options, "--", str(self.server), "--port", str(agent), code=code,
                              OH_CONVERSATIONS_PATH=str(self.dir), OH_BASH_EVENTS_DIR=str(self.dir),
                              **{**self.KEYS, **env})
        found.pop("app-port-taken", None)  # by whoever else runs here
        return found

    def test_what_the_supervisor_would_say(self) -> None:
        found = self.here(OH_VSCODE_PORT="tcp://10.0.0.1:60001")
        self.assertIn("env-number", found["start-up"]["message"])
        self.assertEqual(self.here("--build", OH_VSCODE_PORT="tcp://10.0.0.1:60001"), {})

    def test_ports(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as other:
            port = other.getsockname()[1]
            found = self.here(code=1, HANDRAIL_HEALTH_ADDR=f"127.0.0.1:{port}")
            self.assertIn(f"127.0.0.1:{port} (--health-addr)", found["port-taken"]["message"])

    @unittest.skipUnless(os.geteuid() == 0, "needs root")
    def test_folders(self) -> None:
        found = self.here("--user=12345", code=1, HANDRAIL_CRASH_DIR=str(self.dir / "none"),
                          HANDRAIL_PODINFO_DIR=str(self.dir / "none"))
        self.assertIn("uid 12345", found["folder-unwritable"]["message"])
        self.assertEqual(found["folder-unwritable"]["file"], str(self.dir))
        self.assertIn("crash-dir", found)
        self.assertIn("podinfo", found)

    @needs_others
    def test_a_uid_without_an_entry_is_in_the_group_of_root(self) -> None:
        """As container runtimes have it: images that are to run as any uid give that group the folders."""
        self.dir.chmod(0o775)
        os.chown(self.dir, 0, 0)
        self.assertNotIn("folder-unwritable", self.here("--user=12345", code=0))
        self.assertIn("folder-unwritable", self.here("--user=12345:12345", code=1))

    @needs_others
    def test_a_user_is_in_the_groups_of_the_list(self) -> None:
        """A folder that is writable by one of them alone, seen with a list of groups of the test's own."""
        group = 54321
        self.dir.chmod(0o775)
        os.chown(self.dir, 0, group)
        listed = self.dir / "group"
        listed.write_text(Path("/etc/group").read_text() + f"of-the-test:x:{group}:nobody\n")
        with_it = ("unshare", "--mount", "--propagation", "private", "sh", "-c",
                   f"mount --bind {listed} /etc/group && exec \"$@\"", "sh")
        for user in ("nobody", str(pwd.getpwnam("nobody").pw_uid)):
            self.assertIn("folder-unwritable", self.here(f"--user={user}", code=1))
            self.assertNotIn("folder-unwritable", self.here(f"--user={user}", prefix=with_it))

    @unittest.skipUnless(os.geteuid() == 0, "needs root")
    def test_home_is_the_users_unless_the_image_sets_it(self) -> None:
        def looked_at(user: str, home: str) -> list[str]:
            said = json.loads(self.run_it("check", "--format=json", f"--user={user}", "--",
                                          str(self.server), code=1, HOME=home))
            return [f["file"] for f in said["findings"] if f["rule"] == "folder-unwritable"]

        def is_roots(folder: str) -> bool:
            return os.path.isdir(folder) and os.stat(folder).st_uid == 0 \
                and not os.stat(folder).st_mode & 0o022

        own = pwd.getpwuid(0).pw_dir
        other = next(e for e in pwd.getpwall() if e.pw_uid and e.pw_dir not in ("/", own)
                     and is_roots(e.pw_dir))
        for user, home in (("12345", "/"), (other.pw_name, other.pw_dir),
                           (str(other.pw_uid), other.pw_dir)):
            for inherited in (own, ""):
                self.assertIn(home, looked_at(user, inherited))
                self.assertNotIn(own, looked_at(user, inherited))
            self.assertIn("/proc", looked_at(user, "/proc"))

    def test_secrets(self) -> None:
        path = self.config / "agent_config.json"
        path.write_text(json.dumps({"environment": {"LLM_API_KEY": "sk-1", "OH_TOKEN": "/x"}}))
        self.assertEqual(self.here()["secret-readable"]["pointer"], "/environment/LLM_API_KEY")
        path.chmod(0o600)
        self.assertEqual(self.here(), {})

    def test_beside_a_running_handrail(self) -> None:
        with standin() as h:
            h.wait_status("/readyz", 200)
            control = f"@handrail/control/{os.stat('/proc/self/ns/pid').st_ino}/{h.pid}"
            said = self.run_it("check", "--", str(self.server), HANDRAIL_CONTROL=control,
                               HANDRAIL_HEALTH_ADDR=f"127.0.0.1:{h.health_port}",
                               HANDRAIL_MCP_ADDR=f"127.0.0.1:{h.mcp_port}", **self.KEYS)
            self.assertIn("beside a running handrail", said)


if __name__ == "__main__":
    unittest.main()
