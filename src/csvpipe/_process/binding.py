"""A field with the column that fills it: what its cells become, and when they count as empty."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import attrs

from csvpipe._process.convert import PADDING, Converter, converter
from csvpipe.errors import RowCode
from csvpipe.rowtypes import Field, RowSchema, Scalar, match_columns

#: In place of a value: the field is left out, so that the row type finds its default itself.
LEFT_OUT: Final = object()


@attrs.frozen
class Binding:
    """A field and the column that fills it.

    Attributes:
        field: The field.
        position: Of its column, from 0.
        header: The column's name, as it is written in the file.
        convert: What makes the value of a text.
        nothing: Texts that count as empty, padding aside.
        code: Of a cell that does not convert.
    """

    field: Field
    position: int
    header: str
    convert: Converter
    nothing: frozenset[str]
    code: RowCode = attrs.field(
        init=False, default=attrs.Factory(lambda binding: binding.field.scalar.code, takes_self=True)
    )

    @property
    def has_alternative(self) -> bool:
        """Whether there is something else than a value for an empty cell."""
        return self.field.optional or self.field.has_default

    @property
    def is_text(self) -> bool:
        """Whether the cell is the value, spaces included."""
        return self.field.scalar is Scalar.STR and self.field.options.parse is None

    def is_empty(self, text: str) -> bool:
        """Whether the cell is blank, or says that there is nothing; blanks in a `str` are text."""
        stripped = text.strip(PADDING)
        return not text or stripped in self.nothing or (not stripped and not self.is_text)

    def value_of(self, text: str) -> object:
        """What a cell means. May raise what the converter raises.

        Blanks are not empty before the converter has refused them: an enum may have a member for a space.
        """
        if text and not (self.nothing and text.strip(PADDING) in self.nothing):
            try:
                return self.convert(text)
            except Exception:  # a function of the application, too
                if not self.is_empty(text):
                    raise
        if self.field.optional:
            return None
        if self.field.has_default:
            return LEFT_OUT if self.field.is_left_out else self.field.default
        return self.convert("")


def bind(schema: RowSchema, columns: Sequence[str], na: Sequence[str] = ()) -> list[Binding]:
    """The fields that columns of the file fill, in the schema's order.

    Raises:
        FileError: As `match_columns` does.
    """
    found = match_columns(schema, columns)
    return [
        Binding(
            field,
            found[field.name],
            columns[found[field.name]],
            converter(field),
            frozenset(token.strip(PADDING) for token in (*na, *field.options.na)) - {""},
        )
        for field in schema.fields
        if field.name in found
    ]
