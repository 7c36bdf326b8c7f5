"""All that may be asked, as one table: routes and the OpenAPI document are made of it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Final, Literal

import attrs
from starlette.responses import Response

from csvpipe._intake.inspection import Inspection
from csvpipe.jobs import JobRecord
from csvpipe.pool import Job
from csvpipe.web import jobs
from csvpipe.web.answers import ErrorTotals, Health, History, JobProgress, Jobs, Json, Pipelines, RowErrors, Upload
from csvpipe.web.door import Call
from csvpipe.web.inspecting import inspect
from csvpipe.web.parameters import (
    AFTER_JOB,
    AFTER_REVISION,
    AFTER_ROW,
    ENCODING,
    ERRORS_LIMIT,
    FILE_SIZE,
    FILENAME,
    FORM,
    HISTORY_LIMIT,
    IDEMPOTENCY_KEY,
    JOBS_LIMIT,
    LAST_EVENT_ID,
    OPEN_ONLY,
    PAGE,
    PIPELINE,
    STATUS,
    Parameter,
)
from csvpipe.web.problems import Kind
from csvpipe.web.rejects import rejects
from csvpipe.web.stream import stream
from csvpipe.web.upload import upload

Endpoint = Callable[[Call], Awaitable[Response]]


@attrs.frozen(kw_only=True)
class Operation:
    """One thing that may be asked.

    Attributes:
        name: Unique, for clients that are generated.
        method: Of HTTP.
        path: Past the prefix.
        endpoint: Answers.
        summary: One line.
        status: Where all goes well.
        answer: The type of its JSON; None for no body.
        media_type: Of what is no JSON.
        parameters: In query and headers.
        kinds: Problems besides those that every operation has.
        is_public: Whether it is not asked who asks, and the path stands without the prefix unless it is the document.
        body: What is sent: a form with files, or a file as it is.
    """

    name: str
    method: Literal["GET", "POST", "DELETE"]
    path: str
    endpoint: Endpoint
    summary: str
    status: int = 200
    answer: Any = None
    media_type: str = "application/json"
    parameters: tuple[Parameter, ...] = ()
    kinds: tuple[Kind, ...] = ()
    is_public: bool = False
    body: Literal["form", "file"] | None = None


_JOB: Final = "/jobs/{job_id}"
_INVALID: Final = (Kind.PARAMETER_INVALID,)
_VERB_KINDS: Final = (Kind.CROSS_SITE, Kind.JOB_NOT_FOUND, Kind.TRANSITION)


def _of_job(name: str, path: str, endpoint: Endpoint, summary: str, answer: Any, **more: Any) -> Operation:
    kinds = (Kind.JOB_NOT_FOUND, *more.pop("kinds", ()))
    return Operation(
        name=name,
        method="GET",
        path=f"{_JOB}{path}",
        endpoint=endpoint,
        summary=summary,
        answer=answer,
        kinds=kinds,
        **more,
    )


def _verb(name: str, ask: Callable[[Job], Awaitable[JobRecord]], summary: str) -> Operation:
    return Operation(
        name=f"{name}_job",
        method="POST",
        path=f"{_JOB}/{name}",
        endpoint=jobs.verb(ask),
        summary=summary,
        answer=JobRecord,
        kinds=(*_VERB_KINDS, *((Kind.PARENT_CONFLICT,) if name == "retry" else ())),
    )


OPERATIONS: Final = (
    Operation(
        name="upload_files",
        method="POST",
        path="/upload",
        endpoint=upload,
        summary="Upload files; each becomes a job, or has a problem of its own.",
        status=202,
        answer=Upload,
        parameters=(*FORM, IDEMPOTENCY_KEY),
        kinds=(
            Kind.BODY_TOO_LARGE,
            Kind.CROSS_SITE,
            Kind.FILES_MISSING,
            Kind.JOB_NOT_FOUND,
            Kind.MALFORMED_BODY,
            Kind.PARAMETER_INVALID,
            Kind.PIPELINE_NOT_FOUND,
            Kind.TOO_MANY_PARTS,
            Kind.TOO_SLOW,
            Kind.UNSUPPORTED_MEDIA_TYPE,
        ),
        body="form",
    ),
    Operation(
        name="inspect_file",
        method="POST",
        path="/inspect",
        endpoint=inspect,
        summary="Find out how a file would be read, and try its first rows: nothing is imported or kept. The beginning "
        "of the file is enough.",
        answer=Inspection,
        parameters=(PIPELINE, ENCODING, FILENAME, FILE_SIZE),
        kinds=(
            Kind.BODY_TOO_LARGE,
            Kind.CROSS_SITE,
            Kind.ENCODING_UNKNOWN,
            Kind.FILE_REFUSED,
            Kind.FILE_TOO_LARGE,
            Kind.PARAMETER_INVALID,
            Kind.PIPELINE_MISSING,
            Kind.PIPELINE_NOT_FOUND,
            Kind.TOO_SLOW,
        ),
        body="file",
    ),
    Operation(
        name="list_pipelines",
        method="GET",
        path="/pipelines",
        endpoint=jobs.pipelines,
        summary="The pipelines that files can be submitted to.",
        answer=Pipelines,
    ),
    Operation(
        name="list_jobs",
        method="GET",
        path="/jobs",
        endpoint=jobs.jobs,
        summary="A page of your jobs, newest first.",
        answer=Jobs,
        parameters=(PAGE, JOBS_LIMIT, STATUS),
        kinds=_INVALID,
    ),
    Operation(
        name="read_history",
        method="GET",
        path="/history",
        endpoint=jobs.history,
        summary="Your jobs, newest first, to be read on and on: the last of a million costs what the first does.",
        answer=History,
        parameters=(AFTER_JOB, HISTORY_LIMIT, STATUS),
        kinds=_INVALID,
    ),
    _of_job("get_job", "", jobs.job, "The job as it is now.", JobRecord),
    Operation(
        name="delete_job",
        method="DELETE",
        path=_JOB,
        endpoint=jobs.delete,
        summary="Remove the job, its upload and its errors.",
        status=204,
        kinds=(*_VERB_KINDS, Kind.PARENT_CONFLICT),
    ),
    _of_job("get_progress", "/progress", jobs.progress, "How far it is.", JobProgress),
    _of_job(
        "stream_events",
        "/stream",
        stream,
        "Follow it to its end: Server-Sent Events, with the revision as id and a JobEvent as data. 204 where the end "
        "has been seen.",
        str,
        media_type="text/event-stream",
        parameters=(AFTER_REVISION, LAST_EVENT_ID),
        kinds=_INVALID,
    ),
    _of_job(
        "list_errors",
        "/errors",
        jobs.row_errors,
        "A page of its row errors, in file order.",
        RowErrors,
        parameters=(ERRORS_LIMIT, AFTER_ROW),
        kinds=_INVALID,
    ),
    _of_job(
        "summarize_errors", "/errors/summary", jobs.error_summary, "Its row errors by code and column.", ErrorTotals
    ),
    _of_job(
        "get_inspection",
        "/inspection",
        jobs.inspection,
        "How its file is read, on what evidence; null where it was refused.",
        Inspection | None,
    ),
    _of_job(
        "download_rejects",
        "/rejects.csv",
        rejects,
        "Its rejected rows with the reasons, to be mended and uploaded with parent=.",
        str,
        media_type="text/csv",
        parameters=(OPEN_ONLY,),
        kinds=(Kind.SOURCE_GONE, *_INVALID),
    ),
    _verb("pause", Job.pause, "Stop at the next row."),
    _verb("resume", Job.resume, "Let it go on where it stopped."),
    _verb("cancel", Job.cancel, "End it at the next row, for good."),
    _verb("retry", Job.retry, "Let a failed job go on from what is done."),
)

#: Without the prefix, and asked by machines that know no token.
SIGNS_OF_LIFE: Final = (
    Operation(
        name="get_health",
        method="GET",
        path="/health",
        endpoint=jobs.health,
        summary="Whether the server answers.",
        answer=Health,
        is_public=True,
    ),
    Operation(
        name="get_readiness",
        method="GET",
        path="/ready",
        endpoint=jobs.ready,
        summary="Whether files can be taken in, and the store answers.",
        answer=Health,
        kinds=(Kind.UNAVAILABLE,),
        is_public=True,
    ),
)


def document_operation(endpoint: Endpoint) -> Operation:
    """The one that gives the OpenAPI document."""
    return Operation(
        name="get_openapi",
        method="GET",
        path="/openapi.json",
        endpoint=endpoint,
        summary="This document.",
        answer=Json,
        is_public=True,
    )
