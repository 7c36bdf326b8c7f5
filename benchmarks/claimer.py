"""Run in a process of its own: takes one job at a time and finishes it, until there is none.

`python claimer.py WAY URL NAME` says that it is ready, and begins at the end of a line.
"""

import os
import sqlite3
import sys
from contextlib import closing
from typing import Any

import databases
import sqlalchemy


def claim_from_store(url: str, name: str) -> int:
    """As a pool does; how many jobs there were."""
    import csvpipe  # noqa: PLC0415  # the other way has no use for it
    from csvpipe.jobs import Verb  # noqa: PLC0415
    from csvpipe.store.protocol import WorkerId  # noqa: PLC0415
    from csvpipe.testing._store_contract.harness import PIPELINE, a_result  # noqa: PLC0415

    with csvpipe.SQLJobStore(url) as store:
        store.list_jobs(limit=1)  # connected
        _wait()
        done = 0
        while claims := store.claim(WorkerId(name), pipelines=[PIPELINE], limit=1, lease_seconds=60.0):
            done += 1
            store.settle(claims[0].lease, Verb.COMPLETE, results=[a_result(1, 10)], total_rows=10)
    return done


def claim_by_hand(url: str, name: str) -> int:
    """A table of jobs as one writes it by hand: the oldest that waits, without owners, fences, chunks and leases."""
    return _from_postgresql(url, name) if databases.is_postgresql(url) else _from_sqlite(url, name)


def _from_postgresql(url: str, name: str) -> int:
    import psycopg  # noqa: PLC0415  # not installed everywhere

    done = 0
    with psycopg.connect(databases.plain_url(url), autocommit=True) as connection:
        _wait()
        while row := connection.execute(
            "UPDATE by_hand SET status = 'processing', worker = %s WHERE id = (SELECT id FROM by_hand WHERE status = "
            "'pending' ORDER BY id LIMIT 1 FOR UPDATE SKIP LOCKED) RETURNING id",
            [name],
        ).fetchone():
            done += 1
            connection.execute("UPDATE by_hand SET status = 'completed' WHERE id = %s", row)
    return done


def _from_sqlite(url: str, name: str) -> int:
    file = sqlalchemy.make_url(url).database or ""
    done = 0
    with closing(sqlite3.connect(file, isolation_level=None, timeout=60.0)) as connection:
        connection.execute("PRAGMA synchronous = FULL")
        _wait()
        while (row := _next(connection, name)) is not None:
            done += 1
            connection.execute("UPDATE by_hand SET status = 'completed' WHERE id = ?", row)
    return done


def _next(connection: sqlite3.Connection, name: str) -> Any:
    connection.execute("BEGIN IMMEDIATE")
    row = connection.execute("SELECT id FROM by_hand WHERE status = 'pending' ORDER BY id LIMIT 1").fetchone()
    if row is not None:
        connection.execute("UPDATE by_hand SET status = 'processing', worker = ? WHERE id = ?", (name, *row))
    connection.execute("COMMIT")
    return row


def _wait() -> None:
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    sys.stdin.readline()


if __name__ == "__main__":
    way, *arguments = sys.argv[1:]
    number = {"csvpipe": claim_from_store, "by-hand": claim_by_hand}[way](*arguments)
    sys.stdout.write(f"{number}\n")
    sys.stdout.flush()
    os._exit(0)
