"""Flags in either spelling, a settings file that stands behind them, and settings out."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

import pytest

from pipeline.config import PipelineConfig
from pipeline.errors import SettingError
from pipeline.flag_groups import FlagParser
from pipeline.flag_values import parse, settings
from pipeline.flags import dataset_parser, judge_parser, tools_parser


def judge(*words: str) -> argparse.Namespace:
    return parse(judge_parser(), words)


@pytest.fixture
def toml(tmp_path: Path) -> Callable[[str], str]:
    """Return ``write(text)``, which gives the path of a settings file."""

    def write(text: str) -> str:
        (tmp_path / "settings.toml").write_text(text, encoding="utf-8")
        return str(tmp_path / "settings.toml")

    return write


def test_flags_by_default_make_the_default_settings() -> None:
    assert settings(judge()) == PipelineConfig()
    assert settings(parse(dataset_parser(), [])) == PipelineConfig()


@pytest.mark.parametrize("words", [["--n_sent_per_chunk", "9"], ["--n-sent-per-chunk", "9"], ["--n-sent-per-chunk=9"]])
def test_flag_may_be_written_with_hyphens(words: list[str]) -> None:
    assert judge(*words).n_sent_per_chunk == 9


def test_hyphens_of_a_value_stay() -> None:
    assert judge("--target-character=Jean-Luc", "--out-dir", "my-out").target_character == "Jean-Luc"
    assert judge("--out-dir", "my-out").out_dir == "my-out"
    assert parse(tools_parser(), ["characters", "--", "--odd-name.txt"]).novel == "--odd-name.txt"


def test_every_setting_has_its_flag() -> None:
    found = settings(
        judge("--n_sent_per_chunk=4", "--overlap=1", "--spacy_model=m", "--top_k=3", "--seed=5", "--dtype=fp32")
    )
    assert (found.text.chunks.n_sent_per_chunk, found.text.chunks.overlap, found.text.spacy_model) == (4, 1, "m")
    assert (found.retrieval.top_k, found.seed, found.reading.dtype) == (3, 5, "fp32")


@pytest.mark.parametrize(
    "words",
    [
        ["--n_sent_per_chunk=0"],
        ["--overlap=6"],
        ["--overlap=-1"],
        ["--top_k=0"],
        ["--seed=-1"],
        ["--seed=2147483648"],
        ["--dtype=fp8"],
    ],
)
def test_setting_that_breaks_its_rule_is_an_error(words: list[str]) -> None:
    with pytest.raises(SettingError, match="must be"):
        settings(judge(*words))


@pytest.mark.parametrize("words", [["--nonsense"], ["--top_k", "many"], ["--top_k"], ["stray"], ["--over=2"]])
def test_flag_that_is_none_is_an_error_of_ours(words: list[str]) -> None:
    with pytest.raises(SettingError, match=r"see pipeline\.py --help"):
        judge(*words)


def test_settings_file_stands_behind_the_flags(toml: Callable[[str], str]) -> None:
    path = toml('n-sent-per-chunk = 4\noverlap = 1\nout_dir = "mine"\nalias = ["A=B"]\n')
    found = judge("--config", path, "--overlap", "3")
    assert (found.n_sent_per_chunk, found.overlap, found.out_dir) == (4, 3, "mine")


def test_flag_that_repeats_adds_to_the_settings_file(toml: Callable[[str], str]) -> None:
    path = toml('alias = ["A=B"]\n')
    assert judge("--config", path, "--alias", "C=D").alias == ["A=B", "C=D"]
    assert judge("--config", path).alias == ["A=B"]
    assert judge().alias == []


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("n_sent_per_chunck = 4", "n_sent_per_chunck"),
        ("help = true", "help"),
        ('config = "other.toml"', "config"),
        ("[reading]\nsegment = 4", "reading"),
        ('n_sent_per_chunk = "six"', "a whole number"),
        ("n_sent_per_chunk = 2.5", "a whole number"),
        ("seed = true", "a whole number"),
        ("out_dir = 5", "a text in quotation marks"),
        ('alias = "A=B"', "a list of texts"),
        ("alias = [1]", "a list of texts"),
        ("this is no TOML", "cannot be read as TOML"),
    ],
)
def test_settings_file_that_is_wrong_is_an_error(toml: Callable[[str], str], text: str, said: str) -> None:
    with pytest.raises(SettingError, match=said):
        judge("--config", toml(text))


def test_settings_file_that_is_missing_or_binary_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "binary.toml").write_bytes(b"\xff\xfe\0")
    for name in ("nowhere.toml", "binary.toml", "."):
        with pytest.raises(SettingError, match="TOML"):
            judge("--config", str(tmp_path / name))


def test_settings_file_value_breaks_its_rule_like_a_flag(toml: Callable[[str], str]) -> None:
    with pytest.raises(SettingError, match="overlap is 7"):
        settings(judge("--config", toml("overlap = 7")))


@pytest.mark.parametrize("make", [judge_parser, dataset_parser, tools_parser])
def test_help_teaches(make: Callable[[], FlagParser], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        parse(make(), ["--help"])
    assert left.value.code == 0
    shown = capsys.readouterr().out
    assert "usage:" in shown
    assert "None" not in shown and "==SUPPRESS==" not in shown


def test_help_gives_defaults_and_examples(capsys: pytest.CaptureFixture[str]) -> None:
    for make, wanted in (
        (judge_parser, ["--backstory_file", "(6)", "(models/reader)", "python pipeline.py", "Exit status"]),
        (dataset_parser, ["book_name", "contradict", "examples/train.csv", "Exit status"]),
    ):
        with pytest.raises(SystemExit):
            parse(make(), ["--help"])
        shown = " ".join(capsys.readouterr().out.split())
        assert [text for text in wanted if text not in shown] == []
