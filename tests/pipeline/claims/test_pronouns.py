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
        ("After his notes were burned he vowed revenge.", "After his notes were burned, Edmond Dantès vowed revenge."),
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


@pytest.mark.parametrize(
    ("sentence", "named"),
    [
        ("For his wedding he wore grey.", "For his wedding, Edmond Dantès wore grey."),
        (
            "To get to his ship he sold a mare to Lord Ash.",
            "To get to his ship, Edmond Dantès sold a mare to Lord Ash.",
        ),
        ("Having lost his parents, he went to sea.", "Having lost his parents, Edmond Dantès went to sea."),
        ("Under his powdered wig he has black hair.", "Under his powdered wig, Edmond Dantès has black hair."),
        ("Because of his temper he lost his post.", "Because of his temper, Edmond Dantès lost his post."),
        ("In his will he left all to Haydée.", "In his will, Edmond Dantès left all to Haydée."),
        ("Every November he wrote to a brother.", "Every November, Edmond Dantès wrote to a brother."),
        ("Twice a year he walked home.", "Twice a year, Edmond Dantès walked home."),
        ("All his life he was afraid of dogs.", "All his life, Edmond Dantès was afraid of dogs."),
        ("While still a boy he stole a horse.", "While still a boy, Edmond Dantès stole a horse."),
        ("Though poor, he was proud.", "Though poor, Edmond Dantès was proud."),
        ("Never in his life had he seen snow.", "Never in his life had Edmond Dantès seen snow."),
        ("When the old pit closed he left.", "When the old pit closed, Edmond Dantès left."),
        ("When his mother died he wept.", "When his mother died, Edmond Dantès wept."),
        (
            "In the year the lamp went dark he was thirteen.",
            "In the year the lamp went dark, Edmond Dantès was thirteen.",
        ),
        ("Whatever his friends said, he never drank.", "Whatever his friends said, Edmond Dantès never drank."),
        ("It was he who fell.", "It was Edmond Dantès who fell."),
        # a relative clause is no fronted phrase
        ("The violin he played was old.", "The violin Edmond Dantès played was old."),
        ("By the time he was ten he could swim.", "By the time Edmond Dantès was ten he could swim."),
        ("The winter he spent in Rome was cold.", "The winter Edmond Dantès spent in Rome was cold."),
        # the subject may be another man
        ("When his brother came he hid.", "When Edmond Dantès's brother came he hid."),
        ("When Lord Ash died he wept.", "Edmond Dantès: When Lord Ash died he wept."),
    ],
)
def test_the_subject_after_a_fronted_phrase_is_named_and_its_possessives_stay(sentence: str, named: str) -> None:
    assert texts(f"He was a sailor. {sentence}")[-1] == named


@pytest.mark.parametrize(
    ("sentence", "named"),
    [
        ("His mother died at the Dantès farm.", "Edmond Dantès's mother died at the Dantès farm."),
        ("He sold the Dantès farm to a stranger.", "Edmond Dantès sold the Dantès farm to a stranger."),
        ("His brother hated Dantès.", "His brother hated Dantès."),
    ],
)
def test_a_name_that_is_an_attribute_does_not_stand_for_the_character(sentence: str, named: str) -> None:
    assert texts(f"He was a sailor. {sentence}")[-1] == named


def test_a_long_clause_before_the_subject_is_kept() -> None:
    sentence = "From the day her father called her a hard name until her child was born she did not speak."
    assert texts(f"She was a nurse. {sentence}", "Ann Lee")[-1] == sentence.replace(" she", ", Ann Lee")
