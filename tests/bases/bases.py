#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The release in the root file systems of many distributions.  Started by run.sh.

    bases.py FOLDER TREE NAME=ROOTFS...

FOLDER has the server and the plugins that run.sh has built, TREE is the release.  In each root
file system, which is only read, the same is tried: handrail as process 1 around a static server,
with plugins that were built elsewhere; then what a hostile image could do to the programs that
load plugins.  The network and the mounts are expected to be nobody else's.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from support import (  # noqa: E402
    Failure, Handrail, descendants, free_ports, fresh_folder, request, wait_for,
)

PROGRAM = "/opt/handrail/bin/handrail"
PLACE = "/test"  # in the root file system
HOSTILE = f"{PLACE}/hostile"
BUILT = ["libc-here", "libc-debian-11", "libc-debian-13"]  # with whose C library
LIBRARIES = ["libc.so.6", "libdl.so.2", "libgcc_s.so.1", "libm.so.6", "libpthread.so.0"]
START_SECONDS = 30.0
# As the agent-server's own image sets it: the colon at its end names the current folder.
LIBRARY_PATH = "/usr/lib/aarch64-linux-gnu:/usr/lib:/usr/lib/x86_64-linux-gnu:"
# --mount-proc mounts what is /proc after --root, in a mount namespace of that process alone.
CONTAINER = ["unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"]
SERVER = "openhands-agent-server"
DEVICES = {"null": 3, "zero": 5, "full": 7, "random": 8, "urandom": 9}
ENTRY = {"enabled": True, "required": True, "config": {}}
MOUNTS = "proc", "dev", "opt/handrail", "tmp"


class Base:
    """A root file system with what a container engine adds to an image, and PLACE."""

    def __init__(self, folder: Path, tree: Path, name: str, rootfs: Path) -> None:
        self.name, self.files = name, folder
        self.libc = libc_of(rootfs)
        scratch = fresh_folder(folder / "root")
        mount("-t", "tmpfs", "tmpfs", scratch)
        self.root = scratch / "merged"
        for part in ("upper", "work", "merged"):
            (scratch / part).mkdir()
        mount("-t", "overlay", "overlay", "-o", f"lowerdir={rootfs},upperdir={scratch}/upper,"
              f"workdir={scratch}/work", self.root)
        for part in (*MOUNTS, "workspace", "etc", PLACE[1:], HOSTILE[1:]):
            (self.root / part).mkdir(parents=True, exist_ok=True)
        mount("--bind", "-o", "ro", tree, self.root / "opt/handrail")
        mount("-t", "tmpfs", "-o", "mode=755", "tmpfs", self.root / "dev")
        for device, minor in DEVICES.items():
            os.mknod(self.root / "dev" / device, stat.S_IFCHR | 0o666, os.makedev(1, minor))
        self.place = self.root / PLACE[1:]
        shutil.copy(folder / "server", self.place)
        for plugin in [*folder.glob("*.so")]:
            shutil.copy(plugin, self.place)
        for library in LIBRARIES:
            shutil.copy(folder / "evil.so", self.root / HOSTILE[1:] / library)

    def close(self) -> None:
        subprocess.run(["umount", "--recursive", "--lazy", self.root.parent], check=True)

    @contextmanager
    def running(self, plugins: Sequence[str], env: Mapping[str, str] | None = None) -> Iterator[Handrail]:
        """Handrail as process 1 of it, in a folder with libraries that end what loads them."""
        ports = free_ports(3)
        entries = [{**ENTRY, "id": name, "path": f"{PLACE}/{name}.so"} for name in plugins]
        way_in = [*CONTAINER, f"--root={self.root}", f"--wd={HOSTILE}", PROGRAM, "run",
                  f"--registry={PLACE}/tool_registry.json", "--", f"{PLACE}/server", "{port}"]
        environment = {"PATH": "/usr/bin:/bin", "HOME": f"{PLACE}/home", "HANDRAIL_CONFIG_DIR": PLACE,
                       "LD_LIBRARY_PATH": LIBRARY_PATH, **(env or {})}
        with Handrail(self.place, [], way_in=["env", *(f"{k}={v}" for k, v in environment.items()),
                                              *way_in], plugins=entries, ports=ports) as h:
            shell = h.process.pid
            first = wait_for("the first process", lambda: [
                p.pid for p in descendants(shell) if p.ppid == shell and p.argv[:1] == [PROGRAM]], 10)
            h.pid = first[0]
            yield h

    def inside(self, h: Handrail, *arguments: str) -> str:
        """What a command of handrail says in the container, as `kubectl exec` runs it."""
        done = subprocess.run(
            ["nsenter", f"--target={h.pid}", "--mount", "--pid", "--root", f"--wdns={HOSTILE}",
             PROGRAM, *arguments], capture_output=True, text=True, timeout=60,
            env={"PATH": "/usr/local/bin:/usr/bin", "HANDRAIL_CONFIG_DIR": PLACE, "HOME": f"{PLACE}/home",
                 "HANDRAIL_AGENT_PORT": str(h.agent_port), "LD_LIBRARY_PATH": LIBRARY_PATH,
                 "HANDRAIL_HEALTH_ADDR": f"127.0.0.1:{h.health_port}",
                 "HANDRAIL_MCP_ADDR": f"127.0.0.1:{h.mcp_port}"})
        if done.returncode != 0:
            raise Failure(f"handrail {' '.join(arguments)}: {done.returncode}:\n"
                          f"{done.stdout}{done.stderr}")
        return done.stdout


def mount(*arguments: str | Path) -> None:
    subprocess.run(["mount", *arguments], check=True)


