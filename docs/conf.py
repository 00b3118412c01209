"""The site: `make docs`. Sphinx reads the repository itself, where README.md and docs/ link to each other."""

project = "django-sqlite-efs"
author = copyright = "the authors of django-sqlite-efs"
extensions = ["myst_parser"]
root_doc = "docs/index"
include_patterns = ["README.md", "CONTRIBUTING.md", "docs/**"]
exclude_patterns = [".*", "build*", "dist", "demo", "fuzz", "src", "tests", "**/__pycache__"]

html_theme = "furo"
html_title = project
html_extra_path = ["site"]  # the first page, which leads to docs/
html_copy_source = False
html_show_sphinx = False

myst_heading_anchors = 4
nitpicky = True
