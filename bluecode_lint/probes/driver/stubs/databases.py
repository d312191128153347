"""Stand-in for SQLAlchemy and the DB-API drivers: connections are wild, so only what wraps a statement is here."""
# ruff: noqa: ANN401, D102, TID252  # foreign interface; relative: it has two names

from __future__ import annotations

from typing import Any

from ..stage import as_text


class TextClause(str):
    """A statement given as text, with named parameters bound apart."""

    __slots__ = ()

    def bindparams(self, *_args: Any, **_kw: Any) -> TextClause:
        return self

    def columns(self, *_args: Any, **_kw: Any) -> TextClause:
        return self

    params = bindparams


def text(statement: Any, *_args: Any, **_kw: Any) -> TextClause:
    """Mark text as a statement."""
    return TextClause(as_text(statement))


literal_column = DDL = text
