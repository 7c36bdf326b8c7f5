"""What was found out about a file before its first row: kept with the job, so that every run agrees."""

from __future__ import annotations

from typing import Any

import attrs

from csvpipe._intake.source import LocalFile
from csvpipe.dialect import Dialect
from csvpipe.limits import Limits

#: Grows when a stored plan's meaning changes; a pool claims only versions that it knows.
PLAN_VERSION = 1


@attrs.frozen(kw_only=True)
class Inspection:
    """How to read the file.

    Attributes:
        encoding: Python's name of the local file's encoding: UTF-8 or a single-byte superset of ASCII.
        dialect: See `Dialect`.
        columns: Header names, or the stated or numbered ones where the file has no header.
        data_start: Byte offset of the first data record: past the BOM and the header.
        data_line: 1-based physical line at `data_start`.
        source_encoding: The encoding of the bytes as they arrived, where they were transcoded.
    """

    encoding: str
    dialect: Dialect
    columns: tuple[str, ...]
    data_start: int
    data_line: int
    source_encoding: str | None = None


@attrs.frozen(kw_only=True)
class JobPlan:
    """All that a worker needs besides the pipeline itself; stored with the job, as JSON where the store is a database.

    Attributes:
        source: The local file.
        inspection: None only for a job that failed at intake.
        limits: The pipeline's at submission.
        dry_run: Whether handlers are told to write nothing.
    """

    source: LocalFile | None
    inspection: Inspection | None
    limits: Limits
    dry_run: bool = False
    version: int = PLAN_VERSION

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values; `from_dict` is the inverse."""
        return attrs.asdict(self)

    @classmethod
    def from_dict(cls, plain: dict[str, Any]) -> JobPlan:
        """Rebuild a plan from `to_dict`'s value, also after a trip through JSON."""
        source, inspection = plain["source"], plain["inspection"]
        if inspection is not None:
            dialect, columns = Dialect(**inspection["dialect"]), tuple(inspection["columns"])
            inspection = Inspection(**{**inspection, "dialect": dialect, "columns": columns})
        return cls(
            source=None if source is None else LocalFile(**source),
            inspection=inspection,
            limits=Limits(**plain["limits"]),
            dry_run=plain["dry_run"],
            version=plain["version"],
        )
