"""The folder, or the place in a store of objects, that a run writes its rejects files to."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

import anyio.to_thread

from csvpipe._intake.url import is_url, lowered, shown
from csvpipe.jobs import JobRecord
from csvpipe.pool.job import Job

#: With what a rejects file begins, whatever its delimiter.
_MARK: Final = b"_row"


class RejectsFolder:
    """Gives rejects files names, no two alike.

    Args:
        given: A path, or a URL (extra `remote`); made if need be when there is something to put in it.

    Attributes:
        written: The files that were written, by path or URL.

    Raises:
        FileError: `source_failed`: the package for the store of this URL is not installed.
        MissingExtraError: `fsspec` is not installed.
        NotADirectoryError: It is no folder.
    """

    def __init__(self, given: str | os.PathLike[str]) -> None:
        self._folder: Path | str
        if isinstance(given, str) and is_url(given):
            self._folder = lowered(given).rstrip("/")
            _check(self._folder)
        else:
            self._folder = Path(given)
            if self._folder.exists() and not self._folder.is_dir():
                raise NotADirectoryError(
                    f"rejects_dir={str(self._folder)!r} is no folder; name one, which is made if need be"
                )
        self._given: set[str] = set()
        self.written: list[Path | str] = []

    def __repr__(self) -> str:
        return f"<RejectsFolder {shown(str(self._folder))}, {len(self.written)} written>"

    async def write(self, job: Job, record: JobRecord) -> None:
        """Write the job's rejects file.

        Raises:
            CsvPipeError: As for `Job.write_rejects`.
            OSError: It cannot be written.
        """
        name, number = _name(record), 1
        while name in self._given:
            number += 1
            name = f"{Path(record.filename).stem}-{number}.rejects.csv"
        self._given.add(name)
        if isinstance(self._folder, Path):
            self._folder.mkdir(parents=True, exist_ok=True)
        target = self._at(name)
        await job.write_rejects(target)
        self.written.append(target)

    async def remove_stale(self, record: JobRecord) -> None:
        """Remove what an earlier run has written of a file that has no rejects any more, and nothing else.

        Raises:
            OSError: It cannot be read or removed.
        """
        name = _name(record)
        if name not in self._given:
            await anyio.to_thread.run_sync(_remove_ours, self._at(name))

    def _at(self, name: str) -> Path | str:
        return self._folder / name if isinstance(self._folder, Path) else f"{self._folder}/{name}"


def _name(record: JobRecord) -> str:
    return f"{Path(record.filename).stem}.rejects.csv"


def _check(url: str) -> None:
    from csvpipe._intake.remote import is_writable  # noqa: PLC0415  # few need it

    if "::" in url or url != shown(url) or not is_writable(url):
        raise NotADirectoryError(
            f"rejects_dir={shown(url)!r} is no place to write objects to; name one in a store that takes them, such as "
            "s3://bucket/rejects, without user, query and chained parts"
        )


def _remove_ours(target: Path | str) -> None:
    if isinstance(target, str):
        from csvpipe._intake.remote import remove_object  # noqa: PLC0415  # few need it

        remove_object(target, mark=_MARK)
    elif target.is_file():
        with target.open("rb") as file:
            is_ours = file.read(len(_MARK)) == _MARK
        if is_ours:
            target.unlink()
