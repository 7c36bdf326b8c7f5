"""What else reads a CSV file and hands it to a function: the same handlers, without csvpipe around them.

Each is called at its best, as far as its documentation and a few trials show.
"""

import asyncio
import csv
import multiprocessing
from collections.abc import Callable, Iterator
from datetime import date
from decimal import Decimal
from functools import cache
from importlib.util import find_spec
from itertools import islice
from multiprocessing.pool import Pool
from multiprocessing.synchronize import Barrier
from pathlib import Path
from typing import Any

from generate import COLUMNS
from handlers import take_columns

PROCESSES = 2
#: Rows that go to another process, or come from pandas and DuckDB, at a time.
CHUNK_ROWS = 5_000
#: Rows of a data frame where whole columns are wanted.
FRAME_ROWS = 50_000
BLOCK_BYTES = 4 * 1024 * 1024

Row = list[str]
DUCKDB_TYPES = dict(
    zip(COLUMNS, "BIGINT VARCHAR VARCHAR DATE DOUBLE BOOLEAN BIGINT DECIMAL(12,2)".split(), strict=True)  # noqa: SIM905  # as in SQL
)


def values_of(cells: list[str]) -> tuple[Any, ...]:
    """Convert by hand, without a message for the cell that cannot be converted."""
    number, name, city, joined, score, active, visits, amount = cells
    return (
        int(number),
        name,
        city,
        date.fromisoformat(joined),
        float(score) if score else None,
        active == "true",
        int(visits),
        Decimal(amount),
    )


def take_cells_as(make: Callable[..., Any], take: Callable[[Any], None], cells: list[str]) -> None:
    """Convert by hand, and handle."""
    take(make(*values_of(cells)))


def take_record_as(make: Callable[..., Any], take: Callable[[Any], None], record: dict[str, str]) -> None:
    """Convert what `csv.DictReader` gives, and handle."""
    take(
        make(
            id=int(record["id"]),
            name=record["name"],
            city=record["city"],
            joined=date.fromisoformat(record["joined"]),
            score=float(record["score"]) if record["score"] else None,
            active=record["active"] == "true",
            visits=int(record["visits"]),
            amount=Decimal(record["amount"]),
        )
    )


def loop_reader(path: Path, handle: Callable[[list[str]], None]) -> None:
    """Hand every row of a `csv.reader` over."""
    with path.open(newline="", encoding="utf-8") as file:
        reader = csv.reader(file)
        next(reader)
        for row in reader:
            handle(row)


def loop_reader_noting(path: Path, handle: Callable[[list[str]], None]) -> int:
    """Hand every row of a `csv.reader` over, and keep the bad ones with their lines; how many there are."""
    bad: list[tuple[int, list[str], str]] = []
    with path.open(newline="", encoding="utf-8") as file:
        reader = csv.reader(file)
        next(reader)
        for row in reader:
            try:
                handle(row)
            except (ValueError, ArithmeticError) as error:
                bad.append((reader.line_num, row, str(error)))
    return len(bad)


def loop_dict_reader(path: Path, handle: Callable[[dict[str, str]], None]) -> None:
    """Hand every row of a `csv.DictReader` over."""
    with path.open(newline="", encoding="utf-8") as file:
        for record in csv.DictReader(file):
            handle(record)


@cache
def processes() -> Pool:
    """Two processes, which are up before the clock starts."""
    context = multiprocessing.get_context("spawn")
    are_ready = context.Barrier(PROCESSES + 1)
    pool = context.Pool(PROCESSES, _wait_for_others, (are_ready,))
    are_ready.wait()
    return pool


def _wait_for_others(are_ready: Barrier) -> None:
    """In another process, which has imported this module by now."""
    are_ready.wait()


def close_processes() -> None:
    """End them, if there are any."""
    if processes.cache_info().currsize:
        with processes() as pool:
            pool.terminate()
            pool.join()
        processes.cache_clear()


def map_processes(path: Path, handle: Callable[[list[str]], None]) -> None:
    """Parse here, and handle in the processes of a pool, some thousand rows at a time."""
    with path.open(newline="", encoding="utf-8") as file:
        reader = csv.reader(file)
        next(reader)
        parts = ((handle, part) for part in iter(lambda: list(islice(reader, CHUNK_ROWS)), []))
        for _ in processes().imap(_handle_part, parts):
            pass


def _handle_part(task: tuple[Callable[[list[str]], None], list[list[str]]]) -> int:
    """In another process: handle some rows."""
    handle, part = task
    for row in part:
        handle(row)
    return len(part)


def loop_pandas(path: Path, handle: Callable[[Any], None], *, make: Callable[..., Any] | None = None) -> None:
    """Hand every row of `pandas.read_csv` over, read in parts: objects as pandas types them, or text."""
    for frame in _pandas_frames(path, CHUNK_ROWS, is_typed=make is not None):
        for row in frame.itertuples(index=False, name=None):
            handle(make(*row) if make else list(row))


