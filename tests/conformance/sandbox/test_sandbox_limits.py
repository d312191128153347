"""Every limit, exceeded: the job ends as data within its time and a second."""

import sys
import time

import pytest

from bluecode_lint.core.model import Job, Limits


def run(sandbox, code, **limits):
    job = Job(argv=(sys.executable, "-I", "-c", code), limits=Limits(**{"wall_s": 5.0, **limits}))
    started = time.monotonic()
    result = sandbox.exec(job)
    assert time.monotonic() - started < job.limits.wall_s + 1
    return result


@pytest.mark.parametrize(
    "code",
    [
        pytest.param("import time; time.sleep(60)", id="sleeping"),
        pytest.param("while True: pass", id="spinning"),
        pytest.param("import sys; sys.stdin.read(); import time; time.sleep(60)", id="waiting-for-input"),
        pytest.param("import os, signal; os.kill(os.getpid(), signal.SIGSTOP)", id="stopped"),
        pytest.param(
            "from signal import *\nimport time\nfor n in set(Signals) - {9, 19}: signal(n, SIG_IGN)\ntime.sleep(60)",
            id="deaf",
        ),
        pytest.param("while True: print('x' * 1000)", id="babbling"),
        pytest.param("import os\nwhile True: os.chmod('.', 0o700)", id="pestering-the-warden"),
        pytest.param("import os\nwhile True: os.waitpid(os.fork() or os._exit(0), 0)", id="forking-one-by-one"),
    ],
)
def test_wall_time(sandbox, code):
    result = run(sandbox, code, wall_s=0.7)
    assert result.timed_out
    assert result.exceeded == "wall"
    assert result.returncode is None
    assert 0.7 <= result.wall_s < 1.7


@pytest.mark.parametrize("prelude", ["", "import signal; signal.signal(signal.SIGXCPU, signal.SIG_IGN)"])
def test_processor_time(sandbox, prelude):
    result = run(sandbox, f"{prelude}\nwhile True: pass", cpu_s=1, wall_s=30.0)
    assert result.exceeded == "cpu"
    assert result.returncode < 0


def test_memory_of_one_process(sandbox):
    code = "kept = []\nwhile True:\n kept.append(bytearray(1 << 20)); print(len(kept), flush=True)"
    result = run(sandbox, code, memory_mib=100)
    assert not result.timed_out
    assert result.returncode != 0
    assert 50 < int(result.stdout.split()[-1]) <= 100


def test_memory_of_all_processes_together(sandbox):
    code = """
import os, time
for _ in range(8):
    if not os.fork():
        kept = bytearray(40 << 20)
        time.sleep(60)
time.sleep(60)
"""
    assert run(sandbox, code, memory_mib=128).exceeded == "memory"


def test_memory_of_processes_that_share_it_counts_once(sandbox):
    code = """
import os, time
kept = bytearray(60 << 20)
for _ in range(6):
    if not os.fork():
        time.sleep(1)
        os._exit(0)
while True:
    try: os.wait()
    except ChildProcessError: break
"""
    assert run(sandbox, code, memory_mib=128).returncode == 0


def test_memory_that_is_shared(sandbox):
    code = """
import mmap
shared = mmap.mmap(-1, 400 << 20)
for offset in range(0, len(shared), 4096):
    shared[offset] = 1
import time; time.sleep(60)
"""
    assert run(sandbox, code, memory_mib=100).exceeded == "memory"


def test_address_space(sandbox):
    code = "import mmap\nkept = []\nwhile True: kept.append(mmap.mmap(-1, 1 << 30))"
    result = run(sandbox, code, memory_mib=100)
    assert result.returncode == 1
    assert b"Cannot allocate memory" in result.stderr


def test_processes(sandbox):
    code = """
import os, time
born = 0
while True:
    try:
        if not os.fork():
            time.sleep(60)
            os._exit(0)
    except BlockingIOError:
        break
    born += 1
print(born)
"""
    result = run(sandbox, code, processes=10)
    assert result.returncode == 0, result.stderr
    assert int(result.stdout) == 9


def test_processes_born_at_once(sandbox):
    """All fork at the same moment: the one who counts must not see fewer than there are."""
    code = """
import os, time
first = os.getpid()
start = time.monotonic() + 0.3
reading, writing = os.pipe()
for _ in range(4):
    os.fork()
while time.monotonic() < start: pass
for _ in range(5):
    try: os.fork()
    except BlockingIOError: pass
os.write(writing, b"x")
time.sleep(1)
if os.getpid() == first:
    print(len(os.read(reading, 10000)))
else:
    time.sleep(60)
"""
    assert 16 <= int(run(sandbox, code, processes=20).stdout) <= 20


def test_threads(sandbox):
    code = """
import threading, time, os
started = 0
try:
    while True:
        threading.Thread(target=time.sleep, args=(60,), daemon=True).start()
        started += 1
except RuntimeError:
    os.write(1, str(started).encode())
    os._exit(0)
"""
    result = run(sandbox, code, processes=10)
    assert int(result.stdout) == 9


def test_the_dead_do_not_count(sandbox):
    code = """
import os
for _ in range(100):
    child = os.fork()
    if not child:
        if not os.fork(): os._exit(0)
        os._exit(0)
    os.waitpid(child, 0)
"""
    assert run(sandbox, code, processes=10).returncode == 0


