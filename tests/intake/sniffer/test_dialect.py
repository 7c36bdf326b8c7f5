"""Finding the dialect of a text."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from csvpipe._intake.sniffer.dialect import DialectFound, sniff_dialect
from csvpipe.dialect import Dialect

SOURCE_CHARACTERS = 256 * 1024

#: Texts that hit every branch: marks, newlines, bytes that do not decode.
messy = st.text(alphabet=st.sampled_from(",;\t|\"'\\\n\r :^~#=\x1f\0é\udc80ab12."), max_size=300) | st.text(
    max_size=100
)


def sniff(text: str, *, is_whole: bool = True, wanted: frozenset[str] = frozenset()) -> Dialect:
    """The dialect of this text."""
    return sniff_dialect(text, is_whole=is_whole, wanted=wanted).dialect


class TestDelimiters:
    """What stands between cells."""

    @pytest.mark.parametrize("delimiter", [*",;\t|^~:", "\x1f", "\x01", "§", " "])
    def test_a_table_of_typed_columns_shows_its_delimiter(self, delimiter: str) -> None:
        """The usual ones, and others where the evidence is strong."""
        rows = [("id", "name", "joined", "score")]
        rows += [(str(number), f"Ana{number}", f"2024-01-{number:02}", f"{number}.5") for number in range(1, 10)]

        assert Dialect(delimiter=delimiter) == sniff("\n".join(delimiter.join(row) for row in rows))

    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            ("id;price;weight\n1;1,5;2,7\n2;3,25;0,1\n", ";"),
            ("1,5;2,7\n3,1;4,9\n8,0;0,1\n", ";"),
            ("name;note\nAna;tall, thin, quick\nBen;no, thanks\nElif;well\n", ";"),
            ("name\tnote\nAna\ttall, thin\nBen\tno, thanks\n", "\t"),
            ("name,tags,n\nAna,a|b|c,1\nBen,b|c,2\nElif,a,3\n", ","),
            ("name,tags,n\nAna,a;b,1\nBen,b;c,2\nElif,a;d,3\n", ","),
            ("at,url\n12:30,https://example.com/a;b\n12:45,https://example.com/c;d\n", ","),
            ("Last, First;Age;City\n", ";"),
            ("a;b;c\n", ";"),
            ("a|b|c\n1|2|3\n", "|"),
            ("id;name\r1;Ana\r2;Ben\r", ";"),
            ("Report, all regions\n\nid;name;n\n1;Ana;3\n2;Ben;4\n", ";"),
            ("# made by x, y, z\n# a, b, c\nid;name\n1;Ana\n2;Ben\n", ";"),
            ("id;name;n\n1;Ana;3\n2;Ben;4\nTotal, of all;;7\n", ";"),
            ("id;name;n\n1;Ana\n2;Ben;4;;\n3;Elif;5\n4;Al;2\n", ";"),
            ('id;note;n\n1;"one\ntwo, three";4\n2;"x";5\n', ";"),
            ('id;note;n\n1;"open, and never, closed;2\n3;x;4\n5;y;6\n7;z;8\n', ";"),
        ],
    )
    def test_what_else_stands_in_cells_does_not_fool_it(self, text: str, expected: str) -> None:
        """Decimal commas, prose, lists, times, addresses, titles, comments, totals."""
        assert expected == sniff(text).delimiter

    @pytest.mark.parametrize(
        "text",
        [
            "name\nAna\nBen\n",
            "name\nAna Ruiz\nBen Okafor\n",
            "time\n05:40\n21:30\n17:45\n",
            "2024-01-01 12:00:00 INFO started\n2024-01-01 12:00:01 WARN disk is full\n2024-01-01 12:00:02 INFO end\n",
            "day\n24 October 2011\n25 October 2011\n26 October 2011\n",
            "link\nhttps://example.com/a:b\nhttps://example.com/c:d\n",
            "",
            "\n\n\n",
            "1",
        ],
    )
    def test_a_single_column_is_a_comma_file(self, text: str) -> None:
        """Spaces and colons in words, dates and times divide nothing."""
        assert Dialect() == sniff(text)

    @pytest.mark.parametrize(
        "text",
        [
            "value\n1,5\n2,7\n3,25\n",
            "address\n12 Main St, Springfield, IL\n4 Elm Ave, Portland, OR\n77 Oak Rd, Austin, TX\n",
            "remark\nYes, he said, and left\nWell\nNo, thank you, all of you, sir\nGood day to you\nSo\n",
        ],
    )
    def test_a_single_column_with_commas_is_not_cut_by_them(self, text: str) -> None:
        """Decimal commas under one name, and sentences."""
        rows = list(csv.reader(io.StringIO(text), **sniff(text).reader_options()))

        assert {1} == {len(row) for row in rows}

    def test_pairs_of_numbers_are_pairs(self) -> None:
        """Without a name above them that says otherwise, the plain dialect is meant."""
        assert "," == sniff("a,b\n1,5\n2,7\n").delimiter
        assert "," == sniff("1,5\n2,7\n").delimiter

    def test_wanted_names_decide(self) -> None:
        """A header with the names that the row type has is stronger than anything below it."""
        text = "first name|city,state\nAna|Rome,IT\nBen|Bonn,DE\n"

        assert "|" == sniff(text, wanted=frozenset({"firstname", "citystate"})).delimiter
        assert "," == sniff(text, wanted=frozenset({"firstnamecity", "state"})).delimiter

    @pytest.mark.parametrize(("hint", "expected"), [("sep=;", ";"), ("SEP=\t", "\t"), ('"sep=|"', "|"), ("sep=,", ",")])
    def test_the_hint_of_excel_is_taken(self, hint: str, expected: str) -> None:
        """Whatever the lines below look like."""
        found = sniff_dialect(f"{hint}\r\na,b{expected}c\r\n1,2{expected}3\r\n", is_whole=True)

        assert (expected, 1.0) == (found.dialect.delimiter, found.confidence)

    @pytest.mark.parametrize("hint", ['sep="', "sep='", "sep=\\", "sep=\udc80"])
    def test_a_hint_that_cannot_be_a_delimiter_is_not_taken(self, hint: str) -> None:
        """The plain dialect is."""
        assert Dialect() == sniff(f"{hint}\na,b\n1,2\n")

    def test_the_last_line_of_a_cut_sample_does_not_count(self) -> None:
        """It may be torn; a whole file's last line is a line like any other."""
        found = sniff_dialect("id,name\n1,Ana\n2,", is_whole=False)

        assert found.evidence.startswith("2 of 2 records have 2 cells")


