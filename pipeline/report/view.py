"""Everything that the page shows, in its order: records as words, percentages and runs of text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pipeline.records import Character, TableLabel, Verdict
from pipeline.report import wording
from pipeline.report.book import BookView
from pipeline.report.changes import VerdictChanges
from pipeline.report.claims_view import ClaimView, claim_view
from pipeline.report.entries import all_notices
from pipeline.report.figures import Bar, Curve, Tick, presence_bars
from pipeline.report.headline import Headline, headline
from pipeline.report.manifest import Manifest, package_versions, without_secrets
from pipeline.report.quality import Quality


@dataclass(frozen=True)
class Strip:
    """The whole book from left to right: chapters, mentions of the character, and a lane of passages a claim."""

    bars: tuple[Bar, ...]
    ticks: tuple[Tick, ...]
    presence: str
    description: str


@dataclass(frozen=True)
class Provenance:
    """How the verdict was made: methods, figures, notices, settings, versions."""

    scorer: str
    quality: Quality | None
    methods: Mapping[str, str]
    notices: tuple[str, ...]
    facts: Mapping[str, str]
    settings: Mapping[str, str]
    packages: Mapping[str, str]


@dataclass(frozen=True)
class PageContext:
    """What surrounds a verdict on a page: a link back, links to other formats, and where a claim can be waived.

    ``links`` map the text of a link to its address. ``waive`` is the address of the forms, empty in a page without a
    server; ``again`` is that of a button to judge again. ``given`` is the label of the row in its table. ``changes``
    are those since the last verdict. A page with ``reload`` loads itself anew after so many seconds.
    """

    back: tuple[str, str] | None = None
    links: Mapping[str, str] = field(default_factory=dict)
    waive: str = ""
    again: str = ""
    given: TableLabel | None = None
    changes: VerdictChanges | None = None
    reload: int = 0


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
    headline: Headline
    rationale: str
    tally: str
    notices: tuple[str, ...]
    told: str
    claims: tuple[ClaimView, ...]
    decisive: bool
    strip: Strip
    curves: tuple[Curve, ...]
    chunks_a_point: int
    provenance: Provenance
    given: str
    around: PageContext


def page_view(
    book: BookView,
    verdict: Verdict,
    manifest: Manifest,
    *,
    quality: Quality | None = None,
    around: PageContext | None = None,
) -> PageView:
    """Return what the page shows."""
    around = around or PageContext()
    claims = tuple(claim_view(book, judged, number) for number, judged in enumerate(verdict.claims, start=1))
    counted = sum(not claim.waiver for claim in claims)
    person = book.person(verdict.character)
    names = (verdict.character, person.name) if person else (verdict.character,)
    memory = tuple(book.memories[name] for name in names if name in book.memories)[:1]
    return PageView(
        novel=verdict.novel,
        character=verdict.character,
        label=verdict.label,
        word=wording.VERDICT_WORDS[verdict.label],
        sentence=wording.VERDICT_SENTENCES[verdict.label] if counted else "No claim was left to judge.",
        percent=round(100 * verdict.probability, 1),
        share=wording.percent(verdict.probability),
        odds=wording.odds(verdict.probability) if counted else "",
        headline=headline(claims, quality),
        rationale=verdict.rationale,
        tally=wording.tally((judged.label for judged in verdict.claims), waived=len(claims) - counted),
        notices=verdict.notices,
        told=_told(book, person),
        claims=claims,
        decisive=any(pair.decisive for judged in verdict.claims for pair in judged.pairs),
        strip=_strip(book, person, claims),
        curves=(*book.curves, *memory),
        chunks_a_point=book.chunks_a_point,
        provenance=_provenance(book, verdict, manifest, quality),
        given=_given(verdict, around.given),
        around=around,
    )


def _given(verdict: Verdict, label: TableLabel | None) -> str:
    if label is None:
        return ""
    outcome = "correct" if label == verdict.label else "wrong"
    return f"The label of this row in the table is {label}: the verdict is {outcome}."


def _told(book: BookView, person: Character | None) -> str:
    """Return how much of the novel the character tells, empty for none."""
    if person is None or not person.told:
        return ""
    told = frozenset(person.told)
    chunks = sum(not told.isdisjoint(chunk.numbers) for chunk in book.chunks.values())
    sentences, all_chunks = wording.counted(len(told), "sentence"), wording.counted(len(book.chunks), "chunk")
    return f"{sentences} as “I”, in {chunks:,} of {all_chunks}"


def _strip(book: BookView, person: Character | None, claims: Sequence[ClaimView]) -> Strip:
    present, chunks = frozenset(person.chunks if person else ()), len(book.chunks)
    verb = "is named in or tells" if person and person.told else "is named in"
    presence = (
        f"{person.name} {verb} {len(present):,} of {wording.counted(chunks, 'chunk')}"
        if person
        else "No one in the cast has the character's name; the whole book was searched"
    )
    marks = [mark for claim in claims for mark in claim.marks]
    found = ", ".join(
        f"{sum(mark.label == label for mark in marks)} {words.lower()}" for label, words in wording.PAIR_WORDS.items()
    )
    return Strip(
        bars=presence_bars(book.novel, tuple(book.chunks.values()), present),
        ticks=book.ticks,
        presence=presence,
        description=(
            f"{presence}. {wording.counted(len(book.novel.chapters), 'chapter')}. "
            f"Of {wording.counted(len(marks), 'passage')} judged: {found}."
        ),
    )


def _provenance(book: BookView, verdict: Verdict, manifest: Manifest, quality: Quality | None) -> Provenance:
    methods, novel = manifest.all_methods(), book.novel
    facts = {
        "seed": str(manifest.seed),
        "SHA-256 of the novel": novel.sha256,
        **{f"SHA-256 of the {wording.readable(part)} weights": digest for part, digest in manifest.weights.items()},
        "encoding of the novel": novel.encoding,
        "length": f"{novel.body.end - novel.body.start:,} characters, {wording.counted(len(book.chunks), 'chunk')}",
    }
    return Provenance(
        scorer=methods["scorer"],
        quality=quality,
        methods={wording.readable(step): method for step, method in methods.items() if step != "scorer"},
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
        elif isinstance(value, (list, tuple)):
            flat[f"{prefix}{name}"] = ", ".join(map(str, value)) or "none"
        else:
            flat[f"{prefix}{name}"] = str(value)
    return flat
