"""Commands about the jobs of a store: list them, show one, ask something of some, get the rejected rows."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO, Final, cast

import click

from csvpipe._intake.url import is_url, shown
from csvpipe._report.retrieval import write_job_rejects
from csvpipe.cli.exit_codes import ExitCode
from csvpipe.cli.keeping import job_of, opened, spool_option, store_option, uploads_of
from csvpipe.cli.output import Output
from csvpipe.cli.tables import details, job_table
from csvpipe.cli.wording import counted, printable
from csvpipe.errors import FileError, MissingExtraError, ParentError, SourceGoneError, TransitionError
from csvpipe.jobs import JobRecord, JobStatus, Verb
from csvpipe.pool import wishes
from csvpipe.pool.job import writing
from csvpipe.store.protocol import ANY_OWNER, JobPage

STANDARD_OUTPUT: Final = "-"


_json_option = click.option("--json", "is_json", is_flag=True, help="For programs: a JSON object a line.")


@click.command(name="jobs")
@store_option
@click.option("--status", type=click.Choice([status.value for status in JobStatus]), help="Only those with it.")
@click.option("--owner", metavar="NAME", help="Only those of this owner.")
@click.option("--page", type=click.IntRange(1), default=1, metavar="N", help="Counted from 1.")
@click.option("--limit", type=click.IntRange(1, 1_000), default=20, metavar="N", help="Jobs a page; 20 by default.")
@_json_option
def list_jobs(*, store_url: str, status: str | None, owner: str | None, page: int, limit: int, is_json: bool) -> None:
    """List the jobs of a store, newest first."""
    output = Output(sys.stdout)
    with opened(store_url) as store:
        found = store.list_jobs(
            page=page,
            limit=limit,
            status=None if status is None else JobStatus(status),
            owner=ANY_OWNER if owner is None else owner,
        )
    if is_json:
        for record in found.jobs:
            output.line(json.dumps(record.to_dict()))
        return
    for line in job_table(found.jobs, width=_width(output)):
        output.line(line)
    if not found.jobs:
        output.line("No jobs." if page == 1 else f"No jobs on page {page}; there are {_known(found.pages, found)}.")
    elif found.pages > 1:
        output.line(f"Page {page} of {_known(found.pages, found)}, {_known(found.total, found)} jobs.")


def _known(number: int, page: JobPage) -> str:
    """A number of pages or jobs, marked where there may be more."""
    return f"{number:,}" if page.is_total_exact else f"{number:,}+"


@click.command(name="show")
@click.argument("job", metavar="JOB")
@store_option
@_json_option
def show(*, job: str, store_url: str, is_json: bool) -> None:
    """Show a job: where it stands, how its file is read, and what is wrong with its rows.

    JOB is a job's id, or the first characters of it.
    """
    output = Output(sys.stdout)
    with opened(store_url) as store:
        record = job_of(store, job)
        totals, plan = store.error_totals(record.id), store.plan(record.id)
    if is_json:
        errors = [
            {
                "code": total.code,
                "column": total.column,
                "errors": total.errors,
                "samples": [sample.to_dict() for sample in total.samples],
            }
            for total in totals
        ]
        inspection = None if plan.inspection is None else plan.inspection.to_dict()
        output.line(json.dumps({"job": record.to_dict(), "inspection": inspection, "errors": errors}))
        return
    for line in details(record, plan, totals, width=_width(output)):
        output.line(line)


def _width(output: Output) -> int | None:
    return shutil.get_terminal_size().columns if output.is_terminal else None


# Verbs ----------------------------------------------------------------------------------------------------------------


def _asking(verb: wishes.Wish, summary: str) -> click.Command:
    """The command that asks `verb` of jobs."""

    def ask(*, jobs: tuple[str, ...], store_url: str, spool: Path | None) -> None:
        output, errors = Output(sys.stdout), Output(sys.stderr)
        code = ExitCode.OK
        with opened(store_url) as store:
            for record in [job_of(store, job) for job in jobs]:  # all of them are found, or nothing is done
                try:
                    output.line(_answer(wishes.ask(store, uploads_of(store_url, spool), record.id, verb), verb))
                except (ParentError, TransitionError) as error:
                    errors.line(f"Error: {record.id}: {error}")
                    code = ExitCode.FAILED
        click.get_current_context().exit(code)

    command: Callable[..., Any] = click.argument("jobs", metavar="JOB...", nargs=-1, required=True)(ask)
    for option in (spool_option, store_option):
        command = option(command)
    return click.command(name=verb.value, help=f"{summary}\n\nJOB is a job's id, or the first characters of it.")(
        command
    )


def _answer(record: JobRecord, verb: Verb) -> str:
    """What has become of the job, or will."""
    name, status = printable(record.filename), record.status
    if status is JobStatus.PROCESSING and verb in (Verb.PAUSE, Verb.CANCEL):
        when = "at once where it listens, else when it next renews its lease"
        return f"{record.id} {name}: asked to {verb.value}; its worker obeys {when}"
    return f"{record.id} {name}: {status.value}"


pause = _asking(Verb.PAUSE, "Let jobs stop at the next row, until they are resumed.")
resume = _asking(Verb.RESUME, "Let paused jobs go on where they stopped, as soon as a pool has room.")
cancel = _asking(Verb.CANCEL, "End jobs at the next row, for good. What is done stays done.")
retry = _asking(Verb.RETRY, "Let failed jobs go on from what is done, as soon as a pool has room.")


# Rejected rows --------------------------------------------------------------------------------------------------------


@click.command(name="rejects")
@click.argument("job", metavar="JOB")
@store_option
@spool_option
@click.option(
    "--output",
    "-o",
    "dest",
    type=click.Path(dir_okay=False),
    default=STANDARD_OUTPUT,
    metavar="FILE",
    help="Where to, a path or a URL; standard output by default.",
)
@click.option("--all", "is_all", is_flag=True, help="Also the rows that mended submissions have imported since.")
def rejects(*, job: str, store_url: str, spool: Path | None, dest: str, is_all: bool) -> None:
    """Write the rejected rows of a job as a CSV file, each with its reasons.

    JOB is a job's id, or the first characters of it. Mend the cells and hand the file in again with `csvpipe run
    --parent JOB`.
    """
    errors = Output(sys.stderr)
    with opened(store_url) as store:
        record = job_of(store, job)
        write = partial(
            write_job_rejects,
            store=store,
            job_id=record.id,
            spool=uploads_of(store_url, spool),
            open_only=not is_all,
        )
        try:
            if is_url(dest):
                with writing(dest) as file:
                    rows = write(file)
            else:
                rows = write(cast("BinaryIO", sys.stdout.buffer) if dest == STANDARD_OUTPUT else Path(dest))
        except (FileError, MissingExtraError, SourceGoneError) as error:
            raise click.ClickException(str(error)) from error
        except OSError as error:
            raise click.FileError(shown(dest), error.strerror or str(error)) from error
    errors.line(f"{counted(rows, 'rejected row')} of {printable(record.filename)}")


COMMANDS: Final = (list_jobs, show, pause, resume, cancel, retry, rejects)
