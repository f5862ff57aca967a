"""From the words of a command line, and a file of settings, to flags and to the dataclasses of settings.

``bdh.commands.settings`` spells flags in the same way; it is not imported, because any import of ``bdh`` loads torch.
"""

from __future__ import annotations

import argparse
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any, TypeVar

from pipeline.commands.progress import print_warning
from pipeline.commands.shared_flags import CommandParser, settings_in
from pipeline.config import EngineConfig, PipelineConfig
from pipeline.errors import SettingError

_Config = TypeVar("_Config")


def parse(parser: CommandParser, words: Sequence[str]) -> argparse.Namespace:
    """Return the flags of a command; those of a ``--config`` file hold where the command line gives none.

    A flag that may be repeated adds to what the file lists. Raises SettingError.
    """
    words = spell(words)
    arguments = parser.parse_args(words)
    if arguments.config is None:
        return arguments
    parser.set_defaults(**_read_settings(Path(arguments.config), parser))
    return parser.parse_args(words)


def spell(words: Sequence[str]) -> list[str]:
    """Return the words with the hyphens in the names of flags as underscores; words after a bare ``--`` stay."""
    end = list(words).index("--") if "--" in words else len(words)
    spelt = []
    for word in words[:end]:
        if word.startswith("--"):
            name, separator, value = word[2:].partition("=")
            word = "--" + name.replace("-", "_") + separator + value
        spelt.append(word)
    return [*spelt, *words[end:]]


def _read_settings(path: Path, parser: CommandParser) -> dict[str, Any]:
    """Return the flags that a TOML file sets, by their names."""
    try:
        settings = {name.replace("-", "_"): value for name, value in tomllib.loads(path.read_text("utf-8")).items()}
    except (OSError, ValueError) as error:
        raise SettingError(
            f"{path} cannot be read as TOML ({error}); expected lines such as n_sent_per_chunk = 6"
        ) from error
    known = {
        action.dest: action
        for action in parser._actions
        if action.option_strings and action.dest not in ("config", "help")
    }
    unknown = sorted(settings.keys() - known.keys())
    if unknown:
        raise SettingError(f"{path} sets {', '.join(unknown)}; expected names of flags: see {parser.prog} --help")
    return {name: _checked(name, value, known[name], path) for name, value in settings.items()}


def _checked(name: str, value: object, flag: argparse.Action, path: Path) -> object:
    """Return a value of a file if it is of the kind that its flag takes."""
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if isinstance(flag.default, list):
        good = isinstance(value, list) and all(isinstance(item, str) for item in value)
        expected = 'a list of texts, such as ["..."]'
    elif flag.nargs == 0:
        good, expected = isinstance(value, bool), "true or false"
    elif flag.type is int:
        good, expected = number and isinstance(value, int), "a whole number"
    elif flag.type is float:
        good, expected, value = number, "a number", float(value) if number else value  # type: ignore[arg-type]
    else:
        good, expected = isinstance(value, str), "a text in quotation marks"
    if not good:
        raise SettingError(f"{path} sets {name} to {value!r}; expected {expected}")
    return value


def pipeline_config(arguments: argparse.Namespace) -> PipelineConfig:
    """Return the settings of all stages; raises SettingError for a value that breaks its rule."""
    return _filled(PipelineConfig, _one_spelling(vars(arguments)))


def engine_config(arguments: argparse.Namespace) -> EngineConfig:
    """Return where the novels are worked on; raises SettingError for a value that breaks its rule."""
    return _filled(EngineConfig, vars(arguments))


def _filled(config: type[_Config], given: Mapping[str, Any]) -> _Config:
    """Return a dataclass of settings with the values of the flags that are given, and else its defaults."""
    values = {setting.name: given[name] for name, setting in settings_in(config) if given.get(name) is not None}
    values = {name: tuple(value) if isinstance(value, list) else value for name, value in values.items()}
    for part in fields(config):  # type: ignore[arg-type]
        if is_dataclass(part.default_factory):
            values[part.name] = _filled(part.default_factory, given)
    return config(**values)


def _one_spelling(given: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the flags with ``--judge`` alone naming the judge, as ``--llm judge`` and ``--llm all`` did, too."""
    task, judge = given.get("llm"), given.get("judge")
    if task not in ("judge", "all") or (task == "all" and judge == "groq"):
        return given
    if judge not in (None, "groq"):
        raise SettingError(
            f"--judge {judge} and --llm {task} name two judges; leave --judge out for Groq, or give Groq summaries or "
            "claims alone"
        )
    new = "--judge groq" if task == "judge" else "--judge groq --llm all"
    print_warning(f"note: --llm {task} as a way to name the judge is deprecated; write {new}")
    return {**given, "judge": "groq", "llm": "off" if task == "judge" else task}
