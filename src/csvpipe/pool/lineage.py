"""Mended submissions: whose rejects may be mended, how a file of them is read, and which of its rows may come."""

from __future__ import annotations

import threading
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

import attrs

from csvpipe._intake.arrival.take_in import TakenIn, read_block
from csvpipe._intake.charset.detect import detect_encoding
from csvpipe._intake.charset.encoding import UTF8
from csvpipe._intake.inspect import SAMPLE_BYTES, inspect_file
from csvpipe._intake.inspection import Inspection
from csvpipe._intake.mended.layout import LEADING, ROW, names_beside
from csvpipe._intake.stated import Stated
from csvpipe._process.mending import Mending, Screening
from csvpipe._process.rowset import RowFlags
from csvpipe.errors import FileCode, FileError, JobNotFoundError, ParentError
from csvpipe.executors.gate import CpuGate
from csvpipe.jobs import JobId
from csvpipe.limits import Limits
from csvpipe.pipeline import Pipeline
from csvpipe.rowtypes.names import folded
from csvpipe.store.protocol import Claim, JobStore

if TYPE_CHECKING:
    from csvpipe.pool.services import Services

#: What a row may say of itself in a rejects file, beyond its own bytes.
_REASON_BYTES: Final = 64 * 1024


@attrs.frozen(kw_only=True)
class Parent:
    """The job whose rejects a submission mends.

    Attributes:
        id: Any job of the chain.
        root_id: The first one, whose rows they are.
        columns: Of the first one's file.
        inspection: Of the parent's file, which its rejects file is spelt after.
        assumes_encoding: Whether that is not UTF-8, and nothing is stated of the mended file.
    """

    id: JobId
    root_id: JobId
    columns: tuple[str, ...]
    inspection: Inspection
    assumes_encoding: bool

    @property
    def row(self) -> str:
        """What the column that names a row is called."""
        return names_beside(self.columns)[ROW]

    @property
    def expected(self) -> frozenset[str]:
        """Names that stand in the header of a mended file, folded."""
        return frozenset(map(folded, (self.row, *self.columns)))


def parent_of(
    store: JobStore,
    parent_id: JobId,
    *,
    pipeline: str,
    owner: str | None,
    dry_run: bool,
    encoding: str | None,
) -> Parent:
    """Look up whose rejects are to be mended, and see that they may be. Whether they may be now, `create` sees.

    Raises:
        JobNotFoundError: The job, or the first one of its chain, is gone.
        ParentError: It has another pipeline or owner, has not ended, was refused as a whole, or was a dry run.
    """
    record = store.get(parent_id)
    root_id = record.root_id or record.id
    plan, root_plan = store.plan(parent_id), store.plan(root_id)
    if record.pipeline != pipeline:
        raise ParentError(parent_id, f"it was handled by the pipeline {record.pipeline!r}, not by {pipeline!r}")
    if record.owner != owner:
        raise ParentError(
            parent_id, f"it belongs to {_named(record.owner)}, not to {_named(owner)}; submit with owner="
        )
    if not record.status.is_terminal:
        raise ParentError(parent_id, f"it is {record.status.value}; wait until it has ended, or cancel it")
    if plan.inspection is None or root_plan.inspection is None:
        raise ParentError(parent_id, "it was refused as a whole and has none; submit the file anew, without parent=")
    if root_plan.dry_run and not dry_run:
        raise ParentError(parent_id, "it was a dry run, of which nothing was imported; submit all of the file")
    return Parent(
        id=parent_id,
        root_id=root_id,
        columns=root_plan.inspection.columns,
        inspection=plan.inspection,
        assumes_encoding=encoding is None and plan.inspection.encoding != UTF8,
    )


def _named(owner: str | None) -> str:
    return "nobody" if owner is None else repr(owner)


