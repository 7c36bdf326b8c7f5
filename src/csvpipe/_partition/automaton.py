"""The automaton of Python's `csv.reader`, without its process-wide limit on the length of a field.

`csv.reader` cannot be asked whether a record is still open, and it refuses fields over `csv.field_size_limit`, which
belongs to the host application. Wherever one of the two matters a record is read by this automaton. It follows
`Modules/_csv.c` of CPython 3.13, but takes runs of ordinary characters in one step.
"""

from __future__ import annotations

import re
from enum import IntEnum
from typing import Final

from csvpipe.dialect import Dialect

_NEWLINES: Final = ("\n", "\r")


class LineState(IntEnum):
    """Where the end of a physical line leaves the record that the line belongs to.

    Attributes:
        IN_QUOTES: A quote is open.
        ESCAPED: No quote is open, but the newline itself was escaped, so the field goes on.
        CLOSED: The record has ended. Also the state before its first line.
        MALFORMED: A strict dialect refused the line. The rest of it is dropped and the record has ended.
    """

    IN_QUOTES = 0
    ESCAPED = 1
    CLOSED = 2
    MALFORMED = 3

    @property
    def is_open(self) -> bool:
        """Whether the record goes on with the next physical line."""
        return self <= LineState.ESCAPED


class _Spot(IntEnum):
    """Where inside a line the automaton stands."""

    FIELD_START = 10
    IN_FIELD = 11
    IN_QUOTES = 12


_RESUMED: Final = {
    LineState.CLOSED: _Spot.FIELD_START,
    LineState.ESCAPED: _Spot.IN_FIELD,
    LineState.IN_QUOTES: _Spot.IN_QUOTES,
}


class Automaton:
    """Reads one record, physical line by physical line.

    Attributes:
        fields: The cells that have ended so far.
    """

    def __init__(self, dialect: Dialect) -> None:
        self._delimiter = dialect.delimiter
        self._quote = dialect.quotechar
        self._escape = dialect.escapechar
        self._doublequote = dialect.doublequote
        self._is_strict = dialect.strict
        escape, quote = dialect.escapechar or "", dialect.quotechar or ""
        self._spaces = re.compile(" *+" if dialect.skipinitialspace else "")
        self._plain_run = re.compile(f"[^\r\n{re.escape(dialect.delimiter + escape)}]*+")
        self._quoted_run = re.compile(f"[^{re.escape(quote + escape)}]*+" if quote else "")
        self._steps = {
            _Spot.FIELD_START: self._start_field,
            _Spot.IN_FIELD: self._go_on_plain,
            _Spot.IN_QUOTES: self._go_on_quoted,
        }
        self.begin()

    def begin(self) -> None:
        """Forget the last record."""
        self.fields: list[str] = []
        self._parts: list[str] = []

    def feed(self, line: str, state: LineState) -> LineState:
        """Read one physical line.

        Args:
            line: With its line end. Only the last line of the data may lack one.
            state: Where the line before left the record; `CLOSED` before the first one.
        """
        if state is LineState.CLOSED and line.startswith(_NEWLINES):
            return LineState.CLOSED  # a blank line has no fields, not even an empty one
        if state is LineState.ESCAPED and self._is_strict and self._plain_run.fullmatch(line):
            return LineState.ESCAPED  # the data ends here, with nothing that told `csv.reader` that the field goes on
        at, spot = 0, _RESUMED[state]
        while True:
            at, after = self._steps[spot](line, at)
            if isinstance(after, LineState):
                return after
            spot = after

    def _start_field(self, line: str, at: int) -> tuple[int, _Spot | LineState]:
        at = self._run_end(self._spaces, line, at)
        mark = line[at : at + 1]
        if mark and mark == self._quote:
            return at + 1, _Spot.IN_QUOTES
        return at, _Spot.IN_FIELD

    def _go_on_plain(self, line: str, at: int) -> tuple[int, _Spot | LineState]:
        end = self._run_end(self._plain_run, line, at)
        self._parts.append(line[at:end])
        mark = line[end : end + 1]
        if mark and mark == self._escape:
            return self._take_escaped(line, end + 1)
        return self._end_field(mark, end)

    def _take_escaped(self, line: str, at: int) -> tuple[int, _Spot | LineState]:
        escaped = line[at : at + 1] or "\n"
        self._parts.append(escaped)
        # Of an escaped "\r\n" only the "\r" joins the field; the "\n" after it ends the record.
        goes_on_below = escaped in _NEWLINES and at + 1 >= len(line)
        return at + 1, LineState.ESCAPED if goes_on_below else _Spot.IN_FIELD

    def _go_on_quoted(self, line: str, at: int) -> tuple[int, _Spot | LineState]:
        end = self._run_end(self._quoted_run, line, at)
        self._parts.append(line[at:end])
        mark = line[end : end + 1]
        if not mark:
            return end, LineState.IN_QUOTES
        if mark == self._escape:
            self._parts.append(line[end + 1 : end + 2] or "\n")
            return end + 2, _Spot.IN_QUOTES
        if not self._doublequote:
            return end + 1, _Spot.IN_FIELD
        return self._after_quote(line, end + 1)

    def _after_quote(self, line: str, at: int) -> tuple[int, _Spot | LineState]:
        mark = line[at : at + 1]
        if mark == self._quote:
            self._parts.append(mark)
            return at + 1, _Spot.IN_QUOTES
        if not mark or mark == self._delimiter or mark in _NEWLINES:
            return self._end_field(mark, at)
        if self._is_strict:
            return at, LineState.MALFORMED
        # Taken as it is even where it is the escape character: `csv.reader` does so too.
        self._parts.append(mark)
        return at + 1, _Spot.IN_FIELD

    def _end_field(self, mark: str, at: int) -> tuple[int, _Spot | LineState]:
        """End the field at `mark`: a delimiter, a newline, or "" at the end of the data."""
        self.fields.append("".join(self._parts))
        self._parts.clear()
        return at + 1, _Spot.FIELD_START if mark == self._delimiter else LineState.CLOSED

    @staticmethod
    def _run_end(run: re.Pattern[str], line: str, at: int) -> int:
        found = run.match(line, at)
        assert found is not None, "runs may be empty, so they always match"  # noqa: S101
        return found.end()
