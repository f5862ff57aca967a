"""References that only an earlier part of a sentence resolves."""

from __future__ import annotations

import pytest

from pipeline.claims.dangling import has_dangling_reference, has_unresolved_pronoun, is_closed
from pipeline.claims.subject import find_protagonist

PERSON = find_protagonist("Edmond Dantès", ["He sailed."])


@pytest.mark.parametrize(
    ("text", "unresolved"),
    [
        ("he left his home", False),
        ("she waited for him", True),
        ("his sister wept when she heard", False),
        ("their ship sank", False),
    ],
)
def test_a_pronoun_of_another_person_needs_an_antecedent(text: str, unresolved: bool) -> None:
    assert has_unresolved_pronoun(text.split(), PERSON) == unresolved


@pytest.mark.parametrize(
    ("text", "dangling"),
    [
        ("he sold it in Malta", True),
        ("the man gave him a map", True),
        ("he fled that night", True),
        ("he sold the ship", False),
    ],
)
def test_it_and_the_man_and_that_night_refer_to_something_earlier(text: str, dangling: bool) -> None:
    assert has_dangling_reference(text.split(), PERSON) == dangling


@pytest.mark.parametrize(("text", "closed"), [("he fled", True), ("he—a boy—fled", True), ("he—a boy", False)])
def test_a_part_with_one_dash_is_not_closed(text: str, closed: bool) -> None:
    assert is_closed(text) == closed
