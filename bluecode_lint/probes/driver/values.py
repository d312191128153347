"""What hostile inputs look like from inside: text that also answers as a mapping, an object or a file.

Code reads input by many names (``event["body"]["id"]``, ``form.name.data``, ``upload.read()``). Each chain of reads
becomes one `Point`, so that every one of them can be the hostile one in turn.
"""
# ruff: noqa: ANN401, D102  # mappings and files of unknown content take and give anything

from __future__ import annotations

import io
import sys
from typing import TYPE_CHECKING, Any, Self

from .stage import STAGE, Point

if TYPE_CHECKING:
    from collections.abc import Iterator


def read(door: str, key: str) -> Any:
    """Ask a door for a value: text that can be looked into, or whatever the attempt planned for the point."""
    value = STAGE.value_of(Point(door, key))
    return DoorText(value, door, key) if isinstance(value, str) else value


def read_bytes(door: str, key: str) -> bytes:
    """Ask a door for raw bytes."""
    value = STAGE.value_of(Point(door, key))
    return value if isinstance(value, bytes) else str(value).encode("utf-8", "surrogateescape")


def read_text(door: str, key: str) -> str:
    """Ask a door for plain text: bytes are decoded as a server would, one character a byte."""
    value = STAGE.value_of(Point(door, key))
    return value.decode("latin-1") if isinstance(value, bytes) else str(value)


def _asked_by_subject() -> bool:
    """Tell whether an attribute is asked for by the code under test: a library that looks for `read` gets text."""
    return sys._getframe(2).f_code.co_filename == STAGE.filename  # noqa: SLF001  # the asker's frame


class DoorText(str):
    """Hostile (or benign) text; asked for a string key or an unknown attribute, it becomes a structure instead."""

    __slots__ = ("_door", "_key")
    _door: str
    _key: str

    def __new__(cls, value: str, door: str, key: str) -> Self:
        self = super().__new__(cls, value)
        self._door, self._key = door, key
        return self

    @property
    def point(self) -> Point:
        return Point(self._door, self._key)

    def _open(self, step: str) -> Any:
        for point in [p for p in STAGE.reads if p.door == self._door and self._key.startswith(p.key)]:
            del STAGE.reads[point]  # it turned out to be a structure, not a value
        return read(self._door, f"{self._key}{step}")

    def __getitem__(self, key: Any) -> Any:
        if isinstance(key, str):
            return self._open(f"[{key!r}]")
        piece = super().__getitem__(key)
        # A character, unless it is asked for a key in turn: then this was a list of mappings.
        return DoorText(piece, self._door, f"{self._key}[{key}]") if isinstance(key, int) else piece

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_") or not _asked_by_subject():
            raise AttributeError(name)
        return self._open(f".{name}")

    def __call__(self, *args: Any, **_kwargs: Any) -> Any:
        return self._open(f"({args[0]!r})" if args and isinstance(args[0], str) else "()")

    def get(self, key: Any, _default: Any = None) -> Any:
        return self._open(f"[{key!r}]")


