"""Several servers over one store: whichever is asked, a job is followed just the same."""

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from tests.web.serving import API, Process, served
from tests.web.test_stream import parsed

HERE = """
import time
from pathlib import Path
import csvpipe

@csvpipe.pipeline
def wait(row: dict[str, str]) -> None:
    while not Path("opened").exists():
        time.sleep(0.01)
    if row["id"] == "x":
        raise csvpipe.Reject("no number", column="id")
"""
THERE = """
import csvpipe

@csvpipe.pipeline
def other(row: csvpipe.Row) -> None:
    pass
"""


@pytest.fixture(params=["sqlite", "postgresql"])
def pair(
    request: pytest.FixtureRequest, tmp_path: Path, make_url: Callable[[str], str]
) -> Iterator[tuple[Process, Process]]:
    """One that runs the pipeline, and one that cannot, over the same store."""
    url = make_url(request.param)
    with ExitStack() as running:
        folders = [tmp_path / name for name in ("here", "there")]
        for folder in folders:
            folder.mkdir()
        here, there = (
            running.enter_context(served(folder, pipeline, "--store", url))
            for folder, pipeline in zip(folders, (HERE, THERE), strict=True)
        )
        running.callback((folders[0] / "opened").touch)
        yield here, there


def test_a_job_of_another_instance_streams_just_the_same(pair: tuple[Process, Process]) -> None:
    """Its start and its end arrive, and who is not its owner sees nothing of it there either."""
    here, there = pair
    [entry] = here.ana.post(f"{API}/upload", files={"files": ("a.csv", b"id\n1\nx\n2\n")}).json()["files"]
    path = f"{API}/jobs/{entry['job']['id']}"

    with there.ana.stream("GET", f"{path}/stream") as answer:
        following = answer.iter_lines()
        assert "event: started" in following
        (here.spool.parent / "opened").touch()
        assert "event: completed" in following
        [last] = [json.loads(line.removeprefix("data: ")) for line in following if line.startswith("data: ")]
    again = there.ana.get(f"{path}/stream", headers={"Last-Event-ID": "1"})
    seen = there.ana.get(f"{path}/stream", headers={"Last-Event-ID": str(last["job"]["revision"])})

    assert ("completed", 2, 1) == (last["kind"], last["job"]["processed_rows"], last["job"]["failed_rows"])
    assert [str(last["job"]["revision"])] == [event["id"] for event in parsed(again.text)]
    assert 204 == seen.status_code
    assert 1 == len(there.ana.get(f"{path}/errors").json()["errors"])
    assert {404} == {there.bob.get(f"{path}{each}").status_code for each in ("", "/stream", "/errors")}
