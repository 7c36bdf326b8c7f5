"""Find where a table starts in a text: below which titles and comments, and whether its first record is a header."""

# ruff: noqa: PLR2004  # weights and thresholds say something only where they stand

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Literal

import attrs

from csvpipe._intake.sniffer.cell_types import TYPED, Kind, kind_of
from csvpipe._intake.sniffer.likeness import likeness
from csvpipe._intake.sniffer.records import Record, Seen, hinted_delimiter, read_records, split_lines, table_width
from csvpipe.dialect import Dialect
from csvpipe.rowtypes import folded

#: How far down a header is looked for.
_MOST_ABOVE: Final = 80

#: What is kept of a preamble, for people.
_SHOWN_LINES: Final = 20
_SHOWN_CHARACTERS: Final = 200

#: Where wanted names are looked for: cells of a record, and characters of a cell.
_NAMED_CELLS: Final = 200
_NAMED_CHARACTERS: Final = 60

#: How many records below a header are compared with it.
_MOST_BELOW: Final = 40

#: What a first cell starts with where the line is a comment.
_COMMENTS: Final = ("#", "//", "%", "--")


@attrs.frozen(kw_only=True)
class HeaderFound:
    """Where a table starts, and why.

    Attributes:
        preamble_lines: Physical lines above the header, or above the first record where there is none.
        preamble: The first of them, shortened.
        has_header: Whether the first record has the names.
        evidence: For people.
        confidence: From 0.0 to 1.0.
        seen: The whole file, if it was read.
    """

    preamble_lines: int
    preamble: tuple[str, ...]
    has_header: bool
    evidence: str
    confidence: float
    seen: Seen | None = attrs.field(default=None, eq=False, repr=False)


@attrs.frozen
class _Start:
    """The record that a table starts with, as an index; it is never a blank one."""

    index: int
    evidence: str
    confidence: float


def find_header(
    sample: str,
    dialect: Dialect,
    *,
    is_whole: bool,
    header: bool | Literal["detect"],
    wanted: frozenset[str] = frozenset(),
    every: Sequence[Record] | None = None,
) -> HeaderFound:
    """Find the lines above a table, and whether it has a header.

    A line is taken for a title or a comment only on strong evidence: a first record that is dropped is worse than a
    title that is found to be no header.

    Args:
        sample: The start of the file, without a byte order mark, cut anywhere.
        dialect: The file's.
        is_whole: Whether the sample is all of the file.
        header: True if there is a header somewhere, False if there is none, `"detect"` if that is to be found out.
        wanted: Folded names of the columns that the reader hopes for.
        every: The records of this sample, if they were read in this dialect; see `DialectFound.records`.
    """
    lines, is_all = split_lines(sample, is_whole=is_whole)
    hint_lines = 0 if every is not None or hinted_delimiter(lines) is None else 1
    if every is None:
        every = [record for record in read_records(lines[hint_lines:], dialect, is_whole=is_all) if record.cells != []]
    if hint_lines:
        every = [attrs.evolve(record, line=record.line + hint_lines) for record in every]
    found = _find(lines, every, hint_lines, header=header, wanted=wanted)
    seen = Seen.of(lines, every, is_all=is_all)
    return found if seen is None else attrs.evolve(found, seen=seen)


def _find(
    lines: Sequence[str],
    every: Sequence[Record],
    hint_lines: int,
    *,
    header: bool | Literal["detect"],
    wanted: frozenset[str],
) -> HeaderFound:
    """`find_header` in the records that are not blank."""
    records = [each for each in every if each.cells is None or each.width > 1 or len("".join(each.cells))]
    if header is False and every:
        start = _headless(every)
        line = every[start.index].line
        return _found(lines, line, has_header=False, evidence=start.evidence, confidence=start.confidence)
    if not records:
        return _found(lines, hint_lines, has_header=header is True, evidence="there is no record", confidence=0.0)
    named = _wanted_record(records, wanted) if header is not False else None
    if named is not None:
        evidence = f"line {records[named].line + 1} has the names that are asked for"
        return _found(lines, records[named].line, has_header=True, evidence=evidence, confidence=1.0)
    start = _start(records, header=header)
    line = records[start.index].line
    if header == "detect":
        has_header, evidence, confidence = _detect(records, start)
        if not has_header and not _is_plainly_above(records, start.index):
            line = every[_headless(every).index].line
        return _found(lines, line, has_header=has_header, evidence=evidence, confidence=confidence)
    return _found(lines, line, has_header=header, evidence=start.evidence, confidence=start.confidence)


