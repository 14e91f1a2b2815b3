# SPDX-License-Identifier: MIT
"""Our reading of Dockerfiles against BuildKit's own parser: the tree's files, the fuzz corpus, and
thousands that are put together at random from what is hard.

    test_dockerfile.py [FILE ...]     those files instead
"""

import json
import os
import random
import subprocess
import sys
import tempfile
from pathlib import Path

TOP = Path(__file__).resolve().parents[2]
BUILD = Path(os.environ["HANDRAIL_BUILD_DIR"])
SAY = BUILD / "tests/conformance/dockerfile-say"
SEED = 7
RANDOM_FILES = 6000

HEADS = ["", "", "", "# escape=`\n", "# syntax=docker/dockerfile:1\n# escape=`\n", "# a comment\n",
         "#escape = \\\n", "\ufeff", "# Escape=`\n\n", "# x=y\n# escape=`\n"]
# What stands in a line.  "~" becomes an escape character and a line end.  ("<< EOF" is not here: the
# module's BuildKit does not know it yet.)
PIECES = ["FROM ", "from ", "RUN ", "COPY ", "ADD ", "ENV ", "ARG ", "LABEL ", "CMD ", "ENTRYPOINT ",
          "HEALTHCHECK ", "ONBUILD ", "EXPOSE ", "USER ", "WORKDIR ", "VOLUME ", "SHELL ",
          "STOPSIGNAL ", "MAINTAINER ", "NONSENSE ", "--from=x ", "--mount=type=a,b=\"c d\" ", "-- ",
          "--x ", "--'y z'=1 ", "a ", "b=c ", "d='e f' ", 'g="h i" ', "j=\\\\k ", "l=\\ m ", "n=` o ",
          "~", "~", "~ ", "~# inside\n", "~\n", "~ \t\n", "~  # more\n", "\n", "\n", "\n\n",
          "\r\n", " \n", "# plain\n", " # with a blank\n", "<<EOF ", "<<-EOF ", "<<'EOF' ", '<<"E O" ',
          "3<<FD ", "<<<here ", "cat<<EOF ", "<<EOF; ", "EOF\n", "\tEOF\n", "EOF", "E O\n",
          "FD\n", '["a", "b"]', '["a",\n', "['a']", "[1]", '["a"] x', '[ "a" ]', "[]", '["\\u00e9"]',
          '[["a"]]', '["a"', '{"a": 1}', "CMD ", "NONE", "$X ", "${X} ", "${X:-d} ", "${X", "${#x} ",
          "${x^^} ", "${a:1:2} ", "'", '"', "\\", "`", "\t", "\u00a0", "\u3000", "\u00e9", "=", "==",
          "A=", "=B ", "AS ", "as b", "x", " ", "  ", "&& ", "| ", ";", "\\\\\n", "``\n", "\\ \n", "$"]


def generate(rng):
    text = rng.choice(HEADS)
    escape = rng.choice("\\\\\\`")
    for _ in range(rng.randint(1, 25)):
        piece = rng.choice(PIECES)
        text += piece.replace("~", escape + "\n")
    return text


def as_bytes(text):
    return text.encode("utf-8").decode("latin-1")


def values(i):
    """The words of one of our instructions, as BuildKit's module gives them."""
    words = i["words"]
    if i["kind"] in ("ENV", "LABEL"):
        return [part for w in words for part in (w["text"], w["value"])]
    if i["kind"] == "ARG":
        return [w["text"] + ("=" + w["value"] if "value" in w else "") for w in words]
    if i["kind"] == "HEALTHCHECK":
        kind = [i["health_type"]] if "health_type" in i else []
        return kind + ([w["text"] for w in words] if i["json"] else [i["rest"]] if i["rest"] else [])
    if i["kind"] in ("RUN", "CMD", "ENTRYPOINT", "SHELL") and not i["json"]:
        return [i["rest"]] if i["rest"] else []
    if not i["kind"]:
        return [""]  # "ignored", it says
    return [w["text"] for w in words]


def flag(w):
    return "--" + w["text"] + ("=" + w["value"] if "value" in w else "")


