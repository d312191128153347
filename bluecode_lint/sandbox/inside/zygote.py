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

from . import kernel, lockdown, scratch, tree, wire
from .warden import JobFaultError, StoppedError, Warden, stop

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
    orders = _move(0, os.O_RDONLY)
    reports = _move(1, os.O_WRONLY)
    kernel.drop_capabilities()
    # A job has our user id: where it can see us at all, it must not look into us or change us.
    kernel.prctl(kernel.PR_SET_DUMPABLE, 0)
    kernel.prctl(kernel.PR_SET_NO_NEW_PRIVS, 1)
    kernel.prctl(kernel.PR_SET_CHILD_SUBREAPER, 1)
    lockdown.prepare(int(abi))
    gc.collect()
    gc.freeze()
    os.write(reports, wire.READY)
    _await_warden(orders, home)
    # From here on we are a warden, a fork of the zygote.
    signal.signal(signal.SIGTERM, stop)
    kernel.prctl(kernel.PR_SET_PDEATHSIG, signal.SIGTERM)
    warden = Warden(wire.read_order(partial(wire.read_exactly, orders)), home, int(abi), orders)
    try:
        job = warden.start()
    except OSError as error:
        _report(reports, wire.Report(fault=str(error)))
    else:
        if job is not None:
            # From here on we are the job, a fork of the warden.
            job()
            return
        _see_through(warden, reports)
    warden.clean()
    os._exit(0)


def _see_through(warden: Warden, reports: int) -> None:
    """Guard the job to its end and report, unless there is nobody to report to."""
    try:
        report = warden.finish()
    except StoppedError:
        return
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


def _leave(home: str) -> None:
    scratch.clear(home)
    with suppress(OSError):  # a mount point goes with its namespace
        os.rmdir(home)  # noqa: PTH106
    os._exit(0)
