# SPDX-License-Identifier: MIT
"""handrail lint and handrail explain, as people and programs call them."""

import json
import os
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

import harness  # noqa: F401 - it makes tests/ importable
from support import HANDRAIL, ROOT


def run(*args, text="", **kwargs):
    return subprocess.run([HANDRAIL, *args], input=text, capture_output=True, text=True, check=False,
                          timeout=20, **kwargs)


def rules():
    """id -> title, as handrail explain lists them."""
    listed = {}
    for line in run("explain").stdout.splitlines():
        if line.startswith("  "):
            rule, title = line.split(maxsplit=1)
            listed[rule] = title
    return listed


class Command(unittest.TestCase):
    def test_exit_codes_and_text(self):
        done = run("lint", "-", text="FROM a:1@sha256:" + "0" * 64 + "\nNOPE\n")
        self.assertEqual(done.returncode, 1)
        self.assertEqual(done.stdout.splitlines()[0],
                         "stdin:2:1: error: NOPE is no instruction [syntax]")
        self.assertIn("\n    fix: ", done.stdout)
        self.assertTrue(done.stdout.endswith("handrail lint: 1 error, 0 warnings\n"), done.stdout)
        self.assertEqual(run("lint", "--nonsense").returncode, 64)
        self.assertEqual(run("lint", "--format=xml").returncode, 64)

    def test_strict(self):
        text = "FROM scratch\nRUN a \\\n\n b\n"
        self.assertEqual(run("lint", "-", text=text).returncode, 0)
        self.assertEqual(run("lint", "--strict", "-", text=text).returncode, 1)

    def test_files_and_directories(self):
        with tempfile.TemporaryDirectory() as folder:
            here = Path(folder)
            (here / "Dockerfile").write_text("FROM scratch\nNOPE\n")
            (here / "other").write_text("FROM scratch\nNEITHER\n")
            named = run("lint", "Dockerfile", "other", cwd=folder)
            self.assertIn("Dockerfile:2:1: error: NOPE", named.stdout)
            self.assertIn("other:2:1: error: NEITHER", named.stdout)
            self.assertIn("2 errors", named.stdout)
            self.assertIn("Dockerfile:2:1: ", run("lint", cwd=folder).stdout)
            self.assertIn(f"{folder}/Dockerfile:2:1: ", run("lint", folder).stdout)
            missing = run("lint", "nowhere", "Dockerfile", cwd=folder)
            self.assertEqual(missing.returncode, 66)
            self.assertIn("cannot read nowhere", missing.stderr)
            self.assertIn("NOPE", missing.stdout)

    def test_full_disk_is_said(self):
        with open("/dev/full", "w", encoding="utf-8") as full:
            done = subprocess.run([HANDRAIL, "lint", ROOT / "docker/Dockerfile"], stdout=full,
                                  stderr=subprocess.PIPE, check=False, timeout=20)
        self.assertNotEqual(done.returncode, 0)
        self.assertIn(b"standard output", done.stderr)

    def test_help_fits_a_screen(self):
        for command in ("lint", "explain"):
            shown = run(command, "--help")
            self.assertEqual(shown.returncode, 0)
            self.assertLess(len(shown.stdout.splitlines()), 25)
            self.assertLessEqual(max(map(len, shown.stdout.splitlines())), 80)

    def test_only_handrail_starts_it(self):
        image = Path(os.path.realpath(HANDRAIL)).with_name("handrail-image")
        done = subprocess.run([image], capture_output=True, text=True, check=False, timeout=20)
        self.assertEqual(done.returncode, 64)
        self.assertIn("handrail --help", done.stderr)


class Explain(unittest.TestCase):
    def test_each_rule(self):
        listed = rules()
        self.assertGreater(len(listed), 3)
        for rule, title in listed.items():
            said = run("explain", rule)
            self.assertEqual(said.returncode, 0)
            self.assertTrue(said.stdout.startswith(f"{rule} ("), said.stdout)
            self.assertIn(title, said.stdout)
            self.assertRegex(said.stdout, r"\nWhy: .*[.!?]\n\nFix: .*\.\n$")
            self.assertRegex(rule, r"^[a-z]+(-[a-z]+)*$")
        everything = run("explain", "--all").stdout
        for rule in listed:
            self.assertIn(f"{rule} (", everything)

    def test_did_you_mean(self):
        done = run("explain", "syntacks")
        self.assertEqual(done.returncode, 64)
        self.assertIn("did you mean syntax?", done.stderr)
        self.assertIn("did you mean empty-continuation?", run("explain", "continuation").stderr)


class Formats(unittest.TestCase):
    def test_json(self):
        done = run("lint", "--format=json", "-", text="FROM scratch\nNOPE\n")
        report = json.loads(done.stdout)
        self.assertEqual(report["errors"], 1)
        self.assertEqual(report["findings"][0]["line"], 2)
        self.assertEqual(report["findings"][0]["rule"], "syntax")


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], *sys.argv[1:]], verbosity=1)
