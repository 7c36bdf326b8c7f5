"""The page: files of the package, and the headers that hold a browser to them."""

from __future__ import annotations

import hashlib
import html
from functools import cache
from importlib.resources import files
from typing import Final

import attrs
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from csvpipe.web.problems import Kind, Refusal, respond

#: Under which the page finds its parts, whatever the application is mounted at.
_FOLDER: Final = "page"

_INDEX: Final = "index.html"

#: In the page, where its script is told about the prefix.
_API: Final = "{api}"

_TYPES: Final = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}

#: What is not part of the page is neither loaded nor run, and text that stands in files never becomes markup.
_POLICY: Final = {
    "default-src": "'none'",
    "script-src": "'self'",
    "style-src": "'self'",
    "img-src": "'self'",
    "connect-src": "'self'",
    "form-action": "'none'",
    "base-uri": "'none'",
    "frame-ancestors": "'self'",
    "require-trusted-types-for": "'script'",
}

_HEADERS: Final = {
    "Cache-Control": "no-cache",  # kept, and asked for again: by ETag that costs nothing
    "Content-Security-Policy": "; ".join(f"{name} {value}" for name, value in _POLICY.items()),
    "Cross-Origin-Opener-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
}


@attrs.frozen(kw_only=True)
class Asset:
    """One file of the page, as it is sent.

    Attributes:
        content: Its bytes.
        media_type: By its name.
        tag: Changes with the content.
    """

    content: bytes
    media_type: str
    tag: str

    @classmethod
    def of(cls, name: str, content: bytes) -> Asset:
        """One of a name."""
        digest = hashlib.sha256(content).hexdigest()[:20]
        return cls(content=content, media_type=_TYPES[name[name.rindex(".") :]], tag=f'"{digest}"')


def routes(prefix: str) -> list[Route]:
    """The page at `/`, and its parts.

    Args:
        prefix: Of the operations; without a slash at its end.
    """
    api = f".{prefix}/"

    async def page(request: Request) -> Response:
        if (place := _without_slash(request)) is not None:  # links of the page would lead beside the application
            return Response(status_code=308, headers={"Location": place})
        return _sent(request, _index(api))

    async def part(request: Request) -> Response:
        found = _parts().get(request.path_params["name"])
        if found is None:
            return respond(Refusal(Kind.NOT_FOUND, "the page has no such part"), request)
        return _sent(request, found)

    return [Route("/", page, methods=["GET"]), Route(f"/{_FOLDER}/{{name}}", part, methods=["GET"])]


@cache
def _parts() -> dict[str, Asset]:
    """By name, all but the page itself."""
    folder = files("csvpipe.web") / _FOLDER
    return {
        each.name: Asset.of(each.name, each.read_bytes())
        for each in folder.iterdir()
        if each.name != _INDEX and each.name[each.name.rfind(".") :] in _TYPES
    }


@cache
def _index(api: str) -> Asset:
    text = (files("csvpipe.web") / _FOLDER / _INDEX).read_text("utf-8")
    return Asset.of(_INDEX, text.replace(_API, html.escape(api)).encode())


def _sent(request: Request, asset: Asset) -> Response:
    headers = {**_HEADERS, "ETag": asset.tag}
    known = [tag.strip().removeprefix("W/") for tag in request.headers.get("if-none-match", "").split(",")]
    if asset.tag in known:
        return Response(status_code=304, headers=headers)
    return Response(asset.content, headers=headers, media_type=asset.media_type)


def _without_slash(request: Request) -> str | None:
    """Where the page is, as seen from where it was asked for; None where it was asked for there.

    Hosts that mount the application may take `/imports` for `/imports/`.
    """
    asked: bytes | None = request.scope.get("raw_path")
    path = (asked or b"/").partition(b"?")[0]
    last = path.rpartition(b"/")[2].decode("ascii", errors="ignore")
    return f"./{last}/" if last else None
