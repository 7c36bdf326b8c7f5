"""Questions about jobs, verbs, and whose job is whose."""

from collections.abc import Callable
from uuid import uuid4

import httpx
import pytest
from starlette.requests import Request
from tests.web.serving import Site

import csvpipe
from csvpipe.store import _pages
from csvpipe.web import anybody, create_app
from csvpipe.web.door import PoolSource
from csvpipe.web.operations import OPERATIONS

API = "/api/v1/csv"
PEOPLE = b"id,name\n1,Ana\nx,Bob\n-3,Cleo\n4,Dan\n"


def test_a_job_is_shown(standing: Site) -> None:
    """A job is answered as the record that it is, its progress as what changes of it."""
    job = standing.ended(standing.upload(PEOPLE))

    progress = standing.ana.get(f"{API}/jobs/{job['id']}/progress").json()

    assert ("completed", 2, 2, "ana") == (job["status"], job["processed_rows"], job["failed_rows"], job["owner"])
    assert {name: job[name] for name in progress} == progress
    assert 1.0 == progress["fraction"]


def test_a_dry_run_is_told_from_an_import(standing: Site) -> None:
    """By itself, in the list, and in the events of its stream."""
    tried = standing.ended(standing.upload(b"id,name\n1,Ana\n2,Bob\n", dry_run="true"))
    imported = standing.ended(standing.upload(b"id,name\n1,Ana\n2,Bob\n"))
    listed = standing.ana.get(f"{API}/jobs").json()["jobs"]
    stream = standing.ana.get(f"{API}/jobs/{tried['id']}/stream", params={"after": 1}).text

    assert [(True, 2), (False, 2)] == [(job["dry_run"], job["processed_rows"]) for job in (tried, imported)]
    assert [False, True] == [job["dry_run"] for job in listed[:2]]
    assert '"dry_run": true' in stream


def test_row_errors_come_in_pages(standing: Site) -> None:
    """Row errors are paged by the number of the last row, until there is no next one."""
    job = standing.ended(standing.upload(PEOPLE))

    first = standing.ana.get(f"{API}/jobs/{job['id']}/errors", params={"limit": 1}).json()
    second = standing.ana.get(
        f"{API}/jobs/{job['id']}/errors", params={"limit": 1, "after": first["next_after"]}
    ).json()
    third = standing.ana.get(
        f"{API}/jobs/{job['id']}/errors", params={"limit": 1, "after": second["next_after"]}
    ).json()

    assert [(2, "int")] == [(error["row"], error["code"]) for error in first["errors"]]
    assert [(3, "negative")] == [(error["row"], error["code"]) for error in second["errors"]]
    assert {"errors": [], "next_after": None} == third


def test_errors_are_summed_up(standing: Site) -> None:
    """The summary has exact totals by code and column."""
    job = standing.ended(standing.upload(PEOPLE))

    totals = standing.ana.get(f"{API}/jobs/{job['id']}/errors/summary").json()["totals"]

    assert {("int", "id", 1), ("negative", "id", 1)} == {
        (each["code"], each["column"], each["errors"]) for each in totals
    }


def test_the_inspection_is_shown(standing: Site) -> None:
    """How a file is read is told with its evidence; of a file that was refused there is nothing to tell."""
    job = standing.ended(standing.upload(b"id;name\n1;Ana\n"))
    refused = standing.upload(b"\x00\x01" * 100)

    found = standing.ana.get(f"{API}/jobs/{job['id']}/inspection").json()

    assert (";", ["id", "name"]) == (found["dialect"]["delimiter"], found["columns"])
    assert "dialect" in {finding["what"] for finding in found["findings"]}
    assert standing.ana.get(f"{API}/jobs/{refused['id']}/inspection").json() is None


def test_rejects_are_downloaded_mended_and_submitted_again(standing: Site) -> None:
    """The rejects file names itself after the upload, and is taken with `parent` once it is mended."""
    job = standing.ended(standing.upload(PEOPLE, filename='my "people".csv'))
    answer = standing.ana.get(f"{API}/jobs/{job['id']}/rejects.csv")
    mended = answer.content.replace(b",x,Bob", b",2,Bob").replace(b",-3,", b",3,").replace(b",'-3,", b",3,")

    child = standing.ended(standing.upload(mended, parent=job["id"]))

    assert "text/csv; charset=utf-8" == answer.headers["content-type"]
    expected = "attachment; filename=\"my _people_.rejects.csv\"; filename*=UTF-8''my%20%22people%22.rejects.csv"
    assert expected == answer.headers["content-disposition"]
    assert str(len(answer.content)) == answer.headers["content-length"]
    assert (2, 0, job["id"]) == (child["processed_rows"], child["failed_rows"], child["parent_id"])
    assert 2 == standing.ana.get(f"{API}/jobs/{job['id']}").json()["resolved_rows"]
    open_rows = standing.ana.get(f"{API}/jobs/{job['id']}/rejects.csv").content.splitlines()
    every_row = standing.ana.get(
        f"{API}/jobs/{job['id']}/rejects.csv", params={"open_only": "false"}
    ).content.splitlines()
    assert (1, 3) == (len(open_rows), len(every_row))


