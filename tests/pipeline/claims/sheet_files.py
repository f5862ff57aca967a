"""The sheets of ``tests/inputs/sheets``, one a kind, and the same in Word and OpenDocument, made here.

``python -m tests.pipeline.claims.sheet_files`` writes ``expected.json`` anew; read the difference.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

from pipeline.claims.extract import read_claims
from pipeline.claims.files import decode_backstory
from pipeline.claims.people import part_of, read_parts, unassigned
from pipeline.claims.sheet import SheetText
from tests.pipeline.claims.claim_texts import NLP
from tests.pipeline.serve.sample_uploads import RELATIONS, TYPES, make_zip

FOLDER = Path(__file__).resolve().parents[2] / "inputs" / "sheets"
EXPECTED = FOLDER / "expected.json"
ADA = "Ada Merrow"
PEOPLE = (ADA, "Ben Hale")
Rows = list[list[str]]

_WORD = 'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"'
_ODF = "urn:oasis:names:tc:opendocument:xmlns:"
ROWS: Rows = [["Age", "34"], ["Eyes", "green"], ["Mother", "Ellen"]]


def names() -> list[str]:
    """Return the names of the sheets."""
    return sorted([path.name for path in FOLDER.iterdir() if path != EXPECTED] + ["table.docx", "table.odt"])


def read(name: str) -> SheetText:
    """Return a sheet."""
    made = {"table.docx": make_docx, "table.odt": make_odt}
    return decode_backstory(made[name]() if name in made else (FOLDER / name).read_bytes(), name)


def summarise(name: str) -> dict[str, Any]:
    """Return the claims of each character of a sheet with line, kind and text, and the notices."""
    sheet = read(name)
    parts = read_parts(sheet, lambda known: known in PEOPLE)
    named = [part for part in parts if part.name]
    if len(named) < 2:
        named = [part_of(sheet, ADA)]
    found: dict[str, Any] = {}
    for part in named:
        claims, notices = read_claims(part, part.name or ADA, NLP)
        found[part.name or ADA] = {
            "claims": [f"{claim.line} {claim.fact_type}: {claim.text}" for claim in claims],
            "notices": list(notices),
        }
    return {**found, "no one": list(unassigned(parts))} if unassigned(parts) else found


def make_docx() -> bytes:
    """Return a Word document with a heading, a table of fields and a paragraph."""
    rows = "".join(f"<w:tr>{''.join(_cell(cell) for cell in row)}</w:tr>" for row in ROWS)
    heading = f'<w:p><w:pPr><w:pStyle w:val="Heading1"/></w:pPr>{_run(ADA)}</w:p>'
    body = f"{heading}<w:tbl>{rows}</w:tbl><w:p>{_run('She was born in Porth.')}</w:p>"
    document = f'<?xml version="1.0" encoding="UTF-8"?><w:document {_WORD}><w:body>{body}</w:body></w:document>'
    return make_zip({"[Content_Types].xml": TYPES, "_rels/.rels": RELATIONS, "word/document.xml": document})


def _run(text: str) -> str:
    return f"<w:r><w:t>{escape(text)}</w:t></w:r>"


def _cell(text: str) -> str:
    return f"<w:tc><w:p>{_run(text)}</w:p></w:tc>"


def make_odt() -> bytes:
    """Return an OpenDocument text with the same."""
    spaces = " ".join(f'xmlns:{name}="{_ODF}{name}:1.0"' for name in ("office", "text", "table"))
    rows = "".join(
        f"<table:table-row>{''.join(f'<table:table-cell><text:p>{cell}</text:p></table:table-cell>' for cell in row)}"
        "</table:table-row>"
        for row in ROWS
    )
    body = (
        f'<text:h text:outline-level="1">{ADA}</text:h><table:table>{rows}</table:table>'
        "<text:list><text:list-item><text:p>She was born<text:s/>in Porth.</text:p></text:list-item></text:list>"
    )
    inner = f"<office:body><office:text>{body}</office:text></office:body>"
    content = f"<office:document-content {spaces}>{inner}</office:document-content>"
    return make_zip({"mimetype": "application/vnd.oasis.opendocument.text", "content.xml": content})


if __name__ == "__main__":
    expected = {name: summarise(name) for name in names()}
    EXPECTED.write_text(json.dumps(expected, ensure_ascii=False, indent=1) + "\n", encoding="utf-8", newline="\n")
