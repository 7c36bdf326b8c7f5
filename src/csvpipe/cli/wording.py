"""Numbers, durations and foreign text, fit to print."""

from __future__ import annotations

import re

_SECONDS_A_MINUTE = 60
_SECONDS_AN_HOUR = 3_600
_FEW = 10

UNKNOWN = "-"

#: What the library calls by its keyword has an option.
_OPTIONS = (
    (re.compile(r"\bencoding='([^']*)'"), r"--encoding \1"),
    (re.compile(r"\bencoding="), "--encoding"),
    (re.compile(r"\bleave dialect= out\b"), "leave --delimiter out"),
    (re.compile(r"\bskip_lines="), "--skip-lines "),
)


def counted(number: int, one: str, many: str | None = None) -> str:
    """A number with its noun: `1 file`, `2,000 files`."""
    return f"{number:,} {one if number == 1 else many or f'{one}s'}"


def seconds(value: float | None) -> str:
    """A duration, as exact as anybody cares: `0.04 s`, `12.5 s`, `3:07`, `2:03:07`."""
    if value is None:
        return UNKNOWN
    if value < _SECONDS_A_MINUTE:
        return f"{value:.2f} s" if value < _FEW else f"{value:.1f} s"
    whole = round(value)
    hours, rest = divmod(whole, _SECONDS_AN_HOUR)
    minutes, left = divmod(rest, _SECONDS_A_MINUTE)
    return f"{hours}:{minutes:02}:{left:02}" if hours else f"{minutes}:{left:02}"


def left(eta_seconds: float | None) -> str:
    """Time that a file is expected to take yet, in whole seconds: nothing finer is known."""
    if eta_seconds is None:
        return UNKNOWN
    return f"{eta_seconds:.0f} s" if eta_seconds < _SECONDS_A_MINUTE else seconds(eta_seconds)


def pace(rows_per_second: float | None) -> str:
    """Rows a second, without the unit."""
    return UNKNOWN if rows_per_second is None else f"{rows_per_second:,.0f}"


def as_options(message: str) -> str:
    """A message of the library with the ways out as the command line has them: `--encoding cp1252`."""
    for pattern, option in _OPTIONS:
        message = pattern.sub(option, message)
    return message


def printable(text: str) -> str:
    """Text from a file or a file's name, without what would steer a terminal or break a line.

    Control characters, and the surrogates that stand for undecodable bytes of a file name, are shown as escapes.
    """
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode("ascii") for char in text)
