"""Where a class, a function or a field stands, for messages."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Callable
from typing import Any


def located(target: Callable[..., object] | type) -> str:
    """Name and place of a class or function: `Person (/srv/app/people.py:12)`."""
    name = getattr(target, "__qualname__", None) or repr(target)
    try:
        path, line = inspect.getsourcefile(target), inspect.getsourcelines(target)[1]
    except (OSError, TypeError):  # typed into a prompt, built in, or written in C
        return name
    return f"{name} ({path}:{line})"


def located_field(row_type: type, name: str) -> str:
    """A field with the place of its class, and its own line: `Person (people.py:12): field 'age' (line 14)`."""
    line = next((line for owner in row_type.__mro__ if (line := _line_of(owner, name))), None)
    own = "" if line is None else f" (line {line})"
    return f"{located(row_type)}: field {name!r}{own}"


def _line_of(owner: Any, name: str) -> int | None:
    import textwrap  # noqa: PLC0415  # for messages only

    try:
        lines, first = inspect.getsourcelines(owner)
        [written] = ast.parse(textwrap.dedent("".join(lines))).body
    except (OSError, TypeError, SyntaxError, ValueError):
        return None
    for statement in getattr(written, "body", ()):
        target = getattr(statement, "target", None) or next(iter(getattr(statement, "targets", ())), None)
        if getattr(target, "id", None) == name:
            return first + int(statement.lineno) - 1
    return None
