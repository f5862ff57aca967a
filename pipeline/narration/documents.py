"""Letters with a signature, and chapters or diaries whose heading names their writer or teller."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice, pairwise
from typing import NamedTuple

from pipeline.narration.first_person import OFTEN, rate_between
from pipeline.narration.quotations import Quotations
from pipeline.records import Novel, Span
from pipeline.text.names import parse_name
from pipeline.text.printed_names import PRINTED_NAME, clean_name

_LONGEST_LETTER = 60_000
_LONGEST_HEADING = 120
_LEAST_RATE = 10.0
"""First-person words in a thousand words of narration that a letter needs."""
_GREETING = re.compile(
    r"(?:(?<=\n\n)|(?<=\n \n))[^\S\n]*_?(?:(?:My|MY)\s+(?:own\s+|very\s+)?)?"
    r"(?:(?:[Dd]ear(?:est)?|DEAR(?:EST)?|[Bb]eloved|[Hh]onou?red|[Rr]espected)\b[^\n.!?]{0,50}?_?[,:;!—-]"
    r"|(?:Sir|SIR|Madam|MADAM|Gentlemen|GENTLEMEN)_?[,:;—-])"
)
_FAREWELL = re.compile(
    r"\b(?:yours?|affectionate(?:ly)?|affect|faithful(?:ly)?|sincerely|truly|farewell|adieu|god bless|believe me|remain"
    r"|love|good-?night|good-?bye|servant|respectfully|obedient|devoted|regards|wishes|signed)\b",
    re.IGNORECASE,
)
_CALLED_LETTER = re.compile(r"\bletter\b", re.IGNORECASE)
_FAREWELL_REACH = 160
_SIGNATURE = re.compile(
    rf"(?:^|(?<=[,—.])|(?<=--))[^\S\n]*_?(?P<name>{PRINTED_NAME}|[A-ZÀ-Þ]{{3,}}(?:[^\S\n]+(?:[A-ZÀ-Þ]\.|[A-ZÀ-Þ]{{2,}})){{0,3}})"
    r"[.!,]?_?[^\S\n]*$",
    re.MULTILINE,
)
_CAPITALS = r"[A-ZÀ-Þ][A-ZÀ-Þ.'’]+(?:\s+[A-ZÀ-Þ][A-ZÀ-Þ.'’]*){0,3}"
_OWNER = rf"(?P<name>{PRINTED_NAME}|{_CAPITALS})"
_DOCUMENT = r"(?i:diary|journal|narrative|statement|manuscript|log-?book|memoirs?|memorandum|deposition|testimony)"
_TOLD_BY = (
    r"(?i:told|related|continued|begun|resumed|written|narrated|recorded|kept|contributed|communicated|taken\s+up"
    r"|set\s+down)\s+(?i:by)"
)
_HEADINGS = (
    re.compile(rf"\b(?:(?i:the)\s+)?{_OWNER}(?:['’][Ss]?)\s+(?:\w+\s+){{0,2}}{_DOCUMENT}\b"),
    re.compile(rf"\b{_TOLD_BY}\s+(?P<the>(?i:the)\s+)?{_OWNER}"),
    re.compile(rf"\b{_DOCUMENT},?\s+(?i:of|from|by)\s+(?P<the>(?i:the)\s+)?{_OWNER}"),
)
_FROM_TO = re.compile(
    rf"\W*(?P<sure>(?:(?i:letter)\W+)?)(?:(?i:from)\s+)?{_OWNER}\s*,?\s+(?i:to)\s+(?:(?i:the)\s+)?(?P<to>{PRINTED_NAME}|{_CAPITALS})\W*"
)
"""The heading of a letter: "Miss Howe to Miss Harlowe", which without "letter" may be any title."""
_FEWEST_LETTERS = 3
_MOST_QUOTED = 0.7
_NUMBER = re.compile(r"\A(?:(?:chapter|part|book)\s+)?(?:[\dIVXLC]+|[a-z]+(?=[.:]))?\s*[.:—–-]*\s*", re.IGNORECASE)
_BARE = re.compile(rf"{_OWNER}\.?(?:\s*[,(:–—-][^\n]{{0,40}})?")
_PARAGRAPH = re.compile(r"(?:(?<=\n\n)|\A)(?=\S)[^\n]{1,120}(?=\n[^\S\n]*\n)")


class Document(NamedTuple):
    """A range of the novel with the name of who writes or tells it, as printed."""

    span: Span
    name: str


def find_letters(novel: Novel, quotations: Quotations, offsets: Sequence[int]) -> tuple[Document, ...]:
    """Return the letters outside quotations, from greeting to signature; one without a signature is left out.

    A chapter that is called a letter needs no greeting.
    """
    greetings = [
        match.start()
        for match in _GREETING.finditer(novel.text, *novel.body)
        if not quotations.covers(match.end() - len(match.group().lstrip()))
    ]
    chapters = (chapter.start for chapter in novel.chapters if _CALLED_LETTER.search(chapter.title))
    greetings = sorted({*greetings, *chapters})
    letters = []
    for start, following in pairwise([*greetings, novel.body.end]):
        end = min(following, start + _LONGEST_LETTER, _chapter_end(novel, start))
        signed = _signature(novel.text, Span(start, end), quotations)
        if signed and rate_between(novel.text, signed.span, quotations, offsets) >= _LEAST_RATE:
            letters.append(signed)
    return tuple(letters)


def find_headed(novel: Novel, quotations: Quotations, offsets: Sequence[int]) -> tuple[Document, ...]:
    """Return the chapters and parts of chapters whose heading names who writes or tells them."""
    titles = [novel.heading_of(chapter) for chapter in novel.chapters]
    lines = {
        start: line
        for start, line in _short_lines(novel, quotations)
        if _looks_like_heading(line) and not any(title.start <= start < title.end for title in titles)
    }
    lines |= {chapter.start: _NUMBER.sub("", chapter.title) for chapter in novel.chapters}
    correspondents = _correspondents(lines.values())
    found = ((start, _owner(line, correspondents)) for start, line in sorted(lines.items()))
    headings = [(start, name) for start, name in found if name is not None]
    ends = [*(start for start, _ in headings[1:]), novel.body.end]
    documents = (
        Document(Span(start, min(end, _chapter_end(novel, start))), name)
        for (start, name), end in zip(headings, ends, strict=False)
    )
    # A document whose owner is no name ("Narrative of the Trader") is nobody's, but it is not the narrator's either.
    return tuple(one for one in documents if _is_told(novel.text, one.span, quotations, offsets))


def named_chapters(novel: Novel) -> tuple[Document, ...]:
    """Return the chapters where (nearly) every title is a person's name, perhaps with a date, and some names recur."""
    found = []
    for chapter in novel.chapters:
        match = _BARE.fullmatch(_NUMBER.sub("", chapter.title))
        name = clean_name(match["name"]) if match else ""
        if name and not _is_place(novel, name):
            found.append(Document(Span(chapter.start, chapter.end), name))
    distinct = {document.name for document in found}
    enough = len(found) >= 0.8 * len(novel.chapters) and 2 <= len(distinct) < len(found)
    return tuple(found) if enough else ()