def batch_pandas(path: Path) -> int:
    """Read the columns of a file part by part; how many rows there are."""
    return sum(take_columns(frame) for frame in _pandas_frames(path, FRAME_ROWS, is_typed=True))


def _pandas_frames(path: Path, rows: int, *, is_typed: bool) -> Iterator[Any]:
    import pandas as pd  # noqa: PLC0415  # not installed everywhere

    if is_typed:
        options: dict[str, Any] = {"parse_dates": ["joined"], "converters": {"amount": Decimal}}
    else:
        options = {"dtype": str, "keep_default_na": False}
    return iter(pd.read_csv(path, chunksize=rows, **options))


def loop_polars(path: Path, handle: Callable[[Any], None], *, make: Callable[..., Any] | None = None) -> None:
    """Hand every row of a lazy polars scan over, batch by batch."""
    for frame in _polars_frames(path, is_typed=make is not None):
        for row in frame.iter_rows():
            handle(make(*row) if make else list(row))


def batch_polars(path: Path) -> int:
    """Read the columns of a file batch by batch; how many rows there are."""
    return sum(take_columns(frame) for frame in _polars_frames(path, is_typed=True))


def _polars_frames(path: Path, *, is_typed: bool) -> Iterator[Any]:
    import polars as pl  # noqa: PLC0415  # not installed everywhere

    types = (pl.Int64, pl.String, pl.String, pl.Date, pl.Float64, pl.Boolean, pl.Int64, pl.Decimal(12, 2))
    if is_typed:
        scan = pl.scan_csv(path, schema=dict(zip(COLUMNS, types, strict=True)))
    else:
        scan = pl.scan_csv(path, infer_schema=False, empty_string_is_null=False)
    return iter(scan.collect_batches())


def loop_duckdb(path: Path, handle: Callable[[Any], None], *, make: Callable[..., Any] | None = None) -> None:
    """Hand every row of DuckDB's `read_csv` over, fetched some thousand at a time."""
    import duckdb  # noqa: PLC0415  # not installed everywhere

    types = DUCKDB_TYPES if make else dict.fromkeys(COLUMNS, "VARCHAR")
    with duckdb.connect() as connection:
        rows = connection.execute(f"from read_csv('{path}', columns={types})")  # our own file
        while part := rows.fetchmany(CHUNK_ROWS):
            for row in part:
                handle(make(*row) if make else list(row))


def batch_duckdb(path: Path) -> tuple[int, int]:
    """Read a file in Arrow batches, bad rows recorded; how many there are of good and bad ones."""
    import duckdb  # noqa: PLC0415  # not installed everywhere

    with duckdb.connect() as connection:
        query = f"from read_csv('{path}', columns={DUCKDB_TYPES}, store_rejects=true)"  # our own file
        rows = sum(take_columns(batch) for batch in connection.sql(query).to_arrow_reader())
        [(bad,)] = connection.sql("select count(distinct line) from reject_errors").fetchall()
    return rows, bad


def batch_arrow(path: Path) -> int:
    """Read a file with pyarrow's stream of batches; how many rows there are."""
    import pyarrow as pa  # noqa: PLC0415  # not installed everywhere
    from pyarrow import csv as arrow_csv  # noqa: PLC0415

    types = (pa.int64(), pa.string(), pa.string(), pa.date32(), pa.float64(), pa.bool_(), pa.int64())
    reader = arrow_csv.open_csv(
        path,
        read_options=arrow_csv.ReadOptions(block_size=BLOCK_BYTES),
        parse_options=arrow_csv.ParseOptions(newlines_in_values=True),
        convert_options=arrow_csv.ConvertOptions(
            column_types=dict(zip(COLUMNS, (*types, pa.decimal128(12, 2)), strict=True))
        ),
    )
    with reader:
        return sum(take_columns(batch) for batch in reader)


def gather_rows(path: Path, seconds: float, concurrency: int) -> None:
    """Wait for each row of a `csv.reader`, in so many tasks of an event loop."""

    async def work(reader: Iterator[Row]) -> None:
        for _ in reader:
            await asyncio.sleep(seconds)

    async def main() -> None:
        with path.open(newline="", encoding="utf-8") as file:
            reader = csv.reader(file)
            next(reader)
            async with asyncio.TaskGroup() as tasks:
                for _ in range(concurrency):
                    tasks.create_task(work(reader))

    asyncio.run(main())


def read_list(path: Path) -> None:
    """Hold all rows at once."""
    with path.open(newline="", encoding="utf-8") as file:
        list(csv.reader(file))


def read_frame(path: Path) -> None:
    """Hold all of a file in a data frame."""
    import pandas as pd  # noqa: PLC0415  # not installed everywhere

    pd.read_csv(path)


def reason_absent(module: str) -> str | None:
    """Why a peer cannot take part: it is not installed."""
    return None if find_spec(module) else f"{module} is not installed"
