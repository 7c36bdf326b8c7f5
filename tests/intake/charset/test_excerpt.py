"""A bounded part of a large file that shows what is in all of it."""

from __future__ import annotations

import io
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from csvpipe._intake.charset import excerpt as excerpt_module
from csvpipe._intake.charset.excerpt import EXCERPT_BYTES, read_excerpt, whole_lines

_ROW = b"1,Ana,Rome\n"
_HEAD = 256 * 1024


def excerpt(data: bytes) -> bytes:
    """Of a file that somebody has read from."""
    file = io.BytesIO(data)
    file.seek(3)
    return read_excerpt(file, len(data))


@pytest.mark.parametrize("data", [b"", b"id\nJos\xe9", b"x" * EXCERPT_BYTES], ids=["empty", "small", "just"])
def test_a_small_file_is_its_own_excerpt(data: bytes) -> None:
    """Byte by byte."""
    assert data == excerpt(data)


def test_a_large_file_is_seen_from_start_to_end() -> None:
    """In whole lines, and no more than is bearable."""
    rows = [b"%d,\xe9\xe8\n" % number for number in range(500_000)]
    seen = excerpt(b"".join(rows))
    assert len(seen) <= EXCERPT_BYTES
    lines = seen.splitlines(keepends=True)
    assert set(lines) <= set(rows)
    numbers = [int(line.split(b",")[0]) for line in lines]
    assert (0, 499_999 - 1) == (numbers[0], numbers[-1] - (numbers[-1] == 499_999))
    assert max(later - sooner for sooner, later in pairwise(numbers)) < 12_000


def test_a_byte_beyond_ascii_between_the_samples_is_found() -> None:
    """Where these have none, the file is searched: one late accent is enough to tell its encoding."""
    size = len(_ROW)
    rows = [_ROW] * (4 * 1024 * 1024 // size)
    at = (_HEAD + 30_000) // size  # behind a block of 16 KiB, before the next one
    rows[at] = b"2,Jos\xe9,Rom\n"
    assert excerpt(b"".join(rows)).endswith(b"\n2,Jos\xe9,Rom\n")


def test_a_large_file_of_ascii_has_nothing_to_find() -> None:
    """The search ends with the file."""
    assert excerpt(_ROW * 400_000).isascii()


def test_the_search_has_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """What stands too far into the file is not looked for."""
    monkeypatch.setattr(excerpt_module, "_SEARCHED_BYTES", 1024 * 1024)
    at = (_HEAD + 2 * 1024 * 1024) // len(_ROW)
    data = _ROW * at + b"2,Jos\xe9,Rom\n" + _ROW * at * 4
    assert excerpt(data).isascii()


def test_a_file_without_line_ends_has_its_head() -> None:
    """No character of the others would be sure to be whole; nor the last one of the head."""
    assert b"" == excerpt(b"\xe9" * (2 * EXCERPT_BYTES))


@given(st.lists(st.sampled_from([b"a", b"\n", b"\r", b"\r\n", b"\xe9"]), max_size=12))
def test_whole_lines_are_lines_of_the_block(parts: list[bytes]) -> None:
    """They begin behind a line end and end with one."""
    block = b"".join(parts)
    found = whole_lines(block)
    ends = (b"\n", b"\r")
    assert not found or found.endswith(ends)
    assert not found or any(block[:at].endswith(ends) and block.startswith(found, at) for at in range(len(block)))


def test_old_mac_lines_are_lines() -> None:
    """They end with a carriage return alone."""
    assert b"b\r" == whole_lines(b"a\rb\rc")
