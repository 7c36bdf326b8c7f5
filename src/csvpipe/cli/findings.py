"""An inspection as tables for a person."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Final

from rich.box import SIMPLE_HEAD
from rich.console import Console, RenderableType
from rich.table import Table
from rich.text import Text

from csvpipe._intake.inspection import Inspection, Trial
from csvpipe.cli.wording import counted, printable
from csvpipe.errors import ErrorTotal

#: Columns of the sample that are shown; more would be narrower than anything in them.
_COLUMNS_SHOWN: Final = 8
_PREAMBLE_SHOWN: Final = 5
_KINDS_SHOWN: Final = 15
_LEAST_WIDTH: Final = 60

_SURE, _UNSURE = 0.9, 0.6


def inspection_lines(file: str, found: Inspection, *, width: int, is_terminal: bool) -> Iterator[str]:
    """What was found, as lines no longer than `width`, with colours for a terminal."""
    screen = io.StringIO()
    console = Console(
        file=screen,
        width=max(width, _LEAST_WIDTH),
        force_terminal=is_terminal,
        no_color=not is_terminal,
        highlight=False,
        soft_wrap=False,
        legacy_windows=False,
    )
    for part in _parts(file, found):
        console.print(part)
    yield from (line.rstrip() for line in screen.getvalue().splitlines())


def _parts(file: str, found: Inspection) -> Iterator[RenderableType]:
    rows = "an unknown number of rows"
    if found.estimated_rows is not None:
        rows = f"about {counted(found.estimated_rows, 'row')}"
    yield Text(f"{printable(file)}: {rows} of {counted(len(found.columns), 'column')}", style="bold")
    yield _findings(found)
    if found.preamble_lines:
        yield from _preamble(found)
    yield Text("First rows:")
    yield _sample(found)
    if found.trial is not None:
        yield from _trial(found.trial)


def _findings(found: Inspection) -> Table:
    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    for title in ("", "found", "sure", "because"):
        table.add_column(title, justify="right" if title == "sure" else "left", overflow="fold")
    for finding in found.findings:
        sure = f"{finding.confidence:.0%}"
        style = "green" if finding.confidence >= _SURE else "yellow" if finding.confidence >= _UNSURE else "red"
        table.add_row(
            Text(finding.what, style="dim"),
            Text(printable(finding.value)),
            Text(sure, style=style),
            Text(printable(finding.evidence)),
        )
    return table


def _preamble(found: Inspection) -> Iterator[Text]:
    yield Text("Above the table, and no part of it:")
    for line in found.preamble[:_PREAMBLE_SHOWN]:
        yield Text(f"  {printable(line)}", style="dim", overflow="ellipsis", no_wrap=True)
    if (hidden := found.preamble_lines - len(found.preamble[:_PREAMBLE_SHOWN])) > 0:
        yield Text(f"  and {counted(hidden, 'line')} more")
    yield Text("")


def _sample(found: Inspection) -> Table:
    hidden = len(found.columns) - _COLUMNS_SHOWN
    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    for name in found.columns[:_COLUMNS_SHOWN]:
        table.add_column(Text(printable(name)), overflow="ellipsis", no_wrap=True)
    if hidden > 0:
        table.add_column(f"{hidden} more", style="dim")
    for row in found.sample_rows:
        cells = [Text(printable(cell)) for cell in row[: min(_COLUMNS_SHOWN, len(found.columns))]]
        table.add_row(*cells)
    return table


def _trial(trial: Trial) -> Iterator[RenderableType]:
    tried = counted(trial.rows, "row")
    if not trial.rejected:
        yield Text(f"None of the first {tried} would be rejected.", style="green")
        return
    yield Text(f"{trial.rejected:,} of the first {tried} would be rejected:", style="yellow")
    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    table.add_column("errors", justify="right")
    for title in ("code", "column", "for instance"):
        table.add_column(title, overflow="fold")
    for total in trial.totals[:_KINDS_SHOWN]:
        table.add_row(f"{total.errors:,}", Text(total.code), Text(printable(total.column or "")), _instance(total))
    yield table
    if hidden := trial.totals[_KINDS_SHOWN:]:
        yield Text(f"and {counted(len(hidden), 'other kind')} of error")


def _instance(total: ErrorTotal) -> Text:
    if not total.samples:
        return Text("")
    sample = total.samples[0]
    return Text(f"line {sample.line:,}: {printable(sample.message)}")
