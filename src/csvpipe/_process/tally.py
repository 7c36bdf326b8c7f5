"""Counts what became of the rows of a chunk, and keeps why."""

from __future__ import annotations

import errno
import os
from collections.abc import Sequence
from enum import Enum
from pathlib import Path
from typing import Final, TextIO, TypeAlias

import attrs

from csvpipe._intake.sensitive import MASK
from csvpipe._process.build import Flaw
from csvpipe._process.part import Place
from csvpipe._process.said import encodable
from csvpipe._process.secrets import Secrets
from csvpipe.errors import ErrorTotal, FileCode, FileError, Phase, RowError

#: Row errors of one (code, column) that a chunk's totals show.
SAMPLES: Final = 3

_FULL: Final = (errno.ENOSPC, errno.EDQUOT)

#: Flaws whose form is kept.
_KEPT: Final = 256


class Fate(Enum):
    """What became of a row that has no error."""

    PROCESSED = "processed"
    SKIPPED = "skipped"


#: Either one of these, or what is wrong with the row.
Outcome: TypeAlias = Fate | tuple[Flaw, ...]


@attrs.define
class _Shown:
    """A flaw as it is reported, wherever it is found."""

    column: str | None
    code: str
    phase: Phase
    message: str
    value: str | None
    _json: str | None = None

    @property
    def json(self) -> str:
        """The same in JSON, put together by hand in a fifth of the time."""
        if self._json is None:
            from json.encoder import encode_basestring_ascii as quoted  # noqa: PLC0415  # for what is over the budget

            column = "null" if self.column is None else quoted(self.column)
            value = "null" if self.value is None else quoted(self.value)
            self._json = (
                f'"column": {column}, "code": {quoted(self.code)}, "phase": "{self.phase.value}", '
                f'"message": {quoted(self.message)}, "value": {value}'
            )
        return self._json


@attrs.define
class _Total:
    """Errors of one (code, column)."""

    samples: list[RowError]
    errors: int = 0


