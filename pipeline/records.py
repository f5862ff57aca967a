"""The frozen records that stages exchange. Standard library only: no stage, no torch.

Offsets count characters of ``Novel.text``: the text as extracted from the file, with newlines as ``\\n``, so that
``novel.text[start:end]`` is always the verbatim quotation.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from hashlib import sha256
from typing import Literal, NamedTuple, get_args

PairLabel = Literal["support", "contradict", "irrelevant"]
ClaimLabel = Literal["supported", "contradicted", "not_stated"]
CLAIM_LABELS: tuple[ClaimLabel, ...] = get_args(ClaimLabel)
"""The labels of a claim, in the order of every vector of their probabilities; that of ``bdh.verifier``."""
CheckKind = Literal["date", "age", "number", "kinship", "life"]
BackstoryLabel = Literal["consistent", "inconsistent", "uncertain"]
TableLabel = Literal["consistent", "inconsistent"]
ClaimType = Literal["event", "trait", "world_rule"]
TimeScope = Literal["childhood", "adulthood", "unspecified"]
WaiverKind = Literal["flashback", "dream", "lie", "intended", "wrong alarm"]
Stability = Literal["short_term", "long_term", "unspecified"]
FactType = Literal[
    "appearance",
    "age_or_date",
    "number",
    "name",
    "kinship",
    "place",
    "occupation",
    "possession",
    "event",
    "ability",
    "knowledge",
    "motive",
    "belief_or_trait",
    "other",
]
"""What kind of fact a claim states, after the types of error of ConStory."""


_BLANK_LINES = re.compile(r"\n\s*\n\s*")
_WORD_START = re.compile(r"\S")


class Span(NamedTuple):
    """A half-open range of characters in ``Novel.text``."""

    start: int
    end: int


class Repair(NamedTuple):
    """A half-open range of characters in ``Novel.text`` and what is read in its place."""

    start: int
    end: int
    text: str


@dataclass(frozen=True)
class Chapter:
    """A chapter of a novel: its number in reading order from 1, its heading as printed, and its range."""

    number: int
    title: str
    start: int
    end: int


@dataclass(frozen=True)
class Novel:
    """A complete novel as read from one file, or from a folder with a file for each chapter.

    ``text`` is the text as extracted, to which all offsets refer: for plain text the file itself. ``body`` leaves out
    what surrounds the work (titles, rights, the Project Gutenberg header and footer). ``encoding`` is that of the
    text, or the name of the format. ``sha256`` is that of the file's bytes, or of all files of the folder.
    ``chapters`` tile the body from its first heading; text before that heading belongs to chapter 0.
    ``repairs``, in order, are what is read otherwise than it is printed.
    """

    name: str
    path: str
    text: str
    body: Span
    chapters: tuple[Chapter, ...]
    encoding: str
    sha256: str
    notices: tuple[str, ...] = ()
    repairs: tuple[Repair, ...] = ()

    def repaired(self, start: int, end: int) -> str:
        """Return a range of the text as it is read: words broken at line ends whole, odd apostrophes as usual."""
        if not self.repairs:
            return self.text[start:end]
        first = bisect_left(self.repairs, start, key=lambda repair: repair.start)
        pieces = []
        for repair in self.repairs[first : bisect_right(self.repairs, end, key=lambda repair: repair.end)]:
            pieces += [self.text[start : repair.start], repair.text]
            start = repair.end
        return "".join([*pieces, self.text[start:end]])

    def chapter_at(self, offset: int) -> int:
        """Return the number of the chapter that holds ``offset``, 0 before the first heading."""
        chapter = self._chapter_of(offset)
        return chapter.number if chapter else 0

    def title_at(self, offset: int) -> str:
        """Return the title of the chapter that holds ``offset``, nothing before the first heading."""
        chapter = self._chapter_of(offset)
        return chapter.title if chapter else ""

    def paragraph_at(self, offset: int) -> int:
        """Return the number of the paragraph that holds ``offset``: from 1 in its chapter, 0 in the heading.

        Before the first heading it is counted from the beginning of the body.
        """
        chapter = self._chapter_of(offset)
        first = self._text_start(chapter) if chapter else self.body.start
        return max(bisect_right(self._paragraphs, offset) - bisect_left(self._paragraphs, first), 0)

    def heading_of(self, chapter: Chapter) -> Span:
        """Return the range of a chapter's printed heading, empty for a title that only the file names."""
        words = r"\s+".join(map(re.escape, chapter.title.split()))
        match = re.compile(words + r"(?=[^\S\n]*$)", re.M).match(self.text, chapter.start)
        return Span(chapter.start, match.end() if match else chapter.start)

    def _chapter_of(self, offset: int) -> Chapter | None:
        before = bisect_right(self.chapters, offset, key=lambda chapter: chapter.start)
        return self.chapters[before - 1] if before else None

    def _text_start(self, chapter: Chapter) -> int:
        """Return the offset of the first word after a chapter's heading."""
        end = self.heading_of(chapter).end
        following = _WORD_START.search(self.text, end)
        return following.start() if following else end

    @cached_property
    def _paragraphs(self) -> list[int]:
        """The offsets at which paragraphs begin: after blank lines and after headings."""
        breaks = {match.end() for match in _BLANK_LINES.finditer(self.text, *self.body)}
        return sorted({self.body.start, *breaks, *map(self._text_start, self.chapters)})


