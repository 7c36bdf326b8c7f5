"""Which rows a worker is about to handle, written where it can be read when the worker is gone."""

from __future__ import annotations

from collections.abc import MutableSequence
from typing import Protocol


class Hand(Protocol):
    """A note of the rows in hand.

    Attributes:
        cells: The note itself: the 1-based number of the first row in hand, as the file has it, and how many rows they
            are. A loop over single rows writes the first of the two by itself, as a call for each row would be felt.
    """

    cells: MutableSequence[int]

    def take(self, first_row: int, rows: int) -> None:
        """Note what is about to be built and handled."""
        ...

    def clear(self) -> None:
        """Note that nothing is in hand."""
        ...
