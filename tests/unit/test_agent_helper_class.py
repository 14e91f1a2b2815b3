# SPDX-License-Identifier: MIT
"""The Python helper and custom agent classes: what it says of a module and its class, and how a
stock agent in a request becomes one.  Against a small fake of the SDK; e2e/helper has the real one.
"""

from __future__ import annotations

import asyncio
import importlib
import json
import sys
import unittest
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent))

from agent_helper import Case, serving  # noqa: E402

CONVERSATIONS = "/api/conversations"
BODY_MAX = 8 * 1024 * 1024
ERROR_MAX = 180

SDK = '''
import os, sys
from abc import ABC, abstractmethod

class TemplateError(Exception):
    __module__ = "jinja2.exceptions"

class AgentBase(ABC):
    refused = ()
    system_prompt_filename = "system_prompt.j2"

    @classmethod
    def resolve_kind(cls, kind):
        if kind in cls.refused:
            raise ValueError("Unknown kind")

    @classmethod
    def model_validate(cls, data):
        assert data["llm"]["model"] and data["tools"] == []
        return cls()

    @property
    def prompt_dir(self):
        return os.path.join(os.path.dirname(sys.modules[type(self).__module__].__file__), "prompts")

    @property
    def static_system_message(self):
        file = os.path.join(self.prompt_dir, self.system_prompt_filename)
        try:
            with open(file) as template:
                text = template.read()
            assert "{%" not in text
        except Exception:
            raise FileNotFoundError(f"Prompt file {file} not found")
        if "undefined" in text:
            raise TemplateError("it is not defined")
        return text

    def init_state(self, state): pass

    @abstractmethod
    def step(self): ...

class Agent(AgentBase):
    def init_state(self, state):
        return self.static_system_message

    def step(self): pass
'''

REGISTRY = '''
tools = {}

def register_tool(name, module):
    tools[name] = module

def list_registered_tools():
    return sorted(tools)

def get_tool_module_qualnames():
    return dict(tools)
'''

GOOD = "from openhands.sdk import Agent\nclass Mine(Agent): pass\n"
INLINE = GOOD.replace("pass", "static_system_message = 'mine'")


class AgentCase(Case):
    def setUp(self) -> None:
        super().setUp()
        self.write("openhands/sdk/__init__.py", SDK)
        self.write("prompts/system_prompt.j2", "You are mine.")

    def said(self, module: str | None = GOOD, env: dict[str, str] | None = None) -> str:
        """"ok", or the error in full, for class Mine of a module `agents` of that text."""
        if module is not None:
            self.write("agents.py", module)
        self.load({"CUSTOM_AGENT_MODULE": "agents", "CUSTOM_AGENT_CLASS": "Mine", **(env or {})})

        async def life() -> None:
            async with serving(self.loaded_app()):
                await self.receiver.until("READY")
        asyncio.run(life())
        self.receiver.take()
        found = [lines for lines in self.receiver.messages
                 if lines[0].startswith("X_HANDRAIL_AGENT")]
        self.assertLess(self.receiver.messages.index(found[0]),
                        self.receiver.messages.index(["READY=1", "STATUS=serving"]))
        [[line]] = found
        key, _, value = line.partition("=")
        if key == "X_HANDRAIL_AGENT":
            return value
        self.assertEqual(key, "X_HANDRAIL_AGENT_ERROR")
        self.assertLessEqual(len(value.encode()), ERROR_MAX)
        self.assertTrue(value.isprintable())
        whole = self.lines()[-1].removeprefix("handrail_agent: ")
        if len(whole.encode()) <= ERROR_MAX:
            self.assertEqual(value, whole)
        return whole


