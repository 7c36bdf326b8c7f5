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
    """Puts the headers on every answer, also on refusals; a slash at the end of a path means nothing.

    Where the body of a request was not read to its end, the answer ends the connection: servers would go on to read it.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on, with the headers."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        is_whole = scope.get("http_version", "1.1") not in ("1.0", "1.1") or not _has_body(scope)

        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    headers.setdefault(name, value)
                if not is_whole:
                    headers["Connection"] = "close"
            await send(message)

        async def received() -> Message:
            nonlocal is_whole
            message = await receive()
            is_whole = is_whole or (message["type"] == "http.request" and not message.get("more_body", False))
            return message

        await self._app({**scope, "path": _plain_path(scope)}, received, guarded)


def _plain_path(scope: Scope) -> str:
    """Without a slash at the end, unless it is the application's own `/`.

    Some hosts, such as Litestar, end the path of a mounted application with a slash of their own.
    """
    path: str = scope["path"].rstrip("/")
    return f"{path}/" if path in ("", scope.get("root_path", "").rstrip("/")) else path


def _has_body(scope: Scope) -> bool:
    headers = dict(scope["headers"])
    return b"transfer-encoding" in headers or headers.get(b"content-length", b"0") != b"0"


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
