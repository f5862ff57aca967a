"""Words and phrases of time in a sentence."""

from __future__ import annotations

import re

from pipeline.language.word_lists import word_set

TIME = re.compile(
    r"\b(?:1\d{3}|20\d{2}|age[ds]?|years?|months?|weeks?|days?|nights?|mornings?|evenings?|hours?|winters?|summers?"
    r"|springs?|autumns?|January|February|March|April|June|July|August|September|October|November|December|Monday"
    r"|Tuesday|Wednesday|Thursday|Friday|Saturday|Sunday|Christmas|Easter)\b"
)
DATE = re.compile(r"\b(?:in|on|at|by|since|until|after|before|from)\s+(?:\w+\s+){0,2}(?:\d|age\b)")
"""A phrase that dates what it follows: "in the summer of 1815", "at the age"."""
FRONTED_TIME = re.compile(
    r"(?:At|By|In|On|From|Since|Until|Before|After|During|When|While|Once|As|For|Throughout|Within|Upon|One|That|Two"
    r"|Three|Four|Five|Six|Seven|Eight|Nine|Ten)\b"
)
"""How a phrase of time at the start of a sentence begins."""
TIME_SHIFTS = word_set(
    "then later thereafter afterwards afterward eventually finally soon still ever subsequently meanwhile ultimately "
    "again once never always often until since"
)
"""Words that move the narrative to another time."""
