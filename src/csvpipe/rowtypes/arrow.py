"""Which row types can be the columns of an Arrow batch, and what their defaults are there.

pyarrow is never imported here: whoever annotates a handler with its `RecordBatch` has imported it.
"""

from __future__ import annotations

import datetime as dt
import enum
import sys
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

import attrs

from csvpipe.errors import PipelineError
from csvpipe.rowtypes.column import Column
from csvpipe.rowtypes.place import located_field
from csvpipe.rowtypes.schema import Field, RowKind, RowSchema, Scalar

#: Digits that a decimal of 128 bits has at most.
DECIMAL_DIGITS: Final = 38

_INT64: Final = 1 << 63

_CLASSES: Final[Mapping[Scalar, Any]] = {
    Scalar.STR: str,
    Scalar.INT: int,
    Scalar.FLOAT: (float, int),
    Scalar.DECIMAL: (Decimal, int),
    Scalar.BOOL: bool,
    Scalar.DATE: dt.date,
    Scalar.DATETIME: dt.datetime,
    Scalar.TIME: dt.time,
    Scalar.TIMEDELTA: dt.timedelta,
    Scalar.UUID: UUID,
}


def is_record_batch(annotation: object) -> bool:
    """Whether an annotation is `pyarrow.RecordBatch`."""
    pyarrow = sys.modules.get("pyarrow")
    return pyarrow is not None and annotation is getattr(pyarrow, "RecordBatch", None)


def fits_int64(value: int) -> bool:
    """Whether a column of 64-bit integers can hold it."""
    return -_INT64 <= value < _INT64


def literal_class(field: Field) -> type:
    """The one class that all values of a `Literal` have, as far as Arrow has it; else `str`, for their texts."""
    kinds = {type(value) for value in field.literals}
    if kinds == {bool}:
        return bool
    if kinds == {int} and all(fits_int64(value) for value in field.literals if isinstance(value, int)):
        return int
    return str


def as_columns(schema: RowSchema) -> RowSchema:
    """The schema with the values that its defaults have in a column, where it can be one of a batch's at all.

    Raises:
        PipelineError: A field can be no column of a batch. The message names it and the way out.
    """
    fields = tuple(_as_column(schema, field) for field in schema.fields)
    return attrs.evolve(schema, fields=fields, kind=RowKind.NAMEDTUPLE, is_checked=False, takes_others=False)


def _as_column(schema: RowSchema, field: Field) -> Field:
    problem = _problem(field)
    if problem is not None:
        place = located_field(schema.row_type, field.attribute)
        raise PipelineError(f"{place}: in a RecordBatch {problem}")
    if not field.has_default:
        return field
    default = _default(schema, field)
    if default is not None and not _is_value(field, default):
        place = located_field(schema.row_type, field.attribute)
        raise PipelineError(
            f"{place}: in a RecordBatch its default must be a value of the column's type or None, and be known without "
            "the constructor; state such a one, or fill the column in the handler"
        )
    return attrs.evolve(field, default=default, is_left_out=False)


def _problem(field: Field) -> str | None:
    options = field.options
    if options.parse is not None:
        return "Column(parse=...) has no column type; annotate the field str, and convert the column in the handler"
    if field.scalar is Scalar.FOREIGN:
        return "its type has no column type; annotate the field str, and convert the column in the handler"
    return _decimal_problem(options) if field.scalar is Scalar.DECIMAL else None


def _decimal_problem(options: Column) -> str | None:
    if options.precision is None or options.scale is None:
        return "a Decimal needs its size: write Annotated[Decimal, csvpipe.Column(precision=..., scale=...)]"
    if not 1 <= options.precision <= DECIMAL_DIGITS:
        return f"a Decimal has 1 to {DECIMAL_DIGITS} digits, so precision={options.precision} cannot be"
    if options.nonfinite:
        return "a Decimal is finite; leave nonfinite=True out, or annotate the field float"
    return None


def _default(schema: RowSchema, field: Field) -> object:
    """None where an absent value is the default, or is what stands for one."""
    if schema.kind is RowKind.TYPEDDICT:
        return None
    if schema.kind is RowKind.PYDANTIC:
        info: Any = schema.row_type.model_fields[field.attribute]  # type: ignore[attr-defined]  # of a pydantic model
        return info.default if info.default_factory is None else info
    return field.default if not field.is_left_out else schema


def _is_value(field: Field, default: object) -> bool:
    if field.scalar is Scalar.ENUM:
        if field.enum_type is None:
            return default in field.literals
        return isinstance(default, field.enum_type)
    if isinstance(default, enum.Enum) or (field.scalar is Scalar.INT and isinstance(default, bool)):
        return False
    if isinstance(default, int) and not fits_int64(default):
        return False
    if field.scalar is Scalar.DATE and isinstance(default, dt.datetime):
        return False
    return isinstance(default, _CLASSES[field.scalar])
