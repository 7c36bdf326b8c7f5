"""Traces and metrics for OpenTelemetry: an observer that makes spans and measurements of what a pool does.

It needs the extra `otel`, which is the API alone: the application sets up the SDK and its exporters, and without that
nothing is recorded.

Spans:

    csvpipe job      one attempt at a job, from its claim until the pool lets go of it; a trace of its own
      csvpipe chunk    a worker has a part of the file in hand; what a handler makes spans of is below it
        csvpipe handle   from the first to the last row that the handler was called with

There is no span of a row: that would cost more than the row. `csvpipe job` has a link to the span in which the file was
submitted, and one to the attempt before, as far as this process knows them: a job that another process takes over is
found by its attribute `csvpipe.job.id`. What is recorded has names of files, and no owner and no cell.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager
from importlib.metadata import version
from importlib.util import find_spec
from typing import Final

from csvpipe.errors import MissingExtraError

if find_spec("opentelemetry") is None:
    raise MissingExtraError("csvpipe.otel", "otel")

import attrs
from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.metrics import (
    CallbackOptions,
    Counter,
    Histogram,
    Meter,
    MeterProvider,
    Observation,
    get_meter_provider,
)
from opentelemetry.trace import Link, NonRecordingSpan, Span, SpanContext, SpanKind, Status, StatusCode, Tracer
from opentelemetry.util.types import AttributeValue

from csvpipe._report.codes import Codes
from csvpipe.jobs import JobId, JobRecord, JobStatus
from csvpipe.observing import ChunkObserver, ChunkReport, JobObserver, Observer
from csvpipe.store.overview import Overseer
from csvpipe.store.protocol import JobStore

#: Of so many jobs that have not ended it is remembered what their next spans are linked to.
_JOBS_KEPT: Final = 10_000

#: Bounds of the durations of chunks, in seconds; a worker returns what it has done after one.
_CHUNK_SECONDS: Final = (0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)

_WAIT_SECONDS: Final = (0.01, 0.1, 0.5, 1.0, 5.0, 15.0, 60.0, 300.0, 1800.0, 7200.0)

_Attributes = dict[str, AttributeValue]


class OpenTelemetryObserver(Observer):
    """Give it to a pool: `WorkerPool(observers=[OpenTelemetryObserver()])`. Several pools may share it.

    Args:
        tracer_provider: The application's; by default the global one.
        meter_provider: The same.
        store: Whose queue is measured, too, whenever metrics are collected; None for no such measurement. One process
            of those that share a store is enough.
        is_child: Whether a job's span is a child of the span in which the file was submitted, in the same trace, rather
            than linked to it: for those who wait for the job there.

    Example:
        >>> import csvpipe
        >>> from csvpipe.otel import OpenTelemetryObserver
        >>> @csvpipe.pipeline
        ... def greet(row: csvpipe.Row) -> None: ...
        >>> [record] = csvpipe.run(greet, "people.csv", observers=[OpenTelemetryObserver()])
    """

    def __init__(
        self,
        *,
        tracer_provider: trace.TracerProvider | None = None,
        meter_provider: MeterProvider | None = None,
        store: JobStore | None = None,
        is_child: bool = False,
    ) -> None:
        name, release = "csvpipe", version("csvpipe")
        self._tracer = trace.get_tracer(name, release, tracer_provider)
        meter = (meter_provider or get_meter_provider()).get_meter(name, release)
        self._instruments = _Instruments(meter)
        if store is not None:
            _measure_queue(meter, Overseer(store))
        self._is_child = is_child
        self._lock = threading.Lock()
        self._known: OrderedDict[JobId, _Known] = OrderedDict()

    def __repr__(self) -> str:
        return f"<OpenTelemetryObserver, {len(self._known)} jobs are remembered>"

    def job_submitted(self, job: JobRecord) -> None:
        """See `Observer`."""
        here = trace.get_current_span().get_span_context()
        if here.is_valid and not job.status.is_terminal:
            known = self._of_job(job.id)
            known.submitted = here
            if known.last is not None:  # claimed before we heard of it
                known.last.add_link(here)
        if job.status.is_terminal and not job.attempt:  # refused: nobody is going to run it
            self._instruments.jobs.add(1, {**_of(job), "csvpipe.job.status": job.status.value})

    def job_started(self, job: JobRecord, *, is_takeover: bool) -> JobObserver:
        """See `Observer`."""
        if is_takeover:
            self._instruments.takeovers.add(1, _of(job))
        elif job.attempt == 1 and job.started_at is not None:
            waited = (job.started_at - job.created_at).total_seconds()
            self._instruments.waits.record(max(0.0, waited), _of(job))
        known, context, links = self._of_job(job.id), Context(), []
        if known.submitted is not None and self._is_child:
            context = trace.set_span_in_context(NonRecordingSpan(known.submitted), context)
        elif known.submitted is not None:
            links.append(Link(known.submitted))
        if known.last is not None:
            links.append(Link(known.last.get_span_context()))
        span = self._tracer.start_span(
            "csvpipe job",
            context=context,
            kind=SpanKind.CONSUMER,
            links=links,
            attributes={
                **_of(job),
                "csvpipe.job.id": str(job.id),
                "csvpipe.job.attempt": job.attempt,
                "csvpipe.job.is_takeover": is_takeover,
                "csvpipe.file.name": job.filename,
                "csvpipe.file.size": job.bytes_total,
            },
        )
        known.last = span
        return _Job(self, self._tracer, self._instruments, span, job)

    def forget(self, job_id: JobId) -> None:
        """A job has ended: nothing follows that might be linked to what was before."""
        with self._lock:
            self._known.pop(job_id, None)

    def _of_job(self, job_id: JobId) -> _Known:
        with self._lock:
            known = self._known.setdefault(job_id, _Known())
            while len(self._known) > _JOBS_KEPT:
                self._known.popitem(last=False)
            return known


@attrs.define(eq=False)
class _Known:
    """What a job's next span is linked to: where it was submitted, and its last attempt."""

    submitted: SpanContext | None = None
    last: Span | None = None


