"""Every check of the project: `nox` runs the usual ones, `nox -l` lists all.

`.ci/run` runs the same sessions in one environment (`nox --no-venv`), so a check is written down here and nowhere else.
"""

import os
import shutil
import sys
from pathlib import Path

import nox
from nox.command import CommandFailed

PYTHONS = ["3.11", "3.12", "3.13", "3.14"]

nox.options.default_venv_backend = "venv"
nox.options.reuse_existing_virtualenvs = True
nox.options.sessions = ["lint", "layers", "typing", "tests", "docs", "wheel"]


def found_pythons() -> list[str]:
    """One interpreter of each supported minor version that this machine has: on PATH, or kept by pyenv."""
    versions = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"), "versions")
    found = []
    for minor in PYTHONS:
        kept = sorted(versions.glob(f"{minor}.*/bin/python"), key=lambda path: path.parts)
        on_path = shutil.which(f"python{minor}")
        if kept:
            found.append(str(kept[-1]))  # pyenv's own entry on PATH may be a shim that is switched off
        elif on_path:
            found.append(on_path)
    return found or [sys.executable]


def install(session: nox.Session, extra: str) -> None:
    """Install the project with an extra, unless whoever called nox has done so (`--no-venv`)."""
    if session.venv_backend != "none":
        session.install("--quiet", "--editable", f".[{extra}]")


@nox.session
def lint(session: nox.Session) -> None:
    """Style, and the formatter's opinion."""
    install(session, "dev")
    session.run("ruff", "check", ".")
    session.run("ruff", "format", "--check", ".")


@nox.session
def layers(session: nox.Session) -> None:
    """Which module may import which."""
    install(session, "dev")
    session.run("lint-imports", "--no-cache", "--no-logo")


@nox.session
def typing(session: nox.Session) -> None:
    """The types of the library, and of the public API as a user's checker sees them."""
    install(session, "dev")
    session.run("mypy")
    try:  # pip brings a launcher, which fetches pyright itself from npm when it is first called
        session.run("pyright", "--version", silent=True)
    except CommandFailed:
        session.warn("PYRIGHT LEFT OUT: it could not be fetched from npm; the reason is above")
        return
    session.run("pyright")


@nox.session(python=found_pythons())
def tests(session: nox.Session) -> None:
    """The test suite, on every Python there is."""
    install(session, "test")
    session.run("python", "-m", "pytest", *session.posargs)


@nox.session
def coverage(session: nox.Session) -> None:
    """The test suite but for what takes long, with the lines and branches that it leaves out."""
    install(session, "test")
    session.run("python", "-m", "pytest", "-m", "not long", "--cov", "--cov-report=term", *session.posargs)


@nox.session
def docs(session: nox.Session) -> None:
    """The documentation, where a warning or a dead reference is an error. Its examples run in `tests`."""
    install(session, "dev")
    target = session.posargs[0] if session.posargs else "docs/_build/html"
    session.run("sphinx-build", "-W", "--keep-going", "-n", "-q", "-E", "-b", "html", "docs", target)


@nox.session
def bench(session: nox.Session) -> None:
    """Benchmarks, each beside its peers: prints the tables, writes them into the documentation and README.

    With options of your own (`nox -s bench -- -k goals`) nothing is written unless `--write-docs` is among them.
    """
    install(session, "bench")
    options = session.posargs or ["--write-docs"]
    session.run("python", "-m", "pytest", "benchmarks", "--benchmark-only", *options)


@nox.session
def capacity(session: nox.Session) -> None:
    """A thousand instances on one PostgreSQL, simulated: writes the figures of the capacity model into its page."""
    install(session, "test")
    session.run("python", "-m", "benchmarks.capacity", *(session.posargs or ["--write-docs"]))


@nox.session
def wheel(session: nox.Session) -> None:
    """The wheel as a user gets it: built, looked into, installed where there is nothing else, and used."""
    install(session, "dev")
    target = Path(session.create_tmp(), "dist").absolute()
    shutil.rmtree(target, ignore_errors=True)
    session.run("python", "-m", "build", "--outdir", str(target))
    session.run("python", "tests/packaging/smoke.py", str(target))


@nox.session
def fuzz(session: nox.Session) -> None:
    """Ten minutes of inputs that nobody would write: `nox -s fuzz -- --corpus FOLDER` has more files to begin with."""
    install(session, "test")
    if session.venv_backend != "none":  # there may be no wheel of it; then our own means guide the inputs
        session.run("python", "-m", "pip", "install", "--quiet", "atheris", success_codes=[0, 1])
    findings = Path(session.create_tmp(), "findings").absolute()
    shutil.rmtree(findings, ignore_errors=True)
    session.run("python", "-m", "tests.fuzz", "--minutes", "10", "--findings", str(findings), *session.posargs)
