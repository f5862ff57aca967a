"""Make the files of ``tests/inputs/formats``: ``python -m tests.inputs.make_formats``; each run gives the same bytes.

Each file is of one kind of manuscript that people have, and tells a few lines of one story.
"""

from __future__ import annotations

from pathlib import Path

from tests.inputs.make_more_formats import more_files
from tests.inputs.packing import (
    docx,
    epub,
    nav_entry,
    ncx_point,
    odt,
    packed,
    page,
    word_paragraph,
    word_run,
    word_style,
)

FOLDER = Path(__file__).parent / "formats"
LAMP = "Ada Merrow lit the lamp at dusk. Ada Merrow kept the log in blue ink."
STORM = "The wind came from the west. Ada Merrow barred the door against it."
BOAT = "In March the boat returned. Ada Merrow counted eleven men on the quay."
_HEADINGS = word_style("Heading1", "heading 1")


def _paragraphs(*words: str) -> str:
    return "".join(f"<p>{part}</p>" for part in words)


def _html(body: str) -> str:
    return f"<!DOCTYPE html><html><head><meta charset='utf-8'><title>Unread</title></head><body>{body}</body></html>"


def _plain() -> dict[str, str | bytes]:
    return {
        "plain.txt": f"Chapter 1. The Lighthouse\n\n{LAMP}\n\nChapter 2. The Storm\n\n{STORM}\n",
        "rich.rtf": r"{\rtf1\ansi Ada Merrow lit the lamp.}",
        "rich text called plain.txt": r"{\rtf1\ansi Ada Merrow lit the lamp.}",
    }


def _markdown() -> dict[str, str | bytes]:
    return {
        "titled.md": f"# The Lighthouse\n\n{LAMP}\n\n# The Storm\n\n{STORM}\n",
        "parts.md": f"# The Lamp\n\n# Prologue\n\n{BOAT}\n\n# Part One\n\n## The Lighthouse\n\n{LAMP}\n\n"
        f"## The Storm\n\n{STORM}\n\n# Part Two\n\n## The Boat\n\n{BOAT}\n",
        "scenes.md": f"# Chapter 1\n\n## Dover\n\n{LAMP}\n\n## Calais\n\n{BOAT}\n\n"
        f"# Chapter 2\n\n## Dover\n\n{STORM}\n",
        "obsidian.md": "---\ntags: [draft, novel]\nstatus: second draft\n---\n# The Lighthouse\n\n[[Ada Merrow]] lit "
        "the ==lamp== at dusk. %%check the hour%%\n\n[[ada-merrow|Ada]] kept the log. ^log-line\n\n![[map.png]]\n\n"
        f"# The Storm\n\n{STORM}\n",
        "prose that looks like marks.md": "# The Lighthouse\n\n    Ada Merrow lit *the lamp* at dusk.\n\n1815. Ada was "
        "born that year.\n\n- Come in, said Ada Merrow.\n\nShe barred the door.\n---\nMorning came.\n\n"
        f"The Storm\n---------\n\n{STORM}\n",
        "footnotes.md": "# The Lighthouse\n\nAda Merrow lit the lamp[^1] at dusk.\n\n[^1]: An oil lamp.\n\n"
        f"# The Storm\n\n{STORM}\n",
        "contents first.md": f"# Contents\n\n[The Lighthouse](#a)\n\n[The Storm](#b)\n\n# The Lighthouse\n\n{LAMP}\n\n"
        f"# The Storm\n\n{STORM}\n\n# About the Author\n\nThe author keeps bees.\n",
    }


