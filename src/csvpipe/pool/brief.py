"""A small file's whole way in one turn of a worker's thread: cut, handled, counted, checked and settled."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

import attrs

from csvpipe._intake.inspection import JobPlan
from csvpipe._partition.chunk import Chunk
from csvpipe._process.resources import Resources
from csvpipe._process.result import ChunkResult
from csvpipe._process.run import ChunkRun
from csvpipe._process.stopping import StopSignal
from csvpipe._process.turn import Turn
from csvpipe._process.work import Allowance, JobWork
from csvpipe._report.progress import Progress
from csvpipe.errors import CsvPipeError, FileFailure
from csvpipe.jobs import JobRecord, Verb
from csvpipe.logs import about
from csvpipe.pipeline import Pipeline
from csvpipe.pool.commits import clear_up
from csvpipe.pool.portions import LEAST_BYTES, work_of
from csvpipe.store.protocol import Claim

if TYPE_CHECKING:
    from csvpipe.pool.services import Services, Settings

logger = logging.getLogger("csvpipe")


def is_brief(claim: Claim, pipeline: Pipeline[..., Any], settings: Settings) -> bool:
    """Whether a job may be run in one go: small, new, and handled in a thread that nobody has to watch."""
    source = claim.plan.source
    is_plain = claim.record.attempt == 1 and claim.plan.mends is None and pipeline.sink is None
    is_in_thread = settings.in_threads and not pipeline.signature.is_async and pipeline.timeout is None
    return is_plain and is_in_thread and source is not None and source.size <= LEAST_BYTES


@attrs.define(eq=False, kw_only=True)
class Brief:
    """What came of a small file; what is missing is left to be done in the ordinary way.

    Attributes:
        work: Prepared for the job.
        chunk: All of the file's rows.
        failure: Why the job must end.
        result: Of the chunk; it is in the job's progress already.
        record: The job when it is settled.
    """

    work: JobWork | None = None
    chunk: Chunk | None = None
    failure: FileFailure | None = None
    result: ChunkResult | None = None
    record: JobRecord | None = None


def run_brief(
    claim: Claim,
    pipeline: Pipeline[..., Any],
    resources: Resources,
    *,
    cut: Callable[[JobPlan], Iterable[Chunk]],
    progress: Progress,
    allowance: Callable[[Chunk], Allowance],
    stop: StopSignal,
    turn: Turn,
    services: Services,
) -> Brief:
    """In a worker's thread: do all of a small file, as far as everything is as it should be.

    What is wrong before a row is handled, and what the store or the file has against settling, is left to whoever goes
    on in the ordinary way: there it is met again, and told.

    Raises:
        Exception: Whatever is no row's fault and no file's.
    """
    brief = Brief()
    turn.take()
    try:
        plan = _held(claim, services)
        brief.work = work_of(attrs.evolve(claim, plan=plan), pipeline, services)
        chunks = list(cut(plan))
    except CsvPipeError:
        turn.give()
        return Brief()
    except BaseException:
        turn.give()
        raise
    most_rows = claim.plan.limits.rows
    if len(chunks) != 1 or (most_rows is not None and chunks[0].rows > most_rows):
        turn.give()
        return brief
    brief.chunk = chunk = chunks[0]
    allowed = allowance(chunk)
    brief.result = result = ChunkRun(brief.work, chunk, allowed, stop=stop, turn=turn)(resources)
    brief.failure = progress.add(chunk, result, allotted=allowed.error_budget)
    if brief.failure is None and result.rest_of(chunk) is None and not stop.is_set():
        brief.record = _settled(claim, progress, chunk.rows, services)
    return brief


def _held(claim: Claim, services: Services) -> JobPlan:
    """The plan with its file in memory: to open it twice takes longer than to cut it."""
    plan, content = claim.plan, services.contents.take(claim.record.id)
    return plan if plan.source is None else attrs.evolve(plan, source=plan.source.held(content))


def _settled(claim: Claim, progress: Progress, total_rows: int, services: Services) -> JobRecord | None:
    source = claim.plan.source
    try:
        if source is not None:
            source.check_unchanged()
        record = services.store.settle(claim.lease, Verb.COMPLETE, results=progress.pending, total_rows=total_rows)
    except CsvPipeError:
        return None
    except Exception:
        logger.exception(
            "job %s: could not be settled; another attempt follows", claim.record.id, extra=about(claim.record)
        )
        return None
    clear_up(record, claim.plan, services.spool)
    return record
