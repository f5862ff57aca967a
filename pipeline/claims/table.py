"""Read the rows of a table as fields: labels beside values, or one row or one column for each character."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from pipeline.claims.labels import RELATION_COLUMNS, is_name_label, normalise, rule_of
from pipeline.claims.prose import Line
from pipeline.claims.sheet import Field, Heading, Item, Items, Unread

Row = tuple[Line, list[str]]
"""A line with its cells."""

NAMED = 0
"""Level of the heading that a table's name of a character is; an empty one ends the table's last character."""
_LABEL_COLUMNS = frozenset(
    {"", "field", "trait", "attribute", "label", "key", "detail", "property", "item", "category"}
)


def cells_of(line: str) -> list[str]:
    """Return the cells of a line with bars or, without any, with tabs."""
    if "|" not in line:
        return [cell.strip() for cell in line.strip("\n").split("\t")]
    inner = re.sub(r"^\s*\||(?<!\\)\|\s*$", "", line)
    return [cell.replace("\\|", "|").strip() for cell in re.split(r"(?<!\\)\|(?![^\[]*\]\])", inner)]


def is_rule(line: str) -> bool:
    """Return True for the line of dashes below the head of a Markdown table."""
    return "-" in line and re.fullmatch(r"[\s|:+-]+", line) is not None


def table_items(rows: Sequence[Row]) -> Items:
    """Return the fields of a table; each row of one that is laid out in no known way is unread."""
    rows = [(line, cells) for line, cells in rows if not is_rule(line.text) and any(cells)]
    if not rows:
        return ()
    head = [normalise(cell) for cell in rows[0][1]]
    names = [place for place, label in enumerate(head) if is_name_label(label)]
    relations = [place for place, label in enumerate(head) if label in RELATION_COLUMNS]
    if (
        names
        and relations
        and not any(rule_of(cell) for place, cell in enumerate(head) if place not in names + relations)
    ):
        return tuple(_relatives(rows[1:], names[0], relations[0]))
    if names and any(rule_of(cell) for cell in rows[0][1]) and len(head) > 1 and not _are_fields(rows):
        return tuple(_by_row(rows, names[0]))
    if len(head) > 2 and head[0] in _LABEL_COLUMNS | {"name"} and _are_labels(rows[1:]):
        return tuple(_by_column(rows))
    if len(head) == 2 and _are_labels(rows):
        return tuple(_pairs(rows))
    return tuple(Unread(line, "unread") for line, _ in rows)


def _are_labels(rows: Sequence[Row]) -> bool:
    """Return True if half or more of the first cells are known labels."""
    known = sum(rule_of(cells[0]) is not None or is_name_label(cells[0]) for _, cells in rows)
    return known > 0 and 2 * known >= len(rows) - 1


def _are_fields(rows: Sequence[Row]) -> bool:
    """Return True for two columns of labels and values whose first label is that of the name."""
    return len(rows[0][1]) == 2 and rule_of(rows[0][1][1]) is None


def _pairs(rows: Sequence[Row]) -> Iterator[Item]:
    first = normalise(rows[0][1][0])
    is_head = rule_of(first) is None and not is_name_label(first)
    for line, cells in rows[is_head:]:
        yield Field(cells[0], "; ".join(cell for cell in cells[1:] if cell), (line,))


def _by_row(rows: Sequence[Row], name: int) -> Iterator[Item]:
    labels = rows[0][1]
    for line, cells in rows[1:]:
        if name >= len(cells) or not cells[name]:
            yield Unread(line, "unread")
            continue
        yield Heading(cells[name], NAMED, line, names=True)
        for place, label in enumerate(labels):
            if place != name and label:
                yield Field(label, cells[place] if place < len(cells) else "", (line,))
        if len(cells) > len(labels):
            yield Unread(line, "unread")
    yield Heading("", NAMED, rows[-1][0])


def _by_column(rows: Sequence[Row]) -> Iterator[Item]:
    head, names = rows[0]
    for place, name in enumerate(names[1:], start=1):
        if not name:
            continue
        yield Heading(name, NAMED, head, names=True)
        for line, cells in rows[1:]:
            yield Field(cells[0], cells[place] if place < len(cells) else "", (line,))
    yield Heading("", NAMED, rows[-1][0])


def _relatives(rows: Sequence[Row], name: int, relation: int) -> Iterator[Item]:
    for line, cells in rows:
        if max(name, relation) < len(cells):
            yield Field(cells[relation], cells[name], (line,))
        else:
            yield Unread(line, "unread")
