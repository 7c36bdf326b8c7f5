"""The application under test, served."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.web.serving import ANA, BOB, SERVERS, Gate, Person, Site, Watch

import csvpipe
from csvpipe.web import bearer, create_app


@pytest.fixture(params=list(SERVERS))
def serve_site(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Callable[..., Site]]:
    """Serve the application: `serve_site(limits=...)`, with what `create_app` takes."""
    gate = Gate()

    @csvpipe.pipeline(name="people")
    def people(person: Person) -> None:
        if person.id < 0:
            raise csvpipe.Reject("must not be negative", column="id", code="negative")

    @csvpipe.pipeline(name="wait")
    def wait(row: csvpipe.Row) -> None:
        gate()

    with ExitStack() as running:

        def served(**options: Any) -> Site:
            pool = csvpipe.WorkerPool(
                pipelines=[people, wait], on_exit="stop", spool_dir=tmp_path / "spool", flush_interval=0.01
            )
            options.setdefault("authenticate", bearer({"token-of-ana": "ana", "token-of-bob": "bob"}))
            watch = Watch(create_app(pool, **options))
            url = running.enter_context(SERVERS[request.param](watch))
            running.callback(gate.opened.set)  # before the pool is left

            def client(headers: dict[str, str]) -> httpx.Client:
                return running.enter_context(httpx.Client(base_url=url, headers=headers, timeout=30))

            return Site(
                url=url,
                spool=tmp_path / "spool",
                gate=gate,
                watch=watch,
                ana=client(ANA),
                bob=client(BOB),
                nobody=client({}),
            )

        yield served


@pytest.fixture
def site(serve_site: Callable[..., Site]) -> Site:
    """The application, served as it is by default."""
    return serve_site()
