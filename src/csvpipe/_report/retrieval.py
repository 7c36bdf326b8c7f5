"""Row errors back out of the store, in file order and together with those that were spilled."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Final

import attrs

from csvpipe._intake.arrival.spool import Spool
from csvpipe._process.rowset import RowFlags
from csvpipe._report.rejects import merged, read_spill, write_rejects
from csvpipe.errors import JobNotFoundError, RowError, SourceGoneError
from csvpipe.jobs import JobId

if TYPE_CHECKING:
    from csvpipe.store.protocol import JobStore

_PAGE: Final = 1_000

#: Larger than any ordinal: past all errors of a row.
_ALL: Final = 2**31 - 1


def errors_after(store: JobStore, job_id: JobId, *, row: int, limit: int) -> list[RowError]:
    """Stored errors of the rows past `row`: about `limit` of them, those of the last row complete.

    Raises:
        JobNotFoundError: There is no such job.
        ValueError: `limit` is below 1.
    """
    if limit < 1:
        raise ValueError(f"limit counts from 1, not {limit}")
    found = store.row_errors(job_id, limit=limit, after=(row, _ALL))
    while len(found) >= limit:
        ordinal, last = found[-1]
        more = store.row_errors(job_id, limit=limit, after=(last.row, ordinal))
        of_same_row = [item for item in more if item[1].row == last.row]
        found += of_same_row
        if len(of_same_row) < limit:
            break
    return [error for _, error in found]


def stored_errors(store: JobStore, job_id: JobId) -> Iterator[RowError]:
    """All stored errors in file order, a page at a time.

    Raises:
        JobNotFoundError: There is no such job.
    """
    after: tuple[int, int] | None = None
    while page := store.row_errors(job_id, limit=_PAGE, after=after):
        for ordinal, error in page:
            yield error
            after = (error.row, ordinal)


def write_job_rejects(
    dest: Path | BinaryIO, store: JobStore, job_id: JobId, spool: Spool, *, open_only: bool = True
) -> int:
    """Write the rejects file of a job; at a path it appears complete or not at all.

    Args:
        dest: Where to.
        store: Has the job.
        job_id: Any job of a chain.
        spool: Holds the spilled errors.
        open_only: Whether rows that mended submissions have imported are left out.

    Raises:
        JobNotFoundError: There is no such job.
        SourceGoneError: Its file, or a file of spilled errors, is gone or has changed.
        OSError: `dest` cannot be written.
    """
    plan = store.plan(job_id)
    record = store.get(job_id)
    if plan.source is None or plan.inspection is None:
        raise SourceGoneError(
            f"{record.filename} was refused as a whole, so it has no rejected rows: "
            f"[{record.error_code}] {record.error_message}"
        )
    plan = attrs.evolve(plan, source=spool.local(plan.source))
    spilled = [result.spill for result in store.committed(job_id) if result.spill is not None]
    spills = [path for name in spilled for path in spool.kept(name)]
    if lost := len(spilled) - len(spills):
        raise SourceGoneError(
            f"{lost} files of row errors are gone with the spool; name a spool_dir= that outlives the pool"
        )

    def errors() -> Iterator[RowError]:
        return merged(stored_errors(store, job_id), [read_spill(spill) for spill in spills])

    resolved = _resolved(store, record.root_id or job_id) if open_only else None
    if not isinstance(dest, Path):
        return write_rejects(dest, errors, plan, resolved)
    part = dest.with_name(f"{dest.name}.part")
    try:
        with part.open("wb") as file:
            rows = write_rejects(file, errors, plan, resolved, is_ours=True)
        part.replace(dest)
    finally:
        part.unlink(missing_ok=True)
    return rows


def _resolved(store: JobStore, root_id: JobId) -> RowFlags | None:
    """The rows of a chain that are mended; None if there are none, or if nobody knows since the first job is gone."""
    rows = RowFlags()
    try:
        for found in store.resolved(root_id):
            rows.add_all(found)
    except JobNotFoundError:
        return None
    return rows or None
