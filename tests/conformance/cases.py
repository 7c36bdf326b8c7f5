"""Parser cases of other projects, from files of JSON lines, and what their options mean here.

Each line is an object with `id` (`suite/name`), `input_b64`, `options` under the names of its suite, and `expect`:
`rows` or `dicts`, or an `error`.
"""

from __future__ import annotations

import base64
import csv
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import attrs
from tests.conformance.reading import UNNAMED, Reading

import csvpipe


@attrs.frozen(kw_only=True)
class Case:
    """One case.

    Attributes:
        name: Unique.
        data: The file.
        options: As its suite names them.
        rows: Expected rows: lists of cells, or objects where the file has a header; None where an error is expected.
        error: The expected error, or None.
    """

    name: str
    data: bytes
    options: dict[str, Any]
    rows: list[Any] | None
    error: str | None

    @property
    def suite(self) -> str:
        """Where it comes from."""
        return self.name.partition("/")[0]


class NoEquivalentError(Exception):
    """A case asks for what csvpipe does not have; the argument says what."""


def load(folder: Path) -> Iterator[Case]:
    """The cases of every `*.jsonl` in a folder, suite by suite."""
    for path in sorted(folder.glob("*.jsonl")):
        for line in path.read_text("utf-8").splitlines():
            plain = json.loads(line)
            expect, options = plain["expect"], plain["options"]
            yield Case(
                name=plain["id"],
                data=base64.b64decode(plain["input_b64"]),
                options=options.get("papa_config", options),
                rows=expect.get("rows", expect.get("dicts")),
                error=expect.get("error"),
            )


def reading_of(case: Case) -> Reading:
    """What a case's options are in terms of csvpipe.

    Raises:
        NoEquivalentError: One of them is nothing that csvpipe has.
        CsvPipeError: One of them is nothing that csvpipe takes.
    """
    suites = {"cpython": _of_cpython, "rust-csv": _of_rust_csv, "papaparse": _of_papaparse}
    return suites.get(case.suite, _of_header_alone)(case)


def _of_header_alone(case: Case) -> Reading:
    return Reading(header=True if case.options.get("header") else UNNAMED)


def _of_cpython(case: Case) -> Reading:
    options = case.options
    if options.get("quoting") == csv.QUOTE_NONNUMERIC:
        raise NoEquivalentError("numbers are told from text by their quotes")
    quote = None if options.get("quoting") == csv.QUOTE_NONE else options.get("quotechar", '"')
    limit = re.search(r"field limit \((\d+)\)", case.error or "")
    return Reading(
        dialect=csvpipe.Dialect(
            delimiter=options.get("delimiter", ","),
            quotechar=quote,
            escapechar=options.get("escapechar"),
            doublequote=bool(options.get("doublequote", True)),
            skipinitialspace=bool(options.get("skipinitialspace", False)),
            strict=bool(options.get("strict", False)),
        ),
        # `csv.field_size_limit` is set outside of the dialect; only the error tells what it was.
        field_characters=int(limit.group(1)) if limit else 1024 * 1024,
    )


def _of_rust_csv(case: Case) -> Reading:
    options = case.options
    if "terminator" in options:
        raise NoEquivalentError("records end with a character of the caller's choice")
    if "comment" in options:
        raise NoEquivalentError("lines that begin with a mark are comments")
    return Reading(
        dialect=csvpipe.Dialect(
            delimiter=options.get("delimiter", ","),
            quotechar=options.get("quotechar", '"') if options.get("quoting", True) else None,
            escapechar=options.get("escapechar"),
            doublequote=options.get("doublequote", True),
        )
    )


#: Options of PapaParse for which there is nothing here.
_PAPAPARSE_ALONE = {
    "comments": "lines that begin with a mark are comments",
    "dynamicTyping": "cells are converted as they look (here: as the row type says)",
    "preview": "only the first rows are read (here: a handler ends the job with `Abort`)",
    "transform": "a function changes the cells (here: a handler may)",
    "transformHeader": "a function changes the names (here: `columns=` replaces them)",
}


def _of_papaparse(case: Case) -> Reading:
    options = case.options
    for option, what in _PAPAPARSE_ALONE.items():
        if options.get(option):
            raise NoEquivalentError(what)
    if options.get("skipEmptyLines") == "greedy":
        raise NoEquivalentError("rows of nothing but spaces are left out (here: a handler raises `Skip`)")
    delimiter = options.get("delimiter", ",")
    if len(delimiter) > 1:
        raise NoEquivalentError("delimiters are longer than one character")
    header = True if options.get("header") else UNNAMED
    skip_lines = options.get("skipFirstNLines", 0)
    if "guess" in case.name:
        return Reading(dialect=None, header=header, skip_lines=skip_lines)
    # The escape stands in place of the doubled quote. `fastMode` and `newline` say what is found out here.
    escape = options.get("escapeChar")
    dialect = csvpipe.Dialect(
        delimiter=delimiter,
        quotechar=options.get("quoteChar", '"'),
        escapechar=escape,
        doublequote=escape is None,
    )
    return Reading(dialect=dialect, header=header, skip_lines=skip_lines)
