"""Hostile bytes, drawn from a seed, so that each case can be repeated from its number."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Sequence
from typing import Any

ENCODINGS = ("utf-8", "utf-8-sig", "utf-16", "utf-32", "cp1252", "latin-1", "mac_roman", "cp850", "cp437")
_SENTENCES = [
    "Anna Reed kept the ferry at Low Water. ",
    "“You will sink us,” said Dr. Moss; he had come in 1871. ",
    "Était-ce Étienne? No. 34, M. de Villefort! ",
    "قال يوسف إنه لن يعود. ",
    "\u202eHe read it backwards.\u202c ",
    "👩‍👩‍👧 smiled at 🧛🏽. ",
    "CHAPTER XII.\n\nThe letter\n\n",
    "*** START OF THE PROJECT GUTENBERG EBOOK X ***\n",
    "*** END OF THE PROJECT GUTENBERG EBOOK X ***\n",
    "\u0000\u0001\u001b[31m",
    "a\u0301e\u0300" * 7,
    "<script>alert('x')</script> & <b>bold</b> ",
    "Jno. Jas. Wm. St. " * 3,
    "...!?!?—-— “‘«([ ",
    "\ufeff\ufffd\u2028\u2029\x85\x0b\x0c",
    "\r\n \t\r\n",
]
_LETTERS = "abcdefghij  ABC éßŁ ,.;:!?'\"“”‘’()[]—–-_\n\n\t0123456789\u200b\u00a0\u0301漢字\u0628\u062a\u062b😀"
_REPEATED = ("x", "Aa", " ", "\n", "\t\n", "—", "A. ", "“", "É", "*", "'s", "1. ", "Anna Reed ", "CHAPTER I\n\n", ".)")
_CELLS = ("", " ", "1", "nan", "consistent", "contradict", "0", "maybe", "=1+1", "../../etc/passwd", "a,b", 'say "so"')
_COLUMNS = ("id", "book_name", "char", "caption", "content", "label", "pair", "ID", " id ", "", "probability")
_NUMBERS = (0, -1, 1, 2**31, 2**63, 10**30, 0.5, -0.0, 1e308, float("nan"), float("inf"))


def text_file(rng: random.Random) -> bytes:
    """Return the bytes of a text file: sentences, random letters, or random bytes, in any encoding."""
    kind = rng.randrange(6)
    if kind == 0:
        return rng.randbytes(rng.randrange(3000))
    if kind == 1:
        return damaged("".join(rng.choices(_SENTENCES, k=rng.randrange(60))).encode(), rng)
    if kind == 2:
        text = "".join(rng.choices(_LETTERS, k=rng.randrange(4000)))
    elif kind == 3:
        text = rng.choice(_REPEATED) * rng.randrange(1, 6000)
    else:
        known = _SENTENCES[:6] + rng.sample(_SENTENCES[6:], rng.randrange(3) if rng.random() < 0.7 else 10)
        text = "".join(rng.choices(known, k=rng.randrange(60)))
    return text.encode(rng.choice(ENCODINGS), errors="replace")


def table(rng: random.Random) -> bytes:
    """Return a CSV table: columns missing, duplicated or unknown, rows long or short, quotes unclosed."""
    if rng.random() < 0.1:
        return text_file(rng)
    good = rng.random() < 0.6
    columns = list(_COLUMNS[:6]) if good else rng.choices(_COLUMNS, k=rng.randrange(1, 9))
    rows = [columns]
    for number in range(rng.randrange(12)):
        width = len(columns) if good else max(0, len(columns) + rng.choice([-1, 0, 0, 0, 1]))
        cells = [rng.choice([*_CELLS, *_SENTENCES]) for _ in range(width)]
        if good:
            cells[0] = str(number) if rng.random() < 0.97 else "1"
            cells[1:5] = "Low Water", rng.choice(_CELLS), rng.choice(_CELLS), rng.choice(_SENTENCES[:6])
            cells[5] = rng.choice(_CELLS) if rng.random() < 0.05 else "consistent"
        rows.append(cells)
    separator, end = rng.choice([",", ",", ",", ",", ",", ";", "\t"]), rng.choice(["\n", "\r\n", "\r"])
    lines = [separator.join(_quoted(cell, rng) for cell in row) for row in rows]
    data = end.join(lines).encode(rng.choice(ENCODINGS) if rng.random() < 0.3 else "utf-8", errors="replace")
    return damaged(data, rng) if rng.random() < 0.2 else data


def _quoted(cell: str, rng: random.Random) -> str:
    if rng.random() < 0.01:
        return '"' + cell
    return '"' + cell.replace('"', '""') + '"' if rng.random() < 0.95 else cell


def damaged(data: bytes, rng: random.Random) -> bytes:
    """Return a damaged file: cut, with flipped bits, overwritten, doubled or emptied."""
    changed = bytearray(data)
    for _ in range(rng.randrange(1, 4)):
        at = rng.randrange(len(changed) + 1)
        match rng.randrange(6):
            case 0:
                del changed[at:]
            case 1 if at < len(changed):
                changed[at] ^= 1 << rng.randrange(8)
            case 2:
                changed[at : at + rng.randrange(64)] = rng.randbytes(rng.randrange(64))
            case 3:
                changed[at:at] = changed[: rng.randrange(200)]
            case 4:
                del changed[: rng.randrange(200)]
            case _:
                changed += rng.randbytes(rng.randrange(200))
    return bytes(changed)


def changed_json(data: bytes, rng: random.Random) -> bytes:
    """Return JSON with some values of another type, missing, or huge."""
    value = json.loads(data)
    for _ in range(rng.randrange(1, 3)):
        value = _changed(value, rng)
    return json.dumps(value).encode()


def _changed(value: Any, rng: random.Random) -> Any:
    if isinstance(value, dict) and value and rng.random() < 0.9:
        name = rng.choice(list(value))
        rest = {key: item for key, item in value.items() if key != name}
        return rest if rng.random() < 0.1 else {**rest, name: _changed(value[name], rng)}
    if isinstance(value, list) and value and rng.random() < 0.8:
        number = rng.randrange(len(value))
        before, after = value[:number], value[number + 1 :]
        return [*before, *after] if rng.random() < 0.1 else [*before, _changed(value[number], rng), *after]
    return rng.choice([None, True, "", "x", [], {}, [[]], {"a": 1}, "\ud800", "9" * 400, *_NUMBERS])


def changed_tensors(data: bytes, rng: random.Random) -> bytes:
    """Return a safetensors file with a wrong header, a wrong length of the header, or wrong numbers."""
    length = int.from_bytes(data[:8], "little")
    header, body = data[8 : 8 + length], data[8 + length :]
    match rng.randrange(5):
        case 0:
            return damaged(data, rng)
        case 1:
            return rng.choice([2**63, 2**40, length + 1, length - 1, 0]).to_bytes(8, "little") + data[8:]
        case 2:
            header = changed_json(header, rng)
        case 3:
            header = header.replace(b'"F32"', rng.choice([b'"F16"', b'"I32"', b'"BF16"', b'"U8"', b'"F64"']), 1)
        case _:
            numbers = bytearray(body)
            for _ in range(rng.randrange(1, 5)):
                at = rng.randrange(max(len(numbers) - 4, 1)) // 4 * 4
                numbers[at : at + 4] = rng.choice([b"\x00\x00\xc0\x7f", b"\x00\x00\x80\x7f", b"\xff\xff\xff\xff"])
            body = bytes(numbers)
    return len(header).to_bytes(8, "little") + header + body


def one_of(makers: Sequence[Callable[[bytes, random.Random], bytes]], data: bytes, rng: random.Random) -> bytes:
    """Return ``data`` changed by one of ``makers``."""
    return rng.choice(makers)(data, rng)


_CONTAINER = "urn:oasis:names:tc:opendocument:xmlns:container"
_WORD = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
_TYPES = "application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml"
_RELATION = "http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument"
MANUSCRIPTS = {
    ".epub": {
        "mimetype": "application/epub+zip",
        "META-INF/container.xml": f'<container version="1.0" xmlns="{_CONTAINER}"><rootfiles><rootfile '
        'full-path="book.opf" media-type="application/oebps-package+xml"/></rootfiles></container>',
        "book.opf": '<package version="3.0" xmlns="http://www.idpf.org/2007/opf" unique-identifier="i"><metadata '
        'xmlns:dc="http://purl.org/dc/elements/1.1/"><dc:identifier id="i">x</dc:identifier><dc:title>T</dc:title>'
        '<dc:language>en</dc:language></metadata><manifest><item id="c" href="c.xhtml" '
        'media-type="application/xhtml+xml"/></manifest><spine><itemref idref="c"/></spine></package>',
        "c.xhtml": '<html xmlns="http://www.w3.org/1999/xhtml"><body><h1>One</h1><p>Anna Reed kept the ferry.</p>'
        "<script>alert(1)</script></body></html>",
    },
    ".docx": {
        "[Content_Types].xml": '<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">'
        f'<Override PartName="/word/document.xml" ContentType="{_TYPES}"/></Types>',
        "_rels/.rels": '<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">'
        f'<Relationship Id="r" Type="{_RELATION}" Target="word/document.xml"/></Relationships>',
        "word/document.xml": f'<w:document xmlns:w="{_WORD}"><w:body><w:p><w:r><w:t>Anna Reed kept the ferry.</w:t>'
        "</w:r></w:p></w:body></w:document>",
    },
}
"""Small valid manuscripts, as the members of their archives."""
