"""How long to wait, how often, and for which exceptions."""

from __future__ import annotations

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from csvpipe.policies import Retry


class TestRetry:
    """Repeats after an outage."""

    def test_waits_double_up_to_the_longest(self) -> None:
        """The wait doubles with every repeat, from the shortest on, and ends at the longest."""
        retry = Retry(backoff_seconds=1.0, max_backoff_seconds=5.0)
        assert [1.0, 2.0, 4.0, 5.0, 5.0] == [retry.delay_seconds(repeat, lambda: 0.0) for repeat in range(1, 6)]

    def test_up_to_half_is_taken_off(self) -> None:
        """Chance shortens a wait, by half at most."""
        retry = Retry(backoff_seconds=1.0)
        assert [1.0, 0.75, 0.5] == [retry.delay_seconds(1, lambda chance=chance: chance) for chance in (0.0, 0.5, 1.0)]

    @given(st.integers(1, 10**6), st.floats(0, 1e6), st.floats(0, 1e6))
    def test_waits_are_bounded(self, repeat: int, backoff: float, longest: float) -> None:
        """However often, a wait is between half of what is due and the longest."""
        retry = Retry(backoff_seconds=backoff, max_backoff_seconds=longest)
        assert 0.0 <= min(backoff, longest) / 2 <= retry.delay_seconds(repeat) <= longest

    def test_one_exception_or_many(self) -> None:
        """A lone type is as good as a tuple of it."""
        assert (OSError,) == Retry(on=OSError).on  # type: ignore[arg-type]
        assert (OSError, KeyError) == Retry(on=[OSError, KeyError]).on  # type: ignore[arg-type]
        assert () == Retry().on

    @pytest.mark.parametrize("on", [int, (OSError, str), ["OSError"], (OSError("x"),)])
    def test_only_exceptions(self, on: object) -> None:
        """What can never be raised cannot be waited for."""
        with pytest.raises(TypeError, match="'on' must name exception types"):
            Retry(on=on)  # type: ignore[arg-type]

    @pytest.mark.parametrize("wrong", [{"attempts": 0}, {"backoff_seconds": -1.0}, {"max_backoff_seconds": -0.1}])
    def test_figures_have_bounds(self, wrong: dict[str, float]) -> None:
        """There is at least one call, and no wait into the past."""
        with pytest.raises(ValueError, match=next(iter(wrong))):
            Retry(**wrong)  # type: ignore[arg-type]

    def test_attempts_are_whole(self) -> None:
        """Half a call cannot be made."""
        with pytest.raises(TypeError, match="attempts"):
            Retry(attempts=2.5)  # type: ignore[arg-type]

    def test_frozen(self) -> None:
        """Pipelines share a policy, so nobody changes it."""
        with pytest.raises(attrs.exceptions.FrozenInstanceError):
            Retry().attempts = 1  # type: ignore[misc]
