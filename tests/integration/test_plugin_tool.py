# SPDX-License-Identifier: MIT
"""handrail plugin: inspect, call, bench, new and check, with good plugins and with bad ones."""

import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import unittest
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from harness import sample
from support import AS_OTHERS, BUILD, HANDRAIL, SAMPLES, wait_for

PLUGINS = BUILD / "tests" / "plugins"
ECHO = SAMPLES / "echo.so"

# The rule that careless-<rule>.so breaks, the case that has to notice, how, and a word of why.
CARELESS = {
    "another_pointer": ("entry-same", "FAILED", "another pointer"),
    "any_extension": ("phase-table", "FAILED", "handrail.none/1"),
    "bad_schema": ("schema-compile", "FAILED", "strin"),
    "changes_signal": ("process-state", "FAILED", "a signal's handler"),
    "changes_umask": ("process-state", "FAILED", "the umask"),
    "crashes_beside_calls": ("phase-beside-calls", "FAILED", "signal 6"),
    "crashes_in_health": ("health-answers", "FAILED", "its process"),
    "crashes_in_phase": ("phase-told", "FAILED", "signal 6"),
    "crashes_on_config": ("config-wrong", "FAILED", "signal 6"),
    "crashes_on_large": ("call-large", "FAILED", "was killed by signal"),
    "crashes_on_odd": ("call-odd", "FAILED", "was killed by signal"),
    "crashes_on_odd_phase": ("phase-odd", "FAILED", "signal 6"),
    "exits": ("call-least", "FAILED", "its process ended with code"),
    "fails_in_phase": ("phase-told", "FAILED", "without a reason"),
    "hangs_in_destroy": ("stop-idle", "FAILED", "had to be killed"),
    "hangs_in_health": ("health-answers", "FAILED", "did not return within 5000 ms"),
    "hangs_in_phase": ("phase-told", "FAILED", "on_phase() did not return"),
    "ignores_cancel": ("call-cancel", "FAILED", "does not let go"),
    "leaks_call_descriptor": ("call-repeat", "FAILED", "descriptors"),
    "leaks_call_memory": ("call-repeat", "FAILED", "takes memory"),
    "leaks_descriptor": ("create-destroy", "FAILED", "descriptors"),
    "leaks_little": ("call-repeat", "FAILED", "takes memory"),
    "leaks_memory": ("create-memory", "FAILED", "bytes behind"),
    "leaks_phase_descriptor": ("phase-repeat", "FAILED", "descriptors"),
    "leaks_phase_memory": ("phase-repeat", "FAILED", "bytes behind"),
    "leaks_phase_thread": ("phase-repeat", "FAILED", "threads"),
    "leaks_thread": ("create-destroy", "FAILED", "threads"),
    "needs_more_than_built": ("descriptor-minor", "FAILED", "needs a newer host"),
    "no_reason": ("call-least", "FAILED", "without a reason"),
    "not_constant": ("descriptor-constant", "warning", "static const"),
    "not_described": ("descriptions", "warning", "description of 1 bytes"),
    "not_idempotent": ("call-twice", "FAILED", "changes nothing"),
    "odd_id": ("descriptor-valid", "FAILED", "A-Z a-z 0-9 . _ -"),
    "odd_tool_name": ("descriptor-valid", "FAILED", 'is called "care\ufffd"'),
    "odd_version": ("descriptor-version", "warning", "semantic version"),
    "prints": ("load-quiet", "warning", "hello from create\ufffd"),
    "prints_in_calls": ("call-quiet", "warning", "a call of"),
    "refuses_silently": ("config-wrong", "FAILED", "without a reason"),
    "slow_in_phase": ("phase-told", "FAILED", "a thread"),
    "small_listener": ("phase-table", "FAILED", "struct_size"),
    "unwell_silently": ("health-answers", "warning", "\"unavailable\", and not why"),
    "uses_tell": ("load-old-host", "FAILED", "HANDRAIL_HAS"),
    "wrong_result": ("result-structured", "FAILED", "output schema"),
}
SANITIZED = "build-" in BUILD.name  # sanitizers keep freed memory, and export symbols of theirs


