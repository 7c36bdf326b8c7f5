"""Numbers by chance are the library's own."""

import random

from csvpipe.chance import between, chance


def test_numbers_are_spread_over_their_range() -> None:
    """From 0 to 1, or between two others, and no two alike."""
    numbers = [chance() for _ in range(1_000)]

    assert all(0.0 <= number < 1.0 for number in numbers)
    assert min(numbers) < 0.1
    assert max(numbers) > 0.9
    assert 1_000 == len(set(numbers))
    assert all(2.0 <= between(2.0, 3.0) < 3.0 for _ in range(1_000))


def test_the_application_has_its_own() -> None:
    """Whoever seeds `random` gets the numbers that belong to the seed."""
    random.seed(1)
    expected = random.random()
    random.seed(1)
    chance()

    assert expected == random.random()
