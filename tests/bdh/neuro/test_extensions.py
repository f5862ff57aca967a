"""Each extension of the neuro variant has its effect."""

import math
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from bdh.neuro import extensions
from bdh.neuro.config import NeuroConfig
from bdh.neuro.model import BDHNeuro, Trace
from bdh.neuro.state import NeuroState, Surprise

V, N, D = 7, 24, 8
seeds = st.integers(0, 2**31 - 1)
unit = st.floats(0.0, 1.0)


def make(config: NeuroConfig, seed: int = 0) -> BDHNeuro:
    torch.manual_seed(seed)
    return BDHNeuro(config).eval()


def plain(**changes: Any) -> NeuroConfig:
    return NeuroConfig.plain(V, N, D, **changes)


def published(**changes: Any) -> NeuroConfig:
    return NeuroConfig.published(V, N, D, **changes)


def read(model: BDHNeuro, length: int = 12, rows: int = 2, state: NeuroState | None = None) -> Trace:
    return model.trace(torch.randint(0, V, (rows, length), generator=torch.Generator().manual_seed(3)), state)


def silence(model: BDHNeuro, neurons: slice) -> None:
    """Cut ``neurons`` off from what is read."""
    with torch.no_grad():
        model.encoder[:, neurons] = 0


@pytest.mark.parametrize("half_life", [1, 4, 9])
def test_decay_halves_memory_after_its_half_life(half_life: int) -> None:
    model = make(plain(u_kernels=(0.5 ** (1 / half_life),)))
    before = read(model).state
    silence(model, slice(None))
    after = read(model, length=half_life, state=before).state
    torch.testing.assert_close(after.rho, before.rho / 2)


def test_timescales_decay_each_with_its_own_factor() -> None:
    model = make(plain(u_kernels=(0.9, 0.5), u_weights=(0.5, 0.5)))
    before = read(model).state
    silence(model, slice(None))
    after = read(model, length=3, state=before).state
    for k, factor in enumerate((0.9, 0.5)):
        torch.testing.assert_close(after.rho[:, :, k], before.rho[:, :, k] * factor**3)


def test_token_before_counts_the_factor_once() -> None:
    model = make(plain(u_kernels=(0.9, 0.5), u_weights=(0.5, 0.5)))
    trace = model.trace(torch.tensor([[3]]))
    v = torch.nn.functional.layer_norm(model.embed.weight[3], (D,))
    written = torch.outer(v, trace.x[0, 0, 0]).detach()
    torch.testing.assert_close(trace.state.rho[0, 0, 0], 0.9 * written)
    torch.testing.assert_close(trace.state.rho[0, 0, 1], 0.5 * written)


@given(seeds, st.integers(1, 6), st.floats(0.05, 0.9))
def test_reading_mixes_timescales_by_their_weights(seed: int, rows: int, share: float) -> None:
    generator = torch.Generator().manual_seed(seed)
    rho = torch.randn(rows, 2, D, N, generator=generator)
    key = torch.rand(rows, N, generator=generator)
    read_both = extensions.read_synapses(rho, key, torch.tensor([share, 1 - share]))
    each = [torch.einsum("bdn,bn->bd", rho[:, k], key) for k in range(2)]
    torch.testing.assert_close(read_both, share * each[0] + (1 - share) * each[1], rtol=1e-4, atol=1e-4)


