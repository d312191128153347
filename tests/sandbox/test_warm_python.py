"""A job that runs in the warm interpreter cannot be told from one in a fresh ``python -I``."""

import re
import subprocess
import sys

import pytest

from bluecode_lint.core.errors import SandboxUnavailableError
from bluecode_lint.core.model import Job
from bluecode_lint.sandbox.inside import program
from bluecode_lint.sandbox.landlock import LandlockSandbox

PROGRAMS = {
    "names": "import sys; print(__name__, __file__, sys.argv, __spec__, sorted(sys.flags), sys.path)",
    "nested-traceback": "def f(n):\n    return 1 / n\n\ndef g():\n    return f(0)\n\ng()\n",
    "chained-traceback": "try:\n    {}['x']\nexcept KeyError as e:\n    raise ValueError('y') from e\n",
    "exception-group": "raise ExceptionGroup('g', [ValueError(1), TypeError(2)])",
    "syntax-error": "x = (\nprint('never')\n",
    "exit-code": "raise SystemExit(3)",
    "exit-text": "import sys; sys.exit('why')",
    "exit-none": "import sys; print('x', end=''); sys.exit()",
    "exit-in-a-function": "import sys\ndef f(): sys.exit(True)\nf()",
    "abort": "import os; print('lost'); os.abort()",
    "at-exit": "import atexit; atexit.register(print, 'bye'); print('hello'); 1/0",
    "thread-that-goes-on": (
        "import threading, time\ndef f(): time.sleep(0.1); print('later')\nthreading.Thread(target=f).start()"
    ),
    "thread-that-fails": "import threading\nt = threading.Thread(target=lambda: 1/0, name='t'); t.start(); t.join()",
    "daemon-thread": "import threading, time; threading.Thread(target=time.sleep, args=(60,), daemon=True).start()",
    "pickle-of-main": "import pickle\nclass C: pass\nprint(type(pickle.loads(pickle.dumps(C()))).__module__)",
    "source-of-main": "import inspect\ndef f(): return 1\nprint(inspect.getsource(f))",
    "dataclass": "from dataclasses import dataclass\n@dataclass\nclass P:\n    x: int\nprint(P(1))",
    "annotations": "from __future__ import annotations\ndef f(x: undefined): pass\nprint(f.__annotations__)",
    "no-leaking-future": "def f(x: int): pass\nprint(f.__annotations__)",
    "encodings": "import sys; print([s.encoding for s in (sys.stdin, sys.stdout, sys.stderr)], sys.stdout.errors, '\\u00fc')",
    "cookie": "# -*- coding: latin-1 -*-\nprint('\\u00e9'.encode('latin-1'))",
    "excepthook": "import sys\nsys.excepthook = lambda *a: print('mine', a[0].__name__, len(a))\n1/0",
    "unraisable": "class C:\n    def __del__(self): 1/0\nC()",
    "warnings": "import warnings; warnings.warn('careful')",
    "recursion": "def f(n): return f(n + 1)\ntry: f(0)\nexcept RecursionError as e: print(e)",
    "interrupt": "import os, signal, time; os.kill(os.getpid(), signal.SIGTERM); time.sleep(5)",
    "broken-pipe": "import os\nr, w = os.pipe(); os.close(r)\ntry: os.write(w, b'x')\nexcept BrokenPipeError: print('caught')",
    "interactive": "import sys; print(hasattr(sys, 'ps1'), sys.stdin.isatty(), sys.stdin.read())",
    "main-module": "import __main__; x = 1; print(__main__.x, __main__ is __import__('sys').modules['__main__'])",
    "builtins": "print(type(__builtins__).__name__)",
    "globals": "print(sorted(k for k in globals() if k not in ('__cached__', '__loader__', '__annotations__')))",
}


@pytest.fixture(scope="module")
def sandbox():
    try:
        made = LandlockSandbox()
    except SandboxUnavailableError as error:
        pytest.skip(str(error))
    yield made
    made.close()


