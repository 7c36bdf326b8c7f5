r"""The page of error codes is true: each example gives its code and its message, and each mended one goes through.

In docs/reference/errors.md every code has a section under a heading of the third level. In it, fenced blocks make up
examples; the words after the block's language say what it is:

* `sql`: the database that is in the folder of each file.
* `python`: a pipeline, for the examples that follow in this section; the page's first one is for all others.
* `text first`: a file that was imported before, and whose rejects the next one mends.
* `text broken [ENCODING | escaped]`: a file that goes wrong. In an escaped one `\x00` and the like stand for a byte.
* `text message [FAULT]`: what is said of it, and the trouble from outside that it takes. Indented lines go on.
* `text mended [ENCODING | escaped]`: the file as it should be; or `python mended`: what to read it with.
"""

from __future__ import annotations

import errno
import gzip
import importlib
import io
import os
import re
import sqlite3
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import Any

import attrs
import pytest

import csvpipe
from csvpipe._process.work import ChunkWork
from csvpipe.errors import FileCode, RowCode, RowError
from csvpipe.jobs import JobRecord, JobStatus
from csvpipe.testing._store_contract.harness import BEN, LEASE_SECONDS, a_draft, claim_all, claim_new

PAGE = Path(__file__).parent.parent / "docs" / "reference" / "errors.md"

#: What is imported where an example shows no file, since no file is to blame.
ANY_FILE = b"order,quantity\n1001,2\n1002,1\n"

NAME = "orders.csv"

_SECTION = re.compile(r"^### `(\w+)`\n(.*?)(?=^##|\Z)", re.MULTILINE | re.DOTALL)
_BLOCK = re.compile(r"^```(\w+)(.*)\n((?:.*\n)*?)```$", re.MULTILINE)
_ESCAPED = re.compile(rb"\\x([0-9a-f]{2})")


# The page -------------------------------------------------------------------------------------------------------------


@attrs.frozen(kw_only=True)
class Example:
    """A file that goes wrong, and how it is mended.

    Attributes:
        code: Whose section it stands in.
        program: Makes the pipeline; empty for the page's own.
        first: A file that was imported before; None where there is none.
        broken: The file.
        message: What is said of it.
        fault: Of `FAULTS`; empty where the file itself is to blame.
        mended: Files and programs that go through.
    """

    code: str
    program: str
    first: bytes | None
    broken: bytes
    message: str
    fault: str
    mended: tuple[tuple[bytes, str], ...] = ()

    def mended_by(self, content: bytes, program: str) -> Example:
        """With one more way to mend it."""
        return attrs.evolve(self, mended=(*self.mended, (content, program)))


def encoded(text: str, words: Sequence[str]) -> bytes:
    """The bytes of a file that the page shows."""
    [how] = words or ["utf-8"]
    if how == "escaped":
        return _ESCAPED.sub(lambda match: bytes([int(match[1], 16)]), text.encode())
    return text.encode(how)


def examples_of(code: str, section: str) -> Iterator[Example]:
    """The examples in a section, in their order."""
    program, first, broken = "", None, ANY_FILE
    example: Example | None = None
    for language, info, text in _BLOCK.findall(section):
        match language, *info.split():
            case ["python"]:
                program = text
            case ["text", "first", *words]:
                first = encoded(text, words)
            case ["text", "broken", *words]:
                broken = encoded(text, words)
            case ["text", "message", *words]:
                if example is not None:
                    yield example
                example = Example(
                    code=code,
                    program=program,
                    first=first,
                    broken=broken,
                    message=re.sub(r"\n +", " ", text),
                    fault=" ".join(words),
                )
                broken = ANY_FILE
            case ["text", "mended", *words] if example is not None:
                example = example.mended_by(encoded(text, words), example.program)
            case ["python", "mended"] if example is not None:
                example = example.mended_by(example.broken, text)
            case other:
                raise AssertionError(f"{code}: what is a block of {other}?")
    if example is not None:
        yield example


TEXT = PAGE.read_text("utf-8")
SECTIONS: list[tuple[str, str]] = _SECTION.findall(TEXT)
EXAMPLES = [example for code, section in SECTIONS for example in examples_of(code, section)]
DATABASE = next(text for language, _, text in _BLOCK.findall(TEXT) if language == "sql")
PAGES_PROGRAM = next(text for language, info, text in _BLOCK.findall(TEXT) if (language, info) == ("python", ""))


@cache
def pipeline_of(program: str) -> csvpipe.Pipeline[..., Any]:
    """The last pipeline that a program of the page declares, after the page's own."""
    names: dict[str, Any] = {"__name__": "errors"}
    for text in (PAGES_PROGRAM, program):
        exec(compile(text, PAGE.name, "exec", dont_inherit=True), names)  # noqa: S102  # our own page
    pipelines: list[csvpipe.Pipeline[..., Any]] = [v for v in names.values() if isinstance(v, csvpipe.Pipeline)]
    return pipelines[-1]


