"""Write every generated page: ``python -m docs.generate``, or ``make docs``.

Some pages are generated whole. In others one place is: between ``<!-- NAME -->`` and ``<!-- /NAME -->``.
"""

from __future__ import annotations

import json
import re
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

from data.plain_claims import check as plain_claims
from docs import generate_cli, generate_figures, generate_results, generate_tree
from pipeline.storage.files import replacing

ROOT = Path(__file__).resolve().parent.parent
WHOLE: dict[str, Callable[[], str]] = {
    "docs/cli.md": generate_cli.make_page,
    "docs/results.md": generate_results.make_page,
    "docs/tree.md": generate_tree.make_page,
    "models/judge/figures.json": generate_figures.make_figures,
}
FILLED = (
    "README.md",
    "data/plain_claims/README.md",
    "docs/architecture.md",
    "docs/novelists.md",
    "docs/researchers.md",
    "models/persons/README.md",
    "models/reader/README.md",
    "models/reader/claims/README.md",
    "models/verdict/README.md",
)
_PLACE = re.compile(r"<!-- (?P<name>[a-z]+)(?: (?P<argument>[a-z-]+))? -->\n.*?<!-- /(?P=name) -->", re.DOTALL)
_CLAIM = re.compile(r" +[a-z_]+ +\d\.\d+ +")
_WIDTH = 116


def make(page: str) -> str:
    """Return what a page of ``WHOLE`` or ``FILLED`` should hold."""
    if page in WHOLE:
        return WHOLE[page]()
    text = (ROOT / page).read_text(encoding="utf-8")
    filled, count = _PLACE.subn(_fill, text)
    if not count:
        raise ValueError(f"{page} has no place to fill; expected <!-- NAME --> and <!-- /NAME -->")
    return filled


def make_demo() -> str:
    """Return lines that the demo printed: the first claim of each label with its reason, the verdict, and the truth.

    They come from the golden file that the tests compare with a run; long lines are folded.
    """
    lines = _load("tests/golden/demo/printed.json")
    places = [number for number, line in enumerate(lines) if _CLAIM.match(line)]
    truth = [claim["label"] for claim in _load("examples/truth.json")["backstory_inconsistent.txt"]["claims"]]
    first = {lines[place].split()[0]: (place, label) for place, label in reversed([*zip(places, truth, strict=True)])}
    shown = sorted(first.values())
    verdict = next(line for line in lines if "probability of consistent" in line)
    printed = [lines[1], *(line for place, _ in shown for line in lines[place : place + 2]), verdict]
    labels = ", ".join(f"`{label}`" for _, label in shown)
    return "\n".join(["```", *(_fold(line) for line in printed), "```", f"The true labels of these claims: {labels}."])


def _fill(place: re.Match[str]) -> str:
    name, argument = place["name"], place["argument"]
    makers: dict[str, Callable[[], str]] = {
        "counts": plain_claims.counts,
        "demo": make_demo,
        "floors": generate_tree.make_floors,
        "figures": generate_results.make_readme_rows,
        "results": lambda: generate_results.make_table(argument),
    }
    opening = place[0].split("\n", 1)[0]
    return f"{opening}\n{makers[name]()}\n<!-- /{name} -->"


def _fold(line: str) -> str:
    start = _CLAIM.match(line)
    indent = start.end() if start else len(line) - len(line.lstrip())
    return "\n".join(textwrap.wrap(line, _WIDTH, subsequent_indent=" " * indent, break_long_words=False))


def _load(name: str) -> Any:
    return json.loads((ROOT / name).read_text(encoding="utf-8"))


def main() -> None:
    """Write each page whole or not at all."""
    for page in (*WHOLE, *FILLED):
        with replacing(ROOT / page) as scratch:
            scratch.write_text(make(page), encoding="utf-8", newline="\n")


if __name__ == "__main__":
    main()
