"""What stands in sensitive columns is shown to nobody."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from csvpipe._process.convert import shortened
from csvpipe._process.secrets import Secrets

SECRETS = Secrets(["id", "mail", "pin"], ["mail", "pin"])


class TestColumns:
    """Which columns are meant."""

    def test_named_columns_are_sensitive(self) -> None:
        """What is named is in, be it in the file or not; all others, and no column, are out."""
        secrets = Secrets(["id", "mail"], ["mail", "absent"])
        assert [False, True, True, False] == [column in secrets for column in ("id", "mail", "absent", None)]

    def test_false_without_any(self) -> None:
        """Where nothing is sensitive there is nothing to do."""
        assert not Secrets(["id"], [])
        assert SECRETS
        assert "<Secrets of ['mail', 'pin']>" == repr(SECRETS)


class TestNames:
    """Codes and columns that an application gave."""

    @pytest.mark.parametrize(
        ("name", "shown"), [("no_rejected_id", "no_***_***"), ("rejected", "rejected"), ("id", "id")]
    )
    def test_our_words_stay(self, name: str, shown: str) -> None:
        """Cells are masked in them, unless they are codes of ours or columns of the file."""
        assert shown == SECRETS.masked_name(name, SECRETS.masker([["1", "rejected", "id"]]))


class TestMasked:
    """Texts without sensitive cells."""

    def test_cells_are_masked_wherever_they_stand(self) -> None:
        """Each occurrence of each sensitive cell of each record is masked, other cells are not."""
        records = [["1", "a@b.c", "77"], ["2", "d@e.f", ""]]
        shown = SECRETS.masked("1: a@b.c, d@e.f and 77, again a@b.c; 2", records)
        assert "1: ***, *** and ***, again ***; 2" == shown

    @pytest.mark.parametrize("quoted", ["O'Brïen\t1", "O'BRÏEN\t1", "o'brïen\t1", "O'Brïen\\t1", "O'Br\\xefen\\t1"])
    def test_forms_of_a_cell(self, quoted: str) -> None:
        """A cell is known stripped, in capitals, in small letters, and escaped as `repr` and `ascii` do it."""
        assert "bad: ***!" == SECRETS.masked(f"bad: {quoted}!", [["1", " O'Brïen\t1 ", ""]])

    def test_longer_ones_first(self) -> None:
        """A cell within another one does not leave the rest of the other in sight."""
        assert "*** ***" == SECRETS.masked("secret1 1", [["", "secret1", "1"]])

    def test_marks_are_not_masked_again(self) -> None:
        """A cell that looks like the mask does no harm."""
        assert "*** ***" == SECRETS.masked("abc *", [["", "abc", "*"]])

    def test_short_records(self) -> None:
        """A record may lack the sensitive column, and an empty cell is in every text."""
        assert "bad" == SECRETS.masked("bad", [["1"], [], ["1", " ", ""]])

    def test_torn_secrets(self) -> None:
        """A cell of which a shortened message shows only the beginning is masked as well."""
        secret = "x" * 30 + "y" * 30
        text = shortened(f"no such person: {secret}", 40)
        assert "no such person: ***…" == SECRETS.masked(text, [["1", secret, ""]])
        assert "no such person…" == SECRETS.masked("no such person…", [["1", "zzz", ""]])

    @given(
        st.lists(st.text(min_size=1, max_size=12), max_size=4),
        st.text(st.characters(exclude_characters="*…"), min_size=2, max_size=40),
        st.integers(10, 60),
    )
    def test_never_shown(self, around: list[str], secret: str, width: int) -> None:
        """Whatever stands around it, however the text is cut, the stripped cell is nowhere in what is shown."""
        text = shortened(secret.join(["", *around, ""]), width)
        shown = SECRETS.masked(text, [["1", secret, ""]])
        assert not secret.strip() or secret.strip() not in shown
