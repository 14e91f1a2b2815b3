# SPDX-License-Identifier: MIT
"""The samples in other languages than C, below the real programs, confined as by default."""

from __future__ import annotations

import contextlib
import tempfile
import unittest
from collections.abc import Iterator
from pathlib import Path

from harness import SAMPLES, sample, standin
from support import Handrail


@contextlib.contextmanager
def with_sample(name: str) -> Iterator[tuple[Handrail, Path]]:
    """Handrail with that sample, and the folder that it reads; beside it lies a secret."""
    with tempfile.TemporaryDirectory(prefix="handrail-test-") as folder:
        Path(folder, "secret").write_text("secret\n")
        root = Path(folder, "root")
        root.mkdir()
        with standin(plugins=[sample(name, {"root": str(root)})]) as h:
            h.wait_status("/readyz", 200)
            h.wait_line(f"plugin {name} .*ready")
            yield h, root


class Samples(unittest.TestCase):
    def test_word_count(self) -> None:
        with with_sample("word-count") as (h, root):
            (root / "file").write_text("Grün ist grün.\nJa?\n")
            answer = h.call_tool("text_statistics", {"path": "file"})
            self.assertNotIn("isError", {k for k, v in answer.items() if v is True})
            self.assertEqual(answer["structuredContent"]["words"], 4)
            self.assertEqual(answer["structuredContent"]["most_frequent_words"][0],
                             {"word": "grün", "count": 2})
            self.assertIn("2 lines, 4 words (3 distinct)", answer["content"][0]["text"])
            refused = h.call_tool("text_statistics", {"path": "../secret"})
            self.assertTrue(refused["isError"])
            self.assertIn("contains \"..\"", refused["content"][0]["text"])


if __name__ == "__main__":
    unittest.main(verbosity=1)
