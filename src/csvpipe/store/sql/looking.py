"""What only looks: records, pages, results, errors."""

from __future__ import annotations

from collections import Counter
from datetime import datetime

from sqlalchemy import BigInteger, ColumnElement, and_, func, literal, select, tuple_

from csvpipe._intake.inspection import PLAN_VERSION, Inspection
from csvpipe._process.result import ChunkResult
from csvpipe._process.rowset import RowSet
from csvpipe.errors import ErrorTotal, RowError
from csvpipe.jobs import JobId, JobRecord, JobStatus
from csvpipe.store import _pages
from csvpipe.store._cursor import cursor_of, cursor_to, see_limit
from csvpipe.store.overview import StoreOverview
from csvpipe.store.protocol import ANY_OWNER, JobPage, JobSlice, OwnerFilter
from csvpipe.store.sql.codec import chunk_of, error_of, numbered, owner_key, plan_of, record_of, rows_of, totals_of
from csvpipe.store.sql.columns import UtcTime
from csvpipe.store.sql.jobrows import see_that_it_exists, select_records
from csvpipe.store.sql.schema import WAS_INSPECTED, csv_chunks, csv_jobs, csv_resolved, csv_row_errors, csv_schema
from csvpipe.store.sql.transactions import Transaction

_jobs = csv_jobs.c
_chunks = csv_chunks.c
_errors = csv_row_errors.c
_resolved = csv_resolved.c


def list_jobs(
    transaction: Transaction, *, page: int, limit: int, status: JobStatus | None, owner: OwnerFilter
) -> JobPage:
    """See `JobStore.list_jobs`.

    Of the jobs that are counted, and of those before the page, only the keys are read, from an index.
    """
    offset, newest = (page - 1) * limit, (_jobs.created_at.desc(), _jobs.sequence.desc())
    keys = select(_jobs.sequence).where(*_matching(status, owner)).order_by(*newest)
    first = keys.limit(_pages.COUNTED_JOBS + 1).subquery("first")
    counted = transaction.connection.execute(select(func.count()).select_from(first)).scalar_one()
    found: list[JobRecord] = []
    if offset < counted or counted > _pages.COUNTED_JOBS:
        on_page = keys.limit(limit + 1).offset(offset)
        statement = select_records().where(_jobs.sequence.in_(on_page)).order_by(*newest)
        found = [record_of(row) for row in transaction.rows(statement)]
    return _pages.page_of(found, page=page, limit=limit, counted=counted)


def history(
    transaction: Transaction, *, after: str | None, limit: int, status: JobStatus | None, owner: OwnerFilter
) -> JobSlice:
    """See `JobStore.history`. An index has the jobs in this order under each combination of filters."""
    see_limit(limit)
    conditions = _matching(status, owner)
    if after is not None:
        created_at, sequence = cursor_to(after)
        seen = tuple_(literal(created_at, UtcTime), literal(sequence, BigInteger))
        conditions.append(tuple_(_jobs.created_at, _jobs.sequence) < seen)
    newest = (_jobs.created_at.desc(), _jobs.sequence.desc())
    statement = select_records().add_columns(_jobs.sequence).where(*conditions).order_by(*newest).limit(limit + 1)
    rows = transaction.rows(statement)
    following = cursor_of(rows[limit - 1]["created_at"], rows[limit - 1]["sequence"]) if len(rows) > limit else None
    return JobSlice(jobs=tuple(record_of(row) for row in rows[:limit]), following=following)


def _matching(status: JobStatus | None, owner: OwnerFilter) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = []
    if status is not None:
        conditions.append(_jobs.status == status.value)
    if owner is not ANY_OWNER:
        conditions.append(_jobs.owner_key == owner_key(owner))
    return conditions


def inspected(transaction: Transaction, inspection_key: str) -> Inspection | None:
    """See `JobStore.inspected`."""
    newest = (
        select(_jobs.plan)
        .where(_jobs.inspection_key == inspection_key, WAS_INSPECTED, _jobs.plan_version <= PLAN_VERSION)
        .order_by(_jobs.created_at.desc(), _jobs.sequence.desc())
        .limit(1)
    )
    text = transaction.connection.execute(newest).scalar_one_or_none()
    return None if text is None else plan_of(text).inspection


def identity(transaction: Transaction) -> str:
    """See `JobStore.identity`."""
    statement = select(csv_schema.c.identity).where(csv_schema.c.version == 1)
    return str(transaction.connection.execute(statement).scalar_one())


def overview(transaction: Transaction) -> StoreOverview:
    """See `Overseeing.overview`."""
    counts = transaction.rows(select(_jobs.status, func.count().label("jobs")).group_by(_jobs.status))
    known = {JobStatus(row["status"]): row["jobs"] for row in counts}
    oldest = select(func.min(_jobs.created_at)).where(_jobs.status == JobStatus.PENDING.value)
    return StoreOverview(
        jobs={status: known.get(status, 0) for status in JobStatus},
        oldest_pending_at=transaction.connection.execute(oldest).scalar_one_or_none(),
    )


