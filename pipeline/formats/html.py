"""HTML pages, and the engine of every format that becomes HTML on its way: EPUB, Markdown and Word."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Sequence
from functools import cache
from html.parser import HTMLParser
from typing import NamedTuple

from pipeline.errors import EncodingError
from pipeline.formats.builder import PARAGRAPH, Checkpoint, TextBuilder
from pipeline.formats.front_matter import front_matter_type
from pipeline.formats.manuscript import Manuscript
from pipeline.formats.set_apart import LineWatcher
from pipeline.language.word_lists import word_set
from pipeline.storage.encoding import Decoded, decode

_BLOCK = word_set(
    "address article aside blockquote body caption center dd details div dl dt fieldset figcaption figure footer form "
    "h1 h2 h3 h4 h5 h6 header li main ol p pre section summary table tbody td tfoot th thead tr ul"
)
_UNREAD = word_set(
    "audio button canvas del iframe math nav noscript object rp rt script select style svg template textarea title "
    "video"
)
_CONTAINERS = word_set("article aside body div section span")
_VOID = word_set("area base br col embed hr img input link meta param source track wbr")
_HEADING = re.compile(r"h([1-6])")
NOTE_MARK = re.compile(
    r"[\[({]?\s*(?:\d{1,4}(?:\s?[,–-]\s?\d{1,4})*|[*†‡§¶‖#]{1,4}|note \d{1,4})\s*[\])}]?"
    r"|[\[(](?:[ivxlcdm]{1,7}|[a-z])[\])]|[↑↩⏎]\ufe0e?",
    re.I,
)
_LETTER_MARK = re.compile(rf"{NOTE_MARK.pattern}|[a-z]", re.I)
"""A raised and linked mark of a note, which may be a letter."""
_PAGE_MARK = re.compile(r"\W{0,4}(?:p(?:g|age)?\W{0,2})?(?:\d{1,5}|[ivxlcdm]{1,8})\W{0,4}", re.I)
_PAGE_KINDS = word_set("doc-pagebreak folio page-num page-number page_number pagebreak pageno pagenum pagenumber pgnum")
_NOTE_KINDS = word_set("backlink doc-backlink doc-noteref footnote-back footnote-ref noteref")
_NO_RULE = _PAGE_KINDS | {"footnotes", "endnotes", "doc-endnotes", "footnotes-sep", "pb"}
_INITIAL = re.compile(
    r"(?:(?:an? |the )?(?:[a-z]+ )?(?:capital|drop[- ]?cap(?:ital)?|initial|letter)(?: letter)?[:, ]+)?"
    r"[\"'(\[‘“]?[^\W\d_](?=\W*\Z)",
    re.I,
)
"""What describes the image of a large initial: "T", "“T", "T.", "Letter T", "Decorated initial T"."""
_HIDDEN_STYLE = re.compile(r"display\s*:\s*none|mso-hide\s*:\s*all", re.I)
_HIDDEN = "hidden passages"
_POWER = re.compile(r"\d|(?:^|\W)\w$")
_DECLARED = re.compile(rb"""(?:charset|encoding)\s*=\s*["']?\s*([\w.:-]+)""", re.I)
_HEAD_BYTES = 2048
_DELETED = "passages that it marks as deleted"


def read_html(data: bytes, source: str) -> Manuscript:
    """Read an HTML page."""
    text, encoding, notices = decode_html(data, source)
    return html_manuscript(text, encoding, notices)


def html_manuscript(source: str, encoding: str, notices: tuple[str, ...] = ()) -> Manuscript:
    """Return the manuscript of an HTML document, or of a part of one."""
    builder = TextBuilder()
    left_out = add_html(builder, source)
    return Manuscript(
        builder.text,
        encoding,
        tuple(builder.headings),
        set_apart=tuple(builder.set_apart),
        notices=(*notices, *left_out_notices(left_out, "file")),
    )


def decode_html(data: bytes, source: str) -> Decoded:
    """Decode the bytes of a page: as UTF-8, by the encoding that it declares, or by detection."""
    declared = _DECLARED.search(data[:_HEAD_BYTES])
    if declared is not None and not _is_utf8(data):
        try:
            return Decoded(data.decode(declared[1].decode("ascii")), declared[1].decode("ascii").lower(), ())
        except (LookupError, UnicodeDecodeError):
            pass  # a false declaration; the bytes themselves say more
    try:
        return decode(data, source=source)
    except EncodingError as error:
        raise EncodingError(str(error).replace("a UTF-8 .txt file", "UTF-8")) from error


def left_out_notices(parts: Sequence[str], kind: str) -> tuple[str, ...]:
    """Return the notice of what was left out of a file of some kind, each sort of part once."""
    return (f"left out of the {kind}: {', '.join(dict.fromkeys(parts))}",) if parts else ()


def add_html(builder: TextBuilder, source: str, *, prefix: str = "") -> list[str]:
    """Append a document to ``builder``; return what was left out of it, in words.

    Its anchors are called ``prefix``, ``#`` and their id; ``prefix#`` is its beginning.
    """
    builder.is_word = _word_test(source)
    builder.anchor(f"{prefix}#")
    reader = _Reader(builder, prefix)
    reader.feed(source)
    reader.close()
    builder.finish()
    return reader.left_out


def _is_utf8(data: bytes) -> bool:
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _word_test(source: str) -> Callable[[str], bool]:
    """Return a function that says whether some letters are a word more than once in ``source``."""

    @cache
    def words() -> Counter[str]:
        return Counter(re.findall(r"[^\W\d_]+", source.lower()))

    return lambda letters: words()[letters.lower()] > 1


class _Candidate(NamedTuple):
    """An open element that is a mark, and not read, if its words fit ``pattern``."""

    tag: str
    point: Checkpoint
    pattern: re.Pattern[str]


