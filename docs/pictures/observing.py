"""Draws the pictures of docs/howto/observe.md, from what the real exporters have of a real import.

`python docs/pictures/observing.py` writes them beside the other pictures in docs/. It needs the extras `otel` and
`prometheus`, and OpenTelemetry's SDK.
"""

from __future__ import annotations

import csv
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from html import escape
from pathlib import Path
from typing import Any

import anyio
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from prometheus_client.parser import text_string_to_metric_families

import csvpipe
from csvpipe.otel import OpenTelemetryObserver
from csvpipe.prometheus import PrometheusObserver
from csvpipe.store.protocol import Claim, WorkerId

DOCS = Path(__file__).parent.parent

#: Ink, faint lines, then bars and lines one after the other; on pages of each kind.
COLOURS = {
    "light": ("#1f2328", "#d0d7de", "#1a66c2", "#9aa4b2", "#c2571a", "#3d8b40"),
    "dark": ("#e6e6e6", "#3a424c", "#58a6ff", "#68737f", "#f0883e", "#56d364"),
}
WIDTH, LABELS, LINE, TOP, TICKS = 860, 250, 19, 34, 10
FONT = 'font-family="system-ui, sans-serif" font-size="12"'


# What is imported ----------------------------------------------------------------------------------------------------


def write_orders(path: Path, rows: int) -> Path:
    """Orders, some of which have no amount, and some a negative one."""
    with path.open("w", encoding="utf-8", newline="") as file:
        out = csv.writer(file)
        out.writerow(["id", "customer", "amount"])
        for number in range(1, rows + 1):
            amount = "" if number % 97 == 0 else -number if number % 61 == 0 else number
            out.writerow([number, f"customer {number % 500}", amount])
    return path


def pipeline(tracer: Any, batch_size: int, seconds: float) -> csvpipe.Pipeline[..., Any]:
    """Saves orders in batches, each in a span of the application's own."""

    @csvpipe.pipeline(name="orders", batch_size=batch_size)
    def import_orders(rows: list[csvpipe.Row], context: csvpipe.Context) -> None:
        with tracer.start_as_current_span("save orders"):
            time.sleep(seconds)  # as a database would take
        amounts = [row["amount"] for row in rows]
        context.reject([at for at, text in enumerate(amounts) if not text], "an order has an amount", code="missing")
        negative = [at for at, text in enumerate(amounts) if text.startswith("-")]
        context.reject(negative, "an amount is positive", column="amount", code="negative")

    return import_orders


class Haunted(csvpipe.MemoryJobStore):
    """A store whose first job had a worker that fell silent."""

    is_haunted = True

    def claim(self, worker: WorkerId, **options: Any) -> list[Claim]:
        if self.is_haunted and super().claim(WorkerId("silent"), **{**options, "limit": 1, "lease_seconds": 0.4}):
            self.is_haunted = False
        return super().claim(worker, **options)


async def traced(folder: Path) -> Sequence[ReadableSpan]:
    """The spans of one import, as an exporter has them."""
    exporter, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    tracer = provider.get_tracer("shop")
    observer = OpenTelemetryObserver(tracer_provider=provider, is_child=True)
    orders = pipeline(tracer, 1_500, 0.012)
    async with csvpipe.WorkerPool(pipelines=[orders], workers=3, observers=[observer]) as pool:
        with tracer.start_as_current_span("POST /orders"):
            job = await pool.submit(orders, write_orders(folder / "orders.csv", 18_000))
        await job.wait()
    return exporter.get_finished_spans()


Sample = dict[tuple[str, ...], float]


async def scraped(folder: Path) -> list[tuple[float, Sample]]:
    """What Prometheus would have got of an import of many files, asking every 50 ms."""
    store, samples = Haunted(), list[tuple[float, Sample]]()
    metrics = PrometheusObserver(store=store, keep_seconds=0)
    orders = pipeline(TracerProvider().get_tracer("shop"), 500, 0.02)
    files = [write_orders(folder / f"orders-{number}.csv", 4_000) for number in range(1, 21)]
    begun = time.perf_counter()

    def scrape() -> None:
        families = text_string_to_metric_families(metrics.text().decode())
        found = {(s.name, *sorted(s.labels.values())): s.value for family in families for s in family.samples}
        samples.append((time.perf_counter() - begun, found))

    async def keep_scraping() -> None:
        while True:
            scrape()
            await anyio.sleep(0.05)

    async with csvpipe.WorkerPool(
        store, pipelines=[orders], workers=3, max_files=2, observers=[metrics], flush_interval=0.05
    ) as pool:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(keep_scraping)
            for job in await pool.submit_many(orders, files):
                await job.wait()
            tasks.cancel_scope.cancel()
        scrape()
    return samples


# Drawing --------------------------------------------------------------------------------------------------------------


