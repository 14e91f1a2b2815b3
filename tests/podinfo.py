# SPDX-License-Identifier: MIT
"""A downwardAPI volume as the kubelet writes it (pkg/volume/util, AtomicWriter), for tests.

A version is a folder "..<time>" with the files in it; "..data" is a link to the present one, put in
place by a rename; "labels" and "annotations" are links through it; the version before is removed.
"""

from __future__ import annotations

import itertools
import os
import shutil
import time
from collections.abc import Mapping
from pathlib import Path

_count = itertools.count()

NAMED = {"\a": "\\a", "\b": "\\b", "\f": "\\f", "\n": "\\n", "\r": "\\r", "\t": "\\t", "\v": "\\v",
         "\\": "\\\\", '"': '\\"'}


def go_quote(text: str) -> str:
    """strconv.Quote()."""
    def one(c: str) -> str:
        if c in NAMED:
            return NAMED[c]
        if c < " " or c == "\x7f":
            return f"\\x{ord(c):02x}"
        if c.isprintable():
            return c
        return f"\\u{ord(c):04x}" if ord(c) < 0x10000 else f"\\U{ord(c):08x}"

    return '"' + "".join(map(one, text)) + '"'


def format_map(values: Mapping[str, str]) -> str:
    return "\n".join(f"{key}={go_quote(values[key])}" for key in sorted(values))


class Podinfo:
    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def write(self, labels: Mapping[str, str], annotations: Mapping[str, str] | None = None) -> float:
        """A new version; when it was in place, by the monotonic clock."""
        return self.write_raw({"labels": format_map(labels),
                               "annotations": format_map(annotations or {})})

    def write_raw(self, files: Mapping[str, str]) -> float:
        self.folder.mkdir(parents=True, exist_ok=True)
        data = self.folder / "..data"
        old = self.folder / os.readlink(data) if data.is_symlink() else None
        stamp = time.strftime("..%Y_%m_%d_%H_%M_%S.") + f"{next(_count):09d}"
        version = self.folder / stamp
        version.mkdir(mode=0o755)
        for name, text in files.items():
            (version / name).write_text(text)
        fresh = self.folder / "..data_tmp"
        fresh.symlink_to(stamp)
        fresh.rename(data)
        done = time.monotonic()
        for name in files:
            if not (self.folder / name).is_symlink():
                (self.folder / name).symlink_to(f"..data/{name}")
        if old:
            shutil.rmtree(old)
        return done


# Labels as the pool's controller gives them.
OWN = {"agents.x-k8s.io/sandbox-name-hash": "5d1f3a", "app": "agent"}
POOLED = {**OWN, "agents.x-k8s.io/created-by": "controller",
          "agents.x-k8s.io/warm-pool-sandbox": "478b3beb"}
CLAIMED = {**OWN, "sandbox.users.io/conversation": "c1"}
CLAIMED_WITH_UID = {**CLAIMED, "agents.x-k8s.io/claim-uid": "8f2c-11"}
