# SPDX-License-Identifier: MIT
"""The integration tests' way to start handrail around the stand-in server.

    with standin("--start-delay", "1", plugins=[sample("echo")]) as h:
        h.wait_status("/readyz", 200)
        h.fault(crash="SIGSEGV")
        ...
        self.assertEqual(h.stop(), 143)
        self.assertEqual(h.leftovers(), [])

`support.Handrail` says what `h` can do.  On the way out of the `with` everything is dead and its
scratch folder is gone, whatever happened inside.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from support import (BUILD, HANDRAIL, SAMPLES, Failure, Handrail, standin_command,  # noqa: E402
                     wait_for)


def plugin(name: str, path: Path, config: Mapping[str, Any] | None = None,
           **more: Any) -> dict[str, Any]:
    """An entry of the registry."""
    return {"id": name, "path": str(path), "enabled": True, "config": dict(config or {}), **more}


def sample(name: str, config: Mapping[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    """The entry for one of the sample plugins: "echo", "workspace-search", which may read its root."""
    if config and "root" in config:
        more.setdefault("confinement", {"read": [config["root"]]})
    return plugin(name, SAMPLES / f"{name}.so", config, **more)


def test_plugin(name: str, config: Mapping[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    """The entry for one of the misbehaving plugins in tests/plugins."""
    return plugin(name, BUILD / "tests" / "plugins" / f"{name}.so", config, **more)


@contextlib.contextmanager
def running(command: Sequence[str | Path], **more: Any) -> Iterator[Handrail]:
    """Handrail around any command; `more` goes to support.Handrail."""
    with tempfile.TemporaryDirectory(prefix="handrail-test-") as folder:
        with Handrail(Path(folder), command, **more) as handrail:
            yield handrail


@contextlib.contextmanager
def standin(*flags: str, **more: Any) -> Iterator[Handrail]:
    """Handrail around the stand-in with these flags; `more` goes to support.Handrail."""
    with running([*standin_command(), *flags], **more) as handrail:
        yield handrail


@contextlib.contextmanager
def injected(pid: int, calls: str, how: str, *options: str | Path) -> Iterator[Path]:
    """Those calls of the process are injected so; yields what strace writes."""
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder, "strace")
        tracer = subprocess.Popen(
            ["strace", "-qq", "-o", log, "-p", str(pid), *options, "-e", f"trace={calls}",
             "-e", f"inject={calls}:{how}"])
        try:
            wait_for("strace", lambda: "TracerPid:\t0\n" not in
                     Path(f"/proc/{pid}/status").read_text(), 10)
            yield log
        finally:
            tracer.terminate()
            tracer.wait(30)


@contextlib.contextmanager
def small_cgroup(pid: int, limit: int) -> Iterator[str]:
    """Put the process into a cgroup of version 1 with so little memory; its name, or "" where that
    cannot be done."""
    own = [line.split(":", 2)[2] for line in Path("/proc/self/cgroup").read_text().splitlines()
           if line.split(":")[1] == "memory"]
    folder = Path("/sys/fs/cgroup/memory") / (own[0].lstrip("/") if own else "none")
    folder = folder / f"handrail-test-{os.getpid()}"
    try:
        folder.mkdir()
        (folder / "memory.limit_in_bytes").write_text(str(limit))
        with contextlib.suppress(OSError):  # a kernel that does not count swap has no such file
            (folder / "memory.memsw.limit_in_bytes").write_text(str(limit))
        (folder / "cgroup.procs").write_text(str(pid))
    except OSError:
        with contextlib.suppress(OSError):
            folder.rmdir()
        yield ""
        return
    yield folder.name
    wait_for("the cgroup to be empty",
             lambda: not (folder / "cgroup.procs").read_text(), 30)
    folder.rmdir()


# --- what several suites ask of a running handrail -----------------------------------------------


def client(h: Handrail, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
    """One of handrail's client commands, for the handrail h."""
    done = subprocess.run([HANDRAIL, arguments[0], f"--pid={h.pid}", *arguments[1:]],
                          capture_output=True, text=True, timeout=20, check=False)
    if check and done.returncode:
        raise Failure(f"{arguments}: {done.returncode}: {done.stderr}")
    return done


def service(h: Handrail, name: str = "server") -> Any:
    """That service as /status has it, or None."""
    found = [s for s in h.get("/status").json()["services"] if s["name"] == name]
    return found[0] if found else None


def crash_report(h: Handrail, number: int = 1) -> Any:
    return json.loads(client(h, "crashes", str(number), "--json").stdout)
