"""Training examples: evidence with several claims, drawn without end from the examples of books and from NLI pairs."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

from pipeline.errors import SettingError, TableError
from pipeline.training.negatives import Changes, Edit, NegativeMaker, find_names, replace_words

Premise = tuple[str, list[tuple[str, str]]]
"""A text, and its hypotheses with their labels."""

CLAIMS_PER_EXAMPLE = 4
_OUTLINE_SIZE = (3, 8)
_TRIES = 8
_WORD_COUNTS = ("fewest_words", "most_words")


@dataclass(frozen=True)
class LabelledClaim:
    """A claim of an example. ``true`` is the true text that a false one was made from.

    ``claim_only``, set if the evidence was removed, is the label of the claim given its evidence.
    """

    text: str
    label: str
    true: str | None = None
    claim_only: str | None = None


@dataclass(frozen=True)
class Example:
    """Evidence, sentence by sentence, and the claims that are labelled given it."""

    evidence: tuple[str, ...]
    claims: tuple[LabelledClaim, ...]


@dataclass(frozen=True)
class ExampleConfig:
    """The share of each kind of example, and how often an example is perturbed.

    ``claims`` and ``statements`` have sentences of the novel as evidence, ``outline`` other statements about the book.
    ``hide_evidence`` removes all evidence and leaves the labels, for a claim-only model.
    """

    claims: float = 0.3
    statements: float = 0.5
    outline: float = 0.1
    nli: float = 0.1
    rename: float = 0.4
    counterfactual: float = 0.3
    wrong_evidence: float = 0.08
    no_evidence: float = 0.05
    hide_evidence: bool = False
    drop_sentence: float = 0.1
    fewest_words: int = 90
    most_words: int = 200

    def __post_init__(self) -> None:
        """Raise SettingError for a share outside 0 to 1 or an empty range of words."""
        shares = {item.name: getattr(self, item.name) for item in fields(self) if item.name not in _WORD_COUNTS}
        wrong = [name for name, share in shares.items() if not 0 <= share <= 1]
        if wrong:
            raise SettingError(f"{wrong[0]} is {shares[wrong[0]]}; it is a share and must lie between 0 and 1")
        if not 0 < self.fewest_words <= self.most_words:
            raise SettingError(
                f"fewest_words is {self.fewest_words} and most_words {self.most_words}; the first must be positive and "
                "no more than the second"
            )


def claim_pairs(book: dict[str, Any]) -> list[dict[int, dict[str, Any]]]:
    """Return the complete pairs of claims of a book, each by label (1 true, 0 false)."""
    pairs: dict[str, dict[int, dict[str, Any]]] = {}
    for claim in book["claims"]:
        pairs.setdefault(claim["pair"], {})[claim["label"]] = claim
    return [pair for pair in pairs.values() if len(pair) == 2]


class BookExamples:
    """The statements and claims of one book with their evidence, as ``pipeline.training.book_examples`` makes them."""

    def __init__(self, book: dict[str, Any], changes: Changes, rng: random.Random) -> None:
        self.sentences: list[str] = book["sentences"]
        self.places: list[int] = book["places"]
        self.statements: list[dict[str, Any]] = book["statements"]
        self.pairs = claim_pairs(book)
        texts = [item["text"] for item in self.statements] + [pair[1]["text"] for pair in self.pairs]
        self.texts = texts
        self.negatives = NegativeMaker.of_book(texts, changes, rng)
        counts = Counter(self.negatives.names)
        self.names = frozenset(name for name, count in counts.items() if count >= 2)

    def evidence(self, chosen: Sequence[int], config: ExampleConfig, rng: random.Random) -> tuple[str, ...]:
        """Return some of the chosen sentences in the order of the book."""
        budget = rng.randint(config.fewest_words, config.most_words)
        taken: list[int] = []
        for rank, number in enumerate(chosen):
            words = len(self.sentences[number].split())
            if rank and (words > budget or rng.random() < config.drop_sentence):
                continue
            taken.append(number)
            budget -= words
        return tuple(self.sentences[number] for number in sorted(taken, key=lambda n: self.places[n]))


class ExampleSource:
    """Draws examples from books, in proportion to their numbers of claims and statements, and from NLI premises."""

    def __init__(
        self,
        books: Sequence[BookExamples],
        premises: Sequence[Premise],
        config: ExampleConfig,
        rng: random.Random,
    ) -> None:
        self.books, self.premises, self.config, self.rng = list(books), premises, config, rng
        self.pairs = [(book, pair) for book in books for pair in book.pairs]
        self.statements = [(book, item) for book in books for item in book.statements if item["evidence"]]
        self.names = sorted({name for book in books for name in book.names})
        shares = {
            self._of_claims: config.claims if self.pairs else 0.0,
            self._of_statement: config.statements if self.statements else 0.0,
            self._of_outline: config.outline if self.pairs else 0.0,
            self._of_nli: config.nli if premises else 0.0,
        }
        self.kinds = [kind for kind, share in shares.items() if share > 0]
        self.shares = [share for share in shares.values() if share > 0]
        if not self.kinds:
            raise TableError("the novels have no statement and the tables no pair of claims; give more of either")

    @property
    def description(self) -> str:
        """How many books, pairs and statements it draws from."""
        return f"{len(self.books)} books, {len(self.pairs):,} pairs of claims, {len(self.statements):,} statements"

    def draw(self, step: str, count: int) -> list[Example]:
        """Return the examples of a step, which depend on the step alone and not on earlier draws."""
        self.rng.seed(step)
        return [kind() for kind in self.rng.choices(self.kinds, self.shares, k=count)]

    def _of_claims(self) -> Example:
        book, pair = self.rng.choice(self.pairs)
        seed = self.rng.choice([pair[1], pair[0]])
        return self._of_pair(book, pair, book.evidence(seed["evidence"], self.config, self.rng))

    def _of_outline(self) -> Example:
        book, pair = self.rng.choice(self.pairs)
        seed = self.rng.choice([pair[1], pair[0]])
        outline = sorted(seed["outline"][: self.rng.randint(*_OUTLINE_SIZE)])
        return self._of_pair(book, pair, tuple(book.statements[number]["text"] for number in outline))

    def _of_pair(self, book: BookExamples, pair: dict[int, dict[str, Any]], evidence: tuple[str, ...]) -> Example:
        true, false = pair[1]["text"], pair[0]["text"]
        claims = [LabelledClaim(true, "supported"), LabelledClaim(false, "contradicted", true)]
        negative = book.negatives.make(true)
        if negative is not None:
            claims.append(LabelledClaim(negative.text, "contradicted", true))
        claims += self._unrelated_claim(book, [true, false])
        return self._perturb(book, Example(evidence, tuple(claims)), None)

    def _of_statement(self) -> Example:
        book, item = self.rng.choice(self.statements)
        text = item["text"]
        evidence = book.evidence(item["evidence"], self.config, self.rng)
        made = (book.negatives.make(text) for _ in range(CLAIMS_PER_EXAMPLE - 2))
        negatives = [negative for negative in made if negative is not None]
        claims = [LabelledClaim(text, "supported")]
        claims += [LabelledClaim(negative.text, "contradicted", text) for negative in negatives]
        claims += self._unrelated_claim(book, [text])
        return self._perturb(book, Example(evidence, tuple(claims)), negatives[0].edit if negatives else None)

    def _unrelated_claim(self, book: BookExamples, own: Collection[str]) -> list[LabelledClaim]:
        """Return a claim about something else in the book; none if the book has only the example's ``own``."""
        for _ in range(_TRIES):
            if self.rng.random() < 0.5 and book.pairs:
                text = self.rng.choice(book.pairs)[self.rng.randint(0, 1)]["text"]
            else:
                text = self.rng.choice(book.texts)
            if text not in own:
                return [LabelledClaim(text, "not_stated")]
        others = [text for text in book.texts if text not in own]
        return [LabelledClaim(self.rng.choice(others), "not_stated")] if others else []

    def _of_nli(self) -> Example:
        premise, hypotheses = self.rng.choice(self.premises)
        drawn = self.rng.sample(hypotheses, min(CLAIMS_PER_EXAMPLE, len(hypotheses)))
        return Example((premise,), tuple(LabelledClaim(text, label) for text, label in drawn))

    def _perturb(self, book: BookExamples, example: Example, edit: Edit | None) -> Example:
        """Return the example unchanged, or with unrelated, without, or with edited evidence, and perhaps renamed."""
        draw, config = self.rng.random(), self.config
        if draw < config.wrong_evidence:
            example = Example(self._unrelated_evidence(), _unstated(example.claims))
        elif draw < config.wrong_evidence + config.no_evidence or not example.evidence:
            example = _without_evidence(example)
        elif edit is not None and self.rng.random() < config.counterfactual:
            example = _edit_evidence(example, edit)
        if config.hide_evidence:
            example = replace(example, evidence=())
        if self.rng.random() < config.rename:
            example = self._rename(book, example)
        return example

    def _unrelated_evidence(self) -> tuple[str, ...]:
        """Return evidence for something else, most likely of another book."""
        if self.statements:
            other, item = self.rng.choice(self.statements)
            return other.evidence(item["evidence"], self.config, self.rng)
        other, pair = self.rng.choice(self.pairs)
        return other.evidence(pair[1]["evidence"], self.config, self.rng)

    def _rename(self, book: BookExamples, example: Example) -> Example:
        """Give the persons and places of an example other names, the same in the evidence and in the claims."""
        whole = " ".join([*example.evidence, *(claim.text for claim in example.claims)])
        own = sorted(book.names & set(find_names(whole)))
        if not own or len(own) > len(self.names):
            return example
        new = dict(zip(own, self.rng.sample(self.names, len(own)), strict=True))
        claims = tuple(
            replace(
                claim,
                text=replace_words(claim.text, new),
                true=None if claim.true is None else replace_words(claim.true, new),
            )
            for claim in example.claims
        )
        return Example(_replace_in(example.evidence, new), claims)


def _unstated(claims: Sequence[LabelledClaim]) -> tuple[LabelledClaim, ...]:
    return tuple(replace(claim, label="not_stated") for claim in claims)


def _without_evidence(example: Example) -> Example:
    return Example((), tuple(replace(claim, label="not_stated", claim_only=claim.label) for claim in example.claims))


def _edit_evidence(example: Example, edit: Edit) -> Example:
    """Edit the evidence as the first negative was edited, so that the negative is true and the original false."""
    changes = {edit.old: edit.new}
    if edit.exchanged:
        changes[edit.new] = edit.old
    evidence = _replace_in(example.evidence, changes)
    if evidence == example.evidence or len(example.claims) < 2:
        return example
    true, negative, *others = example.claims
    claims = (
        LabelledClaim(true.text, "contradicted", negative.text),
        LabelledClaim(negative.text, "supported"),
        *(replace(claim, true=negative.text) if claim.label == "contradicted" else claim for claim in others),
    )
    return Example(evidence, claims)


def _replace_in(sentences: tuple[str, ...], changes: dict[str, str]) -> tuple[str, ...]:
    return tuple(replace_words("\n".join(sentences), changes).split("\n")) if sentences else ()
