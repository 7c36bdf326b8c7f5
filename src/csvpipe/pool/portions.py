"""A claimed job as work for the pool's workers: what all its chunks share, how large they are, how many at once."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Final

from csvpipe._partition.chunk import Chunk
from csvpipe._process import columns
from csvpipe._process.mending import Mending
from csvpipe._process.work import JobWork
from csvpipe._report.progress import Progress
from csvpipe.context import Context
from csvpipe.pipeline import Pipeline
from csvpipe.rowtypes import Shape
from csvpipe.store.protocol import Claim

if TYPE_CHECKING:
    from csvpipe.pool.services import Services, Settings

#: Least size of a chunk: a smaller file is done in one go.
LEAST_BYTES: Final = 16 * 1024

#: Bytes of batches that the workers of one job have in hand at once, and of one chunk of them. What is done by columns
#: costs some hundred steps a chunk, in whose turns threads wait for each other, and next to nothing a row.
_BATCH_BYTES: Final = (32 * 1024 * 1024, 8 * 1024 * 1024)

#: The same of chunks that are sent to processes, each of which waits for the next one.
_SENT_BYTES: Final = (16 * 1024 * 1024, 4 * 1024 * 1024)

#: Most bytes of a chunk whose rows are kept until all of it is delivered, as objects and not as columns.
_SINK_BYTES: Final = 512 * 1024

#: How long a worker should be about a chunk once the handler's pace is known.
_LEAST_SECONDS: Final = 0.05
_MOST_SECONDS: Final = 0.5
#: Threads that compute at once; of those that wait any number does.
_COMPUTING: Final = 2
#: Less than this passes between two looks at some clocks.
_CLOCK_SECONDS: Final = 0.02


def work_of(claim: Claim, pipeline: Pipeline[..., Any], services: Services, mending: Mending | None = None) -> JobWork:
    """In a thread: what all chunks of a job share.

    Raises:
        FileError: `columns_missing`.
    """
    record = claim.record
    context = Context(
        job_id=record.id,
        root_id=claim.root_id,
        filename=record.filename,
        owner=record.owner,
        attempt=record.attempt,
        dry_run=claim.plan.dry_run,
        has_sink=pipeline.sink is not None,
        store_file=getattr(services.store, "file", None),
    )
    return JobWork(pipeline, claim.plan, context, chunk_seconds=services.settings.chunk_seconds, mending=mending)


def most_chunks(claim: Claim, pipeline: Pipeline[..., Any], settings: Settings) -> int:
    """How many chunks of a job are in hand at once.

    Calls of an async handler wait side by side, so one chunk has work for all of them, or a few have. One more is read
    meanwhile: when the calls of a chunk run out, those of the next one are at hand. To take more would only let more
    callers wait for the same slots.
    """
    if pipeline.ordered:
        return 1
    source, inspection = claim.plan.source, claim.plan.inspection
    if not pipeline.signature.is_async or source is None or inspection is None or not inspection.estimated_rows:
        return settings.workers
    share = chunk_size(source.size, pipeline, settings) / source.size
    calls = share * inspection.estimated_rows / (pipeline.batch_size if pipeline.signature.is_batch else 1)
    return min(settings.workers, 2 + int(pipeline.concurrency / max(1.0, calls)))


def chunk_size(size: int, pipeline: Pipeline[..., Any], settings: Settings) -> int:
    """Least bytes of a chunk: so few that every worker has some, and so many that the hand-overs do not count."""
    most = settings.chunk_bytes
    if pipeline.sink is not None and (pipeline.has_handler or not columns.is_available()):
        most = min(most, _SINK_BYTES)
    elif pipeline.signature.shape is Shape.COLUMNS or not settings.in_threads:
        of_all, of_one = _BATCH_BYTES if settings.in_threads else _SENT_BYTES
        most = max(most, min(of_one, of_all // settings.workers))
    return min(most, max(LEAST_BYTES, size // (2 * settings.workers)))


class ChunkSizes:
    """Sizes of a run's chunks: so much that every worker has some to the end, and that none is long about it.

    As long as nothing is done nobody knows how long a row takes.

    Args:
        size: Bytes of the file.
        pipeline: The job's.
        services: The pool's.
        progress: Of the run.
    """

    def __init__(self, size: int, pipeline: Pipeline[..., Any], services: Services, progress: Progress) -> None:
        self._size = size
        self._pipeline = pipeline
        self._settings = services.settings
        self._workers = 1 if pipeline.ordered else services.settings.workers
        self._habit = services.habits[pipeline.name]
        self._progress = progress
        self._begun, self._rows_before = time.monotonic(), progress.rows
        self._bytes_cut = self._rows_cut = 0

    def __repr__(self) -> str:
        return f"<ChunkSizes, {self._rows_cut} rows are cut>"

    def count(self, chunk: Chunk) -> None:
        """Note what was cut."""
        self._bytes_cut += chunk.end - chunk.start
        self._rows_cut += chunk.rows

    def at(self, start: int) -> int:
        """Least bytes of the chunk that begins at this offset."""
        size = chunk_size(self._size, self._pipeline, self._settings)
        rows_done = self._progress.rows - self._rows_before
        if not rows_done or not self._rows_cut:
            return size
        seconds = time.monotonic() - self._begun + _CLOCK_SECONDS
        at_once = self._workers
        if self._settings.in_threads and not self._habit.waits:
            at_once = min(at_once, _COMPUTING)
        pace = rows_done * (self._bytes_cut / self._rows_cut) / seconds / at_once
        share = max((self._size - start) // (2 * self._workers), int(pace * _LEAST_SECONDS))
        return max(LEAST_BYTES, min(size, share, int(pace * _MOST_SECONDS)))