def shown_lines(lines: Sequence[str]) -> tuple[str, ...]:
    """The first of the lines above a table, shortened, for people."""
    return tuple(line.rstrip("\r\n")[:_SHOWN_CHARACTERS] for line in lines[:_SHOWN_LINES])


def _found(lines: Sequence[str], above: int, *, has_header: bool, evidence: str, confidence: float) -> HeaderFound:
    shown = shown_lines(lines[:above])
    return HeaderFound(
        preamble_lines=above,
        preamble=shown,
        has_header=has_header,
        evidence=evidence,
        confidence=round(confidence, 2),
    )


def _wanted_record(records: Sequence[Record], wanted: frozenset[str]) -> int | None:
    """The first record that has many of the wanted names, unless one as wide stands above it: that may be a row."""
    if not wanted:
        return None
    hits = [
        len(wanted & {folded(cell[:_NAMED_CHARACTERS]) for cell in (record.cells or ())[:_NAMED_CELLS]})
        for record in records[:_MOST_ABOVE]
    ]
    most = max(hits)
    if most < min(2, len(wanted)) or 3 * most < len(wanted):
        return None
    index = next(index for index, found in enumerate(hits) if 2 * found >= most and found >= min(2, most))
    return index if all(record.reach < records[index].reach for record in records[:index]) else None


def _headless(records: Sequence[Record]) -> _Start:
    """The first row where there is no header: only what cannot be a row stands above it.

    Those are comments, if no row below begins like one, and undivided texts above a column of numbers or dates. All
    else is a row, and costs itself alone if it is a bad one.
    """
    width = table_width(records)
    fitting = [record.cells for record in records if record.cells is not None and len(record.cells) == width]
    index = 0
    while index < len(records) - 1 and width > 1:
        cells = records[index].cells
        if cells is None or len(cells) == width:
            break
        is_title = len(cells) == 1 and kind_of(cells[0]) not in TYPED and _begins_typed(fitting)
        if not is_title and not (_is_comment(records[index]) and not any(row[0].startswith("#") for row in fitting)):
            break
        index += 1
    if index == 0:
        return _Start(0, "it is the first record", 0.95)
    return _Start(index, f"{index} records above line {records[index].line + 1} are titles or comments", 0.9)


def _is_plainly_above(records: Sequence[Record], index: int) -> bool:
    """Whether the records above `index` are narrower texts above a table that has no ragged rows itself."""
    width = table_width(records)
    below = records[index:]
    fitting = sum(1 for record in below if record.width == width)
    is_table = width > 2 and fitting > 1 and fitting >= 0.9 * len(below)
    return is_table and all(
        record.cells is not None and record.reach < width and kind_of(record.cells[0]) not in {*TYPED, Kind.EMPTY}
        for record in records[:index]
    )


def _begins_typed(rows: Sequence[Sequence[str]]) -> bool:
    """Whether the first column has numbers, dates or codes, and nothing else."""
    return len(rows) > 1 and sum(1 for row in rows if kind_of(row[0]) in TYPED) >= 0.9 * len(rows)


def _start(records: Sequence[Record], *, header: bool | Literal["detect"]) -> _Start:
    """The first record of the table."""
    width = table_width(records)
    first = _Start(0, "it is the first record", 0.95 if len(records) > 1 else 0.7)
    index = 0
    others = 0  # than comments, of which there may be many
    while index < len(records) - 1 and others < _MOST_ABOVE and _is_above(records[index], width):
        others += not _is_comment(records[index])
        index += 1
    if index < len(records) and _is_above(records[index], width):
        return first
    index = _past_fitting_comments(records, _past_narrow(records, index, width), width)
    if index == 0:
        return first
    return _judged(records, index, width, first, header=header)


