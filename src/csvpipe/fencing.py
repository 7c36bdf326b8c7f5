"""What csvpipe keeps in a database that rows are written to: who may write, and what has been written.

Three small tables. `csvpipe_fence` has the attempt of each job that may write: every transaction reads it under a lock
and ends unless it is its own. `csvpipe_markers` has the result of each chunk that a sink has delivered, by its first
byte. `csvpipe_rows_done` has the rows that a handler's own transactions have dealt with, as half-open ranges.

The statements hold nothing but numbers and the digits of ids, besides results, so they are the same for every driver.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Final
from uuid import UUID

#: SQLSTATEs of PostgreSQL: a lock was waited for in vain; there is no such table; a statement has failed before in the
#: transaction; such a row is there.
LOCKED: Final = "55P03"
NO_TABLE: Final = "42P01"
ABORTED: Final = "25P02"
NOT_UNIQUE: Final = "23505"

#: Rows are locked by blocks of 1, 32, 1024 and so on, and so few for a call.
_BLOCK_BITS: Final = 5
_BLOCK_SIZES: Final = 5
_BLOCKS: Final = 4

FENCE: Final = "csvpipe_fence"
MARKERS: Final = "csvpipe_markers"
ROWS_DONE: Final = "csvpipe_rows_done"

#: How the tables are made; an application whose user may not do so makes them itself. The fence comes last: where it
#: stands, the others do.
TABLES: Final = {
    MARKERS: f"CREATE TABLE IF NOT EXISTS {MARKERS} (job VARCHAR(32) NOT NULL, start_byte BIGINT NOT NULL, "
    "end_byte BIGINT NOT NULL, result TEXT NOT NULL, PRIMARY KEY (job, start_byte))",
    ROWS_DONE: f"CREATE TABLE IF NOT EXISTS {ROWS_DONE} (job VARCHAR(32) NOT NULL, first_row BIGINT NOT NULL, "
    "end_row BIGINT NOT NULL, PRIMARY KEY (job, first_row))",
    FENCE: f"CREATE TABLE IF NOT EXISTS {FENCE} (job VARCHAR(32) PRIMARY KEY, attempt BIGINT NOT NULL)",
}


def make_tables(has: Callable[[str], bool], make: Callable[[str], object]) -> None:
    """Make the tables that are missing. Somebody else may be making them, too: then it is enough that they are there.

    Args:
        has: Whether there is a table of this name, as others have committed it.
        make: Runs a statement, and commits it.

    Raises:
        Exception: A table cannot be made, and is not there.
    """
    for name, statement in TABLES.items():
        if has(name):
            continue
        try:
            make(statement)
        except Exception:  # which of several errors it is where another was quicker depends on the moment
            if not has(name):
                raise


def raised(job: UUID, attempt: int) -> str:
    """Let an attempt in, and those before it no more; a later one stays."""
    return (
        f"INSERT INTO {FENCE} (job, attempt) VALUES ('{job.hex}', {attempt:d}) "  # noqa: S608  # digits
        f"ON CONFLICT (job) DO UPDATE SET attempt = excluded.attempt WHERE {FENCE}.attempt < excluded.attempt"
    )


def present(job: UUID) -> str:
    """The attempt that may write."""
    return f"SELECT attempt FROM {FENCE} WHERE job = '{job.hex}'"  # noqa: S608  # digits


def present_with_marker(job: UUID, start: int) -> str:
    """The attempt that may write, and the result of a delivery that began there or NULL."""
    return (
        f"SELECT attempt, (SELECT result FROM {MARKERS} WHERE job = '{job.hex}' AND start_byte = {start:d}) "  # noqa: S608
        f"FROM {FENCE} WHERE job = '{job.hex}'"
    )


def present_and_alone(job: UUID, first: int, end: int) -> str:
    """The attempt that may write and the transaction's number, in PostgreSQL; waits for others that deal with a row.

    They have begun in this way, too, with rows in `[first, end)` or around it. What they have noted, the next statement
    sees.
    """
    keys = sorted(_locks(job, first, end))  # in one order, as two might lock each other out
    locks = ", ".join(f"pg_advisory_xact_lock{kind}({key:d})" for key, kind in keys)
    return f"SELECT attempt, txid_current(), {locks} FROM {FENCE} WHERE job = '{job.hex}' FOR SHARE"  # noqa: S608


def _locks(job: UUID, first: int, end: int) -> Iterator[tuple[int, str]]:
    """Keys of locks, of which two calls have one in common that is not shared exactly if their blocks overlap.

    A call has the blocks of its rows for itself, of the smallest size of which a few suffice, and shares the larger
    ones around them with all others there. So calls for rows that are not close to each other go on side by side.
    """
    from hashlib import blake2b  # noqa: PLC0415  # brings OpenSSL along, which few jobs need

    kind = ""
    for size in range(_BLOCK_SIZES):
        blocks = range(first >> _BLOCK_BITS * size, (end - 1 >> _BLOCK_BITS * size) + 1)
        if not kind and len(blocks) > _BLOCKS and size + 1 < _BLOCK_SIZES:
            continue
        for block in blocks:
            digest = blake2b(f"csvpipe {job.hex} {size} {block}".encode(), digest_size=8).digest()
            yield int.from_bytes(digest, "big", signed=True), kind
        kind = "_shared"


def marked(job: UUID, start: int, end: int, placeholder: str) -> str:
    """Note a delivery; its result is the statement's one value."""
    return (
        f"INSERT INTO {MARKERS} (job, start_byte, end_byte, result) "  # noqa: S608  # digits
        f"VALUES ('{job.hex}', {start:d}, {end:d}, {placeholder})"
    )


def results(job: UUID) -> str:
    """The results of all deliveries."""
    return f"SELECT result FROM {MARKERS} WHERE job = '{job.hex}' ORDER BY start_byte"  # noqa: S608  # digits


def rows_done(job: UUID, first: int, end: int) -> str:
    """Ranges of rows in `[first, end)`, or around it, that transactions of handlers have dealt with."""
    return (
        f"SELECT first_row, end_row FROM {ROWS_DONE} WHERE job = '{job.hex}' "  # noqa: S608  # digits
        f"AND first_row < {end:d} AND end_row > {first:d}"
    )


def noted(job: UUID, ranges: Sequence[tuple[int, int]]) -> str:
    """Note ranges of rows that a handler's transaction has dealt with."""
    values = ", ".join(f"('{job.hex}', {first:d}, {end:d})" for first, end in ranges)
    return f"INSERT INTO {ROWS_DONE} (job, first_row, end_row) VALUES {values}"  # noqa: S608  # digits


def noted_within(job: UUID, ranges: Sequence[tuple[int, int]], transaction: int) -> str:
    """The same in PostgreSQL, if this is still the transaction with that number; finds something then."""
    condition = f"WHERE txid_current() = {transaction:d}"
    if not ranges:
        return f"SELECT 1 {condition}"
    values = ", ".join(f"('{job.hex}', {first:d}, {end:d})" for first, end in ranges)
    return (
        f"INSERT INTO {ROWS_DONE} (job, first_row, end_row) "  # noqa: S608  # digits
        f"SELECT * FROM (VALUES {values}) AS ranges {condition} RETURNING 1"
    )


def forgotten(job: UUID) -> list[str]:
    """Remove all of a job; the fence comes last, so that nobody writes meanwhile."""
    return [f"DELETE FROM {table} WHERE job = '{job.hex}'" for table in (MARKERS, ROWS_DONE, FENCE)]  # noqa: S608
