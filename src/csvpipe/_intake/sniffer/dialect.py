"""Find the dialect of a text by trying: the right one gives records of one width, and cells that look familiar.

After van den Burg, Nazábal, Sutton: "Wrangling messy CSV files by detecting row and type patterns" (2019). Not
theirs: titles and notes around the table cost little, a record that swallows lines costs all of them, and what files
rarely have between cells is tried only where the usual delimiters fail.
"""

# ruff: noqa: PLR2004  # weights and thresholds say something only where they stand

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

import attrs

from csvpipe._intake.sniffer.candidates import MARKS, USUAL, dialects_with, escape_beyond, unusual_delimiters
from csvpipe._intake.sniffer.reading import UNDIVIDED, Excerpted, Reading
from csvpipe._intake.sniffer.records import Record, hinted_delimiter, split_lines
from csvpipe.dialect import Dialect

_NAMES: Final = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "pipes", " ": "spaces", ":": "colons"}

_PLAIN: Final = Dialect()

#: A time after a date, neither of them quoted.
_DATED_CLOCK: Final = re.compile(r"^[^\"\r\n]{0,80}?\d[ T]\d{1,2}:\d{2}", re.MULTILINE)

#: The most that is claimed, for many records and for few.
_SURE: Final = 0.97
_HARDLY_SURE: Final = 0.8


@attrs.frozen(kw_only=True)
class DialectFound:
    """A dialect, and why.

    Attributes:
        dialect: See `Dialect`.
        evidence: For people.
        confidence: From 0.0 to 1.0.
        records: All but the blank ones of the lines that were looked at, as they are read in this dialect; None where
            that was not done.
    """

    dialect: Dialect
    evidence: str
    confidence: float
    records: Sequence[Record] | None = attrs.field(default=None, eq=False, repr=False)


def sniff_dialect(sample: str, *, is_whole: bool, wanted: frozenset[str] = frozenset()) -> DialectFound:
    """Find delimiter, quote, escape and whether spaces follow delimiters.

    Args:
        sample: The start of the file, without a byte order mark, cut anywhere.
        is_whole: Whether it is all of the file.
        wanted: Folded names of the columns that the reader hopes for; a record that has many is the header.

    Returns:
        The plain dialect where there is nothing to tell it by. Never raises, whatever the text.
    """
    lines, is_all = split_lines(sample, is_whole=is_whole)
    hint = hinted_delimiter(lines)
    text = Excerpted(lines if hint is None else lines[1:], is_whole=is_all, wanted=wanted)
    if hint is not None:
        return _hinted(text, hint)
    if not text.text or text.text.isspace():
        return DialectFound(dialect=Dialect(), evidence="there is no text", confidence=0.0)
    readings = [text.read(dialect) for mark in USUAL if mark in text.text for dialect in dialects_with(text.text, mark)]
    is_open = False
    if not _is_divided(readings):
        undivided = _undivided(text, readings)
        if undivided is not None:
            readings.append(undivided)
        best = max(readings, key=_quality)
        is_open = (best.width == 1 or best.quality < 0.5) and (undivided is None or undivided.typed < 0.6)
    for mark in unusual_delimiters(lines, marks_only=not is_open):
        if (is_open and not _is_of_clocks(mark, text)) or mark in MARKS:
            is_quoted = text.text.count(f'"{mark}"') >= len(lines)
            given = (text.read(dialect) for dialect in dialects_with(text.text, mark))
            readings.extend(reading for reading in given if _is_convincing(reading, is_quoted=is_quoted))
    best = _even(readings, max(readings, key=_quality))
    escape = escape_beyond(sample, len(text.text), best.dialect)
    if escape is not None:
        best = attrs.evolve(best, dialect=attrs.evolve(best.dialect, escapechar=escape))
    return _found(best, readings, is_as_read=escape is None)


def _is_divided(readings: Sequence[Reading]) -> bool:
    """Whether a reading is better than that of each line as one cell could be, which then need not be looked at."""
    best = max(readings, key=_quality, default=None)
    if best is None or best.width == 1:
        return False
    plain = next((reading for reading in readings if reading.dialect == _PLAIN), None)
    is_list = plain is not None and (not plain.records or len(plain.records[0].cells or ()) == 1)  # see `_undivided`
    return best.quality > max(0.5, 2 * UNDIVIDED if is_list else UNDIVIDED)


