"""Orphans, widows, and only children: what somebody is by the relatives that there are, or are not."""

from __future__ import annotations

import re
from collections.abc import Iterator

from pipeline.judging.checks.ages import last_name
from pipeline.judging.checks.kinship import NAME, owner_of
from pipeline.judging.checks.words import Stated, View

_STATUS = re.compile(
    r"\b(?:was|is|were|as|being|became|become|left|remained|,|the|had been) (?:(?:an?|the|his|her|their) )?"
    r"(?:young |poor |rich )?(?P<status>orphan|widow|widower|only child|only son|only daughter|bachelor"
    r"|spinster)\b(?!['’-])"
)
_SIBLING = re.compile(
    rf"\b(?P<owner>{NAME}['’]s?|[Hh]is|[Hh]er|[Mm]y) (?:\w+ )?(?P<which>brother|sister)\b(?!-|['’]s? in)"
)
_RULED_OUT = {"only child": ("brother", "sister"), "only son": ("brother",), "only daughter": ("sister",)}


def find_statuses(view: View) -> Iterator[Stated]:
    """Yield orphans, widows and only children, each with the name that stands last before."""
    text = re.sub(r"\s", " ", view.text)
    for match in _STATUS.finditer(text):
        start, end = match.span("status")
        yield Stated("status", match["status"], start, end, last_name(view, start))


def find_siblings(view: View) -> Iterator[Stated]:
    """Yield the brothers and sisters that a text gives somebody; without a name where a pronoun says whose."""
    text = re.sub(r"\s", " ", view.text)
    for match in _SIBLING.finditer(text):
        owner, pronoun = owner_of(match["owner"])
        if owner is not None or pronoun:
            yield Stated("sibling", match["which"], *match.span(), owner.words if owner else frozenset())


def are_at_odds(status: object, sibling: object) -> bool:
    """Say whether an only child (son, daughter) cannot have such a sibling."""
    return sibling in _RULED_OUT.get(str(status), ())
