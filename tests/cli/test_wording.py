"""Numbers, durations and foreign text."""

import pytest

from csvpipe.cli.wording import counted, left, pace, printable, seconds


@pytest.mark.parametrize(("number", "text"), [(0, "0 files"), (1, "1 file"), (2_000, "2,000 files")])
def test_counted_agrees_with_its_noun(number: int, text: str) -> None:
    """One of a thing is not many."""
    assert text == counted(number, "file")


def test_counted_knows_irregular_nouns() -> None:
    """Where the plural is no `s` it is given."""
    assert "2 other kinds" == counted(2, "other kind")
    assert "2 indices" == counted(2, "index", "indices")


@pytest.mark.parametrize(
    ("value", "text"),
    [(None, "-"), (0.0, "0.00 s"), (9.994, "9.99 s"), (12.54, "12.5 s"), (187, "3:07"), (7_387.4, "2:03:07")],
)
def test_seconds_are_as_exact_as_anybody_cares(value: float | None, text: str) -> None:
    """Short times have fractions, long ones minutes and hours."""
    assert text == seconds(value)


@pytest.mark.parametrize(("value", "text"), [(None, "-"), (0.2, "0 s"), (12.54, "13 s"), (187, "3:07")])
def test_time_left_is_in_whole_seconds(value: float | None, text: str) -> None:
    """An estimate pretends no exactness."""
    assert text == left(value)


@pytest.mark.parametrize(("value", "text"), [(None, "-"), (1_234.5, "1,234"), (0.4, "0")])
def test_pace_has_no_fraction(value: float | None, text: str) -> None:
    """Rows a second are whole."""
    assert text == pace(value)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Zoë, 東京", "Zoë, 東京"),
        ("a\x1b[2Jb\nc", r"a\x1b[2Jb\nc"),
        ("caf\udce9.csv", r"caf\udce9.csv"),
        ("\u202eevil", r"\u202eevil"),
    ],
)
def test_printable_steers_no_terminal(text: str, shown: str) -> None:
    """Letters of any script stay; whatever would clear the screen, break the line or fail to encode is escaped."""
    assert shown == printable(text)
