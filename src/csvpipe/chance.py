"""Numbers by chance, of our own: an application that seeds `random` gets its numbers in its own order all the same."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Final

# It has no state: neither one that others could disturb, nor one that two processes forked from the same would share.
_SYSTEM: Final = random.SystemRandom()

#: A number from 0 up to, but not, 1.
chance: Final[Callable[[], float]] = _SYSTEM.random

#: A number from one to another.
between: Final[Callable[[float, float], float]] = _SYSTEM.uniform
