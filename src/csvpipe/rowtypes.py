"""Which Python object a record becomes: the untyped `Row`, and what can be read off a class that describes one."""

from __future__ import annotations

import dataclasses
import datetime as dt
import difflib
import enum
import inspect
import types
import typing
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from enum import StrEnum
from typing import Any, Final, NewType, TypeVar, overload

import attrs

from csvpipe.errors import CsvPipeError, FileCode, FileError, PipelineError

_T = TypeVar("_T")

#: How many column names a message lists before it only counts the rest.
_NAMES_SHOWN: Final = 20


class ColumnNotFoundError(CsvPipeError, KeyError):
    """A `Row` was asked for a column that its file does not have."""

    def __init__(self, name: str, columns: tuple[str, ...]) -> None:
        super().__init__(name, columns)
        self.name = name
        self.columns = columns

    def __str__(self) -> str:
        return f"no column {_suggested(self.name, self.columns)}; the file has {_listed(self.columns)}"


class Row(Mapping[str, str]):
    """One record as text: a mapping from column name to cell, in the order of the file.

    A cell is also found by its 0-based position, `row[0]`; `in`, iteration and `len` are those of the column names.
    Two rows are equal if their cells, `number` and `line` are; a row and another mapping if they hold the same cells.

    Args:
        number: See the property.
        line: See the property.
        index: Column name to position, in file order; shared by all rows of a file, hence never changed.
        values: The cells, one for each column; the row takes them over.

    Example:
        >>> row = Row(1, 2, {"id": 0, "name": 1}, ["7", "Ana"])
        >>> row["name"], row[0], row.get("email", "unknown")
        ('Ana', '7', 'unknown')
    """

    __slots__ = ("_index", "_line", "_number", "_values")

    def __init__(self, number: int, line: int, index: Mapping[str, int], values: list[str] | tuple[str, ...]) -> None:
        # Read-only properties over private slots: a `__setattr__` that refuses would triple the cost of every row.
        self._number = number
        self._line = line
        self._index = index
        self._values = values

    @property
    def number(self) -> int:
        """1-based number of the data record, header excluded."""
        return self._number

    @property
    def line(self) -> int:
        """1-based physical line on which the record starts."""
        return self._line

    def __getitem__(self, key: str | int) -> str:
        """The cell of a column, by name or by 0-based position.

        Raises:
            ColumnNotFoundError: No column has this name; it is a `KeyError`.
            IndexError: No column has this position.
        """
        if isinstance(key, int):
            return self._values[key]
        try:
            return self._values[self._index[key]]
        except KeyError:
            raise ColumnNotFoundError(str(key), tuple(self._index)) from None

    @overload
    def get(self, key: str, default: None = None, /) -> str | None: ...
    @overload
    def get(self, key: str, default: str | _T, /) -> str | _T: ...
    def get(self, key: str, default: object = None, /) -> object:
        """The cell of a column, or the default; not by way of an exception that looks for names."""
        position = self._index.get(key)
        return default if position is None else self._values[position]

    def __contains__(self, key: object) -> bool:
        return key in self._index

    def __iter__(self) -> Iterator[str]:
        return iter(self._index)

    def __len__(self) -> int:
        return len(self._index)

    def __eq__(self, other: object) -> bool:
        if isinstance(other, Row) and (self._number, self._line) != (other._number, other._line):
            return False
        return Mapping.__eq__(self, other)

    __hash__ = None  # type: ignore[assignment]  # equal to a dict, hence no more hashable than one

    def __repr__(self) -> str:
        return f"Row(number={self._number}, line={self._line}, {dict(self)})"


class Shape(StrEnum):
    """What a handler is given for one record."""

    ROW = "row"
    DICT = "dict"
    LIST = "list"
    TYPED = "typed"


class Scalar(StrEnum):
    """The types that a cell converts to; all but `STR` have the `RowCode` of the same name."""

    STR = "str"
    INT = "int"
    FLOAT = "float"
    DECIMAL = "decimal"
    BOOL = "bool"
    DATE = "date"
    DATETIME = "datetime"
    TIME = "time"
    UUID = "uuid"
    ENUM = "enum"


class RowKind(StrEnum):
    """How a row type was declared."""

    ATTRS = "attrs class"
    DATACLASS = "dataclass"
    NAMEDTUPLE = "NamedTuple"


