"""The whole public API as an application would use it. Never run: mypy and pyright read it.

A line that must be refused ends in `# type: ignore[...]`. Both checkers heed it, and report one that ignores nothing,
so these lines are tests too.
"""

# pyright: strict, reportUnnecessaryTypeIgnoreComment=true

import io
import sqlite3
from collections.abc import AsyncGenerator, AsyncIterator, Generator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from enum import Enum
from pathlib import Path
from typing import Annotated, Any, NamedTuple, NotRequired, TypedDict, assert_type
from uuid import UUID

import attrs
import msgspec
import pydantic
import pytest

import csvpipe
import csvpipe.testing
from csvpipe.sinks import SQLTable

# Row types ------------------------------------------------------------------------------------------------------------


class Colour(Enum):
    RED = "red"


@attrs.frozen
class Person:
    id: int
    name: str
    joined: date
    score: float | None = None


@dataclass
class Order:
    number: int
    total: Decimal
    colour: Colour = Colour.RED


class Point(NamedTuple):
    x: float
    y: float


class Sale(TypedDict):
    number: int
    note: NotRequired[str]


class Guest(pydantic.BaseModel):
    name: str
    age: Annotated[int, pydantic.Field(ge=0)] = 0


class Part(msgspec.Struct):
    number: int
    weight: float | None = None


@attrs.frozen
class Item:
    price: Annotated[
        Decimal,
        csvpipe.Column(
            "Price (EUR)",
            aliases=["price"],
            decimal=",",
            thousands=".",
            na=["-"],
            precision=12,
            scale=2,
            nonfinite=False,
        ),
    ]
    bought: Annotated[date | None, csvpipe.Column(format="%d.%m.%Y")]
    seen: Annotated[datetime, csvpipe.Column(format=["%d.%m.%Y %H:%M", "%Y-%m-%d"])]
    is_new: Annotated[bool, csvpipe.Column("new", true=["ja"], false=["nein"])]
    tags: Annotated[list[str], csvpipe.Column(parse=str.split)]


class Database:
    def save(self, row: object) -> None: ...


@contextmanager
def open_database() -> Generator[Database, None, None]:
    yield Database()


@asynccontextmanager
async def connect() -> AsyncGenerator[Database, None]:
    yield Database()


# Bare decorator: each shape of row ------------------------------------------------------------------------------------


@csvpipe.pipeline
def person_alone(person: Person) -> None: ...


@csvpipe.pipeline
def order_alone(order: Order) -> int:
    return order.number


@csvpipe.pipeline
def point_alone(point: Point) -> float:
    return point.x


@csvpipe.pipeline
def sale_alone(sale: Sale) -> int:
    return sale["number"]


@csvpipe.pipeline
def guest_alone(guest: Guest) -> str:
    return guest.name


@csvpipe.pipeline
def part_alone(part: Part) -> int:
    return part.number


@csvpipe.pipeline
def item_alone(item: Item) -> Decimal:
    return item.price


@csvpipe.pipeline
def sales_at_once(sales: list[Sale], ctx: csvpipe.Context) -> None: ...


@csvpipe.pipeline
async def guests_async(guests: list[Guest]) -> None: ...


@csvpipe.pipeline(na=["NA"], unknown_columns="fail")
async def part_with_options(part: Part) -> None: ...


@csvpipe.pipeline(row_type=Sale)
def sale_stated(sale: Sale) -> None: ...


@csvpipe.pipeline(row_type=Guest)
def guest_stated(guest: Guest) -> None: ...


@csvpipe.pipeline
def row_alone(row: csvpipe.Row) -> str:
    return row["name"]


@csvpipe.pipeline
def cells_by_name(row: dict[str, str]) -> str:
    return row["name"]


@csvpipe.pipeline
def cells_in_order(row: list[str]) -> str:
    return row[0]


