"""Training a neuro model: with a carried state, resumed, from the command line."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch

from bdh import checkpoint
from bdh.cli import main
from bdh.neuro.config import NeuroConfig
from bdh.neuro.model import BDHNeuro
from bdh.neuro.state import NeuroState
from bdh.tokenizer import CharTokenizer
from bdh.training.data import DocumentStreams, RandomWindows, encode_documents
from bdh.training.distributed import World
from bdh.training.trainer import TrainConfig, Trainer

TEXT = "the ferry did not run on sundays, and the ferryman did not run at all. " * 12
FLAGS = [
    "train",
    "--variant",
    "neuro",
    "--tokenizer",
    "characters",
    "--neurons",
    "16",
    "--width",
    "8",
    "--device",
    "cpu",
]


def make_trainer(config: NeuroConfig, *, carry: bool = False, **changes: Any) -> Trainer:
    settings = TrainConfig(
        **{"max_iters": 24, "batch_size": 4, "seq_len": 16, "lr": 2e-2, "warmup": 2, "log_interval": 4, "seed": 3},
        **({"carry_state": carry} | changes),
    )
    tokenizer = CharTokenizer.train([TEXT])
    documents = encode_documents([TEXT[:400], TEXT[400:]], tokenizer)
    torch.manual_seed(settings.seed)
    model = BDHNeuro(NeuroConfig.from_dict(config.to_dict() | {"vocab_size": tokenizer.vocab_size}))
    kind = DocumentStreams if carry else RandomWindows
    batches = kind(documents, batch_size=4, seq_len=16, seed=3)
    return Trainer(model, batches, settings, World(0, 1, torch.device("cpu")))


@pytest.mark.parametrize("carry", [False, True], ids=["windows", "carried"])
@pytest.mark.parametrize(
    "config", [NeuroConfig.plain(1, 24, 8), NeuroConfig.published(1, 24, 8)], ids=["plain", "published"]
)
def test_training_reduces_the_loss(config: NeuroConfig, carry: bool) -> None:
    reports = list(make_trainer(config, carry=carry).run())
    assert reports[-1].loss < reports[0].loss - 0.2
    assert ("gain" in reports[-1].to_dict()) is bool(config.mod_gamma_max)


def test_state_is_carried_through_a_document() -> None:
    trainer = make_trainer(NeuroConfig.published(1, 24, 8), carry=True)
    trainer.take_step()
    state = trainer.state
    assert isinstance(state, NeuroState)
    assert state.position == 16 and not state.rho.requires_grad
    assert (state.surprise.seen == 16).all()
    trainer.take_step()
    assert isinstance(trainer.state, NeuroState) and trainer.state.position == 32


def test_resumed_training_is_exact() -> None:
    config = NeuroConfig.published(1, 24, 8)
    whole = make_trainer(config, carry=True)
    losses = [float(whole.take_step()[0]) for _ in range(6)]
    stopped = make_trainer(config, carry=True)
    for _ in range(3):
        stopped.take_step()
    resumed = make_trainer(config, carry=True)
    resumed.model.load_state_dict(stopped.model.state_dict())
    tensors, mapping = stopped.state_dict()
    resumed.load_state_dict({name: value.clone() for name, value in tensors.items()}, json.loads(json.dumps(mapping)))
    assert [float(resumed.take_step()[0]) for _ in range(3)] == losses[3:]


def test_bfloat16_training_computes_in_float32() -> None:
    config = NeuroConfig.published(1, 24, 8)
    narrow, wide = make_trainer(config, dtype="bf16"), make_trainer(config)
    assert float(narrow.take_step()[0]) == float(wide.take_step()[0])


def test_command_line_trains_samples_and_measures(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "text.txt").write_text(TEXT * 4)
    where = ["--data", str(tmp_path / "text.txt"), "--out", str(tmp_path / "run")]
    assert main([*FLAGS, *where, "--max_iters", "2", "--seq_len", "16", "--extensions", "kwta,spikes"]) == 0
    model, tokenizer = checkpoint.load(tmp_path / "run" / "best")
    assert isinstance(model, BDHNeuro)
    assert model.config == NeuroConfig.published(tokenizer.vocab_size, 16, 8).only(["kwta", "spikes"])
    capsys.readouterr()
    assert (
        main(["generate", "--model", str(tmp_path / "run" / "last"), "--prompt", "the", "--max_new_tokens", "5"]) == 0
    )
    assert len(capsys.readouterr().out.rstrip("\n")) == 8
    text = str(tmp_path / "text.txt")
    assert main(["evaluate", "--model", str(tmp_path / "run" / "best"), "--text", text, "--device", "cpu"]) == 0
    assert json.loads(capsys.readouterr().out)["documents"] == 1


def test_unknown_character_is_one_line_on_the_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    checkpoint.save(tmp_path, BDHNeuro(NeuroConfig.plain(3, 16, 8)), CharTokenizer("abc"))
    assert main(["generate", "--model", str(tmp_path), "--prompt", "abx", "--device", "cpu"]) == 2
    error = capsys.readouterr().err
    assert "'x' (U+0078)" in error and error.count("\n") == 1
