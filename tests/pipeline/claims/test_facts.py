"""The counts, years, ages and places of a claim."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.claims.facts import find_ages, find_facts, find_places


@pytest.mark.parametrize(
    ("text", "ages"),
    [
        ("At twelve he went to sea.", [12]),
        ("At twelve, Edmond Dantès went to sea.", [12]),
        ("By eighteen he was a student.", [18]),
        ("He left home at the age of 14.", [14]),
        ("Aged thirty-one, she married.", [31]),
        ("He was nine when a storm came.", [9]),
        ("When he was fourteen a whaling crew came.", [14]),
        ("The thirteen-year-old fled alone.", [13]),
        ("He was a boy of ten.", [10]),
        ("He was twelve years old in 1815.", [12]),
        ("At five-and-twenty he led the clan.", [25]),
        ("At seven his father died, at nine his mother.", [7, 9]),
        ("At seven o'clock he left.", []),
        ("At ten the bell rang.", []),
        ("At twelve knots the ship ran in.", []),
        ("They live at 10 Downing Street.", []),
        ("He was nearly forty.", []),
        ("In his thirties he retired.", []),
        ("There were twelve, and he led them.", []),
        ("In his twelfth year he fled.", []),
    ],
)
def test_ages_are_those_of_persons_and_exact(text: str, ages: list[float]) -> None:
    assert find_ages(text) == ages
    assert list(find_facts(text).ages) == ages


@pytest.mark.parametrize(
    ("text", "years", "numbers"),
    [
        ("In 1815 he was arrested.", (1815,), ()),
        ("The contract (1804) was burned.", (1804,), ()),
        ("A failed 1796 coup landed him in prison.", (1796,), ()),
        ("He ruled from 1815 to 1820.", (1815, 1820), ()),
        ("He ruled from 1815-20.", (1815,), ()),
        ("On 5 May 1815 he sailed with 3 ships.", (1815,), (3.0,)),
        ("He lived in the 1820s.", (), ()),
        ("He marched with 1500 soldiers.", (), (1500.0,)),
        ("He owed $1500 and 1,200 francs.", (), (1500.0, 1200.0)),
        ("He had three sons and thirty-two dogs.", (), (3.0, 32.0)),
        ("On the 37th parallel he found his third ship.", (), ()),
        ("At twelve he had three dogs.", (), (3.0,)),
        ("At three o'clock he had five letters.", (), (5.0,)),
    ],
)
def test_years_and_counts_are_told_apart(text: str, years: tuple[int, ...], numbers: tuple[float, ...]) -> None:
    facts = find_facts(text)
    assert (facts.years, facts.numbers) == (years, numbers)


@pytest.mark.parametrize(
    ("text", "places"),
    [
        ("He was born in Marseille.", ["Marseille"]),
        ("He was shipped to the Château d’If for life.", ["Château d’If"]),
        ("He died at Yanina, near Rome.", ["Yanina", "Rome"]),
        ("He sailed for New Zealand in May.", ["New Zealand"]),
        ("He fled from Paris to London.", ["Paris", "London"]),
        ("On the Marseille quay he slept.", ["Marseille"]),
        ("Born in Liverpool’s slums, he fled.", ["Liverpool"]),
        ("He walked along the Murray River.", ["Murray River"]),
        ("He lived near Regent's Park.", ["Regent's Park"]),
        ("He wrote to Napoleon from habit.", []),
        ("He gave it to Mercédès on Monday in March.", []),
        ("He spoke in French and wrote in Latin.", []),
        ("He believed in God and in Captain Grant.", []),
        ("He came to Villefort's house at Christmas.", []),
        ("He put opium in Bible pages.", []),
        ("Father Brown slept in Brown's bed.", []),
        ("His interest in Angela grew.", []),
    ],
)
def test_places_stand_behind_prepositions_of_place(text: str, places: list[str]) -> None:
    assert list(find_places(text)) == places


def test_places_are_no_persons_of_the_claim() -> None:
    assert list(find_places("He lived in Paris with Paris.", ["Paris Green"])) == []
    assert list(find_places("He went to Lady Ann, and Ann's brother returned to Ann.")) == []


@given(st.text(max_size=60), st.text(max_size=8))
def test_facts_of_any_text_are_found_without_fault_and_stand_in_it(text: str, person: str) -> None:
    facts = find_facts(text, [person])
    assert facts == find_facts(text, [person])
    assert all(place in text for place in facts.places)
    assert all(0 <= age <= 120 for age in facts.ages)
