"""Runs, models and logs become pictures, and the numbers behind them; what cannot be drawn is one clear line."""

from __future__ import annotations

import json
import struct
import xml.etree.ElementTree as ET
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("matplotlib")
pytest.importorskip("networkx")

from bdh import checkpoint, cli, plots
from bdh.curves import Curve, read_log, read_metrics
from bdh.errors import DataError
from bdh.inspect.activity import SynapseTrace
from bdh.neuro.config import NeuroConfig
from bdh.neuro.model import BDHNeuro
from bdh.tokenizer import ByteTokenizer
from tests.bdh.conftest import ModelMaker

LOG = """425,984 parameters on cpu; 1 documents, 1,003,854 tokens; 750 steps
step 250: train 2.1031, validation 2.2045 nats a token, 3.1804 bits a byte (best), active_x 0.3312, \
active_y 0.0481, state_norm 1312.55, tok_s 12345
step 500: train 1.9031, active_x 0.3000, active_y 0.0400, state_norm 1400.00, gain 1.025, tok_s 12000
 33%|###      | 250/750 [00:31<01:02,  7.93step/s, loss=2.500, tok_s=12,345]\r\
 99%|######## | 745/750 [01:31<00:02,  7.93step/s, loss=1.875, tok_s=11,000]
step 750: train 1.8, validation 2.1 nats a token, 3.0 bits a byte
sample after step 750:
the 5 dragons
"""


@pytest.fixture
def run(make_model: ModelMaker, tmp_path: Path) -> Path:
    folder = tmp_path / "run"
    checkpoint.save(folder / "best", make_model(vocab_size=256), ByteTokenizer())
    record = {
        "lr": 1e-3,
        "grad_norm": 0.5,
        "tokens_per_second": 9e3,
        "active_x": 0.3,
        "active_y": 0.1,
        "state_norm": 7.0,
    }
    records = [{"step": step, "loss": 5 / step, **record} for step in range(1, 9)]
    records[3] |= {"val_loss": 2.0, "val_bits_per_byte": 2.9, "gain": 1.0}
    records[7] |= {"val_loss": 1.5, "val_bits_per_byte": 2.2, "gain": 1.1}
    (folder / "metrics.jsonl").write_text("".join(json.dumps(item) + "\n" for item in records), encoding="utf-8")
    return folder


@pytest.fixture
def lists(tmp_path: Path) -> list[str]:
    words = ("one", "two", "three", "four", "five", "six")
    for name, mark in (("zed", "zzz"), ("other", "aaa")):
        (tmp_path / f"{name}.txt").write_text("".join(f"{mark} {word} {mark}\n" for word in words), encoding="utf-8")
    return ["--concept_a", str(tmp_path / "zed.txt"), "--concept_b", str(tmp_path / "other.txt")]


@pytest.fixture
def text(tmp_path: Path) -> Path:
    path = tmp_path / "text.txt"
    path.write_text("The dragon — it costs $5 — sleeps.\n" * 12, encoding="utf-8")
    return path


def _names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def _size(path: Path) -> tuple[int, int]:
    content = path.read_bytes()
    assert content[:8] == b"\x89PNG\r\n\x1a\n"
    width, height = struct.unpack(">II", content[16:24])
    return int(width), int(height)


