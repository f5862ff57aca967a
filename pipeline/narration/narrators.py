"""Decide who tells which parts of a novel, and report it where it cannot be known.

A narrator is taken from the text alone where the signs are clear: a heading or signature that names the writer, or one
person whom others address and the narration does not name, or whom "I" introduces. Everything less is a notice.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from pipeline.language.folding import match_key
from pipeline.narration.documents import find_headed, find_letters, named_chapters
from pipeline.narration.evidence import Signs
from pipeline.narration.first_person import MOSTLY, Part, count_words, find_first_person, split_parts, told_parts
from pipeline.narration.given import GivenNarrator, check_disjoint, parse_narrator, spans_of
from pipeline.narration.quotations import Quotations, find_quotations
from pipeline.narration.signs import find_all_names, find_introductions
from pipeline.records import Novel, Span
from pipeline.text.names import parse_name

_SOME = 0.2
"""The share of first-person narration from which on it is worth a search for signs, and a notice."""
_FEWEST = 5
"""First-person words below which a text is too short for either."""
_HOW_TO = "give the name with --narrator NAME, for some chapters --narrator '1-10: NAME'"


class Teller(NamedTuple):
    """A person who tells parts of the novel: the name, the ranges, and how it was found."""

    name: str
    spans: tuple[Span, ...]
    how: str


_TITLES = "title"


class Narration(NamedTuple):
    """Who tells the novel, the offsets of the first-person words outside quotations, and notices for the user."""

    tellers: tuple[Teller, ...]
    first_person: tuple[int, ...]
    notices: tuple[str, ...] = ()


NO_NARRATION = Narration((), ())


def find_narration(novel: Novel, given: Sequence[str] = ()) -> Narration:
    """Return who tells the novel, by chapters, letters and diaries, as far as the text shows it.

    ``given`` are narrators of the user, in place of those of chapters that would be found; letters stay their
    writers'. Raises SettingError or NovelError for one that is not valid for this novel.
    """
    quotations = find_quotations(novel.text, novel.body)
    offsets = find_first_person(novel, quotations)
    if list(map(parse_narrator, given)) == [GivenNarrator("")]:
        return Narration((), offsets)
    tellers, inner = _documented(novel, quotations, offsets, by_titles=not given)
    titled = tuple(_by_titles(novel, teller) for teller in tellers if teller.how == _TITLES)
    if given:
        return Narration(_joined([*tellers, *_given(given, novel, inner)]), offsets)
    rest, share = told_parts(split_parts(novel, quotations.with_spans(inner), offsets))
    some = _SOME * count_words(novel.text, novel.body, quotations)
    if sum(part.words for part in rest) <= some or sum(part.first_person for part in rest) < _FEWEST:
        return Narration(_joined(tellers), offsets, titled)
    signs = Signs(novel, quotations, find_introductions(novel, quotations), find_all_names(novel))
    found, notices = _tellers_of(rest, signs, whole=share >= MOSTLY)
    found = [teller._replace(spans=tuple(subtract(teller.spans, inner))) for teller in found]
    return Narration(_joined([*tellers, *found]), offsets, (*titled, *notices))


def _by_titles(novel: Novel, teller: Teller) -> str:
    """Return the notice of a narrator whom the titles of chapters name."""
    numbers = listed(sorted({novel.chapter_at(span.start) for span in teller.spans}))
    return (
        f"chapters {numbers} are taken as told by {teller.name}, after whom they are called; if that is wrong, "
        f"{_HOW_TO}, or --narrator none"
    )


def _documented(
    novel: Novel, quotations: Quotations, offsets: Sequence[int], *, by_titles: bool
) -> tuple[list[Teller], list[Span]]:
    """Return the writers of letters, the tellers that headings name, and the ranges of both.

    ``by_titles`` is whether the titles of chapters that are names alone say who tells them.

    A range may be without a teller: the heading names a person without a name.
    """
    letters = find_letters(novel, quotations, offsets)
    inner = [letter.span for letter in letters]
    _, share = told_parts(split_parts(novel, quotations.with_spans(inner), offsets))
    headed = find_headed(novel, quotations, offsets)
    titled = named_chapters(novel) if by_titles and not headed and share >= MOSTLY else ()
    tellers = [Teller(letter.name, (letter.span,), "signature") for letter in letters]
    for name in dict.fromkeys(one.name for one in titled):
        spans = tuple(span for one in titled if one.name == name for span in subtract([one.span], inner))
        tellers.append(Teller(name, spans, _TITLES))
    tellers += [Teller(one.name, tuple(subtract([one.span], inner)), "heading") for one in headed if one.name]
    return tellers, [*inner, *(document.span for document in (*headed, *titled))]


def _given(given: Sequence[str], novel: Novel, inner: Sequence[Span]) -> Iterator[Teller]:
    """Yield the narrators of the user, without the ``inner`` ranges, which others tell."""
    narrators = [(narrator, spans_of(narrator, novel)) for narrator in map(parse_narrator, given)]
    check_disjoint(narrators)
    for narrator, spans in narrators:
        if narrator.name:
            yield Teller(narrator.name, tuple(subtract(spans, inner)), "given")


def subtract(spans: Iterable[Span], inner: Sequence[Span]) -> Iterator[Span]:
    """Yield ``spans`` without what the spans of ``inner`` cover."""
    for span in spans:
        start = span.start
        for hole in sorted(hole for hole in inner if hole.start < span.end and hole.end > span.start):
            if hole.start > start:
                yield Span(start, hole.start)
            start = max(start, hole.end)
        if start < span.end:
            yield Span(start, span.end)


def _tellers_of(parts: Sequence[Part], signs: Signs, *, whole: bool) -> tuple[list[Teller], tuple[str, ...]]:
    """Return the narrators of the parts without heading or signature, and a notice of what was found or was not."""
    finding = signs.weigh(parts, whole=whole)
    if finding.name:
        teller = Teller(finding.name, tuple(part.span for part in parts), finding.how)
        return [teller], (_found(teller, parts, whole=whole),)
    by_part = _by_parts(parts, signs)
    if by_part:
        left = [part for part in parts if not any(part.span in teller.spans for teller in by_part)]
        notices = [
            _found(teller, [part for part in parts if part.span in teller.spans], whole=False) for teller in by_part
        ]
        return by_part, (*notices, *([_unknown(left, (), whole=False)] if left else []))
    return [], (_unknown(parts, finding.candidates, whole=whole),)


def _by_parts(parts: Sequence[Part], signs: Signs) -> list[Teller]:
    """Return the narrators of single parts, where at least two persons tell most of the parts.

    A part without a sign of its own has the narrator of the parts on both sides of it, or the one whom it addresses.
    """
    found = [(part, signs.weigh([part], whole=True)) for part in parts]
    known = [(part, finding) for part, finding in found if finding.name]
    names = {match_key(finding.name) for _, finding in known}
    if len(names) < 2 or 2 * len(known) < len(parts):
        return []
    tellers = [Teller(finding.name, (part.span,), finding.how) for part, finding in known]
    for part in (part for part, finding in found if not finding.name):
        before = [finding for other, finding in known if other.span.end <= part.span.start]
        after = [finding for other, finding in known if other.span.start >= part.span.end]
        around = {match_key(one.name) for one in (*before[-1:], *after[:1])} if before and after else set()
        addressed = [finding for _, finding in known if signs.is_addressed(finding.name, part)]
        spoken_to = {match_key(one.name): one for one in addressed}
        one = before[-1] if len(around) == 1 else next(iter(spoken_to.values())) if len(spoken_to) == 1 else None
        if one:
            tellers.append(Teller(one.name, (part.span,), one.how))
    return list(_joined(tellers))


def _joined(tellers: Iterable[Teller]) -> tuple[Teller, ...]:
    """Return one teller for each person, with all ranges in order: "Walton" is "Robert Walton" if nobody else is."""
    joined: list[Teller] = []
    told = [teller for teller in tellers if teller.spans]
    for teller in sorted(told, key=lambda teller: (-len(parse_name(teller.name).words), -len(teller.name))):
        same = [number for number, known in enumerate(joined) if _may_be_same(known.name, teller.name)]
        if len(same) == 1:
            known = joined[same[0]]
            joined[same[0]] = known._replace(spans=tuple(sorted((*known.spans, *teller.spans))))
        else:
            joined.append(teller)
    return tuple(sorted(joined, key=lambda teller: teller.spans))


def _may_be_same(name: str, shorter: str) -> bool:
    """Return True if all words of ``shorter`` are in ``name``, or are initials of its words."""
    words = parse_name(name).words

    def fits(word: str) -> bool:
        return word in words or (len(word) == 1 and any(full.startswith(word) for full in words))

    return all(map(fits, parse_name(shorter).words))


def _found(teller: Teller, parts: Sequence[Part], *, whole: bool) -> str:
    return (
        f"{_where(parts, whole=whole)} told in the first person, and taken as told by {teller.name} ({teller.how}); if "
        f"that is wrong, {_HOW_TO}, or --narrator none"
    )


def _unknown(parts: Sequence[Part], candidates: Sequence[str], *, whole: bool) -> str:
    weak = f"the signs are too weak (perhaps {' or '.join(candidates)})"
    perhaps = weak if candidates else "no name of the narrator was found"
    return (
        f"{_where(parts, whole=whole)} told in the first person, and {perhaps}: what the narrator tells as “I” counts "
        f"for no character; {_HOW_TO}"
    )


def _where(parts: Sequence[Part], *, whole: bool) -> str:
    numbers = [part.chapter for part in parts]
    if whole or not any(numbers):
        return "the novel is" if whole else "parts of the novel are"
    return f"{'chapter' if len(numbers) == 1 else 'chapters'} {listed(numbers)} {'is' if len(numbers) == 1 else 'are'}"


def listed(numbers: Sequence[int]) -> str:
    """Return ascending numbers in words, runs shortened: "1-3, 7".

    >>> listed([1, 2, 3, 7])
    '1-3, 7'
    """
    runs: list[list[int]] = []
    for number in numbers:
        if runs and number == runs[-1][-1] + 1:
            runs[-1].append(number)
        else:
            runs.append([number])
    return ", ".join(str(run[0]) if len(run) == 1 else f"{run[0]}-{run[-1]}" for run in runs)


def _length(span: Span) -> int:
    return span.end - span.start
