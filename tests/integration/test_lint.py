# SPDX-License-Identifier: MIT
"""handrail lint and handrail explain, as people and programs call them."""

import json
import os
import re
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
    def test_the_dockerfiles_of_the_manuals(self):
        for page in ("README.md", "loader/image/README.md"):
            text, = re.findall(r"```dockerfile\n((?:ARG|FROM).*?)```", (ROOT / page).read_text(), re.S)
            self.assertEqual(run("lint", "-", text=text).stdout,
                             "handrail lint: 0 errors, 0 warnings\n", page)

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

    def test_ours_are_clean(self):
        ours = sorted((ROOT / "docker").rglob("Dockerfile"))
        self.assertGreater(len(ours), 4)
        done = run("lint", "--strict", *ours)
        self.assertEqual((done.returncode, done.stdout), (0, "handrail lint: 0 errors, 0 warnings\n"))

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
            apart = run("lint", "--context=.", "--", "other", cwd=folder)
            self.assertIn("other:2:1: error: NEITHER", apart.stdout)
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


class Context(unittest.TestCase):
    """With a build context COPY is held against it."""

    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.here = Path(self.folder.name)
        self.addCleanup(self.folder.cleanup)
        (self.here / "src" / "deep").mkdir(parents=True)
        (self.here / "src" / "main.py").touch()
        (self.here / "src" / "deep" / ".env").touch()

    def findings(self, dockerfile, *args, name="Dockerfile"):
        (self.here / name).write_text(dockerfile)
        done = run("lint", "--format=json", *args)
        return [(f["rule"], f.get("line")) for f in json.loads(done.stdout)["findings"]]

    def test_sources_must_be_there(self):
        text = ("FROM scratch\nCOPY src/main.py /a\nCOPY --from=x /none /b\nCOPY /src/*.py ./src /c/\n"
                "COPY src/none /d\nCOPY *.c /e/\nARG V\nCOPY src/$V <<E /f/\nx\nE\n"
                "ADD https://example.com/x.git#v1 /g\n")
        found = self.findings(text, str(self.here))
        self.assertEqual([line for rule, line in found if rule == "copy-source-missing"], [5, 6])
        self.assertNotIn("copy-source-missing",
                         [rule for rule, _ in self.findings(text, str(self.here / "Dockerfile"))])
        other = self.findings(text, f"--context={self.here}", str(self.here / "x"), name="x")
        self.assertEqual([line for rule, line in other if rule == "copy-source-missing"], [5, 6])

    def test_dockerignore(self):
        text = "FROM scratch\nCOPY src /a\n"
        self.assertEqual(self.findings(text, str(self.here)), [("secret-file", 2)])
        (self.here / ".dockerignore").write_text("**/.env\n")
        self.assertEqual(self.findings(text, str(self.here)), [])
        (self.here / ".dockerignore").write_text("src\n")
        self.assertEqual(self.findings(text, str(self.here)), [("copy-source-missing", 2)])
        (self.here / ".dockerignore").write_text("*\n!src/main.py\n")
        self.assertEqual(self.findings(text, str(self.here)), [])
        (self.here / "Dockerfile.dockerignore").write_text("*.md\n")
        self.assertEqual(self.findings(text, str(self.here)), [("secret-file", 2)])

    def test_a_script_that_installs(self):
        """What it does is known if it is a file of the context; else nobody says that it does not."""
        text = ("FROM openhands/agent-server:1.58.0-python\n"
                "COPY --from=handrail:1 /opt/handrail /opt/handrail\n"
                "WORKDIR /tmp/build\nCOPY {} {}\nUSER root\nRUN {}\nUSER openhands\n")
        (self.here / "src" / "deep" / ".env").unlink()
        for script, missing in (("exec /opt/handrail/bin/handrail install\n", []),
                                ("apt-get -y install jq\n", [("handrail-not-installed", 2)])):
            (self.here / "src" / "deep" / "setup.sh").write_text(script)
            (self.here / "a.sh").write_text("true\n")
            for copied, to, command in (
                    ("src/deep/setup.sh", "/tmp", "/tmp/setup.sh"),
                    ("src/deep/setup.sh", "/tmp/", "sh -ex /tmp/setup.sh && rm /tmp/setup.sh"),
                    ("a.sh src/deep/setup.sh", "/tmp/build", "chmod +x setup.sh && ./setup.sh"),
                    ("src", ".", "bash deep/setup.sh"),
                    ("src/deep/setup.sh", "/etc/first", ". /etc/first")):
                with self.subTest(command, script=script):
                    found = self.findings(text.format(copied, to, command), str(self.here))
                    self.assertEqual(found, missing)
                    self.assertEqual(self.findings(text.format(copied, to, command),
                                                   str(self.here / "Dockerfile")), [])

    def test_git_is_looked_for(self):
        text = "FROM openhands/agent-server:1.58.0-python\nCOPY . /workspace/project\n"
        (self.here / ".dockerignore").write_text("**/.env\n")
        self.assertEqual(self.findings(text, str(self.here)), [])
        (self.here / ".git").mkdir()
        self.assertEqual(self.findings(text, str(self.here)), [("workspace-copied", 2)])

    def test_remotes_of_a_clone(self):
        text = "FROM scratch\nCOPY src /a\n"
        (self.here / ".dockerignore").write_text("**/.env\n")
        (self.here / "src" / ".git").mkdir()
        config = self.here / "src" / ".git" / "config"
        config.write_text('[remote "origin"]\n\turl = https://example.com/x.git\n')
        self.assertEqual(self.findings(text, str(self.here)), [])
        config.write_text('[remote "origin"]\n\turl = https://me:pw@example.com/x.git\n')
        self.assertEqual(self.findings(text, str(self.here)), [("git-remote-password", 2)])
        (self.here / ".dockerignore").write_text("**/.env\n**/.git\n")
        self.assertEqual(self.findings(text, str(self.here)), [])

    def test_entrypoint_is_read(self):
        base = "FROM openhands/agent-server:1.58.0-python\n"
        script = self.here / "src" / "start.sh"
        for copy, path in (("src/start.sh /start.sh", "/start.sh"), ("src/start.sh /x/", "/x/start.sh"),
                           ("src /x", "/x/start.sh"), ("src/main.py ./src /x/", "/x/start.sh")):
            text = f'{base}COPY {copy}\nENTRYPOINT ["tini", "--", "{path}"]\n'
            (self.here / ".dockerignore").write_text("**/.env\n")
            script.write_text("#!/bin/sh\nexec bash\n")
            self.assertEqual(self.findings(text, str(self.here)), [("entrypoint-replaced", 3)])
            script.write_text('#!/bin/sh\nexec /usr/local/bin/openhands-agent-server "$@"\n')
            self.assertEqual(self.findings(text, str(self.here)), [])
            script.write_text('#!/bin/sh\nexec python -m openhands.agent_server "$@"\n')
            self.assertEqual(self.findings(text, str(self.here)), [])
            self.assertEqual(self.findings(text, str(self.here / "Dockerfile")),
                             [("entrypoint-replaced", 3)])

    def test_npmrc_is_read(self):
        text = "FROM scratch\nCOPY ./.npmrc package /a/\n"
        (self.here / "package").mkdir()
        npmrc = self.here / "package" / ".npmrc"
        for where in (npmrc, self.here / ".npmrc"):
            where.write_text("engine-strict=true\n//x/:_authToken=${NPM_TOKEN}\n")
        self.assertEqual(self.findings(text, str(self.here)), [])
        npmrc.write_text("//x/:_authToken = abc\n")
        self.assertEqual(self.findings(text, str(self.here)), [("secret-file", 2)])
        npmrc.unlink()
        (self.here / ".npmrc").write_text("_password=abc")
        self.assertEqual(self.findings(text, str(self.here)), [("secret-file", 2)])

    def test_what_is_no_file_is_not_waited_for(self):
        (self.here / "src" / ".git").mkdir()
        os.mkfifo(self.here / "src" / ".git" / "config")
        os.mkfifo(self.here / ".dockerignore")
        self.assertEqual(self.findings("FROM scratch\nCOPY src /a\n", str(self.here)),
                         [("secret-file", 2)])

    def test_endless_links_end(self):
        (self.here / "src" / "loop").symlink_to(self.here)
        text = "FROM scratch\nCOPY . /a\n"
        self.assertEqual(self.findings(text, str(self.here)), [("secret-file", 2)])


