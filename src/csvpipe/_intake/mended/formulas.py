"""Cells that a spreadsheet would run as a formula, made harmless in a way that can be undone.

A file that people upload holds what strangers have written, and a rejects file is made to be opened in a spreadsheet.
An apostrophe in front makes text of a cell there.
"""

from __future__ import annotations

import re
from typing import Final

#: With what a formula begins, also in full width; spreadsheets leave out a leading tab or carriage return.
FORMULA_MARKS: Final = "=+-@\t\r\uff1d\uff0b\uff0d\uff20"

_BEGINS: Final = re.compile(f"'*[{re.escape(FORMULA_MARKS)}]")

#: A number is shown as it is: `-5`, `+3.2`, `-1.234,56`, `-1e5`.
_NUMBER: Final = re.compile(r"[+-](?:\d+(?:[.,]\d+)*|[.,]\d+)(?:[eE][+-]?\d+)?", re.ASCII)

_FIRST: Final = frozenset(FORMULA_MARKS + "'")


def escaped(cell: str) -> str:
    """The cell with an apostrophe in front where it would be a formula, or would look as if that had been done."""
    if cell[:1] in _FIRST and _BEGINS.match(cell) and not _NUMBER.fullmatch(cell):
        return f"'{cell}"
    return cell


def unescaped(cell: str) -> str:
    """The cell that `escaped` was given; what needs no apostrophe keeps it."""
    return cell[1:] if cell[:1] == "'" and _BEGINS.match(cell) else cell
