"""Groq in the place of a step that the user gave it: its answer, or none and a notice that says who answers instead."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from pipeline.config import LLMTask
from pipeline.errors import LLMError
from pipeline.llm.client import GroqDoor
from pipeline.llm.tasks import TEXTS_A_CALL, claims_by_llm, labels_by_llm, summaries_by_llm
from pipeline.records import Claim, PairLabel

PATIENCE = 3
"""After so many failures in a row a task is not asked of Groq any more: a dead service may not cost an hour a table."""

_Answer = TypeVar("_Answer")


@dataclass(frozen=True)
class Tally:
    """How many things Groq was to answer in a run, and how many it did."""

    wanted: int
    answered: int


class LLMSteps:
    """What Groq does in one run; without a door nothing, and nobody is told.

    Every method returns None, or leaves out, what the user did not ask Groq for and what Groq failed at. Of a failure
    ``on_notice`` is told at once, and ``notices_on`` tells it again to whoever writes the verdict.
    """

    def __init__(self, door: GroqDoor | None, on_notice: Callable[[str], object], tasks: Collection[LLMTask]) -> None:
        self.door = door
        self._tasks = tasks
        self._on_notice = on_notice
        self._wanted: Counter[LLMTask] = Counter()
        self._answered: Counter[LLMTask] = Counter()
        self._failed_in_a_row: Counter[LLMTask] = Counter()
        self._notices: dict[Hashable, str] = {}

    def claims(self, backstory: str, character: str) -> tuple[Claim, ...] | None:
        """Return the claims of a backstory; raises BackstoryError when there is no text to part."""
        return self._answer(
            "claims",
            lambda door: claims_by_llm(door, backstory, character),
            subject=(character, backstory),
            instead="Groq did not part the backstory into claims, the heuristic did",
        )

    def labels(self, claim: Claim, passages: Sequence[str]) -> list[dict[PairLabel, float]] | None:
        """Return what each passage does to a claim, as probabilities in the order of the passages."""
        return self._answer(
            "judge",
            lambda door: labels_by_llm(door, claim, passages),
            subject=claim.id,
            instead=f"Groq did not judge “{claim.text}”, the reader did",
        )

    def summaries(self, texts: Mapping[int, str]) -> dict[int, str]:
        """Return the summaries of chunks by their index; a request that failed leaves its chunks out."""
        summaries: dict[int, str] = {}
        indices = list(texts)
        for first in range(0, len(indices), TEXTS_A_CALL):
            summaries |= self._summarise({index: texts[index] for index in indices[first : first + TEXTS_A_CALL]})
        return summaries

    def _summarise(self, texts: Mapping[int, str]) -> dict[int, str]:
        answer = self._answer(
            "summaries",
            lambda door: summaries_by_llm(door, list(texts.values())),
            subject=tuple(texts),
            instead=f"Groq did not summarise {len(texts)} chunks, whose own sentences stand in",
            size=len(texts),
        )
        return {} if answer is None else dict(zip(texts, answer, strict=True))

    def notices_on(self, character: str, backstory: str, claims: Sequence[Claim]) -> tuple[str, ...]:
        """Return what went wrong with a backstory and its claims, in that order."""
        subjects: list[Hashable] = [(character, backstory), *(claim.id for claim in claims)]
        return tuple(self._notices[subject] for subject in subjects if subject in self._notices)

    def tally(self, task: LLMTask) -> Tally:
        """Return how a task has gone so far."""
        return Tally(self._wanted[task], self._answered[task])

    def _answer(
        self, task: LLMTask, ask: Callable[[GroqDoor], _Answer], *, subject: Hashable, instead: str, size: int = 1
    ) -> _Answer | None:
        if self.door is None or task not in self._tasks:
            return None
        self._wanted[task] += size
        if self._failed_in_a_row[task] >= PATIENCE:
            self._note(subject, f"{instead}: Groq had failed {PATIENCE} times in a row and was not asked again")
            return None
        try:
            answer = ask(self.door)
        except LLMError as error:
            self._failed_in_a_row[task] += 1
            self._note(subject, f"{instead}: {error}")
            return None
        self._failed_in_a_row[task] = 0
        self._answered[task] += size
        return answer

    def _note(self, subject: Hashable, notice: str) -> None:
        self._notices[subject] = notice
        self._on_notice(notice)
