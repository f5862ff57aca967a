"""The default judge: the BDH verifier and a cross-encoder label a claim given windows of its evidence.

The ranker has labelled all windows and put them in order; both read the best of them. The labels become features of the
claim, and a fitted model gives the probabilities of its three labels (``python -m pipeline fit-judge``). ``--judge
bdh`` uses the BDH verifier's labels alone.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt

from pipeline.book import Book
from pipeline.config import resolve_model_dir
from pipeline.device import choose_machine
from pipeline.judging.cross_encoder import CrossEncoder, PairText
from pipeline.judging.interface import ClaimQuestion, JudgeContext, LabelPassages, ignore_progress, label_nothing
from pipeline.judging.multinomial import MultinomialModel, consistent_probability
from pipeline.judging.passage import best_sentence
from pipeline.judging.quotations import LONGEST_QUOTATION, trim_marks
from pipeline.judging.verdict import claim_rationale, label_pair
from pipeline.judging.verifier import BDHVerifier, Verifier, VerifierInput
from pipeline.judging.window_features import window_features
from pipeline.judging.windows import LabelledWindow, sentences_of, window_of, window_text, word_coverage
from pipeline.language.words import across_lines
from pipeline.records import CLAIM_LABELS, ClaimVerdict, Difference, Evidence, Pair, PairLabel, Span, is_unsure
from pipeline.storage.answers import AnswerCache, is_table
from pipeline.storage.cache import make_key

BEST = 6
"""Windows of a claim that the BDH verifier and the cross-encoder label: the most relevant ones."""
CROSS, BDH = "cross_", "bdh_"
"""The prefixes of the features by the model that they come from."""
_SMALLEST = 1e-6
_UNLABELLED = (np.log(1 / 3),) * 3
_PAIR_LABELS: tuple[PairLabel, ...] = ("support", "contradict", "irrelevant")

Labels = npt.NDArray[np.float64]


def open_joint_judge(context: JudgeContext) -> WindowJudge:
    """Return the judge of both models; raises ModelError when a model is missing or damaged."""
    model = MultinomialModel.load(_folder(context) / "joint.json")
    return WindowJudge(_bdh(context), model, _cross(context), context.cache)


def open_bdh_judge(context: JudgeContext) -> WindowJudge:
    """Return the judge of the BDH verifier alone; raises ModelError when a model is missing or damaged."""
    return WindowJudge(_bdh(context), MultinomialModel.load(_folder(context) / "bdh.json"), None, context.cache)


def open_unfitted_judge(context: JudgeContext) -> WindowJudge:
    """Return the judge of both models whose verdicts are all not stated: for the features that a fit needs."""
    prior = (1 / 3,) * 3
    unfitted = MultinomialModel((), (), (), ((), (), ()), (0.0,) * 3, (1.0, 1.0), prior)
    return WindowJudge(_bdh(context), unfitted, _cross(context), context.cache)


def _cross(context: JudgeContext) -> CrossEncoder:
    reading = context.config.reading
    device, dtype = choose_machine(reading.device, reading.dtype)
    return CrossEncoder.load(_folder(context) / "verifier", device=device, dtype=dtype)


def _folder(context: JudgeContext) -> Path:
    return resolve_model_dir(context.config.scoring.judge_dir)


def _bdh(context: JudgeContext) -> BDHVerifier:
    reading = context.config.reading
    device, dtype = choose_machine(reading.device, reading.dtype)
    return BDHVerifier.load(resolve_model_dir(reading.model_dir), device=device, dtype=dtype)


@dataclass(frozen=True)
class WindowJudge:
    """Labels of windows to a verdict on the claim. Without ``cross`` the BDH verifier judges alone."""

    verifier: Verifier
    model: MultinomialModel
    cross: CrossEncoder | None
    cache: AnswerCache | None = None

    @property
    def method(self) -> str:
        """How it judges, in a sentence."""
        models = "the BDH verifier" + (" and a cross-encoder" if self.cross else "")
        return (
            f"{models} labels the claim given sentences of its evidence; a multinomial model, fitted on plain claims "
            "about other novels, turns the labels into probabilities"
        )

    @property
    def weights(self) -> dict[str, str]:
        """The SHA-256 of the models."""
        cross = {"cross_encoder": self.cross.weights_sha256} if self.cross else {}
        return {"bdh_verifier": self.verifier.weights_sha256, **cross}

    @property
    def threshold(self) -> float:
        """The least probability of a consistent claim where only two labels are allowed."""
        return 0.5

    def judge(
        self,
        book: Book,
        questions: Sequence[ClaimQuestion],
        *,
        labels: LabelPassages = label_nothing,
        on_progress: Callable[[int], object] = ignore_progress,
    ) -> list[ClaimVerdict]:
        """Return the verdict on each claim, in order."""
        windows = [question.windows or self._windows(book, question) for question in questions]
        bdh = self._label(questions, windows, self._verify, self.verifier.identity)
        cross = [np.zeros((0, len(CLAIM_LABELS)))] * len(windows)
        if self.cross is not None:
            cross = self._label(questions, windows, self._compare, self.cross.identity)
        verdicts = []
        for question, own, first, second in zip(questions, windows, bdh, cross, strict=True):
            verdicts.append(self._verdict(book, question, own, first, second))
            on_progress(1 + len(question.evidence))
        return verdicts

    def _windows(self, book: Book, question: ClaimQuestion) -> tuple[LabelledWindow, ...]:
        """Return windows of evidence that was not ranked: those that cover most of the claim's words."""
        sentences = sentences_of(book, question.evidence)
        order = np.argsort(-word_coverage(book, question.claim.text, sentences), kind="stable")[:BEST]
        windows = [window_of(book, sentences[place]) for place in order]
        pairs = [PairText(question.claim.text, window_text(book, window)) for window in windows]
        labels = self.cross.label(pairs).tolist() if self.cross else [_UNLABELLED] * len(pairs)
        found = [
            LabelledWindow(window, pair.evidence, tuple(own))
            for window, pair, own in zip(windows, pairs, labels, strict=True)
        ]
        return tuple(sorted(found, key=lambda window: -window.relevance))

    def _label(
        self,
        questions: Sequence[ClaimQuestion],
        windows: Sequence[Sequence[LabelledWindow]],
        label: Callable[[Sequence[PairText]], list[list[float]]],
        identity: str,
    ) -> list[Labels]:
        """Return a model's log-probabilities of each claim given its best windows, (windows, 3) each; cached."""
        pairs = [
            PairText(question.claim.text, window.text)
            for question, own in zip(questions, windows, strict=True)
            for window in own[:BEST]
        ]
        rows = self._cached(pairs, label, identity)
        logs = np.log(np.array(rows, dtype=np.float64).reshape(-1, len(CLAIM_LABELS)).clip(_SMALLEST))
        return np.split(logs, np.cumsum([min(len(own), BEST) for own in windows])[:-1]) if len(windows) else []

    def _cached(
        self, pairs: Sequence[PairText], label: Callable[[Sequence[PairText]], list[list[float]]], identity: str
    ) -> list[list[float]]:
        if not pairs or self.cache is None:
            return label(pairs) if pairs else []
        content = json.dumps([[pair.claim, [pair.evidence]] for pair in pairs]).encode()
        key = make_key({"answers": hashlib.sha256(content).hexdigest(), "verifier": identity})
        is_valid = partial(is_table, rows=len(pairs), columns=len(CLAIM_LABELS))
        return self.cache.get(key, partial(label, pairs), is_valid=is_valid)

    def _verify(self, pairs: Sequence[PairText]) -> list[list[float]]:
        """Return the BDH verifier's probabilities of ``CLAIM_LABELS`` for each pair."""
        outputs = self.verifier.verify([VerifierInput(pair.claim, (pair.evidence,)) for pair in pairs])
        return [[output.probabilities[label] for label in CLAIM_LABELS] for output in outputs]

    def _compare(self, pairs: Sequence[PairText]) -> list[list[float]]:
        """Return the cross-encoder's probabilities of ``CLAIM_LABELS`` for each pair."""
        assert self.cross is not None
        found: list[list[float]] = self.cross.label(pairs).exp().tolist()
        return found

    def _verdict(
        self, book: Book, question: ClaimQuestion, windows: Sequence[LabelledWindow], bdh: Labels, cross: Labels
    ) -> ClaimVerdict:
        ranked = np.array([window.labels for window in windows], dtype=np.float64).reshape(-1, len(CLAIM_LABELS))
        features = window_features(bdh, BDH)
        if self.cross is not None:
            features |= window_features(cross, CROSS)
        chances = self.model.probabilities([features])[0] if windows else np.array(self.model.prior)
        label = self.model.label(chances.tolist()) if windows else "not_stated"
        probabilities = dict(zip(CLAIM_LABELS, map(float, chances), strict=True))
        joined = _joined(ranked if self.cross else None, cross, bdh, len(windows))
        pairs = tuple(_pair(book, question.claim.text, item, windows, joined) for item in question.evidence)
        difference = self._difference(book, question, windows, joined) if label == "contradicted" else None
        return ClaimVerdict(
            claim=question.claim,
            label=label,
            probability=consistent_probability(chances.tolist()),
            features=features,
            pairs=pairs,
            rationale=claim_rationale(label, pairs, difference, unsure=is_unsure(label, probabilities)),
            probabilities=probabilities,
            difference=difference,
        )

    def _difference(
        self, book: Book, question: ClaimQuestion, windows: Sequence[LabelledWindow], joined: Labels
    ) -> Difference | None:
        """Return the words that differ between the claim and the window that contradicts it most."""
        if self.cross is None or not windows:
            return None
        window = windows[int(joined[:, 1].argmax())]
        words = self.cross.differing_words(PairText(question.claim.text, window.text))
        if words is None:
            return None
        place = _find(book.novel.text, window.window.span, words.found)
        return Difference(words.claimed, *((words.found, place.start, place.end) if place else ()))


