"""What is said beside the path, in the query or a header."""

from __future__ import annotations

import re
from typing import Any, Final, Literal

import attrs
from starlette.requests import Request

from csvpipe.jobs import JobStatus
from csvpipe.web.problems import Kind, Refusal

_NUMBER: Final = re.compile(r"[0-9]{1,18}")

_TRUE: Final = ("true", "1", "yes", "on")
_FALSE: Final = ("false", "0", "no", "off")


@attrs.frozen(kw_only=True)
class Parameter:
    """One that an operation takes.

    Attributes:
        name: In the query, or of the header.
        description: What it means.
        schema: Of its text, as JSON Schema.
        place: Where it stands.
    """

    name: str
    description: str
    schema: dict[str, Any]
    place: Literal["query", "header"] = "query"

    def text(self, request: Request) -> str | None:
        """What is said; None for nothing, or nothing but an empty text."""
        given = request.query_params if self.place == "query" else request.headers
        return given.get(self.name) or None

    def number(self, request: Request) -> int | None:
        """The number that is said, or its default.

        Raises:
            Refusal: It is no number, or out of range.
        """
        text = self.text(request)
        if text is None:
            return self.schema.get("default")
        least, most = self.schema.get("minimum", 0), self.schema.get("maximum", 10**18)
        if _NUMBER.fullmatch(text) is None or not least <= int(text) <= most:
            raise Refusal(Kind.PARAMETER_INVALID, f"{self.name} must be a whole number from {least:,} to {most:,}")
        return int(text)

    def count(self, request: Request) -> int:
        """`number`, of a parameter that has a default."""
        number = self.number(request)
        assert number is not None, "it has a default"  # noqa: S101
        return number

    def document(self) -> dict[str, Any]:
        """What the OpenAPI document says of it."""
        return {"name": self.name, "in": self.place, "description": self.description, "schema": self.schema}


def flag(name: str, text: str | None) -> bool:
    """What is said as yes or no; no by default.

    Raises:
        Refusal: It is neither.
    """
    word = (text or "false").strip().lower()
    if word not in _TRUE + _FALSE:
        raise Refusal(Kind.PARAMETER_INVALID, f"{name} must be true or false")
    return word in _TRUE


def status_of(request: Request) -> JobStatus | None:
    """The status that jobs are to have.

    Raises:
        Refusal: There is no such status.
    """
    text = STATUS.text(request)
    if text is None:
        return None
    try:
        return JobStatus(text)
    except ValueError:
        raise Refusal(Kind.PARAMETER_INVALID, f"status must be one of {', '.join(JobStatus)}") from None


def _count(default: int, most: int) -> dict[str, Any]:
    return {"type": "integer", "minimum": 1, "maximum": most, "default": default}


PAGE: Final = Parameter(name="page", description="Counted from 1.", schema=_count(1, 1_000_000))
JOBS_LIMIT: Final = Parameter(name="limit", description="Jobs a page.", schema=_count(10, 100))
AFTER_JOB: Final = Parameter(
    name="after",
    description="What `following` of the answer before said; the newest jobs where nothing is said.",
    schema={"type": "string", "maxLength": 100},
)
HISTORY_LIMIT: Final = Parameter(name="limit", description="Jobs in an answer.", schema=_count(100, 1_000))
STATUS: Final = Parameter(
    name="status",
    description="Only jobs with this status.",
    schema={"type": "string", "enum": [status.value for status in JobStatus]},
)
ERRORS_LIMIT: Final = Parameter(
    name="limit",
    description="Errors a page, or a few more where the last row has several.",
    schema=_count(100, 1_000),
)
AFTER_ROW: Final = Parameter(
    name="after",
    description="Number of the last row that was seen.",
    schema={"type": "integer", "minimum": 0, "maximum": 10**12, "default": 0},
)
AFTER_REVISION: Final = Parameter(
    name="after",
    description="The last revision that was seen; the header Last-Event-ID wins over it.",
    schema={"type": "integer", "minimum": 0, "maximum": 10**12},
)
LAST_EVENT_ID: Final = Parameter(
    name="Last-Event-ID",
    description="The last revision that was seen, as a browser says when it connects again.",
    schema={"type": "string"},
    place="header",
)
OPEN_ONLY: Final = Parameter(
    name="open_only",
    description="Whether rows that mended submissions have imported since are left out.",
    schema={"type": "boolean", "default": True},
)
IDEMPOTENCY_KEY: Final = Parameter(
    name="Idempotency-Key",
    description="A repeat of the upload with the same key gives the first one's jobs, file by file.",
    schema={"type": "string", "maxLength": 200},
    place="header",
)
FILENAME: Final = Parameter(
    name="filename", description="Names the file in messages.", schema={"type": "string", "default": "upload.csv"}
)
FILE_SIZE: Final = Parameter(
    name="size",
    description="Bytes that the whole file has, where the body is only its beginning.",
    schema={"type": "integer", "minimum": 0, "maximum": 10**15},
)

_PIPELINE: Final = "The name of the pipeline; may be left out where there is only one."
_PARENT: Final = "The id of the job whose mended rejects file this is."
_ENCODING: Final = "The encoding of the files; detected where it is not stated."
_DRY_RUN: Final = "Rows are parsed, converted and validated, and nothing is written."

PIPELINE: Final = Parameter(name="pipeline", description=_PIPELINE, schema={"type": "string"})
ENCODING: Final = Parameter(name="encoding", description=_ENCODING, schema={"type": "string"})

#: Of an upload: each may be said in the query, which wins, or as a field of the form before the files.
FORM: Final = (
    PIPELINE,
    Parameter(name="parent", description=_PARENT, schema={"type": "string", "format": "uuid"}),
    ENCODING,
    Parameter(name="dry_run", description=_DRY_RUN, schema={"type": "boolean", "default": False}),
)