class DoorMapping(dict[str, Any]):
    """A mapping that has every key: a query string, a form, headers, a JSON document."""

    def __init__(self, door: str, prefix: str = "", *, as_list: bool = False) -> None:
        super().__init__()
        self.door, self.prefix, self.as_list = door, prefix, as_list
        self.own: dict[str, Any] = {}

    def _read(self, key: Any) -> Any:
        name = str(key)
        if name not in self.own:
            self.own[name] = read(self.door, f"{self.prefix}[{name!r}]" if self.prefix else name)
        return [self.own[name]] if self.as_list else self.own[name]

    def __getitem__(self, key: Any) -> Any:
        return self._read(key)

    def __setitem__(self, key: Any, value: Any) -> None:
        self.own[str(key)] = value

    def __delitem__(self, key: Any) -> None:
        self.own.pop(str(key), None)

    def __contains__(self, key: object) -> bool:
        return True

    def has_key(self, _key: Any) -> bool:
        return True

    def __iter__(self) -> Iterator[str]:
        return iter(self.own or {"field": None})

    def __len__(self) -> int:
        return max(1, len(self.own))

    def __bool__(self) -> bool:
        return True

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_") or not _asked_by_subject():
            raise AttributeError(name)
        return self._read(name)

    def get(self, key: Any, default: Any = None, type: Any = None, **_kw: Any) -> Any:  # noqa: A002  # werkzeug's name
        value = self._read(key)
        if type is None:
            return value
        try:
            return type(value)
        except (ValueError, TypeError):
            return default

    getvalue = getfirst = getone = get

    def getlist(self, key: Any, type: Any = None) -> list[Any]:  # noqa: A002  # werkzeug's name
        return [self.get(key, type=type)]

    getall = get_all = get_list = getlist

    def pop(self, key: Any, *_default: Any) -> Any:
        return self._read(key)

    def setdefault(self, key: Any, _default: Any = None) -> Any:
        return self._read(key)

    def keys(self) -> Any:
        return list(self)

    def items(self, *_args: Any, **_kw: Any) -> Any:
        return [(key, self._read(key)) for key in self]

    def values(self) -> Any:
        return [self._read(key) for key in self]

    def copy(self) -> DoorMapping:
        return self

    def to_dict(self, **_kw: Any) -> DoorMapping:
        return self

    dict = model_dump = to_dict


class DoorObject:
    """An argument whose attributes are read (``item.title``): each attribute is an input of its own."""

    def __init__(self, door: str, key: str) -> None:
        object.__setattr__(self, "_origin", (door, key))

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_") or not _asked_by_subject():
            raise AttributeError(name)
        door, key = object.__getattribute__(self, "_origin")
        value = read(door, f"{key}.{name}")
        object.__setattr__(self, name, value)
        return value

    def __getitem__(self, name: Any) -> Any:
        return getattr(self, str(name))


class DoorSequence(list[Any]):
    """An argument that is indexed with numbers: a row, a tuple of columns, a list of names."""

    def __init__(self, door: str, key: str, width: int = 8) -> None:
        super().__init__()
        self._origin = (door, key)
        self._width = width

    def __getitem__(self, index: Any) -> Any:
        door, key = self._origin
        return read(door, f"{key}[{index}]") if isinstance(index, int) else [self[0]]

    def __iter__(self) -> Iterator[Any]:
        return iter([self[0]])

    def __len__(self) -> int:
        return self._width

    def __bool__(self) -> bool:
        return True


class DoorFile(io.BytesIO):
    """An open or uploaded file: content and name are inputs; saving it shows where it lands."""

    def __init__(self, door: str, key: str, *, text: bool = False) -> None:
        self._point = (door, key)
        self._text = text
        self._loaded = False
        super().__init__()

    def _load(self) -> None:
        if not self._loaded:
            self._loaded = True
            super().seek(0)
            door, key = self._point
            super().write(read_bytes(door, f"{key} (content)" if key else ""))
            super().seek(0)

    @property
    def filename(self) -> Any:
        return read(self._point[0], f"{self._point[1]} (file name)")

    name = raw_filename = filename

    @property
    def content_type(self) -> Any:
        return read(self._point[0], f"{self._point[1]} (content type)")

    mimetype = content_type

    @property
    def file(self) -> DoorFile:
        return self

    stream = body = file

    def seek(self, *args: Any) -> Any:
        self._load()
        return super().seek(*args)

    def read(self, *args: Any) -> Any:
        self._load()
        data = super().read(*args)
        return data.decode("utf-8", "surrogateescape") if self._text else data

    def readline(self, *args: Any) -> Any:
        self._load()
        data = super().readline(*args)
        return data.decode("utf-8", "surrogateescape") if self._text else data

    def chunks(self, *_args: Any) -> Iterator[Any]:
        yield self.read()

    def save(self, target: Any, *_args: Any, **_kw: Any) -> None:
        self._load()
        if hasattr(target, "write"):
            target.write(self.getvalue())
            return
        with open(target, "wb") as out:  # noqa: PTH123  # the audit hook watches `open`
            out.write(self.getvalue())
