#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Run the images of docker/examples with the real agent-server.  Started by run.sh.

    images.py FOLDER NAME=ROOTFS...

FOLDER has, for each image, what buildah says about it as NAME.json, and room for runc.  A
container gets what docker/kubernetes/base/pod.yaml says: user, arguments, variables, a read-only
root, what is writable, no capabilities, seccomp, and the kubelet's probes; and for some of RUNS
what other platforms do instead. The network is expected to be nobody else's: the usual ports are
used.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

TESTS = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(TESTS), str(TESTS / "kubernetes"), str(TESTS / "e2e")]

import manifests  # noqa: E402
from harness import AgentApi, ScriptedModel, calling  # noqa: E402
from kubelet import Kubelet, Probe  # noqa: E402
from podinfo import Podinfo  # noqa: E402
from support import (  # noqa: E402
    Answer, Failure, Process, descendants, fresh_folder, read_process, request, spawn, wait_for,
)

POD = manifests.pod("session-key")
SPEC, CONTAINER = POD["spec"], manifests.container(POD)
UID = SPEC["securityContext"]["runAsUser"]
VARIABLES = manifests.environment(POD)
HOME = VARIABLES["HOME"]
KEY = VARIABLES["OH_SESSION_API_KEYS_0"]
HEALTH, MCP = manifests.port(POD, "health"), 60011
SERVER_PATH = "/usr/local/bin/openhands-agent-server"
SECCOMP = Path("/usr/share/containers/seccomp.json")  # of golang-github-containers-common
START_SECONDS = 120.0
LINE_CHARS = 400  # of each line of its log, where it is shown
STOP_SECONDS = float(SPEC["terminationGracePeriodSeconds"])


class Run(NamedTuple):
    name: str
    image: str
    checks: Sequence[Callable[[Container], None]]
    args: Sequence[str] | None = None  # instead of the image's entrypoint with the pod's arguments
    port: int = manifests.port(POD, "agent")
    uid: int = UID
    gid: int = UID


def say(text: str) -> None:
    for line in text.splitlines():
        print(f"   {line}", flush=True)


def passwd_name(rootfs: Path, uid: int) -> str:
    for line in (rootfs / "etc/passwd").read_text().splitlines():
        fields = line.split(":")
        if int(fields[2]) == uid:
            return fields[0]
    raise Failure(f"the image has no user {uid}")


def runtime_default() -> dict[str, Any]:
    """The seccomp profile that container engines use if told nothing, for a container without
    capabilities on this machine, as runc wants it."""
    profile = json.loads(SECCOMP.read_text())

    def applies(rule: Mapping[str, Any]) -> bool:
        wanted, unwanted = rule.get("includes") or {}, rule.get("excludes") or {}
        return not wanted.get("caps") and "arches" not in unwanted and \
            ("arches" not in wanted or "amd64" in wanted["arches"])

    fields = ("names", "action", "errnoRet", "args")
    return {"defaultAction": profile["defaultAction"],
            "defaultErrnoRet": profile["defaultErrnoRet"],
            "architectures": ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32"],
            "syscalls": [{name: rule[name] for name in fields if rule.get(name) is not None}
                         for rule in profile["syscalls"] if applies(rule)]}


def mounts(folder: Path, run: Run) -> list[dict[str, Any]]:
    """The pod's volumes as the kubelet makes them: folders of the node, and an emptyDir's group is
    the pod's fsGroup."""
    kinds = {volume["name"]: volume for volume in SPEC["volumes"]}
    found = []
    for mount in CONTAINER["volumeMounts"]:
        place = folder / mount["name"]
        if "emptyDir" in kinds[mount["name"]]:
            place.mkdir()
            os.chown(place, 0, run.gid)
            place.chmod(0o2777)
        else:
            Podinfo(place).write(POD["metadata"]["labels"])
        found.append({"destination": mount["mountPath"], "type": "bind", "source": str(place),
                      "options": ["rbind", "ro" if mount.get("readOnly") else "rw"]})
    return found


