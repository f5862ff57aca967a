"""A judge is opened by its name; another one needs a factory and a line in the registry."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import pytest

from pipeline.book import Book
from pipeline.cli import judge_main
from pipeline.config import PipelineConfig, ScoringConfig
from pipeline.errors import SettingError
from pipeline.judging.interface import ClaimQuestion, JudgeContext, LabelPassages, ignore_progress, label_nothing
from pipeline.judging.registry import JUDGES, open_judge
from pipeline.records import ClaimVerdict
from tests.pipeline.command_line import run
from tests.pipeline.little_story import BACKSTORY


class Credulous:
    """A judge of whole claims that supports each, looks at no passage and has no features."""

    method = "every claim is supported"
    threshold = 0.5

    def __init__(self, context: JudgeContext) -> None:
        self.weights: Mapping[str, str] = {"credulous": context.argument} if context.argument else {}

    def judge(
        self,
        book: Book,
        questions: Sequence[ClaimQuestion],
        *,
        labels: LabelPassages = label_nothing,
        on_progress: Callable[[int], object] = ignore_progress,
    ) -> list[ClaimVerdict]:
        return [ClaimVerdict(question.claim, "supported", 0.9, {}, (), self.method) for question in questions]


def context() -> JudgeContext:
    return JudgeContext(PipelineConfig(), None)


def test_judge_that_is_one_line_of_the_registry_judges_a_whole_run(
    shelf: Path, stand_in_reader: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(JUDGES, "credulous", Credulous)
    (tmp_path / "backstory.txt").write_text(BACKSTORY, encoding="utf-8")
    asked = ["--target_character", "Anna Reed", "--backstory_file", tmp_path / "backstory.txt", "--novels_dir", shelf]
    machine = ["--model_dir", stand_in_reader, "--device", "cpu", "--out_dir", tmp_path / "out"]
    printed = run(judge_main, *asked, *machine, "--judge", "credulous")
    assert printed.status == 0, printed.err
    assert sum("supported    0.90" in line for line in printed.out) == 3


def test_argument_of_a_judge_is_what_follows_its_colon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(JUDGES, "credulous:MODEL", Credulous)
    assert open_judge("credulous:a/model:b", context()).weights == {"credulous": "a/model:b"}


@pytest.mark.parametrize("name", ["credulous", "bdh:", "bdh:model", "joint:x", "hf", "hf: ", ":x"])
def test_unknown_name_is_refused_with_the_known_ones(name: str) -> None:
    with pytest.raises(SettingError, match="it must be one of joint, bdh, groq, heuristic, hf:MODEL"):
        open_judge(name, context())


def test_settings_leave_names_to_the_registry() -> None:
    assert ScoringConfig(judge="credulous").judge == "credulous"
