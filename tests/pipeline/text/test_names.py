"""Rules that find names, and parsed names."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.records import Span
from pipeline.text.names import find_person_phrases, find_phrases, parse_name, trim_name, without_title


def _names(text: str) -> list[str]:
    return [text[phrase.start : phrase.end] for phrase in find_phrases(text, Span(0, len(text)))]


def _persons(text: str) -> set[str]:
    return {text[phrase.start : phrase.end] for phrase in find_person_phrases(text, Span(0, len(text)))}


@pytest.mark.parametrize(
    "name",
    [
        "Noirtier",
        "Edmond Dantès",
        "M. de Villefort",
        "Mme. Danglars",
        "Mademoiselle Valentine de Villefort",
        "Franz d’Épinay",
        "Count of Monte Cristo",
        "Kai-Koumou",
        "Captain Harry Grant",
        "J. B. Lippincott",
        "Abbé Faria",
        "Signor Pastrini",
        "Ludwig van Beethoven",
        "Patrick O'Moore",
        "St. Clair",
    ],
)
def test_find_phrases_finds_the_whole_name(name: str) -> None:
    assert _names(f"It was then that {name} came, and {name} went, for {name} was late.") == [name] * 3


@pytest.mark.parametrize("ending", ["’s", "'s", "’", "--", "_", "!"])
def test_find_phrases_leaves_the_ending_out(ending: str) -> None:
    assert _names(f"They saw Noirtier{ending} with Noirtier there.") == ["Noirtier", "Noirtier"]


def test_find_phrases_skips_words_that_only_begin_sentences() -> None:
    assert _names("Nevertheless he came. Nevertheless she went. “Farewell!” they said.") == []


def test_find_phrases_skips_words_that_are_mostly_lower_case() -> None:
    assert _names("The will of Will was his own will, and a will of iron.") == []


def test_find_phrases_frees_a_name_from_the_word_that_begins_its_sentence() -> None:
    assert _names("But Villefort came, but then Villefort left.") == ["Villefort", "Villefort"]


def test_find_phrases_never_joins_over_a_blank_line_or_a_stop() -> None:
    assert _names("They met Albert.\n\nFranz went, and Franz saw Albert. Franz spoke.") == [
        "Albert",
        "Franz",
        "Franz",
        "Albert",
        "Franz",
    ]


def test_find_phrases_joins_over_the_end_of_a_line() -> None:
    assert _names("There was Edmond\nDantès, and there was M.\nde Villefort.") == ["Edmond\nDantès", "M.\nde Villefort"]


def test_find_person_phrases_leaves_places_and_things_out() -> None:
    text = "He was in Paris, at Paris, and again in Paris. On the Pharaon, off the Pharaon. He met Fernand."
    assert _persons(text) == {"Fernand"}


def test_find_person_phrases_keeps_a_titled_name_after_an_article() -> None:
    text = "He saw the Abbé Faria and the Abbé Faria saw him, and the Faria of old smiled."
    assert _persons(text) == {"Abbé Faria", "Faria"}


def test_find_phrases_of_text_without_capitals_is_empty() -> None:
    assert _names("he saw edmond.") == []


@given(st.text(st.sampled_from("AÉa dé.’'-_\n ,MmIvonß"), max_size=60))
def test_phrases_of_any_text_are_ordered_and_point_at_their_words(text: str) -> None:
    phrases = find_phrases(text, Span(0, len(text)))
    end = 0
    for phrase in phrases:
        assert end <= phrase.start < phrase.end <= len(text)
        assert phrase.words
        assert text[phrase.start].isalnum() and text[phrase.end - 1].isalnum()
        end = phrase.end


@pytest.mark.parametrize(
    ("printed", "title", "words", "surname"),
    [
        ("Edmond Dantès", "", ("edmond", "dantes"), 1),
        ("M. de Villefort", "m", ("villefort",), 0),
        ("Count of Monte Cristo", "count", ("monte", "cristo"), 0),
        ("Franz d’Épinay", "", ("franz", "epinay"), 1),
        ("the Abbé Faria’s", "abbe", ("faria",), 0),
        ("Mademoiselle St. Clair", "mademoiselle", ("st", "clair"), 0),
        ("the Major", "", ("major",), 0),
        ("!?", "", (), 0),
    ],
)
def test_parse_name_splits_title_and_surname(printed: str, title: str, words: tuple[str, ...], surname: int) -> None:
    assert parse_name(printed) == (title, words, surname)


@given(st.text(max_size=40))
def test_parse_name_of_any_text_points_at_a_word(printed: str) -> None:
    parsed = parse_name(printed)
    assert 0 <= parsed.surname <= max(len(parsed.words) - 1, 0)


def test_trim_name_leaves_letters_at_both_ends() -> None:
    text = "x “_Dantès’s_ y"
    start, end = trim_name(text, Span(2, 13))
    assert text[start:end] == "Dantès’s"
    assert trim_name("Noirtier’s", Span(0, 10)) == (0, 8)
    assert trim_name("..", Span(0, 2)) == (0, 0)


@pytest.mark.parametrize(
    ("printed", "name"),
    [("M. de Villefort", "Villefort"), ("Lord Edward", "Edward"), ("Ali", "Ali"), ("Major", "Major")],
)
def test_without_title_keeps_the_name(printed: str, name: str) -> None:
    assert without_title(printed) == name
