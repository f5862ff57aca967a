"""Records as the plain mappings and lists in the files; ``docs/outputs.md`` explains every field."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np

from pipeline.records import Character, Check, Chunk, Claim, ClaimVerdict, Difference, LooseWaiver, Novel, Pair, Verdict
from pipeline.states import CharacterState, ChunkState, Reading, Vector

Entry = dict[str, Any]

_VECTOR_DECIMALS = 4
_NUMBER_DECIMALS = 6


def chunk_entries(
    novel: Novel, chunks: Sequence[Chunk], cast: Sequence[Character], summaries: Mapping[int, str]
) -> Entry:
    """Return chunk index, as a string, to the chunk's text, persons, summary, offsets and chapter."""
    named = _names_by_chunk(cast)
    return {
        str(chunk.index): {
            "raw_text": novel.text[chunk.start : chunk.end],
            "characters": named.get(chunk.index, []),
            "summary": summaries[chunk.index],
            "start": chunk.start,
            "end": chunk.end,
            "chapter": chunk.chapter,
        }
        for chunk in chunks
    }


def state_entries(reading: Reading) -> Iterator[Entry]:
    """Yield a mapping for each chunk: the global state, each tracked character's state, and the measurements."""
    # strict: a reading has one state a chunk for every tracked character
    for state, *own in zip(reading.states, *reading.characters.values(), strict=True):
        yield _state_entry(state, dict(zip(reading.characters, own, strict=True)))


def character_entry(character: Character) -> Entry:
    """Return a person's names, number of mentions and chunks, and of a narrator the number of told sentences."""
    entry = {
        "name": character.name,
        "aliases": list(character.aliases),
        "mentions": len(character.mentions),
        "chunks": list(character.chunks),
    }
    return entry | {"told_sentences": len(character.told)} if character.told else entry


def claim_entry(claim: Claim) -> Entry:
    """Return the fields of a claim; its line and source where they are known."""
    entry: Entry = {
        "id": claim.id,
        "character": claim.character,
        "type": claim.type,
        "time_scope": claim.time_scope,
        "stability": claim.stability,
        "fact_type": claim.fact_type,
        "text": claim.text,
    }
    return entry | {"line": claim.line, "source": claim.source} if claim.line else entry


def pair_entries(claims: Sequence[ClaimVerdict]) -> Entry:
    """Return claim id to the list of its judged pairs, best rank first."""
    return {
        judged.claim.id: [_pair_entry(pair) for pair in sorted(judged.pairs, key=lambda pair: pair.evidence.rank)]
        for judged in claims
    }


def claim_verdict_entry(judged: ClaimVerdict) -> Entry:
    """Return a claim's id, kind of fact, label, probability of being consistent, features, checks, and any waiver."""
    entry = {
        "id": judged.claim.id,
        "fact_type": judged.claim.fact_type,
        "label": judged.label,
        "probability": number(judged.probability),
        "features": numbers(judged.features),
        "checks": [_check_entry(check) for check in judged.checks],
    }
    more = {
        "probabilities": {label: number(chance) for label, chance in judged.probabilities.items()},
        "unsure": judged.unsure,
        "difference": _difference_entry(judged.difference),
        "waiver": judged.waiver,
        "waiver_kind": judged.waiver_kind,
        "waiver_to_look_at": _loose_entry(judged.loose_waiver) if judged.loose_waiver else None,
    }
    return entry | {name: value for name, value in more.items() if value}


def _difference_entry(difference: Difference | None) -> Entry:
    """Return the words of a claim and those of the book in their place, with their range; empty for none."""
    return {} if difference is None else asdict(difference)


def verdict_entry(novel: Novel, verdict: Verdict) -> Entry:
    """Return the backstory's verdict with that of each claim, and how much of the novel the character tells."""
    entry = {
        "novel": verdict.novel,
        "character": verdict.character,
        "verdict": verdict.label,
        "probability": number(verdict.probability),
        "rationale": verdict.rationale,
        "notices": all_notices(novel, verdict),
        "features": numbers(verdict.features),
        "claims": [claim_verdict_entry(judged) for judged in verdict.claims],
    }
    return entry | {"told_sentences": verdict.told} if verdict.told else entry


