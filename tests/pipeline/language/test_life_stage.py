"""The life stage of a passage is read off its phrases and ages."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.language.life_stage import find_life_stage


@pytest.mark.parametrize(
    "text",
    [
        "When I was a boy we lived by the mill.",
        "In her childhood she had seen the sea once.",
        "As a little girl she was afraid of geese.",
        "He was ten years old, and could not read.",
        "Years before, at school, they had shared a bench.",
        "She grew up in a lighthouse.",
        "IN HIS BOYHOOD he rowed.",
        "At seventeen, he went to sea.",
    ],
)
def test_cues_of_childhood_are_found(text: str) -> None:
    assert find_life_stage(text) == "childhood"


@pytest.mark.parametrize(
    "text",
    ["At thirty, he left the sea.", "After his marriage he kept an inn.", "She lived alone in her old age."],
)
def test_cues_of_adulthood_are_found(text: str) -> None:
    assert find_life_stage(text) == "adulthood"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Come here, my boy, said the captain.",
        "The child ran across the road.",
        "Years ago there was a bridge.",
        "When I was a boy I feared my father; after my marriage I pitied him.",
        "He passed the school at ten.",
    ],
)
def test_a_passage_without_certain_cues_is_unspecified(text: str) -> None:
    assert find_life_stage(text) == "unspecified"


@given(st.text())
def test_any_text_has_a_time(text: str) -> None:
    assert find_life_stage(text) in {"childhood", "adulthood", "unspecified"}