class TestQuotes:
    """What stands around cells."""

    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            ('a,b\n1,"x ""y"" z"\n2,"k, l"\n', Dialect()),
            ("a,b\n1,2\n", Dialect()),
            ('a,b\n1,"x \\"y\\" z"\n2,"k, \\"l\\""\n', Dialect(escapechar="\\")),
            ('path,n\n"C:\\data\\",1\n"C:\\more\\",2\n', Dialect()),
            ("a\tb\n1\t'x\ty'\n'2'\tz\n", Dialect(delimiter="\t", quotechar="'")),
            ("'a';'b'\n'1';'x; y'\n'2';'it''s'\n", Dialect(delimiter=";", quotechar="'")),
            ("a|b\n1|'x \\'y\\' z'\n2|'k'\n3|'l'\n", Dialect(delimiter="|", quotechar="'", escapechar="\\")),
            ("name,n\nO'Brien,1\n'tis,2\nD'Angelo,3\n", Dialect()),
            (
                'a\tb\tc\n1\t"Foo" bar\t3\n2\t"x\t4\n3\tk\t5\n4\t"Baz" qux\t6\n5\tq\t7\n',
                Dialect(delimiter="\t", quotechar=None),
            ),
            ('a, b, c\n1, "x, y", 3\n2, "z", 4\n', Dialect(skipinitialspace=True)),
            ("a, b, c\n1, x, 3\n2, y, 4\n", Dialect(skipinitialspace=True)),
            ("a,b,c\n1, x,3\n2,y,4\n", Dialect()),
            ("a,b,c\n1,x\\,y,3\n2,k\\,l,4\n3,m,5\n", Dialect(escapechar="\\")),
        ],
    )
    def test_quotes_and_escapes_are_found(self, text: str, expected: Dialect) -> None:
        """Doubled, escaped, single, without meaning, after spaces."""
        assert expected == sniff(text)

    def test_an_escape_is_found_further_down(self) -> None:
        """Quotes need not occur in the first lines."""
        rows = "".join(f'{number},"name {number}"\n' for number in range(5_000))

        assert "\\" == sniff(f'id,name\n{rows}0,"so \\"called\\" name"\n1,"x"\n').escapechar


class TestEvidence:
    """What people are told."""

    def test_it_counts_the_records_that_fit(self) -> None:
        """And says what the dialect is."""
        found = sniff_dialect("a;b\n1;2\n3;4\n5;6\n7;8\n", is_whole=True)

        assert "5 of 5 records have 2 cells; semicolons, quotes doubled" == found.evidence
        assert found.confidence > 0.9

    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            ("", "there is no text"),
            ("a\nb\n", "nothing divides the 2 records: one column"),
            (
                "'a';'b'\n'1';'x; y'\n'2';'z'\n",
                "3 of 3 records have 2 cells; semicolons, quoted with ', quotes doubled",
            ),
            ("a, b\n1, 2\n", "2 of 2 records have 2 cells; commas, quotes doubled, a space after each"),
        ],
    )
    def test_it_says_what_is_unusual(self, text: str, expected: str) -> None:
        """Other quotes, spaces, nothing to see."""
        assert expected == sniff_dialect(text, is_whole=True).evidence


