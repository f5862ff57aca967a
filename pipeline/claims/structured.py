"""Read sheets in YAML, JSON or CSV as the fields that they hold, each with its lines."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Sequence

import yaml

from pipeline.claims.labels import is_name_label, normalise, rule_of
from pipeline.claims.prose import Line
from pipeline.claims.sheet import Field, Heading, Item, Items, Prose, SheetText, Unread
from pipeline.claims.table import NAMED, table_items
from pipeline.errors import BackstoryError

MOST_VALUES = 5_000
"""Values of the largest sheet; aliases of YAML can make a short file a huge one."""
_CASTS = frozenset({"characters", "character", "cast", "people", "persons", "dramatis personae"})
_IDENTITY = frozenset({"id", "key", "uid", "slug", "tags", "type", "template", "cssclass", "cssclasses", "aliases id"})


def structured_items(sheet: SheetText) -> Items:
    """Return the items of a YAML, JSON or CSV sheet; raises BackstoryError where it is not valid."""
    lines = tuple(Line(number, line) for number, line in enumerate(sheet.text.splitlines(), start=1))
    if sheet.layout == "csv":
        return _csv_items(lines)
    if sheet.layout == "json":
        _check_json(sheet.text)
    return yaml_items(lines, is_json=sheet.layout == "json")


def looks_like_json(text: str) -> bool:
    """Return True if a text is a JSON object or list."""
    if text.lstrip()[:1] not in ("{", "["):
        return False
    try:
        return isinstance(json.loads(text), (dict, list))
    except (ValueError, RecursionError):
        return False


def _check_json(text: str) -> None:
    try:
        json.loads(text)
    except json.JSONDecodeError as error:
        raise BackstoryError(
            f"the backstory is not valid JSON: line {error.lineno}: {error.msg}; expected an object of fields or a "
            "list of them; fix that line"
        ) from error
    except RecursionError as error:
        raise BackstoryError("the backstory is JSON nested too deeply; expected fields; flatten it") from error


def yaml_items(lines: Sequence[Line], *, is_json: bool = False) -> Items:
    """Return the items of YAML documents, or of JSON; raises BackstoryError where they are not valid."""
    text = "\n".join(line.text for line in lines)
    if is_json:
        text = text.replace("\t", " ")  # always a gap in valid JSON, where YAML refuses it
    try:
        documents = [node for node in yaml.compose_all(text, Loader=yaml.BaseLoader) if node is not None]
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        mark = getattr(error, "problem_mark", None)
        where = f"line {lines[min(mark.line, len(lines) - 1)].number}: " if mark and lines else ""
        reason = getattr(error, "problem", None) or "it cannot be parsed"
        raise BackstoryError(
            f"the backstory is not valid YAML: {where}{reason}; expected fields such as 'age: 34'; fix that line"
        ) from error
    walk = _Walk(lines)
    comments = tuple(Unread(line, "comment") for line in lines if not is_json and line.text.lstrip().startswith("#"))
    return tuple(item for node in documents for item in walk.top(node)) + comments


class _Walk:
    """Goes through the nodes of a document, with a count that keeps it finite."""

    def __init__(self, lines: Sequence[Line]) -> None:
        self._lines, self._count = lines, 0

    def top(self, node: yaml.Node) -> Iterator[Item]:
        """Yield the items of a document: one character, several by name, or a list of them."""
        if isinstance(node, yaml.SequenceNode):
            for entry in node.value:
                yield from self.top(entry)
        elif isinstance(node, yaml.MappingNode):
            casts = [value for key, value in node.value if normalise(str(key.value)) in _CASTS and _is_nested(value)]
            if casts:
                yield from (item for cast in casts for item in self.top(cast))
            elif self._is_cast(node):
                yield from self._cast(node)
            else:
                yield from self._character(node)
        else:
            yield from self._scalar("notes", node)

    def _is_cast(self, node: yaml.MappingNode) -> bool:
        """Return True if every key is a name: its value is a mapping, and it is no known label."""
        return bool(node.value) and all(
            isinstance(value, yaml.MappingNode) and rule_of(str(key.value)) is None for key, value in node.value
        )

    def _cast(self, node: yaml.MappingNode) -> Iterator[Item]:
        for key, value in node.value:
            name = next((inner for label, inner in value.value if is_name_label(str(label.value))), key)
            yield Heading(str(name.value), NAMED, self._line(key), names=True)
            yield from self._fields(value, 1, skip=name)
        yield Heading("", NAMED, self._line(node))

    def _character(self, node: yaml.MappingNode) -> Iterator[Item]:
        name = next((value for key, value in node.value if is_name_label(str(key.value))), None)
        if isinstance(name, yaml.ScalarNode) and name.value.strip():
            yield Heading(name.value.strip(), NAMED, self._line(name), names=True)
        yield from self._fields(node, 1, skip=name)

    def _fields(self, node: yaml.MappingNode, depth: int, *, skip: yaml.Node | None = None) -> Iterator[Item]:
        for key, value in node.value:
            label = str(key.value).replace("_", " ")
            if value is not skip and normalise(label) not in _IDENTITY:
                yield from self._value(label, value, key, depth)

    def _value(self, label: str, value: yaml.Node, key: yaml.Node, depth: int) -> Iterator[Item]:
        self._count += 1
        if self._count > MOST_VALUES or depth > 20:
            raise BackstoryError(
                f"the backstory holds more than {MOST_VALUES} values, or is nested too deeply; expected a sheet of "
                "fields; give the sheet of the characters alone"
            )
        if isinstance(value, yaml.MappingNode):
            yield Heading(label, depth, self._line(key))
            yield from self._fields(value, depth + 1)
            yield Heading("", depth, self._line(key))
        elif isinstance(value, yaml.SequenceNode):
            for entry in value.value:
                if isinstance(entry, yaml.MappingNode):
                    yield from self._relative(label, entry, key, depth)
                else:
                    yield from self._value(label, entry, entry, depth + 1)
            if not value.value:
                yield Field(label, "", (self._line(key),))
        else:
            yield from self._scalar(label, value)

    def _relative(self, label: str, entry: yaml.MappingNode, key: yaml.Node, depth: int) -> Iterator[Item]:
        """Yield a list entry that is a mapping: a relative with a name and a relation, or fields of their own."""
        inner = {normalise(str(name.value)): value for name, value in entry.value}
        name = inner.get("name")
        relation = inner.get("relation") or inner.get("relationship") or inner.get("role")
        if isinstance(name, yaml.ScalarNode) and set(inner) <= {"name", "relation", "relationship", "role"}:
            yield Field(
                relation.value if isinstance(relation, yaml.ScalarNode) else label, name.value, self._span(entry)
            )
        else:
            for inner_key, value in entry.value:
                yield from self._value(f"{label} {inner_key.value}", value, inner_key, depth + 1)

    def _scalar(self, label: str, node: yaml.Node) -> Iterator[Item]:
        value = str(node.value).encode("utf-16", "surrogatepass").decode("utf-16", "replace")
        lines = self._span(node)
        rule = rule_of(label)
        if getattr(node, "style", None) in {"|", ">"} and (rule is None or rule.way == "prose"):
            yield Heading(label, 19, lines[0])
            yield Prose(lines[1:] or lines)
        else:
            yield Field(label, " ".join(value.split()), lines)

    def _line(self, node: yaml.Node) -> Line:
        number: int = node.start_mark.line
        return self._lines[min(number, len(self._lines) - 1)]

    def _span(self, node: yaml.Node) -> tuple[Line, ...]:
        last = node.end_mark.line - (node.end_mark.column == 0 and node.end_mark.line > node.start_mark.line)
        return tuple(self._lines[node.start_mark.line : last + 1]) or (self._line(node),)


def _is_nested(node: yaml.Node) -> bool:
    return isinstance(node, (yaml.MappingNode, yaml.SequenceNode))


def _csv_items(lines: Sequence[Line]) -> Items:
    """Return the items of a CSV table of fields; the separator is the one of the first line."""
    head = lines[0].text if lines else ""
    text = "\n".join(line.text for line in lines)
    first, comma = 0, max(",;\t", key=head.count)
    if head.lower().startswith("sep=") and len(head.strip()) == 5:
        first, comma = 1, head.strip()[4]
    reader = csv.reader(io.StringIO(text), delimiter=comma, strict=True)
    rows, before = [], 0
    try:
        for cells in reader:
            if cells and before >= first:
                rows.append((lines[min(before, len(lines) - 1)], [cell.strip() for cell in cells]))
            before = reader.line_num
    except csv.Error as error:
        raise BackstoryError(
            f"the backstory is not a valid CSV table: the row at line {before + 1}: {error}; expected every quotation "
            "mark to be closed; fix that row"
        ) from error
    return table_items(rows)
