"""Words of a passage are named in the place of a claim's only where the two correspond."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from pipeline.judging.differing_words import WordDifference, find_difference


def difference(claim: str, claimed: str, evidence: str, **found: float) -> WordDifference | None:
    """Return the difference where the model marks a word of the claim, and words of the evidence with their odds.

    Tokens are runs of characters without white space or hyphens; an underscore in a marked word is a space.
    """
    marks = [{claimed: 2.0}, found]
    ranges, sides, odds = [], [], []
    for side, text in enumerate((claim, evidence)):
        for word, value in marks[side].items():
            start = text.index(word.replace("_", " "))
            ranges.append((start, start + len(word)))
            sides.append(1 - side)
            odds.append([value, -30.0] if side == 0 else [-30.0, value])
            ranges.append((0, 0))
            sides.append(None)
            odds.append([-30.0, -30.0])
    encoded = SimpleNamespace(sequence_ids=sides, offsets=ranges)
    return find_difference(encoded, np.array(odds, np.float32).reshape(-1, 2), claim=claim, evidence=evidence)  # type: ignore[arg-type]


@pytest.mark.parametrize("dash", ["--", "—", "–"])
def test_a_dash_divides_words(dash: str) -> None:
    evidence = f"He got a wound myself at Fontenoy{dash}but went on."
    found = difference("He took a wound at Culloden.", "Culloden", evidence, Fontenoy=0.5)
    assert found == WordDifference("Culloden", "Fontenoy")
    swapped = difference(evidence, "Fontenoy", "He took a wound at Culloden.", Culloden=0.5)
    assert swapped == WordDifference("Fontenoy", "Culloden")


def test_a_hyphen_joins_a_word() -> None:
    found = difference("She was twenty-one years old.", "twenty", "She was thirty-two years old.", thirty=0.5)
    assert found == WordDifference("twenty-one", "thirty-two")


@pytest.mark.parametrize(
    ("claim", "claimed", "evidence", "found"),
    [
        # another kind
        ("He sold it to Lincoln Frame.", "Frame", "He sold it to Lincoln for sixty dollars.", "sixty"),
        ("He had more left boots than right ones.", "right", "He had Forty left boots.", "Forty"),
        ("He sat at Bouches.", "Bouches", "He sat at excise.", "excise"),
        # words without a common neighbour
        ("He sends to Saint-Malo for his coffee.", "coffee", "He sent up a boy with a goose.", "goose"),
        ("She gave it with the lamp boy.", "boy", "I gave my word to your father.", "father"),
        # words that the claim has too
        ("He left Rome for Paris in May.", "Paris", "He was in Rome in May.", "Rome"),
    ],
)
def test_words_that_do_not_correspond_are_not_named(claim: str, claimed: str, evidence: str, found: str) -> None:
    assert difference(claim, claimed, evidence, **{found: 2.0}) == WordDifference(claimed, "")


@pytest.mark.parametrize(
    ("claim", "claimed", "evidence", "found"),
    [
        ("He had a white moustache.", "white", "A man with a red moustache came.", "red"),
        ("He came from Ireland.", "Ireland", "Born in Scotland, he left.", "Scotland"),
        ("He was fifteen then.", "fifteen", "When ten he left.", "ten"),
        ("Cancer was what carried him off.", "Cancer", "He was carried off by consumption.", "consumption"),
    ],
)
def test_words_that_correspond_are_named(claim: str, claimed: str, evidence: str, found: str) -> None:
    assert difference(claim, claimed, evidence, **{found: 1.0}) == WordDifference(claimed, found)


def test_of_several_words_that_with_a_common_neighbour_is_named() -> None:
    evidence = "He served the Duke of Cumberland, and got a wound at Fontenoy."
    found = difference("He took a wound at Culloden.", "Culloden", evidence, Cumberland=0.5, Fontenoy=-1.0)
    assert found == WordDifference("Culloden", "Fontenoy")


def test_unlikely_words_are_not_named() -> None:
    assert difference("He came from Ireland.", "Ireland", "Born in Scotland.", Scotland=-0.1) == WordDifference(
        "Ireland", ""
    )
    assert difference("He had a white hat.", "white", "He had a red hat.", red=-1.6) == WordDifference("white", "")
