#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Other people's MCP clients against the real programs: each lists the tools and calls two, over HTTP
or with `handrail mcp`, which it starts itself.

    test_clients.py inspector | typescript-v1 | typescript-v2 | python-oldest | python-newest [stdio]
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent), str(HERE.parent / "integration")]

import node  # noqa: E402
from harness import standin, test_plugin  # noqa: E402
from support import HANDRAIL, SKIPPED, Failure, Handrail  # noqa: E402

TIMEOUT = 60.0
TEXT = "This is a simple text response for testing."
LEGACY, MODERN = "2025-11-25", "2026-07-28"


class Http:
    """How a client reaches the tools of a running handrail."""

    def __init__(self, h: Handrail) -> None:
        url, token = f"http://127.0.0.1:{h.mcp_port}/mcp", h.mcp_headers()["Authorization"]
        self.environment = {"MCP_URL": url, "MCP_AUTHORIZATION": token}
        self.inspector = [url, "--transport", "http", "--header", f"Authorization: {token}"]
        self.log = h.log


class Stdio:
    """How a client starts one."""

    def __init__(self, registry: Path) -> None:
        command = [str(HANDRAIL), "mcp", f"--registry={registry}"]
        self.environment = {"MCP_COMMAND": json.dumps(command)}
        self.inspector = command
        self.log = str


def run(way: Http | Stdio, command: Sequence[str | Path], **more: Any) -> Any:
    """The JSON that a client writes."""
    done = subprocess.run([str(part) for part in command], env={**os.environ, **way.environment},
                          timeout=TIMEOUT, text=True, capture_output=True, check=False, **more)
    if done.returncode:
        raise Failure(f"{command}: {done.returncode}\n{done.stdout}{done.stderr}\n{way.log()}")
    return json.loads(done.stdout)


def inspector(way: Http | Stdio) -> Mapping[str, Any]:
    def ask(*arguments: str) -> Any:
        return run(way, [node.NODE, node.MODULES / ".bin/mcp-inspector", "--cli", *way.inspector,
                         *arguments])

    text = ask("--method", "tools/call", "--tool-name", "test_simple_text")
    return {"tools": [tool["name"] for tool in ask("--method", "tools/list")["tools"]],
            "text": text["content"][0]["text"]}


def typescript(way: Http | Stdio, script: str) -> Mapping[str, Any]:
    # From standard input, so that its imports are looked for in the folder of the packages.
    source = (HERE / script).read_text()
    return run(way, [node.NODE, "--input-type=module", "-"], input=source, cwd=node.FOLDER)


def python(way: Http | Stdio, environment: Path) -> Mapping[str, Any]:
    return run(way, [environment / "bin/python", HERE / "client.py"])


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
    "typescript-v1": (lambda way: typescript(way, "client_v1.mjs"), {"version": LEGACY}),
    "typescript-v2": (lambda way: typescript(way, "client_v2.mjs"), {"version": MODERN}),
    "python-oldest": (lambda way: python(way, environment_of("python-oldest")), {"version": LEGACY}),
    "python-newest": (lambda way: python(way, environment_of("python-newest")), {"version": MODERN}),
}


def over_stdio(client: Callable[[Http | Stdio], Mapping[str, Any]]) -> tuple[Any, list[str]]:
    """What the client saw, and the tools that there are."""
    listing = {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}
    with tempfile.TemporaryDirectory(prefix="handrail-test-") as folder:
        registry = Path(folder, "tool_registry.json")
        registry.write_text(json.dumps({"plugins": [test_plugin("conformance")]}))
        done = subprocess.run([HANDRAIL, "mcp", f"--registry={registry}"], text=True, check=True,
                              input=json.dumps(listing), stdout=subprocess.PIPE, timeout=TIMEOUT)
        seen = client(Stdio(registry))
    return seen, [tool["name"] for tool in json.loads(done.stdout)["result"]["tools"]]


def over_http(client: Callable[[Http | Stdio], Mapping[str, Any]]) -> tuple[Any, list[str]]:
    with standin(plugins=[test_plugin("conformance")]) as h:
        h.wait_status("/readyz", 200)
        return client(Http(h)), [tool["name"] for tool in h.mcp("tools/list")["tools"]]


def main() -> int:
    name = sys.argv[1]
    if name.startswith("python"):
        environment_of(name)
    else:
        node.needed(f"conformance/{name}")
    client, expected = CLIENTS[name]
    seen, listed = (over_stdio if sys.argv[2:] == ["stdio"] else over_http)(client)
    print(json.dumps(seen, indent=1))
    wanted = {"tools": listed, "text": TEXT, **expected}
    wrong = {key: seen.get(key) for key, value in wanted.items() if seen.get(key) != value}
    if wrong or not seen.get("error", True):
        print(f"FAILED: {name} saw {wrong or 'no error of the tool that fails'}")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
