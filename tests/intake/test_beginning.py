"""The first bytes of a file as a file of their own."""

import bz2
import gzip
import lzma

import pytest

from csvpipe import Limits
from csvpipe._intake.beginning import beginning_of
from csvpipe.errors import FileError

ROWS = "".join(f"{row},naïve {row}\n" for row in range(50_000))


def test_what_is_whole_stays_as_it_is() -> None:
    """Also without a newline at its end."""
    found = beginning_of(b"id\n1", 4, Limits(), place="a.csv")

    assert (b"id\n1", True, 1.0, None) == (found.data, found.is_whole, found.scale, found.compression)


def test_a_part_ends_with_a_line() -> None:
    """What follows the last end of a line is left out, and the file is told to be so many times as large."""
    found = beginning_of(b"id\n1\n2", 50, Limits(), place="a.csv")

    assert (b"id\n1\n", False, 10.0) == (found.data, found.is_whole, found.scale)


@pytest.mark.parametrize("data", [b"", b"one line"])
def test_a_part_without_an_end_of_a_line_is_taken_as_it_is(data: bytes) -> None:
    """There is nothing better."""
    assert data == beginning_of(data, 50, Limits(), place="a.csv").data


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32"])
@pytest.mark.parametrize("cut", range(401, 409))
def test_no_character_is_cut_in_half(encoding: str, cut: int) -> None:
    """In encodings whose characters have several bytes, wherever the part ends."""
    data = ROWS.encode(encoding)

    found = beginning_of(data[:cut], len(data), Limits(), place="a.csv").data

    text = found.decode(encoding)
    assert text.removeprefix("\ufeff") == ROWS[: len(text)].removeprefix("\ufeff")


@pytest.mark.parametrize(("name", "pack"), [("gzip", gzip.compress), ("bzip2", bz2.compress), ("xz", lzma.compress)])
def test_what_is_compressed_is_unpacked_as_far_as_it_goes(name: str, pack: object) -> None:
    """A part that breaks off is not damaged; of a whole one nothing may be missing."""
    assert callable(pack)
    packed = pack(ROWS[:200_000].encode())
    whole = beginning_of(packed, len(packed), Limits(), place="a.csv")
    part = beginning_of(packed[: -len(packed) // 10], len(packed), Limits(), place="a.csv")

    assert (True, name) == (whole.is_whole, whole.compression)
    assert ROWS[:200_000].encode() == whole.data
    assert (False, name) == (part.is_whole, part.compression)
    assert ROWS.encode().startswith(part.data)
    with pytest.raises(FileError, match="too early"):
        beginning_of(packed[:-20], len(packed) - 20, Limits(), place="a.csv")


def test_of_what_is_much_compressed_no_more_is_unpacked_than_is_looked_at() -> None:
    """Its size is judged by what was read of it."""
    packed = gzip.compress(b"1,2\n" * 2_000_000)

    found = beginning_of(packed, len(packed), Limits(), place="a.csv")

    assert 1024 * 1024 <= len(found.data) < 2 * 1024 * 1024
    assert not found.is_whole
