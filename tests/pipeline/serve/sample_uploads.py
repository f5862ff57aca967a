"""Manuscripts of each kind, made by the libraries and formats themselves."""

from __future__ import annotations

import io
import zipfile
from xml.sax.saxutils import escape

from fast_ebook import epub
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from tests.pipeline.little_story import TEXT

TYPES = (
    '<?xml version="1.0" encoding="UTF-8"?><Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">'
    '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
    '<Override PartName="/word/document.xml" ContentType='
    '"application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml"/></Types>'
)
RELATIONS = (
    '<?xml version="1.0" encoding="UTF-8"?>'
    '<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="r1" '
    'Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument" '
    'Target="word/document.xml"/></Relationships>'
)


def paragraphs_of(text: str) -> list[str]:
    """Return the paragraphs of a plain text, each on one line."""
    return [" ".join(part.split()) for part in text.split("\n\n") if part.strip()]


def make_epub(text: str = TEXT) -> bytes:
    """Return an EPUB whose chapters begin with a heading each, with a page of contents before them."""
    book = epub.EpubBook()
    book.set_identifier("low-water")
    book.set_title("Low Water")
    book.set_language("en")
    spine: list[object] = ["nav"]
    for number, part in enumerate(text.split("Chapter ")[1:], start=1):
        heading, *rest = paragraphs_of(part)
        body = "".join(f"<p>{escape(words)}</p>" for words in rest)
        source = f"<html><head><title>hidden</title></head><body><h2>Chapter {escape(heading)}</h2>{body}</body></html>"
        chapter = epub.EpubHtml(title=heading, file_name=f"c{number}.xhtml", content=source)
        book.add_item(chapter)
        spine.append(chapter)
    book.add_item(epub.EpubNcx())
    book.add_item(epub.EpubNav())
    book.spine = spine
    out = io.BytesIO()
    epub.write_epub(out, book)
    return out.getvalue()


def make_docx(text: str = TEXT) -> bytes:
    """Return a Word document of plain paragraphs."""
    space = 'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"'
    body = "".join(f"<w:p><w:r><w:t>{escape(words)}</w:t></w:r></w:p>" for words in paragraphs_of(text))
    document = f'<?xml version="1.0" encoding="UTF-8"?><w:document {space}><w:body>{body}</w:body></w:document>'
    return make_zip({"[Content_Types].xml": TYPES, "_rels/.rels": RELATIONS, "word/document.xml": document})


def make_zip(files: dict[str, str]) -> bytes:
    """Return an archive of these files."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, source in files.items():
            archive.writestr(name, source)
    return out.getvalue()


def upload(client: FlaskClient, data: bytes, name: str, **more: str) -> TestResponse:
    """Upload a manuscript; return the response."""
    return client.post("/novels", data={"file": (io.BytesIO(data), name), **more})