def test_a_refused_file_has_no_rejects(standing: Site) -> None:
    """The rejects of a file that could not be read are gone, and the answer names no place of the server's."""
    job = standing.upload(b"\x00\x01" * 100)

    answer = standing.ana.get(f"{API}/jobs/{job['id']}/rejects.csv")

    assert (410, "urn:problem-type:csvpipe:source_gone") == (answer.status_code, answer.json()["type"])
    assert str(standing.spool) not in answer.text


def test_verbs_are_asked(site: Site) -> None:
    """A job is paused, resumed and cancelled; what its status does not allow is a conflict."""
    job = site.upload(b"id,name\n1,Ana\n2,Bob\n", pipeline="wait")
    assert site.gate.reached.wait(30)
    path = f"{API}/jobs/{job['id']}"

    answers = [site.ana.post(f"{path}/{verb}") for verb in ("pause", "cancel")]
    site.gate.opened.set()
    record = site.ended(job)
    refused = [site.ana.post(f"{path}/{verb}") for verb in ("resume", "retry")]

    assert [200, 200] == [answer.status_code for answer in answers]
    assert "cancelled" == record["status"]
    assert [409, 409] == [answer.status_code for answer in refused]
    assert "urn:problem-type:csvpipe:transition" == refused[0].json()["type"]


def test_a_paused_job_goes_on(site: Site) -> None:
    """A job that is paused stops at the next row, and when it is resumed no row is missing."""
    job = site.upload(b"id,name\n1,Ana\n2,Bob\n", pipeline="wait")
    assert site.gate.reached.wait(30)
    path = f"{API}/jobs/{job['id']}"

    site.ana.post(f"{path}/pause").raise_for_status()
    site.gate.opened.set()
    with site.ana.stream("GET", f"{path}/stream") as stream:
        assert "event: paused" in stream.iter_lines()
    again = [site.ana.post(f"{path}/{verb}").json()["status"] for verb in ("pause", "resume")]
    record = site.ended(job)

    assert ["paused", "pending"] == again
    assert ("completed", 2) == (record["status"], record["processed_rows"])


def test_a_failed_job_is_tried_again(site: Site) -> None:
    """A job that has failed goes on when it is retried, and its stream with it."""
    job = site.ended(site.upload(b"id,name\n1,Ana\n", pipeline="flaky"))

    asked = site.ana.post(f"{API}/jobs/{job['id']}/retry").json()
    record = site.ended(job)

    assert ("failed", "aborted", "pending") == (job["status"], job["error_code"], asked["status"])
    assert ("completed", 1, 2) == (record["status"], record["processed_rows"], record["attempt"])


def test_a_job_is_deleted(standing: Site) -> None:
    """A job that has ended is removed; then it is not there."""
    job = standing.ended(standing.upload(PEOPLE))

    first, second = (standing.ana.delete(f"{API}/jobs/{job['id']}") for _ in range(2))

    assert (204, b"", 404) == (first.status_code, first.content, second.status_code)


def test_jobs_are_listed_in_pages(site: Site) -> None:
    """The list has an owner's jobs, newest first, by status if it is asked for."""
    ended = [site.ended(site.upload(PEOPLE, filename=f"{number}.csv")) for number in range(3)]
    site.upload(b"\x00\x01" * 100, filename="failed.csv")

    page = site.ana.get(f"{API}/jobs", params={"page": 2, "limit": 2}).json()
    completed = site.ana.get(f"{API}/jobs", params={"status": "completed"}).json()

    assert (2, 2, 4, 2) == (page["page"], page["limit"], page["total"], page["pages"])
    assert ["1.csv", "0.csv"] == [job["filename"] for job in page["jobs"]]
    assert [job["id"] for job in reversed(ended)] == [job["id"] for job in completed["jobs"]]
    assert [] == site.bob.get(f"{API}/jobs").json()["jobs"]


@pytest.mark.parametrize("query", ["page=0", "page=x", "limit=101", "limit=-1", "status=done", "page=1_0", "page=²"])
def test_parameters_are_checked(standing: Site, query: str) -> None:
    """A parameter that makes no sense is refused with its name."""
    answer = standing.ana.get(f"{API}/jobs?{query}")

    assert (422, "application/problem+json") == (answer.status_code, answer.headers["content-type"])
    assert answer.json()["detail"].startswith(query.partition("=")[0])


