"""`csvpipe.inspect`: what is found in a file, and what would become of its rows."""

import gzip
import io
import json
from pathlib import Path
from typing import Any

import attrs
import pytest

import csvpipe
from csvpipe._intake.inspection import Inspection
from csvpipe.errors import FileCode


@attrs.frozen
class Person:
    """Two columns, one of them no text."""

    id: int
    name: str


@csvpipe.pipeline
def import_people(person: Person) -> None:
    """Must not be called."""
    raise AssertionError


TYPICAL = "Staff of 2024\n\nid;name;salary\n1;Zoë;1.234,50\n2;Bo;2.000,00\n3;Cleo;900,00\n"


def finding(found: Inspection, what: str) -> csvpipe.Finding:
    """The finding of that kind."""
    return next(each for each in found.findings if each.what == what)


def test_a_typical_file() -> None:
    """Encoding, dialect, title lines and header, each with its evidence."""
    found = csvpipe.inspect(TYPICAL.encode())
    assert ("utf-8", ";") == (found.encoding, found.dialect.delimiter)
    assert ("id", "name", "salary") == found.columns
    assert (("Staff of 2024", ""), 2, 3) == (found.preamble, found.preamble_lines, found.header_line)
    assert 3 == found.estimated_rows
    assert ("1", "Zoë", "1.234,50") == found.sample_rows[0]
    assert ["encoding", "dialect", "preamble", "header"] == [each.what for each in found.findings]
    assert all(each.evidence and 0 < each.confidence <= 1 for each in found.findings)
    assert csvpipe.Trial(rows=3, rejected=0) == found.trial


@pytest.mark.parametrize("kind", ["path", "text path", "bytes", "file object"])
def test_every_kind_of_source_gives_the_same(kind: str, tmp_path: Path) -> None:
    """And leaves nothing behind."""
    path = tmp_path / "people.csv"
    path.write_bytes(TYPICAL.encode())
    sources: dict[str, Any] = {
        "path": path,
        "text path": str(path),
        "bytes": TYPICAL.encode(),
        "file object": io.BytesIO(TYPICAL.encode()),
    }
    spool = tmp_path / "spool"
    assert csvpipe.inspect(TYPICAL.encode()) == csvpipe.inspect(sources[kind], spool_dir=spool)
    assert [] == (list(spool.iterdir()) if spool.exists() else [])


def test_compressed_and_transcoded() -> None:
    """What the bytes were is told."""
    found = csvpipe.inspect(gzip.compress(TYPICAL.encode("utf-16")))
    assert ("gzip", "utf-16", "utf-8") == (found.compression, found.source_encoding, found.encoding)
    assert ("gzip", "utf-16") == (finding(found, "compression").value, finding(found, "encoding").value)


def test_rows_are_tried_as_the_pipeline_would_have_them() -> None:
    """No handler is called."""
    found = csvpipe.inspect(b"id,name,age\n1,Ana,3\nx,Bo,4\n3\n", pipeline=import_people)
    assert found.trial is not None
    assert (3, 2) == (found.trial.rows, found.trial.rejected)
    assert {("int", "id"), ("field_count", None)} == {(total.code, total.column) for total in found.trial.totals}
    assert "2 of 2 fields of Person" == finding(found, "columns").value
    assert "not used: 'age'" == finding(found, "columns").evidence


def test_what_is_stated_wins() -> None:
    """Over what is detected, and over the pipeline."""
    found = csvpipe.inspect(
        b"1|2;3\n4|5;6\n", dialect=csvpipe.Dialect(delimiter="|"), header=["a", "b"], skip_lines=1, encoding="cp1252"
    )
    assert (("a", "b"), "|", "cp1252") == (found.columns, found.dialect.delimiter, found.encoding)
    assert (("4", "5;6"),) == found.sample_rows
    assert ("1|2;3",) == found.preamble
    assert {"stated"} == {each.evidence for each in found.findings}
    assert 1.0 == found.confidence


def test_a_file_without_a_header_is_recognised() -> None:
    """Its columns are numbered, and its first line is a row."""
    found = csvpipe.inspect(b"1,2024-01-02,3.5\n2,2024-01-03,4.5\n3,2024-01-04,1.25\n")
    assert (False, None) == (found.has_header, found.header_line)
    assert ("column_1", "column_2", "column_3") == found.columns
    assert 3 == found.estimated_rows