def reasoning_entry(verdict: Verdict) -> Entry:
    """Return claim id to its rationale, and ``backstory`` to that of the whole."""
    return {judged.claim.id: judged.rationale for judged in verdict.claims} | {"backstory": verdict.rationale}


def answer_entry(novel: Novel, verdict: Verdict, files: Sequence[str]) -> Entry:
    """Return the verdict in one mapping for programs: each claim complete, with its relevant passages.

    ``files`` are the paths of the artefacts.
    """
    return verdict_entry(novel, verdict) | {
        "claims": [
            claim_entry(judged.claim)
            | claim_verdict_entry(judged)
            | {"rationale": judged.rationale, "passages": _relevant_pair_entries(judged)}
            for judged in verdict.claims
        ],
        "files": list(files),
    }


def _relevant_pair_entries(judged: ClaimVerdict) -> list[Entry]:
    """Return the pairs that are not irrelevant, best rank first."""
    pairs = sorted(judged.pairs, key=lambda pair: pair.evidence.rank)
    return [_pair_entry(pair) for pair in pairs if pair.label != "irrelevant"]


def all_notices(novel: Novel, verdict: Verdict) -> list[str]:
    """Return the notices of the verdict and of the novel, each once."""
    return list(dict.fromkeys((*verdict.notices, *novel.notices)))


def number(value: float) -> float:
    """Return ``value`` as a Python float with six decimals; JSON cannot store numpy's."""
    return round(float(value), _NUMBER_DECIMALS)


def numbers(values: Mapping[str, float]) -> dict[str, float]:
    """Return ``values`` with six decimals each."""
    return {name: number(value) for name, value in values.items()}


def _loose_entry(loose: LooseWaiver) -> Entry:
    waiver = loose.waiver
    entry = {"claim": waiver.claim, "reason": waiver.reason, "kind": waiver.kind, "passage": waiver.passage}
    found = {
        "quotation": loose.quotation,
        "start": loose.start,
        "end": loose.end,
        "chapter": loose.chapter,
        "chapter_title": loose.chapter_title,
        "paragraph": loose.paragraph,
    }
    return entry | ({"found": found} if loose.quotation else {})


def _check_entry(check: Check) -> Entry:
    return {
        "kind": check.kind,
        "agrees": check.agrees,
        "claimed": check.claimed,
        "passage": check.passage,
        "chunk": check.chunk_index,
        "start": check.start,
        "end": check.end,
        "chapter": check.chapter,
    }


def _names_by_chunk(cast: Sequence[Character]) -> dict[int, list[str]]:
    named: dict[int, list[str]] = {}
    for character in cast:
        for index in character.chunks:
            named.setdefault(index, []).append(character.name)
    return named


def _state_entry(state: ChunkState, own: Mapping[str, CharacterState]) -> Entry:
    return {
        "chunk_index": state.chunk_index,
        "global_state": _rounded(state.global_vector),
        "bdh_char_state": {name: _rounded(mine.vector) for name, mine in own.items()},
        "surprisal": number(state.surprisal),
        "activity": None if state.activity is None else number(state.activity),
        "state_norm": None if state.state_norm is None else number(state.state_norm),
        "drift": number(state.drift),
        "character_present": {name: mine.present for name, mine in own.items()},
    }


def _rounded(vector: Vector) -> list[float]:
    # Doubles, because a rounded single is written as 0.12340000271797180; + 0.0 turns -0.0 into 0.0.
    values: list[float] = (np.round(np.asarray(vector, dtype=np.float64), _VECTOR_DECIMALS) + 0.0).tolist()
    return values


def _pair_entry(pair: Pair) -> Entry:
    evidence = pair.evidence
    entry = {
        "chunk": evidence.chunk_index,
        "quotation": pair.quotation,
        "start": pair.start,
        "end": pair.end,
        "chapter": pair.chapter,
        "chapter_title": pair.chapter_title,
        "paragraph": pair.paragraph,
        "distance": number(evidence.distance),
        "lexical_score": number(evidence.lexical_score),
        "lexical_rank": evidence.lexical_rank,
        "score": number(evidence.score),
        "rank": evidence.rank,
        "character_present": evidence.character_present,
        "label": pair.label,
        "probabilities": numbers({str(label): share for label, share in pair.probabilities.items()}),
    }
    return entry | {"decisive": [list(span) for span in pair.decisive]} if pair.decisive else entry
