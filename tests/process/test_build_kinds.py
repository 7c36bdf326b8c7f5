"""Rows of every kind of class, built and refused alike."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from decimal import Decimal
from typing import Annotated, Any, Literal, NamedTuple, NotRequired, TypedDict

import attrs
import msgspec
import pydantic
import pytest
from hypothesis import given
from hypothesis import strategies as st

from csvpipe._process.build import BadRow, Builder, Flaw, compile_builder
from csvpipe.errors import FileError, Phase, Reject, RowCode
from csvpipe.rowtypes import Column, read_row_type

Price = Annotated[Decimal, Column("Price (EUR)", decimal=",")]


@attrs.frozen
class AttrsSale:
    """The same as the others."""

    number: int
    price: Price
    sold: dt.date | None = None
    note: str = "none"


@dataclass
class DataSale:
    """The same as the others."""

    number: int
    price: Price
    sold: dt.date | None = None
    note: str = "none"


class TupleSale(NamedTuple):
    """The same as the others."""

    number: int
    price: Price
    sold: dt.date | None = None
    note: str = "none"


class DictSale(TypedDict):
    """The same as the others, but that a dict has no defaults."""

    number: int
    price: Price
    sold: NotRequired[dt.date | None]
    note: NotRequired[str]


class ModelSale(pydantic.BaseModel):
    """The same as the others."""

    number: int
    price: Price
    sold: dt.date | None = None
    note: str = "none"


class StructSale(msgspec.Struct):
    """The same as the others."""

    number: int
    price: Price
    sold: dt.date | None = None
    note: str = "none"


class CheckedSale(msgspec.Struct, kw_only=True):
    """The same as the others, with a constraint."""

    number: Annotated[int, msgspec.Meta(le=10**9)]
    price: Price
    sold: dt.date | None = None
    note: str = "none"


KINDS: list[Any] = [AttrsSale, DataSale, TupleSale, DictSale, ModelSale, StructSale, CheckedSale]


def builder(row_type: type, *columns: str, na: tuple[str, ...] = ()) -> Builder:
    """The builder of a row type for a file of these columns."""
    return compile_builder(read_row_type(row_type), columns, na=na)


def flaws_of(build: Builder, *cells: str) -> tuple[Flaw, ...]:
    """The flaws of a row that must be bad."""
    with pytest.raises(BadRow) as caught:
        build(list(cells))
    return caught.value.flaws


def told(build: Builder, *cells: str) -> list[tuple[str | None, str, str, str | None]]:
    """Column, code, message and value of each flaw of a row that must be bad."""
    return [(flaw.column, flaw.code, flaw.message, flaw.value) for flaw in flaws_of(build, *cells)]


@pytest.mark.parametrize("kind", KINDS)
class TestEveryKind:
    """One meaning, whatever the class."""

    @given(
        columns=st.permutations(["NUMBER", "price_eur", "sold", "note", "other"]),
        absent=st.sets(st.sampled_from(["sold", "note", "other"])),
        is_padded=st.booleans(),
    )
    def test_good(self, kind: Any, columns: list[str], absent: set[str], is_padded: bool) -> None:  # noqa: FBT001
        """Columns in any order and spelling, some absent, fill the fields."""
        cells = {"NUMBER": "7", "price_eur": "1,50", "sold": "2026-01-02", "note": "paid", "other": "?"}
        values: dict[str, Any] = {"sold": dt.date(2026, 1, 2), "note": "paid"}
        columns = [column for column in columns if column not in absent]
        expected = {name: value for name, value in values.items() if name not in absent}
        pad = " " if is_padded else ""
        row = [cells[column] + (pad if column != "note" else "") for column in columns]
        assert kind(number=7, price=Decimal("1.50"), **expected) == builder(kind, *columns)(row)

    @pytest.mark.parametrize("blank", ["", " ", "NA", "\tNA "])
    def test_empty(self, kind: Any, blank: str) -> None:
        """Empty cells are None where optional, else the default, which a dict does not have."""
        build = builder(kind, "number", "price", "sold", "note", na=("NA",))
        note = {"note": blank} if blank == " " else {}
        assert kind(number=1, price=Decimal(2), sold=None, **note) == build(["1", "2", blank, blank])

    def test_bad(self, kind: Any) -> None:
        """All bad cells are told, by the file's names, in its order."""
        build = builder(kind, "Price (eur)", "Number", "Sold", na=("-",))
        assert [
            ("Price (eur)", "decimal", "'1.5' is not a decimal number (such as 1234,5)", "1.5"),
            ("Number", "missing", "the cell is empty, and 'Number' needs a value; fill it in", "-"),
            ("Sold", "date", "'x' is not a date (YYYY-MM-DD)", "x"),
        ] == told(build, "1.5", "-", "x")

    def test_missing_column(self, kind: Any) -> None:
        """A file without a column that is needed has no builder."""
        with pytest.raises(FileError, match=r"lacks the column 'Price \(EUR\)'"):
            builder(kind, "number")


