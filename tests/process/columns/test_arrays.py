"""Arrays to numpy's and back."""

from __future__ import annotations

import datetime as dt
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from csvpipe._process.columns import arrays
from csvpipe._process.columns.arrays import (
    flags_array,
    flags_of,
    indices_array,
    numbers_of,
    objects_of,
    texts_of,
    without,
)

FLAGS = [True, False, False, True, True, False, True, True, False, True, False]

PROGRAM = """
import importlib.abc, sys
from datetime import date, datetime
from decimal import Decimal
from typing import NamedTuple
import csvpipe

class Finder(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name == "pandas":
            sought.append(name)

class P(NamedTuple):
    a: int
    b: str
    c: date | None
    d: float | None
    e: bool
    f: Decimal
    g: datetime

@csvpipe.pipeline
def take(row: P) -> None:
    assert row in (
        P(1, "x", date(2024, 1, 2), None, True, Decimal("1.50"), datetime(2024, 1, 2, 3, 4)),
        P(2, "y", None, 1.5, False, Decimal("2"), datetime(2024, 1, 2, 3, 4)),
    ), row

sought = []
sys.meta_path.insert(0, Finder())
[result] = csvpipe.run(take, sys.argv[1], workers=1)
print(result.processed_rows, "pyarrow" in sys.modules, sought)
"""


class TestArrays:
    """Values are the same, wherever in its bytes an array begins."""

    @pytest.mark.parametrize("offset", [0, 1, 9])
    def test_there(self, offset: int) -> None:
        """Of pyarrow's."""
        moments = [dt.datetime(2024, 1, day, 3, 4, 5, 6) for day in range(1, 12)]  # noqa: DTZ001
        days = [moment.date() for moment in moments]
        assert FLAGS[offset:] == flags_of(pa.array(FLAGS).slice(offset)).tolist()
        assert days[offset:] == numbers_of(pa.array(days).slice(offset)).tolist()
        assert moments[offset:] == numbers_of(pa.array(moments, pa.timestamp("us")).slice(offset)).tolist()
        for kind in (pa.int32(), pa.int64(), pa.float64()):
            numbers = pa.array(range(11), kind)
            assert numbers.to_pylist()[offset:] == numbers_of(numbers.slice(offset)).tolist()

    def test_nulls(self) -> None:
        """Any number stands in for one."""
        assert [1, 3] == numbers_of(pa.array([1, None, 3])).tolist()[::2]

    def test_back(self) -> None:
        """Of numpy's, contiguous or not."""
        flags, indices = np.array(FLAGS), np.arange(20, dtype=np.int32)[::2]
        assert pa.array(FLAGS) == flags_array(flags)
        assert pa.array(range(0, 20, 2), pa.int64()) == indices_array(indices)
        assert 0 == len(indices_array(indices[:0])) == len(flags_array(flags[:0]))

    @pytest.mark.parametrize("is_quick", [True, False])
    def test_texts(self, monkeypatch: pytest.MonkeyPatch, *, is_quick: bool) -> None:
        """As they are, with whichever pyarrow; and as an array that takes anything."""
        monkeypatch.setattr(arrays, "_HAS_QUICK_LISTS", is_quick)
        texts = texts_of(pa.array(["", "a", "é", "b"]).slice(1))
        assert ["a", "é", "b"] == texts
        objects = objects_of(texts)
        objects[1] = [1]
        assert ["a", [1], "b"] == objects.tolist()

    @pytest.mark.parametrize("offset", [0, 1, 9])
    def test_holes(self, offset: int) -> None:
        """Nulls are put in, in a copy that shares the texts."""
        texts: list[Any] = [str(number) for number in range(11)]
        column = pa.array(texts).slice(offset)
        found = without(column, np.array(FLAGS[offset:]))
        found.validate(full=True)
        expected = [None if flag else text for text, flag in zip(texts, FLAGS, strict=True)]
        assert expected[offset:] == found.to_pylist()
        assert FLAGS[offset:].count(True) == found.null_count
        assert texts[offset:] == column.to_pylist()


def test_pandas_is_left_alone(tmp_path: Path) -> None:
    """A process that makes rows of columns does not even look for it."""
    path = tmp_path / "rows.csv"
    rows = "1,x,2024-01-02,,true,1.50,2024-01-02T03:04\n2,y,,1.5,false,2,2024-01-02 03:04:00\n"
    path.write_text("a,b,c,d,e,f,g\n" + rows * 3_000)
    done = subprocess.run([sys.executable, "-c", PROGRAM, str(path)], capture_output=True, text=True, check=False)
    assert ("6000 True []\n", "") == (done.stdout, done.stderr)