def plugin(*words, **more):
    return subprocess.run([HANDRAIL, "plugin", *map(str, words)], capture_output=True, text=True,
                          check=False, timeout=300, **more)


def verdicts(path, *options):
    done = plugin("check", path, "--json", *options)
    return done, {o["case"]: o for o in map(json.loads, done.stdout.splitlines())}


class Inspect(unittest.TestCase):
    def test_json(self):
        done = plugin("inspect", ECHO, "--json")
        self.assertEqual(done.returncode, 0, done.stderr)
        shown = json.loads(done.stdout)
        self.assertIsNone(shown["refused"])
        self.assertEqual(shown["plugin"]["id"], "echo")
        self.assertEqual([t["name"] for t in shown["plugin"]["tools"]], ["echo"])
        self.assertEqual(shown["plugin"]["tools"][0]["inputSchema"]["required"], ["text"])
        self.assertTrue(shown["plugin"]["tools"][0]["readOnly"])
        self.assertIn("handrail_plugin_v1", shown["elf"]["exports"])
        self.assertIn("libc.so.6", shown["elf"]["needed"])

    def test_text(self):
        for name in ("echo", "workspace-search", "word-count"):
            done = plugin("inspect", SAMPLES / f"{name}.so")
            self.assertEqual((done.returncode, done.stdout.splitlines()[-1]), (0, "accepted"))

    def test_refusals(self):
        for name, words in {"odd_stack": "executable stack", "builtin_name": "agent-server's own",
                            "needs_future": "needs ABI 1.99", "no_symbol": "does not export",
                            "wrong_magic": ""}.items():
            with self.subTest(name):
                done = plugin("inspect", PLUGINS / f"{name}.so", "--id=x")
                if name == "wrong_magic":  # nothing to be found, which is all that can be told
                    self.assertRegex(done.stdout, r"\nundecided: .*HANDRAIL_MAGIC.*plugin check")
                    self.assertNotIn("accepted", done.stdout)
                    continue
                self.assertEqual(done.returncode, 1, done.stdout)
                self.assertRegex(done.stdout, r"\nrefused: (?!it )")
                if name not in ("builtin_name", "needs_future"):
                    self.assertIn(words, done.stdout)

    def test_what_is_no_plugin_at_all(self):
        with tempfile.TemporaryDirectory() as folder:
            so = Path(folder, "x.so")
            so.write_text("no library\n")
            done = plugin("inspect", so)
            self.assertEqual(done.returncode, 1, done.stdout)
            self.assertIn("is no ELF file: copy or build it once more", done.stderr)

    def test_what_is_not_utf8_is_refused_too(self):
        for rule, words in {"odd_id": 'calls itself "care less\ufffd"',
                            "odd_tool_name": 'is called "care\ufffd"'}.items():
            with self.subTest(rule):
                done = plugin("inspect", PLUGINS / f"careless-{rule}.so", "--json")
                self.assertEqual(done.returncode, 1, done.stdout)
                self.assertIn(words, json.loads(done.stdout)["refused"])
                done = plugin("inspect", PLUGINS / f"careless-{rule}.so")
                self.assertEqual(done.returncode, 1, done.stdout)
                self.assertRegex(done.stdout.splitlines()[-1], "^refused: (?!it )")
                self.assertNotIn("accepted", done.stdout)

    def test_a_path_that_is_not_utf8(self):
        with tempfile.TemporaryDirectory() as folder:
            path = shutil.copy(ECHO, os.fsencode(folder) + b"/\xe9.so")
            done = subprocess.run([HANDRAIL, "plugin", "inspect", path], capture_output=True,
                                  text=True, check=False)
            self.assertEqual((done.returncode, done.stdout), (1, ""))
            self.assertIn("not UTF-8", done.stderr)

    def test_without_running_it(self):
        with tempfile.TemporaryDirectory() as folder:
            log = Path(folder, "trace")
            done = subprocess.run(["strace", "-f", "-e", "trace=execve,openat,clone,clone3,fork,"
                                   "vfork", "-o", log, HANDRAIL, "plugin", "inspect", ECHO],
                                  capture_output=True, text=True, check=False)
            if done.returncode and "ptrace" in done.stderr:
                self.skipTest("strace cannot trace here")
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertNotRegex(log.read_text(), r'/proc/self/fd/\d+", O_RDONLY')  # where it would be loaded from
            self.assertNotIn("handrail-toolhost", log.read_text())

    def test_usage(self):
        for words, code, says in (((), 64, "which plugin"), (("a", "b"), 64, "too many"),
                                  (("--what",), 64, "unknown option"), (("/nowhere.so",), 1, "No such"),
                                  (("echo", "--registry=/nowhere.json"), 78, "No such")):
            done = plugin("inspect", *words)
            self.assertEqual(done.returncode, code, done.stderr)
            self.assertIn(says, done.stderr)
        self.assertEqual(plugin().returncode, 64)
        self.assertEqual(plugin("rubbish").returncode, 64)
        self.assertIn("--json", plugin("inspect", "--help").stdout)


