"""What sums up a sheet with several characters: the worst verdict, and that on each with its folder."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import quote

from pipeline.records import BackstoryLabel, Novel, Verdict
from pipeline.report import wording
from pipeline.report.entries import Entry, number

_WORST: tuple[BackstoryLabel, ...] = ("inconsistent", "uncertain", "consistent")


@dataclass(frozen=True)
class LeftOut:
    """A character of a sheet that was not judged, and why."""

    name: str
    reason: str


@dataclass(frozen=True)
class SheetEntry:
    """The verdict on one character, and the folder of its artefacts."""

    folder: str
    verdict: Verdict


@dataclass(frozen=True)
class SheetRow:
    """What the page shows of one character."""

    character: str
    address: str
    label: str
    word: str
    share: str
    tally: str
    contradicted: tuple[str, ...]


@dataclass(frozen=True)
class SheetView:
    """The page of a sheet."""

    novel: str
    label: str
    word: str
    rows: tuple[SheetRow, ...]
    left_out: tuple[LeftOut, ...]
    notices: tuple[str, ...]


def worst_label(labels: Sequence[BackstoryLabel], *, complete: bool = True) -> BackstoryLabel:
    """Return the worst of some verdicts; a sheet that is not judged completely is at best uncertain."""
    found = [*labels, *(() if complete else ("uncertain",))]
    return min(found, key=_WORST.index)


def sheet_entry(
    novel: Novel, entries: Sequence[SheetEntry], left_out: Sequence[LeftOut], notices: Sequence[str]
) -> Entry:
    """Return the worst verdict with that on each character."""
    return {
        "novel": novel.name,
        "verdict": worst_label([entry.verdict.label for entry in entries], complete=not left_out),
        "characters": [
            {
                "character": entry.verdict.character,
                "verdict": entry.verdict.label,
                "probability": number(entry.verdict.probability),
                "folder": entry.folder,
            }
            for entry in entries
        ],
        "not_judged": [{"character": each.name, "reason": each.reason} for each in left_out],
        "notices": list(notices),
    }


def sheet_view(summary: Entry, entries: Sequence[SheetEntry]) -> SheetView:
    """Return what the page shows of a summary by ``sheet_entry``."""
    label: BackstoryLabel = summary["verdict"]
    rows = tuple(_row(entry) for entry in entries)
    left_out = tuple(LeftOut(each["character"], each["reason"]) for each in summary["not_judged"])
    return SheetView(summary["novel"], label, wording.VERDICT_WORDS[label], rows, left_out, tuple(summary["notices"]))


def _row(entry: SheetEntry) -> SheetRow:
    verdict = entry.verdict
    against = [judged for judged in verdict.claims if judged.label == "contradicted" and not judged.waiver]
    return SheetRow(
        character=verdict.character,
        address=f"{quote(entry.folder)}/report.html",
        label=verdict.label,
        word=wording.VERDICT_WORDS[verdict.label],
        share=wording.percent(verdict.probability),
        tally=wording.tally(judged.label for judged in verdict.claims),
        contradicted=tuple(f"{wording.FACT_WORDS[judged.claim.fact_type]}: {judged.claim.text}" for judged in against),
    )
