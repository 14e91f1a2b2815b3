# SPDX-License-Identifier: MIT
"""What the manual pages, the help and the completion say, against the program itself.

The one argument is the tree as it lies in an image.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
TREE = Path(sys.argv.pop(1))
HANDRAIL = TREE / "bin" / "handrail"
PAGES = sorted((TREE / "share" / "man").glob("man*/*"))
COMPLETION = TREE / "share" / "bash-completion" / "completions" / "handrail"


def said(*arguments: str, code: int = 0) -> str:
    result = subprocess.run([HANDRAIL, *arguments], capture_output=True, text=True, timeout=20)
    assert result.returncode == code, (arguments, result)
    return result.stdout + result.stderr


def page(name: str) -> str:
    """A manual page as text, each paragraph on a line."""
    path, = (p for p in PAGES if p.name == name)
    text = subprocess.run(["mandoc", "-T", "utf8", "-O", "width=1000", path], check=True,
                          capture_output=True, text=True, env={**os.environ, "LC_ALL": "C.UTF-8"})
    return re.sub(".\b", "", text.stdout)


def commands(*of: str) -> list[str]:
    middle = "".join(f"{word} " for word in of)
    return re.findall(rf"^  handrail {middle}([a-z][a-z-]*) ", said(*of, "--help"), re.M)


def options() -> dict[str, tuple[str, str | None]]:
    """Of handrail run: the value each takes, and its default."""
    text = re.sub(r"\n {29}", " ", said("run", "--help"))
    found = re.findall(r"^  (?:-\w, )?--([a-z-]+)=(\S+) +(.*)$", text, re.M)
    return {name: (value, default[1] if (default := re.search(r"\[([^]]*)\]$", rest)) else None)
            for name, value, rest in found}


def keys_of_a_plugin() -> list[str]:
    """Those that handrail says it expects where there is an unknown one."""
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        json.dump({"plugins": [{"id": "a", "path": "/a.so", "nosuch": 1}]}, file)
        file.flush()
        text = said("run", f"--registry={file.name}", "--", "true", code=78)
    return re.search(r"one of ([a-z0-9_, ]+), got an", text)[1].split(", ")


def keys_of_agent_config(text: str) -> list[str]:
    """The same where that is in agent_config.json."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "agent_config.json").write_text(text)
        told = said("config", f"--config-dir={folder}", code=78)
    keys = re.search(r"one of ([a-z0-9_$, ]+), got an", told)[1].split(", ")
    return [key for key in keys if key != "$schema"]


def keys_of_confinement() -> list[str]:
    """The first column of the first table in its manual."""
    text = (ROOT / "loader" / "toolhost" / "CONFINEMENT.md").read_text()
    return re.findall(r"^\| `(\w+)` \|", text, re.M)


class Pages(unittest.TestCase):
    def test_each_is_well_formed(self) -> None:
        self.assertGreaterEqual(len(PAGES), 4)
        for path in PAGES:
            subprocess.run(["mandoc", "-T", "lint", "-W", "error", path], check=True)

    def test_each_that_is_referred_to_is_there(self) -> None:
        ours = {f"{p.name.rpartition('.')[0]}({p.name.rpartition('.')[2]})" for p in PAGES}
        for path in PAGES:
            for other in re.findall(r"(?:handrail[a-z-]*|[a-z_]+\.json)\(\d\)", page(path.name)):
                self.assertIn(other, ours, path.name)

    def test_options_with_values_and_defaults(self) -> None:
        text = page("handrail.1")
        told = {name: (value, rest) for name, value, rest in re.findall(
            r"^ +(?:-\w, )?--([a-z-]+)=(\S+)\n((?:.+\n)+)", text, re.M)}
        expected = options()
        self.assertGreater(len(expected), 30)
        self.assertEqual(set(told), set(expected))
        for name, (value, default) in expected.items():
            self.assertEqual(told[name][0], value, name)
            said_default = re.search(r"Default: (.*)\.$", told[name][1].strip())
            self.assertEqual(said_default[1] if said_default else None, default, name)

    def test_commands(self) -> None:
        section = page("handrail.1").partition("\nCOMMANDS\n")[2].partition("\nOPTIONS\n")[0]
        told = set(re.findall(r"^ {7}([a-z-]+)", section, re.M))
        self.assertEqual(told, set(commands()))

    def test_keys_of_the_registry(self) -> None:
        text = page("tool_registry.json.5")
        plugins, _, confinement = text.partition("KEYS OF CONFINEMENT")
        for part, expected in [(plugins, keys_of_a_plugin()),
                               (confinement, keys_of_confinement())]:
            told = re.findall(r"^ {7}([a-z0-9_]+)(?: \(required\))?\n {11}", part, re.M)
            self.assertEqual(sorted(told), sorted(expected))


    def test_keys_of_agent_config(self) -> None:
        text, _, rest = page("agent_config.json.5").partition("KEYS OF AGENT")
        agent, _, tools = rest.partition("KEYS OF TOOLS")
        for part, wrong in [(text, '{"nosuch": 1}'), (agent, '{"agent": {"nosuch": 1}}'),
                            (tools, '{"tools": [{"name": "x", "nosuch": 1}]}')]:
            told = re.findall(r"^ {7}([a-z0-9_]+)(?: \(required\))?\n {11}", part, re.M)
            self.assertEqual(sorted(told), sorted(keys_of_agent_config(wrong)))


