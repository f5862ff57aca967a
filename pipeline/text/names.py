"""Find names without a model: capitalised words that the book itself shows to be names.

A capitalised word is a name if it occurs inside sentences, not only at their starts, and more often than the same word
in lower case. Adjacent names, with particles between them and titles before them, are one phrase. A name that often
follows "in", "at" or an article is a place or a thing, not a person.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise, takewhile
from typing import Literal, NamedTuple

from spacy.lang.en.stop_words import STOP_WORDS

from pipeline.language.folding import fold_aligned
from pipeline.language.titles import ABBREVIATIONS, PARTICLES, SAINTS, TITLES
from pipeline.language.word_lists import word_set
from pipeline.language.words import LETTER_WORD
from pipeline.records import Span

LONGEST_NAME = 200
"""Characters of the longest name; a longer one is a list without commas, or not text."""
_NEVER_NAMES = word_set(
    """i i'm i'll i've i'd o oh ah god heaven providence bible english french german italian spanish american european
    scotch monday tuesday wednesday thursday friday saturday sunday january february march july september october
    november december chapter book volume part street excellency majesty highness gutenberg illustration sidenote
    footnote contents christmas easter christian christians jew jews turk turks scots englishmen englishman frenchmen
    frenchman irishman irishmen scotchman scotchmen latin greek"""
)
_PLACES = word_set(
    """cape mount mont lake loch fort port new rue faubourg isle island bay river palais chateau castle san santa los
    las rio buenos"""
)
_PLACE_ENDS = word_set(
    """street road lane square bridge church abbey castle hall house park hill head point bay island islands isles cape
    mountains plains river lake sea ocean strait straits valley college university station hotel inn club company
    society court wood forest harbour port manor cottage farm county shire city town"""
)
_PARTICLE = "|".join(sorted((word for word in PARTICLES if word not in {"of", "the"}), key=len, reverse=True))
_GAP = re.compile(rf"(?P<stop>\.?)[^\S\n]*\n?[^\S\n]*(?P<of>of\s)?(?:(?:{_PARTICLE})\s+){{0,2}}(?:[dl]['’])?")
_INSIDE = re.compile(r"(?:[^\W_,;]\s|[,;]\s|\s[dl]['’])\Z")
_POSSESSIVE = re.compile(r"['’][sS]?\Z")
_TOKEN = re.compile(r"[^\W_]+(?:['-][^\W_]+)*'?")
_DETERMINERS = frozenset(["the", "a", "an"])
_WORD_BEFORE = re.compile(r"([^\W\d_]+)[ \n]\Z")
_PLACE_PREPOSITIONS = word_set("in on at into near between through throughout across")
_ARTICLES = word_set("the a an this that these those every each some my your his her its our their")
_PLACE_SHARE = 0.1
_ARTICLE_SHARE = 0.3


Role = Literal["title", "name", "initial", "particle", "other"]


class NamePhrase(NamedTuple):
    """A name in the text: its range with the title, the folded title, and the folded name words."""

    start: int
    end: int
    title: str
    words: tuple[str, ...]


class ParsedName(NamedTuple):
    """A parsed name: the folded title, the folded name words, and the index of the first word of the surname."""

    title: str
    words: tuple[str, ...]
    surname: int


class _Word(NamedTuple):
    """A capitalised word: its range, its folded form, and whether it is inside a sentence and in capitals."""

    start: int
    end: int
    folded: str
    inside: bool
    in_capitals: bool


@dataclass
class _Contexts:
    """How often a name occurs in all, with a title, after a preposition of place, and after an article."""

    count: int = 0
    titled: int = 0
    after_place_word: int = 0
    after_article: int = 0

    def is_person(self) -> bool:
        """Return True if the contexts are those of a person."""
        untitled = self.count - self.titled
        after_place_word = self.after_place_word > _PLACE_SHARE * untitled
        after_article = self.after_article > _ARTICLE_SHARE * untitled
        return self.titled > 0.2 * self.count or not (after_place_word or after_article)


@lru_cache(maxsize=2)
def find_phrases(text: str, body: Span) -> tuple[NamePhrase, ...]:
    """Return every name phrase of ``body`` in order: persons, places and things."""
    words = _capitalised_words(text, body)
    known = _name_words(text, body, words)
    roles = [(word, _role(text, word, known)) for word in words]
    phrases = (_phrase(run) for run in _runs(text, roles))
    return tuple(phrase for phrase in phrases if phrase is not None)


def find_person_phrases(text: str, body: Span) -> tuple[NamePhrase, ...]:
    """Return the name phrases whose contexts, over the whole book, are those of a person."""
    phrases = find_phrases(text, body)
    persons = person_words(text, phrases)
    return tuple(phrase for phrase in phrases if phrase.words in persons)


def person_words(text: str, phrases: Iterable[NamePhrase]) -> frozenset[tuple[str, ...]]:
    """Return the words of those names whose contexts, over all ``phrases``, are those of a person."""
    contexts: dict[tuple[str, ...], _Contexts] = {}
    for phrase in phrases:
        _count_context(contexts.setdefault(phrase.words, _Contexts()), text, phrase)
    return frozenset(words for words, seen in contexts.items() if not is_place(words) and seen.is_person())


def is_place(words: Sequence[str]) -> bool:
    """Return True if folded name words begin or end like a place's ("Lake Taupo", "Gannet Head")."""
    return words[0] in _PLACES or (len(words) > 1 and words[-1] in _PLACE_ENDS)


