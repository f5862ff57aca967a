"""Definition 4 and each extension in plain Python; the neuro model must equal it."""

import math
from dataclasses import replace
from typing import Any

import pytest
import torch

from bdh.neuro.config import EXTENSIONS, NeuroConfig
from bdh.neuro.model import BDHNeuro

Vector = list[float]
V, N, D, T = 5, 12, 4, 9
# Factors that float32 holds exactly, so that the comparison can be made in float64.
PUBLISHED = replace(
    NeuroConfig.published(V, N, D, u_kernels=(0.96875, 0.875, 0.5), u_weights=(0.5, 0.25, 0.25)),
    homeostasis_tau=0.5,
    k_wta=2,
    spike_rate=0.2,
    mod_rate=0.25,
)
PLAIN = PUBLISHED.only([])
SETTINGS = {
    "plain": replace(PLAIN, u_kernels=(0.96875,)),
    **{name: PUBLISHED.only([name]) for name in EXTENSIONS},
    "no layer norm before D_y": PLAIN.without("ln_before_dy"),
    "relu branches": replace(PLAIN, branches=4),
    "two layers": replace(PLAIN, n_layer=2),
    "published": PUBLISHED,
    "published, two layers": replace(PUBLISHED, n_layer=2),
}


class Naive:
    """One sequence, one number at a time."""

    def __init__(self, model: BDHNeuro, spikes: Any) -> None:
        self.c = model.config
        self.spikes = spikes
        names = ("encoder", "encoder_v", "decoder", "lm_head")
        self.Dx, self.Dy, self.E, self.head = (getattr(model, name).tolist() for name in names)  # each transposed
        self.embed = model.embed.weight.tolist()
        self.U, self.share = model.kernels.tolist(), model.shares.tolist()
        layers, K = range(self.c.n_layer), range(len(self.U))
        self.rho = [[[[0.0] * N for _ in range(D)] for _ in K] for _ in layers]
        self.x: Vector = [0.0] * N
        self.expected: Vector | None = None
        self.mean, self.variance, self.seen = 0.0, 1.0, 0
        self.ys: list[list[Vector]] = []
        self.gains: Vector = []

    def read(self, t: int, token: int) -> Vector:
        """Return the logits after one token."""
        c = self.c
        gain = self.gain(token)
        v = norm(self.embed[token])
        x = [0.0] * N if c.x_decay is None else [c.x_decay * value for value in self.x]
        ys = []
        for layer, rho in enumerate(self.rho):
            for n in range(N):
                x[n] += self.drive(v, n)
            if c.x_decay is not None and sum(x) > 0:
                total = sum(x)
                x = [value / total * N for value in x]
            a = [
                sum(self.share[k] * rho[k][i][n] * x[n] for k in range(len(self.U)) for n in range(N)) for i in range(D)
            ]
            b = norm(a) if c.ln_before_dy else a
            y = [max(0.0, sum(self.Dy[i][n] * b[i] for i in range(D))) * x[n] for n in range(N)]
            y = self.regulate(y, gain, t, layer)
            for k, U in enumerate(self.U):
                for n in range(N):
                    fade = 1 - c.local_forget_eta if x[n] == 0 else 1.0
                    for i in range(D):
                        rho[k][i][n] = U * (fade * rho[k][i][n] + gain * v[i] * x[n])
            low = [sum(self.E[n][i] * y[n] for n in range(N)) for i in range(D)]
            v = norm([max(0.0, value) for value in low] if c.use_relu_lowrank else low)
            ys.append(y)
        self.x = x
        self.ys.append(ys)
        self.gains.append(gain)
        logits = [sum(self.head[i][token] * v[i] for i in range(D)) for token in range(V)]
        highest = math.log(sum(math.exp(value) for value in logits))
        self.expected = [value - highest for value in logits]
        return logits

    def drive(self, v: Vector, n: int) -> float:
        size = D // self.c.branches
        total = 0.0
        for branch in range(self.c.branches):
            inputs = range(branch * size, (branch + 1) * size)
            charge = sum(self.Dx[i][n] * v[i] for i in inputs)
            total += math.log1p(math.exp(charge)) if self.c.branch_nl == "softplus" else max(0.0, charge)
        return total

    def regulate(self, y: Vector, gain: float, t: int, layer: int) -> Vector:
        c = self.c
        if c.homeostasis_tau is not None and sum(y) > 0:
            scale = min(1.0, c.homeostasis_tau / sum(y))
            y = [value * scale for value in y]
        if c.k_wta is not None:
            count = max(1, round(c.k_wta / gain))
            winners = sorted(range(N), key=lambda n: -y[n])[:count]
            y = [value if n in winners else 0.0 for n, value in enumerate(y)]
        if self.spikes is not None:
            y = [value + self.spikes[t][layer][n] for n, value in enumerate(y)]
        return y

    def gain(self, token: int) -> float:
        c = self.c
        if not c.mod_gamma_max or self.expected is None:
            return 1.0
        surprisal = -self.expected[token]
        self.seen += 1
        if self.seen == 1:
            self.mean = surprisal
            return 1.0
        distance = surprisal - self.mean
        gain = 1 + c.mod_gamma_max * math.tanh(distance / math.sqrt(self.variance))
        rate = max(c.mod_rate, 1 / self.seen)
        self.mean += rate * distance
        self.variance += rate * (distance**2 - self.variance)
        return gain