class _Instruments:
    """What is measured; names and units as OpenTelemetry would have them."""

    def __init__(self, meter: Meter) -> None:
        self.codes = Codes()
        self.jobs: Counter = meter.create_counter(
            "csvpipe.jobs", unit="{job}", description="Attempts at jobs that have come to an end, by the job's status."
        )
        self.rows: Counter = meter.create_counter(
            "csvpipe.rows", unit="{row}", description="Rows, by what became of them."
        )
        self.errors: Counter = meter.create_counter(
            "csvpipe.row_errors", unit="{error}", description="Row errors, by code."
        )
        self.takeovers: Counter = meter.create_counter(
            "csvpipe.lease.takeovers", unit="{job}", description="Jobs taken over whose worker fell silent."
        )
        self.losses: Counter = meter.create_counter(
            "csvpipe.lease.losses", unit="{job}", description="Jobs that this process has lost to another one."
        )
        self.chunks: Histogram = meter.create_histogram(
            "csvpipe.chunk.duration",
            unit="s",
            description="How long workers were about a chunk.",
            explicit_bucket_boundaries_advisory=_CHUNK_SECONDS,
        )
        self.handling: Histogram = meter.create_histogram(
            "csvpipe.handle.duration",
            unit="s",
            description="How long the rows of a chunk were with the handler.",
            explicit_bucket_boundaries_advisory=_CHUNK_SECONDS,
        )
        self.waits: Histogram = meter.create_histogram(
            "csvpipe.queue.wait",
            unit="s",
            description="From a job's submission to its first start.",
            explicit_bucket_boundaries_advisory=_WAIT_SECONDS,
        )


def _measure_queue(meter: Meter, overseer: Overseer) -> None:
    def age(_options: CallbackOptions) -> Iterable[Observation]:
        yield Observation(overseer.look().queue_age_seconds)

    def jobs(_options: CallbackOptions) -> Iterator[Observation]:
        for status, number in overseer.look().jobs.items():
            yield Observation(number, {"csvpipe.job.status": status.value})

    meter.create_observable_gauge(
        "csvpipe.queue.age", [age], unit="s", description="Age of the oldest pending job; 0 where there is none."
    )
    meter.create_observable_gauge(
        "csvpipe.store.jobs", [jobs], unit="{job}", description="Jobs in the store, by status."
    )


