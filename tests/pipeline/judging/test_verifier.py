"""The BDH verifier in the pipeline: any batching, one clear error."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
import torch

from bdh.checkpoint import load_bdh
from bdh.verifier import ClaimVerifier, save_claim_verifier
from pipeline.errors import ModelError
from pipeline.judging import verifier as module
from pipeline.judging.verifier import BDHVerifier, VerifierInput, VerifierOutput, evidence_text

CLAIMS = ("Anna Reed kept the ferry.", "Tom Hale paid.", "The watch of Dr Moss had stopped at ten past four.")
SENTENCES = ("Anna Reed kept the ferry at Low Water.", "The boat was\ncalled the Patience.")
CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def folder(stand_in_reader: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    model, tokenizer = load_bdh(stand_in_reader)
    torch.manual_seed(1)
    return save_claim_verifier(tmp_path_factory.mktemp("verifier"), ClaimVerifier(model, inner=8), tokenizer)


@pytest.fixture(scope="module")
def trained(folder: Path) -> BDHVerifier:
    return BDHVerifier.load(folder, device=CPU, dtype=None)


def verify(trained: BDHVerifier, *questions: tuple[str, tuple[str, ...]]) -> list[VerifierOutput]:
    return trained.verify([VerifierInput(claim, sentences) for claim, sentences in questions])


def close(one: VerifierOutput, other: VerifierOutput) -> bool:
    return bool(one.probabilities == pytest.approx(other.probabilities, abs=2e-3))


def test_probabilities_depend_on_the_evidence_and_sum_to_one(trained: BDHVerifier) -> None:
    outputs = verify(trained, (CLAIMS[0], ()), (CLAIMS[0], SENTENCES), (CLAIMS[0], SENTENCES[1:]))
    assert len({tuple(output.probabilities.values()) for output in outputs}) == 3
    for output in outputs:
        assert list(output.probabilities) == ["supported", "contradicted", "not_stated"]
        assert sum(output.probabilities.values()) == pytest.approx(1.0)


@pytest.mark.parametrize("limit", [1, 200, 100_000])
def test_outputs_do_not_depend_on_the_batch(trained: BDHVerifier, monkeypatch: pytest.MonkeyPatch, limit: int) -> None:
    questions = [(claim, sentences) for sentences in (SENTENCES, (), SENTENCES[1:]) for claim in CLAIMS]
    single = [verify(trained, question)[0] for question in questions]
    monkeypatch.setattr(module, "_BATCH_TOKENS", {"cpu": limit})
    assert all(close(one, other) for one, other in zip(verify(trained, *questions), single, strict=True))


def test_progress_counts_every_question_once(trained: BDHVerifier, monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[int] = []
    record: Callable[[int], object] = done.append
    monkeypatch.setattr(module, "_BATCH_TOKENS", {"cpu": 150})
    passages = [SENTENCES, SENTENCES[1:], SENTENCES[:1], SENTENCES]
    questions = [
        VerifierInput(claim, sentences) for claim, sentences in zip((*CLAIMS, CLAIMS[1]), passages, strict=True)
    ]
    trained.verify(questions, on_progress=record)
    assert sum(done) == 4 and len(done) > 1


def test_no_input_has_no_output(trained: BDHVerifier) -> None:
    assert trained.verify([]) == []


def test_evidence_is_one_line_after_a_separator() -> None:
    assert evidence_text(SENTENCES) == "\n\nAnna Reed kept the ferry at Low Water. The boat was called the Patience."
    assert evidence_text(()) == ""


def test_verifier_without_a_head_is_an_error(stand_in_reader: Path, tmp_path: Path) -> None:
    bare = shutil.copytree(stand_in_reader, tmp_path / "bare", ignore=shutil.ignore_patterns("claims"))
    with pytest.raises(ModelError, match="verifier cannot be loaded") as caught:
        BDHVerifier.load(bare, device=CPU, dtype=None)
    assert "\n" not in str(caught.value)


def test_verifier_is_found_in_the_folder_claims(folder: Path, trained: BDHVerifier, tmp_path: Path) -> None:
    shutil.copytree(folder, tmp_path / "claims")
    assert BDHVerifier.load(tmp_path, device=CPU, dtype=None).weights_sha256 == trained.weights_sha256


@pytest.mark.parametrize(("kept", "expected"), [(0, [(), ()]), (1, [("Third.",), ()]), (9, [("First.", "Third."), ()])])
def test_ablated_verifier_reads_the_last_sentences_only(kept: int, expected: list[tuple[str, ...]]) -> None:
    class Recorder:
        identity = weights_sha256 = "recorder"

        def __init__(self) -> None:
            self.inputs: list[VerifierInput] = []

        def verify(
            self, questions: Sequence[VerifierInput], *, on_progress: Callable[[int], object] = lambda done: None
        ) -> list[VerifierOutput]:
            self.inputs += questions
            return []

    recorder = Recorder()
    module.AblatedVerifier(recorder, kept).verify([VerifierInput("A.", ("First.", "Third.")), VerifierInput("B.", ())])
    assert [one.sentences for one in recorder.inputs] == expected
    assert module.AblatedVerifier(recorder, kept).identity != recorder.identity
