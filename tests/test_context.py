"""What a handler may ask about the row in hand, and say about the rows of a batch."""

from __future__ import annotations

from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from csvpipe.context import Context, RowContext
from csvpipe.errors import Reject, Skip
from csvpipe.jobs import JobId

_JOB, _ROOT = JobId(UUID(int=7)), JobId(UUID(int=1))


class _Flag:
    """A truth value that is not Python's own."""

    def __init__(self, *, value: bool) -> None:
        self.value = value

    def __bool__(self) -> bool:
        return self.value


class _Index:
    """A number that is not Python's own."""

    def __init__(self, value: int) -> None:
        self.value = value

    def __index__(self) -> int:
        return self.value


def a_context(*rows: int) -> Context:
    """The context of a call with these rows, each on the line after its number."""
    return Context(
        job_id=_JOB,
        root_id=_ROOT,
        filename="people.csv",
        owner="ana",
        attempt=2,
        dry_run=True,
        rows=rows,
        lines=[row + 1 for row in rows],
    )


def rejected(context: Context) -> list[int]:
    """The indices that `reject` has named."""
    return sorted(context.marks[0])


def skipped(context: Context) -> list[int]:
    """The indices that `skip` has named."""
    return sorted(context.marks[1])


class TestAsking:
    """Who and where."""

    def test_a_row_knows_its_place(self) -> None:
        """Number, line and key of the row in hand; the key is the root job's."""
        context = a_context(41)
        assert (41, 42) == (context.row, context.line)
        assert f"{_ROOT}:41" == context.row_key

    def test_a_batch_is_named_by_its_first_row(self) -> None:
        """`row` and `line` are the first row's, `row_keys` are everybody's."""
        context = a_context(41, 43)
        assert (41, 42, f"{_ROOT}:41") == (context.row, context.line, context.row_key)
        assert [f"{_ROOT}:41", f"{_ROOT}:43"] == context.row_keys

    def test_at_is_the_same_job_elsewhere(self) -> None:
        """Another call's context has the job's values, its own rows, and no marks yet."""
        context = a_context(1)
        context.reject(0, "no")
        elsewhere = context.at([5, 6], [7, 8])
        assert (_JOB, _ROOT, "people.csv", "ana", 2, True) == (
            elsewhere.job_id,
            elsewhere.root_id,
            elsewhere.filename,
            elsewhere.owner,
            elsewhere.attempt,
            elsewhere.dry_run,
        )
        assert ([5, 6], [7, 8]) == (elsewhere.rows, elsewhere.lines)
        assert ({}, set()) == elsewhere.marks


