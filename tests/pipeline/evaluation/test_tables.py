"""Tables are judged row by row on their own novels, and predictions quote them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from pipeline.commands.judge_tables import judge_tables
from pipeline.config import PipelineConfig
from pipeline.engines.local import LocalEngine
from pipeline.errors import NovelError, TableError
from pipeline.evaluation.tables import (
    JudgedNovel,
    JudgedRow,
    evidence_of,
    fit_tables,
    predict,
)
from pipeline.run import Pipeline
from pipeline.tables.rows import Row
from pipeline.text.novels import load_novel
from tests.pipeline.evaluation.made_up_rows import ANNA, made_up, row
from tests.pipeline.little_story import TEXT

OTHER_TEXT = """\
Anna Reed kept bees on the hill above the station. She had never seen the sea, nor any ferry. Her hives were blue.

Old Mr Crane bought her honey every autumn. He paid in coal. The station clock stood at ten past four.
"""
CLOCK = "The clock stood at ten past four."


@pytest.fixture(scope="module")
def two_novels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with two novels that share a character's name."""
    folder = tmp_path_factory.mktemp("two")
    (folder / "Low Water.txt").write_text(TEXT, encoding="utf-8")
    (folder / "Dry Land.txt").write_text(OTHER_TEXT, encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def pipeline(stand_in_config: PipelineConfig, tmp_path_factory: pytest.TempPathFactory) -> Pipeline:
    """The pipeline with the stand-in encoder."""
    return Pipeline(stand_in_config, cache_dir=tmp_path_factory.mktemp("cache"))


@dataclass
class Recorder:
    """Records the novels and the progress while rows are judged."""

    books: list[tuple[str, list[str]]] = field(default_factory=list)
    progress: list[tuple[str, int, int]] = field(default_factory=list)

    def record(self, number: int, judged: JudgedNovel) -> None:
        assert list(judged.reading.characters) == [person.name for person in judged.tracked]
        self.books.append((judged.novel.name, list(judged.reading.characters)))

    def on_rows(self, name: str, read: int, total: int) -> None:
        self.progress.append((name, read, total))


def judge_here(pipeline: Pipeline, rows: Sequence[Row], novels: Path, recorder: Recorder) -> list[JudgedRow]:
    """Judge rows in this process."""
    return judge_tables(LocalEngine(pipeline), pipeline, rows, novels, keep=recorder.record, show=recorder.on_rows)


@pytest.fixture
def judged(pipeline: Pipeline, two_novels: Path) -> Callable[..., tuple[list[JudgedRow], Recorder]]:
    """Return ``judge(rows)``: the judged rows and the recorder."""

    def judge(*rows: Row) -> tuple[list[JudgedRow], Recorder]:
        recorder = Recorder()
        return judge_here(pipeline, rows, two_novels, recorder), recorder

    return judge


Judging = Callable[..., tuple[list[JudgedRow], Recorder]]


def test_rows_come_back_in_their_order(judged: Judging) -> None:
    rows = [row("1", book="Dry Land"), row("2"), row("3", CLOCK, book="Dry Land"), row("4", CLOCK)]
    assert [one.row for one in judged(*rows)[0]] == rows


def test_evidence_comes_from_the_book_of_the_row_alone(judged: Judging, two_novels: Path) -> None:
    rows, _ = judged(row("1"), row("2", book="Dry Land"), row("3", CLOCK, book="Dry Land"))
    for one in rows:
        text = load_novel(two_novels / f"{one.row.book_name}.txt").text
        assert one.claims
        for claim in one.claims:
            assert claim.pairs
            assert all(text[pair.start : pair.end] == pair.quotation for pair in claim.pairs)


def test_each_novel_is_read_once_whatever_its_spelling(judged: Judging) -> None:
    _, recorder = judged(row("1", book="low_water"), row("2", book="Low Water.txt"), row("3", book="LOW WATER"))
    assert recorder.books == [("Low Water", ["Anna Reed"])]


def test_characters_of_the_rows_are_tracked_each_once(judged: Judging) -> None:
    _, recorder = judged(row("1"), row("2", CLOCK), row("3", char="Dr Moss"), row("4", char="Nobody Known"))
    assert recorder.books == [("Low Water", ["Anna Reed", "Dr Moss"])]


MISSING = [("", "no character"), ("Captain Ahab", "'Captain Ahab' is found nowhere")]


@pytest.mark.parametrize(("char", "message"), MISSING)
def test_row_without_a_known_character_is_judged_on_the_whole_novel(judged: Judging, char: str, message: str) -> None:
    ((one,), _) = judged(row("1", char=char))
    assert not one.character_found
    assert message in one.notices[0] and "whole novel" in one.notices[0]
    assert one.claims[0].pairs
    assert not any(pair.evidence.character_present for pair in one.claims[0].pairs)


def test_row_with_a_known_character_has_no_notice(judged: Judging) -> None:
    ((one,), _) = judged(row("1"))
    assert one.character_found and one.notices == ()
    assert any(pair.evidence.character_present for pair in one.claims[0].pairs)


def test_rows_of_two_tables_may_share_an_id(judged: Judging) -> None:
    train, test = row("7"), replace(row("7", CLOCK), label=None)
    rows, _ = judged(train, test)
    assert [one.row for one in rows] == [train, test]
    assert rows[0].claims[0].claim.text != rows[1].claims[0].claim.text


def test_label_of_a_row_does_not_change_its_features(judged: Judging) -> None:
    ((true,), _), ((false,), _) = judged(row("1", label="1")), judged(row("1", label="0"))
    assert replace(true, row=false.row) == false


def test_caption_is_not_a_claim(judged: Judging) -> None:
    ((one,), _) = judged(row("1", caption="She sold the ferry."))
    assert [claim.claim.text for claim in one.claims] == [ANNA]


def test_progress_of_the_claims_reaches_the_total(judged: Judging) -> None:
    _, recorder = judged(row("1"), row("2", CLOCK))
    (name,), (total,) = {name for name, _, _ in recorder.progress}, {total for _, _, total in recorder.progress}
    assert name == "Low Water"
    assert sum(read for _, read, _ in recorder.progress) == total


def test_unknown_book_is_an_error_and_nothing_is_read(
    stand_in_config: PipelineConfig, two_novels: Path, judged: Judging
) -> None:
    fresh, recorder = Pipeline(stand_in_config), Recorder()
    with pytest.raises(NovelError, match="Moby-Dick"):
        judge_here(fresh, [row("1"), row("2", book="Moby-Dick")], two_novels, recorder)
    assert recorder.books == []


def test_row_without_a_claim_is_named(judged: Judging) -> None:
    with pytest.raises(TableError, match=r"row 2: .*no claim"):
        judged(row("1"), row("2", "..."))


def test_two_novels_of_one_name_would_overwrite_each_other(judged: Judging, two_novels: Path, tmp_path: Path) -> None:
    (tmp_path / "Low Water.txt").write_text(TEXT, encoding="utf-8")
    second = two_novels / "Second.txt"
    second.symlink_to(tmp_path / "Low Water.txt")
    with pytest.raises(TableError, match="same artefacts"):
        judged(row("1"), row("2", book="Second"))
    second.unlink()


def test_predictions_are_those_of_the_model_and_quote_the_book(judged: Judging) -> None:
    rows, _ = judged(row("1"), row("2", CLOCK))
    model = fit_tables(made_up(20), folds=2, repeats=1, seed=0).model
    filled = [replace(one, features={name: 0.5 for name in model.names}) for one in rows]
    for prediction, one in zip(predict(filled, model), filled, strict=True):
        assert prediction.id == one.row.id
        assert prediction.probability == model.probability(one.features)
        assert "\n" not in prediction.rationale
        assert any(" ".join(pair.quotation.split()) in prediction.rationale for pair in one.claims[0].pairs)


def test_evidence_names_the_source_of_its_probability(judged: Judging) -> None:
    rows, _ = judged(row("1", label="0"), row("2", CLOCK, char=""))
    first, second = evidence_of(rows, [0.7, 0.2], threshold=0.6, how="out of fold")
    assert (first.label, first.given_label, first.probability) == ("consistent", "inconsistent", 0.7)
    assert second.label == "inconsistent" and second.notices and not second.character_found
    assert first.aggregation["probability_from"] == "out of fold"
    assert first.aggregation["claims"] == len(rows[0].claims)
    counts = [first.aggregation[label] for label in ("supported", "contradicted", "not_stated")]
    assert sum(counts) == len(rows[0].claims)
