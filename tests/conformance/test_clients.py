#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Other people's MCP clients against the real programs: each lists the tools and calls two.

    test_clients.py inspector | typescript-v1 | typescript-v2 | python-oldest | python-newest
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent), str(HERE.parent / "integration")]

import node  # noqa: E402
from harness import standin, test_plugin  # noqa: E402
from support import SKIPPED, Failure, Handrail  # noqa: E402

TIMEOUT = 60.0
TEXT = "This is a simple text response for testing."
LEGACY, MODERN = "2025-11-25", "2026-07-28"


def run(h: Handrail, command: Sequence[str | Path], **more: Any) -> Any:
    """The JSON that a client writes."""
    environment = {**os.environ, "MCP_URL": f"http://127.0.0.1:{h.mcp_port}/mcp",
                   "MCP_AUTHORIZATION": h.mcp_headers()["Authorization"]}
    done = subprocess.run([str(part) for part in command], env=environment, timeout=TIMEOUT,
                          text=True, capture_output=True, check=False, **more)
    if done.returncode:
        raise Failure(f"{command}: {done.returncode}\n{done.stdout}{done.stderr}\n{h.log()}")
    return json.loads(done.stdout)


def inspector(h: Handrail) -> Mapping[str, Any]:
    def ask(*arguments: str) -> Any:
        return run(h, [node.NODE, node.MODULES / ".bin/mcp-inspector", "--cli",
                       f"http://127.0.0.1:{h.mcp_port}/mcp", "--transport", "http", "--header",
                       f"Authorization: {h.mcp_headers()['Authorization']}", *arguments])

    text = ask("--method", "tools/call", "--tool-name", "test_simple_text")
    return {"tools": [tool["name"] for tool in ask("--method", "tools/list")["tools"]],
            "text": text["content"][0]["text"]}


def typescript(h: Handrail, script: str) -> Mapping[str, Any]:
    # From standard input, so that its imports are looked for in the folder of the packages.
    source = (HERE / script).read_text()
    return run(h, [node.NODE, "--input-type=module", "-"], input=source, cwd=node.FOLDER)


def python(h: Handrail, environment: Path) -> Mapping[str, Any]:
    return run(h, [environment / "bin/python", HERE / "client.py"])


def environment_of(client: str) -> Path:
    path = subprocess.run(["sh", node.ROOT / "tests/setup.sh", "venv", HERE / f"{client}.txt"],
                          check=True, text=True, stdout=subprocess.PIPE).stdout.strip()
    if not (Path(path) / ".complete").exists():
        print(f"conformance/{client}: SKIPPED: the packages of {client}.txt are not installed; "
              "tests/setup.sh test says why")
        sys.exit(SKIPPED)
    return Path(path)


CLIENTS = {
    "inspector": (inspector, {}),
    "typescript-v1": (lambda h: typescript(h, "client_v1.mjs"), {"version": LEGACY}),
    "typescript-v2": (lambda h: typescript(h, "client_v2.mjs"), {"version": MODERN}),
    "python-oldest": (lambda h: python(h, environment_of("python-oldest")), {"version": LEGACY}),
    "python-newest": (lambda h: python(h, environment_of("python-newest")), {"version": MODERN}),
}


def main() -> int:
    name = sys.argv[1]
    if name.startswith("python"):
        environment_of(name)
    else:
        node.needed(f"conformance/{name}")
    client, expected = CLIENTS[name]
    with standin(plugins=[test_plugin("conformance")]) as h:
        h.wait_status("/readyz", 200)
        listed = [tool["name"] for tool in h.mcp("tools/list")["tools"]]
        seen = client(h)
    print(json.dumps(seen, indent=1))
    wanted = {"tools": listed, "text": TEXT, **expected}
    wrong = {key: seen.get(key) for key, value in wanted.items() if seen.get(key) != value}
    if wrong or not seen.get("error", True):
        print(f"FAILED: {name} saw {wrong or 'no error of the tool that fails'}")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
