"""Which calls a pool heeds, of those that all pools hear."""

from __future__ import annotations

from random import Random

import pytest

from csvpipe.pool.hearing import Attention


def test_a_pool_that_gets_the_jobs_heeds_every_call() -> None:
    """Also one that hears each call late, for a job that it has by then."""
    attention = Attention(lambda: 0.999)
    for jobs in range(1, 50):
        assert attention.heeds(jobs)
        attention.over(jobs)


@pytest.mark.parametrize("pools", [10, 100, 400])
def test_in_a_crowd_a_few_come_for_each_call(pools: int) -> None:
    """However many pools there are, a few heed a call, hardly any is heeded by none, and no pool gets most jobs."""
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

    assert 1.5 < sum(settled) / len(settled) < 8
    assert settled.count(0) < len(settled) / 10
    assert max(jobs.values()) < 1_500 / pools * 3 + 15


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
