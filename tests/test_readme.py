"""The first thing that a newcomer tries."""

import re
import shutil
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent

RUN = "anyio.run(main)"


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_first_example_is_a_whole_program(tmp_path: Path, backend: str) -> None:
    """README's first block of Python, saved as a file beside the example data, runs on both event loops."""
    blocks = re.findall(r"^```python\n(.*?)^```$", (ROOT / "README.md").read_text("utf-8"), re.DOTALL | re.MULTILINE)
    assert blocks[0].count(RUN) == 1
    program = tmp_path / "first.py"
    program.write_text(blocks[0].replace(RUN, f"anyio.run(main, backend={backend!r})"), "utf-8")
    for example in (ROOT / "docs" / "examples").glob("*.csv"):
        shutil.copy(example, tmp_path)

    done = subprocess.run([sys.executable, program], cwd=tmp_path, capture_output=True, text=True, check=False)

    assert (0, "") == (done.returncode, done.stderr)
    assert "completed 5 good, 1 bad" == done.stdout.splitlines()[-1]
    assert (tmp_path / "people.rejects.csv").read_text("utf-8").startswith("_row,_line,_code,_column,_message,id,")


def test_figures_are_those_of_the_benchmarks(monkeypatch: pytest.MonkeyPatch) -> None:
    """README quotes docs/benchmarks.md, which the benchmarks write, as `python benchmarks/publish.py` would."""
    monkeypatch.syspath_prepend(ROOT / "benchmarks")
    publish = import_module("publish")
    readme = (ROOT / "README.md").read_text("utf-8")
    figures = publish.read_figures((ROOT / "docs" / "benchmarks.md").read_text("utf-8"))

    assert readme.count("<!-- figures: ") == readme.count("<!-- end of figures -->") > 0
    assert publish.with_figures(readme, figures) == readme
