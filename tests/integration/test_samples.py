# SPDX-License-Identifier: MIT
"""The larger sample plugins, confined, below the real programs: that a library's files, locks and
shared memory work with what a plugin may do by default."""

from __future__ import annotations

import contextlib
import json
import os
import sqlite3
import tempfile
import unittest
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from harness import sample
from support import AS_OTHERS, Handrail, standin_command

USER = 10001  # of the agent-server's image


@contextlib.contextmanager
def confined(name: str, config: dict[str, Any] | None = None, *, user: int | None = None,
             writable: bool = True) -> Iterator[tuple[Handrail, Path]]:
    """Handrail with that sample, and the folder that is its workspace."""
    with tempfile.TemporaryDirectory(prefix="handrail-test-") as scratch:
        folder = Path(scratch)
        workspace = folder / "workspace"
        for made in (workspace, folder / "home"):
            made.mkdir()
        prefix: tuple[str, ...] = ()
        if user:
            os.chmod(folder, 0o755)
            for path in (folder, workspace, folder / "home"):
                os.chown(path, user, user)
            prefix = ("setpriv", f"--reuid={user}", f"--regid={user}", "--clear-groups")
        grant = {"write": [str(workspace)]} if writable else {"write": [], "read": [str(workspace)]}
        entry = sample(name, {"root": str(workspace), **(config or {})}, confinement=grant)
        with Handrail(folder, standin_command(), prefix=prefix, plugins=[entry]) as h:
            h.wait_line(f"plugin {name} .*ready|error: plugin {name}:", 20)
            yield h, workspace


def text(answer: Any) -> str:
    return answer["content"][0]["text"]


class Sqlite(unittest.TestCase):
    def query(self, h: Handrail, sql: str, tool: str = "query", **more: Any) -> Any:
        answer = h.call_tool(f"sqlite_{tool}", {"database": "a.db", "sql": sql, **more})
        self.assertFalse(answer.get("isError"), answer)
        return answer["structuredContent"]

    def work(self, h: Handrail, mode: str) -> None:
        self.query(h, "CREATE TABLE t(x)", "execute", create=True)
        self.query(h, f"PRAGMA journal_mode={mode}", "execute")
        for value in range(3):
            done = self.query(h, "INSERT INTO t VALUES (?)", "execute", parameters=[value])
            self.assertEqual(done["changes"], 1)
        self.assertEqual(self.query(h, "SELECT x FROM t ORDER BY x")["rows"], [[0], [1], [2]])
        self.assertEqual(self.query(h, "PRAGMA journal_mode")["rows"], [[mode]])
        # A sort that would not fit a small cache has to do without temporary files.
        self.query(h, "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n LIMIT 100000) "
                      "SELECT i, randomblob(100) AS b FROM n ORDER BY b", max_rows=1)
        tables = h.call_tool("sqlite_schema", {"database": "a.db"})
        self.assertIn("table t\n  x\n", text(tables))

    def test_reads_and_writes(self) -> None:
        for mode in ("delete", "wal"):
            for user in (None, USER if AS_OTHERS else None):
                with self.subTest(mode, user=user), \
                        confined("sqlite-query", {"writable": True}, user=user) as (h, workspace):
                    self.work(h, mode)
                    with contextlib.closing(sqlite3.connect(workspace / "a.db")) as other:
                        self.assertEqual(other.execute("PRAGMA integrity_check").fetchall(),
                                         [("ok",)])
                        self.assertEqual(other.execute("SELECT sum(x) FROM t").fetchone(), (3,))

    def test_other_processes_locks(self) -> None:
        with confined("sqlite-query", {"writable": True, "timeout_ms": 300}) as (h, workspace):
            self.query(h, "CREATE TABLE t(x)", "execute", create=True)
            with contextlib.closing(sqlite3.connect(workspace / "a.db", isolation_level=None)) as o:
                o.execute("BEGIN EXCLUSIVE")
                answer = h.call_tool("sqlite_execute",
                                     {"database": "a.db", "sql": "INSERT INTO t VALUES (1)"})
                self.assertTrue(answer["isError"])
                self.assertIn("try again", text(answer))
                o.execute("ROLLBACK")
            self.query(h, "INSERT INTO t VALUES (1)", "execute")

    def test_what_may_only_be_read(self) -> None:
        with confined("sqlite-query", writable=False) as (h, workspace):
            with contextlib.closing(sqlite3.connect(workspace / "a.db")) as other:
                other.executescript("CREATE TABLE t(x); INSERT INTO t VALUES (7);")
                self.assertEqual(self.query(h, "SELECT x FROM t")["rows"], [[7]])
                other.execute("PRAGMA journal_mode=WAL")
            answer = h.call_tool("sqlite_query", {"database": "a.db", "sql": "SELECT x FROM t"})
            self.assertTrue(answer["isError"])
            self.assertIn("it is in WAL mode", text(answer))


class Dataset(unittest.TestCase):
    def fruit(self, workspace: Path) -> None:
        """Apples are heavy, limes are not, and the shop says nothing."""
        rows = [f"{100 + i % 30 if i % 3 else 30 + i % 30},{'ABC'[i % 7 % 3]},"
                f"{'apple' if i % 3 else 'lime'}" for i in range(200)]
        (workspace / "fruit.csv").write_text("\n".join(["weight,shop,fruit", *rows]))

    def test_describes_and_trains(self) -> None:
        for user in (None, USER if AS_OTHERS else None):
            with self.subTest(user=user), \
                    confined("dataset-analysis", user=user) as (h, workspace):
                self.fruit(workspace)
                described = h.call_tool("describe_dataset", {"path": "fruit.csv"})
                self.assertIn("| weight | number | 0 |", text(described))
                trained = h.call_tool("train_classifier",
                                      {"path": "fruit.csv", "target": "fruit"})
                self.assertFalse(trained.get("isError"), trained)
                found = trained["structuredContent"]
                self.assertEqual(found["accuracy"], 1.0)
                self.assertEqual(found["importance"][0]["feature"], "weight")
                self.assertTrue((workspace / "models/fruit.model").read_text()
                                .startswith("solver_type L2R_LR\nnr_class 2\n"))
                meaning = json.loads((workspace / "models/fruit.json").read_text())
                self.assertEqual(meaning["classes"], ["lime", "apple"])

    def test_what_may_only_be_read(self) -> None:
        with confined("dataset-analysis", writable=False) as (h, workspace):
            self.fruit(workspace)
            answer = h.call_tool("train_classifier", {"path": "fruit.csv", "target": "fruit"})
            self.assertTrue(answer["isError"])
            self.assertIn("cannot be written to models/fruit.model", text(answer))


if __name__ == "__main__":
    unittest.main(verbosity=1)
