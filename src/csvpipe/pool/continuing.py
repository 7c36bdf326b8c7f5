"""Finds the job that an earlier process began with a file, and did not end."""

from __future__ import annotations

import codecs
import hashlib
import os
from collections.abc import Collection, Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

import attrs

from csvpipe._intake.arrival.receive import BlockingSource, display_name
from csvpipe._intake.inspection import Inspection, JobPlan
from csvpipe._intake.source import LocalFile, read_errors
from csvpipe._intake.url import is_url
from csvpipe.dialect import Dialect
from csvpipe.errors import FileError
from csvpipe.jobs import JobId, JobRecord, JobStatus
from csvpipe.pipeline import Pipeline
from csvpipe.store.protocol import JobStore, OwnerFilter

#: Jobs a page, of which the store has few: they are all on their way.
_PAGE: Final = 200

#: In the order in which a job goes through them, and back: it may be on its way while it is looked for.
_UNFINISHED: Final = (JobStatus.PENDING, JobStatus.PROCESSING, JobStatus.PAUSED, JobStatus.PENDING)


@attrs.frozen(kw_only=True)
class Wanted:
    """What an unfinished job must have been submitted with, to be gone on with.

    Attributes:
        pipeline: Of this name.
        owner: Of this owner, or of none.
        encoding: As stated, if anything is.
        dialect: As stated, if anything is.
        dry_run: Whether nothing is to be written.
    """

    pipeline: Pipeline[..., Any]
    owner: str | None = None
    encoding: str | None = None
    dialect: Dialect | None = None
    dry_run: bool = False


def unfinished_job(
    store: JobStore, source: BlockingSource, wanted: Wanted, *, apart_from: Collection[JobId] = ()
) -> JobRecord | None:
    """The oldest job that has not ended and imports the very content of `source` with the same pipeline.

    Args:
        store: Where to look.
        source: Only a path can be told again: bytes and streams never have such a job.
        wanted: What else must be the same.
        apart_from: Jobs that are spoken for.
    """
    if not isinstance(source, str | os.PathLike):
        return None
    with suppress(FileError):
        local = _file_at(source)
        if local is None:
            return None
        file = _File(local)
        name = display_name(source)
        found = [
            record
            for record in _unfinished(store, owner=wanted.owner)
            if record.pipeline == wanted.pipeline.name
            and record.filename == name
            and record.parent_id is None
            and record.id not in apart_from
            and _is_same(store.plan(record.id), file, wanted)
        ]
        return min(found, key=lambda record: record.created_at, default=None)
    return None


def _unfinished(store: JobStore, *, owner: OwnerFilter) -> Iterable[JobRecord]:
    """Each once, as it was seen last."""
    jobs: dict[JobId, JobRecord] = {}
    for status in _UNFINISHED:
        found = store.history(limit=_PAGE, status=status, owner=owner)
        jobs.update((record.id, record) for record in found.jobs)
        while found.following is not None:
            found = store.history(after=found.following, limit=_PAGE, status=status, owner=owner)
            jobs.update((record.id, record) for record in found.jobs)
    return jobs.values()


def _is_same(plan: JobPlan, file: _File, wanted: Wanted) -> bool:
    if plan.source is None or plan.inspection is None or plan.dry_run is not wanted.dry_run:
        return False
    return file.is_behind(plan.source) and _is_read_so(plan.inspection, wanted)


def _is_read_so(inspection: Inspection, wanted: Wanted) -> bool:
    """Whether the file is being read as it is stated now."""
    if wanted.dialect is not None and wanted.dialect != inspection.dialect:
        return False
    if wanted.encoding is None:
        return True
    try:
        return codecs.lookup(wanted.encoding) == codecs.lookup(inspection.source_encoding or inspection.encoding)
    except LookupError:
        return False  # submitting the file says that there is no such encoding


class _File:
    """A file as it is now, beside those that jobs read. Its content is hashed only if one of them was spooled."""

    def __init__(self, local: LocalFile) -> None:
        self._local = local
        self._sha256: str | None = None

    def is_behind(self, source: LocalFile) -> bool:
        """Whether `source` is this file, or was spooled from the same bytes."""
        if not source.is_spooled:
            return source == self._local
        if source.sha256 is None or is_url(self._local.path) or not Path(source.path).exists():
            return False
        if self._sha256 is None:
            with read_errors(self._local.path), Path(self._local.path).open("rb") as opened:
                self._sha256 = hashlib.file_digest(opened, "sha256").hexdigest()
        return self._sha256 == source.sha256


def _file_at(source: str | os.PathLike[str]) -> LocalFile | None:
    """What a job would read of a source in place; None if it would spool it.

    Raises:
        FileError: As for `LocalFile.at` and `ranged`.
    """
    if not (isinstance(source, str) and is_url(source)):
        return LocalFile.at(source)
    from csvpipe._intake.remote import ranged  # noqa: PLC0415  # few need it

    return ranged(source)
