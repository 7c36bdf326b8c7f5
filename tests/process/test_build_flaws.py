"""Bad rows are told with all their flaws, each with its column, code and reason."""

from __future__ import annotations

import asyncio
import datetime as dt
import enum
import threading
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from uuid import UUID

import attrs
import pytest
from attrs import validators
from hypothesis import given
from hypothesis import strategies as st

from csvpipe._process.build import BadRow, Builder, Flaw, compile_builder
from csvpipe.errors import Phase, Reject, RowCode, Skip
from csvpipe.rowtypes import Scalar, read_row_type


class Size(enum.Enum):
    """An enum of which no value is empty."""

    SMALL = "S"
    LARGE = "L"


@attrs.frozen
class Everything:
    """A required field of every scalar."""

    text: str
    whole: int
    real: float
    exact: Decimal
    flag: bool
    day: dt.date
    moment: dt.datetime
    clock: dt.time
    key: UUID
    size: Size


GOOD: dict[str, tuple[str, object]] = {
    "text": (" a ", " a "),
    "whole": ("7", 7),
    "real": ("1.5", 1.5),
    "exact": ("1.50", Decimal("1.50")),
    "flag": ("yes", True),
    "day": ("2026-01-02", dt.date(2026, 1, 2)),
    "moment": ("2026-01-02 03:04Z", dt.datetime(2026, 1, 2, 3, 4, tzinfo=dt.UTC)),
    "clock": ("03:04", dt.time(3, 4)),
    "key": ("12345678123412341234123456789abc", UUID("12345678123412341234123456789abc")),
    "size": ("L", Size.LARGE),
}


def builder(row_type: type, *columns: str) -> Builder:
    """The builder of a row type for a file of these columns."""
    return compile_builder(read_row_type(row_type), columns)


def flaws_of(build: Builder, *cells: str) -> tuple[Flaw, ...]:
    """The flaws of a row that must be bad."""
    with pytest.raises(BadRow) as caught:
        build(list(cells))
    return caught.value.flaws


def marks_of(build: Builder, *cells: str) -> list[tuple[str | None, str]]:
    """Column and code of each flaw of a row that must be bad."""
    return [(flaw.column, flaw.code) for flaw in flaws_of(build, *cells)]


class TestConversionFlaws:
    """Every cell that does not convert is told, in the order of the file."""

    @given(
        st.permutations(sorted(GOOD)), st.sets(st.sampled_from(sorted(GOOD.keys() - {"text"})), min_size=1), st.data()
    )
    def test_all_in_file_order(self, columns: list[str], bad: set[str], data: st.DataObject) -> None:
        """Whatever cells are bad, each has one flaw with its type's code, in file order."""
        blank = data.draw(st.sets(st.sampled_from(sorted(bad))))
        cells = ["" if name in blank else f"?{'x' * 200}" if name in bad else GOOD[name][0] for name in columns]
        codes = {field.name: field.scalar for field in read_row_type(Everything).fields}
        expected = [
            (name, "missing" if name in blank else codes[name].value, "" if name in blank else f"?{'x' * 98}…")
            for name in columns
            if name in bad
        ]
        actual = flaws_of(builder(Everything, *columns), *cells)
        assert expected == [(flaw.column, flaw.code, flaw.value) for flaw in actual]
        assert {Phase.CONVERT} == {flaw.phase for flaw in actual}

    def test_messages(self) -> None:
        """A flaw says what was expected, or that nothing was there."""
        bad, empty = flaws_of(builder(AttrsPair, "low", "high"), "x", " ")
        assert (
            Flaw(
                column="low",
                code=RowCode.INT,
                phase=Phase.CONVERT,
                message="'x' is not a whole number (such as 1234)",
                value="x",
            )
            == bad
        )
        assert (
            Flaw(
                column="high",
                code=RowCode.MISSING,
                phase=Phase.CONVERT,
                message="the cell is empty, and 'high' needs a value; fill it in",
                value=" ",
            )
            == empty
        )

    def test_every_scalar_has_a_code(self) -> None:
        """Each type that can fail has the row code of its name."""
        others = {Scalar.STR, Scalar.FOREIGN}
        assert {RowCode.VALIDATION} == {scalar.code for scalar in others}
        assert {scalar: scalar.value for scalar in Scalar if scalar not in others} == {
            scalar: scalar.code.value for scalar in Scalar if scalar not in others
        }


