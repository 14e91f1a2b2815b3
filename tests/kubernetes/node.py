#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Run docker/kubernetes on a real node: kubelet, containerd, and agent-sandbox's controller.

    tests/kubernetes/node.py [--stay] IMAGE.tar CRD.yaml...

IMAGE.tar is an OCI archive of an image with the real agent-server and the name that IMAGE and TAG
say; `tests/containers/run.sh --keep` leaves such images in its store.  The others are
agent-sandbox's CustomResourceDefinitions.  Needs root, the programs of PROGRAMS on PATH, CNI's
plugins in /usr/lib/cni, and nothing of a cluster: all is started for this, in namespaces of its own
(processes, mounts, network), and ends with them.  What it has in common with its host are control
groups, where nothing else may be called "kubepods", and the sysctls that a kubelet sets, which are
set back.  --stay: at the end, or when something has failed, a shell with that cluster.

It takes about ten minutes, most of them waiting for the kubelet to give up a container.  Not part
of `make test`.
"""

from __future__ import annotations

import argparse
import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent)]

import apply  # noqa: E402
from apply import START_SECONDS, Cluster  # noqa: E402
from manifests import MANIFESTS  # noqa: E402
from support import (  # noqa: E402
    Answer, Failure, descendants, kill_leftovers, request, wait_for,
)

PROGRAMS = (*apply.PROGRAMS, "agent-sandbox-controller", "buildah", "containerd",
            "containerd-shim-runc-v2", "ctr", "gcc", "ip", "ipset", "iptables",
            "kube-controller-manager", "kube-router", "kube-scheduler", "kubelet", "runc",
            "unshare")
CNI = Path("/usr/lib/cni")
SYSCTLS = [Path("/proc/sys") / name for name in (
    "kernel/panic", "kernel/panic_on_oops", "vm/overcommit_memory", "vm/panic_on_oom")]
IMAGE, TAG = "localhost/agent-server", "test"
PAUSE = "localhost/pause:test"  # what holds a pod's namespaces
SUBNET = "10.88.0.0/16"
# Addresses of the node, which has no other network: its own, the internet, a cloud's metadata.
NODE, INTERNET, METADATA = "192.0.2.1", "203.0.113.1", "169.254.169.254"
NAMESPACE = "sandboxes"
HANDRAIL = "/opt/handrail/bin/handrail"
LISTENS = 8080  # a port of the test's own
READY_SECONDS = 120.0  # for a pod, on a machine that is busy

PAUSE_SOURCE = """
#include <signal.h>
#include <unistd.h>
static void end(int number) { (void)number; _exit(0); }
int main(void) { signal(SIGTERM, end); signal(SIGCHLD, SIG_IGN); for (;;) pause(); }
"""
# What may be reached from within a pod: each of these addresses, "open" or "closed".
CONNECT = """
import socket, sys
for one in sys.argv[1:]:
    host, port = one.split(":")
    try:
        socket.create_connection((host, int(port)), 2).close()
        print("open")
    except OSError:
        print("closed")
