"""What is known of a row type once it has been read: its fields, in the order in which it takes them."""

from __future__ import annotations

import enum
from enum import StrEnum
from functools import cached_property

import attrs

from csvpipe.errors import RowCode
from csvpipe.rowtypes.column import PLAIN, Column
from csvpipe.rowtypes.names import folded


class Shape(StrEnum):
    """What a handler is given for one record."""

    ROW = "row"
    DICT = "dict"
    LIST = "list"
    TYPED = "typed"
    #: Arrow's `RecordBatch`: typed columns with a row type, else all columns as text.
    COLUMNS = "columns"


class Scalar(StrEnum):
    """The types that a cell converts to; all but the first and the last have the `RowCode` of the same name.

    `FOREIGN` is a type that the row type's own library makes of the text, or a function that the application names.
    """

    STR = "str"
    INT = "int"
    FLOAT = "float"
    DECIMAL = "decimal"
    BOOL = "bool"
    DATE = "date"
    DATETIME = "datetime"
    TIME = "time"
    TIMEDELTA = "timedelta"
    UUID = "uuid"
    ENUM = "enum"
    FOREIGN = "foreign"

    @property
    def code(self) -> RowCode:
        """That of a cell which does not convert."""
        return RowCode.VALIDATION if self in {Scalar.STR, Scalar.FOREIGN} else RowCode(self.value)


class RowKind(StrEnum):
    """How a row type was declared."""

    ATTRS = "attrs class"
    DATACLASS = "dataclass"
    NAMEDTUPLE = "NamedTuple"
    TYPEDDICT = "TypedDict"
    PYDANTIC = "pydantic model"
    MSGSPEC = "msgspec.Struct"


@attrs.frozen(kw_only=True)
class Field:
    """One parameter of a row type's constructor, which is one column of the file.

    Attributes:
        name: Of the constructor's parameter: for attrs the field's `alias`, so that `_id` is `id`.
        attribute: Of the finished object: `_id`.
        key: Where the row type is made of a mapping, the name that it looks for there.
        scalar: What the cell's text converts to.
        enum_type: The class of members for `Scalar.ENUM`, else None.
        literals: The values of a `Literal`, which is a `Scalar.ENUM` as well.
        optional: Whether an empty cell is None.
        has_default: Whether the column may be absent, and an empty cell be the default unless it is `optional`.
        is_left_out: Whether the default is had by leaving the field out, as it cannot be passed.
        default: What to pass for the default. Not always the value: a factory's place is taken by a mark that only the
            constructor understands, and by identity: every process reads its row types itself.
        keyword_only: Whether the constructor takes it by name alone.
        options: What the annotation says of the column.
        alias: A name that the row type's own library has for the field in data.
    """

    name: str
    attribute: str
    key: str = attrs.field(default=attrs.Factory(lambda self: self.name, takes_self=True))
    scalar: Scalar
    enum_type: type[enum.Enum] | None = None
    literals: tuple[object, ...] = ()
    optional: bool = False
    has_default: bool = False
    is_left_out: bool = False
    default: object = attrs.field(default=None, repr=False)
    keyword_only: bool = False
    options: Column = PLAIN
    alias: str | None = None

    @property
    def headers(self) -> tuple[str, ...]:
        """The names that its column may have, the preferred first, each once."""
        stated = [name for name in (self.options.name, self.alias) if name is not None] or [self.name]
        return tuple(dict.fromkeys((*stated, *self.options.aliases, self.name)))


@attrs.frozen(kw_only=True, slots=False)
class RowSchema:
    """What is known of a row type.

    Attributes:
        row_type: The class.
        kind: How it was declared.
        fields: In the order of its constructor's parameters.
        refuses_others: Whether the class itself says that a file has no other columns.
        takes_others: Whether it is given the cells of other columns as well, as text.
        is_checked: Whether values must go through the class's own library, which knows what they have to satisfy.
    """

    row_type: type
    kind: RowKind
    fields: tuple[Field, ...]
    refuses_others: bool = False
    takes_others: bool = False
    is_checked: bool = False

    @cached_property
    def wanted(self) -> frozenset[str]:
        """All names that a column of it may have, folded; a header row has some of them."""
        names = {folded(name) for field in self.fields for name in (*field.headers, field.attribute)}
        return frozenset(names - {""})
