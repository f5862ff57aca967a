"""The sizes and extensions of a neuro model, checked on creation."""

import math
from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields, replace
from typing import Any

from bdh.errors import ConfigError

_OFF: dict[str, dict[str, Any]] = {
    "x_decay": {"x_decay": None},
    "timescales": {"u_kernels": (0.97,), "u_weights": (1.0,)},
    "forgetting": {"local_forget_eta": 0.0},
    "homeostasis": {"homeostasis_tau": None},
    "kwta": {"k_wta": None},
    "dendrites": {"branches": 1, "branch_nl": "relu"},
    "neuromodulation": {"mod_gamma_max": 0.0},
    "spikes": {"spike_rate": 0.0},
    "relu_lowrank": {"use_relu_lowrank": False},
    "ln_before_dy": {"ln_before_dy": False},
}
SWITCHES = tuple(_OFF)
EXTENSIONS = tuple(name for name in SWITCHES if name != "ln_before_dy")
BRANCH_NONLINEARITIES = ("relu", "softplus")


@dataclass(frozen=True)
class NeuroConfig:
    """Sizes and extensions of a neuro model; the defaults are Definition 4 itself, with every extension off.

    ``x_decay`` carries x from token to token and scales it to the L1 norm n. ``u_kernels`` are the damping factors of
    the memories, ``u_weights`` their weights in a read. ``local_forget_eta`` is the further decay of a synapse whose
    pre-synaptic neuron is inactive. ``homeostasis_tau`` bounds the L1 norm of y, ``k_wta`` the number of active y.
    ``branches`` splits the input of each neuron of x into dendrites with the nonlinearity ``branch_nl``.
    ``mod_gamma_max`` is the largest change of the gain by surprise, relative to a running mean and deviation with
    ``mod_rate``. ``spike_rate`` is the probability of a random spike in training. ``use_relu_lowrank`` adds a relu
    after E. ``ln_before_dy`` belongs to Definition 4; it can only be switched off. ``rope`` rotates keys and queries as
    in the published model.
    """

    vocab_size: int = 256
    n: int = 128
    d: int = 32
    n_layer: int = 1
    x_decay: float | None = None
    u_kernels: tuple[float, ...] = (0.97,)
    u_weights: tuple[float, ...] = (1.0,)
    local_forget_eta: float = 0.0
    homeostasis_tau: float | None = None
    k_wta: int | None = None
    branches: int = 1
    branch_nl: str = "relu"
    mod_gamma_max: float = 0.0
    mod_rate: float = 0.01
    spike_rate: float = 0.0
    ln_before_dy: bool = True
    use_relu_lowrank: bool = False
    rope: bool = False
    rope_theta: float = 2.0**16

    def __post_init__(self) -> None:
        for name in ("vocab_size", "n", "d", "n_layer", "branches"):
            self._check_count(name)
        for name in ("ln_before_dy", "use_relu_lowrank", "rope"):
            if not isinstance(getattr(self, name), bool):
                raise ConfigError(f"{name} is {getattr(self, name)!r}; it must be true or false")
        self._check_timescales()
        self._check_neurons()
        self._check_rates()

    def _check_count(self, name: str) -> None:
        value = getattr(self, name)
        if not isinstance(value, int) or isinstance(value, bool) or value < 1:
            raise ConfigError(f"{name} is {value!r}; it must be an integer of at least 1")

    def _check_timescales(self) -> None:
        kernels, weights = self.u_kernels, self.u_weights
        lists = all(isinstance(values, (tuple, list)) for values in (kernels, weights))
        if not lists or not kernels or len(kernels) != len(weights):
            raise ConfigError(f"u_kernels is {kernels!r}, u_weights {weights!r}; give one weight for each of 1 or more")
        if not all(_in_range(factor, 0.0, 1.0) and factor > 0 for factor in kernels):
            raise ConfigError(f"u_kernels is {kernels!r}; damping factors lie in (0, 1]")
        if not all(_in_range(weight, 0.0, math.inf) for weight in weights) or sum(weights) <= 0:
            raise ConfigError(f"u_weights is {weights!r}; weights are not negative, and one of them is positive")
        object.__setattr__(self, "u_kernels", tuple(float(factor) for factor in kernels))
        object.__setattr__(self, "u_weights", tuple(float(weight) for weight in weights))

    def _check_neurons(self) -> None:
        if self.d % self.branches:
            raise ConfigError(f"branches is {self.branches}; it must divide d, {self.d}")
        if self.branch_nl not in BRANCH_NONLINEARITIES:
            raise ConfigError(f"branch_nl is {self.branch_nl!r}; it must be one of {', '.join(BRANCH_NONLINEARITIES)}")
        if self.rope and (self.n % 2 or not _in_range(self.rope_theta, 0.0, math.inf) or self.rope_theta == 0):
            raise ConfigError(f"rope with n {self.n}, rope_theta {self.rope_theta!r}; n must be even, theta positive")
        if self.k_wta is not None:
            self._check_count("k_wta")
            if self.k_wta > self.n:
                raise ConfigError(f"k_wta is {self.k_wta}; at most n = {self.n} neurons can win")

    def _check_rates(self) -> None:
        if self.x_decay is not None and not _in_range(self.x_decay, 0.0, 1.0):
            raise ConfigError(f"x_decay is {self.x_decay!r}; it must lie in [0, 1], or be None")
        for name in ("local_forget_eta", "spike_rate", "mod_gamma_max", "mod_rate"):
            if not _in_range(getattr(self, name), 0.0, 1.0):
                raise ConfigError(f"{name} is {getattr(self, name)!r}; it must lie in [0, 1]")
        if self.mod_gamma_max == 1.0 or self.mod_rate == 0.0:
            raise ConfigError(
                f"mod_gamma_max {self.mod_gamma_max}, mod_rate {self.mod_rate}: the gain must stay positive, so gamma "
                "lies below 1, and the rate above 0"
            )
        tau = self.homeostasis_tau
        if tau is not None and (not _in_range(tau, 0.0, math.inf) or tau == 0):
            raise ConfigError(f"homeostasis_tau is {tau!r}; it must be a positive number, or None")

    @property
    def n_parameters(self) -> int:
        """Number of parameters."""
        return 3 * self.n * self.d + 2 * self.vocab_size * self.d

    @classmethod
    def plain(cls, vocab_size: int = 256, n: int = 128, d: int = 32, **changes: Any) -> "NeuroConfig":
        """Return Definition 4 itself, with ``changes`` applied."""
        return cls(vocab_size, n, d, **changes)

    @classmethod
    def published(cls, vocab_size: int = 256, n: int = 128, d: int = 32, **changes: Any) -> "NeuroConfig":
        """Return the published configuration, with every extension on and ``changes`` applied.

        >>> NeuroConfig.published().without("kwta").k_wta is None
        True
        """
        values: dict[str, Any] = {
            "x_decay": 0.97,
            "u_kernels": (0.99, 0.97, 0.94),
            "u_weights": (0.5, 0.3, 0.2),
            "local_forget_eta": 0.02,
            "homeostasis_tau": 0.15 * n,
            "k_wta": max(1, n // 8),
            "branches": 2,
            "branch_nl": "softplus",
            "mod_gamma_max": 0.8,
            "spike_rate": 0.01,
            "use_relu_lowrank": True,
        }
        return cls(vocab_size, n, d, **(values | changes))

    def without(self, *names: str) -> "NeuroConfig":
        """Return the configuration with the named extensions off; raises ConfigError for a name not in SWITCHES."""
        changes: dict[str, Any] = {}
        for name in names:
            if name not in _OFF:
                raise ConfigError(f"extension {name!r} is unknown; choose from {', '.join(SWITCHES)}")
            changes |= _OFF[name]
        return replace(self, **changes)

    def only(self, names: Iterable[str]) -> "NeuroConfig":
        """Return the configuration with all extensions but the named ones off."""
        kept = set(names)
        if unknown := sorted(kept - set(EXTENSIONS)):
            raise ConfigError(f"extensions {unknown} are unknown; choose from {', '.join(EXTENSIONS)}")
        return self.without(*(name for name in EXTENSIONS if name not in kept))

    def to_dict(self) -> dict[str, Any]:
        """Return a JSON-able mapping that ``from_dict`` reads back."""
        return asdict(self)

    @classmethod
    def from_dict(cls, mapping: dict[str, Any]) -> "NeuroConfig":
        """Build a configuration from a mapping; unknown names are an error."""
        known = {item.name for item in fields(cls)}
        if unknown := sorted(set(mapping) - known):
            raise ConfigError(f"unknown settings {unknown}; this version has {sorted(known)}")
        return cls(**mapping)


def _in_range(value: object, low: float, high: float) -> bool:
    """Return whether ``value`` is a finite number from ``low`` to ``high``."""
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return is_number and math.isfinite(value) and low <= value <= high  # type: ignore[arg-type,operator]
