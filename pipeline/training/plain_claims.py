"""Examples from plain claims: claims with verbatim evidence, their false twins, and claims that a book leaves open.

A book of prepared plain claims is a mapping: ``book``; ``sentences``, the text of each sentence of the novel, empty
for those that no example needs; ``rows``, each with ``id``, ``pair`` (None for a claim that is left open), ``label``
(one of ``CLAIM_LABELS``), ``text``, ``gold`` (the sentences of the evidence) and ``near`` (sentences that retrieval
finds, best first). ``python -m pipeline prepare-claims`` makes them.
"""

from __future__ import annotations

import random
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, fields
from difflib import SequenceMatcher
from typing import Any

from pipeline.errors import SettingError, TableError
from pipeline.judging.windows import join_passages
from pipeline.training.examples import Example, LabelledClaim, Premise
from pipeline.training.negatives import find_names, replace_words

_FUNCTION_WORDS = frozenset(
    [
        "a",
        "an",
        "the",
        "of",
        "in",
        "on",
        "at",
        "to",
        "for",
        "by",
        "with",
        "and",
        "or",
        "his",
        "her",
        "their",
        "its",
        "was",
        "were",
        "had",
        "be",
        "been",
        "he",
        "she",
        "it",
        "they",
        "from",
        "as",
        "that",
    ]
)
_EDGE = ",.;:!?\"'“”‘’()"
_SHORTEST_WORD = 4
_NEAREST = 16
"""Windows near a claim that an example may have: those that a judge would give most weight."""
NO_CLAIM = "the prepared books have no true claim with a false twin and evidence; prepare others"


@dataclass(frozen=True)
class PlainConfig:
    """The share of each kind of example.

    ``nli`` of the examples are NLI pairs. Of the others ``open`` have evidence that does not settle the claim, ``near``
    of those a sentence that retrieval finds. Names are exchanged in ``rename``; evidence is edited so that the false
    twin becomes true in ``edit``. In ``several`` of the steps the evidence stands among other windows near the claim:
    a step has examples of about one length.
    """

    nli: float = 0.15
    open: float = 0.45
    near: float = 0.8
    rename: float = 0.3
    edit: float = 0.5
    several: float = 0.0

    def __post_init__(self) -> None:
        """Raise SettingError for a share outside 0 to 1."""
        for item in fields(self):
            if not 0 <= getattr(self, item.name) <= 1:
                raise SettingError(f"{item.name} is {getattr(self, item.name)}; it is a share between 0 and 1")


@dataclass(frozen=True)
class PlainRow:
    """A claim of a book with the numbers of its gold sentences and of sentences near it."""

    text: str
    label: str
    gold: tuple[int, ...]
    near: tuple[int, ...]
    twin: str | None

    def foreign(self, numbers: Sequence[int]) -> list[int]:
        """Return the sentences among ``numbers`` whose window has none of the evidence."""
        return [number for number in numbers if not {number, number - 1} & set(self.gold)]


class PlainBook:
    """The plain claims of one book with its sentences."""

    def __init__(self, book: Mapping[str, Any]) -> None:
        self.title: str = book["book"]
        self.sentences: list[str] = book["sentences"]
        texts = {(row["pair"], row["label"]): row["text"] for row in book["rows"] if row["pair"] is not None}
        other = {"supported": "contradicted", "contradicted": "supported"}
        self.rows = [
            PlainRow(
                row["text"],
                row["label"],
                tuple(row["gold"]),
                tuple(row["near"]),
                texts.get((row["pair"], other.get(row["label"], ""))),
            )
            for row in book["rows"]
        ]
        self.settled = [row for row in self.rows if row.gold and row.twin is not None]
        self.shown = [number for number, sentence in enumerate(self.sentences) if sentence]

    def window(self, number: int) -> str:
        """Return a sentence with the one before it."""
        return " ".join(filter(None, self.sentences[max(number - 1, 0) : number + 1]))

    def passages(self, numbers: Collection[int]) -> str:
        """Return sentences in the order of the book; what is left out between them is marked."""
        return join_passages({number: self.sentences[number] for number in numbers if self.sentences[number]})


