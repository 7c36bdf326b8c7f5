"""From what handlers return, or row types are, to the columns and values of statements."""

from __future__ import annotations

import dataclasses
import operator
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import attrs

from csvpipe.errors import FileCode, FileError
from csvpipe.sinks.target import Target

#: The columns that an object has values for, and what gives these values.
Reading = tuple[tuple[str, ...], Callable[[Any], Sequence[Any]]]


class Reader:
    """Tells the columns of rows and takes their values.

    Args:
        target: The table.
        renamed: Columns by the names of fields, where they differ.
    """

    def __init__(self, target: Target, renamed: Mapping[str, str]) -> None:
        self._target = target
        self._renamed = renamed
        self._known: dict[object, Reading] = {}

    def __repr__(self) -> str:
        return f"<Reader of {len(self._known)} kinds of rows>"

    def reading(self, row: object) -> Reading:
        """How to take the values of this row, and of those like it: equal for two rows exactly if they are alike.

        Raises:
            FileError: `sink_failed`: it is no row, or has columns that the table does not have.
        """
        kind: Any = tuple(row) if isinstance(row, Mapping) else type(row)
        known = self._known.get(kind)
        if known is None:
            known = self._known[kind] = self._read(row)
        if len(known[0]) != 1 and isinstance(row, tuple) and len(row) != len(known[0]):
            raise self._refusal(f"a tuple of {len(row)} values, but the table has {len(known[0])} columns")
        return known

    def _read(self, row: object) -> Reading:
        if isinstance(row, Mapping):
            keys = tuple(row)
            return self._columns(keys), lambda each: [each[key] for key in keys]
        names = _attributes(type(row))
        if names is None:
            if type(row) is not tuple:
                raise self._refusal(f"{row!r:.200}, which is no object with fields, no mapping and no tuple")
            return tuple(self._target.columns), lambda each: each
        columns = self._columns([column for column, _ in names])
        if isinstance(row, tuple):
            return columns, lambda each: each
        get = operator.attrgetter(*(attribute for _, attribute in names))
        return columns, get if len(names) > 1 else lambda each: (get(each),)

    def _columns(self, names: Sequence[Any]) -> tuple[str, ...]:
        columns = tuple(self._renamed.get(name, name) for name in names)
        self._target.check(columns, is_all=False)
        return columns

    def _refusal(self, what: str) -> FileError:
        return FileError(
            FileCode.SINK_FAILED,
            f"the handler returned {what}; what goes to table {self._target.name} is an object, a mapping or a tuple "
            "of its columns, or None for nothing: mend the handler and retry the job",
        )


def _attributes(kind: Any) -> list[tuple[str, str]] | None:
    """Column and attribute for each field of a class that describes a row; None for another."""
    if attrs.has(kind):
        return [(field.alias or field.name, field.name) for field in attrs.fields(kind) if field.init]
    if dataclasses.is_dataclass(kind):
        return [(field.name, field.name) for field in dataclasses.fields(kind) if field.init]
    names: Any = None
    if issubclass(kind, tuple):
        names = getattr(kind, "_fields", None)
    elif hasattr(kind, "__struct_fields__"):  # of msgspec
        names = kind.__struct_fields__
    elif hasattr(kind, "__pydantic_fields__"):
        names = kind.__pydantic_fields__
    return None if names is None else [(name, name) for name in names]
