"""Baby Dragon Hatchling: a language model with a Hebbian memory that can be carried, forked, saved and asked."""

from bdh.checkpoint import load, save, weights_hash
from bdh.config import BDHConfig
from bdh.errors import BDHError
from bdh.generation import generate
from bdh.model import BDH, BDHOutput
from bdh.state import BDHState
from bdh.tokenizer import BPETokenizer, ByteTokenizer, load_tokenizer

__all__ = [
    "BDH",
    "BDHConfig",
    "BDHError",
    "BDHOutput",
    "BDHState",
    "BPETokenizer",
    "ByteTokenizer",
    "generate",
    "load",
    "load_tokenizer",
    "save",
    "weights_hash",
]
__version__ = "0.1.0"
