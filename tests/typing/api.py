"""The whole public API as an application would use it. Never run: mypy and pyright read it.

A line that must be refused ends in `# type: ignore[...]` for mypy and `# pyright: ignore[...]` for pyright. Both report
an ignore that ignores nothing, so these lines are tests too.
"""

# pyright: strict, reportUnusedFunction=false, reportUnusedParameter=false

import io
from collections.abc import AsyncIterator, Coroutine, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from enum import Enum
from pathlib import Path
from typing import Any, NamedTuple, assert_type
from uuid import UUID

import attrs

import csvpipe
import csvpipe.testing

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


class Database:
    def save(self, row: object) -> None: ...


@contextmanager
def open_database() -> Iterator[Database]:
    yield Database()


@asynccontextmanager
async def connect() -> AsyncIterator[Database]:
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
    return ctx.row_key


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
    return len(people)


assert_type(person_alone, csvpipe.Pipeline[[Person], None])
assert_type(order_alone, csvpipe.Pipeline[[Order], int])
assert_type(point_alone, csvpipe.Pipeline[[Point], float])
assert_type(row_alone, csvpipe.Pipeline[[csvpipe.Row], str])
assert_type(cells_by_name, csvpipe.Pipeline[[dict[str, str]], str])
assert_type(cells_in_order, csvpipe.Pipeline[[list[str]], str])
assert_type(person_in_context, csvpipe.Pipeline[[Person, csvpipe.Context], str])
assert_type(people_at_once, csvpipe.Pipeline[[list[Person]], None])
assert_type(orders_at_once, csvpipe.Pipeline[[list[Order], csvpipe.Context], None])
assert_type(rows_at_once, csvpipe.Pipeline[[list[csvpipe.Row]], None])
assert_type(lists_at_once, csvpipe.Pipeline[[list[list[str]]], None])
assert_type(person_async, csvpipe.Pipeline[[Person], Coroutine[Any, Any, None]])
assert_type(people_async, csvpipe.Pipeline[[list[Person], csvpipe.Context], Coroutine[Any, Any, int]])


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
    retry=csvpipe.Retry(
        attempts=3, on=(ConnectionError, TimeoutError), backoff_seconds=0.5, max_backoff_seconds=10
    ),
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
assert_type(with_options_async, csvpipe.Pipeline[[Person], Coroutine[Any, Any, None]])


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
assert_type(with_connection, csvpipe.Pipeline[[Person, Database], Coroutine[Any, Any, None]])
assert_type(stated, csvpipe.Pipeline[[Person], None])
assert_type(stated_batch, csvpipe.Pipeline[[list[Person], csvpipe.Context], None])
assert_type(
    stated_with_connection,
    csvpipe.Pipeline[[list[Person], csvpipe.Context, Database], Coroutine[Any, Any, None]],
)
assert_type(stated_without_the_database, csvpipe.Pipeline[[Order], None])


# A pipeline is its function -------------------------------------------------------------------------------------------

ANA = Person(1, "Ana", date(2024, 3, 1))

assert_type(order_alone(Order(1, Decimal(2))), int)
assert_type(row_alone(csvpipe.Row(number=1, line=2, index={"name": 0}, values=["Ana"])), str)
assert_type(person_alone.name, str)
assert_type(every_option.limits, csvpipe.Limits)
assert_type(every_option.retry, csvpipe.Retry)
assert_type(every_option.dialect, csvpipe.Dialect | None)
assert_type(csvpipe.Retry().delay_seconds(2), float)

person_alone(Order(1, Decimal(2)))  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
person_alone()  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
person_in_context(ANA)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]


# What must be refused -------------------------------------------------------------------------------------------------


@csvpipe.pipeline  # type: ignore[call-overload]  # pyright: ignore[reportCallIssue, reportArgumentType]
def wrong_row(row: int) -> None: ...


@csvpipe.pipeline  # type: ignore[call-overload]  # pyright: ignore[reportCallIssue, reportArgumentType]
def wrong_class(row: Database) -> None: ...


@csvpipe.pipeline  # type: ignore[call-overload]  # pyright: ignore[reportCallIssue, reportArgumentType]
def wrong_mapping(row: dict[str, int]) -> None: ...


@csvpipe.pipeline  # type: ignore[call-overload]  # pyright: ignore[reportCallIssue, reportArgumentType]
def wrong_tuple(row: tuple[int, str]) -> None: ...


@csvpipe.pipeline  # type: ignore[call-overload]  # pyright: ignore[reportCallIssue, reportArgumentType]
def wrong_batch(rows: list[int]) -> None: ...


@csvpipe.pipeline  # type: ignore[call-overload]  # pyright: ignore[reportCallIssue, reportArgumentType]
def wrong_context(person: Person, ctx: Database) -> None: ...


@csvpipe.pipeline  # type: ignore[call-overload]  # pyright: ignore[reportCallIssue, reportArgumentType]
def no_row() -> None: ...


@csvpipe.pipeline(reject_limit=1)  # type: ignore[call-overload]  # pyright: ignore[reportCallIssue, reportArgumentType]
def wrong_row_with_options(row: int) -> None: ...


@csvpipe.pipeline(batch_size=1)  # type: ignore[call-overload]  # pyright: ignore[reportCallIssue, reportArgumentType]
def wrong_batch_with_options(rows: list[Database]) -> None: ...


@csvpipe.pipeline(setup=open_database)  # type: ignore[call-overload]  # pyright: ignore[reportCallIssue, reportArgumentType]
def wrong_resource(person: Person, database: str) -> None: ...


@csvpipe.pipeline(setup=connect)  # type: ignore[call-overload]  # pyright: ignore[reportCallIssue, reportArgumentType]
async def wrong_resource_async(person: Person, ctx: csvpipe.Context, database: str) -> None: ...


@csvpipe.pipeline(row_type=Person)  # type: ignore[call-overload]  # pyright: ignore[reportCallIssue, reportArgumentType]
def other_than_stated(order: Order) -> None: ...


@csvpipe.pipeline(row_type=Person)  # type: ignore[call-overload]  # pyright: ignore[reportCallIssue, reportArgumentType]
def other_batch_than_stated(orders: list[Order]) -> None: ...