class Tally:
    """The worker's own count of a chunk's rows.

    Args:
        secrets: What is masked.
        error_budget: Row errors that the result may carry; the rest goes to the spill.
        spill: Path of the spill: one row error a line, as JSON. Written only if it is needed; None drops them.
    """

    def __init__(self, *, secrets: Secrets, error_budget: int, spill: str | None) -> None:
        self.processed = 0
        self.failed = 0
        self.skipped = 0
        self.errors: list[RowError] = []
        self._secrets = secrets
        self._is_masking = bool(secrets)
        self._budget = error_budget
        self._totals: dict[tuple[str, str | None], _Total] = {}
        # By identity, as the stages before keep flaws that are often found. The flaw goes along: its id stays its own.
        self._known: dict[int, tuple[_Shown, _Total, Flaw]] = {}
        self._spill_path = None if spill is None else Path(spill)
        self._spill: TextIO | None = None
        self._spill_trouble: OSError | None = None

    def __repr__(self) -> str:
        return f"<Tally {self.processed} processed, {self.failed} failed, {self.skipped} skipped>"

    @property
    def rows(self) -> int:
        """All rows whose fate is known."""
        return self.processed + self.failed + self.skipped

    def reject(self, row: int, place: Place, flaws: Sequence[Flaw], cells: Sequence[str] | None) -> None:
        """Count one failed row.

        Args:
            row: Its number.
            place: Where it stands.
            flaws: What is wrong with it, at least one.
            cells: As they stand in the file, to know them in a message; None if they could not be parsed.
        """
        self.failed += 1
        for flaw in flaws:
            shown, total = self._shown(flaw, cells)
            total.errors += 1
            is_carried = len(self.errors) < self._budget
            if is_carried or len(total.samples) < SAMPLES:
                error = _error(row, place, shown)
                if is_carried:
                    self.errors.append(error)
                if len(total.samples) < SAMPLES:
                    total.samples.append(error)
            if not is_carried and self._spill_path is not None and self._spill_trouble is None:
                self._write_spill(self._spill_path, _as_json(row, place, shown))

    def error_of(self, row: int, place: Place, flaw: Flaw, cells: Sequence[str] | None) -> RowError:
        """One flaw of a row that was rejected, as it is reported; for the arguments see `reject`."""
        return _error(row, place, self._shown(flaw, cells)[0])

    def _shown(self, flaw: Flaw, cells: Sequence[str] | None) -> tuple[_Shown, _Total]:
        """A flaw as it is reported, and the total in which it counts."""
        if self._is_masking:
            flaw = self._masked(flaw, cells)
        known = self._known.get(id(flaw))
        if known is None:
            shown = _Shown(
                None if flaw.column is None else encodable(flaw.column),
                encodable(flaw.code),
                flaw.phase,
                f"{flaw.before}{encodable(flaw.message)}{flaw.after}",
                None if flaw.value is None else encodable(flaw.value),
            )
            key = (shown.code, shown.column)
            if (total := self._totals.get(key)) is None:
                total = self._totals[key] = _Total([])
            if len(self._known) >= _KEPT:
                self._known.clear()
            known = self._known[id(flaw)] = shown, total, flaw
        return known[:2]

    def _masked(self, flaw: Flaw, cells: Sequence[str] | None) -> Flaw:
        """The flaw without what is sensitive in them."""
        if flaw.phase is Phase.PARSE:
            # Our own words, which quote nothing. But in a ragged row any cell may be the sensitive one.
            return attrs.evolve(flaw, value=None if flaw.value is None else MASK)
        mask = self._secrets.masker([cells] if cells is not None else [])
        code = self._secrets.masked_name(flaw.code, mask)
        if flaw.column in self._secrets:
            message = f"the value is not acceptable ({code}); it is not shown"
            return attrs.evolve(flaw, code=code, message=message, value=MASK)
        return attrs.evolve(
            flaw,
            column=None if flaw.column is None else self._secrets.masked_name(flaw.column, mask),
            code=code,
            message=mask(flaw.message),
            value=None if flaw.value is None else mask(flaw.value),
        )

    def _write_spill(self, path: Path, line: str) -> None:
        try:
            if self._spill is None:
                self._spill = path.open("w", encoding="ascii", newline="\n")  # closed by `close`
            self._spill.write(line)
        except OSError as trouble:
            self._spill_trouble = trouble  # told by `close`: this row is in no position to do anything about it

    def totals(self) -> tuple[ErrorTotal, ...]:
        """Exact numbers per (code, column), in the order of their first appearance."""
        return tuple(
            ErrorTotal(code=code, column=column, errors=total.errors, samples=tuple(total.samples))
            for (code, column), total in self._totals.items()
        )

    def close(self) -> str | None:
        """Make the spill durable; its file name, or None if there is none. Called once, at the end.

        Raises:
            FileError: `disk_full`, or `source_failed` for other trouble with the spill: errors are lost, so nothing of
                this count may be reported.
        """
        try:
            self._close_spill()
        except OSError as trouble:
            self._spill_trouble = self._spill_trouble or trouble
        if self._spill_trouble is not None:
            full = self._spill_trouble.errno in _FULL
            raise FileError(
                FileCode.DISK_FULL if full else FileCode.SOURCE_FAILED,
                f"row errors cannot be written to {self._spill_path}: {self._spill_trouble.strerror}; "
                "see to the disk and retry the job",
            ) from self._spill_trouble
        return None if self._spill is None or self._spill_path is None else self._spill_path.name

    def _close_spill(self) -> None:
        if self._spill is not None:
            with self._spill:
                self._spill.flush()
                os.fsync(self._spill.fileno())


def _error(row: int, place: Place, shown: _Shown) -> RowError:
    return RowError(
        row=row,
        line=place.line,
        column=shown.column,
        code=shown.code,
        phase=shown.phase,
        message=shown.message,
        value=shown.value,
        start=place.start,
        end=place.end,
    )


def _as_json(row: int, place: Place, shown: _Shown) -> str:
    """`RowError.to_dict` as a line of JSON, for millions of them, without an object for each."""
    return f'{{"row": {row}, "line": {place.line}, {shown.json}, "start": {place.start}, "end": {place.end}}}\n'
