"""Finding the header of a table, and what stands above it."""

from __future__ import annotations

from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from csvpipe._intake.sniffer.table import HeaderFound, find_header
from csvpipe.dialect import Dialect

Header = bool | Literal["detect"]


def find(
    text: str,
    *,
    header: Header = "detect",
    delimiter: str = ",",
    is_whole: bool = True,
    wanted: frozenset[str] = frozenset(),
) -> HeaderFound:
    """What is found in this text."""
    return find_header(text, Dialect(delimiter=delimiter), is_whole=is_whole, header=header, wanted=wanted)


class TestPreamble:
    """Lines above the table."""

    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            ("id,name\n1,Ana\n2,Ben\n", 0),
            ("\n\r\nid,name\n1,Ana\n2,Ben\n", 2),
            ("Sales report\nid,name,n\n1,Ana,3\n2,Ben,4\n", 1),
            ("Sales report\n\nAll regions\n\nid,name,n\n1,Ana,3\n2,Ben,4\n", 4),
            ("Staff, as of March\nid,name,n\n1,Ana,3\n2,Ben,4\n", 1),
            ("Staff, as of March\ncity,born\nRome,1990-01-01\nBonn,1991-01-01\nOslo,1980-01-01\n", 1),
            ("some notes...\nmore notes,...\nnumber,text,date\n345.0,x,2000-12-13\n", 2),
            ("Report,,,\n,,,\nid,name,n,m\n1,Ana,3,4\n2,Ben,4,5\n", 2),
            ("Rows,2\nUser,ana\n\nid,name,n,m\n1,Ana,3,4\n2,Ben,4,5\n", 3),
            ("# made by x\n# at noon\nid,name\n1,Ana\n2,Ben\n", 2),
            ("# made by x, y\nid,name\n1,Ana\n2,Ben\n", 1),
            ("#\n# made by x, y\n#\nid,name\n1,Ana\n2,Ben\n", 3),
            ("#id,name\n1,Ana\n2,Ben\n", 0),
            ("##meta=1\n##more\n#id,name\n1,Ana\n2,Ben\n", 2),
            ("sep=,\nid,name\n1,Ana\n2,Ben\n", 1),
            ("sep=,\nReport\nid,name,n\n1,Ana,2\n2,Ben,3\n", 2),
            ('"A title\nin two lines"\nid,name,n\n1,Ana,2\n2,Ben,3\n', 2),
            ("Report\rid,name,n\r1,Ana,2\r2,Ben,3\r", 1),
        ],
    )
    @pytest.mark.parametrize("header", [True, "detect"])
    def test_it_ends_where_the_header_starts(self, text: str, expected: int, header: Header) -> None:
        """Titles, blank lines, comments, pairs of a name and a value, the hint of Excel."""
        found = find(text, header=header)

        assert (expected, True) == (found.preamble_lines, found.has_header)

    @pytest.mark.parametrize(
        "text",
        [
            "title\nAna\nBen\n",
            "name\n1,2\n3,4\n",
            "a,b\n1,2,3\n4,5,6\n",
            "id,name,n\n1,Ana\n2\n3,Elif,4\n",
            "a,,,,\n1,2,3,4,5\n2,3,4,5,6\n",
            ",2019,,2020,\nname,a,b,a,b\nAna,1,2,3,4\nBen,1,2,3,4\n",
            "only line",
        ],
    )
    def test_in_doubt_the_first_record_is_the_header(self, text: str) -> None:
        """A line that is dropped by mistake is worse than a title that turns out to be no header."""
        assert 0 == find(text, header=True).preamble_lines

    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            ("1,Ana,3\n2,Ben,4\n", 0),
            ("Sales report\n\n1,Ana,3\n2,Ben,4\n", 2),
            ("# made by x\n1,Ana,3\n2,Ben,4\n", 1),
            ("Rows,2\nUser,ana\n\n1,Ana,3,4\n2,Ben,4,5\n", 0),
            ("1001,,,\n1002,Ana,3,x\n1003,Ben,7,y\n", 0),
            ("1001,Ana\n1002,Ana,3,x\n1003,Ben,7,y\n", 0),
            ("# 1 pencil\n# 2 pen\nruler\n", 0),
            (",,\n1002,Ana,3\n1003,Ben,7\n", 0),
            ("1,Ana\n2,Ben,4\n3,Elif,5\n", 0),
            ("\n\n1\n2\n", 2),
        ],
    )
    def test_it_ends_where_the_records_start(self, text: str, expected: int) -> None:
        """Where there is no header."""
        found = find(text, header=False)

        assert (expected, False) == (found.preamble_lines, found.has_header)

    def test_it_is_shown_shortened(self) -> None:
        """The first twenty lines, and 200 characters of each."""
        found = find("# " + "x" * 500 + "\n" + "# y\n" * 30 + "id,name\n1,Ana\n", header=True)

        assert 31 == found.preamble_lines
        assert 20 == len(found.preamble)
        assert ("# " + "x" * 198, "# y") == found.preamble[:2]

    def test_wanted_names_are_the_header(self) -> None:
        """Wherever they stand, and however they are spelt."""
        text = "people 2024\nUser ID,E-Mail\n1,a@example.com\n"

        found = find(text, header=True, wanted=frozenset({"userid", "email", "phone"}))

        assert (1, 1.0) == (found.preamble_lines, found.confidence)

    @pytest.mark.parametrize(
        "text",
        [
            "userid,email,city\n1,a,x\n2,b,y\nuserid,email,phone\n3,c,z\n",
            "userid,note,x,y\nemail,1,,\n2,b,,\nuserid,email,phone,z\n3,c,d,f\n",
        ],
    )
    def test_no_row_is_stepped_over_for_wanted_names(self, text: str) -> None:
        """A record that has more of them below rows as wide is a bad row, or the file's columns are others."""
        assert 0 == find(text, header=True, wanted=frozenset({"userid", "email", "phone"})).preamble_lines

    def test_one_of_many_wanted_names_is_no_header(self) -> None:
        """A name may be a word of the data."""
        text = "a,b\n1,email\n2,x\n"

        assert 0 == find(text, header=True, wanted=frozenset({"userid", "email", "phone"})).preamble_lines


