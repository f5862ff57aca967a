"""The rules of the checks: for each kind, which statements of a claim and of its passages agree or conflict.

The rules prefer silence to a wrong result. A check fires only if claim and sentence are about the same person, named in
the sentence or the previous one, and about the same fact: enough of the words around the statement, weighted by
inverse document frequency, must recur there. Hedges on either side silence it, and there is no conflict where another
passage of the claim agrees.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import product

from pipeline.judging.checks.context import AnalysedText, CheckContext, Finding, Overlap, Sentence, Statement
from pipeline.judging.checks.kinship import (
    Kin,
    Person,
    are_at_odds,
    compare_kin,
    find_kin,
    find_siblings,
    find_statuses,
)
from pipeline.judging.checks.life import Fate, compare_fates, find_fates
from pipeline.judging.checks.statements import (
    MEASURES,
    find_birth_years,
    find_counts,
    find_dated_ages,
    find_dates,
    find_person_ages,
)
from pipeline.records import CheckKind

Finder = Callable[[AnalysedText], Iterable[Statement]]

REQUIRED_OVERLAP: dict[str, Overlap] = {
    "count": Overlap(4.0, 2.0),
    "measure": Overlap(8.0, 8.0),
    "year": Overlap(4.0, 4.0),
    "day": Overlap(12.0, 8.0),
    "age": Overlap(4.0, 0.0),
    "alive": Overlap(6.0, 0.0),
}
"""Chosen on training claims (``runs/checks.md``). A word in half of the chunks weighs 0.7, in one of a hundred 4.6."""
AGREE_ONLY = frozenset(["month", "weekday"])
"""Topics that recur with every year and week, so that a different value is not a conflict."""
_KIN_HEDGE_REACH = 20  # characters: hedges farther off seldom concern a relation


def find_all(context: CheckContext) -> Iterator[Finding]:
    """Yield the findings of every check; a statement of the claim may have several, one for each sentence."""
    for check in (_check_dates, _check_ages, _check_numbers, _check_kinship, _check_life):
        yield from check(context)


def _compare_values(
    context: CheckContext, kind: CheckKind, find: Finder, required: Callable[[Statement], Overlap]
) -> Iterator[Finding]:
    """Yield findings for statements of one kind that shared words must show to be about the same fact."""
    claimed = list(find(context.content))
    if not claimed:
        return
    found = [(sentence, one) for sentence in context.sentences for one in find(sentence.content)]
    for one in claimed:
        own = {other.value for other in claimed if other.topic == one.topic}
        same = [(sentence, other) for sentence, other in found if other.topic == one.topic]
        confirmed = any(other.value == one.value for _, other in same)
        for sentence, other in same:
            agrees = other.value == one.value
            if not agrees and (confirmed or other.value in own or other.topic in AGREE_ONLY):
                continue
            if not _is_about_claim(context, one, sentence, other):
                continue
            overlap, least = context.overlap(one.span, sentence, other.span, without=one.topic), required(one)
            if overlap.total < least.total or overlap.near < least.near:
                continue
            admits = context.is_plain if agrees else context.may_conflict
            if admits(one.span, sentence, other.span):
                yield Finding(kind, agrees, one.span, sentence, other.span, overlap.total)


def _is_about_claim(context: CheckContext, claimed: Statement, sentence: Sentence, found: Statement) -> bool:
    """Return True if a statement of the book is about a person of the claim; an age is about its own person only."""
    if claimed.topic not in {"age", "born", "status"}:
        return bool(context.names & sentence.names)
    names = claimed.names or context.character or context.names
    return bool(names & found.names) if found.names else bool(names & sentence.names)


def _check_numbers(context: CheckContext) -> Iterator[Finding]:
    def required(one: Statement) -> Overlap:
        return REQUIRED_OVERLAP["measure" if one.topic in MEASURES else "count"]

    return _compare_values(context, "number", find_counts, required)


def _check_dates(context: CheckContext) -> Iterator[Finding]:
    def required(one: Statement) -> Overlap:
        return REQUIRED_OVERLAP["year" if one.topic == "year" else "day"]

    yield from _compare_values(context, "date", find_dates, required)
    yield from _compare_births(context, "date", find_birth_years, find_birth_years, slack=0)


def _check_ages(context: CheckContext) -> Iterator[Finding]:
    yield from _compare_values(context, "age", find_person_ages, lambda _: REQUIRED_OVERLAP["age"])
    yield from _compare_births(context, "age", find_dated_ages, find_birth_years, slack=1)
    yield from _compare_births(context, "age", find_birth_years, find_dated_ages, slack=1)


def _compare_births(
    context: CheckContext, kind: CheckKind, in_claim: Finder, in_book: Finder, *, slack: int
) -> Iterator[Finding]:
    """Yield findings for years of birth, stated or computed from an age and its year; they agree within ``slack``."""
    for claimed in in_claim(context.content):
        for sentence in context.sentences:
            for found in in_book(sentence.content):
                if _is_about_claim(context, claimed, sentence, found) and context.is_plain(
                    claimed.span, sentence, found.span
                ):
                    agrees = abs(int(str(claimed.value)) - int(str(found.value))) <= slack
                    yield Finding(kind, agrees, claimed.span, sentence, found.span, 0.0)


def _check_kinship(context: CheckContext) -> Iterator[Finding]:
    for claimed in find_kin(context.content):
        for sentence in context.sentences:
            for found in find_kin(sentence.content):
                agrees = compare_kin(claimed, found)
                if agrees is None or not _can_share_owner(context, claimed, sentence, found):
                    continue
                if _is_plain_kin(context, claimed, sentence, found):
                    yield Finding("kinship", agrees, claimed.span, sentence, found.span, 0.0)
    yield from _check_status(context)


def _is_plain_kin(context: CheckContext, claimed: Kin | Statement, sentence: Sentence, found: Kin | Statement) -> bool:
    return context.is_plain(claimed.span, sentence, found.span, reach=_KIN_HEDGE_REACH)


def _can_share_owner(context: CheckContext, claimed: Kin, sentence: Sentence, found: Kin) -> bool:
    """Return True if a possessive pronoun on one side can mean the other's owner, or a person named on both sides."""
    if claimed.owner is not None and found.owner is not None:
        return True
    ours = claimed.owner.words if claimed.owner else context.names - claimed.person.words
    theirs = found.owner.words if found.owner else sentence.names - found.person.words
    return bool(ours & theirs)


