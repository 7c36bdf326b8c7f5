"""The untyped row: a record's cells by column name, with its place in the file."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TypeVar, overload

from csvpipe.errors import CsvPipeError
from csvpipe.rowtypes.names import listed, suggested

_T = TypeVar("_T")


class ColumnNotFoundError(CsvPipeError, KeyError):
    """A `Row` was asked for a column that its file does not have."""

    def __init__(self, name: str, columns: tuple[str, ...]) -> None:
        super().__init__(name, columns)
        self.name = name
        self.columns = columns

    def __str__(self) -> str:
        return f"no column {suggested(self.name, self.columns)}; the file has {listed(self.columns)}"


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
