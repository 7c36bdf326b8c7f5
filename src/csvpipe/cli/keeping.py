"""The store that several commands are about: where it is, which of its jobs is meant, and where uploads lie."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from importlib.util import find_spec
from pathlib import Path
from typing import Final
from uuid import UUID

import click

from csvpipe._intake.arrival.spool import Spool
from csvpipe.cli.exit_codes import ExitCode
from csvpipe.databases import missing_file
from csvpipe.errors import CsvPipeError, JobNotFoundError, MissingExtraError
from csvpipe.jobs import JobId, JobRecord
from csvpipe.store import JobStore

#: So many of the newest jobs are searched for one whose id begins as was typed.
_SEARCHED: Final = 1_000

#: Shorter beginnings of an id are too likely to be a slip.
_LEAST_DIGITS: Final = 4

_VARIABLE: Final = "CSVPIPE_STORE"

store_option = click.option(
    "--store",
    "store_url",
    metavar="URL",
    envvar=_VARIABLE,
    required=True,
    help=f"Where the jobs are: sqlite:///jobs.db or postgresql://user@host/name. Also read from {_VARIABLE}.",
)

kept_option = click.option(
    "--store",
    "store_url",
    metavar="URL",
    envvar=_VARIABLE,
    help="Keep the jobs in a database, sqlite:///jobs.db or postgresql://user@host/name: run again after a crash, an "
    f"unfinished file goes on where it stopped. Also read from {_VARIABLE}.",
)

spool_option = click.option(
    "--spool",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="DIR",
    help="Where what cannot be read in place is kept with --store; beside the database of SQLite unless stated.",
)


@contextmanager
def opened(url: str, *, must_exist: bool = True, listening: bool = True) -> Iterator[JobStore]:
    """Open the store; whatever it says of itself ends the command.

    Args:
        url: Where it is.
        must_exist: Whether a file of SQLite must be there, which would be made otherwise: who asks about jobs that are
            kept has mistyped the name of one that is not.
        listening: See `SQLJobStore`.

    Raises:
        click.BadParameter: It is no store's URL, or its extra is missing.
        click.ClickException: The store cannot be reached, or what is asked of it makes no sense.
    """
    from csvpipe import SQLJobStore  # noqa: PLC0415  # SQLAlchemy takes longer to import than csvpipe

    try:
        if must_exist:
            _see_file(url)
        with SQLJobStore(url, listening=listening) as store:
            yield store
    except ValueError as error:
        if isinstance(error, CsvPipeError):
            raise _StoreError(str(error)) from error
        raise click.BadParameter(str(error), param_hint="'--store'") from error
    except CsvPipeError as error:
        raise _StoreError(str(error)) from error


def kept(
    url: str | None, *, must_exist: bool = False, listening: bool = True
) -> AbstractContextManager[JobStore | None]:
    """`opened`, or nothing where jobs are not kept."""
    return nullcontext() if url is None else opened(url, must_exist=must_exist, listening=listening)


def _see_file(url: str) -> None:
    """See that a file of SQLite is there.

    Raises:
        click.BadParameter: It is not.
        MissingExtraError: As for `_place_of`.
        ValueError: It is no store's URL.
    """
    host, database = _place_of(url)
    if host is not None or missing_file(database, must_exist=False):  # which the store says itself
        return
    if lack := missing_file(database, must_exist=True):
        raise click.BadParameter(
            f"{lack}; correct the name, or keep jobs there first with `csvpipe run --store {url}`",
            param_hint="'--store'",
        )


class _StoreError(click.ClickException):
    """Ends the command with what the store says; scripts must not take it for rejected rows."""

    exit_code = ExitCode.FAILED


def _place_of(url: str) -> tuple[str | None, str | None]:
    """See `place_of`.

    Raises:
        MissingExtraError: What the store needs is not installed.
        ValueError: It is no store's URL.
    """
    if find_spec("sqlalchemy") is None:
        raise MissingExtraError("SQLJobStore", "sql")
    from csvpipe.store.sql.address import place_of  # noqa: PLC0415  # as above

    return place_of(url)


def spool_of(url: str, stated: Path | None) -> Path:
    """The folder of uploads that belongs to a store: the stated one, else one that every run finds again.

    Raises:
        MissingExtraError: As for `_place_of`.
        ValueError: It is no store's URL.
    """
    if stated is not None:
        return stated.absolute()
    host, database = _place_of(url)
    if host is None and database is not None:
        return Path(f"{database}.spool").absolute()
    state = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"
    return Path(state) / "csvpipe" / f"{host}-{database or 'default'}.spool"


def uploads_of(url: str, stated: Path | None) -> Spool:
    """The uploads that belong to a store, as far as there are any."""
    folder = spool_of(url, stated)
    spool = Spool(folder)
    if folder.is_dir():
        with suppress(OSError):  # what is out of reach stays where it is
            spool.identify()
    return spool


def job_of(store: JobStore, given: str) -> JobRecord:
    """The job that is meant by an id, or by its first characters.

    Raises:
        click.BadParameter: There is none, or more than one.
    """
    try:
        return store.get(JobId(UUID(given)))
    except JobNotFoundError as error:
        raise click.BadParameter(str(error), param_hint="JOB") from error
    except ValueError:  # not a whole id
        pass
    start = given.lower()
    if len(start) < _LEAST_DIGITS:
        raise click.BadParameter(
            f"{given!r} is too short; give at least {_LEAST_DIGITS} characters of the id", param_hint="JOB"
        )
    found = [record for record in store.list_jobs(limit=_SEARCHED).jobs if str(record.id).startswith(start)]
    if len(found) == 1:
        return found[0]
    reason = f"{len(found)} jobs have ids that begin so" if found else f"none of the newest {_SEARCHED:,} jobs has it"
    raise click.BadParameter(f"{given!r}: {reason}; `csvpipe jobs` lists them", param_hint="JOB")
