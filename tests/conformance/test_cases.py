"""How records are spelt: what other parsers agree on, and where this one goes its own way."""

from __future__ import annotations

from typing import Any

import pytest
from tests.conformance.reading import Outcome, Reading, Seen, read

import csvpipe

AGREED: dict[str, tuple[bytes, dict[str, Any], list[Seen]]] = {
    "one cell": (b"plum", {}, [["plum"]]),
    "no line end at the end": (b"1,2\n3,4", {}, [["1", "2"], ["3", "4"]]),
    "LF": (b"1,2\n3,4\n", {}, [["1", "2"], ["3", "4"]]),
    "CRLF": (b"1,2\r\n3,4\r\n", {}, [["1", "2"], ["3", "4"]]),
    "CR": (b"1,2\r3,4\r", {}, [["1", "2"], ["3", "4"]]),
    "empty cells": (b",,\n", {}, [["", "", ""]]),
    "empty last cell": (b"1,\n2,\n", {}, [["1", ""], ["2", ""]]),
    "rows of any width": (b"1\n1,2,3\n1,2\n", {}, [["1"], ["1", "2", "3"], ["1", "2"]]),
    "spaces are kept": (b" 1 ,\t2\n", {}, [[" 1 ", "\t2"]]),
    "a line of spaces is a row": (b"1,2\n \n", {}, [["1", "2"], [" "]]),
    "quotes are taken off": (b'"1","2"\n', {}, [["1", "2"]]),
    "a quoted delimiter": (b'"1,5",2\n', {}, [["1,5", "2"]]),
    "a quoted LF": (b'"up\ndown",2\n', {}, [["up\ndown", "2"]]),
    "a quoted CRLF": (b'"up\r\ndown",2\r\n', {}, [["up\r\ndown", "2"]]),
    "a quoted CR": (b'"up\rdown",2\r', {}, [["up\rdown", "2"]]),
    "quoted blank lines": (b'"up\n\n\ndown"\n2\n', {}, [["up\n\n\ndown"], ["2"]]),
    "doubled quotes": (b'"6"" pipe"\n', {}, [['6" pipe']]),
    "nothing but doubled quotes": (b'""""""\n', {}, [['""']]),
    "a quoted empty cell is a row": (b'""\n', {}, [[""]]),
    "quotes inside a cell are text": (b'6" pipe,a"b"\n', {}, [['6" pipe', 'a"b"']]),
    "quotes after a space are text": (b' "1",2\n', {}, [[' "1"', "2"]]),
    "a mark at the start is no text": (b"\xef\xbb\xbf1,2\n", {}, [["1", "2"]]),
    "the same character elsewhere is": (b"1,\xef\xbb\xbf2\n", {}, [["1", "\ufeff2"]]),
    "only three characters end a line": (
        "1\x0b\x1c\x85\u2028,2\n".encode(),
        {},
        [["1\x0b\x1c\x85\u2028", "2"]],
    ),
    "NUL": (b"1\x00,2\n", {}, [["1\x00", "2"]]),
    "another delimiter": (b"1;2,5\n", {"delimiter": ";"}, [["1", "2,5"]]),
    "a delimiter from beyond ASCII": ("1§2\n".encode(), {"delimiter": "§"}, [["1", "2"]]),
    "another quote": (b"'1,5',\"2\n", {"quotechar": "'"}, [["1,5", '"2']]),
    "no quotes": (b'"1,5"\n', {"quotechar": None}, [['"1', '5"']]),
    "an escaped quote": (b'"6\\" pipe"\n', {"escapechar": "\\", "doublequote": False}, [['6" pipe']]),
    "an escaped delimiter": (b"1\\,5,2\n", {"escapechar": "\\"}, [["1,5", "2"]]),
    "an escaped newline": (b"up\\\ndown,2\n", {"escapechar": "\\"}, [["up\ndown", "2"]]),
    "quotes are not doubled": (b'"1""2"\n', {"doublequote": False}, [['1"2"']]),
    "spaces after delimiters": (b'1, 2, "3,5"\n', {"skipinitialspace": True}, [["1", "2", "3,5"]]),
}

CHOSEN: dict[str, tuple[bytes, dict[str, Any], list[Seen]]] = {
    "blank lines are not rows": (b"\n1,2\n\n\r\n3,4\n\n", {}, [["1", "2"], ["3", "4"]]),
    "an open quote costs its line alone": (b'1,2\n3,"4\n5,6\n', {}, [["1", "2"], "unterminated_quote", ["5", "6"]]),
    "an escape at the end of the file": (b"1,2\n3,\\", {"escapechar": "\\"}, [["1", "2"], "unterminated_quote"]),
    "text after a quote belongs to the cell": (b'"1" ,"2"x\n', {}, [["1 ", "2x"]]),
    "unless the dialect is strict": (b'1,2\n"3"x,4\n5,6\n', {"strict": True}, [["1", "2"], "malformed", ["5", "6"]]),
    "any newline ends a record": (b"1\n2\r3\r\n4", {}, [["1"], ["2"], ["3"], ["4"]]),
    "escapes are dropped before any character": (b'"a\\b"\n', {"escapechar": "\\"}, [["ab"]]),
}


@pytest.mark.parametrize(("data", "dialect", "rows"), AGREED.values(), ids=AGREED)
def test_what_parsers_agree_on(data: bytes, dialect: dict[str, Any], rows: list[Seen]) -> None:
    """Any of them reads these files like this."""
    outcome = read(data, Reading(dialect=csvpipe.Dialect(**dialect)))

    assert Outcome(rows=rows, code=None) == outcome


@pytest.mark.parametrize(("data", "dialect", "rows"), CHOSEN.values(), ids=CHOSEN)
def test_what_they_do_not_agree_on(data: bytes, dialect: dict[str, Any], rows: list[Seen]) -> None:
    """The choices that the documentation lists."""
    outcome = read(data, Reading(dialect=csvpipe.Dialect(**dialect)))

    assert Outcome(rows=rows, code=None) == outcome


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "empty"),
        (b"\n\r\n\n", "empty"),
        (b"id,name\n", "empty"),
        (b"id,id\n1,2\n", "header_duplicate"),
        (b"id,\n1,2\n", "header_missing"),
    ],
)
def test_files_that_are_refused(data: bytes, code: str) -> None:
    """A file without a row, and a header that does not name every column."""
    assert Outcome(rows=[], code=code) == read(data, Reading(header=True))


def test_rows_that_do_not_fit_the_header_are_rejected() -> None:
    """Others fill in what is missing, or drop what is too much."""
    outcome = read(b"id,name\n1\n2,Ana\n3,Ben,x\n", Reading(header=True))

    assert Outcome(rows=["field_count", {"id": "2", "name": "Ana"}, "field_count"], code=None) == outcome


def test_lines_above_the_header_are_skipped_as_stated() -> None:
    """They are physical lines, whatever stands in them."""
    outcome = read(b'Members of "our\nclub\n\nid,name\n1,Ana\n', Reading(header=True, skip_lines=3))

    assert Outcome(rows=[{"id": "1", "name": "Ana"}], code=None) == outcome


@pytest.mark.parametrize("marks", [{"delimiter": "\n"}, {"delimiter": ", "}, {"delimiter": '"'}, {"quotechar": ""}])
def test_dialects_that_cannot_work_are_refused(marks: dict[str, str]) -> None:
    """Others go on with a comma."""
    with pytest.raises(csvpipe.DialectError):
        csvpipe.Dialect(**marks)
