"""Whether csvpipe passes a case, and where it does not, which of its own rules is why."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Sequence
from enum import StrEnum
from typing import Any, Final

import attrs
from tests.conformance.cases import Case, NoEquivalentError, reading_of
from tests.conformance.reading import Outcome, Reading, Seen, read

import csvpipe


class Kind(StrEnum):
    """How a case ends."""

    PASSES = "passes"
    DIFFERS = "differs by choice"
    NO_EQUIVALENT = "no equivalent"
    FAULTY = "faulty case"
    FAILS = "FAILS"


@attrs.frozen
class Verdict:
    """How a case ended, and why."""

    kind: Kind
    reason: str = ""


#: What `csv.Error` is about, and the code that a row has instead.
_ERRORS: Final = {
    "unexpected end of data": "unterminated_quote",
    "expected after": "malformed",
    "field limit": "field_too_large",
}


def judge(case: Case) -> Verdict:
    """Run a case and compare. A rule explains a difference only where it accounts for all that was read."""
    try:
        reading = reading_of(case)
        outcome = read(case.data, reading)
    except NoEquivalentError as error:
        return Verdict(Kind.NO_EQUIVALENT, str(error))
    except csvpipe.CsvPipeError:
        return Verdict(Kind.DIFFERS, "options that cannot work are refused, never corrected or ignored")
    if _is_as_expected(case, outcome):
        return Verdict(Kind.PASSES)
    if _asks_for_other_text(case):
        return Verdict(Kind.FAULTY, "a cell is expected whose text is not in the input")
    if case.error is None and reading.dialect is not None:
        for reason, explains in _RULES.items():
            if explains(case, reading, outcome):
                return Verdict(Kind.DIFFERS, reason)
    return Verdict(Kind.FAILS, f"expected {case.error or case.rows!r}, got {outcome}")


def _is_as_expected(case: Case, outcome: Outcome) -> bool:
    if outcome.code is not None:
        return False
    if case.error is not None:
        codes = [code for message, code in _ERRORS.items() if message in case.error]
        return codes == outcome.rows
    return case.rows == outcome.rows


def _asks_for_other_text(case: Case) -> bool:
    text = case.data.decode("utf-8", "replace").replace('""', '"')
    cells = [cell for row in case.rows or [] if isinstance(row, dict) for cell in row.values()]
    return any(isinstance(cell, str) and cell not in text for cell in cells)


# Rules ----------------------------------------------------------------------------------------------------------------


def _rows_of_one_reader(case: Case, reading: Reading, *, strict: bool = False) -> list[Seen] | csv.Error:
    """What Python's `csv.reader` makes of it."""
    options = (reading.dialect or csvpipe.Dialect()).reader_options()
    text = io.StringIO(case.data.decode("utf-8-sig"), newline="")
    try:
        rows: list[list[str]] = list(filter(None, csv.reader(text, **{**options, "strict": strict})))
    except csv.Error as error:
        return error
    if reading.header is True:
        return [dict(zip(rows[0], row, strict=False)) for row in rows[1:]]
    return list(rows)


def _is_malformed(case: Case, reading: Reading, message: str) -> bool:
    refusal = _rows_of_one_reader(case, reading, strict=True)
    return isinstance(refusal, csv.Error) and message in str(refusal)


def _has_no_row(case: Case, _reading: Reading, outcome: Outcome) -> bool:
    return outcome.code == "empty" and not _without_blank(case.rows)


def _has_blank_lines(case: Case, _reading: Reading, outcome: Outcome) -> bool:
    return outcome.code is None and _without_blank(case.rows) == outcome.rows


def _without_blank(rows: Sequence[Any] | None) -> list[Any]:
    return [row for row in rows or () if row not in ([], [""])]


def _is_open_at_the_end(case: Case, reading: Reading, outcome: Outcome) -> bool:
    return "unterminated_quote" in outcome.rows and _is_malformed(case, reading, "unexpected end of data")


def _has_text_after_a_quote(case: Case, reading: Reading, outcome: Outcome) -> bool:
    return _is_malformed(case, reading, "expected after") and _rows_of_one_reader(case, reading) == outcome.rows


def _has_a_lone_return(case: Case, reading: Reading, outcome: Outcome) -> bool:
    is_mixed = re.search(rb"\r(?!\n)", case.data) is not None and b"\n" in case.data
    return is_mixed and _rows_of_one_reader(case, reading) == outcome.rows


def _has_an_escaped_letter(case: Case, reading: Reading, outcome: Outcome) -> bool:
    return "escapeChar" in case.options and _rows_of_one_reader(case, reading) == outcome.rows


def _has_names_twice(case: Case, _reading: Reading, outcome: Outcome) -> bool:
    names = _names(case)
    return outcome.code == "header_duplicate" and len(set(names)) < len(names)


def _is_ragged(case: Case, _reading: Reading, outcome: Outcome) -> bool:
    names, expected, found = set(_names(case)), case.rows or [], outcome.rows
    wanted = ["field_count" if set(row) != names else row for row in expected]
    return outcome.code is None and "field_count" in found and wanted == found


def _names(case: Case) -> list[str]:
    return next(csv.reader(io.StringIO(case.data.decode("utf-8-sig"), newline="")))


_Explains = Callable[[Case, Reading, Outcome], bool]

_RULES: Final[dict[str, _Explains]] = {
    "a file without a single row is refused (`empty`)": _has_no_row,
    "blank lines are not rows": _has_blank_lines,
    "what is still open at the end of the file is an error of its first line alone": _is_open_at_the_end,
    "text after a closing quote belongs to the cell, as for `csv.reader`": _has_text_after_a_quote,
    "a lone carriage return ends a record, whatever ends the others": _has_a_lone_return,
    "the escape takes any character literally, and is dropped": _has_an_escaped_letter,
    "columns need names of their own; csvpipe makes none up (`header_duplicate`)": _has_names_twice,
    "a row that does not fit the header is rejected (`field_count`), unless `ragged=` says otherwise": _is_ragged,
}
