"""Every attempt to get out, against every backend of this machine; and outside, to prove that it would work."""

import subprocess
import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import pytest

from bluecode_lint.core.model import Job, Limits

PROGRAM = Path(__file__).with_name("attempts.py")
_SPEC = spec_from_file_location("attempts", PROGRAM)
_MODULE = module_from_spec(_SPEC)
_SPEC.loader.exec_module(_MODULE)
ATTEMPTS = sorted(_MODULE.ATTEMPTS)
CONTROLLED = sorted(_MODULE.CONTROLLED)
BACKGROUND_S = 1.0

# The bait has sockets to be reached at.
pytestmark = pytest.mark.online


def test_there_are_attempts_enough():
    assert len(ATTEMPTS) >= 45


@pytest.mark.parametrize("name", ATTEMPTS)
def test_no_attempt_gets_out(sandbox, bait, name):
    job = Job(
        argv=(sys.executable, "-I", "attempts.py", name, bait.for_job()),
        files={"attempts.py": PROGRAM.read_bytes()},
        readonly=(str(bait.directory / "project"),),
        limits=Limits(wall_s=BACKGROUND_S if "outlive" in name else 10.0),
    )
    result = sandbox.exec(job)
    assert result.stdout.startswith((b"HELD", b"TRIED")), (result.stdout, result.stderr[-2000:])
    assert bait.survivors() == []
    assert bait.changes() == []
    assert result.wall_s < job.limits.wall_s + 1


@pytest.mark.slow
@pytest.mark.parametrize("name", CONTROLLED)
def test_the_attempt_would_work_outside(bait, name, tmp_path):
    """A control: what is refused inside is not refused to just anybody, so the attempt itself is right."""
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    with (bait.directory / "secret").open() as inherited:
        result = subprocess.run(
            [sys.executable, "-I", str(PROGRAM), name, bait.for_job()],
            cwd=scratch,
            capture_output=True,
            timeout=20,
            check=False,
            pass_fds=[inherited.fileno()],
        )
    if result.stdout.startswith(b"HELD") and name in _MACHINE_DEPENDENT:
        pytest.skip(f"this machine allows it to nobody: {result.stdout.decode()}")
    assert result.stdout.strip().endswith(b"ESCAPED"), (result.stdout, result.stderr[-2000:])


# What kernels, distributions and containers around the tests differ in.
_MACHINE_DEPENDENT = {
    "bpf",
    "compare_processes",
    "hidden_file",
    "io_uring",
    "kernel_crypto_socket",
    "keyring",
    "leave_a_file_in_shared_memory",
    "leave_a_message_queue",
    "list_the_real_home",
    "memory_by_proc",
    "memory_by_process_vm_readv",
    "memory_by_process_vm_writev",
    "new_user_namespace",
    "perf_event_open",
    "ptrace_a_process",
    "request_a_key",
    "set_an_attribute",
    "steal_a_descriptor",
    "type_into_a_terminal",
    "userfaultfd",
}
