"""Uploads on disk: durable or gone."""

from __future__ import annotations

import errno
import hashlib
import os
import tempfile
from pathlib import Path
from typing import Any

import pytest

from csvpipe._intake.arrival import spool as spool_module
from csvpipe._intake.arrival.spool import BLOCK_BYTES, Spool, disk_errors
from csvpipe._intake.charset.encoding import Transcoder
from csvpipe._intake.source import LocalFile
from csvpipe.errors import FileCode, FileError

#: Of what arrived, which only the caller has seen.
DIGEST = hashlib.sha256(b"as it arrived").hexdigest()


@pytest.fixture
def spool(tmp_path: Path) -> Spool:
    """A spool whose directory is not there yet."""
    return Spool(tmp_path / "a" / "spool")


def left_in(spool: Spool) -> list[str]:
    """Names of the files in a spool."""
    return sorted(path.name for path in spool.directory.iterdir())


def upload(spool: Spool, *blocks: bytes, limit_bytes: int | None = None, encoding: str | None = None) -> LocalFile:
    """Write these blocks and finish."""
    transcoder = None if encoding is None else Transcoder(encoding)
    with spool.open("x.csv", limit_bytes=limit_bytes, transcoder=transcoder, place="people.csv") as writer:
        for block in blocks:
            writer.write(block)
        return writer.finish(sha256=DIGEST)


def interrupted(spool: Spool) -> None:
    """Begin an upload that never ends."""
    with spool.open("x.csv", limit_bytes=None) as writer:
        writer.write(b"id\n")
        raise KeyboardInterrupt


def fail(code: int) -> object:
    """Stands in for a call into the system, and fails as a disk does."""

    def failing(*_args: object, **_keywords: object) -> None:
        raise OSError(code, os.strerror(code))

    return failing


