"""What a number of instances asks of their store, reckoned: the formulae of docs/explanation/capacity.md.

A rate is that of all instances together, by the second. Everything that the program decides (how often a pool asks, how
long it rests, when it renews) is read from the program, so that the model cannot drift from it.
"""

import math

import attrs

from csvpipe._report.feed import LOOK_SECONDS
from csvpipe.pool.claims import POLL_SPREAD
from csvpipe.pool.hearing import FALL, REST_SECONDS, RISE
from csvpipe.pool.leases import RENEWALS
from csvpipe.pool.services import Settings

#: What a store is asked, in the order of a job's life; `look` is a reader's.
KINDS = ("create", "claim", "vain claim", "commit", "settle", "renew", "look")

#: Those that change something: each is a transaction that waits for the disk.
WRITES = ("create", "claim", "commit", "settle", "renew")

#: Those that change a job, of which readers are told.
EVENTS = ("create", "claim", "commit", "settle")

SETTINGS = Settings()


@attrs.frozen(kw_only=True)
class Load:
    """What is asked of each instance, on average; jobs arrive at random.

    Attributes:
        small_jobs: Files of one chunk that are submitted to it, by the second.
        large_jobs: Files of several chunks, by the second.
        small_seconds: How long a small one is worked on.
        large_seconds: How long a large one is.
        chunks: Of a large file.
        rows: Of a chunk.
        errors: Row errors of a chunk.
        call_seconds: How long a call of the store takes.
        look_seconds: How long a reader's takes, which is the shortest.
    """

    small_jobs: float = 1 / 60
    large_jobs: float = 1 / 60
    small_seconds: float = 0.05
    large_seconds: float = 10.0
    chunks: int = 10
    rows: int = 30_000
    errors: int = 3
    call_seconds: float = 0.005
    look_seconds: float = 0.002

    @property
    def jobs(self) -> float:
        """Submitted by the second."""
        return self.small_jobs + self.large_jobs

    @property
    def commits(self) -> int:
        """Of a large job, besides its settling."""
        return math.ceil(self.large_seconds / SETTINGS.flush_interval) - 1

    def looks(self, *, hears: bool) -> float:
        """Of one who follows a large job from its submission to its end."""
        apart = LOOK_SECONDS + self.look_seconds
        if not hears:
            return 2 + self.large_seconds / apart
        between = math.floor((SETTINGS.flush_interval + self.call_seconds) / apart)
        return 1 + 1 + (between + 1) * (self.commits + 1)  # at first, when it is claimed, and up to each change


#: Shares of calls that are heeded scatter, which makes for fewer pools than if all had the same.
_SCATTER = 0.4


def heeding_pools(pools: int) -> float:
    """How many of so many pools come for a call: where what a job raises their shares by is what others lose.

    One in k gets the job, so that with equal shares k - 1 = RISE / FALL (pools / k) ** 0.5; see
    `csvpipe.pool.hearing.Attention`.
    """
    heeding = 1.0
    for _ in range(50):
        heeding = (heeding + 1 + _SCATTER * RISE / FALL * math.sqrt(pools / heeding)) / 2
    return min(float(pools), heeding)


def asked(instances: int, load: Load, *, hears: bool) -> float:
    """How often one pool asks for jobs, by the second.

    By itself it asks when it has not asked for `poll_seconds`, or up to a quarter longer. Of the calls it heeds so many
    that `heeding_pools` come for each; then it rests for a moment, and the wait begins anew. With heeded calls at
    random, λ by the second, rests of r and waits of p:  1 / ((1 - E[exp(-λp)]) (r + exp(-λr) / λ)).
    """
    least = SETTINGS.poll_seconds + load.call_seconds
    spread = SETTINGS.poll_seconds * POLL_SPREAD
    heeded = load.jobs * heeding_pools(instances)
    if not hears or not heeded:
        return 1 / (least + spread / 2)
    silent = math.exp(-heeded * least) * -math.expm1(-heeded * spread) / (heeded * spread)
    return 1 / ((1 - silent) * (REST_SECONDS + math.exp(-heeded * REST_SECONDS) / heeded))


def rates(instances: int, load: Load, *, hears: bool) -> dict[str, float]:
    """Calls by the second, of each kind."""
    jobs = instances * load.jobs
    large = instances * load.large_jobs
    in_hand = load.large_jobs * load.large_seconds
    claims = instances * asked(instances, load, hears=hears)
    return {
        "create": jobs,
        "claim": min(jobs, claims),
        "vain claim": max(0.0, claims - jobs),
        "commit": large * load.commits,
        "settle": jobs,
        "renew": instances * -math.expm1(-in_hand) * RENEWALS / SETTINGS.lease_seconds,
        "look": large * load.looks(hears=hears),
    }


def statements(kind: str, load: Load, *, is_postgresql: bool) -> float:
    """Of a call, besides those that begin and end its transaction; a claim is of one job."""
    with_errors = load.large_jobs / load.jobs if load.errors else 0.0
    number = {
        "create": 2,
        "claim": 6,
        "vain claim": 2,
        "commit": 6 if load.errors else 5,
        "settle": 7 + with_errors,
        "renew": 2,
        "look": 0,
    }[kind]
    return number + (is_postgresql or kind == "look")


#: Bytes that a row takes in PostgreSQL's tables with its part of their indexes, to reckon with.
STORED_BYTES = {"job": 2_000, "chunk": 250, "row error": 300}


def stored_bytes(instances: int, load: Load) -> float:
    """Bytes that the tables grow by, by the second, in PostgreSQL."""
    large = instances * load.large_jobs
    chunks = large * load.chunks + instances * load.small_jobs
    return (
        instances * load.jobs * STORED_BYTES["job"]
        + chunks * STORED_BYTES["chunk"]
        + large * load.chunks * load.errors * STORED_BYTES["row error"]
    )
