"""Each kind of class that can describe a row is read for what it takes, and without importing its library."""

from __future__ import annotations

import enum
import subprocess
import sys
from typing import Annotated, Any, Literal, NamedTuple, NotRequired, Required, TypedDict

import attrs
import msgspec
import pydantic
import pytest

from csvpipe.errors import PipelineError
from csvpipe.rowtypes import Column, Field, RowKind, Scalar, read_row_type, row_kind


class Sale(TypedDict):
    """A key that must be there, and one that need not."""

    number: int
    note: NotRequired[str]


class LooseSale(Sale, total=False):
    """Inherits both, and adds one of each."""

    price: Required[float | None]
    tip: float


class Guest(pydantic.BaseModel):
    """A model with a name of its own in data, a constraint, a default, and a type of pydantic's."""

    name: str = pydantic.Field(alias="Guest name")
    age: Annotated[int, pydantic.Field(ge=0), Column("years")]
    mail: pydantic.EmailStr | None = None
    tags: Annotated[list[str], pydantic.BeforeValidator(str.split)] = pydantic.Field(default_factory=list)

    @pydantic.computed_field  # type: ignore[prop-decorator]
    @property
    def label(self) -> str:
        """No column."""
        return self.name


class Part(msgspec.Struct, rename="camel"):
    """A struct with another name in data, a default and a factory."""

    part_number: int
    weight: float | None = None
    note: str = msgspec.field(default_factory=str)


class Checked(msgspec.Struct):
    """A struct with a constraint."""

    size: Annotated[int, msgspec.Meta(ge=0)] | None


class Point(NamedTuple):
    """Nothing but fields."""

    x: float
    y: Annotated[float, Column("why")] = 0.0


def fields_of(row_type: type) -> dict[str, Field]:
    """The fields by name."""
    return {field.name: field for field in read_row_type(row_type).fields}


@pytest.mark.parametrize(
    ("row_type", "kind"),
    [
        (Sale, RowKind.TYPEDDICT),
        (LooseSale, RowKind.TYPEDDICT),
        (Guest, RowKind.PYDANTIC),
        (Part, RowKind.MSGSPEC),
        (Point, RowKind.NAMEDTUPLE),
        (pydantic.BaseModel, None),
        (msgspec.Struct, None),
        (dict, None),
    ],
)
def test_kinds(row_type: type, kind: RowKind | None) -> None:
    """Each is known for what it is; what they are made of is not one of them."""
    assert kind is row_kind(row_type)


