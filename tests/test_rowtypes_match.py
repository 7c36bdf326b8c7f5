"""Which column of a file fills which field."""

from __future__ import annotations

from typing import Annotated, Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from csvpipe.errors import FileCode, FileError, PipelineError
from csvpipe.rowtypes import (
    Column,
    RowSchema,
    check_columns,
    folded,
    header_names,
    match_columns,
    read_row_type,
    unknown_names,
    unused_columns,
)


@attrs.frozen
class Contact:
    """Fields with stated names, with aliases, with both and with neither."""

    name: Annotated[str, Column("Full name")]
    mail: Annotated[str, Column(aliases=["E-Mail", "address"])]
    born: Annotated[str, Column("Date of birth", aliases=["birthday"])] = ""
    _id: int = 0


def schema_of(**fields: Any) -> RowSchema:
    """That of a class with these annotations, all of them without default."""
    return read_row_type(attrs.make_class("Made", {name: attrs.field(type=kind) for name, kind in fields.items()}))


CONTACT = read_row_type(Contact)


class TestFolded:
    """What is left of a name."""

    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            ("E-Mail", "email"),
            (" e_mail\u00a0", "email"),
            ("Prénom", "prenom"),
            ("GRÖSSE", "grosse"),
            ("Größe", "grosse"),
            ("\uff21\uff47\uff45", "age"),
            ("№ 5", "no5"),
            ("€ / %", ""),
            ("か", "か"),
            ("край", "краи"),
        ],
    )
    def test_examples(self, text: str, expected: str) -> None:
        """Case, accents, spaces, underscores and punctuation go; letters of any script stay."""
        assert expected == folded(text)

    def test_other_letters(self) -> None:
        """Marks that make another letter stay: these are different words."""
        assert folded("が") != folded("か")
        assert folded("की") != folded("का")

    @given(st.text())
    def test_stable(self, text: str) -> None:
        """Folding twice changes nothing more, nor does case."""
        assert folded(text) == folded(folded(text))
        assert folded(text.upper().lower()) == folded(text.lower().upper().lower())


class TestMatch:
    """Exact names beat folded ones, stated names beat aliases, aliases beat the field's own name."""

    @pytest.mark.parametrize(
        ("columns", "expected"),
        [
            (["Full name", "mail"], {"name": 0, "mail": 1}),
            (["full_name", "MAIL"], {"name": 0, "mail": 1}),
            (["name", "address"], {"name": 0, "mail": 1}),
            (["name", "Full name", "mail"], {"name": 1, "mail": 2}),
            (["NAME", "Full name", "mail"], {"name": 1, "mail": 2}),
            (["FULL NAME", "name", "mail"], {"name": 1, "mail": 2}),
            (["name", "address", "E-Mail"], {"name": 0, "mail": 2}),
            (["name", "address", "E-Mail", "mail"], {"name": 0, "mail": 3}),
            (["name", "email", "mail"], {"name": 0, "mail": 2}),
            (["name", "mail", "Birthday", "ID"], {"name": 0, "mail": 1, "born": 2, "id": 3}),
            (["name", "mail", "birthday", "born", "date-of-birth"], {"name": 0, "mail": 1, "born": 2}),
        ],
    )
    def test_order_of_names(self, columns: list[str], expected: dict[str, int]) -> None:
        """Every rank finds its column before the next is asked."""
        assert expected == match_columns(CONTACT, columns)

    @given(st.permutations(["Full name", "name", "E-Mail", "address", "BIRTHDAY", "Id", "other"]))
    def test_order_of_columns(self, columns: list[str]) -> None:
        """The order of the columns changes nothing."""
        expected = {"name": "Full name", "mail": "E-Mail", "born": "BIRTHDAY", "id": "Id"}
        assert expected == {name: columns[position] for name, position in match_columns(CONTACT, columns).items()}

    @given(st.permutations(["user id", "user_id", "user-id"]), st.permutations(["user id", "user_id"]))
    def test_order_of_fields(self, columns: list[str], names: list[str]) -> None:
        """Exact names are given out first, whatever the order of the fields, and are nobody else's."""
        schema = schema_of(**{f"f{name[4] == '_'}": Annotated[str, Column(name)] for name in names})
        found = match_columns(schema, columns)
        assert {"fTrue": "user_id", "fFalse": "user id"} == {name: columns[place] for name, place in found.items()}

    def test_swapped(self) -> None:
        """Two fields may have each other's names."""
        schema = schema_of(a=Annotated[str, Column("b")], b=Annotated[str, Column("a")])
        assert {"a": 1, "b": 0} == match_columns(schema, ["a", "b"])

    def test_two_columns(self) -> None:
        """Two columns that differ in spelling alone cannot be told apart; both are named, and what is missing too."""
        with pytest.raises(FileError) as caught:
            match_columns(CONTACT, ["name", "e_mail", "E Mail"])
        assert FileCode.HEADER_DUPLICATE is caught.value.code
        assert (
            "each of the columns 'e_mail', 'E Mail' may be the field 'mail'; rename one of them in the file, or state "
            "the exact name in Column(...)"
        ) == caught.value.message
        with pytest.raises(FileError) as caught:
            match_columns(CONTACT, ["e_mail", "E Mail"])
        assert FileCode.COLUMNS_MISSING is caught.value.code
        assert "lacks the column 'Full name'" in caught.value.message
        assert "'e_mail', 'E Mail'" in caught.value.message

    def test_two_fields(self) -> None:
        """A column that may fill either of two fields fills none; both are named."""
        schema = schema_of(user_id=str, userid=str)
        assert {"user_id": 1, "userid": 0} == match_columns(schema, ["userid", "user_id"])
        with pytest.raises(FileError, match="the column 'UserID' may be any of the fields 'user_id', 'userid'"):
            match_columns(schema, ["UserID"])

    @pytest.mark.parametrize(
        ("header", "column"),
        [
            ("Rate (%)", "rate (€)"),
            ("Rate (%)", "rate"),
            ("A+", "A"),
            ("A+", "a-"),
            ("A-", "a+"),
            ("Rh (-)", "RH"),
            ("C#", "c"),
            ("Q&A", "qa"),
        ],
    )
    def test_other_signs(self, header: str, column: str) -> None:
        """A name with such a sign is filled by no column that has another one or none."""
        with pytest.raises(FileError, match="lacks the column"):
            match_columns(schema_of(x=Annotated[str, Column(header)]), [column])

    def test_own_name_beside_signs(self) -> None:
        """A field that states a name with a sign is still found by its own, but not with another sign."""
        schema = schema_of(rate=Annotated[str, Column("Rate (%)")])
        assert {"rate": 0} == match_columns(schema, ["RATE"])
        with pytest.raises(FileError, match="lacks the column"):
            match_columns(schema, ["rate (€)"])

    @pytest.mark.parametrize(
        ("header", "column"),
        [
            ("Rate (%)", "% RATE"),
            ("A-", "a -"),
            ("A-B", "ab"),
            ("Price", "price (€)"),
            ("name", "-- Name --"),
        ],
    )
    def test_same_signs(self, header: str, column: str) -> None:
        """Signs are the same wherever they stand; a field without any takes a header that has one."""
        assert {"x": 0} == match_columns(schema_of(x=Annotated[str, Column(header)]), [column])

    def test_columns_that_differ_in_signs(self) -> None:
        """They fill the fields that state them, and none that would take either."""
        grades = schema_of(good=Annotated[str, Column("A+")], fair=Annotated[str, Column("A-")])
        assert {"good": 1, "fair": 0} == match_columns(grades, ["a-", "a+"])
        with pytest.raises(FileError, match="lacks the column 'A\\+'"):
            match_columns(grades, ["A-", "A"])
        with pytest.raises(FileError, match="each of the columns 'Price %', 'Price €' may be the field 'price'"):
            match_columns(schema_of(price=str), ["Price %", "Price €"])

    def test_one_name_twice(self) -> None:
        """Two fields that state one name are refused with the class."""
        with pytest.raises(PipelineError, match="Made: the column 'x' is that of the fields 'a', 'b'; choose one"):
            schema_of(a=Annotated[str, Column("x")], b=Annotated[int, Column("x")])

    def test_marks_alone(self) -> None:
        """Names of which nothing is left match only exactly."""
        schema = schema_of(a=Annotated[str, Column("€")])
        assert {"a": 1} == match_columns(schema, ["%", "€"])
        with pytest.raises(FileError, match="lacks the column '€'"):
            match_columns(schema, ["%"])


