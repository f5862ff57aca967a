"""Each model of the judge is trained from a base and prepared claims, alone or with a teacher, and can be loaded."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from bdh.training.distributed import World
from pipeline.errors import ModelError, SettingError, TableError
from pipeline.judging.cross_encoder import CrossEncoder, PairText
from pipeline.judging.sentence_encoder import SentenceEncoder
from pipeline.training.example_files import SUFFIX, write_examples
from pipeline.training.judge_program import (
    Part,
    TextRun,
    label_pairs,
    near_pairs,
    read_books,
    read_nli,
    train_text_model,
)
from pipeline.training.text_trainer import TextReport, TextTrainConfig
from tests.pipeline.judging.little_models import CPU, WIDTH, save_base
from tests.pipeline.training.little_claims import CLAIMS, plain_books

CONFIG = TextTrainConfig(max_iters=2, batch_size=6, dtype="fp32", log_interval=1, warmup=1)
PAIRS = (PairText("It snowed.", "It rained."), PairText("He sold the mill.", "The mill was sold."))


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small encoder of random weights in place of a pretrained one."""
    return save_base(tmp_path_factory.mktemp("base") / "mini")


@pytest.fixture
def run_of(base: Path) -> TextRun:
    return TextRun(base, (), plain_books(), (), CONFIG)


def train(part: Part, run: TextRun, out: Path) -> list[TextReport]:
    reports: list[TextReport] = []
    torch.manual_seed(run.config.seed)
    assert train_text_model(part, run, out, World(0, 1, CPU), workers=0, on_report=reports.append) == out
    return reports


def test_finder_is_trained_and_loaded(run_of: TextRun, tmp_path: Path) -> None:
    reports = train("finder", run_of, tmp_path / "finder")
    assert [report.step for report in reports] == [1, 2] and set(reports[0].losses) == {"total"}
    finder = SentenceEncoder.load(tmp_path / "finder", device=CPU)
    vectors = finder.encode(["It rained.", "He sold the mill."])
    assert vectors.shape == (2, WIDTH) and np.linalg.norm(vectors, axis=1) == pytest.approx(np.ones(2), abs=1e-5)


@pytest.mark.parametrize("part", ["ranker", "verifier"])
def test_cross_encoder_is_trained_and_loaded(run_of: TextRun, tmp_path: Path, part: Part) -> None:
    reports = train(part, run_of, tmp_path / part)
    assert [report.step for report in reports] == [1, 2]
    assert set(reports[0].losses) == {"total", "label", "twins", "words"}
    labels = CrossEncoder.load(tmp_path / part, device=CPU).label(PAIRS)
    assert torch.allclose(labels.exp().sum(1), torch.ones(2), atol=1e-5)


def test_training_is_the_same_each_time_and_depends_on_the_seed(run_of: TextRun, tmp_path: Path) -> None:
    first, second = (train("ranker", run_of, tmp_path / name) for name in ("one", "two"))
    assert [report.losses for report in first] == [report.losses for report in second]
    other = train("ranker", replace(run_of, config=replace(CONFIG, seed=7)), tmp_path / "other")
    assert [report.losses for report in other] != [report.losses for report in first]
    one, two, three = (CrossEncoder.load(tmp_path / name, device=CPU) for name in ("one", "two", "other"))
    assert one.weights_sha256 == two.weights_sha256 != three.weights_sha256
    assert torch.equal(one.label(PAIRS), two.label(PAIRS))


def test_some_layers_of_the_base_are_trained(run_of: TextRun, tmp_path: Path) -> None:
    train("finder", replace(run_of, layers=(1,)), tmp_path / "finder")
    config = json.loads((tmp_path / "finder" / "config.json").read_text(encoding="utf-8"))
    assert config["num_hidden_layers"] == 1
    SentenceEncoder.load(tmp_path / "finder", device=CPU)
    with pytest.raises(SettingError, match="layers are 5"):
        train("finder", replace(run_of, layers=(5,)), tmp_path / "none")