class TestAnyText:
    """It comes to an end, soon, with something that reads."""

    @given(text=messy, is_whole=st.booleans())
    def test_it_never_raises(self, text: str, is_whole: bool) -> None:  # noqa: FBT001
        """Each answer is a dialect, with a confidence."""
        found = sniff_dialect(text, is_whole=is_whole, wanted=frozenset({"a", "b"}))

        assert isinstance(found, DialectFound)
        assert 0.0 <= found.confidence <= 1.0

    @given(
        names=st.lists(st.sampled_from(["Ana", "Ben", "Elif", "Chloé", "Jürgen"]), min_size=4, max_size=30),
        delimiter=st.sampled_from(",;\t|"),
        quoting=st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL, csv.QUOTE_NONNUMERIC]),
        newline=st.sampled_from(["\n", "\r\n", "\r"]),
        has_header=st.booleans(),
    )
    def test_what_csv_writer_wrote_is_read_back(
        self,
        names: list[str],
        delimiter: str,
        quoting: int,
        newline: str,
        has_header: bool,  # noqa: FBT001
    ) -> None:
        """A typed table, in any of the usual dialects."""
        rows: list[list[object]] = [["id", "name", "price", "note"]] if has_header else []
        rows += [[number, name, f"{number},5", f"{name}, well; so|so"] for number, name in enumerate(names)]
        text = io.StringIO(newline="")
        csv.writer(text, delimiter=delimiter, quoting=quoting, lineterminator=newline).writerows(rows)  # type: ignore[arg-type]

        dialect = sniff(text.getvalue())

        read = csv.reader(io.StringIO(text.getvalue(), newline=""), **dialect.reader_options())
        assert [[str(cell) for cell in row] for row in rows] == list(read)

    @pytest.mark.parametrize(
        "text",
        ['"', ",", "a", "1", "\n", "\r", " ", "\\", "'", "\0", ',"', '",', ',"a', '"\n', '\\"', "1,", "a,b;c|d\te\n"],
    )
    def test_a_sample_full_of_one_thing_has_a_dialect(self, text: str) -> None:
        """How long it takes is measured by the benchmarks."""
        sample = text * (SOURCE_CHARACTERS // len(text))

        assert isinstance(sniff(sample, is_whole=False), Dialect)

    def test_it_stays_below_a_field_limit(self, small_field_limit: None) -> None:
        """A host that has set `csv.field_size_limit` low gets an answer too."""
        assert isinstance(sniff("identifier,name\n1,Ana\n2,Ben\n"), Dialect)

    @pytest.fixture
    def small_field_limit(self) -> Iterator[None]:
        """A host that has set `csv.field_size_limit` very low."""
        before = csv.field_size_limit(4)
        yield
        csv.field_size_limit(before)


def test_two_stray_quotes_do_not_swallow_what_is_between() -> None:
    """What looks like one long cell, closed amid text, is two slips: then quotes mean nothing."""
    rows = [f"{number},part {number},{number * 2}" for number in range(100)]
    rows[10], rows[50] = '10,"big,20', '50,"thing,100'
    assert Dialect(quotechar=None) == sniff_dialect("\n".join(rows), is_whole=True).dialect


@pytest.mark.parametrize(
    ("text", "delimiter"),
    [
        ("id,range\n1,a|b|c\n2,c|d|e\n3,e|f|g\n", ","),
        ("ip\tratio\n" + "red^green^blue\ta~i\n" * 20, "\t"),
        ('path;when\na,c;"12 Rue X; Paris"\nd,e;"13 Rue X; Paris"\n', ";"),
    ],
)
def test_lists_in_cells_do_not_divide_the_table(text: str, delimiter: str) -> None:
    """The header is divided by the table's delimiter, not by theirs."""
    assert delimiter == sniff_dialect(text, is_whole=True).dialect.delimiter


@given(
    table=st.lists(st.lists(st.sampled_from(["1", "2.5", "a b", "", "1,5", "x;y", "2024-01-02", "^"]), max_size=6)),
    delimiter=st.sampled_from(",;\t|"),
    messy_text=messy,
)
def test_what_cannot_win_is_not_looked_at(table: list[list[str]], delimiter: str, messy_text: str) -> None:
    """Where a reading beats what undivided lines could be worth, the verdict is the one with them in the contest."""
    text = "\n".join(delimiter.join(row) for row in table)
    for sample in (text, messy_text):
        short = sniff_dialect(sample, is_whole=True)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("csvpipe._intake.sniffer.dialect._is_divided", lambda _readings: False)
            assert sniff_dialect(sample, is_whole=True) == short