@dataclass(frozen=True, slots=True)
class Chunk:
    """Some consecutive sentences of a novel; neighbours share ``overlap`` sentences.

    ``sentences`` are the spans of its sentences; ``first_sentence`` is the number, counted over the novel, of the
    first of them, so that a sentence shared by two chunks is recognised as one.
    """

    index: int
    start: int
    end: int
    chapter: int
    first_sentence: int
    sentences: tuple[Span, ...]

    @property
    def numbers(self) -> range:
        """The numbers of its sentences, counted over the novel."""
        return range(self.first_sentence, self.first_sentence + len(self.sentences))


@dataclass(frozen=True, slots=True)
class Mention:
    """A name as printed in the text, with its range and the number of its sentence in the novel."""

    text: str
    start: int
    end: int
    sentence: int


@dataclass(frozen=True)
class Character:
    """A person of the novel: a display name, the other names found or given, and the mentions.

    ``told`` are the sentences that the character tells as "I", outside quotations. ``sentences`` and ``chunks`` are
    those that name the character or that it tells. All are sorted numbers.
    """

    name: str
    aliases: tuple[str, ...]
    mentions: tuple[Mention, ...]
    sentences: tuple[int, ...]
    chunks: tuple[int, ...]
    told: tuple[int, ...] = ()


@dataclass(frozen=True)
class Claim:
    """One checkable statement of a backstory. ``id`` depends only on the character, the text and its position.

    ``line`` is the number of the line of the backstory that it comes from, and ``source`` its verbatim words there; 0
    and empty where they are unknown.
    """

    id: str
    character: str
    type: ClaimType
    time_scope: TimeScope
    stability: Stability
    text: str
    fact_type: FactType = "other"
    line: int = 0
    source: str = ""


def claim_id(number: int, text: str, *, character: str) -> str:
    """Return the id of a backstory's claim with this number, counted from 1; rules and LLM use the same ids."""
    digest = sha256(f"{character}\n{text}".encode(errors="surrogatepass")).hexdigest()[:8]
    return f"c{number}-{digest}"


@dataclass(frozen=True)
class Evidence:
    """A chunk retrieved for a claim, not judged yet. Ranks count from 1; distances are 1 - cosine."""

    claim_id: str
    chunk_index: int
    rank: int
    score: float
    lexical_score: float
    lexical_rank: int
    distance: float
    character_present: bool


@dataclass(frozen=True)
class Pair:
    """A claim judged against one chunk: the label, its probabilities, and the verbatim sentences that decided.

    ``decisive`` are the words that weighed most, where the judge can name them. ``paragraph`` counts from 1 in the
    chapter.
    """

    evidence: Evidence
    label: PairLabel
    probabilities: dict[PairLabel, float]
    quotation: str
    start: int
    end: int
    chapter: int
    decisive: tuple[Span, ...] = ()
    chapter_title: str = ""
    paragraph: int = 0


