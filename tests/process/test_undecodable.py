"""What becomes of bytes that are no text in the file's encoding."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from csvpipe._process.parse import SliceParser, read_slices
from csvpipe._process.undecodable import Undecodable
from csvpipe.errors import FileCode, FileFailure
from csvpipe.pipeline import pipeline

Imports = Callable[..., Any]

_DATA = b'a,b\n1,\xc3\xa9\n2,x\xff\n"3\n",\xfe\xfd\n4,\xe2\x82,\n'
_PLACED = b"a,b\n1,2\n3,Jos\xe9\n"


def keep(row: list[str]) -> None:
    """A handler of rows of any length."""


def rows_of(imported: Any, *, cut_bytes: int = 65_536) -> list[list[str] | None]:
    """All rows of a file."""
    job = imported.job
    return [
        row
        for chunk in imported.chunks(10**6, cut_bytes)
        for part in read_slices(job.plan, job.parser, chunk)
        for row in part.rows
    ]


def message_of(imported: Any, **known: Any) -> str:
    """Of the one flaw of a file of which this is known."""
    job = imported.job
    inspection = attrs.evolve(imported.inspection, **known)
    parser = SliceParser(inspection, job.plan.limits, "keep")
    (part,) = read_slices(job.plan, parser, imported.chunks()[0])
    ((flaw,),) = part.flaws.values()
    return str(flaw.message)


@pytest.mark.parametrize("cut_bytes", [1, 65_536])
@pytest.mark.parametrize(
    ("errors", "rows"),
    [
        ("reject", [["1", "é"], None, None, None]),
        ("strict", [["1", "é"], None, None, None]),
        ("replace", [["1", "é"], ["2", "x\ufffd"], ["3\n", "\ufffd\ufffd"], ["4", "\ufffd", ""]]),
        ("ignore", [["1", "é"], ["2", "x"], ["3\n", ""], ["4", "", ""]]),
    ],
)
def test_the_pipeline_says_what_becomes_of_them(
    imports: Imports, errors: Any, rows: list[list[str] | None], cut_bytes: int
) -> None:
    """They cost their row, or are mended in it, whatever stands around them."""
    assert rows == rows_of(imports(pipeline(ragged="keep", errors=errors)(keep), _DATA), cut_bytes=cut_bytes)


@given(
    st.lists(st.sampled_from([b"a", b",", b"\n", b'"', b"\xff", b"\xc3", b"\xa9", b"\r\n"]), max_size=16),
    st.sampled_from(["replace", "ignore"]),
    st.sampled_from(["utf-8", "cp1252"]),
)
def test_how_records_are_cut_does_not_depend_on_it(
    imports: Imports, parts: list[bytes], errors: Literal["replace", "ignore"], encoding: str
) -> None:
    """Rows are those of a file with other bytes there, cut into pieces or not."""
    data = b"x\n" + b"".join(parts).replace(b"\x81", b"")
    imported = imports(pipeline(ragged="keep", errors=errors)(keep), data, encoding=encoding)
    assert rows_of(imported) == rows_of(imported, cut_bytes=1)
    told = rows_of(imports(pipeline(ragged="keep")(keep), data.decode(encoding, "replace"), encoding="utf-8"))
    if errors == "replace" and encoding == "utf-8":
        assert told == rows_of(imported)
    assert len(told) == len(rows_of(imported))


class TestMessages:
    """People can find the byte."""

    @pytest.fixture
    def imported(self, imports: Imports) -> Any:
        """A file with one of them, at byte 13."""
        return imports(pipeline(keep), _PLACED)

    def test_byte_and_offset(self, imported: Any) -> None:
        """In the file as it lies."""
        expected = "byte 0xE9 at offset 13 of the file is not valid utf-8 text; save the file as UTF-8, or say what "
        assert expected + "it is, for instance encoding='cp1252'" == message_of(imported)

    def test_what_is_stated_already_is_not_proposed(self, imports: Imports) -> None:
        """A byte that cp1252 does not have is no reason to state cp1252."""
        flaw = imports(pipeline(keep), b"a\n\x81\n", encoding="cp1252")
        assert message_of(flaw).endswith("for instance encoding='cp1250'")

    def test_an_unpacked_file_is_called_so(self, imported: Any) -> None:
        """Nobody would find it in the packed one."""
        assert "at offset 13 of the unpacked file" in message_of(imported, compression="gzip")

    def test_a_transcoded_file_has_lost_its_offsets(self, imported: Any) -> None:
        """Then none is made up; the line is with the row."""
        message = message_of(imported, source_encoding="big5")
        assert message.startswith("a byte here is not valid big5 text (its offset is not known, since the file was")
        assert "13" not in message

    def test_a_cell_beyond_the_columns_has_no_name(self, imported: Any) -> None:
        """As with every flaw."""
        flaw = Undecodable(imported.inspection, "reject").flaw(["1", "2", "\udce9"], b"1,2,\xe9", 0)
        assert flaw is not None
        assert (None, "\\xe9") == (flaw.column, flaw.value)


class TestStrict:
    """The job fails."""

    def test_at_the_first(self, imports: Imports) -> None:
        """With row, line, byte, offset, and the ways out; the rows before it are done."""
        result = imports(pipeline(errors="strict")(keep), _PLACED + b"4,5\n").run()
        assert (1, 1) == (result.processed, result.failed)
        assert result.failure == FileFailure(
            code=FileCode.ENCODING,
            message="row 2, line 3: byte 0xE9 at offset 13 of the file is not valid utf-8 text; save the file as "
            "UTF-8, or say what it is, for instance encoding='cp1252' (errors='reject' sets such rows aside)",
        )

    def test_other_bad_rows_cost_themselves_alone(self, imports: Imports) -> None:
        """It is about bytes only."""
        result = imports(pipeline(errors="strict")(keep), "a,b\n1\n2,3\n").run()
        assert (None, 1, 1) == (result.failure, result.processed, result.failed)

    def test_in_batches_as_well(self, imports: Imports) -> None:
        """However rows are handled."""

        def keep_all(rows: list[list[str]]) -> None:
            """A handler of batches."""

        result = imports(pipeline(errors="strict", batch_size=2)(keep_all), _PLACED + b"4,5\n").run()
        assert FileCode.ENCODING == result.failure.code
