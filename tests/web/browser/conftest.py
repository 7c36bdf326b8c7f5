"""The page in a real Chromium, which the machine has or not."""

import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import attrs
import httpx
import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright
from starlette.types import ASGIApp
from tests.web.serving import ANA, API, Person, on_asyncio

import csvpipe
from csvpipe.web import bearer, create_app

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome", "chrome"))), None)

expect.set_options(timeout=20_000)


class Steps:
    """Rows of the pipeline `steps` go on one by one, as they are let."""

    def __init__(self) -> None:
        self._allowed = threading.Semaphore(0)

    def __call__(self) -> None:
        """Wait for a turn."""
        assert self._allowed.acquire(timeout=60)

    def let(self, rows: int) -> None:
        """So many rows may go on."""
        self._allowed.release(rows)


@attrs.frozen(kw_only=True)
class House:
    """The application, served, and what its pipelines wait for.

    Attributes:
        url: Of the page.
        steps: Of the pipeline `steps`.
        hurry: Set for the pipeline `steady` to take its time no longer.
        ana: A client of Ana's.
    """

    url: str
    steps: Steps
    hurry: threading.Event
    ana: httpx.Client

    def upload(self, *contents: str, pipeline: str = "people", name: str = "people.csv") -> list[dict[str, Any]]:
        """Submit files of Ana's; their jobs."""
        files = [("files", (name, content.encode())) for content in contents]
        answer = self.ana.post(f"{API}/upload", params={"pipeline": pipeline}, files=files)
        assert 202 == answer.status_code, answer.text
        return [entry["job"] for entry in answer.json()["files"]]

    def ended(self, job: dict[str, Any]) -> dict[str, Any]:
        """The job when its stream has ended."""
        self.ana.get(f"{API}/jobs/{job['id']}/stream").raise_for_status()
        return dict(self.ana.get(f"{API}/jobs/{job['id']}").json())

    @property
    def total(self) -> int:
        """How many jobs Ana has."""
        return int(self.ana.get(f"{API}/jobs").json()["total"])


def pipelines(steps: Steps, hurry: threading.Event) -> list[Any]:
    """Those on offer."""

    @csvpipe.pipeline(name="people")
    def people(person: Person) -> None:
        if person.id < 0:
            raise csvpipe.Reject("must not be negative", column="id", code="negative")

    @csvpipe.pipeline(name="steps")
    def stepwise(row: csvpipe.Row) -> None:
        steps()

    @csvpipe.pipeline(name="steady")
    def steady(row: csvpipe.Row) -> None:
        hurry.wait(0.02)  # as long as what it does would take
        if row.number % 4 == 0:
            raise csvpipe.Reject("every fourth", code="fourth")

    attempts: list[int] = []

    @csvpipe.pipeline(name="flaky")
    def flaky(row: csvpipe.Row) -> None:
        attempts.append(row.number)
        if len(attempts) == 1:
            raise csvpipe.Abort("the register is closed today")

    return [people, stepwise, steady, flaky]


@contextmanager
def housed(spool: Path, wrap: Callable[[ASGIApp], ASGIApp] = lambda app: app, path: str = "") -> Iterator[House]:
    """Serve the application, in another one where `wrap` puts it."""
    steps, hurry = Steps(), threading.Event()
    pool = csvpipe.WorkerPool(pipelines=pipelines(steps, hurry), on_exit="stop", spool_dir=spool, flush_interval=0.05)
    app = create_app(pool, authenticate=bearer({"token-of-ana": "ana", "token-of-bob": "bob"}))
    with ExitStack() as running:
        url = running.enter_context(on_asyncio(wrap(app)))
        running.callback(steps.let, 1_000_000)  # before the pool is left
        running.callback(hurry.set)
        ana = running.enter_context(httpx.Client(base_url=f"{url}{path}", headers=ANA, timeout=30))
        yield House(url=f"{url}{path}/", steps=steps, hurry=hurry, ana=ana)


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    """The application, by itself."""
    with housed(tmp_path / "spool") as house:
        yield house


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """One for all tests of a module: each has a context of its own, which shares nothing."""
    if CHROMIUM is None:
        pytest.skip("there is no Chromium on PATH, such as Debian's package chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM)
        yield browser
        browser.close()


@pytest.fixture
def open_page(browser: Browser) -> Iterator[Callable[..., Page]]:
    """A page of a new context, with its options; nothing in it may go wrong unseen."""
    faults: list[str] = []
    with ExitStack() as opened:

        def make(**options: Any) -> Page:
            context: BrowserContext = browser.new_context(**options)
            opened.callback(context.close)
            page = context.new_page()
            page.on("pageerror", lambda error: faults.append(str(error)))
            page.on("console", lambda said: faults.append(said.text) if is_fault(said.type, said.text) else None)
            return page

        yield make
    assert [] == faults


def is_fault(kind: str, text: str) -> bool:
    """Whether the browser complains of the page, and not of an answer that the page deals with."""
    return kind == "error" and not text.startswith("Failed to load resource")


@pytest.fixture
def signed_in(open_page: Callable[..., Page], house: House) -> Page:
    """The page, with Ana before it."""
    return sign_in(open_page(), house)


def sign_in(page: Page, house: House, place: str = "") -> Page:
    """Ana signs in."""
    page.goto(f"{house.url}{place}")
    page.get_by_label("Token").fill("token-of-ana")
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("button", name="Sign out")).to_be_visible()
    return page


@pytest.fixture
def look() -> Callable[[Page], None]:
    """Have a page look at the server at once, as it does by itself when the network is back."""
    return lambda page: page.evaluate("window.dispatchEvent(new Event('online'))")


@pytest.fixture
def sign() -> Callable[..., Page]:
    """`sign_in`, for pages and houses of a test's own."""
    return sign_in


@pytest.fixture
def house_in() -> Callable[..., Any]:
    """`housed`, for an application around it."""
    return housed
