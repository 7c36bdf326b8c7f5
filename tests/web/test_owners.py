"""Who asks, as the application says."""

import subprocess
import sys
from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import pytest
from starlette.exceptions import HTTPException
from starlette.requests import Request

import csvpipe
from csvpipe.web import anybody, bearer, create_app
from csvpipe.web.owners import scheme_of

API = "/api/v1/csv"


async def asked(authenticate: Any, headers: dict[str, str] | None = None, path: str = f"{API}/jobs") -> httpx.Response:
    """What a request is answered."""
    app = create_app(csvpipe.WorkerPool, authenticate=authenticate)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as client,
    ):
        return await client.get(path, headers=headers)


async def in_the_loop(request: Request) -> str | None:
    """Whoever says a name is that one."""
    return request.headers.get("x-user")


def in_a_thread(request: Request) -> str | None:
    """The same, where it may block."""
    return request.headers.get("x-user")


def at_second_hand(request: Request) -> Awaitable[str | None]:
    """The same, by a function that only returns a coroutine."""
    return in_the_loop(request)


class Directory:
    """The same, as an object."""

    async def __call__(self, request: Request) -> str | None:
        """The user who says a name."""
        return request.headers.get("x-user")


@pytest.mark.anyio
@pytest.mark.parametrize("authenticate", [in_the_loop, in_a_thread, at_second_hand, Directory()])
async def test_any_callable_may_say_whose_a_request_is(authenticate: Callable[[Request], Any]) -> None:
    """A function, a coroutine function, or an object that is called."""
    assert 200 == (await asked(authenticate, {"X-User": "ana"})).status_code
    assert 401 == (await asked(authenticate)).status_code


@pytest.mark.anyio
async def test_nothing_but_a_text_is_an_owner() -> None:
    """What is true but no name lets nobody in."""
    answer = await asked(lambda _request: True)

    assert 401 == answer.status_code


@pytest.mark.anyio
@pytest.mark.parametrize(("status", "kind"), [(401, "urn:problem-type:csvpipe:unauthorized"), (418, "about:blank")])
async def test_what_the_application_refuses_is_a_problem(status: int, kind: str) -> None:
    """An HTTPException of Starlette's is answered as it is, as a problem document."""

    def refuse(_request: Request) -> str:
        raise HTTPException(status, "not you", {"X-Reason": "teapot"})

    answer = await asked(refuse)

    assert (status, kind, "not you") == (answer.status_code, answer.json()["type"], answer.json()["detail"])
    assert ("application/problem+json", "teapot") == (answer.headers["content-type"], answer.headers["x-reason"])


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("header", "status"),
    [
        ("Bearer one", 200),
        ("bearer  two ", 200),
        ("Bearer One", 401),
        ("Bearer", 401),
        ("one", 401),
        ("Bearer \xfcber", 401),
    ],
)
async def test_tokens_are_compared_as_a_whole(header: str, status: int) -> None:
    """The scheme's case and spaces around the token do not matter, the token's do."""
    headers: Any = {"Authorization": header.encode("latin-1")}

    assert status == (await asked(bearer({"one": "ana", "two": "ana"}), headers)).status_code


def test_tokens_are_needed() -> None:
    """An empty token, or an empty owner, would let everybody in."""
    for tokens in ({}, {"": "ana"}, {" ": "ana"}, {"token": ""}):
        with pytest.raises(ValueError, match="token"):
            bearer(tokens)
    with pytest.raises(ValueError, match="name"):
        anybody("")
    assert "token" not in repr(bearer({"secret-token": "ana"})).replace("1 tokens", "")
    assert "<anybody: 'ana'>" == repr(anybody("ana"))
    assert scheme_of(anybody("ana")) is None
    assert {"type": "http", "scheme": "bearer"} == scheme_of(in_a_thread) == scheme_of(bearer({"one": "ana"}))


def test_a_missing_extra_is_named() -> None:
    """Without what the extra brings, importing the door says what to install."""
    program = """
import sys
class Nothing:
    def find_spec(self, name, path=None, target=None):
        if name == "starlette":
            raise ImportError
sys.meta_path.insert(0, Nothing())
import importlib.util
importlib.util.find_spec, real = (lambda name: None if name == "starlette" else real(name)), importlib.util.find_spec
import csvpipe
try:
    import csvpipe.web
except csvpipe.MissingExtraError as error:
    print(error)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    assert "csvpipe.web needs the extra 'web': pip install 'csvpipe[web]'\n" == done.stdout
