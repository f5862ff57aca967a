"""Verb forms are recognised by word lists and endings."""

from __future__ import annotations

import pytest

from pipeline.language.verbs import form_of, has_verb, is_adverb, is_participle, is_past


@pytest.mark.parametrize(
    ("word", "form"),
    [("took", "finite"), ("was", "finite"), ("becomes", "finite"), ("sent", "open"), ("arrested", "open"),
     ("agreed", "open"),
     ("need", ""), ("wicked", ""), ("house", "")],
)  # fmt: skip
def test_forms_are_finite_or_open(word: str, form: str) -> None:
    assert form_of(word) == form


def test_some_past_forms_are_not_participles() -> None:
    assert is_past("took") and not is_participle("took")
    assert is_participle("taken") and not is_past("taken")
    assert is_past("joined") and is_participle("joined")


@pytest.mark.parametrize(("word", "adverb"), [("secretly", True), ("then", True), ("family", False), ("fly", False)])
def test_adverbs_end_in_ly_or_are_listed(word: str, adverb: bool) -> None:
    assert is_adverb(word) == adverb


@pytest.mark.parametrize(
    ("text", "verb"), [("he poor", True), ("the king fled", True), ("a poor sailor", False), ("he", False)]
)
def test_a_clause_has_a_verb_or_begins_with_a_pronoun(text: str, verb: bool) -> None:
    assert has_verb(text.split()) == verb
