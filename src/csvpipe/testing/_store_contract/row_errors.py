"""`row_errors` and `error_totals`: what became of the bad rows."""

from __future__ import annotations

import attrs
import pytest

from csvpipe.errors import ErrorTotal, RowError
from csvpipe.jobs import JobId
from csvpipe.store.protocol import JobStore
from csvpipe.testing._store_contract.harness import StoreFixtures, a_result, a_row_error, claim_new


class RowErrorsContract(StoreFixtures):
    """How bad rows are shown to who must mend them."""

    def test_a_job_without_bad_rows(self, store: JobStore) -> None:
        """No errors, no totals."""
        claim = claim_new(store)
        store.commit(claim.lease, [a_result(1, 10)])
        assert ([], []) == (store.row_errors(claim.record.id), store.error_totals(claim.record.id))

    def test_errors_come_back_whole(self, store: JobStore, other: JobStore) -> None:
        """Every field of an error survives, whatever text is in it and whatever is None."""
        claim = claim_new(store)
        errors = [
            attrs.evolve(a_row_error(1), message='say "no" to \x00, \n and \U0001f600', value="NULL"),
            attrs.evolve(a_row_error(2, code="field_count", column=None), value=None, message=""),
        ]
        store.commit(claim.lease, [a_result(1, 2, failed=2, errors=errors)])
        assert [(0, errors[0]), (0, errors[1])] == other.row_errors(claim.record.id)

    def test_errors_are_in_file_order(self, store: JobStore) -> None:
        """By row, and within a row as the worker gave them, numbered from 0; not as the chunks came in."""
        job_id = a_job_with_errors(store)
        expected = [(1, 0, "int"), (1, 1, "date"), (1, 2, "bool"), (4, 0, "int"), (7, 0, "int"), (7, 1, "float")]
        assert expected == [(error.row, ordinal, error.code) for ordinal, error in store.row_errors(job_id)]

    @pytest.mark.parametrize("limit", [1, 2, 5, 6, 7])
    def test_pages_join_without_seam(self, store: JobStore, limit: int) -> None:
        """Reading on after the last (row, ordinal) seen gives every error once, also where a page ends within a row."""
        job_id = a_job_with_errors(store)
        seen: list[tuple[int, RowError]] = []
        after: tuple[int, int] | None = None
        while page := store.row_errors(job_id, limit=limit, after=after):
            assert len(page) <= limit
            seen += page
            after = (page[-1][1].row, page[-1][0])
        assert store.row_errors(job_id) == seen

    def test_reading_on_after_a_row_without_errors(self, store: JobStore) -> None:
        """`after` need not name an error that is there."""
        job_id = a_job_with_errors(store)
        assert [4, 7, 7] == [error.row for _, error in store.row_errors(job_id, after=(3, 5))]
        assert [] == store.row_errors(job_id, after=(99, 0))

    def test_totals_are_exact_and_ranked(self, store: JobStore) -> None:
        """Totals add up over chunks per code and column, the most frequent first."""
        job_id = a_job_with_errors(store)
        totals = [(total.code, total.column, total.errors) for total in store.error_totals(job_id)]
        assert ("int", "id", 3) == totals[0]
        assert [("bool", "is_new", 1), ("date", "joined", 1), ("float", None, 1)] == sorted(totals[1:])

    def test_codes_and_columns_are_told_apart(self, store: JobStore) -> None:
        """The same code in two columns, and on whole records, is three kinds of error."""
        claim = claim_new(store)
        columns = ["id", "name", "name", None, None, None]
        errors = [a_row_error(row, "rejected", column) for row, column in enumerate(columns, 1)]
        store.commit(claim.lease, [a_result(1, 6, failed=6, errors=errors)])
        assert [("rejected", None, 3), ("rejected", "name", 2), ("rejected", "id", 1)] == [
            (total.code, total.column, total.errors) for total in store.error_totals(claim.record.id)
        ]

    def test_totals_count_errors_that_are_not_stored(self, store: JobStore) -> None:
        """What a worker counted beyond its budget is counted."""
        claim = claim_new(store)
        totals = (ErrorTotal(code="int", column="id", errors=4),)
        result = attrs.evolve(a_result(1, 4, failed=4, errors=[a_row_error(1)]), totals=totals, spill="job-10")
        store.commit(claim.lease, [result, a_result(5, 2, failed=1, errors=[a_row_error(6)])])
        (total,) = store.error_totals(claim.record.id)
        assert (5, (a_row_error(1), a_row_error(6))) == (total.errors, total.samples)

    @pytest.mark.parametrize("samples", [0, 1, 2, 3, 4])
    def test_samples_are_the_first_in_file_order(self, store: JobStore, samples: int) -> None:
        """As many as asked for, from the start of the file, not from the chunk that came first."""
        job_id = a_job_with_errors(store)
        commonest = store.error_totals(job_id, samples=samples)[0]
        assert [1, 4, 7][:samples] == [error.row for error in commonest.samples]

    def test_three_samples_by_default(self, store: JobStore) -> None:
        """Enough to see a pattern, few enough to read."""
        claim = claim_new(store)
        store.commit(claim.lease, [a_result(1, 5, failed=5, errors=[a_row_error(row) for row in range(1, 6)])])
        (total,) = store.error_totals(claim.record.id)
        assert (5, [1, 2, 3]) == (total.errors, [error.row for error in total.samples])

    def test_pages_are_of_a_hundred_by_default(self, store: JobStore) -> None:
        """Whoever does not say how many gets a page, not all."""
        claim = claim_new(store)
        errors = [a_row_error(row) for row in range(1, 121)]
        store.commit(claim.lease, [a_result(1, 120, failed=120, errors=errors)])
        assert 100 == len(store.row_errors(claim.record.id))
        assert errors == [error for _, error in store.row_errors(claim.record.id, limit=200)]


def a_job_with_errors(store: JobStore) -> JobId:
    """A job whose rows 1, 4 and 7 are bad, for three, one and two reasons; the later chunk is committed first."""
    claim = claim_new(store)
    late = [a_row_error(7), a_row_error(7, "float", None)]
    early = [a_row_error(1), a_row_error(1, "date", "joined"), a_row_error(1, "bool", "is_new"), a_row_error(4)]
    store.commit(claim.lease, [a_result(6, 5, failed=1, errors=late)])
    store.commit(claim.lease, [a_result(1, 5, failed=2, errors=early)])
    return claim.record.id
