"""What was found out about a file before its first row: kept with the job, so that every run agrees."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import attrs

from csvpipe._intake.mended.layout import Mends
from csvpipe._intake.source import LocalFile
from csvpipe._intake.url import is_url
from csvpipe.dialect import Dialect
from csvpipe.errors import ErrorTotal
from csvpipe.limits import Limits

#: Grows when a stored plan's meaning changes; a pool claims only versions that it knows.
PLAN_VERSION = 1


@attrs.frozen(kw_only=True)
class Finding:
    """One thing that was settled about a file.

    Attributes:
        what: `compression`, `encoding`, `dialect`, `preamble`, `header` or `columns`.
        value: What it is, for people.
        evidence: Why.
        confidence: From 0.0 to 1.0; 1.0 for what is stated or beyond doubt.
    """

    what: str
    value: str
    evidence: str
    confidence: float = 1.0


@attrs.frozen(kw_only=True)
class Trial:
    """What the first rows of a file would come to.

    Attributes:
        rows: Data records that were tried.
        rejected: How many of them would be rejected.
        totals: Why, most frequent first, each with its first errors.
    """

    rows: int
    rejected: int
    totals: tuple[ErrorTotal, ...] = ()


@attrs.frozen(kw_only=True)
class Inspection:
    """How to read a file, and how that is known.

    Attributes:
        encoding: Python's name of the local file's encoding: UTF-8 or a single-byte superset of ASCII.
        dialect: See `Dialect`.
        columns: Header names, or the stated or numbered ones where the file has no header.
        data_start: Byte offset of the first data record: past the BOM, the preamble and the header.
        data_line: 1-based physical line at `data_start`.
        source_encoding: The encoding of the bytes as they arrived, where they were transcoded.
        compression: `gzip`, `bzip2`, `xz` or `zstd`, where the bytes arrived compressed.
        has_header: Whether the names stand in the file.
        header_line: 1-based physical line on which the header starts; None where there is none.
        preamble: The lines above the header, or above the first record: titles, comments, blank lines; the first few,
            shortened.
        preamble_lines: How many there are.
        sample_rows: Cells of the first few records, shortened.
        estimated_rows: Data records, judged by the size of the first ones; exact where the sample holds the whole file.
        findings: What was settled, on what evidence, and how sure that is.
        trial: What would become of the first rows; only in what `csvpipe.inspect` returns.
    """

    encoding: str
    dialect: Dialect
    columns: tuple[str, ...]
    data_start: int
    data_line: int
    source_encoding: str | None = None
    compression: str | None = None
    has_header: bool = True
    header_line: int | None = None
    preamble: tuple[str, ...] = ()
    preamble_lines: int = 0
    sample_rows: tuple[tuple[str, ...], ...] = ()
    estimated_rows: int | None = None
    findings: tuple[Finding, ...] = ()
    trial: Trial | None = None

    @property
    def confidence(self) -> float:
        """That of the least certain finding."""
        return min((finding.confidence for finding in self.findings), default=1.0)

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values; `from_dict` is the inverse, but for the trial."""
        plain = attrs.asdict(attrs.evolve(self, trial=None))
        trial = self.trial
        if trial is not None:
            totals = [
                {
                    "code": total.code,
                    "column": total.column,
                    "errors": total.errors,
                    "samples": [sample.to_dict() for sample in total.samples],
                }
                for total in trial.totals
            ]
            plain["trial"] = {"rows": trial.rows, "rejected": trial.rejected, "totals": totals}
        return plain

    @classmethod
    def from_dict(cls, plain: dict[str, Any]) -> Inspection:
        """Rebuild an inspection from `to_dict`'s value, also after a trip through JSON; without its trial."""
        given = {
            **plain,
            "dialect": Dialect(**plain["dialect"]),
            "columns": tuple(plain["columns"]),
            "preamble": tuple(plain.get("preamble", ())),
            "sample_rows": tuple(tuple(row) for row in plain.get("sample_rows", ())),
            "findings": tuple(Finding(**finding) for finding in plain.get("findings", ())),
            "trial": None,
        }
        return cls(**given)


@attrs.frozen(kw_only=True)
class JobPlan:
    """All that a worker needs besides the pipeline itself; stored with the job, as JSON where the store is a database.

    Attributes:
        source: The local file.
        inspection: None only for a job that failed at intake.
        limits: The pipeline's at submission.
        dry_run: Whether handlers are told to write nothing.
        mends: Set for a mended rejects file: where its columns stand.
    """

    source: LocalFile | None
    inspection: Inspection | None
    limits: Limits
    dry_run: bool = False
    mends: Mends | None = None
    version: int = PLAN_VERSION

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values; `from_dict` is the inverse."""
        return {
            "source": None if self.source is None else plain_file(self.source),
            "inspection": None if self.inspection is None else self.inspection.to_dict(),
            "limits": attrs.asdict(self.limits),
            "dry_run": self.dry_run,
            "mends": None if self.mends is None else self.mends.to_dict(),
            "version": self.version,
        }

    @classmethod
    def from_dict(cls, plain: dict[str, Any]) -> JobPlan:
        """Rebuild a plan from `to_dict`'s value, also after a trip through JSON."""
        source, inspection, mends = plain["source"], plain["inspection"], plain.get("mends")
        return cls(
            source=None if source is None else file_of(source),
            inspection=None if inspection is None else Inspection.from_dict(inspection),
            limits=Limits(**plain["limits"]),
            dry_run=plain["dry_run"],
            mends=None if mends is None else Mends.from_dict(mends),
            version=plain["version"],
        )


def file_of(plain: Mapping[str, Any]) -> LocalFile:
    """The inverse of `plain_file`."""
    if not is_url(plain["path"]):
        return LocalFile(**plain)
    from csvpipe._intake.remote import RemoteObject  # noqa: PLC0415  # few need it

    return RemoteObject(**plain)


def plain_file(file: LocalFile) -> dict[str, Any]:
    """Plain JSON values."""
    return attrs.asdict(file, filter=attrs.filters.exclude("blocks"))
