"""Who asks: the application says, by a callable of its own or one of these."""

from __future__ import annotations

import hashlib
import hmac
import inspect
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final, TypeAlias, cast

from anyio import to_thread
from starlette.requests import Request

from csvpipe.web.problems import Kind, Refusal

#: Given the request, says whose it is; None refuses it. A plain function is called in a thread, as it may ask a
#: database.
Authenticate: TypeAlias = Callable[[Request], str | None] | Callable[[Request], Awaitable[str | None]]

_SCHEME: Final[dict[str, Any]] = {"type": "http", "scheme": "bearer"}


class bearer:  # noqa: N801  # reads as a verb: authenticate=bearer({...})
    """Owners by the token in the header `Authorization: Bearer TOKEN`, compared in constant time.

    Args:
        tokens: Token to owner; several tokens may be one owner's.

    Raises:
        ValueError: There is no token, or a token or an owner is empty.

    Example:
        >>> from csvpipe.web import bearer
        >>> authenticate = bearer({"a-long-random-text": "ana"})
    """

    security_scheme = _SCHEME

    def __init__(self, tokens: Mapping[str, str]) -> None:
        if not tokens or not all(token.strip() and owner for token, owner in tokens.items()):
            raise ValueError("bearer() needs at least one token, and each of them an owner: bearer({token: owner})")
        self._owners = [(_digest(token.encode()), owner) for token, owner in tokens.items()]

    def __repr__(self) -> str:
        return f"<bearer: {len(self._owners)} tokens>"

    async def __call__(self, request: Request) -> str | None:
        """The owner of the token, or None."""
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer":
            return None
        given = _digest(token.strip().encode("latin-1"))
        found: str | None = None
        for digest, owner in self._owners:  # all of them: how long it takes tells nothing
            if hmac.compare_digest(digest, given):
                found = owner
        return found


def _digest(token: bytes) -> bytes:
    return hashlib.sha256(token).digest()


class anybody:  # noqa: N801  # as above
    """Everybody who can reach the server is one and the same owner: for a machine of one's own, or behind a proxy.

    Args:
        owner: Of all the jobs.

    Raises:
        ValueError: It is empty.
    """

    security_scheme: dict[str, Any] | None = None

    def __init__(self, owner: str) -> None:
        if not owner:
            raise ValueError('anybody() needs a name for the owner of all jobs: anybody("everybody")')
        self._owner = owner

    def __repr__(self) -> str:
        return f"<anybody: {self._owner!r}>"

    async def __call__(self, _request: Request) -> str | None:
        """Always the same."""
        return self._owner


async def owner_of(request: Request, authenticate: Authenticate) -> str:
    """Who asks.

    Raises:
        Refusal: It is not known.
    """
    call = cast("Callable[[Request], Any]", authenticate)
    if inspect.iscoroutinefunction(call) or inspect.iscoroutinefunction(getattr(call, "__call__", None)):  # noqa: B004
        owner = await call(request)
    else:  # what it returns may be a coroutine all the same, which a thread must not hand over bare
        [owner] = await to_thread.run_sync(lambda: [call(request)])
    if inspect.isawaitable(owner):
        owner = await owner
    if not isinstance(owner, str) or not owner:
        raise Refusal(Kind.UNAUTHORIZED, "say who you are, as the application asks for it, such as by a Bearer token")
    return owner


def scheme_of(authenticate: Authenticate) -> dict[str, Any] | None:
    """What the OpenAPI document says about it; None where nothing is asked for."""
    scheme: dict[str, Any] | None = getattr(authenticate, "security_scheme", _SCHEME)
    return scheme
