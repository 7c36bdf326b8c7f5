"""Files in: what is taken, what is refused alone, and what ends the whole upload."""

import gzip
import json
import socket
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import httpx
import pytest
from tests.web.serving import Site

from csvpipe.web import UploadLimits

API = "/api/v1/csv"
PEOPLE = b"id,name\n1,Ana\n2,Bob\n"
BOUNDARY = "----frontier"


def part(name: str, content: bytes, filename: str | None = None) -> bytes:
    """One part of a form, spelt by hand."""
    shown = "" if filename is None else f'; filename="{filename}"'
    head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"{shown}\r\n\r\n'
    return head.encode() + content + b"\r\n"


END = f"--{BOUNDARY}--\r\n".encode()


def post(site: Site, body: bytes, **query: str) -> httpx.Response:
    """Send a form that is spelt by hand."""
    headers = {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"}
    return site.ana.post(f"{API}/upload", params=query, content=body, headers=headers)


def head(length: int | None, path: str = f"{API}/upload?pipeline=people") -> bytes:
    """The head of an upload of Ana's, for a socket."""
    size = "Transfer-Encoding: chunked" if length is None else f"Content-Length: {length}"
    return (
        f"POST {path} HTTP/1.1\r\nHost: test\r\nAuthorization: Bearer token-of-ana\r\n{size}\r\n"
        f"Content-Type: multipart/form-data; boundary={BOUNDARY}\r\n\r\n"
    ).encode()


def all_of(connection: socket.socket) -> bytes:
    """What the server says until it closes the connection."""
    connection.settimeout(30)
    received = bytearray()
    with suppress(ConnectionResetError):
        while block := connection.recv(65_536):
            received += block
    return bytes(received)


def statuses(answer: httpx.Response) -> list[Any]:
    """Of each file of an upload: the problem's word, or the failed job's code, or None."""
    assert 202 == answer.status_code, answer.text
    entries = answer.json()["files"]
    return [
        entry["problem"]["type"].rpartition(":")[2] if entry["problem"] else entry["job"]["error_code"]
        for entry in entries
    ]


def test_many_files_become_as_many_jobs(site: Site) -> None:
    """Each file of an upload is a job of its own, in the order in which they stand in the form."""
    files = [("files", (f"{number}.csv", b"id,name\n" + b"1,Ana\n" * number)) for number in range(1, 6)]

    answer = site.ana.post(f"{API}/upload", data={"pipeline": "people"}, files=files)
    jobs = [site.ended(entry["job"]) for entry in answer.json()["files"]]

    assert 202 == answer.status_code
    assert [1, 2, 3, 4, 5] == [job["processed_rows"] for job in jobs]
    assert [f"{number}.csv" for number in range(1, 6)] == [job["filename"] for job in jobs]
    assert [] == site.spooled()


@pytest.mark.parametrize("block", [1, 7, 1024])
def test_the_form_may_arrive_in_any_pieces(standing: Site, block: int) -> None:
    """Where the network cuts the body makes no difference."""
    body = part("pipeline", b"people") + part("files", PEOPLE, "a.csv") + part("files", b"", "empty.csv") + END
    headers = {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"}
    pieces = (body[start : start + block] for start in range(0, len(body), block))

    answer = standing.ana.post(f"{API}/upload", content=pieces, headers=headers)

    assert [None, "empty"] == statuses(answer)
    assert 2 == standing.ended(answer.json()["files"][0]["job"])["processed_rows"]


def test_what_is_said_in_the_query_wins(standing: Site) -> None:
    """A field of the form holds for the files after it, unless the query says otherwise."""
    latin = "id,name\n1,Zoë\n".encode("latin-1")
    body = part("pipeline", b"nothing") + part("encoding", b"nothing") + part("files", latin, "a.csv") + END

    answer = post(standing, body, pipeline="people", encoding="latin-1", dry_run="true")

    assert [None] == statuses(answer)
    assert "completed" == standing.ended(answer.json()["files"][0]["job"])["status"]


def test_fields_hold_for_the_files_after_them(standing: Site) -> None:
    """A file that comes before its pipeline is refused alone; fields that nothing follows are told."""
    file = part("files", PEOPLE, "a.csv")
    body = file + part("pipeline", b"people") + file + part("dry_run", b"true") + part("color", b"red") + END

    answer = post(standing, body)

    assert ["pipeline_missing", None] == statuses(answer)
    assert {"color", "dry_run"} == set(answer.json()["ignored"])


MISUSE = [
    ({"pipeline": "nothing"}, "pipeline_not_found"),
    ({"pipeline": "people", "parent": "nothing"}, "job_not_found"),
    ({"pipeline": "people", "dry_run": "perhaps"}, "parameter_invalid"),
]


@pytest.mark.parametrize(("fields", "word"), [*MISUSE, ({"pipeline": "people", "encoding": "x"}, "encoding_unknown")])
def test_misuse_is_told_of_each_file(standing: Site, fields: dict[str, str], word: str) -> None:
    """What is stated wrongly in the form is a problem of each file after it, and nothing is left of them."""
    stated = b"".join(part(name, text.encode()) for name, text in fields.items())
    body = stated + part("files", PEOPLE, "a.csv") * 2 + END
    before, kept = standing.ana.get(f"{API}/jobs").json()["total"], standing.spooled()

    assert [word, word] == statuses(post(standing, body))
    assert set(kept) >= set(standing.spooled())
    assert before == standing.ana.get(f"{API}/jobs").json()["total"]


@pytest.mark.parametrize(("query", "word"), MISUSE)
def test_misuse_in_the_query_is_told_at_once(standing: Site, query: dict[str, str], word: str) -> None:
    """What is stated wrongly of all files is refused before any is sent."""
    answer = post(standing, part("files", PEOPLE, "a.csv") + END, **query)

    assert f"urn:problem-type:csvpipe:{word}" == answer.json()["type"]
    assert answer.is_client_error


def test_files_that_are_no_use_leave_the_others_alone(serve_site: Callable[..., Site]) -> None:
    """A file that is too large has a problem, one that is no CSV a failed job; the others are imported."""
    site = serve_site(limits=UploadLimits(file_bytes=10_000))
    large = b"id,name\n" + b"1,Ana\n" * 50_000
    files = [("large.csv", large), ("a.csv", PEOPLE), ("b.png", b"\x89PNG\r\n\x1a\n" + bytes(500)), ("c.csv", PEOPLE)]
    body = b"".join(part("files", content, name) for name, content in files) + END

    answer = post(site, body, pipeline="people")
    [_, first, _, last] = answer.json()["files"]

    assert ["file_too_large", None, "binary", None] == statuses(answer)
    assert [2, 2] == [site.ended(entry["job"])["processed_rows"] for entry in (first, last)]
    assert 3 == site.ana.get(f"{API}/jobs").json()["total"]
    assert [] == site.spooled()


def test_a_compressed_bomb_fails_alone(site: Site) -> None:
    """A small file that unpacks to much is given up at the cap on its ratio."""
    bomb = gzip.compress(b"1,1\n" * 4_000_000, 1)
    body = part("files", bomb, "bomb.csv.gz") + part("files", PEOPLE, "a.csv") + END

    assert ["too_large", None] == statuses(post(site, body, pipeline="people"))


@pytest.mark.parametrize(("limits", "unpacked"), [({}, 1_000_000), ({"unpacked_bytes": 600_000}, 600_000)])
def test_what_a_file_unpacks_to_is_bounded(
    serve_site: Callable[..., Site], limits: dict[str, int], unpacked: int
) -> None:
    """A compressed file within its ratio may become ten times as large as an upload, or what is stated."""
    site = serve_site(limits=UploadLimits(file_bytes=100_000, **limits))
    row = b"1,Ana\n"
    sizes = (unpacked - 1_000, unpacked + 1_000)
    packed = [gzip.compress((b"id,name\n" + row * (size // len(row)))[:size]) for size in sizes]
    body = b"".join(part("files", content, "a.csv.gz") for content in packed) + END

    assert [None, "too_large"] == statuses(post(site, body, pipeline="people"))


@pytest.mark.parametrize("is_told", [True, False])
def test_a_body_that_is_too_large_ends_the_connection(serve_site: Callable[..., Site], *, is_told: bool) -> None:
    """The server answers and hangs up, before it has read the rest; what was taken before is told."""
    site = serve_site(limits=UploadLimits(body_bytes=200_000))
    body = part("files", PEOPLE, "a.csv") + part("files", b"id,name\n" + b"1,Ana\n" * 60_000, "b.csv") + END
    chunked = b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body)

    with socket.create_connection(site.address) as client:
        client.sendall(head(10**12 if is_told else None))
        with suppress(BrokenPipeError, ConnectionResetError):
            client.sendall(body if is_told else chunked)
        received = all_of(client)

    if received:  # a server that hangs up may reset what it has said
        status, _, answer = received.partition(b"\r\n\r\n")
        assert status.split()[1] == b"413"
        assert b"connection: close" in status.lower()
        files = json.loads(answer).get("files", [])
        assert ([] if is_told else ["a.csv"]) == [entry["filename"] for entry in files]
    site.watch.wait_for_end()
    jobs = site.ana.get(f"{API}/jobs").json()["jobs"]
    assert ([] if is_told else ["completed"]) == [site.ended(job)["status"] for job in jobs]
    assert [] == site.spooled()


def test_ten_thousand_parts_are_too_many(standing: Site) -> None:
    """A form with more parts than anybody needs is given up at the first one over the limit."""
    answer = post(standing, part("files", b"", "") * 10_000 + END, pipeline="people")
    fields = post(standing, part("color", b"red") * 10_000 + END, pipeline="people")

    assert [413, 413] == [answer.status_code, fields.status_code]
    assert {"urn:problem-type:csvpipe:too_many_parts"} == {answer.json()["type"], fields.json()["type"]}


@pytest.mark.parametrize(
    ("body", "status", "word"),
    [
        (b"", 400, "malformed_body"),
        (b"nothing of a form", 400, "malformed_body"),
        (part("files", PEOPLE, "a.csv"), 400, "malformed_body"),
        (part("files", PEOPLE, "a.csv")[:-10], 400, "malformed_body"),
        (END, 422, "files_missing"),
        (part("files", b"", "") + END, 422, "files_missing"),
        (part("pipeline", b"people") + END, 422, "files_missing"),
        (part("pipeline", b"x" * 5_000) + END, 413, "body_too_large"),
        (part("pipeline", b"\xff\xfe") + END, 422, "parameter_invalid"),
        (part("x" * 9_000, PEOPLE, "a.csv") + END, 400, "malformed_body"),
        (b"--" + BOUNDARY.encode() + b"\r\n" + b"X-Header: 1\r\n" * 50 + b"\r\n\r\n" + END, 400, "malformed_body"),
        (b"--" + BOUNDARY.encode() + b"\r\nContent-Type: text/csv\r\n\r\n1\r\n" + END, 400, "malformed_body"),
    ],
)
def test_a_malformed_form_is_refused(standing: Site, body: bytes, status: int, word: str) -> None:
    """What is no form, breaks off, or has oversized headers or fields is a problem, and leaves nothing behind."""
    before, kept = standing.ana.get(f"{API}/jobs").json()["total"], standing.spooled()

    answer = post(standing, body, pipeline="people")

    assert (status, f"urn:problem-type:csvpipe:{word}") == (answer.status_code, answer.json()["type"])
    assert set(kept) >= set(standing.spooled())
    assert before == standing.ana.get(f"{API}/jobs").json()["total"]


@pytest.mark.parametrize("kind", ["application/json", "multipart/mixed; boundary=x", "", "multipart/form-data"])
def test_other_bodies_are_not_taken(standing: Site, kind: str) -> None:
    """Only forms are taken."""
    answer = standing.ana.post(f"{API}/upload", content=PEOPLE, headers={"Content-Type": kind})

    assert (400 if kind == "multipart/form-data" else 415) == answer.status_code


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("../../etc/passwd", "passwd"),
        ("C:\\people\\may.csv", "may.csv"),
        ("..", ".."),
        ("a%0D%0Ab.csv", "a b.csv"),
        ("a\tb\x00.csv", "a b .csv"),
        ("x" * 3_000, "x" * 255),
        ("gpj.\u202evsc.csv", "gpj. vsc.csv"),
        ("/", "upload.csv"),
        ("Zoë 名簿.csv", "Zoë 名簿.csv"),
    ],
)
def test_names_are_only_shown(standing: Site, given: str, shown: str) -> None:
    """No path is made of a name, no header of its line ends, and it says what it seems to say."""
    answer = post(standing, part("files", b"id,name\nx,Ana\n", given) + END, pipeline="people")
    job = standing.ended(answer.json()["files"][0]["job"])
    rejects = standing.ana.get(f"{API}/jobs/{job['id']}/rejects.csv")

    assert shown == job["filename"]
    assert rejects.headers["content-disposition"].startswith('attachment; filename="')
    assert "\\" not in rejects.headers["content-disposition"]
    assert [] == [path for path in standing.spool.parent.rglob("*") if {"etc", "people"} & set(path.parts[-2:])]


def test_a_repeat_gives_the_same_jobs(site: Site) -> None:
    """Under the same Idempotency-Key each file is submitted once; other content is a conflict of that file alone."""
    headers = {"Idempotency-Key": "may"}

    def send(*contents: bytes, who: httpx.Client) -> list[Any]:
        files = [("files", ("a.csv", content)) for content in contents]
        answer = who.post(f"{API}/upload", params={"pipeline": "people"}, files=files, headers=headers)
        return [entry["job"]["id"] if entry["job"] else entry["problem"]["status"] for entry in answer.json()["files"]]

    first = send(PEOPLE, PEOPLE, who=site.ana)
    second = send(PEOPLE, PEOPLE + b"3,Cleo\n", who=site.ana)
    others = send(PEOPLE, who=site.bob)

    assert 2 == len(set(first))
    assert [first[0], 409] == second
    assert others[0] not in first


def test_what_follows_the_form_is_left_out(standing: Site) -> None:
    """Bytes before and after the form mean nothing, and may arrive late."""
    body = b"\r\n" + part("files", PEOPLE, "a.csv") + END

    answer = post(standing, body + b"nothing of the form" * 10_000, pipeline="people")

    assert [None] == statuses(answer)


def test_a_key_is_short_and_plain(standing: Site) -> None:
    """A key that is too long is refused before anything is read."""
    headers = {"Idempotency-Key": "x" * 201}

    answer = standing.ana.post(f"{API}/upload", files={"files": ("a.csv", PEOPLE)}, headers=headers)

    assert 422 == answer.status_code


def test_a_client_that_vanishes_leaves_nothing_behind(site: Site) -> None:
    """When the connection ends in the middle of a file, there is neither a job nor an upload; files before it stay."""
    rest = part("files", b"id,name\n" + b"1,Ana\n" * 50_000, "b.csv")
    with socket.create_connection(site.address) as client:
        client.sendall(head(10_000_000) + part("files", PEOPLE, "a.csv") + rest[:200_000])

    site.watch.wait_for_end()
    [job] = site.ana.get(f"{API}/jobs").json()["jobs"]

    assert ("a.csv", "completed") == (job["filename"], site.ended(job)["status"])
    assert [] == site.spooled()


def test_an_upload_that_stands_still_is_given_up(serve_site: Callable[..., Site]) -> None:
    """When nothing arrives for so long, the client is told, and nothing is left of the file."""
    site = serve_site(limits=UploadLimits(idle_seconds=0.05))
    with socket.create_connection(site.address) as client:
        client.sendall(head(10_000) + part("files", PEOPLE, "a.csv")[:-3])
        received = all_of(client)

    assert b"408" == received.split()[1]
    assert b"urn:problem-type:csvpipe:too_slow" in received
    assert [] == site.spooled()
    assert 0 == site.ana.get(f"{API}/jobs").json()["total"]


def test_nothing_is_read_of_an_upload_that_is_refused(site: Site) -> None:
    """Who is not known is answered before the body, and the connection ends."""
    with socket.create_connection(site.address) as client:
        client.sendall(head(10**9).replace(b"token-of-ana", b"wrong"))
        received = all_of(client)

    assert b"401" == received.split()[1]
    assert b"connection: close" in received.lower()