def ours(i):
    return {
        "json": i["json"],
        "flags": [flag(w) for w in i["flags"]],
        "value": values(i),
        "heredocs": [(h["name"], h["body"]) for h in i["heredocs"]],
        "lines": (i["line"], i["last_line"]),
    }


def theirs(c):
    return {
        "json": c.json,
        "flags": [as_bytes(f) for f in c.flags],
        "value": [as_bytes(v) for v in c.value],
        "heredocs": [(as_bytes(h.name), as_bytes(h.content)) for h in c.heredocs],
        "lines": (c.start_line, c.end_line),
    }


def was_json(rest):
    """An array of strings and more: the module's BuildKit drops the rest, newer ones have it run by
    a shell, as we say."""
    try:
        array, _ = json.JSONDecoder().raw_decode(rest.strip())
    except ValueError:
        return False
    return isinstance(array, list)


def compare(text, said, parser):
    """What differs, or None."""
    mine = said["instructions"]
    if any(not i["json"] and was_json(i["rest"]) for i in mine):
        return None
    try:
        commands = parser.parse_string(text)
    except parser.GoParseError as error:
        return None if said["problems"] else f"BuildKit refuses it: {error}"
    except UnicodeDecodeError:
        return None  # it has cut a character in two
    if len(mine) != len(commands):
        return f"{len(mine)} instructions, BuildKit has {len(commands)}"
    for i, c in zip(mine, commands):
        a, b = ours(i), theirs(c)
        a["lines"] = (b["lines"][0], a["lines"][1])  # ours begins where the keyword stands
        if i["onbuild"]:
            a["flags"] = b["flags"]  # the module gives those before the inner instruction
        keyword = c.sub_cmd if i["onbuild"] else c.cmd
        if i["keyword"].lower() != as_bytes(keyword or "").lower():
            return f"{i['keyword']}, BuildKit has {keyword}"
        broken = any("NAME=VALUE" in p or "no value" in p for p in said["problems"])
        later = not i["kind"] or (i["onbuild"] and i["kind"] == "ONBUILD")  # it refuses them later
        if a != b and not broken and not later:
            return f"line {b['lines'][0]}:\n  ours:   {a}\n  theirs: {b}"
    return None


def check(texts, parser):
    bad = 0
    with tempfile.TemporaryDirectory() as folder:
        for start in range(0, len(texts), 500):
            batch = texts[start:start + 500]
            paths = []
            for n, text in enumerate(batch):
                paths.append(os.path.join(folder, str(n)))
                with open(paths[-1], "w", encoding="utf-8", newline="") as f:
                    f.write(text)
            out = subprocess.run([SAY, *paths], check=True, capture_output=True).stdout
            for text, line in zip(batch, out.splitlines(), strict=True):
                difference = compare(text, json.loads(line), parser)
                if difference:
                    bad += 1
                    if bad <= 3:
                        print(f"--- {text!r}\n{difference}")
    return bad


def main(files):
    requirements = TOP / "tests/conformance/python-dockerfile.txt"
    venv = subprocess.run(["sh", TOP / "tests/setup.sh", "venv", requirements], check=True,
                          capture_output=True, text=True).stdout.strip()
    modules = list(Path(venv).glob("lib/python3*/site-packages"))
    if not (Path(venv) / ".complete").exists() or not modules:
        print("conformance/dockerfile: SKIPPED: BuildKit's parser is not installed: "
              "sh tests/setup.sh test")
        return 77
    sys.path.insert(0, str(modules[0]))
    import dockerfile as parser

    rng = random.Random(SEED)
    paths = [Path(f) for f in files] or [*TOP.glob("docker/**/*Dockerfile"),
                                         *TOP.glob("tests/fuzz/corpus/dockerfile/*")]
    texts = []
    for path in paths:
        try:
            texts.append(path.read_bytes().decode("utf-8"))
        except UnicodeDecodeError:
            pass  # the module takes text only
    if not files:
        texts += [generate(rng) for _ in range(RANDOM_FILES)]
    texts = [t for t in texts if "\0" not in t]
    bad = check(texts, parser)
    print(f"{len(texts)} Dockerfiles, {bad} read differently")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
