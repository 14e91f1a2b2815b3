#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Create all of docker/kubernetes in a real API server, with the real schemas of the custom kinds.

    tests/kubernetes/apply.py CRD.yaml...

The files are the CustomResourceDefinitions of what you run: agent-sandbox's, and the Prometheus
operator's of PodMonitor and PrometheusRule. Needs etcd, kube-apiserver, kubectl and openssl on
PATH, and nothing of a cluster: both servers are started for this, on free ports of 127.0.0.1, and
ended afterwards. There is no kubelet, so nothing runs; what is checked is what an API server
checks: each field, each default, each rule, and Pod Security's level "restricted"; and the
commands of README.md, but for those that wait for a pod. Not part of `make test`.
"""

from __future__ import annotations

import copy
import json
import os
import re
import secrets
import shutil
import subprocess
import sys
import tempfile
import textwrap
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent)]

import manifests  # noqa: E402
from manifests import MANIFESTS, container  # noqa: E402
from support import Failure, free_ports, kill_leftovers, spawn, wait_for  # noqa: E402

START_SECONDS = 60.0
PROGRAMS = ("etcd", "kube-apiserver", "kubectl", "openssl")
NAMESPACE = "restricted"
WAITS = ("rollout", "exec", "wait")  # kubectl's, for a pod that there is not
OVERLAYS = ("standalone", "warm-pool", "monitoring")


class Cluster:
    """etcd and an API server, with everything they write below `folder`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        store, peer, api = free_ports(3)
        token = secrets.token_hex(16)
        config = folder / "kubeconfig"
        config.write_text(json.dumps({
            "apiVersion": "v1", "kind": "Config", "current-context": "test",
            "clusters": [{"name": "test", "cluster": {"server": f"https://127.0.0.1:{api}",
                                                      "insecure-skip-tls-verify": True}}],
            "users": [{"name": "admin", "user": {"token": token}}],
            "contexts": [{"name": "test", "context": {"cluster": "test", "user": "admin"}}]}))
        self.environment = {**os.environ, "KUBECONFIG": str(config),
                            "KUBECACHEDIR": str(folder / "cache")}
        (folder / "tokens.csv").write_text(f"{token},admin,admin,system:masters\n")
        key = folder / "service-account.key"
        subprocess.run(["openssl", "genrsa", "-out", key, "2048"], check=True, capture_output=True)
        at = "http://127.0.0.1:"
        self._start("etcd", f"--data-dir={folder / 'etcd'}", f"--listen-client-urls={at}{store}",
                    f"--advertise-client-urls={at}{store}", f"--listen-peer-urls={at}{peer}",
                    f"--initial-advertise-peer-urls={at}{peer}",
                    f"--initial-cluster=default={at}{peer}")
        # Without a controller manager there are no service accounts.
        self._start("kube-apiserver", f"--etcd-servers={at}{store}", f"--secure-port={api}",
                    "--bind-address=127.0.0.1", "--advertise-address=127.0.0.1",
                    f"--cert-dir={folder / 'certificates'}", "--endpoint-reconciler-type=none",
                    f"--token-auth-file={folder / 'tokens.csv'}",
                    "--service-cluster-ip-range=10.0.0.0/24",
                    f"--service-account-key-file={key}",
                    f"--service-account-signing-key-file={key}",
                    "--service-account-issuer=https://cluster", "--authorization-mode=RBAC",
                    "--disable-admission-plugins=ServiceAccount",
                    "--kubelet-preferred-address-types=InternalIP")
        wait_for("the API server", self._ready, START_SECONDS)

    def _start(self, *command: str) -> None:
        with open(self.folder / f"{command[0]}.log", "wb") as log:
            process = spawn(command, stdout=log, stderr=log)
        time.sleep(0.5)
        if process.poll() is not None:
            raise Failure((self.folder / f"{command[0]}.log").read_text()[-2000:])

    def _ready(self) -> bool:
        return self.kubectl("get", "--raw", "/readyz").stdout == "ok"

    def kubectl(self, *arguments: str | Path,
                given: Any = None) -> subprocess.CompletedProcess[str]:
        text = None if given is None else given if isinstance(given, str) else json.dumps(given)
        return subprocess.run(["kubectl", *map(str, arguments)], input=text, capture_output=True,
                              text=True, check=False, env=self.environment)

    def create(self, what: str, *arguments: str | Path, given: Any = None) -> str:
        """Create; Failure if it is refused, or if the API server has a warning."""
        done = self.kubectl("apply", "--server-side", "--validate=strict", *arguments, given=given)
        if done.returncode or "Warning" in done.stderr:
            raise Failure(f"{what}: {done.stdout}{done.stderr}")
        return done.stdout

    def refused(self, what: str, given: Any, word: str) -> None:
        done = self.kubectl("apply", "--server-side", "--validate=strict",
                            f"--namespace={NAMESPACE}", "--filename=-", given=given)
        if done.returncode == 0 or word not in done.stderr:
            raise Failure(f"{what} was not refused for {word}: {done.stdout}{done.stderr}")


