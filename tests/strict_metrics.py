# SPDX-License-Identifier: MIT
"""What must be true of a page of metrics and what other checkers do not see.

promtool 2.42 passes over a series that is there twice, and the reference parser over that and over
the numbers of a bucket; both are strict where this one is not, so a page has to please all three.
"""

from __future__ import annotations

import math
import re
from typing import NamedTuple

NAME = r"[a-zA-Z_:][a-zA-Z0-9_:]*"
LABEL = r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\[\\"n])*)"'
SAMPLE = re.compile(rf'({NAME})(?:\{{({LABEL}(?:,{LABEL})*)\}})? (\S+)')
NUMBER = re.compile(r"[+-]?(\d+(\.\d+)?(e[+-]\d+)?|Inf|NaN)")
SUFFIXES = {"counter": ("_total",), "info": ("_info",), "histogram": ("_bucket", "_sum", "_count")}
TEXT_TYPES = {"counter", "gauge", "histogram", "untyped"}
OPENMETRICS_TYPES = {"counter", "gauge", "histogram", "info", "stateset", "unknown"}


class Wrong(AssertionError):
    """The page is not as the format wants it."""


class Series(NamedTuple):
    name: str
    labels: tuple[tuple[str, str], ...]
    value: float

    def label(self, name: str) -> str:
        return dict(self.labels).get(name, "")


class Family:
    def __init__(self, name: str) -> None:
        self.name, self.type, self.help, self.unit = name, "", "", ""
        self.series: list[Series] = []


def wrong(number: int, line: str, why: str) -> Wrong:
    return Wrong(f"line {number}: {why}: {line}")


def check(page: str, openmetrics: bool) -> dict[str, Family]:
    """The families of the page, by name; raises Wrong."""
    if not page.endswith("\n") or "\r" in page:
        raise Wrong("the page does not end with a newline, or has a carriage return in it")
    lines = page[:-1].split("\n")
    if openmetrics:
        if lines.pop() != "# EOF":
            raise Wrong("the last line is not # EOF")
    families: dict[str, Family] = {}
    seen: set[tuple[str, tuple[tuple[str, str], ...]]] = set()
    family = None
    for number, line in enumerate(lines, 1):
        if line.startswith("#"):
            family = take_comment(number, line, families, family, openmetrics)
        else:
            series = take_sample(number, line, family, openmetrics)
            key = (series.name, tuple(sorted(series.labels)))
            if key in seen:
                raise wrong(number, line, "this series was there before")
            seen.add(key)
            family.series.append(series)
    for family in families.values():
        check_family(family)
    return families


def take_comment(number: int, line: str, families: dict[str, Family], family: Family | None,
                 openmetrics: bool) -> Family:
    match = re.fullmatch(rf"# (HELP|TYPE|UNIT) ({NAME}) (.+)", line)
    if not match:
        raise wrong(number, line, "neither HELP nor TYPE nor UNIT")
    word, name, value = match.groups()
    if family is None or family.name != name:
        if word != "HELP":
            raise wrong(number, line, "HELP comes first")
        if name in families:
            raise wrong(number, line, "this family was there before")
        family = families[name] = Family(name)
    elif family.series:
        raise wrong(number, line, "after samples of its family")
    field = word.lower()
    if getattr(family, field):
        raise wrong(number, line, "twice")
    if word == "TYPE" and value not in (OPENMETRICS_TYPES if openmetrics else TEXT_TYPES):
        raise wrong(number, line, "no such type")
    if word == "UNIT" and not (openmetrics and name.endswith("_" + value)):
        raise wrong(number, line, "the name does not end in its unit")
    if word == "TYPE" and not openmetrics and value == "counter" and not name.endswith("_total"):
        raise wrong(number, line, "a counter without _total")
    setattr(family, field, value)
    return family


def take_sample(number: int, line: str, family: Family | None, openmetrics: bool) -> Series:
    match = SAMPLE.fullmatch(line)
    if not match:
        raise wrong(number, line, "not a sample")
    name, labels, value = match[1], match[2] or "", match[match.lastindex]
    if family is None or not family.type:
        raise wrong(number, line, "before its TYPE")
    suffixes = SUFFIXES.get(family.type, ("",))
    if not openmetrics and family.type == "counter":
        suffixes = ("",)
    if name not in [family.name + suffix for suffix in suffixes]:
        raise wrong(number, line, f"not of the family {family.name}")
    if not NUMBER.fullmatch(value):
        raise wrong(number, line, "not a number")
    pairs = tuple(re.findall(LABEL, labels))
    if len({label for label, _ in pairs}) != len(pairs):
        raise wrong(number, line, "a label comes twice")
    number_ = float(value.replace("Inf", "inf"))
    if family.type == "counter" and not number_ >= 0:
        raise wrong(number, line, "a counter below 0")
    return Series(name, pairs, number_)


def check_family(family: Family) -> None:
    if not family.help or not family.type:
        raise Wrong(f"{family.name} has no HELP or no TYPE")
    if family.type == "histogram":
        check_histogram(family)
    if family.type == "stateset":
        for series in family.series:
            if family.name not in dict(series.labels) or series.value not in (0, 1):
                raise Wrong(f"{family.name}: {series} is no state")


def check_histogram(family: Family) -> None:
    """Buckets in order and cumulative, the last one +Inf and the count; all for each set of labels,
    and one set after the other."""
    group: list[Series] = []
    for series in family.series:
        group.append(series)
        if series.name.endswith("_count"):
            check_buckets(family, group)
            group = []
    if group:
        raise Wrong(f"{family.name}: {group[-1]} has no _count")


def check_buckets(family: Family, group: list[Series]) -> None:
    sets = {tuple(pair for pair in s.labels if pair[0] != "le") for s in group}
    buckets = [s for s in group if s.name.endswith("_bucket")]
    bounds = [float(s.label("le").replace("Inf", "inf")) for s in buckets]
    counts = [s.value for s in buckets]
    names = [s.name[len(family.name):] for s in group]
    if (len(sets) != 1 or names != ["_bucket"] * len(buckets) + ["_sum", "_count"]
            or not bounds or bounds != sorted(set(bounds)) or bounds[-1] != math.inf
            or counts != sorted(counts) or counts[-1] != group[-1].value):
        raise Wrong(f"{family.name}{dict(sets.pop())}: {group}")
    for series in buckets:  # as OpenMetrics has it: 1.0, and +Inf
        le = series.label("le")
        if le != "+Inf" and "." not in le and "e" not in le:
            raise Wrong(f"{family.name}: le=\"{le}\" is not canonical")
