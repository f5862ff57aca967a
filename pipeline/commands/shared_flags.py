"""The parser of a command and the flags that several commands share; those of settings are made from the dataclasses.

Nothing heavy is imported here, so that ``--help`` and a wrong flag answer at once.
"""

from __future__ import annotations

import argparse
from collections.abc import Collection, Iterator, Sequence
from dataclasses import Field, fields
from typing import Any, NoReturn

from pipeline.config import (
    MACHINE,
    SELDOM,
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

NOVELS_DIR = "novels"
HYPHENS = "Every flag may be written with hyphens too (--novels-dir); docs/outputs.md explains the files."
PLACES = "where things are"
TEXT = "how the novel is read"
RETRIEVING_AND_JUDGING = (
    ChunkConfig,
    RetrievalConfig,
    TextConfig,
    ReadingConfig,
    PipelineConfig,
    ScoringConfig,
    LLMConfig,
    EngineConfig,
)
"""The settings of a command that judges."""
CLUSTER = ("engine", "ray_address", "workers")
"""The flags of settings that a command leaves out which works on one novel at a time."""
ONE_NOVEL = ("narrator",)
"""The flags of settings that a command leaves out which works on many novels."""
GROQ = ("judge", "llm", "llm_model", "timeout_seconds", "max_retries")
"""The flags of settings that a command leaves out which offers no other judge and no Groq."""

_GROUPS: dict[type, str] = {
    ChunkConfig: TEXT,
    RetrievalConfig: TEXT,
    TextConfig: TEXT,
    ReadingConfig: MACHINE,
    PipelineConfig: MACHINE,
    ScoringConfig: "how claims are judged; see docs/judges.md",
    LLMConfig: "Groq, which is sent what it works on; needs GROQ_API_KEY, exported or in .env",
    EngineConfig: "where many novels are worked on; see docs/many_novels.md",
}


class CommandParser(argparse.ArgumentParser):
    """A parser that raises SettingError for a wrong flag, and accepts no shortened ones.

    Help texts name commands as they are called in a clone; ``renamed`` says what they are called otherwise.
    """

    def __init__(self, *, renamed: Sequence[tuple[str, str]] = (), **settings: Any) -> None:
        super().__init__(allow_abbrev=False, formatter_class=argparse.RawDescriptionHelpFormatter, **settings)
        self._named: dict[str, argparse._ArgumentGroup] = {}
        self._renamed = renamed

    def format_help(self) -> str:
        """Return the help with the names of commands as they are called here."""
        text = super().format_help()
        for name, called in self._renamed:
            text = text.replace(name, called)
        return text

    def group(self, title: str) -> argparse._ArgumentGroup:
        """Return the group of flags with this title, made when it is first needed."""
        if title not in self._named:
            self._named[title] = self.add_argument_group(title)
        return self._named[title]

    def error(self, message: str) -> NoReturn:
        """Raise SettingError instead of printing the usage and exiting."""
        raise SettingError(f"{message}; see {self.prog} --help")


def settings_in(config: type) -> Iterator[tuple[str, Field[Any]]]:
    """Yield the flag name and the field of every setting of a dataclass; nested dataclasses are no settings."""
    for setting in fields(config):
        if "help" in setting.metadata:
            yield setting.metadata["flag"] or setting.name, setting


def add_settings(parser: CommandParser, *configs: type, without: Collection[str] = ()) -> None:
    """Add a flag for every setting of these dataclasses but the flags ``without``; seldom needed ones come last."""
    chosen = [
        (setting.metadata["group"] or _GROUPS[config], name, setting)
        for config in configs
        for name, setting in settings_in(config)
        if name not in without
    ]
    for group, name, setting in sorted(chosen, key=lambda each: each[0] == SELDOM):
        shown = "" if setting.default in (None, ()) else f" ({setting.default})"
        if setting.default == ():
            parser.group(group).add_argument(
                f"--{name}",
                metavar=setting.metadata["metavar"],
                action="append",
                default=[],
                help=setting.metadata["help"],
            )
            continue
        parser.group(group).add_argument(
            f"--{name}",
            metavar=setting.metadata["metavar"],
            type=str if setting.default is None else type(setting.default),
            default=None if name == "judge" else setting.default,  # None: --llm judge may still name Groq
            help=setting.metadata["help"] + shown,
        )


def add_places(parser: CommandParser, *other_names: str, writes: bool = True) -> None:
    """Add the folders of novels, artefacts and readings; ``other_names`` are further names of ``--novels_dir``."""
    places = parser.group(PLACES)
    places.add_argument(
        "--novels_dir",
        *other_names,
        metavar="DIR",
        default=NOVELS_DIR,
        help="folder of novels (%(default)s); docs/inputs.md lists the formats",
    )
    if writes:
        places.add_argument(
            "--out_dir", metavar="DIR", default="outputs", help="folder for the artefacts (%(default)s)"
        )
    add_cache_dir(parser)


def add_cache_dir(parser: CommandParser) -> None:
    """Add the place of cached readings."""
    text = "cached readings: a folder or an address such as s3://bucket/readings; else BDH_CACHE_DIR"
    parser.group(PLACES).add_argument("--cache_dir", metavar="DIR", help=text)


def add_config(parser: CommandParser) -> None:
    """Add the file of settings."""
    text = "TOML file of settings, named like the flags; flags win"
    parser.group(PLACES).add_argument("--config", metavar="FILE", help=text)


def add_aliases(parser: CommandParser) -> None:
    """Add the other names of characters that the user gives."""
    names = parser.group(TEXT)
    names.add_argument(
        "--alias",
        metavar="ALIAS=NAME",
        action="append",
        default=[],
        help="another name of a character, 'Monte Cristo=Edmond Dantès'; repeat",
    )
    names.add_argument("--aliases_file", metavar="FILE", help="file of such lines")
