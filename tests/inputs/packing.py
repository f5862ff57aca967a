"""Small EPUB, Word and OpenDocument files, written part by part with nothing of the library that reads them."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping

_DATE = (2026, 1, 1, 0, 0, 0)
_W = 'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"'
_OPEN = "urn:oasis:names:tc:opendocument:xmlns"
_ODF = (
    f'xmlns:office="{_OPEN}:office:1.0" xmlns:text="{_OPEN}:text:1.0" xmlns:style="{_OPEN}:style:1.0"'
    f' xmlns:fo="{_OPEN}:xsl-fo-compatible:1.0"'
)
_XML = '<?xml version="1.0" encoding="UTF-8"?>\n'
_PACKAGE = "http://schemas.openxmlformats.org/package/2006"
_OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"


def packed(files: Mapping[str, str | bytes]) -> bytes:
    """Return a zipped file that is the same bytes whenever it is made."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(zipfile.ZipInfo(name, _DATE), content)
    return out.getvalue()


def page(body: str, *, kind: str = "") -> str:
    """Return a page of an EPUB; ``kind`` is its ``epub:type``."""
    typed = f' epub:type="{kind}"' if kind else ""
    return (
        f'{_XML}<html xmlns="http://www.w3.org/1999/xhtml" xmlns:epub="http://www.idpf.org/2007/ops">'
        f"<head><title>Unread</title></head><body{typed}>{body}</body></html>"
    )


def epub(pages: Mapping[str, str], *, nav: str = "", ncx: str = "", spine: tuple[str, ...] = ()) -> bytes:
    """Return an EPUB of pages by file name; ``nav`` is the list of an EPUB 3, ``ncx`` the points of an EPUB 2."""
    order = spine or tuple(pages)
    items = "".join(f'<item id="{name}" href="{name}.xhtml" media-type="application/xhtml+xml"/>' for name in pages)
    items += '<item id="ncx" href="toc.ncx" media-type="application/x-dtbncx+xml"/>' if ncx else ""
    items += '<item id="nav" href="nav.xhtml" media-type="application/xhtml+xml" properties="nav"/>' if nav else ""
    package = (
        f'{_XML}<package xmlns="http://www.idpf.org/2007/opf" version="{"3.0" if nav else "2.0"}" '
        'unique-identifier="id"><metadata xmlns:dc="http://purl.org/dc/elements/1.1/">'
        '<dc:identifier id="id">lamp</dc:identifier><dc:title>The Lamp</dc:title><dc:language>en</dc:language>'
        f"</metadata><manifest>{items}</manifest><spine{' toc=' + chr(34) + 'ncx' + chr(34) if ncx else ''}>"
        + "".join(f'<itemref idref="{name}"/>' for name in order)
        + "</spine></package>"
    )
    files: dict[str, str | bytes] = {
        "mimetype": "application/epub+zip",
        "META-INF/container.xml": f'{_XML}<container xmlns="urn:oasis:names:tc:opendocument:xmlns:container" '
        'version="1.0"><rootfiles><rootfile full-path="OPS/package.opf" '
        'media-type="application/oebps-package+xml"/></rootfiles></container>',
        "OPS/package.opf": package,
    }
    files |= {f"OPS/{name}.xhtml": content for name, content in pages.items()}
    if nav:
        files["OPS/nav.xhtml"] = page(f'<nav epub:type="toc"><ol>{nav}</ol></nav>')
    if ncx:
        files["OPS/toc.ncx"] = (
            f'{_XML}<ncx xmlns="http://www.daisy.org/z3986/2005/ncx/" version="2005-1"><head/>'
            f"<docTitle><text>The Lamp</text></docTitle><navMap>{ncx}</navMap></ncx>"
        )
    return packed(files)


def nav_entry(title: str, place: str) -> str:
    """Return an entry of the navigation of an EPUB 3."""
    return f'<li><a href="{place}">{title}</a></li>'


def ncx_point(title: str, place: str, inside: str = "") -> str:
    """Return a point of an NCX, with the points inside it."""
    return (
        f'<navPoint id="{place}" playOrder="1"><navLabel><text>{title}</text>'
        f'</navLabel><content src="{place}"/>{inside}</navPoint>'
    )


def docx(body: str, *, styles: str = "", notes: str = "") -> bytes:
    """Return a Word document; ``styles`` and ``notes`` are what their parts hold."""
    parts = {"document": ("main", f"<w:document {_W}><w:body>{body}</w:body></w:document>")}
    if styles:
        parts["styles"] = ("styles", f"<w:styles {_W}>{styles}</w:styles>")
    if notes:
        parts["footnotes"] = ("footnotes", f"<w:footnotes {_W}>{notes}</w:footnotes>")
    kinds = "application/vnd.openxmlformats-officedocument.wordprocessingml"
    overrides = "".join(
        f'<Override PartName="/word/{name}.xml" ContentType="{kinds}.'
        f'{"document.main" if name == "document" else name}+xml"/>'
        for name in parts
    )
    relations = "".join(
        f'<Relationship Id="r{number}" Type="{_OFFICE}/{name}" Target="{name}.xml"/>'
        for number, name in enumerate(list(parts)[1:], start=1)
    )
    files: dict[str, str | bytes] = {
        "[Content_Types].xml": f'{_XML}<Types xmlns="{_PACKAGE}/content-types"><Default Extension="rels" '
        f'ContentType="application/vnd.openxmlformats-package.relationships+xml"/>{overrides}</Types>',
        "_rels/.rels": f'{_XML}<Relationships xmlns="{_PACKAGE}/relationships"><Relationship Id="r0" '
        f'Type="{_OFFICE}/officeDocument" Target="word/document.xml"/></Relationships>',
        "word/_rels/document.xml.rels": f'{_XML}<Relationships xmlns="{_PACKAGE}/relationships">{relations}'
        "</Relationships>",
    }
    return packed(files | {f"word/{name}.xml": _XML + content for name, (_, content) in parts.items()})


def word_paragraph(words: str, *, style: str = "", settings: str = "") -> str:
    """Return a paragraph of a Word document; ``words`` that are elements stay as they are."""
    named = f'<w:pStyle w:val="{style}"/>' if style else ""
    runs = words if words.startswith("<") else word_run(words)
    return f"<w:p><w:pPr>{named}{settings}</w:pPr>{runs}</w:p>"


def word_run(words: str, *, tag: str = "t") -> str:
    """Return a run of words."""
    return f'<w:r><w:{tag} xml:space="preserve">{words}</w:{tag}></w:r>'


def word_style(id: str, name: str, *, based_on: str = "") -> str:
    """Return a paragraph style of a Word document."""
    base = f'<w:basedOn w:val="{based_on}"/>' if based_on else ""
    return f'<w:style w:type="paragraph" w:styleId="{id}"><w:name w:val="{name}"/>{base}</w:style>'


def odt(body: str, *, styles: str = "") -> bytes:
    """Return an OpenDocument text; ``styles`` are its automatic ones."""
    content = (
        f"{_XML}<office:document-content {_ODF}><office:automatic-styles>{styles}</office:automatic-styles>"
        f"<office:body><office:text>{body}"
        "</office:text></office:body></office:document-content>"
    )
    return packed({"mimetype": "application/vnd.oasis.opendocument.text", "content.xml": content})