def test_a_total_may_be_a_lower_bound(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """The answer says so."""
    monkeypatch.setattr(_pages, "COUNTED_JOBS", 2)
    for _ in range(4):
        site.upload(b"")

    first, last = (site.ana.get(f"{API}/jobs", params={"page": page, "limit": 2}).json() for page in (1, 2))

    assert (3, 2, False) == (first["total"], first["pages"], first["is_total_exact"])
    assert (4, 2, True) == (last["total"], last["pages"], last["is_total_exact"])


def test_the_history_is_read_on_and_on(site: Site) -> None:
    """Newest first, each job once, and nobody else's; a status may be asked for."""
    ids = [site.upload(b"")["id"] for _ in range(5)]
    met, after = [], None
    for _ in range(3):
        found = site.ana.get(f"{API}/history", params={"limit": 2, **({"after": after} if after else {})}).json()
        met.append([job["id"] for job in found["jobs"]])
        after = found["following"]

    assert ([ids[:2:-1], ids[2:0:-1], ids[:1]], None) == (met, after)
    assert {"jobs": [], "following": None} == site.bob.get(f"{API}/history").json()
    assert {"jobs": [], "following": None} == site.ana.get(f"{API}/history", params={"status": "paused"}).json()


@pytest.mark.parametrize("query", ["after=yesterday", "after=1.1%00", "limit=0", "limit=1001", "status=done"])
def test_a_history_that_cannot_be_read(standing: Site, query: str) -> None:
    """What is said wrongly is named."""
    answer = standing.ana.get(f"{API}/history?{query}")

    assert (422, "application/problem+json") == (answer.status_code, answer.headers["content-type"])
    assert answer.json()["detail"].startswith(query.partition("=")[0])


def test_pipelines_are_listed(standing: Site) -> None:
    """The pipelines on offer are told with the columns that they need."""
    people, wait, _ = standing.ana.get(f"{API}/pipelines").json()["pipelines"]

    assert {"name": "wait", "columns": None} == wait
    assert [("id", True), ("name", True)] == [(each["name"], each["is_required"]) for each in people["columns"]]


def test_another_owners_job_is_not_there(site: Site) -> None:
    """On every route another's job is answered like one that never was, and the list is empty."""
    job = site.ended(site.upload(PEOPLE))
    routes = [(each.method, f"{API}{each.path}") for each in OPERATIONS if "{job_id}" in each.path]

    for method, path in routes:
        real, made_up = (site.bob.request(method, path.format(job_id=each)) for each in (job["id"], uuid4()))
        assert (404, 404) == (real.status_code, made_up.status_code), path
        assert real.json()["title"] == made_up.json()["title"]
    as_parent = site.bob.post(
        f"{API}/upload", params={"pipeline": "people", "parent": job["id"]}, files={"files": ("a.csv", PEOPLE)}
    )
    assert 404 == as_parent.status_code
    assert len(routes) > 10
    assert "completed" == site.ana.get(f"{API}/jobs/{job['id']}").json()["status"]


def test_nobody_is_refused(standing: Site) -> None:
    """Without a token, or with a wrong one, nothing is answered but signs of life and the OpenAPI document."""
    for operation in OPERATIONS:
        path = f"{API}{operation.path}".format(job_id=uuid4())
        for headers in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": "Basic token-of-ana"}):
            answer = standing.nobody.request(operation.method, path, headers=headers)
            assert (401, "Bearer") == (answer.status_code, answer.headers["www-authenticate"]), path
    assert [200, 200, 200] == [
        standing.nobody.get(path).status_code for path in ("/health", "/ready", f"{API}/openapi.json")
    ]


@pytest.mark.parametrize("owner", [None, ""])
def test_the_applications_own_authentication_is_asked(serve_site: Callable[..., Site], owner: str | None) -> None:
    """A plain function or a coroutine function says whose a request is; no owner, or an empty one, is refused."""

    def in_a_thread(request: Request) -> str | None:
        return request.headers.get("x-user") or owner

    site = serve_site(authenticate=in_a_thread)

    assert 401 == site.nobody.get(f"{API}/jobs").status_code
    assert 200 == site.nobody.get(f"{API}/jobs", headers={"X-User": "cleo"}).status_code


def test_what_is_not_there_is_a_problem(standing: Site) -> None:
    """An unknown path is a 404, a method that a path does not have a 405 that names those it has."""
    unknown = standing.ana.get(f"{API}/nothing")
    refused = standing.ana.put(f"{API}/jobs/{uuid4()}")
    malformed = standing.ana.get(f"{API}/jobs/..%2F..%2Fetc%2Fpasswd")

    assert [404, 405, 404] == [each.status_code for each in (unknown, refused, malformed)]
    assert 200 == standing.ana.get(f"{API}/jobs/").status_code
    assert {"DELETE", "GET", "HEAD"} == set(refused.headers["allow"].split(", "))
    for answer in (unknown, refused, malformed):
        assert "application/problem+json" == answer.headers["content-type"]
        assert {"type", "title", "status", "detail"} == set(answer.json())


def test_every_answer_has_its_headers(standing: Site) -> None:
    """Answers are not stored, not held back and not taken for anything else."""
    for path in ("/health", f"{API}/jobs", "/nothing", f"{API}/openapi.json"):
        headers = standing.ana.get(path).headers
        assert ("no-store", "no", "nosniff") == (
            headers["cache-control"],
            headers["x-accel-buffering"],
            headers["x-content-type-options"],
        )


def test_other_sites_are_kept_out_unless_they_are_named(serve_site: Callable[..., Site]) -> None:
    """A page of another site may neither read answers nor have a browser send changes, unless its origin is named."""
    site = serve_site(allow_origins=["https://app.example"])
    ours, theirs = (
        {"Origin": origin, "Sec-Fetch-Site": "cross-site"} for origin in ("https://app.example", "https://evil.example")
    )
    path = f"{API}/jobs/{uuid4()}/pause"

    assert 404 == site.ana.post(path, headers=ours).status_code
    assert 403 == site.ana.post(path, headers=theirs).status_code
    assert "https://app.example" == site.ana.get(f"{API}/jobs", headers=ours).headers["access-control-allow-origin"]
    assert "access-control-allow-origin" not in site.ana.get(f"{API}/jobs", headers=theirs).headers


@pytest.mark.anyio
async def test_only_what_is_on_offer_is_taken() -> None:
    """A door may offer some of the pool's pipelines; which it has is looked at when a factory has made the pool."""

    @csvpipe.pipeline
    def people(row: csvpipe.Row) -> None:
        """Takes any rows."""

    @csvpipe.pipeline
    def orders(row: csvpipe.Row) -> None:
        """Takes any rows."""

    def make() -> csvpipe.WorkerPool:
        return csvpipe.WorkerPool(pipelines=[people, orders], on_exit="stop")

    app = create_app(make, [people], authenticate=anybody("ana"))
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as client,
    ):
        file = {"files": ("a.csv", b"id\n1\n")}
        taken = await client.post(f"{API}/upload", files=file)
        refused = await client.post(f"{API}/upload", params={"pipeline": "orders"}, files=file)
        offered = (await client.get(f"{API}/pipelines")).json()["pipelines"]

    assert ("people", 422) == (taken.json()["files"][0]["job"]["pipeline"], refused.status_code)
    assert ["people"] == [each["name"] for each in offered]
    wrong = create_app(make, ["nothing"], authenticate=anybody("ana"))
    with pytest.raises(csvpipe.PipelineNotFoundError):
        async with wrong.router.lifespan_context(wrong):
            pass


