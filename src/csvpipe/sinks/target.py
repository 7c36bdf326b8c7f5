"""What is known of the table that rows go to."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import attrs
import sqlalchemy as sa
from sqlalchemy.engine.interfaces import ReflectedColumn
from sqlalchemy.exc import NoSuchTableError

from csvpipe.errors import FileCode, FileError
from csvpipe.rowtypes.names import listed, suggested


@attrs.frozen(kw_only=True)
class Target:
    """A table, as the database describes it.

    Attributes:
        name: For people, with its schema.
        quoted: The name as it stands in statements.
        columns: Type of each column, in their order.
        required: Columns that must be given, as they have no default and take no NULL.
        constraints: Columns of each constraint and unique index, by its name.
        references: Columns of each foreign key, which need no name.
        uniques: Sets of columns that are unique together.
        fields: What rows call a column, where that is another name.
    """

    name: str
    quoted: str
    columns: Mapping[str, Any]
    required: frozenset[str]
    constraints: Mapping[str, Sequence[str]]
    references: Sequence[Sequence[str]]
    uniques: Sequence[frozenset[str]]
    fields: Mapping[str, str]

    def quote(self, name: str) -> str:
        """A name as it stands in statements without values.

        It is always quoted: which words mean something depends on the server's version, and SQLAlchemy, which knows
        some of them, doubles percent signs as for statements with values.
        """
        return _quoted(name)

    def list_of(self, columns: Sequence[str]) -> str:
        """Names as they stand in statements, with commas."""
        return ", ".join(map(_quoted, columns))

    def free_name(self, wanted: str) -> str:
        """A name like this one that no column has."""
        while wanted in self.columns:
            wanted += "_"
        return wanted

    def check(self, columns: Sequence[str], *, is_all: bool) -> None:
        """See that these can be written.

        Args:
            columns: Of rows.
            is_all: Whether it matters that others are missing.

        Raises:
            FileError: `sink_failed`: one is not there, or one that must be given is not among them.
        """
        if strangers := [column for column in columns if column not in self.columns]:
            shown = suggested(strangers[0], self.columns)
            raise FileError(
                FileCode.SINK_FAILED,
                f"table {self.name} has no column {shown}; it has {listed(tuple(self.columns))}: name the field as the "
                "column, say which is which with SQLTable(columns={field: column}), or add the column; then retry the "
                "job",
            )
        if is_all and (missing := sorted(self.required.difference(columns))):
            raise FileError(
                FileCode.SINK_FAILED,
                f"table {self.name} needs {listed(missing)}, which no field of the rows fills; add the field, or give "
                "the column a default, then retry the job",
            )


def reflect(engine: sa.Engine, table: str, schema: str | None, renamed: Mapping[str, str]) -> Target:
    """Look the table up.

    Args:
        engine: To its database.
        table: Its name.
        schema: Where it is, unless on the search path.
        renamed: Columns by the names that rows have for them.

    Raises:
        FileError: `sink_failed`: there is none.
    """
    with engine.connect() as connection:  # an engine that keeps none would make one for each question
        return _reflected(connection, table, schema, renamed)


def _reflected(connection: sa.Connection, table: str, schema: str | None, renamed: Mapping[str, str]) -> Target:
    inspector, engine = sa.inspect(connection), connection.engine
    # Of what stands in the statement that made a table of SQLite, SQLAlchemy does not read every name.
    every: dict[str, Any] = {"include_auto_indexes": True} if engine.dialect.name == "sqlite" else {}
    name = table if schema is None else f"{schema}.{table}"
    try:
        found = inspector.get_columns(table, schema=schema)
    except NoSuchTableError:
        known = inspector.get_table_names(schema=schema)
        raise FileError(
            FileCode.SINK_FAILED,
            f"there is no table {suggested(name, known)} in {engine.url.render_as_string()}; create it, or correct the "
            "name in SQLTable(...), then retry the job",
        ) from None
    key = inspector.get_pk_constraint(table, schema=schema)
    sets = [
        (key.get("name"), key["constrained_columns"]),
        *((each["name"], each["column_names"]) for each in inspector.get_unique_constraints(table, schema=schema)),
        *(
            (each["name"], [column for column in each["column_names"] if column is not None])
            for each in inspector.get_indexes(table, schema=schema, **every)
            if each["unique"]
        ),
    ]
    others = [(each["name"], each["constrained_columns"]) for each in inspector.get_foreign_keys(table, schema=schema)]
    names = [column["name"] for column in found]
    checks = [
        (each["name"], named_in(each["sqltext"], names))
        for each in inspector.get_check_constraints(table, schema=schema)
    ]
    numbered = _numbered(engine, key["constrained_columns"], found)
    return Target(
        name=name,
        quoted=_quoted(table) if schema is None else f"{_quoted(schema)}.{_quoted(table)}",
        columns={column["name"]: column["type"] for column in found},
        required=frozenset(column["name"] for column in found if _is_required(column)) - numbered,
        constraints={name: tuple(columns) for name, columns in (*sets, *others, *checks) if name is not None},
        references=[tuple(columns) for _, columns in others],
        uniques=[frozenset(columns) for _, columns in sets if columns],
        fields={column: field for field, column in renamed.items()},
    )


def named_in(condition: str, columns: Sequence[str]) -> tuple[str, ...]:
    """The columns that a condition of SQL is about, by its words without those in single quotes."""
    words = frozenset(re.findall(r"\w+|\"[^\"]+\"", re.sub(r"'(?:[^']|'')*'", "", condition)))
    return tuple(column for column in columns if column in words or f'"{column}"' in words)


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _is_required(column: ReflectedColumn) -> bool:
    is_filled = column.get("default") is not None or column.get("identity") or column.get("computed")
    return not column["nullable"] and not is_filled


def _numbered(engine: sa.Engine, key: Sequence[str], columns: Sequence[ReflectedColumn]) -> frozenset[str]:
    """SQLite gives a number to the integer that is the only column of the key."""
    types = {column["name"]: column["type"] for column in columns}
    is_integer = len(key) == 1 and isinstance(types[key[0]], sa.Integer)
    return frozenset(key) if engine.dialect.name == "sqlite" and is_integer else frozenset()
