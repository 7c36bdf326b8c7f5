"""What else reads a CSV file and hands each row to a function: the same handlers, without csvpipe around them."""

import csv
from collections.abc import Callable, Iterator
from datetime import date
from decimal import Decimal
from importlib.util import find_spec
from itertools import islice
from multiprocessing.pool import Pool
from pathlib import Path

import attrs

#: Rows that go to another process, or come from pandas, at a time.
CHUNK_ROWS = 5_000


@attrs.frozen
class Person:
    """A row of `generate`."""

    id: int
    name: str
    city: str
    joined: date
    score: float | None
    active: bool
    visits: int
    amount: Decimal


def take_cells(row: list[str]) -> None:
    """Handle a row of text by doing nothing."""


def take_person(person: Person) -> None:
    """Handle a typed row by doing nothing."""


def take_cells_as_person(cells: list[str]) -> None:
    """Convert by hand, without a message for the cell that cannot be converted, and handle."""
    number, name, city, joined, score, active, visits, amount = cells
    take_person(
        Person(
            int(number),
            name,
            city,
            date.fromisoformat(joined),
            float(score) if score else None,
            active == "true",
            int(visits),
            Decimal(amount),
        )
    )


def take_record_as_person(record: dict[str, str]) -> None:
    """Convert what `csv.DictReader` gives, and handle."""
    take_person(
        Person(
            id=int(record["id"]),
            name=record["name"],
            city=record["city"],
            joined=date.fromisoformat(record["joined"]),
            score=float(record["score"]) if record["score"] else None,
            active=record["active"] == "true",
            visits=int(record["visits"]),
            amount=Decimal(record["amount"]),
        )
    )


def take_record(record: dict[str, str]) -> None:
    """Handle a row of `csv.DictReader` by doing nothing."""


def loop_reader(path: Path, handle: Callable[[list[str]], None]) -> None:
    """Hand every row of a `csv.reader` over."""
    with path.open(newline="", encoding="utf-8") as file:
        reader = csv.reader(file)
        next(reader)
        for row in reader:
            handle(row)


def loop_dict_reader(path: Path, handle: Callable[[dict[str, str]], None]) -> None:
    """Hand every row of a `csv.DictReader` over."""
    with path.open(newline="", encoding="utf-8") as file:
        for record in csv.DictReader(file):
            handle(record)


def map_processes(pool: Pool, path: Path, handle: Callable[[list[str]], None]) -> None:
    """Parse here, and handle in the processes of `pool`, some thousand rows at a time."""
    with path.open(newline="", encoding="utf-8") as file:
        reader = csv.reader(file)
        next(reader)
        parts = ((handle, part) for part in iter(lambda: list(islice(reader, CHUNK_ROWS)), []))
        for _ in pool.imap(_handle_part, parts):
            pass


def _handle_part(task: tuple[Callable[[list[str]], None], list[list[str]]]) -> int:
    """In another process: handle some rows."""
    handle, part = task
    for row in part:
        handle(row)
    return len(part)


def loop_pandas(path: Path, *, is_typed: bool) -> None:
    """Hand every row of `pandas.read_csv` over, read in parts."""
    for row in _pandas_rows(path, is_typed=is_typed):
        if is_typed:
            take_person(Person(*row))
        else:
            take_cells(list(row))


def _pandas_rows(path: Path, *, is_typed: bool) -> Iterator[tuple[object, ...]]:
    """The rows of a file, as pandas types them or all as text."""
    import pandas as pd  # noqa: PLC0415  # not installed everywhere

    if is_typed:
        options = {"parse_dates": ["joined"], "converters": {"amount": Decimal}}
    else:
        options = {"dtype": str, "keep_default_na": False}
    for frame in pd.read_csv(path, chunksize=CHUNK_ROWS, **options):
        yield from frame.itertuples(index=False, name=None)


def reason_absent(module: str) -> str | None:
    """Why a peer cannot take part: it is not installed."""
    return None if find_spec(module) else f"{module} is not installed"