def test_misuse_is_refused_at_once() -> None:
    """A pipeline that the pool does not have, a prefix without a slash, and no authentication are told at the start."""
    pool = csvpipe.WorkerPool()

    with pytest.raises(csvpipe.PipelineNotFoundError):
        create_app(pool, ["people"], authenticate=anybody("ana"))
    with pytest.raises(ValueError, match="must begin with a slash"):
        create_app(pool, authenticate=anybody("ana"), prefix="api")
    with pytest.raises(TypeError, match="authenticate"):
        create_app(pool, authenticate=None)  # type: ignore[arg-type]


@pytest.mark.anyio
@pytest.mark.parametrize("pool", [csvpipe.WorkerPool, csvpipe.WorkerPool()])
async def test_a_pool_that_is_not_open_is_unavailable(pool: PoolSource) -> None:
    """Without lifespan events no pool is open: it is told that the server is not ready, and when to ask again."""
    app = create_app(pool, authenticate=anybody("ana"))

    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as client:
        answers = [await client.get(path) for path in ("/ready", f"{API}/jobs", "/health")]

    assert [503, 503, 200] == [answer.status_code for answer in answers]
    assert "5" == answers[0].headers["retry-after"]


@pytest.mark.anyio
async def test_a_defect_is_told_without_its_details(caplog: pytest.LogCaptureFixture) -> None:
    """What the application's own code raises is logged, and the client is told nothing of it."""

    def broken(request: Request) -> str:
        raise RuntimeError("the password is swordfish")

    app = create_app(csvpipe.WorkerPool(), authenticate=broken)

    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as client:
        answer = await client.get(f"{API}/jobs")

    assert (500, "urn:problem-type:csvpipe:internal") == (answer.status_code, answer.json()["type"])
    assert "swordfish" not in answer.text
    assert "swordfish" in caplog.text
