# SPDX-License-Identifier: MIT
"""A pod of docker/kubernetes without Kubernetes: the program with the manifest's arguments,
variables and volumes, the kubelet's probes, and the labels as its volume shows them."""

from __future__ import annotations

import contextlib
import shlex
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import manifests
from kubelet import Kubelet, Probe
from manifests import container, port
from podinfo import Podinfo
from support import HANDRAIL, STANDIN, Handrail, wait_for

# What agent-sandbox's controller puts on a member of a pool, and takes away at the claim.
POOL_LABELS = {"agents.x-k8s.io/created-by": "controller",
               "agents.x-k8s.io/warm-pool-sandbox": "478b3beb"}


class Pod:
    """The container's folders lie below `root`, and its ports are free ones."""

    def __init__(self, root: Path, template: Any, *, pooled: bool = False,
                 server: Sequence[str | Path] = (sys.executable, STANDIN),
                 env: Mapping[str, str] | None = None, **more: Any) -> None:
        """server: what the image's openhands-agent-server is; env: what the image sets; more: for
        support.Handrail."""
        self.root, self.template = root, template
        self.podinfo = Podinfo(self.at("/etc/podinfo"))
        self.labels = {**template["metadata"]["labels"], **(POOL_LABELS if pooled else {}),
                       "agents.x-k8s.io/sandbox-name-hash": "5d1f3a"}
        for mount in container(template)["volumeMounts"]:
            self.at(mount["mountPath"]).mkdir(parents=True)
        self.publish()
        name = root / "openhands-agent-server"
        name.symlink_to(HANDRAIL)
        program = Path(f"{name}.real")
        program.write_text(f"#!/bin/sh\nexec {shlex.join(map(str, server))} \"$@\"\n")
        program.chmod(0o755)
        variables = {key: str(self.at(value)) if value.startswith("/") else value
                     for key, value in manifests.environment(template).items()}
        arguments = ["{port}" if word == "8000" else word for word in container(template)["args"]]
        self.handrail = Handrail(root, [], way_in=[name, *arguments], env={
            **(env or {}), **variables, "HANDRAIL_PODINFO_DIR": str(self.podinfo.folder)}, **more)
        self.handrail.home = Path(variables["HOME"])
        self.kubelet = Kubelet({kind: Probe(self.number(spec["httpGet"]["port"]), spec)
                                for kind, spec in manifests.probes(template)})

    def at(self, path: str) -> Path:
        return self.root / "container" / path.lstrip("/")

    def number(self, name: str | int) -> int:
        """The port that plays that one of the pod here."""
        return {8000: self.handrail.agent_port, 60010: self.handrail.health_port}[
            port(self.template, name)]

    def publish(self, annotations: Mapping[str, str] | None = None) -> None:
        self.podinfo.write(self.labels, annotations)

    def claim(self, uid: str, labels: Mapping[str, str], annotations: Mapping[str, str]) -> None:
        for label in POOL_LABELS:
            del self.labels[label]
        self.labels.update({"agents.x-k8s.io/claim-uid": uid, **labels})
        self.publish(annotations)

    def phase(self) -> Any:
        answer = self.handrail.get("/status")
        return answer.json()["phase"] if answer.status == 200 else {"name": None}

    def wait_phase(self, name: str, timeout: float = 20.0) -> Any:
        wait_for(f"the phase {name}", lambda: self.phase()["name"] == name, timeout)
        return self.phase()

    def close(self) -> None:
        self.kubelet.stop()
        self.handrail.kill()


@contextlib.contextmanager
def running(template: Any, **more: Any) -> Iterator[Pod]:
    with tempfile.TemporaryDirectory(prefix="handrail-pod-") as folder:
        pod = Pod(Path(folder), template, **more)
        try:
            yield pod
        finally:
            pod.close()
