"""Documents packed into rows equal documents read one by one, in every mode and variant, forward and gradients."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from bdh import fused
from bdh.backends import MODES, Mode
from bdh.errors import ConfigError
from bdh.model import BDH, IGNORED
from bdh.neuro.config import NeuroConfig
from bdh.neuro.model import BDHNeuro, LanguageModel
from bdh.training.data import RandomWindows
from bdh.training.distributed import World
from bdh.training.trainer import TrainConfig, Trainer

ModelMaker = Callable[..., BDH]
DAMPINGS: dict[str, dict[str, Any]] = {
    "published": {},
    "damped": {"decay": (0.6, 1.0)},
    "learned": {"decay": (0.8, 0.99), "learn_decay": True},
}


def _tokens(batch: int, length: int, seed: int = 0) -> Tensor:
    return torch.randint(0, 48, (batch, length), generator=torch.Generator().manual_seed(seed))


def _pack(lengths: list[int], batch: int) -> Tensor:
    ids = torch.repeat_interleave(torch.arange(len(lengths)), torch.tensor(lengths))
    return ids.expand(batch, len(ids))


def _targets(tokens: Tensor, documents: Tensor) -> Tensor:
    """Return the next token of the same document."""
    targets = torch.full_like(tokens, IGNORED)
    targets[:, :-1] = tokens[:, 1:].masked_fill(documents[:, 1:] != documents[:, :-1], IGNORED)
    return targets


def _read_each(model: LanguageModel, tokens: Tensor, lengths: list[int], mode: Mode) -> tuple[Tensor, Tensor, Tensor]:
    """Return logits, summed loss and last memory of documents read one by one, each from an empty memory."""
    logits, nats, start, state = [], tokens.new_zeros((), dtype=torch.float32), 0, None
    for length in lengths:
        own = tokens[:, start : start + length]
        targets = _targets(own, torch.zeros_like(own))
        output = model(own, targets, state, mode)
        logits.append(output.logits)
        if length > 1:
            nats = nats + output.loss * (targets != IGNORED).sum()
        assert output.state is not None
        state, start = output.state.reset(torch.ones(len(tokens), dtype=torch.bool)), start + length
    return torch.cat(logits, dim=1), nats, next(iter(output.state.tensors().values()))


def _read_packed(model: LanguageModel, tokens: Tensor, lengths: list[int], mode: Mode) -> tuple[Tensor, Tensor, Tensor]:
    documents = _pack(lengths, len(tokens))
    targets = _targets(tokens, documents)
    output = model(tokens, targets, mode=mode, documents=documents)
    count = (targets != IGNORED).sum()
    assert output.state is not None
    nats = output.loss * count if count else tokens.new_zeros((), dtype=torch.float32)
    return output.logits, nats, next(iter(output.state.tensors().values()))


def _close(found: Tensor, expected: Tensor, tolerance: float = 1e-4) -> bool:
    return bool((found - expected).abs().max() <= tolerance * (1.0 + float(expected.abs().max())))


def _compare(model: LanguageModel, lengths: list[int], mode: Mode) -> None:
    tokens, results = _tokens(2, sum(lengths)), []
    for read in (_read_packed, _read_each):
        model.zero_grad()
        logits, nats, memory = read(model, tokens, lengths, mode)
        (nats + (memory * torch.linspace(-1, 1, memory.shape[-1])).sum()).backward()
        grads = [weight.grad.clone() for weight in model.parameters() if weight.grad is not None]
        results.append([logits.detach(), nats.detach(), *grads])
    assert len(results[0]) == len(results[1])
    for found, expected in zip(*results, strict=True):
        assert _close(found, expected)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("damping", DAMPINGS)
@given(lengths=st.lists(st.integers(1, 9), min_size=1, max_size=4), chunk=st.integers(1, 12))
@settings(max_examples=8)
def test_packed_documents_equal_documents_read_one_by_one(
    make_model: ModelMaker, mode: Mode, damping: str, lengths: list[int], chunk: int
) -> None:
    _compare(make_model(dropout=0.0, chunk_size=chunk, **DAMPINGS[damping]).train(), lengths, mode)


@given(lengths=st.lists(st.integers(1, 9), min_size=1, max_size=4))
@settings(max_examples=8)
def test_fused_layers_read_packed_documents_one_by_one(make_model: ModelMaker, lengths: list[int]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fused, "applies", lambda *_, **__: True)
        _compare(make_model(dropout=0.0, decay=(0.6, 1.0)).train(), lengths, "parallel")


@given(lengths=st.lists(st.integers(1, 6), min_size=1, max_size=3))
@settings(max_examples=6)
def test_neuro_variant_reads_packed_documents_one_by_one(lengths: list[int]) -> None:
    torch.manual_seed(0)
    model = BDHNeuro(NeuroConfig(n=16, d=8, vocab_size=48, spike_rate=0.0, rope=True))
    _compare(model, lengths, "parallel")


@pytest.mark.parametrize("length", [40, 1500])
def test_long_rows_without_gradients_equal_documents_read_one_by_one(make_model: ModelMaker, length: int) -> None:
    model, lengths = make_model(decay=(0.9, 1.0), chunk_size=16), [length // 3, length // 2, 7]
    tokens = _tokens(1, sum(lengths))
    with torch.inference_mode():
        found, expected = (read(model, tokens, lengths, "chunkwise") for read in (_read_packed, _read_each))
    assert _close(found[0], expected[0]) and _close(found[2], expected[2])


@given(lengths=st.lists(st.integers(1, 6), min_size=1, max_size=3), pad=st.integers(1, 6), seed=st.integers(0, 9))
@settings(max_examples=15)
def test_padding_after_a_document_changes_no_gradient(
    make_model: ModelMaker, lengths: list[int], pad: int, seed: int
) -> None:
    model, grads = make_model(dropout=0.0, decay=(0.6, 0.9)).train(), []
    tokens = torch.cat([_tokens(2, sum(lengths)), _tokens(2, pad, seed + 1)], dim=1)
    documents = torch.cat([_pack(lengths, 2), torch.full((2, pad), 99)], dim=1)
    targets = _targets(tokens, documents)
    targets[:, -pad:] = IGNORED
    for cut in (sum(lengths), sum(lengths) + pad):
        model.zero_grad()
        output = model(tokens[:, :cut], targets[:, :cut], documents=documents[:, :cut], keep_state=False)
        output.logits[:, : sum(lengths)].square().sum().backward()
        grads.append([weight.grad.clone() for weight in model.parameters() if weight.grad is not None])
    assert all(_close(found, expected, 1e-5) for found, expected in zip(*grads, strict=True))


def test_first_document_continues_the_state_and_the_last_is_in_the_state_after(make_model: ModelMaker) -> None:
    model, first, second = make_model(decay=(0.6, 1.0)), _tokens(1, 9), _tokens(1, 12, 1)
    with torch.inference_mode():
        earlier = model(first).state
        found = model(second, state=earlier, documents=torch.tensor([[4] * 5 + [7] * 7]))
        begun, last = model(second[:, :5], state=earlier), model(second[:, 5:])
        more = [model(_tokens(1, 4, 2), state=output.state).logits for output in (found, last)]
    assert _close(found.logits, torch.cat([begun.logits, last.logits], dim=1)) and _close(more[0], more[1])


@pytest.mark.parametrize("documents", [torch.zeros(1, 5, dtype=torch.int64), torch.zeros(1, 4)])
@pytest.mark.wrong_shapes
def test_wrong_documents_are_a_clear_error(make_model: ModelMaker, documents: Tensor) -> None:
    with pytest.raises(ConfigError, match="an integer id for each token"):
        make_model()(_tokens(1, 4), documents=documents)


DOCUMENTS = [np.arange(length, dtype=np.int32) + start for start, length in ((0, 13), (100, 7), (200, 21))]


def test_windows_name_the_document_of_each_token() -> None:
    common: dict[str, Any] = {"batch_size": 40, "seq_len": 9, "seed": 0}
    split, joined = RandomWindows(DOCUMENTS, split_documents=True, **common), RandomWindows(DOCUMENTS, **common)
    batch, plain = split.next(), joined.next()
    assert plain.documents is None and batch.documents is not None
    assert torch.equal(batch.tokens, plain.tokens) and torch.equal(batch.documents, batch.tokens // 100)
    crossing = batch.tokens // 100 != plain.targets // 100
    assert 0 < int(crossing.sum()) < crossing.numel()
    assert torch.equal(batch.targets, plain.targets.masked_fill(crossing, IGNORED))


def _trainer(model: BDH, *, split: bool) -> Trainer:
    config = TrainConfig(max_iters=3, batch_size=4, seq_len=12, split_documents=split)
    documents = [document % 48 for document in DOCUMENTS]
    shared: dict[str, Any] = {"batch_size": 4, "seq_len": 12, "seed": config.seed}
    batches = RandomWindows(documents, split_documents=split, **shared)
    return Trainer(model, batches, config, World(0, 1, torch.device("cpu")))


def test_training_splits_documents_only_when_asked(make_model: ModelMaker) -> None:
    losses = []
    for split in (False, True):
        trainer = _trainer(make_model(dropout=0.0).train(), split=split)
        losses.append([float(trainer.take_step()[0]) for _ in range(3)])
    assert losses[0] != losses[1] and all(np.isfinite(losses[1]))


def test_carried_training_refuses_to_split_documents() -> None:
    with pytest.raises(ConfigError, match="carry_state already reads each document by itself"):
        TrainConfig(carry_state=True, split_documents=True)
