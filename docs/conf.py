"""Sphinx configuration. ``tox -e docs`` builds with warnings as errors."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

from pubsub._version import VERSION

sys.path[:0] = [str(Path(__file__).parent / "_ext")]

project = "pubsub"
author = "the pubsub contributors"
copyright = author
version = release = VERSION

extensions = ["sphinx.ext.autodoc", "pubsub_docs"]
exclude_patterns = ["_build"]
html_theme = "furo" if importlib.util.find_spec("furo") else "alabaster"
html_title = "pubsub"

autodoc_member_order = "bysource"
autodoc_typehints = "signature"
# zope interfaces are not classes to autodoc; their methods have no self
autodoc_default_options = {"members": True, "show-inheritance": True}
nitpicky = False
