"""Objects by URL: read in place where they can be, else spooled; and no secret of theirs is told."""

from __future__ import annotations

import gzip
import io
import sys
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import suppress
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any, ClassVar

import pytest

import csvpipe
from csvpipe._intake.arrival.receive import take_in
from csvpipe._intake.arrival.spool import Spool
from csvpipe._intake.arrival.take_in import TakenIn
from csvpipe._intake.inspection import file_of, plain_file
from csvpipe._intake.remote import Blocks, RemoteObject
from csvpipe._intake.source import LocalFile
from csvpipe._intake.stated import Stated
from csvpipe._intake.url import is_url, lowered, name_of, shown, shown_source
from csvpipe.errors import FileCode, FileError
from csvpipe.jobs import JobStatus
from csvpipe.limits import Limits

fsspec = pytest.importorskip("fsspec", reason="the extra remote is not installed")

_WORD = "sesame"
PEOPLE = b"id,name\n" + b"".join(b"%d,name %d\n" % (row, row) for row in range(1, 2_001))


@csvpipe.pipeline(batch_size=500)
def _take(rows: list[dict[str, str]]) -> None:
    """Take whatever comes."""


@pytest.fixture
def spool(tmp_path: Path) -> Spool:
    """Where streams go."""
    return Spool(tmp_path / "spool")


def put(memory: Any, name: str, content: bytes) -> str:
    """Write an object; its URL."""
    memory.pipe_file(f"/{name}", content)
    return f"memory://{name}"


def taken_in(url: str, spool: Spool, **limits: Any) -> TakenIn:
    """Take an object in."""
    return take_in(url, spool, "upload.csv", stated=Stated(), limits=Limits(**limits), place="upload.csv")


class _Handler(BaseHTTPRequestHandler):
    """Serves the people, by range if it is told to; to those with the right token where one is wanted."""

    has_ranges = True
    token = ""
    #: The object; whoever holds the list may replace it.
    contents: ClassVar = [PEOPLE]
    #: What a cache that is out of date says to HEAD.
    stale: bytes | None = None
    #: So many answers to GET before the server fails.
    left: ClassVar = [10_000]

    def log_message(self, *_: object) -> None:
        """Say nothing."""

    def do_HEAD(self) -> None:
        self._answer(is_head=True)

    def do_GET(self) -> None:
        self._answer(is_head=False)

    def _answer(self, *, is_head: bool) -> None:
        if "nobody" in self.path:
            self.send_error(404)
            return
        self.left[0] -= not is_head
        if self.left[0] < 0:
            self.send_error(503)
            return
        whole = self.stale if is_head and self.stale is not None else self.contents[0]
        if self.token and f"token={self.token}" not in self.path:
            self.send_error(403)
            return
        content, status = whole, 200
        wanted = self.headers.get("Range")
        if self.has_ranges and wanted is not None:
            low, _, high = wanted.removeprefix("bytes=").partition("-")
            content, status = whole[int(low) : int(high or len(whole)) + 1], 206
        self.send_response(status)
        if status == 206:
            self.send_header("Content-Range", f"bytes {low}-{int(low) + len(content) - 1}/{len(whole)}")
        if self.has_ranges:
            self.send_header("Accept-Ranges", "bytes")
            self.send_header("ETag", f'"{zlib.crc32(whole)}"')
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if not is_head:
            with suppress(OSError):  # whoever asks may leave when it has seen enough
                self.wfile.write(content)


@pytest.fixture
def serve() -> Iterator[Any]:
    """Starts servers: `serve(has_ranges=True, token="")` returns the URL."""
    servers: list[ThreadingHTTPServer] = []

    def start(handler: type[_Handler] = _Handler, **settings: Any) -> str:
        server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (handler,), settings))
        server.handle_error = lambda *_: None  # type: ignore[method-assign]  # whoever asks may leave
        servers.append(server)
        Thread(target=partial(server.serve_forever, poll_interval=0.01), daemon=True).start()
        return f"http://127.0.0.1:{server.server_address[1]}/people.csv"

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


