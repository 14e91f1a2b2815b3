# SPDX-License-Identifier: MIT
"""The phases of a pod, from the pool to its user, and the hook that is run after the claim."""

import contextlib
import json
import os
import signal
import tempfile
import time
import unittest
from pathlib import Path

from harness import client, crash_report, service, standin
from support import Failure, request, wait_for

from podinfo import CLAIMED, CLAIMED_WITH_UID, POOLED, Podinfo

NAMES = ["starting", "warming", "warm", "claimed", "active", "draining", "stopped", "failed"]


@contextlib.contextmanager
def pod(*flags, hook=None, env=None, options=(), labels=None, **more):
    """Handrail around the stand-in, with a volume whose labels are these; and that volume."""
    with tempfile.TemporaryDirectory(prefix="handrail-podinfo-") as folder:
        volume = Podinfo(Path(folder, "podinfo"))
        if labels is not None:
            volume.write(labels)
        settings = {"HANDRAIL_PODINFO_DIR": str(volume.folder), "LOG": str(Path(folder, "log")),
                    **(env or {})}
        if hook:
            settings["HANDRAIL_ON_CLAIM"] = hook
        with standin(*flags, env=settings, options=options, **more) as h:
            h.scratch = Path(folder)
            yield h, volume


def phase(h):
    return h.get("/status").json()["phase"]


def wait_phase(h, name, timeout=15.0):
    h.wait_status("/status", 200)

    def reached():
        found = phase(h)
        return found if found["name"] == name else None

    try:
        return wait_for(f"the phase {name}", reached, timeout)
    except Failure as failure:
        raise Failure(f"{failure}; it is {phase(h)}\n{h.log()}") from None


def path(found):
    """The phases the pod has been through."""
    return [step["phase"] for step in found["history"]]


