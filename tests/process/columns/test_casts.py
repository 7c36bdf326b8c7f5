"""What Arrow casts, and what numpy finds for it."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal, InvalidOperation

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from csvpipe._process.columns import casts
from csvpipe.rowtypes import Column

MONEY = casts.decimals(Column(precision=6, scale=2))
DIGITS = st.text("0123456789", min_size=1, max_size=4)
AMOUNTS = st.builds(
    "{}{}.{}".format, st.sampled_from(["", "", "-"]), DIGITS, st.text("0123456789", min_size=2, max_size=2)
)


def texts(values: list[str | None]) -> pa.Array:
    """A column that does not begin where its buffers do."""
    return pa.array(["9.99", *values, "x"], pa.string()).slice(1, len(values))


class TestDecimals:
    """Numbers that all have their full fraction become integers of the smallest unit."""

    @given(st.lists(st.one_of(AMOUNTS, AMOUNTS, st.text("0.-5", min_size=1, max_size=6)), max_size=6))
    @example(["-.05", "0.00", "-0.01"])
    @example(["9999.99", "00009999.99", "-9999.99"])
    @example(["10000.00"])
    @example(["1-2.50"])
    @example(["1..50", "100"])
    @example(["99999999999999999999.00"])
    def test_they_are_what_python_makes_of_them(self, amounts: list[str]) -> None:
        """Whatever is cast at once has the value that `Decimal` has."""
        values = casts.cast_plainly(texts(list(amounts)), MONEY)
        try:
            expected = [Decimal(amount).quantize(Decimal("0.01")) for amount in amounts]
        except InvalidOperation:
            expected = None
        assert values is None or values.to_pylist() == expected
        assert values is None or values.validate(full=True) is None

    @given(st.lists(AMOUNTS, min_size=1, max_size=6))
    def test_full_fractions_are_cast_at_once(self, amounts: list[str]) -> None:
        """None of them needs a further look."""
        values = casts.cast_plainly(texts(list(amounts)), MONEY)
        assert values.to_pylist() == [Decimal(amount) for amount in amounts]

    def test_numbers_beyond_the_precision_are_not(self) -> None:
        """Nor those that end in zeros beyond the scale, which Arrow drops."""
        assert casts.cast_plainly(texts(["12345.00", "1.00"]), MONEY) is None
        assert casts.cast_plainly(texts(["1.000", "1.00"]), MONEY) is None


class TestPlainly:
    """A column is cast without a look at each text only where that proves that all are plain."""

    @pytest.mark.parametrize(
        ("plain", "cells"),
        [
            (casts.INT, ["1", "0x1F"]),
            (casts.INT, ["1", "1234567890123456789"]),
            (casts.INT, ["1", "1-2"]),
            (casts.FLOAT, ["1", "nan"]),
            (casts.FLOAT, ["1", "1e999"]),
            (casts.DATE, ["2024-01-01", "0000-01-01"]),
            (casts.DATE, ["2024-01-01", "2024-02-30"]),
            (casts.BOOL, ["true", "yes"]),
            (casts.BOOL, ["true", ""]),
            (casts.AWARE, ["2024-01-01T00:00Z"]),
        ],
    )
    def test_others_are_looked_at(self, plain: casts.Plain, cells: list[str | None]) -> None:
        """What Arrow takes and csvpipe does not, and what it refuses."""
        assert casts.cast_plainly(texts(cells), plain) is None

    def test_truth(self) -> None:
        """Arrow knows some of the words, in any case."""
        values = casts.cast_plainly(texts(["true", "FALSE", "1", "0", "False"]), casts.BOOL)
        assert values.to_pylist() == [True, False, True, False, False]

    def test_nothing_is_no_matter(self) -> None:
        """A column without cells, and one whose cells are all missing."""
        assert casts.cast_plainly(texts([]), MONEY).to_pylist() == []
        assert casts.cast_plainly(casts.without(texts(["", ""]), np.array([True, True])), casts.DATE).null_count == 2

    @given(st.lists(st.tuples(st.sampled_from(["", "1", "22", "é"]), st.booleans(), st.booleans()), max_size=20))
    def test_holes(self, cells: list[tuple[str, bool, bool]]) -> None:
        """Texts that are left out become nulls, and those that were nulls stay so."""
        column = texts([text if is_there else None for text, is_there, _ in cells])
        expected = [text if is_there and not is_hole else None for text, is_there, is_hole in cells]
        found = casts.without(column, np.array([is_hole for *_, is_hole in cells], bool))
        assert found.to_pylist() == expected


def is_day(text: str) -> bool:
    """Whether Python has such a day; that of the year 0 is no matter of month and day."""
    year, month, day = text[:4], text[5:7], text[8:10]
    try:
        dt.date(int(year) or 2000, int(month), int(day))
    except ValueError:
        return False
    return True


class TestImpossibleDays:
    """Days that look right are told from those that are."""

    @given(
        st.lists(
            st.one_of(
                st.builds("{:04}-{:02}-{:02}".format, st.integers(0, 9999), st.integers(0, 14), st.integers(0, 33)),
                st.builds(
                    "{:04}-02-{:02}".format, st.sampled_from([0, 4, 100, 400, 1900, 2000, 2023]), st.integers(27, 30)
                ),
                st.none(),
            ),
            min_size=1,
            max_size=8,
        ),
        st.sampled_from(["", " 09:30"]),
    )
    def test_they_are_found(self, days: list[str | None], clock: str) -> None:
        """Those, and no others; where there is no text there is no day."""
        column = texts([None if day is None else day + clock for day in days])
        expected = [day is not None and not is_day(day) for day in days]
        assert casts.DATE.impossible is not None
        assert casts.DATE.impossible(column).tolist() == expected

    def test_the_others_are_cast(self) -> None:
        """One bad day costs nothing but itself."""
        values, failed = casts.cast(texts(["2024-02-29", "2023-02-29", "2024-13-01", "2024-01-31"]), casts.DATE)
        assert values.to_pylist() == [dt.date(2024, 2, 29), None, None, dt.date(2024, 1, 31)]
        assert failed.tolist() == [1, 2]
