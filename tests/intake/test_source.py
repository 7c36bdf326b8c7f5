"""The local file that a job reads, and its fingerprint."""

from __future__ import annotations

import os
from pathlib import Path

import attrs
import pytest

from csvpipe._intake.source import LocalFile
from csvpipe.errors import FileCode, FileError


@pytest.fixture
def people(tmp_path: Path) -> Path:
    """A file of eight bytes."""
    path = tmp_path / "people.csv"
    path.write_bytes(b"id\n1\n2\n3")
    return path


class TestTakingTheFingerprint:
    """`LocalFile.at`."""

    def test_size_and_time_are_kept(self, people: Path) -> None:
        """As the file system gives them."""
        stat = people.stat()
        expected = LocalFile(path=str(people), size=8, mtime_ns=stat.st_mtime_ns, is_spooled=True, sha256="00")
        assert expected == LocalFile.at(people, is_spooled=True, sha256="00")

    def test_a_relative_path_becomes_absolute(self, people: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """Workers may run elsewhere."""
        monkeypatch.chdir(people.parent)
        assert str(people) == LocalFile.at("people.csv").path

    def test_a_link_is_followed(self, people: Path) -> None:
        """Its path is kept, the file behind it is meant."""
        link = people.with_name("link.csv")
        link.symlink_to(people)
        assert (str(link), 8) == attrs.astuple(LocalFile.at(link))[:2]

    @pytest.mark.parametrize("name", ["missing.csv", "people.csv/missing.csv", "dangling.csv"])
    def test_a_missing_file_is_not_found(self, people: Path, name: str) -> None:
        """A link to nowhere is missing too."""
        people.with_name("dangling.csv").symlink_to("nowhere.csv")
        path = people.parent / name
        with pytest.raises(FileError) as caught:
            LocalFile.at(path)
        assert (FileCode.NOT_FOUND, f"{path}: no such file; check the path") == caught.value.args

    def test_a_directory_is_refused(self, tmp_path: Path) -> None:
        """With the way out."""
        with pytest.raises(FileError, match="this is a folder; name the files in it") as caught:
            LocalFile.at(tmp_path)
        assert FileCode.SOURCE_FAILED == caught.value.code

    @pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")
    def test_a_named_pipe_is_refused_without_waiting(self, tmp_path: Path) -> None:
        """To open one would wait for a writer, and it cannot be read twice."""
        os.mkfifo(tmp_path / "pipe")
        with pytest.raises(FileError, match="is no regular file; open it and pass the stream") as caught:
            LocalFile.at(tmp_path / "pipe")
        assert FileCode.SOURCE_FAILED == caught.value.code

    def test_what_cannot_be_looked_up_is_a_failed_source(self, tmp_path: Path) -> None:
        """A circle of links, and a path that no file system has."""
        (tmp_path / "circle").symlink_to("circle")
        for path in (tmp_path / "circle", tmp_path / "nul\0.csv"):
            with pytest.raises(FileError, match=r"cannot be read: .*; check the path and its permissions") as caught:
                LocalFile.at(path)
            assert FileCode.SOURCE_FAILED == caught.value.code


class TestNaming:
    """How messages name the file."""

    @pytest.mark.parametrize(
        ("place", "title"),
        [(None, "{path}"), ("gone.csv", "{path}"), ("{path}", "{path}"), ("Ana's upload", "Ana's upload ({path})")],
    )
    def test_the_callers_name_is_added_where_it_says_more(self, tmp_path: Path, place: str | None, title: str) -> None:
        """The path is always there: it is what has to be checked."""
        path = tmp_path / "gone.csv"
        with pytest.raises(FileError) as caught:
            LocalFile.at(path, place=None if place is None else place.format(path=path))
        assert f"{title.format(path=path)}: no such file; check the path" == caught.value.message


class TestOpening:
    """`LocalFile.open` and `check_unchanged`."""

    def test_an_unchanged_file_is_opened(self, people: Path) -> None:
        """For reading, at its start."""
        with LocalFile.at(people).open() as file:
            assert b"id\n1\n2\n3" == file.read()

    def test_growth_is_a_change(self, people: Path) -> None:
        """Rows that were appended belong to no job."""
        source = LocalFile.at(people)
        with people.open("ab") as file:
            file.write(b"\n4")
        with pytest.raises(FileError, match=r"changed since it was submitted \(it had 8 bytes, now 10\)") as caught:
            source.open()
        assert FileCode.SOURCE_CHANGED == caught.value.code

    def test_another_time_is_a_change(self, people: Path) -> None:
        """The same number of bytes may be other bytes."""
        source = LocalFile.at(people)
        os.utime(people, ns=(0, source.mtime_ns + 1))
        with pytest.raises(FileError, match=r"Ana's upload .*changed since it was submitted"):
            source.check_unchanged(place="Ana's upload")

    def test_a_file_that_is_gone_is_not_found(self, people: Path) -> None:
        """Which is not the same as changed."""
        source = LocalFile.at(people)
        people.unlink()
        with pytest.raises(FileError) as caught:
            source.open()
        assert FileCode.NOT_FOUND == caught.value.code

    def test_a_file_may_refuse_to_be_opened(self, people: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """Permissions are first known then."""
        source = LocalFile.at(people)

        def refuse(_path: str, _mode: str, _buffering: int) -> None:
            raise PermissionError(13, "Permission denied")

        monkeypatch.setattr("csvpipe._intake.source.open", refuse, raising=False)
        with pytest.raises(FileError, match="cannot be read: Permission denied; check the path and its perm") as caught:
            source.open()
        assert FileCode.SOURCE_FAILED == caught.value.code

    def test_the_file_that_is_opened_is_the_one_that_was_looked_at(
        self, people: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A file that is put in its place between the look and the opening is found out, and closed again."""
        source = LocalFile.at(people)
        monkeypatch.setattr(LocalFile, "check_unchanged", lambda _self, *, place: place)
        people.write_bytes(b"id\n")
        with pytest.raises(FileError) as caught:
            source.open()
        assert FileCode.SOURCE_CHANGED == caught.value.code


def test_a_held_file_is_read_from_memory(tmp_path: Path) -> None:
    """Nobody notices there that the file is gone; who checks it does."""
    path = tmp_path / "a.csv"
    path.write_bytes(b"id\n1\n")
    held = LocalFile.at(path).held()
    path.unlink()
    with held.open() as file:
        assert b"id\n1\n" == file.read()
    with pytest.raises(FileError):
        held.check_unchanged()


@pytest.mark.parametrize("name", ["a.csv", "./a.csv", "x/../a.csv", ".//a.csv", "...csv", ".hidden"])
def test_a_path_is_spelt_as_a_path_object_spells_it(tmp_path: Path, name: str) -> None:
    """Whichever way is taken."""
    (tmp_path / "x").mkdir()
    given = f"{tmp_path}/{name}"
    Path(given).write_bytes(b"id\n1\n")
    assert str(Path(given).absolute()) == LocalFile.at(given).path
