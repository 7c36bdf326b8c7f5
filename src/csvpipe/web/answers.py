"""What endpoints answer with. Jobs, errors and inspections are the library's own values."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import attrs

from csvpipe.errors import ErrorTotal, RowError
from csvpipe.jobs import JobId, JobRecord, JobStatus
from csvpipe.web.problems import Problem


@attrs.frozen(kw_only=True)
class UploadedFile:
    """What became of one file of an upload: a job, or a problem.

    Attributes:
        filename: As it is shown.
        job: The job that imports it; it has failed already where the file cannot be imported.
        problem: Why there is no job.
    """

    filename: str
    job: JobRecord | None = None
    problem: Problem | None = None


@attrs.frozen(kw_only=True)
class Upload:
    """What became of an upload.

    Attributes:
        files: One entry for each file, in the order in which they arrived.
        ignored: Names of parts of the form that mean nothing here, or came after the last file.
    """

    files: tuple[UploadedFile, ...]
    ignored: tuple[str, ...] = ()


@attrs.frozen(kw_only=True)
class Jobs:
    """A page of the owner's jobs, newest first.

    Attributes:
        jobs: At most `limit` of them.
        page: Counted from 1.
        limit: Jobs a page.
        total: Jobs on all pages; counted up to 10,000.
        is_total_exact: Whether these are all; otherwise there are at least so many.
        pages: Number of pages, or at least so many.
    """

    jobs: tuple[JobRecord, ...]
    page: int
    limit: int
    total: int
    is_total_exact: bool
    pages: int


@attrs.frozen(kw_only=True)
class History:
    """Some of the owner's jobs, newest first, and where to go on.

    Attributes:
        jobs: At most `limit` of them.
        following: What to say as `after` for the next ones; null where there are none.
    """

    jobs: tuple[JobRecord, ...]
    following: str | None


@attrs.frozen(kw_only=True)
class JobProgress:
    """How far a job is: what changes of it.

    Attributes:
        id: The job's.
        status: Where it stands.
        revision: Grows with every change.
        total_rows: Data records in the file; null until the whole file has been cut.
        processed_rows: Handled with success.
        failed_rows: Set aside with an error.
        skipped_rows: Left out by the handler.
        bytes_total: Size of the file.
        bytes_processed: How much of it is done.
        fraction: How much of the file is done, 0.0 to 1.0.
        success_rate: Processed rows over processed and failed ones; null before the first.
        rows_per_second: Mean pace; null before there is one.
        elapsed_seconds: Since the first start.
        eta_seconds: Expected seconds to the end; null where nothing is known.
        error_code: Why the job failed.
        error_message: The same, for a person.
        updated_at: When `revision` last grew.
    """

    id: JobId
    status: JobStatus
    revision: int
    total_rows: int | None
    processed_rows: int
    failed_rows: int
    skipped_rows: int
    bytes_total: int
    bytes_processed: int
    fraction: float
    success_rate: float | None
    rows_per_second: float | None
    elapsed_seconds: float
    eta_seconds: float | None
    error_code: str | None
    error_message: str | None
    updated_at: datetime

    @classmethod
    def of(cls, record: JobRecord) -> JobProgress:
        """Of a job as it is."""
        return cls(**{name: getattr(record, name) for name in attrs.fields_dict(cls)})


@attrs.frozen(kw_only=True)
class RowErrors:
    """A page of a job's row errors, in file order; a row's errors are never parted.

    Attributes:
        errors: About `limit` of them.
        next_after: What to say as `after` for the next page; null where there is nothing more.
    """

    errors: tuple[RowError, ...]
    next_after: int | None


@attrs.frozen(kw_only=True)
class ErrorTotals:
    """A job's row errors by code and column.

    Attributes:
        totals: Most frequent first, each with its first errors.
    """

    totals: tuple[ErrorTotal, ...]


@attrs.frozen(kw_only=True)
class PipelineColumn:
    """A column that the rows of a pipeline are made of.

    Attributes:
        name: What its header says, or one of the names that it may have.
        is_required: Whether a file must have it.
    """

    name: str
    is_required: bool


@attrs.frozen(kw_only=True)
class PipelineEntry:
    """A pipeline that files can be submitted to.

    Attributes:
        name: What to say as `pipeline`.
        columns: Those that its rows are made of; null where it takes whatever a file has.
    """

    name: str
    columns: tuple[PipelineColumn, ...] | None


@attrs.frozen(kw_only=True)
class Pipelines:
    """All pipelines that files can be submitted to.

    Attributes:
        pipelines: By name.
    """

    pipelines: tuple[PipelineEntry, ...]


@attrs.frozen(kw_only=True)
class Health:
    """Whether the server is there, or can take files in.

    Attributes:
        status: `ok`.
    """

    status: str = "ok"


#: JSON of a kind that is not described further.
Json = dict[str, Any]
