"""The values of one column of a chunk: what its cells mean, and which of them mean nothing."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Decimal, InvalidOperation, getcontext
from typing import Any, Final, Protocol

import attrs
import numpy as np
import pyarrow as pa
import pyarrow.compute as arrow_compute

from csvpipe._process.binding import LEFT_OUT, Binding
from csvpipe._process.columns.arrays import (
    flags_array,
    flags_of,
    indices_array,
    numbers_of,
    objects_of,
    texts_of,
    without,
)
from csvpipe._process.columns.casts import FLOAT, SCIENTIFIC, Plain, cast, cast_plainly, suspects
from csvpipe._process.columns.texts import offsets_of
from csvpipe._process.convert import PADDING, SHORT_CUT_NAMES, known_texts, short_cut
from csvpipe.rowtypes import Column, Scalar

#: Its functions are made when it is loaded: no type checker knows them.
pc: Any = arrow_compute

#: A larger share of suspects shows that it is the column that is spelt otherwise.
_MANY: Final = 0.05

#: Cells among which one that the short cut cannot take is looked for.
_FEW: Final = 64

#: One suspect in so many cells is not too many to be converted by itself.
_FEW_ODD: Final = 4

#: Options that are no matter of spelling: they limit the number of digits.
_SIZES: Final = frozenset({"precision", "scale"})

#: What Arrow calls a value.
ToArrow = Callable[[Any], Any]


class Cells(Protocol):
    """The values of a column."""

    @property
    def bad(self) -> Any:
        """Indices of the cells that are known to have no value, ascending."""
        ...

    def objects(self, begin: int, end: int, bad: dict[int, str]) -> list[Any]:
        """The values of the rows `[begin, end)`; bad ones that only this shows are added to `bad`, with their texts."""
        ...

    def array(self, kind: Any, to_arrow: ToArrow) -> Any:
        """All values as an Arrow array; bad cells may be anything."""
        ...


NOTHING_BAD: Final = np.empty(0, np.int64)


@attrs.frozen(kw_only=True)
class Meaning:
    """What the texts of one column mean.

    Attributes:
        binding: Field and column.
        plain: What is left to Arrow; None for nothing.
    """

    binding: Binding
    plain: Plain | None

    @property
    def alternative(self) -> object:
        """What an empty cell is, if it is anything."""
        return None if self.binding.field.optional else self.binding.field.default

    def values_of(self, texts: Sequence[str]) -> tuple[list[object], list[int]]:
        """The values of many texts, None for bad ones, and which these are."""
        known: dict[str, tuple[object, bool]] = {}
        values, bad = [], []
        for index, text in enumerate(texts):
            if (found := known.get(text)) is None:
                try:
                    value = self.binding.value_of(text)
                except Exception:  # noqa: BLE001  # a function of the application, too
                    found = None, True
                else:
                    found = self.binding.field.default if value is LEFT_OUT else value, False
                known[text] = found
            values.append(found[0])
            if found[1]:
                bad.append(index)
        return values, bad


def empties(column: Any, binding: Binding) -> Any:
    """For each cell whether it is empty, or says that there is nothing."""
    empty = np.diff(offsets_of(column)) == 0
    if binding.nothing:
        trimmed = pc.utf8_trim(column, characters=PADDING)
        said = pc.is_in(trimmed, value_set=pa.array(sorted(binding.nothing)))
        empty |= flags_of(said)
    return empty


class CastCells:
    """Of a column that Arrow casts, but for the suspects."""

    def __init__(self, column: Any, meaning: Meaning, plain: Plain) -> None:
        binding = meaning.binding
        empty = empties(column, binding)
        self._empty = np.flatnonzero(empty)
        self._alternative = meaning.alternative
        self._values = cast_plainly(without(column, empty) if self._empty.size else column, plain)
        self._indices: Any = NOTHING_BAD
        self._found: list[object] = []
        self.bad: Any = NOTHING_BAD
        if self._values is None:
            self._look(column, meaning, plain, empty)
        if self._empty.size and not binding.has_alternative:
            self.bad = np.union1d(self.bad, self._empty)

    def _look(self, column: Any, meaning: Meaning, plain: Plain, empty: Any) -> None:
        """At each text."""
        odd = suspects(column, plain) & ~empty
        if np.count_nonzero(odd) > _MANY * len(column):
            column, plain, odd = _looked_at_again(column, plain, empty, odd)
        holes = odd | empty
        filled = without(column, holes) if holes.any() else column
        # Where all texts are plain, it is the cast that has failed, if one was tried.
        is_doubtful = plain.span is not None and len(column) > 0 and not odd.any()
        self._values, failed = cast(filled, plain, is_doubtful=is_doubtful)
        indices = np.union1d(np.flatnonzero(odd), failed)
        if indices.size:
            self._found, bad = meaning.values_of(column.take(indices_array(indices)).to_pylist())
            self._indices, self.bad = indices, indices[bad]

    def objects(self, begin: int, end: int, bad: dict[int, str]) -> list[Any]:  # noqa: ARG002  # as the protocol has it
        """See `Cells`."""
        part = self._values.slice(begin, end - begin)
        numbers = numbers_of(part)
        if not part.null_count:
            return numbers.tolist()  # type: ignore[no-any-return]  # of numpy
        objects = numbers.astype(object)
        low, high = np.searchsorted(self._empty, (begin, end))
        objects[self._empty[low:high] - begin] = self._alternative
        low, high = np.searchsorted(self._indices, (begin, end))
        for index, value in zip(self._indices[low:high].tolist(), self._found[low:high], strict=True):
            objects[index - begin] = value
        return objects.tolist()  # type: ignore[no-any-return]

    def array(self, kind: Any, to_arrow: ToArrow) -> Any:
        """See `Cells`."""
        values = self._values
        if values.type != kind:
            values = values.cast(kind)
        given = [None if value is None else to_arrow(value) for value in self._found]
        if given and any(value is not None for value in given):
            mask = np.zeros(len(values), bool)
            mask[self._indices] = True
            values = pc.replace_with_mask(values, flags_array(mask), pa.array(given, kind))
        if self._empty.size and self._alternative is not None:
            mask = np.zeros(len(values), bool)
            mask[self._empty] = True
            values = pc.if_else(flags_array(mask), pa.scalar(to_arrow(self._alternative), kind), values)
        return values


def _looked_at_again(column: Any, plain: Plain, empty: Any, odd: Any) -> tuple[Any, Plain, Any]:
    """A column that is padded, or whose numbers have exponents: what is plain in it then, and what is not."""
    trimmed = pc.ascii_trim(column, characters=PADDING)
    again = suspects(trimmed, plain) & ~empty
    if plain is FLOAT and again.sum() > _MANY * len(column):
        plain = SCIENTIFIC
        again = suspects(trimmed, plain) & ~empty
    # Cells of padding alone are empty now, and still suspects.
    return (
        (trimmed, plain, again)
        if again.sum() < odd.sum()
        else (column, plain if plain is not SCIENTIFIC else FLOAT, odd)
    )


class TextCells:
    """Of a column whose texts are its values."""

    bad = NOTHING_BAD

    def __init__(self, column: Any, meaning: Meaning) -> None:
        binding = meaning.binding
        self._column = column
        self._alternative = meaning.alternative if binding.has_alternative else ""
        empty = empties(column, binding) if binding.has_alternative or binding.nothing else None
        self._empty = empty if empty is not None and empty.any() else None

    def objects(self, begin: int, end: int, bad: dict[int, str]) -> list[Any]:  # noqa: ARG002  # as the protocol has it
        """See `Cells`."""
        texts = texts_of(self._column.slice(begin, end - begin))
        if self._empty is None:
            return texts
        objects = objects_of(texts)
        objects[self._empty[begin:end]] = self._alternative
        return objects.tolist()  # type: ignore[no-any-return]  # of numpy

    def array(self, kind: Any, to_arrow: ToArrow) -> Any:
        """See `Cells`."""
        if self._empty is None:
            return self._column
        other = None if self._alternative is None else to_arrow(self._alternative)
        return pc.if_else(flags_array(self._empty), pa.scalar(other, kind), self._column)


class DistinctCells:
    """Of a column with few different texts, each of which is converted once."""

    def __init__(self, column: Any, meaning: Meaning) -> None:
        encoded = column.dictionary_encode()
        values, bad = meaning.values_of(encoded.dictionary.to_pylist())
        self._codes = numbers_of(encoded.indices)
        self._values = values
        self._bad_values = frozenset(bad)
        self._objects = np.empty(len(values), object)
        for index, value in enumerate(values):  # one by one: an array of arrays is not what is meant
            self._objects[index] = value
        self.bad: Any = np.flatnonzero(np.isin(self._codes, bad)) if bad else NOTHING_BAD

    def objects(self, begin: int, end: int, bad: dict[int, str]) -> list[Any]:  # noqa: ARG002  # as the protocol has it
        """See `Cells`."""
        return self._objects[self._codes[begin:end]].tolist()  # type: ignore[no-any-return]  # of numpy

    def array(self, kind: Any, to_arrow: ToArrow) -> Any:
        """See `Cells`."""
        given = [
            None if value is None or index in self._bad_values else to_arrow(value)
            for index, value in enumerate(self._values)
        ]
        return pa.array(given, kind).take(indices_array(self._codes))


class ShortCutCells:
    """Of a column whose values only Python makes: by the row path's short cut, when they are wanted."""

    bad = NOTHING_BAD

    def __init__(self, column: Any, meaning: Meaning, quick: Callable[[list[str]], list[Any]]) -> None:
        self._column = column
        self._meaning = meaning
        self._quick = quick

    def objects(self, begin: int, end: int, bad: dict[int, str]) -> list[Any]:
        """See `Cells`."""
        texts = texts_of(self._column.slice(begin, end - begin))
        try:
            return self._quick(texts)
        except Exception:  # noqa: BLE001  # as short cuts may: then the converter is asked
            return [
                value
                for at in range(0, len(texts), _FEW)
                for value in self._few(texts[at : at + _FEW], begin + at, bad)
            ]

    def _few(self, texts: list[str], begin: int, bad: dict[int, str]) -> list[Any]:
        try:
            return self._quick(texts)
        except Exception:  # noqa: BLE001  # as above
            values, failed = self._meaning.values_of(texts)
            bad.update((begin + index, texts[index]) for index in failed)
            return values

    def array(self, kind: Any, to_arrow: ToArrow) -> Any:
        """See `Cells`; not for columns of batches, which have no use for Python's values."""
        raise NotImplementedError


