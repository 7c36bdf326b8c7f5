"""Numbers by chance, of our own: an application that seeds `random` gets its numbers in its own order all the same."""

from __future__ import annotations

import os
from typing import Final

_BITS: Final = 53


def chance() -> float:
    """A number from 0 up to, but not, 1; another one in each process that was forked from the same."""
    return (int.from_bytes(os.urandom(8)) >> (64 - _BITS)) / (1 << _BITS)


def between(least: float, most: float) -> float:
    """A number from `least` to `most`."""
    return least + (most - least) * chance()
