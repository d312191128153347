"""What every sandbox promises of a job that means no harm."""

import os
import signal
import sys
import threading
import time

import pytest

from bluecode_lint.core.errors import SandboxUnavailableError
from bluecode_lint.core.model import ExecResult, Job, Limits
from bluecode_lint.core.protocols import Sandbox
from bluecode_lint.sandbox import LEVELS


def python(code, **fields):
    return Job(argv=(sys.executable, "-I", "-c", code), **fields)


def test_it_is_a_sandbox_of_a_declared_level(sandbox):
    assert isinstance(sandbox, Sandbox)
    assert sandbox.level in LEVELS


def test_output_and_exit_code(sandbox):
    result = sandbox.exec(python("import sys; print('out'); print('err', file=sys.stderr); sys.exit(7)"))
    assert isinstance(result, ExecResult)
    assert (result.returncode, result.stdout, result.stderr) == (7, b"out\n", b"err\n")
    assert not result.timed_out
    assert not result.output_truncated
    assert not result.exceeded
    assert 0 < result.wall_s < 5


def test_a_signal_is_a_negative_exit_code(sandbox):
    result = sandbox.exec(python("import os, signal; os.kill(os.getpid(), signal.SIGSEGV)"))
    assert result.returncode == -signal.SIGSEGV


def test_output_need_not_be_text(sandbox):
    assert sandbox.exec(python("import os; os.write(1, bytes(range(256)))")).stdout == bytes(range(256))


def test_input_arrives_whole_and_ends(sandbox):
    data = os.urandom(300_000)
    job = python("import sys, hashlib; print(hashlib.sha256(sys.stdin.buffer.read()).hexdigest())", stdin=data)
    import hashlib

    assert sandbox.exec(job).stdout.decode().strip() == hashlib.sha256(data).hexdigest()


def test_input_need_not_be_read(sandbox):
    assert sandbox.exec(python("print('done')", stdin=bytes(1_000_000))).stdout == b"done\n"


def test_without_input_there_is_an_empty_one(sandbox):
    assert sandbox.exec(python("import sys; print(repr(sys.stdin.read()))")).stdout == b"''\n"


def test_the_environment_is_the_jobs_and_nothing_else(sandbox):
    result = sandbox.exec(python("import os; print(dict(os.environ))", env={"WANTED": "ü\udcff"}))
    assert result.stdout.decode("utf-8", "surrogateescape").strip() in {
        "{'WANTED': 'ü\\udcff'}",
        "{'WANTED': 'ü\udcff'}",
    }


def test_arguments_may_be_any_bytes(sandbox):
    job = Job(argv=(sys.executable, "-I", "-c", "import sys, os; print(os.fsencode(sys.argv[1]))", "a b\n\udcff'"))
    assert sandbox.exec(job).stdout == b'b"a b\\n\\xff\'"\n'


def test_files_are_there_and_come_back(sandbox):
    code = (
        "import pathlib\n"
        "assert pathlib.Path('given/deep/in.bin').read_bytes() == bytes(range(256))\n"
        "pathlib.Path('made').mkdir(); pathlib.Path('made/out').write_bytes(b'result'); pathlib.Path('empty').touch()"
    )
    job = python(
        code,
        files={"given/deep/in.bin": bytes(range(256)), "unused": b""},
        collect=("made/out", "empty", "missing", "made", "unused"),
    )
    result = sandbox.exec(job)
    assert result.returncode == 0, result.stderr
    assert result.files == {"made/out": b"result", "empty": b"", "unused": b""}


@pytest.mark.parametrize(
    "trick",
    [
        pytest.param("os.symlink('{secret}', 'wanted')", id="link"),
        pytest.param("os.rmdir('directory'); os.symlink('{parent}', 'directory')", id="linked-directory"),
        pytest.param("os.mkfifo('wanted')", id="pipe"),
        pytest.param("os.mkdir('wanted')", id="directory"),
        pytest.param("open('wanted', 'w').write('x'); os.chmod('wanted', 0)", id="closed"),
        pytest.param("os.symlink('wanted', 'wanted')", id="endless-link"),
    ],
)
def test_only_regular_files_come_back(sandbox, bait, trick):
    trick = trick.format(secret=bait.directory / "secret", parent=bait.directory)
    started = time.monotonic()
    result = sandbox.exec(python(f"import os; os.mkdir('directory'); {trick}", collect=("wanted", "directory/secret")))
    assert result.returncode == 0, result.stderr
    assert result.files == {}
    assert time.monotonic() - started < 5


