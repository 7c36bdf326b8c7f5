"""The contract of executors itself: it fails where it should."""

from __future__ import annotations

import pytest

from csvpipe.testing import ExecutorContract

pytest_plugins = ["pytester"]

_SABOTAGES = {
    "gives the result of one task for that of another": """
        def submit(self, function, /, *args, **kwargs):
            self.first = getattr(self, "first", None) or super().submit(function)
            return self.first
    """,
    "takes tasks after it was shut down": """
        def shutdown(self, wait=True, *, cancel_futures=False):
            pass
    """,
    "raises where a task has been done": """
        def submit(self, function, /, *args, **kwargs):
            def lost():
                function()
                raise OSError("the result is lost")
            return super().submit(lost)
    """,
}

_TEST_FILE = """
from concurrent.futures import ThreadPoolExecutor
import pytest
from csvpipe.testing import ExecutorContract, ExecutorHarness

class SabotagedExecutor(ThreadPoolExecutor):
{sabotage}

class TestSabotagedExecutor(ExecutorContract):
    @pytest.fixture
    def harness(self):
        return ExecutorHarness(make=lambda: SabotagedExecutor(2), in_processes=False)
"""


@pytest.mark.parametrize("sabotage", _SABOTAGES)
def test_a_broken_executor_fails(pytester: pytest.Pytester, sabotage: str) -> None:
    """Each breach is found."""
    pytester.makepyfile(_TEST_FILE.format(sabotage=_SABOTAGES[sabotage]))
    outcome = pytester.runpytest_inprocess("-q", "-p", "no:cacheprovider", "-x")
    assert 1 == outcome.parseoutcomes().get("failed"), outcome.stdout.str()


def test_every_test_says_what_it_is_about() -> None:
    """A third party whose executor fails reads one sentence and knows what was promised."""
    tests = [getattr(ExecutorContract, name) for name in dir(ExecutorContract) if name.startswith("test_")]
    assert [] == [test.__name__ for test in tests if not test.__doc__]
