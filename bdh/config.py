"""The sizes and switches of a BDH model, checked when made."""

from dataclasses import asdict, dataclass, fields, replace
from typing import Any

from bdh.errors import ConfigError

_PRESETS: dict[str, dict[str, Any]] = {
    "tiny": {"n_embd": 128, "n_layer": 4, "mlp_internal_dim_multiplier": 203},
    "small": {"n_embd": 256, "n_layer": 6, "mlp_internal_dim_multiplier": 128},
    "medium": {"n_embd": 512, "n_layer": 8, "mlp_internal_dim_multiplier": 128},
    "large": {"n_embd": 1024, "n_layer": 12, "mlp_internal_dim_multiplier": 320},
}


@dataclass(frozen=True)
class BDHConfig:
    """Sizes of a BDH model; the defaults are the published 25M configuration.

    ``decay`` holds one damping factor per head in (0, 1], or None for the published form without damping;
    ``learn_decay`` makes these factors parameters. ``chunk_size`` is the length of the pieces in chunkwise mode: it
    changes speed, never results.
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
                "(mlp_internal_dim_multiplier * n_embd / n_head) must be a whole even number"
            )
        if not 0.0 <= self.dropout < 1.0:
            raise ConfigError(f"dropout is {self.dropout}; it must lie in [0, 1)")
        self._check_decay()

    def _check_positive(self) -> None:
        for name in ("n_layer", "n_embd", "n_head", "mlp_internal_dim_multiplier", "vocab_size", "chunk_size"):
            value = getattr(self, name)
            if not isinstance(value, int) or isinstance(value, bool) or value < 1:
                raise ConfigError(f"{name} is {value!r}; it must be a whole number of at least 1")

    def _check_decay(self) -> None:
        if self.decay is None:
            if self.learn_decay:
                raise ConfigError("learn_decay is on but decay is None; give one starting factor per head")
            return
        object.__setattr__(self, "decay", tuple(float(factor) for factor in self.decay))
        assert self.decay is not None
        if len(self.decay) != self.n_head or not all(0.0 < factor <= 1.0 for factor in self.decay):
            raise ConfigError(f"decay is {self.decay}; it must hold {self.n_head} factors (one per head) in (0, 1]")
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
        """Weights of the model, the damping factors included when they are learned."""
        shared = 3 * self.n_neurons_total * self.n_embd
        return shared + 2 * self.vocab_size * self.n_embd + (self.n_head if self.learn_decay else 0)

    @classmethod
    def preset(cls, name: str, **changes: Any) -> "BDHConfig":
        """Return the named published size (tiny, small, medium, large) with ``changes`` applied.

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
            raise ConfigError(f"unknown settings {unknown}; this version knows {sorted(known)}")
        values = dict(mapping)
        if values.get("decay") is not None:
            values["decay"] = tuple(values["decay"])
        return cls(**values)