"""


class Node(Cluster):
    """A cluster of one node: this machine."""

    def __init__(self, folder: Path, image: Path, crds: Sequence[Path]) -> None:
        folder.chmod(0o711)  # for the users of a namespace
        for command in ("link set lo up", *(f"address add {address}/32 dev lo"
                                            for address in (NODE, INTERNET, METADATA))):
            subprocess.run(["ip", *command.split()], check=True)
        super().__init__(folder)
        config = f"--kubeconfig={self.environment['KUBECONFIG']}"
        self.containerd(image)
        kubelet = {
            "apiVersion": "kubelet.config.k8s.io/v1beta1", "kind": "KubeletConfiguration",
            "containerRuntimeEndpoint": f"unix://{folder}/containerd.sock",
            "cgroupDriver": "cgroupfs", "failCgroupV1": False, "failSwapOn": False,
            "authentication": {"anonymous": {"enabled": True}, "webhook": {"enabled": False}},
            "authorization": {"mode": "AlwaysAllow"},  # within its network, nobody else's
            "makeIPTablesUtilChains": False, "oomScoreAdj": 0, "maxOpenFiles": 16384,
            "evictionHard": {"memory.available": "100Mi", "nodefs.available": "1%"},
            "clusterDNS": [NODE], "clusterDomain": "cluster.local"}
        (folder / "kubelet.json").write_text(json.dumps(kubelet))
        self._start("kubelet", f"--config={folder / 'kubelet.json'}", config,
                    f"--root-dir={folder / 'kubelet'}", f"--node-ip={NODE}",
                    "--hostname-override=node", f"--cert-dir={folder / 'certificates'}")
        self._start("kube-controller-manager", config, "--leader-elect=false")
        self._start("kube-scheduler", config, "--leader-elect=false")
        self.must("wait", "--for=create", "node/node", f"--timeout={START_SECONDS:g}s")
        self.must("wait", "--for=condition=Ready", "node/node", f"--timeout={START_SECONDS:g}s")
        for crd in crds:
            self.create(str(crd), "--filename", crd)
        self.must("wait", "--for=condition=Established", "--all", "crd",
                  f"--timeout={START_SECONDS:g}s")
        self._start("agent-sandbox-controller", config, "--extensions", "--leader-elect=false",
                    "--enable-webhook=false", "--metrics-bind-address=127.0.0.1:8480",
                    "--health-probe-bind-address=127.0.0.1:8481")

    def containerd(self, image: Path) -> None:
        folder = self.folder
        (folder / "cni").mkdir()
        (folder / "cni" / "bridge.conflist").write_text(json.dumps({
            "cniVersion": "1.0.0", "name": "test", "plugins": [{"type": "ptp", "ipam": {
                "type": "host-local", "ranges": [[{"subnet": SUBNET}]],
                "dataDir": str(folder / "addresses"), "routes": [{"dst": "0.0.0.0/0"}]}}]}))
        (folder / "containerd.toml").write_text(f"""
            version = 3
            root = "{folder}/containerd"
            state = "{folder}/containerd-state"
            [grpc]
            address = "{folder}/containerd.sock"
            [ttrpc]
            address = "{folder}/containerd.ttrpc"
            [plugins.'io.containerd.cri.v1.runtime']
            restrict_oom_score_adj = true
            [plugins.'io.containerd.cri.v1.runtime'.cni]
            bin_dirs = ["{CNI}"]
            conf_dir = "{folder}/cni"
            [plugins.'io.containerd.cri.v1.images'.pinned_images]
            sandbox = "{PAUSE}"
            """)
        self._start("containerd", f"--config={folder / 'containerd.toml'}")
        ctr = ("ctr", f"--address={folder / 'containerd.sock'}", "--namespace=k8s.io")
        wait_for("containerd", lambda: not subprocess.run([*ctr, "version"], check=False,
                                                          capture_output=True).returncode, 30)
        for archive in (self.pause(), image):
            done = subprocess.run([*ctr, "images", "import", archive], check=False,
                                  capture_output=True, text=True)
            if done.returncode:
                raise Failure(f"{archive}: {done.stderr}")

    def enforce_policies(self) -> None:
        self._start("kube-router", f"--kubeconfig={self.environment['KUBECONFIG']}",
                    "--run-firewall=true", "--run-router=false", "--run-service-proxy=false",
                    "--hostname-override=node")

    def pause(self) -> Path:
        """An archive of the image that containerd starts each pod with."""
        made = self.folder / "pause"
        made.mkdir()
        (made / "pause.c").write_text(PAUSE_SOURCE)
        (made / "Dockerfile").write_text("FROM scratch\nCOPY pause /\nENTRYPOINT [\"/pause\"]\n")
        buildah = ["buildah", "--root", made / "root", "--runroot", made / "run",
                   "--storage-driver=vfs"]
        for command in (["gcc", "-static", "-O", "-o", made / "pause", made / "pause.c"],
                        [*buildah, "bud", "--quiet", "--isolation=chroot", "--tag", PAUSE, made],
                        [*buildah, "push", PAUSE, f"oci-archive:{made}/pause.tar:{PAUSE}"]):
            done = subprocess.run(list(map(str, command)), check=False, capture_output=True,
                                  text=True)
            if done.returncode:
                raise Failure(f"the pod's image: {done.stderr}")
        return made / "pause.tar"

    def must(self, *arguments: str | Path, given: Any = None) -> str:
        done = self.kubectl("--namespace", NAMESPACE, *arguments, given=given)
        if done.returncode:
            raise Failure(f"kubectl {' '.join(map(str, arguments))}: {done.stdout}{done.stderr}")
        return done.stdout

    def get(self, *what: str) -> Any:
        return json.loads(self.must("get", "--output=json", *what))

    @contextmanager
    def overlay(self, name: str, patches: list[Any] | None = None) -> Iterator[None]:
        """One of docker/kubernetes/overlays, from a kustomization of the test's own."""
        folder = self.folder / f"mine-{secrets.token_hex(4)}"
        folder.mkdir()
        base = os.path.relpath(MANIFESTS / "overlays" / name, folder)
        (folder / "kustomization.yaml").write_text(json.dumps({
            "apiVersion": "kustomize.config.k8s.io/v1beta1", "kind": "Kustomization",
            "namespace": NAMESPACE, "resources": [base], "patches": patches or [],
            "images": [{"name": "my-agent-server", "newName": IMAGE, "newTag": TAG}]}))
        self.must("apply", "--kustomize", folder)
        yield
        self.must("delete", "--kustomize", folder, "--wait=false")

    def pods(self) -> dict[str, Any]:
        """The agent-servers' pods by their names."""
        found = self.get("pods", "--selector=app.kubernetes.io/name=agent-server")["items"]
        return {pod["metadata"]["name"]: pod for pod in found}