@csvpipe.pipeline
def person_in_context(person: Person, ctx: csvpipe.Context) -> str:
    with ctx.transaction(sqlite3.connect("people.db")):
        return f"{ctx.row_key} {person.name}"


load_people = csvpipe.Pipeline(name="load_people", row_type=Person, sink=SQLTable("sqlite:///people.db", "people"))


@csvpipe.pipeline(sink=SQLTable("sqlite:///people.db", "people", mode="upsert", key=["id"]), ordered=True)
def person_to_table(person: Person) -> dict[str, object]:
    return {"id": 1, "name": person.name}


assert_type(person_to_table, csvpipe.Pipeline[[Person], dict[str, object]])


@csvpipe.pipeline
def people_at_once(people: list[Person]) -> None: ...


@csvpipe.pipeline
def orders_at_once(orders: list[Order], ctx: csvpipe.Context) -> None: ...


@csvpipe.pipeline
def rows_at_once(rows: list[csvpipe.Row]) -> None: ...


@csvpipe.pipeline
def lists_at_once(rows: list[list[str]]) -> None: ...


@csvpipe.pipeline
async def person_async(person: Person) -> None: ...


@csvpipe.pipeline
async def people_async(people: list[Person], ctx: csvpipe.Context) -> int:
    return len(people) + len(ctx.rows)


assert_type(person_alone, csvpipe.Pipeline[[Person], None])
assert_type(order_alone, csvpipe.Pipeline[[Order], int])
assert_type(point_alone, csvpipe.Pipeline[[Point], float])
assert_type(sale_alone, csvpipe.Pipeline[[Sale], int])
assert_type(guest_alone, csvpipe.Pipeline[[Guest], str])
assert_type(part_alone, csvpipe.Pipeline[[Part], int])
assert_type(item_alone, csvpipe.Pipeline[[Item], Decimal])
assert_type(sales_at_once, csvpipe.Pipeline[[list[Sale], csvpipe.Context], None])
assert_type(sale_stated, csvpipe.Pipeline[[Sale], None])
assert_type(guest_stated, csvpipe.Pipeline[[Guest], None])
assert_type(row_alone, csvpipe.Pipeline[[csvpipe.Row], str])
assert_type(cells_by_name, csvpipe.Pipeline[[dict[str, str]], str])
assert_type(cells_in_order, csvpipe.Pipeline[[list[str]], str])
assert_type(person_in_context, csvpipe.Pipeline[[Person, csvpipe.Context], str])
assert_type(people_at_once, csvpipe.Pipeline[[list[Person]], None])
assert_type(orders_at_once, csvpipe.Pipeline[[list[Order], csvpipe.Context], None])
assert_type(rows_at_once, csvpipe.Pipeline[[list[csvpipe.Row]], None])
assert_type(lists_at_once, csvpipe.Pipeline[[list[list[str]]], None])


# Decorator with options -----------------------------------------------------------------------------------------------


@csvpipe.pipeline(
    name="people/v1",
    dialect=csvpipe.Dialect(
        delimiter=";", quotechar="'", doublequote=False, escapechar="\\", skipinitialspace=True, strict=True
    ),
    encoding="cp1252",
    header=True,
    columns=("id", "name", "joined"),
    ragged="pad",
    limits=csvpipe.Limits(file_bytes=10_000, row_bytes=1_000, field_characters=100, columns=10, rows=1_000),
    on_error="reject",
    reject_limit=1_000,
    reject_rate_limit=0.5,
    reject_rate_min_rows=100,
    breaker=None,
    retry=csvpipe.Retry(attempts=3, on=(ConnectionError, TimeoutError), backoff_seconds=0.5, max_backoff_seconds=10),
    timeout=2.5,
    ordered=True,
    batch_size=500,
    concurrency=20,
    sensitive=["name"],
)
def every_option(people: list[Person]) -> None: ...


