"""What observers cost.

The same import without an observer, with OpenTelemetry's API and no SDK behind it, with the SDK and an exporter that
drops what it is given in batches, and with Prometheus' counters. An observer is told of jobs and chunks, never of rows:
of a large file it costs next to nothing, of a file of ten rows about as much as it takes to make three spans. Without
one nothing is measured, and nothing loaded.
"""

from collections.abc import Callable
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from generate import Kind, write_rows
from report import Contender, Contest

import csvpipe

pytestmark = pytest.mark.timeout(900)

ROWS = 400_000
FILES = 300
FILE_ROWS = 10


@csvpipe.pipeline
def take_text(row: list[str]) -> None:
    """Nothing is done with a row."""


def observers() -> dict[str, Callable[[], Any]]:
    """What makes each kind of observer."""
    ways: dict[str, Callable[[], Any]] = {}
    if find_spec("opentelemetry") is not None:
        from csvpipe.otel import OpenTelemetryObserver  # noqa: PLC0415  # an extra

        ways["OpenTelemetry, API alone"] = OpenTelemetryObserver
    if find_spec("prometheus_client") is not None:
        from csvpipe.prometheus import PrometheusObserver  # noqa: PLC0415  # the same

        ways["Prometheus"] = PrometheusObserver
    if find_spec("opentelemetry.sdk") is not None:
        ways["OpenTelemetry, SDK"] = sdk_observer
    return ways


def sdk_observer() -> Any:
    """An observer with a whole SDK, as an application would set it up, but for the network."""
    from opentelemetry.sdk.metrics import MeterProvider  # noqa: PLC0415  # may be missing
    from opentelemetry.sdk.metrics.export import InMemoryMetricReader  # noqa: PLC0415
    from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415
    from opentelemetry.sdk.trace.export import (  # noqa: PLC0415
        BatchSpanProcessor,
        SpanExporter,
        SpanExportResult,
    )

    from csvpipe.otel import OpenTelemetryObserver  # noqa: PLC0415

    class Drop(SpanExporter):
        def export(self, spans: Any) -> SpanExportResult:
            return SpanExportResult.SUCCESS

    tracing = TracerProvider(shutdown_on_exit=False)
    tracing.add_span_processor(BatchSpanProcessor(Drop()))
    metering = MeterProvider([InMemoryMetricReader()], shutdown_on_exit=False)
    return OpenTelemetryObserver(tracer_provider=tracing, meter_provider=metering)


def contest(files: list[Path], amount: int, unit: str) -> Contest:
    """Without an observer, then with one of each kind."""

    def run(observers: list[Any]) -> None:
        for record in csvpipe.run(take_text, *files, workers=2, observers=observers):
            record.raise_for_status()

    made = {name: make() for name, make in observers().items()}
    ways = [Contender(name=name, run=partial(run, [observer])) for name, observer in made.items()]
    off = Contender(name="no observer", run=partial(run, []))
    return Contest(reference=off, others=ways[:-1], subject=ways[-1] if ways else off, amount=amount, unit=unit)


def test_a_large_file(hold: Callable[..., object], folder: Path, size: float) -> None:
    """Chunks are what an observer is told of."""
    rows = int(ROWS * size)
    path = write_rows(folder / "large.csv", rows, Kind.PLAIN)

    hold(f"{rows:,} text rows in one file, two threads", contest([path], rows, "rows"), "observing-rows")


def test_small_files(hold: Callable[..., object], folder: Path, size: float) -> None:
    """A job, a chunk and its handling for every ten rows."""
    number = int(FILES * size)
    files = [write_rows(folder / f"small-{each}.csv", FILE_ROWS, Kind.PLAIN) for each in range(number)]

    hold(f"{number:,} files of {FILE_ROWS} rows, two threads", contest(files, number, "files"), "observing-files")
