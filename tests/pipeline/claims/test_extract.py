"""A backstory to claims."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import spacy
from hypothesis import given, settings
from hypothesis import strategies as st
from spacy.language import Language

from pipeline.claims.attributes import claim_type, has_verb, stability, time_scope
from pipeline.claims.coordination import FEWEST
from pipeline.claims.extract import extract_claims
from pipeline.claims.files import LONGEST, read_backstory
from pipeline.errors import BackstoryError
from pipeline.records import ClaimType, Stability, TimeScope


def sentencizer() -> Language:
    nlp = spacy.blank("en")
    nlp.add_pipe("sentencizer")
    return nlp


NLP = sentencizer()
EDMOND = "Edmond Dantès"


def texts(backstory: str, character: str = EDMOND) -> list[str]:
    return [claim.text for claim in extract_claims(backstory, character, NLP)]


def test_claims_are_the_sentences_in_their_order() -> None:
    assert texts("Edmond Dantès sailed to Elba. Edmond came home in February.") == [
        "Edmond Dantès sailed to Elba.",
        "Edmond came home in February.",
    ]


@pytest.mark.parametrize(
    "sentence",
    [
        "Edmond met Mr. Morrel, Dr. Avrigny and M. Noirtier at St. Meran.",
        "Edmond owed Mme. Danglars and Capt. Leclere five francs.",
        "Edmond wrote that Jno. Peters was waiting in the library.",
        "Edmond slept in cell No. 34 until 3 p.m. on the Sunday.",
    ],
)
def test_claims_do_not_end_at_abbreviations(sentence: str) -> None:
    assert texts(sentence) == [sentence]


@pytest.mark.parametrize(
    ("sentence", "parts"),
    [
        (
            "Edmond signed on as a boy; he soon became first mate.",
            ["Edmond signed on as a boy.", "Edmond Dantès soon became first mate."],
        ),
        (
            "He dug a tunnel for years, and he found the abbé in the dark.",
            ["Edmond Dantès dug a tunnel for years.", "Edmond Dantès found the abbé in the dark."],
        ),
        (
            "The king fell in July, but Dantès stayed in his cell.",
            ["Edmond Dantès: The king fell in July.", "Dantès stayed in his cell."],
        ),
    ],
)
def test_claims_part_a_sentence_of_two_facts(sentence: str, parts: list[str]) -> None:
    assert texts(sentence) == parts


@pytest.mark.parametrize(
    "sentence",
    [
        "Edmond visited Rome, Italy; Paris, France; and London.",
        "Edmond loved his mother; she died in the spring of 1800.",
        "Edmond loved Mercédès; the wedding was broken off by soldiers.",
        "Edmond saved a shepherd; it earned him a map of the wells.",
        "When Edmond fell ill, and he was left alone, the abbé nursed him.",
        "Edmond loved her, and she waited for him by the sea.",
        "Edmond wrote “I am lost; they have bricked me up alive” upon the wall.",
        "The abbé taught his friend, his pupil, and Dantès, who had been asleep.",
        "The girl found Edmond behind a slab, and she led Edmond out into the day.",
        "The abbé met Edmond in the dark, and they worked until morning.",
    ],
)
def test_claims_leave_whole_what_cannot_stand_alone(sentence: str) -> None:
    assert texts(sentence) == [sentence]


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


def test_claims_take_she_and_they_for_a_character_called_so() -> None:
    assert texts("She was born in Rome. Her aunt raised her.", "Ann Lee") == [
        "Ann Lee was born in Rome.",
        "Ann Lee's aunt raised her.",
    ]
    assert texts("They were born in Rome. Their aunt wept.", "Ann Lee") == [
        "Ann Lee was born in Rome.",
        "Ann Lee's aunt wept.",
    ]


def test_claims_leave_the_pronoun_of_somebody_else() -> None:
    backstory = "He grew up alone. He loved a nurse. She died of fever."
    assert texts(backstory)[2] == "Edmond Dantès: She died of fever."


def test_claims_write_the_first_side_of_a_slash_name_and_know_both() -> None:
    backstory = "He deserted his ship. As Ben Joyce he led the convicts. Ayrton was left ashore."
    assert texts(backstory, "Tom Ayrton/Ben Joyce") == [
        "Tom Ayrton deserted his ship.",
        "As Ben Joyce, Tom Ayrton led the convicts.",
        "Ayrton was left ashore.",
    ]


def test_claims_without_a_character_are_left_as_they_are() -> None:
    assert texts("He was a sailor. The sea was calm.", "") == ["He was a sailor.", "The sea was calm."]


def test_claims_take_markdown_off() -> None:
    backstory = (
        "# Early life\n\n**Turning Point**: He *fled* the __old__ `fort` at dawn.\n\n- He sailed east\n2. He won gold\n"
    )
    assert texts(backstory) == [
        "Edmond Dantès fled the old fort at dawn.",
        "Edmond Dantès sailed east.",
        "Edmond Dantès won gold.",
    ]


def test_claims_keep_a_number_in_brackets() -> None:
    assert texts("At the trial (1793) he was driven out.") == ["At the trial (1793), Edmond Dantès was driven out."]


def test_claims_leave_quotation_marks_and_brackets_where_they_belong() -> None:
    assert texts("Edmond rose. “I am lost,” Edmond said. (Edmond was ill.) Edmond fell.") == [
        "Edmond rose.",
        "“I am lost,” Edmond said.",
        "(Edmond was ill.)",
        "Edmond fell.",
    ]


def test_claims_keep_a_quotation_of_several_sentences_whole() -> None:
    assert texts("Edmond said “I was dead. I came back. You sleep.” Edmond left.") == [
        "Edmond said “I was dead. I came back. You sleep.”",
        "Edmond left.",
    ]


def test_claims_begin_a_sentence_with_an_abbreviation() -> None:
    assert texts("Edmond smoked a cigar. Jno. Peters knew Edmond well.") == [
        "Edmond smoked a cigar.",
        "Jno. Peters knew Edmond well.",
    ]


def test_claims_join_lines_that_a_typesetter_broke() -> None:
    backstory = "He was born in a narrow street of the old harbour in Marseilles\nDocks, and went to sea."
    assert texts(backstory) == [
        "Edmond Dantès was born in a narrow street of the old harbour in Marseilles Docks.",
        "Edmond Dantès went to sea.",
    ]


def test_claims_leave_headings_out_and_keep_scraps_with_their_sentence() -> None:
    assert texts("Early Life\n\nHe was poor. Very poor. He starved.") == [
        "Edmond Dantès was poor. Very poor.",
        "Edmond Dantès starved.",
    ]


def test_claims_take_a_lone_phrase_for_a_claim() -> None:
    assert texts("A sailor") == ["Edmond Dantès: A sailor."]


def test_claims_state_a_repeated_sentence_once() -> None:
    assert len(texts("He was a sailor. He was a sailor.")) == 1


def test_claim_ids_are_numbered_stable_and_depend_on_character_and_text() -> None:
    first = extract_claims("Ann fled at dawn. Ann came back.", "Ann", NLP)
    again = extract_claims("Ann fled at dawn. Ann came back.", "Ann", NLP)
    other = extract_claims("Ann fled at dusk. Ann came back.", "Ann", NLP)
    namesake = extract_claims("Ann fled at dawn. Ann came back.", "Ann/Anna", NLP)
    assert first == again
    assert [re.fullmatch(r"c\d+-[0-9a-f]{8}", claim.id) is not None for claim in first] == [True, True]
    assert first[0].id != other[0].id
    assert first[1].id == other[1].id
    assert first[0].id != namesake[0].id


@pytest.mark.parametrize("backstory", ["", " \n", "…", "* * *", "?!"])
def test_claims_refuse_a_backstory_without_words(backstory: str) -> None:
    with pytest.raises(BackstoryError, match="no claim"):
        extract_claims(backstory, EDMOND, NLP)


def test_claims_refuse_a_novel_given_as_backstory() -> None:
    with pytest.raises(BackstoryError, match="no novel"):
        extract_claims("He sailed. " * LONGEST, EDMOND, NLP)


PHRASES = st.sampled_from(
    [
        "He was poor", "; ", ", and he ", "his father died young", "Edmond", " Mr. ", ". ", "\n", "\n\n", "**Label**: ",
        "she", " “", "” ", "(", ") ", "the child was taken away", "At twelve, ", "- ", "# ", "’s ", "_", "é",
    ]
)  # fmt: skip


@settings(max_examples=150, deadline=None)
@given(
    backstory=st.one_of(st.text(max_size=80), st.lists(PHRASES, max_size=14).map("".join)),
    character=st.one_of(st.sampled_from(["", EDMOND, "Ann/Bo", "/", "The Old Man"]), st.text(max_size=12)),
)
def test_claims_of_any_text_are_sound_or_refused(backstory: str, character: str) -> None:
    try:
        claims = extract_claims(backstory, character, NLP)
    except BackstoryError as error:
        assert "\n" not in str(error)
        return
    assert claims == extract_claims(backstory, character, NLP)
    assert claims
    assert len({claim.id for claim in claims}) == len({claim.text for claim in claims}) == len(claims)
    assert all(claim.text.strip() and "\n" not in claim.text for claim in claims)


CLAUSES = st.sampled_from(
    ["he was poor", "; ", ", and he ", " his father died young", ", but ", " the king", " fled", " at dawn", " “", "” "]
)


@settings(max_examples=200, deadline=None)
@given(st.lists(CLAUSES, min_size=3, max_size=14).map("".join))
def test_claims_parted_from_one_sentence_have_three_words_and_a_verb(sentence: str) -> None:
    parts = texts(f"Edmond {sentence}", "")
    if len(parts) > 1:
        words = [re.findall(r"\w+", part.lower()) for part in parts]
        assert all(len(found) >= FEWEST and has_verb(found) for found in words)
    assert set(re.findall(r"\w+", sentence)) - set(re.findall(r"\w+", " ".join(parts).lower())) <= {"and", "but"}


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


def test_claims_carry_character_type_time_and_stability() -> None:
    claim = extract_claims("As a child he was always a liar.", EDMOND, NLP)[0]
    assert (claim.character, claim.type, claim.time_scope, claim.stability) == (
        EDMOND,
        "trait",
        "childhood",
        "long_term",
    )


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
        # whose the pronoun is cannot be told
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
def test_claims_put_the_name_where_a_reader_would(sentence: str, named: str) -> None:
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
def test_claims_tell_her_the_object_from_her_the_possessive(sentence: str, named: str) -> None:
    assert texts(f"She was a sailor. {sentence}", "Ann Lee")[-1] == named


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "latin-1", "cp1252", "utf-16"])
def test_read_backstory_reads_the_encodings_that_users_have(tmp_path: Path, encoding: str) -> None:
    path = tmp_path / "backstory.txt"
    path.write_bytes("Edmond Dantès fled.\r\nIl était né ici.\r\n".encode(encoding))
    assert read_backstory(path).split() == ["Edmond", "Dantès", "fled.", "Il", "était", "né", "ici."]


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "is empty"),
        (b" \n\t", "is empty"),
        (b"\xef\xbb\xbf", "is empty"),
        (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "is a binary file"),
        (b"plain\0text", "is a binary file"),
        (bytes(range(128, 256)) * 3, "is a binary file"),
    ],
)
def test_read_backstory_names_the_fault_on_one_line(tmp_path: Path, data: bytes, message: str) -> None:
    path = tmp_path / "backstory.txt"
    path.write_bytes(data)
    with pytest.raises(BackstoryError) as caught:
        read_backstory(path)
    assert message in str(caught.value)
    assert "expected" in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["absent.txt", "."])
def test_read_backstory_refuses_a_missing_file_and_a_folder(tmp_path: Path, name: str) -> None:
    with pytest.raises(BackstoryError, match="cannot be read"):
        read_backstory(tmp_path / name)
