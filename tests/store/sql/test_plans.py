"""No call looks at all jobs, all chunks or all errors: what the database says of how it will find them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import attrs
import pytest
from sqlalchemy import event

from csvpipe import JobStatus, SQLJobStore
from csvpipe.jobs import Verb
from csvpipe.store.protocol import Lease
from csvpipe.store.sql.schema import csv_jobs
from csvpipe.testing._store_contract.harness import (
    BEN,
    LEASE_SECONDS,
    PIPELINE,
    a_draft,
    a_result,
    a_row_error,
    claim_all,
)

JOBS = 20_000
ERRORS = 5_000


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def kind(request: pytest.FixtureRequest) -> str:
    """Which database."""
    name: str = request.param
    return name


@pytest.fixture(scope="module")
def store(kind: str, make_url: Callable[[str], str]) -> Iterator[SQLJobStore]:
    """A store with so many jobs, most of which are over, that it matters how a database looks for some."""
    with SQLJobStore(make_url(kind)) as store:
        template = store.create(a_draft())
        store.request(template.id, Verb.CANCEL)
        engine = store._database.engine
        with engine.begin() as connection:
            row = dict(connection.execute(csv_jobs.select()).mappings().one())
            del row["sequence"]
            connection.execute(csv_jobs.insert(), [row | varied(number) for number in range(JOBS)])
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.exec_driver_sql("VACUUM ANALYZE" if kind == "postgresql" else "ANALYZE")
        yield store


def varied(number: int) -> dict[str, Any]:
    """What tells one of the jobs from the others: a hundredth of them waits."""
    job_id, owner = uuid4(), f"owner {number % 50}"
    return {
        "id": job_id,
        "chain_id": job_id,
        "owner": owner,
        "owner_key": f"={owner}",
        "status": "pending" if number % 101 == 0 else "completed",
        "created_at": datetime(2024, 5, 1, tzinfo=UTC) + timedelta(seconds=number),
        "idempotency_key": f"key {number}",
        "inspection_key": f"content {number % 1000}",
    }


class Plans:
    """How the database finds what a call asks for, statement by statement."""

    def __init__(self, store: SQLJobStore) -> None:
        self._engine = store._database.engine
        self._is_sqlite = store._database.is_sqlite

    def of(self, call: Callable[[], object]) -> list[str]:
        """The plans of all statements of a call, as they stood when it was over."""
        said: list[tuple[str, Any]] = []

        def note(_c: Any, _cursor: Any, statement: str, values: Any, _context: Any, is_many: bool) -> None:  # noqa: FBT001
            said.append((statement, values[0] if is_many else values))

        event.listen(self._engine, "before_cursor_execute", note)
        call()
        event.remove(self._engine, "before_cursor_execute", note)
        looked = [each for each in said if re.search(r"\bcsv_", each[0]) and not each[0].startswith("INSERT")]
        assert looked
        return [self._explained(*each) for each in looked]

    def _explained(self, statement: str, values: Any) -> str:
        with self._engine.connect() as connection:
            if (
                not self._is_sqlite
            ):  # a table of one job's chunks is read as a whole; what matters is whether it must be
                connection.exec_driver_sql("SET LOCAL enable_seqscan = off")
            explain = "EXPLAIN QUERY PLAN" if self._is_sqlite else "EXPLAIN"
            rows = connection.exec_driver_sql(f"{explain} {statement}", values).all()
        return "\n".join(str(row[-1]) for row in rows)

    def assert_searched(self, call: Callable[[], object], *indexes: str) -> None:
        """Every table is searched by an index, these ones among them, and none is read as a whole."""
        plans = self.of(call)
        scans = [line for plan in plans for line in plan.splitlines() if re.search(r"(?:SCAN|Seq Scan on) csv_", line)]
        assert [] == scans, plans
        assert [] == [index for index in indexes if not any(re.search(rf"\b{index}\b", plan) for plan in plans)], plans


@pytest.fixture(scope="module")
def plans(store: SQLJobStore) -> Plans:
    """The plans of a store's calls."""
    return Plans(store)


@pytest.fixture
def lease(store: SQLJobStore) -> Lease:
    """Of a job with some chunks and errors."""
    store.create(a_draft(pipeline="own"))
    (claim,) = claim_all(store, pipelines=["own"])
    errors = [a_row_error(row, "rare" if row % 1_000 == 0 else "int") for row in range(1, ERRORS)]
    store.commit(claim.lease, [a_result(1, ERRORS, failed=ERRORS, errors=errors)])
    store.commit(claim.lease, [a_result(row, 1) for row in range(ERRORS + 1, ERRORS + 500)])
    with store._database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql("ANALYZE")
    return claim.lease


def test_claims(store: SQLJobStore, plans: Plans) -> None:
    """Waiting jobs are found owner by owner, leases by their end; jobs that are over are not looked at."""
    plans.assert_searched(lambda: claim_all(store, limit=3), "csv_jobs_queue", "csv_jobs_leases")
    plans.assert_searched(lambda: claim_all(store, BEN, limit=3, pipelines=[PIPELINE, "q"], max_bytes=10_000))