class TestInPlace:
    """What can be read by range is not copied."""

    def test_a_plain_object(self, memory: Any, spool: Spool) -> None:
        """Its size and version are kept, and its URL is its path."""
        taken = taken_in(put(memory, "a/people.csv", PEOPLE), spool)

        assert isinstance(taken.file, RemoteObject)
        assert ("memory://a/people.csv", len(PEOPLE), False) == (
            taken.file.path,
            taken.file.size,
            taken.file.is_spooled,
        )
        with taken.file.open() as file:
            assert PEOPLE == file.read()

    def test_over_http(self, serve: Any, spool: Spool) -> None:
        """Where the server gives ranges, and says which version it has."""
        taken = taken_in(serve(), spool)

        assert isinstance(taken.file, RemoteObject)
        with taken.file.open_part(8, 30) as file:
            assert PEOPLE[8:30] == file.read(100)

    def test_a_part_is_fetched_once(self, memory: Any, spool: Spool, monkeypatch: pytest.MonkeyPatch) -> None:
        """Whoever cuts and whoever parses share what was fetched, and nothing beyond the part is."""
        source = taken_in(put(memory, "people.csv", PEOPLE), spool).file.for_run()
        fetched: list[tuple[int, int]] = []
        fetch = type(memory).cat_file

        def note(system: Any, path: str, start: int, end: int) -> bytes:
            fetched.append((start, end))
            found: bytes = fetch(system, path, start=start, end=end)
            return found

        monkeypatch.setattr(type(memory), "cat_file", note)
        for start, end in ((8, 9_000), (8, 500), (500, 9_000)):
            with source.open_part(start, end) as file:
                assert PEOPLE[start:end] == file.read(end - start)

        assert [(8, 9_000)] == fetched

    def test_another_version(self, memory: Any, spool: Spool) -> None:
        """It is not what was taken in, and no byte of it is read."""
        source = taken_in(put(memory, "people.csv", PEOPLE), spool).file
        put(memory, "people.csv", PEOPLE[::-1])

        with pytest.raises(FileError) as caught:
            source.open_part(8, 20)

        assert FileCode.SOURCE_CHANGED is caught.value.code

    def test_it_is_kept_as_plain_values(self, memory: Any, spool: Spool) -> None:
        """What a run has fetched is not among them."""
        file = taken_in(put(memory, "people.csv", PEOPLE), spool).file

        assert file == file_of(plain_file(file.for_run()))

    def test_too_large(self, memory: Any, spool: Spool) -> None:
        """It is refused by what its store says."""
        url = put(memory, "people.csv", PEOPLE)
        with pytest.raises(FileError) as caught:
            taken_in(url, spool, file_bytes=100)
        assert FileCode.TOO_LARGE is caught.value.code

    def test_missing(self, memory: Any, spool: Spool) -> None:
        """There is no such object."""
        with pytest.raises(FileError) as caught:
            taken_in("memory://nothing.csv", spool)
        assert FileCode.NOT_FOUND is caught.value.code

    def test_missing_over_http(self, serve: Any, spool: Spool) -> None:
        """That is no trouble with the network, which is told of in other words."""
        url = serve()
        for wrong, code in ((url, FileCode.NOT_FOUND), ("http://127.0.0.1:1/a.csv", FileCode.SOURCE_FAILED)):
            with pytest.raises(FileError) as caught:
                taken_in(wrong.replace("people", "nobody"), spool)
            assert code is caught.value.code


