"""Measure the judge's verifiers given the gold evidence: ``gold_evidence.py CLAIMS``, a folder of plain claims.

No search: each claim is labelled given the passages that its author quoted. Intervals are 95 %, by bootstrap over
novels.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
from sklearn.metrics import roc_auc_score

from pipeline.config import ReadingConfig, ScoringConfig, resolve_model_dir
from pipeline.device import choose_machine
from pipeline.judging.cross_encoder import CrossEncoder, PairText
from pipeline.judging.verifier import BDHVerifier, VerifierInput

Floats = npt.NDArray[np.float64]
RESAMPLES = 1000


def main(folder: str) -> None:
    """Print AUC and the share of true twins first, for each verifier and for the mean of their log-odds."""
    books = [json.loads(path.read_text(encoding="utf-8")) for path in sorted(Path(folder).glob("*.json"))]
    facts = [(place, fact) for place, book in enumerate(books) for fact in book["facts"]]
    pairs = [
        PairText(fact[side], " ".join(" ".join(fact["evidence"]).split()))
        for side in ("supported", "contradicted")
        for _, fact in facts
    ]
    machine = choose_machine(ReadingConfig().device, ReadingConfig().dtype)
    cross, bdh = _cross(pairs, *machine), _bdh(pairs, *machine)
    owners = np.array([place for place, _ in facts])
    print(f"{len(pairs)} claims about {len(books)} novels")
    for name, odds in (("cross-encoder", cross), ("BDH verifier", bdh), ("mean of both", (cross + bdh) / 2)):
        true, false = np.split(odds, 2)
        for measure, title in ((_auc, "AUC"), (_twins, "true twin first")):
            print(f"{name:<16}{title:<18}{_with_interval(measure, true, false, owners, len(books))}")


def _cross(pairs: list[PairText], device: object, dtype: object) -> Floats:
    model = CrossEncoder.load(resolve_model_dir(ScoringConfig().judge_dir) / "verifier", device=device, dtype=dtype)  # type: ignore[arg-type]
    logs = model.label(pairs).double().numpy()
    return np.asarray(logs[:, 0] - logs[:, 1])


def _bdh(pairs: list[PairText], device: object, dtype: object) -> Floats:
    verifier = BDHVerifier.load(resolve_model_dir(ReadingConfig().model_dir), device=device, dtype=dtype)  # type: ignore[arg-type]
    found = verifier.verify([VerifierInput(pair.claim, (pair.evidence,)) for pair in pairs])
    chances = [(one.probabilities["supported"], one.probabilities["contradicted"]) for one in found]
    return np.asarray(np.log(np.array(chances).clip(1e-6)) @ np.array([1.0, -1.0]))


def _auc(true: Floats, false: Floats) -> float:
    return float(roc_auc_score([1] * len(true) + [0] * len(false), np.concatenate([true, false])))


def _twins(true: Floats, false: Floats) -> float:
    return float((true > false).mean())


def _with_interval(
    measure: Callable[[Floats, Floats], float], true: Floats, false: Floats, owners: npt.NDArray[np.int64], books: int
) -> str:
    rng = np.random.default_rng(0)
    values = []
    for _ in range(RESAMPLES):
        drawn = np.concatenate([np.flatnonzero(owners == book) for book in rng.choice(books, books)])
        values.append(measure(true[drawn], false[drawn]))
    low, high = np.percentile(values, [2.5, 97.5])
    return f"{measure(true, false):.3f} [{low:.3f}, {high:.3f}]"


if __name__ == "__main__":
    main(*sys.argv[1:])
