"""Goals.

What csvpipe is to reach on two processors, each measured beside its peer in turns, within this run; a speed of 2.00 x
is twice as fast as the peer. "By hand" is without csvpipe: the same handler, which does nothing unless something else
is said, after the same conversions. Worker processes start within the measured time. A goal that is missed is shown as
missed. The goals are stated for 2 million rows, 100,000 that wait, a million that compute, 5,000 small files, and a
file of 2 GB beside one of 200 MB: `--full` measures these, and without it there are fewer, on which what happens once
weighs more.
"""

import gc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from generate import Kind, rows_in, write_rows
from pipelines import CONCURRENCY, WAIT_SECONDS, import_cells
from report import Contest, Goal
from ways import WAYS, Sample
from weight import can_weigh, most_mib

import csvpipe

pytestmark = pytest.mark.timeout(3600)

MB = 1_000_000
MANY_ROWS = 2_000_000
SOME_ROWS = 400_000
MOST_GROWTH = 1.10

KINDS = {
    "clean": (Kind.PLAIN, Kind.QUOTED_NEWLINES),
    "0.1 % bad rows": (Kind.FEW_BAD, Kind.FEW_BAD_QUOTED_NEWLINES),
}
QUOTED = pytest.mark.parametrize("quoted", [0, 1], ids=["plain", "quoted-newlines"])

#: What is done, what must be reached, and who does it: the peer, and csvpipe.
Row = tuple[str, str, float, str, str]
FASTER: list[Row] = [
    ("Arrow batches, 2 threads, beside DuckDB", "clean", 1.0, "batch-duckdb", "batch-2-threads"),
    ("Arrow batches, 2 threads, beside DuckDB", "0.1 % bad rows", 0.85, "batch-duckdb", "batch-2-threads"),
    ("NamedTuple rows, 2 processes, beside `csv.DictReader`", "clean", 4.0, "tuple-dict-reader", "tuple-2-processes"),
    ("attrs rows, 2 processes, beside `csv.DictReader`", "clean", 3.0, "attrs-dict-reader", "attrs-2-processes"),
    ("`list[str]` rows, 2 processes, beside `csv.reader`", "clean", 1.7, "text-reader", "text-2-processes"),
]
IDS = ["batches", "batches-bad", "tuples", "attrs", "text"]


@QUOTED
@pytest.mark.parametrize(("work", "rows_are", "least", "peer", "subject"), FASTER, ids=IDS)
def test_faster(
    benchmark: Any,
    race: Callable[..., Contest],
    aim: Callable[[Goal], None],
    size: float,
    rounds: int,
    *,
    is_full: bool,
    work: str,
    rows_are: str,
    least: float,
    peer: str,
    subject: str,
    quoted: int,
) -> None:
    """A way of csvpipe beside the peer that does the same."""
    rows = int((MANY_ROWS if is_full else SOME_ROWS) * size)
    contest = race([peer, subject], rows, KINDS[rows_are][quoted])
    outcome = contest.hold(benchmark, rounds=rounds)
    aim(
        Goal(
            work=f"{work}: {rows:,} rows, {rows_are}{', quoted newlines' if quoted else ''}",
            wanted=f"at least {least} x",
            found=outcome.speeds(contest.subject),
            least=least,
            reason_absent=contest.reference.reason_absent or contest.subject.reason_absent,
        )
    )


@QUOTED
def test_overhead(
    benchmark: Any,
    race: Callable[..., Contest],
    aim: Callable[[Goal], None],
    size: float,
    rounds: int,
    *,
    is_full: bool,
    quoted: int,
) -> None:
    """Text rows on one thread: what the library adds to the bare loop."""
    rows = int((MANY_ROWS if is_full else SOME_ROWS) * size)
    contest = race(["text-reader", "text-1-thread"], rows, KINDS["clean"][quoted])
    speeds = contest.hold(benchmark, rounds=rounds).speeds(contest.subject)
    aim(
        Goal(
            work=f"`list[str]` rows, 1 thread, time beside the `csv.reader` loop's: {rows:,} rows, clean"
            f"{', quoted newlines' if quoted else ''}",
            wanted="at most 1.15 x",
            found=[1 / speed for speed in speeds],
            most=1.15,
        )
    )


