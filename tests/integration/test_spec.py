# SPDX-License-Identifier: MIT
"""handrail check --spec: a sandbox specification, alone, against an image, and in a container."""

import json
import os
import shutil
import subprocess
import tempfile
import unittest
from pathlib import Path
from typing import Any

from harness import sample, standin
from support import HANDRAIL, ROOT, free_ports

EXAMPLES = sorted((ROOT / "docker" / "examples").glob("*/sandbox-spec.yaml"))
GOOD = """apiVersion: openhands.ai/v1
kind: SandboxSpec
metadata: {name: my-agent, version: 1.0.0, owner: user@example.com}
spec:
  image: my-agent:1
  agent: {type: custom, module: my_agent, class: MyAgent, capabilities: [echo]}
  environment: {FLAVOUR: plain}
"""


class Spec(unittest.TestCase):
    def setUp(self) -> None:
        self.dir = Path(tempfile.mkdtemp(prefix="handrail-spec-"))
        self.addCleanup(shutil.rmtree, self.dir)
        self.file = self.dir / "sandbox-spec.yaml"
        self.file.write_text(GOOD)

    def check(self, *options: str, code: int, **env: str) -> str:
        clean = {k: v for k, v in os.environ.items() if k.endswith("SAN_OPTIONS") or k in ("PATH", "HOME")}
        # Other tests' handrails are not this one's container.
        clean["HANDRAIL_CONTROL"] = str(self.dir / "nobody")
        clean["HANDRAIL_HEALTH_ADDR"] = clean["HANDRAIL_MCP_ADDR"] = "127.0.0.1:0"
        done = subprocess.run([HANDRAIL, "check", *options], capture_output=True, text=True, timeout=60,
                              check=False, env={**clean, **env})
        self.assertEqual(done.returncode, code, done.stdout + done.stderr)
        return done.stdout + done.stderr

    def findings(self, *options: str, code: int, **env: str) -> dict[str, dict[str, Any]]:
        report = json.loads(self.check("--format=json", *options, code=code, **env))
        return {f["rule"]: f for f in report["findings"] if f["rule"].split("-")[0] in ("spec", "yaml", "held", "not")}


class Alone(Spec):
    def test_a_good_one_has_nothing(self) -> None:
        self.assertEqual(self.check(f"--spec-only={self.file}", code=0),
                         "handrail check: 0 errors, 0 warnings\n")

    def test_the_examples_are_good(self) -> None:
        self.assertTrue(EXAMPLES)
        for example in EXAMPLES:
            self.check(f"--spec-only={example}", "--strict", code=0)

    def test_what_is_wrong_is_told_by_line_and_column(self) -> None:
        self.file.write_text(GOOD.replace("plain", "no"))
        said = self.check(f"--spec-only={self.file}", code=1)
        self.assertIn(f"{self.file}:7:26: error: /spec/environment/FLAVOUR: no is the boolean false: write \"no\" "
                      "[yaml-not-text]\n    fix: ", said)

    def test_warnings_count_if_strict(self) -> None:
        self.file.write_text(GOOD.replace("my-agent:1", "my-agent"))
        self.check(f"--spec-only={self.file}", code=0)
        self.check(f"--spec-only={self.file}", "--strict", code=1)

    def test_sarif_has_the_places(self) -> None:
        self.file.write_text("a: 1\na: 2\n")
        sarif = json.loads(self.check("--format=sarif", f"--spec-only={self.file}", code=1))
        [first] = [r for r in sarif["runs"][0]["results"] if r["ruleId"] == "yaml-duplicate-key"]
        self.assertEqual(first["locations"][0]["physicalLocation"]["region"]["startLine"], 2)

    def test_what_cannot_be_read_is_66(self) -> None:
        for name in ("missing.yaml", "."):
            self.assertIn("cannot read", self.check(f"--spec-only={self.dir}/{name}", code=66))
        self.check("--spec=/no/such/file", code=66)

    def test_a_large_file_is_refused_and_not_read(self) -> None:
        self.file.write_bytes(b"# " + b"x" * (64 << 20))
        found = self.findings(f"--spec-only={self.file}", code=1)
        self.assertEqual(list(found), ["yaml-limit"])
        self.assertEqual(found["yaml-limit"]["message"], "the file has more than 262144 bytes")
        self.assertEqual(list(self.findings("--spec-only=/dev/zero", code=1)), ["yaml-limit"])

    def test_standard_input_will_do(self) -> None:
        done = subprocess.run([HANDRAIL, "check", "--spec-only=-"], input="a: no\n", capture_output=True, text=True,
                              timeout=60, check=False)
        self.assertTrue(done.stdout.startswith("stdin:1:1: error: "), done.stdout)



