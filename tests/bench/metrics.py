# SPDX-License-Identifier: MIT
"""What a scrape costs: 4 plugins with 40 tools, beside Python's prometheus_client writing as many
series.

The time is that of the sidecar's processor, from its own clock ticks over many scrapes on one kept
connection, so that the client costs nothing; and from the request to the end of the answer.
"""

from __future__ import annotations

import http.client
import os
import time
from pathlib import Path

from harness import standin, test_plugin

ROUNDS = 4000
PLUGINS, TOOLS = 4, 10


def cpu(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def heap_kb(pid: int) -> int:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("RssAnon:"):
            return int(line.split()[1])
    return 0


def rounds(h, headers: dict[str, str], n: int) -> tuple[float, float, int]:
    """Processor and wall time of one scrape, seconds, and its bytes."""
    c = http.client.HTTPConnection("127.0.0.1", h.health_port, timeout=10)
    c.request("GET", "/metrics", headers=headers)
    size = len(c.getresponse().read())
    pid = h.child("handrail-sidecar")
    used, began = cpu(pid), time.monotonic()
    for _ in range(n):
        c.request("GET", "/metrics", headers=headers)
        c.getresponse().read()
    wall = (time.monotonic() - began) / n
    used = (cpu(pid) - used) / n
    c.close()
    return used, wall, size


def peer(series: int) -> float:
    """Seconds of one page of prometheus_client, of counters and histograms as ours."""
    from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
    registry = CollectorRegistry()
    labels = ["plugin", "tool"]
    calls = Counter("tool_calls", "C.", [*labels, "outcome"], registry=registry)
    seconds = Histogram("tool_seconds", "H.", labels, registry=registry,
                        buckets=[.0001, .0003, .001, .003, .01, .03, .1, .3, 1, 3, 10, 60])
    gauges = [Gauge(f"tool_gauge_{i}", "G.", labels, registry=registry) for i in range(4)]

    def lines() -> int:
        return sum(not line.startswith("#") for line in
                   generate_latest(registry).decode().splitlines())

    tool = 0
    while lines() < series:
        at = (f"plugin-{tool % PLUGINS}", f"tool_{tool}")
        for outcome in ("ok", "error", "timeout", "cancelled", "crashed", "rejected"):
            calls.labels(*at, outcome).inc()
        seconds.labels(*at).observe(0.01)
        for gauge in gauges:
            gauge.labels(*at).set(1)
        tool += 1
    began = time.monotonic()
    for _ in range(50):
        generate_latest(registry)
    return (time.monotonic() - began) / 50


def compare() -> None:
    print(f"Metrics: a scrape with {PLUGINS} plugins and {PLUGINS * TOOLS} tools, "
          f"{ROUNDS} in a row (us)", flush=True)
    with standin(plugins=[test_plugin(f"many{i}") for i in range(PLUGINS)]) as h:
        h.wait_status("/readyz", 200, timeout=30)
        page = h.get("/metrics").text
        series = sum(not line.startswith("#") for line in page.splitlines())
        rounds(h, {}, ROUNDS // 4)
        before = heap_kb(h.child("handrail-sidecar"))
        text = 0.0
        for name, headers in (
                ("0.0.4", {}), ("OpenMetrics", {"Accept": "application/openmetrics-text"}),
                ("OpenMetrics, gzip", {"Accept": "application/openmetrics-text",
                                       "Accept-Encoding": "gzip"})):
            used, wall, size = rounds(h, headers, ROUNDS)
            text = text or used
            print(f"  {name:18} processor {used * 1e6:5.0f}  to the end of the answer "
                  f"{wall * 1e6:5.0f}  ({size} bytes)", flush=True)
        grown = heap_kb(h.child("handrail-sidecar")) - before
        print(f"  {series} series; heap after {3 * ROUNDS} scrapes: {grown:+d} kB", flush=True)
    try:
        other = peer(series)
    except ImportError:
        print("  prometheus_client is not installed", flush=True)
        return
    print(f"  prometheus_client, as many series: {other * 1e6:.0f}; ours / its: "
          f"{text / other:.3f}", flush=True)