def _pages() -> dict[str, str | bytes]:
    initials = (
        '<p><img src="a.png" alt="A"/>da Merrow lit the lamp.</p>'
        '<div class="initial"><img src="t.png" alt="T"></div><p>he wind came.</p>'
        '<p><img src="i.png" alt="I"/> was late. I was cold.</p><p><img src="n.png" alt="A"/>\nman was at the door. No '
        'man knew him.</p><p><span class="dropcap">N</span>obody spoke.</p>'
    )
    marks = (
        '<p>Ada Merrow<sup>1</sup> came in<a href="#n2"><sup>[2]</sup></a> on the 1<sup>st</sup> of May'
        '<a href="#n3">*</a>. <span class="pagenum">[Pg 12]</span>The room was 9 m<sup>2</sup>, no more.</p>'
        '<p>She sat <a id="p13" role="doc-pagebreak">13</a>down.</p>'
    )
    return {
        "titled.html": _html(f"<h2>The Lighthouse</h2><p>{LAMP}</p><h2>The Storm</h2><p>{STORM}</p>"),
        "initials.html": _html(f"<h1>One</h1>{initials}<h1>Two</h1><p>{STORM}</p>"),
        "marks.html": _html(f"<h1>The Lighthouse</h1>{marks}<h1>The Storm</h1><p>{STORM}</p>"),
        "soft hyphens.html": _html(
            "<h1>The Light&shy;house</h1><p>Ada Mer&shy;row lit the lamp. She is well-&#8203;known.</p>"
            f"<h1>The Storm</h1><p>{STORM} <del>She slept.</del></p>"
        ),
        "declared latin-1.html": "<html><head><meta charset=iso-8859-1></head><body><h1>Café</h1><p>Zoé Dantès sat "
        "down.<h1>Hôtel</h1><p>Zoé Dantès rose.</body></html>".encode("latin-1"),
        "linked numbers.html": _html(
            f'<h2><a href="#toc">1</a></h2><p>{LAMP}</p><hr/><p>{BOAT}</p><h2><a href="#toc">2</a></h2><p>{STORM}</p>'
        ),
    }


def _epubs() -> dict[str, str | bytes]:
    two = {"one": page(_paragraphs(LAMP)), "two": page(_paragraphs(STORM))}
    headed = {"one": page(f"<h2>The Lighthouse</h2><p>{LAMP}</p>"), "two": page(f"<h2>The Storm</h2><p>{STORM}</p>")}
    listed = nav_entry("The Lighthouse", "one.xhtml") + nav_entry("The Storm", "two.xhtml")
    front = {
        "title": page("<section epub:type='titlepage'><h1>The Lamp</h1><p>By Nobody Known</p></section>"),
        "both": page("<section epub:type='halftitlepage'><p>The Lamp</p></section><p>At dusk.</p>"),
        "imprint": page("<p>This ebook is the product of many hours.</p>", kind="frontmatter imprint"),
        "dedication": page("<p>For Clara Voss</p>", kind="frontmatter dedication"),
        "contents": page(
            "".join(f'<p><a href="{name}.xhtml">{title}</a></p>' for name, title in (("one", "The Lighthouse"),) * 3)
        ),
        **headed,
        "uncopyright": page("<h2>Uncopyright</h2><p>May you do good.</p>", kind="backmatter copyright-page"),
    }
    gutenberg = page(
        "<p>The Project Gutenberg eBook of The Lamp</p><div>*** START OF THE PROJECT GUTENBERG EBOOK THE LAMP ***</div>"
        f"<h2>The Lighthouse</h2><p>{LAMP}</p><h2>The Storm</h2><p>{STORM}</p>"
        "<div>*** END OF THE PROJECT GUTENBERG EBOOK THE LAMP ***</div><h2>THE FULL PROJECT GUTENBERG LICENSE</h2>"
        "<p>Clara Voss may redistribute it.</p>"
    )
    anchors = page(f'<p id="a">{LAMP}</p><p>{BOAT}</p><p><a id="b"></a>{STORM}</p>')
    inside = ncx_point("The Lighthouse", "one.xhtml") + ncx_point("The Storm", "two.xhtml")
    return {
        "navigation alone.epub": epub(two, nav=listed),
        "headings and navigation.epub": epub(headed, nav=listed),
        "headings alone.epub": epub(headed, nav=nav_entry("Start", "one.xhtml")),
        "old with parts.epub": epub(two, ncx=ncx_point("Part One", "one.xhtml", inside)),
        "anchors.epub": epub(
            {"all": anchors}, nav=nav_entry("The Lighthouse", "all.xhtml#a") + nav_entry("The Storm", "all.xhtml#b")
        ),
        "front matter.epub": epub(front, nav=listed),
        "gutenberg.epub": epub({"all": gutenberg}, nav=nav_entry("The Lamp", "all.xhtml")),
        "not one.epub": "This is no archive.",
    }


