"""A shape that a signature promises is checked in every call, though equal shapes are looked at once."""

from __future__ import annotations

from collections.abc import Callable

import jaxtyping
import pytest
import torch

from bdh.shapes import Float, Tensor
from tests import shapes

checked: Callable[..., Callable[..., Tensor]] = jaxtyping.jaxtyped(typechecker=shapes.checked)


@checked
def scale(rows: Float[Tensor, "T D"], by: Float[Tensor, "D"], cut: int = 0) -> Float[Tensor, "T D"]:
    return (rows * by.sum())[cut:]


def test_wrong_argument_is_found_after_right_ones() -> None:
    scale(torch.ones(3, 2), torch.ones(2))
    for wrong in (torch.ones(3), torch.ones(2, dtype=torch.long), torch.ones(2, 1)):
        with pytest.raises(jaxtyping.TypeCheckError):
            scale(torch.ones(3, 2), wrong)
    assert scale(torch.ones(3, 2), torch.ones(2)).shape == (3, 2)


def test_wrong_result_of_right_arguments_is_found_each_time() -> None:
    scale(torch.ones(3, 2), torch.ones(2), 0)
    for _ in range(2):
        with pytest.raises(jaxtyping.TypeCheckError):
            scale(torch.ones(3, 2), torch.ones(2), 1)


def test_wrong_shape_passes_where_shapes_are_unchecked() -> None:
    with shapes.unchecked():
        assert scale(torch.ones(3, 2), torch.ones(3), 1).shape == (2, 2)


def test_function_without_shapes_stays_itself() -> None:
    def plain(of: int) -> int:
        return of

    assert checked(plain) is plain
