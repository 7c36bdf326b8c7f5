"""`commit` and `committed`: chunk results, and the counters over them."""

from __future__ import annotations

import attrs
import pytest

from csvpipe.errors import ErrorTotal, FileCode, FileFailure, LeaseLostError
from csvpipe.jobs import JobStatus, Verb
from csvpipe.store.protocol import JobStore
from csvpipe.testing._store_contract.harness import (
    StoreFixtures,
    a_result,
    a_row_error,
    claim_all,
    claim_new,
)


class CommittingContract(StoreFixtures):
    """How progress is written."""

    def test_counters_are_sums_over_the_results(self, store: JobStore, other: JobStore) -> None:
        """Each commit adds its chunks to rows and bytes, in whatever order they come."""
        claim = claim_new(store)
        store.commit(claim.lease, [a_result(5, 4, failed=1, skipped=2)])
        record = store.commit(claim.lease, [a_result(1, 3), a_result(4, 1, failed=1)])
        assert (4, 2, 2) == (record.processed_rows, record.failed_rows, record.skipped_rows)
        assert record == other.get(record.id)

    def test_bytes_include_the_header(self, store: JobStore) -> None:
        """The header counts as done with the first chunk, so that a complete file adds up to its size."""
        claim = claim_new(store)
        assert 0 == claim.record.bytes_processed
        assert 50 == store.commit(claim.lease, [a_result(7, 4)]).bytes_processed
        record = store.commit(claim.lease, [a_result(1, 6)])
        assert (110, 110) == (record.bytes_processed, record.bytes_total)

    def test_every_commit_is_one_revision(self, store: JobStore) -> None:
        """However many chunks a commit holds, the job changes once."""
        claim = claim_new(store)
        record = store.commit(claim.lease, [a_result(1, 2), a_result(3, 2)], total_rows=10)
        assert claim.record.revision + 1 == record.revision
        assert record.updated_at >= claim.record.updated_at
        assert JobStatus.PROCESSING is record.status

    def test_a_chunk_of_blank_lines_is_progress(self, store: JobStore) -> None:
        """A result over bytes without rows counts its bytes."""
        claim = claim_new(store)
        blank = attrs.evolve(a_result(1, 2), processed=0)
        record = store.commit(claim.lease, [blank])
        assert (0, 30) == (record.handled_rows, record.bytes_processed)
        assert [blank] == store.committed(record.id)

    def test_a_repeat_changes_nothing(self, store: JobStore, other: JobStore) -> None:
        """A commit whose outcome was unknown may be repeated: same counters, same revision, same errors."""
        claim = claim_new(store)
        results = [a_result(1, 4, failed=2, errors=[a_row_error(1), a_row_error(3)]), a_result(5, 2)]
        record = store.commit(claim.lease, results, total_rows=10)
        errors, totals = store.row_errors(record.id), store.error_totals(record.id)
        assert record == store.commit(claim.lease, results, total_rows=10)
        assert record == other.commit(claim.lease, results[:1])
        assert (errors, totals) == (store.row_errors(record.id), store.error_totals(record.id))

    def test_of_two_results_for_a_chunk_the_last_one_counts(self, store: JobStore) -> None:
        """Also within one commit, whose repeat changes nothing."""
        claim = claim_new(store)
        results = [a_result(1, 4), a_result(1, 3, failed=1, errors=[a_row_error(2)])]
        record = store.commit(claim.lease, results)
        assert (2, 1, 40) == (record.processed_rows, record.failed_rows, record.bytes_processed)
        assert record == store.commit(claim.lease, results)

    def test_an_empty_commit_changes_nothing(self, store: JobStore) -> None:
        """Nothing new, no new revision."""
        claim = claim_new(store)
        assert claim.record == store.commit(claim.lease, [])

    def test_the_same_start_replaces(self, store: JobStore) -> None:
        """A second result for a chunk takes the place of the first, with its errors and totals."""
        claim = claim_new(store)
        errors = [a_row_error(2), a_row_error(4, code="date", column="joined")]
        store.commit(claim.lease, [a_result(1, 4, failed=2, errors=errors), a_result(5, 2)])
        shorter = a_result(1, 3, failed=1, errors=[a_row_error(3, code="missing")])
        record = store.commit(claim.lease, [shorter])
        assert (4, 1, 60) == (record.processed_rows, record.failed_rows, record.bytes_processed)
        assert [attrs.evolve(shorter, errors=()), a_result(5, 2)] == store.committed(record.id)
        assert [(0, a_row_error(3, code="missing"))] == store.row_errors(record.id)
        assert [("missing", 1)] == [(total.code, total.errors) for total in store.error_totals(record.id)]

    def test_replaced_errors_alone_are_a_change(self, store: JobStore) -> None:
        """Other errors under the same counters are news of the job."""
        claim = claim_new(store)
        before = store.commit(claim.lease, [a_result(1, 4, failed=1, errors=[a_row_error(1)])])
        after = store.commit(claim.lease, [a_result(1, 4, failed=1, errors=[a_row_error(2)])])
        assert before.revision + 1 == after.revision
        assert [(0, a_row_error(2))] == store.row_errors(after.id)

    def test_total_rows_is_set_and_kept(self, store: JobStore) -> None:
        """It is unknown until it is given, changes the job when it is, and stays where later commits do not say."""
        claim = claim_new(store)
        assert store.commit(claim.lease, [a_result(1, 2)]).total_rows is None
        known = store.commit(claim.lease, [], total_rows=10)
        assert (10, 4) == (known.total_rows, known.revision)
        assert 10 == store.commit(claim.lease, [a_result(3, 2)]).total_rows

    def test_committed_is_sorted_and_without_errors(self, store: JobStore, other: JobStore) -> None:
        """A resuming worker gets all results by start, complete but for their errors."""
        claim = claim_new(store)
        totals = (ErrorTotal(code="int", column="id", errors=1),)
        rich = attrs.evolve(
            a_result(5, 3, failed=1, skipped=1, errors=[a_row_error(6)]),
            totals=totals,
            spill="job-40.errors",
            failure=FileFailure(code=FileCode.REJECT_LIMIT, message="too many"),
        )
        store.commit(claim.lease, [rich, a_result(1, 4)])
        store.commit(claim.lease, [a_result(8, 3)])
        expected = [a_result(1, 4), attrs.evolve(rich, errors=()), a_result(8, 3)]
        assert expected == other.committed(claim.record.id)

    def test_nothing_committed_yet(self, store: JobStore) -> None:
        """A new job has no results."""
        assert [] == store.committed(claim_new(store).record.id)

    def test_a_results_failure_is_the_owners_to_judge(self, store: JobStore) -> None:
        """A commit never ends a job, also where a chunk says that it must end."""
        claim = claim_new(store)
        failure = FileFailure(code=FileCode.ABORTED, message="enough")
        record = store.commit(claim.lease, [attrs.evolve(a_result(1, 2), failure=failure)])
        assert (JobStatus.PROCESSING, None) == (record.status, record.error_code)

    def test_jobs_do_not_mix(self, store: JobStore) -> None:
        """Results and errors of one job do not show in another."""
        first, second = claim_new(store), claim_new(store)
        store.commit(first.lease, [a_result(1, 4, failed=1, errors=[a_row_error(2)])])
        assert second.record == store.get(second.record.id)
        assert ([], [], []) == (
            store.committed(second.record.id),
            store.row_errors(second.record.id),
            store.error_totals(second.record.id),
        )

    @pytest.mark.parametrize("verb", [Verb.RELEASE, Verb.PAUSE, Verb.CANCEL])
    def test_a_settled_lease_is_lost(self, store: JobStore, verb: Verb) -> None:
        """Who has given a job back does not write to it any more, though nobody has claimed it since."""
        claim = claim_new(store)
        record = store.settle(claim.lease, verb)  # type: ignore[arg-type]
        with pytest.raises(LeaseLostError):
            store.commit(claim.lease, [a_result(1, 2)])
        with pytest.raises(LeaseLostError):
            store.settle(claim.lease, Verb.RELEASE)
        assert record == store.get(record.id)

    def test_progress_survives_a_release(self, store: JobStore) -> None:
        """The next worker adds to what the one before it has done."""
        claim = claim_new(store)
        store.settle(claim.lease, Verb.RELEASE, results=[a_result(1, 4)])
        (again,) = claim_all(store)
        record = store.commit(again.lease, [a_result(5, 2)])
        assert (6, 70) == (record.processed_rows, record.bytes_processed)
