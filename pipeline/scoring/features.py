"""Evidence features: numbers that say how a passage of the novel bears on a claim.

Nothing here looks at the claim alone: its length, words and style tell an invented claim from a true one without any
reading, and a verdict built on them would be a trick. The rule that keeps them out: **a missing thing takes the value
that a silent passage gives**. Before a passage that says nothing every claim has one and the same row, whatever it
holds. Hence a claim without numbers scores as one whose numbers the passage does not touch (0), a claim without names
as one whose names are found as often as its words are (its coverage), and negation weighs only on shared words.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Callable, Sequence, Set
from dataclasses import dataclass
from itertools import pairwise

from pipeline.errors import ModelError
from pipeline.scoring.quantities import Quantity, find_quantities

Stems = Callable[[str], tuple[str, ...]]
Weight = Callable[[str], float]

LEXICAL_FEATURES = ("coverage_passage", "coverage_sentence", "coverage_union")
CLAIM_FEATURES = (
    *LEXICAL_FEATURES,
    "coverage_lead",
    "neighbours_found",
    "names_found",
    "numbers_matched",
    "numbers_conflict",
    "negation_mismatch",
    "gain",
    "gain_ratio",
    "gain_worst",
    "distance",
)
PAIR_FEATURES = tuple(name for name in CLAIM_FEATURES if name not in {"coverage_union", "coverage_lead"})

_WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)*")
_SENTENCE_START = re.compile(r"(?:^|[.!?][\"'”’)\]]*\s|[\"“‘(])[\s\"'“‘(]*$")
_POSSESSIVE = re.compile(r"['’]s?$", re.IGNORECASE)
_CLAUSE_END = re.compile(r"[,;:.!?—]")
_NEGATORS = frozenset(
    {"not", "never", "no", "nor", "neither", "none", "nobody", "nothing", "nowhere", "cannot"}
    | {"without", "hardly", "scarcely", "barely"}
)
_NEGATED_WORDS = 4
_NUMBER_CONTEXT = 4
_WORST_SHARE = 0.2
_ROUNDING = 1e-3


@dataclass(frozen=True)
class SurpriseGain:
    """How much less surprising a claim became to the reader once it had read the evidence.

    ``alone`` and ``given`` are nats per token of the claim, without and with the evidence. ``per_token``, when known,
    holds for each token of the claim its surprise without less its surprise with the evidence, so that its mean is
    ``alone - given``.
    """

    alone: float
    given: float
    per_token: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        if not all(map(math.isfinite, (self.alone, self.given, *self.per_token))) or min(self.alone, self.given) < 0:
            raise ModelError(
                f"the reader's surprise is {self.alone} alone and {self.given} given the evidence; both must be finite "
                f"and not negative: check the weights"
            )
        if self.per_token and abs(sum(self.per_token) / len(self.per_token) - self.gain) > _ROUNDING:
            raise ValueError(
                f"the mean of per_token is {sum(self.per_token) / len(self.per_token):.4f}; it must equal "
                f"alone - given ({self.gain:.4f}): pass gains, not surprises"
            )

    @property
    def gain(self) -> float:
        """Return the nats per token that the evidence saved."""
        return self.alone - self.given

    @property
    def ratio(self) -> float:
        """Return the share of the claim's surprise that the evidence took away; 0 where there was no surprise."""
        return self.gain / self.alone if self.alone else 0.0

    @property
    def worst(self) -> float:
        """Return the mean gain of the fifth of the tokens that gained least; the gain itself without ``per_token``.

        A small false detail in a claim that fits otherwise shows here. A share, not the minimum: the minimum of many
        tokens lies below that of few, and would tell the length of the claim.
        """
        if not self.per_token:
            return self.gain
        worst = sorted(self.per_token)[: math.ceil(len(self.per_token) * _WORST_SHARE)]
        return sum(worst) / len(worst)


@dataclass(frozen=True)
class Passage:
    """The sentences of one chunk, verbatim and in order."""

    sentences: tuple[str, ...]

    @property
    def text(self) -> str:
        """Return the sentences as one text."""
        return " ".join(self.sentences)


