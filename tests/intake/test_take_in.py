"""From what a caller hands over to a local file."""

from __future__ import annotations

import io
import os
from array import array
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from csvpipe._intake.inspect import Stated
from csvpipe._intake.source import LocalFile
from csvpipe._intake.spool import BLOCK_BYTES, Spool
from csvpipe._intake.take_in import (
    HEAD_BYTES,
    Block,
    Spooling,
    TakenIn,
    source_failed,
    take_in_bytes,
    take_in_file_object,
    take_in_path,
)
from csvpipe.errors import EncodingUnknownError, FileCode, FileError
from csvpipe.limits import Limits

_TEXT = "id,name\n1,Zoë\n"


@pytest.fixture
def spool(tmp_path: Path) -> Spool:
    """A spool."""
    return Spool(tmp_path / "spool")


def settings(*, encoding: str | None = None, file_bytes: int | None = None) -> dict[str, Any]:
    """What all ways of taking in ask for."""
    return {"stated": Stated(encoding=encoding), "limits": Limits(file_bytes=file_bytes), "place": "people.csv"}


def left_in(spool: Spool) -> list[str]:
    """Names of the files in a spool."""
    return sorted(path.name for path in spool.directory.iterdir())


def content(taken: TakenIn) -> bytes:
    """What lies on disk now."""
    return Path(taken.file.path).read_bytes()


class TestSpooling:
    """Block by block."""

    @pytest.mark.parametrize("size", [1, 3, HEAD_BYTES, 1000])
    @pytest.mark.parametrize(
        ("encoding", "stated", "named"),
        [
            ("utf-8", None, None),
            ("utf-8-sig", None, None),
            ("utf-16", None, "utf-16"),
            ("utf-16-le", "utf-16-le", "utf-16-le"),
            ("gbk", "gb2312", "gb2312"),
            ("cp1252", "cp1252", None),
        ],
    )
    def test_a_source_becomes_a_file_that_workers_can_read(
        self, spool: Spool, size: int, encoding: str, stated: str | None, named: str | None
    ) -> None:
        """As it is, or as UTF-8, whatever the sizes of its blocks."""
        data = _TEXT.replace("ë", "e" if encoding == "gbk" else "ë").encode(encoding)
        with Spooling(spool, "x.csv", **settings(encoding=stated)) as spooling:
            for start in range(0, len(data), size):
                spooling.feed(data[start : start + size])
            taken = spooling.finish()
        assert named == taken.source_encoding
        assert (data if named is None else data.decode(encoding).encode()) == content(taken)
        assert ["x.csv"] == left_in(spool)
        assert taken.file.is_spooled

    @pytest.mark.parametrize("stated", [None, "utf-16"])
    def test_no_bytes_make_an_empty_file(self, spool: Spool, stated: str | None) -> None:
        """What is wrong with it is said where it is inspected."""
        with Spooling(spool, "x.csv", **settings(encoding=stated)) as spooling:
            spooling.feed(b"")
            assert b"" == content(spooling.finish())

    def test_a_mark_before_another_encoding_is_left_out(self, spool: Spool) -> None:
        """Its last byte would swallow the first letter of the header."""
        taken = take_in_bytes(b"\xef\xbb\xbfid\n1", spool, "x.csv", **settings(encoding="gbk"))
        assert (b"id\n1", "gbk") == (content(taken), taken.source_encoding)

    def test_binaries_are_refused_by_their_first_bytes(self, spool: Spool) -> None:
        """Before the rest arrives, and before anything is written."""
        spooling = Spooling(spool, "x.csv", **settings())
        with pytest.raises(FileError, match=r"^people\.csv: this is a ZIP") as caught, spooling:
            spooling.feed(b"PK\x03\x04" + bytes(HEAD_BYTES))
        assert FileCode.BINARY == caught.value.code
        assert [] == left_in(spool)

    def test_a_short_binary_is_refused_at_its_end(self, spool: Spool) -> None:
        """Fewer bytes than a mark may have are judged when there are no more."""
        with pytest.raises(FileError, match="a gzip file"):
            take_in_bytes(b"\x1f\x8b", spool, "x.csv", **settings())
        assert [] == left_in(spool)

    def test_a_mark_that_contradicts_is_refused(self, spool: Spool) -> None:
        """Nothing is left behind."""
        with pytest.raises(FileError) as caught:
            take_in_bytes(_TEXT.encode("utf-16"), spool, "x.csv", **settings(encoding="cp1252"))
        assert FileCode.ENCODING == caught.value.code
        assert [] == left_in(spool)

    def test_an_unknown_encoding_is_misuse(self, spool: Spool) -> None:
        """Which raises what it always raises."""
        with pytest.raises(EncodingUnknownError):
            take_in_bytes(b"id\n", spool, "x.csv", **settings(encoding="no-such"))

    @pytest.mark.parametrize("block", ["id\n", None, 7, [1]])
    def test_blocks_are_bytes(self, spool: Spool, block: Any) -> None:
        """Anything else is named."""
        spooling = Spooling(spool, "x.csv", **settings())
        spooling.feed(b"id\n" * HEAD_BYTES)
        with pytest.raises(FileError) as caught, spooling:
            spooling.feed(block)
        assert FileCode.SOURCE_FAILED == caught.value.code
        assert caught.value.message.startswith(f"people.csv: the source gave {type(block).__name__} instead of bytes;")
        assert [] == left_in(spool)

    def test_too_many_bytes_are_refused_as_they_come(self, spool: Spool) -> None:
        """The message names the upload."""
        with pytest.raises(FileError, match=r"^people\.csv: the file is too large: more than 40 bytes") as caught:
            take_in_bytes(b"x" * 41, spool, "x.csv", **settings(file_bytes=40))
        assert FileCode.TOO_LARGE == caught.value.code
        assert [] == left_in(spool)

    def test_a_finished_file_stays(self, spool: Spool) -> None:
        """It belongs to a job by then."""
        spooling = Spooling(spool, "x.csv", **settings())
        spooling.feed(b"id\n1")
        spooling.finish()
        spooling.discard()
        assert ["x.csv"] == left_in(spool)


