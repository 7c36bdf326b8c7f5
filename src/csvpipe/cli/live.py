"""Progress on a terminal: a bar for each file, and one for all of them."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Column, Table
from rich.text import Text

from csvpipe.cli.totals import totals_of
from csvpipe.cli.wording import counted, left, pace, printable
from csvpipe.events import JobEvent
from csvpipe.jobs import JobId, JobRecord, JobStatus

_BAR_CHARACTERS = 20
_NAME_CHARACTERS = 32
_REFRESHES_PER_SECOND = 8

#: Headings, and how wide the numbers under them may grow before columns begin to move.
_NUMBERS = {"done": 4, "rows": 9, "failed": 6, "rows/s": 7, "left": 5}

#: Lines of the screen that are no file's: the headings, the total, and some for what the handler prints.
_OTHER_LINES = 6


class LiveDisplay:
    """Bars on standard error that are wiped away at the end, when the summary takes their place.

    Args:
        files: Files named on the command line.
        console: Where to draw; by default on standard error.
    """

    def __init__(self, *, files: int, console: Console | None = None) -> None:
        self._files = files
        self._records: dict[JobId, JobRecord] = {}
        self._console = Console(stderr=True) if console is None else console
        self._live = Live(
            get_renderable=self._table,
            console=self._console,
            refresh_per_second=_REFRESHES_PER_SECOND,
            transient=True,
            # What a handler prints is drawn above the bars if it goes to the terminal, and left alone if to a file.
            redirect_stdout=sys.stdout is not None and sys.stdout.isatty(),
        )

    def __repr__(self) -> str:
        return f"<LiveDisplay, {len(self._records)} of {counted(self._files, 'file')}>"

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._live.stop()

    def show(self, event: JobEvent) -> None:
        """See `Display.show`."""
        self._records[event.job.id] = event.job

    def _table(self) -> Table:
        """Called by the thread that draws. What it reads is replaced by the other thread, never changed."""
        records = list(self._records.values())
        table = _empty_table()
        for record in shown(records, room=max(1, self._console.height - _OTHER_LINES)):
            _add_file(table, record)
        if not records:
            table.add_row("waiting for data")
        elif self._files > 1:
            _add_total(table, records, self._files)
        return table


def shown(records: Sequence[JobRecord], *, room: int) -> list[JobRecord]:
    """The files to draw: all that fit, and of too many only those that run."""
    if len(records) <= room:
        return list(records)
    running = [record for record in records if record.status is JobStatus.PROCESSING]
    # Of small files hundreds may be begun at a time; those that have come anywhere say more.
    return sorted(running, key=lambda record: not record.handled_rows)[:room]


def _empty_table() -> Table:
    name = Column("file", max_width=_NAME_CHARACTERS, no_wrap=True, overflow="ellipsis")
    numbers = [Column(title, justify="right", no_wrap=True, min_width=width) for title, width in _NUMBERS.items()]
    return Table(name, Column(width=_BAR_CHARACTERS), *numbers, box=None, pad_edge=False, header_style="dim")


def _add_file(table: Table, record: JobRecord) -> None:
    is_broken = record.status in (JobStatus.FAILED, JobStatus.CANCELLED)
    table.add_row(
        Text(printable(record.filename)),
        Text(record.status.value, "red") if is_broken else _bar(record.fraction),
        f"{record.fraction:.0%}",
        f"{record.handled_rows:,}",
        _failed(record.failed_rows),
        pace(record.rows_per_second),
        "" if record.status.is_terminal else left(record.eta_seconds),
    )


def _add_total(table: Table, records: Sequence[JobRecord], files: int) -> None:
    totals = totals_of(records, files=files)
    table.add_row(
        Text(f"{totals.ended:,} of {counted(files, 'file')} done"),
        _bar(totals.fraction),
        f"{totals.fraction:.0%}",
        f"{totals.handled_rows:,}",
        _failed(totals.failed_rows),
        pace(totals.rows_per_second),
        left(totals.eta_seconds),
        style="bold",
    )


def _bar(fraction: float) -> ProgressBar:
    return ProgressBar(
        total=1.0, completed=fraction, width=_BAR_CHARACTERS, complete_style="cyan", finished_style="green"
    )


def _failed(rows: int) -> Text:
    return Text(f"{rows:,}", style="yellow" if rows else "")