def _judged(
    records: Sequence[Record], index: int, width: int, first: _Start, *, header: bool | Literal["detect"]
) -> _Start:
    """Whether the table really starts at `index`, below records that look as if they were no part of it."""
    above, here = records[:index], records[index]
    comments = sum(1 for record in above if _is_comment(record))
    evidence = f"{index} records above line {here.line + 1} are titles or comments, not of {width} cells"
    like = _likeness(records, index, width)
    if comments == index and (header is not True or like > -0.3):
        return _Start(index, evidence, 0.95)
    if sum(1 for record in records[index:] if record.cells and len(record.cells) == width) < 2:
        return attrs.evolve(first, confidence=0.5)  # one record is no table that others could be above
    if all(record.reach <= 1 or _is_comment(record) or _is_prose(record) for record in above):
        # Titles: with three columns and more they are hardly a header or a row.
        is_start = like > 0 or (width > 2 and (like > -0.3 or header is not True))
    else:
        # Pairs of a name and a value, above a table that is much wider.
        is_narrow = all(len(record.cells or ()) < width for record in above)
        is_start = like >= 0.3 or (is_narrow and like > 0)
        is_start = is_start or (header is not True and is_narrow and _is_even(records[index:], width))
    if is_start:
        return _Start(index, evidence, 0.9 if like > 0 else 0.7)
    if comments and header is not True:
        return _Start(comments, f"{comments} comments above line {records[comments].line + 1}", 0.7)
    return attrs.evolve(first, confidence=0.5)


def _is_above(record: Record, width: int) -> bool:
    """Whether a record is no part of a table of this width: a title, a note, a comment."""
    cells = record.cells
    if cells is None:
        return True
    if len(cells) != width and _is_comment(record):
        return True
    if _is_prose(record) and len(cells) < width:
        return True
    if width == 1:
        return cells[0].lstrip().startswith("# ")
    if len(cells) >= width:
        return width > 2 and record.reach <= min(width - 2, width // 2)
    return min(len(cells), record.reach + 1) <= max(1, min(width - 2, width // 2))


def _is_comment(record: Record) -> bool:
    return bool(record.cells) and (record.cells or [""])[0].lstrip().startswith(_COMMENTS)


def _past_fitting_comments(records: Sequence[Record], index: int, width: int) -> int:
    """Pass over comments and titles that happen to have a delimiter for each column, above a header."""
    past = index
    while past < len(records) - 1 and (_is_prose(records[past]) or _has_comment_sign(records[past])):
        past += 1
    is_header = past > index and len(records[past].cells or ()) == width and _likeness(records, past, width) > 0.3
    return past if is_header else index


def _has_comment_sign(record: Record) -> bool:
    return bool(record.cells) and (record.cells or [""])[0].split(" ")[0] == "#"


def _is_prose(record: Record) -> bool:
    """Whether what divides its cells is punctuation, with a space after it."""
    cells = record.cells or ()
    return len(cells) > 1 and all(cell[:1] == " " and cell[1:2] not in {"", " "} for cell in cells[1:])


def _is_even(records: Sequence[Record], width: int) -> bool:
    """Whether these are a table of four columns or more, and nothing else."""
    fitting = sum(1 for record in records if record.cells is not None and len(record.cells) == width)
    return width > 3 and fitting > 1 and fitting >= 0.9 * len(records)


def _past_narrow(records: Sequence[Record], index: int, width: int) -> int:
    """Pass over notes with a few delimiters, if below them is plainly a header, of data that is typed."""
    past = index
    while past < min(len(records) - 1, index + 10) and len(records[past].cells or ()) < width:
        past += 1
    is_header = past > index and len(records[past].cells or ()) == width and _likeness(records, past, width) >= 0.5
    return past if is_header else index


def _likeness(records: Sequence[Record], index: int, width: int) -> float:
    """How much a record looks like a header of those below it."""
    below = [record.cells for record in records[index + 1 :] if record.cells and len(record.cells) == width]
    return likeness(records[index].cells or [], below[:_MOST_BELOW])


def _detect(records: Sequence[Record], start: _Start) -> tuple[bool, str, float]:
    """Whether the first record of a table is a header."""
    like = _likeness(records, start.index, table_width(records))
    has_header = like > 0
    if has_header:
        evidence = f"line {records[start.index].line + 1} looks unlike the records below it"
    else:
        evidence = f"line {records[start.index].line + 1} looks like the records below it"
    return has_header, evidence, min(start.confidence, 0.55 + 0.4 * min(1.0, abs(like) * 1.5))
