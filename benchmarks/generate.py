"""CSV files for the benchmarks: 8 mixed columns of about 80 bytes a row, the same bytes for the same arguments."""

import csv
import io
import random
from collections.abc import Iterator
from datetime import date, timedelta
from enum import StrEnum
from pathlib import Path

COLUMNS = ("id", "name", "city", "joined", "score", "active", "visits", "amount")
SEED = 20_250_101

#: Different rows of a file; larger files repeat them, so that writing takes little time.
_BLOCK_ROWS = 10_000

_CITIES = ("Amsterdam", "Bogota", "Cairo", "Dakar", "Edinburgh", "Fukuoka", "Geneva", "Hanoi")
_NAMES = ("Ana Ruiz", "Ben Okafor", "Chloe Martin", "Dmitri Volkov", "Elif Demir", "Farid Haddad", "Grace Kim")
_FIRST_DAY = date(2015, 1, 1)


class Kind(StrEnum):
    """How the cells of a file are spelled."""

    PLAIN = "plain"
    QUOTED_NEWLINES = "a quoted newline in every 50th row"
    ALL_QUOTED = "every cell quoted"
    ESCAPED = "an escape character"


def write_rows(path: Path, rows: int, kind: Kind = Kind.PLAIN) -> Path:
    """Write a header and so many rows."""
    blocks, rest = divmod(rows, _BLOCK_ROWS)
    with path.open("wb") as file:
        file.write(_lines([COLUMNS], kind))
        if blocks:
            block = _lines(_rows(_BLOCK_ROWS, kind), kind)
            for _ in range(blocks):
                file.write(block)
        file.write(_lines(_rows(rest, kind), kind))
    return path


def write_bytes(path: Path, size: int, kind: Kind = Kind.PLAIN) -> Path:
    """Write a header and whole blocks of rows until the file has at least so many bytes."""
    block = _lines(_rows(_BLOCK_ROWS, kind), kind)
    return write_rows(path, -(-size // len(block)) * _BLOCK_ROWS, kind)


def _rows(count: int, kind: Kind) -> Iterator[tuple[object, ...]]:
    """Seeded rows."""
    draw = random.Random(SEED)
    for number in range(count):
        name = draw.choice(_NAMES)
        if kind is Kind.QUOTED_NEWLINES and number % 50 == 0:
            name = name.replace(" ", "\n")
        elif kind is Kind.ESCAPED and number % 50 == 0:
            name = name.replace(" ", ",")
        yield (
            number,
            f"{name} {draw.randrange(10**8):08}",
            draw.choice(_CITIES),
            (_FIRST_DAY + timedelta(days=draw.randrange(3_650))).isoformat(),
            "" if number % 10 == 0 else f"{draw.random():.12f}",
            draw.choice(("true", "false")),
            draw.randrange(1_000),
            f"{draw.randrange(10**6)}.{draw.randrange(100):02}",
        )


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
