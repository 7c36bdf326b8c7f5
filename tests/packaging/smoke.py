"""Use the built wheel as a stranger would: `python smoke.py DIST_FOLDER`.

Looks into the archives, installs the wheel with the extra `cli` into a new environment, and imports the example of the
tutorial from a folder that holds nothing else. Run by `nox -s wheel`; pytest does not collect it.
"""

import csv
import shutil
import subprocess
import sys
import tarfile
import tempfile
import venv
import zipfile
from pathlib import Path

EXAMPLES = Path(__file__).parents[2] / "docs" / "examples"
PAGE = Path(__file__).parents[2] / "src" / "csvpipe" / "web" / "page"

# docs/examples/people.csv has six rows, three of them bad.
EXPECTED_REJECTS = [("3", "date"), ("5", "negative_id"), ("6", "float")]
SOME_ROWS_REJECTED = 1


def main(folder: Path) -> None:
    """Check the one wheel and the one source archive in `folder`."""
    (wheel,) = folder.glob("*.whl")
    (sdist,) = folder.glob("*.tar.gz")
    check_wheel(wheel)
    check_sdist(sdist)
    with tempfile.TemporaryDirectory(prefix="csvpipe-wheel-") as place:
        check_use(wheel, Path(place))
    print(f"{wheel.name} and {sdist.name} are sound")


def check_wheel(wheel: Path) -> None:
    """It holds the package and its licence, and nothing else."""
    names = zipfile.ZipFile(wheel).namelist()
    tops = {name.partition("/")[0].partition("-")[0] for name in names}
    assert {"csvpipe"} == tops, f"the wheel holds more than the package: {tops}"
    assert "csvpipe/py.typed" in names, "the wheel lacks py.typed: its types would be ignored"
    page = {f"csvpipe/web/page/{path.name}" for path in PAGE.iterdir()}
    assert set() == page - set(names), f"the wheel lacks parts of the page: {page - set(names)}"
    assert any(name.endswith("/LICENSE") for name in names), "the wheel lacks the licence"


def check_sdist(sdist: Path) -> None:
    """It holds what is needed to build, test and document the project, and nothing that was made from that."""
    with tarfile.open(sdist) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    needed = {"CHANGELOG.md", "LICENSE", "README.md", "conftest.py", "docs/conf.py", "pyproject.toml", "tests"}
    lacking = needed - names - {name.partition("/")[0] for name in names}  # folders have no entry of their own
    assert set() == lacking, f"the source archive lacks {lacking}"
    made = sorted(name for name in names if {"__pycache__", "_build"} & set(name.split("/")))
    assert [] == made, f"the source archive holds {made}"


def check_use(wheel: Path, place: Path) -> None:
    """The console script imports the example and sets its bad rows aside."""
    environment, home = place / "env", place / "home"
    venv.create(environment, with_pip=True)
    shutil.copytree(EXAMPLES, home)
    programs = environment / ("Scripts" if sys.platform == "win32" else "bin")
    # From another folder than the source tree, with -I: nothing but the wheel can be imported.
    run([programs / "python", "-I", "-m", "pip", "install", "--quiet", f"{wheel}[cli]"], home)
    run([programs / "python", "-I", "-c", "import csvpipe; assert csvpipe.__version__ in " + repr(wheel.name)], home)
    run([programs / "csvpipe", "--help"], home)

    command = ["run", "people:import_people", "people.csv", "--rejects", "rejects"]
    run([programs / "csvpipe", *command], home, code=SOME_ROWS_REJECTED)

    (rejects,) = (home / "rejects").iterdir()
    with rejects.open(newline="", encoding="utf-8") as file:
        found = [(row["_row"], row["_code"]) for row in csv.DictReader(file)]
    assert EXPECTED_REJECTS == found, f"{rejects.name} holds {found}"


def run(command: list[str | Path], home: Path, *, code: int = 0) -> None:
    """Run a program with its output in sight."""
    print("$", *command, flush=True)
    done = subprocess.run(command, cwd=home, stdin=subprocess.DEVNULL, check=False)
    assert code == done.returncode, f"exit code {done.returncode}, not {code}"


if __name__ == "__main__":
    main(Path(sys.argv[1]))
