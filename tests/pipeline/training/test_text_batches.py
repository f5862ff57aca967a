"""Batches of text models depend on their step alone, and mark what differs."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer

from pipeline.errors import SettingError, TableError
from pipeline.judging.cross_encoder import PairText, encode_pairs
from pipeline.judging.text_model import TokenBatch
from pipeline.training.examples import LabelledClaim
from pipeline.training.text_batches import PairBatches, TextBatches, mark_words, soft_labels
from tests.pipeline.judging.little_models import CPU
from tests.pipeline.stand_in_judge import letters
from tests.pipeline.training.little_claims import CLAIMS, plain_books, plain_source

TAUGHT = (PairText("It snowed.", "It rained."), PairText("It rained.", "Rain fell."))
TEACHER = np.log(np.array([[0.1, 0.8, 0.1], [0.7, 0.1, 0.2]], dtype=np.float32)) + 3


def same(one: Any, other: Any) -> bool:
    if isinstance(one, torch.Tensor):
        return torch.equal(one, other)
    return all(same(getattr(one, item.name), getattr(other, item.name)) for item in fields(one))


def pair_batches(*, pairs: int = 8, seed: int = 3, teacher: bool = False, share: float = 0.5) -> PairBatches:
    taught: dict[str, Any] = {"taught": TAUGHT, "teacher": TEACHER, "share": share} if teacher else {}
    return PairBatches(plain_source(open=0.3, rename=0.3, edit=0.3), tokenizer(), pairs=pairs, seed=seed, **taught)


def tokenizer() -> Tokenizer:
    own = letters()
    own.enable_truncation(192, strategy="only_first")
    return own


def text_batches(*, seed: int = 3, **settings: int) -> TextBatches:
    return TextBatches(plain_books(), tokenizer(), seed=seed, **settings)


def test_labels_are_smoothed() -> None:
    assert soft_labels("contradicted") == pytest.approx([0.05 / 3, 0.95 + 0.05 / 3, 0.05 / 3])
    assert soft_labels("unknown") == pytest.approx([0.05 / 3] * 3)


@pytest.mark.parametrize("make", [pair_batches, text_batches, lambda **more: pair_batches(teacher=True, **more)])
def test_batch_depends_on_its_step_and_seed_alone(make: Any) -> None:
    first, second = make(), make()
    expected = [first[step] for step in range(4)]
    assert all(same(second[step], expected[step]) for step in (3, 1, 0, 2, 3))
    assert not same(expected[0], expected[1]) and not same(make(seed=4)[0], expected[0])


@settings(max_examples=25)
@given(step=st.integers(0, 10_000), pairs=st.integers(3, 16), teacher=st.booleans())
def test_batches_of_pairs_hold_together(step: int, pairs: int, teacher: bool) -> None:
    batch = pair_batches(pairs=pairs, teacher=teacher)[step]
    rows, length = batch.tokens.ids.shape
    assert 0 < rows <= pairs and length % 16 == 0
    assert batch.labels.shape == (rows, 3) and torch.allclose(batch.labels.sum(1), torch.ones(rows))
    assert batch.words.shape == (rows, length, 2)
    assert set(batch.words.unique().tolist()) <= {-1.0, 0.0, 1.0}
    assert bool((batch.words[batch.tokens.mask == 0] == -1).all()), "padding has no marks"
    true, false = batch.twins.T
    assert batch.twins.shape[1] == 2
    assert bool((batch.labels[true].argmax(1) == 0).all()) and bool((batch.labels[false].argmax(1) == 1).all())


def test_share_of_a_batch_are_pairs_that_the_teacher_labelled() -> None:
    batch = pair_batches(pairs=8, teacher=True, share=0.5)[0]
    known = torch.softmax(torch.from_numpy(TEACHER), 1)
    for row in range(4):
        place = int((known - batch.labels[row]).abs().sum(1).argmin())
        assert torch.allclose(batch.labels[row], known[place])
        (encoded,) = encode_pairs(tokenizer(), [TAUGHT[place]])
        assert batch.tokens.ids[row, : len(encoded.ids)].tolist() == encoded.ids
        assert bool((batch.words[row] == -1).all()), "the teacher marks no words"
    smoothed = batch.labels[4:].amax(1)
    assert torch.allclose(smoothed, torch.full_like(smoothed, 0.95 + 0.05 / 3))
    assert not len(batch.twins) or int(batch.twins.min()) >= 4


def test_without_a_teacher_all_pairs_are_examples() -> None:
    source, own = plain_source(), tokenizer()
    plain = PairBatches(source, own, pairs=6, seed=1)
    for more in ({"taught": TAUGHT, "share": 0.5}, {"teacher": TEACHER[:0], "share": 0.5}):
        assert same(PairBatches(source, own, pairs=6, seed=1, **more)[2], plain[2])  # type: ignore[arg-type]


@pytest.mark.parametrize("pairs", [0, 2])
def test_batch_that_may_not_hold_one_example_is_refused(pairs: int) -> None:
    with pytest.raises(SettingError, match=f"batch_size is {pairs} pairs; it must be at least 3"):
        pair_batches(pairs=pairs)


def marked(claim: LabelledClaim, evidence: str) -> tuple[str, str] | None:
    """Return the letters of the claim and of the evidence that are marked; None where they are unknown."""
    (encoded,) = encode_pairs(tokenizer(), [PairText(claim.text, evidence)])
    words = torch.full((len(encoded.ids), 2), -1.0)
    mark_words(words, claim, evidence, encoded)
    found = ["", ""]
    for place, own in enumerate(encoded.sequence_ids):
        for side, sequence, text in ((0, 1, claim.text), (1, 0, evidence)):
            if own == sequence and words[place, side] == 1:
                found[side] += text[slice(*encoded.offsets[place])]
            assert own == sequence or words[place, side] == -1
    return None if bool((words == -1).all()) else (found[0], found[1])


TRUE, FALSE = "He sold the mill.", "He sold the farm."


def test_words_that_differ_are_marked_on_both_sides() -> None:
    assert marked(LabelledClaim(FALSE, "contradicted", TRUE), "At last the mill was sold.") == ("farm.", "mill")
    assert marked(LabelledClaim(TRUE, "supported"), "At last the mill was sold.") == ("", "")
    assert marked(LabelledClaim(TRUE, "not_stated"), "At last the mill was sold.") is None
    assert marked(LabelledClaim(FALSE, "contradicted"), "At last the mill was sold.") is None


def test_evidence_in_other_words_has_no_marks_of_its_own() -> None:
    (encoded,) = encode_pairs(tokenizer(), [PairText(FALSE, "It went.")])
    words = torch.full((len(encoded.ids), 2), -1.0)
    mark_words(words, LabelledClaim(FALSE, "contradicted", TRUE), "It went.", encoded)
    assert bool((words[:, 1] == -1).all()) and 1.0 in words[:, 0]


def test_marks_do_not_depend_on_white_space_around_the_evidence() -> None:
    book = {**CLAIMS[0], "sentences": [f"  {text}\n" if text else "" for text in CLAIMS[0]["sentences"]]}
    plain, spaced = (PairBatches(plain_source([rows]), tokenizer(), pairs=12, seed=1)[0] for rows in (CLAIMS[0], book))
    assert same(plain.tokens, spaced.tokens)
    assert 1.0 in plain.words[..., 1] and torch.equal(plain.words[..., 0], spaced.words[..., 0])


def test_gold_sentence_of_a_claim_has_its_own_place() -> None:
    batch, own = text_batches()[0], tokenizer()
    claims = [decode(own, batch.claims, row) for row in range(len(batch.claims.ids))]
    sentences = [decode(own, batch.own, row) for row in range(len(batch.own.ids))]
    before = [decode(own, batch.before, row) for row in range(len(batch.before.ids))]
    assert len(claims) == 4, "each evidence once, for one of its claims"
    numbers = {text.lower(): (book, number) for book in plain_books() for number, text in enumerate(book.sentences)}
    for claim, gold in zip(claims, sentences, strict=False):
        book, number = numbers[gold]
        assert number in next(row.gold for row in book.settled if row.text.lower() == claim)
    for sentence, earlier in zip(sentences, before, strict=True):
        book, number = numbers[sentence]
        assert earlier == ((book.sentences[number - 1] if number else "") or ".").lower()


def decode(own: Tokenizer, batch: TokenBatch, row: int) -> str:
    """Return the text of a row: all its letters, with the spaces of the known texts."""
    known = {text for book in plain_books() for text in [*book.sentences, *(one.text for one in book.rows)]} | {"."}
    by_tokens = {tuple(own.encode(text or ".").ids): (text or ".").lower() for text in sorted(known)}
    return by_tokens[tuple(batch.ids[row, : int(batch.mask[row].sum())].tolist())]


def test_excluded_are_the_sentences_whose_window_has_the_gold_one() -> None:
    books = plain_books()
    batches = text_batches()
    texts = ["a claim", "another"]
    places = [(0, 1), (1, 2), (0, 2), (0, 3), (1, 1), (0, 1)]
    batch = batches._batch(books, texts, places, [(0, frozenset({1})), (1, frozenset({2}))])
    assert batch.excluded.tolist() == [
        [False, False, True, False, False, True],
        [False, False, False, False, False, False],
    ]


@settings(max_examples=20)
@given(step=st.integers(0, 10_000))
def test_negatives_do_not_settle_the_claim(step: int) -> None:
    batch = text_batches()[step]
    claims, sentences = batch.excluded.shape
    assert len(batch.claims.ids) == claims <= sentences == len(batch.own.ids) == len(batch.before.ids)
    assert not bool(batch.excluded.diagonal().any()), "no claim excludes its own sentence"
    assert all(one.ids.shape[1] % 8 == 0 for one in (batch.claims, batch.own, batch.before))


def test_books_and_claims_of_a_batch_are_limited() -> None:
    assert len(text_batches(drawn=1, claims=1)[0].claims.ids) == 1
    assert len(text_batches(drawn=9)[0].claims.ids) == 4


def test_books_without_a_settled_claim_cannot_be_learnt_from() -> None:
    bare = plain_books([{**CLAIMS[0], "rows": CLAIMS[0]["rows"][4:]}])
    with pytest.raises(TableError, match="no true claim with a false twin and evidence"):
        TextBatches(bare, tokenizer(), seed=0)


def test_batches_move_to_a_device() -> None:
    assert same(pair_batches()[0].to(CPU), pair_batches()[0])
    assert same(text_batches()[0].to(CPU), text_batches()[0])
    meta = pair_batches()[0].to(torch.device("meta"))
    assert {meta.tokens.ids.device.type, meta.labels.device.type, meta.twins.device.type} == {"meta"}
