"""A folder of the judge with tiny models of random seeded weights: a stand-in for speed, not a judge."""

from __future__ import annotations

import string
from pathlib import Path

import torch
from tokenizers import Tokenizer
from tokenizers.models import WordPiece
from tokenizers.normalizers import BertNormalizer
from tokenizers.pre_tokenizers import BertPreTokenizer
from tokenizers.processors import TemplateProcessing
from transformers import BertConfig, BertModel

from pipeline.judging.cross_encoder import CrossEncoderModel
from pipeline.judging.logistic import LogisticModel
from pipeline.judging.multinomial import MultinomialModel
from pipeline.judging.sentence_encoder import SentenceEncoderModel
from pipeline.judging.text_model import save_model
from pipeline.judging.verdict import BACKSTORY_FEATURES

WIDTH = 16


def make_judge(folder: Path) -> Path:
    """Write ``finder``, ``ranker``, ``verifier`` and the fitted models into ``folder`` and return it."""
    tokenizer = letters()
    for name, seed in (("finder", 3), ("ranker", 4), ("verifier", 5)):
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            body = BertModel(_config(tokenizer), add_pooling_layer=False)
            model = SentenceEncoderModel(body) if name == "finder" else CrossEncoderModel(body, WIDTH)
            with torch.no_grad():
                for weight in model.parameters():
                    weight.mul_(3.0)  # or every window would have nearly the same labels
        save_model(folder / name, model, tokenizer)
    fitted(("bdh_odds_top", "cross_odds_top")).save(folder / "joint.json")
    fitted(("bdh_odds_top",)).save(folder / "bdh.json")
    LogisticModel(BACKSTORY_FEATURES, (0.0, 0.0), (1.0, 1.0), (1.0, 0.0), 0.0).save(folder / "backstory.json")
    return folder


def fitted(names: tuple[str, ...]) -> MultinomialModel:
    """Return a model by which the log-odds of supported against contradicted are the sum of the features."""
    ones, count = (0.5,) * len(names), len(names)
    weights = (ones, tuple(-one for one in ones), (0.0,) * count)
    return MultinomialModel(
        names, (0.0,) * count, (1.0,) * count, weights, (0.0, 0.0, 0.0), (0.4, 0.4), (0.4, 0.4, 0.2)
    )


def letters() -> Tokenizer:
    """Return a tokenizer whose tokens are letters, digits and signs."""
    signs = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", *string.punctuation]
    pieces = [*string.ascii_lowercase, *string.digits]
    vocabulary = {token: number for number, token in enumerate([*signs, *pieces, *("##" + one for one in pieces)])}
    tokenizer = Tokenizer(WordPiece(vocabulary, unk_token="[UNK]"))
    tokenizer.normalizer, tokenizer.pre_tokenizer = BertNormalizer(), BertPreTokenizer()
    tokenizer.post_processor = TemplateProcessing(
        single="[CLS] $A [SEP]",
        pair="[CLS] $A [SEP] $B:1 [SEP]:1",
        special_tokens=[("[CLS]", vocabulary["[CLS]"]), ("[SEP]", vocabulary["[SEP]"])],
    )
    return tokenizer


def _config(tokenizer: Tokenizer) -> BertConfig:
    return BertConfig(
        vocab_size=tokenizer.get_vocab_size(),
        hidden_size=WIDTH,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=2 * WIDTH,
        max_position_embeddings=256,
    )
