"""What is there after the jobs: nothing. Not after many, not after an interrupt, not after a murder."""

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path

import pytest

from bluecode_lint.core.errors import SandboxUnavailableError
from bluecode_lint.core.model import Job, Limits
from bluecode_lint.sandbox.inside import tree

# Leaves a daemon in a session of its own, and files of all kinds.
MESS = """
import os, subprocess, sys
subprocess.Popen([sys.executable, "-I", "-c", "import time; time.sleep(60)", MARK], start_new_session=True)
os.makedirs("a/b/c"); open("a/b/c/f", "w").write("x"); os.symlink("/", "a/link"); os.mkfifo("a/fifo")
os.chmod("a/b/c", 0); os.chmod("a/b", 0o300); os.chmod("a", 0)
"""
# Says when it runs by a second process that carries the mark, and then waits.
BUSY = MESS + "import time; time.sleep(60)"
HOST = """
import importlib, json, signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored in the background of some shells
module, name, options, code = sys.argv[1:]
sandbox = getattr(importlib.import_module(module), name)(**json.loads(options))
from bluecode_lint.core.model import Job, Limits
sandbox.exec(Job(argv=(sys.executable, "-I", "-c", "pass")))
try:
    sandbox.exec(Job(argv=(sys.executable, "-I", "-c", code), limits=Limits(wall_s=50)))
except KeyboardInterrupt:
    sys.exit(130)
"""


MURDERER = """
import os, sys, time
from pathlib import Path
me, mark, generations = str(os.getpid()), sys.argv[1].encode(), int(sys.argv[2])
def is_daemon(process):
    try: return process.name.isdigit() and process.name != me and mark in (process / "cmdline").read_bytes()
    except OSError: return False
while not (found := list(filter(is_daemon, Path("/proc").iterdir()))): time.sleep(0.02)
pid = int(found[0].name)
for _ in range(generations):
    pid = int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
os.kill(pid, 9)
"""
# From the daemon a job left: its parent is the job, and so on.
GENERATIONS = {"warden": 2, "zygote": 3}


def marked(mark):
    found = set()
    for process in Path("/proc").iterdir():
        with suppress(OSError):
            if process.name.isdigit() and mark.encode() in (process / "cmdline").read_bytes():
                found.add(int(process.name))
    return found


def mounts():
    """Give what is mounted, but for what a container engine keeps mounted for itself."""
    lines = Path("/proc/self/mounts").read_text().splitlines()
    return [line for line in lines if "/containers/storage" not in line]


def eventually(condition, seconds=10.0):
    deadline = time.monotonic() + seconds
    while not (held := condition()) and time.monotonic() < deadline:
        time.sleep(0.05)
    return held


