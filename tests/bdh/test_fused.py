"""The fused trunk against the plain one, through the whole model, with the plain kernels."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from bdh import fused
from bdh.model import BDH, BDHOutput
from bdh.state import BDHState

ModelMaker = Callable[..., BDH]
DAMPINGS: dict[str, dict[str, Any]] = {"published": {}, "damped": {"decay": (0.9, 1.0)}}


@pytest.fixture
def always_fused(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[tuple[int, bool]]]:
    """Use the fused trunk wherever its equations allow it, in short chunks; yield the calls (length, chunkwise)."""
    asked: list[tuple[int, bool]] = []

    def applies(sizes: fused.Workload, length: int, *, chunkwise: bool, gradients: bool, learned_decay: bool) -> bool:
        asked.append((length, chunkwise))
        count = fused.count_chunks(length, chunkwise=chunkwise)
        return count > 0 and not (gradients and (chunkwise or learned_decay))

    monkeypatch.setattr(fused, "applies", applies)
    monkeypatch.setattr(fused, "CHUNK", 4)
    monkeypatch.setattr(fused, "SEGMENT", 12)
    yield asked


def _tokens(batch: int, length: int, seed: int = 0) -> Tensor:
    return torch.randint(0, 48, (batch, length), generator=torch.Generator().manual_seed(seed))


def _documents(batch: int, length: int) -> Tensor:
    """Return ids that change at random places, other ones in each row."""
    return (torch.rand(batch, length, generator=torch.Generator().manual_seed(3)) < 0.2).long().cumsum(1)


def _state(output: BDHOutput) -> BDHState:
    assert isinstance(output.state, BDHState)
    return output.state


def _close(found: Tensor, expected: Tensor) -> bool:
    return bool((found - expected).abs().max() <= 1e-4 * (1.0 + float(expected.abs().max())))


@pytest.mark.parametrize("damping", DAMPINGS)
@pytest.mark.parametrize("length", [1, 3, 4, 12, 13, 31, 36])
@pytest.mark.parametrize("packed", [False, True])
@torch.inference_mode()
def test_long_texts_in_fused_chunks_equal_the_plain_ones(
    make_model: ModelMaker, always_fused: list[tuple[int, bool]], damping: str, length: int, packed: bool
) -> None:
    model, tokens = make_model(**DAMPINGS[damping]), _tokens(2, length)
    documents = _documents(2, length) if packed else None
    earlier = _state(model(_tokens(2, 7, 1), mode="recurrent"))
    expected = model(tokens, state=earlier, mode="recurrent", documents=documents)
    found = model(tokens, state=earlier, mode="chunkwise", documents=documents)
    assert _close(found.logits, expected.logits) and _close(_state(found).memory, _state(expected).memory)
    assert _state(found).position == 7 + length and model(tokens, mode="chunkwise", keep_state=False).state is None
    assert (4 in [asked for asked, _ in always_fused] or 12 in [asked for asked, _ in always_fused]) == (length >= 4)


@given(length=st.integers(13, 40), every=st.integers(1, 5))
@settings(max_examples=15)
def test_activity_over_segments_is_that_of_the_whole_text(make_model: ModelMaker, length: int, every: int) -> None:
    model, tokens, before = make_model(), _tokens(1, length), fused.SEGMENT
    try:
        fused.SEGMENT = 12
        with torch.inference_mode():
            segments = model(tokens, mode="chunkwise", measure_every=every).activity
            whole = model(tokens, mode="parallel", measure_every=every).activity
    finally:
        fused.SEGMENT = before
    assert segments is not None and whole is not None and torch.allclose(segments, whole, atol=1e-6)


@pytest.mark.parametrize("damping", DAMPINGS)
@pytest.mark.parametrize("packed", [False, True])
def test_fused_training_has_the_gradients_of_the_plain_one(
    make_model: ModelMaker, monkeypatch: pytest.MonkeyPatch, damping: str, packed: bool
) -> None:
    model = make_model(dropout=0.0, **DAMPINGS[damping]).train()
    first, second = _tokens(2, 9), _tokens(2, 11, 1)

    def gradients(fuses: bool) -> list[Tensor]:
        monkeypatch.setattr(fused, "applies", lambda *_, **__: fuses)
        model.zero_grad()
        earlier = _state(model(first, mode="parallel"))  # not cut off: gradients go through the memory too
        documents = _documents(2, 11) if packed else None
        output = model(second, _tokens(2, 11, 2), earlier, "parallel", measure_every=2, documents=documents)
        assert output.loss is not None and output.activity is not None
        output.loss.backward()
        grads = [weight.grad.clone() for weight in model.parameters() if weight.grad is not None]
        return [*grads, output.activity, output.loss.detach(), _state(output).memory.detach()]

    for mine, true in zip(gradients(True), gradients(False), strict=True):
        assert _close(mine, true)


def test_fused_kernels_apply_only_where_they_can() -> None:
    gpu, cpu = torch.device("cuda"), torch.device("cpu")
    asked = {"chunkwise": False, "gradients": True, "learned_decay": False}
    assert not fused.applies(fused.Workload(torch.bfloat16, cpu, 256, 8192), 512, **asked)
    assert not fused.applies(fused.Workload(torch.float32, gpu, 256, 8192), 512, **asked)
    assert not fused.applies(fused.Workload(torch.bfloat16, gpu, 256, 8192), 512, **{**asked, "learned_decay": True})
    assert not fused.applies(fused.Workload(torch.bfloat16, gpu, 256, 8192), 512, **{**asked, "chunkwise": True})
    assert fused.count_chunks(3 * fused.CHUNK, chunkwise=True) == 3
    assert fused.count_chunks(3 * fused.CHUNK + 1, chunkwise=True) == 0
