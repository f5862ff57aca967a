"""Golden files: what the program wrote, short enough to be read, and compared with what it writes today.

Numbers are rounded to a thousandth and may differ by one, those above 150 by a hundred-thousandth of themselves: more
than two machines differ by, less than a change of method does.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent / "golden"
DIGITS = 3
ONE_THOUSANDTH = 1.5e-3  # of two rounded numbers, whose difference is a little more or less in binary
LONGEST_TEXT = 400
BEGINNING = 60
LONGEST_VECTOR = 32


def summarise(data: Any) -> Any:
    """Return JSON data with floats of three digits, long texts cut, and a long vector as its length and its norm."""
    if isinstance(data, float):
        return round(data, DIGITS)
    if isinstance(data, str) and len(data) > LONGEST_TEXT:
        return f"{data[:BEGINNING]}... ({len(data)} characters)"
    if isinstance(data, dict):
        return {name: summarise(value) for name, value in data.items()}
    if isinstance(data, list) and len(data) > LONGEST_VECTOR and all(isinstance(value, float) for value in data):
        return {"length": len(data), "norm": round(math.hypot(*data), DIGITS)}
    return [summarise(value) for value in data] if isinstance(data, list) else data


def write(name: str, data: Any) -> None:
    """Write ``tests/golden/<name>``: one line an item, so that a difference is read line by line."""
    path = FOLDER / name
    path.parent.mkdir(parents=True, exist_ok=True)
    opening, closing = "{}" if isinstance(data, dict) else "[]"
    items = data.items() if isinstance(data, dict) else ((None, value) for value in data)
    lines = [_line(name, value) for name, value in items]
    path.write_text(f"{opening}\n" + ",\n".join(lines) + f"\n{closing}\n", encoding="utf-8", newline="\n")


def read(name: str) -> Any:
    """Return what ``write`` wrote."""
    path = FOLDER / name
    assert path.is_file(), f"{path} is missing; `make golden` writes it"
    return json.loads(path.read_text(encoding="utf-8"))


def differences(found: Any, stored: Any, place: str = "") -> Iterator[str]:
    """Yield where two summaries differ: in kind, length or text, or in a number by more than a thousandth."""
    if isinstance(found, dict) and isinstance(stored, dict) and found.keys() == stored.keys():
        for name in found:
            yield from differences(found[name], stored[name], f"{place}.{name}")
    elif isinstance(found, list) and isinstance(stored, list) and len(found) == len(stored):
        for number, (one, other) in enumerate(zip(found, stored, strict=True)):
            yield from differences(one, other, f"{place}[{number}]")
    elif isinstance(found, float) and isinstance(stored, float):
        if not math.isclose(found, stored, rel_tol=1e-5, abs_tol=ONE_THOUSANDTH):
            yield f"{place}: {found}, golden {stored}"
    elif found != stored or type(found) is not type(stored):
        yield f"{place}: {found!r:.200}, golden {stored!r:.200}"


def _line(name: str | None, value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if name is None else f"{json.dumps(name, ensure_ascii=False)}: {text}"
