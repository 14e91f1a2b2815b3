# SPDX-License-Identifier: MIT
"""An image's root file system around a server, at the paths that the published images have, and
the forms in which platforms start it there.

The root is a folder with this machine's /usr in it, seen by nobody else: each start is a mount
namespace and a pid namespace of its own, so the command is process 1.  Needs root.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from support import ROOT, TREE, Handrail, Process, descendants

SERVER = "/usr/local/bin/openhands-agent-server"
PYTHON = "/agent-server/.venv/bin/python"
MODULE = [PYTHON, "-m", "openhands.agent_server"]
ANY_UID = 54321  # nobody's in /etc/passwd
# The agent-server's own docker runtime: --user, --cap-drop ALL, no-new-privileges.
ANY_USER = ["setpriv", f"--reuid={ANY_UID}", f"--regid={ANY_UID}", "--clear-groups",
            "--bounding-set=-all", "--inh-caps=-all", "--no-new-privs", "--"]
PORT = ["--port", "{port}"]
HOST = ["--host", "0.0.0.0", *PORT]

# What is started, and what the server then has as its arguments.
LAUNCHERS: dict[str, tuple[list[str], list[str]]] = {
    "entrypoint of the binary image": (["tini", "--", SERVER, *PORT], PORT),
    "the same below docker's init": (["tini", "-s", "--", "tini", "-s", "--", SERVER, *PORT], PORT),
    "with the address, as DockerWorkspace": (["tini", "--", SERVER, *HOST], HOST),
    "a command in the entrypoint's place": ([SERVER, *PORT], PORT),
    "the same as one string": (["/bin/bash", "-c", f"{SERVER} --port {{port}}"], PORT),
    "a shell that becomes it": (
        ["/bin/sh", "-c", f"export SOMETHING=1; exec {SERVER} --port {{port}}"], PORT),
    "the entrypoint, and the command as its arguments": (
        ["tini", "--", SERVER, SERVER, *PORT], PORT),
    "the entrypoint, and python's command as its arguments": (
        ["tini", "--", SERVER, *MODULE, *PORT], PORT),
    "entrypoint of the source image": (["tini", "--", *MODULE, *HOST], HOST),
    "python's command in its place": ([*MODULE, *PORT], PORT),
    "the same as one string, without a path": (
        ["/bin/sh", "-c", "cd /agent-server && exec .venv/bin/python3 -um openhands.agent_server "
         "--port {port}"], PORT),
    "the script of its package": (["/agent-server/.venv/bin/agent-server", *PORT], PORT),
    "the FIPS image": (["fips-entrypoint", SERVER, *PORT], PORT),
    "the docker runtime: any user, no capabilities": (
        [*ANY_USER, "tini", "-s", "--", SERVER, *HOST], HOST),
    "the same with python's command": ([*ANY_USER, "tini", "-s", "--", *MODULE, *HOST], HOST),
}


class Image:
    """A root file system at `folder`.  `packages`: what its site-packages is to hold, by name;
    `python`: the one it is for; `bind`: more folders of this machine that it needs."""

    def __init__(self, folder: Path, python: Path, packages: Mapping[str, Path],
                 bind: Sequence[Path] = ()) -> None:
        self.folder = folder
        self.bind = [Path(path) for path in (
            "/usr/bin", "/usr/lib", "/usr/sbin", "/usr/share", "/etc", "/dev", *bind)]
        for name in ("bin", "sbin", "lib", "lib32", "lib64", "libx32"):
            if Path("/", name).is_symlink():
                (folder / name).symlink_to(os.readlink(f"/{name}"))
        self.bind += [Path("/usr", name) for name in ("lib32", "lib64", "libx32", "libexec")
                      if Path("/usr", name).is_dir()]
        for place in ("usr/local/bin", "proc", "tmp", "home/any", "workspace", "opt/handrail"):
            (folder / place).mkdir(parents=True)
        for place in ("tmp", "home/any", "workspace"):
            (folder / place).chmod(0o1777)
        # As in the published image: the files of a virtual environment of the server's python.
        venv = folder / "agent-server/.venv"
        self.site = venv / "lib" / f"python3.{python.resolve().name.split('.')[1]}/site-packages"
        self.site.mkdir(parents=True)
        (venv / "bin").mkdir()
        (venv / "bin/python3").symlink_to(python.resolve())
        (venv / "bin/python").symlink_to("python3")
        (venv / "pyvenv.cfg").write_text(f"home = {python.resolve().parent}\n")
        for name, target in packages.items():
            (self.site / name).symlink_to(target)
        self.program("agent-server/.venv/bin/agent-server",
                     f"#!{PYTHON}\nimport sys\nfrom openhands.agent_server.__main__ import main\n"
                     "sys.exit(main())\n")
        self.program(SERVER[1:], f"#!/bin/sh\nexec {' '.join(MODULE)} \"$@\"\n")
        self.program("usr/local/bin/fips-entrypoint", "#!/bin/sh\nexec \"$@\"\n")

    def program(self, name: str, text: str) -> None:
        path = self.folder / name
        path.write_text(text)
        path.chmod(0o755)

    def inside(self) -> list[str]:
        """The command that runs another one in this root, as process 1."""
        binds = [*((path, path) for path in self.bind), (TREE, Path("/opt/handrail"))]
        mounts = " && ".join(
            f"mkdir -p '{self.folder}{to}' && mount --rbind '{what}' '{self.folder}{to}'"
            for what, to in binds)
        return ["unshare", "--mount", "--propagation", "private", "--pid", "--fork",
                "--kill-child", "sh", "-c", f"{mounts} && mount -t proc proc '{self.folder}/proc' "
                f"&& exec /usr/sbin/chroot '{self.folder}' \"$@\"", "sh"]

    def run(self, *command: str, **more: Any) -> subprocess.CompletedProcess[str]:
        return subprocess.run([*self.inside(), *command], capture_output=True, text=True,
                              timeout=120, check=False, **more)

    def start(self, folder: Path, launcher: str, **env: str) -> Handrail:
        return Handrail(folder, [], prefix=self.inside(), cwd=Path("/"),
                        way_in=LAUNCHERS[launcher][0],
                        env={"HOME": "/home/any", "HANDRAIL_CONFIG_DIR": "/app/config", **env})


def first_process(h: Handrail) -> Process:
    """Process 1 of the image."""
    return next(p for p in descendants(h.pid) if p.ppid == h.pid)


def running(h: Handrail, program: str) -> list[Process]:
    """The processes of the image that run a program whose name begins so."""
    def runs_it(p: Process) -> bool:
        try:
            return os.path.basename(os.readlink(f"/proc/{p.pid}/exe")).startswith(program)
        except FileNotFoundError:  # it has ended meanwhile
            return False
    return [p for p in descendants(h.pid) if runs_it(p)]


def standin_image(folder: Path) -> Image:
    """With the stand-in as the package, for the system's python."""
    package = folder / "package/openhands/agent_server"
    package.mkdir(parents=True)
    standin = ROOT / "tests/standin/agent_server.py"
    shutil.copy(standin, package / "standin.py")
    (package / "__main__.py").write_text(
        "import sys\n\n\ndef main():\n    from openhands.agent_server import standin\n"
        "    return standin.main()\n\n\nif __name__ == \"__main__\":\n    sys.exit(main())\n")
    (folder / "root").mkdir()
    image = Image(folder / "root", Path("/usr/bin/python3"), {})
    shutil.move(folder / "package/openhands", image.site / "openhands")
    (image.site / "openhands_agent_server-1.58.0.dist-info").mkdir()
    return image
