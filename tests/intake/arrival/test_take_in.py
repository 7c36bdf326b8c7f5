"""From what a caller hands over to a local file."""

from __future__ import annotations

import bz2
import gzip
import hashlib
import io
import lzma
import os
import sys
from array import array
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from csvpipe._intake.arrival import take_in
from csvpipe._intake.arrival.spool import BLOCK_BYTES, Spool
from csvpipe._intake.arrival.take_in import (
    HEAD_BYTES,
    Block,
    Spooling,
    TakenIn,
    source_failed,
    take_in_bytes,
    take_in_file_object,
    take_in_path,
)
from csvpipe._intake.arrival.unpack import Unpacker
from csvpipe._intake.binaries import check_marks
from csvpipe._intake.charset.encoding import choose_encoding
from csvpipe._intake.source import LocalFile
from csvpipe._intake.stated import Stated
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
        with pytest.raises(FileError, match="a PNG picture"):
            take_in_bytes(b"\x89PNG", spool, "x.csv", **settings())
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


_PACKERS: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress,
    "bzip2": bz2.compress,
    "xz": lzma.compress,
}
#: Encodings that give back what they take in.
_ENCODINGS = ["utf-8", "utf-16", "utf-16-be", "utf-32", "cp1252", "cp1251", "koi8-r", "shift_jis", "euc_jp", "big5"]
_ENCODINGS += ["gb18030", "cp949", "iso8859-15", "mac-roman", "cp1256"]

