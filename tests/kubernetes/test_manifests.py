#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""docker/kubernetes against the program: what the manifests name must be there, with their settings
the pod must live as its user expects, and a fault put into them must be found."""

from __future__ import annotations

import copy
import os
import re
import signal
import subprocess
import sys
import time
import unittest
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent)]

import manifests  # noqa: E402
from manifests import MANIFESTS, SECRETS, container, load, port  # noqa: E402
from pod import Pod, running  # noqa: E402
from support import HANDRAIL, Failure, request, wait_for  # noqa: E402

JITTER = 1.1  # of the delays, at most
IMPORT_SECONDS = 6  # that the real server takes to fail of a module
POOL_SECONDS = 300  # after which agent-sandbox's controller replaces a pod that is not ready
MARGIN_SECONDS = 5  # between our stop and the kubelet's patience
# What a port must not be: the server's companions in the same pod, and our own for the tools.
TAKEN = {60000, 60001, 12000, 12001, 8001, 8002, 8011, 8012, 60011}


def help_text() -> str:
    done = subprocess.run([HANDRAIL, "run", "--help"], capture_output=True, text=True, check=True)
    return done.stdout


def default(option: str) -> str:
    """The default that --help names for an option."""
    found = re.search(rf"--{option}=\S*\s(?:.*\n?)*?.*?\[(.*?)\]", help_text())
    if not found:
        raise Failure(f"handrail run --help has no --{option}")
    return found[1]


def unknown_settings(template: Any) -> list[str]:
    """Variables of ours in the pod that the program does not have."""
    text = help_text()
    ours = [e["name"] for e in container(template)["env"] if e["name"].startswith("HANDRAIL_")]
    return [name for name in ours if name not in text and
            f"--{name[len('HANDRAIL_'):].lower().replace('_', '-')}=" not in text]


def unfinished(template: Any) -> list[str]:
    """What is missing of the confinement that Pod Security's "restricted" asks for, and more."""
    spec, one = template["spec"], container(template)
    security = {**spec.get("securityContext", {}), **one.get("securityContext", {})}
    wanted = {"runAsNonRoot": True, "allowPrivilegeEscalation": False,
              "readOnlyRootFilesystem": True, "capabilities": {"drop": ["ALL"]},
              "seccompProfile": {"type": "RuntimeDefault"}}
    missing = [name for name, value in wanted.items() if security.get(name) != value]
    missing += [name for name in ("automountServiceAccountToken", "enableServiceLinks")
                if spec.get(name) is not False]
    return missing


class Files(unittest.TestCase):
    def test_each_parses_and_is_used(self) -> None:
        used = {Path("overlays/warm-pool/claim.yaml")}  # created by hand
        for file in manifests.files():
            document = load(file)
            self.assertIn("apiVersion", document, file)
            if file.name == "kustomization.yaml":
                used.add(file)
                for name in document.get("resources", []) + document.get("components", []):
                    path = Path(os.path.normpath(file.parent / name))
                    used.add(path)
                    self.assertTrue((MANIFESTS / path).exists(), f"{file}: {name}")
            else:
                self.assertIn("name", document["metadata"], file)
        self.assertEqual(set(manifests.files()) - used, set())

    def test_a_key_given_twice_is_found(self) -> None:
        with self.assertRaisesRegex(Exception, "'a' is given twice"):
            manifests.parse("b: {a: 1, a: 2}")

    def test_only_v1beta1_of_agent_sandbox(self) -> None:
        versions = {load(file)["apiVersion"] for file in manifests.files()
                    if "x-k8s.io" in load(file)["apiVersion"]}
        self.assertEqual(versions, {"extensions.agents.x-k8s.io/v1beta1"})