class DecimalCells(ShortCutCells):
    """Of a column of decimal numbers: texts of nothing but digits, points and minus signs need no further look.

    Where the column says how many digits there may be, these are counted first; a text that may have too many is a
    suspect, whose value the converter finds.
    """

    def __init__(self, column: Any, meaning: Meaning, quick: Callable[[list[str]], list[Any]]) -> None:
        super().__init__(column, meaning, quick)
        self._odd = suspects(column, FLOAT) | _may_be_oversized(column, meaning.binding.field.options)

    def objects(self, begin: int, end: int, bad: dict[int, str]) -> list[Any]:
        """See `Cells`."""
        odd = np.flatnonzero(self._odd[begin:end]).tolist()
        # Where the application's context does not trap, what is no number would be a NaN.
        if len(odd) * _FEW_ODD > end - begin or not getcontext().traps[InvalidOperation]:
            return super().objects(begin, end, bad)
        texts = texts_of(self._column.slice(begin, end - begin))
        asked = [texts[index] for index in odd]
        for index in odd:
            texts[index] = "0"
        try:
            objects: list[Any] = list(map(Decimal, texts))
        except InvalidOperation:
            return super().objects(begin, end, bad)
        values, failed = self._meaning.values_of(asked)
        for index, value in zip(odd, values, strict=True):
            objects[index] = value
        bad.update((begin + odd[index], asked[index]) for index in failed)
        return objects


