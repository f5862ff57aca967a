"""Findings that the author marked as intentional, kept in a file beside the novel.

``<novel>.waivers.json`` is a list of mappings (``character``, ``claim``, ``reason``, ``passage``), meant to be read,
edited and kept under version control with the manuscript.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator

from pipeline.errors import OutputError, WaiverError
from pipeline.language.folding import fold
from pipeline.records import ClaimVerdict, Waiver
from pipeline.report.resources import read_schema
from pipeline.storage.files import locked_output, write_json

LONGEST_REASON = 500


def waivers_path(novel: Path) -> Path:
    """Return where the waivers of a novel lie."""
    return novel.with_name(f"{novel.stem}.waivers.json")


def load_waivers(path: Path) -> tuple[Waiver, ...]:
    """Return the waivers in a file, none where there is no file.

    Raises:
        WaiverError: the file cannot be read or has another shape.
    """
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return ()
    except (OSError, ValueError) as error:
        raise WaiverError(f"{path} cannot be read as JSON ({error}); mend it, or remove it to waive nothing") from error
    return tuple(Waiver(**entry) for entry in _checked(path, found))


def save_waiver(path: Path, waiver: Waiver) -> Path:
    """Add a waiver to a file, in place of one for the same claim of the same character.

    Raises:
        WaiverError: the reason is empty or too long, or the file is damaged or cannot be written.
    """
    if not waiver.reason.strip() or len(waiver.reason) > LONGEST_REASON:
        raise WaiverError(
            f"the reason has {len(waiver.reason.strip())} letters; say in 1 to {LONGEST_REASON} why it is intended"
        )
    with _locked(path):
        others = [known for known in load_waivers(path) if not same_claim(known, waiver.character, waiver.claim)]
        return _write(path, [*others, waiver])


def drop_waiver(path: Path, *, character: str, claim: str) -> Path:
    """Take back the waiver of a claim; raises WaiverError where there is none."""
    with _locked(path):
        known = load_waivers(path)
        kept = [waiver for waiver in known if not same_claim(waiver, character, claim)]
        if len(kept) == len(known):
            raise WaiverError(f"{path.name} waives no such claim of {character}; look at the file for those it does")
        return _write(path, kept)


def apply_waivers(
    claims: Sequence[ClaimVerdict], waivers: Sequence[Waiver], text: str
) -> tuple[tuple[ClaimVerdict, ...], tuple[str, ...]]:
    """Return the claims with their waivers, and a notice for each that no longer holds in ``text``, the novel's."""
    judged, notices = [], []
    for claim in claims:
        waiver = next((known for known in waivers if _is_for(known, claim)), None)
        holds = waiver is not None and still_holds(waiver, text)
        judged.append(replace(claim, waiver=waiver.reason) if waiver and holds else claim)
        if waiver and not holds:
            notices.append(
                f"a claim is marked as intentional ({waiver.reason}), but the passage it was marked for is no longer "
                f"in the novel, so it counts again; mark it anew if it still is: {claim.claim.text}"
            )
    return tuple(judged), tuple(notices)


def same_claim(waiver: Waiver, character: str, claim: str) -> bool:
    """Say whether a waiver is for this claim; case, accents and white space make no difference."""
    return _key(waiver.character, waiver.claim) == _key(character, claim)


def still_holds(waiver: Waiver, text: str) -> bool:
    """Say whether the passage that a waiver was given for stands in ``text``, however its lines are broken."""
    return " ".join(waiver.passage.split()) in " ".join(text.split())


def _is_for(waiver: Waiver, judged: ClaimVerdict) -> bool:
    return same_claim(waiver, judged.claim.character, judged.claim.text)


def _key(character: str, claim: str) -> tuple[str, str]:
    return " ".join(fold(character).split()), " ".join(fold(claim).split())


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Keep the file from being changed by anybody else from reading to writing: else one of two marks would be lost."""
    try:
        with locked_output(path):
            yield
    except OutputError as error:
        raise WaiverError(
            f"{path} cannot be written beside the novel ({error.__cause__}); free some space, or keep the novel in a "
            "folder that you may write to"
        ) from error


def _write(path: Path, waivers: Sequence[Waiver]) -> Path:
    return write_json(path, [asdict(waiver) for waiver in waivers])


def _checked(path: Path, found: object) -> Iterable[dict[str, Any]]:
    error = next(Draft202012Validator(read_schema("waivers")).iter_errors(found), None)
    if error is not None:
        where = "".join(f"[{step!r}]" for step in error.absolute_path)
        raise WaiverError(f"{path}{where}: {error.message}; docs/outputs.md shows the shape of a waiver")
    assert isinstance(found, list)
    return found