@pytest.fixture
def temporary(tmp_path, monkeypatch):
    """The directory in which lanes make theirs, and nobody else."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


@pytest.mark.parametrize("count", [20, pytest.param(500, marks=pytest.mark.slow)])
def test_nothing_is_left_after_many_jobs(backend, temporary, count):
    mark = f"mark-{os.urandom(8).hex()}"
    mounted, descriptors = mounts(), len([*Path("/proc/self/fd").iterdir()])
    before = set(tree.descendants(os.getpid()))
    sandbox = backend[0](**backend[1])
    job = Job(argv=(sys.executable, "-I", "-c", MESS.replace("MARK", repr(mark))))
    for _ in range(count):
        assert sandbox.exec(job).returncode == 0
        assert not marked(mark)
    lanes = set(tree.descendants(os.getpid())) - before
    sandbox.close()
    assert lanes
    assert not lanes & set(tree.descendants(os.getpid()))
    assert list(temporary.iterdir()) == []
    assert mounts() == mounted
    assert len([*Path("/proc/self/fd").iterdir()]) == descriptors


@pytest.fixture
def host(backend, temporary):
    """Another program of ours with a job in its sandbox, and the mark of that job's processes."""
    mark = f"mark-{os.urandom(8).hex()}"
    code = BUSY.replace("MARK", f"bytes.fromhex({mark.encode().hex()!r}).decode()")
    words = [sys.executable, "-c", HOST, backend[0].__module__, backend[0].__name__, json.dumps(backend[1]), code]
    environment = {
        **os.environ,
        "TMPDIR": str(temporary),
        "PYTHONPATH": str(Path(__file__).parents[3]),
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    process = subprocess.Popen(words, env=environment, start_new_session=True, stderr=subprocess.DEVNULL)
    assert eventually(lambda: marked(mark))
    process.mark = mark
    process.family = tree.descendants(process.pid)
    yield process
    process.kill()
    process.wait()


def running(pids):
    """Give those that are no zombies: burying them may be up to somebody else by now."""
    alive = []
    for pid in pids:
        with suppress(OSError):
            if Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX":
                alive.append(pid)
    return alive


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGKILL], ids=lambda n: n.name)
def test_nothing_is_left_after_an_interrupt(host, temporary, number):
    os.kill(host.pid, number)
    host.wait(15)
    assert host.returncode == (130 if number == signal.SIGINT else -number)
    assert eventually(lambda: not running([*host.family, *marked(host.mark)]))
    assert eventually(lambda: list(temporary.iterdir()) == [])


def test_nothing_is_left_after_ctrl_c_at_the_terminal(host, temporary):
    """The whole foreground group gets it, not only the one who asked for the job."""
    os.killpg(host.pid, signal.SIGINT)
    host.wait(15)
    assert host.returncode == 130
    assert eventually(lambda: not running([*host.family, *marked(host.mark)]))
    assert eventually(lambda: list(temporary.iterdir()) == [])


@pytest.mark.parametrize("generations", GENERATIONS.values(), ids=GENERATIONS)
def test_a_murder_inside_is_noticed_and_leaves_nothing(backend, temporary, generations):
    mark = f"mark-{os.urandom(8).hex()}"
    sandbox = backend[0](**backend[1])
    code = BUSY.replace("MARK", f"bytes.fromhex({mark.encode().hex()!r}).decode()")
    job = Job(argv=(sys.executable, "-I", "-c", code), limits=Limits(wall_s=20))
    murderer = subprocess.Popen([sys.executable, "-c", MURDERER, mark, str(generations)])
    with pytest.raises(SandboxUnavailableError, match="died"):
        sandbox.exec(job)
    assert murderer.wait(10) == 0
    assert eventually(lambda: not marked(mark))
    assert sandbox.exec(Job(argv=(sys.executable, "-I", "-c", "print(1)"))).stdout == b"1\n"
    sandbox.close()
    assert list(temporary.iterdir()) == []


def test_a_lane_that_died_while_idle_is_replaced(backend, temporary):
    sandbox = backend[0](**backend[1])
    before = set(tree.descendants(os.getpid()))
    job = Job(argv=(sys.executable, "-I", "-c", "print(1)"))
    sandbox.exec(job)
    for pid in set(tree.descendants(os.getpid())) - before:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    assert eventually(lambda: not running(set(tree.descendants(os.getpid())) - before))
    time.sleep(0.2)  # a client with many threads has ended only when the last of them has
    assert sandbox.exec(job).stdout == b"1\n"
    sandbox.close()
    assert list(temporary.iterdir()) == []


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_a_forked_copy_of_us_uses_lanes_of_its_own(backend, temporary):
    sandbox = backend[0](**backend[1])
    job = Job(argv=(sys.executable, "-I", "-c", "print(1)"))
    sandbox.exec(job)
    child = os.fork()
    if not child:
        status = 1
        with suppress(BaseException):
            status = 0 if sandbox.exec(job).stdout == b"1\n" else 2
            sandbox.close()
        os._exit(status)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert sandbox.exec(job).stdout == b"1\n"
    sandbox.close()
    assert list(temporary.iterdir()) == []
