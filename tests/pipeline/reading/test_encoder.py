"""The vectors of the encoder, and the loading of its model from a folder."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

import bdh
from pipeline.config import ReadingConfig
from pipeline.device import set_threads
from pipeline.errors import ModelError, SettingError
from pipeline.reading.bdh_adapter import BDHEncoderModel, load_encoder
from pipeline.reading.encoder import Encoder, plain

CPU = ReadingConfig(device="cpu", dtype="fp32")


@pytest.fixture
def copy(stand_in_reader: Path, tmp_path: Path) -> Path:
    """A copy of the stand-in that may be broken."""
    return Path(shutil.copytree(stand_in_reader, tmp_path / "reader"))


def test_content_vector_is_the_mean_hidden_vector_of_the_text_read_alone(encoder: Encoder, bdh_model: bdh.BDH) -> None:
    tokens = torch.tensor([list(b"\n\nHe came back.")])
    hidden = bdh_model(tokens).hidden[0].detach().numpy()
    assert encoder.content_vectors(["He  came\nback."])[0] == pytest.approx(hidden.mean(axis=0), abs=1e-5)


def test_content_vectors_do_not_depend_on_each_other(encoder: Encoder) -> None:
    texts = ["He came back.", "She did not wait for him at all.", "No."]
    together = encoder.content_vectors(texts)
    assert together.shape == (3, encoder.width) and together.dtype == np.float32
    assert np.array_equal(together, np.concatenate([encoder.content_vectors([text]) for text in texts]))


def test_content_vectors_of_nothing_have_their_width(encoder: Encoder) -> None:
    assert encoder.content_vectors([]).shape == (0, encoder.width)


def test_plain_text_has_single_spaces() -> None:
    assert plain("  Anna\r\nkept \t the\u00a0ferry.\n") == "Anna kept the ferry."


def test_load_encoder_knows_its_weights(copy: Path, encoder: Encoder) -> None:
    assert load_encoder(CPU, folder=copy).weights_sha256 == encoder.weights_sha256 == bdh.weights_hash(copy)


def test_load_encoder_narrows_to_bf16(copy: Path) -> None:
    encoder = load_encoder(replace(CPU, dtype="bf16"), folder=copy)
    assert encoder.dtype == "bf16"
    assert isinstance(encoder.model, BDHEncoderModel) and encoder.model.model.encoder.dtype == torch.bfloat16


def test_load_encoder_chooses_device_and_precision(copy: Path) -> None:
    encoder = load_encoder(ReadingConfig(), folder=copy)
    assert encoder.dtype in {"fp32", "bf16"}
    assert encoder.model.device.type == ("cuda" if torch.cuda.is_available() else "cpu")


def test_load_encoder_misses_a_folder(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="--model_dir"):
        load_encoder(CPU, folder=tmp_path / "nowhere")


def test_load_encoder_misses_a_file(copy: Path) -> None:
    (copy / "tokenizer.json").unlink()
    with pytest.raises(ModelError, match=r"tokenizer\.json"):
        load_encoder(CPU, folder=copy)


def test_load_encoder_notices_damaged_weights(copy: Path) -> None:
    weights = copy / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-9])
    with pytest.raises(ModelError, match="damaged"):
        load_encoder(CPU, folder=copy)


def test_load_encoder_refuses_an_alphabet_that_may_lack_letters(copy: Path, bdh_model: bdh.BDH) -> None:
    bdh.save(copy, bdh_model, bdh.CharTokenizer("abc ."))
    with pytest.raises(ModelError, match="some characters only"):
        load_encoder(CPU, folder=copy)


@pytest.mark.parametrize("device", ["tpu", "cuda:x", "cpu:0:0", "meta", "mps", "", "cuda:-1"])
def test_load_encoder_refuses_an_unknown_device(copy: Path, device: str) -> None:
    with pytest.raises(SettingError, match="device is"):
        load_encoder(replace(CPU, device=device), folder=copy)


def test_load_encoder_refuses_a_gpu_that_is_not_there(copy: Path) -> None:
    with pytest.raises(SettingError, match="--device cpu"):
        load_encoder(replace(CPU, device=f"cuda:{torch.cuda.device_count()}"), folder=copy)


@pytest.mark.parametrize("count", [-1, 1_000_000])
def test_set_threads_refuses_what_no_machine_has(count: int) -> None:
    with pytest.raises(SettingError, match="threads"):
        set_threads(count)


def test_set_threads_leaves_the_choice_to_torch_at_zero() -> None:
    before = torch.get_num_threads()
    set_threads(0)
    assert torch.get_num_threads() == before
