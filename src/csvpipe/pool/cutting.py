"""What is left of a job's file, cut into chunks a few at a time."""

from __future__ import annotations

import threading
from collections.abc import Generator, Iterable, Iterator
from typing import TYPE_CHECKING, Final

from csvpipe._intake.inspection import JobPlan
from csvpipe._partition.chunk import Chunk
from csvpipe._partition.cut import cut_chunks
from csvpipe._partition.gaps import gaps
from csvpipe._process.result import ChunkResult
from csvpipe.errors import FileCode, FileError
from csvpipe.executors.gate import CpuGate

if TYPE_CHECKING:
    from csvpipe.pool.portions import ChunkSizes

#: Chunks that are cut at a time, and that may wait for each worker.
CHUNKS_AHEAD: Final = 4


def remaining_chunks(committed: Iterable[ChunkResult], plan: JobPlan, sizes: ChunkSizes) -> Generator[Chunk]:
    """The chunks that are not committed yet, in file order; cut as they are asked for."""
    source, inspection = plan.source, plan.inspection
    assert source is not None, "a job without a file is never pending"  # noqa: S101  # refused at intake
    assert inspection is not None, "a job without a file is never pending"  # noqa: S101
    todo = gaps(list(committed), data_start=inspection.data_start, data_line=inspection.data_line, size=source.size)
    for gap in todo:
        for chunk in cut_chunks(
            source,
            inspection,
            plan.limits,
            start=gap.start,
            end=gap.end,
            first_row=gap.first_row,
            first_line=gap.first_line,
            chunk_bytes=sizes.at,
        ):
            sizes.count(chunk)
            yield chunk


def next_chunks(chunks: Iterator[Chunk], gate: CpuGate, stop: threading.Event) -> tuple[list[Chunk], bool]:
    """In a thread: the next few chunks, and whether they are the last."""
    batch: list[Chunk] = []
    with gate.turn():
        for chunk in chunks:
            batch.append(chunk)
            if len(batch) == CHUNKS_AHEAD or stop.is_set() or gate.is_wanted:
                return batch, False
    return batch, True


def too_many_rows(most_rows: int) -> FileError:
    """Why a file is not imported any further."""
    return FileError(
        FileCode.TOO_LARGE,
        f"the file has more than {most_rows:,} rows; split it, or raise the limit with limits=Limits(rows=...) and "
        "retry the job",
    )
