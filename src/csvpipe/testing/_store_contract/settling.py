"""`settle`: an owner's last word."""

from __future__ import annotations

import attrs
import pytest

from csvpipe._process.result import ChunkResult
from csvpipe.errors import FileCode, FileFailure
from csvpipe.jobs import JobStatus, Verb
from csvpipe.store.protocol import JobStore
from csvpipe.testing._store_contract.harness import (
    StoreFixtures,
    a_draft,
    a_result,
    a_row_error,
    claim_all,
    claim_new,
    ids,
)

_ABORTED = FileFailure(code=FileCode.ABORTED, message="not our file")


class SettlingContract(StoreFixtures):
    """How an ownership ends."""

    @pytest.mark.parametrize(
        ("verb", "status"),
        [
            (Verb.COMPLETE, JobStatus.COMPLETED),
            (Verb.FAIL, JobStatus.FAILED),
            (Verb.CANCEL, JobStatus.CANCELLED),
            (Verb.PAUSE, JobStatus.PAUSED),
            (Verb.RELEASE, JobStatus.PENDING),
        ],
    )
    def test_every_verb_commits_and_ends_in_one_revision(
        self, store: JobStore, other: JobStore, verb: Verb, status: JobStatus
    ) -> None:
        """The last results, the count of rows and the status are written together."""
        claim = claim_new(store)
        store.commit(claim.lease, [a_result(1, 4)])
        last = a_result(5, 6, failed=1, errors=[a_row_error(5)])
        failure = _ABORTED if verb is Verb.FAIL else None
        record = store.settle(claim.lease, verb, results=[last], total_rows=10, failure=failure)  # type: ignore[arg-type]
        assert status is record.status
        assert (10, 9, 1, 110) == (
            record.total_rows,
            record.processed_rows,
            record.failed_rows,
            record.bytes_processed,
        )
        assert claim.record.revision + 2 == record.revision
        assert [(0, a_row_error(5))] == store.row_errors(record.id)
        assert record == other.get(record.id)

    @pytest.mark.parametrize("verb", [Verb.COMPLETE, Verb.FAIL, Verb.CANCEL, Verb.PAUSE, Verb.RELEASE])
    def test_only_an_end_has_a_time(self, store: JobStore, verb: Verb) -> None:
        """`completed_at` is set by a terminal status and by no other."""
        claim = claim_new(store)
        record = store.settle(claim.lease, verb, results=[a_result(1, 10)], total_rows=10, failure=_ABORTED)  # type: ignore[arg-type]
        assert record.status.is_terminal == (record.completed_at is not None)

    def test_a_failed_job_says_why(self, store: JobStore) -> None:
        """The failure's code and message are the job's, and its results are kept."""
        claim = claim_new(store)
        record = store.settle(claim.lease, Verb.FAIL, results=[a_result(1, 3)], failure=_ABORTED)
        assert ("aborted", "not our file") == (record.error_code, record.error_message)
        assert 3 == record.processed_rows

    def test_a_released_job_goes_to_the_next(self, store: JobStore, other: JobStore) -> None:
        """A release needs no expiry: the job may be claimed at once."""
        claim = claim_new(store)
        store.settle(claim.lease, Verb.RELEASE)
        assert [claim.record.id] == ids(claim_all(other))

    # Completion -------------------------------------------------------------------------------------------------------

    def test_any_order_and_size_of_chunks_completes(self, store: JobStore) -> None:
        """Chunks that together account for the file complete it, whenever each of them came."""
        claim = claim_new(store)
        store.commit(claim.lease, [a_result(9, 2), a_result(1, 1)], total_rows=10)
        store.commit(claim.lease, [a_result(5, 4, failed=4)])
        record = store.settle(claim.lease, Verb.COMPLETE, results=[a_result(2, 3, skipped=3)])
        assert (JobStatus.COMPLETED, None) == (record.status, record.error_code)
        assert (10, 110) == (record.handled_rows, record.bytes_processed)

    def test_a_header_alone_completes(self, store: JobStore) -> None:
        """A file without a data row has no chunk, and all its bytes are accounted for."""
        claim = claim_new(store, a_draft(rows=0))
        record = store.settle(claim.lease, Verb.COMPLETE, total_rows=0)
        assert JobStatus.COMPLETED is record.status
        assert (0, 10, 10) == (record.total_rows, record.bytes_processed, record.bytes_total)

    @pytest.mark.parametrize(
        ("results", "total_rows"),
        [
            pytest.param([a_result(1, 4), a_result(6, 5)], 9, id="gap"),
            pytest.param([a_result(2, 9)], 9, id="gap at the start"),
            pytest.param([a_result(1, 9)], 9, id="gap at the end"),
            pytest.param([], 0, id="nothing at all"),
            pytest.param([a_result(1, 6), a_result(5, 6)], 12, id="overlap"),
            pytest.param([a_result(1, 11)], 11, id="past the end"),
            pytest.param([a_result(1, 4), attrs.evolve(a_result(5, 6), first_row=6)], 10, id="row numbers"),
            pytest.param([a_result(1, 4), attrs.evolve(a_result(5, 6), first_line=7)], 10, id="line numbers"),
            pytest.param([attrs.evolve(a_result(1, 4), processed=3), a_result(5, 6)], 9, id="a row lost"),
            pytest.param([attrs.evolve(a_result(1, 10), processed=9)], 10, id="a row lost in the last chunk"),
            pytest.param([a_result(1, 10)], 11, id="the partitioner counted more"),
            pytest.param([a_result(1, 10)], 9, id="the partitioner counted fewer"),
            pytest.param([a_result(1, 10)], None, id="never counted"),
        ],
    )
    def test_what_does_not_add_up_fails(
        self, store: JobStore, results: list[ChunkResult], total_rows: int | None
    ) -> None:
        """A job whose results do not account for every byte and row is failed, not completed."""
        claim = claim_new(store)
        record = store.settle(claim.lease, Verb.COMPLETE, results=results, total_rows=total_rows)
        assert (JobStatus.FAILED, FileCode.CONSERVATION) == (record.status, record.error_code)
        assert record.completed_at is not None
        assert claim.record.revision + 1 == record.revision

    def test_the_message_says_where(self, store: JobStore) -> None:
        """Whoever looks for the missing bytes is told which they are, and of which file."""
        claim = claim_new(store)
        results = [a_result(1, 4), a_result(6, 5)]
        record = store.settle(claim.lease, Verb.COMPLETE, results=results, total_rows=9)
        assert record.error_message is not None
        assert "50 to 60" in record.error_message
        assert record.filename in record.error_message

    def test_a_conservation_failure_can_be_mended(self, store: JobStore) -> None:
        """A retry keeps what was done; the missing chunk completes the job."""
        claim = claim_new(store)
        store.settle(claim.lease, Verb.COMPLETE, results=[a_result(1, 4), a_result(6, 5)], total_rows=10)
        store.request(claim.record.id, Verb.RETRY)
        (again,) = claim_all(store)
        record = store.settle(again.lease, Verb.COMPLETE, results=[a_result(5, 1)])
        assert (JobStatus.COMPLETED, None, 10) == (record.status, record.error_code, record.processed_rows)

    # Requests that came before the last word --------------------------------------------------------------------------

    @pytest.mark.parametrize(
        ("requested", "status"), [(Verb.PAUSE, JobStatus.PAUSED), (Verb.CANCEL, JobStatus.CANCELLED)]
    )
    def test_a_request_wins_over_release(self, store: JobStore, requested: Verb, status: JobStatus) -> None:
        """A shutdown does not swallow what somebody asked for."""
        claim = claim_new(store)
        store.request(claim.record.id, requested)  # type: ignore[arg-type]
        record = store.settle(claim.lease, Verb.RELEASE, results=[a_result(1, 2)])
        assert (status, 2) == (record.status, record.processed_rows)
        assert status.is_terminal == (record.completed_at is not None)

    def test_a_cancel_wins_over_the_pause_before_it(self, store: JobStore) -> None:
        """An owner that enacts a pause has not heard of the cancel that followed: it is not lost."""
        claim = claim_new(store)
        store.request(claim.record.id, Verb.CANCEL)
        assert JobStatus.CANCELLED is store.settle(claim.lease, Verb.PAUSE).status

    @pytest.mark.parametrize("requested", [Verb.PAUSE, Verb.CANCEL])
    @pytest.mark.parametrize(("verb", "status"), [(Verb.COMPLETE, JobStatus.COMPLETED), (Verb.FAIL, JobStatus.FAILED)])
    def test_an_end_comes_before_a_late_request(
        self, store: JobStore, requested: Verb, verb: Verb, status: JobStatus
    ) -> None:
        """What is finished when the request comes to be enacted is finished."""
        claim = claim_new(store)
        store.request(claim.record.id, requested)  # type: ignore[arg-type]
        record = store.settle(claim.lease, verb, results=[a_result(1, 10)], total_rows=10, failure=_ABORTED)  # type: ignore[arg-type]
        assert status is record.status

    def test_a_settled_request_is_spent(self, store: JobStore) -> None:
        """The next owner of a resumed job does not hear of the pause that was enacted."""
        claim = claim_new(store)
        store.request(claim.record.id, Verb.PAUSE)
        store.settle(claim.lease, Verb.PAUSE)
        store.request(claim.record.id, Verb.RESUME)
        (again,) = claim_all(store)
        assert [(True, None)] == [
            (answer.is_held, answer.requested) for answer in store.renew([again.lease], lease_seconds=1.0)
        ]
