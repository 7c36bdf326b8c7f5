"""How rows that are refused are found among many."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from csvpipe._process.search import Search
from csvpipe.sink import Refusal, RefusedError

ROWS = st.integers(0, 60)


def found(rows: int, bad: set[int], hint: str, wrong: set[int] = frozenset()) -> tuple[list[int], set[int], int]:  # type: ignore[assignment]
    """Write rows as a sink does that refuses these, and points at them in some way; written, refused and calls."""
    search = Search(range(rows))
    written: list[int] = []
    calls = 0
    while (group := search.next_group()) is not None:
        calls += 1
        hit = next((at for at, row in enumerate(group) if row in bad), None)
        if hit is None:
            written += group
            continue
        if hint == "sure":
            written += group[:hit]
        suspect = None if hint == "none" else hit
        if hint == "wrong":
            suspect = next((at for at, row in enumerate(group) if row in wrong), hit)
        search.refuse(group, RefusedError(Refusal(code="unique", message=""), suspect, is_sure=hint == "sure"))
    return written, set(search.refused), calls


@given(rows=ROWS, bad=st.sets(ROWS), wrong=st.sets(ROWS), hint=st.sampled_from(["sure", "line", "none", "wrong"]))
def test_whatever_the_hints_all_good_rows_are_written_in_order(
    rows: int, bad: set[int], wrong: set[int], hint: str
) -> None:
    """And exactly the bad ones are refused, even where the sink points at a row that is good."""
    written, refused, _ = found(rows, bad, hint, wrong)

    assert [row for row in range(rows) if row not in bad] == written
    assert {row for row in bad if row < rows} == refused


@given(rows=st.integers(1, 60), bad=st.sets(ROWS, min_size=1))
def test_a_sink_may_refuse_all_bad_rows_of_a_group_at_once(rows: int, bad: set[int]) -> None:
    """Then the others of the group are written."""
    search = Search(range(rows))
    while (group := search.next_group()) is not None:
        if hits := {at: Refusal(code="unique", message="") for at, row in enumerate(group) if row in bad}:
            assert search.refuse(group, RefusedError(hits[min(hits)], refusals=hits))

    assert {row for row in bad if row < rows} == set(search.refused)


def test_few_bad_rows_cost_few_calls() -> None:
    """Most rows are still written many at a time, and where all are bad each costs a call."""
    assert found(6_000, {100, 3_000}, "line")[2] < 20
    assert found(6_000, {100, 3_000}, "none")[2] < 60
    assert found(1_000, set(range(1_000)), "line")[2] < 1_010
