#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What a release promises about its files, and about what the image around it cannot do to it.

Started by run.sh, with the release's tree at /opt/handrail and the developer's build beside it.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import re
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "integration"))

from harness import sample, standin  # noqa: E402
from support import HANDRAIL, ROOT  # noqa: E402

TREE = Path("/opt/handrail")
STATIC = ["handrail", "handrail-sidecar"]
LOADING = "handrail-toolhost"
RELEASE = Path(os.environ["HANDRAIL_RELEASE"])
SIZE_MAX = 6_000_000  # bytes of all files
RSS_MAX = {"handrail": 1024, "handrail-sidecar": 3072, "handrail-toolhost": 3072}  # KiB

# Notes which program has loaded it.
EVIL = """#include <fcntl.h>
#include <unistd.h>
__attribute__((constructor)) static void evil(void)
{
    char name[4096];
    ssize_t n = readlink("/proc/self/exe", name, sizeof(name) - 1);
    int fd = open(MARK, O_CREAT | O_WRONLY | O_APPEND, 0666);
    name[n < 0 ? 0 : n] = '\\n';
    if (write(fd, name, n < 0 ? 1 : n + 1) < 0)
        _exit(1);
    close(fd);
}
"""


def readelf(flag: str, path: Path) -> str:
    return subprocess.run(["readelf", "-W", flag, path], check=True, capture_output=True,
                          text=True).stdout


def needed(path: Path) -> list[str]:
    return re.findall(r"\(NEEDED\)\s+Shared library: \[(.*)\]", readelf("-d", path))


def memory(pid: int) -> tuple[int, int]:
    """Resident and anonymous, in KiB."""
    text = Path(f"/proc/{pid}/smaps_rollup").read_text()
    return tuple(int(re.search(rf"^{key}:\s+(\d+) kB", text, re.M).group(1))  # type: ignore
                 for key in ("Rss", "Anonymous"))


class Files(unittest.TestCase):
    def test_each_is_hardened_and_stripped(self):
        for name in [*STATIC, LOADING]:
            path = TREE / "bin" / name
            with self.subTest(name):
                header, segments = readelf("-h", path), readelf("-l", path)
                self.assertRegex(header, r"Type:\s+DYN")
                self.assertIn("GNU_RELRO", segments)
                self.assertRegex(segments, r"GNU_STACK .* RW +0x")
                self.assertNotRegex(segments, r"LOAD .* RWE")
                dynamic = readelf("-d", path)
                self.assertRegex(dynamic, r"FLAGS_1\).*NOW.*PIE|FLAGS_1\).*PIE.*NOW|BIND_NOW")
                self.assertNotIn("RUNPATH", dynamic)
                self.assertNotIn("TEXTREL", dynamic)
                self.assertNotRegex(readelf("-S", path), r"\.symtab|\.debug_")
                self.assertNotIn(str(ROOT).encode(), path.read_bytes())

    def test_the_static_ones_need_nothing(self):
        for name in STATIC:
            path = TREE / "bin" / name
            self.assertEqual(needed(path), [], name)
            self.assertNotIn("INTERP", readelf("-l", path), name)
            self.assertNotIn("RPATH", readelf("-d", path), name)

    def test_the_loading_one_needs_only_what_is_beside_it(self):
        path = TREE / "bin" / LOADING
        self.assertIn(f"(RPATH)              Library rpath: [{TREE}/lib]", readelf("-d", path))
        self.assertRegex(readelf("-l", path), rf"interpreter: {TREE}/lib/ld-linux-")
        for library in [path, *(TREE / "lib").glob("*.so*")]:
            for name in needed(library):
                self.assertTrue((TREE / "lib" / name).is_file(), f"{library} needs {name}")

    def test_size_and_modes(self):
        files = [p for p in TREE.rglob("*") if p.is_file() and not p.is_symlink()]
        size = sum(p.stat().st_size for p in files)
        print(f"  /opt/handrail: {size} bytes in {len(files)} files (at most {SIZE_MAX})")
        self.assertLessEqual(size, SIZE_MAX)
        for path in TREE.rglob("*"):
            if not path.is_symlink():
                self.assertIn(path.stat().st_mode & 0o7777, (0o755, 0o644), path)

    def test_debug_files_belong_to_the_programs(self):
        for name in [*STATIC, LOADING]:
            build_id = re.search(r"Build ID: (\w+)", readelf("-n", TREE / "bin" / name)).group(1)
            debug = RELEASE / "debug/.build-id" / build_id[:2] / f"{build_id[2:]}.debug"
            self.assertIn(".debug_info", readelf("-S", debug), name)

    def test_bill_of_materials_is_spdx(self):
        venv = subprocess.run(["sh", ROOT / "tests/setup.sh", "venv", HERE / "requirements.txt"], check=True,
                              capture_output=True, text=True).stdout.strip()
        done = subprocess.run([f"{venv}/bin/pyspdxtools", "--infile", TREE / "share/handrail.spdx.json"],
                              capture_output=True, text=True, check=False)
        self.assertEqual(done.returncode, 0, f"{done.stdout}{done.stderr}")

    def test_bill_of_materials(self):
        bill = json.loads((TREE / "share/handrail.spdx.json").read_text())
        self.assertEqual(bill["spdxVersion"], "SPDX-2.3")
        ids = {"SPDXRef-DOCUMENT", *(e["SPDXID"] for e in bill["packages"] + bill["files"])}
        self.assertEqual(len(ids), 1 + len(bill["packages"]) + len(bill["files"]))
        for relation in bill["relationships"]:
            self.assertLessEqual({relation["spdxElementId"], relation["relatedSpdxElement"]}, ids)
        listed = {TREE / e["fileName"]: e for e in bill["files"]}
        self.assertEqual(set(listed), {
            p for p in TREE.rglob("*")
            if p.is_file() and not p.is_symlink() and p.read_bytes()[:4] == b"\x7fELF"})
        for path, entry in listed.items():
            sums = {c["algorithm"]: c["checksumValue"] for c in entry["checksums"]}
            self.assertEqual(sums["SHA256"], hashlib.sha256(path.read_bytes()).hexdigest(), path)
        for package in bill["packages"]:
            if package["name"] != "libgcc":  # which is libgcc-s1's
                text = gzip.decompress((TREE / f"share/licenses/{package['name']}.gz").read_bytes())
                self.assertGreater(len(text), 300, package["name"])


