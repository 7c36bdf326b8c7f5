"""Whole imports of one file.

The handler does nothing unless something else is said, so this is what the way to it costs. A handler that does
something costs the same on every way, and brings the speeds closer to each other. The loops by hand count nothing, keep
no place for a bad row, stop at the first one unless something else is said, and cannot be resumed. Typed rows have two
`int`, two `str`, `date`, `float | None`, `bool` and `Decimal`. `multiprocessing.Pool` gets some thousand rows at a time
from a `csv.reader`; its processes are started before the clock, those of csvpipe within it. polars and pandas give the
columns of a batch types of their own, and for rows make objects of these. DuckDB records bad rows
(`store_rejects=true`) where it gives batches.
"""

from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
from generate import Kind, rows_in, write_rows
from handlers import take_cells
from peers import loop_reader
from pipelines import import_cells
from report import Contender, Contest
from ways import reason_no_processes

import csvpipe

pytestmark = pytest.mark.timeout(900)

ROWS = 200_000
BATCH_ROWS = 400_000
WAITING_ROWS = 10_000
FILES = 300
FILE_ROWS = 10

MB = 1_000_000
SHAPE_MEGABYTES = 8
SHAPES = [
    Kind.NARROW,
    Kind.PLAIN,
    Kind.WIDE,
    Kind.LONG_TEXT,
    Kind.NUMBERS,
    Kind.MULTI_BYTE,
    Kind.ALL_QUOTED,
    Kind.QUOTED_NEWLINES,
]

PEERS = ("dict-reader", "pool", "pandas", "polars", "duckdb")
OURS = ("10-threads", "1-thread", "2-processes")
BATCHES = ["batch-duckdb", "batch-pandas", "batch-polars", "batch-pyarrow", "batch-2-processes", "batch-2-threads"]


@pytest.mark.parametrize("kind", [Kind.PLAIN, Kind.QUOTED_NEWLINES], ids=["plain", "quoted-newlines"])
@pytest.mark.parametrize(
    ("name", "shape", "key"),
    [
        ("text", "`list[str]` rows", "text-rows"),
        ("tuple", "rows as NamedTuples", "named-tuples"),
        ("attrs", "rows as attrs objects", "attrs-rows"),
    ],
    ids=["text", "named-tuples", "attrs"],
)
def test_rows(
    hold: Callable[..., object],
    race: Callable[..., Contest],
    size: float,
    *,
    name: str,
    shape: str,
    key: str,
    kind: Kind,
) -> None:
    """Rows, beside the loops that do the same work."""
    rows = int(ROWS * size)
    is_plain = kind is Kind.PLAIN
    ways = [f"{name}-{way}" for way in ("reader", *(PEERS if is_plain else PEERS[:1]), *OURS)]
    title = f"{rows:,} {shape}, {kind.value}"
    hold(title, race(ways, rows, kind, is_weighed=is_plain), key if is_plain else f"{key}-quoted")


@pytest.mark.parametrize("kind", [Kind.PLAIN, Kind.QUOTED_NEWLINES], ids=["plain", "quoted-newlines"])
def test_batches(hold: Callable[..., object], race: Callable[..., Contest], size: float, kind: Kind) -> None:
    """Arrow batches, beside what else reads whole columns."""
    rows = int(BATCH_ROWS * size)
    is_plain = kind is Kind.PLAIN
    key = "arrow-batches" if is_plain else "arrow-batches-quoted"
    hold(f"{rows:,} rows in batches, {kind.value}", race(BATCHES, rows, kind, is_weighed=is_plain), key)


@pytest.mark.parametrize("kind", [Kind.FEW_BAD, Kind.MANY_BAD], ids=["few", "many"])
def test_bad_rows(hold: Callable[..., object], race: Callable[..., Contest], size: float, kind: Kind) -> None:
    """Typed rows of which some are bad, which all keep with line and reason."""
    ways = ["attrs-noting", "attrs-1-thread", "attrs-2-processes"]
    rows = int(ROWS * size / 2)
    hold(f"{rows:,} rows as attrs objects, {kind.value}", race(ways, rows, kind))


@pytest.mark.parametrize("kind", [Kind.FEW_BAD, Kind.MANY_BAD], ids=["few", "many"])
def test_batches_of_bad_rows(
    hold: Callable[..., object], race: Callable[..., Contest], size: float, kind: Kind
) -> None:
    """Arrow batches from rows of which some are bad, which both keep with line and reason."""
    rows = int(ROWS * size)
    hold(f"{rows:,} rows in batches, {kind.value}", race(["batch-duckdb", "batch-2-threads"], rows, kind))


@pytest.mark.parametrize("kind", SHAPES, ids=lambda kind: kind.name.lower())
def test_shapes(hold_line: Callable[..., object], race: Callable[..., Contest], size: float, kind: Kind) -> None:
    """Text rows of each shape, the same number of bytes of each."""
    megabytes = SHAPE_MEGABYTES * size
    contest = race(["text-reader", "text-2-processes", "text-1-thread"], rows_in(int(megabytes * MB), kind), kind)
    hold_line(f"About {megabytes:g} MB of `list[str]` rows of each shape", "shape", kind.value, contest)


def test_waiting(hold: Callable[..., object], race: Callable[..., Contest], size: float) -> None:
    """A handler that waits for 5 ms, 100 rows at a time."""
    rows = int(WAITING_ROWS * size)
    hold(f"{rows:,} rows, 100 at a time, that wait for 5 ms each", race(["wait-tasks", "wait-csvpipe"], rows))


def test_computing(hold: Callable[..., object], race: Callable[..., Contest], size: float) -> None:
    """A handler that computes for about 20 microseconds."""
    rows = int(ROWS * size / 5)
    ways = ["busy-reader", "busy-pool", "busy-1-thread", "busy-1-process", "busy-2-processes"]
    hold(f"{rows:,} `list[str]` rows, a handler that computes for 20 microseconds", race(ways, rows))


def test_small_files(hold: Callable[..., object], folder: Path, size: float) -> None:
    """Many small files in one run, beside a loop over the files: what a file costs beside its rows."""
    paths = [write_rows(folder / f"{number}.csv", FILE_ROWS) for number in range(int(FILES * size))]

    def loop_over_files() -> None:
        for path in paths:
            loop_reader(path, take_cells)

    def import_files(executor: str) -> None:
        records = csvpipe.run(import_cells, *paths, executor=executor)
        assert FILE_ROWS * len(paths) == sum(record.processed_rows for record in records)

    contest = Contest(
        reference=Contender(name="`csv.reader` loop", run=loop_over_files),
        others=[
            Contender(
                name="csvpipe, processes",
                run=partial(import_files, "process"),
                warm_up=lambda: None,
                reason_absent=reason_no_processes(),
            )
        ],
        subject=Contender(name="csvpipe, threads", run=partial(import_files, "thread"), warm_up=lambda: None),
        amount=len(paths),
        unit="files",
    )
    hold(f"{len(paths):,} files of {FILE_ROWS} rows", contest)