@pytest.mark.parametrize("name", ["", "/etc/passwd", "../x", "a/../../x", "a\0b"])
@pytest.mark.parametrize("field", ["files", "collect"])
def test_a_name_outside_is_refused(sandbox, field, name):
    with pytest.raises(ValueError, match="not a name inside"):
        sandbox.exec(python("pass", **{field: {name: b""} if field == "files" else (name,)}))


def test_a_job_needs_a_program(sandbox):
    with pytest.raises(ValueError, match="program"):
        sandbox.exec(Job(argv=()))


@pytest.mark.parametrize("program", ["no-such-program", "/no/such/program", "./script"])
def test_what_cannot_be_executed_is_no_result(sandbox, program):
    with pytest.raises(SandboxUnavailableError, match="could not be run"):
        sandbox.exec(Job(argv=(program,), files={"script": b"not executable"}))


def test_conflicting_files_are_no_result_and_spoil_nothing(sandbox):
    with pytest.raises(SandboxUnavailableError):
        sandbox.exec(python("pass", files={"a": b"", "a/b": b""}))
    assert sandbox.exec(python("print(1)")).stdout == b"1\n"


def test_any_program_of_the_system(sandbox):
    result = sandbox.exec(Job(argv=("sh", "-c", "echo $1 | cat; exit 3", "sh", "hello"), env={"PATH": "/usr/bin:/bin"}))
    assert (result.returncode, result.stdout, result.stderr) == (3, b"hello\n", b"")


def test_pipelines_of_shells_that_do_not_expect_interrupts(sandbox):
    """A child's death while the next one is being started must not make that fail."""
    script = "i=0; while [ $i -lt 40 ]; do echo x | true | cat || echo failed; true & i=$((i+1)); done"
    result = sandbox.exec(Job(argv=("sh", "-c", script), env={"PATH": "/usr/bin:/bin"}))
    assert (result.returncode, result.stdout, result.stderr) == (0, b"", b"")


def test_its_own_scripts(sandbox):
    code = "import os, subprocess; os.chmod('s', 0o700); print(subprocess.check_output(['./s']).decode())"
    assert sandbox.exec(python(code, files={"s": b"#!/bin/sh\necho ran\n"})).stdout.split() == [b"ran"]


def test_modes_and_times_of_its_own_files(sandbox):
    code = """
import os
os.mkdir("d"); open("d/f", "w").close(); os.symlink("d/f", "l")
os.chmod("d/f", 0o640); print(oct(os.stat("d/f").st_mode))
os.chmod("l", 0o600); print(oct(os.stat("d/f").st_mode))
with open("d/f") as stream: os.fchmod(stream.fileno(), 0o604)
print(oct(os.stat("d/f").st_mode))
directory = os.open("d", os.O_RDONLY)
os.chmod("f", 0o4755, dir_fd=directory); print(oct(os.stat("d/f").st_mode))
os.utime("d/f", ns=(1, 2)); print(os.stat("d/f").st_atime_ns, os.stat("d/f").st_mtime_ns)
os.utime("f", (3, 4), dir_fd=directory); print(os.stat("d/f").st_mtime)
os.utime("l", (5, 6), follow_symlinks=False); print(os.stat("d/f").st_mtime, os.lstat("l").st_mtime)
with open("d/f") as stream: os.utime(stream.fileno(), (7, 8))
print(os.stat("d/f").st_mtime)
os.utime("d/f"); print(os.stat("d/f").st_mtime > 1000)
for name in ("missing", "", "x" * 5000, "l/x"):
    try: os.chmod(name, 0)
    except OSError as error: print(type(error).__name__, error.errno)
"""
    assert sandbox.exec(python(code)).stdout.decode().splitlines() == [
        "0o100640",
        "0o100600",
        "0o100604",
        "0o100755",  # no set-user-ID bit
        "1 2",
        "4.0",
        "4.0 6.0",
        "8.0",
        "True",
        "FileNotFoundError 2",
        "FileNotFoundError 2",
        "OSError 36",
        "NotADirectoryError 20",
    ]


