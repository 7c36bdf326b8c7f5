"""The check before `completed`: it lets every account of a file pass that is whole, and no other."""

from __future__ import annotations

from itertools import accumulate
from typing import Any

import attrs
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from csvpipe._process.result import ChunkResult
from csvpipe.errors import FileCode, FileFailure
from csvpipe.store.conservation import check_tiling


@attrs.frozen(kw_only=True)
class Account:
    """All that the check is told of a file."""

    results: tuple[ChunkResult, ...]
    data_start: int
    data_line: int
    size: int
    total_rows: int | None

    def check(self) -> FileFailure | None:
        """Run the check."""
        return check_tiling(
            self.results,
            data_start=self.data_start,
            data_line=self.data_line,
            size=self.size,
            total_rows=self.total_rows,
        )

    def with_result(self, index: int, **changes: Any) -> Account:
        """The same account with one result changed."""
        changed = attrs.evolve(self.results[index], **changes)
        return attrs.evolve(self, results=(*self.results[:index], changed, *self.results[index + 1 :]))


def account(*sizes: tuple[int, int], data_start: int = 10, data_line: int = 2) -> Account:
    """A whole account of chunks of so many (bytes, rows), a line for each row."""
    results = []
    start, row = data_start, 1
    for length, rows in sizes:
        result = ChunkResult(
            start=start,
            end=start + length,
            first_row=row,
            first_line=data_line + row - 1,
            lines=rows,
            processed=rows,
        )
        results.append(result)
        start, row = start + length, row + rows
    return Account(results=tuple(results), data_start=data_start, data_line=data_line, size=start, total_rows=row - 1)


@st.composite
def whole_accounts(draw: st.DrawFn, *, min_chunks: int = 0) -> Account:
    """Any file, cut anywhere, with any fate for its rows; quoted newlines make more lines than rows, blank ones too."""
    data_start = draw(st.integers(0, 50))
    data_line = draw(st.integers(1, 5))
    fates = st.tuples(st.integers(1, 40), st.integers(0, 9), st.integers(0, 9), st.integers(0, 9), st.integers(0, 9))
    chunks = draw(st.lists(fates, min_size=min_chunks, max_size=8))
    starts = accumulate((length for length, *_ in chunks), initial=data_start)
    first_rows = accumulate((sum(rows) for _, *rows, _ in chunks), initial=1)
    first_lines = accumulate((sum(rows) + extra for _, *rows, extra in chunks), initial=data_line)
    results = [
        ChunkResult(
            start=start,
            end=start + length,
            first_row=first_row,
            first_line=first_line,
            lines=processed + failed + skipped + extra,
            processed=processed,
            failed=failed,
            skipped=skipped,
        )
        for (length, processed, failed, skipped, extra), start, first_row, first_line in zip(
            chunks, starts, first_rows, first_lines, strict=False
        )
    ]
    return Account(
        results=tuple(draw(st.permutations(results))),
        data_start=data_start,
        data_line=data_line,
        size=data_start + sum(length for length, *_ in chunks),
        total_rows=sum(result.rows for result in results),
    )


_SHIFTS = st.integers(-60, 60).filter(bool)


@given(whole_accounts())
def test_any_tiling_is_accepted(whole: Account) -> None:
    """However a file was cut, and in whatever order its results came, a whole account passes."""
    assert whole.check() is None


@given(whole=whole_accounts(min_chunks=1), data=st.data(), shift=_SHIFTS)
def test_any_changed_number_of_a_result_is_rejected(whole: Account, data: st.DataObject, shift: int) -> None:
    """One number of one result is off, by however much: the job does not complete."""
    index = data.draw(st.sampled_from(range(len(whole.results))))
    field = data.draw(st.sampled_from(["start", "end", "first_row", "first_line", "processed", "failed", "skipped"]))
    changed = whole.with_result(index, **{field: getattr(whole.results[index], field) + shift})
    assert is_rejected(changed)


@given(whole=whole_accounts(min_chunks=2), data=st.data(), shift=_SHIFTS)
def test_any_changed_number_of_lines_is_rejected(whole: Account, data: st.DataObject, shift: int) -> None:
    """A wrong count of lines shows in the chunk that follows."""
    last = max(range(len(whole.results)), key=lambda index: whole.results[index].start)
    index = data.draw(st.sampled_from([index for index in range(len(whole.results)) if index != last]))
    assert is_rejected(whole.with_result(index, lines=whole.results[index].lines + shift))