def _joined(ranked: Labels | None, cross: Labels, bdh: Labels, count: int) -> Labels:
    """Return the mean probabilities of the labels given each window, (windows, 3).

    The cross-encoder's labels stand in the place of the ranker's where there are some.
    """
    if not count:
        return np.zeros((0, len(CLAIM_LABELS)))
    if ranked is None:
        return np.vstack([np.exp(bdh), np.tile([0.0, 0.0, 1.0], (count - len(bdh), 1))])
    joined = np.exp(ranked)
    joined[: len(cross)] = np.exp(cross)
    joined[: len(bdh)] = (joined[: len(bdh)] + np.exp(bdh)) / 2
    return joined


def _pair(book: Book, claim: str, item: Evidence, windows: Sequence[LabelledWindow], joined: Labels) -> Pair:
    """Return a chunk with the labels of its most relevant window, and that window as the quotation."""
    chunk = book.chunks[item.chunk_index]
    inside = [place for place, window in enumerate(windows) if window.window.sentence in chunk.numbers]
    if inside:
        best = min(inside, key=lambda place: float(joined[place, 2]))
        start, end = trim_marks(book.novel.text, _quoted(book, claim, windows[best]))
        chances: Mapping[PairLabel, float] = dict(zip(_PAIR_LABELS, map(float, joined[best]), strict=True))
    else:
        start, end = trim_marks(book.novel.text, chunk.sentences[0])
        chances = {"support": 0.0, "contradict": 0.0, "irrelevant": 1.0}
    title, paragraph = book.novel.title_at(start), book.novel.paragraph_at(start)
    quotation, chapter = book.novel.text[start:end], book.novel.chapter_at(start)
    label, shown = label_pair(dict(chances)), dict(chances)
    return Pair(item, label, shown, quotation, start, end, chapter, chapter_title=title, paragraph=paragraph)


def _quoted(book: Book, claim: str, window: LabelledWindow) -> Span:
    """Return the range of a window to quote: all of it, or of a long one the sentence nearer to the claim's words."""
    whole = window.window.span
    if whole.end - whole.start <= LONGEST_QUOTATION or not window.window.sentence:
        return whole
    parts = [book.sentences[number] for number in (window.window.sentence - 1, window.window.sentence)]
    parts = [part for part in parts if part.start >= whole.start]
    texts = [book.novel.repaired(*part) for part in parts]
    return parts[best_sentence(claim, texts, weight=book.index.weight, stems=book.index.stems)]


def _find(text: str, span: Span, words: str) -> Span | None:
    """Return the range of words of a window in the novel, where lines may break between them."""
    found = across_lines(words.split()).search(text, span.start, span.end) if words else None
    return Span(*found.span()) if found else None
