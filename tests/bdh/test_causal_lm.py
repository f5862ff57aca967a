"""A BDH model inside Transformers computes, generates and saves as the library does."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from bdh import checkpoint
from bdh.config import BDHConfig
from bdh.errors import ConfigError, StateError
from bdh.generation import generate
from bdh.model import BDH
from bdh.neuro.config import NeuroConfig
from bdh.neuro.model import BDHNeuro
from bdh.tokenizer import BPETokenizer, ByteTokenizer
from tests.bdh.conftest import ModelMaker

pytest.importorskip("transformers")
from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer

from bdh.causal_lm import BDHForCausalLM, BDHPretrainedConfig, StateCache, wrap_tokenizer

TEXT = "Né in a storm,\n the  dragon hatched — twice."


@pytest.fixture(scope="module")
def model(make_model: ModelMaker) -> BDH:
    made = make_model(vocab_size=256, decay=(0.9, 0.99))
    made.attn.freqs.mul_(1.25)  # the buffer of a checkpoint, not the formula, defines its frequencies
    return made


@pytest.fixture(scope="module")
def folder(model: BDH, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return checkpoint.save(tmp_path_factory.mktemp("model"), model, ByteTokenizer())


@pytest.fixture(scope="module")
def wrapped(folder: Path) -> Any:
    return _load(folder)


@pytest.fixture(scope="module")
def prompt() -> torch.Tensor:
    return torch.tensor([ByteTokenizer().encode(TEXT)])


def _decay(model: BDH) -> torch.Tensor:
    decay = model.attn.decay()
    assert decay is not None
    return decay


def _load(folder: Path, **wishes: Any) -> Any:
    return AutoModelForCausalLM.from_pretrained(folder, **wishes)


def _equal(first: BDH, second: BDH) -> bool:
    return all(torch.equal(value, second.state_dict()[name]) for name, value in first.state_dict().items())


def test_model_folder_loads_in_float32(folder: Path, model: BDH) -> None:
    loaded, info = _load(folder, output_loading_info=True)
    assert not any(info.values())
    assert isinstance(loaded, BDHForCausalLM) and not loaded.training and loaded.dtype == torch.float32
    assert _equal(model, loaded.model)
    assert torch.equal(loaded.model.attn.decay(), _decay(model))


def test_config_has_the_names_that_transformers_uses(folder: Path, model: BDH) -> None:
    config = AutoConfig.from_pretrained(folder)
    assert (config.hidden_size, config.num_hidden_layers, config.num_attention_heads) == (16, 2, 2)
    assert config.to_bdh() == model.config


def test_learned_damping_is_saved(make_model: ModelMaker, tmp_path: Path) -> None:
    model = make_model(vocab_size=256, decay=(0.9, 0.99998), learn_decay=True)
    checkpoint.save(tmp_path, model, ByteTokenizer(), dtype=torch.bfloat16)
    loaded = _load(tmp_path)
    assert torch.equal(loaded.model.attn.decay(), _decay(model))


def test_bfloat16_weights_keep_exact_frequencies(folder: Path, model: BDH) -> None:
    loaded = _load(folder, dtype=torch.bfloat16)
    assert loaded.model.encoder.dtype == torch.bfloat16
    assert torch.equal(loaded.model.attn.freqs, model.attn.freqs)
    assert torch.equal(loaded.to(torch.float16).model.attn.freqs, model.attn.freqs)


def test_shards_load(model: BDH, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checkpoint, "_SHARD_BYTES", 10_000)
    checkpoint.save(tmp_path, model, ByteTokenizer())
    assert len(list(tmp_path.glob("model-*.safetensors"))) > 1
    assert _equal(model, _load(tmp_path).model)


@pytest.mark.parametrize("shard", ["50GB", "10KB"])
def test_saved_folder_is_a_model_folder(wrapped: Any, model: BDH, tmp_path: Path, shard: str) -> None:
    wrapped.save_pretrained(tmp_path, max_shard_size=shard)
    loaded, tokenizer = checkpoint.load_bdh(tmp_path)
    assert _equal(model, loaded) and loaded.config == model.config and isinstance(tokenizer, ByteTokenizer)


def test_new_model_is_saved_with_its_tokenizer(tmp_path: Path) -> None:
    config = BDHPretrainedConfig(n_layer=1, n_embd=16, n_head=2, mlp_internal_dim_multiplier=4)
    BDHForCausalLM(config).save_pretrained(tmp_path)
    wrap_tokenizer(ByteTokenizer()).save_pretrained(tmp_path)
    loaded, tokenizer = checkpoint.load_bdh(tmp_path)
    assert loaded.encoder.std().item() == pytest.approx(0.02, rel=0.1) and isinstance(tokenizer, ByteTokenizer)


def test_model_in_memory_is_copied_into_the_wrapper(model: BDH, prompt: torch.Tensor) -> None:
    copy = BDHForCausalLM.from_bdh(model)
    assert _equal(model, copy.model) and not copy.training
    assert copy.model.encoder.data_ptr() != model.encoder.data_ptr()


def test_logits_and_loss_are_those_of_the_library(wrapped: Any, model: BDH, prompt: torch.Tensor) -> None:
    with torch.inference_mode():
        ours = model(prompt[:, :-1], prompt[:, 1:])
        theirs = wrapped(prompt, labels=prompt)
    assert torch.equal(theirs.logits[:, :-1], ours.logits)
    assert theirs.loss.item() == pytest.approx(ours.loss.item(), abs=1e-6)


def test_logits_to_keep_are_the_last_ones(wrapped: Any, prompt: torch.Tensor) -> None:
    with torch.inference_mode():
        assert (wrapped(prompt, logits_to_keep=3).logits - wrapped(prompt).logits[:, -3:]).abs().max() < 1e-5
        assert wrapped(prompt, return_dict=False)[0].shape == (1, prompt.shape[1], 256)


def test_greedy_generation_equals_that_of_the_library(wrapped: Any, model: BDH, prompt: torch.Tensor) -> None:
    theirs = wrapped.generate(prompt, max_new_tokens=40, do_sample=False)[0, prompt.shape[1] :]
    assert theirs.tolist() == list(generate(model, prompt[0].tolist(), max_new_tokens=40, temperature=0))


def test_sampling_with_a_seed_equals_that_of_the_library(wrapped: Any, model: BDH, prompt: torch.Tensor) -> None:
    torch.manual_seed(11)
    flags: dict[str, Any] = {"max_new_tokens": 40, "temperature": 0.8, "top_k": 20}
    theirs = wrapped.generate(prompt, do_sample=True, **flags)[0, prompt.shape[1] :]
    assert theirs.tolist() == list(generate(model, prompt[0].tolist(), seed=11, **flags))


def test_sampling_scores_equal_those_of_the_library(wrapped: Any, model: BDH, prompt: torch.Tensor) -> None:
    torch.manual_seed(3)
    keep = {"return_dict_in_generate": True, "output_logits": True}
    made = wrapped.generate(prompt, do_sample=True, max_new_tokens=12, **keep)
    with torch.inference_mode():
        whole = model(made.sequences[:, :-1]).logits[0, -12:]
    assert (torch.cat(made.logits) - whole).abs().max() < 1e-4


def test_generation_continues_a_state(wrapped: Any, prompt: torch.Tensor) -> None:
    whole = wrapped.generate(prompt, max_new_tokens=12, do_sample=False)
    cache = StateCache()
    with torch.inference_mode():
        wrapped(prompt[:, :-5], past_key_values=cache)
    assert cache.get_seq_length() == prompt.shape[1] - 5
    assert torch.equal(wrapped.generate(prompt, past_key_values=cache, max_new_tokens=12, do_sample=False), whole)


def test_beams_have_their_own_states(wrapped: Any, prompt: torch.Tensor) -> None:
    flags = {"max_new_tokens": 8, "num_beams": 3, "do_sample": False}
    with_memory = wrapped.generate(prompt, **flags)
    assert torch.equal(with_memory, wrapped.generate(prompt, use_cache=False, **flags))


def test_long_prompts_are_read_in_segments(wrapped: Any, prompt: torch.Tensor, monkeypatch: pytest.MonkeyPatch) -> None:
    with torch.inference_mode():
        whole = wrapped(prompt).logits
        monkeypatch.setattr("bdh.prefill._SEGMENT", 7)
        for keep in (True, False):
            assert (wrapped(prompt, use_cache=keep).logits - whole).abs().max() < 1e-4
    generated = wrapped.generate(prompt, max_new_tokens=5, do_sample=False)
    monkeypatch.undo()
    assert torch.equal(generated, wrapped.generate(prompt, max_new_tokens=5, do_sample=False))


def test_saving_can_push_as_well(wrapped: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[tuple[object, dict[str, object]]] = []
    monkeypatch.setattr("bdh.hub.push_to_hub", lambda folder, **wishes: sent.append((folder, wishes)))
    wrapped.save_pretrained(tmp_path / "dragon", push_to_hub=True, commit_message="First", private=True)
    wishes = {"repo_id": "dragon", "message": "First", "private": True}
    assert sent == [(tmp_path / "dragon", wishes)] and (tmp_path / "dragon" / "tokenizer.json").is_file()


def test_state_cannot_be_cropped(prompt: torch.Tensor) -> None:
    with pytest.raises(StateError, match="fork"):
        StateCache().crop(1)


@settings(max_examples=15)
@given(lengths=st.lists(st.integers(1, 9), min_size=1, max_size=4), new=st.integers(1, 5))
def test_rows_padded_on_the_left_generate_as_if_alone(wrapped: Any, lengths: list[int], new: int) -> None:
    rows = [torch.randint(1, 256, (length,), generator=torch.Generator().manual_seed(length)) for length in lengths]
    width = max(lengths)
    batch = torch.stack([torch.nn.functional.pad(row, (width - len(row), 0)) for row in rows])
    mask = torch.stack([torch.arange(width) >= width - len(row) for row in rows]).long()
    flags = {"max_new_tokens": new, "do_sample": False, "pad_token_id": 0}
    together = wrapped.generate(batch, attention_mask=mask, **flags)[:, width:]
    for row, made in zip(rows, together, strict=True):
        assert torch.equal(wrapped.generate(row[None], **flags)[0, len(row) :], made)


@settings(max_examples=15)
@given(data=st.data(), width=st.integers(2, 9), rows=st.integers(1, 4))
def test_hidden_tokens_change_neither_logits_nor_state(wrapped: Any, data: Any, width: int, rows: int) -> None:
    row = st.lists(st.booleans(), min_size=width, max_size=width).filter(any)
    mask = torch.tensor(data.draw(st.lists(row, min_size=rows, max_size=rows)))
    tokens = torch.randint(1, 256, (rows, width), generator=torch.Generator().manual_seed(width))
    other = tokens.masked_fill(~mask, 0)
    following = torch.full((rows, 1), 65)
    with torch.inference_mode():
        read = wrapped(tokens, attention_mask=mask.long())
        again = wrapped(other, attention_mask=mask.long()).logits
        more = wrapped(following, past_key_values=read.past_key_values).logits
        assert torch.equal(read.logits, again)
        for number in range(rows):
            alone = wrapped(torch.cat([tokens[number][mask[number]], following[0]])[None]).logits[0]
            assert (read.logits[number][mask[number]] - alone[:-1]).abs().max() < 1e-4
            assert (read.logits[number, -1] - alone[-2]).abs().max() < 1e-4, "the prediction after the last token read"
            assert (more[number, -1] - alone[-1]).abs().max() < 1e-4


def test_rows_padded_on_the_right_are_scored_without_a_cache(wrapped: Any) -> None:
    tokens = torch.tensor([[72, 105, 0, 0], [72, 105, 33, 33]])
    mask = torch.tensor([[1, 1, 0, 0], [1, 1, 1, 1]])
    with torch.inference_mode():
        output = wrapped(input_ids=tokens, attention_mask=mask, labels=tokens.masked_fill(mask == 0, -100))
        alone = wrapped(tokens[:1, :2], labels=tokens[:1, :2]).loss, wrapped(tokens[1:], labels=tokens[1:]).loss
    assert output.past_key_values is None
    assert output.loss.item() == pytest.approx((alone[0] + 3 * alone[1]).item() / 4, abs=1e-5)


def test_unknown_argument_is_refused_by_name(wrapped: Any, prompt: torch.Tensor) -> None:
    with pytest.raises(TypeError, match="attention_maks"):
        wrapped(input_ids=prompt, attention_maks=torch.ones_like(prompt))


@pytest.mark.parametrize("shape", [(1, 0), (0, 3), (4,)])
def test_input_without_tokens_is_refused_in_one_line(wrapped: Any, shape: tuple[int, ...]) -> None:
    for call in (wrapped, wrapped.generate)[: len(shape)]:  # one row without a batch never reaches the model
        with pytest.raises(ConfigError, match="at least one token") as caught:
            call(torch.ones(shape, dtype=torch.long))
        assert "\n" not in str(caught.value)


def test_tokens_or_embeddings_must_be_given_and_not_both(wrapped: Any, prompt: torch.Tensor) -> None:
    with pytest.raises(ConfigError, match="neither"):
        wrapped()
    with pytest.raises(ConfigError, match="both"):
        wrapped(prompt, inputs_embeds=wrapped.get_input_embeddings()(prompt))


def test_mask_of_another_shape_is_refused(wrapped: Any, prompt: torch.Tensor) -> None:
    for mask in (torch.ones(1, 3), torch.ones(2, prompt.shape[1]), torch.ones(1, 1, 4, 4)):
        with pytest.raises(ConfigError, match="attention_mask has shape"):
            wrapped(prompt, attention_mask=mask)


def test_embeddings_give_what_their_tokens_give(wrapped: Any, prompt: torch.Tensor) -> None:
    embedded = wrapped.get_input_embeddings()(prompt)
    with torch.inference_mode():
        assert torch.equal(wrapped(inputs_embeds=embedded).logits, wrapped(prompt).logits)
    made = wrapped.generate(inputs_embeds=embedded, max_new_tokens=6, do_sample=False)
    assert torch.equal(made, wrapped.generate(prompt, max_new_tokens=6, do_sample=False)[:, prompt.shape[1] :])


def test_hidden_states_are_the_input_of_each_layer_and_the_last_output(wrapped: Any, prompt: torch.Tensor) -> None:
    mask = torch.ones_like(prompt)
    mask[:, 0] = 0
    with torch.inference_mode():
        hidden = wrapped(prompt, output_hidden_states=True).hidden_states
        last = wrapped.model(prompt).hidden
        shorter = wrapped(prompt, attention_mask=mask, output_hidden_states=True).hidden_states
        alone = wrapped(prompt[:, 1:], output_hidden_states=True).hidden_states
    assert len(hidden) == wrapped.config.num_hidden_layers + 1
    assert torch.equal(hidden[0], wrapped.model.embedded(prompt)) and torch.equal(hidden[-1], last)
    assert all((one[:, 1:] - other).abs().max() < 1e-4 for one, other in zip(shorter, alone, strict=True))


def test_hidden_states_of_a_long_prompt_are_whole(
    wrapped: Any, prompt: torch.Tensor, monkeypatch: pytest.MonkeyPatch
) -> None:
    with torch.inference_mode():
        whole = wrapped(prompt, output_hidden_states=True, logits_to_keep=2)
        monkeypatch.setattr("bdh.prefill._SEGMENT", 7)
        parts = wrapped(prompt, output_hidden_states=True, logits_to_keep=2)
    assert parts.logits.shape == whole.logits.shape == (1, 2, 256)
    pairs = zip((parts.logits, *parts.hidden_states), (whole.logits, *whole.hidden_states), strict=True)
    assert all((one - other).abs().max() < 1e-4 for one, other in pairs)


@pytest.mark.parametrize("size", [260, 200])
def test_vocabulary_can_be_resized(wrapped: Any, prompt: torch.Tensor, tmp_path: Path, size: int) -> None:
    copy = BDHForCausalLM.from_bdh(wrapped.model)
    embeddings = copy.resize_token_embeddings(size)
    assert embeddings is copy.get_input_embeddings() and embeddings.num_embeddings == size
    tokens, kept = prompt[prompt < 200][None], min(size, 256)
    with torch.inference_mode():
        assert torch.equal(copy(tokens).logits[..., :kept], wrapped(tokens).logits[..., :kept])
        assert copy(tokens, labels=tokens).logits.shape[-1] == size
    copy.save_pretrained(tmp_path)
    assert _load(tmp_path).config.vocab_size == size


def test_embeddings_can_be_replaced(wrapped: Any, prompt: torch.Tensor) -> None:
    copy = BDHForCausalLM.from_bdh(wrapped.model)
    other = torch.nn.Embedding(256, 16)
    copy.set_input_embeddings(other)
    assert copy.get_input_embeddings() is other and copy.model.embed is other


def test_padding_after_a_state_is_refused(wrapped: Any, prompt: torch.Tensor) -> None:
    cache = StateCache()
    with torch.inference_mode():
        wrapped(prompt, past_key_values=cache)
        with pytest.raises(StateError, match="pad only rows without a state"):
            wrapped(prompt[:, :2], attention_mask=torch.tensor([[0, 1]]), past_key_values=cache)


def test_row_of_padding_alone_is_refused(wrapped: Any) -> None:
    with pytest.raises(ConfigError, match="whole row"):
        wrapped(torch.ones(2, 3, dtype=torch.long), attention_mask=torch.tensor([[1, 1, 1], [0, 0, 0]]))


def test_training_step_reaches_every_weight(wrapped: Any, prompt: torch.Tensor) -> None:
    copy = BDHForCausalLM.from_bdh(wrapped.model).train()
    output = copy(prompt, labels=prompt)
    output.loss.backward()
    assert output.past_key_values is None
    assert all(weight.grad is not None and weight.grad.abs().sum() > 0 for weight in copy.parameters())


def test_byte_tokenizer_is_the_same_inside_transformers(folder: Path) -> None:
    tokenizer = AutoTokenizer.from_pretrained(folder)
    assert tokenizer(TEXT)["input_ids"] == ByteTokenizer().encode(TEXT)
    assert tokenizer.decode(tokenizer(TEXT)["input_ids"]) == TEXT


def test_bpe_tokenizer_is_the_same_inside_transformers(model: BDH, make_model: ModelMaker, tmp_path: Path) -> None:
    tokenizer = BPETokenizer.train([TEXT * 3], vocab_size=280)
    checkpoint.save(tmp_path, make_model(vocab_size=280), tokenizer)
    for theirs in (AutoTokenizer.from_pretrained(tmp_path), wrap_tokenizer(tokenizer)):
        assert theirs(TEXT)["input_ids"] == tokenizer.encode(TEXT)
        assert theirs.decode(tokenizer.encode(TEXT)) == TEXT


def test_neuro_variant_is_refused_with_a_reason(tmp_path: Path) -> None:
    checkpoint.save(tmp_path, BDHNeuro(NeuroConfig(n=8, d=4)), ByteTokenizer())
    with pytest.raises(ValueError, match="bdh-neuro"):
        _load(tmp_path)
    with pytest.raises(ConfigError, match="variant is 'neuro'"):
        BDHForCausalLM(BDHPretrainedConfig(variant="neuro"))


def test_sizes_are_checked_inside_transformers() -> None:
    with pytest.raises(ConfigError, match="even integer"):
        BDHForCausalLM(BDHPretrainedConfig(n_embd=16, n_head=3))
    assert BDHPretrainedConfig().to_bdh() == BDHConfig()