class Help(unittest.TestCase):
    def test_each_command_fits_on_a_screen(self) -> None:
        all_of_them = [(name,) for name in commands()] + [("plugin", c) for c in commands("plugin")]
        self.assertGreater(len(all_of_them), 12)
        for words in all_of_them:
            text = said(*(["help"] if words == ("help",) else ["help", *words]))
            self.assertLessEqual(len(text.splitlines()), 24 if words == ("help",) else 60, words)
            self.assertEqual([line for line in text.splitlines() if len(line) > 80], [], words)
            if words[0] not in ("help", "run"):
                self.assertEqual(text, said(*words, "--help"))

    def test_topics(self) -> None:
        topics = said("help").splitlines()[-1].partition(", or ")[2].split()
        self.assertGreater(len(topics), 4)
        for topic in topics:
            text = said("help", topic)
            self.assertLessEqual(len(text.splitlines()), 24, topic)
            self.assertEqual([line for line in text.splitlines() if len(line) > 80], [], topic)
        whole = page("handrail.1")
        for topic, section, what in (("environment", "ENVIRONMENT", r"\b[A-Z]{3,}_[A-Z_]+\b"),
                                     ("exit-codes", "EXIT STATUS", r"\b\d+\b"),
                                     ("files", "FILES", r"[~/][a-z/._]+json"),
                                     ("signals", "SIGNALS", r"\b[A-Z]{3,}\b")):
            there = re.search(rf"^{section}\n(.*?)^[A-Z]", whole, re.M | re.S)
            assert there
            self.assertEqual(set(re.findall(what, said("help", topic))) - {"HANDRAIL_CRASH_DIR"},
                             set(re.findall(what, there.group(1))), topic)

    def test_of_nothing_that_there_is(self) -> None:
        for words in (["nosuch"], ["__on-claim"], ["plugin", "call", "more"]):
            self.assertIn("no help for", said("help", *words, code=64))


class Completion(unittest.TestCase):
    def complete(self, *words: str) -> list[str]:
        """What is offered for the last of the words behind `handrail`."""
        script = (f". {shlex.quote(str(COMPLETION))}; compopt() {{ :; }}; "
                  f"COMP_WORDS=({shlex.quote(str(HANDRAIL))} \"$@\"); "
                  "COMP_CWORD=$#; _handrail; printf '%s\\n' \"${COMPREPLY[@]}\"")
        result = subprocess.run(["bash", "-c", script, "bash", *words], check=True,
                                capture_output=True, text=True, timeout=20)
        self.assertEqual(result.stderr, "")
        return result.stdout.split()

    def test_commands(self) -> None:
        self.assertEqual(sorted(self.complete("")), sorted(commands()))
        self.assertEqual(self.complete("crash"), ["crashes"])
        self.assertEqual(sorted(self.complete("plugin", "")), sorted(commands("plugin")))
        self.assertIn("status", self.complete("help", "st"))
        self.assertEqual(self.complete("help", "env"), ["environment"])
        self.assertEqual(self.complete("probe", "li"), ["live"])

    def test_options(self) -> None:
        self.assertEqual(self.complete("--crash"), ["--crash-dir="])
        self.assertEqual(self.complete("run", "--grac"), ["--grace="])
        self.assertIn("--json", self.complete("status", "--"))
        self.assertIn("--only=", self.complete("plugin", "check", "--on"))
        self.assertEqual(self.complete("plugin", "check", "build/"), [])


if __name__ == "__main__":
    unittest.main()