def _word() -> dict[str, str | bytes]:
    def titled(style: str, settings: str = "") -> str:
        return (
            word_paragraph("The Lighthouse", style=style, settings=settings)
            + word_paragraph(LAMP)
            + word_paragraph("The Storm", style=style, settings=settings)
            + word_paragraph(STORM)
        )

    change = 'w:id="1" w:author="Editor" w:date="2026-01-01T00:00:00Z"'
    tracked = word_paragraph(
        word_run("Ada Merrow lit the ")
        + f"<w:del {change}>{word_run('candle', tag='delText')}</w:del><w:ins {change}>{word_run('lamp')}</w:ins>"
        + word_run(" at dusk.")
    )
    initial = word_paragraph("A", settings='<w:framePr w:dropCap="drop" w:lines="3"/>') + word_paragraph(
        word_run("da Merrow lit the lamp.") + '<w:r><w:footnoteReference w:id="2"/></w:r>' + word_run(" It smoked.")
    )
    note = f'<w:footnote w:id="2">{word_paragraph("An oil lamp.")}</w:footnote>'
    rights = word_paragraph("The Lamp") + word_paragraph("Copyright 2026 Clara Voss. All rights reserved.")
    title = word_style("Title", "Title")
    return {
        "headings.docx": docx(word_paragraph("The Lamp", style="Title") + titled("Heading1"), styles=_HEADINGS + title),
        "own heading style.docx": docx(
            titled("ChapterHead"), styles=_HEADINGS + word_style("ChapterHead", "Chapter Head", based_on="Heading1")
        ),
        "outline level.docx": docx(titled("", '<w:outlineLvl w:val="0"/>')),
        "no styles.docx": docx(
            "".join(map(word_paragraph, ("Chapter 1", LAMP, "Chapter 2", STORM, "Chapter 3", BOAT)))
        ),
        "tracked changes.docx": docx(
            word_paragraph("The Lighthouse", style="Heading1") + tracked + word_paragraph(BOAT), styles=_HEADINGS
        ),
        "initial and note.docx": docx(initial + word_paragraph(BOAT), notes=note),
        "rights first.docx": docx(rights + titled("Heading1"), styles=_HEADINGS),
    }


def _open_documents() -> dict[str, str | bytes]:
    def titled(first: str) -> str:
        heading = '<text:h text:outline-level="1">'
        return f"{heading}The Lighthouse</text:h>{first}{heading}The Storm</text:h><text:p>{STORM}</text:p>"

    marks = (
        "<text:p>Ada Merrow<text:note><text:note-citation>1</text:note-citation><text:note-body><text:p>The keeper."
        "</text:p></text:note-body></text:note> came<text:s/>in. <text:page-number>7</text:page-number>She "
        "sat.</text:p>"
    )
    region = (
        "<text:tracked-changes><text:changed-region><text:deletion><text:p>candle</text:p></text:deletion>"
        "</text:changed-region></text:tracked-changes>"
    )
    return {
        "headings.odt": odt(titled(f"<text:p>{LAMP}</text:p>")),
        "marks.odt": odt(titled(marks)),
        "tracked changes.odt": odt(region + titled(f"<text:p>{LAMP}</text:p>")),
    }


