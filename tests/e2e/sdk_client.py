# SPDX-License-Identifier: MIT
"""A client as users of the OpenHands SDK write it: its remote workspace, unchanged, against a
server.

    sdk_client.py URL KEY FOLDER MODEL-URL MESSAGE

Run by a Python that has the SDK.  FOLDER is an empty one on the server's side.  Prints one JSON
object of what it saw, without what differs from run to run, so that two servers can be compared.
"""

from __future__ import annotations

import json
import logging
import os
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

os.environ.update(LITELLM_LOCAL_MODEL_COST_MAP="True", OPENHANDS_SUPPRESS_BANNER="1")

from openhands.sdk import LLM, Agent, Conversation, RemoteWorkspace  # noqa: E402
from pydantic import SecretStr  # noqa: E402

logging.disable(logging.CRITICAL)

BINARY = bytes(range(256)) * 4096  # 1 MiB
IDENTITY = "-c user.name=a -c user.email=a@example.com"


def commands(w: RemoteWorkspace) -> dict[str, Any]:
    def seen(command: str, **more: Any) -> list[Any]:
        result = w.execute_command(command, **more)
        return [result.exit_code, result.stdout, result.stderr, result.timeout_occurred]

    found = {
        "output": seen("echo 'Hello World!'"),
        "error": seen("echo oops >&2; exit 3"),
        "folder": seen("pwd; touch here", cwd="/tmp"),
        "input": seen("cat"),
        "large": len(seen("seq 1 100000")[1]),
        "slow": seen("sleep 30", timeout=1)[0::3],
        "signal": seen("kill -9 $$")[0],
        "umask": seen("umask; ulimit -n >/dev/null && echo limits"),
        "signals": seen("grep -E '^Sig(Blk|Ign)' /proc/self/status"),
    }
    started = w.start_command("sleep 30; echo ended")
    w.stop_command(started)
    deadline = time.monotonic() + 10
    while not (ended := w.get_command_output(started)) and time.monotonic() < deadline:
        time.sleep(0.1)
    found["stopped"] = ended and [ended["exit_code"], ended["stdout"]]
    return found


def files(w: RemoteWorkspace, folder: str) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as here:
        local, back = Path(here, "local.txt"), Path(here, "made", "back")
        local.write_text("Hello from the host!\nThis is file content.\n")
        up = w.file_upload(local, f"{folder}/remote.txt")
        large = w.file_upload(BINARY, f"{folder}/new folder/image.png")
        down = w.file_download(f"{folder}/new folder/image.png", back)
        absent = w.file_download(f"{folder}/absent", Path(here, "absent"))
        relative = w.file_upload(b"x", "relative.txt")
        return {"up": [up.success, up.file_size], "large": large.success,
                "down": [down.success, down.file_size, back.read_bytes() == BINARY],
                "there": w.execute_command(f"cat {folder}/remote.txt").stdout,
                "absent": [absent.success, (absent.error or "")[:30]],
                "relative": [relative.success]}


def git(w: RemoteWorkspace, folder: str) -> dict[str, Any]:
    made = w.execute_command(
        f"mkdir {folder}/repo && cd {folder}/repo && git init -q && echo one > kept && "
        f"git add . && git {IDENTITY} commit -qm first && echo two > kept && echo new > added")
    changes = [[str(c.status), c.path.as_posix()] for c in w.git_changes(f"{folder}/repo")]
    diff = w.git_diff(f"{folder}/repo/kept")
    try:
        w.git_changes(folder)
        none = "changes where there is no repository"
    except Exception as problem:
        none = type(problem).__name__
    return {"made": made.exit_code, "changes": sorted(changes),
            "diff": [diff.original, diff.modified], "none": none}


def conversation(w: RemoteWorkspace, model: str, message: str) -> dict[str, Any]:
    llm = LLM(model="openai/scripted", base_url=model, api_key=SecretStr("unused"),
              usage_id="agent", num_retries=0)
    talk = Conversation(agent=Agent(llm=llm, tools=[]), workspace=w, visualizer=None)
    try:
        talk.send_message(message)
        talk.run(timeout=60.0)
        events = list(talk.state.events)
        return {"status": str(talk.state.execution_status),
                "answers": [event.observation.text for event in events
                            if type(event).__name__ == "ObservationEvent"]}
    finally:
        talk.close()


def main() -> None:
    url, key, folder, model, message = sys.argv[1:]
    with RemoteWorkspace(host=url, api_key=key, working_dir=folder) as w:
        found = {"alive": w.alive, "version": w.get_server_info().get("version"),
                 "commands": commands(w), "files": files(w, folder), "git": git(w, folder)}
        talked = conversation(w, model, message)
    try:
        RemoteWorkspace(host=url, api_key="a stranger's", working_dir=folder).git_changes(".")
        stranger = "let in"
    except Exception as problem:
        stranger = type(problem).__name__
    json.dump({**found, "stranger": stranger, "conversation": talked,
               "alive afterwards": RemoteWorkspace(host=url, working_dir=folder).alive}, sys.stdout)


if __name__ == "__main__":
    main()
