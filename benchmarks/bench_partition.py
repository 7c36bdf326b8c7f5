"""Cutting.

Before a file is handed out it is cut at the ends of records: one pass that counts rows and lines, but makes no cells.
The peer parses the same file and drops the rows.
"""

import csv
from collections import deque
from collections.abc import Callable
from pathlib import Path

import pytest
from generate import COLUMNS, Kind
from report import Contender, Contest

from csvpipe import Dialect, Limits
from csvpipe._intake.inspection import Inspection
from csvpipe._intake.source import LocalFile
from csvpipe._partition.cut import cut_chunks

pytestmark = pytest.mark.timeout(900)

MB = 1_000_000
FILE_BYTES = 16 * MB
CHUNK_BYTES = 2 * 1024 * 1024


@pytest.mark.parametrize("kind", Kind, ids=lambda kind: kind.name.lower())
def test_cut(
    hold: Callable[[str, Contest], None], file_of_bytes: Callable[[int, Kind], Path], size: float, kind: Kind
) -> None:
    """Cutting a file, beside `csv.reader` over the whole of it."""
    source = LocalFile.at(file_of_bytes(int(FILE_BYTES * size), kind))
    dialect = Dialect(quotechar=None, escapechar="\\") if kind is Kind.ESCAPED else Dialect()
    inspection = Inspection(encoding="utf-8", dialect=dialect, columns=COLUMNS, data_start=0, data_line=1)

    def cut() -> int:
        chunks = cut_chunks(
            source,
            inspection,
            Limits(),
            start=0,
            end=source.size,
            first_row=1,
            first_line=1,
            chunk_bytes=CHUNK_BYTES,
        )
        return sum(chunk.rows for chunk in chunks)

    def parse() -> None:
        with Path(source.path).open(newline="", encoding="utf-8") as file:
            deque(csv.reader(file, **dialect.reader_options()), maxlen=0)

    with Path(source.path).open(newline="", encoding="utf-8") as file:
        assert sum(1 for row in csv.reader(file, **dialect.reader_options()) if row) == cut()
    contest = Contest(
        reference=Contender(name="`csv.reader`", run=parse),
        subject=Contender(name="`cut_chunks`", run=cut),
        amount=source.size / MB,
        unit="MB",
    )
    hold(f"{source.size / MB:.0f} MB, {kind.value}", contest)
