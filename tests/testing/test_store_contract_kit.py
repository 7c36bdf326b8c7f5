"""The contract test class itself: it is found, it is whole, and it fails where it should."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter

import pytest

import csvpipe.testing
from csvpipe.testing import JobStoreContract, StoreHarness

pytest_plugins = ["pytester"]

_SABOTAGES = {
    "hands a job to two workers": """
        def claim(self, worker, **settings):
            claims = super().claim(worker, **settings)
            for claim in claims:
                self._jobs[claim.record.id].lease_until = 0
            self._next_expiry = 0
            return claims
    """,
    "lets a replaced worker write": """
        def _owned(self, lease):
            return self._find(lease.job_id)
    """,
    "counts a repeated commit as a change": """
        def _enter(self, job, results):
            return super()._enter(job, results) or bool(results)
    """,
    "forgets what was requested": """
        def settle(self, lease, verb, **settings):
            self._find(lease.job_id).requested = None
            return super().settle(lease, verb, **settings)
    """,
    "lets two jobs mend the same rows": """
        def _chain(self, root_id):
            return iter(())
    """,
    "forgets what a deleted job has resolved": """
        def delete(self, job_id):
            plan = super().delete(job_id)
            for resolved in self._chains._resolved.values():
                for key in [key for key in resolved if key[0] == job_id]:
                    del resolved[key]
            return plan
    """,
    "publishes renewals": """
        def _extend(self, job, lease_seconds):
            super()._extend(job, lease_seconds)
            self._save(job, job.record, is_changed=True)
    """,
    "lists ownerless jobs to everybody": """
        def list_jobs(self, *, owner=ANY_OWNER, **settings):
            return super().list_jobs(owner=ANY_OWNER if owner is None else owner, **settings)
    """,
}

_TEST_FILE = """
import pytest
from csvpipe.store import MemoryJobStore
from csvpipe.store.protocol import ANY_OWNER
from csvpipe.testing import JobStoreContract, StoreHarness

class SabotagedStore(MemoryJobStore):
{sabotage}

class TestSabotagedStore(JobStoreContract):
    @pytest.fixture
    def make_store(self):
        seconds = [0.0]
        store = SabotagedStore(monotonic=lambda: seconds[0])
        def advance(more):
            seconds[0] += more
        return StoreHarness(store, store, advance)
"""


def test_importing_csvpipe_imports_no_pytest() -> None:
    """An application that uses the library does not load the test kit's tools."""
    program = "import csvpipe, csvpipe.testing, sys; sys.exit('pytest' in sys.modules)"
    assert 0 == subprocess.run([sys.executable, "-c", program], check=False).returncode  # our own text


def test_public_names_are_there() -> None:
    """What the kit offers can be listed and had."""
    assert set(csvpipe.testing.__all__) <= set(dir(csvpipe.testing))
    for name in csvpipe.testing.__all__:
        assert name == getattr(csvpipe.testing, name).__name__


def test_other_names_are_not() -> None:
    """A misspelt name is an AttributeError, as in any module."""
    with pytest.raises(AttributeError, match="JobStoreContrakt"):
        _ = csvpipe.testing.JobStoreContrakt


def test_no_test_hides_another() -> None:
    """Two parts of the contract never use one name: the first would silently replace the second."""
    names = Counter(name for part in JobStoreContract.__mro__ for name in vars(part) if name.startswith("test_"))
    assert [] == [name for name, uses in names.items() if uses > 1]


def test_every_test_says_what_it_is_about() -> None:
    """A third party whose store fails reads one sentence and knows what was promised."""
    tests = [getattr(JobStoreContract, name) for name in dir(JobStoreContract) if name.startswith("test_")]
    assert [] == [test.__name__ for test in tests if not test.__doc__]


def test_handles_are_given_in_order_or_by_name() -> None:
    """A harness reads well both ways."""
    store = object()
    harness = StoreHarness(store, store, print)  # type: ignore[arg-type]
    assert harness == StoreHarness(first=store, second=store, advance=print)  # type: ignore[arg-type]


def test_a_subclass_must_make_its_store(pytester: pytest.Pytester) -> None:
    """Without a store the contract errs, and says which fixture is missing."""
    pytester.makepyfile("from csvpipe.testing import JobStoreContract\nclass TestNothing(JobStoreContract): pass")
    result = pytester.runpytest_inprocess("-x", "-p", "no:cacheprovider")
    result.stdout.fnmatch_lines(["*override the fixture make_store to return a StoreHarness over your store*"])


@pytest.mark.parametrize("sabotage", list(_SABOTAGES))
def test_a_broken_store_fails(pytester: pytest.Pytester, sabotage: str) -> None:
    """A store that breaks one promise does not pass."""
    pytester.makepyfile(_TEST_FILE.format(sabotage=_SABOTAGES[sabotage]))
    result = pytester.runpytest_inprocess("-x", "-q", "-p", "no:cacheprovider")
    assert 1 == result.parseoutcomes()["failed"]
