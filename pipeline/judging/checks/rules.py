"""The checks themselves: for each kind, what the sentences of its passages say to the statements of a claim."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from pipeline.judging.checks.ages import find_dated_ages, find_person_ages, find_years_of_birth
from pipeline.judging.checks.dates import find_dates
from pipeline.judging.checks.held import Finding, Held, Need, Sentence
from pipeline.judging.checks.kinship import Kin, Person, compare_kin, find_kin
from pipeline.judging.checks.life import Fate, compare_fates, find_fates
from pipeline.judging.checks.numbers import MEASURES, find_counts
from pipeline.judging.checks.status import are_at_odds, find_siblings, find_statuses
from pipeline.judging.checks.words import Stated, View
from pipeline.records import CheckKind

NEEDS: dict[str, Need] = {
    "count": Need(4.0, 2.0),
    "measure": Need(8.0, 8.0),
    "year": Need(4.0, 4.0),
    "day": Need(12.0, 8.0),
    "age": Need(4.0, 0.0),
    "alive": Need(6.0, 0.0),
}
"""Chosen on training claims (``runs/checks.md``). A word of half of the chunks weighs 0.7, one of a hundredth 4.6."""
AGREE_ONLY = frozenset(["month", "weekday"])
"""Topics that come back with every year and week, so that another one is no conflict."""
_CLOSE = 20  # characters: what is whose relative is seldom put in doubt by words farther off


def find_all(held: Held) -> Iterator[Finding]:
    """Yield what every check finds, several findings for one statement of the claim where several sentences speak."""
    for check in (_check_dates, _check_ages, _check_numbers, _check_kinship, _check_life):
        yield from check(held)


def _slots(
    held: Held, kind: CheckKind, finder: Callable[[View], Iterable[Stated]], need: Callable[[Stated], Need]
) -> Iterator[Finding]:
    """Yield what the sentences say to the statements of one kind that words around them must tie to one fact."""
    stated = list(finder(held.view))
    if not stated:
        return
    told = [(sentence, one) for sentence in held.sentences for one in finder(sentence.view)]
    for claimed in stated:
        place, own = (claimed.start, claimed.end), {one.value for one in stated if one.topic == claimed.topic}
        same = [(sentence, one) for sentence, one in told if one.topic == claimed.topic]
        borne_out = any(one.value == claimed.value for _, one in same)
        for sentence, one in same:
            agrees = one.value == claimed.value
            if not agrees and (borne_out or one.value in own or one.topic in AGREE_ONLY):
                continue
            if not _is_about(held, claimed, sentence, one):
                continue
            shared, wanted = held.shared(*place, sentence, (one.start, one.end), claimed.topic), need(claimed)
            if shared.shared < wanted.shared or shared.near < wanted.near:
                continue
            firm = held.is_firm if agrees else held.may_conflict
            if firm(sentence, place, (one.start, one.end)):
                yield Finding(kind, agrees, place, sentence, (one.start, one.end), shared.shared)


def _is_about(held: Held, claimed: Stated, sentence: Sentence, told: Stated) -> bool:
    """Say whether a statement of the book is about somebody of the claim; an age is its bearer's alone."""
    if claimed.topic not in {"age", "born", "status"}:
        return bool(held.names & sentence.names)
    who = claimed.who or held.character or held.names
    return bool(who & told.who) if told.who else bool(who & sentence.names)


def _check_numbers(held: Held) -> Iterator[Finding]:
    return _slots(held, "number", find_counts, lambda one: NEEDS["measure" if one.topic in MEASURES else "count"])


def _check_dates(held: Held) -> Iterator[Finding]:
    yield from _slots(held, "date", find_dates, lambda one: NEEDS["year" if one.topic == "year" else "day"])
    yield from _births(held, "date", find_years_of_birth, find_years_of_birth, slack=0)


def _check_ages(held: Held) -> Iterator[Finding]:
    yield from _slots(held, "age", find_person_ages, lambda one: NEEDS["age"])
    yield from _births(held, "age", find_dated_ages, find_years_of_birth, slack=1)
    yield from _births(held, "age", find_years_of_birth, find_dated_ages, slack=1)


