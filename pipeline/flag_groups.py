"""The groups of flags that several commands share, and the parser whose complaints are our errors.

Nothing heavy is imported here, so that --help and a wrong flag answer at once.
"""

from __future__ import annotations

import argparse
from typing import Any, NoReturn, get_args

from pipeline.config import (
    ENGINES,
    JUDGES,
    ChunkConfig,
    EngineConfig,
    LLMConfig,
    LLMMode,
    PipelineConfig,
    ReadingConfig,
    RetrievalConfig,
    ScoringConfig,
    TextConfig,
)
from pipeline.errors import SettingError

NOVELS_DIR = "novels"
CACHE = "kept readings: a folder or an address such as s3://bucket/readings; else BDH_CACHE_DIR"
HYPHENS = "Every flag may be written with hyphens too (--novels-dir); docs/outputs.md explains the files."


class FlagParser(argparse.ArgumentParser):
    """A parser whose complaint is one of our errors, and so one line."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(allow_abbrev=False, formatter_class=argparse.RawDescriptionHelpFormatter, **settings)

    def error(self, message: str) -> NoReturn:
        """Raise SettingError instead of printing the usage and leaving."""
        raise SettingError(f"{message}; see {self.prog} --help")


def add_shared(parser: FlagParser) -> None:
    """Add the flags of every command that judges a backstory or a table of them."""
    add_places(parser)
    add_reading(parser)
    add_machine(parser)
    add_judge(parser)
    add_llm(parser)


def add_places(parser: FlagParser, *other_names: str, writes: bool = True) -> None:
    """Add where novels, artefacts, readings and settings lie; ``other_names`` are further names of ``--novels_dir``."""
    places = parser.add_argument_group("where things are")
    places.add_argument(
        "--novels_dir", *other_names, metavar="DIR", default=NOVELS_DIR, help="folder of novels, .txt (%(default)s)"
    )
    if writes:
        places.add_argument(
            "--out_dir", metavar="DIR", default="outputs", help="folder for the artefacts (%(default)s)"
        )
    places.add_argument("--cache_dir", metavar="DIR", help=CACHE)
    places.add_argument("--config", metavar="FILE", help="TOML file of settings, named like the flags; flags win")


def add_machine(parser: FlagParser) -> None:
    """Add the models, the machine and the seed."""
    machine = parser.add_argument_group("models and machine")
    machine.add_argument("--model_dir", metavar="DIR", default=ReadingConfig.model_dir, help="the reader (%(default)s)")
    machine.add_argument(
        "--verdict_dir", metavar="DIR", default=ScoringConfig.verdict_dir, help="the fitted verdict (%(default)s)"
    )
    machine.add_argument("--device", default=ReadingConfig.device, help="auto, cpu, cuda or cuda:0 (%(default)s)")
    machine.add_argument("--dtype", default=ReadingConfig.dtype, help="auto, fp32 or bf16 (%(default)s)")
    machine.add_argument("--threads", metavar="N", type=int, default=0, help="processor threads; 0: torch chooses")
    machine.add_argument(
        "--seed", metavar="N", type=int, default=PipelineConfig.seed, help="of all chance (%(default)s)"
    )


def add_engine(parser: FlagParser) -> None:
    """Add where many novels are worked on."""
    engine = parser.add_argument_group("where many novels are worked on; see docs/many_novels.md")
    engine.add_argument(
        "--engine",
        metavar="ENGINE",
        default=EngineConfig.name,
        help=f"one of {', '.join(ENGINES)}: one novel after the other here, or many at once (%(default)s)",
    )
    engine.add_argument(
        "--ray_address", metavar="ADDRESS", help="a running Ray cluster, or auto; else this machine is the cluster"
    )
    engine.add_argument(
        "--workers", metavar="N", type=int, default=0, help="workers of Ray, of --threads each; 0: all that find room"
    )


def add_llm(parser: FlagParser) -> None:
    """Add what Groq may be asked."""
    groq = parser.add_argument_group("Groq, which is sent what it works on; needs GROQ_API_KEY, exported or in .env")
    groq.add_argument(
        "--llm",
        metavar="TASK",
        default=LLMConfig.mode,
        help=f"one of {', '.join(get_args(LLMMode))} (%(default)s)",
    )
    groq.add_argument("--llm_model", metavar="NAME", default=LLMConfig.model, help="a model of Groq's (%(default)s)")


def add_reading(parser: FlagParser) -> None:
    """Add how a book is read."""
    book = parser.add_argument_group("how the book is read")
    sentences, overlap, top_k = ChunkConfig.n_sent_per_chunk, ChunkConfig.overlap, RetrievalConfig.top_k
    book.add_argument(
        "--n_sent_per_chunk", metavar="N", type=int, default=sentences, help="sentences of a chunk (%(default)s)"
    )
    book.add_argument(
        "--overlap", metavar="N", type=int, default=overlap, help="sentences that neighbours share (%(default)s)"
    )
    book.add_argument("--top_k", metavar="N", type=int, default=top_k, help="chunks shown to a claim (%(default)s)")
    add_aliases(book)
    add_spacy_model(book)


def add_aliases(parser: argparse._ActionsContainer) -> None:
    """Add the names that the user gives."""
    parser.add_argument(
        "--alias",
        metavar="ALIAS=NAME",
        action="append",
        default=[],
        help="another name of somebody, 'Monte Cristo=Edmond Dantès'; repeat",
    )
    parser.add_argument("--aliases_file", metavar="FILE", help="file of such lines")


def add_spacy_model(parser: argparse._ActionsContainer) -> None:
    """Add what finds persons."""
    parser.add_argument(
        "--spacy_model",
        metavar="NAME",
        default=TextConfig.spacy_model,
        help="spaCy model that finds persons: a folder, an installed one such as en_core_web_sm, or the word rules for "
        "capitalised words by rules alone (%(default)s)",
    )


def add_judge(parser: FlagParser) -> None:
    """Add who says what a passage does to a claim."""
    judge = parser.add_argument_group("who says what a passage does to a claim; see docs/judges.md")
    judge.add_argument(
        "--judge",
        metavar="JUDGE",
        help=f"one of {', '.join(JUDGES)}: the shipped reader, Groq, declared rules on words, or a cross-encoder of "
        f"Hugging Face by name or folder ({ScoringConfig.judge})",
    )