class TestMarking:
    """Rows of a batch that otherwise succeeded."""

    @pytest.mark.parametrize(
        ("rows", "indices"),
        [
            (1, [1]),
            ([0, 2], [0, 2]),
            ((2, 2), [2]),
            ([], []),
            (range(1, 3), [1, 2]),
            ([_Index(2)], [2]),
            ([True, False, True], [0, 2]),
            ([False, False, False], []),
            (iter([1, 2]), [1, 2]),
        ],
    )
    def test_rows_are_named_in_many_ways(self, rows: object, indices: list[int]) -> None:
        """An index, a sequence of them, or a mask as long as the batch."""
        context = a_context(10, 11, 12)
        context.reject(rows, "no")  # type: ignore[arg-type]
        assert indices == rejected(context)
        context = a_context(10, 11, 12)
        context.skip(list(rows) if hasattr(rows, "__next__") else rows)  # type: ignore[arg-type, call-overload]
        assert ([] if hasattr(rows, "__next__") else indices) == skipped(context)

    @pytest.mark.parametrize("name", ["bool", "bool_", "BooleanScalar"])
    def test_masks_of_other_libraries(self, name: str) -> None:
        """The flags of numpy 1 and 2 and of pyarrow make a mask as Python's do."""
        flag = type(name, (_Flag,), {})
        context = a_context(10, 11, 12)
        context.reject([flag(value=False), flag(value=True), flag(value=True)], "no")
        assert [1, 2] == rejected(context)

    @given(st.lists(st.booleans(), min_size=1, max_size=8))
    def test_a_mask_names_where_it_is_true(self, mask: list[bool]) -> None:
        """Whatever the mask, the rows under True are meant."""
        context = a_context(*range(len(mask)))
        context.skip(mask)
        assert [index for index, flag in enumerate(mask) if flag] == skipped(context)

    def test_a_mark_says_why(self) -> None:
        """Message, column and code are kept for every row named; the code is `rejected` by default."""
        context = a_context(10, 11, 12)
        context.reject([0, 1], "too old", column="age", code="age")
        context.reject(2, "no")
        rejects, _ = context.marks
        assert [("too old", "age", "age")] * 2 + [("no", None, "rejected")] == [
            (rejects[index].message, rejects[index].column, rejects[index].code) for index in range(3)
        ]

    def test_reject_wins_over_skip(self) -> None:
        """A row that is both is rejected, in whichever order it was said."""
        context = a_context(10, 11, 12)
        context.skip([0, 1])
        context.reject([1, 2], "no")
        context.skip([2])
        assert ([1, 2], [0]) == (rejected(context), skipped(context))

    @pytest.mark.parametrize("rows", [3, -1, [0, 3], [-1]])
    def test_an_index_outside_the_batch_is_misuse(self, rows: int | list[int]) -> None:
        """There is no counting from the end, and nothing is marked."""
        context = a_context(10, 11, 12)
        with pytest.raises(IndexError, match="outside the batch of 3 rows"):
            context.reject(rows, "no")
        with pytest.raises(IndexError, match="outside the batch of 3 rows"):
            context.skip(rows)
        assert ({}, set()) == context.marks

    @pytest.mark.parametrize("mask", [[True], [False, True], [True] * 4])
    def test_a_mask_is_as_long_as_the_batch(self, mask: list[bool]) -> None:
        """A shorter or longer mask is a mistake, not a guess."""
        context = a_context(10, 11, 12)
        with pytest.raises(IndexError, match=f"a mask of {len(mask)} for a batch of 3 rows"):
            context.skip(mask)

    def test_a_lone_flag_is_misuse(self) -> None:
        """True is neither an index nor a mask."""
        with pytest.raises(TypeError):
            a_context(10, 11).skip(True)  # noqa: FBT003


class TestRaisingMarks:
    """A call of a single row says with a mark what it might have raised."""

    def test_a_rejected_row(self) -> None:
        """`reject` becomes a `Reject`, with its reason."""
        context = a_context(10)
        context.reject(0, "too old", column="age", code="age")
        with pytest.raises(Reject, match="too old") as caught:
            context.raise_marks()
        assert ("age", "age") == (caught.value.column, caught.value.code)

    def test_a_skipped_row(self) -> None:
        """`skip` becomes a `Skip`."""
        context = a_context(10)
        context.skip(0)
        with pytest.raises(Skip):
            context.raise_marks()

    def test_an_unmarked_row(self) -> None:
        """Nothing said, nothing raised."""
        a_context(10).raise_marks()


class TestRowContext:
    """The context of a single row, which is a `Context` in all that a handler can see."""

    def test_it_answers_as_any_context_does(self) -> None:
        """Place, key, and what all rows of the job share."""
        whole, row = a_context(41), RowContext(a_context(), 41, 42)
        names = ("job_id", "root_id", "filename", "owner", "attempt", "dry_run", "row", "line", "row_key", "row_keys")

        assert [getattr(whole, name) for name in names] == [getattr(row, name) for name in names]
        assert ((41,), (42,)) == (row.rows, row.lines)
        assert isinstance(row, Context)
        with pytest.raises(AttributeError, match="'RowContext' object has no attribute 'absent'"):
            _ = row.absent  # type: ignore[attr-defined]

    def test_nothing_is_marked_at_first(self) -> None:
        """And nothing is raised."""
        row = RowContext(a_context(), 1, 2)
        row.raise_marks() if row.is_marked else None
        assert (({}, set()), False) == (row.marks, row.is_marked)

    def test_marks(self) -> None:
        """`reject` and `skip` work on the one row, and on no other."""
        row, other = RowContext(a_context(), 1, 2), RowContext(a_context(), 2, 3)
        row.reject(0, "no")
        other.skip([True])
        with pytest.raises(Reject, match="no"):
            row.raise_marks()
        with pytest.raises(Skip):
            other.raise_marks()
        assert ([0], [], [], [0]) == (rejected(row), skipped(row), rejected(other), skipped(other))
        with pytest.raises(IndexError, match="outside the batch of 1 rows"):
            row.skip(1)