def text(x: float, y: float, words: str, ink: str, *, anchor: str = "start", more: str = "") -> str:
    """Words."""
    return f'<text x="{x:.1f}" y="{y:.1f}" fill="{ink}" text-anchor="{anchor}" {more}>{escape(words)}</text>'


def bar(x: float, y: float, width: float, colour: str) -> str:
    """A bar in a line of its own."""
    return f'<rect x="{x:.1f}" y="{y:.1f}" width="{max(1.0, width):.1f}" height="{LINE - 6}" rx="2" fill="{colour}"/>'


def picture(parts: Sequence[str], height: float, title: str) -> str:
    """A whole file."""
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height:.0f}" role="img" {FONT}>'
    return "\n".join([head, f"<title>{escape(title)}</title>", *parts, "</svg>", ""])


def write(stem: str, draw: Callable[[tuple[str, ...]], str]) -> None:
    """Once for light and once for dark pages."""
    for page, colours in COLOURS.items():
        (DOCS / f"{stem}-{page}.svg").write_text(draw(colours), "utf-8")


def in_order(spans: Sequence[ReadableSpan]) -> Iterator[tuple[int, ReadableSpan]]:
    """Each span with its depth, below its parent, by time."""
    known = {span.context.span_id for span in spans}

    def below(parent: int | None, depth: int) -> Iterator[tuple[int, ReadableSpan]]:
        children = [
            s for s in spans if (s.parent.span_id if s.parent and s.parent.span_id in known else None) == parent
        ]
        for span in sorted(children, key=lambda span: span.start_time):
            yield depth, span
            yield from below(span.context.span_id, depth + 1)

    yield from below(None, 0)


def said_of(span: ReadableSpan) -> str:
    """What stands beside its bar."""
    seconds = f"{(span.end_time - span.start_time) / 1e6:.1f} ms"
    told = span.attributes or {}
    if span.name == "csvpipe chunk":
        first, rows = (
            told["csvpipe.chunk.first_row"],
            sum(told[f"csvpipe.rows.{each}"] for each in ("processed", "failed")),
        )
        return f"{seconds}, rows {first:,} to {first + rows - 1:,}"
    if span.name == "csvpipe job":
        done, failed = told["csvpipe.rows.processed"], told["csvpipe.rows.failed"]
        return f"{seconds}, {told['csvpipe.job.status']}: {done:,} rows, {failed} failed"
    return seconds


def draw_trace(spans: Sequence[ReadableSpan], colours: tuple[str, ...]) -> str:
    """A timeline: a line a span."""
    ink, faint, ours, handler, app, _ = colours
    lines = list(in_order(spans))
    begin, end = min(s.start_time for s in spans), max(s.end_time for s in spans)
    left, room = LABELS * 0.72, WIDTH - LABELS * 0.72 - 10
    at = room / (end - begin)
    height = TOP + LINE * len(lines) + 6
    parts = []
    step = next(s for s in (5, 10, 20, 50, 100, 200, 500, 1000) if (end - begin) / 1e6 / s <= TICKS)
    for tick in range(0, int((end - begin) / 1e6) + 1, step):
        x = left + tick * 1e6 * at
        parts += [
            f'<path d="M{x:.1f} {TOP - 8}V{height - 4}" stroke="{faint}"/>',
            text(x, 18, f"{tick} ms", ink, anchor="middle"),
        ]
    of = {"csvpipe job": ours, "csvpipe chunk": ours, "csvpipe handle": handler}
    for number, (depth, span) in enumerate(lines):
        y = TOP + number * LINE
        x, width = left + (span.start_time - begin) * at, (span.end_time - span.start_time) * at
        parts += [text(8 + depth * 14, y + 11, span.name, ink), bar(x, y, width, of.get(span.name, app))]
        words = said_of(span)
        room_right = WIDTH - x - width
        if width > 10 + 6.6 * len(words) and span.name != "csvpipe handle":
            parts.append(text(x + 6, y + 11, words, "#ffffff" if ink == "#1f2328" else "#0d1117"))
        elif room_right > 10 + 7 * len(words):
            parts.append(text(x + width + 5, y + 11, words, ink))
        else:
            parts.append(text(x - 5, y + 11, words, ink, anchor="end"))
    return picture(
        parts, height, "A trace of one import: the job, its chunks, its handler, and the application's spans"
    )


