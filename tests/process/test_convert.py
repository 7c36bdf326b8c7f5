"""Cell text to values: the converters take exactly the documented grammar."""

from __future__ import annotations

import datetime as dt
import decimal
import enum
import math
import re
import string
import sys
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from csvpipe._process.convert import (
    GRAMMAR,
    PADDING,
    SHORT_CUT_NAMES,
    VALUE_CHARACTERS,
    converter,
    known_texts,
    short_cut,
    shortened,
)
from csvpipe.rowtypes import Field, Scalar

if TYPE_CHECKING:
    from uuid import UUID


class Colour(enum.Enum):
    """Members whose names and values overlap."""

    RED = "red"
    GREEN = 2
    TWO = "GREEN"
    ROUGE = "red"  # noqa: PIE796  # an alias on purpose


def convert(scalar: Scalar, text: str) -> object:
    """What the converter of a plain field of this type makes of `text`."""
    return converted(Field(name="x", attribute="x", scalar=scalar), text)


def convert_member(enum_type: type[enum.Enum], text: str) -> object:
    """What the converter of a field of this enum makes of `text`."""
    return converted(Field(name="x", attribute="x", scalar=Scalar.ENUM, enum_type=enum_type), text)


def converted(field: Field, text: str) -> object:
    """What the converter of a field makes of `text`, and its short cut unless it raises."""
    whole = converter(field)
    cut = short_cut(field)
    if cut is not None:
        names = {**SHORT_CUT_NAMES, "whole": whole, "known": known_texts(field), "text": text}
        try:
            quick = eval(cut.format(cell="text", convert="whole", known="known"), names)  # noqa: S307
        except (ValueError, decimal.InvalidOperation):
            return whole(text)
        assert repr(whole(text)) == repr(quick)
        return quick
    return whole(text)


def is_accepted(scalar: Scalar, text: str) -> bool:
    """Whether the converter raises nothing, and else nothing but `ValueError`."""
    try:
        convert(scalar, text)
    except ValueError:
        return False
    return True


def is_lexeme(scalar: Scalar, text: str) -> bool:
    """Whether the grammar knows the text, padding aside."""
    return GRAMMAR[scalar].fullmatch(text.strip(PADDING)) is not None


#: Characters that one constructor of Python's or another is known to accept, beside those of the grammars.
SUSPECTS = (
    "0123456789+-._eE:TtZz,W xXabfinINFatyY\t\n\r\x0b\x0c\x1c\x1f\x85\xa0\u2009\u0661\uff11²\u2212\u212a\ud800\0{}()"
)
CELL = st.text(st.sampled_from(SUSPECTS), max_size=12) | st.text(max_size=40)
PADS = st.text(st.sampled_from(PADDING), max_size=2)


def near(scalar: Scalar) -> st.SearchStrategy[str]:
    """Texts of the grammar, and such with one character replaced, added or left out."""
    lexemes = st.from_regex(GRAMMAR[scalar], fullmatch=True)

    def spoilt(parts: tuple[str, int, int, str, str, str]) -> str:
        text, at, dropped, added, before, after = parts
        at %= len(text) + 1
        return before + text[:at] + added + text[at + dropped :] + after

    added = st.text(st.sampled_from(SUSPECTS), max_size=1)
    return CELL | lexemes | st.tuples(lexemes, st.integers(0, 60), st.integers(0, 1), added, PADS, PADS).map(spoilt)


