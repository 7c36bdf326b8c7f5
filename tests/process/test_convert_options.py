"""Cells of fields that say how they are spelt."""

from __future__ import annotations

import datetime as dt
import math
import re
from decimal import Decimal
from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from csvpipe._process.convert import converter, short_cut
from csvpipe._process.numbers import number_pattern
from csvpipe.rowtypes import Column, Field, Scalar

MARKS = [(".", ","), (",", "."), (",", " "), (".", "'"), (".", "_"), (",", None), (".", None)]


def convert(scalar: Scalar, text: str, **options: Any) -> Any:
    """What the converter of such a field makes of `text`."""
    return converter(Field(name="x", attribute="x", scalar=scalar, options=Column(**options)))(text)


def written(value: Decimal | int, decimal: str, thousands: str | None) -> str:
    """As it is written with these marks."""
    plain = f"{value:,f}" if isinstance(value, Decimal) else f"{value:,}"
    return plain.translate({ord(","): thousands, ord("."): decimal})


class TestNumbers:
    """Marks for fraction and thousands."""

    @pytest.mark.parametrize(("decimal", "thousands"), MARKS)
    @given(value=st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**12), max_value=10**12, places=3))
    def test_decimal(self, decimal: str, thousands: str | None, value: Decimal) -> None:
        """A Decimal comes back with its digits, grouped or not."""
        options = {"decimal": decimal, "thousands": thousands}
        for text in (written(value, decimal, thousands), str(f"{value:f}").replace(".", decimal)):
            assert str(Decimal(f"{value:f}")) == str(convert(Scalar.DECIMAL, f" {text}\t", **options))
            assert float(value) == convert(Scalar.FLOAT, text, **options)

    @pytest.mark.parametrize("thousands", [".", ",", " ", "'", "_", "\u00a0", "\u202f"])
    @given(value=st.integers())
    def test_int(self, thousands: str, value: int) -> None:
        """An int of any size comes back, grouped or not."""
        for text in (written(value, "", thousands), str(value)):
            assert value == convert(Scalar.INT, text, thousands=thousands)

    @pytest.mark.parametrize("space", [" ", "\u00a0", "\u202f"])
    def test_spaces(self, space: str) -> None:
        """Each kind of space is as good as the other."""
        for stated in (" ", "\u00a0", "\u202f"):
            assert 1234567 == convert(Scalar.INT, f"1{space}234{space}567", thousands=stated)

    @pytest.mark.parametrize(("decimal", "thousands"), [(".", ","), (",", "."), (",", " "), (".", "'")])
    @given(text=st.text(st.sampled_from("0123456789.,' +-e"), max_size=12))
    def test_only_right_groups(self, decimal: str, thousands: str, text: str) -> None:
        """What is accepted is, without the marks, the number that it is taken for, and its groups are of three."""
        try:
            value = convert(Scalar.FLOAT, text, decimal=decimal, thousands=thousands)
        except ValueError:
            return
        stripped = text.strip()
        assert float(stripped.replace(thousands, "").replace(decimal, ".")) == value
        whole = re.split(re.escape(decimal) + "|e", stripped)[0].lstrip("+-")
        first, *groups = whole.split(thousands)
        assert all(len(group) == 3 for group in groups)
        assert not groups or 1 <= len(first) <= 3

    @pytest.mark.parametrize("text", ["1.23", "1.2345", ".123", "1..234", "1.234.56", "1,234.5", "1.234,5.6"])
    def test_wrong_groups(self, text: str) -> None:
        """Groups that are wrong are refused rather than read as something else."""
        with pytest.raises(ValueError, match=rf"^'{re.escape(text)}' is not a number \(such as 1\.234,5\)$"):
            convert(Scalar.FLOAT, text, decimal=",", thousands=".")

    def test_plain_pattern(self) -> None:
        """Without any mark stated the grammar is the usual one."""
        for scalar in (Scalar.INT, Scalar.FLOAT, Scalar.DECIMAL):
            usual = number_pattern(scalar, Column())
            for text in ("1", "-1.5", ".5", "5.", "1e5", "1,5", "", "+"):
                expected = re.fullmatch(
                    r"[+-]?[0-9]+" if scalar is Scalar.INT else r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)(e[0-9]+)?", text
                )
                assert bool(expected) == bool(usual.fullmatch(text))

    @pytest.mark.parametrize("text", ["nan", "NaN", " inf ", "-Infinity", "+inf"])
    def test_nonfinite(self, text: str) -> None:
        """What is not finite is taken when asked for, for Decimal as well."""
        assert not math.isfinite(convert(Scalar.FLOAT, text, nonfinite=True))
        assert not convert(Scalar.DECIMAL, text, nonfinite=True).is_finite()
        assert 1.5 == convert(Scalar.FLOAT, "1.5", nonfinite=True)
        with pytest.raises(ValueError, match="is not a number"):
            convert(Scalar.FLOAT, text, decimal=".")
        with pytest.raises(ValueError, match="is too large a number"):
            convert(Scalar.FLOAT, "1e999", nonfinite=True)

    @given(st.decimals(allow_nan=False, allow_infinity=False, min_value=-2000, max_value=2000, places=3))
    def test_size(self, value: Decimal) -> None:
        """A number is taken if it can be held without rounding."""
        text = format(value.normalize(), "f")
        whole, _, fraction = text.lstrip("-").partition(".")
        try:
            taken = convert(Scalar.DECIMAL, text, precision=5, scale=2)
        except ValueError:
            assert len(fraction) > 2 or len(whole.lstrip("0")) > 3
        else:
            assert value == taken
            assert len(fraction) <= 2
            assert len(whole.lstrip("0")) <= 3

    @pytest.mark.parametrize(
        ("text", "options", "expected"),
        [
            ("1.234", {"scale": 2}, "'1.234' has 3 digits after the point; at most 2 are allowed"),
            ("1.23", {"scale": 1}, "'1.23' has 2 digits after the point; at most 1 is allowed"),
            ("1.2", {"scale": 0}, "'1.2' has 1 digit after the point; at most 0 are allowed"),
            ("1e3", {"precision": 3}, "'1e3' has more than 3 digits, the fraction's included"),
            ("12.34", {"precision": 3}, "'12.34' has more than 3 digits, the fraction's included"),
        ],
    )
    def test_size_messages(self, text: str, options: dict[str, int], expected: str) -> None:
        """The message says which limit it is."""
        with pytest.raises(ValueError, match=f"^{re.escape(expected)}$"):
            convert(Scalar.DECIMAL, text, **options)


