"""Findings that the author marked as intentional, stored in a file next to the novel.

``<novel>.waivers.json`` is a list of mappings (``character``, ``claim``, ``kind``, ``reason``, ``passage``, and the
words ``before`` and ``after`` it), meant to be read, edited and versioned with the manuscript. A waiver is anchored by
its passage, so it survives edits elsewhere and a moved chapter; one whose passage changed is shown to the author.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, NamedTuple, get_args

from jsonschema import Draft202012Validator

from pipeline.config import COMMAND
from pipeline.errors import OutputError, WaiverError
from pipeline.language.anchors import Context, context_of, find_near, find_verbatim, is_distinctive, likeness
from pipeline.language.folding import fold
from pipeline.language.words import words_of
from pipeline.records import ClaimVerdict, LooseWaiver, Novel, Span, Waiver, WaiverKind
from pipeline.report.resources import read_schema
from pipeline.storage.files import locked_output, write_json
from pipeline.text.novels import companion_path

LONGEST_REASON = 500
KINDS: tuple[WaiverKind, ...] = get_args(WaiverKind)
"""The reasons to choose from."""
_SAME_CLAIM = 0.8
_HOW = f"confirm the mark ({COMMAND} waive --claim NUMBER --renew, or on the page) if it is still intended"


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


def save_waiver(path: Path, waiver: Waiver, *, instead_of: str = "") -> Path:
    """Add a waiver to a file, in place of one for the same claim of the same character, or for the claim given.

    Raises:
        WaiverError: the reason is empty or too long, or the file is damaged or cannot be written.
    """
    if not waiver.reason.strip() or len(waiver.reason) > LONGEST_REASON:
        raise WaiverError(
            f"the reason has {len(waiver.reason.strip())} characters; give a reason of 1 to {LONGEST_REASON}"
        )
    with _locked(path):
        others = [
            other
            for other in load_waivers(path)
            if not any(same_claim(other, waiver.character, claim) for claim in (waiver.claim, instead_of))
        ]
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
    claims: Sequence[ClaimVerdict], waivers: Sequence[Waiver], novel: Novel
) -> tuple[tuple[ClaimVerdict, ...], tuple[str, ...]]:
    """Return the claims with their waivers, and a notice for each that no longer fits the novel or its claim."""
    judged, notices = [], []
    reworded = _reworded(claims, waivers)
    for claim in claims:
        waiver = next((known for known in waivers if _is_for(known, claim)), reworded.get(claim.claim.id))
        if waiver is None:
            judged.append(claim)
            continue
        place = find_passage(waiver, novel.text)
        if place.holds and _is_for(waiver, claim):
            judged.append(replace(claim, waiver=str(waiver), waiver_kind=waiver.kind))
            continue
        loose = _loosen(waiver, place.found, novel)
        judged.append(replace(claim, loose_waiver=loose))
        notices.append(_notice(loose, claim.claim.text))
    return tuple(judged), tuple(notices)


class Place(NamedTuple):
    """Whether the passage of a waiver is still in the novel, and where it is, or probably is."""

    holds: bool
    found: Span | None = None


def find_passage(waiver: Waiver, text: str) -> Place:
    """Return where the passage of a waiver is in ``text``.

    Word for word it holds wherever it is, but one of few words only in the surroundings for which it was given.
    """
    if not waiver.passage.strip():
        return Place(True)
    context, places = Context(waiver.before, waiver.after), find_verbatim(text, waiver.passage)
    known = [place for place in places if context.is_like(context_of(text, place))]
    if known or (places and (is_distinctive(waiver.passage) or not any(context))):
        return Place(True, (known or places)[0])
    return Place(False, places[0] if places else find_near(text, waiver.passage, context))


def find_loose(waivers: Iterable[Waiver], novel: Novel) -> tuple[LooseWaiver, ...]:
    """Return the waivers whose passages are no longer in the novel, of whatever backstory their claims are."""
    places = [(waiver, find_passage(waiver, novel.text)) for waiver in waivers]
    return tuple(_loosen(waiver, place.found, novel) for waiver, place in places if not place.holds)


def make_waiver(
    character: str,
    claim: str,
    pairs: Iterable[Mapping[str, Any]],
    *,
    kind: str = "",
    reason: str = "",
    text: str = "",
) -> Waiver:
    """Return the waiver of a claim for the passage that contradicts it most among ``pairs``, entries of an artefact.

    ``text`` is the novel's, from which the words around the passage are stored.

    Raises:
        WaiverError: the kind is not one of ``KINDS``.
    """
    known = next((one for one in KINDS if one == kind), None)
    if kind and known is None:
        raise WaiverError(f"{kind!r} is not a kind of reason; expected one of {', '.join(KINDS)}")
    against = [pair for pair in pairs if pair["label"] == "contradict"]
    nothing: Mapping[str, Any] = {"quotation": ""}
    strongest = max(against, key=lambda pair: pair["probabilities"]["contradict"], default=nothing)
    reason = " ".join(reason.split())
    waiver = Waiver(character, claim, reason or kind, strongest["quotation"], known or "")
    return _anchored(waiver, text, near=strongest.get("start", 0))


def renew_waiver(
    path: Path,
    character: str,
    claim: str,
    loose: Mapping[str, Any],
    pairs: Iterable[Mapping[str, Any]],
    *,
    text: str,
) -> Waiver:
    """Store a waiver again for its claim and passage as they are now, and return it.

    ``loose`` is the entry ``waiver_to_look_at`` of an artefact. Where the passage vanished, the one that contradicts
    the claim most takes its place.
    """
    waiver = make_waiver(character, claim, pairs, kind=loose.get("kind", ""), reason=loose["reason"], text=text)
    if "found" in loose:
        found = loose["found"]
        waiver = _anchored(replace(waiver, passage=found["quotation"]), text, near=found["start"])
    save_waiver(path, waiver, instead_of=loose["claim"])
    return waiver


def same_claim(waiver: Waiver, character: str, claim: str) -> bool:
    """Return True if a waiver is for this claim; case, accents and white space make no difference."""
    return _key(waiver.character, waiver.claim) == _key(character, claim)


def describe_loose(loose: LooseWaiver) -> str:
    """Return in words what became of the passage of a waiver that no longer fits."""
    if not loose.waiver.passage:
        return "it was marked without a passage"
    if not loose.quotation:
        return "the passage that it was marked for is no longer in the novel"
    where = f"chapter {loose.chapter}, paragraph {loose.paragraph}" if loose.chapter else f"paragraph {loose.paragraph}"
    return f"its passage is probably here now ({where}): “{' '.join(loose.quotation.split())}”"


def _notice(loose: LooseWaiver, claim: str) -> str:
    waiver, what = loose.waiver, describe_loose(loose)
    if not same_claim(waiver, waiver.character, claim):
        return (
            f"a mark as intentional ({waiver}) was given for the claim “{waiver.claim}”, which probably reads "
            f"otherwise now, so it counts again; {what}; {_HOW}: {claim}"
        )
    if loose.quotation:
        return f"a claim is marked as intentional ({waiver}), but it counts again: {what}; {_HOW}: {claim}"
    return (
        f"a claim is marked as intentional ({waiver}), but {what}, so it counts again; mark it again if it is still "
        f"intended: {claim}"
    )


def _loosen(waiver: Waiver, found: Span | None, novel: Novel) -> LooseWaiver:
    if found is None:
        return LooseWaiver(waiver)
    start, end = found
    chapter, title, paragraph = novel.chapter_at(start), novel.title_at(start), novel.paragraph_at(start)
    return LooseWaiver(waiver, novel.text[start:end], start, end, chapter, title, paragraph)


def _anchored(waiver: Waiver, text: str, *, near: int) -> Waiver:
    """Return a waiver with the words around its passage, at the place that is nearest to an offset."""
    places = find_verbatim(text, waiver.passage)
    if not places:
        return waiver
    before, after = context_of(text, min(places, key=lambda place: abs(place.start - near)))
    return replace(waiver, before=before, after=after)


def _reworded(claims: Sequence[ClaimVerdict], waivers: Sequence[Waiver]) -> dict[str, Waiver]:
    """Return by claim id the waivers of no claim, where a claim without a waiver reads nearly as theirs."""
    others = [waiver for waiver in waivers if not any(_is_for(waiver, claim) for claim in claims)]
    found: dict[str, Waiver] = {}
    for judged in claims:
        claim = judged.claim
        near = {
            waiver: likeness(words_of(waiver.claim), words_of(claim.text))
            for waiver in others
            if same_claim(waiver, claim.character, waiver.claim)
        }
        nearest = max(near, key=lambda waiver: near[waiver], default=None)
        if nearest and near[nearest] >= _SAME_CLAIM and not any(_is_for(waiver, judged) for waiver in waivers):
            found[claim.id] = nearest
            others.remove(nearest)
    return found


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
