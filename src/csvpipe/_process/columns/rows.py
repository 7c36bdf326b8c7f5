"""Typed rows of a chunk, made of columns."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final

from csvpipe._partition.chunk import Chunk
from csvpipe._process.binding import Binding
from csvpipe._process.columns.casts import plain_of
from csvpipe._process.columns.cells import Cells, Meaning, quick_reader, read_cells
from csvpipe._process.columns.make import Maker
from csvpipe._process.columns.part import ColumnChunk, ColumnPart
from csvpipe._process.columns.texts import TextReader
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
        build: The row path's builder.
        dialect: Of the file.
        reader: Of its chunks, for these columns.
        parser: The row path's.
    """

    def __init__(
        self,
        bindings: Sequence[Binding],
        *,
        maker: Maker,
        build: Callable[[list[str]], object],
        dialect: Dialect,
        reader: TextReader,
        parser: SliceParser,
    ) -> None:
        self._maker = maker
        self._build = build
        self._dialect = dialect
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
        texts = self._reader.read(data, chunk.rows) if self._reader.is_bounded(chunk) else None
        if texts is None:
            return None
        source = ColumnChunk(chunk, data, texts.ragged, dialect=self._dialect, parser=self._parser)
        cells = [
            read_cells(texts.columns[meaning.binding.position], meaning, quick) for meaning, quick in self._columns
        ]
        return self._parts(source, cells)

    def _parts(self, source: ColumnChunk, cells: Sequence[Cells]) -> Iterator[RowPart]:
        known = set(source.ragged).union(*(column.bad.tolist() for column in cells))
        for begin in range(0, source.chunk.rows, PART_ROWS):
            end = min(begin + PART_ROWS, source.chunk.rows)
            bad = {row for row in known if begin <= row < end} if known else set()
            lists = [column.objects(begin, end, bad) for column in cells]
            yield RowPart(source, begin, end, judge=self._build, bad=bad, lists=lists, maker=self._maker)
