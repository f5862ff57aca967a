"""What the memory of a model holds: facts at growing distances, repeated words, and streams with a period.

A model is asked without writing: each question is read from the state after a text, and the state stays as it was. So
one reading of a long text answers for every distance on its way.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
import torch

from bdh.errors import ConfigError, DataError
from bdh.model import evaluating
from bdh.neuro.model import LanguageModel
from bdh.shapes import Float, Tensor
from bdh.state import State
from bdh.tokenizer import Tokenizer

LONGEST = 65536
_SHORTEST, _SEGMENT = 64, 4096
_PERIODS = (1, 2, 4, 8, 16, 32, 64, 128)
_NAMES = ("Mira", "Odin", "Tess", "Hugo", "Lena", "Karl", "Anja", "Wulf")
_VALUES = (
    *("copper", "silver", "purple", "orange", "yellow", "violet", "indigo", "maroon", "black", "green", "white", "red"),
    *(
        "gold",
        "blue",
        "brown",
        "grey",
        "pink",
        "scarlet",
        "amber",
        "iron",
        "lead",
        "tin",
        "jade",
        "ruby",
        "zinc",
        "bronze",
    ),
)
_WORDS, _LETTERS = 4, 12
_WHO = ("the ferryman", "a tired clerk", "her brother", "the old captain", "some traveller", "the new teacher")
_DID = ("walked to", "looked at", "spoke of", "stayed near", "came back from", "thought about", "turned away from")
_WHAT = (
    "the harbour",
    "a long letter",
    "the empty house",
    "the river",
    "a market town",
    "the garden",
    "the last train",
)
_WHEN = ("in the morning", "before dark", "without a word", "for a while", "as the rain fell", "late in the year")


@dataclass(frozen=True)
class RecallPoint:
    """Accuracy at one distance, with the state carried and with it reset after what is to be recalled.

    ``nats`` is by how much the right answer is likelier than the mean of the wrong ones; ``asked`` counts answers.
    """

    distance: int
    asked: int
    carried: float
    reset: float
    nats_carried: float
    nats_reset: float


@dataclass(frozen=True)
class Recall:
    """Curves over the distance in tokens: facts, repeated words, and streams that repeat after so many tokens."""

    key_value: list[RecallPoint]
    induction: list[RecallPoint]
    n_back: list[RecallPoint]
    letters: int

    def chance(self) -> dict[str, float]:
        """Return the accuracy of guessing in each task."""
        return {"key_value": 1 / len(_NAMES), "induction": 1 / self.letters, "n_back": 1 / self.letters}

    def reach(self) -> dict[str, int]:
        """Return the longest distance of each task up to which every accuracy is above chance (binomial, p < .01)."""
        return {name: _reach(getattr(self, name), chance) for name, chance in self.chance().items()}

    def line(self) -> str:
        """Return the result in one line."""
        first, last, reach, chance = self.key_value[0], self.key_value[-1], self.reach(), self.chance()
        return (
            f"facts: {first.carried:.2f} right at {first.distance:,} tokens, {last.carried:.2f} at {last.distance:,} "
            f"(chance {chance['key_value']:.2f}, state reset {last.reset:.2f}); above chance up to "
            f"{reach['key_value']:,} tokens, repeated words up to {reach['induction']:,}, n-back up to "
            f"{reach['n_back']:,}"
        )

    def to_dict(self) -> dict[str, Any]:
        """Return a JSON-able mapping."""
        return {**asdict(self), "chance": self.chance(), "above_chance_up_to": self.reach(), "summary": self.line()}


class _Question(NamedTuple):
    """Tokens to read, the places whose next token is predicted, and for each the choices with the right one first."""

    prompt: list[int]
    places: list[int]
    choices: list[list[int]]


class _Answers(NamedTuple):
    """For each answer whether the right choice was the likeliest, and its lead over the mean of the others in nats."""

    right: list[float]
    nats: list[float]


@torch.inference_mode()
def measure_recall(
    model: LanguageModel,
    tokenizer: Tokenizer,
    *,
    longest: int = LONGEST,
    trials: int = 4,
    seed: int = 0,
    filler: str | None = None,
    on_progress: Callable[[int], object] = lambda tokens: None,
) -> Recall:
    """Ask for facts and words after 64 tokens, 128, and so on up to ``longest``, and for streams of a period.

    Each of ``trials`` texts begins with other facts and words; all go on with ``filler``, or with plain made-up
    sentences. With the state reset the same filler is read without what came before. ``on_progress`` is called with
    the number of tokens read. Raises ConfigError for a setting, DataError for a filler that is too short.
    """
    if longest < _SHORTEST or trials < 1 or seed < 0:
        raise ConfigError(
            f"longest {longest}, trials {trials}, seed {seed}: they must be at least {_SHORTEST}, 1 and 0"
        )
    distances = [_SHORTEST << power for power in range((longest // _SHORTEST).bit_length())]
    text, letters = _filler_tokens(tokenizer, filler, distances[-1]), _letter_tokens(tokenizer)
    plans = [_Plan(tokenizer, letters, np.random.default_rng([seed, trial])) for trial in range(trials)]
    facts, words = [], []
    with evaluating(model):
        states: list[State | None] = [None, *(_read(model, None, plan.opening) for plan in plans)]
        for start, stop in pairwise([0, *distances]):
            states = [_read(model, state, text[start:stop]) for state in states]
            asked = [plan.ask(model, state, states[0]) for plan, state in zip(plans, states[1:], strict=True)]
            facts.append(_point(stop, [pair for pair, _ in asked]))
            words.append(_point(stop, [pair for _, pair in asked]))
            on_progress((stop - start) * len(states))
        periods = [_n_back(model, letters, period, np.random.default_rng([seed, period])) for period in _PERIODS]
    return Recall(facts, words, periods, len(letters))


class _Pair(NamedTuple):
    carried: _Answers
    reset: _Answers


class _Plan:
    """The facts and words of one text, and the questions about them."""

    def __init__(self, tokenizer: Tokenizer, letters: list[int], chance: np.random.Generator) -> None:
        values: list[str] = chance.permutation(_choose_values(tokenizer)).tolist()
        facts = " ".join(f"The password of {name} is {value}." for name, value in zip(_NAMES, values, strict=True))
        firsts = chance.permutation(letters)[:_WORDS]
        words = [[int(first), *map(int, chance.choice(letters, _LETTERS - 1))] for first in firsts]
        space = tokenizer.encode("\n")
        listed = [token for word in words for token in (*word, *space)]
        self.opening = [*space, *listed, *tokenizer.encode(facts + "\n")]
        pairs = zip(_NAMES, values, strict=True)
        self._facts = [_fact_question(tokenizer, name, value, values) for name, value in pairs]
        self._words = [_word_question(space, word, letters) for word in words]

    def ask(self, model: LanguageModel, carried: State | None, reset: State | None) -> tuple[_Pair, _Pair]:
        """Return the answers about facts and about words, each from both states."""
        facts, words = (
            _Pair(*(_join([_answer(model, state, question) for question in questions]) for state in (carried, reset)))
            for questions in (self._facts, self._words)
        )
        return facts, words


def _choose_values(tokenizer: Tokenizer) -> list[str]:
    """Return as many values as names, which differ in the first token in which any of them do."""
    texts = [tokenizer.encode(_ask_for(_NAMES[0], value)) for value in _VALUES]
    place = _first_difference(texts)
    chosen: dict[int, str] = {}
    for text, value in zip(texts, _VALUES, strict=True):
        chosen.setdefault(text[place], value)
    if len(chosen) < len(_NAMES):
        raise DataError(
            f"the tokenizer has {len(chosen)} different first tokens for {len(_VALUES)} common words; recall needs "
            f"{len(_NAMES)} to tell the answers apart"
        )
    return list(chosen.values())[: len(_NAMES)]


def _fact_question(tokenizer: Tokenizer, name: str, value: str, values: Sequence[str]) -> _Question:
    """Ask for a value at the first token in which the values differ."""
    texts = [tokenizer.encode(_ask_for(name, choice)) for choice in (value, *(set(values) - {value}))]
    place = _first_difference(texts)
    return _Question(texts[0][:place], [place - 1], [[text[place] for text in texts]])


def _ask_for(name: str, value: str) -> str:
    return f"\nThe password of {name} is {value}"


def _first_difference(texts: Sequence[list[int]]) -> int:
    return next(place for place, tokens in enumerate(zip(*texts, strict=False)) if len(set(tokens)) > 1)


def _word_question(space: list[int], word: list[int], letters: list[int]) -> _Question:
    """Ask for each letter of a word after the first."""
    start = len(space)
    places = list(range(start, start + len(word) - 1))
    return _Question([*space, *word[:-1]], places, [_right_first(token, letters) for token in word[1:]])


def _right_first(right: int, choices: list[int]) -> list[int]:
    return [right, *(choice for choice in choices if choice != right)]


def _answer(model: LanguageModel, state: State | None, question: _Question) -> _Answers:
    """Read a question without writing it, and return its answers."""
    tokens = torch.tensor([question.prompt], device=model.device)
    logits = model(tokens, state=state, keep_state=False).logits[0]
    return _judge(logits[question.places].float(), torch.tensor(question.choices, device=model.device))


def _judge(logits: Float[Tensor, "P V"], choices: Tensor) -> _Answers:
    """Compare the choices at each place, the right one first; a tie counts as wrong."""
    chosen = logits.log_softmax(dim=1).gather(1, choices)
    right = chosen[:, 0] > chosen[:, 1:].amax(dim=1)
    return _Answers(right.float().tolist(), (chosen[:, 0] - chosen[:, 1:].mean(dim=1)).tolist())


def _n_back(model: LanguageModel, letters: list[int], period: int, chance: np.random.Generator) -> RecallPoint:
    """Ask for each token of the third period of a random stream; reset: the memory is emptied before it."""
    asked: list[_Pair] = []
    for _ in range(max(4, 64 // period)):
        stream = chance.choice(letters, period).tolist()
        choices = [_right_first(token, letters) for token in stream]
        again = _Question([*stream, *stream, *stream[:-1]], list(range(2 * period - 1, 3 * period - 1)), choices)
        alone = _Question([stream[-1], *stream[:-1]], list(range(period)), choices)
        asked.append(_Pair(_answer(model, None, again), _answer(model, None, alone)))
    return _point(period, asked)


def _read(model: LanguageModel, state: State | None, tokens: Sequence[int]) -> State:
    """Return the state after ``tokens``, read in segments."""
    for start in range(0, len(tokens), _SEGMENT):
        segment = torch.tensor([tokens[start : start + _SEGMENT]], device=model.device)
        state = model.encode(segment, state, "chunkwise")[1]  # type: ignore[arg-type]
    assert state is not None
    return state


def _filler_tokens(tokenizer: Tokenizer, filler: str | None, count: int) -> list[int]:
    """Return ``count`` tokens of ``filler``, or of sentences made from short lists."""
    if filler is None:
        filler = "".join(_sentences(np.random.default_rng(0), 8 * count))
    tokens = tokenizer.encode(filler)
    if len(tokens) < count:
        raise DataError(f"the text has {len(tokens):,} tokens, longest is {count:,}; give a longer text or less")
    return tokens[:count]


def _sentences(chance: np.random.Generator, size: int) -> Iterator[str]:
    while size > 0:
        parts = (str(words[int(chance.integers(len(words)))]) for words in (_WHO, _DID, _WHAT, _WHEN))
        sentence = " ".join(parts).capitalize() + ". "
        size -= len(sentence)
        yield sentence


def _letter_tokens(tokenizer: Tokenizer) -> list[int]:
    """Return the tokens of the small letters; raises DataError if the vocabulary has not enough of them."""
    coded = [tokenizer.encode(letter) for letter in "abcdefghijklmnopqrstuvwxyz"]
    letters = [tokens[0] for tokens in coded if len(tokens) == 1]
    if len(letters) < 2 * _WORDS:
        raise DataError(f"the tokenizer has {len(letters)} letters as single tokens; recall needs {2 * _WORDS}")
    return letters


def _join(parts: Sequence[_Answers]) -> _Answers:
    return _Answers([right for part in parts for right in part.right], [nats for part in parts for nats in part.nats])


def _point(distance: int, pairs: Sequence[_Pair]) -> RecallPoint:
    carried, reset = _join([pair.carried for pair in pairs]), _join([pair.reset for pair in pairs])
    means = (round(float(np.mean(values)), 4) for values in (carried.right, reset.right, carried.nats, reset.nats))
    return RecallPoint(distance, len(carried.right), *means)


def _reach(points: Sequence[RecallPoint], chance: float) -> int:
    reached = 0
    for point in points:
        if _tail(point.asked, round(point.carried * point.asked), chance) >= 0.01:
            break
        reached = point.distance
    return reached


def _tail(count: int, right: int, chance: float) -> float:
    """Return the probability that guessing gives at least ``right`` of ``count`` answers."""
    return sum(math.comb(count, k) * chance**k * (1 - chance) ** (count - k) for k in range(right, count + 1))
