# SPDX-License-Identifier: MIT
"""Sandbox specifications against other people's readers: PyYAML, which is what the platform reads
them with, Kubernetes' grammar of quantities written down once more, and jsonschema.

Arguments: spec-runner and schema-runner.
"""

from __future__ import annotations

import copy
import json
import random
import re
import subprocess
import sys
import tempfile
import unittest
from fractions import Fraction
from pathlib import Path

import jsonschema
import yaml

ROOT = Path(__file__).resolve().parent.parent.parent
SCHEMA = ROOT / "plugin-api" / "schema" / "sandbox-spec.schema.json"
EXAMPLES = sorted((ROOT / "docker" / "examples").glob("*/sandbox-spec.yaml"))
SCHEMA_RUNNER = sys.argv.pop()
RUNNER = sys.argv.pop()
SEED = 20261127


def run(mode: str, text: str) -> str:
    return subprocess.run([RUNNER, mode], input=text.encode(), stdout=subprocess.PIPE, check=True).stdout.decode()


def run_files(mode: str, texts: list[str]) -> list[dict]:
    answers = run(mode, "".join(t + "\0" for t in texts)).split("\0")
    assert len(answers) == len(texts) + 1, f"{len(texts)} files, {len(answers) - 1} answers"
    return [json.loads(a) for a in answers[:-1]]


class Scalars(unittest.TestCase):
    """What a scalar without quotes is."""

    # Text to PyYAML, and something else to other readers: YAML 1.2, or the letter of 1.1.
    ELSEWHERE = re.compile(
        r"0o[0-7]+|[-+]?[0-9]+|[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?|[ynYN]"
        r"|[-+]?[0-9][0-9_]*(:[0-5]?[0-9])+(\.[0-9_]*)?|[-+]\.[0-9][0-9_]*([eE][-+][0-9]+)?"
        r"|[0-9]{4}-[0-9][0-9]?-[0-9][0-9]?"
    )
    KINDS = {
        "str": {"text"},
        "null": {"null"},
        "bool": {"boolean"},
        "int": {"integer", "number"},
        "float": {"number"},
        "timestamp": {"date"},
        "merge": {"other"},
        "value": {"other"},
    }

    def samples(self) -> list[str]:
        words = """null Null NULL ~ yes Yes YES no No NO on On ON off Off OFF true True TRUE false False
            FALSE y n Y N oN yEs nul 1.0 1.0.0 1.2.3 012 0o12 08 09 1_000 0x1F 0b101 0b12 0xG -0 +1 12:30
            12:60 1:2:3 190:20:30.15 1:2: .5 -.5 5. 1e3 1E-3 1.0e+3 1.0e3 .inf -.INF .nan .NAN inf nan
            2026-11-27 2026-1-7 2026-11-27T12:00:00Z 2026-11-27T1:02:03.4+01:00 << = == <<< 0 00 -1 +0x1
            0_ _0 1__2 - + . .. ... e3 0.0.0 4Gi 500m 2k 1e 1.e1 ._1 +.1 0b 0x 0o""".split()
        words += ["", "2026-11-27 12:00:00", "2026-11-27 12:00:00 +1", "1 2"]
        rng = random.Random(SEED)
        for alphabet in ("01289_.:-+eExobTZ", "yYnNoOfFtTrRuUeEsSaAlL", "0123456789:.-_", "~<=.-+"):
            words += ["".join(rng.choice(alphabet) for _ in range(rng.randint(1, 7))) for _ in range(4000)]
        return words

    def test_nothing_that_pyyaml_takes_for_something_else_is_text(self) -> None:
        samples = self.samples()
        kinds = run("kinds", "".join(s + "\n" for s in samples)).splitlines()
        self.assertEqual(len(kinds), len(samples))
        resolver = yaml.SafeLoader("")
        for sample, kind in zip(samples, kinds):
            tag = resolver.resolve(yaml.ScalarNode, sample, (True, False)).rsplit(":", 1)[1]
            if tag == "str" and kind != "text":
                self.assertRegex(sample, f"^({self.ELSEWHERE.pattern})$", kind)
            else:
                self.assertIn(kind, self.KINDS[tag], f"{sample!r} is {tag}")