class TestGrammar:
    """Acceptance equals the grammar, except where a lexeme means nothing that exists."""

    @given(near(Scalar.INT))
    @example("1_000")
    @example("\u0661")
    @example("²")
    @example("1\n")
    @example("\x1f1")
    @example("- 1")
    @example("")
    def test_int(self, text: str) -> None:
        """The converter of int takes the grammar, no more and no less, with int's value."""
        assert is_lexeme(Scalar.INT, text) == is_accepted(Scalar.INT, text)
        if is_lexeme(Scalar.INT, text):
            assert int(text) == convert(Scalar.INT, text)

    @given(near(Scalar.FLOAT))
    @example("nan")
    @example("-Infinity")
    @example("1_0.0")
    @example("1.5\x0b")
    @example(".5")
    @example("5.")
    @example(".")
    @example("\t-1E+3 ")
    def test_float(self, text: str) -> None:
        """The converter of float takes the grammar as far as its values are finite."""
        expected = is_lexeme(Scalar.FLOAT, text) and math.isfinite(float(text))
        assert expected == is_accepted(Scalar.FLOAT, text)
        if expected:
            assert float(text) == convert(Scalar.FLOAT, text)

    @given(near(Scalar.DECIMAL))
    @example("sNaN12")
    @example("1_0")
    @example("\u0661")
    def test_decimal(self, text: str) -> None:
        """The converter of Decimal takes the grammar where no exponent is absurd, and keeps digits and scale."""
        if is_accepted(Scalar.DECIMAL, text):
            assert is_lexeme(Scalar.DECIMAL, text)
            assert Decimal(text).as_tuple() == convert(Scalar.DECIMAL, text).as_tuple()  # type: ignore[attr-defined]
        else:
            assert not is_lexeme(Scalar.DECIMAL, text) or "e" in text.lower()

    @given(near(Scalar.BOOL))
    @example("\u212a")
    @example("fal\u017fe")
    @example("tRuE ")
    def test_bool(self, text: str) -> None:
        """The converter of bool takes its ten words in any case."""
        assert is_lexeme(Scalar.BOOL, text) == is_accepted(Scalar.BOOL, text)
        if is_lexeme(Scalar.BOOL, text):
            assert (text.strip(PADDING)[0] in "tTyY1") == convert(Scalar.BOOL, text)

    @given(near(Scalar.DATE))
    @example("20260102")
    @example("2026-W01-1")
    @example("2026-W011")
    @example("\uff12026-01-02")
    def test_date(self, text: str) -> None:
        """The converter of date takes the days of the calendar in the one form."""
        try:
            expected = is_lexeme(Scalar.DATE, text) and dt.date(*map(int, text.strip(PADDING).split("-")))
        except ValueError:
            expected = False
        assert bool(expected) == is_accepted(Scalar.DATE, text)
        if expected:
            assert expected == convert(Scalar.DATE, text)

    @given(near(Scalar.DATETIME))
    @example("2026-01-02T24:00:00")
    @example("2026-01-02T24:00")
    @example("2026-01-02 03:04:0Z")
    @example("2026-01-02 03:04:+5")
    @example("20260102T030405")
    @example("2026-01-02T030405.1")
    @example("2026-01-02T03:04+01")
    @example("2026-01-02_03:04:05")
    @example("2026-01-02T03:04:05,5")
    @example("2026-01-02t03:04")
    @example("2026-01-02  03:04")
    @example("2026-01-02T03:04:05.1234567")
    @example("2026-01-02T03:04:05+05:60")
    @example("0001-01-01T00:00+01:00")
    def test_datetime(self, text: str) -> None:
        """The converter of datetime takes nothing but the grammar, and refuses of it only impossible days."""
        if is_accepted(Scalar.DATETIME, text):
            assert is_lexeme(Scalar.DATETIME, text)
        elif is_lexeme(Scalar.DATETIME, text):
            day = text.strip(PADDING)[:10]
            assert not is_accepted(Scalar.DATE, day) or day in {"0001-01-01", "9999-12-31"}

    @given(st.text(string.printable, min_size=2, max_size=2), st.sampled_from([11, 14, 17]))
    def test_datetime_short_cut(self, pair: str, at: int) -> None:
        """No two characters in place of the digits of a plain datetime get past the short cut."""
        text = "2026-01-02T03:04:05"
        text = text[:at] + pair + text[at + 2 :]
        assert is_lexeme(Scalar.DATETIME, text) == is_accepted(Scalar.DATETIME, text)

    @given(near(Scalar.TIME))
    @example("24:00")
    @example("0304")
    @example("03:04+01:00")
    @example("T03:04")
    def test_time(self, text: str) -> None:
        """The converter of time takes the grammar, no more and no less."""
        assert is_lexeme(Scalar.TIME, text) == is_accepted(Scalar.TIME, text)

    @given(near(Scalar.TIMEDELTA))
    @example("1 day, 2:03:04")
    @example("PT")
    @example("P")
    @example("P1W")
    @example("12:30")
    @example("999999999999999999999:00:00")
    def test_timedelta(self, text: str) -> None:
        """The converter of timedelta takes nothing but the grammar, and refuses of it only what is too long."""
        if is_accepted(Scalar.TIMEDELTA, text):
            assert is_lexeme(Scalar.TIMEDELTA, text)
        elif is_lexeme(Scalar.TIMEDELTA, text):
            assert re.search("[0-9]{9}", text)

    @given(near(Scalar.UUID))
    @example("{12345678-1234-1234-1234-123456789abc}")
    @example("urn:uuid:12345678-1234-1234-1234-123456789abc")
    @example("1234567812341234-1234123456789abc")
    def test_uuid(self, text: str) -> None:
        """The converter of UUID takes the grammar, no more and no less."""
        assert is_lexeme(Scalar.UUID, text) == is_accepted(Scalar.UUID, text)

    @given(st.text())
    def test_str(self, text: str) -> None:
        """A str is the cell as it is."""
        assert text == convert(Scalar.STR, text)


