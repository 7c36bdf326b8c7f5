"""The columns of an Arrow batch: their types, and what the row path makes of a row for them."""

from __future__ import annotations

import datetime as dt
import enum
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import attrs
import pyarrow as pa

from csvpipe._process.binding import LEFT_OUT, Binding, bind
from csvpipe._process.columns import casts
from csvpipe._process.columns.casts import Plain
from csvpipe._process.columns.cells import Meaning, ToArrow
from csvpipe._process.convert import Converter
from csvpipe._process.diagnose import Diagnosis
from csvpipe._process.lexeme import quoted
from csvpipe.rowtypes import Field, RowSchema, Scalar
from csvpipe.rowtypes.arrow import fits_int64, literal_class

_TYPES: Final[Mapping[Scalar, Any]] = {
    Scalar.STR: pa.string(),
    Scalar.INT: pa.int64(),
    Scalar.FLOAT: pa.float64(),
    Scalar.BOOL: pa.bool_(),
    Scalar.DATE: pa.date32(),
    Scalar.TIME: casts.TIME,
    Scalar.TIMEDELTA: pa.duration("us"),
    Scalar.UUID: pa.string(),
}

#: The durations that pyarrow makes of Python's: of 64 bits of microseconds, and no day before the first whole one.
_LONGEST: Final = dt.timedelta(microseconds=2**63 - 1)
_SHORTEST: Final = dt.timedelta(days=-_LONGEST.days)

_OF_CLASS: Final[Mapping[type, Any]] = {str: pa.string(), int: pa.int64(), bool: pa.bool_()}


@attrs.frozen(kw_only=True)
class BatchColumn:
    """One column of a batch.

    Attributes:
        field: The field that it is.
        kind: Its Arrow type.
        to_arrow: Makes what Arrow takes of a field's value that is not None.
        meaning: Of the file's column; None where the file has none, and all values are the default.
    """

    field: Field
    kind: Any
    to_arrow: ToArrow
    meaning: Meaning | None


class BatchSchema:
    """What a row type's batches look like for one file.

    Args:
        schema: Of the row type, as `as_columns` has it.
        columns: Of the file.
        na: As in `bind`.
        samples: Cells of its first rows. They alone decide which columns of moments have an offset, so that it is the
            same in all chunks, workers and attempts.

    Attributes:
        fields: The columns.
        arrow: Their names and types.
        diagnosis: What is wrong with a row.
    """

    def __init__(
        self, schema: RowSchema, columns: Sequence[str], na: Sequence[str], samples: Sequence[Sequence[str]]
    ) -> None:
        bindings = {binding.field.name: binding for binding in bind(schema, columns, na)}
        self.fields: list[BatchColumn] = []
        bound: list[Binding] = []
        for field in schema.fields:
            binding = bindings.get(field.name)
            is_aware = binding is not None and field.scalar is Scalar.DATETIME and _is_aware(binding, samples)
            meaning = None
            if binding is not None:
                binding = attrs.evolve(binding, convert=_bounded(binding, is_aware=is_aware))
                bound.append(binding)
                meaning = Meaning(binding=binding, plain=_plain_of(field, is_aware=is_aware))
            kind = type_of(field, is_aware=is_aware)
            self.fields.append(BatchColumn(field=field, kind=kind, to_arrow=_to_arrow(field), meaning=meaning))
        self.arrow = pa.schema([(column.field.name, column.kind) for column in self.fields])
        self.diagnosis = Diagnosis(schema, bound, dict, {})

    def __repr__(self) -> str:
        return f"<BatchSchema of {len(self.fields)} columns>"

    def values(self, cells: list[str]) -> dict[str, object]:
        """The row path's values of one row, by field, without those that the file has no column for.

        Raises:
            BadRow: With everything that is wrong.
        """
        return self.diagnosis.build(cells, ValueError())  # type: ignore[return-value]  # as `dict` makes it

    def batch_of(self, rows: Sequence[Mapping[str, object]]) -> Any:
        """A batch of what `values` has made."""
        arrays = []
        for column in self.fields:
            name, other = column.field.name, column.field.default
            values = (row.get(name, other) for row in rows)
            given = [None if value is None else column.to_arrow(value) for value in values]
            arrays.append(pa.array(given, column.kind))
        return pa.RecordBatch.from_arrays(arrays, schema=self.arrow)


def type_of(field: Field, *, is_aware: bool) -> Any:
    """The Arrow type of a field."""
    if field.scalar is Scalar.DATETIME:
        return casts.UTC_MOMENT if is_aware else casts.MOMENT
    if field.scalar is Scalar.DECIMAL:
        return pa.decimal128(field.options.precision, field.options.scale)
    if field.scalar is Scalar.ENUM:
        return _OF_CLASS[str if field.enum_type is not None else literal_class(field)]
    return _TYPES[field.scalar]


def _to_arrow(field: Field) -> ToArrow:
    if field.scalar is Scalar.UUID:
        return str
    if field.scalar is Scalar.FLOAT:
        return float
    if field.scalar is not Scalar.ENUM:
        return _same
    if field.enum_type is None and literal_class(field) is not str:
        return _same
    return _text_of


def _same(value: object) -> object:
    return value


def _text_of(value: object) -> object:
    if isinstance(value, enum.Enum):
        return str(value.value)
    return str(value).lower() if isinstance(value, bool) else str(value)


def _is_aware(binding: Binding, samples: Sequence[Sequence[str]]) -> bool:
    for row in samples:
        if binding.position >= len(row):
            continue
        try:
            value = binding.value_of(row[binding.position])
        except Exception:  # noqa: BLE001, S112  # a bad cell says nothing
            continue
        if isinstance(value, dt.datetime) and value is not LEFT_OUT and value is not binding.field.default:
            return value.tzinfo is not None
    return False


def _bounded(binding: Binding, *, is_aware: bool) -> Converter:
    """The converter, which also refuses what the column's type cannot hold."""
    convert: Callable[[str], Any] = binding.convert

    def convert_int(text: str) -> object:
        value = convert(text)
        if not fits_int64(value):
            raise ValueError(f"{quoted(text)} has more than 64 bits, which is all that a column of a RecordBatch has")
        return value

    def convert_moment(text: str) -> object:
        value = convert(text)
        if (value.tzinfo is not None) is not is_aware:
            others = "have an offset, such as Z" if is_aware else "have none"
            has = "has no offset" if is_aware else "has an offset"
            raise ValueError(f"{quoted(text)} {has} from UTC, but the moments of this column {others}")
        return value

    def convert_timedelta(text: str) -> object:
        value = convert(text)
        if not _SHORTEST <= value <= _LONGEST:
            raise ValueError(f"{quoted(text)} is longer than the 292,471 years that a column of a RecordBatch can hold")
        return value

    if binding.field.scalar is Scalar.INT:
        return convert_int
    if binding.field.scalar is Scalar.TIMEDELTA:
        return convert_timedelta
    return convert_moment if binding.field.scalar is Scalar.DATETIME else convert


def _plain_of(field: Field, *, is_aware: bool) -> Plain | None:
    options = field.options
    if field.scalar is Scalar.DECIMAL and options.thousands is None:
        return casts.decimals(options)
    if field.scalar is Scalar.UUID:
        return casts.UUID
    if field.scalar is Scalar.BOOL and not options.spelling():
        return casts.BOOL
    if field.scalar is Scalar.TIME and not options.format:
        return casts.CLOCK_TIME
    if field.scalar is Scalar.DATETIME and is_aware and not options.format:
        return casts.AWARE
    return casts.plain_of(field.scalar, options)
