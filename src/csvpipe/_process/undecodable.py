"""What becomes of bytes that are no text in the file's encoding."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Literal, TypeAlias

from csvpipe._intake.inspection import Inspection
from csvpipe._process.build import Flaw
from csvpipe._process.convert import shortened
from csvpipe.errors import Phase, RowCode

Errors: TypeAlias = Literal["reject", "replace", "ignore", "strict"]

_ESCAPED: Final = "surrogateescape"

_WAY_OUT: Final = "save the file as UTF-8, or say what it is, for instance encoding='{}'"


class Undecodable:
    """One job's rule for such bytes.

    Under `replace` and `ignore` they are mended in the cells, once these are known: how records and cells are cut must
    not depend on it.

    Args:
        inspection: Names the columns and the encoding.
        errors: The pipeline's.
    """

    def __init__(self, inspection: Inspection, errors: Errors) -> None:
        self._columns = inspection.columns
        self._encoding = inspection.encoding
        self._source_encoding = inspection.source_encoding
        self._where = "unpacked file" if inspection.compression else "file"
        self._mended_by = errors if errors in {"replace", "ignore"} else None

    def decode(self, data: bytes) -> tuple[str, bool]:
        """The text of a slice, and whether its cells have to be mended.

        Raises:
            UnicodeDecodeError: There is such a byte, and it costs its row.
        """
        try:
            return data.decode(self._encoding), False
        except UnicodeDecodeError:
            if self._mended_by is None:
                raise
            return data.decode(self._encoding, _ESCAPED), True

    def mend(self, rows: Sequence[list[str]]) -> None:
        """Replace such bytes in all cells, or leave them out; in them they are lone surrogates."""
        for cells in rows:
            for position, cell in enumerate(cells):
                if _is_damaged(cell):
                    cells[position] = cell.encode(self._encoding, _ESCAPED).decode(
                        self._encoding, self._mended_by or ""
                    )

    def flaw(self, cells: list[str], record: bytes, start: int) -> Flaw | None:
        """What is wrong with a record; None if nothing is, or nothing is any more.

        Args:
            cells: Of the record, such bytes as lone surrogates; mended in place where that is the rule.
            record: Its bytes.
            start: Their offset in the local file.
        """
        position = next((position for position, cell in enumerate(cells) if _is_damaged(cell)), None)
        if position is None:
            return None
        if self._mended_by is not None:
            self.mend([cells])
            return None
        shown = cells[position].encode("utf-8", _ESCAPED).decode("utf-8", "backslashreplace")
        return Flaw(
            column=self._columns[position] if position < len(self._columns) else None,
            code=RowCode.DECODE,
            phase=Phase.PARSE,
            message=self._message(record, start),
            value=shortened(shown),
        )

    def _message(self, record: bytes, start: int) -> str:
        way_out = _WAY_OUT.format("cp1250" if self._encoding == "cp1252" else "cp1252")
        if self._source_encoding is not None:
            return (
                f"a byte here is not valid {self._source_encoding} text (its offset is not known, since the file was "
                f"transcoded); {way_out}"
            )
        try:
            record.decode(self._encoding)
        except UnicodeDecodeError as error:
            byte, offset = record[error.start], start + error.start
            return (
                f"byte 0x{byte:02X} at offset {offset:,} of the {self._where} is not valid {self._encoding} text; "
                f"{way_out}"
            )
        return f"not valid {self._encoding} text"  # pragma: no cover  # a cell that does not decode is in its record


def _is_damaged(cell: str) -> bool:
    return not cell.isascii() and any("\udc80" <= character <= "\udcff" for character in cell)
