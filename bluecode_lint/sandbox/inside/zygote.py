"""A lane's long-lived process: it forks one warden per job, and never learns what a job was about.

Orders come in on standard input and reports go out on standard output, one after the other. The zygote itself reads
neither: the warden does, so that the next one is forked from memory that holds nothing of the jobs before.
"""

from __future__ import annotations

import fcntl
import gc
import importlib
import os
import select
import signal
import sys
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, NoReturn

from . import kernel, lockdown, scratch, tree, wire
from .warden import JobFaultError, StoppedError, Warden, stop

if TYPE_CHECKING:
    from collections.abc import Callable

_FIRST_FREE = 64
"""Our own descriptors stay above those a job's process gets."""


def main() -> None:
    """Serve orders until the other side hangs up; in a job's process, run the job.

    The command line is: the directory for scratch directories, Landlock's version, where our own package is, and the
    modules to preload.
    """
    home, abi, root, *preload = sys.argv[1:]
    sys.path.append(root)
    for name in preload:
        importlib.import_module(name)
    sys.path.pop()
    orders, reports = _move(0, os.O_RDONLY), _move(1, os.O_WRONLY)
    _settle(int(abi))
    os.write(reports, wire.READY)
    _await_warden(orders, home)
    # From here on we are a warden, a fork of the zygote.
    job = _guard(orders, reports, home, int(abi))
    # From here on we are the job, a fork of the warden. Nothing of ours is left on the stack but this.
    job()


def _settle(abi: int) -> None:
    """Become what every warden and job is a copy of: without privilege, and with all prepared that can be."""
    kernel.drop_capabilities()
    # A job has our user id: where it can see us at all, it must not look into us or change us.
    kernel.prctl(kernel.PR_SET_DUMPABLE, 0)
    kernel.prctl(kernel.PR_SET_NO_NEW_PRIVS, 1)
    kernel.prctl(kernel.PR_SET_CHILD_SUBREAPER, 1)
    lockdown.prepare(abi)
    gc.collect()
    gc.freeze()


def _guard(orders: int, reports: int, home: str, abi: int) -> Callable[[], None]:
    """Take one order and see it through. Returns in the job's process only, with what that is to run."""
    signal.signal(signal.SIGTERM, stop)
    kernel.prctl(kernel.PR_SET_PDEATHSIG, signal.SIGTERM)
    warden = Warden(wire.read_order(partial(wire.read_exactly, orders)), home, abi, orders)
    try:
        job = warden.start()
    except OSError as error:
        _report(reports, wire.Report(fault=str(error)))
    else:
        if job is not None:
            return job
        try:
            _see_through(warden, reports)
        except StoppedError:
            _leave(home)
    # After the report: it can take longer than the job.
    warden.clean()
    os._exit(0)


def _see_through(warden: Warden, reports: int) -> None:
    """Guard the job to its end and report.

    Raises:
        StoppedError: The lane is over.
    """
    try:
        report = warden.finish()
    except (OSError, JobFaultError) as error:
        report = wire.Report(fault=str(error))
    _report(reports, report)


def _report(reports: int, report: wire.Report) -> None:
    with suppress(wire.HangUpError):  # nobody wants it any more
        wire.write_all(reports, wire.pack_report(report))


def _move(descriptor: int, null_mode: int) -> int:
    """Keep a standard descriptor for ourselves, and put the null device in its place."""
    kept = fcntl.fcntl(descriptor, fcntl.F_DUPFD_CLOEXEC, _FIRST_FREE)
    null = os.open(os.devnull, null_mode)
    os.dup2(null, descriptor)
    os.close(null)
    return kept


def _await_warden(orders: int, home: str) -> None:
    """Fork a warden per order, and return in the warden only. The zygote ends here when its orders do."""
    poller = select.poll()
    poller.register(orders, select.POLLIN)
    while True:
        ((_, event),) = poller.poll()
        if not event & select.POLLIN:
            _leave(home)
        pid = os.fork()
        if not pid:
            return
        _, status = os.waitpid(pid, 0)
        if status:
            # A warden that died without ending its job leaves that to us; what it reported is not to be trusted.
            tree.end(os.getpid())
            _leave(home)


def _leave(home: str) -> NoReturn:
    """Go, and leave no directory: a mount point goes with its namespace, and another one of us may be at it too."""
    with suppress(OSError):
        scratch.clear(home)
        os.rmdir(home)  # noqa: PTH106
    os._exit(0)
