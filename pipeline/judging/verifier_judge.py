"""The default judge: the BDH verifier and lexical evidence, joined by fitted models."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass

from pipeline.book import Book
from pipeline.config import resolve_model_dir
from pipeline.device import choose_machine
from pipeline.judging.claim_features import case_of
from pipeline.judging.claim_model import METHOD, ClaimModel, ClaimOutputs
from pipeline.judging.interface import ClaimQuestion, JudgeContext, LabelPassages, ignore_progress, label_nothing
from pipeline.judging.verdict import DecisionRule
from pipeline.judging.verifier import BDHVerifier, Verifier, VerifierInput, VerifierOutput
from pipeline.records import ClaimVerdict
from pipeline.storage.answers import AnswerCache
from pipeline.storage.cache import make_key


def open_verifier_judge(context: JudgeContext) -> VerifierJudge:
    """Load the verifier and the fitted models; raises ModelError when one is missing or damaged."""
    scoring, reading = context.config.scoring, context.config.reading
    device, dtype = choose_machine(reading.device, reading.dtype)
    verifier = BDHVerifier.load(resolve_model_dir(reading.model_dir), device=device, dtype=dtype)
    model = ClaimModel.load(resolve_model_dir(scoring.verdict_dir), rule=DecisionRule(band=scoring.band))
    return VerifierJudge(verifier, model, context.cache)


@dataclass(frozen=True)
class VerifierJudge:
    """A verifier's outputs and lexical features to verdicts; outputs for the same inputs are cached."""

    verifier: Verifier
    model: ClaimModel
    cache: AnswerCache | None = None

    @property
    def method(self) -> str:
        """How it judges, in a sentence."""
        return METHOD

    @property
    def weights(self) -> dict[str, str]:
        """The SHA-256 of the verifier."""
        return {"claim_reader": self.verifier.weights_sha256}

    @property
    def threshold(self) -> float:
        """The fitted threshold of the claim model."""
        return self.model.claim.threshold

    def judge(
        self,
        book: Book,
        questions: Sequence[ClaimQuestion],
        *,
        labels: LabelPassages = label_nothing,
        on_progress: Callable[[int], object] = ignore_progress,
    ) -> list[ClaimVerdict]:
        """Return the verdict on each claim; all inputs go through the verifier together."""
        return [
            self.model.judge_claim(question, outputs, book)
            for question, outputs in zip(questions, self._outputs(book, questions, on_progress), strict=True)
        ]

    def _outputs(
        self, book: Book, questions: Sequence[ClaimQuestion], on_progress: Callable[[int], object]
    ) -> list[ClaimOutputs]:
        """Return the verifier's output for each claim given all its evidence, and given each passage by itself."""
        cases = [case_of(question, book, expected=self.model.expected_overlap) for question in questions]
        inputs = [
            one
            for case, question in zip(cases, questions, strict=True)
            for one in (case.verifier_input, *_passage_inputs(book, question))
        ]
        outputs = iter(self._verify(inputs, on_progress))
        return [
            ClaimOutputs(case, next(outputs), tuple(next(outputs) for _ in question.evidence))
            for case, question in zip(cases, questions, strict=True)
        ]

    def _verify(self, inputs: Sequence[VerifierInput], on_progress: Callable[[int], object]) -> list[VerifierOutput]:
        if self.cache is None:
            return self.verifier.verify(inputs, on_progress=on_progress)
        content = json.dumps([[one.claim, one.sentences] for one in inputs]).encode()
        key = make_key({"answers": hashlib.sha256(content).hexdigest(), "reader": self.verifier.identity})
        cached = _outputs_from(self.cache.load(key), len(inputs))
        if cached is None:
            cached = self.verifier.verify(inputs, on_progress=on_progress)
            self.cache.store(key, [asdict(output) for output in cached])
        else:
            on_progress(len(inputs))
        return cached


def _passage_inputs(book: Book, question: ClaimQuestion) -> list[VerifierInput]:
    return [VerifierInput(question.claim.text, passage.sentences) for passage in question.passages(book)]


def _outputs_from(cached: object, count: int) -> list[VerifierOutput] | None:
    """Return ``count`` cached outputs; None where the cache holds none, or something else."""
    if not isinstance(cached, list) or len(cached) != count:
        return None
    try:
        return [VerifierOutput(**numbers) for numbers in cached]
    except TypeError:
        return None
