"""Recognise what a book holds besides its story, by the titles that publishers and stores give it."""

from __future__ import annotations

import re
from collections.abc import Iterable

from pipeline.language.word_lists import word_set

FRONT_MATTER_LIMIT = 10_000
"""The most characters that a part may have to be left out by its title."""
_TITLES = """
about the author, about the authors, about the publisher, about this book, about this ebook, acknowledgements,
acknowledgments, also by, also by the author, books by the author, colophon, contents, copyright,
copyright and credits, copyright notice, copyright page, cover, cover page, credits, dedication, half title,
half title page, halftitle page, imprint, licence, license, license notes, list of illustrations, newsletter,
other books, other books by the author, page list, praise, publication details, series page, table of contents,
the full project gutenberg license, title page, titlepage, transcribers note, uncopyright, thank you,
thank you for reading, thanks for reading, before you go, about the type,
a note on the type, connect with the author, discussion questions, reading group guide, reading group questions,
coming soon, keep in touch, stay in touch, leave a review, mailing list, join my mailing list, smashwords edition
"""
_KNOWN = frozenset(" ".join(title.split()) for title in _TITLES.split(","))
_BEGINNINGS = re.compile(
    r"(?:also (?:available )?by|(?:more |other )?(?:books|titles|novels) by|praise for|more from|copyright \d{4}"
    r"|connect with|discover more|sign up (?:for|to)|join (?:my|our|the)|smashwords edition"
    r"|thank you for (?:buying|reading)|don ?t miss) "
)
_TYPES = word_set(
    "acknowledgments colophon contributors copyright-page cover dedication halftitlepage imprimatur imprint index "
    "landmarks loa loi lot lov other-credits page-list pagelist titlepage toc"
)
_WORDS = {"titlepage": "title page", "halftitlepage": "half-title page", "toc": "contents", "loi": "illustrations"}


def front_matter_type(types: Iterable[str]) -> str:
    """Return what a part is if its type in an EPUB or its role say that it is not the story, else nothing."""
    found = sorted(_TYPES & {word.lower().removeprefix("doc-") for word in types})
    return _WORDS.get(found[0], found[0].replace("-", " ")) if found else ""


def is_front_matter(title: str) -> bool:
    """Return True for the title of a part that is not the story: contents, copyright, dedication and their like."""
    words = " ".join(re.sub(r"[™®©]|[^\w\s]", "", title).casefold().split())
    return words in _KNOWN or _BEGINNINGS.match(words) is not None
