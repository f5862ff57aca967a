"""Model folders are uploaded and downloaded, on loopback only."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from bdh import checkpoint, remote_code
from bdh.card import model_card
from bdh.commands.models import open_model
from bdh.commands.push import Uploads, metrics_of_run
from bdh.config import BDHConfig
from bdh.errors import CheckpointError, DataError, HubError
from bdh.model import BDH
from bdh.neuro.config import NeuroConfig
from bdh.tokenizer import ByteTokenizer
from tests.bdh.conftest import ModelMaker
from tests.bdh.loopback_hub import LoopbackHub, running_hub

pytest.importorskip("huggingface_hub")
from bdh import cli, hub


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[LoopbackHub]:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("HF_TOKEN", "none-of-anybody")
    monkeypatch.setenv("HF_HUB_DISABLE_PROGRESS_BARS", "1")
    with running_hub() as running:
        yield running


@pytest.fixture(scope="module")
def model(make_model: ModelMaker) -> BDH:
    return make_model(vocab_size=256)


@pytest.fixture
def folder(model: BDH, tmp_path: Path) -> Path:
    return checkpoint.save(tmp_path / "model", model, ByteTokenizer())


def _equal(first: BDH, second: torch.nn.Module) -> bool:
    return all(torch.equal(value, second.state_dict()[name]) for name, value in first.state_dict().items())


def test_model_from_the_hub_equals_the_uploaded_one(model: BDH, server: LoopbackHub) -> None:
    address = hub.push_to_hub(model, "me/dragon", tokenizer=ByteTokenizer(), endpoint=server.endpoint)
    assert address == f"{server.endpoint}/me/dragon"
    loaded, tokenizer = hub.from_hub("me/dragon", endpoint=server.endpoint)
    assert _equal(model, loaded) and isinstance(tokenizer, ByteTokenizer) and not loaded.training


def test_only_the_files_of_the_model_are_uploaded(folder: Path, server: LoopbackHub) -> None:
    for name in ("training.safetensors", "notes.txt", "model.safetensors.partial"):
        (folder / name).write_bytes(b"not for others")
    hub.push_to_hub(folder, "me/dragon", endpoint=server.endpoint, message="First")
    files = ["README.md", "config.json", "model.safetensors", "tokenizer.json", *remote_code.make_files()]
    assert server.commits == [("me/dragon", "First", sorted(files))]


def test_later_upload_leaves_no_shard_of_an_earlier_one(
    model: BDH, folder: Path, server: LoopbackHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checkpoint, "_SHARD_BYTES", 10_000)
    sharded = checkpoint.save(tmp_path / "sharded", model, ByteTokenizer())
    hub.push_to_hub(sharded, "me/dragon", endpoint=server.endpoint)
    assert "model.safetensors.index.json" in server.repositories["me/dragon"]
    hub.push_to_hub(folder, "me/dragon", endpoint=server.endpoint)
    left = [name for name in server.repositories["me/dragon"] if ".safetensors" in name]
    assert left == ["model.safetensors"]
    assert _equal(model, hub.from_hub("me/dragon", endpoint=server.endpoint)[0])


def test_card_in_the_folder_wins_over_a_generated_one(folder: Path, server: LoopbackHub) -> None:
    (folder / "README.md").write_text("mine", encoding="utf-8")
    hub.push_to_hub(folder, "me/dragon", endpoint=server.endpoint, metrics={"val_loss": 1.0})
    assert server.repositories["me/dragon"]["README.md"] == b"mine"


@pytest.mark.parametrize("private", [True, False])
def test_repository_is_private_when_asked(folder: Path, server: LoopbackHub, private: bool) -> None:
    hub.push_to_hub(folder, "me/dragon", endpoint=server.endpoint, private=private)
    assert server.private["me/dragon"] is private


def test_refused_upload_is_one_line(folder: Path, server: LoopbackHub) -> None:
    server.refuse = True
    with pytest.raises(HubError, match=r"me/dragon could not be written.*HF_TOKEN") as refused:
        hub.push_to_hub(folder, "me/dragon", endpoint=server.endpoint)
    assert "\n" not in str(refused.value)


def test_unreachable_hub_is_a_hub_error(folder: Path) -> None:
    with running_hub() as gone:
        endpoint = gone.endpoint
    with pytest.raises(HubError, match="could not be written"):
        hub.push_to_hub(folder, "me/dragon", endpoint=endpoint)


@pytest.mark.parametrize("name", ["me/nobody", "no/such/folder"])
def test_unknown_name_is_an_error_that_names_the_alternatives(name: str, server: LoopbackHub) -> None:
    with pytest.raises(HubError, match=f"{name} is not a folder.*user/name"):
        hub.from_hub(name, endpoint=server.endpoint)


def test_folder_needs_no_hub(folder: Path, model: BDH) -> None:
    assert _equal(model, hub.from_hub(folder)[0])


def test_folder_without_weights_is_refused_before_any_request(folder: Path, server: LoopbackHub) -> None:
    (folder / "model.safetensors").unlink()
    with pytest.raises(CheckpointError, match=r"expected tokenizer\.json and model"):
        hub.push_to_hub(folder, "me/dragon", endpoint=server.endpoint)
    assert not server.repositories


def test_model_without_tokenizer_is_refused(model: BDH, server: LoopbackHub) -> None:
    with pytest.raises(HubError, match="tokenizer"):
        hub.push_to_hub(model, "me/dragon", endpoint=server.endpoint)


def test_push_command_uploads_with_the_metrics_of_the_run(
    model: BDH, server: LoopbackHub, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    best = checkpoint.save(tmp_path / "run" / "best", model, ByteTokenizer())
    records = [{"step": step, "loss": 3.0, "val_loss": loss} for step, loss in ((10, 2.5), (20, 1.25), (30, 1.75))]
    (best.parent / "metrics.jsonl").write_text(
        "".join(json.dumps(record) + "\n" for record in records), encoding="utf-8"
    )
    flags = ["--model", str(best), "--repo-id", "me/dragon", "--endpoint", server.endpoint, "--private"]
    assert cli.main(["push", *flags]) == 0
    card = server.repositories["me/dragon"]["README.md"].decode()
    assert "| validation loss, nats per token | 1.25 |" in card and '"value": 1.25' in card
    assert server.private["me/dragon"] and "me/dragon" in capsys.readouterr().out


def test_push_command_takes_metrics_from_a_file(folder: Path, server: LoopbackHub, tmp_path: Path) -> None:
    figures = tmp_path / "figures.json"
    figures.write_text('{"bits_per_byte": 1.5, "curve": {"1000": 2.0}}', encoding="utf-8")
    flags = ["--model", str(folder), "--hf_repo_id", "me/dragon", "--endpoint", server.endpoint]
    assert cli.main(["push", *flags, "--metrics", str(figures)]) == 0
    assert "| bits per byte | 1.5 |" in server.repositories["me/dragon"]["README.md"].decode()
    figures.write_text("[1]", encoding="utf-8")
    assert cli.main(["push", *flags, "--metrics", str(figures)]) == 2


def test_last_checkpoint_gets_the_last_metrics(tmp_path: Path) -> None:
    run = tmp_path / "run"
    run.mkdir()
    assert metrics_of_run(run / "last") is None
    (run / "metrics.jsonl").write_text('{"step": 1, "val_loss": 1.0}\n{"step": 2, "val_loss": 2.0}\n', encoding="utf-8")
    assert metrics_of_run(run / "last") == {"step": 2, "val_loss": 2.0}
    assert metrics_of_run(run / "best") == {"step": 1, "val_loss": 1.0}
    (run / "metrics.jsonl").write_text("{", encoding="utf-8")
    with pytest.raises(DataError, match=r"metrics\.jsonl"):
        metrics_of_run(run / "last")


def test_failed_upload_in_training_is_raised_at_the_end(folder: Path, server: LoopbackHub) -> None:
    uploads = Uploads("me/dragon", endpoint=server.endpoint)
    server.refuse = True
    uploads.send(folder, step=1)
    with pytest.raises(HubError):
        uploads.finish()
    server.refuse = False
    uploads.send(folder, step=2)
    uploads.finish()
    assert [message for _, message, _ in server.commits] == ["Step 2"]


def test_model_is_opened_by_folder_or_by_name(folder: Path, model: BDH, server: LoopbackHub) -> None:
    assert _equal(model, open_model(str(folder))[0])
    with pytest.raises(CheckpointError):
        open_model(str(folder / "nothing"))


def test_card_of_either_variant_names_its_size_and_use() -> None:
    card = model_card(BDHConfig.preset("small"), "me/small", metrics={"val_loss": float("nan"), "other": 3.0})
    assert "25,296,896" in card and 'from_hub("me/small")' in card and "AutoModelForCausalLM" in card
    assert "model-index" not in card and "other" not in card
    neuro = model_card(NeuroConfig.published(), "me/neuro")
    assert "| k_wta | 16 |" in neuro and "AutoModelForCausalLM" not in neuro


def test_library_does_not_import_the_hub() -> None:
    code = (
        "import sys, bdh; assert not {'huggingface_hub', 'transformers', 'matplotlib', 'networkx'} & set(sys.modules)"
    )
    # torch imports networkx by itself on some versions, so only what bdh adds counts
    code = code.replace(", 'networkx'", "")
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_training_uploads_need_a_name(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["train", "--push-to-hub", "--data", "nowhere.txt"]) == 2
    assert "hub_repo_id is missing" in capsys.readouterr().err


def test_training_uploads_each_checkpoint(server: LoopbackHub, tmp_path: Path) -> None:
    text = tmp_path / "text.txt"
    text.write_text("the dragon hatches; " * 60, encoding="utf-8")
    sizes = {"n_layer": 1, "n_embd": 16, "n_head": 2, "mlp_internal_dim_multiplier": 4, "batch_size": 2, "seq_len": 16}
    course = {"max_iters": 4, "eval_interval": 2, "log_interval": 1, "device": "cpu"}
    flags = [f"--{name}={value}" for name, value in (sizes | course).items()]
    where = ["--push_to_hub", "--hf_repo_id", "me/run", "--hub_endpoint", server.endpoint]
    assert cli.main(["train", "--data", str(text), "--out", str(tmp_path / "run"), *flags, *where]) == 0
    assert [message for _, message, _ in server.commits] == ["Step 2", "Step 4"]
    assert "| step | 4 |" in server.repositories["me/run"]["README.md"].decode()
