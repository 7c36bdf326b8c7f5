"""The body of a request, block by block as it arrives, from a client that must not be silent, nor drip."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

import anyio

from csvpipe.web.problems import Kind, Refusal

if TYPE_CHECKING:
    from csvpipe.web.limits import UploadLimits


class Body:
    """A body that is read to its end or given up.

    Args:
        blocks: As the server hands them over.
        limits: See `UploadLimits`.

    Attributes:
        read_bytes: How much has arrived.
    """

    def __init__(self, blocks: AsyncIterator[bytes], limits: UploadLimits) -> None:
        self.read_bytes = 0
        self._blocks = blocks
        self._limits = limits
        self._waited_seconds = 0.0

    def __repr__(self) -> str:
        return f"<Body, {self.read_bytes:,} bytes in {self._waited_seconds:.3f} s>"

    async def block(self) -> bytes | None:
        """The next block; None at the end.

        Raises:
            Refusal: Nothing more arrives, or too little.
            ClientDisconnect: The client is gone.
        """
        limits, began = self._limits, anyio.current_time()
        left = limits.idle_seconds + self.read_bytes / limits.bytes_per_second - self._waited_seconds
        try:
            with anyio.fail_after(min(limits.idle_seconds, left)):
                block = await anext(self._blocks, None)
        except TimeoutError:
            if left < limits.idle_seconds:
                pace = f"less than {limits.bytes_per_second:,} bytes a second arrived"
                raise Refusal(Kind.TOO_SLOW, pace, is_last=True) from None
            raise Refusal(Kind.TOO_SLOW, f"nothing arrived for {limits.idle_seconds:g} seconds", is_last=True) from None
        self._waited_seconds += anyio.current_time() - began
        self.read_bytes += len(block or b"")
        return block
