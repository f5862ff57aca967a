"""A cross-encoder labels pairs the same in any batch, takes claims of any length, and points at words that differ."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.config import ScoringConfig, resolve_model_dir
from pipeline.errors import ModelError
from pipeline.judging import text_model
from pipeline.judging.cross_encoder import (
    CrossEncoder,
    CrossEncoderModel,
    PairText,
    encode_pairs,
    plain_pairs,
)
from pipeline.judging.differing_words import WordDifference
from pipeline.judging.text_model import load_tokenizer
from tests.pipeline.judging.little_models import CPU, Marker
from tests.pipeline.stand_in_judge import letters

EVIDENCE = "In the spring he sold the mill. It rained until Friday."
PAIRS = [
    PairText("He sold the mill.", EVIDENCE),
    PairText("He sold the farm.", EVIDENCE),
    PairText("It snowed.", "It rained."),
    PairText("He sold the mill.", "No."),
]


@pytest.fixture(scope="module")
def trained(stand_in_judge: Path) -> CrossEncoder:
    return CrossEncoder.load(stand_in_judge / "ranker", device=CPU)


def marking(claim: dict[str, float], evidence: dict[str, float], *, rest: float = -9.0) -> CrossEncoder:
    """Return a cross-encoder that marks tokens of letters."""
    return CrossEncoder(Marker(claim, evidence, rest=rest), letters(), "marker", CPU)  # type: ignore[arg-type]


def test_labels_are_log_probabilities_in_the_order_of_the_pairs(trained: CrossEncoder) -> None:
    found = trained.label(PAIRS)
    assert found.shape == (4, 3)
    assert torch.allclose(found.exp().sum(1), torch.ones(4))
    for pair, labels in zip(PAIRS, found, strict=True):
        assert torch.allclose(trained.label([pair])[0], labels, atol=1e-5)
    assert not torch.allclose(found[0], found[1], atol=1e-4)


@pytest.mark.parametrize("limit", [1, 150, 100_000])
def test_labels_do_not_depend_on_the_batch(trained: CrossEncoder, monkeypatch: pytest.MonkeyPatch, limit: int) -> None:
    expected, done = trained.label(PAIRS), list[int]()
    monkeypatch.setattr(text_model, "_BATCH_TOKENS", {"cpu": limit})
    assert torch.allclose(trained.label(PAIRS, on_progress=done.append), expected, atol=1e-5)
    assert sum(done) == 4


def test_no_pair_has_no_label(trained: CrossEncoder) -> None:
    assert trained.label([]).shape == (0, 3)


@pytest.mark.parametrize("claim", ["", "-" * 500, "猫" * 500, "word " * 500, " ".join(["antidisestablishment"] * 80)])
@pytest.mark.parametrize("evidence", ["", "Yes.", EVIDENCE * 20])
def test_texts_of_any_length_have_labels(trained: CrossEncoder, claim: str, evidence: str) -> None:
    (labels,) = trained.label([PairText(claim, evidence)])
    assert bool(labels.isfinite().all())
    (encoded,) = encode_pairs(trained.tokenizer, [PairText(claim, evidence)])
    assert len(encoded.ids) <= text_model.LONGEST
    assert encoded.sequence_ids.count(0) >= 1, "there is room for evidence"


@settings(max_examples=50)
@given(claim=st.text(max_size=300), evidence=st.text(max_size=300))
def test_offsets_are_those_of_the_plain_texts(trained: CrossEncoder, claim: str, evidence: str) -> None:
    (plain,) = plain_pairs(trained.tokenizer, [PairText(claim, evidence)])
    (encoded,) = encode_pairs(trained.tokenizer, [PairText(claim, evidence)])
    sizes = (len(plain.evidence), len(plain.claim))
    for own, (start, end) in zip(encoded.sequence_ids, encoded.offsets, strict=True):
        assert own is None or 0 <= start <= end <= sizes[own]
    assert plain_pairs(trained.tokenizer, [plain]) == [plain]


def test_long_claims_are_cut_after_words_and_tokens() -> None:
    words = [f"w{number}" for number in range(81)]
    texts = [PairText(" ".join(words), "x"), PairText("-" * 129, "x"), PairText("-" * 128, " \n")]
    plain = plain_pairs(load_long_tokenizer(), texts)
    assert [pair.claim for pair in plain[1:]] == ["-" * 128, "-" * 128]
    assert plain[0].claim.split() == words[: len(plain[0].claim.split())] and len(plain[0].claim.split()) < 81
    assert [pair.evidence for pair in plain] == ["x", "x", "."]


def load_long_tokenizer():  # type: ignore[no-untyped-def]
    tokenizer = letters()
    tokenizer.enable_truncation(text_model.LONGEST, strategy="only_first")
    return tokenizer


def test_words_that_differ_are_whole_words_of_both_sides() -> None:
    encoder = marking({"f": 2.0}, {"m": 1.0})
    assert encoder.differing_words(PairText("He sold the farm.", EVIDENCE)) == WordDifference("farm", "mill")


@pytest.mark.parametrize("claim", ["  He  sold\n\n the   farm-house.", "He sold the farm-house."])
def test_words_that_differ_are_whole_whatever_the_white_space(claim: str) -> None:
    encoder = marking({"f": 2.0}, {"m": 1.0})
    assert encoder.differing_words(PairText(claim, f"\n  {EVIDENCE}")) == WordDifference("farm-house", "mill")


def test_neighbours_that_are_likely_too_belong_to_the_words() -> None:
    encoder = marking({"f": 2.0, "t": 0.5, "##h": 0.5, "##e": 0.5}, {"m": -0.5})
    assert encoder.differing_words(PairText("He sold the farm.", EVIDENCE)) == WordDifference("the farm", "mill")
    unlikely = marking({"f": -1.0, "t": -2.0, "##h": -2.0, "##e": -2.0}, {"m": -0.5})
    assert unlikely.differing_words(PairText("He sold the farm.", EVIDENCE)) == WordDifference("farm", "mill")


def test_signs_around_the_words_do_not_belong_to_them() -> None:
    encoder = marking({"f": 2.0, ".": 2.0, '"': 2.0}, {"m": 1.0, ".": 1.0})
    claim = 'He sold the "farm."'
    assert encoder.differing_words(PairText(claim, EVIDENCE)) == WordDifference("farm", "mill")
    assert marking({".": 2.0}, {}).differing_words(PairText("He sold it.", EVIDENCE)) == WordDifference("it", "")


def test_evidence_without_likely_words_has_none() -> None:
    encoder = marking({"f": 2.0}, {"m": -1.6})
    assert encoder.differing_words(PairText("He sold the farm.", EVIDENCE)) == WordDifference("farm", "")


def test_claim_without_likely_words_has_no_difference() -> None:
    assert marking({}, {"m": 1.0}, rest=-31.0).differing_words(PairText("He left.", EVIDENCE)) is None
    assert marking({"f": 2.0}, {"m": 1.0}).differing_words(PairText(" ", EVIDENCE)) is None


def test_identity_depends_on_weights_precision_and_device(trained: CrossEncoder, stand_in_judge: Path) -> None:
    assert trained.identity == f"{trained.weights_sha256}, torch.float32 on cpu"
    narrow = CrossEncoder.load(stand_in_judge / "ranker", device=CPU, dtype=torch.bfloat16)
    assert narrow.identity == f"{trained.weights_sha256}, torch.bfloat16 on cpu"


def test_shipped_model_labels_claims_and_names_the_word_that_differs() -> None:
    shipped = CrossEncoder.load(resolve_model_dir(ScoringConfig().judge_dir) / "ranker", device=CPU)
    evidence = (
        "Anna Reed kept the ferry at Low Water. She had kept it since she was nineteen, when her father drowned in the "
        "March flood."
    )
    claims = [
        "Anna Reed kept a ferry.",
        "Anna Reed had kept the ferry since she was thirty.",
        "Dr Moss came from the city.",
    ]
    found = shipped.label([PairText(claim, evidence) for claim in claims])
    assert found.argmax(1).tolist() == [0, 1, 2]
    assert shipped.differing_words(PairText(claims[1], evidence)) == WordDifference("thirty", "nineteen")


def test_missing_model_is_named(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="ranker cannot be loaded"):
        CrossEncoder.load(tmp_path / "ranker", device=CPU)


def test_bi_encoder_is_not_taken_for_a_cross_encoder(stand_in_judge: Path) -> None:
    with pytest.raises(ModelError, match=r"has no fitting weights for label\.1\.weight, label\.1\.bias"):
        CrossEncoder.load(stand_in_judge / "finder", device=CPU)


def test_loaded_model_computes_as_the_stored_one(trained: CrossEncoder, stand_in_judge: Path) -> None:
    again = CrossEncoder.load(stand_in_judge / "ranker", device=CPU)
    assert again.weights_sha256 == trained.weights_sha256
    assert torch.equal(again.label(PAIRS), trained.label(PAIRS))
    assert isinstance(again.model, CrossEncoderModel) and not again.model.training
    assert load_tokenizer(stand_in_judge / "ranker").to_str() == again.tokenizer.to_str()
