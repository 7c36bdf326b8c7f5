"""Converting.

Rows of eight cells of one type become tuples of eight values. By hand: Python's own constructors in a comprehension,
which accept more than people mean, and have no message for whom to tell. pandas and pyarrow convert columns that are
already in memory as text, and make no Python objects: what they give is another thing, and shown for the distance.
"""

from collections.abc import Callable
from datetime import date, datetime, timedelta
from decimal import Decimal
from random import Random
from typing import Any, NamedTuple
from uuid import UUID

import attrs
import pytest
from generate import SEED
from peers import reason_absent
from report import Contender, Contest

from csvpipe._process.build import compile_builder
from csvpipe.rowtypes import read_row_type

pytestmark = pytest.mark.timeout(900)

ROWS = 20_000
WIDTH = 8
NAMES = tuple("abcdefgh")
FIRST = datetime(2015, 1, 1)  # noqa: DTZ001  # as cells have it


@attrs.frozen
class Cells:
    """Cells of one type, and the ways to their values.

    Attributes:
        type: What they become.
        draw: One cell.
        by_hand: One value.
        pandas: A column, by the module and a series of text.
        arrow: Name of a type of pyarrow, or None where no cast leads there.
    """

    type: Any
    draw: Callable[[Random], str]
    by_hand: Callable[[str], object]
    pandas: Callable[[Any, Any], object] | None = None
    arrow: str | None = None


def _numbers(pd: Any, column: Any) -> object:
    return pd.to_numeric(column)


def _moments(pd: Any, column: Any) -> object:
    return pd.to_datetime(column, format="ISO8601")


CELLS = [
    Cells(int, lambda draw: str(draw.randrange(10**6)), int, _numbers, "int64"),
    Cells(float, lambda draw: f"{draw.random():.12f}", float, _numbers, "float64"),
    Cells(Decimal, lambda draw: f"{draw.randrange(10**6)}.{draw.randrange(100):02}", Decimal, None, "decimal128"),
    Cells(
        bool,
        lambda draw: draw.choice(("true", "false")),
        lambda cell: cell == "true",
        lambda _pd, column: column.map({"true": True, "false": False}),
        "bool_",
    ),
    Cells(
        date,
        lambda draw: (FIRST + timedelta(days=draw.randrange(3_650))).date().isoformat(),
        date.fromisoformat,
        _moments,
        "date32",
    ),
    Cells(
        datetime,
        lambda draw: (FIRST + timedelta(seconds=draw.randrange(10**8))).isoformat(),
        datetime.fromisoformat,
        _moments,
        "timestamp",
    ),
    Cells(UUID, lambda draw: str(UUID(int=draw.getrandbits(128))), UUID),
]
#: What the types of pyarrow that have parameters are called with.
_PARAMETERS = {"decimal128": (12, 2), "timestamp": ("us",)}


def row_type(of: Any) -> Any:
    """A tuple of eight such values."""
    return NamedTuple("Eight", [(name, of) for name in NAMES])  # made at run time


@pytest.mark.parametrize("cells", CELLS, ids=lambda cells: cells.type.__name__)
def test_convert(hold_line: Callable[..., object], size: float, cells: Cells) -> None:
    """The cells of one type to values."""
    draw = Random(SEED)
    rows = [[cells.draw(draw) for _ in range(WIDTH)] for _ in range(int(ROWS * size))]
    columns = [list(column) for column in zip(*rows, strict=True)]
    eight = row_type(cells.type)
    build = compile_builder(read_row_type(eight), NAMES)
    by_hand = cells.by_hand
    assert [eight(*map(by_hand, row)) for row in rows[:100]] == [build(row) for row in rows[:100]]
    contest = Contest(
        reference=Contender(name="by hand", run=lambda: [eight(*[by_hand(cell) for cell in row]) for row in rows]),
        others=[of_pandas(cells, columns), of_arrow(cells, columns)],
        subject=Contender(name="csvpipe, row by row", run=lambda: [build(row) for row in rows]),
        amount=len(rows) * WIDTH,
        unit="cells",
    )
    hold_line(f"{contest.amount:,.0f} cells of each type", "type", f"`{cells.type.__name__}`", contest)


def of_pandas(cells: Cells, columns: list[list[str]]) -> Contender:
    """The way of pandas."""
    name = "pandas, by column"
    reason = reason_absent("pandas")
    if reason or cells.pandas is None:
        return Contender(name=name, run=int, reason_absent=reason or "has no such column")
    import pandas as pd  # noqa: PLC0415  # not installed everywhere

    convert, series = cells.pandas, [pd.Series(column, dtype=str) for column in columns]
    return Contender(name=name, run=lambda: [convert(pd, each) for each in series])


def of_arrow(cells: Cells, columns: list[list[str]]) -> Contender:
    """The way of pyarrow."""
    name = "pyarrow, by column"
    reason = reason_absent("pyarrow")
    if reason or cells.arrow is None:
        return Contender(name=name, run=int, reason_absent=reason or "has no such cast")
    import pyarrow as pa  # noqa: PLC0415  # not installed everywhere

    to = getattr(pa, cells.arrow)(*_PARAMETERS.get(cells.arrow, ()))
    arrays = [pa.array(column) for column in columns]
    return Contender(name=name, run=lambda: [array.cast(to) for array in arrays])