def libc_of(rootfs: Path) -> str:
    for pattern in ("lib/x86_64-linux-gnu/libc.so.6", "usr/lib/x86_64-linux-gnu/libc.so.6"):
        for path in rootfs.glob(pattern):
            found = re.search(rb"GNU C Library .*? version (\d+\.\d+)", path.read_bytes())
            if found:
                return f"glibc {found.group(1).decode()}"
    return "musl" if [*rootfs.glob("lib/ld-musl-*")] else "none"


def expect(what: str, text: str, pattern: str) -> re.Match[str]:
    found = re.search(pattern, text)
    if not found:
        raise Failure(f"{what}: no {pattern!r} in:\n{text[:2000]}")
    return found


def called(h: Handrail, tool: str) -> str:
    result = h.call_tool(tool, {})
    if result.get("isError"):
        raise Failure(f"{tool}: {result}")
    return str(result["content"][0]["text"])


# --- what is tried ----------------------------------------------------------------------------------


def stopped(h: Handrail) -> None:
    os.kill(h.pid, signal.SIGTERM)
    code = h.wait()
    if code != 143:
        raise Failure(f"after TERM it ended with {code}, not 143:\n{h.log()}")
    if h.leftovers():
        raise Failure(f"left running: {h.leftovers()}")


def installed(base: Base) -> str:
    """As a Dockerfile's RUN would, and as the build of an image would be held against it."""
    server = fresh_folder(base.root / "usr/local/bin") / SERVER
    shutil.copy(base.files / "server", server)
    for arguments in (["install", "--no-check"], ["check", "--build"]):
        done = subprocess.run([*CONTAINER, f"--root={base.root}", f"--wd={HOSTILE}", PROGRAM, *arguments],
                              env={"PATH": "/usr/local/bin:/usr/bin", "LD_LIBRARY_PATH": LIBRARY_PATH},
                              capture_output=True, text=True, timeout=60)
        if done.returncode != 0:
            raise Failure(f"handrail {' '.join(arguments)}: {done.returncode}:\n"
                          f"{done.stdout}{done.stderr}")
    if not server.with_name(f"{SERVER}.real").is_file() or not server.is_symlink():
        raise Failure("install has not put handrail in the server's place")
    return "ok"


def smoke(base: Base) -> str:
    with base.running([*BUILT, "hash-tree"]) as h:
        h.wait_status("/readyz", 200, START_SECONDS)
        for path, pattern in (("/livez", ""), ("/startupz", ""), ("/metrics", r"(?m)^handrail_")):
            expect(path, h.wait_status(path, 200).text, pattern)
        for name in BUILT:
            expect(name, called(h, name), r"running 2\.\d+ symbol yes number 3\.0$")
        called(h, "hash_tree")
        answer = request(h.mcp_port, "POST", "/mcp", {"jsonrpc": "2.0", "id": 1, "method": "ping"})
        if answer.status != 401:
            raise Failure(f"MCP without the token: {answer.status}, not 401")
        expect("status", base.inside(h, "status"), r"libc-debian-13")
        expect("check", base.inside(h, "check", "--build"), "ok: plugin libc-debian-13: .*1 tool")

        server = h.child(f"{PLACE}/server")
        os.kill(server, signal.SIGKILL)
        h.new_child(f"{PLACE}/server", server)
        h.wait_status("/readyz", 200, START_SECONDS)
        stopped(h)
    return "ok"


@contextmanager
def preload(base: Base, library: str) -> Iterator[None]:
    """In the image's /etc/ld.so.preload, which the image's loader reads in every process."""
    file = base.root / "etc/ld.so.preload"
    file.write_text(f"{library}\n")
    yield
    file.unlink()


def preloading(base: Base) -> str:
    """A library there that ends what loads it ends nothing of ours."""
    with preload(base, f"{PLACE}/evil.so"), base.running(["libc-here"]) as h:
        h.wait_status("/readyz", 200, START_SECONDS)
        expect("the tool", called(h, "libc-here"), "number 3.0$")
        stopped(h)
    return "not read"


def runpath(base: Base) -> str:
    """A plugin that has the image searched for its libraries gets our C library, all of it."""
    with base.running(["libc-runpath"]) as h:
        h.wait_status("/readyz", 200, START_SECONDS)
        expect("the tool", called(h, "libc-runpath"), "number 3.0$")
        maps = Path(f"/proc/{h.child('handrail-toolhost')}/maps").read_text()
        libraries = {Path(path) for path in re.findall(r" (/\S+/lib\S+\.so\S*)$", maps, re.M)}
        if not libraries:
            raise Failure(f"no libraries in:\n{maps}")
        foreign = {str(path) for path in libraries
                   if path.parent != base.root / "opt/handrail/lib"}
        if foreign:
            raise Failure(f"loaded from the image: {', '.join(sorted(foreign))}")
        stopped(h)
    return "ours"


def main() -> int:
    folder, tree = Path(sys.argv[1]), Path(sys.argv[2])
    failed = 0
    rows = []
    for argument in sys.argv[3:]:
        name, rootfs = argument.split("=", 1)
        base = Base(folder, tree, name, Path(rootfs))
        row = [name, base.libc]
        began = time.monotonic()
        for attempt in (installed, smoke, preloading, runpath):
            try:
                row.append(attempt(base))
            except Failure as failure:
                failed += 1
                row.append("FAILED")
                print(f"bases: {name}: {attempt.__name__}: {failure}", file=sys.stderr, flush=True)
        base.close()
        rows.append(row)
        print(f"bases: {name}: {time.monotonic() - began:.1f} s", flush=True)
    for row in [["base", "its libc", "install, check", "smoke test", "ld.so.preload", "RUNPATH"],
                *rows]:
        print("  " + "".join(f"{cell:<18}" for cell in row).rstrip())
    print(f"bases: {len(rows)} tried, {failed} failures")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
