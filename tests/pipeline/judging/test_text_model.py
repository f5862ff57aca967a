"""Text models are stored in eight bits and come back as they were stored; damaged folders are named."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.numpy import load_file, save_file

from pipeline.errors import ModelError, SettingError
from pipeline.judging import text_model
from pipeline.judging.sentence_encoder import SentenceEncoderModel
from pipeline.judging.text_model import (
    batches_by_length,
    hidden_vectors,
    load_base,
    load_tokenizer,
    load_weights,
    make_body,
    mean_vectors,
    pad,
    save_model,
    weights_sum,
)
from tests.pipeline.judging.little_models import CPU, WIDTH, make_bert, save_base
from tests.pipeline.stand_in_judge import letters


@pytest.fixture(scope="module")
def model() -> SentenceEncoderModel:
    return SentenceEncoderModel(make_bert()).eval()


@pytest.fixture(scope="module")
def stored(model: SentenceEncoderModel, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("stored") / "finder"
    save_model(folder, model, letters())
    return folder


@pytest.fixture
def copied(stored: Path, tmp_path: Path) -> Path:
    """A copy of the stored model that may be broken."""
    return Path(shutil.copytree(stored, tmp_path / "finder"))


def loaded(folder: Path) -> SentenceEncoderModel:
    own = SentenceEncoderModel(make_body(folder))
    load_weights(own, folder)
    return own


def test_stored_weights_come_back_within_the_rounding_of_eight_bits(model: SentenceEncoderModel, stored: Path) -> None:
    found, rounded = loaded(stored).state_dict(), 0
    for name, weight in model.state_dict().items():
        if weight.ndim < 2 or weight.numel() < 4096:
            assert torch.equal(found[name], weight), name
            continue
        step = weight.abs().amax(-1, keepdim=True) / 127
        assert bool(((found[name] - weight).abs() <= step / 2 + 1e-7).all()), name
        rounded += 1
    assert rounded > 4


def test_folder_has_the_config_the_tokenizer_and_the_weights(stored: Path) -> None:
    assert sorted(path.name for path in stored.iterdir()) == ["config.json", "model-1.safetensors", "tokenizer.json"]
    config = json.loads((stored / "config.json").read_text(encoding="utf-8"))
    assert "_name_or_path" not in config, "no folder of the machine that trained it"
    assert load_tokenizer(stored).encode("He slept.").tokens == letters().encode("He slept.").tokens


def test_loaded_model_is_stored_again_as_it_was(stored: Path, tmp_path: Path) -> None:
    save_model(tmp_path / "again", loaded(stored), load_tokenizer(stored))
    first, again = (load_file(folder / "model-1.safetensors") for folder in (stored, tmp_path / "again"))
    assert first.keys() == again.keys()
    for name, array in first.items():
        np.testing.assert_allclose(again[name], array, rtol=1e-6, err_msg=name)


def test_base_has_the_weights_that_transformers_wrote(tmp_path: Path) -> None:
    body = load_base(save_base(tmp_path / "base"))
    for name, weight in make_bert().state_dict().items():
        assert torch.equal(body.state_dict()[name], weight), name


@pytest.mark.parametrize("prefix", ["bert.", "mpnet.", "model.", "body."])
def test_base_may_be_a_part_of_a_larger_model(tmp_path: Path, prefix: str) -> None:
    folder = save_base(tmp_path / "base")
    weights = load_file(folder / "model.safetensors")
    words = "embeddings.word_embeddings.weight"
    save_file({prefix + name: array for name, array in weights.items()}, folder / "model.safetensors")
    assert torch.equal(load_base(folder).state_dict()[words], make_bert().state_dict()[words])


def test_base_may_be_cut_to_some_layers(tmp_path: Path) -> None:
    folder, whole = save_base(tmp_path / "base", layers=3), make_bert(layers=3)
    body: Any = load_base(folder, (2, 0))
    assert body.config.num_hidden_layers == len(body.encoder.layer) == 2
    for own, number in zip(body.encoder.layer, (2, 0), strict=True):
        assert torch.equal(own.output.dense.weight, whole.encoder.layer[number].output.dense.weight)
    save_model(tmp_path / "cut", SentenceEncoderModel(body), letters())
    assert len(loaded(tmp_path / "cut").body.encoder.layer) == 2  # type: ignore[union-attr, arg-type]


@pytest.mark.parametrize("layers", [(2,), (0, -1)])
def test_layers_that_the_base_does_not_have_are_refused(tmp_path: Path, layers: tuple[int, ...]) -> None:
    with pytest.raises(SettingError, match=r"layers are .*-?\d; .*base has the layers 0 to 1"):
        load_base(save_base(tmp_path / "base"), layers)


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"model_type": "unheard"}', '{"model_type": "distilbert"}'])
def test_damaged_config_is_named(copied: Path, text: str) -> None:
    (copied / "config.json").write_text(text, encoding="utf-8")
    with pytest.raises(ModelError, match=r"finder.* cannot be loaded") as caught:
        loaded(copied)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("text", [None, "", "{}"])
def test_damaged_tokenizer_is_named(copied: Path, text: str | None) -> None:
    (copied / "tokenizer.json").unlink()
    if text is not None:
        (copied / "tokenizer.json").write_text(text, encoding="utf-8")
    with pytest.raises(ModelError, match=r"tokenizer\.json.* cannot be read") as caught:
        load_tokenizer(copied)
    assert "\n" not in str(caught.value)


def change_weights(folder: Path, **changes: np.ndarray[Any, Any] | None) -> None:
    weights = load_file(folder / "model-1.safetensors")
    for name, array in changes.items():
        del weights[name]
        if array is not None:
            weights[name] = array
    save_file(weights, folder / "model-1.safetensors")


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (None, "has no fitting weights for before; restore"),
        (np.zeros(2, dtype=np.float32), "has no fitting weights for before; restore"),
        (np.array(np.nan, dtype=np.float32), "numbers that are not finite"),
        (np.array(np.inf, dtype=np.float32), "numbers that are not finite"),
    ],
)
def test_weights_that_do_not_fit_are_named(copied: Path, value: np.ndarray[Any, Any] | None, message: str) -> None:
    change_weights(copied, before=value)
    with pytest.raises(ModelError, match=message):
        loaded(copied)


def test_missing_weights_are_named(copied: Path) -> None:
    (copied / "model-1.safetensors").unlink()
    with pytest.raises(ModelError, match=r"has no \*\.safetensors"):
        loaded(copied)
    with pytest.raises(ModelError, match=r"has no \*\.safetensors"):
        weights_sum(copied)


def test_sum_of_the_weights_changes_with_them(stored: Path, copied: Path) -> None:
    assert weights_sum(stored) == weights_sum(copied)
    change_weights(copied, before=np.array(0.25, dtype=np.float32))
    assert weights_sum(stored) != weights_sum(copied)


def test_encoded_texts_are_padded_on_the_right() -> None:
    tokenizer = letters()
    one, pair = tokenizer.encode("ab"), tokenizer.encode("a", "bc")
    batch = pad([one, pair], multiple=4)
    assert batch.ids.shape == (2, 8)
    assert batch.ids[0].tolist() == [*one.ids, 0, 0, 0, 0]
    assert batch.mask.tolist() == [[1] * 4 + [0] * 4, [1] * 6 + [0] * 2]
    assert batch.types.tolist() == [[0] * 8, [0, 0, 0, 1, 1, 1, 0, 0]]
    assert pad([one]).ids.shape == (1, 4)


def test_mean_is_that_of_the_real_tokens() -> None:
    hidden = torch.tensor([[[1.0, 3.0], [3.0, 5.0], [99.0, 99.0]]])
    assert mean_vectors(hidden, torch.tensor([[1, 1, 0]])).tolist() == [[2.0, 4.0]]


def test_padding_does_not_change_the_vectors() -> None:
    body, (encoded,) = make_bert(), letters().encode_batch(["He slept badly."])
    with torch.inference_mode():
        short, long = (hidden_vectors(body, pad([encoded], multiple=multiple)) for multiple in (1, 64))
    assert short.shape == (1, len(encoded.ids), WIDTH) and long.shape == (1, 64, WIDTH)
    assert torch.allclose(short, long[:, : short.shape[1]], atol=1e-5)


@given(lengths=st.lists(st.integers(0, 40), max_size=12), limit=st.integers(1, 200))
def test_batches_have_each_text_once_the_longest_first(lengths: list[int], limit: int) -> None:
    encodings = letters().encode_batch(["-" * length for length in lengths])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(text_model, "_BATCH_TOKENS", {"cpu": limit})
        done: list[int] = []
        batches = list(batches_by_length(encodings, CPU, done.append))
    order = [place for places, _ in batches for place in places]
    assert sorted(order) == list(range(len(lengths))) and sum(done) == len(lengths)
    assert [lengths[place] for place in order] == sorted(lengths, reverse=True)
    for places, batch in batches:
        assert batch.ids.numel() <= limit or len(places) == 1
        assert batch.mask.sum(1).tolist() == [len(encodings[place].ids) for place in places]