class TestSpool:
    """The directory."""

    def test_a_given_directory_is_made_and_kept(self, spool: Spool, tmp_path: Path) -> None:
        """It is the caller's, so `close` leaves it alone."""
        assert tmp_path / "a" / "spool" / "x.csv" == spool.path("x.csv")
        spool.close()
        assert spool.directory.is_dir()
        assert f"<Spool {tmp_path / 'a' / 'spool'}>" == repr(spool)

    def test_a_temporary_directory_is_made_on_first_use_and_removed(self) -> None:
        """One that was never used never was."""
        spool = Spool()
        assert "<Spool not yet used>" == repr(spool)
        directory = spool.directory
        assert directory == spool.directory
        assert f"<Spool {directory}>" == repr(spool)
        spool.close()
        assert not directory.exists()

    def test_a_file_is_removed(self, spool: Spool) -> None:
        """One that is gone already is no error."""
        path = spool.path("x.csv")
        path.write_bytes(b"")
        spool.remove(path)
        spool.remove(path)
        assert [] == left_in(spool)

    def test_a_file_that_cannot_be_removed_stays(self, spool: Spool, monkeypatch: pytest.MonkeyPatch) -> None:
        """It is no reason to fail the job."""
        path = spool.path("x.csv")
        path.write_bytes(b"")
        monkeypatch.setattr(Path, "unlink", fail(errno.EACCES))
        spool.remove(path)
        assert ["x.csv"] == left_in(spool)

    def test_what_is_no_directory_is_refused(self, tmp_path: Path) -> None:
        """The message names the upload, the place and the setting."""
        place = tmp_path / "file"
        place.write_bytes(b"")
        with pytest.raises(FileError, match="check spool_dir=") as caught:
            Spool(place).open("x.csv", limit_bytes=None, place="people.csv")
        assert FileCode.SOURCE_FAILED == caught.value.code
        assert caught.value.message.startswith(f"people.csv: the upload cannot be stored in {place}: ")

    def test_no_temporary_directory_is_an_error_of_the_file(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Where the system has no place for temporary files, the job fails, not the pool."""
        monkeypatch.setattr(tempfile, "TemporaryDirectory", fail(errno.ENOENT))
        with pytest.raises(FileError, match=r"^x\.csv: the upload cannot be stored in a temporary directory: No such"):
            Spool().open("x.csv", limit_bytes=None)


class TestWriting:
    """One upload."""

    def test_an_upload_is_named_when_it_is_complete(self, spool: Spool) -> None:
        """Until then another name shows that it is not."""
        with spool.open("x.csv", limit_bytes=None) as writer:
            writer.write(b"id\n")
            assert ["x.csv.part"] == left_in(spool)
            writer.write(b"1\n")
            file = writer.finish(sha256=DIGEST)
        assert ["x.csv"] == left_in(spool)
        assert b"id\n1\n" == Path(file.path).read_bytes()
        assert LocalFile.at(spool.path("x.csv"), is_spooled=True, sha256=DIGEST) == file

    def test_what_has_the_name_already_is_replaced(self, spool: Spool) -> None:
        """An upload that has to be transcoded after all is read while its successor is written."""
        file = upload(spool, b"id\n1")
        assert file.path == upload(spool, "id\né".encode("utf-16"), encoding="utf-16").path
        assert "id\né".encode() == Path(file.path).read_bytes()
        assert ["x.csv"] == left_in(spool)

    def test_an_upload_that_is_not_finished_is_removed(self, spool: Spool) -> None:
        """Whatever ends it."""
        with pytest.raises(KeyboardInterrupt):
            interrupted(spool)
        assert [] == left_in(spool)

    def test_the_limit_is_exact(self, spool: Spool) -> None:
        """As many bytes as are allowed are allowed."""
        assert 5 == upload(spool, b"id\n1\n", limit_bytes=5).size

    def test_more_than_the_limit_is_refused_as_it_arrives(self, spool: Spool) -> None:
        """The message names the upload."""
        with pytest.raises(FileError) as caught:
            upload(spool, b"id\n1\n", b"2", limit_bytes=5)
        assert FileCode.TOO_LARGE == caught.value.code
        assert caught.value.message.startswith("people.csv: the file is too large: more than 5 bytes arrived; split")
        assert [] == left_in(spool)

    def test_the_limit_holds_for_what_lies_on_disk(self, spool: Spool) -> None:
        """The last character of a transcoded upload counts as well."""
        with pytest.raises(FileError, match="too large"):
            upload(spool, b"i\0d\0n", limit_bytes=2, encoding="utf-16-le")
        assert [] == left_in(spool)


class TestFailingDisk:
    """What is left behind is nothing."""

    @pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT])
    def test_a_full_disk_says_so(self, code: int) -> None:
        """With the upload, the place and the way out."""
        expected = (
            "people.csv: no space left in spool to store the upload; free some, or name another directory as spool_dir="
        )
        with pytest.raises(FileError) as caught, disk_errors("people.csv", "spool"):
            raise OSError(code, os.strerror(code))
        assert (FileCode.DISK_FULL, expected) == caught.value.args

    def test_trouble_without_a_number_is_told(self) -> None:
        """Not every OSError has an errno."""
        with (
            pytest.raises(FileError, match="cannot be stored in spool: strange; check") as caught,
            disk_errors("x", "spool"),
        ):
            raise OSError("strange")
        assert FileCode.SOURCE_FAILED == caught.value.code

    @pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device that is always full")
    @pytest.mark.parametrize("size", [10, BLOCK_BYTES + 1])
    def test_a_full_disk_leaves_nothing(self, spool: Spool, size: int) -> None:
        """It may be found out by a write, or at the end where the buffer is flushed."""
        spool.path("x.csv.part").symlink_to("/dev/full")
        with pytest.raises(FileError) as caught:
            upload(spool, b"x" * size)
        assert FileCode.DISK_FULL == caught.value.code
        assert [] == left_in(spool)

    def test_a_full_disk_refuses_a_write(self, spool: Spool) -> None:
        """The same where there is no such device: the write and the closing fail."""
        writer = spool.open("x.csv", limit_bytes=None)
        writer._file.close()
        full: Any = FullFile()
        writer._file = full
        with pytest.raises(FileError) as caught, writer:
            writer.write(b"id\n")
        assert FileCode.DISK_FULL == caught.value.code
        assert [] == left_in(spool)

    @pytest.mark.parametrize("call", ["fsync", "open"])
    def test_a_late_failure_leaves_nothing(self, spool: Spool, monkeypatch: pytest.MonkeyPatch, call: str) -> None:
        """Before the file has its name, or after it, when the directory is to be synced."""
        writer = spool.open("x.csv", limit_bytes=None)
        monkeypatch.setattr(os, call, fail(errno.ENOSPC))
        with pytest.raises(FileError) as caught, writer:
            writer.finish(sha256=DIGEST)
        monkeypatch.undo()
        assert FileCode.DISK_FULL == caught.value.code
        assert [] == left_in(spool)

    def test_a_failed_renaming_leaves_nothing(self, spool: Spool, monkeypatch: pytest.MonkeyPatch) -> None:
        """The unfinished file is removed although it is closed already."""
        writer = spool.open("x.csv", limit_bytes=None)
        monkeypatch.setattr(Path, "replace", fail(errno.EIO))
        with pytest.raises(FileError, match="Input/output error") as caught, writer:
            writer.finish(sha256=DIGEST)
        assert FileCode.SOURCE_FAILED == caught.value.code
        assert [] == left_in(spool)

    def test_a_directory_that_cannot_be_synced_is_left_to_the_system(
        self, spool: Spool, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Some systems have no way to do it."""
        monkeypatch.setattr(spool_module, "_SYNCS_DIRECTORIES", False)
        monkeypatch.setattr(spool_module, "_sync_directory", fail(errno.EACCES))
        upload(spool)
        assert ["x.csv"] == left_in(spool)


class FullFile:
    """A file on a full disk."""

    def write(self, _block: bytes) -> int:
        """Never."""
        raise OSError(errno.ENOSPC, "No space left on device")

    def close(self) -> None:
        """Neither."""
        raise OSError(errno.ENOSPC, "No space left on device")


def test_a_closed_spool_makes_no_folder(tmp_path: Path) -> None:
    """A thread that comes too late finds no temporary folder; one that was given stays."""
    ours, given = Spool(), Spool(tmp_path)
    ours.close()
    given.close()

    with pytest.raises(FileError, match="removed with its pool"):
        ours.open("a.csv", limit_bytes=None)
    assert [] == ours.kept("*")
    assert tmp_path == given.directory
