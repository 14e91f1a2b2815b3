# SPDX-License-Identifier: MIT
"""The official JSON Schema test suite, drafts 2020-12 and 7, against common/schema.

The suite is not copied into this tree: it comes with the source distribution of the Python package
jsonschema, which pip downloads once into the user's cache folder.  Without it, and without a way to
get it, the test is skipped (code 77) and says so.

Usage: schema_suite.py RUNNER [-v]
"""

from __future__ import annotations

import collections
import hashlib
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tarfile
import tempfile

VERSION = "4.23.0"
SHA256 = "d71497fef26351a33265337fa77ffeb82423f3ea21283cd9467bb03999266bc4"
SKIPPED = 77
LEAST_TESTS = 900  # of a draft: fewer, and the archive is not what it was
REMOTE_URI = "http://localhost:1234/"

# Groups that must be refused, every test of them, and why.  One that passes is an error too: then
# it does not belong here.
NOT_A_DIALECT = '"$schema" names a metaschema of its own, for its "$vocabulary"'
TWO_NAMES = "a document that is found at one URI and names itself by another: \"$id\" counts alone"
METASCHEMA_7 = "the metaschema of draft 7 is not built in"
UNSUPPORTED: dict[str, dict[str, dict[str, str]]] = {
    "draft2020-12": {
        "refRemote.json": {
            "remote HTTP ref with different $id": TWO_NAMES,
            "remote HTTP ref with different URN $id": TWO_NAMES,
        },
        "vocabulary.json": {
            "schema that uses custom metaschema with with no validation vocabulary": NOT_A_DIALECT,
            "ignore unrecognized optional vocabulary": NOT_A_DIALECT,
        },
    },
    "draft7": {
        "definitions.json": {"validate definition against metaschema": METASCHEMA_7},
        "ref.json": {"remote ref, containing refs itself": METASCHEMA_7},
    },
}
DIALECTS = {
    "draft2020-12": "https://json-schema.org/draft/2020-12/schema",
    "draft7": "http://json-schema.org/draft-07/schema#",
}
DEFINITIONS = {"draft2020-12": "$defs", "draft7": "definitions"}


def download(path: pathlib.Path) -> str:
    """Empty, or why there is no archive.  pip builds its metadata, and gets what that takes."""
    pips = [[sys.executable, "-m", "pip"]] + [[pip] for pip in [shutil.which("pip")] if pip]
    reason = ""
    for pip in pips:
        with tempfile.TemporaryDirectory(dir=path.parent) as folder:
            command = [*pip, "download", "--quiet", "--no-deps", "--disable-pip-version-check",
                       "--no-binary", "jsonschema", "--dest", folder, f"jsonschema=={VERSION}"]
            try:
                done = subprocess.run(command, capture_output=True, text=True, timeout=240)
                reason = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
            except (OSError, subprocess.TimeoutExpired) as error:
                reason = str(error)
                continue
            if done.returncode == 0:
                os.replace(pathlib.Path(folder) / path.name, path)
                return ""
    return reason


