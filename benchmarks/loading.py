"""Every way to bring one file into a table, by a key: to be timed here, and weighed in a fresh interpreter."""

import csv
import datetime as dt
import os
import random
import shutil
import subprocess
from collections.abc import Callable, Iterator
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

import attrs
import databases
import sqlalchemy
from peers import reason_absent
from sqlalchemy.pool import NullPool
from ways import Sample, Way

import csvpipe
from csvpipe.sinks import SQLTable

SEED = 20_240_501
BAD_EVERY = 1_000
#: Different rows of a file but for their numbers.
_BLOCK_ROWS = 10_000
#: Rows that peers write at a time.
_BATCH_ROWS = 1_000
#: By which an interpreter of its own knows the database.
URL = "CSVPIPE_BENCHMARK_DATABASE"

TABLE = "people"
COLUMNS = ("id", "name", "email", "joined", "amount", "city", "active", "score")
_CREATED = (
    f"CREATE TABLE {TABLE} (id BIGINT PRIMARY KEY, name TEXT, email TEXT, joined DATE, amount DOUBLE PRECISION, "
    "city TEXT, active BOOLEAN, score DOUBLE PRECISION)"
)


@attrs.frozen
class Person:
    """A row of the file."""

    id: int
    name: str
    email: str
    joined: dt.date
    amount: float
    city: str
    active: bool
    score: float | None = None


def as_it_is(person: Person) -> Person:
    """A handler of rows on their way into the table."""
    return person


