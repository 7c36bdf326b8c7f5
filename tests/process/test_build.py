"""Records to objects: good rows become what a call by hand would make."""

from __future__ import annotations

import datetime as dt
import enum
from dataclasses import dataclass
from dataclasses import field as dataclass_field
from decimal import Decimal
from typing import Annotated, Any, NamedTuple
from uuid import UUID

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from csvpipe._process.build import Builder, compile_builder, compile_untyped
from csvpipe.errors import FileCode, FileError
from csvpipe.rowtypes import Column, Shape, read_row_type


class Size(enum.Enum):
    """An enum of which one value is empty text, and one a space."""

    NONE = ""
    GAP = " "
    LARGE = "L"


@attrs.frozen
class Everything:
    """A required field of every scalar."""

    text: str
    whole: int
    real: float
    exact: Decimal
    flag: bool
    day: dt.date
    moment: dt.datetime
    clock: dt.time
    key: UUID
    size: Size


GOOD: dict[str, tuple[str, object]] = {
    "text": (" a ", " a "),
    "whole": ("7", 7),
    "real": ("1.5", 1.5),
    "exact": ("1.50", Decimal("1.50")),
    "flag": ("yes", True),
    "day": ("2026-01-02", dt.date(2026, 1, 2)),
    "moment": ("2026-01-02 03:04Z", dt.datetime(2026, 1, 2, 3, 4, tzinfo=dt.UTC)),
    "clock": ("03:04", dt.time(3, 4)),
    "key": ("12345678123412341234123456789abc", UUID("12345678123412341234123456789abc")),
    "size": ("L", Size.LARGE),
}


def builder(row_type: type, *columns: str) -> Builder:
    """The builder of a row type for a file of these columns."""
    return compile_builder(read_row_type(row_type), columns)


