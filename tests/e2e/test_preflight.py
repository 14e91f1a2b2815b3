#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The preflight's rules against the real agent-server's: both are given the same environments, and
what the one says must be what the other does."""

from __future__ import annotations

import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from support import SKIPPED, free_ports, real_server  # noqa: E402

SERVER = real_server()
SAY = Path(os.environ.get("HANDRAIL_BUILD_DIR", "build")) / "tests" / "e2e" / "preflight-say"
ORACLE = Path(__file__).resolve().parent / "preflight_oracle.py"
FATAL = ("env-number", "env-json", "config-file")  # the server ends
# No network, no advertisement, and nothing slow.
QUIET = {"LITELLM_LOCAL_MODEL_COST_MAP": "True", "OPENHANDS_SUPPRESS_BANNER": "1",
         "OH_ENABLE_VSCODE": "0", "OH_PRELOAD_TOOLS": "0"}
# Not looked at: a boolean that may be a list as well, and JSON inside of lists.
UNCHECKED = {"OH_REGISTERED_MARKETPLACES_0_AUTO_LOAD", "OH_REGISTERED_MARKETPLACES_0",
             "OH_WEBHOOKS_0", "OH_WEBHOOKS_0_HEADERS"}
NUMBERS = ["8001", " 8001 ", "\t1\n", "+1", "8_001", "8__001", "_1", "1_", "0", "65535", "65536",
           "-1", "", " ", "abc", "1.0", "1.5", "0x1f", "1e3", ".5", "5.", "inf", "nan", "1e400",
           "tcp://10.0.0.1:8001", "0.99", "1", "99999999999999999999", "\x1c1", "--1", "1 2"]
RANDOM_ROUNDS = 400
ALPHABET = "0123456789__++--..eE  \t\nxinfa"


class Preflight(unittest.TestCase):
    folder: Path
    oracle: subprocess.Popen[str]
    variables: dict[str, list[str]]

    @classmethod
    def setUpClass(cls) -> None:
        assert SERVER
        cls.folder = Path(tempfile.mkdtemp(prefix="handrail-preflight-"))
        cls.addClassCleanup(shutil.rmtree, cls.folder, ignore_errors=True)
        cls.base = {"PATH": "/usr/bin:/bin", "HOME": str(cls.folder)}
        cls.oracle = subprocess.Popen(
            [SERVER.parent / "python", ORACLE], env={**cls.base, **QUIET}, cwd=cls.folder,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        cls.addClassCleanup(cls.stop_oracle)
        cls.variables = json.loads(cls.read_oracle())

    @classmethod
    def stop_oracle(cls) -> None:
        cls.oracle.kill()
        cls.oracle.communicate()

    @classmethod
    def read_oracle(cls) -> str:
        assert cls.oracle.stdout
        while line := cls.oracle.stdout.readline():
            if line.startswith("{"):
                return line
        raise AssertionError("the agent-server's Python ended")

    def server(self, env: dict[str, str]) -> dict[str, Any]:
        assert self.oracle.stdin
        self.oracle.stdin.write(json.dumps(env) + "\n")
        self.oracle.stdin.flush()
        return json.loads(self.read_oracle())

    def said(self, env: dict[str, str], *arguments: str) -> dict[str, str]:
        """The findings, id to text."""
        done = subprocess.run([SAY, *arguments], env={**self.base, **QUIET, **env},
                              cwd=self.folder, capture_output=True, text=True, check=True)
        return dict(line.split("\t", 1) for line in done.stdout.splitlines())

    def agree(self, env: dict[str, str]) -> None:
        server, said = self.server(env), self.said(env)
        fatal = [finding for finding in FATAL if finding in said]
        self.assertEqual("error" in server, bool(fatal), f"{env}: {server}, {said}")
        if "error" in server:
            return
        empty = any(env.get(name) == "" for name in ("SESSION_API_KEY", "OH_SESSION_API_KEYS_0"))
        first = env.get("OH_SESSION_API_KEYS_0")
        meant = first == "" or (empty and first is None) or env.get("SESSION_API_KEY") == ""
        self.assertEqual("session-key-empty" in said,
                         meant and not server["keys"] and not server["deferred"],
                         f"{env}: {server}, {said}")
        self.assertEqual("secret-key-unset" in said,
                         not server["secret"] and not server["deferred"],
                         f"{env}: {server}, {said}")

    def test_numbers(self) -> None:
        for name in self.variables["number"]:
            more = {"OH_WEBHOOKS_0_BASE_URL": "http://x"} if name.startswith("OH_WEBHOOKS") else {}
            for value in NUMBERS:
                self.agree({name: value, **more})

    def test_numbers_at_random(self) -> None:
        seed = random.randrange(1 << 32)
        print(f"seed {seed}", file=sys.stderr)
        dice = random.Random(seed)
        for _ in range(RANDOM_ROUNDS):
            value = "".join(dice.choices(ALPHABET, k=dice.randint(0, 5)))
            self.agree({dice.choice(("OH_MAX_CONCURRENT_RUNS", "OH_LEASE_TTL_SECONDS")): value})

    def test_booleans(self) -> None:
        for name in set(self.variables["boolean"]) - UNCHECKED:
            for value in ("maybe", "yes", "on", " 1", "2"):
                self.assertIn("env-boolean", self.said({name: value}), name)
        for value in ("1", "true", "TRUE", "True", "0", "false", "no", "", "yes", "on", " 1"):
            env = {"OH_DEFERRED_INIT": value, "SESSION_API_KEY": "k"}
            said = self.said(env)
            if self.server(env)["deferred"]:
                self.assertNotIn("env-boolean", said)
            elif value in ("yes", "on", " 1"):
                self.assertIn("env-boolean", said)
            self.agree(env)

    def test_lists_and_objects(self) -> None:
        names = set(self.variables["list"] + self.variables["object"]) - UNCHECKED
        self.assertGreater(len(names), 6)
        for name in names:
            for value in ("", "x", "[]", "{}", "1", '"x"', "null", "tcp://10.0.0.1:80", "[", "1.5"):
                if not (name.endswith(("WEBHOOKS", "MARKETPLACES", "ORIGINS", "KEYS"))
                        and value == "1"):  # a number asks for as many items as that
                    self.agree({name: value})

    def test_keys(self) -> None:
        values = (None, "", " ", "k")
        for old in values:
            for first in values:
                for secret in values:
                    for second in (None, "", "k"):
                        env = {"SESSION_API_KEY": old, "OH_SESSION_API_KEYS_0": first,
                               "OH_SESSION_API_KEYS_1": second, "OH_SECRET_KEY": secret}
                        self.agree({k: v for k, v in env.items() if v is not None})
        for text in ('["a"]', "[]", '[""]', '["", "b"]', "1", "0"):
            self.agree({"OH_SESSION_API_KEYS": text, "OH_SESSION_API_KEYS_0": "k"})

    def test_the_file(self) -> None:
        path = self.folder / "config.json"
        for text in ("{}", "[]", "", "x", '{"secret_key": "s"}', '{"session_api_keys": ["k"]}',
                     '{"deferred_init": true}', '{"session_api_keys": [""]}'):
            path.write_text(text)
            for env in ({}, {"OH_SECRET_KEY": " "}, {"SESSION_API_KEY": ""},
                        {"OH": '{"secret_key": "s"}'}):
                self.agree({"OPENHANDS_AGENT_SERVER_CONFIG_PATH": str(path), **env})

    def test_it_really_ends(self) -> None:
        """Once with the server itself: the reading above is what ends it, and with that code."""
        assert SERVER
        env = {"OH_VSCODE_PORT": "tcp://10.0.0.1:8001"}
        self.assertIn("Service named oh-vscode", self.said(env)["env-number"])
        done = subprocess.run([SERVER, "--port", str(free_ports(1)[0])], cwd=self.folder,
                              env={**self.base, **QUIET, **env}, capture_output=True, timeout=90)
        self.assertEqual(done.returncode, 1, done.stderr[-2000:])


if __name__ == "__main__":
    if SERVER is None:
        print("e2e/preflight: SKIPPED: the pinned agent-server is not installed; "
              "`tests/setup.sh test` says what it needs", file=sys.stderr)
        sys.exit(SKIPPED)
    unittest.main(verbosity=2)
