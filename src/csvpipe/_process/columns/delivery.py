"""A chunk's rows on their way to a sink as columns, where no object need be made of them.

That is so where rows are of a class whose constructor does nothing but keep what it is given, and where the sink makes
the same of a column as of its values one by one.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from functools import cached_property
from inspect import getattr_static
from itertools import product
from types import FunctionType
from typing import Any, Final

import attrs
import numpy as np
import pyarrow as pa
from pyarrow import csv as arrow_csv

from csvpipe._partition.chunk import Chunk
from csvpipe._process.binding import Binding
from csvpipe._process.columns.batches import only, typed
from csvpipe._process.columns.part import ColumnChunk, ColumnPart
from csvpipe._process.columns.places import find_by_cells
from csvpipe._process.columns.schema import BatchSchema
from csvpipe._process.columns.texts import ColumnReader
from csvpipe._process.columns.twin import is_same
from csvpipe._process.flaws import BadRow, Flaw
from csvpipe._process.parse import SliceParser
from csvpipe._process.part import Place
from csvpipe.dialect import Dialect
from csvpipe.rowtypes import Field, RowKind, RowSchema, Scalar

#: Kinds of cells whose text is read alike by us and by databases, as far as these take it at all.
_RAW: Final = frozenset({Scalar.STR, Scalar.INT, Scalar.FLOAT, Scalar.DECIMAL, Scalar.BOOL, Scalar.DATE, Scalar.UUID})

#: Options that do not say how a cell is spelt.
_SIZES: Final = frozenset({"precision", "scale"})

_DELIMITERS: Final = frozenset(",;|\t")

_LF: Final = ord("\n")

#: What means something to some reader of CSV, or to all, behind its first byte: that one alone is found fast.
_MARKS: Final = {b'"': b'"', b"\r": b"\r", b"\\": b"\\.", b"\0": b"\0", b"\xef": b"\xef\xbb\xbf"}


class GoodRowError(Exception):
    """A row is bad as one of columns, and good as an object: a number of more than 64 bits, say."""


@attrs.frozen(kw_only=True)
class Raw:
    """Bytes of good rows as they stand in the file, which a database may read in place of their values.

    Each row is one line, and none of its cells is quoted.

    Attributes:
        data: All of them.
        fields: Each column of the file by its field, in the file's order, with the kind of its cells.
        delimiter: Between them.
        texts: Fields whose empty cells are empty texts; those of the others are nothing.
    """

    data: bytes
    fields: Mapping[str, str]
    delimiter: str
    texts: Sequence[str]

    def slice(self, begin: int, rows: int) -> Raw:
        """Some of the rows."""
        ends = self._ends
        start = int(ends[begin - 1]) if begin else 0
        end = int(ends[begin + rows - 1]) if begin + rows <= len(ends) else len(self.data)
        return attrs.evolve(self, data=self.data[start:end])

    @cached_property
    def _ends(self) -> Any:
        """Just past the line end of each row but perhaps the last one."""
        return np.flatnonzero(np.frombuffer(self.data, np.uint8) == _LF) + 1


@attrs.frozen(kw_only=True)
class Columns:
    """The good rows of a chunk on their way to a sink.

    Attributes:
        batch: Their values.
        raw: Their bytes as they stand in the file, where that is the same; None where it may not be.
    """

    batch: Any
    raw: Raw | None = None

    def slice(self, begin: int, rows: int) -> Columns:
        """Some of them."""
        if begin == 0 and rows == self.batch.num_rows:
            return self
        raw = None if self.raw is None else self.raw.slice(begin, rows)
        return Columns(batch=self.batch.slice(begin, rows), raw=raw)

    def only(self, rows: Sequence[int]) -> Columns:
        """Those with these indices, by their values alone."""
        return Columns(batch=self.batch.take(pa.array(rows, pa.int64())))


class DeliveryColumns:
    """Makes columns of a file's chunks.

    Args:
        schema: Of their batches.
        width: Columns of the file.
        build: Makes the object of a row, or says what is wrong with it.
        dialect: Of the file.
        reader: Of its chunks.
        parser: The row path's.
    """

    def __init__(
        self,
        schema: BatchSchema,
        *,
        width: int,
        build: Callable[[list[str]], object],
        dialect: Dialect,
        reader: ColumnReader,
        parser: SliceParser,
    ) -> None:
        self.kinds = {column.field.name: _kind_of(column.field) for column in schema.fields}
        self._schema = schema
        self._build = build
        self._dialect = dialect
        self._reader = reader
        self._parser = parser
        self._raw_fields = _raw_fields(schema, width) if dialect.delimiter in _DELIMITERS else None

    def __repr__(self) -> str:
        return f"<DeliveryColumns {sorted(self.kinds)}>"

    def part(self, chunk: Chunk, data: bytes) -> tuple[ColumnPart, Columns] | None:
        """The chunk's rows, and the columns of the good ones; None if it takes objects."""
        if not self._reader.is_bounded(chunk):
            return None
        texts = self._reader.read(data, chunk.rows, is_regular=chunk.is_regular)
        if texts is None:
            return None
        batch, bad = typed(self._schema, texts, lambda *_: None)  # whole rows are judged, not cells
        places = find_by_cells(texts, data, chunk, bad.tolist(), self._dialect.quotechar) if bad.size else {}
        source = ColumnChunk(chunk, data, texts.ragged, parser=self._parser, places=places)
        part = ColumnPart(source, 0, texts.rows, bad=bad.tolist(), bad_cells=_Judge(source, self._build))
        if bad.size:
            with suppress(GoodRowError):
                part.flaws  # noqa: B018  # found now
                kept = np.ones(texts.rows, bool)
                kept[bad] = False
                raw = self._raw(_without(data, chunk.start, places.values()), source) if places else None
                return part, Columns(batch=only(batch, kept, bad), raw=raw)
            return None
        return part, Columns(batch=batch, raw=self._raw(data, source) if texts.is_whole else None)

    def _raw(self, data: bytes, source: ColumnChunk) -> Raw | None:
        """Bytes of good rows without quotes; None where somebody else may read them otherwise."""
        if self._raw_fields is None or not source.has_row_a_line:
            return None
        if any(first in data and mark in data for first, mark in _MARKS.items()):
            return None
        if (quote := self._dialect.quotechar) is not None and quote.encode() in data:
            return None
        texts = [name for name, (kind, is_optional) in self._raw_fields.items() if kind == "str" and not is_optional]
        fields = {name: kind for name, (kind, _) in self._raw_fields.items()}
        return Raw(data=data, fields=fields, delimiter=self._dialect.delimiter, texts=texts)