def sdist() -> pathlib.Path:
    """The archive, downloaded if need be."""
    cache = pathlib.Path(os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache")
    path = cache / "handrail" / f"jsonschema-{VERSION}.tar.gz"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        reason = download(path)
        if reason:
            print(f"SKIPPED: the JSON Schema test suite is not at {path}, and pip cannot download "
                  f"it: {reason}", file=sys.stderr)
            sys.exit(SKIPPED)
    if hashlib.sha256(path.read_bytes()).hexdigest() != SHA256:
        sys.exit(f"{path} is not the archive it should be: delete it and run this again")
    return path


def extract(archive: pathlib.Path, folder: pathlib.Path) -> pathlib.Path:
    with tarfile.open(archive) as tar:
        for member in tar.getmembers():
            if member.isfile() and "/json/" in member.name and member.name.endswith(".json"):
                tar.extract(member, folder)
    return folder / f"jsonschema-{VERSION}" / "json"


def remotes(suite: pathlib.Path, draft: str) -> dict[str, object]:
    """The documents that tests refer to, each naming itself by the URI it would be found at."""
    found = {}
    for path in sorted((suite / "remotes").rglob("*.json")):
        name = path.relative_to(suite / "remotes").as_posix()
        if name.startswith("draft") and not name.startswith(draft + "/"):
            continue
        document = json.loads(path.read_text())
        if isinstance(document, dict) and "$id" not in document:
            found[REMOTE_URI + name] = {"$id": REMOTE_URI + name, **document}
        elif isinstance(document, dict) and document["$id"] == REMOTE_URI + name:
            found[REMOTE_URI + name] = document
    return found


def bundled(schema: object, documents: dict[str, object], definitions: str) -> object:
    """Nothing is ever fetched, so put into the schema what it would fetch."""
    text = json.dumps(schema)
    wanted: dict[str, object] = {}
    while True:
        base = schema.get("$id", "") if isinstance(schema, dict) else ""
        more = {uri: d for uri, d in documents.items() if uri not in wanted
                and (uri in text or uri.rsplit("/", 1)[-1] in text) and uri != base}
        if not more:
            break
        wanted.update(more)
        text += json.dumps(list(more.values()))
    if REMOTE_URI not in json.dumps(schema) or not wanted or not isinstance(schema, dict):
        return schema
    if definitions == "definitions" and "$ref" in schema:  # stands alone in draft 7
        schema = {"allOf": [schema]}
    return {**schema, definitions: {**schema.get(definitions, {}), **wanted}}


def run(runner: str, suite: pathlib.Path, draft: str, folder: pathlib.Path,
        verbose: bool) -> tuple[int, int, list[str]]:
    unsupported = UNSUPPORTED[draft]
    documents = remotes(suite, draft)
    total = passed = 0
    complaints = []
    for path in sorted((suite / "tests" / draft).glob("*.json")):
        groups = json.loads(path.read_text())
        for group in groups:
            group["schema"] = bundled(group["schema"], documents, DEFINITIONS[draft])
        copy = folder / path.name
        copy.write_text(json.dumps(groups))
        output = subprocess.run([runner, str(copy), DIALECTS[draft]], capture_output=True,
                                text=True, timeout=300)
        if output.returncode:
            complaints.append(f"{path.name}: the runner ended with {output.returncode}: "
                              f"{output.stderr[-2000:]}")
            continue
        listed = unsupported.get(path.name, {})
        seen = collections.Counter()
        for line in output.stdout.splitlines():
            verdict, name, test, why = line.split("\t", 3)
            seen[name] += 1
            total += 1
            passed += verdict == "pass"
            if verdict != ("refused" if name in listed else "pass"):
                complaints.append(f"{path.name}: {name}: {test}: {verdict}"
                                  f"{' though listed' if name in listed else ''}: {why}")
            elif verbose and verdict != "pass":
                print(f"{path.name}: {name}: {test}: {why}")
        if sum(seen.values()) != sum(len(group["tests"]) for group in groups):
            complaints.append(f"{path.name}: tests are missing from the output")
        complaints += [f"{path.name}: {name}: listed, but not in the suite"
                       for name in listed if name not in seen]
    return passed, total, complaints


def main() -> int:
    runner, verbose = sys.argv[1], "-v" in sys.argv[2:]
    archive = sdist()
    failed = False
    with tempfile.TemporaryDirectory() as name:
        suite = extract(archive, pathlib.Path(name))
        for draft in DIALECTS:
            passed, total, complaints = run(runner, suite, draft, pathlib.Path(name), verbose)
            print(f"{draft}: {passed} of {total} passed, "
                  f"{sum(map(len, UNSUPPORTED[draft].values()))} groups listed as unsupported")
            for complaint in complaints:
                print(f"  {complaint}")
            failed |= bool(complaints) or total < LEAST_TESTS
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