def test_small_model_learns_from_a_teacher(run_of: TextRun, tmp_path: Path) -> None:
    train("verifier", run_of, tmp_path / "big")
    teacher = CrossEncoder.load(tmp_path / "big", device=CPU)
    pairs = near_pairs(run_of.books, most=100, seed=1)
    labels = label_pairs(teacher, pairs, tmp_path / "big" / "teacher.npy", lambda done: None)
    taught = replace(run_of, layers=(0,), taught=pairs, teacher=labels, share=0.5)
    reports = train("ranker", taught, tmp_path / "small")
    alone = train("ranker", replace(run_of, layers=(0,)), tmp_path / "alone")
    assert [report.losses for report in reports] != [report.losses for report in alone]
    assert CrossEncoder.load(tmp_path / "small", device=CPU).label(PAIRS).shape == (2, 3)
    only = train("ranker", replace(taught, share=1.0), tmp_path / "only")
    assert {report.losses["words"] for report in only} == {0.0}, "the teacher marks no words"


def test_missing_base_is_named(run_of: TextRun, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"none cannot be loaded .*expected a BERT or MPNet folder"):
        train("ranker", replace(run_of, base=tmp_path / "none"), tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_books_are_read_from_files_of_prepared_claims(tmp_path: Path) -> None:
    for number, book in enumerate(CLAIMS):
        write_examples(tmp_path / f"{number}{SUFFIX}", [book])
    books = read_books([tmp_path])
    assert [book.title for book in books] == ["Mill", "Ferry"]
    assert [book.rows for book in read_books([tmp_path / f"1{SUFFIX}"])] == [books[1].rows]
    assert read_books([]) == ()


@pytest.mark.parametrize(
    "book", [{"book": "Mill", "sentences": [], "claims": []}, {**CLAIMS[0], "rows": [{"pair": None}]}, ["Mill"]]
)
def test_files_of_another_kind_are_refused(tmp_path: Path, book: Any) -> None:
    write_examples(tmp_path / f"a{SUFFIX}", [book])
    with pytest.raises(TableError, match=r"prepared claims have no .*; prepare them again$"):
        read_books([tmp_path])


def test_folder_without_prepared_claims_is_named(tmp_path: Path) -> None:
    with pytest.raises(TableError, match="has no"):
        read_books([tmp_path])


def test_nli_pairs_are_those_of_the_table(tmp_path: Path) -> None:
    path = tmp_path / "nli.jsonl"
    path.write_text('{"premise": "A sea.", "hypothesis": "Water.", "label": "entailment"}\n', encoding="utf-8")
    assert read_nli(path) == (("A sea.", [("Water.", "supported")]),)
    assert read_nli(None) == ()


def test_near_pairs_are_claims_with_windows_near_them() -> None:
    books = plain_books()
    every = near_pairs(books, most=10**9, seed=1)
    expected = {PairText(row.text, book.window(number)) for book in books for row in book.rows for number in row.near}
    assert set(every) == expected and len(every) == sum(len(row.near) for book in books for row in book.rows)
    assert near_pairs(books, most=5, seed=1) == every[:5]
    assert near_pairs(books, most=10**9, seed=2) != every == near_pairs(books, most=10**9, seed=1)


class Teacher:
    """A teacher that counts the pairs that it labels."""

    def __init__(self) -> None:
        self.labelled = 0

    def label(self, pairs: Any, *, on_progress: Any) -> torch.Tensor:
        self.labelled += len(pairs)
        on_progress(len(pairs))
        return torch.full((len(pairs), 3), -1.5)


def test_labels_of_the_teacher_are_stored(tmp_path: Path) -> None:
    teacher, done = Teacher(), list[int]()
    first = label_pairs(teacher, PAIRS, tmp_path / "teacher.npy", done.append)  # type: ignore[arg-type]
    assert (first.tolist(), first.dtype, done) == ([[-1.5] * 3] * 2, np.float32, [2])
    again = label_pairs(teacher, PAIRS, tmp_path / "teacher.npy", done.append)  # type: ignore[arg-type]
    assert np.array_equal(first, again) and teacher.labelled == 2


def test_stored_labels_of_other_pairs_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "teacher.npy"
    label_pairs(Teacher(), PAIRS, path, lambda done: None)  # type: ignore[arg-type]
    with pytest.raises(TableError, match=r"teacher\.npy has labels of shape \(2, 3\); expected \(1, 3\): remove"):
        label_pairs(Teacher(), PAIRS[:1], path, lambda done: None)  # type: ignore[arg-type]


@pytest.mark.parametrize("content", [b"", b"PK", b"text of some kind", b"\x93NUMPY\x01\x00"])
def test_damaged_labels_are_named(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "teacher.npy"
    path.write_bytes(content)
    with pytest.raises(TableError, match=r"teacher\.npy has no labels that can be read .*remove the file"):
        label_pairs(Teacher(), PAIRS, path, lambda done: None)  # type: ignore[arg-type]
