"""What must hold for any bytes whatever. Each target raises where it does not."""

from __future__ import annotations

import io
import json
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

import pytest
from tests.fuzz.settings import Settings
from tests.partition.test_equivalence import Case, RecordKind, records_by_definition

import csvpipe
from csvpipe._intake.arrival.spool import Spool
from csvpipe._intake.arrival.take_in import take_in_bytes
from csvpipe._intake.binaries import has_many_nuls
from csvpipe._intake.inspect import inspect_file
from csvpipe._intake.inspection import Inspection, JobPlan
from csvpipe._intake.mended.layout import LEADING, RAW
from csvpipe._intake.source import LocalFile
from csvpipe._intake.stated import Stated
from csvpipe._partition import buffer, judge, openings, scan
from csvpipe._partition.cut import cut_chunks
from csvpipe._process.parse import Slice, SliceParser, read_slices
from csvpipe._report.rejects import write_rejects
from csvpipe.errors import FileCode, Phase, RowError

#: The definition that chunks are compared with takes time by the square of its input.
_PARTITION_BYTES: Final = 2_000

#: Codes that say that csvpipe itself is at fault.
_OURS: Final = {FileCode.INTERNAL, FileCode.CONSERVATION}

#: What a handler may say about a row, for the rejects file to cope with.
_MESSAGES: Final = ("bad", 'a "b", c; d', "two\r\nlines\rand\n", "=1+1\t|'^\\", "é → …", "", "\0\ufeff\x85")


@cache
def _folder() -> tempfile.TemporaryDirectory[str]:
    return tempfile.TemporaryDirectory(prefix="csvpipe-fuzz-")


def _laid_down(data: bytes) -> LocalFile:
    path = Path(_folder().name, "data.csv")
    path.write_bytes(data)
    return LocalFile.at(path)


def _check_refusal(error: csvpipe.CsvPipeError) -> None:
    assert str(error), "an error says something"
    assert getattr(error, "code", None) not in _OURS, error


# Inspection -----------------------------------------------------------------------------------------------------------


def inspection(data: bytes) -> None:
    """Bytes are inspected, or refused with a documented error."""
    settings, body = Settings.split(data)
    try:
        found = csvpipe.inspect(body, encoding=settings.encoding, dialect=settings.dialect, spool_dir=_folder().name)
    except csvpipe.CsvPipeError as error:
        _check_refusal(error)
        return
    assert found.columns
    assert len(set(found.columns)) == len(found.columns)
    assert 1 <= found.data_line
    assert 0 <= found.data_start
    plain = json.loads(json.dumps(found.to_dict()))
    assert json.loads(json.dumps(Inspection.from_dict(plain).to_dict())) == {**plain, "trial": None}


# Partition ------------------------------------------------------------------------------------------------------------


@contextmanager
def _strides(size: int | None) -> Iterator[None]:
    """Windows, steps and slack of a few bytes, so that small inputs have many of them."""
    with pytest.MonkeyPatch.context() as patch:
        if size is not None:
            patch.setattr(judge, "WINDOW_BYTES", size)
            patch.setattr(scan, "WINDOW_BYTES", size)
            patch.setattr(scan, "_FIRST_DETOUR_BYTES", size)
            patch.setattr(buffer, "_STEP_BYTES", size)
            patch.setattr(openings, "_SLACK", size)
        yield


def partition(data: bytes) -> None:
    """Chunks tile the file, and read one by one they give the records of the definition."""
    settings, body = Settings.split(data)
    body = body[:_PARTITION_BYTES]
    chunk_bytes, cut_bytes, block_bytes, stride, row_bytes = settings.sizes
    case = Case(body, settings.dialect or csvpipe.Dialect(), settings.local_encoding, row_bytes)
    expected = [record for record in records_by_definition(case) if record.kind is not RecordKind.BLANK]
    shape = Inspection(
        encoding=case.encoding, dialect=case.dialect, columns=("cell",), data_start=0, data_line=1, has_header=False
    )
    plan = JobPlan(source=_laid_down(body), inspection=shape, limits=csvpipe.Limits(row_bytes=row_bytes))
    sizes = {"chunk_bytes": chunk_bytes, "cut_bytes": cut_bytes, "block_bytes": block_bytes}
    with _strides(stride):
        slices = list(_slices(plan, **sizes))
    rows = [cells for part in slices for cells in part.rows]
    places = [part.place(index) for part in slices for index in range(len(part.rows))]
    assert [(r.start, r.end, r.line + 1) for r in expected] == [(p.start, p.end, p.line) for p in places]
    for record, cells in zip(expected, rows, strict=True):
        decodes = record.fields is not None and not any("\udc80" <= c <= "\udcff" for c in "".join(record.fields))
        assert (record.fields if decodes else None) == cells


