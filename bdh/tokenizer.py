"""Tokenizers that encode text and decode it exactly: bytes (the published default), byte-level BPE, characters."""

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Protocol

from tokenizers import Tokenizer as _Library
from tokenizers import decoders, models, pre_tokenizers, trainers

from bdh.errors import TokenizerError
from bdh.files import write_text

# Every byte of UTF-8, an accent that a normaliser would merge, and spaces and capitals that one would lose.
_PROBE = "A e\u0301  b\r\n\tc " + "".join(
    chr(code) for code in (*range(0x801), *range(0x1000, 0x10000, 0x1000), *range(0x10000, 0x110000, 0x40000))
)


class Tokenizer(Protocol):
    """What the library uses of a tokenizer: ``decode(encode(text)) == text`` for every text."""

    @property
    def vocab_size(self) -> int:
        """Number of token ids, V."""

    def encode(self, text: str) -> list[int]:
        """Return the token ids of ``text``."""

    def encode_batch(self, texts: Sequence[str]) -> list[list[int]]:
        """Return the token ids of each text."""

    def decode(self, tokens: Sequence[int]) -> str:
        """Return the text of ``tokens``; bytes that are not valid UTF-8 become U+FFFD."""

    def byte_lengths(self) -> list[int]:
        """Return the number of UTF-8 bytes of each token id."""

    def save(self, path: str | Path) -> None:
        """Write the tokenizer to one JSON file."""


class ByteTokenizer:
    """One token per byte of UTF-8.

    >>> ByteTokenizer().encode("né")
    [110, 195, 169]
    """

    vocab_size = 256

    def encode(self, text: str) -> list[int]:
        """Return the bytes of ``text``."""
        _check_text(text)
        return list(text.encode("utf-8"))

    def encode_batch(self, texts: Sequence[str]) -> list[list[int]]:
        """Return the bytes of each text."""
        return [self.encode(text) for text in texts]

    def decode(self, tokens: Sequence[int]) -> str:
        """Return the text of the bytes ``tokens``."""
        _check_range(tokens, self.vocab_size)
        return bytes(tokens).decode("utf-8", errors="replace")

    def byte_lengths(self) -> list[int]:
        """Return 256 ones."""
        return [1] * self.vocab_size

    def save(self, path: str | Path) -> None:
        """Write a file that the ``tokenizers`` library reads too: byte-level BPE without merges."""
        library = _Library(models.BPE(_byte_vocabulary(), []))
        library.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
        library.decoder = decoders.ByteLevel()
        write_text(Path(path), library.to_str())


class BPETokenizer:
    """Byte-level byte-pair encoding through the ``tokenizers`` library."""

    def __init__(self, library: _Library) -> None:
        self._library = library

    @classmethod
    def train(cls, texts: Iterable[str], *, vocab_size: int) -> "BPETokenizer":
        """Learn up to ``vocab_size`` tokens (at least the 256 bytes) from ``texts``."""
        if vocab_size < 256:
            raise TokenizerError(f"vocab_size is {vocab_size}; byte-level BPE needs at least 256")
        library = _Library(models.BPE())
        library.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)
        library.decoder = decoders.ByteLevel()
        alphabet = pre_tokenizers.ByteLevel.alphabet()
        trainer = trainers.BpeTrainer(
            vocab_size=vocab_size, initial_alphabet=alphabet, min_frequency=2, show_progress=False, special_tokens=[]
        )
        library.train_from_iterator(texts, trainer)
        return cls(library)

    @property
    def vocab_size(self) -> int:
        """Number of token ids, V."""
        return int(self._library.get_vocab_size())

    def encode(self, text: str) -> list[int]:
        """Return the token ids of ``text``."""
        _check_text(text)
        return list(self._library.encode(text, add_special_tokens=False).ids)

    def encode_batch(self, texts: Sequence[str]) -> list[list[int]]:
        """Return the token ids of each text, on all cores."""
        for text in texts:
            _check_text(text)
        return [list(item.ids) for item in self._library.encode_batch_fast(list(texts), add_special_tokens=False)]

    def decode(self, tokens: Sequence[int]) -> str:
        """Return the text of ``tokens``."""
        _check_range(tokens, self.vocab_size)
        return str(self._library.decode(list(tokens), skip_special_tokens=False))

    def byte_lengths(self) -> list[int]:
        """Return the number of bytes of each token: in the byte-level alphabet one character is one byte."""
        lengths = [0] * self.vocab_size
        for token, index in self.vocabulary().items():
            lengths[index] = len(token)
        return lengths

    def vocabulary(self) -> dict[str, int]:
        """Return the id of each token, written in the byte-level alphabet."""
        return dict(self._library.get_vocab())

    def save(self, path: str | Path) -> None:
        """Write the tokenizer as the library's own JSON."""
        write_text(Path(path), self._library.to_str())