class Hostile(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="handrail-test-")
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        self.mark = self.folder / "mark"
        (self.folder / "evil.c").write_text(EVIL)
        self.evil = self.folder / "libm.so.6"
        subprocess.run(["cc", "-shared", "-fPIC", f'-DMARK="{self.mark}"', "-o", self.evil,
                        self.folder / "evil.c"], check=True)
        for name in ("libc.so.6", "libdl.so.2", "libpthread.so.0", "libgcc_s.so.1"):
            (self.folder / name).symlink_to(self.evil)
        self.surroundings = {  # the first is what the agent-server's image sets
            "LD_LIBRARY_PATH": f"/usr/lib/x86_64-linux-gnu:/usr/lib:{self.folder}:",
            "LD_PRELOAD": str(self.evil)}

    def loaded_by(self):
        return self.mark.read_text().split() if self.mark.exists() else []

    def assert_not_by_us(self, *more):
        self.assertEqual([p for p in self.loaded_by() if "handrail" in p], [], more)

    def run_here(self, *command):
        done = subprocess.run(command, cwd=self.folder, capture_output=True, text=True,
                              timeout=30, env={**os.environ, **self.surroundings})
        self.assertEqual(done.returncode, 0, done.stderr)

    def test_it_would_be_loaded(self):
        self.run_here("/bin/true")
        self.assertEqual(len(self.loaded_by()), 1)

    def test_not_by_a_command(self):
        for arguments in (["--version"], ["plugin", "--version"], ["explain"], ["lint", "--help"],
                          ["plugin", "inspect", str(sample("echo")["path"])]):
            self.run_here(str(HANDRAIL), *arguments)
            self.assert_not_by_us(arguments)

    def test_not_by_the_toolhost(self):
        del self.surroundings["LD_PRELOAD"]
        self.run_here(str(TREE / "bin" / LOADING), "--version")
        self.assert_not_by_us()

    def test_not_by_what_handrail_starts(self):
        with standin(plugins=[sample("echo")], env=self.surroundings, cwd=self.folder) as h:
            h.wait_status("/readyz", 200)
            self.assertIn("here", json.dumps(h.call_tool("echo", {"text": "here"})))
        self.assertNotEqual(self.loaded_by(), [])  # by the server, whose environment it is
        self.assert_not_by_us()


    def test_not_by_the_images_list_of_libraries(self):
        """/etc/ld.so.preload, which a loader reads whatever its options and its environment are."""
        for program, loaded in (("/bin/true", True), (str(TREE / "bin" / LOADING), False)):
            self.mark.unlink(missing_ok=True)
            subprocess.run(["unshare", "--mount", "sh", "-c", "mount -t tmpfs tmpfs /etc && "
                            'echo "$1" >/etc/ld.so.preload && exec "$2" --version', "sh", self.evil, program],
                           check=True, capture_output=True)
            self.assertEqual(any(program == p or p.endswith("/true") for p in self.loaded_by()), loaded,
                             program)


class Running(unittest.TestCase):
    def test_memory(self):
        with standin("--notify", plugins=[sample("echo")]) as h:
            h.wait_status("/readyz", 200)
            h.call_tool("echo", {"text": "x"})
            pids = {"handrail": h.pid,
                    **{name: h.child(name) for name in ("handrail-sidecar", "handrail-toolhost")}}
            for name, pid in pids.items():
                resident, own = memory(pid)
                print(f"  {name}: {resident} KiB resident (at most {RSS_MAX[name]}), "
                      f"{own} KiB of it are its own")
                self.assertLessEqual(resident, RSS_MAX[name])


if __name__ == "__main__":
    unittest.main()