@dataclass(frozen=True)
class Difference:
    """The words of a contradicted claim that the novel has otherwise, and the verbatim words in their place.

    ``start`` and ``end`` are the range of ``found`` in ``Novel.text``; ``found`` is empty where no words stand out.
    """

    claimed: str
    found: str = ""
    start: int = 0
    end: int = 0

    @property
    def contrast(self) -> str:
        """Both words in a sentence, or those of the claim alone."""
        if not self.found:
            return f"What does not fit: “{self.claimed}”."
        return f"The claim says “{self.claimed}” where the book has “{' '.join(self.found.split())}”."


@dataclass(frozen=True)
class Check:
    """What one explicit check found: the words of the claim, and the verbatim words of the book compared with them.

    ``start`` and ``end`` are the range of ``passage`` in ``Novel.text``.
    """

    kind: CheckKind
    agrees: bool
    claimed: str
    passage: str
    chunk_index: int
    start: int
    end: int
    chapter: int


@dataclass(frozen=True)
class Waiver:
    """A finding that the author marked as intentional.

    It holds for a claim of the same character and words, as long as ``passage``, the quotation it was given for, is
    still in the novel; an empty passage always is. ``reason`` is in the author's words; ``kind`` is chosen from a list.
    ``before`` and ``after`` are the words around the passage, by which one of few words is recognised. Kind and words
    around are empty in files of earlier versions.
    """

    character: str
    claim: str
    reason: str
    passage: str = ""
    kind: WaiverKind | Literal[""] = ""
    before: str = ""
    after: str = ""

    def __str__(self) -> str:
        """Return the kind and the reason, each once."""
        return ": ".join(dict.fromkeys(filter(None, (self.kind, self.reason))))


@dataclass(frozen=True)
class LooseWaiver:
    """A waiver that no longer fits as it was given, for the author to look at; the claim counts meanwhile.

    Its passage is not in the novel any more, or its claim has other words now. ``quotation``, at ``start`` to ``end``
    of ``Novel.text``, is where the passage probably is now; it is empty where nothing is like it.
    """

    waiver: Waiver
    quotation: str = ""
    start: int = 0
    end: int = 0
    chapter: int = 0
    chapter_title: str = ""
    paragraph: int = 0


@dataclass(frozen=True)
class ClaimVerdict:
    """The verdict on one claim; ``probability`` is that of the claim being consistent with the novel.

    ``waiver`` is the author's reason where the claim is left out of the verdict on the backstory, else empty;
    ``waiver_kind`` is the kind of reason, where one was chosen. ``loose_waiver`` is one that no longer fits.
    ``checks`` are the explicit checks that fired, whether they agree with the claim or conflict with it.
    ``probabilities`` of the three labels sum to 1; a judge without them leaves them empty. ``difference`` is named for
    a contradicted claim, where the judge can.
    """

    claim: Claim
    label: ClaimLabel
    probability: float
    features: dict[str, float]
    pairs: tuple[Pair, ...]
    rationale: str
    waiver: str = ""
    checks: tuple[Check, ...] = ()
    waiver_kind: WaiverKind | Literal[""] = ""
    probabilities: dict[ClaimLabel, float] = field(default_factory=dict)
    difference: Difference | None = None
    loose_waiver: LooseWaiver | None = None

    @property
    def unsure(self) -> bool:
        """Whether the claim counts as not stated although support or contradiction is likelier than that."""
        return is_unsure(self.label, self.probabilities)


def is_unsure(label: ClaimLabel, chances: Mapping[ClaimLabel, float]) -> bool:
    """Return whether a label is not stated although the probabilities, where there are any, favour another."""
    return bool(chances) and label == "not_stated" and max(chances, key=lambda own: chances[own]) != label


@dataclass(frozen=True)
class Verdict:
    """The verdict on a backstory; ``probability`` is that of the backstory being consistent with the novel.

    ``told`` is the number of sentences of the novel that the character tells as "I".
    """

    novel: str
    character: str
    label: BackstoryLabel
    probability: float
    rationale: str
    claims: tuple[ClaimVerdict, ...]
    features: dict[str, float]
    notices: tuple[str, ...] = ()
    told: int = 0