class TestMoments:
    """Forms of dates and times."""

    @given(st.datetimes(min_value=dt.datetime(1000, 1, 1)))  # noqa: DTZ001
    def test_round_trip(self, value: dt.datetime) -> None:
        """A moment comes back as far as its type goes."""
        date, time = value.strftime("%d.%m.%Y"), value.strftime("%H:%M:%S.%f")
        assert value == convert(Scalar.DATETIME, f"{date} {time}", format="%d.%m.%Y %H:%M:%S.%f")
        assert value.date() == convert(Scalar.DATE, f" {date}\t", format="%d.%m.%Y")
        assert value.time() == convert(Scalar.TIME, time, format="%H:%M:%S.%f")

    def test_order(self) -> None:
        """The first form that makes a moment counts."""
        forms = ["%d/%m/%Y", "%m/%d/%Y"]
        assert dt.date(2026, 2, 1) == convert(Scalar.DATE, "01/02/2026", format=forms)
        assert dt.date(2026, 1, 25) == convert(Scalar.DATE, "01/25/2026", format=forms)

    def test_offset(self) -> None:
        """With an offset it becomes UTC."""
        value = convert(Scalar.DATETIME, "01.02.2026 03:04 +0200", format="%d.%m.%Y %H:%M %z")
        assert (dt.datetime(2026, 2, 1, 1, 4, tzinfo=dt.UTC), dt.UTC) == (value, value.tzinfo)

    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            ("2026-02-01", "'2026-02-01' is not a date (DD.MM.YYYY or YYYYMMDD)"),
            ("30.02.2026", "'30.02.2026' is not a date (DD.MM.YYYY or YYYYMMDD): there is no such day"),
        ],
    )
    def test_messages(self, text: str, expected: str) -> None:
        """The message shows the forms as people write them, and why a day is none."""
        with pytest.raises(ValueError, match=f"^{re.escape(expected)}$"):
            convert(Scalar.DATE, text, format=["%d.%m.%Y", "%Y%m%d"])

    @pytest.mark.parametrize(
        ("form", "text", "reason"),
        [
            ("%Y-%m-%d %H:%M", "2026-02-01 24:00", "hours go up to 23"),
            ("%Y-%m-%d %H:%M", "2026-02-01 09:60", "minutes and seconds go up to 59"),
            ("%Y-%m-%d %I:%M %p", "2026-02-01 13:00 PM", "hours go from 1 to 12"),
            ("%Y-%m-%d %I:%M %p", "2026-02-30 12:00 PM", "there is no such day"),
            ("%Y-%m-%dT%H:%M%z", "0001-01-01T00:00+01:00", "there is no such day"),
        ],
    )
    def test_reasons(self, form: str, text: str, reason: str) -> None:
        """Why there is no such moment, in the same words on every Python."""
        with pytest.raises(ValueError, match=rf"\): {reason}$"):
            convert(Scalar.DATETIME, text, format=form)

    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            ("1:02:03", dt.timedelta(hours=1, minutes=2, seconds=3)),
            ("36:00:00", dt.timedelta(hours=36)),
            ("-0:00:01.5", -dt.timedelta(seconds=1.5)),
            ("1 day, 0:00:00", dt.timedelta(days=1)),
            ("2 days 3:04:05", dt.timedelta(days=2, hours=3, minutes=4, seconds=5)),
            ("-1 day, 23:00:00", -dt.timedelta(hours=1)),
            ("P1D", dt.timedelta(days=1)),
            ("PT1M", dt.timedelta(minutes=1)),
            ("-P1DT2H3M4.25S", -dt.timedelta(days=1, hours=2, minutes=3, seconds=4.25)),
        ],
    )
    def test_lengths(self, text: str, expected: dt.timedelta) -> None:
        """Both ways to write a length of time; with days, the sign is theirs alone, as Python prints it."""
        assert expected == convert(Scalar.TIMEDELTA, text)