@csvpipe.pipeline(header=["id", "name"], ragged="keep", on_error="fail", retry=csvpipe.Retry(on=OSError))
def without_header(row: list[str], ctx: csvpipe.Context) -> None: ...


@csvpipe.pipeline(concurrency=5)
async def with_options_async(person: Person) -> None: ...


assert_type(every_option, csvpipe.Pipeline[[list[Person]], None])
assert_type(without_header, csvpipe.Pipeline[[list[str], csvpipe.Context], None])


# setup= and row_type= -------------------------------------------------------------------------------------------------


@csvpipe.pipeline(setup=open_database)
def with_database(person: Person, database: Database) -> None:
    database.save(person)


@csvpipe.pipeline(setup=open_database, batch_size=100)
def with_database_and_context(people: list[Person], ctx: csvpipe.Context, database: Database) -> None: ...


@csvpipe.pipeline(setup=open_database)
def without_the_database(person: Person, ctx: csvpipe.Context) -> None: ...


@csvpipe.pipeline(setup=connect)
async def with_connection(person: Person, database: Database) -> None: ...


@csvpipe.pipeline(row_type=Person)
def stated(person: Person) -> None: ...


@csvpipe.pipeline(row_type=Person, ordered=True)
def stated_batch(people: list[Person], ctx: csvpipe.Context) -> None: ...


@csvpipe.pipeline(row_type=Person, setup=connect)
async def stated_with_connection(people: list[Person], ctx: csvpipe.Context, database: Database) -> None: ...


@csvpipe.pipeline(row_type=Order, setup=open_database)
def stated_without_the_database(order: Order) -> None: ...


assert_type(with_database, csvpipe.Pipeline[[Person, Database], None])
assert_type(with_database_and_context, csvpipe.Pipeline[[list[Person], csvpipe.Context, Database], None])
assert_type(without_the_database, csvpipe.Pipeline[[Person, csvpipe.Context], None])
assert_type(stated, csvpipe.Pipeline[[Person], None])
assert_type(stated_batch, csvpipe.Pipeline[[list[Person], csvpipe.Context], None])
assert_type(stated_without_the_database, csvpipe.Pipeline[[Order], None])


# Arrow batches: pyarrow has no types of its own, and this is what those of others have --------------------------------


class RecordBatch:
    num_columns: int
    num_rows: int
    nbytes: int


@csvpipe.pipeline
def texts_of_columns(batch: RecordBatch) -> int:
    return batch.num_rows


@csvpipe.pipeline(row_type=Person, batch_size=10_000)
def columns(batch: RecordBatch) -> None: ...


@csvpipe.pipeline(row_type=Person, setup=open_database)
async def columns_with_all(batch: RecordBatch, ctx: csvpipe.Context, database: Database) -> None: ...


@csvpipe.pipeline(row_type=Person, setup=open_database)
def columns_with_database(batch: RecordBatch, database: Database) -> None: ...


@csvpipe.pipeline(row_type=Person)  # type: ignore[arg-type]
def columns_of_nothing(batch: bytes) -> None: ...


assert_type(texts_of_columns, csvpipe.Pipeline[[RecordBatch], int])
assert_type(columns, csvpipe.Pipeline[[RecordBatch], None])
assert_type(columns_with_database, csvpipe.Pipeline[[RecordBatch, Database], None])


# A pipeline is its function -------------------------------------------------------------------------------------------

ANA = Person(1, "Ana", date(2024, 3, 1))
ROW = csvpipe.Row(number=1, line=2, index={"name": 0}, values=["Ana"])

assert_type(order_alone(Order(1, Decimal(2))), int)
assert_type(row_alone(ROW), str)
assert_type(person_alone.name, str)
assert_type(every_option.limits, csvpipe.Limits)
assert_type(every_option.retry, csvpipe.Retry)
assert_type(every_option.dialect, csvpipe.Dialect | None)
assert_type(csvpipe.Retry().delay_seconds(2), float)
assert_type(csvpipe.Dialect().reader_options(), dict[str, Any])


