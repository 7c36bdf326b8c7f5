"""Progress as Server-Sent Events."""

import json
import socket
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest
from tests.web.serving import Site

API = "/api/v1/csv"
PEOPLE = b"id,name\n1,Ana\nx,Bob\n"


def parsed(text: str) -> list[dict[str, str]]:
    """The events of a stream, as a browser reads them; comments are left out."""
    blocks = [dict(line.split(": ", 1) for line in block.splitlines()) for block in text.split("\n\n") if block]
    return [{name: value for name, value in block.items() if name} for block in blocks if set(block) != {""}]


def lines(answer: httpx.Response) -> Iterator[str]:
    """The lines of a stream that is open, as they arrive."""
    assert 200 == answer.status_code
    return answer.iter_lines()


def test_a_job_is_followed_to_its_end(standing: Site) -> None:
    """Events have the revision as their id, the kind as their name, and the job; the last one ends the stream."""
    job = standing.upload(PEOPLE)

    answer = standing.ana.get(f"{API}/jobs/{job['id']}/stream")
    events = parsed(answer.text)
    ids = [int(event["id"]) for event in events]
    last = json.loads(events[-1]["data"])

    assert "text/event-stream; charset=utf-8" == answer.headers["content-type"]
    assert ("no-store", "no", "nosniff") == tuple(
        answer.headers[name] for name in ("cache-control", "x-accel-buffering", "x-content-type-options")
    )
    assert sorted(set(ids)) == ids
    assert ["2000"] == [event["retry"] for event in events if "retry" in event]
    assert ("completed", "completed", 1, 1) == (
        events[-1]["event"],
        last["kind"],
        last["job"]["processed_rows"],
        last["job"]["failed_rows"],
    )


@pytest.mark.parametrize(
    ("seen", "expected"),
    [
        ({"headers": {"Last-Event-ID": "LAST"}}, 204),
        ({"params": {"after": "LAST"}}, 204),
        ({"headers": {"Last-Event-ID": "1"}, "params": {"after": "LAST"}}, 200),
        ({"headers": {"Last-Event-ID": "nonsense"}}, 200),
        ({"params": {"after": "-1"}}, 422),
        ({"params": {"after": "nonsense"}}, 422),
    ],
)
def test_who_connects_again_gets_what_was_missed(standing: Site, seen: dict[str, Any], expected: int) -> None:
    """Whoever has seen the end is told to stop; whoever has not gets it; the browser's header wins over the address."""
    job = standing.ended(standing.upload(PEOPLE))
    given = {
        kind: {name: value.replace("LAST", str(job["revision"])) for name, value in values.items()}
        for kind, values in seen.items()
    }

    answer = standing.ana.get(f"{API}/jobs/{job['id']}/stream", **given)

    assert expected == answer.status_code
    if expected == 200:
        assert [str(job["revision"])] == [event["id"] for event in parsed(answer.text)]


def test_a_stream_shows_that_it_lives(serve_site: Callable[..., Site]) -> None:
    """While nothing happens comments are sent, which keep proxies from closing the connection."""
    site = serve_site(heartbeat_seconds=0.02)
    job = site.upload(b"id,name\n1,Ana\n", pipeline="wait")
    assert site.gate.reached.wait(30)

    with site.ana.stream("GET", f"{API}/jobs/{job['id']}/stream") as answer:
        following = lines(answer)
        assert ": still here" in following
        assert ": still here" in following
        site.gate.opened.set()
        assert "event: completed" in following


def test_a_client_that_leaves_is_let_go(site: Site) -> None:
    """When the connection of a stream ends, so does the request, and the job goes on."""
    job = site.upload(b"id,name\n1,Ana\n", pipeline="wait")
    site.watch.wait_for_end()
    with socket.create_connection(site.address) as leaving:
        path = f"{API}/jobs/{job['id']}/stream"
        leaving.sendall(f"GET {path} HTTP/1.1\r\nHost: test\r\nAuthorization: Bearer token-of-ana\r\n\r\n".encode())
        received = b""
        while b"data: " not in received:
            received += leaving.recv(4096)

    site.watch.wait_for_end()
    site.gate.opened.set()

    assert "completed" == site.ended(job)["status"]


def test_the_head_of_a_stream_is_no_stream(site: Site) -> None:
    """HEAD is answered at once."""
    job = site.upload(b"id,name\n1,Ana\n", pipeline="wait")

    answer = site.ana.head(f"{API}/jobs/{job['id']}/stream")

    assert (200, b"") == (answer.status_code, answer.content)


def test_a_job_that_is_deleted_ends_its_stream(site: Site) -> None:
    """A stream of a job that is deleted while it is paused ends without an event."""
    site.upload(b"id,name\n1,Ana\n", pipeline="wait")
    job = site.upload(b"id,name\n" + b"1,Ana\n" * 3, pipeline="wait")
    site.ana.post(f"{API}/jobs/{job['id']}/pause").raise_for_status()
    site.gate.opened.set()

    with site.ana.stream("GET", f"{API}/jobs/{job['id']}/stream") as answer:
        following = lines(answer)
        assert "event: paused" in following
        site.bob.delete(f"{API}/jobs/{job['id']}", headers=site.ana.headers).raise_for_status()
        assert "event: completed" not in following
