"""Everything the page says, in the order it says it: records to words, percentages and segments."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pipeline.records import Character, Chunk, ClaimVerdict, Novel, Pair, PairLabel, Reading, Span, Verdict
from pipeline.report import wording
from pipeline.report.entries import all_notices
from pipeline.report.figures import (
    Bar,
    Curve,
    Mark,
    Tick,
    along,
    chapter_ticks,
    chunks_a_point,
    presence_bars,
    reading_curves,
)
from pipeline.report.manifest import Manifest, package_versions, without_secrets
from pipeline.report.passages import Paragraph, fold, paragraphs, stems_of


@dataclass(frozen=True)
class PassageView:
    """One passage weighed for a claim, its quotation, and the chunk it stands in."""

    anchor: str
    label: PairLabel
    words: str
    share: str
    shares: str
    quotation: tuple[Paragraph, ...]
    context: tuple[Paragraph, ...]
    heading: str
    where: str
    percent: float
    named: bool


@dataclass(frozen=True)
class ClaimView:
    """One claim with its verdict and passages: those that speak to it first, the irrelevant apart."""

    number: int
    anchor: str
    text: str
    kind: str
    label: str
    words: str
    share: str
    rationale: str
    telling: tuple[PassageView, ...]
    silent: tuple[PassageView, ...]
    marks: tuple[Mark, ...]


@dataclass(frozen=True)
class Strip:
    """The whole book from left to right: chapters, where the character is named, a lane of passages a claim."""

    bars: tuple[Bar, ...]
    ticks: tuple[Tick, ...]
    presence: str
    description: str


@dataclass(frozen=True)
class Making:
    """How the verdict was made: methods, notices, settings, versions."""

    scorer: str
    methods: Mapping[str, str]
    notices: tuple[str, ...]
    facts: Mapping[str, str]
    settings: Mapping[str, str]
    packages: Mapping[str, str]


@dataclass(frozen=True)
class PageView:
    """The whole page."""

    novel: str
    character: str
    label: str
    word: str
    sentence: str
    percent: float
    share: str
    odds: str
    rationale: str
    tally: str
    notices: tuple[str, ...]
    claims: tuple[ClaimView, ...]
    strip: Strip
    curves: tuple[Curve, ...]
    chunks_a_point: int
    making: Making


@dataclass(frozen=True)
class _Book:
    """What a passage needs of the novel to say where it stands."""

    novel: Novel
    chunks: Mapping[int, Chunk]
    titles: Mapping[int, str]


def page_view(
    *,
    novel: Novel,
    chunks: Sequence[Chunk],
    cast: Sequence[Character],
    reading: Reading,
    verdict: Verdict,
    manifest: Manifest,
) -> PageView:
    """Gather what the page shows."""
    titles = {chapter.number: " ".join(chapter.title.split()) for chapter in novel.chapters}
    book = _Book(novel, {chunk.index: chunk for chunk in chunks}, titles)
    claims = tuple(_claim(book, judged, number) for number, judged in enumerate(verdict.claims, start=1))
    person = _person(cast, verdict.character)
    names = (verdict.character, person.name) if person else (verdict.character,)
    tracked = next((name for name in names if name in reading.characters), None)
    return PageView(
        novel=verdict.novel,
        character=verdict.character,
        label=verdict.label,
        word=wording.VERDICT_WORDS[verdict.label],
        sentence=wording.VERDICT_SENTENCES[verdict.label],
        percent=round(100 * verdict.probability, 1),
        share=wording.percent(verdict.probability),
        odds=wording.odds(verdict.probability),
        rationale=verdict.rationale,
        tally=wording.tally(judged.label for judged in verdict.claims),
        notices=verdict.notices,
        claims=claims,
        strip=_strip(novel, chunks, person, claims),
        curves=reading_curves(novel, chunks, reading, tracked),
        chunks_a_point=chunks_a_point(reading),
        making=_making(novel, chunks, verdict, manifest),
    )


def _person(cast: Sequence[Character], name: str) -> Character | None:
    """Return the person of the cast who bears ``name``, whatever case and accents; by display name before alias."""
    wanted = fold(name)
    named = (person for person in cast if fold(person.name) == wanted)
    aliased = (person for person in cast if wanted in map(fold, person.aliases))
    return next(named, None) or next(aliased, None)


def _claim(book: _Book, judged: ClaimVerdict, number: int) -> ClaimView:
    stems = stems_of(judged.claim.text)
    anchor = f"claim-{number}"
    passages = [
        _passage(book, pair, stems, f"{anchor}-passage-{place}")
        for place, pair in enumerate(sorted(judged.pairs, key=_telling_first), start=1)
    ]
    return ClaimView(
        number=number,
        anchor=anchor,
        text=judged.claim.text,
        kind=_kind(judged),
        label=judged.label,
        words=wording.CLAIM_WORDS[judged.label],
        share=wording.percent(judged.probability),
        rationale=judged.rationale,
        telling=tuple(passage for passage in passages if passage.label != "irrelevant"),
        silent=tuple(passage for passage in passages if passage.label == "irrelevant"),
        marks=tuple(_mark(passage, number) for passage in passages),
    )


def _telling_first(pair: Pair) -> tuple[bool, float, int]:
    """Order passages that speak to the claim before the others, the surest first, then by rank."""
    silent = pair.label == "irrelevant"
    return silent, 0.0 if silent else -pair.probabilities[pair.label], pair.evidence.rank


def _kind(judged: ClaimVerdict) -> str:
    claim = judged.claim
    words = [claim.type, *(word for word in (claim.time_scope, claim.stability) if word != "unspecified")]
    return " · ".join(wording.readable(word) for word in words)


def _passage(book: _Book, pair: Pair, stems: frozenset[str], anchor: str) -> PassageView:
    chunk = book.chunks[pair.evidence.chunk_index]
    text = book.novel.text[chunk.start : chunk.end]
    inside = Span(max(pair.start - chunk.start, 0), max(pair.end - chunk.start, 0))
    percent = along(book.novel, pair.start)
    return PassageView(
        anchor=anchor,
        label=pair.label,
        words=wording.PAIR_WORDS[pair.label],
        share=wording.percent(pair.probabilities[pair.label]),
        shares=_shares(pair),
        quotation=paragraphs(pair.quotation, stems),
        context=paragraphs(text, stems, quoted=inside),
        heading=_heading(book, pair.chapter),
        where=wording.place(percent / 100),
        percent=percent,
        named=pair.evidence.character_present,
    )


def _shares(pair: Pair) -> str:
    given = ((words, pair.probabilities.get(label, 0.0)) for label, words in wording.PAIR_WORDS.items())
    return ", ".join(f"{words.lower()} {wording.percent(share)}" for words, share in given)


def _heading(book: _Book, number: int) -> str:
    """Return a chapter's printed heading with its number in reading order."""
    if number == 0:
        return "Before the first chapter"
    title = book.titles.get(number, "")
    plain = f"chapter {number} of {len(book.titles)}"
    return f"{title} ({plain})" if title else plain.capitalize()