class Trees(unittest.TestCase):
    """The tree is PyYAML's, in whatever style it is written."""

    def build(self, rng: random.Random, depth: int) -> object:
        roll = rng.random()
        if depth == 0 or roll < 0.5:
            return "".join(rng.choice("abc: #-'\"\\\n\täö…,[]{}&*!|>%@`0") for _ in range(rng.randint(0, 12)))
        if roll < 0.75:
            return [self.build(rng, depth - 1) for _ in range(rng.randint(0, 4))]
        return {f"k{i} {rng.choice('ab:#')}": self.build(rng, depth - 1) for i in range(rng.randint(0, 4))}

    def expected(self, node: yaml.Node) -> object:
        if isinstance(node, yaml.SequenceNode):
            return [self.expected(n) for n in node.value]
        if isinstance(node, yaml.MappingNode):
            return {k.value: self.expected(v) for k, v in node.value}
        return node.value

    def texts(self, tree: object) -> object:
        """Without the kinds: a scalar is [KIND, TEXT], and no list begins with such a word."""
        if isinstance(tree, dict):
            return {k: self.texts(v) for k, v in tree.items()}
        if isinstance(tree, list) and len(tree) == 2 and isinstance(tree[0], str):
            return tree[1]
        return [self.texts(v) for v in tree]

    def test_it_is_the_same_tree(self) -> None:
        rng = random.Random(SEED)
        texts = []
        for _ in range(400):
            value = self.build(rng, 4)
            if isinstance(value, list) and value and rng.random() < 0.5:
                value.append(value[0])  # an alias, if that is a list or a map
            texts.append(
                yaml.safe_dump(
                    value,
                    default_flow_style=rng.choice([None, True, False]),
                    default_style=rng.choice([None, None, '"', "'", "|", ">"]) if "!" not in str(value) else None,
                    allow_unicode=rng.random() < 0.5,
                    width=rng.choice([10, 80]),
                    line_break=rng.choice(["\n", "\r\n", "\r"]),
                    indent=rng.choice([2, 4, 8]),
                )
            )
        for text, ours in zip(texts, run_files("tree", texts)):
            with self.subTest(text=text):
                self.assertEqual(self.texts(ours), self.expected(yaml.compose(text, yaml.SafeLoader)))


