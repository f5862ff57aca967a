"""bm25s, imported without JAX: bm25s starts JAX where it is installed, and JAX reserves most of a GPU.

We never use the part of bm25s that needs JAX. If the user's program has imported JAX already, it stays imported.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def _hidden(name: str) -> Iterator[None]:
    """Make importing ``name`` fail inside the block, unless the module is loaded already."""
    if name in sys.modules:
        yield
        return
    sys.modules[name] = None  # type: ignore[assignment]
    try:
        yield
    finally:
        del sys.modules[name]


with _hidden("jax"):
    from bm25s import BM25
    from bm25s.stopwords import STOPWORDS_EN_PLUS

__all__ = ["BM25", "STOPWORDS_EN_PLUS"]