def test_inactive_synapses_decay_faster_with_local_forgetting() -> None:
    model, length, eta = make(plain(local_forget_eta=0.1)), 5, 0.1
    before = read(model).state
    silence(model, slice(0, N // 2))
    after = read(model, length=length, state=before)
    forgetful = make(plain())
    silence(forgetful, slice(0, N // 2))
    kept = read(forgetful, length=length, state=before).state
    silent = slice(0, N // 2)
    torch.testing.assert_close(after.state.rho[..., silent], kept.rho[..., silent] * (1 - eta) ** length)
    assert before.rho[..., silent].norm() > 0


def test_local_forgetting_excludes_synapses_of_active_neurons() -> None:
    model = make(plain(local_forget_eta=0.5, branches=2, branch_nl="softplus"))
    keeping = make(plain(branches=2, branch_nl="softplus"))
    assert (read(model).x > 0).all()
    torch.testing.assert_close(read(model).state.rho, read(keeping).state.rho)


@given(seeds, st.floats(0.01, 20.0))
def test_homeostasis_keeps_activity_at_or_below_tau(seed: int, tau: float) -> None:
    y = (
        torch.rand(5, N, generator=torch.Generator().manual_seed(seed))
        * torch.tensor([0.0, 0.01, 0.3, 3.0, 99.0])[:, None]
    )
    bound = extensions.bound_total(y, tau)
    assert (bound.sum(-1) <= tau * (1 + 1e-5)).all()
    torch.testing.assert_close(bound.sum(-1), y.sum(-1).clamp_max(tau))
    below = y.sum(-1) <= tau
    torch.testing.assert_close(bound[below], y[below])


def test_homeostasis_holds_a_model_near_tau() -> None:
    free = read(make(plain(x_decay=0.97))).y.sum(-1)[:, :, 1:]
    tau = float(free.min()) / 2
    held = read(make(plain(x_decay=0.97, homeostasis_tau=tau))).y.sum(-1)[:, :, 1:]
    torch.testing.assert_close(held, torch.full_like(held, tau), rtol=1e-4, atol=0)


@given(st.data(), st.integers(1, N), st.floats(0.2, 1.8))
def test_inhibition_leaves_at_most_k_winners_and_the_largest(data: st.DataObject, k: int, gain: float) -> None:
    values = data.draw(st.lists(st.sampled_from([0.0, 0.5, 1.0, 2.0, 3.0]), min_size=N, max_size=N))  # many are equal
    y = torch.tensor([values])
    kept = extensions.keep_winners(y, k, torch.tensor([gain]), 0.2)
    winners = max(1, round(float(torch.tensor(k) / torch.tensor(gain))))
    assert int((kept > 0).sum()) <= winners
    assert sorted(kept[0].tolist())[-winners:] == sorted(values)[-winners:]
    assert torch.equal(kept[kept > 0], y[kept > 0])


def test_inhibition_lets_fewer_win_when_the_gain_is_high() -> None:
    y = torch.rand(1, N).expand(3, N) + 0.1
    kept = extensions.keep_winners(y, 8, torch.tensor([0.2, 1.0, 1.8]), 0.2)
    assert (kept > 0).sum(-1).tolist() == [N, 8, 4]


def test_model_has_at_most_k_winners() -> None:
    y = read(make(published(k_wta=3).without("neuromodulation")), length=20).y
    assert int((y > 0).sum(-1).max()) == 3


def test_dendrite_is_not_cancelled_by_another() -> None:
    v = torch.ones(1, D)
    weight = torch.ones(D, N)
    weight[D // 2 :] = -2.0  # the second half of the inputs inhibits more than the first excites
    together = extensions.excite(v, weight.view(1, D, N), torch.relu)
    apart = extensions.excite(v, weight.view(2, D // 2, N), torch.relu)
    assert (together == 0).all()
    assert (apart == D / 2).all()


def test_softplus_branches_keep_every_neuron_active() -> None:
    assert (read(make(plain(branches=2, branch_nl="softplus"))).x > 0).all()
    assert (read(make(plain(branches=2, branch_nl="relu"))).x == 0).any()


def surprise(mean: float, deviation: float, seen: float, log_probabilities: list[float]) -> Surprise:
    rows = [torch.tensor([value]) for value in (mean, deviation**2, seen)]
    return Surprise(rows[0], rows[1], rows[2], torch.tensor([log_probabilities]))


def gain_of(surprisal: float, state: Surprise, gamma: float = 0.8) -> float:
    known = state._replace(prediction=torch.tensor([[-surprisal]]))
    gain, _ = extensions.weigh_surprise(torch.tensor([0]), known, gamma=gamma, rate=0.01)
    return float(gain)


@given(st.floats(0, 50), st.floats(0, 50), st.floats(0, 20), st.floats(0, 9), st.integers(2, 10**6), st.floats(0, 0.99))
def test_gain_rises_with_surprise_and_stays_in_its_bounds(
    low: float, high: float, mean: float, deviation: float, seen: int, gamma: float
) -> None:
    low, high = sorted((low, high))
    state = surprise(mean, deviation, seen, [0.0])
    lower, higher = gain_of(low, state, gamma), gain_of(high, state, gamma)
    assert 1 - gamma - 1e-6 <= lower <= higher <= 1 + gamma + 1e-6
    assert gain_of(mean, state, gamma) == pytest.approx(1.0, abs=1e-3)


def test_gain_is_one_for_the_first_two_tokens() -> None:
    gain = read(make(published())).gain
    assert (gain[:, :2] == 1).all()
    assert (gain[:, 2:] != 1).any()


@given(st.lists(st.floats(0, 12), min_size=2, max_size=40))
def test_running_statistics_start_as_those_of_the_whole_text(surprisals: list[float]) -> None:
    state = surprise(0.0, 1.0, 1.0, [0.0])
    for surprisal in surprisals:
        known = state._replace(prediction=torch.tensor([[-surprisal]]))
        _, state = extensions.weigh_surprise(torch.tensor([0]), known, gamma=0.5, rate=0.01)
    assert float(state.mean) == pytest.approx(sum(surprisals) / len(surprisals), rel=1e-4, abs=1e-4)
    assert float(state.seen) == len(surprisals) + 1


def test_running_mean_forgets_with_its_rate() -> None:
    state = surprise(2.0, 1.0, 1e6, [-3.0])
    _, after = extensions.weigh_surprise(torch.tensor([0]), state, gamma=0.5, rate=0.01)
    assert float(after.mean) == pytest.approx(2.01)


def test_surprising_token_writes_more() -> None:
    model = make(published().without("kwta"))
    before = read(model, length=30, rows=1).state
    order = before.surprise.prediction[0].argsort()
    unexpected, expected = (model.trace(order[i].view(1, 1), before) for i in (0, -1))
    assert float(unexpected.gain) > 1 > float(expected.gain)
    calm = NeuroState(before.rho * 0, before.x, before.surprise, before.position)
    written = model.trace(order[:1].view(1, 1), calm)
    unmoved = make(published().without("kwta", "neuromodulation"))
    reference = unmoved.trace(order[:1].view(1, 1), calm)
    torch.testing.assert_close(written.state.rho, reference.state.rho * written.gain.view(1, 1, 1, 1, 1))


@pytest.mark.parametrize("rate", [0.05, 0.5])
def test_spikes_come_at_their_rate_and_count_one(rate: float) -> None:
    model = make(plain(spike_rate=rate)).train()
    y = model.trace(torch.zeros(400, 1, dtype=torch.int64)).y  # nothing is remembered yet: y is spikes alone
    assert set(y.unique().tolist()) == {0.0, 1.0}
    assert float(y.mean()) == pytest.approx(rate, abs=4 * math.sqrt(rate * (1 - rate) / y.numel()))


def test_spikes_come_only_in_training() -> None:
    model = make(plain(spike_rate=0.5))
    assert (model.trace(torch.zeros(8, 1, dtype=torch.int64)).y == 0).all()
    assert torch.equal(read(model).y, read(make(plain())).y)


@given(seeds)
def test_total_of_x_is_constant_and_zero_stays_zero(seed: int) -> None:
    x = torch.rand(4, N, generator=torch.Generator().manual_seed(seed)) * torch.tensor([[0.0], [1e-6], [1.0], [1e6]])
    x[:, ::3] = 0
    held = extensions.scale_total(x)
    assert torch.equal(held == 0, x == 0)
    torch.testing.assert_close(held[1:].sum(-1), torch.full((3,), float(N)))
    assert (held[0] == 0).all()


def test_inactivity_over_many_tokens_gives_finite_gradients() -> None:
    first = torch.zeros(2, N, requires_grad=True)
    x = first
    for _ in range(60):
        x = extensions.scale_total(0.97 * x + torch.relu(first - 1))
    x.sum().backward()
    assert first.grad is not None and torch.isfinite(first.grad).all()


def test_carried_x_keeps_its_total_and_its_inactive_neurons() -> None:
    model = make(plain(x_decay=0.9))
    silence(model, slice(0, 6))
    x = read(model, length=30).x
    torch.testing.assert_close(x.sum(-1), torch.full(x.shape[:-1], float(N)))
    assert (x[..., :6] == 0).all()
    assert float((x > 0).float().mean()) <= 1 - 6 / N


def test_x_decay_reduces_a_neuron_without_input() -> None:
    model = make(plain(x_decay=0.5))
    before = read(model, rows=1)
    silence(model, slice(0, 1))
    faded = read(model, length=20, rows=1, state=before.state).x[0, 0, :, 0]
    assert before.state.x[0, 0] > 0 or (faded == 0).all()
    assert (faded[1:] <= faded[:-1]).all() and float(faded[-1]) < 0.01


def test_x_starts_at_zero_for_each_token_without_x_decay() -> None:
    model = make(plain())
    token = torch.tensor([[2]])
    torch.testing.assert_close(model.trace(token).x, model.trace(token, read(model, rows=1).state).x)


def test_published_setting_is_sparse_in_y() -> None:
    shares = (read(make(published()), length=60).y > 0).float().mean()
    assert 0 < float(shares) < 0.35
