"""What kind of claim a sentence makes, by lexical rules that can be read.

Each rule is a list of phrases, matched as whole words in any case. They say what the words suggest, not what is so:
"He was hanged one night" has the cue of a moment and is an event, "He always feared dogs" has none and is a trait.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from pipeline.records import ClaimType, Stability, TimeScope

OF_AGE = 18

_VERB_FORMS = (
    "am is are was were be been has have had do does did will would shall should can could may might must cannot "
    "became began bore bought broke brought built burnt came caught chose cut dealt drew drank drove dug ate fell "
    "fed felt fought found fled flew forgot forgave froze gave went got grew hung heard hid held hit hurt kept "
    "knelt knew laid led left lent learnt let lit lay lost made meant met paid put quit read rode rang rose ran "
    "said saw sold sent set shook shone shot showed shut sang sank sat slept slid spoke spent spun spread sprang "
    "stood stole stuck struck swore swam swept swung took taught tore told thought threw understood woke wore won "
    "wept wound wrote"
)
_VERBS = frozenset(_VERB_FORMS.split())
_PAST = re.compile(r"(?!(?:indeed|hundred|sacred|wicked|kindred|naked|speed|breed|greed|exceed|proceed)$)[a-z]{2,}ed$")

_TEENS = {
    f"{stem}teen": age
    for age, stem in [(13, "thir"), (14, "four"), (15, "fif"), (16, "six"), (17, "seven"), (18, "eigh"), (19, "nine")]
}
_TENS = {"twenty": 20, "thirty": 30, "forty": 40, "fifty": 50, "sixty": 60, "seventy": 70, "eighty": 80, "ninety": 90}
_ONES = {"one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8, "nine": 9}
_AGES = _TEENS | _TENS | _ONES | {"ten": 10, "eleven": 11, "twelve": 12}
_NUMBER = rf"(\d{{1,2}}|{'|'.join(_AGES)})(?:-\w+)?"
_AGE = re.compile(
    rf"\b(?:at|by|aged|age of|turned|was|were)\s+(?:only |just |barely )?{_NUMBER}"
    r"(?=\s*[,;.:)]|\s+(?:he|she|they|his|her|their|when|and|a|an|the)\b)"
    rf"|\b{_NUMBER}[\s-]years?[\s-]old\b",
    re.IGNORECASE,
)


def _cue(*phrases: str) -> re.Pattern[str]:
    return re.compile(rf"\b(?:{'|'.join(phrases)})\b", re.IGNORECASE)


_EVERY = "(?:each|every) (?:day|night|morning|evening|week|month|year|winter|spring|summer|autumn|time|fight|battle)"
_USED_TO = "(?<!first )(?<!was )(?<!were )(?<!been )used to"
_WORLD = _cue(
    "laws?", "customs?", "traditions?", "forbidden", "forbids?", "must", "cannot", "may not", "no one", "nobody",
    "everyone", "everybody", "every (?:man|woman|child|person|family)", "always", "never", "according to legend",
)  # fmt: skip
_TRAIT = _cue(
    "always", "never", "often", "usually", "seldom", "rarely", _USED_TO, _EVERY, "lifelong", "habits?", "known for",
    "famous for", "skilled", "gifted", "fluent", "able to", "could", "can", "afraid", "fear(?:s|ed)", "love[sd]?",
    "hate[sd]?", "despise[sd]?", "distrust(?:s|ed)", "believe[sd]?", "prefer(?:s|red)", "admire[sd]?", "lacks?",
    "(?:his|her|their) nature", "temper(?:ament)?", "personality", "(?:is|was|are|were) (?:an?|very|too|by nature)",
)  # fmt: skip
_MOMENT = _cue(
    r"1\d{3}", "born", "one (?:day|night|morning|evening|time|summer|winter)", "once", "suddenly", "when", "after",
    "during", "that (?:day|night|year)", "the same (?:day|night|year)", "the (?:day|night|year)", "while",
)  # fmt: skip
_CHILD = _cue(
    "childhood", "boyhood", "girlhood", "infan(?:t|cy)", "adolescen(?:t|ce)", "teen(?:s|age|ager)", "born", "grew up",
    "rais(?:ed|es) (?:by|him|her|them|in)", "reared", "brought up", "orphan(?:ed)?", "school(?:boy|girl)?",
    "(?:as|still|when|was|were) (?:a |an )?(?:little |small |young )?(?:child|boy|girl|youth|children)",
)  # fmt: skip
_ADULT = _cue(
    "adult(?:hood)?", "manhood", "womanhood", "as a (?:grown )?(?:man|woman)", "marri(?:ed|es|age)", "wedding",
    "husband", "wife", "widow(?:er|ed)?", "graduat(?:ed|ion)", "career", "retire(?:d|ment|s)", "old age",
    "middle age", "(?:his|her|their) (?:sons?|daughters?|children|twenties|thirties|forties|fifties|sixties)",
)  # fmt: skip
_LASTING = _cue(
    "always", "never", "lifelong", "ever (?:since|after)", "throughout", "forever", "until (?:his|her|their) death",
    "for the rest of", "all (?:his|her|their) life", "for (?:many |several |some )?years", "thereafter", "still",
    _EVERY, _USED_TO, "permanently", "habits?",
)  # fmt: skip
_PASSING = _cue(
    "one (?:day|night|morning|evening|summer|winter)", "once", "briefly", "suddenly", "for a (?:moment|while|time)",
    "temporar(?:y|ily)", "that (?:day|night|evening|morning)", r"for (?:\w+ )?(?:hours?|days?|weeks?|months?)",
)  # fmt: skip


def has_verb(words: Sequence[str]) -> bool:
    """Say whether lower-case words look like a clause: a verb form that is no noun, or a subject pronoun and more."""
    after_pronoun = len(words) > 1 and words[0] in {"he", "she", "they", "it"}
    return after_pronoun or any(word in _VERBS or _PAST.match(word) for word in words)


def claim_type(text: str, *, about_person: bool) -> ClaimType:
    """Return world_rule for a rule without the character, trait for a standing quality or habit, else event."""
    if not about_person and _WORLD.search(text):
        return "world_rule"
    return "trait" if _TRAIT.search(text) and not _MOMENT.search(text) and not _ages(text) else "event"


def time_scope(text: str) -> TimeScope:
    """Return the time of life that the words or a stated age point to; unspecified when none, or both."""
    ages = _ages(text)
    child = bool(_CHILD.search(text)) or any(age < OF_AGE for age in ages)
    adult = bool(_ADULT.search(text)) or any(age >= OF_AGE for age in ages)
    if child == adult:
        return "unspecified"
    return "childhood" if child else "adulthood"


def stability(text: str, kind: ClaimType) -> Stability:
    """Return how long the claim says it holds; traits and rules last when no word speaks against it."""
    lasting, passing = bool(_LASTING.search(text)), bool(_PASSING.search(text))
    if lasting != passing:
        return "long_term" if lasting else "short_term"
    return "long_term" if not lasting and kind != "event" else "unspecified"


def _ages(text: str) -> list[int]:
    """Return the ages the text states, in figures or in words ("at twenty-two he ...", "ten years old")."""
    found = ("".join(match.groups(default="")).lower() for match in _AGE.finditer(text))
    return [int(number) if number.isdigit() else _AGES[number] for number in found]