def norm(v: Vector) -> Vector:
    mean = sum(v) / len(v)
    variance = sum((value - mean) ** 2 for value in v) / len(v)
    return [(value - mean) / math.sqrt(variance + 1e-5) for value in v]


def make(config: NeuroConfig, seed: int = 0) -> BDHNeuro:
    torch.manual_seed(seed)
    model = BDHNeuro(config).double()
    with torch.no_grad():
        model.encoder[:, 0] = 0  # a neuron that the input never reaches: silent unless softplus wakes it
    return model


@pytest.mark.parametrize("name", SETTINGS)
@pytest.mark.parametrize("training", [False, True], ids=["evaluation", "training"])
def test_model_equals_the_definition(name: str, training: bool) -> None:
    config = SETTINGS[name]
    model = make(config).train(training)
    tokens = torch.randint(0, V, (2, T), generator=torch.Generator().manual_seed(1))
    torch.manual_seed(2)
    trace = model.trace(tokens)
    torch.manual_seed(2)
    output = model(tokens)
    torch.manual_seed(2)
    spikes = (torch.rand(T, config.n_layer, 2, N) < config.spike_rate).double()
    for row in range(2):
        naive = Naive(model, spikes[:, :, row].tolist() if training and config.spike_rate else None)
        logits = [naive.read(t, int(token)) for t, token in enumerate(tokens[row])]
        expected = (logits, naive.rho, naive.x, naive.ys, naive.gains)
        found = (
            output.logits[row],
            trace.state.rho[:, row],
            trace.state.x[row],
            trace.y[:, row].transpose(0, 1),
            trace.gain[row],
        )
        for one, other in zip(found, expected, strict=True):
            torch.testing.assert_close(one, torch.tensor(other, dtype=torch.float64), rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("name", [name for name in SETTINGS if name not in ("plain", "two layers", "spikes")])
def test_extension_changes_the_prediction(name: str) -> None:
    tokens = torch.randint(0, V, (2, T), generator=torch.Generator().manual_seed(1))
    changed, plain = make(SETTINGS[name]).eval(), make(PLAIN).eval()
    assert (changed(tokens).logits - plain(tokens).logits).abs().max() > 1e-4


def test_rope_rotates_keys_and_queries_by_position() -> None:
    model = make(replace(PLAIN, u_kernels=(1.0,), rope=True)).eval()
    tokens = torch.randint(0, V, (1, T), generator=torch.Generator().manual_seed(1))
    trace = model.trace(tokens)
    frequencies = [2.0 ** (-16 * (n // 2 * 2) / N) / (2 * math.pi) for n in range(N)]
    vs = torch.nn.functional.layer_norm(model.embed.weight, (D,))[tokens[0]]
    rho = torch.zeros(D, N, dtype=torch.float64)
    for t in range(T):
        x = trace.x[0, 0, t]
        turned = [0.0] * N
        for n in range(0, N, 2):
            angle = 2 * math.pi * (t * frequencies[n] % 1)
            turned[n] = float(x[n] * math.cos(angle) - x[n + 1] * math.sin(angle))
            turned[n + 1] = float(x[n + 1] * math.cos(angle) + x[n] * math.sin(angle))
        rho += torch.outer(vs[t].detach(), torch.tensor(turned, dtype=torch.float64))
    torch.testing.assert_close(trace.state.rho[0, 0, 0], rho, rtol=1e-5, atol=1e-5)