class Module(AgentCase):
    def test_ok(self) -> None:
        self.assertEqual(self.said(), "ok")
        self.assertEqual(self.lines(), [])

    def test_module_alone(self) -> None:
        self.assertEqual(self.said("x = 1", {"CUSTOM_AGENT_CLASS": ""}), "ok")

    def test_nothing_asked_for(self) -> None:
        self.load()
        self.assertEqual(self.receiver.take(), [["STATUS=starting"]])

    def test_native(self) -> None:
        for name in ("native:echo", "/app/tools/echo.so"):
            self.load({"CUSTOM_AGENT_MODULE": name, "CUSTOM_AGENT_CLASS": "Mine"})
            self.assertEqual(self.receiver.take(), [["STATUS=starting"]])
        self.assertEqual(self.lines(), [])

    def test_class_alone(self) -> None:
        self.assertRegex(self.said(GOOD, {"CUSTOM_AGENT_MODULE": " "}),
                         "class Mine: CUSTOM_AGENT_CLASS is set alone: set CUSTOM_AGENT_MODULE")

    def test_not_found(self) -> None:
        for name in ("nowhere", "nowhere.agents"):
            with self.subTest(name=name):
                self.setUp()
                self.assertRegex(self.said(None, {"CUSTOM_AGENT_MODULE": name}),
                                 f"^module {name}: not found: .*OH_EXTRA_PYTHON_PATH")

    def test_where_it_fails(self) -> None:
        for text, line, error in (
                ("x = 1\n\nimport missing\n", 3, "ModuleNotFoundError: No module named 'missing'"),
                ("x = (\n", 1, "SyntaxError: '\\(' was never closed"),
                ("x = 1\n  y = 2\n", 2, "IndentationError: unexpected indent"),
                ("import json\n\njson.loads('{')\n", 3, "JSONDecodeError: "),
                ("def f():\n    raise ValueError('a\\nb')\nf()\n", 2, "ValueError: a b"),
                ("\nraise SystemExit(7)", 2, "SystemExit: 7"),
                ("import beside", 4, "ModuleNotFoundError: No module named 'nothing_here'")):
            with self.subTest(text=text):
                self.setUp()
                self.write("beside.py", "\n\n\nimport nothing_here\n")
                file = self.folder / ("beside.py" if "beside" in text else "agents.py")
                self.assertRegex(self.said(text), f"^module agents: {file} line {line}: {error}")

    def test_sent_before_the_server_meets_it(self) -> None:
        self.write("agents.py", "import missing")
        self.load({"CUSTOM_AGENT_MODULE": "agents"})
        self.assertEqual(len(self.receiver.all("X_HANDRAIL_AGENT_ERROR")), 1)

    def test_interrupt_passes(self) -> None:
        self.write("agents.py", "raise KeyboardInterrupt")
        with self.assertRaises(KeyboardInterrupt):
            self.load({"CUSTOM_AGENT_MODULE": "agents"})

    def test_long_and_odd_texts(self) -> None:
        for text in ("raise ValueError('\u00e4\u4e2d\U0001f600' * 500)",
                     "raise ValueError('x\\0\\x1b[31m\\u2028y\\udc80' * 99)",
                     "class E(Exception):\n    def __str__(self): raise RuntimeError\nraise E"):
            with self.subTest(text=text):
                self.setUp()
                self.write("agents.py", text)
                self.load({"CUSTOM_AGENT_MODULE": "agents"})
                [value] = self.receiver.all("X_HANDRAIL_AGENT_ERROR")
                self.assertLessEqual(len(value.encode()), ERROR_MAX)
                self.assertGreater(len(value.encode()), 40)
                self.assertTrue(value.isprintable())
                self.assertRegex(value, r"^module agents: .* line \d+: (ValueError|E): ")


