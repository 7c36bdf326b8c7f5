"""Which texts of a column Arrow may cast by itself, and the cast.

A text is plain if Arrow and csvpipe's grammar agree on it beyond doubt; whether there is such a number or day is for
the cast to say. All others are suspects, good or bad, and go through the row path's converter.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Any, Final, TypeAlias

import attrs
import numpy as np
import pyarrow as pa
import pyarrow.compute as arrow_compute

from csvpipe._process.columns.arrays import flags_array, flags_of, indices_array, numbers_of, without
from csvpipe._process.columns.texts import bytes_of, offsets_of
from csvpipe.rowtypes import Column, Scalar

#: Its functions are made when it is loaded: no type checker knows them.
pc: Any = arrow_compute

#: Makes typed values of texts, all of which are plain or null.
Cast: TypeAlias = Callable[[Any], Any]

#: A failed cast is repeated in pieces of so many cells, and so on: its message does not say which cell it was.
_PIECES: Final = (256, 16)

_LONGEST: Final = 320

#: Digits and a sign of which any number has 64 bits, and a point.
_INT64: Final = 19
_DIGITS: Final = b"0123456789"
_MINUS: Final = ord("-")
_ZERO: Final = ord("0")
_SPAN: Final = (ord("-"), ord("9"))
_ANY: Final = (0, 255)
_DAY_LENGTH: Final = len("YYYY-MM-DD")
_NONE: Final = np.empty(0, np.int64)
_POINTS: Final = np.frombuffer(b".,", np.uint8)
_CLOCK: Final = r"(?:[01][0-9]|2[0-3]):[0-5][0-9]"
_MOMENT: Final = rf"[0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}}[T ]{_CLOCK}(?::[0-5][0-9](?:\.[0-9]{{1,6}})?)?"

UTC_MOMENT: Final = pa.timestamp("us", tz="UTC")
MOMENT: Final = pa.timestamp("us")
TIME: Final = pa.time64("us")


@attrs.frozen(kw_only=True)
class Plain:
    """What is plain in a column of one type.

    Attributes:
        cast: For plain texts.
        alien: For each byte whether it makes a text a suspect.
        span: The least and the greatest of such bytes. In a column without any others there are no aliens: those of the
            span are refused by the cast itself.
        lengths: For each length whether a plain text may have it; longer ones may not.
        pattern: In place of these two, what a plain text is, for RE2.
        scale: Digits that a plain text may have after the point: zeros beyond are no matter to Arrow.
        bounds: The least and the greatest value, as an integer, that Python has as well; None if all of them.
        longest: Up to this length, within `span`, the success of a cast proves that all texts were plain.
        impossible: Finds most of the texts that a cast refuses, plain as they look.
    """

    cast: Cast
    alien: Any = None
    span: tuple[int, int] | None = None
    lengths: Any = None
    pattern: str | None = None
    scale: int | None = None
    bounds: tuple[int, int] | None = None
    longest: int = 0
    impossible: Callable[[Any], Any] | None = None


def _plain(kind: Any, characters: bytes, lengths: Iterable[int], **more: Any) -> Plain:
    alien = np.ones(256, bool)
    alien[list(characters)] = False
    fits = np.zeros(_LONGEST, bool)
    fits[list(lengths)] = True
    return Plain(cast=lambda column: column.cast(kind), alien=alien, lengths=fits, **more)


#: Days of each month, by its number; of those that are none, too.
_MONTH_DAYS: Final = np.array([0, 31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31, *[0] * 243], np.uint8)


def _no_days(column: Any) -> Any:
    """For each cell whether it begins with a month or a day that does not exist, though its characters are a day's.

    What stands in place of a digit may be any number here, within a byte.
    """
    offsets, data = offsets_of(column), bytes_of(column)
    lengths = np.diff(offsets)
    is_there = lengths >= _DAY_LENGTH
    if is_there.all() and (lengths == lengths[0]).all():  # a table
        there = np.arange(len(column))
        rows = data.reshape(len(column), int(lengths[0]))
    else:
        there = np.flatnonzero(is_there)
        starts = offsets[:-1][there] - offsets[0]
        rows = data[starts[:, None] + np.arange(_DAY_LENGTH)]

    def number(at: int) -> Any:
        return (rows[:, at] - np.uint8(_ZERO)) * np.uint8(10) + (rows[:, at + 1] - np.uint8(_ZERO))

    month, day = number(5), number(8)
    wrong = day - np.uint8(1) >= _MONTH_DAYS[month]  # less than the first is the greatest
    leap_days = np.flatnonzero((month == 2) & (day == 29))  # noqa: PLR2004  # of February
    if leap_days.size:
        rows = rows[leap_days]
        century, year = number(0), number(2)
        wrong[leap_days] = (year % 4 != 0) | ((year == 0) & (century % 4 != 0))
    found = np.zeros(len(column), bool)
    found[there] = wrong
    return found & flags_of(column.is_valid()) if column.null_count else found


_FIRST_DAY: Final = dt.date(1970, 1, 1).toordinal()
_DAYS: Final = (dt.date.min.toordinal() - _FIRST_DAY, dt.date.max.toordinal() - _FIRST_DAY)
_DAY_MICROSECONDS: Final = 24 * 3600 * 1_000_000
_MOMENTS: Final = (_DAYS[0] * _DAY_MICROSECONDS, (_DAYS[1] + 1) * _DAY_MICROSECONDS - 1)

INT: Final = _plain(pa.int64(), _DIGITS + b"-", range(1, 19), span=_SPAN, longest=18)
FLOAT: Final = _plain(pa.float64(), _DIGITS + b".-", range(1, 300), span=_SPAN, longest=299)
DATE: Final = _plain(pa.date32(), _DIGITS + b"-", [10], bounds=_DAYS, span=_SPAN, longest=10, impossible=_no_days)
DATETIME: Final = _plain(MOMENT, _DIGITS + b"-:T .", [16, 19, *range(21, 27)], bounds=_MOMENTS, impossible=_no_days)
AWARE: Final = Plain(
    cast=lambda column: column.cast(UTC_MOMENT), pattern=rf"^{_MOMENT}(?:Z|[+-]{_CLOCK})$", bounds=_MOMENTS
)
CLOCK: Final = _plain(TIME, _DIGITS + b":.", [5, 8, *range(10, 16)])
UUID: Final = Plain(
    cast=lambda column: column, pattern=r"^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$"
)

#: The words that Arrow has for truth; others of ours, in columns that have them, are looked up.
BOOL: Final = Plain(
    cast=lambda column: column.cast(pa.bool_()), pattern="^(?:(?i:true|false)|[01])$", span=_ANY, longest=5
)

#: For columns of floats many of which have an exponent.
SCIENTIFIC: Final = Plain(
    cast=lambda column: column.cast(pa.float64()),
    pattern=r"^-?(?:[0-9]{1,100}(?:\.[0-9]{0,100})?|\.[0-9]{1,100})(?:[eE][+-]?[0-9]{1,2})?$",
)


def _cast_clock(column: Any) -> Any:
    """There is no cast of texts to times, but one of moments."""
    return pc.binary_join_element_wise("1970-01-01 ", column, "").cast(MOMENT).cast(TIME)


def with_comma(plain: Plain) -> Plain:
    """Numbers whose fraction is set off by a comma."""
    alien = plain.alien.copy()
    alien[ord(".")], alien[ord(",")] = True, False
    return attrs.evolve(
        plain,
        alien=alien,
        span=None,
        cast=lambda column: plain.cast(pc.replace_substring(column, pattern=",", replacement=".")),
    )


def decimals(options: Column) -> Plain:
    """Decimal numbers of a column that says how many digits they have."""
    scale = options.scale or 0
    kind = pa.decimal128(options.precision or 1, scale)
    plain = attrs.evolve(FLOAT, cast=lambda column: _cast_decimals(column, kind), scale=scale)
    return with_comma(plain) if options.decimal == "," else plain


def _cast_decimals(column: Any, kind: Any) -> Any:
    """Quickly if all numbers have as many digits after the point as they may: then they are integers of small units."""
    offsets, data = offsets_of(column), bytes_of(column)
    lengths = np.diff(offsets)
    if kind.scale and len(column) and not column.null_count and kind.scale < lengths.min() and lengths.max() <= _INT64:
        is_digit = data != _POINTS[0]
        ends = offsets[1:] - offsets[0]
        is_one_each = len(data) - np.count_nonzero(is_digit) == len(column)
        is_whole = is_one_each and not is_digit[ends - 1 - kind.scale].any()
        # Without its point `.-5` would be a number: each sign must stand at the start of a cell.
        if is_whole and np.count_nonzero(data == _MINUS) == np.count_nonzero(data[ends - lengths] == _MINUS):
            starts = (offsets - offsets[0]) - np.arange(len(offsets), dtype=np.int32)
            buffers = [None, pa.py_buffer(starts), pa.py_buffer(data[is_digit])]
            units = pa.Array.from_buffers(pa.string(), len(column), buffers).cast(pa.int64())
            units = numbers_of(units)
            if max(int(units.max()), -int(units.min())) < 10**kind.precision:
                halves = np.empty((len(units), 2), "<i8")
                halves[:, 0] = units
                halves[:, 1] = units >> 63
                return pa.Array.from_buffers(kind, len(units), [None, pa.py_buffer(halves)])
    return column.cast(kind)


def plain_of(scalar: Scalar, options: Column) -> Plain | None:
    """What is plain in a column of this type, with these options; None where nothing is."""
    others = set(options.spelling()) - {"decimal", "nonfinite", "precision", "scale"}
    if others:
        return None
    plain = _PLAINS.get(scalar)
    return with_comma(FLOAT) if plain is FLOAT and options.decimal == "," else plain


_PLAINS: Final = {
    Scalar.INT: INT,
    Scalar.FLOAT: FLOAT,
    Scalar.DATE: DATE,
    Scalar.DATETIME: DATETIME,
}
CLOCK_TIME: Final = attrs.evolve(CLOCK, cast=_cast_clock)


def suspects(column: Any, plain: Plain) -> Any:
    """For each cell whether its text is not plain; empty ones are, too."""
    if plain.pattern is not None:
        return ~flags_of(pc.match_substring_regex(column, plain.pattern))
    offsets = offsets_of(column)
    odd = ~plain.lengths[np.minimum(np.diff(offsets), _LONGEST - 1)]
    text = bytes_of(column)
    is_plain = plain.span is not None and text.size and plain.span[0] <= text.min() and text.max() <= plain.span[1]
    aliens = _NONE if is_plain else np.flatnonzero(plain.alien[text])
    if aliens.size:
        odd[np.searchsorted(offsets - offsets[0], aliens, side="right") - 1] = True
    if plain.scale is not None:
        _add_longer(odd, column, plain.scale)
    return odd


def _add_longer(odd: Any, column: Any, scale: int) -> None:
    """Add the numbers that end in a zero beyond the scale, to the suspects.

    Such a number is longer than the scale and its point, which does not stand where that of a full fraction does.
    """
    offsets, text = offsets_of(column), bytes_of(column)
    ends = offsets[1:] - offsets[0]
    lengths = np.diff(offsets)
    long = lengths >= scale + 2
    if not long.any():
        return
    marks = text[np.maximum(ends - 1 - scale, 0)]
    is_full = (marks == _POINTS[0]) | (marks == _POINTS[1])
    candidates = np.flatnonzero(long & (text[np.maximum(ends - 1, 0)] == _ZERO) & ~is_full)
    if candidates.size:
        longer = pc.match_substring_regex(column.take(indices_array(candidates)), f"[.,][0-9]{{{scale + 1}}}")
        odd[candidates[flags_of(longer)]] = True


def cast_plainly(column: Any, plain: Plain) -> Any:
    """Typed values of a column if all of its texts are plain, or null; else None, and each has to be looked at."""
    if plain.span is None or not plain.longest:
        return None
    text = bytes_of(column)
    if len(column) and np.diff(offsets_of(column)).max() > plain.longest:
        return None
    if plain.span != _ANY and text.size and not plain.span[0] <= text.min() <= text.max() <= plain.span[1]:
        return None
    if plain.scale is not None:
        odd = np.zeros(len(column), bool)
        _add_longer(odd, column, plain.scale)
        if odd.any():
            return None
    try:
        values = plain.cast(column)
    except pa.ArrowInvalid:
        return None
    return values if plain.bounds is None or _is_within(values, plain.bounds) else None


def cast(column: Any, plain: Plain, *, is_doubtful: bool = False) -> tuple[Any, Any]:
    """Typed values of a column of plain texts and nulls, and the indices of those that have none after all.

    Args:
        column: The texts.
        plain: Of their type.
        is_doubtful: Whether the cast by itself would probably fail.
    """
    values = None
    if not is_doubtful or plain.impossible is None:
        with suppress(pa.ArrowInvalid):
            values = plain.cast(column)
    failed = _NONE
    if values is None:
        if plain.impossible is not None:
            wrong = plain.impossible(column)
            column, failed = without(column, wrong), np.flatnonzero(wrong)
        values, others = _cast(column, plain.cast, _PIECES)
        failed = np.union1d(failed, others)
    if plain.bounds is not None and len(values):
        least, greatest = plain.bounds
        if not _is_within(values, plain.bounds):
            integers = _integers(values)
            outside = flags_of(
                pc.or_(pc.less(integers, least), pc.greater(integers, greatest)).fill_null(fill_value=False)
            )
            values = pc.if_else(flags_array(outside), pa.scalar(None, values.type), values)
            failed = np.union1d(failed, np.flatnonzero(outside))
    return values, failed


def _integers(values: Any) -> Any:
    return values.view(pa.int32() if pa.types.is_date32(values.type) else pa.int64())


def _is_within(values: Any, bounds: tuple[int, int]) -> bool:
    found = pc.min_max(_integers(values))
    least, greatest = found["min"].as_py(), found["max"].as_py()
    return least is None or bounds[0] <= least <= greatest <= bounds[1]


def _cast(column: Any, convert: Cast, pieces: tuple[int, ...]) -> tuple[Any, Any]:
    try:
        return convert(column), _NONE
    except pa.ArrowInvalid:
        if not pieces:
            kind = convert(column.slice(0, 0)).type
            return pa.nulls(len(column), kind), np.flatnonzero(flags_of(column.is_valid()))
    size, *rest = pieces
    found = [_cast(column.slice(at, size), convert, tuple(rest)) for at in range(0, len(column), size)]
    failed = [indices + number * size for number, (_, indices) in enumerate(found)]
    return pa.concat_arrays([values for values, _ in found]), np.concatenate(failed)
