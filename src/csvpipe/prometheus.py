"""Metrics for Prometheus: an observer that counts in this process, and a look at the store when they are asked for.

It needs the extra `prometheus`. The web door gives them at `/metrics` (`create_app(..., metrics=True)`); elsewhere they
are in the registry that the application exposes anyway. They have names of pipelines and codes of errors, and nothing
of files, owners or cells.
"""

from __future__ import annotations

from collections.abc import Iterator
from importlib.util import find_spec
from typing import Final

from csvpipe.errors import MissingExtraError

if find_spec("prometheus_client") is None:
    raise MissingExtraError("csvpipe.prometheus", "prometheus")

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector

from csvpipe._report.codes import Codes
from csvpipe.jobs import JobRecord
from csvpipe.logs import tell_failure
from csvpipe.observing import ChunkObserver, ChunkReport, JobObserver, Observer
from csvpipe.store.overview import Overseer
from csvpipe.store.protocol import JobStore

_SECONDS: Final = (0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


class PrometheusObserver(Observer):
    """Give it to a pool: `WorkerPool(observers=[PrometheusObserver()])`. Several pools may share it.

    Args:
        registry: Where the metrics are; by default one of its own. `prometheus_client.REGISTRY` for the common one.
        store: Whose jobs are counted by status, and whose queue's age is told; None for neither.
        keep_seconds: The store is asked no more often than that, however often metrics are.

    Attributes:
        registry: As above.

    Raises:
        ValueError: The registry has metrics of these names already.

    Example:
        >>> import csvpipe
        >>> from csvpipe.prometheus import PrometheusObserver
        >>> @csvpipe.pipeline
        ... def greet(row: csvpipe.Row) -> None: ...
        >>> metrics = PrometheusObserver()
        >>> [record] = csvpipe.run(greet, "people.csv", observers=[metrics])
        >>> 'csvpipe_rows_total{outcome="processed",pipeline="greet"} 6.0' in metrics.text().decode()
        True
    """

    def __init__(
        self,
        registry: CollectorRegistry | None = None,
        *,
        store: JobStore | None = None,
        keep_seconds: float = 10.0,
    ) -> None:
        self._keep_seconds = keep_seconds
        self.registry = CollectorRegistry() if registry is None else registry
        self._codes = Codes()
        self._ended = Counter(
            "csvpipe_jobs_ended",
            "Attempts at jobs that have come to an end in this process, by the job's status.",
            ("pipeline", "status"),
            registry=self.registry,
        )
        self._rows = Counter(
            "csvpipe_rows", "Rows, by what became of them.", ("pipeline", "outcome"), registry=self.registry
        )
        self._errors = Counter(
            "csvpipe_row_errors", "Row errors, by code.", ("pipeline", "code"), registry=self.registry
        )
        self._failures = Counter(
            "csvpipe_job_failures", "Jobs that have failed, by code.", ("pipeline", "code"), registry=self.registry
        )
        self._chunks = Histogram(
            "csvpipe_chunk_seconds",
            "How long workers were about a chunk.",
            ("pipeline",),
            buckets=_SECONDS,
            registry=self.registry,
        )
        self._handling = Histogram(
            "csvpipe_handle_seconds",
            "How long the rows of a chunk were with the handler.",
            ("pipeline",),
            buckets=_SECONDS,
            registry=self.registry,
        )
        self._takeovers = Counter(
            "csvpipe_lease_takeovers",
            "Jobs taken over whose worker fell silent.",
            ("pipeline",),
            registry=self.registry,
        )
        self._losses = Counter(
            "csvpipe_lease_losses",
            "Jobs that this process has lost to another one.",
            ("pipeline",),
            registry=self.registry,
        )
        self._queue: _Queue | None = None
        if store is not None:
            self.watch(store)

    def __repr__(self) -> str:
        return f"<PrometheusObserver of {self.registry!r}>"

    def watch(self, store: JobStore) -> None:
        """Tell of this store from now on, in place of another one."""
        overseer = Overseer(store, keep_seconds=self._keep_seconds)
        if self._queue is None:
            self._queue = _Queue(overseer)
            self.registry.register(self._queue)
        self._queue.overseer = overseer

    def text(self) -> bytes:
        """All metrics of the registry, as Prometheus reads them; asks the store, so not for an event loop."""
        return generate_latest(self.registry)

    def answer(self, accept: str) -> tuple[bytes, str]:
        """`text` in the format that the header `Accept` asks for, and the type of that."""
        encode, media_type = choose_encoder(accept)
        return encode(self.registry), media_type

    def job_submitted(self, job: JobRecord) -> None:
        """See `Observer`."""
        if job.status.is_terminal and not job.attempt:  # refused: nobody is going to run it
            self._end(job)

    def job_started(self, job: JobRecord, *, is_takeover: bool) -> JobObserver:
        """See `Observer`."""
        self._takeovers.labels(job.pipeline).inc(is_takeover)
        return _Job(self, job.pipeline)

    def end(self, job: JobRecord, *, is_lost: bool) -> None:
        """An attempt is over."""
        if is_lost:
            self._losses.labels(job.pipeline).inc()
        elif job.status.is_terminal:
            self._end(job)

    def count(self, pipeline: str, report: ChunkReport) -> None:
        """A chunk is done."""
        self._chunks.labels(pipeline).observe(report.seconds)
        if report.handling is not None:
            self._handling.labels(pipeline).observe(report.handling.seconds)
        for outcome in ("processed", "failed", "skipped"):
            self._rows.labels(pipeline, outcome).inc(getattr(report, outcome))
        for code, errors in report.errors.items():
            self._errors.labels(pipeline, self._codes.label(code)).inc(errors)

    def _end(self, job: JobRecord) -> None:
        self._ended.labels(job.pipeline, job.status.value).inc()
        if job.error_code is not None:
            self._failures.labels(job.pipeline, job.error_code).inc()


class _Job(JobObserver):
    """One attempt; its chunks all tell the same."""

    def __init__(self, metrics: PrometheusObserver, pipeline: str) -> None:
        self._metrics = metrics
        self._chunk = _Chunk(metrics, pipeline)

    def chunk_started(self, *, first_row: int, start: int) -> ChunkObserver:  # noqa: ARG002  # no series for each
        """See `JobObserver`."""
        return self._chunk

    def ended(self, job: JobRecord, *, is_lost: bool) -> None:
        """See `JobObserver`."""
        self._metrics.end(job, is_lost=is_lost)


class _Chunk(ChunkObserver):
    """Any chunk of a job."""

    def __init__(self, metrics: PrometheusObserver, pipeline: str) -> None:
        self._metrics = metrics
        self._pipeline = pipeline

    def ended(self, report: ChunkReport | None) -> None:
        """See `ChunkObserver`."""
        if report is not None:
            self._metrics.count(self._pipeline, report)


class _Queue(Collector):
    """What only the store knows, looked up when it is asked for."""

    def __init__(self, overseer: Overseer) -> None:
        self.overseer = overseer

    def describe(self) -> Iterator[Metric]:
        """What there will be, without a look."""
        yield _jobs()
        yield _age()

    def collect(self) -> Iterator[Metric]:
        """What there is."""
        try:
            seen = self.overseer.look()
        except Exception as error:  # noqa: BLE001  # what was counted here is worth having all the same
            tell_failure(error, "the jobs of the store cannot be counted")
            return
        jobs, age = _jobs(), _age()
        for status, number in seen.jobs.items():
            jobs.add_metric([status.value], number)
        age.add_metric([], seen.queue_age_seconds)
        yield jobs
        yield age


def _jobs() -> GaugeMetricFamily:
    return GaugeMetricFamily("csvpipe_jobs", "Jobs in the store, by status.", labels=["status"])


def _age() -> GaugeMetricFamily:
    return GaugeMetricFamily(
        "csvpipe_queue_age_seconds",
        "Age of the oldest pending job, since its submission; 0 where there is none.",
        labels=[],
    )
