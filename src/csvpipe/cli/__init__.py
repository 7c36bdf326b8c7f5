"""The command line: `csvpipe run module:pipeline FILE...`, also as `python -m csvpipe`.

What is said on the command line goes through it like this:

    command      what may be said, and what is done then
    target       from `module:pipeline` to the pipeline
    errand       one use of `csvpipe.run`, and all that is known at its end, however it ended
    display      who is told of progress: a program, or a person by `live` (a terminal) or `plain` (a log)
    summary      what is said at the end
    exit_codes   how the command ends

Jobs that outlive the command live in a store (`keeping`); `jobs` has the commands about them, which show `tables`.
`totals` are sums over jobs, `output` is where lines go, `wording` makes numbers and foreign text fit to print.
"""

from __future__ import annotations

import sys
import traceback
from importlib.util import find_spec

from csvpipe.cli.exit_codes import ExitCode
from csvpipe.errors import MissingExtraError

_EXTRA = ("click", "rich")


def main() -> int:
    """Run the command line on `sys.argv`.

    Returns:
        An `ExitCode`, where the command does not end the program itself with one.
    """
    if any(find_spec(name) is None for name in _EXTRA):
        print(MissingExtraError("the command line", "cli"), file=sys.stderr)  # noqa: T201  # click may be what is missing
        return ExitCode.USAGE
    from csvpipe.cli.command import csvpipe  # noqa: PLC0415  # what it imports was in doubt until now

    try:
        csvpipe(prog_name="csvpipe")
    except Exception:  # noqa: BLE001  # a defect; Python's own exit code for it, 1, would claim that a job was done
        traceback.print_exc()
    return ExitCode.FAILED
