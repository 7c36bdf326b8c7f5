"""Text to dates, times and lengths of time, in the ISO forms and in those that a field states."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Mapping
from typing import Final

from csvpipe._process.lexeme import PADDING, lexeme, quoted
from csvpipe.rowtypes import LAST_HOUR, NO_SUCH_DAY, Column, Scalar, read_form

_DATE: Final = r"[0-9]{4}-[0-9]{2}-[0-9]{2}"
# Hours end at 23 here, as Pythons differ over 24:00; so do the parts of an offset, which some do not check at all.
_CLOCK: Final = r"(?:[01][0-9]|2[0-3]):[0-5][0-9]"
_SECONDS: Final = r"(?::[0-5][0-9](?:\.[0-9]{1,6})?)?"
_TIME: Final = f"{_CLOCK}{_SECONDS}"
_OFFSET: Final = rf"(?:Z|[+-]{_CLOCK})?"
#: A time that would be one if its hour were less.
_LATE: Final = rf"(?:2[4-9]|[3-9][0-9]):[0-5][0-9]{_SECONDS}"
_PRINTED: Final = (
    r"(?:(?P<sign>[+-]?)(?P<hours>[0-9]+)|(?P<days>[+-]?[0-9]+) (?:days?,? )?(?P<rest>[01]?[0-9]|2[0-3]))"
    r":(?P<minutes>[0-5][0-9]):(?P<seconds>[0-5][0-9](?:\.[0-9]{1,6})?)"
)
_ISO: Final = (
    r"(?P<iso_sign>[+-]?)P(?=[0-9T])(?:(?P<iso_days>[0-9]+)D)?(?:T(?=[0-9])(?:(?P<iso_hours>[0-9]+)H)?"
    r"(?:(?P<iso_minutes>[0-9]+)M)?(?:(?P<iso_seconds>[0-9]+(?:\.[0-9]{1,6})?)S)?)?"
)

DATE: Final = re.compile(_DATE)
TIME: Final = re.compile(_TIME)
DATETIME: Final = re.compile(f"{_DATE}[T ]{_TIME}{_OFFSET}")
TIMEDELTA: Final = re.compile(f"{_PRINTED}|{_ISO}")
_TOO_LATE: Final = {TIME: re.compile(_LATE), DATETIME: re.compile(f"{_DATE}[T ]{_LATE}{_OFFSET}")}

_EXPECTED: Final[Mapping[Scalar, str]] = {
    Scalar.DATE: "a date (YYYY-MM-DD)",
    Scalar.DATETIME: "a date and time (such as 2026-03-01 09:30:00)",
    Scalar.TIME: "a time (HH:MM or HH:MM:SS, such as 09:30)",
    Scalar.TIMEDELTA: "a length of time (such as '36:00:00', '2 days, 12:00:00' or 'P2DT12H')",
}
_NOUNS: Final[Mapping[Scalar, str]] = {
    Scalar.DATE: "a date",
    Scalar.DATETIME: "a date and time",
    Scalar.TIME: "a time",
}


def to_date(text: str) -> dt.date:
    """A day of the calendar."""
    expected = _EXPECTED[Scalar.DATE]
    stripped = lexeme(DATE, text, expected)
    try:
        return dt.date.fromisoformat(stripped)
    except ValueError:
        raise ValueError(f"{quoted(text)} is not {expected}: {NO_SUCH_DAY}") from None


def to_datetime(text: str) -> dt.datetime:
    """A moment: in UTC if it has an offset, else naive."""
    expected = _EXPECTED[Scalar.DATETIME]
    stripped = _on_the_clock(DATETIME, text, expected)
    try:
        moment = dt.datetime.fromisoformat(stripped)
        return moment if moment.tzinfo is None else moment.astimezone(dt.UTC)
    except (ValueError, OverflowError):  # the latter: the first and the last day of the calendar
        raise ValueError(f"{quoted(text)} is not {expected}: {NO_SUCH_DAY}") from None


def to_time(text: str) -> dt.time:
    """A time of day."""
    return dt.time.fromisoformat(_on_the_clock(TIME, text, _EXPECTED[Scalar.TIME]))


def to_timedelta(text: str) -> dt.timedelta:
    """A length of time, as Python prints it or as ISO 8601 spells it."""
    stripped = lexeme(TIMEDELTA, text, _EXPECTED[Scalar.TIMEDELTA])
    match = TIMEDELTA.fullmatch(stripped)
    assert match is not None  # noqa: S101  # as `lexeme` has seen
    parts = {name: part or "0" for name, part in match.groupdict().items()}
    is_iso = "P" in stripped
    prefix = "iso_" if is_iso else ""
    hours = parts["iso_hours"] if is_iso else parts["rest"] if match["days"] else parts["hours"]
    whole, _, fraction = parts[f"{prefix}seconds"].partition(".")
    try:
        length = dt.timedelta(
            days=int(parts[f"{prefix}days"]),
            hours=int(hours),
            minutes=int(parts[f"{prefix}minutes"]),
            seconds=int(whole),
            microseconds=int(fraction.ljust(6, "0")),
        )
        return -length if "-" in {match["sign"], match["iso_sign"]} else length
    except (OverflowError, ValueError):
        raise ValueError(f"{quoted(text)} is too long a time") from None


def moment_converter(scalar: Scalar, options: Column) -> Callable[[str], object]:
    """The converter of a field that states the forms of its dates or times."""
    forms = [read_form(form, scalar) for form in options.format]
    expected = f"{_NOUNS[scalar]} ({' or '.join(form.shown for form in forms)})"

    def convert(text: str) -> object:
        stripped, problem = text.strip(PADDING), ""
        for form in forms:
            try:
                moment = form.read(stripped)
            except ValueError as error:
                problem = problem or f": {error}"
                continue
            if moment is not None:
                return _part_of(moment, scalar)
        raise ValueError(f"{quoted(text)} is not {expected}{problem}")

    return convert


def _part_of(moment: dt.datetime, scalar: Scalar) -> object:
    if scalar is Scalar.DATE:
        return moment.date()
    return moment.time() if scalar is Scalar.TIME else moment


def _on_the_clock(pattern: re.Pattern[str], text: str, expected: str) -> str:
    """`lexeme`, which says so where only the hour is too large."""
    try:
        return lexeme(pattern, text, expected)
    except ValueError as error:
        if _TOO_LATE[pattern].fullmatch(text.strip(PADDING)):
            raise ValueError(f"{error}: {LAST_HOUR}") from None
        raise
