"""The pages as HTML: one file each, which loads nothing from the network.

Jinja2 escapes every value, so that markup in a novel shows as text. A Content-Security-Policy allows the page its own
style, by its hash, and nothing else: even if a value were not escaped, the browser would not run a script.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable
from functools import cache
from typing import get_args

from jinja2 import Environment, FunctionLoader, StrictUndefined
from markupsafe import Markup

from pipeline.records import WaiverKind
from pipeline.report import wording
from pipeline.report.index_view import IndexView
from pipeline.report.resources import read_template
from pipeline.report.sheet_view import SheetView
from pipeline.report.summaries import shorten
from pipeline.report.view import PageView


def render_page(view: PageView) -> str:
    """Return the HTML of the page of one verdict."""
    return _render("report.html.jinja", style_sheet(), page=view)


def render_index(view: IndexView) -> str:
    """Return the HTML of the index of a table; its script, allowed by hash, filters the rows."""
    script = read_template("index.js")
    style = style_sheet() + read_template("index.css")
    return _render("index.html.jinja", style, page=view, script=Markup(script), script_hash=_hash_source(script))


def render_sheet(view: SheetView) -> str:
    """Return the HTML of the page of a sheet with several characters."""
    return _render("sheet.html.jinja", style_sheet(), page=view)


def style_sheet() -> str:
    """Return the style of every page."""
    return read_template("style.css")


def environment(read: Callable[[str], str] = read_template) -> Environment:
    """Return an environment for the templates of ``read``: values are escaped, a missing one is an error."""
    made = Environment(
        loader=FunctionLoader(read),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.globals["waiver_kinds"] = get_args(WaiverKind)
    made.globals["wording"] = wording
    made.globals["shorten"] = shorten
    return made


@cache
def _own_environment() -> Environment:
    """Return the environment of our templates, cached because a table has a page for each row."""
    return environment()


def _render(template: str, style: str, **values: object) -> str:
    page = _own_environment().get_template(template)
    # Style and script are our own files: escaping their quotes would change their hashes.
    return page.render(style=Markup(style), style_hash=_hash_source(style), **values) + "\n"


def _hash_source(source: str) -> str:
    digest = hashlib.sha256(source.encode("utf-8")).digest()
    return f"sha256-{base64.b64encode(digest).decode('ascii')}"