class Pod:
    """One that is there, with the address and the probes of its container."""

    def __init__(self, node: Node, name: str) -> None:
        self.node, self.name = node, name
        self.address = node.get("pod", name)["status"]["podIP"]

    def container(self) -> Any:
        return self.node.get("pod", self.name)["status"]["containerStatuses"][0]

    def exec(self, *command: str) -> str:
        return self.node.must("exec", self.name, "--", *command)

    def handrail(self, *arguments: str) -> str:
        return self.exec(HANDRAIL, *arguments)

    def status(self) -> Any:
        return json.loads(self.handrail("status", "--json"))

    def phase(self) -> Any:
        return self.status()["phase"]

    def server(self) -> int:
        """The agent-server's pid in its container."""
        return next(s["pid"] for s in self.status()["services"] if s["name"] == "server")

    def agent(self, method: str, path: str, body: Any = None, **headers: str) -> Answer:
        return request(8000, method, path, body, headers, host=self.address)

    def code(self, key: str) -> int:
        """What the server answers to that session key."""
        return self.agent("GET", "/api/conversations/search", **{"X-Session-API-Key": key}).status

    def kill_server(self) -> None:
        """kill -9 from within; until there is another server, and it is ready."""
        old = self.server()
        self.exec("sh", "-c", f"kill -9 {old}")
        wait_for(f"another server in {self.name}", lambda: self.server() not in (0, old),
                 READY_SECONDS)
        self.node.must("wait", "--for=condition=Ready", f"pod/{self.name}",
                       f"--timeout={READY_SECONDS:g}s")
        wait_for("its readiness", lambda: request(60010, "GET", "/readyz",
                                                  host=self.address).status == 200, READY_SECONDS)
        if (restarts := self.container()["restartCount"]) != 0:
            raise Failure(f"Kubernetes has started the container {restarts} times again")


def must_be(what: str, found: Any, wanted: Any) -> None:
    if found != wanted:
        raise Failure(f"{what}: {found!r}, not {wanted!r}")
    print(f"  {what}: {found}")


def gone(node: Node, name: str, limit: float) -> None:
    """Wait for the end of a pod that is being deleted; Failure if it takes longer than limit."""
    began = time.monotonic()
    node.must("wait", "--for=delete", f"pod/{name}", f"--timeout={limit + 10:g}s")
    took = time.monotonic() - began
    if took > limit:
        raise Failure(f"{name} took {took:.0f} s to end")
    print(f"  ended within {took:.1f} s")


def keys(node: Node) -> tuple[str, str]:
    """The Secret of README.md: the pool's key and the session's."""
    pool, session = secrets.token_hex(16), secrets.token_hex(16)
    node.must("create", "namespace", NAMESPACE)
    node.must("create", "secret", "generic", "agent-server", f"--from-literal=secret-key={pool}",
              f"--from-literal=session-key={session}")
    return pool, session