class Calls(unittest.TestCase):
    def test_call(self):
        done = plugin("call", "echo", '{"text": "a b"}', f"--plugin={ECHO}")
        self.assertEqual((done.returncode, done.stdout, done.stderr), (0, "a b\n", ""))
        done = plugin("call", "echo", "-", f"--plugin={ECHO}", input='{"text": "from a pipe"}')
        self.assertEqual(done.stdout, "from a pipe\n")
        done = plugin("call", "echo", '{"txt": 1}', f"--plugin={ECHO}")
        self.assertEqual(done.returncode, 1)
        self.assertIn('missing required property "text"', done.stderr)
        for args in ("[]", "{", '"x"'):
            self.assertEqual(plugin("call", "echo", args, f"--plugin={ECHO}").returncode, 1)
        done = plugin("call", "echo", "-", f"--plugin={ECHO}", input="x" * 9000000)
        self.assertEqual(done.returncode, 1)
        self.assertIn("larger than", done.stderr)
        done = plugin("call", "other", "{}", f"--plugin={ECHO}")
        self.assertEqual(done.returncode, 1)
        self.assertIn('no tool "other"', done.stderr)

    def test_what_cannot_be_written(self):
        for words in (("call", "echo", '{"text": "x"}', f"--plugin={ECHO}"), ("inspect", ECHO)):
            with open("/dev/full", "w", encoding="ascii") as full:
                done = subprocess.run([HANDRAIL, "plugin", *words], stdout=full,
                                      stderr=subprocess.PIPE, text=True, check=False)
            self.assertEqual(done.returncode, 1)
            self.assertIn("cannot write", done.stderr)

    def test_failures(self):
        faulty = PLUGINS / "faulty.so"
        done = plugin("call", "crash", "{}", f"--plugin={faulty}")
        self.assertEqual(done.returncode, 1)
        self.assertIn("its process was killed by signal 6 (Aborted) during the call",
                      done.stderr)
        done = plugin("call", "echo", "{}")
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("name the plugin's .so file", done.stderr)
        done = plugin("call", "hang", "{}", f"--plugin={faulty}", "--timeout=1")
        self.assertEqual(done.returncode, 1)
        self.assertIn("timeout", done.stderr)

    def test_of_a_registry(self):
        with tempfile.TemporaryDirectory() as folder:
            registry = Path(folder, "tool_registry.json")
            registry.write_text(json.dumps(
                {"plugins": [sample("echo"), sample("workspace-search", {"root": folder})]}))
            Path(folder, "x.txt").write_text("needle\n")
            done = plugin("call", "workspace_search", '{"pattern": "needle"}',
                          f"--registry={registry}")
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertIn("x.txt:1: needle", done.stdout)
            done = plugin("call", "echo", '{"text": "x"}',
                          env={**os.environ, "HANDRAIL_CONFIG_DIR": folder})
            self.assertEqual((done.returncode, done.stdout), (0, "x\n"))
            self.assertEqual(plugin("inspect", "echo", f"--registry={registry}").returncode, 0)
            done = plugin("call", "nothing", "{}", f"--registry={registry}")
            self.assertIn('has a tool "nothing"', done.stderr)

    def test_arguments_from_standard_input(self):
        for text, code, words in (('{"text": "x"}', 0, ""), ('{"text": "x"}\0, and more', 1, "NUL"),
                                  ("", 1, "no JSON object")):
            done = plugin("call", "echo", "-", f"--plugin={ECHO}", input=text)
            self.assertEqual(done.returncode, code, done.stdout + done.stderr)
            self.assertIn(words, done.stderr)

    def test_a_file_that_only_its_hash_vouches_for(self):
        with tempfile.TemporaryDirectory() as folder:
            so = Path(shutil.copy(ECHO, folder))
            so.chmod(0o666)
            registry = Path(folder, "tool_registry.json")
            registry.write_text(json.dumps({"plugins": [
                {"id": "echo", "path": str(so),
                 "sha256": hashlib.sha256(so.read_bytes()).hexdigest()}]}))
            done = plugin("call", "echo", '{"text": "x"}', f"--registry={registry}")
            self.assertEqual((done.returncode, done.stdout), (0, "x\n"), done.stderr)

    def test_confined(self):
        with tempfile.TemporaryDirectory() as folder:
            Path(folder, "x.txt").write_text("needle\n")
            where = [f"--plugin={SAMPLES / 'workspace-search.so'}",
                     f"--config={json.dumps({'root': folder})}"]
            done = plugin("call", "workspace_search", '{"pattern": "needle"}', *where)
            self.assertNotIn("x.txt", done.stdout)  # it is not granted
            done = plugin("call", "workspace_search", '{"pattern": "needle"}', *where,
                          f"--confinement={json.dumps({'read': [folder]})}")
            self.assertIn("x.txt:1: needle", done.stdout)
            done = plugin("call", "workspace_search", "{}", *where, '--confinement={"reed": []}')
            self.assertEqual(done.returncode, 64)
            self.assertIn("/reed", done.stderr)

    def test_call_tells_the_pod_s_phase(self):
        so = PLUGINS / "phases.so"
        done = plugin("call", "present", f"--plugin={so}")
        self.assertEqual(done.returncode, 0, done.stderr)
        event = json.loads(done.stdout)
        self.assertEqual([event[m] for m in ("phase", "from", "claim_uid", "labels", "annotations",
                                             "left_out")],
                         ["active", "claimed", None, {}, {}, 0])

    def test_bench(self):
        done = plugin("bench", "echo", '{"text": "x"}', f"--plugin={ECHO}", "--calls=500",
                      "--connections=8", "--json")
        self.assertEqual(done.returncode, 0, done.stderr)
        shown = json.loads(done.stdout)
        self.assertEqual((shown["calls"], shown["failed"], shown["at_a_time"]), (500, 0, 8))
        self.assertGreater(shown["p99_ms"], 0)
        self.assertGreaterEqual(shown["p99_ms"], shown["p50_ms"])


