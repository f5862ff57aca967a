"""Type, time scope and stability of a claim, by lexical rules.

Each rule is a list of phrases, matched as whole words in any case: "He was hanged one night" has the cue of a moment
and is an event, "He always feared dogs" has none and is a trait.
"""

from __future__ import annotations

import re

from pipeline.language.life_stage import ADULT_FROM
from pipeline.language.numbers import find_ages
from pipeline.language.verbs import BE, HAVE, form_of, is_past
from pipeline.records import ClaimType, Stability, TimeScope


def _cue(*phrases: str) -> re.Pattern[str]:
    return re.compile(rf"\b(?:{'|'.join(phrases)})\b", re.IGNORECASE)


_EVERY = (
    r"(?:each|every) (?:\w+ )?(?:day|night|morning|evening|week|month|year|winter|spring|summer|autumn|time|fight"
    "|battle|sunday|meal|gathering|voyage|feast)"
)
_USED_TO = "(?<!first )(?<!was )(?<!were )(?<!been )used to"
_RULE = _cue(
    "laws?", "customs?", "traditions?", "forbidden", "forbids?", "must", "may not", "(?:no one|nobody) may",
    "according to (?:legend|law|custom)",
)  # fmt: skip
# In the present tense these state a rule, in the past they narrate: "No one knew the truth".
_RULE_OF_NOW = _cue("always", "never", "cannot", "no one", "nobody", "everyone", "everybody", "every", "all")
_HABIT = _cue(
    "always",
    "never(?! (?:again|came|found|heard|knew|married|met|recovered|returned|saw|spoke|told))",
    "often",
    "usually",
    "seldom",
    "rarely",
    _USED_TO,
    _EVERY,
)
# A lasting quality, where no action precedes it.
_QUALITY = _cue(
    "lifelong", "habits?", "known for", "famous for", "skilled", "gifted", "fluent", "able to", "could", "can",
    "afraid", "fear(?:s|ed)", "love[sd]", "hate[sd]", "despise[sd]", "distrust(?:s|ed)", "believe[sd]?", "viewed",
    "prefer(?:s|red)", "admire[sd]", "lack(?:s|ed)", "felt (?:deep|no|great)", "stayed calm(?:ly)?",
    "(?:his|her|their) nature", "temper(?:ament)?", "personality", "memory for", r"spoke (?:\w+ ){1,2}languages?",
    "(?<![”\"] )(?:is|was|are|were) (?:an?|very|too|by nature)", "wears", "owns",
)  # fmt: skip
_MOMENT = _cue(
    r"1\d{3}", "born", "one (?:day|night|morning|evening|time|summer|winter)", "once", "suddenly", "when", "after",
    "during", "that (?:day|night|year)", "the same (?:day|night|year)", "the (?:day|night|year)", "while",
)  # fmt: skip
_CHILD = _cue(
    "childhood", "boyhood", "girlhood", "infan(?:t|cy)", "adolescen(?:t|ce)", "teen(?:s|age|ager)", "born", "grew up",
    "rais(?:ed|es) (?:by|him|her|them|in)", "reared", "brought up", "orphan(?:ed|age)?", "school(?:boy|girl| days)",
    "(?:at|to|his|her|their|from|left|church|village) school(?! master| teacher| board)",
    "(?:as|still|when|was|were) (?:a |an )?(?:little |small |young )?(?:child|boy|girl|youth|children)",
    "(?:was|were) (?:still |very )?young",
)  # fmt: skip
_ADULT = _cue(
    "adult(?:hood)?", "manhood", "womanhood", "as a (?:grown )?(?:man|woman)", "marri(?:ed|es|age)", "wedding",
    "husband", "wife", "widow(?:er|ed)?", "graduat(?:ed|ion)", "career", "retire(?:ment|s)",
    "retired (?:to|from|in|at|after)", "old age", "middle age",
    "(?:his|her|their) (?:sons?|daughters?|children|twenties|thirties|forties|fifties|sixties)",
)  # fmt: skip
_LASTING = _cue(
    "always", "never", "lifelong", "ever (?:since|after)", "throughout", "forever", "until (?:his|her|their) death",
    "for the rest of", "all (?:his|her|their) life", "for (?:many |several |some )?years", "thereafter",
    r"still (?:\w+ly )?\w+s", "for (?:life|good)",
    _EVERY, _USED_TO, "permanent(?:ly)?", "habits?",
)  # fmt: skip
_PASSING = _cue(
    "one (?:day|night|morning|evening|summer|winter)", "(?<!at )(?<!had )once(?!-)", "briefly",
    "suddenly", "for a (?:moment|while|time)",
    "temporar(?:y|ily)", "that (?:day|night|evening|morning)", r"for (?:\w+ )?(?:hours?|days?|weeks?|months?)",
)  # fmt: skip
_KIN = (
    "father|mother|parents|brother|sister|uncle|aunt|grandfather|grandmother|stepfather|stepmother|son|daughter|cousin"
)
# A sentence that begins with these is about a relative, and so are the ages and marriages in it.
_OF_KIN = re.compile(rf"(?:his|her|their|[\w-]+['’]s)\s+(?:\w+\s+)?(?:{_KIN})\b", re.IGNORECASE)
_OWN_YOUTH = _cue(
    "childhood", "boyhood", "girlhood", "when (?:he|she|they) (?:was|were) (?:still )?(?:an? )?(?:young|child|boy|girl)"
)
_QUOTED = re.compile(r"“[^”]*”|\"[^\"]*\"")


