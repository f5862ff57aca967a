"""Markdown as novelists write it, also with the links and comments of Obsidian."""

from __future__ import annotations

import re
from functools import cache

from markdown_it import MarkdownIt
from markdown_it.token import Token
from mdit_py_plugins.footnote import footnote_plugin
from mdit_py_plugins.front_matter import front_matter_plugin

from pipeline.formats.html import html_manuscript
from pipeline.formats.manuscript import Manuscript
from pipeline.storage.encoding import decode

_COMMENT = re.compile(r"%%.*?%%", re.S)
_EMBEDDED = re.compile(r"!\[\[[^\]\n]*\]\]")
_WIKI_LINK = re.compile(r"\[\[(?:[^\]|\n]*\|)?([^\]|\n]+)\]\]")
_HIGHLIGHT = re.compile(r"==(?=\S)([^=\n]+?)(?<=\S)==")
_BLOCK_NAME = re.compile(r"[^\S\n]\^[\w-]+[^\S\n]*$", re.M)
_LONGEST_UNDERLINED = 80
_SENTENCE_END = tuple(".,;:!?”\"'’…—-")


def read_markdown(data: bytes, source: str) -> Manuscript:
    """Read Markdown: CommonMark with footnotes and front matter; indented lines and numbers stay prose."""
    text, encoding, notices = decode(data, source=source)
    parser = _parser()
    tokens = _with_real_headings(parser.parse(_without_obsidian(text)))
    return html_manuscript(parser.renderer.render(tokens, parser.options, {}), encoding, notices)


@cache
def _parser() -> MarkdownIt:
    # Writers indent paragraphs, begin them with a year ("1815. He ...") and speeches with a dash.
    parser = MarkdownIt("commonmark").disable(["code", "list"])
    return parser.use(front_matter_plugin).use(footnote_plugin)


def _without_obsidian(text: str) -> str:
    for pattern, replacement in (
        (_COMMENT, ""),
        (_EMBEDDED, ""),
        (_WIKI_LINK, r"\1"),
        (_HIGHLIGHT, r"\1"),
        (_BLOCK_NAME, ""),
    ):
        text = pattern.sub(replacement, text)
    return text


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