def _even(readings: Sequence[Reading], best: Reading) -> Reading:
    """The best reading, unless it leaves the first record out and another one divides every record alike.

    Lists within cells have delimiters of their own, and often more of them; but a header is divided by those of the
    table.
    """
    if best.width == 1 or not best.records or best.records[0].width == best.width:
        return best
    even = [
        reading
        for reading in readings
        if reading.width > 1 and reading.consistency == 1 and reading.matched == len(reading.records) > 1
    ]
    return max(even, key=_quality, default=best)


def _quality(reading: Reading) -> float:
    return reading.quality


def _hinted(text: Excerpted, delimiter: str) -> DialectFound:
    """The dialect of a file whose first line states its delimiter."""
    dialect = Dialect()
    if not "\ud800" <= delimiter <= "\udfff" and delimiter not in "\"'\\":
        dialect = max((text.read(each) for each in dialects_with(text.text, delimiter)), key=_quality).dialect
    return DialectFound(dialect=dialect, evidence=f"the first line says sep={delimiter}", confidence=1.0)


def _undivided(text: Excerpted, readings: Sequence[Reading]) -> Reading | None:
    """Read each line as one cell, if there is a delimiter that lets it be one."""
    plain = next((reading for reading in readings if reading.dialect == _PLAIN), None)
    if plain is not None and all(record.cells is None or len(record.cells) == 1 for record in plain.records):
        return plain
    unused = next((delimiter for delimiter in USUAL if delimiter not in text.text), None)
    if unused is None:
        return None
    reading = text.read(Dialect(delimiter=unused))
    if plain is None:
        return reading
    # Numbers with a decimal comma, under a name without one, are no pairs.
    first, records = plain.records[0].cells, len(reading.records)
    if first and len(first) == 1 and reading.typed > 0 and reading.typed * records >= records - 1:
        return attrs.evolve(reading, quality=reading.quality * 2)
    return reading


def _is_of_clocks(mark: str, text: Excerpted) -> bool:
    """Whether colons are those of times after dates, as in logs."""
    return mark == ":" and 2 * len(_DATED_CLOCK.findall(text.text)) >= len(text.lines)


def _is_convincing(reading: Reading, *, is_quoted: bool) -> bool:
    """Words, times and sentences have spaces and colons too; only a table has them in columns."""
    width, matched = reading.width, reading.matched
    if width < 2:
        return False
    if reading.dialect.delimiter in MARKS:
        return reading.consistency >= 0.6 and (width > 2 or matched > 2)
    if reading.consistency < (0.75 if width > 3 else 0.9):
        return False
    if is_quoted:
        return matched > 1
    if reading.dialect.delimiter == " ":
        return matched > 2 and (reading.typed >= 0.4 or (width > 3 and matched > 9 and reading.consistency > 0.95))
    return matched > 2 and (width > 2 or reading.typed >= 0.4)


def _found(best: Reading, readings: Sequence[Reading], *, is_as_read: bool) -> DialectFound:
    dialect = best.dialect
    if best.width > 1 and not dialect.skipinitialspace and best.is_spaced:
        dialect = attrs.evolve(dialect, skipinitialspace=True)
    rivals = [each.quality for each in readings if each.dialect.delimiter != dialect.delimiter and each.width > 1]
    lead = 1 - min(1.0, max(rivals, default=0.0) / best.quality) if best.quality > 0 else 0.0
    confidence = best.consistency * (0.5 + 0.5 * lead) * (_SURE if best.matched > 3 else _HARDLY_SURE)
    if best.width == 1:
        evidence = f"nothing divides the {len(best.records)} records: one column"
    else:
        evidence = f"{best.matched} of {len(best.records)} records have {best.width} cells; {_described(dialect)}"
    return DialectFound(
        dialect=dialect,
        evidence=evidence,
        confidence=round(min(1.0, confidence), 2),
        records=best.records if is_as_read and dialect is best.dialect else None,
    )


def _described(dialect: Dialect) -> str:
    """A dialect in words: 'semicolons, quotes doubled'."""
    words = [_NAMES.get(dialect.delimiter, repr(dialect.delimiter))]
    if dialect.quotechar is None:
        words.append("quotes mean nothing")
    elif dialect.quotechar != '"':
        words.append(f"quoted with {dialect.quotechar}")
    if dialect.quotechar is not None:
        words.append("quotes doubled" if dialect.escapechar is None else f"quotes escaped with {dialect.escapechar}")
    if dialect.skipinitialspace:
        words.append("a space after each")
    return ", ".join(words)
