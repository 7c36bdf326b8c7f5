"""What is known about a file, from someone who has looked at it: one JSON object a line."""

import csv
import io
import json
from pathlib import Path

import attrs

#: Given to every detector alike.
SAMPLE_BYTES = 64 * 1024

#: Divides nothing: for files of one column.
_NEVER = "\x01"


@attrs.frozen(kw_only=True)
class Spelling:
    """How the cells of a file are divided and quoted; `delimiter` is None for one column.

    `skipinitialspace` is None where nobody has said.
    """

    delimiter: str | None
    quotechar: str | None = '"'
    escapechar: str | None = None
    skipinitialspace: bool | None = None

    def rows(self, text: str) -> list[list[str]] | None:
        """The records of a text, without blank ones; None if it cannot be read like this."""
        quoting = csv.QUOTE_MINIMAL if self.quotechar else csv.QUOTE_NONE
        try:
            reader = csv.reader(
                io.StringIO(text, newline=""),
                delimiter=self.delimiter or _NEVER,
                quotechar=self.quotechar or None,
                escapechar=self.escapechar or None,
                skipinitialspace=bool(self.skipinitialspace),
                quoting=quoting,
            )
            return [row for row in reader if row]
        except (csv.Error, TypeError, ValueError):
            return None


@attrs.frozen(kw_only=True)
class Annotation:
    """What is true of a file; None where nobody has said.

    Attributes:
        file: Relative to the folder.
        spelling: None where the delimiter is not stated.
        ambiguous: Left out of the score.
    """

    file: str
    encoding: str | None = None
    spelling: Spelling | None = None
    header: bool | None = None
    preamble_lines: int | None = None
    ambiguous: bool = False
    notes: str = ""


def read_annotations(path: Path) -> list[Annotation]:
    """The annotations of a file of JSON lines."""
    lines = [line for line in path.read_text("utf-8").splitlines() if line.strip()]
    return [_annotation(json.loads(line)) for line in lines]


def _annotation(plain: dict[str, object]) -> Annotation:
    spelling = None
    if "delimiter" in plain:
        names = ("delimiter", "quotechar", "escapechar", "skipinitialspace")
        spelling = Spelling(**{name: plain[name] for name in names if name in plain})  # type: ignore[arg-type]
    names = ("file", "encoding", "header", "preamble_lines", "ambiguous", "notes")
    return Annotation(spelling=spelling, **{name: plain[name] for name in names if name in plain})  # type: ignore[arg-type]


@attrs.frozen(kw_only=True)
class Sample:
    """The start of a file, as it is and as text."""

    path: Path
    data: bytes
    text: str
    is_whole: bool


def read_sample(path: Path, encoding: str | None) -> Sample:
    """The start of a file, decoded as the annotation says, so that encodings are no part of what is judged."""
    with path.open("rb") as file:
        data = file.read(SAMPLE_BYTES + 1)
    is_whole = len(data) <= SAMPLE_BYTES
    data = data[:SAMPLE_BYTES]
    if encoding is None:
        encoding = "utf-16" if data[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
    text = data.decode(encoding, "surrogateescape" if "16" not in encoding else "replace").removeprefix("\ufeff")
    return Sample(path=path, data=data, text=text, is_whole=is_whole)
