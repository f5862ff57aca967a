"""The page to look at: one HTML file that carries everything and asks nothing of the network.

Jinja2 escapes every value, so that a novel full of markup shows as text. A Content-Security-Policy allows the page its
own style, known by hash, and nothing else: should an escape ever be missed, the browser still runs no script.
"""

from __future__ import annotations

import base64
import hashlib

from jinja2 import Environment, StrictUndefined
from markupsafe import Markup

from pipeline.report.resources import read_template
from pipeline.report.view import PageView


def render_page(view: PageView) -> str:
    """Return the HTML of ``view``."""
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    style = environment.from_string(read_template("style.css.jinja")).render()
    page = environment.from_string(read_template("template.html.jinja"))
    # The style is our own file: marked safe, or its quotes would be escaped and the hash would not fit.
    return page.render(page=view, style=Markup(style), style_hash=_hash_source(style)) + "\n"


def _hash_source(style: str) -> str:
    digest = hashlib.sha256(style.encode("utf-8")).digest()
    return f"sha256-{base64.b64encode(digest).decode('ascii')}"
