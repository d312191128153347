"""The file: what it keeps, what it forgets, and what it does when it is damaged, shared or full."""

from __future__ import annotations

import hashlib
import sqlite3
import threading

import pytest

from bluecode_lint.cache import CacheStore
from bluecode_lint.cache.store import FILE_NAME
from bluecode_lint.core.protocols import Shelf


@pytest.fixture
def store(tmp_path):
    opened = CacheStore(tmp_path)
    yield opened
    opened.close()


def test_values_come_back_by_kind_and_key(store):
    store.put("finding", {"a": [1, "ä\ud800", None], "b": {"x": 1.5}})
    store.put("verdict", {"a": "other"})
    assert store.get("finding", ["a", "b", "c"]) == {"a": [1, "ä\ud800", None], "b": {"x": 1.5}}
    assert store.get("verdict", ["a"]) == {"a": "other"}


def test_a_later_value_replaces_an_earlier_one(store):
    store.put("finding", {"a": 1})
    store.put("finding", {"a": 2})
    assert store.get("finding", ["a"]) == {"a": 2}


def test_it_takes_thousands_of_keys_at_once(store):
    values = {str(number): number for number in range(3000)}
    store.put("finding", values)
    assert store.get("finding", values) == values


def test_another_run_finds_what_one_kept(tmp_path):
    first = CacheStore(tmp_path)
    first.put("finding", {"a": 1})
    first.close()
    second = CacheStore(tmp_path)
    assert second.get("finding", ["a"]) == {"a": 1}
    second.close()


def test_a_shelf_holds_in_its_state_only(store):
    shelf = store.shelf("finding", "rules 1")
    assert isinstance(shelf, Shelf)
    shelf.put({"a": 1})
    assert shelf.get(["a", "b"]) == {"a": 1}
    assert store.shelf("finding", "rules 2").get(["a"]) == {}
    assert store.shelf("verdict", "rules 1").get(["a"]) == {}


def test_what_is_no_json_value_is_left_out(store):
    endless = []
    endless.append(endless)
    store.put("finding", {"a": object(), "b": endless, "c": 1})
    assert store.get("finding", ["a", "b", "c"]) == {"c": 1}


@pytest.mark.parametrize("content", [b"", b"not a database at all, but long enough to be looked at" * 40])
def test_a_file_that_is_none_is_begun_anew(tmp_path, content):
    (tmp_path / FILE_NAME).write_bytes(content)
    store = CacheStore(tmp_path)
    assert not store.trouble
    store.put("finding", {"a": 1})
    assert store.get("finding", ["a"]) == {"a": 1}
    store.close()


def test_a_damaged_page_costs_the_values_and_nothing_else(tmp_path):
    first = CacheStore(tmp_path)
    first.put("finding", {str(number): "x" * 500 + str(number) for number in range(2000)})
    first.close()
    file = tmp_path / FILE_NAME
    content = bytearray(file.read_bytes())
    content[4096:] = b"\xff" * (len(content) - 4096)
    file.write_bytes(bytes(content))
    second = CacheStore(tmp_path)
    assert second.get("finding", ["1", "2"]) == {}
    second.close()
    third = CacheStore(tmp_path)
    assert not third.trouble
    third.put("finding", {"1": "new"})
    assert third.get("finding", ["1"]) == {"1": "new"}
    third.close()


def test_a_damaged_value_is_absent_and_the_others_stay(tmp_path):
    store = CacheStore(tmp_path)
    store.put("finding", {"a": [1, 2, 3]})
    store.put("finding", {"b": [4]})
    with sqlite3.connect(tmp_path / FILE_NAME) as other:
        other.execute("UPDATE kept SET value = substr(value, 1, 5) WHERE size = (SELECT MAX(size) FROM kept)")
    assert store.get("finding", ["a", "b"]) == {"b": [4]}
    store.close()


def test_a_file_of_another_layout_is_begun_anew(tmp_path):
    with sqlite3.connect(tmp_path / FILE_NAME) as other:
        other.execute("CREATE TABLE kept (whatever)")
        other.execute("PRAGMA user_version = 99")
    store = CacheStore(tmp_path)
    store.put("finding", {"a": 1})
    assert store.get("finding", ["a"]) == {"a": 1}
    store.close()


def test_a_directory_that_cannot_be_made_is_said_and_fatal_to_nothing(tmp_path):
    (tmp_path / "file").write_text("in the way")
    store = CacheStore(tmp_path / "file" / "cache")
    assert "file" in store.trouble
    store.put("finding", {"a": 1})
    assert store.get("finding", ["a"]) == {}
    assert not store.use().values
    store.clear()
    store.close()


def test_a_locked_file_is_given_up_and_kept(tmp_path, monkeypatch):
    CacheStore(tmp_path).close()
    monkeypatch.setattr("bluecode_lint.cache.store._BUSY_S", 0.05)
    other = sqlite3.connect(tmp_path / FILE_NAME, isolation_level=None)
    store = CacheStore(tmp_path)
    other.execute("BEGIN EXCLUSIVE")
    store.put("finding", {"a": 1})
    assert "locked" in store.trouble
    other.execute("ROLLBACK")
    other.close()
    assert (tmp_path / FILE_NAME).exists()
    store.close()


def test_threads_and_runs_write_side_by_side(tmp_path):
    stores = [CacheStore(tmp_path), CacheStore(tmp_path)]

    def work(part):
        for number in range(50):
            stores[part % 2].put("finding", {f"{part} {number}": number})

    threads = [threading.Thread(target=work, args=(part,)) for part in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    keys = [f"{part} {number}" for part in range(4) for number in range(50)]
    assert len(stores[0].get("finding", keys)) == len(keys)
    assert not any(store.trouble for store in stores)
    for store in stores:
        store.close()


def test_the_least_used_goes_when_the_cap_is_reached(tmp_path):
    filler = "".join(hashlib.sha256(str(number).encode()).hexdigest() for number in range(60))  # does not compress well
    store = CacheStore(tmp_path, cap_bytes=40_000)
    store.put("finding", {str(number): f"{number}{filler}" for number in range(40)})
    with sqlite3.connect(tmp_path / FILE_NAME) as other:
        other.execute("UPDATE kept SET used = used - 1000000")
    store.put("finding", {"young": filler})
    store.close()
    again = CacheStore(tmp_path, cap_bytes=40_000)
    use = again.use()
    assert 0 < use.value_bytes <= 40_000
    assert "young" in again.get("finding", ["young"])
    assert use.values["finding"] < 41
    again.close()


def test_it_can_be_counted_and_cleared(store):
    store.put("finding", {"a": 1, "b": 2})
    store.put("verdict", {"a": 1})
    assert store.use().values == {"finding": 2, "verdict": 1}
    assert store.use().file_bytes > 0
    store.clear()
    assert store.use().values == {}
    store.put("finding", {"a": 3})
    assert store.get("finding", ["a"]) == {"a": 3}
