"""Names of files in a spool: they say whose a file is, store and job, so that none is taken for another's."""

from __future__ import annotations

import re
from typing import Final, Literal
from uuid import UUID

import attrs

from csvpipe.jobs import JobId

_NAME: Final = re.compile(
    r"(?P<store>[a-z0-9]+)-(?P<job>[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})"
    r"(?:\.csv(?P<part>\.part)?|-\d+-(?P<attempt>\d+)\.errors)"
)


def upload_name(store_id: str, job_id: JobId) -> str:
    """Of the file that a job reads."""
    return f"{store_id}-{job_id}.csv"


def spill_name(store_id: str, job_id: JobId, *, start: int, attempt: int) -> str:
    """Of row errors over the budget: of this job, chunk and attempt, so that no name is ever used again."""
    return f"{store_id}-{job_id}-{start}-{attempt}.errors"


def files_of(store_id: str, job_id: JobId) -> str:
    """A pattern for all files of a job."""
    return f"{store_id}-{job_id}[.-]*"


@attrs.frozen(kw_only=True)
class Spooled:
    """What the name of a file in a spool says.

    Attributes:
        store_id: The store's identity.
        job_id: The job.
        kind: `part` for an upload that is being written, or was.
        attempt: Of a spill: the owner's token.
    """

    store_id: str
    job_id: JobId
    kind: Literal["upload", "part", "spill"]
    attempt: int = 0


def read_name(name: str) -> Spooled | None:
    """The inverse; None for a file that is not of this kind, and so none of ours."""
    found = _NAME.fullmatch(name)
    if found is None:
        return None
    attempt = found["attempt"]
    return Spooled(
        store_id=found["store"],
        job_id=JobId(UUID(found["job"])),
        kind="spill" if attempt is not None else "upload" if found["part"] is None else "part",
        attempt=int(attempt or 0),
    )
