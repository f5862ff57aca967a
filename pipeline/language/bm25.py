"""bm25s, imported without JAX: where JAX is installed it would start it, and JAX takes most of a GPU for itself.

Nothing of ours lets bm25s choose the best by JAX. A JAX that the user's program has imported before stays as it is.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def _hidden(name: str) -> Iterator[None]:
    """Let an import find no module ``name`` that is not there already."""
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
