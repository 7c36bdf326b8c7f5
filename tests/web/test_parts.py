"""A form's parts, as they are pulled from its body."""

from collections.abc import AsyncIterator

import pytest
from starlette.requests import ClientDisconnect

from csvpipe.web import UploadLimits
from csvpipe.web.parts import Part, Parts
from csvpipe.web.problems import Refusal

TYPE = 'multipart/form-data; boundary="x"'
HEAD = b'--x\r\nContent-Disposition: form-data; name="files"; filename="a.csv"\r\n\r\n'


class Body:
    """A body that counts what is taken of it."""

    def __init__(self, *blocks: bytes) -> None:
        self._blocks = iter(blocks)
        self.taken = 0

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        block = next(self._blocks, None)
        if block is None:
            raise StopAsyncIteration
        self.taken += 1
        return block


@pytest.mark.anyio
async def test_no_more_is_read_than_is_wanted() -> None:
    """A block of the body is read when the one before has been taken, however large the file is."""
    body = Body(HEAD, *(b"1,Ana\n" * 1_000 for _ in range(10_000)))
    parts = Parts(body, TYPE, UploadLimits())

    assert Part(name="files", filename="a.csv") == await parts.next()
    seen = []
    for _ in range(5):
        piece = await parts.piece()
        assert piece is not None
        assert len(piece) <= 6_000
        seen.append(body.taken)

    assert seen[-1] <= 1 + 5


@pytest.mark.anyio
async def test_a_large_block_is_cut() -> None:
    """A server that hands over much at once does not make pieces large."""
    parts = Parts(Body(HEAD + b"1" * 1_000_000 + b"\r\n--x--\r\n"), TYPE, UploadLimits())
    await parts.next()

    sizes = []
    while (piece := await parts.piece()) is not None:
        sizes.append(len(piece))

    assert 1_000_000 == sum(sizes)
    assert max(sizes) <= 65_536
    assert await parts.next() is None
    assert await parts.piece() is None


@pytest.mark.anyio
async def test_the_rest_of_a_part_is_skipped() -> None:
    """Whoever asks for the next part need not have read the one before."""
    parts = Parts(Body((HEAD + b"1" * 100_000 + b"\r\n") * 3 + b"--x--\r\n"), TYPE, UploadLimits())

    count = 0
    while await parts.next() is not None:
        count += 1

    assert 3 == count


@pytest.mark.anyio
async def test_a_client_that_is_gone_is_no_malformed_form() -> None:
    """What the server says of the connection passes through."""

    async def body() -> AsyncIterator[bytes]:
        yield HEAD
        raise ClientDisconnect

    parts = Parts(body(), TYPE, UploadLimits())
    await parts.next()

    with pytest.raises(ClientDisconnect):
        await parts.piece()


@pytest.mark.parametrize("limit", ["file_bytes", "files", "fields", "field_bytes", "header_bytes", "headers"])
def test_limits_are_positive(limit: str) -> None:
    """A limit of nothing is refused where it is stated; without one for the body it is what files may come to."""
    with pytest.raises(ValueError, match=limit):
        UploadLimits(**{limit: 0})
    assert UploadLimits().most_bytes > 100 * UploadLimits().file_bytes
    assert 5 == UploadLimits(body_bytes=5).most_bytes


@pytest.mark.parametrize("kind", [f"multipart/form-data; boundary={'x' * 300}", "multipart/form-data; boundary="])
def test_a_boundary_is_needed(kind: str) -> None:
    """Without a boundary, or with an endless one, there is no form."""
    with pytest.raises(Refusal):
        Parts(Body(), kind, UploadLimits())
