"""Judges of single passages: how one is opened by name, and how a claim is weighed by its pairs.

The shipped judge reads a claim before all its evidence together and is fitted (``judge``). A judge of pairs only says
what each passage does to a claim; the rest is the declared rule of ``judge_by_pairs``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib.util import find_spec

import torch

from pipeline.errors import ModelError
from pipeline.judging.claim_model import passage_of
from pipeline.judging.pair.interface import PairJudge, PairQuestion
from pipeline.judging.passage import best_sentence
from pipeline.judging.verdict import claim_rationale, label_pair, weigh_pairs
from pipeline.records import Chunk, Claim, ClaimLabel, ClaimVerdict, Evidence, Novel, Pair, PairLabel
from pipeline.retrieval.index import Lexicon

HUB_PREFIX = "hf:"
"""What stands before the name or folder of a cross-encoder."""
EXTRA = "pip install 'bdh-narrative[judges]'"


def open_pair_judge(name: str, *, device: torch.device, dtype: torch.dtype | None) -> PairJudge:
    """Return the judge of this name: ``heuristic``, or ``hf:`` and a cross-encoder; raises ModelError.

    The judge's own libraries are asked for here, when it is wanted.
    """
    if name == "heuristic":
        from pipeline.judging.pair.rules import HeuristicJudge

        return HeuristicJudge()
    if not name.startswith(HUB_PREFIX):
        raise ModelError(f"{name!r} is no judge of passages; expected heuristic or {HUB_PREFIX}MODEL")
    if find_spec("transformers") is None:
        raise ModelError(f"--judge {name} needs transformers, which is not installed; {EXTRA} brings it")
    from pipeline.judging.pair.cross_encoder import CrossEncoder

    return CrossEncoder.load(name.removeprefix(HUB_PREFIX), device=device, dtype=dtype)


def judge_by_pairs(
    judge: PairJudge,
    questions: Sequence[tuple[Claim, tuple[Evidence, ...]]],
    lexical: Sequence[dict[str, float]],
    *,
    novel: Novel,
    chunks: Sequence[Chunk],
    lexicon: Lexicon,
    on_progress: Callable[[int], object] = lambda done: None,
) -> list[ClaimVerdict]:
    """Return the verdict on each claim with its evidence, from what the judge says of every passage.

    A claim follows from its pairs by ``weigh_pairs``. Before a judge that never says contradict its probability is
    the highest support, and it is supported from a half on, else not stated. ``lexical`` are the features of each
    claim, which describe a backstory. ``on_progress`` hears of every passage and every claim.
    """
    asked = [
        PairQuestion(claim.text, passage_of(novel, chunks[item.chunk_index]).sentences)
        for claim, evidence in questions
        for item in evidence
    ]
    told = iter(judge.label_pairs(asked, lexicon=lexicon, on_progress=on_progress))
    verdicts = []
    for (claim, evidence), features in zip(questions, lexical, strict=True):
        pairs = tuple(_pair(claim, item, next(told), chunks[item.chunk_index], novel, lexicon) for item in evidence)
        label, probability = weigh_pairs(pairs) if judge.contradicts else _weigh_support(pairs)
        verdicts.append(ClaimVerdict(claim, label, probability, features, pairs, claim_rationale(label, pairs)))
        on_progress(1)
    return verdicts


def _weigh_support(pairs: Sequence[Pair]) -> tuple[ClaimLabel, float]:
    support = max(pair.probabilities["support"] for pair in pairs)
    return ("supported" if support >= 0.5 else "not_stated"), support


def _pair(
    claim: Claim, item: Evidence, chances: dict[PairLabel, float], chunk: Chunk, novel: Novel, lexicon: Lexicon
) -> Pair:
    sentences = passage_of(novel, chunk).sentences
    chosen = best_sentence(claim.text, sentences, weight=lexicon.weight, stems=lexicon.stems)
    start, end = chunk.sentences[chosen]
    return Pair(item, label_pair(chances), chances, sentences[chosen], start, end, novel.chapter_at(start))
