# SPDX-License-Identifier: MIT
"""plugin.h, phase.h and handrail.hpp compile without a warning, whatever the compiler and the standard."""

from __future__ import annotations

import subprocess
import tempfile
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
INCLUDE = ROOT / "plugin-api" / "include"
WARNINGS = ["-Wall", "-Wextra", "-Wpedantic", "-Wshadow", "-Wconversion", "-Wundef", "-Werror"]
C_STANDARDS = ["c99", "c11", "c17"]
CXX_STANDARDS = ["c++11", "c++14", "c++17", "c++20"]

# A header that is only included shows nothing of its macro.
USE_PLUGIN_H = """
#include <handrail/plugin.h>
int tells(const handrail_host *host);
int tells(const handrail_host *host) { return HANDRAIL_HAS(host, tell) ? 1 : 0; }
"""
USE_PHASE_H = """
#include <handrail/phase.h>
const handrail_phase_source *source(const handrail_host *host);
const handrail_phase_source *source(const handrail_host *host)
{
    return (const handrail_phase_source *)host->get_extension(host, HANDRAIL_PHASE);
}
"""
USE_STRING_VIEW = """
#include <handrail/handrail.hpp>
#include <string_view>
handrail::View view(std::string_view text);
handrail::View view(std::string_view text) { return text; }
"""


def compile_one(compiler: str, standard: str, source: Path, *more: str) -> str:
    """What the compiler says; nothing if all is well."""
    done = subprocess.run([compiler, f"-std={standard}", *WARNINGS, *more, f"-I{INCLUDE}", "-fPIC",
                           "-c", source, "-o", source.with_suffix(".o")],
                          capture_output=True, text=True, check=False)
    return done.stderr or (f"exit code {done.returncode}" if done.returncode else "")


class Headers(unittest.TestCase):
    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)

    def write(self, name: str, text: str) -> Path:
        path = self.folder / name
        path.write_text(text)
        return path

    def clean(self, compilers: list[str], standards: list[str], source: Path, *more: str) -> None:
        for compiler in compilers:
            for standard in standards:
                with self.subTest(compiler=compiler, standard=standard):
                    self.assertEqual(compile_one(compiler, standard, source, *more), "")

    def test_plugin_h_in_c(self) -> None:
        self.clean(["gcc", "clang"], C_STANDARDS, self.write("use.c", USE_PLUGIN_H))

    def test_plugin_h_in_cxx(self) -> None:
        self.clean(["g++", "clang++"], CXX_STANDARDS, self.write("use.cpp", USE_PLUGIN_H))

    def test_phase_h(self) -> None:
        self.clean(["gcc", "clang"], C_STANDARDS, self.write("use.c", USE_PHASE_H))
        self.clean(["g++", "clang++"], CXX_STANDARDS, self.write("use.cpp", USE_PHASE_H))

    def test_handrail_hpp(self) -> None:
        text = (ROOT / "tests" / "plugins" / "wrapper" / "wrapper.cpp").read_text()
        source = self.write("wrapper.cpp", text)
        self.clean(["g++", "clang++"], CXX_STANDARDS, source, "-fno-rtti")
        self.clean(["g++"], ["c++11"], source)

    def test_the_example_in_handrail_hpp(self) -> None:
        header = (INCLUDE / "handrail" / "handrail.hpp").read_text()
        example = header[header.index(" *     struct"):].split("\n *\n")[0].replace(" *     ", "")
        source = self.write("example.cpp", "#include <handrail/handrail.hpp>\n" + example + "\n")
        self.clean(["g++"], ["c++11"], source, "-Wno-unused-parameter")

    def test_string_view(self) -> None:
        self.clean(["g++"], ["c++17"], self.write("view.cpp", USE_STRING_VIEW))

    def test_descriptors_are_constant(self) -> None:
        """Without optimisation, too, no code runs to make them."""
        text = (ROOT / "tests" / "plugins" / "wrapper" / "wrapper.cpp").read_text()
        source = self.write("wrapper.cpp", text)
        for compiler in ("g++", "clang++"):
            with self.subTest(compiler=compiler):
                self.assertEqual(compile_one(compiler, "c++11", source, "-O0"), "")
                symbols = subprocess.run(["objdump", "-t", source.with_suffix(".o")], text=True,
                                         capture_output=True, check=True).stdout.splitlines()
                for name in ("handrail_plugin_", "handrail_tools_", "3act"):
                    found = [s for s in symbols if name in s and " O " in s]
                    self.assertEqual([".data.rel.ro" in s for s in found], [True], found)
                self.assertEqual([s for s in symbols if "_GLOBAL__sub_I" in s], [])


if __name__ == "__main__":
    unittest.main()
