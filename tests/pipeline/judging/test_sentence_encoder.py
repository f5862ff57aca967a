"""A bi-encoder gives vectors of length one, the same in any batch, and mixes in the sentence before."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from pipeline.config import ScoringConfig, resolve_model_dir
from pipeline.errors import ModelError
from pipeline.judging import text_model
from pipeline.judging.sentence_encoder import LONGEST_SENTENCE, SentenceEncoder, SentenceEncoderModel
from tests.pipeline.judging.little_models import CPU
from tests.pipeline.stand_in_judge import WIDTH

TEXTS = ["Anna Reed kept the ferry.", "It rained.", "", "She sold the mill in the spring.", "It rained."]


@pytest.fixture(scope="module")
def trained(stand_in_judge: Path) -> SentenceEncoder:
    return SentenceEncoder.load(stand_in_judge / "finder", device=CPU)


def test_vectors_have_length_one_in_the_order_of_the_texts(trained: SentenceEncoder) -> None:
    found = trained.encode(TEXTS)
    assert found.shape == (5, WIDTH) and found.dtype == np.float32
    assert np.linalg.norm(found, axis=1) == pytest.approx(np.ones(5), abs=1e-5)
    assert found[1] == pytest.approx(found[4], abs=1e-6)
    for text, vector in zip(TEXTS, found, strict=True):
        assert trained.encode([text])[0] == pytest.approx(vector, abs=1e-5)


def test_vectors_do_not_depend_on_the_batch(trained: SentenceEncoder, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = trained.encode(TEXTS)
    monkeypatch.setattr(text_model, "_BATCH_TOKENS", {"cpu": 1})
    assert trained.encode(TEXTS) == pytest.approx(expected, abs=1e-5)


def test_no_text_has_no_vector(trained: SentenceEncoder) -> None:
    assert trained.encode([]).shape == (0, WIDTH)


def test_text_without_a_word_is_a_full_stop(trained: SentenceEncoder) -> None:
    assert np.array_equal(trained.encode([" \n"]), trained.encode(["."]))


def test_long_texts_are_cut(trained: SentenceEncoder) -> None:
    signs = "-" * (LONGEST_SENTENCE - 2)
    assert np.array_equal(trained.encode([signs]), trained.encode([signs + "-" * 400]))
    assert not np.array_equal(trained.encode([signs]), trained.encode([signs[1:]]))


def test_sentence_before_is_mixed_in_by_its_learned_share() -> None:
    model = SentenceEncoderModel(torch.nn.Identity())
    own, before = torch.tensor([[1.0, 0.0], [0.0, 1.0]]), torch.tensor([[0.0, 1.0], [0.0, 0.0]])
    mixed = model.mix(before, own)
    assert mixed.tolist() == [pytest.approx([1 / 1.25**0.5, 0.5 / 1.25**0.5]), [0.0, 1.0]]
    with torch.no_grad():
        model.before.fill_(-50.0)
    assert torch.allclose(model.mix(before, own), own)


def test_mixed_vectors_have_length_one(trained: SentenceEncoder) -> None:
    vectors = trained.encode(TEXTS)
    mixed = trained.mix(vectors[:-1], vectors[1:])
    assert mixed.dtype == np.float32 and np.linalg.norm(mixed, axis=1) == pytest.approx(np.ones(4), abs=1e-5)


def test_identity_depends_on_weights_precision_and_device(trained: SentenceEncoder, stand_in_judge: Path) -> None:
    assert trained.identity == f"{trained.weights_sha256}, torch.float32 on cpu"
    narrow = SentenceEncoder.load(stand_in_judge / "finder", device=CPU, dtype=torch.bfloat16)
    assert narrow.identity == f"{trained.weights_sha256}, torch.bfloat16 on cpu"
    assert narrow.encode(TEXTS).dtype == np.float32


def test_shipped_model_finds_sentences_in_other_words() -> None:
    shipped = SentenceEncoder.load(resolve_model_dir(ScoringConfig().judge_dir) / "finder", device=CPU)
    sentences = [
        "Anna Reed kept the ferry at Low Water.",
        "The boat was called the Patience.",
        "He slept badly.",
        "Tom Hale lost his eel traps.",
    ]
    claims = [
        "Anna owned a ferry.",
        "The name of her boat was the Hope.",
        "The doctor could not sleep.",
        "A fisherman's gear was swept away.",
    ]
    assert (shipped.encode(claims) @ shipped.encode(sentences).T).argmax(1).tolist() == [0, 1, 2, 3]


def test_missing_model_is_named(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="finder cannot be loaded"):
        SentenceEncoder.load(tmp_path / "finder", device=CPU)


def test_cross_encoder_is_not_taken_for_a_bi_encoder(stand_in_judge: Path) -> None:
    with pytest.raises(ModelError, match="has no fitting weights for before, temperature"):
        SentenceEncoder.load(stand_in_judge / "ranker", device=CPU)
