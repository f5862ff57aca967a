"""Read a backstory as people write it: prose, lists, ``Age: 34`` lines, headings, tables, front matter."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence

from pipeline.claims.labels import LABELS, Rule, is_name_label, normalise, rule_of
from pipeline.claims.phrases import is_sentence
from pipeline.claims.prose import BULLET, WRAPPED, Line, is_heading, split_lines
from pipeline.claims.sheet import Field, Heading, Item, Items, Prose, Unread
from pipeline.claims.structured import yaml_items
from pipeline.claims.table import cells_of, is_rule, table_items
from pipeline.errors import BackstoryError
from pipeline.language.verbs import has_verb
from pipeline.language.words import words_of

BOLD, PLAIN = 7, 8
"""Levels of a heading that is a bold line or a plain one; those of Markdown are 1 to 6."""
_HEADING = re.compile(r"\s{0,3}(#{1,6})\s+(.*?)\s*#*\s*$")
_UNDERLINE = re.compile(r"\s*(=+|-{2,})\s*$")
_RULE = re.compile(r"\s*(?:[-*_=~#+]\s*){3,}$")
_FENCE = re.compile(r"\s*(?:```|~~~)")
_COMMENT = re.compile(r"<!--.*?(?:-->|\Z)|%%.*?(?:%%|\Z)", re.DOTALL)
_TO_DO = re.compile(r"\s*(?:[-*+•]\s+)?(?:\[\s?\]|(?:TODO|FIXME|TBD|XXX)\b|to[- ]do\s*:|#\w[\w/ #-]*$)", re.IGNORECASE)
_DONE = re.compile(r"^(\s*(?:[-*+•]\s+)?)\[[xX]\]\s+")
_FIELD = re.compile(
    r"^[*_]{0,3}(?P<label>[^\W_][^:\uff1a*_|]{0,40}?)[*_]{0,3}\s*(?::{1,2}|\uff1a)(?!(?<=\d:)\d)(?P<gap>[*_]{0,3}\s*)(?P<value>.*)$"
)
_LOOSE = re.compile(
    r"^[*_]{0,3}(?P<label>[^\W\d_][^:*_|=]{0,40}?)[*_]{0,3}(?P<gap>\s+[–—-]\s+|\s*=\s*|\s*\.{3,}\s*|\t+)(?P<value>.+)$"
)
_BOLD = re.compile(r"\s*(\*\*|__)([^*_:]{1,60}):?\1:?\s*$")


def read_items(text: str) -> Items:
    """Return what a text is made of, in its order."""
    front, body = _front_matter(split_lines(text))
    stated, comments = _without_comments(text, body)
    items = list(_items(stated))
    return (*front, *_in_order([*items, *(Unread(line, "comment") for line in comments)]))


def is_evidence(item: Item) -> bool:
    """Return True if an item shows that a text is more than prose."""
    if isinstance(item, Field):
        return rule_of(item.label) is not None or is_name_label(item.label)
    return isinstance(item, Unread) or (isinstance(item, Heading) and (item.names or rule_of(item.title) is not None))


def _in_order(items: Sequence[Item]) -> Iterator[Item]:
    """Yield the items, those of comments after what precedes them."""
    first = {id(item): item.lines[0] if isinstance(item, (Field, Prose)) else item.line for item in items}
    yield from sorted(items, key=lambda item: first[id(item)].number)


def _front_matter(lines: Sequence[Line]) -> tuple[Items, Sequence[Line]]:
    """Return the items of YAML between two lines of dashes, or of JSON, at the top, and the lines below it."""
    if lines and lines[0].text.lstrip().startswith("{"):
        return _json_front_matter(lines)
    if not lines or lines[0].text.rstrip() != "---":
        return (), lines
    end = next((place for place, line in enumerate(lines[1:], 1) if line.text.rstrip() in {"---", "..."}), None)
    if end is None or not any(_FIELD.match(line.text) for line in lines[1:end]):
        return (), lines
    try:
        return yaml_items(lines[1:end]), lines[end + 1 :]
    except BackstoryError:
        return (), lines  # its lines are read as those of any other sheet


def _json_front_matter(lines: Sequence[Line]) -> tuple[Items, Sequence[Line]]:
    """Return the items of the JSON object with which a text begins, and the lines below it."""
    text = "\n".join(line.text for line in lines)
    try:
        _, end = json.JSONDecoder().raw_decode(text, len(text) - len(text.lstrip()))
    except (ValueError, RecursionError):
        return (), lines
    last = text.count("\n", 0, end) + 1
    if text[end:].split("\n", 1)[0].strip():
        return (), lines  # words follow on the same line
    return yaml_items(lines[:last], is_json=True), lines[last:]


def _without_comments(text: str, lines: Sequence[Line]) -> tuple[list[Line], list[Line]]:
    """Return the lines without what is commented out, and those that have nothing else."""
    if "<!--" not in text and "%%" not in text:
        return list(lines), []
    whole = "\n".join(line.text for line in lines)
    blanked = _COMMENT.sub(lambda found: re.sub(r"[^\n]", " ", found[0]), whole).split("\n")
    pairs = list(zip(lines, blanked, strict=True))
    return (
        [line if left.rstrip() == line.text.rstrip() else Line(line.number, left, line.source) for line, left in pairs],
        [line for line, left in pairs if line.text.strip() and not left.strip()],
    )


def _items(lines: Sequence[Line]) -> Iterator[Item]:
    prose: list[Line] = []
    place = 0
    while place < len(lines):
        found, used = _structure(lines, place)
        if found is None:
            prose.append(lines[place])
        else:
            if any(line.text.strip() for line in prose):
                yield Prose(tuple(prose))
            prose = []
            yield from found
        place += used
    if any(line.text.strip() for line in prose):
        yield Prose(tuple(prose))


def _structure(lines: Sequence[Line], place: int) -> tuple[Items | None, int]:
    """Return the items that begin at a line and how many lines they have; None for a line of prose."""
    line = lines[place]
    following = lines[place + 1].text if place + 1 < len(lines) else ""
    if not line.text.strip():
        return None, 1
    if _RULE.match(line.text) or _FENCE.match(line.text):
        return (), 1
    if _TO_DO.match(line.text) and not _HEADING.match(line.text):
        return (Unread(line, "comment"),), 1
    marked = _HEADING.match(line.text)
    if marked:
        return (Heading(_title(marked[2]), len(marked[1]), line),), 1
    rows = _rows(lines, place)
    if rows:
        return table_items([(row, cells_of(row.text)) for row in rows]), len(rows)
    heading = _unmarked_heading(lines, place)
    if heading is not None:
        return (heading,), 2 if _UNDERLINE.match(following) else 1
    return _field(lines, place)


def _title(text: str) -> str:
    return re.sub(r"[*_`]|:$", "", text).strip()


def _rows(lines: Sequence[Line], place: int) -> Sequence[Line]:
    """Return the rows of a table that begins here: lines with bars, or at least two with the same tabs."""
    below = lines[place + 1].text if place + 1 < len(lines) else ""
    if "|" in below and "|" in lines[place].text and (lines[place].text.lstrip()[0] == "|" or is_rule(below)):
        end = place
        while end < len(lines) and "|" in lines[end].text:
            end += 1
        return lines[place:end]
    tabs = lines[place].text.strip().count("\t")
    end = place
    while tabs and end < len(lines) and lines[end].text.strip().count("\t") == tabs:
        end += 1
    return lines[place:end] if end - place > 1 else ()


def _unmarked_heading(lines: Sequence[Line], place: int) -> Heading | None:
    """Return the heading that a bold line is, an underlined one, a known label alone, or capitals alone on a line."""
    line = lines[place]
    before = lines[place - 1].text if place else ""
    following = lines[place + 1].text if place + 1 < len(lines) else ""
    bold = _BOLD.match(line.text)
    text = line.text.strip()
    if bold and not BULLET.match(line.text):
        return Heading(_title(bold[2]), BOLD, line)
    if len(text) > WRAPPED or BULLET.match(line.text) or text.endswith((".", "!", "?", ",")):
        return None
    underline = _UNDERLINE.match(following)
    if underline and len(words_of(text)) < 7 and not _FIELD.match(text):
        return Heading(_title(text), 1 if "=" in underline[1] else 2, line)
    is_section = _section_rule(text.rstrip(":")) is not None
    if (is_section and (text.endswith(":") or not before.strip()) and following.strip() != "") or (
        is_section and text.endswith(":")
    ):
        return Heading(text.rstrip(": "), PLAIN, line)
    is_alone = not before.strip() and (not following.strip() or _FIELD.match(following.strip()) is not None)
    if is_alone and ":" not in text and is_heading(text) and 0 < len(words_of(text)) < 6:
        return Heading(text.title() if text.isupper() else text, PLAIN, line)
    return None


def _section_rule(title: str) -> Rule | None:
    """Return the rule of a title that can have several lines below it."""
    rule = LABELS.get(normalise(title)) or LABELS.get(normalise(title).split(" and ")[0])
    many = {"prose", "family", "appearance", "qualities", "included", "skills", "list", "owned", "relations", "goal"}
    return rule if rule is not None and rule.way in many else None


def _field(lines: Sequence[Line], place: int) -> tuple[Items | None, int]:
    line = lines[place]
    text = _DONE.sub(r"\1", BULLET.sub("", line.text)).strip()
    found = _FIELD.match(text)
    known = found is not None and (_is_known(found["label"]) or all(map(rule_of, found["label"].split("/"))))
    loose = None if known else _LOOSE.match(text)
    if loose is not None and _is_known(loose["label"]) and not has_verb(words_of(loose["label"])):
        value = re.sub(r"\A([\"'])(.*)\1\Z", r"\2", loose["value"].strip()) if "=" in loose["gap"] else loose["value"]
        return (Field(loose["label"].strip(), value.strip(), (line,)),), 1
    if found is None or not (known or _looks_like_field(line.text, found)):
        return None, 1
    if known and _is_narrative(found):
        return None, 1
    labels, values = found["label"].split("/"), found["value"].split("/")
    if known and len(labels) == len(values) > 1 and all(map(rule_of, labels)):
        pairs = zip(labels, values, strict=True)
        return tuple(Field(label.strip(), value.strip(), (line,)) for label, value in pairs), 1
    own = _continued(lines, place)
    value = " ".join([found["value"].strip("*_ "), *(each.text.strip() for each in own[1:])]).strip()
    return (Field(found["label"].strip(), value, tuple(own)),), len(own)


def _is_known(label: str) -> bool:
    return rule_of(label) is not None or is_name_label(label)


def _is_narrative(found: re.Match[str]) -> bool:
    """Return True for prose whose first words happen to be a label: "His life: what he made of it"."""
    return found["label"][0].islower() and len(words_of(found["value"])) > 12


def _looks_like_field(line: str, found: re.Match[str]) -> bool:
    """Return True for a short label with a capital, no verb and a value that is no sentence."""
    label, words = found["label"].strip(), words_of(found["label"])
    if label.isupper() and len(words) > 1:
        return True
    if (
        not label[0].isupper()
        or len(words) > 3
        or has_verb(words)
        or (not found["gap"].strip("*_") and found["value"] and not found["gap"])
    ):
        return False
    is_marked = BULLET.match(line) is not None or "**" in line or "__" in line
    return not is_sentence(found["value"], ()) and (is_marked or len(line.strip()) < WRAPPED)


def _continued(lines: Sequence[Line], place: int) -> list[Line]:
    """Return the line of a field with those that its value is wrapped onto."""
    own = [lines[place]]
    indent = len(own[0].text) - len(own[0].text.lstrip())
    for line in lines[place + 1 :]:
        text = line.text.strip()
        starts = not text or BULLET.match(line.text) or _HEADING.match(line.text) or _FIELD.match(text) or "|" in text
        is_deeper = len(line.text) - len(line.text.lstrip()) > indent
        if starts or _RULE.match(line.text) or not (len(own[-1].text) >= WRAPPED or text[0].islower() or is_deeper):
            break
        own.append(line)
    return own
