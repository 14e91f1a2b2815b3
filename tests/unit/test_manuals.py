# SPDX-License-Identifier: MIT
"""What the manual pages, the help and the completion say, against the program itself.

The one argument is the tree as it lies in an image.
"""

from __future__ import annotations

import json
import math
import os
import re
import shlex
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
TREE = Path(sys.argv.pop(1)).resolve()
HANDRAIL = TREE / "bin" / "handrail"
PAGES = sorted((TREE / "share" / "man").glob("man*/*"))
COMPLETION = TREE / "share" / "bash-completion" / "completions" / "handrail"
FISH = TREE / "share" / "fish" / "vendor_completions.d" / "handrail.fish"


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


# What a page says, where its number is, and how many of that are one of what the page counts in.
KIB, MIB = 1024, 1024 ** 2
NUMBERS = {
    "loader/README.md": [
        ("the second one leaves it {} s", "loader/supervisor/stop.c", "HASTE_MS", 1000),
        ("asked, killed after a second, and waited for, {} s at most",
         "loader/supervisor/leftovers.h", "HR_LEFTOVERS_WAIT_MS", 1000),
        ("and SIGKILL {} s later", "loader/supervisor/service.h", "HR_ABORT_GRACE_MS", 1000),
        ("with {} % of jitter", "loader/supervisor/service.h", "HR_BACKOFF_JITTER_PERCENT", 1),
        ("the last {} KiB of", "loader/supervisor/crash.h", "HR_CRASH_OUTPUT", KIB),
        ("The last {} are kept", "common/board.h", "HR_CRASHES_MAX", 1),
        ("the newest {} of them", "loader/supervisor/crash_file.h", "HR_CRASH_FILES_MAX", 1),
        ("(within {} s together", "loader/cli/sidecar_client.c", "JSON_TIMEOUT_MS", 1000)],
    "loader/image/lint/README.md": [
        ("`too-large`): {} MiB of file", "loader/image/lint/dockerfile.h", "HR_DOCKERFILE_MAX",
         MIB),
        ("and {} here-documents in one", "loader/image/lint/dockerfile.h",
         "HR_DOCKERFILE_HEREDOCS", 1),
        ("{} stages", "loader/image/lint/stages.h", "HR_STAGES_MAX", 1),
        ("nested {} deep", "loader/image/lint/lex.h", "HR_LEX_DEPTH", 1)],
    "sidecar/README.md": [
        ("| {} connections, ", "sidecar/main.c", ".connections", 1),
        (" connections, {} of one address", "sidecar/main.c", ".connections_per_ip", 1),
        ("| {} s without progress", "sidecar/main.c", ".idle_timeout_s", 1),
        ("headers, {} KiB of body", "sidecar/main.c", ".body_max", KIB),
        ("accepted: {} KiB at once", "sidecar/main.c", "HEALTH_CROWD_BYTES", KIB),
        ("| {} MiB of answers", "sidecar/main.c", "HEALTH_ANSWERS_MAX", MIB),
        ("answers of more than {} KiB", "sidecar/http/request.c", "SMALL_ANSWER", KIB),
        ("queue ({},", "loader/supervisor/listen.c", "TCP_BACKLOG", 1),
        ("up to {} MiB of calls", "sidecar/mcp/worker.h", "HR_MCP_KEPT_MAX", MIB),
        ("at most {} MiB of arguments", "sidecar/mcp/worker.h", "HR_MCP_WAITING_MAX", MIB),
        ("and {} MiB in all", "sidecar/mcp/serve.c", "HR_MCP_UNSETTLED_MAX", MIB)],
    "sidecar/checks/README.md": [
        ("not older than {} s", "sidecar/checks/lag.h", "HR_BEAT_FRESH_MS", 1000),
        ("live: {} s without one", "sidecar/checks/checks.h", "HR_HANG_LIMIT_MS", 1000),
        ("every {} ms for the second", "sidecar/checks/measure.h", "HR_SOON_MS", 1)],
    "sidecar/mcp/HTTP.md": [
        ("in pages of {} tools", "sidecar/mcp/list.h", "HR_MCP_PAGE_TOOLS", 1),
        ("or taken {} s, with", "sidecar/mcp/caller.h", "HR_MCP_STREAM_AFTER_MS", 1000),
        ("{} such streams", "sidecar/mcp/mcp.h", "HR_MCP_STREAMS_MAX", 1),
        ("{} s if it names none", "sidecar/mcp/tools.h", "HR_MCP_TIMEOUT_DEFAULT_MS", 1000),
        ("and {} s at most", "sidecar/mcp/tools.h", "HR_MCP_TIMEOUT_MAX_MS", 1000),
        ("a message of {} MiB", "sidecar/mcp/mcp.h", "HR_MCP_MESSAGE_MAX", MIB),
        ("an id of {} KiB", "sidecar/mcp/rpc.h", "HR_RPC_ID_MAX", KIB),
        ("{} calls of one plugin", "sidecar/mcp/worker.h", "HR_MCP_CALLS_MAX", 1),
        ("{} calls of one session", "sidecar/mcp/session.h", "HR_MCP_CALLS_BURST", 1),
        ("then {} a second", "sidecar/mcp/session.h", "HR_MCP_CALLS_PER_S", 1)],
    "sidecar/mcp/STDIO.md": [
        ("for {} s at most", "sidecar/mcp/standard_io.h", "HR_MCP_STDIO_FINISH_MS", 1000),
        ("More than {} MiB of answers", "sidecar/http/server.c", "STREAM_MAX", MIB),
        ("more than {} requests", "sidecar/mcp/standard_io.h", "HR_MCP_STDIO_OPEN_MAX", 1)],
    "sidecar/page/README.md": [
        ("and cut at {} bytes", "sidecar/page/html.h", "HR_HTML_TEXT_MAX", 1),
        ("At most {} tools", "sidecar/page/page.h", "HR_PAGE_TOOLS_MAX", 1),
        ("itself again every {} s", "sidecar/page/page.js", "PERIOD", 1000),
        ("(every {} s at last)", "sidecar/page/page.js", "SLOWEST", 1000)],
    "sidecar/pool/README.md": [
        ("every {} ms until it is settled", "sidecar/pool/pool.h", "HR_POOL_INIT_FAST_MS", 1),
        ("every {} s while the server is", "sidecar/pool/pool.h", "HR_POOL_INIT_SLOW_MS", 1000),
        ("every {} s while the first use", "sidecar/pool/pool.h", "HR_POOL_USE_MS", 1000),
        ("else every {} s", "sidecar/pool/pool.h", "HR_POOL_IDLE_MS", 1000),
        ("waits for them, for {} s at most", "sidecar/pool/pool.h", "HR_POOL_CLAIM_WAIT_MS", 1000),
        ("the latest {}, oldest first", "common/phase.h", "HR_PHASE_STEPS", 1)],
    "sidecar/webhook/README.md": [
        ("heeded up to {} minutes", "sidecar/webhook/delivery.h", "HR_DELIVERY_ASKED_MAX_MS",
         60 * 1000),
        ("without it, it is {} s", "sidecar/webhook/delivery.h", "HR_DELIVERY_FIRST_MS", 1000),
        ("doubling up to {} s", "sidecar/webhook/delivery.h", "HR_DELIVERY_LAST_MS", 1000),
        ("{} events (", "sidecar/webhook/queue.h", "HR_EVENTS_MAX", 1),
        (" events ({} KiB)", "sidecar/webhook/queue.h", "HR_EVENTS_BYTES_MAX", KIB),
        ("Answer within {} seconds", "sidecar/webhook/delivery.h", "HR_DELIVERY_POST_MS", 1000)],
    "docker/kubernetes/base/pod.yaml": [
        ("# {} reports, each", "loader/supervisor/crash_file.h", "HR_CRASH_FILES_MAX", 1),
        ("each with {} KiB of output", "loader/supervisor/crash.h", "HR_CRASH_OUTPUT", KIB)],
}


