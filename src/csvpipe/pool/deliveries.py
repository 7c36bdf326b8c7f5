"""What a pool does about a pipeline's sink: before a job's first row, after a takeover, and when the job is gone."""

from __future__ import annotations

import json
import logging
import threading
import time
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, Final

import attrs

from csvpipe._process.conduct import EndedError, StoppedError, exhausted
from csvpipe._process.result import ChunkResult
from csvpipe._process.work import source_failure
from csvpipe.errors import FileError, FileFailure, LeaseLostError, Unavailable
from csvpipe.jobs import JobId, JobRecord
from csvpipe.logs import about, about_job
from csvpipe.pipeline import Pipeline
from csvpipe.policies import Retry
from csvpipe.pool.ending import Ending, unexpected
from csvpipe.rowtypes import Shape
from csvpipe.store.protocol import Claim

if TYPE_CHECKING:
    from csvpipe.pool.services import Services

logger = logging.getLogger("csvpipe")

_PAUSES: Final = Retry(backoff_seconds=0.1, max_backoff_seconds=10.0)


def delivers(claim: Claim, pipeline: Pipeline[..., Any]) -> bool:
    """Whether rows of a job go to a sink; those of a dry run do not."""
    return pipeline.sink is not None and not claim.plan.dry_run


@attrs.frozen(kw_only=True)
class Home:
    """What is known of a job's deliveries when a run begins.

    Attributes:
        results: All chunk results of the job, those that the store did not have among them.
        ending: Why the run must end, or None.
        failure: Why the job must.
    """

    results: list[ChunkResult]
    ending: Ending | None = None
    failure: FileFailure | None = None


async def bring_home(
    claim: Claim,
    pipeline: Pipeline[..., Any],
    committed: list[ChunkResult],
    services: Services,
    *,
    stop: threading.Event,
    ask: Callable[[Callable[[], JobRecord]], Awaitable[JobRecord]],
) -> Home:
    """Let nobody else write to the sink any more, and learn what was written there.

    The sink's markers are the truth: a worker may have died between the commit of the sink and that of the store.

    Args:
        claim: Of the job.
        pipeline: The job's.
        committed: What the store has.
        services: The pool's.
        stop: Set when the run is to end.
        ask: Calls the store, for as long as the lease lasts.

    Raises:
        Exception: The store has stayed away for as long as a lease lasts.
    """
    known = {result.start for result in committed}
    try:
        delivered = await services.threads.call_through(take_over, claim, pipeline, stop)
    except LeaseLostError:
        return Home(results=committed, ending=Ending.LOST)
    except StoppedError:  # whoever said so has said why
        return Home(results=committed)
    except EndedError as ended:
        return Home(results=committed, ending=Ending.FAILURE, failure=ended.failure)
    except FileError as error:
        return Home(results=committed, ending=Ending.FAILURE, failure=source_failure(error))
    except Exception as error:  # a defect, or a sink of the application's
        logger.exception("job %s: failed unexpectedly", claim.record.id, extra=about(claim.record))
        return Home(results=committed, ending=Ending.FAILURE, failure=unexpected(error))
    untold = [result for result in delivered if result.start not in known]
    if untold:
        await ask(lambda: services.store.commit(claim.lease, untold))
        logger.info(
            "job %s: %d deliveries of an earlier worker are recorded now",
            claim.record.id,
            len(untold),
            extra=about(claim.record),
        )
    results = sorted([*committed, *untold], key=lambda result: result.start)
    failure = next((each.failure for each in untold if each.failure is not None), None)
    return Home(results=results, ending=None if failure is None else Ending.FAILURE, failure=failure)


def take_over(claim: Claim, pipeline: Pipeline[..., Any], stop: threading.Event) -> list[ChunkResult]:
    """In a thread: keep earlier attempts from writing to the sink.

    Returns:
        What they have delivered there.

    Raises:
        EndedError: The sink stays down.
        FileError: It is not what the pipeline needs.
        LeaseLostError: A later attempt has the job, as the sink says.
        StoppedError: It is time to stop, and the sink is down.
    """
    sink = pipeline.sink
    assert sink is not None, "only asked for with a sink"  # noqa: S101
    give_up_at = time.monotonic() + sink.patience_seconds
    attempt = 1
    while True:
        try:
            sink.check(_columns(claim, pipeline))
            texts = sink.take_over(claim.record.id, claim.lease.token)
        except Unavailable as error:
            delay = _PAUSES.delay_seconds(attempt)
            if time.monotonic() + delay > give_up_at:
                raise EndedError(exhausted(error, attempt)) from error
            if stop.wait(delay):
                raise StoppedError from error
            attempt += 1
        else:
            return [ChunkResult.from_dict(json.loads(text)) for text in texts]


def _columns(claim: Claim, pipeline: Pipeline[..., Any]) -> list[str] | None:
    """The columns that rows have; None where only the handler knows."""
    signature = pipeline.signature
    if pipeline.has_handler:
        return None
    if signature.row_schema is not None:
        return [field.name for field in signature.row_schema.fields]
    inspection = claim.plan.inspection
    if signature.shape is not Shape.DICT or inspection is None:
        return None
    return list(inspection.columns if claim.plan.mends is None else claim.plan.mends.columns)


def forget(job_id: JobId, pipeline: Pipeline[..., Any] | None) -> None:
    """In a thread, after a job was deleted: remove what its sink keeps of it. What is left behind harms nobody."""
    if pipeline is None or pipeline.sink is None:
        return
    try:
        pipeline.sink.forget(job_id)
    except Exception:
        logger.exception(
            "job %s: what its sink keeps of it cannot be removed",
            job_id,
            extra=about_job(job_id, pipeline=pipeline.name),
        )
