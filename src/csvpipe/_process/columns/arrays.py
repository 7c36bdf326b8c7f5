"""Arrow arrays to numpy's and back, by their bytes.

`pyarrow.array`, `Array.to_numpy` and Arrow's functions, where they are given Python's values, have to know what pandas
calls its own; so they load it wherever it is installed. That takes a new process longer than a hundred thousand rows.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
import pyarrow as pa

#: The first pyarrow known to make a list of texts without an object of its own for each.
_QUICK_LISTS: Final = 26
_HAS_QUICK_LISTS: Final = int(pa.__version__.partition(".")[0]) >= _QUICK_LISTS

#: Of a text in a column.
_OFFSET_BYTES: Final = 4

_DTYPES: Final[Mapping[str, str]] = {"double": "float64"}


def flags_array(flags: Any) -> Any:
    """An array of truth values."""
    return pa.Array.from_buffers(pa.bool_(), len(flags), [None, _bits(flags)], 0)


def indices_array(indices: Any) -> Any:
    """An array of indices."""
    integers = np.ascontiguousarray(indices, np.int64)
    return pa.Array.from_buffers(pa.int64(), len(integers), [None, pa.py_buffer(integers)], 0)


def without(column: Any, holes: Any) -> Any:
    """A column of texts that has a null in each hole besides those it has; it shares its bytes."""
    there = ~holes if not column.null_count else flags_of(column.is_valid()) & ~holes
    _, offsets, texts = column.buffers()
    offsets = offsets.slice(column.offset * _OFFSET_BYTES)
    return pa.Array.from_buffers(column.type, len(column), [_bits(there), offsets, texts])


def numbers_of(array: Any) -> Any:
    """The numbers of an array, moments and days as numpy has them; anything in place of nulls."""
    kind = array.type
    name = "datetime64[us]" if pa.types.is_timestamp(kind) else "int32" if pa.types.is_date32(kind) else str(kind)
    found = np.frombuffer(array.buffers()[1], _DTYPES.get(name, name))[array.offset : array.offset + len(array)]
    return found.astype("datetime64[D]") if pa.types.is_date32(kind) else found


def flags_of(array: Any) -> Any:
    """The truth values of an array without nulls."""
    bits = np.frombuffer(array.buffers()[1], np.uint8)
    end = array.offset + len(array)
    return np.unpackbits(bits, count=end, bitorder="little")[array.offset :].astype(bool)


def texts_of(array: Any) -> list[str]:
    """The texts of an array without nulls."""
    if _HAS_QUICK_LISTS:
        return array.to_pylist()  # type: ignore[no-any-return]
    return array.to_numpy(zero_copy_only=False).tolist()  # type: ignore[no-any-return]  # of numpy


def objects_of(texts: list[str]) -> Any:
    """An array of texts, in which they can be replaced."""
    objects = np.empty(len(texts), object)
    objects[:] = texts
    return objects


def _bits(flags: Any) -> Any:
    return pa.py_buffer(np.packbits(flags, bitorder="little"))