class TestCheck:
    """Missing and unknown columns are told at once."""

    def test_ignored(self) -> None:
        """Unknown columns do no harm unless they are to."""
        check_columns(CONTACT, ["name", "mail", "colour"])
        assert ["colour"] == unused_columns(CONTACT, ["name", "colour", "mail"])

    def test_unknown(self) -> None:
        """All are named, with the nearest field."""
        with pytest.raises(FileError) as caught:
            check_columns(CONTACT, ["name", "mail", "Birth day 2", "x"], unknown="fail")
        assert FileCode.COLUMNS_UNKNOWN is caught.value.code
        assert (
            "the file has the columns 'Birth day 2' (did you mean 'birthday'?), 'x', which Contact does not name; "
            "rename or remove them (unknown_columns='ignore' lets them pass)"
        ) == caught.value.message

    def test_the_class_has_the_last_word(self) -> None:
        """What a class refuses itself cannot be let pass."""
        closed = attrs.evolve(CONTACT, refuses_others=True)
        with pytest.raises(FileError, match=r"does not name; rename or remove it$"):
            check_columns(closed, ["name", "mail", "x"])

    def test_both(self) -> None:
        """The code is that of the missing ones, the message has both."""
        with pytest.raises(FileError) as caught:
            check_columns(CONTACT, ["names", "mail"], unknown="fail")
        assert FileCode.COLUMNS_MISSING is caught.value.code
        assert "lacks the column 'Full name', which Contact needs" in caught.value.message
        assert "has the column 'names' (did you mean 'name'?), which Contact does not name" in caught.value.message


class TestNames:
    """Names that policies give for columns."""

    def test_wanted(self) -> None:
        """All names that a header may have, folded."""
        expected = {"fullname", "name", "email", "address", "mail", "dateofbirth", "birthday", "born", "id"}
        assert expected == CONTACT.wanted

    def test_header_names(self) -> None:
        """A field's name stands for its column, a header's for itself, in any spelling; others stay."""
        columns = ["Full name", "E-MAIL", "colour", "Id"]
        assert ("Full name", "E-MAIL", "colour", "Id", "size") == header_names(
            CONTACT, ["name", "mail", "Colour", "_id", "size"], columns
        )
        assert ("E-MAIL",) == header_names(CONTACT, ["address", "e_mail"], columns)

    def test_both_meanings(self) -> None:
        """A name that is a field's and another column's means both."""
        schema = schema_of(name=Annotated[str, Column("Full name")])
        assert ("name", "Full name") == header_names(schema, ["name"], ["Full name", "name"])

    def test_unknown_names(self) -> None:
        """Those that mean neither a field nor a column."""
        assert ["size"] == unknown_names(CONTACT, ["Full Name", "_id", "size", "tone"], ["Tone"])
