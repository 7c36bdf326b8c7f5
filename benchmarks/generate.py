"""CSV files for the benchmarks: several shapes, the same bytes for the same arguments."""

import csv
import io
import random
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from enum import StrEnum
from pathlib import Path
from random import Random

COLUMNS = ("id", "name", "city", "joined", "score", "active", "visits", "amount")
SEED = 20_250_101

#: Different rows of a file; larger files repeat them, so that writing takes little time.
_BLOCK_ROWS = 10_000
_WIDE_BLOCK_ROWS = 500
_WIDE_COLUMNS = 200
_NUMBER_COLUMNS = 8
_TEXT_CHARACTERS = 2_000

_CITIES = ("Amsterdam", "Bogota", "Cairo", "Dakar", "Edinburgh", "Fukuoka", "Geneva", "Hanoi")
_NAMES = ("Ana Ruiz", "Ben Okafor", "Chloe Martin", "Dmitri Volkov", "Elif Demir", "Farid Haddad", "Grace Kim")
_FOREIGN_NAMES = ("Zoë Müller", "Łukasz Żak", "李小龍", "Ольга Петрова", "Γιώργος Παππάς", "東京 太郎", "Ana 🙂 Ruiz")
_FOREIGN_CITIES = ("Zürich", "Łódź", "北京", "Москва", "Αθήνα", "São Paulo", "Malmö", "القاهرة")
_WORDS = ("lorem", "ipsum", "dolor", "sit", "amet", "consectetur", "adipiscing", "elit", "sed", "do", "eiusmod")
_FIRST_DAY = date(2015, 1, 1)


class Kind(StrEnum):
    """What a file looks like."""

    PLAIN = "8 mixed columns"
    QUOTED_NEWLINES = "a quoted newline in every 50th row"
    ALL_QUOTED = "every cell quoted"
    ESCAPED = "an escape character"
    MULTI_BYTE = "multi-byte text"
    FEW_BAD = "0.1 % bad rows"
    FEW_BAD_QUOTED_NEWLINES = "0.1 % bad rows, quoted newlines"
    MANY_BAD = "20 % bad rows"
    NARROW = "2 columns"
    WIDE = "200 columns"
    LONG_TEXT = "a text of 2,000 characters"
    NUMBERS = "8 columns of numbers"


_QUOTED_NEWLINES = frozenset({Kind.QUOTED_NEWLINES, Kind.FEW_BAD_QUOTED_NEWLINES})
#: How many rows there are for each bad one. Neither divides, nor is divided by, the distance of other peculiarities.
_BAD_EVERY = {Kind.FEW_BAD: 1_000, Kind.FEW_BAD_QUOTED_NEWLINES: 1_000, Kind.MANY_BAD: 5}


def columns_of(kind: Kind) -> tuple[str, ...]:
    """The header of a file."""
    match kind:
        case Kind.NARROW:
            return ("id", "name")
        case Kind.WIDE:
            return tuple(f"c{number}" for number in range(_WIDE_COLUMNS))
        case Kind.LONG_TEXT:
            return ("id", "text")
        case Kind.NUMBERS:
            return tuple(f"n{number}" for number in range(_NUMBER_COLUMNS))
        case _:
            return COLUMNS


def bad_rows(rows: int, kind: Kind) -> int:
    """How many of a file's rows have a cell that does not convert."""
    if (every := _BAD_EVERY.get(kind)) is None:
        return 0
    block = block_rows(kind)
    whole, rest = divmod(rows, block)
    return whole * _bad_of(block, every) + _bad_of(rest, every)


def block_rows(kind: Kind) -> int:
    """How many different rows a file of the kind has at most."""
    return _WIDE_BLOCK_ROWS if kind in {Kind.WIDE, Kind.LONG_TEXT} else _BLOCK_ROWS


