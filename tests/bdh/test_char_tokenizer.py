"""The tokenizer of characters."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bdh.errors import TokenizerError
from bdh.tokenizer import CharTokenizer, load_tokenizer


@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1))
def test_text_is_decoded_exactly(text: str) -> None:
    tokenizer = CharTokenizer.train([text])
    tokens = tokenizer.encode(text)
    assert tokenizer.decode(tokens) == text
    assert tokenizer.vocab_size == len(set(text))
    lengths = tokenizer.byte_lengths()
    assert sum(lengths[token] for token in tokens) == len(text.encode())


def test_vocabulary_is_all_texts_in_order() -> None:
    assert CharTokenizer.train(["cab", "dé"]).characters == "abcdé"
    assert CharTokenizer("ba").encode_batch(["ab", ""]) == [[1, 0], []]


def test_unknown_characters_are_named() -> None:
    with pytest.raises(
        TokenizerError, match=r"2 characters outside the vocabulary of 3: 'x' \(U\+0078\), '€' \(U\+20AC\)"
    ):
        CharTokenizer("abc").encode("a€xb")


@pytest.mark.parametrize("characters", ["", "aba", "\ud800"])
def test_invalid_vocabulary_is_refused(characters: str) -> None:
    with pytest.raises(TokenizerError):
        CharTokenizer(characters)


def test_token_outside_the_vocabulary_is_refused() -> None:
    with pytest.raises(TokenizerError, match="expected 0 to 2"):
        CharTokenizer("abc").decode([3])


def test_tokenizer_loads_from_its_file(tmp_path: Path) -> None:
    path = tmp_path / "tokenizer.json"
    CharTokenizer("b\né\U0001f600").save(path)
    assert json.loads(path.read_text())["type"] == "characters"
    loaded = load_tokenizer(path)
    assert isinstance(loaded, CharTokenizer) and loaded.characters == "b\né\U0001f600"


@pytest.mark.parametrize("content", ['{"type": "characters"}', '{"type": "characters", "characters": ["a"]}'])
def test_damaged_file_is_refused(content: str, tmp_path: Path) -> None:
    (tmp_path / "tokenizer.json").write_text(content)
    with pytest.raises(TokenizerError, match="expected a string"):
        load_tokenizer(tmp_path / "tokenizer.json")
