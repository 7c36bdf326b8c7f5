"""What is collected here."""

import os

#: The cases of other projects are not part of this one. Where `CSVPIPE_CASES` names a folder with them, they are run.
collect_ignore = [] if os.environ.get("CSVPIPE_CASES") else ["test_folder.py"]
