"""Metrics at `/metrics`: off unless asked for, for whom they are meant, and of nobody in particular."""

from collections.abc import Callable

import pytest
from tests.web.serving import API, Site

import csvpipe
from csvpipe.web import anybody, create_app


def upload(site: Site, text: str) -> str:
    """Upload a file of `people` and wait for its end; the job's id."""
    answer = site.ana.post(f"{API}/upload", params={"pipeline": "people"}, files={"files": ("secret-name.csv", text)})
    [found] = answer.json()["files"]
    job_id: str = found["job"]["id"]
    assert "completed" in site.ana.get(f"{API}/jobs/{job_id}/stream").text
    return job_id


def test_there_are_none_unless_asked_for(serve_site: Callable[..., Site]) -> None:
    """The path is as unknown as any other."""
    site = serve_site()

    assert 404 == site.nobody.get("/metrics").status_code
    assert "/metrics" not in site.nobody.get(f"{API}/openapi.json").json()["paths"]


def test_metrics_of_what_was_done(serve_site: Callable[..., Site]) -> None:
    """Counted since the start, with no name of a file or an owner, and described in the document."""
    site = serve_site(metrics=True)
    job_id = upload(site, "id,name\n1,ann\n-2,bob\n")

    answer = site.nobody.get("/metrics")

    assert answer.headers["content-type"].startswith("text/plain")
    assert 'csvpipe_rows_total{outcome="processed",pipeline="people"} 1.0' in answer.text
    assert 'csvpipe_row_errors_total{code="negative",pipeline="people"} 1.0' in answer.text
    assert 'csvpipe_jobs{status="completed"} 1.0' in answer.text
    assert not [word for word in ("secret-name", "ana", job_id, "bob") if word in answer.text]
    openmetrics = site.nobody.get("/metrics", headers={"Accept": "application/openmetrics-text; version=1.0.0"})
    assert openmetrics.text.endswith("# EOF\n")
    document = site.nobody.get(f"{API}/openapi.json").json()
    assert "get_metrics" == document["paths"]["/metrics"]["get"]["operationId"]


def test_metrics_for_who_has_the_token(serve_site: Callable[..., Site]) -> None:
    """Others are refused, owners of jobs among them."""
    site = serve_site(metrics="scrape-me")

    statuses = [
        client.get("/metrics", headers=headers).status_code
        for client, headers in (
            (site.nobody, {}),
            (site.ana, {}),
            (site.nobody, {"Authorization": "Basic scrape-me"}),
            (site.nobody, {"Authorization": "Bearer scrape-me"}),
        )
    ]

    assert [401, 401, 401, 200] == statuses


def test_an_empty_token_is_misuse() -> None:
    """It would let everybody in who says nothing."""
    with pytest.raises(ValueError, match="no empty text"):
        create_app(csvpipe.WorkerPool(), authenticate=anybody("ana"), metrics="")


def test_a_pool_is_counted_once() -> None:
    """Whoever starts the application again counts nothing twice."""
    pool = csvpipe.WorkerPool()
    app = create_app(pool, authenticate=anybody("ana"), metrics=True)

    assert app is not None
    assert 1 == len(pool.observers._all)
