"""What the benchmarks hand rows to, with csvpipe around it or not: a row of `generate`, as text, typed, in batches."""

from datetime import date
from decimal import Decimal
from typing import Annotated, Any, NamedTuple

import attrs

import csvpipe

#: Fixed, so that every process does the same work: about 20 microseconds on a machine of these years.
_BUSY_TURNS = 580


class Person(NamedTuple):
    """A row, as a tuple."""

    id: int
    name: str
    city: str
    joined: date
    score: float | None
    active: bool
    visits: int
    amount: Decimal


@attrs.frozen
class Customer:
    """A row, as an attrs class."""

    id: int
    name: str
    city: str
    joined: date
    score: float | None
    active: bool
    visits: int
    amount: Decimal


class Record(NamedTuple):
    """A row whose columns go into Arrow batches: a decimal has its precision there."""

    id: int
    name: str
    city: str
    joined: date
    score: float | None
    active: bool
    visits: int
    amount: Annotated[Decimal, csvpipe.Column(precision=12, scale=2)]


def take_cells(row: list[str]) -> None:
    """Handle a row of text by doing nothing."""


def take_record(record: dict[str, str]) -> None:
    """Handle a row of `csv.DictReader` by doing nothing."""


def take_person(person: Person) -> None:
    """Handle a tuple by doing nothing."""


def take_customer(customer: Customer) -> None:
    """Handle an object by doing nothing."""


def take_columns(columns: Any) -> int:
    """Handle a batch of whichever library by counting its rows."""
    return len(columns)


def take_busily(row: list[str]) -> None:
    """Handle a row by computing for about 20 microseconds."""
    total = 0
    for turn in range(_BUSY_TURNS):
        total += turn
