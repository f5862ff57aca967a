"""The pipeline for Python: read a novel, judge a backstory.

>>> from pipeline.api import judge  # doctest: +SKIP
>>> judge("novels/The Unlit Hour.txt", "Hester was born inland.", character="Hester Lanyon").label  # doctest: +SKIP
'inconsistent'
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from pipeline.book import Book
from pipeline.config import PipelineConfig
from pipeline.errors import BackstoryError
from pipeline.records import Novel, Verdict, Waiver
from pipeline.run import Pipeline
from pipeline.states import Reading
from pipeline.text.aliases import parse_alias
from pipeline.text.novels import load_novel


def read(
    novel: Novel | str | Path,
    *,
    characters: Sequence[str] = (),
    aliases: Sequence[str] = (),
    config: PipelineConfig | None = None,
    cache_dir: str | Path | None = None,
) -> Reading:
    """Return the reading of a novel: its states, and those of each named character.

    A stored reading is taken from the cache. Raises NovelError, CharacterError, ModelError or CacheError.
    """
    pipeline = _make_pipeline(config, aliases, cache_dir)
    book = _open(pipeline, novel)
    return pipeline.read(book, [pipeline.find_character(book, name) for name in characters])


def judge(
    novel: Novel | str | Path,
    backstory: str,
    *,
    character: str,
    aliases: Sequence[str] = (),
    waivers: Sequence[Waiver] = (),
    config: PipelineConfig | None = None,
    cache_dir: str | Path | None = None,
) -> Verdict:
    """Return the verdict on a backstory (its text) of ``character`` in ``novel`` (a path, or a loaded Novel).

    ``aliases`` are written "Monte Cristo=Edmond Dantès". Claims that ``waivers`` mark as intentional do not count;
    ``pipeline.waivers`` reads the file of waivers of a novel. Raises NovelError, CharacterError when the novel has no
    such character, BackstoryError when there is no claim, ModelError or CacheError.
    """
    _check_text(backstory)
    pipeline = _make_pipeline(config, aliases, cache_dir)
    book = _open(pipeline, novel)
    verdict, _ = pipeline.judge_backstory(book, pipeline.find_character(book, character), backstory, waivers=waivers)
    return verdict


def _check_text(backstory: str) -> None:
    try:
        backstory.encode("utf-8")
    except UnicodeEncodeError as error:
        raise BackstoryError(
            f"the backstory has an unpaired surrogate at character {error.start}; expected text; decode the file with "
            "its real encoding"
        ) from error


def _make_pipeline(config: PipelineConfig | None, aliases: Sequence[str], cache_dir: str | Path | None) -> Pipeline:
    parsed = tuple(parse_alias(text) for text in aliases)
    return Pipeline(config or PipelineConfig(), parsed, cache_dir)


def _open(pipeline: Pipeline, novel: Novel | str | Path) -> Book:
    return pipeline.open_book(novel if isinstance(novel, Novel) else load_novel(novel))
