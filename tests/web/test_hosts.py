"""The door as a part of other applications: the examples of the documentation, as they are started."""

import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest
from starlette.applications import Starlette
from starlette.routing import Mount

import csvpipe
from csvpipe.web import anybody, create_app

EXAMPLES = Path(__file__).parents[2] / "docs" / "examples"
API = "/imports/api/v1/csv"
ANA, BOB = {"Authorization": "Bearer token-of-ana"}, {"Authorization": "Bearer token-of-bob"}


@pytest.fixture
def start() -> Iterator[Callable[[str], str]]:
    """Start an example with uvicorn on a free port; where it is."""
    started: list[subprocess.Popen[str]] = []

    def run(target: str) -> str:
        program = [sys.executable, "-m", "uvicorn", target, "--port", "0"]
        process = subprocess.Popen(program, cwd=EXAMPLES, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True)
        started.append(process)
        assert process.stderr is not None
        said = ""
        for line in process.stderr:
            said += line
            if found := re.search(r"running on (http://[\d.]+:\d+)", line):
                return found[1]
        raise AssertionError(said)

    yield run
    for process in started:
        process.terminate()
        process.communicate()


def check(ana: httpx.Client, bob: httpx.Client) -> None:
    """Ana's file is imported and its progress told; Bob sees nothing of it, and the host is still there."""
    with (EXAMPLES / "people.csv").open("rb") as file:
        answer = ana.post(f"{API}/upload", files={"files": ("people.csv", file)})
    assert 202 == answer.status_code, answer.text
    job = answer.json()["files"][0]["job"]
    stream = ana.get(f"{API}/jobs/{job['id']}/stream")
    rejects = ana.get(f"{API}/jobs/{job['id']}/rejects.csv")

    assert "event: completed" in stream.text
    assert 4 == len(rejects.text.splitlines())
    assert 404 == bob.get(f"{API}/jobs/{job['id']}/stream").status_code
    assert 0 == bob.get(f"{API}/jobs").json()["total"]
    assert "/imports" == ana.get(f"{API}/openapi.json").json()["servers"][0]["url"]
    assert 'content="./api/v1/csv/"' in ana.get("/imports/").text
    assert 200 == ana.get("/imports/page/main.js").status_code
    assert 404 == ana.get("/nothing").status_code


@pytest.mark.parametrize("target", ["fastapi_app:app", "litestar_app:app"])
def test_it_is_mounted(start: Callable[[str], str], target: str) -> None:
    """The host enters the pool in its own lifespan, and has pages of its own beside the door's."""
    url = start(target)

    with httpx.Client(base_url=url, headers=ANA) as ana, httpx.Client(base_url=url, headers=BOB) as bob:
        check(ana, bob)
        assert "running_jobs" in ana.get("/").json()


def test_it_stands_beside_django(start: Callable[[str], str]) -> None:
    """Users who have logged in at the site are owners; others are refused."""
    url = start("django_site:application")

    with httpx.Client(base_url=url) as ana, httpx.Client(base_url=url) as bob:
        assert 401 == ana.get(f"{API}/jobs").status_code
        for client, name in ((ana, "ana"), (bob, "bob")):
            client.get(f"/login/{name}").raise_for_status()
        check(ana, bob)


@pytest.mark.anyio
async def test_it_is_mounted_in_starlette() -> None:
    """On either event loop the host's lifespan enters the pool, and the door leaves it alone."""

    @csvpipe.pipeline
    def people(row: csvpipe.Row) -> None:
        """Takes any rows."""

    pool = csvpipe.WorkerPool(pipelines=[people], on_exit="stop")

    @asynccontextmanager
    async def lifespan(_app: Starlette):  # type: ignore[no-untyped-def]  # noqa: ANN202
        async with pool:
            yield

    door = create_app(pool, authenticate=anybody("ana"))
    host = Starlette(routes=[Mount("/imports", door)], lifespan=lifespan)
    async with (
        host.router.lifespan_context(host),
        door.router.lifespan_context(door),
        httpx.AsyncClient(transport=httpx.ASGITransport(host), base_url="http://test") as client,
    ):
        answer = await client.post(f"{API}/upload", files={"files": ("a.csv", b"id\n1\n")})
        record = await (await pool.job(answer.json()["files"][0]["job"]["id"])).wait()

    assert (202, 1) == (answer.status_code, record.processed_rows)
