"""Rows of which tokens are hidden: with damping, no hidden step changes a state, wherever it stands."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from bdh.prefill import Wanted, prefill_masked
from tests.bdh.conftest import ModelMaker

DAMPINGS = [None, (0.4, 0.95), (0.7, 1.0)]


def _tokens(batch: int, length: int, seed: int = 0) -> Tensor:
    return torch.randint(0, 48, (batch, length), generator=torch.Generator().manual_seed(seed))


def _close(found: Tensor, expected: Tensor) -> bool:
    return bool((found - expected).abs().max() <= 1e-4 * (1.0 + float(expected.abs().max())))


@pytest.mark.parametrize("decay", DAMPINGS)
@given(data=st.data(), width=st.integers(1, 12), rows=st.integers(1, 3))
@settings(max_examples=25)
def test_hidden_steps_change_no_state(
    make_model: ModelMaker, decay: tuple[float, ...] | None, data: Any, width: int, rows: int
) -> None:
    model = make_model(decay=decay)
    row = st.lists(st.booleans(), min_size=width, max_size=width).filter(any)
    mask = torch.tensor(data.draw(st.lists(row, min_size=rows, max_size=rows)))
    tokens, following = _tokens(rows, width), _tokens(rows, 5, 1)
    with torch.inference_mode():
        read = prefill_masked(model, tokens, mask.long(), Wanted(state=True), model.config)
        assert read.state is not None
        more = model(following, state=read.state)
        for number in range(rows):
            own = tokens[number][mask[number]][None]
            alone = model(own, state=replace(model.empty_state(), position=width - own.shape[1]))
            assert _close(read.state.memory[:, number : number + 1], alone.state.memory)
            assert _close(more.logits[number], model(following[number : number + 1], state=alone.state).logits[0])
            assert _close(read.logits[number][mask[number]], alone.logits[0])
