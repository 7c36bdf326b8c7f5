"""Typed rows of a chunk, made of columns."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from typing import Any, Final

from csvpipe._partition.chunk import Chunk
from csvpipe._process.binding import Binding
from csvpipe._process.columns.bad import BadCells
from csvpipe._process.columns.casts import plain_of
from csvpipe._process.columns.cells import Cells, Meaning, quick_reader, read_cells
from csvpipe._process.columns.make import Maker
from csvpipe._process.columns.part import ColumnChunk, ColumnPart
from csvpipe._process.columns.places import find_by_cells
from csvpipe._process.columns.texts import ColumnReader
from csvpipe._process.diagnose import Diagnosis
from csvpipe._process.parse import SliceParser
from csvpipe.dialect import Dialect
from csvpipe.rowtypes import Scalar

#: Rows whose values are Python objects at a time: few enough that these stay in the processor's nearer caches.
PART_ROWS: Final = 512

#: Types whose texts are mostly different from each other. Where Arrow makes no value that Python takes over, each is
#: converted by itself.
_PYTHONS: Final = frozenset(
    {Scalar.DECIMAL, Scalar.UUID, Scalar.TIME, Scalar.TIMEDELTA, Scalar.FOREIGN, Scalar.INT, Scalar.FLOAT}
)


class RowPart(ColumnPart):
    """Rows with the values that their objects are made of.

    Args:
        lists: For each field the values of the part's rows.
        maker: Makes objects of them.
        **more: As for `ColumnPart`.
    """

    def __init__(
        self, source: ColumnChunk, begin: int, end: int, *, lists: Sequence[list[Any]], maker: Maker, **more: Any
    ) -> None:
        super().__init__(source, begin, end, **more)
        self._lists = lists
        self._maker = maker

    def items(self, begin: int, end: int) -> Iterator[object]:
        """The objects of the good rows `[begin, end)`; goes on with the next one after it has raised."""
        if end - begin == len(self):
            return self._maker(self._lists)
        return self._maker([values[begin:end] for values in self._lists])


class RowColumns:
    """Makes typed rows of a file's chunks.

    Args:
        bindings: The fields that have a column, in the schema's order.
        maker: Makes their objects.
        diagnosis: What is wrong with cells of these fields.
        dialect: Of the file.
        reader: Of its chunks, for these columns.
        parser: The row path's.
    """

    def __init__(
        self,
        bindings: Sequence[Binding],
        *,
        maker: Maker,
        diagnosis: Diagnosis,
        dialect: Dialect,
        reader: ColumnReader,
        parser: SliceParser,
    ) -> None:
        self._maker = maker
        self._diagnosis = diagnosis
        self._quote = dialect.quotechar
        self._reader = reader
        self._parser = parser
        self._columns = []
        for binding in bindings:
            field = binding.field
            meaning = Meaning(binding=binding, plain=plain_of(field.scalar, field.options))
            is_quick = meaning.plain is None and field.scalar in _PYTHONS
            self._columns.append((meaning, quick_reader(binding) if is_quick else None))

    def __repr__(self) -> str:
        return f"<RowColumns of {len(self._columns)} columns>"

    def parts(self, chunk: Chunk, data: bytes) -> Iterator[RowPart] | None:
        """The chunk's rows, some thousand at a time; None if the row path must read it."""
        if not self._reader.is_bounded(chunk):
            return None
        texts = self._reader.read(data, chunk.rows, is_regular=chunk.is_regular)
        if texts is None:
            return None
        bad_cells = BadCells(self._diagnosis)
        columns: list[tuple[Binding, Cells]] = []
        for meaning, quick in self._columns:
            column = texts.columns[meaning.binding.position]
            cells = read_cells(column, meaning, quick)
            bad_cells.add_of(meaning.binding, column, cells.bad)
            columns.append((meaning.binding, cells))
        known = sorted({*texts.ragged, *bad_cells})
        places = find_by_cells(texts, data, chunk, known, self._quote) if known else {}
        source = ColumnChunk(chunk, data, texts.ragged, parser=self._parser, places=places)
        return self._parts(source, columns, known, bad_cells)

    def _parts(
        self, source: ColumnChunk, columns: Sequence[tuple[Binding, Cells]], known: Sequence[int], bad_cells: BadCells
    ) -> Iterator[RowPart]:
        for begin in range(0, source.chunk.rows, PART_ROWS):
            end = min(begin + PART_ROWS, source.chunk.rows)
            bad = set(known[bisect_left(known, begin) : bisect_left(known, end)])
            lists = []
            for binding, cells in columns:
                found: dict[int, str] = {}
                lists.append(cells.objects(begin, end, found))
                bad_cells.add(binding, found.items())
                bad.update(found)
            yield RowPart(source, begin, end, bad=bad, bad_cells=bad_cells, lists=lists, maker=self._maker)