async def call_async_handlers() -> None:
    assert_type(await person_async(ANA), None)
    assert_type(await with_options_async(ANA), None)
    assert_type(await with_connection(ANA, Database()), None)


async def batches(ctx: csvpipe.Context) -> None:
    assert_type(await people_async([ANA], ctx), int)
    await stated_with_connection([ANA], ctx, Database())


# In a handler ---------------------------------------------------------------------------------------------------------


def ask_the_row(row: csvpipe.Row) -> None:
    assert_type(row["name"], str)
    assert_type(row[0], str)
    assert_type(row.get("name"), str | None)
    assert_type(row.get("name", "nobody"), str)
    assert_type(list(row), list[str])
    assert_type(row.number, int)
    assert_type(row.line, int)
    try:
        row["nome"]
    except csvpipe.ColumnNotFoundError as error:
        assert_type(error.name, str)
        assert_type(error.columns, tuple[str, ...])


def ask_the_context(ctx: csvpipe.Context) -> None:
    assert_type(ctx.job_id, csvpipe.JobId)
    assert_type(ctx.root_id, csvpipe.JobId)
    assert_type(ctx.filename, str)
    assert_type(ctx.owner, str | None)
    assert_type(ctx.attempt, int)
    assert_type(ctx.dry_run, bool)
    assert_type(ctx.row, int)
    assert_type(ctx.line, int)
    assert_type(ctx.rows, Sequence[int])
    assert_type(ctx.lines, Sequence[int])
    assert_type(ctx.row_key, str)
    assert_type(ctx.row_keys, list[str])
    ctx.reject(0, "taken", column="id", code="taken")
    ctx.reject([0, 2], "taken")
    ctx.reject([True, False], "taken")
    ctx.skip(0)
    ctx.skip(range(3))


def speak(number: int) -> None:
    match number:
        case 0:
            raise csvpipe.Reject("id must not be negative", column="id", code="negative_id")
        case 1:
            raise csvpipe.Reject("never seen", code=csvpipe.RowCode.REJECTED)
        case 2:
            raise csvpipe.RejectRows({0: csvpipe.Reject("taken")})
        case 3:
            raise csvpipe.Skip("a test row")
        case 4:
            raise csvpipe.Abort("wrong file")
        case _:
            raise csvpipe.Unavailable("no route to host")


# Looking at a file ----------------------------------------------------------------------------------------------------


def look(found: csvpipe.Inspection) -> None:
    assert_type(csvpipe.inspect("a.csv"), csvpipe.Inspection)
    assert_type(csvpipe.inspect(Path("a.csv"), pipeline=person_alone, header=["id"], skip_lines=1), csvpipe.Inspection)
    assert_type(
        csvpipe.inspect(b"id", encoding="utf-8", dialect=csvpipe.Dialect(), header="detect"), csvpipe.Inspection
    )
    assert_type((found.encoding, found.dialect, found.columns), tuple[str, csvpipe.Dialect, tuple[str, ...]])
    assert_type((found.has_header, found.header_line, found.preamble), tuple[bool, int | None, tuple[str, ...]])
    assert_type((found.estimated_rows, found.confidence), tuple[int | None, float])
    assert_type(found.findings, tuple[csvpipe.Finding, ...])
    assert_type(found.trial, csvpipe.Trial | None)
    for finding in found.findings:
        assert_type((finding.what, finding.value, finding.evidence), tuple[str, str, str])
    if found.trial is not None:
        assert_type(found.trial.totals, tuple[csvpipe.ErrorTotal, ...])


# The pool -------------------------------------------------------------------------------------------------------------


def told(event: csvpipe.JobEvent) -> None:
    assert_type(event.kind, csvpipe.EventKind)
    assert_type(event.job, csvpipe.JobRecord)
    assert_type(event.is_terminal, bool)
    assert_type(event.to_dict(), dict[str, object])


