"""Word documents, read by mammoth; styles, initials, hidden text and tracked changes are read here."""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import pairwise
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

import mammoth

from pipeline.formats.archive import open_archive
from pipeline.formats.html import html_manuscript
from pipeline.formats.manuscript import Manuscript, tracked_changes
from pipeline.formats.set_apart import CLASS

_W = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
_DOCUMENT = re.compile(r"word/document\d*\.xml")
_NOTES = re.compile(r"word/(?:footnotes|endnotes)\.xml")
_HEADING_NAME = re.compile(r"heading (\d)", re.I)
_CONTENTS_NAME = re.compile(r"(?:toc|contents|table of figures|index)\b.*", re.I)
_CHAPTER_NAME = re.compile(r".*\b(?:chapter|heading|section)\b.*|chapter\w*", re.I)
_SET_APART = "SetApart"
_LEVELS = range(1, 7)


def read_docx(data: bytes, source: str) -> Manuscript:
    """Read a Word document as it is when all tracked changes are accepted."""
    page, notices = docx_html(data, source)
    manuscript = html_manuscript(page, "docx")
    return replace(manuscript, encoding="docx", notices=notices)


def docx_html(data: bytes, source: str) -> tuple[str, tuple[str, ...]]:
    """Return a Word document as HTML, with its headings, lists and tables, and notices on it."""
    with open_archive(data, source) as archive:
        styles = list(_styles(archive))
        document, notices = _prepared(archive, styles)
        data = _replaced(archive, document) if document else data
    page = mammoth.convert_to_html(
        io.BytesIO(data), style_map="\n".join(_style_map(styles)), ignore_empty_paragraphs=True
    ).value
    return page, notices


def _styles(archive: zipfile.ZipFile) -> Iterator[tuple[str, str, int]]:
    """Yield the paragraph styles: id, name, and the level of a heading or 0, also where it is inherited."""
    if "word/styles.xml" not in archive.namelist():
        return
    root = ElementTree.fromstring(archive.read("word/styles.xml"))
    styles = {style.get(f"{_W}styleId", ""): style for style in root.iter(f"{_W}style")}
    for style_id, style in styles.items():
        if style.get(f"{_W}type") == "paragraph":
            yield style_id, _value(style, "name"), _level(styles, style_id, depth=0)


def _level(styles: Mapping[str, Element], style_id: str, *, depth: int) -> int:
    style = styles.get(style_id)
    if style is None or depth > len(styles):
        return 0
    named = _HEADING_NAME.fullmatch(_value(style, "name"))
    outline = style.find(f"{_W}pPr/{_W}outlineLvl")
    if named or outline is not None:
        level = int(named[1]) if named else _outline_level(outline)
        return level if level in _LEVELS else 0
    return _level(styles, _value(style, "basedOn"), depth=depth + 1)


def _outline_level(outline: Element | None) -> int:
    value = "" if outline is None else outline.get(f"{_W}val", "")
    return int(value) + 1 if value.isdigit() else 0


def _value(element: Element, name: str) -> str:
    child = element.find(f"{_W}{name}")
    return "" if child is None else child.get(f"{_W}val", "")


def _style_map(styles: list[tuple[str, str, int]]) -> Iterator[str]:
    """Yield mammoth's rules for headings, the title, and the lines of a table of contents."""
    for level in _LEVELS:
        yield f"p.{_marked(level)} => h{level}:fresh"
    yield f"p.{_SET_APART} => p.{CLASS}:fresh"
    for style_id, name, level in styles:
        if not re.fullmatch(r"[\w-]+", style_id):
            continue
        if _CONTENTS_NAME.fullmatch(name):
            yield f"p.{style_id} => !"
        elif level:
            yield f"p.{style_id} => h{level}:fresh"
        elif name.lower() == "title":
            yield f"p.{style_id} => h1.title:fresh"


def _marked(level: int) -> str:
    """Return the name of a style that stands for a paragraph whose own settings make it a heading."""
    return f"OutlineLevel{level}"


