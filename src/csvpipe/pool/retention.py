"""How long jobs and their files are kept: what becomes no job, is deleted, or has ended long ago leaves nothing."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from csvpipe.errors import IdempotencyConflictError, JobNotFoundError, ParentError, TransitionError
from csvpipe.jobs import JobId, JobRecord, JobStatus
from csvpipe.logs import about_job, tell_failure
from csvpipe.pool.commits import remove_upload
from csvpipe.pool.deliveries import forget
from csvpipe.pool.spooled import files_of, upload_name
from csvpipe.store.protocol import JobDraft, JobStore

if TYPE_CHECKING:
    from csvpipe.pool.services import Services


def create_or_find(store: JobStore, draft: JobDraft) -> JobRecord:
    """In a thread: create a job. Where the store fails, perhaps only its answer was lost, so it is looked for.

    Raises:
        Exception: What the store has raised, and the job is not there, or nobody knows.
    """
    try:
        return store.create(draft)
    except (IdempotencyConflictError, JobNotFoundError, ParentError):
        raise
    except Exception:
        with suppress(Exception):
            return store.get(draft.id)
        raise


def forget_uploads(services: Services, *job_ids: JobId) -> None:
    """In a thread: remove uploads that became no job. Where that cannot be known, they are left to a sweep."""
    for job_id in job_ids:
        for path in services.spool.kept(upload_name(services.store_id, job_id)):
            if not _may_be_read(services.store, job_id):
                services.spool.remove(path)


def _may_be_read(store: JobStore, job_id: JobId) -> bool:
    try:
        return not store.get(job_id).status.is_terminal
    except JobNotFoundError:
        return False
    except Exception as error:  # noqa: BLE001  # whatever a store raises that is away
        tell_failure(
            error,
            "job %s: nobody knows whether it was created; its upload is kept for now",
            job_id,
            extra=about_job(job_id),
        )
        return True


def remove_job(services: Services, job_id: JobId) -> None:
    """In a thread: remove a job, its upload, its spilled row errors, and what its sink keeps of it.

    Raises:
        JobNotFoundError: It is gone already.
        ParentError: Its rejects are being mended.
        TransitionError: It is running.
    """
    pipeline = None
    if any(each.sink is not None for each in services.pipelines.values()):  # only then there may be something to forget
        pipeline = services.pipelines.get(services.store.get(job_id).pipeline)
    remove_upload(services.store.delete(job_id), services.spool)
    forget(job_id, pipeline)
    for path in services.spool.kept(files_of(services.store_id, job_id)):
        services.spool.remove(path)


async def purge(services: Services, older_than: timedelta | datetime, *, status: JobStatus | None, batch: int) -> int:
    """Remove jobs that have ended, batch after batch; see `WorkerPool.purge`.

    Raises:
        ValueError: The time is naive, or `batch` is below 1.
    """
    when = datetime.now(UTC) - older_than if isinstance(older_than, timedelta) else older_than
    if when.tzinfo is None:
        raise ValueError(f"older_than must be a timedelta or an aware datetime, not {older_than!r}")
    if batch < 1:
        raise ValueError(f"batch counts from 1, not {batch}")
    removed, kept = 0, set[JobId]()
    while (number := await services.threads.call(_purge_batch, services, when, status, batch, kept)) is not None:
        removed += number
    return removed


def _purge_batch(
    services: Services, when: datetime, status: JobStatus | None, limit: int, kept: set[JobId]
) -> int | None:
    """In a thread: remove some of the jobs that ended before a time; how many, and None when there are no more.

    Args:
        services: The pool's.
        when: Aware.
        status: Only these; None for all that have ended.
        limit: At most so many.
        kept: Jobs that must stay, which are added to: their rejects are being mended, or they run again.
    """
    found = services.store.ended_before(when, status=status, limit=limit + len(kept))
    old = [job_id for job_id in found if job_id not in kept][:limit]
    removed = 0
    for job_id in old:
        try:
            remove_job(services, job_id)
        except JobNotFoundError:  # another pool was faster
            continue
        except (ParentError, TransitionError):
            kept.add(job_id)
        else:
            removed += 1
    return removed if old else None