async def told_async(event: csvpipe.JobEvent) -> None: ...


async def upload() -> AsyncIterator[bytes]:
    yield b"id,name"


async def use_a_pool(store: csvpipe.JobStore) -> None:
    async with csvpipe.WorkerPool(
        store,
        pipelines=[person_alone, person_async, every_option, with_database, stated_batch],
        workers=4,
        executor="process",
        max_files=2,
        spool_dir=Path("spool"),
        on_event=told_async,
        on_exit="stop",
        lease_seconds=10,
        flush_interval=0.5,
        shutdown_grace=5,
    ) as pool:
        assert_type(pool, csvpipe.WorkerPool)
        job = await pool.submit(
            person_alone,
            "people.csv",
            filename="people of May.csv",
            owner="ana",
            idempotency_key="upload-17",
            encoding="utf-8",
            dialect=csvpipe.Dialect(delimiter="\t"),
            dry_run=True,
        )
        assert_type(job, csvpipe.Job)
        await pool.submit("person_alone", Path("people.csv"))
        await pool.submit(person_alone, b"id,name")
        await pool.submit(person_alone, io.BytesIO(b"id,name"))
        await pool.submit(person_alone, upload())
        sources: list[csvpipe.Source] = ["a.csv", Path("b.csv"), bytearray(b"id"), memoryview(b"id"), upload()]
        jobs = await pool.submit_many(
            person_alone, sources, owner="ana", encoding="utf-8", dialect=csvpipe.Dialect(), dry_run=False
        )
        assert_type(jobs, list[csvpipe.Job])
        assert_type(await pool.job(job.id), csvpipe.Job)
        assert_type(await pool.job(str(job.id)), csvpipe.Job)
        page = await pool.jobs(page=2, limit=50, status=csvpipe.JobStatus.FAILED, owner="ana")
        assert_type(page, csvpipe.JobPage)
        await pool.jobs(owner=None)
        await pool.jobs(owner=csvpipe.ANY_OWNER)
        assert_type(page.jobs, tuple[csvpipe.JobRecord, ...])
        assert_type((page.page, page.limit, page.total, page.pages), tuple[int, int, int, int])
        assert_type(page.is_total_exact, bool)
        part = await pool.history(after=None, limit=50, status=csvpipe.JobStatus.FAILED, owner="ana")
        assert_type(part, csvpipe.JobSlice)
        assert_type((part.jobs, part.following), tuple[tuple[csvpipe.JobRecord, ...], str | None])
        assert_type(pool.pipelines, tuple[csvpipe.Pipeline[..., Any], ...])
        statistics = pool.statistics()
        assert_type(statistics, csvpipe.PoolStatistics)
        assert_type(statistics.workers + statistics.busy_workers, int)
        assert_type(statistics.running_jobs + statistics.waiting_chunks, int)
        assert_type(pool.events(), csvpipe.PoolEvents)
        async for event in pool.events():
            assert_type(event, csvpipe.JobEvent)
        await pool.drain()
        await pool.stop()


def use_a_pool_without_await() -> None:
    with csvpipe.BlockingWorkerPool(pipelines=[person_alone], workers=2) as pool:
        assert_type(pool, csvpipe.BlockingWorkerPool)
        job = pool.submit(person_alone, "people.csv", owner="ana")
        assert_type(job, csvpipe.BlockingJob)
        assert_type(job.wait(), csvpipe.JobRecord)
        assert_type(job.row_errors(limit=10), list[csvpipe.RowError])
        assert_type(pool.submit_many(person_alone, ["people.csv"]), list[csvpipe.BlockingJob])
        assert_type(pool.jobs(page=2), csvpipe.JobPage)
        assert_type(pool.history(limit=2), csvpipe.JobSlice)
        assert_type(pool.statistics(), csvpipe.PoolStatistics)
        assert_type(job.events(after=3), csvpipe.BlockingEvents)
        for event in job.events():
            assert_type(event, csvpipe.JobEvent)
        pool.submit(person_alone, 3)  # type: ignore[arg-type]
        job.row_errors(most=3)  # type: ignore[call-arg]


