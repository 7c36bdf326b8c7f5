"""Everything that crosses from one process to another arrives as it was sent."""

from __future__ import annotations

import copy
import pickle
from datetime import UTC, datetime
from importlib import import_module
from types import ModuleType
from typing import Final
from uuid import UUID

import attrs
import pytest

from csvpipe import errors, sink, transactions
from csvpipe._intake.carried import CarriedFile
from csvpipe._intake.inspection import Finding, Inspection, JobPlan, Trial
from csvpipe._intake.mended.layout import Mends
from csvpipe._intake.remote import RemoteObject
from csvpipe._intake.source import LocalFile, _HeldFile
from csvpipe._partition.chunk import Chunk
from csvpipe._process.result import ChunkResult
from csvpipe._process.rowset import RowSet
from csvpipe._process.work import Allowance
from csvpipe.context import OutsideBatchError
from csvpipe.dialect import Dialect
from csvpipe.errors import ErrorTotal, FileCode, FileFailure, Phase, Reject, RowError
from csvpipe.events import EventKind, JobEvent
from csvpipe.jobs import JobId, JobRecord, JobStatus, Verb
from csvpipe.limits import Limits
from csvpipe.policies import Retry
from csvpipe.pool import PoolStatistics
from csvpipe.rowtypes import ColumnNotFoundError, Row
from csvpipe.store.protocol import Claim, JobDraft, JobPage, JobSlice, Lease, Renewal, WorkerId

_MODULES: Final = (
    "csvpipe.errors",
    "csvpipe.jobs",
    "csvpipe.events",
    "csvpipe.dialect",
    "csvpipe.limits",
    "csvpipe.policies",
    "csvpipe.pool.pool",
    "csvpipe.sink",
    "csvpipe._intake.carried",
    "csvpipe._intake.inspection",
    "csvpipe._intake.mended.layout",
    "csvpipe._intake.source",
    "csvpipe._partition.chunk",
    "csvpipe._process.result",
    "csvpipe._process.rowset",
    "csvpipe._process.work",
    "csvpipe.store.protocol",
)

_NOON: Final = datetime(2024, 5, 1, 12, tzinfo=UTC)
_JOB: Final = JobId(UUID(int=7))
_PLAN: Final = JobPlan(
    source=LocalFile(path="/data/people.csv", size=110, mtime_ns=1_700_000_000, is_spooled=True, sha256="ab"),
    inspection=Inspection(
        encoding="utf-8",
        dialect=Dialect(delimiter=";", quotechar=None, escapechar="\\"),
        columns=("id", "name"),
        data_start=10,
        data_line=2,
        source_encoding="utf-16-le",
        compression="gzip",
        header_line=2,
        preamble=("People",),
        preamble_lines=1,
        sample_rows=(("1", "Ana"),),
        estimated_rows=9,
        findings=(Finding(what="dialect", value="semicolon", evidence="9 rows of 2 cells", confidence=0.9),),
    ),
    limits=Limits(rows=9, file_bytes=1000),
    dry_run=True,
    mends=Mends(columns=("id", "name"), cells=(5, 6), width=7, row=0, code=2),
)
_ROW_ERROR: Final = RowError(
    row=3,
    line=5,
    column="age",
    code="int",
    phase=Phase.CONVERT,
    message="not a number",
    value="x",
    start=40,
    end=52,
)
_FAILURE: Final = FileFailure(code=FileCode.REJECT_LIMIT, message="too many")
_REFUSAL: Final = sink.Refusal(code="unique", message="there already", detail="id 7", column="id")
_TOTAL: Final = ErrorTotal(code="int", column="age", errors=4, samples=(_ROW_ERROR,))
_RECORD: Final = JobRecord(
    id=_JOB,
    pipeline="people",
    filename="people.csv",
    owner="ana",
    dry_run=True,
    status=JobStatus.FAILED,
    total_rows=10,
    processed_rows=5,
    failed_rows=4,
    skipped_rows=1,
    bytes_total=110,
    bytes_processed=60,
    error_code="reject_limit",
    error_message="too many",
    attempt=2,
    revision=8,
    created_at=_NOON,
    started_at=_NOON,
    completed_at=_NOON,
    updated_at=_NOON,
    parent_id=_JOB,
    root_id=_JOB,
    resolved_rows=3,
)
_LEASE: Final = Lease(job_id=_JOB, worker=WorkerId("ana"), token=2)

