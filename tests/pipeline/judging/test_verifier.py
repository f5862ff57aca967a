"""The trained reader as the pipeline asks it: any grouping, silence without evidence, one clear error."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from bdh.checkpoint import load_bdh
from bdh.verifier import ClaimVerifier, save_claim_verifier
from pipeline.errors import ModelError
from pipeline.judging import verifier as module
from pipeline.judging.verifier import FEATURES, BDHVerifier, VerifierInput, VerifierOutput, evidence_text

CLAIMS = ("Anna Reed kept the ferry.", "Tom Hale paid.", "The watch of Dr Moss had stopped at ten past four.")
SENTENCES = ("Anna Reed kept the ferry at Low Water.", "The boat was\ncalled the Patience.")
CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def folder(stand_in_reader: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    model, tokenizer = load_bdh(stand_in_reader)
    torch.manual_seed(1)
    return save_claim_verifier(tmp_path_factory.mktemp("claim-reader"), ClaimVerifier(model, inner=8), tokenizer)


@pytest.fixture(scope="module")
def trained(folder: Path) -> BDHVerifier:
    return BDHVerifier.load(folder, device=CPU, dtype=None)


def ask(trained: BDHVerifier, *questions: tuple[str, tuple[str, ...]]) -> list[VerifierOutput]:
    return trained.verify([VerifierInput(claim, sentences) for claim, sentences in questions])


def close(one: VerifierOutput, other: VerifierOutput) -> bool:
    numbers = [
        [each.log_odds, each.alone, *each.probabilities.values(), *each.features.values()] for each in (one, other)
    ]
    return bool(numbers[0] == pytest.approx(numbers[1], abs=2e-3))


def test_without_evidence_features_are_nothing_and_the_answer_is_the_wording(trained: BDHVerifier) -> None:
    for comparison in ask(trained, *((claim, ()) for claim in CLAIMS)):
        assert comparison.features == dict.fromkeys(FEATURES, 0.0)
        assert comparison.log_odds == comparison.alone


def test_wording_is_the_same_whatever_the_evidence(trained: BDHVerifier) -> None:
    silent, told, other = ask(trained, (CLAIMS[0], ()), (CLAIMS[0], SENTENCES), (CLAIMS[0], SENTENCES[1:]))
    assert silent.alone == told.alone == other.alone
    assert told.log_odds != other.log_odds and told.features != other.features
    assert set(told.features) == set(FEATURES) and any(told.features.values())


def test_answer_with_evidence_is_that_of_the_labels(trained: BDHVerifier) -> None:
    (told,) = ask(trained, (CLAIMS[0], SENTENCES))
    assert sum(told.probabilities.values()) == pytest.approx(1.0)
    assert told.log_odds == told.features["odds"]
    odds = torch.tensor(told.probabilities["supported"] / told.probabilities["contradicted"]).log()
    assert told.log_odds == pytest.approx(float(odds), abs=1e-4)


@pytest.mark.parametrize("limit", [1, 200, 100_000])
def test_answers_do_not_depend_on_what_is_read_beside(
    trained: BDHVerifier, monkeypatch: pytest.MonkeyPatch, limit: int
) -> None:
    questions = [(claim, sentences) for sentences in (SENTENCES, (), SENTENCES[1:]) for claim in CLAIMS]
    alone = [ask(trained, question)[0] for question in questions]
    monkeypatch.setattr(module, "_BATCH_TOKENS", {"cpu": limit})
    assert all(close(one, other) for one, other in zip(ask(trained, *questions), alone, strict=True))


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


def test_no_question_has_no_answer(trained: BDHVerifier) -> None:
    assert trained.verify([]) == []


def test_evidence_stands_on_one_line_after_a_gap() -> None:
    assert evidence_text(SENTENCES) == "\n\nAnna Reed kept the ferry at Low Water. The boat was called the Patience."
    assert evidence_text(()) == ""


def test_reader_without_a_head_is_an_error(stand_in_reader: Path, tmp_path: Path) -> None:
    bare = shutil.copytree(stand_in_reader, tmp_path / "bare", ignore=shutil.ignore_patterns("claims"))
    with pytest.raises(ModelError, match="claim reader cannot be loaded") as caught:
        BDHVerifier.load(bare, device=CPU, dtype=None)
    assert "\n" not in str(caught.value)


def test_reader_is_found_in_the_folder_claims(folder: Path, trained: BDHVerifier, tmp_path: Path) -> None:
    shutil.copytree(folder, tmp_path / "claims")
    assert BDHVerifier.load(tmp_path, device=CPU, dtype=None).weights_sha256 == trained.weights_sha256
