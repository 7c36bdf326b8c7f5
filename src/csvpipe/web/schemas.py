"""What answers look like, as JSON Schema, read off their classes."""

from __future__ import annotations

import re
import types
import typing
from datetime import datetime
from enum import Enum
from functools import cache
from typing import Any, Final, Literal
from uuid import UUID

import attrs

from csvpipe import errors, events, jobs
from csvpipe._intake import inspection
from csvpipe.jobs import JobRecord

_SIMPLE: Final[dict[Any, dict[str, Any]]] = {
    bool: {"type": "boolean"},
    int: {"type": "integer"},
    float: {"type": "number"},
    str: {"type": "string"},
    UUID: {"type": "string", "format": "uuid"},
    datetime: {"type": "string", "format": "date-time"},
    type(None): {"type": "null"},
    Any: {},
}

#: What a `JobRecord` has as properties and its JSON as members.
_COMPUTED: Final = ("fraction", "success_rate", "rows_per_second", "elapsed_seconds", "eta_seconds")

#: Of an attribute in the section `Attributes:` of a docstring.
_ATTRIBUTE: Final = re.compile(r"^ {4}(?: {4})?(\w+): (.+(?:\n {6,}(?! *\w+: ).+)*)", re.MULTILINE)


class Schemas:
    """The schemas of a document, which refer to each other."""

    def __init__(self) -> None:
        self.named: dict[str, dict[str, Any]] = {}

    def of(self, kind: Any) -> dict[str, Any]:
        """The schema of a type; that of a class by reference."""
        kind = getattr(kind, "__supertype__", kind)  # of a NewType
        if kind in _SIMPLE:
            return dict(_SIMPLE[kind])
        if typing.get_args(kind):
            return self._of_generic(typing.get_origin(kind), typing.get_args(kind))
        if issubclass(kind, Enum):
            return self._named(kind, lambda: {"type": "string", "enum": [member.value for member in kind]})
        return self._named(kind, lambda: self._of_class(kind))

    def _of_generic(self, origin: Any, given: tuple[Any, ...]) -> dict[str, Any]:
        if origin in (types.UnionType, typing.Union):
            return self._any_of([self.of(each) for each in given])
        if origin is Literal:
            return {"type": "string", "enum": list(given)}
        if origin in (tuple, list):
            return {"type": "array", "items": self.of(given[0])}
        return {"type": "object", "additionalProperties": self.of(given[1])}

    def _any_of(self, schemas: list[dict[str, Any]]) -> dict[str, Any]:
        if all(set(schema) <= {"type", "format"} for schema in schemas):
            merged = {key: value for schema in schemas for key, value in schema.items()}
            return {**merged, "type": [schema["type"] for schema in schemas]}
        return {"anyOf": schemas}

    def _named(self, kind: type, make: typing.Callable[[], dict[str, Any]]) -> dict[str, Any]:
        name = kind.__name__
        if name not in self.named:
            self.named[name] = {}  # it may hold others of its kind
            self.named[name] = {"title": name, "description": _summary(kind), **make()}
        return {"$ref": f"#/components/schemas/{name}"}

    def _of_class(self, kind: type) -> dict[str, Any]:
        hints = _hints(kind)
        said = dict(_ATTRIBUTE.findall(kind.__doc__ or ""))
        members: dict[str, Any] = {}
        for field in attrs.fields(kind):
            description = " ".join(said.get(field.name, "").split())
            members[field.name] = {
                **self.of(hints[field.name]),
                **({"description": description} if description else {}),
            }
        if kind is JobRecord:
            for name in _COMPUTED:
                found = getattr(JobRecord, name).fget
                schema = self.of(typing.get_type_hints(found)["return"])
                members[name] = {**schema, "description": found.__doc__}
        return {"type": "object", "properties": members, "required": list(members)}


def _summary(kind: type) -> str:
    return (kind.__doc__ or "").strip().split("\n\n")[0].replace("\n    ", " ")


@cache
def _hints(kind: type) -> dict[str, Any]:
    """Annotations; what a module imports for type checkers only is looked for among the vocabulary."""
    known = {**vars(errors), **vars(jobs), **vars(events), **vars(inspection)}
    return typing.get_type_hints(kind, localns=known)