_SCALARS: Final[Mapping[object, Scalar]] = {
    str: Scalar.STR,
    int: Scalar.INT,
    float: Scalar.FLOAT,
    Decimal: Scalar.DECIMAL,
    bool: Scalar.BOOL,
    dt.date: Scalar.DATE,
    dt.datetime: Scalar.DATETIME,
    dt.time: Scalar.TIME,
    uuid.UUID: Scalar.UUID,
}
_SUPPORTED: Final = "str, int, float, Decimal, bool, date, datetime, time, UUID, an Enum, or one of these `| None`"


@attrs.frozen(kw_only=True)
class Field:
    """One parameter of a row type's constructor, which is one column of the file.

    Attributes:
        name: Of the column and of the constructor's parameter: for attrs the field's `alias`, so that `_id` is `id`.
        attribute: Of the finished object: `_id`.
        scalar: What the cell's text converts to.
        enum_type: The class of members for `Scalar.ENUM`, else None.
        optional: Whether an empty cell is None.
        has_default: Whether the column may be absent, and an empty cell be the default unless it is `optional`.
        default: What to pass for the default. Not always the value: a factory's place is taken by a mark that only the
            constructor understands, and by identity: every process reads its row types itself.
        keyword_only: Whether the constructor takes it by name alone.
    """

    name: str
    attribute: str
    scalar: Scalar
    enum_type: type[enum.Enum] | None = None
    optional: bool = False
    has_default: bool = False
    default: object = attrs.field(default=None, repr=False)
    keyword_only: bool = False


@attrs.frozen(kw_only=True)
class RowSchema:
    """What is known of a row type.

    Attributes:
        row_type: The class.
        kind: How it was declared.
        fields: In the order of its constructor's parameters.
    """

    row_type: type
    kind: RowKind
    fields: tuple[Field, ...]


def row_kind(row_type: object) -> RowKind | None:
    """How `row_type` was declared, or None if it is no class that can describe a row."""
    if not isinstance(row_type, type):
        return None
    if attrs.has(row_type):
        return RowKind.ATTRS
    if dataclasses.is_dataclass(row_type):
        return RowKind.DATACLASS
    if issubclass(row_type, tuple) and hasattr(row_type, "_field_defaults"):
        return RowKind.NAMEDTUPLE
    return None


def read_row_type(row_type: type, *, localns: Mapping[str, Any] | None = None) -> RowSchema:
    """Read columns and types off an attrs class, a dataclass or a `typing.NamedTuple`.

    Fields with `init=False` are the class's own affair and no columns. A converter of attrs (`converter=`) runs as
    always, inside the constructor: it is given the value that the annotation has made of the text, so a field that
    wants the bare text is annotated `str`. A dataclass's `InitVar` without a default is refused.

    Args:
        row_type: The class.
        localns: Names that its annotations may use besides its module's, for classes defined within a function.

    Raises:
        PipelineError: The class is none of these kinds, an annotation cannot be resolved or is not supported, or its
            constructor does not take its fields. The message names class, place, field and the way out.
    """
    kind = row_kind(row_type)
    if kind is None:
        raise PipelineError(f"{located(row_type)}: is no attrs class, dataclass or NamedTuple; declare it as one")
    hints = _resolved_hints(row_type, localns)
    attributes = _init_attributes(row_type, kind)
    fields = []
    for parameter in inspect.signature(row_type).parameters.values():
        attribute = attributes.pop(parameter.name, None)
        has_default = parameter.default is not parameter.empty
        if attribute is None and has_default:
            continue
        if attribute is None:
            raise PipelineError(
                f"{located(row_type)}: its constructor needs {parameter.name!r}, which is no field of the class; "
                "make it a field, or give it a default"
            )
        scalar, enum_type, optional = _read_annotation(row_type, attribute, hints.get(attribute))
        fields.append(
            Field(
                name=parameter.name,
                attribute=attribute,
                scalar=scalar,
                enum_type=enum_type,
                optional=optional,
                has_default=has_default,
                default=parameter.default if has_default else None,
                keyword_only=parameter.kind is parameter.KEYWORD_ONLY,
            )
        )
    if attributes:
        missing = ", ".join(repr(name) for name in attributes)
        raise PipelineError(f"{located(row_type)}: its constructor does not take {missing}; leave it as generated")
    if not fields:
        raise PipelineError(f"{located(row_type)}: has no fields to fill; give it one for each column it needs")
    return RowSchema(row_type=row_type, kind=kind, fields=tuple(fields))


