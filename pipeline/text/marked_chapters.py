"""Choose the chapters of a manuscript among the headings and the navigation that its file marks."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

from pipeline.formats.front_matter import FRONT_MATTER_LIMIT, is_front_matter
from pipeline.formats.manuscript import Manuscript, Mark, Section
from pipeline.records import Chapter, Span
from pipeline.text.chapters import find_chapters
from pipeline.text.headings import kind_of

_FEWEST = 2
_SHOWN = 6
_LONGEST_TITLE = 80
_SENTENCE_END = re.compile(r"[.!?…:;,][\"”’']?[^\S\n]*(?:\n|\Z)")
_TITLE_PAGE = 300
"""The most characters below the title of the whole: a name, a motto."""
_EXCERPT = re.compile(
    r"(?:an? )?(?:bonus |sneak )?(?:excerpt|extract|preview|peek|sample)(?: chapters?)?[: ](?:from|of|at)\b", re.I
)
_RIGHTS = re.compile(r"©|\(c\)\s*\d{4}|\bcopyright\b|\ball rights reserved\b|\bISBN\b|\bsmashwords\b", re.I)


def choose_chapters(manuscript: Manuscript, body: Span) -> tuple[Chapter, ...]:
    """Return the chapters of ``body``: those of each file of a folder, else those of the whole."""
    if not manuscript.sections:
        return _chapters_within(manuscript, body)
    chapters = [
        chapter
        for section in manuscript.sections
        if (span := _overlap(section.span, body))
        for chapter in _chapters_of_file(manuscript, section, span)
    ]
    return _tiled(chapters, body.end)


def story_body(manuscript: Manuscript, body: Span) -> tuple[Span, tuple[str, ...]]:
    """Return ``body`` without what surrounds the story, and notices of what was left out.

    Left out are marked parts whose titles are those of front matter, first and last, and a short page of rights that
    precedes the first marked chapter.
    """
    text, marks = manuscript.text, _within(manuscript.headings or manuscript.navigation or manuscript.set_apart, body)
    if not marks:
        return body, ()
    start, first = _after_front_matter(text, marks, body.start)
    end, last = _before_back_matter(marks, start, body.end)
    chapter = next((chapter.start for chapter in _chapters_within(manuscript, Span(start, end))), start)
    rights = 0 < chapter - start <= FRONT_MATTER_LIMIT and _RIGHTS.search(text, start, chapter) is not None
    start = chapter if rights else start
    left_out = [*first, *(["the page of rights before the first chapter"] if rights else []), *last]
    notices = (f"left out, as not part of the story: {', '.join(left_out)}",) if left_out else ()
    inner = text[start:end]
    return Span(start + len(inner) - len(inner.lstrip()), start + len(inner.rstrip())), notices


def _after_front_matter(text: str, marks: Sequence[Mark], start: int) -> tuple[int, list[str]]:
    """Return where the story begins, and the titles of what precedes it."""
    left_out = []
    for mark, following in pairwise(marks):
        if is_front_matter(mark.title) and following.start - start <= FRONT_MATTER_LIMIT:
            start = following.start
            left_out.append(mark.title)
        elif text[mark.end : following.start].strip():
            break
    return start, left_out


def _before_back_matter(marks: Sequence[Mark], start: int, end: int) -> tuple[int, list[str]]:
    """Return where the story ends, and the titles of what follows it, in order."""
    left_out: list[str] = []
    excerpt = next((mark for mark in marks if _EXCERPT.match(mark.title) and mark.start > (start + end) / 2), None)
    if excerpt:
        end, left_out = excerpt.start, [excerpt.title]
        marks = [mark for mark in marks if mark.start < end]
    for mark in reversed(marks):
        if mark.start <= start or end - mark.start > FRONT_MATTER_LIMIT or not is_front_matter(mark.title):
            break
        end = mark.start
        left_out.insert(0, mark.title)
    return end, left_out


def _chapters_of_file(manuscript: Manuscript, section: Section, span: Span) -> list[Chapter]:
    """Return the chapters of one file of a folder: those inside it, else the file itself."""
    inside = _chapters_within(manuscript, span)
    if scenes := _scenes_of(manuscript, span, inside):
        return [scenes]
    if not inside or (len(inside) < _FEWEST and manuscript.text[span.start : inside[0].start].strip()):
        opening = next(iter(_within(manuscript.headings, span)), None)
        titled = opening is not None and not manuscript.text[span.start : opening.start].strip()
        return [Chapter(0, opening.title if opening and titled else section.name, span.start, span.end)]
    if manuscript.text[span.start : inside[0].start].strip():
        return [Chapter(0, section.name, span.start, inside[0].start), *inside]
    return list(inside)


def _scenes_of(manuscript: Manuscript, span: Span, inside: Sequence[Chapter]) -> Chapter | None:
    """Return the one chapter of a file that begins with its title and has only scenes below it."""
    marks = _within(manuscript.headings, span)
    first = marks[0] if len(manuscript.sections) > 1 and marks else None
    if (
        first is None
        or not first.level
        or manuscript.text[span.start : first.start].strip()
        or kind_of(first.title) == "book"
    ):
        return None
    alone = [mark.level for mark in marks if mark.level <= first.level] == [first.level]
    numbered = any(kind_of(chapter.title) == "chapter" for chapter in inside if chapter.start != first.start)
    return Chapter(0, first.title, span.start, span.end) if alone and not numbered else None


def _chapters_within(manuscript: Manuscript, span: Span) -> tuple[Chapter, ...]:
    """Choose between navigation, headings, and headings found by their words, in this order.

    A source with fewer than two chapters, or only parts and books, gives way to one with at least twice as many whose
    titles say that they are chapters.
    """
    text = manuscript.text
    found = find_chapters(text, span)
    headings = _within(manuscript.headings, span)
    sources = [
        _chosen(text, _snapped(text, _within(manuscript.navigation, span), headings), span),
        _chosen(text, headings, span),
    ]
    for number, source in enumerate(sources):
        rivals = [*sources[number + 1 :], found]
        if len(source) >= _FEWEST and not any(_is_finer(rival, source) for rival in rivals):
            return source
    apart = _chosen(text, _titles(text, _within(manuscript.set_apart, span), span), span)
    return apart if len(found) < _FEWEST <= len(apart) else found


def guessed_titles(manuscript: Manuscript, chapters: Sequence[Chapter]) -> tuple[str, ...]:
    """Return a notice of the chapters whose titles are only set apart, not marked as headings, if there are any."""
    marked = {mark.start for mark in (*manuscript.headings, *manuscript.navigation)}
    apart = {(mark.start, mark.title) for mark in manuscript.set_apart if mark.start not in marked}
    guessed = [one.title for one in chapters if (one.start, one.title) in apart and kind_of(one.title) is None]
    if not guessed:
        return ()
    more = f" and {len(guessed) - _SHOWN} more" if len(guessed) > _SHOWN else ""
    return (
        f"no heading is marked in the file, so chapters begin at its short lines that are bold, centred, in capitals "
        f"or of a style for chapters: {', '.join(guessed[:_SHOWN])}{more}; if that is wrong, mark the headings as such",
    )


def _titles(text: str, marks: Sequence[Mark], span: Span) -> list[Mark]:
    """Return the lines set apart that may be titles, none where they are too many for that."""
    titles = [
        mark
        for mark in marks
        if len(mark.title) <= _LONGEST_TITLE
        and re.match(r"\W*[^\W_]", mark.title)
        and not re.search(r"[a-zß-ÿ][^A-ZÀ-Þ]*[.,;:]\Z|\A[a-zß-ÿ]", mark.title)
    ]
    paragraphs = len(re.findall(r"\n\s*\n", text[span.start : span.end])) + 1
    return titles if 2 * len(titles) <= paragraphs else []


def _is_finer(rival: Sequence[Chapter], source: Sequence[Chapter]) -> bool:
    parts = sum(kind_of(chapter.title) == "book" for chapter in source)
    chapters = sum(kind_of(chapter.title) in {"chapter", "named"} for chapter in rival)
    return len(rival) >= 2 * len(source) and (2 * chapters > len(rival) or 2 * parts > len(source))


def _snapped(text: str, entries: Sequence[Mark], headings: Sequence[Mark]) -> list[Mark]:
    """Put each entry of the navigation on the heading that is printed at its place, with the printed title."""
    snapped: list[Mark] = []
    for entry in entries:
        after = bisect_left(headings, entry.start, key=lambda heading: heading.start)
        near = [heading for heading in headings[max(after - 1, 0) : after + 1] if _touch(text, heading, entry)]
        printed = near[-1]._replace(level=entry.level) if near else entry
        if not snapped or snapped[-1].start < printed.start or snapped[-1].title != printed.title:
            snapped.append(printed)
    return snapped


def _touch(text: str, heading: Mark, entry: Mark) -> bool:
    """Return True if no words are between a heading and the place of an entry."""
    between = Span(heading.end, entry.start) if heading.start < entry.start else Span(entry.start, heading.start)
    return not text[between.start : between.end].strip()


def _chosen(text: str, marks: Sequence[Mark], span: Span) -> tuple[Chapter, ...]:
    """Return the chapters among marks: those of the first level whose parts are not mere containers of others.

    A heading that no text follows is a title page or a part, and no chapter. Marks of higher levels count if text
    follows them directly, as it follows a prologue between parts.
    """
    known = [mark for mark in marks if not is_front_matter(mark.title)]
    # Where the only style is that of the title of the whole, it is the chapters that have it.
    joined = _with_titles(text, [mark for mark in known if mark.level > 0] or known)
    level = _chapter_level(text, joined)
    chosen = [
        Chapter(0, mark.title, mark.start, span.end)
        for mark, stop in zip(joined, [*(mark.start for mark in joined[1:]), span.end], strict=False)
        if mark.level <= level and (text[mark.end : stop].strip() or _is_chapter(mark, level))
        if not _is_title_page(text, joined, mark, stop)
    ]
    return _tiled(chosen, span.end)


def _is_title_page(text: str, marks: Sequence[Mark], mark: Mark, stop: int) -> bool:
    """Return True for the first of at least three places with little text and no sentence: title, and who wrote it."""
    first = mark is marks[0] and len(marks) > _FEWEST and kind_of(mark.title) is None
    below = text[mark.end : stop].strip()
    return first and len(below) <= _TITLE_PAGE and _SENTENCE_END.search(below) is None


def _is_chapter(mark: Mark, level: int) -> bool:
    """Return True for a heading that is a chapter though its text begins with smaller parts, or is not written yet."""
    return mark.level == level and kind_of(mark.title) in {"chapter", "numeral", "named"}


def _with_titles(text: str, marks: Sequence[Mark]) -> list[Mark]:
    """Join a bare "Chapter 1" with the heading that follows it directly, its title."""
    joined: list[Mark] = []
    for mark in marks:
        before = joined[-1] if joined else None
        numbered = before is not None and kind_of(before.title) in {"chapter", "numeral"}
        if before and numbered and kind_of(mark.title) is None and not text[before.end : mark.start].strip():
            joined[-1] = before._replace(end=mark.end, title=f"{before.title} {mark.title}")
        else:
            joined.append(mark)
    return joined


def _chapter_level(text: str, marks: Sequence[Mark]) -> int:
    """Return the level of most "Chapter ..." headings, else the first of which most are followed by text."""
    levels = sorted({mark.level for mark in marks})
    named = [mark.level for mark in marks if kind_of(mark.title) == "chapter"]
    if len(named) >= _FEWEST:
        return max(levels, key=named.count)
    for level in levels[:-1]:
        followed = [
            bool(text[mark.end : after.start].strip()) for mark, after in pairwise(marks) if mark.level == level
        ]
        if len(followed) >= _FEWEST and 2 * sum(followed) > len(followed):
            return level
    return levels[-1] if levels else 0


def _tiled(chapters: Sequence[Chapter], end: int) -> tuple[Chapter, ...]:
    """Number the chapters and let each end where the next one starts."""
    ends = [chapter.start for chapter in chapters][1:] + [end] * bool(chapters)
    return tuple(
        replace(chapter, number=number, end=stop)
        for number, (chapter, stop) in enumerate(zip(chapters, ends, strict=True), start=1)
    )


def _within(marks: Sequence[Mark], span: Span) -> list[Mark]:
    return [mark for mark in marks if span.start <= mark.start and mark.end <= span.end and mark.start < span.end]


def _overlap(first: Span, second: Span) -> Span | None:
    start, end = max(first.start, second.start), min(first.end, second.end)
    return Span(start, end) if start < end else None
