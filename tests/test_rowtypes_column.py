"""What may be said of a column, and what is refused where it is said."""

from __future__ import annotations

import datetime as dt
import re
from dataclasses import dataclass
from decimal import Decimal
from typing import Annotated, Any, Optional

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from csvpipe.errors import PipelineError
from csvpipe.rowtypes import Column, Scalar, read_form, read_row_type


def one(annotation: Any) -> type:
    """A class with a field that is annotated so."""
    return attrs.make_class("One", {"x": attrs.field(type=annotation)})


class TestColumn:
    """A value that checks itself."""

    def test_texts(self) -> None:
        """One text will do where several may stand; lists become tuples, so that it has a hash."""
        column = Column(aliases=["a", "b"], format="%Y-%m-%d", na=["-"])
        assert (("a", "b"), ("%Y-%m-%d",), ("-",)) == (column.aliases, column.format, column.na)
        assert hash(column) == hash(Column(aliases=("a", "b"), format=["%Y-%m-%d"], na="-"))

    @pytest.mark.parametrize(
        ("options", "expected"),
        [
            ({"name": ""}, "takes the text of a header, not ''"),
            ({"name": 5}, "takes the text of a header, not 5"),
            ({"aliases": ["a", ""]}, "Column(aliases=...) takes texts that are not empty"),
            ({"format": [5]}, "Column(format=...) takes texts"),
            ({"decimal": ";"}, "a fraction is set off by '.' or ','"),
            ({"thousands": "x"}, "digits are grouped by"),
            ({"thousands": ".."}, "digits are grouped by"),
            ({"decimal": ",", "thousands": ","}, "decimal and thousands are both ','"),
            ({"parse": 5}, "is no function"),
            ({"parse": int, "decimal": ","}, "so decimal= has no effect"),
            ({"parse": int, "true": ["x"]}, "so true= has no effect"),
            ({"true": ["X"], "false": ["x"]}, "'x' is among true= and among false="),
            ({"precision": -1}, "Column(precision=...) takes a number of digits, not -1"),
            ({"scale": True}, "Column(scale=...) takes a number of digits, not True"),
            ({"precision": 2, "scale": 3}, "of 2 digits no 3 can stand after the point"),
        ],
    )
    def test_refused(self, options: dict[str, Any], expected: str) -> None:
        """What means nothing, or contradicts itself."""
        with pytest.raises(PipelineError, match=re.escape(expected)):
            Column(**options)


class TestReading:
    """The column that an annotation has."""

    @pytest.mark.parametrize(
        ("annotation", "is_optional"),
        [
            (Annotated[float, Column("Price")], False),
            (Annotated[float, "note", Column("Price")], False),
            (Annotated[float | None, Column("Price")], True),
            (Annotated[float, Column("Price")] | None, True),
            (Optional[Annotated[float, Column("Price")]], True),  # noqa: UP045
            (Annotated[Annotated[float, Column("Price")] | None, "note"], True),
        ],
    )
    def test_places(self, annotation: Any, is_optional: bool) -> None:  # noqa: FBT001
        """It may stand inside and around the `or None`."""
        (field,) = read_row_type(one(annotation)).fields
        assert (Scalar.FLOAT, is_optional, "Price") == (field.scalar, field.optional, field.options.name)
        assert ("Price", "x") == field.headers

    @pytest.mark.parametrize(
        ("annotation", "expected"),
        [
            (Annotated[dt.date, Column(decimal=",")], "Column(decimal=...) means nothing for a field of type date"),
            (Annotated[int, Column(format="%Y")], "Column(format=...) means nothing for a field of type int"),
            (Annotated[int, Column(decimal=",")], "Column(decimal=...) means nothing for a field of type int"),
            (Annotated[str, Column(true="x")], "Column(true=...) means nothing for a field of type str"),
            (Annotated[float, Column(scale=2)], "Column(scale=...) means nothing for a field of type float"),
            (Annotated[float, Column(thousands=".")], "the fraction needs decimal=','"),
            (Annotated[Annotated[int, Column("a")], Column("b")], "it has more than one Column(...)"),
            (Annotated[dt.date, Column(format="%d.%m")], "format '%d.%m' lacks a year"),
            (Annotated[list[str], Column("a")], "is annotated"),
        ],
    )
    def test_misfits(self, annotation: Any, expected: str) -> None:
        """An option that does not fit the type is refused when the class is read."""
        with pytest.raises(PipelineError, match=r"^One: field 'x'.*" + re.escape(expected)):
            read_row_type(one(annotation))

    def test_place_of_the_field(self) -> None:
        """The message has the lines of the class and of the field."""

        @dataclass
        class Order:
            number: int
            total: Annotated[int, Column(decimal=",")]

        with pytest.raises(PipelineError) as caught:
            read_row_type(Order)
        match = re.match(
            r".*Order \(.*test_rowtypes_column\.py:(\d+)\): field 'total' \(line (\d+)\): ", str(caught.value)
        )
        assert match is not None
        assert 3 == int(match[2]) - int(match[1])

    @pytest.mark.parametrize("annotation", [list[str], Decimal, dict[str, int]])
    def test_parse(self, annotation: Any) -> None:
        """With a function of its own a field may have any type."""
        (field,) = read_row_type(one(Annotated[annotation, Column(parse=str)])).fields
        assert (Scalar.DECIMAL if annotation is Decimal else Scalar.FOREIGN) is field.scalar


