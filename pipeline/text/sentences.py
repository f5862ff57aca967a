"""Split a novel into sentences with spaCy, a paragraph at a time, and correct its errors in fiction.

spaCy proposes where sentences start. Our rules then correct the proposals, whichever model made them:

- an opening quotation mark or bracket belongs to the sentence after it;
- no sentence starts after an abbreviation before a name or number ("M. de Villefort", "Mrs.", "No. 34"), nor with a
  lower-case letter (``"Go!" he said.`` is one sentence), unless the paragraph has no capitals at all;
- a sentence ends where its splitter sees no end: without a space after it, or with an abbreviation
  (``pipeline.text.sentence_ends``);
- a sentence never crosses a blank line, and the heading of a chapter is a sentence of its own;
- a sentence of more than 2,000 characters is cut at white space, or anywhere if there is none.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from itertools import pairwise

import spacy
from spacy.language import Language
from spacy.tokens import Doc

from pipeline.errors import SettingError
from pipeline.language.long_tokens import break_long_tokens
from pipeline.language.titles import ABBREVIATIONS
from pipeline.records import Novel, Span
from pipeline.text.repaired import repair_novel
from pipeline.text.sentence_ends import find_missed_ends

LONGEST_SENTENCE = 2000
_LONGEST_SEGMENT = 10_000
_BATCH = 128
_SPLITTERS = ("parser", "senter", "sentencizer")
_KEPT_PIPES = frozenset({*_SPLITTERS, "tok2vec", "transformer"})
_BLANK_LINES = re.compile(r"\n[^\S\n]*(?:\n[^\S\n]*)+")
_SENTENCE_END = re.compile(r"[.!?…][\"”’'»)\]]*\s")
_OPENING = re.compile(r"(?<=\s)[\"“‘'«(\[_—–-]+\s*\Z")
_BEFORE_NUMBERS = frozenset(["no", "nos", "vol", "vols", "chap", "ch", "p", "pp", "fig", "art", "sec", "cap"])
_ABBREVIATION = re.compile(r"(?:(?<=[\s\"“‘'(\[—-])|\A)([^\W\d_]+)\.\s*\Z")
_ROMAN = re.compile(r"[IVXLC]+[.,;:)]|[IVXLC]{2,}\b")
_INITIAL = re.compile(r"[A-HJ-Z]")


def load_nlp(spacy_model: str | None) -> Language:
    """Return the spaCy pipeline named by ``spacy_model``, or blank English with rules for sentence ends.

    Raises SettingError when the model is not installed.
    """
    nlp = spacy.blank("en") if spacy_model is None else load_model(spacy_model)
    if not any(name in nlp.pipe_names for name in _SPLITTERS):
        nlp.add_pipe("sentencizer")
    return nlp


def load_model(name: str) -> Language:
    """Return an installed spaCy model, or that of a folder; raise SettingError if it does not load."""
    try:
        return spacy.load(name)
    except OSError as error:
        raise SettingError(
            f"the spaCy model {name!r} is neither installed nor a folder; "
            f"install it (python -m spacy download {name}), or give 'rules' for the built-in name rules"
        ) from error
    except (AttributeError, ImportError, TypeError, ValueError) as error:
        reason = " ".join(str(error).split())[:200]
        raise SettingError(
            f"the spaCy model {name!r} does not load with this spaCy ({reason}); install its pair"
        ) from error


def split_sentences(novel: Novel, nlp: Language) -> tuple[Span, ...]:
    """Return the sentences of the novel's body: in order, trimmed, none empty, none longer than 2,000 characters.

    They are found in the text as it is read, and returned as ranges of the printed text. Memory is bounded by the
    segments given to spaCy, of at most 10,000 characters each, not by the novel.
    """
    read = repair_novel(novel)
    return tuple(read.printed(span) for span in _split(read.novel, nlp))


def _split(novel: Novel, nlp: Language) -> list[Span]:
    text = novel.text
    segments = [segment for block in _blocks(novel) for segment in _segments(text, block)]
    headings = {start for chapter in novel.chapters for start, _ in _paragraphs(text, novel.heading_of(chapter))}
    disabled = [name for name in nlp.pipe_names if name not in _KEPT_PIPES]
    sentences: list[Span] = []
    with nlp.memory_zone(), nlp.select_pipes(disable=disabled):
        texts = (break_long_tokens(text[segment.start : segment.end]) for segment in segments)
        documents = nlp.pipe(texts, batch_size=_BATCH)
        for segment, document in zip(segments, documents, strict=True):
            starts = [] if segment.start in headings else _starts(text[segment.start : segment.end], document)
            for span in _between(segment.start, starts, segment.end):
                sentences += _trimmed(text, _shortened(text, span))
    return sentences


def _starts(text: str, document: Doc) -> list[int]:
    """Return where the sentences of a paragraph start, after the corrections."""
    corrected = list(_corrected(text, (sentence.start_char for sentence in document.sents)))
    return [*corrected, *find_missed_ends(text, corrected)]


def _blocks(novel: Novel) -> Iterator[Span]:
    """Yield the paragraphs of the body; the heading of a chapter is a paragraph of its own."""
    headings = (novel.heading_of(chapter) for chapter in novel.chapters)
    cuts = [novel.body.start, *(offset for span in headings for offset in span), novel.body.end]
    for start, end in pairwise(cuts):
        yield from _paragraphs(novel.text, Span(start, end))


def _paragraphs(text: str, span: Span) -> Iterator[Span]:
    breaks = [offset for match in _BLANK_LINES.finditer(text, *span) for offset in match.span()]
    yield from _trimmed(text, (Span(start, end) for start, end in pairwise([span.start, *breaks, span.end])))


def _segments(text: str, block: Span) -> Iterator[Span]:
    """Cut a paragraph that is too long for spaCy, at the end of a sentence if there is one."""
    start, end = block
    while end - start > _LONGEST_SEGMENT:
        window = text[start : start + _LONGEST_SEGMENT]
        ends = [match.end() for match in _SENTENCE_END.finditer(window)]
        cut = start + (ends[-1] if ends else _last_space(window))
        yield Span(start, cut)
        start = cut
    yield Span(start, end)


def _last_space(window: str) -> int:
    """Return the offset after the last white space of ``window``, or its length if there is none."""
    words = window.rstrip()
    match = re.search(r"\s\S*\Z", words)
    return match.start() + 1 if match and match.start() else len(window)


def _corrected(text: str, proposed: Iterable[int]) -> Iterator[int]:
    """Yield the corrected starts: some are dropped, others moved before the marks that open the sentence."""
    has_capitals = any(map(str.isupper, text))
    for start in proposed:
        opening = _OPENING.search(text, max(0, start - 8), start)
        moved = opening.start() if opening else _after_closing(text, start)
        if not _continues(text, moved, has_capitals=has_capitals):
            yield moved


def _after_closing(text: str, start: int) -> int:
    """Return the start after a closing mark that belongs to the sentence before it ("“Go.”“I will.”")."""
    closes = 0 < start < len(text) and text[start] in "”’" and text[start - 1] in ".!?…"
    return start + closes


def _continues(text: str, start: int, *, has_capitals: bool) -> bool:
    """Return True if the text from ``start`` continues the sentence before it."""
    following = text[start : start + 12].lstrip("\"“‘'«([_—–- \n")
    if has_capitals and following[:1].islower():
        return True
    abbreviation = _ABBREVIATION.search(text, max(0, start - 24), start)
    if abbreviation is None:
        return False
    word = abbreviation[1].lower()
    if following[:1].isdigit() or _ROMAN.match(following):
        return word in _BEFORE_NUMBERS
    return word in ABBREVIATIONS or _INITIAL.fullmatch(abbreviation[1]) is not None


def _between(start: int, starts: Iterable[int], end: int) -> Iterator[Span]:
    """Cut ``start`` to ``end`` at ``starts``, which count from ``start``."""
    cuts = sorted({start, end, *(start + offset for offset in starts)})
    yield from (Span(left, right) for left, right in pairwise(cuts))


def _shortened(text: str, span: Span) -> Iterator[Span]:
    start, end = span
    while end - start > LONGEST_SENTENCE:
        cut = start + _last_space(text[start : start + LONGEST_SENTENCE])
        yield Span(start, cut)
        start = cut
    yield Span(start, end)


def _trimmed(text: str, spans: Iterable[Span]) -> Iterator[Span]:
    for start, end in spans:
        inner = text[start:end]
        left = len(inner) - len(inner.lstrip())
        if left < len(inner):
            yield Span(start + left, start + len(inner.rstrip()))