# Imports --------------------------------------------------------------------------------------------------------------


@attrs.frozen(kw_only=True)
class Import:
    """One file on its way through csvpipe, in a folder of its own.

    Attributes:
        pipeline: What reads it.
        program: Makes the pipeline, after the page's own.
        folder: The current one.
        patch: For faults.
        first: The file whose rejects this one mends, or None.
    """

    pipeline: csvpipe.Pipeline[..., Any]
    program: str
    folder: Path
    patch: pytest.MonkeyPatch
    first: bytes | None = None
    store: csvpipe.MemoryJobStore = attrs.field(factory=csvpipe.MemoryJobStore)

    @property
    def path(self) -> Path:
        """Of the file, as a caller would name it."""
        return Path(NAME)

    def run(self, source: Any = None) -> JobRecord:
        """Import the file, or what is given in its place."""
        parent = None
        if self.first is not None:
            [record] = csvpipe.run(self.pipeline, self.first, store=self.store)
            parent = record.id
        [record] = csvpipe.run(
            self.pipeline, source or self.path, store=self.store, parent=parent, spool_dir=self.folder / "spool"
        )
        return record

    def errors(self, record: JobRecord) -> list[RowError]:
        """What is wrong with its rows."""
        return [error for _, error in self.store.row_errors(record.id)]


@pytest.fixture
def an_import(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Import]:
    """Write a file into an empty folder, which becomes the current one."""

    def make(content: bytes, program: str, first: bytes | None) -> Import:
        monkeypatch.chdir(tmp_path)
        with closing(sqlite3.connect("shop.db")) as database:
            database.executescript(DATABASE)
        Path(NAME).write_bytes(content)
        # A table is in the folder that was the current one when its pipeline was made.
        pipeline = pipeline_of.__wrapped__(program) if "SQLTable" in program else pipeline_of(program)
        return Import(pipeline=pipeline, program=program, folder=tmp_path, patch=monkeypatch, first=first)

    return make


def told(record: JobRecord, errors: Iterable[RowError]) -> str:
    """What is said of a file, as the page shows it."""
    if record.error_message is not None:
        return f"{record.error_message}\n"
    places = ((error, "" if error.column is None else f", column {error.column!r}") for error in errors)
    return "".join(f"line {error.line}{column}: {error.message}\n" for error, column in places)


def plain(message: str, folder: Path | None = None) -> str:
    """A message without what differs: the folder, and how well a library compresses."""
    if folder is not None:
        message = message.replace(f"{folder}{os.sep}", "")
    return re.sub(r"its first [\d,]+ bytes", "its first N bytes", message)


# Faults ---------------------------------------------------------------------------------------------------------------


def no_file(case: Import) -> JobRecord:
    """Nothing is at the path."""
    case.path.unlink()
    return case.run()


def no_bytes(case: Import) -> JobRecord:
    """The file is empty."""
    case.path.write_bytes(b"")
    return case.run()


def a_folder(case: Import) -> JobRecord:
    """A folder is at the path."""
    case.path.unlink()
    case.path.mkdir()
    return case.run()


def no_chardet(case: Import) -> JobRecord:
    """The extra `detect` is not installed."""
    case.patch.setitem(sys.modules, "chardet", None)
    return case.run()


def no_zstd(case: Import) -> JobRecord:
    """Nothing is there that unpacks zstd."""
    for module in ("compression.zstd", "backports.zstd"):
        case.patch.setitem(sys.modules, module, None)
    case.path.write_bytes(b"\x28\xb5\x2f\xfd and so on")
    return case.run()


