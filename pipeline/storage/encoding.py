"""Decode the bytes of a user's file, with notices of what had to be guessed."""

from __future__ import annotations

import codecs
import re
import unicodedata
from typing import NamedTuple

from charset_normalizer import CharsetMatches, from_bytes

from pipeline.errors import EncodingError

# UTF-32 before UTF-16: the UTF-32 little-endian mark begins with the UTF-16 one.
_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
# In order of preference where the detector finds no difference: English novels with a few accents fit many code pages.
_WESTERN = ("cp1252", "mac_roman", "cp850", "cp437")
_PREFERENCE_MARGIN = 0.05
_WESTERN_LIMIT = 0.5
_WESTERN_SHARE = 0.3
_NEED_A_MARK = ["utf_7", "utf_16", "utf_16_le", "utf_16_be", "utf_32", "utf_32_le", "utf_32_be"]
_SAMPLE_WORDS = 2000
_SAMPLE_BYTES = 200_000
_ACCENTED_WORD = re.compile(rb"[^\s]{0,40}[\x80-\xff][^\s]{0,40}")
_CONTROL = re.compile("[\x00-\x08\x0e-\x19\x1b\x7f]")
_CONTROL_SHARE = 0.001
_NOT_ASCII = re.compile(r"[^\x00-\x7f]")
_MARK = re.compile("[\u0300-\u036f]")
_NEWLINES = (("\u2029", "\n\n"), ("\u2028", "\n"), ("\x0b", "\n"))
"""What layout programs write for the end of a paragraph and of a line."""
_DAMAGE_SHARE = 0.1
_FEW_ZEROS = 0.01
_MANY_ZEROS = 0.6


class Decoded(NamedTuple):
    """Text (``\\n`` newlines, no byte order mark, composed accents), its encoding, and notices for the user."""

    text: str
    encoding: str
    notices: tuple[str, ...]


def decode(data: bytes, *, source: str) -> Decoded:
    """Decode ``data`` by its byte order mark, as UTF-8, or by detection; ``source`` names the file in errors.

    Raises EncodingError for bytes that are not text.
    """
    decoded = decode_verbatim(data, source=source)
    text = decoded.text.lstrip("\ufeff").replace("\r\n", "\n").replace("\r", "\n")
    for sign, newlines in _NEWLINES:
        text = text.replace(sign, newlines)
    if len(_CONTROL.findall(text)) > len(text) * _CONTROL_SHARE:
        raise _binary(source, "control characters")
    return _composed(decoded._replace(text=text))


def decode_verbatim(data: bytes, *, source: str) -> Decoded:
    """Decode ``data`` as ``decode`` does, with its newlines and combining accents as they are.

    Raises EncodingError for bytes that are not text.
    """
    return _decode_marked(data, source) or _decode_unmarked(data, source)


def _composed(decoded: Decoded) -> Decoded:
    """Compose letters with the combining accents that follow them, so that words stay whole."""
    text = unicodedata.normalize("NFC", decoded.text) if _MARK.search(decoded.text) else decoded.text
    notices = () if text == decoded.text else ("accents that followed their letters were joined to them",)
    return Decoded(text, decoded.encoding, decoded.notices + notices)


def _decode_marked(data: bytes, source: str) -> Decoded | None:
    encoding = next((name for mark, name in _MARKS if data.startswith(mark)), None)
    if encoding is None:
        return None
    try:
        return Decoded(data.decode(encoding), encoding, ())
    except UnicodeDecodeError as error:
        raise EncodingError(
            f"{source} begins with a {encoding} byte order mark, but byte {error.start} is not {encoding}: "
            "save it again as UTF-8 text"
        ) from error


def _decode_unmarked(data: bytes, source: str) -> Decoded:
    if b"\0" in data:
        return _decode_utf16(data, source)
    try:
        return Decoded(data.decode("utf-8"), "utf-8", ())
    except UnicodeDecodeError:
        return _decode_damaged(data) or _decode_detected(data, source)


def _decode_utf16(data: bytes, source: str) -> Decoded:
    """Decode UTF-16 without a byte order mark, of which every other byte is zero where the text is Western."""
    zeros = [data[first::2].count(0) * 2 / len(data) for first in (0, 1)]
    encoding = "utf-16-le" if zeros[0] < zeros[1] else "utf-16-be"
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError:
        text = "\0"
    if min(zeros) > _FEW_ZEROS or max(zeros) < _MANY_ZEROS or "\0" in text:
        raise _binary(source, "NUL bytes")
    return Decoded(text, encoding, (f"read as {encoding}, a guess because the file has no byte order mark",))


def _decode_damaged(data: bytes) -> Decoded | None:
    """Decode UTF-8 with a few broken bytes (from a cut or a bad join); None when the bytes are not UTF-8 at all."""
    text = data.decode("utf-8", errors="replace")
    broken = text.count("\ufffd")
    intact = len(_NOT_ASCII.findall(text)) - broken
    if broken > _DAMAGE_SHARE * intact:
        return None
    return Decoded(text, "utf-8", (f"read as UTF-8, with {broken} broken places shown as \ufffd",))


def _decode_detected(data: bytes, source: str) -> Decoded:
    encoding = _western(data) or _detected(data)
    if encoding is None:
        raise _binary(source, "bytes that fit no text encoding")
    name = "cp1252 (Western, Latin-1)" if encoding == "cp1252" else encoding
    notice = f"read as {name}, a guess because the file is not UTF-8; if accents look wrong, save it as UTF-8"
    try:
        return Decoded(data.decode(encoding), encoding, (notice,))
    except UnicodeDecodeError as error:
        raise _binary(source, f"byte {error.start}, which does not fit {encoding} like the rest") from error


def _western(data: bytes) -> str | None:
    """Choose among Western code pages for a text that is mostly ASCII, by its words that are not."""
    accented = sum(len(run) for run in re.findall(rb"[\x80-\xff]+", data))
    if accented > _WESTERN_SHARE * len(data):
        return None
    sample = b" ".join(_ACCENTED_WORD.findall(data)[:_SAMPLE_WORDS])
    mess = _mess_by_encoding(from_bytes(sample, cp_isolation=list(_WESTERN), threshold=_WESTERN_LIMIT))
    if not mess:
        return None
    bar = min(mess.values()) + _PREFERENCE_MARGIN
    return next(name for name in _WESTERN if mess.get(name, 1.0) <= bar)


def _mess_by_encoding(matches: CharsetMatches) -> dict[str, float]:
    return {
        name: match.chaos
        for match in matches
        for name in (match.encoding, *match.could_be_from_charset)
        if name in _WESTERN
    }


def _detected(data: bytes) -> str | None:
    best = from_bytes(data[:_SAMPLE_BYTES], cp_exclusion=_NEED_A_MARK).best()
    return None if best is None else best.encoding


def _binary(source: str, found: str) -> EncodingError:
    return EncodingError(f"{source} holds {found}, so it is not plain text: save it as a UTF-8 .txt file")
