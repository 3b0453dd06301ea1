"""Sphinx's configuration for the site; `build.py` stages the sources and runs it."""

from __future__ import annotations

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(Path(__file__).parent)]

import fastapi  # noqa: E402, F401  before autodoc, which imports modules with TYPE_CHECKING set

import flamingo_lib  # noqa: E402

project = "flamingo_lib"
author = "the authors of flamingo_lib"
version = release = flamingo_lib.__version__
html_title = "Polite Flamingo"

extensions = [
    "myst_nb",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx.ext.viewcode",
    "sphinx_copybutton",
    "mathml",
    "docstrings",
]
suppress_warnings = ["ref.python"]  # short names of types that two modules define
nitpicky = False

# Notebooks show the outputs stored in them. Widgets need a kernel; their static first frame is HTML.
nb_execution_mode = "off"
nb_ipywidgets_js = {}
nb_mime_priority_overrides = [("html", "application/vnd.jupyter.widget-view+json", None)]
myst_enable_extensions = ["attrs_inline", "colon_fence", "dollarmath", "html_image"]
myst_heading_anchors = 4
html_math_renderer = "mathml"

# Docstrings: Google's sections, single backticks for code, members in the order of the source.
default_role = "code"
napoleon_numpy_docstring = False
napoleon_use_ivar = True
autodoc_member_order = "bysource"
autodoc_typehints_format = "short"
autodoc_mock_imports = ["lmms_eval", "pycocoevalcap"]
autodoc_default_options = {"members": True, "show-inheritance": True, "ignore-module-all": True}
python_use_unqualified_type_names = True
python_maximum_signature_line_length = 100
toc_object_entries_show_parents = "hide"
add_module_names = False

html_theme = "furo"
html_theme_options = {
    "light_css_variables": {"color-brand-primary": "#0b5a8f", "color-brand-content": "#0b5a8f"},
    "dark_css_variables": {"color-brand-primary": "#7cc0ee", "color-brand-content": "#7cc0ee"},
}
pygments_style, pygments_dark_style = "a11y-high-contrast-light", "a11y-high-contrast-dark"
html_static_path = [str(Path(__file__).parent / "static")]
html_css_files = ["site.css"]
html_show_search_summary = False  # it would fetch pages, which a browser refuses to pages opened from the disk
html_copy_source = html_show_sourcelink = False
html_use_index = True
html_last_updated_fmt = None
copybutton_exclude = ".linenos, .gp, .go"
