"""What anybody may ask of any job of a store, whichever process runs it."""

from __future__ import annotations

from typing import Literal

from csvpipe._intake.arrival.spool import Spool
from csvpipe.errors import TransitionError
from csvpipe.jobs import JobId, JobRecord, JobStatus, Verb
from csvpipe.pool.commits import clear_up
from csvpipe.store.protocol import JobStore

Wish = Literal[Verb.PAUSE, Verb.RESUME, Verb.CANCEL, Verb.RETRY]


def ask(store: JobStore, spool: Spool, job_id: JobId, verb: Wish) -> JobRecord:
    """Note a wish, in a thread; where nobody is at work on the job it is enacted at once.

    Raises:
        JobNotFoundError: There is no such job.
        ParentError: See `JobStore.request`.
        TransitionError: The job's status does not allow it; or it is to be retried, and its file was refused when it
            came, so that there is nothing to go on with.
    """
    if verb is Verb.RETRY and store.plan(job_id).inspection is None:
        raise TransitionError(verb.value, "refused with its file; submit the file again, as a new job")
    record = store.request(job_id, verb)
    if record.status is JobStatus.CANCELLED:
        clear_up(record, store.plan(job_id), spool)
    return record
