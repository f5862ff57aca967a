"""What the tests of the pipeline share: a little story, and a stand-in for the reader where that is too slow."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
import torch

import bdh
from bdh.verifier import ClaimVerifier, save_claim_verifier
from pipeline import book
from pipeline.config import ROOT, PipelineConfig, ReadingConfig, ScoringConfig, resolve_model_dir
from tests.pipeline.little_story import TEXT
from tests.pipeline.stand_in_judge import make_judge

SHIPPED_JUDGE = ScoringConfig().judge_dir


@pytest.fixture(scope="package", autouse=True)
def _one_thread() -> Iterator[None]:
    """Compute on one thread: sums come out the same on every machine, and small models gain nothing from more."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session", autouse=True)
def _spacy_loaded_once() -> Iterator[None]:
    """Load each spaCy model once, not for every run of a command."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("load_nlp", "load_tagger"):
            patch.setattr(book, name, cache(getattr(book, name)))
        yield


@pytest.fixture(autouse=True)
def _own_cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Keep readings away from the user's cache, where no folder is named."""
    monkeypatch.setenv("BDH_CACHE_DIR", str(tmp_path / "readings"))


@pytest.fixture(scope="session")
def stand_in_reader(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model folder with a tiny BDH of random seeded weights that reads bytes: a stand-in for speed, not a reader.

    As in the shipped folder, a claim reader lies in its folder ``claims``.
    """
    config = bdh.BDHConfig(
        n_layer=2, n_embd=16, n_head=2, mlp_internal_dim_multiplier=4, vocab_size=256, decay=(0.9, 0.999), chunk_size=16
    )
    with torch.random.fork_rng():
        torch.manual_seed(7)
        model = bdh.BDH(config)
    with torch.no_grad():
        for weight in (model.encoder, model.encoder_v, model.decoder, model.embed.weight, model.lm_head):
            weight.mul_(6.0)  # or every token would be as likely as any other, whatever was read
    folder = bdh.save(tmp_path_factory.mktemp("stand-in") / "reader", model.eval(), bdh.ByteTokenizer())
    with torch.random.fork_rng():
        torch.manual_seed(8)
        save_claim_verifier(folder / "claims", ClaimVerifier(model, inner=8), bdh.ByteTokenizer())
    return folder


@pytest.fixture(scope="session")
def stand_in_judge(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of the judge with tiny models of random weights."""
    return make_judge(tmp_path_factory.mktemp("stand-in-judge") / "judge")


_USERS = ("pipeline.run", "pipeline.judging.window_judge")


@pytest.fixture(scope="session", autouse=True)
def _judge_by_the_stand_in(stand_in_judge: Path) -> Iterator[None]:
    """Judge by the stand-in wherever the settings name the shipped judge."""

    def resolve(name: str) -> Path:
        return stand_in_judge if name == SHIPPED_JUDGE else resolve_model_dir(name)

    with pytest.MonkeyPatch.context() as patch:
        for user in _USERS:
            patch.setattr(f"{user}.resolve_model_dir", resolve)
        yield


@pytest.fixture
def shipped_judge(monkeypatch: pytest.MonkeyPatch) -> None:
    """Judge by the shipped judge in this test."""
    for user in _USERS:
        monkeypatch.setattr(f"{user}.resolve_model_dir", resolve_model_dir)


@pytest.fixture(scope="session")
def stand_in_config(stand_in_reader: Path) -> PipelineConfig:
    """The settings of a run with the stand-in."""
    return PipelineConfig(reading=ReadingConfig(str(stand_in_reader), "cpu", "fp32", segment=64, save_every_seconds=0))


@pytest.fixture(scope="session")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the little story in it."""
    folder = tmp_path_factory.mktemp("shelf")
    (folder / "Low Water.txt").write_text(TEXT, encoding="utf-8")
    return folder


@pytest.fixture(scope="session")
def two_chapters(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file with the first two chapters of the bundled story, under its name."""
    story = ROOT / "novels" / "The Unlit Hour.txt"
    beginning, _ = story.read_text(encoding="utf-8").split("Chapter 3.", 1)
    path = tmp_path_factory.mktemp("two-chapters") / story.name
    path.write_text(beginning, encoding="utf-8")
    return path
