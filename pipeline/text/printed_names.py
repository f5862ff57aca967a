"""The form of a name as a sentence prints it, for patterns such as "my name is ..."."""

from __future__ import annotations

import re

from spacy.lang.en.stop_words import STOP_WORDS

from pipeline.text.names import may_be_name, parse_name

_UPPER = "A-ZÀ-ÖØ-ÞŒŠŽ"
_WORD = rf"[{_UPPER}][^\W\d_]+(?:['’\u2010\u2011-][^\W\d_]+)*"
_TITLE = (
    r"(?:(?:Mr|Mrs|Ms|Dr|St|Capt|Col|Lieut|Sergt|Rev|Prof|M|Mme|Mlle|Miss|Master|Captain|Doctor|Sir|Lady|Lord|Colonel"
    r"|Major|General|Professor|Father|Brother|Sister|Uncle|Aunt)\.?\s+)?"
)
_PARTICLE = r"(?:(?:de|du|des|d['’]|la|le|van|von|der|den|of|the)\s+)"
PRINTED_NAME = rf"{_TITLE}(?:[{_UPPER}]\.\s*)*{_WORD}(?:\s+{_PARTICLE}{{0,2}}(?:[{_UPPER}]\.|{_WORD})){{0,4}}"
"""A pattern of a name in mixed case: an optional title, first names, initials, particles and surnames."""
_NOT_A_NAME = re.compile(r"\A(?:the|an?)\s|['’]s?\s", re.IGNORECASE)
_ENDINGS = re.compile(r"['’]s?\Z")


def clean_name(printed: str) -> str:
    """Return a matched name on one line without a possessive ending, empty if it cannot be a person's name.

    >>> clean_name("Jim  Penrose’s"), clean_name("English"), clean_name("The")
    ('Jim Penrose', '', '')
    """
    name = _ENDINGS.sub("", " ".join(printed.strip("_ \n\"“”'‘’").split()))
    words = parse_name(name).words if name else ()
    if not may_be_name(words) or words[0] in STOP_WORDS or _NOT_A_NAME.search(name):
        return ""
    return recapitalised(name) if name.isupper() else name


def recapitalised(name: str) -> str:
    """Return a name in capitals as it is printed in a sentence: "JIM PENROSE" becomes "Jim Penrose"."""
    return re.sub(r"[^\W\d_]+(?:['’][^\W\d_]+)*", lambda match: match.group().capitalize(), name)
