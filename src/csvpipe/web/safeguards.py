"""Headers of every answer, and requests that another site's page makes a browser send."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from csvpipe.web.problems import Kind, Refusal

#: What jobs are about is nobody else's business, and buffers of proxies would hold events back.
_HEADERS: Final = {"Cache-Control": "no-store", "X-Accel-Buffering": "no", "X-Content-Type-Options": "nosniff"}

_SAFE: Final = ("GET", "HEAD", "OPTIONS")


class Safeguards:
    """Puts the headers on every answer, also on refusals; a slash at the end of a path means nothing."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on, with the headers."""

        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        await self._app({**scope, "path": _plain_path(scope)}, receive, guarded)


def _plain_path(scope: Scope) -> str:
    """Without a slash at the end, unless it is the application's own `/`.

    Some hosts, such as Litestar, end the path of a mounted application with a slash of their own.
    """
    path: str = scope["path"].rstrip("/")
    return f"{path}/" if path in ("", scope.get("root_path", "").rstrip("/")) else path


def check_site(request: Request, origins: Collection[str]) -> None:
    """Refuse what a page of another site makes a browser send along with the cookies of this one.

    Browsers say so themselves (Fetch Metadata); other clients say nothing, and nobody's cookies are in them.

    Raises:
        Refusal: Another site's page asks for a change.
    """
    if request.method in _SAFE or request.headers.get("sec-fetch-site") not in ("cross-site", "same-site"):
        return
    if not {"*", request.headers.get("origin", "")} & set(origins):
        raise Refusal(Kind.CROSS_SITE, "pages of other sites may do this only if allow_origins= names them")