class Class(AgentCase):
    def check(self, text: str, pattern: str) -> None:
        self.assertRegex(self.said("from openhands.sdk import Agent, AgentBase\n" + text), pattern)

    def test_missing(self) -> None:
        self.check("class Other(Agent): pass\nclass Another: pass",
                   r"^class Mine: module agents has none: .* has \(Other\)$")

    def test_missing_and_no_other(self) -> None:
        self.check("", "no agent class at all")

    def test_no_class(self) -> None:
        self.check("Mine = Agent()", "of type Agent: set CUSTOM_AGENT_CLASS to the name of a class")

    def test_no_agent(self) -> None:
        self.check("class Mine: pass", "no AgentBase: derive it from openhands.sdk.Agent")

    def test_other_name(self) -> None:
        self.check("class Real(Agent): pass\nMine = Real", "as Real: set CUSTOM_AGENT_CLASS=Real")

    def test_abstract(self) -> None:
        self.check("class Mine(AgentBase): pass", "abstract: define step in it")

    def test_abc(self) -> None:
        self.check("from abc import ABC\nclass Mine(Agent, ABC): pass", "take ABC out")

    def test_local(self) -> None:
        self.check("def make():\n    class Mine(Agent): pass\n    return Mine\nMine = make()",
                   "inside a function: move it to the top level of agents")

    def test_twin(self) -> None:
        self.write("twin.py", GOOD)
        self.check("import twin\nclass Mine(Agent): pass",
                   "another agent class of that name, in twin: rename yours")

    def test_abstract_twin_does_no_harm(self) -> None:
        self.write("twin.py", "from openhands.sdk import AgentBase\nclass Mine(AgentBase): pass")
        self.check("import twin\nclass Mine(Agent): pass", "^ok$")

    def test_refused(self) -> None:
        self.check("class Mine(Agent): pass\nAgentBase.refused = ('Mine',)",
                   "the server refuses it: ValueError: Unknown kind: mend agents")

    def test_sdk_that_cannot_be_asked(self) -> None:
        self.check("class Mine(Agent): pass\ndel AgentBase.resolve_kind", "^ok$")
        self.assert_one_line("class Mine: AttributeError.*going on without asking the server")

    def test_without_sdk(self) -> None:
        self.write("openhands/sdk/__init__.py", "raise ImportError('gone')")
        with self.assertRaises(IndexError):  # nothing is said of it
            self.said("class Mine: pass")
        self.assertEqual(self.receiver.all("READY"), ["1"])
        self.assert_one_line("agent class: ImportError: gone, going on without a check of it")


class Prompt(AgentCase):
    def missing(self) -> Path:
        file = self.folder / "prompts" / "system_prompt.j2"
        file.unlink()
        return file

    def test_missing(self) -> None:
        file = self.missing()
        self.assertRegex(self.said(), f"^class Mine: first message fails: add {file}, give "
                                      "system_prompt a default, or override prompt_dir$")

    def test_own_prompt(self) -> None:
        self.missing()
        self.assertEqual(self.said(INLINE), "ok")

    def test_other_folder(self) -> None:
        self.missing()
        self.write("elsewhere/system_prompt.j2", "hello")
        self.assertEqual(self.said(GOOD.replace(
            "pass", f"prompt_dir = {str(self.folder / 'elsewhere')!r}")), "ok")

    def test_no_template(self) -> None:
        self.write("prompts/system_prompt.j2", "{% if %}")
        self.assertRegex(self.said(), "mend .*/prompts/system_prompt.j2, it is no valid Jinja")

    def test_template_fails(self) -> None:
        self.write("prompts/system_prompt.j2", "undefined")
        self.assertRegex(self.said(), "template fails at the first message: TemplateError: it is")

    def test_needs_another_file(self) -> None:
        self.assertRegex(self.said(GOOD.replace(
            "pass", "\n    @property\n    def static_system_message(self):\n"
                    "        return open('/nonexistent/policy.md').read()")),
            "fails at the first message: .*/nonexistent/policy.md.*: add that file")

    def test_too_early_to_ask(self) -> None:
        self.assertEqual(self.said(GOOD.replace(
            "pass", "\n    @property\n    def static_system_message(self):\n"
                    "        raise RuntimeError('not initialized')")), "ok")
        self.assert_one_line("class Mine: RuntimeError: not initialized, going on without a look")

    def test_cannot_be_made(self) -> None:
        self.missing()
        self.assertEqual(self.said(GOOD.replace(
            "pass", "\n    def __init__(self):\n        raise ValueError('needs a name')")), "ok")
        self.assert_one_line("class Mine: ValueError: needs a name, going on without a look")

    def test_init_state_of_its_own(self) -> None:
        self.missing()
        self.assertEqual(self.said(GOOD.replace(
            "pass", "\n    def init_state(self, state): pass")), "ok")
        self.assertEqual(self.lines(), [])

    def test_init_state_that_goes_on(self) -> None:
        self.missing()
        self.assertRegex(self.said(GOOD.replace(
            "pass", "\n    def init_state(self, state): super().init_state(state)")),
            "first message fails")

    def test_long_path(self) -> None:
        folder = "very-long-folder-name-" * 6
        self.write(f"{folder}/agents.py", GOOD)
        sys.path.insert(0, str(self.folder / folder))
        self.assertRegex(self.said(None), "first message fails")
        [value] = self.receiver.all("X_HANDRAIL_AGENT_ERROR")
        self.assertRegex(value, r"add /tmp/.*\.\.\..*prompt.j2, give .* override prompt_dir$")