@pytest.mark.parametrize("name", PROGRAMS)
def test_it_behaves_as_a_fresh_interpreter(sandbox, tmp_path, name):
    source = PROGRAMS[name].encode("latin-1" if name == "cookie" else "utf-8")
    (tmp_path / "main.py").write_bytes(source)
    words = [sys.executable, "-I", "main.py", "first", "second"]
    fresh = subprocess.run(words, cwd=tmp_path, env={}, capture_output=True, check=False, stdin=subprocess.DEVNULL)
    warm = sandbox.exec(Job(argv=tuple(words), files={"main.py": source}))
    assert program.is_warm(words)
    assert (warm.returncode, _same(warm.stdout)) == (fresh.returncode, _same(fresh.stdout))
    assert _same(warm.stderr) == _same(fresh.stderr)


def _same(output):
    """Leave out what differs between any two runs: where the script is, and addresses in memory."""
    return re.sub(
        rb"(?<=[\" ])/[^\" ]*/main\.py|^/[^\" ]*/main\.py", b"main.py", re.sub(rb"0x[0-9a-f]+", b"0x", output)
    )


@pytest.mark.parametrize(
    ("command", "output"),
    [
        ("print(__name__, __import__('sys').argv)", b"__main__ ['-c', 'first']\n"),
        ("print('__file__' in globals())", b"False\n"),
        ("\u00fc = 1; print(\u00fc)", b"1\n"),
    ],
)
def test_commands(sandbox, command, output):
    assert sandbox.exec(Job(argv=(sys.executable, "-I", "-c", command, "first"))).stdout == output


def test_the_traceback_of_a_command_shows_nothing_of_ours(sandbox):
    result = sandbox.exec(Job(argv=(sys.executable, "-I", "-c", "def f():\n    1/0\nf()")))
    lines = result.stderr.decode().splitlines()
    assert [line for line in lines if "File" in line] == [
        '  File "<string>", line 3, in <module>',
        '  File "<string>", line 2, in f',
    ]
    assert "inside" not in result.stderr.decode()


def test_a_missing_script(sandbox):
    result = sandbox.exec(Job(argv=(sys.executable, "-I", "missing.py")))
    assert result.returncode == 2
    assert b"can't open file" in result.stderr


def test_our_own_modules_are_not_there(sandbox):
    code = "import sys; print([m for m in sys.modules if m.split('.')[0] in ('inside', 'bluecode_lint')])"
    assert sandbox.exec(Job(argv=(sys.executable, "-I", "-c", code))).stdout == b"[]\n"


@pytest.mark.parametrize(
    "argv",
    [
        (sys.executable, "-c", "import sys; print(sys.flags.isolated)"),
        (sys.executable, "-I", "-O", "-c", "import sys; print(sys.flags.isolated)"),
        (sys.executable, "-Im", "this"),
        (sys.executable, "--version"),
        (sys.executable, "-I"),
        (sys.executable, "-I", "-c"),
        (sys.executable,),
    ],
)
def test_other_options_start_a_fresh_interpreter(sandbox, argv):
    assert not program.is_warm(argv)
    fresh = subprocess.run(argv, env={}, capture_output=True, check=False, stdin=subprocess.DEVNULL)
    result = sandbox.exec(Job(argv=argv))
    assert (result.returncode, result.stdout) == (fresh.returncode, fresh.stdout)


def test_modules_can_be_preloaded():
    sandbox = LandlockSandbox(preload=("wave", "bluecode_lint.core.errors"))
    code = (
        "import sys; print('wave' in sys.modules, 'bluecode_lint.core.errors' in sys.modules, 'chunk' in sys.modules)"
    )
    assert sandbox.exec(Job(argv=(sys.executable, "-I", "-c", code))).stdout.startswith(b"True True")
    sandbox.close()


def test_a_module_that_cannot_be_preloaded_is_said():
    with pytest.raises(SandboxUnavailableError, match="no_such_module"):
        LandlockSandbox(preload=("no_such_module",)).exec(Job(argv=(sys.executable, "-I", "-c", "pass")))