@attrs.frozen
class AttrsPair:
    """Two checked numbers, and a check of both."""

    low: int = attrs.field(validator=validators.ge(0))
    high: int = attrs.field(validator=[validators.le(9), validators.instance_of(int)])

    def __attrs_post_init__(self) -> None:
        if self.low > self.high:
            raise ValueError("low is above high")


class TestValidationFlaws:
    """What a constructor refuses is the row's fault, and the column's where that can be told."""

    def test_all_validators(self) -> None:
        """Every field that its validator refuses has a flaw, in file order."""
        flaws = flaws_of(builder(AttrsPair, "high", "low"), "10", "-1")
        assert [("high", "10"), ("low", "-1")] == [(flaw.column, flaw.value) for flaw in flaws]
        assert ["'high' must be <= 9: 10", "'low' must be >= 0: -1"] == [flaw.message for flaw in flaws]
        assert {(RowCode.VALIDATION, Phase.VALIDATE)} == {(flaw.code, flaw.phase) for flaw in flaws}

    def test_whole_record(self) -> None:
        """A check of the finished object names no column."""
        expected = Flaw(
            column=None, code=RowCode.VALIDATION, phase=Phase.VALIDATE, message="low is above high", value=None
        )
        assert (expected,) == flaws_of(builder(AttrsPair, "low", "high"), "5", "4")

    def test_disabled_validators(self) -> None:
        """Where the application has switched validators off, none is asked."""
        build = builder(AttrsPair, "low", "high")
        with validators.disabled():
            assert [(None, "validation")] == marks_of(build, "-1", "-2")

    def test_validator_of_a_default(self) -> None:
        """A field that the file does not fill has no column to blame."""

        @attrs.frozen
        class Strict:
            name: str
            length: int = attrs.field(default=0, validator=validators.gt(0))

        assert [(None, "validation")] == marks_of(builder(Strict, "name"), "Ana")

    def test_validator_sees_the_object(self) -> None:
        """A validator that compares with another field finds it set."""

        @attrs.frozen
        class Span:
            start: int
            end: int = attrs.field()

            @end.validator
            def _after_start(self, attribute: attrs.Attribute[int], value: int) -> None:
                if value < self.start:
                    raise ValueError(f"{attribute.name} is before start")

        assert [("end", "validation")] == marks_of(builder(Span, "start", "end"), "2", "1")

    def test_converters(self) -> None:
        """Every field whose converter fails has a flaw; what comes after cannot be validated."""

        def half(value: int, _: object, field: attrs.Attribute[int]) -> int:
            if value % 2:
                raise ValueError(f"{field.name} is odd")
            return value // 2

        def present(value: int) -> int:
            if not value:
                raise LookupError("nothing there")
            return value

        @attrs.frozen
        class Pair:
            left: int = attrs.field(converter=attrs.Converter(half, takes_self=True, takes_field=True))  # type: ignore[misc]
            right: int = attrs.field(converter=present, validator=validators.ge(0))

        build = builder(Pair, "left", "right")
        flaws = flaws_of(build, "1", "0")
        assert [("left", "left is odd"), ("right", "LookupError: nothing there")] == [
            (flaw.column, flaw.message) for flaw in flaws
        ]
        assert [("left", "validation")] == marks_of(build, "1", "-5")
        assert [("right", "validation")] == marks_of(build, "2", "-5")

    def test_reject(self) -> None:
        """A `Reject` names column and code itself."""

        @dataclass
        class Guest:
            name: str
            age: int

            def __post_init__(self) -> None:
                if self.age < 18:
                    raise Reject("too young", column="age", code="minor")
                if not self.name:
                    raise Reject("no name")
                raise Reject("no such column", column="size")

        build = builder(Guest, "age", "name")
        minor = Flaw(column="age", code="minor", phase=Phase.VALIDATE, message="too young", value="17")
        assert (minor,) == flaws_of(build, "17", "Ana")
        assert [(None, "rejected")] == marks_of(build, "18", "")
        assert [("size", "rejected")] == marks_of(build, "18", "Ana")

    def test_reject_in_a_validator(self) -> None:
        """A `Reject` without a column is the field's whose validator raised it."""

        def refuse(_instance: object, _attribute: object, _value: str) -> None:
            raise Reject("no", code="never")

        @attrs.frozen
        class Guest:
            name: str = attrs.field(validator=refuse)

        assert [("name", "never")] == marks_of(builder(Guest, "name"), "Ana")

    @pytest.mark.parametrize(
        ("error", "expected"),
        [
            (ValueError("not so"), "not so"),
            (ValueError("not so", "because"), "not so"),
            (ValueError(), "ValueError"),
            (ValueError(1, 2), "(1, 2)"),
            (KeyError("x"), "KeyError: 'x'"),
            (OSError(2, "gone"), "FileNotFoundError: [Errno 2] gone"),
            (
                UnicodeDecodeError("utf-8", b"\xff", 0, 1, "bad"),
                "'utf-8' codec can't decode byte 0xff in position 0: bad",
            ),
            (AssertionError(), "AssertionError"),
            (Skip("not now"), "not now"),
            (ValueError("x" * 600), "x" * 499 + "…"),
        ],
    )
    def test_messages(self, error: Exception, expected: str) -> None:
        """The message is the exception's own, with its type where that says more, and bounded."""
        assert [expected] == [flaw.message for flaw in flaws_of(builder(failing_with(error), "name"), "Ana")]

    def test_speechless_exception(self) -> None:
        """An exception whose text raises in turn is named by its type."""

        class MuteError(ValueError):
            def __str__(self) -> str:
                raise RuntimeError

        assert ["MuteError"] == [flaw.message for flaw in flaws_of(builder(failing_with(MuteError()), "name"), "Ana")]

    @pytest.mark.parametrize("error", [GeneratorExit(), SystemExit(1), asyncio.CancelledError(), KeyboardInterrupt()])
    def test_whatever_is_raised_is_a_flaw(self, error: BaseException) -> None:
        """Away from the main thread every exception of a constructor is the row's fault."""
        build = builder(failing_with(error), "name")
        found: list[object] = []
        thread = threading.Thread(target=lambda: found.extend(marks_of(build, "Ana")))
        thread.start()
        thread.join()
        assert [(None, "validation")] == found

    def test_a_text_that_stops(self) -> None:
        """An exception whose text or class raises a `BaseException` is named by its type."""

        class HostileError(ValueError):
            __class__ = property(_interrupt)  # type: ignore[assignment]
            __str__ = _interrupt

        build = builder(failing_with(HostileError()), "name")
        assert ["HostileError"] == [flaw.message for flaw in flaws_of(build, "Ana")]

    def test_a_new_of_its_own(self) -> None:
        """An attrs class that cannot be made without arguments has one flaw for the whole row."""

        @attrs.define(slots=False)
        class Guest:
            name: str

            def __new__(cls, name: str) -> Any:
                raise GeneratorExit(name)

        assert [(None, "validation")] == marks_of(builder(Guest, "name"), "Ana")

    def test_odd_rejects(self) -> None:
        """A `Reject` of a constructor with what is no text is told as text."""
        reject = Reject("no")
        reject.column, reject.code = ["size"], 5  # type: ignore[assignment]
        assert [("['size']", "5")] == marks_of(builder(failing_with(reject), "name"), "Ana")

    def test_stopping_is_no_flaw(self) -> None:
        """What asks the program to stop is not the row's fault."""
        with pytest.raises(KeyboardInterrupt):
            builder(failing_with(KeyboardInterrupt()), "name")(["Ana"])


def _interrupt(_self: object) -> Any:
    raise KeyboardInterrupt


def failing_with(error: BaseException) -> type:
    """A dataclass whose constructor raises."""

    @dataclass
    class Failing:
        name: str

        def __post_init__(self) -> None:
            raise error

    return Failing
