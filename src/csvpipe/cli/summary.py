"""What a person reads at the end, and what a program does."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from pathlib import Path

import click

from csvpipe._intake.url import shown_source
from csvpipe.cli.errand import ErrorGroup, Outcome
from csvpipe.cli.totals import Totals
from csvpipe.cli.wording import as_options, counted, pace, printable, seconds
from csvpipe.jobs import JobRecord, JobStatus

_ERRORS_SHOWN = 15
_FILES_SHOWN = 10

#: Between columns.
_GAP = "  "

#: Characters a line below which text is not folded: a ladder of words is worse than a line that the terminal breaks.
_LEAST_ROOM = 30

_HEADINGS = ("file", "status", "processed", "failed", "skipped", "time", "rows/s")
_STATUS, _FAILED = _HEADINGS.index("status"), _HEADINGS.index("failed")
_TEXTS = (0, _STATUS)

_STATUS_COLOURS = {JobStatus.COMPLETED: "green", JobStatus.FAILED: "red", JobStatus.CANCELLED: "red"}


def summary_lines(
    outcome: Outcome, files: Sequence[str], *, has_rejects: bool, width: int | None = None
) -> Iterator[str]:
    """The summary for a person, with colours.

    Args:
        outcome: What came of the run.
        files: As they were named on the command line.
        has_rejects: Whether rejects files were asked for.
        width: Characters that a line has room for; None where lines may be as long as they are.
    """
    names = _names(outcome.records, files)
    yield from _table(outcome, names)
    yield from _broken_files(outcome.records, names)
    yield from _noted(outcome.notes, names)
    yield from _frequent_errors(outcome.errors, width)
    if outcome.rejects:
        yield from _rejects(outcome.rejects)
    elif outcome.totals.failed_rows and not has_rejects:
        yield ""
        yield "To get the failed rows, each with its reasons, add: --rejects DIR"


def interrupted_line(outcome: Outcome, *, is_kept: bool = False) -> str:
    """What Ctrl-C left behind; `is_kept` says whether the jobs are, too."""
    totals = outcome.totals
    what_next = "goes on where it stopped" if is_kept else "starts over"
    return (
        f"Interrupted: {totals.ended:,} of {counted(totals.files, 'file')} done. What is processed stays so "
        f"({counted(totals.processed_rows, 'row')}); run again, an unfinished file {what_next}."
    )


def summary_object(outcome: Outcome, files: Sequence[str], *, dry_run: bool) -> dict[str, object]:
    """The summary for a program; the last line of `--json`.

    `kind` is `summary`, `exit_code` what the command ends with. `dry_run` tells whether nothing was written. `totals`
    are sums over the files, `files` their records as in events, in the order given, each with its `path` as it was
    typed, or its URL without user and query. `errors` are the exact numbers of row errors by code and column, most
    frequent first, each with an example (`sample`, with its `filename`) or null. `rejects` are the paths of the rejects
    files, `problem` is null or what else went wrong.
    """
    return {
        "kind": "summary",
        "exit_code": outcome.exit_code.value,
        "dry_run": dry_run,
        "totals": outcome.totals.to_dict(),
        "files": [
            {"path": shown_source(file), **record.to_dict()}
            for file, record in zip(files, outcome.records, strict=False)
        ],
        "errors": [_error_object(group) for group in outcome.errors],
        "rejects": [str(path) for path in outcome.rejects],
        "problem": outcome.problem,
    }


def _error_object(group: ErrorGroup) -> dict[str, object]:
    sample = None if group.sample is None else {"filename": group.filename, **group.sample.to_dict()}
    return {"code": group.code, "column": group.column, "errors": group.errors, "sample": sample}


def _names(records: Sequence[JobRecord], files: Sequence[str]) -> list[str]:
    """A file's own name, or as much of its path as was typed where two files have the same name."""
    own = [record.filename for record in records]
    return [
        printable(shown_source(file) if own.count(name) > 1 else name) for name, file in zip(own, files, strict=False)
    ]


# The parts ------------------------------------------------------------------------------------------------------------


