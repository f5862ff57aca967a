"""What the page shows of one claim: its verdict, and the passages that were judged for it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from pipeline.language.folding import fold
from pipeline.records import Check, Claim, ClaimLabel, ClaimVerdict, Difference, LooseWaiver, Pair, PairLabel, Span
from pipeline.report import wording
from pipeline.report.book import BookView
from pipeline.report.figures import Mark, percent_through
from pipeline.report.passages import Paragraph, excerpt, paragraphs, shared_words

# More are hidden until they are opened.
_SHOWN = 2
# So many characters of a quotation tell it from others.
_TELLING = 40
_OFFSETS = re.compile(r",? ?characters \d+-\d+")
_PAIR_LABEL: dict[ClaimLabel, PairLabel] = {"supported": "support", "contradicted": "contradict"}


@dataclass(frozen=True)
class PassageView:
    """One passage judged for a claim, its quotation, and the text around it."""

    anchor: str
    label: PairLabel
    words: str
    share: str
    shares: str
    quotation: tuple[Paragraph, ...]
    excerpt: tuple[Paragraph, ...]
    context: tuple[Paragraph, ...]
    heading: str
    where: str
    percent: float
    presence: str


@dataclass(frozen=True)
class CheckView:
    """One explicit check: its kind and outcome, and the words of the claim and of the book."""

    label: PairLabel
    words: str
    claimed: str
    passage: tuple[Paragraph, ...]
    heading: str
    where: str


@dataclass(frozen=True)
class LooseWaiverView:
    """A mark as intentional to look at: its reason, the words it was given for, and where they probably are now.

    ``claim`` is the claim as it was marked where it reads otherwise now, else empty.
    """

    reason: str
    claim: str
    passage: tuple[Paragraph, ...]
    quotation: tuple[Paragraph, ...]
    heading: str


@dataclass(frozen=True)
class ClaimView:
    """One claim with its verdict and passages: the strongest, further relevant ones, the irrelevant ones.

    A ``doubtful`` claim counts against the backstory, so it can be marked as intentional.
    """

    id: str
    number: int
    anchor: str
    text: str
    fact: str
    kind: str
    source: str
    label: str
    words: str
    share: str
    probability: float
    unsure: bool
    rationale: str
    waiver: str
    waiver_kind: str
    loose: LooseWaiverView | None
    doubtful: bool
    difference: Difference | None
    checks: tuple[CheckView, ...]
    strongest: tuple[PassageView, ...]
    further: tuple[PassageView, ...]
    irrelevant: tuple[PassageView, ...]
    marks: tuple[Mark, ...]


def claim_view(book: BookView, judged: ClaimVerdict, number: int) -> ClaimView:
    """Return what the page shows of a claim, ``number`` counted from 1."""
    anchor = f"claim-{number}"
    passages = [
        _passage(book, pair, judged, f"{anchor}-passage-{place}")
        for place, pair in enumerate(_each_once(_by_weight(judged)), start=1)
    ]
    relevant = tuple(passage for passage in passages if passage.label != "irrelevant")
    return ClaimView(
        id=judged.claim.id,
        number=number,
        anchor=anchor,
        text=judged.claim.text,
        fact=wording.FACT_WORDS[judged.claim.fact_type],
        kind=_kind(judged),
        source=_source(judged),
        label=judged.label,
        words=wording.UNSURE if judged.unsure else wording.CLAIM_WORDS[judged.label],
        share=wording.percent(judged.probability),
        probability=judged.probability,
        unsure=judged.unsure,
        rationale=_rationale(judged),
        waiver=judged.waiver,
        waiver_kind=judged.waiver_kind or "intended",
        loose=_loose(book, judged.loose_waiver, judged.claim) if judged.loose_waiver else None,
        doubtful=judged.label == "contradicted" or judged.probability < 0.5,
        difference=judged.difference,
        checks=tuple(_check(book, check) for check in judged.checks),
        strongest=relevant[:_SHOWN],
        further=relevant[_SHOWN:],
        irrelevant=tuple(passage for passage in passages if passage.label == "irrelevant"),
        marks=tuple(_mark(passage, number) for passage in passages),
    )


def _each_once(pairs: Sequence[Pair]) -> Sequence[Pair]:
    """Leave out a quotation that neighbouring chunks share, where it has the same label again."""
    return list({(pair.start, pair.end, pair.label): pair for pair in reversed(pairs)}.values())[::-1]


def _by_weight(judged: ClaimVerdict) -> Sequence[Pair]:
    """Order the passages: first those that agree with the verdict, then other relevant ones, by probability."""
    own = _PAIR_LABEL.get(judged.label)

    def weight(pair: Pair) -> tuple[bool, bool, float, int]:
        irrelevant = pair.label == "irrelevant"
        return irrelevant, pair.label != own, 0.0 if irrelevant else -pair.probabilities[pair.label], pair.evidence.rank

    return sorted(judged.pairs, key=weight)


def _rationale(judged: ClaimVerdict) -> str:
    """Return the reason, without offsets; nothing where it only quotes a passage that the page shows anyway."""
    openings = (" ".join(pair.quotation.split())[:_TELLING] for pair in judged.pairs if pair.label != "irrelevant")
    return "" if any(words in judged.rationale for words in openings) else _OFFSETS.sub("", judged.rationale)


def _check(book: BookView, check: Check) -> CheckView:
    return CheckView(
        label="support" if check.agrees else "contradict",
        words=f"{wording.CHECK_WORDS[check.kind]} {'agree' if check.agrees else 'conflict'}",
        claimed=check.claimed,
        passage=paragraphs(check.passage, ()),
        heading=book.heading(check.chapter, check.start),
        where=wording.place(percent_through(book.novel, check.start) / 100),
    )


def _loose(book: BookView, loose: LooseWaiver, claim: Claim) -> LooseWaiverView:
    waiver = loose.waiver
    return LooseWaiverView(
        reason=str(waiver),
        claim="" if fold(waiver.claim).split() == fold(claim.text).split() else waiver.claim,
        passage=paragraphs(waiver.passage, ()) if waiver.passage else (),
        quotation=paragraphs(loose.quotation, ()) if loose.quotation else (),
        heading=book.heading(loose.chapter, loose.start) if loose.quotation else "",
    )


def _kind(judged: ClaimVerdict) -> str:
    claim = judged.claim
    words = [claim.type, *(word for word in (claim.time_scope, claim.stability) if word != "unspecified")]
    return " · ".join(wording.readable(word) for word in words)


def _source(judged: ClaimVerdict) -> str:
    """Return the line of the backstory with its words, where they are known."""
    claim = judged.claim
    return f"Line {claim.line} of the backstory: “{' '.join(claim.source.split())}”" if claim.line else ""


def _passage(book: BookView, pair: Pair, judged: ClaimVerdict, anchor: str) -> PassageView:
    claim, difference = judged.claim, judged.difference
    percent = percent_through(book.novel, pair.start)
    around = book.around(pair.evidence.chunk_index, wide=pair.label != "irrelevant")
    text = book.novel.text[slice(*around)]
    marked = _marked(pair, claim.text, pair.quotation, pair.start)
    return PassageView(
        anchor=anchor,
        label=pair.label,
        words=wording.PAIR_WORDS[pair.label],
        share=wording.percent(pair.probabilities[pair.label]),
        shares=_shares(pair),
        quotation=paragraphs(pair.quotation, marked),
        excerpt=_excerpt(pair, marked, difference),
        context=paragraphs(text, _marked(pair, claim.text, text, around.start), quoted=_inside(around, pair)),
        heading=book.heading(pair.chapter, pair.start),
        where=wording.place(percent / 100),
        percent=percent,
        presence=_presence(book, pair, claim.character),
    )


def _marked(pair: Pair, claim: str, text: str, start: int) -> tuple[Span, ...]:
    """Return what to mark in ``text``, which begins at ``start``: the decisive words, else those of the claim."""
    if not pair.decisive:
        return shared_words(text, claim)
    moved = (Span(span.start - start, span.end - start) for span in pair.decisive)
    return tuple(Span(max(span.start, 0), min(span.end, len(text))) for span in moved if span.end > 0)


def _excerpt(pair: Pair, marked: Sequence[Span], difference: Difference | None) -> tuple[Paragraph, ...]:
    """Return the part of a quotation for a small place, around the words that differ from the claim."""
    found = difference is not None and difference.found and pair.start <= difference.start < pair.end
    around = Span(difference.start - pair.start, difference.end - pair.start) if difference and found else None
    start, end = excerpt(pair.quotation, around or next(iter(marked), None))
    before, after = "… " if start else "", " …" if end < len(pair.quotation) else ""
    kept = [Span(max(one.start, start), min(one.end, end)) for one in marked if one.start < end and one.end > start]
    moved = [Span(one.start - start + len(before), one.end - start + len(before)) for one in kept]
    return paragraphs(f"{before}{pair.quotation[start:end]}{after}", moved)


def _inside(around: Span, pair: Pair) -> Span:
    return Span(max(pair.start - around.start, 0), max(pair.end - around.start, 0))


def _shares(pair: Pair) -> str:
    given = ((words, pair.probabilities.get(label, 0.0)) for label, words in wording.PAIR_WORDS.items())
    return ", ".join(f"{words.lower()} {wording.percent(share)}" for words, share in given)


def _presence(book: BookView, pair: Pair, character: str) -> str:
    """Return in a sentence whether the character is named in the chunk of a passage, or tells it."""
    person, chunk = book.person(character), book.chunks.get(pair.evidence.chunk_index)
    if person is None or chunk is None or not person.told:
        return f"The character is {'' if pair.evidence.character_present else 'not '}named in this chunk."
    named = any(chunk.start <= mention.start < chunk.end for mention in person.mentions)
    if any(number in chunk.numbers for number in person.told):
        return f"Told by this character as “I”, and the character is {'' if named else 'not '}named in this chunk."
    return f"The character is {'' if named else 'not '}named in this chunk, and tells none of it as “I”."


def _mark(passage: PassageView, number: int) -> Mark:
    described = f"Claim {number}, {passage.words.lower()}: {passage.heading}, {passage.where}"
    return Mark(passage.percent, passage.label, passage.anchor, described)
