"""The stages in their order: a book opened, a backstory split, evidence found, claims judged."""

from __future__ import annotations

import json
import math
import shutil
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from bdh import weights_hash
from pipeline.book import Book
from pipeline.config import (
    ROOT,
    ChunkConfig,
    PipelineConfig,
    RetrievalConfig,
    ScoringConfig,
    TextConfig,
    resolve_model_dir,
)
from pipeline.errors import BackstoryError, CharacterError, ModelError
from pipeline.judging.backstory import describe_backstory
from pipeline.judging.interface import ClaimQuestion
from pipeline.judging.multinomial import consistent_probability
from pipeline.judging.verifier import VerifierInput, VerifierOutput
from pipeline.judging.window_judge import BEST, WindowJudge
from pipeline.records import Verdict
from pipeline.run import Pipeline, Question
from pipeline.states import Reading
from pipeline.storage.answers import AnswerCache
from pipeline.text.aliases import Alias
from pipeline.text.novels import load_novel
from tests.pipeline.command_line import rows_of
from tests.pipeline.little_story import BACKSTORY, OTHER_BACKSTORY


@pytest.fixture(scope="module")
def pipeline(stand_in_config: PipelineConfig, tmp_path_factory: pytest.TempPathFactory) -> Pipeline:
    """The stages with the stand-in models."""
    return Pipeline(stand_in_config, (Alias("the ferrywoman", "Anna Reed"),), tmp_path_factory.mktemp("cache"))


@pytest.fixture(scope="module")
def book(pipeline: Pipeline, shelf: Path) -> Book:
    """The little story, opened."""
    return pipeline.open_book(shelf / "Low Water.txt")


@pytest.fixture(scope="module")
def reading(pipeline: Pipeline, book: Book) -> Reading:
    """The little story, read with Anna Reed."""
    return pipeline.read(book, [pipeline.find_character(book, "Anna Reed")])


def judged(pipeline: Pipeline, book: Book, backstory: str = BACKSTORY) -> Verdict:
    verdict, _ = pipeline.judge_backstory(book, pipeline.find_character(book, "Anna Reed"), backstory)
    return verdict


def questions_of(pipeline: Pipeline, book: Book, reading: Reading) -> list[ClaimQuestion]:
    claims = pipeline.extract(BACKSTORY, "Anna Reed")
    found = pipeline.find_evidence(book, reading, pipeline.find_character(book, "Anna Reed"), claims)
    return [found[claim.id] for claim in claims]


def judge_of(pipeline: Pipeline) -> WindowJudge:
    assert isinstance(pipeline.judge, WindowJudge)
    return pipeline.judge


def test_open_book_takes_a_path_and_a_loaded_novel(pipeline: Pipeline, book: Book, shelf: Path) -> None:
    again = pipeline.open_book(load_novel(shelf / "Low Water.txt"))
    assert (again.novel, again.sentences, again.chunks, again.mentions) == (
        book.novel,
        book.sentences,
        book.chunks,
        book.mentions,
    )


def test_open_book_finds_its_characters(book: Book) -> None:
    assert "Anna Reed" in {person.name for person in book.cast}


def test_find_character_follows_the_aliases_of_the_run(pipeline: Pipeline, book: Book) -> None:
    anna, alias = (pipeline.find_character(book, name) for name in ("Anna Reed", "the ferrywoman"))
    assert alias.chunks == anna.chunks
    with pytest.raises(CharacterError, match="Anna Reed"):
        pipeline.find_character(book, "Annie Reid")


def test_reading_has_a_state_for_every_chunk(book: Book, reading: Reading) -> None:
    assert [state.chunk_index for state in reading.states] == list(range(len(book.chunks)))
    assert len(reading.characters["Anna Reed"]) == len(book.chunks)


def test_claims_are_numbered_and_name_their_character(pipeline: Pipeline) -> None:
    claims = pipeline.extract(BACKSTORY, "Anna Reed")
    assert [claim.id.split("-")[0] for claim in claims] == ["c1", "c2", "c3"]
    assert all("Anna Reed" in claim.text for claim in claims)