class TestSpooled:
    """What cannot be read by range, or by workers as it lies, is copied."""

    def test_compressed(self, memory: Any, spool: Spool) -> None:
        """It is unpacked as it comes."""
        taken = taken_in(put(memory, "people.csv.gz", gzip.compress(PEOPLE)), spool)

        assert ("gzip", True, PEOPLE) == (taken.compression, taken.file.is_spooled, Path(taken.file.path).read_bytes())

    def test_transcoded(self, memory: Any, spool: Spool) -> None:
        """UTF-16 is not for workers."""
        taken = taken_in(put(memory, "wide.csv", PEOPLE.decode().encode("utf-16")), spool)

        assert PEOPLE == Path(taken.file.path).read_bytes()

    def test_a_member_of_an_archive(self, memory: Any, spool: Spool) -> None:
        """By a chained URL."""
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w") as archive:
            archive.writestr("2024/people.csv", PEOPLE)
        put(memory, "all.zip", packed.getvalue())

        taken = taken_in("zip://2024/people.csv::memory://all.zip", spool)

        assert (True, PEOPLE) == (taken.file.is_spooled, Path(taken.file.path).read_bytes())

    def test_a_server_without_ranges(self, serve: Any, spool: Spool) -> None:
        """It is read once, from its start."""
        taken = taken_in(serve(has_ranges=False), spool)

        assert (True, PEOPLE) == (taken.file.is_spooled, Path(taken.file.path).read_bytes())

    def test_a_large_one_without_ranges(self, serve: Any, spool: Spool) -> None:
        """However large it is, it is one request."""
        large = PEOPLE + PEOPLE[8:] * 300
        left = [2]

        taken = taken_in(serve(has_ranges=False, contents=[large], left=left), spool)

        assert 6_000_000 < taken.file.size
        assert ([0], large) == (left, Path(taken.file.path).read_bytes())

    @pytest.mark.parametrize("has_ranges", [True, False])
    def test_a_member_of_an_archive_over_http(self, serve: Any, spool: Spool, has_ranges: bool) -> None:  # noqa: FBT001
        """Where the server gives no parts, the archive is copied first, and the copy goes."""
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w") as archive:
            archive.writestr("people.csv", PEOPLE)
            archive.writestr("other.csv", b"x" * 6_000_000)
        url = serve(has_ranges=has_ranges, contents=[packed.getvalue()])

        taken = taken_in(f"zip://people.csv::{url}", spool)

        assert PEOPLE == Path(taken.file.path).read_bytes()

    def test_an_empty_object(self, serve: Any, spool: Spool) -> None:
        """It has no first byte to ask for."""
        assert 0 == taken_in(serve(contents=[b""]), spool).file.size


