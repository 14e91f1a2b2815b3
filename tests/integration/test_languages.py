# SPDX-License-Identifier: MIT
"""The samples in other languages than C, below the real programs, confined as by default."""

from __future__ import annotations

import contextlib
import hashlib
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

    @unittest.skipUnless((SAMPLES / "hash-tree.so").exists(), "built without rustc")
    def test_hash_tree(self) -> None:
        with with_sample("hash-tree") as (h, root):
            (root / "folder").mkdir()
            (root / "folder" / "file").write_text("abc")
            (root / "link").symlink_to("../secret")
            answer = h.call_tool("hash_tree", {})
            line = hashlib.sha256(b"abc").hexdigest() + "  folder/file\n"
            tree = hashlib.sha256(line.encode()).hexdigest()
            self.assertEqual(answer["content"][0]["text"],
                             f"{line}tree: {tree}, 1 files, 3 bytes\n"
                             "passed over: 1 symbolic links, 0 that are no files\n")
            self.assertEqual(answer["structuredContent"]["tree"], tree)
            refused = h.call_tool("hash_tree", {"path": "link"})
            self.assertTrue(refused["isError"])
            self.assertIn("link cannot be read", refused["content"][0]["text"])


if __name__ == "__main__":
    unittest.main(verbosity=1)