def claim_type(text: str, *, about_person: bool) -> ClaimType:
    """Return "world_rule" for a rule without the character, "trait" for a lasting quality or habit, else "event".

    Quoted words are ignored.
    """
    plain = _QUOTED.sub(" ", text)
    if not about_person and _is_rule(plain):
        return "world_rule"
    if _MOMENT.search(plain) or _PASSING.search(plain) or find_ages(plain, clock=False):
        return "event"
    quality = _QUALITY.search(plain)
    if _HABIT.search(plain) or (quality is not None and not _has_action(plain[: quality.start()])):
        return "trait"
    return "event"


def _is_rule(text: str) -> bool:
    words = re.findall(r"[a-z]+", text.lower())
    in_past = any(is_past(word) or word in {"was", "were", "had", "did"} for word in words)
    persons = not {"he", "she", "him", "father", "mother", "son", "brother", "sister"}.isdisjoint(words)
    return bool(_RULE.search(text)) or bool(_RULE_OF_NOW.search(text) and not in_past and not persons)


def _has_action(text: str) -> bool:
    return any(form_of(word) and word not in BE | HAVE for word in re.findall(r"[a-z-]+", text.lower())[1:])


def time_scope(text: str) -> TimeScope:
    """Return the life stage that the words or an age point to; "unspecified" without a cue, or with cues of both.

    In a sentence about a relative only the character's own age and childhood count.
    """
    ages = [age.years for age in find_ages(text, clock=False)]
    of_kin = _OF_KIN.match(text) is not None
    child = bool((_OWN_YOUTH if of_kin else _CHILD).search(text)) or any(age < ADULT_FROM for age in ages)
    adult = (not of_kin and bool(_ADULT.search(text))) or any(age >= ADULT_FROM for age in ages)
    if child == adult:
        return "unspecified"
    return "childhood" if child else "adulthood"


def stability(text: str, kind: ClaimType) -> Stability:
    """Return how long the claim holds by its words; traits and rules are long-term unless a word contradicts."""
    lasting, passing = bool(_LASTING.search(text)), bool(_PASSING.search(text))
    if lasting != passing:
        return "long_term" if lasting else "short_term"
    return "long_term" if not lasting and kind != "event" else "unspecified"