def standalone(node: Node, session: str) -> None:
    """In a user namespace, where the runtime has them: runc from 1.2 on."""
    handlers = node.get("node", "node")["status"].get("runtimeHandlers", [])
    can = any(handler.get("features", {}).get("userNamespaces") for handler in handlers)
    print(f"standalone, {'with' if can else 'without'} a user namespace")
    patch = {"op": "add", "path": "/spec/template/spec/hostUsers", "value": not can}
    with node.overlay("standalone", [{"target": {"kind": "Deployment"},
                                      "patch": json.dumps([patch])}]):
        print(node.must("rollout", "status", "deployment/agent-server",
                        f"--timeout={READY_SECONDS:g}s"), end="")
        [name] = node.pods()
        pod = Pod(node, name)
        must_be("without a session key", pod.code(""), 401)
        must_be("with it", pod.code(session), 200)
        must_be("readiness as the program says it", pod.status()["probes"]["ready"], True)
        must_be("plugins", {plugin["state"] for plugin in request(
            60010, "GET", "/plugins", host=pod.address).json()["plugins"]}, {"up"})
        pod.kill_server()
        must_be("after kill -9 of the server", pod.code(session), 200)
        must_be("it is reported", "killed by signal 9" in pod.handrail("crashes"), True)
        logs = node.must("logs", name)
        must_be("keys in the log", session in logs, False)
    gone(node, name, 30)


def given_up(node: Node) -> None:
    """What Kubernetes tells of a container that cannot start, and of one that hangs."""
    print("a setting that cannot be")
    wrong = [{"target": {"kind": "Deployment"}, "patch": json.dumps([{
        "op": "add", "path": "/spec/template/spec/containers/0/env/-",
        "value": {"name": "HANDRAIL_BACKOFF", "value": "soon"}}])}]
    with node.overlay("standalone", wrong):
        def last() -> Any:
            return next((c["lastState"].get("terminated") for pod in node.pods().values()
                         for c in pod["status"].get("containerStatuses", [])), None)

        end = wait_for("its end", last, READY_SECONDS)
        must_be("its exit code", end["exitCode"], 78)
        must_be("its message names the variable", "HANDRAIL_BACKOFF" in end["message"], True)
        [name] = node.pods()
    gone(node, name, 30)

    print("a process 1 that is stopped from the node")
    with node.overlay("standalone"):
        node.must("rollout", "status", "deployment/agent-server", f"--timeout={READY_SECONDS:g}s")
        [name] = node.pods()
        pod = Pod(node, name)
        pod.kill_server()  # for a report
        first = min(p.pid for p in descendants(os.getpid()) if program(p.pid) == HANDRAIL)
        began = time.monotonic()
        os.kill(first, signal.SIGSTOP)
        wait_for("the kubelet to start it again", lambda: pod.container()["restartCount"] == 1, 300)
        print(f"  started again after {time.monotonic() - began:.0f} s")
        node.must("wait", "--for=condition=Ready", f"pod/{name}",
                  f"--timeout={READY_SECONDS:g}s")
        must_be("reports of the container before",
                len(pod.exec("ls", "/var/crash").split()), 1)
    gone(node, name, 30)


def program(pid: int) -> str:
    try:
        return os.readlink(f"/proc/{pid}/exe")
    except OSError:
        return ""


