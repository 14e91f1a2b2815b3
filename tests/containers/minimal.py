#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Run the image of docker/examples/minimal as a platform would.  Started by minimal.sh.

    minimal.py ROOTFS IMAGE.JSON FOLDER

ROOTFS is the image's root file system, IMAGE.JSON what buildah says about it, and FOLDER a place
for runc.  The network is expected to be nobody else's: the usual ports are used.
"""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from support import (  # noqa: E402
    Answer, Failure, Process, descendants, fresh_folder, read_process, request, spawn, wait_for,
)

UID = 10001
AGENT, HEALTH, MCP = 60000, 60010, 60011
FLAGS = ["--port", str(AGENT)]
SERVER_PATH = "/usr/local/bin/openhands-agent-server"
HOME = "/home/openhands"
WRITABLE = {HOME: 0o700, "/workspace": 0o700, "/tmp": 0o1777}
START_SECONDS = 120.0
GRACE_SECONDS = 25.0  # handrail's own default


def say(text: str) -> None:
    for line in text.splitlines():
        print(f"   {line}", flush=True)


def passwd_name(rootfs: Path, uid: int) -> str:
    for line in (rootfs / "etc/passwd").read_text().splitlines():
        fields = line.split(":")
        if int(fields[2]) == uid:
            return fields[0]
    raise Failure(f"the image has no user {uid}")


def bundle(folder: Path, rootfs: Path, image: dict[str, Any], args: Sequence[str]) -> None:
    """runc's configuration: what Kubernetes' "restricted" asks for, and a read-only root."""
    subprocess.run(["runc", "spec"], cwd=folder, check=True)
    path = folder / "config.json"
    spec = json.loads(path.read_text())
    spec["root"] = {"path": str(rootfs), "readonly": True}
    spec["process"].update({
        "terminal": False, "args": list(args), "cwd": image.get("WorkingDir") or "/",
        "user": {"uid": UID, "gid": UID}, "env": image["Env"], "noNewPrivileges": True,
        "capabilities": {name: [] for name in spec["process"]["capabilities"]},
    })
    spec["mounts"] += [
        {"destination": where, "type": "tmpfs", "source": "tmpfs",
         "options": ["nosuid", "nodev", f"mode={mode:o}", f"uid={UID}", f"gid={UID}"]}
        for where, mode in WRITABLE.items()
    ]
    spec["linux"]["namespaces"] = [
        space for space in spec["linux"]["namespaces"] if space["type"] != "network"]
    path.write_text(json.dumps(spec, indent=2))


class Container:
    """One container, run in the foreground by runc; all it writes is kept in `lines`."""

    def __init__(self, folder: Path, name: str) -> None:
        self.name, self.folder = name, folder
        self.runc = ["runc", "--root", str(folder.parent / "state")]
        self.lines: list[str] = []
        self.began = time.monotonic()
        self.process = spawn([*self.runc, "run", "--bundle", folder, name],
                             stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        self.pid = wait_for("the container to run", self._running, 20)

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

    def call_tool(self, name: str, arguments: dict[str, Any]) -> str:
        """The text a tool answers, over MCP, with what the ambient plugin's file tells."""
        ambient = self.file(f"{HOME}/.agents/plugins/handrail/.mcp.json")
        server = json.loads(ambient.read_text())["mcpServers"]["handrail"]
        if server["url"] != f"http://127.0.0.1:{MCP}/mcp":
            raise Failure(f"{ambient} names {server['url']}")
        headers = {"Accept": "application/json, text/event-stream", **server["headers"]}
        message = {"jsonrpc": "2.0", "id": 1, "method": "tools/call",
                   "params": {"name": name, "arguments": arguments}}
        answer = request(MCP, "POST", "/mcp", message, headers)
        result = answer.json().get("result") if answer.status == 200 else None
        if not result or result.get("isError"):
            raise Failure(f"tool {name}: {answer.status} {answer.text[:500]}")
        return result["content"][0]["text"]


def check_start(c: Container) -> None:
    c.wait_status("/startupz", 503, 10)
    if c.get("/readyz").status != 503:
        raise Failure("/readyz is not 503 while the server starts")
    say("/startupz 503 and /readyz 503 while the server starts")
    c.wait_status("/readyz", 200, START_SECONDS)
    if c.get("/startupz").status != 200:
        raise Failure("/readyz is 200, /startupz is not")
    say(f"/readyz 200 after {time.monotonic() - c.began:.1f} s")


def check_confined(c: Container) -> None:
    for process in c.processes():
        status = Path(f"/proc/{process.pid}/status").read_text()
        uids = re.findall(r"^Uid:\t(.*)$", status, re.M)[0].split()
        capabilities = re.findall(r"^Cap(?:Prm|Eff|Bnd|Amb):\t(\w+)$", status, re.M)
        if set(uids) != {str(UID)} or any(int(mask, 16) for mask in capabilities):
            raise Failure(f"{process}: uids {uids}, capabilities {capabilities}")
    mounts = [line.split() for line in Path(f"/proc/{c.pid}/mounts").read_text().splitlines()]
    if not any(where == "/" and "ro" in options.split(",") for _, where, _, options, *_ in mounts):
        raise Failure(f"the root is not read-only: {mounts}")
    say(f"{len(c.processes())} processes, all uid {UID} without capabilities; the root is "
        "read-only")