def test_owners_writes(store: SQLJobStore, plans: Plans, lease: Lease) -> None:
    """An owner's job is found by its id, its chunks and errors by theirs."""
    plans.assert_searched(lambda: store.renew([lease], lease_seconds=LEASE_SECONDS), "csv_jobs_id")
    errors = [a_row_error(row) for row in range(2, 5)]
    plans.assert_searched(lambda: store.commit(lease, [a_result(1, ERRORS, failed=3, errors=errors)]), "csv_jobs_id")
    plans.assert_searched(lambda: store.settle(lease, Verb.COMPLETE, total_rows=0), "csv_jobs_id")


def test_mended_files(store: SQLJobStore, plans: Plans, lease: Lease) -> None:
    """A chain is found by its index, of which only jobs that have not ended are part."""
    store.settle(lease, Verb.CANCEL)
    draft = attrs.evolve(a_draft(pipeline="own"), parent_id=lease.job_id, root_id=lease.job_id)
    plans.assert_searched(lambda: store.create(draft), "csv_jobs_chain", "csv_jobs_id")
    (claim,) = claim_all(store, pipelines=["own"])
    plans.assert_searched(lambda: store.commit(claim.lease, [a_result(1, 2)]), "csv_jobs_id")
    plans.assert_searched(lambda: store.resolved(lease.job_id))


def test_keys(store: SQLJobStore, plans: Plans) -> None:
    """Repeats are found by their key, inspections by theirs."""
    plans.assert_searched(lambda: store.create(a_draft(owner="owner 1", idempotency_key="key 51")), "csv_jobs_key")
    plans.assert_searched(lambda: store.inspected("content 7"), "csv_jobs_inspected")


def test_looks(store: SQLJobStore, plans: Plans, lease: Lease) -> None:
    """One job, its results, a page of its errors, the first errors of each kind."""
    plans.assert_searched(lambda: store.get(lease.job_id), "csv_jobs_id")
    plans.assert_searched(lambda: store.committed(lease.job_id))
    plans.assert_searched(lambda: store.row_errors(lease.job_id, after=(3, 0)))
    plans.assert_searched(lambda: store.error_totals(lease.job_id), "csv_row_errors_kind")
    plans.assert_searched(lambda: store.request(lease.job_id, Verb.PAUSE), "csv_jobs_id")
    store.settle(lease, Verb.CANCEL)
    plans.assert_searched(lambda: store.delete(lease.job_id), "csv_jobs_id")


@pytest.mark.parametrize(
    ("filters", "index"),
    [
        ({"status": JobStatus.FAILED}, "csv_jobs_status_age"),
        ({"owner": "owner 1"}, "csv_jobs_owner_age"),
        ({"owner": "owner 1", "status": JobStatus.COMPLETED}, "csv_jobs_owner_status_age"),
    ],
)
def test_pages_of_some_jobs(store: SQLJobStore, plans: Plans, filters: dict[str, Any], index: str) -> None:
    """Each combination of filters has an index, in the order of pages."""
    plans.assert_searched(lambda: store.list_jobs(page=2, limit=3, **filters), index)


@pytest.mark.parametrize(
    ("filters", "index"),
    [
        ({}, "csv_jobs_age"),
        ({"status": JobStatus.COMPLETED}, "csv_jobs_status_age"),
        ({"owner": "owner 1"}, "csv_jobs_owner_age"),
        ({"owner": "owner 1", "status": JobStatus.COMPLETED}, "csv_jobs_owner_status_age"),
    ],
)
def test_slices_of_the_history(store: SQLJobStore, plans: Plans, filters: dict[str, Any], index: str) -> None:
    """Where one goes on is searched for in the index that has the jobs in this order: nothing is sorted, or gone past.

    What lies before is not looked at, so that the last slice costs what the first one does.
    """
    first = store.history(limit=100, **filters)
    [plan] = plans.of(lambda: store.history(after=first.following, limit=3, **filters))
    # PostgreSQL may choose one of fewer columns where nearly all jobs match.
    any_age = r"Index Scan Backward using csv_jobs_(?:\w+_)?age"
    assert re.search(rf"SEARCH csv_jobs USING INDEX {index} \(.*created_at.*<|{any_age}", plan)
    assert not re.search(r"TEMP B-TREE|Sort|Seq Scan|SCAN csv_jobs", plan)


def test_pages_of_all_jobs(kind: str, store: SQLJobStore, plans: Plans) -> None:
    """A page is read from the index by age, and is all that is read of the table itself."""
    counted, page = plans.of(lambda: store.list_jobs(page=2, limit=3))
    # Counting goes along the index, and so stops where it is to.
    assert re.search(r"COVERING INDEX csv_jobs_age|Index Only Scan Backward using csv_jobs_age", counted)
    assert not re.search(r"TEMP B-TREE|Sort|Seq Scan", counted)
    assert re.search(r"COVERING INDEX csv_jobs_age|Index Only Scan Backward using csv_jobs_age", page)
    assert not re.search(r"SCAN csv_jobs$|Seq Scan on csv_jobs", page)


def test_the_test_can_fail(store: SQLJobStore, plans: Plans) -> None:
    """A search for something without an index is found out."""
    engine = store._database.engine

    def look() -> None:
        with engine.connect() as connection:
            connection.exec_driver_sql("SELECT id FROM csv_jobs WHERE filename = 'people.csv'")

    with pytest.raises(AssertionError):
        plans.assert_searched(look)