class Check(unittest.TestCase):
    def test_good_ones(self):
        def one(name):
            done, found = verdicts(SAMPLES / f"{name}.so")
            bad = {n: o for n, o in found.items() if o["verdict"] == "FAILED"
                   or (o["verdict"] == "warning" and not SANITIZED)}
            return name, done.returncode, bad, len(found)
        with ThreadPoolExecutor(2) as pool:
            for name, code, bad, n in pool.map(one, ("echo", "workspace-search")):
                if SANITIZED:
                    bad.pop("create-memory", None)
                    bad.pop("call-repeat", None)
                else:
                    self.assertEqual(code, 0)
                self.assertEqual(bad, {}, name)
                self.assertGreaterEqual(n, 30)

    def test_careless_ones(self):
        def one(rule):
            case, verdict, words = CARELESS[rule]
            done, found = verdicts(PLUGINS / f"careless-{rule}.so", f"--only={case}")
            return rule, case, verdict, words, done.returncode, found
        # a thread costs a sanitizer so much memory that there are not enough of them
        untold = {"leaks_memory", "leaks_little", "leaks_call_memory", "leaks_phase_memory",
                  "leaks_phase_thread"} if SANITIZED else set()
        rules = sorted(set(CARELESS) - untold)
        with ThreadPoolExecutor(4) as pool:
            for rule, case, verdict, words, code, found in pool.map(one, rules):
                with self.subTest(rule):
                    self.assertEqual(found[case]["verdict"], verdict, found)
                    self.assertIn(words, found[case]["finding"])
                    self.assertEqual(code, 1 if verdict == "FAILED" else 0)

    def test_descriptors_are_counted_by_anybody(self):
        """A toolhost shows its descriptors to nobody but root."""
        user = {"user": 65534, "group": 65534, "extra_groups": []} if AS_OTHERS else {}
        done = plugin("check", PLUGINS / "careless-leaks_call_descriptor.so", "--only=call-repeat",
                      **user)
        self.assertIn("leaves descriptors open: ", done.stdout)
        self.assertEqual(done.returncode, 1)

    def test_the_rules_are_broken_one_at_a_time(self):
        """The same plugin without a fault passes every case that finds one."""
        cases = {case for case, _, _ in CARELESS.values()}
        if SANITIZED:
            cases -= {"create-memory", "call-repeat", "phase-repeat"}
        for case in sorted(cases):
            with self.subTest(case):
                _, found = verdicts(PLUGINS / "careless-none.so", f"--only={case}")
                self.assertEqual(found[case]["verdict"], "ok", found)

    def test_what_keeps_it_from_starting_is_said_once(self):
        with tempfile.TemporaryDirectory() as folder:
            so = Path(shutil.copy(ECHO, folder))
            so.chmod(0o666)
            cut = Path(folder, "cut.so")
            cut.write_bytes(ECHO.read_bytes()[:4000])
            for path, case, words in ((PLUGINS / "wrong_magic.so", "load-starts", "HANDRAIL_MAGIC"),
                                      (PLUGINS / "no_symbol.so", "file-structure", "export"),
                                      (cut, "file-structure", "ends before its segments do"),
                                      (so, "file-trust", "chmod go-w")):
                done, found = verdicts(path)
                failed = {n: o["finding"] for n, o in found.items() if o["verdict"] == "FAILED"}
                self.assertEqual(list(failed), [case], failed)
                self.assertIn(words, failed[case])
                self.assertEqual(done.returncode, 1)
                for other in ("config-empty", "config-wrong", "call-full"):
                    self.assertEqual(found[other]["verdict"], "skipped", other)
                    self.assertIn(f"see {case}", found[other]["finding"])

    def test_people_see_what_is_to_be_mended_and_not_what_could_not_be_tried(self):
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, "text.so")
            path.write_text("no ELF file\n")
            path.chmod(0o755)
            done = plugin("check", str(path))
        self.assertEqual(done.returncode, 1)
        self.assertNotIn("cannot be tried: see", done.stdout)
        self.assertRegex(done.stdout, r"FAILED +file-structure .*\n +is no ELF file")
        self.assertRegex(done.stdout, r"mend file-structure first: \d+ cases cannot")

    def test_an_old_host_is_not_blamed_for_what_any_host_meets(self):
        _, found = verdicts(PLUGINS / "careless-exits.so", "--only=load-old-host")
        self.assertEqual(found["load-old-host"]["verdict"], "skipped", found)
        self.assertIn("a host of today", found["load-old-host"]["finding"])

    def test_wrong_arguments_are_not_blamed_on_the_plugin(self):
        for args, words in (("echo={bad", "no JSON object"), ("echo={}", "not what it accepts"),
                            ("ech={}", "a tool of this plugin"), ("echo", "expected TOOL=JSON")):
            done, found = verdicts(ECHO, "--only=call-least", f"--args={args}")
            self.assertEqual(done.returncode, 1)
            self.assertIn(words, found["call-least"]["finding"])

    def test_what_is_kept_is_not_lost(self):
        if SANITIZED:
            self.skipTest("sanitizers keep freed memory")
        # on a busy machine its threads come one by one, and their memory with them: then once more
        for _ in range(3):
            _, found = verdicts(PLUGINS / "careless-keeps_history.so", "--only=call-repeat")
            if found["call-repeat"]["verdict"] == "ok":
                return
        self.fail(found)

    def test_it_leaves_nothing_behind_when_it_is_interrupted(self):
        with tempfile.TemporaryDirectory() as folder:
            so = shutil.copy(PLUGINS / "careless-hangs_in_destroy.so", folder)

            def there():
                ps = subprocess.run(["ps", "-e", "-o", "args"], capture_output=True, text=True,
                                    check=True)
                return [line for line in ps.stdout.splitlines() if so in line]
            with subprocess.Popen([HANDRAIL, "plugin", "check", so, "--only=create-destroy"],
                                  stdout=subprocess.DEVNULL) as check:
                wait_for("the case", lambda: len(there()) > 1, 10)
                check.send_signal(signal.SIGINT)
            wait_for("its end", lambda: not there(), 10)

    def test_list(self):
        names = [line.split()[0] for line in plugin("check", "--list").stdout.splitlines()]
        self.assertGreaterEqual(len(names), 30)
        self.assertEqual(len(names), len(set(names)))
        self.assertEqual(plugin("check", ECHO, "--only=nothing").returncode, 64)