def test_evidence_is_ranked_and_is_in_the_book(pipeline: Pipeline, book: Book, reading: Reading) -> None:
    claims = pipeline.extract(BACKSTORY, "Anna Reed")
    anna = pipeline.find_character(book, "Anna Reed")
    for claim in claims:
        evidence = pipeline.find_evidence(book, reading, anna, claims)[claim.id].evidence
        assert [item.rank for item in evidence] == list(range(1, min(10, len(book.chunks)) + 1))
        assert {item.chunk_index for item in evidence} <= {chunk.index for chunk in book.chunks}
        assert [item.character_present for item in evidence] == [item.chunk_index in anna.chunks for item in evidence]
        assert all(0 <= item.distance <= 2 for item in evidence)


def test_evidence_without_a_character_comes_from_the_whole_novel(
    pipeline: Pipeline, book: Book, reading: Reading
) -> None:
    claims = pipeline.extract(BACKSTORY, "")
    found = pipeline.find_evidence(book, reading, None, claims)
    assert all(
        question.evidence and not any(item.character_present for item in question.evidence)
        for question in found.values()
    )


def test_evidence_is_as_much_as_asked_for(
    stand_in_config: PipelineConfig, book: Book, pipeline: Pipeline, reading: Reading
) -> None:
    few = Pipeline(replace(stand_in_config, retrieval=RetrievalConfig(top_k=2)), cache_dir=pipeline.cache_dir)
    claims = few.extract(BACKSTORY, "Anna Reed")
    found = few.find_evidence(book, reading, None, claims).values()
    assert {len(question.evidence) for question in found} == {2}
    for question in found:
        inside = {number for item in question.evidence for number in book.chunks[item.chunk_index].numbers}
        assert {window.window.sentence for window in question.windows} <= inside
        relevance = [window.relevance for window in question.windows]
        assert relevance and relevance == sorted(relevance, reverse=True)


def test_without_a_ranker_the_judge_chooses_windows_by_words(
    stand_in_config: PipelineConfig, book: Book, pipeline: Pipeline, reading: Reading
) -> None:
    plain = Pipeline(replace(stand_in_config, retrieval=RetrievalConfig(ranker="none")), cache_dir=pipeline.cache_dir)
    claims = plain.extract(BACKSTORY, "Anna Reed")
    found = plain.find_evidence(book, reading, None, claims)
    assert all(question.evidence and not question.windows for question in found.values())
    (verdict,) = plain.judge_questions(book, [found[claims[0].id]])
    assert verdict.pairs and math.fsum(verdict.probabilities.values()) == pytest.approx(1)


def test_backstory_has_a_verdict_on_every_claim(pipeline: Pipeline, book: Book, reading: Reading) -> None:
    verdict = judged(pipeline, book)
    assert [one.claim for one in verdict.claims] == list(pipeline.extract(BACKSTORY, "Anna Reed"))
    assert verdict.label in {"consistent", "inconsistent", "uncertain"}
    assert 0 <= verdict.probability <= 1
    assert (verdict.novel, verdict.character) == ("Low Water", "Anna Reed")
    assert verdict.features == describe_backstory(verdict.claims)
    by_model = pipeline.models.backstory_model.model.probability(verdict.features)
    bound = 1 - max(one.probabilities["contradicted"] for one in verdict.claims)
    assert verdict.probability == pytest.approx(min(by_model, bound))
    assert (verdict.label == "inconsistent") == any(one.label == "contradicted" for one in verdict.claims)


def test_quotations_are_verbatim_in_the_novel(pipeline: Pipeline, book: Book, reading: Reading) -> None:
    for one in judged(pipeline, book).claims:
        assert one.pairs
        for pair in one.pairs:
            assert pair.quotation == book.novel.text[pair.start : pair.end]
            assert pair.chapter == book.novel.chapter_at(pair.start)
            assert pair.evidence.claim_id == one.claim.id


def test_claims_judged_together_or_apart_are_judged_alike(pipeline: Pipeline, book: Book, reading: Reading) -> None:
    questions = questions_of(pipeline, book, reading)
    together = list(pipeline.judge_questions(book, questions))
    for question, verdict in zip(questions, together, strict=True):
        (apart,) = pipeline.judge_questions(book, [question])
        assert verdict.probability == pytest.approx(apart.probability, abs=1e-4)
        assert [pair.quotation for pair in verdict.pairs] == [pair.quotation for pair in apart.pairs]


