"""Spans and metrics, as the exporters of OpenTelemetry's own SDK have them."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import attrs
import pytest
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import HistogramDataPoint, InMemoryMetricReader
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import StatusCode, Tracer
from process_handlers import single
from tests.test_observing import Haunted, choosy, imported

import csvpipe
from csvpipe.jobs import JobStatus
from csvpipe.otel import OpenTelemetryObserver

pytestmark = pytest.mark.anyio

MakeCsv = Callable[..., Path]


@attrs.define
class Bench:
    """An SDK in memory, and an observer that uses it."""

    spans_out: InMemorySpanExporter
    reader: InMemoryMetricReader
    provider: TracerProvider
    observer: OpenTelemetryObserver

    @property
    def tracer(self) -> Tracer:
        """The application's."""
        return self.provider.get_tracer("application")

    def spans(self, name: str) -> list[ReadableSpan]:
        """Those that have ended, by their name, oldest first."""
        return [span for span in self.spans_out.get_finished_spans() if span.name == name]

    def measured(self) -> dict[tuple[str, str], float]:
        """By metric and the attribute that is not the pipeline: values, of histograms their counts."""
        found: dict[tuple[str, str], float] = {}
        data = self.reader.get_metrics_data()
        assert data is not None
        for resource in data.resource_metrics:
            for metric in (metric for scope in resource.scope_metrics for metric in scope.metrics):
                for point in metric.data.data_points:
                    told = [str(v) for k, v in (point.attributes or {}).items() if k != "csvpipe.pipeline"]
                    value = point.count if isinstance(point, HistogramDataPoint) else point.value
                    found[metric.name, "".join(told)] = value
        return found


@pytest.fixture
def make_bench() -> Callable[..., Bench]:
    """Make one, with what the observer takes."""

    def make(**options: Any) -> Bench:
        exporter, reader, provider = InMemorySpanExporter(), InMemoryMetricReader(), TracerProvider()
        provider.add_span_processor(SimpleSpanProcessor(exporter))
        observer = OpenTelemetryObserver(tracer_provider=provider, meter_provider=MeterProvider([reader]), **options)
        return Bench(exporter, reader, provider, observer)

    return make


@pytest.mark.parametrize("rows", [100, 5_000])
async def test_a_job_its_chunks_and_its_handler(make_csv: MakeCsv, make_bench: Callable[..., Bench], rows: int) -> None:
    """One trace; what is counted in it adds up to the job."""
    bench = make_bench()

    record = await imported(choosy, make_csv(rows), observers=[bench.observer], workers=2)

    [job] = bench.spans("csvpipe job")
    chunks, handles = bench.spans("csvpipe chunk"), bench.spans("csvpipe handle")
    assert job.attributes is not None
    assert job.context is not None
    assert None is job.parent
    assert (str(record.id), "numbers.csv", "choosy", 1, "completed", False) == tuple(
        job.attributes[f"csvpipe.{name}"]
        for name in ("job.id", "file.name", "pipeline", "job.attempt", "job.status", "job.is_takeover")
    )
    assert record.processed_rows == job.attributes["csvpipe.rows.processed"]
    assert record.processed_rows == sum(chunk.attributes["csvpipe.rows.processed"] for chunk in chunks)
    assert {job.context.span_id} == {chunk.parent.span_id for chunk in chunks}
    assert {chunk.context.span_id for chunk in chunks} == {handle.parent.span_id for handle in handles}
    assert 1 == len({span.context.trace_id for span in (job, *chunks, *handles)})
    assert job.status.is_ok or job.status.status_code is StatusCode.UNSET
    assert not any("owner" in name for span in (job, *chunks, *handles) for name in span.attributes)


async def test_what_is_measured(make_csv: MakeCsv, make_bench: Callable[..., Bench]) -> None:
    """Jobs by status, rows by outcome, errors by code, chunks, the queue."""
    store = csvpipe.MemoryJobStore()
    bench = make_bench(store=store)

    record = await imported(choosy, make_csv(5_000), store=store, observers=[bench.observer], workers=2)
    await imported(choosy, b"", store=store, observers=[bench.observer])

    measured = bench.measured()
    assert (1, 1) == (measured["csvpipe.jobs", "completed"], measured["csvpipe.jobs", "failed"])
    rows = [measured["csvpipe.rows", outcome] for outcome in ("processed", "failed", "skipped")]
    assert [record.processed_rows, record.failed_rows, record.skipped_rows] == rows
    assert record.failed_rows == measured["csvpipe.row_errors", "round"]
    assert len(bench.spans("csvpipe chunk")) == measured["csvpipe.chunk.duration", ""]
    assert len(bench.spans("csvpipe handle")) == measured["csvpipe.handle.duration", ""]
    assert (1, 0) == (measured["csvpipe.queue.wait", ""], measured["csvpipe.queue.age", ""])
    assert (1, 1, 0) == tuple(measured["csvpipe.store.jobs", each] for each in ("completed", "failed", "pending"))


async def test_codes_of_handlers_are_bounded(make_csv: MakeCsv, make_bench: Callable[..., Bench]) -> None:
    """A handler that makes a code of each row fills one series, not memory."""
    bench = make_bench()

    @csvpipe.pipeline(name="talkative")
    def talkative(row: csvpipe.Row) -> None:
        raise csvpipe.Reject("no", code=f"code-{row.number}")

    await imported(talkative, make_csv(1_000), observers=[bench.observer], workers=1)

    codes = {code: errors for (name, code), errors in bench.measured().items() if name == "csvpipe.row_errors"}
    assert (201, 800, 1) == (len(codes), codes["other"], codes["code-1"])


