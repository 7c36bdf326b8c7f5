"""`create`, `get`, `plan` and `delete`: a job comes and goes."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from uuid import uuid4

import attrs
import pytest

from csvpipe.errors import (
    FileCode,
    FileFailure,
    IdempotencyConflictError,
    JobNotFoundError,
    LeaseLostError,
    TransitionError,
)
from csvpipe.jobs import JobId, JobStatus, Verb
from csvpipe.store.protocol import JobStore
from csvpipe.testing._store_contract.harness import (
    LEASE_SECONDS,
    StoreFixtures,
    a_draft,
    a_plan,
    a_result,
    a_row_error,
    claim_all,
    claim_new,
)


class CreatingContract(StoreFixtures):
    """How a job enters the store and leaves it."""

    def test_a_new_job_is_pending_and_empty(self, store: JobStore) -> None:
        """A job starts with what its draft says, and with nothing done."""
        draft = a_draft(rows=10, owner="ana")
        record = store.create(draft)
        assert (draft.id, draft.pipeline, draft.filename, "ana") == (
            record.id,
            record.pipeline,
            record.filename,
            record.owner,
        )
        assert JobStatus.PENDING is record.status
        assert (110, 0) == (record.bytes_total, record.bytes_processed)
        assert (None, 0, 0, 0) == (
            record.total_rows,
            record.processed_rows,
            record.failed_rows,
            record.skipped_rows,
        )
        assert (0, 1) == (record.attempt, record.revision)
        assert (None, None, None, None) == (
            record.started_at,
            record.completed_at,
            record.error_code,
            record.error_message,
        )

    def test_times_are_aware_utc(self, store: JobStore) -> None:
        """A new job was created when it was last updated, in UTC."""
        record = store.create(a_draft())
        assert record.created_at == record.updated_at
        assert timedelta(0) == record.created_at.utcoffset()

    def test_a_refused_file_makes_a_failed_job(self, store: JobStore) -> None:
        """A draft with a failure is created failed, and is handed to nobody."""
        failure = FileFailure(code=FileCode.EMPTY, message="nothing in it")
        draft = attrs.evolve(a_draft(failure=failure), plan=attrs.evolve(a_plan(), source=None, inspection=None))
        record = store.create(draft)
        assert JobStatus.FAILED is record.status
        assert ("empty", "nothing in it") == (record.error_code, record.error_message)
        assert (0, 1) == (record.bytes_total, record.revision)
        assert record.created_at == record.completed_at
        assert record.started_at is None
        assert [] == claim_all(store)

    def test_every_handle_sees_the_job(self, store: JobStore, other: JobStore) -> None:
        """What one handle created, the other one finds."""
        record = store.create(a_draft())
        assert record == other.get(record.id)

    def test_the_plan_is_kept(self, store: JobStore, other: JobStore) -> None:
        """A job's plan comes back as it was given."""
        draft = attrs.evolve(a_draft(), plan=attrs.evolve(a_plan(rows=3), dry_run=True))
        store.create(draft)
        assert draft.plan == other.plan(draft.id)

    @pytest.mark.parametrize("dry_run", [False, True])
    def test_a_dry_run_says_that_it_is_one(self, store: JobStore, other: JobStore, *, dry_run: bool) -> None:
        """As its plan does, from its creation to its end, wherever its record is seen."""
        draft = attrs.evolve(a_draft(), plan=attrs.evolve(a_plan(), dry_run=dry_run))
        records = [store.create(draft), other.create(draft), other.get(draft.id), *store.list_jobs().jobs]
        [claim] = claim_all(other)
        records += [claim.record, *store.history().jobs, other.settle(claim.lease, Verb.PAUSE), store.get(draft.id)]
        assert [dry_run] * 8 == [record.dry_run for record in records]

    @pytest.mark.parametrize("method", ["get", "plan", "committed", "resolved", "row_errors", "error_totals", "delete"])
    def test_an_unknown_job_is_not_found(self, store: JobStore, method: str) -> None:
        """Every question about a job that is not there names the job."""
        unknown = JobId(uuid4())
        with pytest.raises(JobNotFoundError, match=str(unknown)):
            getattr(store, method)(unknown)

    # Idempotency keys -------------------------------------------------------------------------------------------------

    def test_a_repeat_under_a_key_returns_the_first_job(self, store: JobStore, other: JobStore) -> None:
        """The same owner, key and content make one job, whose id tells that it is not the draft's."""
        first = store.create(a_draft(owner="ana", idempotency_key="k1", content_key="people/abc"))
        again = other.create(a_draft(owner="ana", idempotency_key="k1", content_key="people/abc"))
        assert first == again
        assert 1 == store.list_jobs().total

    def test_a_repeat_returns_the_first_job_as_it_is_now(self, store: JobStore) -> None:
        """What has happened to the first job meanwhile shows."""
        claim = claim_new(store, a_draft(idempotency_key="k1"))
        assert claim.record == store.create(a_draft(idempotency_key="k1"))

    def test_another_content_under_a_key_is_a_conflict(self, store: JobStore) -> None:
        """A key that is used for something else raises, names the first job, and adds nothing."""
        first = store.create(a_draft(idempotency_key="k1", content_key="people/abc"))
        with pytest.raises(IdempotencyConflictError, match="k1") as caught:
            store.create(a_draft(idempotency_key="k1", content_key="people/xyz"))
        assert str(first.id) == caught.value.job_id
        assert 1 == store.list_jobs().total

    def test_a_key_belongs_to_its_owner(self, store: JobStore) -> None:
        """Two owners, and nobody, may use the same key for different things."""
        for owner in ("ana", "ben", None):
            store.create(a_draft(owner=owner, idempotency_key="k1", content_key=f"people/{owner}"))
        assert 3 == store.list_jobs().total

    def test_a_key_without_an_owner_is_checked_too(self, store: JobStore) -> None:
        """Ownerless jobs are idempotent among each other."""
        first = store.create(a_draft(owner=None, idempotency_key="k1"))
        assert first == store.create(a_draft(owner=None, idempotency_key="k1"))

    def test_without_a_key_every_draft_is_a_job(self, store: JobStore) -> None:
        """The same file may be submitted twice on purpose."""
        for _ in range(2):
            store.create(a_draft(owner="ana", content_key="people/abc"))
        assert 2 == store.list_jobs().total

    def test_a_key_makes_one_job_however_many_create_at_once(self, store: JobStore, other: JobStore) -> None:
        """Threads that race under one key all get the same job."""
        with ThreadPoolExecutor(8) as threads:
            races = [
                threads.submit(handle.create, a_draft(owner="ana", idempotency_key="k1"))
                for handle in (store, other) * 8
            ]
        assert 1 == len({race.result().id for race in races})
        assert 1 == store.list_jobs().total

    # Deletion ---------------------------------------------------------------------------------------------------------

    def test_delete_returns_the_plan_and_forgets_the_job(self, store: JobStore, other: JobStore) -> None:
        """The plan is handed back so that the caller can remove the files; the job is gone for everybody."""
        draft = a_draft(rows=4)
        store.create(draft)
        assert draft.plan == store.delete(draft.id)
        with pytest.raises(JobNotFoundError):
            other.get(draft.id)
        assert 0 == other.list_jobs().total
        assert [] == claim_all(other)

    def test_delete_takes_chunks_and_errors_along(self, store: JobStore) -> None:
        """Nothing of a job's results outlives it, not even for a job of the same id."""
        draft = a_draft()
        claim = claim_new(store, draft)
        store.settle(claim.lease, Verb.PAUSE, results=[a_result(1, 2, failed=1, errors=[a_row_error(1)])])
        store.delete(draft.id)
        record = store.create(draft)
        assert 0 == record.failed_rows
        assert ([], [], []) == (
            store.committed(draft.id),
            store.row_errors(draft.id),
            store.error_totals(draft.id),
        )

    def test_delete_frees_the_idempotency_key(self, store: JobStore) -> None:
        """After deletion the key may be used for something else."""
        draft = a_draft(idempotency_key="k1", content_key="people/abc")
        store.create(draft)
        store.delete(draft.id)
        again = a_draft(idempotency_key="k1", content_key="people/xyz")
        assert again.id == store.create(again).id

    def test_delete_is_refused_under_a_live_lease(self, store: JobStore) -> None:
        """What a worker is busy with must be cancelled first."""
        claim = claim_new(store)
        with pytest.raises(TransitionError):
            store.delete(claim.record.id)
        assert claim.record == store.get(claim.record.id)

    def test_delete_after_the_lease_ran_out(self, store: JobStore, advance: Callable[[float], None]) -> None:
        """A job whose worker is gone may be deleted; the worker, should it wake, has lost its lease."""
        claim = claim_new(store)
        advance(LEASE_SECONDS + 1)
        store.delete(claim.record.id)
        with pytest.raises(LeaseLostError):
            store.commit(claim.lease, [a_result(1, 2)])
        assert [False] == [answer.is_held for answer in store.renew([claim.lease], lease_seconds=LEASE_SECONDS)]

    def test_an_inspection_is_found_again(self, store: JobStore, other: JobStore) -> None:
        """By its key, from any handle, that of the newest job; it goes with its jobs."""
        first, second = a_draft(inspection_key="key"), a_draft(inspection_key="key")
        found = attrs.evolve(second.plan.inspection, estimated_rows=9) if second.plan.inspection else None
        second = attrs.evolve(second, plan=attrs.evolve(second.plan, inspection=found))
        assert store.inspected("key") is None
        store.create(first)
        assert first.plan.inspection == other.inspected("key")
        other.create(second)
        assert found == store.inspected("key")
        assert store.inspected("another") is None
        assert store.inspected("") is None
        store.delete(first.id)
        assert found == other.inspected("key")
        store.delete(second.id)
        assert store.inspected("key") is None

    def test_an_inspection_outlives_the_newest_job(self, store: JobStore, other: JobStore) -> None:
        """When the newest job with a key is deleted, what was found in the one before it is still known."""
        first, second = a_draft(inspection_key="key"), a_draft(inspection_key="key")
        for draft in (first, second):
            store.create(draft)
        other.delete(second.id)
        assert first.plan.inspection == store.inspected("key")
        store.delete(first.id)
        assert store.inspected("key") is None
