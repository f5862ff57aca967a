"""Flags in either spelling, a file of settings that they override, and the dataclasses that come out."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

import pytest

from pipeline.commands.catalogue import make_parser
from pipeline.commands.settings import engine_config, parse, pipeline_config
from pipeline.commands.shared_flags import CommandParser, add_config, add_settings, settings_in
from pipeline.config import (
    ChunkConfig,
    EngineConfig,
    LLMConfig,
    PipelineConfig,
    ReadingConfig,
    RetrievalConfig,
    ScoringConfig,
    TextConfig,
)
from pipeline.errors import SettingError

CONFIGS = (
    ChunkConfig,
    TextConfig,
    ReadingConfig,
    RetrievalConfig,
    ScoringConfig,
    LLMConfig,
    EngineConfig,
    PipelineConfig,
)
OTHERS: dict[str, Any] = {
    "dtype": "fp32",
    "state_weight": 0.5,
    "time_bonus": 0.25,
    "uncertain_below": 0.75,
    "judge": "heuristic",
    "llm": "claims",
    "engine": "ray",
    "narrator": ("1-3: Jim Penrose", "4: none"),
}
"""Valid values other than the defaults, of settings that do not accept any; the others are counted up or renamed."""


def judge(*words: str) -> argparse.Namespace:
    return parse(make_parser("judge"), words)


@pytest.fixture
def toml(tmp_path: Path) -> Callable[[str], str]:
    """Return ``write(text)``, which gives the path of a settings file."""

    def write(text: str) -> str:
        (tmp_path / "settings.toml").write_text(text, encoding="utf-8")
        return str(tmp_path / "settings.toml")

    return write


def test_flags_by_default_make_the_default_settings() -> None:
    assert pipeline_config(judge()) == PipelineConfig()
    arguments = parse(make_parser("dataset"), [])
    assert (pipeline_config(arguments), engine_config(arguments)) == (PipelineConfig(), EngineConfig())


def every_setting() -> list[tuple[type, str, str]]:
    """Return the dataclass, the field and the flag of every setting, and find no field without a help text."""
    found = [(config, setting.name, flag) for config in CONFIGS for flag, setting in settings_in(config)]
    nested = {"chunks", "text", "reading", "retrieval", "scoring", "llm"}
    for config in CONFIGS:
        own = {name for other, name, _ in found if other is config}
        assert {setting.name for setting in fields(config)} - own <= nested
    return found


def parts(config: object) -> dict[type, Any]:
    """Return a dataclass of settings and those within it, by their types."""
    own = [getattr(config, setting.name) for setting in fields(config)]  # type: ignore[arg-type]
    return {type(config): config} | {
        kind: part for one in own if is_dataclass(one) for kind, part in parts(one).items()
    }


def _parser_with(flag: str) -> CommandParser:
    """Return a parser of every setting, because no command has all of them."""
    parser = CommandParser(prog="all")
    add_settings(parser, *CONFIGS)
    add_config(parser)
    assert f"--{flag}" in parser.format_help()
    return parser


@pytest.mark.parametrize("by_file", [False, True])
@pytest.mark.parametrize(("config", "name", "flag"), every_setting())
def test_every_setting_arrives_from_its_flag_and_from_a_file(
    config: type, name: str, flag: str, by_file: bool, toml: Callable[[str], str]
) -> None:
    default = getattr(config(), name)
    other = f"{default}-other" if isinstance(default, (str, type(None))) else None
    value = OTHERS[flag] if flag in OTHERS else default + 1 if other is None else other
    if by_file:
        engine = "" if flag == "engine" else 'engine = "ray"\n'
        words = ["--config", toml(f"{engine}{flag} = {json.dumps(value)}\n")]
    else:
        words = ["--engine=ray", *(f"--{flag}={each}" for each in (value if isinstance(value, tuple) else (value,)))]
    arguments = parse(_parser_with(flag), words)
    made = parts(pipeline_config(arguments)) | parts(engine_config(arguments))
    assert getattr(made[config], name) == value != default
    assert type(getattr(made[config], name)) is type(value)


def test_every_setting_has_a_flag_of_its_own() -> None:
    flags = [flag for _, _, flag in every_setting()]
    assert len(flags) == len(set(flags)) > 20


def test_whole_number_of_a_file_is_a_fraction_where_one_is_expected(toml: Callable[[str], str]) -> None:
    found = pipeline_config(judge("--config", toml("state_weight = 1"))).retrieval.state_weight
    assert found == 1 and isinstance(found, float)


def test_seldom_needed_settings_come_last_in_the_help(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        judge("--help")
    shown = capsys.readouterr().out.split("seldom needed:")[1]
    rare = ["--state_weight", "--time_bonus", "--fusion_k", "--uncertain_below", "--segment", "--save_every_seconds"]
    assert [flag for flag in [*rare, "--timeout_seconds", "--max_retries"] if flag not in shown] == []
    assert "--top_k" not in shown


@pytest.mark.parametrize("words", [["--n_sent_per_chunk", "9"], ["--n-sent-per-chunk", "9"], ["--n-sent-per-chunk=9"]])
def test_flag_may_be_written_with_hyphens(words: list[str]) -> None:
    assert judge(*words).n_sent_per_chunk == 9


def test_hyphens_of_a_value_stay() -> None:
    assert judge("--target-character=Jean-Luc", "--out-dir", "my-out").target_character == "Jean-Luc"
    assert judge("--out-dir", "my-out").out_dir == "my-out"
    assert parse(make_parser("characters"), ["--", "--odd-name.txt"]).novel == "--odd-name.txt"


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
        ["--fusion_k=0"],
        ["--state_weight=nan"],
        ["--save_every_seconds=nan"],
        ["--save_every_seconds=-1"],
    ],
)
def test_setting_that_breaks_its_rule_is_an_error(words: list[str]) -> None:
    with pytest.raises(SettingError, match="must be"):
        pipeline_config(judge(*words))


@pytest.mark.parametrize("words", [["--nonsense"], ["--top_k", "many"], ["--top_k"], ["stray"], ["--over=2"]])
def test_unknown_or_malformed_flag_is_a_setting_error(words: list[str]) -> None:
    with pytest.raises(SettingError, match=r"see pipeline\.py --help"):
        judge(*words)


def test_flags_override_the_settings_file(toml: Callable[[str], str]) -> None:
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
        ('state_weight = "much"', "a number"),
        ("state_weight = true", "a number"),
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
        pipeline_config(judge("--config", toml("overlap = 7")))