def bundle(folder: Path, run: Run, rootfs: Path, image: Mapping[str, Any]) -> None:
    """runc's configuration."""
    subprocess.run(["runc", "spec"], cwd=folder, check=True)
    path = folder / "config.json"
    spec = json.loads(path.read_text())
    security = CONTAINER["securityContext"]
    spec["root"] = {"path": str(rootfs), "readonly": security["readOnlyRootFilesystem"]}
    spec["process"].update({
        "terminal": False, "cwd": image.get("WorkingDir") or "/",
        "args": list(run.args or [*image["Entrypoint"], *CONTAINER["args"]]),
        "user": {"uid": run.uid, "gid": run.gid},
        "env": [*image["Env"], *(f"{name}={value}" for name, value in VARIABLES.items())],
        "noNewPrivileges": not security["allowPrivilegeEscalation"],
        "capabilities": {name: [] for name in spec["process"]["capabilities"]},
    })
    spec["mounts"] += mounts(folder, run)
    spec["linux"]["seccomp"] = runtime_default()
    spec["linux"]["namespaces"] = [
        space for space in spec["linux"]["namespaces"] if space["type"] != "network"]
    path.write_text(json.dumps(spec, indent=2))


class Container:
    """One container, run in the foreground by runc; all it writes is kept in `lines`."""

    def __init__(self, folder: Path, run: Run, model: ScriptedModel) -> None:
        self.name, self.run, self.model = run.name, run, model
        self.api = AgentApi(run.port, KEY)
        self.conversation = ""
        self.runc = ["runc", "--root", str(folder.parent / "state")]
        self.lines: list[str] = []
        self.began = time.monotonic()
        self.process = spawn([*self.runc, "run", "--bundle", folder, self.name],
                             stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        self.pid = wait_for("the container to run", self._running, 20)
        self.kubelet = Kubelet({kind: Probe(HEALTH, spec) for kind, spec in manifests.probes(POD)})

    def _read(self) -> None:
        assert self.process.stdout
        for raw in self.process.stdout:
            self.lines.append(raw.decode("utf-8", "replace").rstrip("\n"))

    def _running(self) -> int:
        if self.process.poll() is not None:
            self._reader.join(5)
            raise Failure(f"runc ended with {self.process.returncode}:\n" + "\n".join(self.lines))
        found = subprocess.run([*self.runc, "state", self.name], capture_output=True, text=True)
        state = json.loads(found.stdout) if found.returncode == 0 else {}
        return int(state["pid"]) if state.get("status") == "running" else 0

    def __enter__(self) -> Container:
        return self

    def __exit__(self, *_: object) -> None:
        self.kubelet.stop()
        subprocess.run([*self.runc, "delete", "--force", self.name], capture_output=True)
        self.process.kill()
        self.process.wait()
        self._reader.join(5)

    def execute(self, *command: str) -> subprocess.CompletedProcess[str]:
        """Run a command in it, as its user."""
        return subprocess.run([*self.runc, "exec", self.name, *command],
                              capture_output=True, text=True, timeout=30)

    def file(self, path: str) -> Path:
        """A file as the container sees it."""
        return Path(f"/proc/{self.pid}/root{path}")

    def processes(self) -> list[Process]:
        first = read_process(self.pid)
        return ([first] if first else []) + descendants(self.pid)

    def server(self) -> int:
        """The agent-server's pid on this side, or 0."""
        return next((p.pid for p in self.processes() if "openhands.agent_server" in p.argv), 0)

    def get(self, path: str) -> Answer:
        if self.process.poll() is not None:
            raise Failure(f"the container has ended with {self.process.returncode}")
        return request(HEALTH, "GET", path, timeout=2)

    def wait_status(self, path: str, status: int, timeout: float) -> Answer:
        last = Answer(0, b"", {})

        def reached() -> Answer | None:
            nonlocal last
            last = self.get(path)
            return last if last.status == status else None

        try:
            return wait_for(f"{path} {status}", reached, timeout)
        except Failure as failure:
            raise Failure(f"{failure}; last answer {last.status}:\n{last.text}") from None

    def ask_agent(self, tool: str, arguments: Mapping[str, Any], kind: str = "Agent") -> str:
        """Have the agent call a tool in the one conversation: the answer it saw."""
        text = calling(tool, arguments)
        if self.conversation:
            self.api.send(self.conversation, text)
        else:
            self.conversation = self.api.create(self.model.url, Path("/workspace"), text, kind)
        answer = self.api.turn(self.conversation, text).answer(tool)
        answer = answer.removeprefix(f"[Tool '{tool}' executed.]").strip()
        say(f"{tool}: {answer.splitlines()[0]}")
        return answer


def expect(words: str, text: str) -> None:
    if words not in text:
        raise Failure(f"no {words!r} in {text!r}")


def check_start(c: Container) -> None:
    c.wait_status("/startupz", 503, 10)
    if c.get("/readyz").status != 503:
        raise Failure("/readyz is not 503 while the server starts")
    wait_for("readiness, as the kubelet sees it", lambda: c.kubelet.ready, START_SECONDS)
    say(f"/startupz and /readyz 503, and ready after {time.monotonic() - c.began:.1f} s")


def check_confined(c: Container) -> None:
    for process in c.processes():
        status = dict(line.split(":\t", 1) for line in
                      Path(f"/proc/{process.pid}/status").read_text().splitlines() if ":\t" in line)
        capabilities = [status[name] for name in ("CapPrm", "CapEff", "CapBnd", "CapAmb")]
        if set(status["Uid"].split()) != {str(c.run.uid)} or any(int(m, 16) for m in capabilities):
            raise Failure(f"{process}: uids {status['Uid']}, capabilities {capabilities}")
        if (status["NoNewPrivs"], status["Seccomp"]) != ("1", "2"):
            raise Failure(f"{process}: no_new_privs {status['NoNewPrivs']}, "
                          f"seccomp {status['Seccomp']}")
    lines = [line.split() for line in Path(f"/proc/{c.pid}/mounts").read_text().splitlines()]
    if not any(where == "/" and "ro" in options.split(",") for _, where, _, options, *_ in lines):
        raise Failure(f"the root is not read-only: {lines}")
    plugins = c.get("/plugins").json()["plugins"]
    missing = {item["what"] if isinstance(item, dict) else str(item)
               for plugin in plugins for item in plugin["confinement"]["missing"]}
    say(f"{len(c.processes())} processes, all uid {c.run.uid} without capabilities, under seccomp; "
        f"the root is read-only; plugins lack {', '.join(sorted(missing)) or 'nothing'}")


def check_status(c: Container) -> None:
    """What the manuals say an operator types."""
    for command in (["status"], ["probe", "ready"], ["crashes"], ["check"]):
        done = c.execute("/opt/handrail/bin/handrail", *command)
        if done.returncode:
            raise Failure(f"handrail {command}: {done.returncode}: {done.stdout}{done.stderr}")


def check_echo(c: Container) -> None:
    expect("hello", c.ask_agent("echo", {"text": "hello"}))
    c.execute("sh", "-c", "echo 'a line in the workspace' >/workspace/note.txt")
    expect("note.txt", c.ask_agent("workspace_search", {"pattern": "a line in"}))


def check_tools(c: Container) -> None:
    check_echo(c)
    expect("word", c.ask_agent("text_statistics", {"path": "note.txt"}).lower())
    expect("note.txt", c.ask_agent("hash_tree", {}))
    made = c.execute("/opt/handrail/bin/handrail", "plugin", "call", "sqlite_execute",
                     '{"database": "a.db", "sql": "CREATE TABLE t (x)", "create": true}',
                     "--plugin=/opt/handrail/share/plugins/sqlite-query.so",
                     '--config={"writable": true}')
    if made.returncode:
        raise Failure(f"handrail plugin call: {made.stdout}{made.stderr}")
    expect("table t", c.ask_agent("sqlite_schema", {"database": "a.db"}))


def check_data(c: Container) -> None:
    """Data made by a program with the image's packages, and looked into by its tools."""
    program = ("import pandas as p; d = p.DataFrame({'x': [i % 7 for i in range(60)]}); "
               "d['kind'] = d.x.gt(3).map({True: 'b', False: 'a'}); "
               "d.to_csv('/workspace/data.csv', index=False); print(len(d))")
    made = c.execute("python3", "-c", program)
    if made.stdout != "60\n":
        raise Failure(f"pandas: {made.returncode}: {made.stdout}{made.stderr}")
    say("pandas: 60 rows")
    train = {"path": "data.csv", "target": "kind"}
    expect("accuracy", c.ask_agent("train_classifier", train))
    c.ask_agent("sqlite_execute", {"database": "a.db", "create": True, "sql": "CREATE TABLE t (x)"})
    c.ask_agent("sqlite_execute", {"database": "a.db", "sql": "INSERT INTO t VALUES (42)"})
    expect("42", c.ask_agent("sqlite_query", {"database": "a.db", "sql": "SELECT x FROM t"}))
    expect("data.csv", c.ask_agent("workspace_search", {"pattern": "kind"}))


def check_agent(c: Container) -> None:
    """The class by its name, and as what a client gets that asks for the stock one."""
    expect("hello", c.ask_agent("echo", {"text": "hello"}, "MySpecializedAgent"))
    c.conversation = ""
    expect("hello", c.ask_agent("echo", {"text": "hello again"}))
    found = c.api.expect(200, "GET", f"/api/conversations/{c.conversation}")
    if found["agent"]["kind"] != "MySpecializedAgent":
        raise Failure(f"the default agent is {found['agent']['kind']}")
    asked = request(int(c.model.url.split(":")[2].split("/")[0]), "GET", "/_requests").text
    expect("You look into data that others own.", asked)
    say("MySpecializedAgent, by name and by default")
    wrong = c.execute("env", "CUSTOM_AGENT_CLASS=Nope",
                      "/opt/handrail/bin/handrail", "check", "--build")
    if wrong.returncode != 1 or "[agent-class]" not in wrong.stdout:
        raise Failure(f"no such class: {wrong.returncode}: {wrong.stdout}{wrong.stderr}")


def check_spec(c: Container) -> None:
    """The image's sandbox specification, held against the container that runs it."""
    spec = "/app/config/sandbox-spec.yaml"
    done = c.execute("/opt/handrail/bin/handrail", "check", "--format=json", f"--spec={spec}")
    found = [f for f in json.loads(done.stdout)["findings"] if f.get("file") == spec]
    if [f["rule"] for f in found] != ["not-held"] or "a container does not tell" not in found[0]["message"]:
        raise Failure(f"{done.returncode}: {found}")
    say("it is as its sandbox specification says")


def check_sdk(c: Container) -> None:
    """The SDK's remote workspace, as in tests/e2e/test_sdk.py, which compares all it sees."""
    work = "/workspace/sdk"
    c.execute("mkdir", work)
    done = subprocess.run(
        [*c.runc, "exec", c.name, "/agent-server/.venv/bin/python", "-B", "-",
         f"http://127.0.0.1:{c.run.port}", KEY, work, c.model.url,
         calling("echo", {"text": "through the SDK"})],
        input=(TESTS / "e2e/sdk_client.py").read_text(), capture_output=True, text=True,
        timeout=180, check=False)
    if done.returncode:
        raise Failure(f"the SDK's client: {done.stderr[-2000:]}")
    seen = json.loads(done.stdout)
    expect("through the SDK", seen["conversation"]["answers"][0])
    for what, wanted in (("output", [0, "Hello World!\n", "", False]), ("stopped", [-15, None])):
        if seen["commands"][what] != wanted:
            raise Failure(f"{what}: {seen['commands'][what]}")
    if seen["files"]["down"] != [True, 1 << 20, True] or len(seen["git"]["changes"]) != 2:
        raise Failure(f"files {seen['files']}, git {seen['git']}")
    say("the SDK's remote workspace: commands, files up and down, git, a conversation, closed")


def check_orphans(c: Container) -> None:
    """What loses its parent becomes a child of the container's first process, which reaps it."""
    c.execute("sh", "-c", "for i in 1 2 3 4 5; do (sleep 0.2 &) & done; wait")
    wait_for("no zombies", lambda: all(
        p.state != "Z" and "sleep" not in p.argv for p in c.processes()), 10)


def check_kill(c: Container) -> None:
    old = c.server()
    began = time.monotonic()
    subprocess.run(["kill", "-9", str(old)], check=True)
    c.wait_status("/readyz", 503, 10)
    if c.get("/livez").status != 200:
        raise Failure(f"/livez is not 200 while the server starts again:\n{c.get('/livez').text}")
    c.wait_status("/readyz", 200, START_SECONDS)
    if c.server() in (0, old):
        raise Failure("ready again, but there is no new server")
    say(f"kill -9 of the server: /readyz 503, /livez 200; ready again after "
        f"{time.monotonic() - began:.1f} s, and its conversation goes on")
    arguments = {"pattern": "x"} if c.run.image == "data-science" else {"text": "still here"}
    c.ask_agent("workspace_search" if "pattern" in arguments else "echo", arguments)
    if not list(c.file(VARIABLES["HANDRAIL_CRASH_DIR"]).iterdir()):
        raise Failure("no crash report on the volume")


def check_stop(c: Container) -> None:
    if c.kubelet.kills:
        raise Failure(f"the kubelet would have ended it: {c.kubelet.kills}")
    began = time.monotonic()
    subprocess.run([*c.runc, "kill", c.name, "TERM"], check=True)
    try:
        code = c.process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        raise Failure(f"still running {STOP_SECONDS:g} s after TERM: {c.processes()}") from None
    if code != 128 + signal.SIGTERM:
        raise Failure(f"TERM: exit code {code}")
    say(f"TERM: exit code {code} after {time.monotonic() - began:.1f} s")


BEGIN, END = (check_start, check_confined, check_status), (check_orphans, check_kill, check_stop)
RUNS = (
    Run("pod", "minimal", (*BEGIN, check_echo, check_sdk, *END)),
    # What a platform starts that replaces the entrypoint.
    Run("first-process", "tools", (*BEGIN, check_tools, *END),
        args=(SERVER_PATH, "--port", "60000"), port=60000),
    # A platform that chooses the uid: the image has no such user, and its group is root's.
    Run("any-uid", "data-science", (*BEGIN, check_data, *END), uid=1234567, gid=0),
    Run("custom-agent", "custom-agent", (*BEGIN, check_agent, check_spec, *END)),
)


def check(folder: Path, run: Run, rootfs: Path, image: Mapping[str, Any],
          model: ScriptedModel) -> bool:
    print(f"== {run.image}: {run.name}", flush=True)
    if image["User"] not in (str(UID), passwd_name(rootfs, UID)):
        raise Failure(f"the image's user is {image['User']!r}")
    bundle(fresh_folder(folder / run.name), run, rootfs, image)
    with Container(folder / run.name, run, model) as c:
        try:
            for part in run.checks:
                part(c)
            return True
        except Failure as failure:
            print(f"FAILED {run.name}: {failure}\n-- all it wrote",
                  *(line[:LINE_CHARS] for line in c.lines), sep="\n", flush=True)
            return False


def main() -> int:
    folder = Path(sys.argv[1])
    images = dict(word.split("=", 1) for word in sys.argv[2:])
    model = ScriptedModel()
    try:
        good = [check(folder / "runc", run, Path(images[run.image]), json.loads(
            (folder / f"{run.image}.json").read_text())["OCIv1"]["config"], model)
            for run in RUNS if run.image in images]
    finally:
        model.stop()
    print(f"{sum(good)} of {len(good)} containers passed")
    return 0 if good and all(good) else 1


if __name__ == "__main__":
    sys.exit(main())
