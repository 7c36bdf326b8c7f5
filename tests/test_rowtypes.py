"""Rows, and what is read off the classes that describe them."""

from __future__ import annotations

import copy
import dataclasses
import datetime as dt
import decimal
import enum
import pickle
import re
import sys
import typing
import uuid
from collections.abc import Mapping
from dataclasses import InitVar, dataclass
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, NamedTuple, NewType, Optional, Union

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from csvpipe.errors import CsvPipeError, FileCode, FileError, PipelineError
from csvpipe.rowtypes import (
    ColumnNotFoundError,
    Field,
    Row,
    RowKind,
    Scalar,
    check_columns,
    located,
    read_row_type,
    row_kind,
)

if TYPE_CHECKING:
    from fractions import Fraction

UserId = NewType("UserId", int)


class Colour(enum.Enum):
    """Two colours."""

    RED = "red"
    BLUE = "blue"


class Empty(enum.Enum):
    """No member at all."""


@attrs.frozen
class AttrsPerson:
    """What the other two are as well."""

    id: int
    name: str
    joined: dt.date
    score: float | None = None


@dataclass
class DataPerson:
    """What the other two are as well."""

    id: int
    name: str
    joined: dt.date
    score: float | None = None


class TuplePerson(NamedTuple):
    """What the other two are as well."""

    id: int
    name: str
    joined: dt.date
    score: float | None = None


@attrs.frozen
class Lazy:
    """A field whose annotation only type checkers can resolve."""

    ratio: Fraction


def of_one_field(annotation: Any) -> type:
    """A class `One` with a field `x` that is annotated so."""
    return attrs.make_class("One", {"x": attrs.field(type=annotation)})


@pytest.fixture
def row() -> Row:
    """The second record of a file of three columns."""
    return Row(2, 3, {"id": 0, "name": 1, "e mail": 2}, ["7", "Ana", ""])


class TestRow:
    """A row is a mapping of its cells, and knows where it stands."""

    def test_place(self, row: Row) -> None:
        """Number and line are those given, and cannot be set."""
        assert (2, 3) == (row.number, row.line)
        with pytest.raises(AttributeError):
            row.number = 5  # type: ignore[misc]
        with pytest.raises(AttributeError):
            row.note = "x"  # type: ignore[attr-defined]

    def test_mapping(self, row: Row) -> None:
        """A row does all that a mapping does, in file order."""
        assert isinstance(row, Mapping)
        assert {"id": "7", "name": "Ana", "e mail": ""} == dict(row)
        assert ["id", "name", "e mail"] == list(row) == list(row.keys())
        assert ["7", "Ana", ""] == list(row.values())
        assert [("id", "7"), ("name", "Ana"), ("e mail", "")] == list(row.items())
        assert 3 == len(row)
        assert "name" in row
        assert "Ana" not in row

    def test_cells(self, row: Row) -> None:
        """A cell is found by name and by position, from either end."""
        assert ("Ana", "Ana", "") == (row["name"], row[1], row[-1])

    def test_get(self, row: Row) -> None:
        """`get` gives the cell even where it is empty, else the default."""
        assert ("Ana", "", None, "x") == (row.get("name"), row.get("e mail", "x"), row.get("age"), row.get("age", "x"))

    def test_unknown_column(self, row: Row) -> None:
        """An unknown name is a `KeyError` that names the columns and the nearest one."""
        with pytest.raises(KeyError) as caught:
            row["NMAE"]
        assert "no column 'NMAE' (did you mean 'name'?); the file has 'id', 'name', 'e mail'" == str(caught.value)
        assert isinstance(caught.value, CsvPipeError)

    def test_unknown_position(self, row: Row) -> None:
        """A position outside the row is an `IndexError`."""
        with pytest.raises(IndexError):
            row[3]

    def test_error_is_picklable(self) -> None:
        """The error keeps its message on the way between processes."""
        error = ColumnNotFoundError("a", ())
        assert "no column 'a'; the file has no columns" == str(pickle.loads(pickle.dumps(error)))  # noqa: S301

    def test_equality(self, row: Row) -> None:
        """Rows compare by cells and place, with other mappings by cells."""
        index = {"id": 0, "name": 1, "e mail": 2}
        assert Row(2, 3, index, ("7", "Ana", "")) == row
        assert Row(2, 4, index, ["7", "Ana", ""]) != row
        assert Row(1, 3, index, ["7", "Ana", ""]) != row
        assert Row(2, 3, index, ["8", "Ana", ""]) != row
        assert {"id": "7", "name": "Ana", "e mail": ""} == row
        assert ["7", "Ana", ""] != row

    def test_no_hash(self, row: Row) -> None:
        """Like the dict that it may equal, a row has no hash."""
        with pytest.raises(TypeError, match="unhashable"):
            hash(row)

    def test_repr(self, row: Row) -> None:
        """The repr shows place and cells."""
        assert "Row(number=2, line=3, {'id': '7', 'name': 'Ana', 'e mail': ''})" == repr(row)

    @given(st.dictionaries(st.text(), st.text()), st.integers(min_value=1), st.integers(min_value=1))
    def test_copies(self, cells: dict[str, str], number: int, line: int) -> None:
        """A pickled or copied row equals the first, place included."""
        row = Row(number, line, {name: position for position, name in enumerate(cells)}, list(cells.values()))
        for other in (pickle.loads(pickle.dumps(row)), copy.copy(row), copy.deepcopy(row)):  # noqa: S301
            assert row == other
            assert (number, line, cells) == (other.number, other.line, dict(other))


