"""Model folders load exactly, or are refused in one line."""

from __future__ import annotations

import json
import os
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file, save_file

import bdh
from bdh import checkpoint
from bdh.errors import BDHError, CheckpointError, TokenizerError
from bdh.model import BDH
from bdh.tokenizer import BPETokenizer, ByteTokenizer

ModelMaker = Callable[..., BDH]
TOKENS = torch.arange(40)[None]


def _make(make_model: ModelMaker, **sizes: Any) -> BDH:
    return make_model(**{"vocab_size": 256, **sizes})


@pytest.fixture
def folder(make_model: ModelMaker, tmp_path: Path) -> Path:
    return bdh.save(tmp_path / "model", _make(make_model), ByteTokenizer())


@pytest.mark.parametrize(
    "sizes", [{}, {"decay": (0.9, 1.0)}, {"decay": (0.9, 0.99), "learn_decay": True, "dropout": 0.0, "chunk_size": 7}]
)
def test_saved_model_loads_exactly(make_model: ModelMaker, tmp_path: Path, sizes: dict[str, Any]) -> None:
    model = _make(make_model, **sizes)
    assert bdh.save(tmp_path / "a" / "model", model, ByteTokenizer()) == tmp_path / "a" / "model"
    loaded, tokenizer = bdh.load(tmp_path / "a" / "model")
    assert loaded.config == model.config and isinstance(tokenizer, ByteTokenizer) and not loaded.training
    assert torch.equal(loaded(TOKENS).logits, model(TOKENS).logits)


def test_saved_folder_has_no_partial_files(folder: Path) -> None:
    assert {path.name for path in folder.iterdir()} == {"config.json", "tokenizer.json", "model.safetensors"}


def test_card_becomes_the_readme(make_model: ModelMaker, tmp_path: Path) -> None:
    bdh.save(tmp_path, _make(make_model), ByteTokenizer(), card="# A small model\n")
    assert (tmp_path / "README.md").read_text(encoding="utf-8") == "# A small model\n"


def test_weights_are_stored_in_bfloat16_and_frequencies_in_float32(make_model: ModelMaker, tmp_path: Path) -> None:
    model = _make(make_model, decay=(0.9, 0.99), learn_decay=True)
    bdh.save(tmp_path, model, ByteTokenizer(), dtype=torch.bfloat16)
    stored = {name: tensor.dtype for name, tensor in load_file(tmp_path / "model.safetensors").items()}
    wide = {name for name, dtype in stored.items() if dtype == torch.float32}
    assert wide == {"attn.freqs", "attn.decay_logit"} and stored["encoder"] == torch.bfloat16
    loaded, _ = bdh.load(tmp_path)
    assert loaded.encoder.dtype == torch.float32
    assert torch.equal(loaded.encoder, model.encoder.bfloat16().float())


def test_loading_in_bfloat16_keeps_frequencies_in_float32(folder: Path) -> None:
    model, _ = bdh.load(folder, dtype=torch.bfloat16)
    assert model.encoder.dtype == model.lm_head.dtype == torch.bfloat16
    assert model.attn.freqs.dtype == torch.float32


