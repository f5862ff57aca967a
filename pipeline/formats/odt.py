"""OpenDocument text, as LibreOffice writes it: the paragraphs and headings of ``content.xml``."""

from __future__ import annotations

import re
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

from pipeline.errors import NovelError
from pipeline.formats.archive import open_archive
from pipeline.formats.builder import PARAGRAPH, TextBuilder
from pipeline.formats.manuscript import Manuscript, tracked_changes
from pipeline.language.word_lists import word_set

_TEXT = "{urn:oasis:names:tc:opendocument:xmlns:text:1.0}"
_OFFICE = "{urn:oasis:names:tc:opendocument:xmlns:office:1.0}"
_STYLE = "{urn:oasis:names:tc:opendocument:xmlns:style:1.0}"
UNREAD = {f"{_OFFICE}annotation"} | {
    f"{_TEXT}{name}"
    for name in word_set(
        "tracked-changes note-citation page-number page-count table-of-content alphabetical-index illustration-index "
        "table-index user-index bibliography bookmark-ref sequence-decls ruby-text"
    )
}
"""Elements whose words are not of the text."""
_DEEPEST_HEADING = 6
_CHAPTER_NAME = re.compile(r".*(?:Chapter|Heading|Title).*", re.I)
_FO = "{urn:oasis:names:tc:opendocument:xmlns:xsl-fo-compatible:1.0}"


def read_odt(data: bytes, source: str) -> Manuscript:
    """Read an OpenDocument text as it is when all tracked changes are accepted."""
    root, body = odt_body(data, source)
    builder = TextBuilder()
    _Walk(builder, _titles(root), _apart(root)).children(body)
    apart = tuple(builder.set_apart)
    return Manuscript(builder.text, "odt", tuple(builder.headings), set_apart=apart, notices=count_changes(body))


def odt_body(data: bytes, source: str) -> tuple[Element, Element]:
    """Return the root of an OpenDocument text, and the element with its text; raises NovelError where it has none."""
    with open_archive(data, source) as archive:
        root = ElementTree.fromstring(archive.read("content.xml"))
    body = root.find(f"{_OFFICE}body/{_OFFICE}text")
    if body is None:
        raise NovelError(f"{source} is an OpenDocument file without a text; save it as .odt")
    return root, body


class _Walk:
    """Sends the words below an element to a builder, notes after the paragraph that they belong to."""

    def __init__(self, builder: TextBuilder, titles: set[str], apart: set[str]) -> None:
        self._builder, self._titles, self._apart = builder, titles, apart
        self._notes: list[Element] = []

    def children(self, element: Element) -> None:
        """Add the words of an element and of what it holds."""
        self._builder.add(element.text or "")
        for child in element:
            self._element(child)
            self._builder.add(child.tail or "")

    def _element(self, element: Element) -> None:
        if element.tag in UNREAD:
            return
        name = element.tag.removeprefix(_TEXT)
        if name in {"h", "p"}:
            self._paragraph(element, self._level(element))
        elif name == "note":
            self._notes += element.findall(f"{_TEXT}note-body")
        elif name in {"s", "tab"}:
            self._builder.owe(" ")
        elif name == "line-break":
            self._builder.owe("\n")
        else:
            self.children(element)

    def _paragraph(self, element: Element, level: int | None) -> None:
        self._builder.owe(PARAGRAPH)
        if level is not None:
            self._builder.open_heading(level)
        start = self._builder.checkpoint()
        self.children(element)
        if level is not None:
            self._builder.close_heading()
        elif self._is_set_apart(element):
            self._builder.mark_set_apart(start)
        self._builder.owe(PARAGRAPH)
        notes, self._notes = self._notes, []
        for note in notes:
            self.children(note)

    def _is_set_apart(self, element: Element) -> bool:
        """Return True for a paragraph whose style, or that of all its words, is bold, centred or for chapters."""
        style = element.get(f"{_TEXT}style-name", "")
        spans = [child for child in element if child.tag == f"{_TEXT}span"]
        bare = (element.text or "") + "".join(child.tail or "" for child in element)
        bold = bool(spans) and not bare.strip() and all(s.get(f"{_TEXT}style-name") in self._apart for s in spans)
        shouted = "".join(element.itertext()).isupper()
        return shouted or style in self._apart or _CHAPTER_NAME.fullmatch(style) is not None or bold

    def _level(self, element: Element) -> int | None:
        if element.get(f"{_TEXT}style-name") in self._titles:
            return 0
        if element.tag != f"{_TEXT}h":
            return None
        level = element.get(f"{_TEXT}outline-level", "1")
        return min(int(level), _DEEPEST_HEADING) if level.isdigit() else 1


def _titles(root: Element) -> set[str]:
    """Return the names of the styles that print the title of the document."""
    return {"Title"} | {
        style.get(f"{_STYLE}name", "")
        for style in root.iter(f"{_STYLE}style")
        if style.get(f"{_STYLE}parent-style-name") == "Title"
    }


def _apart(root: Element) -> set[str]:
    """Return the names of the styles that are bold, centred, or based on one for chapters."""
    return {
        style.get(f"{_STYLE}name", "")
        for style in root.iter(f"{_STYLE}style")
        if any(
            element.get(f"{_FO}font-weight") == "bold" or element.get(f"{_FO}text-align") == "center"
            for element in style
        )
        or _CHAPTER_NAME.fullmatch(style.get(f"{_STYLE}parent-style-name", ""))
    }


def count_changes(body: Element) -> tuple[str, ...]:
    """Return the notice of tracked changes."""
    regions = body.findall(f"{_TEXT}tracked-changes/{_TEXT}changed-region")
    inserted, deleted = (
        sum(region.find(f"{_TEXT}{kind}") is not None for region in regions) for kind in ("insertion", "deletion")
    )
    return tracked_changes("LibreOffice", insertions=inserted, deletions=deleted)
