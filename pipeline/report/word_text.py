"""The text of a Word document with the runs that hold it, and runs cut so that a range of text is whole runs."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator
from copy import deepcopy
from itertools import accumulate

from docx.oxml.ns import qn
from docx.oxml.text.run import CT_R
from docx.oxml.xmlchemy import BaseOxmlElement

_SPACE = re.compile("[\\s\x00-\x1f\u00ad\u200b\ud800-\udfff\ufffe\uffff]+")
_HYPHENS = str.maketrans("\u2010\u2011", "--")
_LIVING_RUNS = ".//w:r[not(ancestor::w:del or ancestor::w:moveFrom)]"
_T, _PROPERTIES = qn("w:t"), qn("w:rPr")
_ONE_CHARACTER = {qn("w:tab"): "\t", qn("w:br"): "\n", qn("w:cr"): "\n", qn("w:noBreakHyphen"): "-"}


def squeeze(text: str) -> str:
    """Return a text without what differs between a novel and its document: white space, and the form of hyphens."""
    return _SPACE.sub("", text).translate(_HYPHENS)


class WordText:
    """The runs of a document's body in order, without those of tracked deletions, and their squeezed text."""

    def __init__(self, body: BaseOxmlElement) -> None:
        self._runs: list[CT_R] = body.xpath(_LIVING_RUNS)
        pieces = [squeeze(_text(run)) for run in self._runs]
        self.squeezed = "".join(pieces)
        self._starts = list(accumulate(map(len, pieces), initial=0))[: len(pieces)]

    def cut(self, start: int, end: int) -> list[CT_R]:
        """Return the runs that hold exactly a range of the squeezed text, after cutting those at its ends."""
        first = self._cut(start, keep_space=True)
        last = self._cut(end, keep_space=False) if end < len(self.squeezed) else len(self._runs)
        return [run for run in self._runs[first:last] if _text(run)]

    def _cut(self, place: int, *, keep_space: bool) -> int:
        """Cut the run that holds ``place``, and return the number of the run that begins there.

        White space there stays with what comes before, or else goes with what follows.
        """
        number = bisect_right(self._starts, place) - 1
        run, skip = self._runs[number], place - self._starts[number]
        at = _raw_place(_text(run), skip, keep_space=keep_space)
        if at == 0:
            return number
        rest = deepcopy(run)
        run.addnext(rest)
        _trim(run, range(at))
        _trim(rest, range(at, len(_text(rest)) + 1))
        self._runs.insert(number + 1, rest)
        self._starts.insert(number + 1, place)
        return number + 1


def _raw_place(text: str, squeezed: int, *, keep_space: bool) -> int:
    """Return the place in ``text`` after so many of its squeezed characters, and after the white space there or not."""
    at = 0
    for _ in range(squeezed):
        at += _blank(text, at) + 1
    return at + _blank(text, at) if keep_space else at


def _blank(text: str, at: int) -> int:
    blank = _SPACE.match(text, at)
    return len(blank[0]) if blank else 0


def _text(run: CT_R) -> str:
    return "".join(_text_of(child) for child in run)


def _text_of(child: BaseOxmlElement) -> str:
    return child.text or "" if child.tag == _T else _ONE_CHARACTER.get(child.tag, "")


def _trim(run: CT_R, kept: range) -> None:
    """Remove what is not in a range of the run's text; what has no text, such as a picture, has the place it is at."""
    for place, child in list(_placed(run)):
        if child.tag == _T:
            words = child.text or ""
            child.text = words[max(kept.start - place, 0) : max(kept.stop - place, 0)]
            child.set(qn("xml:space"), "preserve")
        if (child.tag == _T and not child.text) or (child.tag != _T and place not in kept):
            run.remove(child)


def _placed(run: CT_R) -> Iterator[tuple[int, BaseOxmlElement]]:
    place = 0
    for child in run:
        if child.tag != _PROPERTIES:
            yield place, child
            place += len(_text_of(child))