def test_no_import() -> None:
    """Classes are told apart without pydantic and msgspec."""
    program = (
        "import csvpipe.rowtypes as r, typing, sys; "
        "class_ = typing.NamedTuple('T', [('a', int)]); r.read_row_type(class_); "
        "print('pydantic' in sys.modules or 'msgspec' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert "False" == done.stdout.strip()


def test_typed_dict() -> None:
    """What need not be there may be left out; what the annotation says counts, not what the class guesses."""
    fields = fields_of(LooseSale)
    assert {"number": False, "note": True, "price": False, "tip": True} == {
        name: field.has_default for name, field in fields.items()
    }
    assert all(field.is_left_out == field.has_default for field in fields.values())
    assert (Scalar.FLOAT, True) == (fields["price"].scalar, fields["price"].optional)


def test_pydantic() -> None:
    """Aliases are names of columns, defaults are left to the model, foreign types to pydantic."""
    fields = fields_of(Guest)
    assert ["name", "age", "mail", "tags"] == list(fields)
    assert ("Guest name", ("Guest name", "name")) == (fields["name"].key, fields["name"].headers)
    assert ("age", ("years", "age")) == (fields["age"].key, fields["age"].headers)
    assert [Scalar.STR, Scalar.INT, Scalar.FOREIGN, Scalar.FOREIGN] == [field.scalar for field in fields.values()]
    assert [(False, False), (False, False), (True, True), (True, True)] == [
        (field.has_default, field.is_left_out) for field in fields.values()
    ]
    assert fields["mail"].optional


@pytest.mark.parametrize(
    ("alias", "key", "headers"),
    [
        ("a", "a", ("a", "x")),
        (pydantic.AliasChoices("a", "b"), "a", ("a", "x")),
        (pydantic.AliasChoices(pydantic.AliasPath("a", 0), "b"), "b", ("b", "x")),
        (pydantic.AliasPath("a"), "a", ("a", "x")),
    ],
)
def test_pydantic_validation_alias(alias: Any, key: str, headers: tuple[str, ...]) -> None:
    """Of several aliases the first that is a name counts."""

    class Model(pydantic.BaseModel):
        x: int = pydantic.Field(validation_alias=alias)

    (field,) = fields_of(Model).values()
    assert (key, headers) == (field.key, field.headers)


def test_pydantic_without_aliases() -> None:
    """Where the model does not look for aliases, it gets the field by its name; the alias still names the column."""

    class Model(pydantic.BaseModel, validate_by_alias=False, validate_by_name=True):
        x: int = pydantic.Field(alias="a")

    (field,) = fields_of(Model).values()
    assert ("x", ("a", "x")) == (field.key, field.headers)


def test_pydantic_deep_alias() -> None:
    """An alias that looks into a value is refused."""

    class Model(pydantic.BaseModel):
        x: int = pydantic.Field(validation_alias=pydantic.AliasPath("a", 0))

    with pytest.raises(PipelineError, match=r"field 'x' \(line \d+\): its alias is a path, and a row has no depth"):
        read_row_type(Model)


def test_pydantic_root() -> None:
    """A root model has no columns."""

    class Model(pydantic.RootModel[int]):
        pass

    with pytest.raises(PipelineError, match="a RootModel has no columns"):
        read_row_type(Model)


@pytest.mark.parametrize("annotation", [list[str], dict[str, str], bytes, Any, object, tuple[int, int]])
def test_pydantic_cannot_either(annotation: Any) -> None:
    """What no text becomes is refused, unless the model has code of its own for it."""
    model: Any = pydantic.create_model("Model", x=(annotation, ...))
    with pytest.raises(PipelineError, match=r"Model.*field 'x' is annotated .*, which no cell converts to"):
        read_row_type(model)

    class Split(pydantic.BaseModel):
        x: annotation

        @pydantic.field_validator("x", mode="before")
        @classmethod
        def _split(cls, text: str) -> object:
            return text.split()

    assert Scalar.FOREIGN is fields_of(Split)["x"].scalar


def test_pydantic_unfinished() -> None:
    """A model whose annotations cannot be resolved is refused."""

    class Model(pydantic.BaseModel):
        x: "Nowhere"  # type: ignore[name-defined]  # noqa: F821, UP037

    with pytest.raises(PipelineError, match=r"pydantic cannot finish it: .*Nowhere"):
        read_row_type(Model)


def test_pydantic_generic() -> None:
    """A model made for a type is read with that type."""
    import typing  # noqa: PLC0415  # for this alone

    value = typing.TypeVar("value")

    class Model(pydantic.BaseModel, typing.Generic[value]):
        x: value

    assert Scalar.INT is fields_of(Model[int])["x"].scalar


def test_msgspec() -> None:
    """The name in data is a name of the column; a factory's default is left to the struct."""
    fields = fields_of(Part)
    assert ("partNumber", ("partNumber", "part_number")) == (fields["part_number"].key, fields["part_number"].headers)
    assert (True, False, None) == (fields["weight"].has_default, fields["weight"].is_left_out, fields["weight"].default)
    assert (True, True) == (fields["note"].has_default, fields["note"].is_left_out)
    assert [False, True] == [read_row_type(row_type).is_checked for row_type in (Part, Checked)]


class Mixed(enum.Enum):
    """Values of two types, which msgspec does not take."""

    ONE = 1
    TWO = "two"


@pytest.mark.parametrize(
    ("kind", "reason"), [(Mixed, "Enums must contain"), (Literal[Mixed.ONE], "Literal may only contain")]
)
def test_msgspec_cannot_check(kind: Any, reason: str) -> None:
    """What would refuse every row is refused when it is declared; without constraints nothing is checked."""
    constrained = ("count", Annotated[int, msgspec.Meta(gt=0)])
    with pytest.raises(PipelineError, match=f"field 'kind': .* msgspec, which cannot: {reason}.*; change the type"):
        read_row_type(msgspec.defstruct("S", [constrained, ("kind", kind)]))
    assert read_row_type(msgspec.defstruct("S", [constrained])).is_checked
    assert not read_row_type(msgspec.defstruct("S", [("kind", kind)])).is_checked


@pytest.mark.parametrize(
    ("row_type", "expected"),
    [
        (msgspec.defstruct("S", [("x", int)], forbid_unknown_fields=True), (True, False)),
        (msgspec.defstruct("S", [("x", int)]), (False, False)),
        (pydantic.create_model("M", x=(int, ...), __config__=pydantic.ConfigDict(extra="forbid")), (True, False)),
        (pydantic.create_model("M", x=(int, ...), __config__=pydantic.ConfigDict(extra="allow")), (False, True)),
        (pydantic.create_model("M", x=(int, ...)), (False, False)),
        (attrs.make_class("A", {"x": attrs.field(type=int)}), (False, False)),
    ],
)
def test_other_columns(row_type: type, expected: tuple[bool, bool]) -> None:
    """What the class says of names that it does not know holds for columns."""
    schema = read_row_type(row_type)
    assert expected == (schema.refuses_others, schema.takes_others)


@pytest.mark.parametrize(
    ("annotation", "literals", "optional"),
    [
        (Literal["a", "b"], ("a", "b"), False),
        (Literal[1, 2, None], (1, 2), True),  # noqa: PYI061
        (Literal["a"] | None, ("a",), True),
        (Annotated[Literal[True], "x"], (True,), False),
    ],
)
def test_literals(annotation: Any, literals: tuple[object, ...], optional: bool) -> None:  # noqa: FBT001
    """A Literal is a choice; None among its values is the empty cell."""
    (field,) = read_row_type(attrs.make_class("One", {"x": attrs.field(type=annotation)})).fields
    assert (Scalar.ENUM, literals, optional) == (field.scalar, field.literals, field.optional)
