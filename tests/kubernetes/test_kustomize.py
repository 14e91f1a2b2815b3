#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""docker/kubernetes as kustomize builds it, against the schemas of Kubernetes and of the custom
kinds.

Needs kubectl or kustomize, and the environment of requirements.txt beside this file; what is
missing is said and skipped.  The custom kinds' fields are held here, because no package has their
schemas: apply.py checks all of it against a real API server with the real ones.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path
from typing import Any

import jsonschema

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent)]

import manifests  # noqa: E402
from manifests import MANIFESTS, container, load  # noqa: E402
from support import ROOT, SKIPPED, Failure  # noqa: E402

KUBERNETES = "1.37"  # the oldest whose fields are used is much older
OVERLAYS = ("standalone", "warm-pool", "monitoring")

STRINGS = {"type": "object", "additionalProperties": {"type": "string"}}


def exactly(required: tuple[str, ...] = (), **properties: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": list(required),
            "additionalProperties": False}


NAMED = exactly(("name",), name={"type": "string"})
POLICY = {"enum": ["Allowed", "Overrides", "Disallowed"]}
# The fields of "spec" that are used here.  podTemplate is held against Kubernetes' PodTemplate.
CUSTOM = {
    "extensions.agents.x-k8s.io/v1beta1 SandboxTemplate": exactly(
        ("podTemplate",), podTemplate={"type": "object"}, service={"type": "boolean"},
        networkPolicyManagement={"enum": ["Managed", "Unmanaged"]},
        envVarsInjectionPolicy=POLICY, volumeClaimTemplatesPolicy=POLICY,
        volumeClaimTemplates={"type": "array", "items": exactly(
            ("metadata", "spec"), metadata=NAMED, spec={"type": "object"})}),
    "extensions.agents.x-k8s.io/v1beta1 SandboxWarmPool": exactly(
        ("sandboxTemplateRef",), replicas={"type": "integer", "minimum": 0},
        sandboxTemplateRef=NAMED,
        updateStrategy=exactly(type={"enum": ["Recreate", "OnReplenish"]})),
    "extensions.agents.x-k8s.io/v1beta1 SandboxClaim": exactly(
        ("warmPoolRef",), warmPoolRef=NAMED,
        lifecycle=exactly(shutdownPolicy={"enum": ["Delete", "DeleteForeground", "Retain"]},
                          shutdownTime={"type": "string", "format": "date-time"},
                          ttlSecondsAfterFinished={"type": "integer", "minimum": 0}),
        additionalPodMetadata=exactly(labels=STRINGS, annotations=STRINGS)),
    "monitoring.coreos.com/v1 PodMonitor": exactly(
        ("selector",), selector=exactly(matchLabels=STRINGS),
        sampleLimit={"type": "integer", "minimum": 0},
        podMetricsEndpoints={"type": "array", "items": exactly(
            port={"type": "string"}, path={"type": "string"},
            interval={"type": "string", "pattern": "^[0-9]+(ms|s|m)$"},
            scrapeTimeout={"type": "string", "pattern": "^[0-9]+(ms|s|m)$"},
            relabelings={"type": "array", "items": exactly(
                sourceLabels={"type": "array", "items": {"type": "string"}},
                targetLabel={"type": "string"})})}),
}

# Run by the environment's Python: a list of resources in, a list of complaints out.
VALIDATE = """
import json, sys, kubernetes_validate
found = []
for resource in json.load(sys.stdin):
    try:
        kubernetes_validate.validate(resource, sys.argv[1], strict=True)
    except (kubernetes_validate.ValidationError, kubernetes_validate.SchemaNotFoundError) as e:
        found.append(resource["kind"] + ": " + getattr(e, "message", str(e)))
json.dump(found, sys.stdout)
"""


def builder() -> list[str] | None:
    if shutil.which("kubectl"):
        return ["kubectl", "kustomize"]
    return ["kustomize", "build"] if shutil.which("kustomize") else None


def validator() -> Path | None:
    found = subprocess.run(["sh", ROOT / "tests/setup.sh", "venv", HERE / "requirements.txt"],
                           capture_output=True, text=True, check=True)
    venv = Path(found.stdout.strip())
    return venv / "bin" / "python" if (venv / ".complete").exists() else None


BUILDER, PYTHON = builder(), validator()


def build(folder: Path) -> list[Any]:
    assert BUILDER
    done = subprocess.run([*BUILDER, folder], capture_output=True, text=True, check=False)
    if done.returncode or "Warning" in done.stderr:
        raise Failure(f"{' '.join(BUILDER)} {folder}: {done.returncode}: {done.stderr}")
    return manifests.parse(done.stdout)