class TestHeader:
    """Whether the first record has the names."""

    @pytest.mark.parametrize(
        "text",
        [
            "id,name\n1,Ana\n2,Ben\n",
            "name\nAna\nBen\n",
            "time\n05:40\n21:30\n",
            "first,last,zip\nAna,Ruiz,08123\n",
            "user_name,home_city\nAna,Rome\nBen,Bonn\n",
            "Name,City\nAna,Rome\nBen,Bonn\nElif,Rome\n",
            "Year,2000,2001,2002\nTimber,2666,2274,1877\nMetal,498,853,490\n",
            "district,2021\nAK-1,-14.6\nAL-1,-31.9\n",
            ",name,n\n0,Ana,1\n1,Ben,2\n",
            "id,,n\n1,x,2\n2,y,3\n",
            "n,n,m\n1,2,3\n4,5,6\n",
            'id,"two\nlines"\n1,2\n3,4\n',
            "id,weight\n,kg\n1,2.5\n2,3.5\n3,4.5\n4,5.5\n",
            "id,name,joined\n",
            "active,n\ntrue,x\nfalse,y\n",
        ],
    )
    def test_it_has(self, text: str) -> None:
        """Text above numbers, names that do not recur, years above figures, a line that stands alone."""
        assert find(text).has_header

    @pytest.mark.parametrize(
        "text",
        [
            "1,2,3\n4,5,6\n",
            "1\n",
            "2024-01-01,12:30\n",
            "1,Ana,2020-01-01\n2,Ben,2020-01-02\n",
            "Ana,open\nBen,closed\nElif,open\nAna,open\n",
            "x\nx\nx\n",
            "12.5,Rome\n,Bonn\n13.5,Oslo\n",
            "AB-1234,true\nAC-1235,false\n",
        ],
    )
    def test_it_has_not(self, text: str) -> None:
        """Its cells are like those below."""
        found = find(text)

        assert (False, 0) == (found.has_header, found.preamble_lines)

    @pytest.mark.parametrize("header", [True, False])
    def test_what_is_stated_stands(self, header: bool) -> None:  # noqa: FBT001
        """Whatever it looks like."""
        assert header == find("id,name\n1,Ana\n", header=header).has_header
        assert header == find("1,2\n3,4\n", header=header).has_header
        assert header == find("", header=header).has_header

    def test_the_evidence_names_the_line(self) -> None:
        """Counted from 1, as people do."""
        assert "line 3 looks unlike the records below it" == find("\n\nid,n\n1,2\n3,4\n").evidence
        assert "line 1 looks like the records below it" == find("1,2\n3,4\n").evidence


@given(
    text=st.text(alphabet=st.sampled_from(",;\"'\n\r #=aAb12.\x1f\udc80"), max_size=300) | st.text(max_size=100),
    delimiter=st.sampled_from(",; "),
    quotechar=st.sampled_from(['"', "'", None]),
    is_whole=st.booleans(),
    header=st.sampled_from([True, False, "detect"]),
)
def test_any_text_has_its_answer(
    text: str,
    delimiter: str,
    quotechar: str | None,
    is_whole: bool,  # noqa: FBT001
    header: Header,
) -> None:
    """No text makes it raise, and the preamble never has more lines than there are."""
    dialect = Dialect(delimiter=delimiter, quotechar=quotechar)

    found = find_header(text, dialect, is_whole=is_whole, header=header, wanted=frozenset({"a", "b"}))

    assert 0 <= found.preamble_lines <= text.count("\n") + text.count("\r") + 1
    assert len(found.preamble) == min(found.preamble_lines, 20)
    assert 0.0 <= found.confidence <= 1.0


def test_many_comments_above_a_header() -> None:
    """However many there are within what is looked at."""
    comments = "".join(f"# note number {number}\n" for number in range(100))
    found = find(f"{comments}id,name,x\n1,a,b\n2,c,d\n3,e,f\n", header=True)
    assert 100 == found.preamble_lines