@pytest.mark.slow
def test_run_gives_every_picture(
    run: Path, text: Path, lists: Sequence[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["plot", str(run), "--text", str(text), *lists, "--device", "cpu", "--format", "png"]) == 0
    names = ["loss", "training", "weights", "graph", "sparsity", "state_norm", "concept", "neuron", "synapse"]
    expected = {*(f"{name}.png" for name in names), "numbers.json"}
    assert _names(run / "plots") == expected
    assert len(capsys.readouterr().out.splitlines()) == len(expected)
    for name in names:
        assert min(_size(run / "plots" / f"{name}.png")) > 400
    numbers = json.loads((run / "plots" / "numbers.json").read_text(encoding="utf-8"))
    assert numbers["curves"]["val_loss"] == {"steps": [4, 8], "values": [2.0, 1.5]}
    assert len(numbers["activity"]["state_norm"]) == 2
    assert numbers["concept"][0]["p_value"] <= numbers["concept"][-1]["p_value"]
    assert len(numbers["synapse"]["trace"]["strength"]) == len(numbers["synapse"]["words"])


def test_model_alone_gives_what_needs_no_text(run: Path, tmp_path: Path) -> None:
    assert (
        cli.main(["plot", str(run / "best"), "--out", str(tmp_path / "out"), "--format", "png", "--device", "cpu"]) == 0
    )
    assert _names(tmp_path / "out") == {"weights.png", "graph.png", "numbers.json"}


@pytest.mark.slow
def test_neuro_model_is_drawn_too(tmp_path: Path, text: Path) -> None:
    torch.manual_seed(0)
    model = BDHNeuro(NeuroConfig.published(n=64, d=16, n_layer=2))
    folder = checkpoint.save(tmp_path / "neuro", model, ByteTokenizer())
    flags = ["--text", str(text), "--max_tokens", "60", "--neuron", "1:x:3", "--synapse", "1:0:2:3", "--format", "svg"]
    assert cli.main(["plot", str(folder), *flags, "--device", "cpu"]) == 0
    named = ("weights", "graph", "sparsity", "state_norm", "neuron", "synapse")
    assert _names(folder / "plots") == {*(f"{name}.svg" for name in named), "numbers.json"}


def test_log_gives_the_curves_that_it_holds(tmp_path: Path) -> None:
    log = tmp_path / "train.log"
    log.write_text(LOG, encoding="utf-8")
    assert cli.main(["plot", "--file", str(log)]) == 0
    names = {f"{name}.{form}" for name in ("loss", "training") for form in ("png", "svg")}
    assert _names(tmp_path / "plots") == names | {"numbers.json"}
    assert ET.parse(tmp_path / "plots" / "loss.svg").getroot().tag.endswith("svg")


def test_log_is_read_line_by_line_and_bar_by_bar(tmp_path: Path) -> None:
    log = tmp_path / "train.log"
    log.write_text(LOG, encoding="utf-8")
    curves = read_log(log)
    points = {name: dict(zip(curve.steps, curve.values, strict=True)) for name, curve in curves.items()}
    assert points["loss"] == {250: 2.5, 500: 1.9031, 745: 1.875, 750: 1.8}
    assert points["val_loss"] == {250: 2.2045, 750: 2.1}
    assert points["val_bits_per_byte"] == {250: 3.1804, 750: 3.0}
    assert points["active_y"] == {250: 0.0481, 500: 0.04}
    assert points["state_norm"][250] == 1312.55 and points["gain"] == {500: 1.025}
    assert points["tokens_per_second"][745] == 11_000


@given(st.lists(st.tuples(st.integers(1, 10**6), st.floats(0, 20)), min_size=1, max_size=20, unique_by=lambda p: p[0]))
def test_what_training_prints_is_read_back(
    tmp_path_factory: pytest.TempPathFactory, points: list[tuple[int, float]]
) -> None:
    log = tmp_path_factory.mktemp("log") / "train.log"
    log.write_text("".join(f"step {step}: train {loss:.4f}, tok_s 5\n" for step, loss in points), encoding="utf-8")
    curve = read_log(log)["loss"]
    assert curve.steps.tolist() == sorted(step for step, _ in points)
    assert curve.values.tolist() == [pytest.approx(loss, abs=1e-4) for _, loss in sorted(points)]


@pytest.mark.parametrize("content", ["", "nothing to see\n", "step 5: no numbers here\n"])
def test_log_without_losses_is_one_line(tmp_path: Path, content: str, capsys: pytest.CaptureFixture[str]) -> None:
    log = tmp_path / "train.log"
    log.write_text(content, encoding="utf-8")
    assert cli.main(["plot", "--file", str(log)]) == 2
    assert "holds no losses" in capsys.readouterr().err and _names(tmp_path) == {"train.log"}


@pytest.mark.parametrize("content", ["{", "[]\n", '{"loss": 1}\n', '{"step": null}\n'])
def test_damaged_metrics_are_refused(tmp_path: Path, content: str) -> None:
    path = tmp_path / "metrics.jsonl"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(DataError, match=r"metrics\.jsonl cannot be read"):
        read_metrics(path)


@pytest.mark.parametrize(
    ("flags", "found"),
    [
        (["--concept_a", "a.txt"], "two lists"),
        (["--neuron", "1:z:3", "--text", "TEXT"], "LAYER:x:INDEX"),
        (["--neuron", "9:x:3", "--text", "TEXT"], "layer is 9"),
        (["--synapse", "1:2:3", "--text", "TEXT"], "LAYER:HEAD:I:J"),
        (["--neuron", "1:x:3"], "give --text"),
        (["--text", "nowhere.txt"], "nowhere.txt"),
        (["--max_tokens", "0"], "max_tokens"),
        (["--mean_degree", "1000"], "mean_degree"),
        (["--file", "train.log"], "drawn alone"),
    ],
)
def test_wrong_flags_are_one_line(
    run: Path, text: Path, flags: list[str], found: str, capsys: pytest.CaptureFixture[str]
) -> None:
    words = [str(text) if word == "TEXT" else word for word in flags]
    assert cli.main(["plot", str(run), *words, "--device", "cpu", "--format", "png"]) == 2
    error = capsys.readouterr().err
    assert found in error and error.count("\n") == 1


def test_folder_that_is_nothing_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["plot", str(tmp_path), "--device", "cpu"]) == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_pictures_are_the_same_every_time(tmp_path: Path) -> None:
    curves = {"loss": Curve(np.array([1.0, 2.0]), np.array([3.0, 2.0]))}
    for folder in ("a", "b"):
        plots.Album(tmp_path / folder).add("loss", plots.draw_losses(curves, title="t"))
    for name in ("loss.png", "loss.svg"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


def test_course_without_health_is_no_picture() -> None:
    assert plots.draw_course({"loss": Curve(np.array([1.0]), np.array([3.0]))}, title="t") is None


def test_axes_say_what_they_show() -> None:
    curve = Curve(np.array([1.0, 2.0, 3.0]), np.array([3.0, 1.0, 2.0]))
    figure = plots.draw_losses({"loss": curve, "val_loss": curve}, title="Loss")
    (axes,) = figure.axes
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("step", "loss (nats per token)")
    legend = axes.get_legend()
    assert legend is not None
    assert "best: 1.0000 at step 2" in [text.get_text() for text in legend.get_texts()]


def test_silent_neuron_and_synapse_are_drawn() -> None:
    none = np.zeros(5)
    words = ["a"] * 5
    assert not plots.draw_neuron(none, words, title="t").axes[0].texts
    assert len(plots.draw_synapse(SynapseTrace(none, none, none), words, title="t").axes) == 2


def test_unknown_format_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="gif"):
        plots.Album(tmp_path, ["gif"])
