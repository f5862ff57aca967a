"""The page to look at: one HTML file that carries everything and asks nothing of the network.

Jinja2 escapes every value, so that a novel full of markup shows as text. A Content-Security-Policy allows the page its
own style, known by hash, and nothing else: should an escape ever be missed, the browser still runs no script.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable
from functools import cache

from jinja2 import Environment, FunctionLoader, StrictUndefined
from markupsafe import Markup

from pipeline.report.index_view import IndexView
from pipeline.report.resources import read_template
from pipeline.report.view import PageView


def render_page(view: PageView) -> str:
    """Return the HTML of the page of one verdict."""
    return _render("report.html.jinja", style_sheet(), page=view)


def render_index(view: IndexView) -> str:
    """Return the HTML of the index of a table; its script, known by hash, filters the rows and does nothing else."""
    script = read_template("index.js")
    style = style_sheet() + read_template("index.css")
    return _render("index.html.jinja", style, page=view, script=Markup(script), script_hash=_hash_source(script))


def style_sheet() -> str:
    """Return the style that every page has."""
    return read_template("style.css")


def environment(read: Callable[[str], str] = read_template) -> Environment:
    """Return what renders the templates that ``read`` gives: every value escaped, a missing one an error."""
    return Environment(
        loader=FunctionLoader(read),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


@cache
def _own_environment() -> Environment:
    """Return the one that renders our pages: a table has a page a row, and a template is worth compiling once."""
    return environment()


def _render(template: str, style: str, **values: object) -> str:
    page = _own_environment().get_template(template)
    # Style and script are our own files: marked safe, or their quotes would be escaped and no hash would fit.
    return page.render(style=Markup(style), style_hash=_hash_source(style), **values) + "\n"


def _hash_source(source: str) -> str:
    digest = hashlib.sha256(source.encode("utf-8")).digest()
    return f"sha256-{base64.b64encode(digest).decode('ascii')}"
