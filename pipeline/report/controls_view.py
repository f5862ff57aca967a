"""``controls.json`` as a table in Markdown and as a drawing: a point and its interval for each system."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pipeline.report.html import environment
from pipeline.report.wording import readable

_COLUMNS = {
    "accuracy": "accuracy",
    "balanced_accuracy": "balanced",
    "auc": "AUC",
    "ranking": "true claim first",
    "ece": "ECE",
}
_DRAWN = ("auc", "ranking")
_LEFT, _WIDTH, _GAP, _ROW, _TOP = 190.0, 300.0, 40.0, 26.0, 70.0
_LOWEST, _HIGHEST = 0.3, 1.0
_MARKS = (0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)
_BETTER, _WORSE, _EQUAL = "better", "worse", "no difference shown"

Content = Mapping[str, Any]
_Figure = Mapping[str, float | None]


@dataclass(frozen=True)
class Interval:
    """A point with its interval on a panel, in pixels, and its figure as text."""

    x: float
    low: float
    high: float
    y: float
    text: str


@dataclass(frozen=True)
class Panel:
    """One measure of all systems; ``chance`` is the position of guessing, ``first`` that of the full system."""

    title: str
    left: float
    right: float
    chance: float
    first: float
    marks: tuple[tuple[float, str], ...]
    points: tuple[Interval, ...]


def table_lines(content: Content) -> list[str]:
    """Return the table, with the loss in AUC and ranking without each part, and whether the interval shows it."""
    systems: Mapping[str, Any] = content["systems"]
    measures = [name for name in _COLUMNS if any(name in one["figures"] for one in systems.values())]
    drawn = [name for name in _DRAWN if name in measures]
    differences = [f"{_COLUMNS[name]}: first minus this" for name in drawn]
    head = ["system", *(_COLUMNS[name] for name in measures), *differences]
    lines = [
        f"{content['rows']} {content['kind']} ({content['consistent']} consistent), {content['books']} novels, "
        f"{content['pairs']} pairs; in brackets: {content['interval']}",
        "",
        f"| {' | '.join(head)} |",
        f"|{'---|' * len(head)}",
    ]
    for name, one in systems.items():
        cells = [_cell(one["figures"].get(key)) for key in measures]
        cells += [_loss(one["first_minus_this"].get(key)) for key in drawn]
        lines.append(f"| {readable(name)} | {' | '.join(cells)} |")
    lines += ["", *(f"- {readable(name)}: {one['what']}" for name, one in systems.items())]
    return lines


def _loss(loss: _Figure | None) -> str:
    """Return how much worse a system is than the first, and whether the interval shows a difference."""
    if loss is None or loss["low"] is None or loss["high"] is None:
        return ""
    outcome = _WORSE if loss["low"] > 0 else _BETTER if loss["high"] < 0 else _EQUAL
    return f"{_cell(loss, signed=True)}: {outcome}"


def _cell(figure: _Figure | None, *, signed: bool = False) -> str:
    if figure is None or figure["value"] is None:
        return ""
    form = "+.3f" if signed else ".3f"
    if figure["low"] is None or figure["high"] is None:
        return format(figure["value"], form)
    return f"{figure['value']:{form}} [{figure['low']:{form}}, {figure['high']:{form}}]"


def render_controls(content: Content) -> str:
    """Return the drawing as SVG: a panel for AUC, and one for the ranking of pairs where there are any."""
    systems: Mapping[str, Any] = content["systems"]
    drawn = [name for name in _DRAWN if all(name in one["figures"] for one in systems.values())]
    panels = tuple(_panel(measure, place, systems) for place, measure in enumerate(drawn))
    names = tuple((readable(name), _line(place)) for place, name in enumerate(systems))
    title = f"{content['rows']} {content['kind']} about {content['books']} novels; {content['interval']}"
    page = environment().get_template("controls.svg.jinja")
    width = _LEFT + len(panels) * (_WIDTH + _GAP)
    return page.render(title=title, names=names, panels=panels, width=width, height=_line(len(systems)) + 20) + "\n"


def _panel(measure: str, place: int, systems: Mapping[str, Any]) -> Panel:
    left = _LEFT + place * (_WIDTH + _GAP)
    figures = [one["figures"][measure] for one in systems.values()]

    def at(value: float | None) -> float:
        share = ((value if value is not None else 0.5) - _LOWEST) / (_HIGHEST - _LOWEST)
        return round(left + _WIDTH * min(max(share, 0.0), 1.0), 1)

    points = tuple(
        Interval(
            at(figure["value"]),
            at(figure["low"] if figure["low"] is not None else figure["value"]),
            at(figure["high"] if figure["high"] is not None else figure["value"]),
            _line(number),
            _cell(figure),
        )
        for number, figure in enumerate(figures)
        if figure["value"] is not None
    )
    return Panel(
        title=_COLUMNS[measure],
        left=left,
        right=left + _WIDTH,
        chance=at(0.5),
        first=at(figures[0]["value"]),
        marks=tuple((at(mark), f"{mark:.1f}") for mark in _MARKS),
        points=points,
    )


def _line(number: int) -> float:
    return _TOP + _ROW * number
