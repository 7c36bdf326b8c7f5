"""What `setup` enters in a worker, and how it is left."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, asynccontextmanager, contextmanager
from typing import Any

import pytest

from csvpipe._process.conduct import EndedError
from csvpipe._process.resources import Resources
from csvpipe.errors import Abort, FileCode
from csvpipe.pipeline import Pipeline, pipeline


def with_setup(setup: Callable[[], Any], name: str = "load") -> Pipeline[..., Any]:
    """A pipeline of this setup."""

    def handle(row: list[str], resource: object) -> None:
        """Never called."""

    declared: Pipeline[..., Any] = pipeline(setup=setup, name=name)(handle)
    return declared


def noting(
    diary: list[str], name: str, error: BaseException | None = None
) -> Callable[[], AbstractContextManager[str]]:
    """A setup that notes what happens to it, and perhaps raises at the end."""

    @contextmanager
    def setup() -> Iterator[str]:
        diary.append(f"enter {name}")
        yield name
        diary.append(f"leave {name}")
        if error is not None:
            raise error

    return setup


class TestResources:
    """One worker's resources."""

    def test_entered_once(self) -> None:
        """The first chunk enters, the others of the worker use the same."""
        diary: list[str] = []
        resources, declared = Resources(), with_setup(noting(diary, "a"))
        assert ["a", "a"] == [resources.get(declared), resources.get(declared)]
        assert ["enter a"] == diary
        assert "<Resources of ['load']>" == repr(resources)

    def test_left_in_reverse(self) -> None:
        """All are left, last entered first, and then forgotten."""
        diary: list[str] = []
        resources = Resources()
        for name in "abc":
            resources.get(with_setup(noting(diary, name), name))
        assert [] == resources.close()
        assert ["leave c", "leave b", "leave a"] == diary[3:]
        assert [] == resources.close()

    @pytest.mark.parametrize("error", [ValueError("no"), SystemExit(1)])
    def test_trouble_at_the_end(self, error: BaseException) -> None:
        """What leaving raises is told by pipeline, and the others are left nevertheless."""
        diary: list[str] = []
        resources = Resources()
        resources.get(with_setup(noting(diary, "a"), "a"))
        resources.get(with_setup(noting(diary, "b", error), "b"))
        assert [("b", error)] == resources.close()
        assert "leave a" == diary[-1]

    @pytest.mark.parametrize("wrong", [None, "text", asynccontextmanager(lambda: None)])
    def test_no_context_manager(self, wrong: Any) -> None:
        """A setup that returns anything else ends the job; the message names pipeline and value."""
        value = wrong() if callable(wrong) else wrong
        with pytest.raises(EndedError) as caught:
            Resources().get(with_setup(lambda: value))
        assert FileCode.ABORTED is caught.value.failure.code
        assert f"setup of pipeline 'load' must return a context manager, not {value!r}" == caught.value.failure.message

    def test_abort(self) -> None:
        """A setup may give the file up."""

        def setup() -> Any:
            raise Abort("no such tenant")

        with pytest.raises(EndedError) as caught:
            Resources().get(with_setup(setup))
        assert FileCode.ABORTED is caught.value.failure.code
        assert "setup of pipeline 'load' gave the file up: no such tenant" == caught.value.failure.message

    def test_tried_again(self) -> None:
        """What raised was not entered, so it is not left, and the next `get` makes another."""
        diary: list[str] = []

        def setup() -> AbstractContextManager[str]:
            diary.append("setup")
            if len(diary) < 2:
                raise ConnectionError("down")
            return noting(diary, "a")()

        resources, declared = Resources(), with_setup(setup)
        with pytest.raises(ConnectionError):
            resources.get(declared)
        assert [] == resources.close()
        assert "a" == resources.get(declared)
