"""Markdown as novelists write it, also with the links and comments of Obsidian."""

from __future__ import annotations

import re
from functools import cache

from markdown_it import MarkdownIt
from markdown_it.token import Token
from mdit_py_plugins.footnote import footnote_plugin

from pipeline.formats.html import html_manuscript
from pipeline.formats.manuscript import Manuscript
from pipeline.storage.encoding import decode

_COMMENT = re.compile(r"%%.*?%%", re.S)
_EMBEDDED = re.compile(r"!\[\[[^\]\n]*\]\]")
_WIKI_LINK = re.compile(r"\[\[(?:[^\]|\n]*\|)?([^\]|#\n]+)(?:#[^\]|\n]*)?\]\]")
_HIGHLIGHT = re.compile(r"==(?=\S)([^=\n]+?)(?<=\S)==")
_BLOCK_NAME = re.compile(r"[^\S\n]\^[\w-]+[^\S\n]*$", re.M)
_TAG = re.compile(r"(?<![^\s])#[A-Za-z][\w/-]*")
_ATTRIBUTES = re.compile(r"^(#{1,6} .*?)[^\S\n]*\{[.#:\-][^{}\n]*\}[^\S\n]*$", re.M)
_FRONT_MATTER = re.compile(
    r"\s*(?P<fence>---|\+\+\+)[^\S\n]*\n(?P<fields>.*?\n)??(?:(?P=fence)|\.\.\.)[^\S\n]*(?:\n|\Z)", re.S
)
_FIELD = re.compile(r"\s*(?:[\w\"'][^:=\n]{0,60}(?::(?:\s|\Z)|\s*=)|-(?:\s|\Z)|[\[\]{}#]|\s)")
_CALLOUT = re.compile(r"^[^\S\n]{0,3}> ?\[![\w-]+\][^\n]*(?:\n[^\S\n]{0,3}>[^\n]*)*", re.M)
_HEADING = re.compile(r"^ {0,3}#{1,6}[^\S\n]", re.M)
_UNSPACED_HEADING = re.compile(r"^(#{1,6})(?=[A-Z0-9][^\n#]*$)([^\n]+)", re.M)
_LONGEST_UNDERLINED = 80
_SENTENCE_END = tuple(".,;:!?”\"'’…—-")


def read_markdown(data: bytes, source: str) -> Manuscript:
    """Read Markdown: CommonMark with footnotes and front matter; indented lines and numbers stay prose."""
    text, encoding, notices = decode(data, source=source)
    text, callouts = _without_callouts(_without_front_matter(text))
    parser = _parser()
    tokens = _with_real_headings(parser.parse(_without_marks(text)))
    page = parser.renderer.render(tokens, parser.options, {})
    return html_manuscript(page, encoding, (*notices, *(["left out of the file: callouts"] if callouts else [])))


@cache
def _parser() -> MarkdownIt:
    # Writers indent paragraphs, begin them with a year ("1815. He ...") and speeches with a dash.
    parser = MarkdownIt("commonmark").disable(["code", "list"]).enable(["table", "strikethrough"])
    return parser.use(footnote_plugin)


def _without_front_matter(text: str) -> str:
    """Return a text without YAML or TOML fields at its top; prose between two rules is no front matter."""
    match = _FRONT_MATTER.match(text)
    if match is None:
        return text
    lines = [line for line in match["fields"].splitlines() if line.strip()]
    return text[match.end() :] if all(map(_FIELD.match, lines)) else text


def _without_callouts(text: str) -> tuple[str, int]:
    """Return a text without the callouts of Obsidian, notes of the author, and how many there were."""
    return _CALLOUT.subn("", text)


def _without_marks(text: str) -> str:
    text = _with_spaced_headings(text)
    for pattern, replacement in (
        (_COMMENT, ""),
        (_EMBEDDED, ""),
        (_WIKI_LINK, r"\1"),
        (_HIGHLIGHT, r"\1"),
        (_BLOCK_NAME, ""),
        (_ATTRIBUTES, r"\1"),
        (_TAG, ""),
    ):
        text = pattern.sub(replacement, text)
    return text


def _with_spaced_headings(text: str) -> str:
    """Put the space that Markdown wants after the signs of headings, if all headings of the text are without it."""
    return text if _HEADING.search(text) else _UNSPACED_HEADING.sub(r"\1 \2", text)


def _with_real_headings(tokens: list[Token]) -> list[Token]:
    """Turn prose over a line of hyphens, which Markdown takes for a heading, into prose and a rule."""
    found: list[Token] = []
    for index, token in enumerate(tokens):
        underlined = token.type in {"heading_open", "heading_close"} and token.markup == "-"
        words = tokens[index + (1 if token.type == "heading_open" else -1)].content if underlined else ""
        if underlined and (len(words) > _LONGEST_UNDERLINED or words.rstrip().endswith(_SENTENCE_END)):
            token.tag = "p"
            found += [token] if token.type == "heading_open" else [token, Token("hr", "hr", 0)]
        else:
            found.append(token)
    return found
