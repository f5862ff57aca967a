"""``--judge``: each judge through the whole run, and settings that exclude each other."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from pipeline.cli import dataset_main, judge_main
from pipeline.commands.catalogue import make_parser
from pipeline.commands.settings import parse, pipeline_config
from pipeline.config import LLMConfig, PipelineConfig, ScoringConfig
from pipeline.errors import SettingError
from pipeline.judging.interface import ClaimQuestion, JudgeContext
from pipeline.judging.pair.by_passages import ByPassages
from pipeline.judging.pair.interface import PassageQuestion
from pipeline.judging.registry import JUDGES, open_judge
from pipeline.records import Claim, Evidence, PairLabel
from pipeline.retrieval.index import Lexicon
from pipeline.run import Pipeline
from tests.pipeline.command_line import refused, run
from tests.pipeline.judging.pair.cross_encoders import save_cross_encoder
from tests.pipeline.little_story import BACKSTORY, OTHER_BACKSTORY

ANNA = "Anna Reed"


@pytest.fixture
def words(shelf: Path, stand_in_reader: Path, tmp_path: Path) -> list[str]:
    """The flags of a run on the little story."""
    backstory = tmp_path / "backstory.txt"
    backstory.write_text(BACKSTORY, encoding="utf-8")
    flags = ["--target_character", ANNA, "--backstory_file", str(backstory), "--novels_dir", str(shelf)]
    return [*flags, "--model_dir", str(stand_in_reader), "--device", "cpu", "--out_dir", str(tmp_path / "out")]


def load(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


def config_of(*flags: str, command: str = "judge") -> PipelineConfig:
    return pipeline_config(parse(make_parser(command), flags))


def test_shipped_verifier_judges_unless_another_is_named() -> None:
    assert config_of().scoring.judge == "joint"
    assert not config_of().groq_tasks


def test_groq_judges_by_judge_groq_whatever_else_it_does() -> None:
    assert config_of("--judge", "groq").groq_tasks == {"judge"}
    assert config_of("--judge", "groq", "--llm", "claims").groq_tasks == {"judge", "claims"}
    assert config_of("--judge", "groq", "--llm", "all").groq_tasks == {"judge", "claims", "summaries"}
    assert config_of("--llm", "summaries").groq_tasks == {"summaries"}


@pytest.mark.parametrize("judge", [[], ["--judge", "groq"]])
def test_llm_judge_is_a_deprecated_spelling_of_judge_groq(judge: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert config_of("--llm", "judge", *judge) == config_of("--judge", "groq")
    assert (
        capsys.readouterr()
        .err.strip()
        .endswith("--llm judge as a way to name the judge is deprecated; write --judge groq")
    )


def test_llm_all_names_the_judge_in_a_deprecated_way_unless_the_judge_is_named(
    capsys: pytest.CaptureFixture[str],
) -> None:
    named = config_of("--llm", "all", "--judge", "groq")
    assert capsys.readouterr().err == ""
    assert config_of("--llm", "all") == named
    assert capsys.readouterr().err.strip().endswith("write --judge groq --llm all")


def test_settings_name_the_judge_in_one_place() -> None:
    with pytest.raises(SettingError, match="llm is 'judge'; it must be one of off, summaries, claims, all"):
        LLMConfig("judge")  # type: ignore[arg-type]
    config = PipelineConfig(llm=LLMConfig("all"))
    assert (config.scoring.judge, config.groq_tasks) == ("joint", {"summaries", "claims"})


def test_desk_takes_the_judge_too() -> None:
    assert config_of("--judge", "heuristic", command="serve").scoring.judge == "heuristic"


@pytest.mark.parametrize("judge", ["gpt", "hf:", "hf: ", "", "BDH"])
def test_unknown_judge_is_refused(judge: str) -> None:
    with pytest.raises(SettingError, match="it must be one of joint, bdh, groq, heuristic, hf:MODEL"):
        open_judge(judge, JudgeContext(PipelineConfig(), None))


def test_unknown_judge_is_refused_before_anything_is_read(words: list[str]) -> None:
    assert "judge is 'gpt'; it must be one of joint" in refused(judge_main, *words, "--judge", "gpt")
    with pytest.raises(SettingError, match="judge is empty"):
        ScoringConfig(judge=" ")


def test_help_names_every_judge_of_the_registry() -> None:
    (flag,) = [action for action in make_parser("judge")._actions if action.dest == "judge"]
    assert str(flag.help).startswith(f"one of {', '.join(JUDGES)}: ")


@pytest.mark.parametrize("judge", ["heuristic", "hf:a/model", "bdh", "joint"])
@pytest.mark.parametrize("task", ["judge", "all"])
def test_two_judges_are_refused(judge: str, task: str, words: list[str]) -> None:
    line = refused(judge_main, *words, "--judge", judge, "--llm", task)
    assert "judge" in line and "summaries or claims alone" in line
    assert config_of("--judge", judge, "--llm", "claims").scoring.judge == judge


class FixedJudge:
    """A judge of passages with fixed probabilities."""

    method, sha256 = "fixed", None

    def __init__(self, chances: Sequence[tuple[float, float]], *, contradicts: bool = True) -> None:
        self.chances, self.contradicts = chances, contradicts

    def label_passages(
        self,
        questions: Sequence[PassageQuestion],
        *,
        lexicon: Lexicon,
        on_progress: Callable[[int], object] = lambda done: None,
    ) -> list[dict[PairLabel, float]]:
        on_progress(len(questions))
        return [{"support": s, "contradict": c, "irrelevant": 1 - s - c} for s, c in self.chances]


@pytest.mark.parametrize(
    ("chances", "contradicts", "expected"),
    [
        ([(0.9, 0.0), (0.0, 0.3)], True, ("supported", 0.8)),
        ([(0.1, 0.8), (0.2, 0.0)], True, ("contradicted", 0.2)),
        ([(0.2, 0.3), (0.1, 0.0)], True, ("not_stated", 0.45)),
        ([(0.7, 0.0), (0.1, 0.0)], False, ("supported", 0.7)),
        ([(0.2, 0.0), (0.1, 0.0)], False, ("not_stated", 0.2)),
    ],
)
def test_claim_follows_from_its_pairs(
    chances: list[tuple[float, float]],
    contradicts: bool,
    expected: tuple[str, float],
    stand_in_config: PipelineConfig,
    shelf: Path,
) -> None:
    book = Pipeline(stand_in_config).open_book(shelf / "Low Water.txt")
    claim = Claim("c1-x", ANNA, "event", "unspecified", "unspecified", "Anna Reed kept the ferry.")
    evidence = tuple(Evidence("c1-x", index, index + 1, 1.0, 1.0, index + 1, 0.5, True) for index in range(2))
    done: list[int] = []
    judge = ByPassages(FixedJudge(chances, contradicts=contradicts))
    (verdict,) = judge.judge(book, [ClaimQuestion(claim, evidence)], on_progress=done.append)
    assert (verdict.label, verdict.probability) == (expected[0], pytest.approx(expected[1]))
    assert (verdict.features, verdict.probabilities, verdict.difference) == ({}, {}, None)
    assert all(book.novel.text[pair.start : pair.end] == pair.quotation for pair in verdict.pairs)
    assert sum(done) == len(evidence) + 1


def test_rules_judge_a_whole_run_without_the_verifier(
    words: list[str], stand_in_reader: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "pipeline.judging.window_judge.BDHVerifier.load", lambda *args, **kwargs: pytest.fail("not needed")
    )
    result = run(judge_main, *words, "--judge", "heuristic")
    assert result.status == 0, result.err
    manifest = load(tmp_path / "out" / "manifest.json")
    assert manifest["settings"]["scoring"]["judge"] == "heuristic"
    assert manifest["methods"]["scorer"].startswith("declared rules on words, no weights")
    assert sorted(manifest["weights"]) == ["finder", "ranker", "reader", "verdict"]
    claims = load(tmp_path / "out" / "backstory_consistency.json")["claims"]
    assert len(claims) == 3
    assert next(iter(claims.values()) if isinstance(claims, dict) else iter(claims))["label"] == "supported"
    report = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    assert "declared rules on words" in report
    assert "majority" not in report, "figures of the shipped judge are not shown as those of another"


def test_cross_encoder_judges_a_whole_run(words: list[str], tmp_path: Path) -> None:
    folder = save_cross_encoder(tmp_path / "tiny", ("CONTRADICTION", "ENTAILMENT", "NEUTRAL"), positions=512)
    result = run(judge_main, *words, "--judge", f"hf:{folder}", "--json")
    assert result.status == 0, result.err
    manifest = load(tmp_path / "out" / "manifest.json")
    assert sorted(manifest["weights"]) == ["finder", "judge", "ranker", "reader", "verdict"]
    assert "for the cross-encoder tiny" in manifest["methods"]["scorer"]
    for pairs in load(tmp_path / "out" / "claim_chunk_pairs.json").values():
        for pair in pairs:
            assert sum(pair["probabilities"].values()) == pytest.approx(1, abs=1e-3)


def test_rules_judge_a_table(words: list[str], shelf: Path, stand_in_reader: Path, tmp_path: Path) -> None:
    lines = [f'{number},Low Water,{ANNA},"{text}",{{}}' for number, text in enumerate([BACKSTORY, OTHER_BACKSTORY] * 4)]
    head = "id,book_name,char,content"
    train, test = tmp_path / "train.csv", tmp_path / "test.csv"
    rows = [line.format(("consistent", "contradict")[number % 2]) for number, line in enumerate(lines)]
    train.write_text("\n".join([f"{head},label", *rows]), encoding="utf-8")
    test.write_text("\n".join([head, *(line.rpartition(",")[0] for line in lines[:2])]), encoding="utf-8")
    tables = ["--train_csv", train, "--test_csv", test, "--folds", 2, "--repeats", 1, "--novels_dir", shelf]
    out = tmp_path / "table"
    result = run(
        dataset_main,
        *tables,
        "--model_dir",
        stand_in_reader,
        "--device",
        "cpu",
        "--out_dir",
        out,
        "--judge",
        "heuristic",
    )
    assert result.status == 0, result.err
    assert load(out / "manifest.json")["methods"]["scorer"].startswith("declared rules")
    assert len((out / "test_predictions.csv").read_text().splitlines()) == 3


def test_reading_of_a_book_serves_every_judge(stand_in_config: PipelineConfig, shelf: Path, tmp_path: Path) -> None:
    own = Pipeline(stand_in_config, cache_dir=tmp_path)
    book = own.open_book(shelf / "Low Water.txt")
    own.read(book)
    stored = sorted(path.name for path in tmp_path.rglob("*"))
    other = Pipeline(replace(stand_in_config, scoring=ScoringConfig(judge="heuristic")), cache_dir=tmp_path)
    other.read(book)
    assert sorted(path.name for path in tmp_path.rglob("*")) == stored


def test_judge_that_cannot_be_loaded_is_an_error_before_the_reading(words: list[str], tmp_path: Path) -> None:
    line = refused(judge_main, *words, "--judge", f"hf:{tmp_path / 'nothing'}")
    assert "cannot be loaded" in line and "use another --judge" in line


def test_groq_needs_its_key_whatever_it_does(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GROQ_API_KEY", "")
    for config in (PipelineConfig(scoring=ScoringConfig(judge="groq")), PipelineConfig(llm=LLMConfig("claims"))):
        with pytest.raises(Exception, match="the Groq key is missing"):
            Pipeline(config)
