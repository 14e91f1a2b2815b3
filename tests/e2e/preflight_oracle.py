# SPDX-License-Identifier: MIT
"""The real agent-server's reading of its environment: run by its own Python, see test_preflight.py.

First one line with the variables it has, by type.  Then, for each line of standard input, which is
an environment in JSON, one line with what became of it.
"""

import json
import os
import sys

from openhands.agent_server.config import Config, load_config
from openhands.agent_server.env_parser import (
    BoolEnvParser, DelayedParser, DictEnvParser, FloatEnvParser, IntEnvParser, ListEnvParser,
    ModelEnvParser, NoneEnvParser, UnionEnvParser, _get_default_parsers, get_env_parser,
)

KINDS = {IntEnvParser: "number", FloatEnvParser: "number", BoolEnvParser: "boolean",
         DictEnvParser: "object"}


def walk(parser, name, found):
    if isinstance(parser, DelayedParser):
        parser = parser.parser
    if isinstance(parser, ModelEnvParser):
        found.setdefault("object", []).append(name)
        for field, inner in parser.parsers.items():
            walk(inner, f"{name}_{field.upper()}", found)
    elif isinstance(parser, ListEnvParser):
        found.setdefault("list", []).append(name)
        walk(parser.item_parser, f"{name}_0", found)
    elif isinstance(parser, UnionEnvParser):
        for inner in parser.parsers.values():
            if not isinstance(inner, NoneEnvParser):
                walk(inner, name, found)
    elif type(parser) in KINDS:
        found.setdefault(KINDS[type(parser)], []).append(name)
    return found


def outcome(env):
    os.environ.clear()
    os.environ.update(env)
    try:
        config = load_config()
    except Exception as error:  # noqa: BLE001 - whatever it is, it ends the server
        return {"error": type(error).__name__}
    return {"keys": config.session_api_keys, "secret": config.secret_key is not None,
            "deferred": config.deferred_init, "vscode": config.enable_vscode}


base = dict(os.environ)
print(json.dumps(walk(get_env_parser(Config, _get_default_parsers()), "OH", {})), flush=True)
for line in sys.stdin:
    print(json.dumps(outcome({**base, **json.loads(line)})), flush=True)