@pytest.mark.parametrize(
    ("data", "code"),
    [(b"", FileCode.EMPTY), (b"%PDF-1.7 ...", FileCode.BINARY), (b"id,\n1,2\n", FileCode.HEADER_MISSING)],
)
def test_a_file_that_cannot_be_imported(data: bytes, code: FileCode) -> None:
    """The error is that of a job."""
    with pytest.raises(csvpipe.FileError) as caught:
        csvpipe.inspect(data, header=True)
    assert code is caught.value.code


def test_a_pipeline_of_other_columns() -> None:
    """Tells what is missing."""
    with pytest.raises(csvpipe.FileError, match="name") as caught:
        csvpipe.inspect(b"id,title\n1,x\n", pipeline=import_people)
    assert FileCode.COLUMNS_MISSING is caught.value.code


def test_a_wrong_stated_dialect_is_hinted_at() -> None:
    """When columns are missing because of it."""
    with pytest.raises(
        csvpipe.FileError, match=r"^upload.csv: the file looks like semicolon.*as it is read now, the file"
    ):
        csvpipe.inspect(b"id;name\n1;x\n2;y\n", pipeline=import_people, dialect=csvpipe.Dialect())


@pytest.mark.parametrize(
    "data",
    [
        b'{"id": 1, "name": "Ana"}',
        b'[{"id":1,"name":"Ana"},{"id":2,"name":"Bo"}]\n',
        b'{"id":1,"name":"Ana"}\n{"id":2,"name":"Bo"}\n',
        b'{\n  "id": 1,\n  "name": "Ana"\n}\n',
        b'[\n  {"id": 1, "name": "Ana"}\n]\n',
    ],
)
def test_json_is_told(data: bytes) -> None:
    """It has no columns that anybody could name."""
    with pytest.raises(csvpipe.FileError, match="this is JSON, no CSV; export the table as CSV") as caught:
        csvpipe.inspect(data, pipeline=import_people)
    assert FileCode.BINARY is caught.value.code


def test_braces_in_a_header_are_no_json() -> None:
    """Nor is a table that can be read."""
    with pytest.raises(csvpipe.FileError, match="the file lacks the column 'name'"):
        csvpipe.inspect(b"id,{title}\n1,Ana\n2,Bo\n", pipeline=import_people)
    assert ("{id}", "name") == csvpipe.inspect(b"{id},name\n1,Ana\n2,Bo\n", pipeline=import_people).columns


def test_a_missing_header_is_hinted_at() -> None:
    """When the first row was taken for one."""
    with pytest.raises(csvpipe.FileError, match="looks like a row"):
        csvpipe.inspect(b"1,Ana\n2,Bo\n3,Cleo\n", pipeline=import_people)


def test_misuse() -> None:
    """Is refused before any byte is read."""
    with pytest.raises(csvpipe.EncodingUnknownError):
        csvpipe.inspect(b"a\n1\n", encoding="utf-99")
    with pytest.raises(TypeError, match="a source is"):
        csvpipe.inspect(3)  # type: ignore[arg-type]


def test_json() -> None:
    """An inspection is plain data, which comes back as it was but for the trial."""
    found = csvpipe.inspect(b"id,name\nx,Ana\n", pipeline=import_people)
    plain = json.loads(json.dumps(found.to_dict()))
    assert 1 == plain["trial"]["rejected"]
    assert "int" == plain["trial"]["totals"][0]["samples"][0]["code"]
    assert attrs.evolve(found, trial=None) == Inspection.from_dict(plain)


def test_sensitive_columns_are_masked() -> None:
    """In the sample rows, however the name is spelt, and in what stands above the table."""

    @csvpipe.pipeline(sensitive=["PASS word"])
    def check(row: csvpipe.Row) -> None: ...

    found = csvpipe.inspect(b"S3CR3T of all\n\nid,Password\n1,S3CR3T\n2,T4BOO\n", pipeline=check)
    assert 2 == found.preamble_lines
    assert "S3CR3T" not in str(found.to_dict())
    assert ("1", "***") == found.sample_rows[0]


def test_a_field_without_its_column_is_told() -> None:
    """Also one that may do without, since its name may be misspelt."""

    @attrs.frozen
    class Sale:
        id: int
        amont: float = 0.0

    @csvpipe.pipeline
    def check(sale: Sale) -> None: ...

    found = csvpipe.inspect(b"id,amount\n1,2\n", pipeline=check)
    assert "not found: 'amont'; not used: 'amount'" == finding(found, "columns").evidence
    assert 0.7 == found.confidence
