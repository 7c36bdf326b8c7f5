"""No byte and no row without an account: the check that stands between a job and `completed`."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise

from csvpipe._process.result import ChunkResult
from csvpipe.errors import FileCode, FileFailure

_WAY_OUT = "submit the file again as a new job, and report this as a defect of csvpipe"


def check_tiling(
    results: Iterable[ChunkResult], *, data_start: int, data_line: int, size: int, total_rows: int | None
) -> FileFailure | None:
    """Whether the results of a job account for its whole file: None, or the first place where they do not.

    The byte ranges must tile `[data_start, size)` without gap or overlap, the row numbers must follow on each other
    from 1 and the line numbers from `data_line`, and the workers' counts must add up to the partitioner's. Results
    over no byte and no row account for nothing and are left aside.

    Args:
        results: The job's, in any order.
        data_start: Byte offset of the first data record.
        data_line: 1-based physical line at `data_start`.
        size: Bytes of the file.
        total_rows: Data records as the partitioner counted them; None if the file was never cut to its end.
    """
    laid_out = sorted((result for result in results if not _is_empty(result)), key=lambda result: result.start)
    before = ChunkResult(start=data_start, end=data_start, first_row=1, first_line=data_line, lines=0)
    beyond_rows = sum(result.rows for result in laid_out) + 1
    for previous, following in pairwise([before, *laid_out]):
        broken = _broken_joint(previous, following)
        if broken is not None:
            return _failure(broken)
    last_end = laid_out[-1].end if laid_out else data_start
    return _broken_end(last_end, size, handled_rows=beyond_rows - 1, total_rows=total_rows)


def _is_empty(result: ChunkResult) -> bool:
    return result.start == result.end and not result.rows and not result.lines


def _broken_joint(previous: ChunkResult, following: ChunkResult) -> str | None:
    """What is wrong where `following` should follow on `previous`."""
    start, end = following.start, following.end
    if start > previous.end:
        return f"no worker accounts for bytes {previous.end} to {start}"
    if start < previous.end:
        return f"bytes {start} to {min(previous.end, end)} are accounted for twice"
    if end <= start:
        return f"the result at byte {start} ends at byte {end}, before it begins"
    if following.first_row != previous.first_row + previous.rows:
        expected = previous.first_row + previous.rows
        return f"the result at byte {start} begins with row {following.first_row} instead of row {expected}"
    if following.first_line != previous.first_line + previous.lines:
        expected = previous.first_line + previous.lines
        return f"the result at byte {start} begins on line {following.first_line} instead of line {expected}"
    return None


def _broken_end(last_end: int, size: int, *, handled_rows: int, total_rows: int | None) -> FileFailure | None:
    """What is wrong with the end of the file, where all joints are sound."""
    if last_end < size:
        return _failure(f"no worker accounts for bytes {last_end} to {size}, the end of the file")
    if last_end > size:
        return _failure(f"the results go on to byte {last_end}, but the file ends at byte {size}")
    if total_rows is None:
        return _failure("the rows of the file were never counted to the end")
    if handled_rows != total_rows:
        return _failure(f"the workers account for {handled_rows} rows, but the file has {total_rows}")
    return None


def _failure(broken: str) -> FileFailure:
    return FileFailure(code=FileCode.CONSERVATION, message=f"{broken}; {_WAY_OUT}")