def _fiction_books() -> dict[str, str | bytes]:
    def section(title: str, words: str) -> str:
        return f"<section><title><p>{title}</p></title><p>{words}</p></section>"

    def book(inside: str, encoding: str) -> bytes:
        source = (
            f'<?xml version="1.0" encoding="{encoding}"?><FictionBook '
            'xmlns="http://www.gribuser.ru/xml/fictionbook/2.0" xmlns:l="http://www.w3.org/1999/xlink"><description>'
            f"<title-info><book-title>Unread</book-title></title-info></description>{inside}</FictionBook>"
        )
        return source.encode(encoding)

    lamp = section("The Lighthouse", LAMP.replace("dusk.", 'dusk<a l:href="#n" type="note">[1]</a>.'))
    story = f"<body><title><p>The Lamp</p></title>{lamp}{section('The Storm', STORM)}</body>"
    notes = '<body name="notes"><title><p>Notes</p></title><section id="n"><p>At six.</p></section></body>'
    cafe = f"<body>{section('Café', 'Zoé Dantès sat down.')}{section('Hôtel', 'Zoé Dantès rose.')}</body>"
    return {
        "sections.fb2": book(story + notes, "utf-8"),
        "declared code page.fb2": book(cafe, "windows-1252"),
        "zipped.fb2.zip": packed({"lamp.fb2": book(story, "utf-8")}),
    }


def _folders() -> dict[str, str | bytes]:
    numbered = {
        "2 - The Storm.md": STORM,
        "1 - The Lighthouse.md": LAMP,
        "10 - The Boat.md": BOAT,
        "Notes.md": "Clara Voss wants it shorter.",
    }
    spelled = {"Chapter Two.txt": STORM, "Chapter One.txt": LAMP, "Epilogue.txt": BOAT, "Prologue.txt": BOAT}
    listed = {
        "contents.txt": "# The Lamp\nThe Lighthouse\nThe Storm.md\n",
        "The Storm.md": STORM,
        "The Lighthouse.md": f"# The Light\n\n{LAMP}",
        "Abandoned.md": "Clara Voss left.",
    }
    longform = {
        "Index.md": "---\nlongform:\n  format: scenes\n  title: The Lamp\n  scenes:\n    - The Lighthouse\n"
        "    - - The Storm\n"
        "  ignoredFiles: []\n---\n",
        "The Storm.md": STORM,
        "The Lighthouse.md": LAMP,
    }
    titles = {"The Storm.md": STORM, "The Lighthouse.md": LAMP, "whole.txt": "Clara Voss once more."}
    nested = {"Part 1/2 Storm.md": STORM, "Part 1/1 Lamp.md": LAMP, "Part 2/1 Boat.md": BOAT}
    broken = {"contents.txt": "The Lighthouse\nThe Strom\n", "The Lighthouse.md": LAMP, "The Storm.md": STORM}
    folders = {
        "numbered": numbered,
        "spelled": spelled,
        "listed": listed,
        "longform": longform,
        "titles": titles,
        "nested": nested,
        "misspelt contents": broken,
    }
    junk = {"Lamp/.DS_Store": "junk", "__MACOSX/Lamp/._1.md": "junk"}
    zipped = {f"Lamp/{name}": text for name, text in numbered.items()}
    files: dict[str, str | bytes] = {
        f"{folder}/{name}": text for folder, parts in folders.items() for name, text in parts.items()
    }
    return files | {"numbered.zip": packed(zipped | junk)}


def all_files() -> dict[str, bytes]:
    """Return the files by their paths."""
    groups: tuple[dict[str, str | bytes], ...] = (
        _plain(),
        _markdown(),
        _pages(),
        _epubs(),
        _word(),
        _open_documents(),
        _fiction_books(),
        _folders(),
    )
    groups += (more_files(LAMP, STORM, BOAT),)
    return {
        name: content.encode() if isinstance(content, str) else content
        for group in groups
        for name, content in group.items()
    }


def main() -> None:
    """Write the files."""
    for name, content in all_files().items():
        path = FOLDER / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


if __name__ == "__main__":
    main()
