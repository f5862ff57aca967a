"""Fit a power law to the tail of a distribution, and compare it with an exponential tail."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.stats import norm

from bdh.errors import InspectError

Numbers = npt.NDArray[np.float64]
_SHARES = np.geomspace(0.1, 0.002, 25)
_FEWEST = 50


@dataclass(frozen=True)
class TailFit:
    """A power law p(x) ~ x^-alpha fitted above ``x_min``.

    ``share`` of the values lie in the tail; ``distance`` is the Kolmogorov-Smirnov distance between tail and fit.
    ``ratio`` is the mean log-likelihood ratio, in nats per value, to an exponential tail above the same ``x_min``:
    positive values favour the power law. ``p_value`` is that of a ratio this far from 0 (two-sided, Vuong's test).
    """

    alpha: float
    x_min: float
    share: float
    distance: float
    ratio: float
    p_value: float

    @property
    def heavy(self) -> bool:
        """Whether the power law fits the tail better than an exponential, at p < 0.05."""
        return self.ratio > 0 and self.p_value < 0.05


def fit_tail(values: npt.ArrayLike) -> TailFit:
    """Fit the upper tail of positive ``values`` by maximum likelihood (the Hill estimator).

    x_min is the one among 25 upper quantiles (10 to 0.2 per cent of the values) with the smallest Kolmogorov-Smirnov
    distance, after Clauset, Shalizi and Newman (2009). Raises InspectError for fewer than 500 positive values.
    """
    ordered = np.sort(np.asarray(values, np.float64).ravel())
    ordered = ordered[ordered > 0]
    if len(ordered) < 10 * _FEWEST:
        raise InspectError(f"{len(ordered)} positive values; the fit of a tail needs at least {10 * _FEWEST}")
    starts = {len(ordered) - max(_FEWEST, int(share * len(ordered))) for share in _SHARES}
    fits = [_fit_above(ordered, start) for start in starts]
    return min(fits, key=lambda fit: fit.distance)


def _fit_above(ordered: Numbers, start: int) -> TailFit:
    x_min = ordered[start]
    tail = ordered[start:]
    logs = np.log(tail / x_min)
    alpha = 1.0 + len(tail) / max(float(logs.sum()), 1e-12)
    fitted = 1.0 - np.exp(-(alpha - 1.0) * logs)
    count = len(tail)
    above, below = np.arange(1, count + 1) / count - fitted, fitted - np.arange(count) / count
    ratio, p_value = _against_exponential(tail, x_min, alpha)
    distance = float(max(above.max(), below.max()))
    return TailFit(float(alpha), float(x_min), count / len(ordered), distance, ratio, p_value)


def _against_exponential(tail: Numbers, x_min: float, alpha: float) -> tuple[float, float]:
    """Return the mean log-likelihood ratio of power law to exponential, and its two-sided p-value."""
    rate = 1.0 / max(float((tail - x_min).mean()), 1e-300)
    power = np.log((alpha - 1.0) / x_min) - alpha * np.log(tail / x_min)
    exponential = np.log(rate) - rate * (tail - x_min)
    ratios = power - exponential
    spread = float(ratios.std())
    if spread == 0.0:
        return 0.0, 1.0
    mean = float(ratios.mean())
    return mean, float(2.0 * norm.sf(abs(mean) * np.sqrt(len(ratios)) / spread))
