"""Which column of a file fills which field of a row type."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Literal

from csvpipe.errors import FileCode, FileError
from csvpipe.rowtypes.names import folded, folded_with_signs, listed, quoted_names, suggested
from csvpipe.rowtypes.schema import Field, RowSchema


def match_columns(schema: RowSchema, columns: Sequence[str]) -> dict[str, int]:
    """Find the column of each field: name of the field to 0-based position.

    First by exact names: the stated ones of all fields (a field's own, where none is stated), then their aliases by
    preference, then the own names of those that state another. Then what is left in the same order by folded names, so
    without regard to case, accents, spaces and punctuation, signs such as `%` apart. Those of a header may be passed
    over for a field of which no name has one. No column fills two fields. The order of neither fields nor columns
    matters.

    Raises:
        FileError: `columns_missing` if a field without default has no column; `header_duplicate` if it cannot be told
            which of two columns, or of two fields, is meant. The message has all that is wrong.
    """
    matching = _Matching(schema, columns)
    matching.check(is_closed=False)
    return {field.name: matching.found[field.name] for field in schema.fields if field.name in matching.found}


def check_columns(schema: RowSchema, columns: Sequence[str], *, unknown: Literal["ignore", "fail"] = "ignore") -> None:
    """See that a file has the columns that a row type needs, and only those where `unknown` is `fail`.

    Raises:
        FileError: As for `match_columns`; and `columns_unknown` if there are columns that no field wants, where that is
            not to be. If columns are missing as well, the code is `columns_missing` and the message has both.
    """
    _Matching(schema, columns).check(is_closed=unknown == "fail" or schema.refuses_others)


def checked_columns(
    schema: RowSchema, columns: Sequence[str], *, unknown: Literal["ignore", "fail"] = "ignore"
) -> tuple[dict[str, int], list[str]]:
    """`check_columns`, then `match_columns` and `unused_columns`, for the price of one.

    Raises:
        FileError: As for `check_columns`.
    """
    matching = _Matching(schema, columns)
    matching.check(is_closed=unknown == "fail" or schema.refuses_others)
    return matching.found, matching.unused()


def unused_columns(schema: RowSchema, columns: Sequence[str]) -> list[str]:
    """The columns that no field wants, in file order."""
    return _Matching(schema, columns).unused()


def missing_columns(schema: RowSchema, columns: Sequence[str]) -> list[str]:
    """What the fields are called that need a column and have none among these."""
    return _Matching(schema, columns).missing()


def header_names(schema: RowSchema, names: Iterable[str], columns: Sequence[str]) -> tuple[str, ...]:
    """The file's names for columns that are named by field or by header, in any spelling that would match.

    Names that stand for no column of this file are left as they are.
    """
    by_field = spellings(schema, columns)
    resolved: dict[str, None] = {}
    for name in names:
        key = folded(name)
        meant = [column for column in columns if column == name or (key and folded(column) == key)]
        meant += [by_field[text] for text in (name, key) if text and text in by_field]
        resolved.update(dict.fromkeys(meant or [name]))
    return tuple(resolved)


def spellings(schema: RowSchema, columns: Sequence[str]) -> dict[str, str]:
    """Whatever a field may be called, as it is and folded, to the file's name of its column."""
    found = _Matching(schema, columns).found
    return {
        text: columns[found[field.name]]
        for field in schema.fields
        if field.name in found
        for name in (*field.headers, field.attribute)
        for text in (name, folded(name))
    }


def unknown_names(schema: RowSchema, names: Iterable[str], columns: Iterable[str] = ()) -> list[str]:
    """Those of `names` that mean neither a field of the row type nor one of `columns`, in any spelling."""
    known = schema.wanted.union(map(folded, columns))
    exact = {text for field in schema.fields for text in field.headers}.union(columns)
    return [name for name in names if name not in exact and folded(name) not in known]


class _Matching:
    """The columns of one file against the fields of one row type.

    Attributes:
        found: Field to position.
        clashes: For each field whose column cannot be told, why not.
    """

    def __init__(self, schema: RowSchema, columns: Sequence[str]) -> None:
        self._schema = schema
        self._columns = columns
        self._taken: set[int] = set()
        self.found: dict[str, int] = {}
        self.clashes: dict[str, str] = {}
        plain = {field.name for field in schema.fields if not _has_signs(field)}
        spellings: tuple[Callable[[str], str], ...] = (str, folded_with_signs, folded)
        for spelt in spellings:
            places: dict[str, list[int]] = {}
            for position, column in enumerate(columns):
                places.setdefault(spelt(column), []).append(position)
            for names in _ranks(schema.fields):
                some = {field: name for field, name in names.items() if spelt is not folded or field in plain}
                self._claim(some, spelt, places)

    def _claim(self, names: Mapping[str, str], spelt: Callable[[str], str], places: Mapping[str, list[int]]) -> None:
        """Give the fields the columns of these names that nobody has."""
        claims: dict[str, list[str]] = {}
        for field, name in names.items():
            is_open = field not in self.found and field not in self.clashes
            if is_open and (key := spelt(name)):
                claims.setdefault(key, []).append(field)
        for key, fields in claims.items():
            free = [position for position in places.get(key, ()) if position not in self._taken]
            self._taken.update(free)
            if len(free) == len(fields) == 1:
                self.found[fields[0]] = free[0]
            elif free:
                self.clashes.update(dict.fromkeys(fields, self._clash(free, fields)))

    def _clash(self, positions: Sequence[int], fields: Sequence[str]) -> str:
        shown = quoted_names(self._columns[position] for position in positions)
        what = f"the field {fields[0]!r}" if len(fields) == 1 else f"any of the fields {quoted_names(fields)}"
        which = f"the column {shown} may be" if len(positions) == 1 else f"each of the columns {shown} may be"
        way_out = "rename it in the file, or state its exact name in Column(...)"
        if len(positions) > 1:
            way_out = "rename one of them in the file, or state the exact name in Column(...)"
        return f"{which} {what}; {way_out}"

    def unused(self) -> list[str]:
        return [column for position, column in enumerate(self._columns) if position not in self._taken]

    def missing(self) -> list[str]:
        known = self.found.keys() | self.clashes.keys()
        return [field.headers[0] for field in self._schema.fields if not field.has_default and field.name not in known]

    def check(self, *, is_closed: bool) -> None:
        """Raise a `FileError` with all that is wrong, if something is."""
        owner, fields = self._schema.row_type.__name__, self._schema.fields
        missing = self.missing()
        unknown = self.unused() if is_closed else []
        problems = list(dict.fromkeys(self.clashes.values()))
        if missing:
            is_one = len(missing) == 1
            noun = "column" if is_one else "columns"
            way_out = "rename it" if is_one else "rename them"
            way_out += " in the file (a field that has a default may be missing)"
            wanted = ", ".join(suggested(name, self._columns) for name in missing)
            has = listed(self._columns)
            problems.insert(0, f"the file lacks the {noun} {wanted}, which {owner} needs; it has {has}; {way_out}")
        if unknown:
            noun = "column" if len(unknown) == 1 else "columns"
            names = [name for field in fields for name in field.headers]
            shown = ", ".join(suggested(column, names) for column in unknown)
            pronoun, lets = ("it", "lets it pass") if len(unknown) == 1 else ("them", "lets them pass")
            way_out = f"rename or remove {pronoun}"
            if not self._schema.refuses_others:
                way_out += f" (unknown_columns='ignore' {lets})"
            problems.append(f"the file has the {noun} {shown}, which {owner} does not name; {way_out}")
        if problems:
            clash = FileCode.HEADER_DUPLICATE if self.clashes else FileCode.COLUMNS_UNKNOWN
            raise FileError(FileCode.COLUMNS_MISSING if missing else clash, "; ".join(problems))


def _has_signs(field: Field) -> bool:
    return any(folded(name) != folded_with_signs(name) for name in field.headers)


def _ranks(fields: Sequence[Field]) -> Iterator[dict[str, str]]:
    """Field to name, rank by rank: what comes first, then aliases, then the own names of those that state another."""
    aliases: dict[str, tuple[str, ...]] = {}
    own: dict[str, str] = {}
    for field in fields:
        first, *others = field.headers
        if first != field.name and others[-1:] == [field.name]:
            own[field.name] = others.pop()
        aliases[field.name] = tuple(others)
    yield {field.name: field.headers[0] for field in fields}
    for rank in range(max(map(len, aliases.values()))):
        yield {name: texts[rank] for name, texts in aliases.items() if len(texts) > rank}
    yield own