def pair_features(
    claim_text: str, passage: Passage, gain: SurpriseGain, *, distance: float, weight: Weight, stems: Stems
) -> dict[str, float]:
    """Return the ``PAIR_FEATURES`` of a claim before one passage; see ``claim_features``."""
    row = claim_features(claim_text, (passage,), gain, distances=(distance,), weight=weight, stems=stems)
    return {name: row[name] for name in PAIR_FEATURES}


def claim_features(
    claim_text: str,
    passages: Sequence[Passage],
    gain: SurpriseGain,
    *,
    distances: Sequence[float],
    weight: Weight,
    stems: Stems,
) -> dict[str, float]:
    """Return the ``CLAIM_FEATURES`` of a claim before its top passages.

    ``coverage_*``: share of the claim's stems, by ``weight`` (inverse document frequency), that stand in the best
    passage, in the best sentence, in all passages together. ``coverage_lead``: that of the first passage above the mean
    of the others. ``neighbours_found``: share of the claim's pairs of neighbouring stems that stand as near in a
    passage. ``names_found``: share of its names in the best passage.
    ``numbers_matched``: share of its numbers that the passages state. ``numbers_conflict``: 1 where a number that they
    do not state has another of its kind near a word they share. ``negation_mismatch``: share of its stems that the
    best sentence has too, but denied in one of the two only. ``gain``, ``gain_ratio``, ``gain_worst``: see
    ``SurpriseGain``. ``distance``: that of the nearest passage.
    """
    if not passages or len(passages) != len(distances):
        raise ValueError(f"{len(passages)} passages with {len(distances)} distances; each passage needs its distance")
    lexicon = _Lexicon(stems, weight)
    return {
        **_coverage(claim_text, passages, lexicon),
        "neighbours_found": _neighbours_found(claim_text, passages, lexicon),
        "names_found": max(_names_found(claim_text, passage, lexicon) for passage in passages),
        **_numbers(claim_text, passages, lexicon),
        "negation_mismatch": _negation_mismatch(claim_text, passages, lexicon),
        "gain": gain.gain,
        "gain_ratio": gain.ratio,
        "gain_worst": gain.worst,
        "distance": min(distances),
    }


def best_sentence(claim_text: str, sentences: Sequence[str], *, weight: Weight, stems: Stems) -> int:
    """Return the index of the sentence that covers most of the claim; of equals the one with fewest stems, the first.

    This is the sentence to quote.
    """
    if not sentences:
        raise ValueError("no sentence to choose from; a passage holds at least one")
    return _best_sentence(claim_text, sentences, _Lexicon(stems, weight))


@dataclass(frozen=True)
class _Lexicon:
    stems: Stems
    weight: Weight

    def stem_set(self, text: str) -> frozenset[str]:
        return frozenset(self.stems(text))

    def mass(self, stems: Set[str]) -> float:
        return math.fsum(self.weight(stem) for stem in stems)

    def share(self, part: Set[str], whole: Set[str]) -> float:
        mass = self.mass(whole)
        return self.mass(part & whole) / mass if mass else 0.0


def _coverage(claim_text: str, passages: Sequence[Passage], lexicon: _Lexicon) -> dict[str, float]:
    claim = lexicon.stem_set(claim_text)
    sentences = [[lexicon.stem_set(sentence) for sentence in passage.sentences] for passage in passages]
    whole = [frozenset[str]().union(*stems) for stems in sentences]
    first, *others = [lexicon.share(stems, claim) for stems in whole]
    return {
        "coverage_passage": max(first, *others, 0.0),
        "coverage_sentence": max(lexicon.share(stems, claim) for passage in sentences for stems in passage),
        "coverage_union": lexicon.share(frozenset[str]().union(*whole), claim),
        "coverage_lead": first - sum(others) / len(others) if others else first,
    }


def _neighbours_found(claim_text: str, passages: Sequence[Passage], lexicon: _Lexicon) -> float:
    """Return the share of pairs of neighbouring stems found in order, side by side or with one stem between them."""
    wanted = set(pairwise(lexicon.stems(claim_text)))
    if not wanted:
        return 0.0
    near: set[tuple[str, str]] = set()
    for passage in passages:
        stems = lexicon.stems(passage.text)
        near.update(pairwise(stems), zip(stems, stems[2:], strict=False))
    return len(wanted & near) / len(wanted)


