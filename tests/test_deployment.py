"""What docs/howto/instances.md has to deploy: it parses, and its numbers agree with those of the program."""

from __future__ import annotations

import configparser
import inspect
import re
import shlex
from pathlib import Path
from typing import Any

import pytest

import csvpipe
from csvpipe.pool import leaving

pytest.importorskip("click")
yaml: Any = pytest.importorskip("yaml")

from csvpipe.cli import serving  # noqa: E402  # needs the extra

_PAGE = Path(__file__).parent.parent / "docs" / "howto" / "instances.md"

#: How long an end takes at most.
_GRACE_SECONDS = inspect.signature(csvpipe.WorkerPool).parameters["shutdown_grace"].default
_END_SECONDS = serving._GRACE_SECONDS + _GRACE_SECONDS + leaving._END_SECONDS


def _blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", _PAGE.read_text("utf-8"), re.DOTALL | re.MULTILINE)


def _check_command(words: list[str]) -> None:
    """It is `csvpipe serve` with options that there are."""
    known = {option for each in serving.serve.params for option in each.opts}
    assert (words[0].rpartition("/")[2], words[1]) == ("csvpipe", "serve")
    assert {word for word in words if word.startswith("--")} <= known
    assert not {"--token", "--store"} & set(words), "others would see it"


def _check_variables(names: set[str]) -> None:
    known = {each.envvar for each in serving.serve.params}
    assert names == {"CSVPIPE_STORE", "CSVPIPE_TOKENS"}
    assert names <= known


def test_the_page_says_how_long_an_end_takes() -> None:
    """The sum of what the program and the pool allow."""
    assert _END_SECONDS == 50
    assert "50 at most" in _PAGE.read_text("utf-8")


def test_the_unit_gives_it_time() -> None:
    """The system kills it later than it ends by itself, and its variables are those that the program knows."""
    variables, text = _blocks("ini")
    unit = configparser.ConfigParser(interpolation=None)
    unit.optionxform = str  # type: ignore[assignment,method-assign]
    unit.read_string(text)
    service = unit["Service"]
    assert int(service["TimeoutStopSec"]) > _END_SECONDS
    _check_command(shlex.split(service["ExecStart"]))
    _check_variables({line.partition("=")[0] for line in variables.splitlines()})


def test_the_container_is_told_to_end() -> None:
    """Its command is a list, so that no shell stands between it and the signal; and Compose gives it time."""
    [dockerfile] = _blocks("dockerfile")
    command = re.search(r"^CMD (\[.*\])$", dockerfile, re.MULTILINE)
    assert command is not None
    _check_command(yaml.safe_load(command[1]))
    imports = yaml.safe_load(_blocks("yaml")[0])["services"]["imports"]
    assert int(imports["stop_grace_period"].removesuffix("s")) > _END_SECONDS
    _check_variables(set(imports["environment"]))


def test_the_pods_are_told_to_end() -> None:
    """Kubernetes gives it time beside that of `preStop`, and asks where there are answers."""
    deployment, claim, service = yaml.safe_load_all(_blocks("yaml")[1])
    pod = deployment["spec"]["template"]["spec"]
    [container] = pod["containers"]
    [sleep, seconds] = container["lifecycle"]["preStop"]["exec"]["command"]
    assert sleep == "sleep"
    assert pod["terminationGracePeriodSeconds"] > _END_SECONDS + int(seconds)
    assert container["readinessProbe"]["httpGet"]["path"] == "/ready"
    assert container["livenessProbe"]["httpGet"]["path"] == "/health"
    assert pod["volumes"][0]["persistentVolumeClaim"]["claimName"] == claim["metadata"]["name"]
    labels = deployment["spec"]["template"]["metadata"]["labels"]
    assert labels == service["spec"]["selector"] == deployment["spec"]["selector"]["matchLabels"]
    ports = {container["ports"][0]["containerPort"], service["spec"]["ports"][0]["targetPort"]}
    assert ports == {8000}
