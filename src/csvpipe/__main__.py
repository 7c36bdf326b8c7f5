"""`python -m csvpipe`: the command line."""

import sys

from csvpipe.cli import main

if __name__ == "__main__":  # pragma: no branch  # the guard is for processes that import this file anew
    sys.exit(main())
