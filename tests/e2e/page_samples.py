# SPDX-License-Identifier: MIT
"""Answers of /status, /plugins and /crashes for the status page: pods in good and in bad times."""

from __future__ import annotations

from typing import Any

GB, MB = 1024 ** 3, 1024 ** 2


def check(name: str, gates: str, message: str = "", since: float = 7860, status: str = "",
          observed: float | None = None, unit: str | None = None) -> dict[str, Any]:
    status = status or ("fail" if message else "pass")
    return {"name": name, "ok": status == "pass", "status": status, "message": message,
            "since_seconds": since, "gates": gates.split(), "observed": observed, "unit": unit}


def service(name: str, state: str = "up", starts: int = 1, uptime: float | None = 7861.5,
            since: float = 7860.2, pid: int | None = 17, reason: str | None = None,
            retry: int | None = None) -> dict[str, Any]:
    return {"name": name, "state": state, "pid": pid, "starts": starts, "failures": starts - 1,
            "last_exit": None, "uptime_seconds": uptime, "state_seconds": since,
            "retry_in_ms": retry, "reason": reason,
            "output": {"lines": 1, "bytes": 71, "dropped_lines": 0, "dropped_bytes": 0}}


def tool(name: str, p50: float | None = None, p99: float | None = None, in_flight: int = 0,
         **calls: int) -> dict[str, Any]:
    outcomes = ("ok", "error", "timeout", "cancelled", "crashed", "rejected")
    return {"name": name, "annotations": None, "calls": {o: calls.get(o, 0) for o in outcomes},
            "in_flight": in_flight, "waiting": 0, "max_concurrency": None, "timeout_ms": 60000,
            "retried": 0, "latency_seconds": {"count": calls.get("ok", 0), "sum": 1.0, "p50": p50,
                                              "p90": p99, "p99": p99}}


def plugin(name: str, tools: list[Any], state: str = "up", reason: str | None = None,
           missing: dict[str, str] | None = None) -> dict[str, Any]:
    return {"id": name, "version": "1.0.0", "sha256": "3e" * 32, "state": state, "ok": not reason,
            "reason": reason, "health": None, "starts": 1, "tools": tools, "tool_count": len(tools),
            "totals": {"calls": sum(sum(t["calls"].values()) for t in tools),
                       "errors": sum(n for t in tools for o, n in t["calls"].items() if o != "ok"),
                       "in_flight": sum(t["in_flight"] for t in tools)},
            "confinement": {"enforced": ["rights", "limits", "files", "syscalls", "network"],
                            "missing": missing or {}}}


def crash(number: int, name: str, time: str, reason: str, uptime: float) -> dict[str, Any]:
    return {"number": number, "service": name, "life": 2, "pid": 4711, "time": time,
            "exit": {"signal": 9}, "core_dumped": False, "reason": reason,
            "uptime_seconds": uptime, "user_seconds": 1.0, "system_seconds": 0.1,
            "max_rss_bytes": 412 * MB, "oom_kills": 0}


def phase(steps: list[tuple[str, str, float]], **more: Any) -> dict[str, Any]:
    history = [{"phase": name, "seconds": seconds,
                "at": f"{at}.123Z" if "T" in at else f"2026-11-26T{at}.123Z"}
               for name, at, seconds in steps]
    names = ("starting", "warming", "warm", "claimed", "active", "draining", "stopped", "failed")
    return {"name": history[-1]["phase"], "since": history[-1]["at"],
            "seconds": history[-1]["seconds"], "history": history,
            "seconds_in": {name: sum(s[2] for s in steps if s[0] == name) for name in names},
            "pooled": True, "claimed": False, "claim_uid": None, "init": "ready",
            "idle_seconds": None, "server_version": "1.58.0",
            "hook": {"state": "none", "message": None}, **more}


def resources(memory: float, oom_kills: int = 0) -> dict[str, Any]:
    return {"memory": {"used_bytes": min(int(memory * 2 * GB), 2 * GB), "limit_bytes": 2 * GB,
                       "working_set_bytes": int(memory * 1.7 * GB), "oom_kills": oom_kills,
                       "pressure_10s_percent": 0.0 if memory < 0.9 else 14.2},
            "cpu": {"seconds": 318.4, "limit_cores": 2, "throttled_seconds": 4.2,
                    "pressure_10s_percent": 1.3},
            "pids": {"count": 41, "limit": 512},
            "processes": {"count": 9, "threads": 96, "open_fds": 214, "rss_bytes": 611 * MB,
                          "zombies": 0},
            "disks": [{"path": "/workspace", "free_bytes": int(6.2 * GB), "size_bytes": 20 * GB},
                      {"path": "/tmp", "free_bytes": 22 * GB, "size_bytes": 64 * GB}]}


def pod(probes: dict[str, bool], **more: Any) -> dict[str, Any]:
    return {"version": "0.1.0", "hostname": "sandbox-pool-7f9c6d5b8-x2x4q",
            "time": "2026-11-26T18:05:12.345Z", "pid": 1, "uptime_seconds": 7862.1,
            "draining": False, "agent": {"host": "0.0.0.0", "port": 60000, "deferred": True},
            "probes": probes, **more}


