"""Chunk results and their errors, on their way into the tables."""

from __future__ import annotations

from collections.abc import Sequence

import attrs
from sqlalchemy import ColumnElement, and_, func, select

from csvpipe._process.result import ChunkResult
from csvpipe.errors import RowError
from csvpipe.jobs import JobId
from csvpipe.store._changes import Sums
from csvpipe.store.sql.codec import CHUNK_FORMAT, chunk_of, chunk_values, error_of, error_values
from csvpipe.store.sql.jobrows import StoredJob, in_portions
from csvpipe.store.sql.schema import csv_chunks, csv_resolved, csv_row_errors
from csvpipe.store.sql.transactions import Transaction

_chunks = csv_chunks.c
_errors = csv_row_errors.c
_resolved = csv_resolved.c

#: So many errors go to the database at once: few enough that their values need little memory.
_ERRORS_AT_ONCE = 2_000


@attrs.frozen
class Entry:
    """What entering results came to.

    Attributes:
        is_changed: Whether anything is other than before.
        is_progress: Whether a chunk was done that was not done before.
    """

    is_changed: bool
    is_progress: bool


@attrs.frozen
class _Known:
    """A result that is there already, and between which rows its errors lie."""

    result: ChunkResult
    errors_from: int | None
    errors_to: int | None


def enter(transaction: Transaction, job: StoredJob, results: Sequence[ChunkResult], *, root_id: JobId | None) -> Entry:
    """Write results in place of those with the same `start`, where they differ; the last one of a start counts."""
    job_id = job.record.id
    latest = {result.start: result for result in results}
    known = _known(transaction, job_id, list(latest))
    changed = [
        result
        for start, result in latest.items()
        if start not in known or _is_other(transaction, job_id, known[start], result)
    ]
    replaced = [known[result.start] for result in changed if result.start in known]
    _remove(transaction, job_id, replaced)
    _insert(transaction, job_id, changed)
    if root_id is not None:
        _resolve(transaction, root_id, job_id, changed)
    return Entry(bool(changed), len(known) < len(latest))


def sums(transaction: Transaction, job_id: JobId) -> Sums:
    """What all of a job's results add up to."""
    every = (_chunks.processed, _chunks.failed, _chunks.skipped)
    statement = select(func.count(), func.sum(_chunks.end - _chunks.start), *(func.sum(column) for column in every))
    found = transaction.connection.execute(statement.where(_chunks.job_id == job_id)).one()
    chunks, covered, processed, failed, skipped = (int(number or 0) for number in found)
    return Sums(chunks=chunks, covered=covered, processed=processed, failed=failed, skipped=skipped)


def _known(transaction: Transaction, job_id: JobId, starts: list[int]) -> dict[int, _Known]:
    known = {}
    for some in in_portions(starts):
        of_these = select(csv_chunks).where(_chunks.job_id == job_id, _chunks.start.in_(some))
        for row in transaction.rows(of_these):
            known[row["start"]] = _Known(chunk_of(row), row["errors_from"], row["errors_to"])
    return known


def _is_other(transaction: Transaction, job_id: JobId, known: _Known, result: ChunkResult) -> bool:
    if known.result != attrs.evolve(result, errors=()):
        return True
    return _errors_of(transaction, job_id, known) != sorted(result.errors, key=lambda error: error.row)


def _errors_of(transaction: Transaction, job_id: JobId, known: _Known) -> list[RowError]:
    if known.errors_from is None:
        return []
    statement = select(csv_row_errors).where(_lie_in(job_id, known)).order_by(_errors.row, _errors.ordinal)
    return [error_of(row) for row in transaction.rows(statement)]


def _lie_in(job_id: JobId, known: _Known) -> ColumnElement[bool]:
    return and_(
        _errors.job_id == job_id,
        _errors.row.between(known.errors_from, known.errors_to),
        _errors.chunk_start == known.result.start,
    )


def _remove(transaction: Transaction, job_id: JobId, replaced: Sequence[_Known]) -> None:
    for known in replaced:
        if known.errors_from is not None:
            transaction.run(csv_row_errors.delete().where(_lie_in(job_id, known)))
    for some in in_portions(known.result.start for known in replaced):
        transaction.run(csv_chunks.delete().where(_chunks.job_id == job_id, _chunks.start.in_(some)))


def _insert(transaction: Transaction, job_id: JobId, results: Sequence[ChunkResult]) -> None:
    for some in in_portions(chunk_values(job_id, result) for result in results):
        transaction.run(csv_chunks.insert(), some)
    errors = (values for result in results for values in error_values(job_id, result))
    for some in in_portions(errors, _ERRORS_AT_ONCE):
        transaction.run(csv_row_errors.insert(), some)


def _resolve(transaction: Transaction, root_id: JobId, job_id: JobId, results: Sequence[ChunkResult]) -> None:
    """Write which rows of the first job these results import, in place of what was known of their chunks."""
    for some in in_portions(result.start for result in results):
        of_these = (_resolved.root_id == root_id, _resolved.job_id == job_id, _resolved.start.in_(some))
        transaction.run(csv_resolved.delete().where(*of_these))
    values = [
        {
            "root_id": root_id,
            "job_id": job_id,
            "start": result.start,
            "rows": len(result.resolved),
            "format": CHUNK_FORMAT,
            "resolved": result.resolved.data,
        }
        for result in results
        if result.resolved
    ]
    for some in in_portions(values):
        transaction.run(csv_resolved.insert(), some)