class TestChoices:
    """Truth in other words, and the values of a Literal."""

    @pytest.mark.parametrize(
        ("text", "expected"),
        [("Ja", True), (" x ", True), ("NEIN", False), ("да", True), ("true", True), ("N", False), ("0", True)],
    )
    def test_truth(self, text: str, expected: bool) -> None:  # noqa: FBT001
        """Further words go with the usual ones, and before them."""
        assert expected is convert(Scalar.BOOL, text, true=["ja", "X", "Да", "0"], false=["nein"])

    @pytest.mark.parametrize("text", ["oui", "", "fal\u017fe"])
    def test_no_truth(self, text: str) -> None:
        """The message has all words."""
        with pytest.raises(ValueError, match=r"is not true or false \(or yes, .*, or one of 'ja', 'nein'\)$"):
            convert(Scalar.BOOL, text, true=["ja"], false=["nein"])

    @pytest.mark.parametrize(
        ("text", "expected"), [("1", 1), (" two ", "two"), ("true", True), ("True", True), ("r", "r")]
    )
    def test_literal(self, text: str, expected: object) -> None:
        """The text of a value is that value, of its type."""
        field = Field(name="x", attribute="x", scalar=Scalar.ENUM, literals=(1, "two", True, "r"))
        value = converter(field)(text)
        assert (expected, type(expected)) == (value, type(value))

    def test_no_literal(self) -> None:
        """The message lists the values."""
        field = Field(name="x", attribute="x", scalar=Scalar.ENUM, literals=Literal[1, "two", False].__args__)  # type: ignore[attr-defined]
        with pytest.raises(ValueError, match=r"^'Two' is not one of '1', 'two', 'false'$"):
            converter(field)("Two")


def test_no_short_cut() -> None:
    """A field with a spelling of its own has no short cut, which knows but the usual one."""
    for options in (Column(decimal=","), Column(parse=float), Column(nonfinite=True)):
        assert None is short_cut(Field(name="x", attribute="x", scalar=Scalar.FLOAT, options=options))
    assert short_cut(Field(name="x", attribute="x", scalar=Scalar.FLOAT, options=Column("name", na="-"))) is not None