class TestReadRowType:
    """Fields come in the order of the constructor, with type, optionality and default."""

    @pytest.mark.parametrize(
        ("row_type", "kind"),
        [(AttrsPerson, RowKind.ATTRS), (DataPerson, RowKind.DATACLASS), (TuplePerson, RowKind.NAMEDTUPLE)],
    )
    def test_kinds(self, row_type: type, kind: RowKind) -> None:
        """The three kinds of classes are read alike."""
        schema = read_row_type(row_type)
        assert (row_type, kind) == (schema.row_type, schema.kind)
        assert (
            Field(name="id", attribute="id", scalar=Scalar.INT),
            Field(name="name", attribute="name", scalar=Scalar.STR),
            Field(name="joined", attribute="joined", scalar=Scalar.DATE),
            Field(name="score", attribute="score", scalar=Scalar.FLOAT, optional=True, has_default=True),
        ) == schema.fields

    @pytest.mark.parametrize("other", [object, tuple, dict[str, str], AttrsPerson(1, "a", dt.date.min), "Person", None])
    def test_no_row_type(self, other: Any) -> None:
        """Anything else is of no kind, and refused."""
        assert row_kind(other) is None
        with pytest.raises(PipelineError, match="is no attrs class, dataclass or NamedTuple, nor a TypedDict"):
            read_row_type(other)

    @pytest.mark.parametrize(
        ("annotation", "scalar"),
        [
            (str, Scalar.STR),
            (int, Scalar.INT),
            (float, Scalar.FLOAT),
            (decimal.Decimal, Scalar.DECIMAL),
            (bool, Scalar.BOOL),
            (dt.date, Scalar.DATE),
            (dt.datetime, Scalar.DATETIME),
            (dt.time, Scalar.TIME),
            (dt.timedelta, Scalar.TIMEDELTA),
            (Annotated[int, "unknown"], Scalar.INT),
            (uuid.UUID, Scalar.UUID),
            (UserId, Scalar.INT),
            (Colour, Scalar.ENUM),
        ],
    )
    def test_scalars(self, annotation: Any, scalar: Scalar) -> None:
        """Each supported annotation has its scalar, alone and in every spelling of `or None`."""
        spellings = [annotation, Optional[annotation], Union[None, annotation], annotation | None]  # noqa: UP007, UP045
        enum_type = Colour if annotation is Colour else None
        for number, spelling in enumerate(spellings):
            (field,) = read_row_type(of_one_field(spelling)).fields
            assert (scalar, enum_type, number > 0) == (field.scalar, field.enum_type, field.optional)

    @pytest.mark.skipif(sys.version_info < (3, 12), reason="the `type` statement is of Python 3.12")
    def test_type_statement(self) -> None:
        """A `type` alias is what it stands for, inside and around the `or None`."""
        make: Any = getattr(typing, "TypeAliasType")  # noqa: B009  # older type checkers' Pythons lack it
        (field,) = read_row_type(of_one_field(make("Maybe", make("Number", int) | None))).fields
        assert (Scalar.INT, True) == (field.scalar, field.optional)

    @pytest.mark.parametrize(
        ("annotation", "shown"),
        [
            (Any, "Any"),
            (list, "list"),
            (list[int], "list[int]"),
            (int | str, "int | str"),
            (int | str | None, "int | str | None"),
            (Annotated[list[int], "x"], "typing.Annotated[list[int], 'x']"),
            (bytes, "bytes"),
            (dict[str, str], "dict[str, str]"),
            (Literal[b"x"], "typing.Literal[b'x']"),
            (Literal[None], "typing.Literal[None]"),  # noqa: PYI061
            (AttrsPerson, "AttrsPerson"),
            (Empty, "Empty"),
            (complex, "complex"),
        ],
    )
    def test_unsupported(self, annotation: Any, shown: str) -> None:
        """What no cell converts to is refused, with class, field and the choices."""
        one = of_one_field(annotation)
        expected = f"One: field 'x' is annotated {shown}, which no cell converts to; supported are str, int, float, "
        with pytest.raises(PipelineError, match=re.escape(expected)):
            read_row_type(one)

    def test_no_annotation(self) -> None:
        """A field without annotation is refused."""
        with pytest.raises(PipelineError, match="One: field 'x' has no annotation; write one of: str, int"):
            read_row_type(attrs.make_class("One", ["x"]))

    def test_place_of_the_class(self) -> None:
        """The message says in which file and line the class stands."""

        @dataclass
        class Sized:
            size: complex

        with pytest.raises(
            PipelineError, match=r"Sized \(.*test_rowtypes\.py:\d+\): field 'size' \(line \d+\) is annotated complex"
        ):
            read_row_type(Sized)

    def test_unresolvable(self) -> None:
        """An annotation for type checkers alone is refused, with the field at fault."""
        expected = (
            r"'ratio' \(line \d+\): its annotation cannot be resolved: name 'Fraction' is not defined; import the"
        )
        with pytest.raises(PipelineError, match=expected):
            read_row_type(Lazy)

    def test_unreadable(self) -> None:
        """An annotation that is no Python is refused, without guessing at the field."""
        broken = of_one_field(int)
        broken.__annotations__ = {"x": "in t"}
        with pytest.raises(PipelineError, match="One: its annotation cannot be resolved"):
            read_row_type(broken)

    def test_local_names(self) -> None:
        """Names of the function that a class is defined in can be given."""

        class Shade(enum.Enum):
            DARK = "dark"

        @attrs.frozen
        class Paint:
            shade: Shade

        (field,) = read_row_type(Paint, localns=locals()).fields
        assert Shade is field.enum_type

    def test_attrs_names(self) -> None:
        """The constructor's name is the column's; fields that it does not take are none."""

        @attrs.frozen
        class Item:
            _id: int
            cost: float = attrs.field(alias="price", kw_only=True)
            total: object = attrs.field(init=False, default=0)
            kind: ClassVar[object] = None

        assert (
            Field(name="id", attribute="_id", scalar=Scalar.INT),
            Field(name="price", attribute="cost", scalar=Scalar.FLOAT, keyword_only=True),
        ) == read_row_type(Item).fields

    def test_inheritance(self) -> None:
        """Fields of parents come first."""

        @dataclass
        class Member(DataPerson):
            level: int = dataclasses.field(default=1, kw_only=True)

        assert ["id", "name", "joined", "score", "level"] == [field.name for field in read_row_type(Member).fields]

    def test_init_var(self) -> None:
        """An `InitVar` is no column: refused if the constructor needs it, else left to its default."""

        @dataclass
        class Seeded:
            number: int
            seed: InitVar[int]

        @dataclass
        class Relaxed:
            number: int
            seed: InitVar[int] = 0

        with pytest.raises(PipelineError, match="its constructor needs 'seed', which is no field of the class"):
            read_row_type(Seeded)
        assert ["number"] == [field.name for field in read_row_type(Relaxed).fields]

    def test_own_constructor(self) -> None:
        """A constructor that does not take the fields is refused."""

        @attrs.define(init=False)
        class Own:
            width: int
            height: int

            def __init__(self, width: int) -> None:
                self.__attrs_init__(width, width)

        with pytest.raises(PipelineError, match="its constructor does not take 'height'; leave it as generated"):
            read_row_type(Own)

    def test_no_fields(self) -> None:
        """A class without fields is refused."""
        with pytest.raises(PipelineError, match="Nothing: has no fields to fill"):
            read_row_type(attrs.make_class("Nothing", []))