async def follow(job: csvpipe.Job) -> None:
    assert_type(job.id, csvpipe.JobId)
    assert_type(job.events(), csvpipe.JobEvents)
    assert_type(await job.inspection(), csvpipe.Inspection | None)
    async for event in job.events():
        assert_type(event, csvpipe.JobEvent)
    async with job.events(after=7) as events:
        assert_type(events, csvpipe.JobEvents)
        async for event in events:
            told(event)
        events.close()
    assert_type(await job.record(), csvpipe.JobRecord)
    assert_type(await job.wait(), csvpipe.JobRecord)


async def control(job: csvpipe.Job) -> None:
    assert_type(await job.pause(), csvpipe.JobRecord)
    assert_type(await job.resume(), csvpipe.JobRecord)
    assert_type(await job.cancel(), csvpipe.JobRecord)
    assert_type(await job.retry(), csvpipe.JobRecord)
    await job.delete()


async def look_at_errors(job: csvpipe.Job) -> None:
    errors = await job.row_errors(limit=20, after=100)
    assert_type(errors, list[csvpipe.RowError])
    error = errors[0]
    assert_type((error.row, error.line, error.start, error.end), tuple[int, int, int, int])
    assert_type((error.column, error.value), tuple[str | None, str | None])
    assert_type((error.code, error.message), tuple[str, str])
    assert_type(error.phase, csvpipe.Phase)
    assert_type(error.to_dict(), dict[str, object])
    totals = await job.error_summary()
    assert_type(totals, list[csvpipe.ErrorTotal])
    assert_type((totals[0].code, totals[0].column, totals[0].errors), tuple[str, str | None, int])
    assert_type(totals[0].samples, tuple[csvpipe.RowError, ...])
    assert_type(await job.write_rejects("people.rejects.csv"), int)
    await job.write_rejects(Path("people.rejects.csv"))
    await job.write_rejects(io.BytesIO())


async def watch(store: csvpipe.JobStore, pool: csvpipe.WorkerPool) -> None:
    async with csvpipe.watch(store, "8f14e45f-ceea-467f-a0e6-0e8ff7f8f4a1", after=3, poll_seconds=0.5) as events:
        async for event in events:
            assert_type(event, csvpipe.JobEvent)
    assert_type(await pool.purge(older_than=timedelta(days=30), status=csvpipe.JobStatus.FAILED, batch=50), int)
    assert_type(await pool.submit_many(person_alone, ["a.csv"], idempotency_key="k"), list[csvpipe.Job])


# The record -----------------------------------------------------------------------------------------------------------


def read(record: csvpipe.JobRecord) -> None:
    assert_type(record.id, csvpipe.JobId)
    a_uuid: UUID = record.id
    assert_type((record.pipeline, record.filename, record.owner), tuple[str, str, str | None])
    assert_type(record.status, csvpipe.JobStatus)
    assert_type((record.status.is_terminal, record.dry_run), tuple[bool, bool])
    assert_type(record.total_rows, int | None)
    assert_type(record.processed_rows + record.failed_rows + record.skipped_rows, int)
    assert_type(record.handled_rows, int)
    assert_type((record.bytes_processed, record.bytes_total), tuple[int, int])
    assert_type((record.error_code, record.error_message), tuple[str | None, str | None])
    assert_type((record.attempt, record.revision), tuple[int, int])
    assert_type((record.created_at, record.updated_at), tuple[datetime, datetime])
    assert_type((record.started_at, record.completed_at), tuple[datetime | None, datetime | None])
    assert_type((record.fraction, record.elapsed_seconds), tuple[float, float])
    assert_type((record.success_rate, record.rows_per_second), tuple[float | None, float | None])
    assert_type(record.eta_seconds, float | None)
    assert_type(record.to_dict(), dict[str, object])
    if record.error_code == csvpipe.FileCode.HEADER_MISSING:
        print(csvpipe.JobId(a_uuid))
    try:
        record.raise_for_status()
    except csvpipe.JobFailedError as error:
        assert_type((error.filename, error.status), tuple[str, str])
        assert_type((error.code, error.message), tuple[str | None, str | None])


