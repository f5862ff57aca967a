"""The reference model of the benchmarks gives the official logits, and the same gradients as BDH."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from bdh.config import BDHConfig
from bdh.model import BDH
from benchmarks.reference import Reference

FIXTURE = Path(__file__).parents[1] / "fixtures" / "official_tiny.safetensors"
CONFIG = BDHConfig(n_layer=3, n_embd=32, n_head=4, mlp_internal_dim_multiplier=16, vocab_size=256, dropout=0.0)


@pytest.fixture(scope="module")
def official() -> dict[str, torch.Tensor]:
    return load_file(str(FIXTURE))


@pytest.fixture(scope="module")
def reference(official: dict[str, torch.Tensor]) -> Reference:
    model = Reference(CONFIG)
    weights = {name.removeprefix("weights."): value for name, value in official.items() if name.startswith("weights.")}
    model.load_state_dict(weights, strict=True)
    return model.eval()


def test_reference_gives_the_official_logits_and_loss(reference: Reference, official: dict[str, torch.Tensor]) -> None:
    with torch.inference_mode():
        logits, loss = reference(official["short.tokens"].long(), official["short.targets"].long())
        long, _ = reference(official["long.tokens"].long())
    assert (logits - official["short.logits"]).abs().max() < 1e-4
    assert loss is not None and abs(loss.item() - official["short.loss"].item()) < 1e-5
    assert (long[:, ::25] - official["long.logits"]).abs().max() < 1e-4


def test_reference_and_bdh_learn_the_same(reference: Reference, official: dict[str, torch.Tensor]) -> None:
    ours = BDH(CONFIG)
    ours.load_state_dict(reference.state_dict(), strict=True)
    tokens, targets = official["short.tokens"].long(), official["short.targets"].long()
    _, loss = reference(tokens, targets)
    output = ours(tokens, targets, mode="parallel", keep_state=False)
    assert loss is not None and output.loss is not None
    theirs = torch.autograd.grad(loss, list(reference.parameters()))
    mine = torch.autograd.grad(output.loss, [dict(ours.named_parameters())[n] for n, _ in reference.named_parameters()])
    for (name, _), a, b in zip(reference.named_parameters(), theirs, mine, strict=True):
        assert (a - b).abs().max() < 1e-4 * max(1.0, float(a.abs().max())), name


def test_reference_has_dropout_only_in_training(official: dict[str, torch.Tensor]) -> None:
    model = Reference(BDHConfig(n_layer=2, n_embd=16, n_head=2, mlp_internal_dim_multiplier=4, dropout=0.5))
    tokens = official["short.tokens"].long()
    with torch.inference_mode():
        assert torch.equal(model.eval()(tokens)[0], model(tokens)[0])
        assert not torch.equal(model.train()(tokens)[0], model(tokens)[0])
