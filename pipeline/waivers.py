"""Findings that the author marked as intentional, stored in a file next to the novel.

``<novel>.waivers.json`` is a list of mappings (``character``, ``claim``, ``kind``, ``reason``, ``passage``), meant to
be read, edited and versioned with the manuscript.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, get_args

from jsonschema import Draft202012Validator

from pipeline.errors import OutputError, WaiverError
from pipeline.language.folding import fold
from pipeline.records import ClaimVerdict, Waiver, WaiverKind
from pipeline.report.resources import read_schema
from pipeline.storage.files import locked_output, write_json
from pipeline.text.novels import companion_path

LONGEST_REASON = 500
KINDS: tuple[WaiverKind, ...] = get_args(WaiverKind)
"""The reasons to choose from."""


def waivers_path(novel: Path) -> Path:
    """Return the path of the waivers of a novel."""
    return companion_path(novel, "waivers.json")


def load_waivers(path: Path) -> tuple[Waiver, ...]:
    """Return the waivers in a file, none if there is no file.

    Raises:
        WaiverError: the file cannot be read or has another shape.
    """
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return ()
    except (OSError, ValueError) as error:
        raise WaiverError(f"{path} cannot be read as JSON ({error}); fix it, or remove it to waive nothing") from error
    return tuple(Waiver(**entry) for entry in _checked(path, found))


def save_waiver(path: Path, waiver: Waiver) -> Path:
    """Add a waiver to a file, in place of one for the same claim of the same character.

    Raises:
        WaiverError: the reason is empty or too long, or the file is damaged or cannot be written.
    """
    if not waiver.reason.strip() or len(waiver.reason) > LONGEST_REASON:
        raise WaiverError(
            f"the reason has {len(waiver.reason.strip())} characters; give a reason of 1 to {LONGEST_REASON}"
        )
    with _locked(path):
        others = [other for other in load_waivers(path) if not same_claim(other, waiver.character, waiver.claim)]
        return _write(path, [*others, waiver])


def drop_waiver(path: Path, *, character: str, claim: str) -> Path:
    """Remove the waiver of a claim; raises WaiverError if there is none."""
    with _locked(path):
        waivers = load_waivers(path)
        others = [waiver for waiver in waivers if not same_claim(waiver, character, claim)]
        if len(others) == len(waivers):
            raise WaiverError(f"{path.name} does not waive this claim of {character}; choose one that is in the file")
        return _write(path, others)


def apply_waivers(
    claims: Sequence[ClaimVerdict], waivers: Sequence[Waiver], text: str
) -> tuple[tuple[ClaimVerdict, ...], tuple[str, ...]]:
    """Return the claims with their waivers, and a notice for each that no longer holds in ``text``, the novel's."""
    judged, notices = [], []
    for claim in claims:
        waiver = next((known for known in waivers if _is_for(known, claim)), None)
        holds = waiver is not None and still_holds(waiver, text)
        judged.append(replace(claim, waiver=str(waiver), waiver_kind=waiver.kind) if waiver and holds else claim)
        if waiver and not holds:
            notices.append(
                f"a claim is marked as intentional ({waiver}), but the passage it was marked for is no longer "
                f"in the novel, so it counts again; mark it again if it is still intended: {claim.claim.text}"
            )
    return tuple(judged), tuple(notices)


def make_waiver(
    character: str, claim: str, pairs: Iterable[Mapping[str, Any]], *, kind: str = "", reason: str = ""
) -> Waiver:
    """Return the waiver of a claim for the passage that contradicts it most among ``pairs``, entries of an artefact.

    Raises:
        WaiverError: the kind is not one of ``KINDS``.
    """
    known = next((one for one in KINDS if one == kind), None)
    if kind and known is None:
        raise WaiverError(f"{kind!r} is not a kind of reason; expected one of {', '.join(KINDS)}")
    against = [pair for pair in pairs if pair["label"] == "contradict"]
    passage = max(against, key=lambda pair: pair["probabilities"]["contradict"])["quotation"] if against else ""
    reason = " ".join(reason.split())
    return Waiver(character, claim, reason or kind, passage, known or "")


def same_claim(waiver: Waiver, character: str, claim: str) -> bool:
    """Return True if a waiver is for this claim; case, accents and white space make no difference."""
    return _key(waiver.character, waiver.claim) == _key(character, claim)


def still_holds(waiver: Waiver, text: str) -> bool:
    """Return True if the passage of a waiver is in ``text``, regardless of line breaks."""
    return " ".join(waiver.passage.split()) in " ".join(text.split())


def _is_for(waiver: Waiver, judged: ClaimVerdict) -> bool:
    return same_claim(waiver, judged.claim.character, judged.claim.text)


def _key(character: str, claim: str) -> tuple[str, str]:
    return " ".join(fold(character).split()), " ".join(fold(claim).split())


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Lock the file from reading to writing: else one of two simultaneous waivers would be lost."""
    try:
        with locked_output(path):
            yield
    except OutputError as error:
        raise WaiverError(
            f"{path} cannot be written next to the novel ({error.__cause__}); free some space, or move the novel to a "
            "writable folder"
        ) from error


def _write(path: Path, waivers: Sequence[Waiver]) -> Path:
    return write_json(path, [asdict(waiver) for waiver in waivers])


def _checked(path: Path, found: object) -> Iterable[dict[str, Any]]:
    error = next(Draft202012Validator(read_schema("waivers")).iter_errors(found), None)
    if error is not None:
        where = "".join(f"[{step!r}]" for step in error.absolute_path)
        raise WaiverError(f"{path}{where}: {error.message}; docs/outputs.md describes a waiver")
    assert isinstance(found, list)
    return found
