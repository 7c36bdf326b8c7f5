"""Strides by example: what they pass, where they cut, and what they leave to others."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from csvpipe._partition import arrays
from csvpipe._partition.arrays import WORTH_BYTES, Arrays
from csvpipe._partition.grammar import Grammar
from csvpipe._partition.stride import Cutting, Stride, count_by_splitting, stride
from csvpipe.dialect import Dialect

Strider = Callable[[bytes, Dialect], "Stride | None"]


def _sparse(data: bytes, dialect: Dialect) -> Stride | None:
    cutting = Cutting(6, 6, len(data))
    return stride(Grammar.of(dialect, "utf-8"), data, 0, len(data), cutting, count_lines=count_by_splitting)


def _dense(data: bytes, dialect: Dialect) -> Stride | None:
    return Arrays(np).stride(Grammar.of(dialect, "utf-8"), data, 0, len(data), Cutting(6, 6, len(data)))


both = pytest.mark.parametrize("strider", [_sparse, _dense])


@both
@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"1,2\n3,4\n5,6\n7,8\n", Stride(16, 4, 4, [8])),
        (b"1,2\n\n\n3,4", Stride(9, 2, 4, [6])),
        (b'1,"a\nb"\n3,"c,""d"""\n', Stride(20, 2, 3, [8])),
        (b'1,"a\n\n\nb"\n3\n', Stride(12, 2, 5, [10])),
        (b'1,2\n3,"open\nstill\n', Stride(4, 1, 1, [])),
        (b'"a\nb",1\n"c\nd",2\n3,"open\n', Stride(16, 2, 4, [8, 16])),
        (b'1,"a"', Stride(5, 1, 1, [])),
    ],
)
def test_records_are_passed(strider: Strider, data: bytes, expected: Stride) -> None:
    """Rows, lines and cuts of the records that end; newlines in quotes end none, blank lines are no rows."""
    assert expected == strider(data, Dialect())


@both
@pytest.mark.parametrize(
    ("data", "dialect"),
    [
        (b'1,a"b\n', Dialect()),
        (b'1,"a"b\n', Dialect()),
        (b'"open\n', Dialect()),
        (b"1\r2\n", Dialect()),
        (b'1, "a"\n', Dialect(skipinitialspace=True)),
        (b'1,"a"\n', Dialect(doublequote=False)),
        (b'1,"a\\""\n', Dialect(escapechar="\\")),
        (b"1,a\\\nb\n", Dialect(escapechar="\\")),
        ("1§'a'\n".encode(), Dialect(delimiter="§", quotechar="'")),
    ],
)
def test_what_is_not_regular_is_left(strider: Strider, data: bytes, dialect: Dialect) -> None:
    """Nothing is said where newlines outside of regular quotes would not decide alone."""
    assert strider(data, dialect) is None


def test_escapes_within_lines_do_not_matter() -> None:
    """Without quotes an escape matters only before a line end."""
    assert Stride(10, 2, 2, [6]) == _sparse(b"1,a\\,\n2,b\n", Dialect(escapechar="\\"))
    assert _sparse(b"1,a\\", Dialect(escapechar="\\")) is None


def test_returns_before_newlines_are_lines() -> None:
    r"""With numpy `\r\n` is as good as `\n`, and a lone `\r` at the very end is none of it."""
    assert Stride(10, 2, 3, [7]) == _dense(b"1,2\r\n\r\n3\r\n"[:10], Dialect())
    assert _dense(b"1,2\r\n3\r", Dialect()) is None


def test_many_quotes_are_not_visited_one_by_one() -> None:
    """A file of quoted cells is no work for a loop."""
    data = b'"1","2"\n' * 100

    assert _sparse(data, Dialect()) is None
    assert [8 * row for row in range(1, 101)] == Arrays(np).record_ends(Grammar.of(Dialect(), "utf-8"), data, 0, 800)


def test_both_count_lines_alike() -> None:
    """With numpy or without it: lines, and blank ones among them."""
    data = b"\n1\n\n\n2\n3"
    known = [(start, end) for start in (0, 1, 3) for end in (4, 5, 7, 8)]

    assert [count_by_splitting(data, *at) for at in known] == [Arrays(np).count_lines(data, *at) for at in known]


def test_numpy_is_asked_for_much_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """A small file does not wait for its import, unless it has been imported; and nothing depends on it."""
    assert "room for 0 bytes" in repr(Arrays.for_bytes(1))
    monkeypatch.delitem(arrays.sys.modules, "numpy")
    assert Arrays.for_bytes(WORTH_BYTES - 1) is None
    monkeypatch.setattr(arrays, "_numpy", lambda: None)
    assert Arrays.for_bytes(WORTH_BYTES) is None


def test_numpy_may_be_absent(monkeypatch: pytest.MonkeyPatch) -> None:
    """Then there are no arrays."""
    monkeypatch.setitem(arrays.sys.modules, "numpy", None)
    arrays._numpy.cache_clear()
    try:
        assert arrays._numpy() is None
    finally:
        arrays._numpy.cache_clear()