def readme(cluster: Cluster) -> None:
    """The commands of README.md as an operator types them, and its kustomization."""
    text = (MANIFESTS / "README.md").read_text()
    mine = cluster.folder / "mine"
    shutil.copytree(MANIFESTS, cluster.folder / "kubernetes")
    mine.mkdir()
    (mine / "kustomization.yaml").write_text(manifests.readme_kustomization())
    for block in re.findall(r"(?:^    .*\n)+", text, re.M):
        # A line that begins further in, or within parentheses, goes on with the one before.
        for command in re.findall(r"^\S.*(?:\n[ ].*|\n.*\) \|.*)*", textwrap.dedent(block), re.M):
            words = command.split()
            if any(word in words for word in WAITS) or words[0] not in ("kubectl", "(printf"):
                continue
            done = subprocess.run(["sh", "-c", command], env=cluster.environment, text=True,
                                  cwd=mine if words[-1] == "." else MANIFESTS,
                                  capture_output=True, check=False)
            if done.returncode or "Warning" in done.stderr:
                raise Failure(f"README.md: {command}: {done.stdout}{done.stderr}")
            print(f"README.md: {command.splitlines()[0]}")


def check(cluster: Cluster, crds: Sequence[str]) -> None:
    for crd in crds:
        print(cluster.create(crd, "--filename", crd), end="")
    cluster.create("the namespace", "--filename=-", given={
        "apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE, "labels": {
            f"pod-security.kubernetes.io/{mode}": "restricted" for mode in ("enforce", "warn")}}})
    wait_for("the custom kinds", lambda: "sandboxclaims" in cluster.kubectl(
        "api-resources", "--output=name").stdout, START_SECONDS)
    here = f"--namespace={NAMESPACE}"
    for overlay in OVERLAYS:
        print(cluster.create(overlay, here, "--kustomize",
                             MANIFESTS / "overlays" / overlay), end="")
    claim = MANIFESTS / "overlays/warm-pool/claim.yaml"
    print(cluster.create("the claim", here, "--filename", claim), end="")

    pod: dict[str, Any] = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "one"},
                           "spec": copy.deepcopy(manifests.pod("deferred-init"))["spec"]}
    print(cluster.create("a pod", here, "--filename=-", given=pod), end="")
    # That all this can fail:
    container(pod)["securityContext"]["capabilities"] = {}
    pod["metadata"]["name"] = "two"
    cluster.refused("a pod with capabilities", pod, "restricted")
    text = cluster.kubectl("kustomize", MANIFESTS / "overlays/warm-pool").stdout
    cluster.refused("a probe's periodSecond", text.replace("periodSeconds: 5", "periodSecond: 5"),
                    "periodSecond")
    print("a pod with capabilities, and a misspelt probe: refused")
    readme(cluster)


def main() -> int:
    crds = sys.argv[1:]
    missing = [tool for tool in PROGRAMS
               if not shutil.which(tool)]
    if not crds or missing:
        print(f"apply.py: not found: {', '.join(missing)}" if crds else __doc__, file=sys.stderr)
        return 64 if not crds else 69
    with tempfile.TemporaryDirectory(prefix="handrail-cluster-") as folder:
        try:
            cluster = Cluster(Path(folder))
            print(cluster.kubectl("version").stdout, end="")
            check(cluster, crds)
            return 0
        except Failure as failure:
            print(f"FAILED: {failure}", file=sys.stderr)
            return 1
        finally:
            kill_leftovers()


if __name__ == "__main__":
    sys.exit(main())