class Names(unittest.TestCase):
    """Names in one file that have to be those in another."""

    def setUp(self) -> None:
        self.template = manifests.pod()
        self.labels = self.template["metadata"]["labels"]

    def test_selectors_find_the_pod(self) -> None:
        for file, *way in (("base/networkpolicy.yaml", "podSelector"),
                           ("overlays/monitoring/networkpolicy.yaml", "podSelector"),
                           ("overlays/monitoring/podmonitor.yaml", "selector"),
                           ("overlays/standalone/deployment.yaml", "selector")):
            selector = load(Path(file))["spec"][way[0]]
            self.assertTrue(selector.get("matchLabels"), file)
            self.assertTrue(manifests.matches(selector, self.labels), file)
        service = load(Path("overlays/standalone/service.yaml"))["spec"]
        self.assertTrue(service["selector"].items() <= self.labels.items())
        self.assertEqual(port(self.template, service["ports"][0]["targetPort"]), 8000)

    def test_pool_template_and_claim(self) -> None:
        folder = Path("overlays/warm-pool")
        template, pool, claim = (load(folder / f"{name}.yaml") for name in
                                 ("sandboxtemplate", "sandboxwarmpool", "claim"))
        self.assertEqual(pool["spec"]["sandboxTemplateRef"]["name"], template["metadata"]["name"])
        self.assertEqual(claim["spec"]["warmPoolRef"]["name"], pool["metadata"]["name"])
        for label in claim["spec"]["additionalPodMetadata"]["labels"]:
            self.assertEqual(label.split("/")[0], "sandbox.users.io")  # what the controller admits
        for key in claim["spec"]["additionalPodMetadata"]["annotations"]:
            self.assertNotRegex(key, r"(^|\.)(kubernetes|k8s|x-k8s)\.io/")
        # Either would make a claim a cold start, or have it refused.
        self.assertEqual(claim["spec"].keys() & {"env", "volumeClaimTemplates"}, set())

    def test_replacements_and_patches_name_what_is_there(self) -> None:
        """Kustomize would pass over a patch whose target is not there."""
        for name in ("standalone", "warm-pool"):
            [replacement] = load(Path("overlays", name, "kustomization.yaml"))["replacements"]
            kinds = [load(file)["kind"] for file in manifests.files()
                     if file.parent == Path("overlays", name)]
            self.assertEqual(replacement["source"],
                             {"kind": "PodTemplate", "fieldPath": "template"})
            for target in replacement["targets"]:
                self.assertIn(target["select"]["kind"], kinds)
        for name in ("session-key", "deferred-init"):
            for patch in load(Path("components", name, "kustomization.yaml"))["patches"]:
                [document] = manifests.parse(patch["patch"])
                self.assertEqual((document["kind"], document["metadata"]["name"]),
                                 ("PodTemplate", load(Path("base/pod.yaml"))["metadata"]["name"]))


