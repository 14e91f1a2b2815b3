# SPDX-License-Identifier: MIT
"""handrail lint on a long Dockerfile.  Part of bench.py; `python3 tests/bench/lint.py` alone works too.

The peer is BuildKit's own parser in a Python module, which reads the file and has no rules.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests"))

from support import HANDRAIL  # noqa: E402

LINES = 200
ROUNDS = 200


def dockerfile() -> str:
    """What an image of an agent-server looks like, at length."""
    text = ["ARG TAG=1.58.0-python", "FROM python:3.13 AS build", "WORKDIR /src"]
    while len(text) < LINES - 4:
        n = len(text)
        text += [f"ARG VERSION_{n}=1.{n}", f"ENV PART_{n}=\"part $VERSION_{n}\" FOLDER_{n}=${{PART_{n}:-x}}/y",
                 "RUN --mount=type=cache,target=/root/.cache \\", "    set -eux; \\",
                 f"    pip install 'package-{n}==1.{n}' && \\", f"    curl -fsSL https://example.com/{n} -o /x{n}",
                 f"COPY --chown=10001:10001 part{n} other{n}.json /app/part{n}/"]
        if n % 3 == 0 and len(text) > LINES / 2:
            text += ["FROM openhands/agent-server:${TAG} AS stage" + str(n)]
    return "\n".join([*text[:LINES - 4], "FROM openhands/agent-server:${TAG}", "USER root",
                      "COPY --from=build /src/dist /app/dist", "USER openhands", ""])


def process_ms(argv: list[str | Path]) -> float:
    began = time.monotonic()
    pid = os.posix_spawn(argv[0], argv, {}, file_actions=[
        (os.POSIX_SPAWN_OPEN, 1, "/dev/null", os.O_WRONLY, 0)])
    os.waitpid(pid, 0)
    return (time.monotonic() - began) * 1000


def peer_ms(text: str) -> float | None:
    requirements = ROOT / "tests/conformance/python-dockerfile.txt"
    venv = Path(subprocess.run(["sh", ROOT / "tests/setup.sh", "venv", requirements], check=True,
                               capture_output=True, text=True).stdout.strip())
    modules = list(venv.glob("lib/python3*/site-packages"))
    if not (venv / ".complete").exists() or not modules:
        return None
    sys.path.insert(0, str(modules[0]))
    import dockerfile as parser  # noqa: PLC0415
    took = []
    for _ in range(ROUNDS):
        began = time.monotonic()
        parser.parse_string(text)
        took.append((time.monotonic() - began) * 1000)
    return statistics.median(took)


def compare() -> None:
    text = dockerfile()
    print(f"Lint: a Dockerfile of {len(text.splitlines())} lines, {ROUNDS} rounds in turn (ms)")
    with tempfile.NamedTemporaryFile("w", suffix=".Dockerfile") as file:
        file.write(text)
        file.flush()
        took: dict[str, list[float]] = {"handrail lint": [], "handrail --version": []}
        for _ in range(ROUNDS):
            took["handrail lint"].append(process_ms([HANDRAIL, "lint", file.name]))
            took["handrail --version"].append(process_ms([HANDRAIL, "--version"]))
    for name, times in took.items():
        times.sort()
        print(f"  {name:29} median {statistics.median(times):.2f}  p95 {times[int(0.95 * len(times))]:.2f}")
    peer = peer_ms(text)
    if peer is None:
        print("  BuildKit's parser is not installed: left out")
    else:
        print(f"  {'BuildKit parses it, inside':29} median {peer:.2f}")


if __name__ == "__main__":
    compare()
