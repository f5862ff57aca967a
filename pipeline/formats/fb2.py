"""FictionBook 2: the sections of its bodies, with their titles."""

from __future__ import annotations

from xml.etree import ElementTree
from xml.etree.ElementTree import Element

from pipeline.errors import NovelError
from pipeline.formats.builder import PARAGRAPH, SECTION, TextBuilder
from pipeline.formats.html import NOTE_MARK
from pipeline.formats.manuscript import Manuscript
from pipeline.language.word_lists import word_set

_PARAGRAPHS = word_set("p v subtitle text-author date td th")
_BLOCKS = word_set("annotation cite epigraph poem stanza table tr")
_DEEPEST_HEADING = 6


def read_fb2(data: bytes, source: str) -> Manuscript:
    """Read a FictionBook; its notes follow the story."""
    root = ElementTree.fromstring(data)
    bodies = [child for child in root if _name(child) == "body"]
    if _name(root) != "FictionBook" or not bodies:
        raise NovelError(f"{source} is not a FictionBook: it has no body")
    builder = TextBuilder()
    for body in bodies:
        builder.owe(SECTION)
        _add(builder, body, level=1 if body.get("name") else 0)
    return Manuscript(builder.text, "fb2", tuple(builder.headings))


def _add(builder: TextBuilder, element: Element, *, level: int) -> None:
    """Add the words of an element; ``level`` is that of the title of its section."""
    builder.add(element.text or "")
    for child in element:
        _add_child(builder, child, level=level)
        builder.add(child.tail or "")


def _add_child(builder: TextBuilder, child: Element, *, level: int) -> None:
    name = _name(child)
    if name == "title":
        builder.open_heading(min(level, _DEEPEST_HEADING))
        _add_title(builder, child)
        builder.close_heading()
    elif name == "section":
        builder.owe(SECTION)
        _add(builder, child, level=level + 1)
    elif name == "empty-line":
        builder.owe(PARAGRAPH)
    elif name in _PARAGRAPHS or name in _BLOCKS:
        builder.owe("\n" if name == "v" else PARAGRAPH)
        _add(builder, child, level=level)
        builder.owe("\n" if name == "v" else PARAGRAPH)
    elif not _is_note_mark(name, child):
        _add(builder, child, level=level)


def _is_note_mark(name: str, element: Element) -> bool:
    """Return True for a link to a note, also one of a file that does not type its links."""
    words = "".join(element.itertext()).strip()
    return name == "a" and (element.get("type") == "note" or NOTE_MARK.fullmatch(words) is not None)


def _add_title(builder: TextBuilder, title: Element) -> None:
    """Add the lines of a title."""
    for line in title:
        builder.owe("\n")
        builder.add(" ".join(line.itertext()))


def _name(element: Element) -> str:
    return element.tag.rpartition("}")[2]