def test_claims_of_several_characters_are_judged_in_one_pass(pipeline: Pipeline, book: Book) -> None:
    anna = pipeline.find_character(book, "Anna Reed")
    own, open_ = (pipeline.extract(text, "Anna Reed") for text in (BACKSTORY, OTHER_BACKSTORY))
    judged = pipeline.judge_claims(book, [Question(own, anna), Question(open_)])
    assert judged.tracked == (anna,) and list(judged.reading.characters) == ["Anna Reed"]
    assert [[one.claim for one in answer] for answer in judged.answers] == [list(own), list(open_)]
    assert not any(pair.evidence.character_present for one in judged.answers[1] for pair in one.pairs)


def test_claim_without_evidence_is_not_compared_with_a_passage(pipeline: Pipeline, book: Book) -> None:
    (claim, *_) = pipeline.extract(BACKSTORY, "Anna Reed")
    (verdict,) = pipeline.judge_questions(book, [ClaimQuestion(claim, ())])
    assert verdict.pairs == () and "No passage" in verdict.rationale


class RecordingVerifier:
    """A verifier that records its inputs, and contradicts every claim."""

    identity = weights_sha256 = "recording"

    def __init__(self) -> None:
        self.inputs: list[VerifierInput] = []

    def verify(
        self, questions: Sequence[VerifierInput], *, on_progress: Callable[[int], object] = lambda done: None
    ) -> list[VerifierOutput]:
        self.inputs += questions
        on_progress(len(questions))
        return [VerifierOutput({"supported": 0.0, "contradicted": 1.0, "not_stated": 0.0}) for _ in questions]


def test_each_claim_is_verified_given_its_most_relevant_windows(
    pipeline: Pipeline, book: Book, reading: Reading
) -> None:
    recording, done = RecordingVerifier(), list[int]()
    judge = replace(judge_of(pipeline), verifier=recording, cache=None)
    questions = questions_of(pipeline, book, reading)
    judge.judge(book, questions, on_progress=done.append)
    wanted = [
        VerifierInput(question.claim.text, (window.text,))
        for question in questions
        for window in question.windows[:BEST]
    ]
    assert recording.inputs == wanted
    assert sum(done) == sum(1 + len(question.evidence) for question in questions)


def test_outputs_are_cached_and_anything_else_in_their_place_is_computed_again(
    pipeline: Pipeline, book: Book, reading: Reading, tmp_path: Path
) -> None:
    questions = questions_of(pipeline, book, reading)
    verdicts, counts, answers = [], [], AnswerCache(tmp_path)
    for damage in (None, None, [1, 2], [{"odds": 1}], {}):
        recording = RecordingVerifier()
        again = replace(judge_of(pipeline), verifier=recording, cache=answers)
        if damage is not None:
            for key, _ in json.loads(rows_of(tmp_path / "cache.db")):
                answers.store(key, damage)
        verdicts.append(again.judge(book, questions))
        counts.append(len(recording.inputs))
    assert counts[1] == 0 and counts[0] == counts[2] == counts[3] == counts[4] > 0
    assert verdicts == [verdicts[0]] * 5


def test_probabilities_of_a_claim_are_those_of_the_model_on_its_features(
    pipeline: Pipeline, book: Book, reading: Reading
) -> None:
    for one in judged(pipeline, book).claims:
        assert {name.split("_")[0] for name in one.features} == {"bdh", "cross"}
        chances = judge_of(pipeline).model.probabilities([one.features])[0]
        assert list(one.probabilities.values()) == pytest.approx(chances)
        assert one.probability == pytest.approx(consistent_probability(chances.tolist()))
        assert (one.difference is None) == (one.label != "contradicted")


def test_verifier_is_in_the_folder_of_the_encoder(pipeline: Pipeline, stand_in_reader: Path) -> None:
    assert judge_of(pipeline).verifier.weights_sha256 == weights_hash(stand_in_reader / "claims")


