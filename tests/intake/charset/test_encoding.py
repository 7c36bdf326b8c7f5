"""Which bytes are which characters."""

from __future__ import annotations

import codecs
import encodings.aliases

import pytest
from hypothesis import given
from hypothesis import strategies as st

from csvpipe._intake.charset.encoding import (
    Encoding,
    Transcoder,
    _mark_undecodable,
    choose_encoding,
    mark_length,
    marked_encoding,
    resolve_encoding,
)
from csvpipe.errors import EncodingUnknownError, FileCode, FileError

_TRANSCODED = ["utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-7", "shift_jis", "gbk", "gb18030", "big5", "hz"]
_TRANSCODED += ["iso2022_jp", "iso2022_kr", "euc_jp", "euc_kr", "cp932", "cp949", "johab", "cp037", "cp500"]
_DIRECT = ["utf-8", "ascii", "latin-1", "cp1252", "cp1250", "cp437", "iso8859-15", "koi8-r", "mac-roman", "tis-620"]


class TestResolving:
    """Names of encodings."""

    @pytest.mark.parametrize(
        ("stated", "name"), [("UTF8", "utf-8"), ("utf-8-sig", "utf-8"), ("Latin-1", "iso8859-1"), ("cp1252", "cp1252")]
    )
    def test_names_are_pythons_own(self, stated: str, name: str) -> None:
        """However a name is written, one spelling is kept; a UTF-8 mark needs no encoding of its own."""
        assert Encoding(name=name, is_direct=True) == resolve_encoding(stated)

    @pytest.mark.parametrize("name", _DIRECT)
    def test_single_byte_supersets_of_ascii_are_read_in_place(self, name: str) -> None:
        """Workers can cut these files at any line end."""
        assert resolve_encoding(name).is_direct

    @pytest.mark.parametrize("name", _TRANSCODED)
    def test_all_others_are_not(self, name: str) -> None:
        """Also those that look like ASCII until an escape sequence comes."""
        assert not resolve_encoding(name).is_direct

    @pytest.mark.parametrize("name", sorted(set(encodings.aliases.aliases.values())))
    def test_direct_means_byte_by_byte(self, name: str) -> None:
        """In a direct encoding, every byte decodes by itself, and back to itself."""
        try:
            encoding = resolve_encoding(name)
        except EncodingUnknownError:
            return
        if not encoding.is_direct or encoding.name == "utf-8":
            return
        every = bytes(range(256))
        text = every.decode(encoding.name, "surrogateescape")
        assert [bytes([byte]).decode(encoding.name, "surrogateescape") for byte in every] == list(text)
        assert every == text.encode(encoding.name, "surrogateescape")
        assert bytes(range(128)).decode("ascii") == text[:128]

    @pytest.mark.parametrize(
        "name", ["", "no-such", "rot13", "hex", "zlib", "idna", "punycode", "undefined", "utf\0", "ütf", "x" * 5000]
    )
    def test_what_is_no_text_encoding_is_misuse(self, name: str) -> None:
        """Transformations, encodings of host names and nonsense are unknown, whatever Python itself raises."""
        with pytest.raises(EncodingUnknownError, match="unknown encoding"):
            resolve_encoding(name)


class TestMarks:
    """Byte order marks, and what is stated beside them."""

    @pytest.mark.parametrize(
        ("mark", "name"),
        [
            (codecs.BOM_UTF8, "utf-8"),
            (codecs.BOM_UTF16_LE, "utf-16"),
            (codecs.BOM_UTF16_BE, "utf-16"),
            (codecs.BOM_UTF32_LE, "utf-32"),
            (codecs.BOM_UTF32_BE, "utf-32"),
        ],
    )
    def test_a_mark_states_the_encoding(self, mark: bytes, name: str) -> None:
        """UTF-32 is not taken for UTF-16, whose mark it starts with."""
        assert name == marked_encoding(mark)
        assert name == choose_encoding(mark, None, "people.csv").name

    def test_without_mark_and_statement_it_is_utf8(self) -> None:
        """The default."""
        assert marked_encoding(b"id,n") is None
        assert Encoding(name="utf-8", is_direct=True) == choose_encoding(b"id,n", None, "people.csv")

    @pytest.mark.parametrize(
        ("head", "stated"),
        [
            (codecs.BOM_UTF16_LE, "utf-16"),
            (codecs.BOM_UTF16_LE, "utf-16-le"),
            (codecs.BOM_UTF16_LE + b"\0\0", "utf-16-le"),
            (codecs.BOM_UTF16_BE, "utf-16-be"),
            (codecs.BOM_UTF32_LE, "utf-32"),
            (codecs.BOM_UTF32_BE, "utf-32-be"),
            (codecs.BOM_UTF8, "cp1252"),
            (codecs.BOM_UTF8, "shift_jis"),
            (b"", "utf-16"),
            (b"i\0d\0", "utf-16-le"),
            (b"id,n", "utf-8-sig"),
        ],
    )
    def test_what_is_stated_wins(self, head: bytes, stated: str) -> None:
        """A mark that agrees, or that cannot be meant, changes nothing."""
        assert resolve_encoding(stated) == choose_encoding(head, stated, "people.csv")

    @pytest.mark.parametrize("mark", [codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE, codecs.BOM_UTF32_LE])
    @pytest.mark.parametrize("stated", ["utf-8", "cp1252", "shift_jis", "utf-7"])
    def test_a_mark_of_wide_characters_contradicts_narrow_ones(self, mark: bytes, stated: str) -> None:
        """Every cell would be garbage."""
        with pytest.raises(FileError, match=rf"^people\.csv: starts with .* but encoding='{stated}' is") as caught:
            choose_encoding(mark, stated, "people.csv")
        assert FileCode.ENCODING == caught.value.code

    def test_a_mark_contradicts_the_other_order_of_bytes(self) -> None:
        """Little endian is not big endian."""
        with pytest.raises(FileError, match="say encoding='utf-16'"):
            choose_encoding(codecs.BOM_UTF16_BE, "utf-16-le", "people.csv")

    @pytest.mark.parametrize("stated", ["utf-16", "utf-32"])
    def test_an_encoding_of_two_orders_needs_a_mark(self, stated: str) -> None:
        """Without one the order of bytes would be a guess."""
        with pytest.raises(FileError, match=f"say encoding='{stated}-le'") as caught:
            choose_encoding(b"i\0d\0", stated, "people.csv")
        assert FileCode.ENCODING == caught.value.code

    @pytest.mark.parametrize(
        ("head", "encoding", "length"),
        [
            (codecs.BOM_UTF8 + b"id", "utf-8", 3),
            (codecs.BOM_UTF8 + b"id", "cp1252", 3),
            (codecs.BOM_UTF8 * 2 + b"id", "utf-8", 6),
            (codecs.BOM_UTF8 * 2, "cp1252", 6),
            (codecs.BOM_UTF8 + b"id", "utf-16-le", 0),
            (b"id", "utf-8", 0),
        ],
    )
    def test_a_utf8_mark_is_left_out(self, head: bytes, encoding: str, length: int) -> None:
        """Under any encoding but the wide ones, where these bytes are a letter."""
        assert length == mark_length(head, encoding)


