"""Ends the transactions of those who have fallen silent with a job's row in hand.

No time-out of the server ends a transaction whose client was stopped within a message of several parts, and as long as
its process lives its end of the connection answers. Its lease runs out all the same, and whoever looks for such jobs
passes over a row that is locked: so nobody would ever have it.
"""

from __future__ import annotations

from typing import Final

from sqlalchemy import text

from csvpipe.store.sql.transactions import Transaction

#: How often it is looked for them, and how long a transaction has lasted by then that waits for its client.
LOOK_SECONDS: Final = 1.0
_PATIENCE_SECONDS: Final = 5.0

# A row that is locked has its transaction's number. Of the connections of other users it cannot be seen what they wait
# for, so none is ended that may not be.
_END: Final = text("""
    SELECT pg_terminate_backend(doing.pid)
    FROM csv_jobs JOIN pg_locks AS held
        ON held.locktype = 'transactionid' AND held.granted AND held.transactionid = csv_jobs.xmax
    JOIN pg_stat_activity AS doing ON doing.pid = held.pid
    WHERE csv_jobs.status = 'processing' AND csv_jobs.lease_until <= statement_timestamp()
        AND doing.pid <> pg_backend_pid() AND doing.wait_event = 'ClientRead'
        AND doing.xact_start < clock_timestamp() - make_interval(secs => :patience)
""")


def end_silent(transaction: Transaction, patience_seconds: float = _PATIENCE_SECONDS) -> int:
    """End those who keep a job whose lease has run out from everybody; how many."""
    return len(transaction.rows(_END, {"patience": patience_seconds}))
