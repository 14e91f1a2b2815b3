# SPDX-License-Identifier: MIT
"""A real Prometheus scrapes handrail in both formats, with our rules loaded; and what lies in
docker/observability names nothing that does not exist."""

import http.server
import json
import re
import subprocess
import sys
import tempfile
import threading
import unittest
from pathlib import Path

from harness import sample, standin
from support import SKIPPED, free_ports, request, spawn, wait_for
from test_metrics import ACCEPT_2, TOP, documented

BIN = Path(subprocess.run(["sh", TOP / "tests/setup.sh", "prometheus"], check=True,
                          capture_output=True, text=True).stdout.strip()) / "usr/bin"
FOLDER = TOP / "docker/observability"
JOINED = {"job", "instance", "alertname", "alertstate", "le"}  # not ours


def promtool(*arguments, text=None):
    done = subprocess.run([BIN / "promtool", *arguments], input=text, capture_output=True,
                          text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


class OldScraper(http.server.BaseHTTPRequestHandler):
    """Hands scrapes on as one would send them that knows 0.0.4 only."""

    port = 0

    def do_GET(self):
        answer = request(self.port, "GET", "/metrics", headers={"Accept": "text/plain"})
        data = answer.text.encode()
        self.send_response(answer.status)
        self.send_header("Content-Type", answer.headers["content-type"])
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_):
        pass


