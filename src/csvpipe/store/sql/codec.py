"""Between values and rows. What is not a column of its own is JSON or bytes, under a version."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from itertools import groupby
from typing import Any, Final

import attrs

from csvpipe._intake.inspection import JobPlan
from csvpipe._process.result import ChunkResult
from csvpipe._process.rowset import RowSet
from csvpipe.errors import ErrorTotal, FileCode, FileFailure, Phase, RowError
from csvpipe.jobs import JobId, JobRecord, JobStatus
from csvpipe.store.protocol import JobDraft

#: How chunk results are written. A later version must go on to read this one.
CHUNK_FORMAT: Final = 1

#: The stored attributes of a record, which are columns of the same names.
RECORD_COLUMNS: Final = tuple(field.name for field in attrs.fields(JobRecord))

_PLAIN_CHUNK: Final = ("start", "end", "first_row", "first_line", "lines", "processed", "failed", "skipped", "spill")


def owner_key(owner: str | None) -> str:
    """An owner, or that there is none, as one text."""
    return "" if owner is None else f"={owner}"


# Jobs -----------------------------------------------------------------------------------------------------------------


def record_of(row: Mapping[str, Any]) -> JobRecord:
    """The record in a row that has its columns, and perhaps others."""
    values = {name: row[name] for name in RECORD_COLUMNS}
    values["status"] = JobStatus(values["status"])
    return JobRecord(**values)


def record_values(record: JobRecord) -> dict[str, Any]:
    """The columns of a record."""
    return {name: getattr(record, name) for name in RECORD_COLUMNS} | {"status": record.status.value}


def job_values(record: JobRecord, draft: JobDraft) -> dict[str, Any]:
    """All columns of a new job."""
    found = draft.plan.inspection
    return record_values(record) | {
        "chain_id": draft.root_id,
        "owner_key": owner_key(draft.owner),
        "plan": json.dumps(draft.plan.to_dict(), separators=(",", ":")),
        "plan_version": draft.plan.version,
        "data_start": 0 if found is None else found.data_start,
        "idempotency_key": draft.idempotency_key,
        "content_key": draft.content_key,
        "inspection_key": draft.inspection_key,
        "takeovers": 0,
    }


def plan_of(text: str) -> JobPlan:
    """The plan that was written as this text."""
    return JobPlan.from_dict(json.loads(text))


# Chunks ---------------------------------------------------------------------------------------------------------------


def chunk_values(job_id: JobId, result: ChunkResult) -> dict[str, Any]:
    """The columns of a chunk result."""
    details: dict[str, Any] = {}
    if result.totals:
        details["totals"] = [_total_values(total) for total in result.totals]
    if result.failure is not None:
        details["failure"] = [result.failure.code.value, result.failure.message]
    rows = [error.row for error in result.errors]
    return {name: getattr(result, name) for name in _PLAIN_CHUNK} | {
        "job_id": job_id,
        "format": CHUNK_FORMAT,
        "details": json.dumps(details, separators=(",", ":")) if details else None,
        "rejected": result.rejected.data or None,
        "resolved": result.resolved.data or None,
        "errors_from": min(rows, default=None),
        "errors_to": max(rows, default=None),
    }


def chunk_of(row: Mapping[str, Any]) -> ChunkResult:
    """The chunk result in a row, without its errors."""
    details: dict[str, Any] = json.loads(row["details"]) if row["details"] else {}
    failure = details.get("failure")
    return ChunkResult(
        **{name: row[name] for name in _PLAIN_CHUNK},
        totals=totals_of(row["details"]),
        rejected=rows_of(row["rejected"]),
        resolved=rows_of(row["resolved"]),
        failure=None if failure is None else FileFailure(code=FileCode(failure[0]), message=failure[1]),
    )


def totals_of(details: str | None) -> tuple[ErrorTotal, ...]:
    """The totals in a chunk's details."""
    if not details:
        return ()
    return tuple(
        ErrorTotal(code=code, column=column, errors=errors, samples=tuple(_sample_of(sample) for sample in samples))
        for code, column, errors, samples in json.loads(details).get("totals", ())
    )


def rows_of(data: bytes | None) -> RowSet:
    """The set of rows in a column of bytes."""
    return RowSet(bytes(data or b""))


def _total_values(total: ErrorTotal) -> list[Any]:
    return [total.code, total.column, total.errors, [sample.to_dict() for sample in total.samples]]


def _sample_of(plain: dict[str, Any]) -> RowError:
    return RowError(**{**plain, "phase": Phase(plain["phase"])})


# Row errors -----------------------------------------------------------------------------------------------------------


def error_values(job_id: JobId, result: ChunkResult) -> Iterator[dict[str, Any]]:
    """The columns of a chunk result's errors."""
    in_file_order = sorted(result.errors, key=lambda error: error.row)
    for _, of_one_row in groupby(in_file_order, key=lambda error: error.row):
        for ordinal, error in enumerate(of_one_row):
            yield {
                "job_id": job_id,
                "row": error.row,
                "chunk_start": result.start,
                "ordinal": ordinal,
                "line": error.line,
                "column": error.column,
                "code": error.code,
                "phase": error.phase.value,
                "message": error.message,
                "value": error.value,
                "start": error.start,
                "end": error.end,
            }


def error_of(row: Mapping[str, Any]) -> RowError:
    """The error in a row."""
    return RowError(
        row=row["row"],
        line=row["line"],
        column=row["column"],
        code=row["code"],
        phase=Phase(row["phase"]),
        message=row["message"],
        value=row["value"],
        start=row["start"],
        end=row["end"],
    )


def numbered(errors: Iterable[RowError]) -> Iterator[tuple[int, RowError]]:
    """Errors in file order, each with its ordinal within its row; the first one begins its row."""
    for _, of_one_row in groupby(errors, key=lambda error: error.row):
        yield from enumerate(of_one_row)
