"""Rows: whole imports of one file.

The handler does nothing, so this is what the way to it costs. A handler that does something costs the same on every
way, and brings the ratios closer to 1. The loops by hand count nothing, keep no place for a bad row, stop at the first
one, and cannot be resumed. With the typed handler each row becomes an attrs object of 8 fields: two `int`, two `str`,
`date`, `float | None`, `bool`, `Decimal`. `multiprocessing.Pool` gets some thousand rows at a time from a `csv.reader`;
its processes are started before the clock.
"""

import multiprocessing
from collections.abc import Callable, Iterator
from functools import partial
from multiprocessing.pool import Pool
from pathlib import Path

import pytest
from generate import Kind
from peers import (
    Person,
    loop_dict_reader,
    loop_pandas,
    loop_reader,
    map_processes,
    reason_absent,
    take_cells,
    take_cells_as_person,
    take_person,
    take_record,
    take_record_as_person,
)
from report import Contender, Contest

import csvpipe

pytestmark = pytest.mark.timeout(900)

ROWS = 100_000


@csvpipe.pipeline
def import_cells(row: list[str]) -> None:
    """Handle a row of text as the peers do."""
    take_cells(row)


@csvpipe.pipeline
def import_people(person: Person) -> None:
    """Handle a typed row as the peers do."""
    take_person(person)


@pytest.fixture(scope="module")
def processes() -> Iterator[Pool]:
    """Processes that are up before the clock starts."""
    with multiprocessing.get_context("spawn").Pool() as pool:
        pool.map(abs, range(100))
        yield pool


def import_with(pipeline: csvpipe.Pipeline[..., None], path: Path, rows: int, workers: int | None) -> None:
    """Import the file, and make sure that all of it was."""
    [record] = csvpipe.run(pipeline, path, workers=workers)
    assert (rows, "completed") == (record.processed_rows, record.status.value), record.error_message


@pytest.mark.parametrize("kind", [Kind.PLAIN, Kind.QUOTED_NEWLINES], ids=lambda kind: kind.name.lower())
@pytest.mark.parametrize("is_typed", [False, True], ids=["text", "typed"])
def test_rows(
    hold: Callable[[str, Contest], None],
    file_of_rows: Callable[[int, Kind], Path],
    processes: Pool,
    size: float,
    kind: Kind,
    *,
    is_typed: bool,
) -> None:
    """A whole import beside the loops that do the same work."""
    rows = int(ROWS * size)
    path = file_of_rows(rows, kind)
    pipeline = import_people if is_typed else import_cells
    by_hand = take_cells_as_person if is_typed else take_cells
    dicts_by_hand = take_record_as_person if is_typed else take_record
    contest = Contest(
        reference=Contender(name="`csv.reader` loop", run=partial(loop_reader, path, by_hand)),
        others=[
            Contender(name="`csv.DictReader` loop", run=partial(loop_dict_reader, path, dicts_by_hand)),
            Contender(name="`multiprocessing.Pool.imap`", run=partial(map_processes, processes, path, by_hand)),
            Contender(
                name="`pandas.read_csv(chunksize=)`, `itertuples`",
                run=partial(loop_pandas, path, is_typed=is_typed),
                reason_absent=reason_absent("pandas"),
            ),
            Contender(name="csvpipe, 10 workers", run=partial(import_with, pipeline, path, rows, None)),
        ],
        subject=Contender(name="csvpipe, 1 worker", run=partial(import_with, pipeline, path, rows, 1)),
        amount=rows,
        unit="rows",
    )
    shape = "typed rows" if is_typed else "`list[str]` rows"
    hold(f"{rows:,} {shape}, {kind.value}", contest)
