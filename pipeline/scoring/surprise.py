"""The reader as a judge, plain form: how much less surprising a claim becomes once a passage has been read.

A claim is read from an empty memory, and from the memory that the passage left. BDH reads a passage and then a claim
as one text, which is the same as forking the memory after the passage.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from bdh import BDH, Tokenizer
from pipeline.scoring.features import SurpriseGain

SEPARATOR = "\n\n"
_BATCH_TOKENS = {"cpu": 4096, "cuda": 65536}


@dataclass(frozen=True)
class Question:
    """A claim, and the passages before which it is read."""

    claim: str
    passages: tuple[str, ...]


@dataclass(frozen=True)
class _Text:
    """A token sequence that ends with a claim of ``claim_tokens`` tokens."""

    tokens: list[int]
    claim_tokens: int


def measure_gains(
    model: BDH,
    tokenizer: Tokenizer,
    questions: Sequence[Question],
    *,
    on_progress: Callable[[int], object] = lambda read: None,
) -> list[tuple[SurpriseGain, ...]]:
    """Return for each question the gain of its claim before each of its passages.

    ``on_progress`` hears the number of texts just read; there is one a passage, and one a claim alone.
    """
    texts: list[_Text] = []
    for question in questions:
        claim = tokenizer.encode(_plain(question.claim))
        before = [tokenizer.encode(_plain(passage) + SEPARATOR) for passage in question.passages]
        opening = tokenizer.encode(SEPARATOR)
        texts += [_Text(context + claim, len(claim)) for context in [opening, *before]]
    nats = _claim_nats(model, texts, on_progress)
    gains, place = [], 0
    for question in questions:
        alone, *given = nats[place : place + 1 + len(question.passages)]
        place += 1 + len(question.passages)
        gains.append(tuple(_gain(alone, one) for one in given))
    return gains


def _gain(alone: Tensor, given: Tensor) -> SurpriseGain:
    return SurpriseGain(float(alone.mean()), float(given.mean()), tuple((alone - given).tolist()))


@torch.inference_mode()
def _claim_nats(model: BDH, texts: Sequence[_Text], on_progress: Callable[[int], object]) -> list[Tensor]:
    """Return the nats of each claim token of each text; texts of like length are read side by side."""
    order = sorted(range(len(texts)), key=lambda index: len(texts[index].tokens))
    limit = _BATCH_TOKENS.get(model.device.type, 4096)
    found: list[Tensor] = [torch.zeros(0)] * len(texts)
    for batch in _batches(order, texts, limit):
        for index, nats in zip(batch, _read_batch(model, [texts[i] for i in batch]), strict=True):
            found[index] = nats
        on_progress(len(batch))
    return found


def _batches(order: Sequence[int], texts: Sequence[_Text], limit: int) -> list[list[int]]:
    """Group indices so that rows times the longest row stays within ``limit`` tokens."""
    batches: list[list[int]] = []
    for index in order:
        longest = len(texts[index].tokens)
        if batches and (len(batches[-1]) + 1) * longest <= limit:
            batches[-1].append(index)
        else:
            batches.append([index])
    return batches


def _read_batch(model: BDH, texts: Sequence[_Text]) -> list[Tensor]:
    """Return the nats of each row's claim; padding stands at the end, where nothing before it can see it."""
    longest = max(len(text.tokens) for text in texts)
    rows = torch.zeros(len(texts), longest, dtype=torch.long)
    for row, text in zip(rows, texts, strict=True):
        row[: len(text.tokens)] = torch.tensor(text.tokens)
    rows = rows.to(model.device)
    hidden, _, _ = model.encode(rows, keep_state=False)
    asked = torch.zeros(rows.shape, dtype=torch.bool)
    for row, text in enumerate(texts):
        asked[row, len(text.tokens) - text.claim_tokens : len(text.tokens)] = True
    asked = asked.to(model.device)
    logits, _ = model.head(hidden[:, :-1][asked[:, 1:]][None], None)
    nats = F.cross_entropy(logits[0].float(), rows[asked], reduction="none").cpu()
    return list(torch.split(nats, [text.claim_tokens for text in texts]))


def _plain(text: str) -> str:
    return " ".join(text.split())
