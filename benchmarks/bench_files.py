"""Files: many small ones.

Each file has 10 rows, so this is what a file costs beside its rows: it is inspected, becomes a job with a record and
events, is cut, handled, counted twice and settled.
"""

from collections.abc import Callable
from pathlib import Path

import pytest
from generate import write_rows
from peers import loop_reader, take_cells
from report import Contender, Contest

import csvpipe

pytestmark = pytest.mark.timeout(900)

FILES = 2_000
ROWS = 10


@csvpipe.pipeline
def import_cells(row: list[str]) -> None:
    """Handle a row of text as the peer does."""
    take_cells(row)


def test_small_files(hold: Callable[[str, Contest], None], tmp_path: Path, size: float) -> None:
    """Many small files in one run, beside a loop over the files."""
    paths = [write_rows(tmp_path / f"{number}.csv", ROWS) for number in range(int(FILES * size))]

    def loop_over_files() -> None:
        for path in paths:
            loop_reader(path, take_cells)

    def import_files() -> None:
        records = csvpipe.run(import_cells, *paths)
        assert ROWS * len(paths) == sum(record.processed_rows for record in records)

    contest = Contest(
        reference=Contender(name="`csv.reader` loop", run=loop_over_files),
        subject=Contender(name="csvpipe", run=import_files),
        amount=len(paths),
        unit="files",
    )
    hold(f"{len(paths):,} files of {ROWS} rows", contest)