class _Job(JobObserver):
    """The span of one attempt."""

    def __init__(
        self, observer: OpenTelemetryObserver, tracer: Tracer, instruments: _Instruments, span: Span, job: JobRecord
    ) -> None:
        self._observer = observer
        self._tracer = tracer
        self._instruments = instruments
        self._span = span
        self._attributes = _of(job)
        self._context = trace.set_span_in_context(span, Context())

    def chunk_started(self, *, first_row: int, start: int) -> ChunkObserver:
        """See `JobObserver`."""
        span = self._tracer.start_span(
            "csvpipe chunk",
            context=self._context,
            attributes={**self._attributes, "csvpipe.chunk.first_row": first_row, "csvpipe.chunk.start": start},
        )
        return _Chunk(self._tracer, self._instruments, span, self._attributes)

    def ended(self, job: JobRecord, *, is_lost: bool) -> None:
        """See `JobObserver`."""
        outcome = "lost" if is_lost else job.status.value
        self._span.set_attributes(
            {
                "csvpipe.job.status": outcome,
                "csvpipe.rows.processed": job.processed_rows,
                "csvpipe.rows.failed": job.failed_rows,
                "csvpipe.rows.skipped": job.skipped_rows,
            }
        )
        if is_lost:
            self._span.set_status(Status(StatusCode.ERROR, "the lease was lost"))
            self._instruments.losses.add(1, self._attributes)
        elif job.status is JobStatus.FAILED:
            self._span.set_attribute("error.type", job.error_code or "")
            self._span.set_status(Status(StatusCode.ERROR, job.error_message))
        self._span.end()
        if job.status.is_terminal and not is_lost:
            self._instruments.jobs.add(1, {**self._attributes, "csvpipe.job.status": outcome})
            if job.status is not JobStatus.FAILED:  # that may be retried
                self._observer.forget(job.id)


class _Chunk(ChunkObserver):
    """The span of a chunk."""

    def __init__(self, tracer: Tracer, instruments: _Instruments, span: Span, attributes: _Attributes) -> None:
        self._tracer = tracer
        self._instruments = instruments
        self._span = span
        self._attributes = attributes

    def around(self) -> AbstractContextManager[object]:
        """See `ChunkObserver`: what the handler makes spans of is below the chunk's."""
        return trace.use_span(self._span, record_exception=False, set_status_on_exception=False)

    def ended(self, report: ChunkReport | None) -> None:
        """See `ChunkObserver`."""
        span, instruments = self._span, self._instruments
        if report is None:
            span.set_status(Status(StatusCode.ERROR, "the worker did not come back"))
            span.end()
            return
        span.set_attributes(
            {
                "csvpipe.chunk.bytes": report.bytes,
                "csvpipe.rows.processed": report.processed,
                "csvpipe.rows.failed": report.failed,
                "csvpipe.rows.skipped": report.skipped,
            }
        )
        if report.failure is not None:
            span.set_attribute("error.type", report.failure)
            span.set_status(Status(StatusCode.ERROR))
        if (handling := report.handling) is not None:
            self._tracer.start_span(
                "csvpipe handle",
                context=trace.set_span_in_context(span, Context()),
                start_time=handling.started_ns,
                attributes={**self._attributes, "csvpipe.handle.seconds": handling.seconds},
            ).end(handling.ended_ns)
            instruments.handling.record(handling.seconds, self._attributes)
        span.end(report.ended_ns)
        instruments.chunks.record(report.seconds, self._attributes)
        for outcome in ("processed", "failed", "skipped"):
            if rows := getattr(report, outcome):
                instruments.rows.add(rows, {**self._attributes, "csvpipe.row.outcome": outcome})
        for code, errors in report.errors.items():
            instruments.errors.add(errors, {**self._attributes, "csvpipe.error.code": instruments.codes.label(code)})


def _of(job: JobRecord) -> _Attributes:
    return {"csvpipe.pipeline": job.pipeline}
