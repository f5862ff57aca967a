"""The names of axes, used in every signature.

``B`` batch, ``H`` heads, ``T`` time (tokens), ``N`` neurons per head, ``D`` width of the embedding, ``L`` layers,
``V`` vocabulary. Arrays are annotated with jaxtyping: ``Float[Tensor, "B H T N"]``.
"""

from jaxtyping import Bool, Float, Int
from torch import Tensor

__all__ = ["Bool", "Float", "Int", "Tensor"]