def stated_by(parent: Parent, stated: Stated) -> Stated:
    """What can be said of a mended file before it is taken in: it has the parent's encoding, unless stated otherwise.

    That is assumed only: a byte order mark wins, and see `spelt_after`.
    """
    encoding = stated.encoding or (parent.inspection.encoding if parent.assumes_encoding else None)
    assumes = parent.assumes_encoding
    return Stated(encoding=encoding, assumes_encoding=assumes, dialect=stated.dialect, wanted=parent.expected)


def with_room_for_reasons(limits: Limits) -> Limits:
    """The limits of a mended file: each row of it has some more columns, which say what was wrong."""
    return attrs.evolve(limits, columns=limits.columns + len(LEADING) + 1, row_bytes=limits.row_bytes + _REASON_BYTES)


def spelt_after(
    parent: Parent, stated: Stated, taken: TakenIn, limits: Limits, *, place: str
) -> tuple[Stated, TakenIn]:
    """What else can be said of a mended file: it is spelt as its parent's file was.

    Unless a spreadsheet has saved it anew: then the bytes are UTF-8, or the first line does not read so as a header,
    and the rest is left to be detected.

    Raises:
        FileError: The file cannot be read.
    """
    if parent.assumes_encoding and taken.local_encoding != UTF8:
        with taken.file.open(place=place) as file:
            head = read_block(file, SAMPLE_BYTES, place)
        if _is_utf8(head):
            found = detect_encoding(head, stated=None, place=place, is_whole=False)
            taken = attrs.evolve(taken, encoding=found)
    alike = attrs.evolve(stated, dialect=stated.dialect or parent.inspection.dialect, skip_lines=0)
    with suppress(FileError):
        if parent.row in inspect_file(taken, alike, limits, place=place).columns:
            return alike, taken
    return stated, taken


def _is_utf8(head: bytes) -> bool:
    """Whether it can be nothing else; plain ASCII might go on in any encoding."""
    try:
        return not head[: head.rfind(b"\n") + 1].decode(UTF8).isascii()
    except UnicodeDecodeError:
        return False


def screening_of(claim: Claim, pipeline: Pipeline[..., Any], store: JobStore) -> Screening | None:
    """Get ready to find out which rows of a mended file may come; None for any other file. Runs in a thread.

    Raises:
        FileError: `parent_mismatch`: the first job of the chain was deleted.
    """
    if claim.plan.mends is None:
        return None
    still_open = RowFlags()
    try:
        for result in store.committed(claim.root_id):
            still_open.add_all(result.rejected)
        for rows in store.resolved(claim.root_id, apart_from=claim.record.id):
            still_open.discard_all(rows)
    except JobNotFoundError:
        raise FileError(
            FileCode.PARENT_MISMATCH,
            f"job {claim.root_id}, whose rejects these are, was deleted; submit the rows as a file of their own",
        ) from None
    return Screening(pipeline, claim.plan, still_open)


def screen_on(screening: Screening, gate: CpuGate, stop: threading.Event) -> bool:
    """Go on with it until it is done, or somebody else wants to compute; whether it is done. Runs in a thread."""
    is_permitted = gate.acquire()
    try:
        return all(not (stop.is_set() or gate.is_wanted) for _ in screening)
    finally:
        if is_permitted:
            gate.release()


async def mending_of(
    claim: Claim,
    pipeline: Pipeline[..., Any],
    services: Services,
    stop: threading.Event,
    ask: Callable[[Callable[[], Screening | None]], Awaitable[Screening | None]],
) -> Mending | None:
    """For a mended file: look through all of it for the rows that may come, unless `stop` is set meanwhile.

    Args:
        claim: Of the job.
        pipeline: The job's.
        services: The pool's.
        stop: Set when the job is to come to its end.
        ask: Calls what asks the store, in a thread; see `Commits.ask`.
    """
    if claim.plan.mends is None:
        return None
    screening = await ask(lambda: screening_of(claim, pipeline, services.store))
    if screening is None:
        return None
    try:
        while not stop.is_set():
            if await services.threads.call(screen_on, screening, services.gate, stop):
                break
    finally:
        await services.threads.call_through(screening.close)
    return screening.mending()
