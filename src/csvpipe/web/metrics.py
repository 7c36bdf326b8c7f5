"""Metrics at `/metrics`, where Prometheus looks for them; off unless they are asked for."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from anyio import to_thread
from starlette.responses import Response

from csvpipe.pool import WorkerPool
from csvpipe.web.door import Call
from csvpipe.web.operations import Operation
from csvpipe.web.owners import bearer
from csvpipe.web.problems import Kind, Refusal

if TYPE_CHECKING:
    from csvpipe.prometheus import PrometheusObserver

_PATH: Final = "/metrics"


def watcher(metrics: bool | str) -> PrometheusObserver | None:  # noqa: FBT001  # as in `create_app`
    """What counts, if anything is to be counted.

    Raises:
        MissingExtraError: The extra `prometheus` is not installed.
        ValueError: The token is empty.
    """
    if metrics is False:
        return None
    if not metrics:
        raise ValueError("metrics= takes a token that is no empty text, or True for whoever reaches the server")
    from csvpipe.prometheus import PrometheusObserver  # noqa: PLC0415  # its extra is needed for this alone

    return PrometheusObserver()


def attach(observer: PrometheusObserver | None) -> Callable[[WorkerPool], object]:
    """What has a pool counted."""

    def use(pool: WorkerPool) -> None:
        if observer is not None and observer not in pool.observers:
            pool.observers.add(observer)
            observer.watch(pool.store)

    return use


def metrics_operation(observer: PrometheusObserver, token: str | None) -> Operation:
    """The one that gives them.

    Args:
        observer: Of the pool.
        token: Who comes with it may have them; None for everybody.
    """
    reader = None if token is None else bearer({token: "metrics"})

    async def answer(call: Call) -> Response:
        if reader is not None and await reader(call.request) is None:
            raise Refusal(Kind.UNAUTHORIZED, "metrics are given to who comes with their Bearer token")
        accept = call.request.headers.get("accept", "")
        body, media_type = await to_thread.run_sync(observer.answer, accept)
        return Response(body, headers={"Content-Type": media_type, "Cache-Control": "no-store"})

    return Operation(
        name="get_metrics",
        method="GET",
        path=_PATH,
        endpoint=answer,
        summary="Metrics for Prometheus: of all jobs together, and of none.",
        answer=str,
        media_type="text/plain",
        kinds=() if token is None else (Kind.UNAUTHORIZED,),
        is_public=True,
    )
