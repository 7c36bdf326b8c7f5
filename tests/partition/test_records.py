"""Records of a piece, by example."""

from __future__ import annotations

import csv

import pytest

from csvpipe._partition.automaton import Automaton, LineState
from csvpipe._partition.judge import RecordKind
from csvpipe._partition.records import Record, locate, scan_records
from csvpipe.dialect import Dialect
from csvpipe.errors import RowCode

PLAIN, ESCAPED, STRICT = Dialect(), Dialect(escapechar="\\"), Dialect(strict=True)


def scan(data: bytes, dialect: Dialect = PLAIN, *, encoding: str = "utf-8", row_bytes: int = 1_000_000) -> list[Record]:
    """All records of a piece."""
    return list(scan_records(data, dialect=dialect, encoding=encoding, row_bytes=row_bytes))


def kinds(data: bytes, dialect: Dialect = PLAIN, *, row_bytes: int = 1_000_000) -> list[tuple[bytes, str]]:
    """Text and kind of each record."""
    return [(data[r.start : r.end], r.kind.value) for r in scan(data, dialect, row_bytes=row_bytes)]


def test_flaws_have_the_codes_of_row_errors() -> None:
    """Whoever reports a bad record finds its code in its kind."""
    flaws = set(RecordKind) - {RecordKind.ROW, RecordKind.BLANK}

    assert {kind.value for kind in flaws} < {code.value for code in RowCode}


def test_records_know_their_lines() -> None:
    """Offsets, physical lines, cells; a blank line has no cells."""
    assert [
        Record(0, 8, 0, 2, RecordKind.ROW, ["a", "b\nc"]),
        Record(8, 10, 2, 1, RecordKind.BLANK, None),
        Record(10, 13, 3, 1, RecordKind.ROW, [""]),
        Record(13, 14, 4, 1, RecordKind.ROW, ["d"]),
    ] == scan(b'a,"b\nc"\n'[:8] + b'\r\n""\rd')


def test_an_open_quote_costs_its_own_line() -> None:
    """A quote that is never closed rejects the line that it stands in; the lines after it are rows."""
    data = b'a,b\n1,"x\n2,y\n3,"z"\n4,"w\n'

    assert [
        (b"a,b\n", "row"),
        (b'1,"x\n2,y\n3,"z"\n', "row"),
        (b'4,"w\n', "unterminated_quote"),
    ] == kinds(data)


def test_a_quote_stays_open_for_row_bytes_at_most() -> None:
    """A record of exactly `row_bytes` is a row, whatever it holds; one byte less, and only its first line is lost."""
    data = b'"a\nb\nc"\n1,2\n'

    assert [(b'"a\nb\nc"\n', "row"), (b"1,2\n", "row")] == kinds(data, row_bytes=8)
    assert [
        (b'"a\n', "unterminated_quote"),
        (b"b\n", "row"),
        (b'c"\n', "row"),
        (b"1,2\n", "row"),
    ] == kinds(data, row_bytes=7)


def test_a_large_line_ends_an_open_quote() -> None:
    """A line over the limit is never a part of another record."""
    assert [
        (b'"a\n', "unterminated_quote"),
        (b"0123456789\n", "row_too_large"),
        (b'b"\n', "row"),
        (b"\r\n", "blank"),
    ] == kinds(b'"a\n0123456789\nb"\n\r\n', row_bytes=10)


def test_a_blank_line_is_never_too_large() -> None:
    r"""Not even a `\r\n` where one byte is the limit."""
    assert [(b"\r\n", "blank"), (b"a\r\n", "row_too_large")] == kinds(b"\r\na\r\n", row_bytes=1)


def test_a_strict_dialect_drops_the_rest_of_the_line() -> None:
    """Text after a closing quote is malformed up to the line's end, on whatever line the quote was opened."""
    assert [
        (b'"a"b,"c\n', "malformed"),
        (b"d\n", "row"),
        (b'"e\nf"g\n', "malformed"),
        (b"h\n", "row"),
        (b'"i\n', "unterminated_quote"),
    ] == kinds(b'"a"b,"c\nd\n"e\nf"g\nh\n"i\n', STRICT)


def test_an_escaped_newline_goes_on() -> None:
    r"""A newline joins the field; of `\r\n` only the `\r` does; at the end of the data the escape is still open."""
    assert [["a\nb"], ["c\r"], ["d\re"]] == [r.fields for r in scan(b"a\\\nb\nc\\\r\nd\\\re\n", ESCAPED)]
    assert [(b"a\\\n", "unterminated_quote")] == kinds(b"a\\\n", ESCAPED)
    assert [(b"a\\", "unterminated_quote")] == kinds(b"a\\", ESCAPED)
    assert [(b'"a\\', "unterminated_quote")] == kinds(b'"a\\', ESCAPED)


def test_only_newlines_end_lines() -> None:
    """What else `str.splitlines` takes for a line end is text."""
    text = "a\x0bb\x0cc\x1cd\x1de\x1ef\x85g\u2028h\u2029i"

    assert [[text], [text]] == [record.fields for record in scan(f"{text}\n{text}".encode())]


def test_two_bytes_may_decode_to_one_mark() -> None:
    """The quote is found by what bytes decode to, also where a code page has it twice or not at all."""
    assert [["a\nb"]] == [
        r.fields for r in scan("«a\nb«\n".encode("cp1252"), Dialect(quotechar="«"), encoding="cp1252")
    ]
    assert [["«a"], ["b«"]] == [
        r.fields and [cell.encode("ascii", "surrogateescape").decode("cp1252") for cell in r.fields]
        for r in scan("«a\nb«\n".encode("cp1252"), Dialect(quotechar="«"), encoding="ascii")
    ]


@pytest.mark.parametrize(
    "dialect", [PLAIN, STRICT, ESCAPED, Dialect(doublequote=False), Dialect(skipinitialspace=True)]
)
@pytest.mark.parametrize("break_", ["\n", "\r\n", " "])
def test_fields_may_be_longer_than_the_csv_module_allows(dialect: Dialect, break_: str) -> None:
    """Fields over `csv.field_size_limit` are read exactly, on one line and over many."""
    long = f"lorem{break_}ipsum" * 20_000
    data = f'1,"{long}",2\n3,{"x" * 200_000},4\n5,"y"\n'.encode()

    expected = [["1", long, "2"], ["3", "x" * 200_000, "4"], ["5", "y"]]

    assert max(map(len, expected[0])) > csv.field_size_limit()
    assert expected == [record.fields for record in scan(data, dialect)]
    assert 3 == len(locate(data, dialect=dialect, encoding="utf-8", row_bytes=1_000_000).starts)


def test_the_automaton_says_where_a_line_leaves_a_record() -> None:
    """The four states at a line's end."""
    automaton = Automaton(Dialect(escapechar="\\", strict=True))
    states = [automaton.feed(line, LineState.CLOSED) for line in ("a\n", '"a\n', "a\\\n", '"a"b\n')]

    assert [LineState.CLOSED, LineState.IN_QUOTES, LineState.ESCAPED, LineState.MALFORMED] == states
    assert [False, True, True, False] == [state.is_open for state in states]


def test_the_automaton_gives_a_blank_line_no_cells() -> None:
    """Not even an empty one, as `csv.reader` does."""
    automaton = Automaton(PLAIN)

    assert LineState.CLOSED is automaton.feed("\r\n", LineState.CLOSED)
    assert [] == automaton.fields