def warm_pool(node: Node, pool_key: str) -> None:
    print("warm pool")
    with node.overlay("warm-pool"):
        def ready() -> dict[str, Any]:
            return {name: pod for name, pod in node.pods().items()
                    if any(c["type"] == "Ready" and c["status"] == "True"
                           for c in pod["status"].get("conditions", []))}

        pool = wait_for("two ready pods", lambda: found if len(found := ready()) == 2 else None,
                        READY_SECONDS)
        must_be("phases", [Pod(node, name).phase()["name"] for name in pool],
                ["warm", "warm"])
        dormant = Pod(node, next(iter(pool)))
        dormant.kill_server()
        wait_for("it to be warm again", lambda: dormant.phase()["name"] == "warm", READY_SECONDS)

        def of_sandbox(pods: dict[str, Any]) -> str | None:
            return next((n for n, p in pods.items() if any(
                o["name"] == sandbox for o in p["metadata"].get("ownerReferences", []))), None)

        node.must("create", "--filename", MANIFESTS / "overlays/warm-pool/claim.yaml")
        began = time.monotonic()
        node.must("wait", "--for=condition=Ready", "sandboxclaim/conversation-1",
                  f"--timeout={READY_SECONDS:g}s")
        sandbox = node.get("sandboxclaim", "conversation-1")["status"]["sandbox"]["name"]
        name = of_sandbox(node.pods())
        print(f"  {sandbox} was claimed within {time.monotonic() - began:.1f} s")
        must_be("it is of the pool", name in pool, True)
        pod = Pod(node, name)
        wait_for("the pod's own view of it", lambda: pod.phase()["name"] == "claimed", 10)
        claimed = pod.phase()
        uid = node.get("sandboxclaim", "conversation-1")["metadata"]["uid"]
        # agent-sandbox before 1.0 does not give it to the pod.
        must_be("claim_uid", claimed["claim_uid"] or uid, uid)
        must_be("its Service's address", [address for part in node.get(
            "endpointslices", f"--selector=kubernetes.io/service-name={sandbox}")["items"]
            for end in part["endpoints"] or [] for address in end["addresses"]], [pod.address])

        user = secrets.token_hex(16)
        answer = pod.agent("POST", "/api/init", {"session_api_keys": [user]},
                           **{"X-Init-API-Key": pool_key})
        must_be("/api/init", answer.status, 200)
        must_be("the user's key", pod.code(user), 200)
        must_be("another's", pod.code("another"), 401)
        pod.kill_server()
        wait_for("the user's key after kill -9", lambda: pod.code(user) == 200, READY_SECONDS)
        must_be("replays", pod.status()["server"]["replays"], 1)
        must_be("restarts that Kubernetes counts", pod.container()["restartCount"], 0)
        wait_for("the pool to be filled up", lambda: len(ready()) == 3, READY_SECONDS)

        print("  suspended and resumed")
        def operate(mode: str) -> None:
            node.must("patch", "sandbox", sandbox, "--type=merge", "--patch",
                      json.dumps({"spec": {"operatingMode": mode}}))
        operate("Suspended")
        gone(node, name, 40)
        operate("Running")
        pod = Pod(node, wait_for("the pod that has resumed", lambda: of_sandbox(ready()),
                                 READY_SECONDS))
        phase = pod.phase()
        must_be("phase, and initialisation", (phase["name"], phase["init"]),
                ("claimed", "dormant"))
        must_be("claim_uid", phase["claim_uid"], claimed["claim_uid"])

        node.must("delete", "sandboxclaim", "conversation-1", "--wait=false")
        gone(node, pod.name, 40)
        left = list(node.pods())
    for one in left:
        gone(node, one, 40)


