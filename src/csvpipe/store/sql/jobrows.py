"""One job's row: found, locked, and written back with what a call has changed."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any, Final

import attrs
from sqlalchemy import and_, or_, select

from csvpipe.errors import JobNotFoundError, LeaseLostError
from csvpipe.jobs import JobId, JobRecord, JobStatus, Verb
from csvpipe.store._changes import is_under
from csvpipe.store.protocol import Lease
from csvpipe.store.sql.codec import RECORD_COLUMNS, record_of, record_values
from csvpipe.store.sql.schema import csv_jobs, unended_chain
from csvpipe.store.sql.telling import telling
from csvpipe.store.sql.transactions import Transaction

_jobs = csv_jobs.c

_RECORD: Final = tuple(_jobs[name] for name in RECORD_COLUMNS)
_INTERNAL: Final = tuple(
    _jobs[name]
    for name in ("sequence", "chain_id", "data_start", "requested", "takeovers", "lease_until", "ownership_call")
)


@attrs.frozen(kw_only=True)
class StoredJob:
    """A job as its row has it, but for its plan.

    Attributes:
        record: What everybody sees.
        sequence: Order of creation.
        chain_id: The first job of its chain.
        data_start: Where its first data record starts.
        requested: The noted verb.
        takeovers: How many since the last newly committed chunk.
        lease_until: When the lease runs out; None where there is none.
        ownership_call: The call that last began or ended an ownership.
    """

    record: JobRecord
    sequence: int
    chain_id: JobId
    data_start: int
    requested: Verb | None
    takeovers: int
    lease_until: datetime | None
    ownership_call: object

    @property
    def age(self) -> tuple[datetime, int]:
        """What orders jobs, oldest first."""
        return self.record.created_at, self.sequence

    def is_live(self, now: datetime) -> bool:
        """Whether an owner holds it."""
        return self.lease_until is not None and now < self.lease_until


def stored(row: dict[str, Any]) -> StoredJob:
    """A row of `select_jobs`."""
    requested = row["requested"]
    return StoredJob(
        record=record_of(row),
        sequence=row["sequence"],
        chain_id=row["chain_id"],
        data_start=row["data_start"],
        requested=None if requested is None else Verb(requested),
        takeovers=row["takeovers"],
        lease_until=row["lease_until"],
        ownership_call=row["ownership_call"],
    )


def select_jobs(*more: Any) -> Any:
    """All columns but the large ones."""
    return select(*_RECORD, *_INTERNAL, *more)


def select_records() -> Any:
    """The columns of records."""
    return select(*_RECORD)


# Finding --------------------------------------------------------------------------------------------------------------


def record_by_id(transaction: Transaction, job_id: JobId) -> JobRecord:
    """The job's record.

    Raises:
        JobNotFoundError: There is none.
    """
    row = transaction.row(select_records().where(_jobs.id == job_id))
    if row is None:
        raise JobNotFoundError(job_id)
    return record_of(row)


def see_that_it_exists(transaction: Transaction, job_id: JobId) -> None:
    """Nothing, if there is such a job.

    Raises:
        JobNotFoundError: There is none.
    """
    if transaction.row(select(_jobs.sequence).where(_jobs.id == job_id)) is None:
        raise JobNotFoundError(job_id)


def plan_text(transaction: Transaction, job_id: JobId) -> str:
    """The job's plan, as it is written.

    Raises:
        JobNotFoundError: There is none.
    """
    text: str | None = transaction.connection.execute(select(_jobs.plan).where(_jobs.id == job_id)).scalar_one_or_none()
    if text is None:
        raise JobNotFoundError(job_id)
    return text


def unended(transaction: Transaction, root_id: JobId) -> list[JobRecord]:
    """The jobs of a chain that have not ended: at most one."""
    return [record_of(row) for row in transaction.rows(select_records().where(unended_chain(root_id)))]


# Locking --------------------------------------------------------------------------------------------------------------


def locked(transaction: Transaction, job_id: JobId) -> StoredJob:
    """The job, which nobody else changes until the transaction ends.

    Raises:
        JobNotFoundError: There is none.
    """
    row = transaction.row(select_jobs().where(_jobs.id == job_id).with_for_update())
    if row is None:
        raise JobNotFoundError(job_id)
    return stored(row)


def locked_with_root(transaction: Transaction, lease: Lease) -> tuple[StoredJob, StoredJob | None]:
    """An owner's job and, where it mends rows of another, the first job of its chain if that is still there.

    That one is locked first, as by `create`: two that lock the same rows in different orders wait for each other.

    Raises:
        LeaseLostError: The lease's token is not the job's.
    """
    root = select(_jobs.chain_id).where(_jobs.id == lease.job_id, _jobs.parent_id.is_not(None)).scalar_subquery()
    both = select_jobs().where(or_(_jobs.id == lease.job_id, _jobs.id == root))
    found = [stored(row) for row in transaction.rows(both.order_by(_jobs.parent_id.is_not(None)).with_for_update())]
    own = next((job for job in found if job.record.id == lease.job_id), None)
    if own is None:
        raise LeaseLostError(lease.job_id)
    others = [job for job in found if job is not own]
    return own, others[0] if others else None


def see_that_it_is_under(job: StoredJob, lease: Lease) -> None:
    """Nothing, if the lease is the job's.

    Raises:
        LeaseLostError: It is not.
    """
    if not is_under(job.record, lease.token):
        raise LeaseLostError(lease.job_id)


# Writing --------------------------------------------------------------------------------------------------------------


def save(
    transaction: Transaction, job: StoredJob, record: JobRecord, *, is_changed: bool = False, **internal: Any
) -> JobRecord:
    """Write what one call has made of a job; whoever stops processing loses lease and request.

    Args:
        transaction: It holds the row's lock.
        job: As it was.
        record: As it is to be, but for `revision` and `updated_at`.
        is_changed: Whether something changed that the record does not show.
        internal: Columns besides the record's; alone they are no change of the job.
    """
    before, is_news = job.record, record != job.record or is_changed
    if is_news:
        updated_at = max(before.updated_at, transaction.now)
        record = attrs.evolve(record, revision=before.revision + 1, updated_at=updated_at)
        if record.status is not before.status and before.status is JobStatus.PROCESSING:
            internal = {"lease_until": None, "requested": None, "claimed_by": None, **internal}
    values = differences(record_values(before), record_values(record)) | internal
    if values:
        fence = and_(_jobs.id == before.id, _jobs.attempt == before.attempt)
        statement = csv_jobs.update().where(fence).values(values)
        is_call = record.status is JobStatus.PENDING or values.get("requested") is not None
        transaction.run(telling(transaction, statement, before.id, is_call=is_call) if is_news else statement)
    return record


def differences(before: dict[str, Any], after: dict[str, Any]) -> dict[str, Any]:
    """What is other than before."""
    return {name: value for name, value in after.items() if value != before[name]}


def in_portions(items: Iterable[Any], size: int = 500) -> Iterable[list[Any]]:
    """Lists of at most so many; statements have a limit on their parameters."""
    portion: list[Any] = []
    for item in items:
        portion.append(item)
        if len(portion) == size:
            yield portion
            portion = []
    if portion:
        yield portion