class CharTokenizer:
    """One token per character of the text it was trained on; any other character is an error.

    >>> CharTokenizer.train(["banana"]).encode("nab")
    [2, 0, 1]
    """

    def __init__(self, characters: str) -> None:
        _check_text(characters)
        if not characters or len(set(characters)) < len(characters):
            raise TokenizerError(f"characters are {characters[:40]!r}; expected at least one, without repetition")
        self.characters = characters
        self._ids = {character: number for number, character in enumerate(characters)}

    @classmethod
    def train(cls, texts: Iterable[str]) -> "CharTokenizer":
        """Return a tokenizer of every character of ``texts``, in order of code points."""
        return cls("".join(sorted(set().union(*texts))))

    @property
    def vocab_size(self) -> int:
        """Number of token ids, V."""
        return len(self.characters)

    def encode(self, text: str) -> list[int]:
        """Return the id of each character of ``text``; raises TokenizerError, which lists unknown characters."""
        if unknown := sorted(set(text) - self._ids.keys()):
            shown = ", ".join(f"{character!r} (U+{ord(character):04X})" for character in unknown[:8])
            raise TokenizerError(
                f"the text has {len(unknown)} characters outside the vocabulary of {self.vocab_size}: {shown}; remove "
                "them, or train on text that has them"
            )
        return [self._ids[character] for character in text]

    def encode_batch(self, texts: Sequence[str]) -> list[list[int]]:
        """Return the ids of the characters of each text."""
        return [self.encode(text) for text in texts]

    def decode(self, tokens: Sequence[int]) -> str:
        """Return the text of ``tokens``."""
        _check_range(tokens, self.vocab_size)
        return "".join(self.characters[token] for token in tokens)

    def byte_lengths(self) -> list[int]:
        """Return the number of UTF-8 bytes of each character."""
        return [len(character.encode("utf-8")) for character in self.characters]

    def save(self, path: str | Path) -> None:
        """Write the characters in order of their ids."""
        write_text(Path(path), json.dumps({"type": "characters", "characters": self.characters}))


def load_tokenizer(path: str | Path) -> Tokenizer:
    """Read a tokenizer file that ``save`` wrote; raises TokenizerError on anything else."""
    try:
        text = Path(path).read_text(encoding="utf-8")
        mapping = json.loads(text)
    except (OSError, ValueError, RecursionError) as error:
        raise TokenizerError(
            f"{path} is not a tokenizer file ({error}); expected JSON that a tokenizer saved"
        ) from error
    if isinstance(mapping, dict) and mapping.get("type") == "bytes":
        return ByteTokenizer()
    if isinstance(mapping, dict) and mapping.get("type") == "characters":
        return _parse_characters(mapping.get("characters"), path)
    if (
        not isinstance(mapping, dict)
        or not isinstance(mapping.get("model"), dict)
        or mapping["model"].get("type") != "BPE"
    ):
        raise TokenizerError(
            f"{path} is not a tokenizer; expected type 'bytes', 'characters' or a byte-level BPE model"
        )
    tokenizer = BPETokenizer(_parse_library(text, path))
    _check_exact(tokenizer, path)
    return ByteTokenizer() if tokenizer.vocabulary() == _byte_vocabulary() else tokenizer


def _byte_vocabulary() -> dict[str, int]:
    """Return the ids of the bytes in the byte-level alphabet: printable ones as themselves, others from U+0100 on."""
    printable = {*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)}
    others = [byte for byte in range(256) if byte not in printable]
    return {chr(byte if byte in printable else 0x100 + others.index(byte)): byte for byte in range(256)}


def _parse_characters(characters: object, path: str | Path) -> CharTokenizer:
    if not isinstance(characters, str):
        raise TokenizerError(f"{path} is damaged: characters are {type(characters).__name__}; expected a string")
    return CharTokenizer(characters)


def _parse_library(text: str, path: str | Path) -> _Library:
    try:
        library = _Library.from_str(text)
    except Exception as error:  # the library raises Exception itself for a malformed file
        raise TokenizerError(f"{path} is damaged ({error}); restore it or train a new tokenizer") from error
    library.no_truncation()
    library.no_padding()
    return library


def _check_exact(tokenizer: BPETokenizer, path: str | Path) -> None:
    """Raise TokenizerError unless every byte of UTF-8 is decoded exactly, and counted."""
    size = tokenizer.vocab_size
    if sorted(tokenizer.vocabulary().values()) != list(range(size)):
        raise TokenizerError(f"{path} is damaged: its {size} tokens are not numbered 0 to {size - 1}")
    tokens, lengths = tokenizer.encode(_PROBE), tokenizer.byte_lengths()
    if tokenizer.decode(tokens) != _PROBE or sum(lengths[token] for token in tokens) != len(_PROBE.encode()):
        raise TokenizerError(f"{path} does not decode every text exactly; expected a lossless byte-level BPE")


def _check_text(text: str) -> None:
    """Raise TokenizerError if ``text`` has an unpaired surrogate, which UTF-8 cannot encode."""
    try:
        text.encode("utf-8")
    except UnicodeEncodeError as error:
        code = ord(text[error.start])
        raise TokenizerError(
            f"the text has a lone surrogate (U+{code:04X} at {error.start}); decode the file with its real encoding"
        ) from error


def _check_range(tokens: Sequence[int], vocab_size: int) -> None:
    wrong = next((token for token in tokens if not 0 <= token < vocab_size), None)
    if wrong is not None:
        raise TokenizerError(f"token {wrong} is outside the vocabulary; expected 0 to {vocab_size - 1}")