class Phases(unittest.TestCase):
    def test_pooled_then_claimed_then_used(self):
        with pod(labels=POOLED) as (h, volume):
            found = wait_phase(h, "warm")
            self.assertEqual((found["pooled"], found["claimed"], found["claim_uid"]),
                             (True, False, None))
            self.assertEqual(h.get("/warmz").text, "ok")
            self.assertEqual(h.get("/warmz?verbose").text.splitlines(),
                             ["[+]ready ok", "[+]dormant ok", "[+]unclaimed ok", "[+]unused ok",
                              "warmz check passed"])
            volume.write(CLAIMED_WITH_UID)
            found = wait_phase(h, "claimed")
            self.assertEqual((found["pooled"], found["claimed"], found["claim_uid"]),
                             (False, True, "8f2c-11"))
            answer = h.get("/warmz")
            self.assertEqual(answer.status, 503)
            self.assertIn("[-]unclaimed failed: it has been claimed for", answer.text)
            self.assertEqual(h.get("/warmz?exclude=unclaimed").text, "ok")
            self.assertEqual(h.get("/warmz/unclaimed").status, 503)
            self.assertEqual(h.get("/warmz/ready").text, "ok")
            self.assertEqual(h.get("/warmz/claimed").status, 404)
            h.fault(age=100)
            time.sleep(0.1)
            h.fault(used=True)
            found = wait_phase(h, "active")
            self.assertEqual(path(found), NAMES[:5])
            self.assertIn("[-]unused failed", h.get("/warmz").text)
            before = h.get("/status").json()["uptime_seconds"]
            total = sum(wait_phase(h, "active")["seconds_in"].values())
            after = h.get("/status").json()["uptime_seconds"]
            self.assertTrue(before - 0.5 < total < after + 0.5, (before, total, after))
            metrics = h.get("/metrics").text
            self.assertIn('handrail_claims_total{launch_type="warm"} 1\n', metrics)
            self.assertRegex(metrics, r'handrail_phase\{\w+="active"\} 1\n')
            self.assertRegex(metrics, r'handrail_phase\{\w+="claimed"\} 0\n')
            self.assertRegex(metrics, r"handrail_claim_to_active_seconds [0-9.]+\n")

    def test_a_use_that_the_helper_tells_of(self):
        with pod("--notify", labels=CLAIMED) as (h, _):
            wait_phase(h, "claimed")
            h.fault(age=100)
            h.fault(used=True)
            h.fault(notify="X_HANDRAIL_ACTIVITY=1")
            wait_phase(h, "active", timeout=15)  # and not with the next question, in half a minute

    def test_claimed_before_the_server_is_ready(self):
        with pod("--start-delay", "2", labels=POOLED) as (h, volume):
            wait_phase(h, "warming")
            volume.write(CLAIMED)
            wait_for("the claim", lambda: phase(h)["claimed"], 5)
            self.assertEqual(phase(h)["name"], "warming")
            found = wait_phase(h, "claimed")
            self.assertEqual(path(found), ["starting", "warming", "claimed"])
            metrics = h.get("/metrics").text
            self.assertRegex(metrics, r"handrail_claim_to_ready_seconds [0-9.]*[1-9]")

    def test_claimed_from_the_start(self):
        """A pod that was never pooled, one that was resumed, and a container that was started again
        after its pod's claim all begin like this."""
        with pod(labels=CLAIMED, hook="echo ran >> $LOG") as (h, _):
            found = wait_phase(h, "claimed")
            self.assertEqual(path(found), ["starting", "warming", "claimed"])
            self.assertEqual((found["pooled"], found["claimed"]), (False, True))
            self.assertIn('handrail_claims_total{launch_type="cold"} 1\n', h.get("/metrics").text)
            h.wait_line("on-claim: done")

    def test_no_kubernetes(self):
        with pod() as (h, _):
            found = wait_phase(h, "warm")
            self.assertEqual((found["pooled"], found["claimed"], found["init"], found["hook"]),
                             (None, None, None, None))
            self.assertEqual(h.get("/warmz").status, 200)
            h.fault(age=100)
            time.sleep(0.1)
            h.fault(used=True)
            found = wait_phase(h, "active")
            self.assertEqual(path(found), ["starting", "warming", "warm", "active"])
            self.assertEqual(found["claimed"], None)

    def test_labels_of_something_else(self):
        with pod(labels={"app": "web"}) as (h, _):
            self.assertEqual(wait_phase(h, "warm")["claimed"], None)

    def test_a_volume_that_comes_late(self):
        with pod() as (h, volume):
            wait_phase(h, "warm")
            volume.write(POOLED)
            wait_for("the pool", lambda: phase(h)["pooled"], 10)
            self.assertEqual(phase(h)["name"], "warm")
            volume.write(CLAIMED)
            wait_phase(h, "claimed")

    def test_labels_that_change_after_the_claim(self):
        with pod(labels=POOLED, hook="echo ran >> $LOG") as (h, volume):
            wait_phase(h, "warm")
            volume.write(CLAIMED)
            wait_phase(h, "claimed")
            h.wait_line("on-claim: done")
            volume.write({**CLAIMED, "sandbox.users.io/conversation": "c2"})
            volume.write(CLAIMED_WITH_UID)
            wait_for("the uid", lambda: phase(h)["claim_uid"] == "8f2c-11", 5)
            volume.write(POOLED)  # there is no way back
            time.sleep(0.5)
            self.assertEqual(phase(h)["name"], "claimed")
            self.assertEqual((h.scratch / "log").read_text(), "ran\n")

    def test_what_is_not_the_kubelets_changes_nothing(self):
        with pod(labels=POOLED) as (h, volume):
            wait_phase(h, "warm")
            volume.write_raw({"labels": 'app="x"\nbroken', "annotations": ""})
            h.wait_line(r"pod info .*: labels, line 2: not as the kubelet writes it: what it said "
                        "before holds on")
            self.assertEqual(phase(h)["pooled"], True)
            self.assertIn('handrail_podinfo_reads_total{result="failure"} 1\n',
                          h.get("/metrics").text)
            volume.write(CLAIMED)
            wait_phase(h, "claimed")

    def test_a_server_that_dies_is_warm_no_more_but_whose_it_is_stays(self):
        with pod(labels=POOLED) as (h, volume):
            wait_phase(h, "warm")
            seen = len(h.lines)
            h.fault(crash="SIGSEGV")
            h.wait_line("the pod is warming", start=seen)
            wait_phase(h, "warm")
            volume.write(CLAIMED)
            wait_phase(h, "claimed")
            h.fault(crash="SIGSEGV")
            wait_for("another server", lambda: service(h)["starts"] == 3, 10)
            h.wait_status("/readyz", 200)
            found = phase(h)
            self.assertEqual(path(found),
                             ["starting", "warming", "warm", "warming", "warm", "claimed"])

    def test_the_next_sidecar_knows_all_of_it(self):
        with pod(labels=POOLED, hook="echo ran >> $LOG") as (h, volume):
            wait_phase(h, "warm")
            volume.write(CLAIMED_WITH_UID)
            before = wait_phase(h, "claimed")
            h.wait_line("on-claim: done")
            sidecar = h.child("handrail-sidecar")
            os.kill(sidecar, signal.SIGKILL)
            h.new_child("handrail-sidecar", sidecar)
            h.wait_status("/readyz", 200)
            after = phase(h)
            self.assertEqual(path(after), path(before))
            self.assertEqual(after["since"], before["since"])
            self.assertEqual(after["claim_uid"], "8f2c-11")
            self.assertEqual(after["hook"], {"state": "ok", "message": None})
            time.sleep(1.5)
            self.assertEqual((h.scratch / "log").read_text(), "ran\n")

    def test_the_stop_and_what_ends_it(self):
        with pod(labels=POOLED) as (h, _):
            wait_phase(h, "warm")
            client(h, "drain")
            wait_phase(h, "draining")
            self.assertEqual(h.get("/warmz").status, 503)
            client(h, "drain", "--undo")
            wait_phase(h, "warm")
            self.assertEqual(h.stop(), 143)
            h.wait_line("the pod is stopped, after")
            self.assertEqual(h.leftovers(), [])

    def test_a_server_that_is_given_up(self):
        with pod("--no-such-flag", options=["--on-give-up=stay"]) as (h, _):
            self.assertEqual(path(wait_phase(h, "failed")), ["starting", "warming", "failed"])