class Tools(AgentCase):
    """Those of agent_config.json, whose modules the server imports after the helper."""

    def setUp(self) -> None:
        super().setUp()
        self.write("agents.py", INLINE)
        self.write("openhands/sdk/tool/__init__.py", "")
        self.write("openhands/sdk/tool/registry.py", REGISTRY)

    def said_of(self, tools: str, *registered: tuple[str, str], **env: str) -> list[str]:
        """What handrail is told of the agent."""
        self.setUp()  # anew, as there may be several in a test
        self.load({"HANDRAIL_AGENT_TOOLS": tools, **env})
        registry = importlib.import_module("openhands.sdk.tool.registry")
        for name, module in registered:
            registry.register_tool(name, module)

        async def life() -> None:
            async with serving(self.loaded_app()) as served:
                await self.receiver.until("READY")
                await served.request("POST", CONVERSATIONS, [self.request])
        asyncio.run(life())
        self.receiver.take()
        return [line for lines in self.receiver.messages for line in lines
                if line.startswith("X_HANDRAIL_AGENT")]

    request = b'{"agent": {"tools": [{"name": "terminal"}, {"name": "b"}]}}'

    def test_registered(self) -> None:
        for env in ({}, {"CUSTOM_AGENT_MODULE": "agents", "CUSTOM_AGENT_CLASS": "Mine"}):
            self.assertEqual(self.said_of("a=m, b=m", ("a", "m"), ("b", "x"), **env),
                             ["X_HANDRAIL_AGENT=ok"])
            self.assertEqual(self.app.bodies[-1], self.request)

    def test_not_registered(self) -> None:
        [told] = self.said_of("a=m,b=tools.of", ("a", "m"), ("c", "tools.of"))
        self.assertEqual(told, "X_HANDRAIL_AGENT_ERROR=tool b: module tools.of does not register "
                               "it (but c): mend the name in agent_config.json, or call "
                               "register_tool")
        [told] = self.said_of("a=m")
        self.assertIn("(but nothing)", told)

    def test_a_class_that_is_wrong_comes_first(self) -> None:
        [told] = self.said_of("a=m", CUSTOM_AGENT_MODULE="agents", CUSTOM_AGENT_CLASS="Other")
        self.assertIn("class Other", told)
        [told] = self.said_of("a=m", CUSTOM_AGENT_MODULE="missing")
        self.assertIn("module missing: not found", told)

    def test_they_are_added_to_a_stock_agent(self) -> None:
        env = {"HANDRAIL_AGENT_DEFAULT": "1"}
        self.said_of("a=m,b=m", ("a", "m"), ("b", "m"), **env)
        self.assertEqual(json.loads(self.app.bodies[-1]), {"agent": {"tools": [
            {"name": "terminal"}, {"name": "b"}, {"name": "a"}]}})
        self.said_of("a=m", ("a", "m"), **env, CUSTOM_AGENT_MODULE="agents",
                     CUSTOM_AGENT_CLASS="Mine")
        self.assertEqual(json.loads(self.app.bodies[-1])["agent"], {"kind": "Mine", "tools": [
            {"name": "terminal"}, {"name": "b"}, {"name": "a"}]})
        self.request = b'{"agent": {"kind": "Other"}}'
        self.said_of("a=m", ("a", "m"), **env)
        self.assertEqual(self.app.bodies[-1], self.request)

    def test_a_server_that_has_no_such_registry(self) -> None:
        self.write("openhands/sdk/tool/registry.py", "")
        self.load({"HANDRAIL_AGENT_TOOLS": "a=m"})

        async def life() -> None:
            async with serving(self.loaded_app()):
                await self.receiver.until("READY")
        asyncio.run(life())
        self.assert_one_line("agent class: AttributeError: .*going on without a check of it")