def complaints(resources: list[Any]) -> list[str]:
    """What is wrong with them."""
    found, standard = [], []
    for resource in resources:
        kind = f"{resource['apiVersion']} {resource['kind']}"
        if kind not in CUSTOM:
            standard.append(resource)
            continue
        try:
            jsonschema.validate(resource["spec"], CUSTOM[kind])
        except jsonschema.ValidationError as error:
            found.append(f"{kind}: {error.message}")
        if "podTemplate" in resource["spec"]:
            standard.append({"apiVersion": "v1", "kind": "PodTemplate",
                             "template": resource["spec"]["podTemplate"]})
        for claim in resource["spec"].get("volumeClaimTemplates", []):
            standard.append({"apiVersion": "v1", "kind": "PersistentVolumeClaim", **claim})
    done = subprocess.run([str(PYTHON), "-c", VALIDATE, KUBERNETES], input=json.dumps(standard),
                          capture_output=True, text=True, check=True)
    return found + json.loads(done.stdout)


def only(resources: list[Any], kind: str) -> Any:
    [one] = [r for r in resources if r["kind"] == kind]
    return one


class Kustomize(unittest.TestCase):
    def variant(self, overlay: str, old: str, new: str) -> list[Any]:
        """The overlay, with a text of its kustomization changed."""
        with tempfile.TemporaryDirectory(prefix="handrail-kustomize-") as folder:
            copy = Path(folder, "kubernetes")
            shutil.copytree(MANIFESTS, copy)
            file = copy / "overlays" / overlay / "kustomization.yaml"
            text = file.read_text()
            self.assertIn(f"- {old}\n", text)
            file.write_text(text.replace(f"- {old}\n", f"- {new}\n"))
            return build(file.parent)

    def test_every_overlay_is_what_the_api_server_takes(self) -> None:
        for overlay in OVERLAYS:
            with self.subTest(overlay):
                self.assertEqual(complaints(build(MANIFESTS / "overlays" / overlay)), [])
        self.assertEqual(complaints([load(Path("overlays/warm-pool/claim.yaml"))]), [])

    def test_a_word_that_is_none_is_found(self) -> None:
        for break_ in (
                lambda r: container(only(r, "SandboxTemplate")["spec"]["podTemplate"])[
                    "startupProbe"].update(periodSecond=1),
                lambda r: only(r, "SandboxTemplate")["spec"].update(networkPolicy2={}),
                lambda r: only(r, "NetworkPolicy")["spec"].update(policyTypes="Ingress"),
                lambda r: only(r, "SandboxWarmPool")["spec"].update(updateStrategy="Never")):
            resources = build(MANIFESTS / "overlays" / "warm-pool")
            break_(resources)
            self.assertEqual(len(complaints(resources)), 1)

    def test_the_pod_gets_everywhere(self) -> None:
        for overlay, kind, way, components in (
                ("standalone", "Deployment", "template", ["session-key"]),
                ("warm-pool", "SandboxTemplate", "podTemplate", ["deferred-init"])):
            resources = build(MANIFESTS / "overlays" / overlay)
            built = only(resources, kind)["spec"][way]
            self.assertEqual(container(built)["image"], "my-agent-server:1")
            container(built)["image"] = "my-agent-server"
            wanted = manifests.pod(*components)
            for template in (built, wanted):  # a merge puts them in an order of its own
                container(template)["env"].sort(key=lambda entry: entry["name"])
            self.assertEqual(built, wanted)
            self.assertNotIn("PodTemplate", [r["kind"] for r in resources])

    def test_a_pool_with_a_session_key(self) -> None:
        resources = self.variant("warm-pool", "../../components/deferred-init",
                                 "../../components/session-key")
        self.assertEqual(complaints(resources), [])
        names = [e["name"] for e in
                 container(only(resources, "SandboxTemplate")["spec"]["podTemplate"])["env"]]
        self.assertIn("OH_SESSION_API_KEYS_0", names)
        self.assertNotIn("OH_DEFERRED_INIT", names)

    def test_on_top_of_it(self) -> None:
        """A kustomization of the operator's, as README.md shows it."""
        with tempfile.TemporaryDirectory(prefix="handrail-kustomize-") as folder:
            shutil.copytree(MANIFESTS, Path(folder, "kubernetes"))
            mine = Path(folder, "mine")
            mine.mkdir()
            (mine / "kustomization.yaml").write_text(manifests.readme_kustomization())
            resources = build(mine)
        self.assertEqual(complaints(resources), [])
        template = only(resources, "SandboxTemplate")
        self.assertEqual(container(template["spec"]["podTemplate"])["image"],
                         "registry.example.com/team/agent:7")
        self.assertEqual(template["metadata"]["namespace"], "sandboxes")
        self.assertEqual(only(resources, "SandboxWarmPool")["spec"]["replicas"], 10)
        self.assertIn({"name": "LOG_JSON", "value": "true"},
                      container(template["spec"]["podTemplate"])["env"])


if __name__ == "__main__":
    absent = [what for what, there in (("kubectl or kustomize", BUILDER),
                                       ("kubernetes-validate", PYTHON)) if not there]
    if absent:
        print(f"kubernetes/kustomize: SKIPPED: not found: {', '.join(absent)}", file=sys.stderr)
        sys.exit(SKIPPED)
    unittest.main(verbosity=2)
