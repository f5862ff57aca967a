"""Where a quotation of a novel begins and ends: no mark of another speech at its edges, no remains of a cut."""

from __future__ import annotations

import re

from pipeline.language.word_lists import CLAUSE_OPENERS, POSSESSIVES, PREPOSITIONS, word_set
from pipeline.records import Span

LONGEST_QUOTATION = 240
_CLOSED_BEFORE = re.compile(r"[”’»\"'](?=[\s—–,.;:!?-]|\Z)[\s—–,.;:!?”»-]*")
"""A mark at the beginning that closes the speech before."""
_OPENED_AFTER = re.compile(r"(?:\s*[—–-]*\s*[“‘«„(\[]+|[\s—–-]+[\"'])\s*\Z")
"""A mark at the end that opens the next speech."""
_PAIRS = (("“", "”"), ("«", "»"), ('"', '"'))
_CLAUSE_END = re.compile(r"(?<=[\w’”)])(?=[,;:](?:\s|\Z)|—|--)|(?<=\w{4})[.!?][”’\"]*(?=\s|\Z)")
_LEAST_KEPT = 0.8
"""The share of the longest quotation from which on a cut at the end of a clause is long enough."""
_DANGLING = (
    PREPOSITIONS | POSSESSIVES | CLAUSE_OPENERS | word_set("a an the and but or nor so yet my your our its was were is")
)


def trim_marks(text: str, span: Span) -> Span:
    """Return a range of a text without the marks at its edges that belong to the speech before it or after it.

    A mark that opens the range and that nothing in it closes is left out as well, and one that closes what began
    before: “I was seven. I slept. becomes I was seven. I slept.
    """
    start, end = span
    quoted = text[start:end]
    closed, opened = _CLOSED_BEFORE.match(quoted), _OPENED_AFTER.search(quoted)
    if opened and not (opened[0].strip() == "“" and "„" in quoted):
        end -= len(opened[0])
    if closed:
        start += closed.end()
    start, end = _without_unmatched(text, start, end)
    return Span(start, end) if any(map(str.isalnum, text[start:end])) else span


def _without_unmatched(text: str, start: int, end: int) -> tuple[int, int]:
    for opening, closing in _PAIRS:
        inner = text[start + 1 : end - 1]
        if text.startswith(opening, start) and not text.endswith(closing, start, end):
            start += _first(inner, closing) >= _first(inner, opening) if opening != closing else closing not in inner
        elif text.endswith(closing, start, end) and not text.startswith(opening, start):
            end -= inner.rfind(opening) <= inner.rfind(closing) if opening != closing else opening not in inner
    return start, end


def _first(text: str, mark: str) -> int:
    return text.find(mark) if mark in text else len(text)


def shorten(quotation: str) -> str:
    """Return the beginning of a long quotation, to the end of a clause or of a word that can be the last.

    No quotation ends with "and" or "of the", nor with a mark that opens a speech.
    """
    quotation = quotation.strip()
    if len(quotation) <= LONGEST_QUOTATION:
        return quotation
    cut = quotation[: LONGEST_QUOTATION + 1]
    words = cut.rsplit(maxsplit=1)
    kept = words[0].rstrip() if len(words) > 1 and not cut[-1].isspace() else cut[:LONGEST_QUOTATION].rstrip()
    ends = [end.end() for end in _CLAUSE_END.finditer(kept) if end.end() >= _LEAST_KEPT * LONGEST_QUOTATION]
    return kept[: ends[-1]] if ends else _without_dangling(kept)


def _without_dangling(kept: str) -> str:
    words = kept.split()
    while len(words) > 1 and (words[-1].lower() in _DANGLING or not words[-1].strip("“‘«„\"'([—–-")):
        words.pop()
        kept = kept[: kept.rindex(words[-1]) + len(words[-1])]
    return kept
