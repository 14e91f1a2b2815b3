# SPDX-License-Identifier: MIT
"""`make bench`: what handrail costs, beside a peer in the same run.

Prints numbers and ratios and judges nothing: a shared machine is too noisy for that.  A part whose
peer is not installed says so and is left out.
"""

from __future__ import annotations

import contextlib
import datetime
import json
import os
import runpy
import select
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "integration"))

import calls  # noqa: E402
import inits  # noqa: E402
import lint  # noqa: E402
import metrics  # noqa: E402
from harness import sample, standin  # noqa: E402
from podinfo import CLAIMED, POOLED, Podinfo  # noqa: E402
from support import BUILD, HANDRAIL, Handrail, descendants, free_ports, real_server, spawn  # noqa: E402


def say(text: str = "") -> None:
    print(text, flush=True)


def programs(h: Handrail) -> dict[str, int]:
    return {"handrail": h.pid, "sidecar": h.child("handrail-sidecar"),
            "toolhost": h.child("handrail-toolhost")}


def memory_kb(pid: int) -> dict[str, int]:
    lines = (line.split() for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines())
    return {f[0].rstrip(":"): int(f[1]) for f in lines if len(f) == 3 and f[2] == "kB"}


def start_up() -> None:
    say("Start: exec of the init to main() of its child, 400 rounds in turn (ms)")
    if not shutil.which("tini"):
        return say("  left out: tini is not installed")
    out = subprocess.run(
        [BUILD / "tests/bench/exec_latency", "400", BUILD / "tests/bench/started",
         "direct", "--", "tini", "tini", "-s", "@", "--",
         "handrail", HANDRAIL, "run", "--no-sidecar", "@"],
        check=True, capture_output=True, text=True).stdout
    rows = {row["name"]: row for row in map(json.loads, out.splitlines())}
    for name, row in rows.items():
        say(f"  {name:10} median {row['start_ms']:.3f}  p95 {row['p95_ms']:.3f}  "
            f"to its end {row['total_ms']:.3f}")
    ours, peer = rows["handrail"], rows["tini"]
    say(f"  handrail / tini: {ours['start_ms'] / peer['start_ms']:.2f} "
        f"({ours['start_ms'] - peer['start_ms']:+.3f} ms)")


def memory() -> None:
    say("Memory: one plugin, after 100 calls and 100 probes (kB)")
    with standin(plugins=[sample("echo")]) as h:
        h.wait_status("/readyz", 200)
        for _ in range(100):
            h.call_tool("echo", {"text": "x"})
            h.get("/readyz")
        rss = 0
        for name, pid in programs(h).items():
            m = memory_kb(pid)
            rss += m["Rss"]
            say(f"  {name:10} RSS {m['Rss']:6}  PSS {m['Pss']:6}  "
                f"private dirty {m['Private_Dirty']:5}")
        say(f"  together   RSS {rss:6}")
        if shutil.which("tini"):
            peer = spawn(["tini", "-s", "--", "sleep", "60"])
            time.sleep(0.3)
            m = memory_kb(peer.pid)
            say(f"  tini       RSS {m['Rss']:6}  PSS {m['Pss']:6}  "
                f"private dirty {m['Private_Dirty']:5}")
            say(f"  handrail / tini, private dirty: "
                f"{memory_kb(h.pid)['Private_Dirty'] / m['Private_Dirty']:.2f}")
            peer.terminate()
            peer.wait()


def until(port: int, path: str, wanted: bytes = b"200") -> float:
    """When a path first answered so, seconds, asking every half millisecond."""
    while True:
        try:
            with socket.create_connection(("127.0.0.1", port), 1) as s:
                s.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
                if s.recv(64).startswith(b"HTTP/1.1 " + wanted):
                    return time.monotonic()
        except OSError:
            pass
        time.sleep(0.0005)


@contextlib.contextmanager
def real() -> Iterator[Handrail]:
    server = real_server()
    assert server
    # Of the same name as the integration tests' own, so not by a plain import.
    where = Path(__file__).resolve().parent.parent / "e2e" / "harness.py"
    e2e = runpy.run_path(str(where))
    with tempfile.TemporaryDirectory(prefix="handrail-bench-") as name:
        folder = Path(name)
        env = e2e["real_environment"](folder, server)
        command = [server, "--host", "127.0.0.1", "--port", "{port}"]
        with Handrail(folder, command, env=env, cwd=folder / "workspace") as h:
            yield h