def _check_status(context: CheckContext) -> Iterator[Finding]:
    """Yield findings for orphans, widows and only children; siblings conflict with an only child, either way."""
    claimed = [*find_statuses(context.content), *find_siblings(context.content)]
    for sentence in context.sentences if claimed else ():
        found = [*find_statuses(sentence.content), *find_siblings(sentence.content)]
        for one, other in product(claimed, found):
            agrees, names = _compare_status(one, other), one.names or context.character
            if agrees is not None and names & other.names and _is_plain_kin(context, one, sentence, other):
                yield Finding("kinship", agrees, one.span, sentence, other.span, 0.0)


def _compare_status(claimed: Statement, found: Statement) -> bool | None:
    if claimed.topic == found.topic == "status":
        return True if claimed.value == found.value else None
    at_odds = are_at_odds(claimed.value, found.value) or are_at_odds(found.value, claimed.value)
    return False if at_odds else None


def _check_life(context: CheckContext) -> Iterator[Finding]:
    for claimed in find_fates(context.content):
        for sentence in context.sentences:
            for found in find_fates(sentence.content):
                agrees = (
                    compare_fates(claimed, found) if _can_share_relative(context, claimed, sentence, found) else None
                )
                if agrees is None:
                    continue
                admits = context.may_conflict if claimed.state != found.state else context.is_plain
                if not admits(claimed.span, sentence, found.span):
                    continue
                total = context.overlap(claimed.span, sentence, found.span).total
                if found.state == "dead" or total >= REQUIRED_OVERLAP["alive"].total:
                    yield Finding("life", agrees, claimed.span, sentence, found.span, total)


def _can_share_relative(context: CheckContext, claimed: Fate, sentence: Sentence, found: Fate) -> bool:
    if not claimed.relation or (claimed.owner and found.owner):
        return True
    ours, theirs = _words(claimed.owner) or context.names, _words(found.owner) or sentence.names
    return bool(ours & theirs)


def _words(person: Person | None) -> frozenset[str]:
    return person.words if person else frozenset()
