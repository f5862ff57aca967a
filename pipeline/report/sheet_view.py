"""What sums up a sheet with several characters: the worst verdict, and that on each with its findings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from pipeline.records import BackstoryLabel, Novel
from pipeline.report import wording
from pipeline.report.entries import Entry
from pipeline.report.findings import Finding, find_findings
from pipeline.report.view import PageContext

_WORST: tuple[BackstoryLabel, ...] = ("inconsistent", "uncertain", "consistent")


@dataclass(frozen=True)
class LeftOut:
    """A character of a sheet that was not judged, and why."""

    name: str
    reason: str


@dataclass(frozen=True)
class SheetEntry:
    """The verdict on one character, as ``answer_entry`` has it, and the folder of its artefacts."""

    folder: str
    answer: Mapping[str, Any]


@dataclass(frozen=True)
class SheetRow:
    """What the page shows of one character; ``address`` is that of its report."""

    character: str
    address: str
    label: str
    word: str
    share: str
    tally: str
    findings: tuple[Finding, ...]


@dataclass(frozen=True)
class SheetView:
    """The page of a sheet."""

    novel: str
    label: str
    word: str
    sentence: str
    rows: tuple[SheetRow, ...]
    left_out: tuple[LeftOut, ...]
    notices: tuple[str, ...]
    around: PageContext = field(default_factory=PageContext)


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
        "verdict": worst_label([entry.answer["verdict"] for entry in entries], complete=not left_out),
        "characters": [
            {**{name: entry.answer[name] for name in ("character", "verdict", "probability")}, "folder": entry.folder}
            for entry in entries
        ],
        "not_judged": [{"character": each.name, "reason": each.reason} for each in left_out],
        "notices": list(notices),
    }


def sheet_view(summary: Entry, entries: Sequence[SheetEntry]) -> SheetView:
    """Return what the page shows of a summary by ``sheet_entry``."""
    rows = [sheet_row(entry.answer, f"{quote(entry.folder)}/report.html") for entry in entries]
    left_out = [LeftOut(each["character"], each["reason"]) for each in summary["not_judged"]]
    return view_of_rows(summary["novel"], rows, left_out, summary["notices"])


def view_of_rows(
    novel: str,
    rows: Sequence[SheetRow],
    left_out: Sequence[LeftOut],
    notices: Sequence[str],
    around: PageContext | None = None,
) -> SheetView:
    """Return the page of some rows; its verdict is the worst of theirs."""
    labels: list[Any] = [row.label for row in rows]
    label = worst_label(labels, complete=not left_out)
    word, sentence = wording.VERDICT_WORDS[label], _sentence(labels, left_out)
    return SheetView(
        novel, label, word, sentence, tuple(rows), tuple(left_out), tuple(notices), around or PageContext()
    )


def sheet_row(answer: Mapping[str, Any], address: str) -> SheetRow:
    """Return what the page shows of a verdict as ``answer_entry`` has it."""
    label: BackstoryLabel = answer["verdict"]
    return SheetRow(
        character=answer["character"],
        address=address,
        label=label,
        word=wording.VERDICT_WORDS[label],
        share=wording.percent(answer["probability"]),
        tally=wording.tally(claim["label"] for claim in answer["claims"]),
        findings=find_findings(answer),
    )


def _sentence(labels: Sequence[str], left_out: Sequence[LeftOut]) -> str:
    against = labels.count("inconsistent")
    judged = wording.counted(len(labels), "character")
    said = f"The backstories of {against} of {judged} contradict the novel" if against else f"{judged} judged"
    return f"{said}; {len(left_out)} not judged, which counts as uncertain." if left_out else f"{said}."
