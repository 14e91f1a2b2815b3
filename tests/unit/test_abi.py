# SPDX-License-Identifier: MIT
"""The plugin ABI only grows: today's header against those of plugin-api/abi.

    test_abi.py <plugin-api>
"""

import re
import shutil
import subprocess
import sys
import tempfile
import unittest
import xml.etree.ElementTree as ET
from pathlib import Path

API = Path(sys.argv[1])
EXTENSIONS = {path.stem: path for path in (API / "include" / "handrail").glob("*.h")
              if path.name != "plugin.h"}
TODAY = API / "include" / "handrail" / "plugin.h"
RELEASED = {path.parts[-3]: path for path in sorted((API / "abi").glob("*/handrail/plugin.h"))}


def build(folder: Path, header: str, name: str, extension: str = "") -> Path:
    """A shared object in whose debug information the whole ABI of that header is; or that of an
    extension's, beside today's plugin.h."""
    include = folder / name / "handrail"
    include.mkdir(parents=True)
    (include / "plugin.h").write_text(TODAY.read_text() if extension else header)
    if extension:
        (include / f"{extension}.h").write_text(header)
    probe = API / "abi" / (f"probe_{extension}.c" if extension else "probe.c")
    target = folder / f"{name}.so"
    subprocess.run(["cc", "-g", "-O0", "-shared", "-fPIC", "-fvisibility=hidden",
                    f"-I{include.parent}", probe, "-o", target], check=True)
    return target


def differs(a: Path, b: Path) -> bool:
    done = subprocess.run(["abidiff", a, b], capture_output=True, text=True, check=False)
    if done.returncode & 3:
        raise RuntimeError(done.stderr)
    return done.returncode != 0


def members(so: Path) -> dict[str, dict[str, tuple[int, str]]]:
    """{structure: {member: (offset in bits, type)}}, sizes as the member "sizeof"."""
    text = subprocess.run(["abidw", "--no-corpus-path", "--no-comp-dir-path", "--no-show-locs", so],
                          capture_output=True, text=True, check=True).stdout
    root = ET.fromstring(text)
    types = {t.get("id"): t for t in root.iter() if t.get("id")}

    def spell(type_id: str, depth: int = 0) -> str:
        t = types[type_id]
        if depth > 12 or t.tag in ("typedef-decl", "type-decl", "class-decl", "enum-decl"):
            return t.get("name", t.tag)
        parts = [child.get("type-id") for child in t if child.get("type-id")]
        if t.get("type-id"):
            parts.append(t.get("type-id"))
        return f"{t.tag}({','.join(spell(p, depth + 1) for p in parts if p)})"

    found: dict[str, dict[str, tuple[int, str]]] = {}
    for struct in root.iter("class-decl"):
        if struct.get("is-declaration-only") == "yes":
            continue
        rows = {"sizeof": (int(struct.get("size-in-bits", "0")), "")}
        for member in struct.iter("data-member"):
            var = member.find("var-decl")
            assert var is not None
            rows[var.get("name", "")] = (int(member.get("layout-offset-in-bits", "0")),
                                         spell(var.get("type-id", "")))
        found[struct.get("name", "")] = rows
    return found


def constants(so: Path) -> dict[str, int]:
    """By the sizes of the arrays that probe.c makes of them."""
    text = subprocess.run(["nm", "-S", "--defined-only", so], capture_output=True, text=True,
                          check=True).stdout
    return {row[3]: int(row[1], 16) for row in map(str.split, text.splitlines())
            if len(row) == 4 and row[3].startswith("probe_")}


def problems(old: Path, new: Path) -> list[str]:
    """What a plugin or host built with the old one would find changed."""
    said = []
    now = members(new)
    for struct, rows in members(old).items():
        for member, (offset, kind) in rows.items():
            got = now.get(struct, {}).get(member)
            if member == "sizeof":
                if not got or got[0] < offset:
                    said.append(f"{struct} has shrunk")
            elif got != (offset, kind):
                said.append(f"{struct}.{member}: {(offset, kind)} is now {got}")
    values = constants(new)
    said += [f"{name}: {value} is now {values.get(name)}"
             for name, value in constants(old).items() if values.get(name) != value]
    return said


def names(header: str) -> list[str]:
    """The ids of the extensions."""
    return re.findall(r'^#define \w+ +"([^"]+)"', header, re.M)


