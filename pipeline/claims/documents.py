"""The text of a sheet in Word, OpenDocument or HTML: headings, lists and tables as Markdown writes them."""

from __future__ import annotations

import re
from collections.abc import Callable
from html.parser import HTMLParser
from xml.etree import ElementTree

from pipeline.claims.sheet import SheetText
from pipeline.errors import BackstoryError
from pipeline.formats.docx import docx_html
from pipeline.formats.odt import UNREAD, count_changes, odt_body
from pipeline.language.word_lists import word_set

_SKIPPED = frozenset({"head", "script", "style", "template"})
_BLOCKS = word_set("p div section article li tr table ul ol h1 h2 h3 h4 h5 h6 blockquote dd dt dl pre header main")
_ODF = {
    "text": "{urn:oasis:names:tc:opendocument:xmlns:text:1.0}",
    "table": "{urn:oasis:names:tc:opendocument:xmlns:table:1.0}",
}


def html_to_markdown(source: str) -> str:
    """Return the text of HTML with headings, list items and table rows marked, a line each."""
    reader = _Markdown()
    reader.feed(source)
    reader.close()
    reader.end_line()
    return "\n".join(reader.lines)


class _Markdown(HTMLParser):
    """Collects lines; a row of a table is one line with bars."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.lines: list[str] = []
        self._line = self._lead = ""
        self._cells: list[str] | None = None
        self._rows = self._skipped = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._skipped += tag in _SKIPPED
        if self._cells is not None and tag in {"td", "th"}:
            self._line = ""
        elif self._cells is not None:
            self._line += "; " if tag in {"br", "p", "li"} and self._line.strip() else ""
        elif tag == "tr":
            self.end_line()
            self._cells = []
        elif tag in {"strong", "b"}:
            self._line += "**"
        elif tag in _BLOCKS or tag == "br":
            self.end_line()
            self._rows = 0 if tag == "table" else self._rows
            self._lead = (
                f"{'#' * int(tag[1])} " if re.fullmatch(r"h[1-6]", tag) else "- " if tag == "li" else self._lead
            )

    def handle_endtag(self, tag: str) -> None:
        self._skipped -= tag in _SKIPPED and self._skipped > 0
        if self._cells is not None and tag in {"td", "th"}:
            self._cells.append(" ".join(self._line.split()).replace("|", "\\|"))
            self._line = ""
        elif self._cells is not None and tag == "tr":
            cells, self._cells = self._cells, None
            self.lines.append(f"| {' | '.join(cells)} |")
            self._rows += 1
            self._line = ""
        elif self._cells is None and tag in {"strong", "b"}:
            self._line = self._line.rstrip() + "**"
        elif self._cells is None and tag in _BLOCKS:
            self.end_line()
            self.lines += [""] if tag in {"p", "table"} or re.fullmatch(r"h[1-6]", tag) else []

    def handle_data(self, data: str) -> None:
        if not self._skipped:
            self._line += re.sub(r"\s+", " ", data)

    def end_line(self) -> None:
        """Store the line so far, if it has words."""
        text = self._line.replace("****", "").strip()
        if text:
            self.lines.append(f"{self._lead}{text}")
        self._line = self._lead = ""


def _docx(data: bytes, source: str) -> SheetText:
    page, notices = docx_html(data, source)
    return SheetText(html_to_markdown(page), notices=notices)


def _odt(data: bytes, source: str) -> SheetText:
    _, body = odt_body(data, source)
    lines: list[str] = []
    _odf_lines(body, lines, lead="")
    return SheetText("\n".join(lines), notices=count_changes(body))


def _odf_lines(node: ElementTree.Element, lines: list[str], *, lead: str) -> None:
    for child in node:
        if child.tag in UNREAD:
            continue
        if child.tag == f"{_ODF['text']}h":
            level = int(child.get(f"{_ODF['text']}outline-level", "1"))
            lines += [f"{'#' * min(max(level, 1), 6)} {_odf_text(child)}", ""]
        elif child.tag == f"{_ODF['text']}p":
            lines += [f"{lead}{_odf_text(child)}"] if _odf_text(child) else []
            lines += [] if lead else [""]
        elif child.tag == f"{_ODF['table']}table-row":
            cells = [" ".join(map(_odf_text, cell)).replace("|", "\\|") for cell in child]
            lines.append(f"| {' | '.join(cells)} |")
        else:
            is_list = child.tag == f"{_ODF['text']}list-item"
            _odf_lines(child, lines, lead="- " if is_list else lead)
            lines += [""] if child.tag == f"{_ODF['table']}table" else []


def _odf_text(node: ElementTree.Element) -> str:
    gaps = {f"{_ODF['text']}{name}" for name in ("s", "tab", "line-break")}
    parts = [node.text or ""]
    for child in node:
        inner = " " if child.tag in gaps else "" if child.tag in UNREAD else _odf_text(child)
        parts += [inner, child.tail or ""]
    return " ".join("".join(parts).split())


PACKED: dict[str, Callable[[bytes, str], SheetText]] = {".docx": _docx, ".odt": _odt}
"""How the text of each zipped format is read, by the suffix of its file."""


def unpack(data: bytes, suffix: str, source: str) -> SheetText:
    """Return the text of a zipped document; raises BackstoryError where it is damaged or too large."""
    try:
        return PACKED[suffix](data, source)
    except Exception as error:  # a damaged file can raise anything in its library
        raise BackstoryError(
            f"{source} cannot be read as {suffix[1:].upper()} ({error or type(error).__name__}); open it in the "
            "program that wrote it and save it again, or use plain text"
        ) from error
