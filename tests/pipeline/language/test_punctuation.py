"""Quotation marks and brackets that come in pairs."""

from __future__ import annotations

import pytest

from pipeline.language.punctuation import is_balanced


@pytest.mark.parametrize(
    ("text", "balanced"),
    [
        ("He said “Go!” (twice).", True),
        ("He said ‘Go!’ and didn’t.", True),
        ('He said "Go!"', True),
        ("He—said go.", True),
        ("He said “Go!", False),
        ("He said ‘Go!", False),
        ('He said "Go!', False),
        ("He (said go.", False),
    ],
)
def test_is_balanced_wants_every_mark_closed(text: str, balanced: bool) -> None:
    assert is_balanced(text) == balanced
