"""The application under test, served."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.web.serving import ANA, BOB, SERVERS, Gate, Person, Site, Watch

import csvpipe
from csvpipe.web import bearer, create_app


@contextmanager
def serving(backend: str, spool: Path, **options: Any) -> Iterator[Site]:
    """Serve the application with what `create_app` takes."""
    gate = Gate()

    @csvpipe.pipeline(name="people")
    def people(person: Person) -> None:
        if person.id < 0:
            raise csvpipe.Reject("must not be negative", column="id", code="negative")

    @csvpipe.pipeline(name="wait")
    def wait(row: csvpipe.Row) -> None:
        gate()

    attempts: list[int] = []

    @csvpipe.pipeline(name="flaky")
    def flaky(row: csvpipe.Row) -> None:
        attempts.append(row.number)
        if len(attempts) == 1:
            raise csvpipe.Abort("not today")

    pool = csvpipe.WorkerPool(pipelines=[people, wait, flaky], on_exit="stop", spool_dir=spool, flush_interval=0.01)
    options.setdefault("authenticate", bearer({"token-of-ana": "ana", "token-of-bob": "bob"}))
    watch = Watch(create_app(pool, **options))
    with ExitStack() as running:
        url = running.enter_context(SERVERS[backend](watch))
        running.callback(gate.opened.set)  # before the pool is left

        def client(headers: dict[str, str]) -> httpx.Client:
            return running.enter_context(httpx.Client(base_url=url, headers=headers, timeout=30))

        yield Site(url=url, spool=spool, gate=gate, watch=watch, ana=client(ANA), bob=client(BOB), nobody=client({}))


@pytest.fixture(scope="module", params=list(SERVERS))
def backend(request: pytest.FixtureRequest) -> str:
    """Run each test on both servers."""
    name: str = request.param
    return name


@pytest.fixture
def serve_site(backend: str, tmp_path: Path) -> Iterator[Callable[..., Site]]:
    """Serve the application: `serve_site(limits=...)`, with what `create_app` takes."""
    with ExitStack() as running:
        yield lambda **options: running.enter_context(serving(backend, tmp_path / "spool", **options))


@pytest.fixture
def site(serve_site: Callable[..., Site]) -> Site:
    """The application, served as it is by default."""
    return serve_site()


@pytest.fixture(scope="module")
def standing(backend: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """The same, for tests that do not mind what others have left there."""
    with serving(backend, tmp_path_factory.mktemp("standing") / "spool") as site:
        yield site
