"""Hears from the store that a worker is called for, so that nobody waits until this pool asks by itself.

All pools of a store hear each call, and one of them gets the job. A thousand that asked for it at once would leave the
store no time for anything else, so in a crowd each pool leaves most calls to the others: it heeds so many that a few
pools come for each. What none of them heeds is found by whoever asks next by itself, which in a crowd is soon.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

import anyio

from csvpipe.chance import chance
from csvpipe.executors.threads import soon_in_loop
from csvpipe.jobs import JobId
from csvpipe.pool.services import Wake
from csvpipe.store.listening import Listening

if TYPE_CHECKING:
    from csvpipe.pool.services import Services

#: However many jobs are submitted, the store is asked for them no more often than this.
REST_SECONDS: Final = 0.1

#: By this part the share of calls that are heeded falls with each in vain.
FALL: Final = 0.2

#: By this part, divided by the root of the share, it rises with each job: a small share by more than a large one.
RISE: Final = 0.3

#: The share rises so far above all calls: to one that gets the jobs, a few calls that bring nothing make no difference,
#: such as those for jobs that it has by then.
_MOST: Final = 2.0


class Attention:
    """Which calls a pool heeds.

    Whoever heeds a call gets the job as likely as the others who do, however often each of them heeds one. So in all
    pools the share comes to rest where a few of them heed a call: two of four, four of a hundred, seven of a thousand,
    or so. What one has gained by luck it loses again, since a job raises a small share by more than a large one.

    Args:
        at_random: A number from 0 to 1.
    """

    def __init__(self, at_random: Callable[[], float] = chance) -> None:
        self._at_random = at_random
        self._claimed = 0
        self.share = _MOST

    def __repr__(self) -> str:
        return f"<Attention to {min(1.0, self.share):.1%} of the calls>"

    def heeds(self, claimed: int) -> bool:
        """Is this call heeded, by a pool that has been given so many jobs until now?"""
        self._learn(claimed)
        return self._at_random() < self.share

    def over(self, claimed: int) -> None:
        """One was heeded, and by now the pool has been given so many jobs."""
        if not self._learn(claimed):
            self.share *= 1.0 - FALL

    def _learn(self, claimed: int) -> bool:
        is_news, self._claimed = claimed > self._claimed, claimed
        if is_news:
            self.share = min(_MOST, self.share * (1.0 + RISE * self.share**-0.5))
        return is_news


async def keep_hearing(services: Services) -> None:
    """Until cancelled: ask the store for jobs when one waits, and renew the lease of one that something is asked of."""
    store, keeper = services.store, services.keeper
    if not isinstance(store, Listening):
        return
    call_soon, called, attention = soon_in_loop(), Wake(), Attention()

    def hear(job_id: JobId) -> None:
        """In a thread of the store's."""
        if not keeper.hurry(job_id, lambda: call_soon(services.wake.ring)):
            call_soon(called.ring)

    close = store.listen(hear, calls_only=True)
    try:
        while True:
            await called.wait(math.inf)
            if attention.heeds(services.claimed):
                services.wake.ring()
                await anyio.sleep(REST_SECONDS)
                attention.over(services.claimed)
    finally:
        close()
