"""What is submitted at the desk, and what is stored of it: a backstory, its report, and the reports of a sheet."""

from __future__ import annotations

from dataclasses import dataclass, replace
from hashlib import sha256
from typing import Any

from pipeline.claims.files import sheet_of
from pipeline.claims.sheet import Layout, SheetText
from pipeline.commands.judge_sheet import sheet_names
from pipeline.errors import BackstoryError
from pipeline.report.sheet_view import worst_label

LONGEST_BACKSTORY = 100_000


@dataclass(frozen=True)
class Submission:
    """A backstory of a character, submitted for one of the novels."""

    novel: str
    character: str
    backstory: str
    layout: Layout = "text"

    @property
    def id(self) -> str:
        """The name of its report, the same for equal submissions."""
        layout = () if self.layout == "text" else (self.layout,)
        return sha256("\0".join((self.novel, self.character, self.backstory, *layout)).encode()).hexdigest()[:16]

    @property
    def of_sheet(self) -> Submission:
        """The submission of all characters of the same text."""
        return replace(self, character="")

    @property
    def sheet(self) -> SheetText:
        """The backstory with its layout."""
        return sheet_of(self.backstory, layout=self.layout)


@dataclass(frozen=True)
class Report:
    """The stored report on a submission."""

    id: str
    submission: Submission
    verdict: str
    probability: float
    tally: str


@dataclass(frozen=True)
class SheetReport:
    """The stored reports on the characters of a sheet, with those that were not judged and notices."""

    id: str
    novel: str
    reports: tuple[Report, ...]
    not_judged: tuple[dict[str, str], ...]
    notices: tuple[str, ...]

    @property
    def verdict(self) -> str:
        """The worst of the verdicts."""
        labels: list[Any] = [report.verdict for report in self.reports]
        return worst_label(labels, complete=not self.not_judged)


def checked_submission(novel: str, character: str, backstory: SheetText) -> Submission:
    """Return a trimmed submission; raises BackstoryError if a part is missing or too long.

    The character may be missing where the backstory names one or several.
    """
    text = backstory.text.replace("\r\n", "\n").rstrip()
    submission = Submission(novel, " ".join(character.split()), text, backstory.layout)
    if not text.strip() or not (submission.character or sheet_names(submission.sheet)):
        raise BackstoryError(
            "the character or the backstory is empty; fill in both, or give a sheet that names its characters"
        )
    if len(submission.backstory) > LONGEST_BACKSTORY:
        raise BackstoryError(
            f"the backstory has {len(submission.backstory):,} characters; give at most {LONGEST_BACKSTORY:,} at a time"
        )
    return submission