def ended_before(transaction: Transaction, when: datetime, *, status: JobStatus | None, limit: int) -> list[JobId]:
    """See `JobStore.ended_before`."""
    wanted = [each.value for each in JobStatus if each.is_terminal and status in (None, each)]
    statement = (
        select(_jobs.id)
        .where(_jobs.status.in_(wanted), _jobs.completed_at < when)
        .order_by(_jobs.completed_at, _jobs.created_at, _jobs.sequence)
        .limit(max(0, limit))
    )
    return [row["id"] for row in transaction.rows(statement)]


def committed(transaction: Transaction, job_id: JobId) -> list[ChunkResult]:
    """See `JobStore.committed`."""
    see_that_it_exists(transaction, job_id)
    statement = select(csv_chunks).where(_chunks.job_id == job_id).order_by(_chunks.start)
    return [chunk_of(row) for row in transaction.rows(statement)]


def tiles(transaction: Transaction, job_id: JobId) -> list[ChunkResult]:
    """A job's results by `start`, with what tells whether they account for the whole file and no more."""
    names = ("start", "end", "first_row", "first_line", "lines", "processed", "failed", "skipped")
    statement = select(*(_chunks[name] for name in names)).where(_chunks.job_id == job_id).order_by(_chunks.start)
    return [ChunkResult(**row) for row in transaction.rows(statement)]


def resolved(transaction: Transaction, root_id: JobId, *, apart_from: JobId | None) -> list[RowSet]:
    """See `JobStore.resolved`."""
    see_that_it_exists(transaction, root_id)
    statement = select(_resolved.resolved).where(_resolved.root_id == root_id)
    if apart_from is not None:
        statement = statement.where(_resolved.job_id != apart_from)
    return [rows_of(row["resolved"]) for row in transaction.rows(statement)]


# Row errors -----------------------------------------------------------------------------------------------------------


def row_errors(
    transaction: Transaction, job_id: JobId, *, limit: int, after: tuple[int, int] | None
) -> list[tuple[int, RowError]]:
    """See `JobStore.row_errors`. Reading begins with the first error of a row, so that ordinals can be counted."""
    see_that_it_exists(transaction, job_id)
    of_job = select(csv_row_errors).where(_errors.job_id == job_id)
    seen = 0
    if after is not None:
        of_job = of_job.where(_errors.row >= after[0])
        seen = max(0, after[1] + 1)
    in_file_order = (_errors.row, _errors.chunk_start, _errors.ordinal)
    statement = of_job.order_by(*in_file_order).limit(limit + seen)
    found = numbered(error_of(row) for row in transaction.rows(statement))
    return [(ordinal, error) for ordinal, error in found if after is None or (error.row, ordinal) > after][:limit]


def error_totals(transaction: Transaction, job_id: JobId, *, samples: int) -> list[ErrorTotal]:
    """See `JobStore.error_totals`."""
    see_that_it_exists(transaction, job_id)
    counts: Counter[tuple[str, str | None]] = Counter()
    spilled: dict[tuple[str, str | None], list[RowError]] = {}
    statement = select(_chunks.details).where(_chunks.job_id == job_id, _chunks.details.is_not(None))
    for row in transaction.rows(statement.order_by(_chunks.start)):
        for total in totals_of(row["details"]):
            counts[total.code, total.column] += total.errors
            spilled.setdefault((total.code, total.column), []).extend(total.samples)
    ranked = sorted(counts.items(), key=lambda item: (-item[1], item[0][0], item[0][1] or ""))
    found = []
    for (code, column), errors in ranked:
        known = dict.fromkeys(_first_of_kind(transaction, job_id, code, column, samples))
        known |= dict.fromkeys(spilled[code, column])
        first = sorted(known, key=lambda error: error.row)[: max(0, samples)]
        found.append(ErrorTotal(code=code, column=column, errors=errors, samples=tuple(first)))
    return found


def _first_of_kind(
    transaction: Transaction, job_id: JobId, code: str, column: str | None, samples: int
) -> list[RowError]:
    is_kind = _errors.column.is_(None) if column is None else _errors.column == column
    in_file_order = (_errors.row, _errors.chunk_start, _errors.ordinal)
    # Their keys alone are in the index; to find whole errors SQLite would rather go through all of the job's.
    of_kind = select(*in_file_order).where(_errors.job_id == job_id, _errors.code == code, is_kind)
    keys = of_kind.order_by(*in_file_order).limit(max(0, samples)).subquery("keys")
    is_same = and_(*(column == keys.c[column.name] for column in in_file_order))
    statement = select(csv_row_errors).join_from(keys, csv_row_errors, is_same).where(_errors.job_id == job_id)
    return [error_of(row) for row in transaction.rows(statement.order_by(*in_file_order))]
