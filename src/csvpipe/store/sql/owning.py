"""What a job's owner does: renew, commit, settle."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any, Final, Literal
from uuid import UUID

import attrs
from sqlalchemy import func, select

from csvpipe._process.result import ChunkResult
from csvpipe.errors import FileFailure
from csvpipe.jobs import JobRecord, Verb
from csvpipe.store._changes import is_under, settled, with_sums
from csvpipe.store.protocol import Lease, Renewal
from csvpipe.store.sql.chunks import enter, sums
from csvpipe.store.sql.codec import plan_of
from csvpipe.store.sql.jobrows import (
    StoredJob,
    in_portions,
    locked_with_root,
    plan_text,
    save,
    see_that_it_is_under,
    select_jobs,
    stored,
)
from csvpipe.store.sql.looking import tiles
from csvpipe.store.sql.schema import csv_jobs, csv_resolved
from csvpipe.store.sql.transactions import Transaction

_jobs = csv_jobs.c


def renew(transaction: Transaction, leases: Sequence[Lease], lease_seconds: float) -> list[Renewal]:
    """See `JobStore.renew`. Rows are locked in the order of their ids."""
    until = transaction.now + timedelta(seconds=lease_seconds)
    held: dict[object, StoredJob] = {}
    for job_ids in in_portions(sorted({lease.job_id for lease in leases})):
        mine = select_jobs().where(_jobs.id.in_(job_ids)).order_by(_jobs.id).with_for_update()
        held |= {row["id"]: stored(row) for row in transaction.rows(mine)}
    answers = []
    for lease in leases:
        job = held.get(lease.job_id)
        is_held = job is not None and is_under(job.record, lease.token)
        requested = job.requested if job is not None and is_held else None
        answers.append(Renewal(lease=lease, is_held=is_held, requested=requested))
    for job_ids in in_portions(sorted({answer.lease.job_id for answer in answers if answer.is_held})):
        transaction.run(csv_jobs.update().where(_jobs.id.in_(job_ids)).values(lease_until=until))
    return answers


def commit(transaction: Transaction, lease: Lease, results: Sequence[ChunkResult], total_rows: int | None) -> JobRecord:
    """See `JobStore.commit`."""
    job, root = locked_with_root(transaction, lease)
    see_that_it_is_under(job, lease)
    record, is_changed, internal = _entered(transaction, job, root, results, total_rows)
    return save(transaction, job, record, is_changed=is_changed, **internal)


def settle(
    transaction: Transaction,
    lease: Lease,
    verb: Literal[Verb.COMPLETE, Verb.FAIL, Verb.CANCEL, Verb.PAUSE, Verb.RELEASE],
    *,
    results: Sequence[ChunkResult],
    total_rows: int | None,
    failure: FileFailure | None,
    call: UUID,
) -> JobRecord:
    """See `JobStore.settle`."""
    job, root = locked_with_root(transaction, lease)
    if transaction.is_repeat and job.ownership_call == call:
        return job.record
    see_that_it_is_under(job, lease)
    record, _, internal = _entered(transaction, job, root, results, total_rows)
    record = settled(
        record,
        verb,
        plan=plan_of(plan_text(transaction, lease.job_id)),
        results=tiles(transaction, lease.job_id) if verb is Verb.COMPLETE else (),
        requested=job.requested,
        failure=failure,
        now=transaction.now,
    )
    return save(transaction, job, record, **internal, ownership_call=call)


_RESOLVED: Final = select(func.coalesce(func.sum(csv_resolved.c.rows), 0))


def _entered(
    transaction: Transaction,
    job: StoredJob,
    root: StoredJob | None,
    results: Sequence[ChunkResult],
    total_rows: int | None,
) -> tuple[JobRecord, bool, dict[str, Any]]:
    """The record with these results in its counters, whether they change anything, and what else is to be written."""
    entry = enter(transaction, job, results, root_id=None if root is None else root.record.id)
    if root is not None and entry.is_changed:
        of_chain = _RESOLVED.where(csv_resolved.c.root_id == root.record.id)
        resolved_rows = int(transaction.connection.execute(of_chain).scalar_one())
        save(transaction, root, attrs.evolve(root.record, resolved_rows=resolved_rows))
    if not entry.is_changed:
        record = job.record if total_rows is None else attrs.evolve(job.record, total_rows=total_rows)
        return record, False, {}
    record = with_sums(job.record, job.data_start, sums(transaction, job.record.id), total_rows=total_rows)
    return record, True, {"takeovers": 0} if entry.is_progress and job.takeovers else {}
