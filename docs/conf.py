"""Sphinx's settings; pages about settings, jobs and tables are written anew at each build."""

import sys
from pathlib import Path

DOCS = Path(__file__).resolve().parent
sys.path[:0] = [str(DOCS), str(DOCS.parent / "libs")]

import generate  # noqa: E402 - needs the path above

import invoicelake  # noqa: E402

generate.write_pages(DOCS.parent, DOCS / "_generated")

project = "invoicelake"
author = "the invoicelake authors"
copyright = f"2026, {author}"
version = release = invoicelake.__version__

extensions = ["myst_parser"]
myst_heading_anchors = 3
exclude_patterns = ["_build"]

html_theme = "furo"
html_title = f"{project} {release}"
html_show_sourcelink = False
