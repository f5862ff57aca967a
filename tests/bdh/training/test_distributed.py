"""Training in one process or many: rank, size and device."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from bdh.errors import ConfigError
from bdh.training.distributed import World, choose_device, join_world
from tests.bdh.training import two_processes, verifier_worker

ROOT = Path(__file__).parents[3]
ALONE = World(0, 1, torch.device("cpu"))


def test_single_process_is_a_world_of_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("WORLD_SIZE", raising=False)
    with join_world("cpu") as world:
        assert world == World(0, 1, torch.device("cpu")) and world.writes


@pytest.mark.parametrize("name", ["foo", "", "cuda:", "meta"])
def test_unknown_device_is_an_error(name: str) -> None:
    with pytest.raises(ConfigError, match="device"):
        choose_device(name)


@pytest.mark.parametrize("name", ["cuda", "cuda:0", "cuda:99"])
def test_missing_gpu_is_an_error(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(ConfigError, match="no GPU"):
        choose_device(name)
    assert choose_device("auto") == torch.device("cpu")


def test_apple_gpu_is_chosen_by_name_where_torch_has_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    with pytest.raises(ConfigError, match="no Apple GPU; use --device cpu"):
        choose_device("mps")
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
    assert choose_device("mps") == torch.device("mps") and choose_device("auto") == torch.device("cpu")


def test_apple_gpu_is_not_shared_by_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(ConfigError, match="start one process"), join_world("mps"):
        pass


def test_gpu_beyond_the_last_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    assert choose_device("auto", index=1) == torch.device("cuda:1")
    with pytest.raises(ConfigError, match="2 GPUs"):
        choose_device("cuda:2")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _torchrun(folder: Path, *words: str) -> str:
    """Let two processes run ``words``; return what they print."""
    flags = ["--nproc_per_node=2", "--master_addr=127.0.0.1", f"--master_port={_free_port()}"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
    if sys.platform == "linux":
        environment["GLOO_SOCKET_IFNAME"] = "lo"
    command = [sys.executable, "-m", "torch.distributed.run", *flags, *words]
    done = subprocess.run(command, env=environment, cwd=folder, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return where two processes that torchrun started wrote their curves and weights."""
    folder = tmp_path_factory.mktemp("two")
    _torchrun(folder, "-m", two_processes.__name__, str(folder))
    return folder


@pytest.fixture
def curves(trained: Path) -> dict[str, list[float]]:
    """Return the loss curves of two processes."""
    found: dict[str, list[float]] = json.loads((trained / "curves.json").read_text())
    assert found.pop("size") == 2
    return found


@pytest.mark.slow
@pytest.mark.parametrize("name", ["windows", "neuro"])
def test_two_processes_learn_what_one_learns(curves: dict[str, list[float]], name: str) -> None:
    trainer = two_processes.make_trainer(ALONE, carry=False, neuro=name == "neuro")
    assert curves[name] == pytest.approx([report.loss for report in trainer.run()], abs=1e-5)
    assert len(curves[name]) == 6
    assert name == "neuro" or curves[name][-1] < curves[name][0] - 0.05


@pytest.mark.slow
def test_two_processes_end_with_the_same_verifier(trained: Path) -> None:
    first, second = (load_file(trained / f"rank{rank}.safetensors") for rank in (0, 1))
    assert first.keys() == second.keys()
    for name, tensor in first.items():
        assert torch.equal(tensor, second[name]), name
    begin = dict(verifier_worker.make_trainer(ALONE).model.named_parameters())
    assert not torch.equal(first["weight.model.encoder"], begin["model.encoder"])


@pytest.mark.slow
@pytest.mark.parametrize("way", ["windowed", "carried"])
def test_two_processes_validate_what_one_validates(curves: dict[str, list[float]], way: str) -> None:
    alone = two_processes.validate(ALONE, carry=way == "carried")
    assert curves[way] == pytest.approx(alone, rel=1e-5) and alone[:3] == [3, 237, 237]


@pytest.mark.slow
def test_two_processes_resume_exactly(curves: dict[str, list[float]]) -> None:
    assert len(curves["whole"]) == 6
    assert curves["stopped"] == curves["whole"][:3]
    assert curves["resumed"] == curves["whole"][2:]  # the last place was saved at step 2


@pytest.mark.slow
def test_train_command_of_two_processes_has_one_writer(tmp_path: Path) -> None:
    (tmp_path / "text.txt").write_text("the ferry did not run on sundays. " * 60, encoding="utf-8")
    sizes = "--n_layer 1 --n_embd 16 --n_head 2 --mlp_internal_dim_multiplier 4 --device cpu --sample_tokens 4"
    steps = "--epochs 1 --batch_size 2 --seq_len 32 --log_interval 4 --eval_interval 8"
    words = ["-m", "bdh", "train", "--data", "text.txt", "--out", "run", *sizes.split(), *steps.split()]
    output = _torchrun(tmp_path, *words)
    assert output.count("2 processes") == output.count("sample after step 15") == 1
    records = [json.loads(line) for line in (tmp_path / "run" / "metrics.jsonl").read_text().splitlines()]
    assert [record["step"] for record in records] == [4, 8, 12, 15]  # 1,836 tokens, 128 a step
    assert "2 processes" in (tmp_path / "run" / "baseline_metrics.md").read_text(encoding="utf-8")