def webhook(state: str = "idle", error: str | None = None, **more: Any) -> dict[str, Any]:
    return {"receiver": "http://events.example:8080", "state": state, "queued": 0,
            "queued_bytes": 0, "delivered": 14, "failed": 0, "dropped": 0, "tries": 14,
            "last_success": "2026-11-26T18:01:02.000Z", "error": error, "retry_in_ms": None, **more}


GOOD = {
    "status": pod(
        {"startup": True, "live": True, "ready": True, "warm": False},
        phase=phase([("starting", "15:54:10", 7.1), ("warming", "15:54:17", 2.9),
                     ("warm", "15:54:20", 3721.0), ("claimed", "16:56:21", 24.6),
                     ("active", "16:56:46", 4106.0)], claimed=True, idle_seconds=3,
                    claim_uid="8d1f2c1e-6a2f-4a57-b1a3-0c9f3a0f5f6d",
                    hook={"state": "ok", "message": "git credentials written"}),
        resources=resources(0.41), webhook=webhook(),
        services=[service("server", pid=23), service("sidecar", pid=18),
                  service("toolhost/workspace-search", pid=19), service("toolhost/sqlite-query", pid=20),
                  service("toolhost/dataset-analysis", pid=21)],
        checks=[check("supervisor", "live ready"), check("process", "live ready"),
                check("alive", "live", observed=0.0011, unit="seconds"),
                check("ready", "ready", observed=0.0014, unit="seconds"),
                check("loop-lag", "", observed=2, unit="ms"), check("api", ""),
                check("port/60001", "ready"), check("agent-module", "ready"),
                check("workspace", ""), check("memory", "", observed=41, unit="percent"),
                check("disk", ""), check("plugin/workspace-search", "ready"),
                check("plugin/sqlite-query", ""), check("plugin/dataset-analysis", "")]),
    "plugins": {"plugins": [
        plugin("workspace-search", [tool("workspace_search", 0.0042, 0.31, ok=1841, error=2)]),
        plugin("sqlite-query", [tool("sqlite_query", 0.00085, 0.022, in_flight=1, ok=412),
                                tool("sqlite_schema", 0.0004, 0.0011, ok=57)]),
        plugin("dataset-analysis", [tool("describe_dataset", 0.12, 1.9, ok=9),
                                    tool("train_classifier", 4.1, 38.0, ok=2, timeout=1)])]},
    "crashes": []}

BAD = {
    "status": pod(
        {"startup": True, "live": True, "ready": False, "warm": False},
        phase=phase([("starting", "17:40:02", 41.0), ("claimed", "17:40:43", 612.0),
                     ("active", "17:50:55", 857.0)], claimed=True, pooled=True,
                    claim_uid="8d1f2c1e-6a2f-4a57-b1a3-0c9f3a0f5f6d",
                    hook={"state": "failed", "message": "ended with code 1"}),
        resources=resources(1.14, 1),
        webhook=webhook("waiting", "Failed to connect to events.example port 8080", queued=3,
                        dropped=256, retry_in_ms=41000),
        services=[service("server", pid=901, starts=3, uptime=611.0, since=540.0,
                          reason="hung: no heartbeat for 31 s"),
                  service("sidecar", pid=18),
                  service("toolhost/workspace-search", "backoff", 9, None, 0.4, None,
                          "killed by signal 11 (SIGSEGV)", 1500),
                  service("toolhost/dataset-analysis", "failed", 11, None, 1205.0, None,
                          "ended with code 78: its file changed while it ran"),
                  service("toolhost/echo", "starting", 2, 0.2, 0.2, 990)],
        checks=[check("supervisor", "live ready"), check("process", "live ready"),
                check("alive", "live", "GET /alive: no answer within 2 s", 31),
                check("ready", "ready", "GET /ready: no answer within 2 s, 12 times", 29),
                check("loop-lag", "", "31 s: the event loop does not turn", 31, "warn", 31.0,
                      "seconds"),
                check("memory", "", "97% of the limit is used", 120, "warn", 97, "percent"),
                check("agent-module", "ready"), check("disk", ""),
                check("plugin/workspace-search", "", "its toolhost is in state backoff: killed by "
                      "signal 11 (SIGSEGV)", 0.4)]),
    "plugins": {"plugins": [
        plugin("workspace-search", [tool("workspace_search", 0.0042, 0.31, ok=1841, error=2,
                                         crashed=9)], "backoff",
               "its toolhost is in state backoff: killed by signal 11 (SIGSEGV)"),
        plugin("dataset-analysis", [], "failed", "ended with code 78: its file changed while it ran"),
        plugin("echo", [tool("echo", 0.0002, 0.0009, ok=3)], "starting", "it is starting",
               {"files": "Landlock: this kernel has none"})]},
    "crashes": [crash(12, "toolhost/workspace-search", "2026-11-26T18:05:11.900Z",
                      "killed by signal 11 (SIGSEGV)", 4.0),
                crash(11, "server", "2026-11-26T17:55:00.000Z",
                      "hung: no heartbeat for 30 s: killed by signal 6 (SIGABRT)", 872.0),
                crash(10, "server", "2026-11-26T17:40:01.000Z", "killed by signal 9 (SIGKILL)",
                      61.0)]}