class _Reader(HTMLParser):
    """Sends words and breaks to a builder, without what is not read and without the marks of notes and pages."""

    def __init__(self, builder: TextBuilder, prefix: str) -> None:
        super().__init__(convert_charrefs=True)
        self._builder, self._prefix = builder, prefix
        self._lines = LineWatcher(builder)
        self._unread: list[str] = []
        self._candidates: list[_Candidate] = []
        self._preformatted = 0
        self._outer: set[str] = set()
        self.left_out: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if self._unread:
            self._unread += [tag] if tag == self._unread[-1] else []
            return
        attributes = {name: value or "" for name, value in attrs}
        kinds = _kinds(attributes)
        for name in {attributes.get("id"), attributes.get("name") if tag == "a" else None} - {None, ""}:
            self._builder.anchor(f"{self._prefix}#{name}")
        is_hidden = tag not in _VOID and _HIDDEN_STYLE.search(attributes.get("style", "")) is not None
        if tag in _UNREAD or is_hidden or (tag in _CONTAINERS and self._is_left_out(attributes)):
            self.left_out += [_DELETED] if tag == "del" else [_HIDDEN] if is_hidden else []
            self._unread.append(tag)
        elif tag in _VOID:
            self._stand_alone(tag, (attributes.get("alt", "") or attributes.get("title", "")).strip(), kinds)
        else:
            self._open(tag, attributes, kinds)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in _VOID:
            self.handle_endtag(tag)

    def handle_endtag(self, tag: str) -> None:
        if self._unread:
            if tag == self._unread[-1]:
                self._unread.pop()
            return
        if any(candidate.tag == tag for candidate in self._candidates):
            while self._decide().tag != tag:
                pass  # what was left open inside ends with it
        self._lines.close(tag)
        if _HEADING.fullmatch(tag):
            self._builder.close_heading()
        elif tag in _BLOCK:
            self._builder.owe(PARAGRAPH)
            self._preformatted -= tag == "pre" and self._preformatted > 0

    def handle_data(self, data: str) -> None:
        if self._unread:
            return
        for number, line in enumerate(re.split(r"\n(?:\s*(\n))?", data) if self._preformatted else [data]):
            if number:
                self._builder.owe(PARAGRAPH if line == "\n" else "\n")
            self._builder.add(line or "")
        self._lines.add(data)

    def _is_left_out(self, attributes: dict[str, str]) -> bool:
        """Return True for an element that is not shown, or not the story; note what the latter is."""
        part = front_matter_type(f"{attributes.get('epub:type', '')} {attributes.get('role', '')}".split())
        self.left_out += [part] if part else []
        return bool(part) or "hidden" in attributes

    def _stand_alone(self, tag: str, alt: str, kinds: set[str]) -> None:
        if tag == "hr" and _NO_RULE.isdisjoint(kinds | self._outer):
            self._builder.owe_rule()
        elif tag == "hr":
            self._builder.owe(PARAGRAPH)
        elif tag == "br":
            self._builder.owe("\n")
        elif tag == "img" and alt:
            self._image(alt)

    def _image(self, alt: str) -> None:
        """Add the letters that an image stands for: the lettering of a heading, or a large initial."""
        if self._builder.in_heading:
            self._builder.add(f" {alt} ")
        elif initial := _INITIAL.match(alt):
            letter = re.split(r"[:, ]", initial[0])[-1]
            (self._builder.add_initial if self._builder.at_block_start else self._builder.add)(letter)

    def _open(self, tag: str, attributes: dict[str, str], kinds: set[str]) -> None:
        self._outer = kinds
        heading = _HEADING.fullmatch(tag)
        if heading:
            self._builder.open_heading(0 if "title" in kinds else int(heading[1]))
        elif tag in _BLOCK:
            self._builder.owe(PARAGRAPH)
            self._preformatted += tag == "pre"
        self._lines.open(tag, attributes, kinds)
        if not _PAGE_KINDS.isdisjoint(kinds):
            self._candidates.append(_Candidate(tag, self._builder.checkpoint(), _PAGE_MARK))
        elif tag == "sup" or (tag == "a" and ("#" in attributes.get("href", "") or not _NOTE_KINDS.isdisjoint(kinds))):
            self._candidates.append(_Candidate(tag, self._builder.checkpoint(), self._note_mark(tag)))

    def _note_mark(self, tag: str) -> re.Pattern[str]:
        """Return the pattern of the marks of notes: a link inside a raised passage, or around it, may be a letter."""
        outer = {candidate.tag for candidate in self._candidates}
        return _LETTER_MARK if {tag, *outer} >= {"a", "sup"} else NOTE_MARK

    def _decide(self) -> _Candidate:
        """End the innermost element that may be a mark; remove its words if they are one."""
        candidate = self._candidates.pop()
        words = self._builder.since(candidate.point)
        if candidate.pattern.fullmatch(words) and not self._is_text(candidate):
            self._builder.rollback(candidate.point)
        return candidate

    def _is_text(self, candidate: _Candidate) -> bool:
        """Return True for a number that begins its paragraph or heading, and for a power ("m²")."""
        if candidate.pattern is _PAGE_MARK:
            return False
        point = candidate.point
        if not point.length or point.gap.startswith(PARAGRAPH):
            return True
        linked = candidate.tag == "a" or any(outer.tag == "a" for outer in self._candidates)
        return not linked and _POWER.search(self._builder.before(point, 2)) is not None


def _kinds(attributes: dict[str, str]) -> set[str]:
    """Return the words that say what an element is: its classes, its role and its type in an EPUB."""
    return {word for name in ("class", "role", "epub:type") for word in attributes.get(name, "").lower().split()}
