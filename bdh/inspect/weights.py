"""Statistics of the weights, compared with their initialisation."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from scipy.stats import kurtosis

from bdh.inspect.tails import TailFit, fit_tail
from bdh.neuro.model import BDHNeuro, LanguageModel

Numbers = npt.NDArray[np.float64]
MATRICES = ("encoder", "encoder_v", "decoder", "embed.weight", "lm_head")


@dataclass(frozen=True)
class WeightStatistics:
    """The values of one matrix.

    ``spread`` is their standard deviation, ``initial`` that of the normal initialisation, ``kurtosis`` the excess
    kurtosis; ``density`` (K,) over ``edges`` (K + 1,) is their histogram; ``tail`` fits the absolute values of the
    largest tenth; ``sizes`` (R,) are absolute values at ``ranks`` (R,), 1 for the largest of ``count`` values, for
    plots.
    """

    mean: float
    spread: float
    initial: float
    kurtosis: float
    edges: Numbers
    density: Numbers
    tail: TailFit
    ranks: npt.NDArray[np.int64]
    sizes: Numbers
    count: int


def weight_statistics(model: LanguageModel, *, samples: int = 1_000_000, seed: int = 0) -> dict[str, WeightStatistics]:
    """Return the statistics of each matrix, from a random sample of ``samples`` values if there are more."""
    generator = np.random.default_rng(seed)
    initial, statistics = _initial_spreads(model, seed), {}
    for name in MATRICES:
        weight = model.state_dict()[name].detach().float().cpu()
        statistics[name] = _statistics(weight.numpy().ravel(), initial[name], samples, generator)
    return statistics


def _initial_spreads(model: LanguageModel, seed: int) -> dict[str, float]:
    """Return the standard deviation of each matrix at initialisation: by rule, or from a new model of the variant."""
    if not isinstance(model, BDHNeuro):
        return dict.fromkeys(MATRICES, 0.02)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        fresh = BDHNeuro(model.config).state_dict()
    return {name: float(fresh[name].std()) for name in MATRICES}


def _statistics(
    values: npt.NDArray[np.float32], initial: float, samples: int, generator: np.random.Generator
) -> WeightStatistics:
    if len(values) > samples:
        values = values[generator.integers(0, len(values), samples)]
    wide = values.astype(np.float64)
    bound = float(np.abs(wide).max())
    density, edges = np.histogram(wide, bins=201, range=(-bound, bound), density=True)
    sizes = np.sort(np.abs(wide))[::-1]
    ranks = np.unique(np.geomspace(1, max(1, len(sizes) // 10), 400).astype(np.int64))
    return WeightStatistics(
        mean=float(wide.mean()),
        spread=float(wide.std()),
        initial=initial,
        kurtosis=float(kurtosis(wide)),
        edges=edges,
        density=density.astype(np.float64),
        tail=fit_tail(sizes),
        ranks=ranks,
        sizes=sizes[ranks - 1],
        count=len(sizes),
    )
