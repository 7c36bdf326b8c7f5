"""Compressed files, unpacked as they come."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import random
import sys
from collections.abc import Callable
from importlib import import_module

import pytest
from hypothesis import given
from hypothesis import strategies as st

from csvpipe._intake.arrival import unpack
from csvpipe._intake.arrival.unpack import MARK_BYTES, Unpacker
from csvpipe.errors import FileCode, FileError
from csvpipe.limits import MIB, Limits

zstd = import_module("compression.zstd" if sys.version_info >= (3, 14) else "backports.zstd")


def _alone(data: bytes) -> bytes:
    return lzma.compress(data, lzma.FORMAT_ALONE)


PACKERS: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress,
    "bzip2": bz2.compress,
    "xz": lzma.compress,
    "lzma": _alone,
    "zstd": zstd.compress,
}
#: Those whose files may have several members, one behind the other.
MEMBERS = ["gzip", "bzip2", "xz", "zstd"]

packed_by = pytest.mark.parametrize("form", list(PACKERS))


def unpacked(data: bytes, sizes: list[int] | None = None, *, ratio: int | None = 200) -> bytes:
    """What comes out of a file that arrives in blocks of these sizes, and then the rest."""
    unpacker = Unpacker.of(data[:MARK_BYTES], Limits(decompression_ratio=ratio), place="people.csv")
    assert unpacker is not None
    done = b""
    for size in sizes or []:
        done += b"".join(unpacker.feed(data[:size]))
        data = data[size:]
    done += b"".join(unpacker.feed(data))
    unpacker.finish()
    return done


class TestUnpacking:
    """What is whole."""

    @given(st.binary(max_size=300), st.sampled_from(list(PACKERS)), st.lists(st.integers(0, 40), max_size=12))
    def test_what_was_packed_comes_out(self, data: bytes, form: str, sizes: list[int]) -> None:
        """However it is cut into blocks."""
        assert data == unpacked(PACKERS[form](data), sizes)

    @given(
        st.lists(st.binary(max_size=40), min_size=2, max_size=4),
        st.sampled_from(MEMBERS),
        st.lists(st.integers(0, 9), max_size=30),
        st.integers(0, 9),
    )
    def test_members_follow_on_each_other(self, parts: list[bytes], form: str, sizes: list[int], padding: int) -> None:
        """A file that was appended to is all of its members; what fills up its last block is none."""
        data = b"".join(map(PACKERS[form], parts))
        assert b"".join(parts) == unpacked(data + bytes(padding), sizes)

    @packed_by
    def test_the_form_is_told_by_the_first_bytes(self, form: str) -> None:
        """Its name is that of the tool."""
        unpacker = Unpacker.of(PACKERS[form](b"id\n")[:MARK_BYTES], Limits(), place="people.csv")
        assert unpacker is not None
        assert {"lzma": "xz"}.get(form, form) == unpacker.name

    @pytest.mark.parametrize("head", [b"", b"id,name\n", b"BZhours,rate\n", b"]\n", b"PK\x03\x04"])
    def test_others_are_none(self, head: bytes) -> None:
        """Text, and archives, which hold more than one file."""
        assert Unpacker.of(head, Limits(), place="people.csv") is None

    def test_a_frame_to_be_skipped_is(self) -> None:
        """As parallel zstd puts them in."""
        assert b"id\n" == unpacked(b"\x50\x2a\x4d\x18\x04\0\0\0abcd" + zstd.compress(b"id\n"))

    @packed_by
    def test_much_comes_in_pieces(self, form: str) -> None:
        """So that memory is bounded whatever one block holds."""
        data = PACKERS[form](bytes(4 * MIB))
        unpacker = Unpacker.of(data[:MARK_BYTES], Limits(), place="people.csv")
        assert unpacker is not None
        sizes = [len(piece) for piece in unpacker.feed(data)]
        assert 4 * MIB == sum(sizes)
        assert max(sizes) <= 256 * 1024


class TestDamage:
    """What is not whole is not imported."""

    @packed_by
    @pytest.mark.parametrize("left", [MARK_BYTES, 30, -1])
    def test_what_ends_too_early_is_refused(self, form: str, left: int) -> None:
        """Even if all of the text is there, its check sum is not."""
        data = PACKERS[form](random.Random(1).randbytes(200))
        with pytest.raises(FileError, match=r"^people\.csv: this \w+ file is damaged: it ends too early") as caught:
            unpacked(data[:left])
        assert FileCode.SOURCE_FAILED == caught.value.code

    @pytest.mark.parametrize("form", MEMBERS)
    def test_what_was_changed_on_the_way_is_refused(self, form: str) -> None:
        """The format's own check sum says so, or its decoder."""
        data = bytearray(PACKERS[form](random.Random(1).randbytes(2000)))
        if form == "zstd":
            data[5] ^= 0xFF  # it has no check sum unless asked for one
        else:
            data[len(data) // 2] ^= 0xFF
        with pytest.raises(FileError, match="is damaged"):
            unpacked(bytes(data))

    @pytest.mark.parametrize("form", MEMBERS)
    @pytest.mark.parametrize("rest", [b"id", b"\0\0id", b"\0" * 5000 + b"x"])
    def test_what_follows_on_the_end_must_be_a_member(self, form: str, rest: bytes) -> None:
        """Otherwise rows may be missing."""
        with pytest.raises(FileError, match="is damaged: something else follows on its end"):
            unpacked(PACKERS[form](b"id\n") + rest)

    @pytest.mark.parametrize("form", ["gzip", "bzip2", "xz", "zstd"])
    def test_the_beginning_of_a_member_is_no_member(self, form: str) -> None:
        """A file that was cut right behind its first bytes."""
        with pytest.raises(FileError, match="it ends too early"):
            unpacked(PACKERS[form](b"id\n") + PACKERS[form](b"id\n")[:1])

    @given(st.binary(max_size=200), st.sampled_from(list(PACKERS)))
    def test_any_other_bytes_are_told_to_be_damaged(self, rest: bytes, form: str) -> None:
        """Whatever follows on the mark."""
        code = None
        try:
            unpacked(PACKERS[form](b"id\n")[:MARK_BYTES] + rest)
        except FileError as error:
            code = error.code
        assert code in {None, FileCode.SOURCE_FAILED}


class TestBombs:
    """Small files that hold very much."""

    def test_a_bomb_is_refused_before_it_goes_off(self) -> None:
        """Past 10 MiB, a thousand times its size is no table; the message names both ways out."""
        data = gzip.compress(bytes(20 * MIB))
        with pytest.raises(FileError, match="looks like a decompression bomb") as caught:
            unpacked(data)
        assert FileCode.TOO_LARGE == caught.value.code
        assert "Limits(decompression_ratio=" in caught.value.message

    @pytest.mark.parametrize(("size", "ratio"), [(10 * MIB, 200), (20 * MIB, None), (20 * MIB, 2000)])
    def test_what_is_allowed_is_unpacked(self, size: int, ratio: int | None) -> None:
        """Little, or as much as the limit says."""
        assert size == len(unpacked(gzip.compress(bytes(size)), ratio=ratio))


class TestZstd:
    """An extra on Pythons that do not have it."""

    def test_without_it_the_way_out_is_named(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """The file fails, not the pool."""

        def missing(name: str) -> None:
            raise ImportError(name)

        monkeypatch.setattr(unpack, "import_module", missing)
        with pytest.raises(FileError, match=r"pip install 'csvpipe\[zstd\]', or decompress it first") as caught:
            unpacked(zstd.compress(b"id\n"))
        assert FileCode.SOURCE_FAILED == caught.value.code


def test_members_may_have_levels_of_their_own() -> None:
    """The first bytes of bzip2 differ by level."""
    buffer = io.BytesIO()
    for level in range(1, 10):
        buffer.write(bz2.compress(b"%d\n" % level, level))
    assert b"1\n2\n3\n4\n5\n6\n7\n8\n9\n" == unpacked(buffer.getvalue())
