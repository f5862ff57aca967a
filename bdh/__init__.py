"""Baby Dragon Hatchling: a language model with a Hebbian memory that can be carried, forked and saved."""

from bdh.checkpoint import load, load_bdh, save, weights_hash
from bdh.config import BDHConfig
from bdh.errors import BDHError
from bdh.generation import generate
from bdh.model import BDH, BDHOutput
from bdh.neuro.config import NeuroConfig
from bdh.neuro.model import BDHNeuro
from bdh.neuro.state import NeuroState
from bdh.state import BDHState
from bdh.tokenizer import BPETokenizer, ByteTokenizer, CharTokenizer, Tokenizer, load_tokenizer

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
    "Tokenizer",
    "generate",
    "load",
    "load_bdh",
    "load_tokenizer",
    "save",
    "weights_hash",
]
__version__ = "0.1.0"