@pytest.fixture
def sharded(make_model: ModelMaker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(checkpoint, "_SHARD_BYTES", 10_000)
    return bdh.save(tmp_path / "model", _make(make_model), ByteTokenizer())


def test_large_model_is_saved_in_shards(make_model: ModelMaker, sharded: Path) -> None:
    names = sorted(path.name for path in sharded.glob("*.safetensors"))
    count = len(names)
    assert count > 2 and names == [f"model-{number:05d}-of-{count:05d}.safetensors" for number in range(1, count + 1)]
    tensors = [load_file(sharded / name) for name in names]
    assert all(len(shard) == 1 or sum(t.nbytes for t in shard.values()) <= 10_000 for shard in tensors)
    assert torch.equal(bdh.load(sharded)[0](TOKENS).logits, _make(make_model)(TOKENS).logits)


def test_shards_of_an_earlier_save_are_removed(
    make_model: ModelMaker, sharded: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checkpoint, "_SHARD_BYTES", 10**9)
    bdh.save(sharded, _make(make_model, seed=1), ByteTokenizer())
    assert [path.name for path in sharded.glob("*.safetensors")] == ["model.safetensors"]
    assert torch.equal(bdh.load(sharded)[0](TOKENS).logits, _make(make_model, seed=1)(TOKENS).logits)


@pytest.mark.parametrize("number", [1, 2, 3])
def test_missing_shard_is_refused(sharded: Path, number: int) -> None:
    sorted(sharded.glob("*.safetensors"))[number - 1].unlink()
    with pytest.raises(CheckpointError, match="all shards"):
        bdh.load(sharded)


@pytest.mark.parametrize("name", ["model.safetensors", "model-old.safetensors", "model-00009-of-00009.safetensors"])
def test_shard_of_another_model_is_refused(sharded: Path, name: str) -> None:
    (sharded / name).write_bytes(next(sharded.glob("*.safetensors")).read_bytes())
    with pytest.raises(CheckpointError, match="no others"):
        bdh.load(sharded)


def _edit(folder: Path, **changes: Any) -> None:
    path = folder / "config.json"
    mapping = json.loads(path.read_text(encoding="utf-8")) | changes
    path.write_text(json.dumps({name: value for name, value in mapping.items() if value != "absent"}), encoding="utf-8")


def _replace(folder: Path, name: str, tensor: torch.Tensor | None) -> None:
    weights = load_file(folder / "model.safetensors")
    weights.pop(name, None)
    save_file(weights if tensor is None else {**weights, name: tensor}, folder / "model.safetensors")


def _truncate(path: Path, share: float) -> None:
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])


def _damaged(name: str, value: float) -> Callable[[Path], None]:
    def damage(folder: Path) -> None:
        tensor = load_file(folder / "model.safetensors")[name]
        tensor.view(-1)[3] = value
        _replace(folder, name, tensor)

    return damage


DAMAGES: dict[str, tuple[Callable[[Path], object], str]] = {
    "another version": (lambda folder: _edit(folder, format_version=2), "format version 2"),
    "no version": (lambda folder: _edit(folder, format_version="absent"), "format version None"),
    "an unknown setting": (lambda folder: _edit(folder, n_heads=2), "n_heads"),
    "a broken setting": (lambda folder: _edit(folder, n_layer="2"), "n_layer is '2'"),
    "no head": (lambda folder: _edit(folder, n_head=0), "n_head is 0"),
    "a broken decay": (lambda folder: _edit(folder, decay=["a", "b"]), "decay"),
    "a number for decay": (lambda folder: _edit(folder, decay=0.9), "decay"),
    "gigantic sizes": (lambda folder: _edit(folder, n_embd=2**40), "parameters"),
    "large sizes": (lambda folder: _edit(folder, n_embd=2**16, n_head=1), "do not fit"),
    "other sizes": (lambda folder: _edit(folder, n_embd=32), "encoder: found (2, 16, 32), expected (2, 32, 64)"),
    "a list for a configuration": (lambda folder: (folder / "config.json").write_text("[1]"), "config.json"),
    "a cut configuration": (lambda folder: _truncate(folder / "config.json", 0.5), "config.json"),
    "no configuration": (lambda folder: (folder / "config.json").unlink(), "config.json"),
    "no weights": (lambda folder: (folder / "model.safetensors").unlink(), "has no model*.safetensors"),
    "cut weights": (lambda folder: _truncate(folder / "model.safetensors", 0.7), "model.safetensors"),
    "a cut header": (lambda folder: (folder / "model.safetensors").write_bytes(b"\x10\0\0"), "model.safetensors"),
    "a gigantic header": (
        lambda folder: (folder / "model.safetensors").write_bytes(struct.pack("<Q", 2**60) + b"{}" * 50),
        "model.safetensors",
    ),
    "a missing tensor": (lambda folder: _replace(folder, "lm_head", None), "lm_head: found None"),
    "a foreign tensor": (lambda folder: _replace(folder, "bias", torch.zeros(1)), "bias: found (1,), expected None"),
    "whole numbers": (lambda folder: _replace(folder, "lm_head", torch.ones(16, 256, dtype=torch.int64)), "int64"),
    "a weight that is not a number": (_damaged("encoder_v", float("nan")), "encoder_v contains numbers"),
    "a weight without bound": (_damaged("embed.weight", float("inf")), "embed.weight contains numbers"),
    "a frequency that is not a number": (_damaged("attn.freqs", float("nan")), "attn.freqs contains numbers"),
}


