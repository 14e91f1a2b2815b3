# SPDX-License-Identifier: MIT
"""The schemas of agent_config.json and tool_registry.json, and the loader that is written by hand,
agree: on a corpus, and on what mutation makes of it.  Asked are the loader, our own validator and
python3-jsonschema.

    test_config_schema.py CONFIG_JUDGE [SEED]
"""

import copy
import json
import random
import re
import subprocess
import sys
import unittest
from pathlib import Path

import jsonschema

TOP = Path(__file__).resolve().parents[2]
FILES = [TOP / "plugin-api" / "schema" / f"{name}.schema.json"
         for name in ("agent_config", "tool_registry")]
SCHEMAS = [json.loads(file.read_text()) for file in FILES]
VALIDATORS = [jsonschema.Draft202012Validator(schema) for schema in SCHEMAS]
MUTANTS = 5000
AGENT, REGISTRY = 0, 1

# What the loader refuses and a schema cannot say.
BEYOND = re.compile("|".join([
    r"not valid JSON: \\u0000 is not allowed", "that no other plugin has", "that no other tool has",
    "at most 32 enabled plugins", 'what "agent" says', "/handrail/(check|rewrite)/[0-9]+: ",
    "a numeric address and port", "a URL such as", "kernel's limit"]))

FULL = [
    {"$schema": "x", "agent": {"module": "my.agent", "class": "Mine"},
     "tools": [{"name": "one", "module": "tools.one"}, {"name": "two-2"}],
     "environment": {"A": "1", "B_2.c-d": "", "HANDRAIL_AGENT_DEFAULT": "1"},
     "handrail": {"grace": 2.5, "budget": 3, "helper": False, "log-format": "json",
                  "check": ["disk:free=5%", "port/8080"], "rewrite": ["HUP:TERM"],
                  "health-addr": ":7", "crash-dir": "/c", "webhook": "http://h/p",
                  "registry": "r.json", "sidecar-backoff": 2, "restart": "always"}},
    {"$schema": "x", "plugins": [
        {"id": "a", "path": "/a.so"},
        {"id": "b.c-d_E9", "path": "/b.so", "sha256": "aB" * 32, "enabled": False,
         "required": True, "config": {"k": [1, {"x": None}]},
         "confinement": {"read": ["/r"], "write": [], "network": True, "tcp_connect": [443, 0],
                         "tcp_bind": [], "exec": True, "environment": ["HOME"],
                         "working_directory": "/w", "memory_mib": 0, "file_mib": 7,
                         "open_files": 64, "cpu_seconds": 1, "nice": 19, "syscalls": ["ptrace"],
                         "required": True}}]},
]

GOOD = [
    (AGENT, {}), (AGENT, {"agent": {}}), (AGENT, {"tools": []}), (AGENT, {"handrail": {}}),
    (AGENT, {"agent": {"module": "native:echo"}}), (AGENT, {"agent": {"module": "/a/b.so"}}),
    (AGENT, {"agent": {"module": "_x1.ä", "class": "Grün"}}),
    (AGENT, {"handrail": {"grace": 0, "backoff": 0.001, "stable": 86400, "budget": 100.0}}),
    (AGENT, {"handrail": {"grace": -0.0, "budget": -0.0, "stop-timeout": 1e-4, "watchdog": 4e1}}),
    (AGENT, {"handrail": {"check": [], "rewrite": [], "mcp-addr": "[::1]:1"}}),
    (REGISTRY, {"plugins": []}),
    (REGISTRY, {"plugins": [{"id": "a", "path": "/a", "confinement": {
        "network": True, "tcp_connect": [443.0], "nice": -0.0, "open_files": 64.0}}]}),
    (REGISTRY, {"plugins": [{"id": "a", "path": "/a", "confinement": {}}]}),
]