class DeferredInit(unittest.TestCase):
    ENV = {"OH_DEFERRED_INIT": "1", "OH_SECRET_KEY": "k"}

    def initialise(self, h, **fields):
        answer = request(h.agent_port, "POST", "/api/init",
                         {"session_api_keys": ["s"], **fields}, {"X-Init-API-Key": "k"})
        self.assertEqual(answer.status, 200)

    def test_dormant_claimed_initialised(self):
        with pod(labels=POOLED, env=self.ENV) as (h, volume):
            self.assertEqual(wait_phase(h, "warm")["init"], "dormant")
            volume.write(CLAIMED)
            self.assertEqual(wait_phase(h, "claimed")["init"], "dormant")
            self.assertNotIn("[-]dormant", h.get("/warmz").text)
            self.initialise(h)
            wait_for("init ready", lambda: phase(h)["init"] == "ready", 10)
            self.assertIn("[-]dormant failed: initialisation is deferred, and its state is ready",
                          h.get("/warmz").text)
            self.assertRegex(h.get("/metrics").text,
                             r'handrail_server_init_state\{\w+="ready"\} 1\n')

    def test_initialised_is_claimed(self):
        """Without Kubernetes, whoever initialises it has it."""
        with pod(env=self.ENV, hook="env | grep CLAIM_ > $LOG") as (h, _):
            found = wait_phase(h, "warm")
            self.assertEqual((found["claimed"], found["init"]), (False, "dormant"))
            self.initialise(h)
            self.assertEqual(path(wait_phase(h, "claimed")),
                             ["starting", "warming", "warm", "claimed"])
            h.wait_line("on-claim: done")
            self.assertIn("HANDRAIL_CLAIM_LABELS={}\n", (h.scratch / "log").read_text())

    def test_a_client_is_faster_than_the_labels(self):
        """The hook is for the labels, so it waits for them."""
        with pod(labels=POOLED, env=self.ENV,
                 hook="echo $HANDRAIL_POD_LABEL_SANDBOX_USERS_IO_CONVERSATION > $LOG") as (h, volume):
            wait_phase(h, "warm")
            self.initialise(h)
            wait_phase(h, "claimed")
            volume.write(CLAIMED)
            h.wait_line("on-claim: done")
            self.assertEqual((h.scratch / "log").read_text(), "c1\n")

    def test_dormant_again_after_a_crash_is_claimed_still(self):
        with pod(env=self.ENV) as (h, _):  # without the helper there is no replay
            wait_phase(h, "warm")
            self.initialise(h)
            wait_phase(h, "claimed")
            h.fault(crash="SIGSEGV")
            wait_for("another server", lambda: service(h)["starts"] == 2, 10)
            wait_for("dormant again", lambda: phase(h)["init"] == "dormant", 10)
            self.assertEqual(phase(h)["name"], "claimed")


