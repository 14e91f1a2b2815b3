# SPDX-License-Identifier: MIT
"""The manifests of docker/kubernetes, for the tests: read strictly, and what their pod says."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

MANIFESTS = Path(__file__).resolve().parent.parent.parent / "docker" / "kubernetes"
CONTAINER = "agent-server"
# What a test puts into the Secret.
SECRETS = {"secret-key": "the pool's key", "session-key": "the user's key"}


class Strict(yaml.SafeLoader):
    """YAML in which a key given twice is an error, as it is none for PyYAML."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: set[Any] = set()
        for key, _ in node.value:
            name = self.construct_object(key, deep=True)
            if name in seen:
                raise yaml.constructor.ConstructorError(
                    None, None, f"{name!r} is given twice", key.start_mark)
            seen.add(name)
        return super().construct_mapping(node, deep)


def parse(text: str) -> list[Any]:
    return list(yaml.load_all(text, Strict))


def load(path: Path) -> Any:
    """The one document of a file, by its name below docker/kubernetes."""
    [document] = parse((MANIFESTS / path).read_text())
    return document


def files() -> list[Path]:
    """Every manifest, relative."""
    return sorted(path.relative_to(MANIFESTS) for path in MANIFESTS.rglob("*.yaml"))


def container(template: Mapping[str, Any]) -> Any:
    return next(c for c in template["spec"]["containers"] if c["name"] == CONTAINER)


def pod(*components: str) -> Any:
    """The template of base/pod.yaml with the variables that these components add."""
    template = load(Path("base/pod.yaml"))["template"]
    for name in components:
        for patch in load(Path("components", name, "kustomization.yaml"))["patches"]:
            [document] = parse(patch["patch"])
            container(template)["env"] += container(document["template"])["env"]
    return template


def environment(template: Mapping[str, Any]) -> dict[str, str]:
    """Its variables as the kubelet sets them."""
    found = {}
    for entry in container(template)["env"]:
        secret = entry.get("valueFrom", {}).get("secretKeyRef")
        found[entry["name"]] = SECRETS[secret["key"]] if secret else entry["value"]
    return found


def port(template: Mapping[str, Any], name: str | int) -> int:
    """The number of a port that a probe or a Service names."""
    numbers = {p["name"]: p["containerPort"] for p in container(template)["ports"]}
    return name if isinstance(name, int) else numbers[name]


def matches(selector: Mapping[str, Any], labels: Mapping[str, str]) -> bool:
    if selector.keys() - {"matchLabels"}:
        raise ValueError(f"a selector that this cannot read: {selector}")
    return selector.get("matchLabels", {}).items() <= labels.items()


def admits(policies: Sequence[Mapping[str, Any]], target: Mapping[str, str],
           source: tuple[Mapping[str, str], Mapping[str, str]], number: int) -> bool:
    """Whether a pod (labels of its namespace, and its own) may connect to that port."""
    def peer(one: Mapping[str, Any]) -> bool:
        if one.keys() - {"namespaceSelector", "podSelector"} or "namespaceSelector" not in one:
            raise ValueError(f"a peer that this cannot read: {one}")
        return matches(one["namespaceSelector"], source[0]) and \
            matches(one.get("podSelector", {}), source[1])

    def ports(rule: Mapping[str, Any]) -> bool:
        return "ports" not in rule or any(
            p.get("protocol", "TCP") == "TCP" and p["port"] == number for p in rule["ports"])

    mine = [p["spec"] for p in policies if matches(p["spec"]["podSelector"], target)
            and "Ingress" in p["spec"]["policyTypes"]]
    return not mine or any(ports(rule) and ("from" not in rule or any(map(peer, rule["from"])))
                           for policy in mine for rule in policy.get("ingress", []))


def readme_kustomization() -> str:
    """The operator's kustomization that README.md shows."""
    [text] = [block for block in (MANIFESTS / "README.md").read_text().split("```yaml\n")[1:]
              if "kind: Kustomization" in block]
    return text.split("```")[0]


def probes(template: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for kind in ("startup", "readiness", "liveness"):
        yield kind, container(template)[f"{kind}Probe"]