#: One of each class, every optional field filled.
_SAMPLES: Final[tuple[object, ...]] = (
    _FAILURE,
    _LEASE,
    _PLAN,
    _PLAN.inspection,
    Finding(what="encoding", value="utf-8", evidence="every byte of the sample is UTF-8", confidence=0.99),
    Trial(rows=9, rejected=1, totals=(_TOTAL,)),
    _PLAN.limits,
    _PLAN.source,
    _RECORD,
    _ROW_ERROR,
    _TOTAL,
    Allowance(error_budget=3, spill="job-10.errors"),
    Dialect(delimiter="|", quotechar="'", doublequote=False, escapechar="\\", skipinitialspace=True, strict=True),
    Chunk(start=10, end=60, first_row=1, first_line=2, rows=5, lines=6, cuts=(20, 40)),
    ChunkResult(
        start=10,
        end=60,
        first_row=1,
        first_line=2,
        lines=6,
        processed=3,
        failed=1,
        skipped=1,
        errors=(_ROW_ERROR,),
        totals=(_TOTAL,),
        spill="job-10.errors",
        rejected=RowSet.of((3,)),
        resolved=RowSet.of((5, 6)),
        failure=_FAILURE,
    ),
    Claim(lease=_LEASE, record=_RECORD, plan=_PLAN, root_id=_JOB),
    JobDraft(
        id=_JOB,
        pipeline="people",
        filename="people.csv",
        owner="ana",
        plan=_PLAN,
        failure=_FAILURE,
        root_id=_JOB,
        parent_id=_JOB,
        idempotency_key="k1",
        content_key="people/abc",
    ),
    _HeldFile(path="/data/ids.csv", size=3, mtime_ns=5, content=b"id\n"),
    CarriedFile(path="/data/ids.csv", size=6, mtime_ns=5, pieces=((3, b"1\n"),)),
    RemoteObject(path="s3://data/ids.csv", size=3, mtime_ns=5),
    JobEvent(kind=EventKind.FAILED, job=_RECORD),
    JobPage(jobs=(_RECORD,), page=2, limit=3, total=4, is_total_exact=False),
    JobSlice(jobs=(_RECORD,), following="1714564800000000.7"),
    PoolStatistics(workers=4, busy_workers=3, running_jobs=2, waiting_chunks=1),
    Renewal(lease=_LEASE, is_held=True, requested=Verb.PAUSE),
    Retry(attempts=3, on=(ArithmeticError, LookupError), backoff_seconds=0.5, max_backoff_seconds=9.0),
    Row(number=3, line=5, index={"id": 0, "name": 1}, values=["7", "Ana"]),
    _PLAN.mends,
    RowSet.of((1, 2, 9)),
    OutsideBatchError("row index 9 is outside the batch of 3 rows"),
    ColumnNotFoundError("nome", ("id", "name")),
    sink.DeferredError("a key is missing"),
    sink.RefusedError(_REFUSAL, 3, is_sure=True),
    transactions.UndoneError(),
    sink.RefusedError(_REFUSAL, refusals={3: _REFUSAL}),
    sink.RefusedError(_REFUSAL, 3, is_sure=True, is_undone=True),
    errors.TakenOverError(_JOB),
    _REFUSAL,
    errors.Abort("wrong file"),
    errors.CsvPipeError("anything"),
    errors.DialectError("delimiter must be one character"),
    errors.EncodingUnknownError("utf-99"),
    errors.FileError(FileCode.EMPTY, "nothing in it"),
    errors.IdempotencyConflictError("k1", "7"),
    errors.JobFailedError("people.csv", "failed", "empty", "nothing in it"),
    errors.JobNotFoundError(_JOB),
    errors.LeaseLostError(_JOB),
    errors.MissingExtraError("SQLJobStore", "sql"),
    errors.ParentError(_JOB, "it is processing"),
    errors.PipelineError("no annotation"),
    errors.PipelineNotFoundError("load", ("a", "b")),
    errors.PoolClosedError("outside its block"),
    errors.Reject("too old", column="age", code="age"),
    errors.RejectRows({3: Reject("no", column="age"), 5: Reject("never")}),
    errors.Skip("a test row"),
    errors.SourceGoneError("people.csv is gone"),
    errors.StoreUnavailableError("postgresql://ana:***@db/jobs", "connection refused"),
    errors.StoreVersionError(3, 2),
    errors.TransitionError("retry", "completed"),
    errors.Unavailable("no route to host"),
)


