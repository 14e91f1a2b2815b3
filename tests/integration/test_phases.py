# SPDX-License-Identifier: MIT
"""The pod's phases at the real programs, as those hear them who ask: a plugin, and the helper in
the server, which the stand-in plays."""

import json
import os
import re
import signal
import tempfile
import time
import unittest
from pathlib import Path

from harness import client, service, standin, test_plugin
from support import request, wait_for

from podinfo import CLAIMED_WITH_UID, POOLED, Podinfo

AT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")


def events(h):
    """What the plugin has heard, oldest first, and checked for what is always true."""
    text = "".join(part["text"] for part in h.call_tool("heard", {})["content"])
    found = []
    for line in text.splitlines():
        phase, _, event = line.partition(" ")
        event = json.loads(event)
        assert event["phase"] == phase and AT.fullmatch(event["at"]), line
        found.append(event)
    return found


def present(h):
    text = "".join(part["text"] for part in h.call_tool("present", {})["content"])
    return json.loads(text)


def state(h):
    """What the stand-in says of itself."""
    return h.agent("GET", "/_state").json()


def helper_told(h):
    """Each message, as the helper would read it."""
    told = [dict(line.partition("=")[::2] for line in message.split("\n"))
            for message in state(h)["phases"]]
    for message in told:
        assert AT.fullmatch(message["AT"]), message
    return told


def hears(h, *phases):
    """Until the plugin's latest are these."""
    wait_for(f"{phases}; there was {events(h)}",
             lambda: [e["phase"] for e in events(h)][-len(phases):] == list(phases), 10)
    return events(h)


