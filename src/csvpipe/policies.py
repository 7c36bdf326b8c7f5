"""How a pipeline behaves when something goes wrong, or slowly."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import attrs
from attrs import validators

from csvpipe.chance import chance


def _are_exceptions(_instance: object, attribute: attrs.Attribute[Any], types: tuple[object, ...]) -> None:
    for kind in types:
        if not (isinstance(kind, type) and issubclass(kind, BaseException)):
            raise TypeError(f"{attribute.name!r} must name exception types, not {kind!r}")


def _exceptions(given: type[BaseException] | tuple[type[BaseException], ...]) -> tuple[type[BaseException], ...]:
    return (given,) if isinstance(given, type) else tuple(given)


@attrs.frozen(kw_only=True)
class Retry:
    """When a call is repeated because the world is down, not the row.

    `csvpipe.Unavailable` always counts as such; `on` names more, but never what a handler says on purpose (`Reject`,
    `RejectRows`, `Skip`, `Abort`) nor an overrun `timeout`. The wait before repeat number n is
    `backoff_seconds * 2 ** (n - 1)`, at most `max_backoff_seconds`, of which a random half is taken off so that workers
    do not come back in step.

    Attributes:
        attempts: Calls in all; 1 never repeats.
        on: Exception type, or types, that mean an outage.
        backoff_seconds: Wait before the first repeat.
        max_backoff_seconds: Longest wait.
    """

    attempts: int = attrs.field(default=5, validator=[validators.instance_of(int), validators.ge(1)])
    on: tuple[type[BaseException], ...] = attrs.field(default=(), converter=_exceptions, validator=_are_exceptions)
    backoff_seconds: float = attrs.field(default=0.1, validator=validators.ge(0))
    max_backoff_seconds: float = attrs.field(default=30.0, validator=validators.ge(0))

    def delay_seconds(self, repeat: int, at_random: Callable[[], float] = chance) -> float:
        """Seconds to wait before repeat number `repeat`, counted from 1; `at_random` gives numbers in [0, 1)."""
        longest: float = min(self.max_backoff_seconds, self.backoff_seconds * 2.0 ** min(repeat - 1, 60))
        return longest * (1.0 - at_random() / 2.0)
