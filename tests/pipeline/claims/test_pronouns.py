"""A claim names its character where a pronoun was, or before the text."""

from __future__ import annotations

import pytest

from tests.pipeline.claims.claim_texts import texts


@pytest.mark.parametrize(
    ("sentence", "named"),
    [
        ("He was a sailor.", "Edmond Dantès was a sailor."),
        ("His father starved.", "Edmond Dantès's father starved."),
        ("At twelve he went to sea.", "At twelve, Edmond Dantès went to sea."),
        ("The sea was calm that year.", "Edmond Dantès: The sea was calm that year."),
        ("His Majesty sent him away.", "Edmond Dantès: His Majesty sent him away."),
        ("In May the Dantès house was sold.", "In May the Dantès house was sold."),
        ("His brother Louis Dantès drowned.", "Edmond Dantès's brother Louis Dantès drowned."),
        ("EDMOND DANTES fled.", "EDMOND DANTES fled."),
    ],
)
def test_claims_name_their_character(sentence: str, named: str) -> None:
    assert texts(sentence) == [named]


def test_claims_name_a_character_with_the_pronouns_she_or_they() -> None:
    assert texts("She was born in Rome. Her aunt raised her.", "Ann Lee") == [
        "Ann Lee was born in Rome.",
        "Ann Lee's aunt raised her.",
    ]
    assert texts("They were born in Rome. Their aunt wept.", "Ann Lee") == [
        "Ann Lee was born in Rome.",
        "Ann Lee's aunt wept.",
    ]


def test_claims_leave_the_pronoun_of_another_person() -> None:
    backstory = "He grew up alone. He loved a nurse. She died of fever."
    assert texts(backstory)[2] == "Edmond Dantès: She died of fever."


def test_claims_write_the_first_side_of_a_slash_name_and_know_both() -> None:
    backstory = "He deserted his ship. As Ben Joyce he led the convicts. Ayrton was left ashore."
    assert texts(backstory, "Tom Ayrton/Ben Joyce") == [
        "Tom Ayrton deserted his ship.",
        "As Ben Joyce, Tom Ayrton led the convicts.",
        "Ayrton was left ashore.",
    ]


def test_claims_without_a_character_are_not_changed() -> None:
    assert texts("He was a sailor. The sea was calm.", "") == ["He was a sailor.", "The sea was calm."]


@pytest.mark.parametrize(
    ("sentence", "named"),
    [
        ("Before each fight he prayed.", "Before each fight, Edmond Dantès prayed."),
        ("As a boy he was poor.", "As a boy, Edmond Dantès was poor."),
        ("In his youth he sailed with sealers.", "In his youth, Edmond Dantès sailed with sealers."),
        ("While escaping he hid a book.", "While escaping, Edmond Dantès hid a book."),
        ("Because he spoke French he was posted to Rome.", "Because Edmond Dantès spoke French he was posted to Rome."),
        ("After his notes were burned he vowed revenge.", "After Edmond Dantès's notes were burned he vowed revenge."),
        ("Lord Glenarvan met him briefly in Rome.", "Lord Glenarvan met Edmond Dantès briefly in Rome."),
        ("Solitude taught him patience.", "Solitude taught Edmond Dantès patience."),
        ("Slave-raiders seized his sister.", "Slave-raiders seized Edmond Dantès's sister."),
        ("Raised by an aunt in Rome.", "Edmond Dantès was raised by an aunt in Rome."),
        ("Never married.", "Edmond Dantès never married."),
        ("Worked in the docks of Genoa for ten years.", "Edmond Dantès worked in the docks of Genoa for ten years."),
        ("Under the alias “Dantès” he joined the navy.", "Under the alias “Dantès”, Edmond Dantès joined the navy."),
        # the pronoun is ambiguous
        ("Fletcher valued his experience.", "Edmond Dantès: Fletcher valued his experience."),
        ("Villefort’s drift disappointed him.", "Edmond Dantès: Villefort’s drift disappointed him."),
        (
            "The night before the mate was hanged he fled.",
            "Edmond Dantès: The night before the mate was hanged he fled.",
        ),
        ("Officers marvelled that he swam so well.", "Edmond Dantès: Officers marvelled that he swam so well."),
        ("The king wrote “he is lost” to the queen.", "Edmond Dantès: The king wrote “he is lost” to the queen."),
    ],
)
def test_the_name_replaces_a_pronoun_or_an_omitted_subject(sentence: str, named: str) -> None:
    assert texts(f"He was a sailor. {sentence}")[-1] == named


@pytest.mark.parametrize(
    ("sentence", "named"),
    [
        ("Lord Ash met her in Rome.", "Lord Ash met Ann Lee in Rome."),
        ("In spring her aunt died.", "In spring Ann Lee's aunt died."),
        ("Solitude gave her bread.", "Ann Lee: Solitude gave her bread."),
        ("Her aunt raised her.", "Ann Lee's aunt raised her."),
    ],
)
def test_her_is_an_object_or_a_possessive(sentence: str, named: str) -> None:
    assert texts(f"She was a sailor. {sentence}", "Ann Lee")[-1] == named
