"""What csvpipe makes of a file, before any job."""

from __future__ import annotations

import os
from typing import Any

import attrs

from csvpipe._intake.arrival.receive import BlockingSource, check_source, display_name, take_in
from csvpipe._intake.arrival.spool import Spool
from csvpipe._intake.inspect import inspect_file
from csvpipe._intake.inspection import Inspection, JobPlan
from csvpipe._intake.plan import matched
from csvpipe._intake.stated import Stated
from csvpipe._process.trial import try_rows
from csvpipe.dialect import Dialect
from csvpipe.limits import Limits
from csvpipe.pipeline import Header, Pipeline
from csvpipe.pipeline import pipeline as declare


@declare(name="inspect", header="detect")
def _any_rows(row: list[str]) -> None:
    """Takes whatever a file has; never called."""


def inspect(
    source: BlockingSource,
    *,
    pipeline: Pipeline[..., Any] | None = None,
    encoding: str | None = None,
    dialect: Dialect | None = None,
    header: Header | None = None,
    skip_lines: int | None = None,
    limits: Limits | None = None,
    spool_dir: str | os.PathLike[str] | None = None,
) -> Inspection:
    r"""Find out how a file is to be read, and try its first rows. No handler is called and no job is made.

    Reads the start of the file and samples of the rest; what is compressed, transcoded or no path is unpacked into a
    temporary folder first. Blocks: from a coroutine, call it in a thread.

    Args:
        source: A path, bytes, or a binary file object, which is read to its end and not closed.
        pipeline: What the rows are meant for: its types tell which rows would be rejected, and what it states about
            files holds. None: any rows, and whether there is a header is detected.
        encoding: See `Pipeline`; wins over the pipeline's, like the next four.
        dialect: See `Pipeline`.
        header: See `Pipeline`.
        skip_lines: See `Pipeline`.
        limits: See `Pipeline`.
        spool_dir: Where what is no plain local file is kept meanwhile; by default the system's temporary folder.

    Returns:
        What was found, on what evidence, and how sure that is; `trial` says what would become of the first MiB of rows.

    Raises:
        FileError: The file cannot be imported: its code and message are those that a job would fail with.
        EncodingUnknownError: There is no such encoding.
        TypeError: The source is none of these.

    Example:
        >>> import csvpipe
        >>> found = csvpipe.inspect(b"Prices\n\nname;price\ntea;1,50\nrum;12,00\nale;4,20\n")
        >>> found.dialect.delimiter, found.columns, found.preamble
        (';', ('name', 'price'), ('Prices', ''))
    """
    check_source(source)
    known: Pipeline[..., Any] = _any_rows if pipeline is None else pipeline
    known = attrs.evolve(
        known,
        header=known.header if header is None else header,
        skip_lines=known.skip_lines if skip_lines is None else skip_lines,
        limits=limits or known.limits,
    )
    stated = Stated.of(known, encoding=encoding, dialect=dialect)
    stated.check()
    place, name = display_name(source), f"inspect-{os.urandom(8).hex()}.csv"
    spool = Spool(spool_dir)
    try:
        taken = take_in(source, spool, name, stated=stated, limits=known.limits, place=place)
        found = inspect_file(taken, stated, known.limits, place=place)
        found = matched(found, found.columns, known, taken=taken, stated=stated, place=place)
        plan = JobPlan(source=taken.file, inspection=found, limits=known.limits, dry_run=True)
        return attrs.evolve(found, trial=try_rows(known, plan))
    finally:
        for path in spool.kept(f"{name}*"):
            spool.remove(path)
        spool.close()
