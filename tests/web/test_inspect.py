"""A look at a file that is not uploaded yet."""

import gzip
import socket
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from tests.web.serving import ANA, Site

from csvpipe.web import UploadLimits

API = "/api/v1/csv"
PEOPLE = b"id,name\n1,Ana\nx,Bob\n3,Cleo\n"


def look(site: Site, content: bytes, **query: str | int) -> httpx.Response:
    """What Ana is answered."""
    query.setdefault("pipeline", "people")
    return site.ana.post(f"{API}/inspect", params=query, content=content)


def found(answer: httpx.Response) -> dict[str, Any]:
    """The inspection."""
    assert 200 == answer.status_code, answer.text
    return dict(answer.json())


def word(answer: httpx.Response) -> tuple[int, str]:
    """The status and the word of a problem."""
    return answer.status_code, answer.json()["type"].rpartition(":")[2]


def test_a_file_is_looked_at_and_not_kept(standing: Site) -> None:
    """How it would be read, and what would become of its rows, as `csvpipe.inspect` says it."""
    before = standing.spooled()
    inspection = found(look(standing, PEOPLE))

    assert ("utf-8", ",", ["id", "name"]) == (
        inspection["encoding"],
        inspection["dialect"]["delimiter"],
        inspection["columns"],
    )
    assert (3, 1) == (inspection["trial"]["rows"], inspection["trial"]["rejected"])
    assert [("int", "id", 1)] == [
        (total["code"], total["column"], total["errors"]) for total in inspection["trial"]["totals"]
    ]
    assert before == standing.spooled()
    assert 0 == standing.bob.get(f"{API}/jobs").json()["total"]


def test_the_beginning_is_enough(standing: Site) -> None:
    """A record that is broken off is no fault of the file's; its rows are judged by its whole size."""
    rows = b"".join(b'%d,"a name\nof two lines, %d"\n' % (row, row) for row in range(20_000))
    whole = b"id,name\n" + rows
    inspection = found(look(standing, whole[:100_011], size=len(whole)))

    assert 0 == inspection["trial"]["rejected"] < inspection["trial"]["rows"]
    assert abs(inspection["estimated_rows"] - 20_000) < 2_000


def test_what_is_compressed_is_looked_at_as_well(standing: Site) -> None:
    """As it is, or its beginning."""
    whole = gzip.compress(b"id,name\n" + b"".join(b"%d,name %d\n" % (row, row) for row in range(90_000)))
    inspection = found(look(standing, whole[:50_000], size=len(whole)))

    assert "gzip" == inspection["compression"]
    assert 0 == inspection["trial"]["rejected"] < inspection["trial"]["rows"]


def test_what_is_stated_holds(standing: Site) -> None:
    """The encoding, as for an upload."""
    inspection = found(look(standing, b"id,name\n1,Zo\xeb\n", encoding="latin-1"))

    assert [["1", "Zoë"]] == inspection["sample_rows"]


def test_a_file_that_cannot_be_imported_is_a_problem(standing: Site) -> None:
    """With the code that its job would fail with, and the name that the client gives it."""
    answer = look(standing, b"a,b\n1,2\n", filename="../../orders.csv")

    assert (422, "file_refused") == word(answer)
    assert "columns_missing" == answer.json()["code"]
    assert answer.json()["detail"].startswith("orders.csv: ")


@pytest.mark.parametrize(
    ("query", "refused"),
    [
        ({"pipeline": "nothing"}, (422, "pipeline_not_found")),
        ({"pipeline": ""}, (422, "pipeline_missing")),
        ({"encoding": "utf-99"}, (422, "encoding_unknown")),
        ({"size": "many"}, (422, "parameter_invalid")),
        ({"size": "104857601"}, (413, "file_too_large")),
    ],
)
def test_what_is_asked_is_checked(standing: Site, query: dict[str, str], refused: tuple[int, str]) -> None:
    """Like the parameters of an upload."""
    assert refused == word(look(standing, PEOPLE, **query))


def test_who_asks_is_asked(standing: Site) -> None:
    """It costs the server's time, and messages name what a pipeline wants."""
    assert 401 == standing.nobody.post(f"{API}/inspect", params={"pipeline": "people"}, content=PEOPLE).status_code


def test_no_more_is_taken_than_is_looked_at(standing: Site) -> None:
    """The rest of a large file need not be sent."""
    answer = look(standing, b"id,name\n" + b"1,Ana\n" * 200_000)

    assert (413, "body_too_large") == word(answer)


def test_who_sends_nothing_is_given_up(serve_site: Callable[..., Site]) -> None:
    """As for an upload."""
    site = serve_site(limits=UploadLimits(idle_seconds=0.2))
    with socket.create_connection(site.address, timeout=30) as connection:
        head = f"POST {API}/inspect?pipeline=people HTTP/1.1\r\nHost: test\r\nContent-Length: 10\r\n"
        head += f"Authorization: {ANA['Authorization']}\r\n\r\nid"
        connection.sendall(head.encode())

        assert b" 408 " in connection.recv(65_536).split(b"\r\n")[0]


def test_who_drips_is_given_up(serve_site: Callable[..., Site]) -> None:
    """A byte now and then is no body, either."""
    site = serve_site(limits=UploadLimits(idle_seconds=0.5, bytes_per_second=1_000_000))
    with socket.create_connection(site.address, timeout=30) as connection:
        head = f"POST {API}/inspect?pipeline=people HTTP/1.1\r\nHost: test\r\nContent-Length: 1000\r\n"
        connection.sendall(f"{head}Authorization: {ANA['Authorization']}\r\n\r\n".encode())
        connection.settimeout(0.1)
        answer = b""
        while not answer:
            try:
                answer = connection.recv(65_536)
            except TimeoutError:
                connection.sendall(b"x")

        assert b" 408 " in answer.split(b"\r\n")[0]
        assert b"bytes a second arrived" in answer + connection.recv(65_536)