def _table(outcome: Outcome, names: Sequence[str]) -> Iterator[str]:
    records, totals = outcome.records, outcome.totals
    rows = [_HEADINGS, *map(_file_row, records, names)]
    if len(records) > 1:
        rows.append(_row(counted(totals.files, "file"), "", totals, totals.elapsed_seconds))
    heading, *lines = _aligned(rows)
    yield click.style(_GAP.join(heading), dim=True)
    for record, cells in zip(records, lines, strict=False):
        cells[_STATUS] = click.style(cells[_STATUS], fg=_STATUS_COLOURS.get(record.status))
        if record.failed_rows:
            cells[_FAILED] = click.style(cells[_FAILED], fg="yellow")
        yield _GAP.join(cells)
    if len(records) > 1:
        yield click.style(_GAP.join(lines[-1]), bold=True)


def _file_row(record: JobRecord, name: str) -> tuple[str, ...]:
    return _row(name, record.status.value, record, record.elapsed_seconds)


def _row(name: str, status: str, counts: JobRecord | Totals, elapsed_seconds: float) -> tuple[str, ...]:
    return (
        name,
        status,
        f"{counts.processed_rows:,}",
        f"{counts.failed_rows:,}",
        f"{counts.skipped_rows:,}",
        seconds(elapsed_seconds),
        pace(counts.rows_per_second),
    )


def _aligned(rows: Sequence[tuple[str, ...]]) -> list[list[str]]:
    """The cells of all rows padded to their columns' widths: text to the right, numbers to the left."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        [
            cell.ljust(width) if index in _TEXTS else cell.rjust(width)
            for index, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        for row in rows
    ]


def _broken_files(records: Sequence[JobRecord], names: Sequence[str]) -> Iterator[str]:
    broken = [(record, name) for record, name in zip(records, names, strict=True) if record.error_code]
    if broken:
        yield ""
        yield "Files that failed:"
    for record, name in broken:
        code = click.style(record.error_code, fg="red")
        message = _without((name, record.filename), record.error_message or "")
        yield f"  {name}: {code}: {as_options(printable(message))}"


def _noted(notes: Sequence[tuple[int, str]], names: Sequence[str]) -> Iterator[str]:
    if notes:
        yield ""
        yield "To be looked at:"
    yield from (f"  {names[at]}: {printable(note)}" for at, note in notes[:_FILES_SHOWN])
    if hidden := notes[_FILES_SHOWN:]:
        yield f"  and {counted(len(hidden), 'note')} more"


def _without(names: Sequence[str], message: str) -> str:
    """The message, without the one of these names that it begins with: that has been said."""
    known = next((name for name in names if message.startswith(f"{name}: ")), None)
    return message if known is None else message.removeprefix(f"{known}: ")


def _frequent_errors(errors: Sequence[ErrorGroup], width: int | None) -> Iterator[str]:
    if not errors:
        return
    shown = errors[:_ERRORS_SHOWN]
    yield ""
    yield "Most frequent errors:" if len(shown) < len(errors) else "Errors:"
    rows = [(f"{group.errors:,}", printable(group.code), printable(group.column or "")) for group in shown]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    indent = sum(widths) + 4 * len(_GAP)
    for group, (number, code, column) in zip(shown, rows, strict=True):
        first, *others = _folded(_example(group), None if width is None else width - indent)
        what = click.style(code.ljust(widths[1]), fg="yellow")
        yield _GAP.join(["", number.rjust(widths[0]), what, column.ljust(widths[2]), first]).rstrip()
        yield from (" " * indent + other for other in others)
    if hidden := errors[_ERRORS_SHOWN:]:
        yield f"  and {counted(sum(group.errors for group in hidden), 'error')} of {counted(len(hidden), 'other kind')}"


def _example(group: ErrorGroup) -> str:
    if group.sample is None:
        return ""
    return f"{printable(group.filename)}, line {group.sample.line:,}: {printable(group.sample.message)}"


def _folded(text: str, room: int | None) -> list[str]:
    """The text on as many lines as it needs; on one where there is hardly any room, or nothing to say."""
    if room is None or room < _LEAST_ROOM:
        return [text]
    return textwrap.wrap(text, room) or [text]


def _rejects(paths: Sequence[Path | str]) -> Iterator[str]:
    yield ""
    yield "The failed rows, each with its reasons, are in:"
    yield from (f"  {printable(str(path))}" for path in paths[:_FILES_SHOWN])
    if hidden := paths[_FILES_SHOWN:]:
        first = hidden[0]
        folder = str(first.parent) if isinstance(first, Path) else first.rpartition("/")[0]
        yield f"  and {counted(len(hidden), 'file')} more in {printable(folder)}"
