"""Forms of dates and times as `strptime` spells them, with a meaning that no locale and no Python changes.

A number has the digits of its directive; days, months and hours may have one digit where something else than a digit
stands on either side of them. Names are English, in any case. Spaces are as stated.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping
from typing import Final, NamedTuple

from csvpipe.errors import PipelineError

_MONTHS: Final = (
    *("january", "february", "march", "april", "may", "june"),
    *("july", "august", "september", "october", "november", "december"),
)
_DAYS: Final = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
#: Years of two digits up to this one are of the 21st century, as POSIX has it.
_LAST_SHORT_YEAR: Final = 68

_CLOCK_FACE: Final = 12
_LAST_HOUR: Final = 23
_LAST_MINUTE: Final = 59

#: What messages say of a moment that there is not.
NO_SUCH_DAY: Final = "there is no such day"
LAST_HOUR: Final = f"hours go up to {_LAST_HOUR}"
_FACE_HOURS: Final = f"hours go from 1 to {_CLOCK_FACE}"

_DATE: Final = frozenset("YymdbBaA")
_CLOCK: Final = frozenset("HIMSfp")

#: Directive to pattern, and to what messages show for it. Of the two lengths of a number the first is the usual one.
_PATTERNS: Final[Mapping[str, str]] = {
    "Y": "[0-9]{4}",
    "y": "[0-9]{2}",
    "f": "[0-9]{1,6}",
    "b": "|".join(name[:3] for name in _MONTHS),
    "B": "|".join(_MONTHS),
    "a": "|".join(name[:3] for name in _DAYS),
    "A": "|".join(_DAYS),
    "p": "am|pm",
    "z": "z|[+-](?:[01][0-9]|2[0-3]):?[0-5][0-9]",
}
_SHORT: Final = "mdHIMS"
_SHOWN: Final[Mapping[str, str]] = {
    "Y": "YYYY",
    "y": "YY",
    "m": "MM",
    "d": "DD",
    "H": "HH",
    "I": "HH",
    "M": "MM",
    "S": "SS",
    "f": "ffffff",
    "b": "Mon",
    "B": "Month",
    "a": "Day",
    "A": "Weekday",
    "p": "AM",
    "z": "+HH:MM",
    "%": "%",
}
#: Directives that say the same; a form has one of them.
_RIVALS: Final = ("Yy", "mbB", "HI", "aA")


class Form(NamedTuple):
    """One form of a date or time, ready to read.

    Attributes:
        text: As it was stated.
        pattern: What a cell must match, padding aside.
        shown: For people: `DD.MM.YYYY`.
    """

    text: str
    pattern: re.Pattern[str]
    shown: str

    def read(self, text: str) -> dt.datetime | None:
        """The moment that `text` spells, on 1 January 1900 where it has no date; None if it has another form.

        Raises:
            ValueError: It has this form, and there is no such moment, or its UTC lies outside of the calendar; the
                message says which.
        """
        match = self.pattern.fullmatch(text)
        if match is None:
            return None
        parts = match.groupdict()
        year = int(parts.get("Y") or 1900)
        if "y" in parts:
            year = int(parts["y"]) + (2000 if int(parts["y"]) <= _LAST_SHORT_YEAR else 1900)
        offset = parts.get("z")
        try:
            moment = dt.datetime(  # noqa: DTZ001  # as naive as the text is
                year,
                _month(parts),
                int(parts.get("d") or 1),
                _hour(parts),
                int(parts.get("M") or 0),
                int(parts.get("S") or 0),
                int((parts.get("f") or "0").ljust(6, "0")),
            )
            return moment if offset is None else (moment - _delta(offset)).replace(tzinfo=dt.UTC)
        except (ValueError, OverflowError):
            raise ValueError(_trouble(parts)) from None


def read_form(text: str, scalar: str) -> Form:
    """Make a `Form` of a text such as `%d.%m.%Y`, for a `date`, `datetime` or `time`.

    Raises:
        PipelineError: It has a directive that is not known, or lacks one that the type needs.
    """
    pieces = re.findall(r"%.?|[^%]+", text, re.DOTALL)
    directives = [piece[1:] for piece in pieces if piece[0] == "%" and piece != "%%"]
    problem = _problem_with(directives, scalar)
    if problem:
        raise PipelineError(f"format {text!r} {problem}")
    pattern = "".join(_pattern_of(pieces, index) for index in range(len(pieces)))
    shown = "".join(_SHOWN[piece[1]] if piece[0] == "%" else piece for piece in pieces)
    return Form(text=text, pattern=re.compile(pattern, re.IGNORECASE | re.ASCII), shown=shown)


def _problem_with(directives: list[str], scalar: str) -> str | None:
    known = {*_PATTERNS, *_SHORT}
    for directive in directives:
        if directive not in known:
            return f"has %{directive}, which is not known; known are %{', %'.join(sorted(known, key=str.swapcase))}"
    for rivals in (*_RIVALS, *sorted(known)):
        if sum(directive in rivals for directive in directives) > 1:
            return f"says twice what %{rivals[0]} says"
    return _unfit(set(directives), scalar)


def _unfit(given: set[str], scalar: str) -> str | None:
    """What such a type cannot hold, or does not get."""
    if scalar == "date" and given & (_CLOCK | {"z"}):
        return "has a time of day, which a date cannot hold; annotate the field datetime"
    if scalar == "time" and given & (_DATE | {"z"}):
        return "has more than a time of day; annotate the field datetime"
    needs = [] if scalar == "time" else [("a year", "Yy"), ("a month", "mbB"), ("a day", "d")]
    if scalar == "time" or given & _CLOCK:
        needs.append(("an hour", "HI"))
    for directive, needed in (("I", "p"), ("p", "I"), ("S", "M"), ("f", "S")):
        if directive in given:
            needs.append((f"%{needed}, which %{directive} needs", needed))
    return next((f"lacks {what}" for what, any_of in needs if not given & set(any_of)), None)


def _pattern_of(pieces: list[str], index: int) -> str:
    piece = pieces[index]
    if piece[0] != "%":
        return re.escape(piece)
    name = piece[1]
    if name == "%":
        return "%"
    if name not in _SHORT:
        return f"(?P<{name}>{_PATTERNS[name]})"
    is_lone = not _is_number(pieces, index - 1, -1) and not _is_number(pieces, index + 1, 0)
    return f"(?P<{name}>[0-9]{{1,2}})" if is_lone else f"(?P<{name}>[0-9]{{2}})"


def _is_number(pieces: list[str], index: int, end: int) -> bool:
    """Whether the piece there has a digit at the end that is turned to its neighbour."""
    if not 0 <= index < len(pieces):
        return False
    piece = pieces[index]
    return piece[1] in f"{_SHORT}Yyf" if piece[0] == "%" else piece[end].isdigit()


def _month(parts: Mapping[str, str]) -> int:
    name = parts.get("b") or parts.get("B")
    if name is None:
        return int(parts.get("m") or 1)
    return [month[:3] for month in _MONTHS].index(name[:3].lower()) + 1


def _hour(parts: Mapping[str, str]) -> int:
    if "I" not in parts:
        return int(parts.get("H") or 0)
    hour = int(parts["I"])
    if not 1 <= hour <= _CLOCK_FACE:
        raise ValueError(_FACE_HOURS)
    return hour % _CLOCK_FACE + (12 if parts["p"].lower() == "pm" else 0)


def _trouble(parts: Mapping[str, str]) -> str:
    """Why there is no such moment, in words that do not change from Python to Python."""
    if not 1 <= int(parts.get("I") or 1) <= _CLOCK_FACE:
        return _FACE_HOURS
    if int(parts.get("H") or 0) > _LAST_HOUR:
        return LAST_HOUR
    if max(int(parts.get(name) or 0) for name in "MS") > _LAST_MINUTE:
        return "minutes and seconds go up to 59"
    return NO_SUCH_DAY


def _delta(offset: str) -> dt.timedelta:
    if offset in "zZ":
        return dt.timedelta()
    delta = dt.timedelta(hours=int(offset[1:3]), minutes=int(offset[-2:]))
    return -delta if offset[0] == "-" else delta
