"""Which Python object a record becomes: the untyped `Row`, and what is read off a class that describes one."""

from __future__ import annotations

from csvpipe.rowtypes.column import SEPARATORS, Column
from csvpipe.rowtypes.formats import LAST_HOUR, NO_SUCH_DAY, Form, read_form
from csvpipe.rowtypes.kinds import row_kind
from csvpipe.rowtypes.match import (
    check_columns,
    header_names,
    match_columns,
    spellings,
    unknown_names,
    unused_columns,
)
from csvpipe.rowtypes.names import folded
from csvpipe.rowtypes.place import located
from csvpipe.rowtypes.read import read_row_type
from csvpipe.rowtypes.row import ColumnNotFoundError, Row
from csvpipe.rowtypes.schema import Field, RowKind, RowSchema, Scalar, Shape

__all__ = [
    "LAST_HOUR",
    "NO_SUCH_DAY",
    "SEPARATORS",
    "Column",
    "ColumnNotFoundError",
    "Field",
    "Form",
    "Row",
    "RowKind",
    "RowSchema",
    "Scalar",
    "Shape",
    "check_columns",
    "folded",
    "header_names",
    "located",
    "match_columns",
    "read_form",
    "read_row_type",
    "row_kind",
    "spellings",
    "unknown_names",
    "unused_columns",
]
