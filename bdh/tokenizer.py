"""Text to token ids and back, exactly: bytes (the published default) and byte-level BPE."""

import json
import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Protocol

from tokenizers import Tokenizer as _Library
from tokenizers import decoders, models, pre_tokenizers, trainers

from bdh.errors import TokenizerError


class Tokenizer(Protocol):
    """What the library asks of a tokenizer: ``decode(encode(text)) == text`` for every text."""

    @property
    def vocab_size(self) -> int:
        """Number of token ids, V."""

    def encode(self, text: str) -> list[int]:
        """Return the token ids of ``text``."""

    def encode_batch(self, texts: Sequence[str]) -> list[list[int]]:
        """Return the token ids of each text."""

    def decode(self, tokens: Sequence[int]) -> str:
        """Return the text of ``tokens``; bytes that form no character become U+FFFD."""

    def byte_lengths(self) -> list[int]:
        """Return how many bytes of UTF-8 each token id stands for."""

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
        """Write a file that names this tokenizer."""
        _write_atomically(Path(path), json.dumps({"type": "bytes"}))


class BPETokenizer:
    """Byte-level byte-pair encoding through the ``tokenizers`` library."""

    def __init__(self, library: _Library) -> None:
        self._library = library

    @classmethod
    def train(cls, texts: Iterable[str], *, vocab_size: int) -> "BPETokenizer":
        """Learn ``vocab_size`` tokens (at least the 256 bytes) from ``texts``."""
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
        return list(self._library.encode(text, add_special_tokens=False).ids)

    def encode_batch(self, texts: Sequence[str]) -> list[list[int]]:
        """Return the token ids of each text, on all cores."""
        return [list(item.ids) for item in self._library.encode_batch_fast(list(texts), add_special_tokens=False)]

    def decode(self, tokens: Sequence[int]) -> str:
        """Return the text of ``tokens``."""
        _check_range(tokens, self.vocab_size)
        return str(self._library.decode(list(tokens), skip_special_tokens=False))

    def byte_lengths(self) -> list[int]:
        """Return the bytes of each token: in the byte-level alphabet one character stands for one byte."""
        lengths = [0] * self.vocab_size
        for token, index in self._library.get_vocab().items():
            lengths[index] = len(token)
        return lengths

    def save(self, path: str | Path) -> None:
        """Write the tokenizer as the library's own JSON."""
        _write_atomically(Path(path), self._library.to_str())


def load_tokenizer(path: str | Path) -> ByteTokenizer | BPETokenizer:
    """Read a tokenizer file that ``save`` wrote; raises TokenizerError on anything else."""
    try:
        text = Path(path).read_text(encoding="utf-8")
        mapping = json.loads(text)
    except (OSError, ValueError) as error:
        raise TokenizerError(
            f"{path} is not a tokenizer file ({error}); expected JSON that a tokenizer saved"
        ) from error
    if isinstance(mapping, dict) and mapping.get("type") == "bytes":
        return ByteTokenizer()
    if (
        not isinstance(mapping, dict)
        or not isinstance(mapping.get("model"), dict)
        or mapping["model"].get("type") != "BPE"
    ):
        raise TokenizerError(f"{path} holds no tokenizer; expected type 'bytes' or a byte-level BPE model")
    return BPETokenizer(_parse_library(text, path))


def _parse_library(text: str, path: str | Path) -> _Library:
    try:
        return _Library.from_str(text)
    except Exception as error:  # the library raises plain Exception on a malformed file
        raise TokenizerError(f"{path} is damaged ({error}); restore it or train a new tokenizer") from error


def _check_range(tokens: Sequence[int], vocab_size: int) -> None:
    wrong = next((token for token in tokens if not 0 <= token < vocab_size), None)
    if wrong is not None:
        raise TokenizerError(f"token {wrong} is outside the vocabulary; expected 0 to {vocab_size - 1}")


def _write_atomically(path: Path, text: str) -> None:
    partial = path.with_name(path.name + ".partial")
    partial.write_text(text, encoding="utf-8")
    os.replace(partial, path)
