"""What is said about a file, before anything is looked for."""

from __future__ import annotations

from typing import Any, Literal

import attrs

from csvpipe._intake.charset.encoding import marked_encoding, resolve_encoding
from csvpipe.dialect import Dialect, not_a_dialect
from csvpipe.pipeline import Pipeline


@attrs.frozen(kw_only=True)
class Stated:
    """What the caller says about a file; it wins over anything found in it.

    Attributes:
        encoding: Any text encoding of this Python, or None to detect it.
        assumes_encoding: Whether nobody has said so of this very file: then its byte order mark wins.
        dialect: None to detect it.
        header: True, False, `"detect"`, or the names for a file without a header row.
        columns: Names that replace those in the header row.
        skip_lines: Physical lines above the header or the first record; None to detect them.
        wanted: Names of columns that the header is expected to have, folded, in any spelling that is accepted: they
            tell the header from a title, and one dialect from another.
    """

    encoding: str | None = None
    assumes_encoding: bool = False
    dialect: Dialect | None = None
    header: bool | Literal["detect"] | tuple[str, ...] = True
    columns: tuple[str, ...] | None = None
    skip_lines: int | None = None
    wanted: frozenset[str] = frozenset()

    @classmethod
    def of(cls, pipeline: Pipeline[..., Any], *, encoding: str | None = None, dialect: Dialect | None = None) -> Stated:
        """What a pipeline says, and what is said of this one file, which wins."""
        schema = pipeline.signature.row_schema
        return cls(
            encoding=encoding or pipeline.encoding,
            dialect=dialect or pipeline.dialect,
            header=pipeline.header,
            columns=pipeline.columns,
            skip_lines=pipeline.skip_lines,
            wanted=frozenset() if schema is None or pipeline.columns is not None else schema.wanted,
        )

    def encoding_of(self, head: bytes) -> str | None:
        """What is said of the encoding of a file that begins with these bytes; None to detect it."""
        return None if self.assumes_encoding and marked_encoding(head) else self.encoding

    def check(self) -> None:
        """Find misuse before any byte is read.

        Raises:
            EncodingUnknownError: There is no such encoding.
            TypeError: The dialect is none.
        """
        if not isinstance(self.dialect, Dialect | None):
            raise TypeError(not_a_dialect(self.dialect))
        if self.encoding is not None:
            resolve_encoding(self.encoding)