def ready_latency() -> None:
    say("Readiness: the server's own /ready 200 to /readyz 200, and its death (KILL) to 503 (ms)")
    ways: list[tuple[str, int, Callable[[], Any]]] = [
        ("stand-in", 7, lambda: standin("--start-delay", "0.5")),
        ("stand-in, READY=1", 7, lambda: standin("--start-delay", "0.5", "--notify"))]
    if real_server():
        ways.append(("real server, helper", 3, real))
    for name, rounds, start in ways:
        on, off = [], []
        for _ in range(rounds):
            with start() as h:
                h.wait_line("sidecar: ready")
                began = until(h.agent_port, "/ready")
                on.append((until(h.health_port, "/readyz") - began) * 1000)
                h.wait_line("server: ready", 60)
                victim = [p.pid for p in descendants(h.pid)
                          if p.ppid == h.pid and "sidecar" not in p.argv[0]][-1]
                fd = os.pidfd_open(victim)
                os.kill(victim, signal.SIGKILL)
                select.select([fd], [], [])  # a large one takes 100 ms to end
                began = time.monotonic()
                off.append((until(h.health_port, "/readyz", b"503") - began) * 1000)
                os.close(fd)
        say(f"  {name:20} ready: median {statistics.median(on):.1f}  worst {max(on):.1f}   "
            f"death: median {statistics.median(off):.1f}  worst {max(off):.1f}")
    say("  (a prober with a period of 1 s, as the kubelet's shortest: 500 on average)")


def waited_ms(*pids: int) -> float:
    """For how long these could have run and had no processor."""
    return sum(int(Path(f"/proc/{pid}/schedstat").read_text().split()[1]) for pid in pids) / 1e6


def claim_latency() -> None:
    """From the rename that the kubelet ends with to the phase, as PID 1 notes it, and to the answer
    of a client that asks all the time, on a new connection each."""
    say("Claim: the labels are in place to the pod is claimed (ms)")
    noted, seen, own = [], [], []
    for _ in range(20):
        with tempfile.TemporaryDirectory() as folder:
            volume = Podinfo(Path(folder, "podinfo"))
            volume.write(POOLED)
            with standin(env={"HANDRAIL_PODINFO_DIR": str(volume.folder)}) as h:
                h.wait_line("the pod is warm, ")
                ours = (h.pid, h.child("handrail-sidecar"))
                waited = waited_ms(*ours)
                written = volume.write(CLAIMED)
                wall = time.time() - (time.monotonic() - written)
                seen.append((until(h.health_port, "/warmz", b"503") - written) * 1000)
                waited = waited_ms(*ours) - waited
                step = h.get("/status").json()["phase"]["history"][-1]
                at = datetime.datetime.fromisoformat(step["at"])
                assert step["phase"] == "claimed", step
                noted.append(max(at.timestamp() - wall, 0) * 1000)
                own.append(max(noted[-1] - waited, 0))
    for name, times in (("phase", noted), ("/warmz 503", seen),
                        ("phase, less the time without a processor", own)):
        say(f"  {name:40} median {statistics.median(times):.1f}  worst {max(times):.1f}")


def wrk(port: int, seconds: int = 1) -> tuple[float, float]:
    """Requests per second on new connections, and the 99th percentile of their latency in ms."""
    out = subprocess.run(["wrk", "-t1", "-c8", f"-d{seconds}s", "--latency", "-H", "Connection: close",
                          f"http://127.0.0.1:{port}/readyz"],
                         check=True, capture_output=True, text=True).stdout
    if "Non-2xx" in out:
        raise SystemExit(f"not every probe was answered with 200:\n{out}")
    rate = float(next(line.split()[1] for line in out.splitlines() if "Requests/sec" in line))
    worst = next(line.split()[1] for line in out.splitlines() if line.strip().startswith("99%"))
    unit = worst.lstrip("0123456789.")
    return rate, float(worst[:-len(unit)]) * {"us": 0.001, "ms": 1, "s": 1000}[unit]


