"""The backends of this machine, and the bait outside that attempts go for."""

import ctypes
import hashlib
import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from contextlib import suppress
from pathlib import Path

import pytest
from pytest_socket import enable_socket

from bluecode_lint.core.errors import SandboxUnavailableError
from bluecode_lint.sandbox.bubblewrap import BubblewrapSandbox
from bluecode_lint.sandbox.container import ContainerSandbox
from bluecode_lint.sandbox.landlock import LandlockSandbox
from bluecode_lint.sandbox.selftest import find_holes

BACKENDS = {
    "landlock": (LandlockSandbox, {}),
    "bubblewrap": (BubblewrapSandbox, {}),
}
SLOWER = {
    # The oldest kernels, which leave the most to the filter and the warden, and those of GitHub's Ubuntu 24.04.
    "landlock-abi-1": (LandlockSandbox, {"abi": 1}),
    "landlock-abi-4": (LandlockSandbox, {"abi": 4}),
    "bubblewrap-without-landlock": (BubblewrapSandbox, {"abi": 0}),
    "container": (ContainerSandbox, {}),
}


@pytest.fixture(scope="session", params=[*BACKENDS, *(pytest.param(name, marks=pytest.mark.slow) for name in SLOWER)])
def backend(request):
    """A class that isolates here, and what to call it with."""
    backend, options = (BACKENDS | SLOWER)[request.param]
    try:
        sandbox = backend(**options)
        holes = find_holes(sandbox)
    except SandboxUnavailableError as error:
        pytest.skip(f"no {request.param} here: {error}")
    sandbox.close()
    assert not holes
    return backend, options


@pytest.fixture(scope="session")
def sandbox(backend):
    made = backend[0](**backend[1])
    yield made
    made.close()


