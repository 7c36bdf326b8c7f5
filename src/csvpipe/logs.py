"""What a log record of csvpipe's says beside its text: which job it is about.

All records go to the logger `csvpipe`. One that is about a job has the attributes `job_id` (a text), `pipeline`,
`file` (the job's `filename`, a name that every log record has for something else) and `attempt`; each is None where it
is not known at that place. One that is about a pipeline and no single job has `pipeline` alone. No record has a cell
of the file in any of them.
"""

from __future__ import annotations

import logging

from csvpipe.errors import StoreUnavailableError
from csvpipe.jobs import JobId, JobRecord

logger = logging.getLogger("csvpipe")


def about(record: JobRecord) -> dict[str, object]:
    """The `extra` of a log record about a job."""
    return about_job(record.id, pipeline=record.pipeline, file=record.filename, attempt=record.attempt)


def about_job(
    job_id: JobId, *, pipeline: str | None = None, file: str | None = None, attempt: int | None = None
) -> dict[str, object]:
    """`about`, where the job's record is not at hand."""
    return {"job_id": str(job_id), "pipeline": pipeline, "file": file, "attempt": attempt}


def tell_failure(error: Exception, text: str, *values: object, extra: dict[str, object] | None = None) -> None:
    """Log what a store has raised: with its traceback, or in a line where the store itself says that it is away.

    Args:
        error: What was raised.
        text: For the log, with places for `values`.
        values: See `text`.
        extra: See `about`.
    """
    if isinstance(error, StoreUnavailableError):
        logger.error(f"{text}: %s", *values, error, extra=extra, stacklevel=2)  # noqa: G004  # it is a template
    else:
        logger.error(text, *values, exc_info=error, extra=extra, stacklevel=2)


def about_pipeline(name: str) -> dict[str, object]:
    """The `extra` of a log record about what the jobs of a pipeline share."""
    return {"pipeline": name}
