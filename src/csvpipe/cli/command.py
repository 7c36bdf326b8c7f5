"""What may be said on the command line, and the exit code that comes of it."""

from __future__ import annotations

import json
import os
import shutil
import sys
from contextlib import nullcontext, redirect_stdout
from pathlib import Path
from typing import Any

import attrs
import click

import csvpipe as library
from csvpipe.cli.display import Display, JsonLines, Silence, display_for
from csvpipe.cli.errand import STANDARD_INPUT, Errand, Outcome, carry_out
from csvpipe.cli.exit_codes import ExitCode
from csvpipe.cli.inspecting import inspect
from csvpipe.cli.jobs import COMMANDS
from csvpipe.cli.keeping import job_of, kept, kept_option, spool_of, spool_option
from csvpipe.cli.options import (
    HEADERS,
    FolderOrUrl,
    delimiter_option,
    dialect_of,
    encoding_option,
    header_option,
    pipeline_of,
    skip_lines_option,
)
from csvpipe.cli.output import Output
from csvpipe.cli.serving import serve
from csvpipe.cli.summary import interrupted_line, summary_lines, summary_object
from csvpipe.errors import CsvPipeError
from csvpipe.pipeline import Pipeline
from csvpipe.pool.rejecting import RejectsFolder

#: For workers and files at once. More than any machine can use, and a bound for a slip of the finger.
_MOST = 10_000

_HELP = """Import FILEs with a pipeline and wait for them.

MODULE:PIPELINE is a module, also looked for in the current folder, or the path of a .py file, and the name that the
pipeline has there. The name may be left out where the module has only one.

FILE may be - for standard input, or a URL such as s3://bucket/people.csv or https://host/people.csv (extra remote).

\b
Examples:
  csvpipe run people:import_people people.csv
  csvpipe run imports/people.py:import_people *.csv --rejects rejects
  zcat people.csv.gz | csvpipe run people:import_people - --json
  csvpipe run people:import_people people.csv --store sqlite:///jobs.db

Progress goes to standard error, the summary to standard output. With --json, standard output has nothing but one JSON
object a line: {"kind": ..., "job": {...}} for each event, and {"kind": "summary", ...} at the end; what the pipeline
prints goes to standard error then.
"""

# Below the options, where whoever looks for one number finds them. \b keeps click from filling the lines.
_EXIT_CODES = """\b
Exit codes:
  0    every row of every file was processed or skipped
  1    some rows failed
  2    wrong usage; no row was touched
  3    a file failed as a whole, or was cancelled
  4    instead of 0 or 1: the files were imported, but standard output could not be written
  130  interrupted by Ctrl-C
"""


