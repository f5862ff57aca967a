"""The labels of a table, as people and programs write them."""

from __future__ import annotations

from pipeline.records import TableLabel

LABELS: dict[str, TableLabel] = {
    "consistent": "consistent",
    "1": "consistent",
    "1.0": "consistent",
    "true": "consistent",
    "yes": "consistent",
    "contradict": "inconsistent",
    "inconsistent": "inconsistent",
    "0": "inconsistent",
    "0.0": "inconsistent",
    "false": "inconsistent",
    "no": "inconsistent",
}


_LEFT_OPEN = ("not_stated", "not stated", "neutral")


def is_left_open(cell: str) -> bool:
    """Return whether a label says that the novel does not state the claim.

    >>> is_left_open("Not stated"), is_left_open("consistent")
    (True, False)
    """
    return cell.strip().casefold() in _LEFT_OPEN


def find_label(cell: str) -> TableLabel | None:
    """Return the label that a cell means, in any case, or None.

    >>> find_label(" TRUE "), find_label("0.0"), find_label("maybe")
    ('consistent', 'inconsistent', None)
    """
    return LABELS.get(cell.strip().casefold())