def _prepared(
    archive: zipfile.ZipFile, styles: list[tuple[str, str, int]]
) -> tuple[tuple[str, bytes] | None, tuple[str, ...]]:
    """Return the document with what mammoth does not see put in its words, if there is any, and the notices."""
    names = [name for name in archive.namelist() if _DOCUMENT.fullmatch(name)]
    if not names:
        return None, ()
    root = ElementTree.fromstring(archive.read(names[0]))
    roots = [root, *(ElementTree.fromstring(archive.read(n)) for n in archive.namelist() if _NOTES.fullmatch(n))]
    counts = {
        kind: sum(_count(part, change, words) for part in roots)
        for kind, change, words in (
            ("insertions", "ins", "t"),
            ("deletions", "del", "delText"),
            ("moves", "moveTo", "t"),
        )
    }
    hidden = _remove_hidden(root)
    known = {style_id for style_id, name, level in styles if level or name.lower() == "title"}
    apart = {style_id for style_id, name, level in styles if not level and _CHAPTER_NAME.fullmatch(name)}
    changed = _join_initials(root) + _mark_outline(root, known) + _mark_set_apart(root, known, apart) + hidden
    document = (names[0], ElementTree.tostring(root, encoding="utf-8", xml_declaration=True)) if changed else None
    notices = tracked_changes("Word", **counts)
    return document, (*notices, *(["left out of the file: hidden passages"] if hidden else []))


def _remove_hidden(root: Element) -> int:
    """Remove the words that Word does not show; return of how many passages."""
    removed = 0
    for parent in list(root.iter()):
        for run in parent.findall(f"{_W}r"):
            vanish = run.find(f"{_W}rPr/{_W}vanish")
            if vanish is not None and vanish.get(f"{_W}val", "1") not in {"0", "false"}:
                removed += run.find(f"{_W}t") is not None
                parent.remove(run)
    return removed


def _join_initials(root: Element) -> int:
    """Put each large initial, a framed paragraph of its own, into the paragraph that it begins; return how many."""
    joined = 0
    for parent in list(root.iter()):
        paragraphs = list(parent)
        for initial, paragraph in pairwise(paragraphs):
            frame = initial.find(f"{_W}pPr/{_W}framePr") if initial.tag == paragraph.tag == f"{_W}p" else None
            if frame is not None and frame.get(f"{_W}dropCap") in {"drop", "margin"}:
                place = 1 if paragraph.find(f"{_W}pPr") is not None else 0
                paragraph[place:place] = [child for child in initial if child.tag != f"{_W}pPr"]
                parent.remove(initial)
                joined += 1
    return joined


def _mark_outline(root: Element, headings: set[str]) -> int:
    """Give a style to paragraphs that are headings by their own settings; return how many."""
    marked = 0
    for properties in root.iter(f"{_W}pPr"):
        level = _outline_level(properties.find(f"{_W}outlineLvl"))
        if level in _LEVELS and _value(properties, "pStyle") not in headings:
            for style in properties.findall(f"{_W}pStyle"):
                properties.remove(style)
            properties.insert(0, Element(f"{_W}pStyle", {f"{_W}val": _marked(level)}))
            marked += 1
    return marked


def _mark_set_apart(root: Element, headings: set[str], apart: set[str]) -> int:
    """Give a style to paragraphs that are centred, or of a style for chapters without a level; return how many."""
    marked = 0
    for paragraph in root.iter(f"{_W}p"):
        properties = paragraph.find(f"{_W}pPr")
        style = "" if properties is None else _value(properties, "pStyle")
        centred = properties is not None and _value(properties, "jc") == "center"
        if properties is None or style in headings or style.startswith(_marked(0)[:-1]):
            continue
        if centred or style in apart:
            for element in properties.findall(f"{_W}pStyle"):
                properties.remove(element)
            properties.insert(0, Element(f"{_W}pStyle", {f"{_W}val": _SET_APART}))
            marked += 1
    return marked


def _count(root: Element, change: str, words: str) -> int:
    """Return how many changes have words, or join or divide paragraphs."""
    breaks = root.findall(f".//{_W}pPr/{_W}rPr/{_W}{change}")
    return len(breaks) + sum(element.find(f".//{_W}{words}") is not None for element in root.iter(f"{_W}{change}"))


def _replaced(archive: zipfile.ZipFile, document: tuple[str, bytes]) -> bytes:
    """Return the archive with another document in it."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as made:
        for entry in archive.infolist():
            made.writestr(entry.filename, document[1] if entry.filename == document[0] else archive.read(entry))
    return out.getvalue()