class TestRoundTrips:
    """What Python writes is read back as it was."""

    @given(st.integers())
    def test_int(self, value: int) -> None:
        """An int of any size comes back."""
        assert value == convert(Scalar.INT, str(value))

    @given(st.floats(allow_nan=False, allow_infinity=False))
    def test_float(self, value: float) -> None:
        """A finite float comes back, its sign of zero with it."""
        assert repr(value) == repr(convert(Scalar.FLOAT, repr(value)))

    @given(st.decimals(allow_nan=False, allow_infinity=False))
    def test_decimal(self, value: Decimal) -> None:
        """A finite Decimal comes back with its scale."""
        assert str(value) == str(convert(Scalar.DECIMAL, str(value)))

    @given(st.booleans())
    def test_bool(self, value: bool) -> None:  # noqa: FBT001
        """A bool comes back."""
        assert value is convert(Scalar.BOOL, str(value))

    @given(st.dates())
    def test_date(self, value: dt.date) -> None:
        """A date comes back."""
        assert value == convert(Scalar.DATE, str(value))

    @given(st.datetimes(), st.sampled_from("T "))
    def test_naive_datetime(self, value: dt.datetime, separator: str) -> None:
        """A datetime without offset comes back without one."""
        assert value == convert(Scalar.DATETIME, value.isoformat(separator))

    @given(
        st.datetimes(min_value=dt.datetime(2, 1, 1), max_value=dt.datetime(9998, 1, 1)),  # noqa: DTZ001
        st.integers(-1439, 1439),
    )
    def test_aware_datetime(self, value: dt.datetime, minutes: int) -> None:
        """A datetime with an offset comes back as the same moment in UTC."""
        aware = value.replace(tzinfo=dt.timezone(dt.timedelta(minutes=minutes)))
        actual = convert(Scalar.DATETIME, aware.isoformat())
        assert aware == actual
        assert dt.UTC is actual.tzinfo  # type: ignore[attr-defined]

    @given(st.times())
    def test_time(self, value: dt.time) -> None:
        """A time comes back."""
        assert value == convert(Scalar.TIME, str(value))

    @given(st.timedeltas())
    def test_timedelta(self, value: dt.timedelta) -> None:
        """A length of time comes back."""
        assert value == convert(Scalar.TIMEDELTA, str(value))

    @given(st.uuids(), st.booleans())
    def test_uuid(self, value: UUID, is_bare: bool) -> None:  # noqa: FBT001
        """A UUID comes back from either form, in either case."""
        text = value.hex if is_bare else str(value).upper()
        assert value == convert(Scalar.UUID, text)


class TestEnum:
    """Members are found by the text of their value, then by name."""

    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            ("red", Colour.RED),
            ("RED", Colour.RED),
            ("ROUGE", Colour.RED),
            ("2", Colour.GREEN),
            ("GREEN", Colour.TWO),
            ("TWO", Colour.TWO),
            (" red\t", Colour.RED),
        ],
    )
    def test_found(self, text: str, expected: Colour) -> None:
        """A value's text wins over the name of another member."""
        assert expected is convert_member(Colour, text)

    def test_not_found(self) -> None:
        """The message names the choices by their values, each once."""
        with pytest.raises(ValueError, match=r"^'Red' is not one of 'red', '2', 'GREEN'$"):
            convert_member(Colour, "Red")

    def test_many_choices(self) -> None:
        """The message only counts the choices that are too many to list."""
        letters = enum.Enum("letters", [(letter, letter) for letter in string.ascii_lowercase])  # type: ignore[misc]
        with pytest.raises(ValueError, match=r"'j' and 16 more$"):
            convert_member(letters, "?")


