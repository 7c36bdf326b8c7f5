"""What anybody may do to a job: create, request, delete."""

from __future__ import annotations

from typing import Literal

from sqlalchemy import select

from csvpipe.errors import IdempotencyConflictError, TransitionError
from csvpipe.jobs import JobId, JobRecord, JobStatus, Verb
from csvpipe.store._changes import check_chain, created, enacted, noted
from csvpipe.store.protocol import JobDraft
from csvpipe.store.sql.codec import job_values, owner_key, record_of
from csvpipe.store.sql.jobrows import (
    locked,
    plan_text,
    save,
    see_that_it_exists,
    select_records,
    unended,
)
from csvpipe.store.sql.schema import HAS_KEY, csv_chunks, csv_jobs, csv_resolved, csv_row_errors
from csvpipe.store.sql.telling import telling
from csvpipe.store.sql.transactions import Transaction

_jobs = csv_jobs.c


def create(transaction: Transaction, draft: JobDraft) -> JobRecord:
    """See `JobStore.create`.

    Two that race for a key, or for a chain, both find nothing here: the unique index lets one of them in, and the other
    one's transaction begins anew and finds it.
    """
    row = transaction.row(select_records().where(_jobs.id == draft.id))
    if row is not None:
        return record_of(row)
    first = _first_under_key(transaction, draft)
    if first is not None:
        return first
    if draft.parent_id is not None:
        _join_chain(transaction, draft, draft.parent_id)
    record = created(draft, now=transaction.now)
    is_call = record.status is JobStatus.PENDING
    transaction.run(telling(transaction, csv_jobs.insert(), record.id, is_call=is_call), job_values(record, draft))
    return record


def _first_under_key(transaction: Transaction, draft: JobDraft) -> JobRecord | None:
    if draft.idempotency_key is None:
        return None
    under_key = select_records().add_columns(_jobs.content_key)
    row = transaction.row(
        under_key.where(
            _jobs.owner_key == owner_key(draft.owner), _jobs.idempotency_key == draft.idempotency_key, HAS_KEY
        )
    )
    if row is None:
        return None
    if row["content_key"] != draft.content_key:
        raise IdempotencyConflictError(draft.idempotency_key, str(row["id"]))
    return record_of(row)


def _join_chain(transaction: Transaction, draft: JobDraft, parent_id: JobId) -> None:
    see_that_it_exists(transaction, parent_id)
    # The first job stays while one of its chain is being added.
    transaction.rows(select(_jobs.sequence).where(_jobs.id == draft.root_id).with_for_update(read=True))
    see_that_it_exists(transaction, draft.root_id)
    if draft.failure is None:
        check_chain(draft.id, unended(transaction, draft.root_id))


def request(
    transaction: Transaction, job_id: JobId, verb: Literal[Verb.PAUSE, Verb.RESUME, Verb.CANCEL, Verb.RETRY]
) -> JobRecord:
    """See `JobStore.request`."""
    job = locked(transaction, job_id)
    before = job.record
    record = enacted(before, verb, now=transaction.now)
    if before.status is not JobStatus.PROCESSING:
        if record.status is JobStatus.PENDING and before.status.is_terminal:
            check_chain(job_id, unended(transaction, job.chain_id))
        return save(transaction, job, record, takeovers=0 if verb is Verb.RETRY else job.takeovers)
    if record.status is JobStatus.PROCESSING or job.is_live(transaction.now):
        requested = noted(job.requested, verb)
        if requested is job.requested:
            return before
        return save(transaction, job, before, is_changed=True, requested=None if requested is None else requested.value)
    return save(transaction, job, record)


def delete(transaction: Transaction, job_id: JobId) -> str:
    """See `JobStore.delete`; the plan is returned as it is written."""
    job = locked(transaction, job_id)
    if job.is_live(transaction.now):
        raise TransitionError("delete", job.record.status.value)
    if job.chain_id == job_id:
        check_chain(job_id, unended(transaction, job_id))
        transaction.run(csv_resolved.delete().where(csv_resolved.c.root_id == job_id))
    plan = plan_text(transaction, job_id)
    for table in (csv_row_errors, csv_chunks):
        transaction.run(table.delete().where(table.c.job_id == job_id))
    transaction.run(telling(transaction, csv_jobs.delete().where(_jobs.id == job_id), job_id))
    return plan