class Scraped(unittest.TestCase):
    def ask(self, port, path):
        return request(port, "GET", path).json()["data"]

    def query(self, port, query):
        return self.ask(port, f"/api/v1/query?query={query}")["result"]

    def series(self, port, job):
        found = self.query(port, f'{{__name__=~"handrail_.*",job="{job}"}}')
        return {json.dumps({**s["metric"], "job": "", "instance": ""}, sort_keys=True)
                for s in found}

    def test_by_a_real_prometheus(self):
        port, proxy_port = free_ports(2)
        with standin(plugins=[sample("echo")]) as h, tempfile.TemporaryDirectory() as folder:
            OldScraper.port = h.health_port
            proxy = http.server.ThreadingHTTPServer(("127.0.0.1", proxy_port), OldScraper)
            threading.Thread(target=proxy.serve_forever, daemon=True).start()
            h.wait_status("/readyz", 200)
            h.call_tool("echo", {"text": "x"})
            config = Path(folder) / "prometheus.yml"
            jobs = [{"job_name": name, "static_configs": [{"targets": [f"127.0.0.1:{p}"]}]}
                    for name, p in (("openmetrics", h.health_port), ("text", proxy_port))]
            config.write_text(json.dumps({  # JSON is YAML
                "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
                "rule_files": [str(FOLDER / "alerts.yaml")], "scrape_configs": jobs}))
            promtool("check", "config", str(config))
            prometheus = spawn([BIN / "prometheus", f"--config.file={config}",
                                f"--storage.tsdb.path={folder}/data",
                                f"--web.listen-address=127.0.0.1:{port}", "--log.level=error"],
                               stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            try:
                wait_for("Prometheus", lambda: request(port, "GET", "/-/ready").status == 200, 60)
                wait_for("both scrapes", lambda: len(self.query(port, "handrail_ready==1")) == 2, 60)
                for target in self.ask(port, "/api/v1/targets")["activeTargets"]:
                    self.assertEqual((target["health"], target["lastError"]), ("up", ""))
                self.assertEqual(
                    [s["value"][1] for s in self.query(
                        port, 'handrail_tool_calls_total{outcome="ok"}')], ["1", "1"])
                # The same names and labels, whichever way they came.
                wait_for("the same series of both", lambda: self.series(port, "text") ==
                         self.series(port, "openmetrics"), 30)
                self.assertGreater(len(self.series(port, "text")), 150)
                rules = self.ask(port, "/api/v1/rules")["groups"][0]["rules"]
                self.assertEqual({r["health"] for r in rules} - {"unknown"}, {"ok"})
                self.assertEqual({r["lastError"] for r in rules if "lastError" in r}, set())
                self.assertEqual([r["name"] for r in rules if r["state"] == "firing"], [])
                types = {m["metric"]: m["type"] for m in self.ask(
                    port, "/api/v1/targets/metadata?match_target={job=\"openmetrics\"}")}
                self.assertEqual(types["handrail_phase"], "stateset")
            finally:
                prometheus.kill()
                prometheus.wait()
                proxy.shutdown()
                proxy.server_close()


class Linted(unittest.TestCase):
    def test_the_page(self):
        with standin(plugins=[sample("echo")], env={"HANDRAIL_WEBHOOK": "http://127.0.0.1:9/"}) as h:
            h.wait_status("/readyz", 200)
            h.call_tool("echo", {"text": "x"})
            self.assertEqual(promtool("check", "metrics", text=h.get("/metrics").text), "")
            h.fault(crash="SIGSEGV")
            h.wait_status("/readyz", 503)
            self.assertEqual(promtool("check", "metrics", text=h.get("/metrics").text), "")
            self.assertIn("openmetrics", request(h.health_port, "GET", "/metrics", headers={
                "Accept": ACCEPT_2}).headers["content-type"])


def names_of(expression):
    """The metrics of a query and all label names that it uses of each."""
    bare = re.sub(r'"[^"]*"', '""', expression)
    found = {}
    for name, labels in re.findall(r"\b(handrail_\w+)(?:\{([^}]*)\})?", bare):
        found.setdefault(name, set()).update(re.findall(r"(\w+)\s*[=!]", labels))
    grouped = {label.strip() for part in re.findall(r"\bby \(([^)]*)\)", bare)
               for label in part.split(",")}
    for labels in found.values():
        labels |= grouped
    return found


def values_of(expression):
    """Every text that a label of ours is compared with; a pattern's alternatives each."""
    found = set()
    for labels in re.findall(r"\bhandrail_\w+\{([^}]*)\}", expression):
        for _, value in re.findall(r'(\w+)\s*[=!]~?\s*"([^"]*)"', labels):
            found |= {part for part in value.split("|") if "$" not in part}
    return found


def texts_of_the_sources():
    texts = set()
    for part in ("common", "sidecar", "loader"):
        for path in (TOP / part).rglob("*.c"):
            texts |= set(re.findall(r'"([^"\n]*)"', path.read_text()))
    return texts


class Observability(unittest.TestCase):
    texts = texts_of_the_sources()

    def check_names(self, where, expression, legend=""):
        known = documented()
        found = names_of(expression)
        self.assertTrue(found, where)
        self.assertLessEqual(values_of(expression), self.texts, where)
        for name, labels in found.items():
            family = re.sub(r"_(bucket|sum|count)$", "", name) if name not in known else name
            self.assertIn(family, known, where)
            shown = set(re.findall(r"\{\{(\w+)\}\}", legend))
            self.assertLessEqual((labels | shown) - JOINED, known[family][1], f"{where}: {name}")

    def test_the_rules(self):
        promtool("check", "rules", str(FOLDER / "alerts.yaml"))
        promtool("test", "rules", str(FOLDER / "alerts_test.yaml"))
        text = (FOLDER / "alerts.yaml").read_text()
        alerts = re.split(r"(?m)^ +- alert: ", text)[1:]
        names = [alert.split("\n", 1)[0] for alert in alerts]
        tested = (FOLDER / "alerts_test.yaml").read_text()
        listed = re.findall(r"(?m)^\| `(Handrail\w+)`", (FOLDER / "README.md").read_text())
        self.assertEqual(set(listed), set(names))
        self.assertEqual(len(names), len(set(names)))
        for name, alert in zip(names, alerts):
            self.assertIn(f'alertname="{name}"', tested, "an alert without a test")
            self.assertRegex(alert, r"(?s)severity: .*summary: .*runbook: >-\n +\S", name)
            expression = re.search(r"(?s)expr: (.*?)\n        (?:for|labels):", alert)[1]
            self.check_names(name, expression)

    def test_the_dashboard(self):
        board = json.loads((FOLDER / "dashboard.json").read_text())
        self.assertEqual(board["schemaVersion"], 38)  # of Grafana 10
        ids = [panel["id"] for panel in board["panels"]]
        self.assertEqual(len(ids), len(set(ids)))
        variables = {v["name"] for v in board["templating"]["list"]}
        shown = [panel for panel in board["panels"] if panel["type"] != "row"]
        self.assertGreater(len(shown), 15)
        taken = set()
        for panel in shown:
            at = panel["gridPos"]
            cells = {(x, y) for x in range(at["x"], at["x"] + at["w"])
                     for y in range(at["y"], at["y"] + at["h"])}
            self.assertFalse(cells & taken, panel["title"])
            taken |= cells
            self.assertLessEqual(at["x"] + at["w"], 24)
            for target in panel["targets"]:
                used = set(re.findall(r"\$\{?(\w+)", target["expr"])) - {"__rate_interval"}
                self.assertLessEqual(used, variables, panel["title"])
                self.check_names(panel["title"], target["expr"], target["legendFormat"])


if __name__ == "__main__":
    if not (BIN / "prometheus").exists():
        print("integration/prometheus: SKIPPED: Prometheus could not be unpacked; see tests/setup.sh")
        sys.exit(SKIPPED)
    unittest.main(verbosity=1)