BAD = [
    (AGENT, []), (AGENT, "x"), (AGENT, None), (AGENT, {"Agent": {}}), (AGENT, {"plugins": []}),
    (AGENT, {"agent": {"class": "A"}}), (AGENT, {"agent": {"module": "native:x", "class": "A"}}),
    (AGENT, {"agent": {"module": "a..b"}}), (AGENT, {"agent": {"module": "1a"}}),
    (AGENT, {"agent": {"module": "a/b"}}), (AGENT, {"agent": {"module": "/.so"}}),
    (AGENT, {"agent": {"module": "m", "class": "a.b"}}), (AGENT, {"agent": {"type": "custom"}}),
    (AGENT, {"tools": [{"name": "a" * 129}]}), (AGENT, {"tools": [{"module": "a"}]}),
    (AGENT, {"tools": [{"name": f"t{i}"} for i in range(65)]}),
    (AGENT, {"environment": {"A": 1}}), (AGENT, {"environment": {"A": True}}),
    (AGENT, {"environment": {"1A": "x"}}), (AGENT, {"environment": {"HANDRAIL_GRACE": "x"}}),
    (AGENT, {"environment": {"WATCHDOG_PID": "1"}}), (AGENT, {"environment": {"A B": "x"}}),
    (AGENT, {"handrail": {"grace": "25"}}), (AGENT, {"handrail": {"grace": 86400.1}}),
    (AGENT, {"handrail": {"backoff": 0.0009}}), (AGENT, {"handrail": {"budget": 1.5}}),
    (AGENT, {"handrail": {"config-dir": "/x"}}), (AGENT, {"handrail": {"helper": 1}}),
    (AGENT, {"handrail": {"agent-port": 0}}), (AGENT, {"handrail": {"agent-port": 65536}}),
    (AGENT, {"handrail": {"registry": ""}}), (AGENT, {"handrail": {"crash-dir": "c"}}),
    (AGENT, {"handrail": {"webhook": "ftp://x"}}), (AGENT, {"handrail": {"restart": "on"}}),
    (AGENT, {"handrail": {"check": "alive:period=1"}}), (AGENT, {"handrail": {"check": [1]}}),
    (REGISTRY, {}), (REGISTRY, {"plugins": {}}), (REGISTRY, {"plugins": [{"id": "a"}]}),
    (REGISTRY, {"plugins": [{"id": "a b", "path": "/x"}]}),
    (REGISTRY, {"plugins": [{"id": "a", "path": "x"}]}),
    (REGISTRY, {"plugins": [{"id": "a", "path": "/x", "sha256": "0"}]}),
    (REGISTRY, {"plugins": [{"id": "a", "path": "/x", "config": []}]}),
    (REGISTRY, {"plugins": [{"id": "a", "path": "/x", "confinement": {"nice": 20}}]}),
    (REGISTRY, {"plugins": [{"id": "a", "path": "/x", "confinement": {"tcp_bind": [1]}}]}),
    (REGISTRY, {"plugins": [{"id": "a", "path": "/x", "confinement": {"open_files": 63}}]}),
    (REGISTRY, {"plugins": [{"id": "a", "path": "/x", "confinement": {"read": ["/a"] * 65}}]}),
]

BEYOND_SCHEMA = [
    (AGENT, {"handrail": {"check": ["disk"]}}), (AGENT, {"handrail": {"rewrite": ["KILL:0"]}}),
    (AGENT, {"handrail": {"health-addr": "1.2.3:1"}}), (AGENT, {"tools": [{"name": "a"}] * 2}),
    (AGENT, {"handrail": {"webhook": "http://u:p@h/"}}), (AGENT, {"environment": {"A": "\0"}}),
    (AGENT, {"agent": {"module": "a"}, "environment": {"CUSTOM_AGENT_MODULE": "b"}}),
    (AGENT, {"environment": {"A": "ä" * 65535}}),
    (REGISTRY, {"plugins": [{"id": "a", "path": "/x"}] * 2}),
    (REGISTRY, {"plugins": [{"id": f"p{i}", "path": "/x"} for i in range(33)]}),
]

VALUES = [None, True, False, 0, 1, -1, 64, 70000, 2.5, 1e12, -0.0, 40.0, 1e-4, "", "x", "a.b", "/x", "/x.so", "native:a",
          "A B", "ä", "\0", "always", "on", "HUP:TERM", "http://h/", ":1", "aB" * 32, [], ["x"],
          ["/x"], [443], {}, {"x": 1}, {"name": "n"}, {"module": "m"}, {"id": "z", "path": "/z"}]
KEYS = ["agent", "tools", "environment", "handrail", "plugins", "$schema", "module", "class",
        "name", "id", "path", "sha256", "enabled", "required", "config", "confinement", "grace",
        "network", "tcp_bind", "nice", "x", "A", "HANDRAIL_GRACE", "a/b~c", ""]


def places(value, found):
    """Every container in it."""
    if isinstance(value, (dict, list)):
        found.append(value)
        for part in value.values() if isinstance(value, dict) else value:
            places(part, found)
    return found


