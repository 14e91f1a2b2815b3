# SPDX-License-Identifier: MIT
"""How a stranger's project builds a plugin: CMake's find_package, and pkg-config with plain gcc.

The one argument is the tree as it lies in an image.
"""

from __future__ import annotations

import ctypes
import os
import shlex
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

TREE = Path(sys.argv.pop(1))
ROOT = Path(__file__).resolve().parent.parent.parent
ECHO = ROOT / "sample-plugins" / "echo" / "echo.c"
MAGIC = 0x31504C48

PROJECT = """
cmake_minimum_required(VERSION 3.18)
project(stranger LANGUAGES C CXX)
find_package(HandrailPlugin 0.1 REQUIRED)
find_package(HandrailPlugin REQUIRED) # a second time does no harm
handrail_add_plugin(plain plain.c)
handrail_add_plugin(wrapped wrapped.cpp)
"""
PLAIN = """
#include <handrail/plugin.h>
int helper(int);
int helper(int n) { return n; }
static const handrail_plugin plugin = {HANDRAIL_MAGIC, sizeof(plugin), HANDRAIL_ABI_MINOR};
const handrail_plugin *handrail_plugin_v1(void) { return helper(0) ? 0 : &plugin; }
"""
# Templates of the standard library ignore -fvisibility=hidden.
WRAPPED = """
#include <handrail/handrail.hpp>
#include <map>
#include <vector>
struct Hello {
    Hello(handrail::Host, handrail::Request &, handrail::View) {}
    handrail_status hello(handrail::Call &call, handrail::View args) const
    {
        std::map<std::string, std::vector<std::string>> all;
        all[args.str()].push_back("hello");
        return call.text(all.begin()->second.front());
    }
};
static constexpr handrail_tool hello = handrail::tool<Hello, &Hello::hello>(
    "hello", "Hello", "Says hello.", "{}");
HANDRAIL_PLUGIN(Hello, "hello", "1.0.0", nullptr, &hello);
"""
INCOMPLETE = PLAIN.replace("int helper(int n) { return n; }", "")


def run(*command: str | Path, check: bool = True, **env: str) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(command, capture_output=True, text=True, check=False, umask=0,
                          errors="surrogateescape", env={**os.environ, **env})
    if check and done.returncode:
        raise AssertionError(f"{command}: {done.returncode}\n{done.stdout}{done.stderr}")
    return done


class Packages(unittest.TestCase):
    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)

    def sound(self, path: Path) -> None:
        """What the host insists on, and what a plugin owes its neighbours."""
        self.assertEqual([line.split()[-1] for line in
                          run("nm", "-D", "--defined-only", path).stdout.splitlines()],
                         ["handrail_plugin_v1"])
        headers = run("readelf", "-Wld", path).stdout
        self.assertRegex(headers, r"GNU_STACK .* RW ")
        self.assertIn("GNU_RELRO", headers)
        self.assertRegex(headers, r"BIND_NOW|Flags: NOW")
        self.assertNotIn("libstdc++", headers)
        self.assertNotIn("libgcc_s", headers)
        self.assertEqual(path.stat().st_mode & 0o022, 0)
        entry = ctypes.CDLL(str(path)).handrail_plugin_v1
        entry.restype = ctypes.POINTER(ctypes.c_uint32)
        self.assertEqual(entry()[0], MAGIC)

    def project(self, plain: str) -> tuple[str | Path, ...]:
        """Configure one; the command that builds it."""
        for name, text in (("CMakeLists.txt", PROJECT), ("plain.c", plain), ("wrapped.cpp", WRAPPED)):
            (self.folder / name).write_text(text)
        build = self.folder / "build"
        run("cmake", "-G", "Ninja", "-S", self.folder, "-B", build, f"-DCMAKE_PREFIX_PATH={TREE}",
            "-DCMAKE_EXPORT_NO_PACKAGE_REGISTRY=ON")
        return "cmake", "--build", build

    def test_find_package(self) -> None:
        run(*self.project(PLAIN))
        self.sound(self.folder / "build" / "plain.so")
        self.sound(self.folder / "build" / "wrapped.so")

    def test_a_missing_symbol_is_an_error_of_the_build(self) -> None:
        done = run(*self.project(INCOMPLETE), "--target", "plain", check=False)
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("undefined reference to `helper'", done.stdout)

    def test_pkg_config(self) -> None:
        path = f"{TREE}/lib/pkgconfig"
        flags = run("pkg-config", "--cflags", "handrail-plugin", PKG_CONFIG_PATH=path).stdout
        jansson = run("pkg-config", "--cflags", "--libs", "jansson").stdout.split()
        plugin = self.folder / "echo.so"
        run("gcc", "-shared", "-fPIC", "-fvisibility=hidden", *shlex.split(flags), ECHO, *jansson,
            "-Wl,-z,defs,-z,now,-z,relro,-z,noexecstack", "-o", plugin)
        plugin.chmod(0o755) # which it is not by itself, with a umask of 0
        self.sound(plugin)


if __name__ == "__main__":
    unittest.main()
