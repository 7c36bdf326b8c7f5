"""The first thing that a newcomer tries."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent


def test_first_example_is_a_whole_program(tmp_path: Path) -> None:
    """README's first block of Python, saved as a file beside the example data, runs as it stands."""
    blocks = re.findall(r"^```python\n(.*?)^```$", (ROOT / "README.md").read_text("utf-8"), re.DOTALL | re.MULTILINE)
    program = tmp_path / "first.py"
    program.write_text(blocks[0], "utf-8")
    for example in (ROOT / "docs" / "examples").glob("*.csv"):
        shutil.copy(example, tmp_path)

    done = subprocess.run([sys.executable, program], cwd=tmp_path, capture_output=True, text=True, check=False)

    assert (0, "") == (done.returncode, done.stderr)
