"""What is wrong with one row, before anybody knows where in the file it stands."""

from __future__ import annotations

import attrs

from csvpipe.errors import Phase


@attrs.frozen(kw_only=True)
class Flaw:
    """One thing wrong with one row; a `RowError` without the place in the file.

    Attributes:
        column: Header name of the cell, or None where the whole record is meant.
        code: A `RowCode`, or that of a `Reject`.
        phase: `convert` or `validate`.
        message: For the person who mends the file. Where it is an application's, it may quote any cell of the row.
        before: Words of our own in front of it, which quote nothing.
        after: Such words behind it.
        value: Text of the cell, shortened; None where no single cell is meant.
    """

    column: str | None
    code: str
    phase: Phase
    message: str
    value: str | None
    before: str = ""
    after: str = ""


class BadRow(Exception):  # noqa: N818  # no error of the program: the row is data
    """Raised by a builder: the row has flaws, at least one, in the order of the file's columns."""

    def __init__(self, flaws: tuple[Flaw, ...]) -> None:
        super().__init__(flaws)
        self.flaws = flaws
