# SPDX-License-Identifier: MIT
"""Chromium, headless, driven over the pipe of its DevTools protocol: no driver, no websocket.

    with Browser(folder) as browser:
        page = browser.page(width=320, dark=True)
        page.goto("http://127.0.0.1:60010/")
        page.evaluate("document.title")
        page.screenshot(folder / "page.png")

A page keeps what it was told: `requests` (every address that was asked for), `errors` (uncaught
exceptions, and errors and warnings of the console, a refused request or a broken policy among
them).
"""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from support import POLL, Failure, spawn  # noqa: E402

PATIENCE = 60.0  # seconds for an answer of the browser on a machine that has other things to do

FLAGS = ["--headless=new", "--disable-gpu", "--disable-dev-shm-usage", "--hide-scrollbars",
         "--no-first-run", "--no-default-browser-check", "--disable-background-networking",
         "--disable-component-update", "--disable-default-apps", "--disable-extensions",
         "--disable-sync", "--metrics-recording-only", "--force-color-profile=srgb",
         "--remote-debugging-pipe"]

# argv: two descriptors that become 3 and 4, and the program that is to have them.
MOVE = ("import os, sys; os.dup2(int(sys.argv[1]), 3); os.dup2(int(sys.argv[2]), 4);"
        "os.execv(sys.argv[3], sys.argv[3:])")


def program() -> str | None:
    """Debian's name for it first."""
    return shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which(
        "google-chrome")


class Page:
    """One tab in a context of its own: nothing is shared with another page, not even a cache."""

    def __init__(self, browser: Browser, session: str, target: str) -> None:
        self._browser, self._session, self._target = browser, session, target
        self._asked: dict[str, str] = {}
        self.errors: list[str] = []
        self.loads = 0

    @property
    def requests(self) -> list[str]:
        return list(self._asked.values())

    def send(self, method: str, **parameters: Any) -> Any:
        return self._browser.send(method, self._session, **parameters)

    def heard(self, method: str, parameters: Any) -> None:
        """An event; called from the reader's thread."""
        if method == "Network.requestWillBeSent":
            self._asked[parameters["requestId"]] = parameters["request"]["url"]
        elif method == "Network.loadingFailed" and parameters.get("blockedReason"):
            self._asked.pop(parameters["requestId"], None)  # by the policy, before it was sent
        elif method == "Runtime.exceptionThrown":
            self.errors.append(json.dumps(parameters["exceptionDetails"])[:500])
        elif method == "Runtime.consoleAPICalled" and parameters["type"] in ("error", "warning"):
            self.errors.append(json.dumps(parameters["args"])[:500])
        elif method == "Log.entryAdded" and parameters["entry"]["level"] in ("error", "warning"):
            self.errors.append(json.dumps(parameters["entry"])[:500])
        elif method == "Page.loadEventFired":
            self.loads += 1

    def goto(self, url: str) -> None:
        before = self.loads
        answer = self.send("Page.navigate", url=url)
        if "errorText" in answer:
            raise Failure(f"{url}: {answer['errorText']}")
        self.wait_for("the page", lambda: self.loads > before)

    def wait_for(self, what: str, condition: Callable[[], Any], timeout: float = PATIENCE) -> Any:
        deadline = time.monotonic() + timeout
        while True:
            value = condition()
            if value:
                return value
            if time.monotonic() >= deadline:
                raise Failure(f"waited {timeout:g} s in vain for {what}; errors: {self.errors}")
            time.sleep(POLL)

    def evaluate(self, expression: str) -> Any:
        """The value of a JavaScript expression, awaited if it is a promise.  Works as well where
        the page's own scripts are disabled."""
        answer = self.send("Runtime.evaluate", expression=expression, returnByValue=True,
                           awaitPromise=True)
        if "exceptionDetails" in answer:
            raise Failure(f"{expression[:200]}: {json.dumps(answer['exceptionDetails'])[:800]}")
        return answer["result"].get("value")

    def text(self, selector: str = "body") -> str:
        """As a reader sees it."""
        return self.evaluate(f"document.querySelector({json.dumps(selector)})?.innerText ?? ''")

    def wait_text(self, part: str, selector: str = "body", timeout: float = PATIENCE) -> str:
        try:
            return self.wait_for(repr(part), lambda: part in self.text(selector) and
                                 self.text(selector), timeout)
        except Failure as failure:
            raise Failure(f"{failure}; there is:\n{self.text(selector)}") from None

    def screenshot(self, path: Path) -> None:
        """All of the page, however long."""
        path.parent.mkdir(parents=True, exist_ok=True)
        picture = self.send("Page.captureScreenshot", format="png", captureBeyondViewport=True)
        path.write_bytes(base64.b64decode(picture["data"]))