SERVER = "#!/bin/sh\n[ \"$1\" = --help ] && echo '--host --port OpenHands SDK v1.58.0 '\n"
FLAT = """id: my-agent:1
name: my agent
version: 1.0.0
permissions: {owner: user@example.com}
working_dir: %s
initial_env: {FLAVOUR: plain}
memory_limit: %s
cpu_limit: "0.1"
ports: [{name: agent-server, port: %d}]
"""


class AgainstAnImage(Spec):
    """A folder with a server that handrail is in front of, and a configuration."""

    def setUp(self) -> None:
        super().setUp()
        self.dir.chmod(0o755)
        server = self.dir / "openhands-agent-server"
        server.write_text(SERVER)
        server.chmod(0o755)
        (self.dir / "tool_registry.json").write_text(json.dumps({"plugins": [sample("echo")]}))
        self.env = {"PATH": f"{self.dir}:/usr/bin:/bin", "HANDRAIL_CONFIG_DIR": str(self.dir)}
        subprocess.run([HANDRAIL, "install", "--no-check"], check=True, capture_output=True,
                       env={**os.environ, **self.env})

    def test_what_an_image_does_not_tell_is_a_note(self) -> None:
        found = self.findings(f"--spec={self.file}", code=0, **self.env)
        self.assertEqual(list(found), ["not-held"])
        self.assertIn("since an image does not tell them: owner and permissions, the image's name, the environment",
                      found["not-held"]["message"])
        said = self.check(f"--spec={self.file}", code=0, **self.env)
        self.assertIn(f"ok: sandbox specification {self.file}, held against this image\n", said)

    def test_a_capability_that_no_tool_has_is_a_note(self) -> None:
        self.file.write_text(GOOD.replace("[echo]", "[echo, telepathy]"))
        found = self.findings(f"--spec={self.file}", code=0, **self.env)
        self.assertEqual(found["held-capability"]["pointer"], "/spec/agent/capabilities/1")

    def test_the_images_agent_is_the_specifications(self) -> None:
        same = {"CUSTOM_AGENT_MODULE": "my_agent", "CUSTOM_AGENT_CLASS": "MyAgent"}
        self.assertNotIn("held-agent", self.findings(f"--spec={self.file}", code=0, **self.env, **same))
        other = {**same, "CUSTOM_AGENT_CLASS": "Other"}
        found = self.findings(f"--spec={self.file}", code=1, **self.env, **other)
        self.assertEqual(found["held-agent"]["message"], 'CUSTOM_AGENT_CLASS is "Other" here, not "MyAgent"')

    def test_so_is_that_of_agent_config_json(self) -> None:
        (self.dir / "agent_config.json").write_text(json.dumps({"agent": {"module": "theirs", "class": "MyAgent"}}))
        found = self.findings(f"--spec={self.file}", code=1, **self.env)
        self.assertEqual(found["held-agent"]["message"], 'CUSTOM_AGENT_MODULE is "theirs" here, not "my_agent"')

    def test_a_specification_of_another_root_is_not_needed_there(self) -> None:
        said = self.check(f"--root={self.dir}", f"--spec={self.file}", code=1)
        self.assertIn("not-held", said)
        self.assertIn("server-not-found", said)


class InAContainer(Spec):
    """A handrail supervises here; this machine stands for the container."""

    def hold(self, text: str, *, code: int, port: int, **env: str) -> dict[str, dict[str, Any]]:
        variables = {"HANDRAIL_CONTROL": str(self.dir / "control"), "HANDRAIL_CONFIG_DIR": str(self.dir)}
        self.file.write_text(text)
        with standin(ports=(port, *free_ports(2)), env=variables) as h:
            h.wait_status("/readyz", 200)
            return self.findings(f"--spec={self.file}", code=code, **variables, **env)

    def setUp(self) -> None:
        super().setUp()
        self.port = free_ports(1)[0]
        # This machine has no agent-server in its place: of the image, that error stays.
        self.root = {"held-user"} if os.geteuid() == 0 else set()

    def test_what_is_as_it_says_has_nothing(self) -> None:
        found = self.hold(FLAT % (self.dir, "16Mi", self.port), code=1, port=self.port, FLAVOUR="plain")
        self.assertEqual(set(found), {"not-held", *self.root})
        self.assertEqual(found["not-held"]["message"], "only looked at for their form, since a container does not "
                         "tell them: owner and permissions, the image's name")

    def test_what_is_not_is_an_error(self) -> None:
        found = self.hold(FLAT % ("/no/such", "60Ti", free_ports(1)[0]), code=1, port=self.port)
        self.assertEqual(set(found), {"not-held", "held-environment", "held-memory", "held-port",
                                      "held-working-dir", *self.root})
        self.assertRegex(found["held-memory"]["message"], r"^60Ti are 65970697666560 bytes; here are \d+$")


if __name__ == "__main__":
    unittest.main()
