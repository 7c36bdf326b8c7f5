"""Values of rows as the drivers take them.

By the value's own type and by the column's, and not as SQLAlchemy binds them: for a column of SQLite it would make a
float of a decimal and drop the offset of a moment.
"""

from __future__ import annotations

import datetime as dt
import enum
import json
import operator
from collections.abc import Callable, Mapping
from decimal import Decimal
from math import isinf
from typing import Any, Final
from uuid import UUID

import sqlalchemy as sa

Adapt = Callable[[Any], Any]

#: The convention for intervals where a database has none: a moment so long after this one.
_EPOCH: Final = dt.datetime(1970, 1, 1)  # noqa: DTZ001  # a moment of no zone is what is meant

#: A number that SQLite's driver refuses, in place of one that a column would take for infinite.
_TOO_LARGE: Final = 1 << 64

#: Classes that the driver takes as they are.
_PLAIN_IN_POSTGRESQL: Final = frozenset(
    {type(None), str, int, float, bytes, Decimal, dt.date, dt.datetime, dt.time, dt.timedelta, UUID}
)
PLAIN_IN_SQLITE: Final = frozenset({type(None), str, int, float, bytes})

#: What SQLite is given of the others; the first that a value is of counts, and of subclasses what they are made of.
_IN_SQLITE: Final[Mapping[type, Adapt]] = {
    bool: int,
    Decimal: lambda value: format(value, "f"),
    dt.datetime: lambda value: value.isoformat(" ", "microseconds"),
    dt.date: lambda value: value.isoformat(),
    dt.time: lambda value: value.isoformat("microseconds"),
    dt.timedelta: lambda value: value / dt.timedelta(seconds=1),
    UUID: str,
    dict: json.dumps,
    list: json.dumps,
    tuple: json.dumps,
    str: str,
    int: int,
    float: float,
}


def for_postgresql(kind: Any) -> Adapt:
    """What makes a value fit for COPY into a column of this type."""
    labels = frozenset(getattr(kind, "enums", ()) or ())
    is_json, is_number = isinstance(kind, sa.JSON), isinstance(kind, sa.Numeric | sa.Float | sa.Integer)

    def adapt(value: Any) -> Any:
        if type(value) in _PLAIN_IN_POSTGRESQL:
            return value
        if isinstance(value, enum.Enum):
            return _labelled(value, labels) if labels else adapt(value.value)
        if isinstance(value, bool):
            return int(value) if is_number else value
        if is_json and isinstance(value, dict | list | tuple):
            return json.dumps(value)
        for plain in (str, int, float):
            if isinstance(value, plain):  # of a subclass
                return plain(value)
        return value

    return adapt


def for_sqlite(kind: Any) -> Adapt:
    """What makes a value fit for a column of this type: text and numbers are all that SQLite has."""
    further: dict[type, Adapt] = {}
    if isinstance(kind, sa.CHAR) and kind.length == len(UUID(int=0).hex):
        further[UUID] = operator.attrgetter("hex")
    if isinstance(kind, sa.Numeric | sa.Float | sa.Integer):
        further[Decimal] = lambda value: _TOO_LARGE if isinf(float(value)) else format(value, "f")
    if isinstance(kind, sa.DateTime):
        further[dt.timedelta] = lambda value: (_EPOCH + value).isoformat(" ", "microseconds")

    def adapt(value: Any) -> Any:
        if type(value) in PLAIN_IN_SQLITE:
            return value
        if isinstance(value, enum.Enum):
            return adapt(value.value)
        for cls, make in (*further.items(), *_IN_SQLITE.items()):
            if isinstance(value, cls):
                return make(value)
        return value

    return adapt


def _labelled(value: enum.Enum, labels: frozenset[str]) -> str:
    """The label of a member: its value where that is one, else its name, as SQLAlchemy has it."""
    text = str(value.value)
    return text if text in labels or value.name not in labels else value.name
