"""Sentences of several facts to claims of one, and what may not be cut."""

from __future__ import annotations

import re

import pytest
import spacy
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.claims.clauses import split_facts
from pipeline.claims.coordination import FEWEST
from pipeline.claims.extract import extract_claims
from pipeline.claims.subject import find_protagonist

NLP = spacy.blank("en")
NLP.add_pipe("sentencizer")
EDMOND = "Edmond Dantès"


def texts(sentence: str, character: str = EDMOND) -> list[str]:
    return [claim.text for claim in extract_claims(sentence, character, NLP)]


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
def test_a_shared_was_or_had_is_written_into_both(sentence: str, parts: list[str]) -> None:
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
def test_the_phrase_in_front_stands_before_every_part(sentence: str, lead: str) -> None:
    found = texts(sentence)
    assert len(found) > 1
    assert all(text.startswith(f"{lead}Edmond Dantès ") for text in found)


@pytest.mark.parametrize(
    ("sentence", "parts"),
    [
        (
            "Born in Marseille, learned to sail at ten.",
            ["Edmond Dantès was born in Marseille.", "Edmond Dantès learned to sail at ten."],
        ),
        (
            "Born in 1760 to a noble house, he startled tutors with his memory.",
            ["Edmond Dantès was born in 1760 to a noble house.", "Edmond Dantès startled tutors with his memory."],
        ),
        (
            "Born in Calcutta to a merchant, his father kept the accounts.",
            ["Edmond Dantès was born in Calcutta to a merchant.", "Edmond Dantès's father kept the accounts."],
        ),
        (
            "Joined the navy at twelve and fought at Trafalgar.",
            ["Edmond Dantès joined the navy at twelve.", "Edmond Dantès fought at Trafalgar."],
        ),
    ],
)
def test_a_birth_is_a_fact_and_a_missing_subject_the_character(sentence: str, parts: list[str]) -> None:
    assert texts(f"He was a sailor. {sentence}")[1:] == parts


WHOLE = [
    # a negation, a habit or a condition that reaches over both
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
    # the second part would speak of something cut off
    "He bought a ship, sailed it to Malta and sold it there.",
    "He inherited a farm but lost it at cards.",
    "He swore an oath, and broke it.",
    "He dug a tunnel for years, and he found the abbé at its end.",
    "In 1815 he was arrested, and he was shipped to the island.",
    "He saved an old shepherd on the plain; in gratitude the man gave him a map.",
    # a time at the end that may be that of both
    "He was arrested and shipped to the fortress in 1815.",
    "He left Rome, crossed the Alps on foot and reached Paris in 1815.",
    # said, asked
    "He wrote “I came and conquered the town” on a wall.",
    # verbs of which the subject is not the same
    "The storm broke the mast and drowned the cook, whom Edmond loved.",
]


@pytest.mark.parametrize("sentence", WHOLE)
def test_a_sentence_is_left_whole_where_a_part_would_say_something_else(sentence: str) -> None:
    assert len(texts(sentence)) == 1


def test_a_later_then_keeps_its_place_in_the_order() -> None:
    assert texts("He watched the fire and then endured an orphanage for boys.") == [
        "Edmond Dantès watched the fire.",
        "Edmond Dantès then endured an orphanage for boys.",
    ]


def test_predicates_of_somebody_else_are_parted_where_each_tells_of_the_character() -> None:
    assert texts("Lord Glenarvan met him in Rome and hired him at once.", "Paganel") == [
        "Lord Glenarvan met Paganel in Rome.",
        "Lord Glenarvan hired Paganel at once.",
    ]
    assert len(texts("Lord Glenarvan met Paganel in Rome and hired a cook at once.", "Paganel")) == 1


def test_an_adverb_of_the_first_predicate_stays_out_of_the_second() -> None:
    assert texts("The Sheik initially informs Diana of a plan, but later decides to send Diana away.", "Diana") == [
        "The Sheik initially informs Diana of a plan.",
        "The Sheik later decides to send Diana away.",
    ]


def test_a_list_that_loses_its_last_member_gets_its_and() -> None:
    assert texts("He entered the university, read theology and chemistry, and caused a stir.")[0] == (
        "Edmond Dantès entered the university and read theology and chemistry."
    )


FRAGMENTS = st.sampled_from(
    [
        "he was arrested", "In 1815", ", ", "and", " but ", "; ", "shipped to Rome", "went to sea", "never", "“", "”",
        "who stole", "died in 1840", "Edmond", "then", "Born in Rome, ", "his father", "had joined", "lost his wife",
        "—", "(", ")", "at twelve", "while", "saw it", ".",
    ]
)  # fmt: skip


@settings(max_examples=300, deadline=None)
@given(st.lists(FRAGMENTS, min_size=1, max_size=12).map(" ".join))
def test_no_word_of_a_sentence_is_lost(sentence: str) -> None:
    person = find_protagonist("", [sentence, "He slept."])
    parts = list(split_facts(sentence, person))
    assert parts == list(split_facts(sentence, person))
    lost = set(re.findall(r"\w+", sentence.lower())) - set(re.findall(r"\w+", " ".join(parts).lower()))
    assert lost <= {"and", "but"}
    assert len(parts) == 1 or all(len(re.findall(r"\w+", part)) >= FEWEST for part in parts)
