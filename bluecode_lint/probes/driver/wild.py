"""Values that stand in for what could not be resolved: a missing package, an undefined name, an unknown attribute.

A `Wild` is text (so that it can be joined, opened and formatted), a number, a container, a context manager, an
awaitable, a decorator and a class, whatever the code under test takes it for. It reports every call to the stage.
"""
# ruff: noqa: ANN401, D102  # it answers to every operation there is, with any operand

from __future__ import annotations

import dis
import sys
import types
from typing import TYPE_CHECKING, Any, Self

from .stage import STAGE, as_text, see

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_UNPACK = dis.opmap["UNPACK_SEQUENCE"]
_SHADOWED = ("find", "count", "index", "title", "replace", "translate", "partition")
_EXCEPTION_ENDS = ("Error", "Exception", "Warning", "DoesNotExist", "Timeout", "Refused", "Failure")

CALL_HOOKS: list[Callable[[str, tuple[Any, ...], dict[str, Any]], None]] = []
"""What else to do at a call of an unresolved name: a remote shell runs its command, say."""


def _unpack_width(frame: types.FrameType) -> int:
    """Tell how many items the instruction that asked for an iterator wants, 0 if it is not an unpacking."""
    code, at = frame.f_code.co_code, frame.f_lasti
    return code[at + 1] if 0 <= at < len(code) - 1 and code[at] == _UNPACK else 0


class ServiceError(Exception):
    """A service that was called has failed."""


def fail() -> None:
    """Fail once, as a service would, with a message that can be recognised.

    Raises:
        ServiceError: Always.
    """
    STAGE.failing = False
    message = f"secret-{STAGE.canary}"
    raise ServiceError(message)


def shown(value: Any) -> str:
    """Write down an argument: a wild one by its path, a list by its items."""
    if isinstance(value, Wild):
        return f"<{value.w_path}>"
    if isinstance(value, (list, tuple)) and value and all(isinstance(item, str) for item in value):
        return " ".join(as_text(item) for item in value)
    return as_text(value)


