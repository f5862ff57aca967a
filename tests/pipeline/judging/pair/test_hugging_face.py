"""Cross-encoders as judges: what their labels mean, what is cut, and what cannot be used."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from pipeline.config import PipelineConfig
from pipeline.errors import ModelError
from pipeline.judging.interface import JudgeContext
from pipeline.judging.pair.hugging_face import CrossEncoder, read_labels
from pipeline.judging.pair.interface import PassageQuestion
from pipeline.judging.registry import open_judge
from tests.pipeline.judging.pair.cross_encoders import NLI, save_cross_encoder

CPU = torch.device("cpu")
QUESTIONS = [
    PassageQuestion("She rowed.", ("Anna took the oars.", "She rowed all night.")),
    PassageQuestion("He never slept.", ("He slept badly.",)),
    PassageQuestion("The boat was sold.", ("The boat was called the Patience.", "It held a cow.")),
]


def load(folder: Path | str) -> CrossEncoder:
    return CrossEncoder.load(str(folder), device=CPU, dtype=None)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model with the labels of natural language inference."""
    return save_cross_encoder(tmp_path_factory.mktemp("nli"))


@pytest.fixture(scope="module")
def encoder(folder: Path) -> CrossEncoder:
    return load(folder)


@pytest.mark.parametrize(
    ("labels", "meaning"),
    [
        (("CONTRADICTION", "NEUTRAL", "ENTAILMENT"), ("contradict", "irrelevant", "support")),
        (("Entailment", "neutral", "Contradiction"), ("support", "irrelevant", "contradict")),
        (("SUPPORTS", "REFUTES", "NOT ENOUGH INFO"), ("support", "contradict", "irrelevant")),
        (("entailment", "not_entailment"), ("support", "irrelevant")),
        (("unsupported", "supported"), ("irrelevant", "support")),
        (("inconsistent", "consistent"), ("irrelevant", "support")),
        (("inconsistent", "neutral", "consistent"), ("contradict", "irrelevant", "support")),
        (("refuted", "supported"), ("contradict", "support")),
        (("LABEL_0",), ("support",)),
    ],
)
def test_labels_are_understood_in_any_order_and_case(labels: Sequence[str], meaning: Sequence[str]) -> None:
    assert read_labels(dict(enumerate(labels)), "a/model") == meaning


@pytest.mark.parametrize("labels", [("LABEL_0", "LABEL_1"), ("POSITIVE", "NEGATIVE"), ("neutral", "contradiction")])
def test_labels_that_cannot_be_understood_are_listed_with_what_was_expected(labels: Sequence[str]) -> None:
    with pytest.raises(ModelError) as caught:
        read_labels(dict(enumerate(labels)), "a/model")
    assert f"a/model has the labels {', '.join(labels)}; expected entailment, neutral and" in str(caught.value)


def test_order_of_the_outputs_is_read_from_the_config(encoder: CrossEncoder, tmp_path: Path) -> None:
    shuffled = load(save_cross_encoder(tmp_path, order=(2, 0, 1)))
    assert shuffled.labels == ("contradict", "support", "irrelevant")
    found, again = encoder.label_passages(QUESTIONS), shuffled.label_passages(QUESTIONS)
    assert all(abs(one["support"] - one["contradict"]) > 0.01 for one in found), "the order matters"
    for one, other in zip(found, again, strict=True):
        assert one == pytest.approx(other, abs=1e-5)


def test_probabilities_sum_to_one_whatever_the_labels(tmp_path: Path) -> None:
    for number, labels in enumerate([NLI, ("unsupported", "supported"), ("score",)]):
        judge = load(save_cross_encoder(tmp_path / str(number), labels))
        for chances in judge.label_passages(QUESTIONS):
            assert sum(chances.values()) == pytest.approx(1)
            assert min(chances.values()) >= 0
            assert judge.contradicts or chances["contradict"] == 0
        assert judge.contradicts == (labels == NLI)


