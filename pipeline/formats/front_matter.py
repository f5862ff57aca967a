"""Recognise what a book holds besides its story, by the titles that publishers and stores give it."""

from __future__ import annotations

import re

_TITLES = """
about the author, about the authors, about the publisher, about this book, about this ebook, acknowledgements,
acknowledgments, also by, also by the author, books by the author, colophon, contents, copyright,
copyright and credits, copyright notice, copyright page, cover, cover page, credits, dedication, half title,
half title page, halftitle page, imprint, licence, license, license notes, list of illustrations, newsletter,
other books, other books by the author, page list, praise, publication details, series page, table of contents,
the full project gutenberg license, title page, titlepage, transcribers note, uncopyright
"""
_KNOWN = frozenset(" ".join(title.split()) for title in _TITLES.split(","))
_BEGINNINGS = re.compile(r"(?:also by|books by|other books by|other titles by|praise for|more from|copyright \d{4}) ")


def is_front_matter(title: str) -> bool:
    """Return True for the title of a part that is not the story: contents, copyright, dedication and their like."""
    words = " ".join(re.sub(r"[™®©]|[^\w\s]", "", title).casefold().split())
    return words in _KNOWN or _BEGINNINGS.match(words) is not None