def _without(data: bytes, start: int, places: Iterable[Place]) -> bytes:
    """The bytes of a chunk without those of some of its rows, which are given in order."""
    kept, at = [], 0
    view = memoryview(data)
    for place in places:
        kept.append(view[at : place.start - start])
        at = place.end - start
    return b"".join((*kept, view[at:]))


class _Judge:
    """Finds out what is wrong with a row by making its object, as the row path does: columns know fewer values."""

    def __init__(self, source: ColumnChunk, build: Callable[[list[str]], object]) -> None:
        self._source = source
        self._build = build

    def flaws_of(self, row: int) -> tuple[Flaw, ...]:
        """See `FlawsByRow`.

        Raises:
            GoodRowError: There is nothing wrong with it.
        """
        part = self._source.parsed(row)
        if part.flaws:
            return part.flaws[0]
        try:
            self._build(part.good(0))
        except BadRow as bad:
            return bad.flaws
        raise GoodRowError


def _raw_fields(schema: BatchSchema, width: int) -> dict[str, tuple[str, bool]] | None:
    """Kind of each column in the file's order, and whether its empty cells are nothing; None where that is not all."""
    found: dict[int, tuple[str, tuple[str, bool]]] = {}
    for column in schema.fields:
        field = column.field
        if column.meaning is None or column.meaning.binding.nothing - {""}:
            return None
        if field.scalar not in _RAW or (field.options.spelling() and set(field.options.spelling()) - _SIZES):
            return None
        if field.has_default and not field.optional:  # what an empty cell is then, only we know
            return None
        found[column.meaning.binding.position] = field.name, (field.scalar, field.optional)
    if sorted(found) != list(range(width)):
        return None
    return dict(found[position] for position in range(width))