class TestBytes:
    """Sources in memory."""

    @given(st.data())
    def test_any_buffer_of_bytes_will_do(self, tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
        """Whatever it is a view of."""
        plain = data.draw(st.text("id,1\n", max_size=64)).encode()
        sources: list[Block] = [plain, bytearray(plain), memoryview(plain), memoryview(plain)[::2]]
        source = data.draw(st.sampled_from(sources))
        spool = Spool(tmp_path_factory.mktemp("spool"))
        assert bytes(source) == content(take_in_bytes(source, spool, "x.csv", **settings(encoding="latin-1")))

    def test_a_view_of_larger_items_is_its_bytes(self, spool: Spool) -> None:
        """An item is no byte."""
        source = memoryview(array("H", [25_705, 12_554]))
        assert source.tobytes() == content(take_in_bytes(source, spool, "x.csv", **settings()))

    def test_more_than_a_block_is_written_in_blocks(self, spool: Spool) -> None:
        """So that transcoding never holds all of it."""
        text = "é," * BLOCK_BYTES
        taken = take_in_bytes(text.encode("utf-16"), spool, "x.csv", **settings())
        assert text.encode() == content(taken)


class FlakyFile(io.RawIOBase):
    """A file object that gives some blocks, and then whatever it is told."""

    def __init__(self, *answers: Any) -> None:
        self._answers = list(answers)

    def read(self, _size: int = -1, /) -> Any:
        """The next answer."""
        answer = self._answers.pop(0)
        if isinstance(answer, BaseException):
            raise answer
        return answer


class TestFileObjects:
    """Open files, and what resembles them."""

    def test_a_file_is_read_from_where_it_stands(self, spool: Spool) -> None:
        """And is left open, at its end."""
        file = io.BytesIO(b"skipped" + _TEXT.encode())
        file.seek(7)
        taken = take_in_file_object(file, spool, "x.csv", **settings())
        assert _TEXT.encode() == content(taken)
        assert not file.closed
        assert b"" == file.read()

    @pytest.mark.parametrize(
        ("error", "reason"),
        [(OSError("reset"), "OSError: reset;"), (RuntimeError(), "RuntimeError;"), (ValueError("é"), "ValueError: é;")],
    )
    def test_what_it_raises_is_the_files_fault(self, spool: Spool, error: Exception, reason: str) -> None:
        """Any exception; it stays at hand as the cause."""
        file: Any = FlakyFile(b"x" * 100, error)
        with pytest.raises(FileError) as caught:
            take_in_file_object(file, spool, "x.csv", **settings())
        assert FileCode.SOURCE_FAILED == caught.value.code
        assert caught.value.message.startswith(f"people.csv: reading the source failed: {reason}")
        assert error is caught.value.__cause__
        assert [] == left_in(spool)

    def test_an_interrupt_passes(self, spool: Spool) -> None:
        """It is nobody's fault; nothing is left behind all the same."""
        file: Any = FlakyFile(b"x" * 100, KeyboardInterrupt())
        with pytest.raises(KeyboardInterrupt):
            take_in_file_object(file, spool, "x.csv", **settings())
        assert [] == left_in(spool)

    @pytest.mark.parametrize("answers", [("id\n",), ("",), (b"id\n", None), (None,)])
    def test_text_and_nothing_yet_are_no_bytes(self, spool: Spool, answers: tuple[Any, ...]) -> None:
        """A text file, also an empty one, and a file that does not block: neither is taken for the end."""
        file: Any = FlakyFile(*answers)
        with pytest.raises(FileError, match=r"^people\.csv: the source gave (str|NoneType) instead of bytes"):
            take_in_file_object(file, spool, "x.csv", **settings())

    def test_a_stream_that_fails_has_the_same_error(self) -> None:
        """The pool makes it where it iterates."""
        expected = (
            "people.csv: reading the source failed: OSError: reset; "
            "nothing of it was kept, so it can be submitted again"
        )
        assert (FileCode.SOURCE_FAILED, expected) == source_failed("people.csv", OSError("reset")).args


class TestPaths:
    """Files on disk."""

    @pytest.fixture
    def path(self, tmp_path: Path) -> Path:
        """Where the file will lie."""
        return tmp_path / "people.csv"

    @pytest.mark.parametrize(("encoding", "stated"), [("utf-8", None), ("utf-8-sig", None), ("cp1252", "cp1252")])
    def test_what_can_be_read_in_place_is_left_there(
        self, spool: Spool, path: Path, encoding: str, stated: str | None
    ) -> None:
        """No spool is made for it."""
        path.write_bytes(_TEXT.encode(encoding))
        taken = take_in_path(path, spool, "x.csv", **settings(encoding=stated))
        assert TakenIn(LocalFile.at(path), None) == taken
        assert [path] == list(path.parent.iterdir())

    def test_other_encodings_are_transcoded(self, spool: Spool, path: Path) -> None:
        """The file itself is not touched."""
        path.write_bytes(_TEXT.encode("utf-16"))
        taken = take_in_path(str(path), spool, "x.csv", **settings())
        assert (_TEXT.encode(), "utf-16", True) == (content(taken), taken.source_encoding, taken.file.is_spooled)
        assert _TEXT.encode("utf-16") == path.read_bytes()

    def test_a_missing_file_is_not_found(self, spool: Spool, path: Path) -> None:
        """As anywhere."""
        with pytest.raises(FileError) as caught:
            take_in_path(path, spool, "x.csv", **settings())
        assert FileCode.NOT_FOUND == caught.value.code

    def test_a_binary_is_refused(self, spool: Spool, path: Path) -> None:
        """By its first bytes."""
        path.write_bytes(b"%PDF-1.7 ")
        with pytest.raises(FileError, match="a PDF document"):
            take_in_path(path, spool, "x.csv", **settings())

    def test_a_file_over_the_limit_is_refused(self, spool: Spool, path: Path) -> None:
        """Before it is transcoded; and after, since it may have grown by that."""
        path.write_bytes("€€".encode("utf-16"))
        with pytest.raises(FileError, match="it has 6 bytes"):
            take_in_path(path, spool, "x.csv", **settings(file_bytes=5))
        path.write_bytes("€€€€".encode("utf-16"))
        with pytest.raises(FileError, match="more than 10 bytes arrived"):
            take_in_path(path, spool, "x.csv", **settings(file_bytes=10))
        assert [] == left_in(spool)

    def test_a_file_that_changes_while_it_is_transcoded_is_refused(
        self, spool: Spool, path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """What was read may be half of one version and half of the other."""
        path.write_bytes(_TEXT.encode("utf-16"))
        feed = Spooling.feed

        def feed_and_touch(spooling: Spooling, block: bytes) -> None:
            feed(spooling, block)
            os.utime(path, ns=(0, 0))

        monkeypatch.setattr(Spooling, "feed", feed_and_touch)
        with pytest.raises(FileError) as caught:
            take_in_path(path, spool, "x.csv", **settings())
        assert FileCode.SOURCE_CHANGED == caught.value.code
        assert [] == left_in(spool)
