"""Packs: one piece of evidence and several claims read from it, drawn without end from questions about novels."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

from pipeline.errors import SettingError, TableError
from pipeline.training.negatives import Changes, Edit, TwinMaker, find_names, replace_words

Premise = tuple[str, list[tuple[str, str]]]
"""A text, and what was said of it with its label."""

SLOTS = 4
"""Claims that share one piece of evidence."""
_NOTES = (3, 8)
_TRIES = 8
_COUNTED = ("fewest_words", "most_words")


@dataclass(frozen=True)
class Asked:
    """A claim of a pack. ``true`` is the true text that a false one was made from.

    ``alone`` is the label it has before its own evidence, kept where there is none.
    """

    text: str
    label: str
    true: str | None = None
    alone: str | None = None


@dataclass(frozen=True)
class Pack:
    """Evidence, sentence by sentence, and the claims that are read from it."""

    evidence: tuple[str, ...]
    claims: tuple[Asked, ...]


@dataclass(frozen=True)
class PackConfig:
    """Shares of what is drawn, and how much of it is disturbed."""

    claims: float = 0.3
    statements: float = 0.5
    notes: float = 0.1
    nli: float = 0.1
    rename: float = 0.4
    counterfactual: float = 0.3
    wrong_evidence: float = 0.08
    no_evidence: float = 0.05
    blind: bool = False
    drop_sentence: float = 0.1
    fewest_words: int = 90
    most_words: int = 200

    def __post_init__(self) -> None:
        """Raise SettingError for what is no share, or no range of words."""
        shares = {item.name: getattr(self, item.name) for item in fields(self) if item.name not in _COUNTED}
        wrong = [name for name, share in shares.items() if not 0 <= share <= 1]
        if wrong:
            raise SettingError(f"{wrong[0]} is {shares[wrong[0]]}; it is a share and must lie between 0 and 1")
        if not 0 < self.fewest_words <= self.most_words:
            raise SettingError(
                f"fewest_words is {self.fewest_words} and most_words {self.most_words}; the first must be positive and "
                "no more than the second"
            )


def pairs_of(row: dict[str, Any]) -> list[dict[int, dict[str, Any]]]:
    """Return the claims of a book that have a twin, by label (1 true, 0 false)."""
    pairs: dict[str, dict[int, dict[str, Any]]] = {}
    for claim in row["claims"]:
        pairs.setdefault(claim["pair"], {})[claim["label"]] = claim
    return [pair for pair in pairs.values() if len(pair) == 2]


class Book:
    """The questions about one novel, and what its twins are made of."""

    def __init__(self, row: dict[str, Any], changes: Changes, chance: random.Random) -> None:
        self.sentences: list[str] = row["sentences"]
        self.places: list[int] = row["place"]
        self.statements: list[dict[str, Any]] = row["statements"]
        self.pairs = pairs_of(row)
        texts = [item["text"] for item in self.statements] + [pair[1]["text"] for pair in self.pairs]
        self.texts = texts
        self.maker = TwinMaker.of_book(texts, changes, chance)
        counts = Counter(self.maker.names)
        self.names = frozenset(name for name, count in counts.items() if count >= 2)

    def evidence(self, chosen: Sequence[int], config: PackConfig, chance: random.Random) -> tuple[str, ...]:
        """Return some of the chosen sentences in the order of the book."""
        budget = chance.randint(config.fewest_words, config.most_words)
        kept: list[int] = []
        for rank, number in enumerate(chosen):
            words = len(self.sentences[number].split())
            if rank and (words > budget or chance.random() < config.drop_sentence):
                continue
            kept.append(number)
            budget -= words
        return tuple(self.sentences[number] for number in sorted(kept, key=lambda n: self.places[n]))


class PackSource:
    """Draws packs from books, in proportion to what each has to ask, and from NLI premises."""

    def __init__(
        self,
        books: Sequence[Book],
        premises: Sequence[Premise],
        config: PackConfig,
        chance: random.Random,
    ) -> None:
        self.books, self.premises, self.config, self.chance = list(books), premises, config, chance
        self.pairs = [(book, pair) for book in books for pair in book.pairs]
        self.statements = [(book, item) for book in books for item in book.statements if item["ev"]]
        self.names = sorted({name for book in books for name in book.names})
        shares = {
            self._claims: config.claims if self.pairs else 0.0,
            self._statements: config.statements if self.statements else 0.0,
            self._notes: config.notes if self.pairs else 0.0,
            self._nli: config.nli if premises else 0.0,
        }
        self.kinds = [kind for kind, share in shares.items() if share > 0]
        self.shares = [share for share in shares.values() if share > 0]
        if not self.kinds:
            raise TableError("the novels hold no statement and the tables no pair of claims; give more of either")

    def draw(self, step: str, count: int) -> list[Pack]:
        """Return the packs of a step: the same ones whoever asks, and whenever."""
        self.chance.seed(step)
        return [kind() for kind in self.chance.choices(self.kinds, self.shares, k=count)]

    def _claims(self) -> Pack:
        book, pair = self.chance.choice(self.pairs)
        seed = self.chance.choice([pair[1], pair[0]])
        return self._of_pair(book, pair, book.evidence(seed["ev"], self.config, self.chance))

    def _notes(self) -> Pack:
        book, pair = self.chance.choice(self.pairs)
        seed = self.chance.choice([pair[1], pair[0]])
        notes = sorted(seed["notes"][: self.chance.randint(*_NOTES)])
        return self._of_pair(book, pair, tuple(book.statements[number]["text"] for number in notes))

    def _of_pair(self, book: Book, pair: dict[int, dict[str, Any]], evidence: tuple[str, ...]) -> Pack:
        true, false = pair[1]["text"], pair[0]["text"]
        asked = [
            Asked(true, "supported"),
            Asked(false, "contradicted", true),
        ]
        twin = book.maker.make(true)
        if twin is not None:
            asked.append(Asked(twin.text, "contradicted", true))
        asked += self._elsewhere(book, [true, false])
        return self._disturb(book, Pack(evidence, tuple(asked)), None)

    def _statements(self) -> Pack:
        book, item = self.chance.choice(self.statements)
        text = item["text"]
        evidence = book.evidence(item["ev"], self.config, self.chance)
        twins = [twin for twin in (book.maker.make(text) for _ in range(SLOTS - 2)) if twin is not None]
        asked = [Asked(text, "supported"), *(Asked(twin.text, "contradicted", text) for twin in twins)]
        asked += self._elsewhere(book, [text])
        return self._disturb(book, Pack(evidence, tuple(asked)), twins[0].edit if twins else None)

    def _elsewhere(self, book: Book, own: Collection[str]) -> list[Asked]:
        """Return a claim about something else in the book; none where only the pack's ``own`` are to be found."""
        for _ in range(_TRIES):
            if self.chance.random() < 0.5 and book.pairs:
                text = self.chance.choice(book.pairs)[self.chance.randint(0, 1)]["text"]
            else:
                text = self.chance.choice(book.texts)
            if text not in own:
                return [Asked(text, "not_stated")]
        others = [text for text in book.texts if text not in own]
        return [Asked(self.chance.choice(others), "not_stated")] if others else []

    def _nli(self) -> Pack:
        premise, hypotheses = self.chance.choice(self.premises)
        drawn = self.chance.sample(hypotheses, min(SLOTS, len(hypotheses)))
        return Pack((premise,), tuple(Asked(text, label) for text, label in drawn))

    def _disturb(self, book: Book, pack: Pack, edit: Edit | None) -> Pack:
        """Return the pack as it is, or before strange evidence, before none, or before evidence that was edited."""
        draw = self.chance.random()
        if draw < self.config.wrong_evidence:
            pack = Pack(self._strange(), tuple(replace(asked, label="not_stated") for asked in pack.claims))
        elif draw < self.config.wrong_evidence + self.config.no_evidence or not pack.evidence:
            pack = Pack((), tuple(replace(asked, label="not_stated", alone=asked.label) for asked in pack.claims))
        elif edit is not None and self.chance.random() < self.config.counterfactual:
            pack = _against_the_book(pack, edit)
        if self.config.blind:
            pack = replace(pack, evidence=())
        if self.chance.random() < self.config.rename:
            pack = self._renamed(book, pack)
        return pack

    def _strange(self) -> tuple[str, ...]:
        """Return evidence for something else, most likely of another book."""
        if self.statements:
            other, item = self.chance.choice(self.statements)
            return other.evidence(item["ev"], self.config, self.chance)
        other, pair = self.chance.choice(self.pairs)
        return other.evidence(pair[1]["ev"], self.config, self.chance)

    def _renamed(self, book: Book, pack: Pack) -> Pack:
        """Give the persons and places of a pack other names, the same in the evidence and in the claims."""
        whole = " ".join([*pack.evidence, *(asked.text for asked in pack.claims)])
        own = sorted(book.names & set(find_names(whole)))
        if not own or len(own) > len(self.names):
            return pack
        new = dict(zip(own, self.chance.sample(self.names, len(own)), strict=True))
        claims = tuple(
            replace(
                asked,
                text=replace_words(asked.text, new),
                true=None if asked.true is None else replace_words(asked.true, new),
            )
            for asked in pack.claims
        )
        return Pack(_replaced(pack.evidence, new), claims)


def _against_the_book(pack: Pack, edit: Edit) -> Pack:
    """Change the evidence as the first twin was changed: what was false is then true, and what was true is false."""
    changes = {edit.old: edit.new}
    if edit.exchanged:
        changes[edit.new] = edit.old
    evidence = _replaced(pack.evidence, changes)
    if evidence == pack.evidence or len(pack.claims) < 2:
        return pack
    true, twin, *others = pack.claims
    flipped = (
        Asked(true.text, "contradicted", twin.text),
        Asked(twin.text, "supported"),
        *(replace(asked, true=twin.text) if asked.label == "contradicted" else asked for asked in others),
    )
    return Pack(evidence, flipped)


def _replaced(sentences: tuple[str, ...], changes: dict[str, str]) -> tuple[str, ...]:
    return tuple(replace_words("\n".join(sentences), changes).split("\n")) if sentences else ()
