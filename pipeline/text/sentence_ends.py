"""Find the sentence ends that a splitter by punctuation misses: without a space, and after abbreviations that end one.

An abbreviation ends a sentence if a word follows that no sentence has in capitals inside ("He was born in the U.S. She
was not."). After a time a name follows too ("He came at 5 p.m. Tom left."), unless there is no verb before the time
("At 5 p.m. Tom left."). "Mr. T. Smith" has neither.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator, Sequence

from pipeline.language.titles import ABBREVIATIONS
from pipeline.language.verbs import has_verb
from pipeline.language.word_lists import SUBORDINATORS, word_set

_NO_SPACE = re.compile(r"[.!?](?:(?<=[a-z0-9].)(?=“?[A-Z][a-z])|”(?=[“A-Z]))")
_SHORT = re.compile(
    r"\.(?:(?P<time>(?<=[ap]\.m\.)|(?<=[AP]\.M\.)|(?<=[ap]\. m\.)|(?<=[AP]\. M\.))"
    r"|(?<=[^\w'’][A-Z]\.)|(?<=\.[A-Z]\.)|(?<=\bPh\.D\.)|(?<=\b(?:Jr|Sr|Co)\.)|(?<=\b(?:Esq|Ltd|Inc|etc)\.))"
    r"[\"”’)\]]{0,2}\s+(?=[\"“‘(\[]?(?P<word>[A-Z][\w'’]*))"
)
_HOUR = re.compile(
    r"(?:\d|\b(?:one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|half|thirty|fifteen))\s*[AaPp]\.\s?[Mm]\Z"
)
_STARTERS = word_set(
    "He She It They We You The This That These Those There Then But When His Her Its Their My Your Our In At On As If "
    "For Nobody Nothing Everybody Everyone Everything Now So Yet Not No What Who Why How Where After Before While With"
)
"""Words with a capital at the start of a sentence only."""
_NOT_STARTERS = word_set(
    "Monday Tuesday Wednesday Thursday Friday Saturday Sunday January February March April May June July August "
    "September October November December"
)
_TOKEN_START = re.compile(r"[^\s—“”]*\Z")
_TOKEN_REST = re.compile(r"[^\s—“”]*")
_LETTERS = re.compile(r"[^\W\d_]+")


def find_missed_ends(text: str, starts: Sequence[int]) -> Iterator[int]:
    """Yield offsets in a paragraph at which sentences start, besides the ``starts`` that are known."""
    for match in _NO_SPACE.finditer(text):
        if not _is_inside(text, match.start()):
            yield match.end()
    for match in _SHORT.finditer(text):
        if match["word"] in _STARTERS or (match["time"] is not None and _ends_clause(text, match, starts)):
            yield match.end()


def _is_inside(text: str, place: int) -> bool:
    """Return True if a full stop belongs to an abbreviation, an e-mail or web address, or a file name."""
    before, after = _TOKEN_START.search(text, max(0, place - 80), place), _TOKEN_REST.match(text, place)
    assert before is not None and after is not None, "both match the empty text too"
    return before[0].lower() in ABBREVIATIONS or re.search(r"[@/\\]|\w\.\w+\.\w", before[0] + after[0]) is not None


def _ends_clause(text: str, match: re.Match[str], starts: Sequence[int]) -> bool:
    """Return True if a time ends a clause with a verb, and the word after it is neither a day nor in capitals."""
    word = match["word"]
    if word in _NOT_STARTERS or (len(word) > 1 and word.isupper()) or not _HOUR.search(text, 0, match.start()):
        return False
    known = bisect_right(starts, match.start()) - 1
    clause = text[starts[known] if known >= 0 else 0 : match.start()].lower()
    words = _LETTERS.findall(clause)
    return has_verb(words) and words[0] not in SUBORDINATORS
