"""The fault kit: stores that fail on demand, and processes that are killed where a test says."""

from collections import Counter
from collections.abc import Callable
from pathlib import Path

import process_handlers
import pytest

import csvpipe
from csvpipe.testing import FaultyStore, JobStoreContract, StoreHarness, full_disk, survives_kills
from csvpipe.testing._store_contract.harness import a_draft
from csvpipe.testing._victim import CHECKPOINTS

MakeCsv = Callable[..., Path]


class TestFaultyStoreIsAStore(JobStoreContract):
    """As long as no fault is asked for, it keeps the contract."""

    @pytest.fixture
    def make_store(self) -> StoreHarness:
        """One store, seen through two of them."""
        seconds = [0.0]
        store = csvpipe.MemoryJobStore(monotonic=lambda: seconds[0])

        def advance(more: float) -> None:
            seconds[0] += more

        return StoreHarness(FaultyStore(store), FaultyStore(store), advance)


def test_calls_are_counted_from_now_on() -> None:
    """The second and the third call from now on fail, and the ones around them do not."""
    store = FaultyStore(csvpipe.MemoryJobStore(), error=OSError)
    store.list_jobs()
    store.fail("list_jobs", on=2, times=2)
    outcomes = []
    for _ in range(4):
        try:
            store.list_jobs()
        except OSError:
            outcomes.append(False)
        else:
            outcomes.append(True)
    assert ([True, False, False, True], 5) == (outcomes, store.calls["list_jobs"])


def test_what_fails_has_not_happened_and_what_is_lost_has() -> None:
    """The two kinds of not knowing."""
    store = FaultyStore(csvpipe.MemoryJobStore())
    store.fail("create")
    with pytest.raises(ConnectionError):
        store.create(a_draft())
    before = store.list_jobs().total
    store.lose_answer("create")
    with pytest.raises(ConnectionError):
        store.create(a_draft())
    assert (0, 1) == (before, store.list_jobs().total)


def test_a_store_that_is_away_knows_its_name() -> None:
    """Everything raises until the block is left."""
    store = FaultyStore(csvpipe.MemoryJobStore())
    with store.away():
        assert "away" in repr(store)
        assert store.identity
        with pytest.raises(ConnectionError, match="forfeit: the store is away"):
            store.forfeit([])
    assert 0 == store.forfeit([])


def test_there_must_be_such_a_method() -> None:
    """A misspelt fault would never happen."""
    with pytest.raises(AttributeError):
        FaultyStore(csvpipe.MemoryJobStore()).fail("comit")


def test_a_job_survives_kills_wherever_they_come(make_csv: MakeCsv, shared: Path) -> None:
    """Each row is handled, those of committed chunks once; the rows in hand may come again, under the same key."""
    path = make_csv(4_000)
    survivals = {}
    for survival in survives_kills(process_handlers.quick, path):
        rows = Counter(process_handlers.told(shared, "rows"))
        (shared / "rows").unlink()
        assert {str(number) for number in range(1, 4_001)} == set(rows)
        assert 4_000 == survival.record.processed_rows
        survivals[survival.checkpoint] = (survival.record.status.value, survival.kills, max(rows.values()))

    assert list(CHECKPOINTS) == list(survivals)
    assert {("completed", 1)} == {outcome[:2] for outcome in survivals.values()}
    assert (1, 2) == (survivals["after_settle"][2], survivals["before_commit"][2])


def test_misspelt_checkpoints(make_csv: MakeCsv) -> None:
    """A checkpoint that is none would prove nothing."""
    with pytest.raises(ValueError, match="after_comit"):
        next(survives_kills(process_handlers.quick, make_csv(3), checkpoints=["after_comit"]))


def test_a_process_that_cannot_run_is_told_of(make_csv: MakeCsv) -> None:
    """What it has printed is in the message."""
    with pytest.raises(RuntimeError, match="no driver for jobs"):
        next(survives_kills(process_handlers.quick, make_csv(3), make_store=NamelessStore))


class NamelessStore(csvpipe.MemoryJobStore):
    """Cannot even tell its name."""

    def __getattribute__(self, name: str) -> object:
        """Raise."""
        if name == "identity":
            raise ModuleNotFoundError("no driver for jobs")
        return super().__getattribute__(name)


def test_a_disk_that_is_full_fails_the_upload(tmp_path: Path) -> None:
    """Nothing of it is left, and the next upload finds room."""

    @csvpipe.pipeline
    def save(row: csvpipe.Row) -> None: ...

    with full_disk(after_bytes=5):
        [small] = csvpipe.run(save, b"id\n1\n", spool_dir=tmp_path)
        [large] = csvpipe.run(save, b"id\n1\n2\n", spool_dir=tmp_path)
    [after] = csvpipe.run(save, b"id\n1\n2\n", spool_dir=tmp_path)

    assert [None, "disk_full", None] == [record.error_code for record in (small, large, after)]
    assert [] == list(tmp_path.glob("[!.]*"))
