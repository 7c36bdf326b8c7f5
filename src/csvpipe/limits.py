"""How large a file, a row and a field may be, so that no upload can exhaust memory."""

from __future__ import annotations

import attrs
from attrs import validators

MIB = 1024 * 1024

#: See `Limits.decompression_ratio`. A table of much repeated text unpacks to 50 times its size, what is made to do
#: harm to 1,000 times.
_RATIO: int | None = 200


@attrs.frozen(kw_only=True)
class Limits:
    """Bounds on what a file may hold. A file over a file's bound fails; a row over a row's bound is rejected alone.

    Attributes:
        file_bytes: Size of the file as it lies on disk after decompression; None for no bound. Memory does not depend
            on it.
        decompression_ratio: How many times its own size a compressed file may unpack to, past its first 10 MiB; None
            for no bound.
        row_bytes: Size of one record. Also how far a quote may stay open: past it the quote's first line is rejected
            as `unterminated_quote` and parsing resumes on the next line, so that a stray quote swallows nothing.
        field_characters: Length of one field.
        columns: Number of columns in the header.
        rows: Number of data records; None for no bound.
    """

    file_bytes: int | None = attrs.field(default=None, validator=validators.optional(validators.ge(1)))
    decompression_ratio: int | None = attrs.field(default=_RATIO, validator=validators.optional(validators.ge(1)))
    row_bytes: int = attrs.field(default=2 * MIB, validator=validators.ge(1))
    field_characters: int = attrs.field(default=MIB, validator=validators.ge(1))
    columns: int = attrs.field(default=16_384, validator=validators.ge(1))
    rows: int | None = attrs.field(default=None, validator=validators.optional(validators.ge(1)))