class Policies(unittest.TestCase):
    APP = ({"kubernetes.io/metadata.name": "openhands"}, {"app.kubernetes.io/name": "openhands"})
    PROMETHEUS = ({"kubernetes.io/metadata.name": "monitoring"},
                  {"app.kubernetes.io/name": "prometheus"})
    STRANGER = ({"kubernetes.io/metadata.name": "default"}, {"app": "stranger"})

    def test_who_is_let_in_where(self) -> None:
        target = manifests.pod()["metadata"]["labels"]
        base = load(Path("base/networkpolicy.yaml"))
        metrics = load(Path("overlays/monitoring/networkpolicy.yaml"))
        for policies, prometheus in (([base], False), ([base, metrics], True)):
            for source, number, wanted in (
                    (self.APP, 8000, True), (self.APP, 60010, False), (self.APP, 60011, False),
                    (self.PROMETHEUS, 60010, prometheus), (self.PROMETHEUS, 60011, False),
                    (self.PROMETHEUS, 8000, False), (self.STRANGER, 8000, False),
                    (self.STRANGER, 60010, False), (self.STRANGER, 60011, False)):
                self.assertEqual(manifests.admits(policies, target, source, number), wanted,
                                 f"{source} to {number}")
        self.assertTrue(manifests.admits([base], {"app": "other"}, self.STRANGER, 60010))

    def test_the_way_out_leaves_the_cluster_alone(self) -> None:
        egress = load(Path("base/networkpolicy.yaml"))["spec"]["egress"]
        blocks = [to["ipBlock"] for rule in egress for to in rule["to"] if "ipBlock" in to]
        v4 = next(block for block in blocks if block["cidr"] == "0.0.0.0/0")
        self.assertLessEqual({"10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "169.254.0.0/16"},
                             set(v4["except"]))


class Program(unittest.TestCase):
    """What the pod says, against what the program does."""

    def setUp(self) -> None:
        self.template = manifests.pod("deferred-init")
        self.one = container(self.template)

    def test_ports_and_folders(self) -> None:
        self.assertEqual(port(self.template, "health"), int(default("health-addr").split(":")[1]))
        self.assertTrue(default("health-addr").startswith("0.0.0.0:"))  # the kubelet comes there
        self.assertTrue(default("mcp-addr").startswith("127.0.0.1:"))  # and nobody here
        arguments = self.one["args"]
        self.assertEqual(int(arguments[arguments.index("--port") + 1]),
                         port(self.template, "agent"))
        self.assertEqual(arguments[arguments.index("--host") + 1], "0.0.0.0")
        self.assertEqual({p["containerPort"] for p in self.one["ports"]} & TAKEN, set())
        mounts = {m["mountPath"]: m for m in self.one["volumeMounts"]}
        podinfo = mounts[default("podinfo-dir")]
        self.assertNotIn("subPath", podinfo)
        volumes = {v["name"]: v for v in self.template["spec"]["volumes"]}
        self.assertEqual(volumes.keys(), {m["name"] for m in mounts.values()})
        items = volumes[podinfo["name"]]["downwardAPI"]["items"]
        self.assertEqual([i["path"] for i in items],
                         ["labels", "annotations", "name", "namespace", "uid"])
        env = manifests.environment(self.template)
        for path in (env["HOME"], env["HANDRAIL_CRASH_DIR"], "/workspace", "/tmp"):
            self.assertIn("emptyDir", volumes[mounts[path]["name"]], path)

    def test_settings(self) -> None:
        for components in ([], ["session-key"], ["deferred-init"]):
            self.assertEqual(unknown_settings(manifests.pod(*components)), [])
        broken = copy.deepcopy(self.template)
        container(broken)["env"].append({"name": "HANDRAIL_GRACES", "value": "1"})
        self.assertEqual(unknown_settings(broken), ["HANDRAIL_GRACES"])

    def test_the_stop_fits_into_the_pods(self) -> None:
        grace = float(manifests.environment(self.template)["HANDRAIL_GRACE"])
        self.assertGreaterEqual(grace, float(default("grace")))
        self.assertGreaterEqual(self.template["spec"]["terminationGracePeriodSeconds"],
                                grace + MARGIN_SECONDS)

    def test_handrail_gives_up_before_the_kubelet_and_that_before_the_pool(self) -> None:
        delay, longest = float(default("backoff")), float(default("backoff-max"))
        tries = int(default("budget"))
        delays = [min(delay * 2 ** n, longest) * JITTER for n in range(tries - 1)]
        probe = self.one["startupProbe"]
        patience = probe["failureThreshold"] * probe["periodSeconds"]
        self.assertLess(sum(delays) + tries * IMPORT_SECONDS, patience)
        self.assertLess(patience, POOL_SECONDS)

    def test_confinement(self) -> None:
        self.assertEqual(unfinished(self.template), [])
        broken = copy.deepcopy(self.template)
        del container(broken)["securityContext"]["readOnlyRootFilesystem"]
        del broken["spec"]["enableServiceLinks"]
        self.assertEqual(unfinished(broken), ["readOnlyRootFilesystem", "enableServiceLinks"])

    def test_metrics(self) -> None:
        monitor = load(Path("overlays/monitoring/podmonitor.yaml"))
        [endpoint] = monitor["spec"]["podMetricsEndpoints"]
        self.assertEqual(port(self.template, endpoint["port"]), port(self.template, "health"))
        with running(self.template) as pod:
            wait_for("the start", lambda: pod.kubelet.ready, 20)
            answer = pod.handrail.get(endpoint["path"])
            self.assertEqual(answer.status, 200)
            self.assertIn("\nhandrail_build_info{", answer.text)

    def test_a_probe_of_a_path_that_is_not_served_is_found(self) -> None:
        broken = copy.deepcopy(self.template)
        container(broken)["readinessProbe"]["httpGet"]["path"] = "/readyy"
        with running(broken) as pod:
            wait_for("the start", lambda: pod.kubelet.started, 20)
            self.assertEqual(pod.handrail.get("/readyy").status, 404)
            pod.handrail.wait_status("/readyz", 200)
            time.sleep(2)
            self.assertFalse(pod.kubelet.ready)


class Lives(unittest.TestCase):
    """Pods from their start to their end, with the kubelet's probes all the while."""

    def end(self, pod: Pod) -> None:
        """A deletion: readiness goes first, liveness stays, and the end comes in time."""
        before = len(pod.kubelet.kills)
        began = time.monotonic()
        self.assertEqual(pod.handrail.stop(signal.SIGTERM, pod.template["spec"][
            "terminationGracePeriodSeconds"] - MARGIN_SECONDS), 143, pod.handrail.log())
        self.assertLess(time.monotonic() - began, 10)
        self.assertEqual(pod.handrail.leftovers(), [])
        self.assertEqual(len(pod.kubelet.kills), before)

    def test_pooled_claimed_initialised_used_and_stopped(self) -> None:
        claim = load(Path("overlays/warm-pool/claim.yaml"))["spec"]["additionalPodMetadata"]
        with running(manifests.pod("deferred-init"), pooled=True) as pod:
            self.assertFalse(pod.kubelet.ready)
            wait_for("readiness, as the kubelet sees it", lambda: pod.kubelet.ready, 20)
            found = pod.wait_phase("warm")
            self.assertEqual((found["pooled"], found["claimed"], found["init"]),
                             (True, False, "dormant"))
            self.assertEqual(pod.handrail.get("/warmz").status, 200)

            pod.claim("8f2c-11", claim["labels"], claim["annotations"])
            found = pod.wait_phase("claimed")
            self.assertEqual(found["claim_uid"], "8f2c-11")
            self.assertEqual(pod.handrail.get("/warmz").status, 503)

            agent = pod.number("agent")
            refused = request(agent, "POST", "/api/init", {}, {"X-Init-API-Key": "a stranger's"})
            self.assertEqual(refused.status, 401)
            done = request(agent, "POST", "/api/init", {"session_api_keys": ["mine"]},
                           {"X-Init-API-Key": SECRETS["secret-key"]})
            self.assertEqual((done.status, done.json()["state"]), (200, "ready"))
            wait_for("its state", lambda: pod.phase()["init"] == "ready", 10)
            pod.handrail.fault(age=100)
            time.sleep(0.1)
            pod.handrail.fault(used=True)
            history = [step["phase"] for step in pod.wait_phase("active")["history"]]
            self.assertEqual(history, ["starting", "warming", "warm", "claimed", "active"])
            # All of it without a moment in which a pool's controller would have replaced the pod.
            self.assertEqual([ready for _, ready in pod.kubelet.changes], [True])
            self.assertEqual(pod.kubelet.kills, [])
            self.end(pod)

    def test_a_server_that_is_killed_is_no_new_container(self) -> None:
        with running(manifests.pod("session-key")) as pod:
            wait_for("readiness", lambda: pod.kubelet.ready, 20)
            old = pod.handrail.child("agent_server.py")
            os.kill(old, signal.SIGKILL)
            pod.handrail.new_child("agent_server.py", old)
            wait_for("readiness again", lambda: pod.kubelet.ready, 20)
            self.assertEqual(pod.kubelet.kills, [])
            reports = list(pod.at("/var/crash").iterdir())
            self.assertEqual(len(reports), 1)
            self.end(pod)

    def test_while_it_drains_it_is_alive_and_not_ready(self) -> None:
        template = manifests.pod("session-key")
        container(template)["args"] += ["--stop-delay", "4"]  # of the stand-in
        with running(template) as pod:
            wait_for("readiness", lambda: pod.kubelet.ready, 20)
            pod.handrail.process.send_signal(signal.SIGTERM)
            wait_for("readiness to go", lambda: not pod.kubelet.ready, 3.5)
            self.assertEqual(pod.handrail.get("/readyz").status, 503)
            self.assertEqual(pod.handrail.get("/livez").status, 200)
            self.assertEqual(pod.handrail.wait(20), 143)
            self.assertEqual(pod.kubelet.kills, [])

    def test_one_that_cannot_start_is_given_up_with_a_reason(self) -> None:
        template = manifests.pod("session-key")
        container(template)["args"].append("--no-such-flag")
        with running(template) as pod:
            self.assertEqual(pod.handrail.wait(20), 2)
            self.assertFalse(pod.kubelet.started)
            reports = list(pod.at("/var/crash").iterdir())
            self.assertEqual(len(reports), 1)
            self.assertIn("--no-such-flag", reports[0].read_text())


if __name__ == "__main__":
    unittest.main(verbosity=2)