class Phases(unittest.TestCase):
    def test_a_drain_and_back(self):
        with standin("--notify", plugins=[test_plugin("phases")]) as h:
            h.wait_status("/readyz", 200)
            before = present(h)["phase"]
            wait_for("the first event", lambda: events(h), 10)
            client(h, "drain")
            said = hears(h, "draining")
            self.assertEqual(said[-1]["from"], before)
            self.assertEqual(present(h), said[-1])
            client(h, "drain", "--undo")
            said = hears(h, "draining", before)
            self.assertEqual(said[-1]["from"], "draining")
            told = [(m["PHASE"], m.get("FROM")) for m in helper_told(h)]
            self.assertEqual(told[-2:], [("draining", before), (before, "draining")])
            self.assertEqual(len(told), len(set(told)))  # each once
            times = [m["AT"] for m in helper_told(h)]
            self.assertEqual(times[-2:], [e["at"] for e in said[-2:]])

    def test_a_claim(self):
        """With the labels and annotations that are there by then."""
        with tempfile.TemporaryDirectory() as folder:
            volume = Podinfo(Path(folder, "podinfo"))
            volume.write(POOLED, {"note": "for nobody"})
            with standin("--notify", plugins=[test_plugin("phases")],
                         env={"HANDRAIL_PODINFO_DIR": str(volume.folder)}) as h:
                h.wait_status("/readyz", 200)
                said = hears(h, "warm")
                self.assertEqual((said[-1]["labels"], said[-1]["annotations"],
                                  said[-1]["claim_uid"]), (POOLED, {"note": "for nobody"}, None))
                volume.write(CLAIMED_WITH_UID, {
                    "note": "gr\u00fc\u00df \"dich\"\n", "large": "x" * 40000,
                    "kubectl.kubernetes.io/last-applied-configuration": "{}"})
                said = hears(h, "warm", "claimed")
                self.assertEqual(said[-1]["labels"], CLAIMED_WITH_UID)
                self.assertEqual(said[-1]["annotations"], {"note": "gr\u00fc\u00df \"dich\"\n"})
                self.assertEqual((said[-1]["claim_uid"], said[-1]["left_out"]), ("8f2c-11", 2))
                wait_for("the helper", lambda: helper_told(h)[-1]["PHASE"] == "claimed", 10)
                self.assertEqual(helper_told(h)[-1]["CLAIM_UID"], "8f2c-11")
                self.assertEqual(helper_told(h)[-1]["FROM"], "warm")
                os.kill(h.child("handrail-sidecar"), signal.SIGKILL)
                wait_for("its next life", lambda: service(h, "sidecar")["starts"] == 2, 20)
                os.kill(h.child("handrail-toolhost"), signal.SIGKILL)
                wait_for("the toolhost's", lambda:
                         service(h, "toolhost/phases")["state"] == "up" and
                         service(h, "toolhost/phases")["starts"] == 2, 20)
                self.assertEqual(hears(h, "claimed"), said[-1:])  # word for word

    def test_a_claim_whose_labels_come_later(self):
        """As it is with Kubernetes: a client initialises the server, and the kubelet is slow."""
        with tempfile.TemporaryDirectory() as folder:
            volume = Podinfo(Path(folder, "podinfo"))
            volume.write(POOLED)
            with standin("--notify", plugins=[test_plugin("phases")],
                         env={"HANDRAIL_PODINFO_DIR": str(volume.folder), "OH_SECRET_KEY": "k",
                              "OH_DEFERRED_INIT": "1"}) as h:
                h.wait_status("/readyz", 200)
                hears(h, "warm")
                answer = request(h.agent_port, "POST", "/api/init", {"session_api_keys": ["s"]},
                                 {"X-Init-API-Key": "k"})
                self.assertEqual(answer.status, 200)
                said = hears(h, "warm", "claimed")
                self.assertEqual((said[-1]["claim_uid"], said[-1]["labels"]), (None, POOLED))
                volume.write(CLAIMED_WITH_UID)
                said = hears(h, "warm", "claimed", "claimed")
                self.assertNotEqual(said[-4:][0]["phase"], "claimed")
                self.assertEqual((said[-1]["claim_uid"], said[-1]["labels"]),
                                 ("8f2c-11", CLAIMED_WITH_UID))
                self.assertEqual(said[-1]["at"], said[-2]["at"])
                wait_for("the helper",
                         lambda: helper_told(h)[-1].get("CLAIM_UID") == "8f2c-11", 10)
                self.assertEqual([m["PHASE"] for m in helper_told(h)][-2:], ["claimed", "claimed"])
                volume.write(CLAIMED_WITH_UID, {"note": "annotations alone are no news"})
                time.sleep(0.5)
                self.assertEqual(events(h), said)

    def test_a_toolhost_that_is_started_again_hears_the_present_one(self):
        with standin(plugins=[test_plugin("phases")]) as h:
            h.wait_status("/readyz", 200)
            client(h, "drain")
            hears(h, "draining")
            os.kill(h.child("handrail-toolhost"), signal.SIGKILL)
            wait_for("its next life",
                     lambda: [service(h, "toolhost/phases")[m] for m in ("starts", "state")] ==
                     [2, "up"], 20)
            wait_for("its word", lambda: [e["phase"] for e in events(h)] == ["draining"], 10)

    def test_nothing_is_told_twice_by_another_sidecar(self):
        with standin("--notify", plugins=[test_plugin("phases")]) as h:
            h.wait_status("/readyz", 200)
            client(h, "drain")
            said = hears(h, "draining")
            os.kill(h.child("handrail-sidecar"), signal.SIGKILL)
            wait_for("its next life", lambda: h.get("/livez").status == 200 and
                     service(h, "sidecar")["starts"] == 2, 20)
            time.sleep(0.5)
            self.assertEqual(events(h), said)
            client(h, "drain", "--undo")
            self.assertEqual(len(hears(h, "draining", said[-1]["from"])), len(said) + 1)

    def test_the_server_s_next_life(self):
        with standin("--notify", plugins=[test_plugin("phases")]) as h:
            h.wait_status("/readyz", 200)
            client(h, "drain")
            wait_for("draining", lambda: helper_told(h)[-1]["PHASE"] == "draining", 10)
            before = state(h)["pid"]
            h.fault(crash="SIGSEGV")
            wait_for("its next life", lambda: service(h)["starts"] == 2 and
                     service(h)["state"] == "up", 20)
            self.assertNotEqual(state(h)["pid"], before)
            wait_for("its word", lambda: [m["PHASE"] for m in helper_told(h)] == ["draining"], 10)

    def test_a_plugin_that_hangs_in_it_is_ended(self):
        with standin(plugins=[test_plugin("phases", {"ms": 60000})]) as h:
            h.wait_line("plugin phases: its on_phase.. did not return within 2000 ms", 30)
            wait_for("its reason", lambda: "on_phase() did not return" in
                     (service(h, "toolhost/phases")["reason"] or ""), 10)

    def test_the_end(self):
        with standin("--notify", "--stop-delay", "1", plugins=[test_plugin("phases")]) as h:
            h.wait_status("/readyz", 200)
            self.assertEqual(h.stop(), 143)
            self.assertRegex(h.log(), "the pod is draining(.|\n)*the pod is stopped")
            self.assertEqual(h.leftovers(), [])


if __name__ == "__main__":
    unittest.main()
