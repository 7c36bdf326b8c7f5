"""How Sphinx builds these pages: `nox -s docs`."""

import re
from importlib.metadata import version as installed_version

from docutils.nodes import Element, reference
from sphinx.addnodes import pending_xref
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.pycode import ModuleAnalyzer

project = "csvpipe"
author = "csvpipe contributors"
project_copyright = f"2026, {author}"
version = release = installed_version("csvpipe")

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx_copybutton",
]
exclude_patterns = ["_build"]
templates_path: list[str] = []

# Markdown
myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3
copybutton_prompt_text = r">>> |\.\.\. |\$ "
copybutton_prompt_is_regexp = True

# The reference is made from the docstrings.
autodoc_member_order = "bysource"
autodoc_typehints_format = "short"
napoleon_numpy_docstring = False
napoleon_use_ivar = True
napoleon_use_rtype = False
python_maximum_signature_line_length = 88
python_use_unqualified_type_names = True

# Every reference to a name of ours must lead somewhere. Not so those to Python, attrs and AnyIO, whose inventories
# would have to come from the network at each build; nor type variables and what is internal.
nitpicky = True
nitpick_ignore_regex = [
    (r"py:.*", r"(?!csvpipe\b).*"),
    (r"py:.*", r"csvpipe\.(.+\.)?_.*"),
    (r"py:.*", r"csvpipe\..+\.[A-Z](_co|_contra)?"),
    (r"py:.*", r"csvpipe\.handlers\..*"),
]

html_theme = "furo"
html_title = f"csvpipe {release}"
html_copy_source = False


def find_by_public_name(app: Sphinx, env: BuildEnvironment, node: pending_xref, contnode: Element) -> reference | None:
    """Resolve `csvpipe.jobs.JobRecord`, as annotations have it, to `csvpipe.JobRecord`, as the reference has it."""
    public = re.sub(r"^csvpipe\.([a-z_]+\.)+", "csvpipe.", node.get("reftarget", ""))
    place = node.get("refdoc", "")
    found = env.domains.python_domain.resolve_xref(env, place, app.builder, "obj", public, node, contnode)
    return found if isinstance(found, reference) else None


def mark_code(_app: Sphinx, _what: str, _name: str, _object: object, _options: object, lines: list[str]) -> None:
    """Take `name` in a docstring for code, as in Markdown."""
    lines[:] = [re.sub(r"(?<![`:])`([^`]+)`(?!`)", r"``\1``", line) for line in lines]


def forget_overloads(module: str, function: str) -> None:
    """Show a function once, as it is called, and not in every way in which type checkers must see it."""
    analyzer = ModuleAnalyzer.for_module(module)
    analyzer.analyze()
    del analyzer.overloads[function]


def setup(app: Sphinx) -> None:
    """Called by Sphinx."""
    app.connect("missing-reference", find_by_public_name)
    app.connect("autodoc-process-docstring", mark_code)
    forget_overloads("csvpipe.pipeline", "pipeline")
