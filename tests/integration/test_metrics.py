# SPDX-License-Identifier: MIT
"""/metrics of a running handrail: in both formats, through faults, and as the page about it says."""

import gzip
import http.server
import os
import re
import signal
import tempfile
import threading
import time
import unittest
from pathlib import Path

from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_text

from harness import client, sample, service, standin, test_plugin
from support import request, wait_for

import strict_metrics
from podinfo import CLAIMED_WITH_UID, POOLED, Podinfo

TOP = Path(__file__).resolve().parent.parent.parent
TEXT = "text/plain; version=0.0.4; charset=utf-8"
OPENMETRICS = "application/openmetrics-text; version=1.0.0; charset=utf-8"
# What Prometheus 2.42 and 3.5 send.
ACCEPT_2 = ("application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;"
            "q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1")
ACCEPT_3 = ("application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,application/"
            "openmetrics-text;version=0.0.1;q=0.5,text/plain;version=1.0.0;escaping=allow-utf-8;"
            "q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2")
PLUGINS = [sample("echo"), sample("word-count"), test_plugin("faulty")]


def full_name(family):
    """As in 0.0.4, which is what people see in queries."""
    return family.name + {"counter": "_total", "info": "_info"}.get(family.type, "")


def scrape(h):
    """Both pages, checked; the families of OpenMetrics by their full names.  What a server says of
    itself goes with it, which may be between the two: then both are taken once more."""
    try:
        return both_pages(h)
    except Changed:
        return both_pages(h)


class Changed(AssertionError):
    pass


def both_pages(h):
    text = request(h.health_port, "GET", "/metrics", headers={"Accept": "text/plain"})
    page = request(h.health_port, "GET", "/metrics", headers={"Accept": ACCEPT_2})
    assert (text.status, text.headers["content-type"]) == (200, TEXT), text.headers
    assert (page.status, page.headers["content-type"]) == (200, OPENMETRICS), page.headers
    old = strict_metrics.check(text.text, False)
    new = strict_metrics.check(page.text, True)
    # What becomes known between the two is on the second one only.
    names = [full_name(f) for f in new.values()]
    if [n for n in names if n in old] != list(old):
        raise Changed(set(old) ^ set(names))
    assert len(list(parse_text(text.text))) == len(old)
    assert len(list(parse_openmetrics(page.text))) == len(new)
    return {full_name(f): f for f in new.values()}


def value(families, name, **labels):
    for series in families[name].series:
        if set(labels.items()) <= set(series.labels):
            return series.value
    return None


class Answers(unittest.TestCase):
    def test_what_is_asked_for(self):
        with standin(plugins=PLUGINS) as h:
            h.wait_status("/readyz", 200)

            def ask(method="GET", **headers):
                headers = {name.replace("_", "-"): v for name, v in headers.items()}
                return request(h.health_port, method, "/metrics", headers=headers)

            for accept, kind in ((ACCEPT_2, OPENMETRICS), (ACCEPT_3, OPENMETRICS), ("*/*", TEXT),
                                 ("image/png", TEXT), ("text/plain", TEXT)):
                answer = ask(Accept=accept)
                self.assertEqual((answer.status, answer.headers["content-type"]), (200, kind))
                self.assertEqual(answer.headers["vary"], "Accept, Accept-Encoding")
                self.assertNotIn("content-encoding", answer.headers)
                head = ask("HEAD", Accept=accept)
                self.assertEqual((head.status, head.text), (200, ""))
                self.assertEqual(head.headers["content-type"], kind)
            self.assertNotIn("content-encoding", ask(Accept_Encoding="gzip;q=0").headers)
            self.assertEqual(ask("POST").status, 405)

    def test_compressed(self):
        import http.client
        with standin(plugins=PLUGINS) as h:
            h.wait_status("/readyz", 200)
            c = http.client.HTTPConnection("127.0.0.1", h.health_port, timeout=10)
            for accept, openmetrics in ((ACCEPT_3, True), ("text/plain", False)):
                c.request("GET", "/metrics", headers={"Accept": accept, "Accept-Encoding": "gzip"})
                answer = c.getresponse()
                data = answer.read()
                self.assertEqual(answer.headers["Content-Encoding"], "gzip")
                self.assertEqual(int(answer.headers["Content-Length"]), len(data))
                page = gzip.decompress(data)
                self.assertLess(len(data), len(page) / 4)
                strict_metrics.check(page.decode(), openmetrics)
            c.close()