def policies(node: Node) -> None:
    """Who reaches whom, without anything that enforces the policies, and with it."""
    print("policies")
    clients = [  # namespace, name, whether the agent's port is open to it, the health port
        ("openhands", "openhands", "open", "closed"), ("openhands", "other", "closed", "closed"),
        ("monitoring", "prometheus", "closed", "open"), (NAMESPACE, "other", "closed", "closed"),
        ("kube-system", "other", "closed", "closed")]
    listening = [socket.create_server((address, LISTENS)) for address in (INTERNET, METADATA)]
    for namespace in ("openhands", "monitoring"):
        node.must("create", "namespace", namespace)
    dns = {"k8s-app": "kube-dns"}
    for namespace, name, labels in [
            *((namespace, name, {"app.kubernetes.io/name": name})
              for namespace, name, _, _ in clients), ("kube-system", "dns", dns)]:
        command = ["python3", "-m", "http.server", "53" if labels is dns else str(LISTENS)]
        node.must(f"--namespace={namespace}", "create", "--filename=-", given={
            "apiVersion": "v1", "kind": "Pod",
            "metadata": {"name": name, "namespace": namespace, "labels": labels},
            "spec": {"terminationGracePeriodSeconds": 0, "containers": [{
                "name": "one", "image": f"{IMAGE}:{TAG}", "command": command,
                "securityContext": {"runAsUser": 0}}]}})
    for namespace, name, *_ in [*clients, ("kube-system", "dns")]:
        node.must(f"--namespace={namespace}", "wait", "--for=condition=Ready", f"pod/{name}",
                  f"--timeout={READY_SECONDS:g}s")

    def address(namespace: str, name: str) -> str:
        return str(node.must(f"--namespace={namespace}", "get", "pod", name,
                             "--output=jsonpath={.status.podIP}"))

    def connect(namespace: str, name: str, *targets: str) -> list[str]:
        return node.must(f"--namespace={namespace}", "exec", name, "--", "python3", "-c", CONNECT,
                         *targets).split()

    with node.overlay("standalone"):
        node.must("apply", "--filename", MANIFESTS / "overlays/monitoring/networkpolicy.yaml")
        node.must("rollout", "status", "deployment/agent-server", f"--timeout={READY_SECONDS:g}s")
        [agent] = node.pods()
        it = Pod(node, agent).address
        outside = [(f"{INTERNET}:{LISTENS}", "open"), (f"{METADATA}:{LISTENS}", "closed"),
                   (f"{address('kube-system', 'dns')}:53", "open"),
                   (f"{address('kube-system', 'other')}:{LISTENS}", "closed"),
                   (f"{address(NAMESPACE, 'other')}:{LISTENS}", "closed")]

        def found() -> list[list[str]]:
            return [*(connect(namespace, name, f"{it}:8000", f"{it}:60010")
                      for namespace, name, _, _ in clients),
                    connect(NAMESPACE, agent, *(target for target, _ in outside))]

        wanted = [*([agent_port, health] for _, _, agent_port, health in clients),
                  [state for _, state in outside]]
        must_be("not enforced", {state for part in found() for state in part}, {"open"})
        node.enforce_policies()
        wait_for("the policies to be enforced", lambda: found()[0] == wanted[0], 60)
        for (namespace, name, *_), now, right in zip(clients, found(), wanted):
            must_be(f"{namespace}/{name} to the agent's and the health port", now, right)
        must_be("the agent to the internet, metadata, name server, others", found()[-1], wanted[-1])
        must_be("it is ready", Pod(node, agent).container()["ready"], True)
    node.must("delete", "--filename", MANIFESTS / "overlays/monitoring/networkpolicy.yaml")
    gone(node, agent, 40)
    for namespace, name, *_ in [*clients, ("kube-system", "dns")]:
        node.must(f"--namespace={namespace}", "delete", "pod", name)
    for one in listening:
        one.close()


def check(node: Node) -> None:
    pool, session = keys(node)
    policies(node)
    standalone(node, session)
    warm_pool(node, pool)
    given_up(node)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--stay", action="store_true", help="a shell at the end")
    parser.add_argument("image", type=Path, metavar="IMAGE.tar")
    parser.add_argument("crds", type=Path, nargs="+", metavar="CRD.yaml")
    arguments = parser.parse_args()
    missing = [tool for tool in PROGRAMS if not shutil.which(tool)]
    if not (CNI / "ptp").exists():
        missing.append(str(CNI / "ptp"))
    if missing or os.geteuid() != 0:
        print(f"node.py: not found: {', '.join(missing)}" if missing else "node.py: needs root",
              file=sys.stderr)
        return 69
    if os.getpid() != 1:  # once more, in namespaces that end with it
        os.execvp("unshare", ["unshare", "--mount", "--net", "--pid", "--fork", "--kill-child",
                              "--mount-proc", sys.executable, "-B", *sys.argv])
    before = [(path, path.read_text()) for path in SYSCTLS]
    result = 1
    with tempfile.TemporaryDirectory(prefix="handrail-node-", ignore_cleanup_errors=True) as folder:
        try:
            node = Node(Path(folder), arguments.image, arguments.crds)
            check(node)
            result = 0
        except Failure as failure:
            print(f"FAILED: {failure}\n{folder} has the logs" if arguments.stay else
                  f"FAILED: {failure}", file=sys.stderr)
        finally:
            if arguments.stay:
                subprocess.run(["sh"], cwd=folder, check=False, env={
                    **os.environ, "KUBECONFIG": f"{folder}/kubeconfig"})
            clean_up(Path(folder))
            for path, value in before:
                path.write_text(value)
    return result


def clean_up(folder: Path) -> None:
    """End what runs, and what it has mounted and made."""
    kill_leftovers()
    mounted = [line.split()[1] for line in Path("/proc/mounts").read_text().splitlines()]
    for target in reversed(mounted):
        if target.startswith(f"{folder}/"):
            subprocess.run(["umount", "--lazy", target], check=False)
    for root, _, _ in os.walk("/sys/fs/cgroup", topdown=False):
        if "/kubepods" in root:
            with suppress(OSError):
                os.rmdir(root)


if __name__ == "__main__":
    sys.exit(main())
