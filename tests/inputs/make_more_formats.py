"""Make the files of ``tests/inputs/formats`` that are near the kinds of ``make_formats``: wrong, worn or in between."""

from __future__ import annotations

from tests.inputs.packing import (
    docx,
    epub,
    nav_entry,
    odt,
    packed,
    page,
    word_paragraph,
    word_run,
    word_style,
)

Files = dict[str, str | bytes]


def more_files(lamp: str, storm: str, boat: str) -> Files:
    """Return the files by their paths; the words are the paragraphs of the story."""
    makers = (_wrong_names, _markdown, _pages, _epubs, _word, _open_documents, _fiction_books, _folders)
    return {name: content for make in makers for name, content in make(lamp, storm, boat).items()}


def _wrong_names(lamp: str, storm: str, boat: str) -> Files:
    return {
        "page called plain.txt": f"<!DOCTYPE html><html><body><h2>The Lighthouse</h2><p>{lamp}</p></body></html>",
        "portable document called plain.txt": "%PDF-1.7\n1 0 obj\n<< /Title (Ada Merrow) >>\nendobj\n",
        "book called document.docx": epub({"one": page(f"<p>{lamp}</p>")}),
        "old office file called new.docx": b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(504),
        "commands for print.tex": f"\\chapter{{The Lighthouse}}\n\n{lamp}\n",
        "separators of paragraphs.txt": f"Chapter 1\u2029{lamp}\u2029Chapter 2\u2029{storm}\u2028{boat}\n",
    }


def _markdown(lamp: str, storm: str, boat: str) -> Files:
    return {
        "rule first.md": f"---\n\n{lamp}\n\n{boat}\n\n---\n\n{storm}\n",
        "toml front matter.md": '+++\ntitle = "The Lamp"\n+++\n\n'
        f"# The Lighthouse\n\n{lamp}\n\n# The Storm\n\n{storm}\n",
        "no space after signs.md": f"#The Lighthouse\n\n{lamp}\n\n#The Storm\n\n{storm}\n",
        "title page.md": f"# The Lamp\n\n*by Clara Voss*\n\n## The Lighthouse\n\n{lamp}\n\n## The Storm\n\n{storm}\n",
        "bold titles.md": f"**The Lighthouse**\n\n{lamp}\n\n**The Storm**\n\n{storm}\n\n**Ada** said nothing.\n",
        "callouts and attributes.md": "# The Lighthouse {#one .unnumbered}\n\n> [!note] Clara Voss\n"
        "> wants it shorter\n\n"
        f"{lamp} #draft\n\n# The Storm\n\n{storm} ~~Very~~ cold.\n",
    }


def _pages(lamp: str, storm: str, boat: str) -> Files:
    initials = (
        '<p><img src="a.png" alt="Letter A"/>da Merrow lit the lamp.</p>'
        '<p><img src="t.png" alt="“T"/>ell me,” he said.</p>'
        '<p><img src="w.png" alt="Decorated initial W"/>ind came.</p>'
    )
    marks = (
        '<p>Ada Merrow<sup>1,2</sup> came<sup><a href="#n">a</a></sup> with M<sup>r</sup> Hale on the 2<sup>nd</sup>. '
        '<span style="display:none">Clara Voss</span>She sat.</p>'
    )
    return {
        "described initials.html": f"<body><h1>One</h1>{initials}<h1>Two</h1><p>{storm}</p></body>",
        "letters as marks.html": f"<body><h1>The Lighthouse</h1>{marks}<h1>The Storm</h1><p>{storm}</p></body>",
        "unclosed headings.html": f"<body><h2>The Lighthouse<p>{lamp}<h2>The Storm<p>{storm}</body>",
        "classes for titles.html": f'<body><p class="chapter-title">The Lighthouse</p><p>{lamp}</p>'
        f'<p class="chapter-title">The Storm</p><p>{storm}</p></body>',
        "old web page.html": f"<body><p align=center>The Lighthouse</p><p>{lamp}</p>"
        f"<p align=center>The Storm</p><p>{storm}</p></body>",
    }


def _epubs(lamp: str, storm: str, boat: str) -> Files:
    listed = nav_entry("The Lighthouse", "one.xhtml") + nav_entry("The Storm", "two.xhtml")
    two = {"one": page(f"<h2>The Lighthouse</h2><p>{lamp}</p>"), "two": page(f"<h2>The Storm</h2><p>{storm}</p>")}
    back = {
        "thanks": page("<h2>Thank you for reading!</h2><p>Clara Voss has a newsletter.</p>"),
        "excerpt": page("<h2>An excerpt from The Boat</h2><p>Clara Voss sailed.</p>"),
    }
    split = {"one": two["one"], "more": page(f"<p>{boat}</p>"), "two": two["two"]}
    encryption = (
        '<encryption xmlns="urn:oasis:names:tc:opendocument:xmlns:container"><EncryptedData><CipherData>'
        '<CipherReference URI="OPS/one.xhtml"/></CipherData></EncryptedData></encryption>'
    )
    rights = {"rights": page("<h1>The Lamp</h1><p>Copyright 2026 Clara Voss. All rights reserved.</p>"), **two}
    return {
        "split chapters.epub": epub(split, nav=listed),
        "offers at the end.epub": epub(
            two | back, nav=listed + nav_entry("Thank you", "thanks.xhtml") + nav_entry("Excerpt", "excerpt.xhtml")
        ),
        "rights called by the title.epub": epub(rights, nav=nav_entry("The Lamp", "rights.xhtml") + listed),
        "missing part.epub": epub(two, nav=listed, spine=("one", "two", "three")),
        "protected.epub": packed({"META-INF/container.xml": "<container/>", "META-INF/encryption.xml": encryption}),
    }


