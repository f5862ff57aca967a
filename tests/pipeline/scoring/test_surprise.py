"""The reader's surprise at a claim: that of a forked memory, whatever is read side by side."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import bdh
from pipeline.scoring import surprise
from pipeline.scoring.features import SurpriseGain
from pipeline.scoring.surprise import Question, measure_gains

TOKENIZER = bdh.ByteTokenizer()
PASSAGES = (
    "Anna Reed kept the ferry at Low Water. She had kept it since she was nineteen.",
    "It held eleven people and one cow.",
    "He slept badly. At night he walked along the dyke with a lantern, and the dogs did not bark at him. " * 3,
)
QUESTIONS = (
    Question("Anna Reed kept the ferry.", PASSAGES),
    Question("The doctor never slept at night, and everybody knew it.", PASSAGES[1:]),
    Question("No.", PASSAGES[:1]),
)
TEXTS = st.text("abcé .,“”", min_size=1, max_size=40).filter(lambda text: bool(text.split()))


@pytest.fixture(scope="module")
def model(stand_in_reader: Path) -> bdh.BDH:
    """The stand-in."""
    return bdh.load_bdh(stand_in_reader)[0]


def forked(model: bdh.BDH, context: str, claims: Sequence[str]) -> list[torch.Tensor]:
    """Read a context, fork the memory, and read each claim in a copy of its own."""
    read = model(torch.tensor([TOKENIZER.encode(context)]))
    found = []
    for claim in claims:
        tokens = torch.tensor([TOKENIZER.encode(claim)])
        after = model(tokens, state=read.state.fork())
        predicted = torch.cat([read.logits[0, -1:], after.logits[0, :-1]])
        found.append(F.cross_entropy(predicted, tokens[0], reduction="none").detach())
    return found


def close(one: SurpriseGain, other: SurpriseGain) -> bool:
    return (one.alone, one.given, *one.per_token) == pytest.approx(
        (other.alone, other.given, *other.per_token), abs=1e-4
    )


def test_gains_are_those_of_a_forked_memory(model: bdh.BDH) -> None:
    claim = QUESTIONS[0].claim
    ((first, *others),) = measure_gains(model, TOKENIZER, [Question(claim, PASSAGES)])
    (alone,) = forked(model, "\n\n", [claim])
    for gain, passage in zip([first, *others], PASSAGES, strict=True):
        (after,) = forked(model, " ".join(passage.split()) + "\n\n", [claim])
        assert gain.alone == pytest.approx(float(alone.mean()), abs=1e-4)
        assert gain.given == pytest.approx(float(after.mean()), abs=1e-4)
        assert gain.per_token == pytest.approx((alone - after).tolist(), abs=1e-4)


def test_one_fork_leaves_the_memory_of_the_passage_to_the_next(model: bdh.BDH) -> None:
    claims = [question.claim for question in QUESTIONS]
    gains = measure_gains(model, TOKENIZER, [Question(claim, PASSAGES[:1]) for claim in claims])
    for (gain,), nats in zip(gains, forked(model, PASSAGES[0] + "\n\n", claims), strict=True):
        assert gain.given == pytest.approx(float(nats.mean()), abs=1e-4)


@pytest.mark.parametrize("limit", [1, 200, 100_000])
def test_gains_do_not_depend_on_what_is_read_side_by_side(
    model: bdh.BDH, monkeypatch: pytest.MonkeyPatch, limit: int
) -> None:
    apart = [measure_gains(model, TOKENIZER, [question])[0] for question in QUESTIONS]
    monkeypatch.setitem(surprise._BATCH_TOKENS, "cpu", limit)
    together = measure_gains(model, TOKENIZER, QUESTIONS)
    for one, other in zip(apart, together, strict=True):
        assert len(one) == len(other)
        assert all(close(a, b) for a, b in zip(one, other, strict=True))


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(asked=st.lists(st.tuples(TEXTS, st.lists(TEXTS, max_size=3)), min_size=1, max_size=4))
def test_gains_come_in_the_order_of_questions_and_passages(model: bdh.BDH, asked: list[tuple[str, list[str]]]) -> None:
    questions = [Question(claim, tuple(passages)) for claim, passages in asked]
    gains = measure_gains(model, TOKENIZER, questions)
    backwards = measure_gains(model, TOKENIZER, [Question(q.claim, q.passages[::-1]) for q in reversed(questions)])
    assert [len(found) for found in gains] == [len(question.passages) for question in questions]
    for one, other in zip(gains, reversed(backwards), strict=True):
        assert all(close(a, b) for a, b in zip(one, reversed(other), strict=True))


def test_gains_know_the_layout_of_a_text_by_nothing(model: bdh.BDH) -> None:
    loose = Question("Anna  Reed\nkept the ferry. ", tuple(passage.replace(" ", "\n ") for passage in PASSAGES))
    assert measure_gains(model, TOKENIZER, [loose]) == measure_gains(model, TOKENIZER, [QUESTIONS[0]])


def test_gains_tell_how_many_texts_were_read(model: bdh.BDH, monkeypatch: pytest.MonkeyPatch) -> None:
    heard: list[int] = []
    monkeypatch.setitem(surprise._BATCH_TOKENS, "cpu", 300)
    measure_gains(model, TOKENIZER, QUESTIONS, on_progress=heard.append)
    assert sum(heard) == sum(1 + len(question.passages) for question in QUESTIONS)
    assert len(heard) > 1


def test_gains_of_no_question_are_none(model: bdh.BDH) -> None:
    assert measure_gains(model, TOKENIZER, []) == []