@pytest.mark.parametrize("name", DAMAGES)
def test_damaged_folder_is_refused(folder: Path, name: str) -> None:
    damage, word = DAMAGES[name]
    damage(folder)
    with pytest.raises(CheckpointError) as caught:
        bdh.load(folder)
    assert word in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize("content", [None, "", "{}"])
def test_missing_or_damaged_tokenizer_is_refused(folder: Path, content: str | None) -> None:
    path = folder / "tokenizer.json"
    path.unlink()
    if content is not None:
        path.write_text(content)
    with pytest.raises(TokenizerError, match=r"tokenizer\.json"):
        bdh.load(folder)


@pytest.mark.parametrize("name", ["missing", "model/config.json"])
def test_path_that_is_not_a_folder_is_refused(folder: Path, name: str) -> None:
    with pytest.raises(CheckpointError, match="is not a folder"):
        bdh.load(folder.parent / name)


def test_tokenizer_larger_than_the_vocabulary_is_not_loaded(folder: Path) -> None:
    BPETokenizer.train(["the ferry, the ferry and the ferryman"], vocab_size=260).save(folder / "tokenizer.json")
    with pytest.raises(CheckpointError, match="tokenizer has 260 tokens, the model 256"):
        bdh.load(folder)


def test_tokenizer_larger_than_the_vocabulary_is_not_saved(make_model: ModelMaker, tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="256 tokens, the model 100"):
        bdh.save(tmp_path / "model", _make(make_model, vocab_size=100), ByteTokenizer())
    assert not (tmp_path / "model").exists()


def test_failed_save_keeps_the_earlier_model(make_model: ModelMaker, folder: Path) -> None:
    (folder / f"model.safetensors.{os.getpid()}.partial").mkdir()
    with pytest.raises(CheckpointError, match="cannot be written"):
        bdh.save(folder, _make(make_model, seed=1), ByteTokenizer())
    assert torch.equal(bdh.load(folder)[0](TOKENS).logits, _make(make_model)(TOKENS).logits)


@pytest.fixture(scope="module")
def small_folder(make_model: ModelMaker, tmp_path_factory: Any) -> Path:
    return bdh.save(tmp_path_factory.mktemp("small") / "model", _make(make_model, n_layer=1), ByteTokenizer())


@given(file=st.sampled_from(["config.json", "tokenizer.json", "model.safetensors"]), data=st.data())
@settings(max_examples=120)
def test_any_damage_is_refused_or_harmless(small_folder: Path, file: str, data: Any) -> None:
    path, intact = small_folder / file, (small_folder / file).read_bytes()
    content = bytearray(intact)
    for _ in range(data.draw(st.integers(1, 3))):
        content[data.draw(st.integers(0, min(len(content), 800) - 1))] = data.draw(st.integers(0, 255))
    path.write_bytes(bytes(content))
    try:
        model, _ = bdh.load(small_folder)
    except BDHError as error:
        assert "\n" not in str(error)
    else:
        assert bool(torch.isfinite(model(TOKENS[:, :2]).logits).all())
    finally:
        path.write_bytes(intact)


def test_hash_depends_on_every_model_file_and_nothing_else(make_model: ModelMaker, folder: Path) -> None:
    first = checkpoint.weights_hash(folder)
    (folder / "README.md").write_text("a card")
    assert checkpoint.weights_hash(folder) == first and len(first) == 64
    seen = {first}
    for name in ("config.json", "tokenizer.json", "model.safetensors"):
        with (folder / name).open("ab") as file:
            file.write(b" ")
        seen.add(checkpoint.weights_hash(folder))
    assert len(seen) == 4


def test_hash_of_no_model_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="expected a folder with a saved model"):
        checkpoint.weights_hash(tmp_path)
