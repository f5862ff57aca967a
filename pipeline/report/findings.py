"""The findings of a verdict for an editor: contradicted claims, with the passage that contradicts each most.

They are read from the stored verdict, so that no novel is encoded again.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pipeline.records import Difference, Span
from pipeline.report import wording

_MARKDOWN = re.compile(r"([\\`*_\[\]<>#])")


@dataclass(frozen=True)
class Passage:
    """A quotation of the novel with its place; ``span`` is its range in ``Novel.text``."""

    quotation: str
    span: Span
    place: str


@dataclass(frozen=True)
class Finding:
    """A claim that counts against the backstory; ``passage`` is None where no passage decided.

    A claim that is not ``certain`` is one that the verdict leaves open, nearer to contradicted than to supported.
    """

    character: str
    claim: str
    fact: str
    line: int
    probability: float
    certain: bool
    passage: Passage | None
    difference: Difference | None

    @property
    def summary(self) -> str:
        """What the verdict is, with its kind of fact and probability."""
        verdict = "The book contradicts this claim" if self.certain else "Unsure, worth a look"
        return f"{verdict} ({self.fact}; {wording.percent(self.probability)} likely to agree with the book)."

    @property
    def contrast(self) -> str:
        """The words that differ, empty where none stand out."""
        return self.difference.contrast if self.difference else ""


def find_findings(answer: Mapping[str, Any], *, unsure: bool = False) -> tuple[Finding, ...]:
    """Return the findings of a verdict as ``load_answer`` gives it, in the order of the backstory.

    Claims marked as intentional are left out. With ``unsure``, those that lean towards contradicted are findings too.
    """
    counted = (entry for entry in answer["claims"] if not entry.get("waiver"))
    return tuple(_finding(entry) for entry in counted if entry["label"] == "contradicted" or (unsure and _leans(entry)))


def findings_markdown(novel: str, answers: Sequence[Mapping[str, Any]], *, unsure: bool = False) -> str:
    """Return the findings of one or several verdicts on characters of a novel as a list with boxes to tick."""
    lines = [f"# Findings in {_escaped(novel)}"]
    for answer in answers:
        found = find_findings(answer, unsure=unsure)
        lines += ["", f"## {_escaped(answer['character'])}: {answer['verdict']}", ""]
        lines += [line for finding in found for line in _item(finding)] or ["No finding."]
    return "\n".join(lines) + "\n"


def _item(finding: Finding) -> Iterator[str]:
    yield f"- [ ] {_escaped(finding.claim)}" + (f" (line {finding.line} of the backstory)" if finding.line else "")
    yield f"  - {finding.summary}"
    if finding.passage:
        yield f"  - {_escaped(finding.passage.place)}:"
        yield f"    > {_escaped(finding.passage.quotation)}"
    if finding.contrast:
        yield f"  - {_escaped(finding.contrast)}"


def _escaped(text: str) -> str:
    return _MARKDOWN.sub(r"\\\1", " ".join(text.split()))


def _leans(entry: Mapping[str, Any]) -> bool:
    return bool(entry.get("unsure")) and entry["probability"] < 0.5


def _finding(entry: Mapping[str, Any]) -> Finding:
    against = [passage for passage in entry["passages"] if passage["label"] == "contradict"]
    strongest = max(against, key=lambda passage: passage["probabilities"]["contradict"], default=None)
    difference = entry.get("difference")
    return Finding(
        character=entry["character"],
        claim=entry["text"],
        fact=wording.FACT_WORDS[entry["fact_type"]],
        line=entry.get("line", 0),
        probability=entry["probability"],
        certain=entry["label"] == "contradicted",
        passage=_passage(strongest) if strongest else None,
        difference=Difference(**difference) if difference else None,
    )


def _passage(entry: Mapping[str, Any]) -> Passage:
    title = " ".join(entry["chapter_title"].split())
    chapter = f"chapter {entry['chapter']}" if entry["chapter"] else "before the first chapter"
    where = f"{title} ({chapter})" if title else chapter.capitalize()
    return Passage(entry["quotation"], Span(entry["start"], entry["end"]), f"{where}, paragraph {entry['paragraph']}")
