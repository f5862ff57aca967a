"""The desk's own pages, with the style and the escaping of the report."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib import resources

from jinja2 import Environment

from pipeline.report.html import environment, style_sheet
from pipeline.report.wording import VERDICT_WORDS, percent


@dataclass(frozen=True)
class Pages:
    """The pages of a desk; ``groq`` says whether texts are sent to Groq, which every page shows."""

    groq: bool

    def render(self, template: str, **values: object) -> str:
        """Return the HTML of a page."""
        return _environment().get_template(template).render(groq=self.groq, **values) + "\n"


def desk_style() -> str:
    """Return the style of the desk's pages."""
    return style_sheet() + _read("desk.css")


def script() -> str:
    """Return the script of the desk's pages: accept a dropped file, and show the progress of a job."""
    return _read("desk.js")


@cache
def _environment() -> Environment:
    made = environment(_read)
    made.filters["percent"] = percent
    made.globals["verdict_words"] = VERDICT_WORDS
    return made


def _read(name: str) -> str:
    return resources.files("pipeline.serve").joinpath(name).read_text(encoding="utf-8")
