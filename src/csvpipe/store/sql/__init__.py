"""Job state in a SQL database, SQLite or PostgreSQL: for jobs that outlive the process, and for several processes.

    store          the door: `SQLJobStore`
    address        what the application gives becomes an engine
    transactions   how a transaction begins, by whose clock, and what is tried again
    migrations     from whatever is in the database to the tables of `schema`, whose types are in `columns`
    codec          between values and rows

and what is done in a transaction: `anybody` creates, requests and deletes, `claiming` hands out, `owning` renews,
commits (`chunks`) and settles, `looking` only looks. All of them find, lock and write jobs by `jobrows`.
"""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from csvpipe.errors import MissingExtraError

if TYPE_CHECKING or find_spec("sqlalchemy") is not None:
    from csvpipe.store.sql.store import SQLJobStore
else:

    class SQLJobStore:
        """Stands for the store where its extra is not installed, so that `from csvpipe import *` works there too."""

        def __init__(self, *_: Any, **__: Any) -> None:
            raise MissingExtraError("SQLJobStore", "sql")


__all__ = ["SQLJobStore"]