def _births(
    held: Held,
    kind: CheckKind,
    ours: Callable[[View], Iterable[Stated]],
    theirs: Callable[[View], Iterable[Stated]],
    *,
    slack: int,
) -> Iterator[Finding]:
    """Yield what years of birth, stated or reckoned from an age and its year, say to each other."""
    for claimed in ours(held.view):
        for sentence in held.sentences:
            for told in theirs(sentence.view):
                place, other = (claimed.start, claimed.end), (told.start, told.end)
                if _is_about(held, claimed, sentence, told) and held.is_firm(sentence, place, other):
                    agrees = abs(int(str(claimed.value)) - int(str(told.value))) <= slack
                    yield Finding(kind, agrees, place, sentence, other, 0.0)


def _check_kinship(held: Held) -> Iterator[Finding]:
    for claimed in find_kin(held.view):
        for sentence in held.sentences:
            for told in find_kin(sentence.view):
                agrees = compare_kin(claimed, told) if _owners_meet(held, claimed, sentence, told) else None
                place, other = (claimed.start, claimed.end), (told.start, told.end)
                if agrees is not None and held.is_firm(sentence, place, other, reach=_CLOSE):
                    yield Finding("kinship", agrees, place, sentence, other, 0.0)
    yield from _check_status(held)


def _owners_meet(held: Held, claimed: Kin, sentence: Sentence, told: Kin) -> bool:
    """Say whether a pronoun that says whose relative it is can mean the other's owner, or somebody named in both."""
    if claimed.owner is not None and told.owner is not None:
        return True
    ours = claimed.owner.words if claimed.owner else held.names - claimed.person.words
    theirs = told.owner.words if told.owner else sentence.names - told.person.words
    return bool(ours & theirs)


def _check_status(held: Held) -> Iterator[Finding]:
    """Yield what is said of orphans, widows and only children; brothers speak against an only child, either way."""
    ours, siblings = list(find_statuses(held.view)), list(find_siblings(held.view))
    if not (ours or siblings):
        return
    for sentence in held.sentences:
        told = list(find_statuses(sentence.view))
        same = [(one, other, True) for one in ours for other in told if one.value == other.value]
        against = [
            (one, other, False)
            for one in ours
            for other in find_siblings(sentence.view)
            if are_at_odds(one.value, other.value)
        ]
        against += [(one, other, False) for one in siblings for other in told if are_at_odds(other.value, one.value)]
        for one, other, agrees in same + against:
            place, there = (one.start, one.end), (other.start, other.end)
            who = one.who or held.character
            if who and who & other.who and held.is_firm(sentence, place, there, reach=_CLOSE):
                yield Finding("kinship", agrees, place, sentence, there, 0.0)


def _check_life(held: Held) -> Iterator[Finding]:
    for claimed in find_fates(held.view):
        for sentence in held.sentences:
            for told in find_fates(sentence.view):
                agrees = compare_fates(claimed, told) if _relatives_meet(held, claimed, sentence, told) else None
                place, other = (claimed.start, claimed.end), (told.start, told.end)
                if agrees is None or not held.is_firm(sentence, place, other):
                    continue
                changed = claimed.state != told.state
                if changed and not held.may_conflict(sentence, place, other):
                    continue
                shared = held.shared(*place, sentence, other).shared
                if told.state == "dead" or shared >= NEEDS["alive"].shared:
                    yield Finding("life", agrees, place, sentence, other, shared)


def _relatives_meet(held: Held, claimed: Fate, sentence: Sentence, told: Fate) -> bool:
    if not claimed.relation or (claimed.owner and told.owner):
        return True
    ours, theirs = _words(claimed.owner) or held.names, _words(told.owner) or sentence.names
    return bool(ours & theirs)


def _words(person: Person | None) -> frozenset[str]:
    return person.words if person else frozenset()
