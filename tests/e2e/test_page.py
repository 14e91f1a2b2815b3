# SPDX-License-Identifier: MIT
"""The status page in Chromium: how it looks, what it may do, and that it tells the truth while
everything else is down.  The pictures stay in build/page/."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import http.server
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
import unittest
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import browser
from browser import Browser, Page
from page_samples import SAMPLES, check, phase, plugin, pod, service, tool

TESTS = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(TESTS))

from support import (  # noqa: E402
    BUILD, SKIPPED, Handrail, free_ports, request, standin_command, wait_for,
)

SAY = BUILD / "tests" / "e2e" / "page-say"
PICTURES = BUILD / "page"
PERIOD = 2.0  # seconds between two questions of the page

EVIL = ("</title></style></script><script>window.hurt=1</script><img src=x onerror=window.hurt=1>"
        "\"' onmouseover=window.hurt=1 \u202e" + "long" * 100)
HOSTILE = {
    "status": pod({"startup": True, "live": True, "ready": False}, hostname=EVIL, version=EVIL,
                  phase=phase([(EVIL, "17:40:02", 1.0), (EVIL, "17:40:03", 2.0)], claim_uid=EVIL,
                              init=EVIL, server_version=EVIL,
                              hook={"state": "failed", "message": EVIL}),
                  services=[service(EVIL, "backoff", reason=EVIL), service("server")],
                  checks=[check(EVIL, "ready", EVIL), check("warned", "", EVIL, status="warn")],
                  resources={"disks": [{"path": EVIL, "free_bytes": 1, "size_bytes": 2}]}),
    "plugins": {"plugins": [plugin(EVIL, [tool(EVIL, ok=10 ** 9, error=10 ** 9)], "backoff", EVIL,
                                   {EVIL: EVIL})]},
    "crashes": [{"number": 1, "service": EVIL, "time": EVIL, "reason": EVIL, "exit": None}]}


# --- pages from samples --------------------------------------------------------------------------


def rendered(sample: Any, folder: Path) -> bytes:
    path = folder / "sample.json"
    path.write_text(json.dumps(sample))
    return subprocess.run([SAY, path], check=True, stdout=subprocess.PIPE).stdout


class Served(http.server.ThreadingHTTPServer):
    """Serves one page as the sidecar would: with its policy, and nothing else."""

    def __init__(self, page: bytes) -> None:
        policy = subprocess.run([SAY, "--policy"], check=True, text=True,
                                stdout=subprocess.PIPE).stdout

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                body = page if self.path == "/" else b""
                self.send_response(200 if body else 404)
                self.send_header("Content-Type", "text/html; charset=utf-8")
                self.send_header("Content-Security-Policy", policy)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: Any) -> None:
                pass

        super().__init__(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server_port}/"
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def close(self) -> None:
        self.shutdown()
        self.server_close()


def axe() -> str | None:
    """The text of axe-core, or None if tests/setup.sh could not install it."""
    node = subprocess.run(["sh", TESTS / "setup.sh", "node"], check=True, text=True,
                          stdout=subprocess.PIPE).stdout.strip()
    path = Path(node) / "node_modules" / "axe-core" / "axe.min.js"
    return path.read_text() if path.exists() else None


def roles(page: Page) -> list[str]:
    """Of everything in the accessibility tree, as a screen reader is given it."""
    nodes = page.send("Accessibility.getFullAXTree")["nodes"]
    return [node["role"]["value"] for node in nodes if not node["ignored"]]


class Looks(unittest.TestCase):
    @classmethod
    def setUpClass(cls) -> None:
        with contextlib.ExitStack() as stack:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="handrail-page-")))
            samples = {**SAMPLES, "hostile": HOSTILE}
            cls.urls = {}
            for name, sample in samples.items():
                served = Served(rendered(sample, folder))
                stack.callback(served.close)
                cls.urls[name] = served.url
            cls.browser = stack.enter_context(Browser(folder))
            cls.axe = axe()
            cls.addClassCleanup(stack.pop_all().close)

    def look(self, name: str, width: int, dark: bool) -> Page:
        page = self.browser.page(width, dark=dark)
        page.goto(self.urls[name])
        page.screenshot(PICTURES / f"{name}-{width}-{'dark' if dark else 'light'}.png")
        self.assertEqual(page.errors, [])
        self.assertEqual(set(page.requests), {self.urls[name]})
        wide = page.evaluate("document.documentElement.scrollWidth")
        self.assertLessEqual(wide, width, f"{name} at {width} px has to be scrolled sideways")
        return page

    def judge(self, page: Page, name: str) -> None:
        """What axe-core finds, contrast and landmarks among it."""
        if not self.axe:
            return
        page.evaluate(self.axe + "; 0")
        found = page.evaluate("axe.run(document, {resultTypes: ['violations', 'incomplete']})"
                              ".then(r => ({violations: r.violations.map(v => v.id + ': ' +"
                              " v.nodes.map(n => n.html + n.failureSummary).join(' | ')),"
                              " passes: r.passes.map(p => p.id)}))")
        self.assertEqual(found["violations"], [], name)
        for rule in ("color-contrast", "html-has-lang", "landmark-one-main", "region",
                     "heading-order", "document-title"):
            self.assertIn(rule, found["passes"], f"{name}: axe has not looked at it")

    def test_every_width_and_scheme(self) -> None:
        for name in [*SAMPLES, "hostile"]:
            for width in (320, 390, 1280):
                for dark in (False, True):
                    with self.subTest(name=name, width=width, dark=dark):
                        page = self.look(name, width, dark)
                        if width != 390:  # laid out as 320 is
                            self.judge(page, f"{name} {width} {dark}")

    def test_what_a_screen_reader_is_given(self) -> None:
        for width in (320, 1280):
            page = self.look("bad", width, False)
            given = roles(page)
            for role in ("banner", "main", "navigation", "contentinfo", "heading", "table", "row",
                         "columnheader", "rowheader", "DisclosureTriangle"):
                self.assertIn(role, given, f"at {width} px")
            self.assertNotIn("img", given)

    def test_states_are_words(self) -> None:
        page = self.browser.page()
        page.goto(self.urls["bad"])
        words = page.evaluate("[...document.querySelectorAll('.state')].map(s => s.innerText)")
        self.assertGreater(len(words), 10)
        self.assertNotIn("", words)
        self.assertEqual(page.evaluate("document.title"),
                         "Not ready, active \u00b7 sandbox-pool-7f9c6d5b8-x2x4q \u00b7 handrail")

    def test_as_many_tools_as_there_can_be(self) -> None:
        """32 plugins with 256 tools each: the page stays small, and says what it leaves out."""
        for width in (320, 1280):
            page = self.look("crowd", width, False)
            size = page.evaluate("document.documentElement.outerHTML.length")
            self.assertLess(size, 200_000)
            self.assertEqual(page.evaluate("document.querySelectorAll('details[data-k^=plugin][open]')"
                                           ".length"), 0)
            page.evaluate("document.querySelector('[data-k=plugin-31]').open = true")
            self.assertIn("And 248 with no more calls than these: /plugins.",
                          page.text("[data-k=plugin-31]"))
            took = page.evaluate("performance.getEntriesByType('navigation')[0].duration")
            again = page.evaluate("(async () => { const t = performance.now(); new DOMParser()"
                                  ".parseFromString(await (await fetch('./')).text(), 'text/html');"
                                  "return performance.now() - t; })()")
            print(f"  at {width} px: {size} characters, loaded in {took:.0f} ms, parsed in {again:.0f} ms",
                  file=sys.stderr)

    def test_hostile_names(self) -> None:
        page = self.browser.page()
        page.goto(self.urls["hostile"])
        self.assertIsNone(page.evaluate("window.hurt"))
        self.assertEqual(page.evaluate("document.querySelectorAll('img, iframe, object').length"), 0)
        self.assertEqual(page.evaluate("document.scripts.length"), 1)
        self.assertEqual(page.evaluate("[...document.querySelectorAll('*')].filter(e => "
                                       "[...e.attributes].some(a => a.name.startsWith('on'))).length"), 0)
        self.assertIn("<img src=x", page.text("main"))
        self.assertEqual(page.errors, [])

    def test_the_keyboard_goes_everywhere(self) -> None:
        page = self.browser.page()
        page.goto(self.urls["good"])
        wanted = page.evaluate("document.querySelectorAll('a, summary').length")
        seen = []
        for _ in range(wanted):
            for kind in ("rawKeyDown", "keyUp"):
                page.send("Input.dispatchKeyEvent", type=kind, key="Tab", code="Tab",
                          windowsVirtualKeyCode=9)
            seen.append(page.evaluate("document.activeElement.innerText"))
            self.assertNotEqual(page.evaluate("getComputedStyle(document.activeElement)"
                                              ".outlineStyle"), "none", seen)
        self.assertIn("/metrics", seen)
        self.assertIn("Time in each phase", seen)

    def test_what_is_injected_does_not_run(self) -> None:
        """Even if something got past the escaping."""
        page = self.browser.page()
        page.goto(self.urls["good"])
        page.evaluate("{const s = document.createElement('script'); s.text = 'window.hurt = 1';"
                      "document.body.append(s);"
                      "document.body.insertAdjacentHTML('beforeend', '<img src=/x onerror="
                      "window.hurt=1><style>h1{display:none}</style><p style=color:red>');}")
        page.wait_for("what the policy refuses", lambda: len(page.errors) >= 3)
        self.assertIsNone(page.evaluate("window.hurt"))
        self.assertEqual(page.evaluate("getComputedStyle(document.querySelector('h1')).display"),
                         "block")
        self.assertEqual(set(page.requests), {self.urls["good"]})


# --- the page of a real sidecar -------------------------------------------------------------------


@contextlib.contextmanager
def standin(**more: Any) -> Iterator[Handrail]:
    with tempfile.TemporaryDirectory(prefix="handrail-page-") as folder:
        echo = {"id": "echo", "path": str(BUILD / "opt/handrail/share/plugins/echo.so"),
                "enabled": True, "config": {}}
        with Handrail(Path(folder), standin_command(), plugins=[echo], **more) as h:
            h.wait_status("/readyz", 200, 30)
            yield h


def address(h: Handrail) -> str:
    return f"http://127.0.0.1:{h.health_port}/"


class Lives(unittest.TestCase):
    @classmethod
    def setUpClass(cls) -> None:
        folder = tempfile.TemporaryDirectory(prefix="handrail-page-")
        cls.addClassCleanup(folder.cleanup)
        # Before handrail, whose harness ends whatever has been started since.
        cls.browser = cls.enterClassContext(Browser(Path(folder.name)))

    def open(self, h: Handrail, **more: Any) -> Page:
        page = self.browser.page(**more)
        page.goto(address(h))
        return page

    def test_headers(self) -> None:
        with standin() as h:
            answer = h.get("/")
            self.assertEqual(answer.status, 200)
            self.assertEqual(answer.headers["content-type"], "text/html; charset=utf-8")
            self.assertEqual(answer.headers["referrer-policy"], "no-referrer")
            self.assertEqual(answer.headers["x-frame-options"], "DENY")
            self.assertEqual(answer.headers["x-content-type-options"], "nosniff")
            self.assertEqual(answer.headers["cache-control"], "no-store")
            policy = dict(part.strip().split(" ", 1)
                          for part in answer.headers["content-security-policy"].split(";"))
            for tag, name in (("style", "style-src"), ("script", "script-src")):
                text = re.findall(f"<{tag}>(.*?)</{tag}>", answer.text, re.DOTALL)
                self.assertEqual(len(text), 1)
                digest = base64.b64encode(hashlib.sha256(text[0].encode()).digest()).decode()
                self.assertEqual(policy.pop(name), f"'sha256-{digest}'")
            self.assertEqual(policy, {"default-src": "'none'", "img-src": "data:",
                                      "connect-src": "'self'", "base-uri": "'none'",
                                      "form-action": "'none'", "frame-ancestors": "'none'"})
            head = request(h.health_port, "HEAD", "/")
            self.assertEqual((head.status, head.text), (200, ""))
            self.assertEqual(request(h.health_port, "POST", "/").status, 405)
            self.assertEqual(h.get("/x").status, 404)
            self.assertEqual(h.get("//").status, 404)
            for path in re.findall('<a href="([^"]*)"', answer.text):
                self.assertIn(h.get("/" + path).status, (200, 503), path)

    def test_it_follows_without_being_loaded_again(self) -> None:
        with standin() as h:
            page = self.open(h, width=390, height=600)
            page.wait_text("Ready", "h1")
            page.evaluate("{const d = document.querySelector('[data-k=echo]'); d.open = false;"
                          "d.querySelector('summary').focus(); window.scrollTo(0, 300);"
                          "window.mark = document.querySelector('[data-k=server]');}")
            place = page.evaluate("scrollY")
            self.assertGreater(place, 100)
            self.assertEqual(h.call_tool("echo", {"text": "x"})["isError"], False)
            page.wait_text("1 call, 0 errors", "[data-k=echo] summary")
            os.kill(h.child("agent_server.py"), signal.SIGKILL)
            page.wait_text("killed by signal 9", "[data-k=server]")
            page.wait_text("killed by signal 9", "section[aria-labelledby=crashes]")
            h.wait_status("/readyz", 200, 30)
            page.wait_text("Ready", "h1")
            page.wait_for("the title", lambda: page.evaluate("document.title").startswith("Ready"))
            self.assertEqual(page.evaluate("document.activeElement.closest('[data-k]').dataset.k"),
                             "echo")
            self.assertFalse(page.evaluate("document.querySelector('[data-k=echo]').open"))
            self.assertEqual(page.evaluate("scrollY"), place)
            self.assertTrue(page.evaluate("document.contains(mark)"))
            self.assertEqual(page.loads, 1)
            self.assertEqual(set(page.requests), {address(h)})
            self.assertEqual(page.errors, [])

    def test_while_the_server_hangs(self) -> None:
        with standin() as h:
            before = self.open(h)
            before.wait_text("Ready", "h1")
            server = h.child("agent_server.py")
            os.kill(server, signal.SIGSTOP)
            began = time.monotonic()
            self.assertEqual(h.get("/", timeout=5).status, 200)
            during = self.open(h)
            h.wait_status("/readyz", 503, 60)
            for page in (before, during):
                page.wait_text("Not ready", "h1")
                page.wait_text("ready:", ".reasons")
                self.assertTrue(page.evaluate("document.title").startswith("Not ready"))
                self.assertIn("no answer", page.text(".reasons"))
            during.screenshot(PICTURES / "real-server-hangs.png")
            late = self.open(h, width=320, dark=True)
            late.wait_text("Not ready", "h1", timeout=10)
            late.screenshot(PICTURES / "real-server-hangs-320-dark.png")
            self.assertEqual(h.child("agent_server.py"), server, f"{time.monotonic() - began} s")
            os.kill(server, signal.SIGCONT)
            for page in (before, during, late):
                page.wait_text("Ready", "h1")
                page.wait_for("no reasons", lambda page=page: not page.text(".reasons"))
                self.assertEqual(page.loads, 1)
                self.assertEqual(page.errors, [])

    def test_without_javascript(self) -> None:
        with standin() as h:
            page = self.open(h, javascript=False)
            page.screenshot(PICTURES / "real-without-javascript.png")
            self.assertIn("Without JavaScript", page.text("header"))
            self.assertEqual(page.text("h1"), "Ready")
            self.assertIn("toolhost/echo", page.text("main"))
            self.assertIn("echo", page.text("section[aria-labelledby=plugins]"))
            with_it = self.open(h)
            words = "[...document.querySelectorAll('h1, h2, dt, thead th, tbody th[scope=row]')]" \
                    ".map(e => (e.querySelector('bdi') ?? e).textContent)"  # the name: what was measured moves
            self.assertEqual(page.evaluate(words), with_it.evaluate(words))
            page.evaluate("document.querySelector('summary').click()")  # without any script of ours
            self.assertTrue(page.evaluate("document.querySelector('details').open"))
            self.assertEqual(page.requests, [address(h)])
            self.assertEqual(page.errors, [])
            os.kill(h.child("agent_server.py"), signal.SIGSTOP)
            h.wait_status("/readyz", 503, 60)
            page.goto(address(h))
            self.assertEqual(page.text("h1"), "Not ready")

    def test_no_connection(self) -> None:
        ports = free_ports(3)
        with standin(ports=ports) as h:
            page = self.open(h)
            page.wait_text("Ready", "h1")
            page.evaluate("Date.prototype.toISOString = () => '2001-01-01T00:00:00.000Z'")
            self.assertEqual(h.stop(), 143)
        said = page.wait_text("No connection since", "#lost")
        self.assertRegex(said, r"^No connection since \d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC: below is what was known")
        self.assertIn(page.text("header time"), said)
        self.assertTrue(page.evaluate("document.title").startswith("No connection \u00b7 "))
        page.screenshot(PICTURES / "real-no-connection.png")
        self.assertIn("toolhost/echo", page.text("main"))
        with standin(ports=ports):
            page.wait_for("its return", lambda: page.text("#lost") == "")
            page.wait_text("Ready", "h1")
            self.assertTrue(page.evaluate("document.title").startswith("Ready"))
            self.assertEqual(page.loads, 1)

    def test_a_sidecar_that_does_not_answer(self) -> None:
        with standin() as h:
            page = self.open(h)
            sidecar = h.child("handrail-sidecar")
            os.kill(sidecar, signal.SIGSTOP)
            page.wait_text("No connection since", "#lost")
            os.kill(sidecar, signal.SIGCONT)
            page.wait_for("its return", lambda: page.text("#lost") == "")

    def test_an_answer_that_is_not_the_page(self) -> None:
        """Another program has the port: what it says is not taken over."""
        with standin() as h:
            page = self.open(h)
            page.evaluate("window.fetch = async () => new Response('<h1>other</h1>')")
            page.wait_text("No connection since", "#lost")
            page.evaluate("window.fetch = async () => new Response('busy', {status: 503})")
            page.wait_text("Refused with 503 since", "#lost")
            self.assertIn("toolhost/echo", page.text("main"))
            self.assertEqual(page.errors, [])

    def test_nobody_looks(self) -> None:
        hide = ("Object.defineProperty(document, 'hidden', {{value: {}, configurable: true}});"
                "document.dispatchEvent(new Event('visibilitychange'));")
        with standin() as h:
            page = self.open(h)
            page.wait_for("a second question", lambda: len(page.requests) >= 2)
            page.evaluate(hide.format("true"))
            time.sleep(1)  # one may be on its way
            asked = len(page.requests)
            time.sleep(3 * PERIOD)
            self.assertEqual(len(page.requests), asked)
            page.evaluate(hide.format("false"))
            page.wait_for("a question", lambda: len(page.requests) > asked)

    def test_the_sidecar_is_restarted(self) -> None:
        with standin() as h:
            page = self.open(h)
            old = h.child("handrail-sidecar")
            os.kill(old, signal.SIGKILL)
            h.new_child("handrail-sidecar", old)
            page.wait_text("killed by signal 9", "[data-k=sidecar]")
            wait_for("a page that is well", lambda: page.text("#lost") == "", 60)


if __name__ == "__main__":
    if not browser.program():
        print("e2e/page: SKIPPED: there is no Chromium; tests/setup.sh test installs it")
        sys.exit(SKIPPED)
    unittest.main(verbosity=2)