def parse_name(printed: str) -> ParsedName:
    """Parse a name as a user or a book writes it.

    Titles and particles are not name words, unless there is no other word; the surname begins after the last particle,
    or is the last word.
    """
    tokens = [_POSSESSIVE.sub("", token) for token in _TOKEN.findall(fold_aligned(printed))]
    titles = list(takewhile(lambda token: token in TITLES | _DETERMINERS, tokens))
    rest = tokens[len(titles) :]
    words = [bare_word(token) for token in rest if token not in PARTICLES]
    if not words:
        return ParsedName("", tuple(token for token in tokens if token not in _DETERMINERS), 0)
    tied = [index for index, token in enumerate(rest) if token in PARTICLES or token != bare_word(token)]
    before = sum(token not in PARTICLES for token in rest[: tied[-1]]) if tied else len(words)
    surname = min(before, len(words) - 1)
    while surname and words[surname - 1] in SAINTS:
        surname -= 1
    title = next((token for token in titles if token not in _DETERMINERS), "")
    return ParsedName(title, tuple(words), surname)


def bare_word(folded: str) -> str:
    """Return a folded name word without a particle and its apostrophe (d'Épinay)."""
    return re.sub(r"\A[dl]'(?=\w)", "", folded)


def _capitalised_words(text: str, body: Span) -> list[_Word]:
    """Return the capitalised words of the body."""
    upper = "".join(sorted(character for character in set(text) if character.isupper()))
    if not upper:
        return []
    pattern = re.compile(rf"(?<![^\W_])[{re.escape(upper)}][^\W_]*(?:['’\u2010\u2011-][^\W_]+)*")
    return [_word(text, match) for match in pattern.finditer(text, body.start, body.end)]


def _word(text: str, match: re.Match[str]) -> _Word:
    printed = _POSSESSIVE.sub("", match.group())
    start = match.start()
    inside = _INSIDE.search(text, max(0, start - 4), start) is not None
    return _Word(start, start + len(printed), fold_aligned(printed), inside, len(printed) > 1 and printed.isupper())


def _name_words(text: str, body: Span, words: Sequence[_Word]) -> frozenset[str]:
    """Return the folded words that are names by their use in the text."""
    inside = Counter(word.folded for word in words[:1] if word.inside)
    for before, word in pairwise(words):
        if not word.in_capitals and (
            word.inside or (_is_abbreviation(before) and _GAP.fullmatch(text, before.end, word.start))
        ):
            inside[word.folded] += 1
    lower = lower_words(text, body)
    never = _NEVER_NAMES | TITLES | PARTICLES | SAINTS
    known = {word for word, count in inside.items() if count > lower[word] and word not in never}
    return frozenset(known | _leading_names(text, words, known, lower) - never - STOP_WORDS)


