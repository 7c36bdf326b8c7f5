"""A rejects file that comes back mended: which of its columns are ours, and which are those of the first file."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import attrs

from csvpipe._intake.mended.formulas import escaped, unescaped
from csvpipe.errors import FileCode, FileError

#: Names a row of the first file of a chain, by its number there.
ROW: Final = "_row"

#: Says what was wrong with the row.
CODE: Final = "_code"

#: What stands before the user's own columns in a rejects file, unless those have such names; see `names_beside`.
LEADING: Final = (ROW, "_line", CODE, "_column", "_message")

#: Holds what is not one complete record; there only if a row needs it.
RAW: Final = "_raw"


def names_beside(columns: Sequence[str]) -> dict[str, str]:
    """What our columns are called beside those of the user: `_row_` where there is a column `_row`, and so on.

    A rejects file that is submitted as a file of its own has columns that are named like ours.

    Args:
        columns: Of the first file of the chain, so that the names stay the same from one rejects file to the next.
    """
    taken = set(columns)
    names = {}
    for name in (*LEADING, RAW):
        names[name] = name
        while names[name] in taken:
            names[name] += "_"
    return names


_WAY_OUT: Final = "take the rejects file as you got it, and change nothing in it but cells"


@attrs.frozen(kw_only=True)
class Mends:
    """Where the columns of a mended rejects file stand.

    Attributes:
        columns: Of the first file of the chain, in its order: what handlers see.
        cells: The 0-based position of each of them in the mended file.
        width: Columns of the mended file.
        row: Position of our `_row`, whatever it is called there.
        code: Position of our `_code`; None where that column was deleted.
        raw: Position of our `_raw`; None where there is none.
    """

    columns: tuple[str, ...]
    cells: tuple[int, ...]
    width: int
    row: int
    code: int | None = None
    raw: int | None = None

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values; `from_dict` is the inverse."""
        return attrs.asdict(self)

    @classmethod
    def from_dict(cls, plain: dict[str, Any]) -> Mends:
        """Rebuild it from `to_dict`'s value, also after a trip through JSON."""
        return cls(**{**plain, "columns": tuple(plain["columns"]), "cells": tuple(plain["cells"])})


def lay_out(names: Sequence[str], columns: Sequence[str], *, place: str) -> Mends:
    """Find the columns of a mended file, wherever they stand.

    Args:
        names: In its header, no two alike.
        columns: Of the first file of the chain.
        place: Names the mended file in messages.

    Raises:
        FileError: `parent_mismatch`: a column is missing, or one is nobody's.
    """
    found = {name: position for position, name in enumerate(names)}
    ours = names_beside(columns)
    # As they were written, or without the apostrophe that somebody has taken away.
    cells = {name: found.get(escaped(name), found.get(name)) for name in columns}
    missing = [ours[ROW]] if ours[ROW] not in found else []
    missing += [name for name in columns if cells[name] is None]
    foreign = [name for name in found if name not in ours.values() and not {name, unescaped(name)} & set(columns)]
    if missing or foreign:
        raise FileError(FileCode.PARENT_MISMATCH, f"{place}: {_told(missing, foreign)}; {_WAY_OUT}")
    return Mends(
        columns=tuple(columns),
        cells=tuple(position for position in cells.values() if position is not None),
        width=len(names),
        row=found[ours[ROW]],
        code=found.get(ours[CODE]),
        raw=found.get(ours[RAW]),
    )


def _told(missing: Sequence[str], foreign: Sequence[str]) -> str:
    said = []
    if missing:
        said.append(f"{_listed(missing)} missing, which a mended rejects file has")
    if foreign:
        said.append(f"{_listed(foreign)} unknown to the file whose rejects these should be")
    return ", and ".join(said)


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(map(repr, names[:5])) + (f" and {len(names) - 5} more" if len(names) > 5 else "")  # noqa: PLR2004
    return f"column {shown} is" if len(names) == 1 else f"columns {shown} are"