def write_people(path: Path, rows: int, *, is_partly_bad: bool = False) -> Sample:
    """A file of people, of whom one in a thousand may have a score that is no number."""
    chance = random.Random(SEED)
    block = [_cells_but_number(chance, number) for number in range(min(rows, _BLOCK_ROWS))]
    bad = 0
    with path.open("w", newline="", encoding="utf-8") as file:
        file.write(f"{','.join(COLUMNS)}\n")
        for first in range(0, rows, _BLOCK_ROWS):
            lines = [f"{first + n},{cells}\n" for n, cells in enumerate(block[: rows - first])]
            for n in range(BAD_EVERY // 2, len(lines), BAD_EVERY) if is_partly_bad else ():
                lines[n] = f"{lines[n].rpartition(',')[0]},bad\n"
                bad += 1
            file.writelines(lines)
    return Sample(path=path, rows=rows, bad=bad)


def _cells_but_number(chance: random.Random, number: int) -> str:
    day = dt.date(2010, 1, 1) + dt.timedelta(days=chance.randrange(5_000))
    score, amount = f"{chance.uniform(0, 100):.2f}", f"{chance.uniform(0, 1_000):.2f}"
    is_active, city = ("false", "true")[number % 2], f"Town {chance.randrange(100)}"
    return f"name {number % 9_973},user{number}@example.org,{day},{amount},{city},{is_active},{score}"


def renew(url: str) -> None:
    """An empty table, and nothing left to be written."""
    databases.run(url, f"DROP TABLE IF EXISTS {TABLE}", _CREATED)
    databases.write_back(url)


def check(url: str, sample: Sample) -> None:
    """See that all good rows are there.

    Raises:
        RuntimeError: They are not.
    """
    found = databases.scalar(url, f"SELECT count(*) FROM {TABLE}")  # noqa: S608  # ours
    if found != sample.rows - sample.bad:
        raise RuntimeError(f"{found} rows of {sample}")


def by_csvpipe(sample: Sample, handler: Callable[[Person], Person] | None = None) -> None:
    """Two workers, each with a connection of its own."""
    sink = SQLTable(os.environ[URL], TABLE)
    if handler is None:
        load: csvpipe.Pipeline[..., Any] = csvpipe.Pipeline(name="load", row_type=Person, sink=sink)
    else:
        load = csvpipe.pipeline(sink=sink)(handler)
    [record] = csvpipe.run(load, sample.path, workers=2)
    record.raise_for_status()


def by_psql(sample: Sample) -> None:
    r"""`\copy`, by one connection."""
    command = f"\\copy {TABLE} from '{sample.path}' csv header"
    subprocess.run(["psql", databases.plain_url(os.environ[URL]), "-q", "-c", command], check=True)  # noqa: S607


def by_sqlite3(sample: Sample) -> None:
    """`.import` of SQLite's shell."""
    file = sqlalchemy.make_url(os.environ[URL]).database or ""
    command = f".import --csv --skip 1 {sample.path} {TABLE}"
    subprocess.run(["sqlite3", file, command], check=True)  # noqa: S607


def by_executemany(sample: Sample) -> None:
    """A thousand rows at a time through SQLAlchemy, converted by hand, in one transaction."""
    engine = sqlalchemy.create_engine(os.environ[URL], poolclass=NullPool)
    table = sqlalchemy.Table(TABLE, sqlalchemy.MetaData(), autoload_with=engine)
    with sample.path.open(newline="", encoding="utf-8") as file, engine.begin() as connection:
        reader = csv.DictReader(file)
        while batch := [_converted(row) for row in islice(reader, _BATCH_ROWS)]:
            connection.execute(table.insert(), batch)


def by_driver(sample: Sample) -> None:
    """`executemany` of the driver itself, converted by hand, in one transaction."""
    url = os.environ[URL]
    mark = "%s" if databases.is_postgresql(url) else "?"
    statement = f"INSERT INTO {TABLE} ({', '.join(COLUMNS)}) VALUES ({', '.join([mark] * len(COLUMNS))})"  # noqa: S608
    engine = sqlalchemy.create_engine(url, poolclass=NullPool)
    connection = engine.raw_connection()
    try:
        cursor = connection.cursor()
        with sample.path.open(newline="", encoding="utf-8") as file:
            for batch in _batches(file, is_text_date=not databases.is_postgresql(url)):
                cursor.executemany(statement, batch)
        connection.commit()
    finally:
        connection.close()


def by_pandas(sample: Sample) -> None:
    """`read_csv` and `to_sql`."""
    import pandas as pd  # noqa: PLC0415  # where it is there

    engine = sqlalchemy.create_engine(os.environ[URL], poolclass=NullPool)
    frame = pd.read_csv(sample.path, parse_dates=["joined"])
    frame.to_sql(TABLE, engine, if_exists="append", index=False, chunksize=_BATCH_ROWS)


def _converted(row: dict[str, str]) -> dict[str, Any]:
    return {
        **row,
        "id": int(row["id"]),
        "joined": dt.date.fromisoformat(row["joined"]),
        "amount": float(row["amount"]),
        "active": row["active"] == "true",
        "score": float(row["score"]) if row["score"] else None,
    }


def _batches(file: Any, *, is_text_date: bool) -> Iterator[list[tuple[Any, ...]]]:
    reader = csv.DictReader(file)
    while batch := [_converted(row) for row in islice(reader, _BATCH_ROWS)]:
        for row in batch if is_text_date else ():
            row["joined"] = row["joined"].isoformat()
        yield [tuple(row[column] for column in COLUMNS) for row in batch]


def _tool(name: str) -> Callable[[], str | None]:
    return lambda: None if shutil.which(name) else f"{name} is not on this machine"


LOADS: dict[str, Way] = {
    "load-psql": Way("`psql`, `\\copy`", by_psql, _tool("psql")),
    "load-sqlite3": Way("`sqlite3`, `.import`", by_sqlite3, _tool("sqlite3")),
    "load-executemany": Way("SQLAlchemy, `executemany` of 1,000 rows", by_executemany),
    "load-driver": Way("the driver's `executemany` of 1,000 rows", by_driver),
    "load-pandas": Way("`pandas.to_sql`", by_pandas, partial(reason_absent, "pandas")),
    "load-handler": Way("csvpipe, a handler in Python", partial(by_csvpipe, handler=as_it_is)),
    "load-csvpipe": Way("csvpipe, typed and checked", by_csvpipe),
}
