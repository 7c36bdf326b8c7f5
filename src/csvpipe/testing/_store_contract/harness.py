"""What a contract test works with: a store seen through two handles, and jobs that are easy to reckon with.

Every sample file has a header of 10 bytes on one line, then rows of 10 bytes and one line each: the row `n` lies at
byte `10 * n` on line `n + 1`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final
from uuid import uuid4

import attrs
import pytest

from csvpipe._intake.inspection import Inspection, JobPlan
from csvpipe._intake.source import LocalFile
from csvpipe._process.result import ChunkResult
from csvpipe.dialect import Dialect
from csvpipe.errors import ErrorTotal, FileFailure, Phase, RowError
from csvpipe.jobs import JobId, JobRecord
from csvpipe.limits import Limits
from csvpipe.store.protocol import Claim, JobDraft, JobStore, WorkerId

HEADER_BYTES: Final = 10
ROW_BYTES: Final = 10
LEASE_SECONDS: Final = 30.0
PIPELINE: Final = "import_people"
ANA: Final = WorkerId("ana")
BEN: Final = WorkerId("ben")


@attrs.frozen
class StoreHarness:
    """One store, as the contract's tests see it.

    Attributes:
        first: A handle on the store.
        second: Another handle on the same store, as another process would hold it; the same object where a store lives
            in one process.
        advance: Moves the clock that judges leases forward by so many seconds.
    """

    first: JobStore
    second: JobStore
    advance: Callable[[float], None]


class StoreFixtures:
    """The fixtures that the contract's tests share."""

    @pytest.fixture
    def make_store(self) -> StoreHarness:
        """To be overridden: a fresh and empty store."""
        raise NotImplementedError("override the fixture make_store to return a StoreHarness over your store")

    @pytest.fixture
    def store(self, make_store: StoreHarness) -> JobStore:
        """The first handle."""
        return make_store.first

    @pytest.fixture
    def other(self, make_store: StoreHarness) -> JobStore:
        """The second handle."""
        return make_store.second

    @pytest.fixture
    def advance(self, make_store: StoreHarness) -> Callable[[float], None]:
        """Moves the store's clock."""
        return make_store.advance


def a_plan(*, rows: int = 10) -> JobPlan:
    """A plan for a file of so many rows."""
    return JobPlan(
        source=LocalFile(path="/data/people.csv", size=HEADER_BYTES + rows * ROW_BYTES, mtime_ns=1_700_000_000),
        inspection=Inspection(
            encoding="utf-8",
            dialect=Dialect(),
            columns=("id", "name"),
            data_start=HEADER_BYTES,
            data_line=2,
        ),
        limits=Limits(),
    )


def a_draft(  # all of them optional, each named by the tests that care
    *,
    rows: int = 10,
    pipeline: str = PIPELINE,
    owner: str | None = None,
    failure: FileFailure | None = None,
    idempotency_key: str | None = None,
    content_key: str = "",
    inspection_key: str = "",
) -> JobDraft:
    """A job with a new id for a file of so many rows."""
    job_id = JobId(uuid4())
    return JobDraft(
        id=job_id,
        pipeline=pipeline,
        filename="people.csv",
        owner=owner,
        plan=a_plan(rows=rows),
        failure=failure,
        root_id=job_id,
        idempotency_key=idempotency_key,
        content_key=content_key,
        inspection_key=inspection_key,
    )


def a_result(  # what a worker reports, all of it
    first_row: int, rows: int, *, failed: int = 0, skipped: int = 0, errors: Sequence[RowError] = ()
) -> ChunkResult:
    """What a worker reports of `rows` rows from `first_row` on; the totals are those of `errors`."""
    kinds = list(dict.fromkeys((error.code, error.column) for error in errors))
    return ChunkResult(
        start=first_row * ROW_BYTES,
        end=(first_row + rows) * ROW_BYTES,
        first_row=first_row,
        first_line=first_row + 1,
        lines=rows,
        processed=rows - failed - skipped,
        failed=failed,
        skipped=skipped,
        errors=tuple(errors),
        totals=tuple(
            ErrorTotal(
                code=code,
                column=column,
                errors=sum((error.code, error.column) == (code, column) for error in errors),
            )
            for code, column in kinds
        ),
    )


def a_row_error(row: int, code: str = "int", column: str | None = "id") -> RowError:
    """One reason why a row was not handled."""
    return RowError(
        row=row,
        line=row + 1,
        column=column,
        code=code,
        phase=Phase.CONVERT,
        message=f"row {row} is not good enough",
        value="x",
        start=row * ROW_BYTES,
        end=(row + 1) * ROW_BYTES,
    )


def claim_all(
    store: JobStore,
    worker: WorkerId = ANA,
    *,
    pipelines: Sequence[str] = (PIPELINE,),
    limit: int = 100,
    lease_seconds: float = LEASE_SECONDS,
    max_bytes: int | None = None,
) -> list[Claim]:
    """`claim` with what most tests do not care about filled in."""
    return store.claim(worker, pipelines=pipelines, limit=limit, lease_seconds=lease_seconds, max_bytes=max_bytes)


def claim_new(store: JobStore, draft: JobDraft | None = None) -> Claim:
    """Create a job, and have `ANA` claim it; no other job must be waiting."""
    record = store.create(draft or a_draft())
    (claim,) = claim_all(store)
    assert record.id == claim.record.id
    return claim


def ids(records: Sequence[JobRecord] | Sequence[Claim]) -> list[JobId]:
    """The jobs' ids, in the same order."""
    return [item.lease.job_id if isinstance(item, Claim) else item.id for item in records]
