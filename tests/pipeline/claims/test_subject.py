"""Whom a backstory is about."""

from __future__ import annotations

import pytest

from pipeline.claims.subject import find_protagonist


@pytest.mark.parametrize(
    ("character", "text"),
    [
        ("Edmond Dantès", "Then Edmond left."),
        ("Edmond Dantès", "When Dantes left, all wept."),
        ("Edmond Dantès", "They feared Captain Dantès."),
        ("Edmond Dantès", "It was edmond dantès’s ship."),
        ("Tom Ayrton/Ben Joyce", "The convicts obeyed Joyce."),
        ("Kai-Koumou", "The tribe obeyed Kai-Koumou."),
        ("The Captain/Edvard Steen", "The Captain wears a patch."),
        ("the narrator", "In May the narrator left."),
    ],
)
def test_protagonist_is_named_by_a_part_of_the_name(character: str, text: str) -> None:
    assert find_protagonist(character, [text]).is_named_in(text)


@pytest.mark.parametrize(
    ("character", "text"),
    [
        ("Edmond Dantès", "They feared Louis Dantès."),
        ("Edmond Dantès", "They feared Edmond Smith."),
        ("Hope Lee", "He lived in hope."),
        ("Ann Lee", "The Annex burned."),
        ("Count of Monte Cristo", "The Count of Morcerf fell."),
        ("", "Edmond left."),
    ],
)
def test_protagonist_is_not_named_by_a_namesake(character: str, text: str) -> None:
    assert not find_protagonist(character, [text]).is_named_in(text)


@pytest.mark.parametrize(
    ("sentences", "subject"),
    [
        (["She left.", "He wept.", "She returned."], "she"),
        (["His father left.", "She wept."], "he"),
        (["They left.", "They met him."], "they"),
        (["They left.", "He wept."], "he"),
        (["Ann saw his coat."], "he"),
        (["Ann saw his coat and her hat."], None),
        (["Ann left."], None),
    ],
)
def test_protagonist_owns_the_pronouns_that_sentences_begin_with(sentences: list[str], subject: str | None) -> None:
    assert find_protagonist("Ann", sentences).pronouns[:1] == ((subject,) if subject else ())
