"""Which calls a pool heeds, of those that all pools hear."""

from __future__ import annotations

from random import Random

import pytest

from csvpipe.pool.hearing import HEEDING_POOLS, Attention


def test_a_pool_that_gets_the_jobs_heeds_every_call() -> None:
    """One that is alone is never called in vain."""
    attention = Attention(lambda: 0.999)
    for jobs in range(1, 50):
        assert attention.heeds(jobs - 1)
        attention.over(jobs)

    assert 1.0 == attention.share


@pytest.mark.parametrize("pools", [10, 100, 400])
def test_in_a_crowd_a_few_come_for_each_call(pools: int) -> None:
    """However many pools there are, about as many heed a call, and hardly any call is heeded by none."""
    random = Random(1)
    crowd = [Attention(random.random) for _ in range(pools)]
    jobs = dict.fromkeys(crowd, 0)
    came = []
    for _ in range(1_500):
        heeding = [each for each in crowd if each.heeds(jobs[each])]
        came.append(len(heeding))
        if heeding:
            jobs[random.choice(heeding)] += 1
        for each in heeding:
            each.over(jobs[each])
    settled = came[500:]

    assert HEEDING_POOLS / 2 < sum(settled) / len(settled) < HEEDING_POOLS * 2
    assert settled.count(0) < len(settled) / 5


def test_a_pool_whose_fellows_have_left_heeds_every_call_again() -> None:
    """Jobs that it finds by asking by itself show that nobody else comes for them."""
    attention = Attention(lambda: 0.999)
    for _ in range(30):
        attention.over(0)
    assert not attention.heeds(0)

    jobs = 0
    while not attention.heeds(jobs):
        jobs += 1

    assert jobs < 25
