"""Bounds on files, rows and fields."""

from __future__ import annotations

import attrs
import pytest

from csvpipe.limits import MIB, Limits


def test_defaults_bound_rows_and_not_files() -> None:
    """Memory depends on rows, so rows are bounded; a file may be as large as it likes."""
    limits = Limits()
    assert (None, None) == (limits.file_bytes, limits.rows)
    assert (2 * MIB, MIB, 16_384) == (limits.row_bytes, limits.field_characters, limits.columns)


@pytest.mark.parametrize("name", [field.name for field in attrs.fields(Limits)])
def test_one_is_the_least(name: str) -> None:
    """A limit of one is odd and allowed; of zero nothing could ever pass, so it is refused by name."""
    assert 1 == getattr(Limits(**{name: 1}), name)
    for too_low in (0, -1):
        with pytest.raises(ValueError, match=name):
            Limits(**{name: too_low})


@pytest.mark.parametrize("name", ["row_bytes", "field_characters", "columns"])
def test_rows_are_always_bounded(name: str) -> None:
    """What keeps memory bounded cannot be switched off."""
    with pytest.raises(TypeError):
        Limits(**{name: None})  # type: ignore[arg-type]


def test_limits_do_not_change() -> None:
    """A plan that is stored stays as it is."""
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        Limits().rows = 3  # type: ignore[misc]