@given(whole=whole_accounts(min_chunks=1), data=st.data())
def test_any_missing_result_is_rejected(whole: Account, data: st.DataObject) -> None:
    """A chunk that nobody reported is missed."""
    index = data.draw(st.sampled_from(range(len(whole.results))))
    rest = whole.results[:index] + whole.results[index + 1 :]
    assert is_rejected(attrs.evolve(whole, results=rest))


@given(whole=whole_accounts(min_chunks=1), data=st.data())
def test_any_doubled_result_is_rejected(whole: Account, data: st.DataObject) -> None:
    """A chunk that was reported twice is noticed."""
    doubled = data.draw(st.sampled_from(whole.results))
    assert is_rejected(attrs.evolve(whole, results=(*whole.results, doubled)))


@given(whole=whole_accounts(), field=st.sampled_from(["data_start", "size", "total_rows"]), shift=_SHIFTS)
def test_any_other_file_is_rejected(whole: Account, field: str, shift: int) -> None:
    """The account of one file does not pass for another one."""
    assert is_rejected(attrs.evolve(whole, **{field: getattr(whole, field) + shift}))


@given(whole=whole_accounts(min_chunks=1), shift=_SHIFTS)
def test_another_first_line_is_rejected(whole: Account, shift: int) -> None:
    """Where there are results, the first of them begins where the header ends."""
    assert is_rejected(attrs.evolve(whole, data_line=whole.data_line + shift))


@given(whole_accounts())
def test_an_uncounted_file_is_rejected(whole: Account) -> None:
    """Without the partitioner's count there is nothing to compare with."""
    assert is_rejected(attrs.evolve(whole, total_rows=None))


@given(whole=whole_accounts(), at=st.integers(0, 400), row=st.integers(1, 99))
def test_results_over_nothing_are_left_aside(whole: Account, at: int, row: int) -> None:
    """A worker that was stopped before its first record accounts for nothing, and breaks nothing."""
    nothing = ChunkResult(start=at, end=at, first_row=row, first_line=row, lines=0)
    assert attrs.evolve(whole, results=(*whole.results, nothing)).check() is None


@given(whole=whole_accounts(min_chunks=1), at=st.integers(0, 400), rows=st.integers(1, 9))
def test_rows_from_nowhere_are_rejected(whole: Account, at: int, rows: int) -> None:
    """Rows over no byte at all are not believed."""
    assume(whole.total_rows is not None)
    nowhere = ChunkResult(start=at, end=at, first_row=1, first_line=1, lines=0, processed=rows)
    assert is_rejected(attrs.evolve(whole, results=(*whole.results, nowhere)))


@pytest.mark.parametrize(
    ("broken", "where"),
    [
        (attrs.evolve(account((40, 4), (10, 1)), data_start=0), "no worker accounts for bytes 0 to 10"),
        (account((40, 4), (10, 1)).with_result(1, start=53), "no worker accounts for bytes 50 to 53"),
        (account((40, 4), (10, 1)).with_result(1, start=45), "bytes 45 to 50 are accounted for twice"),
        (account((40, 4), (10, 1)).with_result(1, start=20, end=30), "bytes 20 to 30 are accounted for twice"),
        (account((40, 4), (10, 1)).with_result(1, end=50), "the result at byte 50 ends at byte 50"),
        (account((40, 4), (10, 1)).with_result(1, first_row=7), "begins with row 7 instead of row 5"),
        (account((40, 4), (10, 1)).with_result(1, first_line=7), "begins on line 7 instead of line 6"),
        (account((40, 4), (10, 1)).with_result(0, first_row=0), "byte 10 begins with row 0 instead of row 1"),
        (attrs.evolve(account((40, 4), (10, 1)), size=70), "bytes 60 to 70, the end of the file"),
        (attrs.evolve(account((40, 4), (10, 1)), size=55), "byte 60, but the file ends at byte 55"),
        (attrs.evolve(account((40, 4), (10, 1)), total_rows=6), "5 rows, but the file has 6"),
        (attrs.evolve(account((40, 4)), total_rows=None), "never counted"),
        (attrs.evolve(account(), size=30), "bytes 10 to 30, the end of the file"),
    ],
)
def test_the_message_says_where_it_broke(broken: Account, where: str) -> None:
    """Whoever looks into it is told bytes, rows and lines."""
    failure = broken.check()
    assert failure is not None
    assert where in failure.message


def is_rejected(broken: Account) -> bool:
    """Whether the check fails the job with the code that is for this."""
    failure = broken.check()
    return failure is not None and failure.code is FileCode.CONSERVATION