def _word(lamp: str, storm: str, boat: str) -> Files:
    def titled(title: str = "", settings: str = "", run: str = "") -> str:
        def line(words: str) -> str:
            shown = f"<w:r><w:rPr>{run}</w:rPr><w:t>{words}</w:t></w:r>" if run else words
            return word_paragraph(shown, style=title, settings=settings)

        return line("The Lighthouse") + word_paragraph(lamp) + line("The Storm") + word_paragraph(storm)

    styled = word_style("Heading1", "heading 1")
    deleted = '<w:rPr><w:del w:id="1" w:author="Editor"/></w:rPr>'
    joined = word_paragraph("Ada Merrow lit", settings=deleted) + word_paragraph(" the lamp.")
    hidden = word_paragraph(
        "<w:r><w:rPr><w:vanish/></w:rPr><w:t>Clara Voss wants it shorter.</w:t></w:r>" + word_run(boat)
    )
    comment = word_paragraph('<w:commentRangeStart w:id="0"/>' + word_run(boat) + '<w:commentRangeEnd w:id="0"/>')
    return {
        "bold titles.docx": docx(titled(run="<w:b/>")),
        "centred titles.docx": docx(titled(settings='<w:jc w:val="center"/>')),
        "style without level.docx": docx(titled("ChapterTitle"), styles=word_style("ChapterTitle", "Chapter Title")),
        "titles in the style of the title.docx": docx(titled("Title"), styles=word_style("Title", "Title")),
        "joined paragraphs.docx": docx(titled("Heading1") + joined, styles=styled),
        "hidden words.docx": docx(titled("Heading1") + hidden, styles=styled),
        "comment.docx": docx(titled("Heading1") + comment, styles=styled),
    }


def _open_documents(lamp: str, storm: str, boat: str) -> Files:
    def line(title: str) -> str:
        return f'<text:p><text:span text:style-name="T1">{title}</text:span></text:p>'

    bold = (
        '<style:style style:name="T1" style:family="text"><style:text-properties fo:font-weight="bold"/></style:style>'
    )
    body = f"{line('The Lighthouse')}<text:p>{lamp}</text:p>{line('The Storm')}<text:p>{storm}</text:p>"
    return {"bold titles.odt": odt(body, styles=bold)}


def _fiction_books(lamp: str, storm: str, boat: str) -> Files:
    def section(title: str, words: str) -> str:
        return f"<section><title><p>{title}</p></title><p>{words}</p></section>"

    linked = lamp.replace("dusk.", 'dusk<a l:href="#n"><sup>2</sup></a>.')
    body = f"<body>{section('The Lighthouse', linked)}{section('The Storm', storm)}</body>"
    space = 'xmlns="http://www.gribuser.ru/xml/fictionbook/2.0" xmlns:l="http://www.w3.org/1999/xlink"'
    return {
        "links without a type.fb2": f'<?xml version="1.0" encoding="utf-8"?><FictionBook {space}>{body}</FictionBook>'
    }


def _folders(lamp: str, storm: str, boat: str) -> Files:
    folders: dict[str, Files] = {
        "keywords": {"chapter1.md": lamp, "chapter2.md": storm, "chapter10.md": boat},
        "roman": {"IX.txt": boat, "V.txt": storm, "IV.txt": lamp},
        "vault": {
            "Chapters/1.md": f"# The Lighthouse\n\n{lamp}",
            "Chapters/2.md": f"# The Storm\n\n{storm}",
            "Characters/Clara Voss.md": "Clara Voss is 34.",
        },
        "scrivener": {
            "01 Lamp/01 Scene.txt": lamp,
            "01 Lamp/01 Scene Synopsis.txt": "Clara Voss lights it.",
            "02 Storm/01 Scene.txt": storm,
            "02 Storm/01 Scene Notes.txt": "Clara Voss wants it shorter.",
        },
        "open in word": {
            "1.docx": docx(word_paragraph(lamp)),
            "2.docx": docx(word_paragraph(storm)),
            "~$1.docx": b"\x0bClara Voss" + bytes(40),
        },
        "two formats": {"1.md": lamp, "2.docx": docx(word_paragraph(storm)), "3.md": boat},
        "scenes in files": {
            "1.md": f"# The Lighthouse\n\n## Dusk\n\n{lamp}\n\n## Night\n\n{boat}",
            "2.md": f"# The Storm\n\n## Wind\n\n{storm}",
        },
        "front and back": {
            "00 Copyright.md": "Copyright 2026 Clara Voss",
            "01 The Lighthouse.md": lamp,
            "02 The Storm.md": storm,
            "99 About the Author.md": "Clara Voss keeps bees.",
        },
    }
    return {f"{folder}/{name}": content for folder, files in folders.items() for name, content in files.items()}
