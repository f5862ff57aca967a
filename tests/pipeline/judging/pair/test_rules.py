"""The declared rules: what counts as about a claim, and what contradicts it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import settings as bounded
from hypothesis import strategies as st

from pipeline.judging.pair.interface import PassageQuestion
from pipeline.judging.pair.rules import RulesJudge, conflict_cues
from pipeline.judging.verdict import label_pair
from pipeline.records import PairLabel
from pipeline.retrieval.index import Lexicon


def stems(text: str) -> tuple[str, ...]:
    return tuple(text.lower().replace(".", "").split())


LEXICON = Lexicon(stems, lambda stem: 0.1 if stem in {"the", "a", "was", "she", "her"} else 1.0)


def judged(claim: str, *sentences: str) -> PairLabel:
    (chances,) = RulesJudge().label_passages([PassageQuestion(claim, sentences)], lexicon=LEXICON)
    return label_pair(chances)


@pytest.mark.parametrize(
    ("claim", "text", "cues"),
    [
        ("Her father was alive.", "Her father was dead.", ("opposite",)),
        ("She paid him.", "She never paid him.", ("negation",)),
        ("She didn't pay.", "She did not pay.", ()),
        ("The boat held twelve people.", "It held eleven people and 1 cow.", ("number",)),
        ("The boat held eleven people.", "It held 11 people.", ()),
        ("He had no brother.", "His sister was there.", ("negation", "opposite")),
        ("She rowed.", "She rowed.", ()),
        ("Mother and father came.", "Mother came, and father.", ()),
    ],
)
def test_conflict_cues_are_negation_opposites_and_other_numbers(claim: str, text: str, cues: tuple[str, ...]) -> None:
    assert conflict_cues(claim, text) == cues


def test_passage_that_holds_the_words_supports() -> None:
    assert judged("Anna kept the ferry.", "The night was dark.", "Anna kept the ferry.") == "support"


def test_passage_that_holds_the_words_and_a_cue_contradicts() -> None:
    assert judged("Anna kept the ferry.", "Anna never kept the ferry.") == "contradict"


def test_passage_about_something_else_is_irrelevant_whatever_its_cues() -> None:
    assert judged("Anna kept the ferry.", "The baker never slept.", "Nobody was dead.") == "irrelevant"


def test_words_must_be_near_each_other() -> None:
    words = (
        "Anna slept.",
        "Rain fell on stones.",
        "Dogs barked at him.",
        "He kept it.",
        "Bells rang.",
        "A ferry left.",
    )
    assert judged("Anna kept the ferry.", *words) == "irrelevant"
    assert judged("Anna kept the ferry.", "Anna slept.", "She kept the ferry.") == "support"


@bounded(max_examples=40)
@given(st.text(max_size=60), st.lists(st.text(max_size=60), max_size=4))
def test_any_texts_give_probabilities(claim: str, sentences: list[str]) -> None:
    done: list[int] = []
    (chances,) = RulesJudge().label_passages(
        [PassageQuestion(claim, tuple(sentences))], lexicon=LEXICON, on_progress=done.append
    )
    assert sum(chances.values()) == pytest.approx(1)
    assert all(-1e-12 <= chance <= 1 for chance in chances.values())
    assert done == [1]
