"""`csvpipe inspect`: what is found in a file, on what evidence, and what would become of its rows."""

from __future__ import annotations

import json
import shutil
import sys
from contextlib import nullcontext, redirect_stdout
from typing import Any

import click

import csvpipe as library
from csvpipe._intake.inspection import Inspection
from csvpipe._intake.url import shown_source
from csvpipe.cli.errand import STANDARD_INPUT, source_of
from csvpipe.cli.exit_codes import ExitCode
from csvpipe.cli.options import (
    HEADERS,
    delimiter_option,
    dialect_of,
    encoding_option,
    header_option,
    pipeline_of,
    skip_lines_option,
)
from csvpipe.cli.output import Output
from csvpipe.cli.wording import as_options, printable
from csvpipe.errors import CsvPipeError, FileError

_HELP = """Find out how FILEs are to be read, and try their first rows.

No handler is called. With --pipeline, the rows are also converted and validated as that pipeline would have it; its
module is imported.

FILE may be - for standard input, or a URL such as s3://bucket/people.csv or https://host/people.csv (extra remote).

\b
Examples:
  csvpipe inspect people.csv
  csvpipe inspect people.csv --pipeline people:import_people
"""

_EXIT_CODES = """\b
Exit codes:
  0    nothing that was tried would be rejected
  1    some rows would be rejected
  2    wrong usage
  3    a file would be refused as a whole
"""


@click.command(name="inspect", help=_HELP, epilog=_EXIT_CODES)
@click.argument("files", metavar="FILE...", nargs=-1, required=True)
@click.option("--pipeline", "target", metavar="MODULE:PIPELINE", help="What the rows are meant for.")
@encoding_option
@delimiter_option
@header_option
@skip_lines_option
@click.option("--json", "is_json", is_flag=True, help="For programs: a line of JSON for each file.")
@click.pass_context
def inspect(
    ctx: click.Context,
    /,
    *,
    files: tuple[str, ...],
    target: str | None,
    delimiter: str | None,
    header: str | None,
    is_json: bool,
    **options: Any,
) -> None:
    """Look at each file; `_HELP` says the rest."""
    if files.count(STANDARD_INPUT) > 1:
        raise click.UsageError("standard input (-) can be read only once")
    output, errors = Output(sys.stdout), Output(sys.stderr)
    worst = ExitCode.OK
    with redirect_stdout(sys.stderr) if is_json else nullcontext():
        pipeline = None if target is None else pipeline_of(target, errors, hint="'--pipeline'")
    dialect = dialect_of(pipeline, delimiter)
    for number, given in enumerate(files):
        file = shown_source(given)
        try:
            found = library.inspect(
                source_of(given),
                pipeline=pipeline,
                dialect=dialect,
                header=None if header is None else HEADERS[header],
                **options,
            )
        except FileError as error:
            worst = ExitCode.FAILED
            _refused(file, error, output, is_json=is_json)
            continue
        except CsvPipeError as error:
            raise click.UsageError(str(error), ctx) from error
        if found.trial is not None and found.trial.rejected:
            worst = max(worst, ExitCode.REJECTED)
        if is_json:
            output.line(json.dumps({"file": file, **found.to_dict()}))
            continue
        if number:
            output.line()
        _show(file, found, output)
    ctx.exit(worst)


def _show(file: str, found: Inspection, output: Output) -> None:
    from csvpipe.cli.findings import inspection_lines  # noqa: PLC0415  # rich takes longer to import than csvpipe

    width = shutil.get_terminal_size().columns
    for line in inspection_lines(file, found, width=width, is_terminal=output.is_terminal):
        output.line(line)


def _refused(file: str, error: FileError, output: Output, *, is_json: bool) -> None:
    if is_json:
        output.line(json.dumps({"file": file, "error_code": error.code, "error_message": error.message}))
    else:
        message = as_options(printable(error.message.removeprefix(f"{file}: ")))
        output.line(f"{printable(file)}: {click.style(error.code, fg='red')}: {message}")
