"""Arrow batches of a chunk's rows: by columns, or of what the row path makes where that is surer."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Final

import numpy as np
import pyarrow as pa

from csvpipe._partition.chunk import Chunk
from csvpipe._process.binding import Binding
from csvpipe._process.columns.arrays import flags_array
from csvpipe._process.columns.bad import BadCells
from csvpipe._process.columns.cells import read_cells
from csvpipe._process.columns.part import ColumnChunk, ColumnPart
from csvpipe._process.columns.places import find_by_cells
from csvpipe._process.columns.schema import BatchSchema
from csvpipe._process.columns.texts import ColumnReader, Texts
from csvpipe._process.columns.unit import BatchUnit
from csvpipe._process.flaws import BadRow
from csvpipe._process.parse import Slice, SliceParser
from csvpipe._process.part import Part
from csvpipe.dialect import Dialect

#: Stands for the cells of a row whose values are in a batch, so that memory does not hold both.
_USED: Final[list[str]] = []

#: Rows for each bad one from which bad ones are few.
_FEW: Final = 256


class BatchColumns:
    """Makes units of Arrow batches for one file.

    Args:
        schema: Of typed batches; None for all columns as text.
        columns: Of the file.
        size: Rows of a unit.
        dialect: Of the file.
        reader: Of its chunks; None where no chunk may be read by columns.
        parser: The row path's.
    """

    def __init__(
        self,
        schema: BatchSchema | None,
        columns: Sequence[str],
        *,
        size: int,
        dialect: Dialect,
        reader: ColumnReader | None,
        parser: SliceParser,
    ) -> None:
        self._schema = schema
        self._texts_schema = pa.schema([(name, pa.string()) for name in columns])
        self._size = size
        self._quote = dialect.quotechar
        self._reader = reader
        self._parser = parser

    def __repr__(self) -> str:
        return f"<BatchColumns of {self._schema or self._texts_schema.names}>"

    def build(self, cells: list[str]) -> object:
        """The row path's values of one row.

        Raises:
            BadRow: With everything that is wrong.
        """
        return cells if self._schema is None else self._schema.values(cells)

    def units(self, chunk: Chunk, data: bytes) -> list[BatchUnit] | None:
        """The chunk's rows; None if the row path must read it."""
        if self._reader is None or not self._reader.is_bounded(chunk):
            return None
        texts = self._reader.read(data, chunk.rows, is_regular=chunk.is_regular)
        if texts is None:
            return None
        bad_cells = BadCells(None if self._schema is None else self._schema.diagnosis)
        batch, bad = self._batch(texts, bad_cells)
        places = find_by_cells(texts, data, chunk, bad.tolist(), self._quote) if bad.size else {}
        source = ColumnChunk(chunk, data, texts.ragged, parser=self._parser, places=places)
        kept = np.ones(texts.rows, bool)
        kept[bad] = False
        if bad.size:
            batch = only(batch, kept, bad)
        goods = np.concatenate(([0], np.cumsum(kept)))
        units = []
        for begin in range(0, texts.rows, self._size):
            end = min(begin + self._size, texts.rows)
            low, high = np.searchsorted(bad, (begin, end))
            part = ColumnPart(source, begin, end, bad=bad[low:high].tolist(), bad_cells=bad_cells)
            good = batch.slice(int(goods[begin]), int(goods[end] - goods[begin]))
            units.append(BatchUnit([(part, 0, end - begin)], good))
        return units

    def _batch(self, texts: Texts, bad_cells: BadCells) -> tuple[Any, Any]:
        """All rows, bad ones included, and the indices of these; their bad cells are noted."""
        if self._schema is None:
            bad = np.array(texts.ragged, np.int64)
            arrays = [texts.columns[position] for position in range(len(self._texts_schema))]
            return pa.RecordBatch.from_arrays(arrays, schema=self._texts_schema), bad
        return typed(self._schema, texts, bad_cells.add_of)

    def units_of(self, parts: Iterable[Slice]) -> Iterator[BatchUnit]:
        """Units of rows that the row path has parsed."""
        spans: list[tuple[Part, int, int]] = []
        rows: list[Any] = []
        size = 0
        for part in parts:
            begin = 0
            for index, cells in enumerate(part.rows):
                if cells is not None:
                    try:
                        rows.append(self.build(cells))
                        part.rows[index] = _USED
                    except BadRow as bad:
                        part.flaws[index] = bad.flaws
                size += 1
                if size == self._size:
                    yield BatchUnit([*spans, (part, begin, index + 1 - begin)], self._made_of(rows))
                    spans, rows, size, begin = [], [], 0, index + 1
            if begin < len(part):
                spans.append((part, begin, len(part) - begin))
        if spans:
            yield BatchUnit(spans, self._made_of(rows))

    def _made_of(self, rows: list[Any]) -> Any:
        if self._schema is not None:
            return self._schema.batch_of(rows)
        columns = list(zip(*rows, strict=True)) or [()] * len(self._texts_schema)
        arrays = [pa.array(column, pa.string()) for column in columns]
        return pa.RecordBatch.from_arrays(arrays, schema=self._texts_schema)


def typed(schema: BatchSchema, texts: Texts, note: Callable[[Binding, Any, Any], object]) -> tuple[Any, Any]:
    """All rows of a chunk as a batch of typed columns, bad ones included, and the indices of these.

    Args:
        schema: Of the batch.
        texts: The cells.
        note: Told of each column with bad cells: its binding, its texts, and the indices of the bad ones.
    """
    bad = np.array(texts.ragged, np.int64)
    arrays = []
    for column in schema.fields:
        if column.meaning is None:
            default = column.field.default
            value = None if default is None else column.to_arrow(default)
            arrays.append(pa.repeat(pa.scalar(value, column.kind), texts.rows))
            continue
        binding = column.meaning.binding
        column_texts = texts.columns[binding.position]
        cells = read_cells(column_texts, column.meaning, None)
        arrays.append(cells.array(column.kind, column.to_arrow))
        if cells.bad.size:
            note(binding, column_texts, cells.bad)
            bad = np.union1d(bad, cells.bad)
    return pa.RecordBatch.from_arrays(arrays, schema=schema.arrow), bad


def only(batch: Any, kept: Any, bad: Any) -> Any:
    """The rows of a batch without the bad ones; where these are few, what lies between them is joined."""
    if bad.size * _FEW > batch.num_rows:
        return batch.filter(flags_array(kept))
    spans = list(zip((0, *(bad + 1).tolist()), (*bad.tolist(), batch.num_rows), strict=True))
    arrays = [pa.concat_arrays([column.slice(at, end - at) for at, end in spans]) for column in batch.columns]
    return pa.RecordBatch.from_arrays(arrays, schema=batch.schema)