def _may_be_oversized(column: Any, options: Column) -> Any:
    """For each cell whether it may have more digits than the column allows; leading zeros are counted, too."""
    scale, precision = options.scale, options.precision
    if scale is None and precision is None:
        return np.zeros(len(column), bool)
    lengths = np.diff(offsets_of(column))
    points = numbers_of(pc.find_substring(column, "."))
    whole = np.where(points < 0, lengths, points)
    fraction = np.maximum(lengths - whole - 1, 0)
    oversized = np.zeros(len(column), bool) if scale is None else fraction > scale
    if precision is not None:
        whole -= flags_of(pc.starts_with(column, "-"))
        oversized |= whole > precision - (fraction if scale is None else scale)
    return oversized


def quick_reader(binding: Binding) -> Callable[[list[str]], list[Any]]:
    """The values of many texts by the short cut, or by the converter where there is none; raises where one is bad."""
    expression = (short_cut(binding.field) or "{convert}({cell})").format(cell="t", convert="convert", known="known")
    names: dict[str, object] = {
        **SHORT_CUT_NAMES,
        "convert": binding.convert,
        "known": known_texts(binding.field),
        "nothing": binding.nothing,
        "other": None if binding.field.optional else binding.field.default,
    }
    if binding.has_alternative or binding.nothing:
        is_filled = f"t and t.strip({PADDING!r}) not in nothing" if binding.nothing else "t"
        other = "other" if binding.has_alternative else "convert('')"
        expression = f"({expression} if {is_filled} else {other})"
    return eval(f"lambda texts: [{expression} for t in texts]", names)  # type: ignore[no-any-return]  # noqa: S307  # our own text


def read_cells(column: Any, meaning: Meaning, quick: Callable[[list[str]], list[Any]] | None) -> Cells:
    """The values of a column; `quick` where Arrow has no cast, and the texts are not few."""
    if meaning.binding.field.scalar is Scalar.STR:
        return TextCells(column, meaning)
    if meaning.plain is not None:
        return CastCells(column, meaning, meaning.plain)
    if quick is None:
        return DistinctCells(column, meaning)
    field, nothing = meaning.binding.field, meaning.binding.nothing
    is_plain = field.scalar is Scalar.DECIMAL and not nothing and set(field.options.spelling()) <= _SIZES
    return (DecimalCells if is_plain else ShortCutCells)(column, meaning, quick)