#: More ASCII than is held back of a stream.
_ASCII = "1,Ana,Rome\n" * (HEAD_BYTES // 10)


class TestEncodings:
    """What the bytes are, and what they become."""

    @given(
        st.text(min_size=1, max_size=80),
        st.sampled_from(_ENCODINGS),
        st.sampled_from([None, *_PACKERS]),
        st.lists(st.integers(0, 50), max_size=8),
    )
    def test_text_stays_the_same(
        self, tmp_path_factory: pytest.TempPathFactory, text: str, encoding: str, form: str | None, sizes: list[int]
    ) -> None:
        """In whatever encoding is stated, packed or not, and however it is cut into blocks."""
        data = text.encode(encoding, "ignore")
        text = data.decode(encoding, "replace").removeprefix("\ufeff")
        if "\ufffd" in text or _is_refused(data, encoding):
            return
        data = data if form is None else _PACKERS[form](data)
        with Spooling(Spool(tmp_path_factory.mktemp("spool")), "x.csv", **settings(encoding=encoding)) as spooling:
            rest = data
            for size in sizes:
                spooling.feed(rest[:size])
                rest = rest[size:]
            spooling.feed(rest)
            taken = spooling.finish()
        assert text == content(taken).decode(taken.local_encoding).removeprefix("\ufeff")
        assert (form, "stated") == (taken.compression, taken.encoding.evidence)
        assert hashlib.sha256(data).hexdigest() == taken.file.sha256

    @given(st.binary(max_size=400), st.sampled_from([0, HEAD_BYTES]), st.lists(st.integers(0, 50_000), max_size=4))
    def test_blocks_make_no_difference(
        self, tmp_path_factory: pytest.TempPathFactory, data: bytes, ascii_bytes: int, sizes: list[int]
    ) -> None:
        """Whatever the bytes are: the same file, the same encoding, or the same refusal."""
        data = _ASCII[:ascii_bytes].encode() + data

        def outcome(sizes: list[int]) -> object:
            spool, rest = Spool(tmp_path_factory.mktemp("spool")), data
            try:
                with Spooling(spool, "x.csv", **settings()) as spooling:
                    for size in sizes:
                        spooling.feed(rest[:size])
                        rest = rest[size:]
                    spooling.feed(rest)
                    taken = spooling.finish()
            except FileError as error:
                assert [] == left_in(spool)
                return error.args
            return content(taken), taken.encoding, taken.compression, taken.file.sha256

        assert outcome([]) == outcome(sizes)

    @pytest.mark.parametrize("as_path", [False, True])
    @pytest.mark.parametrize(
        ("word", "encoding", "names"),
        [("Zoë,José,für", "cp1252", ("cp1252", "cp1252")), ("東京都,田中,名前", "shift_jis", ("cp932", "utf-8"))],
    )
    def test_what_comes_late_is_seen(
        self, spool: Spool, tmp_path: Path, word: str, encoding: str, names: tuple[str, str], *, as_path: bool
    ) -> None:
        """A head of plain ASCII says nothing: when all is there, it is judged again, and transcoded if need be."""
        text = _ASCII + f"{word}\n" * 20
        data = text.encode(encoding)
        if as_path:
            path = tmp_path / "people.csv"
            path.write_bytes(data)
            taken = take_in_path(path, spool, "x.csv", **settings())
        else:
            taken = take_in_bytes(data, spool, "x.csv", **settings())
            assert hashlib.sha256(data).hexdigest() == taken.file.sha256
            assert ["x.csv"] == left_in(spool)
        assert names == (taken.encoding.encoding.name, taken.local_encoding)
        assert text == content(taken).decode(taken.local_encoding)

    def test_a_late_byte_that_nobody_knows_leaves_nothing_behind(
        self, spool: Spool, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Without the extra, the file fails; its line is that of the file."""
        monkeypatch.setitem(sys.modules, "chardet", None)
        line = _ASCII.count("\n") + 1
        with pytest.raises(FileError, match=rf"line {line:,}: byte 0xEB at offset {len(_ASCII) + 2:,} is not UTF-8"):
            take_in_bytes((_ASCII + "Zoë\n").encode("cp1252"), spool, "x.csv", **settings())
        assert [] == left_in(spool)

    def test_a_head_that_says_enough_is_not_judged_again(self, spool: Spool) -> None:
        """What comes behind it and is damaged costs its row."""
        data = ("é" + _ASCII).encode() + b"Zo\xeb\n"
        taken = take_in_bytes(data, spool, "x.csv", **settings())
        assert ("utf-8", data) == (taken.local_encoding, content(taken))

    def test_a_disk_that_fails_while_it_is_judged_again(self, spool: Spool, monkeypatch: pytest.MonkeyPatch) -> None:
        """Costs the file."""

        def fail(*_args: object) -> None:
            raise OSError(5, "Input/output error")

        monkeypatch.setattr(take_in, "read_excerpt", fail)
        with pytest.raises(FileError, match="Input/output error"):
            take_in_bytes(_ASCII.encode() + b"x", spool, "x.csv", **settings())
        assert [] == left_in(spool)


def _is_refused(data: bytes, encoding: str) -> bool:
    """Whether these bytes look like something else than a text in this encoding."""
    try:
        check_marks(data, "people.csv")
        choose_encoding(data, encoding, "people.csv")
    except FileError:
        return True
    return not data or Unpacker.of(data, Limits(), place="people.csv") is not None


class TestCompression:
    """Packed sources."""

    @pytest.mark.parametrize("form", list(_PACKERS))
    @pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
    def test_a_packed_file_is_unpacked(self, spool: Spool, tmp_path: Path, form: str, encoding: str) -> None:
        """Into the spool, and into UTF-8; the file itself is not touched."""
        data = _PACKERS[form](_TEXT.encode(encoding))
        path = tmp_path / "people.csv.gz"
        path.write_bytes(data)
        taken = take_in_path(path, spool, "x.csv", **settings())
        assert (_TEXT.encode(), form) == (content(taken), taken.compression)
        assert hashlib.sha256(data).hexdigest() == taken.file.sha256
        assert taken.file.is_spooled
        assert data == path.read_bytes()

    @pytest.mark.parametrize("cut", [1, 5, 12, 20, -1])
    def test_half_a_file_is_none(self, spool: Spool, cut: int) -> None:
        """Nothing of it is kept."""
        with pytest.raises(FileError) as caught:
            take_in_bytes(gzip.compress(_TEXT.encode())[:cut] if cut > 1 else b"\x1f\x8b", spool, "x.csv", **settings())
        assert FileCode.SOURCE_FAILED == caught.value.code
        assert [] == left_in(spool)

    @pytest.mark.parametrize(
        ("inside", "what"), [(b"PK\x03\x04", "a ZIP archive"), (b"x" * 257 + b"ustar", "a tar archive; unpack it")]
    )
    def test_what_is_inside_is_judged(self, spool: Spool, inside: bytes, what: str) -> None:
        """As if it had not been packed."""
        with pytest.raises(FileError, match=what.replace(";", ", no CSV;")) as caught:
            take_in_bytes(gzip.compress(inside), spool, "x.csv", **settings())
        assert FileCode.BINARY == caught.value.code
        assert [] == left_in(spool)

    def test_the_limit_is_for_what_is_unpacked(self, spool: Spool) -> None:
        """That is what lies on disk."""
        with pytest.raises(FileError, match="more than 1,000 bytes arrived") as caught:
            take_in_bytes(gzip.compress(b"id\n" * 1000), spool, "x.csv", **settings(file_bytes=1000))
        assert FileCode.TOO_LARGE == caught.value.code
        assert [] == left_in(spool)

    def test_a_bomb_leaves_nothing_behind(self, spool: Spool) -> None:
        """It is refused as it goes off."""
        with pytest.raises(FileError, match="decompression bomb"):
            take_in_bytes(gzip.compress(b"id\n" * 2**22), spool, "x.csv", **settings())
        assert [] == left_in(spool)


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
        assert (LocalFile.at(path), None, None) == (taken.file, taken.source_encoding, taken.compression)
        assert (stated or "utf-8") == taken.local_encoding
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

    def test_a_file_of_unknown_size_is_refused(self, spool: Spool, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """Such as those of a running system, which say that they are empty; the message says what to do instead."""
        path.write_bytes(b"")
        empty = LocalFile.at(path)
        monkeypatch.setattr(LocalFile, "open_at_once", lambda *_args, **_options: io.BytesIO(b"id\n1\n"))
        monkeypatch.setattr(LocalFile, "at", lambda *_args, **_options: empty)
        with pytest.raises(FileError, match=r"its size is unknown.*pass the stream") as caught:
            take_in_path(path, spool, "x.csv", **settings())
        assert FileCode.SOURCE_FAILED == caught.value.code

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
