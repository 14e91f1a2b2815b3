# SPDX-License-Identifier: MIT
"""What the kubelet does with a container's probes (pkg/kubelet/prober), for tests.

One thread for each probe. Until the startup probe has succeeded only that one runs, then only the
others; a result changes after as many equal answers in a row as the threshold says; a liveness or
startup probe that fails ends the container, which here is only written down.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

from support import request

# The kubelet's, for what a probe does not say.
DEFAULTS = {"initialDelaySeconds": 0, "periodSeconds": 10, "timeoutSeconds": 1,
            "successThreshold": 1, "failureThreshold": 3}


class Probe:
    def __init__(self, port: int, spec: Mapping[str, Any]) -> None:
        self.port, self.path = port, spec["httpGet"]["path"]
        self.settings = {**DEFAULTS, **{k: v for k, v in spec.items() if k != "httpGet"}}
        if unknown := self.settings.keys() - DEFAULTS.keys():
            raise ValueError(f"a probe that this cannot do: {unknown}")
        self.good: bool | None = None
        self._run, self._last = 0, None

    def ask(self) -> bool | None:
        """One probe: the result that holds after it."""
        answer = request(self.port, "GET", self.path, timeout=self.settings["timeoutSeconds"],
                         headers={"User-Agent": "kube-probe/1.37", "Connection": "close"})
        now = 200 <= answer.status < 400
        self._run = self._run + 1 if now == self._last else 1
        self._last = now
        if self._run >= self.settings["successThreshold" if now else "failureThreshold"]:
            self.good = now
        return self.good


class Kubelet:
    """Probes a container from now on, until stop()."""

    def __init__(self, probes: Mapping[str, Probe]) -> None:
        self.began = time.monotonic()
        self.started = False
        self.ready = False
        self.kills: list[str] = []  # why it would have ended the container
        self.changes: list[tuple[float, bool]] = []  # of readiness, and when since it began
        self._end = threading.Event()
        actions = {"startup": self._startup, "readiness": self._readiness,
                   "liveness": self._liveness}
        self._threads = [threading.Thread(target=self._loop, args=(probes[kind], action),
                                          daemon=True) for kind, action in actions.items()]
        for thread in self._threads:
            thread.start()

    def _loop(self, probe: Probe, action: Callable[[Probe], bool]) -> None:
        self._end.wait(probe.settings["initialDelaySeconds"])
        while not self._end.is_set() and action(probe):
            self._end.wait(probe.settings["periodSeconds"])

    def _startup(self, probe: Probe) -> bool:
        self.started = bool(probe.ask())
        if probe.good is False:
            self.kills.append("startup")
        return not self.started and probe.good is not False

    def _readiness(self, probe: Probe) -> bool:
        if self.started and bool(probe.ask()) != self.ready:
            self.ready = not self.ready
            self.changes.append((time.monotonic() - self.began, self.ready))
        return True

    def _liveness(self, probe: Probe) -> bool:
        if self.started and probe.ask() is False:
            self.kills.append("liveness")
        return not self.kills

    def stop(self) -> None:
        self._end.set()
        for thread in self._threads:
            thread.join(10)
