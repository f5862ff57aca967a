"""Long tokens are broken without moving any offset."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.language.long_tokens import break_long_tokens


@pytest.mark.parametrize("token", ["*" * 10_000, "a" * 10_000, "-a" * 5_000, "_" * 300])
def test_long_tokens_are_broken_at_the_same_length(token: str) -> None:
    broken = break_long_tokens(f"It began. {token}")
    assert len(broken) == len(token) + 10 and broken.startswith("It began. ")
    assert max(map(len, broken.split())) < 200


@given(st.text())
def test_text_without_long_tokens_is_not_changed(text: str) -> None:
    assert re.search(r"\S{200}", text) or break_long_tokens(text) == text
