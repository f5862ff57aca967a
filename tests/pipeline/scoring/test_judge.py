"""Claims with evidence to verdicts: labels by the declared rules, and quotations that stand in the book."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from pipeline.config import ChunkConfig, PipelineConfig
from pipeline.errors import ModelError
from pipeline.records import Chunk, Claim, ClaimVerdict, Evidence, Novel
from pipeline.retrieval import LexicalIndex
from pipeline.scoring.features import CLAIM_FEATURES, SurpriseGain
from pipeline.scoring.judge import ROW_FEATURES, Judge, Lexicon, describe_claims, passage_of
from pipeline.scoring.verdict import BACKSTORY_FEATURES, DecisionRule
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


@pytest.fixture(scope="module")
def judge() -> Judge:
    """The shipped models."""
    return Judge.load(SHIPPED, rule=DecisionRule())


def evidence_for(claim: Claim, chunks: tuple[Chunk, ...]) -> list[Evidence]:
    return [Evidence(claim.id, chunk.index, chunk.index + 1, 1.0, 1.0, 1, 0.5, True) for chunk in chunks]


def judged(
    judge: Judge, novel: Novel, chunks: tuple[Chunk, ...], claim: Claim = CLAIM, gain: float = 0.5
) -> ClaimVerdict:
    index = LexicalIndex([novel.text[chunk.start : chunk.end] for chunk in chunks])
    gains = [SurpriseGain(4.0, 4.0 - gain * (chunk.index == 0)) for chunk in chunks]
    evidence, lexicon = evidence_for(claim, chunks), Lexicon(index.stems, index.weight)
    return judge.judge_claim(claim, evidence, gains, novel=novel, chunks=chunks, lexicon=lexicon)


def test_quotations_are_verbatim_at_their_offsets(judge: Judge, novel: Novel, chunks: tuple[Chunk, ...]) -> None:
    pairs = judged(judge, novel, chunks).pairs
    assert [pair.quotation for pair in pairs] == [novel.text[pair.start : pair.end] for pair in pairs]
    for pair in pairs:
        chunk = chunks[pair.evidence.chunk_index]
        assert (pair.start, pair.end) in chunk.sentences


def test_quotation_is_the_sentence_that_covers_the_claim(judge: Judge, novel: Novel, chunks: tuple[Chunk, ...]) -> None:
    assert judged(judge, novel, chunks).pairs[0].quotation == "Anna Reed kept the ferry at Low Water."


def test_quotation_tells_the_chapter_in_which_it_stands(judge: Judge, novel: Novel, chunks: tuple[Chunk, ...]) -> None:
    pairs = judged(judge, novel, chunks, replace(CLAIM, text="Dr Moss had come from the city in 1871.")).pairs
    assert [pair.chapter for pair in pairs] == [novel.chapter_at(pair.start) for pair in pairs]
    moved = [pair for pair in pairs if pair.chapter != chunks[pair.evidence.chunk_index].chapter]
    assert any("1871" in pair.quotation for pair in moved), "it is quoted from a chunk that begins a chapter earlier"


def test_pairs_have_probabilities_and_their_label(judge: Judge, novel: Novel, chunks: tuple[Chunk, ...]) -> None:
    for claim in (CLAIM, STRANGE):
        for pair in judged(judge, novel, chunks, claim).pairs:
            assert sum(pair.probabilities.values()) == pytest.approx(1.0)
            assert pair.probabilities.keys() == {"support", "contradict", "irrelevant"}
            assert pair.probabilities[pair.label] == max(pair.probabilities.values())


def test_claim_that_no_passage_speaks_of_is_not_stated(judge: Judge, novel: Novel, chunks: tuple[Chunk, ...]) -> None:
    verdict = judged(judge, novel, chunks, STRANGE)
    assert verdict.label == "not_stated"
    assert {pair.label for pair in verdict.pairs} == {"irrelevant"}


def test_claim_label_follows_probability_and_threshold(judge: Judge, novel: Novel, chunks: tuple[Chunk, ...]) -> None:
    for threshold, label in ((0.0, "supported"), (1.0, "contradicted")):
        model = replace(judge.claim_model, threshold=threshold)
        strict = replace(judge, claim_model=model, rule=DecisionRule(band=0.0))
        assert judged(strict, novel, chunks).label == label


def test_best_gain_of_the_passages_counts_for_the_claim(judge: Judge, novel: Novel, chunks: tuple[Chunk, ...]) -> None:
    verdict = judged(judge, novel, chunks, gain=1.5)
    assert verdict.features["gain"] == pytest.approx(1.5)
    assert verdict.features.keys() == set(CLAIM_FEATURES)
    assert verdict.probability == pytest.approx(judge.claim_model.probability(verdict.features))


def test_rationale_quotes_the_book(judge: Judge, novel: Novel, chunks: tuple[Chunk, ...]) -> None:
    rationale = judged(judge, novel, chunks).rationale
    assert any(" ".join(pair.quotation.split()) in rationale for pair in judged(judge, novel, chunks).pairs)


def test_passage_holds_the_sentences_of_its_chunk(novel: Novel, chunks: tuple[Chunk, ...]) -> None:
    passage = passage_of(novel, chunks[0])
    assert passage.sentences == tuple(novel.text[start:end] for start, end in chunks[0].sentences)


def test_backstory_is_described_by_verdicts_and_mean_evidence() -> None:
    rows = [dict.fromkeys(ROW_FEATURES, 0.2), dict.fromkeys(ROW_FEATURES, 0.6)]
    described = describe_claims([0.9, 0.4], ["supported", "not_stated"], rows)
    assert described.keys() == {*BACKSTORY_FEATURES, *(f"mean_{name}" for name in ROW_FEATURES)}
    assert described["mean_gain"] == pytest.approx(0.4)
    assert described["share_not_stated"] == 0.5


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A copy of the shipped models that may be broken."""
    return Path(shutil.copytree(SHIPPED, tmp_path / "verdict"))


def test_judge_knows_its_models_by_their_bytes(copy: Path, judge: Judge) -> None:
    assert Judge.load(copy, rule=DecisionRule()).sha256 == judge.sha256
    model = json.loads((copy / "pair.json").read_text(encoding="utf-8"))
    (copy / "pair.json").write_text(json.dumps({**model, "intercept": 1.25}), encoding="utf-8")
    assert Judge.load(copy, rule=DecisionRule()).sha256 != judge.sha256


@pytest.mark.parametrize("name", ["claim.json", "pair.json", "backstory.json"])
def test_judge_misses_a_model(copy: Path, name: str) -> None:
    (copy / name).unlink()
    with pytest.raises(ModelError, match=f"lacks {name}"):
        Judge.load(copy, rule=DecisionRule())


def test_judge_notices_a_damaged_model(copy: Path) -> None:
    path = copy / "claim.json"
    path.write_text(path.read_text(encoding="utf-8")[:-20], encoding="utf-8")
    with pytest.raises(ModelError, match=r"claim\.json"):
        Judge.load(copy, rule=DecisionRule())