async def test_processes_are_traced(
    make_faults: Callable[..., Path], make_bench: Callable[..., Bench], shared: Path
) -> None:
    """Chunks of worker processes have spans, too, and their handling."""
    bench = make_bench()

    await imported(single, make_faults(20, {7: "raise"}), observers=[bench.observer], executor="process", workers=1)

    assert 1 == len(bench.spans("csvpipe job"))
    assert bench.spans("csvpipe chunk")
    assert len(bench.spans("csvpipe chunk")) == len(bench.spans("csvpipe handle"))


async def test_spans_of_a_handler_are_below_its_chunk(make_csv: MakeCsv, make_bench: Callable[..., Bench]) -> None:
    """In a thread and in the event loop."""
    bench = make_bench()

    @csvpipe.pipeline(name="now")
    def now(row: csvpipe.Row) -> None:
        bench.tracer.start_span("of the handler").end()

    @csvpipe.pipeline(name="later")
    async def later(row: csvpipe.Row) -> None:
        bench.tracer.start_span("of the handler").end()

    for pipeline in (now, later):
        await imported(pipeline, make_csv(3), observers=[bench.observer])

    chunks = {span.context.span_id for span in bench.spans("csvpipe chunk")}
    assert 2 == len(chunks)
    assert chunks == {span.parent and span.parent.span_id for span in bench.spans("of the handler")}


async def test_a_job_is_linked_to_where_it_was_submitted(make_csv: MakeCsv, make_bench: Callable[..., Bench]) -> None:
    """By a link, or as its child if that is wanted."""
    for is_child in (False, True):
        bench = make_bench(is_child=is_child)

        with bench.tracer.start_as_current_span("request") as request:
            await imported(choosy, make_csv(5), observers=[bench.observer])

        [job], here = bench.spans("csvpipe job"), request.get_span_context()
        assert ([] if is_child else [here.span_id]) == [link.context.span_id for link in job.links]
        assert (here.span_id if is_child else None) == (job.parent and job.parent.span_id)
        assert is_child is (job.context.trace_id == here.trace_id)


def test_who_calls_run_is_linked_to(make_csv: MakeCsv, make_bench: Callable[..., Bench]) -> None:
    """The thread in which `csvpipe.run` works knows in which span it was called."""
    bench = make_bench()

    with bench.tracer.start_as_current_span("script") as script:
        csvpipe.run(choosy, make_csv(5), observers=[bench.observer])

    [job] = bench.spans("csvpipe job")
    assert [script.get_span_context().span_id] == [link.context.span_id for link in job.links]


async def test_a_failed_job_and_its_retry(make_csv: MakeCsv, make_bench: Callable[..., Bench]) -> None:
    """The failure is the span's; the next attempt is linked to it, and then nothing is remembered."""
    bench, attempts = make_bench(), []

    @csvpipe.pipeline
    def flaky(row: csvpipe.Row, context: csvpipe.Context) -> None:
        attempts.append(context.attempt)
        if context.attempt == 1:
            raise csvpipe.Abort("not today")

    async with csvpipe.WorkerPool(pipelines=[flaky], observers=[bench.observer]) as pool:
        job = await pool.submit(flaky, make_csv(5))
        await job.wait()
        await job.retry()
        await job.wait()

    first, second = bench.spans("csvpipe job")
    assert StatusCode.ERROR is first.status.status_code
    assert "aborted" == first.attributes["error.type"]
    assert [first.context.span_id] == [link.context.span_id for link in second.links]
    assert "<OpenTelemetryObserver, 0 jobs are remembered>" == repr(bench.observer)


async def test_takeovers_are_counted(make_csv: MakeCsv, make_bench: Callable[..., Bench]) -> None:
    """One that took a job over says so in the span, and counts it."""
    bench = make_bench()

    await imported(choosy, make_csv(5), store=Haunted(), observers=[bench.observer])

    [job] = bench.spans("csvpipe job")
    assert (True, 2) == (job.attributes["csvpipe.job.is_takeover"], job.attributes["csvpipe.job.attempt"])
    assert 1 == bench.measured()["csvpipe.lease.takeovers", ""]


async def test_a_job_that_is_lost(make_csv: MakeCsv, make_bench: Callable[..., Bench]) -> None:
    """Its span ends as an error, and it does not count as a job that has ended."""
    bench = make_bench()
    record = await imported(choosy, make_csv(5))

    watching = bench.observer.job_started(record, is_takeover=False)
    chunk = watching.chunk_started(first_row=1, start=0)
    chunk.ended(None)
    watching.ended(record, is_lost=True)

    [job], [part] = bench.spans("csvpipe job"), bench.spans("csvpipe chunk")
    assert {StatusCode.ERROR} == {job.status.status_code, part.status.status_code}
    measured = bench.measured()
    assert 1 == measured["csvpipe.lease.losses", ""]
    assert ("csvpipe.jobs", "completed") not in measured


async def test_a_submission_that_is_heard_of_late(make_csv: MakeCsv, make_bench: Callable[..., Bench]) -> None:
    """A job may be claimed before its submitter goes on; the link is added then."""
    bench = make_bench()
    job = attrs.evolve(await imported(choosy, make_csv(5)), status=JobStatus.PROCESSING)

    watching = bench.observer.job_started(job, is_takeover=False)
    with bench.tracer.start_as_current_span("request"):
        bench.observer.job_submitted(job)
    watching.ended(job, is_lost=False)

    assert 1 == len(bench.spans("csvpipe job")[0].links)


def test_the_api_is_imported_only_when_asked_for() -> None:
    """A pool that nobody observes loads nothing of it."""
    program = (
        "import csvpipe, sys\n"
        "import csvpipe.pool, csvpipe.sync\n"
        "print({'opentelemetry', 'prometheus_client'} & sys.modules.keys())"
    )

    printed = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True).stdout

    assert "set()" == printed.strip()
