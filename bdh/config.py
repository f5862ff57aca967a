"""The sizes and settings of a BDH model, checked on creation."""

import math
from dataclasses import asdict, dataclass, fields, replace
from typing import Any

from bdh.errors import ConfigError

_PRESETS: dict[str, dict[str, Any]] = {
    "tiny": {"n_embd": 128, "n_layer": 4, "mlp_internal_dim_multiplier": 203},
    "small": {"n_embd": 256, "n_layer": 6, "mlp_internal_dim_multiplier": 128},
    "medium": {"n_embd": 512, "n_layer": 8, "mlp_internal_dim_multiplier": 128},
    "large": {"n_embd": 1024, "n_layer": 12, "mlp_internal_dim_multiplier": 320},
    "wikitext-2": {"n_embd": 256, "n_layer": 2, "mlp_internal_dim_multiplier": 128},
}
_MOST_PARAMETERS = 10**12
FORMAT_VERSION = 1
# Written to config.json by Transformers, and not used here.
FOREIGN_NAMES = ("architectures", "auto_map", "dtype", "transformers_version")


@dataclass(frozen=True)
class BDHConfig:
    """Sizes of a BDH model; the defaults are the published 25M configuration.

    ``decay`` holds one damping factor per head in (0, 1], or None for the published form without damping;
    ``learn_decay`` makes these factors parameters. ``chunk_size`` is the number of tokens of a chunk in
    chunkwise mode: it changes speed, never results.
    """

    n_layer: int = 6
    n_embd: int = 256
    n_head: int = 4
    mlp_internal_dim_multiplier: int = 128
    vocab_size: int = 256
    dropout: float = 0.1
    rope_theta: float = 2.0**16
    decay: tuple[float, ...] | None = None
    learn_decay: bool = False
    chunk_size: int = 128

    def __post_init__(self) -> None:
        self._check_positive()
        if self.n_neurons_total % self.n_head or self.n_neurons % 2:
            raise ConfigError(
                f"{self.n_neurons_total} neurons over {self.n_head} heads; neurons per head "
                "(mlp_internal_dim_multiplier * n_embd / n_head) must be an even integer"
            )
        if self.n_parameters > _MOST_PARAMETERS:
            raise ConfigError(f"these sizes give {self.n_parameters:,} parameters; the maximum is {_MOST_PARAMETERS:,}")
        if not _is_number(self.dropout) or not 0.0 <= self.dropout < 1.0:
            raise ConfigError(f"dropout is {self.dropout!r}; it must lie in [0, 1)")
        if not _is_number(self.rope_theta) or not 0.0 < self.rope_theta < math.inf:
            raise ConfigError(f"rope_theta is {self.rope_theta!r}; it must be a positive number")
        if not isinstance(self.learn_decay, bool):
            raise ConfigError(f"learn_decay is {self.learn_decay!r}; it must be true or false")
        self._check_decay()

    def _check_positive(self) -> None:
        for name in ("n_layer", "n_embd", "n_head", "mlp_internal_dim_multiplier", "vocab_size", "chunk_size"):
            value = getattr(self, name)
            if not isinstance(value, int) or isinstance(value, bool) or value < 1:
                raise ConfigError(f"{name} is {value!r}; it must be an integer of at least 1")

    def _check_decay(self) -> None:
        if self.decay is None:
            if self.learn_decay:
                raise ConfigError("learn_decay is on but decay is None; give one starting factor per head")
            return
        fits = isinstance(self.decay, (tuple, list)) and len(self.decay) == self.n_head
        if not fits or not all(_is_number(factor) and 0.0 < factor <= 1.0 for factor in self.decay):
            raise ConfigError(f"decay is {self.decay!r}; it must hold {self.n_head} factors (one per head) in (0, 1]")
        object.__setattr__(self, "decay", tuple(float(factor) for factor in self.decay))
        if self.learn_decay and any(factor >= 1.0 for factor in self.decay):
            raise ConfigError(f"decay is {self.decay}; learned factors must start below 1")

    @property
    def n_neurons_total(self) -> int:
        """Neurons over all heads, H * N."""
        return self.mlp_internal_dim_multiplier * self.n_embd

    @property
    def n_neurons(self) -> int:
        """Neurons per head, N."""
        return self.n_neurons_total // self.n_head

    @property
    def n_parameters(self) -> int:
        """Number of parameters, including the damping factors if they are learned."""
        shared = 3 * self.n_neurons_total * self.n_embd
        return shared + 2 * self.vocab_size * self.n_embd + (self.n_head if self.learn_decay else 0)

    @classmethod
    def preset(cls, name: str, **changes: Any) -> "BDHConfig":
        """Return the named size (tiny, small, medium, large, wikitext-2) with ``changes`` applied.

        >>> BDHConfig.preset("small").n_neurons
        8192
        """
        if name not in _PRESETS:
            raise ConfigError(f"preset {name!r} is unknown; choose one of {', '.join(_PRESETS)}")
        return replace(cls(**_PRESETS[name]), **changes)

    def to_dict(self) -> dict[str, Any]:
        """Return a JSON-able mapping that ``from_dict`` reads back."""
        return asdict(self)

    @classmethod
    def from_dict(cls, mapping: dict[str, Any]) -> "BDHConfig":
        """Build a configuration from a mapping; unknown names are an error."""
        known = {item.name for item in fields(cls)}
        unknown = sorted(set(mapping) - known)
        if unknown:
            raise ConfigError(f"unknown settings {unknown}; this version has {sorted(known)}")
        return cls(**mapping)


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)
