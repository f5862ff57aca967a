"""Groq in place of the local steps that the user gave it: its answer, or None and a notice of who answers instead."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from pipeline.config import LLMTask
from pipeline.errors import DailyLimitError, LLMError
from pipeline.llm.client import GroqClient
from pipeline.llm.tasks import TEXTS_PER_REQUEST, claims_by_llm, labels_by_llm, summaries_by_llm
from pipeline.records import Claim, PairLabel

MAX_FAILURES = 3
"""After so many failures in a row a task is no longer sent to Groq: a dead service must not cost an hour per table."""

_Answer = TypeVar("_Answer")


@dataclass(frozen=True)
class Tally:
    """How many items of a task Groq was to answer in a run, and how many it did."""

    wanted: int
    answered: int


class LLMWithFallback:
    """The tasks that the user gave to Groq in one run; without a client every one falls back without a notice.

    Every method returns None, or leaves out, the answers that the user did not request from Groq and those that failed.
    A failure is reported to ``on_notice`` at once, and again by ``notices_on`` for the verdict. The limit of a day ends
    the requests of the run: it is reported once, and stored answers are used as before.
    """

    def __init__(
        self, client: GroqClient | None, on_notice: Callable[[str], object], tasks: Collection[LLMTask]
    ) -> None:
        self.client = client
        self._tasks = tasks
        self._on_notice = on_notice
        self._wanted: Counter[LLMTask] = Counter()
        self._answered: Counter[LLMTask] = Counter()
        self._failures: Counter[LLMTask] = Counter()
        self._notices: dict[Hashable, str] = {}
        self._limit = ""

    def claims(self, backstory: str, character: str) -> tuple[Claim, ...] | None:
        """Return the claims of a backstory; raises BackstoryError when it is empty."""
        return self._answer(
            "claims",
            lambda client: claims_by_llm(client, backstory, character),
            subject=(character, backstory),
            instead="Groq did not split the backstory into claims, the heuristic did",
        )

    def labels(self, claim: Claim, passages: Sequence[str]) -> list[dict[PairLabel, float]] | None:
        """Return the label probabilities of a claim given each passage, in the order of the passages."""
        return self._answer(
            "judge",
            lambda client: labels_by_llm(client, claim, passages),
            subject=claim.id,
            instead=f"Groq did not judge “{claim.text}”, the verifier did",
        )

    def summaries(self, texts: Mapping[int, str]) -> dict[int, str]:
        """Return the summaries of chunks by their index; a request that failed leaves its chunks out."""
        summaries: dict[int, str] = {}
        indices = list(texts)
        for first in range(0, len(indices), TEXTS_PER_REQUEST):
            summaries |= self._summarise({index: texts[index] for index in indices[first : first + TEXTS_PER_REQUEST]})
        return summaries

    def _summarise(self, texts: Mapping[int, str]) -> dict[int, str]:
        answer = self._answer(
            "summaries",
            lambda client: summaries_by_llm(client, list(texts.values())),
            subject=tuple(texts),
            instead=f"Groq did not summarise {len(texts)} chunks, whose own sentences are used instead",
            size=len(texts),
        )
        return {} if answer is None else dict(zip(texts, answer, strict=True))

    def notices_on(self, character: str, backstory: str, claims: Sequence[Claim]) -> tuple[str, ...]:
        """Return the notices of failures on a backstory and on its claims, in that order."""
        subjects: list[Hashable] = [(character, backstory), *(claim.id for claim in claims)]
        return tuple(dict.fromkeys(self._notices[subject] for subject in subjects if subject in self._notices))

    def tally(self, task: LLMTask) -> Tally:
        """Return the counts of a task so far."""
        return Tally(self._wanted[task], self._answered[task])

    def _answer(
        self, task: LLMTask, request: Callable[[GroqClient], _Answer], *, subject: Hashable, instead: str, size: int = 1
    ) -> _Answer | None:
        if self.client is None or task not in self._tasks:
            return None
        self._wanted[task] += size
        if self._failures[task] >= MAX_FAILURES:
            self._note(subject, f"{instead}: Groq had failed {MAX_FAILURES} times in a row and got no further requests")
            return None
        try:
            answer = request(self.client)
        except DailyLimitError as error:
            self._end_for_today(subject, error)
            return None
        except LLMError as error:
            self._failures[task] += 1
            self._note(subject, f"{instead}: {error}")
            return None
        self._failures[task] = 0
        self._answered[task] += size
        return answer

    def _end_for_today(self, subject: Hashable, error: DailyLimitError) -> None:
        """Use stored answers alone from now on, and report the limit once, and on every verdict that it concerns."""
        if not self._limit:
            assert self.client is not None, "there is no limit without a client"
            self._limit, self.client = str(error), self.client.without_service()
            self._on_notice(self._limit)
        self._notices[subject] = self._limit

    def _note(self, subject: Hashable, notice: str) -> None:
        self._notices[subject] = notice
        self._on_notice(notice)