class TestNothing:
    """Texts that count as an empty cell."""

    def test_texts(self) -> None:
        """They go before whatever the cell could mean, for every type."""

        @attrs.frozen
        class Reading:
            place: str
            level: Annotated[int | None, Column(na=["-1", " 999 "])]
            name: str | None
            kind: Literal["NA", "b"] = "b"

        build = builder(Reading, "place", "level", "name", "kind", na=("NA",))
        assert Reading("", None, None, "b") == build(["NA", " 999", "NA ", "NA"])
        assert Reading("a", None, "NAN", "b") == build(["a", "-1", "NAN", "b"])
        assert Reading(" ", 1, " ", "b") == build([" ", "1", " ", ""])

    def test_missing(self) -> None:
        """Where a value is needed there is none, though it would be a number."""

        @attrs.frozen
        class Reading:
            level: Annotated[int, Column(na=["999"])]

        build = builder(Reading, "level")
        assert [("level", "missing")] == [(flaw.column, flaw.code) for flaw in flaws_of(build, "999 ")]
        assert Reading(998) == build(["998"])


class Guest(pydantic.BaseModel):
    """Aliases, constraints, a validator of a field and one of the model."""

    name: Annotated[str, pydantic.Field(alias="Guest", max_length=5)]
    age: Annotated[int, pydantic.Field(ge=18)]
    mail: pydantic.EmailStr | None = None
    code: Annotated[str, pydantic.Field(default_factory=lambda: "made")]
    pin: pydantic.SecretStr = pydantic.SecretStr("0000")

    @pydantic.field_validator("age")
    @classmethod
    def _is_even(cls, age: int) -> int:
        if age % 2:
            raise ValueError("is odd")
        return age

    @pydantic.model_validator(mode="after")
    def _is_welcome(self) -> Guest:
        if self.name == "Eve":
            raise Reject("not welcome", column="name", code="banned")
        if self.name == "Bob":
            raise ValueError("no Bobs")
        return self


class TestPydantic:
    """The model's own rules hold; what they refuse is told by column."""

    def test_good(self) -> None:
        """Foreign types get the text, defaults are the model's."""
        build = builder(Guest, "guest", "AGE", "mail", "code", "pin")
        assert Guest(Guest="Ana", age=18, mail="a@example.org", code="c", pin=pydantic.SecretStr(" 1")) == build(
            ["Ana", "18", "a@example.org", "c", " 1"]
        )
        assert Guest(Guest="Ana", age=18) == build(["Ana", "18", "", "", ""])

    def test_bad(self) -> None:
        """All that pydantic finds is told, in file order, in its words or those of the validator."""
        build = builder(Guest, "AGE", "guest", "mail")
        assert [
            ("AGE", "validation", "is odd", "19"),
            ("guest", "validation", "String should have at most 5 characters", "Barbara"),
        ] == told(build, "19", "Barbara", "")
        assert [
            ("AGE", "Input should be greater than or equal to 18"),
            ("mail", "value is not a valid email address: An email address must have an @-sign."),
        ] == [(column, message) for column, _, message, _ in told(build, "4", "Ana", "x")]
        assert {Phase.VALIDATE} == {flaw.phase for flaw in flaws_of(build, "4", "Ana", "x")}

    def test_one_grammar(self) -> None:
        """What pydantic would take for a number is refused before it is asked."""
        build = builder(Guest, "age", "guest")
        assert [("age", "int")] == [(flaw.column, flaw.code) for flaw in flaws_of(build, "1_8", "Ana")]

    def test_whole_model(self) -> None:
        """A validator of the model names no column; a `Reject` may, by the field's name."""
        build = builder(Guest, "age", "guest")
        assert [(None, "validation", "no Bobs", None)] == told(build, "18", "Bob")
        assert [("guest", "banned", "not welcome", "Eve")] == told(build, "18", "Eve")

    def test_other_columns(self) -> None:
        """A model that allows more gets the text of the other columns."""

        class Open(pydantic.BaseModel, extra="allow"):
            number: int

        row = builder(Open, "number", "e mail")(["1", " x "])
        assert {"number": 1, "e mail": " x "} == row.model_dump()
        assert [("number", RowCode.INT)] == [
            (flaw.column, flaw.code) for flaw in flaws_of(builder(Open, "number"), "x")
        ]

    def test_pydantic_dataclass(self) -> None:
        """A dataclass of pydantic's tells by column as well."""

        @pydantic.dataclasses.dataclass
        class Pair:
            low: Annotated[int, pydantic.Field(ge=0)]
            high: Annotated[int, pydantic.Field(le=9)]

        build = builder(Pair, "low", "HIGH")
        assert Pair(1, 2) == build(["1", "2"])
        assert ["low", "HIGH"] == [flaw.column for flaw in flaws_of(build, "-1", "10")]


