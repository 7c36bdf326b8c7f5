"""How a row type says which column a field is filled from, and how its cells are spelt."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import attrs

from csvpipe.errors import PipelineError

#: Characters that group digits, and those that are taken for the same where one of them is stated.
SEPARATORS: Final[Mapping[str, str]] = {
    **dict.fromkeys(".,_", ""),
    **dict.fromkeys(" \u00a0\u202f", " \u00a0\u202f"),
    **dict.fromkeys("'\u2019", "'\u2019"),
}


def _texts(given: Sequence[str] | str | None) -> tuple[str, ...]:
    """Several texts, where one alone will do."""
    return (given,) if isinstance(given, str) else tuple(given or ())


def _is_texts(_column: object, attribute: attrs.Attribute[Any], given: tuple[object, ...]) -> None:
    if not all(isinstance(text, str) and text for text in given):
        raise PipelineError(f"Column({attribute.name}=...) takes texts that are not empty, not {given!r}")


def _is_name(_column: object, _attribute: object, given: Any) -> None:
    if given is not None and (not isinstance(given, str) or not given.strip()):
        raise PipelineError(f"Column(name=...) takes the text of a header, not {given!r}")


def _is_count(_column: object, attribute: attrs.Attribute[Any], given: Any) -> None:
    if given is not None and (not isinstance(given, int) or isinstance(given, bool) or given < 0):
        raise PipelineError(f"Column({attribute.name}=...) takes a number of digits, not {given!r}")


#: The types that an option of the spelling is for.
_NUMBERS: Final = {"for": ("float", "decimal")}
_GROUPED: Final = {"for": ("int", "float", "decimal")}
_MOMENTS: Final = {"for": ("date", "datetime", "time")}
_TRUTH: Final = {"for": ("bool",)}
_EXACT: Final = {"for": ("decimal",)}


@attrs.frozen
class Column:
    """What `Annotated` says of a field: the names of its column, and how its cells are spelt.

    Attributes:
        name: The header's text for this column; None for the field's own name, which is accepted anyway.
        aliases: Other names that the column may have, the preferred first.
        decimal: What stands before the fraction of a `float` or `Decimal`: `.` unless stated, or `,`.
        thousands: What may group the digits of an `int`, `float` or `Decimal` by three: `.`, `,`, `'`, `_` or a space
            (a no-break space then counts as well). A number may go without, but groups that are wrong are refused.
        format: Of a `date`, `datetime` or `time`, instead of the ISO form; several are tried in their order.
        na: Texts that mean "nothing" here, besides the pipeline's.
        parse: Makes the value of the text. Its `ValueError`, or `Reject`, is the cell's error.
        true: Further spellings of True for a `bool`, in any case.
        false: Further spellings of False.
        nonfinite: Whether a `float` or `Decimal` may be `nan`, `inf` or `infinity`, with a sign, in any case.
        precision: Digits that a `Decimal` may have in all, leading zeros aside.
        scale: Digits of them that may stand after the point.

    Raises:
        PipelineError: An option has a value that means nothing, or two of them contradict each other.

    Example:
        >>> from typing import Annotated
        >>> import attrs, csvpipe
        >>> @attrs.frozen
        ... class Item:
        ...     price: Annotated[float, csvpipe.Column("Price (EUR)", aliases=["cost"], decimal=",", thousands=".")]
    """

    name: str | None = attrs.field(default=None, validator=_is_name)
    aliases: tuple[str, ...] = attrs.field(default=(), kw_only=True, converter=_texts, validator=_is_texts)
    decimal: str | None = attrs.field(default=None, kw_only=True, metadata=_NUMBERS)
    thousands: str | None = attrs.field(default=None, kw_only=True, metadata=_GROUPED)
    format: tuple[str, ...] = attrs.field(
        default=(), kw_only=True, converter=_texts, validator=_is_texts, metadata=_MOMENTS
    )
    na: tuple[str, ...] = attrs.field(default=(), kw_only=True, converter=_texts)
    parse: Callable[[str], Any] | None = attrs.field(default=None, kw_only=True)
    true: tuple[str, ...] = attrs.field(
        default=(), kw_only=True, converter=_texts, validator=_is_texts, metadata=_TRUTH
    )
    false: tuple[str, ...] = attrs.field(
        default=(), kw_only=True, converter=_texts, validator=_is_texts, metadata=_TRUTH
    )
    nonfinite: bool = attrs.field(default=False, kw_only=True, metadata=_NUMBERS)
    precision: int | None = attrs.field(default=None, kw_only=True, validator=_is_count, metadata=_EXACT)
    scale: int | None = attrs.field(default=None, kw_only=True, validator=_is_count, metadata=_EXACT)

    def __attrs_post_init__(self) -> None:
        if self.decimal not in {None, ".", ","}:
            raise PipelineError(f"Column(decimal={self.decimal!r}): a fraction is set off by '.' or ','")
        if self.thousands is not None and self.thousands not in SEPARATORS:
            raise PipelineError(
                f"Column(thousands={self.thousands!r}): digits are grouped by '.', ',', \"'\", '_' or a space"
            )
        if self.decimal is not None and self.decimal == self.thousands:
            raise PipelineError(f"Column: decimal and thousands are both {self.decimal!r}, so no number is clear")
        if self.parse is not None and not callable(self.parse):
            raise PipelineError(f"Column(parse={self.parse!r}): is no function")
        if self.precision is not None and self.scale is not None and self.scale > self.precision:
            raise PipelineError(f"Column: of {self.precision} digits no {self.scale} can stand after the point")
        if self.parse is not None and (others := self.spelling()):
            raise PipelineError(f"Column: parse= reads the text by itself, so {others[0]}= has no effect; leave it out")
        both = {text.casefold() for text in self.true} & {text.casefold() for text in self.false}
        if both:
            raise PipelineError(f"Column: {min(both)!r} is among true= and among false=")

    def spelling(self, scalar: str | None = None) -> list[str]:
        """The options in use that say how a cell is spelt; with `scalar`, those that mean nothing for that type."""
        return [
            field.name
            for field in attrs.fields(Column)
            if field.metadata.get("for")
            and getattr(self, field.name) != field.default
            and (scalar is None or scalar not in field.metadata["for"])
        ]


#: Of a field that says nothing of its column.
PLAIN: Final = Column()