@pytest.mark.parametrize(
    ("name", "code"),
    {
        "asyncio": """
import asyncio
async def main():
    process = await asyncio.create_subprocess_exec("echo", "child", stdout=asyncio.subprocess.PIPE)
    out, _ = await process.communicate()
    total = await asyncio.get_running_loop().run_in_executor(None, sum, range(10))
    return out, total, await asyncio.wait_for(asyncio.sleep(0.01, "slept"), 1)
assert asyncio.run(main()) == (b"child\\n", 45, "slept")
""",
        "threads": """
from concurrent.futures import ThreadPoolExecutor
assert list(ThreadPoolExecutor(4).map(abs, range(-50, 0)))[0] == 50
""",
        "processes": """
import multiprocessing
def square(connection, n): connection.send(n * n)
ours, theirs = multiprocessing.get_context("fork").Pipe()
process = multiprocessing.get_context("fork").Process(target=square, args=(theirs, 7))
process.start(); assert ours.recv() == 49; process.join(); assert process.exitcode == 0
""",
        "signals": """
import os, signal, time
got = []
signal.signal(signal.SIGUSR1, lambda *_: got.append(1)); os.kill(os.getpid(), signal.SIGUSR1)
child = os.fork()
if not child: time.sleep(60)
os.kill(child, signal.SIGTERM); assert os.waitstatus_to_exitcode(os.wait()[1]) == -15
child = os.fork()
if not child: os.setpgid(0, 0); time.sleep(60)
time.sleep(0.1)
os.killpg(child, signal.SIGKILL); assert os.waitstatus_to_exitcode(os.wait()[1]) == -9
signal.setitimer(signal.ITIMER_REAL, 0.01); signal.signal(signal.SIGALRM, lambda *_: got.append(2)); time.sleep(0.1)
assert got == [1, 2], got
""",
        "database": """
import sqlite3
with sqlite3.connect("x.db") as db:
    db.execute("create table t (a)"); db.execute("insert into t values (?)", (1,))
assert sqlite3.connect("x.db").execute("select a from t").fetchall() == [(1,)]
""",
        "archives": """
import os, shutil, tarfile, zipfile
os.makedirs("tree/sub"); open("tree/sub/f", "w").write("x"); os.chmod("tree/sub/f", 0o640)
for kind in ("zip", "gztar"):
    name = shutil.make_archive("archive-" + kind, kind, "tree"); shutil.unpack_archive(name, "out-" + kind)
    assert open(f"out-{kind}/sub/f").read() == "x"
shutil.copytree("tree", "copy"); shutil.move("copy", "moved"); shutil.rmtree("moved")
""",
        "temporary-files": """
import tempfile
with tempfile.TemporaryDirectory() as directory, tempfile.NamedTemporaryFile(dir=directory) as file:
    file.write(b"x")
with tempfile.TemporaryFile() as file: file.write(b"x")
""",
        "the-library": """
import ssl, zoneinfo, mimetypes, locale, decimal, uuid, secrets, ctypes, hashlib, platform, getpass, socket, select
import datetime, json, csv, xml.etree.ElementTree, urllib.request, http.server, email, logging.config, bz2, lzma, mmap
assert mimetypes.guess_type("a.html")[0] == "text/html" and uuid.uuid4() and secrets.token_hex() and platform.platform()
ours, theirs = socket.socketpair(); ours.send(b"x"); assert theirs.recv(1) == b"x"
""",
    }.items(),
)
def test_ordinary_programs_run(sandbox, name, code):
    # As a script and not a command: multiprocessing and others look for the file.
    job = Job(argv=(sys.executable, "-I", "main.py"), files={"main.py": code.encode()}, limits=Limits(wall_s=20))
    result = sandbox.exec(job)
    assert result.returncode == 0, (name, result.stderr.decode())


