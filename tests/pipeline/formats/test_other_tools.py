"""The bundled story as pandoc and LibreOffice write it: the words and chapters are those of the plain text."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from pipeline.config import ROOT
from pipeline.records import Novel
from pipeline.text.novels import load_novel

STORY = ROOT / "novels" / "The Unlit Hour.txt"
FORMATS = {
    "epub2": ".epub",
    "epub3": ".epub",
    "docx": ".docx",
    "odt": ".odt",
    "fb2": ".fb2",
    "html": ".html",
    "markdown-smart": ".md",
}
_CHAPTER = re.compile(r"^Chapter \d+\. ", re.M)

WRITTEN = sorted((ROOT / "tests" / "inputs" / "other_programs").glob("libreoffice_*"))


def _paragraphs(text: str) -> list[str]:
    return [" ".join(part.split()) for part in re.split(r"\n\s*\n", text) if part.strip()]


def _story(novel: Novel) -> list[str]:
    """Return the paragraphs from the first chapter on."""
    return _paragraphs(novel.text[novel.chapters[0].start : novel.body.end])


def _write(folder: Path, kind: str, heading: str) -> Path:
    """Write the story in a format, with ``heading`` for the number of a chapter."""
    _, words = STORY.read_text(encoding="utf-8").split("\n", 1)
    source = _CHAPTER.sub(heading, re.sub(r"^(\d+)\.", r"\1\\.", words, flags=re.M))
    path = folder / f"The Unlit Hour{FORMATS[kind]}"
    contents = [] if kind.startswith("markdown") else ["--toc"]
    words_of = ["pandoc", "-f", "markdown-smart", "-t", kind, "-s", "--metadata", "title=The Unlit Hour", *contents]
    subprocess.run([*words_of, "-o", str(path)], input=source.encode(), check=True, capture_output=True)
    return path


@pytest.mark.skipif(shutil.which("pandoc") is None, reason="pandoc is not installed")
@pytest.mark.parametrize("numbered", [True, False], ids=["numbered", "titled"])
@pytest.mark.parametrize("kind", FORMATS)
def test_story_of_pandoc_is_the_plain_one(tmp_path: Path, kind: str, numbered: bool) -> None:
    _compare(load_novel(_write(tmp_path, kind, r"# \g<0>" if numbered else "# ")), numbered=numbered)


@pytest.mark.parametrize("path", WRITTEN, ids=[path.name for path in WRITTEN])
def test_story_of_libreoffice_is_the_plain_one(path: Path) -> None:
    novel = load_novel(path)
    assert novel.notices == ()
    _compare(novel, numbered="numbered" in path.name)


def _compare(novel: Novel, *, numbered: bool) -> None:
    plain = load_novel(STORY)
    titles = [chapter.title for chapter in plain.chapters]
    wanted = _story(plain)
    if not numbered:
        short = {title: _CHAPTER.sub("", title) for title in titles}
        titles, wanted = list(short.values()), [short.get(part, part) for part in wanted]
    assert [chapter.title for chapter in novel.chapters] == titles
    assert _story(novel) == wanted
    for chapter in novel.chapters:
        start, end = novel.heading_of(chapter)
        assert novel.text[start:end] == chapter.title
