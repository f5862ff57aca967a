"""The names of axes, used in every signature.

``B`` batch, ``H`` heads, ``T`` time (tokens), ``N`` neurons per head, ``D`` width of the embedding, ``L`` layers,
``P`` rotary pairs of neurons (N / 2), ``V`` vocabulary. Arrays are annotated with jaxtyping:
``Float[Tensor, "B H T N"]``. The tests check every shape that a signature names.
"""

from jaxtyping import Bool, Complex, Float, Int
from torch import Tensor

__all__ = ["Bool", "Complex", "Float", "Int", "Tensor"]
