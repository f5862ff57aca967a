"""Sentences: where they end, what they never cross, and text of any size and kind."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from spacy.language import Language

from pipeline.errors import SettingError
from pipeline.records import Novel, Span
from pipeline.text.chapters import find_chapters
from pipeline.text.sentences import LONGEST_SENTENCE, load_nlp, split_sentences


@pytest.fixture(scope="module")
def nlp() -> Language:
    return load_nlp(None)


def _novel(text: str) -> Novel:
    body = Span(0, len(text))
    return Novel("x", "x.txt", text, body, find_chapters(text, body), "utf-8", "0")


def _sentences(text: str, nlp: Language) -> list[str]:
    return [text[start:end] for start, end in split_sentences(_novel(text), nlp)]


@pytest.mark.parametrize(
    "sentences",
    [
        ["He came.", "She went!", "Did they?"],
        ["M. de Villefort bowed.", "Mme. Danglars and Lieut. Smith did not."],
        ["Mr. and Mrs. Grant met Dr. Smith at St. Helena, No. 34.", "They sat."],
        ["“Go!” he said.", "“Where?” asked M. Noirtier.", "“There.”", "“Ah!”"],
        ['"Go!" he said.', '"Where?" asked J. B. Lippincott.', '"There."', '"Ah!"'],
        ["It was I.", "He knew."],
        ["“No.", "I will not.”"],
        ["He waited... then left.", "It rained."],
        ["(He lied.)", "[She knew.]"],
        ["He came at 5 p.m.", "Tom left at once."],
        ["At 5 p.m. Tom left.", "When it struck 5 P. M. Tom left.", "It was 10 A.M.", "She rose."],
        ["They met at 5 p.m. Sunday.", "He left at 4 a.m. and came at 6 p.m.", "It rained."],
        ["Mr. T. Smith bowed.", "Mr. A. M. Smith and Messrs. J. P. Grant left.", "M. A. Dumas came."],
        ["It was signed by K.", "He left.", "He died in the U.S.", "The rest is known.", "Smith & Co.", "But who?"],
        ["See Vol. II. for more.", "In Vol. IV. he read No. V. again.", "“No.", "I will not.”"],
    ],
)
def test_split_sentences_ends_them_where_a_reader_would(sentences: list[str], nlp: Language) -> None:
    assert _sentences(" ".join(sentences), nlp) == sentences


@pytest.mark.parametrize(
    ("text", "sentences"),
    [
        ("He was born in 1815.He died in 1870.", ["He was born in 1815.", "He died in 1870."]),
        ("He left.Tom stayed!Ann wept?No.", ["He left.", "Tom stayed!", "Ann wept?", "No."]),
        ("“Go.”“I will,” he said.“So.”Tom left.", ["“Go.”", "“I will,” he said.", "“So.”", "Tom left."]),
        ("St.John met Mr.Smith.", ["St.John met Mr.Smith."]),
        ("He wrote to tom.Hale@mill.example today.", ["He wrote to tom.Hale@mill.example today."]),
    ],
)
def test_split_sentences_ends_them_where_a_space_is_missing(text: str, sentences: list[str], nlp: Language) -> None:
    assert _sentences(text, nlp) == sentences


def test_split_sentences_never_crosses_a_blank_line(nlp: Language) -> None:
    assert _sentences("A line without a stop\n  \nand another\nthat runs on", nlp) == [
        "A line without a stop",
        "and another\nthat runs on",
    ]


def test_split_sentences_gives_headings_sentences_of_their_own(nlp: Language) -> None:
    text = "Front.\n\nCHAPTER I\nIt was night. He slept.\n\nCHAPTER II. A LONG TITLE\nMorning came."
    assert _sentences(text, nlp) == [
        "Front.",
        "CHAPTER I",
        "It was night.",
        "He slept.",
        "CHAPTER II. A LONG TITLE",
        "Morning came.",
    ]


def test_split_sentences_splits_text_without_capitals(nlp: Language) -> None:
    assert _sentences("he came. she went. they met.", nlp) == ["he came.", "she went.", "they met."]


def test_split_sentences_stays_inside_the_body(nlp: Language) -> None:
    novel = Novel("x", "x.txt", "Header. Body one. Body two. Footer.", Span(8, 27), (), "utf-8", "0")
    assert [novel.text[slice(*span)] for span in split_sentences(novel, nlp)] == ["Body one.", "Body two."]


@pytest.mark.parametrize("word", ["word ", "a", "( ", "word. "])
def test_split_sentences_cuts_one_endless_line(word: str, nlp: Language) -> None:
    text = (word * 60_000).strip()
    sentences = split_sentences(_novel(text), nlp)
    assert max(end - start for start, end in sentences) <= LONGEST_SENTENCE
    assert sum(len("".join(text[start:end].split())) for start, end in sentences) == len("".join(text.split()))


WORDS = ["He", "M.", "Mr.", ".", "!”", "“", '"', "—", "…", "è", "é", "😀", "שלום", "\u202e", "CHAPTER I\n\n"]
SPACES = [" ", "  ", "\n", "\n\n", "\n \n", "\t", "\x0c", "\x85", "\u2028", "\u00a0", "\x1c"]
LONG = ["word " * 500, "x" * 2500]
NLP = load_nlp(None)


@settings(max_examples=60)
@given(st.one_of(st.lists(st.sampled_from(WORDS + SPACES + LONG), max_size=30).map("".join), st.text(max_size=200)))
def test_sentences_of_any_text_are_trimmed_ordered_and_complete(text: str) -> None:
    sentences = split_sentences(_novel(text), NLP)
    ends = [0, *(end for _, end in sentences)]
    for (start, end), before in zip(sentences, ends, strict=False):
        sentence = text[start:end]
        assert before <= start < end
        assert sentence == sentence.strip() != ""
        assert len(sentence) <= LONGEST_SENTENCE
        assert not any(not line.strip() for line in sentence.split("\n"))
        assert not text[before:start].strip()
    assert not text[ends[-1] :].strip()


def test_split_sentences_asks_a_model_for_sentences_only(nlp: Language) -> None:
    model = load_nlp(None)
    model.add_pipe("entity_ruler", first=True)
    assert _sentences("He came. She went.", model) == ["He came.", "She went."]
    assert model.pipe_names == ["entity_ruler", "sentencizer"]


def test_load_nlp_reports_what_to_install(tmp_path: Path) -> None:
    with pytest.raises(SettingError, match="'en_no_such_model' is neither installed nor a folder; install it"):
        load_nlp("en_no_such_model")


def test_load_nlp_refuses_a_package_without_a_model() -> None:
    with pytest.raises(SettingError, match="does not load"):
        load_nlp("numpy")


def test_load_nlp_gives_a_model_without_sentences_the_rules(tmp_path: Path) -> None:
    import spacy

    model = spacy.blank("en")
    model.add_pipe("entity_ruler")
    model.to_disk(tmp_path / "persons")
    assert "sentencizer" in load_nlp(str(tmp_path / "persons")).pipe_names
