"""What Ctrl-C does, signal by signal, and what the pipeline makes of it."""

from __future__ import annotations

import os
import signal
from concurrent.futures import ThreadPoolExecutor

import pytest

from bluecode_lint.cli.interruption import Interruption
from bluecode_lint.core.model import NOT_RUN, Confidence, Finding, Level, Location, Region
from bluecode_lint.pipeline import Tools, probe


def test_the_first_signal_is_a_request_and_the_second_an_end(capsys):
    before = signal.getsignal(signal.SIGINT)
    with Interruption() as interruption:
        assert not interruption()
        os.kill(os.getpid(), signal.SIGINT)
        assert interruption()
        assert "what is known will be reported" in capsys.readouterr().err
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)
    assert signal.getsignal(signal.SIGINT) == before


def test_before_anybody_asks_there_is_nothing_to_report():
    with Interruption() as interruption, pytest.raises(KeyboardInterrupt):
        os.kill(os.getpid(), signal.SIGINT)
    assert not interruption.requested


class Attacks:
    """A prober that counts, and after two attacks the user has had enough."""

    probed_cwes = frozenset({78})

    def __init__(self) -> None:
        self.done = 0

    def confirm(self, finding, artifact):
        self.done += 1
        return NOT_RUN


def test_what_is_not_attacked_any_more_is_counted_and_makes_the_run_incomplete():
    findings = [
        Finding("bluecode/os-command-injection", 78, Location("a.py", Region(n, 1, n, 9)), "m", Confidence.HIGH)
        for n in range(1, 6)
    ]
    attacks = Attacks()
    with ThreadPoolExecutor(1) as executor:
        tools = Tools((), {}, None, None, executor, prober=attacks, stops=lambda: attacks.done >= 2)
        confirmations, notifications = probe(findings, {"a.py": None}, tools, 10)
    assert attacks.done == 2
    assert [confirmations[f].reason for f in findings].count("interrupted") == 3
    (note,) = notifications
    assert note.level is Level.ERROR
    assert "3 of 5" in note.message
