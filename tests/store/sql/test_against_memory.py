"""Whatever happens to a store in a database, it is what would have happened to one in memory."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import attrs
import pytest
from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    initialize,
    invariant,
    multiple,
    rule,
    run_state_machine_as_test,
)

from csvpipe import MemoryJobStore, SQLJobStore
from csvpipe._process.result import ChunkResult
from csvpipe._process.rowset import RowSet
from csvpipe.errors import CsvPipeError, FileCode, FileFailure
from csvpipe.jobs import JobId, JobStatus, Verb
from csvpipe.store.protocol import ANY_OWNER, JobStore, Lease, WorkerId
from csvpipe.store.sql.schema import metadata
from csvpipe.testing._store_contract.harness import PIPELINE, a_draft, a_result, a_row_error

_ROWS = 6
_LEASE_SECONDS = 10.0
_OWNERS = st.sampled_from(["ana", "ben", None])
_WORKERS = st.sampled_from([WorkerId("first"), WorkerId("second")])
_VERDICTS = st.sampled_from([Verb.COMPLETE, Verb.FAIL, Verb.CANCEL, Verb.PAUSE, Verb.RELEASE])
_REQUESTS = st.sampled_from([Verb.PAUSE, Verb.RESUME, Verb.CANCEL, Verb.RETRY])
_STATUSES = st.sampled_from([None, *JobStatus])
_FAILURE = FileFailure(code=FileCode.ABORTED, message="enough")


@st.composite
def results_of_chunks(draw: st.DrawFn) -> list[ChunkResult]:
    """Up to three results, some of them over the same rows."""
    results = []
    for _ in range(draw(st.integers(0, 3))):
        first = draw(st.integers(1, _ROWS))
        rows = draw(st.integers(1, _ROWS + 1 - first))
        bad = draw(st.lists(st.integers(first, first + rows - 1), max_size=3))
        codes = st.sampled_from(["int", "date", "\x00\ufdd0\ud800"])
        errors = [a_row_error(row, draw(codes), draw(st.sampled_from(["id", None]))) for row in sorted(bad)]
        result = a_result(first, rows, failed=len(set(bad)), errors=errors)
        resolved = RowSet.of(draw(st.sets(st.integers(1, 9), max_size=3)))
        results.append(attrs.evolve(result, resolved=resolved))
    return results


class TwoStores(RuleBasedStateMachine):
    """A store in a database beside one in memory; every call goes to both of them."""

    jobs = Bundle("jobs")
    leases = Bundle("leases")

    def __init__(self, make_sql: Callable[[Callable[[], datetime]], SQLJobStore]) -> None:
        super().__init__()
        self.seconds = 0.0
        self.memory = MemoryJobStore(clock=self.now, monotonic=lambda: self.seconds)
        self.sql = make_sql(self.now)
        self.roots: dict[JobId, JobId] = {}

    def now(self) -> datetime:
        """The time of both."""
        return datetime(2024, 5, 1, tzinfo=UTC) + timedelta(seconds=self.seconds)

    def teardown(self) -> None:
        """Let go of the database."""
        self.sql.close()

    def both(self, call: Callable[[JobStore], Any]) -> Any:
        """The one outcome of a call; None where it is an error."""
        expected, found = (outcome(call, store) for store in (self.memory, self.sql))
        assert expected == found
        return None if isinstance(found, tuple) and found and isinstance(found[0], type) else found

    # What happens -----------------------------------------------------------------------------------------------------

    @initialize()
    def begin(self) -> None:
        """Both are empty."""
        assert 0 == self.both(lambda store: store.list_jobs().total)

    @rule(target=jobs, owner=_OWNERS, key=st.sampled_from([None, "k1"]), content=st.sampled_from(["", "other"]))
    def submit(self, owner: str | None, key: str | None, content: str) -> object:
        """Somebody uploads a file, perhaps again."""
        draft = a_draft(rows=_ROWS, owner=owner, idempotency_key=key, content_key=content)
        record = self.both(lambda store: store.create(draft))
        if record is None:
            return multiple()
        self.roots[record.id] = draft.root_id
        return record.id

    @rule(target=jobs, parent=jobs, is_refused=st.booleans())
    def submit_mended(self, parent: JobId, is_refused: bool) -> object:  # noqa: FBT001
        """Somebody mends the rows of a job, perhaps of one that is gone."""
        draft = attrs.evolve(a_draft(rows=_ROWS), parent_id=parent, root_id=self.roots[parent])
        draft = attrs.evolve(draft, failure=_FAILURE if is_refused else None)
        record = self.both(lambda store: store.create(draft))
        if record is None:
            return multiple()
        self.roots[record.id] = draft.root_id
        return record.id

    @rule(seconds=st.sampled_from([1.0, 6.0, 11.0]))
    def time_passes(self, seconds: float) -> None:
        """Leases grow older."""
        self.seconds += seconds

    @rule(target=leases, worker=_WORKERS, limit=st.integers(0, 3), max_bytes=st.sampled_from([None, 10, 1000]))
    def claim(self, worker: WorkerId, limit: int, max_bytes: int | None) -> object:
        """A worker asks for jobs."""
        claims = self.both(
            lambda store: store.claim(
                worker, pipelines=[PIPELINE], limit=limit, lease_seconds=_LEASE_SECONDS, max_bytes=max_bytes
            )
        )
        return multiple(*(claim.lease for claim in claims))

    @rule(held=st.lists(leases, max_size=3))
    def renew(self, held: list[Lease]) -> None:
        """A heartbeat."""
        self.both(lambda store: store.renew(held, lease_seconds=_LEASE_SECONDS))

    @rule(lease=leases, results=results_of_chunks(), total=st.sampled_from([None, _ROWS]))
    def commit(self, lease: Lease, results: list[ChunkResult], total: int | None) -> None:
        """Results, perhaps of a worker that has been replaced; and the same again."""
        for _ in range(2):
            self.both(lambda store: store.commit(lease, results, total_rows=total))

    @rule(lease=leases, verb=_VERDICTS, results=results_of_chunks())
    def settle(self, lease: Lease, verb: Verb, results: list[ChunkResult]) -> None:
        """A last word."""
        self.both(lambda store: store.settle(lease, verb, results=results, failure=_FAILURE))  # type: ignore[arg-type]

    @rule(lease=leases)
    def finish(self, lease: Lease) -> None:
        """The whole file in one chunk."""
        whole = [a_result(1, _ROWS)]
        self.both(lambda store: store.settle(lease, Verb.COMPLETE, results=whole, total_rows=_ROWS))

    @rule(job_id=jobs, verb=_REQUESTS)
    def request(self, job_id: JobId, verb: Verb) -> None:
        """A user asks."""
        self.both(lambda store: store.request(job_id, verb))  # type: ignore[arg-type]

    @rule(job_id=jobs)
    def delete(self, job_id: JobId) -> None:
        """A user deletes."""
        self.both(lambda store: store.delete(job_id))

    # What is seen -----------------------------------------------------------------------------------------------------

    @rule(job_id=jobs, after=st.sampled_from([None, (0, 0), (2, 0), (3, 1)]), limit=st.integers(1, 4))
    def look_at_errors(self, job_id: JobId, after: tuple[int, int] | None, limit: int) -> None:
        """Errors page by page, and in total."""
        self.both(lambda store: store.row_errors(job_id, after=after, limit=limit))
        self.both(lambda store: store.error_totals(job_id, samples=limit - 1))

    @rule(
        owner=st.one_of(_OWNERS, st.just(ANY_OWNER)), status=st.sampled_from([None, *JobStatus]), page=st.integers(1, 2)
    )
    def look_at_a_page(self, owner: Any, status: JobStatus | None, page: int) -> None:
        """Jobs page by page."""
        self.both(lambda store: store.list_jobs(page=page, limit=2, owner=owner, status=status))

    @invariant()
    def all_jobs_are_the_same(self) -> None:
        """Records, results, and rows that are resolved."""
        self.both(lambda store: store.list_jobs(limit=1_000))
        for job_id in self.roots:
            self.both(lambda store, job_id=job_id: store.committed(job_id))  # type: ignore[misc]
            self.both(lambda store, job_id=job_id: sets(store.resolved(job_id)))  # type: ignore[misc]


def outcome(call: Callable[[JobStore], Any], store: JobStore) -> Any:
    """What a call returns or raises."""
    try:
        return call(store)
    except (CsvPipeError, ValueError) as error:
        return type(error), str(error)


def sets(found: list[RowSet]) -> list[bytes]:
    """Sets of rows, in one order."""
    return sorted(rows.data for rows in found)


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_whatever_happens_is_what_happens_in_memory(kind: str, make_url: Callable[[str], str]) -> None:
    """Claims, heartbeats, results, verbs and mended files, of workers alive and replaced: both stores agree."""
    url = make_url(kind)

    def make_sql(clock: Callable[[], datetime]) -> SQLJobStore:
        store = SQLJobStore(url, clock=clock)
        with store._database.engine.begin() as connection:
            for table in metadata.sorted_tables:
                if table.name != "csv_schema":
                    connection.execute(table.delete())
        return store

    run_state_machine_as_test(
        lambda: TwoStores(make_sql),
        settings=settings(
            settings(),
            max_examples=30 if kind == "sqlite" else 15,
            stateful_step_count=30,
            # To look for the smallest example takes longer than a test may; in another profile there is time for it.
            phases=[Phase.explicit, Phase.generate],
        ),
    )
