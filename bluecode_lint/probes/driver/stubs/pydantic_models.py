"""Stand-in for pydantic where it is not installed: models take what they are given."""
# ruff: noqa: ANN401, D102  # the interface of the package it stands in for

from __future__ import annotations

from typing import Any


class BaseModel:
    """A model whose fields are its keyword arguments."""

    def __init__(self, **fields: Any) -> None:
        for name, value in fields.items():
            setattr(self, name, value)

    def model_dump(self, **_kw: Any) -> dict[str, Any]:
        return dict(vars(self))

    dict = model_dump


BaseSettings = BaseModel


def Field(default: Any = ..., *_args: Any, **_kw: Any) -> Any:  # noqa: N802  # its name there
    """Declare a field."""
    return default


def field_validator(*_args: Any, **_kw: Any) -> Any:
    """Leave the validator a plain method."""
    return lambda function: function


validator = model_validator = root_validator = field_validator
constr = conint = lambda **_kw: str
HttpUrl = EmailStr = SecretStr = str