class TestMessages:
    """What the person who mends the file is told."""

    @pytest.mark.parametrize(
        ("scalar", "text", "expected"),
        [
            (Scalar.INT, "abc", "'abc' is not a whole number (such as 1234)"),
            (Scalar.FLOAT, "nan", "'nan' is not a number (such as 1234.5)"),
            (Scalar.FLOAT, "1e999", "'1e999' is too large a number"),
            (Scalar.DECIMAL, "1,5", "'1,5' is not a decimal number (such as 1234.5)"),
            (Scalar.BOOL, "on", "'on' is not true or false (or yes, no, t, f, y, n, 1, 0)"),
            (Scalar.DATE, "02.01.2026", "'02.01.2026' is not a date (YYYY-MM-DD)"),
            (Scalar.DATE, "2026-W01-1", "'2026-W01-1' is not a date (YYYY-MM-DD)"),
            (Scalar.DATE, "abcd-ef-gh", "'abcd-ef-gh' is not a date (YYYY-MM-DD)"),
            (Scalar.DATETIME, "today", "'today' is not a date and time (such as 2026-03-01 09:30:00)"),
            (Scalar.TIME, "9:30", "'9:30' is not a time (HH:MM or HH:MM:SS, such as 09:30)"),
            (Scalar.TIME, "25:00", "'25:00' is not a time (HH:MM or HH:MM:SS, such as 09:30): hours go up to 23"),
            (
                Scalar.TIMEDELTA,
                "2 h",
                "'2 h' is not a length of time (such as '36:00:00', '2 days, 12:00:00' or 'P2DT12H')",
            ),
            (Scalar.TIMEDELTA, "P9999999999D", "'P9999999999D' is too long a time"),
            (
                Scalar.UUID,
                "1",
                "'1' is not a UUID (32 digits from 0 to f, such as 12345678-1234-5678-1234-567812345678)",
            ),
        ],
    )
    def test_expected(self, scalar: Scalar, text: str, expected: str) -> None:
        """The message quotes the cell and says what was expected."""
        with pytest.raises(ValueError, match=rf"^{re.escape(expected)}$"):
            convert(scalar, text)

    @pytest.mark.parametrize(
        ("scalar", "text"),
        [(Scalar.DATE, "2026-02-30"), (Scalar.DATETIME, "2026-02-30 10:00"), (Scalar.DATETIME, "2026-02-30T10:00:00")],
    )
    def test_impossible_day(self, scalar: Scalar, text: str) -> None:
        """A day that does not exist is not blamed on its form alone."""
        with pytest.raises(ValueError, match=rf"^'{text}' is not a date.*\): there is no such day$"):
            convert(scalar, text)

    def test_edge_of_the_calendar(self) -> None:
        """A moment whose UTC lies before the first year is a bad cell, not a crash."""
        with pytest.raises(ValueError, match="is not a date and time"):
            convert(Scalar.DATETIME, "0001-01-01T00:00:00+01:00")

    def test_many_digits(self) -> None:
        """An int over Python's own limit of digits is a bad cell with a message of its own."""
        text = "9" * (sys.get_int_max_str_digits() + 1)
        with pytest.raises(ValueError, match=r"^'9{99}…' has too many digits$"):
            convert(Scalar.INT, text)

    def test_decimal_exponent(self) -> None:
        """A Decimal that no context can hold is a bad cell, whether the context traps or not."""
        text = "1e9999999999999999999"
        with decimal.localcontext() as context:
            for is_trapped in (True, False):
                context.traps[decimal.InvalidOperation] = is_trapped
                with pytest.raises(ValueError, match="is too large a number"):
                    convert(Scalar.DECIMAL, text)

    @given(st.text(max_size=300))
    def test_shortened(self, text: str) -> None:
        """A shortened text is the text itself or its beginning and an ellipsis."""
        actual = shortened(text)
        assert len(actual) <= VALUE_CHARACTERS
        assert actual == text or (text.startswith(actual[:-1]) and actual.endswith("…") and len(text) > len(actual))