class Part(msgspec.Struct, rename="camel"):
    """Constraints, another name in data, a factory."""

    part_number: Annotated[int, msgspec.Meta(ge=1)]
    colour: Annotated[str, msgspec.Meta(max_length=5)]
    size: Literal[1, 2] = 1
    note: str = msgspec.field(default_factory=lambda: "made")

    def __post_init__(self) -> None:
        if self.colour == "none":
            raise ValueError("needs a colour")


class TestMsgspec:
    """Constraints hold, and all that are broken are told."""

    def test_good(self) -> None:
        """The struct's defaults stand in for empty cells."""
        build = builder(Part, "part-number", "colour", "size", "note")
        assert Part(7, "red", 2, "x") == build(["7", "red", "2", "x"])
        assert Part(7, "red", 1, "made") == build(["7", "red", "", ""])

    def test_bad(self) -> None:
        """Each field is asked by itself."""
        build = builder(Part, "colour", "partNumber")
        assert [
            ("colour", "validation", "Expected `str` of length <= 5", "purple"),
            ("partNumber", "validation", "Expected `int` >= 1", "0"),
        ] == told(build, "purple", "0")
        assert [(None, "validation", "needs a colour", None)] == told(build, "none", "1")

    def test_factory_before_others(self) -> None:
        """A field that is left out does not shift those after it."""

        class Loose(msgspec.Struct):
            note: str = msgspec.field(default_factory=lambda: "made")
            size: int = 1

        build = builder(Loose, "size", "note")
        assert Loose("made", 2) == build(["2", ""])
        assert Loose("x", 1) == build(["", "x"])


class TestParse:
    """A function of the application's makes the value."""

    @staticmethod
    def build_with(parse: Any, annotation: Any = list[str]) -> Builder:
        """The builder of a row whose one cell is parsed so."""
        kind = Annotated[annotation, Column("Tags", parse=parse)]
        return builder(
            attrs.make_class("One", {"tags": attrs.field(type=kind), "n": attrs.field(type=int)}), "TAGS", "n"
        )

    def test_value(self) -> None:
        """It is given the text as it is."""
        assert [" a "] == self.build_with(lambda text: [text])([" a ", "1"]).tags

    def test_errors(self) -> None:
        """Whatever it raises is the cell's error, beside those of the others."""

        def fail(text: str) -> Any:
            raise {"value": ValueError("no"), "key": KeyError("k")}.get(text) or Reject("bad", code="tag")

        build = self.build_with(fail)
        assert [
            ("TAGS", "validation", "no", "value"),
            ("n", "int", "'x' is not a whole number (such as 1234)", "x"),
        ] == told(build, "value", "x")
        assert [("TAGS", "validation", "KeyError: 'k'", "key")] == told(build, "key", "1")
        assert [("TAGS", "tag", "bad", "?")] == told(build, "?", "1")

    def test_empty(self) -> None:
        """An empty cell is asked for as well, unless there is something else for it."""
        assert [] == self.build_with(str.split)(["", "1"]).tags
        assert None is self.build_with(str.split, list[str] | None)(["", "1"]).tags
        assert [("TAGS", "missing")] == [flaw[:2] for flaw in told(self.build_with(int, int), " ", "1")]


def test_reject_by_field() -> None:
    """A `Reject` of a constructor may name the field or the header: the error has the header."""

    @attrs.frozen
    class Person:
        _id: Annotated[int, Column("Person no.")]
        by: str

        def __attrs_post_init__(self) -> None:
            raise Reject("taken", column=self.by)

    build = builder(Person, "person_no", "by")
    for name in ("id", "_id", "person_no"):
        assert [("person_no", "rejected", "taken", "1")] == told(build, "1", name)
    assert [("else", "rejected", "taken", None)] == told(build, "1", "else")
