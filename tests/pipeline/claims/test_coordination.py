"""Predicates of one subject are split, with what they share, or stay together."""

from __future__ import annotations

import pytest

from tests.pipeline.claims.claim_texts import texts


@pytest.mark.parametrize(
    ("sentence", "parts"),
    [
        (
            "He was born in Rome, lost his father and went to sea.",
            ["was born in Rome", "lost his father", "went to sea"],
        ),
        ("He left Rome, crossed the Alps on foot and never looked back.", ["left Rome", "crossed the Alps on foot"]),
        ("He inherited a farm but gambled away his money.", ["inherited a farm", "gambled away his money"]),
        ("He lost his wife, remarried in 1820, and had three sons.", ["lost his wife", "remarried in 1820"]),
        ("He could read and write and spoke five languages.", ["could read and write", "spoke five languages"]),
        ("He killed the king and was king himself.", ["killed the king", "was king himself"]),
        ("He had a scar and walked with a limp.", ["had a scar", "walked with a limp"]),
        ("He observes the judge and later confronts the clerk.", ["observes the judge", "later confronts the clerk"]),
    ],
)
def test_predicates_of_one_subject_become_claims(sentence: str, parts: list[str]) -> None:
    found = texts(sentence)
    assert [f"Edmond Dantès {part}." for part in parts] == found[: len(parts)]
    assert len(found) > 1


@pytest.mark.parametrize(
    ("sentence", "parts"),
    [
        (
            "He was re-arrested and shipped to the Château d'If.",
            ["Edmond Dantès was re-arrested.", "Edmond Dantès was shipped to the Château d'If."],
        ),
        (
            "He was arrested in Rome and died of a fever.",
            ["Edmond Dantès was arrested in Rome.", "Edmond Dantès died of a fever."],
        ),
        (
            "He was sent to Goa, read the old texts and laid the groundwork for his work.",
            [
                "Edmond Dantès was sent to Goa.",
                "Edmond Dantès read the old texts.",
                "Edmond Dantès laid the groundwork for his work.",
            ],
        ),
        (
            "He had joined the navy and fought the French at Toulon.",
            ["Edmond Dantès had joined the navy.", "Edmond Dantès had fought the French at Toulon."],
        ),
    ],
)
def test_a_shared_was_or_had_is_repeated(sentence: str, parts: list[str]) -> None:
    assert texts(sentence) == parts


@pytest.mark.parametrize(
    ("sentence", "lead"),
    [
        ("In 1815 he was arrested and shipped to the island fortress.", "In 1815, "),
        ("As a boy, he herded goats and learned the stars.", "As a boy, "),
        ("Suspected again in 1815, he was re-arrested and shipped to the fortress.", "Suspected again in 1815, "),
        ("Passing as a gaucho he worked on a ranch, picked up Spanish and fled in spring.", "Passing as a gaucho, "),
    ],
)
def test_a_fronted_phrase_is_repeated_in_every_part(sentence: str, lead: str) -> None:
    found = texts(sentence)
    assert len(found) > 1
    assert all(text.startswith(f"{lead}Edmond Dantès ") for text in found)


WHOLE = [
    # a negation, a habit or a condition that applies to both
    "He never married or had children.",
    "He never married and lived alone by the harbour.",
    "He did not weep and left the house at dawn.",
    "He always feared dogs and slept with a knife.",
    "He nearly drowned and lost two fingers.",
    "He was twice asked and refused by her father.",
    # a clause to which the second verb may belong
    "He met a man who stole horses and sold them.",
    "He believed that the king lied and fled to Rome.",
    "He said the king lied and fled to Rome.",
    "He waited until the guard slept and opened the door.",
    # a participle that may describe a thing
    "He saw the ship burned and looted by pirates.",
    "He treated horses and wounded men in the field.",
    "He sailed with a crew hired in Genoa and armed with muskets.",
    "He was poor and despised by his neighbours.",
    "He was tried by a court and granted a pardon.",
    "He was found unconscious and wounded on two occasions.",
    "He used sudden darkness, and unexpected cavalry charges.",
    "He showed his skill by speaking in verse and having translated and printed the book.",
    # nouns that look like verbs
    "He sold powder and shot at the harbour.",
    "He carried a hammer and saw to the yard.",
    "He bought silk and felt hats in Lyon.",
    # the second part would refer to the first
    "He bought a ship, sailed it to Malta and sold it there.",
    "He inherited a farm but lost it at cards.",
    "He swore an oath, and broke it.",
    "He dug a tunnel for years, and he found the abbé at its end.",
    "In 1815 he was arrested, and he was shipped to the island.",
    "He saved an old shepherd on the plain; in gratitude the man gave him a map.",
    # a time at the end that may belong to both
    "He was arrested and shipped to the fortress in 1815.",
    "He left Rome, crossed the Alps on foot and reached Paris in 1815.",
    # quoted words
    "He wrote “I came and conquered the town” on a wall.",
    # verbs with another subject
    "The storm broke the mast and drowned the cook, whom Edmond loved.",
]


@pytest.mark.parametrize("sentence", WHOLE)
def test_a_sentence_stays_whole_where_a_part_would_mean_something_else(sentence: str) -> None:
    assert len(texts(sentence)) == 1


def test_then_stays_in_the_later_part() -> None:
    assert texts("He watched the fire and then endured an orphanage for boys.") == [
        "Edmond Dantès watched the fire.",
        "Edmond Dantès then endured an orphanage for boys.",
    ]


def test_predicates_of_another_subject_are_split_if_each_is_about_the_character() -> None:
    assert texts("Lord Glenarvan met him in Rome and hired him at once.", "Paganel") == [
        "Lord Glenarvan met Paganel in Rome.",
        "Lord Glenarvan hired Paganel at once.",
    ]
    assert len(texts("Lord Glenarvan met Paganel in Rome and hired a cook at once.", "Paganel")) == 1


def test_an_adverb_of_the_first_predicate_is_not_repeated() -> None:
    assert texts("The Sheik initially informs Diana of a plan, but later decides to send Diana away.", "Diana") == [
        "The Sheik initially informs Diana of a plan.",
        "The Sheik later decides to send Diana away.",
    ]


def test_a_list_without_its_last_member_gets_an_and() -> None:
    assert texts("He entered the university, read theology and chemistry, and caused a stir.")[0] == (
        "Edmond Dantès entered the university and read theology and chemistry."
    )
