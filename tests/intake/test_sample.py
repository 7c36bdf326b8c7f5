"""The first few records of a file, and a guess at how many there are."""

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from csvpipe._intake import sample
from csvpipe._intake.sample import Sample, take_sample
from csvpipe.dialect import Dialect


def take(data: bytes, *, start: int = 0, dialect: Dialect | None = None, encoding: str = "utf-8") -> Sample:
    """The sample of these bytes."""
    return take_sample(io.BytesIO(data), start=start, dialect=dialect or Dialect(), encoding=encoding, size=len(data))


def test_a_small_file_is_counted() -> None:
    """Blank lines are no rows."""
    found = take(b"id,name\n1,Ana\n\n2,Bo", start=8)
    assert Sample(rows=(("1", "Ana"), ("2", "Bo")), estimated_rows=2) == found


def test_a_large_file_is_judged_by_its_start(monkeypatch: pytest.MonkeyPatch) -> None:
    """A row that may be torn counts as little as it is shown."""
    monkeypatch.setattr(sample, "COUNTED_BYTES", 45)
    found = take(b"1,Ana,xyz\n" * 100)
    assert (("1", "Ana", "xyz"),) * 4 == found.rows
    assert 89 == found.estimated_rows


def test_one_record_larger_than_what_is_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    """Then nothing is known."""
    monkeypatch.setattr(sample, "COUNTED_BYTES", 10)
    assert Sample(rows=(), estimated_rows=None) == take(b"x" * 100)


def test_cells_are_shortened_and_can_be_shown() -> None:
    """Whatever bytes they hold."""
    found = take(b"a\xff," + b"b" * 500 + b",c\n")
    assert (("a\\udcff", "b" * 99 + "…", "c"),) == found.rows


@given(data=st.binary(max_size=200))
def test_it_never_raises(data: bytes) -> None:
    """Also for what a strict dialect refuses."""
    take(data, dialect=Dialect(strict=True, escapechar="\\"))
