"""A cross-encoder of Hugging Face as a judge: the passage is the premise, the claim the hypothesis.

Any model for sequence classification serves whose labels can be understood: natural language inference with three
labels in any order, fact checking with two, or one number. Weights are read as safetensors only, and no code of a model
is ever run.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any, get_args

import torch

from pipeline.device import choose_machine
from pipeline.errors import ModelError
from pipeline.judging.interface import JudgeContext
from pipeline.judging.pair.by_passages import ByPassages
from pipeline.judging.pair.interface import PassageQuestion
from pipeline.records import PairLabel
from pipeline.retrieval.index import Lexicon

_SUPPORT = frozenset(
    {
        "entailment",
        "entail",
        "entails",
        "entailed",
        "support",
        "supports",
        "supported",
        "consistent",
        "factual",
        "correct",
        "true",
    }
)
_CONTRADICT = frozenset(
    {"contradiction", "contradict", "contradicts", "contradicted", "contradictory", "refute", "refutes", "refuted"}
)
_IRRELEVANT = frozenset(
    {"neutral", "notenoughinfo", "nei", "irrelevant", "unrelated", "notstated", "unknown", "notmentioned"}
)
_REFUSED = frozenset(
    {
        "inconsistent",
        "incorrect",
        "false",
        "nonfactual",
        "hallucinated",
        "hallucination",
        "unsupported",
        "notsupported",
        "notentailment",
        "notentailed",
        "nonentailment",
        "notconsistent",
    }
)
"""Labels that are not support: contradiction where the model also has a neutral label, else perhaps silence."""
EXPECTED = (
    "entailment, neutral and contradiction (or supports, refutes, not enough info), or two such as supported and "
    "unsupported, or a single number"
)
_BATCH_TOKENS = {"cpu": 4096, "cuda": 65536}
_LONGEST = 512
"""The most tokens where neither tokenizer nor model has a limit."""


EXTRA = "pip install transformers"


def open_cross_encoder_judge(context: JudgeContext) -> ByPassages:
    """Load the model whose name or folder is the argument; raises ModelError, also where Transformers is missing."""
    name, reading = context.argument, context.config.reading
    if find_spec("transformers") is None:
        raise ModelError(f"--judge hf:{name} needs transformers, which is not installed; {EXTRA} installs it")
    device, dtype = choose_machine(reading.device, reading.dtype)
    return ByPassages(CrossEncoder.load(name, device=device, dtype=dtype))


@dataclass(frozen=True)
class CrossEncoder:
    """A model with its tokenizer; ``labels`` are the meanings of its outputs, ``limit`` the most tokens it takes."""

    model: Any
    tokenizer: Any
    name: str
    labels: tuple[PairLabel, ...]
    limit: int
    sha256: str

    @classmethod
    def load(cls, name: str, *, device: torch.device, dtype: torch.dtype | None) -> CrossEncoder:
        """Load a folder, or a model of the Hub by name; ``NAME=label,label`` names its outputs in order.

        Raises ModelError: the model cannot be fetched, it has no trained classifier in safetensors, or its labels
        are unknown.
        """
        name, given = _split_name(name)
        model, report = _fetch(name, dtype)
        missing = sorted(report["missing_keys"])
        if missing:
            raise ModelError(
                f"{name} has no trained weights for {', '.join(missing[:3])}; expected a model that was trained to "
                "compare two texts; choose a cross-encoder"
            )
        named = dict(enumerate(given)) if given else model.config.id2label
        if len(named) != model.config.num_labels:
            raise ModelError(f"{name} has {model.config.num_labels} outputs and {len(named)} labels; give one for each")
        labels, tokenizer = read_labels(named, name), _fetch_tokenizer(name)
        digest = _weights_sha256(model)
        return cls(model.to(device).eval(), tokenizer, name, labels, _limit(tokenizer, model.config), digest)

    @property
    def contradicts(self) -> bool:
        """Whether the model distinguishes contradiction from silence."""
        return "contradict" in self.labels

    @property
    def method(self) -> str:
        """How it judges, in a sentence."""
        rule = (
            "the highest support s and contradict c give the claim's probability (1 + s - c) / 2"
            if self.contradicts
            else "the highest support is the claim's probability; the model cannot tell contradiction from silence"
        )
        name = Path(self.name).name if Path(self.name).is_dir() else self.name
        return f"every passage as premise and the claim as hypothesis for the cross-encoder {name}; {rule}"

    @torch.inference_mode()
    def label_passages(
        self,
        questions: Sequence[PassageQuestion],
        *,
        lexicon: Lexicon | None = None,
        on_progress: Callable[[int], object] = lambda done: None,
    ) -> list[dict[PairLabel, float]]:
        """Return the label probabilities of each passage; see ``PassageJudge``. A passage that is too long is cut.

        Raises ModelError for a claim that leaves no room for a passage.
        """
        premises = [" ".join(" ".join(question.sentences).split()) for question in questions]
        claims = [" ".join(question.claim.split()) for question in questions]
        self._check_lengths(claims)
        encoded = [
            self.tokenizer(premise, claim, truncation="only_first", max_length=self.limit)
            for premise, claim in zip(premises, claims, strict=True)
        ]
        lengths = [len(item["input_ids"]) for item in encoded]
        found: dict[int, dict[PairLabel, float]] = {}
        for places in _batches(lengths, _BATCH_TOKENS.get(self.model.device.type, 4096)):
            batch = self.tokenizer.pad([encoded[place] for place in places], return_tensors="pt")
            logits = self.model(**batch.to(self.model.device)).logits.float()
            found.update(zip(places, map(self._chances, logits), strict=True))
            on_progress(len(places))
        return [found[place] for place in range(len(questions))]

    def _chances(self, logits: torch.Tensor) -> dict[PairLabel, float]:
        chances = dict.fromkeys(get_args(PairLabel), 0.0)
        if len(self.labels) == 1:
            chances["support"] = float(logits[0].sigmoid())
        else:
            for label, chance in zip(self.labels, logits.softmax(-1).tolist(), strict=True):
                chances[label] += chance
        rest = 1 - chances["support"] - chances["contradict"]
        return chances | {"irrelevant": max(rest, 0.0)}

    def _check_lengths(self, claims: Sequence[str]) -> None:
        for claim in dict.fromkeys(claims):
            length = len(self.tokenizer("", claim)["input_ids"])
            if length >= self.limit:
                raise ModelError(
                    f"the claim “{claim[:60]}…” takes {length} tokens of {self.name}, which takes {self.limit} with "
                    "the passage; split the claim, or choose another judge"
                )


def read_labels(id2label: Mapping[int, str], name: str) -> tuple[PairLabel, ...]:
    """Return what each output of a model means, in the order of its outputs, whatever their case and spelling.

    One output alone is support. Of two labels the one that is not support becomes irrelevant, unless it is a name of
    contradiction: such models cannot tell contradiction from silence. Raises ModelError for labels that cannot be
    understood, or of which none is support.
    """
    if len(id2label) == 1:
        return ("support",)
    order = [str(id2label[index]) for index in sorted(id2label)]
    words = [re.sub(r"[\W_]+", "", label).casefold() for label in order]
    neutral = any(word in _IRRELEVANT for word in words)
    found = tuple(_meaning(word, neutral=neutral) for word in words)
    labels = tuple(label for label in found if label is not None)
    if len(labels) != len(order) or "support" not in labels or len(set(labels)) == 1:
        raise ModelError(
            f"{name} has the labels {', '.join(order)}; expected {EXPECTED}; name them in the order of its outputs, "
            f"hf:{name}=unsupported,supported, or choose another model"
        )
    return labels


def _meaning(word: str, *, neutral: bool) -> PairLabel | None:
    if word in _SUPPORT:
        return "support"
    if word in _CONTRADICT:
        return "contradict"
    if word in _IRRELEVANT:
        return "irrelevant"
    if word in _REFUSED:
        return "contradict" if neutral else "irrelevant"
    return None


def _split_name(name: str) -> tuple[str, tuple[str, ...]]:
    """Return the model and the labels after its name, if any."""
    model, equals, labels = name.rpartition("=")
    if not equals or Path(name).exists() or "/" in labels:
        return name, ()
    return model, tuple(label.strip() for label in labels.split(","))


def _fetch(name: str, dtype: torch.dtype | None) -> tuple[Any, dict[str, Any]]:
    settings: dict[str, Any] = {"use_safetensors": True, "trust_remote_code": False, "output_loading_info": True}
    from transformers import AutoModelForSequenceClassification

    try:
        model, report = AutoModelForSequenceClassification.from_pretrained(
            name, dtype=dtype or torch.float32, **settings
        )
    except Exception as error:  # the library and the network raise errors without a common base
        raise _unavailable(name, error) from error
    return model, report


def _fetch_tokenizer(name: str) -> Any:
    from transformers import AutoTokenizer

    try:
        return AutoTokenizer.from_pretrained(name, trust_remote_code=False)
    except Exception as error:
        raise _unavailable(name, error) from error


def _unavailable(name: str, error: Exception) -> ModelError:
    reason = " ".join(str(error).split())[:200]
    return ModelError(
        f"the judge {name} cannot be loaded ({reason}); expected a folder or the name of a Hugging Face model for "
        "sequence classification with weights in safetensors, fetched once with a network; check the name, or use "
        "another --judge"
    )


def _limit(tokenizer: Any, config: Any) -> int:
    """Return the most tokens a model takes: the limit of its tokenizer, or its positions where they are fewer."""
    positions = getattr(config, "max_position_embeddings", None) or _LONGEST
    if config.model_type in {"roberta", "xlm-roberta", "camembert", "xlm-roberta-xl"}:
        positions -= config.pad_token_id + 1  # their positions begin after the padding
    return int(min(tokenizer.model_max_length, positions))


def _batches(lengths: Sequence[int], limit: int) -> list[list[int]]:
    """Return the places in groups of similar length whose rows, padded to the longest, hold at most ``limit``."""
    groups: list[list[int]] = []
    for place in sorted(range(len(lengths)), key=lambda place: (-lengths[place], place)):
        if groups and (len(groups[-1]) + 1) * lengths[groups[-1][0]] <= limit:
            groups[-1].append(place)
        else:
            groups.append([place])
    return groups


def _weights_sha256(model: Any) -> str:
    """Return the SHA-256 of the weights as they were loaded, by name."""
    digest = hashlib.sha256()
    for name, tensor in sorted(model.state_dict().items()):
        digest.update(name.encode())
        digest.update(tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()