class TestVersions:
    """What is read is of one version of the object, and all of that."""

    def test_head_is_not_believed(self, serve: Any) -> None:
        """A cache may tell of an earlier, shorter object."""
        longer = PEOPLE + b"2001,name 2001\n"

        [record] = csvpipe.run(_take, serve(contents=[longer], stale=PEOPLE))

        assert (JobStatus.COMPLETED, 2_001) == (record.status, record.total_rows)

    @pytest.mark.parametrize("now", [PEOPLE + b"2001,name 2001\n", PEOPLE[::-1]])
    def test_a_part_of_another_one(self, serve: Any, spool: Spool, now: bytes) -> None:
        """Each answer says what it is a part of."""
        contents = [PEOPLE]
        source = taken_in(serve(contents=contents), spool).file

        with source.open_part(8, 30) as file:
            contents[0] = now
            with pytest.raises(FileError) as caught:
                file.read(10)

        assert FileCode.SOURCE_CHANGED is caught.value.code

    def test_all_instead_of_a_part(self, serve: Any, spool: Spool, monkeypatch: pytest.MonkeyPatch) -> None:
        """A server that gives no parts any more is not read from its start in their place."""
        monkeypatch.setattr("csvpipe._intake.remote._PAUSES", ())
        handler = type("Handler", (_Handler,), {})
        source = taken_in(serve(handler), spool).file

        with source.open_part(8, 30) as file:
            handler.has_ranges = False
            with pytest.raises(OSError, match="something else than the range"):
                file.read(10)

    def test_a_server_that_fails(
        self, serve: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        """Whenever that is, the job fails, and the files beside it do not."""
        monkeypatch.setattr("csvpipe._intake.remote._PAUSES", ())
        good = tmp_path / "good.csv"
        good.write_bytes(PEOPLE)
        ends = set()
        for answers in (*range(16), 1_000):
            failed, sound = csvpipe.run(_take, serve(left=[answers]), good)
            ends.add((failed.status, failed.error_code))
            assert (JobStatus.COMPLETED, 2_000) == (sound.status, sound.processed_rows)

        assert {(JobStatus.FAILED, FileCode.SOURCE_FAILED), (JobStatus.COMPLETED, None)} == ends
        assert "unexpectedly" not in caplog.text


class TestSecrets:
    """A URL may be a key."""

    def test_signed_urls_are_spooled(self, serve: Any, spool: Spool) -> None:
        """So the URL need not be kept."""
        taken = taken_in(serve(token=_WORD) + f"?token={_WORD}", spool)

        assert PEOPLE == Path(taken.file.path).read_bytes()
        assert _WORD not in repr(taken)

    def test_errors_do_not_tell(self, serve: Any, spool: Spool) -> None:
        """Neither what we say, nor what a library says of a URL."""
        with pytest.raises(FileError) as caught:
            taken_in(serve(token=_WORD) + "?token=simsalabim", spool)

        assert FileCode.SOURCE_FAILED is caught.value.code
        assert "simsalabim" not in str(caught.value)
        assert "people.csv?..." in str(caught.value)

    @pytest.mark.parametrize(
        ("url", "expected"),
        [
            ("https://ana:pw@host/a.csv?X-Sig=1&b", "https://host/a.csv?..."),
            ("zip://m.csv::s3://bucket/a.zip", "zip://m.csv::s3://bucket/a.zip"),
            ("abfs://box@account.dfs.core.windows.net/a.csv", "abfs://box@account.dfs.core.windows.net/a.csv"),
            ("GET 'http://u@h/x?k=v' failed", "GET 'http://h/x?...' failed"),
            ("https://ana:p@w@host/a.csv", "https://host/a.csv"),
            ("https://host/a.csv@2?x", "https://host/a.csv@2?..."),
            ("ABFS://box@account.dfs.core.windows.net/a.csv", "abfs://box@account.dfs.core.windows.net/a.csv"),
            ("HTTPS://ana:pw@Host/A.csv", "https://Host/A.csv"),
        ],
    )
    def test_what_is_shown(self, url: str, expected: str) -> None:
        """Without user and query."""
        assert expected == shown(url)

    @pytest.mark.parametrize(
        ("source", "expected"), [("what?.csv", "what?.csv"), ("s3://b/what?.csv", "s3://b/what?...")]
    )
    def test_sources_as_they_are_shown(self, source: str, expected: str) -> None:
        """In a path a question mark is one."""
        assert expected == shown_source(source)


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        *(
            ("s3://b/k.csv", True),
            ("simplecache::s3://b/k.csv", True),
            ("zip://m.csv::file:///a.zip", True),
            ("https://h/a", True),
            ("HTTPS://h/a", True),
        ),
        *(("/data/a.csv", False), ("C:\\a.csv", False), ("a:b.csv", False), (Path("s3:/b"), False), (b"s3://b", False)),
    ],
)
def test_what_is_a_url(source: object, expected: bool) -> None:  # noqa: FBT001  # of a table
    """A text with a scheme."""
    assert expected is is_url(source)


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("s3://b/2024/k.csv", "k.csv"),
        ("https://h/a/k.csv?sig=1/2", "k.csv"),
        ("zip://in/m.csv::s3://b/a.zip", "m.csv"),
        ("https://h/", "h"),
    ],
)
def test_names(url: str, expected: str) -> None:
    """The object's last part."""
    assert expected == name_of(url)


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("S3://Bucket/K.csv", "s3://Bucket/K.csv"),
        ("ZIP://M.csv::Memory://A.zip", "zip://M.csv::memory://A.zip"),
        ("https://h/a?next=HTTP://b", "https://h/a?next=HTTP://b"),
        ("C:\\a.csv", "C:\\a.csv"),
    ],
)
def test_schemes_in_small_letters(url: str, expected: str) -> None:
    """And nothing else."""
    assert expected == lowered(url)


@pytest.mark.parametrize("has_ranges", [True, False])
def test_schemes_may_be_in_large_letters(serve: Any, spool: Spool, has_ranges: bool) -> None:  # noqa: FBT001
    """As standards have it; what is kept of the URL has small ones."""
    url = serve(has_ranges=has_ranges)

    taken = taken_in(url.replace("http", "HTTP"), spool)

    assert has_ranges is (taken.file.path == url)
    assert len(PEOPLE) == taken.file.size


def test_an_unknown_scheme_is_told(spool: Spool) -> None:
    """With some that there are."""
    with pytest.raises(FileError, match="foo://x: Protocol not known: foo; known are s3, gs, abfs, http") as caught:
        taken_in("foo://x", spool)

    assert FileCode.SOURCE_FAILED is caught.value.code


