"""The parts of the trial that can be looked at without a sandbox; whole trials are run in `test_verification`."""

from __future__ import annotations

import importlib
import sys
import time

import pytest

from bluecode_lint.knowledge.trial import AbsentFinder, Anything, error_of, load_subject, within


@pytest.fixture
def absent(monkeypatch):
    monkeypatch.setattr(sys, "meta_path", [*sys.meta_path, AbsentFinder()])
    before = set(sys.modules)
    yield
    for name in set(sys.modules) - before:
        del sys.modules[name]


def test_an_absent_package_has_every_module_and_attribute(absent):
    module = importlib.import_module("no_such_package.inner.most")
    assert repr(module.thing.other) == "<no_such_package.inner.most.thing.other>"
    with pytest.raises(AttributeError):
        _ = module.__no_such_dunder__


def test_a_missing_part_of_the_library_or_of_an_installed_package_stays_missing(absent):
    for name in ("json.no_such_part", "pytest.no_such_part", "_no_such_private"):
        with pytest.raises(ModuleNotFoundError):
            importlib.import_module(name)


def test_anything_is_permissive():
    anything = Anything("x")
    with anything as entered:
        assert entered is anything
    assert list(anything) == []
    assert repr(anything["k"].y(1, z=2)) == "<x[].y()>"
    with pytest.raises(AttributeError):
        _ = anything.__length_hint__


def test_a_decorator_made_of_anything_leaves_its_function_alone():
    anything = Anything("app")

    @anything
    def plain():
        return 1

    @anything.get("/path", name="x")
    def routed():
        return 2

    class Model(anything.Base):
        pass

    assert (plain(), routed()) == (1, 2)
    assert Model.__bases__ == (object,)
    assert isinstance(anything(print), Anything)


def test_errors_are_given_back():
    assert error_of(len, []) is None
    assert isinstance(error_of(len), TypeError)
    assert isinstance(error_of(sys.exit), SystemExit)


def work_for(seconds: float) -> None:
    started = time.process_time()
    while time.process_time() - started < seconds:
        pass


def test_a_block_that_takes_too_long_fails_its_assertion():
    with within(1.0):
        pass
    with pytest.raises(AssertionError, match="not done"), within(0.05):
        work_for(5)


def test_a_subject_is_imported_by_path(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "subject", None)
    (tmp_path / "side.py").write_text("VALUE = 7\n")
    assert load_subject(tmp_path / "side.py").VALUE == 7
    assert sys.modules["subject"].VALUE == 7