class Default(AgentCase):
    def posted(self, chunks: list[bytes], path: str = CONVERSATIONS, *,
               env: dict[str, str] | None = None, text: str = GOOD, **how: Any) -> bytes:
        """What the application has read of a POST."""
        self.write("agents.py", text)
        self.load({"CUSTOM_AGENT_MODULE": "agents", "CUSTOM_AGENT_CLASS": "Mine",
                   "HANDRAIL_AGENT_DEFAULT": "1", **(env or {})})

        async def life() -> None:
            async with serving(self.loaded_app()) as served:
                self.posted_to = served.app
                await self.receiver.until("READY")
                await served.request("POST", path, chunks, **how)
        asyncio.run(life())
        return self.app.bodies[-1]

    def scope(self) -> Any:
        return self.app.calls[-1][0]

    def test_changed(self) -> None:
        for agent in ({}, {"kind": "Agent"}, {"llm": {"model": "x"}, "kind": "Agent", "tools": []}):
            for env in ("1", "true", "TRUE"):
                with self.subTest(agent=agent, env=env):
                    self.setUp()
                    request = {"agent": agent, "text": "\u4e2d\0", "float": 1e100, "big": 2**70}
                    raw = json.dumps(request).encode()
                    body = self.posted([raw[:9], raw[9:]], env={"HANDRAIL_AGENT_DEFAULT": env})
                    self.assertEqual(json.loads(body),
                                     {**request, "agent": {**agent, "kind": "Mine"}})
                    self.assertEqual(self.scope()["headers"],
                                     [(b"content-length", b"%d" % len(body))])
                    self.assertEqual(self.lines(), [])

    def test_unchanged(self) -> None:
        for raw in (b'{"agent": {"kind": "ACPAgent"}}', b'{"agent": {"kind": "Mine" }}',
                    b'{"agent": {"kind": null}}', b'{"agent": {"kind": 5}}', b'{"agent": []}',
                    b'{"agent": null}', b'{"agent_profile_id": "x"}', b"{}", b"[]", b'"agent"',
                    b"5", b"", b"{", b'{"agent": {}', b"\xff\xfe\xfd", b'{"agent": ' * 100000,
                    b'{"agent": {}} trailing', b'{"agent": {}, "n": ' + b"9" * 5000 + b"}"):
            with self.subTest(raw=raw[:40]):
                self.setUp()
                self.assertEqual(self.posted([raw[:3], raw[3:]]), raw)
                self.assertEqual(self.scope()["headers"], [(b"content-length", b"%d" % len(raw))])
                self.assertEqual([m["body"] for m in self.app.messages], [raw[:3], raw[3:]])
                self.assertEqual(self.lines(), [])

    def test_off(self) -> None:
        raw = b'{"agent": {}}'
        for env in ({"HANDRAIL_AGENT_DEFAULT": "0"}, {"HANDRAIL_AGENT_DEFAULT": "yes"},
                    {"HANDRAIL_AGENT_DEFAULT": ""}, {"CUSTOM_AGENT_MODULE": "native:x"}):
            with self.subTest(env=env):
                self.setUp()
                if "CUSTOM_AGENT_MODULE" in env:
                    self.load(env)
                    continue
                self.assertEqual(self.posted([raw], env=env), raw)

    def test_without_class(self) -> None:
        self.load({"HANDRAIL_AGENT_DEFAULT": "1"})
        self.assert_one_line("HANDRAIL_AGENT_DEFAULT: there is no CUSTOM_AGENT_CLASS, going on")

    def test_class_is_not_ok(self) -> None:
        raw = b'{"agent": {}}'
        for text in ("class Mine: pass", "import missing", ""):
            with self.subTest(text=text):
                self.setUp()
                self.assertEqual(self.posted([raw], text=text), raw)

    def test_without_notify_socket(self) -> None:
        self.write("agents.py", GOOD)
        self.load({"CUSTOM_AGENT_MODULE": "agents", "CUSTOM_AGENT_CLASS": "Mine",
                   "HANDRAIL_AGENT_DEFAULT": "1"}, notify=None)

        async def life() -> None:
            async with serving(self.loaded_app()) as served:
                await asyncio.sleep(0.05)
                await served.request("POST", CONVERSATIONS, [b'{"agent": {}}'])
                await served.request("POST", "/api/init", [b"{}"])
        asyncio.run(life())
        self.assertEqual(self.app.bodies, [b'{"agent": {"kind": "Mine"}}', b"{}"])
        self.assertEqual(self.lines(), [])

    def test_other_paths_and_methods(self) -> None:
        raw = b'{"agent": {}}'
        for path in ("/api/conversations/7/events", "/api/acp/conversations",
                     "/app-backends/x/api/conversations", "/api/conversations/"):
            with self.subTest(path=path):
                self.setUp()
                self.assertEqual(self.posted([raw], path), raw)

    def test_below_a_root_path(self) -> None:
        body = self.posted([b'{"agent": {}}'], "/r" + CONVERSATIONS, root_path="/r")
        self.assertIn(b"Mine", body)

    def test_headers(self) -> None:
        """Only the length is another; the caller's own scope is left alone."""
        given = [(b"Content-Length", b"13"), (b"x-a", b"13")]
        body = self.posted([b'{"agent": {}}'], headers=given)
        self.assertEqual(self.scope()["headers"],
                         [(b"Content-Length", b"%d" % len(body)), (b"x-a", b"13")])
        self.assertEqual(given[0], (b"Content-Length", b"13"))

    def test_chunked(self) -> None:
        headers = [(b"transfer-encoding", b"chunked")]
        self.assertIn(b"Mine", self.posted([b'{"agent": {}}'], headers=headers))
        self.assertEqual(self.scope()["headers"], headers)

    def test_largest(self) -> None:
        raw = b'{"agent": {}, "x": "' + b"x" * (BODY_MAX - 22) + b'"}'
        self.assertEqual(len(raw), BODY_MAX)
        self.assertIn(b"Mine", self.posted([raw[:5000000], raw[5000000:]]))

    def test_too_large(self) -> None:
        raw = b'{"agent": {}, "x": "' + b"x" * (BODY_MAX - 21) + b'"}'
        for parts in ([raw], [raw[:5000000], raw[5000000:]], [raw[:BODY_MAX], raw[BODY_MAX:]],
                      [raw, b"", b" " * 10]):
            with self.subTest(parts=len(parts)):
                self.setUp()
                self.assertTrue(self.posted(parts) == b"".join(parts))
                self.assertEqual([len(m["body"]) for m in self.app.messages],
                                 [len(part) for part in parts])

    def test_too_large_is_not_read_first(self) -> None:
        """A body without end must reach the application, which may refuse it."""
        self.posted([b"{}"])
        application = self.posted_to
        self.app.read = False
        read = 0

        async def receive() -> Any:
            nonlocal read
            read += 1
            return {"type": "http.request", "body": b"x" * 1024 * 1024, "more_body": True}

        async def send(_: Any) -> None: ...
        asyncio.run(application({"type": "http", "method": "POST", "path": CONVERSATIONS,
                                 "headers": []}, receive, send))
        self.assertEqual(read, 9)

    def test_client_gone(self) -> None:
        self.assertEqual(self.posted([b'{"agent"', b": {}}"], gone=True), b'{"agent": {}}')
        self.assertEqual([m["type"] for m in self.app.messages],
                         ["http.request", "http.request", "http.disconnect"])


if __name__ == "__main__":
    unittest.main(verbosity=2)