def test_waiting(
    benchmark: Any,
    sample: Callable[..., Sample],
    aim: Callable[[Goal], None],
    size: float,
    rounds: int,
    *,
    is_full: bool,
) -> None:
    """An async handler that waits, beside the time that the waiting alone takes."""
    rows = int((100_000 if is_full else 40_000) * size)
    file = sample(rows)
    ideal = rows * WAIT_SECONDS / CONCURRENCY
    benchmark.pedantic(WAYS["wait-csvpipe"].run, args=(file,), rounds=rounds, iterations=1)
    aim(
        Goal(
            work=f"async handler that awaits 5 ms, `concurrency={CONCURRENCY}`, beside the ideal: {rows:,} rows",
            wanted="at least 0.8 x",
            found=[ideal / seconds for seconds in benchmark.stats.stats.data],
            least=0.8,
        )
    )


def test_small_files(
    benchmark: Any, folder: Path, aim: Callable[[Goal], None], size: float, rounds: int, *, is_full: bool
) -> None:
    """Many small files in one run, with the store in memory."""
    number, rows = int((5_000 if is_full else 1_000) * size), 10
    paths = [write_rows(folder / f"{each}.csv", rows) for each in range(number)]

    def import_files() -> None:
        records = csvpipe.run(import_cells, *paths)
        assert rows * number == sum(record.processed_rows for record in records)

    gc.collect()
    gc.freeze()  # the collector would go through what other benchmarks have left in memory, again and again
    try:
        benchmark.pedantic(import_files, rounds=rounds, iterations=1)
    finally:
        gc.unfreeze()
    for path in paths:
        path.unlink()
    aim(
        Goal(
            work=f"{number:,} files of {rows} rows, store in memory",
            wanted="at least 1,000 files/s",
            found=[number / seconds for seconds in benchmark.stats.stats.data],
            unit=" files/s",
            least=1_000,
        )
    )


def test_computing(
    benchmark: Any,
    race: Callable[..., Contest],
    aim: Callable[[Goal], None],
    size: float,
    rounds: int,
    *,
    is_full: bool,
) -> None:
    """A handler that computes, in two processes beside one."""
    rows = int((1_000_000 if is_full else 150_000) * size)
    contest = race(["busy-1-process", "busy-2-processes"], rows)
    speeds = contest.hold(benchmark, rounds=rounds).speeds(contest.subject)
    aim(
        Goal(
            work=f"handler that computes for 20 microseconds, 2 processes beside 1: {rows:,} rows",
            wanted="at least 1.9 x",
            found=speeds,
            least=1.9,
            reason_absent=contest.subject.reason_absent,
        )
    )


@pytest.mark.parametrize(
    ("key", "rows_are"),
    [
        ("text-10-threads", "`list[str]` rows, 10 threads"),
        ("text-2-processes", "`list[str]` rows, 2 processes"),
        ("batch-2-threads", "Arrow batches, 2 threads"),
    ],
    ids=["threads", "processes", "batches"],
)
def test_memory(
    benchmark: Any, folder: Path, aim: Callable[[Goal], None], *, is_full: bool, key: str, rows_are: str
) -> None:
    """The most memory over all processes, with a file beside one of a tenth."""
    larger = 2_000 if is_full else 200
    weights: list[float | None] = [None]
    reason = WAYS[key].reason_absent() or (None if can_weigh() else "the system does not tell")

    def weigh(megabytes: int) -> float | None:
        rows = rows_in(megabytes * MB)
        path = folder / f"{megabytes}-mb.csv"
        if not path.exists():
            write_rows(path, rows)
        return most_mib(key, Sample(path=path, rows=rows))

    def weigh_both() -> None:
        weights[:] = [] if reason else [weigh(larger // 10), weigh(larger)]

    benchmark.pedantic(weigh_both, rounds=1, iterations=1)
    small, large = weights or (None, None)
    aim(
        Goal(
            work=f"the most memory, {rows_are}: {larger:,} MB beside {larger // 10} MB",
            wanted=f"at most {MOST_GROWTH:.2f} x",
            found=[large / small] if large and small else [],
            most=MOST_GROWTH,
            reason_absent=reason,
        )
    )