class Wild(str):
    """An unresolved value named by the path that led to it, such as ``db.cursor().fetchone``."""

    __slots__ = ("w_children", "w_hot", "w_path")
    w_path: str
    w_hot: bool
    w_children: dict[Any, Any]

    def __new__(cls, path: str = "stub", *, hot: bool = False) -> Self:
        self = super().__new__(cls, "stub")
        self.w_path, self.w_hot, self.w_children = path, hot, {}
        return self

    # --- structure ---------------------------------------------------------------------------------------------------

    def _child(self, key: Any, path: str) -> Any:
        if key not in self.w_children:
            last = path.rsplit(".", 1)[-1]
            if last.endswith(_EXCEPTION_ENDS) and last[0].isupper():
                self.w_children[key] = type(last, (Exception,), {})
            else:
                self.w_children[key] = Wild(path, hot=self.w_hot)
        return self.w_children[key]

    def __getattribute__(self, name: str) -> Any:
        if name in _SHADOWED:
            return str.__getattribute__(self, "_child")(name, f"{self.w_path}.{name}")
        return str.__getattribute__(self, name)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") and name.endswith("__"):
            raise AttributeError(name)
        return self._child(name, f"{self.w_path}.{name}")

    def __setattr__(self, name: str, value: Any) -> None:
        if name in Wild.__slots__:
            object.__setattr__(self, name, value)
        else:
            self.w_children[name] = value

    def __delattr__(self, name: str) -> None:
        self.w_children.pop(name, None)

    def __getitem__(self, key: Any) -> Any:
        try:
            return self._child(("item", key), f"{self.w_path}[]")
        except TypeError:  # an unhashable key
            return Wild(f"{self.w_path}[]", hot=self.w_hot)

    def __setitem__(self, key: Any, value: Any) -> None:
        see("store", self.w_path, value, (key,))
        self.w_children["item", key] = value

    def __delitem__(self, key: Any) -> None:
        self.w_children.pop(("item", key), None)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if len(args) == 1 and not kwargs and isinstance(args[0], (types.FunctionType, type)):
            return args[0]  # used as a decorator: what it decorates stays what it is
        hot = self.w_hot or STAGE.is_hot((*args, *kwargs.values()))
        see(
            "call",
            self.w_path,
            shown(args[0]) if args else "",
            (*map(shown, args[1:]), *(f"{k}={shown(v)}" for k, v in kwargs.items())),
        )
        if STAGE.failing and STAGE.lines():
            fail()
        for hook in CALL_HOOKS:
            hook(self.w_path, args, kwargs)
        return Wild(f"{self.w_path}()", hot=hot)

    def __mro_entries__(self, bases: tuple[Any, ...]) -> tuple[type, ...]:
        return (Permissive,) if sum(isinstance(b, Wild) for b in bases) == 1 or bases[0] is self else ()

    # --- yes or no ---------------------------------------------------------------------------------------------------

    def __bool__(self) -> bool:
        return STAGE.decide(self.w_path, hot=self.w_hot)

    def _compare(self, other: Any) -> bool:
        return STAGE.decide(self.w_path, hot=self.w_hot or STAGE.is_hot(other))

    __eq__ = __lt__ = __le__ = __gt__ = __ge__ = __contains__ = _compare

    def __ne__(self, other: object) -> bool:
        return not self._compare(other)

    def __hash__(self) -> int:
        return hash(self.w_path)

    def __instancecheck__(self, instance: Any) -> bool:
        return STAGE.decide(f"isinstance {self.w_path}")

    def __subclasscheck__(self, subclass: Any) -> bool:
        return STAGE.decide(f"issubclass {self.w_path}")

    # --- text, numbers, containers -----------------------------------------------------------------------------------

    def __str__(self) -> str:
        if self.w_hot:
            STAGE.launder(self.w_path)
        return "stub"

    def __repr__(self) -> str:
        return "'stub'"

    def __format__(self, spec: str) -> str:
        return str(self)

    def __int__(self) -> int:
        return 1

    __index__ = __trunc__ = __round__ = __int__

    def __float__(self) -> float:
        return 1.0

    def __len__(self) -> int:
        return 1

    def __iter__(self) -> Iterator[Any]:
        width = _unpack_width(sys._getframe(1)) or 1  # noqa: SLF001  # the caller's bytecode tells how many it wants
        return iter([self[i] for i in range(width)])

    def __next__(self) -> Any:
        return self[0]

    def _arithmetic(self, *_other: Any) -> Any:
        return self

    __sub__ = __rsub__ = __rmul__ = __truediv__ = __rtruediv__ = __floordiv__ = __rfloordiv__ = _arithmetic
    __mul__ = __rmod__ = __pow__ = __rpow__ = __and__ = __rand__ = __or__ = __ror__ = _arithmetic
    __xor__ = __rxor__ = __lshift__ = __rlshift__ = __rshift__ = __rrshift__ = _arithmetic
    __neg__ = __pos__ = __abs__ = __invert__ = __divmod__ = __matmul__ = _arithmetic

    def __mod__(self, other: Any) -> Any:
        return Wild(self.w_path, hot=self.w_hot or STAGE.is_hot(other))

    def __add__(self, other: Any) -> Any:
        return str(self) + other if isinstance(other, str) else self

    def __radd__(self, other: Any) -> Any:
        return other + str(self) if isinstance(other, str) else self

    # --- with, await, async for --------------------------------------------------------------------------------------

    def __enter__(self) -> Any:
        return self

    def __exit__(self, *_exc: object) -> None:
        return None

    def __await__(self) -> Any:
        yield from ()
        return self

    async def __aenter__(self) -> Any:
        return self

    async def __aexit__(self, *_exc: object) -> None:
        return None

    async def __aiter__(self) -> Any:
        yield self[0]


class Permissive:
    """The base of a class whose real base is unknown, and of a ``self`` that belongs to no class in sight."""

    def __init__(self, *_args: Any, **kwargs: Any) -> None:
        for name, value in kwargs.items():
            setattr(self, name, value)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") and name.endswith("__"):
            raise AttributeError(name)
        found = Wild(f"self.{name}")
        object.__setattr__(self, name, found)
        return found

    def __init_subclass__(cls, **_options: Any) -> None:
        super().__init_subclass__()

    def __enter__(self) -> Any:
        return self

    def __exit__(self, *_exc: object) -> None:
        return None


class WildModule(types.ModuleType):
    """A package that is not installed: every name in it is a `Wild`."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.__path__: list[str] = []
        self.__all__: list[str] = []

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") and name.endswith("__"):
            raise AttributeError(name)
        if name.endswith(_EXCEPTION_ENDS) and name[0].isupper():
            made: Any = type(name, (Exception,), {})
        else:
            made = Wild(f"{self.__name__}.{name}")
        setattr(self, name, made)
        return made