class Faults(unittest.TestCase):
    def test_the_page_is_right_through_all_of_them(self):
        with standin(plugins=PLUGINS) as h:
            h.wait_status("/metrics", 200)
            scrape(h)  # while it starts
            h.wait_status("/readyz", 200)
            h.call_tool("echo", {"text": "x"})
            families = scrape(h)
            self.assertEqual(value(families, "handrail_ready"), 1)
            self.assertEqual(value(families, "handrail_tool_calls_total", plugin="echo",
                                   outcome="ok"), 1)
            server = h.child("agent_server.py")
            os.kill(server, signal.SIGSTOP)
            wait_for("the server not to answer",
                     lambda: value(scrape(h), "handrail_check_ok", check="alive") == 0, 30)
            os.kill(server, signal.SIGKILL)
            wait_for("its end", lambda: value(scrape(h), "handrail_service_last_exit_signal",
                                              service="server") == signal.SIGKILL, 10)
            families = scrape(h)
            self.assertEqual(value(families, "handrail_service_failures_total",
                                   service="server"), 1)
            self.assertEqual(value(families, "handrail_service_exits_total", service="server",
                                   reason="signal"), 1)
            client(h, "restart", "toolhost/word-count")
            wait_for("its end", lambda: value(
                scrape(h), "handrail_service_exits_total", service="toolhost/word-count",
                reason="stopped") == 1, 10)
            for _ in range(4):  # the first time it is back at once, then it is held back
                starts = value(scrape(h), "handrail_service_starts_total", service="toolhost/echo")
                wait_for("the toolhost", lambda: service(h, "toolhost/echo")["pid"], 30)
                os.kill(service(h, "toolhost/echo")["pid"], signal.SIGKILL)
                wait_for("its next life", lambda: value(
                    scrape(h), "handrail_service_starts_total", service="toolhost/echo") > starts, 60)
            wait_for("a plugin to be up again",
                     lambda: value(scrape(h), "handrail_plugin_up", plugin="echo") == 1, 60)
            families = scrape(h)
            self.assertGreater(value(families, "handrail_service_starts_total",
                                     service="toolhost/echo"), 1)
            self.assertEqual(value(families, "handrail_tool_calls_total", plugin="echo",
                                   outcome="ok"), 1)
            self.assertNotIn("this is a mistake in handrail", h.log())


class Resources(unittest.TestCase):
    def test_metrics_and_status_say_the_same(self):
        with standin(plugins=PLUGINS) as h:
            h.wait_status("/readyz", 200)
            # A machine with thousands of other processes takes more than one look to see ours.
            wait_for("all processes", lambda: (h.get("/status").json()["resources"]["processes"]
                                               ["count"] or 0) >= 2 + 1 + len(PLUGINS), 30)
            wait_for("both to be of one look", lambda: value(
                scrape(h), "handrail_tree_processes") == h.get("/status").json()["resources"][
                    "processes"]["count"], 30)
            status = h.get("/status").json()["resources"]
            families = scrape(h)
            processes = status["processes"]
            self.assertGreater(processes["open_fds"], 20)
            self.assertEqual(value(families, "handrail_process_threads", service="supervisor"), 1)
            self.assertLess(value(families, "handrail_process_resident_memory_bytes",
                                  service="supervisor"), 64 << 20)
            self.assertEqual({s.label("service") for s in
                              families["handrail_process_cpu_seconds_total"].series},
                             {"supervisor", "server", "sidecar", "toolhost/echo",
                              "toolhost/word-count", "toolhost/faulty"})
            self.assertEqual(status["memory"]["used_bytes"] is None,
                             value(families, "handrail_cgroup_memory_usage_bytes") is None)


def documented():
    """name -> (type, labels), from the page about them."""
    found = {}
    for line in (TOP / "sidecar/metrics/README.md").read_text().splitlines():
        cells = [c.strip() for c in line.strip("|").split("|")]
        if line.startswith("| `handrail_"):
            found[cells[0].strip("`")] = (cells[1], set(re.findall(r"`(\w+)`", cells[2])))
    return found