def test_missing_verifier_is_an_error_before_the_reading(
    stand_in_config: PipelineConfig, stand_in_reader: Path, tmp_path: Path
) -> None:
    bare = shutil.copytree(stand_in_reader, tmp_path / "bare", ignore=shutil.ignore_patterns("claims"))
    incomplete = Pipeline(replace(stand_in_config, reading=replace(stand_in_config.reading, model_dir=str(bare))))
    with pytest.raises(ModelError, match="verifier cannot be loaded"):
        incomplete.load_models()


def test_uncertain_is_what_lies_near_the_threshold(
    stand_in_config: PipelineConfig, pipeline: Pipeline, book: Book, reading: Reading
) -> None:
    timid = Pipeline(
        replace(stand_in_config, scoring=ScoringConfig(uncertain_below=0.999)), cache_dir=pipeline.cache_dir
    )
    verdict = judged(timid, book)
    contradicted = any(one.label == "contradicted" for one in verdict.claims)
    assert verdict.label == ("inconsistent" if contradicted else "uncertain")


def test_empty_backstory_holds_no_claim(pipeline: Pipeline, book: Book, reading: Reading) -> None:
    with pytest.raises(BackstoryError):
        judged(pipeline, book, " \n")


def test_second_run_judges_as_the_first(
    stand_in_config: PipelineConfig, pipeline: Pipeline, book: Book, reading: Reading, shelf: Path
) -> None:
    again = Pipeline(stand_in_config, pipeline.aliases, pipeline.cache_dir)
    opened = again.open_book(shelf / "Low Water.txt")
    stored = again.read(opened, [again.find_character(opened, "Anna Reed")])
    for one, other in zip(reading.states, stored.states, strict=True):
        assert np.array_equal(one.global_vector, other.global_vector)
    for backstory in (BACKSTORY, OTHER_BACKSTORY):
        assert judged(again, opened, backstory) == judged(pipeline, book, backstory)


def test_chunks_are_cut_as_configured(stand_in_config: PipelineConfig, shelf: Path) -> None:
    fine = Pipeline(replace(stand_in_config, text=TextConfig(chunks=ChunkConfig(2, 1))))
    chunks = fine.open_book(shelf / "Low Water.txt").chunks
    assert {len(chunk.sentences) for chunk in chunks} == {2}
    assert [chunk.first_sentence for chunk in chunks] == list(range(len(chunks)))


def test_missing_models_are_named(stand_in_config: PipelineConfig) -> None:
    missing = replace(stand_in_config, scoring=ScoringConfig(judge_dir="no/such/judge"))
    with pytest.raises(ModelError, match=r"joint\.json"):
        _ = Pipeline(missing).judge
    with pytest.raises(ModelError, match="no/such/judge/finder"):
        _ = Pipeline(replace(stand_in_config, retrieval=RetrievalConfig(ranker="no/such/judge"))).models.ranker


def test_shipped_folder_is_found_from_anywhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert resolve_model_dir("models/reader") == ROOT / "models" / "reader"
    (tmp_path / "models" / "reader").mkdir(parents=True)
    assert resolve_model_dir("models/reader") == Path("models/reader")
    assert resolve_model_dir(str(tmp_path / "other")) == tmp_path / "other"


def test_checks_are_shown_and_do_not_move_the_verdict(pipeline: Pipeline, book: Book) -> None:
    backstory = "Anna Reed had rowed past the house of Dr Moss and counted its nineteen dark shutters. Dr Moss died."
    verdict = judged(pipeline, book, "Anna Reed's boat, the Patience, held nine people and one cow. " + backstory)
    checks = [check for one in verdict.claims for check in one.checks]
    assert [(check.kind, check.agrees) for check in checks] == [("number", False)]
    for check in checks:
        assert book.novel.text[check.start : check.end] == check.passage == "It held eleven people and one cow."
        assert check.chapter == 1
    shown = next(one for one in verdict.claims if one.checks)
    assert "The check of numbers conflicts: the claim says “nine people”" in shown.rationale
    chances = judge_of(pipeline).model.probabilities([shown.features])[0]
    assert list(shown.probabilities.values()) == pytest.approx(chances)