def test_batch_gives_the_same_as_single_pairs(encoder: CrossEncoder) -> None:
    done: list[int] = []
    together = encoder.label_passages(QUESTIONS, on_progress=done.append)
    assert sum(done) == len(QUESTIONS)
    for question, one in zip(QUESTIONS, together, strict=True):
        (single,) = encoder.label_passages([question])
        assert one == pytest.approx(single, abs=1e-5)


def test_passage_is_cut_and_the_claim_never(encoder: CrossEncoder) -> None:
    claim, long = "She rowed.", "Anna took the oars. " * 20
    cut = PassageQuestion(claim, (long,))
    other_claim = PassageQuestion("She sang!", (long,))
    longer = PassageQuestion(claim, (long, "The water rose again."))
    found = encoder.label_passages([cut, other_claim, longer])
    assert encoder.limit == 96
    assert found[0] == pytest.approx(found[2], abs=1e-6), "what is beyond the limit is not read"
    assert found[0] != pytest.approx(found[1], abs=1e-4), "the claim is"


def test_claim_that_leaves_no_room_is_refused(encoder: CrossEncoder) -> None:
    with pytest.raises(ModelError, match=r"takes \d+ tokens of .*, which takes 96 with the passage; split the claim"):
        encoder.label_passages([PassageQuestion("word " * 40, ("Short.",))])


def test_hash_is_that_of_the_weights(encoder: CrossEncoder, folder: Path, tmp_path: Path) -> None:
    other = save_cross_encoder(tmp_path / "other", order=(1, 0, 2))
    assert load(folder).sha256 == encoder.sha256
    assert load(other).sha256 != encoder.sha256


def test_labels_may_be_named_after_the_model(tmp_path: Path) -> None:
    folder = save_cross_encoder(tmp_path, ("LABEL_0", "LABEL_1"))
    with pytest.raises(ModelError, match="has the labels LABEL_0, LABEL_1"):
        load(folder)
    assert load(f"{folder}=unsupported,supported").labels == ("irrelevant", "support")
    with pytest.raises(ModelError, match="has 2 outputs and 3 labels; give one for each"):
        load(f"{folder}=entailment,neutral,contradiction")


def test_model_without_a_trained_classifier_is_refused(folder: Path, tmp_path: Path) -> None:
    save_cross_encoder(tmp_path)
    path = tmp_path / "model.safetensors"
    weights = {name: tensor for name, tensor in load_file(path).items() if not name.startswith("classifier")}
    save_file(weights, path, {"format": "pt"})
    with pytest.raises(ModelError, match=r"has no trained weights for classifier.bias, classifier.weight; expected"):
        load(tmp_path)


def test_weights_other_than_safetensors_are_refused(tmp_path: Path) -> None:
    save_cross_encoder(tmp_path)
    path = tmp_path / "model.safetensors"
    torch.save(load_file(path), tmp_path / "pytorch_model.bin")
    path.unlink()
    with pytest.raises(ModelError, match=r"cannot be loaded \(.*weights in safetensors"):
        load(tmp_path)


def test_code_of_a_model_is_never_run(tmp_path: Path) -> None:
    save_cross_encoder(tmp_path)
    config: dict[str, Any] = json.loads((tmp_path / "config.json").read_text())
    config |= {
        "model_type": "foreign",
        "auto_map": {"AutoConfig": "own.C", "AutoModelForSequenceClassification": "own.M"},
    }
    (tmp_path / "config.json").write_text(json.dumps(config))
    (tmp_path / "own.py").write_text(f"open({str(tmp_path / 'run')!r}, 'w')\n")
    with pytest.raises(ModelError, match="cannot be loaded"):
        load(tmp_path)
    assert not (tmp_path / "run").exists()


def test_model_that_is_nowhere_is_one_clear_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(ModelError) as caught:
        load("nobody/has-this-model")
    assert "the judge nobody/has-this-model cannot be loaded" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_missing_library_is_named_with_what_installs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipeline.judging.pair.hugging_face.find_spec", lambda name: None)
    with pytest.raises(ModelError, match=r"needs transformers, which is not installed; pip install transformers"):
        open_judge("hf:a/model", JudgeContext(PipelineConfig(), None))