def _in_blocks(data: bytes, sizes: list[int], transcoder: Transcoder) -> bytes:
    done = b""
    for size in sizes:
        done += transcoder.feed(data[:size])
        data = data[size:]
    return done + transcoder.feed(data) + transcoder.feed(b"", final=True)


_SIZES = st.lists(st.integers(0, 7), max_size=12)


class TestTranscoder:
    """Any bytes in, UTF-8 out."""

    @given(st.text().filter(lambda text: not text.startswith("\ufeff")), st.sampled_from(_TRANSCODED), _SIZES)
    def test_text_stays_the_same(self, text: str, encoding: str, sizes: list[int]) -> None:
        """In whatever encoding, and however it is cut into blocks."""
        # What the encoding lacks cannot be in a file; and what it takes in must be what it gives back.
        data = text.encode(encoding, "ignore")
        text = data.decode(encoding, "replace")
        if "\ufffd" not in text:
            assert text.encode() == _in_blocks(data, sizes, Transcoder(encoding))

    @given(st.binary(), st.sampled_from([*_TRANSCODED, *_DIRECT]), _SIZES)
    def test_no_bytes_raise(self, data: bytes, encoding: str, sizes: list[int]) -> None:
        """What does not decode becomes 0xFF, which costs its row, and the same whatever the blocks."""
        if choose_without_mark(data, encoding):
            _in_blocks(data, sizes, Transcoder(encoding)).replace(b"\xff", b"").decode()

    def test_what_does_not_decode_becomes_a_byte_that_no_text_has(self) -> None:
        """The text around it stays."""
        assert b"a\xffb" == _in_blocks(b"a\0\x00\xd8b\0", [], Transcoder("utf-16-le"))

    def test_a_character_cut_off_at_the_end_is_undecodable(self) -> None:
        """Nothing is dropped silently."""
        assert b"a\xff" == _in_blocks(b"a\0b", [], Transcoder("utf-16-le"))

    def test_lone_surrogates_are_undecodable(self) -> None:
        """UTF-7 lets them through; two of them must not make up another character."""
        assert b"\xff\xff" == _in_blocks(b"+3MPcqQ-", [], Transcoder("utf-7"))

    @given(st.sampled_from(["utf-16", "utf-16-le", "utf-16-be", "utf-32", "gb18030"]), _SIZES)
    def test_a_mark_is_no_text(self, encoding: str, sizes: list[int]) -> None:
        """Whether the decoder takes it for a mark or for a character."""
        text = "id" if encoding in {"utf-16", "utf-32"} else "\ufeffid"
        assert b"id" == _in_blocks(text.encode(encoding), sizes, Transcoder(encoding))

    @given(_SIZES)
    def test_several_marks_are_no_text_either(self, sizes: list[int]) -> None:
        """However they are cut into blocks; one behind a letter is text."""
        data = "\ufeff\ufeff\ufeffi\ufeffd".encode("utf-16-le")
        assert "i\ufeffd".encode() == _in_blocks(data, sizes, Transcoder("utf-16-le"))

    @given(_SIZES)
    def test_bytes_to_skip_may_come_one_by_one(self, sizes: list[int]) -> None:
        """A UTF-8 mark before another encoding's text is left out."""
        data = codecs.BOM_UTF8 + "名".encode("shift_jis")
        assert "名".encode() == _in_blocks(data, sizes, Transcoder("shift_jis", skip_bytes=3))

    def test_what_is_no_decoding_error_is_not_hidden(self) -> None:
        """The handler of undecodable bytes does no more than that."""
        with pytest.raises(UnicodeError, match="something else"):
            _mark_undecodable(UnicodeError("something else"))


def choose_without_mark(data: bytes, encoding: str) -> bool:
    """Whether intake would transcode these bytes at all."""
    try:
        choose_encoding(data[:4], encoding, "people.csv")
    except FileError:
        return False
    return bool(data)