@pytest.mark.parametrize(
    "code",
    [
        pytest.param("import os\nwhile True:\n try: os.fork()\n except OSError: pass", id="doubling"),
        pytest.param(
            "import os, time\nif os.fork(): time.sleep(60)\n"
            "while True:\n try:\n  os.fork() or os.setsid()\n  if os.fork(): os._exit(0)\n except OSError: pass",
            id="always-another",
        ),
        pytest.param(
            "import threading, time\nwhile True:\n"
            " try: threading.Thread(target=time.sleep, args=(60,)).start()\n except RuntimeError: pass",
            id="threads",
        ),
        pytest.param(
            "import os, signal\nfor n in {*signal.Signals} - {9, 19}: signal.signal(n, signal.SIG_IGN)\n"
            "while True:\n try: os.fork(); os.kill(0, 0)\n except OSError: pass",
            id="deaf",
        ),
    ],
)
def test_bombs(sandbox, code):
    assert run(sandbox, code, wall_s=1.0).exceeded == "wall"


def test_size_of_one_file(sandbox):
    code = """
import os
with open("big", "wb", buffering=0) as stream:
    try:
        while True: stream.write(bytes(1 << 20))
    except OSError as error:
        print(error.strerror, os.stat("big").st_size >> 20)
"""
    assert run(sandbox, code, file_mib=4).stdout == b"File too large 4\n"


def test_length_of_a_sparse_file(sandbox):
    code = "open('big', 'wb').truncate(100 << 20)"
    assert b"File too large" in run(sandbox, code, file_mib=4).stderr


@pytest.mark.parametrize(
    "body",
    [
        pytest.param("open(f'f{n}', 'wb').write(bytes(4 << 20))", id="many-files"),
        pytest.param(
            "os.makedirs(f'd{n}/e'); open(f'd{n}/e/f', 'wb').write(bytes(4 << 20)); os.chmod(f'd{n}', 0)",
            id="in-closed-directories",
        ),
        pytest.param(
            "s = open('f', 'wb'); s.write(bytes(4 << 20)); s.flush(); os.unlink('f'); k.append(s)", id="unlinked"
        ),
        pytest.param(
            "s = open('f', 'w+b'); s.truncate(4 << 20); m = mmap.mmap(s.fileno(), 4 << 20); m.write(b'x' * (4 << 20));"
            "os.unlink('f'); s.close(); k.append(m)",
            id="unlinked-and-mapped",
        ),
        pytest.param("open(f'../f{n}', 'wb').write(bytes(4 << 20))", id="beside-the-scratch-directory"),
    ],
)
def test_disk(sandbox, body):
    code = f"import os, mmap, time\nk = []\nfor n in range(50):\n {body}\n time.sleep(0.02)\ntime.sleep(60)"
    result = run(sandbox, code, scratch_mib=32)
    # Beside the scratch directory, some backends allow nothing in the first place.
    assert result.exceeded == "disk" or b"PermissionError" in result.stderr, result


@pytest.mark.parametrize(
    "body",
    [
        pytest.param("open(f'f{n}', 'w').close()", id="files"),
        pytest.param("os.symlink('x', f'f{n}')", id="links"),
        pytest.param("os.mkdir('d' * 200); os.chdir('d' * 200)", id="depth"),
    ],
)
def test_number_of_files(sandbox, body):
    code = f"import os, time\nfor n in range(1500):\n {body}\ntime.sleep(60)"
    assert run(sandbox, code, scratch_files=1000).exceeded == "files"
    # What it left is gone: the next job of the same lane starts with an empty directory.
    assert run(sandbox, "import os; print(os.listdir())").stdout == b"[]\n"


@pytest.mark.parametrize("stream", ["stdout", "stderr"])
def test_output(sandbox, stream):
    result = run(sandbox, f"import sys; sys.{stream}.write('x' * 5_000_000)", output_bytes=1000)
    assert result.returncode == 0
    assert result.output_truncated
    assert len(getattr(result, stream)) == 1000


def test_output_of_both_streams_together(sandbox):
    code = "import os\nfor _ in range(100):\n os.write(1, b'o' * 100); os.write(2, b'e' * 100)"
    result = run(sandbox, code, output_bytes=1000)
    assert result.output_truncated
    assert len(result.stdout) + len(result.stderr) == 1000


def test_output_at_the_limit_is_whole(sandbox):
    result = run(sandbox, "print('x' * 999)", output_bytes=1000)
    assert len(result.stdout) == 1000
    assert not result.output_truncated


def test_collected_files(sandbox):
    job = Job(
        argv=(sys.executable, "-I", "-c", "for n in 'ab': open(n, 'wb').write(bytes(700_000))"),
        collect=("a", "b"),
        limits=Limits(scratch_mib=1, file_mib=1, wall_s=5),
    )
    result = sandbox.exec(job)
    assert sum(map(len, result.files.values())) <= 1 << 20
    assert result.output_truncated or result.exceeded == "disk"


def test_open_files(sandbox):
    code = "import os\nk = []\ntry:\n while True: k.append(os.open('/dev/null', 0))\nexcept OSError: print(len(k))"
    assert int(run(sandbox, code).stdout) < 256
