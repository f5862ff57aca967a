"""Read back the verdict of a complete run from its artefacts."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from pipeline.report.changes import VerdictSummary, summarise_answer
from pipeline.report.manifest import FILE_NAME
from pipeline.storage.files import sha256_of

_CLAIMS, _PAIRS, _VERDICT = "backstory.claims.json", "claim_chunk_pairs.json", "backstory_consistency.json"


def load_summary(out_dir: Path, *, novel: str, character: str) -> VerdictSummary | None:
    """Return the verdict on ``character`` in ``novel`` that is stored in a folder.

    None if there is no such verdict, or if its files are not those of one complete run.
    """
    answer = load_answer(out_dir)
    if answer is None or (answer["novel"], answer["character"]) != (novel, character):
        return None
    return summarise_answer(answer)


def load_answer(out_dir: Path) -> dict[str, Any] | None:
    """Return the verdict stored in a folder in one mapping, each claim with all its passages.

    None if the folder has no files of one complete run.
    """
    files = _load_complete(out_dir)
    if files is None:
        return None
    verdict: dict[str, Any] = files[_VERDICT]
    pairs = files[_PAIRS]
    claims = zip(files[_CLAIMS], verdict["claims"], strict=True)
    return verdict | {"claims": [claim | judged | {"passages": pairs[claim["id"]]} for claim, judged in claims]}


def _load_complete(out_dir: Path) -> dict[str, Any] | None:
    """Return the files of a verdict by name, None unless all are as their manifest has them."""
    names = (_CLAIMS, _PAIRS, _VERDICT)
    if not all((out_dir / name).is_file() for name in (*names, FILE_NAME)):
        return None
    try:
        sums = {entry["name"]: entry["sha256"] for entry in _load(out_dir / FILE_NAME)["files"]}
    except (ValueError, KeyError, TypeError):
        return None  # another program's manifest
    complete = all(sha256_of(out_dir / name) == sums.get(name) for name in names)
    return {name: _load(out_dir / name) for name in names} if complete else None


def _load(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))
