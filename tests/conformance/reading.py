"""How a file is read in one test, and what csvpipe made of it."""

from __future__ import annotations

from typing import TypeAlias

import attrs

import csvpipe

#: What the rows of a file without a header are called. They are kept as they are, so one name does for any width; and
#: where names are stated nothing hangs on the first record, so if it is bad it costs itself alone.
UNNAMED = ("cell",)

#: The cells of a row, by name where the file has a header; or the code of its error.
Seen: TypeAlias = list[str] | dict[str, str] | str


@attrs.frozen(kw_only=True)
class Reading:
    """All that is stated about a file.

    Attributes:
        dialect: None to detect it.
        header: The names, or True where they stand in the file: then a row that does not fit them is rejected.
        skip_lines: Lines above the header or the first record.
        field_characters: See `Limits`.
    """

    dialect: csvpipe.Dialect | None = attrs.field(factory=csvpipe.Dialect)
    header: bool | tuple[str, ...] = UNNAMED
    skip_lines: int = 0
    field_characters: int = 1024 * 1024


@attrs.frozen(kw_only=True)
class Outcome:
    """What became of a file.

    Attributes:
        rows: Every row in file order.
        code: Why the job failed, or None.
    """

    rows: list[Seen]
    code: str | None


def read(data: bytes, reading: Reading) -> Outcome:
    """Import a file by the front door, with a handler that takes down what it gets.

    Raises:
        CsvPipeError: The reading is refused.
    """
    seen: dict[int, Seen] = {}

    def keep(row: list[str], context: csvpipe.Context) -> None:
        seen[context.row] = row

    def name(row: dict[str, str], context: csvpipe.Context) -> None:
        seen[context.row] = row

    pipeline = csvpipe.pipeline(
        name="conformance",
        dialect=reading.dialect,
        encoding="utf-8",
        header=reading.header,
        skip_lines=reading.skip_lines,
        ragged="reject" if reading.header is True else "keep",
        limits=csvpipe.Limits(field_characters=reading.field_characters),
    )(name if reading.header is True else keep)
    store = csvpipe.MemoryJobStore()
    (record,) = csvpipe.run(pipeline, data, store=store, workers=1)
    seen |= {error.row: error.code for _ordinal, error in store.row_errors(record.id, limit=1_000)}
    return Outcome(rows=[row for _number, row in sorted(seen.items())], code=record.error_code)