class New(unittest.TestCase):
    def make(self, lang, name="my-tool2"):
        folder = Path(self.enterContext(tempfile.TemporaryDirectory()))
        done = plugin("new", name, f"--lang={lang}", f"--dir={folder}")
        self.assertEqual(done.returncode, 0, done.stderr)
        made = folder / name
        for path in made.rglob("*"):
            if path.is_file():
                self.assertNotRegex(path.read_text(), "@[A-Z]+@", path)
        json.loads((made / "tool_registry.json").read_text())
        return made

    def works(self, so):
        for name in "you", "\U0001f600" * 200:  # which is what the schema allows
            done = plugin("call", "my_tool2", json.dumps({"name": name}), f"--plugin={so}")
            self.assertEqual((done.returncode, done.stdout), (0, f"Hello, {name}.\n"), done.stderr)
        done, found = verdicts(so)
        kept = {"create-memory", "call-repeat"} if SANITIZED else set()
        self.assertEqual({n: o for n, o in found.items() if n not in kept
                          and o["verdict"] not in ("ok", "skipped")}, {}, done.stdout)

    def cmake(self, lang):
        made = self.make(lang)
        for command in (["cmake", "-S", ".", "-B", "build"], ["cmake", "--build", "build"]):
            done = subprocess.run(command, cwd=made, capture_output=True, text=True, check=False)
            self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.works(made / "build" / "my-tool2.so")

    def test_c(self):
        self.cmake("c")

    def test_cpp(self):
        self.cmake("cpp")

    def test_rust(self):
        if subprocess.run(["cargo", "--version"], capture_output=True, check=False).returncode \
                if shutil.which("cargo") else True:
            self.skipTest("there is no cargo")
        made = self.make("rust")
        done = subprocess.run(["make"], cwd=made, capture_output=True, text=True, check=False,
                              env={**os.environ, "CARGO_NET_OFFLINE": "true"})
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.works(made / "my-tool2.so")

    def test_refusals(self):
        with tempfile.TemporaryDirectory() as folder:
            for name in ("", "Upper", "a b", "../x", "-x", "x-", "a--b", "1a", "x" * 41,
                         "install", "terminal", "file-editor"):
                self.assertEqual(plugin("new", name, f"--dir={folder}").returncode, 64, name)
            self.assertEqual(plugin("new", "x", "--lang=pascal").returncode, 64)
            self.assertEqual(list(Path(folder).iterdir()), [])
            Path(folder, "there").mkdir()
            done = plugin("new", "there", f"--dir={folder}")
            self.assertEqual(done.returncode, 70)
            self.assertIn("File exists", done.stderr)
            self.assertEqual(list(Path(folder, "there").iterdir()), [])


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], "-q", *sys.argv[1:]])