def test_the_project_is_importable_and_stays_as_it_is(sandbox, bait):
    project = str(bait.directory / "project")
    code = f"import sys; sys.path.insert(0, {project!r}); import module; print(module.answer)"
    assert sandbox.exec(python(code, readonly=(project,))).stdout == b"42\n"
    assert bait.changes() == []


def test_paths_that_do_not_exist_are_not_readable(sandbox):
    assert sandbox.exec(python("print(1)", readonly=("/no/such/path",))).stdout == b"1\n"


_STAIN = """
import builtins, os, random, sys, json, resource, signal, threading, atexit
builtins.stained = json.stained = sys.stained = True
os.environ["STAINED"] = "1"
open("stained", "w").close()
for place in ("/tmp", "/var/tmp", "/dev/shm", "/run", "/", "/dev", ".."):
    try: open(place + "/stained", "w").close()
    except OSError: pass
os.umask(0o077)
sys.path.append("stained")
sys.modules["stained"] = sys
resource.setrlimit(resource.RLIMIT_NOFILE, (50, 50))
signal.signal(signal.SIGUSR1, signal.SIG_IGN)
random.seed(1)
os.chdir("/")
print(os.getpid())
"""
_LOOK = """
import builtins, os, sys, json, resource, signal
found = [name for name, it in (("builtins", builtins), ("json", json), ("sys", sys)) if hasattr(it, "stained")]
found += [k for k in os.environ] + os.listdir() + [m for m in sys.modules if m == "stained"]
found += [p for p in ("/tmp", "/var/tmp", "/dev/shm", "/run", "/", "/dev", "..") if os.path.exists(p + "/stained")]
found += [p for p in sys.path if p == "stained"]
if (mask := os.umask(0)) != 0o022: found.append(oct(mask))
if resource.getrlimit(resource.RLIMIT_NOFILE)[0] == 50: found.append("limit")
if signal.getsignal(signal.SIGUSR1) is not signal.SIG_DFL: found.append("signal")
print(found)
"""


def test_no_state_survives_a_job(sandbox):
    for _ in range(3):
        assert sandbox.exec(python(_STAIN)).returncode == 0
        assert sandbox.exec(python(_LOOK)).stdout == b"[]\n"


def test_nothing_of_a_job_is_in_the_next_ones_memory(sandbox):
    """The next job reads all of its own memory, and looks for what only the one before was told."""
    secret = "5ecret-of-" + os.urandom(8).hex()
    assert (
        sandbox.exec(
            python(f"# {secret}", env={"S": secret}, stdin=secret.encode(), files={"f": secret.encode()})
        ).returncode
        == 0
    )
    code = """
import ctypes, gc
found = 0
for each in gc.get_objects() + [vars(m) for m in __import__("sys").modules.values()]:
    try: found += WANTED in repr(each)
    except Exception: pass
print(found)
"""
    # In hexadecimal, so that the one who looks does not find himself.
    code = code.replace("WANTED", f"bytes.fromhex({secret.encode().hex()!r}).decode()")
    assert sandbox.exec(python(code, limits=Limits(wall_s=20))).stdout == b"0\n"


def test_two_jobs_draw_different_random_numbers(sandbox):
    job = python("import random, os, uuid; print(random.random(), os.urandom(4), uuid.uuid4())")
    assert len({sandbox.exec(job).stdout for _ in range(4)}) == 4


def test_jobs_run_at_once_from_several_threads(sandbox):
    results = {}

    def work(number):
        for turn in range(3):
            job = python(f"import os; open('f', 'a').write('{number}-{turn}'); print(open('f').read(), os.listdir())")
            results[number, turn] = sandbox.exec(job).stdout

    threads = [threading.Thread(target=work, args=(n,)) for n in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == {(n, t): f"{n}-{t} ['f']\n".encode() for n in range(6) for t in range(3)}


def test_jobs_really_run_at_the_same_time(sandbox):
    sandbox.exec(python("pass"))
    started = time.monotonic()
    threads = [threading.Thread(target=sandbox.exec, args=(python("import time; time.sleep(2)"),)) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert time.monotonic() - started < 5


def test_it_can_be_closed_and_used_again(sandbox):
    sandbox.close()
    assert sandbox.exec(python("print(1)")).stdout == b"1\n"
    sandbox.close()
    sandbox.close()