@click.group(name="csvpipe", context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(library.__version__, prog_name="csvpipe")
def csvpipe() -> None:
    """Import CSV files: many at once, bad rows set aside, no row lost silently."""


csvpipe.add_command(inspect)
csvpipe.add_command(serve)
for _command in COMMANDS:
    csvpipe.add_command(_command)


@csvpipe.command(help=_HELP, epilog=_EXIT_CODES)
@click.argument("target", metavar="MODULE:PIPELINE")
@click.argument("files", metavar="FILE...", nargs=-1, required=True)
@click.option(
    "--workers",
    type=click.IntRange(1, _MOST),
    metavar="N",
    help="How many chunks are handled at once; by default 10 in threads, or as many as there are processors.",
)
@click.option(
    "--executor",
    type=click.Choice(["thread", "process"]),
    default="thread",
    help="Who handles rows; processes use all processors, and a row that crashes one costs itself alone.",
)
@click.option(
    "--max-files",
    type=click.IntRange(1, _MOST),
    default=10,
    metavar="N",
    help="Files that are imported at once; 10 by default.",
)
@encoding_option
@delimiter_option
@header_option
@skip_lines_option
@click.option(
    "--rejects",
    type=FolderOrUrl(),
    metavar="DIR",
    help="Write the failed rows of each file, with the reasons, to NAME.rejects.csv in this folder, or below this URL.",
)
@kept_option
@spool_option
@click.option("--parent", metavar="JOB", help="The job in --store whose mended rejects file FILE is.")
@click.option("--owner", metavar="NAME", help="Noted in the jobs, for handlers and in the output of --json.")
@click.option("--dry-run", is_flag=True, help="Convert and validate all rows, and write nothing.")
@click.option("--json", "is_json", is_flag=True, help="For programs: events and summary as lines of JSON.")
@click.option("--quiet", is_flag=True, help="No progress, only the summary.")
@click.pass_context
def run(
    ctx: click.Context,
    /,
    *,
    target: str,
    files: tuple[str, ...],
    delimiter: str | None,
    header: str | None,
    skip_lines: int | None,
    is_json: bool,
    quiet: bool,
    store_url: str | None,
    spool: Path | None,
    parent: str | None,
    **options: Any,
) -> None:
    """Import the files; `_HELP` says the rest."""
    _check(files, options["rejects"])
    _check_kept(files, store_url, spool, parent)
    output, errors = Output(sys.stdout), Output(sys.stderr)
    try:
        # What the pipeline prints must not stand between the lines that a program reads.
        with (
            redirect_stdout(sys.stderr) if is_json else nullcontext(),
            kept(store_url, must_exist=parent is not None) as store,
        ):
            pipeline = pipeline_of(target, errors, hint="MODULE:PIPELINE")
            pipeline = _with(pipeline, header, skip_lines)
            errand = Errand(
                pipeline=pipeline,
                files=files,
                dialect=dialect_of(pipeline, delimiter),
                store=store,
                spool=None if store_url is None else spool_of(store_url, spool),
                parent=None if parent is None or store is None else job_of(store, parent).id,
                **options,
            )
            display = _display(output, errors, files=len(files), is_json=is_json, is_quiet=quiet)
            with display:
                outcome = carry_out(errand, display.show)
    except CsvPipeError as error:
        raise click.UsageError(str(error), ctx) from error
    except KeyboardInterrupt:  # while the pipeline's module was imported, or a second one while the first was obeyed
        errors.line("Interrupted.")
        ctx.exit(ExitCode.INTERRUPTED)
    _report(outcome, errand, output, errors, is_json=is_json)
    code = outcome.exit_code
    if output.failure is not None:
        errors.line(f"Error: standard output cannot be written, so the report of this run is lost: {output.failure}")
        code = ExitCode.UNHEARD if code in (ExitCode.OK, ExitCode.REJECTED) else code
    ctx.exit(code)


def _check_kept(files: tuple[str, ...], store_url: str | None, spool: Path | None, parent: str | None) -> None:
    """Refuse what makes sense only with a store.

    Raises:
        click.UsageError: There is none, or there are more files than one that mend a job.
    """
    for option, is_given in (("--spool", spool is not None), ("--parent", parent is not None)):
        if is_given and store_url is None:
            raise click.UsageError(f"{option} is about jobs that are kept: name their store with --store")
    if parent is not None and len(files) > 1:
        raise click.UsageError(f"one mended rejects file at a time can be given with --parent, not {len(files)}")


def _with(pipeline: Pipeline[..., Any], header: str | None, skip_lines: int | None) -> Pipeline[..., Any]:
    """The pipeline with what is said of the files."""
    if header is not None:
        pipeline = attrs.evolve(pipeline, header=HEADERS[header])
    return pipeline if skip_lines is None else attrs.evolve(pipeline, skip_lines=skip_lines)


def _check(files: tuple[str, ...], rejects: Path | str | None) -> None:
    """Refuse what would come to light only after all rows were handled.

    Raises:
        click.UsageError: Standard input is named twice or closed, or the folder of rejects cannot be written to.
    """
    if files.count(STANDARD_INPUT) > 1:
        raise click.UsageError("standard input (-) can be read only once")
    if STANDARD_INPUT in files and sys.stdin is None:
        raise click.UsageError("standard input (-) is closed, so there is nothing to read; name a file, or pipe one in")
    if rejects is None:
        return
    if isinstance(rejects, str):
        try:
            RejectsFolder(rejects)
        except (CsvPipeError, OSError) as error:
            raise click.BadParameter(str(error), param_hint="'--rejects'") from error
        return
    folder = rejects.absolute()
    # The folder itself is made only when there is something to put in it.
    place = next((place for place in (folder, *folder.parents) if place.exists()), folder)
    if not place.is_dir() or not os.access(place, os.W_OK):
        raise click.BadParameter(f"cannot write to {str(place)!r}", param_hint="'--rejects'")


def _display(output: Output, errors: Output, *, files: int, is_json: bool, is_quiet: bool) -> Display:
    if is_quiet:
        return Silence()
    return JsonLines(output) if is_json else display_for(errors, files=files)


def _report(outcome: Outcome, errand: Errand, output: Output, errors: Output, *, is_json: bool) -> None:
    """Say how it ended: to a program or a person."""
    if is_json:
        output.line(json.dumps(summary_object(outcome, errand.files, dry_run=errand.dry_run)))
    elif outcome.exit_code is not ExitCode.INTERRUPTED:
        width = shutil.get_terminal_size().columns if output.is_terminal else None
        if errand.dry_run:
            output.line("Dry run: rows were tried, and nothing was written. Processed means that they are fit for it.")
        for line in summary_lines(outcome, errand.files, has_rejects=errand.rejects is not None, width=width):
            output.line(line)
    if outcome.exit_code is ExitCode.INTERRUPTED:
        errors.line(interrupted_line(outcome, is_kept=errand.store is not None))
    if outcome.problem is not None:
        errors.line(f"Error: {outcome.problem}")
