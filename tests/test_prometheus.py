"""What Prometheus is told: counted in this process, and looked up in the store."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import prometheus_client
import pytest
from process_handlers import single
from prometheus_client.parser import text_string_to_metric_families
from tests.test_observing import Haunted, choosy, imported

import csvpipe
from csvpipe.observing import ChunkReport
from csvpipe.prometheus import PrometheusObserver

pytestmark = pytest.mark.anyio

MakeCsv = Callable[..., Path]


def told(metrics: PrometheusObserver) -> dict[tuple[str, ...], float]:
    """Samples by name and the values of their labels, as Prometheus itself would read the text."""
    families = text_string_to_metric_families(metrics.text().decode())
    return {(sample.name, *sample.labels.values()): sample.value for family in families for sample in family.samples}


async def test_what_is_told(make_csv: MakeCsv) -> None:
    """Jobs by status, rows, errors and failures by code, seconds of chunks, the queue's age."""
    store = csvpipe.MemoryJobStore()
    metrics = PrometheusObserver(store=store)

    record = await imported(choosy, make_csv(5_000), store=store, observers=[metrics], workers=2)
    await imported(choosy, b"", store=store, observers=[metrics])

    found = told(metrics)
    assert (1, 1, 0) == tuple(found["csvpipe_jobs", status] for status in ("completed", "failed", "pending"))
    assert 0 == found["csvpipe_queue_age_seconds",]
    ended = [found["csvpipe_jobs_ended_total", "choosy", status] for status in ("completed", "failed")]
    assert [1, 1] == ended
    assert 1 == found["csvpipe_job_failures_total", "empty", "choosy"]
    rows = [found["csvpipe_rows_total", outcome, "choosy"] for outcome in ("processed", "failed", "skipped")]
    assert [record.processed_rows, record.failed_rows, record.skipped_rows] == rows
    assert record.failed_rows == found["csvpipe_row_errors_total", "round", "choosy"]
    assert found["csvpipe_chunk_seconds_count", "choosy"] == found["csvpipe_handle_seconds_count", "choosy"] >= 2
    assert found["csvpipe_chunk_seconds_sum", "choosy"] >= found["csvpipe_handle_seconds_sum", "choosy"] > 0
    assert 0 == found["csvpipe_lease_takeovers_total", "choosy"]


async def test_processes_and_takeovers(make_faults: Callable[..., Path], shared: Path) -> None:
    """What worker processes have done counts here, and so does a takeover."""
    metrics = PrometheusObserver()

    record = await imported(
        single, make_faults(20, {7: "raise"}), store=Haunted(), observers=[metrics], executor="process", workers=1
    )

    found = told(metrics)
    assert 1 == found["csvpipe_lease_takeovers_total", "single"]
    assert record.processed_rows == found["csvpipe_rows_total", "processed", "single"]
    assert ("csvpipe_queue_age_seconds",) not in found


async def test_a_lost_job_has_not_ended(make_csv: MakeCsv) -> None:
    """It counts as lost, and again where it comes to its end."""
    metrics = PrometheusObserver()
    record = await imported(choosy, make_csv(5))

    watching = metrics.job_started(record, is_takeover=False)
    chunk = watching.chunk_started(first_row=1, start=0)
    assert chunk is not None
    chunk.ended(None)
    watching.ended(record, is_lost=True)

    found = told(metrics)
    assert 1 == found["csvpipe_lease_losses_total", "choosy"]
    assert ("csvpipe_jobs_ended_total", "choosy", "completed") not in found


def test_codes_of_handlers_are_bounded() -> None:
    """A handler that makes a code of each row fills one series, not memory; codes that were known go on."""
    metrics = PrometheusObserver()

    def report(code: str) -> ChunkReport:
        return ChunkReport(started_ns=0, ended_ns=1, bytes=1, processed=0, failed=1, skipped=0, errors={code: 1})

    for number in range(1_000):
        metrics.count("any", report(f"code-{number}"))
    metrics.count("any", report("code-0"))

    found = {key: value for key, value in told(metrics).items() if key[0] == "csvpipe_row_errors_total"}
    assert 201 == len(found)
    assert [800, 2] == [found["csvpipe_row_errors_total", code, "any"] for code in ("other", "code-0")]


class Away(csvpipe.MemoryJobStore):
    """A store that cannot be reached."""

    def overview(self) -> Any:
        """Fail."""
        raise OSError("away")


def test_a_store_that_is_away_takes_nothing_else_along(caplog: pytest.LogCaptureFixture) -> None:
    """What was counted here is told all the same."""
    metrics = PrometheusObserver(store=Away())

    assert "csvpipe_rows_total" in metrics.text().decode()
    assert "the jobs of the store cannot be counted" in caplog.text


def test_the_application_may_have_a_registry() -> None:
    """Then metrics are among its own; two observers of one registry would be told apart by nothing."""
    registry = prometheus_client.CollectorRegistry()
    metrics = PrometheusObserver(registry, store=csvpipe.MemoryJobStore())

    assert registry is metrics.registry
    assert "csvpipe_jobs{" in prometheus_client.generate_latest(registry).decode()
    with pytest.raises(ValueError, match="Duplicated"):
        PrometheusObserver(registry)