class TestForms:
    """Dates and times as `strptime` spells them."""

    @pytest.mark.parametrize(
        ("form", "text"),
        [
            ("%d.%m.%Y", "%d.%m.%Y"),
            ("%Y%m%d", "%Y%m%d"),
            ("%d %b %Y", "%d %b %Y"),
            ("%A, %d. %B %Y", "%A, %d. %B %Y"),
            ("%m/%d/%Y %I:%M:%S %p", "%m/%d/%Y %I:%M:%S %p"),
            ("%Y-%m-%d %H:%M:%S.%f", "%Y-%m-%d %H:%M:%S.%f"),
            ("%d%m%y %H%M", "%d%m%y %H%M"),
            ("100%% %d.%m.%Y", "100%% %d.%m.%Y"),
        ],
    )
    @given(moment=st.datetimes(dt.datetime(1969, 1, 1), dt.datetime(2068, 12, 31)))  # noqa: DTZ001
    def test_as_strftime_writes(self, form: str, text: str, moment: dt.datetime) -> None:
        """What Python writes in a form is read back as far as the form tells it."""
        written = moment.strftime(text)
        expected = dt.datetime.strptime(written, text)  # noqa: DTZ007
        assert expected == read_form(form, "datetime").read(written)

    @pytest.mark.parametrize(
        ("form", "scalar", "expected"),
        [
            ("%Y-%m-%Q", "date", "has %Q, which is not known"),
            ("%Y-%m-%", "date", "has %, which is not known"),
            ("%Y-%j", "date", "has %j, which is not known"),
            ("%d.%m", "date", "lacks a year"),
            ("%d.%Y", "date", "lacks a month"),
            ("%m.%Y", "datetime", "lacks a day"),
            ("%d.%m.%Y %M", "datetime", "lacks an hour"),
            ("%d.%m.%Y %I", "datetime", "lacks %p, which %I needs"),
            ("%H:%M %p", "time", "lacks %I, which %p needs"),
            ("%H:%S", "time", "lacks %M, which %S needs"),
            ("%H:%M.%f", "time", "lacks %S, which %f needs"),
            ("%d.%m.%Y %H", "date", "has a time of day"),
            ("%d %H:%M", "time", "has more than a time of day"),
            ("%d.%m.%y.%Y", "date", "says twice what %Y says"),
            ("%d.%d.%m.%Y", "date", "says twice what %d says"),
        ],
    )
    def test_refused(self, form: str, scalar: str, expected: str) -> None:
        """A form that is not known, or that does not make such a value."""
        with pytest.raises(PipelineError, match=re.escape(f"format {form!r} {expected}")):
            read_form(form, scalar)

    @pytest.mark.parametrize(
        ("form", "text"), [("%d.%m.%Y", "32.01.2026"), ("%d.%m.%Y %I %p", "1.1.2026 13 PM"), ("%Y%m%d", "20260230")]
    )
    def test_no_such_moment(self, form: str, text: str) -> None:
        """Text of the form that is no moment is an error, other text is just not of it."""
        with pytest.raises(ValueError, match=r".+"):
            read_form(form, "datetime").read(text)
        assert read_form(form, "datetime").read("") is None

    def test_digits(self) -> None:
        """Numbers side by side have all their digits; others may do with one."""
        assert read_form("%d%m%Y", "date").read("1112026") is None
        assert dt.datetime(2026, 1, 1) == read_form("%d.%m.%Y", "date").read("1.1.2026")  # noqa: DTZ001
        assert read_form("%d.%m.%Y", "date").read("٣.1.2026") is None
        assert "DD.MM.YYYY" == read_form("%d.%m.%Y", "date").shown


def test_a_column_in_the_wrong_place_is_refused() -> None:
    """As a default it would be every row's value, and bare it would say nothing."""

    @attrs.frozen
    class Default:
        id: int = Column("Id")  # type: ignore[assignment]

    @attrs.frozen
    class Bare:
        id: Annotated[int, Column]

    with pytest.raises(PipelineError, match="is its default; write Annotated"):
        read_row_type(Default)
    with pytest.raises(PipelineError, match="annotated with Column itself"):
        read_row_type(Bare)