class PlainSource:
    """Draws examples from books of plain claims and from NLI premises; raises TableError if there is no claim."""

    def __init__(self, books: Sequence[PlainBook], premises: Sequence[Premise], config: PlainConfig) -> None:
        self.books = [book for book in books if book.settled]
        if not self.books:
            raise TableError(NO_CLAIM)
        self.premises, self.config, self.rng = premises, config, random.Random()
        self._several = False
        self.names = sorted({name for book in self.books for row in book.rows for name in find_names(row.text)})

    @property
    def description(self) -> str:
        """How many books and claims it draws from."""
        return f"{len(self.books)} books, {sum(len(book.rows) for book in self.books):,} plain claims"

    def draw(self, step: str, count: int) -> list[Example]:
        """Return the examples of a step, which depend on the step alone and not on earlier draws."""
        self.rng.seed(step)
        self._several = self.rng.random() < self.config.several
        return [self._one() for _ in range(count)]

    def _one(self) -> Example:
        rng, config = self.rng, self.config
        if self.premises and rng.random() < config.nli:
            premise, hypotheses = rng.choice(self.premises)
            return Example(
                (premise,), tuple(LabelledClaim(*one) for one in rng.sample(hypotheses, min(2, len(hypotheses))))
            )
        book = rng.choice(self.books)
        row = rng.choice(book.rows)
        if row.twin is None or not row.gold or rng.random() < config.open:
            return self._rename(self._open(book, row))
        return self._rename(self._settled(book, row))

    def _open(self, book: PlainBook, row: PlainRow) -> Example:
        """Return a claim, and perhaps its twin, given evidence of the book that does not settle them."""
        foreign = row.foreign(row.near)
        if foreign and self._several:
            evidence = book.passages(self._near_windows(foreign, self.rng.randint(2, 4)))
        elif foreign and self.rng.random() < self.config.near:
            evidence = book.window(self.rng.choice(foreign[:_NEAREST]))
        else:
            numbers = row.foreign(self.rng.choice(book.settled).gold) or row.foreign(book.shown)
            evidence = book.window(self.rng.choice(numbers)) if numbers else ""
        texts = [row.text, row.twin] if row.twin and self.rng.random() < 0.5 else [row.text]
        return Example((evidence,), tuple(LabelledClaim(text, "not_stated") for text in texts))

    def _settled(self, book: PlainBook, row: PlainRow) -> Example:
        """Return a true claim and its false twin given their evidence, or the evidence edited to exchange them."""
        assert row.twin is not None
        true, false = (row.text, row.twin) if row.label == "supported" else (row.twin, row.text)
        numbers = self._evidence(book, row.gold)
        foreign = row.foreign(row.near)
        if foreign and self._several:
            evidence = book.passages(numbers | self._near_windows(foreign, self.rng.randint(1, 3)))
        else:
            evidence = " ".join(filter(None, (book.sentences[number] for number in sorted(numbers))))
        if self.rng.random() < self.config.edit:
            edited = edit_evidence(evidence, true, false)
            if edited is not None:
                evidence, true, false = edited, false, true
        claims = [LabelledClaim(true, "supported"), LabelledClaim(false, "contradicted", true)]
        others = [one.text for one in book.rows if one.gold != row.gold]
        if others and self.rng.random() < 0.15:
            claims.append(LabelledClaim(self.rng.choice(others), "not_stated"))
        return Example((evidence,), tuple(claims))

    def _near_windows(self, foreign: Sequence[int], count: int) -> set[int]:
        """Return the sentences of ``count`` windows that retrieval finds, without evidence."""
        nearest = foreign[:_NEAREST]
        chosen = self.rng.sample(nearest, min(count, len(nearest)))
        return {number - before for number in chosen for before in (0, 1) if number >= before}

    def _evidence(self, book: PlainBook, gold: Sequence[int]) -> set[int]:
        """Return the gold sentences, or some of them with sentences around them."""
        draw = self.rng.random()
        chosen = set(gold)
        if 0.4 <= draw < 0.75:
            one = self.rng.choice(gold)
            chosen = {max(one - 1, 0), one} | (set(gold) if self.rng.random() < 0.7 else set())
        elif draw >= 0.75:
            first = max(0, gold[0] - self.rng.randint(0, 2))
            last = min(len(book.sentences) - 1, gold[-1] + self.rng.randint(0, 2))
            chosen |= set(range(first, gold[0])) | set(range(gold[-1] + 1, last + 1))
        return chosen

    def _rename(self, example: Example) -> Example:
        """Give the people of an example other names, the same in the evidence and in the claims."""
        if self.rng.random() >= self.config.rename:
            return example
        own = sorted({name for claim in example.claims for name in find_names(claim.text)})
        new = dict(zip(own, self.rng.sample(self.names, min(len(own), len(self.names))), strict=False))
        claims = tuple(
            LabelledClaim(
                replace_words(claim.text, new),
                claim.label,
                None if claim.true is None else replace_words(claim.true, new),
            )
            for claim in example.claims
        )
        return Example(tuple(replace_words(text, new) for text in example.evidence), claims)


def changed_words(true: str, false: str) -> list[tuple[str, str]]:
    """Return the words of ``true`` and those of ``false`` in their place, without function words at their starts.

    >>> changed_words("He sold the mill in the spring.", "He sold the farm in the spring.")
    [('mill', 'farm')]
    """
    first, second = true.split(), false.split()
    matcher = SequenceMatcher(None, [w.strip(_EDGE) for w in first], [w.strip(_EDGE) for w in second], autojunk=False)
    return [
        (_content(first[a:b]), _content(second[c:d])) for kind, a, b, c, d in matcher.get_opcodes() if kind != "equal"
    ]


def _content(words: list[str]) -> str:
    while words and words[0].lower() in _FUNCTION_WORDS:
        words = words[1:]
    return " ".join(words).strip(_EDGE)


def edit_evidence(evidence: str, true: str, false: str) -> str | None:
    """Return the evidence with the words of the true claim replaced by those of the false one; None if not possible."""
    changes = changed_words(true, false)
    if len(changes) != 1:
        return None
    old, new = changes[0]
    if len(old) < 3 or not new or not find_words(evidence, old) or find_words(evidence, new):
        return None
    return re.sub(
        _pattern(old), lambda match: new[0].upper() + new[1:] if match[0][0].isupper() else new, evidence, flags=re.I
    )


def find_words(text: str, words: str) -> list[tuple[int, int]]:
    """Return the ranges of ``words`` in ``text``, whole words in any case."""
    return [match.span() for match in re.finditer(_pattern(words), text, re.IGNORECASE)] if words else []


def words_in_place(evidence: str, true: str, false: str) -> list[tuple[int, int]]:
    """Return the ranges of evidence that state what the true claim has where the false one differs; may be empty."""
    found: list[tuple[int, int]] = []
    for old, _ in changed_words(true, false):
        whole = find_words(evidence, old) if len(old) >= 3 else []
        parts = [
            span
            for word in old.split()
            if len(word.strip(_EDGE)) >= _SHORTEST_WORD and word.lower() not in _FUNCTION_WORDS
            for span in find_words(evidence, word.strip(_EDGE))[:1]
        ]
        found += whole[:1] or parts
    return found


def _pattern(words: str) -> str:
    return rf"(?<!\w){re.escape(words)}(?!\w)"
