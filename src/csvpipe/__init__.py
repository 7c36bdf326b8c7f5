"""CSV imports for applications: many files at once, bad rows set aside, live progress, no row lost silently.

A file's way through the house, whose rooms sort in the order in which data flows:

    _intake      a source becomes one local file and an `Inspection`
    _partition   the local file becomes `Chunk` after `Chunk`
    _process     a worker makes a `ChunkResult` of a `Chunk`: parse, convert, handle
    _report      `ChunkResult`s become the `JobRecord`, its events and its rejects file

`executors` says who runs workers, `store` where job state lives, and `pool` knows them all. `pipeline` is what to do
with a row; `sync`, `blocking`, `cli` and `web` are doors.

What pipelines are declared with is imported at once. The doors, and what they tell of jobs, are when they are first
asked for: whoever declares pipelines in a module of its own, as worker processes see it, does not pay for the pool.
"""

from __future__ import annotations

import importlib
import typing

from csvpipe.context import Context
from csvpipe.dialect import Dialect
from csvpipe.errors import (
    Abort,
    CsvPipeError,
    DialectError,
    EncodingUnknownError,
    ErrorTotal,
    FileCode,
    FileError,
    IdempotencyConflictError,
    JobFailedError,
    JobNotFoundError,
    LeaseLostError,
    MissingExtraError,
    ParentError,
    Phase,
    PipelineError,
    PipelineNotFoundError,
    PoolClosedError,
    Reject,
    RejectRows,
    RowCode,
    RowError,
    Skip,
    SourceGoneError,
    StoreUnavailableError,
    StoreVersionError,
    TransitionError,
    Unavailable,
)
from csvpipe.limits import Limits
from csvpipe.pipeline import Pipeline, pipeline
from csvpipe.policies import Retry
from csvpipe.rowtypes import Column, ColumnNotFoundError, Row

if typing.TYPE_CHECKING:
    from csvpipe._intake.inspection import Finding, Inspection, Trial
    from csvpipe._intake.source import Source
    from csvpipe._report.feed import JobEvents, PoolEvents
    from csvpipe.blocking import BlockingEvents, BlockingJob, BlockingWorkerPool
    from csvpipe.events import EventKind, JobEvent
    from csvpipe.inspecting import inspect
    from csvpipe.jobs import JobId, JobRecord, JobStatus
    from csvpipe.pool import Job, PoolStatistics, WorkerPool
    from csvpipe.store import JobStore, MemoryJobStore
    from csvpipe.store.protocol import ANY_OWNER, JobPage, JobSlice
    from csvpipe.store.sql import SQLJobStore
    from csvpipe.sync import run
    from csvpipe.watching import watch

__version__ = "0.1.0"

#: Where the names are that are imported when they are first asked for.
_LATE = {
    "ANY_OWNER": "csvpipe.store.protocol",
    "BlockingEvents": "csvpipe.blocking",
    "BlockingJob": "csvpipe.blocking",
    "BlockingWorkerPool": "csvpipe.blocking",
    "EventKind": "csvpipe.events",
    "Finding": "csvpipe._intake.inspection",
    "Inspection": "csvpipe._intake.inspection",
    "Job": "csvpipe.pool",
    "JobEvent": "csvpipe.events",
    "JobEvents": "csvpipe._report.feed",
    "JobId": "csvpipe.jobs",
    "JobPage": "csvpipe.store.protocol",
    "JobRecord": "csvpipe.jobs",
    "JobSlice": "csvpipe.store.protocol",
    "JobStatus": "csvpipe.jobs",
    "JobStore": "csvpipe.store",
    "MemoryJobStore": "csvpipe.store",
    "PoolEvents": "csvpipe._report.feed",
    "PoolStatistics": "csvpipe.pool",
    "SQLJobStore": "csvpipe.store.sql",
    "Source": "csvpipe._intake.source",
    "Trial": "csvpipe._intake.inspection",
    "WorkerPool": "csvpipe.pool",
    "inspect": "csvpipe.inspecting",
    "run": "csvpipe.sync",
    "watch": "csvpipe.watching",
}

__all__ = [
    "ANY_OWNER",
    "Abort",
    "BlockingEvents",
    "BlockingJob",
    "BlockingWorkerPool",
    "Column",
    "ColumnNotFoundError",
    "Context",
    "CsvPipeError",
    "Dialect",
    "DialectError",
    "EncodingUnknownError",
    "ErrorTotal",
    "EventKind",
    "FileCode",
    "FileError",
    "Finding",
    "IdempotencyConflictError",
    "Inspection",
    "Job",
    "JobEvent",
    "JobEvents",
    "JobFailedError",
    "JobId",
    "JobNotFoundError",
    "JobPage",
    "JobRecord",
    "JobSlice",
    "JobStatus",
    "JobStore",
    "LeaseLostError",
    "Limits",
    "MemoryJobStore",
    "MissingExtraError",
    "ParentError",
    "Phase",
    "Pipeline",
    "PipelineError",
    "PipelineNotFoundError",
    "PoolClosedError",
    "PoolEvents",
    "PoolStatistics",
    "Reject",
    "RejectRows",
    "Retry",
    "Row",
    "RowCode",
    "RowError",
    "SQLJobStore",
    "Skip",
    "Source",
    "SourceGoneError",
    "StoreUnavailableError",
    "StoreVersionError",
    "TransitionError",
    "Trial",
    "Unavailable",
    "WorkerPool",
    "inspect",
    "pipeline",
    "run",
    "watch",
]


def __getattr__(name: str) -> object:
    """Import a name of `_LATE`, once."""
    if name not in _LATE:
        raise AttributeError(f"module 'csvpipe' has no attribute {name!r}")
    value = globals()[name] = getattr(importlib.import_module(_LATE[name]), name)
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_LATE})
