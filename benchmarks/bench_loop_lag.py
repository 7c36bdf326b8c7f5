"""The event loop's lag.

While ten files are imported by ten workers, a task in the same event loop sleeps for 1 ms again and again, and notes by
how much it wakes up late: that is what any other task of the application would wait. Bounds: a median of 10 ms, and
0.5 s at worst. The peer does what a first attempt would: ten threads, each of which runs `list(csv.reader(...))` over
4 MiB at a time. An idle loop shows what the machine itself adds.
"""

import csv
import io
import statistics
from collections.abc import Awaitable, Callable
from pathlib import Path
from time import perf_counter

import anyio
import anyio.to_thread
import pytest
from generate import Kind
from pipelines import import_cells, import_people

import csvpipe

pytestmark = pytest.mark.timeout(900)

FILES = 10
FILE_BYTES = 20_000_000
PIECE_CHARACTERS = 4 * 1024 * 1024
SLEEP_SECONDS = 0.001
IDLE_SECONDS = 2.0
MOST_MEDIAN_SECONDS = 0.010
MOST_SECONDS = 0.5


async def import_files(pipeline: csvpipe.Pipeline[..., None], paths: list[Path]) -> None:
    """Import all files at once."""
    async with csvpipe.WorkerPool(pipelines=[pipeline], workers=10, max_files=FILES) as pool:
        for job in [await pool.submit(pipeline, path) for path in paths]:
            (await job.wait()).raise_for_status()


async def parse_in_threads(paths: list[Path]) -> None:
    """Parse all files at once, a thread for each."""
    async with anyio.create_task_group() as threads:
        for path in paths:
            threads.start_soon(anyio.to_thread.run_sync, parse_in_pieces, path)


def parse_in_pieces(path: Path) -> None:
    """Parse a file, and drop the rows, some MiB at a time."""
    with path.open(newline="", encoding="utf-8") as file:
        while piece := file.read(PIECE_CHARACTERS):
            list(csv.reader(io.StringIO(piece, newline="")))


def lags_during(work: Callable[[], Awaitable[None]]) -> list[float]:
    """Seconds by which a task woke up late, each time, while `work` ran in the same loop."""
    lags: list[float] = []

    async def keep_looking() -> None:
        while True:
            start = perf_counter()
            await anyio.sleep(SLEEP_SECONDS)
            lags.append(perf_counter() - start - SLEEP_SECONDS)

    async def main() -> None:
        async with anyio.create_task_group() as group:
            group.start_soon(keep_looking)
            await work()
            group.cancel_scope.cancel()

    anyio.run(main)
    return lags


def row(name: str, lags: list[float]) -> tuple[str, ...]:
    """A line of the table."""
    p99 = sorted(lags)[int(0.99 * len(lags))]
    return name, *(f"{1000 * seconds:,.1f}" for seconds in (statistics.median(lags), p99, max(lags)))


@pytest.mark.parametrize("pipeline", [import_cells, import_people], ids=["text", "typed"])
def test_loop_lag(
    benchmark,  # noqa: ANN001
    record: Callable[..., None],
    file_of_bytes: Callable[[int, Kind], Path],
    size: float,
    pipeline: csvpipe.Pipeline[..., None],
) -> None:
    """The loop's lag while ten files are imported, beside ten threads that parse, and beside nothing at all."""
    file_bytes = int(FILE_BYTES * size)
    paths = [file_of_bytes(file_bytes, Kind.PLAIN)] * FILES
    idle = lags_during(lambda: anyio.sleep(IDLE_SECONDS))
    threads = lags_during(lambda: parse_in_threads(paths))
    lags = benchmark.pedantic(lags_during, args=(lambda: import_files(pipeline, paths),), rounds=1, iterations=1)
    shape = "typed rows" if pipeline is import_people else "`list[str]` rows"
    rows = [
        row("an idle loop", idle),
        row("ten threads, `list(csv.reader)` over 4 MiB", threads),
        row("csvpipe, ten workers", lags),
    ]
    title = f"{FILES} files of {file_bytes / 1e6:.0f} MB, {shape}"
    record(title, ("meanwhile", "median ms", "99 % below, ms", "worst, ms"), rows)
    benchmark.extra_info["lag_ms"] = rows
    assert statistics.median(lags) < MOST_MEDIAN_SECONDS
    assert max(lags) < MOST_SECONDS
