"""What encoding a file has."""

# ruff: noqa: RUF001  # letters of many scripts are what this is about

from __future__ import annotations

import codecs
import io
import sys

import attrs
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from csvpipe._intake.charset.detect import EncodingFound, detect_encoding
from csvpipe._intake.charset.encoding import resolve_encoding
from csvpipe.errors import FileCode, FileError

_TEXT = "id,name\r\n1,Ana\r\n2,Zoë\r\n"


def found(sample: bytes, *, stated: str | None = None, is_whole: bool = True) -> EncodingFound:
    """What is settled about a file that begins, or is, so."""
    return detect_encoding(sample, stated=stated, place="people.csv", is_whole=is_whole)


def name_of(sample: bytes, *, is_whole: bool = True) -> str:
    """The encoding that is found."""
    return found(sample, is_whole=is_whole).encoding.name


class TestCertain:
    """What leaves no doubt."""

    def test_what_is_stated_wins(self) -> None:
        """Over all that can be seen."""
        expected = EncodingFound(encoding=resolve_encoding("cp1252"), evidence="stated", confidence=1.0)
        assert expected == found(_TEXT.encode(), stated="cp1252")

    @pytest.mark.parametrize("encoding", ["utf-16", "utf-32", "utf-8-sig"])
    def test_a_mark_says_it(self, encoding: str) -> None:
        """At the start of the file."""
        seen = found(_TEXT.encode(encoding))
        assert (resolve_encoding(encoding), "byte order mark", 1.0) == attrs.astuple(seen, recurse=False)

    @pytest.mark.parametrize(
        ("sample", "is_whole", "evidence"),
        [
            (b"", True, "ASCII only"),
            (b"id,name\n", True, "ASCII only"),
            (_TEXT.encode(), True, "every byte of the file is UTF-8"),
            (_TEXT.encode(), False, "every byte of the sample is UTF-8"),
            ("id\né".encode()[:-1], False, "every byte of the sample is UTF-8"),
            ("id,\ufffd\n".encode(), True, "every byte of the file is UTF-8"),
        ],
    )
    def test_utf8_is_what_decodes(self, sample: bytes, is_whole: bool, evidence: str) -> None:  # noqa: FBT001
        """A character that the sample has cut is whole in the file."""
        seen = found(sample, is_whole=is_whole)
        assert ("utf-8", evidence, 1.0) == (seen.encoding.name, seen.evidence, seen.confidence)

    @given(st.text(max_size=300))
    def test_any_text_in_utf8_is_utf8(self, text: str) -> None:
        """Unless it is full of NULs, or looks as if it was UTF-16."""
        text = text.replace("\0", "").replace("\x1b", "").lstrip("\ufeff")
        assert "utf-8" == name_of(text.encode())

    def test_utf8_with_a_damaged_character_is_utf8(self) -> None:
        """It costs its row; another encoding would spoil all the others."""
        seen = found(("é,ü,ß\n" * 4).encode() + b"caf\xe9,\n")
        assert "utf-8" == seen.encoding.name
        assert "most characters beyond ASCII are UTF-8, some are damaged" == seen.evidence
        assert seen.confidence < 1.0


_WIDE = ["utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be"]


class TestWide:
    """UTF-16 and UTF-32 without a mark."""

    @pytest.mark.parametrize("encoding", _WIDE)
    @pytest.mark.parametrize(
        "text",
        [
            "id\n",
            _TEXT,
            _TEXT * 10_000,
            "имя,город\nИван,Москва\n" * 20,
            "名前,住所\n田中,東京都\n" * 20,
            "id,smile\n1,😀\n" * 20,
        ],
        ids=["short", "Latin", "long", "Cyrillic", "Japanese", "beyond the first plane"],
    )
    def test_they_are_told_by_their_nuls(self, encoding: str, text: str) -> None:
        """Which stand beside delimiters, digits and line ends in every script."""
        seen = found(text.encode(encoding)[: 64 * 1024 + 1], is_whole=False)
        assert (encoding, "NUL bytes where this encoding has them") == (seen.encoding.name, seen.evidence)

    @pytest.mark.parametrize(
        "sample", [b"a,b\n1,\0\n", b"\0", b"\0\0", b"a\0,", b"a,b\n" + b"\0,1\n" * 2, b"a,\0\n" * 2 + b"x" * 99]
    )
    def test_cells_with_a_nul_are_no_sign_of_them(self, sample: bytes) -> None:
        """A few NULs leave a text what it is."""
        assert "utf-8" == name_of(sample)

    @pytest.mark.parametrize(
        "sample", [b"\0\xff" * 50, bytes(range(256)) * 9 + bytes(200), b"\1\0\0\0" * 40, b"a\0\0" * 50]
    )
    def test_binary_data_are_refused(self, sample: bytes) -> None:
        """NULs that fit neither of them."""
        with pytest.raises(FileError, match="full of NUL bytes") as caught:
            found(sample)
        assert FileCode.BINARY == caught.value.code


