"""The files of ``data/plain_claims``: claims about one novel with their labels and verbatim evidence."""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.errors import TableError
from pipeline.records import ClaimLabel


@dataclass(frozen=True)
class PlainClaim:
    """A labelled claim; ``pair`` joins a true claim and its false twin, None for a claim that the book leaves open."""

    id: str
    book: str
    character: str
    text: str
    label: ClaimLabel
    evidence: tuple[str, ...] = ()
    kind: str = ""
    difficulty: str = ""
    pair: str | None = None


def read_plain_claims(path: Path) -> list[PlainClaim]:
    """Return the claims of a file, or of all files of a folder by name; raises TableError."""
    files = sorted(path.glob("*.json")) if path.is_dir() else [path]
    if not files:
        raise TableError(f"{path} has no *.json; expected files of data/plain_claims")
    return [claim for file in files for claim in _read(file)]


def _read(file: Path) -> Sequence[PlainClaim]:
    try:
        book = json.loads(file.read_text(encoding="utf-8"))
        title, claims = book["book"], []
        for fact in book["facts"]:
            about = (title, fact["character"])
            rest: tuple[Any, ...] = (tuple(fact["evidence"]), fact["type"], fact["difficulty"], fact["id"])
            claims.append(PlainClaim(f"{fact['id']}-true", *about, fact["supported"], "supported", *rest))
            claims.append(PlainClaim(f"{fact['id']}-false", *about, fact["contradicted"], "contradicted", *rest))
        for one in book["not_stated"]:
            claims.append(PlainClaim(one["id"], title, one["character"], one["claim"], "not_stated"))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise TableError(
            f"{file} is not a file of plain claims ({error!r}); see data/plain_claims/README.md"
        ) from error
    return claims


def read_titles(file: str, known: Collection[str]) -> set[str]:
    """Return the titles in a file, one a line; raises TableError for one that is not ``known``."""
    try:
        lines = Path(file).read_text(encoding="utf-8").splitlines()
    except (OSError, ValueError) as error:
        raise TableError(f"{file} cannot be read ({error}); expected the titles of novels, one a line") from error
    named = {line.strip() for line in lines if line.strip()}
    unknown = sorted(named - set(known))
    if unknown:
        raise TableError(f"{file} names {unknown[0]!r}, which is no title of the claims; write it as their files do")
    return named