@contextlib.contextmanager
def bare_server() -> Iterator[int]:
    """libmicrohttpd and nothing else; its port."""
    [port] = free_ports(1)
    peer = subprocess.Popen([BUILD / "tests/bench/bare_http", str(port)], stdin=subprocess.PIPE,
                            stdout=subprocess.PIPE)
    peer.stdout.readline()
    try:
        yield port
    finally:
        peer.stdin.close()
        peer.wait()


def probes() -> None:
    say("Probes: /readyz on new connections, 8 at a time, 9 rounds of 1 s in turn (requests per second)")
    if not shutil.which("wrk"):
        return say("  left out: wrk is not installed")
    with standin() as h, bare_server() as bare:
        h.wait_status("/readyz", 200)
        ours, peer, stopped = [], [], []
        for _ in range(9):
            peer.append(wrk(bare))
            ours.append(wrk(h.health_port))
            server = h.child("agent_server")
            os.kill(server, signal.SIGSTOP)  # for less than it takes until readiness goes off
            stopped.append(wrk(h.health_port))
            os.kill(server, signal.SIGCONT)
            time.sleep(0.5)
        say_probes("bare libmicrohttpd", peer)
        say_probes("handrail", ours)
        say_probes("handrail, its server stopped", stopped)
        say(f"  round by round: handrail / bare {ratio(ours, peer):.2f}, "
            f"stopped / not stopped {ratio(stopped, ours):.2f}")


def ratio(ours: list[tuple[float, float]], peer: list[tuple[float, float]]) -> float:
    return statistics.median(a / b for (a, _), (b, _) in zip(ours, peer))


def say_probes(name: str, rounds: list[tuple[float, float]]) -> None:
    rates, p99 = zip(*rounds)
    say(f"  {name:29} median {statistics.median(rates):7.0f}  lowest {min(rates):7.0f}  highest "
        f"{max(rates):7.0f}  p99 {statistics.median(p99):.2f} ms")


def process_ms(argv: list[str | Path]) -> float:
    """From before its start to after its end."""
    began = time.monotonic()
    pid = os.posix_spawn(argv[0], argv, {}, file_actions=[
        (os.POSIX_SPAWN_OPEN, 1, "/dev/null", os.O_WRONLY, 0)])
    _, status = os.waitpid(pid, 0)
    if status:
        raise SystemExit(f"{argv} ended with {status}")
    return (time.monotonic() - began) * 1000


def exec_probe() -> None:
    say("Exec probe: handrail probe ready, the whole process, beside one that does nothing, 400 rounds in "
        "turn (ms)")
    with standin() as h:
        h.wait_status("/readyz", 200)
        commands = {"handrail probe ready": [str(HANDRAIL), "probe", "ready", f"--pid={h.pid}"],
                    "/bin/true": ["/bin/true"]}
        times: dict[str, list[float]] = {name: [] for name in commands}
        for _ in range(400):
            for name, argv in commands.items():
                times[name].append(process_ms(argv))
    for name, taken in times.items():
        taken.sort()
        say(f"  {name:20} median {statistics.median(taken):.3f}  p95 {taken[int(0.95 * len(taken))]:.3f}")
    ours, peer = (statistics.median(taken) for taken in times.values())
    say(f"  handrail probe / true: {ours / peer:.2f} ({ours - peer:+.3f} ms)")


PARTS: dict[str, Callable[[], None]] = {
    "start": start_up, "memory": memory, "ready-latency": ready_latency,
    "claim-latency": claim_latency, "calls": calls.compare,
    "probes": probes, "exec-probe": exec_probe, "inits": inits.compare, "metrics": metrics.compare,
    "lint": lint.compare}


def main() -> None:
    if not HANDRAIL.exists():
        sys.exit(f"{HANDRAIL} is missing: run `make build` first")
    with tempfile.TemporaryDirectory() as folder:
        os.environ.setdefault("TMPDIR", folder)
        for part in sys.argv[1:] or PARTS:
            PARTS[part]()
            say()


if __name__ == "__main__":
    main()