def check_tools(c: Container) -> None:
    text = "a line in the workspace"
    c.execute("sh", "-c", f"echo '{text}' >/workspace/note.txt")
    echoed = c.call_tool("echo", {"text": "hello"})
    found = c.call_tool("workspace_search", {"pattern": "a line in"})
    if "hello" not in echoed or "note.txt" not in found or text not in found:
        raise Failure(f"echo answered {echoed!r}, workspace_search {found!r}")
    say(f"echo: {echoed}")
    say(f"workspace_search: {found}")
    rows = "\\n".join(f"{i % 7},{i % 5},{'ab'[i % 7 > 3]}" for i in range(60))
    c.execute("sh", "-c", f"printf 'x,y,kind\\n{rows}\\n' >/workspace/data.csv")
    made = c.execute("/opt/handrail/bin/handrail", "plugin", "call", "sqlite_execute",
                     '{"database": "a.db", "sql": "CREATE TABLE t (x)", "create": true}',
                     "--plugin=/opt/handrail/share/plugins/sqlite-query.so",
                     '--config={"writable": true}')
    if made.returncode:
        raise Failure(f"handrail plugin call: {made.stdout}{made.stderr}")
    for tool, arguments, word in (
            ("sqlite_schema", {"database": "a.db"}, "t"),
            ("train_classifier", {"path": "data.csv", "target": "kind"}, "accuracy"),
            ("text_statistics", {"path": "note.txt"}, "word"),
            ("hash_tree", {}, "note.txt")):
        answer = c.call_tool(tool, arguments)
        if word not in answer.lower():
            raise Failure(f"{tool} answered {answer!r}")
        say(f"{tool}: {answer.splitlines()[0]}")


def check_orphans(c: Container) -> None:
    """What loses its parent becomes a child of the container's first process, which reaps it."""
    c.execute("sh", "-c", "for i in 1 2 3 4 5; do (sleep 0.2 &) & done; wait")
    wait_for("no zombies", lambda: all(
        p.state != "Z" and "sleep" not in p.argv for p in c.processes()), 10)


def check_kill(c: Container) -> None:
    old = c.server()
    began = time.monotonic()
    subprocess.run(["kill", "-9", str(old)], check=True)
    off = c.wait_status("/readyz", 503, 10)
    if c.get("/livez").status != 200:
        raise Failure(f"/livez is not 200 while the server starts again:\n{c.get('/livez').text}")
    say(f"kill -9 of the server: /readyz {off.status}, /livez 200")
    c.wait_status("/readyz", 200, START_SECONDS)
    if c.server() in (0, old):
        raise Failure("ready again, but there is no new server")
    say(f"/readyz 200 again after {time.monotonic() - began:.1f} s; "
        f"echo: {c.call_tool('echo', {'text': 'still here'})}")


def check_stop(c: Container) -> None:
    began = time.monotonic()
    subprocess.run([*c.runc, "kill", c.name, "TERM"], check=True)
    try:
        code = c.process.wait(GRACE_SECONDS)
    except subprocess.TimeoutExpired:
        raise Failure(f"still running {GRACE_SECONDS:g} s after TERM: {c.processes()}") from None
    if code != 128 + signal.SIGTERM:
        raise Failure(f"TERM: exit code {code}")
    say(f"TERM: exit code {code} after {time.monotonic() - began:.1f} s")


CHECKS: list[Callable[[Container], None]] = [
    check_start, check_confined, check_tools, check_orphans, check_kill, check_stop]


def check(folder: Path, name: str, args: Sequence[str], rootfs: Path,
          image: dict[str, Any]) -> bool:
    print(f"== {name}: {' '.join(args)}", flush=True)
    bundle(fresh_folder(folder / name), rootfs, image, args)
    with Container(folder / name, name) as c:
        try:
            for part in CHECKS:
                part(c)
            return True
        except Failure as failure:
            print(f"FAILED {name}: {failure}\n-- all it wrote", *c.lines, sep="\n", flush=True)
            return False


def main() -> int:
    rootfs, folder = Path(sys.argv[1]), fresh_folder(Path(sys.argv[3]))
    image = json.loads(Path(sys.argv[2]).read_text())["OCIv1"]["config"]
    if image["User"] not in (str(UID), passwd_name(rootfs, UID)):
        raise Failure(f"the image's user is {image['User']!r}")
    # The image's own entrypoint, and what a platform starts that replaces it.
    good = [check(folder, "entrypoint", [*image["Entrypoint"], *FLAGS], rootfs, image),
            check(folder, "first-process", [SERVER_PATH, *FLAGS], rootfs, image)]
    print(f"{sum(good)} of {len(good)} containers passed")
    return 0 if all(good) else 1


if __name__ == "__main__":
    sys.exit(main())