class TestLegacy:
    """Encodings that came before Unicode."""

    def test_the_likeliest_is_taken(self) -> None:
        """And people are told why."""
        seen = found("id,name\n1,Zoë\n2,José\n3,Müller\n".encode("cp1252"))
        assert "cp1252" == seen.encoding.name
        assert "3 of 3 characters beyond ASCII are letters of cp1252" == seen.evidence
        assert 0.0 < seen.confidence < 1.0

    def test_a_cut_character_is_left_out(self) -> None:
        """A sample may end anywhere."""
        sample = ("id,名前\n" + "1,東京都田中\n" * 20).encode("shift_jis")
        assert "cp932" == name_of(sample + "東".encode("shift_jis")[:1], is_whole=False)

    def test_long_lines_are_cut_between_words(self) -> None:
        """A torn character would speak against the right encoding."""
        line = "東京都田中,名前," * 4000
        for shift in range(8):
            assert "cp932" == name_of(("x" * shift + line + "\n").encode("shift_jis"))

    def test_escape_sequences_are_japanese(self) -> None:
        """Though all of its bytes are ASCII."""
        assert "iso2022_jp" == name_of("id,名前\n1,東京都\n".encode("iso2022_jp"))

    @pytest.mark.parametrize("is_whole", [False, True])
    @given(st.binary(max_size=300))
    @example(codecs.BOM_UTF8 + b"\xff")
    def test_any_bytes_have_an_encoding_or_are_binary(self, is_whole: bool, sample: bytes) -> None:  # noqa: FBT001
        """Nothing else is ever raised."""
        try:
            confidence = found(sample, is_whole=is_whole).confidence
        except FileError as error:
            confidence = 1.0 if error.code is FileCode.BINARY else -1.0
        assert 0.0 <= confidence <= 1.0


class TestWithoutLibrary:
    """The extra is not installed."""

    @pytest.fixture(autouse=True)
    def _no_library(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setitem(sys.modules, "chardet", None)

    @pytest.mark.parametrize(
        ("head", "line", "byte", "offset"),
        [
            (b"\xe9", 1, "0xE9", 0),
            (b"id\nJos\xe9,1\n", 2, "0xE9", 6),
            (b"id\r\na\rJos\xe9", 3, "0xE9", 9),
            ("id\né".encode()[:-1], 2, "0xC3", 3),
            ("id\r\né".encode()[:-1], 2, "0xC3", 4),
            ("id\ré".encode()[:-1], 2, "0xC3", 3),
        ],
    )
    def test_the_first_bad_byte_is_named(self, head: bytes, line: int, byte: str, offset: int) -> None:
        """With its line, whatever ends lines, its offset, and both ways out."""
        with pytest.raises(FileError) as caught:
            found(head)
        assert FileCode.ENCODING == caught.value.code
        assert caught.value.message == (
            f"people.csv: line {line}: byte {byte} at offset {offset} is not UTF-8; say what the encoding is, for "
            "instance encoding='cp1252' for files from Excel on Windows, or have it detected: "
            "pip install 'csvpipe[detect]'"
        )

    @pytest.mark.parametrize("end", ["\n", "\r", "\r\n"])
    @pytest.mark.parametrize("extra", range(4))
    def test_it_is_looked_for_in_the_file(self, end: str, extra: int) -> None:
        """A sample of lines from all over it does not know where they stand, nor a block where the next begins."""
        row = "é" * 7 + end
        before = ("x" * extra + row * (2**20 // len(row.encode()) + 3)).encode()
        file = io.BytesIO(before + b"\xe9\n")
        file.seek(5)
        with pytest.raises(FileError) as caught:
            detect_encoding(b"\xe9\n", stated=None, place="people.csv", is_whole=False, file=file)
        line = before.decode().count(end) + 1
        assert f"line {line:,}: byte 0xE9 at offset {len(before):,} is not UTF-8" in caught.value.message

    def test_all_the_rest_is_found(self) -> None:
        """Marks, NULs and UTF-8 need no library."""
        assert ["utf-16", "utf-16-le", "utf-8"] == [
            name_of(_TEXT.encode(each)) for each in ("utf-16", "utf-16-le", "utf-8")
        ]
