"""The pipeline from Python: paths, texts of paths and loaded novels in, verdicts and readings out, typed errors."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline import api
from pipeline.config import PipelineConfig, ReadingConfig
from pipeline.errors import BackstoryError, CharacterError, ModelError, NovelError, PipelineError, SettingError
from pipeline.text.novels import load_novel
from tests.pipeline.little_story import BACKSTORY


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cache for the whole file."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture
def novel(shelf: Path) -> Path:
    """The little story's file."""
    return shelf / "Low Water.txt"


def test_judge_takes_a_path_a_string_and_a_novel(novel: Path, stand_in_config: PipelineConfig, cache: Path) -> None:
    verdicts = [
        api.judge(given, BACKSTORY, character="Anna Reed", config=stand_in_config, cache_dir=cache)
        for given in (novel, str(novel), load_novel(novel))
    ]
    assert verdicts[0] == verdicts[1] == verdicts[2]
    assert len(verdicts[0].claims) == 3
    assert verdicts[0].rationale


def test_read_takes_a_path_a_string_and_a_novel(novel: Path, stand_in_config: PipelineConfig, cache: Path) -> None:
    lengths = {
        len(api.read(given, config=stand_in_config, cache_dir=str(cache)).states)
        for given in (novel, str(novel), load_novel(novel))
    }
    assert len(lengths) == 1


def test_read_tracks_the_characters_named(novel: Path, stand_in_config: PipelineConfig, cache: Path) -> None:
    reading = api.read(novel, characters=["Anna Reed", "Tom Hale"], config=stand_in_config, cache_dir=cache)
    assert list(reading.characters) == ["Anna Reed", "Tom Hale"]


def test_judge_knows_aliases(novel: Path, stand_in_config: PipelineConfig, cache: Path) -> None:
    with pytest.raises(CharacterError):
        api.judge(novel, BACKSTORY, character="The Rower", config=stand_in_config, cache_dir=cache)
    verdict = api.judge(
        novel,
        BACKSTORY,
        character="The Rower",
        aliases=["The Rower=Anna Reed"],
        config=stand_in_config,
        cache_dir=cache,
    )
    assert verdict.character == "The Rower"
    assert any(pair.evidence.character_present for claim in verdict.claims for pair in claim.pairs)


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"novel": "no/such/novel.txt"}, NovelError),
        ({"character": "Captain Ahab"}, CharacterError),
        ({"character": ""}, CharacterError),
        ({"backstory": " "}, BackstoryError),
        ({"backstory": "Anna Reed was \udc80 tall."}, BackstoryError),
        ({"aliases": ["nonsense"]}, SettingError),
    ],
)
def test_judge_raises_typed_errors(
    novel: Path, stand_in_config: PipelineConfig, cache: Path, changes: dict[str, object], error: type[PipelineError]
) -> None:
    given = {"novel": novel, "backstory": BACKSTORY, "character": "Anna Reed", "config": stand_in_config, **changes}
    with pytest.raises(error):
        api.judge(**given, cache_dir=cache)  # type: ignore[arg-type]


def test_read_misses_its_model(novel: Path, cache: Path) -> None:
    config = PipelineConfig(reading=ReadingConfig(model_dir="no/such/reader"))
    with pytest.raises(ModelError):
        api.read(novel, config=config, cache_dir=cache)


def test_unnamed_cache_is_the_users_own(novel: Path, stand_in_config: PipelineConfig, tmp_path: Path) -> None:
    api.read(novel, config=stand_in_config)
    assert len(list((tmp_path / "readings").glob("*.reading.safetensors"))) == 1