# The blocking door ----------------------------------------------------------------------------------------------------

RECORDS = csvpipe.run(
    person_alone,
    "a.csv",
    Path("b.csv"),
    b"id,name",
    io.BytesIO(),
    store=csvpipe.MemoryJobStore(),
    workers=2,
    executor=ThreadPoolExecutor(2),
    max_files=3,
    encoding="utf-8",
    dialect=csvpipe.Dialect(),
    rejects_dir=Path("rejects"),
    on_event=told,
    owner="ana",
    spool_dir="spool",
    flush_interval=0.5,
)
assert_type(RECORDS, list[csvpipe.JobRecord])


# Errors of use --------------------------------------------------------------------------------------------------------


def explain(error: csvpipe.CsvPipeError) -> None:  # noqa: C901, PLR0912  # one case for each class
    match error:
        case csvpipe.PipelineNotFoundError():
            assert_type((error.name, error.known), tuple[str, tuple[str, ...]])
        case csvpipe.EncodingUnknownError():
            assert_type(error.encoding, str)
        case csvpipe.JobNotFoundError() | csvpipe.LeaseLostError():
            assert_type(error.job_id, str)
        case csvpipe.TransitionError():
            assert_type((error.verb, error.status), tuple[str, str])
        case csvpipe.ParentError():
            assert_type((error.job_id, error.reason), tuple[str, str])
        case csvpipe.IdempotencyConflictError():
            assert_type((error.key, error.job_id), tuple[str, str])
        case csvpipe.FileError():
            assert_type((error.code, error.message), tuple[csvpipe.FileCode, str])
        case csvpipe.MissingExtraError():
            assert_type((error.door, error.extra), tuple[str, str])
        case csvpipe.PipelineError() | csvpipe.DialectError():
            a_value_error: ValueError = error
            print(a_value_error)
        case csvpipe.PoolClosedError():
            a_runtime_error: RuntimeError = error
            print(a_runtime_error)
        case csvpipe.StoreUnavailableError():
            assert_type((error.store, error.reason), tuple[str, str])
        case csvpipe.StoreVersionError():
            assert_type((error.version, error.known), tuple[int, int])
        case csvpipe.SourceGoneError():
            an_os_error: OSError = error
            print(an_os_error)
        case _:
            print(error)


# For authors of stores ------------------------------------------------------------------------------------------------


class Clock:
    seconds = 0.0

    def advance(self, seconds: float) -> None:
        self.seconds += seconds


class TestOwnStore(csvpipe.testing.JobStoreContract):
    @pytest.fixture
    def make_store(self) -> csvpipe.testing.StoreHarness:
        store = csvpipe.MemoryJobStore()
        as_protocol: csvpipe.JobStore = store
        return csvpipe.testing.StoreHarness(first=as_protocol, second=store, advance=Clock().advance)


# For authors of executors ---------------------------------------------------------------------------------------------


class TestOwnExecutor(csvpipe.testing.ExecutorContract):
    @pytest.fixture
    def harness(self) -> csvpipe.testing.ExecutorHarness:
        return csvpipe.testing.ExecutorHarness(make=lambda: ThreadPoolExecutor(2), in_processes=False, workers=None)


# Stores in a database -------------------------------------------------------------------------------------------------


def keep_jobs(url: str) -> None:
    with csvpipe.SQLJobStore(url, patience_seconds=30.0, listening=False) as store:
        assert_type(store, csvpipe.SQLJobStore)
        as_protocol: csvpipe.JobStore = store
        assert_type(as_protocol.list_jobs(), csvpipe.JobPage)
        assert_type(as_protocol.history(), csvpipe.JobSlice)