class TestCheckColumns:
    """A file must have the columns that have no default."""

    def test_enough(self) -> None:
        """Columns with a default may be absent, others may be there, in any order."""
        check_columns(read_row_type(AttrsPerson), ["joined", "extra", "name", "id"])

    def test_missing(self) -> None:
        """All that are missing are named at once, each with the nearest name, and what there is."""
        with pytest.raises(FileError) as caught:
            check_columns(read_row_type(AttrsPerson), ["ID 2", "date joined", "name"])
        assert FileCode.COLUMNS_MISSING is caught.value.code
        assert (
            "the file lacks the columns 'id' (did you mean 'ID 2'?), 'joined' (did you mean 'date joined'?), which "
            "AttrsPerson needs; it has 'ID 2', 'date joined', 'name'; rename them in the file (a "
            "field that has a default may be missing)"
        ) == caught.value.message

    def test_one_missing_of_many(self) -> None:
        """A long header is cut in the message."""
        with pytest.raises(FileError) as caught:
            check_columns(read_row_type(AttrsPerson), ["id", "name", *(f"{number:02}" for number in range(30))])
        assert caught.value.message.startswith(
            "the file lacks the column 'joined', which AttrsPerson needs; it has 'id'"
        )
        assert caught.value.message.endswith(
            "'16', '17' and 12 more; rename it in the file (a field that has a default may be missing)"
        )


def test_located_without_source() -> None:
    """What has no source is located by its name alone."""
    assert ["list.append", "int", "5"] == [located(list.append), located(int), located(5)]  # type: ignore[arg-type]
