"""Values as JSON has them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from enum import Enum
from uuid import UUID

import attrs
from starlette.responses import Response

from csvpipe.jobs import JobRecord


def plain(value: object) -> object:
    """The same as objects, lists, texts and numbers; `schemas` says what it looks like."""
    if isinstance(value, JobRecord):
        return value.to_dict()
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    kind: type = type(value)
    if attrs.has(kind):
        return {field.name: plain(getattr(value, field.name)) for field in attrs.fields(kind)}
    return _scalar(value)


def _scalar(value: object) -> object:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat()
    if isinstance(value, Enum):
        return value.value
    return str(value) if isinstance(value, UUID) else value


def answer(value: object, status: int = 200) -> Response:
    """An answer in JSON."""
    return Response(
        json.dumps(plain(value), ensure_ascii=False).encode(errors="replace"), status, None, "application/json"
    )