# Alone on a laptop: no pool, no limits, no plugins, and a server that is not up yet.
BARE = {
    "status": pod({"startup": False, "live": True, "ready": False}, hostname="laptop", phase=None,
                  resources=None, services=[service("server", "starting", 1, 1.2, 1.2, 40),
                                            service("sidecar", pid=41)],
                  checks=[check("process", "live ready"),
                          check("ready", "ready", "GET /ready: Connection refused", 1.2)]),
    "plugins": {"plugins": []}, "crashes": []}

PLUGINS = {"plugins": [plugin("echo", [tool("echo", 0.0002, 0.0009, ok=3)])]}
WELL = [check("supervisor", "live ready"), check("process", "live ready"), check("ready", "ready")]

# A server that is being started again, for a day already; nobody else is in trouble.
STARTING = {
    "status": pod({"startup": True, "live": True, "ready": False, "warm": False},
                  phase=phase([("starting", "2026-11-24T09:00:00", 1.1),
                               ("warming", "2026-11-24T09:00:01", 205200.0)], pooled=None,
                              claimed=None, init=None, hook=None, server_version=None),
                  resources=resources(0.1),
                  services=[service("server", "starting", 2, 3.2, 3.1, 40,
                                    reason="waits for GET /ready: Connection refused"),
                            service("sidecar", pid=41)],
                  checks=[*WELL[:2], check("ready", "ready", "GET /ready: Connection refused", 3.1)]),
    "plugins": PLUGINS,
    "crashes": [crash(1, "server", "2026-11-25T17:40:01.000Z", "ended with code 3", 116401.0)]}

DRAINING = {
    "status": pod({"startup": True, "live": True, "ready": False, "warm": False}, draining=True,
                  phase=phase([("claimed", "17:50:43", 612.0), ("draining", "18:05:11", 1.3)],
                              claimed=True),
                  resources=resources(0.3), services=[service("server"), service("sidecar")],
                  checks=[*WELL, check("draining", "ready", "a stop has begun", 1.3)]),
    "plugins": PLUGINS, "crashes": []}

# Given up, and left standing for somebody to look at.
FAILED = {
    "status": pod({"startup": False, "live": False, "ready": False, "warm": False},
                  phase=phase([("starting", "17:59:50", 1.0), ("failed", "17:59:51", 321.0)],
                              pooled=False),
                  resources=resources(0.05),
                  services=[service("server", "failed", 10, None, 321.0, None,
                                    "10 failures in 600 s: given up; the last: ended with code 3"),
                            service("sidecar")],
                  checks=[check("process", "live ready", "the server was given up", 321.0), WELL[0]]),
    "plugins": PLUGINS,
    "crashes": [crash(n, "server", f"2026-11-26T17:59:{49 - 10 + n}.000Z", "ended with code 3", 0.1)
                for n in range(10, 0, -1)]}

# The kernel has killed for memory: a tool, not the server.
OOM = {
    "status": pod({"startup": True, "live": True, "ready": True, "warm": False},
                  phase=phase([("active", "17:59:50", 321.0)], claimed=True, pooled=False),
                  resources=resources(1.17, 2), services=[service("server"), service("sidecar")],
                  checks=[*WELL, check("memory", "", "2041 of 2048 MiB in use, 102 MiB must be free",
                                       12.0, "warn", 99.7, "percent")]),
    "plugins": PLUGINS,
    "crashes": [{**crash(1, "toolhost/echo", "2026-11-26T18:05:00.000Z",
                         "killed by signal 9 (Killed): out of memory", 12.5), "oom_kills": 1}]}


def crowd(plugins: int, tools: int, count: int) -> dict[str, Any]:
    """As many plugins with so many tools each, of which so many are listed, all with calls."""
    listed = [plugin(f"plugin-{n:02}", [tool(f"tool_{n:02}_with_quite_a_long_name_{t:03}", 0.001, 1.5,
                                             ok=1000 - t, error=t % 3) for t in range(tools)])
              for n in range(plugins)]
    for each in listed:
        each["tool_count"] = count
    return {"status": pod({"startup": True, "live": True, "ready": True, "warm": True},
                          phase=phase([("warm", "17:59:50", 321.0)]), resources=resources(0.4),
                          services=[service("server"), service("sidecar"),
                                    *(service(f"toolhost/plugin-{n:02}") for n in range(plugins))],
                          checks=[*WELL, *(check(f"plugin/plugin-{n:02}", "") for n in range(plugins))]),
            "plugins": {"plugins": listed}, "crashes": []}


SAMPLES = {"good": GOOD, "bad": BAD, "bare": BARE, "starting": STARTING, "draining": DRAINING,
           "failed": FAILED, "oom": OOM, "crowd": crowd(32, 8, 256)}
