"""Where rows can go: tables of an SQL database, exactly once.

>>> from csvpipe.sinks import SQLTable
>>> SQLTable("sqlite:///people.db", "people")
<SQLTable 'people' in sqlite:///people.db, insert>
"""

from __future__ import annotations

from importlib.util import find_spec

from csvpipe.errors import MissingExtraError

if find_spec("sqlalchemy") is None:
    raise MissingExtraError("csvpipe.sinks", "sql")

from csvpipe.sinks.table import SQLTable  # it is of no use without

__all__ = ["SQLTable"]