def _mark(passage: PassageView, number: int) -> Mark:
    described = f"Claim {number}, {passage.words.lower()}: {passage.heading}, {passage.where}"
    return Mark(passage.percent, passage.label, passage.anchor, described)


def _strip(novel: Novel, chunks: Sequence[Chunk], person: Character | None, claims: Sequence[ClaimView]) -> Strip:
    present = frozenset(person.chunks if person else ())
    presence = (
        f"{person.name} is named in {len(present):,} of {wording.counted(len(chunks), 'chunk')}"
        if person
        else "Nobody in the cast bears the character's name; passages were sought in the whole book"
    )
    marks = [mark for claim in claims for mark in claim.marks]
    found = ", ".join(
        f"{sum(mark.label == label for mark in marks)} {words.lower()}" for label, words in wording.PAIR_WORDS.items()
    )
    return Strip(
        bars=presence_bars(novel, chunks, present),
        ticks=chapter_ticks(novel),
        presence=presence,
        description=(
            f"{presence}. {wording.counted(len(novel.chapters), 'chapter')}. "
            f"Of {wording.counted(len(marks), 'passage')} weighed: {found}."
        ),
    )


def _making(novel: Novel, chunks: Sequence[Chunk], verdict: Verdict, manifest: Manifest) -> Making:
    methods = manifest.all_methods()
    facts = {
        "seed": str(manifest.seed),
        "SHA-256 of the novel": novel.sha256,
        **{f"SHA-256 of the {part} weights": digest for part, digest in manifest.weights.items()},
        "encoding of the novel": novel.encoding,
        "length": f"{novel.body.end - novel.body.start:,} characters, {wording.counted(len(chunks), 'chunk')}",
    }
    return Making(
        scorer=methods["scorer"],
        methods={wording.readable(step): said for step, said in methods.items() if step != "scorer"},
        notices=tuple(all_notices(novel, verdict)),
        facts=facts,
        settings=_flat(without_secrets(manifest.settings)),
        packages={name: version for name, version in package_versions().items() if version},
    )


def _flat(settings: Mapping[str, Any], prefix: str = "") -> dict[str, str]:
    """Return nested settings as one level of dotted names."""
    flat: dict[str, str] = {}
    for name, value in settings.items():
        if isinstance(value, Mapping):
            flat |= _flat(value, f"{prefix}{name}.")
        else:
            flat[f"{prefix}{name}"] = str(value)
    return flat
