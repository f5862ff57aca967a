"""Two models merge into one that runs and keeps both."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from bdh import checkpoint, cli
from bdh.backends import MODES
from bdh.errors import MergeError
from bdh.generation import generate
from bdh.merge import ALONG, Along, merge, merge_folders
from bdh.model import BDH
from bdh.tokenizer import BPETokenizer, ByteTokenizer
from tests.bdh.conftest import ModelMaker


@pytest.fixture(scope="module")
def tokens() -> torch.Tensor:
    return torch.randint(48, (2, 40), generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("along", ALONG)
@settings(max_examples=6)
@given(decay=st.sampled_from([None, (0.9, 0.99)]), learn=st.booleans())
def test_model_merged_with_itself_has_the_same_outputs(
    make_model: ModelMaker, tokens: torch.Tensor, along: Along, decay: tuple[float, ...] | None, learn: bool
) -> None:
    model = make_model(decay=decay, learn_decay=learn and decay is not None)
    merged = merge(model, model, along=along)
    with torch.inference_mode():
        difference = merged(tokens).logits - model(tokens).logits
    assert difference.abs().max() < 1e-2  # what the eps of LayerNorm makes of sums twice as large
    assert merged.config.n_neurons_total == 2 * model.config.n_neurons_total


def test_merged_neurons_keep_their_own_frequencies(make_model: ModelMaker) -> None:
    first, second = make_model(0), make_model(1, mlp_internal_dim_multiplier=6)
    merged = merge(first, second)
    assert merged.config.n_neurons == first.config.n_neurons + second.config.n_neurons
    cut = first.config.n_neurons
    assert torch.equal(merged.attn.freqs[..., :cut], first.attn.freqs)
    assert torch.equal(merged.attn.freqs[..., cut:], second.attn.freqs)
    assert torch.equal(merged.encoder[:, :, cut:], second.encoder)
    decoder = merged.decoder.view(2, -1, 16)
    assert torch.equal(decoder[:, :cut].reshape(-1, 16), first.decoder)


def test_shared_weights_are_averaged(make_model: ModelMaker) -> None:
    first, second = make_model(0), make_model(1)
    merged = merge(first, second)
    assert torch.allclose(merged.embed.weight, (first.embed.weight + second.embed.weight) / 2)
    assert torch.allclose(merged.lm_head, (first.lm_head + second.lm_head) / 2)


def test_merged_heads_are_concatenated(make_model: ModelMaker) -> None:
    first, second = make_model(0, decay=(0.9, 0.8)), make_model(1, decay=(0.7, 0.6))
    merged = merge(first, second, along="heads")
    assert merged.config.n_head == 4 and merged.config.n_neurons == first.config.n_neurons
    assert merged.config.decay == pytest.approx((0.9, 0.8, 0.7, 0.6))
    assert torch.equal(merged.decoder[len(first.decoder) :], second.decoder)


def test_different_damping_becomes_the_geometric_mean(make_model: ModelMaker) -> None:
    merged = merge(make_model(0, decay=(1.0, 0.81)), make_model(1, decay=(0.64, 0.81)))
    assert merged.config.decay == pytest.approx((0.8, 0.81))


def test_merged_model_is_the_same_in_every_mode(make_model: ModelMaker, tokens: torch.Tensor) -> None:
    merged = merge(make_model(0), make_model(1))
    with torch.inference_mode():
        outputs = [merged(tokens, mode=mode).logits for mode in MODES]
    assert all((other - outputs[0]).abs().max() < 2e-3 for other in outputs[1:])
    assert len(list(generate(merged, [1, 2, 3], max_new_tokens=5, temperature=0))) == 5


def test_merged_model_can_be_trained_on(make_model: ModelMaker, tokens: torch.Tensor) -> None:
    merged = merge(make_model(0, decay=(0.9, 0.8), learn_decay=True), make_model(1, decay=(0.9, 0.8), learn_decay=True))
    output = merged.train()(tokens[:, :-1], tokens[:, 1:])
    output.loss.backward()
    assert all(weight.grad is not None for weight in merged.parameters())


@pytest.mark.parametrize(
    ("changes", "along", "found"),
    [
        ({"n_embd": 32, "mlp_internal_dim_multiplier": 2}, "neurons", "n_embd is 16 and 32"),
        ({"n_head": 4}, "neurons", "n_head is 2 and 4"),
        ({"n_layer": 3}, "neurons", "n_layer is 2 and 3"),
        ({"vocab_size": 50}, "neurons", "vocab_size is 48 and 50"),
        ({"mlp_internal_dim_multiplier": 8}, "heads", "n_neurons is 32 and 64"),
        ({"decay": (0.9, 0.9)}, "neurons", "has damping"),
        ({"rope_theta": 100.0}, "heads", "different rotary frequencies"),
        ({}, "layers", "along is 'layers'"),
    ],
)
def test_models_that_do_not_fit_are_refused(
    make_model: ModelMaker, changes: dict[str, object], along: Along, found: str
) -> None:
    with pytest.raises(MergeError, match=found):
        merge(make_model(0), make_model(1, **changes), along=along)


def _save(folder: Path, model: BDH) -> Path:
    return checkpoint.save(folder, model, ByteTokenizer())


def test_merge_command_writes_a_folder_that_loads(
    make_model: ModelMaker, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folders = [_save(tmp_path / str(seed), make_model(seed, vocab_size=256)) for seed in (0, 1)]
    assert cli.main(["merge", *map(str, folders), str(tmp_path / "both")]) == 0
    model, tokenizer = checkpoint.load_bdh(tmp_path / "both")
    assert torch.equal(model.encoder, merge(*(checkpoint.load_bdh(folder)[0] for folder in folders)).encoder)
    assert isinstance(tokenizer, ByteTokenizer)
    assert "2 heads of 64 neurons" in capsys.readouterr().out


def test_different_tokenizers_are_refused(make_model: ModelMaker, tmp_path: Path) -> None:
    first = _save(tmp_path / "first", make_model(0, vocab_size=256))
    bpe = BPETokenizer.train(["b a c"], vocab_size=256)
    second = checkpoint.save(tmp_path / "second", make_model(1, vocab_size=256), bpe)
    (second / "tokenizer.json").write_text((second / "tokenizer.json").read_text().replace(" ", "  "), encoding="utf-8")
    with pytest.raises(MergeError, match="different tokenizers"):
        merge_folders(first, second, tmp_path / "both")
