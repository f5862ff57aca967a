"""Type, time scope and stability of a claim, by the words in it."""

from __future__ import annotations

import pytest

from pipeline.claims.attributes import claim_type, stability, time_scope
from pipeline.records import ClaimType, Stability, TimeScope


@pytest.mark.parametrize(
    ("text", "about_person", "expected"),
    [
        ("He was hanged one night.", True, "event"),
        ("He always feared dogs.", True, "trait"),
        ("She was a gentle woman.", True, "trait"),
        ("At twelve he loved maps.", True, "event"),
        ("No one may leave the island.", False, "world_rule"),
        ("He may not leave, by the laws of the island.", True, "event"),
        ("Father and son argued at every family gathering.", False, "trait"),
        ("No one knew the truth.", False, "event"),
        ("By custom the eldest inherits, and customs are kept.", False, "world_rule"),
        ("Dragons never sleep in winter.", False, "world_rule"),
        ("Herbs saved him and left his nature darker.", True, "event"),
        ("He wrote “I could have saved her” in a book.", True, "event"),
        ("He briefly loved a doctor.", True, "event"),
        ("He was never heard from again.", True, "event"),
        ("She wears a patch over one eye.", True, "trait"),
        ("Skilled in medicine, he stitched wounds.", True, "trait"),
    ],
)
def test_claim_type_follows_its_cues(text: str, about_person: bool, expected: ClaimType) -> None:
    assert claim_type(text, about_person=about_person) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("In his childhood he swam.", "childhood"),
        ("At seventeen, he fled.", "childhood"),
        ("When he was nine a storm came.", "childhood"),
        ("The thirteen-year-old fled alone.", "childhood"),
        ("At twenty-two he led the clan.", "adulthood"),
        ("He married a baker.", "adulthood"),
        ("As a boy he was poor, and as a man rich.", "unspecified"),
        ("At seven o'clock he left.", "unspecified"),
        ("He sailed.", "unspecified"),
        ("The man barred him from the school-house.", "unspecified"),
        ("He left an orphanage at dawn.", "childhood"),
        ("His mother came in marriage from the south.", "unspecified"),
        ("His father died when he was ten.", "childhood"),
        ("He was reared by his brother, a retired officer.", "childhood"),
    ],
)
def test_time_scope_follows_ages_and_words(text: str, expected: TimeScope) -> None:
    assert time_scope(text) == expected


@pytest.mark.parametrize(
    ("text", "kind", "expected"),
    [
        ("One night he fled.", "event", "short_term"),
        ("He never forgot it.", "event", "long_term"),
        ("He was a brave man.", "trait", "long_term"),
        ("He briefly was a monk, and still prays.", "trait", "unspecified"),
        ("He sailed.", "event", "unspecified"),
        ("They hired him at once.", "event", "unspecified"),
        ("He was jailed, this time for life.", "event", "long_term"),
        ("The once-noble house fell.", "event", "unspecified"),
        ("The phial still lies in a drawer.", "event", "long_term"),
    ],
)
def test_stability_follows_its_cues(text: str, kind: ClaimType, expected: Stability) -> None:
    assert stability(text, kind) == expected