def constant(source: str, name: str) -> int:
    """The first one of that name in a file: a number, or a product of some."""
    text = (ROOT / source).read_text()
    found = re.search(rf"(?<!\w){re.escape(name)} = ([0-9][0-9 *]*)", text)
    assert found, (source, name)
    return math.prod(map(int, found[1].split("*")))


class Numbers(unittest.TestCase):
    def test_each_is_that_of_its_constant(self) -> None:
        for file, claims in NUMBERS.items():
            text = re.sub(r"\s+", " ", (ROOT / file).read_text())
            for words, source, name, unit in claims:
                value, rest = divmod(constant(source, name), unit)
                self.assertEqual(rest, 0, name)
                told = words.format(value)
                self.assertTrue(told in text, f"{file} does not say {told!r}: {name} of {source}")

    def test_defaults(self) -> None:
        """`--grace`, 25 s"""
        for name, (_, default) in options().items():
            for path in ("loader", "sidecar", "sidecar/pool", "docker/kubernetes"):
                text = re.sub(r"\s+", " ", (ROOT / path / "README.md").read_text())
                for told in re.findall(rf"`--{name}`[,]? \(?(\d+) s\b", text):
                    self.assertEqual(told, default, f"{path}: --{name}")


    def test_versions_of_the_agent_server(self) -> None:
        header = (ROOT / "loader" / "config" / "server_version.h").read_text()
        text = (ROOT / "loader" / "README.md").read_text()
        since = re.findall(r'^#define HR_SERVER_\w+_SINCE +"([0-9.]+)"$', header, re.M)
        self.assertEqual(re.findall(r"^\| ([0-9]+\.[0-9.]+) \|", text, re.M), since)
        self.assertIn(f"agent-server {since[-1]} on", (ROOT / "README.md").read_text())

    def test_defaults_of_our_own_processes(self) -> None:
        """The table of those that differ from the server's, which has no other."""
        with tempfile.TemporaryDirectory() as folder:
            settings = json.loads(said("config", "--json", f"--config-dir={folder}"))["settings"]
        values = {name: setting["default"] for name, setting in settings.items()}
        own = [name.removeprefix("sidecar-") for name in values
               if name.startswith("sidecar-") and name.replace("sidecar-", "toolhost-", 1) in values]
        self.assertEqual(len(own), 9)
        differ = {name: tuple(values[of + name] for of in ("", "sidecar-", "toolhost-"))
                  for name in own}
        text = (ROOT / "loader" / "config" / "README.md").read_text()
        rows = re.findall(r"^\| `([a-z-]+)` \| (\d+) \| (\d+) \| (\d+) \|$", text, re.M)
        self.assertEqual({name: tuple(map(int, told)) for name, *told in rows},
                         {name: of for name, of in differ.items() if len(set(of)) > 1})


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
        self.assertEqual(told, {*commands(), "--version"})

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
            columns = {m.end() for m in map(re.compile(r"  -(?:-|., --)[a-z][^ ]* +(?=[^ ])").match,
                                            text.splitlines()) if m}
            self.assertLessEqual(len(columns), 1, words)

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


