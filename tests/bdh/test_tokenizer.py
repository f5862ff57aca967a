"""Tokenizers encode any text and decode it exactly."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bdh.errors import TokenizerError
from bdh.tokenizer import BPETokenizer, ByteTokenizer, load_tokenizer

Either = ByteTokenizer | BPETokenizer
STORY = (
    "The ferry did not run on Sundays. “All four,” she said; the naïve ferryman laughed. "
    "Über den Wolken 海の上 и море. It's 1911, isn't it?\n\n"
) * 20
AWKWARD = [
    "",
    " ",
    "  two  spaces ",
    "\n\r\n\t",
    "\x00nul\x00",
    "👩‍👩‍👧‍👦 🏳️‍🌈 🧑🏿‍🚀",
    "שלום עולם — مرحبا",
    "\u202eright to left\u202c",
    "\u0301",
    "e\u0301é ﬁ K Å",
    "\ufeff mark \ufffd",
    "\U0010ffff\uffff\ue000",
    "<|endoftext|> Ġ Ċ",
    "a" * 3000,
]


@pytest.fixture(scope="module")
def bpe() -> BPETokenizer:
    return BPETokenizer.train([STORY], vocab_size=400)


@pytest.fixture(params=["bytes", "bpe"], scope="module")
def tokenizer(request: pytest.FixtureRequest, bpe: BPETokenizer) -> Either:
    return ByteTokenizer() if request.param == "bytes" else bpe


texts = st.text(st.characters(exclude_categories=["Cs"]))


@given(text=texts | st.sampled_from(AWKWARD))
def test_decoding_gives_back_any_text(tokenizer: Either, text: str) -> None:
    tokens = tokenizer.encode(text)
    assert tokenizer.decode(tokens) == text
    assert tokenizer.encode_batch([text, text]) == [tokens, tokens]
    assert all(0 <= token < tokenizer.vocab_size for token in tokens)


@pytest.mark.parametrize("text", AWKWARD)
def test_decoding_gives_back_awkward_text(tokenizer: Either, text: str) -> None:
    assert tokenizer.decode(tokenizer.encode(text)) == text


@given(text=texts)
@example("\x00é海👩")
def test_byte_lengths_add_up_to_the_text(tokenizer: Either, text: str) -> None:
    lengths = tokenizer.byte_lengths()
    assert len(lengths) == tokenizer.vocab_size
    assert sum(lengths[token] for token in tokenizer.encode(text)) == len(text.encode("utf-8"))


@given(tokens=st.lists(st.integers(0, 255)))
def test_any_tokens_can_be_decoded(tokenizer: Either, tokens: list[int]) -> None:
    assert isinstance(tokenizer.decode(tokens), str)


def test_invalid_utf8_decodes_to_the_replacement_character() -> None:
    assert ByteTokenizer().decode([0x61, 0xE6, 0xB5]) == "a\ufffd"


@pytest.mark.parametrize("method", ["encode", "encode_batch"])
def test_lone_surrogate_is_a_clear_error(tokenizer: Either, method: str) -> None:
    text = "abc\ud83d"
    with pytest.raises(TokenizerError, match=r"lone surrogate \(U\+D83D at 3\)"):
        getattr(tokenizer, method)(text if method == "encode" else ["fine", text])


@pytest.mark.parametrize("token", [-1, 100_000])
def test_token_outside_the_vocabulary_is_an_error(tokenizer: Either, token: int) -> None:
    with pytest.raises(TokenizerError, match=f"token {token} is outside the vocabulary"):
        tokenizer.decode([65, token])


def test_bpe_knows_frequent_words_and_every_byte(bpe: BPETokenizer) -> None:
    assert 256 < bpe.vocab_size <= 400
    assert len(bpe.encode(STORY)) < len(STORY.encode()) / 2
    assert sorted(bpe.byte_lengths())[:256] == [1] * 256


def test_bpe_training_is_repeatable() -> None:
    first, second = (BPETokenizer.train([STORY], vocab_size=330) for _ in range(2))
    assert first.vocabulary() == second.vocabulary() and first.encode(STORY) == second.encode(STORY)


def test_bpe_of_no_text_is_the_bytes() -> None:
    tokenizer = BPETokenizer.train([], vocab_size=500)
    assert tokenizer.vocab_size == 256 and tokenizer.decode(tokenizer.encode("né")) == "né"


def test_bpe_smaller_than_the_bytes_is_refused() -> None:
    with pytest.raises(TokenizerError, match="at least 256"):
        BPETokenizer.train([STORY], vocab_size=255)


def test_saved_tokenizer_loads(tokenizer: Either, tmp_path: Path) -> None:
    tokenizer.save(tmp_path / "tokenizer.json")
    loaded = load_tokenizer(tmp_path / "tokenizer.json")
    assert type(loaded) is type(tokenizer) and loaded.vocab_size == tokenizer.vocab_size
    assert loaded.encode(STORY) == tokenizer.encode(STORY)
    assert [file.name for file in tmp_path.iterdir()] == ["tokenizer.json"]


def _without(mapping: dict[str, Any], character: str) -> None:
    """Take one byte out of the alphabet and close the gap in the numbering."""
    vocabulary = mapping["model"]["vocab"]
    gone = vocabulary.pop(character)
    mapping["model"]["vocab"] = {token: index - (index > gone) for token, index in vocabulary.items()}


def _with_gap(mapping: dict[str, Any]) -> None:
    mapping["model"]["vocab"]["z"] = 5000


DAMAGES: dict[str, Callable[[dict[str, Any]], object]] = {
    "lower case": lambda mapping: mapping.update(normalizer={"type": "Lowercase"}),
    "merged accents": lambda mapping: mapping.update(normalizer={"type": "NFC"}),
    "a space before": lambda mapping: mapping["pre_tokenizer"].update(add_prefix_space=True),
    "lost spaces": lambda mapping: mapping.update(pre_tokenizer={"type": "Whitespace"}),
    "no decoder": lambda mapping: mapping.update(decoder=None),
    "a lost byte": lambda mapping: _without(mapping, "~"),
    "a gap in the numbers": _with_gap,
    "another model": lambda mapping: mapping["model"].update(type="WordPiece"),
    "a model of text": lambda mapping: mapping.update(model="BPE"),
    "no vocabulary": lambda mapping: mapping["model"].pop("vocab"),
    "a merge of nothing": lambda mapping: mapping["model"]["merges"].append(["qqq", "zzz"]),
    "no model": lambda mapping: mapping.pop("model"),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_tokenizer_that_is_not_exact_is_refused(bpe: BPETokenizer, tmp_path: Path, damage: str) -> None:
    path = tmp_path / "tokenizer.json"
    bpe.save(path)
    mapping = json.loads(path.read_text(encoding="utf-8"))
    DAMAGES[damage](mapping)
    path.write_text(json.dumps(mapping), encoding="utf-8")
    with pytest.raises(TokenizerError) as caught:
        load_tokenizer(path)
    assert str(path) in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "content",
    [b"", b"not json", b"[1, 2]", b"{}", b'"bytes"', b"null", b'{"type": "words"}', b"\xff\xfe", b"[" * 99_999],
)
def test_file_that_is_not_a_tokenizer_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "tokenizer.json"
    path.write_bytes(content)
    with pytest.raises(TokenizerError) as caught:
        load_tokenizer(path)
    assert str(path) in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["missing.json", "."])
def test_missing_file_or_folder_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(TokenizerError, match="not a tokenizer file"):
        load_tokenizer(tmp_path / name)


def test_saved_length_limit_is_ignored(bpe: BPETokenizer, tmp_path: Path) -> None:
    path = tmp_path / "tokenizer.json"
    bpe.save(path)
    mapping = json.loads(path.read_text(encoding="utf-8"))
    limit = {"direction": "Right", "max_length": 8, "strategy": "LongestFirst", "stride": 0}
    path.write_text(json.dumps({**mapping, "truncation": limit}), encoding="utf-8")
    assert load_tokenizer(path).encode(STORY) == bpe.encode(STORY)