class Takes(http.server.BaseHTTPRequestHandler):
    """Takes the first event, and refuses all others."""

    seen = 0

    def do_POST(self):
        self.rfile.read(int(self.headers["content-length"]))
        self.send_response(400 if Takes.seen else 204)
        Takes.seen += 1
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


# What some machine, or some kernel, does not have.
MAY_BE_ABSENT = re.compile(
    r"handrail_(cgroup_\w+|plugin_folded_tools|tool_max_concurrency|foreign_mcp_unreachable)")


class Documents(unittest.TestCase):
    def test_the_page_lists_what_the_sources_have(self):
        names = set()
        for path in (TOP / "sidecar").rglob("*.c"):
            names |= set(re.findall(r'"(handrail_[a-z0-9_]+)"', path.read_text()))
        self.assertGreater(len(names), 50)
        self.assertEqual(names, set(documented()))

    def test_types_and_labels_are_as_the_page_says(self):
        pages = documented()
        receiver = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Takes)
        threading.Thread(target=receiver.serve_forever, daemon=True).start()
        seen = {}

        def look(h):
            families = scrape(h)
            seen.update({name: f for name, f in families.items() if f.series})
            return families

        with tempfile.TemporaryDirectory() as folder:
            volume = Podinfo(Path(folder, "podinfo"))
            volume.write(POOLED)
            with standin("--deferred", "--notify", plugins=PLUGINS, env={
                    "HANDRAIL_PODINFO_DIR": str(volume.folder), "HANDRAIL_ON_CLAIM": "true",
                    "SESSION_API_KEY": "k", "OH_SECRET_KEY": "s",
                    "HANDRAIL_WEBHOOK": f"http://127.0.0.1:{receiver.server_port}/"}) as h:
                h.wait_status("/readyz", 200)
                h.call_tool("echo", {"text": "x"})
                wait_for("the phase", lambda: value(
                    look(h), "handrail_phase", handrail_phase="warm") == 1, 10)
                self.assertEqual(value(seen, "handrail_pooled"), 1)
                wait_for("what it is asked next", lambda: look(h) and
                         "handrail_server_init_state" in seen, 10)
                self.assertEqual(value(seen, "handrail_server_init_state",
                                       handrail_server_init_state="dormant"), 1)
                volume.write(CLAIMED_WITH_UID)
                wait_for("the claim", lambda: value(
                    look(h), "handrail_claims_total", launch_type="warm") == 1, 10)
                self.assertEqual((value(seen, "handrail_pooled"), value(seen, "handrail_claimed")),
                                 (0, 1))
                self.assertEqual(value(seen, "handrail_phase_transitions_total", phase="claimed"), 1)
                wait_for("the hook's end", lambda: value(
                    look(h), "handrail_service_exits_total", service="on-claim",
                    reason="done") == 1, 10)
                answer = request(h.agent_port, "POST", "/api/init", {"session_api_keys": ["k"]},
                                 {"X-Init-API-Key": "s"})
                self.assertEqual(answer.status, 200, answer.text)
                wait_for("the initialisation", lambda: value(
                    look(h), "handrail_server_init_state", handrail_server_init_state="ready"), 10)
                wait_for("conversations", lambda: value(
                    look(h), "handrail_server_conversations") == 0, 10)
                h.fault(age=100)
                h.fault(used=True)
                h.fault(notify="X_HANDRAIL_ACTIVITY=1")
                wait_for("its use", lambda: value(
                    look(h), "handrail_phase", handrail_phase="active") == 1, 10)
                wait_for("an event that is refused", lambda: value(
                    look(h), "handrail_webhook_events_total", result="failed"), 10)
                self.assertEqual(value(seen, "handrail_webhook_events_total", result="delivered"), 1)
                os.kill(h.child("agent_server.py"), signal.SIGKILL)
                wait_for("its end", lambda: value(
                    look(h), "handrail_service_last_exit_signal", service="server") == 9, 10)
        receiver.shutdown()
        receiver.server_close()
        self.assertEqual({name for name in set(pages) - set(seen)
                          if not MAY_BE_ABSENT.fullmatch(name)}, set())
        for name, family in seen.items():
            kind, labels = pages[name]
            self.assertEqual(family.type, kind, name)
            for series in family.series:
                used = {label for label, _ in series.labels} - {"le"}
                self.assertEqual(used, labels, name)


if __name__ == "__main__":
    unittest.main(verbosity=1)