def test_wildcards_are_not_expanded(memory: Any, spool: Spool) -> None:
    """Which is said where somebody seems to have expected it."""
    put(memory, "a/people.csv", PEOPLE)

    with pytest.raises(FileError, match="name the objects one by one"):
        taken_in("memory://a/*.csv", spool)
    with pytest.raises(FileError, match=r"check the URL$"):
        taken_in("memory://a/people", spool)


def test_the_extra_is_missing_where_a_job_goes_on(memory: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """That is no defect: the job fails with what is to be installed, and goes on when it is."""
    is_down = [True]

    @csvpipe.pipeline(retry=csvpipe.Retry(attempts=1))
    def take(row: csvpipe.Row) -> None:
        if is_down[0]:
            raise csvpipe.Unavailable("away")

    with csvpipe.BlockingWorkerPool(pipelines=[take]) as pool:
        job = pool.submit(take, put(memory, "people.csv", PEOPLE))
        job.wait()
        is_down[0] = False
        with monkeypatch.context() as patch:
            patch.setitem(sys.modules, "fsspec", None)
            job.retry()
            failed = job.wait()
        job.retry()
        record = job.wait()

    assert (JobStatus.FAILED, FileCode.SOURCE_FAILED) == (failed.status, failed.error_code)
    assert "memory://people.csv: a file by URL needs the extra 'remote'" in str(failed.error_message)
    assert str(failed.error_message).endswith(" in every instance that runs jobs, then retry the job")
    assert (JobStatus.COMPLETED, 2_000) == (record.status, record.processed_rows)


def test_the_extra_is_asked_for(spool: Spool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever has not installed it is told its name."""
    monkeypatch.setitem(sys.modules, "fsspec", None)

    with pytest.raises(csvpipe.MissingExtraError, match=r"csvpipe\[remote\]"):
        taken_in("memory://people.csv", spool)


def test_a_store_whose_package_is_missing(spool: Spool) -> None:
    """The library's own words say which."""
    fsspec.register_implementation("nothere", "nothere.System", clobber=True, errtxt="install nothere")

    with pytest.raises(FileError, match="install nothere; do so in every instance that runs jobs"):
        taken_in("nothere://people.csv", spool)


def test_blocks_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """What was fetched first goes first."""
    monkeypatch.setattr("csvpipe._intake.remote._KEPT_BYTES", 10)
    blocks = Blocks()
    for start in (0, 5, 10):
        blocks.keep(start, b"12345")

    assert (None, b"345", b"1") == (blocks.take(0, 9), blocks.take(7, 9), blocks.take(10, 1))


def test_blocks_that_nobody_wants_any_more() -> None:
    """Whoever cuts and whoever parses have had them."""
    blocks = Blocks()
    blocks.keep(0, b"12345")

    taken = [blocks.take(0, 5), blocks.take(0, 3), blocks.take(3, 2), blocks.take(0, 5)]

    assert [b"12345", b"123", b"45", None] == taken


def test_rejects_become_an_object(memory: Any) -> None:
    """When all of them are there."""
    url = put(memory, "people.csv", b"id,name\n1,Ana\n2,Ben\n")

    @csvpipe.pipeline
    def refuse(row: csvpipe.Row) -> None:
        if row["name"] == "Ben":
            raise csvpipe.Reject("no")

    with csvpipe.BlockingWorkerPool(pipelines=[refuse]) as pool:
        job = pool.submit(refuse, url)
        record = job.wait()
        assert 1 == job.write_rejects("Memory://rejects/people.csv")

    assert ("people.csv", 1, 1) == (record.filename, record.processed_rows, record.failed_rows)
    assert memory.cat_file("/rejects/people.csv").endswith(b"2,Ben\n")


def test_local_files_are_as_they_were(tmp_path: Path) -> None:
    """Their parts are read from where they begin."""
    path = tmp_path / "a.csv"
    path.write_bytes(PEOPLE)
    source = LocalFile.at(path)

    with source.open_part(8, 20) as file:
        assert PEOPLE[8:20] == file.read(12)
    assert source is source.for_run()
