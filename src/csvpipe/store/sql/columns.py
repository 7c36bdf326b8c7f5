"""Types of columns: what a value is in the database, and that it comes back as it was given."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import BigInteger, DateTime, Dialect, Integer, String, Text, Uuid
from sqlalchemy.types import TypeDecorator, TypeEngine

#: A whole number that counts up as the key of its table; SQLite counts up in this type alone.
Sequence: Final = BigInteger().with_variant(Integer, "sqlite")

# What a text in PostgreSQL cannot hold: NUL, and the lone surrogates by which Python names bytes that are no text. They
# are written as a code point that is no character, and four hex digits; that code point itself likewise.
_MARK: Final = "\ufdd0"
_UNFIT: Final = re.compile("[\x00\ud800-\udfff\ufdd0]")
_MARKED: Final = re.compile(f"{_MARK}([0-9a-f]{{4}})")


class AnyText(TypeDecorator[str]):
    """Any `str` of Python, equal ones as equal texts."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:  # noqa: ARG002
        """Make it fit."""
        if value is None or not _UNFIT.search(value):
            return value
        return _UNFIT.sub(lambda found: f"{_MARK}{ord(found.group()):04x}", value)

    def process_result_value(self, value: str | None, dialect: Dialect) -> str | None:  # noqa: ARG002
        """Undo that."""
        if value is None or _MARK not in value:
            return value
        return _MARKED.sub(lambda found: chr(int(found.group(1), 16)), value)


class UtcTime(TypeDecorator[datetime]):
    """An aware time, in UTC. SQLite keeps it as text that sorts."""

    impl = DateTime
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """With a time zone where the database has such a type."""
        return dialect.type_descriptor(DateTime(timezone=dialect.name != "sqlite"))

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Turn it to UTC."""
        if value is None:
            return None
        value = value.astimezone(UTC)
        return value.replace(tzinfo=None) if dialect.name == "sqlite" else value

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        """Read it as UTC, whatever zone the connection is in."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class Key(TypeDecorator[UUID]):
    """A UUID; in SQLite as the text that people see, so that it can be looked up as it is shown."""

    impl = Uuid
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """The database's own type, or text."""
        return dialect.type_descriptor(String(36) if dialect.name == "sqlite" else Uuid())

    def process_bind_param(self, value: UUID | None, dialect: Dialect) -> UUID | str | None:
        """As text for SQLite."""
        return str(value) if value is not None and dialect.name == "sqlite" else value

    def process_result_value(self, value: UUID | str | None, dialect: Dialect) -> UUID | None:  # noqa: ARG002
        """As a UUID."""
        return UUID(value) if isinstance(value, str) else value
