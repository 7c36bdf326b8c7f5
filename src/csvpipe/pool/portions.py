"""A claimed job as work for the pool's workers: what all its chunks share, how large they are, how many at once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from csvpipe._process.mending import Mending
from csvpipe._process.work import JobWork
from csvpipe.context import Context
from csvpipe.pipeline import Pipeline
from csvpipe.store.protocol import Claim

if TYPE_CHECKING:
    from csvpipe.pool.services import Settings

#: Least size of a chunk: a smaller file is done in one go.
LEAST_BYTES: Final = 16 * 1024


def work_of(claim: Claim, pipeline: Pipeline[..., Any], settings: Settings, mending: Mending | None = None) -> JobWork:
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
    )
    return JobWork(pipeline, claim.plan, context, chunk_seconds=settings.chunk_seconds, mending=mending)


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
    share = chunk_size(source.size, settings) / source.size
    calls = share * inspection.estimated_rows / (pipeline.batch_size if pipeline.signature.is_batch else 1)
    return min(settings.workers, 2 + int(pipeline.concurrency / max(1.0, calls)))


def chunk_size(size: int, settings: Settings) -> int:
    """Least bytes of a chunk: so few that every worker has some, and so many that the hand-overs do not count."""
    return min(settings.chunk_bytes, max(LEAST_BYTES, size // (2 * settings.workers)))