# What must be refused -------------------------------------------------------------------------------------------------

# Rows


@csvpipe.pipeline  # type: ignore[type-var]
def wrong_row(row: int) -> None: ...


@csvpipe.pipeline  # type: ignore[type-var]
def wrong_class(row: Database) -> None: ...


@csvpipe.pipeline  # type: ignore[type-var]
def wrong_mapping(row: dict[str, int]) -> None: ...


@csvpipe.pipeline  # type: ignore[type-var]
def wrong_tuple(row: tuple[int, str]) -> None: ...


@csvpipe.pipeline(reject_limit=1)  # type: ignore[type-var]
def wrong_row_with_options(row: int) -> None: ...


@csvpipe.pipeline(setup=open_database)  # type: ignore[type-var]
def wrong_row_with_database(row: int, database: Database) -> None: ...


@csvpipe.pipeline(row_type=Person)  # type: ignore[arg-type]
def other_than_stated(order: Order) -> None: ...


@csvpipe.pipeline  # type: ignore[arg-type]
def no_row() -> None: ...


csvpipe.pipeline(row_type=int)  # type: ignore[type-var]


# Batches


@csvpipe.pipeline  # type: ignore[type-var]
def wrong_batch(rows: list[int]) -> None: ...


@csvpipe.pipeline  # type: ignore[arg-type, type-var]
async def wrong_batch_async(rows: list[Database], ctx: csvpipe.Context) -> None: ...


@csvpipe.pipeline(batch_size=1)  # type: ignore[type-var]
def wrong_batch_with_options(rows: list[Database]) -> None: ...


@csvpipe.pipeline(row_type=Person)  # type: ignore[arg-type]
def other_batch_than_stated(orders: list[Order]) -> None: ...


# Context


@csvpipe.pipeline  # type: ignore[arg-type]
def wrong_context(person: Person, ctx: Database) -> None: ...


@csvpipe.pipeline(ordered=True)  # type: ignore[arg-type, type-var]
def wrong_context_with_options(people: list[Person], ctx: str) -> None: ...


@csvpipe.pipeline(row_type=Person)  # type: ignore[arg-type]
async def wrong_context_stated(person: Person, ctx: str) -> None: ...


# Resource


@csvpipe.pipeline(setup=open_database)  # type: ignore[arg-type]
def wrong_resource(person: Person, database: str) -> None: ...


@csvpipe.pipeline(setup=connect)  # type: ignore[arg-type]
async def wrong_resource_async(person: Person, ctx: csvpipe.Context, database: str) -> None: ...


@csvpipe.pipeline(row_type=Person, setup=open_database)  # type: ignore[arg-type]
def wrong_resource_stated(person: Person, database: str) -> None: ...


csvpipe.pipeline(setup=Database())  # type: ignore[call-overload]


# Options

csvpipe.pipeline(on_error="ignore")  # type: ignore[call-overload]
csvpipe.pipeline(rejects_limit=5)  # type: ignore[call-overload]
csvpipe.WorkerPool(executor="processes")  # type: ignore[arg-type]
csvpipe.WorkerPool(on_exit="wait")  # type: ignore[arg-type]
csvpipe.WorkerPool(store=Database())  # type: ignore[arg-type]
csvpipe.WorkerPool(pipelines=[speak])  # type: ignore[list-item]
csvpipe.run(person_alone, upload())  # type: ignore[arg-type]
csvpipe.Column(decimals=",")  # type: ignore[call-arg]
csvpipe.Limits(1)  # type: ignore[call-arg]

# Calls

person_alone(Order(1, Decimal(2)))  # type: ignore[arg-type]
person_alone()  # type: ignore[call-arg]
person_in_context(ANA)  # type: ignore[call-arg]