class TestGoodRows:
    """Good rows become what a direct call of the constructor would make."""

    @given(st.permutations(sorted(GOOD)))
    def test_every_scalar(self, columns: list[str]) -> None:
        """Cells find their fields by name, whatever the order of the columns."""
        build = builder(Everything, *columns)
        expected = Everything(**{name: value for name, (_, value) in GOOD.items()})  # type: ignore[arg-type]
        assert expected == build([GOOD[name][0] for name in columns])

    @given(
        st.integers(),
        st.text(),
        st.none() | st.floats(allow_nan=False, allow_infinity=False),
        st.none() | st.dates(),
        st.sets(st.sampled_from(["score", "born", "tags"])),
        st.permutations(["number", "name", "score", "born", "other"]),
    )
    def test_equal_to_direct_construction(  # noqa: PLR0917
        self,
        number: int,
        name: str,
        score: float | None,
        born: dt.date | None,
        absent: set[str],
        order: list[str],
    ) -> None:
        """With columns absent, extra and in any order, a row equals the object that Python would construct."""
        given_values: dict[str, Any] = {"number": number, "name": name, "score": score, "born": born}
        kept = {key: value for key, value in given_values.items() if key not in absent}
        columns = [column for column in order if column not in absent]
        cells = ["" if kept.get(column) is None else str(kept[column]) for column in columns]
        if "born" in kept and born is None:
            del kept["born"]  # not optional: an empty cell is its default
        if "name" in kept and not name:
            del kept["name"]
        for row_type in (AttrsGuest, DataclassGuest, TupleGuest):
            assert row_type(**kept) == builder(row_type, *columns)(cells)

    @pytest.mark.parametrize("blank", ["", " ", "\t "])
    def test_blank_cells(self, blank: str) -> None:
        """Blanks count as empty except for a str: None where optional, else the default."""

        @attrs.frozen
        class Guest:
            table: int | None
            seat: int = 5
            arrival: dt.date | None = dt.date(2026, 1, 1)
            note: str | None = "none"

        build = builder(Guest, "table", "seat", "arrival", "note")
        assert Guest(None, 5, None, blank or None) == build([blank, blank, blank, blank])

    def test_empty_text(self) -> None:
        """An empty cell of a str is empty text, and that of an enum its member with an empty value."""

        @attrs.frozen
        class Shirt:
            label: str
            size: Size
            spare: Size | None

        build = builder(Shirt, "label", "size", "spare")
        assert Shirt("", Size.NONE, None) == build(["", "", ""])
        assert Shirt("", Size.GAP, Size.GAP) == build(["", " ", " "])
        assert Shirt("", Size.NONE, None) == build(["", "\t", ""])

    def test_fresh_factories(self) -> None:
        """A default that a factory makes is made anew for every row, with `self` where it takes it."""

        @attrs.frozen
        class Log:
            level: int
            limit: int = attrs.field(default=attrs.Factory(lambda self: self.level + 1, takes_self=True))
            serial: str = attrs.field(factory=iter("abc").__next__)

        build = builder(Log, "level", "limit", "serial")
        assert Log(1, 2, "a") == build(["1", "", ""])
        assert Log(3, 4, "b") == build(["3", "", ""])

    def test_keyword_only_and_alias(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Fields that are private, renamed or keyword-only are filled by the constructor's own names, at once."""
        monkeypatch.delattr("csvpipe._process.diagnose.Diagnosis._convert")  # what a good row has no need of

        @attrs.frozen
        class Item:
            _id: int
            count: int = attrs.field(kw_only=True)
            price: float = attrs.field(alias="cost", default=1.0)
            total: float = attrs.field(init=False, default=0.0)

        build = builder(Item, "cost", "count", "id")
        assert Item(id=3, count=2, cost=1.5) == build(["1.5", "2", "3"])

    def test_attrs_converter(self) -> None:
        """A converter of attrs is given what the annotation has made of the text."""

        def double(number: int) -> int:
            return number + number

        @attrs.frozen
        class Name:
            name: str = attrs.field(converter=shout)
            tally: int = attrs.field(converter=double)

        assert Name("ANA", 1) == builder(Name, "name", "tally")(["ana", "1"])


def shout(text: str) -> str:
    """In capitals."""
    return text.upper()


@attrs.frozen
class AttrsGuest:
    """Fields of every sort: required, with default, optional, factory-made."""

    number: int
    name: str = "guest"
    score: float | None = None
    born: dt.date = dt.date(2000, 1, 1)
    tags: str = attrs.field(factory=str)


@dataclass
class DataclassGuest:
    """The same as a dataclass."""

    number: int
    name: str = "guest"
    score: float | None = None
    born: dt.date = dt.date(2000, 1, 1)
    tags: str = dataclass_field(default_factory=str)


class TupleGuest(NamedTuple):
    """The same as a named tuple."""

    number: int
    name: str = "guest"
    score: float | None = None
    born: dt.date = dt.date(2000, 1, 1)
    tags: str = ""


class TestCompile:
    """What is checked before the first row."""

    def test_missing_columns(self) -> None:
        """A file without the columns that are needed has no builder."""
        with pytest.raises(FileError) as caught:
            builder(AttrsGuest, "name")
        assert FileCode.COLUMNS_MISSING is caught.value.code

    def test_name_in_tracebacks(self) -> None:
        """The written code is named after the row type."""
        build: Any = builder(AttrsGuest, "number")
        assert "<csvpipe builder of AttrsGuest>" == build.__code__.co_filename

    def test_dict(self) -> None:
        """An untyped row as a dict has the file's names in the file's order."""
        build = compile_untyped(Shape.DICT, ("b", "a"))
        assert [("b", "1"), ("a", "2")] == list(build(["1", "2"]).items())

    def test_list(self) -> None:
        """An untyped row as a list is the list of its cells."""
        cells = ["1", "2"]
        assert cells is compile_untyped(Shape.LIST, ("b", "a"))(cells)

    @pytest.mark.parametrize("shape", [Shape.ROW, Shape.TYPED])
    def test_other_shapes(self, shape: Shape) -> None:
        """Shapes that need more than cells are refused."""
        with pytest.raises(ValueError, match=f"no builder for rows of shape '{shape}'"):
            compile_untyped(shape, ("a",))


def test_builders_are_kept_for_files_of_the_same_columns() -> None:
    """A further file costs no compilation; other columns, other texts for nothing or another schema do."""
    schema = read_row_type(_Kept)
    builder = compile_builder(schema, ["id"])

    assert builder is compile_builder(schema, ("id",))
    assert builder is not compile_builder(schema, ["id", "more"])
    assert builder is not compile_builder(schema, ["id"], na=["-"])
    assert builder is not compile_builder(read_row_type(_Kept), ["id"])


class _Kept(NamedTuple):
    """A row type whose default has no hash."""

    id: int
    tags: Annotated[Any, Column(parse=str.split)] = []  # noqa: RUF012  # which is what this is about
