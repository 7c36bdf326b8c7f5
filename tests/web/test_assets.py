"""The page as it is served: its files, their headers, and what they may not hold."""

import re
from pathlib import Path

import httpx
import pytest
from starlette.applications import Starlette
from starlette.routing import Mount
from tests.web.serving import Site

import csvpipe
from csvpipe.web import anybody, create_app

FOLDER = Path(csvpipe.__file__).parent / "web" / "page"

FILES = sorted(path.name for path in FOLDER.iterdir() if path.name != "index.html")

TYPES = {".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".svg": "image/svg+xml"}


def test_the_page_needs_no_token(standing: Site) -> None:
    """It holds nothing of anybody's, and says where its questions go."""
    answer = standing.nobody.get("/")

    assert (200, "text/html; charset=utf-8") == (answer.status_code, answer.headers["content-type"])
    assert '<meta name="csvpipe-api" content="./api/v1/csv/">' in answer.text
    assert {f"page/{name}" for name in ("main.js", "page.css", "parts.css", "icon.svg")} <= set(
        re.findall(r'(?:src|href)="(page/[^"]+)"', answer.text)
    )


@pytest.mark.parametrize("name", FILES)
def test_each_part_is_served(standing: Site, name: str) -> None:
    """With its type, and again only when it has changed."""
    answer = standing.nobody.get(f"/page/{name}")
    again = standing.nobody.get(f"/page/{name}", headers={"If-None-Match": f'"other", W/{answer.headers["etag"]}'})

    assert (FOLDER / name).read_bytes() == answer.content
    assert TYPES[Path(name).suffix] == answer.headers["content-type"]
    assert (304, b"") == (again.status_code, again.content)
    assert answer.headers["etag"] == again.headers["etag"]


@pytest.mark.parametrize("path", ["/", "/page/main.js"])
def test_browsers_are_held_to_it(standing: Site, path: str) -> None:
    """Nothing but its own parts is loaded or run, on whichever answer."""
    headers = standing.nobody.get(path).headers
    policy = dict(each.split(" ", 1) for each in headers["content-security-policy"].split("; "))

    assert "'none'" == policy["default-src"] == policy["base-uri"] == policy["form-action"]
    assert {"'self'"} == {policy[name] for name in ("script-src", "style-src", "img-src", "connect-src")}
    assert ("nosniff", "no-referrer") == (headers["x-content-type-options"], headers["referrer-policy"])
    assert "no-cache" == headers["cache-control"]


@pytest.mark.parametrize("name", ["index.html", "nothing.js", "..%2fassets.py", "..%2f..%2f__init__.py", "__init__.py"])
def test_nothing_else_is_served(standing: Site, name: str) -> None:
    """Names are looked up, no path is made of them."""
    assert 404 == standing.nobody.get(f"/page/{name}").status_code


def test_it_is_only_read(standing: Site) -> None:
    """HEAD is answered, and nothing is taken."""
    assert (200, b"") == ((answer := standing.nobody.head("/")).status_code, answer.content)
    assert 405 == standing.nobody.post("/").status_code


@pytest.mark.parametrize("name", [*FILES, "index.html"])
def test_its_files_are_fit_for_the_house(name: str) -> None:
    """None is long, calls for another server, or has markup, styles or scripts where texts of strangers could get."""
    text = (FOLDER / name).read_text("utf-8")

    assert len(text.splitlines()) <= 400
    assert [] == re.findall(r"\bhttps?://(?!www\.w3\.org/2000/svg)\S+", text)
    assert [] == re.findall(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|DOMParser", text)
    assert [] == re.findall(r"<style|\sstyle=|\son\w+=\"|<script(?! type=\"module\" src=)", text)


async def asked(app: Starlette, *paths: str) -> list[httpx.Response]:
    """What an application answers, whose lifespan nobody runs."""
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as client:
        return [await client.get(path) for path in paths]


@pytest.mark.anyio
async def test_it_may_be_left_out() -> None:
    """`page=False`: the host has a page of its own."""
    app = create_app(csvpipe.WorkerPool, authenticate=anybody("ana"), page=False)

    assert [404, 404] == [answer.status_code for answer in await asked(app, "/", "/page/main.js")]


@pytest.mark.anyio
async def test_it_is_mounted_with_the_application() -> None:
    """Where the slash is missing, behind which the page's relative links begin, the browser is sent to it."""
    door = create_app(csvpipe.WorkerPool, authenticate=anybody("ana"), prefix="/v2")
    host = Starlette(routes=[Mount("/a b/imports", door)])

    page, part = await asked(host, "/a%20b/imports/", "/a%20b/imports/page/main.js")

    assert [200, 200] == [page.status_code, part.status_code]
    assert 'content="./v2/"' in page.text


@pytest.mark.anyio
async def test_the_slash_is_found_where_the_host_leaves_it_out() -> None:
    """Some hosts hand `/imports` on as it is."""
    door = create_app(csvpipe.WorkerPool, authenticate=anybody("ana"), prefix="")

    async def host(scope: object, receive: object, send: object) -> None:
        assert isinstance(scope, dict)
        await door({**scope, "root_path": "/imports"}, receive, send)  # type: ignore[arg-type]

    app: object = host
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as client:  # type: ignore[arg-type]
        missing = await client.get("/imports?q=1")
        there = await client.get("/imports/")

    assert (308, "./imports/") == (missing.status_code, missing.headers["location"])
    assert "http://test/imports/" == str(missing.next_request and missing.next_request.url)
    assert 200 == there.status_code
    assert 'content="./"' in there.text
