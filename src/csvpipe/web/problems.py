"""How refusals are said: problem documents as of RFC 9457, each of a kind that stays the same."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from enum import Enum
from typing import Any, Final

import anyio
import attrs
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from csvpipe.errors import CsvPipeError

logger = logging.getLogger("csvpipe")

MEDIA_TYPE: Final = "application/problem+json"

_URN: Final = "urn:problem-type:csvpipe:"


class Kind(Enum):
    """What may be wrong with a request: a word that stays the same, the status, and a title."""

    BODY_TOO_LARGE = ("body_too_large", 413, "The upload is too large")
    CROSS_SITE = ("cross_site", 403, "Another site's page must not do this")
    ENCODING_UNKNOWN = ("encoding_unknown", 422, "There is no such encoding")
    FILE_REFUSED = ("file_refused", 422, "The file cannot be imported")
    FILE_TOO_LARGE = ("file_too_large", 413, "The file is too large")
    FILES_MISSING = ("files_missing", 422, "There is no file in the upload")
    IDEMPOTENCY_CONFLICT = ("idempotency_conflict", 409, "The idempotency key belongs to another upload")
    INTERNAL = ("internal", 500, "Something is wrong on our side")
    JOB_NOT_FOUND = ("job_not_found", 404, "There is no such job")
    MALFORMED_BODY = ("malformed_body", 400, "The body is no form")
    METHOD_NOT_ALLOWED = ("method_not_allowed", 405, "This cannot be done here")
    NOT_FOUND = ("not_found", 404, "There is nothing here")
    PARAMETER_INVALID = ("parameter_invalid", 422, "A parameter is invalid")
    PARENT_CONFLICT = ("parent_conflict", 409, "The rejects cannot be mended")
    PIPELINE_MISSING = ("pipeline_missing", 422, "The pipeline is not stated")
    PIPELINE_NOT_FOUND = ("pipeline_not_found", 422, "There is no such pipeline")
    SOURCE_GONE = ("source_gone", 410, "The file is gone")
    TOO_MANY_PARTS = ("too_many_parts", 413, "The form has too many parts")
    TOO_SLOW = ("too_slow", 408, "The upload stood still for too long")
    TRANSITION = ("transition", 409, "The job's status does not allow it")
    UNAUTHORIZED = ("unauthorized", 401, "It is not known who asks")
    UNAVAILABLE = ("unavailable", 503, "Not at the moment")
    UNSUPPORTED_MEDIA_TYPE = ("unsupported_media_type", 415, "The body is of a type that is not taken")

    def __init__(self, word: str, status: int, title: str) -> None:
        self.word = word
        self.status = status
        self.title = title

    @property
    def uri(self) -> str:
        """The `type` of a problem document."""
        return f"{_URN}{self.word}"


@attrs.frozen(kw_only=True)
class Problem:
    """Why something was refused.

    Attributes:
        type: A URI that names the kind of problem, and stays the same.
        title: The kind, for people.
        status: Of HTTP.
        detail: What is wrong this time, with the way out.
    """

    type: str
    title: str
    status: int
    detail: str

    @classmethod
    def of(cls, kind: Kind, detail: str) -> Problem:
        """One of a kind."""
        return cls(type=kind.uri, title=kind.title, status=kind.status, detail=detail)


class Refusal(Exception):  # noqa: N818  # no error: what an endpoint says
    """Ends a request with a problem document.

    Args:
        kind: Of the problem.
        detail: See `Problem`.
        more: Further members of the document.
        is_last: Whether the rest of the body is not read: the connection is closed.
    """

    def __init__(
        self, kind: Kind, detail: str, *, more: Mapping[str, object] | None = None, is_last: bool = False
    ) -> None:
        super().__init__(kind, detail)
        self.kind = kind
        self.problem = Problem.of(kind, detail)
        self.more = dict(more or {})
        self.is_last = is_last

    def __str__(self) -> str:
        return self.problem.detail


# By name: an exception counts as what the nearest of its classes says.
_KINDS: Final[dict[str, Kind]] = {
    "EncodingUnknownError": Kind.ENCODING_UNKNOWN,
    "IdempotencyConflictError": Kind.IDEMPOTENCY_CONFLICT,
    "JobNotFoundError": Kind.JOB_NOT_FOUND,
    "ParentError": Kind.PARENT_CONFLICT,
    "PipelineNotFoundError": Kind.PIPELINE_NOT_FOUND,
    "PoolClosedError": Kind.UNAVAILABLE,
    "SourceGoneError": Kind.SOURCE_GONE,
    "StoreUnavailableError": Kind.UNAVAILABLE,
    "TransitionError": Kind.TRANSITION,
}

# What these say may name the server's own places, or other people's pipelines.
_DISCREET: Final = {
    Kind.PIPELINE_NOT_FOUND: "there is no pipeline of this name; GET .../pipelines lists those there are",
    Kind.SOURCE_GONE: "the rejected rows stand in the file as it was uploaded, which is gone or was refused as a whole",
    Kind.UNAVAILABLE: "the server cannot take this on at the moment; try again in a while",
}


def refusal_of(error: CsvPipeError) -> Refusal:
    """What the library raised, as it is said to a client; what no client can bring about is our own fault."""
    for each in type(error).__mro__:
        kind = _KINDS.get(each.__name__)
        if kind is not None:
            return Refusal(kind, _DISCREET.get(kind) or str(error))
    logger.error("a request failed", exc_info=error)
    return Refusal(Kind.INTERNAL, "the server's log has the reason")


def respond(refusal: Refusal, request: Request) -> Response:
    """The answer that a refusal is."""
    headers = {}
    if refusal.kind is Kind.UNAUTHORIZED:
        headers["WWW-Authenticate"] = "Bearer"
    if refusal.kind is Kind.UNAVAILABLE:
        headers["Retry-After"] = "5"
    if refusal.is_last and str(request.scope.get("http_version", "1.1")).startswith("1"):
        headers["Connection"] = "close"
    content: dict[str, Any] = {**attrs.asdict(refusal.problem), **refusal.more}
    made = _Last if refusal.is_last else Response
    return made(json.dumps(content), refusal.kind.status, headers, MEDIA_TYPE)


class _Last(Response):
    """An answer before the request has ended.

    What still arrives is thrown away until the server has hung up: Hypercorn waits for ever until somebody takes it.
    """

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async with anyio.create_task_group() as group:
            group.start_soon(_throw_away, receive)
            await super().__call__(scope, receive, send)
            group.cancel_scope.cancel()


async def _throw_away(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


_BY_STATUS: Final = {404: Kind.NOT_FOUND, 405: Kind.METHOD_NOT_ALLOWED, 401: Kind.UNAUTHORIZED}

_DETAILS: Final = {
    Kind.NOT_FOUND: "check the path; the OpenAPI document lists all of them",
    Kind.METHOD_NOT_ALLOWED: "the header Allow says what can be done with this path",
}


async def on_http_exception(request: Request, error: Exception) -> Response:
    """What Starlette itself, or the application's `authenticate`, refuses."""
    assert isinstance(error, HTTPException)  # noqa: S101  # it is registered for nothing else
    kind = _BY_STATUS.get(error.status_code)
    if kind is None:
        problem = Problem(type="about:blank", title=error.detail, status=error.status_code, detail=error.detail)
        return Response(json.dumps(attrs.asdict(problem)), error.status_code, error.headers, MEDIA_TYPE)
    answer = respond(Refusal(kind, _DETAILS.get(kind, error.detail)), request)
    answer.headers.update(error.headers or {})
    return answer
