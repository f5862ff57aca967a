"""The life stage that a passage is about, childhood or adulthood; the order of chapters is not that of events.

The rules are lexical. An unambiguous phrase ("when I was a boy", "in her childhood") and a stated age count as 1; a
phrase that often introduces a memory ("years before", "at school") counts as 1/2, so that two are needed. "My boy" and
"the child ran" count nothing.
"""

from __future__ import annotations

import re

from pipeline.language.numbers import find_ages
from pipeline.records import TimeScope

ADULT_FROM = 18
"""Years; a younger person is a child."""

_WHO = (
    r"(?:(?:he|she|i|they|we|you|[a-z][\w'’-]*) (?:was|were|had been)(?: still| yet| but| only)*"
    r"|as|while|still|yet|quite)"
)
_SMALL = r"(?:(?:very|mere|little|small|young|tiny|wee|barefoot) )*"
_CHILD = re.compile(
    r"\b(?:"
    r"(?:in|from|of|during|since|throughout) (?:\w+ )?(?:earliest |early |first )?"
    r"(?:childhood|boyhood|girlhood|infancy)"
    r"|(?:his|her|my|their|our|whose) (?:early |first |\w+ )?(?:childhood|boyhood|girlhood|infancy|school-?days)"
    rf"|{_WHO} (?:only |just |but )?an? {_SMALL}(?:child|boy|girl|lad|infant|baby|schoolboy|schoolgirl)"
    r"|when (?:he|she|i|they|we) (?:was|were) (?:(?:very|quite|so|still) )*"
    r"(?:young|little|small|children|boys|girls|at school)"
    r"|(?:as|were|when) children|grew up (?:in|at|on|with|under|there)|brought up (?:in|at|on|by|with))\b",
    re.IGNORECASE,
)
_LOOKS_BACK = re.compile(
    r"\b(?:years (?:before|ago|earlier)|long ago|in those days|at school|to school|schoolmaster|(?:his|her|my) nurse|"
    r"nursery|(?:his|her|my) playmates?|playfellows?|the boy['’]s (?:father|mother)|was born|born in|"
    r"remember(?:ed)? how)\b",
    re.IGNORECASE,
)
_ADULT = re.compile(
    r"\b(?:(?:his|her|my) (?:marriage|wedding|wife|husband|widowhood|old age|retirement|manhood|grown(?:-up)? \w+)"
    r"|as an? (?:grown |old |elderly )?(?:man|woman)|(?:now|become|became|grown) an? (?:old |grown )?(?:man|woman)"
    r"|grown (?:man|woman)|in (?:his|her|my) (?:old age|prime|twenties|thirties|forties|fifties|sixties))\b",
    re.IGNORECASE,
)
_ENOUGH = 1.0


def find_life_stage(text: str) -> TimeScope:
    """Return the life stage that a passage is about; "unspecified" without a cue, or with cues of both stages.

    >>> find_life_stage("When I was a boy my father kept two dogs.")
    'childhood'
    """
    ages = [age.years for age in find_ages(text)]
    child = (
        sum(1.0 for age in ages if age < ADULT_FROM) + len(_CHILD.findall(text)) + len(_LOOKS_BACK.findall(text)) / 2
    )
    adult = any(age >= ADULT_FROM for age in ages) or bool(_ADULT.search(text))
    if (child >= _ENOUGH) == adult:
        return "unspecified"
    return "adulthood" if adult else "childhood"
