"""What docs/howto/web.md tells a reader to type does what it says."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[2] / "docs"

BASH = shutil.which("bash") or ""

#: What is shown in the answer, and what is typed.
BLOCK = re.compile(r"<!-- curl: (?P<shown>.+?) -->\n\n```sh\n(?P<typed>.+?)```", re.DOTALL)


@pytest.fixture
def served(tmp_path: Path) -> Iterator[tuple[Path, str]]:
    """The page's server, on a free port: the folder with the examples, and the address."""
    folder = tmp_path / "examples"
    shutil.copytree(DOCS / "examples", folder)
    program = [sys.executable, "-m", "csvpipe", "serve", "people.py:import_people", "orders.py:import_orders"]
    tokens = {"CSVPIPE_TOKENS": "ana=token-of-ana bob=token-of-bob"}
    process = subprocess.Popen(
        [*program, "--port", "0"],
        cwd=folder,
        env={**os.environ, **tokens},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    line = process.stderr.readline()
    found = re.search(r"http://([\d.]+:\d+)", line)
    assert found, line + process.stderr.read()
    yield folder, found[1]
    process.terminate()
    process.communicate()


@pytest.mark.skipif(not (BASH and shutil.which("curl")), reason="there is no curl")
def test_the_page_is_true(served: tuple[Path, str]) -> None:
    """Each block of the page, typed one after the other, prints what is said above it."""
    folder, address = served
    page = (DOCS / "howto" / "web.md").read_text("utf-8")
    blocks = list(BLOCK.finditer(page))
    script = "\n".join(f"echo; echo '=== {number}'\n{block['typed']}" for number, block in enumerate(blocks))

    done = subprocess.run(
        [BASH, "-euo", "pipefail", "-c", script.replace("127.0.0.1:8000", address)],
        cwd=folder,
        env={**os.environ, "ANA": "token-of-ana", "BOB": "token-of-bob"},
        capture_output=True,
        text=True,
        check=False,
    )
    printed = re.split(r"^=== \d+$", done.stdout, flags=re.MULTILINE)[1:]

    assert "" == done.stderr
    assert 7 == len(blocks) == len(printed)
    for block, output in zip(blocks, printed, strict=True):
        assert block["shown"] in output