def mutate(rng, document):
    document = copy.deepcopy(document)
    for _ in range(rng.choice([1, 1, 1, 2, 3])):
        where = rng.choice(places(document, []))
        what = rng.randrange(4)
        value = copy.deepcopy(rng.choice(VALUES))
        if isinstance(where, dict):
            keys = list(where)
            if what == 0 and keys:
                del where[rng.choice(keys)]
            elif what == 1:
                where[rng.choice(KEYS)] = value
            elif what == 2 and keys:
                where[rng.choice(KEYS)] = where.pop(rng.choice(keys))
            elif keys:
                where[rng.choice(keys)] = value
        elif what == 0 and where:
            del where[rng.randrange(len(where))]
        elif what == 1 and where:
            where.append(copy.deepcopy(rng.choice(where)))
        elif where:
            where[rng.randrange(len(where))] = value
        else:
            where.append(value)
    return document


class Agreement(unittest.TestCase):
    judge = ""
    seed = 1

    def ask(self, cases):
        lines = "".join(json.dumps({"kind": kind, "text": json.dumps(document)}) + "\n"
                        for kind, document in cases)
        done = subprocess.run([self.judge, *map(str, FILES)], input=lines, text=True, check=True,
                              capture_output=True)
        answers = [json.loads(line) for line in done.stdout.splitlines()]
        self.assertEqual(len(answers), len(cases))
        for answer, (kind, document) in zip(answers, cases):
            answer["python"] = VALIDATORS[kind].is_valid(document)
            answer["case"] = f"{FILES[kind].name}: {json.dumps(document)[:400]}"
            self.assertEqual(answer["python"], answer["schema"] == 0, answer)
            self.assertEqual(answer["loader"] != 0, bool(answer["said"]), answer)
        return answers

    def compare(self, answer):
        if not answer["python"]:
            self.assertEqual(answer["loader"], 78, answer)
        elif answer["loader"]:
            for line in answer["said"]:
                self.assertRegex(line, BEYOND, answer)

    def test_the_schemas_are_schemas(self):
        for schema in SCHEMAS:
            jsonschema.Draft202012Validator.check_schema(schema)

    def test_everything_has_a_description(self):
        def look(schema, where):
            for name, part in schema.get("properties", {}).items():
                if where:
                    self.assertIn("description", part, f"{where}/{name}")
                look(part, f"{where}/{name}")
            if isinstance(schema.get("items"), dict):
                look(schema["items"], where + "/*")
        for schema in SCHEMAS:
            look(schema, "")
            self.assertIn("description", schema)

    def test_good(self):
        for answer in self.ask([*enumerate(FULL), *GOOD]):
            self.assertEqual((answer["python"], answer["loader"]), (True, 0), answer)

    def test_examples_of_the_manuals(self):
        text = "".join((TOP / name).read_text() for name in (
            "loader/config/README.md", "loader/man/agent_config.json.5.scd",
            "loader/toolhost/CONFINEMENT.md", "loader/plugin_file/README.md", "README.md"))
        found = [json.loads(block.replace("5d41402abc4b2a76b9719d911017c592...", "0" * 64))
                 for block in re.findall(r"^```(?:json)?\n(\{.*?)^```$", text, re.M | re.S)]
        self.assertGreaterEqual(len(found), 5)
        for answer in self.ask([(REGISTRY if "plugins" in d else AGENT, d) for d in found]):
            self.assertEqual((answer["python"], answer["loader"]), (True, 0), answer)

    def test_bad(self):
        for answer in self.ask(BAD):
            self.assertEqual((answer["python"], answer["loader"]), (False, 78), answer)

    def test_beyond_a_schema(self):
        for answer in self.ask(BEYOND_SCHEMA):
            self.assertEqual((answer["python"], answer["loader"]), (True, 78), answer)
            self.compare(answer)

    def test_mutants(self):
        rng = random.Random(self.seed)
        stock = [*enumerate(FULL), *enumerate(FULL), *GOOD]
        cases = []
        for _ in range(MUTANTS):
            kind, document = rng.choice(stock)
            cases.append((kind, mutate(rng, document)))
        answers = self.ask(cases)
        for answer in answers:
            self.compare(answer)
        good = sum(answer["loader"] == 0 for answer in answers)
        self.assertTrue(MUTANTS / 20 < good < MUTANTS * 19 / 20, good)  # there were both kinds


if __name__ == "__main__":
    Agreement.judge = sys.argv.pop(1)
    if len(sys.argv) > 1 and sys.argv[1].isdigit():
        Agreement.seed = int(sys.argv.pop(1))
    unittest.main()
