"""The OpenAPI 3.1 document, made of the table of operations and the classes of their answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import csvpipe
from csvpipe.events import JobEvent
from csvpipe.web.operations import Operation
from csvpipe.web.parameters import FORM
from csvpipe.web.problems import MEDIA_TYPE, Kind, Problem
from csvpipe.web.schemas import Schemas

_SECURITY: Final = "owner"

_STREAM: Final = "text/event-stream"

_JOB_ID: Final[dict[str, Any]] = {
    "name": "job_id",
    "in": "path",
    "required": True,
    "schema": {"type": "string", "format": "uuid"},
}

_FILE: Final[dict[str, Any]] = {
    "required": True,
    "description": "The file, or its first bytes, as they are.",
    "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
}

_UPLOAD: Final = "The fields must stand before the files that they are about; what is said in the query wins over them."

#: What a stream is made of. Before OpenAPI 3.2 the schema of a stream is that of its events.
_EVENT: Final[dict[str, Any]] = {
    "type": "object",
    "properties": {
        "id": {"type": "string", "description": "The job's revision."},
        "event": {"type": "string", "description": "The kind of the event."},
        "data": {
            "type": "string",
            "contentMediaType": "application/json",
            "contentSchema": {"$ref": "#/components/schemas/JobEvent"},
        },
        "retry": {"type": "integer", "description": "Milliseconds to wait before connecting again."},
    },
    "required": ["id", "event", "data"],
}


def document(paths: Mapping[str, Sequence[Operation]], scheme: dict[str, Any] | None, *, server: str) -> dict[str, Any]:
    """All operations by their whole paths.

    Args:
        paths: Path to the operations on it.
        scheme: How it is told who asks; None where that is not asked for.
        server: The path that the application is mounted at.
    """
    schemas = Schemas()
    schemas.of(JobEvent)
    found = {
        path: {each.method.lower(): _operation(each, schemas, has_scheme=scheme is not None) for each in operations}
        for path, operations in paths.items()
    }
    components: dict[str, Any] = {"schemas": dict(sorted(schemas.named.items()))}
    if scheme is not None:
        components["securitySchemes"] = {_SECURITY: scheme}
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "CSV imports",
            "version": csvpipe.__version__,
            "description": "Upload CSV files, follow their import, and get the rejected rows back to mend them.",
        },
        "servers": [{"url": server or "/"}],
        "paths": found,
        "components": components,
    }


def _operation(operation: Operation, schemas: Schemas, *, has_scheme: bool) -> dict[str, Any]:
    parameters = [parameter.document() for parameter in operation.parameters]
    if "{job_id}" in operation.path:
        parameters.insert(0, _JOB_ID)
    is_asked = has_scheme and not operation.is_public
    described: dict[str, Any] = {
        "operationId": operation.name,
        "summary": operation.summary,
        "responses": _responses(operation, schemas, is_asked=is_asked),
    }
    if parameters:
        described["parameters"] = parameters
    if operation.body is not None:
        described["requestBody"] = _form() if operation.body == "form" else _FILE
    if is_asked:
        described["security"] = [{_SECURITY: []}]
    return described


def _responses(operation: Operation, schemas: Schemas, *, is_asked: bool) -> dict[str, Any]:
    success: dict[str, Any] = {"description": operation.summary}
    if operation.answer is not None:
        is_stream = operation.media_type == _STREAM
        schema = _EVENT if is_stream else schemas.of(operation.answer)
        success["content"] = {operation.media_type: {"schema": schema}}
    responses = {str(operation.status): success}
    if operation.media_type == _STREAM:
        responses["204"] = {"description": "The last event has been seen."}
    kinds = {*operation.kinds, Kind.INTERNAL, *((Kind.UNAUTHORIZED,) if is_asked else ())}
    if not operation.is_public:
        kinds.add(Kind.UNAVAILABLE)
    problem = {MEDIA_TYPE: {"schema": schemas.of(Problem)}}
    for status in sorted({kind.status for kind in kinds}):
        titles = sorted(f"{kind.title} (`{kind.word}`)" for kind in kinds if kind.status == status)
        responses[str(status)] = {"description": "; ".join(titles), "content": problem}
    return responses


def _form() -> dict[str, Any]:
    fields = {each.name: {**each.schema, "description": each.description} for each in FORM}
    files = {"type": "array", "items": {"type": "string", "format": "binary"}, "minItems": 1}
    schema = {"type": "object", "properties": {**fields, "files": files}, "required": ["files"]}
    return {"required": True, "description": _UPLOAD, "content": {"multipart/form-data": {"schema": schema}}}
