"""Where to go on reading, as a text: the age of the last job that was seen, so that it may be deleted meanwhile."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Final

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_CURSOR: Final = re.compile(r"(-?\d{1,18})\.(\d{1,18})")


def cursor_of(created_at: datetime, sequence: int) -> str:
    """The text."""
    return f"{(created_at - _EPOCH) // timedelta(microseconds=1)}.{sequence}"


def cursor_to(cursor: str) -> tuple[datetime, int]:
    """The inverse.

    Raises:
        ValueError: It is no such text.
    """
    found = _CURSOR.fullmatch(cursor)
    try:
        if found is not None:
            return _EPOCH + timedelta(microseconds=int(found[1])), int(found[2])
    except OverflowError:
        pass
    raise ValueError(f"after must be what `following` of an earlier answer said, not {cursor!r}")


def see_limit(limit: int) -> None:
    """Nothing, if so many jobs may be asked for.

    Raises:
        ValueError: They may not.
    """
    if limit < 1:
        raise ValueError(f"limit counts from 1, not {limit}")
