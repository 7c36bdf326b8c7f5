"""One use of `csvpipe.run`, and all that is known at its end, however it ended."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, BinaryIO, Literal, cast

import attrs

from csvpipe._intake.arrival.receive import BlockingSource
from csvpipe.cli.exit_codes import ExitCode, exit_code_of
from csvpipe.cli.totals import Totals, totals_of
from csvpipe.cli.wording import counted
from csvpipe.dialect import Dialect
from csvpipe.errors import RowError
from csvpipe.events import JobEvent
from csvpipe.jobs import JobId, JobRecord
from csvpipe.pipeline import Pipeline
from csvpipe.store import JobStore, MemoryJobStore
from csvpipe.sync import BlockingRun, RunOptions

STANDARD_INPUT = "-"

#: What is told when it was found and is less sure than this.
_SURE = 0.7
_STATABLE = {"encoding": "--encoding", "dialect": "--delimiter"}

#: So that a bar moves several times a second; a store in memory makes commits cheap.
_FLUSH_SECONDS = 0.2
_KEPT_FLUSH_SECONDS = 1.0


@attrs.frozen(kw_only=True)
class Errand:
    """What the command line asks for.

    Attributes:
        pipeline: What to do with the rows.
        files: Paths, and perhaps one `STANDARD_INPUT`.
        workers: See `csvpipe.run`, like the others.
        store: Outlives the run; None for one that does not. Unfinished jobs in it are gone on with.
    """

    pipeline: Pipeline[..., Any]
    files: tuple[str, ...]
    workers: int | None = None
    executor: Literal["thread", "process"] = "thread"
    max_files: int = 10
    encoding: str | None = None
    dialect: Dialect | None = None
    rejects: Path | str | None = None
    owner: str | None = None
    dry_run: bool = False
    store: JobStore | None = None
    spool: Path | None = None
    parent: JobId | None = None


@attrs.frozen(kw_only=True)
class ErrorGroup:
    """The row errors of all files that share a code and a column.

    Attributes:
        code: A `RowCode` or the handler's own.
        column: Header name, or None for errors of whole records.
        errors: Their exact number.
        filename: Of the first file that has one.
        sample: The first of them; None where a file has so many errors that none of these was kept.
    """

    code: str
    column: str | None
    errors: int
    filename: str
    sample: RowError | None


@attrs.frozen(kw_only=True)
class Outcome:
    """What is known at the end.

    Attributes:
        records: One for each file that was opened, in the order given.
        totals: Their sums.
        errors: All row errors, most frequent first.
        rejects: The rejects files that were written, by path or URL.
        notes: What was found in a file and ought to be looked at, by its place in `records`.
        exit_code: What the command ends with.
        problem: What kept the run from its end though the files may be sound, such as a full disk.
    """

    records: tuple[JobRecord, ...]
    totals: Totals
    errors: tuple[ErrorGroup, ...]
    rejects: tuple[Path | str, ...]
    exit_code: ExitCode
    notes: tuple[tuple[int, str], ...] = ()
    problem: str | None = None


def carry_out(errand: Errand, on_event: Callable[[JobEvent], object]) -> Outcome:
    """Import the files and wait for them; Ctrl-C ends the wait in good order.

    Args:
        errand: What to do.
        on_event: Called in this thread with each event of each job.

    Raises:
        CsvPipeError: For misuse, such as an encoding that does not exist.
    """
    store = MemoryJobStore() if errand.store is None else errand.store
    folder = _RejectsFolder(errand.rejects) if isinstance(errand.rejects, Path) else None
    code, problem = ExitCode.OK, None
    options = RunOptions(
        store=store,
        workers=errand.workers,
        executor=errand.executor,
        max_files=errand.max_files,
        encoding=errand.encoding,
        dialect=errand.dialect,
        rejects_dir=errand.rejects,
        owner=errand.owner,
        parent=errand.parent,
        dry_run=errand.dry_run,
        spool_dir=errand.spool,
        flush_interval=_FLUSH_SECONDS if errand.store is None else _KEPT_FLUSH_SECONDS,
        resume=True,
    )
    blocking = BlockingRun(errand.pipeline, tuple(map(source_of, errand.files)), options)
    try:
        blocking.wait(on_event)
    except KeyboardInterrupt:
        code = ExitCode.INTERRUPTED
    except OSError as error:
        code, problem = ExitCode.FAILED, str(error)
    # Asked of the store, not taken from what `wait` returns: it has them however the run ended.
    records = tuple(map(store.get, blocking.job_ids))
    return Outcome(
        records=records,
        totals=totals_of(records, files=len(errand.files)),
        errors=_grouped_errors(store, records),
        rejects=blocking.rejects if folder is None else folder.written(),
        exit_code=code or exit_code_of(records),
        notes=tuple(_notes(store, records)),
        problem=problem,
    )


class _StandardInput:
    """Standard input under a name that a rejects file can be called after.

    Its bytes are read past `sys.stdin`: the interpreter cannot end while a thread waits inside that object.
    """

    name = "stdin"

    @staticmethod
    def read(size: int) -> bytes:
        """Up to `size` bytes; none at the end."""
        return os.read(sys.stdin.fileno(), size)


def source_of(file: str) -> BlockingSource:
    """What stands behind a name on the command line."""
    return cast("BinaryIO", _StandardInput()) if file == STANDARD_INPUT else file


class _RejectsFolder:
    """Tells which files a run writes into its folder of rejects.

    A rejects file is moved into place when it is complete, so that one written anew is another file on the disk than an
    older one of its name.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._before = self._look()

    def written(self) -> tuple[Path, ...]:
        """Those that are new since this object was made, by name."""
        return tuple(sorted(path for path, mark in self._look().items() if self._before.get(path) != mark))

    def _look(self) -> dict[Path, tuple[int, int]]:
        found = ((path, path.stat()) for path in self._folder.glob("*.rejects.csv"))
        return {path: (status.st_ino, status.st_mtime_ns) for path, status in found}


def _notes(store: JobStore, records: Iterable[JobRecord]) -> Iterator[tuple[int, str]]:
    """What was left out above a table, and what was hardly sure."""
    for at, record in enumerate(records):
        found = store.plan(record.id).inspection
        if found is None:
            continue
        if found.preamble_lines:
            yield at, f"{counted(found.preamble_lines, 'line')} above the table left out (--skip-lines 0 keeps them)"
        for finding in found.findings:
            if finding.what in _STATABLE and finding.confidence < _SURE:
                sure = f"{finding.confidence:.0%} sure"
                yield at, f"read as {finding.value} ({sure}); if that is wrong, say {_STATABLE[finding.what]}"


def _grouped_errors(store: JobStore, records: Iterable[JobRecord]) -> tuple[ErrorGroup, ...]:
    groups: dict[tuple[str, str | None], ErrorGroup] = {}
    for record in records:
        for total in store.error_totals(record.id, samples=1):
            key = total.code, total.column
            first = groups.get(key)
            if first is not None:
                groups[key] = attrs.evolve(first, errors=first.errors + total.errors)
                continue
            sample = total.samples[0] if total.samples else None
            groups[key] = ErrorGroup(
                code=total.code, column=total.column, errors=total.errors, filename=record.filename, sample=sample
            )
    return tuple(sorted(groups.values(), key=lambda group: -group.errors))