def write_rows(path: Path, rows: int, kind: Kind = Kind.PLAIN) -> Path:
    """Write a header and so many rows."""
    each = block_rows(kind)
    blocks, rest = divmod(rows, each)
    with path.open("wb") as file:
        file.write(_lines([columns_of(kind)], kind))
        if blocks:
            block = _lines(_rows(each, kind), kind)
            for _ in range(blocks):
                file.write(block)
        file.write(_lines(_rows(rest, kind), kind))
    return path


def rows_in(size: int, kind: Kind = Kind.PLAIN) -> int:
    """How many rows, in whole blocks, make a file of at least so many bytes."""
    each = block_rows(kind)
    return -(-size // len(_lines(_rows(each, kind), kind))) * each


def _bad_of(rows: int, every: int) -> int:
    """How many of the first `rows` of a block are bad: each row `every * n + every // 2`."""
    return (rows + every - every // 2 - 1) // every


def _rows(count: int, kind: Kind) -> Iterator[tuple[object, ...]]:
    """Seeded rows."""
    draw = random.Random(SEED)
    make = _MAKERS.get(kind, _mixed)
    for number in range(count):
        yield make(draw, number, kind)


def _mixed(draw: Random, number: int, kind: Kind) -> tuple[object, ...]:
    name = draw.choice(_FOREIGN_NAMES if kind is Kind.MULTI_BYTE else _NAMES)
    if kind in _QUOTED_NEWLINES and number % 50 == 0:
        name = name.replace(" ", "\n")
    elif kind is Kind.ESCAPED and number % 50 == 0:
        name = name.replace(" ", ",")
    day = (_FIRST_DAY + timedelta(days=draw.randrange(3_650))).isoformat()
    row = (
        number,
        f"{name} {draw.randrange(10**8):08}",
        draw.choice(_FOREIGN_CITIES if kind is Kind.MULTI_BYTE else _CITIES),
        day,
        "" if number % 10 == 0 else f"{draw.random():.12f}",
        draw.choice(("true", "false")),
        draw.randrange(1_000),
        f"{draw.randrange(10**6)}.{draw.randrange(100):02}",
    )
    every = _BAD_EVERY.get(kind)
    if every is None or number % every != every // 2:
        return row
    # In turns: a day that does not exist, and text where a number is due.
    return (*row[:3], "2024-02-30", *row[4:]) if number // every % 2 else (*row[:6], "many", *row[7:])


def _narrow(draw: Random, number: int, _kind: Kind) -> tuple[object, ...]:
    return number, draw.choice(_NAMES)


def _wide(draw: Random, number: int, _kind: Kind) -> tuple[object, ...]:
    return (number, *(draw.randrange(10_000) for _ in range(_WIDE_COLUMNS - 1)))


def _long(draw: Random, number: int, _kind: Kind) -> tuple[object, ...]:
    words = " ".join(draw.choices(_WORDS, k=_TEXT_CHARACTERS // 5))
    return number, words[:_TEXT_CHARACTERS]


def _numbers(draw: Random, number: int, _kind: Kind) -> tuple[object, ...]:
    integers = (draw.randrange(10**6) for _ in range(_NUMBER_COLUMNS // 2 - 1))
    return (number, *integers, *(f"{draw.random() * 1000:.6f}" for _ in range(_NUMBER_COLUMNS // 2)))


_MAKERS: dict[Kind, Callable[[Random, int, Kind], tuple[object, ...]]] = {
    Kind.NARROW: _narrow,
    Kind.WIDE: _wide,
    Kind.LONG_TEXT: _long,
    Kind.NUMBERS: _numbers,
}


def _lines(rows: Iterator[tuple[object, ...]] | list[tuple[str, ...]], kind: Kind) -> bytes:
    """Rows as they stand in the file."""
    text = io.StringIO(newline="")
    if kind is Kind.ESCAPED:
        writer = csv.writer(text, lineterminator="\n", quoting=csv.QUOTE_NONE, escapechar="\\")
    else:
        quoting = csv.QUOTE_ALL if kind is Kind.ALL_QUOTED else csv.QUOTE_MINIMAL
        writer = csv.writer(text, lineterminator="\n", quoting=quoting)
    writer.writerows(rows)
    return text.getvalue().encode()