def crossing_classes(module: ModuleType) -> list[type]:
    """The exceptions and attrs values that a module defines."""
    defined = [value for value in vars(module).values() if isinstance(value, type)]
    return [
        value
        for value in defined
        if value.__module__ == module.__name__ and (attrs.has(value) or issubclass(value, BaseException))
    ]


@pytest.mark.parametrize("name", _MODULES)
def test_every_class_has_a_sample(name: str) -> None:
    """A class that is new in these modules is pickled here, or this test fails."""
    sampled = {type(sample) for sample in _SAMPLES}
    assert set() == set(crossing_classes(import_module(name))) - sampled


def test_every_error_has_a_sample() -> None:
    """So does every exception that csvpipe raises on purpose, wherever it is defined."""
    sampled = {type(sample) for sample in _SAMPLES}
    assert set() == {kind for kind in offspring(errors.CsvPipeError) if is_ours(kind)} - sampled


@pytest.mark.parametrize("sample", _SAMPLES, ids=lambda sample: type(sample).__name__)
@pytest.mark.parametrize("protocol", range(2, pickle.HIGHEST_PROTOCOL + 1))
def test_a_round_trip_changes_nothing(sample: object, protocol: int) -> None:
    """What arrives has the type, the values and the words of what was sent."""
    arrived = pickle.loads(pickle.dumps(sample, protocol))  # noqa: S301  # our own bytes
    assert image(sample) == image(arrived)


@pytest.mark.parametrize("sample", _SAMPLES, ids=lambda sample: type(sample).__name__)
def test_a_copy_is_the_same(sample: object) -> None:
    """Copies, which take the same way, are equal too."""
    assert image(sample) == image(copy.deepcopy(sample))


@pytest.mark.parametrize(
    "sample", [sample for sample in _SAMPLES if attrs.has(type(sample))], ids=lambda sample: type(sample).__name__
)
def test_values_cannot_be_changed_and_are_hashable(sample: object) -> None:
    """A value that is shared between threads stays as it is, and may be a key."""
    name = attrs.fields(type(sample))[0].name  # type: ignore[arg-type]
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        setattr(sample, name, None)
    assert hash(sample) == hash(copy.deepcopy(sample))


def offspring(kind: type[Exception]) -> set[type[Exception]]:
    """The class and all that are derived from it, so far as they have been imported."""
    return {kind}.union(*map(offspring, kind.__subclasses__()))


def is_ours(kind: type[Exception]) -> bool:
    """Whether csvpipe defines it, and not a test."""
    return kind.__module__.partition(".")[0] == "csvpipe"


def image(value: object) -> object:
    """What must survive: a value, or an exception's type, words and attributes, since no two exceptions are equal."""
    if not isinstance(value, BaseException):
        return value
    attributes = {name: repr(attribute) for name, attribute in vars(value).items()}
    return type(value), str(value), repr(value.args), attributes
