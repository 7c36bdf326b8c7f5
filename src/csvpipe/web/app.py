"""From a pool to an ASGI application."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from functools import lru_cache
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from csvpipe.errors import CsvPipeError
from csvpipe.pipeline import Pipeline
from csvpipe.web import assets
from csvpipe.web.door import Call, Door, PoolSource, names_of
from csvpipe.web.limits import UploadLimits
from csvpipe.web.metrics import attach, metrics_operation, watcher
from csvpipe.web.openapi import document
from csvpipe.web.operations import OPERATIONS, SIGNS_OF_LIFE, Operation, document_operation
from csvpipe.web.owners import Authenticate, owner_of, scheme_of
from csvpipe.web.plain import answer
from csvpipe.web.problems import Kind, Refusal, on_http_exception, refusal_of, respond
from csvpipe.web.safeguards import Safeguards, check_site

logger = logging.getLogger("csvpipe")


def create_app(
    pool: PoolSource,
    pipelines: Iterable[Pipeline[..., Any] | str] | None = None,
    *,
    authenticate: Authenticate,
    limits: UploadLimits | None = None,
    prefix: str = "/api/v1/csv",
    heartbeat_seconds: float = 15.0,
    allow_origins: Sequence[str] = (),
    page: bool = True,
    metrics: bool | str = False,
) -> Starlette:
    """Make an ASGI application that takes files in over HTTP, tells of their progress, and gives rejects back.

    Run by itself, it enters the pool when it starts and leaves it when it stops. Mounted in an application that has
    entered the pool already, it leaves that to the host; hosts mostly do not pass lifespan events on.

    Args:
        pool: The pool; or a function that makes one, called at each start. For servers a pool with `on_exit="stop"`.
        pipelines: Those of the pool's that files can be submitted to, or their names; None for all.
        authenticate: Given the request, says whose it is, sync or async; None refuses it. `bearer({token: owner})`, or
            `anybody("name")` for no authentication at all. A job belongs to its owner; to others it does not exist.
        limits: See `UploadLimits`; by default 100 MiB a file.
        prefix: Of all paths but `/health`, `/ready` and the page's.
        heartbeat_seconds: Between two signs of life of a stream.
        allow_origins: Origins of other sites whose pages may use it from a browser (CORS), such as
            `https://app.example.com`; none by default.
        page: Whether there is a page for people at `/`, with its parts under `/page/`. It holds no data and asks for no
            token; what it shows it gets as any other client does.
        metrics: Whether `GET /metrics` gives metrics for Prometheus (extra `prometheus`); a text for who comes with it
            as Bearer token, True for whoever reaches the server. They are of all owners' jobs, and name none of them.

    Raises:
        MissingExtraError: The extra `prometheus` is wanted and not there.
        PipelineNotFoundError: The pool does not have one of the pipelines.
        ValueError: The prefix does not begin with a slash.

    Example:
        >>> import csvpipe
        >>> from csvpipe.web import bearer, create_app
        >>> @csvpipe.pipeline
        ... def greet(row: csvpipe.Row) -> None: ...
        >>> pool = csvpipe.WorkerPool(pipelines=[greet], on_exit="stop")
        >>> app = create_app(pool, authenticate=bearer({"a-long-random-text": "ana"}))
    """
    prefix = prefix.rstrip("/")
    if prefix and not prefix.startswith("/"):
        raise ValueError(f"prefix={prefix!r} must begin with a slash")
    if not callable(authenticate):
        raise TypeError("authenticate= says whose a request is: bearer({token: owner}), or a function of your own")
    observer = watcher(metrics)
    door = Door(
        source=pool,
        offered=names_of(pipelines),
        authenticate=authenticate,
        limits=limits or UploadLimits(),
        heartbeat_seconds=heartbeat_seconds,
        origins=tuple(allow_origins),
        on_pool=attach(observer),
    )

    @lru_cache(maxsize=4)
    def described(mounted_at: str) -> dict[str, Any]:
        return document(paths, scheme_of(authenticate), server=mounted_at)

    async def openapi(call: Call) -> Response:
        return answer(described(str(call.request.scope.get("root_path", ""))))

    paths: dict[str, list[Operation]] = {}
    for operation in (*OPERATIONS, document_operation(openapi)):
        paths.setdefault(f"{prefix}{operation.path}", []).append(operation)
    for operation in SIGNS_OF_LIFE:
        paths.setdefault(operation.path, []).append(operation)
    if observer is not None:
        measured = metrics_operation(observer, None if metrics is True else str(metrics))
        paths[measured.path] = [measured]

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        async with door.opened():
            yield

    app = Starlette(
        routes=[
            *(_route(path, operations, door) for path, operations in paths.items()),
            *(assets.routes(prefix) if page else ()),
        ],
        middleware=_middleware(door),
        exception_handlers={HTTPException: on_http_exception},
        lifespan=lifespan,
    )
    app.router.redirect_slashes = False
    return app


def _middleware(door: Door) -> list[Middleware]:
    layers = [Middleware(Safeguards)]
    if door.origins:
        layers.append(
            Middleware(
                CORSMiddleware,
                allow_origins=door.origins,
                allow_methods=["GET", "POST", "DELETE"],
                allow_headers=["Authorization", "Content-Type", "Idempotency-Key", "Last-Event-ID"],
                expose_headers=["Content-Disposition"],
            )
        )
    return layers


def _route(path: str, operations: list[Operation], door: Door) -> Route:
    """One path; the methods that it does not have are refused with a list of those it has."""
    by_method: dict[str, Operation] = {operation.method: operation for operation in operations}

    async def endpoint(request: Request) -> Response:
        method = "GET" if request.method == "HEAD" else request.method
        return await _answered(request, by_method[method], door)

    return Route(path, endpoint, methods=list(by_method))


async def _answered(request: Request, operation: Operation, door: Door) -> Response:
    try:
        check_site(request, door.origins)
        owner = "" if operation.is_public else await owner_of(request, door.authenticate)
        return await operation.endpoint(Call(request=request, door=door, owner=owner))
    except Refusal as refusal:
        refusal.is_last = refusal.is_last or operation.body is not None  # nobody is going to read the rest of the body
        return respond(refusal, request)
    except CsvPipeError as error:
        return respond(refusal_of(error), request)
    except ClientDisconnect:
        return Response(status_code=400)  # nobody is there to read it
    except HTTPException:  # the application's, raised in `authenticate`
        raise
    except Exception:
        known = {"job_id": request.path_params["job_id"]} if "job_id" in request.path_params else None
        logger.exception("%s %s failed", request.method, operation.path, extra=known)
        return respond(Refusal(Kind.INTERNAL, "the server's log has the reason", is_last=True), request)
