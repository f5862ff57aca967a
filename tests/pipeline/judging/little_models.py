"""Small text models that can be stored, and stand-ins for trained ones with known outputs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import torch
from torch import nn
from transformers import BertConfig, BertModel

from pipeline.judging.cross_encoder import CrossEncoderOutput
from pipeline.judging.text_model import TokenBatch
from pipeline.judging.verifier import VerifierInput, VerifierOutput
from tests.pipeline.stand_in_judge import letters

CPU = torch.device("cpu")
WIDTH = 64


def make_bert(*, layers: int = 2, seed: int = 5) -> BertModel:
    """Return an encoder with random seeded weights, large enough for matrices in eight bits."""
    config = BertConfig(
        vocab_size=letters().get_vocab_size(),
        hidden_size=WIDTH,
        num_hidden_layers=layers,
        num_attention_heads=2,
        intermediate_size=2 * WIDTH,
        max_position_embeddings=256,
    )
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return BertModel(config, add_pooling_layer=False).eval()


def save_base(folder: Path, *, layers: int = 2) -> Path:
    """Write an encoder as Transformers does, with its tokenizer, and return the folder."""
    make_bert(layers=layers).save_pretrained(folder)
    (folder / "tokenizer.json").write_text(letters().to_str(), encoding="utf-8")
    return folder


class Marker(nn.Module):
    """Log-odds of the words that differ: those of given tokens on each side, and of all others."""

    def __init__(self, claim: dict[str, float], evidence: dict[str, float], *, rest: float = -9.0) -> None:
        super().__init__()
        self.sides, self.rest = [claim, evidence], rest

    def forward(self, tokens: TokenBatch) -> CrossEncoderOutput:
        words = torch.full((*tokens.ids.shape, 2), self.rest)
        for side, marks in enumerate(self.sides):
            for token, odds in marks.items():
                words[..., side][tokens.ids == letters().token_to_id(token)] = odds
        return CrossEncoderOutput(torch.zeros(len(tokens.ids), 3), words)


class KnownVerifier:
    """A verifier whose probabilities are a function of the claim and its evidence; it records its inputs."""

    identity = weights_sha256 = "known"

    def __init__(self, labels: Callable[[str, str], tuple[float, float]]) -> None:
        self.labels, self.inputs = labels, list[VerifierInput]()

    def verify(
        self, questions: Sequence[VerifierInput], *, on_progress: Callable[[int], object] = lambda done: None
    ) -> list[VerifierOutput]:
        self.inputs += questions
        outputs = []
        for question in questions:
            supported, contradicted = self.labels(question.claim, " ".join(question.sentences))
            rest = 1 - supported - contradicted
            outputs.append(VerifierOutput({"supported": supported, "contradicted": contradicted, "not_stated": rest}))
        return outputs
