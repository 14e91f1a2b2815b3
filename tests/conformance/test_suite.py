#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""MCP's own conformance suite against the real programs, with the requirements of one revision.

    test_suite.py 2025-11-25 | 2026-07-28

The tools it looks for come from tests/plugins/conformance.c.  What it must not hold against a server
that offers only tools stands in baseline-REVISION.yml, line by line with the reason; a line there
that does not fail any more is itself a failure.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent), str(HERE.parent / "integration")]

import node  # noqa: E402
from harness import standin, test_plugin  # noqa: E402
from relay import Relay  # noqa: E402

TIMEOUT = 240.0


def main() -> int:
    revision = sys.argv[1]
    node.needed(f"conformance/{revision}")
    with tempfile.TemporaryDirectory() as folder, standin(
            plugins=[test_plugin("conformance", confinement={
                "write": [folder], "environment": ["CONFORMANCE_MARK"]})],
            options=["--toolhost-backoff=0.01", "--toolhost-backoff-max=0.01"],
            env={"CONFORMANCE_MARK": f"{folder}/mark"}) as h:
        h.wait_status("/readyz", 200)
        with Relay(h.mcp_port, h.mcp_headers()["Authorization"]) as relay:
            suite = subprocess.run(
                [node.NODE, node.MODULES / "@modelcontextprotocol/conformance/dist/index.js",
                 "server", "--url", f"http://127.0.0.1:{relay.port}/mcp",
                 "--requirements", revision,
                 "--expected-failures", HERE / f"baseline-{revision}.yml", *sys.argv[2:]],
                timeout=TIMEOUT, check=False)
        if suite.returncode:
            print(f"-- handrail's log\n{h.log()}", file=sys.stderr)
        return suite.returncode


if __name__ == "__main__":
    sys.exit(main())
