#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""agent_config.json with the real agent-server: a custom agent class, a tool of Python and the
environment by that file alone.

Each class is one start of the server, and its tests are the steps of one story, in the order of
their names.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
import unittest
from collections.abc import Mapping
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

from harness import (  # noqa: E402
    SESSION_KEY, START_SECONDS, AgentApi, ScriptedModel, calling, real_environment,
)
from support import (  # noqa: E402
    SAMPLES, SKIPPED, Handrail, become_subreaper, real_server, wait_for,
)

SERVER = real_server()
AGENT = '''
from openhands.sdk import Agent


class Reviewer(Agent):
    system_prompt: str | None = "You are a careful reviewer."
'''
TOOL = '''
import os
from collections.abc import Sequence

from openhands.sdk import Action, Observation, TextContent, ToolDefinition
from openhands.sdk.tool import ToolExecutor, register_tool
from pydantic import Field


class CacheAction(Action):
    name: str = Field(description="Of the model.")


class CacheObservation(Observation):
    pass


class CacheExecutor(ToolExecutor[CacheAction, CacheObservation]):
    def __call__(self, action, conversation=None):
        text = os.environ["MODEL_CACHE_DIR"] + "/" + action.name
        return CacheObservation(content=[TextContent(text=text)])


class CacheTool(ToolDefinition[CacheAction, CacheObservation]):
    name = "model_cache"

    @classmethod
    def create(cls, conv_state=None, **params) -> Sequence[ToolDefinition]:
        return [cls(description="Where a model lies.", action_type=CacheAction,
                    observation_type=CacheObservation, executor=CacheExecutor())]


register_tool("ModelCache", CacheTool)
'''


class ServerCase(unittest.TestCase):
    agent_config: Mapping[str, Any] = {}
    folder: Path
    h: Handrail
    model: ScriptedModel
    api: AgentApi

    @classmethod
    def setUpClass(cls) -> None:
        cls.folder = Path(tempfile.mkdtemp(prefix="handrail-config-"))
        cls.addClassCleanup(shutil.rmtree, cls.folder, ignore_errors=True)
        become_subreaper()
        cls.model = ScriptedModel()
        cls.addClassCleanup(cls.model.stop)
        env = real_environment(cls.folder, SERVER)
        # The key comes from the file; what is set here is what the harness needs.
        del env["OH_SESSION_API_KEYS_0"]
        app = cls.folder / "workspace"
        (app / "tools").mkdir()
        (app / "tools" / "__init__.py").write_text("")
        (app / "tools" / "custom.py").write_text(TOOL)
        (app / "reviewers.py").write_text(AGENT)
        cls.h = Handrail(cls.folder, [SERVER, "--host", "127.0.0.1", "--port", "{port}"],
                         plugins=[{"id": "echo", "path": str(SAMPLES / "echo.so")}],
                         agent_config=cls.agent_config, env=env, cwd=app)
        cls.addClassCleanup(cls.h.__exit__, None, None, None)
        cls.api = AgentApi(cls.h.agent_port)


class TheFileAlone(ServerCase):
    agent_config = {
        "agent": {"module": "reviewers", "class": "Reviewer"},
        "tools": [{"name": "ModelCache", "module": "tools.custom"}, {"name": "echo"}],
        "environment": {"OH_SESSION_API_KEYS_0": SESSION_KEY, "MODEL_CACHE_DIR": "/app/models",
                        "HANDRAIL_AGENT_DEFAULT": "1"},
        "handrail": {"grace": 20, "check": ["disk:free=1%"]},
    }

    def test_1_ready(self) -> None:
        self.h.wait_status("/readyz", 200, START_SECONDS)
        self.assertIn("agent-module ok", self.h.get("/readyz?verbose").text)
        self.assertNotIn(SESSION_KEY, self.h.log())

    def test_2_a_stock_agent_becomes_it_and_has_the_tool(self) -> None:
        text = calling("model_cache", {"name": "bert"})
        made = self.api.create(self.model.url, self.folder / "workspace", text)
        turn = self.api.turn(made, text)
        self.assertIn("/app/models/bert", turn.answer("model_cache"))
        agent = self.api.expect(200, "GET", f"/api/conversations/{made}")["agent"]
        self.assertEqual(agent["kind"], "Reviewer")
        self.assertEqual([tool["name"] for tool in agent["tools"]], ["ModelCache"])

    def test_3_native_tools_are_there_as_well(self) -> None:
        text = calling("echo", {"text": "both"})
        made = self.api.create(self.model.url, self.folder / "workspace", text, kind="Reviewer")
        self.assertIn("both", self.api.turn(made, text).answer("echo"))

    def test_4_stop(self) -> None:
        self.assertEqual(self.h.stop(), 143)


class AToolThatIsNotThere(ServerCase):
    agent_config = {
        "tools": [{"name": "ModelCash", "module": "tools.custom"}],
        "environment": {"OH_SESSION_API_KEYS_0": SESSION_KEY},
    }

    def test_the_reason_is_told(self) -> None:
        self.h.wait_line("tool ModelCash: module tools.custom does not register it "
                         r"\(but ModelCache\)", timeout=START_SECONDS)
        wait_for("readiness to say so", lambda: "tool ModelCash" in self.h.get("/readyz").text, 10)
        self.assertEqual(self.h.stop(), 143)


if __name__ == "__main__":
    if SERVER is None:
        print("e2e/config: SKIPPED: the pinned agent-server is not installed; "
              "`tests/setup.sh test` says what it needs", file=sys.stderr)
        sys.exit(SKIPPED)
    unittest.main(failfast=True, verbosity=2)