class Hook(unittest.TestCase):
    def test_what_it_gets(self):
        annotations = {"openhands.dev/session": 'a "quoted"\nline', "note/empty": "",
                       "twins/a.b": "1", "twins/a-b": "2", "LD_PRELOAD": "/evil.so"}
        script = "env -0 > $LOG; cat > $LOG.input; exit 0"
        with pod(labels=POOLED, hook=script,
                 env={"SERVERS_OWN": "yes", "HANDRAIL_CLAIM_UID": "stale"}) as (h, volume):
            wait_phase(h, "warm")
            self.assertEqual(phase(h)["hook"]["state"], "none")
            volume.write(CLAIMED_WITH_UID, annotations)
            h.wait_line("on-claim: done")
            lines = (h.scratch / "log").read_bytes().decode().rstrip("\0").split("\0")
            env = dict(line.split("=", 1) for line in lines)
            self.assertEqual(env["SERVERS_OWN"], "yes")
            self.assertEqual(env["HANDRAIL_CLAIM_UID"], "8f2c-11")
            self.assertEqual(json.loads(env["HANDRAIL_CLAIM_LABELS"]), CLAIMED_WITH_UID)
            self.assertEqual(json.loads(env["HANDRAIL_CLAIM_ANNOTATIONS"]), annotations)
            self.assertEqual(env["HANDRAIL_POD_LABEL_APP"], "agent")
            self.assertEqual(env["HANDRAIL_POD_ANNOTATION_OPENHANDS_DEV_SESSION"],
                             'a "quoted"\nline')
            self.assertEqual(env["HANDRAIL_POD_ANNOTATION_NOTE_EMPTY"], "")
            self.assertNotIn("HANDRAIL_POD_ANNOTATION_TWINS_A_B", env)
            self.assertNotIn("LD_PRELOAD", env)
            self.assertNotIn("NOTIFY_SOCKET", env)
            self.assertEqual(env["HANDRAIL_SUPERVISED"], "1")
            claim = json.loads((h.scratch / "log.input").read_text())
            self.assertEqual(claim, {"uid": "8f2c-11", "labels": CLAIMED_WITH_UID,
                                     "annotations": annotations})
            self.assertEqual(json.loads(client(h, "crashes", "--json").stdout), [])
            os.kill(h.child("handrail-sidecar"), signal.SIGKILL)
            h.wait_line("sidecar: killed by signal 9")
            self.assertEqual(crash_report(h)["service"], "sidecar")

    def test_a_claim_that_is_too_large_for_an_environment(self):
        annotations = {"big/one": "x" * 150_000, "big/two": "y" * 100_000, "small/one": "z"}
        script = "env -0 > $LOG; cat > $LOG.input"
        with pod(labels=POOLED, hook=script) as (h, volume):
            wait_phase(h, "warm")
            volume.write(CLAIMED, annotations)
            h.wait_line("on-claim: done")
            names = {line.split(b"=")[0].decode() for line in
                     (h.scratch / "log").read_bytes().split(b"\0")}
            self.assertNotIn("HANDRAIL_CLAIM_ANNOTATIONS", names)
            self.assertNotIn("HANDRAIL_POD_ANNOTATION_BIG_ONE", names)
            self.assertIn("HANDRAIL_POD_ANNOTATION_BIG_TWO", names)
            self.assertIn("HANDRAIL_POD_ANNOTATION_SMALL_ONE", names)
            self.assertIn("HANDRAIL_CLAIM_LABELS", names)
            claim = json.loads((h.scratch / "log.input").read_text())
            self.assertEqual(claim["annotations"], annotations)

    def test_tried_again_and_then_given_up(self):
        script = "echo try >> $LOG; cat | wc -c >> $LOG; echo complaint >&2; exit 3"
        with pod(labels=CLAIMED, hook=script, options=["--backoff=0.1"]) as (h, _):
            h.wait_line("on-claim: ended with code 3; starting it again in [1-9]")
            h.wait_line("on-claim: ended with code 3 after .* giving up")
            tries = (h.scratch / "log").read_text().split()
            self.assertEqual(tries[0::2], ["try"] * 3)
            self.assertEqual(len(set(tries[1::2])), 1)  # each has all of the claim
            self.assertGreater(int(tries[1]), 50)
            wait_for("failed", lambda: phase(h)["hook"] == {"state": "failed",
                                                            "message": "ended with code 3"}, 5)
            self.assertEqual(h.get("/readyz").status, 200)
            report = crash_report(h, 3)
            self.assertEqual((report["service"], report["exit_code"]), ("on-claim", 3))
            self.assertIn("complaint", report["output"])
            client(h, "restart", "on-claim")
            wait_for("one more", lambda: (h.scratch / "log").read_text().count("try") > 3, 10)

    def test_one_that_hangs_is_killed(self):
        script = "echo try >> $LOG; [ -e $LOG.again ] || { touch $LOG.again; sleep 1000; }"
        with pod(labels=CLAIMED, hook=script,
                 options=["--on-claim-timeout=3", "--backoff=0.1"]) as (h, _):
            h.wait_line("on-claim: not done within 3000 ms: killing")
            h.wait_line("on-claim: done")
            self.assertEqual((h.scratch / "log").read_text(), "try\ntry\n")
            self.assertEqual(h.children("sleep"), [])

    def test_what_it_leaves_running_stays(self):
        with pod(labels=CLAIMED, hook="sleep 1000 & echo $! > $LOG") as (h, _):
            h.wait_line("on-claim: done")
            time.sleep(0.3)
            os.kill(int((h.scratch / "log").read_text()), 0)
            self.assertEqual(h.stop(), 143)
            self.assertEqual(h.leftovers(), [])

    def test_a_stop_ends_it(self):
        script = "trap 'echo term > $LOG; exit 0' TERM; echo ready; sleep 1000 & wait"
        with pod(labels=CLAIMED, hook=script) as (h, _):
            h.wait_line("on-claim: ready")
            self.assertEqual(h.stop(), 143)
            self.assertEqual(h.leftovers(), [])
            self.assertEqual((h.scratch / "log").read_text(), "term\n")

    def test_a_stop_lets_it_fail_and_not_begin_anew(self):
        script = "echo try >> $LOG; while [ ! -e $LOG.fail ]; do sleep 0.1; done; exit 3"
        with pod("--stop-delay", "3", labels=CLAIMED, hook=script,
                 options=["--backoff=0.01"]) as (h, _):
            wait_for("its start", (h.scratch / "log").exists, 30)
            h.process.terminate()
            h.wait_line("stopping on signal 15")
            (h.scratch / "log.fail").touch()
            h.wait_line("on-claim: ended with code 3 after .* not starting it again")
            self.assertEqual(h.wait(), 143)
            self.assertEqual((h.scratch / "log").read_text(), "try\n")

    def test_neither_lost_nor_run_twice_with_a_sidecar_that_dies(self):
        for moment in ("before", "while"):
            with self.subTest(moment):
                script = "echo ran >> $LOG; sleep 0.5"
                with pod(labels=POOLED, hook=script) as (h, volume):
                    wait_phase(h, "warm")
                    sidecar = h.child("handrail-sidecar")
                    if moment == "before":
                        os.kill(sidecar, signal.SIGSTOP)
                        volume.write(CLAIMED)
                        os.kill(sidecar, signal.SIGKILL)
                    else:
                        volume.write(CLAIMED)
                        h.wait_line("on-claim: started")
                        os.kill(sidecar, signal.SIGKILL)
                    h.wait_line("on-claim: done")
                    h.new_child("handrail-sidecar", sidecar)
                    wait_phase(h, "claimed")
                    time.sleep(1.5)
                    self.assertEqual((h.scratch / "log").read_text(), "ran\n")

    def test_no_claim_no_hook(self):
        with pod(labels=POOLED, hook="echo ran > $LOG") as (h, _):
            wait_phase(h, "warm")
            done = client(h, "restart", "on-claim", check=False)
            self.assertIn("there has been no claim yet", done.stderr)
            self.assertEqual(h.stop(), 143)
            self.assertFalse((h.scratch / "log").exists())


if __name__ == "__main__":
    unittest.main(verbosity=2)