class OwnFiles(unittest.TestCase):
    def test_the_trees_own_have_no_finding(self):
        files = [f for f in ROOT.glob("docker/**/*Dockerfile*") if f.is_file()]
        self.assertGreaterEqual(len(files), 3)
        for file in files:
            done = run("lint", "--strict", str(file))
            self.assertEqual(done.returncode, 0, done.stdout)

    def test_the_examples_have_what_they_copy(self):
        folders = [f.parent for f in ROOT.glob("docker/examples/*/Dockerfile")]
        self.assertGreaterEqual(len(folders), 3)
        done = run("lint", "--strict", *map(str, folders))
        self.assertEqual(done.returncode, 0, done.stdout)


class Explain(unittest.TestCase):
    def test_each_rule(self):
        listed = rules()
        self.assertGreater(len(listed), 3)
        for rule, title in listed.items():
            said = run("explain", rule)
            self.assertEqual(said.returncode, 0)
            self.assertTrue(said.stdout.startswith(f"{rule} ("), said.stdout)
            self.assertIn(title, said.stdout)
            self.assertRegex(said.stdout, r"\nWhy: .*[.!?)]\n\nFix: .*\.\n$")
            self.assertRegex(rule, r"^[a-z]+(-[a-z]+)*$")
        everything = run("explain", "--all").stdout
        for rule in listed:
            self.assertIn(f"{rule} (", everything)

    def test_did_you_mean(self):
        done = run("explain", "sintax")
        self.assertEqual(done.returncode, 64)
        self.assertIn("did you mean syntax?", done.stderr)
        self.assertIn("did you mean empty-continuation?", run("explain", "continuation").stderr)
        self.assertIn("explain lists them", run("explain", "quite-something-else").stderr)


class Comments(unittest.TestCase):
    def test_a_slip_of_the_pen(self):
        done = run("lint", "-", text="# handrail-lint ignore=user_rot\nFROM scratch\n")
        self.assertIn("there is no such rule: user_rot [suppression-unknown]\n"
                      "    fix: Did you mean user-root?\n", done.stdout)


class Formats(unittest.TestCase):
    def test_json(self):
        done = run("lint", "--format=json", "-", text="FROM scratch\nNOPE\n")
        report = json.loads(done.stdout)
        self.assertEqual(report["errors"], 1)
        self.assertEqual(report["findings"][0]["line"], 2)
        self.assertEqual(report["findings"][0]["rule"], "syntax")


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], *sys.argv[1:]], verbosity=1)
