r"""The rejects file: every rejected row as it stands in the source, behind five cells that say why it is there.

It is spelt as the source is: dialect, encoding (UTF-8 where the source was transcoded) and newlines. Whoever mends the
rows can leave the leading columns where they are; appended ones would stand under other names in every ragged row.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Iterator
from heapq import merge
from itertools import chain, groupby
from operator import attrgetter
from pathlib import Path
from typing import BinaryIO, Final

from csvpipe._intake.inspection import JobPlan
from csvpipe._intake.source import LocalFile
from csvpipe._process.mending import row_number
from csvpipe._process.rowset import RowFlags
from csvpipe._report.sheet import SHOWN_CHARACTERS, Raw, Reject, Sheet
from csvpipe.errors import FileError, Phase, RowCode, RowError, SourceGoneError

#: UTF-8 has no longer characters.
_CHARACTER_BYTES: Final = 4

_JOINT: Final = "; "

#: The source is read in blocks of so many bytes, as long as rejected records are no farther apart than this.
_BLOCK_BYTES: Final = 256 * 1024

#: What is read where they are.
_LONE_BYTES: Final = 8 * 1024

#: Seconds of work between two pauses, and of a pause.
_WORK_SECONDS: Final = 0.008
_PAUSE_SECONDS: Final = 0.000_5


# Row errors -----------------------------------------------------------------------------------------------------------


def read_spill(path: str | Path) -> Iterator[RowError]:
    """The row errors that a worker wrote down because its result could not carry them, in their order.

    Args:
        path: Of a file with one JSON object a line; opened when the first error is asked for.

    Raises:
        SourceGoneError: The file is missing or damaged.
    """
    line = 0
    try:
        with Path(path).open(encoding="utf-8") as file:
            for line, text in enumerate(file, start=1):  # noqa: B007  # named in the message
                plain = json.loads(text)
                plain["phase"] = Phase(plain["phase"])
                yield RowError(**plain)
    except FileNotFoundError:
        raise SourceGoneError(f"{path}: the row errors that were stored here are gone") from None
    except (ValueError, TypeError, KeyError) as error:
        raise SourceGoneError(f"{path}: line {line}: damaged, so row errors are lost: {error}") from error


def merged(stored: Iterable[RowError], spills: Iterable[Iterable[RowError]]) -> Iterator[RowError]:
    """One sequence by row of the errors in the store and those that were spilled.

    Args:
        stored: By row. Of a row that has errors on both sides, these come first.
        spills: One for each chunk that has one, in file order: then they are by row as well, end to end, and only one
            of them is open at a time.
    """
    return merge(stored, chain.from_iterable(spills), key=attrgetter("row"))


# The file -------------------------------------------------------------------------------------------------------------


def write_rejects(
    dest: BinaryIO,
    errors: Callable[[], Iterable[RowError]],
    plan: JobPlan,
    resolved: RowFlags | None = None,
    *,
    is_ours: bool = False,
) -> int:
    """Write a job's rejects file. Runs in a worker thread; holds one record, or one block of them, in memory at a time.

    Args:
        dest: Written to from where it stands; the caller closes it.
        errors: Gives the job's row errors, by row and the same ones every time: they may be gone through twice, since
            the header depends on all of them.
        plan: The job's, inspected. Its local file is not needed where there are no errors; a record over the limit
            `row_bytes` is shown by its beginning.
        resolved: Rows of the chain's first file that are left out; None to write all.
        is_ours: Whether `dest` is an empty file that may be written anew from its start; then the errors are gone
            through a second time only if the first was in vain.

    Returns:
        The number of rejected rows written.

    Raises:
        SourceGoneError: The source is gone, has changed, or cannot be read.
        OSError: `dest` cannot be written.
    """
    source, inspection, mends = plan.source, plan.inspection, plan.mends
    assert source is not None, "a job without a file has no rejects"  # noqa: S101
    assert inspection is not None, "a job without a file has no rejects"  # noqa: S101
    first = next(iter(errors()), None)
    if first is None:
        dest.write(Sheet(inspection, mends, newline="\n", has_raw=False).header())
        return 0
    with _opened(source) as file:
        records = _Records(file, source, most_bytes=plan.limits.row_bytes + len(b"\r\n"))
        newline = records.newline_before(inspection.data_start) or records.newline_before(first.end) or "\n"
        sheet = Sheet(inspection, mends, newline=newline, has_raw=False)

        def rows() -> Iterator[tuple[Reject, Raw]]:
            for reject in _rejects(_paced(errors())):
                raw = records.raw(reject)
                if resolved is None or reject.is_foreign or not _is_in(resolved, sheet.number(reject, raw)):
                    yield reject, raw

        number = None
        if is_ours:
            number = _write_fitting(dest, sheet, rows())
            if number is None:
                dest.seek(0)
                dest.truncate()
        elif all(sheet.fits(*row) for row in rows()):
            number = _write(dest, sheet, rows())
        if number is None:
            number = _write(dest, Sheet(inspection, mends, newline=newline, has_raw=True), rows())
        _check(source)
    return number


def _write(dest: BinaryIO, sheet: Sheet, rows: Iterable[tuple[Reject, Raw]]) -> int:
    number = 0
    dest.write(sheet.header())
    for number, row in enumerate(rows, start=1):  # noqa: B007  # the last is how many there are
        dest.write(sheet.row(*row))
    return number


def _write_fitting(dest: BinaryIO, sheet: Sheet, rows: Iterable[tuple[Reject, Raw]]) -> int | None:
    """Write rows in place, in the hope that all of them fit; None at the first that does not."""
    number = 0
    dest.write(sheet.header())
    for number, row in enumerate(rows, start=1):  # noqa: B007  # the last is how many there are
        if not sheet.fits(*row):
            return None
        dest.write(sheet.row(*row))
    return number


def _is_in(rows: RowFlags, text: str) -> bool:
    number = row_number(text)
    return number is not None and number in rows


def _paced(errors: Iterable[RowError]) -> Iterator[RowError]:
    """The errors, with a short pause whenever some work was done on them.

    A thread that computes gives up the interpreter only when another has waited for it for 5 ms, and an event loop
    has to wait anew each time it comes back from the system: many times for all that it does in one turn. A pause of
    no length would not help, as this thread would often have the interpreter back before another one wakes up. One
    that is a little longer lets the loop do its turn undisturbed.
    """
    due = time.monotonic() + _WORK_SECONDS
    for error in errors:
        if time.monotonic() >= due:
            time.sleep(_PAUSE_SECONDS)
            due = time.monotonic() + _WORK_SECONDS
        yield error


def _rejects(errors: Iterable[RowError]) -> Iterator[Reject]:
    for row, group in groupby(errors, key=attrgetter("row")):
        of_row = list(group)
        if len(of_row) == 1:
            error = of_row[0]
            said = (str(row), str(error.line), error.code, error.column or "", error.message)
            is_foreign = error.code == RowCode.NOT_OPEN
            yield Reject(leading=said, is_foreign=is_foreign, start=error.start, end=error.end)
            continue
        columns = [error.column or "" for error in of_row]
        yield Reject(
            leading=(
                str(row),
                str(of_row[0].line),
                _JOINT.join(error.code for error in of_row),
                _JOINT.join(columns) if any(columns) else "",
                _JOINT.join(error.message for error in of_row),
            ),
            is_foreign=any(error.code == RowCode.NOT_OPEN for error in of_row),
            start=of_row[0].start,
            end=of_row[0].end,
        )


# The source -----------------------------------------------------------------------------------------------------------


def _gone(source: LocalFile, error: Exception) -> SourceGoneError:
    return SourceGoneError(
        f"the rejected rows cannot be shown, since their text is read from the job's file, {source.path}: {error}"
    )


def _opened(source: LocalFile) -> BinaryIO:
    try:
        return source.open()
    except FileError as error:
        raise _gone(source, error) from error


def _check(source: LocalFile) -> None:
    try:
        source.check_unchanged()
    except FileError as error:
        raise _gone(source, error) from error


class _Records:
    """Raw text of records, read from the source; of longer ones than `most_bytes` only the beginning.

    They are asked for in file order, and where many rows are rejected they are close together. So a block is read at a
    time: a system call for each record takes longer than all that is done with it.
    """

    def __init__(self, file: BinaryIO, source: LocalFile, *, most_bytes: int) -> None:
        self._file = file
        self._source = source
        self._most = most_bytes
        self._block = b""
        self._offset = 0  # of the block

    def newline_before(self, offset: int) -> str | None:
        """The line end just before this byte, if there is one."""
        return _line_end(self._read(max(0, offset - 2), offset)).decode() or None

    def raw(self, reject: Reject) -> Raw:
        if reject.end - reject.start > self._most:
            shown = min(self._most, SHOWN_CHARACTERS * _CHARACTER_BYTES)
            return Raw(self._read(reject.start, reject.start + shown), is_whole=False)
        data = self._read(reject.start, reject.end)
        return Raw(data.removesuffix(_line_end(data)), is_whole=True)

    def _read(self, start: int, end: int) -> bytes:
        if not self._offset <= start <= end <= self._offset + len(self._block):
            is_near = 0 <= start - self._offset < len(self._block) + _BLOCK_BYTES
            self._fill(start, max(end - start, _BLOCK_BYTES if is_near else _LONE_BYTES))
        data = self._block[start - self._offset : end - self._offset]
        if len(data) != end - start:
            raise _gone(self._source, EOFError(f"it ends at byte {start + len(data)}, before byte {end}"))
        return data

    def _fill(self, start: int, size: int) -> None:
        try:
            self._file.seek(start)
            self._block, self._offset = self._file.read(size), start
        except (FileError, OSError) as error:
            raise _gone(self._source, error) from error


def _line_end(data: bytes) -> bytes:
    if data.endswith(b"\r\n"):
        return b"\r\n"
    return data[-1:] if data.endswith((b"\n", b"\r")) else b""