def cut_short(case: Import) -> JobRecord:
    """Half of a compressed file."""
    data = gzip.compress(case.path.read_bytes(), mtime=0)
    case.path.write_bytes(data[: len(data) // 2])
    return case.run()


def a_bomb(case: Import) -> JobRecord:
    """A compressed file that holds hundreds of times its own size."""
    case.path.write_bytes(gzip.compress(b"order,quantity\n" + b"1001,2\n" * 2_000_000, mtime=0))
    return case.run()


def a_lost_connection(case: Import) -> JobRecord:
    """An upload that ends in the middle."""

    class Upload(io.BytesIO):
        name = NAME

        def read(self, _size: int | None = -1, /) -> bytes:
            raise ConnectionResetError("Connection reset by peer")

    return case.run(Upload())


def a_full_disk(case: Import) -> JobRecord:
    """No room for what is uploaded."""

    def fsync(_handle: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    upload = io.BytesIO(case.path.read_bytes())
    upload.name = NAME
    case.patch.setattr(os, "fsync", fsync)
    return case.run(upload)


def another_writer(case: Import) -> JobRecord:
    """Somebody adds a line while the file is imported."""

    @csvpipe.pipeline
    def meddle(row: csvpipe.Row) -> None:
        if row.number == 1:
            with case.path.open("ab") as file:
                file.write(b"1003,7\n")

    return attrs.evolve(case, pipeline=meddle).run()


def worker_processes(case: Import) -> JobRecord:
    """No trouble: the pipeline stands in a module, and runs in processes."""
    Path("orders_elsewhere.py").write_text(f"{PAGES_PROGRAM}\n{case.program}", "utf-8")
    case.patch.syspath_prepend(case.folder)
    case.patch.delitem(sys.modules, "orders_elsewhere", raising=False)
    module = importlib.import_module("orders_elsewhere")
    pipeline = [value for value in vars(module).values() if isinstance(value, csvpipe.Pipeline)][-1]
    [record] = csvpipe.run(pipeline, case.path, store=case.store, executor="process", workers=1)
    return record


def three_crashes(_case: Import) -> JobRecord:
    """Worker after worker falls silent."""
    now = [0.0]
    store = csvpipe.MemoryJobStore(monotonic=lambda: now[0])
    claim = claim_new(store, attrs.evolve(a_draft(), filename=NAME))
    for _ in range(3):
        now[0] += LEASE_SECONDS + 1
        claim_all(store, BEN)
    return store.get(claim.record.id)


def a_lost_row(case: Import) -> JobRecord:
    """A defect: a worker finds other rows than those that were handed to it."""
    slices = ChunkWork.slices

    def losing(work: ChunkWork) -> Iterator[Any]:
        for part in slices(work):
            part.rows.pop()
            yield part

    case.patch.setattr(ChunkWork, "slices", losing)
    return case.run()


def a_defect(case: Import) -> JobRecord:
    """Any other one."""

    def broken(_work: ChunkWork) -> None:
        raise AssertionError("rows before the first")

    case.patch.setattr(ChunkWork, "slices", broken)
    return case.run()


FAULTS: dict[str, Callable[[Import], JobRecord]] = {
    "": Import.run,
    **{
        fault.__name__: fault
        for fault in (
            *(no_file, no_bytes, a_folder, no_chardet, no_zstd, cut_short, a_bomb, a_lost_connection, a_full_disk),
            *(another_writer, worker_processes, three_crashes, a_lost_row, a_defect),
        )
    },
}


# Tests ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("title", "codes"), [("Rows", RowCode), ("Files", FileCode)])
def test_the_tables_have_every_code(title: str, codes: type[StrEnum]) -> None:
    """A line for each code, with its meaning and the mend, that leads to its section; and none for another."""
    [table] = [part for part in TEXT.split("\n## ") if part.startswith(f"{title}\n")]

    explained = re.findall(r"^\| \[`(\w+)`\]\(#\1\) \| \S.+? \| \S.+ \|$", table, re.MULTILINE)

    assert [code.value for code in codes] == explained


def test_every_code_has_a_section() -> None:
    """Once, in the order of the tables."""
    assert [code.value for code in (*RowCode, *FileCode)] == [code for code, _ in SECTIONS]


def test_every_code_has_an_example() -> None:
    """None is merely described."""
    assert {*RowCode, *FileCode} == {example.code for example in EXAMPLES}


def test_every_fault_is_shown() -> None:
    """None is here for nothing."""
    assert set(FAULTS) == {example.fault for example in EXAMPLES}


def label(example: Example) -> str:
    """For the test's name."""
    return f"{example.code} {example.fault}".strip()


@pytest.mark.parametrize("example", EXAMPLES, ids=label)
def test_the_broken_file(example: Example, an_import: Callable[..., Import]) -> None:
    """It gives the code whose section it stands in, and no other, and the message that the page shows."""
    case = an_import(example.broken, example.program, example.first)

    record = FAULTS[example.fault](case)

    errors = case.errors(record) if record.error_code is None else []
    codes = {error.code for error in errors} or {str(record.error_code)}
    assert ({example.code}, plain(example.message)) == (codes, plain(told(record, errors), case.folder))


@pytest.mark.parametrize(
    ("example", "content", "program"),
    [pytest.param(example, *mended, id=label(example)) for example in EXAMPLES for mended in example.mended],
)
def test_the_mended_file(example: Example, content: bytes, program: str, an_import: Callable[..., Import]) -> None:
    """It goes through, whichever of the ways the page shows is gone."""
    case = an_import(content, program, example.first)

    record = case.run()

    assert (JobStatus.COMPLETED, 0, "") == (record.status, record.failed_rows, told(record, case.errors(record)))
    assert record.processed_rows
