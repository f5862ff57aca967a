"""The examples in the docstrings do what they show."""

from __future__ import annotations

import doctest
import importlib
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
EXAMPLE = re.compile(r"^ *>>> (?!.*doctest: \+SKIP)", re.MULTILINE)


def _examples() -> dict[str, int]:
    """Return how many examples each module has; those that would read a whole novel are marked to be skipped."""
    sources = [path for package in ("bdh", "pipeline") for path in sorted((ROOT / package).rglob("*.py"))]
    counts = {path: len(EXAMPLE.findall(path.read_text(encoding="utf-8"))) for path in sources}
    return {".".join(path.relative_to(ROOT).with_suffix("").parts): count for path, count in counts.items() if count}


@pytest.mark.parametrize(("name", "count"), _examples().items())
def test_examples_of_a_module_do_what_they_show(name: str, count: int) -> None:
    result = doctest.testmod(importlib.import_module(name))
    assert (result.attempted, result.failed) == (count, 0)
