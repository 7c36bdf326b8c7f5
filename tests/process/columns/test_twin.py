"""Objects that are made without their constructor, and those that are not."""

from __future__ import annotations

import dataclasses
import sys
import weakref
from collections.abc import Callable, Iterator
from functools import cached_property
from typing import Any, Self

import attrs
import pytest

from csvpipe._process.binding import bind
from csvpipe._process.columns.twin import twin_of
from csvpipe.rowtypes import read_row_type


@attrs.frozen
class Frozen:
    """Two fields, one of which has a default, and a method."""

    a: int
    b: str = "b"

    def doubled(self) -> int:
        """Use a field."""
        return 2 * self.a


@attrs.frozen(kw_only=True)
class Named:
    """Fields by name alone, one of them under another one."""

    b: str
    _a: int


@attrs.frozen(weakref_slot=False, eq=False)
class Bare:
    """Without room for weak references."""

    a: int
    b: str


@dataclasses.dataclass(frozen=True, slots=True)
class Data:
    """The standard library's."""

    a: int
    b: str = "b"


@attrs.frozen
class Lazy:
    """With a slot that is no field."""

    a: int
    b: str

    @cached_property
    def text(self) -> str:
        """What is only made when it is wanted."""
        return self.b * self.a


@attrs.frozen
class Validated:
    """With a validator."""

    a: int = attrs.field(validator=attrs.validators.gt(0))
    b: str


@attrs.frozen
class Converted:
    """With a converter."""

    a: int = attrs.field(converter=abs)
    b: str


@attrs.frozen
class Hooked:
    """With a hook after the constructor."""

    a: int
    b: str

    def __attrs_post_init__(self) -> None:
        """Do nothing, which nobody can know."""


@attrs.frozen
class Produced:
    """With a factory."""

    a: int
    b: str = attrs.field(factory=str)


@attrs.frozen(cache_hash=True)
class Hashed:
    """With a field that only the constructor knows."""

    a: int
    b: str


@attrs.frozen
class Derived:
    """With a field that the constructor does not take."""

    a: int
    b: str
    c: int = attrs.field(init=False, default=3)


@attrs.frozen
class Written:
    """With a constructor of its own."""

    a: int
    b: str

    def __init__(self, a: int, b: str) -> None:
        self.__attrs_init__(a + 1, b)  # type: ignore[attr-defined]


@attrs.frozen
class Renewed:
    """With a `__new__` of its own."""

    a: int
    b: str

    def __new__(cls, a: int, b: str) -> Self:
        """Make what the constructor fills."""
        del a, b
        return object.__new__(cls)


@attrs.frozen
class Child(Frozen):
    """With a base class."""


@attrs.frozen(slots=False)
class Unslotted:
    """Without slots."""

    a: int
    b: str


@attrs.define
class Changing:
    """Not frozen."""

    a: int
    b: str


class _Meta(type):
    def __call__(cls, a: int, b: str) -> Any:
        return super().__call__(a, b)


@attrs.frozen
class Called(metaclass=_Meta):
    """Whose class has a say."""

    a: int
    b: str


@dataclasses.dataclass(frozen=True, slots=True)
class DataHooked:
    """The standard library's, with a hook."""

    a: int
    b: str

    def __post_init__(self) -> None:
        """Do nothing, which nobody can know."""


def maker(row_type: Any, columns: list[str] | None = None) -> Callable[[Any], Iterator[Any]] | None:
    """What makes its objects of the lists of its fields."""
    schema = read_row_type(row_type)
    return twin_of(schema, bind(schema, columns or ["a", "b"]))


HAS_WEAK_TWINS = sys.version_info >= (3, 12)


class TestTwins:
    """The same objects, without the constructor."""

    @pytest.mark.parametrize("row_type", [Frozen, Named, Bare, Data, Lazy])
    def test_objects(self, row_type: Any) -> None:
        """Class, values and all that is made of them."""
        make = maker(row_type)
        if make is None:
            assert row_type not in {Bare, Data}
            assert not HAS_WEAK_TWINS
            return
        lists = [[1, 2], ["x", "y"]] if row_type is not Named else [["x", "y"], [1, 2]]
        made, expected = list(make(lists)), [row_type(a=1, b="x"), row_type(a=2, b="y")]

        def state(row: Any) -> object:
            return type(row), [getattr(row, name) for name in row_type.__slots__ if name in {"a", "_a", "b"}]

        assert [state(row) for row in expected] == [state(row) for row in made]
        assert row_type.__eq__ is object.__eq__ or expected == made
        with pytest.raises(AttributeError):
            made[0].b = "z"

    @pytest.mark.skipif(not HAS_WEAK_TWINS, reason="the layouts of such classes count as different")
    def test_what_hangs_on_an_object(self) -> None:
        """Methods, weak references, hashes, properties that fill a slot of their own."""
        [row] = maker(Frozen)([[4], ["x"]])  # type: ignore[misc]
        [lazy] = maker(Lazy)([[2], ["x"]])  # type: ignore[misc]
        assert 8 == row.doubled()
        assert row is weakref.ref(row)()
        assert hash(Frozen(4, "x")) == hash(row)
        assert ["xx", "xx"] == [lazy.text, lazy.text]


class TestOthers:
    """Where a constructor may do more, it is called."""

    @pytest.mark.parametrize(
        "row_type",
        [
            Validated,
            Converted,
            Hooked,
            Produced,
            Hashed,
            Derived,
            Written,
            Renewed,
            Child,
            Unslotted,
            Changing,
            Called,
            DataHooked,
        ],
    )
    def test_class(self, row_type: Any) -> None:
        """More than slots that are filled."""
        assert maker(row_type) is None

    def test_a_column_is_missing(self) -> None:
        """The constructor knows the default."""
        assert maker(Frozen, ["a"]) is None

    def test_a_patched_constructor(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Whatever looks generated is compared with what would be."""

        def fill(self: Bare, a: int, b: str) -> None:
            object.__setattr__(self, "a", a)
            object.__setattr__(self, "b", b * 2)

        monkeypatch.setattr(Bare, "__init__", fill)
        assert maker(Bare) is None
        monkeypatch.undo()
        monkeypatch.setattr(Bare, "a", property(str))
        assert maker(Bare) is None

    def test_another_setter(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """The same instructions mean something else where a name does."""
        monkeypatch.setitem(Bare.__init__.__globals__, "_cached_setattr_get", id)
        assert maker(Bare) is None
