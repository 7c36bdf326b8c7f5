"""The web door: an ASGI application above a pool, to run by itself or to mount in another one.

A request's way through it:

    app          which endpoint answers: `create_app` makes Starlette routes of `operations`
    operations   all that may be asked, as one table: the routes and the OpenAPI document are made of it
    parameters   what is said beside the path: checked, with defaults
    owners       who asks; every job belongs to its owner, and to everybody else it does not exist
    door         what endpoints share: the pool, the pipelines on offer, limits
    upload       files in: `parts` cuts the body while it arrives, `filenames` makes names fit to show
    inspecting   a look at a file before it is uploaded
    jobs         questions and verbs; `stream` tells of progress, `rejects` gives the rejects file
    answers      what endpoints answer with, as values; `plain` makes JSON of them, `schemas` says what it looks like
    metrics      what Prometheus is told
    problems     how refusals are said: RFC 9457
    safeguards   headers of every answer, and what browsers must not be made to do
    openapi      the document
    assets       the page for people: files under `page`, which use the operations as any other client
"""

from __future__ import annotations

from importlib.util import find_spec

from csvpipe.errors import MissingExtraError

if any(find_spec(name) is None for name in ("python_multipart", "sse_starlette", "starlette")):
    raise MissingExtraError("csvpipe.web", "web")

from csvpipe.web.app import create_app
from csvpipe.web.limits import UploadLimits
from csvpipe.web.owners import Authenticate, anybody, bearer

__all__ = ["Authenticate", "UploadLimits", "anybody", "bearer", "create_app"]
