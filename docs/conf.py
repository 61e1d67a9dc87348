"""How the documentation is built: `make docs`."""

import sys
from pathlib import Path

import everystep

sys.path.insert(0, str(Path(__file__).parent))
import gallery_pages

project = "everystep"
author = copyright = "everystep contributors"  # noqa: A001 - Sphinx reads it by this name
version = release = everystep.__version__

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.mathjax", "sphinx.ext.napoleon"]
myst_heading_anchors = 3
exclude_patterns = ["_build"]
autodoc_member_order = "bysource"
autodoc_typehints = "description"
html_theme = "furo"
html_title = "everystep"
html_static_path = ["_static"]
html_css_files = ["screens.css"]


def setup(app):
    app.connect("builder-inited", gallery_pages.write)
