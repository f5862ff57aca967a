"""Claims with evidence to verdicts: labels by the declared rules, and quotations that are verbatim in the book."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from pipeline.book import Book
from pipeline.config import ChunkConfig, PipelineConfig
from pipeline.errors import ModelError
from pipeline.judging.backstory import ROW_FEATURES, BackstoryModel, describe_claims
from pipeline.judging.claim_features import ClaimCase, claim_row, verifier_features
from pipeline.judging.claim_model import ClaimModel, ClaimOutputs
from pipeline.judging.expected_overlap import ExpectedOverlap
from pipeline.judging.interface import ClaimQuestion
from pipeline.judging.lexical import LEXICAL_SURPLUS, SIGNALS
from pipeline.judging.logistic import LogisticModel
from pipeline.judging.passage import passage_of
from pipeline.judging.verdict import BACKSTORY_FEATURES, DecisionRule
from pipeline.judging.verifier import FEATURES, VerifierOutput
from pipeline.records import Chunk, Claim, ClaimVerdict, Evidence, Novel
from pipeline.retrieval.index import LexicalIndex
from pipeline.text.chunking import make_chunks
from pipeline.text.novels import load_novel
from pipeline.text.sentences import load_nlp, split_sentences

SHIPPED = Path(__file__).resolve().parents[3] / PipelineConfig().scoring.verdict_dir
CLAIM = Claim("c1", "Anna Reed", "event", "unspecified", "unspecified", "Anna Reed kept the ferry called the Patience.")
STRANGE = replace(CLAIM, id="c2", text="Quixotic zebras juggle marmalade.")


@pytest.fixture(scope="module")
def novel(shelf: Path) -> Novel:
    """The little story."""
    return load_novel(shelf / "Low Water.txt")


@pytest.fixture(scope="module")
def chunks(novel: Novel) -> tuple[Chunk, ...]:
    """Its chunks, some of which run over the end of a chapter."""
    return make_chunks(novel, split_sentences(novel, load_nlp(None)), ChunkConfig(5, 2))


def even(*names: str) -> LogisticModel:
    return LogisticModel(names, (0.0,) * len(names), (1.0,) * len(names), (1.0,) * len(names), 0.0)


@pytest.fixture(scope="module")
def judge() -> ClaimModel:
    """Models made by hand: the features of the verifier and of the words with weights of one."""
    expected_overlap = ExpectedOverlap(SIGNALS, {}, np.array([1e-9]), np.zeros((2, len(SIGNALS))), {})
    return ClaimModel(even("reader_odds", "word_found"), even("reader_odds"), expected_overlap, DecisionRule())


def output(odds: float, *, stated: float = 0.9) -> VerifierOutput:
    chances = {"supported": stated / 2, "contradicted": stated / 2, "not_stated": 1 - stated}
    return VerifierOutput(chances, odds, 0.25, dict.fromkeys(FEATURES, 0.5) | {"odds": odds})  # type: ignore[arg-type]


def outputs_of(claim: Claim, whole: VerifierOutput, *passages: VerifierOutput) -> ClaimOutputs:
    return ClaimOutputs(ClaimCase(claim.text, (), dict.fromkeys(LEXICAL_SURPLUS, 0.125)), whole, passages)


def evidence_for(claim: Claim, chunks: tuple[Chunk, ...]) -> list[Evidence]:
    return [Evidence(claim.id, chunk.index, chunk.index + 1, 1.0, 1.0, 1, 0.5, True) for chunk in chunks]


def judged(
    judge: ClaimModel,
    novel: Novel,
    chunks: tuple[Chunk, ...],
    claim: Claim = CLAIM,
    outputs: ClaimOutputs | None = None,
) -> ClaimVerdict:
    outputs = outputs or outputs_of(claim, output(1.0), *(output(1.0 - chunk.index) for chunk in chunks))
    return judge.judge_claim(ClaimQuestion(claim, tuple(evidence_for(claim, chunks))), outputs, book_of(novel, chunks))


def book_of(novel: Novel, chunks: tuple[Chunk, ...]) -> Book:
    return Book(novel, (), chunks, (), LexicalIndex([novel.text[chunk.start : chunk.end] for chunk in chunks]))


def test_quotations_are_verbatim_at_their_offsets(judge: ClaimModel, novel: Novel, chunks: tuple[Chunk, ...]) -> None:
    pairs = judged(judge, novel, chunks).pairs
    assert [pair.quotation for pair in pairs] == [novel.text[pair.start : pair.end] for pair in pairs]
    for pair in pairs:
        chunk = chunks[pair.evidence.chunk_index]
        assert (pair.start, pair.end) in chunk.sentences


def test_quotation_is_the_sentence_that_covers_the_claim(
    judge: ClaimModel, novel: Novel, chunks: tuple[Chunk, ...]
) -> None:
    assert judged(judge, novel, chunks).pairs[0].quotation == "Anna Reed kept the ferry at Low Water."


def test_quotation_has_the_chapter_it_is_in(judge: ClaimModel, novel: Novel, chunks: tuple[Chunk, ...]) -> None:
    pairs = judged(judge, novel, chunks, replace(CLAIM, text="Dr Moss had come from the city in 1871.")).pairs
    assert [pair.chapter for pair in pairs] == [novel.chapter_at(pair.start) for pair in pairs]
    moved = [pair for pair in pairs if pair.chapter != chunks[pair.evidence.chunk_index].chapter]
    assert any("1871" in pair.quotation for pair in moved), "it is quoted from a chunk that begins a chapter earlier"


def test_pairs_have_probabilities_and_their_label(judge: ClaimModel, novel: Novel, chunks: tuple[Chunk, ...]) -> None:
    for claim in (CLAIM, STRANGE):
        for pair in judged(judge, novel, chunks, claim).pairs:
            assert sum(pair.probabilities.values()) == pytest.approx(1.0)
            assert pair.probabilities.keys() == {"support", "contradict", "irrelevant"}
            assert pair.probabilities[pair.label] == max(pair.probabilities.values())


def test_claim_that_its_evidence_does_not_settle_is_not_stated(
    judge: ClaimModel, novel: Novel, chunks: tuple[Chunk, ...]
) -> None:
    unsettled = [output(3.0, stated=0.4)] * len(chunks)
    verdict = judged(judge, novel, chunks, STRANGE, outputs_of(STRANGE, output(3.0, stated=0.4), *unsettled))
    assert verdict.label == "not_stated"
    assert {pair.label for pair in verdict.pairs} == {"irrelevant"}
    settled = judged(judge, novel, chunks, STRANGE, outputs_of(STRANGE, output(3.0, stated=0.6), *unsettled))
    assert settled.label == "supported", "all the evidence together may settle a claim that no single passage settles"


def test_each_passage_is_labelled_by_the_output_given_that_passage(
    judge: ClaimModel, novel: Novel, chunks: tuple[Chunk, ...]
) -> None:
    outputs = [output(4.0), output(-4.0), output(4.0, stated=0.1), *([output(0.0)] * len(chunks))][: len(chunks)]
    pairs = judged(judge, novel, chunks, outputs=outputs_of(CLAIM, output(-4.0), *outputs)).pairs
    assert [pair.evidence.chunk_index for pair in pairs] == [chunk.index for chunk in chunks]
    assert [pair.label for pair in pairs[:4]] == ["support", "contradict", "irrelevant", "irrelevant"]


def test_outputs_must_be_as_many_as_the_passages(judge: ClaimModel, novel: Novel, chunks: tuple[Chunk, ...]) -> None:
    with pytest.raises(ValueError, match="zip"):
        judged(judge, novel, chunks, outputs=outputs_of(CLAIM, output(1.0), output(1.0)))


def test_claim_label_follows_probability_and_threshold(
    judge: ClaimModel, novel: Novel, chunks: tuple[Chunk, ...]
) -> None:
    for threshold, label in ((0.0, "supported"), (1.0, "contradicted")):
        model = replace(judge.claim, threshold=threshold)
        strict = replace(judge, claim=model, rule=DecisionRule(band=0.0))
        assert judged(strict, novel, chunks).label == label


def test_claim_is_judged_by_all_its_evidence_together(
    judge: ClaimModel, novel: Novel, chunks: tuple[Chunk, ...]
) -> None:
    outputs = outputs_of(CLAIM, output(1.5), *([output(-4.0)] * len(chunks)))
    verdict = judged(judge, novel, chunks, outputs=outputs)
    assert verdict.features == claim_row(outputs.case, outputs.whole)
    assert verdict.probability == pytest.approx(1 / (1 + np.exp(-0.9 * 1.5 - 0.125)))
    assert verdict.label == "supported"


def test_rationale_quotes_the_book(judge: ClaimModel, novel: Novel, chunks: tuple[Chunk, ...]) -> None:
    rationale = judged(judge, novel, chunks).rationale
    assert any(" ".join(pair.quotation.split()) in rationale for pair in judged(judge, novel, chunks).pairs)


def test_passage_holds_the_sentences_of_its_chunk(novel: Novel, chunks: tuple[Chunk, ...]) -> None:
    passage = passage_of(novel, chunks[0])
    assert passage.sentences == tuple(novel.text[start:end] for start, end in chunks[0].sentences)


def test_backstory_is_described_by_verdicts_and_mean_evidence() -> None:
    rows = [dict.fromkeys(ROW_FEATURES, 0.2), dict.fromkeys(ROW_FEATURES, 0.6)]
    described = describe_claims([0.9, 0.4], ["supported", "not_stated"], rows)
    assert described.keys() >= {*BACKSTORY_FEATURES, *(f"mean_{name}" for name in ROW_FEATURES)}
    assert all(described[f"mean_{name}"] == pytest.approx(0.4) for name in ROW_FEATURES)
    assert described["share_not_stated"] == 0.5


@pytest.fixture
def copied(tmp_path: Path) -> Path:
    """A copy of the shipped models that may be broken."""
    return Path(shutil.copytree(SHIPPED, tmp_path / "verdict"))


def test_shipped_models_use_the_features_of_claims_passages_and_backstories() -> None:
    shipped = ClaimModel.load(SHIPPED, rule=DecisionRule())
    row = claim_row(outputs_of(CLAIM, output(1.0)).case, output(1.0))
    assert set(shipped.claim.names) <= row.keys()
    assert set(shipped.pair.names) <= verifier_features(output(1.0)).keys()
    assert shipped.expected_overlap.signals == SIGNALS
    backstories = BackstoryModel.load(SHIPPED, band=0.05)
    assert set(backstories.model.names) <= describe_claims([0.5], ["supported"], [row]).keys()


@pytest.mark.parametrize("name", ["claim.json", "pair.json", "background.npz"])
def test_missing_model_of_claims_is_named(copied: Path, name: str) -> None:
    (copied / name).unlink()
    with pytest.raises(ModelError, match=f"has no {name}"):
        ClaimModel.load(copied, rule=DecisionRule())


def test_damaged_model_is_named(copied: Path) -> None:
    path = copied / "claim.json"
    path.write_text(path.read_text(encoding="utf-8")[:-20], encoding="utf-8")
    with pytest.raises(ModelError, match=r"claim\.json"):
        ClaimModel.load(copied, rule=DecisionRule())


@pytest.mark.parametrize("name", ["claim.json", "pair.json", "backstory.json", "background.npz"])
def test_hash_of_fitted_models_depends_on_each_file(copied: Path, name: str) -> None:
    shipped = BackstoryModel.load(SHIPPED, band=0.05)
    assert BackstoryModel.load(copied, band=0.05).sha256 == shipped.sha256
    with (copied / name).open("ab") as file:
        file.write(b" ")
    assert BackstoryModel.load(copied, band=0.05).sha256 != shipped.sha256
    (copied / name).unlink()
    with pytest.raises(ModelError, match=f"has no {name}"):
        BackstoryModel.load(copied, band=0.05)
