"""Tiny cross-encoders with random seeded weights, made and saved by the tests: real models of Transformers."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
from transformers import BertConfig, BertForSequenceClassification, PreTrainedTokenizerFast

LETTERS = "abcdefghijklmnopqrstuvwxyz0123456789.,;:'\"!?-()’“”"
NLI = ("entailment", "neutral", "contradiction")


def save_cross_encoder(
    folder: Path, labels: Sequence[str] = NLI, *, order: Sequence[int] | None = None, positions: int = 96
) -> Path:
    """Write a cross-encoder with these labels; ``order`` shuffles its outputs and their labels alike."""
    count = len(labels)
    with torch.random.fork_rng():
        torch.manual_seed(5)
        config = BertConfig(
            vocab_size=2 * len(LETTERS) + 4,
            hidden_size=32,
            num_hidden_layers=2,
            num_attention_heads=2,
            intermediate_size=64,
            max_position_embeddings=positions,
            num_labels=count,
            initializer_range=0.3,  # or every text would be as likely as any other
        )
        model = BertForSequenceClassification(config).eval()
    order = range(count) if order is None else order
    model.classifier.weight.data = model.classifier.weight.data[list(order)]
    model.classifier.bias.data = model.classifier.bias.data[list(order)]
    model.config.id2label = {place: labels[index] for place, index in enumerate(order)}
    model.config.label2id = {label: place for place, label in model.config.id2label.items()}
    model.save_pretrained(folder)
    _make_tokenizer().save_pretrained(folder)
    return folder


def _make_tokenizer() -> PreTrainedTokenizerFast:
    """Return a tokenizer of single letters: many tokens a word, so that little models are soon full."""
    marks = ["[PAD]", "[UNK]", "[CLS]", "[SEP]"]
    words = [*marks, *LETTERS, *(f"##{letter}" for letter in LETTERS)]
    tokenizer = Tokenizer(models.WordPiece({word: number for number, word in enumerate(words)}, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B:1 [SEP]:1", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, pad_token="[PAD]", unk_token="[UNK]", cls_token="[CLS]", sep_token="[SEP]"
    )