class Abi(unittest.TestCase):
    def setUp(self):
        self.folder = Path(self.enterContext(tempfile.TemporaryDirectory()))
        self.today = build(self.folder, TODAY.read_text(), "today")

    def minor(self):
        return re.search(r"HANDRAIL_ABI_MINOR (\d+)u", TODAY.read_text()).group(1)

    def test_it_is_what_was_released_as_its_minor(self):
        self.assertIn(f"1.{self.minor()}", RELEASED, "plugin-api/abi/README.md says what to do")
        released = build(self.folder, RELEASED[f"1.{self.minor()}"].read_text(), "released")
        self.assertFalse(differs(released, self.today),
                         f"abidiff {released} {self.today} says what has changed; what is appended "
                         "needs a new minor: plugin-api/abi/README.md")

    def test_every_older_one_is_still_there(self):
        self.assertEqual(len(RELEASED), int(self.minor()) + 1)
        for name, header in RELEASED.items():
            with self.subTest(name):
                old = build(self.folder, header.read_text(), name)
                self.assertEqual(problems(old, self.today), [])

    def test_what_would_break_it_is_seen(self):
        for what, (pattern, text) in {
            "a member in the middle": (r"(\tuint32_t abi_minor;)", r"\tuint32_t more;\n\1"),
            "two that change places": (r"\*name, \*version;", "*version, *name;"),
            "a member that is gone": (r"\tconst char \*title;[^\n]*\n", ""),
            "another type": (r"uint32_t timeout_ms;", "uint64_t timeout_ms;"),
            "another argument": (r"\(\*cancel\)\(void \*self, handrail_call \*\)",
                                 "(*cancel)(void *self)"),
            "another result": (r"int32_t \(\*cancel_fd\)", "int64_t (*cancel_fd)"),
            "another value": (r"HANDRAIL_E_TIMEOUT *= -5", "HANDRAIL_E_TIMEOUT = -50"),
            "another flag": (r"1u << 3", "1u << 4"),
            "another name": (r"\(\*add_blob\)", "(*add_bytes)"),
        }.items():
            with self.subTest(what):
                changed, n = re.subn(pattern, text, TODAY.read_text(), count=1, flags=re.S)
                self.assertEqual(n, 1)
                new = build(self.folder, changed, what.replace(" ", "-"))
                self.assertTrue(problems(self.today, new))
                self.assertTrue(differs(self.today, new) or "flag" in what or "value" in what)
        appended = build(self.folder, re.sub(
            r"(\t/\* --- minor 1 ends here; append only --- \*/\n\};)", r"\tvoid (*more)(void);\n\1",
            TODAY.read_text(), count=1), "appended")
        self.assertEqual(problems(self.today, appended), [])
        self.assertTrue(differs(self.today, appended))  # so a new minor is asked for

    def test_extensions_are_frozen(self):
        """The newest revision of each is what it was when it was published; an older one may be
        gone from today's header."""
        self.assertIn("phase", EXTENSIONS)
        for name, header in EXTENSIONS.items():
            with self.subTest(name):
                revision = re.search(rf'"handrail\.{name}/(\d+)"', header.read_text()).group(1)
                frozen = API / "abi" / f"{name}-{revision}" / "handrail" / f"{name}.h"
                old = build(self.folder, frozen.read_text(), f"{name}-frozen", name)
                new = build(self.folder, header.read_text(), f"{name}-today", name)
                self.assertEqual(names(frozen.read_text()), names(header.read_text()))
                self.assertEqual(problems(old, new), [])
                self.assertFalse(differs(old, new), "what changes is a new revision")

    def test_what_would_break_an_extension_is_seen(self):
        today = build(self.folder, EXTENSIONS["phase"].read_text(), "phase-today", "phase")
        for what, (pattern, text) in {
            "a member more": (r"(\n\} handrail_phase_source;)", r"\n    void (*more)(void);\1"),
            "another argument": (r"const char \*json, size_t len\)", "const char *json)"),
            "another result": (r"    size_t \(\*present\)", "    int32_t (*present)"),
            "another limit": (r"32768u", "65536u"),
        }.items():
            with self.subTest(what):
                changed, n = re.subn(pattern, text, EXTENSIONS["phase"].read_text())
                self.assertGreaterEqual(n, 1)
                new = build(self.folder, changed, what.replace(" ", "-"), "phase")
                self.assertTrue(problems(today, new) or differs(today, new))


if __name__ == "__main__":
    if not shutil.which("abidiff"):
        print("unit/abi: SKIPPED: there is no abidiff: with Debian, apt-get install abigail-tools")
        sys.exit(77)
    unittest.main(argv=[sys.argv[0], "-q"])
