"""From the words of a command line, and a file of settings, to flags and the settings of the stages."""

from __future__ import annotations

import argparse
import sys
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

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
from pipeline.flag_groups import FlagParser


def parse(parser: FlagParser, argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Return the flags; what a --config file says stands where the command line says nothing.

    A flag that may be repeated adds to what the file lists. Raises SettingError.
    """
    words = _underscored(sys.argv[1:] if argv is None else argv)
    arguments = parser.parse_args(words)
    config: str | None = vars(arguments).get("config")
    if config is None:
        return arguments
    asked = _command_parser(parser, arguments)
    known = {action.dest: action.default for action in asked._actions if action.default != argparse.SUPPRESS}
    asked.set_defaults(**_read_settings(Path(config), known))
    return parser.parse_args(words)


def _command_parser(parser: FlagParser, arguments: argparse.Namespace) -> argparse.ArgumentParser:
    """Return the parser whose flags were read: that of the command, where there are commands."""
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            chosen: argparse.ArgumentParser = action.choices[vars(arguments)[action.dest]]
            return chosen
    return parser


def _underscored(argv: Sequence[str]) -> list[str]:
    """Let every flag be written with hyphens as well; words after a bare ``--`` are no flags."""
    end = list(argv).index("--") if "--" in argv else len(argv)
    words = []
    for word in argv[:end]:
        if word.startswith("--"):
            name, separator, value = word[2:].partition("=")
            word = "--" + name.replace("-", "_") + separator + value
        words.append(word)
    return [*words, *argv[end:]]


def _read_settings(path: Path, known: dict[str, Any]) -> dict[str, Any]:
    """Return what a TOML file sets; ``known`` are the flags with their defaults, whose kind a value must have."""
    try:
        settings = {name.replace("-", "_"): value for name, value in tomllib.loads(path.read_text("utf-8")).items()}
    except (OSError, ValueError) as error:
        raise SettingError(
            f"{path} cannot be read as TOML ({error}); expected lines such as n_sent_per_chunk = 6"
        ) from error
    unknown = sorted(settings.keys() - known.keys() | settings.keys() & {"config"})
    if unknown:
        raise SettingError(f"{path} sets {', '.join(unknown)}; expected names of flags: see --help")
    for name, value in settings.items():
        expected = _breach(value, known[name])
        if expected:
            raise SettingError(f"{path} sets {name} to {value!r}; expected {expected}")
    return settings


def _breach(value: object, default: object) -> str | None:
    """Return what was expected where a value is not of the kind of its flag's default."""
    if isinstance(default, list):
        good = isinstance(value, list) and all(isinstance(item, str) for item in value)
        return None if good else 'a list of texts, such as ["..."]'
    if isinstance(default, bool):
        return None if isinstance(value, bool) else "true or false"
    if isinstance(default, int):
        return None if isinstance(value, int) and not isinstance(value, bool) else "a whole number"
    return None if isinstance(value, str) else "a text in quotation marks"


def settings(arguments: argparse.Namespace) -> PipelineConfig:
    """Return the settings of the stages; raises SettingError for a value that breaks its rule."""
    chunks = ChunkConfig(arguments.n_sent_per_chunk, arguments.overlap)
    return PipelineConfig(
        text=TextConfig(arguments.spacy_model, chunks),
        reading=ReadingConfig(arguments.model_dir, arguments.device, arguments.dtype),
        retrieval=RetrievalConfig(arguments.top_k),
        scoring=ScoringConfig(arguments.verdict_dir, judge=_judge(arguments)),
        llm=LLMConfig(arguments.llm, arguments.llm_model) if "llm" in arguments else LLMConfig(),
        seed=arguments.seed,
    )


def engine_settings(arguments: argparse.Namespace) -> EngineConfig:
    """Return where the novels are worked on; raises SettingError for a value that breaks its rule."""
    return EngineConfig(arguments.engine, arguments.ray_address, arguments.workers, arguments.threads)


def _judge(arguments: argparse.Namespace) -> str:
    """Return the judge; without ``--judge`` the shipped one, in whose place Groq may be asked."""
    named: str | None = vars(arguments).get("judge")
    if named == "bdh" and arguments.llm in {"judge", "all"}:
        raise SettingError(
            f"--judge bdh and --llm {arguments.llm} name two judges; leave --judge out for Groq, or ask Groq for "
            "summaries or claims alone"
        )
    return named or ScoringConfig.judge
