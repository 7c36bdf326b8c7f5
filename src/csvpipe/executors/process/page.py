"""A page of memory that a worker process and its host share: what the worker writes there outlives it."""

from __future__ import annotations

import mmap
import os
import sys
import tempfile
from collections.abc import MutableSequence
from itertools import count
from typing import Final, NamedTuple, cast

from csvpipe._process.hand import Hand

_BYTES: Final = mmap.PAGESIZE

_FIRST, _ROWS, _BEATS = range(3)

_names = count(1)


class Note(NamedTuple):
    """Rows that a worker had in hand: the 1-based number of the first, as the file has it, and how many."""

    first_row: int
    rows: int


class Page(Hand):
    """The note of the rows in hand, and how often the worker's watching thread has looked up.

    The page has no name in the file system, so that nothing is left of it whoever dies.

    Args:
        memory: Of at least `_BYTES` bytes.
    """

    def __init__(self, memory: mmap.mmap) -> None:
        self._memory = memory
        self._view = memoryview(memory).cast("q")
        self.cells = cast("MutableSequence[int]", self._view)

    def __repr__(self) -> str:
        return f"<Page {self.note()}>"

    def take(self, first_row: int, rows: int) -> None:
        """Note what is about to be built and handled."""
        self.cells[_ROWS] = rows
        self.cells[_FIRST] = first_row

    def clear(self) -> None:
        """Nothing is in hand."""
        self.take(0, 0)

    def beat(self) -> None:
        """In the worker: show that its threads still run."""
        self.cells[_BEATS] += 1

    @property
    def beats(self) -> int:
        """How often `beat` was called."""
        return self.cells[_BEATS]

    def note(self) -> Note | None:
        """The rows in hand, or None."""
        return Note(self.cells[_FIRST], self.cells[_ROWS]) if self.cells[_FIRST] else None

    def close(self) -> None:
        """Let the memory go."""
        self._view.release()
        self._memory.close()


def make_page() -> tuple[Page, int | str]:
    """A new page, and by what another process finds it: an open file (the caller's to close), on Windows a name."""
    if sys.platform == "win32":  # pragma: no cover
        name = f"csvpipe-{os.getpid()}-{next(_names)}"
        return Page(mmap.mmap(-1, _BYTES, tagname=name)), name
    if hasattr(os, "memfd_create"):
        file = os.memfd_create("csvpipe-page")
    else:  # pragma: no cover  # macOS
        with tempfile.TemporaryFile() as temporary:
            file = os.dup(temporary.fileno())
    os.write(file, bytes(_BYTES))  # not a hole, which a full disk would turn into a crash
    return Page(mmap.mmap(file, _BYTES)), file


def open_page(found: int | str) -> Page:
    """In the worker: the page that its host has made."""
    if sys.platform == "win32":  # pragma: no cover
        return Page(mmap.mmap(-1, _BYTES, tagname=str(found)))
    file = int(found)
    try:
        return Page(mmap.mmap(file, _BYTES))
    finally:
        os.close(file)