def _leading_names(text: str, words: Sequence[_Word], known: set[str], lower: Counter[str]) -> set[str]:
    """Return the words at least twice before the same name and never in lower case: "Tom" of "Tom Hale came"."""
    pairs = Counter(
        (before.folded, word.folded)
        for before, word in pairwise(words)
        if word.folded in known and not before.in_capitals and text[before.end : word.start] in {" ", "\n"}
    )
    return {before for (before, _), count in pairs.items() if count > 1 and not lower[before] and len(before) > 1}


def lower_words(text: str, body: Span) -> Counter[str]:
    """Count the lower-case words of the body, folded."""
    small = Counter(LETTER_WORD.findall(text[body.start : body.end]))
    lower: Counter[str] = Counter()
    for word, count in small.items():
        if word[0].islower():
            lower[fold_aligned(word)] += count
    return lower


def may_be_name(words: Sequence[str]) -> bool:
    """Return True if folded words can be a person's name, not only titles, months or peoples, nor a Cape or Mount."""
    return bool(words) and not is_place(words) and not (_NEVER_NAMES | TITLES | SAINTS).issuperset(words)


def _is_abbreviation(word: _Word) -> bool:
    """Return True if a full stop after the word belongs to it: an initial or an abbreviated title."""
    return word.folded in ABBREVIATIONS or (len(word.folded) == 1 and word.folded != "i")


def _role(text: str, word: _Word, known: frozenset[str]) -> Role:
    if word.folded in TITLES:
        return "title"
    if len(word.folded) == 1 and word.folded != "i" and text[word.end : word.end + 1] == ".":
        return "initial"
    if word.folded in known | SAINTS:
        return "name"
    return "particle" if word.folded in PARTICLES else "other"


def _runs(text: str, roles: Iterable[tuple[_Word, Role]]) -> Iterator[list[tuple[_Word, Role]]]:
    """Yield the runs of words that form one phrase: titles, then names, initials and particles."""
    run: list[tuple[_Word, Role]] = []
    for word, role in roles:
        if run and (role == "other" or not _joins(text, run, word, role)):
            yield run
            run = []
        if role != "other":
            run.append((word, role))
    if run:
        yield run


def _joins(text: str, run: Sequence[tuple[_Word, Role]], word: _Word, role: Role) -> bool:
    last, last_role = run[-1]
    gap = _GAP.fullmatch(text, last.end, word.start)
    if gap is None or word.start == last.end:
        return False
    after_title = last_role == "title"
    if role == "title" and not after_title:
        return False
    if gap["stop"] and not _is_abbreviation(last):
        return False
    return after_title or not gap["of"]


def _phrase(run: Sequence[tuple[_Word, Role]]) -> NamePhrase | None:
    """Return the phrase of a run without particles at its ends, or None if it has no name."""
    while run and run[-1][1] == "particle":
        run = run[:-1]
    while run and run[0][1] == "particle":
        run = run[1:]
    names = [bare_word(word.folded) for word, role in run if role in {"name", "initial"}]
    if not any(role == "name" and word.folded not in SAINTS for word, role in run):
        return None
    title = next((word.folded for word, role in run if role == "title"), "")
    return NamePhrase(run[0][0].start, run[-1][0].end, title, tuple(names))


def _count_context(seen: _Contexts, text: str, phrase: NamePhrase) -> None:
    """Count one more occurrence of a name."""
    seen.count += 1
    if phrase.title:
        seen.titled += 1
        return
    before = _WORD_BEFORE.search(text, max(0, phrase.start - 20), phrase.start)
    word = before[1].lower() if before else ""
    seen.after_place_word += word in _PLACE_PREPOSITIONS
    seen.after_article += word in _ARTICLES


def trim_name(text: str, span: Span) -> Span:
    """Return ``span`` without a possessive ending and without marks at its ends."""
    printed = _POSSESSIVE.sub("", text[span.start : span.end].rstrip())
    solid = [index for index, character in enumerate(printed) if character.isalnum()]
    return Span(span.start + solid[0], span.start + solid[-1] + 1) if solid else Span(span.start, span.start)


def without_title(printed: str) -> str:
    """Return a printed name without the titles and particles before its first name word."""
    for match in re.finditer(r"\S+", printed):
        token = fold_aligned(match.group()).rstrip(".")
        if token not in TITLES | PARTICLES | _DETERMINERS:
            return printed[match.start() :]
    return printed
