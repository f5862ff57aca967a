"""The findings as comments in a Word document: the author's own, or one made from the text of the novel.

A passage is found by its offsets: white space apart, its words are searched in the document, and of equal ones those
with the same surroundings, and then the same distance from the beginning, are chosen.
"""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import docx
from docx.document import Document
from docx.opc.exceptions import OpcError
from docx.oxml.ns import qn
from docx.text.run import Run

from pipeline.errors import NovelError
from pipeline.records import Novel, Span
from pipeline.report.findings import Finding
from pipeline.report.word_text import WordText, squeeze

_AUTHOR, _INITIALS = "Continuity check", "CC"
_GAP = re.compile(r"\n[^\S\n]*\n\s*")
_SENTENCE_END = re.compile(r"(?<=[.!?…”’])\s+|\n+")
_ILLEGAL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
_COMMENT_MARKS = ("w:commentRangeStart", "w:commentRangeEnd", "w:commentReference")
_AROUND, _NEAR = 80, 300
_EPOCH = (1980, 1, 1, 0, 0, 0)


@dataclass(frozen=True)
class CommentedDocument:
    """A Word document with comments, and the findings that have no place in it."""

    data: bytes
    unplaced: tuple[Finding, ...]


def comment_findings(novel: Novel, findings: Sequence[Finding], own: bytes | None = None) -> CommentedDocument:
    """Return a document with a comment at the passage of each finding; ``own`` is the novel's own Word file, if any.

    The text is unchanged. Two equal calls return equal bytes.

    Raises:
        NovelError: ``own`` cannot be opened as a Word document.
    """
    document = _document_of(novel) if own is None else _opened(own, novel)
    text = WordText(document.element.body)
    unplaced = tuple(finding for finding in findings if not _comment(document, text, novel, finding))
    return CommentedDocument(_saved(document), unplaced)


def _opened(data: bytes, novel: Novel) -> Document:
    try:
        document = docx.Document(io.BytesIO(data))
    except (OpcError, KeyError, ValueError, zipfile.BadZipFile) as error:
        raise NovelError(
            f"{novel.path} cannot be opened to write comments into it ({error}); save it again as .docx in Word or "
            "LibreOffice"
        ) from error
    _drop_marks_without_comment(document)
    return document


def _drop_marks_without_comment(document: Document) -> None:
    """Remove what is left of removed comments, because their ids are free and new comments would get them."""
    known = {str(comment.comment_id) for comment in document.comments}
    for mark in list(document.element.body.iter(*map(qn, _COMMENT_MARKS))):
        if mark.get(qn("w:id")) not in known:
            mark.getparent().remove(mark)


def _document_of(novel: Novel) -> Document:
    """Return a document of the novel's text, its chapter headings as headings; line breaks stay."""
    document, headings = docx.Document(), {chapter.start for chapter in novel.chapters}
    for start, paragraph in _paragraphs(novel):
        document.add_paragraph(_ILLEGAL.sub(" ", paragraph), "Heading 1" if start in headings else None)
    return document


def _paragraphs(novel: Novel) -> Iterator[tuple[int, str]]:
    """Yield the paragraphs of the body with their offsets; a heading is a paragraph of its own."""
    cuts = [novel.body.start]
    for chapter in novel.chapters:
        cuts += [chapter.start, novel.heading_of(chapter).end]
    for start, end in zip(cuts, [*cuts[1:], novel.body.end], strict=True):
        place = start
        for gap in [*_GAP.finditer(novel.text, start, end), None]:
            paragraph = novel.text[place : gap.start() if gap else end]
            if paragraph.strip():
                yield place, paragraph.strip("\n")
            place = gap.end() if gap else end


def _comment(document: Document, text: WordText, novel: Novel, finding: Finding) -> bool:
    """Add the comment of a finding, and return whether its passage was found."""
    found = _find(text.squeezed, novel, _range(finding.passage.span, finding)) if finding.passage else None
    if found is None:
        return False
    runs = [Run(run, document._body) for run in text.cut(*found)]
    comment = document.add_comment(runs, _words(finding), author=_AUTHOR, initials=_INITIALS)
    comment._comment_elm.attrib.pop(qn("w:date"), None)  # no file contains a time
    return True


def _range(quotation: Span, finding: Finding) -> Span:
    """Return the range of a quotation, longer where the words that differ from the claim are in the next sentences."""
    differs = finding.difference
    if differs is None or not differs.found:
        return quotation
    whole = Span(min(quotation.start, differs.start), max(quotation.end, differs.end))
    return whole if whole.end - whole.start <= quotation.end - quotation.start + _NEAR else quotation


def _words(finding: Finding) -> str:
    line = f"Backstory, line {finding.line}." if finding.line else ""
    lines = (f"{finding.character}: “{finding.claim}”", finding.summary, finding.contrast, line)
    return _ILLEGAL.sub(" ", "\n".join(filter(None, lines)))


def _find(squeezed: str, novel: Novel, span: Span) -> Span | None:
    """Return the range of a passage in the squeezed text of a document: whole, else its longest sentence there is."""
    quotation = novel.text[slice(*span)]
    sentences = sorted(_sentences(quotation), key=lambda one: one.start - one.end)
    for part in (Span(0, len(quotation)), *sentences):
        words = squeeze(quotation[slice(*part)])
        start = _nearest(squeezed, novel.text, span.start + part.start, words) if words else None
        if start is not None:
            return Span(start, start + len(words))
    return None


def _sentences(text: str) -> Iterator[Span]:
    start = 0
    for end in _SENTENCE_END.finditer(text):
        yield Span(start, end.start())
        start = end.end()
    yield Span(start, len(text))


def _nearest(squeezed: str, text: str, start: int, words: str) -> int | None:
    """Return the place of ``words`` with the surroundings that they have at ``start`` of the novel."""
    before = squeeze(text[:start])
    after = squeeze(text[start : start + 2 * (len(words) + _AROUND)])[len(words) :]

    def likeness(place: int) -> tuple[int, int]:
        end = place + len(words)
        left = _shared(reversed(before[-_AROUND:]), reversed(squeezed[max(place - _AROUND, 0) : place]))
        return left + _shared(after[:_AROUND], squeezed[end : end + _AROUND]), -abs(place - len(before))

    return max(_places(squeezed, words), key=likeness, default=None)


def _places(text: str, words: str) -> Iterator[int]:
    place = text.find(words)
    while place >= 0:
        yield place
        place = text.find(words, place + 1)


def _shared(first: Iterator[str] | str, second: Iterator[str] | str) -> int:
    """Return how many characters two texts have in common at their beginning."""
    count = 0
    for one, other in zip(first, second, strict=False):
        if one != other:
            break
        count += 1
    return count


def _saved(document: Document) -> bytes:
    """Return the bytes of a document, without the time of its making."""
    made, out = io.BytesIO(), io.BytesIO()
    document.save(made)
    with zipfile.ZipFile(made) as old, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            new.writestr(zipfile.ZipInfo(name, _EPOCH), old.read(name), zipfile.ZIP_DEFLATED)
    return out.getvalue()