class Browser:
    """`with Browser(folder)`: it keeps its profile there, and is dead afterwards."""

    def __init__(self, folder: Path) -> None:
        self._pages: dict[str, Page] = {}
        self._answers: dict[int, Any] = {}
        self._changed = threading.Condition()
        self._ended = False
        self._last = 0
        to_read, self._write = os.pipe()
        self._read, to_write = os.pipe()
        program_path = program()
        if not program_path:
            raise Failure("there is no Chromium")
        flags = [*FLAGS, f"--user-data-dir={folder / 'profile'}"]
        if os.geteuid() == 0:
            flags.append("--no-sandbox")
        # It wants them at 3 and 4, which are taken here; moved by a program in between.
        high = [os.dup(fd) for fd in (to_read, to_write)]
        self._process = spawn([sys.executable, "-c", MOVE, str(high[0]), str(high[1]), program_path,
                               *flags, "about:blank"],
                              pass_fds=high, env={**os.environ, "HOME": str(folder)},
                              stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        for fd in (to_read, to_write, *high):
            os.close(fd)
        self._reader = threading.Thread(target=self._listen, daemon=True)
        self._reader.start()

    def __enter__(self) -> Browser:
        return self

    def __exit__(self, *_: object) -> None:
        try:
            self.send("Browser.close")
            self._process.wait(10)
        except (Failure, OSError, subprocess.TimeoutExpired):
            self._process.kill()
            self._process.wait()
        self._reader.join(10)
        os.close(self._write)
        os.close(self._read)

    def _listen(self) -> None:
        rest = b""
        while chunk := os.read(self._read, 1 << 20):
            *messages, rest = (rest + chunk).split(b"\0")
            for message in messages:
                self._heard(json.loads(message))
        with self._changed:
            self._ended = True
            self._changed.notify_all()

    def _heard(self, message: Any) -> None:
        if "id" in message:
            with self._changed:
                self._answers[message["id"]] = message
                self._changed.notify_all()
        elif message.get("sessionId") in self._pages:
            self._pages[message["sessionId"]].heard(message["method"], message["params"])

    def send(self, method: str, session: str | None = None, **parameters: Any) -> Any:
        """The result of one command; Failure if the browser refuses it or has ended."""
        with self._changed:
            self._last += 1
            number = self._last
        message = {"id": number, "method": method, "params": parameters}
        if session:
            message["sessionId"] = session
        data = json.dumps(message).encode() + b"\0"
        while data:
            data = data[os.write(self._write, data):]
        with self._changed:
            if not self._changed.wait_for(lambda: number in self._answers or self._ended, PATIENCE):
                raise Failure(f"{method}: no answer of the browser for {PATIENCE:g} s")
            answer = self._answers.pop(number, {"error": "the browser has ended"})
        if "error" in answer:
            raise Failure(f"{method}: {answer['error']}")
        return answer["result"]

    def page(self, width: int = 1280, height: int = 800, *, dark: bool = False,
             javascript: bool = True) -> Page:
        context = self.send("Target.createBrowserContext")["browserContextId"]
        target = self.send("Target.createTarget", url="about:blank",
                           browserContextId=context)["targetId"]
        session = self.send("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        page = self._pages[session] = Page(self, session, target)
        for domain in ("Page", "Runtime", "Network", "Log", "Accessibility"):
            page.send(f"{domain}.enable")
        page.send("Emulation.setDeviceMetricsOverride", width=width, height=height,
                  deviceScaleFactor=1, mobile=width < 600)
        page.send("Emulation.setEmulatedMedia", features=[
            {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}])
        if not javascript:
            page.send("Emulation.setScriptExecutionDisabled", value=True)
        return page