class Completion:
    """What is offered in each shell."""

    def complete(self, *words: str) -> list[str]:
        raise NotImplementedError

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
        self.assertEqual(self.complete("--ver"), ["--verbose", "--version"])
        self.assertEqual(self.complete("status", "pl"), ["plugins"])

    def test_each_option(self) -> None:
        """Each that handrail config knows, and each at the beginning of a line of help."""
        known = json.loads(said("config", "--json"))["settings"]
        self.assertEqual({f"--{name}=" for name in known} - set(self.complete("run", "--")), set())
        self.assertEqual({f"--{name}=" for name in known} - set(self.complete("config", "--")), set())
        self.assertEqual({f"--{name}=" for name in known if name.startswith("toolhost-")}
                         - set(self.complete("mcp", "--")), set())
        all_of_them = [(name,) for name in commands()] + [("plugin", c) for c in commands("plugin")]
        for words in all_of_them:
            if words == ("help",):
                continue
            told = re.findall(r"^  (?:-., )?(--[a-z-]+)\b", said(*words, "--help"), re.M)
            offered = {option.rstrip("=") for option in self.complete(*words, "--")}
            self.assertEqual(set(told) - offered, set(), words)


class Bash(Completion, unittest.TestCase):
    def complete(self, *words: str) -> list[str]:
        """What is offered for the last of the words behind `handrail`."""
        script = (f". {shlex.quote(str(COMPLETION))}; compopt() {{ :; }}; "
                  f"COMP_WORDS=({shlex.quote(str(HANDRAIL))} \"$@\"); "
                  "COMP_CWORD=$#; _handrail; printf '%s\\n' \"${COMPREPLY[@]}\"")
        result = subprocess.run(["bash", "-c", script, "bash", *words], check=True,
                                capture_output=True, text=True, timeout=20)
        self.assertEqual(result.stderr, "")
        return result.stdout.split()

    def test_files_are_the_shells(self) -> None:
        self.assertEqual(self.complete("plugin", "check", "build/"), [])


class Fish(Completion, unittest.TestCase):
    def complete(self, *words: str) -> list[str]:
        line = " ".join(["handrail", *words])
        with tempfile.TemporaryDirectory() as nothing:  # whose files would be offered, too
            result = subprocess.run(
                ["fish", "--no-config", "-c", f"source {FISH}; complete -C {shlex.quote(line)}"],
                check=True, capture_output=True, text=True, timeout=20, cwd=nothing,
                env={**os.environ, "HOME": nothing, "PATH": f"{HANDRAIL.parent}:{os.environ['PATH']}"})
        self.assertEqual(result.stderr, "")
        return result.stdout.split()


class Zsh(unittest.TestCase):
    """It takes bash's, with a completion system of its own around it."""

    def test_a_word_is_completed(self) -> None:
        with tempfile.TemporaryDirectory() as home:
            (Path(home) / ".zshrc").write_text(
                f"autoload -U compinit; compinit -D -u; . {shlex.quote(str(COMPLETION))}\n"
                "try() { BUFFER=$LINE; CURSOR=$#BUFFER; zle complete-word\n"
                "    print -rn -- \"$BUFFER\" > $HOME/line; exit }\n"
                "zle -N zle-line-init try\n")
            for line, wanted in (("crash", "crashes "), ("run --grac", "--grace="),
                                 ("--crash", "--crash-dir="), ("plugin ben", "bench "),
                                 ("plugin check --on", "--only="), ("help env", "environment "),
                                 ("config --sidecar-stop-t", "--sidecar-stop-timeout=")):
                subprocess.run(
                    ["script", "-qec", "zsh -d -i", "/dev/null"], check=False, timeout=20,
                    capture_output=True, stdin=subprocess.DEVNULL,
                    env={"HOME": home, "ZDOTDIR": home, "TERM": "dumb", "LINE": f"handrail {line}",
                         "PATH": f"{HANDRAIL.parent}:{os.environ['PATH']}"})
                completed = (Path(home) / "line").read_text()
                self.assertEqual(completed, f"handrail {line.rpartition(' ')[0]} {wanted}".replace("  ", " "))



if __name__ == "__main__":
    unittest.main()
