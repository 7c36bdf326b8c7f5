"""Clients that mean harm, or are just broken: none of them holds anything without bound, or leaves anything behind."""

import csv
import gzip
import io
import json
import select
import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

import pytest
from tests.web.serving import API, Process, Site, served
from tests.web.test_upload import BOUNDARY, END, PEOPLE, all_of, head, part, post, statuses

from csvpipe.web import UploadLimits

MIB = 1024 * 1024
PIPELINE = """
import attrs
import csvpipe

@attrs.frozen
class Person:
    id: int
    name: str

@csvpipe.pipeline
def people(person: Person) -> None:
    pass
"""


@pytest.fixture(scope="module")
def process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Process]:
    """`csvpipe serve`, as a process of its own."""
    with served(tmp_path_factory.mktemp("served"), PIPELINE) as process:
        yield process


def warm_up(process: Process) -> None:
    """Import a file of some size: what that takes is not what is looked at."""
    content = b"id,name\n" + b"1,Ana\n" * MIB
    [entry] = process.ana.post(f"{API}/upload", files={"files": ("a.csv", content)}).json()["files"]
    assert "event: completed" in process.ana.get(f"{API}/jobs/{entry['job']['id']}/stream").text


def poured(client: socket.socket, block: bytes, most_bytes: int, *, is_chunked: bool) -> int:
    """Send the same block again and again, until the server has answered or hung up; how many bytes it has taken."""
    framed = b"%x\r\n%b\r\n" % (len(block), block) if is_chunked else block
    sent = 0
    with suppress(BrokenPipeError, ConnectionResetError):
        while sent < most_bytes and not select.select([client], [], [], 0)[0]:
            client.sendall(framed)
            sent += len(block)
    return sent


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="memory is read from /proc")
@pytest.mark.parametrize("is_chunked", [False, True])
@pytest.mark.parametrize("content", [b"1,Ana\n", b"1,Ana\r\n", b"\x00"])
def test_a_gigabyte_is_neither_held_nor_read_to_its_end(process: Process, content: bytes, *, is_chunked: bool) -> None:
    """Of a file far over the limit, or none at all, the server reads no more than it skips; then it hangs up."""
    warm_up(process)
    before, open_before = process.peak_bytes(), process.open_files()
    begun = part("files", PEOPLE, "a.csv") + part("files", b"id,name\n", "b.csv").removesuffix(b"\r\n")
    gigabyte = 1024 * MIB

    with socket.create_connection(process.address) as client:
        client.sendall(head(None if is_chunked else gigabyte, f"{API}/upload"))
        client.sendall(b"%x\r\n%b\r\n" % (len(begun), begun) if is_chunked else begun)
        sent = poured(client, content * (MIB // len(content)), gigabyte, is_chunked=is_chunked)
        received = all_of(client)

    assert sent <= 220 * MIB, received[:3000]
    assert process.peak_bytes() - before < 32 * MIB
    if received:  # a server that hangs up may reset what it has said
        status, _, body = received.partition(b"\r\n\r\n")
        assert b"413" == status.split()[1]
        assert b"connection: close" in status.lower()
        assert ["a.csv", "b.csv"] == [entry["filename"] for entry in json.loads(body)["files"]]
    assert 200 == process.ana.get("/ready").status_code
    assert [] == [path.name for path in process.spool.iterdir() if path.suffix == ".part"]
    assert process.open_files() <= open_before


def test_what_follows_of_a_refused_file_is_skipped_up_to_a_limit(serve_site: Callable[..., Site]) -> None:
    """Files after one that is too large are taken as long as its rest is short; else the connection ends."""
    site = serve_site(limits=UploadLimits(file_bytes=100_000, skipped_bytes=200_000))
    row = b"1,Ana\n"

    def form(rows: int) -> bytes:
        return part("files", b"id,name\n" + row * rows, "large.csv") + part("files", PEOPLE, "a.csv") + END

    taken, refused = post(site, form(40_000), pipeline="people"), post(site, form(60_000), pipeline="people")

    assert ["file_too_large", None] == statuses(taken)
    assert (413, "close") == (refused.status_code, refused.headers["connection"])
    assert ["file_too_large"] == [entry["problem"]["type"].rpartition(":")[2] for entry in refused.json()["files"]]


def test_a_form_has_an_end(serve_site: Callable[..., Site]) -> None:
    """What follows a form is read for a while; the files in it are taken whatever follows."""
    site = serve_site(limits=UploadLimits(skipped_bytes=200_000))
    with socket.create_connection(site.address) as client:
        body = part("files", PEOPLE, "a.csv") + END
        client.sendall(head(None) + b"%x\r\n%b\r\n" % (len(body), body))
        sent = poured(client, bytes(100_000), 1024 * MIB, is_chunked=True)

    assert sent <= 32 * MIB  # there are the buffers of two sockets
    site.watch.wait_for_end()
    [job] = site.ana.get(f"{API}/jobs").json()["jobs"]
    assert "completed" == site.ended(job)["status"]


def test_an_upload_that_drips_is_given_up(serve_site: Callable[..., Site]) -> None:
    """A client that sends a byte whenever it is about to be given up is given up, too; nothing is left of its file."""
    site = serve_site(limits=UploadLimits(idle_seconds=0.2, bytes_per_second=100 * MIB))
    with socket.create_connection(site.address) as client:
        client.sendall(head(10**6) + part("files", PEOPLE, "a.csv")[:-3])
        with suppress(BrokenPipeError, ConnectionResetError):
            while not select.select([client], [], [], 0.01)[0]:
                client.sendall(b"x")
        received = all_of(client)

    assert b"408" == received.split()[1]
    assert b"a second arrived" in received
    site.watch.wait_for_end()
    assert [] == site.left()
    assert 0 == site.ana.get(f"{API}/jobs").json()["total"]


@pytest.mark.parametrize("coding", ["gzip", "br", "gzip, gzip"])
def test_a_body_that_is_packed_is_not_taken(standing: Site, coding: str) -> None:
    """Only files may be compressed, where what they unpack to is bounded."""
    headers = {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}", "Content-Encoding": coding}
    body = gzip.compress(part("files", bytes(10 * MIB), "a.csv") + END)

    answer = standing.ana.post(f"{API}/upload", content=body, headers=headers)

    assert (415, "urn:problem-type:csvpipe:unsupported_media_type") == (answer.status_code, answer.json()["type"])


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="memory is read from /proc")
def test_a_bomb_is_not_unpacked(process: Process) -> None:
    """What a file unpacks to is neither held nor written past the limits; the file after it is taken."""
    warm_up(process)
    before = process.peak_bytes()
    bomb = gzip.compress(b"1,1\n" * (MIB // 4), 9) * 1024  # a gigabyte, in members of a megabyte each
    files = [("files", (name, bomb, "text/csv")) for name in ("bomb.csv.gz", "bomb.csv")]

    answer = process.ana.post(f"{API}/upload", files=[*files, ("files", ("a.csv", PEOPLE))])

    assert len(bomb) < 2 * MIB
    assert ["too_large", "too_large", None] == statuses(answer)
    assert process.peak_bytes() - before < 32 * MIB


@pytest.mark.parametrize(
    ("disposition", "shown"),
    [
        (b'filename="/etc/passwd"', "passwd"),
        (b'filename="..\\\\..\\\\boot.ini"', "boot.ini"),
        (b'filename="a\x00b.csv"', "a b.csv"),
        (b'filename="....//....//a.csv"', "a.csv"),
        (b'filename="%2e%2e%2fa.csv"', "%2e%2e%2fa.csv"),
        (b'filename="CON"', "CON"),
        (b'filename="a\xff\xfe.csv"', "a\ufffd\ufffd.csv"),
        (b'filename="a.csv"; filename="../b.csv"', "b.csv"),
        (b"filename=a.csv", "a.csv"),
        (b"filename*=UTF-8''..%2F..%2Fetc%2Fpasswd", "upload.csv"),
        (b"filename=\"a.csv\"; filename*=UTF-8''%0d%0aSet-Cookie%3A%20a=b.csv", "a.csv"),
        (b"filename*=nonsense", "upload.csv"),
        (b"", "upload.csv"),
    ],
)
def test_no_name_is_a_path(standing: Site, disposition: bytes, shown: str) -> None:
    """However a name is spelt, it is shown, and nothing is written but to the spool."""
    head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="files"; '.encode()
    body = head + disposition + b"\r\n\r\n" + b"id,name\nx,Ana\n" + b"\r\n" + END
    before = {path for path in standing.spool.parent.rglob("*") if standing.spool not in path.parents}

    answer = post(standing, body, pipeline="people")
    assert [None] == statuses(answer)
    job = standing.ended(answer.json()["files"][0]["job"])
    rejects = standing.ana.get(f"{API}/jobs/{job['id']}/rejects.csv")

    assert shown == job["filename"]
    assert "set-cookie" not in rejects.headers
    assert before == {path for path in standing.spool.parent.rglob("*") if standing.spool not in path.parents}


@pytest.mark.parametrize(
    "disposition",
    [b'filename="a\r\nX-Header: b.csv"', b'filename="a\nb.csv"', b'filename="' + b"x" * 10_000 + b'"', b'filename="a'],
)
def test_a_name_that_breaks_its_header_is_no_name(standing: Site, disposition: bytes) -> None:
    """Line ends end a header, and a header has a limit: the form is malformed, or the name shorter; nobody is hurt."""
    head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="files"; '.encode()
    before = standing.ana.get(f"{API}/jobs").json()["total"]

    answer = post(standing, head + disposition + b"\r\n\r\n" + PEOPLE + b"\r\n" + END, pipeline="people")

    assert answer.status_code in (202, 400)
    if answer.status_code == 400:
        assert before == standing.ana.get(f"{API}/jobs").json()["total"]


def answered(received: bytes) -> tuple[int, Any]:
    """Status and JSON of what came through a socket."""
    head, _, body = received.partition(b"\r\n\r\n")
    return int(head.split()[1]), json.loads(body)


CLOSING = (b"Host: test", b"Host: test\r\nConnection: close")


def test_slow_uploads_hold_nobody_up(site: Site) -> None:
    """While a hundred uploads stand still, others are taken, and their jobs end."""
    body = part("files", PEOPLE, "a.csv") + END
    with ExitStack() as clients:
        slow = [clients.enter_context(socket.create_connection(site.address)) for _ in range(100)]
        for client in slow:
            client.sendall(head(len(body)).replace(*CLOSING) + body[:-60])
        job = site.ended(site.upload(PEOPLE))
        assert 2 == job["processed_rows"]
        for client in slow:
            client.sendall(body[-60:])
        answers = [answered(all_of(client)) for client in slow]

    assert {202} == {status for status, _ in answers}
    assert 101 == site.ana.get(f"{API}/jobs").json()["total"]


def test_a_repeat_at_the_same_time_gives_the_same_job(site: Site) -> None:
    """Two uploads under one key that arrive at once are one job, whichever ends first; another owner's is his own."""
    body = part("files", PEOPLE, "a.csv") + END
    start = head(len(body)).replace(*CLOSING).replace(b"Host: test", b"Host: test\r\nIdempotency-Key: may")
    with ExitStack() as clients:
        others = [clients.enter_context(socket.create_connection(site.address)) for _ in range(8)]
        for number, client in enumerate(others):
            mine = start if number else start.replace(b"token-of-ana", b"token-of-bob")
            client.sendall(mine + body[:-60])
        for client in others:
            client.sendall(body[-60:])
        answers = [answered(all_of(client)) for client in others]

    bobs, *anas = (answer["files"][0]["job"] for _, answer in answers)
    assert 1 == len({job["id"] for job in anas})
    assert bobs["id"] not in {job["id"] for job in anas}
    assert [1, 1] == [who.get(f"{API}/jobs").json()["total"] for who in (site.ana, site.bob)]
    assert "completed" == site.ended(anas[0])["status"]
    site.bob.get(f"{API}/jobs/{bobs['id']}/stream").raise_for_status()
    assert [] == site.left()


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="open files are counted in /proc")
def test_clients_that_vanish_leave_nothing_open(process: Process) -> None:
    """Of uploads and streams that are cut off in the middle neither connections nor files stay."""
    warm_up(process)
    content = b"id,name\n" + b"1,Ana\n" * MIB
    total, before = process.ana.get(f"{API}/jobs").json()["total"], process.open_files()
    for cut in (10, 1_000, 1_000_000, 5 * MIB):
        for _ in range(5):
            with socket.create_connection(process.address) as client:
                client.sendall(head(10**7, f"{API}/upload") + part("files", content, "a.csv")[:cut])
    with ExitStack() as clients:
        [entry] = process.ana.post(f"{API}/upload", files={"files": ("a.csv", content)}).json()["files"]
        path = f"{API}/jobs/{entry['job']['id']}"
        request = f"GET {path}/stream HTTP/1.1\r\nHost: test\r\nAuthorization: Bearer token-of-ana\r\n\r\n".encode()
        for _ in range(20):
            client = clients.enter_context(socket.create_connection(process.address))
            client.sendall(request)
            assert client.recv(1)
    process.ana.get(f"{path}/stream").raise_for_status()

    while process.open_files() > before or any(each.suffix in (".part", ".csv") for each in process.spool.iterdir()):
        process.ana.get("/ready").raise_for_status()
    assert total + 1 == process.ana.get(f"{API}/jobs").json()["total"]


def test_formulas_do_not_run_in_a_spreadsheet(standing: Site) -> None:
    """Cells that a spreadsheet would run have an apostrophe in front, also what a message quotes; mended, it is off."""
    cells = ["=cmd|' /C calc'!A0", "+1+1", "-1-1", "@SUM(A1)", "\t=1", '=HYPERLINK("http://x")', "\uff1d1"]
    quoted = [cell.replace('"', '""') for cell in cells]
    content = "id,name\n" + "".join(f'x,"{cell}"\n"{cell}",Ana\n' for cell in quoted)
    job = standing.ended(standing.upload(content.encode()))

    answer = standing.ana.get(f"{API}/jobs/{job['id']}/rejects.csv")
    header, *rows = csv.reader(io.StringIO(answer.content.decode(), newline=""))
    at = header.index("name")
    mended = io.StringIO(newline="")
    csv.writer(mended).writerows([header, *([*row[: at - 1], "1", *row[at:]] for row in rows)])
    child = standing.ended(standing.upload(mended.getvalue().encode(), parent=job["id"]))

    assert 2 * len(cells) == job["failed_rows"] == len(rows)
    assert [] == [cell for row in rows for cell in row if cell[:1] in "=+-@\t\r\uff1d" and cell]
    assert {f"'{cell}" for cell in cells} <= {row[at] for row in rows}
    assert (2 * len(cells), 0) == (child["processed_rows"], child["failed_rows"])


@pytest.mark.parametrize(
    ("asked", "token"),
    [
        ("POST /upload", "wrong"),
        ("PUT /upload", "token-of-ana"),
        ("POST /jobs/x/pause", "token-of-ana"),
        ("GET /jobs", "wrong"),
    ],
)
def test_a_body_that_nobody_reads_ends_the_connection(site: Site, asked: str, token: str) -> None:
    """Who goes on sending what was not asked for is answered, and hung up on; the request does not linger."""
    method, path = asked.split()
    start = head(None).replace(b"POST /api/v1/csv/upload?pipeline=people", f"{method} {API}{path}".encode())
    with socket.create_connection(site.address) as client:
        client.sendall(start.replace(b"token-of-ana", token.encode()))
        with suppress(BrokenPipeError, ConnectionResetError):
            while True:
                client.sendall(b"186a0\r\n%b\r\n" % bytes(100_000))

    site.watch.wait_for_end()


def test_a_body_that_is_read_leaves_the_connection_open(standing: Site) -> None:
    """Only where something is left of the body the connection ends."""
    taken = post(standing, part("files", PEOPLE, "a.csv") + END, pipeline="people")
    refused = post(standing, part("files", PEOPLE, "a.csv") + END, pipeline="nothing")

    assert "connection" not in taken.headers
    assert "close" == refused.headers["connection"]
    assert "connection" not in standing.ana.get(f"{API}/jobs").headers