class Quantities(unittest.TestCase):
    """The grammar of Kubernetes' API reference, in exact arithmetic."""

    SUFFIXES = {s: Fraction(10) ** e for s, e in zip(["n", "u", "m", "", "k", "M", "G", "T", "P", "E"], range(-9, 19, 3))}
    SUFFIXES |= {s + "i": Fraction(1024) ** (i + 1) for i, s in enumerate("KMGTPE")}
    FORM = re.compile(r"([-+]?)(\d+\.?\d*|\.\d+)(?:([eE])([-+]?\d+)|([a-zA-Z]*))", re.ASCII)
    LARGEST = 2**63 - 1

    def reference(self, text: str, decimals: int) -> str:
        m = self.FORM.fullmatch(text)
        if not m or (m[5] is not None and m[5] not in self.SUFFIXES):
            return "refused"
        number = Fraction(m[2] if not m[2].endswith(".") else m[2] + "0")
        factor = Fraction(10) ** max(-2000, min(2000, int(m[4]))) if m[3] else self.SUFFIXES[m[5]]
        value = number * factor * 10**decimals
        whole = -(-value.numerator // value.denominator)  # a fraction counts as one
        whole = min(whole, self.LARGEST)
        return str(-whole if m[1] == "-" else whole)

    def samples(self) -> list[str]:
        words = """4Gi 500m 1e3 1E3 1E 0.5 1k 1K 2 0 -1 +1 .5 5. . + - 1.5Gi 0.1Ki 1e-3 1e+3 1e 1Ee3 1Gi2 4gi 4GB
            4GiB 9223372036854775807 9223372036854775808 9007199254740993 8Ei 7Ei 16Ei 1n 1u 999999999n 1.0000000001
            123456789012345678901234567890 0.000000000000000000001 1e1000 1e-1000 0e1000 1e99999999999 00012 1.2.3 1,5
            ٣ 0x10 1_000 12:30 1e3m""".split()
        rng = random.Random(SEED)
        suffixes = list(self.SUFFIXES) + ["K", "ki", "e3", "E-3", "e", "mi", "B"]
        for _ in range(6000):
            number = str(rng.randint(0, 10 ** rng.randint(0, 22)))
            if rng.random() < 0.6:
                number += "." + "".join(rng.choice("0123456789") for _ in range(rng.randint(0, 20)))
            words.append(rng.choice(["", "", "", "-", "+"]) + number + rng.choice(suffixes))
        for _ in range(4000):
            words.append("".join(rng.choice("0123.-+eEkKMiGmn") for _ in range(rng.randint(1, 6))))
        return [w for w in words if len(w) <= 64]

    def test_every_quantity_has_kubernetes_value(self) -> None:
        samples = [(d, s) for d in (0, 3) for s in self.samples()]
        got = run("quantity", "".join(f"{d} {s}\n" for d, s in samples)).splitlines()
        self.assertEqual(len(got), len(samples))
        for (decimals, text), value in zip(samples, got):
            self.assertEqual(value, self.reference(text, decimals), f"{text!r} with {decimals}")


class Schema(unittest.TestCase):
    """The checker and the schema agree; but for what no schema can say."""

    BEYOND = {"spec-port-twice", "spec-port-reserved", "spec-env-agent", "spec-env-fatal"}

    @classmethod
    def setUpClass(cls) -> None:
        cls.schema = json.loads(SCHEMA.read_text())
        jsonschema.Draft202012Validator.check_schema(cls.schema)
        cls.validator = jsonschema.Draft202012Validator(cls.schema)

    def bases(self) -> list[dict]:
        digest = "sha256:" + "0123456789abcdef" * 4
        return [yaml.safe_load(e.read_text()) for e in EXAMPLES] + [
            {
                "id": f"agents/ml@{digest}", "name": "ML agent", "version": "1.2.3", "description": None,
                "command": ["--port", "8000"], "initial_env": {"A": "1", "CUSTOM_AGENT_CLASS": "Other"},
                "working_dir": "/workspace", "memory_limit": "4Gi", "cpu_limit": "500m",
                "agent": {"type": "custom", "module": "a.b", "class_name": "C", "capabilities": ["x_y"]},
                "permissions": {"owner": "a@b.c", "users": ["a@b.c"], "groups": ["g h"]},
                "ports": [{"name": "agent-server", "port": 8000}, {"name": "x", "port": 60001}],
            },
            {
                "apiVersion": "openhands.ai/v1", "kind": "SandboxSpec",
                "metadata": {"name": "a", "version": "0.0.1"}, "spec": {"image": "a:1", "agent": {"module": "m"}},
            },
        ]

    VALUES = [
        None, True, False, 0, 1, -1, 65535, 65536, 1.5, "", " ", "a", "A", "a b", "a@b", "1.0", "1.0.0", "v1.0.0",
        "1.0.0-rc.1", "custom", "default", "4Gi", "4gi", "0", "0.0Mi", "-1", "+1", "1e3", ".5", "5.", "500m", "yes",
        "native:x", "/a.so", "/a", "a.b", "a..b", "a/b:1", "A/b:1", "a:1@sha256:" + "0" * 64, "localhost/a", "ä" * 100,
        "x" * 16, "x" * 64, "x" * 128, "x" * 129, "x" * 256, "openhands.ai/v1", "SandboxSpec", "a\nb", "a-", "-a",
        "web-1", "80", "8-a", "a--b", [], ["a"], [1], {}, {"a": "b"}, {"a": 1}, {"type": "custom"},
        {"type": "custom", "module": "m", "class": "C"}, {"type": "custom", "module": "m", "class_name": "C"},
        {"name": "a", "port": 1}, [{"name": "a", "port": 1}], [{"name": "a", "port": "1"}], [{"name": "a"}],
        [{"port": 1}], [{"name": "a", "port": 1, "x": 1}], {"A-B": "1"}, {"2": "1"}, {"users": ["a"]}, "x\u202ey",
    ]

    def places(self, value: object) -> list[list]:
        """Every path into it."""
        found: list[list] = [[]]
        items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else []
        for key, child in items:
            found += [[key, *rest] for rest in self.places(child)]
        return found

    def mutate(self, rng: random.Random, spec: dict) -> object:
        spec = copy.deepcopy(spec)
        for _ in range(rng.randint(1, 2)):
            path = rng.choice(self.places(spec))
            if not path:
                continue
            at = spec
            for key in path[:-1]:
                at = at[key]
            roll = rng.random()
            if roll < 0.15:
                del at[path[-1]]
            elif roll < 0.25 and isinstance(at, dict):
                at[rng.choice(["name", "class", "class_name", "image", "x", "env", "spec"])] = rng.choice(self.VALUES)
            else:
                at[path[-1]] = rng.choice(self.VALUES)
        return spec

    def corpus(self) -> list[object]:
        rng = random.Random(SEED)
        specs: list[object] = [*self.bases(), [], "a", None, {}, {"kind": "SandboxSpec"}]
        for base in self.bases():
            for path in self.places(base)[1:]:  # each value in each place
                for value in rng.sample(self.VALUES, 12):
                    spec = copy.deepcopy(base)
                    at = spec
                    for key in path[:-1]:
                        at = at[key]
                    at[path[-1]] = value
                    specs.append(spec)
            specs += [self.mutate(rng, base) for _ in range(150)]
        return specs

    def test_they_agree(self) -> None:
        """The corpus is JSON, which is YAML too and has no traps."""
        suite = []
        good = 0
        corpus = self.corpus()
        reports = run_files("check", [json.dumps(spec, ensure_ascii=False) for spec in corpus])
        for spec, report in zip(corpus, reports):
            errors = {f["rule"] for f in report["findings"] if f["severity"] == "error"} - self.BEYOND
            valid = self.validator.is_valid(spec)
            if "yaml-character" in errors:
                continue  # a schema cannot see it
            why = [e.message for e in self.validator.iter_errors(spec)]
            self.assertEqual(not errors, valid, f"{json.dumps(spec)}\n{errors}\n{why}")
            suite.append({"description": str(len(suite)), "data": spec, "valid": valid})
            good += valid
        self.assertGreater(good, 100)
        self.assertGreater(len(suite) - good, 500)
        with tempfile.NamedTemporaryFile("w", suffix=".json") as f:
            json.dump([{"description": "all", "schema": self.schema, "tests": suite}], f)
            f.flush()
            lines = subprocess.run([SCHEMA_RUNNER, f.name], stdout=subprocess.PIPE, check=True).stdout.decode()
        self.assertEqual([line for line in lines.splitlines() if not line.startswith("pass\t")], [])
        self.assertEqual(len(lines.splitlines()), len(suite))

    def test_the_examples_have_nothing_to_be_found(self) -> None:
        self.assertTrue(EXAMPLES)
        for example in EXAMPLES:
            with self.subTest(example=example):
                [report] = run_files("check", [example.read_text()])
                self.assertEqual(report["findings"], [])
                self.validator.validate(yaml.safe_load(example.read_text()))


if __name__ == "__main__":
    unittest.main()
