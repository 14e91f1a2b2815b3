#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A pod of a warm pool with the real agent-server, from its start to its end, as docker/kubernetes
has it; and the OpenHands SDK's remote workspace, which must not see a difference to the bare
server.

The tests are the steps of one story, in the order of their names; when one fails, the rest do not
run.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent), str(HERE.parent / "kubernetes")]

import manifests  # noqa: E402
from harness import START_SECONDS, AgentApi, ScriptedModel, calling, real_environment  # noqa: E402
from pod import Pod  # noqa: E402
from support import (  # noqa: E402
    SAMPLES, SKIPPED, Failure, free_ports, real_server, request, spawn, wait_for,
)

SERVER = real_server()
CLIENT = HERE / "sdk_client.py"
CLIENT_SECONDS = 120.0
USERS_KEY = "the user's own key"
INIT = {"X-Init-API-Key": manifests.SECRETS["secret-key"]}


class Sdk(unittest.TestCase):
    folder: Path
    model: ScriptedModel
    pod: Pod
    bare: subprocess.Popen[bytes]
    bare_port = 0

    @classmethod
    def setUpClass(cls) -> None:
        assert SERVER
        cls.folder = Path(tempfile.mkdtemp(prefix="handrail-sdk-"))
        cls.addClassCleanup(shutil.rmtree, cls.folder, ignore_errors=True)
        cls.model = ScriptedModel()
        cls.addClassCleanup(cls.model.stop)
        [cls.bare_port] = free_ports(1)
        alone = cls.folder / "bare"
        cls.bare = spawn(
            [SERVER, "--host", "127.0.0.1", "--port", str(cls.bare_port)], cwd=alone.parent,
            env={**real_environment(alone, SERVER), "HOME": str(alone / "home"), "LANG": "C.UTF-8",
                 "OH_SESSION_API_KEYS_0": USERS_KEY},
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        cls.addClassCleanup(cls.bare.wait)
        cls.addClassCleanup(cls.bare.kill)
        root = cls.folder / "pod"
        root.mkdir()
        env = real_environment(root, SERVER)
        del env["OH_SESSION_API_KEYS_0"]  # the pod has nobody's before its claim
        cls.pod = Pod(root, manifests.pod("deferred-init"), pooled=True, server=[SERVER], env=env,
                      plugins=[{"id": "echo", "path": str(SAMPLES / "echo.so")}])
        cls.addClassCleanup(cls.pod.close)

    def client(self, port: int, name: str) -> Any:
        """What the SDK sees of the server at that port."""
        assert SERVER
        place = self.folder / "work" / name / "same-length"
        place.mkdir(parents=True)
        done = subprocess.run(
            [SERVER.parent / "python", "-B", CLIENT, f"http://127.0.0.1:{port}", USERS_KEY, place,
             self.model.url, calling("echo", {"text": "through the SDK"})],
            capture_output=True, text=True, timeout=CLIENT_SECONDS, check=False)
        if done.returncode:
            raise Failure(f"{name}: {done.stderr[-2000:]}")
        return json.loads(done.stdout)

    def test_01_warm_and_nobodys(self) -> None:
        wait_for("readiness, as the kubelet sees it", lambda: self.pod.kubelet.ready, START_SECONDS)
        found = self.pod.wait_phase("warm")
        self.assertEqual((found["pooled"], found["claimed"], found["init"]),
                         (True, False, "dormant"))
        api = AgentApi(self.pod.number("agent"), USERS_KEY)
        self.assertEqual(api.ask("GET", "/api/conversations/count").status, 503)

    def test_02_claimed_and_initialised(self) -> None:
        claim = manifests.load(Path("overlays/warm-pool/claim.yaml"))["spec"]
        self.pod.claim("8f2c-11", claim["additionalPodMetadata"]["labels"],
                       claim["additionalPodMetadata"]["annotations"])
        self.assertEqual(self.pod.wait_phase("claimed")["claim_uid"], "8f2c-11")
        done = request(self.pod.number("agent"), "POST", "/api/init",
                       {"session_api_keys": [USERS_KEY]}, INIT)
        self.assertEqual((done.status, done.json()["state"]), (200, "ready"))
        api = AgentApi(self.pod.number("agent"), USERS_KEY)
        self.assertEqual(api.ask("GET", "/api/conversations/count").status, 200)

    def test_03_the_sdk_sees_no_difference(self) -> None:
        wait_for("the bare server", lambda: request(
            self.bare_port, "GET", "/ready").status == 200, START_SECONDS)
        bare = self.client(self.bare_port, "bare")
        ours = self.client(self.pod.number("agent"), "ours")
        self.assertIn("through the SDK", ours.pop("conversation")["answers"][0])
        bare.pop("conversation")  # it has no such tool
        self.assertEqual(ours, bare)
        self.assertEqual(bare["commands"]["output"], [0, "Hello World!\n", "", False])
        self.assertEqual(bare["files"]["down"], [True, 1 << 20, True])
        self.assertEqual(len(bare["git"]["changes"]), 2)

    def test_04_used(self) -> None:
        found = self.pod.wait_phase("active", 60)
        self.assertEqual([step["phase"] for step in found["history"]],
                         ["starting", "warming", "warm", "claimed", "active"])

    def test_05_a_killed_server_is_its_users_again(self) -> None:
        api = AgentApi(self.pod.number("agent"), USERS_KEY)
        text = calling("echo", {"text": "before"})
        made = api.create(self.model.url, self.pod.at("/workspace"), text)
        self.assertIn("before", api.turn(made, text).answer("echo"))
        old = self.pod.handrail.child("agent-server")
        os.kill(old, signal.SIGKILL)
        self.pod.handrail.new_child("agent-server", old)
        wait_for("readiness to go", lambda: not self.pod.kubelet.ready, 10)
        wait_for("readiness again", lambda: self.pod.kubelet.ready, START_SECONDS)
        text = calling("echo", {"text": "and after"})
        api.send(made, text)
        self.assertIn("and after", api.turn(made, text).answer("echo"))
        self.assertEqual(self.pod.phase()["name"], "active")
        self.assertEqual(self.pod.kubelet.kills, [])
        self.assertEqual(len(list(self.pod.at("/var/crash").iterdir())), 1)

    def test_06_term(self) -> None:
        began = time.monotonic()
        patience = self.pod.template["spec"]["terminationGracePeriodSeconds"]
        self.assertEqual(self.pod.handrail.stop(timeout=patience), 143, self.pod.handrail.log())
        self.assertLess(time.monotonic() - began, patience)
        self.assertEqual(self.pod.kubelet.kills, [])
        self.assertEqual(self.pod.handrail.leftovers(), [])


if __name__ == "__main__":
    if SERVER is None:
        print("e2e/sdk: SKIPPED: the pinned agent-server is not installed; "
              "`tests/setup.sh test` says what it needs", file=sys.stderr)
        sys.exit(SKIPPED)
    unittest.main(failfast=True, verbosity=2)
