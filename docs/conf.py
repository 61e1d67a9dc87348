"""How the documentation is built: `make docs`."""

import everystep

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