def _kind_of(field: Field) -> str:
    """What the cells of a field are; members of which not all are texts or whole numbers have no one spelling."""
    if field.enum_type is not None:
        values: Sequence[object] = [member.value for member in field.enum_type]
    else:
        values = field.literals
    return Scalar.FOREIGN if any(type(value) not in {str, int} for value in values) else field.scalar


def csv_of(batch: Any) -> Any:
    """A batch as CSV without a header: every value in quotes, nulls as nothing."""
    sink = pa.BufferOutputStream()
    options = arrow_csv.WriteOptions(include_header=False, quoting_style="all_valid", batch_size=65_536)
    arrow_csv.write_csv(batch, sink, options)
    return sink.getvalue()


def values_of(column: Any) -> list[Any]:
    """The values of a column of texts, numbers, booleans or days one by one; days as texts."""
    if pa.types.is_date32(column.type):
        column = column.cast(pa.string())
    if column.null_count and not pa.types.is_string(column.type):  # numpy has no such numbers
        return column.to_pylist()  # type: ignore[no-any-return]  # of pyarrow
    return column.to_numpy(zero_copy_only=False).tolist()  # type: ignore[no-any-return]  # of pyarrow


def is_kept_as_given(schema: RowSchema, bindings: Sequence[Binding]) -> bool:
    """Whether an object of the row type has for each field what its constructor was given, and that is all it does."""
    row_type: Any = schema.row_type
    if schema.kind is RowKind.TYPEDDICT:
        return all(binding.field.optional or not binding.field.is_left_out for binding in bindings)
    if schema.kind is RowKind.NAMEDTUPLE:
        new_globals = getattr(row_type.__new__, "__globals__", {})
        is_usual = str(new_globals.get("__name__")).startswith("namedtuple_")
        return is_usual and row_type.__init__ is object.__init__
    if schema.kind not in {RowKind.ATTRS, RowKind.DATACLASS} or row_type.__bases__ != (object,):
        return False
    new: object = row_type.__new__
    get: object = row_type.__getattribute__
    if type(row_type) is not type or new is not object.__new__ or get is not object.__getattribute__:
        return False
    constructor = vars(row_type).get("__init__")
    is_computed = any(isinstance(getattr_static(row_type, f.attribute, None), property) for f in schema.fields)
    if is_computed or not isinstance(constructor, FunctionType):
        return False
    return any(is_same(constructor, reference) for reference in _references(schema))


def _references(schema: RowSchema) -> Iterator[FunctionType]:
    """The constructors of classes of these fields, and nothing else."""
    for frozen, slots in product((True, False), repeat=2):
        with suppress(Exception):  # names that only the class itself could explain
            made: Any
            if schema.kind is RowKind.ATTRS:
                fields = {field.attribute: attrs.field(alias=field.name, **_options(field)) for field in schema.fields}
                made = attrs.make_class("Reference", fields, frozen=frozen, slots=slots)
            else:
                listed = [(field.name, object, dataclasses.field(**_options(field))) for field in schema.fields]
                made = dataclasses.make_dataclass("Reference", listed, frozen=frozen, slots=slots)
            yield made.__init__


def _options(field: Field) -> dict[str, Any]:
    default = {"default": field.default} if field.has_default else {}
    return {"kw_only": field.keyword_only, **default}