def draw_lines(
    samples: Sequence[tuple[float, Sample]],
    series: Sequence[tuple[str, tuple[str, ...], str]],
    *,
    title: str,
    place: tuple[float, float, float, float],
    ink: str,
    faint: str,
) -> list[str]:
    """A panel of lines over time."""
    x0, y0, width, height = place
    last = samples[-1][0]
    most = max(found.get(key, 0.0) for _, found in samples for _, key, _ in series) or 1.0
    parts = [text(x0, y0, title, ink, more='font-weight="600"')]
    base, room = y0 + height, height - 18
    for part in (0, 0.5, 1):
        y = base - part * room
        parts += [
            f'<path d="M{x0} {y:.1f}h{width}" stroke="{faint}"/>',
            text(x0 + width + 4, y + 4, f"{most * part:,.{1 if most < TICKS else 0}f}", ink),
        ]
    parts += [text(x0, base + 15, "0 s", ink), text(x0 + width, base + 15, f"{last:.1f} s", ink, anchor="end")]
    at = x0
    for name, key, colour in series:
        points = " ".join(
            f"{x0 + when / last * width:.1f},{base - found.get(key, 0.0) / most * room:.1f}" for when, found in samples
        )
        parts.append(f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="2"/>')
        if len(series) > 1:
            at += 18 if at > x0 else 50
            parts.append(text(at, base + 15, name, colour))
            at += 6.5 * len(name)
    return parts


def draw_bars(
    bars: Sequence[tuple[str, float]],
    *,
    title: str,
    place: tuple[float, float, float],
    ink: str,
    colour: str,
) -> list[str]:
    """A panel of bars."""
    (x0, y0, width), most = place, max((value for _, value in bars), default=1) or 1
    parts = [text(x0, y0, title, ink, more='font-weight="600"')]
    for number, (name, value) in enumerate(bars):
        y, length = y0 + 10 + number * LINE, value / most * (width - 160)
        parts += [
            text(x0 + 96, y + 11, name, ink, anchor="end"),
            bar(x0 + 102, y, length, colour),
        ]
        parts.append(text(x0 + 108 + length, y + 11, f"{value:,.0f}", ink))
    return parts


def draw_metrics(samples: Sequence[tuple[float, Sample]], colours: tuple[str, ...]) -> str:
    """Panels, as on a board."""
    ink, faint, blue, grey, orange, green = colours
    end, half = samples[-1][1], WIDTH / 2
    panel = half - 70

    def rows(outcome: str) -> tuple[str, ...]:
        return ("csvpipe_rows_total", *sorted(("orders", outcome)))

    parts = draw_lines(
        samples,
        [
            ("pending", ("csvpipe_jobs", "pending"), grey),
            ("processing", ("csvpipe_jobs", "processing"), orange),
            ("completed", ("csvpipe_jobs", "completed"), green),
        ],
        title="csvpipe_jobs, by status",
        place=(10, 20, panel, 130),
        ink=ink,
        faint=faint,
    )
    parts += draw_lines(
        samples,
        [("age", ("csvpipe_queue_age_seconds",), blue)],
        title="csvpipe_queue_age_seconds",
        place=(half + 10, 20, panel, 130),
        ink=ink,
        faint=faint,
    )
    parts += draw_lines(
        samples,
        [("processed", rows("processed"), blue), ("failed", rows("failed"), orange)],
        title="csvpipe_rows_total, by outcome",
        place=(10, 205, panel, 130),
        ink=ink,
        faint=faint,
    )
    parts += draw_lines(
        samples,
        [("takeovers", ("csvpipe_lease_takeovers_total", "orders"), orange)],
        title="csvpipe_lease_takeovers_total",
        place=(half + 10, 205, panel, 130),
        ink=ink,
        faint=faint,
    )
    codes = [(code, end["csvpipe_row_errors_total", *sorted((code, "orders"))]) for code in ("missing", "negative")]
    parts += draw_bars(
        codes, title="csvpipe_row_errors_total, by code", place=(10, 392, half - 10), ink=ink, colour=orange
    )
    found = sorted(
        (float(next(each for each in key[1:] if each != "orders")), value)
        for key, value in end.items()
        if key[0] == "csvpipe_chunk_seconds_bucket"
    )
    buckets, before, low = [], 0.0, 0.0
    for bound, value in found:
        if value > before:
            buckets.append((f"{low * 1e3:g} to {bound * 1e3:g} ms", value - before))
        before, low = value, bound
    parts += draw_bars(
        buckets,
        title="csvpipe_chunk_seconds: chunks by duration",
        place=(half + 10, 392, half - 10),
        ink=ink,
        colour=blue,
    )
    height = 410 + LINE * max(len(buckets), len(codes))
    return picture(
        parts, height, "Metrics of one run: jobs by status, queue age, rows, takeovers, errors, chunk seconds"
    )


def main() -> None:
    """Import, and draw."""
    with tempfile.TemporaryDirectory(prefix="csvpipe-pictures-") as name:
        spans = anyio.run(traced, Path(name))
        samples = anyio.run(scraped, Path(name))
    write("trace", lambda colours: draw_trace(spans, colours))
    write("metrics", lambda colours: draw_metrics(samples, colours))


if __name__ == "__main__":
    main()