def _slices(plan: JobPlan, **sizes: int) -> Iterator[Slice]:
    """All that is in a file, cut and parsed; every byte, line and row is accounted for."""
    source, shape, limits = plan.source, plan.inspection, plan.limits
    assert source is not None
    assert shape is not None
    parser = SliceParser(shape, limits, "keep")
    at, row, line = shape.data_start, 1, shape.data_line
    whole = {"start": at, "end": source.size, "first_row": row, "first_line": line}
    for chunk in cut_chunks(source, shape, limits, **{"chunk_bytes": 100_000, **whole, **sizes}):
        assert (at, row, line) == (chunk.start, chunk.first_row, chunk.first_line)
        assert all(before < after for before, after in pairwise((chunk.start, *chunk.cuts, chunk.end)))
        for part in read_slices(plan, parser, chunk):
            assert (at, row, line) == (part.start, part.first_row, part.first_line)
            assert set(part.flaws) == {index for index, cells in enumerate(part.rows) if cells is None}
            at, row, line = part.end, row + len(part.rows), line + part.lines
            yield part
        assert (at, row, line) == (chunk.end, chunk.first_row + chunk.rows, chunk.first_line + chunk.lines)
    assert source.size == at


# The whole way --------------------------------------------------------------------------------------------------------


def whole(data: bytes) -> None:
    """A job completes with every row accounted for, or fails with a code that is not csvpipe's own fault."""
    settings, body = Settings.split(data)
    handled: list[int] = []

    @csvpipe.pipeline(header="detect" if settings.salt % 2 else True, breaker=None)
    def fuzzed(row: csvpipe.Row, context: csvpipe.Context) -> None:
        verdict = (settings.salt + context.row) % 7
        if verdict == 1:
            raise csvpipe.Reject(_MESSAGES[context.row % len(_MESSAGES)])
        if verdict == 2:
            raise csvpipe.Skip
        handled.append(context.row)

    try:
        (record,) = csvpipe.run(
            fuzzed, body, encoding=settings.encoding, dialect=settings.dialect, rejects_dir=_folder().name
        )
    except csvpipe.EncodingUnknownError:
        return
    if record.status is csvpipe.JobStatus.COMPLETED:
        assert record.total_rows == record.processed_rows + record.failed_rows + record.skipped_rows
        assert sorted(set(handled)) == sorted(handled)
        assert record.processed_rows == len(handled)
    else:
        assert record.error_code in set(FileCode) - _OURS, record


# Rejects --------------------------------------------------------------------------------------------------------------


def rejects(data: bytes) -> None:
    """Where every row is rejected, the rejects file has them all, and can be read."""
    settings, body = Settings.split(data)
    stated: dict[str, Any] = {"encoding": settings.local_encoding, "dialect": settings.dialect or csvpipe.Dialect()}
    limits = csvpipe.Limits(row_bytes=settings.sizes[-1])
    header = True if settings.salt % 3 else ("id", "na,me")
    try:
        plan, shape = _planned(body, "rejected", Stated(header=header, skip_lines=0, **stated), limits)
    except csvpipe.FileError as error:
        _check_refusal(error)
        return
    errors = [_error(part, index, settings.salt) for part in _slices(plan) for index in range(len(part.rows))]
    dest = io.BytesIO()
    assert len(errors) == write_rejects(dest, lambda: iter(errors), plan)
    # Of a file that has not even the delimiter's character nothing can be read again, nor if names occur twice in it.
    is_spelt = _has(shape.encoding, shape.dialect.delimiter) and not {*LEADING, RAW} & {*shape.columns}
    # Nor of one whose messages add so many NULs to its own that it looks like no text.
    if is_spelt and errors and not has_many_nuls(dest.getvalue()):
        _read_again(dest.getvalue(), stated, [error.row for error in errors])


def _planned(data: bytes, name: str, stated: Stated, limits: csvpipe.Limits) -> tuple[JobPlan, Inspection]:
    spool = Spool(_folder().name)
    taken = take_in_bytes(data, spool, name, stated=stated, limits=limits, place=name)
    shape = inspect_file(taken, stated, limits, place=name)
    return JobPlan(source=taken.file, inspection=shape, limits=limits), shape


def _has(encoding: str, character: str) -> bool:
    return character == character.encode(encoding, "ignore").decode(encoding)


def _error(part: Slice, index: int, salt: int) -> RowError:
    place, row = part.place(index), part.first_row + index
    message = _MESSAGES[(row + salt) % len(_MESSAGES)]
    return RowError(
        row=row,
        line=place.line,
        column="na,me" if salt % 2 else None,
        code="rejected",
        phase=Phase.HANDLE,
        message=message,
        value=None,
        start=place.start,
        end=place.end,
    )


def _read_again(data: bytes, stated: dict[str, Any], rows: list[int]) -> None:
    plan, shape = _planned(data, "rejects", Stated(skip_lines=0, **stated), csvpipe.Limits())
    assert LEADING == shape.columns[: len(LEADING)]
    found = [cells for part in _slices(plan) for cells in part.rows]
    assert len(rows) == len(found)
    assert all(cells is None or cells[0] == str(row) for row, cells in zip(rows, found, strict=True))


TARGETS: Final[dict[str, Callable[[bytes], None]]] = {
    "inspection": inspection,
    "partition": partition,
    "rejects": rejects,
    "whole": whole,
}