class Bait:
    """Things outside that a job must not touch: files, sockets, a process, the environment. Knows when it was."""

    def __init__(self):
        self.mark = f"bait-{secrets.token_hex(8)}"
        self.directory = Path(tempfile.mkdtemp(prefix="bait-")).resolve()
        self.touched = []
        self._listeners = []
        self._write_files()
        self.victim = subprocess.Popen(
            [sys.executable, "-I", "-c", "import time; time.sleep(600)", self.mark],
            env={"BLUECODE_SECRET": self.mark},
            start_new_session=True,
        )
        self.ports = self._listen()
        self.before = self._state()

    def _write_files(self):
        for name in ("foreign", "project", "home/.ssh"):
            (self.directory / name).mkdir(parents=True)
        for name in ("secret", "home/.ssh/id_rsa"):
            (self.directory / name).write_text(self.mark)
            (self.directory / name).chmod(0o600)
        (self.directory / "project/module.py").write_text("answer = 42\n")
        program = self.directory / "program"
        program.write_text("#!/bin/sh\ntouch ran\n")
        program.chmod(0o755)

    def _listen(self):
        """Listen at every door an attempt knocks at."""
        ports = {}
        for name, family, kind, address in (
            ("tcp", socket.AF_INET, socket.SOCK_STREAM, ("127.0.0.1", 0)),
            ("udp", socket.AF_INET, socket.SOCK_DGRAM, ("127.0.0.1", 0)),
            ("unix", socket.AF_UNIX, socket.SOCK_STREAM, f"{self.directory}/unix"),
            ("datagram", socket.AF_UNIX, socket.SOCK_DGRAM, f"{self.directory}/datagram"),
            ("abstract", socket.AF_UNIX, socket.SOCK_STREAM, "\0" + self.mark),
        ):
            listener = socket.socket(family, kind)
            listener.bind(address)
            if kind == socket.SOCK_STREAM:
                listener.listen()
            self._listeners.append((name, listener))
            ports[name] = listener.getsockname()[1] if family == socket.AF_INET else address.lstrip("\0")
            threading.Thread(target=self._serve, args=(name, listener), daemon=True).start()
        return ports

    def _serve(self, name, listener):
        with suppress(OSError):  # closed
            while True:
                if listener.type == socket.SOCK_STREAM:
                    connection, _ = listener.accept()
                    self.touched.append(name)
                    with connection:
                        connection.recv(100)
                else:
                    listener.recv(100)
                    self.touched.append(name)

    def for_job(self):
        """Tell an attempt where everything is."""
        home = str(Path.home())
        on_the_way = {
            part for path in (sys.executable, os.path.realpath(sys.executable), sys.prefix) for part in Path(path).parts
        }
        return json.dumps(
            {
                "mark": self.mark,
                "secret": f"{self.directory}/secret",
                "foreign": f"{self.directory}/foreign",
                "readonly": f"{self.directory}/project",
                "home": f"{self.directory}/home",
                "program": f"{self.directory}/program",
                "real_home": home,
                "home_names": sorted({path.name for path in Path(home).iterdir()} - on_the_way),
                "passwd": hashlib.sha256(Path("/etc/passwd").read_bytes()).hexdigest(),
                "victim": self.victim.pid,
                "key": self.key,
                **self.ports,
            }
        )

    @property
    def key(self):
        return int(self.mark[-6:], 16) + 1

    def changes(self):
        """Give what is not as it was, or nothing."""
        now = self._state()
        changed = [
            f"{key}: {value} became {now.get(key)}" for key, value in self.before.items() if now.get(key) != value
        ]
        changed += [f"{key}: new" for key in now.keys() - self.before.keys()]
        return changed + [f"{name} was reached" for name in self.touched]

    def _state(self):
        state = {}
        for path in sorted(self.directory.rglob("*")):
            status = path.lstat()
            content = path.read_bytes() if path.is_file() else b""
            state[str(path)] = (status.st_mode, status.st_uid, status.st_mtime_ns, status.st_ctime_ns, content)
        for path in (f"/tmp/{self.mark}", f"/dev/shm/{self.mark}", f"{self.directory}/{self.mark}"):
            if os.path.lexists(path):
                state[path] = "left"
        libc = ctypes.CDLL(None)
        for name in ("shmget", "semget", "msgget"):
            arguments = (self.key, 0) if name == "msgget" else (self.key, 0, 0)
            if getattr(libc, name)(*arguments) >= 0:
                state[name] = "left"
        pid = self.victim.pid
        state["victim"] = self.victim.poll()
        with suppress(ProcessLookupError):
            state["priority"] = os.getpriority(os.PRIO_PROCESS, pid)
            state["affinity"] = os.sched_getaffinity(pid)
            state["limits"] = Path(f"/proc/{pid}/limits").read_text()
        return state

    def survivors(self):
        """Give the processes that carry the mark, other than the victim."""
        found = []
        for process in Path("/proc").iterdir():
            with suppress(OSError):
                if process.name.isdigit() and self.mark.encode() in (process / "cmdline").read_bytes():
                    found.append(int(process.name))
        return sorted(set(found) - {self.victim.pid, os.getpid()})

    def remove(self):
        for _, listener in self._listeners:
            with suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)
            listener.close()
        self.victim.kill()
        self.victim.wait()
        for pid in self.survivors():
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        libc = ctypes.CDLL(None)
        libc.shmctl(libc.shmget(self.key, 0, 0), 0, None)
        libc.semctl(libc.semget(self.key, 0, 0), 0, 0)
        libc.msgctl(libc.msgget(self.key, 0), 0, None)
        for path in (f"/tmp/{self.mark}", f"/dev/shm/{self.mark}"):
            Path(path).unlink(missing_ok=True)
        shutil.rmtree(self.directory)


@pytest.fixture(scope="session")
def _laid_bait():
    """Keep the bait of the last test as long as nothing has touched it."""
    enable_socket()
    laid = [Bait()]
    yield laid
    laid[0].remove()


@pytest.fixture
def bait(_laid_bait, monkeypatch):
    """Lay bait, with a secret in our own environment too."""
    monkeypatch.setenv("GITHUB_TOKEN", _laid_bait[0].mark)
    monkeypatch.setenv("BLUECODE_SECRET", _laid_bait[0].mark)
    yield _laid_bait[0]
    if _laid_bait[0].changes():
        _laid_bait[0].remove()
        _laid_bait[0] = Bait()
