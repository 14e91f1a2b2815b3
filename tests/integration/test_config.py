# SPDX-License-Identifier: MIT
"""agent_config.json: what it says is true of the server, and of handrail."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
import unittest
from pathlib import Path

from harness import client, crash_report, sample, service, standin
from support import HANDRAIL, wait_for


def environment_of(pid):
    pairs = Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    return dict(pair.decode().split("=", 1) for pair in pairs if b"=" in pair)


class Folder(unittest.TestCase):
    """A folder with the two files, for a handrail that is run and waited for."""

    def setUp(self):
        scratch = tempfile.TemporaryDirectory(prefix="handrail-test-")
        self.addCleanup(scratch.cleanup)
        self.folder = Path(scratch.name)
        self.ran = self.folder / "ran"
        self.environment = {k: v for k, v in os.environ.items()
                            if not k.startswith(("HANDRAIL_", "OH_", "CUSTOM_AGENT_"))}
        self.environment["HANDRAIL_CONFIG_DIR"] = str(self.folder)

    def write(self, agent_config=None, registry=None):
        for name, value in (("agent_config", agent_config), ("tool_registry", registry)):
            if value is not None:
                text = value if isinstance(value, str) else json.dumps(value)
                (self.folder / f"{name}.json").write_text(text)

    def handrail(self, *argv, **env):
        return subprocess.run([HANDRAIL, *argv], capture_output=True, text=True, timeout=30,
                              env={**self.environment, **env}, check=False)

    def run_touch(self, **env):
        return self.handrail("run", "--health-addr=127.0.0.1:0", "--mcp-addr=127.0.0.1:0",
                             "--restart=never", "--", "touch", str(self.ran), **env)


class AtStart(Folder):
    def test_what_is_wrong_is_said_before_anything_runs(self):
        self.write({"handrail": {"graze": 1}, "environment": {"SECRET_KEY": 12345678}},
                   {"plugins": [{"id": "x"}]})
        done = self.run_touch(HANDRAIL_BUDGET="many")
        self.assertEqual(done.returncode, 78)
        lines = done.stderr.splitlines()
        self.assertEqual(len(lines), 4, done.stderr)
        self.assertIn('HANDRAIL_BUDGET is "many"', lines[0])
        for line, words in zip(lines[1:], (
                ("agent_config.json: /environment/SECRET_KEY: expected a string",),
                ("agent_config.json: /handrail/graze: expected", 'did you mean "grace"?'),
                ("tool_registry.json: /plugins/0/path: expected an absolute path",))):
            for word in words:
                self.assertIn(word, line)
        self.assertNotIn("12345678", done.stderr)
        self.assertFalse(self.ran.exists())

    def test_settings_that_do_not_go_together_are_named_as_they_were_set(self):
        self.write({"handrail": {"backoff": 60, "mcp-addr": "0.0.0.0:1"}})
        done = self.run_touch(HANDRAIL_BACKOFF_MAX="1")
        self.assertEqual(done.returncode, 78)
        self.assertIn(f"{self.folder}/agent_config.json#/handrail/backoff is more than "
                      "HANDRAIL_BACKOFF_MAX", done.stderr)
        done = self.handrail("run", "--", "touch", str(self.ran))
        self.assertIn(f"{self.folder}/agent_config.json#/handrail/mcp-addr is 0.0.0.0:1: the tools "
                      "are offered on a loopback address only", done.stderr)

    def test_neither_file_has_to_be_there(self):
        done = self.run_touch()
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertTrue(self.ran.exists())

    def test_below_another_handrail_the_agent_counts(self):
        self.write({"agent": {"module": "mine"}, "environment": {"A": "1"},
                    "tools": [{"name": "t", "module": "tools.of.mine"}]}, "{")
        server = self.folder / "agent-server"
        server.write_text("#!/bin/sh\necho \"$@\"\necho $A\n")
        server.chmod(0o755)
        done = self.handrail("--", str(server), HANDRAIL_SUPERVISED="1")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(done.stdout.splitlines()[-1], "1")
        self.assertIn("tools.of.mine,mine", done.stdout)

    def test_a_shell_to_look_around_needs_no_configuration(self):
        self.write("{", "{")
        done = self.handrail("--no-sidecar", "--", "echo", "hello")
        self.assertEqual((done.returncode, done.stdout), (0, "hello\n"))

    def test_handrail_mcp(self):
        self.write({"handrail": {"grace": 1, "mcp-addr": "127.0.0.1:1", "log-format": "json"}})
        done = subprocess.run([HANDRAIL, "mcp"], input="", capture_output=True, text=True,
                              timeout=30, env=self.environment, check=False)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.write({"handrail": {"grace": "x"}})
        self.assertEqual(self.handrail("mcp").returncode, 78)


class Shown(Folder):
    """handrail config"""

    def test_where_each_comes_from(self):
        server = self.folder / "agent-server"
        server.write_text("#!/bin/sh\n")
        server.chmod(0o755)
        self.write({"agent": {"module": "mine", "class": "Mine"},
                    "tools": [{"name": "t", "module": "of.mine"}],
                    "environment": {"A_TOKEN": "abcdefghij", "KEPT": "no", "URL": "http://u:pass-word@h"},
                    "handrail": {"grace": 40, "backoff": 60, "webhook": "https://h.example/secret"}},
                   {"plugins": [{"id": "off", "path": "/o.so", "enabled": False},
                                {"id": "p", "path": "/p.so", "required": True}]})
        argv = ["config", "--json", "--stable", "3", "--", str(server), "--port", "60000",
                "--x=abcdefghij"]
        env = {"KEPT": "yes", "HANDRAIL_BUDGET": "5", "CUSTOM_AGENT_CLASS": "Other",
               "HANDRAIL_SUPERVISED": "1", "HANDRAIL_WEBHOOK_AUTHORIZATION": "Bearer abcdefghijk"}
        done = self.handrail(*argv, **env)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        told = json.loads(done.stdout)
        file = f"{self.folder}/agent_config.json#"
        settings = told["settings"]
        self.assertEqual(settings["grace"], {"value": 40, "default": 25,
                                             "source": file + "/handrail/grace"})
        for name, value, source in (
                ("stable", 3, "--stable"), ("budget", 5, "HANDRAIL_BUDGET"),
                ("agent-port", 60000, "--port of the server's command"),
                ("backoff-max", 60, "follows another setting"), ("restart", "on-failure", "default"),
                ("webhook", "https://h.example/****", file + "/handrail/webhook"),
                ("webhook-authorization", "****", "HANDRAIL_WEBHOOK_AUTHORIZATION")):
            self.assertEqual((settings[name]["value"], settings[name]["source"]), (value, source))
        self.assertEqual(told["server"]["command"][:4], [str(server), "--port", "60000", "--x=****"])
        self.assertTrue(told["server"]["command"][4].endswith("handrail_agent,of.mine,mine"))
        self.assertEqual(told["agent"], {
            "module": {"value": "mine", "source": file + "/agent/module"},
            "class": {"value": "Other", "source": "CUSTOM_AGENT_CLASS"}})
        self.assertEqual(told["tools"], [{"name": "t", "module": "of.mine",
                                          "source": file + "/tools/0"}])
        variables = told["environment"]
        self.assertEqual(variables["A_TOKEN"], {"value": "****",
                                                "source": file + "/environment/A_TOKEN"})
        self.assertEqual(variables["KEPT"]["value"], "yes")
        self.assertIn("the container has it", variables["KEPT"]["source"])
        self.assertEqual(variables["OH_EXTRA_PYTHON_PATH"]["source"], "handrail")
        self.assertEqual(told["plugins"], [{"id": "p", "path": "/p.so", "required": True, "source":
                                            f"{self.folder}/tool_registry.json#/plugins/1"}])
        text = self.handrail(*[a for a in argv if a != "--json"], **env).stdout
        for word in ("abcdefghij", "pass-word", "secret"):
            self.assertNotIn(word, done.stdout + text)
        self.assertNotIn("on-failure", text)  # a default
        self.assertRegex(text, r"(?m)^  grace +40 +/.*/agent_config.json#/handrail/grace$")
        everything = self.handrail("config", "--stable=3", "--all", *argv[4:], **env).stdout
        self.assertRegex(everything, r"(?m)^  restart +on-failure +default$")

    def test_credentials_of_the_hook_are_masked(self):
        told = self.handrail("config", "--on-claim=curl -H 'X-Api-Key: abcdefghij' http://h/x", "--json")
        self.assertEqual(json.loads(told.stdout)["settings"]["on-claim"]["value"],
                         "curl -H 'X-Api-Key: ****' http://h/x")

    def test_what_is_wrong(self):
        self.write({"handrail": {"graze": 1}}, "{")
        done = self.handrail("config", "--json")
        self.assertEqual((done.returncode, done.stdout), (78, ""))
        self.assertEqual(len(done.stderr.splitlines()), 2)
        self.assertEqual(self.handrail("config", "--nosuch").returncode, 64)
        done = self.handrail("config", "--graze=4")
        self.assertEqual(done.returncode, 64)
        self.assertIn("unknown option --graze=4: did you mean --grace; see", done.stderr)

    def test_what_the_server_would_misread(self):
        self.write({"environment": {"OH_VSCODE_PORT": "many", "OH_ENABLE_VSCODE": "yes"}})
        done = self.handrail("config", OH_WEBHOOKS="{")
        self.assertEqual(done.returncode, 0)
        first, second, third = done.stderr.splitlines()
        source = f"(it is set in {self.folder}/agent_config.json#/environment/"
        self.assertIn('OH_VSCODE_PORT is "many", which is not a whole number', first)
        self.assertIn(source + "OH_VSCODE_PORT)", first)
        self.assertIn(source + "OH_ENABLE_VSCODE)", second)
        self.assertIn("OH_WEBHOOKS is not a JSON list", third)
        self.assertNotIn("agent_config", third)

    def test_nothing_at_all(self):
        done = self.handrail("config")
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        for words in ("there is none", "  config-dir", "(none was named"):
            self.assertIn(words, done.stdout)

    def test_in_the_servers_place(self):
        link = self.folder / "agent-server"
        link.symlink_to(HANDRAIL)
        real = self.folder / "agent-server.real"
        real.write_text("#!/bin/sh\n")
        real.chmod(0o755)
        told = json.loads(self.handrail("config", "--json", "--", str(link), "--port", "7").stdout)
        self.assertEqual(told["server"]["command"][:3], [str(real), "--port", "7"])
        self.assertEqual(told["settings"]["agent-port"]["value"], 7)

    def test_a_plain_init_by_the_file(self):
        server = self.folder / "agent-server"
        server.write_text("#!/bin/sh\necho \"$A$@\"\n")
        server.chmod(0o755)
        self.write({"agent": {"module": "mine"}, "environment": {"A": "file"},
                    "handrail": {"sidecar": False}}, "{")
        told = json.loads(self.handrail("config", "--json", "--", str(server), "-x").stdout)
        self.assertEqual(told["server"]["command"], [str(server), "-x"])
        self.assertEqual(told["files"]["agent_config.json"]["source"], "read")
        self.assertEqual(told["files"]["tool_registry.json"]["source"],
                         "not read: there is no sidecar")
        self.assertEqual(told["environment"]["A"]["value"], "file")
        self.assertNotIn("OH_EXTRA_PYTHON_PATH", told["environment"])
        self.assertEqual(self.handrail("run", "--", str(server), "-x").stdout, "file-x\n")
        told = json.loads(self.handrail("config", "--json", HANDRAIL_SIDECAR="off").stdout)
        self.assertEqual(told["files"]["agent_config.json"]["source"],
                         "not read: there is no sidecar")

    def test_names_that_are_no_utf_8(self):
        told = json.loads(self.handrail("config", "--json", b"--on-claim=/c/\xff").stdout)
        self.assertEqual(told["settings"]["on-claim"]["value"], "/c/\ufffd")

    def test_a_native_agent(self):
        told = json.loads(self.handrail("config", "--json", CUSTOM_AGENT_MODULE="/x/y.so").stdout)
        self.assertEqual(told["plugins"], [{"id": "y", "path": "/x/y.so", "required": True,
                                            "source": "the agent's module"}])


class Running(unittest.TestCase):
    def test_who_wins(self):
        config = {"handrail": {"grace": 7, "budget": 8, "stable": 9},
                  "environment": {"MINE": "file", "GIVEN": "file", "EMPTY": "file"},
                  "agent": {"module": "mine", "class": "Mine"}}
        with standin(agent_config=config, options=["--stable=3"],
                     env={"GIVEN": "container", "EMPTY": "", "HANDRAIL_BUDGET": "5"}) as h:
            h.wait_status("/readyz", 200)
            env = environment_of(service(h)["pid"])
            self.assertEqual((env["MINE"], env["GIVEN"], env["EMPTY"]), ("file", "container", ""))
            self.assertEqual((env["CUSTOM_AGENT_MODULE"], env["CUSTOM_AGENT_CLASS"]),
                             ("mine", "Mine"))
            self.assertEqual(h.stop(), 143)

    def test_its_secrets_are_masked_in_a_crash_report(self):
        secret = "vErY-secret-value-of-the-file"
        with standin(f"--say=the token is {secret}",
                     agent_config={"environment": {"MY_API_TOKEN": secret}}) as h:
            h.wait_status("/readyz", 200)
            self.assertNotIn(secret, "\n".join(t for kind, t in h.lines if kind == "err"))
            h.fault(crash="SIGSEGV")
            wait_for("the next life", lambda: service(h)["starts"] == 2, 10)
            report = json.dumps(crash_report(h))
            self.assertIn("the token is ****", report)
            self.assertNotIn(secret, report)

    @unittest.skipUnless(os.geteuid() == 0, "needs root")
    def test_a_plugin_can_be_granted_one_of_its_variables(self):
        config = {"environment": {"GRANTED": "yes"}}
        with standin(agent_config=config, plugins=[
                sample("echo", confinement={"environment": ["GRANTED"]})]) as h:
            h.wait_status("/readyz", 200)
            env = environment_of(service(h, "toolhost/echo")["pid"])
            self.assertNotIn("GRANTED", env)  # it is handed over, not inherited
            self.assertEqual(h.call_tool("echo", {"text": "x"})["content"][0]["text"], "x")

    def test_a_native_agent(self):
        with standin(plugins=[sample("echo")], agent_config={
                "agent": {"module": "native:echo"}}) as h:
            h.wait_status("/readyz", 200)
            self.assertIn("[+]plugin/echo ok", h.get("/readyz?verbose").text)
        path = sample("echo")["path"]
        with standin(agent_config={}, env={"CUSTOM_AGENT_MODULE": path}) as h:
            h.wait_status("/readyz", 200)
            self.assertIn("[+]plugin/echo ok", h.get("/readyz?verbose").text)
            self.assertEqual(h.call_tool("echo", {"text": "x"})["content"][0]["text"], "x")
            h.process.send_signal(signal.SIGHUP)
            h.wait_line("reload: .*: 0 plugins changed")
            self.assertEqual(h.stop(), 143)


class Reload(unittest.TestCase):
    def reload(self, h, config, words):
        text = config if isinstance(config, str) else json.dumps(config)
        path = h.folder / "agent_config.json"
        path.with_suffix(".new").write_text(text)
        path.with_suffix(".new").rename(path)
        seen = len(h.lines)
        h.process.send_signal(signal.SIGHUP)
        return h.wait_line(words, start=seen)

    def test_what_can_change_at_once_does(self):
        first = {"handrail": {"grace": 25, "budget": 10, "log-format": "raw", "stable": 1},
                 "environment": {"A": "1", "GONE": "x"}, "agent": {"module": "m"}}
        with standin(agent_config=first, plugins=[sample("echo")], options=["--stable=2"]) as h:
            h.wait_status("/readyz", 200)
            server = service(h)["pid"]
            self.reload(h, {"handrail": {"grace": 3, "budget": 4, "log-format": "json",
                                         "stable": 7},
                            "environment": {"A": "geheim", "NEW": "x"}}, "0 plugins changed")
            log = h.log()
            self.assertIn("agent_config.json: grace is now 3, was 25", log)
            self.assertIn("agent_config.json: budget is now 4, was 10", log)
            self.assertNotIn("stable is now", log)  # the option has it
            self.assertIn("changed, but in effect only when the container is started anew: "
                          "handrail/log-format, agent, environment/A, environment/NEW, "
                          "environment/GONE", log)
            self.assertNotIn("geheim", log)
            self.assertEqual(service(h)["pid"], server)
            deadline = time.monotonic() + 30  # four deaths are the new budget
            while h.process.poll() is None and time.monotonic() < deadline:
                for pid in h.children("agent_server.py"):
                    with contextlib.suppress(ProcessLookupError):
                        os.kill(pid, signal.SIGKILL)
                time.sleep(0.05)
            self.assertEqual(h.process.wait(10), 128 + signal.SIGKILL)
            self.assertRegex(h.log(), "4 .*within 600 s")

    def test_what_is_wrong_changes_nothing(self):
        with standin(agent_config={"handrail": {"grace": 25}}, plugins=[sample("echo")]) as h:
            h.wait_status("/readyz", 200)
            for text, words in (("{", "not valid JSON"), ({"handrail": {"grace": "x"}}, "seconds"),
                                ({"agent": {"module": "native:no"}}, "no enabled plugin"),
                                ({"handrail": {"backoff": 60, "backoff-max": 1}}, "backoff is more than")):
                self.reload(h, text, "nothing is changed: settings and the present plugins stay")
                self.assertIn(words, h.log())
            self.assertNotIn("is now", h.log())
            self.reload(h, {}, "0 plugins changed")
            self.reload(h, {"handrail": {"grace": 1.5}}, "grace is now 1.5, was 25")
            (h.folder / "agent_config.json").unlink()
            h.process.send_signal(signal.SIGHUP)
            h.wait_line("grace is now 25, was 1.5")
            h.wait_line("agent_config.json is not there any more: going on as without it")
            self.assertEqual(h.stop(), 143)

    def test_a_stop_that_overtakes_it_leaves_all_as_it_is(self):
        with standin("--stop-delay", "2", agent_config={"handrail": {"grace": 25}}) as h:
            h.wait_status("/readyz", 200)
            (h.folder / "agent_config.json").write_text(json.dumps({"handrail": {"grace": 20}}))
            for number in (signal.SIGSTOP, signal.SIGHUP, signal.SIGTERM, signal.SIGCONT):
                h.process.send_signal(number)  # it hears the middle two at once, in this order
            self.assertEqual(h.wait(), 143)
            self.assertNotIn("grace is now", h.log())


if __name__ == "__main__":
    unittest.main(argv=sys.argv)
