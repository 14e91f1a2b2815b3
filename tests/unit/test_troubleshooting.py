# SPDX-License-Identifier: MIT
"""The troubleshooting page names every warning and error that the programs can print, and no other."""

from __future__ import annotations

import re
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
PAGE = ROOT / "loader" / "TROUBLESHOOTING.md"

STRING = r'"(?:[^"\\]|\\.)*"'
CALL = re.compile(rf"\bhr_(?:error|warn)\(\s*((?:{STRING}\s*(?:PRI\w+\s*)?)+)")
CONVERSION = re.compile(r"%[-+ 0#]*(?:\d+|\*)?(?:\.(?:\d+|\*))?(?:hh|h|ll|l|z|j|t)?[a-zA-Z]")


def printed() -> set[str]:
    """The formats in the sources, each conversion as an ellipsis."""
    found = set()
    for folder in ("common", "loader", "sidecar"):
        for source in (ROOT / folder).rglob("*.c"):
            for call in CALL.findall(source.read_text()):
                call = re.sub(r"PRI\w+", '"u"', call)
                text = "".join(piece[1:-1] for piece in re.findall(STRING, call))
                found.add(CONVERSION.sub("…", text).replace('\\"', '"'))
    return found


def explained() -> list[str]:
    """The first column of the page's tables of messages."""
    rows = re.findall(r"^\| `(.+?)` \|", PAGE.read_text().partition("## The command line")[2], re.M)
    return [row.replace("\\|", "|") for row in rows]


class Messages(unittest.TestCase):
    maxDiff = None

    def test_each_is_explained(self) -> None:
        self.assertGreater(len(printed()), 150)
        self.assertEqual(sorted(printed() - set(explained())), [])

    def test_no_other_is(self) -> None:
        self.assertEqual(sorted(set(explained()) - printed()), [])
        self.assertEqual(len(explained()), len(set(explained())))


if __name__ == "__main__":
    unittest.main()
