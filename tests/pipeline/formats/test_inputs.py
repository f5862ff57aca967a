"""Small files of each kind, read as novels: their chapters, their words, and what the user is told."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.cli import main
from pipeline.errors import NovelError
from pipeline.text.novels import load_novel, novel_from
from tests.inputs.make_formats import BOAT, FOLDER, LAMP, STORM, all_files
from tests.pipeline.command_line import refused, run

INPUTS = Path(__file__).resolve().parents[3] / "docs" / "inputs.md"
TWO = ("The Lighthouse", "The Storm")
APART = "no heading is marked in the file, so chapters begin at its short lines that are bold, centred, in capitals"
BOTH = f"The Lighthouse\n\n{LAMP}\n\nThe Storm\n\n{STORM}"

APART_FILES = BOTH.replace("\n\nThe S", "\n\n\nThe S")


class Read(NamedTuple):
    """What a file becomes: the titles of its chapters, its body where that is all of it, and parts of its notices."""

    chapters: tuple[str, ...] = TWO
    body: str = BOTH
    notices: tuple[str, ...] = ()


OUTCOMES = {
    "plain.txt": Read(
        ("Chapter 1. The Lighthouse", "Chapter 2. The Storm"),
        f"Chapter 1. The Lighthouse\n\n{LAMP}\n\nChapter 2. The Storm\n\n{STORM}",
    ),
    "titled.md": Read(),
    "parts.md": Read(
        ("Prologue", "The Lighthouse", "The Storm", "The Boat"),
        f"The Lamp\n\nPrologue\n\n{BOAT}\n\nPart One\n\n{BOTH}\n\nPart Two\n\nThe Boat\n\n{BOAT}",
    ),
    "scenes.md": Read(
        ("Chapter 1 Dover", "Chapter 2 Dover"),
        f"Chapter 1\n\nDover\n\n{LAMP}\n\nCalais\n\n{BOAT}\n\nChapter 2\n\nDover\n\n{STORM}",
    ),
    "obsidian.md": Read(
        body="The Lighthouse\n\nAda Merrow lit the lamp at dusk.\n\nAda kept the log.\n\nThe Storm\n\n" + STORM
    ),
    "prose that looks like marks.md": Read(
        body="The Lighthouse\n\nAda Merrow lit the lamp at dusk.\n\n1815. Ada was born that year.\n\n- Come in, said "
        f"Ada Merrow.\n\nShe barred the door.\n\n* * *\n\nMorning came.\n\nThe Storm\n\n{STORM}"
    ),
    "footnotes.md": Read(
        body=f"The Lighthouse\n\nAda Merrow lit the lamp at dusk.\n\nThe Storm\n\n{STORM}\n\nAn oil lamp."
    ),
    "contents first.md": Read(notices=("left out, as not part of the story: Contents, About the Author",)),
    "titled.html": Read(),
    "initials.html": Read(
        ("One", "Two"),
        "One\n\nAda Merrow lit the lamp.\n\nThe wind came.\n\nI was late. I was cold.\n\nA man was at the door. No man "
        f"knew him.\n\nNobody spoke.\n\nTwo\n\n{STORM}",
    ),
    "marks.html": Read(
        body="The Lighthouse\n\nAda Merrow came in on the 1st of May. The room was 9 m2, no more.\n\nShe sat down.\n\n"
        f"The Storm\n\n{STORM}"
    ),
    "soft hyphens.html": Read(
        body=f"The Lighthouse\n\nAda Merrow lit the lamp. She is well-known.\n\nThe Storm\n\n{STORM}",
        notices=("left out of the file: passages that it marks as deleted",),
    ),
    "declared latin-1.html": Read(("Café", "Hôtel"), "Café\n\nZoé Dantès sat down.\n\nHôtel\n\nZoé Dantès rose."),
    "linked numbers.html": Read(("1", "2"), f"1\n\n{LAMP}\n\n* * *\n\n{BOAT}\n\n2\n\n{STORM}"),
    "navigation alone.epub": Read(body=f"{LAMP}\n\n\n{STORM}"),
    "headings and navigation.epub": Read(body=BOTH.replace("\n\nThe S", "\n\n\nThe S")),
    "headings alone.epub": Read(body=BOTH.replace("\n\nThe S", "\n\n\nThe S")),
    "old with parts.epub": Read(body=f"{LAMP}\n\n\n{STORM}"),
    "anchors.epub": Read(body=f"{LAMP}\n\n{BOAT}\n\n{STORM}"),
    "front matter.epub": Read(
        body="At dusk.\n\n\n" + BOTH.replace("\n\nThe S", "\n\n\nThe S"),
        notices=("left out of the EPUB: title page, half-title page, imprint, dedication, contents, copyright page",),
    ),
    "gutenberg.epub": Read(),
    "headings.docx": Read(body=f"The Lamp\n\n{BOTH}"),
    "own heading style.docx": Read(),
    "outline level.docx": Read(),
    "no styles.docx": Read(
        ("Chapter 1", "Chapter 2", "Chapter 3"),
        f"Chapter 1\n\n{LAMP}\n\nChapter 2\n\n{STORM}\n\nChapter 3\n\n{BOAT}",
    ),
    "tracked changes.docx": Read(
        (),
        f"The Lighthouse\n\nAda Merrow lit the lamp at dusk.\n\n{BOAT}",
        ("tracked changes (1 insertion, 1 deletion): it is read as if all were accepted",),
    ),
    "initial and note.docx": Read((), f"Ada Merrow lit the lamp. It smoked.\n\n{BOAT}\n\nAn oil lamp."),
    "rights first.docx": Read(notices=("the page of rights before the first chapter",)),
    "headings.odt": Read(),
    "marks.odt": Read(body=f"The Lighthouse\n\nAda Merrow came in. She sat.\n\nThe keeper.\n\nThe Storm\n\n{STORM}"),
    "tracked changes.odt": Read(notices=("tracked changes (1 deletion)",)),
    "sections.fb2": Read(
        (*TWO, "Notes"), f"The Lamp\n\n\nThe Lighthouse\n\n{LAMP}\n\n\nThe Storm\n\n{STORM}\n\n\nNotes\n\n\nAt six."
    ),
    "declared code page.fb2": Read(("Café", "Hôtel"), "Café\n\nZoé Dantès sat down.\n\n\nHôtel\n\nZoé Dantès rose."),
    "zipped.fb2.zip": Read(body=f"The Lamp\n\n\nThe Lighthouse\n\n{LAMP}\n\n\nThe Storm\n\n{STORM}"),
    "numbered": Read(("1 - The Lighthouse", "2 - The Storm", "10 - The Boat"), f"{LAMP}\n\n\n{STORM}\n\n\n{BOAT}"),
    "numbered.zip": Read(("1 - The Lighthouse", "2 - The Storm", "10 - The Boat"), f"{LAMP}\n\n\n{STORM}\n\n\n{BOAT}"),
    "spelled": Read(
        ("Prologue", "Chapter One", "Chapter Two", "Epilogue"), f"{BOAT}\n\n\n{LAMP}\n\n\n{STORM}\n\n\n{BOAT}"
    ),
    "listed": Read(
        ("The Light", "The Storm"),
        f"The Light\n\n{LAMP}\n\n\n{STORM}",
        ("not in contents.txt, and so left out: Abandoned.md",),
    ),
    "longform": Read(body=f"{LAMP}\n\n\n{STORM}"),
    "titles": Read(
        body=f"{LAMP}\n\n\n{STORM}",
        notices=("read from the .md files; of another format, and so left out: whole.txt", "the order of the chapters"),
    ),
    "nested": Read(("1 Lamp", "2 Storm", "1 Boat"), f"{LAMP}\n\n\n{STORM}\n\n\n{BOAT}"),
    "separators of paragraphs.txt": Read(
        ("Chapter 1", "Chapter 2"), f"Chapter 1\n\n{LAMP}\n\nChapter 2\n\n{STORM}\n{BOAT}"
    ),
    "rule first.md": Read((), f"{LAMP}\n\n{BOAT}\n\n* * *\n\n{STORM}"),
    "toml front matter.md": Read(),
    "no space after signs.md": Read(),
    "title page.md": Read(body=f"The Lamp\n\nby Clara Voss\n\n{BOTH}"),
    "bold titles.md": Read(body=f"{BOTH}\n\nAda said nothing.", notices=(APART,)),
    "callouts and attributes.md": Read(body=f"{BOTH} Very cold.", notices=("left out of the file: callouts",)),
    "described initials.html": Read(
        ("One", "Two"),
        f"One\n\nAda Merrow lit the lamp.\n\n“Tell me,” he said.\n\nWind came.\n\nTwo\n\n{STORM}",
    ),
    "letters as marks.html": Read(
        body=f"The Lighthouse\n\nAda Merrow came with Mr Hale on the 2nd. She sat.\n\nThe Storm\n\n{STORM}",
        notices=("left out of the file: hidden passages",),
    ),
    "unclosed headings.html": Read(),
    "classes for titles.html": Read(notices=(APART,)),
    "old web page.html": Read(notices=(APART,)),
    "split chapters.epub": Read(body=f"The Lighthouse\n\n{LAMP}\n\n\n{BOAT}\n\n\nThe Storm\n\n{STORM}"),
    "offers at the end.epub": Read(
        body=APART_FILES,
        notices=("left out of the EPUB: Thank you", "not part of the story: An excerpt from The Boat"),
    ),
    "rights called by the title.epub": Read(body=APART_FILES, notices=("left out of the EPUB: page of rights",)),
    "missing part.epub": Read(body=APART_FILES, notices=("the EPUB lists parts that are not in it: three",)),
    "bold titles.docx": Read(notices=(APART,)),
    "centred titles.docx": Read(notices=(APART,)),
    "style without level.docx": Read(notices=(APART,)),
    "titles in the style of the title.docx": Read(),
    "joined paragraphs.docx": Read(
        body=f"{BOTH}\n\nAda Merrow lit the lamp.", notices=("tracked changes (1 deletion)",)
    ),
    "hidden words.docx": Read(body=f"{BOTH}\n\n{BOAT}", notices=("left out of the file: hidden passages",)),
    "comment.docx": Read(body=f"{BOTH}\n\n{BOAT}"),
    "bold titles.odt": Read(notices=(APART,)),
    "links without a type.fb2": Read(body=APART_FILES),
    "keywords": Read(("chapter1", "chapter2", "chapter10"), f"{LAMP}\n\n\n{STORM}\n\n\n{BOAT}"),
    "roman": Read(("IV", "V", "IX"), f"{LAMP}\n\n\n{STORM}\n\n\n{BOAT}"),
    "vault": Read(body=APART_FILES, notices=("not those of chapters: Characters/Clara Voss.md",)),
    "scrivener": Read(
        ("01 Lamp/01 Scene", "02 Storm/01 Scene"),
        f"{LAMP}\n\n\n{STORM}",
        ("not those of chapters: 01 Lamp/01 Scene Synopsis.txt, 02 Storm/01 Scene Notes.txt",),
    ),
    "open in word": Read(("1", "2"), f"{LAMP}\n\n\n{STORM}"),
    "two formats": Read(("1", "2", "3"), f"{LAMP}\n\n\n{STORM}\n\n\n{BOAT}"),
    "scenes in files": Read(
        body=f"The Lighthouse\n\nDusk\n\n{LAMP}\n\nNight\n\n{BOAT}\n\n\nThe Storm\n\nWind\n\n{STORM}"
    ),
    "front and back": Read(
        ("01 The Lighthouse", "02 The Storm"),
        f"{LAMP}\n\n\n{STORM}",
        ("not those of chapters: 00 Copyright.md, 99 About the Author.md",),
    ),
}
REFUSED = {
    "page called plain.txt": "is a web page (HTML), not plain text: let its name end with .html",
    "portable document called plain.txt": "is a PDF, not plain text: save it as .docx",
    "book called document.docx": "is an EPUB, not .docx: let its name end with .epub",
    "old office file called new.docx": "is an old or password-protected Office file",
    "commands for print.tex": "for .tex, export it as .docx or .md",
    "protected.epub": "is protected (DRM), and its pages cannot be read",
    "rich.rtf": "export it as .docx or .odt",
    "rich text called plain.txt": "is rich text (RTF), not plain text",
    "not one.epub": "cannot be read as EPUB",
    "misspelt contents": "contents.txt in {path} lists 'The Strom', which is not there; correct the name",
}


@pytest.mark.parametrize("name", OUTCOMES)
def test_file_of_each_kind_becomes_its_novel(name: str) -> None:
    novel, expected = load_novel(FOLDER / name), OUTCOMES[name]
    assert novel.text[novel.body.start : novel.body.end] == expected.body
    assert tuple(chapter.title for chapter in novel.chapters) == expected.chapters
    assert len(novel.notices) == len(expected.notices)
    for notice, part in zip(novel.notices, expected.notices, strict=True):
        assert part in notice


@pytest.mark.parametrize("name", OUTCOMES)
def test_each_kind_goes_through_the_command_line(name: str) -> None:
    said = run(main, "characters", FOLDER / name, "--spacy_model", "rules")
    assert said.status == 0 and any(line.startswith(("Ada", "Zoé Dantès")) for line in said.out)
    assert len([line for line in said.err if line.startswith("note: ")]) == len(OUTCOMES[name].notices)


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_not_read_is_refused_with_a_remedy(name: str) -> None:
    path = FOLDER / name
    part = REFUSED[name].format(path=path)
    with pytest.raises(NovelError) as error:
        load_novel(path)
    assert part in str(error.value)
    assert part in refused(main, "characters", path)


def test_files_are_those_that_the_script_makes_and_the_page_lists() -> None:
    made = all_files()
    written = {path.relative_to(FOLDER).as_posix(): path for path in FOLDER.rglob("*") if path.is_file()}
    assert written.keys() == made.keys()
    assert [name for name, path in written.items() if path.read_bytes() != made[name]] == []
    listed = {name for name in {*OUTCOMES, *REFUSED} if f"| `{name}` |" in INPUTS.read_text(encoding="utf-8")}
    assert {name.split("/")[0] for name in made} == {*OUTCOMES, *REFUSED} == listed


@settings(max_examples=300, deadline=None)
@given(
    name=st.sampled_from(sorted(all_files())),
    cut=st.floats(0, 1),
    damage=st.binary(max_size=6),
    length=st.integers(0, 40),
)
def test_damaged_file_is_read_or_refused_in_one_line(name: str, cut: float, damage: bytes, length: int) -> None:
    data = all_files()[name]
    place = int(cut * len(data))
    try:
        novel = novel_from(data[:place] + damage + data[place + length :], Path(name))
    except NovelError as error:
        assert "\n" not in str(error)
    else:
        assert all(novel.body.start <= chapter.start <= chapter.end <= novel.body.end for chapter in novel.chapters)
