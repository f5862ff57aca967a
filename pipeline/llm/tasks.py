"""The tasks for Groq: claims of a backstory, summaries of texts, labels of a claim's passages.

Each function raises the errors of its client, LLMError above all, and never invents an answer: whether to go on
without Groq is the caller's choice, and the caller reports it. Each part of an answer has its own name in the schema,
so an answer has exactly the parts that were requested.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, get_args

from pipeline.claims.fact_types import fact_type
from pipeline.claims.pronouns import insert_name
from pipeline.claims.subject import find_protagonist
from pipeline.errors import BackstoryError
from pipeline.llm.client import GroqClient
from pipeline.records import Claim, ClaimType, PairLabel, Stability, TimeScope, claim_id

TEXTS_PER_REQUEST = 10
"""Texts or passages in one request; with chunks of six sentences about 2,000 tokens."""

_CLAIMS = """\
The data are a backstory written for a character of a novel, and the character's name. Part the backstory into claims, \
in its order.
Each claim states one fact that can be checked and can be read by itself: write the character's name where the \
backstory has a pronoun for the character or no subject. Keep numbers, years, ages, places and other names exactly as \
they are written. Leave no stated fact out, add none, infer none.
type: world_rule for a rule or custom that is not about the character; trait for a quality, skill or habit; else event.
time_scope: childhood below eighteen years of age, adulthood from then on, unspecified where the text does not tell.
stability: short_term for what passes, long_term for what lasts, unspecified where the text does not tell."""

_SUMMARIES = """\
The data are passages of a novel. Summarise each in one sentence of at most thirty words, in the present tense. Name \
the persons who act, as the passage names them. Say only what the passage says, whatever you know of the book."""

_LABELS = """\
The data are a claim about a character of a novel, and passages of that novel. For each passage give three \
probabilities that sum to 1.
support: the passage states the claim or makes it follow. contradict: the claim and the passage cannot both be true. \
irrelevant: neither; silence about the claim is irrelevant, never contradict.
Judge by the passage alone, whatever you know of the book. A person who merely bears a similar name is somebody else."""

_TEXT = {"type": "string", "minLength": 1, "maxLength": 1000, "pattern": r"\S"}
_PROBABILITY = {"type": "number", "minimum": 0, "maximum": 1}


def _object(properties: Mapping[str, Any]) -> dict[str, Any]:
    """Return the schema of an object with exactly these properties, which strict decoding supports."""
    return {
        "type": "object",
        "properties": dict(properties),
        "required": list(properties),
        "additionalProperties": False,
    }


_CLAIM = _object(
    {
        "text": _TEXT,
        "type": {"type": "string", "enum": list(get_args(ClaimType))},
        "time_scope": {"type": "string", "enum": list(get_args(TimeScope))},
        "stability": {"type": "string", "enum": list(get_args(Stability))},
    }
)
_CLAIMS_SCHEMA = _object({"claims": {"type": "array", "items": _CLAIM, "minItems": 1, "maxItems": 500}})
_LABEL = _object(dict.fromkeys(get_args(PairLabel), _PROBABILITY)) | {
    "anyOf": [{"properties": {label: {"exclusiveMinimum": 0}}} for label in get_args(PairLabel)]
}


def claims_by_llm(client: GroqClient, backstory: str, character: str) -> tuple[Claim, ...]:
    """Return the claims that Groq finds in a backstory, in its order, each once.

    Ids are made as in ``pipeline.claims.extract``; as there, the name of the character
    is written into a claim that does not name it (of a name with slashes, the first alternative).

    Raises LLMError when Groq gives no valid answer, BackstoryError when the backstory is empty.
    """
    if not backstory.strip():
        raise BackstoryError("the backstory is empty; expected at least one sentence; write what it says")
    data = {"character": character, "backstory": backstory}
    found = client.complete_json("claims", schema=_CLAIMS_SCHEMA, system=_CLAIMS, data=data)["claims"]
    person = find_protagonist(character, [entry["text"] for entry in found])
    entries: dict[str, dict[str, Any]] = {}
    for entry in found:
        entries.setdefault(insert_name(" ".join(entry["text"].split()), person), entry)
    return tuple(
        Claim(
            id=claim_id(number, text, character=character),
            character=character,
            type=entry["type"],
            time_scope=entry["time_scope"],
            stability=entry["stability"],
            text=text,
            fact_type=fact_type(text, character),
        )
        for number, (text, entry) in enumerate(entries.items(), start=1)
    )


def summaries_by_llm(client: GroqClient, texts: Sequence[str]) -> list[str]:
    """Return one sentence per text, in the order of the texts. An empty list makes no request.

    Raises LLMError when Groq gives no valid answer to a request; answers to earlier requests stay in the cache.
    """
    summaries: list[str] = []
    for batch in _batches(texts):
        schema = _object(dict.fromkeys(batch, _TEXT))
        answer = client.complete_json("summaries", schema=schema, system=_SUMMARIES, data=batch)
        summaries += [" ".join(answer[name].split()) for name in batch]
    return summaries


def labels_by_llm(client: GroqClient, claim: Claim, passages: Sequence[str]) -> list[dict[PairLabel, float]]:
    """Return the label probabilities of the claim given each passage, in the order of the passages.

    The probabilities of a passage sum to 1. Raises LLMError when Groq gives no valid answer.
    """
    labels: list[dict[PairLabel, float]] = []
    for batch in _batches(passages):
        schema = _object(dict.fromkeys(batch, _LABEL))
        data = {"character": claim.character, "claim": claim.text, **batch}
        answer = client.complete_json("labels", schema=schema, system=_LABELS, data=data)
        labels += [_normalised(answer[name]) for name in batch]
    return labels


def _batches(texts: Sequence[str]) -> Iterator[dict[str, str]]:
    """Yield the texts of each request by the names that they have in the prompt and in the answer."""
    for first in range(0, len(texts), TEXTS_PER_REQUEST):
        batch = texts[first : first + TEXTS_PER_REQUEST]
        yield {f"passage_{number}": text for number, text in enumerate(batch, start=1)}


def _normalised(weights: Mapping[str, float]) -> dict[PairLabel, float]:
    """Return probabilities that sum to 1; the schema ensures that one of them is above 0."""
    total = sum(weights.values())
    return {label: weights[label] / total for label in get_args(PairLabel)}