def _best_sentence(claim_text: str, sentences: Sequence[str], lexicon: _Lexicon) -> int:
    claim = lexicon.stem_set(claim_text)
    stems = [lexicon.stem_set(sentence) for sentence in sentences]
    return max(range(len(sentences)), key=lambda index: (lexicon.share(stems[index], claim), -len(stems[index])))


def _names_found(claim_text: str, passage: Passage, lexicon: _Lexicon) -> float:
    names = claim_names(claim_text)
    if not names:
        return lexicon.share(lexicon.stem_set(passage.text), lexicon.stem_set(claim_text))
    return len(names & {_fold(word) for word in _WORD.findall(passage.text)}) / len(names)


def claim_names(text: str) -> frozenset[str]:
    """Return the capitalised words that start no sentence, folded: without accents, case and possessive.

    >>> sorted(claim_names("He met Edmond Dantès's father. Then I left."))
    ['dantes', 'edmond']
    """
    words = [match for match in _WORD.finditer(text) if match.group()[0].isupper()]
    return frozenset(
        _fold(word.group())
        for word in words
        if not _SENTENCE_START.search(text[: word.start()]) and word.group()[:2] not in {"I", "I'", "I’"}
    )


def _fold(word: str) -> str:
    plain = unicodedata.normalize("NFKD", _POSSESSIVE.sub("", word))
    return "".join(letter for letter in plain if not unicodedata.combining(letter)).casefold()


def _numbers(claim_text: str, passages: Sequence[Passage], lexicon: _Lexicon) -> dict[str, float]:
    wanted = find_quantities(claim_text)
    if not wanted:
        return {"numbers_matched": 0.0, "numbers_conflict": 0.0}
    stated = [(quantity, passage.text) for passage in passages for quantity in find_quantities(passage.text)]
    values = {quantity.value for quantity, _ in stated}
    open_questions = [quantity for quantity in wanted if quantity.value not in values]
    conflict = any(
        _conflicts((quantity, claim_text), other, lexicon) for quantity in open_questions for other in stated
    )
    return {"numbers_matched": 1 - len(open_questions) / len(wanted), "numbers_conflict": float(conflict)}


def _conflicts(one: tuple[Quantity, str], other: tuple[Quantity, str], lexicon: _Lexicon) -> bool:
    if one[0].kind != other[0].kind:
        return False
    return not _context(*one, lexicon).isdisjoint(_context(*other, lexicon))


def _context(quantity: Quantity, text: str, lexicon: _Lexicon) -> frozenset[str]:
    """Return the stems within four words of a number; no names, which stand near every number of their owner."""
    before = [match.group() for match in _WORD.finditer(text[: quantity.start])][-_NUMBER_CONTEXT:]
    after = [match.group() for match in _WORD.finditer(text[quantity.end :])][:_NUMBER_CONTEXT]
    return lexicon.stem_set(" ".join(word for word in before + after if word[0].islower()))


def _negation_mismatch(claim_text: str, passages: Sequence[Passage], lexicon: _Lexicon) -> float:
    sentences = [sentence for passage in passages for sentence in passage.sentences]
    sentence = sentences[_best_sentence(claim_text, sentences, lexicon)]
    claim = lexicon.stem_set(claim_text)
    shared = claim & lexicon.stem_set(sentence)
    return lexicon.share(shared & (_denied(claim_text, lexicon) ^ _denied(sentence, lexicon)), claim)


def _denied(text: str, lexicon: _Lexicon) -> frozenset[str]:
    """Return the stems of the four words after each word of negation, up to the next mark of punctuation."""
    clauses = (_WORD.findall(clause) for clause in _CLAUSE_END.split(text))
    denied = [
        word
        for words in clauses
        for index, negator in enumerate(words)
        if negator.casefold() in _NEGATORS or negator.casefold().endswith(("n't", "n’t"))
        for word in words[index + 1 : index + 1 + _NEGATED_WORDS]
    ]
    return lexicon.stem_set(" ".join(denied))
