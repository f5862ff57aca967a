"""Recall: a model that remembers all is right at every distance, one that forgets is right up to there, chance else."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from bdh import checkpoint, cli
from bdh.errors import ConfigError, DataError, TokenizerError
from bdh.neuro.config import NeuroConfig
from bdh.neuro.model import BDHNeuro
from bdh.recall import Recall, measure_recall
from bdh.tokenizer import BPETokenizer, ByteTokenizer, CharTokenizer
from tests.bdh.conftest import ModelMaker


@dataclass(frozen=True)
class _Text:
    """The state of ``_Rememberer``: the tokens that it has read."""

    tokens: tuple[int, ...]


class _Rememberer(nn.Module):
    """Predict the token that followed the longest earlier copy of the last tokens, among the last ``span`` tokens."""

    device = torch.device("cpu")

    def __init__(self, span: int) -> None:
        super().__init__()
        self.span = span

    def encode(self, tokens: Tensor, state: _Text | None = None, mode: str = "") -> tuple[None, _Text, None]:
        return None, _Text((*(state.tokens if state else ()), *tokens[0].tolist())), None

    def forward(self, tokens: Tensor, state: _Text | None = None, *, keep_state: bool = True) -> Any:
        assert not keep_state  # questions must not be written
        read = (*(state.tokens if state else ()), *tokens[0].tolist())
        logits = torch.zeros(1, tokens.shape[1], 256)
        for place in range(tokens.shape[1]):
            end = len(read) - tokens.shape[1] + place + 1
            logits[0, place, self._follow(read[max(0, end - self.span) : end])] = 9.0
        return SimpleNamespace(logits=logits)

    @staticmethod
    def _follow(text: tuple[int, ...]) -> int:
        joined = bytes(text)
        for size in range(min(32, len(joined) - 1), 0, -1):
            found = joined.rfind(joined[-size:], 0, len(joined) - 1)
            if found >= 0:
                return joined[found + size]
        return 0


def _recall(model: Any, **settings: Any) -> Recall:
    return measure_recall(model, ByteTokenizer(), **{"longest": 512, "trials": 1, **settings})


def test_memory_of_everything_is_right_at_every_distance() -> None:
    recall = _recall(_Rememberer(10**6))
    assert [point.distance for point in recall.key_value] == [64, 128, 256, 512]
    assert all(point.carried == 1.0 for point in recall.key_value)
    assert all(point.carried > 0.8 for point in recall.induction)  # a pair of letters may occur in two words
    assert all(point.carried == 1.0 for point in recall.n_back)
    assert recall.reach()["key_value"] == recall.reach()["induction"] == 512
    assert all(point.reset <= 0.3 for point in recall.key_value + recall.induction)
    assert "1.00 right at 64 tokens, 1.00 at 512" in recall.line()


def test_memory_that_ends_is_right_up_to_there() -> None:
    recall = _recall(_Rememberer(620), longest=1024, trials=2)
    assert [point.carried for point in recall.key_value][:2] == [1.0, 1.0]
    assert recall.key_value[-1].carried <= 0.3 and 128 <= recall.reach()["key_value"] < 1024


def test_untrained_model_is_at_chance(make_model: ModelMaker) -> None:
    recall = _recall(make_model(vocab_size=256), trials=2)
    assert recall.reach()["key_value"] == 0 and recall.chance()["key_value"] == 1 / 8
    assert all(point.asked == 16 for point in recall.key_value)
    assert all(point.asked == 2 * 4 * 11 for point in recall.induction)


def test_recall_of_the_neuro_variant_and_of_another_tokenizer(make_model: ModelMaker) -> None:
    torch.manual_seed(0)
    neuro = BDHNeuro(NeuroConfig(n=16, d=8, vocab_size=256))
    assert len(_recall(neuro, longest=64).key_value) == 1
    bpe = BPETokenizer.train(["The password of Mira is copper. silver purple orange yellow violet"] * 3, vocab_size=300)
    model = make_model(vocab_size=bpe.vocab_size)
    assert len(measure_recall(model, bpe, longest=128, trials=1).key_value) == 2


def test_what_cannot_be_measured_is_a_clear_error(make_model: ModelMaker) -> None:
    model = make_model(vocab_size=256)
    for settings in ({"longest": 63}, {"trials": 0}, {"seed": -1}):
        with pytest.raises(ConfigError, match="at least 64, 1 and 0"):
            _recall(model, **settings)
    with pytest.raises(DataError, match="longest is 512"):
        _recall(model, filler="too short")
    with pytest.raises(TokenizerError, match="outside the vocabulary"):
        measure_recall(model, CharTokenizer.train(["0123"]), longest=64)


@pytest.fixture
def folder(make_model: ModelMaker, tmp_path: Path) -> Path:
    return checkpoint.save(tmp_path / "model", make_model(vocab_size=256), ByteTokenizer())


def test_recall_command_writes_numbers_and_a_plot(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("matplotlib")
    assert cli.main(["recall", "--model", str(folder), "--longest", "128", "--trials", "1", "--format", "svg"]) == 0
    printed = capsys.readouterr().out.splitlines()
    assert printed[:2] == [str(folder / "recall" / name) for name in ("recall.json", "recall.svg")]
    numbers = json.loads((folder / "recall" / "recall.json").read_text(encoding="utf-8"))
    assert printed[2] == numbers["summary"] and printed[2].startswith("facts: ")
    assert [point["distance"] for point in numbers["key_value"]] == [64, 128]
    assert (folder / "recall" / "recall.svg").read_text(encoding="utf-8").startswith("<?xml")


def test_recall_on_a_text_without_a_plot(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "book.txt").write_text("It rained on the harbour. " * 20, encoding="utf-8")
    flags = ["--longest", "256", "--trials", "1", "--text", str(tmp_path / "book.txt"), "--format", "none"]
    assert cli.main(["recall", "--model", str(folder), *flags, "--out", str(tmp_path / "out")]) == 0
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["recall.json"]


def test_evaluate_prints_recall(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "book.txt").write_text("It rained on the harbour. " * 20, encoding="utf-8")
    flags = ["--model", str(folder), "--text", str(tmp_path / "book.txt"), "--recall", "64"]
    assert cli.main(["evaluate", *flags]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert set(printed["recall"]["above_chance_up_to"]) == {"key_value", "induction", "n_back"}
