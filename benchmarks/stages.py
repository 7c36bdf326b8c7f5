"""Single stages of an import, over a whole file: here, or in a process that has neither numpy nor pyarrow."""

import csv
import multiprocessing
import sys
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.pool import Pool
from pathlib import Path

from generate import Kind, columns_of

from csvpipe import Dialect, Limits
from csvpipe._intake.inspection import Inspection, JobPlan
from csvpipe._intake.source import LocalFile
from csvpipe._partition.chunk import Chunk
from csvpipe._partition.cut import cut_chunks
from csvpipe._process.parse import SliceParser, read_slices

CHUNK_BYTES = 2 * 1024 * 1024


def dialect_of(kind: Kind) -> Dialect:
    """How a file is written."""
    return Dialect(quotechar=None, escapechar="\\") if kind is Kind.ESCAPED else Dialect()


def read_whole(path: Path, kind: Kind) -> None:
    """Parse with `csv.reader`, and drop the rows."""
    with path.open(newline="", encoding="utf-8") as file:
        deque(csv.reader(file, **dialect_of(kind).reader_options()), maxlen=0)


def count_whole(path: Path, kind: Kind) -> int:
    """How many records `csv.reader` finds, the header among them."""
    with path.open(newline="", encoding="utf-8") as file:
        return sum(1 for row in csv.reader(file, **dialect_of(kind).reader_options()) if row)


def cut(path: Path, kind: Kind) -> list[Chunk]:
    """Cut at the ends of records."""
    source = LocalFile.at(path)
    return list(
        cut_chunks(
            source,
            _inspection(kind),
            Limits(),
            start=0,
            end=source.size,
            first_row=1,
            first_line=1,
            chunk_bytes=CHUNK_BYTES,
        )
    )


def parse(path: Path, kind: Kind, chunks: list[Chunk]) -> int:
    """Read and parse slice by slice what was cut; how many rows there are."""
    plan = JobPlan(source=LocalFile.at(path), inspection=_inspection(kind), limits=Limits())
    parser = SliceParser(_inspection(kind), Limits(), "reject")
    return sum(len(part) for chunk in chunks for part in read_slices(plan, parser, chunk))


@contextmanager
def without_extras() -> Iterator[Pool]:
    """A process in which neither numpy nor pyarrow can be imported."""
    with multiprocessing.get_context("spawn").Pool(1, initializer=hide_extras) as pool:
        pool.apply(abs, (1,))
        yield pool


def hide_extras() -> None:
    """Make numpy and pyarrow look as if they were not installed."""
    for module in ("numpy", "pyarrow"):
        sys.modules[module] = None  # type: ignore[assignment]  # what `import` refuses


def _inspection(kind: Kind) -> Inspection:
    return Inspection(encoding="utf-8", dialect=dialect_of(kind), columns=columns_of(kind), data_start=0, data_line=1)
