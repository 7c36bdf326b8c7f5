"""Bad cells of a chunk, and what is wrong with them."""

from __future__ import annotations

import attrs
import numpy as np
import pyarrow as pa
import pytest

from csvpipe._process.binding import bind
from csvpipe._process.columns.bad import BadCells
from csvpipe._process.diagnose import _KEPT, Diagnosis
from csvpipe.rowtypes import read_row_type


@attrs.frozen
class Pair:
    """Two numbers, in another order than in the file."""

    b: int
    a: int


def a_diagnosis() -> Diagnosis:
    """Of a file with the columns `a` and `b`."""
    schema = read_row_type(Pair)
    return Diagnosis(schema, bind(schema, ["a", "b"]), Pair, {})


def test_flaws_are_in_file_order() -> None:
    """Whichever column is looked at first, and however often."""
    schema = read_row_type(Pair)
    b, a = bind(schema, ["a", "b"])
    bad = BadCells(a_diagnosis())
    bad.add(b, [(7, "x"), (9, "")])
    bad.add_of(a, pa.array(["1"] * 7 + ["y"]), np.array([7]))
    bad.add_of(a, pa.array(["1"]), np.array([], np.int64))
    assert [7, 9] == list(bad)
    assert [("a", "int", "y"), ("b", "int", "x")] == [(flaw.column, flaw.code, flaw.value) for flaw in bad.flaws_of(7)]
    assert [("b", "missing")] == [(flaw.column, flaw.code) for flaw in bad.flaws_of(9)]
    assert ([], "<BadCells in 0 rows>") == (list(bad), repr(bad))


def test_a_good_cell_is_no_bad_one() -> None:
    """What the columns have found must be found again."""
    binding = bind(read_row_type(Pair), ["a", "b"])[0]
    bad = BadCells(a_diagnosis())
    bad.add(binding, [(0, "1")])
    with pytest.raises(AssertionError, match="row 0 is bad by its columns"):
        bad.flaws_of(0)


def test_flaws_are_kept() -> None:
    """The same words are the same flaw, until there are too many of them; long ones are not kept."""
    diagnosis = a_diagnosis()
    binding = bind(read_row_type(Pair), ["a", "b"])[0]
    first = diagnosis.flaw_of(binding, "x")
    assert first is not None
    assert first is diagnosis.flaw_of(binding, "x")
    for number in range(_KEPT):
        diagnosis.flaw_of(binding, f"x{number}")
    again = diagnosis.flaw_of(binding, "x")
    assert first == again
    assert first is not again
    long = diagnosis.flaw_of(binding, "x" * 10_000)
    assert long is not diagnosis.flaw_of(binding, "x" * 10_000)
    assert None is diagnosis.flaw_of(binding, " 1 ")
