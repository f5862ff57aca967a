"""Baby Dragon Hatchling: a language model with a Hebbian memory that can be carried, forked and saved."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bdh.checkpoint import load, load_bdh, save, weights_hash
    from bdh.config import BDHConfig
    from bdh.errors import BDHError
    from bdh.generation import generate
    from bdh.model import BDH, BDHOutput
    from bdh.neuro.config import NeuroConfig
    from bdh.neuro.model import BDHNeuro
    from bdh.neuro.state import NeuroState
    from bdh.prefix_cache import Prefix, PrefixCache
    from bdh.state import BDHState
    from bdh.tokenizer import BPETokenizer, ByteTokenizer, CharTokenizer, Tokenizer, load_tokenizer

_HOMES = {
    "checkpoint": ("load", "load_bdh", "save", "weights_hash"),
    "config": ("BDHConfig",),
    "errors": ("BDHError",),
    "generation": ("generate",),
    "model": ("BDH", "BDHOutput"),
    "neuro.config": ("NeuroConfig",),
    "neuro.model": ("BDHNeuro",),
    "neuro.state": ("NeuroState",),
    "prefix_cache": ("Prefix", "PrefixCache"),
    "state": ("BDHState",),
    "tokenizer": ("BPETokenizer", "ByteTokenizer", "CharTokenizer", "Tokenizer", "load_tokenizer"),
}
__all__ = [
    "BDH",
    "BDHConfig",
    "BDHError",
    "BDHNeuro",
    "BDHOutput",
    "BDHState",
    "BPETokenizer",
    "ByteTokenizer",
    "CharTokenizer",
    "NeuroConfig",
    "NeuroState",
    "Prefix",
    "PrefixCache",
    "Tokenizer",
    "generate",
    "load",
    "load_bdh",
    "load_tokenizer",
    "save",
    "weights_hash",
]
__version__ = "0.1.0"


def __getattr__(name: str) -> Any:
    """Import a public name at its first use, so that ``python -m bdh`` can prepare the process before torch loads."""
    for home, names in _HOMES.items():
        if name in names:
            return getattr(import_module(f"bdh.{home}"), name)
    raise AttributeError(f"module 'bdh' has no attribute {name!r}")