def check_columns(schema: RowSchema, columns: Sequence[str]) -> None:
    """See that a file has the columns that a row type needs. Names match exactly; other columns are ignored.

    Raises:
        FileError: `columns_missing`, naming all that are missing and what the file has.
    """
    present = set(columns)
    missing = [field.name for field in schema.fields if not field.has_default and field.name not in present]
    if missing:
        wanted = ", ".join(_suggested(name, columns) for name in missing)
        noun = "column" if len(missing) == 1 else "columns"
        raise FileError(
            FileCode.COLUMNS_MISSING,
            f"the file lacks the {noun} {wanted}, which {schema.row_type.__name__} needs; it has {_listed(columns)}",
        )


def located(target: Callable[..., object] | type) -> str:
    """Name and place of a class or function, for messages: `Person (/srv/app/people.py:12)`."""
    name = getattr(target, "__qualname__", None) or repr(target)
    try:
        path, line = inspect.getsourcefile(target), inspect.getsourcelines(target)[1]
    except (OSError, TypeError):  # typed into a prompt, built in, or written in C
        return name
    return f"{name} ({path}:{line})"


def _resolved_hints(row_type: type, localns: Mapping[str, Any] | None) -> dict[str, Any]:
    try:
        return typing.get_type_hints(row_type, localns=dict(localns or {}), include_extras=True)
    except Exception as error:  # whatever evaluating somebody's text may raise
        name = getattr(error, "name", None)
        culprits = (repr(field) for field, text in _written_hints(row_type) if name and name in text)
        place = next((f"field {field}: " for field in culprits), "")
        raise PipelineError(
            f"{located(row_type)}: {place}its annotation cannot be resolved: {error}; import the name outside of "
            "`if TYPE_CHECKING`, or define it at module level"
        ) from error


def _written_hints(row_type: type) -> Iterable[tuple[str, str]]:
    for owner in row_type.__mro__:
        for field, annotation in inspect.get_annotations(owner).items():
            yield field, str(getattr(annotation, "__forward_arg__", annotation))


def _init_attributes(row_type: type, kind: RowKind) -> dict[str, str]:
    """Name of the constructor's parameter to name of the attribute, for each field that the constructor takes."""
    if kind is RowKind.ATTRS:
        return {field.alias or field.name: field.name for field in attrs.fields(row_type) if field.init}
    if kind is RowKind.DATACLASS:
        return {field.name: field.name for field in dataclasses.fields(row_type) if field.init}
    names: tuple[str, ...] = row_type._fields  # type: ignore[attr-defined]  # what makes it a NamedTuple
    return {name: name for name in names}


def _read_annotation(row_type: type, field: str, annotation: object) -> tuple[Scalar, type[enum.Enum] | None, bool]:
    inner, optional = _without_none(_without_alias(annotation))
    inner = _without_alias(inner)
    scalar = _SCALARS.get(inner) if isinstance(inner, type) else None
    if scalar is not None:
        return scalar, None, optional
    if isinstance(inner, type) and issubclass(inner, enum.Enum) and inner.__members__:
        return Scalar.ENUM, inner, optional
    if annotation is None:
        raise PipelineError(f"{located(row_type)}: field {field!r} has no annotation; write one of: {_SUPPORTED}")
    shown = annotation.__qualname__ if isinstance(annotation, type) else str(annotation)
    raise PipelineError(
        f"{located(row_type)}: field {field!r} is annotated {shown}, which no cell converts to; "
        f"supported are {_SUPPORTED}"
    )


def _without_alias(annotation: Any) -> Any:
    """What a `NewType` or a `type` statement stands for."""
    while True:
        if isinstance(annotation, NewType):
            annotation = annotation.__supertype__
        elif type(annotation).__name__ == "TypeAliasType":  # typing has it from 3.12 on
            annotation = annotation.__value__
        else:
            return annotation


def _without_none(annotation: Any) -> tuple[Any, bool]:
    if typing.get_origin(annotation) in (typing.Union, types.UnionType):
        rest = [part for part in typing.get_args(annotation) if part is not types.NoneType]
        if len(rest) == 1:
            return rest[0], True
    return annotation, False


def _suggested(name: str, columns: Iterable[str]) -> str:
    """The quoted name, with the nearest of the columns where one is near."""
    folded = {column.strip().casefold(): column for column in columns}
    near = difflib.get_close_matches(name.strip().casefold(), folded, n=1)
    return f"{name!r} (did you mean {folded[near[0]]!r}?)" if near else repr(name)


def _listed(columns: Sequence[str]) -> str:
    shown = ", ".join(repr(column) for column in columns[:_NAMES_SHOWN])
    more = len(columns) - _NAMES_SHOWN
    return f"{shown} and {more} more" if more > 0 else shown or "no columns"
