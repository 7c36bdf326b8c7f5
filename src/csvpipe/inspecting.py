"""What csvpipe makes of a file, before any job."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import attrs

from csvpipe._intake.arrival.receive import BlockingSource, check_source, display_name, take_in
from csvpipe._intake.arrival.spool import Spool
from csvpipe._intake.beginning import beginning_of
from csvpipe._intake.inspect import inspect_file
from csvpipe._intake.inspection import Inspection, JobPlan
from csvpipe._intake.plan import matched
from csvpipe._intake.stated import Stated
from csvpipe._process.trial import TRIAL_BYTES, try_rows
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
    with _looked_at(source, known, stated, place=display_name(source), spool_dir=spool_dir) as plan:
        assert plan.inspection is not None, "it was not refused"  # noqa: S101
        return attrs.evolve(plan.inspection, trial=try_rows(known, plan))


def inspect_beginning(
    data: bytes, *, size: int, pipeline: Pipeline[..., Any], encoding: str | None = None, filename: str = "upload.csv"
) -> Inspection:
    """Find out the same from the first bytes of a file, whose last record may be broken off: that one is not tried.

    Args:
        data: The first bytes.
        size: Of the whole file, by which the number of its rows is judged.
        pipeline: See `inspect`.
        encoding: See `inspect`.
        filename: Names the file in messages.

    Raises:
        FileError: The file cannot be imported.
        EncodingUnknownError: There is no such encoding.
    """
    stated = Stated.of(pipeline, encoding=encoding, dialect=None)
    stated.check()
    part = beginning_of(data, size, pipeline.limits, place=filename)
    with _looked_at(part.data, pipeline, stated, place=filename) as plan:
        found, file = plan.inspection, plan.source
        assert found is not None, "it was not refused"  # noqa: S101
        assert file is not None, "it was not refused"  # noqa: S101
        most_bytes = TRIAL_BYTES if part.is_whole else max(1, (file.size - found.data_start) * 3 // 4)
        rows = found.estimated_rows
        return attrs.evolve(
            found,
            compression=part.compression or found.compression,
            estimated_rows=None if rows is None else round(rows * part.scale),
            trial=try_rows(pipeline, plan, most_bytes=most_bytes),
        )


@contextmanager
def _looked_at(
    source: BlockingSource,
    pipeline: Pipeline[..., Any],
    stated: Stated,
    *,
    place: str,
    spool_dir: str | os.PathLike[str] | None = None,
) -> Iterator[JobPlan]:
    """The plan of a job that nobody makes; its file is there within the block."""
    name, spool = f"inspect-{os.urandom(8).hex()}.csv", Spool(spool_dir)
    try:
        taken = take_in(source, spool, name, stated=stated, limits=pipeline.limits, place=place)
        found = inspect_file(taken, stated, pipeline.limits, place=place)
        found = matched(found, found.columns, pipeline, taken=taken, stated=stated, place=place)
        yield JobPlan(source=taken.file, inspection=found, limits=pipeline.limits, dry_run=True)
    finally:
        for path in spool.kept(f"{name}*"):
            spool.remove(path)
        spool.close()