def _is_place(novel: Novel, name: str) -> bool:
    """Return True if the text goes to or is in what has this name more often than not: "London", "Paris"."""
    text = novel.text[novel.body.start : novel.body.end]
    word = re.escape(parse_name(name).words[-1].title())
    titles = sum(re.search(rf"\b{word}\b", chapter.title) is not None for chapter in novel.chapters)
    mentions = len(re.findall(rf"\b{word}\b", text)) - titles
    return (
        2 * len(re.findall(rf"\b(?:in|into|at|to|from|near|of|for|through|towards?)\s+{word}\b", text)) > mentions > 0
    )


def _signature(text: str, span: Span, quotations: Quotations) -> Document | None:
    """Return the letter that the first signature in ``span`` ends: a name that ends a line, after a farewell."""
    for match in _SIGNATURE.finditer(text, *span):
        name = clean_name(match["name"])
        near = text[max(span.start, match.start("name") - _FAREWELL_REACH) : match.start("name")]
        # In a line the farewell is in the same sentence: "Good-night.—Your daughter, Elizabeth."
        near = re.split(r"\n\s*\n", near.rstrip())[-1] if near.endswith("\n") else near.rpartition(".")[2]
        if name and _FAREWELL.search(near) and _occurs_twice(text, name) and not quotations.covers(match.start("name")):
            return Document(Span(span.start, match.end()), name)
    return None


def _occurs_twice(text: str, name: str) -> bool:
    """Return True if a word of a name is elsewhere in the text too, as that of a person of the novel is."""
    words = "|".join(re.escape(form) for word in parse_name(name).words for form in (word.title(), word.upper()))
    return sum(1 for _ in islice(re.finditer(rf"(?<![^\W_])(?:{words})(?![^\W_])", text), 2)) == 2


def _short_lines(novel: Novel, quotations: Quotations) -> Iterator[tuple[int, str]]:
    """Yield the short paragraphs of one line outside quotations."""
    for match in _PARAGRAPH.finditer(novel.text, *novel.body):
        if not quotations.covers(match.start()):
            yield match.start(), match.group().strip(" _*[]")


def _looks_like_heading(line: str) -> bool:
    """Return True if most words of a line have capitals, as in a heading."""
    words = re.findall(r"[^\W\d_]{4,}", line)
    return bool(words) and sum(word[0].isupper() for word in words) >= 0.7 * len(words)


def _is_told(text: str, span: Span, quotations: Quotations, offsets: Sequence[int]) -> bool:
    """Return True if a range is in the first person, and most of it is not what somebody says."""
    quoted = sum(min(one.end, span.end) - max(one.start, span.start) for one in quotations.between(*span))
    often = rate_between(text, span, quotations, offsets) >= OFTEN
    return often and quoted <= _MOST_QUOTED * (span.end - span.start)


def _correspondents(lines: Iterable[str]) -> frozenset[str]:
    """Return the names that recur in headings such as "Miss Howe to Miss Harlowe"; "Forced to Retreat" has none."""
    letters = [match for line in lines if (match := _FROM_TO.fullmatch(line))]
    count = Counter(clean_name(match[side]) for match in letters for side in ("name", "to"))
    return frozenset(name for name, times in count.items() if name and times > 1 and len(letters) >= _FEWEST_LETTERS)


def _owner(heading: str, correspondents: frozenset[str]) -> str | None:
    """Return the person that a heading names as its writer or teller, empty if it names no name, None if no heading."""
    letter = _FROM_TO.fullmatch(heading)
    writer = clean_name(letter["name"]) if letter else ""
    if letter and writer and (letter["sure"] or {writer, clean_name(letter["to"])} <= correspondents):
        return writer
    match = next((match for known in _HEADINGS if (match := known.search(heading))), None)
    if match is None:
        return None
    name = clean_name(re.sub(r"['’]S?\Z", "", match["name"]))
    return "" if match.groupdict().get("the") and not parse_name(name or "x").title else name


def _chapter_end(novel: Novel, offset: int) -> int:
    number = novel.chapter_at(offset)
    if number == 0:
        return novel.chapters[0].start if novel.chapters else novel.body.end
    return novel.chapters[number - 1].end
