"""Whole columns at a time, with the extra `fast`: Arrow batches, and faster typed rows.

Only the modules of this package import numpy and pyarrow, and nothing imports those before they are wanted.
"""

from __future__ import annotations

from functools import cache
from importlib.util import find_spec
from typing import Final

#: Bytes of a chunk from which typed rows are made of columns: below, they would not be faster.
FROM_BYTES: Final = 64 * 1024

#: Bytes from which Arrow batches are; the types are loaded anyway.
BATCH_FROM_BYTES: Final = 4 * 1024


@cache
def is_available() -> bool:
    """Whether the extra `fast` is there."""
    return all(find_spec(name) is not None for name in ("numpy", "pyarrow"))
