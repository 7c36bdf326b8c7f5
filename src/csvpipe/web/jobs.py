"""Questions about jobs, and what may be done to them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from starlette.responses import Response

from csvpipe.jobs import JobRecord
from csvpipe.pipeline import Pipeline
from csvpipe.pool import Job
from csvpipe.rowtypes.schema import Field
from csvpipe.web.answers import (
    ErrorTotals,
    Health,
    History,
    JobProgress,
    Jobs,
    PipelineColumn,
    PipelineEntry,
    Pipelines,
    RowErrors,
)
from csvpipe.web.door import Call, is_open
from csvpipe.web.parameters import AFTER_JOB, AFTER_ROW, ERRORS_LIMIT, HISTORY_LIMIT, JOBS_LIMIT, PAGE, status_of
from csvpipe.web.plain import answer
from csvpipe.web.problems import Kind, Refusal


async def jobs(call: Call) -> Response:
    """A page of the owner's jobs."""
    page = await call.door.pool.jobs(
        page=PAGE.count(call.request),
        limit=JOBS_LIMIT.count(call.request),
        status=status_of(call.request),
        owner=call.owner,
    )
    return answer(
        Jobs(
            jobs=page.jobs,
            page=page.page,
            limit=page.limit,
            total=page.total,
            is_total_exact=page.is_total_exact,
            pages=page.pages,
        )
    )


async def history(call: Call) -> Response:
    """Some of the owner's jobs, and where to go on.

    Raises:
        Refusal: `after` is of no earlier answer.
    """
    after, limit, status = AFTER_JOB.text(call.request), HISTORY_LIMIT.count(call.request), status_of(call.request)
    try:
        found = await call.door.pool.history(after=after, limit=limit, status=status, owner=call.owner)
    except ValueError:
        raise Refusal(Kind.PARAMETER_INVALID, "after must be what `following` of an earlier answer said") from None
    return answer(History(jobs=found.jobs, following=found.following))


async def job(call: Call) -> Response:
    """The job as it is now."""
    _, record = await call.job()
    return answer(record)


async def progress(call: Call) -> Response:
    """What changes of it."""
    _, record = await call.job()
    return answer(JobProgress.of(record))


async def row_errors(call: Call) -> Response:
    """A page of its row errors."""
    found, _ = await call.job()
    limit = ERRORS_LIMIT.count(call.request)
    errors = await found.row_errors(limit=limit, after=AFTER_ROW.count(call.request))
    return answer(RowErrors(errors=tuple(errors), next_after=errors[-1].row if len(errors) >= limit else None))


async def error_summary(call: Call) -> Response:
    """Its row errors by code and column."""
    found, _ = await call.job()
    return answer(ErrorTotals(totals=tuple(await found.error_summary())))


async def inspection(call: Call) -> Response:
    """How its file is read; null where it was refused."""
    found, _ = await call.job()
    known = await found.inspection()
    return answer(None if known is None else known.to_dict())


async def delete(call: Call) -> Response:
    """Remove it."""
    found, _ = await call.job()
    await found.delete()
    return Response(status_code=204)


def verb(ask: Callable[[Job], Awaitable[JobRecord]]) -> Callable[[Call], Awaitable[Response]]:
    """Ask something of it."""

    async def asked(call: Call) -> Response:
        found, _ = await call.job()
        return answer(await ask(found))

    return asked


async def pipelines(call: Call) -> Response:
    """Those on offer."""
    return answer(Pipelines(pipelines=tuple(_entry(pipeline) for pipeline in call.door.pipelines())))


def _entry(pipeline: Pipeline[..., object]) -> PipelineEntry:
    schema = pipeline.signature.row_schema
    return PipelineEntry(
        name=pipeline.name,
        columns=None if schema is None else tuple(_column(field) for field in schema.fields),
    )


def _column(field: Field) -> PipelineColumn:
    return PipelineColumn(name=field.headers[0], is_required=not field.has_default)


async def health(_call: Call) -> Response:
    """The server answers."""
    return answer(Health())


async def ready(call: Call) -> Response:
    """The pool takes files, and its store answers.

    Raises:
        Refusal: Not at the moment.
    """
    pool = call.door.pool
    if not is_open(pool):
        raise Refusal(Kind.UNAVAILABLE, "the pool takes no files at the moment")
    await pool.jobs(limit=1)
    return answer(Health())
